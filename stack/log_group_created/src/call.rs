//! What calls the function: the rule, for a group that was created, and its own queue, for another look at one.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An event of the rule or of the queue.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Call {
    /// Messages of the queue.
    Queue {
        #[serde(rename = "Records")]
        records: Vec<Record>,
    },
    /// An `AWS API Call via CloudTrail` event, as far as it matters here.
    Created { detail: Detail },
}

#[derive(Debug, Deserialize)]
pub struct Record {
    body: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    error_code: Option<Value>,
    /// What was asked for; of a call that failed it may be anything.
    #[serde(default)]
    request_parameters: Value,
    event_time: Option<String>,
}

/// A look at a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// Its name.
    pub group: String,
    /// Its class, as the API calls it.
    pub class: Option<String>,
    /// When it was created, in milliseconds since 1970.
    pub created: i64,
    /// When it was looked at for the first time, in milliseconds since 1970, where that was before.
    pub seen: Option<i64>,
}

impl Call {
    /// The groups to look at. `now` is in milliseconds since 1970. A call that failed has created nothing.
    pub fn looks(self, now: i64) -> Vec<Look> {
        match self {
            Self::Queue { records } => {
                records.iter().filter_map(|record| serde_json::from_str(&record.body).ok()).collect()
            }
            Self::Created { detail: Detail { error_code: Some(_), .. } } => Vec::new(),
            Self::Created { detail } => {
                let text = |name: &str| detail.request_parameters.get(name)?.as_str().map(str::to_owned);
                let created = detail.event_time.as_deref().and_then(|time| time.parse::<jiff::Timestamp>().ok());
                vec![Look {
                    group: text("logGroupName").unwrap_or_default(),
                    class: text("logGroupClass"),
                    created: created.map_or(now, jiff::Timestamp::as_millisecond),
                    seen: None,
                }]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use test_case::test_case;

    use super::*;

    fn looks(event: Value) -> Vec<Look> {
        serde_json::from_value::<Call>(event).unwrap().looks(7)
    }

    #[test]
    fn a_group_that_was_created() {
        let detail = json!({"eventTime": "2026-11-23T10:00:00Z", "requestParameters": {"logGroupName": "/a"}});
        let look = Look { group: "/a".into(), class: None, created: 1_795_428_000_000, seen: None };
        let again = serde_json::to_string(&look).unwrap();
        assert_eq!(looks(json!({"detail": detail})).first(), Some(&look));
        assert_eq!(looks(json!({"Records": [{"body": again, "messageId": "m"}]})), [look]);
    }

    #[test_case(&json!({"errorCode": "ResourceAlreadyExistsException", "requestParameters": {"logGroupName": "/a"}}); "exists")]
    #[test_case(&json!({"errorCode": "InvalidParameterException", "requestParameters": {"logGroupName": "no group"}}); "not a name")]
    #[test_case(&json!({"errorCode": "AccessDenied", "requestParameters": null}); "not even asked for")]
    fn a_call_that_failed_has_created_nothing(detail: &Value) {
        assert_eq!(looks(json!({ "detail": detail })), []);
    }
}
