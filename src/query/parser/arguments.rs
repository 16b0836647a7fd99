//! The arguments of a search. The shell has eaten the quotes, so where an argument ends tells what was meant.

use std::ops::Range;

use serde_json::Value as Json;
use unicode_normalization::UnicodeNormalization as _;

use super::{MAX_DEPTH, Parser, Wrong, lexer, negates, refused, sense};
use crate::{
    error::Error,
    query::tree::{Comparison, Field, Query, Value},
    words::quote,
};

/// Parses the arguments of a search. An argument with a space in it and no operator is a phrase; several arguments are joined
/// by AND. One in which bare words stand is also the text that it is.
///
/// # Errors
/// Wrong usage, with the place marked.
pub fn parse(arguments: &[String]) -> Result<Query, Error> {
    let arguments: Vec<String> = arguments.iter().map(|argument| clean(argument)).filter(|it| !it.is_empty()).collect();
    let (text, arguments) = joined(&arguments);
    let pieces = if pairs_over(&text, &arguments) { split(&text, &arguments) } else { whole(&arguments) };
    let operators = |piece: &Piece| !matches!(piece, Piece::Argument(_));
    let query = if pieces.iter().any(operators) {
        Pieces { text: &text, all: &pieces, at: 0, depth: 0 }.query()
    } else {
        let parts: Result<Vec<_>, Wrong> = arguments.iter().map(|range| argument(&text, range)).collect();
        parts.map(Query::and)
    };
    let looked_up = query.and_then(|query| match without_signs(query) {
        Query::Text(value) if !has_letters(&value.text) => {
            let what = "this has no letter and no digit, and the index holds nothing else".to_owned();
            Err(Wrong { at: 0, what, example: "timeout, or ~/[*]{3}/ for an expression", unpaired: false })
        }
        query => Ok(query),
    });
    looked_up.map_err(|wrong| {
        let quoted = (arguments.len() == 1 && text.contains(' ') && !text.contains('"'))
            .then(|| format!("to look for it as text, quote it once more: '\"{text}\"'"));
        let error = wrong.error(&text);
        match quoted {
            Some(hint) => error.hint(hint),
            None => error,
        }
    })
}

/// The query without texts that cannot be looked up, as long as something else is.
fn without_signs(query: Query) -> Query {
    match query {
        Query::And(mut parts) => {
            let is_sign = |part: &Query| matches!(part, Query::Text(value) if !has_letters(&value.text));
            let first = parts[0].clone();
            parts.retain(|part| !is_sign(part));
            if parts.is_empty() { first } else { Query::and(parts) }
        }
        other => other,
    }
}

/// The texts of arguments that cannot be looked up: no letter and no digit is in them.
#[must_use]
pub fn signs_alone(arguments: &[String]) -> Vec<&str> {
    let texts = arguments.iter().map(|argument| argument.trim());
    texts
        .filter(|text| {
            !text.is_empty()
                && !text.starts_with(['!', '('])
                && !text.starts_with("~/")
                && !text.starts_with(')')
                && !has_letters(text)
                && !is_sign(text)
                && *text != "&&"
                && *text != "||"
        })
        .collect()
}

