//! Keeps the calls of each operation just under its quota, and adapts where others use the same quota.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// An operation that has a quota of its own in every account and Region.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>,
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html>,
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Names and classes of log groups.
    ListLogGroups,
    /// Everything else of log groups, or of their streams.
    DescribeLogs,
    /// The filters of one log group.
    DescribeSubscriptionFilters,
    /// One filter of one log group.
    PutSubscriptionFilter,
    /// One filter of one log group.
    DeleteSubscriptionFilter,
    /// The account's policies, which have no published quota.
    AccountPolicies,
    /// Past log events.
    FilterLogEvents,
    /// Log groups and events of our own, as a probe makes them.
    Write,
    /// The event history.
    LookupEvents,
    /// Which metrics there are.
    ListMetrics,
    /// What metrics say.
    GetMetricData,
}

impl Operation {
    /// Calls a second: just under the quota.
    const fn rate(self) -> f64 {
        match self {
            Self::DescribeSubscriptionFilters
            | Self::PutSubscriptionFilter
            | Self::DeleteSubscriptionFilter
            | Self::FilterLogEvents // Some Regions have more.
            | Self::Write => 4.9,
            Self::ListLogGroups | Self::DescribeLogs | Self::AccountPolicies => 9.8,
            Self::LookupEvents => 1.95,
            Self::ListMetrics => 24.0,
            Self::GetMetricData => 45.0,
        }
    }

    /// The service that it belongs to.
    pub(super) const fn service(self) -> &'static str {
        match self {
            Self::LookupEvents => "cloudtrail",
            Self::ListMetrics | Self::GetMetricData => "monitoring",
            _ => "logs",
        }
    }

    /// Whether it is one of those that [`Limiters::with_rate`] is about.
    const fn is_of_filters(self) -> bool {
        matches!(self, Self::DescribeSubscriptionFilters | Self::PutSubscriptionFilter | Self::DeleteSubscriptionFilter)
    }
}

/// By account, Region and operation.
type Known = HashMap<(String, String, Operation), Rc<RateLimiter>>;

/// The limiters of a run: one for each operation in each account and Region. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Limiters {
    known: Rc<RefCell<Known>>,
    of_filters: Option<f64>,
}

impl Limiters {
    /// With so many calls a second of each operation on filters.
    #[must_use]
    pub fn with_rate(self, calls: f64) -> Self {
        Self { of_filters: Some(calls), ..self }
    }

    /// The limiter of an operation.
    #[must_use]
    pub fn of(&self, account: &str, region: &str, operation: Operation) -> Rc<RateLimiter> {
        let rate = self.of_filters.filter(|_| operation.is_of_filters()).unwrap_or(operation.rate());
        let key = (account.to_owned(), region.to_owned(), operation);
        self.known.borrow_mut().entry(key).or_insert_with(|| Rc::new(RateLimiter::new(rate))).clone()
    }
}

/// So many calls are made at once before there is a pace, and a small account waits for nothing. AWS does not publish how many
/// it takes; the first that it refuses ends that.
const BURST: f64 = 40.0;
/// How long after a slowdown another refusal says nothing new: it was under way.
const SETTLES: Duration = Duration::from_secs(1);

/// Hands out turns at a rate that follows what AWS takes.
#[derive(Debug)]
pub struct RateLimiter {
    /// Calls a second.
    rate: Cell<f64>,
    most: f64,
    bucket: Cell<Bucket>,
    slowed: Cell<Option<Instant>>,
}

/// Calls that may be made at once, as they were at a time; below zero they are owed.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    calls: f64,
    at: Instant,
    holds: f64,
}

impl RateLimiter {
    /// At most `calls` a second, after the first few.
    #[must_use]
    pub fn new(calls: f64) -> Self {
        let bucket = Bucket { calls: BURST, at: Instant::now(), holds: BURST };
        Self { rate: Cell::new(calls), most: calls, bucket: Cell::new(bucket), slowed: Cell::new(None) }
    }

    /// Waits for a turn.
    pub async fn acquire(&self) {
        let (now, Bucket { calls, at, holds }) = (Instant::now(), self.bucket.get());
        let calls = (calls + (now - at).as_secs_f64() * self.rate.get()).min(holds) - 1.0;
        self.bucket.set(Bucket { calls, at: now, holds });
        if calls < 0.0 {
            sleep(Duration::from_secs_f64(-calls / self.rate.get())).await;
        }
    }

    /// AWS has throttled a call: others use the quota, too.
    pub(super) fn throttled(&self) {
        let bucket = self.bucket.get();
        self.bucket.set(Bucket { calls: bucket.calls.min(0.0), holds: 1.0, ..bucket });
        if self.slowed.get().is_none_or(|slowed| slowed.elapsed() > SETTLES) {
            self.slowed.set(Some(Instant::now()));
            self.rate.set((self.rate.get() * 0.7).max(self.most / 20.0));
        }
    }

    /// A call has passed: take back a little.
    pub(super) fn passed(&self) {
        self.rate.set((self.rate.get() + self.most / 100.0).min(self.most));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_rate_follows_what_aws_takes() {
        let limiter = RateLimiter::new(5.0);
        for _ in 0..3 {
            limiter.throttled();
            limiter.throttled(); // Of the same moment.
            tokio::time::advance(SETTLES * 2).await;
        }
        assert!((limiter.rate.get() - 5.0 * 0.7 * 0.7 * 0.7).abs() < 1e-9, "{limiter:?}");
        (0..100).for_each(|_| limiter.passed());
        assert!((limiter.rate.get() - 5.0).abs() < f64::EPSILON, "{limiter:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_go_at_once_and_the_others_keep_their_distance() {
        let (limiter, start) = (RateLimiter::new(5.0), Instant::now());
        for _ in 0..40 {
            limiter.acquire().await;
        }
        assert_eq!(start.elapsed().as_millis(), 0);
        for _ in 0..10 {
            limiter.acquire().await;
        }
        assert_eq!(start.elapsed().as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_was_refused_takes_one_at_a_time() {
        let (limiter, start) = (RateLimiter::new(10.0), Instant::now());
        limiter.throttled();
        for _ in 0..7 {
            limiter.acquire().await;
        }
        assert_eq!(start.elapsed().as_secs(), 1);
    }

    #[test]
    fn each_operation_has_its_own_in_each_region() {
        let limiters = Limiters::default().with_rate(100.0);
        let of = |region, operation| limiters.clone().of("1", region, operation);
        let put = of("eu-west-1", Operation::PutSubscriptionFilter);
        assert!(Rc::ptr_eq(&put, &of("eu-west-1", Operation::PutSubscriptionFilter)));
        assert!(!Rc::ptr_eq(&put, &of("eu-west-2", Operation::PutSubscriptionFilter)));
        assert!(!Rc::ptr_eq(&put, &of("eu-west-1", Operation::DeleteSubscriptionFilter)));
        assert!((put.most - 100.0).abs() < f64::EPSILON);
        assert!((of("eu-west-1", Operation::LookupEvents).most - 1.95).abs() < f64::EPSILON);
    }
}
