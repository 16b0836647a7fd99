//! What goes wrong is said in one line, with a hint, and leaves nothing half done.

use opensearch::http::Method;
use serde_json::json;

use super::sandbox::Sandbox;

#[test]
fn a_deployment_that_fails_says_why_and_how_to_go_on() {
    let sandbox = Sandbox::up(None);
    // Somebody else's template of our name is never overwritten.
    let theirs = json!({"index_patterns": ["theirs-*"], "_meta": {"owner": "somebody"}});
    sandbox.engine(Method::Put, "/_index_template/logctl-logctl", Some(theirs));
    sandbox
        .logctl("bootstrap --yes")
        .exits(1)
        .says("DomainSetUp failed: the domain has an index template")
        .says("CloudFormation left the stack in ROLLBACK_COMPLETE")
        .says("logctl teardown");
    sandbox.logctl("bootstrap --yes").exits(1).says("is ROLLBACK_COMPLETE and can only be removed");
    sandbox.logctl("audit").ok().says("stack logctl is ROLLBACK_COMPLETE and forwards nothing");
    sandbox.logctl("teardown --yes").ok().says("removed 0 filters and stack logctl");
    // A stack of somebody else is not ours to change, whatever its name.
    sandbox.logctl("audit --stack logctl-artifacts").exits(2).says("is not a forwarding stack of logctl");
    sandbox.logctl("teardown --yes --stack logctl-artifacts").exits(2);

    sandbox.engine(Method::Delete, "/_index_template/logctl-logctl", None);
    sandbox.logctl("bootstrap --yes").ok();

    // What would break the functions is refused before anything is prepared.
    sandbox.logctl("bootstrap --yes --auth sigv4").exits(2).says("need its ARN");
    sandbox.logctl("bootstrap --check").ok();
}

#[test]
fn bad_input_is_refused_before_anything_is_done() {
    let sandbox = Sandbox::up(None);
    sandbox
        .logctl(&format!("bootstrap --yes --endpoint {}", sandbox.aws_endpoint()))
        .exits(1)
        .says("is not a search engine");
    sandbox.logctl(&format!("search x --endpoint {}", sandbox.aws_endpoint())).exits(1).prints_nothing();
    let empty = tempfile::tempdir().unwrap();
    let folder = empty.path().to_str().unwrap();
    sandbox.logctl(&format!("bootstrap --yes --functions {folder}")).exits(1).says("cannot read the function archive");
    std::fs::write(empty.path().join("logs_forwarder.zip"), "no zip").unwrap();
    for name in ["log_group_created.zip", "domain_access.zip"] {
        std::fs::copy(sandbox.functions().join(name), empty.path().join(name)).unwrap();
    }
    sandbox.logctl(&format!("bootstrap --yes --functions {folder}")).exits(1).says("is not a zip file");
    sandbox.logctl("audit").ok().says("there is no stack logctl yet");

    // Without LOGCTL_ENDPOINT a search asks the stack, and there is none.
    sandbox.run(&["search", "x"], &[("LOGCTL_ENDPOINT", "")]).exits(5).says("--endpoint");
    // Credentials that the account does not know.
    let stranger = [("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "x")];
    sandbox.run(&["audit"], &stranger).exits(4).prints_nothing();
}
