//! Paths that an index has refused: what stands there has another type than the index knows.
//!
//! A writer that remembers them sends their values as `path=value` at once, instead of paying a refusal for each event. What
//! one log group has taught says nothing about the fields of another.

use std::collections::{BTreeSet, HashMap, HashSet};

/// Groups and indices that are remembered; more are forgotten all at once, and learned again.
const MAX_INDICES: usize = 256;
/// Paths that are remembered of one of them.
const MAX_PATHS: usize = 256;

/// Conflicting paths by log group and index.
#[derive(Debug, Default)]
pub struct Conflicts {
    groups: HashMap<String, HashMap<String, Refused>>,
    none: BTreeSet<String>,
}

/// What an index has refused of a group.
#[derive(Debug, Default)]
struct Refused {
    paths: BTreeSet<String>,
    /// The first parts of the paths.
    roots: HashSet<String>,
}

impl Conflicts {
    fn refused(&self, group: &str, index: &str) -> Option<&Refused> {
        self.groups.get(group)?.get(index)
    }

    /// The paths that `index` refuses of `group`, dotted.
    #[must_use]
    pub fn paths(&self, group: &str, index: &str) -> &BTreeSet<String> {
        self.refused(group, index).map_or(&self.none, |refused| &refused.paths)
    }

    /// Whether `index` refuses something of `group` at `name`, which stands at the root, or below it.
    #[must_use]
    pub fn concern(&self, group: &str, index: &str, name: &str) -> bool {
        self.refused(group, index).is_some_and(|refused| refused.roots.contains(root(name)))
    }

    /// Whether no index has refused anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Remembers that `index` has refused what `group` has at `path`, dotted.
    pub fn learn(&mut self, group: &str, index: &str, path: &str) {
        let known = self.groups.values().map(HashMap::len).sum::<usize>();
        if known >= MAX_INDICES && self.refused(group, index).is_none() {
            self.groups.clear();
        }
        let refused = self.groups.entry(group.to_owned()).or_default().entry(index.to_owned()).or_default();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut conflicts = Conflicts::default();
        for n in 0..10_000 {
            conflicts.learn("/a", "i", &format!("p{n}"));
            conflicts.learn("/a", &format!("i{n}"), "p");
            conflicts.learn(&format!("/{n}"), "i", "p");
        }
        assert!(conflicts.groups.values().map(HashMap::len).sum::<usize>() <= MAX_INDICES);
        assert!(conflicts.paths("/a", "i").len() <= MAX_PATHS);
        assert!(conflicts.paths("/unknown", "i").is_empty());
    }

    #[test]
    fn a_group_learns_for_itself_alone() {
        let mut conflicts = Conflicts::default();
        conflicts.learn("/a", "i", "status.code");
        assert!(conflicts.concern("/a", "i", "status"));
        assert!(!conflicts.concern("/b", "i", "status") && !conflicts.concern("/a", "j", "status"));
    }
}
