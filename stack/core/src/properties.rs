//! What must hold of anything that comes from outside, stated once: each test run looks for counterexamples by chance, and
//! the fuzz targets in `fuzz/` by what the code does with them. Each function panics at a counterexample.

#![expect(clippy::missing_panics_doc, clippy::expect_used, reason = "to panic is what they are for")]

use serde_json::{Value, json, value::RawValue};
use strum::VariantNames as _;

use crate::{
    bulk,
    dead_letter::{DeadLetter, FailedInvocation},
    document::{Encoder, Target},
    event::{Event, Origin},
    event_id::event_id,
    fields, ids,
    index_name::{Indices, Period},
    mapping::Mappings,
    payload::{self, Payload},
    redact::{Detector, Redactor},
};

/// How far payloads may expand here.
const CAP: u64 = 1 << 20;

/// Any bytes as a payload, as what it holds compressed, and as the text within: none expands beyond its cap, and the scanner
/// reads the same events as the careful reader or none.
pub fn payload(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let compressed = base64_simd::STANDARD.encode_to_string(bytes);
    for data in [&*text, &compressed] {
        if let Ok(text) = payload::unpack(data, CAP) {
            // A byte that is no UTF-8 becomes three.
            assert!(text.len() as u64 <= 3 * CAP);
            drop(payload::parse(&text, "r"));
        }
    }
    let Some(scanned) = payload::scan(&text, "r") else { return };
    match payload::parse_carefully(&text, "r") {
        Ok(Payload::Data(careful)) => {
            assert_eq!((&scanned.origin, &scanned.filters), (&careful.origin, &careful.filters));
            // What only the scanner takes for an event, it does not take for another one.
            for event in &careful.events {
                let same = scanned.events.iter().find(|scanned| scanned.json == event.json);
                let same = same.expect("an event that only the careful reader has read");
                assert_eq!(same.decode(), event.decode());
            }
            assert!(scanned.events.len() >= careful.events.len());
        }
        Ok(Payload::Control) => panic!("a control message was taken for data"),
        Err(error) => assert!(serde_json::from_str::<Value>(&text).is_err(), "{error}"),
    }
}

/// Any text as the message of an event, and as an event itself.
pub fn message(text: &str) {
    let wrapped = json!({"id": "37", "timestamp": 1_795_392_000_000_i64, "message": text}).to_string();
    let columns = json!({"id": "37", "timestamp": 0, "message": "m", "extractedFields": {"a": text, "level": text}});
    for json in [wrapped.as_str(), columns.to_string().as_str(), text] {
        let Ok(raw) = serde_json::from_str::<&RawValue>(json) else { continue };
        if let Ok(event) = Event::parse(raw) {
            encoded(&event);
        }
    }
}

/// Every form of an event is one action and one document that carries the message whole under the event's id; both paths
/// make the same one.
fn encoded(event: &Event<'_>) {
    let indices = Indices { prefix: "logctl".parse().expect("a prefix"), period: Period::Day };
    let origin = Origin { log_group: "/aws/lambda/pay".to_owned(), ..Origin::default() };
    let target = Target::ByTime { indices: &indices, delivered: 1_795_392_001_000 };
    let encoder = Encoder::new(target, &origin, 1_795_392_001_000);
    let mut untyped = Vec::new();
    encoder.encode_untyped(event, "refused", &mut untyped);
    let untyped = document(event, &untyped);
    for room in [usize::MAX, 0] {
        let mut mappings = Mappings::unshared(room);
        mappings.read(encoder.index(event.timestamp).as_ref(), Some(b"{}"), 0);
        let mut careful = Vec::new();
        encoder.encode_carefully(event, &mut mappings, &mut careful);
        let careful = document(event, &careful);
        let mut fast = Vec::new();
        if encoder.encode_quickly(event, &mut mappings, &mut fast).is_some() {
            assert_eq!(document(event, &fast), careful);
        }
        for name in ["@ids", "@level", "@request_id", "@trace_id", "@service", "@kvk"] {
            assert_eq!(careful.get(name), untyped.get(name), "{name}");
        }
    }
}

