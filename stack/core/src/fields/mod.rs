//! Fields that cannot break the index: what a JSON object must look like before the engine sees it.
//!
//! Whatever is cut or changed here stays searchable in the event's message.

pub mod known;
pub mod own;

use std::collections::HashSet;

use serde_json::{Map, Value};

pub use crate::json::{MAX_DEPTH, MAX_NAME, MAX_NAMES};

use crate::ids;

/// The name of all keys of a map whose keys are ids or numbers.
const FOLDED: &str = "*";

/// Fields that are harmless.
#[derive(Debug, Default, PartialEq)]
pub struct Tidy {
    /// The fields.
    pub fields: Map<String, Value>,
    /// How many values are in the message only.
    pub left_out: usize,
}

/// Makes the fields of an event harmless.
#[must_use]
pub fn tidy(fields: Map<String, Value>) -> Tidy {
    let is_harmless = |(name, value): (&String, &Value)| {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let clean = (1..=MAX_NAME).contains(&name.len()) && !name.starts_with('_') && name.as_bytes().iter().all(plain);
        clean
            && match value {
                Value::Number(number) => fits(number),
                value => !value.is_object() && !value.is_array(),
            }
    };
    if fields.len() <= MAX_NAMES && fields.iter().all(is_harmless) {
        return Tidy { fields, left_out: 0 };
    }
    let mut tidying = Tidying::default();
    Tidy { fields: tidying.object(fields, 1), left_out: tidying.left_out }
}

/// An event whose fields are made harmless.
#[derive(Default)]
struct Tidying {
    /// Where the object stands that is looked at.
    path: String,
    /// The paths that the event has used so far.
    paths: HashSet<String>,
    left_out: usize,
}

impl Tidying {
    fn object(&mut self, fields: Map<String, Value>, depth: usize) -> Map<String, Value> {
        let mut clean = Map::new();
        let here = self.path.len();
        for (name, value) in fields {
            let name = tidy_name(&name, depth == 1);
            self.path.truncate(here);
            self.path.push('.');
            self.path.push_str(&name);
            if !self.paths.contains(&self.path) {
                if self.paths.len() == MAX_NAMES {
                    self.left_out += 1;
                    continue;
                }
                self.paths.insert(self.path.clone());
            }
            let value = self.value(value, depth);
            match clean.get_mut(&name) {
                // What is folded into one name stays beside one another.
                Some(folded) if name == FOLDED => self.left_out += usize::from(!fold(folded, value)),
                _ => self.left_out += usize::from(clean.insert(name, value).is_some()),
            }
        }
        self.path.truncate(here);
        clean
    }

    fn value(&mut self, value: Value, depth: usize) -> Value {
        match value {
            Value::Number(number) if !fits(&number) => Value::String(number.to_string()),
            Value::Object(object) if depth >= MAX_DEPTH => Value::String(Value::Object(object).to_string()),
            Value::Object(object) => Value::Object(self.object(object, depth + 1)),
            Value::Array(items) if uniform(&items) => {
                Value::Array(items.into_iter().map(|item| self.value(item, depth)).collect())
            }
            Value::Array(items) => Value::String(Value::Array(items).to_string()),
            scalar => scalar,
        }
    }
}

/// Adds a value to those of the same name, if it is like them.
fn fold(folded: &mut Value, value: Value) -> bool {
    match folded {
        Value::Array(items) if items.first().is_some_and(|first| alike(first, &value)) => items.push(value),
        first if alike(first, &value) => *first = Value::Array(vec![first.take(), value]),
        _ => return false,
    }
    true
}

/// Integers from 2^63 overflow the engine's long, and numbers beyond f64 its double.
fn fits(number: &serde_json::Number) -> bool {
    number.is_i64() || (!number.is_u64() && number.as_f64().is_some_and(f64::is_finite))
}

/// Whether all items are of one kind, and none is an array: the engine flattens arrays and types them by one item.
fn uniform(items: &[Value]) -> bool {
    items.first().is_none_or(|first| items.iter().all(|item| alike(first, item)))
}

fn alike(a: &Value, b: &Value) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b) && !a.is_array()
}

fn tidy_name(name: &str, root: bool) -> String {
    let cut: String = name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
    if !root && (ids::is_id(&cut) || (!cut.is_empty() && cut.bytes().all(|b| b.is_ascii_digit()))) {
        return FOLDED.to_owned(); // One name for a map's keys, or each of them would become a field of the index.
    }
    let parts: Vec<&str> = cut.split('.').map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return "empty".to_owned();
    }
    let name = parts.join(".");
    if root && name.starts_with(['_', '@']) { format!("json{name}") } else { name }
}

/// Calls `each` with the dotted path and the text of every scalar in `fields`.
pub fn walk(fields: &Map<String, Value>, each: &mut impl FnMut(&str, String)) {
    for (name, value) in fields {
        walk_value(name, value, each);
    }
}

