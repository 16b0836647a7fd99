//! Settings of files, and saved searches.

use std::{fs, path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;
use test_case::test_case;

/// A home and a project in it.
struct World {
    home: TempDir,
}

const USER: &str = ".config/logctl/config.toml";
const SEARCHES: &str = ".config/logctl/searches.toml";
const PROJECT: &str = "shop/.logctl.toml";

/// What a run gave: exit code, stdout, stderr.
struct Run(i32, String, String);

impl Run {
    fn json(&self) -> Value {
        serde_json::from_str(&self.1).unwrap_or_else(|error| panic!("{error}: {}{}", self.1, self.2))
    }

    /// Checks how it ended, and what it said.
    fn says(&self, exit: i32, text: &str) {
        assert!(
            self.0 == exit && self.2.contains(text),
            "exit {} and not {exit}, or not {text:?}:\n{}{}",
            self.0,
            self.1,
            self.2
        );
    }
}

impl World {
    fn new(files: &[(&str, &str)]) -> Self {
        let world = Self { home: tempfile::tempdir().unwrap() };
        fs::create_dir_all(world.path("shop/deep/er")).unwrap();
        for (name, text) in files {
            world.write(name, text);
        }
        world
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.home.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    fn run(&self, line: &[&str], variables: &[(&str, &str)]) -> Run {
        self.run_in(&self.path("shop/deep/er"), line, variables)
    }

    fn run_in(&self, folder: &Path, line: &[&str], variables: &[(&str, &str)]) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_logctl"))
            .args(line)
            .current_dir(folder)
            .env_clear()
            .envs([("HOME", self.home.path().to_str().unwrap()), ("COLUMNS", "80"), ("TZ", "UTC")])
            .envs([("AWS_EC2_METADATA_DISABLED", "true"), ("LOGCTL_NOW", "2026-11-23T10:00:00Z")])
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        Run(output.status.code().unwrap(), stdout, stderr)
    }

    /// A setting, and the kind of its origin.
    fn setting(&self, name: &str, line: &[&str], variables: &[(&str, &str)]) -> (String, String) {
        let json = self.run(&[&["config", "show", "-o", "json"], line].concat(), variables).json();
        let settings = json["settings"].as_array().unwrap();
        let setting = settings.iter().find(|setting| setting["name"] == name).unwrap_or(&Value::Null);
        let path = setting["origin"]["path"].as_str().unwrap_or_default().rsplit('/').next().unwrap().to_owned();
        let kind = setting["origin"]["kind"].as_str().unwrap_or_default();
        (setting["value"].as_str().unwrap_or_default().to_owned(), if path.is_empty() { kind.to_owned() } else { path })
    }
}

/// Typed, a variable, the project's file, the user's file, built in; an environment before what holds for all, and one that was
/// typed before variables.
#[test]
fn what_wins() {
    let user = "stack = 'of-user'\ntz = 'UTC'\n[environments.prod]\nstack = 'of-prod'\nregion = 'eu-central-1'\n";
    let world = World::new(&[(USER, user), (PROJECT, "stack = 'of-project'\nendpoint = 'http://127.0.0.1:7'\n")]);
    let stack = |line: &[&str], variables: &[(&str, &str)]| world.setting("stack", line, variables);
    let pair = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    let variable = [("LOGCTL_STACK", "of-variable")];
    assert_eq!(stack(&["--stack", "typed"], &variable), pair("typed", "flag"));
    assert_eq!(stack(&[], &variable), pair("of-variable", "variable"));
    assert_eq!(stack(&[], &[]), pair("of-project", ".logctl.toml"));
    assert_eq!(stack(&["--env", "prod"], &variable), pair("of-prod", "config.toml"));
    assert_eq!(stack(&[], &[("LOGCTL_ENV", "prod"), variable[0]]), pair("of-variable", "variable"));
    assert_eq!(stack(&[], &[("LOGCTL_ENV", "prod")]), pair("of-prod", "config.toml"));
    assert_eq!(world.setting("tz", &[], &[]), pair("UTC", "config.toml"));
    assert_eq!(world.setting("timeout", &[], &[]), pair("", "built_in"));
    // A domain of all is none of the environment's, and where to go was typed.
    assert_eq!(world.setting("endpoint", &[], &[]), pair("http://127.0.0.1:7", ".logctl.toml"));
    assert_eq!(world.setting("endpoint", &["--env", "prod"], &[]), pair("", "built_in"));
    assert_eq!(world.setting("endpoint", &["--region", "eu-west-1"], &[]), pair("", "built_in"));
    world.run(&["search", "x"], &[]).says(1, "http://127.0.0.1:7");
    let elsewhere = world.run_in(world.home.path(), &["config", "show"], &[]);
    assert!(!elsewhere.1.contains("of-project"), "{}", elsewhere.1);
    let other = world.path("other.toml");
    fs::write(&other, "stack = 'of-other'").unwrap();
    let named = [("LOGCTL_CONFIG", other.to_str().unwrap())];
    assert!(world.run_in(world.home.path(), &["config", "show"], &named).1.contains("of-other"));
    world.run(&["audit"], &[("LOGCTL_CONFIG", "/nowhere")]).says(2, "there is no file /nowhere");
}

/// No command works in another account than the one that was meant.
#[test]
fn an_environment_and_a_variable_of_aws_that_disagree() {
    let user = "env = 'dev'\n[environments.dev]\nprofile = 'shop-dev'\nregion = 'eu-west-1'\n";
    let world = World::new(&[(USER, user), (".aws/config", "[profile other]\nregion = eu-north-1\n")]);
    let says =
        "AWS_PROFILE is other, and the environment dev has the profile shop-dev (~/.config/logctl/config.toml, line 3)";
    world.run(&["audit"], &[("AWS_PROFILE", "other")]).says(2, says);
    world.run(&["audit"], &[("AWS_PROFILE", "other")]).says(2, "--env NAME, or --profile NAME");
    let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
    world.run(&["audit"], &keys).says(2, "AWS_ACCESS_KEY_ID is set, and the environment dev has the profile");
    world.run(&["audit"], &[("AWS_REGION", "us-east-1")]).says(2, "AWS_REGION is us-east-1");
    let both = [keys[0], keys[1], ("AWS_PROFILE", "shop-dev")];
    world.run(&["audit"], &both).says(2, "AWS_ACCESS_KEY_ID is set");
    world.run(&["audit"], &[("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")]).says(2, "AWS_WEB_IDENTITY_TOKEN_FILE is set");
    let with_domain = format!("{user}endpoint = 'http://127.0.0.1:7'\n");
    world.write(USER, &with_domain);
    world.run(&["search", "x"], &[("AWS_PROFILE", "other")]).says(2, "AWS_PROFILE is other");
    world.run(&["search", "x"], &[("LOGCTL_ENDPOINT", "http://127.0.0.1:9")]).says(2, "LOGCTL_ENDPOINT is http");
    world.run(&["search", "x"], &[]).says(1, "http://127.0.0.1:7");
    // A project does not change where an environment of the user goes.
    world.write(PROJECT, "[environments.dev]\nprofile = 'evil'\nendpoint = 'http://127.0.0.1:8'\n");
    world.run(&["search", "x"], &[]).says(1, "http://127.0.0.1:7");
    world.run(&["search", "x"], &[]).says(1, "what .logctl.toml says of it is passed over");
    // What was typed is meant.
    world
        .run(&["audit", "--env", "dev"], &[("AWS_PROFILE", "other")])
        .says(2, "line 3: there is no AWS profile shop-dev");
    assert_eq!(world.setting("region", &["--profile", "other"], &[]).1, "built_in");
}

#[test_case("stack = 'a'\nregion = ", "config.toml, line 2, column 10"; "a value that is missing")]
#[test_case("[search]\nlimit = 'many'", "config.toml, line 2, column 9: invalid value 'many' for '--limit <NUMBER>'"; "a value of another kind")]
#[test_case("[search]\nlimit = [1, 2]", "limit has one value"; "a list")]
#[test_case("quiet = 'yes'", "true or false is expected for quiet"; "a flag")]
#[test_case("[search]\nlimit = []", "a value is expected here, and not nothing"; "an empty list")]
#[test_case("env = ['a', 'b']", "one environment is meant"; "two environments")]
#[test_case("environments = 1", "a table is expected here"; "no environments")]
#[test_case("[search]\nsince = '{x}'", "invalid value"; "what only a saved search leaves open")]
#[test_case("endpoint = 'https://me:hunter2@x.example'", "column 12: invalid value '…'"; "a password")]
#[test_case("stack = 'a b'", "column 9: invalid value 'a b' for '--stack <NAME>'"; "a name of a stack")]
#[test_case("env = 'prod'", "line 1: there is no environment prod"; "an environment that there is not")]
#[test_case("[env.prod]\nregion = 'r'", "an environment is a table [environments.NAME]"; "an environment under another name")]
#[test_case("search = 1", "a table is expected here"; "a value where a table should be")]
#[test_case("[searches.'a b']\nquery = 'x'", "a name has up to 64 letters"; "a name with a space")]
fn wrong_files(text: &str, says: &str) {
    let world = World::new(&[(USER, text)]);
    world.run(&["search", "x", "--explain"], &[]).says(2, says);
    // Help is there all the same.
    for line in [&["search", "--help"][..], &["completion", "bash"], &["--version"]] {
        assert_eq!(world.run(line, &[]).0, 0, "{line:?}");
    }
}

#[test]
fn names_that_mean_nothing_are_said() {
    let text = "regoin = 'r'\nyes = true\n[search]\nlimti = 5\nallow-partial = true\n[environments.a]\nenv = 'b'\n[bootstrap]\nredact = ''\n";
    let run = World::new(&[(USER, text)]).run(&["search", "x", "--explain"], &[]);
    run.says(0, "line 1: there is no setting regoin here; the nearest is region");
    for (line, name) in [(2, "yes"), (4, "limti"), (8, "bootstrap")] {
        run.says(0, &format!("line {line}: there is no setting {name} here"));
    }
    run.says(0, "line 7: env is only typed, and not set");
    run.says(0, "line 5: allow-partial is only typed, and not set");
    let many = (0..50_000).map(|number| format!("a{number} = 1\n")).collect::<Vec<_>>().concat();
    let run = World::new(&[(USER, &many)]).run(&["search", "x", "--explain"], &[]);
    run.says(0, "and below: more names that mean nothing");
    assert_eq!(run.2.lines().filter(|line| line.starts_with("warning: ")).count(), 11);
}

#[cfg(unix)]
#[test]
fn a_file_of_somebody_else_is_passed_over() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new(&[(PROJECT, "stack = 'of-project'")]);
    fs::set_permissions(world.path(PROJECT), fs::Permissions::from_mode(0o666)).unwrap();
    let run = world.run(&["config", "show"], &[]);
    run.says(0, "was passed over: others may write to it");
    assert!(!run.1.contains("of-project"));
}

