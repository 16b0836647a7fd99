//! One meaning out of many log formats.
//!
//! A message in no known format is a message: fields are a bonus, never a condition.

mod access;
mod flow;
pub(crate) mod json;
mod lambda;
mod logfmt;
mod roles;
mod text;
mod traceback;

use serde_json::{Map, Value};

use crate::{
    event::LogEvent,
    fields::{self, Tidy, own::OwnFields},
    ids::{self, Ids},
    level::Level,
};

pub use roles::{Roles, Told};
pub use text::behind_colour;

/// What a message says, in the index's own terms.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Normalised {
    /// How severe.
    pub level: Option<Level>,
    /// The request it belongs to.
    pub request_id: Option<String>,
    /// The trace it belongs to.
    pub trace_id: Option<String>,
    /// The container it comes from.
    pub service: Option<String>,
    /// Account and Region of the log group, where the filter adds them.
    pub source: (Option<String>, Option<String>),
    /// The fields of a structured message, under their own names.
    pub fields: Map<String, Value>,
    /// How many values of it are in the message only.
    pub left_out: usize,
    /// Whether the JSON behind the text is somebody's payload, which tells neither level nor request id of this event.
    pub payload_follows: bool,
}

/// What CloudWatch adds to the columns of a filter with `emitSystemFields`.
const SYSTEM_FIELDS: [&str; 2] = ["@aws.account", "@aws.region"];

/// Reads one event.
#[must_use]
pub fn normalise(event: &LogEvent<'_>) -> Normalised {
    let message = event.message.trim();
    match &event.extracted_fields {
        Some(columns) => of_columns(columns.clone(), message),
        None => whole(of_message(message), 0),
    }
}

/// The columns that a filter has cut out of the message, and the message for all that they do not tell. Where one of them holds
/// JSON, the fields of the message are the event's, too; where there are none but CloudWatch's own, the message is all there is.
fn of_columns(mut columns: Map<String, Value>, message: &str) -> Normalised {
    let source = SYSTEM_FIELDS.map(|name| columns.remove(name).and_then(|value| value.as_str().map(str::to_owned)));
    if columns.is_empty() {
        return Normalised { source: source.into(), ..whole(of_message(message), 0) };
    }
    let holds_json = |value: &Value| value.as_str().is_some_and(|text| text.trim_end().ends_with('}'));
    let mut left_out = 0;
    if columns.values().any(holds_json) {
        let of_message = whole(of_message(message), 0);
        left_out = of_message.left_out;
        for (name, value) in of_message.fields {
            columns.entry(name).or_insert(value);
        }
    }
    let read = with_message(whole(Normalised { fields: columns, ..Normalised::default() }, 0), message);
    Normalised { source: source.into(), left_out: read.left_out + left_out, ..read }
}

/// What columns say, and the message as a text for what they do not tell.
pub(crate) fn with_message(columns: Normalised, message: &str) -> Normalised {
    if columns.level.is_some() && columns.request_id.is_some() && columns.trace_id.is_some() {
        return columns;
    }
    let text = of_prefix(message);
    Normalised {
        level: columns.level.or(text.level),
        request_id: columns.request_id.or(text.request_id),
        trace_id: columns.trace_id.or(text.trace_id),
        ..columns
    }
}

/// Whether columns are for the careful reader: CloudWatch's own stand among them, or there are none.
pub(crate) fn is_system_field(name: &str) -> bool {
    SYSTEM_FIELDS.contains(&name)
}

/// Makes the fields harmless, and adds what they tell.
fn whole(read: Normalised, depth: usize) -> Normalised {
    if read.fields.is_empty() {
        return read;
    }
    let Tidy { fields, left_out } = fields::tidy(read.fields);
    let own = OwnFields::of(&fields);
    let told = Roles::of(&own.shape).read(|at| own.leaf(at), depth);
    Normalised { fields, left_out, ..read_with(told, Normalised { fields: Map::new(), ..read }) }
}

