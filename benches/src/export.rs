//! An export in the order of time beside what else can make one: the engine's own paging, with its bytes thrown away,
//! `opensearch-py` and `elasticdump`.
//!
//! Wall times, in turns: engine and client share the machine.

use std::{
    io::Read as _,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use futures_util::future::join_all;
use hyper::Method;
use memchr::{memchr_iter, memmem};
use serde_json::{Value, json};

use crate::{
    Report, corpus, most_memory, ratio,
    storage::Engine,
    terminal::{logctl, median},
};

/// Events that are exported.
pub const EVENTS: u64 = 1_000_000;
const ROUNDS: usize = 3;
/// What the index is called that the copies are made of.
const ONCE: &str = "searchedonce";
/// What those are called that are exported: packed as our template has it, as engines do by themselves, and many of them.
const OURS: &str = "searchedall";
const FAST: &str = "searchedfast";
const MANY: &str = "searchedmany";
/// The corpus is of the days before this; a copy of it is of earlier days.
const END: i64 = 1_795_392_000_000;
const DAY: i64 = 86_400_000;
const DAYS: i64 = 13;
/// Hits of one page.
const PAGE: usize = 5_000;

/// Indexes the corpus until there are so many events, exports them in turns with the peers, and writes the rows: as our template
/// packs documents, and as engines do by themselves. Ten times as many are exported once.
pub async fn run(root: &Path, engine: &Engine<'_>, events: u64, report: &mut Report) {
    let peers = Peers::install(root);
    let source = engine.fill(ONCE, &corpus::payloads()).await;
    let fast = |template: &mut Value| {
        template["priority"] = json!(1_000); // Ours fits these indices, too.
        template["template"]["settings"]["index"]["codec"] = json!("default");
    };
    engine.install(FAST, &[&format!("{FAST}-*")], fast).await;
    let many = |template: &mut Value| {
        fast(template);
        // What is not searched by is not indexed: so they are there sooner.
        let times = json!({"@timestamp": template["template"]["mappings"]["properties"]["@timestamp"]});
        template["template"]["mappings"] = json!({"dynamic": false, "properties": times});
        template["template"]["settings"]["index"].as_object_mut().expect("settings").remove("sort");
    };
    engine.install(MANY, &[&format!("{MANY}-*")], many).await;
    let mut most = 0;
    for (prefix, packed) in [(OURS, ""), (FAST, ", packed as engines do by themselves")] {
        let events = fill(engine, source.as_str(), prefix, events).await;
        most = most.max(compare(root, engine, peers.as_ref(), (prefix, packed), events, report).await);
        engine.ask(Method::DELETE, &format!("/{prefix}-*"), &Value::Null).await;
    }
    let events = fill(engine, source.as_str(), MANY, 10 * events).await;
    let (time, memory) = until_end(&mut export(root, engine, MANY), events);
    report.note(&format!(
        "Ten times as many are {events} events, of indices that know their times alone, and took {time:.0} s, once."
    ));
    for (what, memory) in [("an export", most), ("an export of ten times as many events", memory)] {
        let megabytes = ratio(memory, 1 << 20);
        report.row(&format!("most memory of {what}, in MB"), megabytes, megabytes <= 64.0, "≤ 64", "");
    }
}

/// When the events happened that are exported.
const fn range() -> (i64, i64) {
    (END - (DAYS + 7) * DAY, END)
}

/// Our export of all of them.
fn export(root: &Path, engine: &Engine<'_>, prefix: &str) -> Command {
    let mut command = logctl(root);
    let (since, until) = range();
    command.args(["search", "--all", "-o", "jsonl", "--since", &iso(since), "--until", &iso(until)]);
    command.args(["--endpoint", &engine.url, "--index-prefix", prefix]);
    command
}

/// Exports the events in turns, writes the rows, and tells the most memory of ours, in bytes.
async fn compare(
    root: &Path,
    engine: &Engine<'_>,
    peers: Option<&Peers>,
    (prefix, packed): (&str, &str),
    events: u64,
    report: &mut Report,
) -> u64 {
    let indices = format!("{prefix}-2*");
    let range = range();
    // A part of the range is enough to find the best number of slices; the first time of each warms up.
    let part = (range.1 - (range.1 - range.0) / 5, range.1);
    let mut slices = (0, f64::MAX);
    for number in [1, 2, 3, 4] {
        paging(engine, &indices, part, number).await;
        let begun = Instant::now();
        paging(engine, &indices, part, number).await;
        let time = begun.elapsed().as_secs_f64();
        slices = if time < slices.1 { (number, time) } else { slices };
    }
    let mut rounds = Vec::new();
    let mut most = 0;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        assert_eq!(paging(engine, &indices, range, slices.0).await, events, "the engine's own paging");
        let own = begun.elapsed().as_secs_f64();
        let (time, memory) = until_end(&mut export(root, engine, prefix), events);
        most = most.max(memory);
        let [python, dump] = match peers {
            Some(peers) => [peers.scan(root, &engine.url, &indices, range), peers.dump(&engine.url, &indices, range)]
                .map(|mut peer| until_end(&mut peer, events).0),
            None => [f64::NAN; 2],
        };
        println!("{prefix}: own {own:.1} s, logctl {time:.1} s, opensearch-py {python:.1} s, elasticdump {dump:.1} s");
        rounds.push([own / time, python / time, dump / time, time]);
    }
    let [own, python, dump, time] = [0, 1, 2, 3].map(|which| median(rounds.iter().map(|round| round[which])));
    let best = format!("export, of the engine's own paging in {} slices{packed}", slices.0);
    report.row(&best, own, own >= 0.85, "≥ 0.85x", "≥ 0.95x");
    for (peer, figure, must) in [("`opensearch-py` scan", python, 3.0), ("`elasticdump`", dump, 5.0)] {
        let what = format!("export, of {peer} in the order of time{packed}");
        let limit = format!("≥ {must}x");
        if peers.is_some() {
            report.row(&what, figure, figure >= must, &limit, "");
        } else {
            report.missing(&what, "npm or pip cannot install it", &limit);
        }
    }
    report.note(&format!(
        "The export{packed} is of {events} events in {DAYS} indices, and took {time:.0} s: wall time, of engine and client on one machine."
    ));
    most
}

