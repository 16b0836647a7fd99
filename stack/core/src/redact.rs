//! Redaction: what must not be stored is replaced before anything is stored.

use std::borrow::Cow;

use memchr::memmem;
use regex_lite::Regex;
use serde_json::{Map, Value, value::RawValue};
use strum::{Display, EnumString, VariantNames};

use crate::{
    event::{Event, LogEvent},
    normalise::json,
};

/// Something that has a form of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = String, parse_err_fn = no_detector)]
pub enum Detector {
    /// An address for mail.
    Email,
    /// The number of a payment card, with its check digit.
    Card,
    /// The number of a bank account, with its check digits.
    Iban,
    /// A JSON web token.
    Jwt,
    /// A key of AWS: its id, or its secret behind its name.
    AwsKey,
    /// A bearer token.
    Bearer,
}

impl Detector {
    /// One of these stands in every text that holds such a thing: most texts are done with after one fast search.
    const fn anchors(self) -> &'static [&'static str] {
        match self {
            Self::Email => &["@"],
            Self::Jwt => &["eyJ"],
            Self::AwsKey => &["AKIA", "ASIA", "ecret", "ECRET"],
            Self::Bearer => &["earer", "EARER"],
            Self::Card | Self::Iban => &[],
        }
    }

    const fn pattern(self) -> &'static str {
        match self {
            Self::Email => r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}",
            Self::Card => r"\b[2-6]\d(?:[ -]?\d){11,17}\b",
            Self::Iban => r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
            Self::Jwt => r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
            // Ids of keys, and a secret key behind its name.
            Self::AwsKey => {
                r#"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|(?i:secret_?access_?key)\\?["']?\s*[=:]\s*\\?["']?[A-Za-z0-9/+=]{40}"#
            }
            Self::Bearer => r"(?i:bearer)\s+[A-Za-z0-9._~+/-]{8,}=*",
        }
    }

    /// Whether a text of the right form is one: numbers that only look like one are far more frequent.
    fn confirms(self, text: &str) -> bool {
        match self {
            Self::Card => is_card(text),
            Self::Iban => is_iban(text),
            _ => true,
        }
    }
}

fn no_detector(name: &str) -> String {
    format!("there is no detector `{name}`; there are {}", Detector::VARIANTS.join(", "))
}

/// One kind of thing to redact.
#[derive(Debug, Clone)]
struct Rule {
    detector: Option<Detector>,
    regex: Regex,
    replacement: String,
}

/// Redacts texts.
#[derive(Debug, Clone)]
pub struct Redactor {
    rules: Vec<Rule>,
}

