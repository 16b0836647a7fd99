use std::io::Read as _;

use logctl_core::{
    document::Target,
    event::Origin,
    index_name::{Indices, Period},
};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

use super::*;
use crate::{domain::Auth, http::HttpClient};

/// What became of some events: the counts, the dead letters, and the requests it took.
struct Outcome {
    written: Written,
    dead: Vec<Value>,
    requests: usize,
}

/// Answers the requests in turn with `answers`, the last one for ever, and writes `count` events.
async fn written(answers: Vec<ResponseTemplate>, count: usize) -> Outcome {
    let server = MockServer::start().await;
    let last = answers.len() - 1;
    for (at, answer) in answers.into_iter().enumerate() {
        let mock = Mock::given(path("/_bulk")).respond_with(answer).with_priority(u8::try_from(at + 1).unwrap());
        if at < last { mock.up_to_n_times(1) } else { mock }.mount(&server).await;
    }
    let origin = Origin { owner: "1".into(), region: "r".into(), log_group: "/a".into(), log_stream: "s".into() };
    let json = |n: usize| json!({"id": n.to_string(), "timestamp": 1_795_392_000_000_i64, "message": "{\"n\":1}"});
    let raw: Vec<Box<RawValue>> = (0..count).map(|n| serde_json::value::to_raw_value(&json(n)).unwrap()).collect();
    let events: Vec<Event<'_>> = raw.iter().map(|raw| Event::parse(raw).unwrap()).collect();
    let deadline = Instant::now() + Duration::from_secs(20);
    let (written, dead) = write(&server, &origin, &events, deadline, None).await;
    assert_eq!(written.created + written.duplicates + dead.len(), count);
    Outcome { written, dead, requests: bulks(&server).await.len() }
}

/// The requests that were to write something.
async fn bulks(server: &MockServer) -> Vec<wiremock::Request> {
    let mut requests = server.received_requests().await.unwrap();
    requests.retain(|request| request.url.path() == "/_bulk");
    requests
}

