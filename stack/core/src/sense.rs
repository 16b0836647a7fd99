//! What the members of an object say in the index's own terms: the fast path's reading of what `normalise` reads from fields.

use std::borrow::Cow;

use crate::{
    fast::{Surprise, clean},
    level::Level,
    normalise::{self, LEVEL_NAMES, Normalised, REQUEST_ID_NAMES, TRACE_ID_NAMES},
    scan::Member,
};

/// What the members of an object say, each as it stands in the text.
#[derive(Default)]
pub struct Sense<'t> {
    level: Option<(usize, Level)>,
    request_id: Option<(usize, &'t str)>,
    trace_id: Option<(usize, &'t str)>,
}

/// Level and ids of an event: those of its object, else those of the text before it.
pub struct Named<'t> {
    pub level: Option<Level>,
    pub request_id: Option<&'t str>,
    pub trace_id: Option<Cow<'t, str>>,
}

impl<'t> Named<'t> {
    pub fn new(sense: &Sense<'t>, text: Option<&'t Normalised>) -> Self {
        Self {
            level: sense.level.map(|(_, level)| level).or_else(|| text?.level),
            request_id: sense.request_id().or_else(|| text?.request_id.as_deref()),
            trace_id: sense.trace_id().or_else(|| text?.trace_id.as_deref().map(Cow::Borrowed)),
        }
    }
}

impl<'t> Sense<'t> {
    fn request_id(&self) -> Option<&'t str> {
        self.request_id.map(|(_, id)| id).filter(|id| !id.is_empty())
    }

    fn trace_id(&self) -> Option<Cow<'t, str>> {
        let id = self.trace_id.map(|(_, id)| id).filter(|id| !id.is_empty())?;
        Some(normalise::first_id(id).map_or(Cow::Borrowed(id), Cow::Owned))
    }
}

/// Finds level and ids among the members of an object; see `normalise`.
pub fn sense<'t>(members: &[Member<'t>]) -> Result<Sense<'t>, Surprise> {
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
