//! A stack is updated without a gap, and a deployment that is not wanted leaves nothing behind.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::types::{Capability, ChangeSetType, Parameter};

use opensearch::http::Method;
use serde_json::{Value, json};

use super::sandbox::{Sandbox, now};

#[test]
fn an_ordinary_update_makes_no_gap() {
    let sandbox = Sandbox::up(None);
    sandbox.create_group("/shop/orders");
    sandbox.logctl("bootstrap --yes").ok();
    sandbox.logctl("backfill --yes").ok();
    let before = sandbox.filters_of("/shop/orders");
    let is_harmless = |plan: &str| plan.lines().all(|line| line.starts_with("change\t"));

    // One option.
    let plan = sandbox.logctl("bootstrap --dry-run --exclude /skip/*").ok().stdout;
    assert!(plan.contains("LogGroupCreated\t") && is_harmless(&plan), "{plan}");
    sandbox.logctl("bootstrap --yes --exclude /skip/*").ok().prints("logctl\tdeployed");
    assert_eq!(sandbox.filters_of("/shop/orders"), before);

    // One archive.
    let folder = tempfile::tempdir().unwrap();
    for name in ["logs_forwarder.zip", "log_group_created.zip", "domain_access.zip"] {
        std::fs::copy(sandbox.functions().join(name), folder.path().join(name)).unwrap();
    }
    let mut archive = std::fs::read(folder.path().join("logs_forwarder.zip")).unwrap();
    archive.push(0); // The same function under another hash.
    std::fs::write(folder.path().join("logs_forwarder.zip"), archive).unwrap();
    let functions = format!("--functions {}", folder.path().display());
    let plan = sandbox.logctl(&format!("bootstrap --dry-run {functions}")).ok().stdout;
    // What names the function by its ARN is told as depending on it.
    assert!(plan.contains("LogsForwarder\t") && plan.contains("ForwarderPermission\t"), "{plan}");
    assert!(is_harmless(&plan), "{plan}");
    sandbox.logctl(&format!("bootstrap --yes {functions}")).ok().prints("logctl\tdeployed");
    assert_eq!(sandbox.filters_of("/shop/orders"), before);
    sandbox.logctl("audit --fail-on missing,drifted").ok();

    // The chain works as before, and by the new rule.
    sandbox.create_group("/shop/new");
    sandbox.create_group("/skip/new");
    Sandbox::eventually("the rule subscribes it", || !sandbox.filters_of("/shop/new").is_empty());
    sandbox.logctl("audit -g /skip/new").ok().prints("/skip/new\texcluded");
}

/// Each setting is changed once, from the stack of the release before: no filter is touched, no event is lost, and nothing is
/// replaced but the roles, which get fixed names.
#[test]
fn every_setting_changes_without_a_gap() {
    let sandbox = Sandbox::up(None);
    sandbox.create_group("/shop/orders");
    // The bucket and its archives.
    sandbox.logctl(&format!("bootstrap --yes --stack seed --endpoint {}", sandbox.endpoint())).ok();
    sandbox.logctl("teardown --yes --stack seed").ok();
    deploy_the_release_before(&sandbox);
    sandbox.logctl("backfill --yes").ok();
    let filters = sandbox.filters_of("/shop/orders");
    let since = now();

    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let boundary = sandbox.create_policy("boundary", &policy);
    let key = sandbox.create_key();
    let lines = [
        String::new(),
        "--include /*,shop --exclude /skip/* --redact email --redact-pattern shibboleth".to_owned(),
        "--accounts 111122223333 --replay-principal arn:aws:iam::111122223333:role/ops".to_owned(),
        "--alarm-topic arn:aws:sns:us-east-1:000000000000:alarms --service-rule /acme/{service}/*".to_owned(),
        "--index-period week --shards 2 --replicas 0-2 --typed-names 200 --compression zstd".to_owned(),
        "--index-period month".to_owned(),
        "--domain-arn arn:aws:es:us-east-1:000000000000:domain/logs --reserved-concurrency 5".to_owned(),
        format!("--permissions-boundary {boundary} --kms-key {key}"),
        "--subnets subnet-0a1b2c3d --security-groups sg-0a1b2c3d --tag team=shop".to_owned(),
    ];
    for (at, line) in lines.iter().enumerate() {
        sandbox.put_events("/shop/orders", &[format!("before {line}")]);
        let plan = sandbox.logctl(&format!("bootstrap --dry-run {line}")).ok().stdout;
        let red: Vec<&str> =
            plan.lines().filter(|line| !line.starts_with("change\t") && !line.starts_with("add\t")).collect();
        let roles = red.iter().all(|line| line.starts_with("replace\t") && line.ends_with("AWS::IAM::Role"));
        assert!(roles && red.is_empty() != (at == 0), "{line}: {plan}");
        let run = sandbox.logctl(&format!("bootstrap --yes {line}")).ok().prints("logctl\tdeployed");
        assert_eq!(run.stderr.contains("the roles get fixed names, once"), at == 0, "{}", run.stderr);
        assert_eq!(sandbox.filters_of("/shop/orders"), filters, "{line}");
        sandbox.put_events("/shop/orders", &[format!("after {line}")]);
    }
    let sent = sandbox.event_ids("/shop/orders", since);
    Sandbox::eventually("every event is there", || sandbox.indexed(since).into_keys().collect::<BTreeSet<_>>() == sent);
    // Days, weeks and months are searched together.
    let found = sandbox.run(&["search", "before", "-o", "json"], &[]).ok().json();
    assert_eq!(found["total"], lines.len(), "{found}");
    let installed = sandbox.engine(Method::Get, "/_index_template/logctl-logctl", None);
    let shards = installed.pointer("/index_templates/0/index_template/template/settings/index/number_of_shards");
    assert_eq!(shards, Some(&json!("2")));
    sandbox.logctl("bootstrap --yes --role-path /ops/").exits(2).says("the path of the roles stays /");
    sandbox.logctl("bootstrap --check").ok();
    sandbox.logctl("audit --fail-on missing,drifted").ok();
}

