//! No command acts on another account than the one that was meant.

use std::collections::BTreeMap;

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
