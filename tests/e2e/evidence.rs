//! Audits of accounts with thousands of log groups: how many calls they take, and that what they state is so.

use std::collections::BTreeMap;

use hyper::Method;
use opensearch::http::Method as EngineMethod;
use serde_json::{Value, json};

use super::sandbox::{Run, Sandbox, now};

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

    /// An audit, and how often each operation was called that proves states.
    pub(super) fn audit(&self, arguments: &str) -> (Run, BTreeMap<String, u64>) {
        self.sandbox.signed("logs", Method::DELETE, "/_sandbox/calls", String::new());
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let run =
            self.sandbox.run(&[&["audit", "-o", "json"], &arguments[..]].concat(), &[("LOGCTL_CACHE", &self.cache)]);
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
        counts([own, known, ("streamed cache", 9_550), ("unsupported class", 100)]),
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
