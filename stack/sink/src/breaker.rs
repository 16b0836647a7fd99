//! The circuit breaker: while the domain is out of order, nobody waits for it.

use std::time::Duration;

use tokio::time::Instant;

/// How long the circuit stays open the first time; each following one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// What may be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Circuit {
    /// Everything.
    Closed,
    /// One request, to see whether the domain is back.
    HalfOpen,
    /// Nothing, for this reason.
    Open(String),
}

/// Remembers an outage. It lives as long as its sandbox, and each sandbox finds out by itself.
#[derive(Debug, Default)]
pub struct Breaker {
    outage: Option<Outage>,
}

#[derive(Debug)]
struct Outage {
    reason: String,
    until: Instant,
    pause: Duration,
}

impl Breaker {
    /// What may be tried at `now`.
    #[must_use]
    pub fn circuit(&self, now: Instant) -> Circuit {
        match &self.outage {
            None => Circuit::Closed,
            Some(outage) if now >= outage.until => Circuit::HalfOpen,
            Some(outage) => Circuit::Open(outage.reason.clone()),
        }
    }

    /// Takes note of how a write has ended at `now`: with an outage of the whole domain, or without.
    pub fn record(&mut self, outage: Option<&str>, now: Instant) {
        let pause = self.outage.as_ref().map_or(FIRST_PAUSE, |before| (before.pause * 2).min(LONGEST_PAUSE));
        self.outage = outage.map(|reason| Outage { reason: reason.to_owned(), until: now + pause, pause });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_tries_once_and_closes() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut breaker = Breaker::default();
        breaker.record(None, start);
        assert_eq!(breaker.circuit(start), Circuit::Closed);
        breaker.record(Some("gone"), start);
        assert_eq!(breaker.circuit(after(9)), Circuit::Open("gone".to_owned()));
        assert_eq!(breaker.circuit(after(10)), Circuit::HalfOpen);
        breaker.record(Some("still gone"), after(10));
        assert_eq!(breaker.circuit(after(29)), Circuit::Open("still gone".to_owned()));
        assert_eq!(breaker.circuit(after(30)), Circuit::HalfOpen);
        breaker.record(None, after(31));
        assert_eq!(breaker.circuit(after(31)), Circuit::Closed);
    }

    #[test]
    fn the_pause_is_bounded() {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..50 {
            breaker.record(Some("gone"), start);
        }
        assert_eq!(breaker.circuit(start + LONGEST_PAUSE), Circuit::HalfOpen);
    }
}
