//! The fast path of the encoder: an event whose fields need no mending is copied into the bulk body as it stands.
//!
//! It makes the same document as the slow path or none: whatever surprises it is left to that.

use crate::{
    conflicts::Conflicts,
    document::Encoder,
    event::Event,
    fields,
    ids::{self, Ids},
    normalise::{self, Normalised},
    scan::{Inner, Member, Scanner},
    sense::{Named, Sense, sense},
    text::unescape_into,
};

/// Room that is used again for each event.
#[derive(Debug, Default)]
pub struct Scratch {
    text: Vec<u8>,
    found: Found,
}

/// What was found out about an event.
#[derive(Debug, Default)]
struct Found {
    /// Members of its document, each behind a comma.
    members: String,
    ids: Ids,
}

/// Members for which there is room at once.
const MEMBERS: usize = 24;

/// The surprise that leaves an event to the slow path.
pub(crate) struct Surprise;

impl Encoder<'_> {
    /// Appends the event, if nothing about it is unusual.
    pub(crate) fn encode_fast(&self, event: &Event<'_>, conflicts: &Conflicts, body: &mut Vec<u8>) -> bool {
        let start = body.len();
        let done = self.append_fast(event, conflicts, body).is_ok();
        if !done {
            body.truncate(start);
        }
        done
    }

    fn append_fast(&self, event: &Event<'_>, conflicts: &Conflicts, body: &mut Vec<u8>) -> Result<(), Surprise> {
        let mut scratch = self.scratch.borrow_mut();
        let Scratch { text, found } = &mut *scratch;
        if event.id.contains('\\') {
            return Err(Surprise);
        }
        self.append_head(event, body);
        let message = plain(event.message, text)?;
        let trimmed = message.trim();
        found.members.clear();
        found.ids.clear();
        match event.extracted_fields {
            Some(columns) => self.append_columns(event, columns, message, conflicts, found, body)?,
            None if trimmed.ends_with('}') => self.append_json(event, message, conflicts, found, body)?,
            None => self.append_text(event, message, conflicts, found, body)?,
        }
        body.extend_from_slice(b"}\n");
        Ok(())
    }

    /// A message that is JSON, alone or behind a prefix.
    fn append_json(
        &self,
        event: &Event<'_>,
        message: &str,
        conflicts: &Conflicts,
        found: &mut Found,
        body: &mut Vec<u8>,
    ) -> Result<(), Surprise> {
        let (prefix, object) = split_prefix(message.trim())?;
        let mut members = Vec::with_capacity(MEMBERS);
        let object = clean(object, &mut members)?;
        self.check_conflicts(event, &members, conflicts)?;
        if self.normalises {
            let sense = sense(&members)?;
            let prefix = (!prefix.is_empty()).then(|| normalise::of_prefix(prefix));
            prefix.as_ref().map_or(Ok(()), check_quiet)?;
            found.tell(&Named::new(&sense, prefix.as_ref()), message, &Ids::default());
        }
        body.extend_from_slice(found.members.as_bytes());
        append_members(&object, &members, object.scanner.renames, body);
        Ok(())
    }

    /// The columns that a filter has cut out of the message. Where one of them holds JSON, the members of the message's are
    /// fields as well.
    fn append_columns(
        &self,
        event: &Event<'_>,
        columns: &str,
        message: &str,
        conflicts: &Conflicts,
        found: &mut Found,
        body: &mut Vec<u8>,
    ) -> Result<(), Surprise> {
        let mut members = Vec::with_capacity(MEMBERS);
        let columns = clean(columns, &mut members)?;
        let count = members.len();
        let (mut of_columns, mut room) = (Ids::default(), Vec::new());
        let mut holds_json = false;
        if members.iter().any(|column| column.value.starts_with(['{', '['])) {
            return Err(Surprise); // AWS cuts out texts.
        }
        for text in members.iter().filter_map(Member::text) {
            let text = plain(text, &mut room)?;
            holds_json |= text.trim_end().ends_with('}');
            ids::scan(text, |id| of_columns.keep(id));
        }
        let trimmed = message.trim();
        let mut inside = Vec::new();
        let json = if holds_json && trimmed.ends_with('}') {
            let json = clean(split_prefix(trimmed)?.1, &mut inside)?;
            // An escape may hide an id from who looks at the message.
            let hides = |member: &Member<'_>| memchr::memchr(b'\\', member.value.as_bytes()).is_some();
            if columns.scanner.names + json.scanner.names > fields::MAX_NAMES || inside.iter().any(hides) {
                return Err(Surprise);
            }
            inside.retain(|member| members.iter().all(|column| column.name != member.name));
            members.append(&mut inside);
            Some(json)
        } else {
            None
        };
        self.check_conflicts(event, &members, conflicts)?;
        if self.normalises {
            found.tell(&Named::new(&sense(&members)?, None), message, &of_columns);
        }
        body.extend_from_slice(found.members.as_bytes());
        append_members(&columns, &members[..count], columns.scanner.renames, body);
        if let Some(json) = json {
            append_members(&json, &members[count..], true, body);
        }
        Ok(())
    }

    /// A message that is no JSON.
    fn append_text(
        &self,
        event: &Event<'_>,
        message: &str,
        conflicts: &Conflicts,
        found: &mut Found,
        body: &mut Vec<u8>,
    ) -> Result<(), Surprise> {
        if !self.normalises {
            return Ok(());
        }
        let mut normalised = normalise::of_message(message.trim());
        check_quiet(&normalised)?;
        found.tell(&Named::new(&Sense::default(), Some(&normalised)), message, &Ids::default());
        body.extend_from_slice(found.members.as_bytes());
        if !normalised.fields.is_empty() {
            if !conflicts.of(&self.index(event.timestamp)).is_empty() {
                return Err(Surprise);
            }
            normalised.fields = fields::clean(normalised.fields);
            let fields = serde_json::to_string(&normalised.fields).map_err(|_| Surprise)?;
            body.push(b',');
            body.extend_from_slice(&fields.as_bytes()[1..fields.len() - 1]);
        }
        Ok(())
    }

    /// The action, and the document up to the message.
    fn append_head(&self, event: &Event<'_>, body: &mut Vec<u8>) {
        body.extend_from_slice(br#"{"create":{"_index":""#);
        body.extend_from_slice(self.index(event.timestamp).as_bytes());
        body.extend_from_slice(br#"","_id":""#);
        body.extend_from_slice(event.id.as_bytes());
        body.extend_from_slice(b"\"}}\n{\"@id\":\"");
        body.extend_from_slice(event.id.as_bytes());
        body.extend_from_slice(br#"","@timestamp":"#);
        append_integer(event.valid_time(), body);
        body.extend_from_slice(self.head.as_bytes());
        body.extend_from_slice(br#","@message":""#);
        body.extend_from_slice(event.message.as_bytes());
        body.push(b'"');
    }

    /// An event with a field that its index refuses is the slow path's.
    fn check_conflicts(
        &self,
        event: &Event<'_>,
        members: &[Member<'_>],
        conflicts: &Conflicts,
    ) -> Result<(), Surprise> {
        if conflicts.is_empty() {
            return Ok(());
        }
        let index = self.index(event.timestamp);
        let concerned = |member: &Member<'_>| match prefix(member.name) {
            "" => conflicts.concern(&index, member.name),
            prefix => conflicts.concern(&index, &format!("{prefix}{}", member.name)),
        };
        if members.iter().any(concerned) { Err(Surprise) } else { Ok(()) }
    }
}

impl Found {
    /// Takes down what an event says: its names, and the ids of its message and of more.
    fn tell(&mut self, named: &Named<'_>, message: &str, more: &Ids) {
        let Self { members, ids } = self;
        if let Some(level) = named.level {
            put(members, "@level", level.as_ref());
        }
        for (name, id) in [("@request_id", named.request_id), ("@trace_id", named.trace_id.as_deref())] {
            let Some(id) = id else { continue };
            put(members, name, id);
            if normalise::is_kept(id) {
                ids.keep(id);
            }
        }
        ids::scan(message, |id| ids.keep(id));
        more.iter().for_each(|id| ids.keep(id));
        let mut before = ",\"@ids\":[\"";
        for id in ids.iter() {
            for part in [before, id, "\""] {
                members.push_str(part);
            }
            before = ",\"";
        }
        if before == ",\"" {
            members.push(']');
        }
    }
}

/// Appends a member whose value needs no escape: `sense` and `check_quiet` let no other through.
fn put(members: &mut String, name: &str, value: &str) {
    for part in [",\"", name, "\":\"", value, "\""] {
        members.push_str(part);
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
    // Half of a surrogate pair is replaced, which only the slow path does.
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

/// An object that was understood, and the scanner that knows how to copy it.
pub(crate) struct Clean<'t> {
    scanner: Scanner<'t>,
    inner: Inner<'t>,
}

pub(crate) fn clean<'t>(object: &'t str, members: &mut Vec<Member<'t>>) -> Result<Clean<'t>, Surprise> {
    let mut scanner = Scanner::new(object);
    let inner = scanner.clean_object(members).filter(|_| scanner.is_done()).ok_or(Surprise)?;
    Ok(Clean { scanner, inner })
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

/// Ids out of text may hold anything, and only what needs no escape is written as it is.
fn check_quiet(normalised: &Normalised) -> Result<(), Surprise> {
    let quiet = |id: &String| id.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
    let named = [&normalised.request_id, &normalised.trace_id];
    if named.into_iter().flatten().all(quiet) { Ok(()) } else { Err(Surprise) }
}

fn append_integer(number: i64, body: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    body.extend_from_slice(digits.format(number).as_bytes());
}