fn walk_value(path: &str, value: &Value, each: &mut impl FnMut(&str, String)) {
    match value {
        Value::Null => {}
        Value::Object(object) => {
            for (name, value) in object {
                walk_value(&format!("{path}.{name}"), value, each);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk_value(path, item, each)),
        Value::String(text) => each(path, text.clone()),
        scalar => each(path, scalar.to_string()),
    }
}

/// The value at a path, whether its dots are nesting or part of a name.
#[must_use]
pub fn get<'a>(fields: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    fields.get(path).or_else(|| {
        let (head, rest) = path.split_once('.')?;
        get(fields.get(head)?.as_object()?, rest)
    })
}

/// Whether something stands at a path, in the objects of a list, too; its dots are nesting or part of a name.
#[must_use]
pub fn has(fields: &Map<String, Value>, path: &str) -> bool {
    let below = |(head, rest): (&str, &str)| match fields.get(head) {
        Some(Value::Object(object)) => has(object, rest),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_object).any(|item| has(item, rest)),
        _ => false,
    };
    fields.contains_key(path) || path.match_indices('.').any(|(at, _)| below((&path[..at], &path[at + 1..])))
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "a table of cases")]
mod tests {
    use serde_json::json;
    use test_case::test_case;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(object) => object,
            other => panic!("not an object: {other}"),
        }
    }

    #[test_case(json!({"a": 1, "b": null}), json!({"a": 1, "b": null}); "null harms nobody")]
    #[test_case(json!({"u": {"1": {"n": 1}, "2": {"n": 2}, "3": 7}}), json!({"u": {"*": [{"n": 1}, {"n": 2}]}}); "folded names keep their values")]
    #[test_case(json!({"_id": 1, "@timestamp": 2}), json!({"json_id": 1, "json@timestamp": 2}); "names of the engine and ours")]
    #[test_case(json!({"": 1}), json!({"empty": 1}); "empty name")]
    #[test_case(json!({".a..b.": 1}), json!({"a.b": 1}); "dotted edges")]
    #[test_case(json!({"users": {"17": {"n": 1}}}), json!({"users": {"*": {"n": 1}}}); "number-like names below the root")]
    #[test_case(json!({"17": 1}), json!({"17": 1}); "but not at the root")]
    #[test_case(json!({"n": 18_446_744_073_709_551_615_u64}), json!({"n": "18446744073709551615"}); "beyond a long")]
    #[test_case(json!({"a": [1, "x"]}), json!({"a": "[1,\"x\"]"}); "mixed array")]
    #[test_case(json!({"a": [[1]]}), json!({"a": "[[1]]"}); "nested array")]
    #[test_case(json!({"a": [{"b": 1}, {"b": 2}]}), json!({"a": [{"b": 1}, {"b": 2}]}); "array of objects")]
    fn cleaned(dirty: Value, expected: Value) {
        assert_eq!(Value::Object(tidy(object(dirty)).fields), expected);
    }

    #[test]
    fn deep_objects_become_text() {
        let mut deep = json!(1);
        for _ in 0..20 {
            deep = json!({ "a": deep });
        }
        let clean = Value::Object(tidy(object(deep)).fields);
        let leaf = clean.pointer("/a/a/a/a/a/a/a/a").unwrap();
        assert!(leaf.as_str().unwrap().starts_with(r#"{"a":"#));
    }

    #[test]
    fn names_are_counted() {
        let many: Map<_, _> = (0..MAX_NAMES + 7).map(|n| (format!("k{n}"), json!(n))).collect();
        let tidy = super::tidy(many);
        assert_eq!((tidy.fields.len(), tidy.left_out), (MAX_NAMES, 7));
        let items: Vec<Value> = (0..2 * MAX_NAMES).map(|n| json!({"a": n, "b": n})).collect();
        let items = object(json!({ "items": items }));
        assert_eq!(super::tidy(items.clone()), Tidy { fields: items, left_out: 0 }, "each name counts once");
    }

    #[test_case(json!({"a ": 1, "a": 2}); "two names that become one")]
    #[test_case(json!({"u": {"1": 1, "2": "x"}}); "values of two kinds under one star")]
    fn what_is_lost_is_counted(dirty: Value) {
        assert_eq!(tidy(object(dirty)).left_out, 1);
    }

    #[test]
    fn a_path_is_found_nested_or_dotted() {
        assert_eq!(get(&object(json!({"a": {"b": 1}})), "a.b"), Some(&json!(1)));
        assert_eq!(get(&object(json!({"a.b": 1})), "a.b"), Some(&json!(1)));
        assert_eq!(get(&object(json!({"a": 1})), "a.b"), None);
        let fields = object(json!({"a.b": {"c": [{"d": 1}, {"e.f": 2}]}, "l": [1]}));
        assert!(["a.b", "a.b.c", "a.b.c.d", "a.b.c.e.f"].into_iter().all(|path| has(&fields, path)));
        assert!(!["a", "b", "a.b.d", "l.1", "a.b.c.e"].into_iter().any(|path| has(&fields, path)));
    }
}
