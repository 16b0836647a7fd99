//! Keeps calls just under a quota, and adapts where others use the same quota.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// Hands out turns at a rate that follows what AWS takes.
#[derive(Debug)]
pub struct RateLimiter {
    state: Mutex<State>,
    most: f64,
}

#[derive(Debug)]
struct State {
    /// Calls a second.
    rate: f64,
    next: Instant,
}

impl RateLimiter {
    /// At most `calls` a second.
    #[must_use]
    pub fn new(calls: f64) -> Self {
        Self { state: Mutex::new(State { rate: calls, next: Instant::now() }), most: calls }
    }

    /// Waits for a turn.
    pub async fn acquire(&self) {
        let turn = self.with(|state| {
            let turn = state.next.max(Instant::now());
            state.next = turn + Duration::from_secs_f64(1.0 / state.rate);
            turn
        });
        sleep_until(turn).await;
    }

    /// AWS has throttled a call: others use the quota, too.
    pub(super) fn throttled(&self) {
        self.with(|state| state.rate = (state.rate * 0.7).max(self.most / 20.0));
    }

    /// A call has passed: take back a little.
    pub(super) fn passed(&self) {
        self.with(|state| state.rate = (state.rate + self.most / 100.0).min(self.most));
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_what_aws_takes() {
        let limiter = RateLimiter::new(5.0);
        let rate = || limiter.with(|state| state.rate);
        (0..3).for_each(|_| limiter.throttled());
        assert!(rate() < 2.0, "{}", rate());
        (0..100).for_each(|_| limiter.passed());
        assert!((rate() - 5.0).abs() < f64::EPSILON, "{}", rate());
    }

    #[tokio::test(start_paused = true)]
    async fn turns_keep_their_distance() {
        let limiter = RateLimiter::new(5.0);
        let start = Instant::now();
        for _ in 0..11 {
            limiter.acquire().await;
        }
        assert_eq!(start.elapsed().as_millis(), 2000);
    }
}
