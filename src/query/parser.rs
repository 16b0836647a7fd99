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

use logctl_core::level::Level;
use unicode_normalization::UnicodeNormalization as _;

use super::tree::{Comparison, Field, Query, Value};
use crate::error::{Error, Kind};

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
    let words = ["OR", "||", "AND", "&&", "NOT", "or", "and", "not", "gt", "ge", "lt", "le"];
    let open = argument.matches('(').count() != argument.matches(')').count();
    words.contains(&argument)
        || open && argument.starts_with(['(', '!', '-'])
        || argument == ")"
        || open && argument.ends_with(')')
}

fn parse_argument(argument: &str) -> Result<Query, Error> {
    if let Some(rest) = argument.strip_prefix(['!', '-']).filter(|_| negates(argument))
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

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Takes `token` where it stands next.
    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Takes one of `words` where it stands alone.
    fn take_word(&mut self, words: &[&str]) -> bool {
        let rest = self.rest();
        let found = words.iter().find(|word| {
            rest.strip_prefix(**word)
                .is_some_and(|after| after.is_empty() || after.starts_with([' ', '\t', '\n', '(', ')']))
        });
        if let Some(word) = found {
            self.at += word.len();
            self.skip_spaces();
        }
        found.is_some()
    }

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
        for operator in ["AND", "OR", "&&", "||"] {
            if self.take_word(&[operator]) {
                self.at -= operator.len();
                return Err(self.wrong("something is missing before this operator", "level=error OR level=warn"));
            }
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
        let Some((field, comparison)) = self.field().and_then(|field| Some((field, self.comparison()?))) else {
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

    /// A field's name: letters, digits, `_`, `-`, `@` and dots between them; quoted where it holds anything else.
    fn field(&mut self) -> Option<Field> {
        let start = self.at;
        if self.rest().starts_with('"') {
            let name = self.quoted().ok().flatten()?;
            let tested = self.rest().starts_with(['=', ':', '!', '<', '>']);
            return if tested { Some(Field { name, literal: false }) } else { self.back_to(start) };
        }
        let literal = self.take(".");
        let rest = self.rest();
        if !rest.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '@') {
            return self.back_to(start);
        }
        let end = rest.find(|c: char| !(c.is_alphanumeric() || "_-@.".contains(c))).unwrap_or(rest.len());
        let name = rest[..end].trim_end_matches(['.', '-']);
        let operator = matches!(name, "AND" | "OR" | "NOT") && !literal;
        if name.len() != end || operator {
            return self.back_to(start);
        }
        self.at += end;
        Some(Field { name: name.to_owned(), literal })
    }

    fn back_to(&mut self, at: usize) -> Option<Field> {
        self.at = at;
        None
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let start = self.at;
        self.skip_spaces();
        let spaced = self.at > start;
        let rest = self.rest();
        let signs = [
            ("!=", Comparison::NotEqual),
            (">=", Comparison::AtLeast),
            ("<=", Comparison::AtMost),
            ("==", Comparison::Equal),
            ("=", Comparison::Equal),
            (">", Comparison::Above),
            ("<", Comparison::Below),
        ];
        if let Some((sign, comparison)) = signs.into_iter().find(|(sign, _)| rest.starts_with(sign)) {
            let after = &rest[sign.len()..];
            // `a -> b`, `a =>b` and `a <b>` are text; a test with a space before its sign has one behind it, too.
            if !spaced || after.starts_with(' ') {
                self.at += sign.len();
                return Some(comparison);
            }
        }
        self.at = start;
        let rest = self.rest();
        // A colon makes a test only with a value right behind it; `https://x`, `a::b` and `note: this` are text.
        if let Some(after) = rest.strip_prefix(':')
            && !after.starts_with([' ', ':', '/'])
            && !after.is_empty()
        {
            self.at += 1;
            return Some(Comparison::Equal);
        }
        self.skip_spaces();
        let words = [
            ("gt", Comparison::Above),
            ("ge", Comparison::AtLeast),
            ("lt", Comparison::Below),
            ("le", Comparison::AtMost),
        ];
        // In words only before a number or a level: `the le Mans race` is text.
        if let Some((_, comparison)) = words.into_iter().find(|(word, _)| self.at > start && self.take_word(&[word])) {
            let value = self.rest().split([' ', ')']).next().unwrap_or_default();
            if value.parse::<f64>().is_ok() || value.parse::<Level>().is_ok() {
                return Some(comparison);
            }
        }
        self.at = start;
        None
    }

    /// A quoted value or a word.
    fn value(&mut self) -> Result<Value, Error> {
        if let Some(text) = self.quoted()? {
            return Ok(Value { text, quoted: true });
        }
        let rest = self.rest();
        let mut inner = 0_usize;
        let mut end = rest.len();
        for (at, c) in rest.char_indices() {
            match c {
                '(' => inner += 1,
                ')' if inner > 0 => inner -= 1,
                ')' if self.depth > 0 => {
                    end = at;
                    break;
                }
                c if c.is_whitespace() => {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        self.at += end;
        Ok(Value { text: normal(&rest[..end]), quoted: false })
    }

    /// Text between quotes, straight or curly; `\` takes the next character as it is.
    fn quoted(&mut self) -> Result<Option<String>, Error> {
        let close = match self.rest().chars().next() {
            Some('"') => '"',
            Some('\'') => '\'',
            Some('“' | '”' | '„') => '”',
            _ => return Ok(None),
        };
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            if c == close || (close == '”' && c == '“') {
                self.at = start + at + c.len_utf8();
                return Ok(Some(normal(&text)));
            }
            match c {
                '\\' => text.extend(chars.next().map(|(_, c)| c)),
                c => text.push(c),
            }
        }
        if close == '\'' {
            return Ok(None); // An apostrophe.
        }
        Err(self.wrong("this quote is never closed", r#"message="payment failed""#))
    }

    fn wrong(&self, what: &str, example: &str) -> Error {
        let line = self.text.replace(['\n', '\t'], " ");
        let column = self.text[..self.at.min(self.text.len())].chars().count();
        Error::new(Kind::Usage, format!("the query is wrong: {what}\n  {line}\n  {}^", " ".repeat(column)))
            .hint(format!("a query looks like: {example}"))
    }
}

/// `400..499`, but not `1.2.3` or `../x`.
fn starts_with_range(text: &str) -> bool {
    let word = text.split([' ', ')']).next().unwrap_or_default();
    word.split_once("..").is_some_and(|(from, to)| from.parse::<f64>().is_ok() && to.parse::<f64>().is_ok())
}

/// Text is compared in one Unicode form, here as in the documents that people write.
fn normal(text: &str) -> String {
    text.nfc().collect()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;
    use test_case::test_case;

    use super::*;

    /// A tree in a form that reads like the query it means.
    fn show(query: &Query) -> String {
        let list = |parts: &[Query], word: &str| parts.iter().map(show).collect::<Vec<_>>().join(word);
        let quoted = |value: &Value| if value.quoted { format!("{:?}", value.text) } else { value.text.clone() };
        let name = |field: &Field| if field.literal { format!(".{}", field.name) } else { field.name.clone() };
        match query {
            Query::All => "everything".into(),
            Query::And(parts) => format!("({})", list(parts, " & ")),
            Query::Or(parts) => format!("({})", list(parts, " | ")),
            Query::Not(part) => format!("!{}", show(part)),
            Query::Exists(field) => format!("{}:*", name(field)),
            Query::Text(value) => quoted(value),
            Query::Test { field, comparison, value } => {
                let sign = match comparison {
                    Comparison::Equal => "=",
                    Comparison::NotEqual => "!=",
                    Comparison::Above => ">",
                    Comparison::AtLeast => ">=",
                    Comparison::Below => "<",
                    Comparison::AtMost => "<=",
                };
                format!("{}{sign}{}", name(field), quoted(value))
            }
        }
    }

    fn parsed(arguments: &[&str]) -> String {
        show(&parse(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap())
    }

    #[test_case(&[], "everything"; "nothing")]
    #[test_case(&["error", "timeout"], "(error & timeout)"; "words side by side")]
    #[test_case(&["payment failed"], r#""payment failed""#; "an argument with a space is a phrase")]
    #[test_case(&["requestId=abc"], "requestId=abc"; "a test")]
    #[test_case(&["level:error"], "level=error"; "a test with a colon")]
    #[test_case(&["status>=500"], "status>=500"; "a comparison")]
    #[test_case(&["status", "ge", "500"], "status>=500"; "a comparison in words")]
    #[test_case(&["a=1 OR b=2 c=3"], "(a=1 | (b=2 & c=3))"; "precedence")]
    #[test_case(&["a=1", "OR", "b=2"], "(a=1 | b=2)"; "an operator as an argument")]
    #[test_case(&["level=error or level=warn"], "(level=error | level=warn)"; "lower case beside a test")]
    #[test_case(&["level=error", "or", "level=warn"], "(level=error | level=warn)"; "lower case between arguments")]
    #[test_case(&["error", "or", "warning"], "(error & or & warning)"; "lower case between words")]
    #[test_case(&["error", "NOT", "payment failed"], r#"(error & !"payment failed")"#; "a phrase beside an operator")]
    #[test_case(&["error", "!payment failed"], r#"(error & !"payment failed")"#; "a negated phrase")]
    #[test_case(&["!500"], "!500"; "a negated number")]
    #[test_case(&["!/aws/x"], "!/aws/x"; "a negated path")]
    #[test_case(&["status >= 500"], "status>=500"; "spaces around the sign")]
    #[test_case(&["status == 500"], "status=500"; "two equals signs")]
    #[test_case(&["level!=(debug OR trace)"], "(level:* & !(level=debug | level=trace))"; "none of several")]
    #[test_case(&["the", "le", "Mans"], "(the & le & Mans)"; "words that are no comparison")]
    #[test_case(&["(a=1", "OR", "b=2)", "c=3"], "((a=1 | b=2) & c=3)"; "brackets over arguments")]
    #[test_case(&["NOT level=info"], "!level=info"; "not")]
    #[test_case(&["!timeout"], "!timeout"; "negated word")]
    #[test_case(&["error -timeout"], "(error & !timeout)"; "negated inside an argument")]
    #[test_case(&["level=(error OR fatal)"], "(level=error | level=fatal)"; "a group")]
    #[test_case(&["user=*"], "user:*"; "exists")]
    #[test_case(&["has:user missing(order)"], "(user:* & !order:*)"; "has and missing")]
    #[test_case(&[".level=40"], ".level=40"; "a literal field")]
    #[test_case(&["message=payment failed"], r#"(message="payment failed" | (message=payment & failed))"#; "a value of several words")]
    #[test_case(&["level=error timeout"], r#"(level="error timeout" | (level=error & timeout))"#; "or a value and a word")]
    #[test_case(&["status>=500 AND level=error"], "(status>=500 & level=error)"; "an operator ends the value")]
    #[test_case(&["user=“Łukasz”"], r#"user="Łukasz""#; "curly quotes")]
    #[test_case(&[r#""orderId":"A-1""#], r#"orderId="A-1""#; "a member of JSON")]
    #[test_case(&["trace=Root=1-57"], "trace=Root=1-57"; "value after the first equals sign")]
    fn queries(arguments: &[&str], expected: &str) {
        assert_eq!(parsed(arguments), expected);
    }

    /// What people paste is text.
    #[test_case("ORDER-2024-00123")]
    #[test_case("x-amzn-trace-id")]
    #[test_case("https://x/?a=1&b=2")]
    #[test_case("10:42:01")]
    #[test_case("/aws/lambda/pay")]
    #[test_case("why?")]
    #[test_case("std::io::Error")]
    #[test_case("8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f")]
    fn pasted_words(text: &str) {
        assert_eq!(parsed(&[text]), text);
    }

    #[test_case("at c.Foo(Bar.java:42)")]
    #[test_case("[ERROR] Task timed out")]
    #[test_case("SELECT * FROM t")]
    #[test_case("user not found")]
    #[test_case("can't connect")]
    fn pasted_phrases(text: &str) {
        assert_eq!(parsed(&[text]), format!("{text:?}"));
    }

    fn wrong(text: &str) -> String {
        let error = parse(&[text.to_owned()]).unwrap_err();
        assert_eq!(error.kind, Kind::Usage);
        error.to_string()
    }

    #[test]
    fn errors_point_at_the_place() {
        assert_snapshot!(wrong("(level=error OR level=warn"), @"
        the query is wrong: this bracket is never closed
          (level=error OR level=warn
          ^
        hint: a query looks like: (a OR b) AND c
        ");
        assert_snapshot!(wrong("status>="), @"
        the query is wrong: the value is missing here
          status>=
                  ^
        hint: a query looks like: status>=500
        ");
        assert_snapshot!(wrong("ünï OR"), @"
        the query is wrong: something is missing here
          ünï OR
                ^
        hint: a query looks like: level=error OR level=warn
        ");
        assert_snapshot!(wrong("a AND OR b"), @"
        the query is wrong: something is missing after AND
          a AND OR b
                ^
        hint: a query looks like: level=error AND timeout
        ");
        assert_snapshot!(wrong(r#"user="open"#), @r#"
        the query is wrong: this quote is never closed
          user="open
               ^
        hint: a query looks like: message="payment failed"
        "#);
    }

    #[test_case("msg=~x"; "regular expression")]
    #[test_case("status=[400 TO 499]"; "range in brackets")]
    #[test_case("status:400..499"; "range with dots")]
    #[test_case("level=(a AND b OR c)"; "mixed list")]
    fn forms_that_are_not_understood(text: &str) {
        wrong(text);
    }

    #[test]
    fn depth_is_bounded() {
        assert!(wrong(&"(".repeat(10_000)).contains("nested too deep"));
    }

    proptest! {
        #[test]
        fn no_query_panics(text in ".{0,60}") {
            drop(parse(&[text]));
        }

        #[test]
        fn no_operators_panic(parts in proptest::collection::vec("(a|=|:|\\(|\\)| |OR|NOT|\"|>=|-|!|\\*|“|é)", 0..20)) {
            drop(parse(&[parts.concat()]));
        }
    }
}
