//! What becomes of the names of an event, by its shape.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use foldhash::fast::RandomState;
use serde_json::json;

use super::Typed;
use crate::{
    json::text::escaped,
    normalise::Roles,
    pairs,
    shape::{CLOSE, END, LIST, NOTHING, OPEN, Path, VALUE, above, each_value, is_too_long, steps},
};

/// Bytes of the names of an event.
const MAX_LISTED: usize = 64 << 10;

/// What becomes of the names of an event.
#[derive(Debug)]
pub struct Layout {
    /// Whether the whole object may be copied as it stands.
    pub whole: bool,
    /// What becomes of each leaf, in their order.
    pub leaves: Box<[Leaf]>,
    /// What closes the objects and lists behind the last leaf that is typed.
    pub end: Box<[u8]>,
    /// All names that have a value, and those above them, as items of a list of JSON.
    pub names: Box<[u8]>,
    /// How many values are in the message only, or under a name that is not among those.
    pub left_out: usize,
    /// Whether a name may occur more than once.
    pub repeats: bool,
    /// How many names are not typed.
    pub untyped: usize,
    /// How many of those for want of room.
    pub crowded: usize,
    /// Which leaves tell what the event is about.
    pub roles: Roles,
}

/// What becomes of a leaf.
#[derive(Debug)]
pub enum Leaf {
    /// It is a field; what stands before its value in the document.
    Field(Box<[u8]>),
    /// Its name is too long: its value is in the message only.
    Left,
    /// It is a pair; what stands before its value in the term, escaped for JSON. In a list the same name comes again.
    Pair(Arc<str>),
}

impl Layout {
    /// Every name is left to pairs.
    pub fn untyped(shape: &[u8]) -> Self {
        Self::new(shape, |_| Typed::No)
    }

    /// `types` tells of each name whether it is typed; those of the root are asked first.
    pub fn new(shape: &[u8], mut types: impl FnMut(&str) -> Typed) -> Self {
        let mut decided: HashMap<String, Typed, RandomState> = HashMap::default();
        for of_the_root in [true, false] {
            each_value(shape, |path, depth| {
                // In a list a name may come without end.
                if (depth == 1) == of_the_root && !is_too_long(path) && !decided.contains_key(path) {
                    decided.insert(path.to_owned(), types(path));
                }
            });
        }
        let count = |kind: Typed| decided.values().filter(|typed| **typed == kind).count();
        let crowded = count(Typed::Crowded);
        let untyped = count(Typed::No) + crowded;
        let is_full = |pair: &[u8]| !matches!(pair, [OPEN, CLOSE] | [LIST, END]);
        let (names, unlisted) = names(shape);
        let (leaves, end) = document(shape, |path| decided.get(path) == Some(&Typed::Yes));
        Self {
            whole: untyped == 0
                && !leaves.iter().any(|leaf| matches!(leaf, Leaf::Left))
                && !shape.contains(&NOTHING)
                && shape.windows(2).all(is_full),
            left_out: unlisted + leaves.iter().filter(|leaf| matches!(leaf, Leaf::Left)).count(),
            leaves,
            end,
            names,
            repeats: shape.contains(&LIST),
            untyped,
            crowded,
            roles: Roles::of(shape),
        }
    }

    /// About what it takes of the memory.
    pub fn bytes(&self) -> usize {
        let leaf = |leaf: &Leaf| match leaf {
            Leaf::Field(before) => before.len(),
            Leaf::Pair(before) => before.len(),
            Leaf::Left => 0,
        };
        let leaves: usize = self.leaves.iter().map(|each| size_of::<Leaf>() + leaf(each)).sum();
        size_of::<Self>() + leaves + self.end.len() + self.names.len()
    }
}

/// The names that have a value, and all names above them; and how many are too much.
fn names(shape: &[u8]) -> (Box<[u8]>, usize) {
    let mut seen: HashSet<String, RandomState> = HashSet::default();
    let (mut list, mut unlisted) = (Vec::new(), 0);
    each_value(shape, |path, _| {
        if is_too_long(path) || seen.contains(path) {
            return;
        }
        if list.len() > MAX_LISTED {
            unlisted += 1;
            return;
        }
        for name in above(path).chain([path]) {
            if seen.contains(name) {
                continue;
            }
            seen.insert(name.to_owned());
            if !list.is_empty() {
                list.push(b',');
            }
            list.extend_from_slice(json!(name).to_string().as_bytes());
        }
    });
    (list.into(), unlisted)
}

/// An object or a list that is open.
struct Container {
    /// What stands before it in the document, behind a comma.
    begin: String,
    end: u8,
    /// Whether it stands in the document: one without fields does not.
    written: bool,
    /// Whether something stands in it.
    used: bool,
}

