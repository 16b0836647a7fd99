//! `make bench`: what the forwarder costs, beside the function that AWS generates for this job, and beside the limits that
//! it must keep; and how long the command lets somebody wait. Writes `benches/RESULTS.md`.
//!
//! Speeds are ratios of CPU time of the processes, measured in interleaved rounds: absolute times mean nothing on a machine
//! that others use as well. What somebody waits for is wall time. The rest are sizes.

#![expect(clippy::print_stdout, clippy::expect_used, clippy::panic, reason = "a program for developers")]

mod corpus;
mod equality;
mod export;
mod ours;
mod peer;
mod redaction;
mod storage;
mod terminal;

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use corpus::{Kind, Payload};
use equality::Exceptions;
use logctl_core::payload::{DEFAULT_CAP, parse, unpack};
use ours::Ours;
use peer::Peer;
use storage::Engine;

const ROUNDS: usize = 5;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the benches have a parent");
    match std::env::args().nth(1).as_deref() {
        Some("once") => return once(),
        Some("payloads") => return by_payload(),
        Some("profile") => return profile(),
        Some("redaction") => return redact(&mut Report::default()),
        Some("terminal") => return waits(root),
        Some("export") => return exports(root),
        _ => {}
    }
    let mut report = Report::default();
    let folder = root.join("target/peer");
    if Peer::start(root, &folder).is_none() {
        println!("npm or node cannot start the peer: nothing to compare with");
        return;
    }
    let start = || Peer::start(root, &folder).expect("it has started before");
    speed(&mut report, start);
    real_logs(&mut report, start);
    redact(&mut report);
    memory(&mut report, start);
    first_next(root, &folder, &mut report);
    archive(root, &mut report);
    terminal::starts(root, &mut report);
    meaning(&mut report, &mut start());
    let runtime = runtime();
    let mut peer = start();
    let whole = corpus::payloads();
    peer.load(&whole);
    if let Some(engine) = runtime.block_on(Engine::start(root)) {
        let [turns, rows] = runtime.block_on(engine.measure(&whole, &mut peer));
        let figure = ratio(turns.ours, turns.theirs);
        report.row("storage on the domain, of the dynamic mapping", figure, figure <= 0.56, "≤ 0.56", "≤ 0.51");
        let figure = ratio(rows.ours, rows.theirs);
        report.row("the same, one log group after the other", figure, figure <= 0.58, "≤ 0.58", "≤ 0.55");
        let (ours, theirs, all) = turns.lost;
        report.note(&format!(
            "Of {all} documents, this forwarder lost {ours}, and the dynamic mapping refused {theirs}."
        ));
        assert_eq!((ours, rows.lost.0), (0, 0), "a document was lost");
        runtime.block_on(terminal::search(root, &engine, &mut report));
        runtime.block_on(export::run(root, &engine, export::EVENTS, &mut report));
    }
    let text = report.finish();
    std::fs::write(root.join("benches/RESULTS.md"), &text).expect("the report is written");
    println!("{text}");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// How long the command lets somebody wait, and nothing else.
fn waits(root: &Path) {
    let mut report = Report::default();
    terminal::starts(root, &mut report);
    let runtime = runtime();
    let engine = runtime.block_on(Engine::start(root)).expect("an engine starts");
    runtime.block_on(terminal::search(root, &engine, &mut report));
}

/// Exports beside their peers, and nothing else: `export [EVENTS]`.
fn exports(root: &Path) {
    let events = std::env::args().nth(2).map_or(export::EVENTS, |events| events.parse().expect("a number of events"));
    let runtime = runtime();
    let engine = runtime.block_on(Engine::start(root)).expect("an engine starts");
    runtime.block_on(export::run(root, &engine, events, &mut Report::default()));
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b as f64
}

/// CPU time of ours and theirs for the same work, over and over.
struct Race<'a> {
    payloads: &'a [Payload],
    /// What the peer is told; its first number says how often it does all payloads.
    command: &'a str,
    normalises: bool,
}

impl Race<'_> {
    /// The median of the ratios of interleaved rounds.
    fn run(&self, mut peer: Peer) -> f64 {
        peer.load(self.payloads);
        peer.cpu(self.command); // Warms up.
        let mut words = self.command.split(' ');
        let invokes = words.next() == Some("invoke");
        let times: usize = words.next().and_then(|times| times.parse().ok()).expect("a number");
        let mut ours = Ours::new();
        let mut run = || {
            let begun = cpu();
            for payload in (0..times).flat_map(|_| self.payloads) {
                if invokes {
                    std::hint::black_box(ours.invoke(&payload.data));
                } else {
                    ours.encode(&payload.data, self.normalises, |body| _ = std::hint::black_box(body.len()));
                }
            }
            cpu() - begun
        };
        run();
        let mut ratios: Vec<f64> = (0..ROUNDS).map(|_| peer.cpu(self.command) / run()).collect();
        ratios.sort_by(f64::total_cmp);
        ratios[ROUNDS / 2]
    }
}

