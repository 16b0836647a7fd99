//! Does what a plan says, no faster than AWS takes it.

use std::{pin::pin, time::Duration};

use futures_util::{StreamExt as _, stream};
use logctl_core::coverage::{Action, Stack};
use tokio::time::{Instant, sleep};

use super::report::{Failed, Outcome, Plan, Step};
use crate::{
    aws::{
        Aws, Pace,
        filters::{Filters, Put},
    },
    error::{Error, Kind},
    interrupt::Interrupt,
    progress::Progress,
    survey::AT_ONCE,
};

/// How long the first group waits for a permission that was just created.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long between two tries.
const PAUSE: Duration = Duration::from_secs(3);

/// What became of a step that did not fail.
enum Done {
    Changed,
    Full,
}

/// Does the steps of `plan`: first what takes filters away, then one group alone, then the others. What is wrong with the
/// destination shows at that one group, and the others are spared.
pub async fn apply(
    plan: &Plan,
    aws: &Aws,
    stack: &Stack,
    pace: &Pace,
    interrupt: &Interrupt,
    progress: &dyn Progress,
) -> Outcome {
    let mut outcome = Outcome::new(plan);
    let work = Work { filters: Filters::new(aws, pace), stack, interrupt, progress };
    let (puts, deletes): (Vec<&Step>, Vec<&Step>) =
        plan.steps.iter().partition(|step| matches!(step.change, Action::Put(_)));
    work.all(&deletes, &mut outcome).await;
    if let Some((canary, others)) = puts.split_first()
        && !interrupt.is_set()
        && work.one(canary, PATIENCE, &mut outcome).await
    {
        work.all(others, &mut outcome).await;
    }
    outcome.interrupted = interrupt.is_set();
    outcome
}

struct Work<'a> {
    filters: Filters<'a>,
    stack: &'a Stack,
    interrupt: &'a Interrupt,
    progress: &'a dyn Progress,
}

impl Work<'_> {
    async fn all(&self, steps: &[&Step], outcome: &mut Outcome) {
        let steps = steps.iter().take_while(|_| !self.interrupt.is_set());
        let mut results = pin!(
            stream::iter(steps)
                .map(async |step| (*step, self.step(step, Duration::ZERO).await))
                .buffer_unordered(AT_ONCE)
        );
        while let Some((step, result)) = results.next().await {
            settle(step, result, outcome);
        }
    }

    /// Whether it went well enough to go on with others.
    async fn one(&self, step: &Step, patience: Duration, outcome: &mut Outcome) -> bool {
        let result = self.step(step, patience).await;
        let goes_on = result.is_ok();
        settle(step, result, outcome);
        goes_on
    }

    async fn step(&self, step: &Step, patience: Duration) -> Result<Done, Error> {
        let done = self.change(step, Instant::now() + patience).await;
        self.progress.step();
        done
    }

    async fn change(&self, step: &Step, patience_ends: Instant) -> Result<Done, Error> {
        let filter = match &step.change {
            Action::None => return Ok(Done::Changed),
            Action::Put(filter) => filter,
            Action::Delete(names) => {
                for name in names {
                    self.filters.delete(&step.group, name).await?;
                }
                return Ok(Done::Changed);
            }
        };
        loop {
            match self.filters.put(&step.group, filter, self.stack).await? {
                Put::Done | Put::Gone => return Ok(Done::Changed),
                Put::Full => return Ok(Done::Full),
                Put::NotYetPermitted if Instant::now() >= patience_ends || self.interrupt.is_set() => {
                    return Err(Error::new(Kind::Failed, "CloudWatch Logs may not invoke the forwarder"));
                }
                Put::NotYetPermitted => {
                    self.progress.note("waiting for the forwarder's permission");
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

fn settle(step: &Step, result: Result<Done, Error>, outcome: &mut Outcome) {
    match result {
        Ok(Done::Changed) => outcome.done += 1,
        Ok(Done::Full) => outcome.full.push(step.group.clone()),
        Err(error) => outcome.failed.push(Failed {
            group: step.group.clone(),
            action: step.action,
            error: error.message,
            kind: error.kind,
        }),
    }
}
