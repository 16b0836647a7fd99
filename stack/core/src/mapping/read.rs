//! The answer to `GET INDEX/_mapping`.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use serde_json::Value;

/// What a mapping says.
pub(super) struct Read {
    /// Whether there is such an index.
    pub exists: bool,
    /// Whether a name may stand beside those below it.
    pub beside: bool,
    /// The names that are typed, but for ours.
    pub typed: HashSet<String>,
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    mappings: Mappings,
}

#[derive(Default, Deserialize)]
struct Mappings {
    #[serde(default)]
    disable_objects: Value,
    #[serde(default)]
    properties: BTreeMap<String, Property>,
}

#[derive(Deserialize)]
struct Property {
    #[serde(default)]
    properties: Option<BTreeMap<String, Property>>,
}

/// Reads the answer about one index; an empty object is one that is not there.
pub(super) fn parse(answer: &[u8]) -> Option<Read> {
    let indices: BTreeMap<String, Index> = serde_json::from_slice(answer).ok()?;
    let exists = !indices.is_empty();
    let mut read = Read { exists, beside: exists, typed: HashSet::new() };
    for Index { mappings } in indices.into_values() {
        read.beside &= mappings.disable_objects == true || mappings.disable_objects == "true";
        collect(&mappings.properties, "", &mut read.typed);
    }
    Some(read)
}

fn collect(properties: &BTreeMap<String, Property>, above: &str, typed: &mut HashSet<String>) {
    for (name, property) in properties {
        if above.is_empty() && name.starts_with('@') {
            continue;
        }
        let path = format!("{above}{name}");
        match &property.properties {
            Some(below) => collect(below, &format!("{path}."), typed),
            None => _ = typed.insert(path),
        }
    }
}