fn speed(report: &mut Report, start: impl Fn() -> Peer) {
    let cases: [(&str, Kind, &str, bool, f64, f64); 7] = [
        ("payload to bulk body, whole corpus", Kind::Whole, "run 1", false, 8.0, 11.0),
        ("the same, peer unzips on one thread", Kind::Whole, "run 1 sync", false, 0.0, 0.0),
        ("the same with normalisation", Kind::Whole, "run 1", true, 5.0, 8.0),
        ("payloads of one event", Kind::OneEvent, "run 20", false, 3.0, 4.5),
        ("the same, peer unzips on one thread", Kind::OneEvent, "run 20 sync", false, 0.0, 0.0),
        ("payloads with extractedFields", Kind::ExtractedFields, "run 3", false, 4.0, 8.0),
        ("whole invocation with gzip and signature, peer without gzip", Kind::Whole, "invoke 1", true, 4.0, 6.0),
    ];
    for (what, kind, command, normalises, must, aim) in cases {
        let payloads = corpus::by_kind(kind);
        let median = Race { payloads: &payloads, command, normalises }.run(start());
        let limit = |factor: f64| if factor > 0.0 { format!("≥ {factor}x") } else { String::new() };
        report.row(what, median, median >= must, &limit(must), &limit(aim));
    }
}

#[expect(clippy::disallowed_methods, reason = "the folder of real logs is named there")]
fn real_payloads() -> Option<Vec<Payload>> {
    let folder = std::env::var("LOGCTL_REAL_LOGS").ok()?;
    Some(corpus::real(Path::new(&folder)).expect("LOGCTL_REAL_LOGS is a folder with *.log"))
}

/// The same for the logs in the folder `LOGCTL_REAL_LOGS`, which nobody here wrote.
fn real_logs(report: &mut Report, start: impl Fn() -> Peer) {
    let Some(payloads) = real_payloads() else {
        println!("skipped: real logs, without LOGCTL_REAL_LOGS, a folder with *.log");
        return;
    };
    let lines: usize = payloads.iter().map(|payload| payload.events).sum();
    for (normalises, how) in [(false, ""), (true, ", with normalisation")] {
        let median = Race { payloads: &payloads, command: "run 5", normalises }.run(start());
        let what = format!("real logs, {} files of {lines} lines{how}", payloads.len());
        report.row(&what, median, true, "", "");
    }
}

/// What redaction costs.
fn redact(report: &mut Report) {
    let (ratio, hits, events) = redaction::without_hits(&corpus::payloads());
    report.row("all detectors on logs without hits, of no redaction", ratio, ratio <= 2.0, "≤ 2x", "");
    report.note(&format!("Of {events} events of the corpus, {hits} hold something that is redacted."));
    let (name, growth, dearest) = redaction::hostile();
    report.row("a byte of a hostile line of 1 MB, of one of 64 KB", growth, growth <= 1.5, "≤ 1.5x", "1x");
    report.note(&format!(
        "The hostile line that grows most is of {name}; the dearest costs {dearest:.1} ms of CPU a MB."
    ));
    if let Some(payloads) = real_payloads() {
        let (ratio, hits, lines) = redaction::without_hits(&payloads);
        report.row("all detectors on real logs, of no redaction", ratio, ratio <= 2.0, "≤ 2x", "");
        report.note(&format!("Of {lines} real lines, {hits} hold something that is redacted."));
    }
}

/// CPU time of this process, in microseconds.
#[expect(clippy::cast_precision_loss, reason = "microseconds of a benchmark")]
fn cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1_000_000.0 + time.tv_nsec as f64 / 1_000.0
}

