//! Where filters send to: is it there, and does it take what they send?

use std::collections::{BTreeMap, BTreeSet};

use logctl_core::coverage::{self, AccountPolicy};
use logctl_sink::aws::AwsClient;

use super::{Entry, Note, noted};
use crate::{
    aws::{Aws, admits},
    error::Error,
};

/// Of the functions of this account that filters and the policy send to, whether each takes deliveries, as far as that could be
/// read. No other kind of destination is looked at.
///
/// # Errors
/// Only where the caller is not logged in.
pub(super) async fn read(
    aws: &Aws,
    entries: &[Entry],
    policy: Option<&AccountPolicy>,
    stack: Option<&coverage::Stack>,
    notes: &mut Vec<Note>,
) -> Result<BTreeMap<String, bool>, Error> {
    let here = aws.function("");
    let filters = entries.iter().flat_map(Entry::filters);
    let destinations = filters.map(|filter| filter.destination.as_str());
    let destinations = destinations.chain(policy.map(|policy| policy.destination.as_str()));
    let destinations: BTreeSet<&str> = destinations.filter(|arn| arn.starts_with(&here)).collect();
    let client = aws.signed().await?;
    let (mut found, mut unread_ones) = (BTreeMap::new(), Vec::new());
    for arn in destinations {
        // A version or an alias may follow.
        let name = arn[here.len()..].split(':').next().unwrap_or_default();
        let unread = |error| aws.explain_signed(&format!("cannot tell whether {name} is there"), &error);
        let tags = aws.call_signed("lambda", || client.function_tags(&aws.target.account, name)).await;
        let Some(tags) = noted(tags.map_err(unread), &mut unread_ones, Note::DestinationUnread)? else { continue };
        let mut takes = tags.is_some();
        if takes && stack.is_some_and(|stack| stack.forwarder == arn) {
            let admitted = noted(admitted(aws, &client, arn).await, &mut unread_ones, Note::DestinationUnread)?;
            let Some(admitted) = admitted else { continue };
            takes = admitted;
        }
        found.insert(arn.to_owned(), takes);
    }
    notes.extend(unread_ones.into_iter().next()); // One tells enough.
    Ok(found)
}

/// Whether our forwarder admits CloudWatch Logs.
async fn admitted(aws: &Aws, client: &AwsClient, arn: &str) -> Result<bool, Error> {
    const FAILED: &str = "cannot tell whether the forwarder admits CloudWatch Logs";
    let policy = aws.call_signed("lambda", || client.function_policy(arn)).await;
    let policy = policy.map_err(|error| aws.explain_signed(FAILED, &error))?;
    let Some(policy) = policy else { return Ok(false) }; // Nobody is admitted.
    let source = aws.target.arn("logs", "log-group:any:*");
    let admits = admits(&policy, &aws.target.logs_principals(), &source, &aws.target.account);
    admits.ok_or_else(|| Error::failed(FAILED).because("its policy holds conditions that are not understood here"))
}
