//! Plain text: a level near its start, ids behind their names.

use std::sync::LazyLock;

use memchr::{memchr2_iter, memmem::Finder};

use super::Normalised;
use crate::level::Level;

/// How many words from the start may be the level.
const PREFIX_WORDS: usize = 8;

pub(super) fn read(message: &str) -> Normalised {
    Normalised {
        level: level(message),
        request_id: request_id(message).map(str::to_owned),
        trace_id: trace_id(message).map(str::to_owned),
        ..Normalised::default()
    }
}

/// A level as loggers write it: in brackets, in capitals, or followed by a colon.
fn level(message: &str) -> Option<Level> {
    let line = message.lines().next().unwrap_or_default();
    line.split([' ', '\t']).filter(|word| !word.is_empty()).take(PREFIX_WORDS).find_map(|word| {
        // Most words are of this kind.
        if word.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()) && !word.ends_with(':') {
            return None;
        }
        let bare = word.trim_matches(|c| matches!(c, '[' | ']' | '(' | ')' | '<' | '>' | '|' | ':' | ',' | '-'));
        let marked = word.starts_with('[') && word.ends_with(']')
            || word.ends_with(':')
            || (bare.len() > 2 && bare.bytes().all(|b| b.is_ascii_uppercase()));
        if marked { bare.parse().ok() } else { None }
    })
}

/// The word behind `requestId`, `request_id` or `request-id`, in any case and also as `awsRequestId`, where that is followed by
/// `=` or `:`.
fn request_id(message: &str) -> Option<&str> {
    // A `q` is rare.
    let mut stems = memchr2_iter(b'q', b'Q', message.as_bytes()).filter_map(|at| at.checked_sub("re".len()));
    stems.find_map(|at| labelled(message, at, "request", &["aws"]))
}

/// The same for `traceId`, `trace_id` and `trace-id`.
pub(super) fn trace_id(message: &str) -> Option<&str> {
    static SMALL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("race"));
    static CAPITAL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("RACE"));
    [&SMALL, &CAPITAL].into_iter().find_map(|finder| {
        let mut stems = finder.find_iter(message.as_bytes()).filter_map(|at| at.checked_sub("t".len()));
        stems.find_map(|at| labelled(message, at, "trace", &[]))
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
    let value = rest.trim_start_matches('"').strip_prefix(['=', ':'])?;
    let value = value.trim_start_matches([' ', '"', '\'']);
    let end = value.find(|c: char| !(c.is_ascii_alphanumeric() || "-_./:+=".contains(c))).unwrap_or(value.len());
    let id = value[..end].trim_end_matches(['.', ':']);
    (id.len() >= 4).then_some(id)
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("charging requestId=abc-1, amount 3", Some("abc-1"); "equals sign")]
    #[test_case("charging RequestId: abc-1.", Some("abc-1"); "colon")]
    #[test_case("x 'request_id': 'abc-1'", None; "python's quotes are not read")]
    #[test_case("myrequestid=abc-1", None; "another word")]
    #[test_case("requestid of nothing", None; "no value")]
    #[test_case("requestid of nothing, awsRequestId=abc-1", Some("abc-1"); "a later label")]
    #[test_case("X-Request-ID: abc-1", Some("abc-1"); "a header")]
    fn request_ids(message: &str, expected: Option<&str>) {
        assert_eq!(read(message).request_id.as_deref(), expected);
    }
}
