//! Objects of which every name and value may go to the index as it is.

use std::borrow::Cow;

use memchr::memchr;
use serde::de::IgnoredAny;

use super::{Inner, MAX_DEPTH, MAX_NAME, MAX_NAMES, Member, Record, Scanner, Surprise};
use crate::{
    ids,
    shape::{CLOSE, END, LIST, OPEN},
};

/// Digits that a number may have before or behind its point to be copied as it is.
const MAX_DIGITS: usize = 18;

/// Names of an object that are compared one by one.
const MAX_COMPARED: usize = 128;

/// An object of which every name and value may go to the index as it is.
pub struct Clean<'t> {
    /// Knows how to copy it.
    pub scanner: Scanner<'t>,
    /// What stands between its braces.
    pub inner: Inner<'t>,
}

/// Understands `object`, whose members go to `members`. Its shape and its leaves are noted in `record`, if there is one.
///
/// # Errors
/// When it holds something that may not go to the index as it is.
pub fn clean<'t>(
    object: &'t str,
    members: &mut Vec<Member<'t>>,
    record: Option<Record>,
) -> Result<Clean<'t>, Surprise> {
    let mut scanner = Scanner { record, ..Scanner::new(object) };
    let inner = scanner.clean_object(members).filter(|_| scanner.is_done()).ok_or(Surprise)?;
    Ok(Clean { scanner, inner })
}

impl Clean<'_> {
    /// Its shape, if that was noted.
    #[must_use]
    pub fn shape(&self) -> &[u8] {
        self.scanner.record.as_ref().map_or(&[], |record| &record.shape)
    }
}

impl<'t> Scanner<'t> {
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
        self.note(|record| record.shape.push(OPEN));
        self.skip_space();
        if self.byte()? == b'}' {
            self.at += 1;
            self.note(|record| record.shape.push(CLOSE));
            return Some(());
        }
        loop {
            let name = self.string().filter(|name| is_clean(name, depth == 1))?;
            let prefix = if depth == 1 { prefix(name) } else { "" };
            self.renames |= !prefix.is_empty();
            self.names += 1;
            self.note(|record| {
                record.shape.extend_from_slice(prefix.as_bytes());
                record.shape.extend_from_slice(name.as_bytes());
            });
            // Two names that share a mark may be the same.
            let mark = 1 << (mark(name) % 64);
            let twice = seen & mark != 0 && members[first..].iter().any(|member| member.name == name);
            if self.names > MAX_NAMES || twice {
                return None;
            }
            seen |= mark;
            // So many are compared elsewhere, in a tree.
            if members.len() - first > MAX_COMPARED {
                return None;
            }
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
                    self.note(|record| record.shape.push(CLOSE));
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// Notes something of the object.
    #[inline]
    fn note(&mut self, note: impl FnOnce(&mut Record)) {
        if let Some(record) = &mut self.record {
            note(record);
        }
    }

    /// Goes to the end of a value. What it pushes to `members` is the caller's to take away.
    fn value(&mut self, depth: usize, members: &mut Vec<Member<'t>>) -> Option<Kind> {
        let start = self.at;
        let kind = match self.byte()? {
            b'"' => self.string().map(|_| Kind::String),
            b'{' if depth < MAX_DEPTH => {
                self.at += 1;
                return self.object(depth + 1, members).map(|()| Kind::Object);
            }
            b'[' => return self.array(depth, members).map(|()| Kind::Array),
            b't' => self.literal("true", Kind::Bool),
            b'f' => self.literal("false", Kind::Bool),
            b'n' => self.literal("null", Kind::Null),
            _ => self.number(),
        }?;
        let end = self.at;
        self.note(|record| record.leaf(start..end, kind != Kind::Null));
        Some(kind)
    }

    /// Goes to the end of an array. One of several kinds of values, or of arrays, becomes a text.
    fn array(&mut self, depth: usize, members: &mut Vec<Member<'t>>) -> Option<()> {
        let (start, first, texts) = (self.at, members.len(), self.texts.len());
        let noted = self.record.as_ref().map_or((0, 0), |record| (record.shape.len(), record.leaves.len()));
        self.at += 1;
        self.skip_space();
        if self.byte()? == b']' {
            self.at += 1;
            self.note(|record| record.leaf(start..start, false));
            return Some(());
        }
        self.note(|record| record.shape.push(LIST));
        // Of objects, the first one's names stay on the stack while the array lasts: those that come again are not counted.
        let mut names = first;
        let mut kinds = None;
        loop {
            self.skip_space();
            // An array in an array is not looked into: they may be nested without end.
            let nested = self.byte()? == b'[';
            let kind = if nested { Kind::Array } else { self.value(depth, members)? };
            if nested || *kinds.get_or_insert(kind) != kind {
                members.truncate(first);
                self.texts.truncate(texts);
                self.at = start;
                self.array_as_text()?;
                self.note_list(noted, start, true);
                return Some(());
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
                    if kinds == Some(Kind::Object) {
                        self.note(|record| record.shape.push(END));
                    } else {
                        self.note_list(noted, start, kinds != Some(Kind::Null));
                    }
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// Notes a list as one leaf, and nothing of what was noted of it before.
    fn note_list(&mut self, noted: (usize, usize), start: usize, is_something: bool) {
        let end = self.at;
        self.note(|record| {
            record.shape.truncate(noted.0);
            record.leaves.truncate(noted.1);
            record.leaf(start..end, is_something);
        });
    }

    /// How many leaves were noted.
    #[must_use]
    pub fn leaves(&self) -> usize {
        self.record.as_ref().map_or(0, |record| record.leaves.len())
    }

    /// A leaf as the index takes it.
    #[must_use]
    pub fn leaf(&self, at: usize) -> Cow<'t, str> {
        let Some(leaf) = self.record.as_ref().and_then(|record| record.leaves.get(at)) else { return "null".into() };
        let text = &self.text[leaf.clone()];
        if text.starts_with('[') && self.texts.binary_search_by_key(&leaf.start, |text| text.start).is_ok() {
            return format!("\"{}\"", text.replace('"', "\\\"")).into();
        }
        text.into()
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

/// What a name of the root gets before it, that would otherwise be one of ours or the engine's.
#[must_use]
pub fn prefix(name: &str) -> &'static str {
    if name.starts_with(['_', '@']) { "json" } else { "" }
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
