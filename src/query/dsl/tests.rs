//! What the engine is asked.

#![expect(clippy::needless_pass_by_value, reason = "a table of cases")]

use test_case::test_case;

use super::*;
use crate::query::parse;

fn compiled(text: &str) -> Json {
    compile(&parse(&[text.to_owned()]).unwrap()).clause
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
        json!({"bool":{"minimum_should_match":1,"should":[{"terms":{"@ids":["8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f","8f5e0a2c3f1e4b7d9c550a1b2c3d4e5f"]}},{"match_phrase":{"@message":{"query":"8F5E0A2C-3f1e-4b7d-9c55-0a1b2c3d4e5f","zero_terms_query":"all"}}}]}})
    );
}

#[test]
fn a_field_without_aliases() {
    assert_eq!(
        compiled("orderId=A-1"),
        json!({"bool":{"minimum_should_match":1,"should":[{"terms":{"orderId":["A-1"]}},{"terms":{"@kv":["orderId=A-1"]}},{"bool":{"filter":[any(vec![phrase("orderId A-1")])],"must_not":[has(&["orderId"])]}}]}})
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
    let error = parse(&["durationMs>fast".to_owned()]).unwrap_err();
    assert!(error.message.contains("`fast` is no number, and durationMs compares numbers"), "{error}");
}

#[test]
fn not_equal_wants_the_field() {
    let clause = compiled("user!=x");
    assert_eq!(clause["bool"]["filter"][0]["bool"]["should"][0], has(&["user"]));
    assert!(clause["bool"]["filter"][1]["bool"]["must_not"].is_array());
}

#[test]
fn names_with_signs_are_asked_for_as_they_are_written() {
    let clauses = json!(like(&["a=b*c".to_owned()], "x*")).to_string();
    assert!(clauses.contains(r#""value":"a\\\\=b\\*c=x*""#), "{clauses}");
    let clauses = json!(same(&["x.num".to_owned()], &Value { text: "0".into(), quoted: false }));
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
fn many_values_are_a_few_clauses() {
    let values: Vec<String> = (0..10_000).map(|nth| format!("R-{nth}")).collect();
    let clause = compiled(&format!("orderId in ({})", values.join(", ")));
    let clauses = clause["bool"]["should"].as_array().unwrap();
    assert_eq!((clauses.len(), clauses[0]["terms"]["orderId"].as_array().map(Vec::len)), (2, Some(10_000)));
    assert!(compiled(&format!("requestId in ({})", values.join(","))).to_string().contains(r#"{"@ids":["r-0","#));
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
#[test_case("time*", "wildcard"; "a star at the end is one, too")]
#[test_case("*out", "wildcard"; "and one at the beginning")]
#[test_case("t*out", "bool"; "one inside may stand for signs, too")]
fn wildcards(word: &str, kind: &str) {
    assert!(compiled(word).get(kind).is_some(), "{}", compiled(word));
}

#[test]
fn a_long_list_is_asked_in_parts() {
    let values: Vec<String> = (0..5_000).map(|nth| format!("v{nth}")).collect();
    let query = parse(&[format!("a=1 AND orderId in ({})", values.join(","))]).unwrap();
    let all = parts(&query);
    let of = |part: &Query| compile(part).clause.to_string().matches("orderId=v").count();
    assert_eq!(all.iter().map(of).collect::<Vec<_>>(), [2_000, 2_000, 1_000]);
    assert!(all.iter().all(|part| compile(part).clause.to_string().contains("a=1")));
    let short = parse(&["orderId in (1, 2)".to_owned()]).unwrap();
    assert_eq!(parts(&short), [short]);
}
