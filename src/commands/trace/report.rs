//! A timeline for a terminal, a pipe and a script.

use std::{borrow::Cow, fmt::Write as _, ops::Range};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::{
    TraceFormat,
    unstreamed::{Silent, Unstreamed},
};
use crate::{
    commands::{
        printer::{clip, said},
        search::Place,
    },
    error::Error,
    events::{
        Event, Nothing, Search,
        trace::{self, Gap, Lane, Timeline, Traced, TracedId},
    },
    time::{self, rfc3339},
    ui::{Look, Ui, escaped, one_line, paint, width, without_colours},
    words::{count, grouped},
};

const SCHEMA: &str = "logctl.trace/v1";
/// Columns of a lane's name, on a terminal of this many columns and on a narrow one.
const NAME: usize = 24;
const SHORT_NAME: usize = 14;
const WIDE: usize = 100;
/// A lane takes a column, as long as all of them leave this part of the terminal to the messages.
const LANES: usize = 4;

/// What is shown of a trace.
pub struct Report<'a> {
    pub(super) events: &'a [Event],
    pub(super) ids: &'a [TracedId],
    pub(super) timeline: Timeline,
    pub(super) unstreamed: Unstreamed,
    pub(super) place: Place,
    pub(super) warnings: &'a [String],
    pub(super) range: Range<Timestamp>,
    searched: Range<Timestamp>,
    /// Why there is nothing, where there is not.
    nothing: Option<Nothing>,
}

/// An event with its place in the timeline.
#[derive(Serialize)]
struct Placed<'a> {
    offset_ms: i128,
    lane: usize,
    #[serde(flatten)]
    event: &'a Event,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    place: &'a Place,
    ids: &'a [TracedId],
    searched: Value,
    range: Value,
    duration_ms: i128,
    lanes: &'a [Lane],
    gaps: &'a [Gap],
    unstreamed: &'a [Silent],
    #[serde(skip_serializing_if = "Option::is_none")]
    unstreamed_unknown: Option<&'a str>,
    unstreamed_unasked: usize,
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    nothing: Option<&'a Nothing>,
    events: Vec<Placed<'a>>,
}

impl<'a> Report<'a> {
    pub fn new(
        traced: &'a Traced,
        search: &Search,
        unstreamed: Unstreamed,
        nothing: Option<Nothing>,
        place: &Place,
    ) -> Self {
        Self {
            events: &traced.events,
            ids: &traced.ids,
            timeline: Timeline::new(&traced.events),
            unstreamed,
            place: place.of(&traced.events),
            warnings: &traced.warnings,
            range: trace::range(&traced.events, search),
            searched: search.range.clone(),
            nothing,
        }
    }

    /// When the first event happened.
    pub(super) fn first(&self) -> Timestamp {
        self.range.start
    }

    /// From the first to the last event.
    pub(super) fn length(&self) -> SignedDuration {
        if self.events.is_empty() { SignedDuration::ZERO } else { self.range.end.duration_since(self.range.start) }
    }

    /// Writes it.
    pub fn show(&self, output: Option<TraceFormat>, ui: &mut Ui) -> Result<(), Error> {
        let default = if ui.look.stdout_is_terminal { TraceFormat::Pretty } else { TraceFormat::Text };
        match output.unwrap_or(default) {
            TraceFormat::Json => ui.json(SCHEMA, &self.document()),
            TraceFormat::Text => self.events.iter().try_for_each(|event| ui.line(&self.text(event))),
            TraceFormat::Pretty => {
                let look = ui.look.clone();
                self.lines(&look).iter().try_for_each(|line| ui.line(line))
            }
        }
    }

