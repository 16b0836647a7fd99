//! The careful way of the encoder: an event is read as a whole, and what would harm the index is mended.

use serde_json::{Map, Value};

use super::{Encoder, known_fields::Named};
use crate::{
    conflicts::Conflicts,
    event::Event,
    fields,
    json::text::escaped,
    normalise::{ids_of, normalise},
};

/// Pairs of `@kv`, and bytes of all of them: a list repeats its path for each of its items.
const MAX_PAIRS: (usize, usize) = (1_000, 64 << 10);

impl Encoder<'_> {
    /// Appends an event to a bulk body. Tells whether fields of it became pairs, since its index refuses them.
    pub(crate) fn encode_carefully(&self, event: &Event<'_>, conflicts: &Conflicts, body: &mut Vec<u8>) -> bool {
        let mut refused = false;
        self.append_carefully(event, body, |mut fields| {
            let mut taken = Map::new();
            for path in conflicts.paths(&self.origin.log_group, &self.index(event.timestamp)) {
                if let Some(value) = fields::take(&mut fields, path) {
                    taken.insert(path.clone(), value);
                }
            }
            refused = !taken.is_empty();
            if refused {
                let paths: Vec<&str> = taken.keys().map(String::as_str).collect();
                let reason = format!("of another type than in this index: {}", paths.join(", "));
                put_pairs(&mut fields, &taken, &reason);
            }
            fields
        });
        refused
    }

    /// Whether the event's document has something at a dotted path.
    #[must_use]
    pub fn has(&self, event: &Event<'_>, path: &str) -> bool {
        fields::take(&mut normalise(&event.decode()).fields, path).is_some()
    }

    /// Appends an event whose fields the engine has refused: all of them become `path=value` in `@kv`.
    pub fn encode_degraded(&self, event: &Event<'_>, reason: &str, body: &mut Vec<u8>) {
        self.append_carefully(event, body, |fields| {
            let mut pairs = Map::new();
            put_pairs(&mut pairs, &fields, reason);
            pairs
        });
    }

    fn append_carefully(
        &self,
        event: &Event<'_>,
        body: &mut Vec<u8>,
        shape: impl FnOnce(Map<String, Value>) -> Map<String, Value>,
    ) {
        let decoded = event.decode();
        let normalised = normalise(&decoded);
        let [id, message] = [&decoded.id, &decoded.message].map(|text| escaped(text));
        self.append_envelope(event, &id, &message, body);
        Named::from(&normalised).append(&ids_of(&decoded, &normalised), body);
        let fields = Value::Object(shape(normalised.fields)).to_string();
        let fields = &fields[1..fields.len() - 1]; // What stands between the braces.
        if !fields.is_empty() {
            body.push(b',');
            body.extend_from_slice(fields.as_bytes());
        }
        body.extend_from_slice(b"}\n");
    }
}

fn put_pairs(source: &mut Map<String, Value>, fields: &Map<String, Value>, reason: &str) {
    let (mut pairs, mut bytes, mut left_out) = (Vec::new(), 0, 0);
    fields::walk(fields, &mut |path, value| {
        bytes += path.len() + value.len();
        if pairs.len() < MAX_PAIRS.0 && bytes < MAX_PAIRS.1 {
            pairs.push(Value::String(format!("{path}={value}")));
        } else {
            left_out += 1;
        }
    });
    let more = if left_out > 0 { format!("; {left_out} more values are in the message only") } else { String::new() };
    source.insert("@kv".to_owned(), pairs.into());
    source.insert("@degraded".to_owned(), format!("{reason}{more}").into());
}