/// Copies of the corpus, on each day as many.
async fn fill(engine: &Engine<'_>, source: &str, prefix: &str, events: u64) -> u64 {
    // An engine that is there from before may hold some.
    engine.ask(Method::DELETE, &format!("/{prefix}-*"), &Value::Null).await;
    let mut total = 0;
    for copy in 0.. {
        let (day, nth) = (copy % DAYS, copy / DAYS);
        let index =
            iso(END - (day + 1) * DAY).split('T').next().map(|date| format!("{prefix}-{}", date.replace('-', ".")));
        // Copies of one day lie a minute apart.
        let shift = day * DAY + nth * 60_000;
        let script = json!({
            "lang": "painless",
            "source": "ctx._id = params.copy + ctx._id; ctx._source['@timestamp'] -= params.shift",
            "params": {"copy": format!("{copy:04}"), "shift": shift},
        });
        let body = json!({"source": {"index": source, "size": PAGE}, "dest": {"index": index}, "script": script});
        let answer = engine.ask(Method::POST, "/_reindex?refresh=true&slices=2", &body).await;
        assert_eq!(answer["failures"], json!([]), "{answer}");
        total += answer["created"].as_u64().expect("a number");
        if total >= events {
            break;
        }
    }
    total
}

/// Pages by point in time and `search_after`, in so many parts of the range at once, and counts the events.
async fn paging(engine: &Engine<'_>, indices: &str, (begin, end): (i64, i64), slices: i64) -> u64 {
    let path = format!("/{indices}/_search/point_in_time?keep_alive=5m");
    let opened = engine.ask(Method::POST, &path, &Value::Null).await;
    let point = &opened["pit_id"];
    let slice = async |nth: i64| {
        let bound = |nth: i64| begin + (end - begin) * nth / slices;
        let range = json!({"gte": bound(nth), "lt": bound(nth + 1), "format": "epoch_millis"});
        let mut body = json!({
            "size": PAGE,
            "track_total_hits": false,
            "pit": {"id": point, "keep_alive": "5m"},
            "query": {"range": {"@timestamp": range}},
            "sort": [{"@timestamp": "asc"}, {"_shard_doc": "asc"}],
        });
        let mut events = 0;
        loop {
            let page = engine.bytes(Method::POST, "/_search", &body).await;
            let hits = memmem::find_iter(&page, br#"{"_index":""#).count();
            events += hits as u64;
            if hits < PAGE {
                return events;
            }
            let sort = memmem::rfind(&page, br#""sort":["#).expect("hits are sorted") + r#""sort":"#.len();
            let mut values = serde_json::Deserializer::from_slice(&page[sort..]).into_iter::<Value>();
            body["search_after"] = values.next().expect("a value").expect("JSON");
        }
    };
    let events = join_all((0..slices).map(slice)).await.iter().sum();
    engine.ask(Method::DELETE, "/_search/point_in_time", &json!({"pit_id": [point]})).await;
    events
}

/// Seconds until it has written so many lines and ended, and the most memory it held meanwhile, in bytes.
fn until_end(command: &mut Command, events: u64) -> (f64, u64) {
    let begun = Instant::now();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut output = child.stdout.take().expect("a pipe");
    let status = format!("/proc/{}/status", child.id());
    let (mut buffer, mut lines, mut memory) = (vec![0; 1 << 20], 0, 0);
    loop {
        let length = output.read(&mut buffer).expect("it writes");
        if length == 0 {
            break;
        }
        lines += memchr_iter(b'\n', &buffer[..length]).count() as u64;
        memory = most_memory(&status).unwrap_or(memory);
    }
    let status = child.wait().expect("it ends");
    assert!(status.success(), "{command:?}: {status}");
    assert_eq!(lines, events, "{command:?}");
    (begun.elapsed().as_secs_f64(), memory)
}

/// The other programs.
struct Peers {
    python: std::path::PathBuf,
    dump: std::path::PathBuf,
}

impl Peers {
    /// Installs them once.
    fn install(root: &Path) -> Option<Self> {
        let folder = root.join("target/peer");
        let peers = Self {
            python: folder.join("python/bin/python"),
            dump: folder.join("dump/node_modules/elasticdump/bin/elasticdump"),
        };
        let run = |program: &Path, arguments: &[&str]| {
            let status = Command::new(program).args(arguments).stdout(Stdio::null()).status();
            status.ok()?.success().then_some(())
        };
        if !peers.python.exists() {
            run(Path::new("python3"), &["-m", "venv", folder.join("python").to_str()?])?;
            run(&peers.python, &["-m", "pip", "install", "--quiet", "opensearch-py==3.2.0"])?;
        }
        if !peers.dump.exists() {
            let install = ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "elasticdump@6.125.1"];
            let prefix = folder.join("dump");
            std::fs::create_dir_all(&prefix).ok()?;
            run(Path::new("npm"), &[&install[..], &["--prefix", prefix.to_str()?]].concat())?;
        }
        Some(peers)
    }

    fn scan(&self, root: &Path, url: &str, indices: &str, (begin, end): (i64, i64)) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(root.join("benches/scan.py")).args([url, indices, &begin.to_string(), &end.to_string()]);
        command
    }

    fn dump(&self, url: &str, indices: &str, (begin, end): (i64, i64)) -> Command {
        let range = json!({"range": {"@timestamp": {"gte": begin, "lt": end, "format": "epoch_millis"}}});
        let query = json!({"query": range, "sort": [{"@timestamp": "asc"}]});
        let mut command = Command::new("node");
        command.arg(&self.dump).args(["--type=data", "--output=$", "--sourceOnly=true", "--noRefresh", "--quiet"]);
        command.args([
            &format!("--limit={PAGE}"),
            &format!("--input={url}/{indices}"),
            &format!("--searchBody={query}"),
        ]);
        command
    }
}

/// A time for the command line.
fn iso(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(milliseconds).expect("a time").to_string()
}
