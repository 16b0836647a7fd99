//! Names behind which something stands that must not be stored.

use super::{Detector, Detectors};

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

/// Signs of a name that are looked at, and of those the ones that count: its end.
pub(super) const LOOK: usize = 64;
const MAX: usize = 32;

/// What stands behind `name`, if that is told by one of `on`. Names are compared by letters and digits alone, in any case.
pub(super) fn told(name: &str, on: Detectors) -> Option<Detector> {
    if name.starts_with("[redacted") {
        return None;
    }
    // As much of it as a look back sees. `password1` is one, too.
    let from = (name.len().saturating_sub(LOOK)..=name.len()).find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    let name = &name[from..];
    let name = name.trim_end_matches(|sign: char| sign.is_ascii_digit() || " _-.".contains(sign));
    // Of several words the last one counts.
    let word = name.bytes().rev().take_while(|byte| is_of_name(*byte)).count();
    let name = &name[name.len() - word..];
    let last = name.bytes().last()?;
    if !matches!(last | 0x20, b'y' | b'n' | b't' | b'd' | b'e' | b's' | b'm' | b'g') {
        return None;
    }
    let short = ["pass", "Pass", "PASS"].iter().any(|pass| {
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

/// Whether one of those names may end with two signs: most do not.
pub(super) fn may_end(before: u8, last: u8) -> bool {
    matches!(
        (before | 0x20, last | 0x20),
        (b'e', b'y' | b'n' | b't')
            | (b'r', b'd' | b't' | b'm')
            | (b'w', b'd')
            | (b's' | b'd', b'e')
            | (b's', b's')
            | (b'n', b'g')
    ) || !before.is_ascii_alphabetic()
        || !last.is_ascii_alphabetic()
}

/// Whether a name is one of a card's number.
pub(super) fn is_of_card(name: &str) -> bool {
    let from =
        (name.len().saturating_sub(MAX)..=name.len()).find(|at| name.is_char_boundary(*at)).unwrap_or(name.len());
    let folded = name[from..].to_ascii_lowercase();
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
