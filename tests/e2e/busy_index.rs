//! One day's index of an account in which much goes on: its trail, the audit log of a cluster, a firewall and thirty
//! services. Their names are thousands; what an event says is found under each of them.

use std::collections::{BTreeMap, BTreeSet};

use logctl_core::mapping::DEFAULT_TYPED_NAMES;
use opensearch::http::Method;
use serde_json::{Value, json};

use super::{
    faults::{Rig, Sent, from, well},
    questions::{Known, Leaf, differences, mapped, midday},
};

const TRAIL: usize = 3_000;
const AUDIT: usize = 1_000;
const FIREWALL: usize = 500;
const SERVICES: usize = 30;
const EVENTS_OF_A_SERVICE: usize = 60;

const APIS: [&str; 12] = [
    "RunInstances",
    "PutObject",
    "CreateRole",
    "AssumeRole",
    "GetObject",
    "CreateTable",
    "Invoke",
    "PutRule",
    "UpdateStack",
    "CreateKey",
    "Decrypt",
    "DescribeInstances",
];

/// The index is asked about a sample of all names, and about those that stand in many kinds of events.
const ASKED: usize = 40;
const COMMON: [&str; 10] = [
    "status",
    "level",
    "user",
    "user.username",
    "requestParameters",
    "requestObject",
    "durationMs",
    "absent",
    "httpRequest.headers.name",
    "errorCode",
];

fn one<'t>(random: &mut fastrand::Rng, of: &[&'t str]) -> &'t str {
    of[random.usize(..of.len())]
}

/// Up to eight parameters of a call, of the hundreds that there are.
fn parameters(random: &mut fastrand::Rng, api: &str, kinds: usize) -> Value {
    let members = (0..random.usize(1..9)).map(|_| {
        let at = random.usize(..kinds);
        let value = match at % 4 {
            0 => json!(random.u32(..300)),
            1 => json!({"items": [{"key": format!("k{}", random.u32(..9)), "value": random.u32(..9)}]}),
            2 => json!(random.bool()),
            _ => json!(one(random, &["GET", "payment-failed", "a=b", "200", "1"])),
        };
        (format!("{}{at}", api.to_lowercase()), value)
    });
    members.collect::<serde_json::Map<_, _>>().into()
}

/// A call as CloudTrail tells of it.
fn call(random: &mut fastrand::Rng) -> Value {
    let api = one(random, &APIS);
    let mut event = json!({
        "eventVersion": "1.09", "eventTime": "2026-11-23T10:00:00Z", "eventSource": format!("{}.amazonaws.com", api.to_lowercase()), "eventName": api,
        "userIdentity": {"type": "AssumedRole", "accountId": "111122223333", "sessionContext": {"attributes": {"mfaAuthenticated": "false"}}},
        "awsRegion": "eu-west-1", "sourceIPAddress": format!("10.0.0.{}", random.u8(..)), "readOnly": random.bool(),
        "requestParameters": parameters(random, api, 90), "responseElements": if random.bool() { parameters(random, api, 60) } else { Value::Null },
    });
    if random.u8(..10) == 0 {
        event["errorCode"] = json!(one(random, &["AccessDenied", "Throttling", "200"]));
    }
    if random.u8(..5) == 0 {
        event["additionalEventData"] = parameters(random, "x", 40);
    }
    event
}

/// A request to the API of a cluster.
fn request(random: &mut fastrand::Rng) -> Value {
    let verb = one(random, &["get", "list", "create", "patch"]);
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "stage": "ResponseComplete", "verb": verb,
        "user": {"username": format!("user-{}", random.u8(..9)), "groups": ["system:authenticated"]},
        "objectRef": {"resource": one(random, &["pods", "secrets", "configmaps"]), "namespace": "default"},
        "responseStatus": {"code": one(random, &["200", "201", "403"]).parse::<u16>().unwrap()},
        "requestObject": parameters(random, verb, 200),
        "annotations": {format!("authorization.k8s.io/{}", random.u8(..60)): one(random, &["allow", "1"])},
    })
}

/// A request that a firewall has seen.
fn seen(random: &mut fastrand::Rng) -> Value {
    let headers: Vec<Value> =
        (0..random.usize(1..6)).map(|_| json!({"name": format!("h{}", random.u8(..30)), "value": "GET"})).collect();
    json!({
        "formatVersion": 1, "webaclId": "arn:aws:wafv2:eu-west-1:111122223333:regional/webacl/main/1", "action": one(random, &["ALLOW", "BLOCK"]),
        "httpRequest": {"clientIp": format!("192.0.2.{}", random.u8(..)), "country": "DE", "headers": headers, "httpMethod": "GET"},
        "labels": [{"name": format!("awswaf:managed:{}", random.u8(..9))}],
    })
}

