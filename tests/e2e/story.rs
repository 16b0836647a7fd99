//! An account becomes one searchable place, and is given back as it was.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::sandbox::{Sandbox, now};

const ELSEWHERE: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/elsewhere";

#[test]
fn an_account_becomes_searchable_on_the_newest_engine_here() {
    story(None);
}

#[test]
fn an_account_becomes_searchable_on_opensearch_2() {
    story(Some("opensearch-2.19"));
}

#[test]
fn an_account_becomes_searchable_on_elasticsearch_7() {
    story(Some("elasticsearch-7.10"));
}

fn story(engine: Option<&str>) {
    let sandbox = Sandbox::up(engine);
    sandbox.application(&["deploy"]);
    sandbox.application(&["groups", "6"]);
    sandbox.application(&["health", "storefront"]);
    let existing = "/checkout/service-00";

    // Before: nothing is streamed, and audit says so without any stack.
    assert_eq!(states(&sandbox), BTreeMap::from([("missing".to_owned(), 7)]));
    sandbox.logctl("audit --fail-on missing").exits(8).says("7 log groups: missing");
    sandbox.logctl("backfill --yes").exits(5).says("there is no working stack logctl");

    // A dry run leaves nothing behind.
    sandbox.logctl("bootstrap --dry-run").ok().prints("LogsForwarder").says("nothing was changed");
    sandbox.logctl("bootstrap --check").exits(8);
    sandbox.logctl("bootstrap").exits(2).says("--yes");
    sandbox.logctl("backfill --yes").exits(5);

    // Deployed once; the second time there is nothing to do.
    sandbox.logctl("bootstrap --yes").ok().prints("logctl\tdeployed");
    sandbox.logctl("bootstrap --yes").ok().prints("logctl\tunchanged").says("nothing to do");
    sandbox.logctl("bootstrap --check").ok();

    // Subscribed once; the second time there is nothing to do.
    sandbox.logctl("audit --fail-on missing").exits(8);
    sandbox.logctl("backfill --dry-run").ok().prints("subscribe\t/checkout/service-00");
    assert_eq!(sandbox.filters_of(existing), []);
    let outcome = sandbox.logctl("backfill --yes -o json").ok().json();
    assert_eq!((&outcome["planned"], &outcome["done"]), (&7.into(), &7.into()), "{outcome}");
    let before = sandbox.filters_of(existing);
    sandbox.logctl("backfill --yes").ok().says("nothing to do");
    assert_eq!(sandbox.filters_of(existing), before);
    sandbox.logctl("audit --fail-on missing").ok();
    assert_eq!(states(&sandbox), BTreeMap::from([("own".to_owned(), 3), ("streamed".to_owned(), 7)]));

    // Groups that come into being are subscribed by the rule.
    sandbox.application(&["order"]);
    let new = ["cart", "pricing", "payments", "fraud"].map(|name| format!("/aws/lambda/{name}"));
    Sandbox::eventually("the rule subscribes new groups", || {
        new.iter().all(|group| sandbox.filters_of(group).iter().any(|(name, _)| name == "logctl-logctl"))
    });

    // From here on every event is indexed exactly once.
    let since = now();
    let request = sandbox.application(&["order", "--card", "unreadable"]);
    let another = sandbox.application(&["order"]);
    let messages: Vec<String> =
        (0..500).map(|n| format!(r#"{{"level":"info","n":{n},"error":{{"code":{n}}}}}"#)).collect();
    sandbox.put_events(existing, &messages);
    let put = events_of_others(&sandbox, since);
    assert!(put.len() > 520, "{}", put.len());
    let expected: BTreeMap<String, usize> = put.into_iter().map(|id| (id, 1)).collect();
    Sandbox::eventually("every event is indexed", || sandbox.indexed(since).len() >= expected.len());
    assert_eq!(sandbox.indexed(since), expected);

    // A field that is an object elsewhere is text here. Some mappings refuse that; it is indexed all the same.
    sandbox.put_events("/search/service-01", &[r#"{"level":"error","error":"timeout"}"#.to_owned()]);
    Sandbox::eventually("the conflicting event is indexed", || sandbox.indexed(since).len() > expected.len());

    // One search finds the request in every service.
    let found = sandbox.run(&["search", &format!("requestId={request}"), "-o", "json"], &[]).ok().json();
    // Of two of them, for the head of an answer is as long for one.
    let query = format!("requestId={request} OR requestId={another}");
    let written = |form: &str| {
        let arguments: Vec<&str> = ["search", &query, "-o"].into_iter().chain(form.split(' ')).collect();
        sandbox.run(&arguments, &[]).ok().stdout.len()
    };
    for form in ["json --compact", "jsonl --compact"] {
        assert!(written(form) * 2 <= written("raw") * 3, "{form}: {} of {}", written(form), written("raw"));
    }
    let groups: BTreeSet<&str> = events(&found).iter().map(|event| event["group"].as_str().unwrap()).collect();
    let all = ["cart", "fraud", "payments", "pricing", "storefront"].map(|name| format!("/aws/lambda/{name}"));
    assert_eq!(groups, all.iter().map(String::as_str).collect());
    assert_eq!(found["schema"], "logctl.search/v1");
    assert_eq!(found["total"], found["shown"]);
    for query in [
        vec!["requestId=NOPE"],
        vec!["level>=warn", "-g", "!/aws/lambda/*", "-g", "/checkout/*"],
        vec!["NOT level=info AND requestId=NOPE"],
    ] {
        let query = [&["search"], query.as_slice()].concat();
        sandbox.run(&query, &[]).ok().prints_nothing().says("nothing found");
    }
    for (query, number) in [
        (vec!["n>=498"], 2),
        (vec!["n=7"], 1),
        (vec!["error=timeout"], 1),
        (vec!["error.code=7"], 1),
        (vec!["(n=1 OR n=2) AND level=info"], 2),
        (vec!["ValueError", "-l", "error"], 1),
        (vec!["invalid literal for int()"], 1),
    ] {
        let arguments = [&["search", "-o", "jsonl"], query.as_slice()].concat();
        let run = sandbox.run(&arguments, &[]).ok();
        assert_eq!(run.stdout.lines().count(), number, "{query:?}:\n{}", run.stdout);
    }
    // A slip of the pen is no empty answer.
    let no_group = "no log group matches /chekout/*";
    for command in ["audit", "groups", "search x", "backfill --yes"] {
        sandbox.logctl(&format!("{command} -g /chekout/*")).exits(5).prints_nothing().says(no_group).says("/checkout/");
    }
    sandbox.run(&["search", "level=(info"], &[]).exits(2).prints_nothing().says("  level=(info\n        ^");

    // Filters of others: one beside ours, one under our name.
    sandbox.put_filter(existing, "theirs", ELSEWHERE);
    sandbox.create_group("/theirs");
    Sandbox::eventually("the rule subscribes it", || !sandbox.filters_of("/theirs").is_empty());
    sandbox.put_filter("/theirs", "logctl-logctl", ELSEWHERE);
    sandbox
        .logctl("audit")
        .ok()
        .prints("streamed\tby its filter; also to stream/elsewhere")
        .prints("/theirs\tconflict");
    sandbox.logctl("backfill --yes").ok().says("1 log group stays conflict");

    // Given back: no filter of ours, no stack, what is theirs as it was.
    sandbox.logctl("teardown --dry-run").ok();
    assert_eq!(sandbox.filters_of(existing).len(), 2);
    sandbox.logctl("teardown --yes").ok().says("removed");
    assert_eq!(sandbox.filters_of(existing), [("theirs".to_owned(), ELSEWHERE.to_owned())]);
    assert_eq!(sandbox.filters_of("/theirs"), [("logctl-logctl".to_owned(), ELSEWHERE.to_owned())]);
    let ours =
        |group: &String| sandbox.filters_of(group).iter().any(|(_, arn)| arn.contains("logctl-logctl-forwarder"));
    assert!(!sandbox.groups().iter().any(ours));
    sandbox.logctl("teardown --yes").ok().says("nothing to do");
    sandbox.logctl("audit").ok().says("there is no stack logctl yet");
    sandbox.run(&["search", &format!("requestId={request}"), "--exit-status"], &[]).ok();
}

fn events(found: &Value) -> &Vec<Value> {
    found["events"].as_array().unwrap()
}

fn states(sandbox: &Sandbox) -> BTreeMap<String, u64> {
    let audit = sandbox.logctl("audit -o json").ok().json();
    assert_eq!(audit["schema"], "logctl.audit/v1");
    let states = audit["summary"]["by_state"].as_object().unwrap();
    states.iter().map(|(state, number)| (state.clone(), number.as_u64().unwrap())).collect()
}

/// Every event since a time in a group that is not the stack's own.
fn events_of_others(sandbox: &Sandbox, since: i64) -> BTreeSet<String> {
    let groups = sandbox.groups().into_iter().filter(|group| !group.contains("/logctl-"));
    groups.flat_map(|group| sandbox.event_ids(&group, since)).collect()
}
