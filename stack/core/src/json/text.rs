//! Texts of JSON, leniently: what a log carries is kept even where a strict reader would refuse it.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::bytes::{BLOCK, backslash};

/// The text that stands escaped in JSON. What no text can hold, half a surrogate pair, becomes U+FFFD.
#[must_use]
pub fn unescape(escaped: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', escaped.as_bytes()).is_none() {
        return Cow::Borrowed(escaped);
    }
    let mut room = Vec::new();
    let length = unescape_into(escaped, &mut room).text.len();
    room.truncate(length);
    Cow::Owned(String::from_utf8(room).unwrap_or_default())
}

/// A text as JSON has it between quotes.
#[must_use]
pub fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// A text that was unescaped.
pub struct Unescaped<'r> {
    /// The text.
    pub text: &'r str,
    /// Whether nothing in it had to be replaced.
    pub whole: bool,
}

/// Unescapes a text into `room`, of which it takes what it needs.
pub fn unescape_into<'r>(escaped: &str, room: &'r mut Vec<u8>) -> Unescaped<'r> {
    let bytes = escaped.as_bytes();
    // Only one that is cut is shorter than what stands for it.
    let most = bytes.len() + bytes.len() / 2 + BLOCK;
    if room.len() < most {
        room.resize(most, 0);
    }
    let (mut from, mut to) = (0, 0);
    let mut whole = true;
    loop {
        let step = plain_part(&bytes[from..], &mut room[to..]);
        from += step;
        to += step;
        let Some(escape) = bytes.get(from + 1) else { break };
        let byte = match escape {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 0x8,
            b'f' => 0xc,
            b'u' => {
                let mut chars = escaped[from + 2..].chars();
                let point = code_point(&mut chars);
                whole &= point.is_some();
                to += point.unwrap_or(char::REPLACEMENT_CHARACTER).encode_utf8(&mut room[to..]).len();
                from = bytes.len() - chars.as_str().len();
                continue;
            }
            other => *other, // Of a longer character the rest follows.
        };
        room[to] = byte;
        from += 2;
        to += 1;
    }
    let text = std::str::from_utf8(&room[..to]);
    debug_assert!(text.is_ok(), "escapes are characters, and what stands between them is UTF-8");
    Unescaped { text: text.unwrap_or_default(), whole: whole && from == bytes.len() }
}

/// Copies what stands before the first backslash, and tells its length.
#[inline]
fn plain_part(from: &[u8], to: &mut [u8]) -> usize {
    let mut at = 0;
    while let (Some(block), Some(room)) = (from[at..].first_chunk::<BLOCK>(), to[at..].first_chunk_mut()) {
        // What is too much of it is written over.
        *room = *block;
        match backslash(block) {
            Some(found) => return at + found,
            None => at += BLOCK,
        }
    }
    let tail = &from[at..];
    let length = tail.iter().position(|byte| *byte == b'\\').unwrap_or(tail.len());
    to[at..at + length].copy_from_slice(&tail[..length]);
    at + length
}

/// The character whose `\u` was read; of a pair, both halves. A half alone is none.
fn code_point(chars: &mut std::str::Chars<'_>) -> Option<char> {
    let unit = unit(chars)?;
    if let Some(low) = chars.as_str().strip_prefix("\\u").filter(|_| (0xd800..0xdc00).contains(&unit)) {
        let mut ahead = low.chars();
        let low = self::unit(&mut ahead).filter(|low| (0xdc00..0xe000).contains(low))?;
        *chars = ahead;
        return char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
    }
    char::from_u32(unit)
}

/// Four hexadecimal digits.
fn unit(chars: &mut std::str::Chars<'_>) -> Option<u32> {
    let digits = chars.as_str().get(..4)?;
    *chars = chars.as_str()[4..].chars();
    u32::from_str_radix(digits, 16).ok()
}

/// Objects in a text that is read as JSON: each takes far more of the memory than its two signs.
const MAX_OBJECTS: usize = 20_000;

/// Whether a text holds too many objects to be read.
#[must_use]
pub fn is_too_much(text: &str) -> bool {
    memchr::memchr_iter(b'{', text.as_bytes()).nth(MAX_OBJECTS).is_some()
}

/// An object, if `text` is one that is not too much. Halves of surrogate pairs in it become U+FFFD, numbers that neither a long nor a double
/// holds become texts; the last of equal names wins.
#[must_use]
pub fn parse_object(text: &str) -> Option<Map<String, Value>> {
    // Many a text that begins with a brace shows here that it is none.
    text.trim_start().strip_prefix('{')?.trim_start().strip_prefix(['"', '}'])?;
    if is_too_much(text) {
        return None;
    }
    serde_json::from_str(&mend(text)).ok()
}

