//! Calls that are tried again: one policy for every service of AWS, whichever client asks.

use std::{
    cell::Cell,
    fmt,
    future::Future,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_sdk_cloudwatchlogs::error::{ConnectorError, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_types::sdk_config::TimeSource;
use logctl_core::{
    backoff::Backoff,
    service::{is_passing, is_throttling},
};
use logctl_sink::aws::AwsError;
use tokio::time::{Instant, sleep};

use super::{RateLimiter, mark::is_strange};

/// How often one call is tried, where nobody says otherwise.
pub const ATTEMPTS: u32 = 8;
/// How often a host is tried that cannot be reached, or does not answer.
const MAX_UNREACHED: u32 = 3;
/// The pauses after failed tries: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// Further tries of a whole run. A call that succeeds gives one back.
const BUDGET: u32 = 200;
/// How long nobody answers before that is said, and how long until it is said again.
const SIGNS: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(15));
/// By how much the clocks may differ: AWS takes signatures of the last five minutes.
const MAX_SKEW: Duration = Duration::from_mins(4);

/// Whether a call that failed is worth another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Later: there were too many.
    Throttled,
    /// A moment later: something broke on the way, or in the service.
    Broken,
    /// A few times: nobody was reached, or nobody answered.
    Unreached,
    /// Never.
    Never,
}

/// An error that knows whether the call is worth another try.
pub trait Failure {
    /// Whether it is.
    fn again(&self) -> Again;

    /// When AWS says that it answered, where it did.
    fn answered_at(&self) -> Option<SystemTime>;
}

impl<E: ProvideErrorMetadata> Failure for SdkError<E, HttpResponse> {
    fn again(&self) -> Again {
        match self {
            Self::TimeoutError(_) => Again::Unreached,
            Self::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => Again::Unreached,
            // The connection was closed before the answer had come.
            Self::DispatchFailure(failure)
                if failure.as_connector_error().and_then(ConnectorError::as_other).is_some() =>
            {
                Again::Broken
            }
            // Who answers so has not passed the call on, and will not.
            Self::ResponseError(context) if is_strange(context.raw()) => Again::Never,
            Self::ResponseError(_) => Again::Broken,
            Self::ServiceError(context) => {
                let (code, status) = (context.err().code(), context.raw().status().as_u16());
                if code.is_some_and(is_throttling) || status == 429 {
                    Again::Throttled
                } else if code.is_some_and(is_passing) || status >= 500 {
                    Again::Broken
                } else {
                    Again::Never
                }
            }
            _ => Again::Never,
        }
    }

    fn answered_at(&self) -> Option<SystemTime> {
        httpdate::parse_http_date(self.raw_response()?.headers().get("date")?).ok()
    }
}

impl Failure for AwsError {
    fn again(&self) -> Again {
        match self {
            error if error.is_throttling() => Again::Throttled,
            Self::Http(_) if !self.is_too_long() => Again::Unreached,
            error if error.is_passing() => Again::Broken,
            _ => Again::Never,
        }
    }

    fn answered_at(&self) -> Option<SystemTime> {
        None // The first call of a run has put the clock right.
    }
}

/// The time of AWS: that of this machine, put right where AWS says that it is wrong.
#[derive(Clone, Default)]
pub struct Clock {
    /// By how many seconds this machine is behind, as far as signatures need that.
    behind: Arc<AtomicI64>,
    /// By how many it is behind by AWS's last word, however few.
    told: Arc<AtomicI64>,
}

/// Seconds by which no machine is behind AWS, nor ahead of it: 60 years, since some clocks begin in 1970.
const MOST_BEHIND: i64 = 60 * 366 * 86_400;

impl Clock {
    /// By how many seconds this machine is behind AWS.
    #[must_use]
    pub fn behind(&self) -> i64 {
        self.behind.load(Ordering::Relaxed)
    }

    /// By how many seconds this machine is behind AWS, by the last answer.
    pub(super) fn told(&self) -> i64 {
        self.told.load(Ordering::Relaxed)
    }

