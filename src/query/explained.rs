//! A query for people who want to know how it was read.

use super::{
    aliases,
    shown::line,
    tree::{Field, Query, Value},
};
use crate::words::quote;

/// How a query was read, where that is not what was typed.
#[must_use]
pub fn understood(query: &Query, typed: &[String]) -> Option<String> {
    let bare =
        |text: &str| text.chars().filter(|c| c.is_alphanumeric() || "_.-*<>!=/".contains(*c)).collect::<String>();
    let text = match query {
        Query::Pasted { text, read: Some(read), .. } => {
            let plain = !read.any(|part| !matches!(part, Query::And(_) | Query::Text(_)));
            return (!plain).then(|| format!("{}; or as the text {}", line(read), quote(text)));
        }
        other => line(other),
    };
    (bare(&text) != bare(&typed.join(" "))).then_some(text)
}

/// The query as a tree: a line for each part, indented below what it is a part of. Of a field, the names it is looked up by.
#[must_use]
pub fn tree(query: &Query) -> Vec<String> {
    let mut lines = Vec::new();
    put(query, 0, &mut lines);
    lines
}

fn put(query: &Query, depth: usize, lines: &mut Vec<String>) {
    let mut say = |text: String| lines.push(format!("{}{text}", "  ".repeat(depth)));
    match query {
        Query::All => say("every event".to_owned()),
        Query::And(parts) => {
            say("all of".to_owned());
            for part in parts {
                put(part, depth + 1, lines);
            }
        }
        Query::Or(parts) => {
            say("one of".to_owned());
            for part in parts {
                put(part, depth + 1, lines);
            }
        }
        Query::Not(part) => {
            say("not".to_owned());
            put(part, depth + 1, lines);
        }
        Query::Test { field, comparison, value } => {
            say(format!("field {} {} {}{}", name(field), comparison.sign(), shown(value), also(field)));
        }
        Query::Range { field, .. } | Query::Matches { field: Some(field), .. } => {
            say(format!("field {}{}", line(query).trim_matches('\''), also(field)));
        }
        Query::Matches { field: None, .. } => say(format!("message matches {}", line(query).trim_matches('\''))),
        Query::Exists(field) => say(format!("field {} is there{}", name(field), also(field))),
        Query::Text(value) => say(format!("message has {}", shown(value))),
        Query::Pasted { text, read, literally } => {
            let signs = if *literally { ", sign by sign" } else { "" };
            match read {
                Some(read) => {
                    say("one of".to_owned());
                    put(read, depth + 1, lines);
                    lines.push(format!("{}message has {}{signs}", "  ".repeat(depth + 1), quote(text)));
                }
                None => say(format!("message has {}{signs}", quote(text))),
            }
        }
    }
}

fn name(field: &Field) -> String {
    format!("{}{}", if field.literal { "." } else { "" }, field.name)
}

fn shown(value: &Value) -> String {
    if value.quoted { quote(&value.text) } else { value.text.clone() }
}

fn also(field: &Field) -> String {
    let names = aliases::names(field);
    let others: Vec<&String> = names.iter().filter(|other| **other != field.name).collect();
    if others.is_empty() {
        String::new()
    } else {
        format!("  (also {})", others.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;
    use crate::query::parse;

    fn read(text: &str) -> Query {
        parse(&[text.to_owned()]).unwrap()
    }

    #[test_case("level=error", None; "as typed")]
    #[test_case("status ge 500", Some("'status>=500'"); "in words")]
    #[test_case("user not found", None; "words")]
    #[test_case("level=error timeout", Some("'level=\"error timeout\"' OR '(' level=error AND timeout ')'; or as the text \"level=error timeout\""); "both")]
    fn how_it_was_read(text: &str, expected: Option<&str>) {
        assert_eq!(understood(&read(text), &[text.to_owned()]).as_deref(), expected);
    }

    #[test]
    fn a_tree_names_what_a_field_is_also_called() {
        let lines = tree(&read("service=pay AND NOT (a=1 OR b=2)"));
        assert_eq!(
            lines,
            [
                "all of",
                "  field service = pay  (also @service, service.name, service_name)",
                "  not",
                "    one of",
                "      field a = 1",
                "      field b = 2",
            ]
        );
    }
}
