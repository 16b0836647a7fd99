//! A generated table of log messages for the redaction tests, written without sight of the implementation.
//!
//! `forms()` are messages in which secrets must be hidden; `clean()` are messages which must stay as they are, byte for
//! byte. A form is a value (a card number, a token …) in one of the `SPELLINGS` of its class, put into one of the
//! `CARRIERS` (a sentence, a URL, a JSON text …). No secret stands in this file: cards get their check digit here,
//! tokens are made of fixed pseudo-random characters. `self_check()` proves that nothing wrong is demanded.

use std::collections::HashSet;

/// A message in which something must be hidden.
#[derive(Debug, Clone)]
pub struct Form {
    pub detector: &'static str,
    pub carrier: &'static str,
    pub message: String,
    /// None of these may be found in the stored message, nor after JSON-unescaping, nor with separators removed.
    pub secret: Vec<String>,
    /// All of these must be found in the stored message.
    pub kept: Vec<String>,
    pub what: String,
}

/// A message which must be stored unchanged.
#[derive(Debug, Clone)]
pub struct Clean {
    pub detector: &'static str,
    pub message: String,
    pub what: &'static str,
}

// ---- Spellings and carriers. `§` is the value, `¤` the value percent-encoded; text between « and » must survive.

// What a spelled value is, and so which carriers can hold it.
const TOKEN: u8 = 1; // one word, safe within URLs
const SPACED: u8 = 2; // a value with blanks or marks in it
const PAIR: u8 = 4; // name=value without blanks
const PHRASE: u8 = 8; // a header, or a name with its value
const LINES: u8 = 16; // several lines
const MEMBER: u8 = 32; // a JSON member, "name":value
const VALUE: u8 = TOKEN | SPACED;
const TEXT: u8 = VALUE | PAIR | PHRASE | LINES;

/// Classes of value, kind, spellings; a bare name stands for `name=§` (a pair) or `"name":"§"` (a member).
#[rustfmt::skip]
const SPELLINGS: &[(&str, u8, &[&str])] = &[
    ("card|grouped card|iban|email|jwt|aws id|key", TOKEN, &["§"]),
    ("spaced card|spaced iban|spaced email|entity email", SPACED, &["§"]),
    ("card", SPACED, &["%B§^DOE/JOHN^2512101000000000?", ";§=25121010000012345678?"]),
    ("card", MEMBER, &["note", "\"cardNumber\":§", "\"numbers\":[7,§,9]"]),
    // Solid numbers of 17 to 19 digits only count behind such a word.
    ("card|long card", PAIR, &["card", "pan", "acct", "PAN"]),
    ("card|long card", PHRASE, &["card §", "pan §", "acct §", "PAN: §", "Card: §"]),
    ("card|long card", MEMBER, &["pan", "\"card\":§", "\"card\" : §", "«\"order\"»:{\"card\":§,\"n\":1}"]),
    ("card|long card", TOKEN, &["card:§", "pan-§", "card_§"]),
    ("email", TOKEN, &["¤"]),
    ("email|spaced email|entity email", SPACED, &["Tom Miller <§>", "mailto:§", "mailto:§?«subject=Hi»", "'§'"]),
    ("email|spaced email", PAIR, &["email", "user=¤"]),
    ("email|spaced email|entity email", MEMBER, &["email", "«\"seen\"»:{\"§\":3}", "\"to\":[\"§\",«\"b-1\"»]"]),
    ("jwt", PAIR, &["token", "access_token"]),
    ("jwt", PHRASE, &["Authorization: Bearer §", "authorization: bearer §", "Set-Cookie: session=§; «HttpOnly»"]),
    ("jwt", MEMBER, &["token", "access_token", "\"authorization\":\"Bearer §\"", "\"list\":[\"a\",\"§\"]"]),
    ("aws id", PAIR, &["aws_access_key_id", "AWS_ACCESS_KEY_ID", "AWSAccessKeyId"]),
    ("aws id", PHRASE, &["Credential=§/20261123/eu-central-1/s3/aws4_request", "key id § «of user 7»"]),
    ("aws id", MEMBER, &["AccessKeyId", "accessKeyId"]),
    ("aws secret", PAIR, &["aws_secret_access_key", "AWS_SECRET_ACCESS_KEY", "Aws_Secret_Access_Key"]),
    ("aws secret", PHRASE, &["aws_secret_access_key = §", "AWS_SECRET_ACCESS_KEY = §", "secretAccessKey: \"§\"",
        "SecretAccessKey: \"§\"", "SECRETACCESSKEY: \"§\""]),
    ("aws secret", MEMBER, &["SecretAccessKey", "secretAccessKey", "secretaccesskey", "aws_secret_access_key"]),
    ("aws token", PAIR, &["aws_session_token", "AWS_SESSION_TOKEN", "X-Amz-Security-Token=¤"]),
    ("aws token", PHRASE, &["aws_session_token = §",
        "«https://b.s3.amazonaws.com/k»?X-Amz-Security-Token=¤&«X-Amz-Expires=300»"]),
    ("aws token", MEMBER, &["SessionToken", "sessionToken", "\"SessionToken\" : \"§\""]),
    // For basic-auth, `Basic` stands in place of `Bearer`.
    ("bearer|basic", PAIR, &["authorization=Bearer%20¤", "Authorization=Bearer%20¤"]),
    ("bearer|basic", PHRASE, &["Authorization: Bearer §", "authorization: bearer §", "AUTHORIZATION: BEARER §",
        "Authorization:Bearer §", "authorization=\"Bearer §\"", "curl -H 'Authorization: Bearer §'",
        "Proxy-Authorization: Bearer §"]),
    ("bearer", PHRASE, &["bearer: §", "Bearer   §", "Bearer §"]),
    ("bearer|basic", MEMBER, &["\"Authorization\":\"Bearer §\"", "\"headers\":{\"authorization\" : \"Bearer §\"}",
        "\"authorization\":[\"Bearer §\"]"]),
    ("password", PAIR, &["password", "passwd", "pwd", "PASSWORD", "Password", "DB_PASSWORD", "client_secret"]),
    ("password", PHRASE, &["password: §", "Password: §", "passwd: §", "pwd: §", "password = §", "--password=§",
        "password=\"§\"", "password='§'", "password: \"§\"", "«Server=db1»;User Id=app;Password=§;«Database=shop»"]),
    ("url password", PHRASE, &["postgres://app:§@«db1.internal»/shop", "mysql://app:§@«db1.example.net:3306»/shop",
        "amqp://app:§@«localhost:5672»", "mongodb+srv://app:§@«c0.example.net»/shop?«w=1»",
        "redis://:§@«10.0.0.7:6379»/0", "https://app:§@«git.example.net/shop.git»"]),
    ("password|json password", MEMBER, &["password", "passwd", "pwd", "secret", "client_secret", "passphrase",
        "userPassword", "dbPassword", "PASSWORD", "clientSecret", "\"db_password\" : \"§\"",
        "«\"user\"»:{\"password\":\"§\",«\"id\":7»}"]),
    ("number password", MEMBER, &["\"password\":§", "\"passwd\":§", "\"pwd\":§", "\"secret\":§", "\"passphrase\" : §",
        "\"userPassword\":§", "«\"user\"»:{\"password\":§,«\"id\":7»}"]),
    ("pem|cut pem", LINES, &["§"]),
    ("pem|cut pem", MEMBER, &["private", "\"key\" : \"§\""]),
    ("pem", PHRASE, &["key=\"§\"", "loaded § «for host a»"]),
    ("key", PAIR, &["key", "token"]),
    ("key", PHRASE, &["used § «again»", "https://api.example.net/?key=§&«page=3»"]),
    ("key", MEMBER, &["value", "\"keys\":[\"§\",«\"k-2\"»]"]),
    ("named key", PAIR, &["api_key", "API_KEY", "apiKey"]),
    ("named key", PHRASE, &["x-api-key: §", "X-API-Key: §", "X-Api-Key:§", "api_key: §"]),
    ("named key", MEMBER, &["apiKey", "api_key", "x-api-key", "\"X-Api-Key\" : \"§\""]),
];

