//! Answers that are read as they are written: each event once, in order, however many there are, and from where they broke off.

use std::{
    collections::BTreeSet,
    io::Write as _,
    sync::atomic::{AtomicBool, Ordering},
};

use opensearch::http::Method;
use serde_json::{Value, json};

use super::sandbox::{Sandbox, now};

/// Puts events of a group into the index: their ids are 0, 1, …, and so many of them happen in each millisecond.
fn fill(sandbox: &Sandbox, group: &str, events: usize, in_each: usize) -> i64 {
    let begin = now() - 1_200_000;
    for chunk in (0..events).collect::<Vec<_>>().chunks(5_000) {
        let mut body = String::new();
        for event in chunk {
            let at = begin + i64::try_from(event / in_each).unwrap();
            let message = format!("order {event} placed \u{fc}ber, all of it");
            let document = json!({
                "@timestamp": at, "@ingested": at + 5, "@log_group": group, "@log_stream": "s", "@owner": "000000000000",
                "@region": "us-east-1", "@level": if event % 10 == 0 { "error" } else { "info" }, "@message": message, "order": event,
            });
            body += &format!("{{\"create\":{{\"_id\":\"{event:07}\"}}}}\n{document}\n");
        }
        let answer = sandbox.engine_text(Method::Post, "/logctl-2026.01.01/_bulk?filter_path=errors", body);
        assert_eq!(answer["errors"], false);
    }
    sandbox.engine(Method::Post, "/logctl-*/_refresh", None);
    begin
}

/// The numbers of the events of JSON lines, in their order.
fn numbers(lines: &str) -> Vec<u64> {
    let event = |line: &str| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    lines.lines().map(|line| event(line)["fields"]["order"].as_u64().unwrap()).collect()
}

#[test]
fn events_of_one_millisecond_are_written_each_once() {
    const EVENTS: usize = 250_000;
    let sandbox = Sandbox::up(None);
    sandbox.logctl("bootstrap --yes").ok();
    fill(&sandbox, "/app", EVENTS, EVENTS);
    let run = sandbox.logctl("search --all -o jsonl").ok().says("all 250,000 events from");
    let written = numbers(&run.stdout);
    assert_eq!((written.len(), written.iter().collect::<BTreeSet<_>>().len()), (EVENTS, EVENTS));
    // Whoever has seen enough ends it.
    let folder = sandbox.home().to_owned();
    let line = "$LOGCTL search --all -o jsonl | head -1 > one; echo ${PIPESTATUS[0]}";
    sandbox.shell(&folder, line).ok().prints("0");
    // Ctrl-C ends it, and another run goes on from there.
    let line = r#"$LOGCTL search --all -z UTC --to all.jsonl & pid=$!
        until [ "$(stat -c %s all.jsonl.part 2>/dev/null || echo 0)" -gt 8000000 ]; do sleep 0.05; done
        kill -INT $pid; wait $pid; echo "ended $?""#;
    let run = sandbox.shell(&folder, line).ok().prints("ended 130").says("go on with the same command, --since ");
    assert!(!folder.join("all.jsonl").exists());
    let options = run.stderr.lines().find_map(|line| line.split_once("the same command, ")).unwrap().1.to_owned();
    sandbox.logctl(&format!("search --all --to {}/all.jsonl", folder.display())).exits(2).says("is there from before");
    let again = format!("search --all --to {}/all.jsonl {options}", folder.display());
    sandbox.logctl(&again).ok().says("behind the cursor");
    let written = numbers(&std::fs::read_to_string(folder.join("all.jsonl")).unwrap());
    assert_eq!((written.len(), written.iter().collect::<BTreeSet<_>>().len()), (EVENTS, EVENTS));
    let open = sandbox.engine(Method::Get, "/_nodes/stats/indices/search", None);
    let nodes = open["nodes"].as_object().unwrap().values();
    assert!(nodes.map(|node| node["indices"]["search"]["open_contexts"].as_u64().unwrap()).all(|open| open == 0));
}

