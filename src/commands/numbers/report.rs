//! Numbers for a terminal, a pipe and a script.

use anstyle::Style;
use serde::Serialize;
use serde_json::Value;

use crate::{
    args::Format,
    commands::search::Place,
    error::Error,
    events::numbers::Bucket,
    time::rfc3339,
    ui::{Cell, Column, Grid, Look, Role, Show, Ui, one_line, paint},
    words::grouped,
};

/// What an answer is of, and what it lacks.
#[derive(Debug, Serialize)]
pub struct Of<'a> {
    #[serde(flatten)]
    pub place: Place,
    pub range: Value,
    pub warnings: &'a [String],
}

/// How many events.
#[derive(Debug, Serialize)]
pub struct Counted<'a> {
    #[serde(flatten)]
    pub of: Of<'a>,
    pub count: u64,
    pub relation: &'static str,
}

impl Counted<'_> {
    /// Writes it: the number alone, but for a script that wants more.
    pub fn show(&self, ui: &mut Ui) -> Result<(), Error> {
        match ui.look.format {
            Format::Json => ui.json("logctl.count/v1", self),
            Format::Text => ui.line(&self.count.to_string()),
            Format::Table => ui.line(&grouped(self.count)),
        }
    }
}

/// How often a field has which values.
#[derive(Debug, Serialize)]
pub struct Values<'a> {
    #[serde(flatten)]
    pub of: Of<'a>,
    pub field: &'a str,
    /// Events that have the field.
    pub events: u64,
    /// How many values there are, those that are not shown included.
    pub different: usize,
    /// A value that is not among those that were counted is there so often at most.
    pub error_bound: u64,
    pub rows: Vec<Row>,
}

/// A value.
#[derive(Debug, Serialize)]
pub struct Row {
    pub value: String,
    pub count: u64,
}

impl Show for Values<'_> {
    const SCHEMA: &'static str = "logctl.values/v1";

    fn grid(&self) -> Grid {
        const WIDTH: u64 = 30;
        let most = self.rows.iter().map(|row| row.count).max().unwrap_or_default().max(1);
        let row = |row: &Row| {
            let part = row.count.saturating_mul(WIDTH).div_ceil(most);
            let tenths = row.count.saturating_mul(1_000).checked_div(self.events).unwrap_or_default();
            vec![
                Cell::new(row.count).shown(grouped(row.count)),
                Cell::new("").shown(format!("{}.{} %", tenths / 10, tenths % 10)).role(Role::Dim),
                Cell::new(&row.value),
                Cell::new("").shown("█".repeat(usize::try_from(part).unwrap_or_default())).role(Role::Dim),
            ]
        };
        let columns =
            vec![Column::Both("EVENTS"), Column::Terminal("SHARE"), Column::Both("VALUE"), Column::Terminal("")];
        Grid { columns, rows: self.rows.iter().map(row).collect(), ..Grid::default() }
    }
}

/// Which fields events have.
#[derive(Debug, Serialize)]
pub struct Fields<'a> {
    #[serde(flatten)]
    pub of: Of<'a>,
    /// Events that were looked at.
    pub events: u64,
    pub rows: Vec<FieldRow>,
}

/// A field.
#[derive(Debug, Serialize)]
pub struct FieldRow {
    pub name: String,
    pub events: u64,
    pub example: String,
}

impl Show for Fields<'_> {
    const SCHEMA: &'static str = "logctl.fields/v1";

    fn grid(&self) -> Grid {
        const EXAMPLE: usize = 60;
        let row = |row: &FieldRow| {
            let example = one_line(&row.example).into_owned();
            let short: String = example.chars().take(EXAMPLE).collect();
            let shown = if short.len() < example.len() { format!("{short}…") } else { short };
            vec![
                Cell::new(&row.name),
                Cell::new(row.events).shown(grouped(row.events)),
                Cell::new(&row.example).shown(shown).role(Role::Dim),
            ]
        };
        let columns = vec![Column::Both("FIELD"), Column::Both("EVENTS"), Column::Both("EXAMPLE")];
        Grid { columns, rows: self.rows.iter().map(row).collect(), ..Grid::default() }
    }
}

/// When events happened.
#[derive(Debug, Serialize)]
pub struct Histogram<'a> {
    #[serde(flatten)]
    pub of: Of<'a>,
    pub interval_ms: i128,
    pub count: u64,
    pub buckets: Vec<Bucket>,
}

/// What a bar is drawn of, the worst last: levels, and the sign where there is no colour.
const PARTS: [(&[&str], char); 3] = [(&[], '█'), (&["warn"], '▒'), (&["error", "fatal"], '▓')];

