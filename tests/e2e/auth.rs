//! Name and password, TLS by a private authority, and an index that is closed to the writer, on an engine with the
//! security plugin.

use serde_json::json;

use super::{
    faults::{Rig, Sent, events, lines, well},
    sandbox::Sandbox,
};

#[test]
fn basic_authentication_over_tls() {
    let sandbox = Sandbox::up(Some("opensearch-2.19-secure"));
    let secret = |id: &str, name: &str, password: &str| {
        let login = json!({"username": name, "password": password}).to_string();
        let made = sandbox.secrets("CreateSecret", &json!({"Name": id, "SecretString": login}));
        made["ARN"].as_str().unwrap().to_owned()
    };
    let admin = secret("admin", sandbox.variable("OPENSEARCH_USERNAME"), sandbox.variable("OPENSEARCH_PASSWORD"));
    let writer =
        secret("writer", sandbox.variable("OPENSEARCH_WRITER"), sandbox.variable("OPENSEARCH_WRITER_PASSWORD"));
    let wrong = secret("wrong", sandbox.variable("OPENSEARCH_WRITER"), "guessed");
    let ca = sandbox.variable("OPENSEARCH_CA").to_owned();
    let certificate = std::fs::read_to_string(&ca).unwrap();

    // The whole chain, from the deployment to the search.
    sandbox.create_group("/shop/orders");
    sandbox.logctl("bootstrap --yes --auth basic").exits(2).says("--secret");
    sandbox.logctl(&format!("bootstrap --yes --auth basic --secret {admin} --ca /nowhere")).exits(2).says("--ca");
    sandbox.logctl(&format!("bootstrap --yes --auth basic --secret {admin} --ca {ca}")).ok();
    sandbox.logctl("backfill --yes").ok();
    sandbox.put_events("/shop/orders", &["an order requestId=auth-1".to_owned()]);
    Sandbox::eventually("the event is found", || {
        let run = sandbox.run(&["search", "requestId=auth-1"], &[("LOGCTL_ENDPOINT", "")]).ok();
        run.stdout.contains("an order")
    });

    // Where each refusal lands.
    let rig = Rig::around(sandbox);
    let endpoint = rig.sandbox.endpoint().to_owned();
    let function = |others: &[(&'static str, &str)]| {
        let common = [("LOGCTL_ENDPOINT", endpoint.as_str()), ("LOGCTL_AUTH", "basic"), ("LOGCTL_CA", &certificate)];
        rig.function_with(&[&common, others].concat())
    };
    let mut sent = Sent::default();
    for (what, others, reason) in [
        ("admitted", vec![("LOGCTL_SECRET", writer.as_str())], ""),
        ("401 for all", vec![("LOGCTL_SECRET", &wrong)], "the domain answered 401"),
        (
            "403 for an index",
            vec![("LOGCTL_SECRET", &writer), ("LOGCTL_INDEX_PREFIX", "forbidden")],
            "security_exception",
        ),
        ("an unknown authority", vec![("LOGCTL_SECRET", &writer), ("LOGCTL_CA", "")], "UnknownIssuer"),
        ("no such secret", vec![("LOGCTL_SECRET", "nowhere")], "ResourceNotFoundException"),
    ] {
        let before = rig.letters().len();
        let (event, ids) = events(&lines(5));
        sent.ids.extend(ids);
        well(&function(&others).invoke(&event));
        rig.account_for(what, &sent);
        let letters = rig.letters();
        assert_eq!(letters.len() - before, if reason.is_empty() { 0 } else { 5 }, "{what}");
        let told = |letter: &serde_json::Value| letter["reason"].as_str().unwrap().contains(reason);
        assert!(reason.is_empty() || letters.iter().filter(|letter| told(letter)).count() == 5, "{what}: {letters:?}");
        assert!(letters.iter().all(|letter| letter["kind"] == "outage"), "{what}");
    }
    well(&function(&[("LOGCTL_SECRET", &admin)]).invoke("\"redrive\""));
    assert_eq!(rig.account_for("after the redrive", &sent), 0);
}
