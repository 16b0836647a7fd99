//! What a deployment would change, in words a person understands.

use std::fmt::Display;

use aws_sdk_cloudformation::types::{Change, ChangeAction, Replacement, ResourceAttribute};
use logctl_core::names::StackName;
use serde::Serialize;

use crate::{
    aws::deploy::ChangeSet,
    ui::{Look, Show, count, paint, table},
};

/// Resources whose replacement cuts deliveries off: filters, permissions and the rule name them by ARN.
const LIFELINES: [&str; 4] = ["LogsForwarder", "LogGroupCreated", "LogGroupCreatedRule", "DeadLetters"];

/// A deployment before it is begun.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// Name of the stack.
    pub stack: String,
    creates: bool,
    /// Each resource that changes.
    pub changes: Vec<ResourceChange>,
}

/// What happens to one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceChange {
    action: Act,
    name: String,
    kind: String,
    /// Properties that change.
    properties: Vec<String>,
}

/// What happens to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Act {
    Replace,
    Remove,
    Change,
    Add,
}

impl Plan {
    /// The plan of a change set; `with_bucket` where the artifact bucket has to be made, too.
    #[must_use]
    pub fn new(stack: &StackName, set: &ChangeSet, with_bucket: bool) -> Self {
        let mut changes: Vec<ResourceChange> = set.changes.iter().filter_map(resource_change).collect();
        changes.sort_by(|a, b| (a.action, &a.name).cmp(&(b.action, &b.name)));
        if with_bucket && !changes.is_empty() {
            changes.push(ResourceChange {
                action: Act::Add,
                name: "Artifacts".to_owned(),
                kind: "AWS::S3::Bucket".to_owned(),
                properties: vec!["in a stack of its own".to_owned()],
            });
        }
        Self { stack: stack.to_string(), creates: set.creates, changes }
    }

    /// A resource whose replacement cuts deliveries off.
    #[must_use]
    pub fn gap(&self) -> Option<&str> {
        let cut = |change: &&ResourceChange| {
            matches!(change.action, Act::Replace | Act::Remove) && LIFELINES.contains(&change.name.as_str())
        };
        self.changes.iter().find(cut).map(|change| change.name.as_str())
    }

    /// What is asked before it is begun.
    #[must_use]
    pub fn question(&self) -> String {
        let verb = if self.creates { "Deploy" } else { "Update" };
        format!("{verb} stack {} ({})?", self.stack, count(self.changes.len(), "resource"))
    }
}

fn resource_change(change: &Change) -> Option<ResourceChange> {
    let resource = change.resource_change()?;
    let action = match (resource.action()?, resource.replacement()) {
        (ChangeAction::Add, _) => Act::Add,
        (ChangeAction::Remove, _) => Act::Remove,
        (_, Some(Replacement::True | Replacement::Conditional)) => Act::Replace,
        _ => Act::Change,
    };
    let mut properties: Vec<String> = resource
        .details()
        .iter()
        .filter_map(|detail| {
            let target = detail.target()?;
            let name = target.name().or_else(|| target.attribute().map(ResourceAttribute::as_str));
            name.map(str::to_owned)
        })
        .collect();
    properties.sort();
    properties.dedup();
    Some(ResourceChange {
        action,
        name: resource.logical_resource_id().unwrap_or_default().to_owned(),
        kind: resource.resource_type().unwrap_or_default().to_owned(),
        properties,
    })
}

impl Show for Plan {
    const SCHEMA: &'static str = "logctl.bootstrap-plan/v1";

    fn table(&self, look: &Look) -> impl Display {
        let rows = self.changes.iter().map(|change| {
            let (sign, style) = match change.action {
                Act::Add => ("+ add", look.good()),
                Act::Change => ("~ change", look.warning()),
                Act::Remove => ("- remove", look.bad()),
                Act::Replace => ("! replace", look.bad()),
            };
            let kind = change.kind.trim_start_matches("AWS::").replace("::", " ");
            vec![paint(style, sign), change.name.clone(), kind, paint(look.dim(), change.properties.join(", "))]
        });
        table(&["DO", "RESOURCE", "TYPE", "WHAT"], rows, look)
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        self.changes.iter().map(|change| {
            let action = serde_json::to_value(change.action).unwrap_or_default();
            format!("{}\t{}\t{}", action.as_str().unwrap_or_default(), change.name, change.kind)
        })
    }
}

/// How a deployment ended.
#[derive(Debug, Serialize)]
pub struct Outcome {
    stack: String,
    /// `deployed`, `begun` or `unchanged`.
    #[serde(rename = "outcome")]
    how: &'static str,
    changes: Vec<ResourceChange>,
}

impl Outcome {
    /// There was nothing to do.
    #[must_use]
    pub fn unchanged(plan: &Plan) -> Self {
        Self { stack: plan.stack.clone(), how: "unchanged", changes: Vec::new() }
    }

    /// It goes on without us.
    #[must_use]
    pub fn begun(plan: &Plan) -> Self {
        Self { stack: plan.stack.clone(), how: "begun", changes: plan.changes.clone() }
    }

    /// It is done.
    #[must_use]
    pub fn deployed(plan: &Plan) -> Self {
        Self { how: "deployed", ..Self::begun(plan) }
    }
}

impl Show for Outcome {
    const SCHEMA: &'static str = "logctl.bootstrap/v1";

    fn table(&self, _: &Look) -> impl Display {
        "" // The closing line says it all.
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        std::iter::once(format!("{}\t{}", self.stack, self.how))
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::types::ResourceChange as Wire;

    use super::*;

    fn plan(changes: &[(ChangeAction, Option<Replacement>, &str)]) -> Plan {
        let changes = changes
            .iter()
            .map(|(action, replacement, name)| {
                let wire = Wire::builder()
                    .action(action.clone())
                    .set_replacement(replacement.clone())
                    .logical_resource_id(*name)
                    .resource_type("AWS::Lambda::Function")
                    .build();
                Change::builder().resource_change(wire).build()
            })
            .collect();
        let set = ChangeSet { id: "c".into(), stack_id: "s".into(), creates: false, made_shell: false, changes };
        Plan::new(&"logctl".parse().unwrap(), &set, false)
    }

    #[test]
    fn replacing_the_forwarder_is_a_gap() {
        assert_eq!(plan(&[(ChangeAction::Modify, Some(Replacement::False), "LogsForwarder")]).gap(), None);
        assert_eq!(plan(&[(ChangeAction::Modify, Some(Replacement::True), "ForwarderRole")]).gap(), None);
        let replaced = plan(&[(ChangeAction::Modify, Some(Replacement::True), "LogsForwarder")]);
        assert_eq!(replaced.gap(), Some("LogsForwarder"));
    }

    #[test]
    fn the_worst_comes_first() {
        let plan = plan(&[
            (ChangeAction::Add, None, "B"),
            (ChangeAction::Modify, Some(Replacement::True), "A"),
            (ChangeAction::Remove, None, "C"),
        ]);
        assert_eq!(
            plan.lines().collect::<Vec<_>>(),
            ["replace\tA\tAWS::Lambda::Function", "remove\tC\tAWS::Lambda::Function", "add\tB\tAWS::Lambda::Function"]
        );
        assert_eq!(plan.question(), "Update stack logctl (3 resources)?");
    }
}
