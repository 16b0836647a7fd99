//! Text → tree, by recursive descent.
//!
//! ```text
//! query   = [ or ] ;
//! or      = and { OR and } ;                and     = not { [ AND ] not } ;
//! not     = { NOT | "!" | "-" } primary ;   primary = "(" or ")" | test | exists | text ;
//! test    = field compare ( value | group ) ;
//! compare = "=" | ":" | "!=" | ">" | ">=" | "<" | "<=" | "gt" | "ge" | "lt" | "le" as words between spaces ;
//! group   = "(" value { [ OR | AND ] value } ")" ;
//! exists  = field ( "=" | ":" ) "*" | "has:" field | "missing(" field ")" ;
//! text    = quoted | word ;
//! ```
//!
//! Ranges, `in` and regular expressions are refused by name, so that they never pass for text.

mod lexer;
#[cfg(test)]
mod tests;

use super::tree::{Comparison, Field, Query, Value};
use crate::error::Error;

use lexer::normal;

/// Brackets may be nested this deep.
const MAX_DEPTH: usize = 50;

/// Parses the arguments of a search. The shell has eaten the quotes, so an argument with a space in it and no operator is
/// a phrase; several arguments are joined by AND.
///
/// # Errors
/// Wrong usage, with the place marked.
pub fn parse(arguments: &[String]) -> Result<Query, Error> {
    let arguments: Vec<&str> = arguments.iter().map(|argument| argument.trim()).filter(|a| !a.is_empty()).collect();
    if !arguments.iter().any(|argument| is_operator(argument)) {
        let parts: Result<Vec<_>, _> = arguments.into_iter().map(parse_argument).collect();
        return Ok(Query::and(parts?));
    }
    // `a OR b` reaches us as three arguments: they are one query, in which the phrases stay phrases.
    let requoted = |argument: &&str| match parse_argument(argument) {
        Ok(Query::Text(value)) if argument.contains(' ') => quote(&value.text),
        Ok(Query::Not(part)) if argument.contains(' ') => match *part {
            Query::Text(value) => format!("NOT {}", quote(&value.text)),
            _ => (*argument).to_owned(),
        },
        _ => (*argument).to_owned(),
    };
    parse_one(&arguments.iter().map(requoted).collect::<Vec<_>>().join(" "))
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn is_operator(argument: &str) -> bool {
    let words = ["OR", "||", "AND", "&&", "NOT", "or", "and", "not", "gt", "ge", "lt", "le", "in"];
    let open = argument.matches('(').count() != argument.matches(')').count();
    words.contains(&argument)
        || open && argument.starts_with(['(', '!', '-'])
        || argument == ")"
        || open && argument.ends_with(')')
}

fn parse_argument(argument: &str) -> Result<Query, Error> {
    let signs = argument.bytes().take_while(|byte| matches!(byte, b'!' | b'-')).count();
    if let Some(rest) = argument.strip_prefix(['!', '-']).filter(|_| negates(argument) && signs <= MAX_DEPTH)
        && let Ok(Query::Text(phrase)) = parse_argument(rest)
    {
        return Ok(Query::Not(Box::new(Query::Text(phrase))));
    }
    match parse_one(argument)? {
        Query::And(parts) if parts.iter().all(|part| matches!(part, Query::Text(value) if !value.quoted)) => {
            Ok(Query::Text(Value { text: normal(argument), quoted: true }))
        }
        query => Ok(query),
    }
}

/// Whether `text` begins with a sign that negates what it touches.
fn negates(text: &str) -> bool {
    let mut signs = text.chars();
    match (signs.next(), signs.next()) {
        (Some('!'), Some(touched)) => !touched.is_whitespace() && touched != '=',
        (Some('-'), Some(touched)) => touched.is_alphabetic() || matches!(touched, '(' | '"' | '@' | '_' | '.' | '/'),
        _ => false,
    }
}

fn parse_one(text: &str) -> Result<Query, Error> {
    let mut parser = Parser { text, at: 0, depth: 0, after_test: false };
    parser.skip_spaces();
    if parser.rest().is_empty() {
        return Ok(Query::All);
    }
    let query = parser.or()?;
    if parser.rest().is_empty() { Ok(query) } else { Err(parser.wrong("this bracket closes nothing", "(a OR b) c")) }
}

/// Lower-case operators are words, unless they stand beside a test or a bracket.
#[derive(Clone, Copy)]
struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// Whether what was read last is a test or a bracket.
    after_test: bool,
}

