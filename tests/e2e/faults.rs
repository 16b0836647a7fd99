//! The fault table: what is received is indexed exactly once, or is a dead letter with the reason, whatever breaks.
//!
//! Each row breaks something between the real function and the real engine, delivers, counts in engine and bucket, mends
//! the cause, lets the function redrive, and counts again. `tests/FAULTS.md` lists the rows for readers.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read as _, Write as _},
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use logctl_core::event_id::{document_id, event_id};
use opensearch::http::Method;
use serde_json::{Value, json};

use super::{
    function::{Ended, Function},
    proxy::{Fault, Proxy},
    sandbox::{Sandbox, now, root},
};

pub const OWNER: &str = "000000000000";
const BUCKET: &str = "faults";

/// A sandbox with a bucket, and proxies in front of the engine and of AWS.
pub struct Rig {
    pub sandbox: Sandbox,
    pub engine: Proxy,
    pub aws: Proxy,
    pub bucket: String,
}

/// What a row has sent.
#[derive(Default)]
pub struct Sent {
    /// Ids that must each be found exactly once.
    pub ids: BTreeSet<String>,
    /// Payloads that must be kept as undecodable, whole.
    pub undecodable: BTreeSet<String>,
}

impl Rig {
    pub fn new(engine: Option<&str>) -> Self {
        let sandbox = Sandbox::up(engine);
        sandbox.logctl("bootstrap --yes").ok(); // Installs the index template; the rows use a bucket of their own.
        Self::around(sandbox)
    }

    pub fn around(sandbox: Sandbox) -> Self {
        sandbox.create_bucket(BUCKET);
        let (engine, aws) = (Proxy::start(sandbox.endpoint()), Proxy::start(sandbox.aws_endpoint()));
        Self { sandbox, engine, aws, bucket: BUCKET.to_owned() }
    }

