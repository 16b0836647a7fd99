//! What a deployment would change, in words a person understands.

use std::collections::BTreeSet;

use aws_sdk_cloudformation::types::{
    Change, ChangeAction, ChangeSource, EvaluationType, Replacement, RequiresRecreation, ResourceAttribute,
    ResourceChangeDetail,
};
use logctl_core::names::StackName;
use serde::Serialize;
use strum::Display;

use crate::{
    aws::Target,
    checks::Check,
    deploy::{StackSettings, artifacts::Artifacts, change_set::ChangeSet},
    ui::{Above, Cell, Column, Grid, Role, Show},
    words::count,
};

/// Resources that others name by their ARN, and what is cut off where one gets another.
const LIFELINES: [(&str, &str); 4] = [
    ("LogsForwarder", "every subscription filter would point to nothing"),
    ("LogGroupCreated", "new log groups would not be subscribed meanwhile"),
    ("LogGroupCreatedRule", "new log groups would not be subscribed meanwhile"),
    ("DeadLetters", "what waits in the old bucket would not be indexed"),
];

/// A deployment before it is begun.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// Which account and Region.
    #[serde(flatten)]
    pub target: Target,
    /// Name of the stack.
    pub stack: String,
    /// Where its domain answers.
    endpoint: String,
    creates: bool,
    /// Each resource that changes.
    pub changes: Vec<ResourceChange>,
    /// What was looked at before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checks: Vec<Check>,
    /// What is left behind.
    #[serde(skip)]
    moves: Option<String>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
enum Act {
    Replace,
    Remove,
    Change,
    Add,
}

impl Plan {
    /// The plan of a change set. The artifact bucket has to be made, too, where there is none, and to admit the caller.
    #[must_use]
    pub fn new(
        target: &Target,
        stack: &StackName,
        settings: &StackSettings,
        set: &ChangeSet,
        artifacts: Option<&Artifacts>,
    ) -> Self {
        let replaced = replaced(&set.changes);
        let mut changes: Vec<ResourceChange> =
            set.changes.iter().filter_map(|change| resource_change(change, &replaced)).collect();
        changes.sort_by(|a, b| (a.action, &a.name).cmp(&(b.action, &b.name)));
        let of_bucket = match artifacts {
            None => Some((Act::Add, "Artifacts", "AWS::S3::Bucket", "in a stack of its own")),
            Some(artifacts) if !artifacts.admits => {
                Some((Act::Change, "ArtifactsPolicy", "AWS::S3::BucketPolicy", "admits you, in a stack of its own"))
            }
            Some(_) => None,
        };
        if let Some((action, name, kind, what)) = of_bucket.filter(|_| !changes.is_empty()) {
            let [name, kind, what] = [name, kind, what].map(str::to_owned);
            changes.push(ResourceChange { action, name, kind, properties: vec![what] });
        }
        let endpoint = settings.endpoint.as_ref().map_or_else(String::new, ToString::to_string);
        Self {
            target: target.clone(),
            stack: stack.to_string(),
            endpoint,
            creates: set.creates,
            changes,
            checks: Vec::new(),
            moves: None,
        }
    }

    /// With what was looked at before.
    #[must_use]
    pub fn with(self, checks: Vec<Check>) -> Self {
        Self { checks, ..self }
    }

    /// With what is left behind where the stack moves on to another domain, or to other indices.
    #[must_use]
    pub fn moving(self, before: Option<&StackSettings>, after: &StackSettings) -> Self {
        let moves = |before: &StackSettings| {
            let old = before.endpoint.as_ref()?;
            if before.endpoint != after.endpoint {
                return Some(format!(
                    "this would move on to another domain: what {old} holds is not searched any more"
                ));
            }
            let prefix = &before.prefix;
            (*prefix != after.prefix)
                .then(|| format!("this would move on to other indices: {prefix}-* are not searched any more"))
        };
        Self { moves: before.and_then(moves), ..self }
    }

    /// What it would cut off, and what that means, if it does.
    #[must_use]
    pub fn gap(&self) -> Option<String> {
        let cuts = self.changes.iter().filter(|change| matches!(change.action, Act::Replace | Act::Remove));
        let mut cut =
            cuts.filter_map(|change| Some((change, LIFELINES.iter().find(|(name, _)| *name == change.name)?)));
        let lifeline = cut.next();
        let lifeline =
            lifeline.map(|(change, (name, consequence))| format!("this would {} {name}: {consequence}", change.action));
        lifeline.or_else(|| self.moves.clone())
    }

    /// Roles that get another name, once: those of stacks before had none of their own.
    #[must_use]
    pub fn renames_roles(&self) -> bool {
        self.changes.iter().any(|change| change.action == Act::Replace && change.kind == "AWS::IAM::Role")
    }

    /// What is asked before it is begun.
    #[must_use]
    pub fn question(&self) -> String {
        let verb = if self.creates { "Deploy" } else { "Update" };
        let resources = count(self.changes.len(), "resource");
        format!("{verb} stack {} ({resources}) in {}?", self.stack, self.target)
    }
}

