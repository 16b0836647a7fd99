//! Log groups and their subscription filters, read in bulk.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_cloudwatchlogs::{Client, types::PolicyType};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use logctl_core::coverage::{AccountPolicy, Class, Filter};
use serde::Serialize;
use wildmatch::WildMatch;

use super::{Aws, Pace, explain, paced};
use crate::{
    cli::{Global, GroupSelection},
    error::{Error, Kind},
    time::of_milliseconds,
    ui::Progress,
};

/// Calls of DescribeLogGroups a second: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>.
const LISTINGS: f64 = 10.0;
/// Filter calls under way at once; the pace keeps them under the quota, this hides their latency.
const AT_ONCE: usize = 8;

/// A log group and what is known of it.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its class.
    pub class: Class,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Bytes that it holds, compressed.
    pub stored_bytes: Option<u64>,
    /// Its subscription filters, or why they could not be read. Empty for classes that have none.
    pub filters: Result<Vec<Filter>, Error>,
}

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// The group was asked directly.
    Asked,
}

impl GroupSelection {
    /// Whether a run is about this group.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        let matches = |glob: &str| WildMatch::new(glob).matches(name);
        let (without, with): (Vec<_>, Vec<_>) = self.groups.iter().partition(|glob| glob.starts_with('!'));
        (with.is_empty() || with.iter().any(|glob| matches(glob))) && !without.iter().any(|glob| matches(&glob[1..]))
    }
}

/// Reads the names, classes, ages and sizes of the selected log groups.
///
/// # Errors
/// When the groups cannot be listed.
pub async fn list(
    aws: &Aws,
    selection: &GroupSelection,
    global: &Global,
    progress: &Progress,
) -> Result<Vec<Group>, Error> {
    let client = aws.logs();
    let pace = Pace::new(LISTINGS);
    let mut groups = Vec::new();
    let mut token = None;
    loop {
        let call = || client.describe_log_groups().limit(50).set_next_token(token.clone()).send();
        let page = paced(&pace, call).await;
        let page =
            page.map_err(|error| explain(&format!("cannot read log groups in {}", aws.region), &error, global))?;
        for group in page.log_groups() {
            let name = group.log_group_name().unwrap_or_default();
            if selection.takes(name) {
                groups.push(Group {
                    name: name.to_owned(),
                    class: Class::of(group.log_group_class().map(|class| class.as_str())),
                    created: group.creation_time().map(of_milliseconds),
                    stored_bytes: group.stored_bytes().and_then(|bytes| u64::try_from(bytes).ok()),
                    filters: Ok(Vec::new()),
                });
                progress.step();
            }
        }
        token = page.next_token;
        if token.is_none() {
            return Ok(groups);
        }
    }
}

/// Reads the subscription filters of `groups`, those that can have any, one call a group.
pub async fn read_filters(aws: &Aws, groups: &mut [Group], pace: &Pace, global: &Global, progress: &Progress) {
    let client = aws.logs();
    let done = AtomicUsize::new(0);
    let askable = groups.iter_mut().filter(|group| group.class == Class::Standard);
    stream::iter(askable)
        .map(async |group| {
            group.filters = filters(&client, &group.name, pace, global).await;
            progress.at(done.fetch_add(1, Ordering::Relaxed) + 1);
        })
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
}

/// The subscription filters of one group.
///
/// # Errors
/// When they cannot be read.
pub async fn filters(client: &Client, group: &str, pace: &Pace, global: &Global) -> Result<Vec<Filter>, Error> {
    let call = || client.describe_subscription_filters().log_group_name(group).send();
    let page = paced(pace, call).await;
    let page = page.map_err(|error| explain(&format!("cannot read the filters of {group}"), &error, global))?;
    Ok(page
        .subscription_filters()
        .iter()
        .map(|filter| Filter {
            name: filter.filter_name().unwrap_or_default().to_owned(),
            destination: filter.destination_arn().unwrap_or_default().to_owned(),
            pattern: filter.filter_pattern().unwrap_or_default().to_owned(),
            distribution: filter.distribution().map(|distribution| distribution.as_str().to_owned()),
        })
        .collect())
}

/// The account's subscription policy, with its name. One that may not be read is a note, not a failure.
///
/// # Errors
/// When it cannot be read, for another reason than a missing permission.
pub async fn account_policy(aws: &Aws, global: &Global) -> Result<Option<(String, AccountPolicy)>, Error> {
    let client = aws.logs();
    let call = || client.describe_account_policies().policy_type(PolicyType::SubscriptionFilterPolicy).send();
    let found = match paced(&Pace::new(LISTINGS), call).await {
        Ok(found) => found,
        Err(error) => {
            let error = explain("cannot read the account policy", &error, global);
            return if error.kind == Kind::Denied { Ok(None) } else { Err(error) };
        }
    };
    Ok(found.account_policies().iter().find_map(|policy| {
        let parsed = AccountPolicy::parse(policy.policy_document()?, policy.selection_criteria().unwrap_or_default())?;
        Some((policy.policy_name().unwrap_or_default().to_owned(), parsed))
    }))
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(&[], true; "no selection takes all")]
    #[test_case(&["/aws/*"], true; "a glob crosses slashes")]
    #[test_case(&["/ecs/*", "*pay"], true; "one of several")]
    #[test_case(&["/ecs/*"], false; "no glob matches")]
    #[test_case(&["!*pay"], false; "left out")]
    #[test_case(&["/aws/*", "!*pay"], false; "taken and left out")]
    fn selection(globs: &[&str], takes: bool) {
        let selection = GroupSelection { groups: globs.iter().map(ToString::to_string).collect() };
        assert_eq!(selection.takes("/aws/lambda/pay"), takes);
    }
}
