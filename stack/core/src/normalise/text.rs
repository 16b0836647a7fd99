//! Plain text: a level near its start, ids behind their names or in the place that a format gives them.

use std::{borrow::Cow, sync::LazyLock};

use memchr::{memchr2_iter, memmem::Finder};

use super::Normalised;
use crate::{ids, level::Level};

/// How many words from the start may be the level.
const PREFIX_WORDS: usize = 8;
/// Bytes of a line in which its level is looked for.
const MAX_LINE: usize = 512;

pub(super) fn read(message: &str) -> Normalised {
    let message = &*without_colours(message);
    let named = request_id(message).map(str::to_owned);
    let placed = placed_id(message);
    let trace_id = trace_id(message).map(|id| super::first_id(id).unwrap_or_else(|| id.to_owned()));
    if let Some((id, rest)) = execution(message) {
        // What stands behind it is a payload of somebody, which tells nothing of this line.
        return Normalised {
            level: of_execution(rest),
            request_id: Some(id.to_owned()),
            trace_id,
            payload_follows: true,
            ..Normalised::default()
        };
    }
    Normalised {
        level: level(message),
        request_id: named.or_else(|| placed.map(str::to_owned)),
        trace_id,
        ..Normalised::default()
    }
}

/// A text without the codes that colour it in a terminal.
pub(super) fn without_colours(text: &str) -> Cow<'_, str> {
    if memchr::memchr(0x1b, text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut parts = text.split('\u{1b}');
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        plain.push_str(behind_colour(part).unwrap_or(part));
    }
    Cow::Owned(plain)
}

/// What stands behind a code that colours, of a text that stands behind an escape; `None` where it begins with none.
#[must_use]
pub fn behind_colour(text: &str) -> Option<&str> {
    let code = text.strip_prefix('[')?;
    code.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').strip_prefix('m')
}

/// A message up to its first line break.
pub(super) fn first_line(message: &str) -> &str {
    &message[..memchr::memchr(b'\n', message.as_bytes()).unwrap_or(message.len())]
}

/// `(id) text`: a line of the execution log of API Gateway.
fn execution(message: &str) -> Option<(&str, &str)> {
    let (id, rest) = message.strip_prefix('(')?.split_once(") ")?;
    ids::is_id(id).then_some((id, rest))
}

fn of_execution(line: &str) -> Option<Level> {
    let status = line
        .strip_prefix("Method completed with status: ")
        .or_else(|| line.strip_prefix("Received response. Status: "));
    let failed = line.starts_with("Execution failed") || status.is_some_and(|status| status.starts_with('5'));
    failed.then_some(Level::Error)
}

/// A level as loggers write it.
fn level(message: &str) -> Option<Level> {
    let line = first_line(message);
    let line = &line[..(0..=line.len().min(MAX_LINE)).rev().find(|at| line.is_char_boundary(*at))?];
    of_form(line)
        .or_else(|| second_line(message, line))
        .or_else(|| among_words(line))
        .or_else(|| labelled_level(message))
}

/// `java.util.logging` has the time in a line of its own: `Nov 24, 2026 10:00:00 AM com.shop.Cart add`.
pub(super) fn second_line(message: &str, first: &str) -> Option<Level> {
    let dated = first.len() > 24 && first.as_bytes()[3] == b' ' && (first.contains(" AM ") || first.contains(" PM "));
    let second = message.get(first.len() + 1..).filter(|_| dated)?;
    in_word(second.split_whitespace().next()?, true)
}

/// Whether a text ends with a word that is no level, as `upstream said `.
pub(super) fn ends_in_prose(text: &str) -> bool {
    let last = text.split_whitespace().next_back().unwrap_or_default();
    let is_word = last.len() > 1 && last.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_word && Level::of_word(last).is_none()
}

