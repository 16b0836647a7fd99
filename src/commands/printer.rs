//! How events are written.

mod columns;
mod json;
mod pretty;
mod template;

use std::collections::BTreeSet;

use clap::ValueEnum;
use regex::Regex;

use self::json::Written;
pub use self::{
    columns::Columns,
    json::{Common, Record, document},
    pretty::{clip, name_width, said},
    template::Template,
};
use crate::{
    args::{ColorChoice, nearest},
    error::{Error, Kind},
    events::Event,
    ui::{Ui, escaped, one_line},
};

/// What a CSV file holds where nothing else is asked for.
const CSV: [&str; 8] = ["time", "level", "service", "group", "stream", "request_id", "trace_id", "message"];
/// What a line of text holds.
const TEXT: [&str; 4] = ["time", "group", "level", "message"];

/// How events are written.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct OutputArgs {
    /// Write events as this [default: pretty on a terminal, else text]
    #[arg(long, short, value_name = "FORMAT")]
    pub output: Option<Output>,
    /// Only these fields, with dots and wildcards: time,level,order.id,http.*
    #[arg(long, short = 'F', value_name = "NAMES")]
    pub fields: Option<Columns>,
    /// Write each event like this: '{time} {service} {order.id}'
    #[arg(long, value_name = "TEMPLATE", conflicts_with_all = ["output", "fields"])]
    pub format: Option<Template>,
    /// Show every field of an event on a line of its own
    #[arg(long, conflicts_with = "format")]
    pub expand: bool,
    /// Write json and jsonl without what the message or all events repeat, and without ids, streams and indices
    #[arg(long, conflicts_with_all = ["format", "expand"])]
    pub compact: bool,
    #[expect(missing_docs, reason = "the help says it")]
    #[arg(long, help = "Show the answer page by page [env: LOGCTL_PAGER, PAGER] [default: less]")]
    pub pager: bool,
}

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Time, level, service, stream and message, for people
    Pretty,
    /// One line an event, tabs between the columns
    Text,
    /// The messages alone
    Raw,
    /// One object with all events
    Json,
    /// One object an event
    Jsonl,
    /// A table for other programs
    Csv,
    /// The ids alone
    Id,
}

impl Output {
    /// Whether scripts read it.
    #[must_use]
    pub fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Jsonl)
    }
}

impl OutputArgs {
    /// What events are written as: as typed, else as people read it where somebody does.
    #[must_use]
    pub fn output(&self, ui: &Ui, color: ColorChoice) -> Output {
        let somebody = ui.look.stdout_is_terminal || color == ColorChoice::Always || self.expand;
        self.output.unwrap_or(if somebody { Output::Pretty } else { Output::Text })
    }

    /// Checks that what was typed fits together.
    ///
    /// # Errors
    /// Wrong usage.
    pub fn check(&self, output: Output) -> Result<(), Error> {
        if self.compact && !output.is_json() {
            return Err(Error::new(Kind::Usage, "--compact is for JSON").hint("add -o json or -o jsonl"));
        }
        if self.expand && output != Output::Pretty {
            return Err(Error::new(Kind::Usage, "--expand is for people").hint("leave out -o, or --expand"));
        }
        if self.expand && self.fields.is_some() {
            return Err(Error::new(Kind::Usage, "--expand shows all fields, and -F some").hint("leave out one of them"));
        }
        if self.fields.is_some() && matches!(output, Output::Raw | Output::Id) {
            return Err(Error::new(Kind::Usage, "-F chooses fields, and this output has one")
                .hint("use -o text, csv, json or jsonl"));
        }
        Ok(())
    }

    /// Says which names were asked for that no event has, each with the nearest one that there is.
    pub fn say_missing(&self, events: &[Event], ui: &mut Ui) {
        say_missing(&self.missing(events), ui);
    }

    /// Names that were asked for and that none of the events has, each with the nearest one that there is.
    #[must_use]
    pub fn missing(&self, events: &[Event]) -> Vec<(String, Option<String>)> {
        let names: Vec<&str> = match (&self.fields, &self.format) {
            (Some(columns), _) => columns.typed().collect(),
            (None, Some(template)) => template.names().collect(),
            (None, None) => return Vec::new(),
        };
        let there = columns::all(events);
        let lacks = |name: &&str| !events.is_empty() && !columns::has(name, events, &there);
        let near = |name: &str| nearest(name, there.iter().map(String::as_str)).map(str::to_owned);
        names.into_iter().filter(lacks).map(|name| (name.to_owned(), near(name))).collect()
    }
}

/// Says which names no event has.
pub fn say_missing(missing: &[(String, Option<String>)], ui: &mut Ui) {
    for (name, near) in missing {
        ui.warning(format_args!("no event that is shown has a field {name}"));
        if let Some(near) = near {
            ui.hint(format_args!("the nearest is {near}"));
        }
    }
}

/// What an answer knows of its events.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shown<'a> {
    /// What the query has found in them.
    pub marks: Option<&'a Regex>,
    /// Whether they may be of several days.
    pub dated: bool,
    /// Whether a table has its titles already.
    pub headless: bool,
    /// Columns that the names of sources have taken so far.
    pub name_width: usize,
    /// The ids of the events that are pointed at, where others stand around them.
    pub pointed: Option<&'a BTreeSet<&'a str>>,
}

