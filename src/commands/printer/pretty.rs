//! Events for people: a row each, what they differ in first, and nothing in it that poses as another row.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use anstyle::Style;
use logctl_core::fields::{self, known::Known};
use regex::Regex;

use super::{Columns, OutputArgs, Shown, columns};
use crate::{
    events::Event,
    ui::{Look, cut, escaped, one_line, paint, painted, width, without_colours},
    words::{count, quote},
};

/// Fields that repeat when the event happened.
const TIME_NAMES: [&str; 4] = ["time", "timestamp", "ts", "date"];
/// Columns before what belongs to the row above.
const INDENT: usize = 4;
/// Columns of a service's name at most.
const SERVICE: usize = 24;
/// Bytes of a row, behind which no more fields are named.
const ROW: usize = 16 << 10;
/// Signs of a stream's name that tell it from others.
const STREAM: usize = 6;
/// Below this many columns there is no room for them.
const WIDE: usize = 100;

/// What the rows of an answer have in common.
pub(super) struct Rows<'a> {
    columns: Option<&'a Columns>,
    expand: bool,
    marks: Option<&'a Regex>,
    look: &'a Look,
    dated: bool,
    pointed: Option<&'a BTreeSet<&'a str>>,
    /// What each source of events is called.
    names: BTreeMap<Source<'a>, String>,
    name_width: usize,
}

/// The text of a row, and how its parts look.
#[derive(Default)]
struct Text {
    plain: String,
    styles: Vec<(Range<usize>, Style)>,
}

impl Text {
    fn push(&mut self, text: &str, style: Option<Style>) {
        let start = self.plain.len();
        self.plain += text;
        self.styles.extend(style.filter(|style| !style.is_plain()).map(|style| (start..self.plain.len(), style)));
    }

    /// Marks what a query has found. What is marked has no other style. Both stand in their order.
    fn mark(&mut self, marks: Option<&Regex>, style: Style) {
        let Some(marks) = marks.filter(|_| !style.is_plain()) else { return };
        let found = marks.find_iter(&self.plain).map(|found| found.range()).filter(|range| !range.is_empty());
        let mut found = found.peekable();
        let mut styles: Vec<(Range<usize>, Style)> = Vec::new();
        for (mut range, own) in std::mem::take(&mut self.styles) {
            while let Some(mark) = found.next_if(|mark| mark.start < range.end) {
                if range.start < mark.start {
                    styles.push((range.start..mark.start, own));
                }
                range.start = range.start.max(mark.end);
                styles.push((mark, style));
            }
            if range.start < range.end {
                styles.push((range, own));
            }
        }
        styles.extend(found.map(|mark| (mark, style)));
        self.styles = styles;
    }

    /// The text in lines: the first goes on behind `used` columns, the others are indented.
    fn lines(&self, used: usize, indent: usize, look: &Look) -> String {
        let mut shown = String::new();
        let mut start = 0;
        let mut styles = self.styles.as_slice();
        for (nth, line) in self.plain.split('\n').enumerate() {
            let rest = look.width.saturating_sub(indent);
            let first = if nth == 0 { look.width.saturating_sub(used) } else { rest };
            for (at, part) in cut(line, first, rest).into_iter().enumerate() {
                if nth + at > 0 {
                    shown.push('\n');
                    shown += &" ".repeat(indent);
                }
                let part = start + part.start..start + part.end;
                let passed = styles.iter().take_while(|(range, _)| range.end <= part.start).count();
                styles = &styles[passed..];
                shown += &painted(&self.plain, part, styles);
            }
            start += line.len() + 1;
        }
        shown
    }
}

impl<'a> Rows<'a> {
    pub(super) fn new(events: &'a [Event], args: &'a OutputArgs, shown: Shown<'a>, look: &'a Look) -> Self {
        let names = names(events);
        Self {
            columns: args.fields.as_ref(),
            expand: args.expand,
            marks: shown.marks,
            look,
            dated: shown.dated,
            pointed: shown.pointed,
            name_width: widest(&names).max(shown.name_width),
            names,
        }
    }

