//! Queries that people type and paste, with the events that a reasonable person expects: written by hand, asked by the
//! command, answered by three engines.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    faults::{OWNER, Rig, invocation, well},
    sandbox::{now, root, variable},
};

/// The events by their names, and the queries.
fn given() -> (Map<String, Value>, Vec<Value>) {
    // Another folder may be named, with files of the same form.
    let folder = variable("LOGCTL_QUERIES").map_or_else(|| root().join("tests/fixtures/queries"), Into::into);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    (serde_json::from_str(&read("corpus.json")).unwrap(), serde_json::from_str(&read("queries.json")).unwrap())
}

fn names(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_people_type_finds_what_they_mean() {
    let (corpus, queries) = given();
    for engine in [None, Some("opensearch-2.19"), Some("elasticsearch-7.10")] {
        let rig = Rig::new(engine);
        let mut function = rig.function();
        let mut by_id = BTreeMap::new();
        for (nth, (name, event)) in corpus.iter().enumerate() {
            let id = format!("6{nth:055}");
            let time = now() - 60_000 + 100 * i64::try_from(nth).unwrap();
            let events = json!([{"id": id, "timestamp": time, "message": event["message"]}]);
            let payload = json!({"messageType": "DATA_MESSAGE", "owner": OWNER, "logGroup": event["group"], "logStream": "main",
                "subscriptionFilters": ["f"], "logEvents": events});
            well(&function.invoke(&invocation(payload.to_string().as_bytes())));
            by_id.insert(id, name.clone());
        }
        rig.sandbox.engine(opensearch::http::Method::Post, "/_refresh", None);
        let mut wrong = Vec::new();
        for query in &queries {
            let mut arguments = vec!["search", "--since", "1h", "-n", "1000", "-o", "jsonl"];
            arguments.extend(query["argv"].as_array().unwrap().iter().map(|argument| argument.as_str().unwrap()));
            let run = rig.sandbox.run(&arguments, &[]);
            let found: BTreeSet<String> = run
                .stdout
                .lines()
                .map(|line| by_id[serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap()].clone())
                .collect();
            let is_error = run.code == 2;
            let (must, may) = (names(&query["must"]), names(&query["may"]));
            let right = match &query["must"] {
                Value::String(_) => is_error && run.stderr.contains('^'),
                // Nothing is what is found of something that cannot be looked up.
                Value::Array(must) if must.is_empty() && is_error => true,
                _ => {
                    !is_error
                        && must.is_subset(&found)
                        && found.iter().all(|name| must.contains(name) || may.contains(name))
                }
            };
            if !right {
                let missing: Vec<&String> = must.difference(&found).collect();
                let more: Vec<&String> =
                    found.iter().filter(|name| !must.contains(*name) && !may.contains(*name)).collect();
                wrong.push(format!(
                    "{}: {} exit {}, missing {missing:?}, too many {more:?} {}",
                    query["name"],
                    query["argv"],
                    run.code,
                    if is_error { &run.stderr } else { "" }
                ));
            }
        }
        assert!(wrong.is_empty(), "{engine:?}: {} of {} queries\n{}", wrong.len(), queries.len(), wrong.join("\n"));
    }
}
