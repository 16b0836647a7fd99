//! Events for scripts: whole, with some of their fields, or without what is said twice.

use std::collections::BTreeSet;

use logctl_core::level::Level;
use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};

use super::{
    Columns, OutputArgs,
    columns::{self, OURS},
};
use crate::{events::Event, time::rfc3339};

/// An event as it is written.
#[derive(Debug, Serialize)]
pub struct Record<'e> {
    #[serde(flatten)]
    pub(super) event: Written<'e>,
    /// Whether it is one of those that were looked for, where others stand around them.
    #[serde(skip_serializing_if = "Option::is_none")]
    matched: Option<bool>,
}

/// What of an event is written.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Written<'e> {
    /// All of it.
    Whole(&'e Event),
    /// Some fields.
    Chosen(Map<String, Value>),
    /// Nothing twice.
    Compact(Box<Compact<'e>>),
}

/// What all events share.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Common<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'e str>,
    /// The groups, where events of one document name theirs by its number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<&'e str>,
}

/// An event without what its message or all events repeat, and without id, stream and index, which -F adds.
#[derive(Debug, Serialize)]
pub struct Compact<'e> {
    time: String,
    #[serde(flatten)]
    own: Common<'e>,
    /// Which of the groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    r#in: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'e str>,
    /// The message itself where it is an object, else the fields that it does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Fields<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    degraded: Option<&'e str>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Fields<'e> {
    Message(&'e RawValue),
    Others(Map<String, Value>),
}

/// What all events share: account, Region, and where it is one, group and stream.
#[must_use]
pub fn common(events: &[Event]) -> Common<'_> {
    fn one(events: &[Event], of: fn(&Event) -> &str) -> Option<&str> {
        let first = of(events.first()?);
        events.iter().all(|event| of(event) == first).then_some(first)
    }
    Common {
        account: one(events, |event| &event.account),
        region: one(events, |event| &event.region),
        group: one(events, |event| &event.group),
        stream: one(events, |event| &event.stream),
        groups: Vec::new(),
    }
}

/// The events of one document, and what they share beside the place that the document names.
#[must_use]
pub fn document<'e>(
    events: &'e [Event],
    args: &OutputArgs,
    pointed: Option<&BTreeSet<&str>>,
) -> (Option<Common<'e>>, Vec<Record<'e>>) {
    let mut records = records(events, args, pointed);
    if !args.compact || args.fields.is_some() {
        return (None, records);
    }
    let mut shared = Common { account: None, region: None, ..common(events) };
    if shared.group.is_none() {
        let groups: BTreeSet<&str> = events.iter().map(|event| event.group.as_str()).collect();
        shared.groups = groups.into_iter().collect();
        for record in &mut records {
            if let Written::Compact(event) = &mut record.event {
                event.r#in = event.own.group.take().and_then(|group| shared.groups.binary_search(&group).ok());
            }
        }
    }
    (Some(shared).filter(|shared| *shared != Common::default()), records)
}

/// The events as they are written.
pub(super) fn records<'e>(events: &'e [Event], args: &OutputArgs, pointed: Option<&BTreeSet<&str>>) -> Vec<Record<'e>> {
    let shared = common(events);
    let written = |event| match &args.fields {
        Some(columns) => Written::Chosen(chosen(event, columns)),
        None if args.compact => Written::Compact(Box::new(compact(event, &shared))),
        None => Written::Whole(event),
    };
    let matched = |event: &Event| pointed.map(|pointed| pointed.contains(event.id.as_str()));
    events.iter().map(|event| Record { event: written(event), matched: matched(event) }).collect()
}

/// The fields of an event that were asked for: its own in their places, the others by their names.
fn chosen(event: &Event, columns: &Columns) -> Map<String, Value> {
    let own = kept(&event.fields, "", columns);
    let paths = columns::all(std::slice::from_ref(event));
    let is_own = |name: &str| {
        let has = |path: &String| path == name || path.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        !OURS.contains(&name) && (name.starts_with('.') || paths.iter().any(has))
    };
    let others = columns.typed().filter(|name| !is_own(name));
    let mut map: Map<String, Value> =
        others.filter_map(|name| Some((name.to_owned(), columns::value(event, name)?.into()))).collect();
    if !own.is_empty() {
        map.insert("fields".to_owned(), own.into());
    }
    map
}

fn kept(fields: &Map<String, Value>, above: &str, columns: &Columns) -> Map<String, Value> {
    let mut kept_here = Map::new();
    for (name, value) in fields {
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        kept_here.extend(kept_value(value, &path, columns).map(|value| (name.clone(), value)));
    }
    kept_here
}

/// What of a value was asked for: all of it, or of an object some members, also in a list of them.
fn kept_value(value: &Value, path: &str, columns: &Columns) -> Option<Value> {
    if columns.takes(path) {
        return Some(value.clone());
    }
    match value {
        Value::Object(members) => {
            let members = kept(members, path, columns);
            (!members.is_empty()).then(|| members.into())
        }
        Value::Array(items) => {
            let items: Vec<Value> = items.iter().filter_map(|item| kept_value(item, path, columns)).collect();
            (!items.is_empty()).then(|| items.into())
        }
        _ => None,
    }
}

/// An event without what is said elsewhere.
fn compact<'e>(event: &'e Event, shared: &Common<'_>) -> Compact<'e> {
    // What another reader may stumble over is a text: raw JSON is not looked into, and is deeper or larger than it takes.
    let is_object = event.message.trim_start().starts_with('{')
        && !event.message.contains(char::is_control)
        && serde_json::from_str::<Value>(&event.message).is_ok();
    let object: Option<&RawValue> = if is_object { serde_json::from_str(&event.message).ok() } else { None };
    let said = format!("{} {}", event.message, event.group).to_lowercase();
    let words = || said.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_');
    let is_word = |text: &str| words().any(|word| word == text.to_lowercase());
    let level = |text: &str| words().any(|word| Level::of_word(word).is_some_and(|level| level.as_ref() == text));
    let unsaid = |text: &'e Option<String>| text.as_deref().filter(|text| !said.contains(&text.to_lowercase()));
    let others = || {
        let mut others = event.fields.clone();
        others.retain(|_, value| match value {
            Value::String(text) => !said.contains(&text.to_lowercase()),
            other => !said.contains(&other.to_string()),
        });
        (!others.is_empty()).then_some(Fields::Others(others))
    };
    Compact {
        time: rfc3339(event.time),
        own: Common {
            account: shared.account.is_none().then_some(&event.account),
            region: shared.region.is_none().then_some(&event.region),
            group: shared.group.is_none().then_some(&event.group),
            ..Common::default()
        },
        r#in: None,
        level: event.level.as_deref().filter(|text| !level(text)),
        service: event.service.as_deref().filter(|text| !is_word(text)),
        request_id: unsaid(&event.request_id),
        trace_id: unsaid(&event.trace_id),
        message: object.is_none().then_some(event.message.trim_end()),
        fields: object.map(Fields::Message).or_else(others),
        degraded: event.degraded.as_deref(),
    }
}