/// Formats in which a level is no word.
fn of_form(line: &str) -> Option<Level> {
    // klog: `E1124 10:00:00.123456`.
    let klog = |line: &str| {
        let (sign, rest) = line.split_at_checked(1)?;
        let date = rest.get(..5)?.strip_suffix(' ')?;
        let time = rest.as_bytes().get(5..8)?;
        let fits = date.bytes().all(|byte| byte.is_ascii_digit()) && time[0].is_ascii_digit() && time[2] == b':';
        match sign {
            "I" if fits => Some(Level::Info),
            "W" if fits => Some(Level::Warn),
            "E" if fits => Some(Level::Error),
            "F" if fits => Some(Level::Fatal),
            _ => None,
        }
    };
    // syslog: `<11>`, severity and facility in one number.
    let syslog = |line: &str| {
        let (priority, _) = line.strip_prefix('<')?.split_once('>')?;
        let priority: u8 = priority.parse().ok().filter(|priority| *priority < 192)?;
        Some(
            [
                Level::Fatal,
                Level::Fatal,
                Level::Fatal,
                Level::Error,
                Level::Warn,
                Level::Info,
                Level::Info,
                Level::Debug,
            ][usize::from(priority % 8)],
        )
    };
    let failed = line.starts_with("npm ERR!")
        // A phase of CodeBuild.
        || (line.starts_with("[Container] ") && line.contains(" State: FAILED"));
    klog(line).or_else(|| syslog(line)).or(failed.then_some(Level::Error))
}

/// Words that are levels in a logger's shape only: in prose they are something else.
fn is_rare(word: &str) -> bool {
    [
        "alert",
        "fine",
        "finer",
        "finest",
        "note",
        "notice",
        "panic",
        "emerg",
        "emergency",
        "fail",
        "config",
        "silly",
        "severe",
        "verbose",
        "log",
        "information",
        "informational",
    ]
    .iter()
    .any(|rare| word.eq_ignore_ascii_case(rare))
}

/// A level among the first words of a line: in brackets, between signs, in capitals, or followed by a colon.
fn among_words(line: &str) -> Option<Level> {
    let mut first = true;
    for word in line.split([' ', '\t']).filter(|word| !word.is_empty()).take(PREFIX_WORDS) {
        let at_start = std::mem::replace(&mut first, false);
        // Most words are of this kind.
        let is_plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_plain && word.bytes().any(|byte| !byte.is_ascii_uppercase()) {
            continue;
        }
        if let Some(level) = in_word(word, at_start) {
            return Some(level);
        }
        // What stands behind a pair or a member is text of somebody.
        if word.starts_with(['{', '"', '\'']) {
            return None;
        }
    }
    None
}

/// The level in a word, which may have signs: `ERROR:root:`, `app.ERROR:`, `[core:error]`, `a|WARN|b`, `ERROR/Main]`.
fn in_word(word: &str, at_start: bool) -> Option<Level> {
    let bytes = word.as_bytes();
    let mut end = 0;
    while let Some(start) = bytes[end..].iter().position(u8::is_ascii_alphabetic) {
        let begin = end + start;
        let length = bytes[begin..].iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(bytes.len() - begin);
        end = begin + length;
        // What no level begins with, most words do.
        if !(3..=13).contains(&length) || !b"acdefilnpstvw".contains(&bytes[begin].to_ascii_lowercase()) {
            continue;
        }
        let part = &word[begin..end];
        let level = match Level::of_word(part) {
            Some(level) => level,
            // PostgreSQL's.
            None if part == "LOG" => Level::Info,
            None => continue,
        };
        let before = begin.checked_sub(1).map(|at| bytes[at]);
        let after = bytes.get(end).copied();
        let capitals = part.bytes().all(|byte| byte.is_ascii_uppercase());
        let ends = |sign: Option<u8>| matches!(sign, Some(b':' | b']' | b'|' | b'>' | b')' | b'/'));
        let begins = |sign: Option<u8>| matches!(sign, Some(b'[' | b'<' | b'|' | b'(' | b':' | b'.'));
        // `<Error><Code>` is XML.
        let is_tag = before == Some(b'<') && bytes[end..].contains(&b'<');
        let bracketed = begins(before) && ends(after) && !is_tag;
        // `[WARN ]` is cut behind its level.
        let opened = matches!(before, Some(b'[' | b'<')) && after.is_none();
        let labelled = after == Some(b':') && (before.is_none() || begins(before));
        let whole = before.is_none()
            && (after.is_none() || ends(after) || matches!(after, Some(b',' | b'-')) && end + 1 == bytes.len());
        let is = if is_rare(part) {
            bracketed
                || (opened && capitals)
                || (labelled && ((capitals && part.len() > 3) || (at_start && part.eq_ignore_ascii_case("fail"))))
        } else {
            !is_tag && (bracketed || opened || labelled || (capitals && (whole || begins(before) || ends(after))))
        };
        if is {
            return Some(level);
        }
    }
    None
}