/// Writes events. One object with all of them is for the command to write.
///
/// # Errors
/// When stdout cannot be written.
pub fn print(events: &[Event], args: &OutputArgs, output: Output, shown: Shown<'_>, ui: &mut Ui) -> Result<(), Error> {
    if let Some(template) = &args.format {
        return events.iter().try_for_each(|event| ui.line(&template.fill(event)));
    }
    let chosen = |default: &[&str]| match &args.fields {
        Some(columns) => columns.of(events),
        None => default.iter().map(|name| (*name).to_owned()).collect(),
    };
    match output {
        Output::Pretty => {
            let look = ui.look.clone();
            let rows = pretty::Rows::new(events, args, shown, &look);
            events.iter().try_for_each(|event| ui.line(&rows.event(event)))
        }
        Output::Text => {
            let names = chosen(&TEXT);
            let cell = |event, name: &String| {
                let value = columns::value(event, name).unwrap_or_else(|| "-".to_owned());
                one_line(value.trim_end()).into_owned()
            };
            let line = |event| names.iter().map(|name| cell(event, name)).collect::<Vec<_>>().join("\t");
            events.iter().try_for_each(|event| ui.line(&line(event)))
        }
        Output::Raw if ui.look.stdout_is_terminal => {
            events.iter().try_for_each(|event| ui.line(&escaped(&event.message)))
        }
        Output::Raw => events.iter().try_for_each(|event| ui.line(&event.message)),
        Output::Id => events.iter().try_for_each(|event| ui.line(&one_line(&event.id))),
        Output::Csv => csv(events, &chosen(&CSV), shown.headless, ui),
        Output::Jsonl => {
            if args.compact && args.fields.is_none() && !events.is_empty() {
                ui.json("logctl.common/v1", &json::common(events))?;
            }
            json::records(events, args, shown.pointed).iter().try_for_each(|record| match record.event {
                Written::Compact(_) => ui.record(record),
                _ => ui.json("logctl.event/v1", record),
            })
        }
        Output::Json => Ok(()),
    }
}

