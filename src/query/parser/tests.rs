//! What people type, and what it means.

use insta::assert_snapshot;
use proptest::prelude::*;
use test_case::test_case;

use super::*;
use crate::error::Kind;

/// A tree in a form that reads like the query it means.
fn show(query: &Query) -> String {
    let list = |parts: &[Query], word: &str| parts.iter().map(show).collect::<Vec<_>>().join(word);
    let quoted = |value: &Value| if value.quoted { format!("{:?}", value.text) } else { value.text.clone() };
    let name = |field: &Field| if field.literal { format!(".{}", field.name) } else { field.name.clone() };
    match query {
        Query::All => "everything".into(),
        Query::And(parts) => format!("({})", list(parts, " & ")),
        Query::Or(parts) => format!("({})", list(parts, " | ")),
        Query::Not(part) => format!("!{}", show(part)),
        Query::Exists(field) => format!("{}:*", name(field)),
        Query::Text(value) => quoted(value),
        Query::Test { field, comparison, value } => format!("{}{}{}", name(field), comparison.sign(), quoted(value)),
        Query::Range { field, low, high } => {
            let bound = |bound: &Option<Bound>, open: [char; 2]| match bound {
                Some(bound) => format!("{}{}", bound.value, open[usize::from(bound.included)]),
                None => "*".to_owned(),
            };
            format!("{}:{}..{}", name(field), bound(low, ['(', '[']), bound(high, [')', ']']))
        }
        Query::Matches { field, pattern } => {
            let case = if pattern.any_case { "i" } else { "" };
            format!("{}~/{}/{case}", field.as_ref().map(name).unwrap_or_default(), pattern.text)
        }
        Query::Pasted { text, read, literally } => {
            let read = read.as_ref().map_or("nothing".to_owned(), |read| show(read));
            format!("{read} | {}{text:?}", if *literally { "literally " } else { "" })
        }
    }
}

