//! Reads an account, one filter call a group.

use std::{collections::BTreeSet, pin::pin};

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use logctl_core::coverage::{AccountFacts, Chain, Class, GroupFacts};
use logctl_sink::own::OwnGroups;

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
    error::{Error, Kind},
    progress::Progress,
    words::count,
};

/// Reads the selected groups and everything that their states depend on.
///
/// # Errors
/// When the groups cannot be listed, or a glob of the selection matches none; not logged in where the caller no longer is:
/// nothing more is asked then. A group whose filters cannot be read for another reason is `unknown`.
pub async fn take(
    aws: &Aws,
    stack: Option<&DeployedStack>,
    scope: &Scope<'_>,
    limiter: &RateLimiter,
    now: Timestamp,
    progress: &dyn Progress,
) -> Result<Inventory, Error> {
    let coverage = stack.and_then(DeployedStack::coverage);
    let policy = unless_logged_out(policy::read(aws).await)?;
    let mut groups = groups::list(aws, progress).await?;
    scope.selection.check(groups.iter().map(|group| group.name.as_str()))?;
    tracing::info!("the account has {} log groups", groups.len());
    groups.retain(|group| scope.takes(group));
    let total = groups.len();
    progress.note("their filters");
    progress.total(total);
    let calls = FilterCalls::new(aws, limiter);
    let chains = Chains::read(aws, stack).await?;
    let mut reading = pin!(stream::iter(groups).map(|group| find(group, &calls, &chains)).buffer_unordered(AT_ONCE));
    let (mut found, mut read) = (Vec::with_capacity(total), 0);
    while let Some(group) = reading.next().await {
        if let Some(error) = group.as_ref().and_then(|group| group.error.as_ref())
            && error.kind == Kind::LoggedOut
        {
            return Err(error.clone().because(format!("{read} of {} had been read", count(total, "log group"))));
        }
        read += 1;
        progress.step();
        found.extend(group);
    }
    let (policy, name) = match policy {
        Ok(found) => found.map_or((None, Ok(None)), |(name, policy)| (Some(policy), Ok(Some(name)))),
        Err(error) => (None, Err(error)),
    };
    let account = AccountFacts { policy, ..AccountFacts::default() };
    Ok(Inventory {
        target: aws.target.clone(),
        taken_at: now,
        stack: stack.map(|stack| stack.name.clone()),
        notes: notes(stack, name.as_ref().err(), chains.of_domain.as_ref().err()),
        groups: decide_all(found, &account, coverage.as_ref()),
        coverage,
        account,
        policy: name,
    })
}

/// Which groups are read.
pub struct Scope<'a> {
    /// Those that match.
    pub selection: &'a GroupSelection,
    /// Those that were made until then, where that is said, and those of which nobody knows.
    pub made_until: Option<Timestamp>,
}

impl<'a> From<&'a GroupSelection> for Scope<'a> {
    fn from(selection: &'a GroupSelection) -> Self {
        Self { selection, made_until: None }
    }
}

impl Scope<'_> {
    fn takes(&self, group: &Group) -> bool {
        let late = self.made_until.zip(group.created).is_some_and(|(until, created)| created > until);
        self.selection.takes(&group.name) && !late
    }
}

/// What is not known for want of credentials ends a run; what is not known for another reason is part of its answer.
fn unless_logged_out<T>(result: Result<T, Error>) -> Result<Result<T, Error>, Error> {
    match result {
        Ok(found) => Ok(Ok(found)),
        Err(error) => error.unless_logged_out().map(Err),
    }
}

/// How groups belong to the forwarding chain.
struct Chains<'a> {
    aws: &'a Aws,
    own: OwnGroups,
    /// The groups to which the domain publishes its own logs.
    of_domain: Result<BTreeSet<String>, Error>,
}

impl<'a> Chains<'a> {
    async fn read(aws: &'a Aws, stack: Option<&DeployedStack>) -> Result<Self, Error> {
        let working = stack.filter(|stack| stack.forwarder.is_some());
        let domain = stack.map(|stack| stack.settings.domain_arn.as_str());
        let own = OwnGroups::new(aws.signed().await?, &aws.target.account, working.map(|stack| stack.name.clone()));
        let own = own.with_domain(domain);
        let unread = |error| aws.explain_signed("cannot tell where the domain publishes its own logs", &error);
        let of_domain = aws.call_signed("es", || own.of_domain()).await.map_err(unread);
        Ok(Self { aws, own, of_domain: unless_logged_out(of_domain)? })
    }

    async fn of(&self, group: &str) -> Result<Chain, Error> {
        if self.of_domain.as_ref().is_ok_and(|groups| groups.contains(group)) {
            return Ok(Chain::Domain);
        }
        let unread = |error| self.aws.explain_signed("cannot tell whether it is a log of logctl itself", &error);
        self.aws.call_signed("lambda", || self.own.chain(group)).await.map_err(unread)
    }
}

/// A group with its filters, `None` where it has gone in the meantime.
async fn find(group: Group, calls: &FilterCalls<'_>, chains: &Chains<'_>) -> Option<Found> {
    let Group { name, class, created, stored_bytes } = group;
    let (filters, error) = match class {
        Class::Standard => match calls.get(&name).await {
            Ok(filters) => (Some(filters?), None),
            Err(error) => (None, Some(error)),
        },
        // The other classes have none, and refuse the question.
        Class::InfrequentAccess | Class::Delivery | Class::Other => (None, None),
    };
    let (chain, unclear) = match chains.of(&name).await {
        Ok(chain) => (Some(chain), None),
        Err(error) => (None, Some(error)),
    };
    let facts = GroupFacts { name, chain, class, filters };
    Some(Found { facts, error: error.or(unclear), created, stored_bytes })
}

fn notes(stack: Option<&DeployedStack>, policy: Option<&Error>, domain: Option<&Error>) -> Vec<Note> {
    let idle = stack.filter(|stack| stack.forwarder.is_none() && stack.status.phase != Phase::Shell);
    let idle = idle.map(|stack| Note::ForwardsNothing(stack.name.clone(), stack.status.clone()));
    let disabled = stack.filter(|stack| !stack.settings.rule_enabled).map(|_| Note::RuleDisabled);
    let unread = policy.map(|error| Note::PolicyUnread(error.one_line()));
    let domain = domain.map(|error| Note::DomainUnread(error.one_line()));
    let problems = stack.into_iter().flat_map(|stack| stack.problems.iter().cloned().map(Note::ParameterUnread));
    [idle, disabled, unread, domain].into_iter().flatten().chain(problems).collect()
}