#[test]
fn a_long_answer_is_written_in_order_and_in_every_form() {
    let sandbox = Sandbox::up(None);
    sandbox.logctl("bootstrap --yes").ok();
    fill(&sandbox, "/app", 30_000, 3);
    let all = numbers(&sandbox.logctl("search --all -o jsonl").ok().stdout);
    assert_eq!(all.len(), 30_000);
    assert!(all.windows(2).all(|two| two[0] / 3 <= two[1] / 3), "time goes on");
    // The same as an answer that is held in memory.
    let few = sandbox.logctl("search -n 500 -o jsonl").ok().stdout;
    let many = sandbox.logctl("search --all -o jsonl").ok().stdout;
    let values = |text: &str| text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>();
    let many_values = values(&many);
    assert!(values(&few).iter().all(|event| many_values.contains(event)));
    // The newest, more than are held in memory.
    let newest =
        numbers(&sandbox.logctl("search -n 12345 -o jsonl").ok().says("the newest 12,345 events of 30,000").stdout);
    assert_eq!(newest.iter().min(), Some(&(30_000 - 12_345)));
    assert_eq!(newest.len(), 12_345);
    let text = sandbox.logctl("search --all -l error").ok().says("all 3,000 events").stdout;
    assert_eq!(text.lines().count(), 3_000);
    let csv = sandbox.logctl("search --all -o csv -F time,order").ok().stdout;
    assert_eq!((csv.lines().count(), csv.lines().next()), (30_001, Some("time,order")));
    sandbox.logctl("search --all -o csv -F time,ordr").ok().says("has a field ordr").says("the nearest is order");
    let verified = sandbox.run(&["search", "--all", "message=~/order 2999[0-9] p/", "-o", "id"], &[]).ok().stdout;
    assert_eq!(verified.lines().count(), 10);
    // What cannot be.
    sandbox.logctl("search --all -o json").exits(2).says("-o jsonl");
    sandbox.logctl("search --all nowhere-at-all").ok().says("nothing found");
    let cursor: Value = serde_json::from_str(many.lines().nth(17).unwrap()).unwrap();
    let cursor = cursor["cursor"].as_str().unwrap();
    let rest = sandbox.logctl(&format!("search --all -o id --cursor {cursor}")).ok().stdout;
    assert_eq!(rest.lines().count(), 30_000 - 18);
    let other = sandbox.logctl(&format!("search --all -o id -g /other --cursor {cursor}"));
    other.exits(2).says("is not among those that this query finds").prints_nothing();
    sandbox.logctl("search --all --cursor 17").exits(2).says("a cursor is");
    sandbox.shell(sandbox.home(), "$LOGCTL search --all > /dev/full").exits(1).says("cannot write the answer");
    // What no text can hold is in an index that others write, too.
    let half = format!(
        "{{\"create\":{{}}}}\n{{\"@timestamp\":{},\"@log_group\":\"/app\",\"@message\":\"half \\ud800 a pair\",\"order\":30000}}\n",
        now() - 1_000
    );
    assert_eq!(sandbox.engine_text(Method::Post, "/logctl-2026.01.01/_bulk?refresh=true", half)["errors"], false);
    for command in ["search half -o jsonl", "search --all half -o jsonl", "search -n 100 -o jsonl"] {
        let found = sandbox.logctl(command).ok().stdout;
        let last = values(&found).pop().unwrap();
        assert!(last["message"] == "half \u{fffd} a pair" && last["fields"]["order"] == 30_000, "{command}: {last}");
    }
}

