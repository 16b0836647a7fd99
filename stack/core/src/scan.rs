//! A scanner of JSON that copies nothing and builds nothing.
//!
//! It knows two answers: what it has understood in full, and "a surprise", which may be anything from an unusual number to
//! text that is no JSON. Whoever gets the second asks `serde_json`, which is slower and always right.

use std::ops::Range;

use memchr::memchr;
use serde::de::IgnoredAny;

use crate::{
    bytes::{LONG_BLOCK, Marks, special},
    fields::{MAX_DEPTH, MAX_NAME, MAX_NAMES},
    ids,
};

/// Digits that a number may have before or behind its point to be copied as it is.
const MAX_DIGITS: usize = 18;

/// A member of an object, as it stands in the text.
#[derive(Debug, Clone, Copy)]
pub struct Member<'t> {
    /// Its name, which has no escapes.
    pub name: &'t str,
    /// Its value, quotes included.
    pub value: &'t str,
    /// Where the value stands in the text that was scanned.
    pub at: usize,
}

impl<'t> Member<'t> {
    /// The inside of a string, still escaped.
    #[must_use]
    pub fn text(&self) -> Option<&'t str> {
        self.value.strip_prefix('"')?.strip_suffix('"')
    }

    /// The inside of a string that has no escapes.
    #[must_use]
    pub fn plain_text(&self) -> Option<&'t str> {
        let text = self.text()?;
        memchr(b'\\', text.as_bytes()).is_none().then_some(text)
    }
}

/// What stands between the braces of an object.
#[derive(Debug, Clone, Copy)]
pub struct Inner<'t> {
    /// The text.
    pub text: &'t str,
    /// Where it stands in the text that was scanned.
    pub at: usize,
}

/// A place in a text.
pub struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// Whether line breaks stand between the values.
    pub breaks: bool,
    /// Whether names of the root are those of the engine or ours, and must get a prefix.
    pub renames: bool,
    /// Arrays that the index does not take as they are: they become a text of JSON.
    texts: Vec<Range<usize>>,
    /// Where the array begins that was just found to be of several kinds.
    mixed: Option<usize>,
    /// Names of the object. Those of objects in a list count once for all of them, those below these each time.
    pub names: usize,
}

impl<'t> Scanner<'t> {
    /// At the start of `text`.
    #[must_use]
    pub fn new(text: &'t str) -> Self {
        Self { text, at: 0, breaks: false, renames: false, texts: Vec::new(), mixed: None, names: 0 }
    }

    /// What is still to be read.
    #[must_use]
    pub fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Takes `byte` if it comes next, white space aside.
    #[inline]
    pub fn take(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        (self.byte()? == byte).then(|| self.at += 1)
    }

    /// Whether only white space is left.
    pub fn is_done(&mut self) -> bool {
        self.skip_space();
        self.at == self.text.len()
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(byte) = self.byte().filter(|byte| *byte <= b' ') {
            match byte {
                b' ' | b'\t' => {}
                b'\n' | b'\r' => self.breaks = true,
                _ => return,
            }
            self.at += 1;
        }
    }

