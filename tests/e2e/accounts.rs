//! No command acts on another account than the one that was meant.

use std::collections::BTreeMap;

use hyper::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{proxy::Proxy, sandbox::Sandbox};

/// Keys in the environment that are of another account than the profile.
const OTHERS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "111111111111"), ("AWS_SECRET_ACCESS_KEY", "x")];

#[test]
fn a_profile_that_was_typed_decides_whatever_keys_the_environment_holds() {
    let sandbox = Sandbox::up(None);
    let proxy = Proxy::start(sandbox.aws_endpoint());
    std::fs::create_dir(sandbox.home().join(".aws")).unwrap();
    let profile = "[profile prod]\naws_access_key_id = test\naws_secret_access_key = test\nregion = us-east-1\n";
    std::fs::write(sandbox.home().join(".aws/config"), profile).unwrap();
    let run = |line: &str, variables: &[(&str, &str)]| {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        sandbox.run(&arguments, &[&OTHERS[..], &[("AWS_ENDPOINT_URL", proxy.url.as_str())], variables].concat())
    };
    sandbox.create_group("/shop/orders");

    // Each command, to its end, with a stack of the same name in the other account.
    run("bootstrap --yes", &[]).ok().says("account 111111111111, us-east-1");
    let theirs = proxy.signers();
    // The variable leads to the domain of whoever set it, and not to that of another profile.
    run("bootstrap --yes --profile prod", &[]).exits(2).says("where the domain answers");
    let with_endpoint = format!("bootstrap --yes --endpoint {}", sandbox.endpoint());
    for (line, says) in [
        (with_endpoint.as_str(), "deployed stack logctl in account 000000000000"),
        ("bootstrap --yes", "nothing to do: stack logctl in account 000000000000, us-east-1 is up to date"),
        ("backfill --dry-run", "would change 1 log group of account 000000000000, us-east-1"),
        ("backfill --yes", "changed 1 log group of 1 in account 000000000000, us-east-1"),
        ("audit", "account 000000000000"),
        ("groups", "account 000000000000"),
        ("replay --yes", "account 000000000000, us-east-1"),
        ("teardown --dry-run", "would remove 1 filter and stack logctl in account 000000000000, us-east-1"),
    ] {
        run(&format!("{line} --profile prod"), &[]).ok().says(says);
    }
    run("search x --profile prod", &[("LOGCTL_ENDPOINT", "")]).ok();
    run("search x --profile prod", &[("LOGCTL_ENDPOINT", "http://127.0.0.1:9")]).ok();
    run("teardown --yes --profile prod", &[]).ok().says("removed 1 filter and stack logctl in account 000000000000");
    let mut signers = proxy.signers();
    assert_eq!(signers.remove("111111111111"), theirs.get("111111111111").copied(), "{signers:?}");
    assert_eq!(signers.into_keys().filter(|key| !theirs.contains_key(key)).collect::<Vec<_>>(), ["test"]);

    // The other account's stack is as it was.
    run("bootstrap --check", &[]).ok().says("nothing to do: stack logctl in account 111111111111");

    // Whoever expects another account is stopped before anything is done.
    for command in ["bootstrap", "backfill", "teardown", "replay"] {
        let line = format!("{command} --yes --expect-account 000000000000");
        run(&line, &[]).exits(2).says("these credentials are of account 111111111111, and 000000000000 is expected");
    }
    run("audit --expect-account 111111111111", &[]).ok();
    run("search x --expect-account 000000000000", &[]).exits(2);
}

/// What a prompt and a plan in a terminal say of the account, its alias included.
#[test]
fn a_question_names_the_account_as_people_know_it() {
    let sandbox = Sandbox::up(None);
    sandbox.name_account("shop-test");
    sandbox.create_group("/shop/orders");
    let known = "account 000000000000 (shop-test), us-east-1";
    let asked = sandbox.in_terminal("bootstrap", "y\r").ok().stdout;
    assert!(asked.contains("Deploy stack logctl (") && asked.matches(known).count() >= 3, "{asked}");
    let asked = sandbox.in_terminal("backfill", "yes\r").ok().stdout;
    assert!(asked.contains(&format!("Change 1 log group of {known}?")), "{asked}");
    let asked = sandbox.in_terminal("teardown", "maybe\r").exits(130).stdout;
    assert!(asked.contains(&format!("Remove 1 filter and stack logctl in {known}?")), "{asked}");
    let plan = sandbox.logctl("teardown --dry-run -o json").ok().json();
    let named: BTreeMap<_, _> = ["account", "alias", "region"].map(|name| (name, plan[name].clone())).into();
    assert_eq!(
        named,
        BTreeMap::from([
            ("account", "000000000000".into()),
            ("alias", "shop-test".into()),
            ("region", "us-east-1".into())
        ])
    );
}

