//! Subscription filters, one call a group.

use aws_sdk_cloudwatchlogs::{Client, error::ProvideErrorMetadata as _, types::Distribution};
use logctl_core::{
    coverage::Filter,
    service::{LIMIT_EXCEEDED, NOT_FOUND, NOT_YET_PERMITTED},
};

use super::{Aws, RateLimiter, code, limited};
use crate::error::Error;

/// Filter calls under way at once; the limiter keeps them under the quota, this hides their latency.
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
    limiter: &'a RateLimiter,
}

impl<'a> FilterCalls<'a> {
    /// Calls no faster than the limiter lets them.
    #[must_use]
    pub fn new(aws: &'a Aws, limiter: &'a RateLimiter) -> Self {
        Self { aws, client: aws.logs(), limiter }
    }

    /// The filters of a group, `None` where the group has gone in the meantime.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn get(&self, group: &str) -> Result<Option<Vec<Filter>>, Error> {
        let call = || self.client.describe_subscription_filters().log_group_name(group).send();
        let page = match limited(self.limiter, call).await {
            Ok(page) => page,
            Err(error) if code(&error) == Some(NOT_FOUND) => return Ok(None),
            Err(error) => return Err(self.aws.explain(&format!("cannot read the filters of {group}"), &error)),
        };
        let filters = page.subscription_filters().iter().map(|filter| Filter {
            name: filter.filter_name().unwrap_or_default().to_owned(),
            destination: filter.destination_arn().unwrap_or_default().to_owned(),
            pattern: filter.filter_pattern().unwrap_or_default().to_owned(),
            distribution: filter.distribution().map(|distribution| distribution.as_str().to_owned()),
            selection: filter.field_selection_criteria().map(str::to_owned),
        });
        Ok(Some(filters.collect()))
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
        let Err(error) = limited(self.limiter, call).await else { return Ok(Put::Done) };
        let message = error.as_service_error().and_then(|said| said.message()).unwrap_or_default();
        match code(&error) {
            Some(NOT_FOUND) => Ok(Put::Gone),
            Some(LIMIT_EXCEEDED) => Ok(Put::Full),
            Some(_) if message.starts_with(NOT_YET_PERMITTED) => Ok(Put::NotYetPermitted),
            _ => Err(self.aws.explain("cannot put the filter", &error)),
        }
    }

    /// Deletes a filter; one that is gone already is as good.
    ///
    /// # Errors
    /// When it stays.
    pub async fn delete(&self, group: &str, filter: &str) -> Result<(), Error> {
        let call = || self.client.delete_subscription_filter().log_group_name(group).filter_name(filter).send();
        match limited(self.limiter, call).await {
            Err(error) if code(&error) != Some(NOT_FOUND) => {
                Err(self.aws.explain(&format!("cannot delete the filter {filter} of {group}"), &error))
            }
            _ => Ok(()),
        }
    }
}
