//! Reads an account, one filter call a group.

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use logctl_core::coverage::{AccountFacts, Class, GroupFacts};

use super::{Found, Inventory, Note, decide_all};
use crate::{
    args::GroupSelection,
    aws::{
        Aws, RateLimiter,
        filters::{AT_ONCE, FilterCalls},
        groups::{self, Group},
        policy,
    },
    deploy::{DeployedStack, stack::Phase},
    error::Error,
    progress::Progress,
};

/// Reads the selected groups and everything that their states depend on.
///
/// # Errors
/// When the groups cannot be listed, or a glob of the selection matches none. A group whose filters cannot be read is
/// `unknown`.
pub async fn take(
    aws: &Aws,
    stack: Option<&DeployedStack>,
    selection: &GroupSelection,
    limiter: &RateLimiter,
    now: Timestamp,
    progress: &dyn Progress,
) -> Result<Inventory, Error> {
    let coverage = stack.and_then(DeployedStack::coverage);
    let policy = policy::read(aws).await;
    let mut groups = groups::list(aws, progress).await?;
    selection.check(groups.iter().map(|group| group.name.as_str()))?;
    tracing::info!("the account has {} log groups", groups.len());
    groups.retain(|group| selection.takes(&group.name));
    progress.note("their filters");
    progress.total(groups.len());
    let calls = FilterCalls::new(aws, limiter);
    let read = async |group: Group| {
        let found = find(group, &calls).await;
        progress.step();
        found
    };
    let found = stream::iter(groups).map(read).buffer_unordered(AT_ONCE).filter_map(async |it| it).collect().await;
    let (policy, name) = match policy {
        Ok(found) => found.map_or((None, Ok(None)), |(name, policy)| (Some(policy), Ok(Some(name)))),
        Err(error) => (None, Err(error)),
    };
    let account = AccountFacts { policy, ..AccountFacts::default() };
    Ok(Inventory {
        target: aws.target.clone(),
        taken_at: now,
        stack: stack.map(|stack| stack.name.clone()),
        notes: notes(stack, name.as_ref().err()),
        groups: decide_all(found, &account, coverage.as_ref()),
        coverage,
        account,
        policy: name,
    })
}

/// A group with its filters, `None` where it has gone in the meantime.
async fn find(group: Group, calls: &FilterCalls<'_>) -> Option<Found> {
    let Group { name, class, created, stored_bytes } = group;
    let (filters, error) = match class {
        Class::Standard => match calls.get(&name).await {
            Ok(filters) => (Some(filters?), None),
            Err(error) => (None, Some(error)),
        },
        // The other classes have none, and refuse the question.
        Class::InfrequentAccess | Class::Delivery | Class::Other => (None, None),
    };
    Some(Found { facts: GroupFacts { name, class, filters }, error, created, stored_bytes })
}

fn notes(stack: Option<&DeployedStack>, policy: Option<&Error>) -> Vec<Note> {
    let idle = stack.filter(|stack| stack.forwarder.is_none() && stack.status.phase != Phase::Shell);
    let idle = idle.map(|stack| Note::ForwardsNothing(stack.name.clone(), stack.status.clone()));
    let disabled = stack.filter(|stack| !stack.settings.rule_enabled).map(|_| Note::RuleDisabled);
    let unread = policy.map(|error| Note::PolicyUnread(error.one_line()));
    let problems = stack.into_iter().flat_map(|stack| stack.problems.iter().cloned().map(Note::ParameterUnread));
    [idle, disabled, unread].into_iter().flatten().chain(problems).collect()
}
