//! How log groups belong to the forwarding chain, read.

use std::collections::BTreeSet;

use logctl_core::coverage::Chain;
use logctl_sink::own::OwnGroups;

use super::{Note, noted};
use crate::{aws::Aws, deploy::DeployedStack, error::Error};

/// How groups belong to the forwarding chain.
pub(super) struct Chains<'a> {
    aws: &'a Aws,
    own: OwnGroups,
    /// The groups to which the domain publishes its own logs, as far as that is known.
    of_domain: BTreeSet<String>,
}

impl<'a> Chains<'a> {
    /// # Errors
    /// Only where the caller is not logged in.
    pub(super) async fn read(
        aws: &'a Aws,
        stack: Option<&DeployedStack>,
        notes: &mut Vec<Note>,
    ) -> Result<Self, Error> {
        let working = stack.filter(|stack| stack.forwarder.is_some());
        let domain = stack.map(|stack| stack.settings.domain_arn.as_str());
        let own = OwnGroups::new(aws.signed().await?, &aws.target.account, working.map(|stack| stack.name.clone()));
        let own = own.with_domain(domain);
        let unread = |error| aws.explain_signed("cannot tell where the domain publishes its own logs", &error);
        let of_domain = aws.call_signed("es", || own.of_domain()).await.map_err(unread);
        let of_domain = noted(of_domain, notes, Note::DomainUnread)?.unwrap_or_default();
        Ok(Self { aws, own, of_domain })
    }

    /// How a group belongs, or why that could not be read.
    pub(super) async fn of(&self, group: &str) -> (Option<Chain>, Option<Error>) {
        if self.of_domain.contains(group) {
            return (Some(Chain::Domain), None);
        }
        let unread = |error| self.aws.explain_signed("cannot tell whether it is a log of logctl itself", &error);
        match self.aws.call_signed("lambda", || self.own.chain(group)).await {
            Ok(chain) => (Some(chain), None),
            Err(error) => (None, Some(unread(error))),
        }
    }
}
