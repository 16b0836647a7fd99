//! The fast path of the encoder: an event whose fields need no mending is copied into the bulk body as it stands.
//!
//! It makes the same document as the slow path or none: whatever surprises it is left to that.

use std::borrow::Cow;

use crate::{
    conflicts::Conflicts,
    document::Encoder,
    event::Event,
    fields,
    ids::{self, Ids},
    level::Level,
    normalise::{self, LEVEL_NAMES, Normalised, REQUEST_ID_NAMES, TRACE_ID_NAMES},
    scan::{Inner, Member, Scanner},
    text::unescape_into,
};

/// Room that is used again for each event.
#[derive(Debug, Default)]
pub struct Scratch {
    text: Vec<u8>,
    found: String,
    ids: Ids,
}

/// What the members of an object say, each as it stands in the text.
#[derive(Default)]
struct Sense<'t> {
    level: Option<(usize, Level)>,
    request_id: Option<(usize, &'t str)>,
    trace_id: Option<(usize, &'t str)>,
}

/// Members for which there is room at once; as many as an allocator still has in its fastest store.
const MEMBERS: usize = 24;

/// The surprise that leaves an event to the slow path.
struct Surprise;

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
        let Scratch { text, found, ids } = &mut *scratch;
        if event.id.contains('\\') {
            return Err(Surprise);
        }
        self.append_head(event, body);
        let message = plain(event.message, text)?;
        let trimmed = message.trim();
        found.clear();
        ids.clear();
        match event.extracted_fields {
            Some(columns) => self.append_columns(event, columns, message, conflicts, (found, ids), body)?,
            None if trimmed.ends_with('}') => self.append_json(event, message, conflicts, (found, ids), body)?,
            None => {
                if self.normalises {
                    self.append_text(event, message, conflicts, (found, ids))?;
                }
                body.extend_from_slice(found.as_bytes());
            }
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
        (found, ids): (&mut String, &mut Ids),
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
            write_sense(&sense, prefix.as_ref(), found);
            keep_named(&sense, prefix.as_ref(), ids);
            ids::scan(message, |id| ids.keep(id));
            write_ids(ids, found);
        }
        body.extend_from_slice(found.as_bytes());
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
        (found, ids): (&mut String, &mut Ids),
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
            let sense = sense(&members)?;
            write_sense(&sense, None, found);
            keep_named(&sense, None, ids);
            ids::scan(message, |id| ids.keep(id));
            of_columns.iter().for_each(|id| ids.keep(id));
            write_ids(ids, found);
        }
        body.extend_from_slice(found.as_bytes());
        append_members(&columns, &members[..count], columns.scanner.renames, body);
        if let Some(json) = json {
            append_members(&json, &members[count..], true, body);
        }
        Ok(())
    }

    /// Writes what a message that is no JSON says.
    fn append_text(
        &self,
        event: &Event<'_>,
        message: &str,
        conflicts: &Conflicts,
        (found, ids): (&mut String, &mut Ids),
    ) -> Result<(), Surprise> {
        let mut normalised = normalise::of_message(message.trim());
        if !normalised.fields.is_empty() {
            if !conflicts.of(&self.index(event.timestamp)).is_empty() {
                return Err(Surprise);
            }
            normalised.fields = fields::clean(normalised.fields);
        }
        write_normalised(&normalised, message, found, ids)
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
struct Clean<'t> {
    scanner: Scanner<'t>,
    inner: Inner<'t>,
}

fn clean<'t>(object: &'t str, members: &mut Vec<Member<'t>>) -> Result<Clean<'t>, Surprise> {
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

/// Finds level and ids among the members of an object; see `normalise`.
fn sense<'t>(members: &[Member<'t>]) -> Result<Sense<'t>, Surprise> {
    let mut sense = Sense::default();
    let mut platform = None;
    for member in members {
        // Names of conventions may be nested as well as dotted.
        if member.value.starts_with('{') {
            match member.name {
                "log" | "trace" | "http" | "dd" | "faas" => return nested(members),
                "record" => platform = Some(member.value),
                _ => {}
            }
            continue;
        }
        note(member, &mut sense)?;
    }
    if let Some(record) = platform.filter(|_| sense.request_id().is_none())
        && let Some(kind) = members.iter().find(|member| member.name == "type").and_then(Member::text)
        && (kind.starts_with("platform.") || kind.contains('\\'))
    {
        if kind.contains('\\') {
            return Err(Surprise);
        }
        let mut inside = Vec::new();
        clean(record, &mut inside)?;
        let request_id = inside.iter().find(|member| member.name == "requestId");
        sense.request_id = request_id.map(|member| Ok((0, member.plain_text().ok_or(Surprise)?))).transpose()?;
    }
    Ok(sense)
}

fn nested<'t>(members: &[Member<'t>]) -> Result<Sense<'t>, Surprise> {
    let mut sense = Sense::default();
    let mut inside = Vec::new();
    for member in members {
        note(member, &mut sense)?;
        let (inner, name) = match member.name {
            "log" => ("level", "log.level"),
            "trace" => ("id", "trace.id"),
            "dd" => ("trace_id", "dd.trace_id"),
            "faas" => ("invocation_id", "faas.invocation_id"),
            "http" => ("request", "http.request.id"),
            "record" => return Err(Surprise), // Deeper, and rare.
            _ => continue,
        };
        // A dotted name at the root comes first.
        if !member.value.starts_with('{') || members.iter().any(|member| member.name == name) {
            continue;
        }
        clean(member.value, &mut inside)?;
        if inside.iter().any(|found| found.name == "request.id") {
            return Err(Surprise); // The end of the only one that is deeper.
        }
        let found = inside.iter().find(|found| found.name == inner).copied();
        match found {
            Some(request) if inner == "request" && request.value.starts_with('{') => {
                clean(request.value, &mut inside)?;
                if let Some(id) = inside.iter().find(|found| found.name == "id") {
                    note(&Member { name, ..*id }, &mut sense)?;
                }
            }
            Some(found) if inner != "request" => note(&Member { name, ..found }, &mut sense)?,
            _ => {}
        }
    }
    Ok(sense)
}

