//! The first minutes of a log group: what it held before its subscription took effect.
//!
//! All that a new group holds was put there since it was created. It goes to LogsForwarder in the format of a subscription;
//! what the subscription delivers as well meets its own id.

use std::collections::BTreeMap;

use logctl_sink::{aws::AwsError, domain::gzip};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use crate::handler::Subscriber;

/// How long after the first look a subscription delivers for sure, so that the second look leaves that out, in milliseconds.
const DELIVERS: i64 = 2 * 60 * 1000;
/// How far ahead of their arrival events may lie, in milliseconds.
const AHEAD: i64 = 2 * 60 * 60 * 1000;
/// Bytes of messages that are handed over at most; the line in the log says so where there is more.
const MAX_BYTES: usize = 50 << 20;
/// Bytes of one payload before it is compressed. Even what does not compress stays below the 1 MB of an asynchronous
/// invocation, base64 included, unless it is a single event.
const MAX_PAYLOAD: usize = 700_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    events: Vec<Found>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    log_stream_name: String,
    event_id: String,
    timestamp: i64,
    ingestion_time: Option<i64>,
    message: String,
}

/// What was handed over.
#[derive(Debug, Default, Serialize)]
pub(crate) struct HandedOver {
    events: usize,
    /// Events that no invocation takes, each alone in its payload.
    too_large: usize,
    /// Whether the group holds more.
    cut: bool,
}

/// Whether a payload was refused for its size, which no second try would change.
fn is_too_large(error: &AwsError) -> bool {
    matches!(error.code(), Some("RequestTooLargeException" | "RequestEntityTooLargeException" | "status 413"))
}

/// An event as a subscription delivers it.
#[derive(Serialize)]
struct Delivered {
    id: String,
    timestamp: i64,
    message: String,
}

impl Subscriber {
    /// Hands over what `group` holds; at the second look, what it held about the time when it was `seen` first, in
    /// milliseconds since 1970.
    pub(crate) async fn hand_over(
        &self,
        group: &str,
        seen: Option<i64>,
        deadline: Instant,
    ) -> Result<HandedOver, AwsError> {
        let until = seen.map(|seen| seen + DELIVERS);
        let mut done = HandedOver::default();
        let mut bytes = 0;
        let mut token: Option<String> = None;
        loop {
            let mut input = json!({"logGroupName": group});
            if let Some(until) = until {
                input["endTime"] = json!(until + AHEAD);
            }
            if let Some(token) = &token {
                input["nextToken"] = json!(token);
            }
            let mut page: Page = self.call("FilterLogEvents", &input, deadline).await?;
            bytes += page.events.iter().map(|event| event.message.len()).sum::<usize>();
            page.events.retain(|event| until.is_none_or(|until| event.ingestion_time.is_none_or(|at| at < until)));
            for (stream, events) in by_stream(page.events) {
                for batch in batches(events) {
                    match self.invoke_forwarder(group, &stream, &batch, deadline).await {
                        Ok(()) => done.events += batch.len(),
                        Err(error) if is_too_large(&error) => done.too_large += batch.len(),
                        Err(error) => return Err(error),
                    }
                }
            }
            token = page.next_token;
            if token.is_none() || bytes > MAX_BYTES || Instant::now() >= deadline {
                return Ok(HandedOver { cut: token.is_some(), ..done });
            }
        }
    }

    async fn invoke_forwarder(
        &self,
        group: &str,
        stream: &str,
        events: &[Delivered],
        deadline: Instant,
    ) -> Result<(), AwsError> {
        let owner = self.forwarder().split(':').nth(4).unwrap_or_default();
        let payload = json!({
            "messageType": "DATA_MESSAGE", "owner": owner, "logGroup": group, "logStream": stream,
            "subscriptionFilters": [], "logEvents": events,
        });
        let data = base64_simd::STANDARD.encode_to_string(gzip(payload.to_string().as_bytes()));
        self.invoke_later(json!({"awslogs": {"data": data}}).to_string().into(), deadline).await
    }
}

/// A payload holds events of one stream.
fn by_stream(events: Vec<Found>) -> BTreeMap<String, Vec<Delivered>> {
    let mut streams: BTreeMap<String, Vec<Delivered>> = BTreeMap::new();
    for Found { log_stream_name, event_id, timestamp, message, .. } in events {
        streams.entry(log_stream_name).or_default().push(Delivered { id: event_id, timestamp, message });
    }
    streams
}

/// Splits events so that each part fits into a payload.
fn batches(events: Vec<Delivered>) -> Vec<Vec<Delivered>> {
    let mut batches = Vec::new();
    let (mut batch, mut size) = (Vec::new(), 0);
    for event in events {
        let needs = event.message.len() + 128;
        if size + needs > MAX_PAYLOAD && !batch.is_empty() {
            batches.push(std::mem::take(&mut batch));
            size = 0;
        }
        size += needs;
        batch.push(event);
    }
    batches.push(batch);
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_batch_is_too_large_and_none_is_empty() {
        let event = |n: usize| Delivered { id: n.to_string(), timestamp: 0, message: "x".repeat(n * 1000) };
        let batches = batches((0..200).map(event).collect());
        assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), 200);
        for batch in &batches {
            assert!(!batch.is_empty());
            let bytes: usize = batch.iter().map(|event| event.message.len() + 128).sum();
            assert!(bytes <= MAX_PAYLOAD, "{bytes}");
        }
    }
}
