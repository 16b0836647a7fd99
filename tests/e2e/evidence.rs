//! Audits of accounts with thousands of log groups: how many calls they take, and that what they state is so.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use hyper::Method;
use opensearch::http::Method as EngineMethod;
use serde_json::{Value, json};

use super::{
    proxy::{Fault, Proxy},
    sandbox::{Run, Sandbox, now},
};

const DAY: i64 = 86_400;
/// Calls that prove states. What else is told of groups is counted apart.
const PROVING: [&str; 5] =
    ["ListLogGroups", "ListMetrics", "LookupEvents", "DescribeAccountPolicies", "DescribeSubscriptionFilters"];

/// An account of many groups.
pub(super) struct Crowd {
    pub(super) sandbox: Sandbox,
    forwarder: String,
    cache: String,
}

impl Crowd {
    pub(super) fn new(sandbox: Sandbox) -> Self {
        sandbox.logctl("bootstrap --yes").ok();
        let cache = sandbox.home().join("cache").to_str().unwrap().to_owned();
        Self {
            sandbox,
            forwarder: "arn:aws:lambda:us-east-1:000000000000:function:logctl-logctl-forwarder".into(),
            cache,
        }
    }

    /// Makes groups that the sandbox makes at once; see `sandbox/local_aws/crowd.py`.
    pub(super) fn make(&self, name: &str, count: usize, more: &Value) {
        let mut given = json!({"name": name, "count": count, "age": 200 * DAY});
        given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.sandbox.signed("logs", Method::POST, "/_sandbox/groups", given.to_string());
    }

    /// Our filter, as everybody has it.
    pub(super) fn ours(&self) -> Value {
        json!([{"filterName": "logctl-logctl", "destinationArn": self.forwarder}])
    }

    /// Puts documents of groups into the index, as many in the last hours.
    pub(super) fn index(&self, name: impl Fn(usize) -> String, count: usize, each: i64) {
        let template = "/logctl-2026.01.01/_bulk?filter_path=errors";
        for groups in (0..count).collect::<Vec<_>>().chunks(2_000) {
            let mut body = String::new();
            for (group, document) in groups.iter().flat_map(|group| (0..each).map(move |document| (*group, document))) {
                let at = now() - 3_600_000 - document * 60_000;
                let document = json!({
                    "@timestamp": at, "@log_group": name(group), "@owner": "000000000000", "@region": "us-east-1",
                });
                body += &format!("{{\"create\":{{}}}}\n{document}\n");
            }
            assert_eq!(self.sandbox.engine_text(EngineMethod::Post, template, body)["errors"], false);
        }
        self.sandbox.engine(EngineMethod::Post, "/logctl-*/_refresh", None);
    }

    /// Runs at the pace of the quotas.
    pub(super) fn audit_in_time(&self, arguments: &str) -> (Run, BTreeMap<String, u64>) {
        self.audit_with(arguments, &[("LOGCTL_RATE", "")])
    }

    /// An audit, and how often each operation was called that proves states.
    pub(super) fn audit(&self, arguments: &str) -> (Run, BTreeMap<String, u64>) {
        self.audit_with(arguments, &[])
    }

    fn audit_with(&self, arguments: &str, variables: &[(&str, &str)]) -> (Run, BTreeMap<String, u64>) {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let variables = [&[("LOGCTL_CACHE", self.cache.as_str())], variables].concat();
        self.counted(|| self.sandbox.run(&[&["audit", "-o", "json"], &arguments[..]].concat(), &variables))
    }

    /// What a run gives, and how often it called each operation that proves states.
    fn counted<T>(&self, run: impl FnOnce() -> T) -> (T, BTreeMap<String, u64>) {
        self.sandbox.signed("logs", Method::DELETE, "/_sandbox/calls", String::new());
        let run = run();
        let calls = self.sandbox.signed("logs", Method::GET, "/_sandbox/calls", String::new());
        let calls: BTreeMap<String, Value> = serde_json::from_str(&calls).unwrap();
        let calls = calls.into_iter().map(|(name, told)| (name, told["calls"].as_u64().unwrap()));
        (run, calls.filter(|(name, _)| PROVING.contains(&name.as_str())).collect())
    }

