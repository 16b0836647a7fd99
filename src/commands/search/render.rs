//! How events are written.

use std::ops::Range;

use anstyle::Style;
use jiff::Timestamp;
use logctl_core::fields::{self, known::Known};
use serde::Serialize;
use serde_json::json;

use super::{Output, SearchArgs};
use crate::{
    error::Error,
    events::{Event, Found, Nothing},
    time::rfc3339,
    ui::{Look, Ui, escaped, one_line, paint, without_colours},
};

/// Fields that repeat when the event happened.
const TIME_NAMES: [&str; 4] = ["time", "timestamp", "ts", "date"];

/// Writes what was found.
///
/// # Errors
/// When stdout cannot be written.
pub fn show(
    found: &Found,
    nothing: Option<&Nothing>,
    args: &SearchArgs,
    range: &Range<Timestamp>,
    ui: &mut Ui,
) -> Result<(), Error> {
    let look = ui.look.clone();
    match args.output.unwrap_or(Output::Pretty) {
        Output::Pretty if look.stdout_is_terminal => {
            let dated = range.end.duration_since(range.start).as_hours() >= 24;
            found.events.iter().try_for_each(|event| ui.line(&pretty(event, dated, &look)))
        }
        Output::Pretty => found.events.iter().try_for_each(|event| ui.line(&plain(event))),
        Output::Raw if look.stdout_is_terminal => {
            found.events.iter().try_for_each(|event| ui.line(&escaped(&event.message)))
        }
        Output::Raw => found.events.iter().try_for_each(|event| ui.line(&event.message)),
        Output::Jsonl => found.events.iter().try_for_each(|event| ui.json("logctl.event/v1", event)),
        Output::Json => ui.json("logctl.search/v1", &Document::new(found, nothing, args, range)),
    }
}

/// The answer as one object.
#[derive(Serialize)]
struct Document<'a> {
    query: String,
    range: serde_json::Value,
    total: u64,
    total_relation: &'static str,
    shown: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
    warnings: &'a [String],
    /// Why nothing was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    nothing: Option<&'a Nothing>,
    events: &'a [Event],
}

impl<'a> Document<'a> {
    fn new(found: &'a Found, nothing: Option<&'a Nothing>, args: &SearchArgs, range: &Range<Timestamp>) -> Self {
        Self {
            query: args.query.join(" "),
            range: json!({"since": rfc3339(range.start), "until": rfc3339(range.end)}),
            total: found.total,
            total_relation: if found.total_is_at_least { "gte" } else { "eq" },
            shown: found.events.len(),
            cursor: found.events.first().map(|event| event.cursor.as_str()),
            warnings: &found.warnings,
            nothing,
            events: &found.events,
        }
    }
}

/// One event for people: what differs from line to line stands out.
fn pretty(event: &Event, dated: bool, look: &Look) -> String {
    let time = event.time.to_zoned_datetime(look.time_zone.clone());
    let time = time.strftime(if dated { "%Y-%m-%d %H:%M:%S.%3f" } else { "%H:%M:%S.%3f" });
    let level = one_line(event.level.as_deref().unwrap_or(""));
    let service = one_line(event.service.as_deref().unwrap_or(&event.group));
    let message = readable(event, look).replace('\t', "  ");
    let mut lines = message.lines();
    let mut text = format!(
        "{}  {}  {}  {}",
        paint(look.dim(), time),
        paint(look.name(), format_args!("{:<14}", clip(&service, 24))),
        paint(level_style(&level, look), format_args!("{level:<5}")),
        lines.next().unwrap_or_default(),
    );
    for line in lines {
        text += "\n    ";
        text += line;
    }
    text
}