#[test]
fn an_export_goes_on_with_what_its_file_has() {
    const EVENTS: usize = 60_000;
    let sandbox = Sandbox::up(None);
    sandbox.logctl("bootstrap --yes").ok();
    fill(&sandbox, "/app", EVENTS, 3);
    let folder = sandbox.home().to_owned();
    let (file, part) = (folder.join("all.jsonl"), folder.join("all.jsonl.part"));
    let to = format!("search --all --to {}", file.display());
    // Runs it until the file has so many bytes, and gives what it then says to go on with.
    let interrupted = |options: &str, bytes: u64| {
        let line = format!(
            r#"$LOGCTL search --all --to all.jsonl -o jsonl {options} & pid=$!
            until [ "$(stat -c %s all.jsonl.part 2>/dev/null || echo 0)" -gt {bytes} ]; do sleep 0.02; done
            kill -INT $pid; wait $pid; echo "ended $?""#
        );
        let run = sandbox.shell(&folder, &line).ok().prints("ended 130");
        let error: Value = serde_json::from_str(run.stderr.lines().last().unwrap()).unwrap();
        error["error"]["hint"].as_str().unwrap().split_once("the same command, ").unwrap().1.to_owned()
    };
    let first = interrupted("--since 1h", 2_000_000);
    let second = interrupted(&format!("--since 1h {first}"), 8_000_000);
    // Another run is at work.
    let held = std::fs::File::open(&part).unwrap();
    held.lock().unwrap();
    sandbox.logctl(&to).exits(1).says("is being written by another run");
    sandbox.logctl(&format!("{to} {second}")).exits(1).says("is being written by another run");
    drop(held);
    // The cursor before the last one, and half a line behind the last.
    std::fs::OpenOptions::new().append(true).open(&part).unwrap().write_all(b"{\"half").unwrap();
    sandbox.logctl(&format!("{to} {first}")).ok().says("all of them, with those of before, are in");
    assert!(numbers(&std::fs::read_to_string(&file).unwrap()).into_iter().eq(0..EVENTS as u64));
    // A file that has lost some.
    std::fs::rename(&file, &part).unwrap();
    std::fs::OpenOptions::new().write(true).open(&part).unwrap().set_len(1_000_000).unwrap();
    sandbox.logctl(&format!("{to} {first}")).exits(2).says("has 1000000 bytes, and had");
    std::fs::remove_file(&part).unwrap();
    sandbox.logctl(&format!("{to} {first}")).exits(2).says("to go on with");
    let (_, cursor) = first.split_once("--cursor ").unwrap();
    sandbox.logctl(&format!("search -n 5 --cursor {cursor}")).exits(2).says("cannot be used with");
    // Nothing is an answer, too.
    sandbox.shell(&folder, "$LOGCTL search --all nowhere-at-all --to none.csv").ok().says("nothing found");
    assert!(std::fs::read_to_string(folder.join("none.csv")).unwrap().starts_with("time,"));
    assert!(!folder.join("none.csv.part").exists());
    let verified = sandbox.run(&["search", "--all", "message=~/order 1 never/", "-o", "csv", "-F", "time"], &[]).ok();
    assert_eq!(verified.says("nothing found").stdout, "time\n");
    sandbox
        .logctl(&format!("search --all -g /nope --to {}/none.jsonl", folder.display()))
        .exits(5)
        .says("the nearest is /app");
    assert!(!folder.join("none.jsonl").exists() && !folder.join("none.jsonl.part").exists());
    // Events that are deleted while they are read.
    let line = r#"$LOGCTL search --all --to gone.jsonl & pid=$!
        until [ "$(stat -c %s gone.jsonl.part 2>/dev/null || echo 0)" -gt 2000000 ]; do sleep 0.02; done
        kill -STOP $pid
        python3 -c "import os, urllib.request as http
http.urlopen(http.Request(os.environ['LOGCTL_ENDPOINT'] + '/logctl-2026.01.01', method='DELETE'))"
        kill -CONT $pid; wait $pid; echo "ended $?""#;
    let run =
        sandbox.shell(&folder, line).ok().prints("ended 3").says("were counted at the beginning and not found later");
    let written = numbers(&std::fs::read_to_string(folder.join("gone.jsonl")).unwrap()).len();
    let said = run.stderr.lines().find_map(|line| line.split_once(" events were counted")).unwrap().0;
    let said: String = said.rsplit(' ').next().unwrap().chars().filter(char::is_ascii_digit).collect();
    assert_eq!(said.parse(), Ok(EVENTS - written));
}

/// Documents that lie side by side are read together, in each engine, of several shards and segments; whatever becomes of the
/// index meanwhile, each event is there once.
#[test]
fn documents_side_by_side_are_each_written_once() {
    const EVENTS: usize = 12_000;
    for engine in [None, Some("opensearch-2.19"), Some("elasticsearch-7.10")] {
        let sandbox = Sandbox::up(engine);
        sandbox.logctl("bootstrap --yes --shards 3").ok();
        let groups = ["/aws/lambda/a", "/aws/lambda/b", "/ecs/c", "/vpc"];
        let long = "x".repeat(950); // Longer than the first events, by which pages are planned.
        let begin = now() - 1_200_000;
        let write = |numbers: &[usize]| {
            let mut body = String::new();
            for number in numbers {
                let document = json!({
                    "@timestamp": begin + i64::try_from(*number).unwrap(), "@log_group": groups[number % 7 % 4], "@log_stream": "s",
                    "@message": format!("order {number} {}", if *number < 100 { "" } else { &long }), "order": number,
                });
                let index = format!("logctl-2026.01.0{}", 1 + number % 5 / 4);
                body += &format!("{{\"index\":{{\"_index\":\"{index}\",\"_id\":\"{number:07}\"}}}}\n{document}\n");
            }
            assert_eq!(sandbox.engine_text(Method::Post, "/_bulk?refresh=true", body)["errors"], false);
        };
        for chunk in (0..EVENTS).collect::<Vec<_>>().chunks(3_000) {
            write(chunk);
        }
        // Documents that are gone, and some that were written twice.
        write(&(0..EVENTS).filter(|number| number % 9_000 == 5).collect::<Vec<_>>());
        let gone = json!({"query": {"terms": {"order": [17, 4_711, 9_000]}}});
        sandbox.engine(Method::Post, "/logctl-*/_delete_by_query?refresh=true", Some(gone));
        let all: Vec<u64> = (0..EVENTS as u64).filter(|number| ![17, 4_711, 9_000].contains(number)).collect();
        // An engine that has just started takes long for everything.
        let is_by_runs = || {
            let run = sandbox.logctl("search --all -o jsonl -v").ok();
            assert_eq!(numbers(&run.stdout), all);
            run.stderr.contains("/_msearch") && !run.stderr.contains("was not what was announced")
        };
        assert!((0..40).any(|_| is_by_runs()), "no answer was read by runs");
        let of_group = sandbox.logctl("search --all -o jsonl -g /vpc").ok().stdout;
        assert_eq!(numbers(&of_group), all.iter().copied().filter(|number| number % 7 == 3).collect::<Vec<_>>());
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut nth = 0;
                while !stop.load(Ordering::Relaxed) {
                    // The same again, under the same ids, so that documents move.
                    nth += 1;
                    write(
                        &(0..EVENTS)
                            .filter(|number| number % 97 == nth % 97 && ![17, 4_711, 9_000].contains(number))
                            .collect::<Vec<_>>(),
                    );
                    let path = format!("/logctl-*/_forcemerge?max_num_segments={}", 1 + nth % 3);
                    sandbox.engine(Method::Post, &path, None);
                }
            });
            let runs = [(); 3].map(|()| sandbox.logctl("search --all -o jsonl"));
            stop.store(true, Ordering::Relaxed);
            for run in runs {
                assert_eq!(numbers(&run.ok().stdout), all);
            }
        });
    }
}

