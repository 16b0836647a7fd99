//! What Lambda itself writes, and its text format.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html>

use serde_json::{Map, Value};

use super::{Normalised, text};
use crate::{ids, level::Level};

pub(super) fn read(message: &str) -> Option<Normalised> {
    platform_line(message).or_else(|| text_format(message)).or_else(|| timed_out(message))
}

/// START, END, REPORT and the lines of an initialisation.
fn platform_line(message: &str) -> Option<Normalised> {
    let (kind, rest) = message.split_once(' ')?;
    match kind {
        "INIT_START" => return Some(Normalised { fields: init(rest), ..Normalised::default() }),
        "INIT_REPORT" | "RESTORE_REPORT" if rest.contains("Duration: ") || rest.contains("Status: ") => {
            let fields = report(rest);
            return Some(Normalised { level: of_report(&fields), fields, ..Normalised::default() });
        }
        "START" | "END" | "REPORT" => {}
        _ => return None,
    }
    let request_id = rest.strip_prefix("RequestId: ")?.split_whitespace().next()?.to_owned();
    let fields = if kind == "REPORT" { report(rest) } else { Map::new() };
    let trace_id = text::trace_id(rest).and_then(super::first_id);
    Some(Normalised {
        level: of_report(&fields),
        request_id: Some(request_id),
        trace_id,
        fields,
        ..Normalised::default()
    })
}

/// How a report says that it went.
fn of_report(fields: &Map<String, Value>) -> Option<Level> {
    let status = fields.get("status")?.as_str()?;
    matches!(status, "timeout" | "error" | "failure").then_some(Level::Error)
}

/// Which runtime was started, under the names of the JSON form.
fn init(rest: &str) -> Map<String, Value> {
    let names = [("Runtime Version: ", "runtimeVersion"), ("Runtime Version ARN: ", "runtimeVersionArn")];
    let value = |part: &str| {
        names.iter().find_map(|(label, name)| Some(((*name).to_owned(), part.strip_prefix(label)?.trim().into())))
    };
    rest.split('\t').filter_map(value).collect()
}

/// The figures of a REPORT line, under the names of its JSON form.
fn report(rest: &str) -> Map<String, Value> {
    let mut fields = Map::new();
    for part in rest.split(['\t', '\n']) {
        let Some((label, figure)) = part.split_once(": ") else { continue };
        let word = match label {
            "Status" => Some("status"),
            "Error Type" => Some("errorType"),
            "Phase" => Some("phase"),
            _ => None,
        };
        if let Some(name) = word {
            fields.insert(name.to_owned(), figure.trim().into());
            continue;
        }
        let name = match label {
            "Duration" => "durationMs",
            "Billed Duration" => "billedDurationMs",
            "Init Duration" => "initDurationMs",
            "Restore Duration" => "restoreDurationMs",
            "Billed Restore Duration" => "billedRestoreDurationMs",
            "Memory Size" => "memorySizeMB",
            "Max Memory Used" => "maxMemoryUsedMB",
            _ => continue,
        };
        if let Some(number) = figure.split(' ').next().and_then(|number| number.parse::<f64>().ok()) {
            fields.insert(name.to_owned(), number.into());
        }
    }
    fields
}

/// `time\trequest id\tLEVEL\tmessage` of Node.js, `[LEVEL]\ttime\trequest id\tmessage` of Python.
fn text_format(message: &str) -> Option<Normalised> {
    memchr::memchr(b'\t', &message.as_bytes()[..message.len().min(80)])?; // Not far from the start, if at all.
    let mut parts = message.splitn(4, '\t');
    let columns = [parts.next()?, parts.next()?, parts.next()?];
    let request_id = columns.into_iter().find(|column| ids::is_id(column))?;
    let level = columns.into_iter().find_map(|column| Level::of_word(column.trim_matches(['[', ']'])));
    let trace_id = text::trace_id(message).map(|id| super::first_id(id).unwrap_or_else(|| id.to_owned()));
    Some(Normalised { level, request_id: Some(request_id.to_owned()), trace_id, ..Normalised::default() })
}

/// `2026-11-23T10:00:00.000Z ID Task timed out after 3.00 seconds`.
fn timed_out(message: &str) -> Option<Normalised> {
    let (head, _) = message.strip_suffix(" seconds")?.split_once(" Task timed out after ")?;
    let request_id = head.split(' ').next_back().filter(|id| ids::is_id(id))?.to_owned();
    Some(Normalised { level: Some(Level::Error), request_id: Some(request_id), ..Normalised::default() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_init_line_names_its_runtime() {
        let read = read(
            "INIT_START Runtime Version: nodejs:20.v30\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:ab",
        )
        .unwrap();
        assert_eq!(
            Value::Object(read.fields),
            json!({"runtimeVersion": "nodejs:20.v30", "runtimeVersionArn": "arn:aws:lambda:eu-west-1::runtime:ab"})
        );
    }
}
