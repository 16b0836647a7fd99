//! Times in a query.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{
    aliases,
    tree::{Bound, Comparison, Field, Query},
};
use crate::{
    error::Error,
    time::{Moment, rfc3339},
};

/// The query with its times as they are seen from `now`; naive ones are in `zone`.
///
/// # Errors
/// Wrong usage where no calendar has one of them.
pub fn at(query: Query, now: Timestamp, zone: &TimeZone) -> Result<Query, Error> {
    let all = |parts: Vec<Query>| parts.into_iter().map(|part| at(part, now, zone)).collect::<Result<_, _>>();
    let moment = |text: String| match text.parse::<Moment>() {
        Ok(moment) => moment.at(now, zone).map(rfc3339),
        Err(_) => Ok(text),
    };
    let bound = |bound: Option<Bound>| {
        bound.map(|bound| Ok::<_, Error>(Bound { value: moment(bound.value)?, ..bound })).transpose()
    };
    Ok(match query {
        Query::And(parts) => Query::And(all(parts)?),
        Query::Or(parts) => Query::Or(all(parts)?),
        Query::Not(part) => at(*part, now, zone)?.negated(),
        Query::Test { field, comparison, mut value } if comparison.orders() && aliases::is_time(&field) => {
            value.text = moment(value.text)?;
            Query::Test { field, comparison, value }
        }
        Query::Range { field, low, high } if aliases::is_time(&field) => {
            Query::Range { low: bound(low)?, high: bound(high)?, field }
        }
        Query::Pasted { text, read: Some(read), literally } => {
            Query::Pasted { text, read: Some(Box::new(at(*read, now, zone)?)), literally }
        }
        other => other,
    })
}

/// The times between which all that a query finds has happened, as far as its own tests say so; see [`at`].
#[must_use]
pub fn window(query: &Query) -> (Option<Timestamp>, Option<Timestamp>) {
    let (mut since, mut until) = (None, None);
    let parts = match query {
        Query::And(parts) => parts.as_slice(),
        other => std::slice::from_ref(other),
    };
    let is_timestamp = |field: &Field| *aliases::canonical(&field.name) == *"@timestamp";
    let moment = |text: &str| text.parse::<Timestamp>().ok();
    // A range ends before its end.
    let end = |text: &str| moment(text)?.checked_add(SignedDuration::from_millis(1)).ok();
    let earlier = |until: Option<Timestamp>, at: Option<Timestamp>| if until.is_none() { at } else { until.min(at) };
    for part in parts {
        match part {
            Query::Test { field, comparison: Comparison::Above | Comparison::AtLeast, value }
                if is_timestamp(field) =>
            {
                since = since.max(moment(&value.text));
            }
            Query::Test { field, comparison: Comparison::Below | Comparison::AtMost, value } if is_timestamp(field) => {
                until = earlier(until, end(&value.text));
            }
            Query::Range { field, low, high } if is_timestamp(field) => {
                since = since.max(low.as_ref().and_then(|low| moment(&low.value)));
                until = high.as_ref().map_or(until, |high| earlier(until, end(&high.value)));
            }
            _ => {}
        }
    }
    (since, until)
}
