//! The account's subscription policy.

use std::collections::BTreeSet;

use serde::Deserialize;

/// The account's subscription policy, of which there is at most one in a Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPolicy {
    /// ARN of what receives the events.
    pub destination: String,
    /// Groups that its selection criteria leave out: `LogGroupName NOT IN [...]`.
    pub except: BTreeSet<String>,
    /// Whether it sends every event of every other group. One with a filter pattern, or with criteria that could not be
    /// read, proves nothing about a group.
    pub complete: bool,
}

impl AccountPolicy {
    /// Reads a policy from its document and its selection criteria, whose only form is `LogGroupName NOT IN ["a", "b"]`.
    /// `None` where the document names no destination.
    #[must_use]
    pub fn parse(document: &str, criteria: &str) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Document {
            destination_arn: String,
            #[serde(default)]
            filter_pattern: String,
        }
        let document: Document = serde_json::from_str(document).ok()?;
        let names = match criteria.split_once("NOT IN") {
            None => criteria.trim().is_empty().then(BTreeSet::new),
            Some((_, names)) => serde_json::from_str(names).ok(),
        };
        let complete = document.filter_pattern.is_empty() && names.is_some();
        Some(Self { destination: document.destination_arn, except: names.unwrap_or_default(), complete })
    }
}
