//! Tree → the engine's query DSL, and what is verified here of what it finds.

#[cfg(test)]
mod tests;

use logctl_core::{
    event_id::document_id,
    ids,
    level::Level,
    pairs::{escape, is_compared, sortable},
};
use serde_json::{Value as Json, json};
use wildmatch::WildMatch;

use super::{
    aliases, regex,
    text::{Check, Facts, phrase, phrases, text},
    tree::{Bound, Comparison, Field, Query, Value},
    units,
};
use crate::time::Moment;

/// A query, ready to be asked.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The clause for the engine: it finds all that the query means, and where there is a `verdict` more.
    pub clause: Json,
    /// What the hits are verified by.
    pub verdict: Option<Verdict>,
}

/// What a hit is verified by.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// The engine has found it by the part of this name.
    Named(String),
    /// It has, and this holds.
    Checked(String, Check),
    /// All of these hold.
    And(Vec<Verdict>),
    /// One of these holds.
    Or(Vec<Verdict>),
    /// This does not hold.
    Not(Box<Verdict>),
}

impl Verdict {
    /// Whether an event is a hit, which the engine has found by the parts of these names.
    #[must_use]
    pub fn holds(&self, found_by: &[&str], event: &dyn Facts) -> bool {
        match self {
            Self::Named(name) => found_by.contains(&name.as_str()),
            Self::Checked(name, check) => found_by.contains(&name.as_str()) && check.holds(event),
            Self::And(parts) => parts.iter().all(|part| part.holds(found_by, event)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(found_by, event)),
            Self::Not(part) => !part.holds(found_by, event),
        }
    }
}

/// A clause that the engine answers by itself, or one of which more must be known.
#[derive(Debug)]
pub(super) enum Node {
    Exact(Json),
    Checked(Json, Check),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
}

impl Node {
    pub(super) fn exact(clause: Json) -> Self {
        Self::Exact(clause)
    }

    /// A clause whose hits count where their message holds a text sign by sign.
    pub(super) fn literal(clause: Json, text: &str) -> Self {
        Self::Checked(clause, Check::literal(text))
    }

    fn is_exact(&self) -> bool {
        match self {
            Self::Exact(_) => true,
            Self::Checked(..) => false,
            Self::And(parts) | Self::Or(parts) => parts.iter().all(Self::is_exact),
            Self::Not(part) => part.is_exact(),
        }
    }

    /// The clause of one that is exact.
    fn clause(self) -> Json {
        match self {
            Self::Exact(clause) | Self::Checked(clause, _) => clause,
            Self::And(parts) => json!({"bool": {"filter": parts.into_iter().map(Self::clause).collect::<Vec<_>>()}}),
            Self::Or(parts) => any(parts.into_iter().map(Self::clause).collect()),
            Self::Not(part) => json!({"bool": {"must_not": [part.clause()]}}),
        }
    }

    /// The clause that finds at least what is meant, with a name for each part, and what its hits are verified by.
    fn named(self, names: &mut usize) -> (Json, Verdict) {
        let mut name = |clause: Json| {
            *names += 1;
            let name = format!("part {names}");
            (json!({"bool": {"filter": [clause], "_name": name}}), name)
        };
        if self.is_exact() {
            let (clause, name) = name(self.clause());
            return (clause, Verdict::Named(name));
        }
        match self {
            Self::Exact(clause) => {
                let (clause, name) = name(clause);
                (clause, Verdict::Named(name))
            }
            Self::Checked(clause, check) => {
                let (clause, name) = name(clause);
                (clause, Verdict::Checked(name, check))
            }
            Self::And(parts) => {
                let (clauses, verdicts): (Vec<_>, Vec<_>) = parts.into_iter().map(|part| part.named(names)).unzip();
                (json!({"bool": {"filter": clauses}}), Verdict::And(verdicts))
            }
            Self::Or(parts) => {
                let (clauses, verdicts) = parts.into_iter().map(|part| part.named(names)).unzip();
                (any(clauses), Verdict::Or(verdicts))
            }
            // What is found too much would be left out too much.
            Self::Not(part) => {
                let (clause, verdict) = part.named(names);
                let clause =
                    json!({"bool": {"must": [{"match_all": {}}], "should": [clause], "minimum_should_match": 0}});
                (clause, Verdict::Not(Box::new(verdict)))
            }
        }
    }
}

