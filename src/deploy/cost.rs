//! What forwarding costs a month, roughly, and what that rests on.

/// Bytes of a GB, as prices count them.
pub const GB: f64 = 1e9;
/// Dollars for a GB of an index and month, on gp3 volumes of OpenSearch Service in us-east-1:
/// <https://aws.amazon.com/opensearch-service/pricing/>.
const PRICE_OF_STORAGE: f64 = 0.122;
/// Dollars for a million invocations, and for a GB of memory and second: <https://aws.amazon.com/lambda/pricing/>.
const PRICE_OF_INVOCATIONS: f64 = 0.20;
const PRICE_OF_MEMORY: f64 = 0.000_016_666_7;
/// What is assumed: invocations and GB-seconds for a GB of logs, and days that an index is kept.
const INVOCATIONS: f64 = 20_000.0;
const SECONDS: f64 = 100.0;
const KEPT: f64 = 30.0;

/// Dollars for a month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    copies: f64,
    storage: f64,
    lambda: f64,
}

impl Cost {
    /// For so many GB of logs a day, and copies of the index by the stack's parameter `0-1`: as many as there may be.
    #[must_use]
    pub fn of(gb_a_day: f64, replicas: &str) -> Self {
        let copies = 1.0 + replicas.split_once('-').and_then(|(_, most)| most.parse::<f64>().ok()).unwrap_or(1.0);
        Self {
            copies,
            storage: gb_a_day * KEPT * copies * PRICE_OF_STORAGE,
            lambda: gb_a_day * 30.0 * (INVOCATIONS / 1e6 * PRICE_OF_INVOCATIONS + SECONDS * PRICE_OF_MEMORY),
        }
    }

    /// Whole dollars. The parts that are shown add up to it.
    #[must_use]
    pub fn dollars(&self) -> f64 {
        self.storage.round() + self.lambda.round()
    }

    /// Of what it consists, and what is assumed.
    #[must_use]
    pub fn assumes(&self) -> String {
        let Self { copies, storage, lambda } = self;
        format!(
            "${storage:.0} for {copies} copies of {KEPT} days on the domain (an index as large as its logs, \
             ${PRICE_OF_STORAGE} a GB), ${lambda:.0} for Lambda (at {INVOCATIONS} invocations and {SECONDS} GB-seconds for a GB)"
        )
    }
}