/// Writes events to a domain on this machine.
async fn write(
    server: &MockServer,
    origin: &Origin,
    events: &[Event<'_>],
    deadline: Instant,
    redactor: Option<&Redactor>,
) -> (Written, Vec<Value>) {
    let indices = Indices { prefix: "logctl".parse().unwrap(), period: Period::Day };
    let target = Target::ByTime { indices: &indices, delivered: 1_795_392_000_000 };
    let encoder = Encoder::new(target, origin, 1);
    let domain = Domain::new(HttpClient::new(None).unwrap(), &server.uri(), Auth::None);
    let mut letters = Letters::default();
    let writer =
        Writer { domain: &domain, mappings: &Mutex::default(), deadline, circuit: Circuit::Closed, tried: 0, redactor };
    let written = writer.write(events, &encoder, &mut letters).await;
    (written, read(letters))
}

fn read(letters: Letters) -> Vec<Value> {
    let mut dead = Vec::new();
    for (_, object) in letters.into_objects() {
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(object.as_slice()).take(1 << 20).read_to_string(&mut text).unwrap();
        dead.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    }
    dead
}

#[tokio::test]
async fn an_event_that_cannot_be_redacted_is_stored_nowhere() {
    let server = MockServer::start().await;
    Mock::given(path("/_bulk")).respond_with(reply(&[(201, "")])).mount(&server).await;
    let redactor = Redactor::new("email", "").unwrap();
    // Without an id it cannot be read again after its redaction.
    let event =
        |id, message| Event { json: r#"{"x":"ana@shop.de"}"#, id, timestamp: 1, message, extracted_fields: None };
    let events = [event("", "to ana@shop.de"), event("1", "to nobody")];
    let deadline = Instant::now() + Duration::from_secs(20);
    let (written, dead) = write(&server, &Origin::default(), &events, deadline, redactor.as_ref()).await;
    assert_eq!((written.created, written.redacted, dead.len()), (1, 1, 1));
    assert_eq!((&dead[0]["kind"], &dead[0]["reason"]), (&json!("undecodable"), &json!("its id is none of CloudWatch")));
    let sent = bulks(&server).await;
    let mut stored = format!("{dead:?} ");
    let mut sent = flate2::read::MultiGzDecoder::new(sent[0].body.as_slice());
    sent.read_to_string(&mut stored).unwrap();
    assert!(stored.contains("to nobody") && stored.contains("to [redacted:email]"), "{stored}");
    assert!(!stored.contains("ana@"), "{stored}");
}

/// What is not redacted in time is indexed by nobody, and waits.
#[tokio::test]
async fn an_event_that_is_not_redacted_in_time_is_not_indexed() {
    let server = MockServer::start().await;
    let redactor = Redactor::new("email", "").unwrap();
    let json = r#"{"id":"1","timestamp":1,"message":"to ana@shop.de"}"#;
    let event = Event::parse(serde_json::from_str(json).unwrap()).unwrap();
    let (written, dead) = write(&server, &Origin::default(), &[event], Instant::now(), redactor.as_ref()).await;
    assert_eq!((written.created, written.redacted, written.stopped), (0, 0, Some(Stopped::Time)));
    assert_eq!((&dead[0]["kind"], &dead[0]["reason"]), (&json!("outage"), &json!("no time was left to redact it")));
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
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
    let Outcome { written, requests, .. } =
        written(vec![reply(&[(201, ""), (429, "rejected"), (409, "conflict")]), reply(&[(201, "")])], 3).await;
    assert_eq!((written.created, written.duplicates, written.retries), (2, 1, 1));
    assert_eq!(requests, 2);
}

#[tokio::test]
async fn a_refused_event_is_sent_again_then_untyped_and_then_given_up() {
    let refused = || reply(&[(400, "mapper")]);
    let both = reply(&[(400, "mapper"), (400, "mapper")]);
    let Outcome { written, .. } =
        self::written(vec![both, reply(&[(201, ""), (400, "mapper")]), reply(&[(201, "")])], 2).await;
    assert_eq!((written.created, written.degraded, written.stopped), (2, 1, None));
    let Outcome { written, dead, .. } = self::written(vec![refused(), refused(), reply(&[(400, "no")])], 1).await;
    assert_eq!((written.created, written.stopped), (0, None));
    assert_eq!((&dead[0]["kind"], &dead[0]["reason"]), (&json!("rejected"), &json!("no: r")));
    assert_eq!((&dead[0]["event"]["id"], &dead[0]["index"]), (&json!("0"), &json!("logctl-2026.11.23")));
}

/// Writes two events, `{"n":1}` each, to a domain that answers so when it is asked for a mapping.
async fn sent_with(mapping: ResponseTemplate) -> (Written, String, usize) {
    let server = MockServer::start().await;
    Mock::given(path("/logctl-2026.11.23/_mapping")).respond_with(mapping).mount(&server).await;
    Mock::given(path("/_bulk")).respond_with(reply(&[(201, "")])).mount(&server).await;
    let json = |n: usize| json!({"id": n.to_string(), "timestamp": 1_795_392_000_000_i64, "message": "{\"n\":1}"});
    let raw = serde_json::value::to_raw_value(&json(7)).unwrap();
    let event = [Event::parse(&raw).unwrap()];
    let deadline = Instant::now() + Duration::from_secs(20);
    let (written, dead) = write(&server, &Origin::default(), &event, deadline, None).await;
    assert_eq!(dead.len(), 0);
    let mut body = String::new();
    let sent = bulks(&server).await;
    flate2::read::MultiGzDecoder::new(sent[0].body.as_slice()).read_to_string(&mut body).unwrap();
    let others = server.received_requests().await.unwrap().len() - sent.len();
    (written, body, others)
}

#[tokio::test]
async fn what_is_typed_follows_the_mapping() {
    let mapping = |properties: Value| {
        ResponseTemplate::new(200).set_body_json(json!({"logctl-2026.11.23": {"mappings": {"properties": properties}}}))
    };
    let (written, body, asked) = sent_with(mapping(json!({}))).await;
    assert_eq!((written.untyped, written.unread, asked), (0, 0, 1));
    assert!(body.contains(r#""n":1"#), "{body}");
    let (written, body, _) = sent_with(mapping(json!({"n": {"properties": {"m": {"type": "keyword"}}}}))).await;
    assert_eq!((written.untyped, written.crowded, written.degraded), (1, 0, 0));
    assert!(body.contains(r#""@kvk":["n"],"@kv":["n=1"],"@kvn":["n=bff"]"#) && !body.contains(r#""n":1"#), "{body}");
}

/// An index that nobody lets us ask gets pairs, and that is counted; a domain that breaks at the question is asked again.
#[tokio::test]
async fn an_index_that_cannot_be_read_types_nothing() {
    for (status, unread) in [(404, 0), (403, 1), (500, 1)] {
        let (written, body, asked) = sent_with(ResponseTemplate::new(status)).await;
        assert_eq!((written.created, written.unread, written.untyped, asked), (1, unread, unread, 1), "{status}");
        assert_eq!(body.contains(r#""@kv":["n=1"]"#), unread == 1, "{body}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_halved_until_the_culprit_stands_alone() {
    let too_large = || ResponseTemplate::new(413);
    let Outcome { written, dead, .. } = written(vec![too_large(), reply(&[(201, "")]), too_large()], 2).await;
    assert_eq!((written.created, dead.len()), (1, 1));
    assert_eq!(dead[0]["kind"], "rejected");
}

#[tokio::test]
async fn a_domain_that_refuses_everything_is_an_outage() {
    let explicit = json!({"error": {"root_cause": [], "type": "illegal_argument_exception",
        "reason": "explicit index in bulk is not allowed"}, "status": 400});
    for answer in [
        ResponseTemplate::new(503).set_body_string("<html>"),
        ResponseTemplate::new(403).set_body_string("no permissions"),
        ResponseTemplate::new(400).set_body_json(explicit),
    ] {
        let Outcome { written, dead, requests } = written(vec![answer], 2).await;
        assert!(written.outage().is_some());
        assert!(dead.iter().all(|letter| letter["kind"] == "outage"), "{dead:?}");
        assert!(dead.iter().all(|letter| letter["attempts"] == 4), "{dead:?}");
        assert_eq!(requests, 4);
    }
}

/// An answer that nobody understands may be the fault of what was sent, and is no reason to send nothing else.
#[tokio::test]
async fn an_odd_answer_is_no_outage() {
    let html = || ResponseTemplate::new(200).set_body_string("hm");
    for answer in [html(), reply(&[(201, ""), (201, ""), (201, "")]), ResponseTemplate::new(404)] {
        let Outcome { written, dead, requests } = written(vec![answer], 2).await;
        assert!(matches!(written.stopped, Some(Stopped::Odd(_))), "{written:?}");
        assert_eq!((written.outage(), dead.len(), requests), (None, 2, 4));
        assert_eq!(dead[0]["kind"], "outage");
    }
}

#[test]
fn parts_are_bounded_and_lose_nothing() {
    let event = |json| Event { json, id: "1", timestamp: 1, message: "", extracted_fields: None };
    let long = "x".repeat(PART.0 / 2 + 1);
    let events: Vec<Event<'_>> =
        [long.as_str(), "y", &long].into_iter().chain(std::iter::repeat_n("z", PART.1 + 1)).map(event).collect();
    let sizes: Vec<usize> = parts(&events).map(<[_]>::len).collect();
    assert_eq!(sizes, [2, PART.1, 2]);
    assert_eq!(parts(&[]).count(), 0);
}

/// An event at which the engine fails waits by itself.
#[tokio::test]
async fn an_item_that_fails_is_no_outage() {
    let Outcome { written, dead, .. } = written(vec![reply(&[(500, "null_pointer_exception")])], 1).await;
    assert_eq!((written.stopped, dead.len()), (None, 1));
    assert_eq!(dead[0]["kind"], "outage");
    let Outcome { written, .. } = self::written(vec![reply(&[(503, "unavailable_shards_exception")])], 1).await;
    assert!(written.outage().is_some());
}

#[tokio::test]
async fn an_index_that_is_closed_to_us_is_no_outage_of_the_domain() {
    let Outcome { written, dead, .. } = written(vec![reply(&[(201, ""), (403, "security")])], 2).await;
    assert_eq!((written.created, written.stopped), (1, None));
    assert_eq!(dead[0]["kind"], "outage");
}
