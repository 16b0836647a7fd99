//! What stands next in the text: words, quoted text, names, signs of comparison.

use super::{Parser, Wrong, sense};
use crate::query::tree::{Comparison, Field, Pattern, Value};

/// A sign between a field and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Compares(Comparison),
    Colon,
    /// `=~` and `!~`.
    Matches {
        negated: bool,
    },
}

/// The signs of a text that stand between no quotes, and where. What begins with a quote that is never closed counts, too.
pub(super) fn outside_quotes(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let sign = text[at..].chars().next()?;
            let mut parser = Parser::new(text, true);
            parser.at = at;
            if sign != '\'' && matches!(parser.quoted(), Ok(Some(_))) {
                at = parser.at;
                continue;
            }
            at += sign.len_utf8();
            return Some((at - sign.len_utf8(), sign));
        }
    })
}

const RELATIONS: [(&str, Comparison); 4] =
    [(">=", Comparison::AtLeast), ("<=", Comparison::AtMost), (">", Comparison::Above), ("<", Comparison::Below)];

impl<'a> Parser<'a> {
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn skip_spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Takes `token` where it stands next.
    pub(super) fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Takes one of `words` where it stands alone.
    pub(super) fn take_word(&mut self, words: &[&str]) -> bool {
        let rest = self.rest();
        let found = words.iter().find(|word| {
            rest.strip_prefix(**word).is_some_and(|after| {
                after.is_empty() || after.starts_with(|c: char| c.is_whitespace() || "()".contains(c))
            })
        });
        if let Some(word) = found {
            self.at += word.len();
            self.skip_spaces();
        }
        found.is_some()
    }

