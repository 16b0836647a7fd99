//! Bytes on the disk of a real node: our template and documents, and those of the generated function.

use std::{path::Path, process::Command, sync::Mutex, time::Duration};

use bytes::Bytes;
use hyper::Method;
use logctl_core::{
    conflicts::Conflicts,
    dead_letter::Kind,
    document::{Encoder, Target},
    payload::{self, DEFAULT_CAP, Payload as Decoded},
};
use logctl_sink::{
    breaker::Circuit,
    dead_letters::Letters,
    domain::{Auth, Domain, gzip},
    http::HttpClient,
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
    template["index_patterns"] = json!(["ours"]);
    engine.ask(Method::PUT, "/_index_template/ours", &template).await;
    let limits = json!({"settings": {"index": {"mapping": {"total_fields": {"limit": 2000}}}}});
    engine.ask(Method::PUT, "/theirs", &limits).await;

    let mut letters = Letters::default();
    let mut written = Written::default();
    for payload in payloads {
        let text = payload::unpack(&payload.data, DEFAULT_CAP).ok()?;
        if let Ok(Decoded::Data(batch)) = payload::parse(&text, "eu-west-1") {
            let encoder = Encoder::new(Target::One("ours"), &batch.origin, 1_795_392_000_000);
            let writer = Writer {
                domain: &engine.domain,
                conflicts: &Mutex::new(Conflicts::default()),
                deadline: Instant::now() + Duration::from_mins(5),
                circuit: Circuit::Closed,
                tried: 0,
                redactor: None,
            };
            written.add(writer.write_batch(&batch, &encoder, &mut letters).await);
        }
        let dump = peer.ask(&format!("dump {}", payload.name));
        let Some(body) = dump["body"].as_str() else { continue };
        let lines: Vec<&str> = body.lines().collect();
        for part in lines.chunks(4_000) {
            let bulk: String = part
                .chunks(2)
                .map(|pair| {
                    let action: Value = serde_json::from_str(pair[0]).expect("an action");
                    let action = json!({"index": {"_index": "theirs", "_id": action["index"]["_id"]}});
                    format!("{action}\n{}\n", pair[1])
                })
                .collect();
            let sent = engine.domain.send_bulk(
                "/_bulk?filter_path=errors",
                gzip(bulk.as_bytes()).into(),
                Duration::from_mins(2),
            );
            sent.await.ok()?;
        }
    }
    let all = payloads.iter().map(|payload| payload.events as u64).sum();
    assert_eq!(letters.count(Kind::Outage), 0);
    let ((ours, mine), (theirs, yours)) = (engine.weigh("ours").await, engine.weigh("theirs").await);
    Some(Storage { ours, theirs, lost: (all - mine, all - yours, all) })
}
