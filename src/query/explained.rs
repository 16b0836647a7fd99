//! A query for people who want to know how it was read, and the same for other tools.

use logctl_core::{level::Level, pairs::escape as escape_name};
use strum::IntoEnumIterator as _;

use super::{
    aliases,
    parser::quote,
    shown::line,
    tree::{Bound, Comparison, Field, Query, Value},
};

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

/// The same query for the search bar of Dashboards, as far as DQL can say it.
///
/// # Errors
/// What it cannot say.
pub fn to_dql(query: &Query) -> Result<String, String> {
    let joined = |parts: &[Query], word: &str| {
        let parts: Result<Vec<String>, String> = parts.iter().map(to_dql).collect();
        Ok::<_, String>(format!("({})", parts?.join(word)))
    };
    Ok(match query {
        Query::All => "*".to_owned(),
        Query::And(parts) => joined(parts, " and ")?,
        Query::Or(parts) => joined(parts, " or ")?,
        Query::Not(part) => format!("not {}", to_dql(part)?),
        Query::Text(value) => of_dql("@message", value),
        Query::Pasted { read: Some(read), .. } => to_dql(read)?,
        Query::Pasted { text, read: None, .. } => format!("@message: {}", quote(text)),
        Query::Exists(field) => match own_name(field) {
            Some(name) => format!("@kvk: {}", quote(&name)),
            None => format!("{}: *", aliases::names(field)[0]),
        },
        Query::Test { field, comparison: Comparison::NotEqual, value } => {
            let equal = Query::Test { field: field.clone(), comparison: Comparison::Equal, value: value.clone() };
            format!("({} and not {})", to_dql(&Query::Exists(field.clone()))?, to_dql(&equal)?)
        }
        Query::Test { field, comparison: Comparison::Equal, value } => {
            if let Some(level) = aliases::level(field, &value.text).filter(|_| aliases::is_level(field)) {
                return Ok(format!("@level: {level}"));
            }
            if aliases::is_id(field) {
                return Ok(format!("({} or {})", of_dql(&aliases::names(field)[0], value), of_dql("@ids", value)));
            }
            match own_name(field) {
                Some(name) => {
                    let pair = Value { text: format!("{}={}", escape_name(&name), value.text), quoted: value.quoted };
                    format!("({} or {})", of_dql(&name, value), of_dql("@kv", &pair))
                }
                None => of_dql(&aliases::names(field)[0], value),
            }
        }
        Query::Test { field, comparison, value } => {
            let bound = |included| Some(Bound { value: value.text.clone(), included });
            let (low, high) = bounds(*comparison, bound);
            to_dql(&Query::Range { field: field.clone(), low, high })?
        }
        Query::Range { field, low, high } if aliases::is_level(field) => {
            format!("@level: ({})", levels(field, low.as_ref(), high.as_ref()).join(" or "))
        }
        Query::Range { field, low, high } => {
            let name = aliases::names(field)[0].clone();
            let name = if name.starts_with('@') { name } else { format!("{name}.num") };
            let ends = [(low, ">"), (high, "<")];
            let ends: Vec<String> = ends
                .iter()
                .filter_map(|(end, sign)| {
                    let end = end.as_ref()?;
                    let value = super::units::in_unit_of(field, &end.value)
                        .map_or_else(|_| end.value.clone(), |number| number.to_string());
                    Some(format!("{name} {sign}{} {value}", if end.included { "=" } else { "" }))
                })
                .collect();
            format!("({})", ends.join(" and "))
        }
        Query::Matches { .. } => return Err("DQL has no regular expressions".to_owned()),
    })
}

fn of_dql(name: &str, value: &Value) -> String {
    if value.is_wild() && !value.text.contains(char::is_whitespace) {
        let escaped: String =
            value.text.chars().flat_map(|c| if "():<>\"{}\\".contains(c) { vec!['\\', c] } else { vec![c] }).collect();
        return format!("{name}: {escaped}");
    }
    format!("{name}: {}", quote(&value.text))
}

