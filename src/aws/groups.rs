//! Log groups.

use aws_sdk_cloudwatchlogs::types::{self, LogGroupClass, LogStream, OrderBy};
use jiff::Timestamp;
use logctl_core::coverage::Class;

use super::{Aws, RateLimiter};
use crate::{error::Error, progress::Progress, time::from_milliseconds};

/// Calls of DescribeLogGroups a second: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>.
const RATE: f64 = 10.0;
/// Groups of one page, the most that the API gives.
const PAGE: i32 = 50;
/// Names of one page, the most that the API gives.
const NAMES: i32 = 1000;

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
    let rate = RateLimiter::new(RATE);
    let mut groups = Vec::new();
    let mut token = None;
    loop {
        let (page, next) = page(aws, &rate, None, token.clone()).await?;
        for _ in &page {
            progress.step();
        }
        groups.extend(page);
        let next = following(aws, token.as_ref(), next)?;
        token = next;
        if token.is_none() {
            return Ok(groups);
        }
    }
}

/// Reads the names of all log groups, in fewer calls than everything else of them would take.
///
/// # Errors
/// When the groups cannot be listed.
pub async fn names(aws: &Aws) -> Result<Vec<String>, Error> {
    let (client, rate) = (aws.logs(), RateLimiter::new(RATE));
    let mut names = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let call = || client.list_log_groups().limit(NAMES).set_next_token(token.clone()).send();
        let page = aws.limited(&rate, call).await;
        let page = page.map_err(|error| aws.explain(&unread(aws), &error))?;
        names.extend(page.log_groups().iter().filter_map(|group| group.log_group_name().map(str::to_owned)));
        let next = following(aws, token.as_ref(), page.next_token)?;
        token = next;
        if token.is_none() {
            return Ok(names);
        }
    }
}

/// When the newest event of a group happened, as its streams tell, which may be an hour late; `None` where it holds none.
///
/// # Errors
/// When its streams cannot be read.
pub async fn newest_event(aws: &Aws, group: &str) -> Result<Option<Timestamp>, Error> {
    let client = aws.logs();
    let call = || {
        let call = client.describe_log_streams().log_group_name(group).order_by(OrderBy::LastEventTime);
        call.descending(true).limit(1).send()
    };
    let page = aws.limited(&RateLimiter::new(RATE), call).await;
    let page = page.map_err(|error| aws.explain(&format!("cannot read the streams of {group}"), &error))?;
    Ok(page.log_streams().first().and_then(LogStream::last_event_timestamp).map(from_milliseconds))
}

fn unread(aws: &Aws) -> String {
    format!("cannot read log groups in {}", aws.target.region)
}

/// The token of the page that follows. One that comes twice would go on for ever, and half a list is none.
fn following(aws: &Aws, token: Option<&String>, next: Option<String>) -> Result<Option<String>, Error> {
    if next.is_some() && next.as_ref() == token {
        return Err(Error::failed(unread(aws)).because("AWS gives the same page again and again; half a list is none"));
    }
    Ok(next)
}

/// Reads the first page of the groups whose names begin so, and whether these are all.
///
/// # Errors
/// When the groups cannot be listed.
pub async fn first(aws: &Aws, prefix: &str) -> Result<(Vec<Group>, bool), Error> {
    let prefix = Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty());
    let (groups, next) = page(aws, &RateLimiter::new(RATE), prefix, None).await?;
    Ok((groups, next.is_none()))
}

async fn page(
    aws: &Aws,
    rate: &RateLimiter,
    prefix: Option<String>,
    token: Option<String>,
) -> Result<(Vec<Group>, Option<String>), Error> {
    let client = aws.logs();
    let call = || {
        let call = client.describe_log_groups().limit(PAGE).set_next_token(token.clone());
        call.set_log_group_name_prefix(prefix.clone()).send()
    };
    let page = aws.limited(rate, call).await;
    let page = page.map_err(|error| aws.explain(&unread(aws), &error))?;
    let group = |group: &types::LogGroup| Group {
        name: group.log_group_name().unwrap_or_default().to_owned(),
        class: Class::from_name(group.log_group_class().map(LogGroupClass::as_str)),
        created: group.creation_time().map(from_milliseconds),
        stored_bytes: group.stored_bytes().and_then(|bytes| u64::try_from(bytes).ok()),
    };
    Ok((page.log_groups().iter().map(group).collect(), page.next_token))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::mocked::Account;

    #[tokio::test]
    async fn all_pages_are_read() {
        let first = json!({"nextToken": "more", "logGroups": [
            {"logGroupName": "/a", "logGroupClass": "STANDARD", "creationTime": 1_500, "storedBytes": 7},
            {"logGroupName": "/b", "logGroupClass": "INFREQUENT_ACCESS"},
        ]});
        let second = json!({"logGroups": [{"logGroupName": "/c", "logGroupClass": "OF_TOMORROW", "storedBytes": -1}]});
        let pages = [first.to_string(), second.to_string()];
        let answers: Vec<_> = pages.iter().map(|page| ("DescribeLogGroups", 200, page.as_str())).collect();
        let account = Account::new(&answers).await;
        let groups = list(&account.aws().await, &()).await.unwrap();
        let read: Vec<_> = groups.iter().map(|group| (group.name.as_str(), group.class, group.stored_bytes)).collect();
        let expected =
            [("/a", Class::Standard, Some(7)), ("/b", Class::InfrequentAccess, None), ("/c", Class::Other, None)];
        assert_eq!(read, expected);
        assert_eq!(groups[0].created, Timestamp::from_millisecond(1_500).ok());
        assert_eq!(account.last().await, json!({"limit": 50, "nextToken": "more"}));
    }

    #[tokio::test]
    async fn half_a_list_is_none() {
        let page = json!({"nextToken": "more", "logGroups": [{"logGroupName": "/a"}]}).to_string();
        let refused = json!({"__type": "InvalidParameterException", "message": "the token is too old"}).to_string();
        let account = Account::new(&[("DescribeLogGroups", 200, &page), ("DescribeLogGroups", 400, &refused)]).await;
        let error = list(&account.aws().await, &()).await.unwrap_err();
        assert_eq!(error.one_line(), "cannot read log groups in eu-west-1: AWS refuses it: the token is too old");
    }
}
