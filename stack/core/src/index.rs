//! Index names. They follow from the event alone, so that a redelivered event always meets its own id.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use crate::names::IndexPrefix;

/// How much time one index covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Period {
    /// `PREFIX-2026.11.23`.
    #[default]
    Day,
    /// `PREFIX-2026.W48`, weeks as ISO 8601 counts them.
    Week,
    /// `PREFIX-2026.11`.
    Month,
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        })
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "day" => Ok(Self::Day),
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            _ => Err("the index period is day, week or month".to_owned()),
        }
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
    pub fn name(&self, timestamp: i64) -> String {
        let prefix = &self.prefix;
        let Some(date) = date(timestamp) else { return format!("{prefix}-outliers") };
        match self.period {
            Period::Day => format!("{prefix}-{:04}.{:02}.{:02}", date.year(), date.month(), date.day()),
            Period::Week => {
                let week = date.iso_week_date();
                format!("{prefix}-{:04}.W{:02}", week.year(), week.week())
            }
            Period::Month => format!("{prefix}-{:04}.{:02}", date.year(), date.month()),
        }
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
        assert_eq!(indices.name(timestamp), name);
    }
}