/// The resources that are replaced. CloudFormation says so itself, or that it depends: a permission names the function by
/// its ARN, and a change of the function might change that. It does where the function itself is replaced, and only there.
fn replaced(changes: &[Change]) -> BTreeSet<&str> {
    let resources = || changes.iter().filter_map(Change::resource_change);
    let mut replaced = BTreeSet::new();
    loop {
        let before = replaced.len();
        for resource in resources() {
            let Some(name) = resource.logical_resource_id() else { continue };
            let is = match resource.replacement() {
                Some(Replacement::True) => true,
                Some(Replacement::Conditional) => is_replaced(resource.details(), &replaced),
                _ => false,
            };
            if is {
                replaced.insert(name);
            }
        }
        if replaced.len() == before {
            return replaced;
        }
    }
}

/// Whether a resource of which that depends is replaced, as far as the others are known.
fn is_replaced(details: &[ResourceChangeDetail], replaced: &BTreeSet<&str>) -> bool {
    let recreates = |detail: &&ResourceChangeDetail| {
        detail.target().is_some_and(|target| target.requires_recreation() != Some(&RequiresRecreation::Never))
    };
    let property = |detail: &ResourceChangeDetail| detail.target().and_then(|target| target.name().map(str::to_owned));
    let by_resource = |detail: &&ResourceChangeDetail| {
        matches!(detail.change_source(), Some(ChangeSource::ResourceReference | ChangeSource::ResourceAttribute))
    };
    details.iter().filter(recreates).any(|detail| {
        if by_resource(&detail) {
            let cause = detail.causing_entity().and_then(|entity| entity.split('.').next());
            return cause.is_none_or(|cause| replaced.contains(cause));
        }
        // A property that follows from another resource's is told twice: once more as a modification of its own.
        let echo = detail.evaluation() == Some(&EvaluationType::Dynamic)
            && details.iter().filter(by_resource).any(|other| property(other) == property(detail));
        !echo
    })
}

fn resource_change(change: &Change, replaced: &BTreeSet<&str>) -> Option<ResourceChange> {
    let resource = change.resource_change()?;
    let action = match resource.action()? {
        ChangeAction::Add => Act::Add,
        ChangeAction::Remove => Act::Remove,
        _ if resource.logical_resource_id().is_some_and(|name| replaced.contains(name)) => Act::Replace,
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

    fn grid(&self) -> Grid {
        let row = |change: &ResourceChange| {
            let (sign, role) = match change.action {
                Act::Add => ("+", Role::Good),
                Act::Change => ("~", Role::Warning),
                Act::Remove => ("-", Role::Bad),
                Act::Replace => ("!", Role::Bad),
            };
            let action = change.action.to_string();
            vec![
                Cell::new(&action).shown(format!("{sign} {action}")).role(role),
                Cell::new(&change.name),
                Cell::new(&change.kind).shown(change.kind.trim_start_matches("AWS::").replace("::", " ")),
                Cell::new(change.properties.join(", ")).role(Role::Dim),
            ]
        };
        let mut columns = ["DO", "RESOURCE", "TYPE"].map(Column::Both).to_vec();
        columns.push(Column::Terminal("WHAT"));
        Grid {
            above: vec![Above::Text(format!("{}, to {}", self.target, self.endpoint))],
            columns,
            rows: self.changes.iter().map(row).collect(),
            ..Grid::default()
        }
    }
}

/// What became of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
enum How {
    Deployed,
    Begun,
    Unchanged,
}

/// How a deployment ended.
#[derive(Debug, Serialize)]
pub struct Outcome {
    #[serde(flatten)]
    target: Target,
    stack: String,
    #[serde(rename = "outcome")]
    how: How,
    changes: Vec<ResourceChange>,
}

impl Outcome {
    /// There was nothing to do.
    #[must_use]
    pub fn unchanged(plan: &Plan) -> Self {
        Self { changes: Vec::new(), how: How::Unchanged, ..Self::begun(plan) }
    }

    /// It goes on without us.
    #[must_use]
    pub fn begun(plan: &Plan) -> Self {
        Self { target: plan.target.clone(), stack: plan.stack.clone(), how: How::Begun, changes: plan.changes.clone() }
    }

    /// It is done.
    #[must_use]
    pub fn deployed(plan: &Plan) -> Self {
        Self { how: How::Deployed, ..Self::begun(plan) }
    }
}

impl Show for Outcome {
    const SCHEMA: &'static str = "logctl.bootstrap/v1";

    fn grid(&self) -> Grid {
        // For people the closing line says it all.
        let row = vec![Cell::new(&self.stack), Cell::new(self.how)];
        Grid { columns: ["WHAT", "NAME"].map(Column::Pipe).to_vec(), rows: vec![row], ..Grid::default() }
    }
}

#[cfg(test)]
mod tests;