/// The document in a bulk body of one event, after a look at its caps.
fn document(event: &Event<'_>, body: &[u8]) -> Value {
    let lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').collect();
    let [action, document, b""] = lines.as_slice() else { panic!("not two lines: {}", lines.len()) };
    let read = |line: &[u8]| serde_json::from_slice::<Value>(line).expect("a line of JSON");
    let (action, document) = (read(action), canonical(read(document)));
    let decoded = event.decode();
    assert_eq!(event_id(action["create"]["_id"].as_str().expect("an id")), decoded.id);
    assert_eq!(document["@message"], json!(decoded.message));
    assert_eq!(document["@timestamp"], json!(event.valid_time()));
    assert!(document["@ids"].as_array().is_none_or(|all| all.len() <= ids::MAX_IDS));
    let own = document.as_object().expect("a document").iter().filter(|(name, _)| !name.starts_with('@'));
    let mut names = std::collections::HashSet::new();
    for (name, value) in own {
        assert!(!name.starts_with('_'), "{name}");
        check(name, value, 1, &mut names);
    }
    assert!(names.len() <= fields::MAX_NAMES, "{} names", names.len());
    document
}

/// Lists in one order, which a map may have forgotten, and the numbers of pairs in one form: only the quick way copies what
/// a number looked like.
pub(crate) fn canonical(mut document: Value) -> Value {
    for name in ["@ids", "@kv", "@kvn", "@kvk"] {
        let Some(list) = document.get_mut(name).and_then(Value::as_array_mut) else { continue };
        for term in list.iter_mut().filter(|_| name == "@kv") {
            let pair = term.as_str().and_then(|term| term.rsplit_once('='));
            if let Some((name, number)) = pair.and_then(|(name, value)| Some((name, value.parse::<f64>().ok()?))) {
                *term = json!(format!("{name}={number}"));
            }
        }
        list.sort_by_key(Value::to_string);
        list.dedup();
    }
    document
}

fn check(path: &str, value: &Value, depth: usize, names: &mut std::collections::HashSet<String>) {
    names.insert(path.to_owned());
    match value {
        Value::Object(object) => {
            assert!(depth < fields::MAX_DEPTH, "{path} is too deep");
            for (name, value) in object {
                check(&format!("{path}.{name}"), value, depth + 1, names);
            }
        }
        Value::Array(items) => {
            assert!(items.iter().all(|item| !item.is_array()), "{path} is nested");
            for item in items {
                check(path, item, depth, names);
            }
        }
        _ => {}
    }
}

/// Any bytes as a bulk reply: there is an outcome for each of its items, or it is none.
pub fn bulk_reply(bytes: &[u8]) {
    let Ok(outcomes) = bulk::outcomes(bytes) else { return };
    // Halves of surrogate pairs, which a strict reader refuses, are read.
    let Ok(reply) = serde_json::from_slice::<Value>(bytes) else { return };
    // A list of the members in their order passes for an object.
    let items = reply.get("items").or_else(|| reply.get(0)).and_then(Value::as_array);
    assert_eq!(items.map(Vec::len), Some(outcomes.len()));
}

/// Any text as a line of dead letters, or as the record of an invocation that failed: what can be read is written again as
/// one line that reads the same, and its event or payload is read without a panic.
pub fn dead_letter(line: &str) {
    if let Ok(record) = serde_json::from_str::<FailedInvocation>(line) {
        drop(record.request_payload.to_string());
    }
    let Ok(letter) = serde_json::from_str::<DeadLetter<'_>>(line) else { return };
    let written = serde_json::to_string(&letter).expect("plain data");
    let again: DeadLetter<'_> = serde_json::from_str(&written).expect("what was written is read");
    assert_eq!(serde_json::to_string(&again).expect("plain data"), written);
    if let Some(event) = letter.event.and_then(|json| Event::parse(json).ok()) {
        encoded(&event);
    }
    if let Some(Ok(text)) = letter.payload.as_deref().map(|data| payload::unpack(data, CAP)) {
        drop(payload::parse(&text, "r"));
    }
}