/// In one Unicode form, without what nobody sees.
fn clean(argument: &str) -> String {
    let is_invisible = |c: char| matches!(c, '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let text: String = argument.chars().filter(|c| !is_invisible(*c)).nfc().collect();
    text.trim().to_owned()
}

/// The arguments behind one another, and where each of them stands. Tests that the shell has split are one argument.
fn joined(arguments: &[String]) -> (String, Vec<Range<usize>>) {
    let mut text = String::new();
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while let Some(first) = arguments.get(at) {
        if !text.is_empty() {
            text.push(' ');
        }
        let start = text.len();
        text.push_str(first);
        at += 1;
        // `status`, `>=`, `500`; `level=(error`, `OR`, `fatal)`.
        let rest = &arguments[at..];
        let more = if is_test(first, rest) { 2 } else { closing(first, rest).unwrap_or(0) };
        for argument in arguments.iter().skip(at).take(more) {
            text.push(' ');
            let is_phrase = more == 2 && argument.contains(' ') && !argument.starts_with('"');
            text.push_str(&if is_phrase { quote(argument) } else { argument.clone() });
        }
        at += more;
        ranges.push(start..text.len());
    }
    (text, ranges)
}

/// Whether a name, a sign and a value stand in three arguments.
fn is_test(name: &str, rest: &[String]) -> bool {
    let [sign, value, ..] = rest else { return false };
    let signs = ["=", "==", "!=", "<>", ">", ">=", "<", "<=", "=~", "!~"];
    // Those of other languages are read together, too, so that they are refused.
    let words = ["gt", "ge", "lt", "le", "eq", "ne", "neq", "gte", "lte"];
    let in_words = words.contains(&sign.as_str()) && sense::is_bound(value);
    let mut parser = Parser::new(name, false);
    (signs.contains(&sign.as_str()) || in_words) && parser.field().is_some() && parser.rest().is_empty()
}

/// How many arguments a group of values goes on over, that begins in `first` behind its sign.
fn closing(first: &str, rest: &[String]) -> Option<usize> {
    let opens = |text: &str| -> isize {
        let brackets = lexer::outside_quotes(text);
        brackets.map(|(_, c)| isize::from(c == '(') - isize::from(c == ')')).sum()
    };
    let (before, _) = first.split_once('(')?;
    if opens(first) <= 0 || !before.ends_with(['=', ':']) {
        return None;
    }
    let mut open = opens(first);
    let nth = rest.iter().position(|argument| {
        open += opens(argument);
        open <= 0
    })?;
    Some(nth + 1)
}

/// What arguments are made of.
#[derive(Debug, Clone)]
enum Piece {
    And(usize),
    Or(usize),
    Not(usize),
    /// `and`, `or`, `not`: operators between tests, words elsewhere.
    Lower(Range<usize>),
    Open(usize),
    Close(usize),
    Argument(Range<usize>),
}

fn operator(word: &str, range: &Range<usize>) -> Option<Piece> {
    match word {
        "AND" | "&&" => Some(Piece::And(range.start)),
        "OR" | "||" => Some(Piece::Or(range.start)),
        "NOT" | "!" => Some(Piece::Not(range.start)),
        "and" | "or" | "not" => Some(Piece::Lower(range.clone())),
        _ => None,
    }
}

fn whole(arguments: &[Range<usize>]) -> Vec<Piece> {
    arguments.iter().cloned().map(Piece::Argument).collect()
}

/// How many brackets at the start of an argument are not closed in it, and how many at its end were not opened in it.
fn outer_brackets(argument: &str) -> (usize, usize) {
    let (mut open, mut unopened) = (Vec::new(), Vec::new());
    for (at, c) in lexer::outside_quotes(argument) {
        match c {
            '(' => open.push(at),
            ')' if open.pop().is_none() => unopened.push(at),
            _ => {}
        }
    }
    let leading = argument.bytes().take_while(|byte| matches!(byte, b'(' | b'!' | b'-' | b' ')).count();
    let opened = open.iter().filter(|at| **at < leading).count();
    let trailing = argument.len() - argument.bytes().rev().take_while(|byte| matches!(byte, b')' | b' ')).count();
    let closed = unopened.iter().filter(|at| **at >= trailing).count();
    (opened, closed)
}

/// Whether operators are arguments of their own, or brackets pair over several: else each argument is read by itself.
fn pairs_over(text: &str, arguments: &[Range<usize>]) -> bool {
    let mut open = 0_usize;
    let mut operators = false;
    for range in arguments {
        let argument = &text[range.clone()];
        operators |= operator(argument, range).is_some();
        let (opened, closed) = outer_brackets(argument);
        let Some(left) = (open + opened).checked_sub(closed) else { return operators };
        operators |= open + opened > 0 && arguments.len() > 1;
        open = left;
    }
    operators
}

/// The arguments with the operators and the brackets that reach over several of them.
fn split(text: &str, arguments: &[Range<usize>]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for range in arguments {
        let argument = &text[range.clone()];
        if let Some(operator) = operator(argument, range) {
            pieces.push(operator);
            continue;
        }
        let (opened, closed) = outer_brackets(argument);
        let mut start = range.start;
        let mut left = opened;
        while left > 0 {
            match text.as_bytes()[start] {
                b'(' => {
                    pieces.push(Piece::Open(start));
                    left -= 1;
                }
                b'!' | b'-' => pieces.push(Piece::Not(start)),
                _ => {}
            }
            start += 1;
        }
        let mut end = range.end;
        let mut closing = Vec::new();
        while closing.len() < closed {
            end -= 1;
            if text.as_bytes()[end] == b')' {
                closing.push(Piece::Close(end));
            }
        }
        if !text[start..end].trim().is_empty() {
            pieces.push(Piece::Argument(start..end));
        }
        pieces.extend(closing.into_iter().rev());
    }
    pieces
}

/// Reads pieces.
struct Pieces<'p> {
    text: &'p str,
    all: &'p [Piece],
    at: usize,
    depth: usize,
}

