//! Everything that is sent to AWS is a request of AWS's own service models.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::json;

use super::{
    faults::Rig,
    function::Function,
    proxy::Call,
    sandbox::{Sandbox, now, root},
};

#[test]
fn every_request_is_one_of_the_service_models() {
    let sandbox = Sandbox::up(None);
    sandbox.create_group("/shop/orders");
    let rig = Rig::around(sandbox);
    let aws = rig.aws.url.clone();
    let key = rig.sandbox.create_key();
    for (line, code) in [
        (format!("bootstrap --yes --tag team=shop --endpoint {}", rig.sandbox.endpoint()).as_str(), 0),
        (format!("bootstrap --yes --exclude /skip/* --kms-key {key}").as_str(), 0),
        ("bootstrap --check", 0),
        ("backfill --yes", 0),
        ("audit", 0),
        ("doctor --probe --drift", 0),
        ("why /shop/orders", 0),
        ("groups", 0),
        ("search nothing-of-the-kind", 0),
        ("replay --dry-run", 0),
        ("stack policy deployer", 0),
    ] {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        rig.sandbox.run(&arguments, &[("AWS_ENDPOINT_URL", &aws), ("LOGCTL_ENDPOINT", "")]).exits(code);
    }
    // The functions, as the stack runs them.
    let letter = json!({"awslogs": {"data": "bm8="}});
    let _ = rig.function().invoke(&letter.to_string());
    let _ = rig.function().invoke("\"redrive\"");
    let forwarder = "arn:aws:lambda:us-east-1:000000000000:function:logctl-logctl-forwarder";
    let mut variables = rig.variables();
    let looks = format!("{}/000000000000/logctl-logctl-looks", rig.sandbox.aws_endpoint());
    variables.extend([
        ("LOGCTL_STACK", "logctl".to_owned()),
        ("LOGCTL_FORWARDER", forwarder.to_owned()),
        ("LOGCTL_LOOKS", looks),
    ]);
    variables.extend(rig.sandbox.session_of("logctl-logctl-us-east-1-subscriber"));
    let mut subscriber =
        Function::start(&root().join("target/dist/log_group_created"), variables, Duration::from_mins(1));
    rig.sandbox.create_group("/shop/new");
    rig.sandbox.put_events("/shop/new", &["an event".to_owned()]);
    let at = jiff::Timestamp::from_millisecond(now()).unwrap().to_string();
    let created = json!({"detail": {"eventTime": at, "eventName": "CreateLogGroup",
        "requestParameters": {"logGroupName": "/shop/new"}}});
    let _ = subscriber.invoke(&created.to_string());
    rig.sandbox.run(&["teardown", "--yes"], &[("AWS_ENDPOINT_URL", &aws)]).ok();

    let calls = rig.aws.calls();
    let (problems, checked) = check(&calls);
    assert_eq!(problems, "", "{checked}");
    for operation in [
        "cloudformation ExecuteChangeSet",
        "s3 PutObject",
        "logs PutSubscriptionFilter",
        "lambda Invoke",
        "lambda ListTags",
        "lambda GetFunctionConcurrency",
        "lambda GetEventSourceMapping",
    ] {
        assert!(checked.contains(operation), "{operation} was not seen: {checked}");
    }
}

/// What is wrong with calls, and which operations they were.
fn check(calls: &[Call]) -> (String, String) {
    let python = root().join(".sandbox/cache/venv/bin/python");
    let mut command = Command::new(python);
    command.arg(root().join("tests/e2e/conformance.py"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = String::new();
    for call in calls {
        let header = |name: &str| {
            let found = call.head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
            found.and_then(|line| line.split_once(':')).map_or(String::new(), |(_, value)| value.trim().to_owned())
        };
        let start = call.head.lines().next().unwrap_or_default();
        let mut words = start.split(' ');
        let [method, path] = [words.next(), words.next()].map(Option::unwrap_or_default);
        let service = header("authorization").split('/').nth(3).unwrap_or_default().to_owned();
        let names = call.head.lines().filter_map(|line| Some(line.split_once(':')?.0.to_ascii_lowercase()));
        let request = json!({
            "service": service, "method": method, "path": path, "target": header("x-amz-target"),
            "type": header("content-type"), "body": call.body, "headers": names.collect::<Vec<_>>(),
        });
        lines += &format!("{request}\n");
    }
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (problems, checked) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{checked}");
    (problems, checked)
}
