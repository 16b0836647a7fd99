//! A stack is updated without a gap, and a deployment that is not wanted leaves nothing behind.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{ChangeSetType, Parameter};

use super::sandbox::Sandbox;

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

#[test]
fn a_deployment_that_is_not_wanted_leaves_nothing_behind() {
    let sandbox = Sandbox::up(None);
    for (keys, message) in
        [("\u{3}", "error: interrupted; nothing was changed"), ("n", "error: declined; nothing was changed")]
    {
        let run = sandbox.in_terminal("bootstrap", keys).exits(130);
        let (_, after) = run.stdout.rsplit_once("[y/N]").unwrap();
        assert!(after.contains("\u{1b}[?25h"), "the cursor comes back: {after:?}");
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
        .capabilities(aws_sdk_cloudformation::types::Capability::CapabilityNamedIam);
    sandbox.wait(made.send()).unwrap();
    assert_eq!(sandbox.stacks(), BTreeMap::from([("logctl".to_owned(), "REVIEW_IN_PROGRESS".to_owned())]));
    sandbox.in_terminal("bootstrap", "n").exits(130);
    assert_eq!(sandbox.stacks(), BTreeMap::new());
}
