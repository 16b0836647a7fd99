//! Bytes on the disk of a real node: our template and documents, and those of the generated function.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    process::Command,
    sync::Mutex,
    time::Duration,
};

use bytes::Bytes;
use hyper::Method;
use logctl_core::{
    dead_letter::LetterKind,
    document::{Encoder, Target},
    event::{Batch, Event},
    index_name::{IndexName, Indices, Period},
    mapping::Mappings,
    payload::{self, DEFAULT_CAP, Payload as Decoded},
};
use logctl_sink::{
    breaker::Circuit,
    domain::{Auth, Domain, gzip},
    http::HttpClient,
    letters::Letters,
    writer::{Writer, Written},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{corpus::Payload, peer::Peer};

const SANDBOX: &str = "bench";

/// What was measured.
pub struct Storage {
    pub ours: u64,
    pub theirs: u64,
    /// Documents that each of them lost, of all.
    pub lost: (u64, u64, u64),
}

/// Events of one group that arrive together, where many groups write at once.
const TOGETHER: usize = 50;
/// Milliseconds between the arrivals of two deliveries.
const APART: i64 = 137;
/// When the first one arrives.
const FIRST: i64 = 1_795_392_000_000;

/// A search engine that is stopped when it is dropped.
pub struct Engine<'a> {
    root: &'a Path,
    /// Where it answers.
    pub url: String,
    domain: Domain,
}

impl Drop for Engine<'_> {
    fn drop(&mut self) {
        drop(Command::new(self.root.join("sandbox/sandbox")).args(["down", "--name", SANDBOX]).status());
    }
}

impl<'a> Engine<'a> {
    /// Starts one with our template; `None` where none can be started.
    pub async fn start(root: &'a Path) -> Option<Self> {
        // As fast as a domain: the sandbox of the tests compiles less, to start sooner.
        let up = Command::new(root.join("sandbox/sandbox"))
            .args(["up", "--name", SANDBOX])
            .envs([("SANDBOX_FULL_SPEED", "1"), ("SANDBOX_HEAP", "2g")])
            .output()
            .ok()?;
        let env = String::from_utf8(up.stdout).ok()?;
        let url = env.lines().find_map(|line| line.strip_prefix("export OPENSEARCH_URL="))?;
        let http = HttpClient::new(None).ok()?;
        let engine = Self { root, url: url.to_owned(), domain: Domain::new(http, url, Auth::None) };
        engine.install("ours", &["turns*", "rows*", "alone*", "searched*"], |_| ()).await;
        Some(engine)
    }

    /// Installs our template, changed, for the indices of these patterns. Of two that fit an index, the one of more priority counts.
    pub async fn install(&self, name: &str, patterns: &[&str], change: impl FnOnce(&mut Value)) {
        let template = std::fs::read(self.root.join("stack/index_template.json")).expect("our template");
        let mut template: Value = serde_json::from_slice(&template).expect("JSON");
        template["index_patterns"] = json!(patterns);
        change(&mut template);
        let installed = self.ask(Method::PUT, &format!("/_index_template/{name}"), &template).await;
        assert_eq!(installed["acknowledged"], true, "the newest engine takes the template: {installed}");
    }

    pub async fn ask(&self, method: Method, path: &str, body: &Value) -> Value {
        serde_json::from_slice(&self.bytes(method, path, body).await).unwrap_or_default()
    }

    /// The answer as it is.
    pub async fn bytes(&self, method: Method, path: &str, body: &Value) -> Bytes {
        let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        let answer = self.domain.send(method, path, body, Duration::from_mins(20)).await.expect("the engine answers");
        assert!(answer.status.is_success() || answer.status == 404, "{path}: {}", answer.excerpt());
        answer.body
    }

    /// Bytes and documents of an index, merged into one segment.
    async fn weigh(&self, index: &str) -> (u64, u64) {
        for step in ["_refresh", "_forcemerge?max_num_segments=1", "_flush", "_refresh"] {
            self.ask(Method::POST, &format!("/{index}/{step}"), &Value::Null).await;
        }
        let stats = self.ask(Method::GET, &format!("/{index}/_stats/store,docs"), &Value::Null).await;
        let total = &stats["_all"]["primaries"];
        (total["store"]["size_in_bytes"].as_u64().expect("a size"), total["docs"]["count"].as_u64().expect("a count"))
    }
}

/// What the peer makes of the events of a payload, by their ids.
fn theirs(payload: &Payload, peer: &mut Peer) -> HashMap<String, String> {
    let dump = peer.ask(&format!("dump {}", payload.name));
    let lines: Vec<&str> = dump["body"].as_str().unwrap_or_default().lines().collect();
    let document = |pair: &[&str]| {
        let action: Value = serde_json::from_str(pair[0]).expect("an action");
        (action["index"]["_id"].as_str().expect("an id").to_owned(), pair[1].to_owned())
    };
    lines.chunks(2).map(document).collect()
}

