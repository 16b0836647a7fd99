//! `logctl groups`: what log groups there are.

use indicatif::HumanBytes;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{
    audit::kept,
    group_report::{GroupReport, cell},
    targets::{self, Looked, Wanted},
};
use crate::{
    args::{Format, GroupSelection, Narrowing, Rate, Targets},
    aws::Target,
    context::Context,
    error::Error,
    inventory::{Depth, Inventory, Unread},
    time::rfc3339,
    ui::{Cell, Column, Grid, Role, Show, Ui, one_line, sparkline},
    words::count,
};

/// List log groups
///
/// Shows each log group with its state, how many events came in over the last day, when the last one came, and what it holds.
/// `logctl audit` says why it is in that state.
#[derive(Debug, clap::Args)]
pub struct GroupsArgs {
    /// Which groups.
    #[command(flatten)]
    pub selection: GroupSelection,
    /// Which of them.
    #[command(flatten)]
    pub narrowing: Narrowing,
    /// Where.
    #[command(flatten)]
    pub targets: Targets,
    /// Ask every log group, whatever is known of it
    #[arg(long)]
    pub fresh: bool,
    /// How fast.
    #[command(flatten)]
    pub rate: Rate,
    /// Write the list as this; a table on a terminal, text in a pipe
    #[arg(long, short, value_name = "FORMAT")]
    pub output: Option<GroupsFormat>,
}

/// How a list of groups is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum GroupsFormat {
    /// For people; what a terminal gets
    Table,
    /// One group a line, tabs between the columns; what a pipe gets
    Text,
    /// One object with a schema that only grows
    Json,
    /// One object a group, one a line
    Jsonl,
    /// Comma-separated values, with a header
    Csv,
    /// Names alone, one a line: states are not read
    Name,
}

impl GroupsFormat {
    /// How everything else is written beside it.
    #[must_use]
    pub const fn format(self) -> Format {
        match self {
            Self::Table => Format::Table,
            Self::Json | Self::Jsonl => Format::Json,
            Self::Text | Self::Csv | Self::Name => Format::Text,
        }
    }
}

/// Log groups by name.
#[derive(Debug, Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    target: Option<&'a Target>,
    targets: Vec<TargetReport<'a>>,
    groups: Vec<GroupReport<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread: Vec<Unread>,
    #[serde(skip)]
    now: Timestamp,
}

/// What was asked, and why it gave no answer where it did not.
#[derive(Debug, Serialize)]
struct TargetReport<'a> {
    account: &'a str,
    region: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// Incomplete where a group could not be read.
pub async fn run(args: &GroupsArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let GroupsArgs { selection, narrowing, fresh, rate, .. } = args;
    let depth = if args.output == Some(GroupsFormat::Name) { Depth::Names } else { Depth::Rates };
    let wanted = Wanted { selection, narrowing, fresh: *fresh, depth, rate: rate.calls };
    let looked = targets::look(&args.targets, &wanted, cx, ui).await?;
    let report = Report::new(&looked);
    let shown = match args.output {
        Some(GroupsFormat::Name) => report.groups.iter().try_for_each(|group| ui.line(&one_line(group.name))),
        Some(GroupsFormat::Jsonl) => report.groups.iter().try_for_each(|group| ui.record(group)),
        Some(GroupsFormat::Csv) => ui.csv(&report.grid()),
        _ => ui.show(&report),
    };
    let all = if selection.globs.is_empty() && narrowing.is_empty() { "all " } else { "" };
    let number = count(report.groups.len(), "log group");
    match looked.as_slice() {
        [Looked { target, .. }] => ui.status(format_args!("{all}{number} of {target}")),
        several => ui.status(format_args!("{all}{number} of {} accounts and Regions", several.len())),
    }
    Error::worst([targets::check(&looked), shown])
}

impl<'a> Report<'a> {
    fn new(looked: &'a [Looked]) -> Self {
        let found = || looked.iter().filter_map(|looked| looked.found.as_ref().ok());
        let target = |looked: &'a Looked| TargetReport {
            account: &looked.target.account,
            region: &looked.target.region,
            error: looked.found.as_ref().err().map(Error::one_line),
        };
        Self {
            target: if let [alone] = looked { Some(&alone.target) } else { None },
            targets: looked.iter().map(target).collect(),
            groups: found().flat_map(GroupReport::all).collect(),
            unread: found().flat_map(Inventory::unread).collect(),
            now: found().map(|inventory| inventory.taken_at).max().unwrap_or_default(),
        }
    }

    /// When the last event came of a group that has had none for a week.
    fn since_when(&self, group: &GroupReport<'_>) -> &'static str {
        let made = group.created_at.map(|created| self.now.duration_since(created).as_hours());
        if made.is_some_and(|hours| hours < 24 * 7) { "never" } else { "> a week" }
    }

    fn row(&self, group: &GroupReport<'_>) -> Vec<Cell> {
        let stored = group.stored_bytes.map_or_else(Cell::default, |bytes| Cell::new(bytes).shown(HumanBytes(bytes)));
        let hours = group.rate.map(|rate| rate.events_per_hour.as_slice()).unwrap_or_default();
        let last = match group.rate.map(|rate| rate.last_event) {
            None => Cell::default(),
            Some(None) => Cell::default().shown(self.since_when(group)).role(Role::Dim),
            Some(Some(hour)) => Cell::new(rfc3339(hour)).shown(ago(self.now.duration_since(hour))),
        };
        let events = Cell::new(hours.iter().sum::<u64>()).shown(sparkline(&by_twos(hours)));
        let events = if hours.is_empty() { Cell::default() } else { events };
        let class = Cell::new(group.class);
        let [account, region] = [group.account, group.region].map(Cell::new);
        vec![Cell::new(group.name), cell(group.state), stored, events, last, kept(group), class, account, region]
    }
}

