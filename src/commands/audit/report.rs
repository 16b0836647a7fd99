//! The report of an audit: data, and its look.

use std::{collections::BTreeMap, fmt::Display};

use logctl_core::{
    coverage::{Action, State},
    names::StackName,
};
use serde::Serialize;

use crate::{
    survey::{GroupReport, Survey, needs_attention, style},
    time::rfc3339,
    ui::{Look, Show, bar, count, grouped, one_line, paint, table},
};

/// States of groups that deliver everything they should.
const COVERED: [State; 2] = [State::Streamed, State::Double];
/// States of groups that nobody wants to stream.
const NOT_WANTED: [State; 5] = [State::Loop, State::Own, State::Unsupported, State::Unwanted, State::Excluded];

/// The state of every log group of an account.
#[derive(Debug, Serialize)]
pub struct Report {
    taken_at: String,
    targets: Vec<Target>,
    summary: Summary,
    groups: Vec<GroupReport>,
    /// Whether backfill would change something.
    #[serde(skip)]
    pub has_work: bool,
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

impl Report {
    /// The report of a survey, those that want attention first. `only` narrows the list, not the summary.
    #[must_use]
    pub fn new(survey: &Survey, only: &[State]) -> Self {
        let mut by_state = BTreeMap::new();
        for surveyed in &survey.groups {
            *by_state.entry(surveyed.decision.state).or_default() += 1;
        }
        let mut groups = GroupReport::all(survey);
        groups.retain(|group| only.is_empty() || only.contains(&group.state));
        groups.sort_by_key(|group| (needs_attention(group.state), group.state));
        Self {
            taken_at: rfc3339(survey.taken_at),
            targets: vec![Target {
                account: survey.target.account.clone(),
                region: survey.target.region.clone(),
                stack: survey.stack.clone(),
            }],
            summary: Summary { total: survey.groups.len(), by_state },
            groups,
            has_work: survey.groups.iter().any(|surveyed| surveyed.decision.action != Action::None),
        }
    }

    fn number(&self, states: &[State]) -> usize {
        states.iter().filter_map(|state| self.summary.by_state.get(state)).sum()
    }

    fn streamable(&self) -> usize {
        self.summary.total - self.number(&NOT_WANTED)
    }

    /// How much was shown of how much.
    #[must_use]
    pub fn closing_line(&self) -> String {
        let Target { account, region, .. } = &self.targets[0];
        format!(
            "{} of {} in account {account}, {region}; {} of {} are streamed",
            grouped(self.groups.len() as u64),
            count(self.summary.total, "log group"),
            grouped(self.number(&COVERED) as u64),
            count(self.streamable(), "streamable group"),
        )
    }
}

impl Show for Report {
    const SCHEMA: &'static str = "logctl.audit/v1";

    fn table(&self, look: &Look) -> impl Display {
        let width = 30.min(look.width.saturating_sub(40)).max(10);
        let (streamed, streamable) = (self.number(&COVERED), self.streamable());
        let percent = (streamed * 100).checked_div(streamable).map_or_else(String::new, |p| format!(" ({p} %)"));
        let states = self.summary.by_state.iter();
        let states = states
            .map(|(state, number)| paint(style(*state, look), format_args!("{} {state}", grouped(*number as u64))));
        let rows = self.groups.iter().map(|group| {
            vec![
                one_line(&group.name).into_owned(),
                paint(style(group.state, look), group.state),
                paint(look.dim(), one_line(&group.reason)),
            ]
        });
        format!(
            "coverage {} {streamed} of {streamable}{percent}\n{}\n\n{}",
            bar(streamed, streamable, width, look),
            states.collect::<Vec<_>>().join("  "),
            table(&["LOG GROUP", "STATE", "WHY"], rows, look),
        )
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        self.groups.iter().map(|group| format!("{}\t{}\t{}", group.name, group.state, one_line(&group.reason)))
    }
}