/// Any text with every detector on: the first look misses nothing that the second one finds, and JSON stays JSON.
pub fn redaction(text: &str) {
    let redactor = Redactor::new(&Detector::VARIANTS.join(","), "").expect("detectors").expect("some");
    assert!(redactor.agrees(text), "{text}");
    let redacted = redactor.text(text);
    let is_json = |text: &str| {
        let parts = text.trim_start().starts_with(['{', '[', '"']);
        parts && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
    };
    assert!(!is_json(text) || is_json(&redacted), "{text} became {redacted}");
    let event = json!({"id": "37", "timestamp": 0, "message": text, "extractedFields": {"a": text}}).to_string();
    let event = Event::parse(serde_json::from_str(&event).expect("JSON")).map_err(|_| ());
    if let Some(redacted) = event.ok().and_then(|event| redactor.event(&event)) {
        Event::parse(&redacted).expect("an event stays one");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// JSON that is nearly right, with every sign that means something somewhere.
    const NEARLY: &str = r#"([{}\[\]:,"\\]|"[a-z@_.]{0,4}"|"level"|"requestId"|"log"|:|,|null|true|-?[0-9]{1,20}(\.[0-9])?(e[0-9]{1,3})?|\\u(d83d|de00|0041)|[a-z =\t\n]|\{"a":|[é\u{7f}\u{1}]){0,40}"#;

    proptest! {
        #[test]
        fn of_payloads(text in NEARLY, bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            payload(&bytes);
            payload(format!(r#"{{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"/a","logStream":"s","logEvents":[{{"id":"1","timestamp":1,"message":"m"{text}}}]}}"#).as_bytes());
            payload(format!(r#"{{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"/a","logStream":"s","logEvents":[{{"id":"1","timestamp":1,"message":"{text}"}}]}}"#).as_bytes());
        }

        #[test]
        fn of_messages(text in NEARLY) {
            message(&text);
            message(&format!("{{{text}}}"));
            message(&format!(r#"{{"id":"1","timestamp":1,"message":"{text}"}}"#));
            message(&format!(r#"{{"id":"1","timestamp":1,"message":"m","extractedFields":{{{text}}}}}"#));
        }

        #[test]
        fn of_redaction(text in SECRETS) {
            redaction(&text);
            redaction(&json!({"a": text, "password": [text], "level": 7}).to_string());
            redaction(&json!({"a": json!({ "b": text }).to_string()}).to_string());
        }

        #[test]
        fn of_bulk_replies(text in NEARLY, status: u16) {
            bulk_reply(text.as_bytes());
            bulk_reply(format!(r#"{{"items":[{{"create":{{"status":{status},"error":{{"reason":{text}}}}}}}]}}"#).as_bytes());
        }

        #[test]
        fn of_dead_letters(text in NEARLY) {
            dead_letter(&text);
            dead_letter(&format!(r#"{{"kind":"outage","reason":"r","at":1,"attempts":1,"event":{text}}}"#));
            dead_letter(&format!(r#"{{"kind":"outage","reason":"{text}","at":1,"attempts":1,"event":{{"id":"1","timestamp":1,"message":"{text}"}}}}"#));
        }
    }

    /// Signs and words that mean something to a detector, in any order.
    const SECRETS: &str = r#"([{}\[\]:,"\\='@%&;.?!<>() _-]|\\"|\\\\|\\n|\\u0040|\\/|%40|%20|&#64;|://|4111111111111111|4111 1111|378282246310005|[0-9]{1,20}|DE89 3704 0044 0532 0130 00|NO9386011117947|eyJ[a-z]{9}|\.|AKIAIOSFODNN7EXAMPLE|[Bb]earer |Basic |dXNlcjpwYXNz|password|apiKey|secretAccessKey|card|pan|sk_live_|a1B2c3D4e5F6g7H8i9|-----BEGIN |PRIVATE KEY-----|-----END |ana|shop\.example|[é\u{a0}]|[a-z]{1,9}|true|null){0,30}"#;

    /// What the fuzz targets begin with, and what they have found.
    #[test]
    fn of_the_seeds() {
        let seeds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
        for (target, holds) in [
            ("payload", payload as fn(&[u8])),
            ("message", |bytes| message(&String::from_utf8_lossy(bytes))),
            ("bulk_reply", bulk_reply),
            ("dead_letter", |bytes| dead_letter(&String::from_utf8_lossy(bytes))),
            ("redaction", |bytes| redaction(&String::from_utf8_lossy(bytes))),
        ] {
            let files: Vec<_> = std::fs::read_dir(seeds.join(target)).unwrap().collect();
            assert!(!files.is_empty(), "{target}");
            for file in files {
                holds(&std::fs::read(file.unwrap().path()).unwrap());
            }
        }
    }
}
