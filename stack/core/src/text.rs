//! Texts of JSON, leniently: what a log carries is kept even where a strict reader would refuse it.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The text that stands escaped in JSON. What no text can hold, half a surrogate pair, becomes U+FFFD.
#[must_use]
pub fn unescape(escaped: &str) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'\\', escaped.as_bytes()) else { return Cow::Borrowed(escaped) };
    let mut text = String::with_capacity(escaped.len());
    unescape_into(escaped, first, &mut text);
    Cow::Owned(text)
}

/// Appends to `text` what stands escaped in `escaped`, whose first backslash is at `first`.
pub fn unescape_into(escaped: &str, first: usize, text: &mut String) {
    text.push_str(&escaped[..first]);
    let mut rest = &escaped[first..];
    loop {
        let mut chars = rest[1..].chars();
        match chars.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some('u') => text.push(code_point(&mut chars)),
            Some(other) => text.push(other),
            None => return,
        }
        rest = chars.as_str();
        let Some(next) = memchr::memchr(b'\\', rest.as_bytes()) else {
            text.push_str(rest);
            return;
        };
        text.push_str(&rest[..next]);
        rest = &rest[next..];
    }
}

/// The character whose `\u` was read; of a pair, both halves.
fn code_point(chars: &mut std::str::Chars<'_>) -> char {
    let Some(unit) = unit(chars) else { return char::REPLACEMENT_CHARACTER };
    if let Some(low) = chars.as_str().strip_prefix("\\u").filter(|_| (0xd800..0xdc00).contains(&unit)) {
        let mut ahead = low.chars();
        if let Some(low) = self::unit(&mut ahead).filter(|low| (0xdc00..0xe000).contains(low)) {
            *chars = ahead;
            let point = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            return char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
    }
    char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Four hexadecimal digits.
fn unit(chars: &mut std::str::Chars<'_>) -> Option<u32> {
    let digits = chars.as_str().get(..4)?;
    *chars = chars.as_str()[4..].chars();
    u32::from_str_radix(digits, 16).ok()
}

/// An object, if `text` is one. Halves of surrogate pairs in it become U+FFFD; the last of equal names wins.
#[must_use]
pub fn parse_object(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str(&mend_surrogates(text)?).ok())
}

/// `text` with each half of a surrogate pair replaced, if there is one.
fn mend_surrogates(text: &str) -> Option<String> {
    let half = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok().filter(|unit| (0xd800..0xe000).contains(unit))
    };
    let mut mended = String::with_capacity(text.len());
    let (mut at, mut found) = (0, false);
    while let Some(skip) = memchr::memchr(b'\\', &text.as_bytes()[at..]) {
        mended.push_str(&text[at..at + skip]);
        at += skip;
        let length = match (half(at), half(at + 6)) {
            (Some(0xd800..0xdc00), Some(0xdc00..)) => 12,
            (Some(_), _) => {
                found = true;
                mended.push_str("\\ufffd");
                at += 6;
                continue;
            }
            // An escape is one character and what it escapes, which may be a backslash.
            _ => 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
        };
        mended.push_str(&text[at..at + length]);
        at += length;
    }
    mended.push_str(&text[at..]);
    found.then_some(mended)
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
    fn an_object_with_half_a_pair_is_still_an_object() {
        let object = parse_object(r#"{"a":"\ud800x","b":"\\ud800","c":"\ud83d\ude00"}"#).unwrap();
        assert_eq!(Value::Object(object), json!({"a": "\u{fffd}x", "b": "\\ud800", "c": "😀"}));
        assert_eq!(parse_object(r#"{"a":"\x"}"#), None);
    }

    proptest! {
        #[test]
        fn unescape_undoes_escape(text: String) {
            let escaped = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(unescape(&escaped[1..escaped.len() - 1]), text);
        }

        #[test]
        fn no_text_panics(text in r#"[\\"u{}:d8-9a-f0-3]{0,40}"#) {
            drop(unescape(&text));
            drop(parse_object(&text));
        }
    }
}