/// The most memory that a payload of 5 MB takes, in processes of their own.
fn memory(report: &mut Report, start: impl Fn() -> Peer) {
    let large = corpus::by_kind(Kind::Large);
    let mut peer = start();
    peer.load(&large);
    peer.ask("run 1");
    let theirs = peer.ask("rss")["max_rss_bytes"].as_u64().expect("bytes");
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .arg("once")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program runs");
    child.stdin.take().expect("a pipe").write_all(large[0].data.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let ours: u64 = String::from_utf8_lossy(&output.stdout).trim().parse().expect("bytes");
    let ratio = ratio(ours, theirs);
    report.row("peak memory on a payload of 5 MB", ratio, ratio <= 0.25, "≤ 1/4", "≤ 1/7");
    report.note(&format!("Peak memory: {} MB here, {} MB there.", ours >> 20, theirs >> 20));
}

/// Handles the payload on stdin and prints the most memory that this process has held, in bytes.
fn once() {
    let mut data = String::new();
    std::io::stdin().read_to_string(&mut data).expect("a payload");
    let sent = Ours::new().invoke(&data);
    assert!(sent > 0);
    println!("{}", most_memory("/proc/self/status").expect("Linux tells the memory"));
}

/// The most memory that a process has held, in bytes; nothing where it has ended.
fn most_memory(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok().map(|kilobytes: u64| kilobytes * 1024)
}

/// Works on the payloads of a kind for a while, for a profiler to look at: `profile KIND plain|whole|invoke`; the kind `real` is
/// the real logs.
fn profile() {
    let kind = std::env::args().nth(2).expect("a kind");
    let work = std::env::args().nth(3).unwrap_or_default();
    let payloads = match kind.as_str() {
        "real" => real_payloads().expect("LOGCTL_REAL_LOGS"),
        kind => corpus::by_kind(kind.parse().expect("a kind")),
    };
    let mut ours = Ours::new();
    let begun = cpu();
    let mut rounds = 0;
    while cpu() < begun + 4_000_000.0 {
        for payload in &payloads {
            if work == "invoke" {
                std::hint::black_box(ours.invoke(&payload.data));
            } else {
                ours.encode(&payload.data, work != "plain", |body| _ = std::hint::black_box(body.len()));
            }
        }
        rounds += 1;
    }
    println!("{:.0} µs a round", (cpu() - begun) / f64::from(rounds));
}

/// Where the time goes: nanoseconds a byte and an event for each payload, unpacking alone and all of it.
fn by_payload() {
    let mut ours = Ours::new();
    for payload in corpus::payloads() {
        let time = |run: &mut dyn FnMut()| {
            let mut best = f64::MAX;
            for _ in 0..ROUNDS {
                let begun = cpu();
                run();
                best = best.min(cpu() - begun);
            }
            best * 1_000.0
        };
        let unpacking = time(&mut || drop(unpack(&payload.data, DEFAULT_CAP)));
        let text = unpack(&payload.data, DEFAULT_CAP).expect("a payload");
        let parsing = time(&mut || drop(parse(&text, "r")));
        let plain = time(&mut || ours.encode(&payload.data, false, |_| {}));
        let whole = time(&mut || ours.encode(&payload.data, true, |_| {}));
        let per =
            |nanoseconds: f64, count: usize| nanoseconds / f64::from(u32::try_from(count.max(1)).unwrap_or(u32::MAX));
        println!(
            "{:24} {:6} events {:9} bytes: unpack {:5.2}, parse {:5.2}, plain {:6.2}, whole {:6.2} ns/byte; whole {:8.0} ns/event",
            payload.name,
            payload.events,
            payload.bytes,
            per(unpacking, payload.bytes),
            per(parsing, payload.bytes),
            per(plain, payload.bytes),
            per(whole, payload.bytes),
            per(whole, payload.events),
        );
    }
}

/// CPU time until a function asks for its first event.
fn first_next(root: &Path, folder: &Path, report: &mut Report) {
    let package = folder.join("node_modules/serverless-es-logs/templates/code/logsToEs.js");
    let package = package.display();
    let script = format!("require('{package}'); const c = process.cpuUsage(); console.log(c.user + c.system)");
    let theirs = || -> f64 {
        let output = Command::new("node").args(["-e", &script]).env("ES_ENDPOINT", "x").output().expect("node runs");
        String::from_utf8_lossy(&output.stdout).trim().parse().expect("microseconds")
    };
    let binary = root.join("target/dist/logs_forwarder");
    let mut ratios: Vec<f64> = (0..ROUNDS).map(|_| until_next(&binary) / theirs()).collect();
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ROUNDS / 2];
    report.row("CPU until the first /next, peer without its runtime", median, median <= 1.0 / 15.0, "≤ 1/15", "≤ 1/25");
}

