//! Subscription filters, one call a group.

use aws_sdk_cloudwatchlogs::{
    Client,
    types::{Distribution, SubscriptionFilter},
};
use jiff::Timestamp;
use logctl_core::{
    coverage::{Filter, Filters},
    service::{LIMIT_EXCEEDED, NOT_FOUND, NOT_YET_PERMITTED},
};

use super::{Aws, Operation};
use crate::{error::Error, time::from_milliseconds};

/// Filter calls under way at once; a limiter keeps them under the quota, this hides their latency.
pub const AT_ONCE: usize = 8;

/// What became of putting a filter.
#[derive(Debug)]
pub enum Put {
    /// It is there.
    Done,
    /// The group has gone in the meantime.
    Gone,
    /// Others hold all slots of the group.
    Full,
    /// The forwarder's permission is not yet known everywhere: the same call works a moment later.
    NotYetPermitted,
}

/// Filter calls of one account and Region.
pub struct FilterCalls<'a> {
    aws: &'a Aws,
    client: Client,
}

impl<'a> FilterCalls<'a> {
    /// Calls no faster than the quotas let them.
    #[must_use]
    pub fn new(aws: &'a Aws) -> Self {
        Self { aws, client: aws.logs() }
    }

    /// The filters of a group, `None` where the group has gone in the meantime.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn get(&self, group: &str) -> Result<Option<Filters>, Error> {
        let call = || self.client.describe_subscription_filters().log_group_name(group).send();
        let page = match self.aws.limited(Operation::DescribeSubscriptionFilters, call).await {
            Ok(page) => page,
            Err(error) if error.code() == Some(NOT_FOUND) => return Ok(None),
            Err(error) => return Err(self.aws.explain(&format!("cannot read the filters of {group}"), &error)),
        };
        let filters = page.subscription_filters().iter().map(|filter| Filter {
            name: filter.filter_name().unwrap_or_default().to_owned(),
            destination: filter.destination_arn().unwrap_or_default().to_owned(),
            pattern: filter.filter_pattern().unwrap_or_default().to_owned(),
            distribution: filter.distribution().map(|distribution| distribution.as_str().to_owned()),
            selection: filter.field_selection_criteria().map(str::to_owned),
            transformed: filter.apply_on_transformed_logs(),
            system_fields: filter.emit_system_fields().to_vec(),
        });
        Ok(Some(filters.collect()))
    }

    /// Since when a filter of the group sends to `destination`; `None` where none does.
    ///
    /// # Errors
    /// When the filters cannot be read.
    pub async fn since(&self, group: &str, destination: &str) -> Result<Option<Timestamp>, Error> {
        let call = || self.client.describe_subscription_filters().log_group_name(group).send();
        let page = self.aws.limited(Operation::DescribeSubscriptionFilters, call).await;
        let page = page.map_err(|error| self.aws.explain(&format!("cannot read the filters of {group}"), &error))?;
        let ours = page.subscription_filters().iter().find(|filter| filter.destination_arn() == Some(destination));
        Ok(ours.and_then(SubscriptionFilter::creation_time).map(from_milliseconds))
    }

    /// Makes the group's filter of this name what it should be: everything, to `forwarder`.
    ///
    /// # Errors
    /// When that does not work, for a reason that is no outcome.
    pub async fn put(&self, group: &str, filter: &str, forwarder: &str) -> Result<Put, Error> {
        let call = || {
            self.client
                .put_subscription_filter()
                .log_group_name(group)
                .filter_name(filter)
                .filter_pattern(Filter::PATTERN)
                .destination_arn(forwarder)
                .distribution(Distribution::from(Filter::DISTRIBUTION))
                .send()
        };
        let Err(error) = self.aws.limited(Operation::PutSubscriptionFilter, call).await else { return Ok(Put::Done) };
        match error.code() {
            Some(NOT_FOUND) => Ok(Put::Gone),
            Some(LIMIT_EXCEEDED) => Ok(Put::Full),
            Some(_) if error.message().starts_with(NOT_YET_PERMITTED) => Ok(Put::NotYetPermitted),
            _ => Err(self.aws.explain(&format!("cannot put the filter {filter} of {group}"), &error)),
        }
    }

    /// Deletes a filter; one that is gone already is as good.
    ///
    /// # Errors
    /// When it stays.
    pub async fn delete(&self, group: &str, filter: &str) -> Result<(), Error> {
        let call = || self.client.delete_subscription_filter().log_group_name(group).filter_name(filter).send();
        match self.aws.limited(Operation::DeleteSubscriptionFilter, call).await {
            Err(error) if error.code() != Some(NOT_FOUND) => {
                Err(self.aws.explain(&format!("cannot delete the filter {filter} of {group}"), &error))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        aws::mocked::{Account, Answer},
        error::Kind,
    };

    const NOT_THERE: &str = r#"{"__type": "ResourceNotFoundException", "message": "no such group"}"#;
    const DENIED: &str = r#"{"__type": "AccessDeniedException", "message": "not you"}"#;

    /// What has no output is not done because somebody has answered.
    #[tokio::test]
    async fn a_page_is_no_success() {
        let page = "<html><title>Hotel Login</title>";
        let account =
            Account::new(&[("PutSubscriptionFilter", 200, page), ("DeleteSubscriptionFilter", 200, page)]).await;
        let aws = account.aws().await;
        let calls = FilterCalls::new(&aws);
        let error = calls.put("/a", "ours", "arn").await.unwrap_err();
        assert!(error.one_line().contains("answers 200, \"Hotel Login\""), "{}", error.one_line());
        calls.delete("/a", "ours").await.unwrap_err();
    }

    async fn account(answer: Answer<'_>) -> (Account, Aws) {
        let account = Account::new(&[answer]).await;
        let aws = account.aws().await;
        (account, aws)
    }

    #[tokio::test]
    async fn a_filter_is_read_whole() {
        let body = json!({"subscriptionFilters": [
            {"filterName": "ours", "destinationArn": "d", "filterPattern": "", "distribution": "ByLogStream"},
            {"filterName": "theirs", "destinationArn": "e", "filterPattern": "ERROR", "fieldSelectionCriteria": "f"},
        ]});
        let (_account, aws) = account(("DescribeSubscriptionFilters", 200, &body.to_string())).await;
        let read = FilterCalls::new(&aws).get("/a").await.unwrap().unwrap();
        let filter = |name: &str, destination: &str, pattern: &str| Filter {
            name: name.to_owned(),
            destination: destination.to_owned(),
            pattern: pattern.to_owned(),
            ..Filter::default()
        };
        let ours = Filter { distribution: Some("ByLogStream".to_owned()), ..filter("ours", "d", "") };
        let theirs = Filter { selection: Some("f".to_owned()), ..filter("theirs", "e", "ERROR") };
        assert_eq!(*read, [ours, theirs]);
    }

    #[tokio::test]
    async fn a_group_that_is_gone_has_no_filters_and_one_that_is_denied_is_an_error() {
        let (_account, aws) = account(("DescribeSubscriptionFilters", 400, NOT_THERE)).await;
        assert!(FilterCalls::new(&aws).get("/a").await.unwrap().is_none());
        let (_account, aws) = account(("DescribeSubscriptionFilters", 400, DENIED)).await;
        let error = FilterCalls::new(&aws).get("/a").await.unwrap_err();
        assert_eq!(error.kind, Kind::Denied);
        assert_eq!(error.one_line(), "cannot read the filters of /a: access denied: not you");
    }

    #[tokio::test]
    async fn a_filter_is_put_for_everything() {
        let (account, aws) = account(("PutSubscriptionFilter", 200, "{}")).await;
        assert!(matches!(FilterCalls::new(&aws).put("/a", "ours", "arn").await, Ok(Put::Done)));
        let expected = json!({
            "logGroupName": "/a", "filterName": "ours", "filterPattern": "", "destinationArn": "arn",
            "distribution": "ByLogStream",
        });
        assert_eq!(account.last().await, expected);
    }

    #[tokio::test]
    async fn what_became_of_a_filter_that_was_not_put() {
        let put = async |code: &str, message: &str| {
            let body = json!({"__type": code, "message": message}).to_string();
            let (_account, aws) = account(("PutSubscriptionFilter", 400, &body)).await;
            FilterCalls::new(&aws).put("/a", "ours", "arn").await
        };
        assert!(matches!(put("ResourceNotFoundException", "").await, Ok(Put::Gone)));
        assert!(matches!(put("LimitExceededException", "").await, Ok(Put::Full)));
        let early = format!("{NOT_YET_PERMITTED} Please check.");
        assert!(matches!(put("InvalidParameterException", &early).await, Ok(Put::NotYetPermitted)));
        let error = put("InvalidParameterException", "the pattern is none").await.unwrap_err();
        assert_eq!(error.one_line(), "cannot put the filter ours of /a: AWS refuses it: the pattern is none");
    }

    #[tokio::test]
    async fn a_filter_that_is_gone_already_is_deleted() {
        let (_account, aws) = account(("DeleteSubscriptionFilter", 400, NOT_THERE)).await;
        FilterCalls::new(&aws).delete("/a", "ours").await.unwrap();
        let (_account, aws) = account(("DeleteSubscriptionFilter", 400, DENIED)).await;
        let error = FilterCalls::new(&aws).delete("/a", "ours").await.unwrap_err();
        assert_eq!(error.one_line(), "cannot delete the filter ours of /a: access denied: not you");
    }
}
