//! The quick way of the encoder: an event whose fields need no mending is copied into the bulk body as it stands.
//!
//! It makes the same document as the careful way or none: whatever surprises it is left to that.

use super::{
    Encoder, Scratch,
    known_fields::{Named, Told},
};
use crate::{
    conflicts::Conflicts,
    event::Event,
    fields::{self, MAX_NAMES},
    ids::{self, Ids},
    json::{
        Member, Surprise,
        object::{Clean, clean},
        text::unescape_into,
    },
    normalise::{self, Normalised},
};

/// Members for which there is room at once.
const MEMBERS: usize = 24;

impl Encoder<'_> {
    /// Appends the event, if nothing about it is unusual.
    pub(crate) fn encode_quickly(&self, event: &Event<'_>, conflicts: &Conflicts, body: &mut Vec<u8>) -> bool {
        let start = body.len();
        let done = self.append_quickly(event, conflicts, body).is_ok();
        if !done {
            body.truncate(start);
        }
        done
    }

    fn append_quickly(&self, event: &Event<'_>, conflicts: &Conflicts, body: &mut Vec<u8>) -> Result<(), Surprise> {
        let mut scratch = self.scratch.borrow_mut();
        let Scratch { text, ids } = &mut *scratch;
        if event.id.contains('\\') {
            return Err(Surprise);
        }
        self.append_envelope(event, event.id, event.message, body);
        let message = plain(event.message, text)?;
        ids.clear();
        let quick = Quick { encoder: self, event, message, conflicts };
        match event.extracted_fields {
            Some(columns) => quick.append_columns(columns, ids, body)?,
            None if message.trim().ends_with('}') => quick.append_json(ids, body)?,
            None => quick.append_text(ids, body)?,
        }
        body.extend_from_slice(b"}\n");
        Ok(())
    }
}

/// An event on the quick way.
struct Quick<'a> {
    encoder: &'a Encoder<'a>,
    event: &'a Event<'a>,
    /// Its message, unescaped.
    message: &'a str,
    conflicts: &'a Conflicts,
}

