//! What needs minutes. `make test-long` runs these by name and writes down when each last held; see `tests/LONG.md`.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use opensearch::http::Method;
use serde_json::{Value, json};

use super::{
    busy_index,
    delivery::replay_under_fire,
    faults::{Rig, Sent, events, well},
    function::Function,
    proxy::{Fault, Proxy},
    random_queries, random_text, real_logs,
    sandbox::{Run, Sandbox, now},
};

/// What the row in `tests/LONG.md` says.
#[expect(clippy::print_stdout, reason = "tests/long reads it")]
fn report(figures: &str) {
    println!("figures: {figures}");
}

/// Each call of each command, broken in each way.
#[test]
#[ignore = "make test-long PART=calls"]
fn calls() {
    report(&super::broken_calls::all());
}

/// Each action of each role, taken away once.
#[test]
#[ignore = "make test-long PART=permissions"]
fn permissions() {
    report(&super::permissions::all());
}

/// Audits of 10,000 and of 50,000 log groups, at the pace of the quotas.
#[test]
#[ignore = "make test-long PART=audit"]
fn audit() {
    report(&[10_000, 50_000].map(|groups| super::evidence::at_scale(groups, true)).join(". "));
}

/// The same without an index that could be asked: the event history has to tell who subscribed the groups.
#[test]
#[ignore = "make test-long PART=history"]
fn history() {
    report(&super::evidence::at_scale(10_000, false));
}

/// A thousand random strings.
#[test]
#[ignore = "make test-long PART=text"]
fn text() {
    report(&random_text::answers());
}

