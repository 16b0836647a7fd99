//! JSON alone, and JSON after a prefix.

use serde_json::{Map, Value};

use super::{Normalised, of_prefix};
use crate::json::text::parse_object;

pub(super) fn read(message: &str) -> Option<Normalised> {
    let (at, fields) = object(message)?;
    let prefix = if at == 0 { Normalised::default() } else { of_prefix(&message[..at]) };
    Some(Normalised { fields, ..prefix })
}

/// The object that a message ends with, and where it begins.
pub(crate) fn object(message: &str) -> Option<(usize, Map<String, Value>)> {
    if !message.ends_with('}') {
        return None;
    }
    if message.starts_with('{') {
        return Some((0, parse_object(message)?));
    }
    // The first brace may be part of the prefix; then the object begins behind white space.
    let first = message.find('{')?;
    let others = message.match_indices(['\t', ' ']).map(|(at, _)| at + 1);
    let others = others.filter(|at| *at > first && message[*at..].starts_with('{'));
    let candidates = std::iter::once(first).chain(others).take(4);
    candidates.into_iter().find_map(|at| Some((at, parse_object(&message[at..])?)))
}
