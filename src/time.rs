//! Times as people type and read them.

use std::{ops::Range, str::FromStr};

use jiff::{SignedDuration, Span, Timestamp, civil, tz::TimeZone};
use serde::{Serialize as _, Serializer};

use crate::error::{Error, Kind};

/// A moment as it is typed: `15m`, `now-1h`, `yesterday 14:30`, `2026-11-23T10:05Z`, seconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub enum Moment {
    /// That long before now.
    Ago(SignedDuration),
    /// Then.
    At(Timestamp),
    /// On a day, at a time, in the zone of the person who typed it.
    Naive(Day, civil::Time),
}

/// A day as it is typed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Day {
    /// That many days before today.
    Back(i64),
    /// The last one of this name before today.
    Last(civil::Weekday),
    /// That one.
    Date(civil::Date),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if span(text).is_some_and(|span| span.is_negative()) {
            return Err(format!("`{text}` is negative, and a span of time counts back by itself: 2h is two hours ago"));
        }
        parse(text).ok_or_else(|| {
            "times look like 15m, 2h30m, 2 hours ago, now-1h, yesterday 14:30, 2026-11-23 10:05 or 2026-11-23T10:05:00Z"
                .to_owned()
        })
    }
}

impl Moment {
    /// The moment, seen from `now`; naive times are in `zone`.
    ///
    /// # Errors
    /// Wrong usage where no calendar has it.
    pub fn at(&self, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, Error> {
        let today = zone.to_datetime(now).date();
        let at = match self {
            Self::Ago(span) => now.checked_sub(*span).ok(),
            Self::At(time) => Some(*time),
            Self::Naive(day, time) => day
                .seen_from(today)
                .and_then(|day| Some(day.to_datetime(*time).to_zoned_datetime(zone.clone()).ok()?.timestamp())),
        };
        at.ok_or_else(|| Error::new(Kind::Usage, "no calendar has this time"))
    }
}

impl Day {
    fn seen_from(self, today: civil::Date) -> Option<civil::Date> {
        match self {
            Self::Back(days) => today.checked_sub(SignedDuration::from_hours(24 * days)).ok(),
            Self::Last(weekday) => today.nth_weekday(-1, weekday).ok(),
            Self::Date(date) => Some(date),
        }
    }
}

fn parse(text: &str) -> Option<Moment> {
    if text == "now" {
        return Some(Moment::Ago(SignedDuration::ZERO));
    }
    if let Some(span) = span(text) {
        return Some(Moment::Ago(span));
    }
    epoch(text).or_else(|| text.parse().ok()).map(Moment::At).or_else(|| naive(text))
}

/// How long before now: `2h30m`, `1d`, `now-1h`, `2 hours ago`; a day has 24 hours. Negative where it says that twice.
fn span(text: &str) -> Option<SignedDuration> {
    let since_now = text.strip_prefix("now").map(str::trim_start);
    let (sign, amount) = match (since_now, text.strip_suffix(" ago")) {
        (Some(rest), None) => (1, rest.strip_prefix('-')?),
        (None, Some(amount)) => (1, amount),
        (Some(_), Some(_)) => (-1, text.strip_prefix("now")?.trim_start().strip_prefix('-')?.strip_suffix(" ago")?),
        (None, None) => (1, text),
    };
    let (sign, amount) = amount.trim().strip_prefix('-').map_or((sign, amount.trim()), |amount| (-1, amount.trim()));
    // `ago` turns a span around for who parses it, which was done above.
    let fits = amount.starts_with(|c: char| c.is_ascii_digit()) && amount.ends_with(|c: char| c.is_ascii_alphabetic());
    if !fits || amount.ends_with("ago") {
        return None;
    }
    let span: Span = amount.parse().ok()?;
    Some(span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()? * sign)
}

/// Seconds, milliseconds or nanoseconds since 1970, told apart by the number of digits.
fn epoch(text: &str) -> Option<Timestamp> {
    let number: i64 = text.parse().ok()?;
    match text.len() {
        9..=10 => Timestamp::from_second(number).ok(),
        12..=13 => Timestamp::from_millisecond(number).ok(),
        18..=19 => Timestamp::from_nanosecond(number.into()).ok(),
        _ => None,
    }
}

fn naive(text: &str) -> Option<Moment> {
    let (day, time) = text.split_once([' ', 'T']).unwrap_or((text, ""));
    let day = match day {
        "today" => Some(Day::Back(0)),
        "yesterday" => Some(Day::Back(1)),
        _ => weekday(day).map(Day::Last).or_else(|| day.parse().ok().map(Day::Date)),
    };
    let (day, time) = day.map_or((Day::Back(0), text), |day| (day, time)); // A time alone is one of today.
    let time = match time {
        "" if !text.is_empty() => civil::Time::midnight(),
        time => time.contains(':').then(|| time.parse().ok())??,
    };
    Some(Moment::Naive(day, time))
}

fn weekday(name: &str) -> Option<civil::Weekday> {
    use civil::Weekday;
    let all = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    all.into_iter().find(|(known, _)| *known == name).map(|(_, weekday)| weekday)
}

/// The range between two moments.
///
/// # Errors
/// Wrong usage where it is empty.
pub fn range(since: Timestamp, until: Timestamp) -> Result<Range<Timestamp>, Error> {
    if since < until {
        return Ok(since..until);
    }
    Err(Error::new(Kind::Usage, "the time range is empty: it starts at or after its end")
        .hint("check --since and --until"))
}

/// Whether a range begins on one day of a zone and ends on another.
#[must_use]
pub fn spans_days(range: &Range<Timestamp>, zone: &TimeZone) -> bool {
    let day = |at: Timestamp| zone.to_datetime(at).date();
    day(range.start) != day(range.end)
}

/// RFC 3339 in UTC with milliseconds, as JSON carries times.
#[must_use]
pub fn rfc3339(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// A range as JSON carries it.
#[must_use]
pub fn range_json(range: &Range<Timestamp>) -> serde_json::Value {
    serde_json::json!({"since": rfc3339(range.start), "until": rfc3339(range.end)})
}

/// How long something lasts, as it is typed: `90s`, `1h30m`, `1d`; a millisecond at least.
#[must_use]
pub fn length(text: &str) -> Option<SignedDuration> {
    let span: Span = text.parse().ok()?;
    let length = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
    Some(length).filter(|length| *length >= SignedDuration::from_millis(1))
}

/// A time as JSON carries it, for a serializer.
///
/// # Errors
/// Those of the serializer.
pub fn as_rfc3339<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}

/// The same of a time that may not be there.
///
/// # Errors
/// Those of the serializer.
pub fn optional_rfc3339<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(rfc3339).serialize(serializer)
}

