//! What somebody at a terminal waits for: wall time of the command as it is shipped.
//!
//! All that is compared runs in turns, and of each the median counts: others use the machine as well.

use std::{
    io::{Read as _, copy, sink},
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use serde_json::Value;

use crate::{
    Report,
    corpus::{self, Kind},
    storage::Engine,
};

/// Rounds of what ends by itself, and of searches.
const STARTS: usize = 51;
const SEARCHES: usize = 21;
/// Searches before those: the engine compiles what it runs often.
const WARMING: usize = 10;
/// What the index is called that is searched.
const PREFIX: &str = "searched";

/// The command as it is shipped, without any setting of who measures.
pub fn logctl(root: &Path) -> Command {
    let mut command = Command::new(root.join("target/dist/logctl"));
    command.env_clear();
    command
}

/// A start beside that of a program that does nothing, and a completion.
pub fn starts(root: &Path, report: &mut Report) {
    let nothing = || Command::new("/bin/true");
    let version = || {
        let mut command = logctl(root);
        command.arg("--version");
        command
    };
    // As the script asks that a shell gets for `LOGCTL_COMPLETE=bash logctl`, when Tab is pressed behind the words.
    let completion = || {
        let mut command = logctl(root);
        command.args(["--", "logctl", "search", "--"]);
        command.envs([("LOGCTL_COMPLETE", "bash"), ("_CLAP_COMPLETE_INDEX", "2")]);
        command
    };
    let answer = text(&mut completion());
    assert!(answer.lines().any(|line| line == "--since"), "the options of a search: {answer}");

    let rounds: Vec<[f64; 3]> =
        (0..STARTS).map(|_| [nothing(), version(), completion()].map(|mut command| until_end(&mut command))).collect();
    let [nothing, version, completion] = [0, 1, 2].map(|which| median(rounds.iter().map(|times| times[which])));
    let limit = 2.0 * nothing + 5.0;
    let must = format!("≤ {limit:.2}, twice `/bin/true` and 5 ms");
    report.row("`logctl --version`, start to end, in ms", version, version <= limit, &must, "");
    report.row("a completion, start to end, in ms", completion, completion <= 30.0, "≤ 30", "");
    report.note(&format!("`/bin/true` takes {nothing:.2} ms from start to end."));
}

/// A search beside `curl` with the same request.
pub async fn search(root: &Path, engine: &Engine<'_>, report: &mut Report) {
    const WHAT: &str = "`logctl search` until its first line, beyond `curl` with the same request, in ms";
    const MUST: &str = "≤ 20";
    if Command::new("curl").arg("--version").output().is_err() {
        report.missing(WHAT, "curl is missing", MUST);
        return;
    }
    engine.fill(PREFIX, &corpus::by_kind(Kind::Large)).await;
    let search = || {
        let mut command = logctl(root);
        command.args(["search", "checkout", "--since", "2026-11-15", "--until", "2026-11-30"]);
        command.args(["--endpoint", &engine.url, "--index-prefix", PREFIX]);
        command
    };
    let request: Value = serde_json::from_str(&text(search().arg("--explain"))).expect("a request");
    let body = request.to_string();
    let url = asked(&mut search());
    let curl = || {
        let mut command = Command::new("curl");
        // Without settings of who measures, and what comes is written at once.
        command.args(["--disable", "--noproxy", "*", "--silent", "--fail", "--no-buffer", "--max-time", "30"]);
        command.args(["--header", "content-type: application/json", "--data", &body, &url]);
        command
    };
    let round = || [search(), curl()].map(|mut command| until_first_byte(&mut command));
    (0..WARMING).for_each(|_| _ = round());
    let rounds: Vec<[f64; 2]> = (0..SEARCHES).map(|_| round()).collect();
    let more = median(rounds.iter().map(|[ours, theirs]| ours - theirs));
    let [ours, theirs] = [0, 1].map(|which| median(rounds.iter().map(|times| times[which])));
    report.row(WHAT, more, more <= 20.0, MUST, "");
    report.note(&format!(
        "The first line of a search comes after {ours:.1} ms, the first byte of `curl` after {theirs:.1} ms."
    ));
}

/// Where a search asks, as it tells itself: once. It asks about the mappings of the indices beside that, and waits for both.
fn asked(search: &mut Command) -> String {
    let output = search.arg("--verbose").output().expect("make dist");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !output.stdout.is_empty(), "it finds something: {told}");
    let urls: Vec<&str> = told.lines().filter_map(|line| line.split_once(" POST ")?.1.strip_suffix(": 200")).collect();
    let [url] = urls[..] else { panic!("a search asks once: {told}") };
    url.to_owned()
}

/// What it writes.
fn text(command: &mut Command) -> String {
    let output = command.output().expect("make dist");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Milliseconds until it has ended.
fn until_end(command: &mut Command) -> f64 {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let status = command.status().expect("it starts");
    let time = milliseconds(begun);
    assert!(status.success(), "{command:?}: {status}");
    time
}

/// Milliseconds until it writes. What follows is read as well, but takes no part.
fn until_first_byte(command: &mut Command) -> f64 {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut child = command.spawn().expect("it starts");
    let mut output = child.stdout.take().expect("a pipe");
    output.read_exact(&mut [0]).expect("it writes");
    let time = milliseconds(begun);
    copy(&mut output, &mut sink()).expect("it writes");
    let status = child.wait().expect("it ends");
    assert!(status.success(), "{command:?}: {status}");
    time
}

fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1_000.0
}

pub fn median(times: impl Iterator<Item = f64>) -> f64 {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