    /// One event, over as many lines as it takes.
    pub(super) fn event(&self, event: &Event) -> String {
        let look = self.look;
        let time = event.time.to_zoned_datetime(look.time_zone.clone());
        let time = time.strftime(if self.dated { "%Y-%m-%d %H:%M:%S.%3f" } else { "%H:%M:%S.%3f" }).to_string();
        let level = one_line(event.level.as_deref().unwrap_or(""));
        let name = self.names.get(&source(event)).map_or("", String::as_str);
        let stream = if look.width < WIDE { String::new() } else { format!("{:<STREAM$}  ", tail(&event.stream)) };
        let padding = " ".repeat(self.name_width - width(name));
        let used = width(&time) + 2 + level.len().max(5) + 2 + self.name_width + 2 + width(&stream);
        let is_pointed_at = self.pointed.is_some_and(|pointed| pointed.contains(event.id.as_str()));
        let pointer = if is_pointed_at { " ▶" } else { "  " };
        let mut row = format!(
            "{}{}{}{}  {}{padding}  {}",
            paint(look.dim(), &time),
            paint(look.warning(), pointer),
            paint(level_style(&level, look), &level),
            " ".repeat(5_usize.saturating_sub(level.len())),
            paint(look.name(), name),
            paint(look.dim(), stream),
        );
        let mut text = Text::default();
        match self.columns {
            Some(columns) => self.chosen(event, columns, &mut text),
            None => self.message(event, &mut text),
        }
        text.mark(self.marks, look.mark());
        // Fields stand below: a message does not pose as some.
        row += &text.lines(used, if self.expand { 2 * INDENT } else { INDENT }, look);
        if self.expand {
            self.expanded(event, &mut row);
        }
        row
    }

    /// What a structured event says, then its other fields; any other event as it is.
    fn message(&self, event: &Event, text: &mut Text) {
        let said = ["message", "msg"].iter().find_map(|name| Some((*name, event.fields.get(*name)?.as_str()?)));
        let (said_by, message) = said.unwrap_or(("", &event.message));
        let message = escaped(&without_colours(message.trim_end())).replace('\t', "  ");
        if said.is_none() || self.expand {
            text.push(&message, None);
            return;
        }
        // What looks like a pair in a message is none.
        let poses = message.split("  ").skip(1).any(|part| part.contains('='));
        text.push(&if poses { quote(&message) } else { message }, None);
        let mut more = 0;
        fields::walk(&event.fields, &mut |name, value| {
            let shown_already = name == said_by || Known::Level.names().contains(&name) || TIME_NAMES.contains(&name);
            if shown_already {
                return;
            }
            if text.plain.len() < ROW { self.pair(name, &value, text) } else { more += 1 }
        });
        if more > 0 {
            text.push(&format!("  … {}, see --expand", count(more, "more field")), Some(self.look.dim()));
        }
    }

    /// The fields that were asked for, but for those that each row has.
    fn chosen(&self, event: &Event, columns: &Columns, text: &mut Text) {
        for name in columns.of(std::slice::from_ref(event)) {
            if ["time", "level", "service"].contains(&name.as_str()) {
                continue;
            }
            if let Some(value) = columns::value(event, &name) {
                self.pair(&name, &value, text);
            }
        }
    }

    /// `name=value`; a value that might be read as another pair stands in quotes.
    fn pair(&self, name: &str, value: &str, text: &mut Text) {
        let plain = |text: &str| {
            let text = one_line(text);
            let is_json = text.starts_with(['{', '[']) && serde_json::from_str::<serde_json::Value>(&text).is_ok();
            let plain = is_json || !(text.is_empty() || text.contains([' ', '=', '"']));
            if plain { text.into_owned() } else { quote(&text) }
        };
        let gap = if text.plain.is_empty() { "" } else { "  " };
        text.push(&format!("{gap}{}=", plain(name)), Some(self.look.dim()));
        text.push(&plain(value), None);
    }

