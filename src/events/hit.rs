//! A hit as the engine sends it: what need not be understood is passed on as it stands.

use std::{borrow::Cow, fmt};

use jiff::Timestamp;
use logctl_core::{
    document::told::{Names, Told},
    event_id::event_id,
    pairs,
};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value, json, value::RawValue};

use super::{Event, event::fields_of, gaps};
use crate::time::{from_milliseconds, rfc3339};

/// An answer of the engine, with hits of some kind.
#[derive(Deserialize)]
pub(super) struct Answer<H> {
    /// Milliseconds that it took the engine.
    #[serde(default)]
    pub took: u64,
    #[serde(rename = "_shards", default)]
    shards: Value,
    #[serde(default)]
    timed_out: bool,
    pub hits: Hits<H>,
}

#[derive(Deserialize)]
pub(super) struct Hits<H> {
    pub hits: Vec<H>,
}

impl<H> Answer<H> {
    /// What the engine could not look at.
    pub fn incomplete(&self) -> Vec<String> {
        gaps::incomplete(&json!({"_shards": self.shards, "timed_out": self.timed_out}))
    }
}

/// A hit.
#[derive(Debug, Deserialize)]
pub struct Hit<'a> {
    #[serde(rename = "_id", borrow)]
    document: Cow<'a, str>,
    #[serde(rename = "_index", borrow)]
    index: Cow<'a, str>,
    /// Its place: when it happened, in milliseconds, and its number in its shard. They are its last two sort values.
    #[serde(deserialize_with = "time_and_number")]
    pub(super) sort: (i64, i64),
    #[serde(default, borrow)]
    matched_queries: Option<&'a RawValue>,
    #[serde(rename = "_source", borrow)]
    source: Source<'a>,
}

/// Members of a document that an event has, what they are called there, and whether an event has them even where its document
/// does not, in the order of an event.
const TEXTS: [(&str, &str, bool); 9] = [
    ("@owner", "account", true),
    ("@region", "region", true),
    ("@log_group", "group", true),
    ("@log_stream", "stream", true),
    ("@level", "level", false),
    ("@service", "service", false),
    ("@request_id", "request_id", false),
    ("@trace_id", "trace_id", false),
    ("@message", "message", true),
];

