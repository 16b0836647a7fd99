//! What a query has found in a text, to be marked where it is shown.

use regex::{Regex, RegexBuilder, escape};

use super::{
    text::is_pattern,
    tree::{Comparison, Query, Value},
};

/// Bytes that the expression may take, and texts that it may hold.
const MAX_SIZE: usize = 10 << 20;
const MOST: usize = 100;

/// What to mark; nothing where the query asks for no text.
#[must_use]
pub fn marks(query: &Query) -> Option<Regex> {
    let mut all = Vec::new();
    collect(query, &mut all);
    all.truncate(MOST);
    // The longest of those that begin at one place counts.
    all.sort_by_key(|text| std::cmp::Reverse(text.len()));
    let regex = (!all.is_empty()).then(|| all.join("|"))?;
    RegexBuilder::new(&regex).case_insensitive(true).size_limit(MAX_SIZE).build().ok()
}

fn collect(query: &Query, all: &mut Vec<String>) {
    match query {
        Query::And(parts) | Query::Or(parts) => parts.iter().for_each(|part| collect(part, all)),
        Query::Text(value) | Query::Test { comparison: Comparison::Equal, value, .. } => all.extend(mark(value)),
        Query::Matches { pattern, .. } => all.push(format!("(?:{})", pattern.text)),
        Query::Pasted { text, read, .. } => {
            all.extend(mark(&Value::quoted(text.as_str())));
            if let Some(read) = read {
                collect(read, all);
            }
        }
        // What is left out, or only there, stands nowhere.
        Query::All | Query::Not(_) | Query::Test { .. } | Query::Range { .. } | Query::Exists(_) => {}
    }
}

fn mark(value: &Value) -> Option<String> {
    let text = value.text.trim();
    let text = text.trim_matches(|c: char| !c.is_alphanumeric() && !"*?$-".contains(c));
    if !text.chars().any(char::is_alphanumeric) {
        return None;
    }
    let wild = !value.quoted && is_pattern(text);
    let mut regex = String::new();
    for sign in text.chars() {
        match sign {
            '*' if wild => regex.push_str(r"\S*"),
            '?' if wild => regex.push_str(r"\S"),
            c if c.is_whitespace() => {
                if !regex.ends_with(r"\s+") {
                    regex.push_str(r"\s+");
                }
            }
            c => regex.push_str(&escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    // A word, not a part of one.
    let edge = |sign: Option<char>| if sign.is_some_and(char::is_alphanumeric) { r"\b" } else { "" };
    Some(format!("{}{regex}{}", edge(text.chars().next()), edge(text.chars().next_back())))
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;
    use crate::query::parse;

    #[test_case("error", "an Error, errors", &["Error"]; "a word")]
    #[test_case("payment failed", "payment  failed", &["payment  failed"]; "a phrase")]
    #[test_case("status=500 AND timeout", "500 timeout", &["500", "timeout"]; "values and words")]
    #[test_case("*Exception*", "x.IOException: y", &["x.IOException:"]; "a pattern")]
    #[test_case("NOT health AND level=error", "health error", &["error"]; "what is left out")]
    #[test_case("~/time.?out/", "a time-out", &["time-out"]; "an expression")]
    #[test_case("status>=500", "500", &[]; "a comparison")]
    #[test_case("a.b", "a.b axb", &["a.b"]; "signs are signs")]
    fn what_is_marked(query: &str, text: &str, expected: &[&str]) {
        let marks = marks(&parse(&[query.to_owned()]).unwrap());
        let found: Vec<&str> =
            marks.iter().flat_map(|marks| marks.find_iter(text)).map(|found| found.as_str()).collect();
        assert_eq!(found, expected);
    }
}
