//! What three real shells offer while somebody types.

use std::{
    collections::BTreeSet,
    path::Path,
    process::Command,
    sync::Once,
    time::{Duration, Instant},
};

use clap::{CommandFactory as _, ValueHint};
use logctl::cli::Cli;

use super::sandbox::{Sandbox, now, root, variable};

/// What completes lines of words in a shell, without a terminal: behind the words of each line, with tabs between them.
const BASH: &str = r#"
source <(LOGCTL_COMPLETE=bash logctl)
while IFS=$'\t' read -r -a COMP_WORDS; do
    COMP_CWORD=${#COMP_WORDS[@]}
    COMP_WORDS+=("")
    _logctl logctl "" ""
    (IFS=$'\t'; echo "${COMPREPLY[*]}")
done
"#;
/// What is found is handed to `_describe`, values with what they mean behind a colon.
const ZSH: &str = r#"
compdef() { :; }
_describe() {
    local it
    for it in "${(@P)3}"; do
        it=${it//\\:/$'\1'}
        it=${it%%:*}
        printf '%s\t' "${it//$'\1'/:}"
    done
}
source <(LOGCTL_COMPLETE=zsh logctl)
while IFS= read -r line; do
    words=("${(@ps:\t:)line}" "")
    CURRENT=$#words
    _logctl
    echo
done
"#;
const FISH: &str = r#"
LOGCTL_COMPLETE=fish logctl | source
while read --line line
    set line (string replace --all \t ' ' $line)
    echo (complete --do-complete "$line " | string split --fields 1 \t | string join \t)
end
"#;

/// Installs the shells that are missing.
fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let status = Command::new(root().join("sandbox/sandbox")).arg("shells").status().unwrap();
        assert!(status.success(), "zsh and fish are needed");
    });
}

/// A shell in a world with this home, and the folder of logctl before others.
fn shell(program: &str, home: &Path) -> Command {
    let logctl = Path::new(env!("CARGO_BIN_EXE_logctl")).parent().unwrap();
    let mut command = Command::new("/usr/bin/env");
    command.arg(program).env_clear().current_dir(home);
    command.env("PATH", format!("{}:{}", logctl.display(), variable("PATH").unwrap()));
    command.envs([("HOME", home.to_str().unwrap()), ("TERM", "xterm"), ("LANG", "C.UTF-8"), ("TZ", "UTC")]);
    command
}