    fn document(&self) -> Document<'_> {
        let placed = |event| Placed { offset_ms: self.offset(event), lane: self.timeline.lane(event), event };
        Document {
            place: &self.place,
            ids: self.ids,
            searched: time::range_json(&self.searched),
            range: time::range_json(&self.range),
            duration_ms: self.length().as_millis(),
            lanes: &self.timeline.lanes,
            gaps: &self.timeline.gaps,
            unstreamed: &self.unstreamed.groups,
            unstreamed_unknown: self.unstreamed.unknown.as_deref(),
            unstreamed_unasked: self.unstreamed.unasked,
            warnings: self.warnings,
            nothing: self.nothing.as_ref(),
            events: self.events.iter().map(placed).collect(),
        }
    }

    fn offset(&self, event: &Event) -> i128 {
        event.time.duration_since(self.first()).as_millis()
    }

    /// An event as a line for other programs.
    fn text(&self, event: &Event) -> String {
        let level = event.level.as_deref().unwrap_or("-");
        let offset = trace::offset(event, self.first());
        let cells = [&rfc3339(event.time), &offset, &event.group, level, event.message.trim_end()];
        cells.map(|cell| one_line(cell).into_owned()).join("\t")
    }

    /// Lanes, and the events below them.
    fn lines(&self, look: &Look) -> Vec<String> {
        let most = if look.width < WIDE { SHORT_NAME } else { NAME };
        let names: Vec<String> = self.timeline.lanes.iter().map(|lane| clip(&one_line(&lane.name), most)).collect();
        let name_width = names.iter().map(|name| width(name)).max().unwrap_or_default();
        let mut lines = Vec::new();
        for (lane, name) in self.timeline.lanes.iter().zip(&names) {
            lines.push(lane_line(lane, name, name_width, look));
        }
        let columns = self.timeline.lanes.len().min((look.width / LANES).max(1));
        if columns < self.timeline.lanes.len() {
            lines.push(paint(look.dim(), format!("from the {columns}th on they share a column")));
        }
        lines.push(String::new());
        let mut gaps = self.timeline.gaps.iter().peekable();
        for (number, event) in self.events.iter().enumerate() {
            let at = self.timeline.lane(event);
            let mut line = paint(look.dim(), format!("{:>9}", trace::offset(event, self.first())));
            line += "  ";
            for column in 0..columns {
                line += &self.sign(column, columns, at, event, look);
            }
            let padding = " ".repeat(name_width - width(&names[at]));
            let _ = write!(line, "  {}{padding}  ", paint(look.name(), &names[at]));
            let used = 9 + 2 + columns + 2 + name_width + 2;
            line += &on_one_line(event, look.width.saturating_sub(used), look);
            lines.push(line);
            if let Some(gap) = gaps.next_if(|gap| gap.after == number) {
                let text = format!("{:>9}  {} nothing for {}", "", "┆".repeat(columns), length(gap.length()));
                lines.push(paint(look.warning(), text));
            }
        }
        lines
    }

    /// What stands in a column of the lanes beside an event.
    fn sign(&self, column: usize, columns: usize, at: usize, event: &Event, look: &Look) -> String {
        if at.min(columns - 1) == column {
            return match event.level.as_deref() {
                Some("error" | "fatal") => paint(look.bad(), "✖"),
                Some("warn") => paint(look.warning(), "▲"),
                _ => paint(look.good(), "●"),
            };
        }
        let speaks = |lane: &Lane| lane.first <= event.time && event.time <= lane.last;
        let lanes =
            if column + 1 == columns { &self.timeline.lanes[column..] } else { &self.timeline.lanes[column..=column] };
        if lanes.iter().any(speaks) { paint(look.dim(), "│") } else { " ".to_owned() }
    }

    /// Says what there is, and what is missing.
    pub fn close(&self, ui: &mut Ui) {
        let zone = ui.look.time_zone.clone();
        if self.events.is_empty() {
            let ids = if self.ids.len() == 1 { "this id" } else { "these ids" };
            let range = time::describe(&self.searched, &zone);
            ui.status(format_args!("nothing in the index carries {ids}, from {range}, {}", self.place));
        } else {
            let errors: usize = self.timeline.lanes.iter().map(|lane| lane.errors).sum();
            let errors = if errors > 0 { format!(", {}", count(errors, "error")) } else { String::new() };
            let groups = count(self.timeline.lanes.len(), "log group");
            let (events, range) = (count(self.events.len(), "event"), time::describe(&self.range, &zone));
            let length = length(self.length());
            ui.status(format_args!("{events} of {groups} in {length}{errors}, from {range}, {}", self.place));
        }
        let followed = self.ids.iter().filter(|id| id.depth > 0 && !id.crowded).count();
        if followed > 0 {
            ui.status(format_args!("{} of the same requests followed", count(followed, "more id")));
        }
        for silent in &self.unstreamed.groups {
            ui.warning(format_args!("{} {}", silent.group, silent.said()));
        }
        if let Some(silent) = self.unstreamed.groups.first() {
            ui.hint(format_args!("see why, and what to do: logctl why {}", silent.group));
        } else if let Some(nothing) = &self.nothing {
            ui.status(&nothing.detail);
            nothing.suggestion.iter().for_each(|suggestion| ui.hint(suggestion));
        }
        if let Some(unasked) = self.unasked() {
            ui.status(unasked);
        }
        if let Some(why) = &self.unstreamed.unknown {
            ui.status(format_args!("whether a log group that is not streamed holds it is not known: {why}"));
        }
        for warning in self.warnings {
            ui.warning(warning);
        }
    }

    /// What of the groups that are not streamed is not known.
    pub(super) fn unasked(&self) -> Option<String> {
        let groups = count(self.unstreamed.unasked, "log group");
        (self.unstreamed.unasked > 0)
            .then(|| format!("{groups} that are not streamed were not asked whether they hold it"))
    }
}

