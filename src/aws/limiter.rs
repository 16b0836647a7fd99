//! Keeps calls just under a quota, and adapts where others use the same quota.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use logctl_core::{
    backoff::Backoff,
    service::{is_passing, is_throttling},
};
use tokio::time::{Instant, sleep, sleep_until};

use super::code;

/// How often one call is tried while AWS throttles it or cannot be reached.
const ATTEMPTS: u32 = 8;
/// How often it may fail for another reason that passes.
const MAX_OTHERS: u32 = 3;
/// The pauses after failed tries: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

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
    fn throttled(&self) {
        self.with(|state| state.rate = (state.rate * 0.7).max(self.most / 20.0));
    }

    /// A call has passed: take back a little.
    fn passed(&self) {
        self.with(|state| state.rate = (state.rate + self.most / 100.0).min(self.most));
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Makes a call in its turn, again while it is throttled or AWS cannot be reached, within a budget of tries.
///
/// # Errors
/// The last one.
pub async fn limited<T, E, R, F>(limiter: &RateLimiter, mut call: impl FnMut() -> F) -> Result<T, SdkError<E, R>>
where
    F: Future<Output = Result<T, SdkError<E, R>>>,
    E: ProvideErrorMetadata,
{
    let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
    let (mut attempt, mut others) = (1, 0);
    loop {
        limiter.acquire().await;
        let error = match call().await {
            Ok(output) => {
                limiter.passed();
                return Ok(output);
            }
            Err(error) => error,
        };
        let throttled = code(&error).is_some_and(is_throttling);
        if throttled {
            tracing::info!("AWS throttles; try {attempt} of {ATTEMPTS}");
            limiter.throttled();
        } else {
            others += 1;
        }
        let again = throttled || (may_pass(&error) && others < MAX_OTHERS);
        if !again || attempt >= ATTEMPTS {
            return Err(error);
        }
        tracing::debug!("try {attempt} failed: {:?}", code(&error));
        attempt += 1;
        sleep(backoff.pause(fastrand::f64())).await;
    }
}

fn may_pass<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    matches!(error, SdkError::TimeoutError(_) | SdkError::ResponseError(_))
        || matches!(error, SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout())
        || code(error).is_some_and(is_passing)
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatchlogs::{
        Client,
        operation::describe_log_groups::{DescribeLogGroupsError, DescribeLogGroupsOutput},
        types::error::ServiceUnavailableException,
    };
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    use super::*;

    fn throttling() -> DescribeLogGroupsError {
        DescribeLogGroupsError::generic(
            aws_sdk_cloudwatchlogs::error::ErrorMetadata::builder().code("ThrottlingException").build(),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn throttled_calls_come_back_and_slow_the_rate_down() {
        let rule = mock!(Client::describe_log_groups)
            .sequence()
            .error(throttling)
            .times(3)
            .output(|| DescribeLogGroupsOutput::builder().build())
            .build();
        let client = mock_client!(aws_sdk_cloudwatchlogs, RuleMode::Sequential, [&rule], |config| config
            .retry_config(aws_config::retry::RetryConfig::disabled()));
        let limiter = RateLimiter::new(5.0);
        limited(&limiter, || client.describe_log_groups().send()).await.unwrap();
        assert_eq!(rule.num_calls(), 4);
        assert!(limiter.with(|state| state.rate) < 2.0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_budget_ends() {
        let rule = mock!(Client::describe_log_groups).then_error(|| {
            DescribeLogGroupsError::ServiceUnavailableException(
                ServiceUnavailableException::builder()
                    .meta(
                        aws_sdk_cloudwatchlogs::error::ErrorMetadata::builder()
                            .code("ServiceUnavailableException")
                            .build(),
                    )
                    .build(),
            )
        });
        let client = mock_client!(aws_sdk_cloudwatchlogs, RuleMode::MatchAny, [&rule], |config| config
            .retry_config(aws_config::retry::RetryConfig::disabled()));
        limited(&RateLimiter::new(5.0), || client.describe_log_groups().send()).await.unwrap_err();
        assert_eq!(rule.num_calls(), 3);
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