    /// Hears what time it is by an answer of AWS.
    pub(super) fn hear(&self, date: &str) {
        let Ok(told) = httpdate::parse_http_date(date) else { return };
        let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |it| it.as_secs());
        let behind = seconds(told).cast_signed() - seconds(SystemTime::now()).cast_signed();
        if behind.abs() <= MOST_BEHIND {
            self.told.store(behind, Ordering::Relaxed);
        }
    }

    /// Takes AWS's time, where it is too far from what was believed. Tells whether it was.
    fn correct(&self, told: SystemTime) -> bool {
        let believed = self.now();
        let (skew, ahead) = match told.duration_since(believed) {
            Ok(behind) => (behind, 1),
            Err(ahead) => (ahead.duration(), -1),
        };
        if skew < MAX_SKEW {
            return false;
        }
        self.behind.fetch_add(i64::try_from(skew.as_secs()).unwrap_or_default() * ahead, Ordering::Relaxed);
        true
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        let skew = self.behind();
        let by = Duration::from_secs(skew.unsigned_abs());
        let (now, moved) =
            (SystemTime::now(), if skew < 0 { SystemTime::checked_sub } else { SystemTime::checked_add });
        moved(&now, by).unwrap_or(now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({} s behind)", self.behind())
    }
}

/// How calls are tried again. All clones share one budget.
#[derive(Debug, Clone)]
pub struct Retry {
    /// How often one call is tried.
    attempts: u32,
    budget: Rc<Cell<u32>>,
    /// When something was said last about waiting.
    said: Rc<Cell<Option<Instant>>>,
    notice: fn(&str),
    /// The time that goes into signatures.
    pub clock: Clock,
}

impl Retry {
    /// At most `attempts` tries of each call; `notice` says at once that somebody lets us wait.
    #[must_use]
    pub fn new(attempts: u32, notice: fn(&str)) -> Self {
        let (budget, clock) = (Rc::new(Cell::new(BUDGET)), Clock::default());
        Self { attempts: attempts.max(1), budget, said: Rc::default(), notice, clock }
    }

    /// Makes a call of `host`, in its turn where there is a limiter, and again while that is worth it.
    ///
    /// # Errors
    /// The last one.
    pub async fn run<T, E: Failure, F: Future<Output = Result<T, E>>>(
        &self,
        host: &str,
        limiter: Option<&RateLimiter>,
        mut call: impl FnMut() -> F,
    ) -> Result<T, E> {
        let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
        let (mut attempt, mut unreached) = (1, 0);
        loop {
            if let Some(limiter) = limiter {
                limiter.acquire().await;
            }
            let error = match self.watched(host, Box::pin(call())).await {
                Ok(output) => {
                    self.budget.set((self.budget.get() + 1).min(BUDGET));
                    if let Some(limiter) = limiter {
                        limiter.passed();
                    }
                    return Ok(output);
                }
                Err(error) => error,
            };
            let again = error.again();
            match again {
                Again::Throttled => {
                    tracing::info!("{host} throttles; try {attempt} of {}", self.attempts);
                    if let Some(limiter) = limiter {
                        limiter.throttled();
                    }
                }
                Again::Unreached => unreached += 1,
                Again::Broken => {}
                // Signatures of another time are refused before anything else is looked at.
                Again::Never if error.answered_at().is_some_and(|told| self.clock.correct(told)) => {
                    self.tell_of_the_clock();
                    continue;
                }
                Again::Never => return Err(error),
            }
            if attempt >= self.attempts || unreached >= MAX_UNREACHED || self.budget.get() == 0 {
                return Err(error);
            }
            tracing::debug!("try {attempt} of {host} failed: {again:?}");
            attempt += 1;
            self.budget.set(self.budget.get() - 1);
            sleep(backoff.pause(fastrand::f64())).await;
        }
    }

