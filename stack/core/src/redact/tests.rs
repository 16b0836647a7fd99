use serde_json::{Value, json};
use test_case::test_case;

use super::*;

const ALL: &str = "email,card,iban,jwt,aws-key,bearer,basic-auth,password,private-key,api-key";

fn all() -> Redactor {
    Redactor::new(ALL, "").unwrap().unwrap()
}

#[test_case(r#"{"n":1,"secret":"\u0068unter2"}"#, r#"{"n":1,"secret":"[redacted]"}"#; "an escaped letter")]
#[test_case(r#"INFO {"a":[{"header":"Bearer abcdefgh\/rest"}]}"#, r#"INFO {"a":[{"header":"Bearer [redacted:bearer]"}]}"#; "a slash that php escapes, behind a prefix")]
#[test_case(r#"{"path":"C:\\temp"}"#, r#"{"path":"C:\\temp"}"#; "an escape and nothing to redact")]
#[test_case(r"no json \/ hunter2", r"no json \/ [redacted]"; "text")]
fn what_is_escaped_is_redacted(message: &str, expected: &str) {
    let redactor = Redactor::new("bearer", "hunter2").unwrap().unwrap();
    assert_eq!(redactor.text(message), expected);
}

#[test_case("mail to ana.b+c@shop.example.com now", "mail to [redacted:email] now"; "email")]
#[test_case("user@host and @decorator", "user@host and @decorator"; "no domain, no email")]
#[test_case("card 4111 1111 1111 1111 or 4111111111111111.", "card [redacted:card] or [redacted:card]."; "cards")]
#[test_case("order 4111111111111112", "order 4111111111111112"; "a wrong check digit")]
#[test_case("block blk_-4111111111111111 and blk_-3657665801189425193 of 3657665801189425193", "block blk_-4111111111111111 and blk_-3657665801189425193 of 3657665801189425193"; "names of blocks")]
#[test_case("/cards/4111111111111111/pay", "/cards/[redacted:card]/pay"; "in a path")]
#[test_case("4111 1111 1111 1111 12/25 123", "[redacted:card] 12/25 123"; "neighbours stay")]
#[test_case("amex 3782 822463 10005", "amex [redacted:card]"; "another network")]
#[test_case("at 1795392000000 and 20261123100000", "at 1795392000000 and 20261123100000"; "times")]
#[test_case("37960000000000000000000000000000000000000000000000000001", "37960000000000000000000000000000000000000000000000000001"; "an event id")]
#[test_case("to DE89 3704 0044 0532 0130 00 today", "to [redacted:iban] today"; "iban")]
#[test_case("to DE89370400440532013001", "to DE89370400440532013001"; "a wrong iban")]
#[test_case("t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-_", "t=[redacted:jwt]"; "jwt")]
#[test_case("AKIAIOSFODNN7EXAMPLE and aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "[redacted:aws-key] and aws_secret_access_key=[redacted:aws-key]"; "aws keys")]
#[test_case("Authorization: Bearer abcdef123456==", "Authorization: Bearer [redacted:bearer]"; "bearer")]
#[test_case("the bearer of news", "the bearer of news"; "a word")]
#[test_case("postgres://app:hunter2@db1.internal/shop", "postgres://app:[redacted:password]@db1.internal/shop"; "a password in a url")]
fn detectors(text: &str, expected: &str) {
    let redactor = all();
    assert_eq!(redactor.text(text), expected);
    assert_eq!(redactor.text(&redactor.text(text)), expected, "a second time changes nothing");
}