    /// The environment of the function, as the template gives it.
    pub fn variables(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("LOGCTL_ENDPOINT", self.engine.url.clone()),
            ("LOGCTL_AUTH", "none".to_owned()),
            ("LOGCTL_INDEX_PREFIX", "logctl".to_owned()),
            ("LOGCTL_INDEX_PERIOD", "day".to_owned()),
            ("LOGCTL_STACK", "faults".to_owned()),
            ("LOGCTL_DEAD_LETTERS", self.bucket.clone()),
            ("LOGCTL_ACCOUNT", OWNER.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_ENDPOINT_URL", self.aws.url.clone()),
        ])
    }

    pub fn function(&self) -> Function {
        Function::start(&binary(), self.variables(), Duration::from_secs(25))
    }

    /// With the time that the template gives it.
    pub fn patient_function(&self) -> Function {
        Function::start(&binary(), self.variables(), Duration::from_mins(1))
    }

    /// With other variables.
    pub fn function_with(&self, others: &[(&'static str, &str)]) -> Function {
        let mut variables = self.variables();
        variables.extend(others.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Function::start(&binary(), variables, Duration::from_secs(25))
    }

    /// Ids in the index → how many documents carry them.
    pub fn indexed(&self, ids: &BTreeSet<String>) -> BTreeMap<String, usize> {
        self.sandbox.engine(Method::Post, "/_refresh", None);
        let mut found = BTreeMap::new();
        for part in ids.iter().map(|id| document_id(id)).collect::<Vec<_>>().chunks(5_000) {
            let query = json!({"size": 10_000, "_source": false, "query": {"ids": {"values": part}}});
            let answer = self.searched(&query);
            for hit in answer["hits"]["hits"].as_array().unwrap_or_else(|| panic!("{answer}")) {
                *found.entry(event_id(hit["_id"].as_str().unwrap()).into_owned()).or_default() += 1;
            }
        }
        found
    }

    /// The engine's answer, once the shards of a new index are there.
    fn searched(&self, query: &Value) -> Value {
        let mut answer = Value::Null;
        for _ in 0..20 {
            answer = self.sandbox.engine(Method::Post, "/_search", Some(query.clone()));
            if answer["status"] != 503 {
                break;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        answer
    }

    /// The dead letters in the bucket.
    pub fn letters(&self) -> Vec<Value> {
        let mut letters = Vec::new();
        for (key, bytes) in self.sandbox.objects(&self.bucket) {
            assert!(key.ends_with(".ndjson.gz"), "{key}");
            let mut text = String::new();
            MultiGzDecoder::new(bytes.as_slice()).take(1 << 30).read_to_string(&mut text).unwrap();
            letters.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        }
        letters
    }

    /// Every event is in the index once and not in the bucket, or the other way round; returns how many are in the bucket.
    #[track_caller]
    pub fn account_for(&self, row: &str, sent: &Sent) -> usize {
        let letters = self.letters();
        let id = |letter: &Value| letter["event"]["id"].as_str().map(str::to_owned);
        let dead: BTreeSet<String> = letters.iter().filter_map(id).collect();
        let payload =
            |letter: &Value| Some((letter["kind"].as_str()?.to_owned(), letter["payload"].as_str()?.to_owned()));
        let whole: BTreeSet<(String, String)> = letters.iter().filter_map(payload).collect();
        assert_eq!(dead.len() + whole.len(), letters.len(), "{row}: an event is in the bucket twice");
        assert!(letters.iter().all(|letter| !letter["reason"].as_str().unwrap().is_empty()), "{row}");
        let indexed = self.indexed(&sent.ids);
        assert!(indexed.values().all(|number| *number == 1), "{row}: an event is indexed twice");
        let in_both = dead.iter().filter(|id| indexed.contains_key(*id)).count();
        assert_eq!(in_both, 0, "{row}: events in the index and in the bucket");
        let all: BTreeSet<String> = indexed.keys().cloned().chain(dead.iter().cloned()).collect();
        assert_eq!(all, sent.ids, "{row}: received = indexed + dead");
        let undecodable = sent.undecodable.iter().map(|payload| ("undecodable".to_owned(), payload.clone())).collect();
        assert_eq!(whole, undecodable, "{row}: payloads kept whole");
        letters.len()
    }
}

/// The metrics of its last invocation.
pub fn metrics(function: &Function) -> Value {
    serde_json::from_str(&function.last_line_with("\"_aws\"")).unwrap()
}

/// LogsForwarder as it is shipped.
pub fn binary() -> PathBuf {
    root().join("target/dist/logs_forwarder")
}

/// Events with these messages: the invocation and the ids.
pub fn events(messages: &[String]) -> (String, BTreeSet<String>) {
    timed(messages, now())
}

pub fn timed(messages: &[String], timestamp: i64) -> (String, BTreeSet<String>) {
    let times = vec![timestamp; messages.len()];
    from("/faults", messages, &times)
}

/// Events of a log group with these messages, at these times.
pub fn from(group: &str, messages: &[String], times: &[i64]) -> (String, BTreeSet<String>) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let first = NUMBER.fetch_add(messages.len(), Ordering::Relaxed);
    let id = |at: usize| format!("3{:055}", first + at);
    let event =
        |(at, (message, time)): (usize, (&String, &i64))| json!({"id": id(at), "timestamp": time, "message": message});
    let events: Vec<Value> = messages.iter().zip(times).enumerate().map(event).collect();
    let payload = payload_of(OWNER, group, &json!(["f"]), &json!(events).to_string());
    (invocation(&payload), (0..messages.len()).map(id).collect())
}

/// The text of a payload with these events, as JSON.
fn payload(events: &str) -> Vec<u8> {
    payload_of(OWNER, "/faults", &json!(["f"]), events)
}

/// The same, of any origin.
pub fn payload_of(owner: &str, group: &str, filters: &Value, events: &str) -> Vec<u8> {
    format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"{owner}","logGroup":"{group}","logStream":"s","subscriptionFilters":{filters},"logEvents":{events}}}"#
    )
    .into_bytes()
}