impl Pieces<'_> {
    fn query(&mut self) -> Result<Query, Wrong> {
        let query = self.or()?;
        match self.next() {
            None => Ok(query),
            Some(piece) => Err(wrong(piece, "this bracket closes nothing", true)),
        }
    }

    fn next(&self) -> Option<&Piece> {
        self.all.get(self.at)
    }

    /// Whether an operator in lower case stands between tests, or before one.
    fn is_operator(&self, word: &str) -> bool {
        let test = |at: Option<usize>| match at.and_then(|at| self.all.get(at)) {
            Some(Piece::Argument(range)) => argument(self.text, range).is_ok_and(|query| is_of_tests(&query)),
            Some(Piece::Open(_) | Piece::Close(_) | Piece::Not(_)) => true,
            Some(Piece::Lower(range)) => &self.text[range.clone()] == "not",
            _ => false,
        };
        test(Some(self.at + 1)) && (word == "not" || test(self.at.checked_sub(1)))
    }

    fn takes(&mut self, upper: fn(&Piece) -> bool, lower: &str) -> bool {
        let found = match self.next() {
            Some(Piece::Lower(range)) => &self.text[range.clone()] == lower && self.is_operator(lower),
            Some(piece) => upper(piece),
            None => false,
        };
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Result<Query, Wrong> {
        let mut parts = vec![self.and()?];
        while self.takes(|piece| matches!(piece, Piece::Or(_)), "or") {
            parts.push(self.and()?);
        }
        Ok(Query::or(parts))
    }

    fn and(&mut self) -> Result<Query, Wrong> {
        let mut parts = vec![self.not()?];
        loop {
            let joined = self.takes(|piece| matches!(piece, Piece::And(_)), "and");
            let ends = match self.next() {
                None | Some(Piece::Or(_)) => true,
                Some(Piece::Close(_)) => self.depth > 0 || joined,
                Some(Piece::Lower(range)) => &self.text[range.clone()] == "or" && self.is_operator("or"),
                _ => false,
            };
            if ends {
                return if joined {
                    Err(self.missing("something is missing after AND"))
                } else {
                    Ok(Query::and(parts))
                };
            }
            if matches!(self.next(), Some(Piece::Close(_))) {
                return Ok(Query::and(parts));
            }
            parts.push(self.not()?);
        }
    }

    fn not(&mut self) -> Result<Query, Wrong> {
        let mut negated = false;
        while self.takes(|piece| matches!(piece, Piece::Not(_)), "not") {
            negated = !negated;
        }
        let query = self.primary()?;
        Ok(if negated { query.negated() } else { query })
    }

    fn primary(&mut self) -> Result<Query, Wrong> {
        let Some(piece) = self.next().cloned() else { return Err(self.missing("something is missing here")) };
        self.at += 1;
        match &piece {
            Piece::Argument(range) => argument(self.text, range),
            Piece::Lower(range) => Ok(Query::Text(Value { text: self.text[range.clone()].to_owned(), quoted: false })),
            Piece::Open(_) if self.depth == MAX_DEPTH => Err(wrong(&piece, "the brackets are nested too deep", false)),
            Piece::Open(_) => {
                self.depth += 1;
                let query = self.or()?;
                self.depth -= 1;
                if !self.takes(|piece| matches!(piece, Piece::Close(_)), "") {
                    return Err(wrong(&piece, "this bracket is never closed", true));
                }
                Ok(query)
            }
            Piece::Close(_) => Err(wrong(&piece, "this bracket closes nothing", true)),
            Piece::And(_) | Piece::Or(_) | Piece::Not(_) => {
                Err(wrong(&piece, "something is missing before this operator", false))
            }
        }
    }

    fn missing(&self, what: &str) -> Wrong {
        let at = self.next().map_or(self.text.len() + 1, place);
        Wrong { at, what: what.to_owned(), example: "level=error OR level=warn", unpaired: false }
    }
}

fn wrong(piece: &Piece, what: &str, unpaired: bool) -> Wrong {
    Wrong { at: place(piece), what: what.to_owned(), example: "(a OR b) AND c", unpaired }
}

fn place(piece: &Piece) -> usize {
    match piece {
        Piece::And(at) | Piece::Or(at) | Piece::Not(at) | Piece::Open(at) | Piece::Close(at) => *at,
        Piece::Lower(range) | Piece::Argument(range) => range.start,
    }
}

/// Whether a query is made of tests.
fn is_of_tests(query: &Query) -> bool {
    !query.any(|part| matches!(part, Query::Text(_) | Query::Pasted { .. }))
}

/// Reads one argument.
fn argument(text: &str, range: &Range<usize>) -> Result<Query, Wrong> {
    read(&text[range.clone()]).map_err(|wrong| Wrong { at: wrong.at + range.start, ..wrong })
}