/// What `query` means to the engine. What makes no sense, which no parser gives, matches nothing.
#[must_use]
pub fn compile(query: &Query) -> Compiled {
    let node = node(query);
    if node.is_exact() {
        return Compiled { clause: node.clause(), verdict: None };
    }
    let (clause, verdict) = node.named(&mut 0);
    Compiled { clause, verdict: Some(verdict) }
}

fn node(query: &Query) -> Node {
    match query {
        Query::All => Node::Exact(json!({"match_all": {}})),
        Query::And(parts) => Node::And(parts.iter().map(node).collect()),
        Query::Or(parts) => match values_of_one_field(parts) {
            Some((field, values)) => Node::Exact(one_of(field, &values)),
            None => Node::Or(parts.iter().map(node).collect()),
        },
        Query::Not(part) => Node::Not(Box::new(node(part))),
        Query::Exists(field) => Node::Exact(exists(field)),
        Query::Text(value) => text(value),
        Query::Test { field, comparison, value } => test(field, *comparison, value),
        Query::Range { field, low, high } => Node::Exact(range(field, low.as_ref(), high.as_ref())),
        Query::Matches { field, pattern } => matches(field.as_ref(), pattern),
        Query::Pasted { text, read, literally } => {
            let said =
                if *literally { Node::literal(any(phrases(text)), text) } else { Node::Exact(any(phrases(text))) };
            match read {
                Some(read) => Node::Or(vec![node(read), said]),
                None => said,
            }
        }
    }
}

/// The clause for a log group glob.
#[must_use]
pub fn group(glob: &str) -> Json {
    let prefix = glob.strip_suffix('*').filter(|prefix| !prefix.contains(['*', '?']));
    match (prefix, glob.contains(['*', '?'])) {
        (Some(prefix), _) => json!({"prefix": {"@log_group": prefix}}),
        (None, true) => json!({"wildcard": {"@log_group": {"value": glob}}}),
        (None, false) => json!({"term": {"@log_group": glob}}),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "every caller has just made them")]
pub(super) fn any(clauses: Vec<Json>) -> Json {
    if clauses.is_empty() {
        return nothing(); // For the engine, one of none is everything.
    }
    json!({"bool": {"should": clauses, "minimum_should_match": 1}})
}

fn nothing() -> Json {
    json!({"match_none": {}})
}

fn test(field: &Field, comparison: Comparison, value: &Value) -> Node {
    match comparison {
        Comparison::Equal => equal(field, value),
        Comparison::NotEqual => Node::And(vec![Node::Exact(exists(field)), Node::Not(Box::new(equal(field, value)))]),
        ordered => {
            let (low, high) = ordered.bounds(&value.text);
            Node::Exact(range(field, low.as_ref(), high.as_ref()))
        }
    }
}

fn exists(field: &Field) -> Json {
    let names = aliases::names(field);
    let (fixed, own): (Vec<&str>, Vec<&str>) = names.iter().map(String::as_str).partition(|name| name.starts_with('@'));
    let mut clauses: Vec<Json> = fixed.into_iter().map(|name| json!({"exists": {"field": name}})).collect();
    if aliases::is_message(field) && !names.iter().any(|name| name == "@message") {
        clauses.push(json!({"exists": {"field": "@message"}}));
    }
    if !own.is_empty() {
        clauses.push(has(&own));
    }
    any(clauses)
}

