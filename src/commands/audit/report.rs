//! The report of an audit.

use std::{cmp::Reverse, collections::BTreeMap};

use indicatif::HumanBytes;
use jiff::Timestamp;
use logctl_core::{coverage::State, names::StackName};
use serde::Serialize;

use super::{
    columns::{Column, Sort},
    overview::Overview,
};
use crate::{
    commands::{
        group_report::{GroupReport, role, whole},
        targets::Looked,
    },
    error::Error,
    inventory::{Entry, Inventory, Unread},
    time::{as_rfc3339, rfc3339},
    ui::{self, Above, Cell, Grid, Role, Show, Unit},
    words::{count, grouped},
};

/// Groups that need something and that people see, unless they ask for all.
const MOST: usize = 100;

/// The state of every log group of an account.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    /// When it was taken.
    #[serde(rename = "taken_at", serialize_with = "as_rfc3339")]
    pub(super) taken: Timestamp,
    /// Globs that chose the groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    globs: Vec<String>,
    /// Whether the list lacks groups that were looked at, or that were left out otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    narrowed: bool,
    targets: Vec<Target>,
    /// How many there are of what.
    pub(super) summary: Summary,
    /// Who streams what to where, and what else strikes.
    #[serde(flatten)]
    pub(super) overview: Overview,
    /// The groups, those that want attention first.
    pub groups: Vec<GroupReport<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread: Vec<Unread>,
    #[serde(skip)]
    causes: Vec<Cause>,
    #[serde(skip)]
    view: View,
    /// Whether a working stack is in none of the accounts and Regions.
    #[serde(skip)]
    without_stack: bool,
}

/// What people want to see of it.
#[derive(Debug, Default)]
pub struct View {
    /// Only groups in these states; none means any.
    pub states: Vec<State>,
    /// Also those that need nothing.
    pub all: bool,
    /// What is told of each.
    pub columns: Vec<Column>,
    /// In which order.
    pub sort: Option<Sort>,
    /// Globs that chose the groups.
    pub globs: Vec<String>,
    /// Whether groups were chosen otherwise.
    pub narrowed: bool,
}

/// What was asked.
#[derive(Debug, Serialize)]
pub(super) struct Target {
    pub(super) account: String,
    pub(super) region: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<StackName>,
    /// Why it could not be read, where it could not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    /// How many groups there are in each state, and how much comes into them where that is known.
    #[serde(skip)]
    pub(super) figures: BTreeMap<State, (u64, Option<u64>)>,
}

impl Target {
    fn of(looked: &Looked) -> Self {
        let mut figures: BTreeMap<State, (u64, Option<u64>)> = BTreeMap::new();
        for entry in looked.found.iter().flat_map(|inventory| &inventory.groups) {
            let (groups, bytes) = figures.entry(entry.decision.state).or_insert((0, Some(0)));
            *groups += 1;
            *bytes = bytes.zip(entry.bytes_per_day.map(whole)).map(|(sum, bytes)| sum.saturating_add(bytes));
        }
        Self {
            figures,
            account: looked.target.account.clone(),
            region: looked.target.region.clone(),
            stack: looked.stack.clone(),
            error: looked.found.as_ref().err().map(Error::one_line),
        }
    }
}

/// How many groups there are in each state, and how much comes into them.
#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    pub(super) total: usize,
    pub(super) by_state: BTreeMap<State, usize>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) bytes_per_day_by_state: BTreeMap<State, u64>,
}

/// Groups of one state that are mended, or not, in one way.
#[derive(Debug)]
struct Cause {
    state: State,
    repair: &'static str,
    groups: usize,
    bytes: Option<u64>,
}

/// Whether somebody wants to stream groups in this state, and could.
pub(super) const fn is_streamable(state: State) -> bool {
    !matches!(state, State::Loop | State::Own | State::Unsupported | State::Unwanted | State::Excluded)
}

/// What mends a group, where something does.
fn repair(entry: &Entry, with_stack: bool) -> &'static str {
    if entry.arrivals.as_ref().is_some_and(|arrivals| arrivals.missing > 0) {
        return "not all arrives: logctl doctor, logctl replay --dry-run";
    }
    match entry.decision.state {
        State::Missing if !with_stack => "logctl bootstrap",
        _ if entry.decision.change.is_some() => "logctl backfill",
        State::Unwanted | State::Loop => "leave it out of the account policy",
        State::Conflict => "the filter of our name has to go: logctl audit --explain GROUP",
        State::Full => "a filter of others has to go: logctl audit --explain GROUP",
        State::Broken => "logctl doctor",
        State::Unknown => "logctl audit --explain GROUP",
        _ => "",
    }
}

