//! Does what a plan says, one group after the other, no faster than AWS takes it.

use std::{pin::pin, time::Duration};

use aws_sdk_cloudwatchlogs::{
    Client, error::ProvideErrorMetadata as _, operation::put_subscription_filter::PutSubscriptionFilterError,
    types::Distribution,
};
use futures_util::{StreamExt as _, stream};
use logctl_core::coverage::Action;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::{Outcome, Plan, Step};
use crate::{
    aws::{Aws, Pace, code, explain, paced},
    commands::Context,
    error::{Error, Kind},
    ui::Progress,
};

/// Steps under way at once; the pace keeps them under the quota, this hides their latency.
const AT_ONCE: usize = 8;
/// What PutSubscriptionFilter says while the forwarder's permission is not yet known everywhere.
const NOT_YET_PERMITTED: &str = "Could not execute the lambda function";
/// How long the first group waits for that.
const PATIENCE: Duration = Duration::from_secs(90);

/// A step that failed.
#[derive(Debug, PartialEq, Serialize)]
pub struct Failed {
    /// The group.
    pub group: String,
    /// What was tried.
    pub action: &'static str,
    /// Why it failed.
    pub error: String,
    /// Its class.
    #[serde(skip)]
    pub kind: Kind,
}

/// Does the steps of `plan`. The first one goes alone: what is wrong with the destination shows there.
pub async fn apply(
    plan: &Plan,
    aws: &Aws,
    forwarder: &str,
    pace: &Pace,
    cx: &Context<'_>,
    progress: &Progress,
) -> Outcome {
    let client = aws.logs();
    let mut outcome = Outcome { planned: plan.steps.len(), unchanged: plan.unchanged, ..Outcome::default() };
    let Some((canary, others)) = plan.steps.split_first() else { return outcome };
    let work = Work { client: &client, forwarder, pace, cx, progress };
    settle(&mut outcome, work.patiently(canary).await);
    let results = stream::iter(others.iter().take_while(|_| !cx.interrupt.is_set()))
        .map(|step| work.step(step))
        .buffer_unordered(AT_ONCE);
    let mut results = pin!(results);
    while let Some(result) = results.next().await {
        settle(&mut outcome, result);
    }
    outcome.interrupted = cx.interrupt.is_set();
    outcome
}

fn settle(outcome: &mut Outcome, result: Result<(), Failed>) {
    match result {
        Ok(()) => outcome.done += 1,
        Err(failed) => outcome.failed.push(failed),
    }
}

struct Work<'a> {
    client: &'a Client,
    forwarder: &'a str,
    pace: &'a Pace,
    cx: &'a Context<'a>,
    progress: &'a Progress,
}

impl Work<'_> {
    /// Does a step, again while a permission that was just created is not yet known.
    async fn patiently(&self, step: &Step) -> Result<(), Failed> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.step(step).await {
                Err(failed)
                    if failed.error.contains(NOT_YET_PERMITTED)
                        && Instant::now() < end
                        && !self.cx.interrupt.is_set() =>
                {
                    self.progress.note("waiting for the forwarder's permission");
                    sleep(Duration::from_secs(3)).await;
                }
                result => return result,
            }
        }
    }

    async fn step(&self, step: &Step) -> Result<(), Failed> {
        let done = match &step.change {
            Action::None => Ok(()),
            Action::Put(filter) => self.put(&step.group, filter).await,
            Action::Delete(filters) => self.delete(&step.group, filters).await,
        };
        self.progress.step();
        done.map_err(|error| Failed {
            group: step.group.clone(),
            action: step.action,
            error: error.message,
            kind: error.kind,
        })
    }

    async fn put(&self, group: &str, filter: &str) -> Result<(), Error> {
        let call = || {
            self.client
                .put_subscription_filter()
                .log_group_name(group)
                .filter_name(filter)
                .filter_pattern("")
                .destination_arn(self.forwarder)
                .distribution(Distribution::ByLogStream)
                .send()
        };
        match paced(self.pace, call).await {
            Ok(_) => Ok(()),
            Err(error)
                if matches!(error.as_service_error(), Some(PutSubscriptionFilterError::LimitExceededException(_))) =>
            {
                Err(Error::failed("others hold all subscription filters of this log group"))
            }
            // The service's own words decide whether waiting helps.
            Err(error) => match error.as_service_error().and_then(|said| said.message()) {
                Some(message) if message.starts_with(NOT_YET_PERMITTED) => Err(Error::failed(message)),
                _ => Err(explain("cannot put the filter", &error, self.cx.global)),
            },
        }
    }

    async fn delete(&self, group: &str, filters: &[String]) -> Result<(), Error> {
        for filter in filters {
            delete_filter(self.client, group, filter, self.pace, self.cx).await?;
        }
        Ok(())
    }
}

/// Deletes a filter; one that is gone already is no failure.
///
/// # Errors
/// When it stays.
pub async fn delete_filter(
    client: &Client,
    group: &str,
    filter: &str,
    pace: &Pace,
    cx: &Context<'_>,
) -> Result<(), Error> {
    let call = || client.delete_subscription_filter().log_group_name(group).filter_name(filter).send();
    match paced(pace, call).await {
        Ok(_) => Ok(()),
        Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(()),
        Err(error) => Err(explain("cannot delete the filter", &error, cx.global)),
    }
}