/// What a structured event says, then its other fields; any other event as it is.
fn readable(event: &Event, look: &Look) -> String {
    let said = ["message", "msg"].iter().find_map(|name| Some((*name, event.fields.get(*name)?.as_str()?)));
    let Some((said_by, text)) = said else {
        return escaped(&without_colours(event.message.trim_end())).into_owned();
    };
    let mut pairs = String::new();
    fields::walk(&event.fields, &mut |name, value| {
        let shown_already = name == said_by || Known::Level.names().contains(&name) || TIME_NAMES.contains(&name);
        if !shown_already {
            pairs += &format!("  {name}={value}");
        }
    });
    format!("{}{}", escaped(&without_colours(text.trim_end())), paint(look.dim(), one_line(&pairs)))
}

/// One event on one line, for a pipe.
fn plain(event: &Event) -> String {
    let level = one_line(event.level.as_deref().unwrap_or("-"));
    format!("{}\t{}\t{level}\t{}", rfc3339(event.time), one_line(&event.group), one_line(event.message.trim_end()))
}

fn level_style(level: &str, look: &Look) -> Style {
    match level {
        "error" | "fatal" => look.bad(),
        "warn" => look.warning(),
        "info" => look.good(),
        _ => look.dim(),
    }
}

/// The end of a name tells more than its beginning.
fn clip(name: &str, width: usize) -> String {
    let length = name.chars().count();
    if length <= width {
        return name.to_owned();
    }
    format!("…{}", name.chars().skip(length - width + 1).collect::<String>())
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn event(message: &str) -> Event {
        Event::from_hit(&json!({"_id": "1", "_index": "logctl-2026.11.23", "_source": {
            "@id": "1", "@timestamp": 1_795_428_312_345_i64, "@log_group": "/aws/lambda/checkout",
            "@service": "checkout", "@level": "error", "@message": message,
        }}))
    }

    fn look(colour: bool) -> Look {
        Look { colour, stderr_colour: colour, ..Look::plain(80) }
    }

    #[test]
    fn a_line_for_people() {
        assert_snapshot!(pretty(&event("no\n  at a\x1b[2J\n"), false, &look(false)), @r"
        10:05:12.345  checkout        error  no
              at a\u{1b}[2J
        ");
        assert!(pretty(&event("no"), false, &look(true)).contains("\x1b[31merror"));
    }

    #[test]
    fn a_structured_event_says_its_message_first() {
        let mut structured = event("{…}");
        let fields = json!({"level": "INFO", "time": 1, "msg": "paid", "order": {"id": "A-1"}, "amount": 3});
        structured.fields = fields.as_object().cloned().unwrap();
        assert_snapshot!(
            pretty(&structured, false, &look(false)),
            @"10:05:12.345  checkout        error  paid  order.id=A-1  amount=3"
        );
    }

    #[test]
    fn a_line_for_a_pipe() {
        assert_eq!(
            plain(&event("no\n\tat a\n")),
            "2026-11-23T10:05:12.345Z\t/aws/lambda/checkout\terror\tno\\n\\tat a"
        );
    }

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(clip("a-very-long-name-of-a-service", 10), "…a-service");
    }

    #[test]
    fn an_answer_for_a_script() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            search: SearchArgs,
        }
        let Line { search } = clap::Parser::parse_from(["logctl", "no"]);
        let found = Found { events: vec![event("no")], total: 1, ..Found::default() };
        let range = jiff::Timestamp::UNIX_EPOCH..jiff::Timestamp::from_second(60).unwrap();
        let document = Document::new(&found, None, &search, &range);
        assert_snapshot!(serde_json::to_string_pretty(&document).unwrap(), @r#"
        {
          "query": "no",
          "range": {
            "since": "1970-01-01T00:00:00.000Z",
            "until": "1970-01-01T00:01:00.000Z"
          },
          "total": 1,
          "total_relation": "eq",
          "shown": 1,
          "cursor": "1795428312345:1",
          "warnings": [],
          "events": [
            {
              "id": "1",
              "time": "2026-11-23T10:05:12.345Z",
              "account": "",
              "region": "",
              "group": "/aws/lambda/checkout",
              "stream": "",
              "level": "error",
              "service": "checkout",
              "message": "no",
              "index": "logctl-2026.11.23",
              "cursor": "1795428312345:1"
            }
          ]
        }
        "#);
    }
}
