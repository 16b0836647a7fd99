//! Typed or not, every question gets the same answer: random events of several log groups, in indices that have room for
//! few names or many, are asked by the query language, and its hits are compared with a look at each event.
//!
//! The look shares no code with the encoder: it knows the events before they become JSON.

use std::collections::{BTreeMap, BTreeSet};

use logctl::query::{Comparison, Field, Query, Value as Operand, dsl::compile};
use logctl_core::event_id::event_id;
use opensearch::http::Method;
use serde_json::{Value, json};

use super::faults::{Rig, Sent, from, well};
use super::sandbox::now;

const DAY: i64 = 24 * 60 * 60 * 1000;

/// Names as they stand in an event, and as they are asked for: dots are nesting, or part of a name.
const NAMES: [(&[&str], &str); 26] = [
    (&["status"], "status"),
    (&["user"], "user"),
    (&["user", "id"], "user.id"),
    (&["user", "name"], "user.name"),
    (&["user.id"], "user.id"),
    (&["http", "request", "method"], "http.request.method"),
    (&["http.request", "method"], "http.request.method"),
    (&["http", "request"], "http.request"),
    (&["durationMs"], "durationMs"),
    (&["items", "price"], "items.price"),
    (&["requestParameters", "bucketName"], "requestParameters.bucketName"),
    (&["requestParameters"], "requestParameters"),
    (&["responseElements", "x", "y"], "responseElements.x.y"),
    (&["labels", "app"], "labels.app"),
    (&["a=b"], "a=b"),
    (&["a=b", "c=d"], "a=b.c=d"),
    (&[r"back\slash"], r"back\slash"),
    (&["status", "num"], "status.num"),
    (&["durationMs", "num"], "durationMs.num"),
    (&["num"], "num"),
    (&["star*"], "star*"),
    (&["u", "17"], "u.*"),
    (&["@own"], "json@own"),
    (&["ctrl\u{1}name"], "ctrlname"),
    (&[".lead"], "lead"),
    (&["naïve ключ"], "naïve ключ"),
];

