//! The bulk writer: every event is indexed, or comes back as a dead letter with the reason.

use std::{collections::VecDeque, time::Duration};

use logctl_core::{
    bulk::{self, FILTER_PATH, ItemOutcome},
    dead_letter::{DeadLetter, Kind, Letter},
    document::Encoder,
    event::{Batch, LogEvent},
};
use tokio::time::{Instant, sleep};

use crate::domain::Domain;

/// Bytes of one bulk body, uncompressed: the engine's limit counts those.
const MAX_BODY: usize = 5 << 20;
/// Requests that fail as a whole before everything that is left becomes an outage.
const MAX_FAILED_REQUESTS: u32 = 4;
/// The first pause; each following one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What became of a batch. The counts and the letters add up to its events.
#[derive(Debug, Default)]
pub struct Written {
    /// Indexed now.
    pub created: usize,
    /// Indexed before.
    pub duplicates: usize,
    /// Of those two, the ones without typed fields.
    pub degraded: usize,
    /// Items that were sent again.
    pub retries: usize,
    /// The others.
    pub dead: Vec<DeadLetter>,
}

/// What became of one bulk request.
enum RequestOutcome {
    Answered(Vec<ItemOutcome>),
    /// Too large, or malformed somewhere: halves show where.
    Split(String),
    /// The domain asks to come back later.
    Throttled,
    /// Nobody's fault but the domain's.
    Outage(String),
}

/// An event on its way. It is encoded for each request anew, so that one body is all that is held.
struct Pending<'a> {
    event: &'a LogEvent,
    /// Why its fields were refused, once they were.
    degraded: Option<String>,
    attempts: u32,
    /// What the engine said last.
    last: Option<String>,
}

/// Writes `batch` until `deadline`; what is not indexed by then is a dead letter of kind outage.
pub async fn write(domain: &Domain, batch: &Batch, encoder: &Encoder<'_>, deadline: Instant) -> Written {
    let mut written = Written::default();
    let fresh = |event| Pending { event, degraded: None, attempts: 0, last: None };
    let mut pending: VecDeque<Pending> = batch.events.iter().map(fresh).collect();
    let mut limit = pending.len();
    let mut failed = 0;
    let mut last_failure: Option<String> = None;
    let mut pause = FIRST_PAUSE;
    while !pending.is_empty() {
        if Instant::now() >= deadline {
            give_up(&mut written, pending, encoder, last_failure.as_deref());
            break;
        }
        let (mut sent, body) = take_body(&mut pending, limit, encoder);
        for item in &mut sent {
            item.attempts += 1;
        }
        let retries = written.retries;
        match send(domain, &body, sent.len(), deadline).await {
            RequestOutcome::Answered(outcomes) => {
                failed = 0;
                last_failure = None;
                limit = limit.saturating_mul(2);
                for (item, outcome) in sent.into_iter().zip(outcomes) {
                    settle(item, outcome, encoder, &mut written, &mut pending);
                }
            }
            RequestOutcome::Split(reason) if sent.len() == 1 => {
                written.dead.extend(sent.into_iter().map(|item| letter(&item, Kind::Rejected, &reason, encoder)));
            }
            RequestOutcome::Split(_) => {
                limit = sent.len() / 2;
                sent.into_iter().rev().for_each(|item| pending.push_front(item));
            }
            RequestOutcome::Throttled => {
                last_failure = Some("the domain asks to come back later".to_owned());
                written.retries += sent.len();
                sent.into_iter().rev().for_each(|item| pending.push_front(item));
            }
            RequestOutcome::Outage(reason) => {
                failed += 1;
                last_failure = Some(reason);
                written.retries += sent.len();
                sent.into_iter().rev().for_each(|item| pending.push_front(item));
                if failed >= MAX_FAILED_REQUESTS {
                    give_up(&mut written, pending, encoder, last_failure.as_deref());
                    break;
                }
            }
        }
        if written.retries > retries {
            let jittered = pause.mul_f64(fastrand::f64() / 2.0 + 0.5);
            sleep(jittered.min(deadline.saturating_duration_since(Instant::now()))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        } else {
            pause = FIRST_PAUSE;
        }
    }
    written
}

/// Takes events off the queue for one request: at least one, at most `limit` and [`MAX_BODY`] bytes.
fn take_body<'a>(
    pending: &mut VecDeque<Pending<'a>>,
    limit: usize,
    encoder: &Encoder<'_>,
) -> (Vec<Pending<'a>>, Vec<u8>) {
    let mut taken = Vec::new();
    let mut body = Vec::new();
    while let Some(item) = pending.pop_front() {
        let document = match &item.degraded {
            None => encoder.encode(item.event),
            Some(reason) => encoder.encode_degraded(item.event, reason),
        };
        if !taken.is_empty() && (body.len() + bulk::size(&document) > MAX_BODY || taken.len() >= limit) {
            pending.push_front(item);
            break;
        }
        bulk::append(&mut body, &document);
        taken.push(item);
    }
    (taken, body)
}

