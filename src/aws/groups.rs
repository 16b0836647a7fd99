//! Log groups.

use aws_sdk_cloudwatchlogs::types::LogGroupClass;
use jiff::Timestamp;
use logctl_core::coverage::Class;

use super::{Aws, RateLimiter, limited};
use crate::{error::Error, progress::Progress, time::from_milliseconds};

/// Calls of DescribeLogGroups a second: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>.
const RATE: f64 = 10.0;
/// Groups of one page, the most that the API gives.
const PAGE: i32 = 50;

/// A log group and what its listing tells.
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
}

/// Reads names, classes, ages and sizes of all log groups.
///
/// # Errors
/// When the groups cannot be listed.
pub async fn list(aws: &Aws, progress: &dyn Progress) -> Result<Vec<Group>, Error> {
    let client = aws.logs();
    let rate = RateLimiter::new(RATE);
    let mut groups = Vec::new();
    let mut token = None;
    loop {
        let call = || client.describe_log_groups().limit(PAGE).set_next_token(token.clone()).send();
        let page = limited(&rate, call).await;
        let page =
            page.map_err(|error| aws.explain(&format!("cannot read log groups in {}", aws.target.region), &error))?;
        for group in page.log_groups() {
            groups.push(Group {
                name: group.log_group_name().unwrap_or_default().to_owned(),
                class: Class::from_name(group.log_group_class().map(LogGroupClass::as_str)),
                created: group.creation_time().map(from_milliseconds),
                stored_bytes: group.stored_bytes().and_then(|bytes| u64::try_from(bytes).ok()),
            });
            progress.step();
        }
        token = page.next_token;
        if token.is_none() {
            return Ok(groups);
        }
    }
}
