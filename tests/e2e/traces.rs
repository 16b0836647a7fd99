//! Everything that carries an id, as one timeline.

use serde_json::Value;

use super::sandbox::{Sandbox, now};

const ID: &str = "5fe983e8-ea42-4b16-af37-70d5a4f47fd9";
const OWN: &str = "0d6f9c1a-52b7-4c3f-8f0e-2b8b7f1a9c11";
const TRACE: &str = "1-67891233-abcdef012345678912345678";

/// Twelve services that one request goes through, each with the id in another form.
fn said(service: usize) -> Vec<String> {
    match service {
        0 => vec![format!(r#"{{"level":"info","message":"received","requestId":"{ID}","traceId":"{TRACE}"}}"#)],
        1 => vec![format!("requestId={ID} looked up")],
        2 => vec![format!("checked {} for the customer", ID.to_uppercase())],
        3 => vec![format!("{ID}")],
        // A function has an id of its own: what it tells of that belongs to the same request.
        4 => vec![
            format!("START RequestId: {OWN} Version: $LATEST"),
            format!(r#"{{"level":"info","message":"priced","correlation_id":"{ID}","function_request_id":"{OWN}"}}"#),
            format!("END RequestId: {OWN}"),
            format!(
                "REPORT RequestId: {OWN}\tDuration: 12.50 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: 40 MB\t"
            ),
        ],
        // Nothing but the trace.
        5 => vec![format!(r#"{{"level":"info","message":"stored","xray_trace_id":"{TRACE}"}}"#)],
        6 => vec![format!(r#"{{"level":"error","message":"card refused","request_id":"{ID}"}}"#)],
        7 => vec![format!(r#"{{"context":{{"requestId":"{ID}"}},"msg":"undone"}}"#)],
        8 => vec![format!("WARN retry [{ID}]")],
        _ => vec![format!("service {service} has seen {ID}")],
    }
}

#[test]
fn a_request_is_one_timeline_over_twelve_groups() {
    let sandbox = Sandbox::up(None);
    sandbox.create_group("/shop/12-forgotten"); // It exists before the stack, and nobody subscribes it.
    sandbox.logctl("bootstrap --yes").ok();
    let groups: Vec<String> = (0..12).map(|service| format!("/shop/{service:02}")).collect();
    for group in &groups {
        sandbox.create_group(group);
    }
    Sandbox::eventually("they are streamed", || {
        let report = sandbox.logctl("audit --fresh -o json -g /shop/*").json();
        report["summary"]["by_state"]["streamed"] == 12
    });
    let begun = now();
    // The times are given: how long a put takes says nothing of the request.
    let mut time = begun - 10_000;
    for (service, group) in groups.iter().enumerate() {
        if service == 9 {
            time += 1_500; // Nobody says anything.
        }
        sandbox.put_events_at(group, time, &said(service));
        time += 40;
    }
    sandbox.put_events("/shop/12-forgotten", &[format!("the reason is here: {ID}")]);
    Sandbox::eventually("they are there", || sandbox.indexed(begun - 60_000).len() >= 15);
    // The stack says where to go, and with it the account.
    let trace = |arguments: &str| sandbox.logctl(&format!("trace {ID} --stack logctl --since 1h {arguments}"));
    let run = trace("-o json").ok();
    let json = run.json();
    let lanes: Vec<&str> =
        json["lanes"].as_array().unwrap().iter().map(|lane| lane["group"].as_str().unwrap()).collect();
    assert_eq!(lanes, groups, "{}", run.stderr);
    assert_eq!(json["events"].as_array().unwrap().len(), 15);
    let times: Vec<&str> =
        json["events"].as_array().unwrap().iter().map(|event| event["time"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(
        (&json["lanes"][6]["errors"], &json["lanes"][4]["durations_ms"]),
        (&1.into(), &serde_json::json!([12.5]))
    );
    let gaps = json["gaps"].as_array().unwrap();
    assert!(gaps.len() == 1 && gaps[0]["after"] == 11, "{gaps:?}");
    let ids: Vec<(&str, u64)> = json["ids"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| (id["id"].as_str().unwrap(), id["depth"].as_u64().unwrap()))
        .collect();
    assert_eq!(ids, [(ID, 0), (TRACE, 1), (OWN, 1)]);
    assert_eq!(json["unstreamed"][0]["group"], "/shop/12-forgotten");
    assert_eq!(json["unstreamed"][0]["state"], "missing");
    run.says("/shop/12-forgotten holds it, and is not streamed (its state is missing): 1 event");
    // Written in capitals it is the same, and what it leads to is not looked for where nobody wants that.
    let upper = sandbox.logctl(&format!("trace {} --stack logctl --depth 0 -o json", ID.to_uppercase())).ok();
    assert_eq!(upper.json()["events"].as_array().unwrap().len(), 11);
    let text = trace("").ok().stdout;
    assert_eq!(text.lines().count(), 15);
    assert!(text.lines().next().unwrap().contains("\t+0.000s\t/shop/00\tinfo\t"), "{text}");
    let page = sandbox.home().join("trace.html");
    trace(&format!("--html {}", page.display())).ok().says("the page is ");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(
        page.contains("<b>/shop/12-forgotten</b> holds it") && !page.contains("http:") && !page.contains("https:"),
        "{page}"
    );
    nothing_and_too_much(&sandbox);
    searches_know_what_is_not_streamed(&sandbox);
}

/// After an audit the closing line of a search says which log groups it cannot have looked at.
fn searches_know_what_is_not_streamed(sandbox: &Sandbox) {
    let cache = sandbox.home().join("known");
    let kept = [("LOGCTL_CACHE", cache.to_str().unwrap())];
    let run = |line: &str| sandbox.run(&line.split(' ').collect::<Vec<_>>(), &kept);
    let search = "search starts OR x --stack logctl --since 1h -o json";
    assert_eq!(run(search).ok().json().get("not_streamed"), None, "nobody has looked");
    run("audit --group /shop/0*").ok();
    assert_eq!(run(search).ok().json().get("not_streamed"), None, "that was not all of them");
    run("audit").ok();
    let says = "log group is not streamed, and what /shop/12-forgotten";
    assert_eq!(run(search).ok().says(says).json()["not_streamed"]["groups"][0], "/shop/12-forgotten");
    run("search x --all -o jsonl --stack logctl --since 1h").ok().says(says);
    assert_eq!(run(&format!("{search} -g /shop/0*")).ok().json().get("not_streamed"), None);
    sandbox.run(&["backfill", "--yes"], &kept).ok();
    assert_eq!(run(search).ok().json().get("not_streamed"), None, "it is subscribed");
}

/// An id that nothing carries, one that is none, and one that thousands of events carry.
fn nothing_and_too_much(sandbox: &Sandbox) {
    let unknown = "99999999-ea42-4b16-af37-70d5a4f47fd9";
    let run = sandbox.logctl(&format!("trace {unknown} -o json")).ok().says("nothing in the index carries this id");
    assert_eq!(run.json()["events"], Value::Array(Vec::new()));
    sandbox.logctl(&format!("trace {unknown} --exit-status")).exits(8);
    // What only a log group holds that is not streamed is named all the same, however it is written there.
    sandbox.put_events("/shop/12-forgotten", &["has Foo-BAR-id-4466 here".to_owned()]);
    let run = sandbox.logctl("trace Foo-BAR-id-4466 --stack logctl -o json").ok();
    assert_eq!(run.json()["unstreamed"][0]["group"], "/shop/12-forgotten", "{}", run.stderr);
    // What does not look like an id is not followed.
    let event = |message: &str, id: &str| {
        let document = serde_json::json!({
            "@timestamp": now(), "@ingested": now(), "@log_group": "/shop/00", "@log_stream": "s", "@owner": "000000000000",
            "@region": "us-east-1", "@message": message, "@request_id": id,
        });
        format!("{{\"create\":{{}}}}\n{document}\n")
    };
    let odd = event("order TRQ-0001 starts", "????????") + &event("order TRQ-0001 goes on", "undefined");
    let put = sandbox.engine_text(
        opensearch::http::Method::Post,
        "/logctl-2026.01.01/_bulk?refresh=true",
        odd + &event("the price is undefined", "another"),
    );
    assert_eq!(put["errors"], false);
    let json = sandbox.logctl("trace TRQ-0001 -o json").ok().json();
    assert_eq!((json["events"].as_array().unwrap().len(), json["ids"].as_array().unwrap().len()), (2, 1));
    sandbox.logctl("trace '::'").exits(2).says("no letter and no digit");
    let mut lines = String::new();
    for event in 0..2_500 {
        let document = serde_json::json!({
            "@timestamp": now(), "@ingested": now(), "@log_group": "/shop/00", "@log_stream": "s", "@owner": "000000000000",
            "@region": "us-east-1", "@message": format!("tenant T-4711 event {event}"), "@ids": ["t-4711"], "@request_id": format!("r-{event:09}"),
        });
        lines += &format!("{{\"create\":{{}}}}\n{document}\n");
    }
    let put = sandbox.engine_text(opensearch::http::Method::Post, "/logctl-2026.01.01/_bulk?refresh=true", lines);
    assert_eq!(put["errors"], false);
    let run =
        sandbox.logctl("trace T-4711 -o json").exits(3).says("2,500 events carry t-4711: the newest 1,000 are shown");
    assert_eq!(
        (run.json()["events"].as_array().unwrap().len(), run.json()["ids"].as_array().unwrap().len()),
        (1_000, 1)
    );
}

/// What stands around an event: of its stream, of all groups, also where all of it happened at once.
#[test]
fn an_event_is_shown_among_others() {
    let sandbox = Sandbox::up(None);
    sandbox.logctl("bootstrap --yes").ok();
    let begin = now() - 600_000;
    let mut lines = String::new();
    for event in 0..300 {
        // Three streams take turns, and three events of each happen in one millisecond.
        let (stream, at) = (event % 3, begin + event / 9);
        let document = serde_json::json!({
            "@timestamp": at, "@ingested": at, "@log_group": format!("/shop/{}", stream / 2), "@log_stream": format!("s{stream}"),
            "@owner": "000000000000", "@region": "us-east-1", "@message": format!("event {event}"), "number": event,
        });
        lines += &format!("{{\"create\":{{\"_id\":\"e{event:05}\"}}}}\n{document}\n");
    }
    let put = sandbox.engine_text(opensearch::http::Method::Post, "/logctl-2026.01.01/_bulk?refresh=true", lines);
    assert_eq!(put["errors"], false);
    let numbers = |run: &super::sandbox::Run| -> Vec<u64> {
        let events = run.json()["events"].as_array().unwrap().clone();
        events.iter().map(|event| event["fields"]["number"].as_u64().unwrap()).collect()
    };
    let run = sandbox.logctl("context e00150 -o json -C 4").ok();
    assert_eq!(numbers(&run), [138, 141, 144, 147, 150, 153, 156, 159, 162]);
    assert_eq!((&run.json()["event"], &run.json()["before"]), (&"e00150".into(), &4.into()));
    let cursor = run.json()["events"][4]["cursor"].as_str().unwrap().to_owned();
    assert_eq!(numbers(&sandbox.logctl(&format!("context {cursor} -B 2 -o json")).ok()), [144, 147, 150]);
    let run = sandbox.logctl("context e00150 -A 3 --everywhere -o json").ok();
    assert_eq!(numbers(&run), [150, 151, 152, 153]);
    let run = sandbox.logctl("context e00150 -C 2 --everywhere -g /shop/0 -o json").ok();
    assert_eq!(numbers(&run), [147, 148, 150, 151, 153]);
    // At the ends there is less.
    assert_eq!(numbers(&sandbox.logctl("context e00000 -C 2 -o json").ok()), [0, 3, 6]);
    sandbox.logctl("context e99999").exits(5).says("no event has the id e99999");
    sandbox.logctl("context e00150 -g /shop/0").exits(2).says("add --everywhere");
    let shown = sandbox.in_terminal("context e00150 -C 1", "").stdout;
    assert!(shown.contains(" ▶") && shown.matches('▶').count() == 1, "{shown}");

    // Around what a search finds: two of one stream share an event, and one is of another.
    let found = "search number=150 OR number=156 OR number=151 -g /shop/0 --since 2h";
    let run = sandbox.logctl(&format!("{found} -C 1 -o json")).ok();
    assert_eq!(numbers(&run), [147, 150, 153, 156, 159, 148, 151, 154]);
    let matched = |json: &serde_json::Value| json["matched"].as_bool().unwrap();
    let events = run.json()["events"].as_array().unwrap().clone();
    assert_eq!(events.iter().map(matched).collect::<Vec<_>>(), [false, true, false, true, false, false, true, false]);
    assert_eq!((&run.json()["shown"], &run.json()["total"]), (&3.into(), &3.into()));
    assert_eq!(numbers(&sandbox.logctl(&format!("{found} -B 1 -o json")).ok()), [147, 150, 148, 151, 153, 156]);
    let shown = sandbox.in_terminal(&format!("{found} -A 1"), "").stdout;
    assert_eq!((shown.matches('▶').count(), shown.matches("--\r\n").count()), (3, 2), "{shown}");
    let lines = sandbox.logctl("search number=150 --since 2h -C 2 -o jsonl --compact").ok().stdout;
    assert_eq!(lines.matches(r#""matched":true"#).count(), 1, "{lines}");
    sandbox
        .logctl(&format!("{found} -C 4000"))
        .exits(2)
        .says("3 events and those around each would be more than 10,000");
    sandbox.logctl("search x -C 2 --all").exits(2).says("logctl context EVENT");
}