async fn send(domain: &Domain, body: &[u8], items: usize, deadline: Instant) -> RequestOutcome {
    let timeout = TIMEOUT.min(deadline.saturating_duration_since(Instant::now()));
    let answer = match domain.send_bulk(&format!("/_bulk?filter_path={FILTER_PATH}"), body, timeout).await {
        Ok(answer) => answer,
        Err(error) => return RequestOutcome::Outage(error.to_string()),
    };
    let said = || format!("the domain answered {}: {}", answer.status, answer.excerpt());
    match answer.status.as_u16() {
        200 => match bulk::outcomes(&answer.body) {
            Ok(outcomes) if outcomes.len() == items => RequestOutcome::Answered(outcomes),
            Ok(outcomes) => RequestOutcome::Outage(format!("the domain answered {} items of {items}", outcomes.len())),
            Err(_) => RequestOutcome::Outage(said()),
        },
        400 | 413 => RequestOutcome::Split(said()),
        429 => RequestOutcome::Throttled,
        _ => RequestOutcome::Outage(said()),
    }
}

fn settle<'a>(
    item: Pending<'a>,
    outcome: ItemOutcome,
    encoder: &Encoder<'_>,
    written: &mut Written,
    pending: &mut VecDeque<Pending<'a>>,
) {
    match outcome {
        ItemOutcome::Created => {
            written.created += 1;
            written.degraded += usize::from(item.degraded.is_some());
        }
        ItemOutcome::Duplicate => {
            written.duplicates += 1;
            written.degraded += usize::from(item.degraded.is_some());
        }
        ItemOutcome::Retry(reason) => {
            written.retries += 1;
            pending.push_back(Pending { last: Some(reason), ..item });
        }
        ItemOutcome::Degrade(reason) if item.degraded.is_none() => {
            pending.push_back(Pending { degraded: Some(reason), ..item });
        }
        ItemOutcome::Degrade(reason) | ItemOutcome::DeadLetter(reason) => {
            written.dead.push(letter(&item, Kind::Rejected, &reason, encoder));
        }
        ItemOutcome::Outage(reason) => written.dead.push(letter(&item, Kind::Outage, &reason, encoder)),
    }
}

fn give_up(written: &mut Written, pending: VecDeque<Pending<'_>>, encoder: &Encoder<'_>, reason: Option<&str>) {
    for mut item in pending {
        let last = item.last.take();
        let reason = reason.or(last.as_deref()).unwrap_or("no time was left");
        written.dead.push(letter(&item, Kind::Outage, reason, encoder));
    }
}

fn letter(item: &Pending<'_>, kind: Kind, reason: &str, encoder: &Encoder<'_>) -> DeadLetter {
    DeadLetter {
        kind,
        reason: reason.to_owned(),
        at: encoder.ingested,
        attempts: item.attempts,
        letter: Letter::Event {
            index: encoder.indices.name(item.event.timestamp),
            origin: encoder.origin.clone(),
            event: item.event.clone(),
        },
    }
}

