//! What is read out of the formats that people log in: `tests/fixtures/formats.json` says it to the tests, and
//! `docs/formats.md`, which is made here, to people.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use logctl_core::{
    document::{Encoder, Target},
    event::{Event, Origin},
    index_name::{Indices, Period},
    mapping::Mappings,
};
use serde_json::{Map, Value, json, value::RawValue};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

fn formats() -> Vec<Value> {
    serde_json::from_str(&std::fs::read_to_string(path("tests/fixtures/formats.json")).unwrap()).unwrap()
}

/// The members of an object in one order, whatever order a map has.
fn sorted(object: &Value) -> BTreeMap<&String, &Value> {
    object.as_object().unwrap().iter().collect()
}

/// The document of an event in an index that types all of its names.
fn document(group: &str, event: &Value) -> Map<String, Value> {
    let mut json = json!({"id": "37", "timestamp": 1_795_392_000_000_i64, "message": event["message"]});
    if let Some(columns) = event.get("columns") {
        json["extractedFields"] = columns.clone();
    }
    let raw = RawValue::from_string(json.to_string()).unwrap();
    let event = Event::parse(&raw).unwrap();
    let indices = Indices { prefix: "logctl".parse().unwrap(), period: Period::Day };
    let origin = Origin { log_group: group.to_owned(), ..Origin::default() };
    let target = Target::ByTime { indices: &indices, delivered: event.timestamp };
    let encoder = Encoder::new(target, &origin, event.timestamp);
    let mut mappings = Mappings::new(1_000);
    mappings.read(&encoder.index(event.timestamp), Some(br#"{"i":{"mappings":{"disable_objects":true}}}"#), 0);
    let mut body = Vec::new();
    encoder.encode(&event, &mut mappings, &mut body);
    serde_json::from_slice(body.split(|byte| *byte == b'\n').nth(1).unwrap()).unwrap()
}

/// Characters of a message that the page shows.
const SHOWN: usize = 240;

#[test]
fn each_format_is_read_and_the_page_says_what() {
    let mut page = String::from(
        "# Formats\n\nMade by `stack/core/tests/formats` from the events that it tests; `make docs` writes it anew.\n\n\
         Of each event level, request id, trace id and service are read, whatever its format calls them, and the fields of a \
         structured one. A message in no known format is a message: it is found by its words.\n",
    );
    let mut wrong = Vec::new();
    for format in formats() {
        let text = |name: &str| format[name].as_str().unwrap();
        page += &format!("\n## {}\n\n<{}>\n\n", text("format"), text("source"));
        for event in format["events"].as_array().unwrap() {
            let group = event["group"].as_str().unwrap_or(text("group"));
            let document = document(group, event);
            let mut read = Vec::new();
            for (name, expected) in sorted(&event["expect"]) {
                let found = document.get(name).unwrap_or(&Value::Null);
                let value = expected.as_str().map_or_else(|| expected.to_string(), str::to_owned);
                let is_pair = document
                    .get("@kv")
                    .is_some_and(|pairs| pairs.as_array().unwrap().contains(&json!(format!("{name}={value}"))));
                if found != expected && !is_pair {
                    wrong.push(format!(
                        "{} {name}: {found} and not {expected}, of {}",
                        text("format"),
                        event["message"]
                    ));
                }
                match expected {
                    Value::Null => read.push(format!("no `{name}`")),
                    Value::String(text) => read.push(format!("`{name}` {text}")),
                    other => read.push(format!("`{name}` {other}")),
                }
            }
            let message = event["message"].to_string();
            let whole = message[1..message.len() - 1].replace("\\\"", "\"");
            let mut shown: String = whole.chars().take(SHOWN).collect();
            if shown.len() < whole.len() {
                shown.push('…');
            }
            let columns = event.get("columns").map_or_else(String::new, |columns| {
                format!(", with the columns `{}`", serde_json::to_string(&sorted(columns)).unwrap())
            });
            page += &format!("* `{group}`: `{}`{columns} → {}\n", shown.replace('`', "'"), read.join(", "));
        }
    }
    assert!(wrong.is_empty(), "{} wrong: {wrong:#?}", wrong.len());
    let path = path("docs/formats.md");
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap_or_default() == page,
        "docs/formats.md is out of date; run: make docs"
    );
}
