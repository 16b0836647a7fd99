//! The payload of a subscription: base64 of gzip of JSON.
//!
//! Its shape: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html>.

use flate2::{Decompress, FlushDecompress, Status};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    event::{Batch, Event, Origin, Unreadable},
    json::{Scanner, text::unescape},
};

/// How far a payload may expand, in bytes, unless the caller says otherwise.
pub const DEFAULT_CAP: u64 = 64 << 20;

/// Events that one payload may hold; CloudWatch takes 10,000 at once.
pub const MAX_EVENTS: usize = 250_000;
/// Bytes of an event in its payload; CloudWatch takes 1 MB of text, which becomes six times as much where every sign is
/// escaped.
pub const MAX_EVENT: usize = 8 << 20;

/// What a subscription delivers.
#[derive(Debug)]
pub enum Payload<'a> {
    /// Sent by CloudWatch Logs to see whether the destination answers; carries nothing.
    Control,
    /// Log events.
    Data(Batch<'a>),
}

/// Why a payload could not be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The outermost layer.
    #[error("the payload is not base64")]
    Base64,
    /// The middle layer.
    #[error("the payload cannot be decompressed: {0}")]
    Gzip(String),
    /// A bomb, or a cap that is too small.
    #[error("the payload expands beyond {cap} bytes")]
    TooLarge {
        /// The cap that was in force.
        cap: u64,
    },
    /// More than CloudWatch sends.
    #[error("the payload holds more than {MAX_EVENTS} events")]
    TooMany,
    /// Longer than CloudWatch takes them.
    #[error("the payload holds an event of more than {MAX_EVENT} bytes")]
    TooLong,
    /// The innermost layer.
    #[error("the payload is not what a subscription sends: {0}")]
    Json(#[from] serde_json::Error),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    message_type: String,
    owner: String,
    log_group: String,
    log_stream: String,
    #[serde(default)]
    subscription_filters: Vec<String>,
    #[serde(borrow, default)]
    log_events: Vec<&'a RawValue>,
}

/// The text inside `awslogs.data`. Bytes that are not UTF-8 become U+FFFD.
///
/// # Errors
/// When a layer cannot be read, or the text is longer than `cap` bytes.
pub fn unpack(data: &str, cap: u64) -> Result<String, DecodeError> {
    let compressed = base64_simd::STANDARD.decode_to_vec(data).map_err(|_| DecodeError::Base64)?;
    let json = inflate(&compressed, usize::try_from(cap).unwrap_or(usize::MAX))?;
    Ok(String::from_utf8(json).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Decompresses gzip of any number of members, straight into the memory where the text stays.
fn inflate(compressed: &[u8], cap: usize) -> Result<Vec<u8>, DecodeError> {
    let damaged = || DecodeError::Gzip("it is damaged or cut".to_owned());
    let mut text = Vec::with_capacity(length_told(compressed).min(cap).max(1024));
    let mut rest = compressed;
    while !rest.is_empty() {
        let mut member = Decompress::new_gzip(15);
        loop {
            let room = text.capacity().min(cap.saturating_add(1));
            if text.len() >= room {
                if text.len() > cap {
                    return Err(DecodeError::TooLarge { cap: cap as u64 });
                }
                text.reserve(text.len().min(cap.saturating_add(1) - text.len()).max(1));
            }
            let (before, produced) = (member.total_in(), member.total_out());
            let status = member.decompress_vec(rest, &mut text, FlushDecompress::None);
            let status = status.map_err(|error| DecodeError::Gzip(error.to_string()))?;
            let read = usize::try_from(member.total_in() - before).unwrap_or_default();
            rest = &rest[read..];
            if status == Status::StreamEnd {
                break;
            }
            if read == 0 && member.total_out() == produced && text.len() < text.capacity() {
                return Err(damaged());
            }
        }
    }
    if text.len() > cap {
        return Err(DecodeError::TooLarge { cap: cap as u64 });
    }
    if compressed.is_empty() { Err(damaged()) } else { Ok(text) }
}

/// The length that the last member tells at its end: a hint, which nobody has checked.
fn length_told(compressed: &[u8]) -> usize {
    let Some(trailer) = compressed.last_chunk::<4>() else { return 0 };
    // No more than deflate can expand.
    (u32::from_le_bytes(*trailer) as usize).min(compressed.len().saturating_mul(1032)).saturating_add(1)
}

/// Reads the text inside a payload. `region` is the Region of the function, since the payload names none.
///
/// What is no event does not harm its neighbours.
///
/// # Errors
/// When the text is not what a subscription sends.
pub fn parse<'a>(json: &'a str, region: &str) -> Result<Payload<'a>, DecodeError> {
    match scan(json, region) {
        Some(batch) => Ok(Payload::Data(batch)),
        None => parse_carefully(json, region),
    }
}

