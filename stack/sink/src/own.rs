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
    names::{STACK_TAG, StackName, function_of, function_of_group},
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
    stack: Option<StackName>,
    /// Name of the search domain, where it is one of this account and Region.
    domain: Option<String>,
    known: Mutex<HashMap<String, (Chain, Instant)>>,
    of_domain: Mutex<Option<(BTreeSet<String>, Instant)>>,
}

impl OwnGroups {
    /// Seen from `stack`, whose functions are known to be there.
    #[must_use]
    pub fn new(aws: AwsClient, stack: Option<StackName>) -> Self {
        Self { aws, stack, domain: None, known: Mutex::default(), of_domain: Mutex::default() }
    }

    /// With the domain of this ARN, if it stands beside `neighbour`, another ARN: what it publishes elsewhere is not here.
    #[must_use]
    pub fn beside(self, neighbour: &str, domain: Option<String>) -> Self {
        let place = |arn: &str| arn.split(':').skip(3).take(2).map(str::to_owned).collect::<Vec<_>>();
        let here = domain.filter(|domain| place(domain) == place(neighbour));
        Self { domain: here.and_then(|arn| Some(arn.rsplit_once(":domain/")?.1.to_owned())), ..self }
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
        let groups = self.aws.domain_log_groups(domain).await?;
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
        let chain = match self.aws.function_tags(function).await? {
            Some(tags) if tags.get(STACK_TAG).is_some_and(|tag| tag == stack) => Chain::Function,
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
