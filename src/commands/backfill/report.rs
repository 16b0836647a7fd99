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
            ..Grid::default()
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
            columns: ["TRIED", "LOG GROUP", "FAILED"].map(Column::Both).to_vec(),
            rows: failed.chain(full).collect(),
            ..Grid::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::{changes::StepOutcome, error::Error, inventory::examples::inventory, ui::three_forms};

    #[test]
    fn the_plan() {
        let plan = changes::Plan::new(&inventory());
        let report = Plan::new(&plan);
        assert_snapshot!(three_forms(&report), @r#"
        account 123456789012 (shop), eu-west-1
        DO           LOG GROUP   STATE     WHY
        repair       /drifted    drifted   its filter sends only what matches `ERROR`
        subscribe    /missing    missing   no subscription filter
        unsubscribe  /skip/leak  unwanted  excluded by the rule `/skip/*`, but it is streamed
        --- pipe
        repair	/drifted	drifted	its filter sends only what matches `ERROR`
        subscribe	/missing	missing	no subscription filter
        unsubscribe	/skip/leak	unwanted	excluded by the rule `/skip/*`, but it is streamed
        --- json
        {
          "schema": "logctl.backfill-plan/v1",
          "account": "123456789012",
          "alias": "shop",
          "region": "eu-west-1",
          "steps": [
            {
              "group": "/drifted",
              "state": "drifted",
              "action": "repair",
              "reason": "its filter sends only what matches `ERROR`"
            },
            {
              "group": "/missing",
              "state": "missing",
              "action": "subscribe",
              "reason": "no subscription filter"
            },
            {
              "group": "/skip/leak",
              "state": "unwanted",
              "action": "unsubscribe",
              "reason": "excluded by the rule `/skip/*`, but it is streamed"
            }
          ],
          "unchanged": 4
        }
        "#);
        assert_snapshot!(report.question(), @"Change 3 log groups of account 123456789012 (shop), eu-west-1?");
    }

    #[test]
    fn the_outcome() {
        let plan = changes::Plan::new(&inventory());
        let mut outcome = changes::Outcome::new(&plan);
        let became = [StepOutcome::Done, StepOutcome::Full, StepOutcome::Failed(Error::failed("no\nanswer"))];
        for (step, became) in plan.steps.iter().zip(became) {
            outcome.add(step, became);
        }
        assert_snapshot!(three_forms(&outcome), @r#"
        TRIED        LOG GROUP   FAILED
        unsubscribe  /skip/leak  no\nanswer
        full         /missing    others hold all its filters
        --- pipe
        unsubscribe	/skip/leak	no\nanswer
        full	/missing	others hold all its filters
        --- json
        {
          "schema": "logctl.backfill/v1",
          "account": "123456789012",
          "alias": "shop",
          "region": "eu-west-1",
          "planned": 3,
          "done": 1,
          "unchanged": 4,
          "full": [
            "/missing"
          ],
          "failed": [
            {
              "group": "/skip/leak",
              "action": "unsubscribe",
              "error": "no\nanswer"
            }
          ]
        }
        "#);
    }
}
