//! An event as the index returns it.

use std::cmp::Ordering;

use jiff::Timestamp;
use logctl_core::{event::LogEvent, event_id::event_id, fields, normalise::normalise, pairs};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    query::Facts,
    time::{as_rfc3339, from_milliseconds, optional_rfc3339},
};

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
        let id = event_id(hit["_id"].as_str().unwrap_or_default()).into_owned();
        // A time that was stored as text is read by the engine.
        let sorted = || hit["sort"][0].as_i64().map(from_milliseconds);
        let at = time("@timestamp").or_else(sorted).unwrap_or(Timestamp::UNIX_EPOCH);
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
            fields: fields_of(source),
            degraded: text("@degraded"),
            index: hit["_index"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

impl Event {
    /// The order in which events are shown: by their time, then by their ids.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        (self.time, &self.id).cmp(&(other.time, &other.id))
    }

    /// About how many bytes it takes.
    #[must_use]
    pub fn weight(&self) -> usize {
        const OF_A_VALUE: usize = 72;
        fn values(value: &Value) -> usize {
            1 + match value {
                Value::Array(items) => items.iter().map(values).sum(),
                Value::Object(members) => members.values().map(values).sum(),
                _ => 0,
            }
        }
        self.message.len() + OF_A_VALUE * self.fields.values().map(values).sum::<usize>()
    }

    /// An event of which only the message is known, with the fields that it tells.
    #[must_use]
    pub fn from_message(message: &str) -> Self {
        Self::from_hit(&serde_json::json!({"_source": {"@message": message, "@kv": []}}))
    }
}

impl Facts for Event {
    fn message(&self) -> &str {
        &self.message
    }

    fn values(&self, name: &str) -> Vec<String> {
        let one = |text: &Option<String>| text.iter().cloned().collect();
        match name {
            "@log_group" => vec![self.group.clone()],
            "@log_stream" => vec![self.stream.clone()],
            "@owner" => vec![self.account.clone()],
            "@region" => vec![self.region.clone()],
            "@level" => one(&self.level),
            "@service" => one(&self.service),
            "@request_id" => one(&self.request_id),
            "@trace_id" => one(&self.trace_id),
            "@degraded" => one(&self.degraded),
            name => {
                let mut values = Vec::new();
                fields::walk(&self.fields, &mut |path, value| {
                    if path == name {
                        values.push(value);
                    }
                });
                values
            }
        }
    }
}

/// The fields of an event, whether its index types them or not: those that it does not are read from the message once more,
/// or from their pairs where they do not stand there.
pub(super) fn fields_of(source: &Value) -> Map<String, Value> {
    let members = source.as_object().into_iter().flatten();
    let typed = members.filter(|(name, _)| !name.starts_with('@')).map(|(name, value)| (name.clone(), value.clone()));
    let Some(pairs) = source["@kv"].as_array() else { return typed.collect() };
    let message = source["@message"].as_str().unwrap_or_default().into();
    let event = LogEvent { id: "".into(), timestamp: 0, message, extracted_fields: None };
    let mut all = normalise(&event).fields;
    for (name, value) in typed {
        all.entry(name).or_insert(value);
    }
    let mut rest: Map<String, Value> = Map::new();
    for (name, value) in pairs.iter().filter_map(Value::as_str).filter_map(pairs::split) {
        if fields::has(&all, &name) {
            continue;
        }
        match rest.get_mut(&*name) {
            None => _ = rest.insert(name.into_owned(), value.into()),
            Some(Value::Array(values)) => values.push(value.into()),
            Some(one) => *one = Value::Array(vec![one.take(), value.into()]),
        }
    }
    all.append(&mut rest);
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use test_case::test_case;

    use super::*;

    #[test_case(&json!({"a": 1, "@message": "m"}), &json!({"a": 1}); "all typed")]
    #[test_case(&json!({"a": 1, "@kv": ["o.b=2"], "@message": r#"{"a":1,"o":{"b":2},"n":null}"#}), &json!({"a": 1, "o": {"b": 2}, "n": null}); "pairs that the message tells")]
    #[test_case(&json!({"@kv": ["o.b=1", "o.b=2"], "@message": r#"{"o":[{"b":1},{"b":2}]}"#}), &json!({"o": [{"b": 1}, {"b": 2}]}); "pairs of a list")]
    #[test_case(&json!({"col": "x", "@kv": [r"a\=b=1=2", "l=1", "l=2", "l=3"], "@message": "x 1"}), &json!({"col": "x", "a=b": "1=2", "l": ["1", "2", "3"]}); "pairs that only columns told")]
    fn fields(source: &Value, expected: &Value) {
        let event = Event::from_hit(&json!({"_id": "1", "_source": source}));
        assert_eq!(Value::Object(event.fields), *expected);
    }
}