impl<'a> Report<'a> {
    /// The report of what was found. The view narrows the list, not the summary.
    #[must_use]
    pub fn new(looked: &'a [Looked], view: View, now: Timestamp) -> Self {
        let found: Vec<&'a Inventory> = looked.iter().filter_map(|looked| looked.found.as_ref().ok()).collect();
        let mut summary = Summary::default();
        let mut causes: BTreeMap<(State, &'static str), (usize, Option<u64>)> = BTreeMap::new();
        for (inventory, entry) in found.iter().flat_map(|it| it.groups.iter().map(move |entry| (it, entry))) {
            let (state, bytes) = (entry.decision.state, entry.bytes_per_day.map(whole));
            summary.total += 1;
            *summary.by_state.entry(state).or_default() += 1;
            if let Some(bytes) = bytes {
                let sum = summary.bytes_per_day_by_state.entry(state).or_default();
                *sum = sum.saturating_add(bytes);
            }
            let cause = causes.entry((state, repair(entry, inventory.coverage.is_some()))).or_default();
            *cause = (cause.0 + 1, cause.1.into_iter().chain(bytes).reduce(u64::saturating_add));
        }
        let cause = |((state, repair), (groups, bytes))| Cause { state, repair, groups, bytes };
        let mut causes: Vec<Cause> = causes.into_iter().map(cause).collect();
        causes.sort_by_key(|cause| (attention(cause.state), cause.state));
        let mut groups: Vec<GroupReport<'a>> = Vec::with_capacity(summary.total);
        let wanted = |group: &GroupReport<'_>| view.states.is_empty() || view.states.contains(&group.state);
        groups.extend(found.iter().flat_map(|inventory| GroupReport::all(inventory)).filter(wanted));
        match &view.sort {
            Some(sort) => groups.sort_by(|a, b| sort.compare(a, b)),
            // In place: there may be very many.
            None => groups.sort_unstable_by_key(|group| {
                (rank(group.role()), group.state, Reverse(group.bytes_per_day), group.name, group.account, group.region)
            }),
        }
        let taken = found.iter().map(|inventory| inventory.taken_at).min().unwrap_or(now);
        Self {
            taken,
            globs: view.globs.clone(),
            narrowed: view.narrowed || !view.states.is_empty(),
            targets: looked.iter().map(Target::of).collect(),
            summary,
            overview: Overview::new(looked),
            groups,
            unread: found.iter().flat_map(|inventory| inventory.unread()).collect(),
            causes,
            view,
            without_stack: found.iter().all(|inventory| inventory.coverage.is_none()),
        }
    }

    /// When it was taken, as JSON carries times.
    #[must_use]
    pub fn taken_at(&self) -> String {
        rfc3339(self.taken)
    }

    /// Accounts and Regions that could not be read.
    pub(super) fn failed(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|target| target.error.is_some())
    }

    /// Everything that was asked.
    pub(super) fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Whether this account and Region was asked, and has answered.
    pub(super) fn has_read(&self, account: &str, region: &str) -> bool {
        self.targets.iter().any(|it| it.account == account && it.region == region && it.error.is_none())
    }

    /// Whether it is of several accounts and Regions.
    pub(super) fn is_of_several(&self) -> bool {
        self.targets.len() > 1
    }

    /// Account and Region, or how many there are.
    pub(super) fn target(&self) -> String {
        match self.targets.as_slice() {
            [Target { account, region, .. }] => format!("account {account}, {region}"),
            targets => format!("{} accounts and Regions", targets.len()),
        }
    }

    /// How many groups are in such states.
    pub(super) fn number(&self, counts: impl Fn(State) -> bool) -> u64 {
        self.summary.by_state.iter().filter(|(state, _)| counts(**state)).map(|(_, number)| *number as u64).sum()
    }

    /// How much comes into groups in such states on a day.
    pub(super) fn bytes(&self, counts: impl Fn(State) -> bool) -> u64 {
        self.summary.bytes_per_day_by_state.iter().filter(|(state, _)| counts(**state)).map(|(_, bytes)| *bytes).sum()
    }

