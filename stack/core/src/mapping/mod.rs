//! What is known of the mappings of indices, and which names of an event are typed there.
//!
//! An index has room for a bounded number of typed names, which strangers share. A name that is mapped stays typed; a new
//! one is typed while there is room, and while its log group has not had its share. All others are written as pairs (see
//! [`pairs`](crate::pairs)), which answer the same questions.

mod layout;
mod read;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use foldhash::fast::RandomState;

use crate::shape::above;
pub(crate) use layout::{Layout, Leaf};

/// Names that are typed in an index, unless a stack says otherwise.
pub const DEFAULT_TYPED_NAMES: usize = 300;
/// New names of a log group that one writer types in an index.
const SHARE: usize = 10;
/// Indices that are known; more are forgotten all at once, and read again.
const MAX_INDICES: usize = 128;
/// Names of one log group that are known to be refused by an index.
const MAX_REFUSED: usize = 256;
/// After so many milliseconds an index that has no room is read again, and one that could not be read.
const REREAD: u64 = 300_000;
const RETRY: u64 = 60_000;
/// Bytes of layouts that are remembered; more are forgotten all at once.
const MAX_LAYOUTS: usize = 4 << 20;

/// Names whose members have names that are data: there is no end of them.
const MAPS: [&str; 21] = [
    "requestparameters",
    "responseelements",
    "requestobject",
    "responseobject",
    "additionaleventdata",
    "serviceeventdetails",
    "labels",
    "annotations",
    "headers",
    "requestheaders",
    "responseheaders",
    "multivalueheaders",
    "querystringparameters",
    "multivaluequerystringparameters",
    "pathparameters",
    "stagevariables",
    "tags",
    "params",
    "query",
    "cookies",
    "matchlabels",
];

/// What is known of the mappings of indices.
#[derive(Debug)]
pub struct Mappings {
    indices: HashMap<String, Mapping, RandomState>,
    /// Names that may be typed in one index.
    room: usize,
    /// New names of one log group that are typed in one index.
    share: usize,
    /// Bytes of the layouts that are remembered.
    remembered: usize,
}

impl Default for Mappings {
    fn default() -> Self {
        Self::new(DEFAULT_TYPED_NAMES)
    }
}

impl Mappings {
    /// Nothing is known yet. In each index `room` names may be typed.
    #[must_use]
    pub fn new(room: usize) -> Self {
        Self { indices: HashMap::default(), room, share: SHARE, remembered: 0 }
    }

    /// The same, and one log group may take all the room.
    #[cfg(any(test, feature = "properties"))]
    pub(crate) fn unshared(room: usize) -> Self {
        Self { share: usize::MAX, ..Self::new(room) }
    }

    /// Whether an index has to be read before the next event is written to it, at a moment in milliseconds: nobody has yet,
    /// or it is not as it was read. What could not be read, or has no room for more names, is read again after a while.
    #[must_use]
    pub fn wants_reading(&self, index: &str, now: u64) -> bool {
        self.indices.get(index).is_none_or(|mapping| {
            let is_old = |age| now.saturating_sub(mapping.read_at) >= age;
            match mapping.known {
                Known::Not => true,
                Known::Unreadable => is_old(RETRY),
                Known::Read { .. } => mapping.stale || (mapping.room != Room::Enough && is_old(REREAD)),
            }
        })
    }

    /// Takes what the engine answers when it is asked for the mapping of an index; where there is none, there is nothing in
    /// it. The answer is `None` where it cannot be had: then no name of the index is typed.
    pub fn read(&mut self, index: &str, answer: Option<&[u8]>, now: u64) {
        if self.indices.len() >= MAX_INDICES && !self.indices.contains_key(index) {
            self.indices.clear();
            self.remembered = 0;
        }
        let mapping = self.indices.entry(index.to_owned()).or_default();
        let read = answer.and_then(read::parse);
        mapping.room = if mapping.room == Room::Refused { Room::Full } else { Room::Enough };
        (mapping.stale, mapping.read_at) = (false, now);
        mapping.known = match &read {
            Some(read) => Known::Read { exists: read.exists },
            None => Known::Unreadable,
        };
        if let Some(read) = read {
            mapping.beside = read.beside;
            let names = read.typed.iter().filter(|_| !read.beside);
            mapping.above = names.flat_map(|name| above(name)).map(str::to_owned).collect();
            mapping.typed = read.typed;
        }
        for group in mapping.groups.values_mut() {
            self.remembered -= std::mem::take(&mut group.remembered);
            group.layouts.clear();
        }
    }