    /// The inside of the string that comes next, still escaped.
    pub fn string(&mut self) -> Option<&'t str> {
        self.take(b'"')?;
        self.rest_of_string(self.at)
    }

    /// The inside of the string that began at `start`.
    #[inline]
    fn rest_of_string(&mut self, start: usize) -> Option<&'t str> {
        loop {
            self.at = special(self.text.as_bytes(), self.at)?;
            match self.byte()? {
                b'"' => return self.end_string(start),
                b'\\' => self.at = self.end_of_escape(self.at)?,
                _ => return None, // A control character.
            }
        }
    }

    /// The same of a string that is long and full of escapes, as JSON within JSON is: there is no branch for each of them.
    pub fn long_string(&mut self) -> Option<&'t str> {
        self.take(b'"')?;
        let start = self.at;
        let mut known = start;
        while let Some(block) = self.text.as_bytes()[self.at..].first_chunk::<LONG_BLOCK>() {
            let marks = Marks::of(block);
            // A run of backslashes that may go on belongs to the next block.
            let length = LONG_BLOCK - marks.backslashes.leading_ones() as usize;
            if length == 0 {
                break;
            }
            let escaped = marks.escaped();
            let ends = marks.quotes & !escaped;
            let inside = (ends & ends.wrapping_neg()).wrapping_sub(1);
            if marks.controls & inside != 0 {
                return None;
            }
            let mut others = escaped & !marks.quotes & inside;
            while others != 0 {
                let escape = self.at + others.trailing_zeros() as usize - 1;
                if escape >= known {
                    known = self.end_of_escape(escape)?;
                }
                others &= others - 1;
            }
            if ends != 0 {
                self.at += ends.trailing_zeros() as usize;
                return self.end_string(start);
            }
            self.at += length;
        }
        // The end of the text is near, or something odd; an escape that was read may reach beyond its block.
        self.at = self.at.max(known);
        self.rest_of_string(start)
    }

    /// Leaves a string at its last quote.
    #[inline]
    fn end_string(&mut self, start: usize) -> Option<&'t str> {
        let text = self.text.get(start..self.at)?;
        self.at += 1;
        Some(text)
    }

    /// Where the escape at `at` ends.
    fn end_of_escape(&self, at: usize) -> Option<usize> {
        let length = match self.text.as_bytes().get(at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
            b'u' => match self.unit(at)? {
                // Half of a surrogate pair alone is a surprise.
                0xd800..0xdc00 => self.unit(at + 6).filter(|low| (0xdc00..0xe000).contains(low)).map(|_| 12)?,
                0xdc00..0xe000 => return None,
                _ => 6,
            },
            _ => return None,
        };
        Some(at + length)
    }

    /// The code unit that is escaped as `\uXXXX` at `at`.
    fn unit(&self, at: usize) -> Option<u16> {
        let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
        digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
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
    pub fn clean_object(&mut self, members: &mut Vec<Member<'t>>) -> Option<Inner<'t>> {
        members.clear();
        self.names = 0;
        self.take(b'{')?;
        let start = self.at;
        self.object(1, members)?;
        let inner = Inner { text: self.text.get(start..self.at - 1)?, at: start };
        Some(inner)
    }

    /// Goes to the end of an object whose brace was taken. `members` get those of the root.
    fn object(&mut self, depth: usize, members: &mut Vec<Member<'t>>) -> Option<()> {
        let first = members.len();
        let mut seen = 0_u64;
        self.skip_space();
        if self.byte()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let name = self.string().filter(|name| is_clean(name, depth == 1))?;
            self.renames |= depth == 1 && name.starts_with(['_', '@']);
            self.names += 1;
            // Two names that share a mark may be the same.
            let mark = 1 << (mark(name) % 64);
            let twice = seen & mark != 0 && members[first..].iter().any(|member| member.name == name);
            if self.names > MAX_NAMES || twice {
                return None;
            }
            seen |= mark;
            self.take(b':')?;
            self.skip_space();
            let start = self.at;
            members.push(Member { name, value: "", at: start });
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
            b'[' => {
                let (start, texts, pushed) = (self.at, self.texts.len(), members.len());
                if self.array(depth, members).is_none() {
                    // Anything else that is wrong with it is a surprise.
                    (self.mixed.take() == Some(start)).then_some(())?;
                    members.truncate(pushed);
                    self.texts.truncate(texts);
                    self.at = start;
                    self.array_as_text()?;
                }
                Some(Kind::Array)
            }
            b't' => self.literal("true", Kind::Bool),
            b'f' => self.literal("false", Kind::Bool),
            b'n' => self.literal("null", Kind::Null),
            _ => self.number(),
        }
    }

    /// Goes to the end of an array of one kind of values that are no arrays.
    fn array(&mut self, depth: usize, members: &mut Vec<Member<'t>>) -> Option<()> {
        let start = self.at;
        self.at += 1;
        self.skip_space();
        if self.byte()? == b']' {
            self.at += 1;
            return Some(());
        }
        // Of objects, the first one's names stay on the stack while the array lasts: those that come again are not counted.
        let first = members.len();
        let mut names = first;
        let mut kinds = None;
        loop {
            self.skip_space();
            // An array in an array is not looked into: they may be nested without end.
            let nested = self.byte()? == b'[';
            let kind = if nested { Kind::Array } else { self.value(depth, members)? };
            if nested || *kinds.get_or_insert(kind) != kind {
                self.mixed = Some(start);
                return None;
            }
            if names == first {
                names = members.len();
            }
            let (known, new) = members[first..].split_at(names - first);
            self.names -= new.iter().filter(|new| known.iter().any(|known| known.name == new.name)).count();
            members.truncate(names);
            self.skip_space();
            let next = self.byte()?;
            self.at += 1;
            match next {
                b',' => {}
                b']' => {
                    members.truncate(first);
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// Goes to the end of an array that becomes a text. It must stand there just as it would be written anew.
    fn array_as_text(&mut self) -> Option<()> {
        let start = self.at;
        let array = self.skip_value()?;
        let mut outside = array.split('"').step_by(2);
        let written_anew = outside.all(|part| {
            let digits =
                |part: &str| part.split(|c: char| !c.is_ascii_digit()).all(|digits| digits.len() <= MAX_DIGITS);
            let exponent = || part.as_bytes().windows(2).any(|pair| pair[0].is_ascii_digit() && pair[1] == b'e');
            // Of objects in it, equal names would be one.
            !part.contains(['.', ' ', '\t', '\n', '\r', 'E', '{'])
                && !part.contains("-0")
                && digits(part)
                && !exponent()
        });
        // Which is less than what `serde_json` follows.
        let shallow = array.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() <= 100;
        let plain = shallow && memchr(b'\\', array.as_bytes()).is_none() && !array.contains('\u{7f}');
        let valid = || serde_json::from_str::<IgnoredAny>(array).is_ok();
        (plain && written_anew && valid()).then(|| self.texts.push(start..self.at))
    }

    /// Appends the part of the text from `from` on that is `part`, with its arrays as the index takes them.
    pub fn append(&self, part: &str, from: usize, body: &mut Vec<u8>) {
        let end = from + part.len();
        let mut done = from;
        for text in self.texts.iter().filter(|text| text.start >= from && text.end <= end) {
            body.extend_from_slice(&self.text.as_bytes()[done..text.start]);
            body.push(b'"');
            for byte in self.text[text.clone()].bytes() {
                if byte == b'"' {
                    body.push(b'\\');
                }
                body.push(byte);
            }
            body.push(b'"');
            done = text.end;
        }
        body.extend_from_slice(&self.text.as_bytes()[done..end]);
    }

    fn literal(&mut self, literal: &str, kind: Kind) -> Option<Kind> {
        self.text[self.at..].starts_with(literal).then(|| self.at += literal.len())?;
        Some(kind)
    }

    /// Goes to the end of a number that every double holds.
    fn number(&mut self) -> Option<Kind> {
        self.at += usize::from(self.byte()? == b'-');
        let digits = |at: usize| self.text.as_bytes()[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let whole = digits(self.at);
        let leading_zero = whole > 1 && self.byte() == Some(b'0');
        if whole == 0 || leading_zero {
            return None;
        }
        // From 2^63 a number is no long of the engine's.
        if whole > MAX_DIGITS && self.text[self.at..self.at + whole].parse::<i64>().is_err() {
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
        if matches!(self.text.as_bytes().get(end), Some(b'e' | b'E')) {
            end += 1 + usize::from(matches!(self.text.as_bytes().get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end);
            if !(1..=2).contains(&exponent) {
                return None;
            }
            end += exponent;
        }
        self.at = end;
        Some(Kind::Number)
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

/// What a byte means in a name: `ODD` has it mended, `EDGE` where it stands at an end or beside a dot, and a name without
/// `LETTER` may be the key of a map.
const ODD: u8 = 1;
const EDGE: u8 = 2;
const LETTER: u8 = 4;
const CLASSES: [u8; 256] = {
    let mut classes = [LETTER; 256];
    let mut beyond_ascii = 0x80;
    while beyond_ascii < 256 {
        classes[beyond_ascii] |= EDGE; // It may be white space.
        beyond_ascii += 1;
    }
    let mut digit = b'0';
    while digit <= b'9' {
        classes[digit as usize] = 0;
        digit += 1;
    }
    classes[b'.' as usize] |= EDGE;
    classes[b' ' as usize] |= EDGE;
    classes[b'\\' as usize] |= ODD;
    classes[0x7f] |= ODD;
    classes[0xc2] |= ODD; // It begins the control characters beyond ASCII, among others.
    classes
};

/// Whether a name may go to the index as it is, or with a prefix; see `fields`, which mends the others.
fn is_clean(name: &str, root: bool) -> bool {
    let bytes = name.as_bytes();
    let classes = bytes.iter().fold(0, |classes, byte| classes | CLASSES[usize::from(*byte)]);
    if bytes.is_empty() || bytes.len() > MAX_NAME || classes & ODD != 0 {
        return false;
    }
    if classes & EDGE != 0 {
        let is_whole = |part: &str| !part.is_empty() && part.trim().len() == part.len();
        if !name.split('.').all(is_whole) {
            return false;
        }
    }
    if root {
        // What gets a prefix must not meet one that has it.
        !name.starts_with("json_") && !name.starts_with("json@")
    } else {
        classes & LETTER != 0 && (bytes.len() < 32 || !ids::is_id(name))
    }
}

/// A number that tells most names apart.
#[inline]
fn mark(name: &str) -> usize {
    let bytes = name.as_bytes();
    let byte = |at: usize| usize::from(bytes[at.min(bytes.len() - 1)]);
    bytes.len() + 5 * byte(0) + 11 * byte(bytes.len() / 2) + 23 * byte(bytes.len())
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
        let inner = scanner.clean_object(&mut members)?;
        let mut copied = Vec::new();
        scanner.append(inner.text, inner.at, &mut copied);
        scanner.is_done().then_some((members.len(), String::from_utf8(copied).unwrap()))
    }

    #[test_case(r#"{"a":1,"b":{"c":[1,2.5,-3]},"d":"x\n\u00e9","e":null,"f":[{"g":true},{"g":false}]}"#, 5; "everything")]
    #[test_case(r#"{"a":1.5e-7,"b":"\ud83d\ude00"}"#, 2; "an exponent and a surrogate pair")]
    #[test_case("{}", 0; "nothing")]
    #[test_case("{ \"a\" : [ ] }", 1; "space")]
    #[test_case(r#"{"_id":1,"@a":2,"ä b":9223372036854775807}"#, 3; "names that get a prefix, and odd ones")]
    fn understood(text: &str, members: usize) {
        assert_eq!(clean(text), Some((members, text[1..text.len() - 1].to_owned())));
    }

    #[test_case(r#"{"a":1,"a":2}"#; "a name twice")]
    #[test_case(r#"{"a":{"b":1,"b":2}}"#; "a name twice below")]
    #[test_case(r#"{"a":{"17":1}}"#; "a number as a name")]
    #[test_case(r#"{"a":{"8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f":1}}"#; "an id as a name")]
    #[test_case(r#"{"":1}"#; "no name")]
    #[test_case(r#"{"a.":1}"#; "a dot at the end")]
    #[test_case(r#"{"a. b":1}"#; "a blank after a dot")]
    #[test_case(r#"{"a":9223372036854775808}"#; "from 2^63")]
    #[test_case(r#"{"a\n":1}"#; "an escape in a name")]
    #[test_case(r#"{"a":[1, "x"]}"#; "a mixed array that is not compact")]
    #[test_case(r#"{"a":[[1,,2]]}"#; "a nested array that is none")]
    #[test_case(r#"{"a":1e500}"#; "a large exponent")]
    #[test_case(r#"{"a":12345678901234567890}"#; "a long number")]
    #[test_case(r#"{"a":01}"#; "a leading zero")]
    #[test_case(r#"{"a":"\ud83d"}"#; "half a surrogate pair")]
    #[test_case(r#"{"a":"\x"}"#; "an unknown escape")]
    #[test_case("{\"a\":\"\u{1}\"}"; "a control character")]
    #[test_case(r#"{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{}}}}}}}}}"#; "too deep")]
    #[test_case(r#"{"a":1} x"#; "more behind it")]
    #[test_case(r#"{"a":1"#; "cut")]
    #[test_case(r#"{"a":[{}"#; "cut in an array")]
    #[test_case(r#"{"a" 1}"#; "no colon")]
    fn surprises(text: &str) {
        assert_eq!(clean(text), None);
    }

    #[test]
    fn arrays_may_be_nested_without_end() {
        let text = format!(r#"{{"a":{}{}}}"#, "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(clean(&text), None);
    }

    #[test]
    fn arrays_that_become_texts() {
        let text = r#"{"a":[["x",1]],"b":{"c":[1,"y"]},"d":2}"#;
        assert_eq!(clean(text), Some((3, r#""a":"[[\"x\",1]]","b":{"c":"[1,\"y\"]"},"d":2"#.to_owned())));
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
        fn long_strings_are_strings(text in r#"([ -~]|\\\\|\\"|\\n|\\u00e9|\\ud83d\\ude00|[a-z]{60}|\\{60,70}|\\ud83d|\n){0,30}"#) {
            let text = format!("\"{text}\" \"");
            prop_assert_eq!(Scanner::new(&text).long_string(), Scanner::new(&text).string());
        }

        /// What is understood is JSON, and of equal meaning.
        #[test]
        fn what_is_understood_is_json(text in r#"\{("[a-z.@_]{0,3}":("[a-zé\\nu"]{0,4}"|-?[0-9.e]{1,4}|\[[0-9,"]{0,4}\]|\{\}|true|nul?l),?){0,3}\}"#) {
            if let Some((_, inner)) = clean(&text) {
                prop_assert!(serde_json::from_str::<Value>(&format!("{{{inner}}}")).is_ok(), "{}", inner);
                prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
            }
        }
    }
}