/// Three ways in and two Regions at once, one of the ways without rights, and a role in another account.
#[test]
fn several_accounts_and_regions_are_one_report() {
    let sandbox = Sandbox::up(None);
    sandbox.create_group("/shop/orders");
    let nothing = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]});
    let (key, secret) = sandbox.keys_of("nobody", &nothing);
    std::fs::create_dir(sandbox.home().join(".aws")).unwrap();
    let profile = |name: &str, key: &str, secret: &str| {
        format!("[profile {name}]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\nregion = us-east-1\n")
    };
    let profiles =
        [profile("one", "test", "test"), profile("two", "222222222222", "x"), profile("none", &key, &secret)];
    std::fs::write(sandbox.home().join(".aws/config"), profiles.concat()).unwrap();
    sandbox.logctl("bootstrap --yes").ok();
    let group = json!({"name": "/bank/%d", "count": 2}).to_string();
    sandbox.signed("logs", Method::POST, "/_sandbox/groups?account=222222222222&region=eu-west-1", group);

    let several = "--profile one,two,none --regions us-east-1,eu-west-1";
    let run = sandbox.logctl(&format!("audit -o json {several}")).exits(3);
    let report = run.json();
    let rows: Vec<(String, String, bool)> = report["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let text = |name: &str| it[name].as_str().unwrap_or_default().to_owned();
            (text("account"), text("region"), it["error"].is_string())
        })
        .collect();
    let expected = [
        ("000000000000", "us-east-1", false),
        ("000000000000", "eu-west-1", false),
        ("222222222222", "us-east-1", false),
        ("222222222222", "eu-west-1", false),
        ("000000000000", "us-east-1", true),
        ("000000000000", "eu-west-1", true),
    ];
    assert_eq!(rows, expected.map(|(account, region, failed)| (account.to_owned(), region.to_owned(), failed)));
    let groups: Vec<_> = report["groups"].as_array().unwrap().iter().map(|it| (&it["account"], &it["name"])).collect();
    assert!(groups.contains(&(&json!("222222222222"), &json!("/bank/1"))), "{groups:?}");
    assert_eq!(groups.len(), 6, "{groups:?}");
    run.says("2 of 6 accounts and Regions could not be read");
    let pipe = sandbox.logctl(&format!("audit {several}")).exits(3);
    pipe.prints("222222222222\teu-west-1\t/bank/0\tmissing\t").says("6 log groups");

    // What is meant may be in one of them; what is in none is said, and nothing is there twice.
    let both = "--profile one,two --regions us-east-1,eu-west-1,us-east-1";
    let run = sandbox.logctl(&format!("audit -o json {both} -g /bank/* -g /shop/* --fail-on missing")).exits(8);
    assert_eq!(run.json()["summary"]["by_state"]["missing"], 3, "{}", run.stdout);
    sandbox.logctl(&format!("audit {both} -g /bnak/*")).exits(5).says("no log group matches /bnak/* in any of 4");
    let junit = sandbox.logctl(&format!("audit -o junit {several}")).exits(3).stdout;
    assert!(junit.contains("errors=\"2\"") && junit.contains("log group of 222222222222 eu-west-1"), "{junit}");
    let scraped = sandbox.logctl(&format!("audit -o prometheus {several} --state streamed")).exits(3);
    let scraped =
        scraped.prints("logctl_log_groups{account=\"222222222222\",region=\"eu-west-1\",state=\"missing\"} 2");
    scraped.prints("logctl_audit_read{account=\"000000000000\",region=\"us-east-1\"} 0");

    // A role that is there in another account, and one that is not.
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"}]});
    let all = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let text = |value: &Value| utf8_percent_encode(&value.to_string(), NON_ALPHANUMERIC).to_string();
    for action in [
        format!("Action=CreateRole&RoleName=look&AssumeRolePolicyDocument={}", text(&trust)),
        format!("Action=PutRolePolicy&RoleName=look&PolicyName=p&PolicyDocument={}", text(&all)),
    ] {
        let path = format!("/?Version=2010-05-08&{action}");
        sandbox.signed_by("222222222222", "iam", Method::POST, &path, String::new());
    }
    let run = sandbox.logctl("audit -o json --accounts 222222222222 --role look --regions eu-west-1").ok();
    assert_eq!(run.json()["summary"]["total"], 2, "{}", run.stdout);
    sandbox
        .logctl("audit --accounts 000000000000,333333333333 --role look")
        .exits(3)
        .says("cannot take the role look in account 333333333333");
}
