//! Dead letters: what was received and not indexed, with the reason and everything needed to index it later.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use strum::{Display, EnumCount, EnumIter, EnumString, VariantNames};

use crate::{event::Origin, index_name::utc_date};

/// Why something is a dead letter.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumCount,
    EnumIter,
    EnumString,
    VariantNames,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = no_kind)]
pub enum LetterKind {
    /// The engine refused the event, even without its fields.
    Rejected,
    /// The engine could not be reached, or refused everything.
    Outage,
    /// It could not be decoded; it is kept whole.
    Undecodable,
}

impl LetterKind {
    /// What the keys of this kind begin with.
    #[must_use]
    pub fn prefix(self) -> String {
        format!("{self}/")
    }
}

fn no_kind(_: &str) -> String {
    format!("the kinds are {}", LetterKind::VARIANTS.join(", "))
}

/// One line of a dead-letter object, which is gzip of NDJSON. It holds an event or a payload.
#[derive(Debug, Serialize, Deserialize)]
pub struct DeadLetter<'a> {
    /// Why.
    pub kind: LetterKind,
    /// What the engine or the decoder said.
    pub reason: Cow<'a, str>,
    /// When it was given up, in milliseconds since 1970.
    pub at: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// The index that an event was meant for: there it may stand already, so there it belongs when it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<Cow<'a, str>>,
    /// Where an event comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Cow<'a, Origin>>,
    /// An event as it arrived.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub event: Option<&'a RawValue>,
    /// A payload as it arrived: `awslogs.data`, or the whole invocation where that was missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Cow<'a, str>>,
}

/// What the keys of the records begin with that Lambda itself writes of invocations that failed:
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>.
pub const FAILED_INVOCATIONS: &str = "aws/lambda/async/";

/// A record of an asynchronous invocation that failed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedInvocation {
    /// What the function was called with.
    pub request_payload: serde_json::Value,
}

/// What the keys of objects begin with that could not be read or written, and were set aside for a person; the rest is the
/// key that they had.
pub const ASIDE: &str = "aside/";

/// The key that an object had before it was set aside, or has, if it was not.
#[must_use]
pub fn before_aside(key: &str) -> &str {
    key.strip_prefix(ASIDE).unwrap_or(key)
}

/// The key of an object with dead letters: `KIND/YYYY-MM-DD/MILLISECONDS-REQUEST.ndjson.gz`, so that one kind and day
/// list cheaply and in order.
#[must_use]
pub fn key(kind: LetterKind, at: i64, request: &str) -> String {
    format!("{kind}/{}/{at}-{request}.ndjson.gz", utc_date(at))
}

/// The key for letters of `kind` that are left over from the object at `key`: the same where that is of their kind. It
/// follows from `key` alone, so that whoever is interrupted writes the same object again; but where only a `part` of the
/// object was taken, which must be a name of its own, other parts will follow and must not meet this one.
#[must_use]
pub fn key_of_rest(kind: LetterKind, key: &str, part: Option<i64>) -> String {
    let key = before_aside(key);
    if key.starts_with(&kind.prefix()) {
        return key.to_owned();
    }
    let (from, rest) = match key.strip_prefix(FAILED_INVOCATIONS) {
        // FUNCTION/YYYY/MM/DD/NAME
        Some(rest) => ("invocation", rest.split_once('/').map_or(rest, |(_, rest)| rest).replacen('/', "-", 2)),
        None => key.split_once('/').map_or(("", key.to_owned()), |(kind, rest)| (kind, rest.to_owned())),
    };
    let stem = rest.strip_suffix(".ndjson.gz").unwrap_or(&rest);
    let part = part.map_or_else(String::new, |part| format!("-{part}"));
    format!("{kind}/{stem}-from-{from}{part}.ndjson.gz")
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test]
    fn a_key_lists_by_kind_and_day() {
        assert_eq!(key(LetterKind::Outage, 1_795_392_000_000, "r-1"), "outage/2026-11-23/1795392000000-r-1.ndjson.gz");
    }

    #[test_case("rejected/2026-11-23/1-r.ndjson.gz", "rejected/2026-11-23/1-r.ndjson.gz"; "the same kind")]
    #[test_case("outage/2026-11-23/1-r.ndjson.gz", "rejected/2026-11-23/1-r-from-outage.ndjson.gz"; "another kind")]
    #[test_case("aside/outage/2026-11-23/1-r.ndjson.gz", "rejected/2026-11-23/1-r-from-outage.ndjson.gz"; "one that was set aside")]
    #[test_case("aside/rejected/2026-11-23/1-r.ndjson.gz", "rejected/2026-11-23/1-r.ndjson.gz"; "one of the same kind that was set aside")]
    #[test_case("aws/lambda/async/f/2026/11/23/2026-11-23T10.00.00-x", "rejected/2026-11-23/2026-11-23T10.00.00-x-from-invocation.ndjson.gz"; "a record of Lambda")]
    fn rests(key: &str, rest: &str) {
        assert_eq!(key_of_rest(LetterKind::Rejected, key, None), rest);
    }

    #[test]
    fn parts_do_not_meet() {
        let rest = |part| key_of_rest(LetterKind::Rejected, "outage/2026-11-23/1-r.ndjson.gz", Some(part));
        assert_eq!(rest(7), "rejected/2026-11-23/1-r-from-outage-7.ndjson.gz");
        assert_ne!(rest(7), rest(8));
    }

    #[test]
    fn a_line_reads_back() {
        let origin = Origin { owner: "1".into(), region: "r".into(), log_group: "/a".into(), log_stream: "s".into() };
        let event = serde_json::from_str(r#"{"id":"1","timestamp":2,"message":"m\n"}"#).unwrap();
        let letter = |event, payload| DeadLetter {
            kind: LetterKind::Rejected,
            reason: "why \"so\"".into(),
            at: 3,
            attempts: 1,
            index: Some("logctl-2026.11.23".into()),
            origin: Some(Cow::Borrowed(&origin)),
            event,
            payload,
        };
        for letter in [letter(Some(event), None), letter(None, Some("AAAA".into()))] {
            let line = serde_json::to_string(&letter).unwrap();
            let read: DeadLetter<'_> = serde_json::from_str(&line).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), line);
        }
    }
}
