//! A scanner of JSON that copies nothing and builds nothing.
//!
//! It knows two answers: what it has understood in full, and "a surprise", which may be anything from an unusual number to
//! text that is no JSON. Whoever gets the second asks `serde_json`, which is slower and always right.

use memchr::memchr;

use crate::{
    fields::{MAX_DEPTH, MAX_NAME, MAX_NAMES},
    ids,
};

/// Names of one object that are compared with each other; an object with more is a surprise.
const MAX_COMPARED: usize = 64;
/// Digits that a number may have to be copied as it is: fewer than 2^63 has, and than a double can hold.
const MAX_DIGITS: usize = 18;

/// A member of an object, as it stands in the text.
#[derive(Debug, Clone, Copy)]
pub struct Member<'t> {
    /// Its name, which has no escapes.
    pub name: &'t str,
    /// Its value, quotes included.
    pub value: &'t str,
}

impl<'t> Member<'t> {
    /// The inside of a string that has no escapes.
    #[must_use]
    pub fn plain_text(&self) -> Option<&'t str> {
        let text = self.value.strip_prefix('"')?.strip_suffix('"')?;
        memchr(b'\\', text.as_bytes()).is_none().then_some(text)
    }
}

/// A place in a text.
pub struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// Whether line breaks stand between the values.
    pub breaks: bool,
    names: usize,
}

impl<'t> Scanner<'t> {
    /// At the start of `text`.
    #[must_use]
    pub fn new(text: &'t str) -> Self {
        Self { text, at: 0, breaks: false, names: 0 }
    }

    /// What is still to be read.
    #[must_use]
    pub fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Takes `byte` if it comes next, white space aside.
    pub fn take(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        (self.byte()? == byte).then(|| self.at += 1)
    }

    /// Whether only white space is left.
    pub fn is_done(&mut self) -> bool {
        self.skip_space();
        self.at == self.text.len()
    }

