//! Everything else of log groups: their age, what they hold, how much comes in. No state depends on it.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::{Health, Note, cache::Facts};
use crate::{
    args::{GroupSelection, Retention},
    aws::{
        Aws,
        groups::{self, Details},
        metrics::{self, Metric},
    },
    error::Error,
};

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// The same in seconds.
const DAY_SECONDS: u32 = 86_400;

/// What was read.
pub(super) struct Read {
    details: HashMap<String, Details>,
    bytes_per_day: HashMap<String, f64>,
    troubled: HashMap<String, Health>,
    /// As of when, where it is of all groups.
    as_of: Option<Timestamp>,
    note: Option<Note>,
}

/// Whether what is known is too old.
pub(super) fn is_due(facts: &Facts, now: Timestamp) -> bool {
    facts.details_as_of.is_none_or(|as_of| now.duration_since(as_of) >= DAY)
}

/// Reads it of the selected groups, and how much comes in where that is wanted.
pub(super) async fn read(aws: &Aws, selection: &GroupSelection, volume: bool, now: Timestamp) -> Result<Read, Error> {
    let prefix = prefix(selection);
    let details = groups::details(aws, &prefix).await?;
    let mut read = Read {
        details,
        bytes_per_day: HashMap::new(),
        troubled: HashMap::new(),
        as_of: (volume && prefix.is_empty()).then_some(now),
        note: None,
    };
    if volume {
        let names: Vec<&String> = read.details.keys().collect();
        let metrics: Vec<_> = names.iter().map(|name| Metric::incoming("IncomingBytes", name)).collect();
        match metrics::sums(aws, &metrics, DAY_SECONDS, &(now - DAY..now)).await {
            Ok(sums) => {
                let bytes = names.into_iter().zip(sums).filter(|(_, sums)| !sums.is_empty());
                read.bytes_per_day = bytes.map(|(name, sums)| (name.clone(), sums.iter().sum())).collect();
                read.troubled = troubled(aws, now).await?;
            }
            Err(error) => read.note = Some(Note::VolumeUnread(error.unless_logged_out()?.one_line())),
        }
    }
    Ok(read)
}

/// Groups of which deliveries to functions failed or were throttled in the last day.
async fn troubled(aws: &Aws, now: Timestamp) -> Result<HashMap<String, Health>, Error> {
    let mut troubled = HashMap::new();
    // What failed says more than what had to wait.
    for (metric, health) in [("DeliveryThrottling", Health::Throttled), ("DeliveryErrors", Health::Failing)] {
        let filters = metrics::filters(aws, metric, false).await?;
        let queries: Vec<_> = filters.iter().map(|(group, filter)| Metric::of_filter(metric, group, filter)).collect();
        let sums = metrics::sums(aws, &queries, DAY_SECONDS, &(now - DAY..now)).await?;
        for ((group, _), sums) in filters.iter().zip(sums) {
            if sums.iter().sum::<f64>() > 0.0 {
                troubled.insert(group.clone(), health);
            }
        }
    }
    Ok(troubled)
}

/// What the names of all selected groups begin with, as far as one prefix tells.
fn prefix(selection: &GroupSelection) -> String {
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

    /// Takes in what was read.
    pub(super) fn know(&mut self, read: Read, notes: &mut Vec<Note>) {
        let Read { details, bytes_per_day, troubled, as_of, note } = read;
        if as_of.is_some() {
            self.details_as_of = as_of;
            self.forget_details(); // That of groups which are gone.
        }
        for (group, details) in details {
            self.of(&group).details = Some(details);
        }
        for (group, bytes) in bytes_per_day {
            self.of(&group).bytes_per_day = Some(bytes);
        }
        for (group, health) in troubled {
            self.of(&group).troubled = Some(health);
        }
        notes.extend(note);
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
