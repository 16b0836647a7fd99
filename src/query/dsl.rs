//! Tree → the engine's query DSL.

use logctl_core::{
    event_id::document_id,
    fields::known::Known,
    ids,
    level::{Level, Scale},
    pairs::{escape, is_compared, sortable},
};
use serde_json::{Value as Json, json};
use strum::IntoEnumIterator as _;

use super::tree::{Comparison, Field, Query, Value};
use crate::error::{Error, Kind};

/// The clause that matches what `query` means.
///
/// # Errors
/// Wrong usage where a comparison makes no sense.
pub fn compile(query: &Query) -> Result<Json, Error> {
    let all = |parts: &[Query]| parts.iter().map(compile).collect::<Result<Vec<_>, _>>();
    Ok(match query {
        Query::All => json!({"match_all": {}}),
        Query::And(parts) => json!({"bool": {"filter": all(parts)?}}),
        Query::Or(parts) => any(all(parts)?),
        Query::Not(part) => json!({"bool": {"must_not": [compile(part)?]}}),
        Query::Exists(field) => exists(field),
        Query::Text(value) => text(value),
        Query::Test { field, comparison, value } => test(field, *comparison, value)?,
    })
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
fn any(clauses: Vec<Json>) -> Json {
    json!({"bool": {"should": clauses, "minimum_should_match": 1}})
}

/// Text in the message; what looks like an id also among the ids.
fn text(value: &Value) -> Json {
    let pattern = value.text.trim_end_matches('*');
    let wild = !value.quoted && pattern.contains(['*', '?']) && pattern.trim_end_matches('?').contains(['*', '?']);
    if wild && value.text.chars().all(|c| c.is_alphanumeric() || c == '*' || c == '?') {
        return json!({"wildcard": {"@message": {"value": value.text.to_lowercase()}}});
    }
    if ids::is_id(&value.text) {
        return any(vec![json!({"term": {"@ids": value.text.to_ascii_lowercase()}}), phrase(&value.text)]);
    }
    phrase(&value.text)
}

/// The words of `text` in the message, in this order. Text without any word matches everything: it cannot be looked up.
fn phrase(text: &str) -> Json {
    json!({"match_phrase": {"@message": {"query": text, "zero_terms_query": "all"}}})
}

fn test(field: &Field, comparison: Comparison, value: &Value) -> Result<Json, Error> {
    match comparison {
        Comparison::Equal => Ok(equal(field, value)),
        Comparison::NotEqual => Ok(json!({"bool": {"filter": [exists(field)], "must_not": [equal(field, value)]}})),
        Comparison::Above | Comparison::AtLeast | Comparison::Below | Comparison::AtMost => {
            range(field, comparison, value)
        }
    }
}

/// One name stands for many.
fn aliases(field: &Field) -> Vec<&str> {
    if field.literal || field.name.starts_with('@') {
        return vec![&field.name];
    }
    let (fixed, others): (&str, &[&str]) = match folded(&field.name).as_str() {
        "requestid" | "awsrequestid" | "functionrequestid" | "reqid" | "xrequestid" | "xamznrequestid" => {
            ("@request_id", Known::RequestId.names())
        }
        "traceid" | "xraytraceid" | "xamzntraceid" | "oteltraceid" => ("@trace_id", Known::TraceId.names()),
        "level" | "loglevel" | "severity" | "lvl" => ("@level", Known::Level.names()),
        "service" | "servicename" => ("@service", &["service", "service.name", "service_name"]),
        "group" | "loggroup" => ("@log_group", &[]),
        "stream" | "logstream" => ("@log_stream", &[]),
        "account" | "owner" => ("@owner", &[]),
        "region" => ("@region", &[]),
        "msg" | "message" => ("message", &["msg"]),
        _ => return vec![&field.name],
    };
    let mut names = vec![fixed, &field.name];
    names.extend(others.iter().copied().filter(|name| *name != field.name));
    names.dedup();
    names
}

/// A name in lower case, without signs.
fn folded(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn is_level(field: &Field) -> bool {
    !field.literal && aliases(field).first() == Some(&"@level")
}

fn exists(field: &Field) -> Json {
    let names = aliases(field);
    let (fixed, own): (Vec<&str>, Vec<&str>) = names.into_iter().partition(|name| name.starts_with('@'));
    let mut clauses: Vec<Json> = fixed.into_iter().map(|name| json!({"exists": {"field": name}})).collect();
    if is_message(field) {
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
    let before = json!({"bool": {"filter": [any(typed)], "must_not": [{"exists": {"field": "@kvk"}}]}});
    any(vec![json!({"terms": {"@kvk": names}}), before])
}

fn is_message(field: &Field) -> bool {
    !field.literal && matches!(field.name.as_str(), "message" | "msg")
}

fn equal(field: &Field, value: &Value) -> Json {
    if is_level(field)
        && let Ok(level) = level(field, &value.text)
    {
        return json!({"term": {"@level": level.as_ref()}});
    }
    if field.name == "@id" {
        // Documents had the id of their event before it was written shorter.
        return json!({"ids": {"values": [document_id(&value.text), value.text]}});
    }
    let names = aliases(field);
    let wild = !value.quoted && value.text.contains(['*', '?']);
    let mut clauses = if wild { like(&names, &value.text) } else { same(&names, value) };
    if field.name.starts_with('@') {
        return any(clauses);
    }
    if !wild && !field.literal && value.text.chars().any(char::is_alphanumeric) {
        // The plain-text line says it, too: `name=value`, `name: value`, `"name":"value"` are the same words. They count only
        // where the event has no such field: as words, `pay` would be found in `pay-gateway`.
        let said = phrase(&format!("{} {}", field.name, value.text));
        clauses.push(json!({"bool": {"filter": [said], "must_not": [has(&[&field.name])]}}));
        if is_message(field) {
            clauses.push(phrase(&value.text));
        }
    }
    if !wild && names.iter().any(|name| matches!(*name, "@request_id" | "@trace_id")) {
        clauses.push(text(value)); // Whatever the bare id finds.
    }
    if !is_compared(&value.text) {
        // No longer value is compared, so the message is looked through.
        let own: Vec<&str> = names.iter().copied().filter(|name| !name.starts_with('@')).collect();
        clauses.push(json!({"bool": {"filter": [has(&own), phrase(&value.text)]}}));
    }
    any(clauses)
}

/// Whether a name may be a field of its own: what ends so is the number of the field before it.
fn is_field(name: &str) -> bool {
    name.rsplit_once('.').is_none_or(|(_, last)| last != "num")
}

/// Names whose value matches a pattern.
fn like(names: &[&str], pattern: &str) -> Vec<Json> {
    let typed = names.iter().filter(|name| is_field(name));
    let mut clauses: Vec<Json> = typed.map(|name| json!({"wildcard": {*name: {"value": pattern}}})).collect();
    for name in names.iter().filter(|name| !name.starts_with('@')) {
        let name = escape(name).replace('\\', r"\\").replace('*', r"\*").replace('?', r"\?");
        clauses.push(json!({"wildcard": {"@kv": {"value": format!("{name}={pattern}")}}}));
    }
    clauses
}

/// Names that have this very value, whatever its number looks like.
fn same(names: &[&str], value: &Value) -> Vec<Json> {
    if !is_compared(&value.text) {
        return Vec::new();
    }
    let spellings = spellings(&value.text);
    let number = if value.quoted { None } else { exact_number(&value.text) };
    let mut clauses = Vec::new();
    for name in names.iter().filter(|name| is_field(name)) {
        clauses.push(json!({"terms": {*name: spellings}}));
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

/// Ids are found in either case.
fn spellings(text: &str) -> Vec<String> {
    let lower = text.to_ascii_lowercase();
    if ids::is_id(text) && lower != text { vec![text.to_owned(), lower] } else { vec![text.to_owned()] }
}

fn range(field: &Field, comparison: Comparison, value: &Value) -> Result<Json, Error> {
    if is_level(field) {
        let bound = level(field, &value.text)?;
        let levels: Vec<_> = Level::iter()
            .filter(|level| match comparison {
                Comparison::Above => *level > bound,
                Comparison::AtLeast => *level >= bound,
                Comparison::Below => *level < bound,
                _ => *level <= bound,
            })
            .map(|level| level.to_string())
            .collect();
        return Ok(json!({"terms": {"@level": levels}}));
    }
    let sign = match comparison {
        Comparison::Above => "gt",
        Comparison::AtLeast => "gte",
        Comparison::Below => "lt",
        _ => "lte",
    };
    if field.name == "@timestamp" {
        return Err(Error::new(Kind::Usage, "the time range is not part of the query")
            .hint("set it with --since and --until, as in --since '2026-11-23 10:00'"));
    }
    let Some(bound) = number(&value.text) else {
        return Err(Error::new(
            Kind::Usage,
            format!("`{}` is no number, and {} compares numbers", value.text, field.name),
        )
        .hint("compare with a number, as in durationMs>1500, or look for one value with ="));
    };
    let mut clauses = Vec::new();
    for name in aliases(field).into_iter().filter(|name| !name.starts_with('@')) {
        if is_field(name) {
            // The engines tell the two zeros apart: both are above what is below zero, and below what is above.
            let zero = if matches!(sign, "gte" | "lt") { -0.0 } else { 0.0 };
            let bound = if bound == 0.0 { zero } else { bound };
            clauses.push(json!({"range": {format!("{name}.num"): {sign: bound}}}));
        }
        let pair = |end: &str| format!("{}={end}", escape(name));
        let (bound, other, end) = match sign {
            "gt" | "gte" => (pair(&sortable(bound)), "lt", pair("g")),
            _ => (pair(&sortable(bound)), "gte", pair("")),
        };
        clauses.push(json!({"range": {"@kvn": {sign: bound, other: end}}}));
    }
    Ok(any(clauses))
}

/// A level by name, or by number as the field counts.
fn level(field: &Field, text: &str) -> Result<Level, Error> {
    let by_number = text.parse().ok().and_then(|number| Scale::of_name(&folded(&field.name)).level(number));
    text.parse().or_else(|expected: String| {
        by_number
            .ok_or_else(|| Error::new(Kind::Usage, format!("`{text}` is no level: {expected}")).hint("level>=warn"))
    })
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

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "a table of cases")]
mod tests {
    use test_case::test_case;

    use super::*;
    use crate::query::parse;

    fn compiled(text: &str) -> Json {
        compile(&parse(&[text.to_owned()]).unwrap()).unwrap()
    }

    #[test]
    fn a_word_is_a_phrase_of_the_message() {
        assert_eq!(
            compiled("x-amzn-trace-id"),
            json!({"match_phrase":{"@message":{"query":"x-amzn-trace-id","zero_terms_query":"all"}}})
        );
    }

    #[test]
    fn an_id_is_looked_up_in_both_places() {
        assert_eq!(
            compiled("8F5E0A2C-3f1e-4b7d-9c55-0a1b2c3d4e5f"),
            json!({"bool":{"minimum_should_match":1,"should":[{"term":{"@ids":"8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f"}},{"match_phrase":{"@message":{"query":"8F5E0A2C-3f1e-4b7d-9c55-0a1b2c3d4e5f","zero_terms_query":"all"}}}]}})
        );
    }

    #[test]
    fn a_field_without_aliases() {
        assert_eq!(
            compiled("orderId=A-1"),
            json!({"bool":{"minimum_should_match":1,"should":[{"terms":{"orderId":["A-1"]}},{"terms":{"@kv":["orderId=A-1"]}},{"bool":{"filter":[{"match_phrase":{"@message":{"query":"orderId A-1","zero_terms_query":"all"}}}],"must_not":[has(&["orderId"])]}}]}})
        );
    }

    #[test]
    fn a_number_is_found_in_every_form() {
        assert_eq!(
            compiled(".amount=1000"),
            json!({"bool":{"minimum_should_match":1,"should":[{"terms":{"amount":["1000"]}},{"term":{"amount.num":1000.0}},{"terms":{"@kv":["amount=1000"]}},{"terms":{"@kvn":["amount=c08f4"]}}]}})
        );
    }

    #[test]
    fn what_only_looks_like_a_number_is_none() {
        for text in ["1234567890123456789", "007", "+7", "inf", "NaN", "1e999"] {
            assert_eq!(exact_number(text), None, "{text}");
        }
        assert_eq!(exact_number("-1.5"), Some(-1.5));
        assert_eq!(exact_number("0.5"), Some(0.5));
    }

    #[test]
    fn request_ids_go_under_many_names() {
        let clauses = compiled("request_id=abc").to_string();
        for name in ["@request_id", "requestId", "awsRequestId", "x-request-id"] {
            assert!(clauses.contains(&format!(r#"{{"terms":{{"{name}":["abc"]}}}}"#)), "{name} is not in {clauses}");
        }
        assert!(!compiled(".request_id=abc").to_string().contains("awsRequestId"));
    }

    #[test_case("level=WARNING", &["warn"]; "a name in any case")]
    #[test_case("level=40", &["warn"]; "as pino counts")]
    #[test_case("levelno=40", &["40"]; "not an alias: the field itself")]
    #[test_case("level>=warn", &["warn", "error", "fatal"]; "at least")]
    #[test_case("severity<info", &["trace", "debug"]; "below")]
    fn levels(query: &str, expected: &[&str]) {
        let clause = compiled(query).to_string();
        assert!(expected.iter().all(|level| clause.contains(&format!("\"{level}\""))), "{clause}");
    }

    #[test]
    fn comparisons_use_the_numbers() {
        assert_eq!(
            compiled("durationMs>=1.5"),
            json!({"bool":{"minimum_should_match":1,"should":[{"range":{"durationMs.num":{"gte":1.5}}},{"range":{"@kvn":{"gte":"durationMs=bff8","lt":"durationMs=g"}}}]}})
        );
        let error = compile(&parse(&["durationMs>fast".to_owned()]).unwrap()).unwrap_err();
        assert_eq!(error.message, "`fast` is no number, and durationMs compares numbers");
    }

    #[test]
    fn not_equal_wants_the_field() {
        let clause = compiled("user!=x");
        assert_eq!(clause["bool"]["filter"][0]["bool"]["should"][0], has(&["user"]));
        assert!(clause["bool"]["must_not"].is_array());
    }

    #[test]
    fn names_with_signs_are_asked_for_as_they_are_written() {
        let clauses = json!(like(&["a=b*c"], "x*")).to_string();
        assert!(clauses.contains(r#""value":"a\\\\=b\\*c=x*""#), "{clauses}");
        let clauses = json!(same(&["x.num"], &Value { text: "0".into(), quoted: false }));
        assert_eq!(clauses, json!([{"terms": {"@kv": ["x.num=0"]}}, {"terms": {"@kvn": ["x.num=8"]}}]));
    }

    #[test_case("n>=0", json!({"gte": -0.0}), json!({"gte": "n=8", "lt": "n=g"}))]
    #[test_case("n<0", json!({"lt": -0.0}), json!({"lt": "n=8", "gte": "n="}))]
    #[test_case("n>0", json!({"gt": 0.0}), json!({"gt": "n=8", "lt": "n=g"}))]
    fn both_zeros_are_one(query: &str, typed: Json, pair: Json) {
        let expected = json!([{"range": {"n.num": typed}}, {"range": {"@kvn": pair}}]);
        assert_eq!(compiled(query)["bool"]["should"], expected);
    }

    #[test]
    fn an_event_is_found_by_its_id() {
        let id = "37462871928374619283746192837461928374619283746192837461";
        assert_eq!(compiled(&format!("@id={id}")), json!({"ids": {"values": [document_id(id), id]}}));
    }

    #[test_case("/aws/lambda/pay", json!({"term": {"@log_group": "/aws/lambda/pay"}}); "a name")]
    #[test_case("/aws/lambda/*", json!({"prefix": {"@log_group": "/aws/lambda/"}}); "a prefix")]
    #[test_case("*pay?", json!({"wildcard": {"@log_group": {"value": "*pay?"}}}); "a glob")]
    fn groups(glob: &str, expected: Json) {
        assert_eq!(group(glob), expected);
    }

    #[test_case("why?", "match_phrase"; "a final question mark is text")]
    #[test_case("time*", "match_phrase"; "a final star is text")]
    #[test_case("t*out", "wildcard"; "a star inside is a wildcard")]
    fn wildcards(word: &str, kind: &str) {
        assert!(compiled(word).get(kind).is_some(), "{}", compiled(word));
    }
}
