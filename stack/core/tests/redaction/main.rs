//! What redaction finds, over a generated table: values × neighbours × spellings × carriers. `docs/redaction.md` says it to
//! people, and is made here.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::format_collect,
    reason = "a test that cannot go on fails, and need not be fast"
)]

mod page;
mod table;

use std::path::Path;

use logctl_core::redact::{Detector, Redactor};
use strum::VariantNames as _;

use table::Form;

/// A redactor with all detectors.
fn all() -> Redactor {
    Redactor::new(&Detector::VARIANTS.join(","), "").unwrap().unwrap()
}

/// A text, and what it says unescaped, several times, with and without what stands between the groups of a number.
fn readings(stored: &str) -> Vec<String> {
    let mut readings = vec![stored.to_owned()];
    while let Some(unescaped) = readings.last().map(|text| unescape(text))
        && readings.len() < 5
        && readings.last() != Some(&unescaped)
    {
        readings.push(unescaped);
    }
    let joined = |text: &String| text.replace("%20", "").replace([' ', '-', '.', '\u{a0}'], "");
    let joined: Vec<String> = readings.iter().map(joined).collect();
    readings.into_iter().chain(joined).collect()
}

fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let escaped = if c == '\\' { chars.next() } else { None };
        match escaped {
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('t') => plain.push('\t'),
            Some('u') => {
                let code: String = chars.by_ref().take(4).collect();
                plain.push(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32).unwrap_or('\u{fffd}'));
            }
            Some(other) => plain.push(other),
            None => plain.push(c),
        }
    }
    plain
}

/// Whether a text is JSON of several parts.
fn is_json(text: &str) -> bool {
    text.starts_with(['{', '[', '"']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// What is wrong with the form, if something is.
fn problem(redactor: &Redactor, form: &Form) -> Option<String> {
    let stored = redactor.text(&form.message);
    let readings = readings(&stored);
    let shown = |secret: &&String| readings.iter().any(|text| text.contains(secret.as_str()));
    if let Some(secret) = form.secret.iter().find(shown) {
        return Some(format!("holds {secret}"));
    }
    if let Some(kept) = form.kept.iter().find(|kept| !stored.contains(kept.as_str())) {
        return Some(format!("lacks {kept}"));
    }
    if redactor.text(&stored) != stored {
        return Some("is redacted once more".to_owned());
    }
    (is_json(&form.message) && !is_json(&stored)).then(|| "is no JSON any more".to_owned())
}

#[test]
fn the_table_demands_nothing_wrong() {
    table::self_check();
}

#[test]
fn what_is_nothing_stays() {
    let redactor = all();
    for clean in table::clean() {
        assert_eq!(redactor.text(&clean.message), clean.message, "{}: {}", clean.detector, clean.what);
    }
}

/// At least 99 of 100 forms are hidden, and the page lists the others.
#[test]
fn what_must_be_hidden_is_hidden_and_the_page_says_what() {
    let redactor = all();
    let forms = table::forms();
    assert!(forms.len() >= 2_000);
    let failed: Vec<(&Form, String)> =
        forms.iter().filter_map(|form| Some((form, problem(&redactor, form)?))).collect();
    let said = |(form, problem): &(&Form, String)| format!("{} {problem}: {}", form.what, form.message);
    let texts: Vec<String> = failed.iter().map(said).collect();
    assert!(failed.len() * 100 <= forms.len(), "{} of {}:\n{}", failed.len(), forms.len(), texts.join("\n"));
    let page = page::page(&redactor, &forms, &failed);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/redaction.md");
    if writes() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &page).unwrap();
    }
    assert!(std::fs::read_to_string(&path).unwrap() == page, "docs/redaction.md is out of date; run: make docs");
}

/// Whether `make docs` asks for it.
fn writes() -> bool {
    std::env::var_os("WRITE_DOCS").is_some()
}
