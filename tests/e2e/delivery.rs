//! What is received is indexed, or is in the dead letters; and the forwarder never feeds itself.

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
};

use flate2::{Compression, write::GzEncoder};
use opensearch::http::Method;
use serde_json::json;

use super::sandbox::{Sandbox, now};

#[test]
fn what_cannot_be_indexed_is_kept_with_the_reason() {
    let sandbox = Sandbox::up(None);
    sandbox.create_group("/shop/orders");
    sandbox.logctl("bootstrap --yes").ok();
    sandbox.logctl("backfill --yes").ok();
    let bucket = sandbox.bucket_of("logctl-deadletters");

    let since = now();
    sandbox.stop_engine();
    let messages: Vec<String> = (0..20).map(|n| format!("order {n}")).collect();
    sandbox.put_events("/shop/orders", &messages);
    Sandbox::eventually("the events are kept", || !sandbox.objects(&bucket).is_empty());

    let objects = sandbox.objects(&bucket);
    let mut ids = Vec::new();
    for (key, bytes) in objects {
        assert!(key.starts_with("outage/") && key.ends_with(".ndjson.gz"), "{key}");
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(bytes.as_slice()).take(1 << 20).read_to_string(&mut text).unwrap();
        for line in text.lines() {
            let letter: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(letter["kind"], "outage");
            assert!(letter["reason"].as_str().unwrap().contains("cannot reach"), "{letter}");
            assert_eq!(letter["origin"]["logGroup"], "/shop/orders");
            ids.push(letter["event"]["id"].as_str().unwrap().to_owned());
        }
    }
    ids.sort();
    assert_eq!(ids, sandbox.event_ids("/shop/orders", since).into_iter().collect::<Vec<_>>());
}

#[test]
fn a_forwarder_that_is_fed_its_own_logs_ends_that() {
    let sandbox = Sandbox::up(None);
    sandbox.logctl("bootstrap --yes").ok();
    let own = "/aws/lambda/logctl-logctl-forwarder";
    sandbox.put_filter(own, "by-hand", "arn:aws:lambda:us-east-1:000000000000:function:logctl-logctl-forwarder");
    sandbox.logctl("audit --fail-on loop").exits(8).prints("/aws/lambda/logctl-logctl-forwarder\tloop");
    let since = now();
    sandbox.put_events(own, &["one line".to_owned()]);
    Sandbox::eventually("the filter is gone", || sandbox.filters_of(own).is_empty());
    // What was under way comes to rest.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let invocations = sandbox.messages(own, since).iter().filter(|line| line.starts_with("START ")).count();
    assert!((1..=3).contains(&invocations), "{invocations}");
    assert_eq!(sandbox.indexed(since).len(), 0);
}

/// What the group held before it was subscribed is found, too.
#[test]
fn a_new_group_is_complete_from_its_first_event() {
    let sandbox = Sandbox::up(None);
    sandbox.logctl("bootstrap --yes").ok();
    let since = now();
    sandbox.create_group("/shop/first");
    let messages: Vec<String> = (0..30).map(|n| format!("first minutes {n}")).collect();
    sandbox.put_events("/shop/first", &messages);
    let ids = sandbox.event_ids("/shop/first", since);
    assert_eq!(ids.len(), 30);
    Sandbox::eventually("all are indexed", || ids.iter().all(|id| sandbox.indexed(since).contains_key(id)));
    assert!(sandbox.indexed(since).values().all(|number| *number == 1));
}

/// Letters of events that can be indexed now, as objects of the forwarder.
pub fn letters(count: usize, objects: usize) -> (Vec<(String, Vec<u8>)>, BTreeSet<String>) {
    let now = now();
    let mut ids = BTreeSet::new();
    let mut object = |number: usize| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        for n in 0..count / objects {
            let id = format!("{:056}", number * 1_000_000 + n);
            let line = json!({
                "kind": "rejected", "reason": "mapper_parsing_exception: failed to parse", "at": now, "attempts": 2,
                "index": "logctl-2026.11.20",
                "origin": {"owner": "000000000000", "region": "r", "logGroup": "/shop/rejected", "logStream": "s"},
                "event": {"id": id, "timestamp": now, "message": format!("rejected {n}")},
            });
            writeln!(gzip, "{line}").unwrap();
            ids.insert(id);
        }
        (format!("rejected/2026-11-20/{now}-{number:04}.ndjson.gz"), gzip.finish().unwrap())
    };
    ((0..objects).map(&mut object).collect(), ids)
}

