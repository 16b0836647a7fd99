//! How many events come into log groups, hour by hour.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Entry, Note, noted};
use crate::{
    aws::{
        Aws,
        metrics::{self, Metric},
    },
    error::Error,
    time::optional_rfc3339,
};

const HOUR: u32 = 3600;
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Days that are looked back for the last event: 500 metrics of so many hours are one call.
const DAYS: i32 = 7;

/// Events of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rate {
    /// The hour in which the last event came, of the last week.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_rfc3339")]
    pub last_event: Option<Timestamp>,
    /// Events that came in each hour of the last day, the oldest first; the last hour has only begun.
    pub events_per_hour: Vec<u64>,
}

impl Rate {
    /// From the figures of hours, in no order.
    fn new(hours: &[(Timestamp, f64)], end: Timestamp) -> Self {
        let last_event = hours.iter().filter(|(_, events)| *events > 0.0).map(|(hour, _)| *hour).max();
        let mut events_per_hour = vec![0; 24];
        for (hour, events) in hours {
            let ago = end.duration_since(*hour).as_hours();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of events")]
            if let Some(slot) = usize::try_from(24 - ago).ok().and_then(|at| events_per_hour.get_mut(at)) {
                *slot += events.round() as u64;
            }
        }
        Self { last_event, events_per_hour }
    }
}

/// Reads the rates of groups.
///
/// # Errors
/// Only where the caller is not logged in.
pub(super) async fn read(aws: &Aws, entries: &mut [Entry], now: Timestamp, notes: &mut Vec<Note>) -> Result<(), Error> {
    let hour = i64::from(HOUR);
    let end = Timestamp::from_second((now.as_second() / hour + 1) * hour).unwrap_or(now);
    let names: Vec<String> = entries.iter().map(|entry| entry.facts.name.clone()).collect();
    let metrics = names.iter().map(|name| Metric::incoming("IncomingLogEvents", name));
    let hours = metrics::series(aws, metrics, HOUR, &(end - DAY * DAYS..end)).await;
    let hours = noted(hours, notes, Note::RatesUnread)?.unwrap_or_default();
    for (entry, hours) in entries.iter_mut().zip(hours) {
        entry.rate = Some(Box::new(Rate::new(&hours, end)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_stand_in_their_order() {
        let at = |hour: i64| Timestamp::from_second(hour * 3600).unwrap();
        let rate = Rate::new(&[(at(99), 5.0), (at(77), 3.0), (at(76), 2.0), (at(75), 1.0), (at(98), 0.0)], at(100));
        assert_eq!(rate.last_event, Some(at(99)));
        assert_eq!((rate.events_per_hour[0], rate.events_per_hour[1], rate.events_per_hour[23]), (2, 3, 5));
        assert_eq!(rate.events_per_hour.iter().sum::<u64>(), 10);
        let rate = Rate::new(&[(at(20), 1.0)], at(100));
        assert_eq!((rate.last_event, rate.events_per_hour.iter().sum()), (Some(at(20)), 0_u64));
        assert_eq!(Rate::new(&[], at(100)).last_event, None);
    }
}
