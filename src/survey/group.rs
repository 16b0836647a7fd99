//! One log group as reports show it.

use anstyle::Style;
use logctl_core::coverage::State;
use serde::Serialize;

use super::Survey;
use crate::{time::rfc3339, ui::Look};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Evidence>,
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
struct Evidence {
    /// `asked`: the group itself was.
    kind: &'static str,
    at: String,
}

impl GroupReport {
    /// Every group of a survey, by name.
    #[must_use]
    pub fn all(survey: &Survey) -> Vec<Self> {
        let ours = |filter: &_| survey.coverage.as_ref().is_some_and(|stack| stack.owns(filter));
        let report = |surveyed: &super::Surveyed| Self {
            account: survey.target.account.clone(),
            region: survey.target.region.clone(),
            name: surveyed.group.name.clone(),
            class: surveyed.group.class.as_str(),
            state: surveyed.decision.state,
            reason: match &surveyed.filters {
                Some(Err(error)) => error.message.clone(),
                _ => surveyed.decision.reason.clone(),
            },
            filters: surveyed
                .known_filters()
                .map(|filter| FilterReport {
                    name: filter.name.clone(),
                    destination: filter.destination.clone(),
                    ours: ours(filter),
                })
                .collect(),
            evidence: matches!(surveyed.filters, Some(Ok(_)))
                .then(|| Evidence { kind: "asked", at: rfc3339(survey.taken_at) }),
            created_at: surveyed.group.created.map(rfc3339),
            stored_bytes: surveyed.group.stored_bytes,
        };
        survey.groups.iter().map(report).collect()
    }
}

/// 0 for what is wrong, 1 for what could be streamed, 2 for what is as it should be.
#[must_use]
pub fn needs_attention(state: State) -> u8 {
    match state {
        State::Unknown | State::Loop | State::Unwanted | State::Conflict | State::Broken => 0,
        State::Double | State::Drifted | State::Full | State::Missing => 1,
        State::Streamed | State::Own | State::Unsupported | State::Excluded => 2,
    }
}

/// The style of a state.
#[must_use]
pub fn style(state: State, look: &Look) -> Style {
    match (needs_attention(state), state) {
        (0, _) => look.bad(),
        (1, _) => look.warning(),
        (_, State::Streamed) => look.good(),
        _ => look.dim(),
    }
}