/// Reads a payload in which nothing is unusual.
pub(crate) fn scan<'a>(json: &'a str, region: &str) -> Option<Batch<'a>> {
    let mut scanner = Scanner::new(json);
    let (mut kind, mut owner, mut log_group, mut log_stream, mut filters, mut events) =
        (None, None, None, None, None, None);
    scanner.take(b'{')?;
    loop {
        let name = scanner.string()?;
        scanner.take(b':')?;
        // What is there twice, or missing, is for the careful one.
        let first = match name {
            "messageType" => kind.replace(scanner.string()?).is_none(),
            "owner" => owner.replace(scanner.string()?).is_none(),
            "logGroup" => log_group.replace(scanner.string()?).is_none(),
            "logStream" => log_stream.replace(scanner.string()?).is_none(),
            "subscriptionFilters" => filters.replace(scanner.skip_value()?).is_none(),
            "logEvents" => events.replace(scan_events(&mut scanner)?).is_none(),
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
    if kind? != "DATA_MESSAGE" || !scanner.is_done() {
        return None;
    }
    let origin = Origin {
        owner: unescape(owner?).into_owned(),
        region: region.to_owned(),
        log_group: unescape(log_group?).into_owned(),
        log_stream: unescape(log_stream?).into_owned(),
    };
    let filters = filters.map_or(Some(Vec::new()), |filters| serde_json::from_str(filters).ok())?;
    Some(Batch { origin, filters, events: events?, unreadable: Vec::new() })
}

fn scan_events<'a>(scanner: &mut Scanner<'a>) -> Option<Vec<Event<'a>>> {
    let mut events = Vec::new();
    scanner.take(b'[')?;
    if scanner.take(b']').is_some() {
        return Some(events);
    }
    loop {
        events.push(Event::scan(scanner).filter(|event| event.json.len() <= MAX_EVENT)?);
        if events.len() > MAX_EVENTS {
            return None;
        }
        if scanner.take(b',').is_none() {
            return scanner.take(b']').map(|()| events);
        }
    }
}

