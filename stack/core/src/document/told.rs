//! What a message tells of the fields of its event, for who reads a document back: what the index does not type stands only
//! there.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::quick::{append_members, plain, split_prefix};
use crate::{
    json::{Record, object::clean},
    shape::{above, each_value, is_too_long},
};

/// Bytes of shapes, with their names, that are known at once.
const MAX_KNOWN: usize = 4 << 20;

/// Names that have a value, and all names above them; but for those that are too long to be known.
pub type Names = HashSet<String, RandomState>;

fn names(shape: &[u8]) -> Names {
    let mut names = Names::default();
    each_value(shape, |path, _| {
        if is_too_long(path) {
            return;
        }
        for name in above(path).chain([path]) {
            if !names.contains(name) {
                names.insert(name.to_owned());
            }
        }
    });
    names
}

/// Copies the fields of messages, one message after the other.
#[derive(Debug, Default)]
pub struct Told {
    names: HashMap<Vec<u8>, Names, RandomState>,
    /// Bytes of these.
    known: usize,
    text: Vec<u8>,
    record: Record,
}

impl Told {
    /// Appends the fields of a message, which stands escaped, as a JSON object without line breaks. Where anything about them
    /// has to be mended, or `is_all` misses a name among theirs, nothing is appended, and `false` returned.
    pub fn append(&mut self, message: &str, is_all: impl FnOnce(&Names) -> bool, json: &mut Vec<u8>) -> bool {
        let start = json.len();
        let mut members = Vec::new();
        let copied = plain(message, &mut self.text).and_then(|message| {
            let (_, object) = split_prefix(message.trim())?;
            let object = clean(object, &mut members, Some(std::mem::take(&mut self.record)))?;
            append_members(&object, &members, object.scanner.renames, json);
            Ok(object.scanner.record.unwrap_or_default())
        });
        let Ok(record) = copied else { return false };
        self.record = record;
        let shape = &self.record.shape;
        let is_all = if let Some(names) = self.names.get(shape) {
            is_all(names)
        } else {
            let names = names(shape);
            let is_all = is_all(&names);
            let bytes = shape.len() + names.iter().map(|name| size_of::<String>() + name.len()).sum::<usize>();
            if self.known + bytes > MAX_KNOWN {
                self.names.clear();
                self.known = 0;
            }
            self.known += bytes;
            self.names.insert(shape.clone(), names);
            is_all
        };
        self.record.clear();
        if !is_all || json.len() == start {
            json.truncate(start);
            return false;
        }
        json[start] = b'{'; // In place of the comma.
        json.push(b'}');
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use test_case::test_case;

    use super::*;
    use crate::{event::LogEvent, normalise::normalise};

    #[test_case(r#"{"a":1.50,"o":{"b":[{"c":null},{"d":"é\n"}]},"l":[1,"x"]}"#, true; "an object")]
    #[test_case("2026-11-23T10:00:00Z INFO done {\"a\":{\"b\":2}}\n", true; "behind a prefix")]
    #[test_case("{\"a\":\n1}", true; "with line breaks")]
    #[test_case(r#"{"_id":1,"@timestamp":2}"#, true; "names that get a prefix")]
    #[test_case(r#"{"a":1,"a":2}"#, false; "equal names")]
    #[test_case(r#"{"a":18446744073709551616}"#, false; "a number that is mended")]
    #[test_case("{}", false; "no fields")]
    #[test_case("level=info a=1", false; "no object")]
    fn is_copied_as_it_is_read(message: &str, copied: bool) {
        let escaped = json!(message).to_string();
        let mut json = b"before".to_vec();
        assert_eq!(Told::default().append(&escaped[1..escaped.len() - 1], |_| true, &mut json), copied);
        let read =
            normalise(&LogEvent { id: "".into(), timestamp: 0, message: message.into(), extracted_fields: None });
        let expected = if copied { Some(read.fields) } else { None };
        assert_eq!(serde_json::from_slice(&json["before".len()..]).ok(), expected);
        assert!(!json.contains(&b'\n'));
    }

    #[test]
    fn names_are_those_with_a_value() {
        let mut told = Told::default();
        let mut ask = |name: &str| {
            let message = r#"{\"a\":{\"b\":[{\"c\":1}]},\"d.e\":2,\"n\":null}"#;
            told.append(message, |names| names.contains(name), &mut Vec::new())
        };
        assert!(["a", "a.b", "a.b.c", "d", "d.e"].into_iter().all(&mut ask));
        assert!(!["n", "c", "b.c", "e"].into_iter().any(&mut ask));
    }
}