/// Deploys the template of the release before, with archives that are not those of today.
fn deploy_the_release_before(sandbox: &Sandbox) {
    let bucket = sandbox.bucket_of("logctl-artifacts");
    let archives = sandbox.objects(&bucket);
    let old = |name: &str| {
        let (_, archive) = archives.iter().find(|(key, _)| key.contains(name)).unwrap();
        let key = format!("functions/{name}-old.zip");
        sandbox.put_object(&bucket, &key, archive.clone());
        key
    };
    let parameters = [
        ("DomainEndpoint", sandbox.endpoint().to_owned()),
        ("AuthMode", "none".to_owned()),
        ("CodeBucket", bucket.clone()),
        ("ForwarderKey", old("logs_forwarder")),
        ("SubscriberKey", old("log_group_created")),
        ("DomainAccessKey", old("domain_access")),
    ];
    let parameter =
        |(name, value): &(&str, String)| Parameter::builder().parameter_key(*name).parameter_value(value).build();
    let create = sandbox
        .cloudformation()
        .create_stack()
        .stack_name("logctl")
        .template_body(include_str!("../fixtures/template_before.yaml"))
        .set_parameters(Some(parameters.iter().map(parameter).collect()))
        .capabilities(Capability::CapabilityNamedIam);
    sandbox.wait(create.send()).unwrap();
    Sandbox::eventually("it stands", || sandbox.stacks()["logctl"] == "CREATE_COMPLETE");
}

#[test]
fn a_deployment_that_is_not_wanted_leaves_nothing_behind() {
    let sandbox = Sandbox::up(None);
    for (keys, message) in
        [("\u{3}", "error: interrupted; nothing was changed"), ("n\r", "error: declined; nothing was changed")]
    {
        let run = sandbox.in_terminal("bootstrap", keys).exits(130);
        let (_, after) = run.stdout.rsplit_once("[y/N]").unwrap();
        let hidden = run.stdout.matches("\u{1b}[?25l").count();
        assert!(hidden <= run.stdout.matches("\u{1b}[?25h").count(), "the cursor comes back: {after:?}");
        assert!(
            after
                .lines()
                .any(|line| line.replace("\u{1b}[?25h", "").trim_start_matches("\u{1b}[31m").starts_with("error: ")),
            "{after:?}"
        );
        assert!(after.replace("\u{1b}[31m", "").replace("\u{1b}[0m", "").contains(message), "{after:?}");
        assert_eq!(sandbox.stacks(), BTreeMap::new());
    }

    // Somebody was killed at that place before.
    let client = sandbox.cloudformation();
    let parameters = ["DomainEndpoint", "CodeBucket", "ForwarderKey", "SubscriberKey", "DomainAccessKey"].map(|name| {
        let value = if name == "DomainEndpoint" { "https://a.example" } else { "x" };
        Parameter::builder().parameter_key(name).parameter_value(value).build()
    });
    let auth = Parameter::builder().parameter_key("AuthMode").parameter_value("none").build();
    let made = client
        .create_change_set()
        .stack_name("logctl")
        .change_set_name("logctl-preview-1")
        .change_set_type(ChangeSetType::Create)
        .template_body(include_str!("../../stack/template.yaml"))
        .set_parameters(Some([parameters.as_slice(), &[auth]].concat()))
        .capabilities(Capability::CapabilityNamedIam);
    sandbox.wait(made.send()).unwrap();
    assert_eq!(sandbox.stacks(), BTreeMap::from([("logctl".to_owned(), "REVIEW_IN_PROGRESS".to_owned())]));
    sandbox.in_terminal("bootstrap", "n\r").exits(130);
    assert_eq!(sandbox.stacks(), BTreeMap::new());
}