/// The name of a field of an event's own that has no other name with us.
fn own_name(field: &Field) -> Option<String> {
    aliases::names(field).into_iter().next().filter(|name| !name.starts_with('@'))
}

fn bounds(comparison: Comparison, bound: impl Fn(bool) -> Option<Bound>) -> (Option<Bound>, Option<Bound>) {
    match comparison {
        Comparison::Above => (bound(false), None),
        Comparison::AtLeast => (bound(true), None),
        Comparison::Below => (None, bound(false)),
        _ => (None, bound(true)),
    }
}

fn levels(field: &Field, low: Option<&Bound>, high: Option<&Bound>) -> Vec<String> {
    let level = |bound: Option<&Bound>| bound.map(|bound| (aliases::level(field, &bound.value), bound.included));
    let (low, high) = (level(low), level(high));
    let fits = |level: &Level| {
        low.is_none_or(|(low, included)| low.is_some_and(|low| *level > low || (included && *level == low)))
            && high
                .is_none_or(|(high, included)| high.is_some_and(|high| *level < high || (included && *level == high)))
    };
    Level::iter().filter(fits).map(|level| level.to_string()).collect()
}

/// The filter of the same query for CloudWatch Logs Insights, as far as it can say it: it knows no normalised level.
///
/// # Errors
/// What it cannot say.
pub fn to_insights(query: &Query) -> Result<String, String> {
    let joined = |parts: &[Query], word: &str| {
        let parts: Result<Vec<String>, String> = parts.iter().map(to_insights).collect();
        Ok::<_, String>(format!("({})", parts?.join(word)))
    };
    let like = |text: &str| format!("@message like /(?i){}/", regex_lite::escape(text).replace('/', "\\/"));
    Ok(match query {
        Query::All => "1 = 1".to_owned(),
        Query::And(parts) => joined(parts, " and ")?,
        Query::Or(parts) => joined(parts, " or ")?,
        Query::Not(part) => format!("not {}", to_insights(part)?),
        Query::Text(value) if value.is_wild() => format!("@message like /(?i){}/", wild(&value.text)),
        Query::Text(value) => like(&value.text),
        Query::Pasted { read: Some(read), .. } => to_insights(read)?,
        Query::Pasted { text, read: None, .. } => like(text),
        Query::Exists(field) => format!("ispresent({})", insights_name(field)?),
        Query::Test { field, comparison: Comparison::Equal, value } if aliases::is_level(field) => {
            let level = aliases::level(field, &value.text).ok_or("Insights knows no levels")?;
            of_levels(&[level.to_string()])
        }
        // It knows no other names of a field.
        Query::Test { field, comparison: Comparison::Equal, value } if aliases::is_id(field) => {
            to_insights(&Query::Text(value.clone()))?
        }
        Query::Test { field, comparison, value } if comparison.orders() => {
            let bound = |included| Some(Bound { value: value.text.clone(), included });
            let (low, high) = bounds(*comparison, bound);
            to_insights(&Query::Range { field: field.clone(), low, high })?
        }
        Query::Test { field, comparison, value } if !value.is_wild() => {
            format!("{} {} {}", insights_name(field)?, comparison.sign(), literal(value))
        }
        Query::Test { field, comparison: Comparison::Equal, value } => {
            format!("{} like /(?i)^{}$/", insights_name(field)?, wild(&value.text))
        }
        Query::Test { .. } => return Err("Insights has no such comparison with a wildcard".to_owned()),
        Query::Range { field, low, high } if aliases::is_level(field) => {
            of_levels(&levels(field, low.as_ref(), high.as_ref()))
        }
        Query::Range { field, low, high } => {
            let name = insights_name(field)?;
            let end = |end: &Option<Bound>, sign: &str| {
                let end = end.as_ref()?;
                let value = super::units::in_unit_of(field, &end.value)
                    .map_or_else(|_| end.value.clone(), |number| number.to_string());
                Some(format!("{name} {sign}{} {value}", if end.included { "=" } else { "" }))
            };
            let ends: Vec<String> = [end(low, ">"), end(high, "<")].into_iter().flatten().collect();
            format!("({})", ends.join(" and "))
        }
        Query::Matches { field, pattern } => {
            let name = field.as_ref().map_or(Ok("@message".to_owned()), insights_name)?;
            let case = if pattern.any_case { "(?i)" } else { "" };
            format!("{name} like /{case}{}/", pattern.text.replace('/', "\\/"))
        }
    })
}

