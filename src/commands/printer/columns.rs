//! The fields of an event that were asked for by their names.

use std::{cell::LazyCell, collections::BTreeSet, str::FromStr};

use logctl_core::fields;
use serde_json::Value;
use wildmatch::WildMatch;

use crate::{
    events::Event,
    query::{self, Facts as _, Field},
    time::rfc3339,
};

/// Names of ours, as JSON has them.
pub(super) const OURS: [&str; 15] = [
    "id",
    "time",
    "ingested",
    "account",
    "region",
    "group",
    "stream",
    "level",
    "service",
    "request_id",
    "trace_id",
    "message",
    "degraded",
    "index",
    "cursor",
];

/// Names of fields, in which dots are nesting and `*` and `?` stand for others.
#[derive(Debug, Clone)]
pub struct Columns(Vec<Column>);

#[derive(Debug, Clone)]
struct Column {
    typed: String,
    /// What it stands for, where it has wildcards.
    pattern: Option<WildMatch>,
}

impl FromStr for Columns {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let column = |name: &str| {
            let typed = name.trim().to_owned();
            Column { pattern: is_wild(&typed).then(|| WildMatch::new(&typed)), typed }
        };
        let columns: Vec<Column> = text.split(',').map(column).collect();
        if columns.iter().any(|column| column.typed.is_empty()) {
            return Err("names stand between commas: time,level,order.id,http.*".to_owned());
        }
        Ok(Self(columns))
    }
}

impl Columns {
    /// The names as they were typed.
    pub fn typed(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|column| column.typed.as_str())
    }

    /// The names of the columns for these events: each of those that a wildcard stands for.
    #[must_use]
    pub fn of(&self, events: &[Event]) -> Vec<String> {
        let paths = LazyCell::new(|| all(events));
        let mut names: Vec<String> = Vec::new();
        for Column { typed, pattern } in &self.0 {
            let meant: Vec<&String> = match pattern {
                Some(pattern) => paths.iter().filter(|path| pattern.matches(path)).collect(),
                None => vec![typed],
            };
            for name in meant {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        names
    }

    /// Whether one of the names means the field at this path of an event's own fields.
    pub(super) fn takes(&self, path: &str) -> bool {
        self.0.iter().any(|Column { typed, pattern }| match pattern {
            Some(pattern) => pattern.matches(path),
            None => typed.strip_prefix('.').unwrap_or(typed) == path && !OURS.contains(&typed.as_str()),
        })
    }
}

fn is_wild(name: &str) -> bool {
    name.contains(['*', '?'])
}

/// Whether one of the events has what a typed name means; `paths` are those of all their own fields.
pub(super) fn has(typed: &str, events: &[Event], paths: &BTreeSet<String>) -> bool {
    if is_wild(typed) {
        let pattern = WildMatch::new(typed);
        return paths.iter().any(|path| pattern.matches(path));
    }
    OURS.contains(&typed) || events.iter().any(|event| value(event, typed).is_some())
}

/// The paths of all fields that events have of their own.
pub(super) fn all(events: &[Event]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for event in events {
        fields::walk(&event.fields, &mut |path, _| {
            all.insert(path.to_owned());
        });
    }
    all
}

/// What an event has under a name: one of ours, one of its own, or one that is called otherwise there. Several values stand
/// side by side.
pub(super) fn value(event: &Event, name: &str) -> Option<String> {
    let by_its_field = match name {
        "@timestamp" => "time",
        "@ingested" => "ingested",
        "@message" => "message",
        "@id" => "id",
        other => other,
    };
    if OURS.contains(&by_its_field) {
        return ours(event, by_its_field);
    }
    let literal = name.strip_prefix('.');
    let own = literal.unwrap_or(name);
    match fields::get(&event.fields, own) {
        Some(Value::String(text)) => return Some(text.clone()),
        Some(Value::Null) => return None,
        Some(other) => return Some(other.to_string()),
        None => {}
    }
    // In a list of objects.
    let values = event.values(own);
    if literal.is_some() || !values.is_empty() {
        return (!values.is_empty()).then(|| values.join(","));
    }
    let names = query::names(&Field { name: name.to_owned(), literal: false });
    let values = names.iter().map(|name| event.values(name)).find(|values| !values.is_empty())?;
    Some(values.join(","))
}

fn ours(event: &Event, name: &str) -> Option<String> {
    Some(match name {
        "id" => event.id.clone(),
        "time" => rfc3339(event.time),
        "ingested" => rfc3339(event.ingested?),
        "account" => event.account.clone(),
        "region" => event.region.clone(),
        "group" => event.group.clone(),
        "stream" => event.stream.clone(),
        "level" => event.level.clone()?,
        "service" => event.service.clone()?,
        "request_id" => event.request_id.clone()?,
        "trace_id" => event.trace_id.clone()?,
        "message" => event.message.clone(),
        "degraded" => event.degraded.clone()?,
        "index" => event.index.clone(),
        "cursor" => event.cursor.clone(),
        _ => return None,
    })
}