/// An event that has one of these names: all of them stand in `@kvk`, typed or not. Indices that were made before there were
/// such names type all that they have.
fn has(names: &[&str]) -> Json {
    // Where names are not nested, none is known above others.
    let typed = names.iter().flat_map(|name| [(*name).to_owned(), format!("{name}.*")]);
    let typed: Vec<Json> = typed.map(|name| json!({"exists": {"field": name}})).collect();
    // Those have a field for the id. Where no index has it, an engine does not look at the names, of which it takes only so many.
    let before = json!({"bool": {"filter": [{"exists": {"field": "@id"}}, any(typed)]}});
    any(vec![json!({"terms": {"@kvk": names}}), before])
}

fn equal(field: &Field, value: &Value) -> Node {
    if field.name == "@message" {
        return text(value);
    }
    if aliases::is_level(field)
        && let Some(level) = aliases::level(field, &value.text)
    {
        return Node::Exact(json!({"term": {"@level": level.as_ref()}}));
    }
    if field.name == "@id" {
        // Documents had the id of their event before it was written shorter.
        return Node::Exact(json!({"ids": {"values": [document_id(&value.text), value.text]}}));
    }
    if !value.quoted
        && let Some(addresses) = network(&value.text)
    {
        return Node::Exact(like_regex(&aliases::names(field), &addresses));
    }
    let names = aliases::names(field);
    let mut clauses = if value.is_wild() { like(&names, &value.text) } else { same(&names, value) };
    if aliases::is_level(field) && value.is_wild() {
        let pattern = WildMatch::new(&value.text.to_lowercase());
        clauses.push(json!({"terms": {"@level": names_of(&aliases::levels_like(|name| pattern.matches(name)))}}));
    }
    let fixed = names.len() == 1 && names[0].starts_with('@');
    if !fixed && !value.is_wild() && !field.literal && value.text.chars().any(char::is_alphanumeric) {
        // The plain-text line says it, too: `name=value`, `name: value`, `"name":"value"` are the same words. They count only
        // where the event has no such field: as words, `pay` would be found in `pay-gateway`.
        let said = any(phrases(&format!("{} {}", field.name, value.text)));
        clauses.push(json!({"bool": {"filter": [said], "must_not": [has(&[&field.name])]}}));
    }
    if !is_compared(&value.text) {
        // No longer value is compared, so the message is looked through.
        let own: Vec<&str> = names.iter().map(String::as_str).filter(|name| !name.starts_with('@')).collect();
        clauses.push(json!({"bool": {"filter": [has(&own), phrase(&value.text)]}}));
    }
    let mut nodes = vec![Node::Exact(any(clauses))];
    if (aliases::is_message(field) || aliases::is_id(field)) && value.text.chars().any(char::is_alphanumeric) {
        nodes.push(text(value)); // Whatever the bare text finds.
    }
    if nodes.len() == 1 { nodes.remove(0) } else { Node::Or(nodes) }
}

/// From so many values on, an engine takes no list of clauses, and only fields are compared.
pub(super) const MANY: usize = 100;

/// Values of one request: what is asked is a few megabytes, of the ten that small domains take.
const PART: usize = 2_000;

/// A query in parts, of which each finds some of what it finds: a long list of values would make too long a request.
#[must_use]
pub fn parts(query: &Query) -> Vec<Query> {
    match query {
        Query::Or(values) if values.len() > PART && values_of_one_field(values).is_some() => {
            values.chunks(PART).map(|part| Query::Or(part.to_vec())).collect()
        }
        Query::And(all) => {
            let Some((at, split)) =
                all.iter().enumerate().map(|(at, part)| (at, parts(part))).find(|(_, split)| split.len() > 1)
            else {
                return vec![query.clone()];
            };
            let with = |part: Query| {
                let mut all = all.clone();
                all[at] = part;
                Query::And(all)
            };
            split.into_iter().map(with).collect()
        }
        other => vec![other.clone()],
    }
}

