//! The quick way of the encoder: an event whose fields need no mending is copied into the bulk body as it stands.
//!
//! It makes the same document as the careful way or none: whatever surprises it is left to that.

use std::{borrow::Cow, sync::Arc};

use super::{
    Encoded, Encoder, Scratch,
    own_fields::{append_fields, append_pairs},
};
use crate::{
    event::Event,
    fields::{self, MAX_NAMES, own::OwnFields},
    ids::{self, Ids},
    json::{
        Member, Record, Surprise,
        object::{Clean, clean, prefix},
        text::unescape_into,
    },
    mapping::{Layout, Mappings},
    normalise::{self, Normalised},
    shape::CLOSE,
};

/// Members for which there is room at once.
const MEMBERS: usize = 24;

impl Encoder<'_> {
    /// Appends the event, if nothing about it is unusual.
    pub(crate) fn encode_quickly(
        &self,
        event: &Event<'_>,
        mappings: &mut Mappings,
        body: &mut Vec<u8>,
    ) -> Option<Encoded> {
        let start = body.len();
        let done = self.append_quickly(event, mappings, body);
        if done.is_err() {
            body.truncate(start);
        }
        done.ok()
    }

    fn append_quickly(
        &self,
        event: &Event<'_>,
        mappings: &mut Mappings,
        body: &mut Vec<u8>,
    ) -> Result<Encoded, Surprise> {
        let mut scratch = self.scratch.borrow_mut();
        let Scratch { text, ids, record } = &mut *scratch;
        let message = plain(event.message, text)?;
        ids.clear();
        let mut quick = Quick { encoder: self, event, message, mappings, room: record };
        let encoded = match event.extracted_fields {
            Some(columns) => quick.append_columns(columns, ids, body)?,
            None if message.trim().ends_with('}') => quick.append_json(ids, body)?,
            None => quick.append_text(ids, body),
        };
        encoded.append_reason(None, body);
        body.extend_from_slice(b"}\n");
        Ok(encoded)
    }
}

/// An event on the quick way.
struct Quick<'a> {
    encoder: &'a Encoder<'a>,
    event: &'a Event<'a>,
    /// Its message, unescaped.
    message: &'a str,
    mappings: &'a mut Mappings,
    /// Room for the shape of an object.
    room: &'a mut Record,
}

impl<'a> Quick<'a> {
    /// A message that is JSON, alone or behind a prefix.
    fn append_json(&mut self, ids: &mut Ids, body: &mut Vec<u8>) -> Result<Encoded, Surprise> {
        let (prefix, object) = split_prefix(self.message.trim())?;
        let mut members = Vec::with_capacity(MEMBERS);
        let object = clean(object, &mut members, self.record())?;
        if !self.encoder.normalises() {
            self.begin(&Normalised::default(), body);
            append_members(&object, &members, object.scanner.renames, body);
            return Ok(Encoded::default());
        }
        let text = if prefix.is_empty() { Normalised::default() } else { normalise::of_prefix(prefix) };
        let layout = self.layout(object.shape());
        let leaf = |at| object.scanner.leaf(at);
        let said = normalise::read_with(layout.roles.read(leaf, 0), text);
        self.tell(&said, &Ids::default(), ids, body);
        if layout.whole {
            append_members(&object, &members, object.scanner.renames, body);
        } else {
            append_leaves(&layout, leaf, object.scanner.breaks, body);
        }
        let left_out = append_pairs(&layout, leaf, body);
        self.keep(object);
        Ok(Encoded::of(&layout, left_out))
    }

