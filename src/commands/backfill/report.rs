//! What backfill wants to do, and what became of it.

use std::fmt::Display;

use logctl_core::coverage::{Action, State};
use serde::Serialize;

use super::Failed;
use crate::{
    commands::audit::style,
    error::{Error, Kind},
    survey::Survey,
    ui::{Look, Show, count, one_line, paint, table},
};

/// Steps that bring the groups to the wanted state.
#[derive(Debug, Serialize)]
pub struct Plan {
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
        let mut steps: Vec<Step> = survey
            .groups
            .iter()
            .filter(|(_, decision)| decision.action != Action::None)
            .map(|(group, decision)| Step {
                group: group.name.clone(),
                state: decision.state,
                action: match (&decision.action, decision.state) {
                    (Action::Put(_), State::Drifted) => "repair",
                    (Action::Put(_), _) => "subscribe",
                    _ => "unsubscribe",
                },
                reason: decision.reason.clone(),
                change: decision.action.clone(),
            })
            .collect();
        steps.sort_by_key(|step| step.state != State::Loop);
        Self { unchanged: survey.groups.len() - steps.len(), steps }
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
        table(&["DO", "LOG GROUP", "STATE", "WHY"], rows, look)
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        self.steps.iter().map(|step| format!("{}\t{}\t{}", step.action, step.group, step.state))
    }
}

/// What became of a plan.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Outcome {
    /// Steps that were planned.
    pub planned: usize,
    /// Steps that were done.
    pub done: usize,
    /// Groups that stay as they are.
    pub unchanged: usize,
    /// Steps that failed, each with its reason.
    pub failed: Vec<Failed>,
    /// Whether Ctrl-C ended it early.
    #[serde(skip)]
    pub interrupted: bool,
}

impl Outcome {
    /// Nothing was to be done.
    #[must_use]
    pub fn unchanged(unchanged: usize) -> Self {
        Self { unchanged, ..Self::default() }
    }

    /// How it went, in one line.
    #[must_use]
    pub fn closing_line(&self) -> String {
        let left = self.planned - self.done - self.failed.len();
        let mut line = format!("changed {} of {}", count(self.done, "log group"), self.planned);
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
        let Some(first) = self.failed.first() else { return Ok(()) };
        let throttled = self.failed.iter().any(|failed| failed.kind == Kind::Throttled);
        let kind = match first.kind {
            Kind::Denied if self.done == 0 => Kind::Denied,
            _ if throttled => Kind::Throttled,
            _ => Kind::Failed,
        };
        Err(Error::new(kind, format!("{} could not be changed", count(self.failed.len(), "log group")))
            .because(&first.error)
            .hint("the same command tries the rest again"))
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
        let outcome = Outcome { planned: 5, done: 3, unchanged: 0, failed, interrupted: false };
        assert_eq!(
            outcome.closing_line(),
            "changed 3 log groups of 5, 1 failed, 1 not begun; the same command does the rest"
        );
        assert_eq!(outcome.result().unwrap_err().kind, Kind::Failed);
    }
}
