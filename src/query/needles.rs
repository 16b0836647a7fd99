//! Texts that each event of an answer holds, for places that know nothing of fields.

use super::{
    aliases,
    tree::{Comparison, Field, Query, Value},
};

/// A text that stands in every event that a query finds; with its name where it is a field's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needle {
    /// The text.
    pub text: String,
    /// The field that has it.
    pub field: Option<Field>,
}

/// Those of them that can be told, the longest first. What a level is called differs, and is none.
#[must_use]
pub fn needles(query: &Query) -> Vec<Needle> {
    let mut needles = Vec::new();
    collect(query, &mut needles);
    needles.sort_by_key(|needle| std::cmp::Reverse(needle.text.len()));
    needles
}

/// Whether a query asks for nothing else than such texts: then an event that has them all is what was looked for.
#[must_use]
pub fn is_needles(query: &Query) -> bool {
    match query {
        Query::And(parts) => parts.iter().all(is_needles),
        Query::Pasted { read: Some(read), .. } => is_needles(read),
        other => !needles(other).is_empty(),
    }
}

fn collect(query: &Query, needles: &mut Vec<Needle>) {
    let mut add = |value: &Value, field: Option<Field>| {
        let text = value.text.trim();
        if !value.is_wild() && text.chars().any(char::is_alphanumeric) {
            needles.push(Needle { text: text.to_owned(), field });
        }
    };
    match query {
        Query::And(parts) => parts.iter().for_each(|part| collect(part, needles)),
        Query::Text(value) => add(value, None),
        // What is ours stands beside the event.
        Query::Test { field, comparison: Comparison::Equal, value } if !aliases::is_level(field) => {
            let ours =
                aliases::names(field)[0].starts_with('@') && !aliases::is_id(field) && !aliases::is_message(field);
            if !ours {
                // An id has too many names to look for one of them.
                add(value, (!aliases::is_id(field)).then(|| field.clone()));
            }
        }
        Query::Pasted { read: Some(read), .. } => collect(read, needles),
        Query::Pasted { text, read: None, .. } => add(&Value::quoted(text.as_str()), None),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;
    use crate::query::parse;

    #[test_case("requestId=abc-1 timeout", &["timeout", "abc-1"])]
    #[test_case("level=error service=pay", &[]; "beside the event")]
    #[test_case("a1 OR b2", &[]; "one of several")]
    #[test_case("NOT health", &[]; "what is left out")]
    #[test_case("time*", &[]; "a pattern")]
    fn texts(query: &str, expected: &[&str]) {
        let words: Vec<String> = query.split(' ').map(str::to_owned).collect();
        let needles = needles(&parse(&words).unwrap());
        assert_eq!(needles.iter().map(|needle| needle.text.as_str()).collect::<Vec<_>>(), expected);
    }
}
