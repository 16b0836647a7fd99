//! Tree → the engine's query DSL.

use logctl_core::{fields::known::Known, ids, level::Level};
use serde_json::{Value as Json, json};
use strum::IntoEnumIterator as _;

use super::tree::{Comparison, Field, Query, Value};
use crate::error::{Error, Kind};

/// Longer values are not in the keyword fields (`ignore_above` of the index template).
const KEYWORD_LIMIT: usize = 1024;

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
    let folded: String = field.name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let (fixed, others): (&str, &[&str]) = match folded.as_str() {
        "requestid" | "awsrequestid" | "reqid" | "xrequestid" => ("@request_id", Known::RequestId.names()),
        "traceid" | "xraytraceid" => ("@trace_id", Known::TraceId.names()),
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

fn is_level(field: &Field) -> bool {
    !field.literal && aliases(field).first() == Some(&"@level")
}

fn exists(field: &Field) -> Json {
    let mut names = aliases(field);
    if is_message(field) {
        names.push("@message");
    }
    any(names.into_iter().map(|name| json!({"exists": {"field": name}})).collect())
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
        return json!({"ids": {"values": [value.text]}});
    }
    let mut clauses = Vec::new();
    let wild = !value.quoted && value.text.contains(['*', '?']);
    for name in aliases(field) {
        if wild {
            clauses.push(json!({"wildcard": {name: {"value": value.text}}}));
        } else if value.text.chars().count() <= KEYWORD_LIMIT {
            clauses.push(json!({"terms": {name: spellings(&value.text)}}));
        }
        if !value.quoted
            && !name.starts_with('@')
            && let Some(number) = exact_number(&value.text)
        {
            clauses.push(json!({"term": {format!("{name}.num"): number}}));
        }
    }
    if field.name.starts_with('@') {
        return any(clauses);
    }
    let name = &field.name;
    clauses.push(json!({"term": {"@kv": format!("{name}={}", value.text)}}));
    if !wild && !field.literal && value.text.chars().any(char::is_alphanumeric) {
        // The plain-text line says it, too: `name=value`, `name: value`, `"name":"value"` are the same words. They count only
        // where the event has no such field: as words, `pay` would be found in `pay-gateway`.
        let said = phrase(&format!("{name} {}", value.text));
        clauses.push(json!({"bool": {"filter": [said], "must_not": [{"exists": {"field": name}}]}}));
        if is_message(field) {
            clauses.push(phrase(&value.text));
        }
    }
    any(clauses)
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
    let bounded = |name: &str| json!({"range": {format!("{name}.num"): {sign: bound}}});
    Ok(any(aliases(field).into_iter().map(bounded).collect()))
}

/// A level by name, or by number as the field counts.
fn level(field: &Field, text: &str) -> Result<Level, Error> {
    let by_number = text.parse().ok().and_then(|number| Level::from_number(&field.name, number));
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
            json!({"bool":{"minimum_should_match":1,"should":[{"terms":{"orderId":["A-1"]}},{"term":{"@kv":"orderId=A-1"}},{"bool":{"filter":[{"match_phrase":{"@message":{"query":"orderId A-1","zero_terms_query":"all"}}}],"must_not":[{"exists":{"field":"orderId"}}]}}]}})
        );
    }

    #[test]
    fn a_number_is_found_in_every_form() {
        assert_eq!(
            compiled(".amount=1000"),
            json!({"bool":{"minimum_should_match":1,"should":[{"terms":{"amount":["1000"]}},{"term":{"amount.num":1000.0}},{"term":{"@kv":"amount=1000"}}]}})
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
            json!({"bool":{"minimum_should_match":1,"should":[{"range":{"durationMs.num":{"gte":1.5}}}]}})
        );
        let error = compile(&parse(&["durationMs>fast".to_owned()]).unwrap()).unwrap_err();
        assert_eq!(error.message, "`fast` is no number, and durationMs compares numbers");
    }

    #[test]
    fn not_equal_wants_the_field() {
        let clause = compiled("user!=x");
        assert_eq!(clause["bool"]["filter"][0]["bool"]["should"][0], json!({"exists": {"field": "user"}}));
        assert!(clause["bool"]["must_not"].is_array());
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