impl Quick<'_> {
    /// A message that is JSON, alone or behind a prefix.
    fn append_json(&self, ids: &mut Ids, body: &mut Vec<u8>) -> Result<(), Surprise> {
        let (prefix, object) = split_prefix(self.message.trim())?;
        let mut members = Vec::with_capacity(MEMBERS);
        let object = clean(object, &mut members)?;
        self.check_conflicts(&members)?;
        if self.encoder.normalises() {
            let prefix = (!prefix.is_empty()).then(|| normalise::of_prefix(prefix));
            self.tell(&Named::new(&Told::by(&members)?, prefix.as_ref()), &Ids::default(), ids, body);
        }
        append_members(&object, &members, object.scanner.renames, body);
        Ok(())
    }

    /// The columns that a filter has cut out of the message. Where one of them holds JSON, the members of the message's are
    /// fields as well.
    fn append_columns(&self, columns: &str, ids: &mut Ids, body: &mut Vec<u8>) -> Result<(), Surprise> {
        let mut members = Vec::with_capacity(MEMBERS);
        let columns = clean(columns, &mut members)?;
        let count = members.len();
        if members.iter().any(|column| column.value.starts_with(['{', '['])) {
            return Err(Surprise); // Columns are texts, since AWS cuts them out of one.
        }
        let (mut of_columns, mut room) = (Ids::default(), Vec::new());
        let mut holds_json = false;
        for text in members.iter().filter_map(Member::text) {
            let text = plain(text, &mut room)?;
            holds_json |= text.trim_end().ends_with('}');
            ids::scan(text, |id| of_columns.keep(id));
        }
        let json = self.json_beside(&columns, holds_json, &mut members)?;
        self.check_conflicts(&members)?;
        if self.encoder.normalises() {
            self.tell(&Named::new(&Told::by(&members)?, None), &of_columns, ids, body);
        }
        append_members(&columns, &members[..count], columns.scanner.renames, body);
        if let Some(json) = json {
            append_members(&json, &members[count..], true, body);
        }
        Ok(())
    }

    /// The JSON of the message, where a column holds some. Its members are added to those of the columns, which come first.
    fn json_beside<'t>(
        &'t self,
        columns: &Clean<'_>,
        holds_json: bool,
        members: &mut Vec<Member<'t>>,
    ) -> Result<Option<Clean<'t>>, Surprise> {
        let message = self.message.trim();
        if !holds_json || !message.ends_with('}') {
            return Ok(None);
        }
        let mut inside = Vec::new();
        let json = clean(split_prefix(message)?.1, &mut inside)?;
        // An escape may hide an id from who looks at the message.
        let hides = |member: &Member<'_>| memchr::memchr(b'\\', member.value.as_bytes()).is_some();
        if columns.scanner.names + json.scanner.names > MAX_NAMES || inside.iter().any(hides) {
            return Err(Surprise);
        }
        inside.retain(|member| members.iter().all(|column| column.name != member.name));
        members.append(&mut inside);
        Ok(Some(json))
    }

    /// A message that is no JSON.
    fn append_text(&self, ids: &mut Ids, body: &mut Vec<u8>) -> Result<(), Surprise> {
        if !self.encoder.normalises() {
            return Ok(());
        }
        let Normalised { fields, .. } = {
            let mut normalised = normalise::of_message(self.message.trim());
            self.tell(&Named::from(&normalised), &Ids::default(), ids, body);
            normalised.fields = fields::tidy(std::mem::take(&mut normalised.fields));
            normalised
        };
        if !fields.is_empty() {
            let index = self.encoder.index(self.event.timestamp);
            if !self.conflicts.paths(&self.encoder.origin.log_group, &index).is_empty() {
                return Err(Surprise);
            }
            let fields = serde_json::to_string(&fields).map_err(|_| Surprise)?;
            body.push(b',');
            body.extend_from_slice(&fields.as_bytes()[1..fields.len() - 1]);
        }
        Ok(())
    }

    /// Appends what an event says of itself: its names, and the ids of its message and of more.
    fn tell(&self, named: &Named<'_>, more: &Ids, ids: &mut Ids, body: &mut Vec<u8>) {
        for id in [&named.request_id, &named.trace_id].into_iter().flatten().filter(|id| normalise::is_kept(id)) {
            ids.keep(id);
        }
        ids::scan(self.message, |id| ids.keep(id));
        more.iter().for_each(|id| ids.keep(id));
        named.append(ids, body);
    }

    /// An event with a field that its index refuses is left to the careful way.
    fn check_conflicts(&self, members: &[Member<'_>]) -> Result<(), Surprise> {
        if self.conflicts.is_empty() {
            return Ok(());
        }
        let (group, index) = (&self.encoder.origin.log_group, self.encoder.index(self.event.timestamp));
        let concerned = |member: &Member<'_>| match prefix(member.name) {
            "" => self.conflicts.concern(group, &index, member.name),
            prefix => self.conflicts.concern(group, &index, &format!("{prefix}{}", member.name)),
        };
        if members.iter().any(concerned) { Err(Surprise) } else { Ok(()) }
    }
}

/// What a name of the root gets before it, that would otherwise be one of ours or the engine's.
fn prefix(name: &str) -> &'static str {
    if name.starts_with(['_', '@']) { "json" } else { "" }
}

/// The message unescaped, where it is escaped at all.
fn plain<'t>(message: &'t str, room: &'t mut Vec<u8>) -> Result<&'t str, Surprise> {
    if memchr::memchr(b'\\', message.as_bytes()).is_none() {
        return Ok(message);
    }
    let unescaped = unescape_into(message, room);
    // Half of a surrogate pair is replaced, which only the careful way does.
    if unescaped.whole { Ok(unescaped.text) } else { Err(Surprise) }
}

/// What stands before the object at the end of a message, and the object.
fn split_prefix(message: &str) -> Result<(&str, &str), Surprise> {
    if message.starts_with('{') {
        return Ok(("", message));
    }
    let at = memchr::memchr(b'{', message.as_bytes()).ok_or(Surprise)?;
    Ok(message.split_at(at))
}

/// Appends members of an object; not `apart`, they are all that it has.
fn append_members(object: &Clean<'_>, members: &[Member<'_>], apart: bool, body: &mut Vec<u8>) {
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
        // They stand between values: inside of strings they are escaped.
        body[start..].iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    }
}