#[test_case(r#"{"card":4111111111111111,"level":"warn","n":1.50}"#, r#"{"card":"[redacted:card]","level":"warn","n":1.50}"#; "a number")]
#[test_case(r#"{"4111111111111111":1}"#, r#"{"[redacted:card]":1}"#; "a name")]
#[test_case(r#"{"a":"{\"password\":\"x y\",\"n\":1}"}"#, r#"{"a":"{\"password\":\"[redacted:password]\",\"n\":1}"}"#; "json in json")]
#[test_case(r#"{"user":{"password":"a \"b\" c","id":7}}"#, r#"{"user":{"password":"[redacted:password]","id":7}}"#; "a value whole")]
#[test_case(r#"{"password":null,"secret":true,"pwd":""}"#, r#"{"password":null,"secret":true,"pwd":""}"#; "nothing to hide")]
#[test_case(r#"{"level":"info","password":"hunt"#, r#"{"level":"info","password":"[redacted:password]"#; "cut off")]
#[test_case(r#"body={\"password\":\"hunter2\"} ok"#, r#"body={\"password\":\"[redacted:password]\"} ok"#; "escaped without quotes")]
fn json_stays_json(text: &str, expected: &str) {
    assert_eq!(all().text(text), expected);
}

/// What an attacker has found in logs of many kinds.
#[test_case("GET /search?q=caf%C3%A9%2", "GET /search?q=caf%C3%A9%2"; "cut off in an escape")]
#[test_case("LIKE %5 ana@shop.example", "LIKE %5 [redacted:email]"; "a percent sign and a digit")]
#[test_case(r#"[1,"x",4111111111111111]"#, r#"[1,"x","[redacted:card]"]"#; "a list that begins with a number")]
#[test_case("[4111 1111 1111 1111] ok", "[[redacted:card]] ok"; "brackets around a number")]
#[test_case(r#"msg="foo" path=C:\Users\Dave password=x1 user="bob""#, r#"msg="foo" path=C:\Users\Dave password=[redacted:password] user="bob""#; "backslashes that are no escapes")]
#[test_case(r#"body={\"password\":\"x\"} other="y" path=C:\Users"#, r#"body={\"password\":\"[redacted:password]\"} other="y" path=C:\Users"#; "an escaped object ends")]
#[test_case(r#"{"a":NaN,"card":4111111111111111}"#, r#"{"a":NaN,"card":"[redacted:card]"}"#; "a number of python")]
#[test_case("\u{1b}[31m4111111111111111\u{1b}[0m", "\u{1b}[31m[redacted:card]\u{1b}[0m"; "in colours")]
#[test_case("password\u{1b}[0m\u{1b}[2m=\u{1b}[0m\"hunter2\"", "password\u{1b}[0m\u{1b}[2m=\u{1b}[0m\"[redacted:password]\""; "colours around a name")]
#[test_case(r#"{"level":"info","password":hunter2}"#, r#"{"level":"info","password":"[redacted:password]"}"#; "a value without quotes")]
#[test_case(r#"{"a":"b" "password":"hunter2"}"#, r#"{"a":"b" "password":"[redacted:password]"}"#; "a comma is missing")]
#[test_case("<user><password>hunter2</password></user>", "<user><password>[redacted:password]</password></user>"; "xml")]
#[test_case(r#"{"password"=>"hunter2"}"#, r#"{"password"=>"[redacted:password]"}"#; "ruby")]
#[test_case("[password] => hunter2", "[password] => [redacted:password]"; "php")]
#[test_case("{'password': b'hunter2', 'n': 1}", "{'password': b'[redacted:password]', 'n': 1}"; "python")]
#[test_case("User { password: Some(\"hunter2\") }", "User { password: Some(\"[redacted:password]\") }"; "rust")]
#[test_case("map[X-Api-Key:[a1b2c3]]", "map[X-Api-Key:[[redacted:api-key]]]"; "go")]
#[test_case("user%5Bpassword%5D=hunter2&n=1", "user%5Bpassword%5D=[redacted:password]&n=1"; "a form")]
#[test_case("mysql --password hunter2 -h db", "mysql --password [redacted:password] -h db"; "an option")]
#[test_case("DB_PASS=hunter2", "DB_PASS=[redacted:password]"; "a short name")]
#[test_case("access_token=abc123def456&x=1", "access_token=[redacted:bearer]&x=1"; "a token by its name")]
#[test_case("IBANDE89370400440532013000", "IBAN[redacted:iban]"; "iban glued to its word")]
fn found_by_an_attacker(text: &str, expected: &str) {
    assert_eq!(all().text(text), expected);
}