    /// Remembers that an index has refused an event of `group`, and for which of its names, where that is known.
    pub fn refused(&mut self, index: &str, group: &str, name: Option<&str>) {
        let mapping = self.indices.entry(index.to_owned()).or_default();
        mapping.stale = true;
        let group = mapping.groups.entry(group.to_owned()).or_default();
        if let Some(name) = name.filter(|_| group.refused.len() < MAX_REFUSED) {
            group.refused.insert(name.to_owned());
        }
    }

    /// Remembers that an index takes no new name, whatever it has room for here, until its second reading from now: the first
    /// one, which this asks for, tells what it has and not that it takes no more.
    pub fn is_full(&mut self, index: &str) {
        let mapping = self.indices.entry(index.to_owned()).or_default();
        (mapping.stale, mapping.room) = (true, Room::Refused);
    }

    /// Which names of an event are typed, by the shape that it has.
    pub(crate) fn layout(&mut self, index: &str, group: &str, shape: &[u8]) -> Arc<Layout> {
        let Some(mapping) = self.indices.get_mut(index) else { return Arc::new(Layout::untyped(shape)) };
        let remembered = mapping.groups.get(group).and_then(|group| group.layouts.get(shape)).map(Arc::clone);
        let found = match (&remembered, mapping.known) {
            (Some(found), _) => Arc::clone(found),
            (None, Known::Not | Known::Unreadable) => Arc::new(Layout::untyped(shape)),
            (None, Known::Read { .. }) => {
                let limits = (self.room, self.share);
                Arc::new(Layout::new(shape, |name| mapping.types(group, name, limits)))
            }
        };
        if found.crowded > 0 && mapping.room == Room::Enough {
            mapping.room = Room::Short;
        }
        if remembered.is_none() {
            self.remember(index, group, shape, Arc::clone(&found));
        }
        found
    }

    fn remember(&mut self, index: &str, group: &str, shape: &[u8], found: Arc<Layout>) {
        let bytes = shape.len() + found.bytes();
        if self.remembered + bytes > MAX_LAYOUTS {
            self.remembered = 0;
            for group in self.indices.values_mut().flat_map(|mapping| mapping.groups.values_mut()) {
                group.layouts.clear();
                group.remembered = 0;
            }
        }
        let Some(mapping) = self.indices.get_mut(index) else { return };
        let group = mapping.groups.entry(group.to_owned()).or_default();
        if bytes <= MAX_LAYOUTS {
            group.layouts.insert(shape.into(), found);
            group.remembered += bytes;
            self.remembered += bytes;
        }
    }

    /// Whether the mapping of an index is known.
    #[must_use]
    pub fn knows(&self, index: &str) -> bool {
        self.indices.get(index).is_some_and(|mapping| matches!(mapping.known, Known::Read { .. }))
    }

    /// Notes that an event was written to an index that was not there when it was read: it is read again, for what its
    /// template says.
    pub fn written(&mut self, index: &str) {
        if let Some(mapping) = self.indices.get_mut(index)
            && matches!(mapping.known, Known::Read { exists: false })
        {
            mapping.stale = true;
        }
    }
}

/// What is known of one mapping.
#[derive(Debug, Default)]
struct Mapping {
    known: Known,
    /// Whether it has changed since it was read, as far as can be told.
    stale: bool,
    room: Room,
    /// When it was read, in milliseconds since any moment.
    read_at: u64,
    /// Whether a name may stand beside those below it, as `a` beside `a.b`.
    beside: bool,
    /// The names that are typed.
    typed: HashSet<String>,
    /// The names above those, where none may stand beside them.
    above: HashSet<String>,
    groups: HashMap<String, Group, RandomState>,
}

/// Whether there is room for new names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Room {
    /// As far as is known.
    #[default]
    Enough,
    /// A name was not typed for want of it.
    Short,
    /// The index has refused a new name since it was read.
    Refused,
    /// It had refused one, before it was read the first time after that.
    Full,
}