impl Redactor {
    /// A redactor with the named detectors, separated by commas, and with regular expressions, one a line. `None` where
    /// there is neither.
    ///
    /// # Errors
    /// What is unknown or does not compile, in one line.
    pub fn new(detectors: &str, patterns: &str) -> Result<Option<Self>, String> {
        let mut rules = Vec::new();
        for name in detectors.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let detector: Detector = name.parse()?;
            let regex = Regex::new(detector.pattern()).map_err(|error| error.to_string())?;
            rules.push(Rule { detector: Some(detector), regex, replacement: format!("[redacted:{name}]") });
        }
        for pattern in patterns.lines().filter(|pattern| !pattern.trim().is_empty()) {
            let regex = Regex::new(pattern).map_err(|error| format!("`{pattern}` does not compile: {error}"))?;
            if regex.is_match("") {
                return Err(format!("`{pattern}` matches everywhere"));
            }
            rules.push(Rule { detector: None, regex, replacement: "[redacted]".to_owned() });
        }
        Ok((!rules.is_empty()).then_some(Self { rules }))
    }

    /// The text without what must not be stored.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for rule in &self.rules {
            if let Some(redacted) = rule.apply(&text) {
                text = Cow::Owned(redacted);
            }
        }
        text
    }

    /// The event without what must not be stored in its message and its extracted fields; `None` where there is nothing. What
    /// cannot be written anew comes back as a text that is no event: whoever reads it must not fall back to the event itself.
    #[must_use]
    pub fn event(&self, event: &Event<'_>) -> Option<Box<RawValue>> {
        let decoded = event.decode();
        let message = self.message(&decoded.message);
        let mut extracted_fields = decoded.extracted_fields;
        // What cannot be read cannot be looked through either, and is left out.
        let unread = event.extracted_fields.is_some() && extracted_fields.is_none();
        let mut changed = unread || matches!(message, Cow::Owned(_));
        for value in extracted_fields.iter_mut().flat_map(Map::values_mut) {
            changed |= self.value(value);
        }
        let redacted = LogEvent { id: decoded.id, timestamp: decoded.timestamp, message, extracted_fields };
        changed.then(|| serde_json::value::to_raw_value(&redacted).unwrap_or_else(|_| nothing()))
    }

    /// A message, also where it is JSON: what is escaped there hides from the rules, and its fields are not escaped.
    fn message<'a>(&self, message: &'a str) -> Cow<'a, str> {
        let trimmed = message.trim();
        let escapes = memchr::memchr(b'\\', trimmed.as_bytes()).is_some();
        if escapes && let Some((at, mut fields)) = json::object(trimmed) {
            let changes = fields.values_mut().fold(false, |changed, value| self.value(value) | changed);
            if changes {
                let written = format!("{}{}", &trimmed[..at], Value::Object(fields));
                return Cow::Owned(self.text(&written).into_owned());
            }
        }
        self.text(message)
    }

    /// Redacts the texts in a value. Tells whether there was something.
    fn value(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => match self.text(text) {
                Cow::Borrowed(_) => false,
                Cow::Owned(redacted) => {
                    *text = redacted;
                    true
                }
            },
            Value::Array(items) => items.iter_mut().fold(false, |changed, item| self.value(item) | changed),
            Value::Object(object) => object.values_mut().fold(false, |changed, item| self.value(item) | changed),
            _ => false,
        }
    }

    /// Any JSON without what must not be stored.
    #[must_use]
    pub fn json(&self, json: &RawValue) -> Option<Box<RawValue>> {
        match self.text(json.get()) {
            Cow::Borrowed(_) => None,
            // Where that is no JSON any more, nothing of it may stay.
            Cow::Owned(text) => Some(RawValue::from_string(text).unwrap_or_else(|_| nothing())),
        }
    }
}

/// What is left of something of which nothing may stay.
fn nothing() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}

impl Rule {
    fn apply(&self, text: &str) -> Option<String> {
        let anchors = self.detector.map_or(&[] as &[&str], Detector::anchors);
        if !anchors.is_empty()
            && !anchors.iter().any(|anchor| memmem::find(text.as_bytes(), anchor.as_bytes()).is_some())
        {
            return None;
        }
        let mut redacted = String::new();
        let mut end = 0;
        for found in self.regex.find_iter(text) {
            // Digits that hang on a name are the name's: `blk_-4999999999999999`.
            let hangs = self.detector == Some(Detector::Card) && text[..found.start()].ends_with(['-', '_', '.', '/']);
            if hangs || found.is_empty() || self.detector.is_some_and(|detector| !detector.confirms(found.as_str())) {
                continue;
            }
            redacted.push_str(&text[end..found.start()]);
            redacted.push_str(&self.replacement);
            end = found.end();
        }
        (end > 0).then(|| redacted + &text[end..])
    }
}

/// A number as the large networks give them out, in groups as they are printed, with the check digit of ISO/IEC 7812
/// (Luhn): <https://en.wikipedia.org/wiki/Payment_card_number>.
fn is_card(text: &str) -> bool {
    let groups: Vec<usize> = text.split([' ', '-']).map(str::len).collect();
    let grouped = matches!(groups.as_slice(), [_] | [4, 4, 4, 4] | [4, 6, 5 | 4]);
    let digits: Vec<u32> = text.chars().filter_map(|digit| digit.to_digit(10)).collect();
    let first = |count: usize| digits.iter().take(count).fold(0, |number, digit| number * 10 + digit);
    let known = match digits.len() {
        14 => matches!(first(2), 36 | 38 | 39) || (300..=305).contains(&first(3)),
        15 => matches!(first(2), 34 | 37),
        16 => {
            matches!(first(2), 40..=49 | 51..=55 | 62 | 65)
                || matches!(first(4), 2221..=2720 | 3528..=3589 | 6011 | 6440..=6499)
        }
        _ => false,
    };
    let doubled = |digit: u32| digit * 2 / 10 + digit * 2 % 10;
    let sum: u32 =
        digits.iter().rev().enumerate().map(|(at, digit)| if at % 2 == 0 { *digit } else { doubled(*digit) }).sum();
    grouped && known && sum.is_multiple_of(10)
}