impl Engine<'_> {
    /// Both ways of arriving: groups in turns, as in life, and one group after the other.
    pub async fn measure(&self, payloads: &[Payload], peer: &mut Peer) -> [Storage; 2] {
        let texts: Vec<String> =
            payloads.iter().map(|payload| payload::unpack(&payload.data, DEFAULT_CAP).expect("a payload")).collect();
        let mut batches = Vec::new();
        for (payload, text) in payloads.iter().zip(&texts) {
            if let Ok(Decoded::Data(batch)) = payload::parse(text, "eu-west-1") {
                batches.push((batch, theirs(payload, peer)));
            }
        }
        let all = payloads.iter().map(|payload| payload.events as u64).sum();
        [self.compare("turns", TOGETHER, &batches, all).await, self.compare("rows", usize::MAX, &batches, all).await]
    }

    /// Indexes all events of the payloads, for somebody who searches the indices of this prefix.
    pub async fn fill(&self, prefix: &str, payloads: &[Payload]) -> IndexName {
        let index = outliers(prefix);
        let (mappings, mut letters) = (Mutex::new(Mappings::default()), Letters::default());
        for payload in payloads {
            let text = payload::unpack(&payload.data, DEFAULT_CAP).expect("a payload");
            if let Ok(Decoded::Data(batch)) = payload::parse(&text, "eu-west-1") {
                let encoder = Encoder::new(Target::One(&index), &batch.origin, FIRST);
                self.write(&batch.events, &encoder, &mappings, &mut letters).await;
            }
        }
        assert_eq!(letters.count(LetterKind::Outage), 0);
        self.ask(Method::POST, &format!("/{index}/_refresh"), &Value::Null).await;
        index
    }

    /// Indexes events as the forwarder does.
    async fn write(
        &self,
        events: &[Event<'_>],
        encoder: &Encoder<'_>,
        mappings: &Mutex<Mappings>,
        letters: &mut Letters,
    ) -> Written {
        let deadline = Instant::now() + Duration::from_mins(5);
        let domain = &self.domain;
        let writer = Writer { domain, mappings, deadline, circuit: Circuit::Closed, tried: 0, redactor: None };
        writer.write(events, encoder, letters).await
    }

    /// Indexes the batches, of each in turn as many events as arrive `together`.
    async fn compare(
        &self,
        name: &str,
        together: usize,
        batches: &[(Batch<'_>, HashMap<String, String>)],
        all: u64,
    ) -> Storage {
        // As the engine makes it by itself, but for room for all names: otherwise it would refuse still more.
        let limits = json!({"settings": {"index": {"mapping": {"total_fields": {"limit": 10_000}}}}});
        let dynamic = format!("theirs-{name}");
        let made = self.ask(Method::PUT, &format!("/{dynamic}"), &limits).await;
        assert_eq!(made["acknowledged"], true, "{made}");
        let [ours, alone] = [name, "alone"].map(outliers);
        let mappings = Mutex::new(Mappings::default());
        let (mut letters, mut written) = (Letters::default(), Written::default());
        let mut arrived = FIRST;
        let mut parts: Vec<_> = batches.iter().map(|(batch, _)| batch.events.chunks(together)).collect();
        while parts.iter().any(|part| part.len() > 0) {
            for (part, (batch, documents)) in parts.iter_mut().zip(batches) {
                let Some(events) = part.next() else { continue };
                let refused = self.send_theirs(&dynamic, events, documents).await;
                // The sizes are compared over the documents that both of them hold.
                let (lost, held): (Vec<_>, Vec<_>) = events.iter().partition(|event| refused.contains(event.id));
                for (index, events) in [(&ours, held), (&alone, lost)] {
                    let encoder = Encoder::new(Target::One(index), &batch.origin, arrived);
                    written.add(self.write(&events, &encoder, &mappings, &mut letters).await);
                }
                arrived += APART;
            }
        }
        assert_eq!(letters.count(LetterKind::Outage), 0);
        let ((ours, mine), (theirs, yours)) = (self.weigh(ours.as_str()).await, self.weigh(&dynamic).await);
        assert_eq!(mine, yours, "both hold the same documents");
        let (_, alone) = self.weigh(alone.as_str()).await;
        self.ask(Method::DELETE, "/alone*", &Value::Null).await;
        Storage { ours, theirs, lost: (all - mine - alone, all - yours, all) }
    }

    /// Sends the peer's documents of these events, and returns the ids of those that the engine refuses, or that it has none of.
    async fn send_theirs(
        &self,
        index: &str,
        events: &[Event<'_>],
        documents: &HashMap<String, String>,
    ) -> HashSet<String> {
        let mut refused = HashSet::new();
        for part in events.chunks(2_000) {
            let mut bulk = String::new();
            let mut sent = Vec::new();
            for event in part {
                let Some(document) = documents.get(event.id) else {
                    refused.insert(event.id.to_owned());
                    continue;
                };
                sent.push(event.id);
                bulk += &format!("{}\n{document}\n", json!({"index": {"_index": index, "_id": event.id}}));
            }
            if sent.is_empty() {
                continue;
            }
            let path = "/_bulk?filter_path=items.*.status,items.*._id";
            let body = gzip(bulk.as_bytes()).into();
            let answer = self.domain.send_bulk(path, body, Duration::from_mins(2)).await.expect("the engine answers");
            let answer: Value = serde_json::from_slice(&answer.body).expect("an answer");
            let items = answer["items"].as_array().expect("items").iter().map(|item| &item["index"]);
            let failed = items.filter(|item| item["status"].as_u64().is_none_or(|status| status >= 300));
            refused.extend(failed.filter_map(|item| item["_id"].as_str()).map(str::to_owned));
        }
        refused
    }
}

/// One index of a stack with this prefix, whatever the times of its events.
fn outliers(prefix: &str) -> IndexName {
    let indices = Indices { prefix: prefix.parse().expect("a prefix"), period: Period::Day };
    indices.name(0, i64::MAX)
}