    /// Forgets what was known.
    pub(super) fn forget(&self) {
        std::fs::remove_dir_all(&self.cache).unwrap();
    }
}

/// How many groups there are in each state, and how that is known.
pub(super) fn told(run: &Run) -> BTreeMap<String, u64> {
    let mut told = BTreeMap::new();
    for group in run.json()["groups"].as_array().unwrap() {
        let kind = group["evidence"]["kind"].as_str().unwrap_or("class");
        *told.entry(format!("{} {kind}", group["state"].as_str().unwrap())).or_default() += 1;
    }
    told
}

fn counts<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
    counts.map(|(name, count)| (name.to_owned(), count)).into()
}

/// Those of 10,000 groups that deliver are proven by what they deliver, the others are asked; the next time nothing is.
#[test]
fn ten_thousand_groups_take_few_calls() {
    let crowd = Crowd::new(Sandbox::up(None));
    crowd.make("/app/%05d", 9_500, &json!({"filters": crowd.ours(), "events": 2}));
    crowd.make("/idle/%03d", 50, &json!({"filters": crowd.ours(), "put": 10 * DAY}));
    crowd.make("/new/%03d", 250, &json!({"events": 2}));
    crowd.make("/rare/%03d", 100, &json!({"class": "INFREQUENT_ACCESS"}));
    let theirs = json!([{"filterName": "theirs", "destinationArn": "arn:aws:kinesis:us-east-1:000000000000:stream/x"}]);
    crowd.make("/theirs/%03d", 97, &json!({"filters": theirs}));
    crowd.index(|group| format!("/app/{group:05}"), 9_500, 5);

    let (run, calls) = crowd.audit("");
    assert!(calls.values().sum::<u64>() <= 700, "{calls:?}");
    let expected = [("missing asked", 347), ("own asked", 3), ("streamed history", 50), ("streamed metric", 9_500)];
    let mut expected = counts(expected);
    expected.insert("unsupported class".to_owned(), 100);
    assert_eq!(told(&run), expected, "{}", run.stderr);

    let (run, calls) = crowd.audit("");
    assert!(calls.values().sum::<u64>() <= 60, "{calls:?}");
    let (own, known) = (("own cache", 3), ("missing cache", 347));
    assert_eq!(
        told(&run),
        counts([own, known, ("streamed history", 50), ("streamed metric", 9_500), ("unsupported class", 100)]),
        "{}",
        run.stderr
    );

    // What was changed a moment ago is asked.
    crowd.sandbox.delete_filter("/app/00007", "logctl-logctl");
    crowd.sandbox.put_filter_with_pattern("/app/00008", "logctl-logctl", "ERROR", &crowd.forwarder);
    crowd.sandbox.delete_group("/app/00009");
    crowd.sandbox.create_group("/app/00009");
    Sandbox::eventually("the new group is subscribed", || !crowd.sandbox.filters_of("/app/00009").is_empty());
    let (run, calls) = crowd.audit("");
    assert_eq!(calls["DescribeSubscriptionFilters"], 3, "{calls:?}");
    let states = run.json();
    let state = |name: &str| {
        let groups = states["groups"].as_array().unwrap();
        groups.iter().find(|group| group["name"] == name).unwrap()["state"].clone()
    };
    assert_eq!(["/app/00007", "/app/00008", "/app/00009"].map(state), ["missing", "drifted", "streamed"]);
}