impl Parser<'_> {
    /// Takes an operator: always one of `words`, and `lower` beside a test or a bracket.
    fn take_operator(&mut self, words: &[&str], lower: &str) -> bool {
        if self.take_word(words) {
            return true;
        }
        let mut ahead = *self;
        let beside =
            ahead.take_word(&[lower]) && (self.after_test || ahead.rest().starts_with('(') || ahead.test_ahead());
        if beside {
            *self = ahead;
        }
        beside
    }

    fn or(&mut self) -> Result<Query, Error> {
        let mut parts = vec![self.and()?];
        while self.take_operator(&["OR", "||"], "or") {
            parts.push(self.and()?);
        }
        Ok(Query::or(parts))
    }

    fn and(&mut self) -> Result<Query, Error> {
        let mut parts = vec![self.not()?];
        loop {
            self.skip_spaces();
            let joined = self.take_operator(&["AND", "&&"], "and");
            if self.rest().is_empty() || self.closes() || self.at_or() {
                if joined {
                    return Err(self.wrong("something is missing after AND", "level=error AND timeout"));
                }
                return Ok(Query::and(parts));
            }
            parts.push(self.not()?);
        }
    }

    fn at_or(&self) -> bool {
        let mut ahead = *self;
        ahead.take_operator(&["OR", "||"], "or")
    }

    fn closes(&self) -> bool {
        self.rest().starts_with(')') && self.depth > 0
    }

    fn not(&mut self) -> Result<Query, Error> {
        let mut negated = false;
        loop {
            self.skip_spaces();
            if self.take_operator(&["NOT"], "not") {
                negated = !negated;
            } else if negates(self.rest()) {
                self.at += 1;
                negated = !negated;
            } else {
                break;
            }
        }
        let query = self.primary()?;
        Ok(if negated { Query::Not(Box::new(query)) } else { query })
    }

    fn primary(&mut self) -> Result<Query, Error> {
        self.skip_spaces();
        let rest = self.rest();
        if rest.is_empty() || self.closes() {
            return Err(self.wrong("something is missing here", "level=error OR level=warn"));
        }
        let start = self.at;
        if self.take_word(&["AND", "OR", "&&", "||"]) {
            self.at = start;
            return Err(self.wrong("something is missing before this operator", "level=error OR level=warn"));
        }
        let query = if self.take("(") {
            self.bracket()?
        } else if let Some(query) = self.exists()? {
            query
        } else if let Some(query) = self.test()? {
            query
        } else {
            let text = Query::Text(self.value()?);
            self.after_test = false;
            return Ok(text);
        };
        self.after_test = true;
        Ok(query)
    }

    fn bracket(&mut self) -> Result<Query, Error> {
        let opened = self.at - 1;
        if self.depth == MAX_DEPTH {
            return Err(self.wrong("the brackets are nested too deep", "(a OR b) AND c"));
        }
        self.depth += 1;
        let query = self.or()?;
        self.skip_spaces();
        if !self.take(")") {
            self.at = opened;
            return Err(self.wrong("this bracket is never closed", "(a OR b) AND c"));
        }
        self.depth -= 1;
        Ok(query)
    }

    /// `has:field` and `missing(field)`.
    fn exists(&mut self) -> Result<Option<Query>, Error> {
        let start = self.at;
        if self.take("has:")
            && let Some(field) = self.field()
        {
            return Ok(Some(Query::Exists(field)));
        }
        self.at = start;
        if self.take("missing(") {
            let Some(field) = self.field().filter(|_| self.take(")")) else {
                return Err(self.wrong("missing( ) takes the name of one field", "missing(requestId)"));
            };
            return Ok(Some(Query::Not(Box::new(Query::Exists(field)))));
        }
        self.at = start;
        Ok(None)
    }

    fn test(&mut self) -> Result<Option<Query>, Error> {
        let start = self.at;
        let Some(field) = self.field() else { return Ok(None) };
        if self.list_ahead() {
            return Err(self.wrong("this form is not understood", "status=(500 OR 502)"));
        }
        let Some(comparison) = self.comparison() else {
            self.at = start;
            return Ok(None);
        };
        self.refuse_what_is_not_understood()?;
        self.skip_spaces();
        if self.rest().is_empty() || self.closes() {
            return Err(self.wrong("the value is missing here", "status>=500"));
        }
        if self.take("(") {
            return self.group(&field, comparison).map(Some);
        }
        let value = self.value()?;
        if value.text == "*" && !value.quoted && comparison == Comparison::Equal {
            return Ok(Some(Query::Exists(field)));
        }
        let words = self.words_of_the_value(&value)?;
        let test = |value| Query::Test { field: field.clone(), comparison, value };
        let equal = matches!(comparison, Comparison::Equal);
        if words.is_empty() || !equal {
            return Ok(Some(Query::and([vec![test(value)], words].concat())));
        }
        // Several words: the value is all of them, or the first, and the others are text. Both are looked for.
        let whole = self.text[start..self.at].trim_end();
        let whole = whole.split_once(['=', ':']).map_or(whole, |(_, value)| value.trim_start());
        let phrase = test(Value { text: normal(whole), quoted: true });
        Ok(Some(Query::Or(vec![phrase, Query::and([vec![test(value)], words].concat())])))
    }

    /// Forms that other languages have and this one does not must not pass for text.
    fn refuse_what_is_not_understood(&self) -> Result<(), Error> {
        let rest = self.rest();
        let example = if rest.starts_with('~') {
            "message=\"payment failed\""
        } else if rest.starts_with(['[', '{']) && rest.contains(" TO ") || starts_with_range(rest) {
            "status>=400 AND status<500"
        } else {
            return Ok(());
        };
        Err(self.wrong("this form is not understood", example))
    }

    /// The plain words that follow an unquoted value, up to the next operator, test or bracket.
    fn words_of_the_value(&mut self, value: &Value) -> Result<Vec<Query>, Error> {
        let mut words = Vec::new();
        if value.quoted {
            return Ok(words);
        }
        loop {
            let before = self.at;
            self.skip_spaces();
            let rest = self.rest();
            let stops = rest.is_empty() || rest.starts_with(['(', ')', '"']) || negates(rest) || self.operator_ahead();
            if stops || self.test_ahead() {
                self.at = before;
                return Ok(words);
            }
            words.push(Query::Text(self.value()?));
        }
    }

    fn operator_ahead(&self) -> bool {
        let mut ahead = *self;
        ahead.take_word(&["AND", "&&", "OR", "||", "NOT", "and", "or", "not"])
    }

    /// `in (…)`.
    fn list_ahead(&self) -> bool {
        let mut ahead = *self;
        ahead.skip_spaces();
        ahead.at > self.at && ahead.take_word(&["in"]) && ahead.rest().starts_with('(')
    }

    fn test_ahead(&self) -> bool {
        let mut ahead = *self;
        ahead.field().is_some_and(|_| ahead.comparison().is_some())
    }

    /// `field=(a OR b)`; `field!=(a OR b)` means that it is there and none of them.
    fn group(&mut self, field: &Field, comparison: Comparison) -> Result<Query, Error> {
        let opened = self.at - 1;
        let example = "level=(error OR fatal)";
        let each = if comparison == Comparison::NotEqual { Comparison::Equal } else { comparison };
        self.depth += 1;
        let mut values = Vec::new();
        let (mut all, mut any) = (false, false);
        loop {
            self.skip_spaces();
            all |= self.take_word(&["AND", "&&"]);
            any |= self.take_word(&["OR", "||"]);
            if self.rest().is_empty() {
                self.at = opened;
                return Err(self.wrong("this bracket is never closed", example));
            }
            if self.take(")") {
                break;
            }
            values.push(Query::Test { field: field.clone(), comparison: each, value: self.value()? });
        }
        self.depth -= 1;
        if values.is_empty() {
            return Err(self.wrong("a value is missing here", example));
        }
        if all && any {
            self.at = opened;
            return Err(self.wrong("AND and OR cannot stand in one list of values", example));
        }
        let group = if all { Query::and(values) } else { Query::or(values) };
        if comparison == Comparison::NotEqual {
            return Ok(Query::And(vec![Query::Exists(field.clone()), Query::Not(Box::new(group))]));
        }
        Ok(group)
    }
}

/// `400..499`, but not `1.2.3` or `../x`.
fn starts_with_range(text: &str) -> bool {
    let word = text.split([' ', ')']).next().unwrap_or_default();
    word.split_once("..").is_some_and(|(from, to)| from.parse::<f64>().is_ok() && to.parse::<f64>().is_ok())
}