/// Values: detector, class, and patterns for `fill`.
#[rustfmt::skip]
const VALUES: &[(&str, &str, &[&str])] = &[
    ("jwt", "jwt", &["eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwiaWF0IjoxNTE2MjM5MDIyfQ.⟨L43⟩",
        "eyJhbGciOiJSUzI1NiIsImtpZCI6ImstMSJ9.eyJ⟨L120⟩.⟨L342⟩", "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJ⟨L60⟩.⟨L86⟩",
        "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.⟨L342⟩.⟨L16⟩.⟨L120⟩.⟨L22⟩",
        "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0..⟨L22⟩.⟨L86⟩.⟨L22⟩"]),
    ("password", "password", &["hunter2", "s3cr3t!x", "Tr0ub4dor.3", "p%40ss9w0rd", "P@ssw0rd#9", "12345678"]),
    ("password", "url password", &["hunter2", "s3cr3t!x", "Tr0ub4dor.3", "p%40ss9w0rd"]),
    ("password", "json password", &["correct horse battery", "qu\"ote\\slash7x", "comma,semi;ampers&tail7x",
        "späßchen99"]),
    ("password", "number password", &["87654321"]),
    ("aws-key", "aws id", &["AKIA⟨U16⟩", "ASIA⟨U16⟩", "AKIA⟨U9⟩⟨U7⟩", "ASIA⟨U4⟩⟨U12⟩", "AKIA2⟨U15⟩"]),
    ("aws-key", "aws secret", &["⟨A40⟩", "⟨A12⟩/⟨B14⟩+⟨A12⟩", "⟨B40⟩", "⟨A6⟩+/⟨B32⟩"]),
    ("aws-key", "aws token", &["⟨B220⟩", "⟨B340⟩=", "⟨B280⟩==", "⟨A9⟩//////////⟨B400⟩="]),
    ("bearer", "bearer", &["⟨A32⟩", "⟨H40⟩", "⟨A12⟩.⟨A8⟩~⟨A9⟩-_⟨A20⟩", "⟨A16⟩/⟨A16⟩+⟨A12⟩==",
        "⟨H8⟩-⟨H4⟩-⟨H4⟩-⟨H4⟩-⟨H12⟩"]),
    ("basic-auth", "basic", &["dXNlcjpwYXNz", "YWxpY2U6Y29ycmVjdCBob3JzZQ==", "asO2cmc6Z2VoZWlt", "⟨A50⟩=", "⟨B52⟩"]),
    ("api-key", "named key", &["⟨A32⟩", "⟨H40⟩", "⟨A24⟩", "⟨H8⟩-⟨H4⟩-⟨H4⟩-⟨H4⟩-⟨H12⟩"]),
    ("api-key", "key", &["sk_live_⟨A24⟩", "rk_live_⟨A24⟩", "sk_test_⟨A24⟩", "ghp_⟨A36⟩", "gho_⟨A36⟩", "ghs_⟨A36⟩",
        "npm_⟨A36⟩", "github_pat_⟨A22⟩_⟨A59⟩", "glpat-⟨L20⟩", "xoxb-⟨D12⟩-⟨D12⟩-⟨A24⟩", "xoxp-⟨D12⟩-⟨D12⟩-⟨D12⟩-⟨H32⟩",
        "AIza⟨L35⟩", "SG.⟨L22⟩.⟨L43⟩", "SK⟨H32⟩", "sk-proj-⟨L74⟩T3BlbkFJ⟨L74⟩", "sk-⟨A20⟩T3BlbkFJ⟨A20⟩",
        "sk-ant-api03-⟨L93⟩AA", "key-⟨H32⟩", "shpat_⟨H32⟩", "dop_v1_⟨H64⟩"]),
];

