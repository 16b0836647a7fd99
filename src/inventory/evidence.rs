//! What proves the filters of a log group, without asking it.
//!
//! Everything here is data: what was read, and what follows from it. A proof says as of when it holds, and that is never further
//! back than what AWS takes to tell, [`LAG`].

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use logctl_core::coverage::{Filter, Filters};
use serde::{Deserialize, Serialize};
use strum::Display;

/// After this the event history and the metrics tell everything of a time:
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html>.
pub const LAG: SignedDuration = SignedDuration::from_mins(15);
/// By how much the times of two services may differ.
pub const SKEW: SignedDuration = SignedDuration::from_mins(1);
/// How far the event history reaches back: 90 days, less a day for who reads it slowly.
pub const REACH: SignedDuration = SignedDuration::from_hours(24 * 89);
/// How much of what came in must have been forwarded for a filter to be taken for one without a pattern: the edges of the
/// window cut through deliveries.
const NEARLY_ALL: f64 = 0.99;
/// How much of it must be in the index: events may carry times outside of the window.
const HALF: f64 = 0.5;

/// How something is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Source {
    /// The group was asked in this run.
    Asked,
    /// It was known before, and the event history tells what has changed since.
    Cache,
    /// The event history tells who has put our filter, and that it stays; what other filters there are is not known.
    History,
    /// Our filter has delivered all that came in, and it is in the index; what other filters there are is not known.
    Metric,
}

impl Source {
    /// Whether all filters of a group are known by it.
    #[must_use]
    pub const fn tells_all(self) -> bool {
        matches!(self, Self::Asked | Self::Cache)
    }
}

/// A fact, how it is known, and as of when it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known<T> {
    /// The fact.
    pub value: T,
    /// How it is known.
    pub source: Source,
    /// When it was so.
    pub as_of: Timestamp,
}

/// What somebody did to a group and its filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Put this filter. Most have put the same.
    Put(Arc<Filter>),
    /// Put a filter of this name, which the event does not tell whole.
    PutSome(String),
    /// Deleted the filter of this name.
    Delete(String),
    /// Deleted the group. One of the same name may be there again.
    Group,
}

/// The deeds of an account, by group.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// From here on it is whole.
    pub since: Timestamp,
    /// Up to here it is whole; of what came later it tells some.
    pub until: Timestamp,
    /// What succeeded, with its time to the second.
    pub deeds: HashMap<String, Vec<(Timestamp, Deed)>>,
    /// The filters that were put.
    pub(super) puts: HashSet<Arc<Filter>>,
}

/// What metrics and the index say of a window of time.
#[derive(Debug, Clone, Default)]
pub struct Deliveries {
    /// Where it begins.
    pub since: Timestamp,
    /// What is known of each group.
    pub groups: HashMap<String, Delivery>,
}

/// What metrics and the index say of one group in the window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Delivery {
    /// Events that came in.
    pub incoming: f64,
    /// Events that were forwarded, by the name of the filter: one, for most groups.
    pub forwarded: Vec<(Arc<str>, f64)>,
    /// Documents in the index.
    pub documents: f64,
}

/// What is known of the filters of groups beside themselves.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// What people and functions did; `None` where it could not be read.
    pub history: Option<&'a History>,
    /// What was delivered.
    pub deliveries: Option<&'a Deliveries>,
    /// Name of our filters, and where they send to.
    pub ours: Option<(&'a str, &'a str)>,
}

/// What a run of logctl did to the filters of a group: it is known before the history tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// When it was done.
    pub at: Timestamp,
    /// Names of the filters that were deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<String>,
    /// The filter that was put.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub put: Option<Filter>,
}

impl Own {
    fn deeds(&self) -> impl Iterator<Item = (Timestamp, Deed)> {
        let deleted = self.deleted.iter().cloned().map(Deed::Delete);
        deleted.chain(self.put.iter().cloned().map(|put| Deed::Put(Arc::new(put)))).map(|deed| (self.at, deed))
    }

    /// Whether the history tells of this here.
    fn is(&self, at: Timestamp, deed: &Deed) -> bool {
        let name = deed.filter();
        let did = match deed {
            Deed::Delete(name) => self.deleted.contains(name),
            Deed::Put(_) | Deed::PutSome(_) => self.put.as_ref().is_some_and(|put| Some(put.name.as_str()) == name),
            Deed::Group => false,
        };
        did && self.at.duration_since(at).abs() <= SKEW
    }
}

