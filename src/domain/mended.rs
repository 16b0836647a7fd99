//! Answers whose documents hold half of a surrogate pair, which no text can: as an application wrote them, and not our forwarder.

use std::{borrow::Cow, sync::LazyLock};

use bytes::Bytes;
use memchr::memmem;
use regex::{Captures, Regex};

/// The same with U+FFFD for each half, and for bytes that are no UTF-8.
pub(super) fn mended(body: Bytes) -> Bytes {
    static HALVES: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"\\\\|\\u[dD][89abAB][[:xdigit:]]{2}(\\u[dD][c-fC-F][[:xdigit:]]{2})?|\\u[dD][c-fC-F][[:xdigit:]]{2}",
        )
        .ok()
    });
    let text = match HALVES.as_ref().filter(|_| has_half(&body)) {
        None => String::from_utf8_lossy(&body),
        Some(halves) => {
            let mend = |found: &Captures<'_>| {
                let is_half = found[0].len() == 6;
                if is_half { r"\ufffd".to_owned() } else { found[0].to_owned() }
            };
            Cow::Owned(halves.replace_all(&String::from_utf8_lossy(&body), mend).into_owned())
        }
    };
    match text {
        Cow::Borrowed(_) => body,
        Cow::Owned(text) => text.into(),
    }
}

/// Whether a half is escaped there. Long answers have none, and are looked through only once.
fn has_half(json: &[u8]) -> bool {
    let unit = |at: usize| {
        let digits = json.get(at..at + 6).filter(|escape| escape.starts_with(br"\u"))?;
        u16::from_str_radix(std::str::from_utf8(&digits[2..]).ok()?, 16).ok()
    };
    let mut second = None;
    memmem::find_iter(json, br"\u").any(|at| {
        let before = json[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        match unit(at) {
            _ if before % 2 == 1 || second == Some(at) => false,
            Some(0xd800..0xdc00) if matches!(unit(at + 6), Some(0xdc00..0xe000)) => {
                second = Some(at + 6);
                false
            }
            Some(0xd800..0xe000) => true,
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;
    use test_case::test_case;

    use super::*;

    #[test_case(r#"{"m":"\ud83d"}"#, "\u{fffd}"; "a high half")]
    #[test_case(r#"{"m":"\ude00x"}"#, "\u{fffd}x"; "a low half")]
    #[test_case(r#"{"m":"\ud83d\ude00\ud83d"}"#, "😀\u{fffd}"; "a pair and a half")]
    #[test_case(r#"{"m":"\uD83D\uDE00 \ud83d\\ude00"}"#, "😀 \u{fffd}\\ude00"; "upper case and a backslash behind it")]
    #[test_case(r#"{"m":"\\ud83d","n":"\ud83d"}"#, r"\ud83d"; "a backslash before it")]
    fn halves_of_pairs_are_no_obstacle(text: &'static str, expected: &str) {
        let value: Value = serde_json::from_slice(&mended(text.into())).unwrap();
        assert_eq!(value["m"], expected);
    }

    proptest! {
        #[test]
        fn what_is_whole_is_not_touched_and_what_is_not_is_mended(text in r"(\\\\|\\u(d83d|DE00|d800|0041|dfff)|[ a😀])*") {
            let json = format!("{{\"m\":\"{text}\"}}");
            let is_whole = serde_json::from_str::<Value>(&json).is_ok();
            let after = mended(json.clone().into());
            prop_assert_eq!(after == json.as_bytes(), is_whole);
            prop_assert!(serde_json::from_slice::<Value>(&after).is_ok());
        }
    }
}