fn read(text: &str) -> Result<Query, Wrong> {
    if let Some(refused) = refused::find(text) {
        return Err(refused);
    }
    if let Some(query) = negated_phrase(text) {
        return Ok(query);
    }
    if let Some(members) = object(text) {
        return Ok(Query::Pasted { text: text.to_owned(), read: Some(Box::new(members)), literally: false });
    }
    let mut parser = Parser::new(text, false);
    let (query, bare) = match parser.query() {
        Ok(query) => (query, parser.bare),
        // What begins with a quote was meant to be quoted.
        Err(wrong) if wrong.unpaired && !(wrong.at == 0 && text.starts_with(['"', '“', '”', '„'])) => {
            let mut lenient = Parser::new(text, true);
            // In text it means nothing.
            let query = lenient.query().ok().filter(|_| lenient.bare);
            match query {
                Some(query) => (query, true),
                None if is_prose(text) => return Ok(pasted(text)),
                None => return Err(wrong),
            }
        }
        Err(_) if is_prose(text) => return Ok(pasted(text)),
        Err(wrong) => return Err(wrong),
    };
    match &query {
        Query::Text(_) | Query::All => return Ok(query),
        Query::Not(part) if matches!(**part, Query::Text(_)) => return Ok(query),
        Query::And(parts)
            if parts.iter().all(|part| matches!(part, Query::Text(value) if !value.quoted))
                && !text.split_whitespace().any(|word| matches!(word, "AND" | "&&")) =>
        {
            return Ok(Query::Text(Value { text: text.to_owned(), quoted: false }));
        }
        _ => {}
    }
    let nonsense = sense::nonsense(&query);
    // A sign between words that compares nothing: what stands around it is no query.
    let compares_nothing = query.any(|part| matches!(part, Query::Text(value) if is_sign(&value.text)));
    if !bare {
        return match nonsense {
            Some((what, example)) => Err(Wrong { at: 0, what, example, unpaired: false }),
            None => Ok(query),
        };
    }
    // The index keeps no sign, so what means something else as a query counts as text only where it stands there.
    let literally = nonsense.is_some()
        || text.split_whitespace().any(is_sign)
        || query.any(|part| match part {
            Query::Not(_) | Query::Range { .. } => true,
            Query::Test { comparison, .. } => *comparison == Comparison::NotEqual || comparison.orders(),
            _ => false,
        });
    let read = (nonsense.is_none() && !compares_nothing).then(|| Box::new(query));
    Ok(Query::Pasted { text: text.to_owned(), read, literally })
}

/// Words of an argument with operators, up to which it was meant as a query.
const FEW: usize = 8;

/// Whether an argument that cannot be read as a query is text: it has words of its own, it does not begin with a test, and its
/// capitals are no operators.
fn is_prose(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let plain = words.iter().filter(|word| has_letters(word) && !word.contains(['=', '<', '>'])).count();
    let operators = words.iter().any(|word| ["AND", "OR", "NOT", "&&", "||"].contains(word));
    let begins = Parser::new(text, false).test().is_err() || text.starts_with(['"', '“', '”', '„']);
    plain >= 2 && !begins && !(operators && words.len() <= FEW)
}

/// An argument that is text and nothing else.
fn pasted(text: &str) -> Query {
    let literally = text.split_whitespace().any(is_sign);
    Query::Pasted { text: text.to_owned(), read: None, literally }
}

/// Whether a word is a sign of comparison.
fn is_sign(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| b"<>=!".contains(&byte))
}

/// `!payment failed`: a phrase that is negated as one argument.
fn negated_phrase(text: &str) -> Option<Query> {
    let rest =
        text.strip_prefix('!').filter(|rest| negates(text) && rest.contains(' ') && !rest.starts_with(['!', '-']))?;
    match read(rest) {
        Ok(Query::Text(phrase)) => Some(Query::Text(phrase).negated()),
        _ => None,
    }
}

/// The members of an object of JSON, as tests.
fn object(text: &str) -> Option<Query> {
    let object = text.starts_with('{').then(|| serde_json::from_str(text).ok())??;
    let mut tests = Vec::new();
    members("", object, &mut tests);
    (!tests.is_empty()).then(|| Query::and(tests))
}

fn members(above: &str, object: serde_json::Map<String, Json>, tests: &mut Vec<Query>) {
    for (name, value) in object {
        let name = if above.is_empty() { name } else { format!("{above}.{name}") };
        let items = if let Json::Array(items) = value { items } else { vec![value] };
        for item in items {
            let value = match item {
                Json::Object(inside) => {
                    members(&name, inside, tests);
                    continue;
                }
                Json::Array(_) | Json::Null => continue,
                Json::String(text) => Value::quoted(text),
                scalar => Value { text: scalar.to_string(), quoted: false },
            };
            let field = Field { name: name.clone(), literal: true };
            tests.push(Query::Test { field, comparison: Comparison::Equal, value });
        }
    }
}

pub(crate) fn has_letters(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}
