//! JSON alone, and JSON after a prefix.

use super::{Normalised, of_fields, of_prefix};
use crate::text::parse_object;

pub(super) fn read(message: &str) -> Option<Normalised> {
    if !message.ends_with('}') {
        return None;
    }
    if message.starts_with('{') {
        return parse_object(message).map(of_fields);
    }
    // The first brace may be part of the prefix; then the object begins behind white space.
    let first = message.find('{')?;
    let others = message.match_indices(['\t', ' ']).map(|(at, _)| at + 1);
    let others = others.filter(|at| *at > first && message[*at..].starts_with('{'));
    let candidates = std::iter::once(first).chain(others).take(4);
    let (at, fields) = candidates.into_iter().find_map(|at| Some((at, parse_object(&message[at..])?)))?;
    let prefix = of_prefix(&message[..at]);
    let body = of_fields(fields);
    Some(Normalised {
        level: body.level.or(prefix.level),
        request_id: body.request_id.or(prefix.request_id),
        trace_id: body.trace_id.or(prefix.trace_id),
        fields: body.fields,
    })
}