/// The check digits of ISO 13616 (modulo 97).
fn is_iban(text: &str) -> bool {
    let compact: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    if !(15..=34).contains(&compact.len()) {
        return false;
    }
    let rearranged = compact[4..].iter().chain(&compact[..4]);
    let remainder = rearranged.fold(0_u32, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    remainder == 1
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use test_case::test_case;

    use super::*;

    const ALL: &str = "email,card,iban,jwt,aws-key,bearer";

    #[test_case(r#"{"n":1,"password":"\u0068unter2"}"#, r#"{"n":1,"password":"[redacted]"}"#; "an escaped letter")]
    #[test_case(r#"INFO {"a":[{"header":"Bearer abcdefgh\/rest"}]}"#, r#"INFO {"a":[{"header":"[redacted:bearer]"}]}"#; "a slash that php escapes, behind a prefix")]
    #[test_case(r#"{"path":"C:\\temp"}"#, r#"{"path":"C:\\temp"}"#; "an escape and nothing to redact")]
    #[test_case(r"no json \/ hunter2", r"no json \/ [redacted]"; "text")]
    fn what_is_escaped_is_redacted(message: &str, expected: &str) {
        let redactor = Redactor::new("bearer", "hunter2").unwrap().unwrap();
        assert_eq!(redactor.message(message), expected);
    }

    #[test_case("mail to ana.b+c@shop.example.com now", "mail to [redacted:email] now"; "email")]
    #[test_case("user@host and @decorator", "user@host and @decorator"; "no domain, no email")]
    #[test_case("card 4111 1111 1111 1111 or 4111111111111111.", "card [redacted:card] or [redacted:card]."; "cards")]
    #[test_case("order 4111111111111112", "order 4111111111111112"; "a wrong check digit")]
    #[test_case("block blk_-4111111111111111 and blk_-3657665801189425193 of 3657665801189425193", "block blk_-4111111111111111 and blk_-3657665801189425193 of 3657665801189425193"; "names of blocks")]
    #[test_case("amex 3782 822463 10005", "amex [redacted:card]"; "another network")]
    #[test_case("at 1795392000000 and 20261123100000", "at 1795392000000 and 20261123100000"; "times")]
    #[test_case("37960000000000000000000000000000000000000000000000000001", "37960000000000000000000000000000000000000000000000000001"; "an event id")]
    #[test_case("to DE89 3704 0044 0532 0130 00 today", "to [redacted:iban] today"; "iban")]
    #[test_case("to DE89370400440532013001", "to DE89370400440532013001"; "a wrong iban")]
    #[test_case("t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-_", "t=[redacted:jwt]"; "jwt")]
    #[test_case("AKIAIOSFODNN7EXAMPLE and aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "[redacted:aws-key] and aws_[redacted:aws-key]"; "aws keys")]
    #[test_case("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "AWS_[redacted:aws-key]"; "as the environment spells it")]
    #[test_case("Authorization: Bearer abcdef123456==", "Authorization: [redacted:bearer]"; "bearer")]
    #[test_case("the bearer of news", "the bearer of news"; "a word")]
    fn detectors(text: &str, expected: &str) {
        let redactor = Redactor::new(ALL, "").unwrap().unwrap();
        assert_eq!(redactor.text(text), expected);
        assert_eq!(redactor.text(&redactor.text(text)), expected, "a second time changes nothing");
    }

    #[test]
    fn own_patterns() {
        let redactor = Redactor::new("", "customer-\\d+\n\npin=\\d{4}").unwrap().unwrap();
        assert_eq!(redactor.text("customer-17 pin=1234 pin=x"), "[redacted] [redacted] pin=x");
    }

    #[test_case("phone", "", "there is no detector `phone`; there are email, card, iban, jwt, aws-key, bearer"; "unknown")]
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
}
