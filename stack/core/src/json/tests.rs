use proptest::prelude::*;
use serde_json::Value;
use test_case::test_case;

use super::*;

fn clean(text: &str) -> Option<(usize, String)> {
    let mut members = Vec::new();
    let mut scanner = Scanner::new(text);
    let inner = scanner.clean_object(&mut members)?;
    let mut copied = Vec::new();
    scanner.append(inner.text, inner.at, &mut copied);
    scanner.is_done().then_some((members.len(), String::from_utf8(copied).unwrap()))
}

#[test_case(r#"{"a":1,"b":{"c":[1,2.5,-3]},"d":"x\n\u00e9","e":null,"f":[{"g":true},{"g":false}]}"#, 5; "everything")]
#[test_case(r#"{"a":1.5e-7,"b":"\ud83d\ude00"}"#, 2; "an exponent and a surrogate pair")]
#[test_case("{}", 0; "nothing")]
#[test_case("{ \"a\" : [ ] }", 1; "space")]
#[test_case(r#"{"_id":1,"@a":2,"ä b":9223372036854775807}"#, 3; "names that get a prefix, and odd ones")]
fn understood(text: &str, members: usize) {
    assert_eq!(clean(text), Some((members, text[1..text.len() - 1].to_owned())));
}

#[test_case(r#"{"a":1,"a":2}"#; "a name twice")]
#[test_case(r#"{"a":{"b":1,"b":2}}"#; "a name twice below")]
#[test_case(r#"{"a":{"17":1}}"#; "a number as a name")]
#[test_case(r#"{"a":{"8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f":1}}"#; "an id as a name")]
#[test_case(r#"{"":1}"#; "no name")]
#[test_case(r#"{"a.":1}"#; "a dot at the end")]
#[test_case(r#"{"a. b":1}"#; "a blank after a dot")]
#[test_case(r#"{"a":9223372036854775808}"#; "from 2^63")]
#[test_case(r#"{"a\n":1}"#; "an escape in a name")]
#[test_case(r#"{"a":[1, "x"]}"#; "a mixed array that is not compact")]
#[test_case(r#"{"a":[[1,,2]]}"#; "a nested array that is none")]
#[test_case(r#"{"a":1e500}"#; "a large exponent")]
#[test_case(r#"{"a":12345678901234567890}"#; "a long number")]
#[test_case(r#"{"a":01}"#; "a leading zero")]
#[test_case(r#"{"a":"\ud83d"}"#; "half a surrogate pair")]
#[test_case(r#"{"a":"\x"}"#; "an unknown escape")]
#[test_case("{\"a\":\"\u{1}\"}"; "a control character")]
#[test_case(r#"{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{}}}}}}}}}"#; "too deep")]
#[test_case(r#"{"a":1} x"#; "more behind it")]
#[test_case(r#"{"a":1"#; "cut")]
#[test_case(r#"{"a":[{}"#; "cut in an array")]
#[test_case(r#"{"a" 1}"#; "no colon")]
fn surprises(text: &str) {
    assert_eq!(clean(text), None);
}

#[test]
fn arrays_may_be_nested_without_end() {
    let text = format!(r#"{{"a":{}{}}}"#, "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert_eq!(clean(&text), None);
}

#[test]
fn arrays_that_become_texts() {
    let text = r#"{"a":[["x",1]],"b":{"c":[1,"y"]},"d":2}"#;
    assert_eq!(clean(text), Some((3, r#""a":"[[\"x\",1]]","b":{"c":"[1,\"y\"]"},"d":2"#.to_owned())));
}

#[test]
fn values_are_skipped() {
    for value in [r#""a\"b""#, "1.5e3", "null", r#"{"a":[1,{"b":"}"}]}"#, "[]"] {
        let text = format!(" {value} , 1");
        let mut scanner = Scanner::new(&text);
        assert_eq!(scanner.skip_value(), Some(value));
        assert!(scanner.take(b',').is_some());
        assert_eq!(scanner.integer(), Some(1));
    }
}

proptest! {
    #[test]
    fn long_strings_are_strings(text in r#"([ -~]|\\\\|\\"|\\n|\\u00e9|\\ud83d\\ude00|[a-z]{60}|\\{60,70}|\\ud83d|\n){0,30}"#) {
        let text = format!("\"{text}\" \"");
        prop_assert_eq!(Scanner::new(&text).long_string(), Scanner::new(&text).string());
    }

    /// What is understood is JSON, and of equal meaning.
    #[test]
    fn what_is_understood_is_json(text in r#"\{("[a-z.@_]{0,3}":("[a-zé\\nu"]{0,4}"|-?[0-9.e]{1,4}|\[[0-9,"]{0,4}\]|\{\}|true|nul?l),?){0,3}\}"#) {
        if let Some((_, inner)) = clean(&text) {
            prop_assert!(serde_json::from_str::<Value>(&format!("{{{inner}}}")).is_ok(), "{}", inner);
            prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
        }
    }
}