/// The members of a document, none of them looked into.
#[derive(Debug, Default)]
struct Source<'a> {
    texts: [Option<&'a RawValue>; TEXTS.len()],
    time: Option<&'a RawValue>,
    ingested: Option<&'a RawValue>,
    degraded: Option<&'a RawValue>,
    /// Fields that the index does not type.
    untyped: Option<&'a RawValue>,
    /// The fields of the event.
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Source<'a> {
    /// Where a member belongs; `None` for a field.
    fn place(&mut self, name: &str) -> Option<&mut Option<&'a RawValue>> {
        if !name.starts_with('@') {
            return None;
        }
        match name {
            "@timestamp" => Some(&mut self.time),
            "@ingested" => Some(&mut self.ingested),
            "@degraded" => Some(&mut self.degraded),
            "@kv" => Some(&mut self.untyped),
            name => self.texts.iter_mut().zip(TEXTS).find(|(_, (text, ..))| *text == name).map(|(place, _)| place),
        }
    }

    fn message(&self) -> Option<&'a RawValue> {
        self.texts.iter().zip(TEXTS).find(|(_, (name, ..))| *name == "@message").and_then(|(raw, _)| *raw)
    }

    /// All of them with their names.
    fn members(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        let others = [
            ("@timestamp", self.time),
            ("@ingested", self.ingested),
            ("@degraded", self.degraded),
            ("@kv", self.untyped),
        ];
        let texts = self.texts.iter().zip(TEXTS).map(|(raw, (name, ..))| (name, *raw));
        let known = others.into_iter().chain(texts).filter_map(|(name, raw)| Some((name, raw?)));
        known.chain(self.fields.iter().map(|(name, raw)| (name.as_ref(), *raw)))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Source<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Source<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a document")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut source = Source::default();
                while let Some(Name(name)) = map.next_key()? {
                    match source.place(&name) {
                        Some(place) => *place = Some(map.next_value()?),
                        None if name.starts_with('@') => drop(map.next_value::<IgnoredAny>()?),
                        None => source.fields.push((name, map.next_value()?)),
                    }
                }
                Ok(source)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

fn time_and_number<'de, D: Deserializer<'de>>(values: D) -> Result<(i64, i64), D::Error> {
    let values: Vec<i64> = Deserialize::deserialize(values)?;
    match values[..] {
        [.., time, number] => Ok((time, number)),
        _ => Err(D::Error::invalid_length(values.len(), &"two sort values")),
    }
}

/// A name, borrowed where it can be.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl Hit<'_> {
    /// When it happened.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        from_milliseconds(self.milliseconds())
    }

    fn milliseconds(&self) -> i64 {
        self.source.time.and_then(number).unwrap_or(self.sort.0)
    }

    /// Its id in CloudWatch Logs.
    #[must_use]
    pub fn id(&self) -> Cow<'_, str> {
        event_id(&self.document)
    }

    /// Its place in the order of events: time and id.
    #[must_use]
    pub fn cursor(&self) -> String {
        format!("{}:{}", self.milliseconds(), self.id())
    }

    /// Names of the clauses that found it.
    pub(super) fn found_by(&self) -> Vec<String> {
        self.matched_queries.and_then(|names| serde_json::from_str(names.get()).ok()).unwrap_or_default()
    }

    /// The event, understood.
    #[must_use]
    pub fn event(&self) -> Event {
        let source = self.source(|_| true);
        Event::from_hit(&json!({"_id": self.document, "_index": self.index, "sort": [self.sort.0], "_source": source}))
    }

    /// Its fields, where the index does not type all of them: those are in the message.
    fn fields(&self) -> Map<String, Value> {
        fields_of(&self.source(|name| !name.starts_with('@') || name == "@kv" || name == "@message"))
    }

    /// The members of its document with these names.
    fn source(&self, wanted: impl Fn(&str) -> bool) -> Value {
        let value = |raw: &RawValue| serde_json::from_str(raw.get()).unwrap_or_default();
        let members = self.source.members().filter(|(name, _)| wanted(name));
        Value::Object(members.map(|(name, raw)| (name.to_owned(), value(raw))).collect())
    }
}

fn number(raw: &RawValue) -> Option<i64> {
    raw.get().parse().ok()
}

fn text(raw: Option<&RawValue>) -> Option<&str> {
    raw.map(RawValue::get).filter(|text| text.starts_with('"'))
}

/// Writes events as JSON, one object a line.
#[derive(Debug, Default)]
pub struct Lines {
    /// What was written.
    pub text: Vec<u8>,
    told: Told,
    happened: Second,
    ingested: Second,
}

/// The second of the time that was written last: times that follow one another have most in common.
#[derive(Debug, Default)]
struct Second {
    second: i64,
    /// With the point behind it.
    written: String,
}

impl Lines {
    /// Adds an event after its schema, the same as [`Event`] is written.
    pub fn add(&mut self, schema: &str, hit: &Hit<'_>) {
        self.put(&["{\"schema\":\"", schema, "\","]);
        self.put(&["\"id\":"]);
        self.string(&hit.id());
        self.put(&[",\"time\":"]);
        self.happened.write(hit.milliseconds(), &mut self.text);
        if let Some(ingested) = hit.source.ingested.and_then(number) {
            self.put(&[",\"ingested\":"]);
            self.ingested.write(ingested, &mut self.text);
        }
        for (raw, (_, called, always)) in hit.source.texts.iter().zip(TEXTS) {
            if let Some(text) = text(*raw).or(always.then_some("\"\"")) {
                self.put(&[",\"", called, "\":", text]);
            }
        }
        if let Some(pairs) = hit.source.untyped {
            self.untyped(hit, pairs);
        } else {
            for (number, (name, value)) in hit.source.fields.iter().enumerate() {
                self.put(&[if number == 0 { ",\"fields\":{" } else { "," }]);
                self.string(name);
                self.put(&[":", value.get()]);
            }
            if !hit.source.fields.is_empty() {
                self.put(&["}"]);
            }
        }
        if let Some(degraded) = text(hit.source.degraded) {
            self.put(&[",\"degraded\":", degraded]);
        }
        self.put(&[",\"index\":"]);
        self.string(&hit.index);
        self.put(&[",\"cursor\":"]);
        self.string(&hit.cursor());
        self.put(&["}\n"]);
    }