impl Evidence<'_> {
    /// The filters of a group, where they are proven: by what was known before, by the history alone, or by what it delivers.
    #[must_use]
    pub fn prove(&self, group: &str, before: Option<&Known<Filters>>, own: Option<&Own>) -> Option<Known<Filters>> {
        let history = self.history?;
        let told = history.deeds.get(group).map_or(&[][..], Vec::as_slice);
        let is_own = |at: Timestamp, deed: &Deed| own.is_some_and(|own| own.is(at, deed));
        if told.iter().any(|(at, deed)| *at > history.until && !is_own(*at, deed)) {
            return None; // Others may follow that it does not tell yet.
        }
        let mut deeds = Cow::Borrowed(told);
        if let Some(own) = own {
            let others = told.iter().filter(|(at, deed)| !is_own(*at, deed)).cloned();
            let mut all: Vec<(Timestamp, Deed)> = others.chain(own.deeds()).collect();
            all.sort_by_key(|(at, _)| *at);
            if own.at > history.until {
                return since_then(before?, history, &all).map(|known| Known { as_of: own.at, ..known });
            }
            deeds = all.into();
        }
        let deeds = deeds.as_ref();
        before
            .and_then(|before| since_then(before, history, deeds))
            .or_else(|| self.by_history(group, history, deeds))
            .or_else(|| self.by_deliveries(group, history, deeds))
    }

    /// Our filter was put, and stays. Filters that others have put before the history begins are not known.
    fn by_history(&self, group: &str, history: &History, deeds: &[(Timestamp, Deed)]) -> Option<Known<Filters>> {
        let (name, destination) = self.ours?;
        let filters = replay(Vec::new(), deeds)?;
        let ours = filters.iter().find(|filter| filter.name == name)?;
        // Of a group that something is wrong with everything must be known.
        let right = ours.destination == destination && ours.sends_everything();
        let unknown = self.delivering(group).any(|other| !filters.iter().any(|filter| filter.name == other));
        (right && !unknown).then(|| Known { value: filters.into(), source: Source::History, as_of: history.until })
    }

    /// Our filter has forwarded what came in, it is in the index, and nobody has changed anything since.
    fn by_deliveries(&self, group: &str, history: &History, deeds: &[(Timestamp, Deed)]) -> Option<Known<Filters>> {
        let ((name, destination), deliveries) = (self.ours?, self.deliveries?);
        let begins = deliveries.since - SKEW;
        if history.since > begins || deeds.iter().any(|(at, _)| *at >= begins) {
            return None;
        }
        let Delivery { incoming, forwarded, documents } = deliveries.groups.get(group)?;
        let ours =
            forwarded.iter().find(|(filter, _)| **filter == *name).map(|(_, events)| *events).unwrap_or_default();
        let alone = self.delivering(group).all(|other| other == name);
        if !(alone && *incoming > 0.0 && ours > 0.0 && ours >= incoming * NEARLY_ALL && *documents >= incoming * HALF) {
            return None;
        }
        let filter = Filter { name: name.to_owned(), destination: destination.to_owned(), ..Filter::default() };
        Some(Known { value: [filter].into(), source: Source::Metric, as_of: history.until })
    }

    /// Names of the filters that have delivered anything of a group.
    fn delivering(&self, group: &str) -> impl Iterator<Item = &str> {
        let of_group = self.deliveries.and_then(|deliveries| deliveries.groups.get(group));
        of_group.into_iter().flat_map(|delivery| delivery.forwarded.iter().map(|(name, _)| &**name))
    }

    /// Whether our filter has lately delivered anything of a group: there is more to doubt about the others.
    #[must_use]
    pub fn delivers(&self, group: &str) -> bool {
        self.ours.is_some_and(|(ours, _)| self.delivering(group).any(|name| name == ours))
    }
}

/// What was known, with what has been done since.
fn since_then(before: &Known<Filters>, history: &History, deeds: &[(Timestamp, Deed)]) -> Option<Known<Filters>> {
    let begins = before.as_of - SKEW;
    if history.since > begins {
        return None;
    }
    let since = deeds.iter().position(|(at, _)| *at >= begins).map_or(&[][..], |first| &deeds[first..]);
    let as_of = before.as_of.max(history.until);
    let source = match before.source {
        Source::Asked | Source::Cache => Source::Cache,
        // Its other filters were never known, and a change of them would tell too little.
        kept if since.is_empty() => kept,
        Source::History | Source::Metric => return None,
    };
    if since.is_empty() {
        return Some(Known { value: before.value.clone(), source, as_of });
    }
    Some(Known { value: replay(before.value.to_vec(), since)?.into(), source, as_of })
}

/// Filters after what was done to them; `None` where that cannot be told, or the group is gone.
fn replay(mut filters: Vec<Filter>, deeds: &[(Timestamp, Deed)]) -> Option<Vec<Filter>> {
    let mut gone = false;
    for (at, deed) in deeds {
        // Times are told to the second: which of two was the last is not.
        if deeds.iter().any(|(time, other)| time == at && other != deed && other.concerns(deed)) {
            return None;
        }
        match deed {
            Deed::Group => filters.clear(),
            Deed::Delete(name) => filters.retain(|filter| filter.name != *name),
            Deed::PutSome(_) => return None,
            Deed::Put(put) => {
                filters.retain(|filter| filter.name != put.name);
                filters.push((**put).clone());
            }
        }
        // Whoever puts a filter has made the group again.
        gone = *deed == Deed::Group || gone && matches!(deed, Deed::Delete(_));
    }
    filters.sort_by(|a, b| a.name.cmp(&b.name));
    (!gone).then_some(filters)
}

impl Deed {
    /// Whether it matters which of two was done first.
    fn concerns(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Group, _) | (_, Self::Group) => true,
            (one, other) => one.filter() == other.filter(),
        }
    }

    /// The name of the filter that it is about.
    fn filter(&self) -> Option<&str> {
        match self {
            Self::Put(filter) => Some(&filter.name),
            Self::PutSome(name) | Self::Delete(name) => Some(name),
            Self::Group => None,
        }
    }
}

#[cfg(test)]
mod tests;
