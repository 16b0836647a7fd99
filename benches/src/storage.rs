//! Bytes on the disk of a real node: our template and documents, and those of the generated function.

use std::{collections::HashSet, path::Path, process::Command, sync::Mutex, time::Duration};

use bytes::Bytes;
use hyper::Method;
use logctl_core::{
    dead_letter::LetterKind,
    document::{Encoder, Target},
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

/// A search engine that is stopped when it is dropped.
struct Engine<'a> {
    root: &'a Path,
    domain: Domain,
}

impl Drop for Engine<'_> {
    fn drop(&mut self) {
        drop(Command::new(self.root.join("sandbox/sandbox")).args(["down", "--name", SANDBOX]).status());
    }
}

impl Engine<'_> {
    async fn ask(&self, method: Method, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        let answer = self.domain.send(method, path, body, Duration::from_mins(5)).await.expect("the engine answers");
        serde_json::from_slice(&answer.body).unwrap_or_default()
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

pub async fn measure(root: &Path, payloads: &[Payload], peer: &mut Peer) -> Option<Storage> {
    let up = Command::new(root.join("sandbox/sandbox")).args(["up", "--name", SANDBOX]).output().ok()?;
    let env = String::from_utf8(up.stdout).ok()?;
    let url = env.lines().find_map(|line| line.strip_prefix("export OPENSEARCH_URL="))?;
    let http = HttpClient::new(None).ok()?;
    let engine = Engine { root, domain: Domain::new(http, url, Auth::None) };
    let mut template: Value =
        serde_json::from_slice(&std::fs::read(root.join("stack/index_template.json")).ok()?).ok()?;
    template["index_patterns"] = json!(["ours*", "alone*"]);
    let installed = engine.ask(Method::PUT, "/_index_template/ours", &template).await;
    assert_eq!(installed["acknowledged"], true, "the newest engine takes the template: {installed}");
    // As the engine makes it by itself, but for room for all names: otherwise it would refuse still more.
    let limits = json!({"settings": {"index": {"mapping": {"total_fields": {"limit": 10_000}}}}});
    let made = engine.ask(Method::PUT, "/theirs", &limits).await;
    assert_eq!(made["acknowledged"], true, "{made}");

    let [ours, alone] = ["ours", "alone"].map(outliers);
    let mappings = Mutex::new(Mappings::default());
    let mut letters = Letters::default();
    let mut written = Written::default();
    for payload in payloads {
        let refused = send_theirs(&engine, payload, peer).await?;
        let text = payload::unpack(&payload.data, DEFAULT_CAP).ok()?;
        let Ok(Decoded::Data(batch)) = payload::parse(&text, "eu-west-1") else { continue };
        // The sizes are compared over the documents that both of them hold.
        let (lost, held): (Vec<_>, Vec<_>) = batch.events.iter().partition(|event| refused.contains(event.id));
        for (index, events) in [(&ours, held), (&alone, lost)] {
            let encoder = Encoder::new(Target::One(index), &batch.origin, 1_795_392_000_000);
            let writer = Writer {
                domain: &engine.domain,
                mappings: &mappings,
                deadline: Instant::now() + Duration::from_mins(5),
                circuit: Circuit::Closed,
                tried: 0,
                redactor: None,
            };
            written.add(writer.write(&events, &encoder, &mut letters).await);
        }
    }
    let all = payloads.iter().map(|payload| payload.events as u64).sum();
    assert_eq!(letters.count(LetterKind::Outage), 0);
    let ((ours, mine), (theirs, yours)) = (engine.weigh(ours.as_str()).await, engine.weigh("theirs").await);
    assert_eq!(mine, yours, "both hold the same documents");
    let (_, alone) = engine.weigh(alone.as_str()).await;
    Some(Storage { ours, theirs, lost: (all - mine - alone, all - yours, all) })
}

/// One index of a stack with this prefix, whatever the times of its events.
fn outliers(prefix: &str) -> IndexName {
    let indices = Indices { prefix: prefix.parse().expect("a prefix"), period: Period::Day };
    indices.name(0, i64::MAX)
}

/// Sends the peer's documents, and returns the ids of those that the engine refuses.
async fn send_theirs(engine: &Engine<'_>, payload: &Payload, peer: &mut Peer) -> Option<HashSet<String>> {
    let mut refused = HashSet::new();
    let dump = peer.ask(&format!("dump {}", payload.name));
    let Some(body) = dump["body"].as_str() else { return Some(refused) };
    let lines: Vec<&str> = body.lines().collect();
    for part in lines.chunks(4_000) {
        let mut bulk = String::new();
        for pair in part.chunks(2) {
            let action: Value = serde_json::from_str(pair[0]).expect("an action");
            let action = json!({"index": {"_index": "theirs", "_id": action["index"]["_id"]}});
            bulk += &format!("{action}\n{}\n", pair[1]);
        }
        let path = "/_bulk?filter_path=items.*.status,items.*._id";
        let sent = engine.domain.send_bulk(path, gzip(bulk.as_bytes()).into(), Duration::from_mins(2)).await.ok()?;
        let answer: Value = serde_json::from_slice(&sent.body).ok()?;
        let items = answer["items"].as_array()?.iter().map(|item| &item["index"]);
        let failed = items.filter(|item| item["status"].as_u64().is_none_or(|status| status >= 300));
        refused.extend(failed.filter_map(|item| item["_id"].as_str()).map(str::to_owned));
    }
    Some(refused)
}
