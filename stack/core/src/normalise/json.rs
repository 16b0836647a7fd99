//! JSON alone, and JSON after a prefix.

use serde_json::{Map, Value};

use super::{Normalised, of_fields, text};

pub(super) fn read(message: &str) -> Option<Normalised> {
    if !message.ends_with('}') {
        return None;
    }
    if message.starts_with('{') {
        return parse(message).map(of_fields);
    }
    let (at, fields) =
        message.match_indices(" {").take(4).find_map(|(at, _)| Some((at, parse(&message[at + 1..])?)))?;
    let prefix = text::read(&message[..at]);
    let body = of_fields(fields);
    Some(Normalised {
        level: body.level.or(prefix.level),
        request_id: body.request_id.or(prefix.request_id),
        trace_id: body.trace_id.or(prefix.trace_id),
        fields: body.fields,
    })
}

fn parse(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}
