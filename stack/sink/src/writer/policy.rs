//! How hard a domain is tried: what became of requests in, what is tried next out.

use crate::breaker::Circuit;

/// Requests under way at once: to begin with, and at most.
const WINDOW: (usize, usize) = (2, 4);
/// Requests that fail as a whole before everything that is left becomes an outage.
const FAILURES: u32 = 4;
/// Requests in a row that the domain throttles before that is an outage, too.
const THROTTLES: u32 = 8;

/// How much is asked of a domain at once, and how often it may refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Events in one request, at most.
    pub limit: usize,
    /// Requests under way at once, at most.
    pub window: usize,
    failures: u32,
    failed: u32,
    throttles: u32,
    throttled: u32,
}

impl Policy {
    /// For a batch of `events`, as far as the circuit lets it.
    pub fn new(circuit: &Circuit, events: usize) -> Self {
        let (window, failures, throttles) = match circuit {
            Circuit::Closed => (WINDOW.0, FAILURES, THROTTLES),
            Circuit::HalfOpen => (1, 1, 1),
            Circuit::Open(_) => (1, 0, 0),
        };
        Self { limit: events, window, failures, failed: 0, throttles, throttled: 0 }
    }

    /// Whether the domain may be asked once more.
    pub fn goes_on(&self) -> bool {
        self.failed < self.failures
    }

    /// The round of failures that a request belongs to which is sent now: those that were under way together fail as one.
    pub fn round(&self) -> u32 {
        self.failed
    }

    /// A request was answered. Where some of its items were put off, the next one waits.
    pub fn answered(&mut self, put_off: bool) -> bool {
        (self.failed, self.throttled) = (0, 0);
        self.limit = self.limit.saturating_mul(2);
        if put_off {
            return self.slow_down();
        }
        self.window = WINDOW.1.min(self.window + 1);
        false
    }

    /// A request of `items` was too large, or malformed somewhere: halves show where.
    pub fn refused_whole(&mut self, items: usize) {
        self.limit = self.limit.min(items / 2);
    }

    /// A request was throttled. Tells whether to wait and try again.
    pub fn throttled(&mut self) -> bool {
        self.throttled += 1;
        if self.throttled >= self.throttles {
            self.failed = self.failures;
        }
        self.slow_down()
    }

    /// A request of this round has failed as a whole. Tells whether to wait and try again.
    pub fn failed(&mut self, round: u32) -> bool {
        if round == self.failed {
            self.failed += 1;
        }
        self.slow_down()
    }

    fn slow_down(&mut self) -> bool {
        if self.goes_on() {
            self.window = (self.window / 2).max(1);
        }
        self.goes_on()
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    /// What has happened: a letter a request.
    fn after(circuit: &Circuit, history: &str) -> Policy {
        let mut policy = Policy::new(circuit, 100);
        for request in history.chars() {
            match request {
                'a' => _ = policy.answered(false),
                'p' => _ = policy.answered(true),
                's' => policy.refused_whole(policy.limit),
                't' => _ = policy.throttled(),
                'f' => _ = policy.failed(policy.round()),
                'o' => _ = policy.failed(0), // Sent in the first round.
                _ => unreachable!("{request}"),
            }
        }
        policy
    }

    #[test_case(&Circuit::Closed, "", true, 2, 100; "at first")]
    #[test_case(&Circuit::Closed, "aaaa", true, 4, 1600; "all goes well")]
    #[test_case(&Circuit::Closed, "aap", true, 2, 800; "items are put off")]
    #[test_case(&Circuit::Closed, "ss", true, 2, 25; "halves of halves")]
    #[test_case(&Circuit::Closed, "fff", true, 1, 100; "three failures")]
    #[test_case(&Circuit::Closed, "ffff", false, 1, 100; "a fourth failure")]
    #[test_case(&Circuit::Closed, "fffaf", true, 1, 200; "an answer in between")]
    #[test_case(&Circuit::Closed, "ooooo", true, 1, 100; "requests that were under way together")]
    #[test_case(&Circuit::Closed, "ttttttt", true, 1, 100; "throttled seven times")]
    #[test_case(&Circuit::Closed, "tttttttt", false, 1, 100; "and once more")]
    #[test_case(&Circuit::HalfOpen, "", true, 1, 100; "half open")]
    #[test_case(&Circuit::HalfOpen, "f", false, 1, 100; "still an outage")]
    #[test_case(&Circuit::HalfOpen, "t", false, 1, 100; "still too much")]
    #[test_case(&Circuit::HalfOpen, "aa", true, 3, 400; "the domain is back")]
    #[test_case(&Circuit::Open(String::new()), "", false, 1, 100; "open")]
    fn what_is_tried_next(circuit: &Circuit, history: &str, goes_on: bool, window: usize, limit: usize) {
        let policy = after(circuit, history);
        assert_eq!((policy.goes_on(), policy.window, policy.limit), (goes_on, window, limit));
    }
}
