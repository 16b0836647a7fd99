//! What the members of an object tell, on the quick way: what `normalise` reads from fields.

use std::borrow::Cow;

use crate::{
    fields::known::Known,
    json::{Member, Surprise, object::clean},
    level::Level,
    normalise::{self, Normalised},
};

/// Level and ids of an event.
#[derive(Debug, Default)]
pub(super) struct Named<'t> {
    pub level: Option<Level>,
    pub request_id: Option<Cow<'t, str>>,
    pub trace_id: Option<Cow<'t, str>>,
}

impl<'t> Named<'t> {
    /// As the object says, else as the text before it does.
    pub fn new(told: &Told<'t>, text: Option<&'t Normalised>) -> Self {
        let borrowed = |id: &'t Option<String>| id.as_deref().map(Cow::Borrowed);
        Self {
            level: told.level.map(|(_, level)| level).or_else(|| text?.level),
            request_id: told.request_id().map(Cow::Borrowed).or_else(|| borrowed(&text?.request_id)),
            trace_id: told.trace_id().or_else(|| borrowed(&text?.trace_id)),
        }
    }
}

impl<'t> From<&'t Normalised> for Named<'t> {
    fn from(text: &'t Normalised) -> Self {
        Self::new(&Told::default(), Some(text))
    }
}

/// What the members of an object tell, each as it stands in the text, with the place of its name in the table.
#[derive(Debug, Default)]
pub(super) struct Told<'t> {
    level: Option<(usize, Level)>,
    request_id: Option<(usize, &'t str)>,
    trace_id: Option<(usize, &'t str)>,
}

impl<'t> Told<'t> {
    /// Looks at the members of an object, and into those that may hold a known name.
    pub fn by(members: &[Member<'t>]) -> Result<Self, Surprise> {
        let mut told = Self::default();
        let mut inside = false;
        for member in members {
            if member.value.starts_with('{') {
                inside |= Known::may_be_inside(member.name);
            } else {
                told.note(member.name, member)?;
            }
        }
        if inside {
            told.look_inside(members)?;
        }
        if told.request_id().is_none() {
            told.request_id = platform_request_id(members)?.or(told.request_id);
        }
        Ok(told)
    }

    /// Looks for the names that have a dot, where that is nesting.
    fn look_inside(&mut self, members: &[Member<'t>]) -> Result<(), Surprise> {
        for name in Known::ALL.into_iter().flat_map(Known::names) {
            // A dotted name at the root comes first.
            let Some((outer, path)) = name.split_once('.') else { continue };
            let Some(object) = members.iter().find(|member| member.name == outer && member.value.starts_with('{'))
            else {
                continue;
            };
            if members.iter().any(|member| member.name == *name) {
                continue;
            }
            if let Some(found) = at(object.value, path)? {
                self.note(name, &found)?;
            }
        }
        Ok(())
    }

    /// Takes a member for what its name tells, unless a more telling name was found before.
    fn note(&mut self, name: &str, member: &Member<'t>) -> Result<(), Surprise> {
        let Some((known, rank)) = Known::find(name) else { return Ok(()) };
        let text = member.value.starts_with('"');
        let place = match known {
            Known::Level => {
                let level = if text {
                    member.plain_text().ok_or(Surprise)?.parse().ok()
                } else {
                    member.value.parse().ok().and_then(|number| Level::from_number(name, number))
                };
                if let Some(level) = level.filter(|_| self.level.is_none_or(|(best, _)| rank < best)) {
                    self.level = Some((rank, level));
                }
                return Ok(());
            }
            Known::RequestId => &mut self.request_id,
            Known::TraceId => &mut self.trace_id,
        };
        if text && place.is_none_or(|(best, _)| rank < best) {
            *place = Some((rank, member.plain_text().ok_or(Surprise)?));
        }
        Ok(())
    }

    fn request_id(&self) -> Option<&'t str> {
        self.request_id.map(|(_, id)| id).filter(|id| !id.is_empty())
    }

    fn trace_id(&self) -> Option<Cow<'t, str>> {
        let id = self.trace_id.map(|(_, id)| id).filter(|id| !id.is_empty())?;
        Some(normalise::first_id(id).map_or(Cow::Borrowed(id), Cow::Owned))
    }
}

/// What stands at a path in an object, each dot of it being nesting.
fn at<'t>(object: &'t str, path: &str) -> Result<Option<Member<'t>>, Surprise> {
    let mut members = Vec::new();
    clean(object, &mut members, None)?;
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    if rest.is_some() && members.iter().any(|member| member.name == path) {
        return Err(Surprise); // Partly nested and partly dotted.
    }
    let found = members.iter().find(|member| member.name == name).copied();
    match (found, rest) {
        (Some(object), Some(rest)) if object.value.starts_with('{') => at(object.value, rest),
        (found, None) => Ok(found),
        _ => Ok(None),
    }
}

/// The request that a line of Lambda's platform is about.
fn platform_request_id<'t>(members: &[Member<'t>]) -> Result<Option<(usize, &'t str)>, Surprise> {
    let named = |name: &str| members.iter().find(|member| member.name == name);
    let Some(record) = named("record").filter(|record| record.value.starts_with('{')) else { return Ok(None) };
    match named("type").and_then(Member::text) {
        Some(kind) if kind.contains('\\') => Err(Surprise),
        Some(kind) if kind.starts_with("platform.") => {
            let found = at(record.value, "requestId")?;
            found.map(|member| Ok((0, member.plain_text().ok_or(Surprise)?))).transpose()
        }
        _ => Ok(None),
    }
}
