//! Events as they come: each live one once, in order, and nothing of a replay that runs beside them.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use opensearch::http::Method;
use serde_json::{Value, json};

use super::sandbox::{Run, Sandbox, now};

/// How late an event is: most are on time, and some come up to half a minute late.
fn lateness(event: i64) -> i64 {
    if event % 10 == 7 { event * 7_919 % 30_000 } else { 0 }
}

/// Events that were put into the index.
pub(super) struct Feed<'s> {
    sandbox: &'s Sandbox,
    /// When each of them happened.
    pub(super) events: Vec<i64>,
    /// How many of an hour ago there are.
    pub(super) replayed: u64,
}

impl<'s> Feed<'s> {
    pub(super) fn new(sandbox: &'s Sandbox) -> Self {
        Self { sandbox, events: Vec::new(), replayed: 0 }
    }

    fn put(&self, lines: &str) {
        let bulk = "/logctl-2026.01.01/_bulk?filter_path=errors";
        assert_eq!(self.sandbox.engine_text(Method::Post, bulk, lines.to_owned())["errors"], false);
    }

    fn line(id: &str, at: i64, order: i64) -> String {
        let document = json!({
            "@timestamp": at, "@ingested": now(), "@log_group": "/app", "@log_stream": "s", "@owner": "000000000000",
            "@region": "us-east-1", "@message": format!("order {order}"), "order": order,
        });
        format!("{{\"create\":{{\"_id\":\"{id}\"}}}}\n{document}\n")
    }

    /// So many events that happen now, or have happened a while ago.
    pub(super) fn live(&mut self, events: usize) {
        let mut lines = String::new();
        for _ in 0..events {
            let order = i64::try_from(self.events.len()).unwrap();
            self.events.push(now() - lateness(order));
            lines += &Self::line(&format!("live-{order:07}"), self.events[self.events.len() - 1], order);
        }
        self.put(&lines);
    }

    /// So many of an hour ago.
    pub(super) fn replay(&mut self, events: u64) {
        let mut lines = String::new();
        for _ in 0..events {
            self.replayed += 1;
            lines += &Self::line(&format!("replay-{}", self.replayed), now() - 3_600_000, -1);
        }
        self.put(&lines);
    }

    /// Checks that all live events were shown, each once and those that were on time in their order, and nothing else.
    pub(super) fn check(&self, run: &Run) {
        let mut times: BTreeMap<i64, u32> = BTreeMap::new();
        let mut last = 0;
        for line in run.stdout.lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            let order = event["fields"]["order"].as_i64().unwrap();
            *times.entry(order).or_default() += 1;
            if lateness(order) == 0 {
                assert!(order >= last, "{order} comes after {last}");
                last = order;
            }
        }
        let all = i64::try_from(self.events.len()).unwrap();
        let missing: Vec<i64> = (0..all).filter(|event| !times.contains_key(event)).collect();
        assert!(
            missing.is_empty(),
            "{} are missing: {:?}\n{}",
            missing.len(),
            &missing[..missing.len().min(5)],
            run.stderr
        );
        assert!(!times.contains_key(&-1), "a replayed event was shown");
        assert!(times.values().all(|times| *times == 1), "an event was shown twice");
    }
}

#[test]
fn live_events_are_shown_once_and_no_replay() {
    let sandbox = Sandbox::up(None);
    sandbox.logctl("bootstrap --yes").ok();
    let mut feed = Feed::new(&sandbox);
    feed.put(&Feed::line("before", now() - 1_000, -1)); // What is there is not shown again.
    sandbox.engine(Method::Post, "/logctl-*/_refresh", None);
    let tail = sandbox.start_logctl("tail -o jsonl --duration 24s", &[]);
    thread::sleep(Duration::from_secs(2));
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(16) {
        feed.live(100);
        if feed.replayed < 50_000 {
            feed.replay(1_000);
        }
        thread::sleep(Duration::from_millis(200));
    }
    let run = Run::of(&tail.wait_with_output().unwrap()).ok();
    feed.check(&run);
    run.says("by a replay or late; they are not shown here");
}

/// What is waited for ends it; what does not come is unmet; Ctrl-C is how it ends otherwise.
#[test]
fn it_ends_when_it_should() {
    let sandbox = Sandbox::up(None);
    sandbox.logctl("bootstrap --yes").ok();
    let mut feed = Feed::new(&sandbox);
    feed.live(30);
    sandbox.engine(Method::Post, "/logctl-*/_refresh", None);
    let tail = |arguments: &str| sandbox.start_logctl(&format!("tail -o raw {arguments}"), &[]);
    let waiting = tail("--since 5m order --until-match=^order.31$ --duration 30s");
    thread::sleep(Duration::from_secs(2));
    feed.live(5);
    let run = Run::of(&waiting.wait_with_output().unwrap()).ok();
    assert_eq!(run.stdout.lines().count(), 32, "{}", run.stdout);
    assert!(run.stdout.ends_with("order 31\n"), "{}", run.stdout);
    let run = Run::of(&tail("nothing --until-match --duration 3s").wait_with_output().unwrap());
    run.exits(8).says("the event that was waited for has not come");
    let endless = tail("-g /app");
    thread::sleep(Duration::from_secs(2));
    std::process::Command::new("kill").args(["-INT", &endless.id().to_string()]).status().unwrap();
    let run = Run::of(&endless.wait_with_output().unwrap()).exits(130);
    run.says("0 events in ");
    for (wrong, says) in [
        ("tail --until 5m", "--until is for an answer that has an end"),
        ("search --duration 5s", "add -f"),
        ("tail -o json", "-o jsonl"),
        ("tail --duration soon", "90s, 10m or 1h30m"),
    ] {
        sandbox.logctl(wrong).exits(2).says(says);
    }
}

/// A domain that is out of reach for a while, and an index that is deleted: what comes afterwards is shown.
#[test]
fn it_goes_on_after_what_is_in_its_way() {
    use super::proxy::{Fault, Proxy};
    let sandbox = Sandbox::up(None);
    let proxy = Proxy::start(sandbox.endpoint());
    sandbox.logctl("bootstrap --yes").ok();
    let mut feed = Feed::new(&sandbox);
    feed.live(10);
    sandbox.engine(Method::Post, "/logctl-*/_refresh", None);
    let tail = sandbox.start_logctl(&format!("tail -o jsonl --duration 20s --endpoint {}", proxy.url), &[]);
    thread::sleep(Duration::from_secs(2));
    feed.events.clear();
    feed.sandbox.engine(Method::Delete, "/logctl-2026.01.01", None);
    feed.live(20);
    thread::sleep(Duration::from_secs(4));
    proxy.always("_search", Fault::Answer(503, "application/json", "{}"));
    feed.live(20);
    thread::sleep(Duration::from_secs(4));
    let expired = r#"{"message":"The security token included in the request is expired"}"#;
    proxy.always("_search", Fault::Answer(403, "application/json", expired));
    thread::sleep(Duration::from_secs(4));
    proxy.heal();
    feed.live(20);
    let run = Run::of(&tail.wait_with_output().unwrap()).ok();
    feed.check(&run);
    run.says("status 503; trying again").says("log in again").says("the domain answers again after");
}
