//! Log events as CloudWatch Logs delivers them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One log event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEvent {
    /// Given by CloudWatch Logs; the same at every delivery of the event.
    pub id: String,
    /// When it happened, in milliseconds since 1970.
    pub timestamp: i64,
    /// The line, or several.
    pub message: String,
    /// What a filter pattern with named columns has cut out of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extracted_fields: Option<serde_json::Map<String, Value>>,
}

/// Where events come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// The account that owns the log group.
    pub owner: String,
    /// The Region of the log group.
    #[serde(default)]
    pub region: String,
    /// The log group.
    pub log_group: String,
    /// The log stream.
    pub log_stream: String,
}

/// Events of one log stream that were delivered together.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Where they come from.
    pub origin: Origin,
    /// The subscription filters that sent them.
    pub filters: Vec<String>,
    /// The events, in the order of delivery.
    pub events: Vec<LogEvent>,
}
