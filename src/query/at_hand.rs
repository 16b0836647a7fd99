//! What an engine finds, found in a document at hand: the clauses that [`super::dsl`] writes, and no others.
//!
//! Indices of another layout cannot be asked what ours are. Their events are written as documents of ours, none of whose fields
//! is typed, and judged here; the engine narrows them down to those that may be meant ([`super::narrowed`]).

use std::{collections::HashSet, sync::LazyLock};

use logctl_core::event_id::document_id;
use regex::Regex;
use serde_json::{Map, Value as Json};

use super::narrowed::runs;

/// A word is cut there, as the analyzer does: UTF-16 units.
const LONGEST_WORD: usize = 128;

/// A clause, understood.
#[derive(Debug)]
pub enum Clause {
    /// Every document.
    All,
    /// No document.
    Nothing,
    /// Others, put together.
    Bool {
        /// All of these.
        filter: Vec<Clause>,
        /// One of these.
        should: Vec<Clause>,
        /// Whether one of them is needed.
        one: bool,
        /// None of these.
        must_not: Vec<Clause>,
        /// What it is called.
        name: Option<String>,
    },
    /// A field with one of these values; of the message, words.
    Terms(String, HashSet<String>),
    /// Ids of documents.
    Ids(HashSet<String>),
    /// A field that is there.
    Exists(String),
    /// A field, or a word of the message, that matches as a whole; and letters that it has then.
    Matches(String, Regex, Vec<String>),
    /// Words of the message, side by side.
    Phrase(Vec<String>),
    /// A pair, or a time, between two bounds.
    Range(String, Vec<(Sign, Bound)>),
}

/// How a bound bounds.
#[derive(Debug, Clone, Copy)]
pub enum Sign {
    /// `gt`
    Above,
    /// `gte`
    AtLeast,
    /// `lt`
    Below,
    /// `lte`
    AtMost,
}

/// An end of a range.
#[derive(Debug)]
pub enum Bound {
    /// Of a time, in milliseconds since 1970.
    At(i64),
    /// Of a pair.
    Pair(String),
}

impl Clause {
    /// Reads a clause; `None` for what [`super::dsl`] does not write.
    #[must_use]
    pub fn read(clause: &Json) -> Option<Self> {
        let (kind, body) = only(clause)?;
        if !matches!(kind, "match_all" | "match_none" | "bool" | "ids" | "exists") {
            let (field, body) = only(body)?;
            return Self::of_field(kind, field, body);
        }
        let all = |name: &str| -> Option<Vec<Self>> {
            let Some(parts) = body.get(name) else { return Some(Vec::new()) };
            parts.as_array()?.iter().map(Self::read).collect()
        };
        Some(match kind {
            "match_all" => Self::All,
            "match_none" => Self::Nothing,
            "ids" => Self::Ids(texts(&body["values"])?),
            "exists" => Self::Exists(body["field"].as_str()?.to_owned()),
            _ => {
                let filter = [all("filter")?, all("must")?].into_iter().flatten().collect();
                let should = all("should")?;
                let one = !should.is_empty() && body["minimum_should_match"].as_u64()? > 0;
                let name = body["_name"].as_str().map(str::to_owned);
                Self::Bool { filter, should, one, must_not: all("must_not")?, name }
            }
        })
    }