/// Defaults of flags, which what is typed replaces.
#[test]
fn defaults_of_flags() {
    let text = "group = ['/aws/*', '!*test']\n[search]\nlimit = 500\nformat = '{time}'\nlevel = 'warn'\n[count]\nsince = '3h'\n";
    let world = World::new(&[(USER, text)]);
    let run = world.run(&["search", "x", "--explain", "-o", "json"], &[]);
    // What narrows an answer is said.
    run.says(0, "--group /aws/* !*test is a setting of ~/.config/logctl/config.toml, line 1");
    run.says(0, "--level warn is a setting of ~/.config/logctl/config.toml, line 5");
    assert!(run.1.contains("500") && run.1.contains("/aws/"), "{}", run.1);
    let run = world.run(&["search", "x", "--explain", "-n", "7", "-g", "/ecs/*", "-l", "error"], &[]);
    assert!(!run.1.contains("500") && !run.1.contains("/aws/") && run.1.contains("\"size\": 7"), "{}", run.1);
    assert!(!run.2.contains("is a setting of"), "{}", run.2);
    assert!(world.run(&["search", "--help"], &[]).0 == 0);
}

/// A search is kept, and sent with other values; what these hold is a value, and no part of the query.
#[test]
fn saved_searches() {
    let world = World::new(&[]);
    let query = ["search", "requestId={id}", "\"took {ms} ms\"", "-l", "warn", "-g", "/aws/*", "--since", "2h"];
    let run = world.run(&[&query[..], &["--format", "{time}", "--expand", "--all", "--save", "@slow"]].concat(), &[]);
    run.says(2, "cannot be used with");
    let run = world.run(&[&query[..], &["--format", "{time}", "--all", "--save", "@slow"]].concat(), &[]);
    run.says(0, "logctl search @slow id=… ms=…");
    run.says(0, "not kept: --all");
    let kept = fs::read_to_string(world.path(SEARCHES)).unwrap();
    let expected = "[slow]\nquery = [\"requestId={id}\", '\"took {ms} ms\"']\ngroup = \"/aws/*\"\nlevel = \"warn\"\nsince = \"2h\"\nformat = \"{time}\"\nlang = \"logctl\"\n";
    assert_eq!(kept, expected);
    let explained = |line: &[&str]| {
        let run = world.run(&[&["search"], line, &["--explain"]].concat(), &[]);
        assert_eq!(run.0, 0, "{}{}", run.1, run.2);
        run.1 + &run.2
    };
    let same = ["requestId=\"a\\\" OR b\"", "\"took 5\\\" ms\"", "-l", "warn", "-g", "/aws/*", "--since", "2h"];
    assert_eq!(explained(&["@slow", "id=a\" OR b", "ms=5\""]), explained(&same));
    let more = explained(&["@slow", "id=4711", "ms=5", "status=500", "-l", "error"]);
    assert!(more.contains("field status = 500") && more.contains("(error or fatal)"), "{more}");
    world.run(&["search", "@slow", "id=1"], &[]).says(2, "@slow leaves ms open");
    world.run(&["search", "@slwo"], &[]).says(2, "the nearest is @slow");
    world
        .run(&["search", "y", "--save", "slow"], &[])
        .says(2, "@slow is there already: ~/.config/logctl/searches.toml, line 1");
    world.run(&["search", "status>fast", "--save", "b"], &[]).says(2, "`fast` is no number");
    world.run(&["search", "x", "--save", "a b"], &[]).says(2, "a name has up to 64 letters");
    assert!(explained(&["@level", "=", "error"]).contains("level"), "a field is no saved search");
    world.run(&["search", "second", "--save", "b.2"], &[]).says(0, "kept as @b.2");
    assert!(explained(&["@b.2"]).contains("second"));
    // Other commands send it, too, with the flags that they have.
    let project = "[searches.mine]\nquery = 'status>=500'\nlimit = 3\noutput = 'jsonl'\n";
    world.write(PROJECT, project);
    world.run(&["count", "@mine", "--endpoint", "http://127.0.0.1:9"], &[]).says(1, "http://127.0.0.1:9");
    let shown = world.run(&["config", "show", "-o", "json"], &[]).json();
    let names: Vec<&str> =
        shown["searches"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["mine", "b.2", "slow"]);
    let rest = ["tail", "y", "-l", "error", "--save", "of-tail"];
    world.run(&rest, &[]).says(0, "kept as @of-tail");
    world.run(&["search", "@of-tail", "z", "--save", "third"], &[]).says(0, "kept as @third");
    let kept = fs::read_to_string(world.path(SEARCHES)).unwrap();
    assert_eq!(kept.matches("level = \"error\"").count(), 2, "{kept}");
    // Many at once: each is kept.
    let names: Vec<String> = (0..12).map(|number| format!("n{number}")).collect();
    std::thread::scope(|scope| {
        for name in &names {
            scope.spawn(|| world.run(&["search", "x", "--save", name], &[]).says(0, "kept as"));
        }
    });
    let kept = fs::read_to_string(world.path(SEARCHES)).unwrap();
    assert!(names.iter().all(|name| kept.contains(&format!("[{name}]"))), "{kept}");
    // A file that is broken is in nobody's way who asks for none of it.
    world.write(SEARCHES, "[slow]\nquery = \n");
    world.run(&["search", "x", "--explain"], &[]).says(0, "");
    world.run(&["search", "@slow", "--explain"], &[]).says(2, "searches.toml, line 2");
    world.run(&["search", "x", "--save", "more"], &[]).says(2, "cannot be read");
    world.write(SEARCHES, "[slow]\nquery = 'x'\nlmit = 3\n");
    world
        .run(&["search", "@slow", "--explain"], &[])
        .says(0, "searches.toml, line 3: there is no setting lmit here; the nearest is limit");
}
