//! Who streams what to where, and what else strikes in an account: what a newcomer wants to know.

use std::collections::BTreeMap;

use indicatif::HumanBytes;
use logctl_core::coverage::{State, short_arn};
use serde::Serialize;

use crate::{
    commands::{group_report::whole, targets::Looked},
    deploy::cost::{Cost, GB},
    inventory::{Entry, Inventory},
    ui::{Above, Cell, Role},
    words::{all, count, grouped},
};

/// Destinations that people see.
const MOST: usize = 10;

/// The accounts at a glance.
#[derive(Debug, Serialize)]
pub struct Overview {
    /// Groups of which only our filter is known, and not where else they send.
    #[serde(skip_serializing_if = "is_zero")]
    partly_known: usize,
    /// Where events go, those of the most groups first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destinations: Vec<Destination>,
    /// Groups that nobody deletes events of, that mask data, and that are protected from deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    keeping: Option<Keeping>,
    /// What it costs to stream what is not streamed yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Price>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Where events go.
#[derive(Debug, Serialize)]
pub struct Destination {
    account: String,
    region: String,
    /// Its ARN.
    #[serde(rename = "destination")]
    arn: String,
    /// Whether a stack of logctl sends there.
    ours: bool,
    /// Groups that send there.
    groups: usize,
    /// Bytes that come into these groups on a day, as far as that is known.
    bytes_per_day: u64,
    /// Whether it is there, where that was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
}

/// How groups keep events.
#[derive(Debug, Default, Serialize)]
struct Keeping {
    /// Groups of which it is known.
    groups: usize,
    forever: usize,
    masked: usize,
    protected: usize,
}

/// What it costs to stream more.
#[derive(Debug, Serialize)]
struct Price {
    groups: usize,
    bytes_per_day: u64,
    dollars_a_month: u64,
    assumes: String,
}

impl Overview {
    /// Of what was found.
    #[must_use]
    pub fn new(looked: &[Looked]) -> Self {
        let found = || looked.iter().filter_map(|looked| looked.found.as_ref().ok());
        let mut destinations: Vec<Destination> = found().flat_map(destinations).collect();
        destinations.sort_by(|a, b| b.groups.cmp(&a.groups).then_with(|| a.arn.cmp(&b.arn)));
        let entries = || found().flat_map(|inventory| &inventory.groups);
        let partly = |entry: &&Entry| entry.evidence.is_some_and(|(source, _)| !source.tells_all());
        let partly_known = entries().filter(partly).count();
        Self { partly_known, destinations, keeping: keeping(entries()), cost: price(entries()) }
    }

    /// As lines above a report.
    pub fn lines(&self) -> impl Iterator<Item = Above> {
        let more = self.destinations.len().saturating_sub(MOST);
        let more = (more > 0).then(|| Above::Text(format!("{} more", count(more, "destination"))));
        let rows: Vec<_> = self.destinations.iter().take(MOST).map(Destination::row).collect();
        let rows = (!rows.is_empty()).then(|| [Above::Text(String::new()), Above::Rows(rows)]).into_iter().flatten();
        let blank = Above::Text(String::new());
        let [keeping, cost] = [self.keeping(), self.cost()].map(|line| line.map(Above::Text));
        rows.chain(more).chain([blank]).chain(keeping).chain(cost)
    }

    /// How groups keep events, in words.
    #[must_use]
    pub fn keeping(&self) -> Option<String> {
        let Keeping { groups, forever, masked, protected } = self.keeping.as_ref()?;
        let parts =
            [(forever, "keep events forever"), (masked, "mask data"), (protected, "are protected from deletion")];
        let parts = parts.into_iter().filter(|(number, _)| **number > 0);
        let parts: Vec<String> = parts.map(|(number, what)| format!("{} {what}", grouped(*number as u64))).collect();
        (!parts.is_empty()).then(|| format!("of {}, {}", count(*groups, "log group"), all(&parts)))
    }