/// What an event says whose fields have told something, and the text around them something, too.
pub(crate) fn read_with(told: Told, text: Normalised) -> Normalised {
    if text.payload_follows {
        return Normalised {
            level: text.level,
            request_id: text.request_id,
            trace_id: text.trace_id.or(told.trace_id),
            ..text
        };
    }
    Normalised {
        level: told.level.or(text.level),
        request_id: told.request_id.or(text.request_id),
        trace_id: told.trace_id.or(text.trace_id),
        service: told.service.or(text.service),
        ..text
    }
}

/// Reads a message that comes without columns, white space at its ends aside. What its fields tell is not read yet.
pub(crate) fn of_message(message: &str) -> Normalised {
    json::read(message)
        .or_else(|| lambda::read(message))
        .or_else(|| logfmt::read(message))
        .or_else(|| access::read(message))
        .or_else(|| flow::read(message))
        .or_else(|| traceback::read(message))
        .unwrap_or_else(|| {
            // What has more objects than are read counts as text, and says so.
            let left_out = usize::from(message.ends_with('}') && crate::json::text::is_too_much(message));
            Normalised { left_out, ..text::read(message) }
        })
}

/// The first id inside a header such as `Root=1-…;Sampled=1` or `00-…-…-01`.
pub(crate) fn first_id(header: &str) -> Option<String> {
    let mut first = None;
    ids::scan(header, |id| _ = first.get_or_insert(id));
    first.map(str::to_ascii_lowercase)
}

/// What stands before the JSON of a message. Where that says something in words behind a level or an id, the JSON is quoted.
pub(crate) fn of_prefix(prefix: &str) -> Normalised {
    let read = lambda::read(prefix).unwrap_or_else(|| text::read(prefix));
    let told = read.level.is_some() || read.request_id.is_some();
    Normalised { payload_follows: read.payload_follows || (told && text::ends_in_prose(prefix)), ..read }
}

/// Whether a value says something: programs write a word for nothing, too.
pub(crate) fn is_something(value: &str) -> bool {
    !value.is_empty()
        && value != "-"
        && !["null", "none", "nil", "undefined"].iter().any(|nothing| value.eq_ignore_ascii_case(nothing))
}

/// Whether an id that was found by its name is kept among the ids of its event.
pub(crate) fn is_kept(id: &str) -> bool {
    (4..=128).contains(&id.len())
}

