//! What backfill wants to do, and what became of it.

use logctl_core::coverage::State;
use serde::Serialize;

use crate::{
    aws::Target,
    changes::{self, Step},
    commands::group_report::cell,
    ui::{Above, Cell, Column, Grid, Role, Show},
    words::count,
};

/// A plan as it is shown.
#[derive(Debug, Serialize)]
pub struct Plan<'a> {
    #[serde(flatten)]
    target: &'a Target,
    steps: Vec<StepReport<'a>>,
    unchanged: usize,
}

#[derive(Debug, Serialize)]
struct StepReport<'a> {
    group: &'a str,
    state: State,
    action: &'static str,
    reason: &'a str,
}

impl<'a> Plan<'a> {
    /// Shows a plan.
    #[must_use]
    pub fn new(plan: &'a changes::Plan) -> Self {
        let step = |step: &'a Step| StepReport {
            group: &step.group,
            state: step.state,
            action: step.action(),
            reason: &step.reason,
        };
        Self { target: &plan.target, steps: plan.steps.iter().map(step).collect(), unchanged: plan.unchanged }
    }

    /// What is asked before it is begun.
    #[must_use]
    pub fn question(&self) -> String {
        format!("Change {} of {}?", count(self.steps.len(), "log group"), self.target)
    }
}

impl Show for Plan<'_> {
    const SCHEMA: &'static str = "logctl.backfill-plan/v1";

    fn grid(&self) -> Grid {
        let row = |step: &StepReport<'_>| {
            vec![
                Cell::new(step.action).role(Role::Strong),
                Cell::new(step.group),
                cell(step.state),
                Cell::new(step.reason).role(Role::Dim),
            ]
        };
        Grid {
            above: vec![Above::Text(self.target.to_string())],
            columns: ["DO", "LOG GROUP", "STATE", "WHY"].map(Column::Both).to_vec(),
            rows: self.steps.iter().map(row).collect(),
        }
    }
}

impl Show for changes::Outcome {
    const SCHEMA: &'static str = "logctl.backfill/v1";

    fn grid(&self) -> Grid {
        let failed = self.failed.iter().map(|failed| {
            vec![Cell::new(failed.action), Cell::new(&failed.group), Cell::new(&failed.error).role(Role::Bad)]
        });
        let full = self.full.iter().map(|group| {
            vec![Cell::new("full"), Cell::new(group), Cell::new("others hold all its filters").role(Role::Warning)]
        });
        Grid {
            above: Vec::new(),
            columns: ["TRIED", "LOG GROUP", "FAILED"].map(Column::Both).to_vec(),
            rows: failed.chain(full).collect(),
        }
    }
}
