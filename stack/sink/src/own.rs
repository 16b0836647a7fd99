//! Which log groups belong to functions of logctl: their events must not be forwarded, or they would never end.
//!
//! A name alone tells nothing: anybody may call a function `logctl-billing-domain`.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use logctl_core::{
    coverage::Chain,
    names::{StackName, function_of, function_of_group, is_of_stack},
};
use tokio::time::Instant;

use crate::aws::{AwsClient, AwsError};

/// How long an answer is believed.
const FRESH: Duration = Duration::from_mins(10);
/// How many answers are kept; more are forgotten all at once.
const MAX_KNOWN: usize = 1_000;

/// Tells the groups of functions of logctl. It lives as long as its sandbox.
pub struct OwnGroups {
    aws: AwsClient,
    /// The account whose groups these are.
    account: String,
    stack: Option<StackName>,
    /// Name of the search domain, where it is one of this account and Region.
    domain: Option<String>,
    known: Mutex<HashMap<String, (Chain, Instant)>>,
    of_domain: Mutex<Option<(BTreeSet<String>, Instant)>>,
}

impl OwnGroups {
    /// Those of an account, seen from `stack`, whose functions are known to be there.
    #[must_use]
    pub fn new(aws: AwsClient, account: &str, stack: Option<StackName>) -> Self {
        Self {
            aws,
            account: account.to_owned(),
            stack,
            domain: None,
            known: Mutex::default(),
            of_domain: Mutex::default(),
        }
    }

    /// With the domain of this ARN, if it is one of this account and Region: what another publishes is not here.
    #[must_use]
    pub fn with_domain(self, arn: Option<&str>) -> Self {
        let here = format!(":{}:{}:domain/", self.aws.region(), self.account);
        let domain = arn.and_then(|arn| arn.split_once(&here)).map(|(_, name)| name.to_owned());
        Self { domain, ..self }
    }

    /// The account whose groups these are.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The groups to which the search domain publishes its own logs.
    ///
    /// # Errors
    /// When AWS does not say; nothing is retried here.
    pub async fn of_domain(&self) -> Result<BTreeSet<String>, AwsError> {
        let Some(domain) = &self.domain else { return Ok(BTreeSet::new()) };
        let lock = || self.of_domain.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((groups, at)) = &*lock()
            && at.elapsed() < FRESH
        {
            return Ok(groups.clone());
        }
        let groups = self.aws.domain(domain).await?.log_groups();
        *lock() = Some((groups.clone(), Instant::now()));
        Ok(groups)
    }

    /// How `group` belongs to the forwarding chain. Only a name that looks like a function of another stack is asked for.
    ///
    /// # Errors
    /// When AWS does not say; nothing is retried here.
    pub async fn chain(&self, group: &str) -> Result<Chain, AwsError> {
        let Some(function) = function_of_group(group) else { return Ok(Chain::No) };
        let Some((stack, _)) = function_of(function) else { return Ok(Chain::No) };
        if self.stack.as_ref().is_some_and(|own| own.as_str() == stack) {
            return Ok(Chain::Function);
        }
        if let Some(known) = self.known(function) {
            return Ok(known);
        }
        let chain = match self.aws.function_tags(&self.account, function).await? {
            Some(tags) if is_of_stack(&tags, stack) => Chain::Function,
            Some(_) => Chain::No,
            None => Chain::NoFunction,
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(function.to_owned(), (chain, Instant::now()));
        Ok(chain)
    }

    fn known(&self, function: &str) -> Option<Chain> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(function).filter(|(_, at)| at.elapsed() < FRESH).map(|(chain, _)| *chain)
    }
}
