//! Times as people type and read them.

use std::ops::Range;

use jiff::{SignedDuration, Span, Timestamp, civil, tz::TimeZone};

use crate::error::{Error, Kind};

/// A moment on the command line: `15m`, `now-1h`, `yesterday 14:30`, `2026-11-23T10:05Z`, seconds since 1970.
///
/// Naive times are in `zone`.
///
/// # Errors
/// Wrong usage, with what would be understood.
pub fn moment(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, Error> {
    let text = text.trim();
    parse(text, now, zone).ok_or_else(|| {
        Error::new(Kind::Usage, format!("`{text}` is no time"))
            .hint("times look like 15m, 2h30m, now-1h, yesterday 14:30, 2026-11-23 10:05 or 2026-11-23T10:05:00Z")
    })
}

fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    if text == "now" {
        return Some(now);
    }
    if let Some(span) = text.strip_prefix("now-").or(Some(text)).and_then(ago) {
        return now.checked_sub(span).ok();
    }
    if let Some(epoch) = epoch(text) {
        return Some(epoch);
    }
    text.parse()
        .ok()
        .or_else(|| naive(text, now, zone)?.to_zoned_datetime(zone.clone()).ok().map(|zoned| zoned.timestamp()))
}

/// A span of time, such as `2h30m` or `1d`; a day has 24 hours.
fn ago(text: &str) -> Option<SignedDuration> {
    if !text.ends_with(|c: char| c.is_ascii_alphabetic()) || !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let span: Span = text.parse().ok()?;
    span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()
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

fn naive(text: &str, now: Timestamp, zone: &TimeZone) -> Option<civil::DateTime> {
    let today = zone.to_datetime(now).date();
    let (day, time) = text.split_once([' ', 'T']).unwrap_or((text, ""));
    let date = match day {
        "today" => Some(today),
        "yesterday" => today.yesterday().ok(),
        _ => weekday(day, today).or_else(|| day.parse().ok()),
    };
    let time = if date.is_some() { time } else { text };
    let time = match time {
        "" if date.is_some() => civil::Time::midnight(),
        time => time.contains(':').then(|| time.parse().ok())??,
    };
    Some(date.unwrap_or(today).to_datetime(time))
}

/// The last day of that name before today.
fn weekday(name: &str, today: civil::Date) -> Option<civil::Date> {
    use civil::Weekday;
    let weekday = match name {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    };
    today.nth_weekday(-1, weekday).ok()
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

/// RFC 3339 in UTC with milliseconds, as JSON carries times.
#[must_use]
pub fn rfc3339(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// The time of milliseconds since 1970; times that no calendar holds become its ends.
#[must_use]
pub fn of_milliseconds(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(if milliseconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// `2026-11-23 20:05:12 to 21:05:12 +01:00`.
#[must_use]
pub fn describe(range: &Range<Timestamp>, zone: &TimeZone) -> String {
    let [since, until] = [range.start, range.end].map(|time| time.to_zoned_datetime(zone.clone()));
    let end = if since.date() == until.date() { "%H:%M:%S %:z" } else { "%Y-%m-%d %H:%M:%S %:z" };
    format!("{} to {}", since.strftime("%Y-%m-%d %H:%M:%S"), until.strftime(end))
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
        assert_eq!(moment(text, now, &zone).unwrap(), expected.parse().unwrap());
    }

    #[test_case("soon")]
    #[test_case("15")]
    #[test_case("")]
    #[test_case("25:00")]
    fn no_moments(text: &str) {
        assert_eq!(moment(text, Timestamp::UNIX_EPOCH, &TimeZone::UTC).unwrap_err().kind, Kind::Usage);
    }

    #[test]
    fn a_range_is_described_with_its_offset() {
        let range = "2026-11-23T10:05:00Z".parse().unwrap().."2026-11-23T11:05:00Z".parse().unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(describe(&range, &zone), "2026-11-23 11:05:00 to 12:05:00 +01:00");
    }
}