fn parsed(arguments: &[&str]) -> String {
    show(&parse(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap())
}

#[test_case(&[], "everything"; "nothing")]
#[test_case(&["error", "timeout"], "(error & timeout)"; "words side by side")]
#[test_case(&["payment failed"], "payment failed"; "an argument with a space is a phrase")]
#[test_case(&["requestId=abc"], "requestId=abc"; "a test")]
#[test_case(&["level:error"], "level=error"; "a test with a colon")]
#[test_case(&["status>=500"], "status>=500"; "a comparison")]
#[test_case(&["status", "ge", "500"], "status>=500"; "a comparison in words")]
#[test_case(&["a=1 OR b=2 c=3"], "(a=1 | (b=2 & c=3))"; "precedence")]
#[test_case(&["a=1", "OR", "b=2"], "(a=1 | b=2)"; "an operator as an argument")]
#[test_case(&["level=error or level=warn"], "(level=error | level=warn)"; "lower case beside a test")]
#[test_case(&["level=error", "or", "level=warn"], "(level=error | level=warn)"; "lower case between arguments")]
#[test_case(&["error", "or", "warning"], "(error & or & warning)"; "lower case between words")]
#[test_case(&["error", "NOT", "payment failed"], "(error & !payment failed)"; "a phrase beside an operator")]
#[test_case(&["error", "!payment failed"], "(error & !payment failed)"; "a negated phrase")]
#[test_case(&["!500"], "!500"; "a negated number")]
#[test_case(&["!/aws/x"], "!/aws/x"; "a negated path")]
#[test_case(&["status >= 500"], "status>=500"; "spaces around the sign")]
#[test_case(&["status == 500"], "status=500"; "two equals signs")]
#[test_case(&["level!=(debug OR trace)"], "(level:* & !(level=debug | level=trace))"; "none of several")]
#[test_case(&["the", "le", "Mans"], "(the & le & Mans)"; "words that are no comparison")]
#[test_case(&["(a=1", "OR", "b=2)", "c=3"], "((a=1 | b=2) & c=3)"; "brackets over arguments")]
#[test_case(&["NOT level=info"], "!level=info"; "not")]
#[test_case(&["!timeout"], "!timeout"; "negated word")]
#[test_case(&["error -timeout"], r#"(error & !timeout) | literally "error -timeout""#; "negated inside an argument")]
#[test_case(&["level=(error OR fatal)"], "(level=error | level=fatal)"; "a group")]
#[test_case(&["user=*"], "user:*"; "exists")]
#[test_case(&["has:user missing(order)"], "(user:* & !order:*)"; "has and missing")]
#[test_case(&[".level=40"], ".level=40"; "a literal field")]
#[test_case(&["message=payment failed"], r#"(message="payment failed" | (message=payment & failed)) | "message=payment failed""#; "a value of several words")]
#[test_case(&["level=error timeout"], r#"(level="error timeout" | (level=error & timeout)) | "level=error timeout""#; "or a value and a word")]
#[test_case(&["status:[400 TO 499]"], "status:400[..499]"; "a range")]
#[test_case(&["status:{400 TO *}"], "status:400(..*"; "an open range")]
#[test_case(&["status=400..499"], "status:400[..499]"; "a range with dots")]
#[test_case(&["status:>=500"], "status>=500"; "a comparison behind a colon")]
#[test_case(&["status", ">=", "500"], "status>=500"; "a comparison that the shell has split")]
#[test_case(&["status in (500, 502)"], "(status=500 | status=502)"; "a list")]
#[test_case(&["status not in (500,502)"], "(status:* & !(status=500 | status=502))"; "none of a list")]
#[test_case(&["level=(error", "OR", "fatal)"], "(level=error | level=fatal)"; "a group that the shell has split")]
#[test_case(&["msg=~/time.*out/i"], "msg~/time.*out/i"; "an expression")]
#[test_case(&["msg!~x"], "(msg:* & !msg~/x/)"; "that does not match")]
#[test_case(&["~/[a-z]+ timeout/"], "~/[a-z]+ timeout/"; "an expression of the message")]
#[test_case(&["_exists_:sku"], "sku:*"; "as Lucene asks for a name")]
#[test_case(&["status<>500"], "status!=500"; "as SQL writes it")]
#[test_case(&["items[0].sku=boots"], "items.sku=boots"; "a place in a list")]
#[test_case(&["http.status: 500"], r#"http.status=500 | "http.status: 500""#; "a colon and a space")]
#[test_case(&["arn:aws:s3:::logs"], r#"arn=aws:s3:::logs | "arn:aws:s3:::logs""#; "an ARN")]
#[test_case(&["db:5432 not reachable"], r#"(db="5432 not reachable" | (db=5432 & not & reachable)) | "db:5432 not reachable""#; "a host with its port")]
#[test_case(&["expected length > 0 but got 0"], r#"(expected & (length>0 & but & got & 0)) | literally "expected length > 0 but got 0""#; "a comparison in prose")]
#[test_case(&["assertion failed: a < b"], r#"nothing | literally "assertion failed: a < b""#; "signs in prose")]
#[test_case(&["user not found"], "user not found"; "not in prose")]
#[test_case(&["length>fast here"], r#"nothing | literally "length>fast here""#; "a comparison that makes no sense")]
#[test_case(&["(something broke"], "(something broke"; "half a pair of brackets in text")]
#[test_case(&["a=1 or timeout"], r#"(a="1 or timeout" | (a=1 & or & timeout)) | "a=1 or timeout""#; "an operator in lower case before a word")]
#[test_case(&[r#"{"orderId":"A-1","status":201}"#], r#"(.orderId="A-1" & .status=201) | "{\"orderId\":\"A-1\",\"status\":201}""#; "an object of JSON")]
#[test_case(&[r#""orderId":"A-2","status":500"#], r#"(orderId="A-2" & status=500)"#; "members of JSON")]
#[test_case(&["a=1, b=2"], "(a=1 & b=2)"; "commas between tests")]
#[test_case(&["\u{a0}timeout\u{200b}"], "timeout"; "what nobody sees")]
#[test_case(&["status>=500 AND level=error"], "(status>=500 & level=error)"; "an operator ends the value")]
#[test_case(&["user=“Łukasz”"], r#"user="Łukasz""#; "curly quotes")]
#[test_case(&[r#""orderId":"A-1""#], r#"orderId="A-1""#; "a member of JSON")]
#[test_case(&["trace=Root=1-57"], "trace=Root=1-57"; "value after the first equals sign")]
fn queries(arguments: &[&str], expected: &str) {
    assert_eq!(parsed(arguments), expected);
}

/// What people paste is text.
#[test_case("ORDER-2024-00123")]
#[test_case("x-amzn-trace-id")]
#[test_case("https://x/?a=1&b=2")]
#[test_case("10:42:01")]
#[test_case("/aws/lambda/pay")]
#[test_case("why?")]
#[test_case("std::io::Error")]
#[test_case("8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f")]
fn pasted_words(text: &str) {
    assert_eq!(parsed(&[text]), text);
}

#[test_case("at c.Foo(Bar.java:42)")]
#[test_case("[ERROR] Task timed out")]
#[test_case("SELECT * FROM t")]
#[test_case("user not found")]
#[test_case("can't connect")]
fn pasted_phrases(text: &str) {
    assert_eq!(parsed(&[text]), text);
}

fn wrong(text: &str) -> String {
    let error = parse(&[text.to_owned()]).unwrap_err();
    assert_eq!(error.kind, Kind::Usage);
    error.to_string()
}

#[test]
fn errors_point_at_the_place() {
    assert_snapshot!(wrong("(level=error OR level=warn"), @r#"
    the query is wrong: this bracket is never closed
      (level=error OR level=warn
      ^
    hint: a query looks like: (a OR b) AND c
    hint: to look for it as text, quote it once more: '"(level=error OR level=warn"'
    "#);
    assert_snapshot!(wrong("status>="), @"
    the query is wrong: the value is missing here
      status>=
              ^
    hint: a query looks like: status>=500
    ");
    assert_snapshot!(wrong("ünï OR"), @r#"
    the query is wrong: something is missing here
      ünï OR
            ^
    hint: a query looks like: level=error OR level=warn
    hint: to look for it as text, quote it once more: '"ünï OR"'
    "#);
    assert_snapshot!(wrong("a AND OR b"), @r#"
    the query is wrong: something is missing after AND
      a AND OR b
            ^
    hint: a query looks like: level=error AND timeout
    hint: to look for it as text, quote it once more: '"a AND OR b"'
    "#);
    assert_snapshot!(wrong(r#"user="open"#), @r#"
    the query is wrong: this quote is never closed
      user="open
           ^
    hint: a query looks like: message="payment failed"
    "#);
}

#[test_case("msg=~/x"; "an expression that is not closed")]
#[test_case("msg=~[x"; "one that cannot be read")]
#[test_case("time>now-1h"; "a time that is none of the event's")]
#[test_case("price>89,0"; "a comma in a number")]
#[test_case("duration>3s"; "a unit of what has none")]
#[test_case("level=error )"; "a bracket that closes nothing")]
#[test_case("***"; "no letter")]
#[test_case("🔥"; "no word")]
#[test_case("level=(a AND b OR c)"; "mixed list")]
fn forms_that_are_not_understood(text: &str) {
    wrong(text);
}

#[test]
fn a_comparison_of_another_language_is_refused_over_arguments() {
    let error = parse(&["status", "eq", "500"].map(str::to_owned)).unwrap_err();
    assert!(error.message.contains("another language's"), "{error}");
}

#[test]
fn depth_is_bounded() {
    assert!(wrong(&"(".repeat(10_000)).contains("nested too deep"));
}

proptest! {
    #[test]
    fn no_query_panics(text in ".{0,60}") {
        drop(parse(&[text]));
    }

    #[test]
    fn no_operators_panic(parts in proptest::collection::vec("(a|=|:|\\(|\\)| |OR|NOT|\"|>=|-|!|\\*|“|é)", 0..20)) {
        drop(parse(&[parts.concat()]));
    }
}

#[test]
fn signs_without_end_are_survived() {
    let _ = parse(&["!".repeat(100_000) + "x"]);
    let _ = parse(&["-".repeat(100_000) + "x"]);
    let _ = parse(&["NOT ".repeat(100_000) + "x"]);
    let _ = parse(&["(".repeat(100_000) + "x"]);
}

/// Queries of every kind.
fn any_query() -> impl Strategy<Value = Query> {
    let name = prop_oneof!["[a-z@_][a-zA-Z0-9_-]{0,5}[a-z0-9](\\.[a-z]{1,4})?", r#"[a-z "\\=:]{1,6}"#];
    let field = (name, any::<bool>()).prop_map(|(name, literal)| {
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "_-@.".contains(c));
        Field { literal: literal && plain, name }
    });
    let quoted = r#"[a-z0-9 "'\\()<>=:,*éß]{0,8}"#.prop_map(Value::quoted);
    let word = "[a-z0-9][a-z0-9*._/-]{0,8}[a-z0-9]".prop_map(|text| Value { text, quoted: false });
    let value = prop_oneof![quoted.clone(), word.clone()];
    let number = (-9999_i32..9999).prop_map(|number| number.to_string());
    let bound = (number.clone(), any::<bool>()).prop_map(|(value, included)| Bound { value, included });
    let letters = quoted.prop_filter("a letter", |value| arguments::has_letters(&value.text));
    let order = prop_oneof![
        Just(Comparison::Above),
        Just(Comparison::AtLeast),
        Just(Comparison::Below),
        Just(Comparison::AtMost)
    ];
    let plain_field = "[a-z]{1,3}Ms".prop_map(|name| Field { name, literal: false });
    let leaf = prop_oneof![
        (field.clone(), value).prop_map(|(field, value)| Query::Test { field, comparison: Comparison::Equal, value }),
        (field.clone(), word.clone()).prop_map(|(field, value)| Query::Test {
            field,
            comparison: Comparison::NotEqual,
            value
        }),
        (plain_field.clone(), order, number).prop_map(|(field, comparison, text)| {
            Query::Test { field, comparison, value: Value { text, quoted: false } }
        }),
        (plain_field.clone(), proptest::option::of(bound.clone()), bound).prop_map(|(field, low, high)| Query::Range {
            field,
            low,
            high: Some(high)
        }),
        (plain_field, "[a-z.+/ ]{1,6}", any::<bool>()).prop_map(|(field, text, any_case)| {
            Query::Matches { field: Some(field), pattern: Pattern { text: format!("x{text}"), any_case } }
        }),
        field.prop_map(Query::Exists),
        letters.prop_map(Query::Text),
        "[a-z]{3,8}[0-9]".prop_map(|text| Query::Text(Value { text, quoted: false })),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Query::And),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Query::Or),
            inner.prop_filter("one not", |query| !matches!(query, Query::Not(_))).prop_map(Query::negated),
        ]
    })
}

proptest! {
    /// A query that is shown can be typed, and is the same one.
    #[test]
    fn what_is_shown_is_read_again(query in any_query()) {
        let arguments = crate::query::shown::arguments(&query);
        let read = parse(&arguments).map_err(|error| TestCaseError::fail(format!("{arguments:?}: {error}")))?;
        prop_assert_eq!(read, query, "{:?}", arguments);
    }

    /// Whatever is typed is a query that the engine is asked, or an error that points at its place.
    #[test]
    fn any_text_is_a_query_or_an_error_with_its_place(
        text in r#"([a-z]{1,4}|[<>=!:~/(){}\[\]"'`*?%&|@#$^,;.+-]|AND|OR|NOT|and|in|TO|\\.\\.| |[0-9]{1,3}|é|\\){0,14}"#
    ) {
        match parse(std::slice::from_ref(&text)) {
            Ok(query) => drop(crate::query::dsl::compile(&query)),
            Err(error) => {
                prop_assert_eq!(error.kind, Kind::Usage);
                prop_assert!(error.message.lines().nth(2).is_some_and(|line| line.trim() == "^"), "{}", error);
            }
        }
    }
}
