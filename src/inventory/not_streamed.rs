//! Log groups whose events do not reach the index, as the last look at all groups of the account has found.

use jiff::{SignedDuration, Timestamp};
use logctl_core::{coverage::State, names::StackName};
use serde::{Deserialize, Serialize};

use super::{Cache, Entry};
use crate::{args::GroupSelection, aws::Target, time::as_rfc3339};

/// After that they are no longer told of.
const TOLD_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Groups that are kept at most.
const MOST: usize = 10_000;

/// Log groups whose events do not reach the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotStreamed {
    /// When that was so.
    #[serde(serialize_with = "as_rfc3339")]
    pub as_of: Timestamp,
    /// Their names.
    pub groups: Vec<String>,
}

impl NotStreamed {
    /// Those among all groups of an account.
    pub(super) fn of(entries: &[Entry], now: Timestamp) -> Self {
        let is_meant = |entry: &&Entry| {
            let state = entry.decision.state;
            !state.delivers() && !matches!(state, State::Own | State::Unknown)
        };
        let groups = entries.iter().filter(is_meant).map(|entry| entry.facts.name.clone()).take(MOST).collect();
        Self { as_of: now, groups }
    }

    /// Those of the last look at this account, of a stack of this name, that are meant; none where nobody has looked lately.
    #[must_use]
    pub fn recall(
        cache: &Cache,
        (target, stack): (&Target, &StackName),
        selection: &GroupSelection,
        now: Timestamp,
    ) -> Option<Self> {
        let mut known: Self = cache.recall(&file(target, stack))?;
        known.groups.retain(|group| selection.takes(group));
        let is_fresh = (SignedDuration::ZERO..TOLD_FOR).contains(&now.duration_since(known.as_of));
        (is_fresh && !known.groups.is_empty()).then_some(known)
    }

    /// Keeps them for who searches.
    pub(super) fn keep(&self, cache: &Cache, target: &Target, stack: &StackName) {
        cache.keep(&file(target, stack), self);
    }

    /// Forgets them: filters have been changed.
    pub fn forget(cache: &Cache, target: &Target, stack: &StackName) {
        cache.forget(&file(target, stack));
    }
}

fn file(target: &Target, stack: &StackName) -> String {
    format!("not-streamed.{}.{}.{stack}.json", target.account, target.region)
}