    /// Every field on a line of its own.
    fn expanded(&self, event: &Event, row: &mut String) {
        let mut fields: Vec<(String, String)> = Vec::new();
        let ours =
            ["group", "stream", "account", "region", "id", "ingested", "index", "request_id", "trace_id", "degraded"];
        let told = ours.iter().filter_map(|name| Some(((*name).to_owned(), columns::value(event, name)?)));
        fields.extend(told.filter(|(_, value)| !value.is_empty()));
        fields::walk(&event.fields, &mut |name, value| fields.push((one_line(name).into_owned(), value)));
        let longest = fields.iter().map(|(name, _)| width(name)).max().unwrap_or_default().min(SERVICE);
        for (name, value) in fields {
            let mut text = Text::default();
            text.push(&name, Some(self.look.dim()));
            text.push(&" ".repeat(longest.saturating_sub(width(&name)) + 2), None);
            text.push(&one_line(&value), None);
            text.mark(self.marks, self.look.mark());
            *row += &format!("\n{}", " ".repeat(INDENT));
            *row += &text.lines(INDENT, 2 * INDENT, self.look);
        }
    }
}

/// What an event is said to come from.
type Source<'e> = (&'e str, &'e str);

fn source(event: &Event) -> Source<'_> {
    (&event.group, event.service.as_deref().unwrap_or(&event.group))
}

fn widest(names: &BTreeMap<Source<'_>, String>) -> usize {
    names.values().map(|name| width(name)).max().unwrap_or_default()
}

/// Columns that the names of the sources of events take.
#[must_use]
pub fn name_width(events: &[Event]) -> usize {
    widest(&names(events))
}

/// What an event says, with its other fields behind it.
#[must_use]
pub fn said(event: &Event, look: &Look) -> String {
    let args = OutputArgs::default();
    let mut text = Text::default();
    Rows::new(std::slice::from_ref(event), &args, Shown::default(), look).message(event, &mut text);
    text.plain
}

/// What each source is called: its service, or its group where another group is of that service.
fn names(events: &[Event]) -> BTreeMap<Source<'_>, String> {
    let sources: BTreeSet<Source<'_>> = events.iter().map(source).collect();
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (group, service) in &sources {
        groups.entry(service).or_default().insert(group);
    }
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let mut name = |(group, service): Source<'_>| {
        let name = one_line(if groups[service].len() > 1 { group } else { service });
        let clipped = clip(&name, SERVICE);
        // What is left of two names may be the same.
        let nth = taken.entry(clipped.clone()).and_modify(|nth| *nth += 1).or_insert(1);
        if *nth == 1 { clipped } else { format!("{}~{nth}", clip(&name, SERVICE - 4)) }
    };
    sources.iter().map(|source| (*source, name(*source))).collect()
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
#[must_use]
pub fn clip(name: &str, most: usize) -> String {
    if width(name) <= most {
        return name.to_owned();
    }
    let fits = |at: &usize| width(&name[*at..]) < most;
    let from = name.char_indices().map(|(at, _)| at).find(fits).unwrap_or(name.len());
    format!("…{}", &name[from..])
}

