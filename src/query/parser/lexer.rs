//! What stands next in the text: words, quoted text, names, signs of comparison.

use logctl_core::level::Level;
use unicode_normalization::UnicodeNormalization as _;

use super::Parser;
use crate::{
    error::{Error, Kind},
    query::tree::{Comparison, Field, Value},
};

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
            rest.strip_prefix(**word)
                .is_some_and(|after| after.is_empty() || after.starts_with([' ', '\t', '\n', '(', ')']))
        });
        if let Some(word) = found {
            self.at += word.len();
            self.skip_spaces();
        }
        found.is_some()
    }

    /// A field's name: letters, digits, `_`, `-`, `@` and dots between them; quoted where it holds anything else.
    pub(super) fn field(&mut self) -> Option<Field> {
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

    pub(super) fn back_to(&mut self, at: usize) -> Option<Field> {
        self.at = at;
        None
    }

    pub(super) fn comparison(&mut self) -> Option<Comparison> {
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
    pub(super) fn value(&mut self) -> Result<Value, Error> {
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
    pub(super) fn quoted(&mut self) -> Result<Option<String>, Error> {
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

    pub(super) fn wrong(&self, what: &str, example: &str) -> Error {
        let line = self.text.replace(['\n', '\t'], " ");
        let column = self.text[..self.at.min(self.text.len())].chars().count();
        Error::new(Kind::Usage, format!("the query is wrong: {what}\n  {line}\n  {}^", " ".repeat(column)))
            .hint(format!("a query looks like: {example}"))
    }
}

/// Text is compared in one Unicode form, here as in the documents that people write.
pub(super) fn normal(text: &str) -> String {
    text.nfc().collect()
}
