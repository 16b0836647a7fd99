//! Queries of other tools, taken as they were pasted: `--lang`.

use std::iter::Peekable;

use serde_json::{Value as Json, json};

use super::{
    parser::nonsense,
    tree::{Comparison, Field, Query, Value},
};
use crate::error::{Error, Kind};

/// Brackets in brackets.
const DEEPEST: usize = 50;

fn wrong(language: &str, why: &str) -> Error {
    Error::new(Kind::Usage, format!("this is no query in {language}: {why}"))
}

/// The JSON of the engine: a query, or a body that has one; and the names of what else the body has.
///
/// # Errors
/// Wrong usage where it is something else.
pub fn dsl(text: &str) -> Result<(Json, Vec<String>), Error> {
    const FORM: &str = r#"it looks like {"term": {"@level": "error"}}, or {"query": {…}}"#;
    let wrong = |why: &str| wrong("the engine's JSON", why).hint(FORM);
    let json: Json = serde_json::from_str(text).map_err(|error| wrong(&error.to_string().replace('\n', " ")))?;
    let Json::Object(mut members) = json else { return Err(wrong("it is no object")) };
    match (members.remove("query"), members.len()) {
        (Some(query), _) => Ok((query, members.into_iter().map(|(name, _)| name).collect())),
        // A query is one clause under its name.
        (None, 1) => Ok((Json::Object(members), Vec::new())),
        (None, _) => Err(wrong("it is no query and has none")),
    }
}

/// Lucene, which the engine reads. Words without a field are those of the message.
///
/// # Errors
/// Wrong usage where it is empty.
pub fn lucene(text: &str) -> Result<Json, Error> {
    if text.trim().is_empty() {
        return Err(
            wrong("Lucene", "it is empty").hint("without --lang lucene, a search without a query finds everything")
        );
    }
    Ok(json!({"query_string": {"query": text, "default_field": "@message", "analyze_wildcard": true}}))
}

/// The language of Dashboards, there called DQL, and of Kibana, there called KQL.
///
/// <https://opensearch.org/docs/latest/dashboards/dql/>
///
/// # Errors
/// Wrong usage, with the place.
pub fn dql(text: &str) -> Result<Query, Error> {
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Ok(Query::All);
    }
    let mut parser = Dql { text, tokens: tokens.into_iter().peekable() };
    let query = parser.or(0)?;
    match parser.tokens.next() {
        None => match nonsense(&query) {
            Some((why, example)) => Err(wrong("DQL", &why).hint(format!("a query looks like: {example}"))),
            None => Ok(query),
        },
        Some((at, _)) => Err(parser.at(at, "an operator is missing here, or a bracket is one too many")),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    Colon,
    Compare(Comparison),
    Word(String),
    Quoted(String),
}

struct Dql<'t, I: Iterator<Item = (usize, Token)>> {
    text: &'t str,
    tokens: Peekable<I>,
}

