//! What is to be changed. Plans are pure functions of what was read.

use logctl_core::coverage::{Change, State};

use crate::{
    aws::Target,
    inventory::{Entry, Inventory},
};

/// Changes of an account's groups.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Which account and Region.
    pub target: Target,
    /// The changes, in the order in which they are made.
    pub steps: Vec<Step>,
    /// Groups that stay as they are.
    pub unchanged: usize,
}

/// The change of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The group.
    pub group: String,
    /// The state that it is in.
    pub state: State,
    /// Why.
    pub reason: String,
    /// What is done.
    pub change: Change,
}

impl Step {
    /// What is done, in a word.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match (&self.change, self.state) {
            (Change::Put { .. }, State::Drifted) => "repair",
            (Change::Put { .. }, _) => "subscribe",
            (Change::Delete { .. }, _) => "unsubscribe",
        }
    }
}

impl Plan {
    /// Brings the groups to the wanted state: loops first, they cost by the second.
    #[must_use]
    pub fn new(inventory: &Inventory) -> Self {
        let step = |entry: &Entry| {
            Some(Step {
                group: entry.facts.name.clone(),
                state: entry.decision.state,
                reason: entry.decision.reason.clone(),
                change: entry.decision.change.clone()?,
            })
        };
        let mut steps: Vec<Step> = inventory.groups.iter().filter_map(step).collect();
        steps.sort_by_key(|step| step.state != State::Loop);
        Self { target: inventory.target.clone(), unchanged: inventory.groups.len() - steps.len(), steps }
    }

    /// Takes these filters, by group, away.
    #[must_use]
    pub fn removal(target: &Target, filters: Vec<(String, Vec<String>)>) -> Self {
        let step = |(group, filters)| Step {
            group,
            state: State::Streamed,
            reason: "points to the stack's forwarder".to_owned(),
            change: Change::Delete { filters },
        };
        Self { target: target.clone(), steps: filters.into_iter().map(step).collect(), unchanged: 0 }
    }
}
