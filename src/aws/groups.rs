//! Log groups.

use aws_sdk_cloudwatchlogs::types::{self, LogGroupClass, LogStream, OrderBy};
use jiff::Timestamp;
use logctl_core::coverage::Class;
use serde::{Deserialize, Serialize};

use super::{Aws, Operation, Tokens};
use crate::{
    error::{Error, Kind},
    progress::Progress,
    time::from_milliseconds,
};

/// Groups of one page, the most that the API gives.
const PAGE: i32 = 50;
/// Names of one page, the most that the API gives.
const NAMES: i32 = 1000;

/// A log group as its listing tells it.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its class.
    pub class: Class,
}

/// What else is told of a log group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Bytes that it holds, compressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<u64>,
    /// Days until its events are deleted; none means never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<i32>,
    /// Whether a data protection policy masks what it holds.
    pub masked: bool,
    /// Whether it is protected from deletion.
    pub protected: bool,
}

/// Reads names and classes of the log groups that have all of these tags, each with its value where one is given.
///
/// # Errors
/// When the groups cannot be listed.
pub async fn list(aws: &Aws, tags: &[(&str, Option<&str>)], progress: &dyn Progress) -> Result<Vec<Group>, Error> {
    let tag = |(key, value): &(&str, Option<&str>)| {
        let tag = types::TagFilter::builder().key(*key);
        value.iter().fold(tag, |tag, value| tag.values(*value)).build()
    };
    let tags: Result<Vec<types::TagFilter>, _> = tags.iter().map(tag).collect();
    let tags = tags.map_err(|error| Error::new(Kind::Usage, "a tag has a key").because(error))?;
    let tags = Some(tags).filter(|tags| !tags.is_empty());
    let client = aws.logs();
    let (mut groups, mut tokens) = (Vec::new(), Tokens::default());
    let mut token: Option<String> = None;
    loop {
        let call = || {
            let call = client.list_log_groups().limit(NAMES).set_next_token(token.clone());
            call.set_log_group_tags(tags.clone()).send()
        };
        let page = aws.limited(Operation::ListLogGroups, call).await;
        let page = match page.map_err(|error| aws.explain(&unread(aws), &error)) {
            // Not everybody may do this, and not every stand-in for AWS can.
            Err(error)
                if token.is_none() && tags.is_none() && !matches!(error.kind, Kind::LoggedOut | Kind::Throttled) =>
            {
                return list_slowly(aws, progress).await.map_err(|_| error);
            }
            page => page?,
        };
        let group = |group: &types::LogGroupSummary| Group {
            name: group.log_group_name().unwrap_or_default().to_owned(),
            class: Class::from_name(group.log_group_class().map(LogGroupClass::as_str)),
        };
        groups.extend(page.log_groups().iter().map(group));
        for _ in page.log_groups() {
            progress.step();
        }
        token = tokens.next(page.next_token, &unread(aws))?;
        if token.is_none() {
            return Ok(groups);
        }
    }
}

/// The same by the older operation, which whoever was given rights long ago has, and which gives fewer at once.
async fn list_slowly(aws: &Aws, progress: &dyn Progress) -> Result<Vec<Group>, Error> {
    let (mut groups, mut token, mut tokens) = (Vec::new(), None, Tokens::default());
    loop {
        let (page, next) = page(aws, None, token.clone()).await?;
        for _ in &page {
            progress.step();
        }
        groups.extend(page.into_iter().map(|(group, _)| group));
        token = tokens.next(next, &unread(aws))?;
        if token.is_none() {
            return Ok(groups);
        }
    }
}

/// Reads everything else of the log groups whose names begin so, by name.
///
/// # Errors
/// When the groups cannot be listed.
pub async fn details(aws: &Aws, prefix: &str) -> Result<Vec<(String, Details)>, Error> {
    let prefix = Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty());
    let (mut details, mut token, mut tokens) = (Vec::new(), None, Tokens::default());
    loop {
        let (page, next) = page(aws, prefix.clone(), token.clone()).await?;
        details.extend(page.into_iter().map(|(group, details)| (group.name, details)));
        token = tokens.next(next, &unread(aws))?;
        if token.is_none() {
            return Ok(details);
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
    let page = aws.limited(Operation::DescribeLogs, call).await;
    let page = page.map_err(|error| aws.explain(&format!("cannot read the streams of {group}"), &error))?;
    Ok(page.log_streams().first().and_then(LogStream::last_event_timestamp).map(from_milliseconds))
}

fn unread(aws: &Aws) -> String {
    format!("cannot read log groups in {}", aws.target.region)
}

/// Reads the first page of the groups whose names begin so, and whether these are all.
///
/// # Errors
/// When the groups cannot be listed.
pub async fn first(aws: &Aws, prefix: &str) -> Result<(Vec<(Group, Details)>, bool), Error> {
    let (groups, next) = page(aws, Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty()), None).await?;
    Ok((groups, next.is_none()))
}