fn place(text: &str, at: usize, why: &str) -> Error {
    let before = text[..at].chars().count();
    let line = text.replace(['\n', '\t'], " ");
    wrong("DQL", &format!("{why}\n  {line}\n  {}^", " ".repeat(before)))
        .hint("it looks like: level: error and status >= 500 and not message: \"health check\"")
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Error> {
    let mut tokens = Vec::new();
    let mut signs = text.char_indices().peekable();
    while let Some((at, sign)) = signs.next() {
        let mut next_is = |wanted: char| signs.next_if(|(_, next)| *next == wanted).is_some();
        tokens.push((
            at,
            match sign {
                c if c.is_whitespace() => continue,
                '(' => Token::Open,
                ')' => Token::Close,
                ':' => Token::Colon,
                '{' | '}' => return Err(place(text, at, "what is nested has one name here, as in items.sku")),
                '>' => Token::Compare(if next_is('=') { Comparison::AtLeast } else { Comparison::Above }),
                '<' => Token::Compare(if next_is('=') { Comparison::AtMost } else { Comparison::Below }),
                '"' => {
                    let mut quoted = String::new();
                    loop {
                        match signs.next() {
                            Some((_, '"')) => break,
                            Some((_, '\\')) => quoted.extend(signs.next().map(|(_, sign)| sign)),
                            Some((_, sign)) => quoted.push(sign),
                            None => return Err(place(text, at, "this quote does not end")),
                        }
                    }
                    Token::Quoted(quoted)
                }
                sign => {
                    let mut word = String::new();
                    let mut escaped = false;
                    let mut here = Some(sign);
                    while let Some(sign) = here {
                        if sign == '\\' {
                            word.extend(signs.next().map(|(_, sign)| sign));
                            escaped = true;
                        } else {
                            word.push(sign);
                        }
                        here = signs
                            .next_if(|(_, c)| !c.is_whitespace() && !"():<>\"{}".contains(*c))
                            .map(|(_, sign)| sign);
                    }
                    match word.to_lowercase().as_str() {
                        "and" if !escaped => Token::And,
                        "or" if !escaped => Token::Or,
                        "not" if !escaped => Token::Not,
                        _ => Token::Word(word),
                    }
                }
            },
        ));
    }
    Ok(tokens)
}

impl<I: Iterator<Item = (usize, Token)>> Dql<'_, I> {
    fn at(&self, at: usize, why: &str) -> Error {
        place(self.text, at, why)
    }

    fn expected(&mut self, what: &str) -> Error {
        let at = self.tokens.peek().map_or(self.text.len(), |(at, _)| *at);
        self.at(at, &format!("{what} is expected here"))
    }

    fn takes(&mut self, wanted: &Token) -> bool {
        self.tokens.next_if(|(_, token)| token == wanted).is_some()
    }

    fn or(&mut self, depth: usize) -> Result<Query, Error> {
        let mut parts = vec![self.and(depth)?];
        while self.takes(&Token::Or) {
            parts.push(self.and(depth)?);
        }
        Ok(Query::or(parts))
    }

    fn and(&mut self, depth: usize) -> Result<Query, Error> {
        let mut parts = vec![self.not(depth)?];
        while self.takes(&Token::And) {
            parts.push(self.not(depth)?);
        }
        Ok(Query::and(parts))
    }

    fn not(&mut self, depth: usize) -> Result<Query, Error> {
        if depth > DEEPEST {
            return Err(self.expected("an end to the brackets"));
        }
        if self.takes(&Token::Not) {
            return Ok(self.not(depth + 1)?.negated());
        }
        if self.takes(&Token::Open) {
            let query = self.or(depth + 1)?;
            return if self.takes(&Token::Close) { Ok(query) } else { Err(self.expected("a closing bracket")) };
        }
        let begin = self.tokens.peek().map_or(0, |(at, _)| *at);
        let (first, several) = self.words()?;
        if matches!(self.tokens.peek(), Some((_, Token::Colon | Token::Compare(_)))) && !first.quoted {
            if several {
                return Err(self.at(begin, "a field is one word, and an operator is missing before it"));
            }
            if first.text.contains('*') {
                return Err(self.at(begin, "a field with a wildcard has no meaning here: name it"));
            }
        }
        if self.takes(&Token::Colon) {
            let field = field(&first.text);
            if self.takes(&Token::Open) {
                return self.values(&field, depth + 1);
            }
            // `status: >= 500` is Lucene's, and people write it here, too.
            if let Some((_, Token::Compare(comparison))) =
                self.tokens.next_if(|(_, token)| matches!(token, Token::Compare(_)))
            {
                return self.compared(field, comparison);
            }
            let value = self.literal()?;
            return Ok(of_field(&field, value));
        }
        if let Some((_, Token::Compare(comparison))) =
            self.tokens.next_if(|(_, token)| matches!(token, Token::Compare(_)))
        {
            return self.compared(field(&first.text), comparison);
        }
        if !first.quoted && first.text == "*" {
            return Ok(Query::All);
        }
        Ok(words(first, &Query::Text))
    }

    fn compared(&mut self, field: Field, comparison: Comparison) -> Result<Query, Error> {
        let (low, high) = comparison.bounds(&self.literal()?.text);
        Ok(Query::Range { field, low, high })
    }

    /// `(a or b)`, `(a and not b)` behind a field.
    fn values(&mut self, field: &Field, depth: usize) -> Result<Query, Error> {
        if depth > DEEPEST {
            return Err(self.expected("an end to the brackets"));
        }
        let mut any = Vec::new();
        loop {
            let mut all = Vec::new();
            loop {
                let not = self.takes(&Token::Not);
                let value = if self.takes(&Token::Open) {
                    self.values(field, depth + 1)?
                } else {
                    of_field(field, self.literal()?)
                };
                all.push(if not { value.negated() } else { value });
                if !self.takes(&Token::And) {
                    break;
                }
            }
            any.push(Query::and(all));
            if !self.takes(&Token::Or) {
                break;
            }
        }
        if self.takes(&Token::Close) { Ok(Query::or(any)) } else { Err(self.expected("a closing bracket")) }
    }

    /// A text in quotes, or words as far as the next operator; and whether they are several.
    fn words(&mut self) -> Result<(Value, bool), Error> {
        match self.tokens.next_if(|(_, token)| matches!(token, Token::Word(_) | Token::Quoted(_))) {
            Some((_, Token::Quoted(text))) => Ok((Value::quoted(text), false)),
            Some((_, Token::Word(mut text))) => {
                let mut several = false;
                while let Some((_, Token::Word(word))) =
                    self.tokens.next_if(|(_, token)| matches!(token, Token::Word(_)))
                {
                    several = true;
                    text.push(' ');
                    text += &word;
                }
                Ok((Value { text, quoted: false }, several))
            }
            _ => Err(self.expected("a word or a text in quotes")),
        }
    }

    fn literal(&mut self) -> Result<Value, Error> {
        Ok(self.words()?.0)
    }
}

