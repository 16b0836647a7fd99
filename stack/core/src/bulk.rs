//! Bulk requests and what the engine answers to each item.
//!
//! What becomes of an item is decided by statuses and types of errors alone: the words beside them quote the event, and an
//! event must not decide anything.

use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::json::text::unescape;

/// What the engine is asked to answer with: enough to know the outcome of each item, and no more.
/// Escaped as a signature has it: not every reader of a signature does that by itself.
pub const FILTER_PATH: &str = "errors%2Citems.%2A.status%2Citems.%2A.error.type%2Citems.%2A.error.reason\
    %2Citems.%2A.error.caused_by.reason";

/// What became of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemOutcome {
    /// Indexed now.
    Created,
    /// Indexed before.
    Duplicate,
    /// Refused for the moment: the domain has too much to do, or lacks a shard.
    Retry(Refusal),
    /// The engine failed at it, which may be the event's own fault and may pass.
    Failed(Refusal),
    /// Refused for its fields: the degraded form may pass.
    Degrade(Refusal),
    /// Refused for good.
    DeadLetter(Refusal),
    /// Nothing is wrong with the event: the domain lets nobody write there for now.
    Outage(Refusal),
}

/// What the engine says of an item that it refuses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The type of the error.
    pub kind: String,
    /// Why, in words that may quote the event.
    pub reason: String,
    /// What was behind that.
    pub cause: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.kind, &self.reason, &self.cause].map(String::as_str);
        f.write_str(&parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": "))
    }
}

/// The outcomes of a bulk request, in the order of its items. What the engine says of an item may quote anything, and is
/// read as far as it can be: one that stayed unread would have all items sent again, without end.
///
/// # Errors
/// When `reply` is no bulk reply.
pub fn outcomes(reply: &[u8]) -> Result<Vec<ItemOutcome>, serde_json::Error> {
    let reply: Reply = serde_json::from_str(&String::from_utf8_lossy(reply))?;
    Ok(reply.items.into_iter().map(|Item { create }| create.outcome()).collect())
}

/// Whether a request was refused as a whole since its items name their indices, which a setting of the domain
/// (`rest.action.multi.allow_explicit_index`) forbids: then no event is ever taken.
#[must_use]
pub fn names_no_index(reply: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Whole {
        error: Error,
    }
    serde_json::from_slice::<Whole>(reply).is_ok_and(|Whole { error }| {
        error.kind.0 == "illegal_argument_exception" && error.reason.0 == "explicit index in bulk is not allowed"
    })
}

#[derive(Deserialize)]
struct Reply {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    create: Create,
}

#[derive(Deserialize)]
struct Create {
    status: u16,
    error: Option<Error>,
}

#[derive(Deserialize)]
struct Error {
    #[serde(rename = "type", default)]
    kind: Words,
    #[serde(default)]
    reason: Words,
    caused_by: Option<Cause>,
}

#[derive(Deserialize)]
struct Cause {
    #[serde(default)]
    reason: Words,
}

/// A text of the engine.
#[derive(Default)]
struct Words(String);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&RawValue>::deserialize(deserializer)?.get();
        if json == "null" {
            return Ok(Self::default());
        }
        let inner = json.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        Ok(Self(unescape(inner.unwrap_or(json)).into_owned()))
    }
}

impl Create {
    fn outcome(self) -> ItemOutcome {
        let refusal = self.error.map_or_else(Refusal::default, |error| Refusal {
            kind: error.kind.0,
            reason: error.reason.0,
            cause: error.caused_by.map(|cause| cause.reason.0).unwrap_or_default(),
        });
        let refusal = if refusal == Refusal::default() {
            Refusal { kind: format!("status {}", self.status), ..refusal }
        } else {
            refusal
        };
        match self.status {
            200..300 => ItemOutcome::Created,
            409 => ItemOutcome::Duplicate,
            400 | 429 if refusal.is_of_the_cluster() => ItemOutcome::Outage(refusal),
            400 => ItemOutcome::Degrade(refusal),
            401 | 403 | 404 => ItemOutcome::Outage(refusal),
            429 | 503 => ItemOutcome::Retry(refusal),
            500..600 => ItemOutcome::Failed(refusal),
            _ => ItemOutcome::DeadLetter(refusal),
        }
    }
}