/// The time of milliseconds since 1970; times that no calendar holds become its ends.
#[must_use]
pub fn from_milliseconds(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(if milliseconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// `2026-11-23 20:05:12 to 21:05:12 +01:00`; where clocks have changed, each end has its own offset.
#[must_use]
pub fn describe(range: &Range<Timestamp>, zone: &TimeZone) -> String {
    let [since, until] = [range.start, range.end].map(|time| time.to_zoned_datetime(zone.clone()));
    let begin = if since.offset() == until.offset() { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S %:z" };
    let end = if since.date() == until.date() { "%H:%M:%S %:z" } else { "%Y-%m-%d %H:%M:%S %:z" };
    format!("{} to {}", since.strftime(begin), until.strftime(end))
}

/// How long ago, roughly: `5m`, `3h`, `12d`.
#[must_use]
pub fn rough(elapsed: SignedDuration) -> String {
    let seconds = elapsed.as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("15m", "2026-11-23T09:50:00Z")]
    #[test_case("2h30m", "2026-11-23T07:35:00Z")]
    #[test_case("1d", "2026-11-22T10:05:00Z")]
    #[test_case("now-1h", "2026-11-23T09:05:00Z")]
    #[test_case("now", "2026-11-23T10:05:00Z")]
    #[test_case("2 hours ago", "2026-11-23T08:05:00Z")]
    #[test_case("30 minutes ago", "2026-11-23T09:35:00Z")]
    #[test_case("1h 30m ago", "2026-11-23T08:35:00Z")]
    #[test_case("now - 1h", "2026-11-23T09:05:00Z")]
    #[test_case("1 week", "2026-11-16T10:05:00Z")]
    #[test_case("yesterday 14:30", "2026-11-22T13:30:00Z")]
    #[test_case("monday 09:00", "2026-11-16T08:00:00Z"; "a week ago, since today is Monday")]
    #[test_case("today", "2026-11-22T23:00:00Z")]
    #[test_case("09:30", "2026-11-23T08:30:00Z")]
    #[test_case("2026-11-20", "2026-11-19T23:00:00Z")]
    #[test_case("2026-11-20 10:00", "2026-11-20T09:00:00Z")]
    #[test_case("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z")]
    #[test_case("2026-11-20T10:00Z", "2026-11-20T10:00:00Z")]
    #[test_case("1795392000", "2026-11-23T00:00:00Z"; "seconds")]
    #[test_case("1795392000000", "2026-11-23T00:00:00Z"; "milliseconds")]
    fn moments(text: &str, expected: &str) {
        let now = "2026-11-23T10:05:00Z".parse().unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let moment: Moment = text.parse().unwrap();
        assert_eq!(moment.at(now, &zone).unwrap(), expected.parse().unwrap());
    }

    #[test_case("soon")]
    #[test_case("15")]
    #[test_case("")]
    #[test_case("25:00")]
    #[test_case("ago")]
    #[test_case("in 2 hours")]
    #[test_case("now+2h")]
    #[test_case("2 hours ago ago")]
    fn no_moments(text: &str) {
        assert!(text.parse::<Moment>().is_err());
    }

    #[test_case("-2h")]
    #[test_case("now--2h")]
    #[test_case("-30 minutes ago")]
    #[test_case("now-2 hours ago")]
    fn what_goes_back_twice_is_refused_by_name(text: &str) {
        assert!(text.parse::<Moment>().unwrap_err().contains("is negative"), "{text}");
    }

    #[test]
    fn a_range_is_described_with_its_offset() {
        let range = "2026-11-23T10:05:00Z".parse().unwrap().."2026-11-23T11:05:00Z".parse().unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(describe(&range, &zone), "2026-11-23 11:05:00 to 12:05:00 +01:00");
        let change = "2026-10-25T00:30:00Z".parse().unwrap().."2026-10-25T01:30:00Z".parse().unwrap();
        assert_eq!(describe(&change, &zone), "2026-10-25 02:30:00 +02:00 to 02:30:00 +01:00");
    }
}