/// The field and its values, where a query is a long list of them.
pub(super) fn values_of_one_field(parts: &[Query]) -> Option<(&Field, Vec<&Value>)> {
    fn test(part: &Query) -> Option<(&Field, &Value)> {
        match part {
            Query::Test { field, comparison: Comparison::Equal, value } if !value.is_wild() => Some((field, value)),
            _ => None,
        }
    }
    let (first, _) = parts.first().filter(|_| parts.len() > MANY).and_then(test)?;
    let value = |part| test(part).filter(|(field, _)| *field == first).map(|(_, value)| value);
    Some((first, parts.iter().map(value).collect::<Option<_>>()?))
}

/// A field that has one of many values.
fn one_of(field: &Field, values: &[&Value]) -> Json {
    let names = aliases::names(field);
    if aliases::is_level(field) {
        let levels: Vec<Level> = values.iter().filter_map(|value| aliases::level(field, &value.text)).collect();
        return json!({"terms": {"@level": names_of(&levels)}});
    }
    // An id stands among the ids of its event, whatever its field is called.
    let by_id = |value: &&&Value| aliases::is_id(field) && ids::is_id(&value.text);
    let compared = || values.iter().filter(|value| is_compared(&value.text)).filter(|value| !by_id(value));
    let texts: Vec<String> = compared().flat_map(|value| spellings(value)).collect();
    let numbers: Vec<f64> =
        compared().filter(|value| !value.quoted).filter_map(|value| exact_number(&value.text)).collect();
    let mut clauses = Vec::new();
    for name in names.iter().filter(|name| is_field(name)) {
        if name.starts_with('@') {
            let all: Vec<String> = values.iter().flat_map(|value| spellings(value)).collect();
            clauses.push(json!({"terms": {name.as_str(): all}}));
        } else if !texts.is_empty() {
            clauses.push(json!({"terms": {name.as_str(): texts}}));
        }
    }
    for name in names.iter().filter(|name| !name.starts_with('@') && !texts.is_empty()) {
        let pairs: Vec<String> = texts.iter().map(|text| format!("{}={text}", escape(name))).collect();
        clauses.push(json!({"terms": {"@kv": pairs}}));
        if !numbers.is_empty() {
            let pairs: Vec<String> =
                numbers.iter().map(|number| format!("{}={}", escape(name), sortable(*number))).collect();
            clauses.push(json!({"terms": {"@kvn": pairs}}));
            if is_field(name) {
                clauses.push(json!({"terms": {format!("{name}.num"): numbers}}));
            }
        }
    }
    if aliases::is_id(field) {
        let ids: Vec<String> = values.iter().map(|value| value.text.to_ascii_lowercase()).collect();
        clauses.push(json!({"terms": {"@ids": ids}}));
    }
    any(clauses)
}

/// Whether a name may be a field of its own: what ends so is the number of the field before it.
fn is_field(name: &str) -> bool {
    name.rsplit_once('.').is_none_or(|(_, last)| last != "num")
}

/// A name as it stands in a wildcard before its value.
fn wild_name(name: &str) -> String {
    escape(name).replace('\\', r"\\").replace('*', r"\*").replace('?', r"\?")
}

/// Names whose value matches a pattern.
fn like(names: &[String], pattern: &str) -> Vec<Json> {
    let typed = names.iter().filter(|name| is_field(name));
    let mut clauses: Vec<Json> = typed.map(|name| json!({"wildcard": {name.as_str(): {"value": pattern}}})).collect();
    for name in names.iter().filter(|name| !name.starts_with('@')) {
        clauses.push(json!({"wildcard": {"@kv": {"value": format!("{}={pattern}", wild_name(name))}}}));
    }
    clauses
}

/// Names whose value matches an expression of the engine's.
fn like_regex(names: &[String], expression: &str) -> Json {
    let typed = names.iter().filter(|name| is_field(name));
    let mut clauses: Vec<Json> = typed.map(|name| json!({"regexp": {name.as_str(): {"value": expression}}})).collect();
    let literal = |name: &str| -> String {
        escape(name).chars().flat_map(|c| if c.is_alphanumeric() { vec![c] } else { vec!['\\', c] }).collect()
    };
    for name in names.iter().filter(|name| !name.starts_with('@')) {
        clauses.push(json!({"regexp": {"@kv": {"value": format!("{}={expression}", literal(name))}}}));
    }
    any(clauses)
}

