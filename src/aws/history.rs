//! The event history of CloudTrail: who has put and deleted filters. It needs no trail, and reaches back 90 days:
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html>.

use aws_sdk_cloudtrail::{
    Client,
    primitives::DateTime,
    types::{Event, LookupAttribute, LookupAttributeKey},
};
use jiff::{SignedDuration, Timestamp};
use logctl_core::coverage::Filter;
use serde::Deserialize;

use super::{Aws, Operation, Tokens};
use crate::error::Error;

/// The calls that change which filters a group has.
pub const CALLS: [Deed; 3] = [Deed::Put, Deed::Delete, Deed::Group];

/// What was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// `PutSubscriptionFilter`.
    Put,
    /// `DeleteSubscriptionFilter`.
    Delete,
    /// `DeleteLogGroup`.
    Group,
}

impl Deed {
    const fn operation(self) -> &'static str {
        match self {
            Self::Put => "PutSubscriptionFilter",
            Self::Delete => "DeleteSubscriptionFilter",
            Self::Group => "DeleteLogGroup",
        }
    }
}

/// Events of one page, the most that the API gives.
const PAGE: i32 = 50;

/// A call that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// When, to the second.
    pub at: Timestamp,
    /// What.
    pub deed: Deed,
    /// The log group.
    pub group: String,
    /// Name of the filter, where it was about one.
    pub filter: Option<String>,
    /// The filter that was put; `None` where none was, or the event does not tell it whole.
    pub put: Option<Filter>,
}

/// What the event of a call tells of it:
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_time: Timestamp,
    #[serde(default)]
    error_code: Option<String>,
    request_parameters: Option<serde_json::Value>,
}

/// The calls of a name in a time, page by page, the newest first.
pub struct Pages<'a> {
    aws: &'a Aws,
    client: Client,
    deed: Deed,
    since: Timestamp,
    until: Option<Timestamp>,
    /// Where the next page begins; `None` behind the last one.
    next: Option<Next>,
    tokens: Tokens,
}

enum Next {
    First,
    At(String),
}

/// A page of calls.
pub struct Page {
    /// Those that succeeded.
    pub calls: Vec<Call>,
    /// When the oldest of all was made.
    pub oldest: Option<Timestamp>,
}

impl<'a> Pages<'a> {
    /// The calls since a time, and before another where one is given.
    #[must_use]
    pub fn new(aws: &'a Aws, deed: Deed, since: Timestamp, before: Option<Timestamp>) -> Self {
        // The end is part of what AWS gives, and told to the second.
        let until = before.map(|before| before - SignedDuration::from_secs(1));
        Self { aws, client: aws.cloudtrail(), deed, since, until, next: Some(Next::First), tokens: Tokens::default() }
    }

    /// The next page; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be read, or an event of it is none.
    pub async fn next(&mut self) -> Result<Option<Page>, Error> {
        const FAILED: &str = "cannot read the event history";
        let token = match self.next.take() {
            None => return Ok(None),
            Some(Next::First) => None,
            Some(Next::At(token)) => Some(token),
        };
        let time = |time: Timestamp| DateTime::from_secs(time.as_second());
        let call = || {
            let name = LookupAttribute::builder().attribute_key(LookupAttributeKey::EventName);
            let name = name.attribute_value(self.deed.operation()).build().ok();
            let call = self.client.lookup_events().set_lookup_attributes(name.map(|name| vec![name]));
            let call = call.start_time(time(self.since)).set_end_time(self.until.map(time));
            call.max_results(PAGE).set_next_token(token.clone()).send()
        };
        let page = self.aws.limited(Operation::LookupEvents, call).await;
        let page = page.map_err(|error| self.aws.explain(FAILED, &error))?;
        let read = |event: &Event| event.cloud_trail_event().and_then(|text| serde_json::from_str::<Record>(text).ok());
        let records: Option<Vec<Record>> = page.events().iter().map(read).collect();
        let records = records.ok_or_else(|| Error::failed(FAILED).because("an event of it cannot be understood"))?;
        self.next = self.tokens.next(page.next_token, FAILED)?.map(Next::At);
        let oldest = records.iter().map(|record| record.event_time).min();
        let calls = records.into_iter().filter(|record| record.error_code.is_none());
        Ok(Some(Page { calls: calls.filter_map(|record| call_of(self.deed, record)).collect(), oldest }))
    }
}

/// What was called; `None` where the event names no group: a group of another account, by its ARN.
fn call_of(deed: Deed, record: Record) -> Option<Call> {
    let parameters = record.request_parameters?;
    let text = |name: &str| Some(parameters.get(name)?.as_str()?.to_owned());
    let group = text("logGroupName")?;
    let whole = parameters.get("destinationArn").is_some() && parameters.get("filterPattern").is_some();
    let put = serde_json::from_value(parameters.clone()).ok().filter(|_| whole && deed == Deed::Put);
    Some(Call { at: record.event_time, deed, group, filter: text("filterName"), put })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::mocked::Account;

    fn event(parameters: &Value, error: Option<&str>) -> Value {
        let mut record = json!({"eventTime": "2026-11-01T10:00:00Z", "requestParameters": parameters});
        if let Some(error) = error {
            record["errorCode"] = json!(error);
        }
        json!({"EventName": "any", "CloudTrailEvent": record.to_string()})
    }

    #[tokio::test]
    async fn what_succeeded_is_read() {
        let put = json!({
            "logGroupName": "/a", "filterName": "ours", "filterPattern": "", "destinationArn": "d",
            "distribution": "ByLogStream",
        });
        let hidden = json!({"logGroupName": "/b", "filterName": "ours"});
        let events = [
            event(&put, None),
            event(&put, Some("LimitExceededException")),
            event(&hidden, None),
            event(&Value::Null, None),
        ];
        let body = json!({"Events": events, "NextToken": "more"}).to_string();
        let account = Account::new(&[("LookupEvents", 200, &body)]).await;
        let aws = account.aws().await;
        let mut pages = Pages::new(&aws, CALLS[0], Timestamp::UNIX_EPOCH, None);
        let Page { calls, oldest } = pages.next().await.unwrap().unwrap();
        assert_eq!(oldest, "2026-11-01T10:00:00Z".parse().ok());
        let told: Vec<_> = calls.iter().map(|call| (call.group.as_str(), call.put.is_some())).collect();
        assert_eq!(told, [("/a", true), ("/b", false)]);
        assert!(calls[0].put.as_ref().unwrap().sends_everything());
        let asked = account.last().await;
        assert_eq!(asked["LookupAttributes"][0]["AttributeValue"], "PutSubscriptionFilter");
        assert!(pages.next().await.is_err(), "the same page again");
    }
}