/// Sums of two hours: a day is twelve signs wide.
fn by_twos(hours: &[u64]) -> Vec<u64> {
    hours.chunks(2).map(|hours| hours.iter().sum()).collect()
}

/// Since the begin of an hour, in words.
fn ago(duration: SignedDuration) -> String {
    match duration.as_hours() {
        0 => "this hour".to_owned(),
        hours @ 1..48 => format!("{hours} h ago"),
        hours => format!("{} d ago", hours / 24),
    }
}

impl Show for Report<'_> {
    const SCHEMA: &'static str = "logctl.groups/v1";

    fn grid(&self) -> Grid {
        let where_it_tells = |title, tells: bool| if tells { Column::Both(title) } else { Column::Pipe(title) };
        let several = self.targets.len() > 1;
        let columns = vec![
            Column::Both("LOG GROUP"),
            Column::Both("STATE"),
            Column::Both("STORED"),
            Column::Both("LAST DAY"),
            Column::Both("LAST EVENT"),
            Column::Pipe("KEPT"),
            where_it_tells("CLASS", self.groups.iter().any(|group| !group.class.is_standard())),
            where_it_tells("ACCOUNT", several),
            where_it_tells("REGION", several),
        ];
        Grid { columns, rows: self.groups.iter().map(|group| self.row(group)).collect(), ..Grid::default() }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::{inventory::examples::inventory, ui::three_forms};

    #[test]
    fn the_report() {
        let mut found = inventory();
        found.groups.truncate(2);
        let events_per_hour = (0..24).map(|hour| if hour < 4 { 0 } else { hour * hour }).collect();
        let rate = crate::inventory::Rate { last_event: Some(Timestamp::UNIX_EPOCH), events_per_hour };
        found.groups[0].rate = Some(Box::new(rate));
        found.taken_at += SignedDuration::from_hours(3);
        let looked = [Looked { target: found.target.clone(), stack: None, found: Ok(found) }];
        let report = Report::new(&looked);
        assert_snapshot!(three_forms(&report), @r#"
        LOG GROUP                         STATE     STORED    LAST DAY      LAST EVENT
        /aws/lambda/logctl-logctl-domain  own       1.50 KiB  ··▁▁▂▂▃▄▅▆▇█  3 h ago
        /conflict                         conflict  1.50 KiB
        --- pipe
        /aws/lambda/logctl-logctl-domain	own	1536	4310	1970-01-01T00:00:00.000Z	forever	STANDARD	123456789012	eu-west-1
        /conflict	conflict	1536			forever	STANDARD	123456789012	eu-west-1
        --- json
        {
          "schema": "logctl.groups/v1",
          "account": "123456789012",
          "alias": "shop",
          "region": "eu-west-1",
          "targets": [
            {
              "account": "123456789012",
              "region": "eu-west-1"
            }
          ],
          "groups": [
            {
              "account": "123456789012",
              "region": "eu-west-1",
              "name": "/aws/lambda/logctl-logctl-domain",
              "class": "STANDARD",
              "state": "own",
              "reason": "belongs to a logctl function",
              "filters": [],
              "last_event": "1970-01-01T00:00:00.000Z",
              "events_per_hour": [
                0,
                0,
                0,
                0,
                16,
                25,
                36,
                49,
                64,
                81,
                100,
                121,
                144,
                169,
                196,
                225,
                256,
                289,
                324,
                361,
                400,
                441,
                484,
                529
              ],
              "evidence": {
                "kind": "asked",
                "at": "1970-01-01T00:00:00.000Z"
              },
              "created_at": "1970-01-01T00:00:00.000Z",
              "stored_bytes": 1536,
              "bytes_per_day": 2048
            },
            {
              "account": "123456789012",
              "region": "eu-west-1",
              "name": "/conflict",
              "class": "STANDARD",
              "state": "conflict",
              "reason": "the filter `logctl-logctl` points to stream/theirs",
              "filters": [
                {
                  "name": "logctl-logctl",
                  "destination": "arn:aws:kinesis:eu-west-1:123456789012:stream/theirs",
                  "ours": false
                }
              ],
              "evidence": {
                "kind": "asked",
                "at": "1970-01-01T00:00:00.000Z"
              },
              "created_at": "1970-01-01T00:00:00.000Z",
              "stored_bytes": 1536,
              "bytes_per_day": 2048
            }
          ]
        }
        "#);
    }
}
