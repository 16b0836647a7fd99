//! Events that the function of the console has indexed, in a layout of its own: every question means the same there.

use std::collections::{BTreeMap, BTreeSet};

use opensearch::http::Method;
use serde_json::{Map, Value, json};

use super::{
    faults::{OWNER, Rig},
    queries::{all_find_what_they_mean, given},
    random_queries::answers_of,
    sandbox::{Sandbox, now},
};

/// The document that the function makes of an event.
fn document(group: &str, id: &str, time: i64, message: &str) -> Value {
    let told = message.find('{').and_then(|at| serde_json::from_str::<Map<String, Value>>(&message[at..]).ok());
    let mut document = Value::Object(told.unwrap_or_default());
    let time = jiff::Timestamp::from_millisecond(time).unwrap();
    for (name, value) in [
        ("@id", id),
        ("@timestamp", &format!("{time:.3}")),
        ("@message", message),
        ("@owner", OWNER),
        ("@log_group", group),
        ("@log_stream", "main"),
    ] {
        document[name] = value.into();
    }
    document
}

/// Writes documents to indices that the engine types by itself: what one of them refuses stands in another.
fn write(sandbox: &Sandbox, documents: &[Value]) {
    for document in documents {
        let id = document["@id"].as_str().unwrap();
        let is_taken = (0..9).any(|nth| {
            let path = format!("/cwl-2026.11.25-{nth}/_bulk");
            let body = format!("{{\"index\":{{\"_id\":\"{id}\"}}}}\n{document}\n");
            sandbox.engine_text(Method::Post, &path, body)["errors"] == false
        });
        assert!(is_taken, "{document}");
    }
    sandbox.engine(Method::Post, "/_refresh", None);
}

/// Writes the events a tenth of a second apart, a minute ago; and tells their names by their ids.
fn written(rig: &Rig, corpus: &Map<String, Value>) -> BTreeMap<String, String> {
    let event = |(nth, (name, event)): (usize, (&String, &Value))| {
        let (id, text) = (format!("6{nth:055}"), |member: &str| event[member].as_str().unwrap().to_owned());
        let time = now() - 60_000 + 100 * i64::try_from(nth).unwrap();
        (document(&text("group"), &id, time, &text("message")), (id, name.clone()))
    };
    let (documents, by_id): (Vec<_>, BTreeMap<_, _>) = corpus.iter().enumerate().map(event).unzip();
    write(&rig.sandbox, &documents);
    by_id
}

#[test]
fn a_query_means_there_what_it_means_in_our_indices() {
    let (corpus, queries) = given();
    for engine in [None, Some("elasticsearch-7.10")] {
        let rig = Rig::new(engine);
        let by_id = written(&rig, &corpus);
        all_find_what_they_mean(&rig, &by_id, &queries);
        assert!(answers_of(&rig, &corpus, &by_id, 100, 7) > 100);
    }
}

