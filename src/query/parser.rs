//! Text → tree, by recursive descent.
//!
//! ```text
//! query   = [ or ] ;
//! or      = and { OR and } ;                and     = not { [ AND ] not } ;
//! not     = { NOT | "!" | "-" } primary ;   primary = "(" or ")" | test | exists | text ;
//! test    = field ( cmp value | ":" ( value | group | range | rel value ) | cmp group | [ NOT ] "in" list ) ;
//! cmp     = "=" | "!=" | "<>" | rel | "=~" | "!~" ;
//! rel     = ">" | ">=" | "<" | "<=" | "gt" | "ge" | "lt" | "le" as words between spaces ;
//! group   = "(" value { [ OR | AND ] value } ")" ;           list = "(" value { "," value } ")" ;
//! range   = ( "[" | "{" ) bound "TO" bound ( "]" | "}" ) | bound ".." bound ;
//! exists  = field ( "=" | ":" ) "*" | "has:" field | "_exists_:" field | "missing(" field ")" ;
//! text    = quoted | "~/" regex "/" [ "i" ] | word ;
//! ```

mod arguments;
mod lexer;
mod refused;
mod sense;
#[cfg(test)]
mod tests;

use super::{
    aliases,
    tree::{Bound, Comparison, Field, Pattern, Query, Value},
};
use crate::error::{Error, Kind};

pub use arguments::{parse, signs_alone};
pub(super) use sense::nonsense;

/// Brackets may be nested this deep.
const MAX_DEPTH: usize = 50;

/// Why something cannot be read, and where.
#[derive(Debug, Clone)]
struct Wrong {
    at: usize,
    what: String,
    example: &'static str,
    /// Whether it is a bracket without its other half, which in text means nothing.
    unpaired: bool,
}

