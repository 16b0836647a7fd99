//! Whether a comparison makes sense.

use logctl_core::level::Level;

use crate::{
    query::{
        aliases, regex,
        tree::{Bound, Field, Query},
        units,
    },
    time::Moment,
};

/// Whether something may stand at an end of a range: a number, with a unit or without, a level, a date, a star.
pub(super) fn is_bound(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
    text == "*" || Level::of_word(text).is_some() || (starts && units::split(text).is_some()) || is_date(text)
}

/// `2026-11-23`, `2026-11-23T10:00Z`, `now-1h`.
fn is_date(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    (digits == 4 && text[4..].starts_with('-')) || text.starts_with("now")
}

/// Why a query makes no sense, and an example of what does; `None` where it does.
pub(in crate::query) fn nonsense(query: &Query) -> Option<(String, &'static str)> {
    let mut found = None;
    query.walk(&mut |part| {
        let wrong = match part {
            Query::Test { field, comparison, value } if comparison.orders() => of_bound(field, &value.text),
            Query::Range { field, low, high } => {
                [low, high].into_iter().flatten().find_map(|Bound { value, .. }| of_bound(field, value))
            }
            Query::Matches { pattern, .. } => regex::compile(pattern).err().map(|why| (why, "message=~/time.*out/")),
            _ => None,
        };
        if found.is_none() {
            found = wrong;
        }
    });
    found
}

fn of_bound(field: &Field, text: &str) -> Option<(String, &'static str)> {
    if aliases::is_level(field) {
        let is_level = aliases::level(field, text).is_some();
        return (!is_level).then(|| {
            (format!("`{text}` is no level: the levels are trace, debug, info, warn, error, fatal"), "level>=warn")
        });
    }
    if aliases::is_time(field) {
        let is_time = text.parse::<Moment>().is_ok();
        return (!is_time).then(|| (format!("`{text}` is no time"), "@timestamp>=2026-11-23T10:00Z"));
    }
    if let Err(why) = units::in_unit_of(field, text) {
        if is_date(text) || text.parse::<Moment>().is_ok_and(|_| units::split(text).is_none()) {
            let why = format!("`{text}` is a time, and {} compares numbers", field.name);
            return Some((why, "the time of an event is @timestamp, as in @timestamp>=now-1h, or --since 1h"));
        }
        return Some((why, "durationMs>1500"));
    }
    None
}
