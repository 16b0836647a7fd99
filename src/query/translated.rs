//! A query in the languages of other tools, as far as they can say it.

use logctl_core::{level::Level, pairs::escape as escape_name};

use super::{
    aliases, dsl,
    tree::{Bound, Comparison, Field, Query, Value},
    units,
};
use crate::words::quote;

/// A part of a query as a language writes it, or why it cannot.
type Written = Result<String, String>;

/// A language in which a query is written.
struct Language {
    everything: &'static str,
    text: fn(&Value) -> Written,
    exists: fn(&Field) -> Written,
    equal: fn(&Field, &Value) -> Written,
    levels: fn(&[Level]) -> String,
    /// Ends of a range, each with its sign.
    range: fn(&Field, &[(&str, String)]) -> Written,
    matches: fn(&Query) -> Written,
}

const DQL: Language = Language {
    everything: "*",
    text: |value| of_dql("@message", value),
    exists: |field| {
        Ok(match own_name(field) {
            Some(name) => format!("@kvk: {}", quote(&name)),
            None => format!("{}: *", aliases::names(field)[0]),
        })
    },
    equal: equal_in_dql,
    levels: |levels| match levels {
        [only] => format!("@level: {only}"),
        levels => format!("@level: ({})", names(levels, " or ")),
    },
    range: |field, ends| {
        let name = aliases::names(field)[0].clone();
        let name = if name.starts_with('@') { name } else { format!("{name}.num") };
        Ok(all(ends.iter().map(|(sign, value)| format!("{name} {sign} {value}"))))
    },
    matches: |_| Err("it has no regular expressions".to_owned()),
};

const INSIGHTS: Language = Language {
    everything: "1 = 1",
    text: |value| {
        let text = if value.is_wild() { wild(&value.text) } else { plain(&value.text) };
        Ok(format!("@message like /(?i){text}/"))
    },
    exists: |field| Ok(format!("ispresent({})", insights_name(field)?)),
    equal: equal_in_insights,
    // It knows no level but what the message says.
    levels: |levels| format!("@message like /(?i)\\b({})\\b/", names(levels, "|").replace("warn", "warn(ing)?")),
    range: |field, ends| {
        let name = insights_name(field)?;
        Ok(all(ends.iter().map(|(sign, value)| format!("{name} {sign} {value}"))))
    },
    matches: |query| {
        let Query::Matches { field, pattern } = query else { return Err("it is no expression".to_owned()) };
        let name = field.as_ref().map_or(Ok("@message".to_owned()), insights_name)?;
        let case = if pattern.any_case { "(?i)" } else { "" };
        Ok(format!("{name} like /{case}{}/", pattern.text.replace('/', "\\/")))
    },
};

/// The same query for the search bar of Dashboards.
///
/// # Errors
/// What DQL cannot say.
pub fn to_dql(query: &Query) -> Result<String, String> {
    DQL.write(query)
}

/// The filter of the same query for CloudWatch Logs Insights.
///
/// # Errors
/// What Insights cannot say.
pub fn to_insights(query: &Query) -> Result<String, String> {
    INSIGHTS.write(query)
}

impl Language {
    fn write(&self, query: &Query) -> Written {
        Ok(match query {
            Query::All => self.everything.to_owned(),
            Query::And(parts) => format!("({})", self.joined(parts, " and ")?),
            Query::Or(parts) => format!("({})", self.joined(parts, " or ")?),
            Query::Not(part) => format!("not {}", self.write(part)?),
            Query::Text(value) => (self.text)(value)?,
            Query::Pasted { text, read, .. } => {
                let said = (self.text)(&Value::quoted(text.as_str()))?;
                match read {
                    Some(read) => format!("({} or {said})", self.write(read)?),
                    None => said,
                }
            }
            Query::Exists(field) => (self.exists)(field)?,
            Query::Test { field, comparison: Comparison::Equal, value } => {
                match aliases::level(field, &value.text).filter(|_| aliases::is_level(field)) {
                    Some(level) => (self.levels)(&[level]),
                    None => (self.equal)(field, value)?,
                }
            }
            Query::Test { field, comparison: Comparison::NotEqual, value } => {
                let test = Query::Test { field: field.clone(), comparison: Comparison::Equal, value: value.clone() };
                format!("({} and not {})", (self.exists)(field)?, self.write(&test)?)
            }
            Query::Test { field, comparison, value } => {
                let (low, high) = comparison.bounds(&value.text);
                self.ranged(field, low.as_ref(), high.as_ref())?
            }
            Query::Range { field, low, high } => self.ranged(field, low.as_ref(), high.as_ref())?,
            Query::Matches { .. } => (self.matches)(query)?,
        })
    }

    fn joined(&self, parts: &[Query], word: &str) -> Written {
        let parts: Result<Vec<String>, String> = parts.iter().map(|part| self.write(part)).collect();
        Ok(parts?.join(word))
    }

