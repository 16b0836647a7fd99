//! Answers whose documents hold half of a surrogate pair, which no text can: as an application wrote them, and not our forwarder.

use std::{borrow::Cow, sync::LazyLock};

use bytes::Bytes;
use regex::{Captures, Regex};

/// The same with U+FFFD for each half, and for bytes that are no UTF-8.
pub(super) fn mended(body: Bytes) -> Bytes {
    static HALVES: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"\\\\|\\u[dD][89abAB][[:xdigit:]]{2}(\\u[dD][c-fC-F][[:xdigit:]]{2})?|\\u[dD][c-fC-F][[:xdigit:]]{2}",
        )
        .ok()
    });
    let text = String::from_utf8_lossy(&body);
    let text = match HALVES.as_ref() {
        Some(halves) if text.contains(r"\ud") || text.contains(r"\uD") => {
            let mend = |found: &Captures<'_>| {
                let is_half = found[0].len() == 6;
                if is_half { r"\ufffd".to_owned() } else { found[0].to_owned() }
            };
            Cow::Owned(halves.replace_all(&text, mend).into_owned())
        }
        _ => text,
    };
    match text {
        Cow::Borrowed(_) => body,
        Cow::Owned(text) => text.into(),
    }
}

#[cfg(test)]
mod tests {
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
}