/// CPU time of the forwarder until it asks for its first event, in microseconds.
fn until_next(binary: &PathBuf) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let variables = [
        ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
        ("AWS_LAMBDA_FUNCTION_NAME", "f"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
        ("LOGCTL_ENDPOINT", "https://search-bench.eu-west-1.es.amazonaws.com"),
        ("LOGCTL_AUTH", "sigv4"),
        ("LOGCTL_INDEX_PREFIX", "logctl"),
        ("LOGCTL_INDEX_PERIOD", "day"),
        ("LOGCTL_STACK", "bench"),
        ("LOGCTL_DEAD_LETTERS", "bench"),
        ("LOGCTL_ACCOUNT", "000000000000"),
    ];
    let mut child =
        Command::new(binary).env_clear().envs(variables).stdout(Stdio::null()).spawn().expect("make functions");
    let (mut stream, _) = listener.accept().expect("it asks");
    let mut byte = [0];
    stream.read_exact(&mut byte).expect("it asks");
    let text = std::fs::read_to_string(format!("/proc/{}/schedstat", child.id())).expect("Linux tells the CPU time");
    drop(child.kill());
    drop(child.wait());
    text.split(' ').next().and_then(|first| first.parse::<f64>().ok()).expect("nanoseconds") / 1_000.0
}

fn archive(root: &Path, report: &mut Report) {
    let bytes = std::fs::metadata(root.join("target/functions/logs_forwarder.zip")).expect("make functions").len();
    let megabytes = ratio(bytes, 1_000_000);
    report.row("zip in MB, redaction included", megabytes, megabytes <= 1.8, "≤ 1.8", "≤ 1.4");
}

/// Our documents contain all that theirs contain, but for what is named.
fn meaning(report: &mut Report, peer: &mut Peer) {
    let mut exceptions = Exceptions::new();
    let (mut compared, mut unreadable) = (0, 0);
    for payload in Kind::ALL.into_iter().flat_map(corpus::by_kind) {
        let payload = Payload { name: "compared".to_owned(), ..payload };
        peer.load(std::slice::from_ref(&payload));
        let dump = peer.ask("dump compared");
        let Some(theirs) = dump["body"].as_str() else { continue };
        let mut body = Vec::new();
        Ours::new().encode(&payload.data, true, |part| body.extend_from_slice(part));
        let ours = equality::documents(std::str::from_utf8(&body).expect("UTF-8"));
        let theirs = equality::documents(theirs);
        assert_eq!(ours.len(), theirs.len());
        for (id, document) in theirs {
            let mine = ours[&id].as_ref().expect("our documents are JSON");
            match document {
                None => unreadable += 1,
                Some(document) => {
                    equality::compare(mine, &document, &mut exceptions)
                        .unwrap_or_else(|difference| panic!("{id}: {difference}"));
                    compared += 1;
                }
            }
        }
    }
    report.note(&format!(
        "Of {compared} documents each contains all that the peer's contains, `_type` and the form of `@timestamp` aside, \
         but for these ({unreadable} of the peer's are no JSON, for half a surrogate pair):"
    ));
    for (why, count) in exceptions {
        report.note(&format!("* {why} ({count} times)"));
    }
}

/// The rows of `RESULTS.md`.
#[derive(Default)]
struct Report {
    rows: String,
    notes: String,
}

impl Report {
    fn row(&mut self, what: &str, value: f64, reached: bool, must: &str, aim: &str) {
        let verdict = if reached { "" } else { " **not reached**" };
        println!("{what}: {value:.2} (must {must}, aim {aim}){verdict}");
        self.rows.push_str(&format!("| {what} | {value:.2}{verdict} | {must} | {aim} |\n"));
    }

    /// A row without a figure.
    fn missing(&mut self, what: &str, why: &str, must: &str) {
        println!("{what}: not measured, {why} (must {must})");
        self.rows.push_str(&format!("| {what} | not measured: {why} | {must} |  |\n"));
    }

    fn note(&mut self, text: &str) {
        println!("{text}");
        self.notes.push_str(&format!("{text}\n"));
    }

    fn finish(self) -> String {
        format!(
            "# Results of `make bench`\n\n\
             Against the function that AWS generates for this job (npm `serverless-es-logs` 3.4.2), in one run over the\n\
             project's own corpus. Speeds are ratios of CPU time, medians of {ROUNDS} interleaved rounds; times are wall times\n\
             of the command, medians of more such rounds; the rest are sizes.\n\n\
             | figure | measured | must | aim |\n|---|---|---|---|\n{}\n{}",
            self.rows, self.notes
        )
    }
}