/// The expression for the addresses of a network such as `10.0.0.0/8`.
pub(super) fn network(text: &str) -> Option<String> {
    let (address, bits) = text.split_once('/')?;
    let address: std::net::Ipv4Addr = address.parse().ok()?;
    let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
    let mut parts = Vec::new();
    for (at, octet) in (0_u32..).zip(address.octets()) {
        let fixed = bits.saturating_sub(8 * at).min(8);
        parts.push(match fixed {
            8 => octet.to_string(),
            0 => "[0-9]{1,3}".to_owned(),
            fixed => {
                let first = octet & (0xff_u8 << (8 - fixed));
                let last = first | (0xff_u8 >> fixed);
                let all: Vec<String> = (first..=last).map(|octet| octet.to_string()).collect();
                format!("({})", all.join("|"))
            }
        });
    }
    Some(parts.join(r"\."))
}

/// Names that have this very value, whatever its number looks like.
fn same(names: &[String], value: &Value) -> Vec<Json> {
    if !is_compared(&value.text) {
        return Vec::new();
    }
    let spellings = spellings(value);
    let number = if value.quoted { None } else { exact_number(&value.text) };
    let mut clauses = Vec::new();
    for name in names.iter().filter(|name| is_field(name)) {
        clauses.push(json!({"terms": {name.as_str(): spellings}}));
        match number.filter(|_| !name.starts_with('@')) {
            // The engines tell the two zeros apart.
            Some(0.0) => clauses.push(json!({"range": {format!("{name}.num"): {"gte": -0.0, "lte": 0.0}}})),
            Some(number) => clauses.push(json!({"term": {format!("{name}.num"): number}})),
            None => {}
        }
    }
    let own = || names.iter().filter(|name| !name.starts_with('@'));
    let pairs: Vec<String> =
        own().flat_map(|name| spellings.iter().map(move |value| format!("{}={value}", escape(name)))).collect();
    if !pairs.is_empty() {
        clauses.push(json!({"terms": {"@kv": pairs}}));
    }
    if let Some(number) = number {
        let pairs: Vec<String> = own().map(|name| format!("{}={}", escape(name), sortable(number))).collect();
        clauses.push(json!({"terms": {"@kvn": pairs}}));
    }
    clauses
}

/// Ids and truth values are found in either case, and JSON without its escapes.
fn spellings(value: &Value) -> Vec<String> {
    let text = &value.text;
    let lower = text.to_ascii_lowercase();
    let any_case = ids::is_id(text) || (!value.quoted && matches!(&*lower, "true" | "false"));
    let mut all = vec![text.clone()];
    if any_case && lower != *text {
        all.push(lower);
    }
    // Out of JSON, a text comes with its escapes.
    if value.quoted && text.contains('\\') {
        all.extend(
            serde_json::from_str::<String>(&format!("\"{}\"", text.replace('"', "\\\"")))
                .ok()
                .filter(|plain| plain != text),
        );
    }
    all
}

