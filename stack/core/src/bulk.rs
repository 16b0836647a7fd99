//! Bulk requests and what the engine answers to each item.

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
    /// Refused for the moment.
    Retry(String),
    /// Refused for its fields: the degraded form may pass.
    Degrade(String),
    /// Refused for good.
    DeadLetter(String),
    /// Nothing is wrong with the event: the domain lets nobody write there for now.
    Outage(String),
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
    #[serde(rename = "type")]
    kind: Option<Words>,
    reason: Option<Words>,
    caused_by: Option<Cause>,
}

#[derive(Deserialize)]
struct Cause {
    reason: Option<Words>,
}

/// A text of the engine.
struct Words(String);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&RawValue>::deserialize(deserializer)?.get();
        let inner = json.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        Ok(Self(unescape(inner.unwrap_or(json)).into_owned()))
    }
}

impl Create {
    fn outcome(self) -> ItemOutcome {
        let of_the_cluster = self.error.as_ref().is_some_and(Error::is_of_the_cluster);
        let reason = self.error.map_or_else(|| format!("status {}", self.status), Error::text);
        match self.status {
            200..300 => ItemOutcome::Created,
            409 => ItemOutcome::Duplicate,
            400 | 429 if of_the_cluster => ItemOutcome::Outage(reason),
            400 => ItemOutcome::Degrade(reason),
            401 | 403 | 404 => ItemOutcome::Outage(reason),
            429 | 500..600 => ItemOutcome::Retry(reason),
            _ => ItemOutcome::DeadLetter(reason),
        }
    }
}

impl Error {
    /// Whether it says that the index cannot be had: no shard left, closed, read-only. No form of the event would pass, nor
    /// would it a moment later.
    fn is_of_the_cluster(&self) -> bool {
        let kind = self.kind.as_ref().map_or("", |Words(text)| text);
        let reason = self.reason.as_ref().map_or("", |Words(text)| text);
        matches!(kind, "validation_exception" | "index_closed_exception" | "cluster_block_exception")
            || (reason.contains("maximum") && reason.contains("shards"))
    }

    fn text(self) -> String {
        let parts = [self.kind, self.reason, self.caused_by.and_then(|cause| cause.reason)];
        parts.into_iter().flatten().map(|Words(text)| text).collect::<Vec<_>>().join(": ")
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(r#"{"create":{"status":201}}"#, ItemOutcome::Created; "created")]
    #[test_case(r#"{"create":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"r"}}}"#, ItemOutcome::Duplicate; "there already")]
    #[test_case(r#"{"create":{"status":429,"error":{"type":"t","reason":"r"}}}"#, ItemOutcome::Retry("t: r".into()); "throttled")]
    #[test_case(r#"{"create":{"status":503}}"#, ItemOutcome::Retry("status 503".into()); "unavailable")]
    #[test_case(r#"{"create":{"status":400,"error":{"type":"t","reason":"r","caused_by":{"reason":"c"}}}}"#, ItemOutcome::Degrade("t: r: c".into()); "its fields")]
    #[test_case(r#"{"create":{"status":403,"error":{"type":"t","reason":"r"}}}"#, ItemOutcome::Outage("t: r".into()); "forbidden")]
    #[test_case(r#"{"create":{"status":404,"error":{"type":"t","reason":"r"}}}"#, ItemOutcome::Outage("t: r".into()); "nowhere")]
    #[test_case(r#"{"create":{"status":400,"error":{"type":"validation_exception","reason":"no shards"}}}"#, ItemOutcome::Outage("validation_exception: no shards".into()); "no room")]
    #[test_case(r#"{"create":{"status":429,"error":{"type":"cluster_block_exception","reason":"index [i] blocked by: [FORBIDDEN/12/index read-only]"}}}"#, ItemOutcome::Outage("cluster_block_exception: index [i] blocked by: [FORBIDDEN/12/index read-only]".into()); "read-only")]
    #[test_case(r#"{"create":{"status":500,"error":{"type":"null_pointer_exception","reason":null}}}"#, ItemOutcome::Retry("null_pointer_exception".into()); "no reason given")]
    #[test_case(r#"{"create":{"status":400,"error":{"type":"t","reason":"of \ud800"}}}"#, ItemOutcome::Degrade("t: of \u{fffd}".into()); "half a pair")]
    #[test_case(r#"{"create":{"status":429,"error":{"type":7}}}"#, ItemOutcome::Retry("7".into()); "no text")]
    fn outcome_of(item: &str, outcome: ItemOutcome) {
        let reply = format!(r#"{{"errors":true,"items":[{item}]}}"#);
        assert_eq!(outcomes(reply.as_bytes()).unwrap(), [outcome]);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_read() {
        let reply = b"{\"items\":[{\"create\":{\"status\":429,\"error\":{\"reason\":\"\xe0\x81\"}}}]}";
        assert_eq!(outcomes(reply).unwrap(), [ItemOutcome::Retry("\u{fffd}\u{fffd}".into())]);
    }

    #[test_case("<html>"; "a page")]
    #[test_case("{}"; "an object of something else")]
    fn garbage_is_no_reply(reply: &str) {
        assert!(outcomes(reply.as_bytes()).is_err());
    }
}
