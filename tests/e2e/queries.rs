//! Queries that people type and paste, with the events that a reasonable person expects: written by hand, asked by the
//! command, answered by three engines.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    faults::{OWNER, Rig, from, invocation, well},
    proxy::Fault,
    sandbox::{now, root, variable},
};

/// The events by their names, and the queries.
pub fn given() -> (Map<String, Value>, Vec<Value>) {
    // Another folder may be named, with files of the same form.
    let folder = variable("LOGCTL_QUERIES").map_or_else(|| root().join("tests/fixtures/queries"), Into::into);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    (serde_json::from_str(&read("corpus.json")).unwrap(), serde_json::from_str(&read("queries.json")).unwrap())
}

/// Writes the events, a tenth of a second apart, a minute ago; and tells their names by their ids.
pub fn written(rig: &Rig, corpus: &Map<String, Value>) -> BTreeMap<String, String> {
    let mut function = rig.function();
    let mut by_id = BTreeMap::new();
    for (nth, (name, event)) in corpus.iter().enumerate() {
        let id = format!("6{nth:055}");
        let time = now() - 60_000 + 100 * i64::try_from(nth).unwrap();
        let payload = json!({
            "messageType": "DATA_MESSAGE", "owner": OWNER, "logGroup": event["group"], "logStream": "main",
            "subscriptionFilters": ["f"], "logEvents": [{"id": id, "timestamp": time, "message": event["message"]}],
        });
        well(&function.invoke(&invocation(payload.to_string().as_bytes())));
        by_id.insert(id, name.clone());
    }
    rig.sandbox.engine(opensearch::http::Method::Post, "/_refresh", None);
    by_id
}