    fn ranged(&self, field: &Field, low: Option<&Bound>, high: Option<&Bound>) -> Written {
        if low.is_none() && high.is_none() {
            return (self.exists)(field);
        }
        if aliases::is_level(field) {
            return Ok((self.levels)(&aliases::levels_between(field, low, high)));
        }
        let end = |bound: &Bound| {
            units::in_unit_of(field, &bound.value).map_or_else(|_| bound.value.clone(), |end| end.to_string())
        };
        let above = low.map(|low| (if low.included { ">=" } else { ">" }, end(low)));
        let below = high.map(|high| (if high.included { "<=" } else { "<" }, end(high)));
        (self.range)(field, &above.into_iter().chain(below).collect::<Vec<_>>())
    }
}

/// Parts that all must hold.
fn all(parts: impl Iterator<Item = String>) -> String {
    format!("({})", parts.collect::<Vec<_>>().join(" and "))
}

fn names(levels: &[Level], between: &str) -> String {
    levels.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(between)
}

/// The name of a field of an event's own that has no other name with us.
fn own_name(field: &Field) -> Option<String> {
    aliases::names(field).into_iter().next().filter(|name| !name.starts_with('@'))
}

fn equal_in_dql(field: &Field, value: &Value) -> Written {
    if !value.quoted && dsl::network(&value.text).is_some() {
        return Err("it has no networks".to_owned());
    }
    let first = &aliases::names(field)[0];
    if aliases::is_id(field) {
        return Ok(format!("({} or {})", of_dql(first, value)?, of_dql("@ids", value)?));
    }
    match own_name(field) {
        Some(name) => {
            let pair = Value { text: format!("{}={}", escape_name(&name), value.text), quoted: value.quoted };
            Ok(format!("({} or {})", of_dql(&name, value)?, of_dql("@kv", &pair)?))
        }
        None => of_dql(first, value),
    }
}

fn of_dql(name: &str, value: &Value) -> Written {
    let name = name.replace(' ', "\\ ");
    if !value.is_wild() {
        return Ok(format!("{name}: {}", quote(&value.text)));
    }
    if value.text.contains('?') || value.text.contains(char::is_whitespace) {
        return Err("its wildcard is * in one word".to_owned());
    }
    let escape = |c| if "():<>\"{}\\".contains(c) { vec!['\\', c] } else { vec![c] };
    Ok(format!("{name}: {}", value.text.chars().flat_map(escape).collect::<String>()))
}

fn equal_in_insights(field: &Field, value: &Value) -> Written {
    // It knows no other names of a field.
    if aliases::is_id(field) || aliases::is_message(field) {
        return (INSIGHTS.text)(value);
    }
    let name = insights_name(field)?;
    if name == "@log" {
        return Ok(format!("@log like /:{}$/", wild(&value.text))); // `@log` is ACCOUNT:GROUP.
    }
    if value.is_wild() {
        return Ok(format!("{name} like /(?i)^{}$/", wild(&value.text)));
    }
    if !value.quoted && dsl::network(&value.text).is_some() {
        return Ok(format!("isIpv4InSubnet({name}, {})", quote(&value.text)));
    }
    let number = !value.quoted && value.text.parse::<f64>().is_ok_and(f64::is_finite);
    Ok(format!("{name} = {}", if number { value.text.clone() } else { quote(&value.text) }))
}

/// A text in an expression.
fn plain(text: &str) -> String {
    regex::escape(text).replace('/', "\\/")
}

/// A text with wildcards in an expression.
fn wild(text: &str) -> String {
    plain(text).replace(r"\*", ".*").replace(r"\?", ".")
}

fn insights_name(field: &Field) -> Written {
    let ours = match aliases::names(field)[0].as_str() {
        "@log_group" => "@log",
        "@log_stream" => "@logStream",
        "@message" | "message" => "@message",
        "@timestamp" => "@timestamp",
        "@ingested" => "@ingestionTime",
        "@id" | "@ids" | "@owner" | "@region" => return Err(format!("it has no field {}", field.name)),
        "@service" if field.name.starts_with('@') => return Err(format!("it has no field {}", field.name)),
        _ if field.name.chars().all(|c| c.is_alphanumeric() || "_.@".contains(c)) => &field.name,
        _ => return Ok(format!("`{}`", field.name.replace('`', ""))),
    };
    Ok(ours.to_owned())
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
    #[test_case("group=/aws/lambda/pay", r"@log like /:\/aws\/lambda\/pay$/"; "a group")]
    #[test_case("ip=10.0.0.0/8", "isIpv4InSubnet(ip, \"10.0.0.0/8\")"; "a network")]
    #[test_case("status:[* TO *]", "ispresent(status)"; "any value")]
    #[test_case("path=/api/*", r"path like /(?i)^\/api\/.*$/"; "a wildcard")]
    fn for_insights(text: &str, expected: &str) {
        assert_eq!(to_insights(&read(text)).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_said_is_said() {
        assert!(to_dql(&read("~/time.?out/")).unwrap_err().contains("regular expressions"));
        assert!(to_dql(&read("ip=10.0.0.0/8")).unwrap_err().contains("networks"));
        assert!(to_insights(&read("region=eu-west-1")).is_err());
    }
}