    /// How many of the groups people see: those that need something, as long as nobody asks for others.
    fn shown_to_people(&self) -> usize {
        if self.view.all || self.view.sort.is_some() || !self.view.states.is_empty() {
            return self.groups.len();
        }
        self.groups.iter().take_while(|group| rank(group.role()) < HEALTHY).count().min(MOST)
    }

    /// How much was shown of how much.
    #[must_use]
    pub fn closing_line(&self, people: bool) -> String {
        let shown = if people { self.shown_to_people() } else { self.groups.len() };
        let more = if shown < self.groups.len() { "; --all shows all" } else { "" };
        format!(
            "{} of {} in {}; {} of {} {} streamed{more}",
            grouped(shown as u64),
            count(self.summary.total, "log group"),
            self.target(),
            grouped(self.number(State::delivers)),
            count(self.number(is_streamable), "streamable group"),
            if self.number(is_streamable) == 1 { "is" } else { "are" },
        )
    }
}

/// The rank of groups that need nothing.
const HEALTHY: u8 = 2;

/// Which groups want attention first.
pub(super) fn attention(state: State) -> u8 {
    rank(role(state))
}

const fn rank(role: Role) -> u8 {
    match role {
        Role::Bad => 0,
        Role::Warning => 1,
        _ => HEALTHY,
    }
}

impl Show for Report<'_> {
    const SCHEMA: &'static str = "logctl.audit/v1";

    fn grid(&self) -> Grid {
        let (part, whole, unit) = (self.number(State::delivers), self.number(is_streamable), Unit::Number);
        let mut above = vec![Above::Bar { name: "coverage", part, whole, unit }];
        let (part, whole, unit) = (self.bytes(State::delivers), self.bytes(is_streamable), Unit::BytesADay);
        if whole > 0 {
            above.push(Above::Bar { name: "volume  ", part, whole, unit });
        }
        let cause = |cause: &Cause| {
            let bytes = cause.bytes.map_or_else(String::new, |bytes| format!("{} a day", HumanBytes(bytes)));
            vec![
                Cell::new(format!("{:>7}", grouped(cause.groups as u64))),
                Cell::new(cause.state).role(role(cause.state)),
                Cell::new(bytes).role(Role::Dim),
                Cell::new(cause.repair),
            ]
        };
        let arrivals = || self.groups.iter().filter_map(|group| group.arrivals);
        let (whole, missing) = arrivals().fold((0, 0), |sum, it| (sum.0 + it.incoming, sum.1 + it.missing));
        if arrivals().next().is_some() {
            above.push(Above::Bar { name: "arrived ", part: whole - missing, whole, unit: Unit::Number });
        }
        above.push(Above::Rows(self.causes.iter().map(cause).collect()));
        if self.without_stack {
            above.extend(self.overview.lines());
        }
        let columns = match (self.view.columns.as_slice(), self.targets.len()) {
            ([], 1) if self.without_stack => &Column::WITHOUT_STACK[..],
            ([], 1) => &Column::USUAL,
            ([], _) => &Column::OF_SEVERAL,
            (chosen, _) => chosen,
        };
        // Without a stack nearly all groups are in one state, and their volume says more; programs see the same as ever.
        let usual = self.without_stack && self.view.columns.is_empty() && self.targets.len() == 1;
        let titled = |column: &Column| match column {
            Column::State if usual => ui::Column::Pipe(column.title()),
            Column::Volume if usual => ui::Column::Terminal(column.title()),
            column => ui::Column::Both(column.title()),
        };
        let failed: Vec<Vec<Cell>> =
            self.failed().map(|target| columns.iter().map(|column| column.of_failed(target)).collect()).collect();
        let most = Some(failed.len() + self.shown_to_people());
        let groups = self.groups.iter().map(|group| columns.iter().map(|column| column.cell(group)).collect());
        Grid {
            above,
            columns: columns.iter().map(titled).collect(),
            rows: failed.into_iter().chain(groups).collect(),
            most,
        }
    }
}

#[cfg(test)]
pub(super) mod examples {
    use super::*;
    use crate::inventory::examples::inventory;