fn literal(value: &Value) -> String {
    let number = !value.quoted && value.text.parse::<f64>().is_ok_and(f64::is_finite);
    if number { value.text.clone() } else { quote(&value.text) }
}

fn wild(text: &str) -> String {
    regex_lite::escape(text).replace(r"\*", ".*").replace(r"\?", ".").replace('/', "\\/")
}

fn of_levels(levels: &[String]) -> String {
    format!("@message like /(?i)\\b({})\\b/", levels.join("|").replace("warn", "warn(ing)?"))
}

fn insights_name(field: &Field) -> Result<String, String> {
    Ok(match aliases::names(field)[0].as_str() {
        "@log_group" => "@log".to_owned(),
        "@log_stream" => "@logStream".to_owned(),
        "@message" | "message" => "@message".to_owned(),
        "@timestamp" => "@timestamp".to_owned(),
        "@ingested" => "@ingestionTime".to_owned(),
        "@request_id" | "@trace_id" if field.name.starts_with('@') => "@requestId".to_owned(),
        "@id" | "@ids" | "@owner" | "@region" | "@service" if field.name.starts_with('@') => {
            return Err(format!("Insights has no field {}", field.name));
        }
        _ if field.name.chars().all(|c| c.is_alphanumeric() || "_.@".contains(c)) => field.name.clone(),
        _ => format!("`{}`", field.name.replace('`', "")),
    })
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;
    use crate::query::parse;

    fn read(text: &str) -> Query {
        parse(&[text.to_owned()]).unwrap()
    }

    #[test_case(
        "status=500 AND level>=error",
        "((status: \"500\" or @kv: \"status=500\") and @level: (error or fatal))"
    )]
    #[test_case("durationMs>1.5s", "(durationMs.num > 1500)"; "a unit")]
    #[test_case("a=1 OR NOT has:b", "((a: \"1\" or @kv: \"a=1\") or not @kvk: \"b\")")]
    #[test_case("service=pay*", "@service: pay*"; "a wildcard")]
    #[test_case("requestId=R-1", "(@request_id: \"R-1\" or @ids: \"R-1\")"; "an id")]
    #[test_case("status!=500", "(@kvk: \"status\" and not (status: \"500\" or @kv: \"status=500\"))")]
    #[test_case("payment failed", "@message: \"payment failed\""; "a phrase")]
    fn for_dashboards(text: &str, expected: &str) {
        assert_eq!(to_dql(&read(text)).unwrap(), expected);
    }

    /// What is written for Dashboards is read here as what was meant.
    #[test_case("a=1 AND b=2")]
    #[test_case("(a=1 OR b=2) AND NOT c=3")]
    fn dashboards_would_read_it(text: &str) {
        let dql = to_dql(&read(text)).unwrap();
        assert!(crate::query::foreign::dql(&dql).is_ok(), "{dql}");
    }

    #[test_case("level>=error AND status=500", r"(@message like /(?i)\b(error|fatal)\b/ and status = 500)")]
    #[test_case("status=400..499", "(status >= 400 and status <= 499)"; "a range")]
    #[test_case("requestId=R/1", r"@message like /(?i)R\/1/"; "an id")]
    #[test_case("msg=~/time.?out/i", "@message like /(?i)time.?out/"; "an expression")]
    #[test_case("path=/api/*", r"path like /(?i)^\/api\/.*$/"; "a wildcard")]
    fn for_insights(text: &str, expected: &str) {
        assert_eq!(to_insights(&read(text)).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_said_is_said() {
        assert!(to_dql(&read("~/time.?out/")).unwrap_err().contains("regular expressions"));
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