/// A field by the name that Dashboards has for it: there, the numbers of a field are one of their own.
fn field(name: &str) -> Field {
    Field { name: name.strip_suffix(".num").unwrap_or(name).to_owned(), literal: false }
}

/// `*` is a field that is there; one of several words is enough, as in Dashboards.
fn of_field(field: &Field, value: Value) -> Query {
    if !value.quoted && value.text == "*" {
        return Query::Exists(field.clone());
    }
    words(value, &|value| Query::Test { field: field.clone(), comparison: Comparison::Equal, value })
}

fn words(value: Value, of: &dyn Fn(Value) -> Query) -> Query {
    if value.quoted {
        return of(value);
    }
    let each = |word: &str| of(Value { text: word.to_owned(), quoted: false });
    Query::or(value.text.split_whitespace().map(each).collect())
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;
    use crate::query::line;

    #[test_case("level: error and status >= 500", "level=error 'status:[500 TO *]'")]
    #[test_case("a: 1 or b: 2 and c: 3", "a=1 OR '(' b=2 AND c=3 ')'")]
    #[test_case("not a: (1 or 2)", "NOT '(' a=1 OR a=2 ')'")]
    #[test_case("message: payment failed", "message=payment OR message=failed"; "one of the words")]
    #[test_case("message: \"payment failed\"", "'message=\"payment failed\"'"; "a phrase")]
    #[test_case("timeout", "timeout")]
    #[test_case("user: *", "'user=*'")]
    #[test_case("path: \\/a\\:b", "path=/a:b"; "escapes")]
    #[test_case("status: >= 500", "'status:[500 TO *]'"; "with a colon")]
    #[test_case("durationMs.num > 1500", "'durationMs:{1500 TO *]'"; "the numbers of a field")]
    #[test_case("*", ""; "everything")]
    #[test_case(r"a\ b: 1", "'\"a b\"=1'"; "a blank in a name")]
    fn what_dashboards_reads(text: &str, expected: &str) {
        assert_eq!(line(&dql(text).unwrap()), expected);
    }

    #[test_case("a: (1 or 2")]
    #[test_case("a: 1 b: 2"; "no operator")]
    #[test_case("a:")]
    #[test_case("and b: 1")]
    #[test_case("items: { sku: 1 }"; "nested")]
    #[test_case("\"x")]
    #[test_case("a: 1)")]
    #[test_case("payment failed: x"; "two words before a colon")]
    #[test_case("http.*: 5"; "a field with a wildcard")]
    fn what_it_does_not(text: &str) {
        let error = dql(text).unwrap_err();
        assert!(error.kind == Kind::Usage && error.message.contains('^'), "{error}");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!(dql("status >= high").is_err() && dql("level >= foo").is_err() && dql("level >= warn").is_ok());
    }

    #[test]
    fn brackets_end() {
        assert!(dql(&"(".repeat(100_000)).is_err());
        assert!(dql(&format!("a:{}", "(".repeat(100_000))).is_err());
        assert!(dql(&"not ".repeat(100_000)).is_err());
    }

    #[test]
    fn the_engines_json_is_one_query() {
        let term = json!({"term": {"@level": "error"}});
        assert_eq!(dsl(&term.to_string()).unwrap().0, term);
        let body = json!({"query": term, "size": 1}).to_string();
        assert_eq!(dsl(&body).unwrap(), (term, vec!["size".to_owned()]));
        for wrong in ["level:error", "[]", r#"{"a": {}, "b": {}}"#, "{}"] {
            assert_eq!(dsl(wrong).unwrap_err().kind, Kind::Usage, "{wrong}");
        }
        assert_eq!(lucene("  ").unwrap_err().kind, Kind::Usage);
    }
}