impl Wrong {
    fn error(self, text: &str) -> Error {
        let before = &text[..(0..=self.at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)];
        // A long query is shown around the place.
        let (start, cut) = before.char_indices().rev().nth(MAX_BEFORE).map_or((0, ""), |(at, _)| (at, "…"));
        let line: String =
            text[start..].chars().take(MAX_SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let column = cut.chars().count() + before[start..].chars().count();
        Error::new(Kind::Usage, format!("the query is wrong: {}\n  {cut}{line}\n  {}^", self.what, " ".repeat(column)))
            .hint(format!("a query looks like: {}", self.example))
    }
}

/// Signs of the query that are shown before the place of an error, and of all of it.
const MAX_BEFORE: usize = 60;
const MAX_SHOWN: usize = 100;

/// Reads one argument.
#[derive(Clone, Copy)]
struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// Whether what was read last is a test or a bracket: lower-case operators are words beside anything else.
    after_test: bool,
    /// Whether words stand in it that belong to no test, or a test that may as well be text.
    bare: bool,
    /// Whether brackets and quotes without their other halves are passed over.
    lenient: bool,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, lenient: bool) -> Self {
        Self { text, at: 0, depth: 0, after_test: false, bare: false, lenient }
    }

    /// All of the text.
    fn query(&mut self) -> Result<Query, Wrong> {
        self.skip_spaces();
        if self.rest().is_empty() {
            return Ok(Query::All);
        }
        let query = self.or()?;
        if self.rest().is_empty() { Ok(query) } else { Err(self.unpaired("this bracket closes nothing")) }
    }

    /// Takes an operator: always one of `words`, and `lower` between tests and brackets.
    fn take_operator(&mut self, words: &[&str], lower: &str) -> bool {
        if self.take_word(words) {
            return true;
        }
        let mut ahead = *self;
        let between = ahead.take_word(&[lower]) && (self.after_test || lower == "not") && ahead.test_or_bracket_ahead();
        if between {
            *self = ahead;
        }
        between
    }

    fn or(&mut self) -> Result<Query, Wrong> {
        let mut parts = vec![self.and()?];
        while self.take_operator(&["OR", "||"], "or") {
            parts.push(self.and()?);
        }
        Ok(Query::or(parts))
    }

    fn and(&mut self) -> Result<Query, Wrong> {
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

    /// Whether a bracket is closed here that was opened. Those that close nothing are passed over in text.
    fn closes(&mut self) -> bool {
        while self.lenient && self.depth == 0 && self.rest().starts_with(')') {
            self.at += 1;
            self.skip_spaces();
        }
        self.rest().starts_with(')') && (self.depth > 0 || !self.lenient)
    }

    fn not(&mut self) -> Result<Query, Wrong> {
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
        Ok(if negated { query.negated() } else { query })
    }

    fn primary(&mut self) -> Result<Query, Wrong> {
        self.skip_spaces();
        if self.closes() || self.rest().is_empty() {
            return if self.lenient { Ok(Query::All) } else { Err(self.missing_here()) };
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
        } else if let Some(pattern) = self.regex()? {
            Query::Matches { field: None, pattern }
        } else {
            let value = self.text_value()?;
            self.bare |= !value.quoted;
            self.after_test = false;
            return Ok(Query::Text(value));
        };
        self.after_test = true;
        Ok(query)
    }

    fn missing_here(&self) -> Wrong {
        if self.rest().starts_with(')') && self.depth == 0 {
            return self.unpaired("this bracket closes nothing");
        }
        self.wrong("something is missing here", "level=error OR level=warn")
    }

    fn bracket(&mut self) -> Result<Query, Wrong> {
        let opened = self.at - 1;
        if self.depth == MAX_DEPTH {
            return Err(self.wrong("the brackets are nested too deep", "(a OR b) AND c"));
        }
        self.depth += 1;
        let query = self.or()?;
        self.skip_spaces();
        if !self.take(")") && !self.lenient {
            self.at = opened;
            return Err(self.unpaired("this bracket is never closed"));
        }
        self.depth -= 1;
        Ok(query)
    }

    /// `has:field`, `_exists_:field` and `missing(field)`.
    fn exists(&mut self) -> Result<Option<Query>, Wrong> {
        let start = self.at;
        if (self.take("has:") || self.take("_exists_:"))
            && let Some(field) = self.field()
        {
            return Ok(Some(Query::Exists(field)));
        }
        self.at = start;
        if self.take("missing(") {
            let Some(field) = self.field().filter(|_| self.take(")")) else {
                return Err(self.wrong("missing( ) takes the name of one field", "missing(requestId)"));
            };
            return Ok(Some(Query::Exists(field).negated()));
        }
        self.at = start;
        Ok(None)
    }

    fn test(&mut self) -> Result<Option<Query>, Wrong> {
        let start = self.at;
        let Some(field) = self.field() else { return Ok(None) };
        if let Some(query) = self.list(&field)? {
            return Ok(Some(query));
        }
        let named = self.at;
        let Some(sign) = self.sign() else {
            self.at = start;
            return Ok(None);
        };
        let spaced = self.text[..self.at].ends_with(|c: char| c.is_whitespace());
        let glued_colon = self.text[named..self.at] == *":";
        self.skip_spaces();
        if self.rest().is_empty() || self.closes() {
            return Err(self.wrong("the value is missing here", "status>=500"));
        }
        let comparison = match sign {
            lexer::Sign::Matches { negated } => return self.matches(field, negated).map(Some),
            // `:` is forgiving, and `note: this` may as well be text.
            lexer::Sign::Colon => {
                self.bare |= spaced;
                self.relation().unwrap_or(Comparison::Equal)
            }
            lexer::Sign::Compares(comparison) => comparison,
        };
        self.skip_spaces();
        if self.take("(") {
            return self.group(&field, comparison).map(Some);
        }
        if comparison == Comparison::Equal
            && let Some(range) = self.range(&field)?
        {
            return Ok(Some(range));
        }
        let value_at = self.at;
        let value = self.value()?;
        if value.text.is_empty() && !value.quoted {
            self.at = value_at;
            return Err(self.wrong("the value is missing here", "status>=500"));
        }
        if value.text == "*" && !value.quoted && comparison == Comparison::Equal {
            return Ok(Some(Query::Exists(field)));
        }
        // A time has a blank before its hour.
        let value = if aliases::is_time(&field) { self.with_hour(value) } else { value };
        // A list or an object of JSON.
        self.bare |= !value.quoted && value.text.starts_with(['[', '{']);
        // `arn:aws:…`, `host.example:5432`.
        self.bare |= glued_colon && !value.quoted && (value.text.contains([':', '/']) || field.name.contains('.'));
        let words = self.words_of_the_value(&value)?;
        let test = |value| Query::Test { field: field.clone(), comparison, value };
        if words.is_empty() || comparison != Comparison::Equal {
            return Ok(Some(Query::and([vec![test(value)], words].concat())));
        }
        // Several words: the value is all of them, or the first, and the others are text. Both are looked for.
        let phrase = test(Value::quoted(self.text[value_at..self.at].trim_end()));
        Ok(Some(Query::Or(vec![phrase, Query::and([vec![test(value)], words].concat())])))
    }

    /// A date with the hour behind it.
    fn with_hour(&mut self, date: Value) -> Value {
        let before = self.at;
        self.skip_spaces();
        let hour = self.value().ok().filter(|hour| {
            let (hours, rest) = hour.text.split_at(hour.text.bytes().take_while(u8::is_ascii_digit).count());
            (1..=2).contains(&hours.len()) && rest.starts_with(':')
        });
        if let Some(hour) = hour {
            return Value::quoted(format!("{} {}", date.text, hour.text));
        }
        self.at = before;
        date
    }

    /// What stands behind `=~` and `!~`.
    fn matches(&mut self, field: Field, negated: bool) -> Result<Query, Wrong> {
        let pattern = match self.slashed()? {
            Some(pattern) => pattern,
            None => Pattern { text: self.value()?.text, any_case: false },
        };
        let exists = Query::Exists(field.clone());
        let matches = Query::Matches { field: Some(field), pattern };
        Ok(if negated { Query::And(vec![exists, matches.negated()]) } else { matches })
    }

    /// `~/…/`, in text.
    fn regex(&mut self) -> Result<Option<Pattern>, Wrong> {
        let start = self.at;
        if !self.take("~") {
            return Ok(None);
        }
        let pattern = self.slashed()?;
        if pattern.is_none() {
            self.at = start;
        }
        Ok(pattern)
    }

    /// `field in (a, b)`, `field NOT in (a, b)`.
    fn list(&mut self, field: &Field) -> Result<Option<Query>, Wrong> {
        let start = self.at;
        self.skip_spaces();
        let spaced = self.at > start;
        let negated = spaced && self.take_word(&["NOT", "not"]);
        if !(spaced && self.take_word(&["in", "IN"]) && self.take("(")) {
            self.at = start;
            return Ok(None);
        }
        let opened = self.at - 1;
        let mut values = Vec::new();
        self.depth += 1;
        loop {
            self.skip_spaces();
            if self.closes_list(opened)? {
                break;
            }
            if !self.take(",") {
                values.push(self.item()?);
            }
        }
        self.depth -= 1;
        if values.is_empty() {
            return Err(self.wrong("a value is missing here", "status in (500, 502)"));
        }
        let comparison = Comparison::Equal;
        let any = Query::or(
            values.into_iter().map(|value| Query::Test { field: field.clone(), comparison, value }).collect(),
        );
        if negated {
            return Ok(Some(Query::And(vec![Query::Exists(field.clone()), any.negated()])));
        }
        Ok(Some(any))
    }

    /// Takes the bracket that closes the list which was opened there, if it stands next.
    fn closes_list(&mut self, opened: usize) -> Result<bool, Wrong> {
        if self.rest().is_empty() {
            self.at = opened;
            return Err(self.unpaired("this bracket is never closed"));
        }
        Ok(self.take(")"))
    }

    /// `[a TO b]`, `{a TO b}`, `a..b`.
    fn range(&mut self, field: &Field) -> Result<Option<Query>, Wrong> {
        let start = self.at;
        let bound = |text: &str, included| {
            let value = text.trim_matches('"');
            (value != "*").then(|| Bound { value: value.to_owned(), included })
        };
        let rest = self.rest();
        if rest.starts_with(['[', '{'])
            && let Some((inside, length)) = rest.find([']', '}']).map(|end| (&rest[1..end], end + 1))
            && let Some((low, high)) = inside.split_once(" TO ")
        {
            let (low, high) = (low.trim(), high.trim());
            if low.is_empty() || high.is_empty() {
                return Err(self.wrong("a bound is missing here", "status:[400 TO 499]"));
            }
            self.at = start + length;
            let (low, high) = (bound(low, rest.starts_with('[')), bound(high, rest[..length].ends_with(']')));
            return Ok(Some(Query::Range { field: field.clone(), low, high }));
        }
        let word = &rest[..rest.find([' ', ')', '\t', '\n']).unwrap_or(rest.len())];
        let Some((low, high)) =
            word.split_once("..").filter(|(low, high)| sense::is_bound(low) && sense::is_bound(high))
        else {
            return Ok(None);
        };
        self.at += word.len();
        Ok(Some(Query::Range { field: field.clone(), low: bound(low, true), high: bound(high, true) }))
    }

    /// The plain words that follow an unquoted value, up to the next operator, test or bracket.
    fn words_of_the_value(&mut self, value: &Value) -> Result<Vec<Query>, Wrong> {
        let mut words = Vec::new();
        if value.quoted {
            return Ok(words);
        }
        loop {
            let before = self.at;
            self.skip_spaces();
            let rest = self.rest();
            let stops = rest.is_empty()
                || rest.starts_with(['(', ')', '"', '~'])
                || negates(rest)
                || self.operator_ahead()
                || self.test_ahead();
            if stops {
                self.at = before;
                return Ok(words);
            }
            self.bare = true;
            words.push(Query::Text(self.value()?));
        }
    }

    fn operator_ahead(&self) -> bool {
        let mut ahead = *self;
        ahead.after_test = true;
        ahead.take_operator(&["AND", "&&"], "and")
            || ahead.take_operator(&["OR", "||"], "or")
            || ahead.take_operator(&["NOT"], "not")
    }

    fn test_ahead(&self) -> bool {
        let mut ahead = *self;
        ahead.exists().is_ok_and(|exists| exists.is_some()) || {
            let mut ahead = *self;
            ahead
                .field()
                .is_some_and(|field| ahead.list(&field).is_ok_and(|list| list.is_some()) || ahead.sign().is_some())
        }
    }

    fn test_or_bracket_ahead(&self) -> bool {
        let mut ahead = *self;
        while negates(ahead.rest()) || ahead.take_word(&["NOT", "not"]) {
            ahead.at += usize::from(negates(ahead.rest()));
        }
        ahead.rest().starts_with('(') || ahead.test_ahead()
    }

    /// `field=(a OR b)`; `field!=(a OR b)` means that it is there and none of them.
    fn group(&mut self, field: &Field, comparison: Comparison) -> Result<Query, Wrong> {
        let opened = self.at - 1;
        let example = "level=(error OR fatal)";
        let each = if comparison == Comparison::NotEqual { Comparison::Equal } else { comparison };
        self.depth += 1;
        let mut values = Vec::new();
        let (mut all, mut any) = (false, false);
        loop {
            self.skip_spaces();
            all |= self.take_word(&["AND", "&&", "and"]);
            any |= self.take_word(&["OR", "||", "or"]) || self.take(",");
            self.skip_spaces();
            if self.closes_list(opened)? {
                break;
            }
            values.push(Query::Test { field: field.clone(), comparison: each, value: self.item()? });
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
            return Ok(Query::And(vec![Query::Exists(field.clone()), group.negated()]));
        }
        Ok(group)
    }

    fn wrong(&self, what: &str, example: &'static str) -> Wrong {
        Wrong { at: self.at, what: what.to_owned(), example, unpaired: false }
    }

    fn unpaired(&self, what: &str) -> Wrong {
        Wrong { unpaired: true, ..self.wrong(what, "(a OR b) AND c") }
    }
}

/// Whether `text` begins with a sign that negates what it touches.
fn negates(text: &str) -> bool {
    let mut signs = text.chars();
    match (signs.next(), signs.next()) {
        (Some('!'), Some(touched)) => !touched.is_whitespace() && !matches!(touched, '=' | '~'),
        (Some('-'), Some(touched)) => touched.is_alphabetic() || matches!(touched, '(' | '"' | '@' | '_' | '.' | '/'),
        _ => false,
    }
}
