//! What backfill wants to do, and what became of it.

use std::fmt::Display;

use logctl_core::coverage::{Action, State};
use serde::Serialize;

use crate::{
    aws::Target,
    error::{Error, Kind},
    survey::{Survey, Surveyed, style},
    ui::{Look, Show, count, one_line, paint, table},
};

/// Steps that bring the groups to the wanted state.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// Which account and Region.
    #[serde(flatten)]
    pub target: Target,
    /// The steps, in the order in which they are done.
    pub steps: Vec<Step>,
    /// Groups that stay as they are.
    pub unchanged: usize,
}

/// One group's change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// The group.
    pub group: String,
    /// The state it is in.
    pub state: State,
    /// What is done, in a word.
    pub action: &'static str,
    /// Why.
    pub reason: String,
    /// What is done, exactly.
    #[serde(skip)]
    pub change: Action,
}

impl Plan {
    /// The plan that follows from a survey: loops first, they cost by the second.
    #[must_use]
    pub fn new(survey: &Survey) -> Self {
        let step = |surveyed: &Surveyed| Step {
            group: surveyed.group.name.clone(),
            state: surveyed.decision.state,
            action: match (&surveyed.decision.action, surveyed.decision.state) {
                (Action::Put(_), State::Drifted) => "repair",
                (Action::Put(_), _) => "subscribe",
                _ => "unsubscribe",
            },
            reason: surveyed.decision.reason.clone(),
            change: surveyed.decision.action.clone(),
        };
        let changing = survey.groups.iter().filter(|surveyed| surveyed.decision.action != Action::None);
        let mut steps: Vec<Step> = changing.map(step).collect();
        steps.sort_by_key(|step| step.state != State::Loop);
        Self { target: survey.target.clone(), unchanged: survey.groups.len() - steps.len(), steps }
    }

    /// What is asked before it is begun.
    #[must_use]
    pub fn question(&self) -> String {
        format!("Change {} of {}?", count(self.steps.len(), "log group"), self.target)
    }
}

impl Show for Plan {
    const SCHEMA: &'static str = "logctl.backfill-plan/v1";

    fn table(&self, look: &Look) -> impl Display {
        let rows = self.steps.iter().map(|step| {
            vec![
                paint(look.bold(), step.action),
                one_line(&step.group).into_owned(),
                paint(style(step.state, look), step.state),
                paint(look.dim(), one_line(&step.reason)),
            ]
        });
        format!("{}\n{}", self.target, table(&["DO", "LOG GROUP", "STATE", "WHY"], rows, look))
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        self.steps.iter().map(|step| format!("{}\t{}\t{}", step.action, step.group, step.state))
    }
}

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

/// What became of a plan.
#[derive(Debug, PartialEq, Serialize)]
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
    /// Groups whose filter slots others hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub full: Vec<String>,
    /// Steps that failed, each with its reason.
    pub failed: Vec<Failed>,
    /// Whether Ctrl-C ended it early.
    #[serde(skip)]
    pub interrupted: bool,
}

impl Outcome {
    /// Of a plan that is not begun.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self {
            target: plan.target.clone(),
            planned: plan.steps.len(),
            done: 0,
            unchanged: plan.unchanged,
            full: Vec::new(),
            failed: Vec::new(),
            interrupted: false,
        }
    }

    /// How it went, in one line.
    #[must_use]
    pub fn closing_line(&self) -> String {
        let left = self.planned - self.done - self.full.len() - self.failed.len();
        let mut line = format!("changed {} of {} in {}", count(self.done, "log group"), self.planned, self.target);
        if !self.full.is_empty() {
            line += &format!(", {} full: others hold all their filters", self.full.len());
        }
        if !self.failed.is_empty() {
            line += &format!(", {} failed", self.failed.len());
        }
        if left > 0 {
            line += &format!(", {left} not begun; the same command does the rest");
        }
        line
    }

    /// The error that the run ends with, if it does.
    ///
    /// # Errors
    /// Interrupted, or the worst of the failures.
    pub fn result(&self) -> Result<(), Error> {
        if self.interrupted {
            return Err(Error::new(Kind::Interrupted, "interrupted").hint("the same command does the rest"));
        }
        let what = format!("{} could not be changed", count(self.failed.len(), "log group"));
        let failure = |failed: &Failed| {
            // Where some were changed, one that was denied is a failure among others.
            let kind = if failed.kind == Kind::Denied && self.done > 0 { Kind::Failed } else { failed.kind };
            Err(Error::new(kind, &what).because(&failed.error).hint("the same command tries the rest again"))
        };
        Error::worst(self.failed.iter().map(failure))
    }
}

impl Show for Outcome {
    const SCHEMA: &'static str = "logctl.backfill/v1";

    fn table(&self, look: &Look) -> impl Display {
        let rows = self
            .failed
            .iter()
            .map(|failed| vec![one_line(&failed.group).into_owned(), paint(look.bad(), one_line(&failed.error))]);
        if self.failed.is_empty() { String::new() } else { table(&["LOG GROUP", "FAILED"], rows, look) }
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        self.failed.iter().map(|failed| format!("{}\t{}\t{}", failed.action, failed.group, one_line(&failed.error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_accounts_for_every_step() {
        let failed = vec![Failed { group: "/a".into(), action: "subscribe", error: "no".into(), kind: Kind::Failed }];
        let target = Target {
            account: "1".into(),
            alias: Some("shop".into()),
            region: "eu-west-1".into(),
            partition: "aws".into(),
        };
        let plan = Plan { target, steps: Vec::new(), unchanged: 0 };
        let outcome = Outcome { planned: 5, done: 3, failed, ..Outcome::new(&plan) };
        assert_eq!(
            outcome.closing_line(),
            "changed 3 log groups of 5 in account 1 (shop), eu-west-1, 1 failed, 1 not begun; the same command does the rest"
        );
        assert_eq!(outcome.result().unwrap_err().kind, Kind::Failed);
    }
}
