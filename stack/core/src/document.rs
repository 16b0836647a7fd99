//! One event, one document.

use serde_json::{Map, Value, json};

use crate::{
    event::{LogEvent, Origin},
    fields,
    index::Indices,
    normalise::{ids_of, normalise},
};

/// A document, ready for a bulk request.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The event id of CloudWatch Logs: a redelivered event meets itself.
    pub id: String,
    /// Where it belongs.
    pub index: String,
    /// The document as JSON on one line.
    pub source: Vec<u8>,
}

/// Shapes documents of one batch.
#[derive(Debug, Clone, Copy)]
pub struct Encoder<'a> {
    /// Names the index of each event.
    pub indices: &'a Indices,
    /// Where the events come from.
    pub origin: &'a Origin,
    /// When they are written, in milliseconds since 1970.
    pub ingested: i64,
}

impl Encoder<'_> {
    /// The document of an event, with all its fields.
    #[must_use]
    pub fn encode(&self, event: &LogEvent) -> Document {
        let (mut source, fields) = self.fixed(event);
        for (name, value) in fields {
            source.entry(name).or_insert(value);
        }
        self.document(event, source)
    }

    /// The document of an event whose fields the engine has refused: they become `path=value` in `@kv`.
    #[must_use]
    pub fn encode_degraded(&self, event: &LogEvent, reason: &str) -> Document {
        let (mut source, fields) = self.fixed(event);
        let mut pairs = Vec::new();
        fields::walk(&fields, &mut |path, value| pairs.push(Value::String(format!("{path}={value}"))));
        source.insert("@kv".to_owned(), pairs.into());
        source.insert("@degraded".to_owned(), reason.into());
        self.document(event, source)
    }

    fn document(&self, event: &LogEvent, source: Map<String, Value>) -> Document {
        Document {
            id: event.id.clone(),
            index: self.indices.name(event.timestamp),
            source: Value::Object(source).to_string().into_bytes(),
        }
    }

    /// The fixed fields, and the event's own.
    fn fixed(&self, event: &LogEvent) -> (Map<String, Value>, Map<String, Value>) {
        let normalised = normalise(event);
        let mut source = Map::new();
        let mut put = |name: &str, value: Value| source.insert(name.to_owned(), value);
        put("@id", json!(event.id));
        put("@timestamp", json!(valid_time(event.timestamp)));
        put("@ingested", json!(self.ingested));
        put("@owner", json!(self.origin.owner));
        put("@region", json!(self.origin.region));
        put("@log_group", json!(self.origin.log_group));
        put("@log_stream", json!(self.origin.log_stream));
        put("@service", json!(service(&self.origin.log_group)));
        put("@message", json!(event.message));
        let ids = ids_of(event, &normalised);
        if !ids.is_empty() {
            put("@ids", json!(ids));
        }
        if let Some(level) = normalised.level {
            put("@level", json!(level.as_str()));
        }
        if let Some(id) = &normalised.request_id {
            put("@request_id", json!(id));
        }
        if let Some(id) = &normalised.trace_id {
            put("@trace_id", json!(id));
        }
        (source, normalised.fields)
    }
}

/// The engine's dates end in the year 292278994; a time beyond that would have the whole document refused.
fn valid_time(timestamp: i64) -> i64 {
    timestamp.clamp(0, 253_402_300_799_999) // To the end of 9999, the last year that RFC 3339 can write.
}

/// The service that a log group belongs to: the name of the function, task or API where AWS's naming tells it, else the
/// last part of the group's name.
#[must_use]
pub fn service(group: &str) -> &str {
    let mut parts = group.split('/').filter(|part| !part.is_empty());
    match (parts.next(), parts.next(), parts.next()) {
        (Some("aws"), Some(_), Some(name)) => name,
        _ => group.rsplit('/').find(|part| !part.is_empty()).unwrap_or(group),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use test_case::test_case;

    use super::*;
    use crate::index::Period;

    fn with_encoder<T>(run: impl FnOnce(&Encoder<'_>) -> T) -> T {
        let indices = Indices { prefix: "logctl".parse().unwrap(), period: Period::Day };
        let origin = Origin {
            owner: "123456789012".into(),
            region: "eu-west-1".into(),
            log_group: "/aws/lambda/pay".into(),
            log_stream: "s".into(),
        };
        run(&Encoder { indices: &indices, origin: &origin, ingested: 1_795_392_001_000 })
    }

    fn event(message: &str) -> LogEvent {
        LogEvent { id: "37".into(), timestamp: 1_795_392_000_000, message: message.into(), extracted_fields: None }
    }

    fn source(document: &Document) -> Value {
        serde_json::from_slice(&document.source).unwrap()
    }

    #[test]
    fn a_json_event_has_fixed_fields_and_its_own() {
        let document = with_encoder(|e| e.encode(&event(r#"{"level":"warn","requestId":"abc-1","amount":3}"#)));
        assert_eq!((document.id.as_str(), document.index.as_str()), ("37", "logctl-2026.11.23"));
        assert_eq!(
            source(&document),
            json!({
                "@id": "37", "@timestamp": 1_795_392_000_000_i64, "@ingested": 1_795_392_001_000_i64,
                "@owner": "123456789012", "@region": "eu-west-1", "@log_group": "/aws/lambda/pay", "@log_stream": "s",
                "@service": "pay", "@message": r#"{"level":"warn","requestId":"abc-1","amount":3}"#,
                "@ids": ["abc-1"], "@level": "warn", "@request_id": "abc-1",
                "level": "warn", "requestId": "abc-1", "amount": 3
            })
        );
    }

    #[test]
    fn a_degraded_event_keeps_its_fields_as_pairs() {
        let document = with_encoder(|e| e.encode_degraded(&event(r#"{"a":{"b":[1,2]},"c":"x"}"#), "mapping conflict"));
        let source = source(&document);
        assert_eq!(source["@kv"], json!(["a.b=1", "a.b=2", "c=x"]));
        assert_eq!(source["@degraded"], "mapping conflict");
        assert_eq!(source.get("a"), None);
    }

    #[test_case("/aws/lambda/pay", "pay")]
    #[test_case("/aws/ecs/orders/api", "orders")]
    #[test_case("/ecs/orders", "orders")]
    #[test_case("team-a/checkout", "checkout")]
    #[test_case("plain", "plain")]
    #[test_case("/", "/")]
    fn services(group: &str, expected: &str) {
        assert_eq!(service(group), expected);
    }

    proptest! {
        /// Whatever the message, the document is one line of JSON that carries the message whole under the event's id.
        #[test]
        fn every_event_becomes_a_document(message in ".{0,200}", timestamp: i64) {
            let event = LogEvent { timestamp, ..event(&message) };
            let document = with_encoder(|e| e.encode(&event));
            prop_assert!(!document.source.contains(&b'\n'));
            prop_assert_eq!(&source(&document)["@message"], &json!(message));
            prop_assert_eq!(&source(&document)["@id"], "37");
        }

        /// Fields of a message never replace a fixed one, and arrive under their own names.
        #[test]
        fn fields_arrive(fields in proptest::collection::hash_map("[@_a-z][a-z]{0,8}", any::<i32>(), 1..20)) {
            let document = with_encoder(|e| e.encode(&event(&json!(fields).to_string())));
            let source = source(&document);
            prop_assert_eq!(&source["@log_group"], "/aws/lambda/pay");
            for (name, value) in &fields {
                if !name.starts_with(['@', '_']) {
                    prop_assert_eq!(&source[name], &json!(value));
                }
            }
        }
    }
}