/// How many JSON strings are wrapped around the value, and which characters the innermost writes as `\u0040`
/// (`é`: all that are not ASCII; `/`: as `\/`).
type Esc = (usize, &'static str);
type Carrier = (&'static str, &'static str);
const NO: Esc = (0, "");
const J1: Esc = (1, "");

/// Kinds which they can hold, escaping, and carriers: name and text. `◁` and `▷` are the other fields of a JSON object.
#[rustfmt::skip]
const CARRIERS: &[(u8, Esc, &[Carrier])] = &[
    (TEXT, NO, &[
        ("alone", "§"), ("text start", "§ «seen by worker»"), ("text end", "«worker saw» §"),
        ("sentence", "«The client sent» § «twice today»"), ("full stop", "«We got» §. «Next step»"),
        ("comma", "«We got» §, «then retried»"), ("semicolon", "«We got» §; «then retried»"),
        ("colon", "«We got» §: «not valid»"), ("question", "«Was it» §? «No.»"),
        ("exclamation", "«Bad input» §! «Stop»"), ("round brackets", "«value» (§) «done»"),
        ("square brackets", "«value» [§] «done»"), ("angle brackets", "«value» <§> «done»"),
        ("double quotes", "«value» \"§\" «done»"), ("single quotes", "«value» '§' «done»"),
        ("backticks", "«value» `§` «done»"),
        ("multi-line", "«first line»\n§\n«last line»"), ("stack trace", "«Error: bad» (§)\n    «at main.js:10:5»"),
        ("logfmt quoted", "«level=info» msg=\"§\" «dur=12ms»"), ("csv", "«17,info,»§,«ok-7»"),
        ("csv quoted", "«17,\"info\"»,\"§\",«\"ok-7\"»"), ("tsv", "«17\tinfo\t»§\t«ok-7»"),
        ("pipes", "«17 | info» | § | «ok-7»"),
    ]),
    (VALUE, NO, &[("csv semicolon", "«17;info;»§;«ok-7»"), ("xml", "«<row><v>»§«</v></row>»")]),
    (TOKEN, NO, &[
        ("logfmt", "«level=info» data=§ «dur=12ms»"), ("form body", "«level=info»&data=§&«page=2»"),
        ("url query", "«GET https://shop.example.net/pay»?data=§&«page=2 HTTP/1.1»"),
        ("url query end", "«https://shop.example.net/pay?page=2»&data=§"),
        ("url path", "«POST /v1/items/»§«/charge 201»"), ("cookie", "«Cookie: theme=dark»; data=§; «lang=de»"),
        ("url path end", "«GET https://shop.example.net/v1/items/»§ «404»"),
    ]),
    (PAIR, NO, &[
        ("logfmt pair", "«level=info» § «dur=12ms»"), ("form body pair", "«level=info»&§&«page=2»"),
        ("url query pair", "«GET https://shop.example.net/pay?a=1»&§&«page=2 HTTP/1.1»"),
        ("csv semicolon pair", "«17;info;»§;«ok-7»"),
    ]),
    (TOKEN | PAIR, NO, &[
        ("access log", "«10.0.0.7 - - [23/Nov/2026:10:00:00 +0000] \"GET /x?b=1»&§ «HTTP/1.1\" 200 512»"),
    ]),
    (TEXT, J1, &[
        ("json value", r#"◁"data":"§"▷"#), ("json only field", r#"{"data":"§"}"#),
        ("json sentence", r#"◁"message":"client sent § twice"▷"#), ("json array", r#"◁"list":[«"a-1"»,"§",«"b-2"»]▷"#),
        ("json pretty", "{\n  \"level\": «\"info\"»,\n  \"data\": \"§\"\n}"), ("json array top", r#"[«"info"»,"§",7]"#),
        ("json string top", r#""§""#), ("json nested object", r#"◁"a":{"b":[{"data":"§"}]}▷"#),
        ("json behind INFO", r#"«INFO» {"data":"§",«"level":"info"»}"#),
        ("json behind time", r#"«2026-11-23T10:00:00Z req-1» ◁"data":"§"▷"#),
        ("json lines", "◁\"n\":1}\n{\"data\":\"§\"▷"), ("json cut", r#"◁"data":"§","req":"r-7"#),
    ]),
    (VALUE, J1, &[("json key", r#"◁"§":1▷"#)]),
    (TEXT, (1, "é"), &[("json, not ASCII escaped", r#"◁"data":"§"▷"#)]),
    (TEXT, (1, "/"), &[("json, / escaped", r#"◁"data":"§"▷"#)]),
    (TEXT, (1, "<>&"), &[("json, <>& escaped", r#"◁"data":"§"▷"#)]),
    (TEXT, (1, "@"), &[
        ("json, @ escaped", r#"◁"data":"§"▷"#), ("json behind INFO, @ escaped", r#"«INFO» ◁"data":"§"▷"#),
    ]),
    (VALUE, (1, "@"), &[("json key, @ escaped", r#"◁"§":1▷"#)]),
    (TEXT, (2, "@"), &[("json in json, @ escaped", r#"◁"body":"{\"data\":\"§\"}"▷"#)]),
    (TEXT, (2, ""), &[
        ("json in json", r#"◁"body":"{\"data\":\"§\",\"n\":1}"▷"#),
        ("json in json behind time", r#"«2026-11-23T10:00:00Z req-1» ◁"body":"{\"data\":\"§\"}"▷"#),
    ]),
    (VALUE, (2, ""), &[("json in json, key", r#"◁"body":"{\"§\":1}"▷"#)]),
    (TEXT, (3, ""), &[("json in json twice", r#"◁"body":"{\"in\":\"{\\\"data\\\":\\\"§\\\"}\"}"▷"#)]),
    (MEMBER, NO, &[
        ("member", "◁§▷"), ("member first", r#"{§,«"level":"info"»}"#), ("member last", r#"{«"level":"info"»,§}"#),
        ("member pretty", "{\n  \"level\": «\"info\"»,\n  §\n}"), ("member of inner object", r#"◁"in":{"b":{§}}▷"#),
        ("member in array", r#"◁"list":[{"a":1},{§}]▷"#), ("member behind INFO", r#"«INFO» {§,«"level":"info"»}"#),
        ("member behind time", "«2026-11-23T10:00:00Z req-1» ◁§▷"), ("member in cut json", r#"◁§,"req":"r-7"#),
        ("member in json lines", "◁\"n\":1}\n{§▷"), ("member between words", "«POST /pay» body={§} «201»"),
    ]),
    (MEMBER, J1, &[
        ("member in json in json", r#"◁"body":"{§}"▷"#),
        ("member in json in json behind time", r#"«2026-11-23T10:00:00Z req-1» ◁"body":"{§}"▷"#),
    ]),
    (MEMBER, (2, ""), &[("member in json in json twice", r#"◁"body":"{\"in\":\"{§}\"}"▷"#)]),
];

// Numbers and words beside a value: they must survive, and must not prevent hiding.
const CARD_BEFORE: &str =
    "|«200» |«HTTP 200» |«25» |«amount 25» |«2024» |«12/25» |«2026-11-23 10:00:00» |«order 17» |«card» ";
const CARD_BEHIND: &str =
    "| «12/25»| «123»| «200 OK»| «25 EUR»| «2027»| «12/2027»| «12/25 123»|, «25»| «x3»| «declined»";
const IBAN_BEFORE: &str = "|«IBAN» |IBAN: |iban=|«to» |«12» |«ACME AG» ";
const IBAN_BEHIND: &str = "| «BIC COBADEFF»| «200 OK»| «25 EUR»| «REF AB12»|, «BIC COBADEFF»|/«EUR»| «and so on»";

const B64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const B64URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// `n` fixed pseudo-random characters of `alphabet`; the first and the last are letters or digits.
fn random(seed: u64, alphabet: &str, n: usize) -> String {
    let all: Vec<char> = alphabet.chars().collect();
    let ends: Vec<char> = all.iter().copied().filter(char::is_ascii_alphanumeric).collect();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut step = |of: &[char]| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        of[(state >> 33) as usize % of.len()]
    };
    (0..n).map(|i| if i == 0 || i + 1 == n { step(&ends) } else { step(&all) }).collect()
}

/// Replaces each `⟨A24⟩` by so many random characters; `⟨C16⟩` is a number with a valid check digit.
fn fill(pattern: &str, seed: u64) -> String {
    let mut parts = pattern.split(['⟨', '⟩']);
    let mut out = parts.next().unwrap_or_default().to_string();
    while let (Some(code), Some(text)) = (parts.next(), parts.next()) {
        let (n, seed) = (code[1..].parse().expect("a count"), seed * 1000 + out.len() as u64);
        let alphabet = match &code[..1] {
            "C" => "",
            "A" => &B64[..62],
            "D" => &B64[52..62],
            "H" => "0123456789abcdef",
            "U" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
            "L" => B64URL,
            _ => B64,
        };
        out += &(if alphabet.is_empty() { card("6", n, seed) } else { random(seed, alphabet, n) } + text);
    }
    out
}

/// Percent-encodes all but letters, digits and `-._~`.
fn percent(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// The content of a JSON string; for `by_code` see `Esc`.
fn json(text: &str, by_code: &str) -> String {
    let code = |c: char| c.encode_utf16(&mut [0; 2]).iter().map(|u| format!("\\u{u:04x}")).collect::<String>();
    let escape = |c: char| match c {
        '"' | '\\' | '\n' | '\r' | '\t' => c.escape_default().to_string(),
        '/' if by_code == "/" => "\\/".into(),
        _ if by_code.contains(if c.is_ascii() { c } else { 'é' }) => code(c),
        _ => c.to_string(),
    };
    text.chars().map(escape).collect()
}

fn wrap(text: &str, (levels, by_code): Esc) -> String {
    (0..levels).fold(text.to_string(), |t, level| json(&t, if level == 0 { by_code } else { "" }))
}

/// A template's text, and the parts of it which must survive.
fn marked(template: &str) -> (String, Vec<String>) {
    let template = template.replace('◁', r#"{«"level":"info"»,"#).replace('▷', r#",«"req":"r-77"»}"#);
    let kept = template.split('«').skip(1).filter_map(|part| part.split_once('»')).map(|(kept, _)| kept.to_string());
    (template.replace(['«', '»'], ""), kept.collect())
}

/// Pieces of a value in which it could still be read: the whole, its beginning and its end.
fn cuts(value: &str) -> Vec<String> {
    let chars: Vec<char> = value.chars().collect();
    let n = chars.len();
    let (head, tail) = if n >= 20 { (16, 12) } else { ((n * 2 / 3).max(5), (n * 2 / 3).max(5)) };
    [&chars[..], &chars[..head], &chars[n - tail..]].map(|piece| piece.iter().collect()).to_vec()
}

/// A value; and later the value in one spelling, with its kind and what of the spelling must survive.
#[derive(Clone)]
struct Item {
    detector: &'static str,
    class: &'static str,
    name: String,
    text: String,
    secret: Vec<String>,
    kind: u8,
    kept: Vec<String>,
}

fn value(detector: &'static str, class: &'static str, name: &str, text: String, secret: Vec<String>) -> Item {
    Item { detector, class, name: name.into(), text, secret, kind: 0, kept: Vec::new() }
}

fn luhn(number: &str) -> bool {
    let double = |(i, b): (usize, u8)| u32::from(b - b'0') * if i % 2 == 1 { 2 } else { 1 };
    let digits = |n: u32| n / 10 + n % 10;
    number.bytes().all(|b| b.is_ascii_digit())
        && number.bytes().rev().enumerate().map(double).map(digits).sum::<u32>() % 10 == 0
}

/// A valid number of `len` digits which begins with `prefix`.
fn card(prefix: &str, len: usize, seed: u64) -> String {
    let body = format!("{prefix}{}", random(seed, &B64[52..62], len - 1 - prefix.len()));
    (0..10).map(|d| format!("{body}{d}")).find(|n| luhn(n)).expect("one check digit fits")
}

#[rustfmt::skip]
fn card_numbers() -> Vec<(String, String)> {
    let brands: &[(&str, &[&str], &[usize])] = &[
        ("visa", &["4"], &[13, 16, 16, 19]), ("amex", &["34", "37"], &[15, 15]), ("jcb", &["3528", "3589"], &[16]),
        ("mastercard", &["51", "52", "53", "54", "55", "2221", "2300", "2720"], &[16]),
        ("discover", &["6011", "644", "65"], &[16]), ("diners", &["300", "305", "36", "38"], &[14]),
        ("unionpay", &["62"], &[16, 19, 19]), ("maestro", &["5018", "6304", "6759"], &[12, 13, 14, 15, 16, 17, 18, 19]),
    ];
    let known = ["4111111111111111", "5555555555554444", "378282246310005", "30569309025904", "4222222222222"];
    let mut all: Vec<_> = known.iter().map(|n| ("test card".to_string(), n.to_string())).collect();
    for (brand, prefixes, lengths) in brands {
        for (prefix, len) in prefixes.iter().flat_map(|p| lengths.iter().map(move |len| (p, *len))) {
            all.push((format!("{brand} {prefix}"), card(prefix, len, 100 + all.len() as u64)));
        }
    }
    all
}

/// The sizes of the groups in which card numbers are printed.
const GROUPINGS: &[&[usize]] = &[&[4, 6, 4], &[4, 6, 5], &[4, 4, 4, 4], &[4, 4, 4, 4, 3], &[6, 13]];

fn cards() -> Vec<Item> {
    let mut out = Vec::new();
    for (brand, n) in card_numbers() {
        let secret = vec![n.clone(), n[..12].to_string(), n[n.len() - 12..].to_string()];
        let class = if n.len() > 16 { "long card" } else { "card" };
        for groups in GROUPINGS.iter().filter(|g| g.iter().sum::<usize>() == n.len()) {
            for (joiner, by) in [(" ", "blank"), ("-", "hyphen"), (".", "dot"), ("\u{a0}", "nbsp"), ("%20", "%20")] {
                let starts = groups.iter().scan(0, |end, size| Some((std::mem::replace(end, *end + size), *size)));
                let text = starts.map(|(at, size)| &n[at..at + size]).collect::<Vec<_>>().join(joiner);
                let class = if [" ", "\u{a0}"].contains(&joiner) { "spaced card" } else { "grouped card" };
                let secret = [secret.clone(), vec![text.clone()]].concat();
                out.push(value("card", class, &format!("{brand} {groups:?} by {by}"), text, secret));
            }
        }
        out.push(value("card", class, &format!("{brand}, {} digits", n.len()), n, secret));
    }
    out
}

/// Whether no other card number than `wanted` can be read from the row of digit groups in which one of them stands.
fn clear(message: &str, wanted: &[&String]) -> bool {
    let text = message.replace("%20", " ").replace("\\u00a0", " ").replace('\u{a0}', " ");
    text.split(|c: char| !c.is_ascii_digit() && !" -.".contains(c)).all(|row| {
        let groups: Vec<&str> = row.split([' ', '-', '.']).collect();
        let holds_wanted = wanted.iter().any(|w| groups.concat().contains(w.as_str()));
        let foreign = |n: &String| (12..=19).contains(&n.len()) && luhn(n) && !wanted.iter().any(|w| w.contains(n));
        let runs = |i| (i + 1..=groups.len()).map(move |j| (i, j));
        !holds_wanted || !(0..groups.len()).flat_map(runs).any(|(i, j)| foreign(&groups[i..j].concat()))
    })
}

#[rustfmt::skip]
const IBANS: &[&str] = &[
    "DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606", "NO9386011117947",
    "MT84MALT011000012345MTLCAST001S", "NL91ABNA0417164300", "ES9121000418450200051332", "BE68539007547034",
    "IT60X0542811101000000123456", "CH9300762011623852957", "AT611904300234573201", "IE29AIBK93115212345678",
    "PL61109010140000071219812874", "SE4550000000058398257466", "DK5000400440116243", "FI2112345600000785",
    "PT50000201231234567890154", "CZ6508000000192000145399", "HU42117730161111101800000000", "SA0380000000608010167519",
    "GR1601101250000000012300695", "AE070331234567890123456", "TR330006100519786457841326", "LU280019400644750000",
];

fn mod97(iban: &str) -> u32 {
    let digits = iban[4..].chars().chain(iban[..4].chars()).map(|c| c.to_digit(36).expect("letter or digit"));
    digits.fold(0, |rest, v| (rest * if v > 9 { 100 } else { 10 } + v) % 97)
}

fn ibans() -> Vec<Item> {
    let mut out = Vec::new();
    for iban in IBANS {
        let flip = |(i, c): (usize, char)| if i % 2 == 0 { c.to_ascii_lowercase() } else { c };
        let mixed: String = iban.chars().enumerate().map(flip).collect();
        for (case, cased) in [("upper", iban.to_string()), ("lower", iban.to_lowercase()), ("mixed", mixed)] {
            for (joiner, by) in [("", "solid"), (" ", "blanks"), ("-", "hyphens")] {
                let groups = cased.as_bytes().chunks(4).map(String::from_utf8_lossy);
                let (n, text) = (cased.len(), groups.collect::<Vec<_>>().join(joiner));
                let pieces = [&cased, &cased[4..], &cased[..12], &cased[n - 8..], &text, &text[text.len() - 9..]];
                let class = if joiner == " " { "spaced iban" } else { "iban" };
                let name = format!("{} {case} {by}", &iban[..2]);
                out.push(value("iban", class, &name, text.clone(), pieces.map(String::from).to_vec()));
            }
        }
    }
    out
}

#[rustfmt::skip]
const EMAILS: &[&str] = &[
    "jane.doe@example.com", "jane.doe+news@example.com", "JANE.DOE@EXAMPLE.COM", "x1@example.io",
    "j_smith-99@mail.example.co.uk", "maria.b.lopez@sub.domain.example.org", "1234567@qq.example",
    "Ann.Lee+tag.two@Example.Org", "info-desk@xn--bro-hoa.example", "jörg@büro.example", "jose.garcía@correo.example",
    "иван.петров@почта.рф", "anna@müller.example",
];

fn emails() -> Vec<Item> {
    let mut out = Vec::new();
    for plain in EMAILS {
        let (entity, (local, domain)) = (plain.replace('@', "&#64;"), plain.split_once('@').expect("an address"));
        // The part before the first mark: a detector which begins too late leaves it.
        let first = local.split(['.', '+']).next().unwrap_or_default();
        let parts = [local, first].into_iter().filter(|t| t.chars().count() >= 4);
        let secret = parts.chain([plain, entity.as_str(), domain]);
        let secret: Vec<String> = secret.flat_map(|s| [s.to_string(), percent(s)]).collect();
        let class = if plain.is_ascii() { "email" } else { "spaced email" };
        out.push(value("email", class, plain, plain.to_string(), secret.clone()));
        out.push(value("email", "entity email", &entity, entity.clone(), secret));
    }
    out
}

/// The values of the table `VALUES`.
fn listed(detector: &str) -> Vec<Item> {
    let mut out = Vec::new();
    for (d, class, patterns) in VALUES.iter().filter(|(d, ..)| *d == detector) {
        for (i, pattern) in patterns.iter().enumerate() {
            let text = fill(pattern, (pattern.len() * 50 + i) as u64);
            let mut secret = [cuts(&text), cuts(&percent(&text))].concat();
            if ["jwt", "password"].contains(&detector) {
                let parts = text.split(['.', ',', ';', '&', ' ', '\\']);
                secret.extend(parts.filter(|part| part.len() > 4).flat_map(cuts));
            }
            out.push(value(d, class, pattern, text, secret));
        }
    }
    out
}

fn private_keys() -> Vec<Item> {
    let mut out = Vec::new();
    for (i, kind) in ["RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY"].iter().enumerate() {
        let body = fill("⟨B64⟩\n⟨B64⟩\n⟨B64⟩\n⟨B64⟩\n⟨B64⟩\n⟨B44⟩", 50 + i as u64);
        let secret: Vec<String> = body.lines().flat_map(cuts).collect();
        let head = if i == 0 { "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233\n\n" } else { "" };
        for (brk, name) in [("\n", "line feeds"), ("\r\n", "CR LF"), ("\\n", "backslash n"), ("\n    ", "indented")] {
            for (class, end) in [("pem", format!("\n-----END {kind}-----")), ("cut pem", String::new())] {
                let text = format!("-----BEGIN {kind}-----\n{head}{body}{end}").replace('\n', brk);
                out.push(value("private-key", class, &format!("{class} {kind}, {name}"), text, secret.clone()));
            }
        }
    }
    out
}

fn spell(value: &Item, kind: u8, spelling: &str) -> Item {
    let named = if kind == MEMBER { format!("\"{spelling}\":\"§\"") } else { format!("{spelling}=§") };
    let mut template = if spelling.contains(['§', '¤']) { spelling.to_string() } else { named };
    if value.class == "basic" {
        template = template.replace("Bearer", "Basic").replace("bearer", "basic").replace("BEARER", "BASIC");
    }
    let (text, kept) = marked(&template);
    let inner = if kind == MEMBER { json(&value.text, "") } else { value.text.clone() };
    let text = text.replace('§', &inner).replace('¤', &percent(&value.text));
    Item { name: format!("{} as `{template}`", value.name), text, kind, kept, ..value.clone() }
}

fn spellings(values: &[Item]) -> Vec<Item> {
    let mut out = Vec::new();
    for value in values {
        let fitting = SPELLINGS.iter().filter(|(classes, ..)| classes.split('|').any(|class| class == value.class));
        out.extend(fitting.flat_map(|(_, kind, texts)| texts.iter().map(|text| spell(value, *kind, text))));
    }
    out
}

/// Each pair of neighbours around a value of each sort (the end of the value's name).
fn neighbours(values: &[Item], sorts: &[&str], before: &str, behind: &str) -> Vec<Item> {
    let mut out = Vec::new();
    for (i, sort) in sorts.iter().enumerate() {
        let pool: Vec<&Item> = values.iter().filter(|v| v.name.ends_with(sort)).collect();
        let pairs = before.split('|').flat_map(|head| behind.split('|').map(move |tail| format!("{head}§{tail}")));
        for (j, text) in pairs.enumerate().skip(1) {
            let both = !text.starts_with('§') && !text.ends_with('§');
            out.push(spell(pool[if both { (i + j) % pool.len() } else { 0 }], SPACED, &text));
        }
    }
    out
}

/// The secrets, also as they stand escaped.
fn with_escaped(secret: &[String], esc: Esc) -> Vec<String> {
    let mut seen = HashSet::new();
    secret.iter().flat_map(|s| [s.clone(), wrap(s, esc)]).filter(|s| seen.insert(s.clone())).collect()
}

/// The fragment within the carrier; nothing where they do not fit together or would repeat another form.
fn place(frag: &Item, esc: Esc, name: &'static str, template: &str) -> Option<Form> {
    let text = wrap(&frag.text, esc);
    let ((before, mut kept), (after, kept_after)) = template.split_once('§').map(|(b, a)| (marked(b), marked(a)))?;
    let closes_quote = esc.0 == 0 && before.ends_with(['"', '\'', '`']) && frag.text.contains(before.chars().last()?);
    if closes_quote || (!esc.1.is_empty() && text == wrap(&frag.text, (esc.0, ""))) {
        return None;
    }
    // Behind a PEM block without end, only the other fields of a whole JSON text must survive.
    let whole_json = before.starts_with(['{', '[']) && !name.contains("json lines");
    kept.extend(kept_after.into_iter().filter(|_| frag.class != "cut pem" || whole_json));
    kept.extend(frag.kept.iter().filter(|k| wrap(k, esc) == **k).cloned());
    let (secret, what) = (with_escaped(&frag.secret, esc), format!("{} in {name}", frag.name));
    assert!(!secret.iter().any(|s| before.contains(s) || after.contains(s)), "the carrier holds the secret: {what}");
    Some(Form { detector: frag.detector, carrier: name, message: before + &text + &after, secret, kept, what })
}

/// Every fragment in its first carrier and in every `step`-th of the others, beginning at another one each time.
fn spread(frags: &[Item], step: usize, out: &mut Vec<Form>) {
    for (i, frag) in frags.iter().enumerate() {
        let fitting = CARRIERS.iter().filter(|(fits, ..)| fits & frag.kind != 0);
        let carriers =
            fitting.flat_map(|(_, esc, all)| all.iter().map(move |(name, template)| (*esc, *name, *template)));
        for (j, (esc, name, template)) in carriers.enumerate() {
            let most = if frag.kind == MEMBER || !esc.1.is_empty() { 5 } else { 13 };
            let step = if frag.kind == SPACED && most > 5 { step } else { step.min(most) };
            out.extend((j == 0 || (i + j) % step == 0).then(|| place(frag, esc, name, template)).flatten());
        }
    }
}

/// Two fragments in one message, as text and as JSON.
fn two(a: &Item, b: &Item, joiner: &str, carriers: [&'static str; 2], out: &mut Vec<Form>) {
    let secret = with_escaped(&[a.secret.clone(), b.secret.clone()].concat(), J1);
    let kept = [vec!["seen".into(), "fin.".into()], a.kept.clone(), b.kept.clone()].concat();
    let message = format!("seen {}{joiner}{} fin.", a.text, b.text);
    let what = format!("{}{joiner}{}", a.name, b.name);
    let text = Form { detector: a.detector, carrier: carriers[0], message, secret, kept, what };
    let message = format!(r#"{{"level":"info","a":"{}","b":["{}","x-1"]}}"#, wrap(&a.text, J1), wrap(&b.text, J1));
    let kept = ["\"level\":\"info\"", "\"x-1\""].map(String::from).to_vec();
    let json = Form { carrier: carriers[1], message, kept, ..text.clone() };
    out.extend([text, json]);
}

fn combinations(groups: &[Vec<Item>], out: &mut Vec<Form>) {
    let usable = |f: &&Item| f.kind != MEMBER && f.class != "cut pem";
    let all: Vec<Vec<&Item>> = groups.iter().map(|g| g.iter().filter(usable).collect()).collect();
    for frags in &all {
        for (i, pair) in frags.windows(2).step_by(3).take(60).enumerate() {
            let bare = (pair[0].kind | pair[1].kind) & !VALUE == 0;
            let joiner = [" and ", ", ", "; ", "\n", " ", ",", " | "][i % if bare { 7 } else { 4 }];
            two(pair[0], pair[1], joiner, ["two in a line", "json, two values"], out);
        }
    }
    for (i, j) in (0..all.len()).flat_map(|i| (0..all.len()).map(move |j| (i, j))).filter(|(i, j)| i != j) {
        let (a, b) = (all[i][(7 * j) % all[i].len()], all[j][(11 * i) % all[j].len()]);
        two(a, b, " then ", ["two detectors in a line", "json, two detectors"], out);
    }
}

/// All messages in which something must be hidden.
pub fn forms() -> Vec<Form> {
    let (mut out, mut seen) = (Vec::new(), HashSet::new());
    let values = [cards(), ibans(), emails(), private_keys()];
    let by_name = ["jwt", "password", "aws-key", "bearer", "basic-auth", "api-key"].map(listed);
    let groups: Vec<Vec<Item>> = values.iter().chain(&by_name).map(|v| spellings(v)).collect();
    // No step divides the number of spellings of a value, so that in time every spelling meets every carrier.
    for (frags, step) in groups.iter().zip([37, 23, 9, 7, 3, 7, 5, 4, 5, 5]) {
        spread(frags, step, &mut out);
    }
    let sorts =
        ["4, 4] by blank", "4] by hyphen", "4] by nbsp", "4] by dot", "16 digits", "5] by blank", "3] by blank"];
    spread(&neighbours(&values[0], &sorts, CARD_BEFORE, CARD_BEHIND), 97, &mut out);
    let sorts = ["upper solid", "lower blanks", "upper blanks", "mixed hyphens"];
    spread(&neighbours(&values[1], &sorts, IBAN_BEFORE, IBAN_BEHIND), 97, &mut out);
    combinations(&groups, &mut out);
    // Where the digits can also be read as another card, there is no telling what should be hidden.
    out.retain(|form| {
        let numbers: Vec<&String> = form.secret.iter().filter(|s| s.len() >= 12 && luhn(s)).collect();
        clear(&form.message, &numbers)
    });
    out.retain(|form| seen.insert((form.detector, form.message.clone())));
    out
}

// ---- Clean texts

/// Detector, what it is, patterns for `fill`; every text is also put into a JSON string.
#[rustfmt::skip]
const CLEAN: &[(&str, &str, &[&str])] = &[
    ("card", "time", &["2026-11-23T10:00:00.123Z up", "2026-11-23 10:00:00,123 +0100 up",
        "Mon, 23 Nov 2026 10:00:00 GMT", "[23/Nov/2026:10:00:00 +0000] up", "Nov 23 10:00:00 host app[4711]: up",
        "20261123T100000Z", "at 2026⟨D10⟩ up", "2026-11-23-10-00-00-⟨D6⟩.log", "17⟨D11⟩ ms", "{\"ts\":17⟨D11⟩}",
        "17⟨D17⟩ ns", "{\"nano\":\"17⟨D17⟩\"}", "17⟨D8⟩.⟨D6⟩"]),
    ("card", "hex id", &["id ⟨H8⟩-⟨H4⟩-4⟨H3⟩-a⟨H3⟩-⟨H12⟩", "sha256:⟨H64⟩", "commit ⟨H40⟩", "md5 ⟨H32⟩",
        "ETag: \"⟨H32⟩\"", "Root=1-⟨H8⟩-⟨H24⟩;Parent=⟨H16⟩;Sampled=1", "pod api-⟨H10⟩-x2x4z ready", "eni-⟨H17⟩",
        "0x⟨H16⟩"]),
    ("card", "version or address", &["v1.2.3-rc.4+build.5", "Chrome/126.0.6478.127 Safari/537.36", "10.0.19045.4291",
        "10.0.0.7:443", "192.168.100.200", "2001:db8::8a2e:370:7334", "10.0.0.0/8", "nginx/1.25.3 from 203.0.113.195"]),
    ("card", "block name", &["blk_-1608999687919862906 received", "blk_⟨C16⟩ of size 67108864", "blk_-⟨C16⟩",
        "blk_-⟨D19⟩"]),
    ("card", "AWS", &["arn:aws:iam::⟨D12⟩:role/app", "arn:aws:lambda:eu-central-1:⟨D12⟩:function:pay:7",
        "REPORT RequestId: ⟨H8⟩-⟨H4⟩-4⟨H3⟩-a⟨H3⟩-⟨H12⟩\tDuration: 12.34 ms\tBilled Duration: 13 ms",
        "s3://b/AWSLogs/⟨D12⟩/CloudTrail/eu-central-1/2026/11/23/⟨D12⟩_CloudTrail_20261123T1000Z_⟨A16⟩.json.gz",
        "{\"account_id\":\"⟨D12⟩\",\"interface_id\":\"eni-⟨H17⟩\",\"srcport\":49152,\"start\":17⟨D8⟩}",
        "eventId ⟨D40⟩⟨C16⟩", "2 ⟨D12⟩ eni-⟨H17⟩ 10.0.0.7 10.0.0.8 443 49152 6 25 20000 17⟨D8⟩ 17⟨D8⟩ ACCEPT OK"]),
    ("card", "number without valid check digit", &["order ⟨D16⟩ shipped", "{\"order\":⟨D15⟩}",
        "invoice ⟨D4⟩-⟨D4⟩-⟨D4⟩-⟨D4⟩", "⟨D4⟩ ⟨D4⟩ ⟨D4⟩ ⟨D4⟩", "ISBN 978⟨D10⟩", "ISBN 978-3-16-148410-0", "card ⟨D16⟩",
        "+49 30 901820", "tel:+4989⟨D8⟩", "+1 (415) 555-2671"]),
    ("card", "17 to 19 digits without a word", &["order ⟨C17⟩ shipped", "id=⟨C18⟩", "{\"id\":⟨C19⟩}", "event ⟨C19⟩"]),
    ("card", "20 digits and more", &["serial ⟨C16⟩⟨D4⟩", "serial ⟨D5⟩⟨C16⟩", "{\"n\":⟨D8⟩⟨C16⟩⟨D8⟩}",
        "card ⟨C16⟩⟨D6⟩"]),
    ("card", "decimals", &["ratio 0.⟨D16⟩", "pi 3.141592653589793", "{\"lat\":52.⟨D14⟩,\"lon\":13.⟨D14⟩}",
        "1.⟨D15⟩e-7"]),
    ("card", "words", &["card declined", "pan not present", "acct: closed", "card=", "pan:", "card ending in 4242",
        "card 411111******1111"]),
    ("card", "code", &["SELECT id, password FROM users WHERE id = 7 LIMIT 10",
        "Foo: x\n\tat a.b.C.d(C.java:123)\n\tat a.b.E.f(E.java:45)", "File \"/app/main.py\", line 12, in <module>",
        "body ⟨B78⟩==", "iVBORw0KGgo⟨B60⟩="]),
    ("card", "JSON text", &["{\"v\":1.0,\"w\":1e3,\"x\":12345678901234567890,\"y\":0.10}",
        "{ \"b\" : 1,\n  \"a\" : [ ] }", "{\"a\":1,\"a\":2}",
        "{\"p\":\"a\\/b\",\"n\":\"caf\\u00e9\",\"e\":\"\\ud83d\\ude00\"}", "[1, 2.50, \"x\"]",
        "INFO {\"n\":1.0, \"b\":true}", "{\"a\":\"{\\\"n\\\":1.0}\"}"]),
    ("iban", "words", &["IBAN is missing", "IBAN: none", "DE89 road works", "GB29 and FR14 closed", "AT61",
        "BE68 model 5390"]),
    ("email", "at sign", &["user@host said", "@decorator", "@Override public", "npm i @angular/core@17.0.1",
        "name@1.2.3", "lodash@4.17.21 ok", "java.lang.Object@1b6d3586", "app@sha256:⟨H64⟩", "a @ b", "@example.com",
        "root@10.0.0.1", "@media (min-width: 1px)", "10:00@noon"]),
    ("jwt", "no token", &["cursor=eyJpZCI6MTIzfQ", "eyJ", "a.b.c", "com.example.app.Main", "file eyJ.txt read"]),
    ("aws-key", "no key", &["AKIA", "AKIAEXAMPLE", "ASIA PACIFIC", "aws_secret_access_key is missing",
        "AWS_SESSION_TOKEN not set"]),
    ("bearer", "words", &["the bearer of news", "WWW-Authenticate: Bearer realm=\"api\"", "Bearer token is missing"]),
    ("basic-auth", "words", &["Basic authentication is required", "basic settings",
        "WWW-Authenticate: Basic realm=\"api\"", "Basic plan"]),
    ("password", "words", &["password is required", "password reset for user 7", "passwordless login",
        "forgot password?", "enter password:", "Password must have 8 characters", "the secret of success",
        "ran pwd in /srv", "postgres://db1:5432/shop", "http://h:80/a@b", "no password, no entry"]),
    ("private-key", "public", &["-----BEGIN PUBLIC KEY-----\n⟨B64⟩\n-----END PUBLIC KEY-----", "BEGIN transaction",
        "private key loaded", "-----BEGIN CERTIFICATE-----\n⟨B64⟩\n⟨B44⟩\n-----END CERTIFICATE-----"]),
    ("api-key", "no key", &["sk-learn 1.2", "sk_live", "npm_config_registry", "key-value store", "ghp_",
        "task-⟨H40⟩ done", "monkey-⟨H32⟩", "api key is missing", "x-api-key header missing", "api_key is required",
        "SKU 4711", "disk-⟨A48⟩"]),
];

/// Whether no card number is to be read: 12 to 16 digits in a row, or printed groups, with a valid check digit.
fn quiet(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_digit() && !" -.".contains(c)).all(|row| {
        let groups: Vec<&str> = row.split([' ', '-', '.']).collect();
        let sizes: Vec<usize> = groups.iter().map(|g| g.len()).collect();
        let is_card = |i: usize, j: usize| {
            let shape = (j - i == 1 && (12..=16).contains(&sizes[i])) || GROUPINGS.contains(&&sizes[i..j]);
            shape && luhn(&groups[i..j].concat())
        };
        !(0..groups.len()).any(|i| (i + 1..=groups.len()).any(|j| is_card(i, j)))
    }) || text.contains("blk_")
}

/// All messages in which nothing may be touched.
pub fn clean() -> Vec<Clean> {
    let mut out = Vec::new();
    for (detector, what, patterns) in CLEAN {
        for pattern in *patterns {
            let fills = if pattern.contains('⟨') { 4 } else { 1 };
            let texts = (70..150).map(|seed| fill(pattern, seed)).filter(|text| quiet(text)).take(fills);
            let before = out.len();
            for message in texts {
                let wrapped = format!(r#"{{"level":"info","message":"{}","n":1.50}}"#, json(&message, ""));
                out.extend([message, wrapped].map(|message| Clean { detector, message, what }));
            }
            assert_eq!(out.len() - before, 2 * fills, "a card can be read in {pattern}");
        }
    }
    out
}

/// Proves that the table demands nothing wrong.
pub fn self_check() {
    assert!(card_numbers().iter().all(|(_, n)| luhn(n) && (12..=19).contains(&n.len())));
    assert!(IBANS.iter().all(|iban| mod97(iban) == 1));
    let (forms, clean) = (forms(), clean());
    assert!(forms.len() >= 3000 && clean.len() >= 400);
    for form in &forms {
        let bare = form.message.replace("%20", "").replace([' ', '-', '.', '\u{a0}'], "");
        assert!(form.secret.iter().any(|s| form.message.contains(s) || bare.contains(s)), "no secret: {form:?}");
        assert!(form.kept.iter().all(|k| form.message.contains(k)), "not there to be kept: {form:?}");
        assert!(!form.secret.iter().any(|s| form.kept.concat().contains(s)), "to be kept and hidden: {form:?}");
    }
    let hidden: HashSet<&String> = forms.iter().map(|form| &form.message).collect();
    assert!(clean.iter().all(|c| quiet(&c.message) && !hidden.contains(&c.message)));
}
