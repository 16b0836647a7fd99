//! JSON as it stands in a text: a scanner that copies nothing and builds nothing.
//!
//! It knows two answers: what it has understood in full, and "a surprise", which may be anything from an unusual number to
//! text that is no JSON. Whoever gets the second asks `serde_json`, which is slower and always right.

pub mod bytes;
pub mod object;
pub mod text;

use std::ops::Range;

use crate::shape::{NOTHING, VALUE};
use bytes::{LONG_BLOCK, Marks, special};

/// An object may be nested this deep; a deeper one becomes a text.
pub const MAX_DEPTH: usize = 8;
/// Names that an event may bring, each counted once for its place; later ones are left out.
pub const MAX_NAMES: usize = 1_000;
/// Characters of a name; longer ones are cut.
pub const MAX_NAME: usize = 256;

/// Something that the quick way does not understand in full, and leaves to the careful one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Surprise;

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
    /// Names of the object. Those of objects in a list count once for all of them, those below these each time.
    pub names: usize,
    /// What is noted of the object on the way, if anything.
    pub record: Option<Record>,
}

/// The shape of an object and its leaves.
#[derive(Debug, Default)]
pub struct Record {
    /// The names and how they are nested; see [`shape`](crate::shape).
    pub shape: Vec<u8>,
    /// Where the values stand that a leaf has: scalars, and lists of scalars.
    pub leaves: Vec<Range<usize>>,
}

impl Record {
    /// Forgets what was noted, and keeps the room.
    pub fn clear(&mut self) {
        self.shape.clear();
        self.leaves.clear();
    }

    /// Notes a leaf, the name of which was noted.
    fn leaf(&mut self, value: Range<usize>, is_something: bool) {
        if is_something {
            self.shape.push(VALUE);
            self.leaves.push(value);
        } else {
            self.shape.push(NOTHING);
        }
    }
}

impl<'t> Scanner<'t> {
    /// At the start of `text`.
    #[must_use]
    pub fn new(text: &'t str) -> Self {
        Self { text, at: 0, breaks: false, renames: false, texts: Vec::new(), names: 0, record: None }
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
}

#[cfg(test)]
mod tests;
