//! Dead letters: what was received and not indexed, with the reason and everything needed to index it later.

use serde::{Deserialize, Serialize};

use crate::event::{LogEvent, Origin};

/// Why something is a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The engine refused the event, even without its fields.
    Rejected,
    /// The engine could not be reached, or refused everything.
    Outage,
    /// The payload could not be decoded; it is kept whole.
    Undecodable,
}

impl Kind {
    /// The name in an object's key.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Outage => "outage",
            Self::Undecodable => "undecodable",
        }
    }
}

/// One line of a dead-letter object: gzip of NDJSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Why.
    pub kind: Kind,
    /// What the engine or the decoder said.
    pub reason: String,
    /// When it was given up, in milliseconds since 1970.
    pub at: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// What it is.
    #[serde(flatten)]
    pub letter: Letter,
}

/// What a dead letter holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are events")]
pub enum Letter {
    /// An event.
    Event {
        /// The index it was meant for.
        index: String,
        /// Where it comes from.
        origin: Origin,
        /// The event.
        event: LogEvent,
    },
    /// A payload as it arrived, in base64.
    Payload {
        /// `awslogs.data`, or the whole invocation where that was missing.
        payload: String,
    },
}

/// The key of an object with dead letters: `KIND/YYYY-MM-DD/MILLISECONDS-REQUEST.ndjson.gz`, so that one kind and day
/// list cheaply and in order.
#[must_use]
pub fn key(kind: Kind, at: i64, request: &str) -> String {
    let day = jiff::Timestamp::from_millisecond(at).unwrap_or_default().strftime("%Y-%m-%d").to_string();
    format!("{}/{day}/{at}-{request}.ndjson.gz", kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_lists_by_kind_and_day() {
        assert_eq!(key(Kind::Outage, 1_795_392_000_000, "r-1"), "outage/2026-11-23/1795392000000-r-1.ndjson.gz");
    }

    #[test]
    fn a_line_reads_back() {
        let origin = Origin { owner: "1".into(), region: "r".into(), log_group: "/a".into(), log_stream: "s".into() };
        let event = LogEvent { id: "1".into(), timestamp: 2, message: "m\n".into(), extracted_fields: None };
        for letter in [
            Letter::Event { index: "logctl-2026.11.23".into(), origin, event },
            Letter::Payload { payload: "AAAA".into() },
        ] {
            let dead = DeadLetter { kind: Kind::Rejected, reason: "why".into(), at: 3, attempts: 1, letter };
            let line = serde_json::to_string(&dead).unwrap();
            assert_eq!(serde_json::from_str::<DeadLetter>(&line).unwrap(), dead);
        }
    }
}