async fn page(
    aws: &Aws,
    prefix: Option<String>,
    token: Option<String>,
) -> Result<(Vec<(Group, Details)>, Option<String>), Error> {
    let client = aws.logs();
    let call = || {
        let call = client.describe_log_groups().limit(PAGE).set_next_token(token.clone());
        call.set_log_group_name_prefix(prefix.clone()).send()
    };
    let page = aws.limited(Operation::DescribeLogs, call).await;
    let page = page.map_err(|error| aws.explain(&unread(aws), &error))?;
    let group = |group: &types::LogGroup| {
        let name = group.log_group_name().unwrap_or_default().to_owned();
        let class = Class::from_name(group.log_group_class().map(LogGroupClass::as_str));
        let details = Details {
            created: group.creation_time().map(from_milliseconds),
            stored_bytes: group.stored_bytes().and_then(|bytes| u64::try_from(bytes).ok()),
            retention_days: group.retention_in_days(),
            masked: group.data_protection_status() == Some(&types::DataProtectionStatus::Activated),
            protected: group.deletion_protection_enabled() == Some(true),
        };
        (Group { name, class }, details)
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
            {"logGroupName": "/a", "logGroupClass": "STANDARD"}, {"logGroupName": "/b", "logGroupClass": "OF_TOMORROW"},
        ]});
        let pages = [first.to_string(), json!({"logGroups": [{"logGroupName": "/c"}]}).to_string()];
        let answers: Vec<_> = pages.iter().map(|page| ("ListLogGroups", 200, page.as_str())).collect();
        let account = Account::new(&answers).await;
        let groups = list(&account.aws().await, &[], &()).await.unwrap();
        let read: Vec<_> = groups.iter().map(|group| format!("{} {}", group.name, group.class)).collect();
        assert_eq!(read, ["/a STANDARD", "/b OF_TOMORROW", "/c STANDARD"]);
        assert_eq!(account.last().await, json!({"limit": 1000, "nextToken": "more"}));
    }

    #[tokio::test]
    async fn everything_else_of_groups_is_read() {
        let body = json!({"logGroups": [
            {"logGroupName": "/a", "creationTime": 1_500, "storedBytes": 7, "retentionInDays": 30,
             "dataProtectionStatus": "ACTIVATED", "deletionProtectionEnabled": true},
            {"logGroupName": "/b", "storedBytes": -1},
        ]});
        let account = Account::new(&[("DescribeLogGroups", 200, &body.to_string())]).await;
        let read = details(&account.aws().await, "/").await.unwrap();
        let expected = Details {
            created: Timestamp::from_millisecond(1_500).ok(),
            stored_bytes: Some(7),
            retention_days: Some(30),
            masked: true,
            protected: true,
        };
        assert_eq!(read, [("/a".to_owned(), expected), ("/b".to_owned(), Details::default())]);
        assert_eq!(account.last().await, json!({"limit": 50, "logGroupNamePrefix": "/"}));
    }

    #[tokio::test]
    async fn who_may_not_list_them_describes_them() {
        let denied = json!({"__type": "AccessDeniedException", "message": "not you"}).to_string();
        let page = json!({"logGroups": [{"logGroupName": "/a"}]}).to_string();
        let account = Account::new(&[("ListLogGroups", 400, &denied), ("DescribeLogGroups", 200, &page)]).await;
        let groups = list(&account.aws().await, &[], &()).await.unwrap();
        assert_eq!(groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["/a"]);
    }

    #[tokio::test]
    async fn half_a_list_is_none() {
        let page = json!({"nextToken": "more", "logGroups": [{"logGroupName": "/a"}]}).to_string();
        let refused = json!({"__type": "InvalidParameterException", "message": "the token is too old"}).to_string();
        let account = Account::new(&[("ListLogGroups", 200, &page), ("ListLogGroups", 400, &refused)]).await;
        let error = list(&account.aws().await, &[], &()).await.unwrap_err();
        assert_eq!(error.one_line(), "cannot read log groups in eu-west-1: AWS refuses it: the token is too old");
    }
}