/// Every id of the event: of its message, its fields and what was read out of them.
#[must_use]
pub fn ids_of(event: &LogEvent<'_>, normalised: &Normalised) -> Ids {
    let mut all = Ids::default();
    for id in [&normalised.request_id, &normalised.trace_id].into_iter().flatten().filter(|id| is_kept(id)) {
        all.keep(id);
    }
    ids::scan(&event.message, |id| all.keep(id));
    if event.extracted_fields.is_some() {
        fields::walk(&normalised.fields, &mut |_, text| ids::scan(&text, |id| all.keep(id)));
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use test_case::test_case;

    use super::*;

    const ID: &str = "8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f";

    fn of(message: &str) -> Normalised {
        normalise(&LogEvent { id: "1".into(), timestamp: 0, message: message.into(), extracted_fields: None })
    }

    #[test_case(&format!(r#"{{"level":"WARN","requestId":"{ID}"}}"#), Level::Warn; "json")]
    #[test_case(&format!(r#"ERROR {{"request_id":"{ID}"}}"#), Level::Error; "json after a level")]
    #[test_case(&format!("2026-11-23T10:00:00.000Z\t{ID}\tERROR\t{{\"a\":1}}"), Level::Error; "json in lambda's text format")]
    #[test_case(&format!(r#"2026-11-23T10:00:00Z INFO RequestId: {ID} {{"a":1}}"#), Level::Info; "json after a prefix")]
    #[test_case(&format!(r#"{{"level":30,"function_request_id":"{ID}"}}"#), Level::Info; "powertools with a number")]
    #[test_case(&format!("2026-11-23T10:00:00.000Z\t{ID}\tERROR\tboom"), Level::Error; "lambda text format of node")]
    #[test_case(&format!("[WARNING]\t2026-11-23T10:00:00.000Z\t{ID}\tcareful"), Level::Warn; "lambda text format of python")]
    #[test_case(&format!("ts=2026-11-23 level=error msg=\"no luck\" requestId={ID}"), Level::Error; "logfmt")]
    #[test_case(&format!("{ID} Task timed out after 3.00 seconds"), Level::Error; "lambda's own words")]
    fn level_and_request_id(message: &str, level: Level) {
        let normalised = of(message);
        assert_eq!(normalised.level, Some(level));
        assert_eq!(normalised.request_id.as_deref(), Some(ID));
    }

    #[test]
    fn a_report_line_carries_its_figures() {
        let report = of(&format!(
            "REPORT RequestId: {ID}\tDuration: 12.5 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: 40 MB\tInit Duration: 9.1 ms\t"
        ));
        assert_eq!(report.request_id.as_deref(), Some(ID));
        assert_eq!(
            Value::Object(report.fields),
            json!({"durationMs": 12.5, "billedDurationMs": 13.0, "memorySizeMB": 128.0, "maxMemoryUsedMB": 40.0, "initDurationMs": 9.1})
        );
    }

    #[test]
    fn the_json_form_of_a_platform_line_knows_its_request() {
        let start = of(&format!(r#"{{"time":"t","type":"platform.start","record":{{"requestId":"{ID}"}}}}"#));
        assert_eq!(start.request_id.as_deref(), Some(ID));
    }

    #[test]
    fn a_trace_header_is_reduced_to_its_id() {
        let traced = of(r#"{"X-Amzn-Trace-Id":"Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"}"#);
        assert_eq!(traced.trace_id.as_deref(), Some("1-5759e988-bd862e3fe1be46a994272793"));
    }

    #[test_case("[Sun Dec 04 04:47:44 2005] [error] mod_jk child", Some(Level::Error); "apache")]
    #[test_case("2015-07-29 17:41:44,747 - INFO  [QuorumPeer] - out", Some(Level::Info); "log4j")]
    #[test_case("user error handling is fun", None; "a word in a sentence is no level")]
    #[test_case("a=b", None; "one pair is not logfmt")]
    #[test_case("", None; "nothing")]
    fn level_of_text(message: &str, level: Option<Level>) {
        let normalised = of(message);
        assert_eq!(normalised.level, level);
        assert!(normalised.fields.is_empty());
    }

    #[test_case(r#"{"@timestamp":"t","log.level":"error","trace.id":"4bf92f3577b34da6a3ce929d0e0e4736","message":"m"}"#, Level::Error, Some("4bf92f3577b34da6a3ce929d0e0e4736"); "ecs, dotted")]
    #[test_case(r#"{"log":{"level":"warn"},"trace":{"id":"4bf92f3577b34da6a3ce929d0e0e4736"}}"#, Level::Warn, Some("4bf92f3577b34da6a3ce929d0e0e4736"); "ecs, nested")]
    #[test_case(r#"{"SeverityText":"FATAL","SeverityNumber":21,"TraceId":"4bf92f3577b34da6a3ce929d0e0e4736"}"#, Level::Fatal, Some("4bf92f3577b34da6a3ce929d0e0e4736"); "opentelemetry")]
    #[test_case(r#"{"level":"INFO","service":"pay","function_request_id":"x","xray_trace_id":"1-5759e988-bd862e3fe1be46a994272793"}"#, Level::Info, Some("1-5759e988-bd862e3fe1be46a994272793"); "powertools")]
    fn names_of_conventions(message: &str, level: Level, trace_id: Option<&str>) {
        let normalised = of(message);
        assert_eq!((normalised.level, normalised.trace_id.as_deref()), (Some(level), trace_id));
    }

    #[test_case(r#"{"level":"error","message":"cannot handle {\"level\":\"info\"}"}"#, Some(Level::Error); "quoted in a message")]
    #[test_case(r#"{"level":"info","message":"webhook {\"method\":\"x\",\"status\":\"failed\"}"}"#, Some(Level::Info); "a status that is quoted")]
    #[test_case("2026-11-24T10:00:00.000Z\t8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f\tERROR\tupstream said {\"level\":\"info\",\"requestId\":\"c0ffee00-1111-4222-8333-444455556666\"}", Some(Level::Error); "quoted behind words")]
    #[test_case(r#"{"level":50,"time":1,"msg":"boom","channel":"web"}"#, Some(Level::Error); "pino beside a channel")]
    #[test_case(r#"{"requestId":"R-1","message":"loaded","orders":[{"status":"failed"}]}"#, None; "a status of something in it")]
    #[test_case(r#"{"method":"GET","path":"/x","status":200,"upstream":{"status":503}}"#, None; "a status of another")]
    #[test_case(r#"{"method":"GET","statusCode":200,"state":"failed"}"#, None; "the first status decides")]
    #[test_case(r#"{"type":"order","status":"failed"}"#, None; "a status of an order")]
    fn levels_of_what_is_quoted(message: &str, level: Option<Level>) {
        let normalised = of(message);
        assert_eq!(normalised.level, level);
        assert_ne!(normalised.request_id.as_deref(), Some("c0ffee00-1111-4222-8333-444455556666"));
    }

    #[test_case("Traceback (most recent call last):\n  File", Some(Level::Error), None; "a traceback")]
    #[test_case("(8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f) Method response body: {\"level\":\"error\",\"requestId\":\"x-1234\"}", None, Some(ID); "an execution log")]
    fn beside_system_columns_the_message_is_all(message: &str, level: Option<Level>, request_id: Option<&str>) {
        let columns = json!({"@aws.account": "1", "@aws.region": "r"});
        let extracted_fields = columns.as_object().cloned();
        let event = LogEvent { id: "1".into(), timestamp: 0, message: message.into(), extracted_fields };
        let normalised = normalise(&event);
        assert_eq!((normalised.level, normalised.request_id.as_deref()), (level, request_id));
    }

    #[test]
    fn words_for_nothing_are_no_ids() {
        assert_eq!(of(r#"{"requestId":"undefined","trace_id":"null"}"#).request_id, None);
        let long = json!({"container_name": "n".repeat(33_000), "log": "x"}).to_string();
        assert_eq!(of(&long).service, None);
        let traced = of(&format!(
            "2026-11-23T10:00:00.000Z\t{ID}\tINFO\tX-Amzn-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
        ));
        assert_eq!(traced.trace_id.as_deref(), Some("1-5759e988-bd862e3fe1be46a994272793"));
    }

    #[test]
    fn json_in_a_column_brings_its_fields() {
        let event = LogEvent {
            id: "1".into(),
            timestamp: 0,
            message: r#"2026-11-23T10:00:00Z INFO {"order":{"n":7}}"#.into(),
            extracted_fields: json!({"level": "INFO", "event": r#"{"order":{"n":7}}"#}).as_object().cloned(),
        };
        let normalised = normalise(&event);
        assert_eq!((normalised.level, &normalised.fields["order"]), (Some(Level::Info), &json!({"n": 7})));
    }

    #[test]
    fn extracted_fields_win_over_the_message() {
        let event = LogEvent {
            id: "1".into(),
            timestamp: 0,
            message: "10.0.0.1 ACCEPT".into(),
            extracted_fields: json!({"srcaddr": "10.0.0.1", "request_id": ID}).as_object().cloned(),
        };
        let normalised = normalise(&event);
        assert_eq!(normalised.fields["srcaddr"], "10.0.0.1");
        assert_eq!(ids_of(&event, &normalised).iter().collect::<Vec<_>>(), [ID]);
    }
}