    /// A report of the example.
    pub(crate) fn report(view: View) -> Report<'static> {
        report_of(inventory(), view)
    }

    /// A report of an inventory.
    pub(crate) fn report_of(found: Inventory, view: View) -> Report<'static> {
        let looked = Looked { target: found.target.clone(), stack: found.stack.clone(), found: Ok(found) };
        Report::new(vec![looked].leak(), view, Timestamp::UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::{
        examples::{report, report_of},
        *,
    };
    use crate::{
        inventory::examples::inventory,
        ui::{Look, three_forms},
    };

    #[test]
    fn a_newcomer_sees_who_streams_what_to_where() {
        let mut found = inventory();
        (found.coverage, found.stack) = (None, None);
        for entry in &mut found.groups {
            entry.decision.state = State::Missing;
        }
        let report = report_of(found, View::default());
        assert_snapshot!(report.grid().terminal(&Look::plain(100)), @r"
        coverage ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░ 0 of 7 (0 %)
        volume   ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░ 0 B of 12.00 KiB a day (0 %)
              7  missing  12.00 KiB a day  logctl bootstrap

              3  to logctl-logctl-forwarder                 6.00 KiB a day
              2  to stream/theirs            not looked at  4.00 KiB a day

        of 6 log groups, 6 keep events forever
        to stream the 12.00 KiB a day of 6 log groups costs less than $1 a month, the domain's machines
        aside: $0 for 2 copies of 30 days on the domain (an index as large as its logs, $0.122 a GB), $0
        for Lambda (at 20000 invocations and 100 GB-seconds for a GB)

        LOG GROUP                         A DAY     WHY
        /aws/lambda/logctl-logctl-domain  2.00 KiB  belongs to a logctl function
        /conflict                         2.00 KiB  the filter `logctl-logctl` points to stream/theirs
        /drifted                          2.00 KiB  its filter sends only what matches `ERROR`
        /missing                          2.00 KiB  no subscription filter
        /skip/leak                        2.00 KiB  excluded by the rule `/skip/*`, but it is streamed
        /streamed                         2.00 KiB  by its filter; also to stream/theirs
        /unread                                     cannot read the filters of /unread: no\nanswer
        ");
        assert_eq!(report.grid().pipe().next().unwrap().matches('\t').count(), 2);
    }

    #[test]
    fn the_report() {
        assert_snapshot!(three_forms(&report(View::default())), @r#"
        coverage ██████░░░░░░░░░░░░░░░░░░░░░░░░ 1 of 5 (20 %)
        volume   ████████░░░░░░░░░░░░░░░░░░░░░░ 2.00 KiB of 8.00 KiB a day (25 %)
              1  unknown                   logctl audit --explain GROUP
              1  unwanted  2.00 KiB a day  logctl backfill
              1  conflict  2.00 KiB a day  the filter of our name has to go: logctl audit --explain GROUP
              1  drifted   2.00 KiB a day  logctl backfill
              1  missing   2.00 KiB a day  logctl backfill
              1  own       2.00 KiB a day
              1  streamed  2.00 KiB a day

        LOG GROUP   STATE     WHY
        /unread     unknown   cannot read the filters of /unread: no\nanswer
        /skip/leak  unwanted  excluded by the rule `/skip/*`, but it is streamed
        /conflict   conflict  the filter `logctl-logctl` points to stream/theirs
        /drifted    drifted   its filter sends only what matches `ERROR`
        /missing    missing   no subscription filter
        --- pipe
        /unread	unknown	cannot read the filters of /unread: no\nanswer
        /skip/leak	unwanted	excluded by the rule `/skip/*`, but it is streamed
        /conflict	conflict	the filter `logctl-logctl` points to stream/theirs
        /drifted	drifted	its filter sends only what matches `ERROR`
        /missing	missing	no subscription filter
        /aws/lambda/logctl-logctl-domain	own	belongs to a logctl function
        /streamed	streamed	by its filter; also to stream/theirs
        --- json
        {
          "schema": "logctl.audit/v1",
          "taken_at": "1970-01-01T00:00:00.000Z",
          "targets": [
            {
              "account": "123456789012",
              "region": "eu-west-1",
              "stack": "logctl"
            }
          ],
          "summary": {
            "total": 7,
            "by_state": {
              "unknown": 1,
              "own": 1,
              "unwanted": 1,
              "conflict": 1,
              "drifted": 1,
              "streamed": 1,
              "missing": 1
            },
            "bytes_per_day_by_state": {
              "own": 2048,
              "unwanted": 2048,
              "conflict": 2048,
              "drifted": 2048,
              "streamed": 2048,
              "missing": 2048
            }
          },
          "destinations": [
            {
              "account": "123456789012",
              "region": "eu-west-1",
              "destination": "arn:aws:lambda:eu-west-1:123456789012:function:logctl-logctl-forwarder",
              "ours": true,
              "groups": 3,
              "bytes_per_day": 6144,
              "exists": true
            },
            {
              "account": "123456789012",
              "region": "eu-west-1",
              "destination": "arn:aws:kinesis:eu-west-1:123456789012:stream/theirs",
              "ours": false,
              "groups": 2,
              "bytes_per_day": 4096
            }
          ],
          "keeping": {
            "groups": 6,
            "forever": 6,
            "masked": 0,
            "protected": 0
          },
          "cost": {
            "groups": 1,
            "bytes_per_day": 2048,
            "dollars_a_month": 0,
            "assumes": "$0 for 2 copies of 30 days on the domain (an index as large as its logs, $0.122 a GB), $0 for Lambda (at 20000 invocations and 100 GB-seconds for a GB)"
          },
          "groups": [
            {
              "account": "123456789012",
              "region": "eu-west-1",
              "name": "/unread",
              "class": "STANDARD",
              "state": "unknown",
              "reason": "cannot read the filters of /unread: no\nanswer",
              "filters": []
            },
            {
              "account": "123456789012",
              "region": "eu-west-1",
              "name": "/skip/leak",
              "class": "STANDARD",
              "state": "unwanted",
              "reason": "excluded by the rule `/skip/*`, but it is streamed",
              "filters": [
                {
                  "name": "by-hand",
                  "destination": "arn:aws:lambda:eu-west-1:123456789012:function:logctl-logctl-forwarder",
                  "ours": true
                }
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
            },
            {
              "account": "123456789012",
              "region": "eu-west-1",
              "name": "/drifted",
              "class": "STANDARD",
              "state": "drifted",
              "reason": "its filter sends only what matches `ERROR`",
              "filters": [
                {
                  "name": "logctl-logctl",
                  "destination": "arn:aws:lambda:eu-west-1:123456789012:function:logctl-logctl-forwarder",
                  "ours": true
                }
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
              "name": "/missing",
              "class": "STANDARD",
              "state": "missing",
              "reason": "no subscription filter",
              "filters": [],
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
              "name": "/aws/lambda/logctl-logctl-domain",
              "class": "STANDARD",
              "state": "own",
              "reason": "belongs to a logctl function",
              "filters": [],
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
              "name": "/streamed",
              "class": "STANDARD",
              "state": "streamed",
              "reason": "by its filter; also to stream/theirs",
              "filters": [
                {
                  "name": "logctl-logctl",
                  "destination": "arn:aws:lambda:eu-west-1:123456789012:function:logctl-logctl-forwarder",
                  "ours": true
                },
                {
                  "name": "x",
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
          ],
          "unread": [
            {
              "what": "/unread",
              "error": "cannot read the filters of /unread: no\nanswer"
            }
          ]
        }
        "#);
    }

    #[test]
    fn people_see_what_needs_something_and_programs_all() {
        let usual = report(View::default());
        assert_eq!((usual.shown_to_people(), usual.grid().pipe().count()), (5, 7));
        let closing = "5 of 7 log groups in account 123456789012, eu-west-1; 1 of 5 streamable groups is streamed; --all shows all";
        assert_eq!(usual.closing_line(true).replace("are streamed", "is streamed"), closing);
        assert!(!usual.closing_line(false).contains("--all"));
        assert_eq!(report(View { all: true, ..View::default() }).shown_to_people(), 7);
        let missing = report(View { states: vec![State::Missing], ..View::default() });
        assert_eq!((missing.shown_to_people(), missing.groups.len()), (1, 1));
    }

    #[test]
    fn columns_and_order_are_chosen() {
        let columns = vec![Column::Name, Column::Evidence, Column::Volume, Column::Filters];
        let report = report(View { columns, sort: Some("-name".parse().unwrap()), ..View::default() });
        let lines: Vec<String> = report.grid().pipe().collect();
        assert_eq!(lines[0], "/unread\t\t\t");
        assert!(lines[1].starts_with("/streamed\tasked\t2048\t`logctl-logctl` → arn:aws:lambda:"), "{}", lines[1]);
        assert!("nmae".parse::<Sort>().unwrap_err().starts_with("the columns are account, region, name, "));
        assert!(report.grid().terminal(&Look::plain(160)).contains("2.00 KiB"));
    }
}
