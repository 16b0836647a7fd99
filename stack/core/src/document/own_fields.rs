//! The fields that an event brings: typed ones under their own names, the others as pairs.

use std::{borrow::Cow, collections::HashSet};

use foldhash::fast::RandomState;
use serde_json::value::RawValue;

use crate::{
    json::text::unescape,
    mapping::{Layout, Leaf},
    pairs,
};

/// Bytes of all pairs of an event.
const MAX_PAIRS: usize = 1 << 20;
/// Bytes of terms for which there is room at once.
const TERMS: usize = 1 << 10;

/// Appends the fields that are typed.
pub(super) fn append_fields<'l>(layout: &Layout, leaf: impl Fn(usize) -> Cow<'l, str>, body: &mut Vec<u8>) {
    for (at, leaf_of) in layout.leaves.iter().enumerate() {
        if let Leaf::Field(before) = leaf_of {
            body.extend_from_slice(before);
            body.extend_from_slice(leaf(at).as_bytes());
        }
    }
    body.extend_from_slice(&layout.end);
}

/// Appends the names of all fields, and the pairs of those that are not typed. Tells how many values were too much.
pub(super) fn append_pairs<'l>(layout: &Layout, leaf: impl Fn(usize) -> Cow<'l, str>, body: &mut Vec<u8>) -> usize {
    if !layout.names.is_empty() {
        body.extend_from_slice(br#","@kvk":["#);
        body.extend_from_slice(&layout.names);
        body.push(b']');
    }
    if layout.untyped == 0 {
        return layout.left_out;
    }
    let mut pairs = Pairs { values: Terms::new(), numbers: Terms::new(), repeat: layout.repeats, left_out: 0 };
    for (at, leaf_of) in layout.leaves.iter().enumerate() {
        let Leaf::Pair(name) = leaf_of else { continue };
        let value = leaf(at);
        if value.starts_with('[') {
            pairs.repeat = true;
            let items: Vec<&RawValue> = serde_json::from_str(&value).unwrap_or_default();
            for item in items {
                pairs.add(name, item.get());
            }
        } else {
            pairs.add(name, &value);
        }
    }
    for (before, terms) in [(r#","@kv":["#, &pairs.values), (r#","@kvn":["#, &pairs.numbers)] {
        if let Some((_comma, terms)) = terms.text.split_first() {
            body.extend_from_slice(before.as_bytes());
            body.extend_from_slice(terms);
            body.push(b']');
        }
    }
    pairs.left_out + layout.left_out
}

/// Pairs of an event.
struct Pairs {
    values: Terms,
    numbers: Terms,
    /// Whether a pair may come twice.
    repeat: bool,
    left_out: usize,
}

/// Terms, each behind a comma.
struct Terms {
    text: Vec<u8>,
    seen: HashSet<Box<[u8]>, RandomState>,
}

impl Pairs {
    /// Adds those of a scalar, which stands there as JSON; `name` is what stands before its value.
    fn add(&mut self, name: &str, scalar: &str) {
        let quoted = scalar.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let text = quoted.unwrap_or(scalar);
        // Unescaped it is shorter.
        if scalar == "null" || (text.len() > pairs::MAX_VALUE && !pairs::is_compared(&unescape(text))) {
            return;
        }
        if self.values.text.len() + self.numbers.text.len() + name.len() + text.len() > MAX_PAIRS {
            self.left_out += 1;
            return;
        }
        self.values.put(name, text, self.repeat);
        let number = match quoted {
            None => pairs::whole(scalar).or_else(|| scalar.parse().ok()),
            Some(text) if may_be_number(text) => pairs::number(&unescape(text)),
            Some(_) => None,
        };
        if let Some(number) = number {
            self.numbers.put(name, &pairs::sortable(number), self.repeat);
        }
    }
}

impl Terms {
    fn new() -> Self {
        Self { text: Vec::with_capacity(TERMS), seen: HashSet::default() }
    }

    fn put(&mut self, name: &str, value: &str, once: bool) {
        let start = self.text.len();
        for part in [",\"", name, value, "\""] {
            self.text.extend_from_slice(part.as_bytes());
        }
        if once && !self.seen.insert(self.text[start..].into()) {
            self.text.truncate(start);
        }
    }
}

/// What most texts are not, by their first sign: a blank, or an escape of one, may stand before a number.
fn may_be_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | '\\' | ' '))
}