    fn of_field(kind: &str, field: &str, body: &Json) -> Option<Self> {
        let name = field.to_owned();
        // Numbers have fields of their own, which a document without typed fields has not.
        if field.strip_suffix(".num").is_some() {
            return matches!(kind, "term" | "terms" | "range").then_some(Self::Nothing);
        }
        let value = || body["value"].as_str();
        Some(match kind {
            "term" => Self::Terms(name, HashSet::from([body.as_str()?.to_owned()])),
            "terms" => Self::Terms(name, texts(body)?),
            "prefix" => {
                let begin = body.as_str()?;
                Self::Matches(name, whole(&format!("{}.*", regex::escape(begin)))?, runs(begin))
            }
            "wildcard" => {
                let pattern = if field == "@message" { lower(value()?) } else { value()?.to_owned() };
                let (regex, plain) = wildcard(&pattern);
                Self::Matches(name, whole(&regex)?, plain.iter().flat_map(|part| runs(part)).collect())
            }
            "regexp" => Self::Matches(name, whole(&expression(value()?))?, Vec::new()),
            "match_phrase" if field == "@message" => Self::Phrase(words(body["query"].as_str()?)),
            "range" => {
                let bounds = body.as_object()?.iter().filter(|(sign, _)| *sign != "format");
                let bound = |(sign, bound): (&String, &Json)| {
                    let sign = match sign.as_str() {
                        "gt" => Sign::Above,
                        "gte" => Sign::AtLeast,
                        "lt" => Sign::Below,
                        "lte" => Sign::AtMost,
                        _ => return None,
                    };
                    let bound = bound.as_i64().map(Bound::At).or_else(|| Some(Bound::Pair(bound.as_str()?.to_owned())));
                    Some((sign, bound?))
                };
                Self::Range(name, bounds.map(bound).collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    /// Whether it asks for one of these fields.
    #[must_use]
    pub fn names(&self, fields: &[&str]) -> bool {
        let any = |parts: &[Self]| parts.iter().any(|part| part.names(fields));
        match self {
            Self::Bool { filter, should, must_not, .. } => any(filter) || any(should) || any(must_not),
            Self::Terms(field, _) | Self::Exists(field) | Self::Matches(field, ..) | Self::Range(field, _) => {
                fields.contains(&field.as_str())
            }
            Self::All | Self::Nothing | Self::Ids(_) | Self::Phrase(_) => false,
        }
    }

    /// Whether an engine finds the document, and the names of the parts by which it does.
    #[must_use]
    pub fn finds(&self, document: &Document) -> Option<Vec<&str>> {
        let mut names = Vec::new();
        self.holds(document, &mut names).then_some(names)
    }

    /// Every part is looked at, also where the whole is decided: each has its name.
    fn holds<'c>(&'c self, document: &Document, names: &mut Vec<&'c str>) -> bool {
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::Bool { filter, should, one, must_not, name } => {
                let mut count = |parts: &'c [Self]| parts.iter().filter(|part| part.holds(document, names)).count();
                let (all, some, none) = (count(filter), count(should), count(must_not));
                let holds = all == filter.len() && (some > 0 || !one) && none == 0;
                names.extend(name.as_deref().filter(|_| holds));
                holds
            }
            Self::Terms(field, values) => document.terms(field).any(|term| values.contains(term)),
            Self::Ids(ids) => ids.contains(&document.id),
            Self::Exists(field) => document.source.contains_key(field),
            Self::Matches(field, regex, _) => document.terms(field).any(|term| regex.is_match(term)),
            Self::Phrase(words) => {
                words.is_empty() || document.words.windows(words.len()).any(|window| window == words.as_slice())
            }
            Self::Range(field, bounds) => {
                let at = document.source.get(field).and_then(Json::as_i64);
                let within = |pair: Option<&str>| {
                    bounds.iter().all(|(sign, bound)| match (bound, at, pair) {
                        (Bound::At(bound), Some(at), _) => sign.admits(at.cmp(bound)),
                        (Bound::Pair(bound), _, Some(pair)) => sign.admits(pair.cmp(bound)),
                        _ => false,
                    })
                };
                if at.is_some() { within(None) } else { document.terms(field).any(|pair| within(Some(pair))) }
            }
        }
    }
}

impl Sign {
    fn admits(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Above => order.is_gt(),
            Self::AtLeast => order.is_ge(),
            Self::Below => order.is_lt(),
            Self::AtMost => order.is_le(),
        }
    }
}

/// A document of ours.
#[derive(Debug)]
pub struct Document {
    id: String,
    source: Map<String, Json>,
    words: Vec<String>,
}

impl Document {
    /// A document that would be indexed with the id of this event.
    #[must_use]
    pub fn new(event_id: &str, source: Map<String, Json>) -> Self {
        let words = source.get("@message").and_then(Json::as_str).map(words).unwrap_or_default();
        Self { id: document_id(event_id).into_owned(), source, words }
    }

    /// What stands in it.
    #[must_use]
    pub fn into_source(self) -> Map<String, Json> {
        self.source
    }

    /// What an index looks up of a field.
    fn terms(&self, field: &str) -> impl Iterator<Item = &str> {
        let value = self.source.get(field).filter(|_| field != "@message");
        let one = value.and_then(Json::as_str);
        let several = value.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        let words = if field == "@message" { self.words.as_slice() } else { &[] };
        one.into_iter().chain(several).chain(words.iter().map(String::as_str))
    }
}

/// The words of a text, as the analyzer of the template tells them.
fn words(text: &str) -> Vec<String> {
    static CODES: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?:\x1b|\\u001b)\[[0-9;?]*[A-Za-z]|\\[nrt]").ok());
    static BETWEEN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[\p{P}\p{S}\p{Z}\t-\r\x1c-\x1f]").ok());
    let (Some(codes), Some(between)) = (&*CODES, &*BETWEEN) else { return Vec::new() };
    let mut plain = String::with_capacity(text.len());
    let mut last = 0;
    for code in codes.find_iter(text) {
        // Of two backslashes the second is a sign.
        if code.len() == 2 && text[..code.start()].ends_with('\\') {
            continue;
        }
        plain.extend([&text[last..code.start()], " "]);
        last = code.end();
    }
    plain.push_str(&text[last..]);
    // Three kinds of blanks are no white space there.
    let plain = plain.replace(['\u{a0}', '\u{2007}', '\u{202f}'], "\u{0}");
    let mut words = Vec::new();
    for part in between.split(&plain).filter(|part| !part.is_empty()) {
        let (mut word, mut length) = (String::new(), 0);
        for sign in part.chars() {
            if length >= LONGEST_WORD {
                words.push(std::mem::take(&mut word));
                length = 0;
            }
            length += sign.len_utf16();
            word.push(sign);
        }
        words.push(word);
    }
    words.iter().map(|word| lower(word)).collect()
}

/// In lower case, sign by sign.
fn lower(text: &str) -> String {
    text.chars().filter_map(|sign| sign.to_lowercase().next()).collect()
}

/// A pattern with `*` and `?` as an expression, and the texts between those.
fn wildcard(pattern: &str) -> (String, Vec<String>) {
    let (mut regex, mut plain) = (String::new(), vec![String::new()]);
    let mut signs = pattern.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '*' | '?' => {
                regex.push_str(if sign == '*' { ".*" } else { "." });
                plain.push(String::new());
            }
            sign => {
                let sign = if sign == '\\' { signs.next().unwrap_or(sign) } else { sign };
                regex.push_str(&regex::escape(sign.encode_utf8(&mut [0; 4])));
                if let Some(plain) = plain.last_mut() {
                    plain.push(sign);
                }
            }
        }
    }
    (regex, plain)
}

