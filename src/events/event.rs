//! An event as the index returns it.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::time::{from_milliseconds, rfc3339};

/// An event, under the names that scripts rely on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// Its id in CloudWatch Logs.
    pub id: String,
    /// When it happened.
    #[serde(serialize_with = "as_rfc3339")]
    pub time: Timestamp,
    /// When it was indexed.
    #[serde(serialize_with = "optional_rfc3339", skip_serializing_if = "Option::is_none")]
    pub ingested: Option<Timestamp>,
    /// Account of the log group.
    pub account: String,
    /// Region of the log group.
    pub region: String,
    /// Log group.
    pub group: String,
    /// Log stream.
    pub stream: String,
    /// Normalised level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Request it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Trace it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The whole message.
    pub message: String,
    /// The fields of a structured message.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
    /// Why fields are missing, where they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
    /// The index that holds it.
    pub index: String,
    /// Its place in the order of events: time and id.
    pub cursor: String,
}

impl Event {
    /// Reads a hit.
    #[must_use]
    pub fn from_hit(hit: &Value) -> Self {
        let source = &hit["_source"];
        let text = |name: &str| source[name].as_str().map(str::to_owned);
        let time = |name: &str| source[name].as_i64().map(from_milliseconds);
        let fields = source.as_object().map(|source| {
            source
                .iter()
                .filter(|(name, _)| !name.starts_with('@'))
                .map(|(name, v)| (name.clone(), v.clone()))
                .collect()
        });
        let id = text("@id").unwrap_or_else(|| hit["_id"].as_str().unwrap_or_default().to_owned());
        let at = time("@timestamp").unwrap_or(Timestamp::UNIX_EPOCH);
        Self {
            cursor: format!("{}:{id}", at.as_millisecond()),
            id,
            time: at,
            ingested: time("@ingested"),
            account: text("@owner").unwrap_or_default(),
            region: text("@region").unwrap_or_default(),
            group: text("@log_group").unwrap_or_default(),
            stream: text("@log_stream").unwrap_or_default(),
            level: text("@level"),
            service: text("@service"),
            request_id: text("@request_id"),
            trace_id: text("@trace_id"),
            message: text("@message").unwrap_or_default(),
            fields: fields.unwrap_or_default(),
            degraded: text("@degraded"),
            index: hit["_index"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

fn as_rfc3339<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}

#[expect(clippy::ref_option, reason = "the shape that serde wants")]
fn optional_rfc3339<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => as_rfc3339(time, serializer),
        None => serializer.serialize_none(),
    }
}
