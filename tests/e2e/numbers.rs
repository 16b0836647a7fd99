//! Numbers: the same as somebody counts who reads every message.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    faults::{Rig, from, well},
    questions::midday,
    sandbox::{Sandbox, now},
};

const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;
const WORDS: [&str; 5] = ["payment failed", "payment done", "cart is empty", "über alles", "failed: payment"];

/// An event as it is sent: when, and its JSON.
fn event(number: usize, random: &mut fastrand::Rng) -> Value {
    let (status, country) = ([200, 200, 404, 500][random.usize(..4)], ["DE", "FR", "Österreich"][random.usize(..3)]);
    let (message, tags) = (WORDS[random.usize(..WORDS.len())], [["a", "b"], ["b", "b"], ["c", "a"]][random.usize(..3)]);
    let order = json!({"country": country, "total": number / 7});
    let mut event = json!({"message": message, "status": status, "order": order, "tags": tags});
    if !number.is_multiple_of(3) {
        event["level"] = ["info", "WARNING", "error", "debug"][random.usize(..4)].into();
    }
    if number.is_multiple_of(5) {
        event["customer-id"] = json!(format!("c {}", number % 11));
    }
    event
}

/// A level as the index has it.
fn normalised(level: &str) -> &str {
    if level == "WARNING" { "warn" } else { level }
}

/// Sends events of two days, of which nothing is typed on the first: when each happened, and what it says.
fn sent(rig: &Rig) -> Vec<(i64, Value)> {
    let mut random = fastrand::Rng::with_seed(11);
    let mut events = Vec::new();
    for (back, room) in [(2, "0"), (1, "2000")] {
        let mut function = rig.function_with(&[("LOGCTL_TYPED_NAMES", room)]);
        for group in ["/shop/pay", "/shop/cart"] {
            let begin = midday() - back * DAY;
            let here: Vec<(i64, Value)> =
                (0..150).map(|number| (begin + random.i64(0..190 * MINUTE), event(number, &mut random))).collect();
            let messages: Vec<String> = here.iter().map(|(_, event)| event.to_string()).collect();
            let times: Vec<i64> = here.iter().map(|(time, _)| *time).collect();
            let (invocation, _) = from(group, &messages, &times);
            well(&function.invoke(&invocation));
            events.extend(here);
        }
    }
    events
}

#[test]
fn they_equal_what_the_messages_say() {
    for engine in [None, Some("opensearch-2.19"), Some("elasticsearch-7.10")] {
        let rig = Rig::new(engine);
        let events = sent(&rig);
        rig.sandbox.engine(opensearch::http::Method::Post, "/_refresh", None);
        let ask = |arguments: &[&str]| {
            let run = rig.sandbox.run(&[arguments, &["--since", "3d", "-o", "json"]].concat(), &[]);
            run.ok().json()
        };
        let count = |query: &[&str]| ask(&[&["count"], query].concat())["count"].as_u64().unwrap();
        let brute = |holds: &dyn Fn(&Value) -> bool| events.iter().filter(|(_, event)| holds(event)).count() as u64;
        let said = |event: &Value| event["message"].as_str().unwrap().to_owned();
        assert_eq!(count(&[]), 600, "{engine:?}");
        assert_eq!(count(&["status=500"]), brute(&|event| event["status"] == 500), "{engine:?}");
        assert_eq!(count(&["payment failed"]), brute(&|event| said(event) == "payment failed"), "{engine:?}");
        // This one is verified here, event by event.
        assert_eq!(count(&["message=~/^failed.*t$/"]), brute(&|event| said(event) == "failed: payment"), "{engine:?}");
        assert_eq!(
            count(&["status>=404", "order.total<5"]),
            brute(&|event| event["status"].as_i64() >= Some(404) && event["order"]["total"].as_i64() < Some(5)),
            "{engine:?}"
        );

        let tally = |values: &dyn Fn(&Value) -> BTreeSet<String>| {
            let mut tally: BTreeMap<String, u64> = BTreeMap::new();
            events.iter().flat_map(|(_, event)| values(event)).for_each(|value| *tally.entry(value).or_default() += 1);
            tally
        };
        let rows = |answer: &Value| -> BTreeMap<String, u64> {
            let row = |row: &Value| (row["value"].as_str().unwrap().to_owned(), row["count"].as_u64().unwrap());
            answer["rows"].as_array().unwrap().iter().map(row).collect()
        };
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let of = |pointer: &'static str| {
            move |event: &Value| event.pointer(pointer).into_iter().map(text).collect::<BTreeSet<_>>()
        };
        for (field, pointer) in [
            ("status", "/status"),
            ("order.country", "/order/country"),
            ("order.total", "/order/total"),
            ("customer-id", "/customer-id"),
        ] {
            assert_eq!(rows(&ask(&["values", field])), tally(&of(pointer)), "{engine:?}: {field}");
        }
        let tags = |event: &Value| event["tags"].as_array().unwrap().iter().map(text).collect::<BTreeSet<_>>();
        assert_eq!(rows(&ask(&["values", "tags"])), tally(&tags), "{engine:?}");
        let levels =
            |event: &Value| event["level"].as_str().map(|level| normalised(level).to_owned()).into_iter().collect();
        assert_eq!(rows(&ask(&["top", "level"])), tally(&levels), "{engine:?}");
        let top = ask(&["top", "order.total", "-n", "3", "status=200"]);
        let mut expected: Vec<(u64, i64)> = Vec::new();
        for total in 0..30 {
            let number = brute(&|event| event["status"] == 200 && event["order"]["total"] == total);
            expected.push((number, -total));
        }
        expected.sort_unstable();
        let shown: Vec<u64> =
            top["rows"].as_array().unwrap().iter().map(|row| row["count"].as_u64().unwrap()).collect();
        assert_eq!(shown, expected.iter().rev().take(3).map(|(number, _)| *number).collect::<Vec<_>>(), "{engine:?}");

        let fields = ask(&["fields"]);
        let has = |name: &str| {
            fields["rows"]
                .as_array()
                .unwrap()
                .iter()
                .find(|row| row["name"] == name)
                .map(|row| row["events"].as_u64().unwrap())
        };
        assert_eq!(
            (has("status"), has("order.country"), has("customer-id")),
            (Some(600), Some(600), Some(120)),
            "{engine:?}"
        );

        for query in [&[][..], &["message=~/a/"]] {
            let answer = ask(&[&["hist", "--interval", "10m", "-z", "UTC"], query].concat());
            let mut expected: BTreeMap<i64, (u64, BTreeMap<String, u64>)> = BTreeMap::new();
            for (time, event) in events.iter().filter(|(_, event)| query.is_empty() || said(event).contains('a')) {
                let (count, levels) = expected.entry(time / (10 * MINUTE)).or_default();
                *count += 1;
                if let Some(level) = event["level"].as_str() {
                    *levels.entry(normalised(level).to_owned()).or_default() += 1;
                }
            }
            let buckets = answer["buckets"].as_array().unwrap();
            // Empty times are shown, too.
            assert!((432..=434).contains(&buckets.len()), "{engine:?}: {}", buckets.len());
            for bucket in buckets {
                let time: jiff::Timestamp = bucket["time"].as_str().unwrap().parse().unwrap();
                let (count, levels) = expected.remove(&(time.as_millisecond() / (10 * MINUTE))).unwrap_or_default();
                assert_eq!(
                    (&bucket["count"], &bucket["levels"]),
                    (&json!(count), &json!(levels)),
                    "{engine:?}: {time}"
                );
            }
            assert!(expected.is_empty(), "{engine:?}: {expected:?}");
        }
    }
}