    /// What it costs to stream more, in words.
    #[must_use]
    pub fn cost(&self) -> Option<String> {
        let Price { groups, bytes_per_day, dollars_a_month, assumes } = self.cost.as_ref()?;
        let (groups, bytes) = (count(*groups, "log group"), HumanBytes(*bytes_per_day));
        let dollars =
            if *dollars_a_month == 0 { "less than $1".to_owned() } else { format!("about ${dollars_a_month}") };
        Some(format!(
            "to stream the {bytes} a day of {groups} costs {dollars} a month, the domain's machines aside: {assumes}"
        ))
    }
}

impl Destination {
    /// Its name as a person knows it.
    #[must_use]
    pub fn name(&self) -> &str {
        short_arn(&self.arn)
    }

    /// Whether it is there, in words.
    #[must_use]
    pub fn is_there(&self) -> Cell {
        match self.exists {
            Some(false) => Cell::new("gone").role(Role::Bad),
            Some(true) if self.ours => Cell::new("logctl").role(Role::Good),
            Some(true) => Cell::default(),
            None => Cell::new("not looked at").role(Role::Dim),
        }
    }

    /// Groups, and bytes of a day.
    #[must_use]
    pub fn numbers(&self) -> (String, String) {
        (grouped(self.groups as u64), format!("{} a day", HumanBytes(self.bytes_per_day)))
    }

    fn row(&self) -> Vec<Cell> {
        let (groups, bytes) = self.numbers();
        let to = Cell::new(format!("to {}", self.name()));
        vec![Cell::new(format!("{groups:>7}")), to, self.is_there(), Cell::new(bytes).role(Role::Dim)]
    }
}

/// Where the groups of an account send to: by their filters, and by the account policy.
fn destinations(inventory: &Inventory) -> impl Iterator<Item = Destination> {
    let mut sums: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for entry in &inventory.groups {
        let policy = inventory.account.policy.as_ref();
        let policy = policy.filter(|it| entry.facts.class.is_standard() && !it.except.contains(&entry.facts.name));
        let filters = entry.filters().map(|filter| filter.destination.as_str());
        let mut to: Vec<&str> = filters.chain(policy.map(|policy| policy.destination.as_str())).collect();
        to.sort_unstable();
        to.dedup();
        for destination in to {
            let (groups, bytes) = sums.entry(destination).or_default();
            *groups += 1;
            *bytes = bytes.saturating_add(entry.bytes_per_day.map_or(0, whole));
        }
    }
    sums.into_iter().map(|(destination, (groups, bytes_per_day))| Destination {
        account: inventory.target.account.clone(),
        region: inventory.target.region.clone(),
        arn: destination.to_owned(),
        ours: inventory.coverage.as_ref().is_some_and(|stack| stack.forwarder == destination),
        groups,
        bytes_per_day,
        exists: inventory.destinations.get(destination).copied(),
    })
}

fn keeping<'a>(entries: impl Iterator<Item = &'a Entry>) -> Option<Keeping> {
    let mut keeping = Keeping::default();
    // Every group has been made at some time: who does not say so has not been read.
    for details in entries.map(|entry| &entry.details).filter(|details| details.created.is_some()) {
        keeping.groups += 1;
        keeping.forever += usize::from(details.retention_days.is_none());
        keeping.masked += usize::from(details.masked);
        keeping.protected += usize::from(details.protected);
    }
    (keeping.groups > 0).then_some(keeping)
}

/// What it costs to stream what backfill would subscribe, where it is known how much that is.
fn price<'a>(entries: impl Iterator<Item = &'a Entry>) -> Option<Price> {
    let missing = entries.filter(|entry| entry.decision.state == State::Missing);
    let known: Vec<f64> = missing.filter_map(|entry| entry.bytes_per_day).collect();
    let bytes: f64 = known.iter().sum();
    let cost = Cost::of(bytes / GB, "0-1");
    (bytes > 0.0).then(|| Price {
        groups: known.len(),
        bytes_per_day: whole(bytes),
        dollars_a_month: whole(cost.dollars()),
        assumes: cost.assumes(),
    })
}
