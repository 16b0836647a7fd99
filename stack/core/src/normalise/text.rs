//! Plain text: a level near its start, ids behind their names.

use memchr::memmem;

use super::Normalised;
use crate::level::Level;

/// How many words from the start may be the level.
const PREFIX_WORDS: usize = 8;

pub(super) fn read(message: &str) -> Normalised {
    Normalised {
        level: level(message),
        request_id: labelled(message, &["requestid", "request_id", "request-id", "awsrequestid", "x-request-id"]),
        trace_id: labelled(message, &["traceid", "trace_id", "trace-id"]),
        ..Normalised::default()
    }
}

/// A level as loggers write it: in brackets, in capitals, or followed by a colon.
fn level(message: &str) -> Option<Level> {
    let line = message.lines().next().unwrap_or_default();
    line.split([' ', '\t']).filter(|word| !word.is_empty()).take(PREFIX_WORDS).find_map(|word| {
        let bare = word.trim_matches(|c: char| "[]()<>|:,-".contains(c));
        let marked = word.starts_with('[') && word.ends_with(']')
            || word.ends_with(':')
            || (bare.len() > 2 && bare.bytes().all(|b| b.is_ascii_uppercase()));
        if marked { bare.parse().ok() } else { None }
    })
}

/// The word behind the first of `names`, as in `requestId=X`, `RequestId: X`, `"request_id": "X"`.
fn labelled(message: &str, names: &[&str]) -> Option<String> {
    // What all of them have in common tells most messages apart at once.
    let common = if names[0].starts_with("request") { ["equest", "EQUEST"] } else { ["race", "RACE"] };
    if common.iter().all(|part| memmem::find(message.as_bytes(), part.as_bytes()).is_none()) {
        return None;
    }
    let lower = message.to_ascii_lowercase(); // Same length, so that positions carry over.
    names.iter().find_map(|name| {
        let at = lower.find(name)?;
        let before = message[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            return None;
        }
        let value = message[at + name.len()..].trim_start_matches('"').strip_prefix(['=', ':'])?;
        let value = value.trim_start_matches([' ', '"', '\'']);
        let end = value.find(|c: char| !(c.is_ascii_alphanumeric() || "-_./:+=".contains(c))).unwrap_or(value.len());
        let id = value[..end].trim_end_matches(['.', ':']);
        (id.len() >= 4).then(|| id.to_owned())
    })
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
    fn request_ids(message: &str, expected: Option<&str>) {
        assert_eq!(read(message).request_id.as_deref(), expected);
    }
}
