//! What somebody may have meant who typed something else.

use logctl_core::level::Level;

use super::{
    dsl::{MANY, values_of_one_field},
    tree::{Comparison, Field, Query},
};

/// Hints for a query that may mean another thing than was meant. Where it found nothing there may be more to say.
#[must_use]
pub fn doubts(query: &Query, found_nothing: bool) -> Vec<String> {
    let mut doubts = Vec::new();
    query.walk(&mut |part| match part {
        Query::Test { field, value, .. } if value.text.starts_with('@') && value.text.len() > 1 => {
            doubts.push(format!("a list is read out of a file so: {} in {}", field.name, value.text));
        }
        Query::Text(value) if found_nothing => doubts.extend(words_of_others(&value.text)),
        Query::Pasted { text, .. } if found_nothing => doubts.extend(words_of_others(text)),
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

/// `error or warn`, `message contains x`, `a|b`: what may have been meant as an operator was looked for as text.
fn words_of_others(text: &str) -> Option<String> {
    const WORDS: [(&str, &str); 8] = [
        ("or", "as an operator it is written OR"),
        ("and", "as an operator it is written AND, or left out"),
        ("not", "as an operator it is written NOT"),
        ("contains", "words of the message stand alone: timeout"),
        ("is", "a field is compared so: status=500"),
        ("in", "a list is written so: 'status in (500, 502)'"),
        ("|", "one of several is written so: error OR warn"),
        (",", "one of several is written so: error OR warn"),
    ];
    let has = |word: &str| match word {
        "|" | "," => {
            !text.contains(' ') && text.split(word).filter(|part| part.chars().any(char::is_alphabetic)).count() > 1
        }
        word => {
            let inner: Vec<&str> = text.split_whitespace().collect();
            inner.len() > 2 && inner.len() < 8 && inner[1..inner.len() - 1].contains(&word)
        }
    };
    let (word, instead) = WORDS.into_iter().find(|(word, _)| has(word))?;
    Some(format!("`{word}` was looked for as text; {instead}"))
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
        assert_eq!(doubts(&parse(&[text.to_owned()]).unwrap(), false), expected);
    }

    #[test_case("error or warn", "`or`")]
    #[test_case("message contains timeout", "`contains`")]
    #[test_case("error|warn", "`|`")]
    #[test_case("requestId=@/tmp/ids", "requestId in @/tmp/ids"; "a list")]
    fn hints_where_nothing_was_found(text: &str, says: &str) {
        let doubts = doubts(&parse(&[text.to_owned()]).unwrap(), true);
        assert!(doubts.iter().any(|doubt| doubt.contains(says)), "{doubts:?}");
    }
}
