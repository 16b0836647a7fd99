//! Reads an account and decides the state of each of its log groups: what `audit`, `backfill`, `groups` and `teardown`
//! start from.

mod group;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use logctl_core::{
    coverage::{self, AccountPolicy, Class, Decision, Filter, Limits, decide},
    names::StackName,
};

use crate::{
    args::GroupSelection,
    aws::{
        Aws, Pace, Target,
        filters::Filters,
        groups::{self, Group},
        policy,
        stack::Stack,
    },
    error::{Error, Kind},
    progress::Progress as _,
    ui::{Ui, count},
};

pub use group::{GroupReport, needs_attention, style};

/// Filter calls under way at once; the pace keeps them under the quota, this hides their latency.
pub const AT_ONCE: usize = 8;

/// An account as it is now.
#[derive(Debug)]
pub struct Survey {
    /// Which account and Region.
    pub target: Target,
    /// When it was read.
    pub taken_at: Timestamp,
    /// Name of the forwarding stack, where there is one.
    pub stack: Option<StackName>,
    /// What the decisions know of it; `None` also for a stack that has no forwarder.
    pub coverage: Option<coverage::Stack>,
    /// Name of the account policy and what it says, or why it could not be read.
    pub policy: Result<Option<(String, AccountPolicy)>, Error>,
    /// The selected groups by name.
    pub groups: Vec<Surveyed>,
}

/// A log group with its state.
#[derive(Debug)]
pub struct Surveyed {
    /// What its listing tells.
    pub group: Group,
    /// Its filters, or why they could not be read; `None` where its class has none.
    pub filters: Option<Result<Vec<Filter>, Error>>,
    /// Its state, why, and what to do.
    pub decision: Decision,
}

impl Surveyed {
    /// The filters that could be read.
    pub fn known_filters(&self) -> impl Iterator<Item = &Filter> {
        self.filters.iter().flatten().flatten()
    }
}

/// Reads the selected groups and everything that their states depend on.
///
/// # Errors
/// When the groups cannot be listed, or a glob of the selection matches none. A group whose filters cannot be read is
/// `unknown`.
pub async fn survey(
    aws: &Aws,
    stack: Option<&Stack>,
    selection: &GroupSelection,
    pace: &Pace,
    now: Timestamp,
    ui: &mut Ui,
) -> Result<Survey, Error> {
    let coverage = stack.and_then(Stack::coverage);
    if let (Some(stack), None) = (stack, &coverage) {
        ui.warning(format_args!("stack {} is {} and forwards nothing", stack.name, stack.status));
    }
    if stack.is_some_and(|stack| stack.parameters.get("RuleState").is_some_and(|state| state == "DISABLED")) {
        ui.warning("the stack's rule is disabled: new log groups are not subscribed");
    }
    let policy = policy::read(aws).await;
    if let Err(error) = &policy {
        ui.warning(format_args!("{}; groups that it streams look missing", error.message));
    }
    let progress = ui.progress("reading log groups", None);
    let mut groups = groups::list(aws, &progress).await?;
    drop(progress);
    selection.check(groups.iter().map(|group| group.name.as_str()))?;
    tracing::info!("the account has {} log groups", groups.len());
    groups.retain(|group| selection.takes(&group.name));
    let progress = ui.progress("reading filters", Some(groups.len()));
    let filters = Filters::new(aws, pace);
    let read = async |group: Group| {
        let filters = match group.class {
            Class::Standard => filters.of(&group.name).await.transpose().map(Some),
            _ => Some(None),
        };
        progress.step();
        Some((group, filters?)) // A group that has gone in the meantime is no group.
    };
    let mut read: Vec<_> =
        stream::iter(groups).map(read).buffer_unordered(AT_ONCE).filter_map(async |it| it).collect().await;
    drop(progress);
    read.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    let limits = Limits::default();
    let surveyed = |(group, filters): (Group, Option<Result<Vec<Filter>, Error>>)| {
        let known = filters.as_ref().and_then(|filters| filters.as_deref().ok());
        let policy = policy.as_ref().ok().and_then(Option::as_ref).map(|(_, policy)| policy);
        let decision = decide(&group.name, group.class, known, policy, coverage.as_ref(), &limits);
        Surveyed { group, filters, decision }
    };
    let groups = read.into_iter().map(surveyed).collect();
    Ok(Survey {
        target: aws.target.clone(),
        taken_at: now,
        stack: stack.map(|stack| stack.name.clone()),
        coverage,
        policy,
        groups,
    })
}

impl Survey {
    /// The error of a survey that could not read every group.
    ///
    /// # Errors
    /// Incomplete where some answered, denied where none did because of that, throttled where that was the reason.
    pub fn check(&self) -> Result<(), Error> {
        let asked = self.groups.iter().filter(|surveyed| surveyed.filters.is_some()).count();
        let errors: Vec<&Error> =
            self.groups.iter().filter_map(|surveyed| surveyed.filters.as_ref()?.as_ref().err()).collect();
        let Some(first) = errors.first() else { return Ok(()) };
        let kind = if errors.iter().all(|error| error.kind == Kind::Denied) && errors.len() == asked {
            Kind::Denied
        } else if errors.iter().any(|error| error.kind == Kind::Throttled) {
            Kind::Throttled
        } else {
            Kind::Incomplete
        };
        let message = format!("{} could not be read", count(errors.len(), "log group"));
        Err(Error { kind, message, causes: vec![first.message.clone()], hints: first.hints.clone() })
    }

    /// Group and name of every filter that sends to `stack`.
    ///
    /// # Errors
    /// Where a group could not be read: it may hold one.
    pub fn filters_to(&self, stack: &coverage::Stack) -> Result<Vec<(String, String)>, Error> {
        self.check()?;
        let of_group = |surveyed: &Surveyed| {
            let ours = surveyed.known_filters().filter(|filter| stack.owns(filter));
            ours.map(|filter| (surveyed.group.name.clone(), filter.name.clone())).collect::<Vec<_>>()
        };
        Ok(self.groups.iter().flat_map(of_group).collect())
    }
}
