//! Everything else of log groups: their age, what they hold, how much comes in. No state depends on it.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::{Health, Note, cache::Facts, noted};
use crate::{
    args::{GroupSelection, Retention},
    aws::{
        Aws,
        groups::{self, Details, Group},
        metrics::{self, Metric},
    },
    error::Error,
};

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// The same in seconds.
const DAY_SECONDS: u32 = 86_400;

/// What was read.
pub(super) struct Read {
    /// Of each group, and the bytes of its last day, where that was read.
    groups: Vec<(String, Details, Option<f64>)>,
    /// Groups of which deliveries failed or were throttled, where that was read.
    troubled: Option<HashMap<String, Health>>,
    /// As of when, where all of it is of all groups.
    as_of: Option<Timestamp>,
    notes: Vec<Note>,
}

/// Whether what is known is too old.
fn is_due(facts: &Facts, now: Timestamp) -> bool {
    facts.details_as_of.is_none_or(|as_of| now.duration_since(as_of) >= DAY)
}

/// So few groups are read one by one, where all others are known.
const FEW: usize = 20;

/// Which groups it is read of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Which {
    /// All whose names begin so.
    All(String),
    /// These.
    Named(Vec<String>),
}

impl Which {
    /// All that are selected where what is known is too old, or unknown of many; else those of which nothing is known.
    pub(super) fn due(facts: &Facts, groups: &[Group], selection: &GroupSelection, now: Timestamp) -> Option<Self> {
        let unknown = |group: &&Group| facts.get(&group.name).is_none_or(|fact| fact.details.is_none());
        let unknown: Vec<String> = groups.iter().filter(unknown).map(|group| group.name.clone()).collect();
        if is_due(facts, now) || unknown.len() > FEW {
            return Some(Self::All(prefix(selection)));
        }
        (!unknown.is_empty()).then_some(Self::Named(unknown))
    }

    async fn read(&self, aws: &Aws) -> Result<Vec<(String, Details)>, Error> {
        let names = match self {
            Self::All(prefix) => return groups::details(aws, prefix).await,
            Self::Named(names) => names,
        };
        let mut found = Vec::new();
        for name in names {
            let with_such = groups::details(aws, name).await?;
            found.extend(with_such.into_iter().find(|(found, _)| found == name)); // Others begin so, too.
        }
        Ok(found)
    }
}

/// Reads it, and how much comes in where that is wanted.
pub(super) async fn read(aws: &Aws, which: &Which, volume: bool, now: Timestamp) -> Result<Read, Error> {
    let groups = which.read(aws).await?.into_iter().map(|(name, details)| (name, details, None)).collect();
    let mut read = Read { groups, troubled: None, as_of: None, notes: Vec::new() };
    if !volume {
        return Ok(read);
    }
    let metrics = read.groups.iter().map(|(name, ..)| Metric::incoming("IncomingBytes", name));
    let sums = metrics::sums(aws, metrics, DAY_SECONDS, &(now - DAY..now)).await;
    let sums = noted(sums, &mut read.notes, Note::VolumeUnread)?;
    for ((.., bytes), sum) in read.groups.iter_mut().zip(sums.iter().flatten()) {
        *bytes = Some(sum.unwrap_or_default());
    }
    read.troubled = noted(troubled(aws, now).await, &mut read.notes, Note::HealthUnread)?;
    let whole = *which == Which::All(String::new()) && sums.is_some() && read.troubled.is_some();
    read.as_of = whole.then_some(now);
    Ok(read)
}

/// Groups of which deliveries to functions failed or were throttled in the last day.
async fn troubled(aws: &Aws, now: Timestamp) -> Result<HashMap<String, Health>, Error> {
    let mut troubled = HashMap::new();
    // What failed says more than what had to wait.
    for (metric, health) in [("DeliveryThrottling", Health::Throttled), ("DeliveryErrors", Health::Failing)] {
        let filters = metrics::filters(aws, metric, false).await?;
        let queries = filters.iter().map(|(group, filter)| Metric::of_filter(metric, group, filter));
        let sums = metrics::sums(aws, queries, DAY_SECONDS, &(now - DAY..now)).await?;
        for ((group, _), sum) in filters.iter().zip(sums) {
            if sum.is_some_and(|sum| sum > 0.0) {
                troubled.insert(group.clone(), health);
            }
        }
    }
    Ok(troubled)
}

/// What the names of all selected groups begin with, as far as one prefix tells.
pub(super) fn prefix(selection: &GroupSelection) -> String {
    let mut globs = selection.globs.iter().filter(|glob| !glob.excludes).map(|glob| glob.glob.to_string());
    match (globs.next(), globs.next()) {
        (Some(only), None) => only.split(['*', '?']).next().unwrap_or_default().to_owned(),
        _ => String::new(),
    }
}

impl Facts {
    /// Whether a group keeps its events so long, and was made in such a time, as far as that is known.
    pub(super) fn is_such(
        &self,
        group: &str,
        retention: Option<Retention>,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> bool {
        let Some(details) = self.get(group).and_then(|fact| fact.details.as_ref()) else { return false };
        let kept = match retention {
            None => true,
            Some(Retention::Forever) => details.retention_days.is_none(),
            Some(Retention::Days(days)) => details.retention_days == Some(days),
        };
        let made = |holds: &dyn Fn(Timestamp) -> bool| details.created.is_some_and(holds);
        kept && since.is_none_or(|since| made(&|made| made >= since))
            && until.is_none_or(|until| made(&|made| made <= until))
    }

    /// Takes in what was read. Of a group that was read nothing stays that was known before.
    pub(super) fn know(&mut self, read: Read, notes: &mut Vec<Note>) {
        let Read { groups, troubled, as_of, notes: more } = read;
        if as_of.is_some() {
            self.details_as_of = as_of;
            self.forget_details(); // That of groups which are gone.
        }
        for (group, details, bytes) in groups {
            let health = match (troubled.as_ref().map(|troubled| troubled.get(&group)), bytes) {
                (Some(Some(trouble)), _) => Some(*trouble),
                (_, Some(0.0)) => Some(Health::Idle),
                (Some(None), Some(_)) => Some(Health::Ok),
                (None, _) | (_, None) => None,
            };
            let fact = self.of(&group);
            (fact.details, fact.bytes_per_day, fact.health) = (Some(details), bytes, health);
        }
        notes.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(&[], ""; "all")]
    #[test_case(&["/aws/lambda/*"], "/aws/lambda/"; "one glob")]
    #[test_case(&["/aws/*", "!*cart"], "/aws/"; "one, and what is left out")]
    #[test_case(&["/aws/*", "/ecs/*"], ""; "several")]
    #[test_case(&["*pay"], ""; "a glob that begins with a star")]
    fn names_begin_with(globs: &[&str], with: &str) {
        let globs = globs.iter().map(|glob| glob.parse().unwrap()).collect();
        assert_eq!(prefix(&GroupSelection { globs }), with);
    }
}