/// A line of a service: what all of them say, and what only this one does.
fn line(random: &mut fastrand::Rng, service: usize) -> Value {
    let mut event = json!({
        "level": one(random, &["info", "warn", "error"]), "message": "done", "durationMs": random.u32(..1_200),
        "status": if service.is_multiple_of(7) { json!(one(random, &["200", "ok"])) } else { json!(200 + random.u16(..4) * 100) },
        "user": {"id": random.u32(..300)},
    });
    for at in 0..12 {
        event[format!("s{service}Field{at}")] = if at % 2 == 0 { json!(random.u32(..300)) } else { json!("GET") };
    }
    event
}

/// What an event says.
fn known(event: &Value, time: i64) -> Known {
    fn collect(path: &str, value: &Value, leaves: &mut Vec<Leaf>) {
        let leaf = |text: String, number| Leaf { name: path.to_owned(), text, number };
        match value {
            Value::Null => {}
            Value::Object(members) => {
                for (name, value) in members {
                    collect(&if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, value, leaves);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(path, item, leaves)),
            Value::String(text) => leaves.push(leaf(text.clone(), text.parse().ok())),
            other => leaves.push(leaf(other.to_string(), other.as_f64())),
        }
    }
    let mut known = Known { time, leaves: Vec::new() };
    collect("", event, &mut known.leaves);
    known
}

/// Writes a busy day, asks about its names, and tells how many there were.
pub fn answers() -> String {
    let rig = Rig::new(None);
    let mut functions = [rig.function(), rig.function()];
    let mut random = fastrand::Rng::with_seed(3);
    let groups = (0..SERVICES).map(|service| (format!("/questions/service-{service}"), EVENTS_OF_A_SERVICE));
    let mut groups: Vec<(String, usize)> = groups.collect();
    groups.extend(
        [("/questions/trail", TRAIL), ("/questions/eks", AUDIT), ("/questions/waf", FIREWALL)]
            .map(|(name, count)| (name.to_owned(), count)),
    );
    // A part of each, over and over, as events arrive.
    let midday = midday();
    let (mut sent, mut events) = (Sent::default(), BTreeMap::new());
    for turn in 0..20 {
        for (at, (group, count)) in groups.iter().enumerate() {
            let part: Vec<Value> = (0..count / 20)
                .map(|_| match group.as_str() {
                    "/questions/trail" => call(&mut random),
                    "/questions/eks" => request(&mut random),
                    "/questions/waf" => seen(&mut random),
                    _ => line(&mut random, at),
                })
                .collect();
            let messages: Vec<String> = part.iter().map(Value::to_string).collect();
            let first = midday + 601 * i64::try_from(events.len()).unwrap();
            let times: Vec<i64> = (first..).step_by(601).take(part.len()).collect();
            let (invocation, ids) = from(group, &messages, &times);
            sent.ids.extend(ids.iter().cloned());
            events.extend(ids.into_iter().zip(part.iter().zip(times).map(|(event, time)| known(event, time))));
            well(&functions[(turn + at) % 2].invoke(&invocation));
        }
    }
    assert_eq!(rig.account_for("busy index", &sent), 0);

    let all: BTreeSet<&str> =
        events.values().flat_map(|known: &Known| known.leaves.iter().map(|leaf| &*leaf.name)).collect();
    let mut names: BTreeSet<String> = COMMON.map(str::to_owned).into();
    let sample = random.choose_multiple(all.iter(), ASKED);
    names.extend(sample.into_iter().map(|name| (*name).to_owned()));
    let (asked, differences) = differences(&rig, &names, &events);
    assert!(differences.is_empty(), "{} of {asked} questions: {differences:#?}", differences.len());

    let index = jiff::Timestamp::from_millisecond(midday).unwrap().strftime("logctl-%Y.%m.%d").to_string();
    let typed = mapped(&rig, &index);
    // Both writers may take a name before either has seen the other's.
    assert!((100..=DEFAULT_TYPED_NAMES + groups.len() * 20).contains(&typed), "{typed}");
    let degraded = rig.sandbox.engine(
        Method::Post,
        "/logctl-*/_count",
        Some(json!({"query": {"exists": {"field": "@degraded"}}})),
    );
    assert_eq!(degraded["count"], 0);
    format!(
        "{} events of {} groups, {} names, {typed} of them typed; {asked} questions, no difference",
        events.len(),
        groups.len(),
        all.len(),
    )
}
