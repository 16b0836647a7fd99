//! What an engine finds, found in a document at hand: the clauses that [`super::dsl`] writes, and no others.
//!
//! Indices of another layout cannot be asked what ours are. Their events are written as documents of ours, none of whose fields
//! is typed, and judged here; the engine narrows them down to those that may be meant.

use std::{collections::HashSet, sync::LazyLock};

use logctl_core::event_id::document_id;
use regex::Regex;
use serde_json::{Map, Value as Json, json};

/// A word is cut there, as the analyzer does: UTF-16 units.
const LONGEST_WORD: usize = 128;
/// Where the default analyzer cuts a word.
const LONGEST_THERE: usize = 255;
/// Signs of a word by which another analyzer finds it, and how many are enough: of an id, those before its first hyphen.
const SHORTEST: usize = 3;
const ENOUGH: usize = 8;
/// Alternatives that narrow; more are too many for one request.
const MOST: usize = 100;

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

    /// A clause that finds at least as much in indices where only the message is what it is in ours, analyzed as text is by
    /// default, and where text has a field `keyword` beside it.
    #[must_use]
    pub fn narrowed(&self) -> Json {
        let narrowed = self.by_runs();
        if is_all(&narrowed) {
            return narrowed;
        }
        // A longer word is cut there, wherever that is.
        any(vec![narrowed, json!({"wildcard": {"@message": {"value": "?".repeat(LONGEST_THERE)}}})])
    }

    fn by_runs(&self) -> Json {
        match self {
            Self::Nothing => json!({"match_none": {}}),
            Self::Bool { filter, should, one, .. } => {
                let mut filter: Vec<Json> = filter.iter().map(Self::by_runs).filter(|clause| !is_all(clause)).collect();
                if *one {
                    filter.push(any(should.iter().map(Self::by_runs).collect()));
                }
                filter.retain(|clause| !is_all(clause));
                match filter.len() {
                    0 => json!({"match_all": {}}),
                    1 => filter.remove(0),
                    _ => json!({"bool": {"filter": filter}}),
                }
            }
            Self::Ids(ids) => json!({"ids": {"values": ids}}),
            Self::Phrase(words) => {
                let said: Vec<Json> = words.iter().flat_map(|word| runs(word)).map(|run| said(Some(run))).collect();
                if said.is_empty() { json!({"match_all": {}}) } else { json!({"bool": {"filter": said}}) }
            }
            Self::Terms(field, values) => match field.as_str() {
                "@message" => any(values.iter().map(|value| said(runs(value).into_iter().next())).collect()),
                // An id may be in a field, with letters by their number.
                "@ids" | "@request_id" | "@trace_id" => {
                    any(values.iter().map(|id| told(runs(id).into_iter().next())).collect())
                }
                "@log_group" | "@log_stream" => {
                    in_keyword(field, &json!({"terms": {format!("{field}.keyword"): values}}))
                }
                "@kv" => any(values.iter().map(|pair| of_pair(pair)).collect()),
                name if !name.starts_with('@') => json!({"match_none": {}}),
                _ => json!({"match_all": {}}),
            },
            Self::Matches(field, _, runs) if field == "@message" => said(runs.first().cloned()),
            Self::Exists(field) if !field.starts_with('@') => json!({"match_none": {}}),
            Self::Matches(field, ..) | Self::Range(field, _) if !field.starts_with('@') => json!({"match_none": {}}),
            Self::All | Self::Exists(_) | Self::Matches(..) | Self::Range(..) => json!({"match_all": {}}),
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

/// Letters and digits that stand together in a text, in lower case, as many of them as are enough: every analyzer keeps them
/// together.
fn runs(text: &str) -> Vec<String> {
    let runs = text.split(|sign: char| !sign.is_ascii_alphanumeric()).filter(|run| run.len() >= SHORTEST);
    runs.map(|run| run[..run.len().min(ENOUGH)].to_ascii_lowercase()).collect()
}

fn is_all(clause: &Json) -> bool {
    clause.get("match_all").is_some()
}

fn any(clauses: Vec<Json>) -> Json {
    if clauses.iter().any(is_all) || clauses.len() > MOST {
        return json!({"match_all": {}});
    }
    super::dsl::any(clauses)
}

/// A message in which a run stands; all of them where there is none.
fn said(run: Option<String>) -> Json {
    run.map_or_else(|| json!({"match_all": {}}), |run| json!({"wildcard": {"@message": {"value": format!("*{run}*")}}}))
}

/// What has a keyword, where that is not too long to be one.
fn in_keyword(field: &str, clause: &Json) -> Json {
    any(vec![clause.clone(), json!({"bool": {"must_not": [{"exists": {"field": format!("{field}.keyword")}}]}})])
}

/// A message that may tell a pair. Numbers are written in many ways, and letters may be by their number.
fn of_pair(pair: &str) -> Json {
    let value = logctl_core::pairs::split(pair).map(|(_, value)| value).filter(|value| value.parse::<f64>().is_err());
    told(value.and_then(|value| runs(value).into_iter().next()))
}

/// A message in which a run stands, or letters by their number.
fn told(run: Option<String>) -> Json {
    let by_number = run.is_some().then(|| said(Some("u00".to_owned())));
    any([said(run)].into_iter().chain(by_number).collect())
}

#[cfg(test)]
mod tests {
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

    #[test_case(&["5fe983e8-ea42-4b16-af37-70d5a4f47fd9"], Some("5fe983e8"); "an id")]
    #[test_case(&["payment failed"], Some("payment"); "a phrase")]
    #[test_case(&["a OR b"], None; "what is too short")]
    #[test_case(&["NOT failed"], None; "a negation")]
    #[test_case(&["status=500"], None; "a number")]
    #[test_case(&["user=otto"], Some("otto"); "a value")]
    fn is_narrowed(query: &[&str], expected: Option<&str>) {
        let query = parse(&query.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).unwrap();
        let narrowed = Clause::read(&dsl::compile(&query).clause).unwrap().narrowed();
        match expected {
            Some(run) => {
                let by_run = format!("*{run}*");
                assert!(!is_all(&narrowed) && narrowed.to_string().contains(&by_run), "{narrowed}");
            }
            None => assert!(is_all(&narrowed), "{narrowed}"),
        }
    }
}
