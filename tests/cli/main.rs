//! The binary alone: what it says, and the code it ends with, where nothing of AWS is there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod settings;

use std::{
    process::{Command, Output},
    time::{Duration, Instant},
};

use insta::assert_snapshot;
use test_case::test_case;

/// A run in an empty world: no configuration, no credentials, nobody at the terminal.
fn logctl(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let home = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_logctl"))
        .args(arguments)
        .env_clear()
        .envs([("HOME", home.path().to_str().unwrap()), ("COLUMNS", "80"), ("TZ", "UTC")])
        .envs([("AWS_EC2_METADATA_DISABLED", "true"), ("LOGCTL_NOW", "2026-11-23T10:00:00Z")])
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

/// Exit code, stdout and stderr in one text.
fn shown(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = logctl(arguments, variables);
    format!(
        "exit {}\n{}{}",
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap()
    )
}

const REGION: (&str, &str) = ("AWS_REGION", "eu-west-1");

#[test]
fn without_credentials_it_says_how_to_log_in() {
    assert_snapshot!(shown(&["audit"], &[REGION]), @r"
    exit 4
    error: cannot reach AWS: no AWS credentials were found
    hint: log in (aws sso login), choose a profile with --profile, or set AWS_ACCESS_KEY_ID
    ");
}

#[test]
fn without_a_region_it_asks_for_one() {
    assert_snapshot!(shown(&["audit"], &[]), @r"
    exit 2
    error: no AWS Region is set
    hint: add --region, or set AWS_REGION
    ");
}

#[test]
fn a_sandbox_that_is_down_is_noticed_soon() {
    let start = Instant::now();
    let keys = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
    let variables = [&keys[..], &[REGION, ("AWS_ENDPOINT_URL", "http://127.0.0.1:9")]].concat();
    assert_snapshot!(shown(&["audit"], &variables), @r"
    exit 1
    error: cannot reach AWS: http://127.0.0.1:9: Connection refused (os error 111)
    hint: is it running? in the sandbox: sandbox/sandbox up
    ");
    assert_snapshot!(shown(&["search", "x", "--endpoint", "http://127.0.0.1:9"], &[]), @r"
    exit 1
    error: cannot reach the domain http://127.0.0.1:9: Connection refused (os error 111)
    hint: is it running? in the sandbox: sandbox/sandbox up
    ");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test_case(&["audit", "--nope"], "--nope"; "an unknown flag")]
#[test_case(&["serach"], "search"; "an unknown command, with the nearest one")]
#[test_case(&["audit", "--fail-on", "gone"], "the states are unknown, loop, own"; "an unknown state")]
#[test_case(&["search", "--since", "soon"], "times look like 15m"; "no time")]
#[test_case(&["audit", "-g", "/aws/lambda/pay day"], "a log group name cannot hold ` `"; "a name that AWS forbids")]
#[test_case(&["search", "-n", "0"], "is not in 1.."; "no events at all")]
#[test_case(&["search", "--endpoint", "localhost"], "an endpoint looks like"; "no endpoint")]
#[test_case(&["audit", "--stack", "a stack"], "a stack name starts with a letter"; "no stack name")]
#[test_case(&["search", "--since", "1h", "--until", "2h", "x"], "the time range is empty"; "an empty range")]
#[test_case(&["search", "x", "--since=-2h"], "`-2h` is negative"; "a span that goes back twice")]
#[test_case(&["search", "x", "--until", "now-30 minutes ago"], "is negative"; "the same in words")]
#[test_case(&["replay", "--yes", "--since", "2999-01-01"], "--since is in the future"; "letters of the future")]
#[test_case(&["bootstrap", "--yes", "--service-rule", "/acme/*"], "--service-rule: the service rule `/acme/*` has no {service}, as in /acme/{service}/*"; "a rule that names no service")]
#[test_case(&["bootstrap", "--yes", "--typed-names", "501"], "501 is not in 0..=500"; "more names than an index has room for")]
#[test_case(&["audit", "--expect-account", "prod"], "an account has twelve digits"; "no account")]
#[test_case(&["search", "x", "--endpoint", "http://search.shop.example"], "plain http:// is for this machine only"; "logs in the clear")]
#[test_case(&["audit", "--profile", "prod"], "--profile: there is no AWS profile prod"; "no such profile")]
#[test_case(&["audit", "--profile", ""], "a value is required for '--profile"; "a profile without a name")]
#[test_case(&["teardown", "--yes", "--region", ""], "a value is required for '--region"; "a Region without a name")]
#[test_case(&["bootstrap", "--yes", "--alarm-topic", "alarms"], "`alarms` is no ARN"; "a topic by its name")]
#[test_case(&["search", "-nginx"], "write: logctl search NOT nginx"; "a query that begins with a hyphen")]
#[test_case(&["search", "quota", "–since", "2h"], "this is a long dash"; "a long dash")]
#[test_case(&["search", "requestId", "in", "@/nowhere"], "@/nowhere: No such file"; "a list that is not there")]
#[test_case(&["search", "status>fast"], "`fast` is no number"; "a comparison of words")]
#[test_case(&["bootstrap", "--functions", "/nowhere", "--yes"], "cannot read the function archive"; "no archives")]
#[test_case(&["bootstrap", "--redact", "email,phone"], "there is no detector `phone`; there are email, card,"; "a detector that does not exist")]
#[test_case(&["bootstrap", "--replay-principal", "arn:aws:sts::1:assumed-role/dev/ana"], "name its role: arn:aws:iam::ACCOUNT:role/NAME"; "a session that may replay")]
#[test_case(&["bootstrap", "--replay-principal", "ana"], "this is no ARN of a role or user"; "a name that may replay")]
#[test_case(&["bootstrap", "--accounts", "123"], "--accounts 123: an account has twelve digits"; "no account")]
#[test_case(&["bootstrap", "--redact-pattern", "("], "--redact-pattern"; "a wrong value before the question who confirms")]
#[test_case(&["bootstrap", "--yes"], "built without the functions' archives"; "a binary without archives")]
#[test_case(&["backfill"], "add --yes"; "nobody to confirm")]
fn wrong_usage(arguments: &[&str], says: &str) {
    let output = logctl(arguments, &[REGION]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains(says), "{stderr}");
    let missing_file = arguments.contains(&"/nowhere");
    assert_eq!(output.status.code(), Some(if missing_file { 1 } else { 2 }), "{stderr}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_password_that_was_typed_is_not_repeated() {
    let endpoint = "https://admin:hunter2@search.shop.example";
    for command in [&["search", "x"][..], &["bootstrap", "--yes"]] {
        let says = shown(&[command, &["--endpoint", endpoint]].concat(), &[REGION]);
        assert!(says.contains("exit 2") && says.contains("https://…@search.shop.example"), "{says}");
        let by_variable = shown(command, &[REGION, ("LOGCTL_ENDPOINT", endpoint)]);
        assert!(by_variable.starts_with("exit 2"), "{by_variable}");
        assert!(!format!("{says}{by_variable}").contains("hunter2"), "{says}{by_variable}");
    }
}

#[test]
fn a_rule_that_no_name_can_match_is_refused() {
    let functions = tempfile::tempdir().unwrap();
    let arguments =
        ["bootstrap", "--yes", "--functions", functions.path().to_str().unwrap(), "--include", "/aws/{a,b}"];
    assert_snapshot!(shown(&arguments, &[REGION]), @r"
    exit 2
    error: --include /aws/{a: no log group can match this
      caused by: a log group name cannot hold `{`
    hint: globs know * for any signs and ? for one; give several separated by commas: /aws/a*,/aws/b*
    ");
}

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "x")];

#[test]
fn half_of_a_key_is_not_taken_for_another_identity() {
    for (here, there) in [(0, 1), (1, 0)] {
        let says = shown(&["audit"], &[REGION, KEYS[here]]);
        assert!(says.starts_with("exit 4"), "{says}");
        assert!(says.contains(&format!("{} is set without {}", KEYS[here].0, KEYS[there].0)), "{says}");
    }
}

#[test]
fn a_profile_that_does_not_exist_is_named_with_the_nearest() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config");
    std::fs::write(&config, "[profile prod-eu]\nregion = eu-west-1\n[profile dev]\nregion = eu-west-1\n").unwrap();
    let config = ("AWS_CONFIG_FILE", config.to_str().unwrap());
    let says = shown(&["teardown", "--yes", "--profile", "prod-eo"], &[&KEYS[..], &[REGION, config]].concat());
    assert_snapshot!(says, @r"
    exit 2
    error: --profile: there is no AWS profile prod-eo
    hint: there is: prod-eu
    ");
    let by_variable = shown(&["audit"], &[REGION, config, ("AWS_PROFILE", "prod-eo")]);
    assert!(by_variable.contains("AWS_PROFILE: there is no AWS profile prod-eo"), "{by_variable}");
}

/// Every variable that logctl or the SDK reads.
const VARIABLES: [&str; 56] = [
    "ALL_PROXY",
    "AWS_ACCESS_KEY_ID",
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULTS_MODE",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_CLOUDFORMATION",
    "AWS_ENDPOINT_URL_CLOUDTRAIL",
    "AWS_ENDPOINT_URL_CLOUDWATCH",
    "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
    "AWS_ENDPOINT_URL_EVENTBRIDGE",
    "AWS_ENDPOINT_URL_IAM",
    "AWS_ENDPOINT_URL_LAMBDA",
    "AWS_ENDPOINT_URL_OPENSEARCH",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_ENDPOINT_URL_STS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_MAX_ATTEMPTS",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_RETRY_MODE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SDK_UA_APP_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "COLUMNS",
    "HTTPS_PROXY",
    "LOGCTL_CACHE",
    "LOGCTL_COMPLETE",
    "LOGCTL_CONFIG",
    "LOGCTL_ENDPOINT",
    "LOGCTL_ENV",
    "LOGCTL_FUNCTIONS",
    "LOGCTL_INDEX_PREFIX",
    "LOGCTL_LOG",
    "LOGCTL_NOW",
    "LOGCTL_PAGER",
    "LOGCTL_RATE",
    "LOGCTL_STACK",
    "NO_COLOR",
    "NO_PROXY",
    "PAGER",
];

#[test]
fn an_empty_variable_is_an_unset_one() {
    let lines: [&[&str]; 4] = [
        &["audit", "--region", "eu-west-1"],
        &["bootstrap", "--yes", "--functions", "/nowhere"],
        &["search", "x", "--endpoint", "http://127.0.0.1:9"],
        &["replay", "--dry-run"],
    ];
    let now = ("LOGCTL_NOW", "2026-11-23T10:00:00Z");
    for line in lines {
        let unset = shown(line, &[now]);
        for name in VARIABLES.into_iter().filter(|name| *name != now.0) {
            assert_eq!(shown(line, &[now, (name, "")]), unset, "{name} is empty: {line:?}");
        }
        let all: Vec<(&str, &str)> = VARIABLES.into_iter().map(|name| (name, "")).collect();
        assert_eq!(shown(line, &all), unset, "all are empty: {line:?}");
    }
}

/// The table above holds every variable that the code names.
#[test]
fn every_variable_that_is_read_stands_in_the_table() {
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let text = std::fs::read_to_string(&entry).unwrap();
            let words = text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
            for word in words.filter(|word| {
                ["AWS_", "LOGCTL_"].iter().any(|start| word.starts_with(start) && word.len() > start.len())
            }) {
                assert!(VARIABLES.contains(&word), "{word} in {}", entry.display());
            }
        }
    }
}

#[test]
fn errors_are_json_where_the_output_is() {
    assert_snapshot!(shown(&["audit", "-o", "json"], &[]), @r#"
    exit 2
    {"error":{"code":"usage","message":"no AWS Region is set","causes":[],"hint":"add --region, or set AWS_REGION","exit":2}}
    "#);
}

#[test]
fn a_request_is_explained_without_being_sent() {
    let output = logctl(&["search", "--explain", "status>=500", "-g", "/aws/*", "-s", "15m"], &[]);
    let request: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(request["query"]["bool"]["filter"][0]["range"]["@timestamp"]["lt"], 1_795_428_000_000_i64);
    assert_eq!(request["sort"][1]["_seq_no"]["order"], "desc");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let logctl = env!("CARGO_BIN_EXE_logctl");
    let status = Command::new("bash")
        .args(["-o", "pipefail", "-c", &format!("{logctl} man | head -1 >/dev/null")])
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn completions_ask_the_binary() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let line = String::from_utf8(logctl(&["completion", shell], &[]).stdout).unwrap();
        assert!(line.contains("LOGCTL_COMPLETE") && line.lines().count() == 1, "{line}");
    }
    let script = logctl(&[], &[("LOGCTL_COMPLETE", "bash")]);
    assert!(String::from_utf8(script.stdout).unwrap().contains("logctl"));
}

#[test]
fn completions_know_the_log_groups_that_were_there() {
    let cache = tempfile::tempdir().unwrap();
    let complete = |words: &[&str]| {
        let (folder, index) = (cache.path().to_str().unwrap(), (words.len() - 1).to_string());
        let variables = [
            ("LOGCTL_CACHE", folder),
            ("LOGCTL_COMPLETE", "bash"),
            ("_CLAP_COMPLETE_INDEX", &index),
            ("_CLAP_IFS", "\n"),
        ];
        let arguments: Vec<&str> = ["--"].iter().chain(words).copied().collect();
        String::from_utf8(logctl(&arguments, &variables).stdout).unwrap().trim_end().to_owned()
    };
    assert_eq!(complete(&["logctl", "audit", "-g", "/aws"]), "");
    std::fs::create_dir(cache.path().join("facts")).unwrap();
    let facts = r#"{"schema":"logctl.facts/v1","groups":{"/aws/b":{},"/aws/a":{"filters":[0,"asked","2026-01-01T00:00:00Z"]},"/ecs":{}}}"#;
    std::fs::write(cache.path().join("facts/1.eu-west-1.json"), facts).unwrap();
    assert_eq!(complete(&["logctl", "audit", "-g", "/aws"]), "/aws/a\n/aws/b");
    assert_eq!(complete(&["logctl", "groups", "--group", "!/e"]), "!/ecs");
    assert_eq!(complete(&["logctl", "why", "/aws/b"]), "/aws/b");
    std::fs::write(cache.path().join("facts/1.eu-west-1.json"), "{").unwrap();
    assert_eq!(complete(&["logctl", "audit", "-g", "/aws"]), "");
}

#[test]
fn what_the_readme_shows_is_there() {
    let readme = include_str!("../../README.md");
    let code = |line: &'static str| line.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let commands: Vec<String> = readme
        .lines()
        .flat_map(code)
        .filter_map(|code| Some(code.strip_prefix("logctl ")?.split(' ').next()?.into()))
        .collect();
    assert!(commands.len() >= 8, "{commands:?}");
    for command in commands.iter().filter(|command| command.chars().all(char::is_lowercase)) {
        assert!(logctl(&[command, "--help"], &[]).status.success(), "{command}");
    }
    let queries: Vec<&str> = readme
        .lines()
        .skip_while(|line| !line.starts_with("| typed"))
        .skip(2)
        .take_while(|l| l.starts_with('|'))
        .collect();
    assert!(queries.len() >= 8, "{queries:?}");
    for query in queries.into_iter().flat_map(|line| code(line.split('|').nth(1).unwrap())) {
        let line = format!("{} search --explain {query}", env!("CARGO_BIN_EXE_logctl"));
        let run = Command::new("sh").args(["-c", &line]).output().unwrap();
        assert!(run.status.success(), "{line}: {}", String::from_utf8_lossy(&run.stderr));
    }
}

#[test]
fn the_checked_in_manual_is_fresh() {
    let folder = tempfile::tempdir().unwrap();
    assert!(logctl(&["man", folder.path().to_str().unwrap()], &[]).status.success());
    let pages = |folder: &std::path::Path| {
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let mut pages: Vec<_> =
            files.map(|path| (path.file_name().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap())).collect();
        pages.sort();
        pages
    };
    let checked_in = pages(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("man"));
    assert!(checked_in == pages(folder.path()), "run: make man");
}

/// `status>=500` without quotes is a file to the shell; another new file of such a name is nobody's mistake.
#[test]
fn what_the_shell_took_for_a_file_is_said() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("7"), "").unwrap();
    let run = |line: &str| {
        let mut shell = std::process::Command::new("sh");
        let line = format!("{} search --endpoint http://127.0.0.1:1 {line}", env!("CARGO_BIN_EXE_logctl"));
        let output = shell.args(["-c", &line]).current_dir(folder.path()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, says) = run("status>=500");
    assert!(code == Some(2) && says.contains("quote it: logctl search 'status>=500'"), "{says}");
    let (code, says) = run("timeout");
    assert!(code == Some(1) && says.contains("cannot reach the domain"), "{says}");
}