    /// A field's name: letters, digits, `_`, `-`, `@` and dots between them; quoted where it holds anything else. Places in
    /// lists count for nothing: `items[0].sku` is `items.sku`.
    pub(super) fn field(&mut self) -> Option<Field> {
        let start = self.at;
        if self.rest().starts_with('"') {
            let name = self.quoted().ok().flatten()?;
            let tested = self.rest().starts_with(['=', ':', '!', '<', '>']) && !self.rest().starts_with("=>");
            return if tested { Some(Field { name, literal: false }) } else { self.back_to(start) };
        }
        let literal = self.take(".");
        let rest = self.rest();
        if !rest.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '@') {
            return self.back_to(start);
        }
        let is_part = |c: char| c.is_alphanumeric() || "_-@.".contains(c);
        let (mut name, mut end) = (String::new(), 0);
        loop {
            let length = rest[end..].find(|c: char| !is_part(c)).unwrap_or(rest.len() - end);
            name.push_str(&rest[end..end + length]);
            end += length;
            let place = rest[end..].strip_prefix('[').and_then(|place| place.split_once(']'));
            match place
                .filter(|(place, _)| *place == "*" || (!place.is_empty() && place.bytes().all(|b| b.is_ascii_digit())))
            {
                Some((place, after)) if after.starts_with(['.', '=', ':', '!', '<', '>']) => end += place.len() + 2,
                _ => break,
            }
        }
        let operator = matches!(&*name, "AND" | "OR" | "NOT") && !literal;
        if name.ends_with(['.', '-']) || name.contains("..") || operator {
            return self.back_to(start);
        }
        self.at += end;
        Some(Field { name, literal })
    }

    fn back_to(&mut self, at: usize) -> Option<Field> {
        self.at = at;
        None
    }

    /// A sign of comparison. `a -> b`, `a =>b` and `a <b>` are text; a test with a space before its sign has one behind it, too.
    pub(super) fn sign(&mut self) -> Option<Sign> {
        let start = self.at;
        self.skip_spaces();
        let spaced = self.at > start;
        let rest = self.rest();
        let equal = Sign::Compares(Comparison::Equal);
        let not_equal = Sign::Compares(Comparison::NotEqual);
        let signs = [
            ("=~", Sign::Matches { negated: false }),
            ("!~", Sign::Matches { negated: true }),
            ("!=", not_equal),
            ("<>", not_equal),
            ("==", equal),
            ("=", equal),
        ];
        let relations = RELATIONS.map(|(sign, relation)| (sign, Sign::Compares(relation)));
        if let Some((sign, found)) = signs.into_iter().chain(relations).find(|(sign, _)| rest.starts_with(sign)) {
            let after = &rest[sign.len()..];
            let is_arrow = sign == "=" && after.starts_with('>');
            if !is_arrow && (!spaced || after.starts_with(char::is_whitespace)) {
                self.at += sign.len();
                return Some(found);
            }
        }
        // A colon makes no test in `https://x`, `a::b` and `a :b`.
        if !spaced
            && let Some(after) = rest.strip_prefix(':')
            && !after.starts_with([':', '/'])
            && !after.trim().is_empty()
        {
            self.at += 1;
            return Some(Sign::Colon);
        }
        // In words only before a number or a level: `the le Mans race` is text.
        let words = [
            ("gt", Comparison::Above),
            ("ge", Comparison::AtLeast),
            ("lt", Comparison::Below),
            ("le", Comparison::AtMost),
        ];
        if let Some((_, comparison)) = words.into_iter().find(|(word, _)| spaced && self.take_word(&[word])) {
            let value = self.rest().split([' ', ')']).next().unwrap_or_default();
            if sense::is_bound(value) {
                return Some(Sign::Compares(comparison));
            }
        }
        self.at = start;
        None
    }

    /// `>=` and its like, behind a colon.
    pub(super) fn relation(&mut self) -> Option<Comparison> {
        RELATIONS.into_iter().find(|(sign, _)| self.take(sign)).map(|(_, comparison)| comparison)
    }

    /// A quoted value, or a word without the comma behind it.
    pub(super) fn value(&mut self) -> Result<Value, Wrong> {
        if let Some(text) = self.quoted()? {
            // Members of JSON stand behind one another.
            self.take(",");
            return Ok(Value::quoted(text));
        }
        let word = self.word(&[]).trim_end_matches([',', ';']);
        // The end of a line of JSON, whose beginning was not copied.
        let opens = word.contains(['{', '[']);
        let word = if opens { word } else { word.trim_end_matches(['}', ']', ',']) };
        Ok(Value { text: word.to_owned(), quoted: false })
    }

    /// An item of a list, which a comma ends.
    pub(super) fn item(&mut self) -> Result<Value, Wrong> {
        if let Some(text) = self.quoted()? {
            return Ok(Value::quoted(text));
        }
        let word = self.word(&[',']);
        if word.is_empty() {
            return Err(self.wrong("a value is missing here", "status in (500, 502)"));
        }
        Ok(Value { text: word.to_owned(), quoted: false })
    }

    /// Text: between quotes, or a word. A quote with something glued to it is part of a word.
    pub(super) fn text_value(&mut self) -> Result<Value, Wrong> {
        let start = self.at;
        if let Some(text) = self.quoted()? {
            let rest = self.rest();
            if rest.starts_with('~') {
                return Err(self.wrong("words near one another cannot be asked for", "connect AND refused"));
            }
            if rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || c == ')' || c == ',') {
                self.take(",");
                return Ok(Value::quoted(text));
            }
            self.at = start;
        }
        Ok(Value { text: self.word(&[]).to_owned(), quoted: false })
    }

    /// A word, up to a space, to a bracket that closes one before it, or to one of `ends`.
    fn word(&mut self, ends: &[char]) -> &'a str {
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
                c if c.is_whitespace() || ends.contains(&c) => {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        self.at += end;
        &rest[..end]
    }

    /// Text between quotes, straight or curly; before a quote or a backslash, `\` stands for nothing itself.
    pub(super) fn quoted(&mut self) -> Result<Option<String>, Wrong> {
        let close = match self.rest().chars().next() {
            Some('"') => '"',
            Some('\'') => '\'',
            Some('“' | '”' | '„') => '”',
            _ => return Ok(None),
        };
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            if c == close || (close == '”' && c == '“') {
                self.at = start + at + c.len_utf8();
                return Ok(Some(text));
            }
            let escaped =
                chars.peek().map(|(_, next)| *next).filter(|next| c == '\\' && matches!(next, '"' | '\'' | '\\'));
            text.push(escaped.unwrap_or(c));
            if escaped.is_some() {
                chars.next();
            }
        }
        if close == '\'' || self.lenient {
            return Ok(None); // An apostrophe, or half of what was cut.
        }
        Err(Wrong { unpaired: true, ..self.wrong("this quote is never closed", r#"message="payment failed""#) })
    }

    /// `/regex/`, `/regex/i`.
    pub(super) fn slashed(&mut self) -> Result<Option<Pattern>, Wrong> {
        let Some(inside) = self.rest().strip_prefix('/') else { return Ok(None) };
        let mut escaped = false;
        let end = inside.char_indices().find(|(_, c)| {
            let ends = *c == '/' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        let Some((end, _)) = end else {
            return Err(self.wrong("this regular expression is never closed", "message=~/time.*out/"));
        };
        self.at += end + 2;
        let any_case = self.take("i");
        Ok(Some(Pattern { text: inside[..end].replace("\\/", "/"), any_case }))
    }
}