#[test]
fn both_layouts_are_one_answer() {
    let rig = Rig::new(None);
    let begin = now() - 600_000;
    let time = |event: i64| begin + event / 7; // Several in each millisecond.
    let (mut ours, mut theirs) = (String::new(), Vec::new());
    for event in 0..3_000_i64 {
        let (id, message) = (format!("3{event:055}"), format!(r#"{{"level":"info","msg":"paid","order":{event}}}"#));
        // A third of them is in both.
        if event % 3 != 0 {
            let document = json!({
                "@timestamp": time(event), "@ingested": begin, "@log_group": "/shop", "@log_stream": "main",
                "@owner": OWNER, "@region": "us-east-1", "@message": message, "@level": "info", "order": event,
            });
            let id = logctl_core::event_id::document_id(&id).into_owned();
            ours += &format!("{{\"create\":{{\"_id\":\"{id}\"}}}}\n{document}\n");
        }
        if event % 3 != 1 {
            theirs.push(document("/shop", &id, time(event), &message));
        }
    }
    let put = rig.sandbox.engine_text(Method::Post, "/logctl-2026.01.01/_bulk?refresh=true", ours);
    assert_eq!(put["errors"], false);
    let line = |document: &Value| format!("{{\"index\":{{\"_id\":{}}}}}\n{document}\n", document["@id"]);
    let body = theirs.iter().map(line).collect::<Vec<_>>().concat();
    assert_eq!(rig.sandbox.engine_text(Method::Post, "/cwl-2026.11.25/_bulk?refresh=true", body)["errors"], false);

    let run = |line: &str| rig.sandbox.logctl(line);
    let orders = |text: &str| -> Vec<u64> {
        let event = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        text.lines().map(|line| event(line)["fields"]["order"].as_u64().unwrap()).collect()
    };
    // An export has each of them once, in order, and goes on from wherever it broke off.
    let all = run("search paid --all -o jsonl").ok().says("all 3,000 events").stdout;
    let found = orders(&all);
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 3_000);
    assert!(found.len() == 3_000 && found.is_sorted_by_key(|event| event / 7), "{}", found.len());
    for line in [0, 1, 700, 701, 702, 703, 1_999, 2_998] {
        let event: Value = serde_json::from_str(all.lines().nth(line).unwrap()).unwrap();
        let rest = run(&format!("search paid --all -o jsonl --cursor {}", event["cursor"].as_str().unwrap())).ok();
        assert_eq!(orders(&rest.stdout), found[line + 1..], "behind line {line}");
    }
    assert_eq!(orders(&run("search order>=2990 --all -o jsonl").ok().stdout).len(), 10);
    // A page has the newest of both.
    let page = run("search paid -n 20 -o json").ok().json();
    let newest: Vec<u64> =
        page["events"].as_array().unwrap().iter().map(|event| event["fields"]["order"].as_u64().unwrap()).collect();
    assert!(newest.len() == 20 && newest.iter().all(|event| *event >= 2_973), "{newest:?}");
    assert_eq!(run("search order=1500 -o json").ok().json()["events"].as_array().unwrap().len(), 1);
    // What cannot look there says so, and who says which indices means those.
    run("count paid").exits(3).says("cwl-*, which AWS's own function writes, was not looked at: up to 2,000 events");
    run("count paid --index-prefix logctl").ok();
    run("search paid -n 10001 -o jsonl").exits(3).says("cwl-* were not looked at").says("--all reads all events");
    let alone = run("search order=1500 -o json --index-prefix logctl").ok().json();
    assert_eq!(alone["events"].as_array().unwrap().len(), 0);
    run("tail paid --duration 1s --since 1m").says("cwl-* is not followed").says("in the last 1h that");
    run("tail paid --duration 1s --since 10h").says("in the last 10h that");
    // Nothing is meant of what may be, and a group is of neither layout.
    run("search NOT paid --all --exit-status").exits(8).says("nothing found from");
    run("search paid -g /shop -g /shap -n 3").says("/shap");
    run("search paid --all -g /shop -g /shap -o id").ok().says("no log group matches /shap in the index");
    // What stands around one of them is of its stream there, and what the other layout has is said.
    let of_index = |index: &str| {
        let event = all.lines().skip(1_500).map(|line| serde_json::from_str::<Value>(line).unwrap());
        event.clone().find(|event| event["index"].as_str().unwrap().starts_with(index)).unwrap()
    };
    for (index, says) in [("cwl", "logctl-2*,logctl-outlier* has "), ("logctl", "cwl-*, which")] {
        let id = of_index(index)["id"].as_str().unwrap().to_owned();
        let around = run(&format!("context {id} -C 3 -o json")).exits(3).says(says).json();
        let events = around["events"].as_array().unwrap();
        assert!(events.len() == 7 && events.iter().all(|event| event["index"].as_str().unwrap().starts_with(index)));
    }
    // What stands around an event does not depend on how it was found.
    let around = run("search message=~/order.:1501/ -C 1 -o json --index-prefix logctl").ok().json();
    assert_eq!(around["events"].as_array().unwrap().len(), 3);
    // A query of the engine's own language is not judged here.
    for query in ["--lang lucene paid", r#"--lang dsl {"bool":{"must":{"match_phrase":{"@message":"paid"}}}}"#] {
        run(&format!("search {query} -o json")).exits(3).says("was not looked at");
    }
    run("search paid region=us-east-1 -o json").exits(3).says("was not looked at");
}