#[test_case("PWD=/var/task OLDPWD=/home/bob"; "a working directory")]
#[test_case("arn:aws:secretsmanager:eu-west-1:676100000006:secret:prod/db-AbCdEf"; "an arn")]
#[test_case("*v1.Secret: failed to list secret=default/my-tls"; "kubernetes")]
#[test_case("Access denied for user 'a'@'b' (using password: YES)"; "mysql")]
#[test_case("POST /forgot-password: 200"; "a path")]
#[test_case("logo@2x.png user@1000.service git@github.com:a/b rabbit@ip-10-0-0-1.ec2.internal"; "no addresses")]
#[test_case("tier=basic request_id=abc-123 tokenType=Bearer expires_in=3600"; "other pairs")]
#[test_case("Basic AuthenticationProvider and Basic 2.4.1-SNAPSHOT"; "other words")]
#[test_case("arn:aws:iam::676100000006:role/x"; "an account")]
#[test_case("cache-key-0123456789abcdef0123456789abcdef sk-order-2026-01-01-customer-123456789012"; "words between hyphens")]
#[test_case("compass=north bypass=on"; "words that end alike")]
fn nothing_of_it_is_damaged(text: &str) {
    assert_eq!(all().text(text), text);
}

#[test]
fn own_patterns() {
    let redactor = Redactor::new("", "customer-\\d+\n\npin=\\d{4}").unwrap().unwrap();
    assert_eq!(redactor.text("customer-17 pin=1234 pin=x"), "[redacted] [redacted] pin=x");
}

#[test_case(r#"{"customer":12345678,"n":1.50}"#, r#"{"customer":"[redacted]","n":1.50}"#; "a number")]
#[test_case(r#"id 12345678 {"c":"no 12345678","12345678":[12345678]} 12345678"#, r#"id [redacted] {"c":"no [redacted]","[redacted]":["[redacted]"]} [redacted]"#; "around and within")]
fn own_patterns_leave_json_json(text: &str, expected: &str) {
    let redactor = Redactor::new("", r"\d{8}").unwrap().unwrap();
    assert_eq!(redactor.text(text), expected);
}

#[test_case("phone", "", "there is no detector `phone`; there are email, card, iban, jwt, aws-key, bearer, basic-auth, password, private-key, api-key"; "unknown")]
#[test_case("", "(", "`(` does not compile"; "no regex")]
#[test_case("", "x*", "`x*` matches everywhere"; "matches nothing")]
fn bad_rules(detectors: &str, patterns: &str, problem: &str) {
    assert!(Redactor::new(detectors, patterns).unwrap_err().starts_with(problem));
}

#[test]
fn nothing_is_wanted() {
    assert!(Redactor::new("", "\n").unwrap().is_none());
}

#[test]
fn an_event_is_redacted_in_message_and_columns() {
    let redactor = Redactor::new("email", "").unwrap().unwrap();
    let json =
        r#"{"id":"1","timestamp":2,"message":"a\n\"x@y.de\"","extractedFields":{"who":"x@y.de","n":"1","z":null}}"#;
    let redacted = redactor.event(&Event::parse(serde_json::from_str(json).unwrap()).unwrap()).unwrap();
    let redacted: Value = serde_json::from_str(redacted.get()).unwrap();
    assert_eq!(
        redacted,
        json!({"id": "1", "timestamp": 2, "message": "a\n\"[redacted:email]\"",
            "extractedFields": {"who": "[redacted:email]", "n": "1", "z": null}})
    );
    let clean = r#"{"id":"1","timestamp":2,"message":"nobody"}"#;
    assert!(redactor.event(&Event::parse(serde_json::from_str(clean).unwrap()).unwrap()).is_none());
}
