//! The careful way of the encoder: an event is read as a whole, and what would harm the index is mended.

use std::sync::Arc;

use super::{
    Encoded, Encoder, append_said,
    own_fields::{append_fields, append_pairs},
};
use crate::{
    event::Event,
    fields::own::OwnFields,
    json::text::escaped,
    mapping::{Layout, Mappings},
    normalise::{ids_of, normalise},
    shape::has_name,
};

impl Encoder<'_> {
    /// Appends an event to a bulk body.
    pub(crate) fn encode_carefully(&self, event: &Event<'_>, mappings: &mut Mappings, body: &mut Vec<u8>) -> Encoded {
        let index = self.index(event.timestamp);
        self.append_carefully(event, None, body, |shape| mappings.layout(&index, &self.origin.log_group, shape))
    }

    /// Appends an event whose fields the engine has refused twice: all of them become pairs.
    pub fn encode_untyped(&self, event: &Event<'_>, reason: &str, body: &mut Vec<u8>) -> Encoded {
        self.append_carefully(event, Some(reason), body, |shape| Layout::untyped(shape).into())
    }

    /// Whether the event's document has a value at a dotted name, or below it.
    #[must_use]
    pub fn has(&self, event: &Event<'_>, name: &str) -> bool {
        has_name(&OwnFields::of(&normalise(&event.decode()).fields).shape, name)
    }

    fn append_carefully(
        &self,
        event: &Event<'_>,
        reason: Option<&str>,
        body: &mut Vec<u8>,
        layout_of: impl FnOnce(&[u8]) -> Arc<Layout>,
    ) -> Encoded {
        let decoded = event.decode();
        let normalised = normalise(&decoded);
        self.append_envelope(event, [&escaped(&decoded.id), &escaped(&decoded.message)], &normalised, body);
        append_said(&normalised, &ids_of(&decoded, &normalised), body);
        let own = OwnFields::of(&normalised.fields);
        let layout = layout_of(&own.shape);
        append_fields(&layout, |at| own.leaf(at), body);
        let left_out = normalised.left_out + append_pairs(&layout, |at| own.leaf(at), body);
        let encoded = Encoded { degraded: reason.is_some(), ..Encoded::of(&layout, left_out) };
        encoded.append_reason(reason, body);
        body.extend_from_slice(b"}\n");
        encoded
    }
}