impl Histogram<'_> {
    const SCHEMA: &'static str = "logctl.hist/v1";

    /// Writes it: as bars for people.
    pub fn show(&self, ui: &mut Ui) -> Result<(), Error> {
        match ui.look.format {
            Format::Json => ui.json(Self::SCHEMA, self),
            Format::Text => self.buckets.iter().try_for_each(|bucket| ui.line(&text(bucket))),
            Format::Table => {
                let look = ui.look.clone();
                self.bars(&look).iter().try_for_each(|line| ui.line(line))
            }
        }
    }

    fn bars(&self, look: &Look) -> Vec<String> {
        let most = self.buckets.iter().map(|bucket| bucket.count).max().unwrap_or_default();
        let numbers = grouped(most).len();
        let times: Vec<String> = self.buckets.iter().map(|bucket| self.time(bucket, look)).collect();
        let time_width = times.iter().map(String::len).max().unwrap_or_default();
        let room = look.width.saturating_sub(time_width + numbers + 4 + 2).max(10);
        let mut lines = Vec::new();
        for (bucket, time) in self.buckets.iter().zip(&times) {
            let number =
                format!("{:>numbers$}", if bucket.count == 0 { "·".to_owned() } else { grouped(bucket.count) });
            let number = if bucket.count == 0 { paint(look.dim(), number) } else { number };
            lines.push(
                format!("{}  {number}  {}", paint(look.dim(), time), bar(bucket, most, room, look))
                    .trim_end()
                    .to_owned(),
            );
        }
        lines
    }

    fn time(&self, bucket: &Bucket, look: &Look) -> String {
        const DAY: i128 = 86_400_000;
        let days = match (self.buckets.first(), self.buckets.last()) {
            (Some(first), Some(last)) => crate::time::spans_days(&(first.time..last.time), &look.time_zone),
            _ => false,
        };
        let whole = |unit: i128| self.interval_ms % unit == 0;
        let form = match () {
            () if whole(DAY) => "%Y-%m-%d",
            () if whole(60_000) && days => "%m-%d %H:%M",
            () if whole(60_000) => "%H:%M",
            () if whole(1_000) && days => "%m-%d %H:%M:%S",
            () if whole(1_000) => "%H:%M:%S",
            () => "%H:%M:%S.%3f",
        };
        bucket.time.to_zoned_datetime(look.time_zone.clone()).strftime(form).to_string()
    }
}

/// Events of levels that a part of a bar stands for.
pub fn parts(bucket: &Bucket) -> [u64; 3] {
    let of = |levels: &[&str]| levels.iter().filter_map(|level| bucket.levels.get(*level)).sum::<u64>();
    let (warnings, errors) = (of(PARTS[1].0), of(PARTS[2].0));
    [bucket.count.saturating_sub(warnings + errors), warnings, errors]
}

/// A bar of so many columns where it is the longest. A part that is there takes a column at least.
fn bar(bucket: &Bucket, most: u64, room: usize, look: &Look) -> String {
    let styles: [Style; 3] = [look.good(), look.warning(), look.bad()];
    let columns = |part: u64| {
        let columns = part.saturating_mul(room as u64).checked_div(most).unwrap_or_default();
        usize::try_from(columns).unwrap_or(room).max(usize::from(part > 0))
    };
    let parts = parts(bucket);
    let [warnings, errors] = [columns(parts[1]), columns(parts[2])];
    let rest = columns(bucket.count).saturating_sub(warnings + errors).max(usize::from(parts[0] > 0));
    let mut bar = String::new();
    for ((columns, style), (_, sign)) in [rest, warnings, errors].into_iter().zip(styles).zip(PARTS) {
        if columns > 0 {
            let sign = if look.colour { '█' } else { sign };
            bar += &paint(style, sign.to_string().repeat(columns));
        }
    }
    bar
}

/// A line for other programs: when, how many, and of which levels.
fn text(bucket: &Bucket) -> String {
    let levels: Vec<String> =
        bucket.levels.iter().map(|(level, count)| format!("{}={count}", one_line(level))).collect();
    format!("{}\t{}\t{}", rfc3339(bucket.time), bucket.count, levels.join(" "))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn bars_fit_their_terminal_and_show_every_level() {
        let bucket = |minute: i64, count: u64, levels: &[(&str, u64)]| Bucket {
            time: Timestamp::from_second(minute * 60).unwrap(),
            count,
            levels: levels.iter().map(|(level, count)| ((*level).to_owned(), *count)).collect(),
        };
        let buckets = vec![
            bucket(0, 0, &[]),
            bucket(1, 10_000, &[("info", 9_000), ("warn", 1), ("error", 1)]),
            bucket(2, 5_000, &[("error", 2_000), ("fatal", 500), ("warn", 1_000)]),
            bucket(3, 1, &[("error", 1)]),
        ];
        let of = Of { place: Place::default(), range: Value::Null, warnings: &[] };
        let histogram = Histogram { of, interval_ms: 60_000, count: 15_001, buckets };
        let lines = histogram.bars(&Look::plain(60));
        assert!(lines.iter().all(|line| crate::ui::width(line) <= 60), "{lines:#?}");
        assert_snapshot!(lines.join("\n"), @r"
        00:00       ·
        00:01  10,000  █████████████████████████████████████████▒▓
        00:02   5,000  ███████▒▒▒▒▓▓▓▓▓▓▓▓▓▓
        00:03       1  ▓
        ");
        assert_eq!(text(&histogram.buckets[2]), "1970-01-01T00:02:00.000Z\t5000\terror=2000 fatal=500 warn=1000");
    }
}