    /// Waits for an answer, and says so where it takes long.
    async fn watched<T>(&self, host: &str, mut call: impl Future<Output = T> + Unpin) -> T {
        let begun = Instant::now();
        loop {
            tokio::select! {
                answer = &mut call => return answer,
                () = sleep(SIGNS.0) => {
                    if self.said.get().is_none_or(|said| said.elapsed() >= SIGNS.1) {
                        self.said.set(Some(Instant::now()));
                        let waited = begun.elapsed().as_secs();
                        (self.notice)(&format!("no answer from {host} for {waited} seconds; still waiting"));
                    }
                }
            }
        }
    }

    fn tell_of_the_clock(&self) {
        let behind = self.clock.behind();
        let (minutes, how) = (behind.unsigned_abs().div_ceil(60), if behind < 0 { "ahead of" } else { "behind" });
        (self.notice)(&format!("warning: the clock of this machine is {minutes} minutes {how} that of AWS"));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A failure as a test wants it.
    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Failed(Again, Option<SystemTime>);

    impl Failure for Failed {
        fn again(&self) -> Again {
            self.0
        }

        fn answered_at(&self) -> Option<SystemTime> {
            self.1
        }
    }

    thread_local! {
        static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    fn retry(attempts: u32) -> Retry {
        Retry::new(attempts, |text| SAID.with_borrow_mut(|said| said.push(text.to_owned())))
    }

    /// How often a call is made that fails so for `times` times.
    async fn tries(retry: &Retry, failure: Again, times: u32) -> (u32, bool) {
        let made = Cell::new(0);
        let call = async || {
            made.set(made.get() + 1);
            if made.get() <= times { Err(Failed(failure, None)) } else { Ok(()) }
        };
        let done = retry.run("host", None, call).await;
        (made.get(), done.is_ok())
    }

    #[tokio::test(start_paused = true)]
    async fn each_failure_is_worth_so_many_tries() {
        let retry = retry(ATTEMPTS);
        assert_eq!(tries(&retry, Again::Throttled, 4).await, (5, true));
        assert_eq!(tries(&retry, Again::Broken, 3).await, (4, true));
        assert_eq!(tries(&retry, Again::Broken, 99).await, (ATTEMPTS, false));
        assert_eq!(tries(&retry, Again::Unreached, 2).await, (3, true));
        assert_eq!(tries(&retry, Again::Unreached, 99).await, (MAX_UNREACHED, false));
        assert_eq!(tries(&retry, Again::Never, 1).await, (1, false));
        assert_eq!(tries(&super::tests::retry(1), Again::Throttled, 1).await, (1, false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_has_a_budget() {
        let retry = retry(ATTEMPTS);
        for _ in 0..BUDGET {
            tries(&retry, Again::Broken, 99).await;
        }
        assert_eq!(tries(&retry, Again::Broken, 1).await, (1, false), "the service is down: no more tries");
        assert_eq!(tries(&retry, Again::Broken, 0).await, (1, true));
        assert_eq!(tries(&retry, Again::Broken, 1).await, (2, true), "a call that succeeds gives one back");
    }

    #[tokio::test(start_paused = true)]
    async fn who_lets_us_wait_is_named() {
        let retry = retry(ATTEMPTS);
        let call = async || {
            sleep(Duration::from_secs(20)).await;
            Ok::<(), Failed>(())
        };
        retry.run("https://logs.eu-west-1.amazonaws.com", None, call).await.unwrap();
        let said = SAID.take();
        assert_eq!(said[0], "no answer from https://logs.eu-west-1.amazonaws.com for 3 seconds; still waiting");
        assert_eq!(said.len(), 2, "{said:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_clock_is_put_right_once() {
        let retry = retry(ATTEMPTS);
        let (made, ahead) = (Cell::new(0), SystemTime::now() + Duration::from_mins(30));
        let call = async || {
            made.set(made.get() + 1);
            Err::<(), _>(Failed(Again::Never, Some(ahead)))
        };
        retry.run("host", None, call).await.unwrap_err();
        assert_eq!(made.get(), 2, "the second refusal has another reason");
        assert!((retry.clock.behind() - 30 * 60).abs() < 5, "{:?}", retry.clock);
        assert_eq!(SAID.take(), ["warning: the clock of this machine is 30 minutes behind that of AWS"]);
    }
}
