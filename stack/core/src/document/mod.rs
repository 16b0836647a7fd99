//! One event, one document: the envelope that both ways of the encoder share. The quick way copies what needs no mending,
//! the careful one mends the rest.

mod careful;
mod own_fields;
mod quick;
pub mod told;

use std::{borrow::Cow, cell::RefCell, rc::Rc};

use serde_json::json;

use crate::{
    event::{Event, Origin},
    event_id::document_id,
    ids::Ids,
    index_name::{self, IndexName, Indices},
    json::Record,
    mapping::{Layout, Mappings},
    normalise::Normalised,
    services::Services,
};

/// Bytes of the reason for which an event has no typed fields.
const MAX_REASON: usize = 900;

/// Room that is used again for each event.
#[derive(Debug, Default)]
struct Scratch {
    text: Vec<u8>,
    ids: Ids,
    record: Record,
}

/// Which index a document belongs to.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// The one of the event's time, seen from its delivery.
    ByTime {
        /// Names it.
        indices: &'a Indices,
        /// When CloudWatch delivered the event, in milliseconds since 1970.
        delivered: i64,
    },
    /// This one.
    One(&'a IndexName),
}

impl<'a> Target<'a> {
    /// The index of an event that happened `timestamp` milliseconds after 1970.
    #[must_use]
    pub fn index(&self, timestamp: i64) -> Cow<'a, IndexName> {
        match self {
            Self::ByTime { indices, delivered } => Cow::Owned(indices.name(timestamp, *delivered)),
            Self::One(index) => Cow::Borrowed(index),
        }
    }
}

/// Shapes documents of one batch.
#[derive(Debug)]
pub struct Encoder<'a> {
    /// Names the index of each event.
    pub target: Target<'a>,
    /// Where the events come from.
    pub origin: &'a Origin,
    /// When they are written, in milliseconds since 1970.
    pub ingested: i64,
    /// Without level, ids and the fields of messages that are no JSON: to be measured against other forwarders.
    #[cfg(feature = "measure")]
    bare: bool,
    /// The members that are the same in all documents.
    head: String,
    /// And those that are, where an event does not tell otherwise: account and Region, and the service.
    source: String,
    service: String,
    scratch: RefCell<Scratch>,
    /// The day that was last asked for, and its index.
    day: RefCell<(i64, Rc<str>)>,
}

impl<'a> Encoder<'a> {
    /// An encoder for events of one origin that are written at `ingested`, in milliseconds since 1970.
    #[must_use]
    pub fn new(target: Target<'a>, origin: &'a Origin, ingested: i64) -> Self {
        let mut head = format!(r#","@ingested":{ingested}"#);
        head += &member("@log_group", &origin.log_group);
        head += &member("@log_stream", &origin.log_stream);
        let source = member("@owner", &origin.owner) + &member("@region", &origin.region);
        let service = member("@service", Services::default().of_group(&origin.log_group));
        let day = RefCell::new((i64::MIN, Rc::from("")));
        Self {
            target,
            origin,
            ingested,
            #[cfg(feature = "measure")]
            bare: false,
            head,
            source,
            service,
            scratch: RefCell::default(),
            day,
        }
    }

    /// The same, with the service that the rules of a stack tell.
    #[must_use]
    pub fn with_services(self, services: &Services) -> Self {
        Self { service: member("@service", services.of_group(&self.origin.log_group)), ..self }
    }

    /// Without level, ids and the fields of messages that are no JSON, as far as the quick way goes: what other forwarders do,
    /// to be measured against.
    #[cfg(feature = "measure")]
    #[must_use]
    pub fn bare(self) -> Self {
        Self { bare: true, ..self }
    }

    #[cfg(feature = "measure")]
    fn normalises(&self) -> bool {
        !self.bare
    }

    #[cfg(not(feature = "measure"))]
    #[expect(clippy::unused_self, reason = "the benchmark has something to ask here")]
    const fn normalises(&self) -> bool {
        true
    }

    /// The index of an event that happened `timestamp` milliseconds after 1970.
    #[must_use]
    pub fn index(&self, timestamp: i64) -> Rc<str> {
        let day = index_name::day(timestamp);
        let mut last = self.day.borrow_mut();
        if last.0 != day || last.1.is_empty() {
            *last = (day, Rc::from(self.target.index(timestamp).as_str()));
        }
        Rc::clone(&last.1)
    }

    /// Appends an event to a bulk body, with the fields that its index types, and pairs for the others.
    pub fn encode(&self, event: &Event<'_>, mappings: &mut Mappings, body: &mut Vec<u8>) -> Encoded {
        let quickly = self.encode_quickly(event, mappings, body);
        quickly.unwrap_or_else(|| self.encode_carefully(event, mappings, body))
    }

    /// The action, and the document up to its message. Id and message are escaped, without quotes.
    fn append_envelope(&self, event: &Event<'_>, [id, message]: [&str; 2], said: &Normalised, body: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        for part in [
            r#"{"create":{"_index":""#,
            &self.index(event.timestamp),
            r#"","_id":""#,
            &document_id(id),
            "\"}}\n{\"@timestamp\":",
            digits.format(event.valid_time()),
            &self.head,
            r#","@message":""#,
            message,
            "\"",
        ] {
            body.extend_from_slice(part.as_bytes());
        }
        match &said.source {
            (None, None) => body.extend_from_slice(self.source.as_bytes()),
            (account, region) => {
                put_text("@owner", account.as_ref().unwrap_or(&self.origin.owner), body);
                put_text("@region", region.as_ref().unwrap_or(&self.origin.region), body);
            }
        }
        match &said.service {
            None => body.extend_from_slice(self.service.as_bytes()),
            Some(service) => put_text("@service", service, body),
        }
    }
}

