//! Paths that an index has refused: what stands there has another type than the index knows.
//!
//! A writer that remembers them sends their values as `path=value` at once, instead of paying a refusal for each event.

use std::collections::{BTreeSet, HashMap, HashSet};

/// Indices that are remembered; more are forgotten all at once, and learned again.
const MAX_INDICES: usize = 64;
/// Paths that are remembered of one index.
const MAX_PATHS: usize = 256;

/// Conflicting paths by index.
#[derive(Debug, Default)]
pub struct Conflicts {
    indices: HashMap<String, Refused>,
    none: BTreeSet<String>,
}

/// What an index has refused.
#[derive(Debug, Default)]
struct Refused {
    paths: BTreeSet<String>,
    /// The first parts of the paths.
    roots: HashSet<String>,
}

impl Conflicts {
    /// The paths that `index` refuses, dotted.
    #[must_use]
    pub fn paths(&self, index: &str) -> &BTreeSet<String> {
        self.indices.get(index).map_or(&self.none, |refused| &refused.paths)
    }

    /// Whether `index` refuses something at `name`, which stands at the root, or below it.
    #[must_use]
    pub fn concern(&self, index: &str, name: &str) -> bool {
        self.indices.get(index).is_some_and(|refused| refused.roots.contains(root(name)))
    }

    /// Whether no index has refused anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Remembers the path that a refusal of `index` names, if it names one.
    pub fn learn(&mut self, index: &str, refusal: &str) {
        let Some(path) = path_in(refusal) else { return };
        if self.indices.len() >= MAX_INDICES && !self.indices.contains_key(index) {
            self.indices.clear();
        }
        let refused = self.indices.entry(index.to_owned()).or_default();
        if refused.paths.len() < MAX_PATHS {
            refused.paths.insert(path.to_owned());
            refused.roots.insert(root(path).to_owned());
        }
    }
}

/// The first part of a dotted path.
fn root(path: &str) -> &str {
    path.split('.').next().unwrap_or_default()
}

/// The path that a mapping error names. The texts are those of `OpenSearch` 2 and 3 and Elasticsearch 7.10.
fn path_in(refusal: &str) -> Option<&str> {
    let named = ["Existing mapping for [", "object mapping for [", "failed to parse field ["];
    named.iter().find_map(|before| {
        let (_, rest) = refusal.split_once(before)?;
        // What is wrong with a fixed field cannot be mended by pairs.
        rest.split_once(']').map(|(path, _)| path).filter(|path| !path.is_empty() && !path.starts_with('@'))
    })
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("mapper_parsing_exception: failed to parse field [a.b] of type [keyword] in document with id '1'. Preview of field's value: '{x=[1]}'", Some("a.b"); "an object where a keyword is")]
    #[test_case("mapper_parsing_exception: object mapping for [error] tried to parse field [error] as object, but found a concrete value", Some("error"); "a keyword where an object is")]
    #[test_case("mapper_parsing_exception: Could not dynamically add mapping for field [c.d]. Existing mapping for [c] must be of type object but found [keyword].", Some("c"); "an object below a keyword")]
    #[test_case("illegal_argument_exception: Limit of total fields [2000] has been exceeded", None; "no path")]
    #[test_case("failed to parse field [@timestamp] of type [date]", None; "a fixed field is not the event's")]
    fn paths(refusal: &str, path: Option<&str>) {
        assert_eq!(path_in(refusal), path);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut conflicts = Conflicts::default();
        for n in 0..10_000 {
            conflicts.learn("a", &format!("failed to parse field [p{n}]"));
            conflicts.learn(&format!("i{n}"), "failed to parse field [p]");
        }
        assert!(conflicts.indices.len() <= MAX_INDICES);
        assert!(conflicts.paths("a").len() <= MAX_PATHS);
        assert!(conflicts.paths("unknown").is_empty());
    }
}