    fn skip_space(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\n' | b'\r')) = self.byte() {
            self.breaks |= matches!(byte, b'\n' | b'\r');
            self.at += 1;
        }
    }

    /// The inside of the string that comes next, still escaped.
    pub fn string(&mut self) -> Option<&'t str> {
        self.take(b'"')?;
        let start = self.at;
        loop {
            self.at += special(&self.text.as_bytes()[self.at..])?;
            match self.byte()? {
                b'"' => {
                    let text = self.text.get(start..self.at)?;
                    self.at += 1;
                    return Some(text);
                }
                b'\\' => self.skip_escape()?,
                _ => return None, // A control character.
            }
        }
    }

    fn skip_escape(&mut self) -> Option<()> {
        self.at += match self.text.as_bytes().get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
            b'u' => {
                let digits = self.text.as_bytes().get(self.at + 2..self.at + 6)?;
                // Halves of surrogate pairs are a surprise, alone or not.
                let surrogate = matches!(digits, [b'd' | b'D', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F', ..]);
                (!surrogate && digits.iter().all(u8::is_ascii_hexdigit)).then_some(6)?
            }
            _ => return None,
        };
        Some(())
    }

    /// The integer that comes next.
    pub fn integer(&mut self) -> Option<i64> {
        self.skip_space();
        let start = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        // A fraction or an exponent would follow: then this is no integer.
        let ends = self.byte().is_none_or(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t'));
        self.text[start..self.at].parse().ok().filter(|_| ends)
    }

    /// The value that comes next, whatever it is. Only its strings are looked at, so it may be none.
    pub fn skip_value(&mut self) -> Option<&'t str> {
        self.skip_space();
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.byte()? {
                b'"' => drop(self.string()?),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth > 0 => self.at += 1,
                _ => {
                    let rest = &self.text.as_bytes()[self.at..];
                    let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
                    match length.count() {
                        0 => return None,
                        length => self.at += length,
                    }
                }
            }
            if depth == 0 {
                return self.text.get(start..self.at);
            }
        }
    }

    /// The members of the object that comes next, if every name and value in it may go to the index as it is. Their text
    /// is what stands between the braces.
    pub fn clean_object(&mut self, members: &mut Vec<Member<'t>>) -> Option<&'t str> {
        members.clear();
        self.names = 0;
        self.take(b'{')?;
        let start = self.at;
        self.object(1, members)?;
        self.text.get(start..self.at - 1)
    }

    /// Goes to the end of an object whose brace was taken. `members` get those of the root.
    fn object(&mut self, depth: usize, members: &mut Vec<Member<'t>>) -> Option<()> {
        let first = members.len();
        self.skip_space();
        if self.byte()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let name = self.string().filter(|name| is_clean(name, depth == 1))?;
            self.names += 1;
            let seen = &members[first..];
            if self.names > MAX_NAMES || seen.len() >= MAX_COMPARED || seen.iter().any(|member| member.name == name) {
                return None;
            }
            self.take(b':')?;
            self.skip_space();
            let start = self.at;
            members.push(Member { name, value: "" });
            let own = members.len();
            self.value(depth, members)?;
            members.truncate(own);
            members[own - 1].value = self.text.get(start..self.at)?;
            self.skip_space();
            match self.byte()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// Goes to the end of a value. What it pushes to `members` is the caller's to take away.
    fn value(&mut self, depth: usize, members: &mut Vec<Member<'t>>) -> Option<Kind> {
        match self.byte()? {
            b'"' => self.string().map(|_| Kind::String),
            b'{' if depth < MAX_DEPTH => {
                self.at += 1;
                self.object(depth + 1, members).map(|()| Kind::Object)
            }
            b'[' => self.array(depth, members).map(|()| Kind::Array),
            b't' => self.literal("true", Kind::Bool),
            b'f' => self.literal("false", Kind::Bool),
            b'n' => self.literal("null", Kind::Null),
            _ => self.number(),
        }
    }

    /// Goes to the end of an array of one kind of values that are no arrays.
    fn array(&mut self, depth: usize, members: &mut Vec<Member<'t>>) -> Option<()> {
        self.at += 1;
        self.skip_space();
        if self.byte()? == b']' {
            self.at += 1;
            return Some(());
        }
        let mut first = None;
        loop {
            self.skip_space();
            let before = members.len();
            let kind = self.value(depth, members)?;
            members.truncate(before);
            if kind == Kind::Array || *first.get_or_insert(kind) != kind {
                return None;
            }
            self.skip_space();
            self.at += 1;
            match self.text.as_bytes()[self.at - 1] {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    fn literal(&mut self, literal: &str, kind: Kind) -> Option<Kind> {
        self.text[self.at..].starts_with(literal).then(|| self.at += literal.len())?;
        Some(kind)
    }

    /// Goes to the end of a number that every double holds. Exponents are a surprise.
    fn number(&mut self) -> Option<Kind> {
        self.at += usize::from(self.byte()? == b'-');
        let digits = |at: usize| self.text.as_bytes()[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let whole = digits(self.at);
        let leading_zero = whole > 1 && self.byte() == Some(b'0');
        if whole == 0 || whole > MAX_DIGITS || leading_zero {
            return None;
        }
        let mut end = self.at + whole;
        if self.text.as_bytes().get(end) == Some(&b'.') {
            let fraction = digits(end + 1);
            if fraction == 0 || fraction > MAX_DIGITS {
                return None;
            }
            end += 1 + fraction;
        }
        self.at = end;
        self.byte().is_none_or(|byte| !matches!(byte, b'e' | b'E')).then_some(Kind::Number)
    }
}

/// What kind of value something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    String,
    Number,
    Bool,
    Null,
    Object,
    Array,
}

/// Whether a name may go to the index as it is; see `fields`, which mends the others.
fn is_clean(name: &str, root: bool) -> bool {
    let bytes = name.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    let edge = |byte: &u8| matches!(byte, b'.' | b' ');
    let plain = bytes
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'@' | b'/' | b':'));
    let dots = || name.contains("..");
    let of_the_root = || !matches!(first, b'_' | b'@');
    let of_a_map = || bytes.iter().all(u8::is_ascii_digit) || (name.len() >= 32 && ids::is_id(name));
    plain
        && bytes.len() <= MAX_NAME
        && !edge(first)
        && !edge(last)
        && !dots()
        && if root { of_the_root() } else { !of_a_map() }
}

/// Where the first quote, backslash or control character stands: eight bytes are looked at together.
fn special(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let mut at = 0;
    for word in bytes.chunks_exact(8) {
        let word = u64::from_le_bytes(word.try_into().ok()?);
        let zero = |word: u64| word.wrapping_sub(ONES) & !word;
        let quote = zero(word ^ (ONES * u64::from(b'"')));
        let backslash = zero(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (quote | backslash | control) & HIGH;
        if found != 0 {
            // A borrow may mark a byte behind the first one falsely, never before it.
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    bytes[at..].iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).map(|rest| at + rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;
    use test_case::test_case;

    use super::*;

    fn clean(text: &str) -> Option<(usize, String)> {
        let mut members = Vec::new();
        let mut scanner = Scanner::new(text);
        let inner = scanner.clean_object(&mut members)?.to_owned();
        scanner.is_done().then_some((members.len(), inner))
    }

    #[test_case(r#"{"a":1,"b":{"c":[1,2.5,-3]},"d":"x\n\u00e9","e":null,"f":[{"g":true},{"g":false}]}"#, 5; "everything")]
    #[test_case("{}", 0; "nothing")]
    #[test_case("{ \"a\" : [ ] }", 1; "space")]
    fn understood(text: &str, members: usize) {
        assert_eq!(clean(text), Some((members, text[1..text.len() - 1].to_owned())));
    }

    #[test_case(r#"{"a":1,"a":2}"#; "a name twice")]
    #[test_case(r#"{"a":{"b":1,"b":2}}"#; "a name twice below")]
    #[test_case(r#"{"@a":1}"#; "a name like ours")]
    #[test_case(r#"{"_id":1}"#; "a name of the engine")]
    #[test_case(r#"{"a":{"17":1}}"#; "a number as a name")]
    #[test_case(r#"{"a":{"8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f":1}}"#; "an id as a name")]
    #[test_case(r#"{"":1}"#; "no name")]
    #[test_case(r#"{"a.":1}"#; "a dot at the end")]
    #[test_case(r#"{"a\n":1}"#; "an escape in a name")]
    #[test_case(r#"{"a":1e5}"#; "an exponent")]
    #[test_case(r#"{"a":12345678901234567890}"#; "a long number")]
    #[test_case(r#"{"a":01}"#; "a leading zero")]
    #[test_case(r#"{"a":[1,"x"]}"#; "a mixed array")]
    #[test_case(r#"{"a":[[1]]}"#; "a nested array")]
    #[test_case(r#"{"a":"\ud83d\ude00"}"#; "a surrogate pair")]
    #[test_case(r#"{"a":"\x"}"#; "an unknown escape")]
    #[test_case("{\"a\":\"\u{1}\"}"; "a control character")]
    #[test_case(r#"{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{}}}}}}}}}"#; "too deep")]
    #[test_case(r#"{"a":1} x"#; "more behind it")]
    #[test_case(r#"{"a":1"#; "cut")]
    #[test_case(r#"{"a" 1}"#; "no colon")]
    fn surprises(text: &str) {
        assert_eq!(clean(text), None);
    }

    #[test]
    fn values_are_skipped() {
        for value in [r#""a\"b""#, "1.5e3", "null", r#"{"a":[1,{"b":"}"}]}"#, "[]"] {
            let text = format!(" {value} , 1");
            let mut scanner = Scanner::new(&text);
            assert_eq!(scanner.skip_value(), Some(value));
            assert!(scanner.take(b',').is_some());
            assert_eq!(scanner.integer(), Some(1));
        }
    }

    proptest! {
        #[test]
        fn special_bytes_are_found(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let slow = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            prop_assert_eq!(special(&bytes), slow);
        }

        /// What is understood is JSON, and of equal meaning.
        #[test]
        fn what_is_understood_is_json(text in r#"\{("[a-z.@_]{0,3}":("[a-zé\\nu"]{0,4}"|-?[0-9.e]{1,4}|\[[0-9,"]{0,4}\]|\{\}|true|nul?l),?){0,3}\}"#) {
            if clean(&text).is_some() {
                prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
            }
        }
    }
}