pub fn invocation(payload: &[u8]) -> String {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(payload).unwrap();
    wrap(&gzip.finish().unwrap())
}

fn wrap(bytes: &[u8]) -> String {
    json!({"awslogs": {"data": base64_simd::STANDARD.encode_to_string(bytes)}}).to_string()
}

pub fn lines(count: usize) -> Vec<String> {
    (0..count).map(|n| format!(r#"{{"level":"info","n":{n},"text":"line {n}"}}"#)).collect()
}

#[track_caller]
pub fn well(ended: &Ended) {
    assert!(matches!(ended, Ended::Well), "{ended:?}");
}

/// Between the function and the engine: the name, what breaks, and whether events are expected in the bucket before the
/// cause is gone.
fn network_faults() -> Vec<(&'static str, Vec<Fault>, bool)> {
    use Fault::{Answer, CutAnswer, Hang, Items, ResetInBody, Trickle};
    let html = "<html><body>503 Service Temporarily Unavailable</body></html>";
    let forever = |fault: Fault| vec![fault; 4];
    vec![
        ("item 429, then not", vec![Items(429, "rejected_execution_exception"); 2], false),
        ("item 503, then not", vec![Items(503, "unavailable_shards_exception")], false),
        ("item 403", vec![Items(403, "security_exception")], true),
        ("an index that is read-only", vec![Items(429, "cluster_block_exception")], true),
        ("item 429 without end", vec![Items(429, "rejected_execution_exception"); 8], true),
        ("429 without end", vec![Answer(429, "application/json", "{}"); 8], true),
        ("413, then not", vec![Answer(413, "text/plain", "too large"); 3], false),
        ("429, then not", vec![Answer(429, "application/json", "{}"); 3], false),
        ("401", forever(Answer(401, "text/plain", "Unauthorized")), true),
        ("403", forever(Answer(403, "application/json", r#"{"Message":"no permissions"}"#)), true),
        (
            "credentials that have expired",
            forever(Answer(
                403,
                "application/json",
                r#"{"message":"The security token included in the request is expired"}"#,
            )),
            true,
        ),
        (
            "a domain where no item may name its index",
            forever(Answer(
                400,
                "application/json",
                r#"{"error":{"type":"illegal_argument_exception","reason":"explicit index in bulk is not allowed"}}"#,
            )),
            true,
        ),
        ("503 with HTML, then not", vec![Answer(503, "text/html", html); 2], false),
        ("503 with HTML", forever(Answer(503, "text/html", html)), true),
        ("an empty body, then not", vec![Answer(200, "application/json", "")], false),
        ("200 with garbage", forever(Answer(200, "application/json", "{\"took\":1,\"errors\":fal")), true),
        ("200 for fewer items", forever(Answer(200, "application/json", r#"{"errors":false,"items":[]}"#)), true),
        ("reset in the request, then not", vec![ResetInBody; 2], false),
        ("reset in the request", forever(ResetInBody), true),
        ("an answer that is cut: all is indexed, nobody knows", vec![CutAnswer; 2], false),
        ("an answer that trickles", vec![Trickle(Duration::from_millis(20))], false),
        ("no answer at all", vec![Hang; 4], true),
    ]
}

#[test]
fn between_function_and_engine() {
    let rig = Rig::new(None);
    for (row, faults, kept) in network_faults() {
        let mut function = rig.function();
        let (event, ids) = events(&lines(25));
        let sent = Sent { ids, ..Sent::default() };
        rig.engine.next("_bulk", &faults);
        well(&function.invoke(&event));
        let broken = rig.engine.broken();
        assert!(broken > 0, "{row}: nothing was broken");
        rig.engine.heal();
        let dead = rig.account_for(row, &sent);
        assert_eq!(dead > 0, kept, "{row}: {dead} in the bucket");
        well(&rig.function().invoke("\"redrive\""));
        assert_eq!(rig.account_for(row, &sent), 0, "{row}: left after the redrive");
    }
}

#[test]
fn on_the_way_to_the_engine_and_to_the_bucket() {
    let rig = Rig::new(None);
    let delivered = |row: &str, mut function: Function| {
        let (event, ids) = events(&lines(10));
        let sent = Sent { ids, ..Sent::default() };
        well(&function.invoke(&event));
        assert_eq!(rig.account_for(row, &sent), 10, "{row}");
        well(&rig.function().invoke("\"redrive\""));
        assert_eq!(rig.account_for(row, &sent), 0, "{row}");
    };
    delivered(
        "a name that does not resolve",
        rig.function_with(&[("LOGCTL_ENDPOINT", "https://nowhere.invalid:9200")]),
    );
    delivered(
        "no TLS where it should be",
        rig.function_with(&[("LOGCTL_ENDPOINT", &rig.engine.url.replace("http", "https"))]),
    );
    delivered("nobody listens", rig.function_with(&[("LOGCTL_ENDPOINT", "http://127.0.0.1:9")]));

    // The bucket refuses: the invocation fails, and Lambda tries it again.
    let (event, ids) = events(&lines(10));
    let sent = Sent { ids, ..Sent::default() };
    rig.engine.always("_bulk", Fault::Answer(503, "text/html", "<html>"));
    rig.aws.always("PUT", Fault::Answer(403, "application/xml", "<Error><Code>AccessDenied</Code></Error>"));
    let mut function = rig.function();
    let ended = function.invoke(&event);
    assert!(matches!(&ended, Ended::Badly(error) if error.contains("DeadLetterRefused")), "{ended:?}");
    rig.aws.heal();
    well(&function.invoke(&event));
    assert_eq!(rig.account_for("the bucket refuses", &sent), 10);
    rig.engine.heal();
    well(&rig.function().invoke("\"redrive\""));
    assert_eq!(rig.account_for("the bucket refuses", &sent), 0);

    // It refuses for a moment only: the invocation does not fail.
    let (event, ids) = events(&lines(10));
    let sent = Sent { ids, ..Sent::default() };
    let busy = |code| Fault::Answer(503, "application/xml", code);
    let busy = [busy("<Error><Code>SlowDown</Code></Error>"), busy("<Error><Code>ServiceUnavailable</Code></Error>")];
    rig.engine.always("_bulk", Fault::Answer(503, "text/html", "<html>"));
    rig.aws.next("PUT", &busy);
    well(&rig.function().invoke(&event));
    assert_eq!(rig.aws.broken(), 2);
    assert_eq!(rig.account_for("the bucket is busy", &sent), 10);
    rig.engine.heal();
    well(&rig.function().invoke("\"redrive\""));
    assert_eq!(rig.account_for("the bucket is busy", &sent), 0);
}

/// All is indexed, and the answer takes longer than a request may: everything is sent again, and is there.
#[test]
fn an_answer_that_trickles_for_too_long() {
    let rig = Rig::new(None);
    let mut function = rig.patient_function();
    let (event, ids) = events(&lines(50));
    let sent = Sent { ids, ..Sent::default() };
    rig.engine.next("_bulk", &[Fault::Trickle(Duration::from_secs(8))]);
    well(&function.invoke(&event));
    let line = metrics(&function);
    assert_eq!((&line["Indexed"], &line["Duplicates"], &line["Retries"]), (&json!(0), &json!(50), &json!(50)));
    assert_eq!(rig.account_for("a slow trickle", &sent), 0);
}

#[test]
fn of_the_invocation_itself() {
    let rig = Rig::new(None);
    // Killed while the engine has already taken the events.
    let (event, ids) = events(&lines(50));
    let sent = Sent { ids, ..Sent::default() };
    let mut function = rig.function();
    rig.engine.next("_bulk", &[Fault::Trickle(Duration::from_mins(1))]);
    function.begin(&event);
    Sandbox::eventually("the engine has taken the events", || rig.indexed(&sent.ids).len() == 50);
    function.kill();
    rig.engine.heal();
    let mut function = rig.function();
    well(&function.invoke(&event));
    assert_eq!(metrics(&function)["Duplicates"], 50);
    assert_eq!(rig.account_for("killed and tried again", &sent), 0);

    // Three at once.
    let (event, ids) = events(&lines(2_000));
    let sent = Sent { ids, ..Sent::default() };
    let functions: Vec<Function> = (0..3).map(|_| rig.function()).collect();
    for function in &functions {
        function.begin(&event);
    }
    for function in &functions {
        well(&function.end());
    }
    assert_eq!(rig.account_for("delivered three times in parallel", &sent), 0);

    // The later one first.
    let mut function = rig.function();
    let deliveries: Vec<_> = (0..5).map(|_| events(&lines(20))).collect();
    let sent = Sent { ids: deliveries.iter().flat_map(|(_, ids)| ids.clone()).collect(), ..Sent::default() };
    for (event, _) in deliveries.iter().rev().chain(&deliveries) {
        well(&function.invoke(event));
    }
    assert_eq!(rig.account_for("reordered and doubled", &sent), 0);
}

#[test]
fn in_the_payload() {
    let rig = Rig::new(None);
    let mut function = rig.patient_function();
    let (good, _) = events(&lines(3));
    let data = serde_json::from_str::<Value>(&good).unwrap()["awslogs"]["data"].as_str().unwrap().to_owned();
    let mut undecodable = Sent::default();
    let member = {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&vec![b' '; 100 << 20]).unwrap();
        gzip.finish().unwrap()
    };
    for (row, event) in [
        ("truncated base64", json!({"awslogs": {"data": &data[..=data.len() / 2]}}).to_string()),
        ("not gzip", wrap(b"hello, world")),
        ("truncated gzip", wrap(&base64_simd::STANDARD.decode_to_vec(&data[..data.len() / 8 * 4]).unwrap())),
        ("a bomb of 10 GB", wrap(&member.repeat(100))),
        ("not JSON", invocation(b"hello")),
        ("JSON of something else", invocation(b"[1,2,3]")),
        ("an invocation of something else", r#"{"hello":"world"}"#.to_owned()),
    ] {
        well(&function.invoke(&event));
        let data = serde_json::from_str::<Value>(&event).unwrap()["awslogs"]["data"].as_str().map(str::to_owned);
        undecodable.undecodable.insert(data.unwrap_or(event));
        rig.account_for(row, &undecodable);
    }
    assert!(function.peak_memory() < 128 << 20, "{}", function.peak_memory());
    rig.sandbox.empty(&rig.bucket);

    for (row, messages) in messages() {
        let (event, ids) = events(&messages);
        let sent = Sent { ids, ..Sent::default() };
        well(&function.invoke(&event));
        assert_eq!(rig.account_for(row, &sent), 0, "{row}: in the bucket");
    }
    for (row, timestamp) in [("1970", 0), ("the year 9999", 253_370_764_800_000), ("beyond any year", i64::MAX)] {
        let (event, ids) = timed(&lines(2), timestamp);
        let sent = Sent { ids, ..Sent::default() };
        well(&function.invoke(&event));
        assert_eq!(rig.account_for(row, &sent), 0, "{row}: in the bucket");
    }
    assert!(function.peak_memory() < 128 << 20, "{}", function.peak_memory());
    println!("peak memory after all of it: {} MB", function.peak_memory() >> 20);
    // Bytes that are no UTF-8, and halves of surrogate pairs, raw and escaped twice.
    let id = |n: usize| format!("{n:055}7");
    let mut raw = payload(&format!(
        r#"[{{"id":"{}","timestamp":{now},"message":"not ~ UTF-8"}},{{"id":"{}","timestamp":{now},"message":"half \ud800 a pair"}},{{"id":"{}","timestamp":{now},"message":"{{\"a\":\"\\ud800\"}}"}},7,{{"id":"{}","timestamp":{now},"message":{{}}}}]"#,
        id(1),
        id(2),
        id(3),
        id(4),
        now = now()
    ));
    let at = raw.iter().position(|byte| *byte == b'~').unwrap();
    raw[at] = 0xff;
    well(&function.invoke(&invocation(&raw)));
    let letters = rig.letters();
    assert_eq!(letters.len(), 2, "{letters:?}"); // The number, and the event whose message is an object.
    assert!(letters.iter().all(|letter| letter["kind"] == "undecodable" && letter["origin"]["logGroup"] == "/faults"));
    assert_eq!(rig.indexed(&(1..=4).map(id).collect()).len(), 3);
}

/// Messages that have broken indices before.
fn messages() -> Vec<(&'static str, Vec<String>)> {
    let deep = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    let one = |message: String| vec![message];
    vec![
        ("100,000 events", (0..100_000).map(|n| format!("event {n}")).collect()),
        ("an event of 1 MB", one("x ".repeat(500_000))),
        ("an event of 1 MB in one word", one("x".repeat(1_000_000))),
        ("JSON of 1 MB in one value", one(format!(r#"{{"a":"{}"}}"#, "y".repeat(1_000_000)))),
        ("depth 100", one(deep(100))),
        ("depth 10,000", one(deep(10_000))),
        ("arrays of depth 100,000", one(format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000)))),
        ("5,000 keys", one(json!((0..5_000).map(|n| (format!("key{n}"), n)).collect::<BTreeMap<_, _>>()).to_string())),
        (
            "one name with seven types",
            ["1", "1.5", "\"x\"", "true", "null", "[1,\"x\"]", "{\"b\":{\"c\":1}}"]
                .map(|value| format!(r#"{{"seven":{value}}}"#))
                .to_vec(),
        ),
        (
            "numbers beyond f64",
            [
                "1e400",
                "-1e400",
                "18446744073709551616",
                "9223372036854775808",
                "0.1e-400",
                "123456789012345678901234567890",
            ]
            .map(|value| format!(r#"{{"number":{value}}}"#))
            .to_vec(),
        ),
        ("equal keys", one(r#"{"a":1,"a":{"b":2},"a":"three"}"#.to_owned())),
        (
            "names that the engine keeps for itself",
            ["_id", "_source", "@timestamp", "", ".", "a..b", " ", "a.", "\\u0000", "*"]
                .map(|name| format!(r#"{{"{name}":1}}"#))
                .to_vec(),
        ),
        ("an empty message", one(String::new())),
    ]
}

/// `error:"x"` and `error:{"message":"y"}`, in both orders: both are found by their field.
#[test]
fn one_name_with_a_value_here_and_an_object_there() {
    for engine in [None, Some("elasticsearch-7.10"), Some("opensearch-2.19")] {
        let rig = Rig::new(engine);
        let mut function = rig.function();
        let mut sent = Sent::default();
        let mut untyped = Vec::new();
        for (a, b) in [("before", "after"), ("after", "before")] {
            let value = format!(r#"{{"fault{a}":"plain-{a}{b}"}}"#);
            let object = format!(r#"{{"fault{a}":{{"message":"nested-{a}{b}"}}}}"#);
            let ordered = if a == "before" { [value, object] } else { [object, value] };
            for message in ordered {
                // Twice: the second time the function knows the conflict.
                for message in [message.clone(), message.clone()] {
                    let (event, ids) = events(&[message]);
                    sent.ids.extend(ids);
                    well(&function.invoke(&event));
                    let line = metrics(&function);
                    assert_eq!(line["Degraded"], 0);
                    untyped.push((line["Untyped"] == 1, line["Retries"].clone()));
                }
            }
        }
        assert_eq!(rig.account_for("value and object", &sent), 0);
        // 3.8 takes both; on the others the second form is a pair.
        let conflicts = untyped.iter().filter(|(untyped, _)| *untyped).count();
        assert_eq!(conflicts > 0, engine.is_some(), "{engine:?}: {untyped:?}");
        let found = |query: &str| {
            let run = rig.sandbox.run(&["search", query, "-o", "json"], &[]).ok();
            run.json()["events"].as_array().map_or(0, Vec::len)
        };
        for (a, b) in [("before", "after"), ("after", "before")] {
            assert_eq!(found(&format!("fault{a}=plain-{a}{b}")), 2, "{engine:?} {a}");
            assert_eq!(found(&format!("fault{a}.message=nested-{a}{b}")), 2, "{engine:?} {a}");
        }
    }
}

/// While the domain is out of order nobody waits for it; when it is back, the first request finds that out.
#[test]
fn the_circuit_opens_and_closes() {
    let rig = Rig::new(None);
    let mut function = rig.function();
    let mut sent = Sent::default();
    let mut deliver = |function: &mut Function| {
        let (event, ids) = events(&lines(5));
        sent.ids.extend(ids);
        well(&function.invoke(&event));
    };
    rig.engine.always("_bulk", Fault::Answer(503, "text/html", "<html>"));
    deliver(&mut function);
    let tries = rig.engine.broken();
    for _ in 0..10 {
        deliver(&mut function);
    }
    assert_eq!(rig.engine.broken(), tries, "the domain was tried although the circuit is open");
    let line = metrics(&function);
    assert_eq!((&line["CircuitOpen"], &line["Outage"], &line["Events"]), (&json!(1), &json!(5), &json!(5)));
    std::thread::sleep(Duration::from_secs(11));
    deliver(&mut function);
    assert_eq!(rig.engine.broken(), tries + 1, "one request finds out whether the domain is back");
    rig.engine.heal();
    std::thread::sleep(Duration::from_secs(21));
    deliver(&mut function);
    let line = metrics(&function);
    assert_eq!((&line["CircuitOpen"], &line["Indexed"]), (&json!(0), &json!(5)));
    assert_eq!(rig.account_for("circuit", &sent), 60);
    well(&rig.patient_function().invoke("\"redrive\""));
    assert_eq!(rig.account_for("circuit", &sent), 0);
}

/// An object that stays, and takes all the time there is, does not keep those behind it waiting.
#[test]
fn a_redrive_goes_on_behind_its_last_object() {
    let rig = Rig::new(None);
    let mut sent = Sent::default();
    rig.engine.always("_bulk", Fault::Answer(503, "text/html", "<html>"));
    let mut broken = rig.function();
    for _ in 0..3 {
        let (event, ids) = events(&lines(5));
        sent.ids.extend(ids);
        well(&broken.invoke(&event));
    }
    assert_eq!(rig.account_for("three objects", &sent), 15);
    // A redrive begins no object when fewer than five seconds are left, of ten here; and it rests for as long as it worked.
    rig.engine.next("_bulk", &[Fault::LateItems(Duration::from_secs(3), 403, "security_exception")]);
    let mut function = rig.function();
    well(&function.invoke("\"redrive\""));
    assert_eq!(rig.account_for("the first stays", &sent), 15);
    well(&function.invoke("\"redrive\""));
    assert_eq!(rig.account_for("the others are indexed", &sent), 5);
    well(&function.invoke("\"redrive\""));
    assert_eq!(rig.account_for("from the start again", &sent), 0);
}

/// What must not be stored is stored neither in the bucket nor in the index.
#[test]
fn what_is_redacted_is_nowhere() {
    let rig = Rig::new(None);
    let rules = [("LOGCTL_REDACT", "email,jwt"), ("LOGCTL_REDACT_PATTERNS", "customer-\\d+")];
    let mut function = rig.function_with(&rules);
    let (event, ids) = events(&[r#"{"who":"ana@shop.example","customer":"customer-17","n":1}"#.to_owned()]);
    let sent = Sent { ids: ids.clone(), ..Sent::default() };
    rig.engine.always("_bulk", Fault::Answer(503, "text/html", "<html>"));
    well(&function.invoke(&event));
    let letters = json!(rig.letters()).to_string();
    assert!(letters.contains("[redacted:email]") && !letters.contains("ana@") && !letters.contains("customer-17"));
    assert_eq!(metrics(&function)["Redacted"], 1);
    rig.engine.heal();
    well(&rig.function_with(&rules).invoke("\"redrive\""));
    assert_eq!(rig.account_for("redacted", &sent), 0);
    let query = json!({"query": {"ids": {"values": ids.iter().map(|id| document_id(id)).collect::<Vec<_>>()}}});
    let found = rig.sandbox.engine(Method::Post, "/_search", Some(query)).to_string();
    assert!(found.contains("[redacted:email]") && !found.contains("ana@") && !found.contains("customer-17"), "{found}");

    // A rule that cannot be meant ends the function before it takes anything.
    let mut broken = rig.function_with(&[("LOGCTL_REDACT_PATTERNS", "(")]);
    assert!(matches!(broken.invoke(&event), Ended::Died | Ended::Badly(_)));
}

/// An index that is read-only, as one is when a disk is full: its events wait, and keep no others waiting.
#[test]
fn an_index_that_is_read_only() {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let rig = Rig::new(None);
    let mut function = rig.function();
    let mut sent = Sent::default();
    let mut deliver = |timestamp: i64| {
        let (event, ids) = timed(&lines(5), timestamp);
        sent.ids.extend(ids);
        well(&function.invoke(&event));
        metrics(&function)
    };
    let block = |block: Value| {
        let settings = json!({"index.blocks.read_only_allow_delete": block});
        let answer = rig.sandbox.engine(Method::Put, "/logctl-*/_settings", Some(settings));
        assert_eq!(answer["acknowledged"], true, "{answer}");
    };
    deliver(now() - DAY);
    block(json!(true)); // There is no other index yet.
    let (yesterday, today) = (deliver(now() - DAY), deliver(now()));
    assert_eq!((&yesterday["Outage"], &yesterday["CircuitOpen"], &today["Indexed"]), (&json!(5), &json!(0), &json!(5)));
    well(&function.invoke("\"redrive\""));
    assert_eq!(metrics(&function)["RedriveWaiting"], 1);
    assert_eq!(rig.account_for("an index is read-only", &sent), 5);
    block(Value::Null);
    well(&function.invoke("\"redrive\""));
    assert_eq!(rig.account_for("it is no more", &sent), 0);
}

/// An index that has no room for another name.
#[test]
fn a_limit_of_fields() {
    let rig = Rig::new(None);
    // As many typed names as the engine takes, and more: from many groups, since each has a share.
    let mut function = rig.function_with(&[("LOGCTL_TYPED_NAMES", "5000")]);
    let mut sent = Sent::default();
    let mut retries = 0;
    for group in 0..120 {
        let message: BTreeMap<String, u32> = (0..12).map(|n| (format!("all.name{group}x{n}"), group)).collect();
        let (event, ids) = from(&format!("/limit/{group}"), &[json!(message).to_string()], &[now()]);
        sent.ids.extend(ids);
        well(&function.invoke(&event));
        let line = metrics(&function);
        assert_eq!((&line["Degraded"], &line["Crowded"]), (&json!(0), &json!(1)), "{group}");
        retries += line["Retries"].as_u64().unwrap();
    }
    assert_eq!(rig.account_for("the limit of fields", &sent), 0);
    assert_eq!(retries, 0, "a refusal for the limit is no retry");
    // More names below one than an engine takes as clauses of one query.
    let run = rig.sandbox.run(&["search", "has:all", "all.name0x0!=1", "-n", "1000", "-o", "json"], &[]).ok();
    assert_eq!(run.json()["total"], 1);
    for name in ["name0x0", "name0x11", "name119x0", "name119x11"] {
        let group = &name[4..name.find('x').unwrap()];
        let run = rig.sandbox.run(&["search", &format!("all.{name}>={group}"), "-o", "json"], &[]).ok();
        assert_eq!(run.json()["events"].as_array().map(Vec::len), Some(1), "{name}");
    }
}
