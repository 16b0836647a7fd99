//! Index names. They follow from the time of an event, as far as CloudWatch takes such times, so that a redelivered event
//! always meets its own id.

use std::{fmt, ops::Range};

use jiff::{
    Span, Timestamp,
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
    /// `PREFIX-2026.w48`, weeks as ISO 8601 counts them, but in lower case: engines take nothing else.
    Week,
    /// `PREFIX-2026.11`.
    Month,
}

/// What the name of the index ends with that holds the events of impossible times.
const OUTLIERS: &str = "outliers";

/// Years in which there may be events.
const YEARS: std::ops::RangeInclusive<i16> = 2006..=2100;

/// How far an event may lie from its delivery, in days.
const MAX_DAYS_BACK: i64 = 62;
const MAX_DAYS_AHEAD: i64 = 2;

impl Period {
    /// Days that an index covers, at most.
    #[must_use]
    pub const fn days(self) -> u8 {
        match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 31,
        }
    }

    /// What the index of a day is called, behind the prefix.
    fn name(self, date: Date) -> String {
        match self {
            Self::Day => date.strftime("%Y.%m.%d").to_string(),
            Self::Week => {
                let week = date.iso_week_date();
                format!("{:04}.w{:02}", week.year(), week.week())
            }
            Self::Month => date.strftime("%Y.%m").to_string(),
        }
    }

    /// The first day of such a name.
    fn first(self, text: &str) -> Option<Date> {
        let number = |range: Range<usize>| -> Option<i16> {
            let digits = text.get(range)?;
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
        };
        let two = |at: usize| number(at..at + 2)?.try_into().ok();
        let date = match self {
            Self::Day => Date::new(number(0..4)?, two(5)?, two(8)?).ok(),
            Self::Week => Some(ISOWeekDate::new(number(0..4)?, two(6)?, Weekday::Monday).ok()?.date()),
            Self::Month => Date::new(number(0..4)?, two(5)?, 1).ok(),
        };
        date.filter(|date| YEARS.contains(&date.year()) && self.name(*date) == text)
    }

    /// Whether `text` is such a name.
    fn names(self, text: &str) -> bool {
        self.first(text).is_some()
    }

    fn length(self) -> Span {
        match self {
            Self::Day => Span::new().days(1),
            Self::Week => Span::new().weeks(1),
            Self::Month => Span::new().months(1),
        }
    }
}

/// The days that an index of this name covers, the prefix left out: the first, and the one after the last.
#[must_use]
pub fn days(text: &str) -> Option<Range<Date>> {
    let (period, first) = Period::iter().find_map(|period| Some((period, period.first(text)?)))?;
    Some(first..first.checked_add(period.length()).ok()?)
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
    /// The index of an event that happened at `timestamp` and was delivered by CloudWatch at `delivered`, both in
    /// milliseconds since 1970, UTC.
    ///
    /// CloudWatch takes events from 14 days back to two hours ahead, and delivers them within a day. What is far from that,
    /// by the day, shares `PREFIX-outliers`: a few lines must not make an index for each of many days.
    #[must_use]
    pub fn name(&self, timestamp: i64, delivered: i64) -> IndexName {
        let days = day(timestamp).saturating_sub(day(delivered));
        let time = if (-MAX_DAYS_BACK..=MAX_DAYS_AHEAD).contains(&days) {
            self.period.name(utc_date(timestamp))
        } else {
            OUTLIERS.to_owned()
        };
        IndexName(format!("{}-{time}", self.prefix))
    }

    /// A name that comes from outside, such as that of a dead letter, which anybody may have put into the bucket: ours by
    /// its prefix and its form. The form may be that of another period, since a stack can change its own.
    ///
    /// # Errors
    /// A sentence that names what is no index of this stack.
    pub fn check(&self, name: &str) -> Result<IndexName, String> {
        // Stacks before called weeks so, and no engine took their events: those wait to be replayed.
        let name = &*name.replace(".W", ".w");
        let time = name.strip_prefix(self.prefix.as_str()).and_then(|rest| rest.strip_prefix('-'));
        let ours = time.is_some_and(|time| time == OUTLIERS || Period::iter().any(|period| period.names(time)));
        if ours { Ok(IndexName(name.to_owned())) } else { Err(format!("`{name}` is no index of this stack")) }
    }
}