impl Refusal {
    /// Whether the index cannot be had: no shard left, closed, read-only. No form of the event would pass, nor would it a
    /// moment later.
    fn is_of_the_cluster(&self) -> bool {
        match self.kind.as_str() {
            "validation_exception" | "index_closed_exception" | "cluster_block_exception" => true,
            // What a validation becomes on its way from another node.
            "illegal_argument_exception" => self.reason.starts_with("Validation Failed: 1: this action would add ["),
            _ => false,
        }
    }

    /// Whether the index takes no new name, since it has too many.
    #[must_use]
    pub fn is_of_the_limit(&self) -> bool {
        self.kind == "illegal_argument_exception" && self.reason.starts_with("Limit of total fields [")
    }

    /// The path that a mapping refuses, dotted: one of those that `has` knows, since whoever names the fields writes the
    /// rest of the reason. The texts are those of `OpenSearch` 2 and 3 and Elasticsearch 7.10.
    pub fn path(&self, has: impl Fn(&str) -> bool) -> Option<&str> {
        if !matches!(self.kind.as_str(), "mapper_parsing_exception" | "document_parsing_exception") {
            return None;
        }
        let begins = [
            "failed to parse field [",
            "object mapping for [",
            "Could not dynamically add mapping for field [",
            "Field [",
        ];
        let rest = begins.iter().find_map(|begin| self.reason.strip_prefix(begin))?;
        // A name may hold a bracket itself. What is wrong with a fixed field cannot be mended by pairs.
        let ends = rest.match_indices(']').map(|(at, _)| &rest[..at]);
        let path = ends.take(MAX_BRACKETS).find(|path| !path.starts_with('@') && has(path))?;
        // Nothing below a value can be taken where an object is wanted.
        let above = rest[path.len()..].strip_prefix("]. Existing mapping for [").and_then(|rest| rest.split_once(']'));
        let above = above.map(|(above, _)| above);
        Some(above.filter(|above| path.starts_with(&format!("{above}."))).unwrap_or(path))
    }
}

