//! The report of an audit: data, and its look.

use std::{collections::BTreeMap, fmt::Display};

use anstyle::Style;
use logctl_core::coverage::State;
use serde::Serialize;

use crate::{
    aws::groups::Evidence,
    survey::Survey,
    time::rfc3339,
    ui::{Look, Show, bar, count, grouped, one_line, paint, table},
};

/// States that are no part of what could be streamed.
const NOT_STREAMABLE: [State; 3] = [State::Own, State::Unsupported, State::Excluded];

/// The state of every log group of an account.
#[derive(Debug, Serialize)]
pub struct Report {
    taken_at: String,
    targets: Vec<Target>,
    summary: Summary,
    groups: Vec<GroupReport>,
}

/// What was asked.
#[derive(Debug, Serialize)]
struct Target {
    account: String,
    region: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<String>,
}

/// How many groups there are in each state.
#[derive(Debug, Serialize)]
struct Summary {
    total: usize,
    by_state: BTreeMap<State, usize>,
}

/// One log group.
#[derive(Debug, Clone, Serialize)]
pub struct GroupReport {
    account: String,
    region: String,
    /// Its name.
    pub name: String,
    class: &'static str,
    /// Its state.
    pub state: State,
    /// Why it is in that state.
    pub reason: String,
    filters: Vec<FilterReport>,
    evidence: EvidenceReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    /// Bytes that it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<u64>,
}

/// One of its subscription filters.
#[derive(Debug, Clone, Serialize)]
struct FilterReport {
    name: String,
    destination: String,
    ours: bool,
}

/// How the state is known.
#[derive(Debug, Clone, Serialize)]
struct EvidenceReport {
    kind: Evidence,
    at: String,
}

impl Report {
    /// The report of a survey. `only` narrows the list, not the summary.
    #[must_use]
    pub fn new(survey: &Survey, only: &[State]) -> Self {
        let mut by_state = BTreeMap::new();
        for (_, decision) in &survey.groups {
            *by_state.entry(decision.state).or_default() += 1;
        }
        let mut groups = groups(survey);
        groups.retain(|group| only.is_empty() || only.contains(&group.state));
        Self {
            taken_at: rfc3339(survey.taken_at),
            targets: vec![Target {
                account: survey.aws.account.clone(),
                region: survey.aws.region.clone(),
                stack: survey.stack.as_ref().map(|stack| stack.name.to_string()),
            }],
            summary: Summary { total: survey.groups.len(), by_state },
            groups,
        }
    }

    fn number(&self, states: &[State]) -> usize {
        states.iter().filter_map(|state| self.summary.by_state.get(state)).sum()
    }

    fn streamed(&self) -> usize {
        self.number(&[State::Streamed, State::Double, State::Drifted])
    }

    fn streamable(&self) -> usize {
        self.summary.total - self.number(&NOT_STREAMABLE)
    }

    /// Whether backfill would change something.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.number(&[State::Missing, State::Drifted, State::Double, State::Unwanted, State::Loop]) > 0
    }

    /// How much was shown of how much.
    #[must_use]
    pub fn closing_line(&self) -> String {
        let Target { account, region, .. } = &self.targets[0];
        format!(
            "{} of {} in account {account}, {region}; {} of {} that can be streamed are",
            grouped(self.groups.len() as u64),
            count(self.summary.total, "log group"),
            grouped(self.streamed() as u64),
            grouped(self.streamable() as u64),
        )
    }
}

/// Every group of a survey, those that want attention first.
#[must_use]
pub fn groups(survey: &Survey) -> Vec<GroupReport> {
    let forwarder = survey.coverage.as_ref().map(|stack| stack.forwarder.as_str());
    let mut groups: Vec<_> = survey
        .groups
        .iter()
        .map(|(group, decision)| GroupReport {
            account: survey.aws.account.clone(),
            region: survey.aws.region.clone(),
            name: group.name.clone(),
            class: group.class.as_str(),
            state: decision.state,
            reason: match &group.filters {
                Err(error) => error.message.clone(),
                Ok(_) => decision.reason.clone(),
            },
            filters: group
                .filters
                .iter()
                .flatten()
                .map(|filter| FilterReport {
                    name: filter.name.clone(),
                    destination: filter.destination.clone(),
                    ours: Some(filter.destination.as_str()) == forwarder,
                })
                .collect(),
            evidence: EvidenceReport { kind: Evidence::Asked, at: rfc3339(survey.taken_at) },
            created_at: group.created.map(rfc3339),
            stored_bytes: group.stored_bytes,
        })
        .collect();
    groups.sort_by(|a, b| (attention(a.state), a.state, &a.name).cmp(&(attention(b.state), b.state, &b.name)));
    groups
}

/// 0 for what is wrong, 1 for what could be streamed, 2 for what is as it should be.
fn attention(state: State) -> u8 {
    match state {
        State::Unknown | State::Loop | State::Unwanted | State::Conflict | State::Broken => 0,
        State::Double | State::Drifted | State::Full | State::Missing => 1,
        State::Streamed | State::Own | State::Unsupported | State::Excluded => 2,
    }
}

/// The style of a state.
#[must_use]
pub fn style(state: State, look: &Look) -> Style {
    match (attention(state), state) {
        (0, _) => look.bad(),
        (1, _) => look.warning(),
        (_, State::Streamed) => look.good(),
        _ => look.dim(),
    }
}

impl Show for Report {
    const SCHEMA: &'static str = "logctl.audit/v1";

    fn table(&self, look: &Look) -> impl Display {
        let width = 30.min(look.width.saturating_sub(40)).max(10);
        let (streamed, streamable) = (self.streamed(), self.streamable());
        let percent = (streamed * 100).checked_div(streamable).unwrap_or_default();
        let states: Vec<_> = self
            .summary
            .by_state
            .iter()
            .map(|(state, number)| paint(style(*state, look), format_args!("{} {state}", grouped(*number as u64))))
            .collect();
        let rows = self.groups.iter().map(|group| {
            vec![
                one_line(&group.name).into_owned(),
                paint(style(group.state, look), group.state),
                paint(look.dim(), one_line(&group.reason)),
            ]
        });
        format!(
            "coverage {} {streamed} of {streamable} ({percent} %)\n{}\n\n{}",
            bar(streamed, streamable, width, look),
            states.join("  "),
            table(&["LOG GROUP", "STATE", "WHY"], rows, look),
        )
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        self.groups.iter().map(|group| format!("{}\t{}\t{}", group.name, group.state, one_line(&group.reason)))
    }
}
