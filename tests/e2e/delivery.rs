//! What is received is indexed, or is in the dead letters; and the forwarder never feeds itself.

use std::io::Read as _;

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
