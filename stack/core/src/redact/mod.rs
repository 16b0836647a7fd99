//! Redaction: what must not be stored is replaced before anything is stored.
//!
//! A message is looked through once as it stands ([`scan`] with `loose`), which is all that happens to most. Where that finds
//! something, the message is written anew ([`text`]): JSON stays JSON, each of its texts and names is looked through unescaped,
//! and what nobody redacts is copied as it stands. Each look around is bounded, or finds something behind which the way goes on;
//! `make bench` measures that the cost grows with the length alone, over lines that are made to cost more.

mod keys;
mod names;
mod numbers;
mod scan;
mod text;
mod tokens;

use std::borrow::Cow;

use regex_lite::Regex;
use serde_json::value::RawValue;
use strum::{Display, EnumString, VariantNames};

use crate::{
    event::Event,
    json::text::{escaped, unescape},
};

/// Something that has a form or a name of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = String, parse_err_fn = no_detector)]
pub enum Detector {
    /// An address for mail.
    Email,
    /// The number of a payment card, with its check digit.
    Card,
    /// The number of a bank account, with its check digits.
    Iban,
    /// A JSON web token, signed or encrypted.
    Jwt,
    /// A key of AWS: its id, or its secret or session token behind its name.
    AwsKey,
    /// A bearer token.
    Bearer,
    /// Name and password of basic authentication.
    BasicAuth,
    /// A password behind its name or in a URL.
    Password,
    /// A private key in PEM.
    PrivateKey,
    /// A key of a widespread provider, or one behind its name.
    ApiKey,
}

fn no_detector(name: &str) -> String {
    format!("there is no detector `{name}`; there are {}", Detector::VARIANTS.join(", "))
}

/// What the marks begin with that stand for what was redacted.
pub const MARK: &str = "[redacted";

/// Some detectors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Detectors(u16);

impl Detectors {
    fn add(&mut self, detector: Detector) {
        self.0 |= 1 << detector as u16;
    }

    fn has(self, detector: Detector) -> bool {
        self.0 & (1 << detector as u16) != 0
    }
}

/// Redacts texts.
#[derive(Debug, Clone)]
pub struct Redactor {
    detectors: Detectors,
    patterns: Vec<Regex>,
}

impl Redactor {
    /// A redactor with the named detectors, separated by commas, and with regular expressions, one a line. `None` where
    /// there is neither.
    ///
    /// # Errors
    /// What is unknown or does not compile, in one line.
    pub fn new(detectors: &str, patterns: &str) -> Result<Option<Self>, String> {
        let mut redactor = Self { detectors: Detectors::default(), patterns: Vec::new() };
        for name in detectors.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            redactor.detectors.add(name.parse()?);
        }
        for pattern in patterns.lines().filter(|pattern| !pattern.trim().is_empty()) {
            let regex = Regex::new(pattern).map_err(|error| format!("`{pattern}` does not compile: {error}"))?;
            if regex.is_match("") {
                return Err(format!("`{pattern}` matches everywhere"));
            }
            redactor.patterns.push(regex);
        }
        let empty = redactor.detectors == Detectors::default() && redactor.patterns.is_empty();
        Ok((!empty).then_some(redactor))
    }

    /// The event without what must not be stored in its message and its extracted fields; `None` where there is nothing. What
    /// cannot be written anew comes back as a text that is no event: whoever reads it must not fall back to the event itself.
    #[must_use]
    pub fn event(&self, event: &Event<'_>) -> Option<Box<RawValue>> {
        let columns = event.extracted_fields.and_then(|fields| match self.text(fields) {
            Cow::Borrowed(_) => None,
            Cow::Owned(fields) => Some(fields),
        });
        let looks_clean = self.patterns.is_empty() && !scan::may_hold(event.message, self.detectors);
        if looks_clean && columns.is_none() {
            return None;
        }
        let message = unescape(event.message);
        let redacted = self.text(&message);
        if matches!(redacted, Cow::Borrowed(_)) && columns.is_none() {
            return None;
        }
        let mut json = format!(r#"{{"id":"{}","timestamp":{},"message":""#, event.id, event.timestamp);
        json.push_str(&escaped(&redacted));
        json.push('"');
        if let Some(columns) = columns.as_deref().or(event.extracted_fields) {
            json.push_str(r#","extractedFields":"#);
            json.push_str(columns);
        }
        json.push('}');
        Some(RawValue::from_string(json).unwrap_or_else(|_| nothing()))
    }

    /// Any JSON without what must not be stored; `None` where there is nothing.
    #[must_use]
    pub fn json(&self, json: &RawValue) -> Option<Box<RawValue>> {
        match self.text(json.get()) {
            Cow::Borrowed(_) => None,
            // Where that is no JSON any more, nothing of it may stay.
            Cow::Owned(text) => Some(RawValue::from_string(text).unwrap_or_else(|_| nothing())),
        }
    }

    /// The text without what must not be stored. JSON in it stays JSON.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let may_hold = scan::may_hold(text, self.detectors)
            || self.patterns.iter().any(|pattern| pattern.is_match(text))
            // What is escaped hides from a pattern.
            || (!self.patterns.is_empty() && self.match_unescaped(text));
        let rewritten = if may_hold { text::rewrite(self, text, None, 0) } else { None };
        rewritten.map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// Whether the first look finds what the careful one does: for properties.
    #[cfg(any(test, feature = "properties"))]
    pub(crate) fn agrees(&self, text: &str) -> bool {
        let may_hold = scan::may_hold(text, self.detectors) && scan::may_hold(&escaped(text), self.detectors);
        may_hold || text::rewrite(self, text, None, 0).is_none()
    }

    fn match_unescaped(&self, text: &str) -> bool {
        match unescape(text) {
            Cow::Borrowed(_) => false,
            Cow::Owned(text) => self.patterns.iter().any(|pattern| pattern.is_match(&text)),
        }
    }

    /// The text without what the regular expressions match; `None` where that is nothing.
    fn match_patterns(&self, text: &str) -> Option<String> {
        let mut redacted: Option<String> = None;
        for pattern in &self.patterns {
            if let Cow::Owned(text) = pattern.replace_all(redacted.as_deref().unwrap_or(text), "[redacted]") {
                redacted = Some(text);
            }
        }
        redacted
    }
}

/// What is left of something of which nothing may stay.
fn nothing() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}

#[cfg(test)]
mod tests;