/// Without a domain to ask, the history tells who has put which filter.
#[test]
fn without_documents_the_history_proves() {
    let crowd = Crowd::new(Sandbox::up(None));
    crowd.make("/app/%05d", 1_900, &json!({"filters": crowd.ours(), "events": 2, "put": 20 * DAY}));
    crowd.make("/new/%03d", 97, &json!({"events": 2}));
    let (run, calls) = crowd.audit("");
    assert!(calls.values().sum::<u64>() <= 180, "{calls:?}");
    assert_eq!(
        told(&run),
        counts([("missing asked", 97), ("own asked", 3), ("streamed history", 1_900)]),
        "{}",
        run.stderr
    );
    // A metric under our name alone proves nothing: the filter may send elsewhere.
    let crowd = Crowd::new(Sandbox::up(None));
    let elsewhere =
        json!([{"filterName": "logctl-logctl", "destinationArn": crowd.forwarder.replace("logctl-logctl", "x")}]);
    crowd.make("/app/%05d", 100, &json!({"filters": elsewhere, "events": 2}));
    let (run, _) = crowd.audit("");
    assert_eq!(told(&run), counts([("conflict asked", 100), ("own asked", 3)]), "{}", run.stderr);
    crowd.forget();
}

/// What backfill did is known before the event history tells it.
#[test]
fn what_backfill_did_is_known_at_once() {
    let crowd = Crowd::new(Sandbox::up_with(&[("SANDBOX_HISTORY_LAG", "900"), ("SANDBOX_METRICS_LAG", "180")]));
    crowd.make("/app/%05d", 100, &json!({"events": 2}));
    let drifted = json!([{"filterName": "logctl-logctl", "destinationArn": crowd.forwarder, "filterPattern": "ERROR"}]);
    crowd.make("/drifted/%05d", 20, &json!({"filters": drifted, "events": 2, "put": DAY}));
    crowd.sandbox.run(&["backfill", "--yes"], &[("LOGCTL_CACHE", &crowd.cache)]).ok();
    let (run, calls) = crowd.audit("");
    assert_eq!(told(&run), counts([("own cache", 3), ("streamed cache", 120)]), "{}", run.stderr);
    assert!(calls.values().sum::<u64>() <= 10, "{calls:?}");
}

/// A history that breaks off proves nothing, and nothing of it is kept.
#[test]
fn a_history_that_breaks_off_proves_nothing() {
    let crowd = Crowd::new(Sandbox::up(None));
    crowd.make("/app/%05d", 100, &json!({"filters": crowd.ours(), "events": 2, "put": 10 * DAY}));
    for group in 0..100 {
        let input = json!({"logGroupName": format!("/app/{group:05}"), "filterName": "logctl-logctl"});
        crowd.sandbox.json_call("logs", "Logs_20140328.DeleteSubscriptionFilter", &input);
    }
    // Hours later the history is read back, and breaks off between who has put the filters and who has deleted them.
    let later = jiff::Timestamp::from_millisecond(now() + 5 * 3_600_000).unwrap().to_string();
    let proxy = Proxy::start(crowd.sandbox.aws_endpoint());
    let refused = r#"{"__type":"InvalidNextTokenException","message":"no"}"#;
    proxy.from("LookupEvents", 6, Fault::Answer(400, "application/x-amz-json-1.1", refused));
    let variables = [("LOGCTL_NOW", later.as_str()), ("LOGCTL_CACHE", &crowd.cache), ("AWS_ENDPOINT_URL", &proxy.url)];
    let run = crowd.sandbox.run(&["audit", "-o", "json", "--fail-on", "missing"], &variables).exits(3);
    assert_eq!(told(&run), counts([("unknown class", 103)]), "{}", run.stderr);
    run.says("the event history: AWS answers InvalidNextTokenException: no; more log groups are asked");
    let run = crowd.sandbox.run(&["audit", "-o", "json", "--fail-on", "missing"], &variables[..2]).exits(8);
    assert_eq!(told(&run), counts([("missing asked", 100), ("own asked", 3)]), "{}", run.stderr);
}

/// A condition on what is broken is not met by a policy that could not be read.
#[test]
fn whether_a_forwarder_refuses_is_known_or_said() {
    let sandbox = Sandbox::up(None);
    sandbox.create_group("/a");
    sandbox.logctl("bootstrap --yes").ok();
    sandbox.logctl("backfill --yes").ok();
    let proxy = Proxy::start(sandbox.aws_endpoint());
    let audit = || sandbox.run(&["audit", "--fail-on", "broken"], &[("AWS_ENDPOINT_URL", &proxy.url)]);
    audit().ok();
    let denied = r#"{"__type":"AccessDeniedException","message":"no"}"#;
    proxy.always("/policy", Fault::Answer(403, "application/json", denied));
    audit().exits(3).says("whether its filters are broken is not known").says("1 log group may be broken");
}