/// A member that is a text, behind a comma.
fn member(name: &str, text: &str) -> String {
    format!(r#","{name}":{}"#, json!(text))
}

/// Appends a member that is a text.
fn put_text(name: &str, text: &str, body: &mut Vec<u8>) {
    let put =
        |parts: &[&str], body: &mut Vec<u8>| parts.iter().for_each(|part| body.extend_from_slice(part.as_bytes()));
    // Ids out of text may hold anything; those that were found by their form are letters, digits and hyphens.
    if is_quiet(text) {
        put(&[",\"", name, "\":\"", text, "\""], body);
    } else {
        put(&[",\"", name, "\":", &json!(text).to_string()], body);
    }
}

/// Appends level and ids.
fn append_said(said: &Normalised, ids: &Ids, body: &mut Vec<u8>) {
    if let Some(level) = &said.level {
        put_text("@level", level.as_ref(), body);
    }
    for (name, id) in [("@request_id", &said.request_id), ("@trace_id", &said.trace_id)] {
        if let Some(id) = id {
            put_text(name, id, body);
        }
    }
    let mut before = r#","@ids":["#;
    for id in ids.iter() {
        body.extend_from_slice(before.as_bytes());
        if is_quiet(id) {
            body.push(b'"');
            body.extend_from_slice(id.as_bytes());
            body.push(b'"');
        } else {
            body.extend_from_slice(json!(id).to_string().as_bytes());
        }
        before = ",";
    }
    if before == "," {
        body.push(b']');
    }
}

/// What became of the fields of an event.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Encoded {
    /// Whether some of them are pairs and not typed.
    pub untyped: bool,
    /// Whether that is so for want of room.
    pub crowded: bool,
    /// Whether something of it is in the message only, or all of it is pairs since the engine has refused it.
    pub degraded: bool,
    /// How many values are in the message only.
    left_out: usize,
}

impl Encoded {
    fn of(layout: &Layout, left_out: usize) -> Self {
        Self { untyped: layout.untyped > 0, crowded: layout.crowded > 0, degraded: left_out > 0, left_out }
    }