    /// The columns that a filter has cut out of the message. Where one of them holds JSON, the members of the message's are
    /// fields as well.
    fn append_columns(&mut self, columns: &'a str, ids: &mut Ids, body: &mut Vec<u8>) -> Result<Encoded, Surprise> {
        let mut members = Vec::with_capacity(MEMBERS);
        let columns = clean(columns, &mut members, self.record())?;
        let is_unusual = |column: &Member<'_>| {
            // Columns are texts, since AWS cuts them out of one.
            column.value.starts_with(['{', '[']) || normalise::is_system_field(column.name)
        };
        if members.is_empty() || members.iter().any(is_unusual) {
            return Err(Surprise);
        }
        let (mut of_columns, mut room) = (Ids::default(), Vec::new());
        let mut holds_json = false;
        for text in members.iter().filter_map(Member::text) {
            let text = plain(text, &mut room)?;
            holds_json |= text.trim_end().ends_with('}');
            ids::scan(text, |id| of_columns.keep(id));
        }
        let count = members.len();
        let json = self.json_beside(&columns, holds_json, &mut members)?;
        if !self.encoder.normalises() {
            self.begin(&Normalised::default(), body);
            append_members(&columns, &members[..count], columns.scanner.renames, body);
            if let Some(json) = json {
                append_members(&json, &members[count..], true, body);
            }
            return Ok(Encoded::default());
        }
        // Both make one object.
        let mut shape = Cow::Borrowed(columns.shape());
        let mut breaks = columns.scanner.breaks;
        if let Some(json) = &json {
            let shape = shape.to_mut();
            shape.truncate(shape.len() - [CLOSE].len());
            shape.extend(json.shape().iter().skip(1));
            breaks |= json.scanner.breaks;
        }
        let layout = self.layout(&shape);
        let of_columns_alone = columns.scanner.leaves();
        let leaf = |at: usize| match &json {
            Some(json) if at >= of_columns_alone => json.scanner.leaf(at - of_columns_alone),
            _ => columns.scanner.leaf(at),
        };
        let said = normalise::read_with(layout.roles.read(leaf, 0), Normalised::default());
        let said = normalise::with_message(said, self.message.trim());
        self.tell(&said, &of_columns, ids, body);
        append_leaves(&layout, leaf, breaks, body);
        let left_out = append_pairs(&layout, leaf, body);
        self.keep(columns);
        Ok(Encoded::of(&layout, left_out))
    }

    /// Where the shape of an object is noted, if anybody asks for it.
    fn record(&mut self) -> Option<Record> {
        self.encoder.normalises().then(|| std::mem::take(self.room))
    }

    /// Keeps the room of a shape for the next event.
    fn keep(&mut self, object: Clean<'_>) {
        *self.room = object.scanner.record.unwrap_or_default();
        self.room.clear();
    }

    fn layout(&mut self, shape: &[u8]) -> Arc<Layout> {
        let index = self.encoder.index(self.event.timestamp);
        self.mappings.layout(&index, &self.encoder.origin.log_group, shape)
    }

    /// The JSON of the message, where a column holds some. Its members are added to those of the columns, which come first.
    fn json_beside(
        &mut self,
        columns: &Clean<'_>,
        holds_json: bool,
        members: &mut Vec<Member<'a>>,
    ) -> Result<Option<Clean<'a>>, Surprise> {
        let message = self.message.trim();
        if !holds_json || !message.ends_with('}') {
            return Ok(None);
        }
        let mut inside = Vec::new();
        let json = clean(split_prefix(message)?.1, &mut inside, self.record())?;
        // An escape may hide an id from who looks at the message.
        let hides = |member: &Member<'_>| memchr::memchr(b'\\', member.value.as_bytes()).is_some();
        if columns.scanner.names + json.scanner.names > MAX_NAMES || inside.iter().any(hides) {
            return Err(Surprise);
        }
        if inside.iter().any(|member| members.iter().any(|column| column.name == member.name)) {
            return Err(Surprise); // The column counts.
        }
        members.append(&mut inside);
        Ok(Some(json))
    }

    /// A message that is no JSON.
    fn append_text(&mut self, ids: &mut Ids, body: &mut Vec<u8>) -> Encoded {
        if !self.encoder.normalises() {
            self.begin(&Normalised::default(), body);
            return Encoded::default();
        }
        let mut read = normalise::of_message(self.message.trim());
        if read.fields.is_empty() {
            self.tell(&read, &Ids::default(), ids, body);
            return Encoded::default();
        }
        let tidy = fields::tidy(std::mem::take(&mut read.fields));
        let own = OwnFields::of(&tidy.fields);
        let layout = self.layout(&own.shape);
        let leaf = |at| own.leaf(at);
        let said = normalise::read_with(layout.roles.read(leaf, 0), read);
        self.tell(&said, &Ids::default(), ids, body);
        append_fields(&layout, leaf, body);
        let left_out = append_pairs(&layout, leaf, body);
        Encoded::of(&layout, left_out + tidy.left_out)
    }

    /// Appends the document up to its message.
    fn begin(&self, said: &Normalised, body: &mut Vec<u8>) {
        self.encoder.append_envelope(self.event, [self.event.id, self.event.message], said, body);
    }

    /// Appends the document up to its own fields, with the ids of its message and more.
    fn tell(&self, said: &Normalised, more: &Ids, ids: &mut Ids, body: &mut Vec<u8>) {
        self.begin(said, body);
        for id in [&said.request_id, &said.trace_id].into_iter().flatten().filter(|id| normalise::is_kept(id)) {
            ids.keep(id);
        }
        ids::scan(self.message, |id| ids.keep(id));
        more.iter().for_each(|id| ids.keep(id));
        super::append_said(said, ids, body);
    }
}

/// The message unescaped, where it is escaped at all.
pub(super) fn plain<'t>(message: &'t str, room: &'t mut Vec<u8>) -> Result<&'t str, Surprise> {
    if memchr::memchr(b'\\', message.as_bytes()).is_none() {
        return Ok(message);
    }
    let unescaped = unescape_into(message, room);
    // Half of a surrogate pair is replaced, which only the careful way does.
    if unescaped.whole { Ok(unescaped.text) } else { Err(Surprise) }
}

/// What stands before the object at the end of a message, and the object.
pub(super) fn split_prefix(message: &str) -> Result<(&str, &str), Surprise> {
    if message.starts_with('{') {
        return Ok(("", message));
    }
    let at = memchr::memchr(b'{', message.as_bytes()).ok_or(Surprise)?;
    Ok(message.split_at(at))
}

/// Appends members of an object; not `apart`, they are all that it has.
pub(super) fn append_members(object: &Clean<'_>, members: &[Member<'_>], apart: bool, body: &mut Vec<u8>) {
    if members.is_empty() {
        return;
    }
    let Clean { scanner, inner } = object;
    let start = body.len();
    if apart {
        for member in members {
            for part in [",\"", prefix(member.name), member.name, "\":"] {
                body.extend_from_slice(part.as_bytes());
            }
            scanner.append(member.value, member.at, body);
        }
    } else {
        body.push(b',');
        scanner.append(inner.text, inner.at, body);
    }
    if scanner.breaks {
        mend_breaks(&mut body[start..]);
    }
}

/// Appends the leaves that are fields.
fn append_leaves<'l>(layout: &Layout, leaf: impl Fn(usize) -> Cow<'l, str>, breaks: bool, body: &mut Vec<u8>) {
    let start = body.len();
    append_fields(layout, leaf, body);
    if breaks {
        mend_breaks(&mut body[start..]);
    }
}

/// Line breaks stand between values: inside of strings they are escaped.
fn mend_breaks(json: &mut [u8]) {
    json.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
}
