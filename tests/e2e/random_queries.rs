//! Random queries, and a look at each event that shares no code with the query language: both find the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{
    faults::Rig,
    queries::{given, written},
};

/// Fields of events that are JSON, which no other format of the events has.
const FIELDS: [&str; 9] =
    ["invoiceId", "total", "code", "seen", "lines.sku", "customer.id", "customer.mail", "ip", "bodyBytes"];
const VALUES: [&str; 12] =
    ["INV-9", "INV-10", "12.5", "1000", "-3", "7", "007", "lamp", "desk", "10.1.4.22", "2097152", "otto"];
const NUMBERS: [&str; 6] = ["0", "7", "-3", "12.5", "1000", "2097152"];
/// Words that mean something to the language, or to others.
const RESERVED: [&str; 24] = [
    "and", "or", "not", "in", "is", "gt", "ge", "lt", "le", "eq", "ne", "like", "between", "limit", "stats", "filter",
    "sort", "fields", "display", "parse", "where", "select", "to", "null",
];

#[derive(Debug)]
enum Asked {
    Word(String),
    Beginning(String),
    Phrase(Vec<String>),
    Test(&'static str, &'static str),
    Compared(&'static str, &'static str, &'static str),
    Has(&'static str),
    And(Vec<Asked>),
    Or(Vec<Asked>),
    Not(Box<Asked>),
}

/// An event as it was sent.
struct Line {
    words: Vec<String>,
    json: Option<Value>,
}

impl Line {
    fn new(message: &str) -> Self {
        let mut plain = String::new();
        let mut signs = message.chars().peekable();
        let mut before = ' ';
        while let Some(sign) = signs.next() {
            match sign {
                '\u{1b}' => {
                    signs.by_ref().find(char::is_ascii_alphabetic);
                    plain.push(' ');
                }
                '\\' if before != '\\' && signs.peek().is_some_and(|next| "nrt".contains(*next)) => {
                    signs.next();
                    plain.push(' ');
                }
                sign => plain.push(sign),
            }
            before = sign;
        }
        let is_part = |c: char| c.is_ascii_alphanumeric() || (!c.is_ascii() && !c.is_whitespace());
        let words = plain.split(|c| !is_part(c)).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
        Self { words, json: serde_json::from_str(message).ok().filter(Value::is_object) }
    }

    fn says(&self, phrase: &[String]) -> bool {
        self.words.windows(phrase.len()).any(|words| words == phrase)
    }

    /// The values at a path, also in lists.
    fn values(&self, path: &str) -> Vec<&Value> {
        fn items(value: &Value) -> Vec<&Value> {
            value.as_array().map_or_else(|| vec![value], |items| items.iter().collect())
        }
        let mut found: Vec<&Value> = self.json.iter().collect();
        for part in path.split('.') {
            found = found.into_iter().flat_map(items).filter_map(|value| value.get(part)).collect();
        }
        found.into_iter().flat_map(items).filter(|value| !value.is_null()).collect()
    }

    fn has(&self, path: &str) -> bool {
        !self.values(path).is_empty()
    }

    fn number(value: &Value) -> Option<f64> {
        value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
    }

    fn is(&self, asked: &Asked) -> bool {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match asked {
            Asked::Word(word) => {
                let hex = word.len() >= 7 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
                let mixed = word.bytes().any(|b| b.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_alphabetic());
                self.words.iter().any(|other| other == word || (hex && mixed && other.starts_with(word)))
            }
            Asked::Beginning(word) => self.words.iter().any(|other| other.starts_with(word)),
            Asked::Phrase(words) => self.says(words),
            Asked::Has(path) => self.has(path),
            Asked::Test(path, value) => {
                let number: Option<f64> = value.parse().ok().filter(|_| !value.starts_with("00"));
                let equal = |of: &&Value| text(of) == *value || (number.is_some() && Self::number(of) == number);
                let said = Self::new(&format!("{path} {value}")).words;
                self.values(path).iter().any(equal) || (!self.has(path) && self.says(&said))
            }
            Asked::Compared(path, sign, bound) => {
                let bound: f64 = bound.parse().unwrap();
                self.values(path).into_iter().filter_map(Self::number).any(|number| match *sign {
                    ">" => number > bound,
                    ">=" => number >= bound,
                    "<" => number < bound,
                    _ => number <= bound,
                })
            }
            Asked::And(parts) => parts.iter().all(|part| self.is(part)),
            Asked::Or(parts) => parts.iter().any(|part| self.is(part)),
            Asked::Not(part) => !self.is(part),
        }
    }
}

impl Asked {
    fn random(random: &mut fastrand::Rng, lines: &BTreeMap<String, Line>, depth: u32) -> Self {
        let some = |random: &mut fastrand::Rng| {
            (0..random.usize(2..4)).map(|_| Self::random(random, lines, depth - 1)).collect::<Vec<_>>()
        };
        match random.u32(if depth == 0 { 3 } else { 0 }..9) {
            0 => Self::And(some(random)),
            1 => Self::Or(some(random)),
            2 => Self::Not(Box::new(Self::random(random, lines, depth - 1))),
            3 => Self::Test(FIELDS[random.usize(..FIELDS.len())], VALUES[random.usize(..VALUES.len())]),
            4 => {
                let sign = [">", ">=", "<", "<="][random.usize(..4)];
                Self::Compared(FIELDS[random.usize(..FIELDS.len())], sign, NUMBERS[random.usize(..NUMBERS.len())])
            }
            5 => Self::Has(FIELDS[random.usize(..FIELDS.len())]),
            6 => {
                let word = Self::words(random, lines, 1).remove(0);
                let length = random.usize(1..=word.len());
                Self::Beginning(word[..length].to_owned())
            }
            7 => Self::Phrase(Self::words(random, lines, 2)),
            _ => Self::Word(Self::words(random, lines, 1).remove(0)),
        }
    }

    /// Words that stand side by side somewhere.
    fn words(random: &mut fastrand::Rng, lines: &BTreeMap<String, Line>, count: usize) -> Vec<String> {
        let lines: Vec<&Line> = lines.values().filter(|line| line.words.len() > count).collect();
        loop {
            let words = &lines[random.usize(..lines.len())].words;
            let start = random.usize(..=words.len() - count);
            let some = &words[start..start + count];
            let plain = |word: &String| word.len() > 1 && word.is_ascii() && !RESERVED.contains(&word.as_str());
            if some.iter().all(plain) {
                return some.to_vec();
            }
        }
    }

    fn arguments(&self) -> Vec<String> {
        let list = |parts: &[Self], between: &str| {
            let mut all = vec!["(".to_owned()];
            for (nth, part) in parts.iter().enumerate() {
                if nth > 0 && !between.is_empty() {
                    all.push(between.to_owned());
                }
                all.extend(part.arguments());
            }
            all.push(")".to_owned());
            all
        };
        match self {
            Self::Word(word) => vec![word.clone()],
            Self::Beginning(word) => vec![format!("{word}*")],
            Self::Phrase(words) => vec![words.join(" ")],
            Self::Test(field, value) => vec![format!("{field}={value}")],
            Self::Compared(field, sign, bound) => vec![format!("{field}{sign}{bound}")],
            Self::Has(field) => vec![format!("has:{field}")],
            Self::And(parts) => list(parts, ""),
            Self::Or(parts) => list(parts, "OR"),
            Self::Not(part) => [vec!["NOT".to_owned()], part.arguments()].concat(),
        }
    }
}

/// Asks so many random queries, and tells how many events they have found.
pub fn answers(count: usize, seed: u64) -> usize {
    let rig = Rig::new(None);
    let (corpus, _) = given();
    let by_id = written(&rig, &corpus);
    answers_of(&rig, &corpus, &by_id, count, seed)
}

/// The same of events that are there.
pub fn answers_of(
    rig: &Rig,
    corpus: &Map<String, Value>,
    by_id: &BTreeMap<String, String>,
    count: usize,
    seed: u64,
) -> usize {
    let lines: BTreeMap<String, Line> =
        corpus.iter().map(|(name, event)| (name.clone(), Line::new(event["message"].as_str().unwrap()))).collect();
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut all, mut wrong) = (0, Vec::new());
    for _ in 0..count {
        let asked = Asked::random(&mut random, &lines, 2);
        let query = asked.arguments();
        let fixed = ["search", "--since", "1h", "-n", "1000", "-o", "jsonl", "--"];
        let arguments: Vec<&str> = fixed.into_iter().chain(query.iter().map(String::as_str)).collect();
        let run = rig.sandbox.run(&arguments, &[]).ok();
        let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
        let found: BTreeSet<&String> = run.stdout.lines().map(|line| &by_id[&id(line)]).collect();
        let expected: BTreeSet<&String> =
            lines.iter().filter(|(_, line)| line.is(&asked)).map(|(name, _)| name).collect();
        all += found.len();
        if found != expected {
            let (more, less): (Vec<_>, Vec<_>) =
                (found.difference(&expected).collect(), expected.difference(&found).collect());
            wrong.push(format!("{query:?}: too many {more:?}, missing {less:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {count} queries:\n{}", wrong.len(), wrong.join("\n"));
    all
}

#[test]
fn a_random_query_finds_what_a_look_at_each_event_does() {
    assert!(answers(300, 5) > 300);
}