/// What stands before each leaf in the document, and behind the last one.
fn document(shape: &[u8], is_typed: impl Fn(&str) -> bool) -> (Box<[Leaf]>, Box<[u8]>) {
    let mut path = Path::default();
    let mut leaves = Vec::new();
    let mut before = Vec::new();
    let mut open: Vec<Container> = Vec::new();
    let mut known_pairs: HashMap<String, Arc<str>, RandomState> = HashMap::default();
    for (name, sign) in steps(shape) {
        let key = if name.is_empty() { String::new() } else { format!("{}:", json!(name)) };
        match sign {
            VALUE => path.with(name, |path, _| {
                leaves.push(if is_too_long(path) {
                    Leaf::Left
                } else if is_typed(path) {
                    write_open(&mut open, &mut before);
                    before.extend_from_slice(key.as_bytes());
                    Leaf::Field(std::mem::take(&mut before).into())
                } else {
                    let known = known_pairs.get(path).map(Arc::clone);
                    Leaf::Pair(known.unwrap_or_else(|| {
                        let pair: Arc<str> = escaped(&format!("{}=", pairs::escape(path))).into();
                        known_pairs.insert(path.to_owned(), Arc::clone(&pair));
                        pair
                    }))
                });
            }),
            OPEN | LIST => {
                let root = open.is_empty();
                let (begin, end) = if sign == OPEN { ('{', b'}') } else { ('[', b']') };
                // Of the root, other members stand in the document already.
                open.push(Container { begin: format!("{key}{begin}"), end, written: root, used: root });
                path.enter(name);
            }
            CLOSE | END => {
                path.leave();
                let closed = open.pop();
                before.extend(closed.filter(|it| it.written && !open.is_empty()).map(|it| it.end));
            }
            _ => {}
        }
    }
    (leaves.into(), before.into())
}

/// Writes the containers that are open and not yet written, and a comma where one is wanted.
fn write_open(open: &mut [Container], before: &mut Vec<u8>) {
    let mut comma = false;
    for container in open {
        if !container.written {
            if comma {
                before.push(b',');
            }
            before.extend_from_slice(container.begin.as_bytes());
            container.written = true;
        }
        comma = std::mem::replace(&mut container.used, true);
    }
    if comma {
        before.push(b',');
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    /// A shape in signs that can be typed: `name=` a value, `name!` nothing, braces and brackets.
    fn shape(text: &str) -> Vec<u8> {
        let sign = |byte: u8| match byte {
            b'=' => VALUE,
            b'!' => NOTHING,
            b'{' => OPEN,
            b'}' => CLOSE,
            b'[' => LIST,
            b']' => END,
            other => other,
        };
        text.bytes().map(sign).collect()
    }

    /// The document of a shape where the names in capitals are typed and each value is a zero, and the terms of the others.
    fn shown(text: &str) -> (String, Vec<String>) {
        let last = |path: &str| path.rsplit('.').next().unwrap_or_default().starts_with(char::is_uppercase);
        let layout = Layout::new(&shape(text), |path| if last(path) { Typed::Yes } else { Typed::No });
        let (mut document, mut pairs) = (String::from("{0"), Vec::new());
        for leaf in &layout.leaves {
            match leaf {
                Leaf::Field(before) => document += &format!("{}0", String::from_utf8_lossy(before)),
                Leaf::Pair(before) => pairs.push(before.to_string()),
                Leaf::Left => {}
            }
        }
        (document + &String::from_utf8_lossy(&layout.end) + "}", pairs)
    }

    #[test_case("{A=B=}", r#"{0,"A":0,"B":0}"#, &[]; "all typed")]
    #[test_case("{a=B=}", r#"{0,"B":0}"#, &["a="]; "one is a pair")]
    #[test_case("{o{a=B=c=D=}E=}", r#"{0,"o":{"B":0,"D":0},"E":0}"#, &["o.a=", "o.c="]; "nested")]
    #[test_case("{o{p{a=}q{B=}}}", r#"{0,"o":{"q":{"B":0}}}"#, &["o.p.a="]; "an object without fields is not written")]
    #[test_case("{l[{a=}{B=}{B=}]}", r#"{0,"l":[{"B":0},{"B":0}]}"#, &["l.a="]; "a list")]
    #[test_case("{a.b=o{c\"=}}", "{0}", &["a.b=", "o.c\\\"="]; "no field at all, and a name with a quote")]
    #[test_case("{}", "{0}", &[]; "nothing")]
    fn documents(text: &str, document: &str, pairs: &[&str]) {
        assert_eq!(shown(text), (document.to_owned(), pairs.iter().map(|pair| (*pair).to_owned()).collect()));
    }

    #[test_case("{A=o{B=}}", true; "all fields")]
    #[test_case("{A=b=}", false; "a pair")]
    #[test_case("{A=b!}", false; "a null")]
    #[test_case("{A=b{}}", false; "an empty object")]
    fn wholes(text: &str, whole: bool) {
        let last = |path: &str| path.rsplit('.').next().unwrap_or_default().starts_with(char::is_uppercase);
        let layout = Layout::new(&shape(text), |path| if last(path) { Typed::Yes } else { Typed::No });
        assert_eq!(layout.whole, whole);
    }

    #[test]
    fn names_are_listed_with_those_above_them() {
        let layout = Layout::untyped(&shape("{a.b=o{c=n!l[{d=}{d=}]}}"));
        assert_eq!(std::str::from_utf8(&layout.names).unwrap(), r#""a","a.b","o","o.c","o.l","o.l.d""#);
    }

    #[test]
    fn a_name_that_comes_again_is_decided_and_kept_once() {
        let mut asked = 0;
        let layout = Layout::new(&shape(&format!("{{l[{}]}}", "{a=}".repeat(1_000))), |_| {
            asked += 1;
            Typed::No
        });
        let pairs: HashSet<*const u8> = layout
            .leaves
            .iter()
            .map(|leaf| match leaf {
                Leaf::Pair(pair) => pair.as_ptr(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!((asked, layout.leaves.len(), pairs.len()), (1, 1_000, 1));
    }

    #[test]
    fn names_of_the_root_are_asked_first() {
        let mut asked = Vec::new();
        drop(Layout::new(&shape("{o{a=}b=o{a=}}"), |path| {
            asked.push(path.to_owned());
            Typed::Yes
        }));
        assert_eq!(asked, ["b", "o.a"]);
    }
}