pub(crate) fn parse_carefully<'a>(json: &'a str, region: &str) -> Result<Payload<'a>, DecodeError> {
    let wire: Wire<'a> = serde_json::from_str(json)?;
    if wire.message_type == "CONTROL_MESSAGE" {
        return Ok(Payload::Control);
    }
    if wire.log_events.len() > MAX_EVENTS {
        return Err(DecodeError::TooMany);
    }
    if wire.log_events.iter().any(|json| json.get().len() > MAX_EVENT) {
        return Err(DecodeError::TooLong);
    }
    let origin =
        Origin { owner: wire.owner, region: region.to_owned(), log_group: wire.log_group, log_stream: wire.log_stream };
    let mut batch = Batch { origin, filters: wire.subscription_filters, events: Vec::new(), unreadable: Vec::new() };
    for json in wire.log_events {
        match Event::parse(json) {
            Ok(event) => batch.events.push(event),
            Err(reason) => batch.unreadable.push(Unreadable { json, reason }),
        }
    }
    Ok(Payload::Data(batch))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn pack(bytes: &[u8]) -> String {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(bytes).unwrap();
        base64_simd::STANDARD.encode_to_string(gzip.finish().unwrap())
    }

    fn batch(text: &str) -> Batch<'_> {
        match parse(text, "eu-west-1") {
            Ok(Payload::Data(batch)) => batch,
            other => panic!("no data: {other:?}"),
        }
    }

    fn events(count: usize) -> String {
        let events: Vec<_> =
            (0..count).map(|n| json!({"id": n.to_string(), "timestamp": 1, "message": "hello"})).collect();
        json!({
            "messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "/a", "logStream": "s",
            "subscriptionFilters": ["f"], "logEvents": events
        })
        .to_string()
    }

    #[test]
    fn events_come_out_in_order() {
        let text = unpack(&pack(events(3).as_bytes()), DEFAULT_CAP).unwrap();
        let batch = batch(&text);
        assert_eq!(batch.origin.region, "eu-west-1");
        assert_eq!(batch.events.iter().map(|event| event.id).collect::<Vec<_>>(), ["0", "1", "2"]);
    }

    #[test]
    fn what_is_no_event_harms_no_neighbour() {
        let good = r#"{"id":"1","timestamp":1,"message":"m"}"#;
        let text = format!(
            r#"{{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"/a","logStream":"s","logEvents":[7,{good},{{"id":"2","timestamp":1e400,"message":"m"}},{good}]}}"#
        );
        let batch = batch(&text);
        assert_eq!((batch.events.len(), batch.unreadable.len()), (2, 2));
        assert_eq!(batch.unreadable[0].json.get(), "7");
    }

    /// What no subscription sends would take more memory than the function has.
    #[test]
    fn what_is_too_much_for_cloudwatch_is_too_much_here() {
        let tiny = r#"{"id":"1","timestamp":1,"message":""}"#;
        let payload = |events: &str| {
            format!(
                r#"{{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"/a","logStream":"s","logEvents":[{events}]}}"#
            )
        };
        let many = payload(&[tiny, ","].concat().repeat(MAX_EVENTS));
        assert!(matches!(parse(&many.replace(",]", "]"), "r"), Ok(Payload::Data(_))));
        assert!(matches!(parse(&many.replace(",]", &format!(",{tiny}]")), "r"), Err(DecodeError::TooMany)));
        let long = payload(&tiny.replace(r#""""#, &format!("\"{}\"", "x".repeat(MAX_EVENT))));
        assert!(matches!(parse(&long, "r"), Err(DecodeError::TooLong)));
    }

    #[test]
    fn a_control_message_carries_nothing() {
        let control = r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"",
            "subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE"}]}"#;
        assert!(matches!(parse(control, "r").unwrap(), Payload::Control));
    }

    #[test]
    fn a_gzip_of_several_members_is_read_to_its_end() {
        let text = events(2);
        let (head, tail) = text.split_at(40);
        let member = |part: &str| base64_simd::STANDARD.decode_to_vec(pack(part.as_bytes())).unwrap();
        let both = [member(head), member(tail)].concat();
        let data = base64_simd::STANDARD.encode_to_string(both);
        assert_eq!(unpack(&data, DEFAULT_CAP).unwrap(), text);
    }

    #[test]
    fn a_cut_or_damaged_gzip_is_refused() {
        let whole = base64_simd::STANDARD.decode_to_vec(pack(events(50).as_bytes())).unwrap();
        for length in 0..whole.len() {
            assert!(matches!(inflate(&whole[..length], 1 << 20), Err(DecodeError::Gzip(_))), "{length}");
        }
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 0x55;
        assert!(inflate(&damaged, 1 << 20).is_err());
        let mut lying = whole.clone();
        let end = lying.len();
        lying[end - 4..].copy_from_slice(&[0xff; 4]);
        assert!(inflate(&lying, 1 << 20).is_err());
        assert_eq!(inflate(&whole, events(50).len()).unwrap(), events(50).as_bytes());
        assert!(matches!(inflate(&whole, events(50).len() - 1), Err(DecodeError::TooLarge { .. })));
    }

    #[test]
    fn a_bomb_is_refused_before_it_expands() {
        let bomb = pack(&vec![b' '; 1 << 20]);
        assert!(matches!(unpack(&bomb, 1 << 16), Err(DecodeError::TooLarge { cap: 65_536 })));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        let mut bytes = events(1).into_bytes();
        let at = bytes.windows(5).position(|w| w == b"hello").unwrap();
        bytes[at] = 0xff;
        assert_eq!(batch(&unpack(&pack(&bytes), DEFAULT_CAP).unwrap()).events[0].message, "\u{fffd}ello");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let text = String::from_utf8_lossy(&bytes);
            drop(unpack(&text, DEFAULT_CAP));
            drop(parse(&text, "r"));
            prop_assert_eq!(unpack(&pack(&bytes), DEFAULT_CAP).unwrap(), text);
        }
    }
}