/// Groups that were made since everything else was read are among those that are narrowed by it, and have their figures.
#[test]
fn what_is_new_is_not_left_out() {
    let crowd = Crowd::new(Sandbox::up(None));
    crowd.make("/old/%05d", 3, &json!({"retention": 30}));
    crowd.audit("").0.ok();
    crowd.make("/new/%05d", 2, &json!({"age": 60, "events": 2}));
    let groups = |arguments: &str| {
        let (run, _) = crowd.audit(arguments);
        let groups: Vec<Value> = run.json()["groups"].as_array().unwrap().clone();
        groups
            .iter()
            .map(|it| (it["name"].as_str().unwrap().to_owned(), it["bytes_per_day"].clone()))
            .collect::<Vec<_>>()
    };
    let new = |number: usize| (format!("/new/{number:05}"), json!(1_600));
    assert_eq!(groups("--made-since 1h -g /old/* -g /new/*"), [new(0), new(1)]);
    crowd.make("/new/%05d", 1, &json!({"from": 2, "age": 60, "events": 2}));
    assert!(groups("").contains(&new(2)));
    let (run, _) = crowd.audit("--retention 7");
    run.exits(5).says("no log group is such: --retention");
}

/// A group that is deleted while it reads is not there, and nothing is unknown for it.
#[test]
fn what_is_deleted_meanwhile_is_not_there() {
    let crowd = Crowd::new(Sandbox::up(None));
    crowd.make("/app/%05d", 100, &json!({"filters": crowd.ours()}));
    let run = std::thread::scope(|scope| {
        let audit = scope.spawn(|| crowd.sandbox.logctl("audit -o json --rate 20 --all").ok());
        std::thread::sleep(Duration::from_millis(1_500));
        for group in (0..100).step_by(2) {
            let input = json!({"logGroupName": format!("/app/{group:05}")});
            crowd.sandbox.json_call("logs", "Logs_20140328.DeleteLogGroup", &input);
        }
        audit.join().unwrap()
    });
    let told = told(&run);
    let streamed = told.iter().find(|(what, _)| what.starts_with("streamed")).map_or(0, |(_, number)| *number);
    assert!((50..100).contains(&streamed), "{told:?}: {}", run.stderr);
    assert_eq!(told.len(), 2, "own and streamed: {told:?}");
    let run = crowd.sandbox.logctl("audit -o json").ok();
    assert_eq!(run.json()["summary"]["total"], 53);
}

/// A small account is asked, and waits for nothing where AWS takes a burst; where it does not, little is refused.
#[test]
fn thirty_one_groups_take_no_more_calls_than_that() {
    for (burst, within) in [("100", 3), ("5", 20)] {
        let crowd = Crowd::new(Sandbox::up_with(&[("SANDBOX_QUOTAS", "1"), ("SANDBOX_BURST", burst)]));
        crowd.make("/app/%05d", 28, &json!({"filters": crowd.ours(), "events": 2}));
        std::thread::sleep(Duration::from_secs(5)); // What the deployment took of the quotas.
        let begun = Instant::now();
        let (run, calls) = crowd.audit_in_time("");
        let (took, all) = (begun.elapsed().as_secs(), calls.values().sum::<u64>());
        assert_eq!(told(&run), counts([("own asked", 3), ("streamed asked", 28)]), "{}", run.stderr);
        assert!(all <= 45 && took <= within, "burst {burst}: {all} calls in {took} s: {calls:?}");
    }
}

