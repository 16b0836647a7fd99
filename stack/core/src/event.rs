//! Log events as CloudWatch Logs delivers them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::json::{
    Scanner,
    text::{parse_object, unescape},
};

/// One log event as it stands in its payload: nothing is copied, and texts are still escaped as JSON wants them.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// The whole event.
    pub json: &'a str,
    /// Given by CloudWatch Logs; the same at every delivery of the event. Escaped, without quotes.
    pub id: &'a str,
    /// When it happened, in milliseconds since 1970.
    pub timestamp: i64,
    /// The line, or several. Escaped, without quotes.
    pub message: &'a str,
    /// What a filter pattern with named columns has cut out of the message: an object.
    pub extracted_fields: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    timestamp: i64,
    #[serde(borrow)]
    message: &'a RawValue,
    #[serde(borrow, default)]
    extracted_fields: Option<&'a RawValue>,
}

impl<'a> Event<'a> {
    /// Reads an event.
    ///
    /// # Errors
    /// What is wrong with it, in a few words.
    pub fn parse(json: &'a RawValue) -> Result<Self, String> {
        let wire: Wire<'a> = serde_json::from_str(json.get()).map_err(|error| error.to_string())?;
        let text = |name: &str, value: &'a RawValue| {
            let inner = value.get().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            inner.ok_or_else(|| format!("its {name} is no text"))
        };
        let id = text("id", wire.id)?;
        if !is_id(id) {
            return Err("its id is none of CloudWatch".to_owned());
        }
        let fields = wire.extracted_fields.map(RawValue::get).filter(|fields| fields.starts_with('{'));
        Ok(Self {
            json: json.get(),
            id,
            timestamp: wire.timestamp,
            message: text("message", wire.message)?,
            extracted_fields: fields,
        })
    }

    /// Reads the event that comes next, if nothing about it is unusual.
    pub(crate) fn scan(scanner: &mut Scanner<'a>) -> Option<Self> {
        let start = scanner.rest();
        let (mut id, mut timestamp, mut message, mut extracted_fields) = (None, None, None, None);
        scanner.take(b'{')?;
        loop {
            let name = scanner.string()?;
            scanner.take(b':')?;
            // Equal names are for the careful reader, which refuses them.
            let first = match name {
                "id" => id.replace(scanner.string()?).is_none(),
                "timestamp" => timestamp.replace(scanner.integer()?).is_none(),
                "message" => message.replace(scanner.long_string()?).is_none(),
                "extractedFields" => extracted_fields.replace(scanner.skip_value()?).is_none(),
                _ => scanner.skip_value().is_some(),
            };
            if !first {
                return None;
            }
            if scanner.take(b',').is_none() {
                break;
            }
        }
        scanner.take(b'}')?;
        Some(Self {
            json: start[..start.len() - scanner.rest().len()].trim_ascii(),
            id: id.filter(|id| is_id(id))?,
            timestamp: timestamp?,
            message: message?,
            extracted_fields: extracted_fields.filter(|fields| fields.starts_with('{')),
        })
    }

    /// When it happened, as far as the engine's dates go: one beyond them would have the whole document refused.
    #[must_use]
    pub fn valid_time(&self) -> i64 {
        self.timestamp.clamp(0, 253_402_300_799_999) // To the end of 9999, the last year that RFC 3339 can write.
    }

    /// The event as JSON, written anew: for one whose text has something else wrong with it.
    ///
    /// # Errors
    /// Never: it is plain data.
    pub fn rewritten(&self) -> serde_json::Result<Box<RawValue>> {
        serde_json::value::to_raw_value(&self.decode())
    }

    /// The event with its texts unescaped. Half a surrogate pair becomes U+FFFD.
    #[must_use]
    pub fn decode(&self) -> LogEvent<'a> {
        LogEvent {
            id: unescape(self.id),
            timestamp: self.timestamp,
            message: unescape(self.message),
            extracted_fields: self.extracted_fields.and_then(parse_object),
        }
    }
}

/// Whether a text looks like the id of an event: digits, 56 of them as far as is known. It becomes the id of a document.
fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().fold(true, |digits, byte| digits & byte.is_ascii_digit())
}

/// One log event, unescaped.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEvent<'a> {
    /// Given by CloudWatch Logs; the same at every delivery of the event.
    pub id: Cow<'a, str>,
    /// When it happened, in milliseconds since 1970.
    pub timestamp: i64,
    /// The line, or several.
    pub message: Cow<'a, str>,
    /// What a filter pattern with named columns has cut out of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extracted_fields: Option<Map<String, Value>>,
}

/// Where events come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// The account that owns the log group.
    pub owner: String,
    /// The Region of the log group.
    #[serde(default)]
    pub region: String,
    /// The log group.
    pub log_group: String,
    /// The log stream.
    pub log_stream: String,
}

/// Events of one log stream that were delivered together.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Where they come from.
    pub origin: Origin,
    /// The subscription filters that sent them.
    pub filters: Vec<String>,
    /// The events, in the order of delivery.
    pub events: Vec<Event<'a>>,
    /// What stands among them and is none.
    pub unreadable: Vec<Unreadable<'a>>,
}

/// Something among the events that is no event.
#[derive(Debug)]
pub struct Unreadable<'a> {
    /// What it is.
    pub json: &'a RawValue,
    /// What is wrong with it.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(r#"{"id":"1","timestamp":2,"message":"a\n\"b\" \ud83d\ude00 \ud800"}"#, Ok("a\n\"b\" 😀 \u{fffd}"); "escapes")]
    #[test_case(r#"{"id":"1","timestamp":2,"message":null}"#, Err("its message is no text"); "no text")]
    #[test_case(r#"{"id":"","timestamp":2,"message":""}"#, Err("its id is none of CloudWatch"); "no id")]
    #[test_case(r#"{"id":"1/../2","timestamp":2,"message":""}"#, Err("its id is none of CloudWatch"); "a path")]
    #[test_case("[]", Err("invalid length 0, expected struct Wire with 4 elements at line 1 column 2"); "a list")]
    fn parse(json: &str, expected: Result<&str, &str>) {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        let parsed = Event::parse(raw).map(|event| event.decode().message);
        assert_eq!(parsed.as_deref().map_err(String::as_str), expected);
    }
}
