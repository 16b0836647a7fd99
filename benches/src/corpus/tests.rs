use std::{collections::HashSet, hash::Hasher as _, io::Read as _, sync::LazyLock};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use super::*;

static WHOLE: LazyLock<Vec<Payload>> = LazyLock::new(payloads);
static EVENTS: LazyLock<Vec<(&str, Vec<Value>)>> =
    LazyLock::new(|| WHOLE.iter().map(|payload| (&*payload.name, events(payload))).collect());

fn json(payload: &Payload) -> Value {
    let compressed = base64_simd::STANDARD.decode_to_vec(&payload.data).unwrap();
    let mut json = Vec::new();
    MultiGzDecoder::new(compressed.as_slice()).take(64 << 20).read_to_end(&mut json).unwrap();
    assert_eq!(json.len(), payload.bytes);
    serde_json::from_slice(&json).unwrap()
}

fn events(payload: &Payload) -> Vec<Value> {
    let Value::Array(events) = json(payload)["logEvents"].take() else { panic!("no events") };
    events
}

fn hash(payloads: &[Payload]) -> u64 {
    let mut hash = std::hash::DefaultHasher::new();
    for payload in payloads {
        hash.write(payload.name.as_bytes());
        hash.write(payload.data.as_bytes());
    }
    hash.finish()
}

#[test]
fn the_same_bytes_at_every_call() {
    assert_eq!(hash(&WHOLE), hash(&payloads()));
    for kind in Kind::ALL {
        assert_eq!(kind.name().parse(), Ok(kind));
    }
}

#[test]
fn the_whole_corpus_has_its_size() {
    let events: usize = WHOLE.iter().map(|payload| payload.events).sum();
    let bytes: usize = WHOLE.iter().map(|payload| payload.bytes).sum();
    assert!((40..=45).contains(&WHOLE.len()), "{} payloads", WHOLE.len());
    assert_eq!(events, 77_000);
    assert!((42_000_000..44_000_000).contains(&bytes), "{bytes} bytes");
    assert!(WHOLE.iter().all(|payload| payload.events <= 10_000));
    let names: HashSet<_> = WHOLE.iter().map(|payload| &payload.name).collect();
    assert_eq!(names.len(), WHOLE.len());
}

#[test]
fn events_have_the_shape_of_the_wire() {
    let mut ids = HashSet::new();
    for (payload, (name, events)) in WHOLE.iter().zip(&*EVENTS).filter(|(payload, _)| payload.name != "control") {
        assert_eq!(events.len(), payload.events);
        for event in events {
            let id = event["id"].as_str().unwrap();
            assert!(id.len() == 56 && id.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
            assert!(ids.insert(id), "an id twice in {name}");
            let away = event["timestamp"].as_i64().unwrap() - 1_795_132_800_000;
            assert!(away.abs() < 3 * 86_400_000, "{away} ms away in {name}");
        }
    }
}

/// A mistake in a template of JSON would make it an odd one in silence.
#[test]
fn templates_of_json_make_json() {
    for (name, events) in EVENTS.iter().filter(|(name, _)| !["odd", "surprises", "huge_json"].contains(name)) {
        for message in events.iter().map(|event| event["message"].as_str().unwrap()) {
            let json = !message.starts_with('{') || serde_json::from_str::<Value>(message).is_ok();
            assert!(json && !message.contains(['«', '»']), "{message} in {name}");
        }
    }
}

#[test]
fn messages_are_of_all_lengths() {
    let lengths = |name: &str| -> Vec<usize> {
        let (_, events) = EVENTS.iter().find(|(found, _)| *found == name).unwrap();
        events.iter().map(|event| event["message"].as_str().unwrap().len()).collect()
    };
    assert!((200_000..262_144).contains(lengths("huge_json").iter().max().unwrap()));
    assert!((1_040_000..1_048_576).contains(&lengths("megabyte")[0]));
    assert!(lengths("odd").contains(&0));
}

#[test]
fn a_control_message_has_no_event_to_index() {
    let control = WHOLE.iter().find(|payload| payload.name == "control").unwrap();
    assert_eq!((control.events, &json(control)["messageType"]), (0, &"CONTROL_MESSAGE".into()));
}

#[test]
fn single_events_are_single() {
    let payloads = by_kind(Kind::OneEvent);
    assert!(payloads.len() > 100);
    assert!(payloads.iter().all(|payload| payload.events == 1 && payload.bytes < 16_384));
}

#[test]
fn extracted_fields_are_strings_or_null() {
    let payloads = by_kind(Kind::ExtractedFields);
    assert!(payloads.len() >= 5);
    let mut nulls = 0;
    for payload in &payloads {
        for event in events(payload) {
            let fields = event["extractedFields"].as_object().unwrap();
            assert!(fields.values().all(|value| value.is_string() || value.is_null()));
            nulls += fields.values().filter(|value| value.is_null()).count();
        }
    }
    assert!(nulls > 100);
}

#[test]
fn the_large_payload_is_as_large_as_an_invocation_may_be() {
    let [payload] = &by_kind(Kind::Large)[..] else { panic!("one payload") };
    assert!((4_800_000..5_500_000).contains(&payload.bytes), "{} bytes", payload.bytes);
    let compressed = payload.data.len() / 4 * 3;
    assert!((850_000..1_150_000).contains(&compressed), "{compressed} compressed");
}

#[test]
fn ids_are_those_of_aws() {
    let count = 1_732_181_997_039_426_805_772_632_275_426_541_568;
    let documented = [
        "31953106606966983378809025079804211143289615424298221568",
        "31953106606966983378809025079804211143289615424298221569",
    ];
    assert_eq!([0, 1].map(|nth| wire::id(1_432_826_855_000, count + nth)), documented);
}
