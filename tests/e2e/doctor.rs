//! Each link of the chain is broken once, and named.

use std::time::{Duration, Instant};

use hyper::Method;
use opensearch::http::Method as EngineMethod;
use serde_json::{Value, json};

use super::{
    proxy::{Fault, Proxy},
    sandbox::{Sandbox, now},
};

/// What `doctor` says, with this exit code: link → status.
fn doctor(sandbox: &Sandbox, code: i32) -> Vec<(String, String)> {
    let run = sandbox.logctl("doctor -o json").exits(code);
    let report = run.json();
    let checks = report["checks"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    checks.map(|check| (text(&check["id"]), text(&check["status"]))).collect()
}

/// The links that are broken.
fn broken(sandbox: &Sandbox) -> Vec<String> {
    let checks = doctor(sandbox, 8).into_iter();
    checks.filter(|(_, status)| status == "broken").map(|(id, _)| id).collect()
}

/// Takes away whom a function's policy lets in, by the service's name; returns the way back.
fn shut_out(sandbox: &Sandbox, function: &str, service: &str) -> impl Fn() {
    let path = format!("/2015-03-31/functions/{function}/policy");
    let policy: Value = serde_json::from_str(&sandbox.signed("lambda", Method::GET, &path, String::new())).unwrap();
    let policy: Value = serde_json::from_str(policy["Policy"].as_str().unwrap()).unwrap();
    let statements = policy["Statement"].as_array().unwrap().clone();
    let theirs: Vec<Value> =
        statements.into_iter().filter(|it| it["Principal"]["Service"].as_str().unwrap().starts_with(service)).collect();
    for statement in &theirs {
        let sid = statement["Sid"].as_str().unwrap();
        sandbox.signed("lambda", Method::DELETE, &format!("{path}/{sid}"), String::new());
    }
    move || {
        for statement in &theirs {
            let back = json!({
                "StatementId": statement["Sid"], "Action": "lambda:InvokeFunction",
                "Principal": statement["Principal"]["Service"],
                "SourceArn": statement["Condition"]["ArnLike"]["AWS:SourceArn"],
            });
            sandbox.signed("lambda", Method::POST, &path, back.to_string());
        }
    }
}

#[test]
fn each_broken_link_is_named() {
    let sandbox = Sandbox::up(None);
    sandbox.logctl("doctor").exits(5).says("logctl bootstrap");
    sandbox.logctl("bootstrap --yes").ok();
    let healthy = doctor(&sandbox, 0);
    assert!(healthy.iter().all(|(_, status)| status == "ok"), "{healthy:?}");
    sandbox.logctl("doctor").ok().prints("ok\trule\trule logctl-logctl-created is on").says("checks passed");

    let events = |operation: &str, input: Value| {
        sandbox.json_call("events", &format!("AWSEvents.{operation}"), &input);
    };
    let created = "logctl-logctl-created";
    events("DisableRule", json!({"Name": created}));
    assert_eq!(broken(&sandbox), ["rule"]);
    sandbox.logctl("doctor").exits(8).says("rule logctl-logctl-created is disabled");
    events("EnableRule", json!({"Name": created}));

    events("RemoveTargets", json!({"Rule": created, "Ids": ["subscriber"]}));
    assert_eq!(broken(&sandbox), ["rule"]);
    let subscriber = "arn:aws:lambda:us-east-1:000000000000:function:logctl-logctl-subscriber";
    events("PutTargets", json!({"Rule": created, "Targets": [{"Id": "subscriber", "Arn": subscriber}]}));

    let back = shut_out(&sandbox, "logctl-logctl-subscriber", "events.");
    assert_eq!(broken(&sandbox), ["rule"]);
    back();

    events("DisableRule", json!({"Name": "logctl-logctl-redrive"}));
    assert_eq!(broken(&sandbox), ["redrive"]);
    events("EnableRule", json!({"Name": "logctl-logctl-redrive"}));

    let back = shut_out(&sandbox, "logctl-logctl-forwarder", "logs.");
    assert_eq!(broken(&sandbox), ["permission"]);
    sandbox
        .logctl("doctor")
        .exits(8)
        .says("aws lambda add-permission --region us-east-1 --function-name logctl-logctl-forwarder");
    back();

    sandbox.engine(EngineMethod::Delete, "/_index_template/logctl-logctl", None);
    assert_eq!(broken(&sandbox), ["template"]);
    sandbox.logctl("doctor").exits(8).says("logctl bootstrap --set-up");
    sandbox.logctl("bootstrap --yes --set-up").ok();

    let looks = sandbox.signed("lambda", Method::GET, "/2015-03-31/event-source-mappings/", String::new());
    let looks: Value = serde_json::from_str(&looks).unwrap();
    let looks =
        format!("/2015-03-31/event-source-mappings/{}", looks["EventSourceMappings"][0]["UUID"].as_str().unwrap());
    sandbox.signed("lambda", Method::PUT, &looks, json!({"Enabled": false}).to_string());
    assert_eq!(broken(&sandbox), ["looks"]);
    sandbox.signed("lambda", Method::PUT, &looks, json!({"Enabled": true}).to_string());

    let copies = "/2017-10-31/functions/logctl-logctl-forwarder/concurrency";
    sandbox.signed("lambda", Method::PUT, copies, json!({"ReservedConcurrentExecutions": 0}).to_string());
    assert_eq!(broken(&sandbox), ["forwarder"]);
    sandbox.logctl("doctor --probe").exits(8).prints("no event was sent: what is broken comes first");
    sandbox.signed("lambda", Method::DELETE, copies, String::new());
    assert!(doctor(&sandbox, 0).iter().all(|(_, status)| status == "ok"));

    let memory = json!({"MemorySize": 512}).to_string();
    let configuration = "/2015-03-31/functions/logctl-logctl-forwarder/configuration";
    sandbox.signed("lambda", Method::PUT, configuration, memory);
    sandbox.logctl("doctor").ok();
    let drifted = sandbox.logctl("doctor --drift").exits(8);
    drifted
        .prints("broken\tdrift\t1 thing changed by hand: LogsForwarder (/MemorySize)")
        .says("logctl bootstrap --revert-drift");
    sandbox.logctl("bootstrap --yes --revert-drift").ok();
    sandbox.logctl("doctor --drift").ok();

    // A function that sends elsewhere, a rule that fires never, a permission for some groups only.
    let found: Value =
        serde_json::from_str(&sandbox.signed("lambda", Method::GET, configuration, String::new())).unwrap();
    let mut variables = found["Environment"]["Variables"].clone();
    variables["LOGCTL_ENDPOINT"] = json!("https://elsewhere.example");
    let put = |variables: &Value| {
        let change = json!({"Environment": {"Variables": variables}}).to_string();
        sandbox.signed("lambda", Method::PUT, configuration, change);
    };
    put(&variables);
    sandbox.logctl("doctor").exits(8).prints("runs with another LOGCTL_ENDPOINT than the stack has given it");
    put(&found["Environment"]["Variables"]);
    let redrive = |rate: &str| json!({"Name": "logctl-logctl-redrive", "State": "ENABLED", "ScheduleExpression": rate});
    events("PutRule", redrive("rate(365 days)"));
    sandbox.logctl("doctor").exits(8).prints("fires at rate(365 days), and not at rate(2 minutes)");
    events("PutRule", redrive("rate(2 minutes)"));
    let back = shut_out(&sandbox, "logctl-logctl-forwarder", "logs.");
    let some = json!({
        "StatementId": "some", "Action": "lambda:InvokeFunction", "Principal": "logs.amazonaws.com",
        "SourceArn": "arn:aws:logs:us-east-1:000000000000:log-group:any:*",
    });
    let policy = "/2015-03-31/functions/logctl-logctl-forwarder/policy";
    sandbox.signed("lambda", Method::POST, policy, some.to_string());
    sandbox.logctl("doctor").exits(8).prints("may not invoke the forwarder for every log group");
    sandbox.signed("lambda", Method::DELETE, &format!("{policy}/some"), String::new());
    back();
    assert!(doctor(&sandbox, 0).iter().all(|(_, status)| status == "ok"));
    let queue =
        sandbox.signed("sqs", Method::POST, "/?Action=GetQueueUrl&QueueName=logctl-logctl-looks", String::new());
    let queue = logctl_sink::aws::xml::texts(&queue, "QueueUrl").next().unwrap();
    sandbox.json_call("sqs", "AmazonSQS.DeleteQueue", &json!({"QueueUrl": queue}));
    assert_eq!(broken(&sandbox), ["looks"]);
    sandbox.logctl("doctor --stack logctl").exits(8).says("logctl bootstrap --stack logctl --revert-drift");

    sandbox.delete_trail();
    assert_eq!(broken(&sandbox), ["trail", "looks"]);

    sandbox.signed("lambda", Method::DELETE, "/2015-03-31/functions/logctl-logctl-forwarder", String::new());
    let found = broken(&sandbox);
    assert!(found.contains(&"forwarder".to_owned()), "{found:?}");
    sandbox.stop_engine();
    let found = broken(&sandbox);
    assert!(found.contains(&"domain".to_owned()), "{found:?}");
}

#[test]
fn an_event_takes_the_whole_way_or_it_is_said_who_had_it_last() {
    let sandbox = Sandbox::up(None);
    let engine = Proxy::start(sandbox.endpoint());
    sandbox.logctl(&format!("bootstrap --yes --endpoint {} --include /shop/*", engine.url)).ok();
    let begun = Instant::now();
    let run = sandbox.logctl("doctor --probe").ok();
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    run.prints("ok\taccess\tthe forwarder has indexed an event in")
        .prints("ok\tprobe\tan event was searchable")
        .prints("ok\tids\tits id in the index is that of CloudWatch Logs");
    let probes = || sandbox.groups().into_iter().filter(|group| group.starts_with("/logctl/")).count();
    assert_eq!(probes(), 0);
    let left = || {
        let found = sandbox.engine(EngineMethod::Post, "/logctl-*/_refresh", None);
        assert!(found["_shards"]["failed"] == 0);
        sandbox.engine(EngineMethod::Post, "/logctl-*/_count", Some(json!({"query": {"match_all": {}}})))["count"]
            .clone()
    };
    assert_eq!(left(), 0, "what came of it is removed, too");

    // The domain refuses what the forwarder sends.
    engine.always("_bulk", Fault::Answer(403, "application/json", r#"{"message": "not this role"}"#));
    sandbox
        .logctl("doctor --probe --wait 3s")
        .exits(8)
        .prints("broken\taccess\tthe forwarder could not index an event: ")
        .prints("the forwarder had it last, and keeps it as a dead letter: ")
        .prints("not this role");
    engine.heal();
    sandbox.signed(
        "lambda",
        Method::POST,
        "/2015-03-31/functions/logctl-logctl-forwarder/invocations",
        "\"redrive\"".to_owned(),
    );

    // The domain takes it, and does not show it.
    engine.always("_search", Fault::Answer(200, "application/json", r#"{"hits": {"hits": []}}"#));
    sandbox
        .logctl("doctor --probe --wait 3s")
        .exits(8)
        .prints("the domain had it last, which does not show what the forwarder has indexed either");
    engine.heal();

    // The rule looks for something else: that is seen before anything is sent.
    let rule = |pattern: Value| json!({"Name": "logctl-logctl-created", "State": "ENABLED", "EventPattern": pattern.to_string()});
    let described = json!({"Name": "logctl-logctl-created"});
    let target = "AWSEvents.PutRule";
    let before = sandbox.json_call("events", "AWSEvents.DescribeRule", &described);
    sandbox.json_call("events", target, &rule(json!({"source": ["aws.none"]})));
    sandbox
        .logctl("doctor --probe --wait 2s")
        .exits(8)
        .prints("broken\trule\trule logctl-logctl-created looks for something else than new log groups")
        .prints("no event was sent");
    let before: Value = serde_json::from_str(before["EventPattern"].as_str().unwrap()).unwrap();
    sandbox.json_call("events", target, &rule(before));

    // The subscriber may not do what it is there for.
    sandbox.iam("Action=DeleteRolePolicy&RoleName=logctl-logctl-us-east-1-subscriber&PolicyName=subscriber");
    let run = sandbox.logctl("doctor --probe --wait 4s").exits(8);
    run.prints("the subscriber had it last, and says: ").prints("NotSubscribed");
    assert_eq!(probes(), 0);
}

#[test]
fn why_says_what_keeps_a_group_out() {
    let sandbox = Sandbox::up(None);
    for group in ["/shop/orders", "/shop/conflict", "/skip/this", "/skip/leak", "/drifted", "/new"] {
        sandbox.create_group(group);
    }
    sandbox.create_group_of_class("/cold", "INFREQUENT_ACCESS");
    sandbox.logctl("why /shop/orders").exits(8).says("there is no stack logctl");
    sandbox.logctl("bootstrap --yes --exclude /skip/*").ok();
    let forwarder = "arn:aws:lambda:us-east-1:000000000000:function:logctl-logctl-forwarder";
    let theirs = "arn:aws:kinesis:us-east-1:000000000000:stream/theirs";
    sandbox.put_filter("/shop/conflict", "logctl-logctl", theirs);
    sandbox.put_filter("/skip/leak", "by-hand", forwarder);
    sandbox.put_filter_with_pattern("/drifted", "logctl-logctl", "ERROR", forwarder);
    sandbox.put_filter("/shop/orders", "logctl-logctl", forwarder);
    for (group, code, says) in [
        ("/new", 8, "state\tmissing: no subscription filter"),
        ("/shop/conflict", 8, "state\tconflict: "),
        ("/skip/this", 0, "state\texcluded: "),
        ("/skip/leak", 8, "state\tunwanted: "),
        ("/drifted", 8, "state\tdrifted: "),
        ("/cold", 0, "state\tunsupported: "),
        ("/aws/lambda/logctl-logctl-domain", 0, "state\town: "),
        ("/shop/orders", 0, "state\tstreamed: "),
    ] {
        sandbox.logctl(&format!("why {group}")).exits(code).prints(says);
    }
    sandbox.logctl("why /new").exits(8).says("logctl backfill -g /new");

    // Twice over; in a circle; held by others; not to be read.
    let own = "/aws/lambda/logctl-logctl-domain";
    sandbox.put_filter("/new", "by-hand", forwarder);
    sandbox.put_filter("/new", "logctl-logctl", forwarder);
    sandbox.put_filter(own, "by-hand", forwarder);
    sandbox.create_group("/held");
    sandbox.put_filter("/held", "one", theirs);
    sandbox.put_filter("/held", "two", theirs);
    for (group, code, says, hint) in [
        ("/new", 8, "state\tdouble: by 2 filters", "logctl backfill -g /new"),
        (own, 8, "state\tloop: belongs to a logctl function, and feeds a forwarder", "logctl backfill -g"),
        (
            "/held",
            8,
            "state\tmissing: streamed to stream/theirs and stream/theirs instead",
            "2 filters of others are there",
        ),
    ] {
        sandbox.logctl(&format!("why {group}")).exits(code).prints(says).says(hint);
    }
    // What a group may have is told by a refusal, and kept.
    let cache = sandbox.home().join("cache");
    let kept = [("LOGCTL_CACHE", cache.to_str().unwrap())];
    sandbox.run(&["audit", "--fail-on", "full", "-g", "/held"], &kept).exits(3).says("1 log group may be full");
    sandbox.run(&["backfill", "--yes", "-g", "/held"], &kept).exits(8);
    sandbox
        .run(&["why", "/held"], &kept)
        .exits(8)
        .prints("state\tfull: streamed to stream/theirs and")
        .says("who holds");
    sandbox.run(&["audit", "--fail-on", "full", "-g", "/held"], &kept).exits(8).says("1 log group: full");
    let aws = Proxy::start(sandbox.aws_endpoint());
    let denied = r#"{"__type": "AccessDeniedException", "message": "not you"}"#;
    aws.always("DescribeSubscriptionFilters", Fault::Answer(400, "application/x-amz-json-1.1", denied));
    let run = sandbox.run(&["why", "/shop/orders"], &[("AWS_ENDPOINT_URL", &aws.url)]).exits(3);
    run.prints("unknown\tstate\tunknown: cannot read the filters of /shop/orders: access denied: not you");

    sandbox.logctl("why /nowhere").exits(5).says("no log group matches /nowhere");

    sandbox.put_events("/shop/orders", &["an order".to_owned()]);
    Sandbox::eventually("it has arrived", || sandbox.logctl("why /shop/orders").stdout.contains("is in the index"));
    // Neither the same name in another account nor a time that has not come stands for an event that was lost.
    let forget = json!({"query": {"term": {"@log_group": "/shop/orders"}}});
    sandbox.engine(EngineMethod::Post, "/logctl-*/_delete_by_query?refresh=true", Some(forget));
    let document = |owner: &str, time: i64| json!({"@timestamp": time, "@log_group": "/shop/orders", "@owner": owner, "@region": "us-east-1", "@message": "m"});
    let far = now() + 300 * 24 * 3_600_000;
    for (owner, time) in [("111111111111", now()), ("000000000000", far)] {
        sandbox.engine(EngineMethod::Post, "/logctl-2026.11.26/_doc?refresh=true", Some(document(owner, time)));
    }
    sandbox.logctl("why /shop/orders").prints("warn\tarrival\tits newest event, of");

    // Its filter is there, and what it sends to is not.
    sandbox.signed("lambda", Method::DELETE, "/2015-03-31/functions/logctl-logctl-forwarder", String::new());
    sandbox
        .logctl("why /shop/orders")
        .exits(8)
        .prints("state\tbroken: its filter sends to a forwarder that is gone")
        .prints("broken\tforwarder\tthere is no function logctl-logctl-forwarder");
    sandbox.logctl("audit --fail-on broken -g /shop/orders").exits(8).says("1 log group: broken");
}