/// `text` without what a strict reader would refuse, or read as another value.
fn mend(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut mended = String::new();
    let (mut at, mut done) = (0, 0);
    let mut inside = false;
    while at < bytes.len() {
        let (length, instead) = match bytes[at] {
            b'"' => {
                inside = !inside;
                (1, None)
            }
            b'\\' if inside => escape(text, at),
            b'-' | b'0'..=b'9' if !inside => number(text, at),
            _ => (1, None),
        };
        if let Some(instead) = instead {
            mended.push_str(&text[done..at]);
            mended.push_str(&instead);
            done = at + length;
        }
        at += length;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    mended.push_str(&text[done..]);
    Cow::Owned(mended)
}

/// JSON with U+FFFD for each half of a surrogate pair that is escaped in it, which no text can hold.
#[must_use]
pub fn without_halves(json: &str) -> Cow<'_, str> {
    if memchr::memmem::find(json.as_bytes(), br"\u").is_none() {
        return Cow::Borrowed(json);
    }
    let mut mended = String::new();
    let (mut at, mut done) = (0, 0);
    while let Some(next) = memchr::memchr(b'\\', json.as_bytes().get(at..).unwrap_or_default()) {
        at += next;
        let (length, instead) = escape(json, at);
        if let Some(instead) = instead {
            mended.push_str(&json[done..at]);
            mended.push_str(&instead);
            done = at + length;
        }
        at += length;
    }
    if done == 0 {
        return Cow::Borrowed(json);
    }
    mended.push_str(&json[done..]);
    Cow::Owned(mended)
}

/// The length of the escape at `at`, and what stands for it where it is half of a pair.
fn escape(text: &str, at: usize) -> (usize, Option<String>) {
    let half = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok().filter(|unit| (0xd800..0xe000).contains(unit))
    };
    match (half(at), half(at + 6)) {
        (Some(0xd800..0xdc00), Some(0xdc00..)) => (12, None),
        (Some(_), _) => (6, Some("\\ufffd".to_owned())),
        _ => (2, None),
    }
}

/// The length of the number at `at`, and the text that stands for it where it would not stay itself.
fn number(text: &str, at: usize) -> (usize, Option<String>) {
    let rest = &text.as_bytes()[at..];
    let length = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let digits = &text[at..at + length.unwrap_or(rest.len())];
    let double: Option<f64> = digits.parse().ok();
    let whole = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let lost =
        if whole { digits.len() > 18 && digits.parse::<i64>().is_err() } else { double.is_some_and(f64::is_infinite) };
    let lost = lost && double.is_some();
    (digits.len(), lost.then(|| format!("\"{digits}\"")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use test_case::test_case;

    use super::*;

    #[test_case(r"plain", "plain"; "nothing to do")]
    #[test_case(r"a\n\t\r\b\f\/\\\u0041é", "a\n\t\r\u{8}\u{c}/\\Aé"; "every escape")]
    #[test_case(r"\ud83d\ude00", "😀"; "a pair")]
    #[test_case(r"\ud83d!", "\u{fffd}!"; "a high half")]
    #[test_case(r"\ude00\ud83d\ud83d\ude00", "\u{fffd}\u{fffd}😀"; "halves before a pair")]
    fn unescaped(escaped: &str, text: &str) {
        assert_eq!(unescape(escaped), text);
    }

    #[test]
    fn numbers_that_would_be_lost_become_texts() {
        let text = r#"{"a":1e400,"b":-123456789012345678901234567890,"c":"1e400","d":[18446744073709551616,1.5e3,7],"é1e400":9223372036854775807}"#;
        assert_eq!(
            Value::Object(parse_object(text).unwrap()),
            json!({"a": "1e400", "b": "-123456789012345678901234567890", "c": "1e400",
                "d": ["18446744073709551616", 1500.0, 7], "é1e400": 9_223_372_036_854_775_807_i64})
        );
        assert_eq!(parse_object(r#"{"a":1-2-3-4-5-6-7-8-9-0-1}"#), None);
    }

    #[test]
    fn an_object_with_half_a_pair_is_still_an_object() {
        let object = parse_object(r#"{"a":"\ud800x","b":"\\ud800","c":"\ud83d\ude00"}"#).unwrap();
        assert_eq!(Value::Object(object), json!({"a": "\u{fffd}x", "b": "\\ud800", "c": "😀"}));
        assert_eq!(parse_object(r#"{"a":"\x"}"#), None);
    }

    #[test_case(r#"{"m":"\ud83d"}"#, "\u{fffd}"; "a high half")]
    #[test_case(r#"{"m":"\ude00x"}"#, "\u{fffd}x"; "a low half")]
    #[test_case(r#"{"m":"\ud83d\ude00\ud83d"}"#, "😀\u{fffd}"; "a pair and a half")]
    #[test_case(r#"{"m":"\uD83D\uDE00 \ud83d\\ude00"}"#, "😀 \u{fffd}\\ude00"; "upper case and a backslash behind it")]
    #[test_case(r#"{"m":"\\ud83d","n":"\ud83d"}"#, r"\ud83d"; "a backslash before it")]
    fn halves_are_no_obstacle(json: &str, expected: &str) {
        let value: Value = serde_json::from_str(&without_halves(json)).unwrap();
        assert_eq!(value["m"], expected);
    }

    proptest! {
        #[test]
        fn what_is_whole_is_not_touched_and_what_is_not_is_mended(text in r"(\\\\|\\u(d83d|DE00|d800|0041|dfff)|[ a😀])*") {
            let json = format!("{{\"m\":\"{text}\"}}");
            let is_whole = serde_json::from_str::<Value>(&json).is_ok();
            let after = without_halves(&json);
            prop_assert_eq!(after == json, is_whole);
            prop_assert!(serde_json::from_str::<Value>(&after).is_ok());
        }

        #[test]
        fn unescape_undoes_escape(text: String) {
            let escaped = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(unescape(&escaped[1..escaped.len() - 1]), text);
        }

        #[test]
        fn no_text_panics(text in r#"[\\"u{}:d8-9a-f0-3]{0,40}"#) {
            drop(unescape(&text));
            drop(parse_object(&text));
            drop(without_halves(&text));
        }
    }
}
