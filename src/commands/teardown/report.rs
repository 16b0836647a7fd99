//! What teardown removes, and what it has removed.

use std::fmt::Display;

use serde::Serialize;

use crate::{
    aws::stack::Stack,
    survey::Survey,
    ui::{Look, Show, count, one_line, paint, table},
};

/// What is removed.
#[derive(Debug, Serialize)]
pub struct Plan {
    stack: String,
    /// Group and name of each filter.
    pub filters: Vec<(String, String)>,
}

impl Plan {
    /// Every filter whose destination is the stack's forwarder.
    #[must_use]
    pub fn new(stack: &Stack, survey: &Survey) -> Self {
        let forwarder = survey.coverage.as_ref().map(|stack| stack.forwarder.as_str());
        let filters = survey.groups.iter().flat_map(|(group, _)| {
            let ours = group.filters.iter().flatten().filter(|filter| Some(filter.destination.as_str()) == forwarder);
            ours.map(|filter| (group.name.clone(), filter.name.clone()))
        });
        Self { stack: stack.name.to_string(), filters: filters.collect() }
    }

    /// What is asked before it is begun.
    #[must_use]
    pub fn question(&self) -> String {
        format!("Remove {} and stack {}?", count(self.filters.len(), "filter"), self.stack)
    }
}

impl Show for Plan {
    const SCHEMA: &'static str = "logctl.teardown-plan/v1";

    fn table(&self, look: &Look) -> impl Display {
        let remove = || paint(look.bad(), "- remove");
        let stack = vec![remove(), format!("stack {}", self.stack), String::new()];
        let filters = self.filters.iter().map(|(group, filter)| {
            vec![remove(), format!("filter {}", one_line(filter)), one_line(group).into_owned()]
        });
        table(&["DO", "WHAT", "LOG GROUP"], filters.chain([stack]), look)
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        let filters = self.filters.iter().map(|(group, filter)| format!("filter\t{filter}\t{group}"));
        filters.chain([format!("stack\t{}\t", self.stack)])
    }
}

/// What was removed.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// Filters that were to be removed.
    pub planned: usize,
    /// Filters that were removed.
    pub done: usize,
    /// What is still there.
    pub kept: Vec<String>,
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
