//! One log group as reports show it.

use std::borrow::Cow;

use jiff::Timestamp;
use logctl_core::coverage::{Class, Filter, Stack, State};
use serde::{Serialize, Serializer};

use crate::{
    inventory::{Arrivals, Entry, Health, Inventory, Rate, Source},
    time::{as_rfc3339, optional_rfc3339},
    ui::{Cell, Role},
    words::grouped,
};

/// One log group, as an inventory has it: of tens of thousands nothing is copied.
#[derive(Debug, Clone, Serialize)]
pub struct GroupReport<'a> {
    /// The account.
    pub account: &'a str,
    /// The Region.
    pub region: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its class, by AWS's name.
    #[serde(serialize_with = "as_text")]
    pub class: &'a Class,
    /// Its state.
    pub state: State,
    /// Why it is in that state.
    pub reason: Cow<'a, str>,
    /// Its filters.
    #[serde(serialize_with = "as_list")]
    pub filters: Listed<'a>,
    /// Whether what comes in arrives, as far as CloudWatch Logs tells; of the last day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// What came in, and what is in the index of it, where that was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<&'a Arrivals>,
    /// How many events come in, where that was looked at.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub rate: Option<&'a Rate>,
    /// How its state is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_rfc3339")]
    pub created_at: Option<Timestamp>,
    /// Bytes that it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<u64>,
    /// Bytes that come in on a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_day: Option<u64>,
    /// The rule that fills it with copies of other accounts' logs, where its name tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copied_by: Option<&'a str>,
    /// Days until its events are deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<i32>,
    /// Whether a policy masks what it holds.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub masked: bool,
    /// Whether it is protected from deletion.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
}

/// Its subscription filters, and whose some of them are.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'a> {
    filters: &'a [Filter],
    stack: Option<&'a Stack>,
}

impl<'a> Listed<'a> {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &'a Filter> {
        self.filters.iter()
    }
}

/// One of them.
#[derive(Serialize)]
struct FilterReport<'a> {
    name: &'a str,
    destination: &'a str,
    ours: bool,
}

/// How the state is known.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Evidence {
    /// What told it.
    pub kind: Source,
    /// As of when.
    #[serde(serialize_with = "as_rfc3339")]
    pub at: Timestamp,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn as_text<S: Serializer>(class: &&Class, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(class)
}

fn as_list<S: Serializer>(listed: &Listed<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(listed.iter().map(|filter| FilterReport {
        name: &filter.name,
        destination: &filter.destination,
        ours: listed.stack.is_some_and(|stack| stack.owns(filter)),
    }))
}

impl<'a> GroupReport<'a> {
    /// Every group of an inventory, by name.
    pub fn all(inventory: &'a Inventory) -> impl Iterator<Item = Self> {
        inventory.groups.iter().map(|entry| Self::new(inventory, entry))
    }

    fn new(inventory: &'a Inventory, entry: &'a Entry) -> Self {
        let filters = entry.facts.filters.as_deref().unwrap_or_default();
        Self {
            account: &inventory.target.account,
            region: &inventory.target.region,
            name: &entry.facts.name,
            class: &entry.facts.class,
            state: entry.decision.state,
            reason: reason(entry),
            filters: Listed { filters, stack: inventory.coverage.as_ref() },
            evidence: entry.evidence.map(|(kind, at)| Evidence { kind, at }),
            created_at: entry.details.created,
            stored_bytes: entry.details.stored_bytes,
            bytes_per_day: entry.bytes_per_day.map(whole),
            health: entry.health,
            arrivals: entry.arrivals.as_deref(),
            rate: entry.rate.as_deref(),
            copied_by: entry.copied_by.as_deref(),
            retention_days: entry.details.retention_days,
            masked: entry.details.masked,
            protected: entry.details.protected,
        }
    }
}

/// Why it is in its state, whose events it holds where they are others', and what of it does not arrive.
fn reason(entry: &Entry) -> Cow<'_, str> {
    let mut reason = Cow::from(entry.decision.reason.as_str());
    if let Some(rule) = &entry.copied_by {
        *reason.to_mut() += &format!("; copies of other accounts, by the centralization rule {rule}");
    }
    if let Some(arrivals) = entry.arrivals.as_ref().filter(|arrivals| arrivals.missing > 0) {
        let (missing, incoming) = (grouped(arrivals.missing), grouped(arrivals.incoming));
        *reason.to_mut() += &format!("; {missing} of {incoming} events of the last hours are not in the index");
    }
    reason
}

impl GroupReport<'_> {
    /// What it means to who reads it.
    #[must_use]
    pub fn role(&self) -> Role {
        if self.has_gap() { Role::Bad } else { role(self.state) }
    }

    /// Whether events of it are missing in the index.
    #[must_use]
    pub fn has_gap(&self) -> bool {
        self.arrivals.is_some_and(|arrivals| arrivals.missing > 0)
    }
}

/// A figure of a metric as a number of bytes.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a sum of sizes; beyond 2^53 it is rounded anyway"
)]
pub fn whole(figure: f64) -> u64 {
    figure.round() as u64
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