/// An expression of the engine's as one of ours: there a backslash may stand before any sign.
fn expression(text: &str) -> String {
    let mut regex = String::new();
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => regex.extend(signs.next().map(|sign| regex::escape(sign.encode_utf8(&mut [0; 4])))),
            sign => regex.push(sign),
        }
    }
    regex
}

fn whole(regex: &str) -> Option<Regex> {
    Regex::new(&format!("(?s)^(?:{regex})$")).ok()
}

fn only(object: &Json) -> Option<(&str, &Json)> {
    let object = object.as_object().filter(|object| object.len() == 1)?;
    object.iter().next().map(|(name, value)| (name.as_str(), value))
}

fn texts(list: &Json) -> Option<HashSet<String>> {
    list.as_array()?.iter().map(|value| value.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use test_case::test_case;

    use super::*;
    use crate::query::{dsl, parse};

    fn found(query: &[&str], message: &str, more: &Json) -> bool {
        let query = parse(&query.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).unwrap();
        let compiled = dsl::compile(&query);
        let clause = Clause::read(&compiled.clause).unwrap();
        let mut source = more.as_object().unwrap().clone();
        source.insert("@message".to_owned(), message.into());
        let found = clause.finds(&Document::new("7", source.clone()));
        let event = crate::events::Event::from_hit(&json!({"_source": source}));
        found.is_some_and(|names| compiled.verdict.is_none_or(|verdict| verdict.holds(&names, &event)))
    }

    #[test_case("a_b.c-d", &["a", "b", "c", "d"]; "signs")]
    #[test_case(r"first\nsecond \\next", &["first", "second", "next"]; "breaks that are written")]
    #[test_case(r"C:\\temp", &["c", "temp"]; "two backslashes")]
    #[test_case("\u{1b}[31mRED\u{1b}[0m", &["red"]; "colours")]
    #[test_case("Ünïcode 日本 x😀y", &["ünïcode", "日本", "x", "y"]; "letters beyond ascii")]
    #[test_case("a\u{a0}b", &["a\u{0}b"]; "a blank that is no white space")]
    fn are_told(text: &str, expected: &[&str]) {
        assert_eq!(words(text), expected);
    }

    #[test]
    fn a_long_word_is_cut() {
        assert_eq!(words(&"x".repeat(300)).iter().map(String::len).collect::<Vec<_>>(), [128, 128, 44]);
    }

    #[test_case(&["payment failed"], true; "a phrase")]
    #[test_case(&["failed", "payment"], true; "words in any order")]
    #[test_case(&["\"failed payment\""], false; "another phrase")]
    #[test_case(&["paym*"], true; "a beginning")]
    #[test_case(&["status=500"], true; "a number")]
    #[test_case(&["status>=400"], true; "a comparison")]
    #[test_case(&["status<400"], false; "another comparison")]
    #[test_case(&["NOT status=500"], false; "a negation")]
    #[test_case(&["level=error"], true; "a level")]
    #[test_case(&["has:order.id"], true; "a name")]
    #[test_case(&["order.id=A-?"], true; "a pattern of a value")]
    #[test_case(&["order.id!=A-7"], false; "another value")]
    #[test_case(&["message=~/fail.d: 7/"], false; "an expression")]
    #[test_case(&["message=~/payment.failed/"], true; "an expression that holds")]
    #[test_case(&["ip=10.0.0.0/8"], true; "a network")]
    #[test_case(&["(gone OR failed) AND NOT health"], true; "groups")]
    fn is_judged(query: &[&str], expected: bool) {
        let message = r#"{"level":"error","msg":"payment failed","status":500,"order":{"id":"A-7"},"ip":"10.1.4.22"}"#;
        let more = json!({
            "@level": "error", "@kvk": ["level", "msg", "status", "order.id", "ip"],
            "@kv": ["level=error", "msg=payment failed", "status=500", "order.id=A-7", "ip=10.1.4.22"],
            "@kvn": [format!("status={}", logctl_core::pairs::sortable(500.0))],
        });
        assert_eq!(found(query, message, &more), expected);
    }
}