/// An index that was made by the template before, with the documents of that time, and one of today are searched together.
#[test]
fn a_new_template_stands_beside_the_indices_of_the_old_one() {
    for (engine, unknown) in
        [(None, "codec, compression_level"), (Some("elasticsearch-7.10"), "compression_level, codec, disable_objects")]
    {
        let sandbox = Sandbox::up(engine);
        let first = sandbox.logctl("bootstrap --yes").ok();
        if engine.is_some() {
            first.says("the domain does not know disable_objects; its indices are made without");
        }
        let mut old: Value = serde_json::from_str(include_str!("../fixtures/index_template_2.json")).unwrap();
        old["index_patterns"] = json!(["logctl-2*"]);
        if engine.is_some() {
            old["template"]["mappings"].as_object_mut().unwrap().remove("disable_objects");
        }
        let put = sandbox.engine(Method::Put, "/_index_template/logctl-logctl", Some(old));
        assert_eq!(put["acknowledged"], true, "{put}");
        let messages = [
            json!({"level": "error", "requestId": "R-1234", "status": 500, "user": {"id": "u1"}, "durationMs": 12.5,
                "requestParameters": {"bucketName": "logs"}}),
            json!({"level": "info", "status": 200, "user": {"id": "u2"}, "zero": -0.0}),
            json!("hello status=404"),
        ];
        let messages =
            messages.map(|message| (message.as_str().map_or_else(|| message.to_string(), str::to_owned), message));
        let before = now() - 3 * 24 * 60 * 60 * 1000;
        let index = jiff::Timestamp::from_millisecond(before).unwrap().strftime("logctl-%Y.%m.%d").to_string();
        let mut bulk = String::new();
        for (at, (text, message)) in messages.iter().enumerate() {
            let id = format!("{}{at}", "3".repeat(55));
            let mut document = json!({"@id": id, "@timestamp": before, "@ingested": before, "@log_group": "/shop/old",
                "@log_stream": "s", "@service": "old", "@message": text, "@ids": []});
            for (name, value) in message.as_object().into_iter().flatten() {
                document[name] = value.clone();
            }
            document["@level"] = message["level"].clone();
            document["@request_id"] = message["requestId"].clone();
            bulk += &format!("{}\n{document}\n", json!({"create": {"_index": index, "_id": id}}));
        }
        let written = sandbox.engine_text(Method::Post, "/_bulk?refresh=true", bulk);
        assert_eq!(written["errors"], false, "{written}");

        // Engines that run here have no zstd.
        let says = format!("the domain does not know {unknown}; its indices are made without");
        let plan = sandbox.logctl("bootstrap --dry-run --compression zstd").ok().stdout;
        assert!(plan.contains("DomainSetUp"), "{plan}");
        sandbox.logctl("bootstrap --yes --compression zstd").ok().says(&says).says("the domain has no zstd");
        let installed = sandbox.engine(Method::Get, "/_index_template/logctl-logctl", None);
        let template = &installed["index_templates"][0]["index_template"];
        assert_eq!(template["_meta"]["version"], 3);
        assert_eq!(template["template"]["settings"]["index"]["codec"], "best_compression");

        sandbox.create_group("/shop/new");
        Sandbox::eventually("the rule subscribes it", || !sandbox.filters_of("/shop/new").is_empty());
        sandbox.put_events("/shop/new", &messages.map(|(text, _)| text));
        let found = |query: &str| {
            let run = sandbox.run(&["search", query, "-s", "7d", "-o", "json"], &[]);
            let events = run.json()["events"].as_array().unwrap().clone();
            ["/shop/old", "/shop/new"].map(|group| events.iter().filter(|event| event["group"] == group).count())
        };
        // While an index comes into being, its shards are not there yet.
        Sandbox::eventually("all are there", || found("") == [3, 3]);
        for (query, count) in [
            ("status>=500", 1),
            ("status=500", 1),
            ("status=200.0", 1),
            ("has:user.id", 2),
            ("has:user", 2),
            ("missing(status)", 1),
            ("user.id!=u1", 1),
            ("user.id=u*", 2),
            ("requestParameters.bucketName=logs", 1),
            ("level>=error", 1),
            ("requestId=R-1234", 1),
            ("durationMs<13", 1),
            ("zero=0", 1),
            ("zero<0", 0),
            ("status=404", 1),
            ("NOT status=200", 2),
        ] {
            assert_eq!(found(query), [count, count], "{engine:?}: {query}");
        }
        // Each is found by its own id, and pages go through both.
        let all = sandbox.run(&["search", "", "-s", "7d", "-o", "json"], &[]).ok().json();
        for event in all["events"].as_array().unwrap() {
            let id = event["id"].as_str().unwrap();
            let by_id = sandbox.run(&["search", &format!("@id={id}"), "-s", "7d", "-o", "json"], &[]).ok().json();
            assert_eq!((&by_id["total"], &by_id["events"][0]["message"]), (&json!(1), &event["message"]), "{id}");
            assert_eq!(event["fields"], by_id["events"][0]["fields"]);
        }
    }
}
