//! A pipeline of plain CloudFormation, and people who may do no more than they have to.

use aws_sdk_cloudformation::types::{Capability, Parameter};
use opensearch::http::Method;
use serde_json::Value;

use super::sandbox::{Sandbox, now};

#[test]
fn plain_cloudformation_gives_the_same_chain() {
    let sandbox = Sandbox::up(None);
    sandbox.create_bucket("pipeline");
    let template = sandbox.logctl("stack template").ok().stdout;
    let package = sandbox.logctl("stack package --bucket pipeline").ok();
    // Twice is once.
    assert_eq!(sandbox.logctl("stack package --bucket pipeline").ok().stdout, package.stdout);
    let parameter = |name: &str, value: &str| Parameter::builder().parameter_key(name).parameter_value(value).build();
    let text = |given: &Value, name: &str| given[name].as_str().unwrap().to_owned();
    let mut parameters: Vec<Parameter> = package
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|given| parameter(&text(given, "ParameterKey"), &text(given, "ParameterValue")))
        .collect();
    parameters.extend([parameter("DomainEndpoint", sandbox.endpoint()), parameter("AuthMode", "none")]);
    let create = sandbox.cloudformation().create_stack().stack_name("logctl").template_body(template);
    let create = create.set_parameters(Some(parameters)).capabilities(Capability::CapabilityNamedIam);
    sandbox.wait(create.send()).unwrap();
    Sandbox::eventually("it stands", || sandbox.stacks()["logctl"] == "CREATE_COMPLETE");

    let since = now();
    sandbox.create_group("/shop/orders");
    Sandbox::eventually("the rule subscribes it", || !sandbox.filters_of("/shop/orders").is_empty());
    sandbox.put_events("/shop/orders", &["an order requestId=plain-1".to_owned()]);
    Sandbox::eventually("it is indexed", || sandbox.indexed(since).len() == 1);
    assert!(sandbox.engine(Method::Get, "/_index_template/logctl-logctl", None)["index_templates"].is_array());
    sandbox.logctl("audit --fail-on missing").ok().prints("/shop/orders\tstreamed");
    sandbox.run(&["search", "requestId=plain-1"], &[("LOGCTL_ENDPOINT", "")]).ok().prints("an order");
    // And bootstrap takes over from there.
    sandbox.logctl("bootstrap --check").exits(8).says("would change");
    sandbox.logctl("bootstrap --yes").ok();
    sandbox.logctl("bootstrap --check").ok();
}

#[test]
fn each_may_do_what_the_policy_is_for_and_no_more() {
    let sandbox = Sandbox::up(None);
    for group in ["/shop/orders", "/aws/lambda/logctl-billing-domain"] {
        sandbox.create_group(group);
    }
    let may = |who: &str| {
        let policy = sandbox.logctl(&format!("stack policy {who}")).ok().json();
        let (key, secret) = sandbox.keys_of(&format!("{who}-{}", now()), &policy);
        move |line: &str, sandbox: &Sandbox| {
            let arguments: Vec<&str> = line.split_whitespace().collect();
            sandbox.run(&arguments, &[("AWS_ACCESS_KEY_ID", &key), ("AWS_SECRET_ACCESS_KEY", &secret)])
        }
    };
    let deployer = may("deployer");
    deployer("bootstrap --yes", &sandbox).ok().says("deployed stack logctl");
    deployer("bootstrap --yes --exclude /skip/*", &sandbox).ok();

    let reader = may("reader");
    reader("audit", &sandbox).exits(0).prints("/shop/orders\tmissing");
    reader("groups", &sandbox).ok();
    reader("doctor", &sandbox).ok();
    reader("why /shop/orders", &sandbox).exits(8).prints("missing: no subscription filter");
    reader("backfill --yes", &sandbox).exits(4).says("logs:PutSubscriptionFilter");
    reader("bootstrap --yes --exclude /other/*", &sandbox).exits(4).says("cloudformation:CreateChangeSet");
    reader("teardown --yes", &sandbox).exits(4);

    let operator = may("operator");
    operator("backfill --yes", &sandbox).ok();
    operator("replay --dry-run", &sandbox).ok();
    reader("doctor --probe", &sandbox).exits(3).says("could not be looked at");
    operator("doctor --probe", &sandbox).ok().prints("ok\tprobe\tan event was searchable");
    operator("doctor --drift", &sandbox).exits(3).says("could not be looked at");
    deployer("doctor --drift", &sandbox).ok().prints("ok\tdrift");
    operator("teardown --yes", &sandbox).exits(4).says("nothing was removed");
    reader("audit --fail-on missing", &sandbox).ok();

    deployer("teardown --yes", &sandbox).ok().says("removed 2 filters and stack logctl");
}