fn lane_line(lane: &Lane, name: &str, name_width: usize, look: &Look) -> String {
    let padding = " ".repeat(name_width - width(name));
    let events = format!("{:>12}", count(lane.events, "event"));
    let errors = match lane.errors {
        0 => String::new(),
        errors => format!("  {}", paint(look.bad(), count(errors, "error"))),
    };
    let longest = lane
        .durations_ms
        .iter()
        .copied()
        .fold(None, |most: Option<f64>, it| Some(most.map_or(it, |most| most.max(it))));
    let took = longest.map_or_else(String::new, |longest| format!("  took {}", milliseconds(longest)));
    let group =
        if lane.group == lane.name { String::new() } else { format!("  {}", paint(look.dim(), one_line(&lane.group))) };
    format!("{}{padding}{events}{errors}{took}{group}", paint(look.name(), name))
}

/// What an event says, on one line of so many columns.
fn on_one_line(event: &Event, columns: usize, look: &Look) -> String {
    let is_plain = words_of(event) == event.message.trim() || event.fields.is_empty();
    let text = if is_plain { words_of(event).into() } else { Cow::from(said(event, look)) };
    let first = text.lines().next().unwrap_or_default();
    let more = text.lines().count() > 1;
    let first = escaped(&without_colours(first)).replace('\t', "  ");
    if width(&first) <= columns && !more {
        return first;
    }
    let mut shown = String::new();
    for sign in first.chars() {
        if width(&shown) + width(sign.encode_utf8(&mut [0; 4])) >= columns {
            break;
        }
        shown.push(sign);
    }
    shown + "…"
}

/// What a structured event says, else its message, without the columns in which Lambda repeats time, id and level.
pub(super) fn words_of(event: &Event) -> &str {
    const COLUMNS: usize = 4;
    let said = ["message", "msg"].iter().find_map(|name| event.fields.get(*name)?.as_str());
    let of_lambda = || {
        let columns: Vec<&str> = event.message.splitn(COLUMNS, '\t').collect();
        let [first @ .., last] = columns.as_slice() else { return None };
        let is_id = |column: &&str| event.request_id.as_deref() == Some(*column);
        (first.len() + 1 == COLUMNS && first.iter().any(is_id)).then_some(*last)
    };
    said.or_else(of_lambda).unwrap_or(&event.message).trim()
}

/// `1.632 s`, `410 ms`, `2m 3s`.
pub(super) fn length(length: SignedDuration) -> String {
    milliseconds(length.as_secs_f64() * 1_000.0)
}

pub(super) fn milliseconds(length: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole seconds of a time that was not negative"
    )]
    let seconds = (length.round() / 1_000.0).max(0.0) as u64;
    match seconds {
        0 => format!("{length:.0} ms"),
        1..120 => format!("{:.3} s", length / 1_000.0),
        _ => format!("{}m {}s", grouped(seconds / 60), seconds % 60),
    }
}
