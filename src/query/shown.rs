//! A query as the arguments that it can be typed as: read again, they are the same query.

use super::tree::{Bound, Field, Pattern, Query, Value};
use crate::words::quote;

/// The arguments of a query.
#[must_use]
pub fn arguments(query: &Query) -> Vec<String> {
    let mut arguments = Vec::new();
    match query {
        Query::All => {}
        Query::And(parts) => parts.iter().for_each(|part| put(part, &mut arguments)),
        Query::Or(parts) => joined(parts, "OR", &mut arguments),
        other => put(other, &mut arguments),
    }
    arguments
}

fn joined(parts: &[Query], operator: &str, arguments: &mut Vec<String>) {
    for (nth, part) in parts.iter().enumerate() {
        if nth > 0 {
            arguments.push(operator.to_owned());
        }
        put(part, arguments);
    }
}

fn put(query: &Query, arguments: &mut Vec<String>) {
    match query {
        Query::All => {}
        Query::And(parts) | Query::Or(parts) => {
            arguments.push("(".to_owned());
            joined(parts, if matches!(query, Query::And(_)) { "AND" } else { "OR" }, arguments);
            arguments.push(")".to_owned());
        }
        Query::Not(part) => {
            arguments.push("NOT".to_owned());
            put(part, arguments);
        }
        Query::Test { field, comparison, value: it } => {
            arguments.push(format!("{}{}{}", name(field), comparison.sign(), value(it)));
        }
        Query::Range { field, low, high } => {
            arguments.push(format!("{}:{}", name(field), range(low.as_ref(), high.as_ref())));
        }
        Query::Matches { field: Some(field), pattern } => {
            arguments.push(format!("{}=~{}", name(field), regex(pattern)));
        }
        Query::Matches { field: None, pattern } => arguments.push(format!("~{}", regex(pattern))),
        Query::Exists(field) => arguments.push(format!("{}=*", name(field))),
        Query::Text(text) => arguments.push(value(text)),
        Query::Pasted { text, .. } => arguments.push(text.clone()),
    }
}

fn name(field: &Field) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-@.".contains(c);
    let dot = if field.literal { "." } else { "" };
    if field.name.chars().all(plain) { format!("{dot}{}", field.name) } else { quote(&field.name) }
}

fn value(value: &Value) -> String {
    if value.quoted { quote(&value.text) } else { value.text.clone() }
}

fn range(low: Option<&Bound>, high: Option<&Bound>) -> String {
    let bound = |bound: Option<&Bound>| bound.map_or("*".to_owned(), |bound| bound.value.clone());
    let open = if low.is_none_or(|low| low.included) { '[' } else { '{' };
    let close = if high.is_none_or(|high| high.included) { ']' } else { '}' };
    format!("{open}{} TO {}{close}", bound(low), bound(high))
}

fn regex(pattern: &Pattern) -> String {
    format!("/{}/{}", pattern.text.replace('/', "\\/"), if pattern.any_case { "i" } else { "" })
}

/// The arguments as one line for a shell.
#[must_use]
pub fn line(query: &Query) -> String {
    let quoted = |argument: String| {
        let plain = |c: char| c.is_alphanumeric() || "_-@.=:/,+%^".contains(c);
        if !argument.is_empty() && argument.chars().all(plain) {
            argument
        } else {
            format!("'{}'", argument.replace('\'', r"'\''"))
        }
    };
    arguments(query).into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}
