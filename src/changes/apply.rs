//! Does what a plan says, no faster than AWS takes it.

use std::{pin::pin, time::Duration};

use futures_util::{StreamExt as _, stream};
use logctl_core::coverage::Change;
use tokio::time::{Instant, sleep};

use super::{Outcome, Plan, Step};
use crate::{
    aws::{
        Target,
        filters::{AT_ONCE, FilterCalls, Put},
    },
    error::Error,
    interrupt::Interrupt,
    progress::Progress,
};

/// How long the first group waits for a permission that was just created.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long between two tries.
const PAUSE: Duration = Duration::from_secs(3);

/// What became of a step.
#[derive(Debug)]
pub enum StepOutcome {
    /// It is done.
    Done,
    /// The group has gone in the meantime.
    Gone,
    /// Others hold all slots of the group.
    Full,
    /// It did not work.
    Failed(Error),
}

/// Does the steps of `plan`: first what takes filters away, then one group after the other until a filter is put, then the
/// rest. What is wrong with the destination shows at one group, and the others are spared. Filters that are put send to `forwarder`.
pub async fn apply(
    plan: &Plan,
    forwarder: &str,
    calls: &FilterCalls<'_>,
    interrupt: &Interrupt,
    progress: &dyn Progress,
) -> Outcome {
    progress.total(plan.steps.len());
    let mut outcome = Outcome::new(plan);
    let work = Work { target: &plan.target, calls, forwarder, interrupt, progress };
    let (puts, deletes): (Vec<&Step>, Vec<&Step>) =
        plan.steps.iter().partition(|step| matches!(step.change, Change::Put { .. }));
    work.all(&deletes, &mut outcome).await;
    let mut puts = puts.into_iter();
    let mut proven = false;
    while !proven
        && !interrupt.is_set()
        && !outcome.is_logged_out()
        && let Some(canary) = puts.next()
    {
        let became = work.step(canary, PATIENCE).await;
        let failed = matches!(became, StepOutcome::Failed(_));
        proven = matches!(became, StepOutcome::Done); // A group that is gone or full proves nothing.
        outcome.add(canary, became);
        if failed {
            break;
        }
    }
    if proven {
        work.all(&puts.collect::<Vec<_>>(), &mut outcome).await;
    }
    outcome.interrupted = interrupt.is_set();
    outcome
}

struct Work<'a> {
    target: &'a Target,
    calls: &'a FilterCalls<'a>,
    forwarder: &'a str,
    interrupt: &'a Interrupt,
    progress: &'a dyn Progress,
}

impl Work<'_> {
    async fn all(&self, steps: &[&Step], outcome: &mut Outcome) {
        let steps = steps.iter().take_while(|_| !self.interrupt.is_set());
        let steps = stream::iter(steps).map(async |step| (*step, self.step(step, Duration::ZERO).await));
        let mut outcomes = pin!(steps.buffer_unordered(AT_ONCE));
        while let Some((step, became)) = outcomes.next().await {
            outcome.add(step, became);
            if outcome.is_logged_out() {
                return; // Every other call would fail in the same way.
            }
        }
    }

    async fn step(&self, step: &Step, patience: Duration) -> StepOutcome {
        let became = match &step.change {
            Change::Put { filter } => self.put(&step.group, filter, Instant::now() + patience).await,
            Change::Delete { filters } => self.delete(&step.group, filters).await,
        };
        self.progress.step();
        became.unwrap_or_else(StepOutcome::Failed)
    }

    async fn delete(&self, group: &str, filters: &[String]) -> Result<StepOutcome, Error> {
        for filter in filters {
            self.calls.delete(group, filter).await?;
        }
        Ok(StepOutcome::Done)
    }

    async fn put(&self, group: &str, filter: &str, patience_ends: Instant) -> Result<StepOutcome, Error> {
        loop {
            match self.calls.put(group, filter, self.forwarder).await? {
                Put::Done => return Ok(StepOutcome::Done),
                Put::Gone => return Ok(StepOutcome::Gone),
                Put::Full => return Ok(StepOutcome::Full),
                Put::NotYetPermitted if self.interrupt.is_set() => return Err(Error::failed("interrupted")),
                Put::NotYetPermitted if Instant::now() >= patience_ends => {
                    let says = "CloudWatch Logs may not invoke the forwarder: its permission is gone";
                    return Err(Error::failed(says).hint(self.target.give_back(self.forwarder)));
                }
                Put::NotYetPermitted => {
                    self.progress.note("waiting for the forwarder's permission");
                    sleep(PAUSE).await;
                }
            }
        }
    }
}