#[test]
fn replay_shows_selects_and_indexes() {
    let sandbox = Sandbox::up(None);
    sandbox.logctl("bootstrap --yes").ok();
    let bucket = sandbox.bucket_of("logctl-deadletters");
    sandbox.logctl("replay --yes").ok().says("nothing to do: there are no such dead letters");
    let since = now() - 1;
    let (objects, ids) = letters(300, 3);
    for (key, object) in &objects {
        sandbox.put_object(&bucket, key, object.clone());
    }
    // One that is poison, one of another kind, and something that is no letter at all.
    let poison = json!({
        "kind": "rejected", "reason": "no such luck", "at": since, "attempts": 1, "index": "_bad name",
        "origin": {"owner": "000000000000", "logGroup": "/a", "logStream": "s"}, "event": {"id": "7", "timestamp": 1, "message": "m"},
    });
    let undecodable =
        json!({"kind": "undecodable", "reason": "not base64", "at": since, "attempts": 1, "payload": "!"});
    sandbox.put_object(&bucket, "rejected/2026-11-21/1-poison.ndjson.gz", gzip(&poison));
    sandbox.put_object(&bucket, "undecodable/2026-11-21/1-u.ndjson.gz", gzip(&undecodable));
    sandbox.put_object(&bucket, "rejected/2026-11-21/0-notes.txt", b"notes of a person".to_vec());

    let before = sandbox.objects(&bucket);
    sandbox
        .logctl("replay --dry-run")
        .exits(3)
        .says("rejected/2026-11-21/0-notes.txt is not what the forwarder writes, and stays")
        .says("would index 302 dead letters in account 000000000000, us-east-1; nothing was changed")
        .prints("rejected\t300\t")
        .prints("failed to parse\tlogctl-2026.11.20")
        .prints("`_bad name` is no index of this stack\t-");
    assert_eq!(sandbox.objects(&bucket), before);
    sandbox.logctl("replay --yes --kind rejected --reason nothing-like-that").exits(3).says("nothing to do");
    sandbox.logctl("replay --yes --kind frozen").exits(2).says("the kinds are rejected, outage, undecodable");

    // The poison stays, and stops nobody.
    sandbox
        .logctl("replay --yes --kind rejected")
        .exits(1)
        .says("indexed 300 dead letters in account 000000000000, us-east-1, 1 refused again");
    assert_eq!(sandbox.indexed(since), ids.into_iter().map(|id| (id, 1)).collect());
    let left: Vec<String> = sandbox.objects(&bucket).into_iter().map(|(key, _)| key).collect();
    assert_eq!(
        left,
        [
            "rejected/2026-11-21/0-notes.txt",
            "rejected/2026-11-21/1-poison.ndjson.gz",
            "undecodable/2026-11-21/1-u.ndjson.gz"
        ]
    );
    sandbox
        .logctl("replay --yes")
        .exits(1)
        .says("indexed 0 dead letters in account 000000000000, us-east-1, 2 refused again");
    for (key, object) in letters(1, 1).0 {
        sandbox.put_object(&bucket, &key, object);
    }
    sandbox.stop_engine();
    sandbox.logctl("replay --yes --kind rejected").exits(1).says("the domain takes no more");
}

/// Whoever can write into the bucket cannot write into the indices of others.
#[test]
fn a_forged_letter_reaches_no_index_of_others() {
    let sandbox = Sandbox::up(None);
    sandbox.logctl("bootstrap --yes").ok();
    let bucket = sandbox.bucket_of("logctl-deadletters");
    let theirs = || sandbox.engine(Method::Get, "/orders/_search", None)["hits"]["hits"].clone();
    sandbox.engine(Method::Put, "/orders/_doc/1?refresh=true", Some(json!({"paid": true})));
    let before = theirs();
    assert_eq!(before.as_array().unwrap().len(), 1);
    let since = now() - 1;
    let forged =
        ["orders", "logctl-2026.11.23,orders", "orders\"}}\n{\"x\":1}\n{\"delete\":{\"_index\":\"orders\",\"_id\":\"1"];
    for (number, index) in forged.iter().enumerate() {
        for kind in ["rejected", "outage"] {
            let letter = json!({
                "kind": kind, "reason": "r", "at": since, "attempts": 1, "index": index,
                "origin": {"owner": "000000000000", "logGroup": "/a", "logStream": "s"},
                "event": {"id": format!("{number}{}", kind.len()), "timestamp": since, "message": "forged"},
            });
            sandbox.put_object(&bucket, &format!("{kind}/2026-11-21/{number}-f.ndjson.gz"), gzip(&letter));
        }
    }
    sandbox.logctl("replay --dry-run").ok().prints("`orders` is no index of this stack");
    sandbox.logctl("replay --yes").exits(1).says("6 refused again");
    sandbox.engine(Method::Post, "/_refresh", None);
    assert_eq!(theirs(), before);
    assert_eq!(sandbox.indexed(since).len(), 0);
    assert!(sandbox.keys(&bucket).iter().all(|key| key.starts_with("rejected/")), "{:?}", sandbox.keys(&bucket));
}

/// An object of one letter.
fn gzip(line: &serde_json::Value) -> Vec<u8> {
    logctl_sink::domain::gzip(format!("{line}\n").as_bytes())
}

/// Kills a replay of `count` letters at `kills` random moments, and lets it end: while it looks at the letters, or some time
/// after it has taken a few of the `objects` away. Returns after how many of the kills some letters were indexed, but not all.
pub fn replay_under_fire(count: usize, objects: usize, kills: usize) -> usize {
    let sandbox = Sandbox::up(None);
    sandbox.logctl("bootstrap --yes").ok();
    let bucket = sandbox.bucket_of("logctl-deadletters");
    let since = now() - 1;
    let (letters, ids) = letters(count, objects);
    for (key, object) in &letters {
        sandbox.put_object(&bucket, key, object.clone());
    }
    let mut random = fastrand::Rng::with_seed(7);
    let mut in_the_middle = 0;
    for _ in 0..kills {
        let left = sandbox.keys(&bucket).len() - random.usize(0..4);
        let after = std::time::Duration::from_millis(random.u64(0..150));
        sandbox.run_and_kill("replay --yes --quiet", || sandbox.keys(&bucket).len() <= left, after);
        in_the_middle += usize::from((1..count).contains(&sandbox.indexed(since).len()));
    }
    sandbox.logctl("replay --yes").ok();
    let indexed = sandbox.indexed(since);
    assert!(indexed.values().all(|number| *number == 1));
    assert_eq!(indexed.into_keys().collect::<BTreeSet<_>>(), ids);
    assert_eq!(sandbox.objects(&bucket), []);
    in_the_middle
}

#[test]
fn a_replay_that_is_killed_is_ended_by_the_next() {
    assert!(replay_under_fire(10_000, 40, 4) > 0);
}