fn names(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_people_type_finds_what_they_mean() {
    let (corpus, queries) = given();
    for engine in [None, Some("opensearch-2.19"), Some("elasticsearch-7.10")] {
        let rig = Rig::new(engine);
        let by_id = written(&rig, &corpus);
        all_find_what_they_mean(&rig, &by_id, &queries);
    }
}

/// Asks the queries, and looks at what they find.
pub fn all_find_what_they_mean(rig: &Rig, by_id: &BTreeMap<String, String>, queries: &[Value]) {
    let mut wrong = Vec::new();
    for query in queries {
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
    assert!(wrong.is_empty(), "{} of {} queries\n{}", wrong.len(), queries.len(), wrong.join("\n"));
}

#[test]
fn the_help_is_true_and_an_empty_answer_names_its_cause() {
    let rig = Rig::new(None);
    an_empty_answer_names_its_cause(&rig);
    the_examples_of_the_help_do_what_it_says(&rig);
}

/// Nothing found is not the end: the answer names its cause, at the cost of a few requests.
fn an_empty_answer_names_its_cause(rig: &Rig) {
    const DAY: i64 = 86_400_000;
    let mut function = rig.function();
    let mut send = |group: &str, time: i64, message: &Value| {
        let (invocation, _) = from(group, &[message.to_string()], &[time]);
        well(&function.invoke(&invocation));
    };
    let event = json!({"level": "info", "status": 500, "invoiceId": "INV-100", "msg": "stored"});
    send("/nothing/a", now() - 60_000, &event);
    send("/nothing/b", now() - 60_000, &json!({"msg": "other", "status": 200}));
    send("/nothing/a", now() - 2 * DAY, &json!({"msg": "ancient", "invoiceId": "INV-001"}));
    rig.sandbox.engine(opensearch::http::Method::Post, "/_refresh", None);
    let endpoint = rig.engine.url.clone();
    for (arguments, cause, says) in [
        (&["statsu=500"][..], "field", "status"),
        (&["invoiceId=INV-1OO"], "value", "INV-100"),
        (&["ancient"], "earlier", "--since"),
        (&["stored", "--until", "1 day ago", "--since", "30 hours ago"], "later", "--until"),
        (&["stored", "-l", "error"], "left_out", "leave out -l"),
        (&["stored", "-g", "/nothing/b"], "left_out", "leave out -g"),
        (&["tore"], "part_of_a_word", "*tore*"),
        (&["nowhere to be seen"], "absent", "2 log groups with 2 events"),
        (&["status=500", "nowhere"], "absent", "audit"),
        (&["--since", "12 hours ago", "--until", "10 hours ago", "nowhere"], "no_events", "audit"),
    ] {
        let all = [&["search", "--endpoint", &endpoint, "-o", "json"], arguments].concat();
        rig.engine.always("_search", Fault::Pass);
        let run = rig.sandbox.run(&all, &[]).ok();
        let asked = rig.engine.broken();
        assert!((2..=6).contains(&asked), "{arguments:?}: {asked} requests");
        let nothing = &run.json()["nothing"];
        assert_eq!(nothing["cause"], cause, "{arguments:?}: {nothing}");
        assert!(nothing.to_string().contains(says), "{arguments:?}: {nothing}");
    }
    rig.sandbox.run(&["search", "x", "-g", "/nothin/*"], &[]).exits(5);
}

/// Every example of `search --help` finds what the help says.
fn the_examples_of_the_help_do_what_it_says(rig: &Rig) {
    const ID: &str = "8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f";
    let corpus = json!({
        "text": "checkout: payment failed, timeout after 3s",
        "id": format!("started {ID}"),
        "json": json!({"requestId": ID, "status": 502, "level": "warn", "user": "ana", "durationMs": 1800, "bytes": 3_000_000}),
        "other": json!({"awsRequestId": ID, "status": 404, "level": "info", "ip": "10.1.2.3", "a": 2, "b": 3}),
        "good": json!({"status": 200, "level": "info", "message": "health of a TimedOut"}),
        "bad": "error: IOException",
        "late": "error: timeout",
    });
    let corpus = corpus.as_object().unwrap();
    let messages = corpus.iter().map(|(name, message)| {
        let message = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
        (name.clone(), json!({"group": "/help", "message": message}))
    });
    let by_id = written(rig, &messages.collect());
    let help = std::fs::read_to_string(root().join("src/commands/search/language.txt")).unwrap();
    let examples = [
        ("timeout checkout", "text"),
        ("'payment failed'", "text"),
        ("8f5e0a2c-3f1e-4b7d-9c55-…", "id json other"),
        ("requestId=8f5e…", "id json other"),
        (".requestId=8f5e…", "json"),
        ("status>=500", "json"),
        ("status ge 500", "json"),
        ("durationMs>1.5s", "json"),
        ("bytes>2MiB", "json"),
        ("status=400..499", "other"),
        ("status:[400 TO 499]", "other"),
        ("'status in (500, 502)'", "json"),
        ("'level>=warn'", "bad json late"),
        ("status!=200", "json other"),
        ("error -timeout", "bad"),
        ("NOT health", "bad id json late other text"),
        ("'(a=1 OR a=2) AND b=3'", "other"),
        ("user=*", "json"),
        ("'missing(user)'", "bad good id late other text"),
        ("ip=10.0.0.0/8", "other"),
        ("'time*'", "good late text"),
        ("'*Exception*'", "bad"),
        ("'message=~/time.*out/i'", "good late text"),
    ];
    let lines: Vec<&str> = help.lines().skip(1).take_while(|line| !line.is_empty()).collect();
    assert!(lines.len() <= 15, "{} lines", lines.len());
    for line in &lines {
        assert!(examples.iter().any(|(example, _)| line.contains(example)), "no example of this line: {line}");
    }
    for (example, expected) in examples {
        assert!(help.contains(example), "{example} is not in the help");
        let whole = example.replace("8f5e0a2c-3f1e-4b7d-9c55-…", ID).replace("8f5e…", ID);
        let quoted = whole.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        let words: Vec<&str> = quoted.map_or_else(|| whole.split(' ').collect(), |argument| vec![argument]);
        let words = if whole.starts_with("status:") { vec![whole.as_str()] } else { words };
        let run = rig.sandbox.run(&[&["search", "-o", "id", "-g", "/help"], words.as_slice()].concat(), &[]).ok();
        let found: BTreeSet<&str> = run.stdout.lines().map(|id| by_id[id].as_str()).collect();
        assert_eq!(found, expected.split(' ').collect(), "{example}");
    }
}