/// `level=error`, `"level":"ERROR"`, `'level': 'ERROR'`: of a pair in a line of another form, or of JSON that is broken.
fn labelled_level(message: &str) -> Option<Level> {
    static SMALL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("evel"));
    static SEVERITY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("everity"));
    [(&SMALL, "evel"), (&SEVERITY, "everity")].into_iter().find_map(|(finder, stem)| {
        finder.find_iter(message.as_bytes()).take(8).find_map(|at| {
            let begin = at.checked_sub(1)?;
            let is_word = matches!(message.as_bytes()[begin], b'l' | b'L' | b's' | b'S');
            let before = begin.checked_sub(1).map(|at| message.as_bytes()[at]);
            let rest = &message[at + stem.len()..];
            // `"logLevel":"ERROR"` is a member; `log_level=error` is how a program was started.
            let of_member = rest.starts_with(['"', '\'', '\\']) && matches!(before, Some(b'g' | b'_'));
            if !is_word
                || (!of_member && before.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)))
            {
                return None;
            }
            let value = rest.trim_start_matches(['"', '\'', '\\']).strip_prefix(['=', ':'])?;
            let value = value.trim_start_matches([' ', '"', '\'', '\\']);
            let end = value.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(value.len());
            Level::of_word(&value[..end])
        })
    })
}

/// The id that stands alone where a format puts the request: first in a line, or between the time and the level.
fn placed_id(message: &str) -> Option<&str> {
    let line = first_line(message);
    for word in line.split([' ', '\t']).filter(|word| !word.is_empty()).take(5) {
        let bare = word.trim_matches(['[', ']', '(', ')']);
        if bare.len() == 36 && ids::is_id(bare) {
            return Some(bare);
        }
        let is_time = word.starts_with(|c: char| c.is_ascii_digit() || c == '[') && word.contains([':', '-', '/']);
        if !is_time {
            return None;
        }
    }
    None
}

/// The word behind `requestId`, `request_id` or `request-id`, in any case and also as `awsRequestId`, where that is followed by
/// `=` or `:`.
fn request_id(message: &str) -> Option<&str> {
    // A `q` is rare.
    let mut stems = memchr2_iter(b'q', b'Q', message.as_bytes()).filter_map(|at| at.checked_sub("re".len()));
    stems.find_map(|at| labelled(message, at, "request", &["aws_", "aws", "function_", "function"]))
}

/// The same for `traceId`, `trace_id` and `trace-id`.
pub(super) fn trace_id(message: &str) -> Option<&str> {
    static SMALL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("race"));
    static CAPITAL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("RACE"));
    [&SMALL, &CAPITAL].into_iter().find_map(|finder| {
        let mut stems = finder.find_iter(message.as_bytes()).filter_map(|at| at.checked_sub("t".len()));
        stems.find_map(|at| labelled(message, at, "trace", &["xray_", "xray", "otel"]))
    })
}

