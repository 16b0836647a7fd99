//! What somebody may have meant who typed something else.

use logctl_core::level::Level;

use super::{
    dsl::{MANY, values_of_one_field},
    tree::{Comparison, Field, Query},
};

/// Hints for a query that may mean another thing than was meant.
#[must_use]
pub fn doubts(query: &Query) -> Vec<String> {
    let mut doubts = Vec::new();
    query.walk(&mut |part| match part {
        Query::Or(parts) if values_of_one_field(parts).is_some() => {
            doubts.push(format!("of a list of more than {MANY} values fields are compared, and no lines of text"));
        }
        Query::Or(parts) => doubts.extend(value_alone(parts)),
        Query::Pasted { text, .. } => doubts.extend(lower_case(text)),
        _ => {}
    });
    doubts.dedup();
    doubts
}

/// `status=500 OR 502`: the second is a word.
fn value_alone(parts: &[Query]) -> Option<String> {
    let tested = parts.iter().find_map(|part| match part {
        Query::Test { field: Field { name, .. }, comparison: Comparison::Equal, value } => Some((name, &value.text)),
        _ => None,
    });
    let (name, first) = tested?;
    let is_value = |text: &str| {
        (text.parse::<f64>().is_ok() && first.parse::<f64>().is_ok())
            || (Level::of_word(text).is_some() && Level::of_word(first).is_some())
    };
    let word = parts.iter().find_map(|part| match part {
        Query::Text(value) if is_value(&value.text) => Some(&value.text),
        _ => None,
    })?;
    Some(format!("{word} was looked for as a word; as a value: {name}=({first} OR {word})"))
}

/// `status>=500 or timeout`: beside a word, an operator is written in capitals.
fn lower_case(text: &str) -> Option<String> {
    let word = text.split_whitespace().find(|word| matches!(*word, "and" | "or" | "not"))?;
    let compares = text.contains(['=', '<', '>']);
    compares.then(|| format!("`{word}` was read as a word; as an operator it is written {}", word.to_uppercase()))
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;
    use crate::query::parse;

    #[test_case("status=500 OR 502", &["502 was looked for as a word; as a value: status=(500 OR 502)"])]
    #[test_case("level=error OR warn", &["warn was looked for as a word; as a value: level=(error OR warn)"])]
    #[test_case("status>=500 or timeout", &["`or` was read as a word; as an operator it is written OR"])]
    #[test_case("salt and pepper", &[]; "in prose")]
    #[test_case("status=500 OR timeout", &[]; "a word that is one")]
    fn hints(text: &str, expected: &[&str]) {
        assert_eq!(doubts(&parse(&[text.to_owned()]).unwrap()), expected);
    }
}