/// A field between two bounds.
fn range(field: &Field, low: Option<&Bound>, high: Option<&Bound>) -> Json {
    if low.is_none() && high.is_none() {
        return exists(field);
    }
    if aliases::is_level(field) {
        return levels(field, low, high);
    }
    let signs = [
        low.map(|low| (if low.included { "gte" } else { "gt" }, low)),
        high.map(|high| (if high.included { "lte" } else { "lt" }, high)),
    ];
    let signs: Vec<(&str, &Bound)> = signs.into_iter().flatten().collect();
    if aliases::is_time(field) {
        let name = aliases::canonical(&field.name).into_owned();
        let bounds: Option<serde_json::Map<String, Json>> = signs
            .iter()
            .map(|(sign, bound)| match bound.value.parse() {
                Ok(Moment::At(at)) => Some(((*sign).to_owned(), json!(at.as_millisecond()))),
                _ => None,
            })
            .collect();
        let Some(mut bounds) = bounds else { return nothing() };
        bounds.insert("format".to_owned(), json!("epoch_millis"));
        return json!({"range": {name: bounds}});
    }
    let numbers: Result<Vec<(&str, f64)>, String> =
        signs.iter().map(|(sign, bound)| Ok((*sign, units::in_unit_of(field, &bound.value)?))).collect();
    let Ok(numbers) = numbers else { return nothing() };
    let mut clauses = Vec::new();
    for name in aliases::names(field).iter().filter(|name| !name.starts_with('@')) {
        if is_field(name) {
            let typed: serde_json::Map<String, Json> = numbers
                .iter()
                .map(|(sign, bound)| {
                    // The engines tell the two zeros apart: both are above what is below zero, and below what is above.
                    let zero = if matches!(*sign, "gte" | "lt") { -0.0 } else { 0.0 };
                    ((*sign).to_owned(), json!(if *bound == 0.0 { zero } else { *bound }))
                })
                .collect();
            clauses.push(json!({"range": {format!("{name}.num"): typed}}));
        }
        let pair = |end: &str| json!(format!("{}={end}", escape(name)));
        let mut bounds: serde_json::Map<String, Json> =
            numbers.iter().map(|(sign, bound)| ((*sign).to_owned(), pair(&sortable(*bound)))).collect();
        if low.is_none() {
            bounds.insert("gte".to_owned(), pair(""));
        }
        if high.is_none() {
            bounds.insert("lt".to_owned(), pair("g"));
        }
        clauses.push(json!({"range": {"@kvn": bounds}}));
    }
    any(clauses)
}

fn levels(field: &Field, low: Option<&Bound>, high: Option<&Bound>) -> Json {
    json!({"terms": {"@level": names_of(&aliases::levels_between(field, low, high))}})
}

/// A regular expression: the engine finds the events that have the words which every match holds.
fn matches(field: Option<&Field>, pattern: &super::tree::Pattern) -> Node {
    let Ok(regex) = regex::compile(pattern) else { return Node::Exact(nothing()) };
    // An event that has such a field of its own is asked for that.
    let of_message = field.is_none_or(|field| field.name == "@message");
    let field = field.filter(|_| !of_message);
    let mut clauses: Vec<Json> = match field {
        // The message of one that has none is its text.
        Some(field) => vec![exists(field)],
        None => regex::needed(pattern)
            .iter()
            .map(|word| json!({"wildcard": {"@message": {"value": format!("*{word}*")}}}))
            .collect(),
    };
    if clauses.is_empty() {
        clauses.push(json!({"match_all": {}}));
    }
    if let Some(field) = field.filter(|field| aliases::is_level(field)) {
        let in_any_case = super::tree::Pattern { any_case: true, ..pattern.clone() };
        let levels = regex::compile(&in_any_case).map(|regex| aliases::levels_like(|name| regex.is_match(name)));
        let names = aliases::names(field);
        return Node::Or(vec![
            Node::Exact(json!({"terms": {"@level": names_of(&levels.unwrap_or_default())}})),
            Node::Checked(json!({"bool": {"filter": clauses}}), Check::Fields(names, regex)),
        ]);
    }
    let check = match field {
        Some(field) => Check::Fields(aliases::names(field), regex),
        None => Check::Message(regex),
    };
    Node::Checked(json!({"bool": {"filter": clauses}}), check)
}

fn names_of(levels: &[Level]) -> Vec<&str> {
    levels.iter().map(AsRef::as_ref).collect()
}

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite() && text.bytes().any(|b| b.is_ascii_digit()))
}

/// A number that a double holds exactly: the neighbours of a larger one would be found, too. `007` and `+7` are names.
fn exact_number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let named = digits.starts_with('+') || (digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0."));
    number(text).filter(|number| !named && number.abs() < 9_007_199_254_740_992.0)
}
