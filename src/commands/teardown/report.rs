//! What teardown removes, and what it has removed.

use logctl_core::coverage::Change;
use serde::{Serialize, Serializer};

use crate::{
    aws::Target,
    changes,
    deploy::DeployedStack,
    inventory::Unread,
    ui::{Above, Cell, Column, Grid, Role, Show},
    words::{all, count},
};

/// What is removed.
#[derive(Debug, Serialize)]
pub struct Plan {
    #[serde(flatten)]
    target: Target,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<String>,
    /// The filters that send to the stack.
    #[serde(serialize_with = "pairs")]
    pub filters: changes::Plan,
    /// Name of the account policy, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// What could not be read, and may hold more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
}

/// Group and name of each filter.
fn pairs<S: Serializer>(plan: &changes::Plan, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(filters(plan))
}

fn filters(plan: &changes::Plan) -> impl Iterator<Item = (&str, &str)> {
    plan.steps.iter().flat_map(|step| {
        let names: &[String] = match &step.change {
            Change::Delete { filters } => filters,
            Change::Put { .. } => &[],
        };
        names.iter().map(|name| (step.group.as_str(), name.as_str()))
    })
}

/// Filters, account policy and stack as a person names them.
pub fn names(filters: usize, policy: Option<&str>, stack: Option<&str>) -> String {
    let policy = policy.map(|name| format!("the account policy {name}"));
    let stack = stack.map(|name| format!("stack {name}"));
    all(&[Some(count(filters, "filter")), policy, stack].into_iter().flatten().collect::<Vec<_>>())
}

impl Plan {
    /// The stack, the filters that send to it by group, the account policy if it does, and what could not be read.
    #[must_use]
    pub fn new(
        target: &Target,
        stack: Option<&DeployedStack>,
        filters: Vec<(String, Vec<String>)>,
        policy: Option<String>,
        unread: Vec<Unread>,
    ) -> Self {
        let filters = changes::Plan::removal(target, filters);
        let stack = stack.map(|stack| stack.name.to_string());
        Self { target: target.clone(), stack, filters, policy, unread }
    }

    /// How many filters are removed.
    #[must_use]
    pub fn number(&self) -> usize {
        filters(&self.filters).count()
    }

    /// Whether there is nothing to remove.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stack.is_none() && self.filters.steps.is_empty() && self.policy.is_none()
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
        names(self.number(), self.policy.as_deref(), self.stack.as_deref())
    }
}

impl Show for Plan {
    const SCHEMA: &'static str = "logctl.teardown-plan/v1";

    fn grid(&self) -> Grid {
        let row = |kind: &str, name: &str, group: &str| {
            vec![Cell::default().shown("- remove").role(Role::Bad), Cell::new(kind), Cell::new(name), Cell::new(group)]
        };
        let filters = filters(&self.filters).map(|(group, name)| row("filter", name, group));
        let policy = self.policy.iter().map(|name| row("account policy", name, ""));
        let stack = self.stack.iter().map(|name| row("stack", name, ""));
        let mut columns = vec![Column::Terminal("DO")];
        columns.extend(["WHAT", "NAME", "LOG GROUP"].map(Column::Both));
        Grid {
            above: vec![Above::Text(self.target.to_string())],
            columns,
            rows: filters.chain(policy).chain(stack).collect(),
            ..Grid::default()
        }
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
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
}

impl Outcome {
    /// Of a plan that is not begun.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self { target: plan.target.clone(), planned: plan.number(), done: 0, kept: Vec::new(), unread: Vec::new() }
    }
}

impl Show for Outcome {
    const SCHEMA: &'static str = "logctl.teardown/v1";

    fn grid(&self) -> Grid {
        // For people the closing lines say it all.
        let rows = self.kept.iter().map(|thing| vec![Cell::new("kept"), Cell::new(thing)]);
        Grid { columns: ["WHAT", "NAME"].map(Column::Pipe).to_vec(), rows: rows.collect(), ..Grid::default() }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::{aws::mocked::target, ui::three_forms};

    fn plan() -> Plan {
        let filters = vec![("/shop/orders".to_owned(), vec!["logctl-logctl".to_owned(), "by-hand".to_owned()])];
        Plan {
            stack: Some("logctl".to_owned()),
            ..Plan::new(&target(), None, filters, Some("everything".to_owned()), Vec::new())
        }
    }

    #[test]
    fn the_plan() {
        assert_snapshot!(three_forms(&plan()), @r#"
        account 123456789012 (shop), eu-west-1
        DO        WHAT            NAME           LOG GROUP
        - remove  filter          logctl-logctl  /shop/orders
        - remove  filter          by-hand        /shop/orders
        - remove  account policy  everything
        - remove  stack           logctl
        --- pipe
        filter	logctl-logctl	/shop/orders
        filter	by-hand	/shop/orders
        account policy	everything
        stack	logctl
        --- json
        {
          "schema": "logctl.teardown-plan/v1",
          "account": "123456789012",
          "alias": "shop",
          "region": "eu-west-1",
          "stack": "logctl",
          "filters": [
            [
              "/shop/orders",
              "logctl-logctl"
            ],
            [
              "/shop/orders",
              "by-hand"
            ]
          ],
          "policy": "everything"
        }
        "#);
        assert_snapshot!(plan().question(), @"Remove 2 filters, the account policy everything and stack logctl in account 123456789012 (shop), eu-west-1?");
    }

    #[test]
    fn the_outcome() {
        let kept = vec!["the indices logctl-*".to_owned()];
        assert_snapshot!(three_forms(&Outcome { done: 2, kept, ..Outcome::new(&plan()) }), @r#"
        --- pipe
        kept	the indices logctl-*
        --- json
        {
          "schema": "logctl.teardown/v1",
          "account": "123456789012",
          "alias": "shop",
          "region": "eu-west-1",
          "planned": 2,
          "done": 2,
          "kept": [
            "the indices logctl-*"
          ]
        }
        "#);
    }
}