/// The last signs of a stream's name.
fn tail(stream: &str) -> String {
    let signs: Vec<char> = stream.chars().filter(char::is_ascii_graphic).collect();
    signs[signs.len().saturating_sub(STREAM)..].iter().collect()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    fn event(message: &str) -> Event {
        Event::from_hit(&json!({"_id": "1", "_index": "logctl-2026.11.23", "_source": {
            "@id": "1", "@timestamp": 1_795_428_312_345_i64, "@log_group": "/aws/lambda/checkout",
            "@log_stream": "2026/11/23/[$LATEST]0123456789abcdef",
            "@service": "checkout", "@level": "error", "@message": message,
        }}))
    }

    fn structured(fields: &serde_json::Value) -> Event {
        Event { fields: fields.as_object().cloned().unwrap(), ..event("{…}") }
    }

    fn rows(events: &[Event], args: &OutputArgs, query: &str, look: &Look) -> String {
        let query = crate::query::parse(&[query.to_owned()]).unwrap();
        let marks = crate::query::marks(&query);
        let rows = Rows::new(events, args, Shown { marks: marks.as_ref(), ..Shown::default() }, look);
        events.iter().map(|event| rows.event(event)).collect::<Vec<_>>().join("\n")
    }

    fn row(event: Event, look: &Look) -> String {
        rows(&[event], &OutputArgs::default(), "paid", look)
    }

    fn coloured(width: usize) -> Look {
        Look { colour: true, stderr_colour: true, ..Look::plain(width) }
    }

    #[test]
    fn a_line_for_people() {
        assert_snapshot!(row(event("no\n  at a\x1b[2J\n"), &Look::plain(80)), @r"
        10:05:12.345  error  checkout  no
              at a\u{1b}[2J
        ");
        assert_snapshot!(row(event("no"), &Look::plain(100)), @"10:05:12.345  error  checkout  abcdef  no");
        assert!(row(event("no"), &coloured(80)).contains("\x1b[31merror"));
    }

    #[test]
    fn a_structured_event_says_its_message_first() {
        let fields =
            json!({"level": "INFO", "time": 1, "msg": "paid", "order": {"id": "A-1"}, "note": "x  admin=true"});
        assert_snapshot!(
            row(structured(&fields), &Look::plain(80)),
            @r#"10:05:12.345  error  checkout  paid  order.id=A-1  note="x  admin=true""#
        );
    }

    #[test]
    fn what_was_found_is_marked_once() {
        let fields = json!({"msg": "paid in full", "by": "was paid"});
        let row = row(structured(&fields), &coloured(80));
        let marked = paint(coloured(80).mark(), "paid");
        assert_eq!(row.matches(&marked).count(), 2, "{row:?}");
    }

    #[test]
    fn a_long_line_does_not_pose_as_another_row() {
        let padded = format!("ok{}10:05:12.345  error  checkout  forged", " ".repeat(60));
        let wide = "日本".repeat(30);
        for width in [40, 80, 200] {
            let look = Look::plain(width);
            for message in [&padded, &wide] {
                let row = row(event(message), &look);
                let mut lines = row.lines();
                assert!(lines.next().is_some_and(|line| line.starts_with("10:05")));
                assert!(lines.all(|line| line.starts_with("    ")), "{row}");
                assert!(row.lines().all(|line| crate::ui::width(line) <= width), "{row}");
            }
        }
    }

    #[test]
    fn groups_of_one_service_are_told_apart() {
        let other = Event { group: "/ecs/checkout".to_owned(), ..event("b") };
        assert_snapshot!(rows(&[event("a"), other], &OutputArgs::default(), "x", &Look::plain(80)), @r"
        10:05:12.345  error  /aws/lambda/checkout  a
        10:05:12.345  error  /ecs/checkout         b
        ");
    }

    #[test]
    fn chosen_and_all_fields() {
        let event = structured(&json!({"msg": "paid", "order": {"id": "A-1", "sum": 3}}));
        let some = OutputArgs { fields: Some("time,order.*,stream".parse().unwrap()), ..OutputArgs::default() };
        assert_snapshot!(rows(std::slice::from_ref(&event), &some, "x", &Look::plain(80)), @r"
        10:05:12.345  error  checkout  order.id=A-1  order.sum=3
            stream=2026/11/23/[$LATEST]0123456789abcdef
        ");
        let all = OutputArgs { expand: true, ..OutputArgs::default() };
        assert_snapshot!(rows(&[event], &all, "x", &Look::plain(80)), @r"
        10:05:12.345  error  checkout  paid
            group      /aws/lambda/checkout
            stream     2026/11/23/[$LATEST]0123456789abcdef
            id         1
            index      logctl-2026.11.23
            msg        paid
            order.id   A-1
            order.sum  3
        ");
    }

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(clip("a-very-long-name-of-a-service", 10), "…a-service");
        assert_eq!(clip("日本語日本語", 6), "…本語");
    }
}
