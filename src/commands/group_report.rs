//! One log group as reports show it.

use logctl_core::coverage::State;
use serde::Serialize;

use crate::{
    inventory::{Entry, Inventory},
    time::rfc3339,
    ui::{Cell, Role},
};

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
    /// Every group of an inventory, by name.
    #[must_use]
    pub fn all(inventory: &Inventory) -> Vec<Self> {
        let ours = |filter: &_| inventory.coverage.as_ref().is_some_and(|stack| stack.owns(filter));
        let filters = |entry: &Entry| {
            let filters = entry.filters().map(|filter| FilterReport {
                name: filter.name.clone(),
                destination: filter.destination.clone(),
                ours: ours(filter),
            });
            filters.collect()
        };
        let report = |entry: &Entry| Self {
            account: inventory.target.account.clone(),
            region: inventory.target.region.clone(),
            name: entry.facts.name.clone(),
            class: entry.facts.class.as_str(),
            state: entry.decision.state,
            reason: entry.decision.reason.clone(),
            filters: filters(entry),
            evidence: entry.facts.filters.is_some().then(|| Evidence { kind: "asked", at: inventory.taken_at() }),
            created_at: entry.created.map(rfc3339),
            stored_bytes: entry.stored_bytes,
        };
        inventory.groups.iter().map(report).collect()
    }
}

/// What a state means to who reads it.
#[must_use]
pub fn role(state: State) -> Role {
    match state {
        State::Unknown | State::Loop | State::Unwanted | State::Conflict | State::Broken => Role::Bad,
        State::Double | State::Drifted | State::Full | State::Missing => Role::Warning,
        State::Streamed => Role::Good,
        State::Own | State::Unsupported | State::Excluded => Role::Dim,
    }
}

/// A state as a cell.
#[must_use]
pub fn cell(state: State) -> Cell {
    Cell::new(state).role(role(state))
}
