//! Pauses between tries.

use std::time::Duration;

/// Pauses that grow: each is twice as long as the one before, up to a longest, and shortened by chance, so that those who
/// have failed together do not come back together.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// Begins with pauses of `first`, and ends with pauses of `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, next: first, longest }
    }

    /// The next pause: `random`, which lies between 0 and 1, leaves half of it to all of it.
    pub fn pause(&mut self, random: f64) -> Duration {
        let pause = self.next.mul_f64(f64::midpoint(random, 1.0));
        self.next = (self.next * 2).min(self.longest);
        pause
    }

    /// Begins anew, since something has gone well.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(1));
        let pauses: Vec<u128> = (0..4).map(|_| backoff.pause(1.0).as_millis()).collect();
        assert_eq!(pauses, [200, 400, 800, 1000]);
        assert_eq!(backoff.pause(0.0).as_millis(), 500);
        backoff.reset();
        assert_eq!(backoff.pause(0.5).as_millis(), 150);
    }
}