/// Whether a mapping is known.
#[derive(Debug, Clone, Copy, Default)]
enum Known {
    /// Nobody has asked.
    #[default]
    Not,
    /// It could not be read.
    Unreadable,
    /// It was read, or its index was not there yet.
    Read { exists: bool },
}

/// What is known of a log group in one index.
#[derive(Debug, Default)]
struct Group {
    /// New names of it that were typed here.
    added: usize,
    /// What the index has refused of it.
    refused: BTreeSet<String>,
    layouts: HashMap<Box<[u8]>, Arc<Layout>, RandomState>,
    /// Bytes of those.
    remembered: usize,
}

/// Whether a name of an event is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Typed {
    /// As a field.
    Yes,
    /// By its form, or since something else is there, it must not be.
    No,
    /// It would be, if there were room.
    Crowded,
}

impl Mapping {
    /// Whether `name` of `group` is typed. A new name is, from now on, if it may be and there is room.
    ///
    /// There is room for so many names of the index, and for so many new ones of the group.
    fn types(&mut self, group: &str, name: &str, (room, share): (usize, usize)) -> Typed {
        let below = |known: &str| name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        if self.groups.get(group).is_some_and(|group| group.refused.iter().any(|refused| below(refused))) {
            return Typed::No;
        }
        if self.typed.contains(name) {
            return Typed::Yes;
        }
        if !may_be_typed(name) || (!self.beside && self.is_beside_others(name)) {
            return Typed::No;
        }
        let group = self.groups.entry(group.to_owned()).or_default();
        let is_full = matches!(self.room, Room::Refused | Room::Full);
        if is_full || self.typed.len() >= room || group.added >= share {
            return Typed::Crowded;
        }
        group.added += 1;
        if !self.beside {
            self.above.extend(above(name).map(str::to_owned));
        }
        self.typed.insert(name.to_owned());
        Typed::Yes
    }

    /// Whether a typed name stands above or below `name`.
    fn is_beside_others(&self, name: &str) -> bool {
        self.above.contains(name) || above(name).any(|above| self.typed.contains(above))
    }
}

/// Whether a name may be typed, by its form.
fn may_be_typed(name: &str) -> bool {
    // The keys of a map are folded into one star, `num` is the number of what stands before it.
    !name.contains('*') && name.rsplit('.').next() != Some("num") && !is_of_map(name)
}