/// Values as JSON, as text, and as a number where the engines read one.
const VALUES: [(&str, &str, Option<f64>); 22] = [
    ("1", "1", Some(1.0)),
    ("200", "200", Some(200.0)),
    ("-7", "-7", Some(-7.0)),
    ("0", "0", Some(0.0)),
    ("-0.0", "-0.0", Some(0.0)),
    ("0.5", "0.5", Some(0.5)),
    ("1e3", "1e3", Some(1000.0)),
    ("9007199254740993", "9007199254740993", Some(9_007_199_254_740_992.0)),
    (r#""200""#, "200", Some(200.0)),
    (r#"" 7 ""#, " 7 ", Some(7.0)),
    (r#""0x1p4""#, "0x1p4", Some(16.0)),
    (r#""12d""#, "12d", Some(12.0)),
    (r#""007""#, "007", Some(7.0)),
    (r#""NaN""#, "NaN", None),
    (r#""GET""#, "GET", None),
    (r#""a=b""#, "a=b", None),
    (r#""x*y?\\""#, r"x*y?\", None),
    (r#""""#, "", None),
    (r#""ünï\u00e9""#, "ünïé", None),
    (r#""payment-failed""#, "payment-failed", None),
    ("true", "true", None),
    (r#""line\nbreak""#, "line\nbreak", None),
];

/// The middle of today: what happens around it belongs to one index.
pub fn midday() -> i64 {
    now() / DAY * DAY + DAY / 2
}

/// One value of an event.
#[derive(Debug, Clone)]
pub struct Leaf {
    pub name: String,
    pub text: String,
    pub number: Option<f64>,
}

/// An event, and what it says.
#[derive(Debug, Default)]
pub struct Known {
    /// When it happened, in milliseconds since 1970: no other did just then.
    pub time: i64,
    pub leaves: Vec<Leaf>,
}

impl Known {
    fn has(&self, name: &str) -> bool {
        let below = format!("{name}.");
        self.leaves.iter().any(|leaf| leaf.name == name || leaf.name.starts_with(&below))
    }

    fn any(&self, name: &str, test: impl Fn(&Leaf) -> bool) -> bool {
        // Longer values are not compared.
        self.leaves.iter().any(|leaf| leaf.name == name && leaf.text.encode_utf16().count() <= 1024 && test(leaf))
    }
}

/// A random event: members of JSON, and what they say.
fn event(random: &mut fastrand::Rng, marker: usize) -> (String, Known) {
    let mut known = Known::default();
    let mut tree: BTreeMap<String, Node> = BTreeMap::new();
    for _ in 0..random.usize(1..9) {
        let (path, name) = NAMES[random.usize(..NAMES.len())];
        let (json, leaves) = value(random, name);
        if put(&mut tree, path, json) {
            known.leaves.extend(leaves);
        }
    }
    let mut members: Vec<(String, String)> = tree.into_iter().map(|(name, node)| (name, node.json())).collect();
    random.shuffle(&mut members);
    let members: Vec<String> = members.iter().map(|(name, json)| format!("{}:{json}", json!(name))).collect();
    (format!("{{\"marker\":{marker},{}}}", members.join(",")), known)
}

enum Node {
    Leaf(String),
    Object(BTreeMap<String, Node>),
}

impl Node {
    fn json(&self) -> String {
        match self {
            Self::Leaf(json) => json.clone(),
            Self::Object(members) => {
                let members: Vec<String> =
                    members.iter().map(|(name, node)| format!("{}:{}", json!(name), node.json())).collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }
}

/// Puts a value at a path, where nothing stands in its way.
fn put(tree: &mut BTreeMap<String, Node>, path: &[&str], json: String) -> bool {
    let [name, rest @ ..] = path else { return false };
    if rest.is_empty() {
        return !tree.contains_key(*name) && tree.insert((*name).to_owned(), Node::Leaf(json)).is_none();
    }
    match tree.entry((*name).to_owned()).or_insert_with(|| Node::Object(BTreeMap::new())) {
        Node::Object(members) => put(members, rest, json),
        Node::Leaf(_) => false,
    }
}

/// A value as JSON, and what it says under `name`.
fn value(random: &mut fastrand::Rng, name: &str) -> (String, Vec<Leaf>) {
    let one = |random: &mut fastrand::Rng| VALUES[random.usize(..VALUES.len())];
    let leaf = |(_, text, number): (&str, &str, Option<f64>)| Leaf { name: name.into(), text: text.into(), number };
    match random.u32(..12) {
        0 => ("null".to_owned(), Vec::new()),
        1 => ("[]".to_owned(), Vec::new()),
        2 => ("{}".to_owned(), Vec::new()),
        3 => {
            let long = "long ".repeat(random.usize(205..300));
            (json!(long).to_string(), vec![Leaf { name: name.into(), text: long, number: None }])
        }
        4 => {
            // Of one kind, since others become a text.
            let texts: Vec<_> =
                (0..random.usize(1..4)).map(|_| one(random)).filter(|it| it.0.starts_with('"')).collect();
            let items: Vec<&str> = texts.iter().map(|text| text.0).collect();
            (format!("[{}]", items.join(",")), texts.iter().copied().map(leaf).collect())
        }
        5 if !name.contains('*') => {
            let values: Vec<_> = (0..random.usize(1..4)).map(|_| one(random)).collect();
            let items: Vec<String> = values.iter().map(|value| format!("{{\"deep\":{}}}", value.0)).collect();
            let below = |value| Leaf { name: format!("{name}.deep"), ..leaf(value) };
            (format!("[{}]", items.join(",")), values.into_iter().map(below).collect())
        }
        _ => {
            let one = one(random);
            (one.0.to_owned(), vec![leaf(one)])
        }
    }
}

/// What is asked of names, and which events answer it.
fn questions(names: &BTreeSet<String>, events: &BTreeMap<String, Known>) -> Vec<(String, Query, BTreeSet<String>)> {
    let mut all = Vec::new();
    let hits = |test: &dyn Fn(&Known) -> bool| -> BTreeSet<String> {
        events.iter().filter(|(_, known)| test(known)).map(|(id, _)| id.clone()).collect()
    };
    for name in names {
        let field = Field { name: name.clone(), literal: true };
        let mut ask = |what: String, query: Query, test: &dyn Fn(&Known) -> bool| {
            all.push((what, query, hits(test)));
        };
        ask(format!("has:{name}"), Query::Exists(field.clone()), &|known| known.has(name));
        let missing = Query::Not(Box::new(Query::Exists(field.clone())));
        ask(format!("missing({name})"), missing, &|known| !known.has(name));
        for (text, quoted) in [
            ("1", false),
            ("200", false),
            ("200", true),
            ("1000", false),
            ("0", false),
            ("-0", false),
            ("007", false),
            ("GET", false),
            ("a=b", false),
            ("", true),
            ("ünïé", false),
            (r"x*y?\", true),
            ("line\nbreak", true),
            ("9007199254740993", false),
            ("true", false),
            (" 7 ", true),
            ("none", false),
        ] {
            let compared = |comparison| Query::Test {
                field: field.clone(),
                comparison,
                value: Operand { text: text.to_owned(), quoted },
            };
            // Where the number is not a name of something, it is found in any form.
            let number = match text {
                "007" | "9007199254740993" => None,
                text if quoted || text.is_empty() => None,
                text => text.parse::<f64>().ok(),
            };
            let equal = |leaf: &Leaf| leaf.text == text || (number.is_some() && leaf.number == number);
            ask(format!("{name}={text}"), compared(Comparison::Equal), &|known| known.any(name, equal));
            ask(format!("{name}!={text}"), compared(Comparison::NotEqual), &|known| {
                known.has(name) && !known.any(name, equal)
            });
        }
        for (pattern, test) in [
            ("pay*", (|text: &str| text.starts_with("pay")) as fn(&str) -> bool),
            ("*b", |text| text.ends_with('b')),
            ("?ET", |text| text == "GET"),
        ] {
            let query = Query::Test {
                field: field.clone(),
                comparison: Comparison::Equal,
                value: Operand { text: pattern.to_owned(), quoted: false },
            };
            ask(format!("{name}={pattern}"), query, &|known| known.any(name, |leaf| test(&leaf.text)));
        }
        for bound in ["0", "-0.0", "1", "7", "-7", "200", "0.5", "1000", "1e300"] {
            for (sign, comparison, holds) in [
                (">", Comparison::Above, (|a, b| a > b) as fn(f64, f64) -> bool),
                (">=", Comparison::AtLeast, |a, b| a >= b),
                ("<", Comparison::Below, |a, b| a < b),
                ("<=", Comparison::AtMost, |a, b| a <= b),
            ] {
                let value = Operand { text: bound.to_owned(), quoted: false };
                let query = Query::Test { field: field.clone(), comparison, value };
                let number: f64 = bound.parse().unwrap();
                let test = |leaf: &Leaf| leaf.number.is_some_and(|of_leaf| holds(of_leaf, number));
                // A number is one however long it is written.
                ask(format!("{name}{sign}{bound}"), query, &|known| known.any(name, test));
            }
        }
    }
    all
}

/// Asks everything of these names, and tells where the engine finds others than the look at each event.
pub fn differences(rig: &Rig, names: &BTreeSet<String>, events: &BTreeMap<String, Known>) -> (usize, Vec<String>) {
    let questions = questions(names, events);
    let marked =
        |query: &Query| json!({"bool": {"filter": [{"prefix": {"@log_group": "/questions"}}, compile(query).clause]}});
    // How many there are and the sum of their times tell whether they are the same: each event has a time of its own.
    let sums = |query: &Query| json!({"size": 0, "track_total_hits": true, "query": marked(query), "aggs": {"times": {"sum": {"field": "@timestamp"}}}});
    let mut differences = Vec::new();
    for part in questions.chunks(100) {
        let found = searched(rig, part.iter().map(|(_, query, _)| sums(query)));
        for (found, (what, query, expected)) in found.iter().zip(part) {
            if !found["error"].is_null() {
                differences.push(format!("{what}: {}", found["error"]));
                continue;
            }
            let times: i64 = expected.iter().map(|id| events[id].time).sum();
            #[expect(clippy::cast_precision_loss, reason = "as the engine adds them")]
            if found["hits"]["total"]["value"] != expected.len()
                || found["aggregations"]["times"]["value"] != times as f64
            {
                differences.push(format!("{what}: {}", difference(rig, &marked(query), expected, events)));
            }
        }
    }
    (questions.len(), differences)
}

/// In which events the hits of a query are others than expected.
fn difference(rig: &Rig, query: &Value, expected: &BTreeSet<String>, events: &BTreeMap<String, Known>) -> String {
    let found = searched(rig, [json!({"size": 10_000, "_source": false, "query": query})]);
    let hits = found[0]["hits"]["hits"].as_array().map_or(&[][..], Vec::as_slice);
    let hits: BTreeSet<String> = hits.iter().map(|hit| event_id(hit["_id"].as_str().unwrap()).into_owned()).collect();
    let (more, less) = (hits.difference(expected).count(), expected.difference(&hits).count());
    let one = hits.symmetric_difference(expected).next().expect("their times differ");
    format!("{more} too many, {less} missing, as {one}: {:?}", events[one])
}

/// The answers to some searches.
fn searched(rig: &Rig, searches: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let searches: Vec<String> =
        searches.into_iter().map(|search| format!("{{\"index\":\"logctl-*\"}}\n{search}\n")).collect();
    let answer = rig.sandbox.engine_text(Method::Post, "/_msearch?max_concurrent_searches=2", searches.concat());
    answer["responses"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

/// Names of one index, but for ours.
pub fn mapped(rig: &Rig, index: &str) -> usize {
    fn count(properties: &Value) -> usize {
        let members = properties.as_object().into_iter().flatten();
        members.map(|(_, property)| property.get("properties").map_or(1, count)).sum()
    }
    let mapping = rig.sandbox.engine(Method::Get, &format!("/{index}/_mapping"), None);
    let properties = &mapping[index]["mappings"]["properties"];
    let ours = properties.as_object().unwrap().keys().filter(|name| name.starts_with('@')).count();
    count(properties) - ours
}

#[test]
fn typed_or_not_every_question_gets_the_same_answer() {
    for engine in [None, Some("opensearch-2.19"), Some("elasticsearch-7.10")] {
        let rig = Rig::new(engine);
        let mut random = fastrand::Rng::with_seed(7);
        let (mut sent, mut events) = (Sent::default(), BTreeMap::new());
        let midday = midday();
        for (back, room) in [(0, "20"), (1, "200"), (2, "2000"), (3, "0")] {
            let time = midday - back * DAY;
            // Two at once know different things of one index; what a stranger sends first takes what it can.
            let mut functions = [0, 1].map(|_| rig.function_with(&[("LOGCTL_TYPED_NAMES", room)]));
            let flood: Vec<String> = (0..100)
                .map(|at| {
                    format!("{{{}}}", (0..100).map(|n| format!("\"f{at}_{n}\":{n}")).collect::<Vec<_>>().join(","))
                })
                .collect();
            let (invocation, ids) = from("/stranger", &flood, &vec![time; flood.len()]);
            sent.ids.extend(ids);
            well(&functions[0].invoke(&invocation));
            for turn in 0..6_usize {
                let (messages, mut known): (Vec<String>, Vec<Known>) =
                    (0..40).map(|at| event(&mut random, turn * 40 + at)).unzip();
                for (nth, event) in (40 * turn..).zip(&mut known) {
                    event.time = time + i64::try_from(nth * nth).unwrap();
                }
                let times: Vec<i64> = known.iter().map(|event| event.time).collect();
                let group = format!("/questions/{}", turn % 3);
                let (invocation, ids) = from(&group, &messages, &times);
                sent.ids.extend(ids.iter().cloned());
                events.extend(ids.into_iter().zip(known));
                well(&functions[turn % 2].invoke(&invocation));
            }
        }
        assert_eq!(rig.account_for("questions", &sent), 0, "{engine:?}");
        let mut names: BTreeSet<String> = NAMES.iter().map(|(_, name)| (*name).to_owned()).collect();
        names
            .extend(["http", "requestParameters", "items", "status.deep", "user.id.deep", "absent"].map(str::to_owned));
        let (asked, differences) = differences(&rig, &names, &events);
        assert!(differences.is_empty(), "{engine:?}: {} of {asked} questions: {differences:#?}", differences.len());
        let index = |back: i64| {
            jiff::Timestamp::from_millisecond(midday - back * DAY).unwrap().strftime("logctl-%Y.%m.%d").to_string()
        };
        let names = [0, 1, 2, 3].map(|back| mapped(&rig, &index(back)));
        assert!(names[0] <= 2 * 20 && names[2] > 20 && names[3] == 0, "{engine:?}: {names:?}");
    }
}

/// A range of times beside a phrase and a NOT, in an index of many segments: no event from outside of it is found.
#[test]
fn a_time_range_holds_beside_not() {
    let rig = Rig::new(None);
    let mut function = rig.function();
    let mut random = fastrand::Rng::with_seed(11);
    let words = ["alpha", "beta", "gamma", "delta", "card declined", "retry"];
    let first = now() - DAY / 2;
    let mut events: Vec<(i64, String)> = Vec::new();
    for _ in 0..12 {
        let some: Vec<(i64, String)> = (0..400)
            .map(|_| {
                let text: Vec<&str> = words.into_iter().filter(|_| random.bool()).collect();
                (first + random.i64(0..3_600_000), format!("event {} {}", random.u32(..50), text.join(" ")))
            })
            .collect();
        let (times, messages): (Vec<i64>, Vec<String>) = some.iter().cloned().unzip();
        well(&function.invoke(&from("/questions/time", &messages, &times).0));
        rig.sandbox.engine(Method::Post, "/logctl-*/_refresh", None); // A segment of its own.
        events.extend(some);
    }
    let moment = |milliseconds| jiff::Timestamp::from_millisecond(milliseconds).unwrap();
    let (mut searches, mut expected) = (String::new(), Vec::new());
    for at in 0..690 {
        let start = first + random.i64(0..3_000_000);
        let end = start + random.i64(1..600_000);
        let (with, without) = (words[at % words.len()], words[(at / words.len()) % words.len()]);
        let clause = compile(&logctl::query::parse(&[format!("\"{with}\" NOT \"{without}\"")]).unwrap()).clause;
        let search = logctl::events::Search {
            indices: String::new(),
            clause,
            verdict: None,
            range: moment(start)..moment(end),
            limit: 10_000,
            ..logctl::events::Search::default()
        };
        searches += &format!("{{\"index\":\"logctl-*\"}}\n{}\n", search.body(10_000, None));
        let is = |(time, text): &&(i64, String)| {
            (start..end).contains(time) && text.contains(with) && !text.contains(without)
        };
        expected.push(events.iter().filter(is).count());
    }
    let path = "/_msearch?max_concurrent_searches=2&filter_path=responses.status,responses.hits.total.value";
    let answer = rig.sandbox.engine_text(Method::Post, path, searches);
    let found: Vec<usize> = answer["responses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| usize::try_from(one["hits"]["total"]["value"].as_u64().unwrap()).unwrap())
        .collect();
    let wrong = found.iter().zip(&expected).filter(|(found, expected)| found != expected).count();
    assert_eq!(wrong, 0, "of {}", expected.len());
}
