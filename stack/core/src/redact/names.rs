//! Names behind which something stands that must not be stored.

use super::{Detector, Detectors, MARK};

/// What folded names end with, and whose detector that is. The more particular come first.
const ENDINGS: [(&str, Detector); 23] = [
    ("secretaccesskey", Detector::AwsKey),
    ("awssecretkey", Detector::AwsKey),
    ("sessiontoken", Detector::AwsKey),
    ("securitytoken", Detector::AwsKey),
    ("apikey", Detector::ApiKey),
    ("apisecret", Detector::ApiKey),
    ("password", Detector::Password),
    ("passwd", Detector::Password),
    ("passwort", Detector::Password),
    ("pwd", Detector::Password),
    ("passphrase", Detector::Password),
    ("secret", Detector::Password),
    ("secretkey", Detector::Password),
    ("passcode", Detector::Password),
    ("passwordconfirm", Detector::Password),
    ("secretstring", Detector::Password),
    ("accountkey", Detector::ApiKey),
    ("sharedaccesskey", Detector::ApiKey),
    ("accesstoken", Detector::Bearer),
    ("refreshtoken", Detector::Bearer),
    ("idtoken", Detector::Bearer),
    ("authtoken", Detector::Bearer),
    ("bearertoken", Detector::Bearer),
];

/// Too short to be the end of any longer name: it stands for itself, or behind a sign, or as a word in camel case.
const SHORT: [&str; 3] = ["pass", "Pass", "PASS"];

/// By the last letter of those names, the letters that may stand before it, as bits: most names are told by that.
const TAILS: [u32; 26] = {
    let mut tails = [0; 26];
    let mut at = 0;
    while at < ENDINGS.len() {
        let ending = ENDINGS[at].0.as_bytes();
        tails[(ending[ending.len() - 1] - b'a') as usize] |= 1 << (ending[ending.len() - 2] - b'a');
        at += 1;
    }
    tails[(b's' - b'a') as usize] |= 1 << (b's' - b'a');
    tails
};

/// Signs of a name that are looked at, and of those the ones that count: its end.
pub(super) const LOOK: usize = 64;
const MAX: usize = 32;

/// The end of a name, of so many signs.
fn tail(name: &str, most: usize) -> &str {
    let start = (name.len().saturating_sub(most)..=name.len()).find(|at| name.is_char_boundary(*at));
    &name[start.unwrap_or_default()..]
}

/// What stands behind `name`, if that is told by one of `on`. Names are compared by letters and digits alone, in any case.
pub(super) fn told(name: &str, on: Detectors) -> Option<Detector> {
    if name.starts_with(MARK) {
        return None;
    }
    // As much of it as a look back sees. Of several words the last one counts.
    let name = tail(name, LOOK).trim_end_matches(' ');
    let word = name.bytes().rev().take_while(|byte| is_of_name(*byte)).count();
    // `password1` is one, too.
    let name = &name[name.len() - word..];
    let name = name.trim_end_matches(|sign: char| sign.is_ascii_digit() || "_-.".contains(sign));
    if let [.., before, last] = name.as_bytes()
        && !may_end(*before, *last)
    {
        return None;
    }
    let short = SHORT.iter().any(|pass| {
        let before = name.strip_suffix(pass).map(str::as_bytes);
        before.is_some_and(|before| before.last().is_none_or(|byte| !byte.is_ascii_alphabetic() || *pass == "Pass"))
    });
    if short && on.has(Detector::Password) {
        return Some(Detector::Password);
    }
    let mut folded = [0; MAX];
    let mut at = MAX;
    for byte in name.bytes().rev().filter(u8::is_ascii_alphanumeric).take(MAX) {
        at -= 1;
        folded[at] = byte.to_ascii_lowercase();
    }
    let folded = &folded[at..];
    ENDINGS
        .iter()
        .find(|(ending, _)| folded.ends_with(ending.as_bytes()))
        .map(|(_, detector)| *detector)
        .filter(|detector| on.has(*detector))
}

/// Whether one of those names may end with two signs; also where they are no letters, which count for nothing.
#[inline]
pub(super) fn may_end(before: u8, last: u8) -> bool {
    let [before, last] = [before | 0x20, last | 0x20];
    if !before.is_ascii_lowercase() || !last.is_ascii_lowercase() {
        return true;
    }
    TAILS[usize::from(last - b'a')] & (1 << (before - b'a')) != 0
}

/// Whether a name is one of a card's number.
pub(super) fn is_of_card(name: &str) -> bool {
    let folded = tail(name, MAX).to_ascii_lowercase();
    let own = folded.rsplit(|c: char| !c.is_ascii_alphanumeric()).find(|part| !part.is_empty()).unwrap_or_default();
    folded.contains("card") || matches!(own, "pan" | "acct" | "account" | "cc") || name.ends_with("Pan")
}

/// Signs that a name is made of.
pub(super) fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("password", Some(Detector::Password))]
    #[test_case("userPassword", Some(Detector::Password))]
    #[test_case("client_secret", Some(Detector::Password))]
    #[test_case("AWS_SECRET_ACCESS_KEY", Some(Detector::AwsKey))]
    #[test_case("X-Amz-Security-Token", Some(Detector::AwsKey))]
    #[test_case("x-api-key", Some(Detector::ApiKey))]
    #[test_case("password_hash", None)]
    #[test_case("password://", None; "a scheme")]
    #[test_case("password1 ", Some(Detector::Password); "a number behind it")]
    #[test_case("user password", Some(Detector::Password))]
    #[test_case("pas\0sword", None; "a name in pieces")]
    #[test_case("secretary", None)]
    #[test_case("key", None)]
    #[test_case("", None)]
    fn names(name: &str, detector: Option<Detector>) {
        assert_eq!(told(name, Detectors(u16::MAX)), detector);
    }

    #[test_case("cardNumber", true)]
    #[test_case("pan", true)]
    #[test_case("X-PAN", true)]
    #[test_case("company", false)]
    fn names_of_cards(name: &str, card: bool) {
        assert_eq!(is_of_card(name), card);
    }
}