#[cfg(test)]
mod tests {
    use logctl_core::{
        event::Origin,
        index::{Indices, Period},
    };
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

    use super::*;
    use crate::http::HttpClient;

    /// Answers the requests in turn with `answers`, the last one for ever, and writes `count` events.
    async fn written(answers: Vec<ResponseTemplate>, count: usize) -> (Written, usize) {
        let server = MockServer::start().await;
        let last = answers.len() - 1;
        for (at, answer) in answers.into_iter().enumerate() {
            let mock = Mock::given(path("/_bulk")).respond_with(answer).with_priority(u8::try_from(at + 1).unwrap());
            if at < last { mock.up_to_n_times(1) } else { mock }.mount(&server).await;
        }
        let origin = Origin { owner: "1".into(), region: "r".into(), log_group: "/a".into(), log_stream: "s".into() };
        let event = |n: usize| LogEvent {
            id: n.to_string(),
            timestamp: 1_795_392_000_000,
            message: "{\"n\":1}".into(),
            extracted_fields: None,
        };
        let batch = Batch { origin, filters: Vec::new(), events: (0..count).map(event).collect() };
        let indices = Indices { prefix: "logctl".parse().unwrap(), period: Period::Day };
        let encoder = Encoder { indices: &indices, origin: &batch.origin, ingested: 1 };
        let domain = Domain::new(HttpClient::new(), &server.uri(), None);
        let written = write(&domain, &batch, &encoder, Instant::now() + Duration::from_secs(20)).await;
        (written, server.received_requests().await.unwrap().len())
    }

    fn reply(items: &[(u16, &str)]) -> ResponseTemplate {
        let items: Vec<_> = items
            .iter()
            .map(|(status, kind)| match *kind {
                "" => serde_json::json!({"create": {"status": status}}),
                kind => serde_json::json!({"create": {"status": status, "error": {"type": kind, "reason": "r"}}}),
            })
            .collect();
        ResponseTemplate::new(200).set_body_json(serde_json::json!({"errors": true, "items": items}))
    }

    #[tokio::test]
    async fn only_the_items_that_were_throttled_are_sent_again() {
        let (written, requests) =
            written(vec![reply(&[(201, ""), (429, "rejected"), (409, "conflict")]), reply(&[(201, "")])], 3).await;
        assert_eq!((written.created, written.duplicates, written.retries, written.dead.len()), (2, 1, 1, 0));
        assert_eq!(requests, 2);
    }

    #[tokio::test]
    async fn a_refused_event_is_degraded_once_and_then_given_up() {
        let (written, _) =
            written(vec![reply(&[(400, "mapper"), (400, "mapper")]), reply(&[(201, ""), (400, "no")])], 2).await;
        assert_eq!((written.created, written.degraded), (1, 1));
        assert_eq!((written.dead[0].kind, written.dead[0].reason.as_str()), (Kind::Rejected, "no: r"));
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_is_halved_until_the_culprit_stands_alone() {
        let too_large = || ResponseTemplate::new(413);
        let one = || reply(&[(201, "")]);
        let (written, _) = written(vec![too_large(), one(), too_large()], 2).await;
        assert_eq!((written.created, written.dead.len()), (1, 1));
        assert_eq!(written.dead[0].kind, Kind::Rejected);
    }

    #[tokio::test]
    async fn a_domain_that_refuses_everything_is_an_outage() {
        for answer in
            [ResponseTemplate::new(503).set_body_string("<html>"), ResponseTemplate::new(200).set_body_string("hm")]
        {
            let (written, requests) = written(vec![answer], 2).await;
            assert_eq!((written.created, written.dead.len()), (0, 2));
            assert!(written.dead.iter().all(|letter| letter.kind == Kind::Outage), "{:?}", written.dead);
            assert!(written.dead.iter().all(|letter| letter.attempts == 4), "{:?}", written.dead);
            assert_eq!(requests, 4);
        }
    }
}