    /// The fields of an event that the index does not type in full.
    fn untyped(&mut self, hit: &Hit<'_>, pairs: &RawValue) {
        let start = self.text.len();
        self.put(&[",\"fields\":"]);
        let message = text(hit.source.message()).map_or("", |text| &text[1..text.len() - 1]);
        let is_all = |told: &Names| {
            let pairs: Vec<Name<'_>> = serde_json::from_str(pairs.get()).unwrap_or_default();
            let pairs = pairs.iter().filter_map(|Name(pair)| pairs::split(pair)).map(|(name, _)| name);
            let typed = hit.source.fields.iter().map(|(name, _)| Cow::Borrowed(&**name));
            typed.chain(pairs).all(|name| told.contains(&*name))
        };
        if self.told.append(message, is_all, &mut self.text) {
            return;
        }
        match hit.fields() {
            fields if fields.is_empty() => self.text.truncate(start),
            fields => _ = serde_json::to_writer(&mut self.text, &fields), // Nothing fails in memory.
        }
    }

    fn put(&mut self, parts: &[&str]) {
        for part in parts {
            self.text.extend_from_slice(part.as_bytes());
        }
    }

    fn string(&mut self, text: &str) {
        let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        if text.as_bytes().iter().all(plain) {
            return self.put(&["\"", text, "\""]);
        }
        let _ = serde_json::to_writer(&mut self.text, text); // Nothing fails in memory.
    }
}

impl Second {
    fn write(&mut self, milliseconds: i64, text: &mut Vec<u8>) {
        let second = milliseconds.div_euclid(1000);
        if second != self.second || self.written.is_empty() {
            let written = rfc3339(from_milliseconds(second * 1000));
            (self.second, self.written) = (second, written.trim_end_matches("000Z").to_owned());
        }
        let thousandths = u16::try_from(milliseconds.rem_euclid(1000)).unwrap_or_default();
        let thousandths = [100, 10, 1].map(|unit| b'0' + u8::try_from(thousandths / unit % 10).unwrap_or_default());
        text.push(b'"');
        text.extend_from_slice(self.written.as_bytes());
        text.extend_from_slice(&thousandths);
        text.extend_from_slice(b"Z\"");
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(r#"{"@timestamp":1795428312345,"@ingested":1795428313000,"@owner":"1","@region":"r","@log_group":"/a","@log_stream":"s","@message":"m \" \u0041","@level":"warn","@service":"pay","@request_id":"R","@trace_id":"T","@ids":["R"],"order":{"id":1.50,"x":[1,null]},"a\"b":"c","@degraded":"why"}"#; "everything")]
    #[test_case(r#"{"@timestamp":5}"#; "nothing")]
    #[test_case(r#"{"@timestamp":"2026-11-23T10:05:12Z","@message":null,"@level":7,"n":1e40}"#; "what has another type")]
    #[test_case(r#"{"@timestamp":5,"a":{"c":1.50},"@message":"{\"a\":{\"b\":[{\"x\":2}],\"c\":1.50,\"n\":null}}","@kv":["a.b.x=2"]}"#; "untyped fields")]
    #[test_case(r#"{"@timestamp":5,"t":7,"@message":"{\"a\":2}","@kv":["a=2"]}"#; "a typed column beside them")]
    #[test_case(r#"{"@timestamp":5,"@message":"{\"a\":2}","@kv":["a=2","c=3"]}"#; "an untyped column beside them")]
    #[test_case(r#"{"@timestamp":5,"@message":"level=info a=2","@kv":["a=2"]}"#; "untyped fields of a text")]
    #[test_case(r#"{"@timestamp":5,"@message":"a text","@kv":[]}"#; "no fields")]
    fn is_written_as_the_event_is(source: &str) {
        let text = format!(r#"{{"_index":"i-1","_id":"7","_score":null,"_source":{source},"sort":[1795428312345,3]}}"#);
        let hit: Hit<'_> = serde_json::from_str(&text).unwrap();
        let mut lines = Lines::default();
        lines.add("s", &hit);
        let written = lines.text;
        let mut expected = serde_json::to_value(hit.event()).unwrap();
        expected["schema"] = json!("s");
        let written: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(written, expected);
    }
}