/// A table, quoted as RFC 4180 has it. On a terminal what is not printable is shown.
fn csv(events: &[Event], names: &[String], headless: bool, ui: &mut Ui) -> Result<(), Error> {
    let on_terminal = ui.look.stdout_is_terminal;
    let mut line = |cells: Vec<String>| -> Result<(), Error> {
        let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
        let shown = cells.iter().map(|cell| if on_terminal { escaped(cell) } else { cell.into() });
        let failed = |error: &dyn std::fmt::Display| Error::failed("cannot write CSV").because(error);
        writer.write_record(shown.map(std::borrow::Cow::into_owned)).map_err(|error| failed(&error))?;
        let bytes = writer.into_inner().map_err(|error| failed(&error))?;
        ui.line(String::from_utf8_lossy(&bytes).trim_end_matches('\n'))
    };
    if !headless {
        line(names.to_vec())?;
    }
    let row = |event| names.iter().map(|name| columns::value(event, name).unwrap_or_default()).collect();
    events.iter().try_for_each(|event| line(row(event)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use test_case::test_case;

    use super::*;

    fn events() -> Vec<Event> {
        let event = |id: &str, group: &str, message: &str, fields: Value| {
            let mut source = json!({
                "@timestamp": 1_795_428_312_345_i64, "@log_group": group, "@owner": "1", "@region": "r", "@level": "info",
                "@log_stream": "s", "@service": "pay", "@request_id": "R-1", "@message": message,
            });
            source.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap());
            Event::from_hit(&json!({"_id": id, "_index": "i", "_source": source}))
        };
        let text = r#"{"level": "INFO", "order": {"id": "A,1"}, "requestId": "R-1"}"#;
        vec![
            event("1", "/pay", text, json!({"order": {"id": "A,1"}, "requestId": "R-1", "level": "INFO"})),
            event("2", "/cart", "two\nlines \"R-1\"", json!({})),
        ]
    }

    fn written(output: Output, args: &OutputArgs) -> String {
        let (mut ui, text) = Ui::captured();
        ui.look.stdout_is_terminal = false;
        print(&events(), args, output, Shown::default(), &mut ui).unwrap();
        drop(ui);
        let bytes = text.borrow().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn with_fields(names: &str) -> OutputArgs {
        OutputArgs { fields: Some(names.parse().unwrap()), ..OutputArgs::default() }
    }

    #[test]
    fn text_has_a_line_for_each_event() {
        let expected = "2026-11-23T10:05:12.345Z\t/cart\tinfo\ttwo\\nlines \"R-1\"\n";
        assert!(written(Output::Text, &OutputArgs::default()).ends_with(expected));
        assert_eq!(written(Output::Text, &with_fields("group,order.*")), "/pay\tA,1\n/cart\t-\n");
        assert_eq!(written(Output::Id, &OutputArgs::default()), "1\n2\n");
    }

    #[test]
    fn csv_is_quoted_where_it_must_be() {
        assert_eq!(
            written(Output::Csv, &with_fields("group,order.id,message")).split_once('\n').unwrap(),
            (
                "group,order.id,message",
                "/pay,\"A,1\",\"{\"\"level\"\": \"\"INFO\"\", \"\"order\"\": {\"\"id\"\": \"\"A,1\"\"}, \"\"requestId\"\": \"\"R-1\"\"}\"\n/cart,,\"two\nlines \"\"R-1\"\"\"\n"
            )
        );
    }

    #[test]
    fn json_with_some_fields_keeps_their_places() {
        let lines = written(Output::Jsonl, &with_fields("time,requestId,order.id,stream"));
        let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!(
            first,
            json!({"schema": "logctl.event/v1", "time": "2026-11-23T10:05:12.345Z", "stream": "s",
            "fields": {"requestId": "R-1", "order": {"id": "A,1"}}})
        );
        // The second has no such field of its own, and is known to belong to that request.
        let second: Value = serde_json::from_str(lines.lines().nth(1).unwrap()).unwrap();
        assert_eq!((&second["requestId"], second.get("fields")), (&json!("R-1"), None));
    }

    #[test]
    fn fields_in_lists_keep_their_places() {
        let source =
            json!({"@timestamp": 1, "@message": "m", "order": {"items": [{"sku": "hat", "n": 1}, {"sku": "boots"}]}});
        let event = Event::from_hit(&json!({"_id": "1", "_source": source}));
        for names in ["order.items.sku", "order.items.s*"] {
            let columns: Columns = names.parse().unwrap();
            let args = OutputArgs { fields: Some(columns), ..OutputArgs::default() };
            let (_, records) = document(std::slice::from_ref(&event), &args, None);
            let expected = json!([{"fields": {"order": {"items": [{"sku": "hat"}, {"sku": "boots"}]}}}]);
            assert_eq!(serde_json::to_value(records).unwrap(), expected, "{names}");
        }
        assert_eq!(columns::value(&event, "order.items.sku").as_deref(), Some("hat,boots"));
        assert_eq!(columns::value(&event, "@message").as_deref(), Some("m"));
    }

    #[test]
    fn compact_says_nothing_twice() {
        let lines = written(Output::Jsonl, &OutputArgs { compact: true, ..OutputArgs::default() });
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(
            lines,
            [
                r#"{"schema":"logctl.common/v1","account":"1","region":"r","stream":"s"}"#,
                r#"{"time":"2026-11-23T10:05:12.345Z","group":"/pay","fields":{"level": "INFO", "order": {"id": "A,1"}, "requestId": "R-1"}}"#,
                r#"{"time":"2026-11-23T10:05:12.345Z","group":"/cart","level":"info","service":"pay","message":"two\nlines \"R-1\""}"#,
            ]
        );
    }

    #[test]
    fn a_compact_document_names_each_group_once() {
        let events = events();
        let (common, records) = document(&events, &OutputArgs { compact: true, ..OutputArgs::default() }, None);
        assert_eq!(serde_json::to_value(common).unwrap(), json!({"stream": "s", "groups": ["/cart", "/pay"]}));
        let records = serde_json::to_value(records).unwrap();
        assert_eq!((&records[0]["in"], &records[1]["in"], records[0].get("group")), (&json!(1), &json!(0), None));
    }

    #[test_case("{time} {order.id}", "2026-11-23T10:05:12.345Z A,1"; "names")]
    #[test_case("{{x}}\\t{level}", "{x}\tinfo"; "braces and tabs")]
    #[test_case("{nothing}.", "."; "a name that is not there")]
    fn templates(template: &str, expected: &str) {
        let args = OutputArgs { format: Some(template.parse().unwrap()), ..OutputArgs::default() };
        let written = written(Output::Text, &args);
        assert!(written.lines().any(|line| line == expected), "{written}");
    }

    #[test_case("{")]
    #[test_case("a}")]
    #[test_case("{}")]
    #[test_case("{a{b}}")]
    #[test_case("{order.*}"; "a wildcard")]
    fn no_templates(template: &str) {
        assert!(template.parse::<Template>().is_err());
    }

    #[test]
    fn a_name_that_no_event_has_is_said() {
        let (mut ui, text) = Ui::captured();
        with_fields("time,ordr.id").say_missing(&events(), &mut ui);
        let text = String::from_utf8(text.borrow().clone()).unwrap();
        assert!(text.contains("has a field ordr.id") && text.contains("the nearest is order.id"), "{text}");
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let compact = OutputArgs { compact: true, ..OutputArgs::default() };
        assert!(compact.check(Output::Text).is_err() && compact.check(Output::Json).is_ok());
        let expand = OutputArgs { expand: true, ..OutputArgs::default() };
        assert!(expand.check(Output::Csv).is_err() && expand.check(Output::Pretty).is_ok());
        assert!(OutputArgs { fields: with_fields("a").fields, ..expand }.check(Output::Pretty).is_err());
        assert!(with_fields("a").check(Output::Raw).is_err());
    }
}