/// Audits of as many groups, at the pace of the quotas, with metrics and a history as late as AWS's: what they took. Either the
/// index has their documents, or the history has who subscribed them.
pub(super) fn at_scale(groups: usize, indexed: bool) -> String {
    let per_10_000: u64 = if indexed { 700 } else { 900 };
    let (deliver, most) = (groups / 20 * 19, groups as u64 / 10_000 * per_10_000);
    let switches = [("SANDBOX_QUOTAS", "1"), ("SANDBOX_METRICS_LAG", "180"), ("SANDBOX_HISTORY_LAG", "900")];
    let crowd = Crowd::new(Sandbox::up_with(&switches));
    let mut delivering = json!({"filters": crowd.ours(), "events": 2});
    if !indexed {
        delivering["put"] = json!(20 * DAY);
    }
    crowd.make("/app/%05d", deliver, &delivering);
    crowd.make("/new/%05d", groups - deliver - 3, &json!({"events": 2}));
    if indexed {
        crowd.index(|group| format!("/app/{group:05}"), deliver, 5);
    }
    let by = if indexed { "" } else { ", and none is in the index" };
    let mut figures = format!("{groups} groups of which 95 % deliver{by}:");
    for (which, most) in [("first", most), ("second", most * 60 / per_10_000)] {
        let begun = Instant::now();
        let variables = [("LOGCTL_CACHE", crowd.cache.as_str()), ("LOGCTL_RATE", "")];
        let ((run, peak), calls) = crowd.counted(|| crowd.sandbox.measured("audit -o json", &variables));
        let all: u64 = calls.values().sum();
        let peak = peak / 1_000_000;
        let took = begun.elapsed().as_secs_f64();
        let streamed: u64 = told(&run).iter().filter(|(what, _)| what.starts_with("streamed")).map(|(_, n)| n).sum();
        assert_eq!((run.json()["summary"]["total"].as_u64(), streamed), (Some(groups as u64), deliver as u64));
        assert!(all <= most, "{which}: {all} calls: {calls:?}");
        assert!(peak <= 64, "{which}: {peak} MB");
        figures += &format!(" {which} audit {all} calls that prove states, {took:.1} s, {peak} MB of memory;");
    }
    figures.trim_end_matches(';').to_owned()
}

/// CloudWatch Logs has handed everything over, and the domain has none of it.
#[test]
fn what_does_not_arrive_is_said_whatever_the_metrics_say() {
    let sandbox = Sandbox::up(None);
    let proxy = Proxy::start(sandbox.endpoint());
    sandbox.logctl(&format!("bootstrap --yes --endpoint {}", proxy.url)).ok();
    let forwarder = "arn:aws:lambda:us-east-1:000000000000:function:logctl-logctl-forwarder";
    for group in ["/arrives", "/dead"] {
        // Subscribed long ago: of what is new nobody can tell what was to arrive.
        let filters = json!([{"filterName": "logctl-logctl", "destinationArn": forwarder}]);
        let group = json!({"name": group, "count": 1, "age": 10 * DAY, "filters": filters});
        sandbox.signed("logs", Method::POST, "/_sandbox/groups", group.to_string());
    }
    sandbox.create_group("/new");
    sandbox.logctl("backfill --yes").ok();
    let events: Vec<String> = (0..20).map(|number| format!("event {number}")).collect();
    sandbox.put_events("/arrives", &events);
    Sandbox::eventually("it arrives", || sandbox.indexed(now() - 60_000).len() >= 20);
    proxy.always("_bulk", Fault::Answer(503, "application/json", "{}"));
    sandbox.put_events("/dead", &events);
    let bucket = sandbox.bucket_of("logctl-deadletters");
    Sandbox::eventually("it waits", || !sandbox.keys(&bucket).is_empty());
    // Half an hour later, when metrics tell everything.
    let later = jiff::Timestamp::from_millisecond(now() + 1_800_000).unwrap().to_string();
    let audit = |arguments: &str, variables: &[(&str, &str)]| {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        sandbox.run(&[&["audit"], &arguments[..]].concat(), &[&[("LOGCTL_NOW", later.as_str())], variables].concat())
    };
    audit("", &[]).ok();
    let run =
        audit("--arrivals -o json", &[]).exits(8).says("20 events of 1 log group came in and are not in the index");
    let report = run.json();
    let arrived = |name: &str| {
        let groups = report["groups"].as_array().unwrap();
        let group = groups.iter().find(|group| group["name"] == name).unwrap();
        (group["arrivals"]["incoming"].clone(), group["arrivals"]["missing"].clone(), group["health"].clone())
    };
    assert_eq!(arrived("/arrives"), (json!(20), json!(0), json!("ok")));
    assert_eq!(arrived("/dead"), (json!(20), json!(20), json!("ok")), "the metrics look fine");
    let new = report["groups"].as_array().unwrap().iter().find(|group| group["name"] == "/new").unwrap();
    assert!(new["arrivals"].is_null(), "{new}");
    run.says("1 log group changed in the last hours");
    // What is indexed in that time of events of another may be these, or not.
    let old = format!(
        "{{\"create\":{{}}}}\n{}\n",
        json!({
            "@timestamp": now() - 5 * 86_400_000, "@ingested": now(), "@log_group": "/dead", "@owner": "000000000000", "@region": "us-east-1",
        })
    );
    sandbox.engine_text(EngineMethod::Post, "/logctl-2026.01.01/_bulk?refresh=true", old.repeat(20));
    audit("--arrivals -g /dead -g /arrives", &[]).exits(3).says("whether 20 events arrived cannot be told");
    audit("--arrivals --columns name,arrived", &[]).exits(3).prints("/dead\t0 of 20, 20 unclear");
    sandbox.stop_engine();
    audit("--arrivals", &[]).exits(3).says("whether events arrive is not known").says("could not be looked at");
}