/// Three minutes without a domain, under load: the stack copes by itself, and nobody types a command.
#[test]
#[ignore = "make test-long PART=outage"]
fn outage() {
    const GROUPS: [&str; 3] = ["/outage/a", "/outage/b", "/outage/c"];
    let sandbox = Sandbox::up(None);
    let proxy = Proxy::start(sandbox.endpoint());
    sandbox.logctl(&format!("bootstrap --yes --endpoint {}", proxy.url)).ok();
    for group in GROUPS {
        sandbox.create_group(group);
    }
    sandbox.logctl("backfill --yes").ok();
    std::thread::sleep(Duration::from_secs(10)); // The first minutes of the groups are handed over.
    let since = now();
    let begun = Instant::now();
    let (mut puts, mut down) = (0, false);
    while begun.elapsed() < Duration::from_secs(270) {
        let was_down = std::mem::replace(&mut down, (30..210).contains(&begun.elapsed().as_secs()));
        match (was_down, down) {
            (false, true) => proxy.always("_bulk", Fault::Answer(503, "text/html", "<html>down</html>")),
            (true, false) => proxy.heal(),
            _ => {}
        }
        for group in GROUPS {
            let lines: Vec<String> = (0..20).map(|n| format!("outage {puts} {n}")).collect();
            sandbox.put_events(group, &lines);
            puts += 1;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    let bucket = sandbox.bucket_of("logctl-deadletters");
    let waiting = sandbox.objects(&bucket).len();
    let end = Instant::now() + Duration::from_mins(8);
    while !sandbox.objects(&bucket).is_empty() {
        assert!(Instant::now() < end, "the bucket is not empty");
        std::thread::sleep(Duration::from_secs(2));
    }
    let sent: BTreeSet<String> = GROUPS.iter().flat_map(|group| sandbox.event_ids(group, since)).collect();
    assert_eq!(sent.len(), puts * 20);
    let indexed = sandbox.indexed(since);
    assert!(indexed.values().all(|number| *number == 1));
    assert_eq!(indexed.into_keys().collect::<BTreeSet<_>>(), sent);

    let metrics: Vec<Value> = sandbox
        .messages("/aws/lambda/logctl-logctl-forwarder", since)
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let deliveries: Vec<&Value> = metrics.iter().filter(|line| line["Events"].is_number()).collect();
    assert_eq!(deliveries.len(), puts, "each delivery was handled once: none has failed");
    let open = deliveries.iter().filter(|line| line["CircuitOpen"] == 1).count();
    assert!(open > 0 && deliveries.last().unwrap()["CircuitOpen"] == 0, "the circuit opens and closes");
    let redriven: u64 = metrics.iter().filter_map(|line| line["Redriven"].as_u64()).sum();
    report(&format!(
        "{} events in {puts} deliveries, {open} of them with an open circuit; {waiting} objects waited at the end of \
         the load, {redriven} events redriven, none lost, none twice",
        sent.len()
    ));
}

/// A million events.
#[test]
#[ignore = "make test-long PART=burst"]
fn burst() {
    const PAYLOAD: usize = 10_000;
    const PAYLOADS: usize = 50;
    let rig = Rig::new(None);
    let mut functions: Vec<Function> = (0..2).map(|_| rig.patient_function()).collect();
    let mut sent = Sent::default();
    let mut early = Vec::new();
    let begun = Instant::now();
    for round in 0..PAYLOADS {
        for (at, function) in functions.iter().enumerate() {
            let lines = (0..PAYLOAD).map(|n| {
                format!(r#"{{"level":"info","requestId":"burst-{at}-{round}-{n}","path":"/orders/{n}","status":200,"tookMs":{}}}"#, n % 977)
            });
            let (event, ids) = events(&lines.collect::<Vec<_>>());
            sent.ids.extend(ids);
            function.begin(&event);
        }
        for function in &functions {
            well(&function.end());
        }
        if round == 4 {
            early = functions.iter().map(Function::peak_memory).collect();
        }
    }
    let took = begun.elapsed();
    let peaks: Vec<u64> = functions.iter().map(Function::peak_memory).collect();
    for (early, peak) in early.iter().zip(&peaks) {
        assert!(*peak < early + (8 << 20), "memory grows: {early} to {peak}");
        assert!(*peak < 128 << 20, "{peak}");
    }
    let dead = rig.letters().len();
    well(&functions[0].invoke("\"redrive\""));
    assert_eq!(rig.letters(), Vec::<Value>::new());
    let indexed = rig.sandbox.indexed(0); // Refreshes.
    let count = rig.sandbox.engine(Method::Post, "/logctl-*/_count", Some(json!({"query": {"match_all": {}}})));
    assert_eq!(count["count"], 2 * PAYLOAD * PAYLOADS);
    assert_eq!(indexed.into_keys().collect::<BTreeSet<_>>(), sent.ids);
    report(&format!(
        "1,000,000 events in {} s by two functions, at most {} MB of memory each, {dead} dead letters on the way",
        took.as_secs(),
        peaks.iter().max().unwrap() >> 20
    ));
}

/// One of three nodes is killed under load.
#[test]
#[ignore = "make test-long PART=cluster"]
fn cluster() {
    let rig = Rig::around(Sandbox::up_with_nodes(3));
    rig.sandbox.logctl("bootstrap --yes").ok();
    let mut function = rig.patient_function();
    let mut sent = Sent::default();
    let begun = Instant::now();
    let mut killed = false;
    while begun.elapsed() < Duration::from_mins(1) {
        if !killed && begun.elapsed() > Duration::from_secs(15) {
            rig.sandbox.stop_node(3);
            killed = true;
        }
        let lines: Vec<String> = (0..500).map(|n| format!("cluster {n}")).collect();
        let (event, ids) = events(&lines);
        sent.ids.extend(ids);
        well(&function.invoke(&event));
    }
    let dead = rig.letters().len();
    well(&rig.patient_function().invoke("\"redrive\""));
    assert_eq!(rig.account_for("a node is killed", &sent), 0);
    report(&format!(
        "{} events, one of three nodes killed after 15 s, {dead} dead letters on the way, none lost",
        sent.ids.len()
    ));
}

/// Five minutes of live events, some of them late, beside a replay, while a node is killed and the domain is out of reach.
#[test]
#[ignore = "make test-long PART=follow"]
fn follow() {
    const SECONDS: u64 = 300;
    let sandbox = Sandbox::up_with_nodes(3);
    let proxy = Proxy::start(sandbox.endpoint());
    sandbox.logctl("bootstrap --yes").ok();
    let mut feed = super::follows::Feed::new(&sandbox);
    let arguments = format!("tail -o jsonl --duration {}s --endpoint {}", SECONDS + 40, proxy.url);
    let tail = sandbox.start_logctl(&arguments, &[]);
    let reading = std::thread::spawn(move || tail.wait_with_output().unwrap());
    std::thread::sleep(Duration::from_secs(2));
    let begun = Instant::now();
    let (mut killed, mut restarted, mut ticks) = (false, false, 0);
    while begun.elapsed() < Duration::from_secs(SECONDS) {
        ticks += 1;
        feed.live(100);
        if ticks % 5 == 0 && feed.replayed < 50_000 {
            feed.replay(250);
        }
        let second = begun.elapsed().as_secs();
        if second > 100 && !killed {
            sandbox.stop_node(3);
            killed = true;
        }
        if second > 200 && !restarted {
            // The one that is asked; nothing is indexed until it is back.
            sandbox.restart_node(1, Duration::from_secs(5));
            restarted = true;
            ticks = begun.elapsed().as_secs() * 5;
        }
        match second {
            150..170 => proxy.always("_search", Fault::Answer(503, "application/json", "{}")),
            _ => proxy.heal(),
        }
        std::thread::sleep((begun + Duration::from_millis(200 * ticks)).saturating_duration_since(Instant::now()));
    }
    let run = Run::of(&reading.join().unwrap()).ok();
    feed.check(&run);
    run.says("trying again").says("the domain answers again after");
    report(&format!(
        "{} live events in five minutes and {} of a replay, one of three nodes killed, another one restarted, the domain out of reach for 20 s: each live \
         event shown once, those on time in order, none of the replay",
        feed.events.len(),
        feed.replayed
    ));
}

/// A million events written out, interrupted and gone on with, while events arrive and a node is killed.
#[test]
#[ignore = "make test-long PART=export"]
fn export() {
    report(&super::exports::a_million());
}

/// A replay that is killed again and again.
#[test]
#[ignore = "make test-long PART=replay"]
fn replay() {
    let in_the_middle = replay_under_fire(50_000, 200, 20);
    assert!(in_the_middle >= 10, "{in_the_middle}");
    report(&format!(
        "50,000 dead letters, replay killed 20 times, {in_the_middle} of them when some events were indexed and some not; each indexed once"
    ));
}

/// Ten thousand random queries.
#[test]
#[ignore = "make test-long PART=queries"]
fn queries() {
    let found = random_queries::answers(10_000, 6);
    report(&format!("10,000 random queries found {found} events, as a look at each event does"));
}

/// Lines that nobody here wrote, pasted.
#[test]
#[ignore = "make test-long PART=pasted"]
fn pasted() {
    report(&real_logs::pasted());
}

/// One day's index of an account in which much goes on.
#[test]
#[ignore = "make test-long PART=index"]
fn index() {
    report(&busy_index::answers());
}