/// What is mistyped is no zero; what cannot be counted is refused; values stand in an order that there is.
#[test]
fn a_slip_of_the_pen_is_no_zero() {
    let sandbox = Sandbox::up(None);
    sandbox.logctl("bootstrap --yes").ok();
    let mut lines = String::new();
    for number in 0..300 {
        let size = [number.to_string(), format!("{number}a"), "nan".to_owned()][number % 3].clone();
        let id = ["8F5E0A2C-3F1E-4B7D-9C55-0A1B2C3D4E5F", "8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f"][number % 2];
        let document = json!({
            "@timestamp": now(), "@ingested": now(), "@log_group": "/app", "@log_stream": "s", "@owner": "000000000000",
            "@region": "us-east-1", "@message": format!("order {number}"), "size": size, "requestId": id,
            "@kvk": ["size", "requestId"],
        });
        lines += &format!("{{\"create\":{{}}}}\n{document}\n");
    }
    let put = sandbox.engine_text(opensearch::http::Method::Post, "/logctl-2026.01.01/_bulk?refresh=true", lines);
    assert_eq!(put["errors"], false);
    for command in ["count", "values size", "hist", "fields"] {
        sandbox.logctl(&format!("{command} -g /nope")).exits(5).says("the nearest is /app");
    }
    sandbox.logctl("count color=red").ok().prints("0").says("no event in this range has a field color");
    for own in ["@message", "@timestamp", "@ids"] {
        sandbox.logctl(&format!("top {own}")).exits(2).says("is not counted by its values");
    }
    sandbox.logctl("hist --interval 1s --since 3d").exits(2).says("longer --interval");
    let values = sandbox.logctl("values size").ok().stdout;
    let values: Vec<&str> = values.lines().map(|line| line.split_once('\t').unwrap().1).collect();
    assert_eq!(values.len(), 201, "{values:?}");
    let (numbers, texts) = values.split_at(100);
    let numbers: Vec<u32> = numbers.iter().map(|number| number.parse().unwrap()).collect();
    assert!(numbers.is_sorted() && texts.is_sorted() && texts.len() == 101, "{values:?}");
    sandbox.logctl("top siize").ok().says("has a field siize").says("do you mean size?");
    sandbox.logctl("top requestId").ok().prints("300\t8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f");
    // Events are read where they are verified here, and those that match are counted.
    sandbox.logctl("fields message=~/order.29/ -o json").ok().says("of the newest 11 events, of 10,000 that may match");
}
