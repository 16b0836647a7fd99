//! The id of a request has many names: whichever is asked for, the same events are found as by the id alone.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{faults::Rig, queries::written};

/// What frameworks, Lambda, Logs Insights and people call it.
const SPELLINGS: [&str; 10] = [
    "requestId",
    "request_id",
    "RequestId",
    "requestID",
    "@requestId",
    "@request_id",
    "aws_request_id",
    "awsRequestId",
    "AWSRequestId",
    "x-amzn-requestid",
];

/// A UUID, an id as traces have it, and one that sorts by its time; each with a neighbour.
const IDS: [(&str, &str); 3] = [
    ("7d1f6c3a-90b2-4e58-a1c7-52e8f04b6d93", "7d1f6c3a-90b2-4e58-a1c7-52e8f04b6d94"),
    ("4c0ad9e17b3f4826958ed1f26a7b03cc", "4c0ad9e17b3f4826958ed1f26a7b03cd"),
    ("01JD4Q8Z3V7K9M2N5P6R8S0T1W", "01JD4Q8Z3V7K9M2N5P6R8S0T1X"),
];

/// Messages that carry an id.
fn carrying(id: &str, other: &str) -> Vec<String> {
    let upper = id.to_uppercase();
    let objects = [
        json!({"context": {"requestId": id}}),
        json!({"requestContext": {"requestId": id}, "level": "warn"}),
        // What others call so is found by its value.
        json!({"upstream": {"requestId": id}}),
        json!({"traceId": id}),
        json!({"orderId": id}),
        json!({"requestId": other, "msg": format!("this is a retry of {id}")}),
        json!({"requestId": upper}),
        json!({"msg": format!("sent {}", json!({"requestId": id}))}),
        json!({"msg": format!("booked\n{id}\n")}),
    ];
    let texts = [
        format!("START RequestId: {id} Version: 7"),
        format!("REPORT RequestId: {id}\tDuration: 2.50 ms\tBilled Duration: 3 ms"),
        format!("2026-11-26T10:00:00.000Z\t{id}\tINFO\tbooked"),
        format!("level=info requestId={id} status=200"),
        format!("charging requestId={id}, amount 3"),
        format!(r#"sent {{"requestId":"{id}"}} to the queue"#),
        format!("request_id: '{upper}' was booked"),
        format!("RequestId: {upper}"),
        format!("booked {id} again"),
        format!("[{id}] booked"),
        format!("({id}) booked"),
        format!("the last request was {id}."),
        id.to_owned(),
    ];
    let named = SPELLINGS.into_iter().map(|name| json!({"level": "info", name: id}));
    named.chain(objects).map(|object| object.to_string()).chain(texts).collect()
}

/// Messages that carry another id, or a part of this one.
fn strange(id: &str, other: &str) -> Vec<String> {
    let (beginning, end) = (&id[..id.len() - 1], &id[1..]);
    let named = SPELLINGS.into_iter().map(|name| json!({"level": "info", name: other}).to_string());
    let others = [
        format!("RequestId: {other}"),
        format!("charging requestId={other}, amount 3"),
        format!("RequestId: {beginning}"),
        json!({"requestId": beginning}).to_string(),
        format!("requestId={end} was booked"),
        json!({"requestId": end}).to_string(),
        "requestId is missing".to_owned(),
    ];
    named.chain(others).collect()
}

/// The id alone, and behind each of its names; each is one argument.
fn queries(id: &str) -> Vec<String> {
    let named = SPELLINGS.iter().flat_map(|name| [format!("{name}={id}"), format!("{name}: {id}")]);
    [id.to_owned(), id.to_uppercase()].into_iter().chain(named).collect()
}

#[test]
fn a_request_is_found_under_each_name_of_its_id() {
    let messages = IDS.into_iter().flat_map(|(id, other)| [carrying(id, other), strange(id, other)].concat());
    // They are named by what they say.
    let corpus: Map<String, Value> =
        messages.map(|message| (message.clone(), json!({"group": "/spellings", "message": message}))).collect();
    for engine in [None, Some("elasticsearch-7.10")] {
        let rig = Rig::new(engine);
        let by_id = written(&rig, &corpus);
        let event = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
        let mut wrong = Vec::new();
        for (id, other) in IDS {
            let expected: BTreeSet<String> = carrying(id, other).into_iter().collect();
            for query in queries(id) {
                let arguments = ["search", "--since", "1h", "-n", "1000", "-o", "jsonl", "--", &query];
                let run = rig.sandbox.run(&arguments, &[]).ok();
                let found: BTreeSet<String> = run.stdout.lines().map(|line| by_id[&event(line)].clone()).collect();
                if found != expected {
                    let missing: Vec<&String> = expected.difference(&found).collect();
                    let more: Vec<&String> = found.difference(&expected).collect();
                    wrong.push(format!("{query}: missing {missing:?}, too many {more:?}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{engine:?}: {} queries\n{}", wrong.len(), wrong.join("\n"));
    }
}