/// The value of a label that begins at `at` with `stem`: `requestId=X`, `RequestId: X`, `"request_id": "X"`. No word may stand
/// before it but one of `prefixes`.
fn labelled<'m>(message: &'m str, at: usize, stem: &str, prefixes: &[&str]) -> Option<&'m str> {
    let (before, rest) = message.split_at_checked(at)?;
    let (label, rest) = rest.split_at_checked(stem.len())?;
    let rest = rest.strip_prefix(['_', '-']).unwrap_or(rest);
    let (suffix, rest) = rest.split_at_checked("id".len())?;
    if !label.eq_ignore_ascii_case(stem) || !suffix.eq_ignore_ascii_case("id") {
        return None;
    }
    let prefix = |prefix: &&str| {
        let (before, end) = before.split_at_checked(before.len().checked_sub(prefix.len())?)?;
        end.eq_ignore_ascii_case(prefix).then_some(before)
    };
    let before = prefixes.iter().find_map(prefix).unwrap_or(before);
    if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let value = rest.trim_start_matches(['"', '\'', '\\']).strip_prefix(['=', ':'])?;
    let value = value.trim_start_matches([' ', '"', '\'', '\\']);
    let end = value.find(|c: char| !(c.is_ascii_alphanumeric() || "-_./:+=".contains(c))).unwrap_or(value.len());
    let id = value[..end].trim_end_matches(['.', ':']);
    (id.len() >= 4 && super::is_something(id)).then_some(id)
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("charging requestId=abc-1, amount 3", Some("abc-1"); "equals sign")]
    #[test_case("charging RequestId: abc-1.", Some("abc-1"); "colon")]
    #[test_case("x 'request_id': 'abc-1'", Some("abc-1"); "quotes of python")]
    #[test_case("myrequestid=abc-1", None; "another word")]
    #[test_case("requestid of nothing", None; "no value")]
    #[test_case("requestid of nothing, awsRequestId=abc-1", Some("abc-1"); "a later label")]
    #[test_case("X-Request-ID: abc-1", Some("abc-1"); "a header")]
    #[test_case("charging aws_request_id=abc-1", Some("abc-1"); "as python has it")]
    #[test_case("handler failed request_id=None", None; "a word for nothing")]
    #[test_case("8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f boom", Some("8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f"); "first in the line, as appsync has it")]
    #[test_case("order 8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f boom", None; "an id of an order")]
    fn request_ids(message: &str, expected: Option<&str>) {
        assert_eq!(read(message).request_id.as_deref(), expected);
    }

    #[test_case("health ALERT mail sent", None; "alert in prose")]
    #[test_case("a FINE of 200 EUR", None; "fine in prose")]
    #[test_case("SELECT NOTE FROM t", None; "note in a query")]
    #[test_case("note: run with RUST_BACKTRACE", None; "a note")]
    #[test_case("[Note] InnoDB: started", Some(Level::Info); "mysql")]
    #[test_case("2026-11-24T10:00:00.123456Z 0 [Warning] [MY-010068] [Server] CA certificate", Some(Level::Warn); "mysql 8")]
    #[test_case("2026-11-24 10:00:00 UTC::@:[20175]:FATAL:  password authentication failed", Some(Level::Fatal); "postgres")]
    #[test_case("2026-11-24 10:00:00|WARN|com.shop.Cart|slow", Some(Level::Warn); "between bars")]
    #[test_case("Nov 24, 2026 10:00:00 AM com.shop.Cart add", None; "the first line of java.util.logging")]
    #[test_case("SEVERE: cannot start", Some(Level::Error); "the second")]
    #[test_case("<11>1 2026-11-24T10:00:00Z host app - - - boom", Some(Level::Error); "syslog")]
    #[test_case("npm ERR! code ELIFECYCLE", Some(Level::Error); "npm")]
    #[test_case("W1124 10:00:00.123456       1 reflector.go:533] watch ended", Some(Level::Warn); "klog")]
    #[test_case("E1124 is a flight", None; "not klog")]
    #[test_case("[Thu Nov 24 10:00:00.123 2026] [proxy:error] [pid 7] AH00957", Some(Level::Error); "apache 2.4")]
    #[test_case("I, [2026-11-24T10:00:00.123456 #7]  INFO -- : started", Some(Level::Info); "ruby")]
    #[test_case("10:00:00.123 [error] GenServer terminating", Some(Level::Error); "elixir")]
    #[test_case("crit: Microsoft.Hosting[0]", Some(Level::Fatal); "dotnet")]
    #[test_case("<Error><Code>NoSuchKey</Code></Error>", None; "an element of XML")]
    #[test_case("user error: handling is fun", Some(Level::Error); "a word with its colon")]
    #[test_case("server started, log_level=error", None; "how it was started")]
    #[test_case(r#"{"logLevel":"ERROR","cut"#, Some(Level::Error); "a member of JSON that is cut")]
    #[test_case("Nov 24, 2026 10:00:00 AM com.shop.Cart add\nWARNING: retry", Some(Level::Warn); "the lines of java.util.logging")]
    fn levels(message: &str, expected: Option<Level>) {
        assert_eq!(level(message), expected);
    }
}