/// What a shell offers behind each of these lines of words.
fn offered(script: &str, program: &[&str], home: &Path, lines: &[Vec<String>]) -> Vec<BTreeSet<String>> {
    let input: String = lines.iter().map(|words| words.join("\t") + "\n").collect();
    std::fs::write(home.join("lines"), input).unwrap();
    let mut command = shell(program[0], home);
    command.args(&program[1..]).arg(script).stdin(std::fs::File::open(home.join("lines")).unwrap());
    let output = command.output().unwrap();
    assert!(output.stderr.is_empty(), "{}: {}", program[0], String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let words = |line: &str| line.split('\t').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let offered: Vec<_> = text.lines().map(words).collect();
    assert_eq!(offered.len(), lines.len(), "{}: {text}", program[0]);
    offered
}

/// Each flag offers in each shell what it can be given: its values where there are few, files where it is a file, what this machine
/// knows of the others, and never a file where none is meant.
#[test]
fn every_flag_is_completed() {
    const ANSWERED: [&str; 14] = [
        "explain",
        "interval",
        "since",
        "until",
        "made-since",
        "made-until",
        "duration",
        "tz",
        "profile",
        "region",
        "regions",
        "env",
        "group",
        "fields",
    ];
    install();
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::create_dir_all(home.path().join(name).parent().unwrap()).unwrap();
        std::fs::write(home.path().join(name), text).unwrap();
    };
    write("a-file.pem", "");
    write(".aws/config", "[default]\n[profile shop-prod]\n");
    write(".config/logctl/config.toml", "[environments.prod]\nregion = 'r'\n");
    write(".cache/logctl/facts/1.eu-west-1.json", r#"{"groups":{"/aws/lambda/pay":{}}}"#);
    let mut cli = Cli::command();
    cli.build();
    let (mut lines, mut expected, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for command in cli.get_subcommands().filter(|command| command.get_name() != "help") {
        for arg in command.get_arguments().filter(|arg| arg.get_action().takes_values()) {
            let Some(flag) = arg.get_long().filter(|flag| seen.insert((*flag).to_owned())) else { continue };
            // `--flag` alone is a whole one where its value needs a sign before it.
            if arg.is_require_equals_set() {
                continue;
            }
            lines.push(["logctl", command.get_name(), &format!("--{flag}")].map(str::to_owned).to_vec());
            let values: BTreeSet<String> =
                arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
            let is_path = !matches!(arg.get_value_hint(), ValueHint::Unknown | ValueHint::Other);
            expected.push((values, is_path, ANSWERED.contains(&flag)));
        }
    }
    assert!(lines.len() > 60, "{}", lines.len());
    let all = [
        offered(BASH, &["bash", "--norc", "-c"], home.path(), &lines),
        offered(ZSH, &["zsh", "-f", "-c"], home.path(), &lines),
        offered(FISH, &["fish", "--no-config", "-c"], home.path(), &lines),
    ];
    for (nth, (line, (values, is_path, is_answered))) in lines.iter().zip(&expected).enumerate() {
        let [bash, zsh, fish] = all.each_ref().map(|offered| &offered[nth]);
        if *is_path {
            // A shell may offer folders as well.
            assert!([bash, zsh, fish].iter().all(|offered| offered.contains("a-file.pem")), "{line:?} is a path");
            continue;
        }
        assert!(bash == zsh && zsh == fish, "{line:?}: {bash:?} {zsh:?} {fish:?}");
        if values.is_empty() {
            assert_eq!(!bash.is_empty(), *is_answered, "{line:?}: {bash:?}");
            assert!(!bash.contains("a-file.pem"), "{line:?} is no file");
        } else {
            assert_eq!(bash, values, "{line:?}");
        }
    }
}

/// On a terminal: a value of a flag, and a value that the domain tells, in shells as they are when nothing is set up.
#[test]
fn what_is_typed_is_completed() {
    install();
    let sandbox = Sandbox::up(None);
    sandbox.logctl("bootstrap --yes").ok();
    let mut lines = String::new();
    for (nth, service) in ["checkout", "checkout", "$(touch_me)", "cart"].iter().enumerate() {
        let document = serde_json::json!({
            "@timestamp": now(), "@ingested": now(), "@log_group": "/shop/a", "@log_stream": "s", "@owner": "000000000000", "@region": "us-east-1",
            "@service": service, "@message": format!(r#"{{"shopNumber": {nth}}}"#), "@kv": [format!("shopNumber={nth}")], "@kvk": ["shopNumber"],
        });
        lines += &format!("{{\"create\":{{}}}}\n{document}\n");
    }
    let put = sandbox.engine_text(opensearch::http::Method::Post, "/logctl-2026.01.01/_bulk?refresh=true", lines);
    assert_eq!(put["errors"], false);
    let home = tempfile::tempdir().unwrap();
    let typed = |shell_line: &[&str], setup: &str, typed: &str, waited_for: &str| {
        let mut command = shell("python3", home.path());
        let text = format!("{setup}\n{typed}");
        command.arg(root().join("tests/e2e/typed_in_shell.py")).args([waited_for, &text]).args(shell_line);
        command.env("LOGCTL_ENDPOINT", sandbox.endpoint());
        let output = command.output().unwrap();
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(shown.contains(waited_for), "{shell_line:?}: {shown:?}");
        assert!(!shown.contains("rror") && !shown.contains("not found"), "{shell_line:?}: {shown:?}");
        shown
    };
    for (line, setup) in [
        (&["bash", "--norc", "-i"][..], "eval \"$(logctl completion bash)\""),
        (&["zsh", "-f", "-i"], "eval \"$(logctl completion zsh)\""),
        (&["fish", "--no-config", "-i"], "logctl completion fish | source"),
    ] {
        typed(line, setup, "logctl search --level w", "arn");
        // What an application has written is offered only where no shell reads anything else in it.
        let shown = typed(line, setup, "logctl search service=c", "cart");
        assert!(!shown.contains("touch_me"), "{shown}");
    }
    typed(&["bash", "--norc", "-i"], "eval \"$(logctl completion bash)\"", "logctl search shopN", "umber=");
}

/// A domain that does not answer is waited for a moment, and said nothing of.
#[test]
fn a_domain_that_hangs_is_not_waited_for() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_logctl"));
    command.args(["--", "logctl", "search", "service=c"]).env_clear();
    command.envs([("LOGCTL_COMPLETE", "bash"), ("_CLAP_COMPLETE_INDEX", "2"), ("HOME", home.path().to_str().unwrap())]);
    command.env("LOGCTL_ENDPOINT", format!("http://{}", silent.local_addr().unwrap()));
    let begun = Instant::now();
    let output = command.output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    // A search would wait for thirty seconds.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