/// The UTC day of a time in milliseconds since 1970, counted from there.
pub(crate) const fn day(timestamp: i64) -> i64 {
    timestamp.div_euclid(24 * 60 * 60 * 1000)
}

/// The UTC date of a time in milliseconds since 1970; the first of 1970 for one that no calendar has.
pub(crate) fn utc_date(timestamp: i64) -> Date {
    TimeZone::UTC.to_datetime(Timestamp::from_millisecond(timestamp).unwrap_or_default()).date()
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    const DELIVERED: i64 = 1_798_761_600_000; // 2027-01-01
    const DAY: i64 = 24 * 60 * 60 * 1000;

    #[test_case(Period::Day, 1_795_392_000_000, "logctl-2026.11.23"; "day")]
    #[test_case(Period::Week, DELIVERED, "logctl-2026.w53"; "the first of January in a week of the old year")]
    #[test_case(Period::Month, 1_795_392_000_000, "logctl-2026.11"; "month")]
    #[test_case(Period::Day, DELIVERED - 62 * DAY, "logctl-2026.10.31"; "two months back")]
    #[test_case(Period::Day, DELIVERED - 62 * DAY - 1, "logctl-outliers"; "a day more")]
    #[test_case(Period::Day, DELIVERED + 3 * DAY - 1, "logctl-2027.01.03"; "two days ahead")]
    #[test_case(Period::Day, DELIVERED + 3 * DAY, "logctl-outliers"; "three")]
    #[test_case(Period::Day, 0, "logctl-outliers"; "1970")]
    #[test_case(Period::Day, i64::MIN, "logctl-outliers"; "before any date")]
    #[test_case(Period::Day, i64::MAX, "logctl-outliers"; "beyond any date")]
    fn names(period: Period, timestamp: i64, name: &str) {
        let indices = Indices { prefix: "logctl".parse().unwrap(), period };
        assert_eq!(indices.name(timestamp, DELIVERED).as_str(), name);
        assert_eq!(indices.check(name), Ok(indices.name(timestamp, DELIVERED)));
    }

    #[test_case("2026.11.30", Some(("2026-11-30", "2026-12-01")); "day")]
    #[test_case("2026.w53", Some(("2026-12-28", "2027-01-04")); "week")]
    #[test_case("2026.12", Some(("2026-12-01", "2027-01-01")); "month")]
    #[test_case("outliers", None; "no time")]
    #[test_case("2026.13", None; "no month")]
    fn days_of_a_name(text: &str, expected: Option<(&str, &str)>) {
        assert_eq!(days(text), expected.map(|(from, to)| from.parse().unwrap()..to.parse().unwrap()));
    }

    /// Whenever it is delivered within a day, an event meets its own id.
    #[test]
    fn the_time_of_delivery_does_not_matter_to_what_cloudwatch_takes() {
        let indices = Indices { prefix: "logctl".parse().unwrap(), period: Period::Day };
        for sent in [DELIVERED - 14 * DAY, DELIVERED, DELIVERED + DAY / 12] {
            let names = [0, 1, DAY / 2, DAY].map(|later| indices.name(sent, DELIVERED + later));
            assert!(names.iter().all(|name| *name == names[0] && !name.as_str().ends_with("outliers")), "{names:?}");
        }
    }

    #[test]
    fn a_week_in_capitals_is_taken_back() {
        let indices = Indices { prefix: "logctl".parse().unwrap(), period: Period::Week };
        assert_eq!(indices.check("logctl-2026.W48").unwrap().as_str(), "logctl-2026.w48");
    }

    #[test_case("orders"; "of somebody else")]
    #[test_case("logctl-2026.11.23,orders"; "two of them")]
    #[test_case("logctl-2026.13.01"; "no month")]
    #[test_case("logctl-2026.w54"; "no week")]
    #[test_case("logctl-2101.01.01"; "a year beyond")]
    #[test_case("logctl-2005.01"; "a year before")]
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
