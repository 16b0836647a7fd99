//! What became of a plan.

use serde::Serialize;
use tokio::time::Instant;

use super::{Plan, Step, StepOutcome};
use crate::{
    aws::Target,
    error::{Error, Kind},
    words::count,
};

/// How a run that was interrupted goes on.
pub const AGAIN: &str = "the same command does the rest";

/// A step that failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    /// What to type next.
    #[serde(skip)]
    hints: Vec<String>,
}

/// What became of a plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Outcome {
    /// Which account and Region.
    #[serde(flatten)]
    pub target: Target,
    /// Steps that were planned.
    pub planned: usize,
    /// Steps that were done.
    pub done: usize,
    /// Groups that stay as they are.
    pub unchanged: usize,
    /// Groups that had gone in the meantime.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
    /// Groups whose filter slots others hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub full: Vec<String>,
    /// Steps that failed, each with its reason.
    pub failed: Vec<Failed>,
    /// The same steps, and when each was done.
    #[serde(skip)]
    pub changed: Vec<(Step, Instant)>,
    /// Whether Ctrl-C ended it early.
    #[serde(skip)]
    pub interrupted: bool,
}

impl Outcome {
    /// Of a plan that is not begun.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let (target, planned) = (plan.target.clone(), plan.steps.len());
        Self { target, planned, unchanged: plan.unchanged, ..Self::default() }
    }

    /// Adds what became of a step.
    pub fn add(&mut self, step: &Step, outcome: StepOutcome) {
        match outcome {
            StepOutcome::Done => {
                self.done += 1;
                self.changed.push((step.clone(), Instant::now()));
            }
            StepOutcome::Gone => self.gone.push(step.group.clone()),
            StepOutcome::Full => self.full.push(step.group.clone()),
            StepOutcome::Failed(error) => self.failed.push(Failed {
                group: step.group.clone(),
                action: step.action(),
                error: error.one_line(),
                kind: error.kind,
                hints: error.hints,
            }),
        }
    }

    /// Whether the caller's credentials have ended on the way.
    #[must_use]
    pub fn is_logged_out(&self) -> bool {
        self.failed.iter().any(|failed| failed.kind == Kind::LoggedOut)
    }

    /// Steps that were not begun.
    fn left(&self) -> usize {
        self.planned - self.done - self.gone.len() - self.full.len() - self.failed.len()
    }

    /// How it went, in one line.
    #[must_use]
    pub fn closing_line(&self) -> String {
        let Self { planned, done, gone, full, failed, target, .. } = self;
        let left = self.left();
        let mut line = format!("changed {} of {planned} in {target}", count(*done, "log group"));
        if !gone.is_empty() {
            line += &format!(", {} gone in the meantime", gone.len());
        }
        if !full.is_empty() {
            line += &format!(", {} full: others hold all their filters", full.len());
        }
        if !failed.is_empty() {
            line += &format!(", {} failed", failed.len());
        }
        if left > 0 {
            line += &format!(", {left} not begun; {AGAIN}");
        }
        line
    }

    /// The error that the run ends with, if it does.
    ///
    /// # Errors
    /// Interrupted; the worst of the failures; unmet where groups are full.
    pub fn result(&self) -> Result<(), Error> {
        if self.interrupted && self.left() > 0 {
            return Err(Error::new(Kind::Interrupted, "interrupted").hint(AGAIN));
        }
        let what = format!("{} could not be changed", count(self.failed.len(), "log group"));
        let failure = |failed: &Failed| {
            // Where some were changed, one that was denied is a failure among others.
            let kind = if failed.kind == Kind::Denied && self.done > 0 { Kind::Failed } else { failed.kind };
            let error = failed.hints.iter().fold(Error::new(kind, &what).because(&failed.error), Error::hint);
            Err(error.hint("the same command tries the rest again"))
        };
        let full = (!self.full.is_empty()).then(|| {
            let groups = count(self.full.len(), "log group");
            Err(Error::new(Kind::Unmet, format!("{groups}: others hold all filters that a group may have"))
                .hint("see who holds them with: logctl audit -g NAME"))
        });
        Error::worst(self.failed.iter().map(failure).chain(full))
    }
}

#[cfg(test)]
mod tests {
    use logctl_core::coverage::{Change, State};

    use super::*;

    #[test]
    fn the_closing_line_accounts_for_every_step() {
        let target = Target {
            account: "1".into(),
            alias: Some("shop".into()),
            region: "eu-west-1".into(),
            partition: "aws".into(),
        };
        let step = |group: &str| Step {
            group: group.into(),
            state: State::Missing,
            reason: String::new(),
            change: Change::Put { filter: "f".into() },
        };
        let steps: Vec<Step> = ["/a", "/b", "/c", "/d", "/e"].map(step).to_vec();
        let plan = Plan { target, steps: steps.clone(), unchanged: 0 };
        let mut outcome = Outcome::new(&plan);
        let outcomes =
            [StepOutcome::Done, StepOutcome::Gone, StepOutcome::Full, StepOutcome::Failed(Error::failed("no"))];
        for (step, became) in steps.iter().zip(outcomes) {
            outcome.add(step, became);
        }
        assert_eq!(
            outcome.closing_line(),
            "changed 1 log group of 5 in account 1 (shop), eu-west-1, 1 gone in the meantime, \
             1 full: others hold all their filters, 1 failed, 1 not begun; the same command does the rest"
        );
        assert_eq!(outcome.result().unwrap_err().kind, Kind::Failed);
        outcome.failed.clear();
        assert_eq!(outcome.result().unwrap_err().kind, Kind::Unmet);
    }
}
