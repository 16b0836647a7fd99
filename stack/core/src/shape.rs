//! The shape of an event: the names that it has and how they are nested, without its values. Events of one place in a
//! program have one shape, so what becomes of its names is decided once.
//!
//! A shape is written as the names in their order, each with a sign of what it names. No name holds such a sign, since they
//! are control characters.

/// Behind the name of a value: a leaf.
pub const VALUE: u8 = 1;
/// Behind the name of something that has no value: null, a list without values.
pub const NOTHING: u8 = 2;
/// An object begins, behind its name or as an item of a list.
pub const OPEN: u8 = 3;
/// It ends.
pub const CLOSE: u8 = 4;
/// A list of objects begins, behind its name.
pub const LIST: u8 = 5;
/// It ends.
pub const END: u8 = 6;

/// Bytes and parts of a whole name. What stands below a longer one is in the message only: an engine keeps each part of each name.
const MAX_PATH: usize = 512;
const MAX_PARTS: usize = 20;

/// Whether a whole name is too long to be known.
pub(crate) fn is_too_long(path: &str) -> bool {
    path.len() > MAX_PATH || path.bytes().filter(|byte| *byte == b'.').count() >= MAX_PARTS
}

/// A sign, and the name before it where it has one.
pub(crate) fn steps(shape: &[u8]) -> impl Iterator<Item = (&str, u8)> {
    shape.split_inclusive(|byte| *byte <= END).map(|step| {
        let (sign, name) = step.split_last().unwrap_or((&END, &[]));
        (std::str::from_utf8(name).unwrap_or_default(), *sign)
    })
}

/// Calls `each` with the path of each value, and with how deep it stands: 1 is the root.
pub(crate) fn each_value(shape: &[u8], mut each: impl FnMut(&str, usize)) {
    let mut path = Path::default();
    for (name, sign) in steps(shape) {
        match sign {
            VALUE => path.with(name, |whole, depth| each(whole, depth)),
            OPEN | LIST => path.enter(name),
            CLOSE | END => path.leave(),
            _ => {}
        }
    }
}

/// Whether an event of this shape has a value at a name, or below it.
pub(crate) fn has_name(shape: &[u8], name: &str) -> bool {
    let mut has = false;
    each_value(shape, |path, _| has |= above(path).chain([path]).any(|known| known == name));
    has
}

/// A dotted path, as deep as the objects and lists that are open.
#[derive(Default)]
pub(crate) struct Path {
    text: String,
    lengths: Vec<usize>,
}

impl Path {
    /// Goes into an object or a list.
    pub fn enter(&mut self, name: &str) {
        self.lengths.push(self.text.len());
        self.push(name);
    }

    /// Goes out of it.
    pub fn leave(&mut self) {
        self.text.truncate(self.lengths.pop().unwrap_or_default());
    }

    /// Calls `each` with the path of a name here, and with how deep that is.
    pub fn with(&mut self, name: &str, each: impl FnOnce(&str, usize)) {
        let length = self.text.len();
        self.push(name);
        each(&self.text, self.lengths.len());
        self.text.truncate(length);
    }

    /// The root and the items of lists have no name.
    fn push(&mut self, name: &str) {
        if !self.text.is_empty() && !name.is_empty() {
            self.text.push('.');
        }
        self.text.push_str(name);
    }
}

/// The names above a dotted one, the longest last.
pub(crate) fn above(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('.').map(|(at, _)| &name[..at])
}
