//! What teardown removes, and what it has removed.

use std::fmt::Display;

use serde::Serialize;

use crate::{
    aws::{Target, stack::Stack},
    ui::{Look, Show, count, one_line, paint, table},
};

/// What is removed.
#[derive(Debug, Serialize)]
pub struct Plan {
    #[serde(flatten)]
    target: Target,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<String>,
    /// Group and name of each filter.
    pub filters: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
}

impl Plan {
    /// The stack, the filters that send to it, and the account policy if it does.
    #[must_use]
    pub fn new(target: &Target, stack: Option<&Stack>, filters: Vec<(String, String)>, policy: Option<String>) -> Self {
        Self { target: target.clone(), stack: stack.map(|stack| stack.name.to_string()), filters, policy }
    }

    /// Whether there is nothing to remove.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stack.is_none() && self.filters.is_empty() && self.policy.is_none()
    }

    /// What is asked before it is begun.
    #[must_use]
    pub fn question(&self) -> String {
        format!("Remove {} in {}?", self.names(), self.target)
    }

    /// What it does.
    #[must_use]
    pub fn intent(&self) -> String {
        format!("remove {}", self.names())
    }

    fn names(&self) -> String {
        let policy = self.policy.as_ref().map(|name| format!("the account policy {name}"));
        let stack = self.stack.as_ref().map(|name| format!("stack {name}"));
        let things: Vec<_> = [Some(count(self.filters.len(), "filter")), policy, stack].into_iter().flatten().collect();
        things.join(", ")
    }

    /// Kind, name and log group of each thing.
    fn things(&self) -> impl Iterator<Item = [&str; 3]> {
        let filters = self.filters.iter().map(|(group, filter)| ["filter", filter, group]);
        let policy = self.policy.iter().map(|name| ["account policy", name, ""]);
        let stack = self.stack.iter().map(|name| ["stack", name, ""]);
        filters.chain(policy).chain(stack)
    }
}

impl Show for Plan {
    const SCHEMA: &'static str = "logctl.teardown-plan/v1";

    fn table(&self, look: &Look) -> impl Display {
        let rows = self.things().map(|[kind, name, group]| {
            vec![paint(look.bad(), "- remove"), format!("{kind} {}", one_line(name)), one_line(group).into_owned()]
        });
        format!("{}\n{}", self.target, table(&["DO", "WHAT", "LOG GROUP"], rows, look))
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        self.things().map(|[kind, name, group]| format!("{kind}\t{}\t{}", one_line(name), one_line(group)))
    }
}

/// What was removed.
#[derive(Debug, Serialize)]
pub struct Outcome {
    #[serde(flatten)]
    target: Target,
    /// Filters that were to be removed.
    pub planned: usize,
    /// Filters that were removed.
    pub done: usize,
    /// What is still there.
    pub kept: Vec<String>,
}

impl Outcome {
    /// Of a plan that is not begun.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self { target: plan.target.clone(), planned: plan.filters.len(), done: 0, kept: Vec::new() }
    }
}

impl Show for Outcome {
    const SCHEMA: &'static str = "logctl.teardown/v1";

    fn table(&self, _: &Look) -> impl Display {
        "" // The closing lines say it all.
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        self.kept.iter().map(|thing| format!("kept\t{thing}"))
    }
}
