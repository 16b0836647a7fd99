//! One log group as reports show it.

use logctl_core::coverage::State;
use serde::Serialize;

use crate::{
    inventory::{Arrivals, Entry, Health, Inventory, Source},
    time::rfc3339,
    ui::{Cell, Role},
    words::grouped,
};

/// One log group.
#[derive(Debug, Clone, Serialize)]
pub struct GroupReport {
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// Its name.
    pub name: String,
    /// Its class, by AWS's name.
    pub class: String,
    /// Its state.
    pub state: State,
    /// Why it is in that state.
    pub reason: String,
    /// Its filters.
    pub filters: Vec<FilterReport>,
    /// Whether what comes in arrives, as far as CloudWatch Logs tells; of the last day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// What came in, and what is in the index of it, where that was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<Arrivals>,
    /// How its state is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// Bytes that it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<u64>,
    /// Bytes that come in on a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_day: Option<u64>,
    /// Days until its events are deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<i32>,
    /// Whether a policy masks what it holds.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub masked: bool,
    /// Whether it is protected from deletion.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
}

/// One of its subscription filters.
#[derive(Debug, Clone, Serialize)]
pub struct FilterReport {
    /// Its name.
    pub name: String,
    /// ARN of what it sends to.
    pub destination: String,
    ours: bool,
}

/// How the state is known.
#[derive(Debug, Clone, Serialize)]
pub struct Evidence {
    /// What told it.
    pub kind: Source,
    /// As of when.
    pub at: String,
}

impl GroupReport {
    /// Every group of an inventory, by name.
    #[must_use]
    pub fn all(inventory: &Inventory) -> Vec<Self> {
        let ours = |filter: &_| inventory.coverage.as_ref().is_some_and(|stack| stack.owns(filter));
        let filters = |entry: &Entry| {
            let filters = entry.filters().map(|filter| FilterReport {
                name: filter.name.clone(),
                destination: filter.destination.clone(),
                ours: ours(filter),
            });
            filters.collect()
        };
        let report = |entry: &Entry| Self {
            account: inventory.target.account.clone(),
            region: inventory.target.region.clone(),
            name: entry.facts.name.clone(),
            class: entry.facts.class.to_string(),
            state: entry.decision.state,
            reason: reason(entry),
            filters: filters(entry),
            evidence: entry.evidence.map(|(kind, at)| Evidence { kind, at: rfc3339(at) }),
            created_at: entry.details.created.map(rfc3339),
            stored_bytes: entry.details.stored_bytes,
            bytes_per_day: entry.bytes_per_day.map(whole),
            health: entry.health,
            arrivals: entry.arrivals.clone(),
            retention_days: entry.details.retention_days,
            masked: entry.details.masked,
            protected: entry.details.protected,
        };
        inventory.groups.iter().map(report).collect()
    }
}

/// Why it is in its state, and what of it does not arrive.
fn reason(entry: &Entry) -> String {
    let gap = entry.arrivals.as_ref().filter(|arrivals| arrivals.missing > 0);
    let gap = gap.map(|arrivals| {
        let (missing, incoming) = (grouped(arrivals.missing), grouped(arrivals.incoming));
        format!("; {missing} of {incoming} events of the last hours are not in the index")
    });
    format!("{}{}", entry.decision.reason, gap.unwrap_or_default())
}

impl GroupReport {
    /// What it means to who reads it.
    #[must_use]
    pub fn role(&self) -> Role {
        if self.has_gap() { Role::Bad } else { role(self.state) }
    }

    /// Whether events of it are missing in the index.
    #[must_use]
    pub fn has_gap(&self) -> bool {
        self.arrivals.as_ref().is_some_and(|arrivals| arrivals.missing > 0)
    }
}

/// A figure of a metric as a number of bytes.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a sum of sizes; beyond 2^53 it is rounded anyway"
)]
pub fn whole(figure: f64) -> u64 {
    figure.round() as u64
}

/// What a state means to who reads it.
#[must_use]
pub fn role(state: State) -> Role {
    match state {
        State::Unknown | State::Loop | State::Unwanted | State::Conflict | State::Broken => Role::Bad,
        State::Double | State::Drifted | State::Full | State::Missing => Role::Warning,
        State::Streamed => Role::Good,
        State::Own | State::Unsupported | State::Excluded => Role::Dim,
    }
}

/// A state as a cell.
#[must_use]
pub fn cell(state: State) -> Cell {
    Cell::new(state).role(role(state))
}
