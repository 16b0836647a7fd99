//! A hit as the engine sends it: what need not be understood is passed on as it stands.

use std::{borrow::Cow, fmt, io::Write as _};

use jiff::Timestamp;
use logctl_core::event_id::event_id;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value, json, value::RawValue};

use super::Event;
use crate::time::{from_milliseconds, rfc3339};

/// An answer of the engine.
#[derive(Deserialize)]
pub(super) struct Answer<'a> {
    /// What it looked at, for [`super::gaps`].
    #[serde(rename = "_shards", default)]
    pub shards: Value,
    #[serde(default)]
    pub timed_out: bool,
    #[serde(borrow)]
    pub hits: Hits<'a>,
}

#[derive(Deserialize)]
pub(super) struct Hits<'a> {
    #[serde(borrow)]
    pub hits: Vec<Hit<'a>>,
}

/// A hit.
#[derive(Debug, Deserialize)]
pub struct Hit<'a> {
    #[serde(rename = "_id", borrow)]
    document: Cow<'a, str>,
    #[serde(rename = "_index", borrow)]
    index: Cow<'a, str>,
    /// Its place: when it happened, in milliseconds, and its number in its shard.
    pub(super) sort: (i64, i64),
    #[serde(default, borrow)]
    matched_queries: Option<&'a RawValue>,
    #[serde(rename = "_source", borrow)]
    source: Source<'a>,
}

/// The members of a document, none of them looked into.
#[derive(Debug)]
struct Source<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Source<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Source<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a document")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::with_capacity(24);
                while let Some(Name(name)) = map.next_key()? {
                    members.push((name, map.next_value()?));
                }
                Ok(Source(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A name, borrowed where it can be.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Members of a document, and what they are called in an event, in its order.
const TEXTS: [(&str, &str); 9] = [
    ("@owner", "account"),
    ("@region", "region"),
    ("@log_group", "group"),
    ("@log_stream", "stream"),
    ("@level", "level"),
    ("@service", "service"),
    ("@request_id", "request_id"),
    ("@trace_id", "trace_id"),
    ("@message", "message"),
];
/// Those that an event has even where its document does not.
const ALWAYS: [&str; 5] = ["account", "region", "group", "stream", "message"];

impl Hit<'_> {
    /// When it happened.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.own_time("@timestamp").unwrap_or_else(|| from_milliseconds(self.sort.0))
    }

    /// Its id in CloudWatch Logs.
    #[must_use]
    pub fn id(&self) -> Cow<'_, str> {
        event_id(&self.document)
    }

    /// Its place in the order of events: time and id.
    #[must_use]
    pub fn cursor(&self) -> String {
        format!("{}:{}", self.time().as_millisecond(), self.id())
    }

    /// Names of the clauses that found it.
    pub(super) fn found_by(&self) -> Vec<String> {
        self.matched_queries.and_then(|names| serde_json::from_str(names.get()).ok()).unwrap_or_default()
    }

    fn get(&self, name: &str) -> Option<&RawValue> {
        self.source.0.iter().find(|(other, _)| other == name).map(|(_, value)| *value)
    }

    fn own_time(&self, name: &str) -> Option<Timestamp> {
        self.get(name)?.get().parse().ok().map(from_milliseconds)
    }

    /// The event, understood.
    #[must_use]
    pub fn event(&self) -> Event {
        let value = |raw: &RawValue| serde_json::from_str(raw.get()).unwrap_or_default();
        let source: Map<String, Value> =
            self.source.0.iter().map(|(name, raw)| (name.to_string(), value(raw))).collect();
        Event::from_hit(&json!({"_id": self.document, "_index": self.index, "sort": [self.sort.0], "_source": source}))
    }

    /// Writes the event as one JSON object after its schema, the same as [`Event`] is written, without a line break.
    pub fn write(&self, schema: &str, out: &mut Vec<u8>) {
        if self.get("@kv").is_some() {
            // Fields that the index does not type are in the message.
            let _ = write!(out, "{{\"schema\":\"{schema}\",");
            let whole = serde_json::to_vec(&self.event()).unwrap_or_default();
            out.extend_from_slice(whole.get(1..).unwrap_or_default());
            return;
        }
        let (id, time) = (serde_json::to_string(&self.id()).unwrap_or_default(), self.time());
        let _ = write!(out, "{{\"schema\":\"{schema}\",\"id\":{id},\"time\":\"{}\"", rfc3339(time));
        if let Some(ingested) = self.own_time("@ingested") {
            let _ = write!(out, ",\"ingested\":\"{}\"", rfc3339(ingested));
        }
        for (name, called) in TEXTS {
            let text = self.get(name).map(RawValue::get).filter(|text| text.starts_with('"'));
            if let Some(text) = text.or_else(|| ALWAYS.contains(&called).then_some("\"\"")) {
                let _ = write!(out, ",\"{called}\":{text}");
            }
        }
        let mut before = ",\"fields\":{";
        for (name, value) in self.source.0.iter().filter(|(name, _)| !name.starts_with('@')) {
            let name = serde_json::to_string(name).unwrap_or_default();
            let _ = write!(out, "{before}{name}:{}", value.get());
            before = ",";
        }
        if before == "," {
            out.push(b'}');
        }
        if let Some(degraded) = self.get("@degraded").map(RawValue::get).filter(|text| text.starts_with('"')) {
            let _ = write!(out, ",\"degraded\":{degraded}");
        }
        let index = serde_json::to_string(&self.index).unwrap_or_default();
        let cursor = serde_json::to_string(&self.cursor()).unwrap_or_default();
        let _ = write!(out, ",\"index\":{index},\"cursor\":{cursor}}}");
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(r#"{"@timestamp":1795428312345,"@ingested":1795428313000,"@owner":"1","@region":"r","@log_group":"/a","@log_stream":"s","@message":"m \" \u0041","@level":"warn","@service":"pay","@request_id":"R","@trace_id":"T","@ids":["R"],"order":{"id":1.50,"x":[1,null]},"a\"b":"c","@degraded":"why"}"#; "everything")]
    #[test_case(r#"{"@timestamp":5}"#; "nothing")]
    #[test_case(r#"{"@timestamp":"2026-11-23T10:05:12Z","@message":null,"@level":7,"n":1e40}"#; "what has another type")]
    #[test_case(r#"{"@timestamp":5,"@message":"{\"a\":{\"b\":2}}","@kv":["a.b=2"]}"#; "untyped fields")]
    fn is_written_as_the_event_is(source: &str) {
        let text = format!(r#"{{"_index":"i-1","_id":"7","_score":null,"_source":{source},"sort":[1795428312345,3]}}"#);
        let hit: Hit<'_> = serde_json::from_str(&text).unwrap();
        let mut written = Vec::new();
        hit.write("s", &mut written);
        let mut expected = serde_json::to_value(hit.event()).unwrap();
        expected["schema"] = json!("s");
        let written: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(written, expected);
    }
}
