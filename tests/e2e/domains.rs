//! Domains as they are in production.

use opensearch::http::Method;
use serde_json::json;

use super::sandbox::Sandbox;

/// A domain over three zones wants copies in all of them: it gets them, whether AWS tells of the zones or only the engine does.
#[test]
fn a_domain_with_standby_gets_copies_in_threes() {
    let sandbox = Sandbox::up_with_zones();
    sandbox.create_group("/shop/orders");
    sandbox.logctl("bootstrap --yes").ok().says("the domain wants copies 0-2 of each shard, and gets them");
    sandbox.logctl("bootstrap --check").ok();
    sandbox.logctl("backfill --yes").ok();
    sandbox.put_events("/shop/orders", &["an order".to_owned()]);
    Sandbox::eventually("it is found", || sandbox.logctl("search order").stdout.contains("an order"));
    let copies = || sandbox.engine(Method::Get, "/_cluster/health/logctl-*", None)["active_shards"].clone();
    Sandbox::eventually("each zone has a copy", || copies() == 3);

    let options = json!({"DomainName": "logs", "ClusterConfig": {
        "MultiAZWithStandbyEnabled": true, "ZoneAwarenessEnabled": true,
        "ZoneAwarenessConfig": {"AvailabilityZoneCount": 3}, "InstanceCount": 3,
    }});
    sandbox.signed("es", hyper::Method::POST, "/2021-01-01/opensearch/domain", options.to_string());
    let arn = "arn:aws:es:us-east-1:000000000000:domain/logs";
    let plan = sandbox.logctl(&format!("bootstrap --dry-run --domain-arn {arn} -o json")).ok().json();
    let standby = plan["checks"].as_array().unwrap().iter().find(|check| check["id"] == "standby");
    assert_eq!(standby.unwrap()["says"], "the domain has a zone in standby: copies 0-2", "{plan}");
    sandbox.logctl(&format!("bootstrap --yes --domain-arn {arn}")).ok().says("change\tDomainSetUp");
    // Who has typed a number keeps it.
    let plan = sandbox.logctl("bootstrap --dry-run --replicas 1-1 -o json").ok().json();
    let standby = plan["checks"].as_array().unwrap().iter().find(|check| check["id"] == "standby");
    assert_eq!(standby.unwrap()["says"], "the domain has a zone in standby: copies 1-1", "{plan}");
}