/// Brackets in a name behind which its end is looked for.
const MAX_BRACKETS: usize = 8;

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn refusal(kind: &str, reason: &str, cause: &str) -> Refusal {
        Refusal { kind: kind.into(), reason: reason.into(), cause: cause.into() }
    }

    #[test_case(r#"{"create":{"status":201}}"#, ItemOutcome::Created; "created")]
    #[test_case(r#"{"create":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"r"}}}"#, ItemOutcome::Duplicate; "there already")]
    #[test_case(r#"{"create":{"status":429,"error":{"type":"t","reason":"r"}}}"#, ItemOutcome::Retry(refusal("t", "r", "")); "throttled")]
    #[test_case(r#"{"create":{"status":503}}"#, ItemOutcome::Retry(refusal("status 503", "", "")); "unavailable")]
    #[test_case(r#"{"create":{"status":400,"error":{"type":"t","reason":"r","caused_by":{"reason":"c"}}}}"#, ItemOutcome::Degrade(refusal("t", "r", "c")); "its fields")]
    #[test_case(r#"{"create":{"status":403,"error":{"type":"t","reason":"r"}}}"#, ItemOutcome::Outage(refusal("t", "r", "")); "forbidden")]
    #[test_case(r#"{"create":{"status":404,"error":{"type":"t","reason":"r"}}}"#, ItemOutcome::Outage(refusal("t", "r", "")); "nowhere")]
    #[test_case(r#"{"create":{"status":400,"error":{"type":"validation_exception","reason":"no shards"}}}"#, ItemOutcome::Outage(refusal("validation_exception", "no shards", "")); "no room")]
    #[test_case(r#"{"create":{"status":400,"error":{"type":"illegal_argument_exception","reason":"Validation Failed: 1: this action would add [2] total shards, but"}}}"#, ItemOutcome::Outage(refusal("illegal_argument_exception", "Validation Failed: 1: this action would add [2] total shards, but", "")); "no room, said by another node")]
    #[test_case(r#"{"create":{"status":429,"error":{"type":"cluster_block_exception","reason":"index [i] blocked by: [FORBIDDEN/12/index read-only]"}}}"#, ItemOutcome::Outage(refusal("cluster_block_exception", "index [i] blocked by: [FORBIDDEN/12/index read-only]", "")); "read-only")]
    #[test_case(r#"{"create":{"status":500,"error":{"type":"null_pointer_exception","reason":null}}}"#, ItemOutcome::Failed(refusal("null_pointer_exception", "", "")); "no reason given")]
    #[test_case(r#"{"create":{"status":400,"error":{"type":"t","reason":"of \ud800"}}}"#, ItemOutcome::Degrade(refusal("t", "of \u{fffd}", "")); "half a pair")]
    #[test_case(r#"{"create":{"status":429,"error":{"type":7}}}"#, ItemOutcome::Retry(refusal("7", "", "")); "no text")]
    #[test_case(r#"{"create":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"failed to parse field [maximum shards]"}}}"#, ItemOutcome::Degrade(refusal("mapper_parsing_exception", "failed to parse field [maximum shards]", "")); "a field that is called like an outage")]
    fn outcome_of(item: &str, outcome: ItemOutcome) {
        let reply = format!(r#"{{"errors":true,"items":[{item}]}}"#);
        assert_eq!(outcomes(reply.as_bytes()).unwrap(), [outcome]);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_read() {
        let reply = b"{\"items\":[{\"create\":{\"status\":429,\"error\":{\"reason\":\"\xe0\x81\"}}}]}";
        assert_eq!(outcomes(reply).unwrap(), [ItemOutcome::Retry(refusal("", "\u{fffd}\u{fffd}", ""))]);
    }

    #[test_case("<html>"; "a page")]
    #[test_case("{}"; "an object of something else")]
    fn garbage_is_no_reply(reply: &str) {
        assert!(outcomes(reply.as_bytes()).is_err());
    }

    const MAPPER: &str = "mapper_parsing_exception";

    #[test_case(MAPPER, "failed to parse field [a.b] of type [keyword] in document with id '1'. Preview of field's value: '{x=[1]}'", Some("a.b"); "an object where a keyword is")]
    #[test_case(MAPPER, "object mapping for [error] tried to parse field [error] as object, but found a concrete value", Some("error"); "a keyword where an object is")]
    #[test_case(MAPPER, "Could not dynamically add mapping for field [c.d.e]. Existing mapping for [c] must be of type object but found [keyword].", Some("c"); "an object below a keyword")]
    #[test_case(MAPPER, "failed to parse field [x]y] of type [keyword]", Some("x]y"); "a bracket in a name")]
    #[test_case(MAPPER, "Field [a.b] is defined more than once", Some("a.b"); "a name twice")]
    #[test_case(MAPPER, "failed to parse field [@timestamp] of type [date]", None; "a fixed field is not the event's")]
    #[test_case(MAPPER, "failed to parse field [Existing mapping for [status]] of type [long]", None; "a name that quotes a refusal")]
    #[test_case(MAPPER, "failed to parse field [status] of type [long]", None; "a field that the event does not have")]
    #[test_case(MAPPER, "Could not dynamically add mapping for field [c.d.e]. Existing mapping for [status] must be of type object", Some("c.d.e"); "another's field as what stands above")]
    #[test_case(MAPPER, "no: failed to parse field [a.b]", None; "not at the start")]
    #[test_case("illegal_argument_exception", "failed to parse field [a.b]", None; "of another type")]
    #[test_case("illegal_argument_exception", "Limit of total fields [2000] has been exceeded", None; "no path")]
    fn paths(kind: &str, reason: &str, path: Option<&str>) {
        let has = |path: &str| ["a.b", "error", "c.d.e", "x]y"].contains(&path);
        assert_eq!(refusal(kind, reason, "").path(has), path);
    }
}
