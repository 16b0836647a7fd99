//! The report of an audit.

use std::collections::BTreeMap;

use logctl_core::{coverage::State, names::StackName};
use serde::Serialize;

use crate::{
    commands::group_report::{GroupReport, cell, role},
    inventory::{Inventory, Unread},
    ui::{Above, Cell, Column, Grid, Role, Show},
    words::{count, grouped},
};

/// The state of every log group of an account.
#[derive(Debug, Serialize)]
pub struct Report {
    taken_at: String,
    targets: Vec<Target>,
    summary: Summary,
    groups: Vec<GroupReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread: Vec<Unread>,
}

/// What was asked.
#[derive(Debug, Serialize)]
struct Target {
    account: String,
    region: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<StackName>,
}

/// How many groups there are in each state.
#[derive(Debug, Serialize)]
struct Summary {
    total: usize,
    by_state: BTreeMap<State, usize>,
}

/// Whether somebody wants to stream groups in this state, and could.
const fn is_streamable(state: State) -> bool {
    !matches!(state, State::Loop | State::Own | State::Unsupported | State::Unwanted | State::Excluded)
}

impl Report {
    /// The report of an inventory, those that want attention first. `only` narrows the list, not the summary.
    #[must_use]
    pub fn new(inventory: &Inventory, only: &[State]) -> Self {
        let mut by_state = BTreeMap::new();
        for entry in &inventory.groups {
            *by_state.entry(entry.decision.state).or_default() += 1;
        }
        let mut groups = GroupReport::all(inventory);
        groups.retain(|group| only.is_empty() || only.contains(&group.state));
        let attention = |state| match role(state) {
            Role::Bad => 0,
            Role::Warning => 1,
            _ => 2,
        };
        groups.sort_by_key(|group| (attention(group.state), group.state));
        let target = Target {
            account: inventory.target.account.clone(),
            region: inventory.target.region.clone(),
            stack: inventory.stack.clone(),
        };
        Self {
            taken_at: inventory.taken_at(),
            targets: vec![target],
            summary: Summary { total: inventory.groups.len(), by_state },
            groups,
            unread: inventory.unread(),
        }
    }

    fn number(&self, counts: impl Fn(State) -> bool) -> usize {
        self.summary.by_state.iter().filter(|(state, _)| counts(**state)).map(|(_, number)| number).sum()
    }

    /// How much was shown of how much.
    #[must_use]
    pub fn closing_line(&self) -> String {
        let Target { account, region, .. } = &self.targets[0];
        format!(
            "{} of {} in account {account}, {region}; {} of {} {} streamed",
            grouped(self.groups.len() as u64),
            count(self.summary.total, "log group"),
            grouped(self.number(State::delivers) as u64),
            count(self.number(is_streamable), "streamable group"),
            if self.number(is_streamable) == 1 { "is" } else { "are" },
        )
    }
}

impl Show for Report {
    const SCHEMA: &'static str = "logctl.audit/v1";

    fn grid(&self) -> Grid {
        let states = self.summary.by_state.iter();
        let states =
            states.map(|(state, number)| Cell::new(format!("{} {state}", grouped(*number as u64))).role(role(*state)));
        let (part, whole) = (self.number(State::delivers), self.number(is_streamable));
        let rows = self
            .groups
            .iter()
            .map(|group| vec![Cell::new(&group.name), cell(group.state), Cell::new(&group.reason).role(Role::Dim)]);
        Grid {
            above: vec![Above::Bar { name: "coverage", part, whole }, Above::Cells(states.collect())],
            columns: ["LOG GROUP", "STATE", "WHY"].map(Column::Both).to_vec(),
            rows: rows.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::{inventory::examples::inventory, ui::three_forms};

    #[test]
    fn the_report() {
        assert_snapshot!(three_forms(&Report::new(&inventory(), &[])), @r#"
        coverage ██████░░░░░░░░░░░░░░░░░░░░░░░░ 1 of 5 (20 %)
        1 unknown  1 own  1 unwanted  1 conflict  1 drifted  1 streamed  1 missing

        LOG GROUP                         STATE     WHY
        /unread                           unknown   cannot read the filters of /unread: no\nanswer
        /skip/leak                        unwanted  excluded by the rule `/skip/*`, but it is streamed
        /conflict                         conflict  the filter `logctl-logctl` points to stream/theirs
        /drifted                          drifted   its filter sends only what matches `ERROR`
        /missing                          missing   no subscription filter
        /aws/lambda/logctl-logctl-domain  own       belongs to a logctl function
        /streamed                         streamed  by its filter; also to stream/theirs
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
            }
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
              "stored_bytes": 1536
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
              "stored_bytes": 1536
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
              "stored_bytes": 1536
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
              "stored_bytes": 1536
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
              "stored_bytes": 1536
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
              "stored_bytes": 1536
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
    fn the_closing_line() {
        let report = Report::new(&inventory(), &[State::Missing]);
        assert_snapshot!(report.closing_line(), @"1 of 7 log groups in account 123456789012, eu-west-1; 1 of 5 streamable groups are streamed");
    }
}
