//! One name stands for many: what frameworks, Logs Insights and people call the same thing.

use std::borrow::Cow;

use logctl_core::{
    fields::known::Known,
    level::{Level, Scale},
};
use strum::IntoEnumIterator as _;

use super::tree::{Bound, Field};

/// Names of ours, which stand beside an event's own.
const OURS: [&str; 13] = [
    "@timestamp",
    "@ingested",
    "@log_group",
    "@log_stream",
    "@owner",
    "@region",
    "@service",
    "@level",
    "@request_id",
    "@trace_id",
    "@ids",
    "@message",
    "@id",
];

/// The name that a field has here, where Logs Insights calls it otherwise. What an event calls as we or the engine do has
/// `json` before it.
pub(super) fn canonical(name: &str) -> Cow<'_, str> {
    let ours = match name {
        "@logStream" => "@log_stream",
        "@logGroup" | "@log" => "@log_group",
        "@ingestionTime" => "@ingested",
        "@requestId" => "requestId",
        "@duration" => "durationMs",
        "@billedDuration" => "billedDurationMs",
        "@initDuration" => "initDurationMs",
        "@memorySize" => "memorySizeMB",
        "@maxMemoryUsed" => "maxMemoryUsedMB",
        "@degraded" | "@kv" | "@kvk" | "@kvn" => name,
        other if other.starts_with(['@', '_']) && !OURS.contains(&other) => return format!("json{other}").into(),
        other => other,
    };
    ours.into()
}

/// The names that are looked at for a field: a fixed one of ours first, if there is one.
#[must_use]
pub fn names(field: &Field) -> Vec<String> {
    let name = canonical(&field.name);
    let name = name.as_ref();
    if field.literal || name.starts_with('@') {
        return vec![if field.literal && !field.name.starts_with(['@', '_']) {
            field.name.clone()
        } else {
            name.to_owned()
        }];
    }
    let (fixed, others): (&str, &[&str]) = match known(name) {
        Some(Known::RequestId) => ("@request_id", Known::RequestId.names()),
        Some(Known::TraceId) => ("@trace_id", Known::TraceId.names()),
        Some(Known::Level) => ("@level", Known::Level.names()),
        None => match folded(name).as_str() {
            "service" | "servicename" => ("@service", &["service", "service.name", "service_name"]),
            "group" | "loggroup" => ("@log_group", &[]),
            "stream" | "logstream" => ("@log_stream", &[]),
            "account" | "owner" => ("@owner", &[]),
            "region" => ("@region", &[]),
            "msg" | "message" => ("message", &["msg"]),
            _ => return vec![name.to_owned()],
        },
    };
    let mut names = vec![fixed.to_owned(), name.to_owned()];
    names.extend(others.iter().filter(|other| **other != name).map(|other| (*other).to_owned()));
    names.dedup();
    names
}

/// What a name tells. Those that count levels in a way of their own are asked for as they are.
fn known(name: &str) -> Option<Known> {
    let (known, _) = Known::find(name)?;
    let counts = matches!(folded(name).as_str(), "levelno" | "severitynumber" | "levelvalue");
    (known != Known::Level || !counts).then_some(known)
}

/// A name in lower case, without signs.
fn folded(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether a field is the normalised level.
pub(super) fn is_level(field: &Field) -> bool {
    field.name == "@level" || (!field.literal && known(&canonical(&field.name)) == Some(Known::Level))
}

/// Whether it is the time of an event.
#[must_use]
pub fn is_time(field: &Field) -> bool {
    matches!(&*canonical(&field.name), "@timestamp" | "@ingested")
}

/// Whether it is the message.
pub(super) fn is_message(field: &Field) -> bool {
    field.name == "@message" || (!field.literal && matches!(field.name.as_str(), "message" | "msg"))
}

/// Whether it is an id of a request or a trace.
pub(super) fn is_id(field: &Field) -> bool {
    let name = canonical(&field.name);
    matches!(&*name, "@request_id" | "@trace_id")
        || (!field.literal && matches!(known(&name), Some(Known::RequestId | Known::TraceId)))
}

/// The levels that have a name which matches.
pub(super) fn levels_like(matches: impl Fn(&str) -> bool) -> Vec<Level> {
    const NAMES: [&str; 14] = [
        "trace",
        "verbose",
        "debug",
        "info",
        "information",
        "notice",
        "warn",
        "warning",
        "error",
        "err",
        "severe",
        "fatal",
        "critical",
        "panic",
    ];
    let mut levels: Vec<Level> = NAMES.into_iter().filter(|name| matches(name)).filter_map(Level::of_word).collect();
    levels.dedup();
    levels
}

/// The levels between two bounds of a field.
pub(super) fn levels_between(field: &Field, low: Option<&Bound>, high: Option<&Bound>) -> Vec<Level> {
    let bound = |bound: Option<&Bound>| bound.map(|bound| (level(field, &bound.value), bound.included));
    let (low, high) = (bound(low), bound(high));
    let is_in = |level: &Level| {
        let above =
            low.is_none_or(|(low, included)| low.is_some_and(|low| *level > low || (included && *level == low)));
        let below =
            high.is_none_or(|(high, included)| high.is_some_and(|high| *level < high || (included && *level == high)));
        above && below
    };
    Level::iter().filter(is_in).collect()
}

/// A level by name, or by number as the field counts.
pub(super) fn level(field: &Field, text: &str) -> Option<Level> {
    let by_number = || text.parse().ok().and_then(|number| Scale::of_name(&folded(&field.name)).level(number));
    Level::of_word(text).or_else(by_number)
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("request_id", "@request_id")]
    #[test_case("FunctionRequestId", "@request_id"; "in any spelling")]
    #[test_case("@requestId", "@request_id"; "as insights calls it")]
    #[test_case("context.requestId", "@request_id"; "one layer down")]
    #[test_case("upstream.requestId", "upstream.requestId"; "of something else")]
    #[test_case("traceparent", "@trace_id")]
    #[test_case("log.level", "@level")]
    #[test_case("levelno", "levelno"; "a count of its own")]
    #[test_case("@logStream", "@log_stream")]
    #[test_case("@http.status", "json@http.status"; "as the encoder calls what begins as ours do")]
    #[test_case("_source", "json_source"; "or as the engine's do")]
    #[test_case("orderId", "orderId")]
    fn first(name: &str, expected: &str) {
        assert_eq!(names(&Field { name: name.to_owned(), literal: false })[0], expected);
    }
}