    /// Appends why the event lacks something, if it does.
    fn append_reason(self, refused: Option<&str>, body: &mut Vec<u8>) {
        let left_out = (self.left_out > 0).then(|| format!("{} more values are in the message only", self.left_out));
        // The engine quotes what it refuses, and a longer text is not looked up.
        let refused = refused.map(|reason| &reason[..reason.floor_char_boundary(MAX_REASON)]);
        let reasons: Vec<&str> = refused.into_iter().chain(left_out.as_deref()).collect();
        if !reasons.is_empty() {
            body.extend_from_slice(format!(r#","@degraded":{}"#, json!(reasons.join("; "))).as_bytes());
        }
    }
}

/// Whether a text stands in JSON as it is.
fn is_quiet(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use test_case::test_case;

    use serde_json::Value;

    use super::*;
    use crate::{event::LogEvent, index_name::Period, properties::canonical};

    /// The action and the document that an encoder makes.
    fn encoded(event: &LogEvent<'_>, encode: impl FnOnce(&Encoder<'_>, &Event<'_>, &mut Vec<u8>)) -> (Value, Value) {
        let indices = Indices { prefix: "logctl".parse().unwrap(), period: Period::Day };
        let origin = Origin {
            owner: "123456789012".into(),
            region: "eu-west-1".into(),
            log_group: "/aws/lambda/pay".into(),
            log_stream: "s".into(),
        };
        let target = Target::ByTime { indices: &indices, delivered: 1_795_392_001_000 };
        let encoder = Encoder::new(target, &origin, 1_795_392_001_000);
        let mut json = json!({"id": event.id, "timestamp": event.timestamp, "message": event.message});
        if let Some(fields) = &event.extracted_fields {
            json["extractedFields"] = json!(fields);
        }
        let json = json.to_string();
        let mut body = Vec::new();
        encode(&encoder, &Event::parse(serde_json::from_str(&json).unwrap()).unwrap(), &mut body);
        let lines: Vec<_> = body.split(|byte| *byte == b'\n').collect();
        assert_eq!((lines.len(), lines[2]), (3, b"".as_slice()));
        (serde_json::from_slice(lines[0]).unwrap(), serde_json::from_slice(lines[1]).unwrap())
    }

    fn source_of(event: &LogEvent<'_>) -> Value {
        encoded(event, |encoder, event, body| _ = encoder.encode(event, &mut roomy(), body)).1
    }

    const INDEX: &str = "logctl-2026.11.23";

    /// An index that types every name.
    fn roomy() -> Mappings {
        read(r#"{"i":{"mappings":{"disable_objects":true,"properties":{"@level":{"type":"keyword"}}}}}"#, usize::MAX)
    }

    /// An index that types a few names and no more.
    fn full() -> Mappings {
        let mapped = json!({"properties": {"a": {"type": "keyword"}, "level": {"type": "keyword"}, "log": {"properties": {
            "level": {"type": "keyword"}, "b": {"properties": {"c": {"type": "keyword"}}}}}, "json@y": {"type": "keyword"}}});
        read(&json!({"i": {"mappings": mapped}}).to_string(), 0)
    }

    fn read(mapping: &str, room: usize) -> Mappings {
        let mut mappings = Mappings::unshared(room);
        mappings.read(INDEX, Some(mapping.as_bytes()), 0);
        mappings
    }

    fn event(message: &str) -> LogEvent<'_> {
        LogEvent { id: "37".into(), timestamp: 1_795_392_000_000, message: message.into(), extracted_fields: None }
    }

    #[test]
    fn a_json_event_has_fixed_fields_and_its_own() {
        let event = event(r#"{"level":"warn","requestId":"abc-1","amount":3}"#);
        let (action, source) = encoded(&event, |encoder, event, body| {
            assert_eq!(encoder.encode(event, &mut roomy(), body), Encoded::default());
        });
        assert_eq!(action, json!({"create": {"_index": "logctl-2026.11.23", "_id": "37"}}));
        assert_eq!(
            canonical(source),
            json!({
                "@timestamp": 1_795_392_000_000_i64, "@ingested": 1_795_392_001_000_i64,
                "@owner": "123456789012", "@region": "eu-west-1", "@log_group": "/aws/lambda/pay", "@log_stream": "s",
                "@service": "pay", "@message": r#"{"level":"warn","requestId":"abc-1","amount":3}"#,
                "@ids": ["abc-1"], "@kvk": ["amount", "level", "requestId"], "@level": "warn", "@request_id": "abc-1",
                "level": "warn", "requestId": "abc-1", "amount": 3
            })
        );
    }

    #[test]
    fn a_refused_event_keeps_its_fields_as_pairs() {
        let event = event(r#"{"a":{"b":[1,2,2],"=":" 0x1p4"},"c":"x","n":null}"#);
        let (_, source) = encoded(&event, |encoder, event, body| {
            assert!(encoder.encode_untyped(event, "refused", body).degraded);
        });
        let source = canonical(source);
        assert_eq!(source["@kv"], json!([r"a.\== 0x1p4", "a.b=1", "a.b=2", "c=x"]));
        assert_eq!(source["@kvn"], json!([r"a.\==c03", "a.b=bff", "a.b=c"]));
        assert_eq!(source["@kvk"], json!(["a", "a.=", "a.b", "c"]));
        assert_eq!((&source["@degraded"], source.get("a")), (&json!("refused"), None));
    }

    #[test]
    fn names_that_are_not_typed_are_pairs() {
        let mut mappings = full();
        let event = event(r#"{"a":1,"log":{"level":"x","other":[2,3]},"b":"y"}"#);
        let (_, source) = encoded(&event, |encoder, event, body| {
            let encoded = encoder.encode(event, &mut mappings, body);
            assert_eq!((encoded.untyped, encoded.crowded, encoded.degraded), (true, true, false));
        });
        assert_eq!((&source["a"], &source["log"]), (&json!(1), &json!({"level": "x"})));
        let source = canonical(source);
        assert_eq!(source["@kv"], json!(["b=y", "log.other=2", "log.other=3"]));
        assert_eq!(source["@kvk"], json!(["a", "b", "log", "log.level", "log.other"]));
        assert_eq!(source.get("@degraded"), None);
    }

    #[test]
    fn a_reason_is_short_enough_to_be_looked_up() {
        let (_, source) = encoded(&event("{}"), |encoder, event, body| {
            encoder.encode_untyped(event, &"é".repeat(10_000), body);
        });
        assert!(source["@degraded"].as_str().unwrap().len() <= MAX_REASON);
    }

    #[test]
    fn what_stands_below_a_long_name_is_in_the_message_only() {
        let dots = vec!["a"; 120].join(".");
        let message = format!(r#"{{"{dots}":1,"b":{{"{}":2}},"c":3}}"#, "n".repeat(250));
        let (_, source) = encoded(&event(&message), |encoder, event, body| {
            encoder.encode(event, &mut roomy(), body);
        });
        assert_eq!(source["@degraded"], "1 more values are in the message only");
        assert_eq!(source["@kvk"], json!(["b", format!("b.{}", "n".repeat(250)), "c"]));
        assert_eq!((&source["c"], source.get(&dots)), (&json!(3), None));
    }

    #[test]
    fn names_are_bounded() {
        let members: Vec<String> = (0..900).map(|nth| format!(r#""{}{nth}":1"#, "n".repeat(240))).collect();
        let message = format!("{{{}}}", members.join(","));
        let (_, source) = encoded(&event(&message), |encoder, event, body| {
            encoder.encode(event, &mut full(), body);
        });
        let listed = source["@kvk"].as_array().unwrap().len();
        assert!(listed < 300, "{listed}");
        assert_eq!(source["@degraded"], format!("{} more values are in the message only", 900 - listed));
    }

    #[test]
    fn more_objects_than_are_read_are_text() {
        let message = format!(r#"{{"level":"error","l":[{}]}}"#, vec!["{}"; 30_000].join(","));
        let (_, source) = encoded(&event(&message), |encoder, event, body| {
            encoder.encode(event, &mut roomy(), body);
        });
        assert_eq!((&source["@level"], source.get("l")), (&json!("error"), None));
        let deep = "{\"\":".repeat(100) + "0" + &"}".repeat(100);
        let message = format!(r#"{{"level":"error","l":[{}]}}"#, vec![deep; 300].join(","));
        let (_, source) = encoded(&event(&message), |encoder, event, body| {
            encoder.encode(event, &mut roomy(), body);
        });
        assert_eq!(source["@degraded"], "1 more values are in the message only");
        assert_eq!((&source["@level"], source.get("l")), (&json!("error"), None));
    }

    /// A list of objects below long names: each name is known once, however often it comes.
    #[test]
    fn names_of_a_list_cost_little() {
        let inside = format!("[{}]", vec![r#"{"a":1}"#; 20_000].join(","));
        let name = vec!["a"; 128].join(".");
        let message = (0..7).fold(inside, |inside, _| format!("{{\"{name}\":{inside}}}"));
        let (_, source) = encoded(&event(&message), |encoder, event, body| {
            encoder.encode(event, &mut full(), body);
        });
        assert_eq!(source["@degraded"], "20000 more values are in the message only");
    }

    #[test]
    fn pairs_are_bounded() {
        let values: Vec<u32> = (0..10_000).collect();
        let message = json!({"n".repeat(256): values}).to_string();
        let (_, source) =
            encoded(&event(&message), |encoder, event, body| _ = encoder.encode_untyped(event, "r", body));
        let pairs = source["@kv"].as_array().unwrap();
        assert!(pairs.len() > 1_000 && source.to_string().len() < 2 << 20, "{}", pairs.len());
        assert_eq!(source["@degraded"], format!("r; {} more values are in the message only", 10_000 - pairs.len()));
        assert_eq!(source["@kvk"], json!(["n".repeat(256)]));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let name = || "(level|requestId|trace|log|http|request|request\\.id|id|record|type|a|a\\.b|_x|@y|json@y|17|\u{3000}|[a-zé]{1,3}|)";
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[ -~é\n]{0,8}".prop_map(Value::from),
            "(warn|ERROR|platform\\.x|8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f)".prop_map(Value::from),
        ];
        let value = leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec((name(), inner), 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        });
        proptest::collection::vec((name(), value), 0..6)
            .prop_map(|members| Value::Object(members.into_iter().collect()))
    }

    /// What both ways make of an event, which must mean the same, whatever the index types.
    fn both(event: &LogEvent<'_>) -> (bool, Value, Value) {
        let (fast, quick, careful) = both_with(event, roomy);
        for mappings in [full, Mappings::default] {
            let (also_fast, quick, careful) = both_with(event, mappings);
            assert_eq!((also_fast, quick), (fast, careful));
        }
        (fast, quick, careful)
    }

    fn both_with(event: &LogEvent<'_>, mappings: fn() -> Mappings) -> (bool, Value, Value) {
        let (mut fast, mut outcomes) = (false, Vec::new());
        let (_, quick) = encoded(event, |encoder, event, body| {
            let quickly = encoder.encode_quickly(event, &mut mappings(), body);
            fast = quickly.is_some();
            outcomes.push(quickly.unwrap_or_else(|| encoder.encode_carefully(event, &mut mappings(), body)));
        });
        let (_, careful) = encoded(event, |encoder, event, body| {
            outcomes.push(encoder.encode_carefully(event, &mut mappings(), body));
        });
        assert_eq!(outcomes[0], outcomes[1]);
        (fast, canonical(quick), canonical(careful))
    }

    const ID: &str = "8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f";

    #[test_case(r#"{"level":"warn","requestId":"R","n":1.50,"deep":{"a":[1,2],"b":{"c":null}},"e":"ü\n"}"#; "json")]
    #[test_case(r#"{"requestId":"8F5E0A2C-3F1E-4B7D-9C55-0A1B2C3D4E5F","log":{"level":"error"},"trace":{"id":"4bf92f3577b34da6a3ce929d0e0e4736"}}"#; "nested names")]
    #[test_case(r#"{"log.level":"warn","log":{"level":"error"}}"#; "dotted before nested")]
    #[test_case(r#"{"type":"platform.start","record":{"requestId":"8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f"}}"#; "a platform line")]
    #[test_case(r#"INFO RequestId: 8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f {"a":1}"#; "a prefix")]
    #[test_case("{\n  \"a\": 1,\n  \"b\": [\n 1 ]\n}\n"; "several lines")]
    #[test_case("2026-11-23T10:00:00.000Z\t8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f\tERROR\tboom \\u"; "text format")]
    #[test_case("level=warn msg=\"a b\" requestId=abcd-1"; "logfmt")]
    #[test_case("[ERROR] requestId=\"ab\\\"cd\" x"; "a quote in an id")]
    #[test_case(r#"{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","level":40,"severity":"nonsense"}"#; "a header")]
    #[test_case(r#"{"requestId":"","request_id":"x"}"#; "an empty id")]
    #[test_case(r#"{"requestId":"","type":"platform.start","record":{"requestId":"abcd-1"}}"#; "an empty id before a platform line's")]
    #[test_case(r#"{"type":"platform.start","record":{"requestId":""}}"#; "a platform line with an empty id")]
    #[test_case(r#"{"http":{"request":{"id":"R-1234"}}}"#; "the deepest name")]
    #[test_case(r#"{"json":1,"jsonPayload":{"a":1}}"#; "names that begin as prefixes do")]
    #[test_case(r#"{"http":{"request":"x","request.id":"R-1234"}}"#; "dotted and nested")]
    #[test_case(r#"{"type":"\u0070latform.x","record":{"requestId":"abcd-1"}}"#; "an escape in a type")]
    #[test_case("{}"; "an empty object")]
    #[test_case(""; "nothing")]
    fn both_paths_agree(message: &str) {
        let (fast, quick, careful) = both(&event(message));
        assert!(fast, "left to the slow path");
        assert_eq!(quick, careful);
    }

    #[test_case(r#"{"a":[[1e5]],"b":[[{"b":1,"b":2}]]}"#; "arrays that are written anew")]
    #[test_case("{\"名前\u{3000}\":1,\"\u{3000}\":2,\"a.\u{2003}b\":3}"; "blanks beyond ascii")]
    fn both_paths_agree_about_surprises(message: &str) {
        let (fast, quick, careful) = both(&event(message));
        assert!(!fast);
        assert_eq!(quick, careful);
    }

    #[test_case(r#"START RequestId: a"b {"x":1}"#; "a quote")]
    #[test_case(r#"START RequestId: x","@service":"evil {"a":1}"#; "a member")]
    fn an_id_forges_nothing(message: &str) {
        let (_, quick, careful) = both(&event(message));
        assert_eq!(quick, careful);
        assert_eq!(quick["@service"], "pay");
    }

    #[test]
    fn both_paths_agree_about_columns() {
        let columns = json!({"request_id": ID, "level": "ERROR", "srcaddr": "10.0.0.1", "bytes": "0", "none": null});
        let event = LogEvent { extracted_fields: columns.as_object().cloned(), ..event("10.0.0.1 ACCEPT") };
        let (fast, quick, careful) = both(&event);
        assert!(fast);
        assert_eq!(quick, careful);
    }

    #[test_case(&json!({"time": "t", "event": r#"{"order":{"n":7},"level":"WARN"}"#}), r#"t {"order":{"n":7},"level":"WARN"}"#; "json in a column")]
    #[test_case(&json!({"severity": "INFO", "event": "{\"level\":\"WARN\",\"_x\":1}\n"}), r#"INFO {"level":"WARN","_x":1}"#; "a name of the engine")]
    #[test_case(&json!({"a": format!("x\n{ID}")}), "m"; "an id behind an escape")]
    #[test_case(&json!({"a": "{b}"}), "m"; "a brace and no json")]
    fn columns_are_taken_fast(columns: &Value, message: &str) {
        let event = LogEvent { extracted_fields: columns.as_object().cloned(), ..event(message) };
        let (fast, quick, careful) = both(&event);
        assert!(fast);
        assert_eq!(quick, careful);
    }

    proptest! {
        /// Generated JSON, as text or as columns: whatever the fast path takes, it takes as the slow one does.
        #[test]
        fn both_paths_agree_about_any_json(value in any_json(), prefix in "(|INFO |[a-z]{0,3} \\{)", columns: bool) {
            let message = format!("{prefix}{value}");
            let fields = json!({"level": "error", "event": message, "a": &value["a"]});
            let extracted_fields = fields.as_object().filter(|_| columns).cloned();
            let (_, quick, careful) = both(&LogEvent { extracted_fields, ..event(&message) });
            prop_assert_eq!(quick, careful);
        }

        /// The same of columns that do not come out of the message.
        #[test]
        fn both_paths_agree_about_columns_alone(value in any_json()) {
            let event = LogEvent { extracted_fields: value.as_object().cloned(), ..event("m") };
            let (_, quick, careful) = both(&event);
            prop_assert_eq!(quick, careful);
        }

        #[test]
        fn both_paths_agree_about_any_text(message in r#"[ \\{}":,a-z0-9\[\]\t\n=é\\-]{0,60}"#) {
            let (_, quick, careful) = both(&event(&message));
            prop_assert_eq!(quick, careful);
        }

        /// Whatever the message, the document is one line of JSON that carries the message whole under the event's id.
        #[test]
        fn every_event_becomes_a_document(message in ".{0,200}", timestamp: i64) {
            let event = LogEvent { timestamp, ..event(&message) };
            let source = source_of(&event);
            prop_assert_eq!(&source["@message"], &json!(message));
        }

        /// Fields of a message never replace a fixed one, and arrive under their own names.
        #[test]
        fn fields_arrive(fields in proptest::collection::hash_map("[@_a-z][a-z]{0,8}", any::<i32>(), 1..20)) {
            let source = source_of(&event(&json!(fields).to_string()));
            prop_assert_eq!(&source["@log_group"], "/aws/lambda/pay");
            for (name, value) in &fields {
                // What is called `num` is a pair, since each field has a number of that name below it.
                if !name.starts_with(['@', '_']) && name != "num" {
                    prop_assert_eq!(&source[name], &json!(value));
                }
            }
        }
    }
}
