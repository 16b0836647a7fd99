//! What is read out of the formats that people log in, by the function as it is shipped, out of a real engine.

use std::collections::BTreeMap;

use logctl_core::event_id::document_id;
use opensearch::http::Method;
use serde_json::{Value, json};

use super::{
    faults::{OWNER, Rig, Sent, invocation, payload_of, well},
    sandbox::now,
};

#[test]
fn each_format_is_read() {
    let rig = Rig::new(None);
    let mut function = rig.function_with(&[("LOGCTL_SERVICES", "/acme/{service}/*")]);
    let formats: Vec<Value> = serde_json::from_str(include_str!("../fixtures/formats.json")).unwrap();
    let (mut sent, mut expected) = (Sent::default(), BTreeMap::new());
    let mut deliver = |group: &str, event: &Value, expect: Value| {
        let id = format!("5{:055}", expected.len());
        let mut json = json!({"id": id, "timestamp": now(), "message": event["message"]});
        if let Some(columns) = event.get("columns") {
            json["extractedFields"] = columns.clone();
        }
        let payload = payload_of(OWNER, group, &json!(["f"]), &json!([json]).to_string());
        well(&function.invoke(&invocation(&payload)));
        sent.ids.insert(id.clone());
        expected.insert(id, (event["message"].clone(), expect));
    };
    for format in &formats {
        for event in format["events"].as_array().unwrap() {
            let group = event["group"].as_str().or(format["group"].as_str()).unwrap();
            deliver(group, event, event["expect"].clone());
        }
    }
    deliver("/acme/pay/web", &json!({"message": "x"}), json!({"@service": "pay"}));
    assert_eq!(rig.account_for("formats", &sent), 0);
    let ids: Vec<_> = expected.keys().map(|id| document_id(id)).collect();
    let query = json!({"size": 1_000, "query": {"ids": {"values": ids}}});
    let found = rig.sandbox.engine(Method::Post, "/_search", Some(query));
    let documents: BTreeMap<&str, &Value> = found["hits"]["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| (hit["_id"].as_str().unwrap(), &hit["_source"]))
        .collect();
    for (id, (message, expect)) in &expected {
        let document = documents[&*document_id(id)];
        for (name, value) in expect.as_object().unwrap() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let pair = json!(format!("{name}={text}"));
            let is_pair = document["@kv"].as_array().is_some_and(|pairs| pairs.contains(&pair));
            assert!(document[name] == *value || is_pair, "{name} of {message} is {}: {document}", document[name]);
        }
    }
    // A request is found by its id, whatever the name and wherever it stands.
    let id = "8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f";
    let carriers =
        expected.values().filter(|(message, _)| message.as_str().unwrap().to_lowercase().contains(id)).count();
    let run = rig.sandbox.run(&["search", &format!("requestId={id}"), "-n", "1000", "-o", "json"], &[]).ok();
    assert_eq!(run.json()["total"], carriers);
}
