//! What arrives and what lies in the bucket may be forged, and an application may write what it likes: it decides nothing about
//! anybody else. Each attack runs on the real function and a real engine.

use std::{
    collections::BTreeSet,
    io::Write as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use flate2::{Compression, write::GzEncoder};
use logctl_core::event_id::document_id;
use logctl_sink::domain::gzip;
use opensearch::http::Method;
use serde_json::{Value, json};

use super::{
    faults::{OWNER, Rig, Sent, binary, events, from, invocation, lines, metrics, payload_of, well},
    function::Function,
    proxy::{Fault, Proxy},
    sandbox::{Sandbox, now, root},
};

const DAY: i64 = 24 * 60 * 60 * 1000;

/// The documents with these ids.
fn documents(rig: &Rig, ids: &BTreeSet<String>) -> Vec<Value> {
    rig.sandbox.engine(Method::Post, "/_refresh", None);
    let ids: Vec<_> = ids.iter().map(|id| document_id(id)).collect();
    let query = json!({"size": 1_000, "query": {"ids": {"values": ids}}});
    let found = rig.sandbox.engine(Method::Post, "/_search", Some(query));
    found["hits"]["hits"].as_array().unwrap_or_else(|| panic!("{found}")).clone()
}

/// Names of fields that quote what an engine says when it refuses: they are refused for themselves alone.
#[test]
fn a_field_that_is_called_like_a_refusal_decides_nothing() {
    for engine in [None, Some("opensearch-2.19")] {
        let rig = Rig::new(engine);
        let mut function = rig.function();
        let mut sent = Sent::default();
        let mut deliver = |group: &str, message: String| {
            let (event, ids) = from(group, &[message], &[now()]);
            sent.ids.extend(ids.clone());
            well(&function.invoke(&event));
            (metrics(&function), documents(&rig, &ids)[0]["_source"].clone())
        };
        deliver("/victim", r#"{"status":500}"#.to_owned());
        let hostile = [
            "maximum shards",
            "Existing mapping for [status]",
            "status] of type [keyword",
            "Validation Failed: 1: this action would add [2] total shards",
            "failed to parse field [status]",
        ];
        for name in hostile {
            for value in [json!("x"), json!({"deep": 1}), json!([1, {"a": 1}]), json!("y")] {
                let (line, source) = deliver("/hostile", json!({name: value, "status": 7}).to_string());
                assert_eq!((&line["Outage"], &line["CircuitOpen"]), (&json!(0), &json!(0)), "{engine:?} {name}");
                assert_eq!(source["status"], 7, "{engine:?} {name}: {source}");
            }
        }
        let (line, source) = deliver("/victim", r#"{"status":404}"#.to_owned());
        assert_eq!((&line["Degraded"], &source["status"]), (&json!(0), &json!(404)), "{engine:?}");
        // What one group has taught says nothing of another.
        deliver("/hostile", r#"{"shape":"x"}"#.to_owned());
        deliver("/hostile", r#"{"shape":{"y":1}}"#.to_owned());
        let (line, source) = deliver("/victim", r#"{"shape":"z"}"#.to_owned());
        assert_eq!((&line["Degraded"], &source["shape"]), (&json!(0), &json!("z")), "{engine:?}");
        assert_eq!(rig.account_for("names that quote", &sent), 0);
    }
}

/// One object that the engine answers oddly is set aside by name. The others are indexed, and so is what arrives.
#[test]
fn an_object_that_is_answered_oddly_stops_nobody() {
    let mut rig = Rig::new(None);
    rig.bucket = rig.sandbox.bucket_of("logctl-deadletters");
    let mut function = rig.function();
    let mut sent = Sent::default();
    rig.engine.always("_bulk", Fault::Answer(503, "text/html", "<html>"));
    for _ in 0..4 {
        let (event, ids) = events(&lines(5));
        sent.ids.extend(ids);
        well(&function.invoke(&event));
    }
    let keys = rig.sandbox.keys(&rig.bucket);
    assert_eq!(keys.len(), 4);
    let odd = Fault::Answer(200, "application/json", r#"{"took":1,"errors":false,"items":[]}"#);
    rig.engine.next("_bulk", &[odd]);
    let mut other = rig.function();
    well(&other.invoke("\"redrive\""));
    assert_eq!(rig.engine.broken(), 1);
    let line = metrics(&other);
    assert_eq!((&line["RedriveSetAside"], &line["RedrivenObjects"]), (&json!(1), &json!(3)), "{line}");
    let aside = format!("aside/{}", keys[0]);
    assert_eq!(rig.sandbox.keys(&rig.bucket), std::slice::from_ref(&aside));
    let (event, ids) = events(&lines(5));
    sent.ids.extend(ids);
    well(&other.invoke(&event));
    assert_eq!((&metrics(&other)["CircuitOpen"], &metrics(&other)["Indexed"]), (&json!(0), &json!(5)));
    assert_eq!(rig.account_for("an odd answer", &sent), 5);
    // A person sees why, and has it indexed.
    let dry = rig.sandbox.logctl("replay --dry-run").ok();
    dry.says(&format!("{aside} was set aside: the domain answered 200 OK:")).prints("outage\t5\t");
    rig.sandbox.logctl("replay --yes").ok().says("indexed 5 dead letters");
    assert_eq!(rig.account_for("an odd answer, replayed", &sent), 0);
    assert_eq!(rig.sandbox.keys(&rig.bucket), Vec::<String>::new());
}

/// What is no object of the forwarder is set aside as well, and so is one that is too large to be read; what lies behind them is
/// indexed, in the memory that the function has.
#[test]
fn objects_that_nobody_can_read_stop_nobody() {
    let mut rig = Rig::new(None);
    rig.bucket = rig.sandbox.bucket_of("logctl-deadletters");
    let put = |key: &str, body: Vec<u8>| rig.sandbox.put_object(&rig.bucket, key, body);
    let mut gzip_of_one_line = GzEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..700 {
        gzip_of_one_line.write_all(&vec![b'x'; 1 << 20]).unwrap();
    }
    put("outage/2000-01-01/0-line.ndjson.gz", gzip_of_one_line.finish().unwrap());
    put("outage/2000-01-01/1-large.ndjson.gz", vec![b'x'; 17 << 20]);
    put("outage/2000-01-01/2-notes.txt", b"notes of a person".to_vec());
    put("aws/lambda/async/f/2000/01/01/2000-01-01T00.00.00-x", b"{}".to_vec());
    rig.engine.always("_bulk", Fault::Answer(503, "text/html", "<html>"));
    let (event, ids) = events(&lines(5));
    let sent = Sent { ids, ..Sent::default() };
    well(&rig.function().invoke(&event));
    rig.engine.heal();
    let (_, survey) = rig.sandbox.measured("replay --dry-run", &[]);
    assert!(survey < 100 << 20, "{survey}");
    let mut function = rig.patient_function();
    well(&function.invoke("\"redrive\""));
    assert!(function.peak_memory() < 128 << 20, "{}", function.peak_memory());
    assert_eq!(metrics(&function)["RedriveSetAside"], 4);
    let aside = rig.sandbox.keys(&rig.bucket);
    assert!(aside.len() == 4 && aside.iter().all(|key| key.starts_with("aside/")), "{aside:?}");
    assert_eq!(rig.indexed(&sent.ids).len(), 5);
    let dry = rig.sandbox.logctl("replay --dry-run").exits(3);
    dry.says("aside/outage/2000-01-01/0-line.ndjson.gz was set aside: ").says("a line of it is longer than");
}

/// An object that ends its reader is remembered before it is read, and not read again.
#[test]
fn an_object_that_kills_its_reader_is_set_aside() {
    let rig = Rig::new(None);
    let mut sent = Sent::default();
    rig.engine.always("_bulk", Fault::Answer(503, "text/html", "<html>"));
    for _ in 0..2 {
        let (event, ids) = events(&lines(5));
        sent.ids.extend(ids);
        well(&rig.function().invoke(&event));
    }
    let keys = rig.sandbox.keys(&rig.bucket);
    rig.engine.next("_bulk", &[Fault::Hang]);
    let begun = Instant::now();
    let limit = Duration::from_secs(24);
    let mut killed = Function::start(&binary(), rig.variables(), limit);
    killed.begin("\"redrive\"");
    let mark = format!("reading/{}", keys[0]);
    Sandbox::eventually("it is being read", || rig.sandbox.keys(&rig.bucket).contains(&mark));
    Sandbox::eventually("its events are on their way", || rig.engine.broken() == 1);
    killed.kill();
    // As long as its reader may live it is left alone, and the one behind it is not kept waiting.
    rig.engine.heal();
    let mut function = rig.function();
    well(&function.invoke("\"redrive\""));
    assert_eq!(rig.sandbox.keys(&rig.bucket), [keys[0].clone(), mark]);
    std::thread::sleep(limit.saturating_sub(begun.elapsed()) + Duration::from_secs(1));
    well(&function.invoke("\"redrive\""));
    assert_eq!(rig.sandbox.keys(&rig.bucket), [format!("aside/{}", keys[0])]);
    assert_eq!(rig.account_for("a reader was killed", &sent), 5);
}

/// Payloads that CloudWatch did not send.
#[test]
fn a_forged_payload_speaks_for_nobody() {
    let rig = Rig::new(None);
    let mut function = rig.function();
    let event = |id: &str| json!([{"id": id, "timestamp": now(), "message": "forged"}]).to_string();
    let own = "/aws/lambda/logctl-faults-forwarder";
    let filters: Vec<String> =
        std::iter::once("theirs".to_owned()).chain((0..1_000).map(|n| format!("f{n}"))).collect();
    let elsewhere = "arn:aws:lambda:us-east-1:000000000000:function:logctl-logctl-forwarder";
    rig.sandbox.create_group(own);
    rig.sandbox.put_filter(own, "theirs", elsewhere);

    for (row, owner, group, id) in [
        ("of another account", "999999999999", "/a", "1"),
        ("of no account", "", "/a", "2"),
        ("a group that cannot be", OWNER, "/a b", "3"),
    ] {
        well(&function.invoke(&invocation(&payload_of(owner, group, &json!(["f"]), &event(id)))));
        assert_eq!(metrics(&function)["Rejected"], 1, "{row}");
    }
    well(&function.invoke(&invocation(&payload_of(OWNER, "/a", &json!(["f"]), &event("../_mapping")))));
    assert_eq!(metrics(&function)["Undecodable"], 1);
    let letters = rig.letters();
    assert_eq!(letters.len(), 4);
    assert_eq!(letters.iter().filter(|letter| letter["payload"].is_string()).count(), 3, "kept whole");

    // Its own log names filters that it may not touch.
    let before = rig.aws.signers().values().sum::<usize>();
    well(&function.invoke(&invocation(&payload_of(OWNER, own, &json!(filters), &event("4")))));
    let line = metrics(&function);
    assert_eq!((&line["Loops"], &line["LoopFiltersDeleted"]), (&json!(1), &json!(0)));
    assert_eq!(rig.sandbox.filters_of(own), [("theirs".to_owned(), elsewhere.to_owned())]);
    assert!(rig.aws.signers().values().sum::<usize>() - before <= 5, "a few filters are looked at");

    // The same on the way back out of the bucket.
    let letter = |owner: &str, group: &str, id: &str| {
        let origin = json!({"owner": owner, "region": "r", "logGroup": group, "logStream": "s"});
        let event = json!({"id": id, "timestamp": now(), "message": "forged"});
        let letter =
            json!({"kind": "outage", "reason": "r", "at": now(), "attempts": 1, "origin": origin, "event": event});
        gzip(format!("{letter}\n").as_bytes())
    };
    rig.sandbox.put_object(&rig.bucket, "outage/2026-01-01/1-a.ndjson.gz", letter("999999999999", "/a", "5"));
    rig.sandbox.put_object(&rig.bucket, "outage/2026-01-01/2-b.ndjson.gz", letter(OWNER, own, "6"));
    rig.sandbox.put_object(&rig.bucket, "outage/2026-01-01/3-c.ndjson.gz", letter(OWNER, "/a", "7"));
    well(&function.invoke("\"redrive\""));
    let line = metrics(&function);
    assert_eq!(
        (&line["Redriven"], &line["RedriveOwn"], &line["Rejected"]),
        (&json!(1), &json!(1), &json!(1)),
        "{line}"
    );
    let all: BTreeSet<String> = (1..=7).map(|id| id.to_string()).collect();
    assert_eq!(rig.indexed(&all).into_keys().collect::<Vec<_>>(), ["7"]);
    assert_eq!(rig.letters().len(), 5);
}

/// A group that is only named like one of ours is nobody's but its own.
#[test]
fn own_means_what_exists() {
    let sandbox = Sandbox::up(None);
    let domain = json!({"DomainName": "logs", "LogPublishingOptions": {"INDEX_SLOW_LOGS": {
        "CloudWatchLogsLogGroupArn": format!("arn:aws:logs:us-east-1:{OWNER}:log-group:/domains/slow:*"), "Enabled": true}}});
    sandbox.signed("es", hyper::Method::POST, "/2021-01-01/opensearch/domain", domain.to_string());
    let groups = ["/aws/lambda/logctl-billing-domain", "/domains/slow", "/shop/orders"];
    for group in groups {
        sandbox.create_group(group);
    }
    let arn = format!("arn:aws:es:us-east-1:{OWNER}:domain/logs");
    sandbox.logctl(&format!("bootstrap --yes --domain-arn {arn}")).ok();
    let endpoint = sandbox.endpoint();
    sandbox.logctl(&format!("bootstrap --yes --stack other --domain-arn {arn} --endpoint {endpoint}")).ok();
    sandbox
        .logctl("audit")
        .prints("/aws/lambda/logctl-billing-domain\tmissing")
        .prints("/domains/slow\town\tthe search domain publishes its own logs there")
        .prints("/aws/lambda/logctl-other-forwarder\town\tbelongs to a logctl function");
    sandbox.logctl("backfill --yes").ok();
    let since = now();
    for group in groups {
        sandbox.put_events(group, &["one".to_owned()]);
    }
    let ids = sandbox.event_ids(groups[0], since).into_iter().chain(sandbox.event_ids(groups[2], since)).collect();
    Sandbox::eventually("both are indexed", || sandbox.indexed(since).into_keys().collect::<BTreeSet<_>>() == ids);

    // As they come into being: one that may become a function's is put off, the domain's own is left alone.
    let log = "/aws/lambda/logctl-logctl-subscriber";
    for (group, outcome) in [("/aws/lambda/logctl-new-domain", "put off"), ("/domains/slow", "own")] {
        if group == "/domains/slow" {
            sandbox.delete_group(group);
        }
        sandbox.create_group(group);
        let line = format!(r#"{{"group":"{group}","outcome":"{outcome}"}}"#);
        Sandbox::eventually(outcome, || sandbox.messages(log, since).contains(&line));
        assert!(sandbox.filters_of(group).is_empty());
    }
}

/// Times far off, in a few lines: they make one index, and each event has the same one on every way.
#[test]
fn an_event_has_one_index_on_every_way() {
    let rig = Rig::new(None);
    let mut function = rig.function();
    let indices = || {
        let all = rig.sandbox.engine(Method::Get, "/_cat/indices/logctl-*?format=json&h=index", None);
        let names = all.as_array().unwrap().iter().map(|index| index["index"].as_str().unwrap().to_owned());
        names.collect::<BTreeSet<_>>()
    };
    let times: Vec<i64> = (0..56).map(|n| now() + if n % 2 == 0 { -(70 + n * 97) } else { 4 + n * 31 } * DAY).collect();
    let (event, ids) = from("/far", &lines(56), &times);
    let mut sent = Sent { ids, ..Sent::default() };
    well(&function.invoke(&event));
    assert_eq!(indices().into_iter().collect::<Vec<_>>(), ["logctl-outliers"]);

    // Live, out of a letter, and out of the record that Lambda makes of an invocation that failed.
    let times: Vec<i64> = [0, 1, 13, 30, 61, 70, 400].map(|days| now() - days * DAY).to_vec();
    let (event, ids) = from("/ways", &lines(times.len()), &times);
    sent.ids.extend(ids);
    well(&function.invoke(&event));
    let record = json!({
        "version": "1.0", "timestamp": "2019-11-14T18:16:05.568Z",
        "requestPayload": serde_json::from_str::<Value>(&event).unwrap(),
    });
    let key = "aws/lambda/async/f/2026/01/01/2026-01-01T00.00.00-x";
    rig.sandbox.put_object(&rig.bucket, key, record.to_string().into_bytes());
    well(&function.invoke("\"redrive\""));
    let line = metrics(&function);
    assert_eq!((&line["Redriven"], &line["RedrivenDuplicates"]), (&json!(0), &json!(times.len())), "{line}");
    rig.engine.always("_bulk", Fault::Answer(503, "text/html", "<html>"));
    well(&rig.function().invoke(&event));
    rig.engine.heal();
    well(&rig.function().invoke("\"redrive\""));
    assert_eq!(indices().len(), 6, "{:?}", indices());
    assert_eq!(rig.account_for("every way", &sent), 0);
}

/// A payload of a few hundred kilobytes that becomes a million events.
#[test]
fn what_expands_is_held_in_the_memory_that_there_is() {
    let rig = Rig::new(None);
    let mut function = rig.patient_function();
    let tiny = r#"{"id":"1","timestamp":1,"message":""},"#;
    let many = tiny.repeat((63 << 20) / tiny.len());
    let many = invocation(&payload_of(OWNER, "/many", &json!([]), &format!("[{}]", many.trim_end_matches(','))));
    assert!(many.len() < 1 << 20, "{}", many.len());
    let long = format!(r#"[{{"id":"1","timestamp":1,"message":"{}"}}]"#, "x".repeat(60 << 20));
    let long = invocation(&payload_of(OWNER, "/long", &json!([]), &long));
    let mut sent = Sent::default();
    for (row, event) in [("many", many), ("long", long)] {
        well(&function.invoke(&event));
        sent.undecodable
            .insert(serde_json::from_str::<Value>(&event).unwrap()["awslogs"]["data"].as_str().unwrap().into());
        rig.account_for(row, &sent);
        assert!(function.peak_memory() < 128 << 20, "{row}: {}", function.peak_memory());
    }
    // As many as there may be are indexed, the rest is left to the bucket where the time is over.
    let (event, ids) = events(&vec![String::new(); 200_000]);
    let all = Sent { ids, undecodable: sent.undecodable };
    well(&function.invoke(&event));
    rig.account_for("200,000 at once", &all);
    assert!(function.peak_memory() < 128 << 20, "{}", function.peak_memory());
}

/// Somebody who has keys to the bucket and no other right can read it, and change nothing: not there, not in an index, not a
/// filter.
#[test]
fn keys_to_the_bucket_are_keys_to_nothing_else() {
    let sandbox = Sandbox::up(None);
    sandbox.create_group("/shop/orders");
    sandbox.logctl("bootstrap --yes").ok();
    sandbox.logctl("backfill --yes").ok();
    let bucket = sandbox.bucket_of("logctl-deadletters");
    let since = now();
    sandbox.put_events("/shop/orders", &["order 1".to_owned()]);
    Sandbox::eventually("it is indexed", || sandbox.indexed(since).len() == 1);
    let (id, _) = sandbox.indexed(since).pop_first().unwrap();
    let key = "outage/2026-01-01/1-x.ndjson.gz";
    sandbox.put_object(&bucket, key, gzip(b"{}"));
    // Whoever may change the bucket's policy may of course change who writes.
    let everything = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:GetObject*", "s3:PutObject*", "s3:DeleteObject*", "s3:ListBucket*"], "Resource": [format!("arn:aws:s3:::{bucket}"), format!("arn:aws:s3:::{bucket}/*")]},
    ]});
    let config = sandbox.user("mallory", &everything);
    let s3 = aws_sdk_s3::Client::new(&config);
    let logs = aws_sdk_cloudwatchlogs::Client::new(&config);
    assert!(sandbox.wait(s3.get_object().bucket(&bucket).key(key).send()).is_ok(), "they are good keys");

    let forged = json!({"kind": "outage", "reason": "r", "at": since, "attempts": 1, "index": "logctl-2026.01.01",
        "origin": {"owner": OWNER, "region": "r", "logGroup": "/shop/orders", "logStream": "s"},
        "event": {"id": id, "timestamp": since, "message": "forged"}});
    let body = gzip(format!("{forged}\n").as_bytes());
    for key in [
        "outage/2026-01-01/2-x.ndjson.gz",
        "rejected/2026-01-01/2-x.ndjson.gz",
        "aws/lambda/async/f/x",
        "aside/x",
        "reading/x",
    ] {
        let put = s3.put_object().bucket(&bucket).key(key).body(body.clone().into()).send();
        let error = sandbox.wait(put).unwrap_err();
        assert_eq!(error.code(), Some("AccessDenied"), "{key}: {error:?}");
    }
    let copy = s3.copy_object().bucket(&bucket).key("outage/copy").copy_source(format!("{bucket}/{key}")).send();
    assert!(sandbox.wait(copy).is_err());
    assert!(sandbox.wait(s3.delete_object().bucket(&bucket).key(key).send()).is_err());
    let delete = logs.delete_subscription_filter().log_group_name("/shop/orders").filter_name("logctl-logctl").send();
    assert!(sandbox.wait(delete).is_err());
    assert_eq!(sandbox.keys(&bucket), [key]);
    assert_eq!(sandbox.filters_of("/shop/orders").len(), 1);

    // And if such a letter lay there all the same, the event that is indexed already stays as it is.
    let today = jiff::Timestamp::from_millisecond(since).unwrap().strftime("logctl-%Y.%m.%d").to_string();
    let forged = json!({"index": today, "kind": "rejected", "reason": "r", "at": since, "attempts": 1,
        "origin": forged["origin"], "event": forged["event"]});
    sandbox.put_object(&bucket, "rejected/2026-01-01/3-x.ndjson.gz", gzip(format!("{forged}\n").as_bytes()));
    sandbox.logctl("replay --yes --kind rejected").says("1 had been indexed before");
    let found = sandbox.engine(
        Method::Post,
        "/logctl-*/_search",
        Some(json!({"query": {"ids": {"values": [document_id(&id)]}}})),
    );
    assert_eq!(found["hits"]["hits"][0]["_source"]["@message"], "order 1");
}

/// LogGroupCreated as it is shipped, by hand, in front of an AWS that breaks.
fn subscriber(sandbox: &Sandbox, aws: &Proxy) -> Function {
    let queue =
        sandbox.signed("sqs", hyper::Method::POST, "/?Action=GetQueueUrl&QueueName=logctl-logctl-looks", String::new());
    let queue = logctl_sink::aws::xml::texts(&queue, "QueueUrl").next().unwrap();
    let binary: PathBuf = root().join("target/dist/log_group_created");
    let variables = [
        ("LOGCTL_STACK", "logctl".to_owned()),
        ("LOGCTL_FORWARDER", format!("arn:aws:lambda:us-east-1:{OWNER}:function:logctl-logctl-forwarder")),
        ("LOGCTL_LOOKS", queue),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ENDPOINT_URL", aws.url.clone()),
    ];
    let variables = variables.into_iter().chain(sandbox.session_of("logctl-logctl-us-east-1-subscriber"));
    Function::start(&binary, variables, Duration::from_secs(20))
}

/// The first minutes of groups are complete, whatever fails on the way.
#[test]
fn first_minutes_are_complete() {
    let sandbox = Sandbox::up(None);
    let since = now();
    let messages: Vec<String> = (0..20).map(|n| format!("first {n}")).collect();
    let before = ["/first/once", "/first/twice", "/first/late", "/first/denied"];
    for group in before {
        sandbox.create_group(group);
        sandbox.put_events(group, &messages);
    }
    sandbox.logctl("bootstrap --yes").ok();
    let aws = Proxy::start(sandbox.aws_endpoint());
    let created = |group: &str, ago: i64| {
        let time = jiff::Timestamp::from_millisecond(now() - ago).unwrap().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        json!({"detail": {"eventTime": time, "requestParameters": {"logGroupName": group}}}).to_string()
    };
    let denied = Fault::Answer(403, "application/json", r#"{"__type":"AccessDeniedException","message":"no"}"#);
    let mut function = subscriber(&sandbox, &aws);
    let complete = |group: &str| {
        let ids = sandbox.event_ids(group, since);
        assert_eq!(ids.len() % 20, 0);
        Sandbox::eventually(group, || {
            let indexed = sandbox.indexed(since);
            ids.iter().all(|id| indexed.get(id) == Some(&1))
        });
    };

    for (group, failures) in [("/first/once", 1), ("/first/twice", 2)] {
        aws.next("/invocations", &vec![denied.clone(); failures]);
        for _ in 0..failures {
            let ended = function.invoke(&created(group, 0));
            assert!(
                matches!(&ended, super::function::Ended::Badly(error) if error.contains("NotHandedOver")),
                "{ended:?}"
            );
        }
        well(&function.invoke(&created(group, 0)));
        complete(group);
    }
    well(&function.invoke(&created("/first/late", 60 * 60 * 1000)));
    complete("/first/late");
    aws.next("DescribeAccountPolicies", &[denied]);
    well(&function.invoke(&created("/first/denied", 0)));
    assert!(
        function.last_line().contains(r#""unread":{"account_policy":"AccessDeniedException"#),
        "{}",
        function.last_line()
    );
    complete("/first/denied");

    // Forty at once, by way of the rule. While they are subscribed they go on writing.
    let groups: Vec<String> = (0..40).map(|n| format!("/first/of-forty/{n}")).collect();
    for group in &groups {
        sandbox.create_group(group);
        sandbox.put_events(group, &messages);
    }
    for group in &groups {
        sandbox.put_events(group, &messages);
    }
    for group in &groups {
        complete(group);
    }
    // A minute later they are looked at once more.
    let log = "/aws/lambda/logctl-logctl-subscriber";
    let twice = |group: &str| {
        let line = format!(r#""group":"{group}""#);
        sandbox.messages(log, since).iter().filter(|message| message.contains(&line)).count() >= 2
    };
    let end = Instant::now() + Duration::from_mins(3);
    while !groups.iter().all(|group| twice(group)) {
        assert!(Instant::now() < end, "not looked at twice");
        std::thread::sleep(Duration::from_secs(2));
    }
    assert!(sandbox.indexed(since).values().all(|number| *number == 1));
}
