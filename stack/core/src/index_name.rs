//! Index names. They follow from the event alone, so that a redelivered event always meets its own id.

use std::fmt;

use jiff::{
    Timestamp,
    civil::{Date, ISOWeekDate, Weekday},
    tz::TimeZone,
};
use strum::{Display, EnumIter, EnumString, IntoEnumIterator as _, VariantNames};

use crate::names::IndexPrefix;

/// How much time one index covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Display, EnumIter, EnumString, VariantNames)]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = no_period)]
pub enum Period {
    /// `PREFIX-2026.11.23`.
    #[default]
    Day,
    /// `PREFIX-2026.W48`, weeks as ISO 8601 counts them.
    Week,
    /// `PREFIX-2026.11`.
    Month,
}

/// What the name of the index ends with that holds the events of impossible times.
const OUTLIERS: &str = "outliers";

impl Period {
    /// What the index of a day is called, behind the prefix.
    fn name(self, date: Date) -> String {
        match self {
            Self::Day => date.strftime("%Y.%m.%d").to_string(),
            Self::Week => {
                let week = date.iso_week_date();
                format!("{:04}.W{:02}", week.year(), week.week())
            }
            Self::Month => date.strftime("%Y.%m").to_string(),
        }
    }

    /// Whether `text` is such a name.
    fn names(self, text: &str) -> bool {
        let number = |range: std::ops::Range<usize>| -> Option<i16> {
            let digits = text.get(range)?;
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
        };
        let two = |at: usize| number(at..at + 2)?.try_into().ok();
        let date = || match self {
            Self::Day => Date::new(number(0..4)?, two(5)?, two(8)?).ok(),
            Self::Week => Some(ISOWeekDate::new(number(0..4)?, two(6)?, Weekday::Monday).ok()?.date()),
            Self::Month => Date::new(number(0..4)?, two(5)?, 1).ok(),
        };
        date().is_some_and(|date| self.name(date) == text)
    }
}

fn no_period(_: &str) -> String {
    format!("the periods of an index are {}", Period::VARIANTS.join(", "))
}

/// The name of an index of ours: made here, or checked here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexName(String);

impl IndexName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IndexName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Names the indices of one stack.
#[derive(Debug, Clone)]
pub struct Indices {
    /// What the names begin with.
    pub prefix: IndexPrefix,
    /// How much time one index covers.
    pub period: Period,
}

impl Indices {
    /// The index of an event that happened `timestamp` milliseconds after 1970, UTC.
    ///
    /// Times that cannot come from CloudWatch, before 2006 or after 2100, share `PREFIX-outliers`.
    #[must_use]
    pub fn name(&self, timestamp: i64) -> IndexName {
        let time = date(timestamp).map_or_else(|| OUTLIERS.to_owned(), |date| self.period.name(date));
        IndexName(format!("{}-{time}", self.prefix))
    }

    /// A name that comes from outside, such as that of a dead letter, which anybody may have put into the bucket: ours by
    /// its prefix and its form. The form may be that of another period, since a stack can change its own.
    ///
    /// # Errors
    /// A sentence that names what is no index of this stack.
    pub fn check(&self, name: &str) -> Result<IndexName, String> {
        let time = name.strip_prefix(self.prefix.as_str()).and_then(|rest| rest.strip_prefix('-'));
        let ours = time.is_some_and(|time| time == OUTLIERS || Period::iter().any(|period| period.names(time)));
        if ours { Ok(IndexName(name.to_owned())) } else { Err(format!("`{name}` is no index of this stack")) }
    }
}

/// The UTC date of a time that can come from CloudWatch.
fn date(timestamp: i64) -> Option<Date> {
    Some(utc_date(timestamp)).filter(|date| (2006..=2100).contains(&date.year()))
}

/// The UTC date of a time in milliseconds since 1970; the first of 1970 for one that no calendar has.
pub(crate) fn utc_date(timestamp: i64) -> Date {
    TimeZone::UTC.to_datetime(Timestamp::from_millisecond(timestamp).unwrap_or_default()).date()
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(Period::Day, 1_795_392_000_000, "logctl-2026.11.23"; "day")]
    #[test_case(Period::Week, 1_798_761_600_000, "logctl-2026.W53"; "the first of January in a week of the old year")]
    #[test_case(Period::Month, 1_795_392_000_000, "logctl-2026.11"; "month")]
    #[test_case(Period::Day, 0, "logctl-outliers"; "1970")]
    #[test_case(Period::Day, 253_370_764_800_000, "logctl-outliers"; "9999")]
    #[test_case(Period::Day, i64::MAX, "logctl-outliers"; "not a date")]
    fn names(period: Period, timestamp: i64, name: &str) {
        let indices = Indices { prefix: "logctl".parse().unwrap(), period };
        assert_eq!(indices.name(timestamp).as_str(), name);
        assert_eq!(indices.check(name), Ok(indices.name(timestamp)));
    }

    #[test_case("orders"; "of somebody else")]
    #[test_case("logctl-2026.11.23,orders"; "two of them")]
    #[test_case("logctl-2026.13.01"; "no month")]
    #[test_case("logctl-2026.W54"; "no week")]
    #[test_case("logctl-+026.11"; "a sign")]
    #[test_case("logctl-2026.11.23\"}}\n{\"delete\":{\"_index\":\"orders"; "a line of its own")]
    #[test_case("logctl-team-2026.11.23"; "of a stack whose prefix begins like ours")]
    #[test_case("logctl-"; "nothing")]
    #[test_case("logctl-2026.11.2é"; "a letter of two bytes")]
    fn what_is_not_ours_is_refused(name: &str) {
        let indices = Indices { prefix: "logctl".parse().unwrap(), period: Period::Day };
        assert_eq!(indices.check(name), Err(format!("`{name}` is no index of this stack")));
    }
}
