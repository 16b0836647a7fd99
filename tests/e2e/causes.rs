//! Why a search finds nothing: each cause is staged, and named as what it is. That an index may not be read is staged in
//! `search_trouble`, where the engine has users.

use opensearch::http::Method;

use super::{
    proxy::{Fault, Proxy},
    sandbox::{Run, Sandbox, now},
};

const GROUP: &str = "/causes/orders";
const UNSTREAMED: &str = "/causes/lonely";

/// A stack, its domain behind a proxy that counts, and an hour in which something happened.
fn staged() -> (Sandbox, Proxy) {
    let sandbox = Sandbox::up(None);
    let proxy = Proxy::start(sandbox.endpoint());
    for group in [GROUP, UNSTREAMED] {
        sandbox.create_group(group);
    }
    sandbox.logctl(&format!("bootstrap --yes --redact card --endpoint {}", proxy.url)).ok();
    sandbox.logctl(&format!("backfill --yes -g {GROUP}")).ok();
    let known =
        [r#"{"level":"info","status":500,"invoiceId":"INV-100","msg":"stored"}"#, "paid with card 4111 1111 1111 1111"];
    sandbox.put_events(GROUP, &known.map(str::to_owned));
    sandbox.put_events(UNSTREAMED, &["nobody hears causes-unheard".to_owned()]);
    Sandbox::eventually("the events are found", || {
        sandbox.engine(Method::Post, "/_refresh", None);
        let run = search(&sandbox, &["paid"]);
        run.code == 0 && run.json()["shown"] == 1 // There may be no index yet.
    });
    (sandbox, proxy)
}

/// By way of the stack, which knows the account.
fn search(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    sandbox.run(&[&["search", "-o", "json"], arguments].concat(), &[("LOGCTL_ENDPOINT", "")])
}

#[test]
fn each_cause_is_named() {
    let (sandbox, proxy) = staged();
    for (arguments, cause, says) in [
        (&["statsu=500"][..], "field", "status"),
        (&["invoiceId=INV-1OO"], "value", "INV-100"),
        (&["service=ordes"], "value", "orders"),
        (&["stored", "--until", "30 minutes ago", "--since", "50 minutes ago"], "later", "--until"),
        (&["stored", "-l", "error"], "left_out", "-l"),
        (&["causes-nowhere", "--since", "40d", "--until", "30d"], "retention", "the index begins at"),
        (&["4111111111111111"], "redacted", "[redacted:card]"),
        (&["causes-unheard", "-g", UNSTREAMED], "not_streamed", "backfill"),
        (&["level=error", "-g", UNSTREAMED], "not_streamed", "missing"),
        (&["level=error", "-g", "/causes/l*", "-g", GROUP], "not_streamed", "missing"),
        (&["tore"], "part_of_a_word", "*tore*"),
        (&["causes-nowhere"], "absent", "hold nothing that matches"),
        (&["level=fatal"], "value", "have the field level"),
        (&["status>600"], "value", "have the field status"),
    ] {
        proxy.always("_search", Fault::Pass);
        let run = search(&sandbox, arguments).ok();
        let asked = proxy.broken();
        assert!((2..=7).contains(&asked), "{arguments:?}: {asked} requests");
        let answer = run.json();
        assert_eq!(answer["nothing"]["cause"], cause, "{arguments:?}: {answer}");
        assert!(answer["nothing"].to_string().contains(says), "{arguments:?}: {answer}");
        assert_eq!((&answer["account"], &answer["region"]), (&"000000000000".into(), &"us-east-1".into()));
    }
    search(&sandbox, &["stored", "-g", "/causes/ordrs"]).exits(5).says("/causes/orders");
    search(&sandbox, &["stored", "--region", "eu-west-1"]).exits(5).says("--region us-east-1");

    // What the domain refuses is kept, and not there.
    proxy.always("_bulk", Fault::Items(400, "mapper_parsing_exception"));
    sandbox.put_events(GROUP, &["refused causes-letter".to_owned()]);
    let bucket = sandbox.bucket_of("logctl-deadletters");
    Sandbox::eventually("it is a dead letter", || !sandbox.keys(&bucket).is_empty());
    let answer = search(&sandbox, &["causes-letter"]).ok().json();
    assert_eq!(answer["nothing"]["cause"], "dead_letter", "{answer}");
    let answer = search(&sandbox, &["causes-nowhere"]).ok().json();
    assert_eq!(answer["nothing"]["cause"], "absent", "{answer}");

    // What the function holds in its hands is nowhere else.
    proxy.always("_bulk", Fault::Hang);
    let before = now();
    sandbox.put_events(GROUP, &["held up causes-way".to_owned()]);
    let answer = search(&sandbox, &["causes-way"]).ok().json();
    assert_eq!(answer["nothing"]["cause"], "on_its_way", "after {} ms: {answer}", now() - before);
}