/// Whether a name stands below one whose members are data.
fn is_of_map(name: &str) -> bool {
    let mut parts = name.rsplit('.').skip(1);
    parts.any(|part| {
        let folded = || part.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
        MAPS.iter().any(|map| part.len() >= map.len() && map.bytes().eq(folded()))
    })
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;
    use crate::shape::{CLOSE, OPEN, VALUE};

    const MAPPING: &str = r#"{"logctl-2026.11.23":{"mappings":{"dynamic_templates":[],"properties":{
        "@level":{"type":"keyword"},"a":{"type":"keyword","fields":{"num":{"type":"double"}}},
        "o":{"properties":{"b":{"type":"keyword"}}}}}}}"#;

    fn mapping(answer: &str, room: usize) -> Mapping {
        let mut mappings = Mappings::new(room);
        mappings.read("i", Some(answer.as_bytes()), 0);
        mappings.indices.remove("i").unwrap()
    }

    #[test_case("a", Typed::Yes; "mapped")]
    #[test_case("o.b", Typed::Yes; "mapped below an object")]
    #[test_case("new", Typed::Yes; "new")]
    #[test_case("o.c", Typed::Yes; "new below an object")]
    #[test_case("o", Typed::No; "a value where an object is")]
    #[test_case("a.b", Typed::No; "an object where a value is")]
    #[test_case("u.*.n", Typed::No; "keys of a map")]
    #[test_case("x.num", Typed::No; "what looks like the number of a field")]
    #[test_case("detail.requestParameters.bucketName", Typed::No; "below a map")]
    #[test_case("request_parameters.x", Typed::No; "spelled otherwise")]
    #[test_case("requestParameters", Typed::Yes; "a map that is a text")]
    #[test_case("refused.x", Typed::No; "below what was refused")]
    fn types(name: &str, expected: Typed) {
        let mut mapping = mapping(MAPPING, 300);
        mapping.groups.entry("g".to_owned()).or_default().refused.insert("refused".to_owned());
        assert_eq!(mapping.types("g", name, (300, SHARE)), expected);
        assert_eq!(mapping.types("g", name, (300, SHARE)), expected, "asked again");
    }

    #[test]
    fn a_name_stands_beside_those_below_it_where_the_engine_lets_it() {
        let mut mapping = mapping(&MAPPING.replace(r#""dynamic_templates":[]"#, r#""disable_objects":true"#), 300);
        assert_eq!(mapping.types("g", "a.b", (300, SHARE)), Typed::Yes);
    }

    #[test]
    fn a_group_has_its_share_and_an_index_its_room() {
        let mut mapping = mapping(MAPPING, 300);
        let typed = |mapping: &mut Mapping, group: &str, room| {
            let names = (0..100).map(|n| format!("{group}{n}"));
            names.filter(|name| mapping.types(group, name, (room, SHARE)) == Typed::Yes).count()
        };
        assert_eq!((typed(&mut mapping, "x", 300), typed(&mut mapping, "y", 300)), (10, 10));
        assert_eq!(typed(&mut mapping, "z", 25), 3, "two were mapped before");
        assert_eq!(mapping.types("z", "a", (25, SHARE)), Typed::Yes, "what is mapped stays");
    }

    #[test]
    fn an_index_is_read_when_it_may_have_changed() {
        let mut mappings = Mappings::new(1);
        let wants = |mappings: &Mappings, now| mappings.wants_reading("i", now);
        assert!(wants(&mappings, 0) && !mappings.knows("i"));
        mappings.read("i", None, 0);
        assert!(!wants(&mappings, RETRY - 1) && wants(&mappings, RETRY) && !mappings.knows("i"));
        mappings.read("i", Some(b"{}"), 0);
        assert!(!wants(&mappings, u64::MAX) && mappings.knows("i"));
        mappings.written("i");
        assert!(wants(&mappings, 0), "it is there now");
        mappings.read("i", Some(MAPPING.as_bytes()), 0);
        mappings.written("i");
        assert!(!wants(&mappings, u64::MAX));
        drop(mappings.layout("i", "g", &[OPEN, b'n', VALUE, CLOSE]));
        assert!(!wants(&mappings, REREAD - 1) && wants(&mappings, REREAD), "there was no room");
        mappings.refused("i", "g", Some("n"));
        assert!(wants(&mappings, 0));
    }

    #[test]
    fn an_index_that_is_full_stays_so_until_it_is_read_again() {
        let mut mappings = Mappings::new(300);
        let shape = [OPEN, b'n', VALUE, CLOSE];
        let untyped = |mappings: &mut Mappings| mappings.layout("i", "g", &shape).untyped;
        mappings.read("i", Some(b"{}"), 0);
        mappings.is_full("i");
        mappings.read("i", Some(b"{}"), 0);
        assert_eq!(untyped(&mut mappings), 1);
        assert!(mappings.wants_reading("i", REREAD));
        mappings.read("i", Some(b"{}"), REREAD);
        assert_eq!(untyped(&mut mappings), 0);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut mappings = Mappings::new(usize::MAX);
        for n in 0..20_000 {
            let index = format!("i{}", n % 300);
            if mappings.wants_reading(&index, 0) {
                mappings.read(&index, Some(b"{}"), 0);
            }
            let mut shape = vec![OPEN];
            shape.extend(format!("{n:0>256}").bytes().chain([VALUE, CLOSE]));
            drop(mappings.layout(&index, "g", &shape));
            mappings.refused("i0", "g", Some(&n.to_string()));
        }
        let groups = || mappings.indices.values().flat_map(|mapping| mapping.groups.values());
        assert!(mappings.indices.len() <= MAX_INDICES && mappings.remembered <= MAX_LAYOUTS);
        assert_eq!(groups().map(|group| group.remembered).sum::<usize>(), mappings.remembered);
        assert!(groups().all(|group| group.refused.len() <= MAX_REFUSED));
    }
}