/// An account in which everything occurs that an audit has a word for.
#[test]
fn every_kind_of_group_is_in_its_state() {
    let sandbox = Sandbox::up(None);
    sandbox.logctl("bootstrap --yes --exclude /skip/*").ok();
    let forwarder = "arn:aws:lambda:us-east-1:000000000000:function:logctl-logctl-forwarder";
    let stream = "arn:aws:kinesis:us-east-1:000000000000:stream/theirs";
    let lambda = "arn:aws:lambda:us-east-1:000000000000:function:LogsToElasticsearch_old";
    let long = format!("/{}", "n".repeat(511));
    let filter = |name: &str, destination: &str| json!({"filterName": name, "destinationArn": destination});
    let ours = || filter("logctl-logctl", forwarder);
    let mut changed = [ours(), ours(), ours(), ours()];
    changed[0]["filterPattern"] = json!("ERROR");
    changed[1]["applyOnTransformedLogs"] = json!(true);
    changed[2]["fieldSelectionCriteria"] = json!("@aws.account = 1");
    changed[3]["emitSystemFields"] = json!(["@aws.account"]);
    let [pattern, transformed, selected, fields] = changed;
    let kinds = [
        (
            "/held",
            json!([filter("a", stream), filter("b", stream)]),
            "missing",
            "streamed to stream/theirs and stream/theirs",
        ),
        ("/dead", json!([filter("old", lambda)]), "missing", "LogsToElasticsearch_old (gone)"),
        ("/conflict", json!([filter("logctl-logctl", stream)]), "conflict", "points to stream/theirs"),
        ("/skip/leak", json!([filter("by-hand", forwarder)]), "unwanted", "but it is streamed"),
        ("/skip/this", json!([]), "excluded", "/skip/*"),
        ("/double", json!([ours(), filter("by-hand", forwarder)]), "double", "by 2 filters"),
        ("/pattern", json!([pattern]), "drifted", "matches `ERROR`"),
        ("/transformed", json!([transformed]), "drifted", "as a transformer has changed them"),
        ("/selected", json!([selected]), "drifted", "selected by `@aws.account = 1`"),
        ("/fields", json!([fields]), "streamed", "by its filter, with @aws.account"),
        ("/.-_#/aZ09", json!([ours()]), "streamed", "by its filter"),
        (long.as_str(), json!([ours(), filter("x", stream)]), "streamed", "also to stream/theirs"),
        ("/new", json!([]), "missing", "no subscription filter"),
    ];
    let make = |given: &Value| drop(sandbox.signed("logs", Method::POST, "/_sandbox/groups", given.to_string()));
    for (name, filters, ..) in &kinds {
        make(&json!({"name": name, "count": 1, "filters": filters, "age": 10 * DAY}));
    }
    for class in ["INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS"] {
        make(&json!({"name": format!("/class/{class}"), "count": 1, "class": class}));
    }
    make(
        &json!({"name": "/encrypted", "count": 1, "filters": [ours()], "kms": "arn:aws:kms:us-east-1:000000000000:key/k"}),
    );
    // Copies of other accounts' events are named where the rule tells how their groups are.
    let copies = "/central/111122223333/us-east-1//app";
    make(&json!({"name": copies, "count": 1}));
    let to = |pattern: &str| json!({"Region": "us-east-1", "Account": "000000000000", "DestinationLogsConfiguration": {"LogGroupNameConfiguration": {"LogGroupNamePattern": pattern}}});
    let rule =
        |name: &str, pattern: &str| json!({"RuleName": name, "CentralizationRule": {"Destination": to(pattern)}});
    let rules = json!([
        rule("all", "/central/${source.accountId}/${source.region}/${source.logGroup}"),
        rule("same", "${source.logGroup}"),
    ]);
    drop(sandbox.signed("logs", Method::POST, "/_sandbox/centralization", rules.to_string()));
    let run = sandbox.logctl("audit -o json").ok().says("the centralization rule same copies logs of other accounts");
    let report = run.json();
    let group = |name: &str| {
        let groups = report["groups"].as_array().unwrap();
        groups.iter().find(|group| group["name"] == name).unwrap_or_else(|| panic!("{name} is not there"))
    };
    for (name, _, state, reason) in &kinds {
        let told = group(name);
        assert_eq!(told["state"], *state, "{told}");
        assert!(told["reason"].as_str().unwrap().contains(reason), "{told}");
    }
    for class in ["INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS"] {
        let told = group(&format!("/class/{class}"));
        assert_eq!((&told["state"], &told["class"]), (&json!("unsupported"), &json!(class)), "{told}");
    }
    assert_eq!(group("/aws/lambda/logctl-logctl-domain")["state"], "own");
    assert_eq!(group("/encrypted")["state"], "streamed");
    let told = group(copies);
    assert_eq!((&told["state"], &told["copied_by"]), (&json!("missing"), &json!("all")), "{told}");
    assert!(
        report["groups"].as_array().unwrap().iter().all(|told| told["name"] == copies || told["copied_by"].is_null())
    );
    let explained = sandbox.logctl(&format!("audit --explain {copies}")).ok();
    explained.prints("of other accounts' logs, by the centralization rule all");

    // A policy of others streams all but what it leaves out; one of ours streams what no filter does.
    let policy = |destination: &str, except: &str| {
        let document =
            json!({"DestinationArn": destination, "FilterPattern": "", "Distribution": "Random"}).to_string();
        let input = json!({
            "policyName": "all", "policyType": "SUBSCRIPTION_FILTER_POLICY", "policyDocument": document,
            "selectionCriteria": format!("LogGroupName NOT IN [\"{except}\"]"),
        });
        sandbox.json_call("logs", "Logs_20140328.PutAccountPolicy", &input);
    };
    policy(stream, "/dead");
    let run = sandbox.logctl("audit").ok();
    let run = run.prints("/new\tmissing\tstreamed to stream/theirs (by the account policy) instead");
    run.prints("/dead\tmissing\tstreamed to LogsToElasticsearch_old (gone) instead");
    policy(forwarder, "/dead");
    let run = sandbox.logctl("audit").ok();
    let run = run.prints("/new\tstreamed\tby the account policy").prints("/fields\tdouble\tby its filter and by the");
    let run = run.prints("/skip/this\tunwanted\t").prints("/dead\tmissing\t");
    run.prints("/aws/lambda/logctl-logctl-domain\tloop\t");
}