/// A million events, written in pieces: each run is interrupted and gone on with, events of the same time range arrive meanwhile,
/// and one of three nodes is killed.
pub(super) fn a_million() -> String {
    const EVENTS: usize = 1_000_000;
    let sandbox = Sandbox::up_with_nodes(3);
    sandbox.logctl("bootstrap --yes").ok();
    let begin = fill(&sandbox, "/app", EVENTS, 10);
    let folder = sandbox.home().to_owned();
    let until = jiff::Timestamp::from_millisecond(begin + 600_000).unwrap();
    let mut options = format!("--since {} --until {until}", jiff::Timestamp::from_millisecond(begin - 1).unwrap());
    let (mut interrupted, mut arrived) = (0, 0);
    loop {
        // What is written by now decides when it is interrupted.
        let enough = 60_000_000 * (interrupted + 1);
        let line = format!(
            r#"$LOGCTL search --all --to all.jsonl {options} & pid=$!
            until [ "$(stat -c %s all.jsonl.part 2>/dev/null || echo 0)" -gt {enough} ] || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
            kill -INT $pid 2>/dev/null; wait $pid; echo "ended $?""#
        );
        let run = sandbox.shell(&folder, &line).ok();
        if folder.join("all.jsonl").exists() {
            run.prints("ended 0");
            break;
        }
        let run = run.prints("ended 130");
        interrupted += 1;
        let go_on = run.stderr.lines().find_map(|line| line.split_once("the same command, ")).unwrap();
        options = go_on.1.to_string();
        // These are of a time that has been read, and of one that has not.
        for at in [begin + 1, begin + 99_999] {
            arrived += 1;
            let document = json!({
                "@timestamp": at, "@ingested": now(), "@log_group": "/app", "@log_stream": "s", "@owner": "000000000000",
                "@region": "us-east-1", "@message": "late", "order": EVENTS + arrived,
            });
            let body = format!("{{\"create\":{{\"_id\":\"late{arrived}\"}}}}\n{document}\n");
            assert_eq!(
                sandbox.engine_text(Method::Post, "/logctl-2026.01.01/_bulk?refresh=true", body)["errors"],
                false
            );
        }
        if interrupted == 2 {
            sandbox.stop_node(3);
        }
    }
    let written = numbers(&std::fs::read_to_string(folder.join("all.jsonl")).unwrap());
    let each: BTreeSet<u64> = written.iter().copied().collect();
    assert_eq!(each.len(), written.len(), "an event is there twice");
    let all = u64::try_from(EVENTS).unwrap();
    assert!((0..all).all(|event| each.contains(&event)), "of {all} there are {}", each.range(..all).count());
    // What came where nothing had been read yet is there: the last two of each pair.
    let late = each.range(all..).count();
    assert!(late >= interrupted, "{late} of {arrived} late events");
    format!(
        "{EVENTS} events written out in {} runs, each but the last interrupted, while {arrived} others arrived, of which {late} were yet to \
         come, and one of three nodes was killed: each written once",
        interrupted + 1
    )
}