/// Takes a member for what its name says, unless a more telling name was found before.
fn note<'t>(member: &Member<'t>, sense: &mut Sense<'t>) -> Result<(), Surprise> {
    if !matches!(
        member.name.as_bytes()[0],
        b'a' | b'A' | b'd' | b'f' | b'h' | b'l' | b'r' | b'R' | b's' | b'S' | b't' | b'T' | b'x' | b'X'
    ) {
        return Ok(());
    }
    let last = member.name.as_bytes().last();
    let same = |name: &str| name.len() == member.name.len() && name.as_bytes().last() == last && name == member.name;
    let rank = |names: &[&str]| names.iter().position(|name| same(name));
    if let Some(rank) = rank(&LEVEL_NAMES) {
        let level = if member.value.starts_with('"') {
            member.plain_text().ok_or(Surprise)?.parse().ok()
        } else {
            member.value.parse().ok().and_then(|number| Level::of_number(member.name, number))
        };
        if let Some(level) = level.filter(|_| sense.level.is_none_or(|(best, _)| rank < best)) {
            sense.level = Some((rank, level));
        }
        return Ok(());
    }
    let (rank, place) = match (rank(&REQUEST_ID_NAMES), rank(&TRACE_ID_NAMES)) {
        (Some(rank), _) => (rank, &mut sense.request_id),
        (_, Some(rank)) => (rank, &mut sense.trace_id),
        _ => return Ok(()),
    };
    if member.value.starts_with('"') && place.is_none_or(|(best, _)| rank < best) {
        *place = Some((rank, member.plain_text().ok_or(Surprise)?));
    }
    Ok(())
}

impl Sense<'_> {
    fn request_id(&self) -> Option<&str> {
        self.request_id.map(|(_, id)| id).filter(|id| !id.is_empty())
    }

    fn trace_id(&self) -> Option<Cow<'_, str>> {
        let id = self.trace_id.map(|(_, id)| id).filter(|id| !id.is_empty())?;
        Some(normalise::first_id(id).map_or(Cow::Borrowed(id), Cow::Owned))
    }
}

/// Writes level and ids of an object, else those of the text before it.
fn write_sense(sense: &Sense<'_>, prefix: Option<&Normalised>, found: &mut String) {
    let level = sense.level.map(|(_, level)| level).or_else(|| prefix?.level);
    if let Some(level) = level {
        put(found, "@level", level.as_str());
    }
    if let Some(id) = sense.request_id().or_else(|| prefix?.request_id.as_deref()) {
        put(found, "@request_id", id);
    }
    if let Some(id) = sense.trace_id().or_else(|| prefix?.trace_id.as_deref().map(Cow::Borrowed)) {
        put(found, "@trace_id", &id);
    }
}

/// Keeps the ids that have a name.
fn keep_named(sense: &Sense<'_>, prefix: Option<&Normalised>, ids: &mut Ids) {
    let mut keep = |id: &str| {
        if normalise::is_kept(id) {
            ids.keep(id);
        }
    };
    if let Some(id) = sense.request_id().or_else(|| prefix?.request_id.as_deref()) {
        keep(id);
    }
    if let Some(id) = sense.trace_id().or_else(|| prefix?.trace_id.as_deref().map(Cow::Borrowed)) {
        keep(&id);
    }
}

/// What `sense` and `check_quiet` let through needs no escape.
fn write_ids(ids: &Ids, found: &mut String) {
    let mut before = ",\"@ids\":[\"";
    for id in ids.iter() {
        for part in [before, id, "\""] {
            found.push_str(part);
        }
        before = ",\"";
    }
    if before == ",\"" {
        found.push(']');
    }
}

/// Appends a member whose value needs no escape.
fn put(found: &mut String, name: &str, value: &str) {
    for part in [",\"", name, "\":\"", value, "\""] {
        found.push_str(part);
    }
}

/// Ids out of text may hold anything, and only what needs no escape is written as it is.
fn check_quiet(normalised: &Normalised) -> Result<(), Surprise> {
    let quiet = |id: &String| id.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
    let named = [&normalised.request_id, &normalised.trace_id];
    if named.into_iter().flatten().all(quiet) { Ok(()) } else { Err(Surprise) }
}

/// Writes what was read out of a message that is no JSON.
fn write_normalised(normalised: &Normalised, message: &str, found: &mut String, ids: &mut Ids) -> Result<(), Surprise> {
    check_quiet(normalised)?;
    write_sense(&Sense::default(), Some(normalised), found);
    keep_named(&Sense::default(), Some(normalised), ids);
    ids::scan(message, |id| ids.keep(id));
    write_ids(ids, found);
    if !normalised.fields.is_empty() {
        let fields = serde_json::to_string(&normalised.fields).map_err(|_| Surprise)?;
        found.push(',');
        found.push_str(&fields[1..fields.len() - 1]);
    }
    Ok(())
}

fn append_integer(number: i64, body: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    body.extend_from_slice(digits.format(number).as_bytes());
}
