//! The payload of a subscription: base64 of gzip of JSON.
//!
//! Its shape: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html>.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use crate::event::{Batch, LogEvent, Origin};

/// How far a payload may expand, in bytes, unless the caller says otherwise.
pub const DEFAULT_CAP: u64 = 64 << 20;

/// What a subscription delivers.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// Sent by CloudWatch Logs to see whether the destination answers; carries nothing.
    Control,
    /// Log events.
    Data(Batch),
}

/// Why a payload could not be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The outermost layer.
    #[error("the payload is not base64")]
    Base64,
    /// The middle layer.
    #[error("the payload cannot be decompressed: {0}")]
    Gzip(std::io::Error),
    /// A bomb, or a cap that is too small.
    #[error("the payload expands beyond {cap} bytes")]
    TooLarge {
        /// The cap that was in force.
        cap: u64,
    },
    /// The innermost layer.
    #[error("the payload is not what a subscription sends: {0}")]
    Json(#[from] serde_json::Error),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    message_type: String,
    #[serde(flatten)]
    origin: Origin,
    #[serde(default)]
    subscription_filters: Vec<String>,
    #[serde(default)]
    log_events: Vec<LogEvent>,
}

/// Decodes `awslogs.data`. `region` is the Region of the function, since the payload names none.
///
/// Bytes that are not UTF-8 become U+FFFD.
///
/// # Errors
/// When a layer cannot be read, or the text inside is longer than `cap` bytes.
pub fn decode(data: &str, region: &str, cap: u64) -> Result<Payload, DecodeError> {
    let compressed = base64_simd::STANDARD.decode_to_vec(data).map_err(|_| DecodeError::Base64)?;
    let mut json = Vec::new();
    MultiGzDecoder::new(compressed.as_slice()).take(cap + 1).read_to_end(&mut json).map_err(DecodeError::Gzip)?;
    if json.len() as u64 > cap {
        return Err(DecodeError::TooLarge { cap });
    }
    let wire: Wire = serde_json::from_str(&String::from_utf8_lossy(&json))?;
    if wire.message_type == "CONTROL_MESSAGE" {
        return Ok(Payload::Control);
    }
    let origin = Origin { region: region.to_owned(), ..wire.origin };
    Ok(Payload::Data(Batch { origin, filters: wire.subscription_filters, events: wire.log_events }))
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
        let Ok(Payload::Data(batch)) = decode(&pack(events(3).as_bytes()), "eu-west-1", DEFAULT_CAP) else {
            panic!("no data")
        };
        assert_eq!(batch.origin.region, "eu-west-1");
        assert_eq!(batch.events.iter().map(|e| e.id.as_str()).collect::<Vec<_>>(), ["0", "1", "2"]);
    }

    #[test]
    fn a_control_message_carries_nothing() {
        let control = r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"",
            "subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE"}]}"#;
        assert_eq!(decode(&pack(control.as_bytes()), "r", DEFAULT_CAP).unwrap(), Payload::Control);
    }

    #[test]
    fn a_gzip_of_several_members_is_read_to_its_end() {
        let text = events(2);
        let (head, tail) = text.split_at(40);
        let member = |part: &str| base64_simd::STANDARD.decode_to_vec(pack(part.as_bytes())).unwrap();
        let both = [member(head), member(tail)].concat();
        let data = base64_simd::STANDARD.encode_to_string(both);
        assert!(matches!(decode(&data, "r", DEFAULT_CAP).unwrap(), Payload::Data(batch) if batch.events.len() == 2));
    }

    #[test]
    fn a_bomb_is_refused_before_it_expands() {
        let bomb = pack(&vec![b' '; 1 << 20]);
        assert!(matches!(decode(&bomb, "r", 1 << 16), Err(DecodeError::TooLarge { cap: 65_536 })));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        let mut bytes = events(1).into_bytes();
        let at = bytes.windows(5).position(|w| w == b"hello").unwrap();
        bytes[at] = 0xff;
        let Ok(Payload::Data(batch)) = decode(&pack(&bytes), "r", DEFAULT_CAP) else { panic!("no data") };
        assert_eq!(batch.events[0].message, "\u{fffd}ello");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            drop(decode(&pack(&bytes), "r", DEFAULT_CAP));
            drop(decode(&String::from_utf8_lossy(&bytes), "r", DEFAULT_CAP));
        }
    }
}
