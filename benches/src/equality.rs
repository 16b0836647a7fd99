//! Whether our documents contain all that the generated function's documents contain.
//!
//! What is meant to differ is named here and counted; everything else is a failure.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
};

use logctl_core::{event_id::event_id, pairs};
use serde_json::{Map, Value};

/// Why a value is another one, and how often.
pub type Exceptions = BTreeMap<&'static str, usize>;

/// The documents of a bulk body by their ids, without what `serde_json` refuses.
pub fn documents(body: &str) -> HashMap<String, Option<Map<String, Value>>> {
    let mut lines = body.lines();
    let mut documents = HashMap::new();
    while let (Some(action), Some(document)) = (lines.next(), lines.next()) {
        let action: Value = serde_json::from_str(action).expect("an action");
        let (_, action) = action.as_object().and_then(|action| action.iter().next()).expect("an operation");
        let id = event_id(action["_id"].as_str().expect("an id")).into_owned();
        documents.insert(id, serde_json::from_str(document).ok());
    }
    documents
}

/// Compares a document of theirs with ours.
pub fn compare(
    ours: &Map<String, Value>,
    theirs: &Map<String, Value>,
    exceptions: &mut Exceptions,
) -> Result<(), String> {
    let names = count_names(theirs);
    let mut theirs = theirs.clone();
    Pairs::of(ours).take_from(&mut theirs, "", exceptions);
    for (name, value) in &theirs {
        if matches!(name.as_str(), "@timestamp" | "@id") {
            continue; // Milliseconds instead of a text, and the `_id` says it; both are checked by the tests of the encoder.
        }
        if let Some(mine) = ours.get(name)
            && same(mine, value, exceptions)
        {
            continue;
        }
        let mut note = |why: &'static str| *exceptions.entry(why).or_default() += 1;
        match name {
            _ if names > 1_000 => note("more than 1,000 names: the rest is found in the message"),
            _ if name.chars().count() > 256 => note("a name of more than 256 characters: cut"),
            _ if name.starts_with(['@', '_']) && ours.contains_key(&format!("json{name}")) => {
                note("a name of ours or the engine's at the root: it is found under json…");
            }
            _ if name.starts_with('@') && value.is_object() => {
                note("JSON inside of a column: its fields stand at the root, the text in its column");
            }
            _ if ours.contains_key("@degraded") => {
                note(
                    "values under one star that are of another kind than the first: in the message only, as @degraded says",
                );
            }
            _ if is_odd(name) => note("a name with blank or dotted edges, or control characters: repaired"),
            _ => return Err(format!("{name}: {value} is {} here", ours.get(name).unwrap_or(&Value::Null))),
        }
    }
    Ok(())
}

/// Names that are not typed, and what they say.
struct Pairs<'a> {
    names: HashSet<&'a str>,
    values: HashSet<(Cow<'a, str>, &'a str)>,
}

impl<'a> Pairs<'a> {
    fn of(document: &'a Map<String, Value>) -> Self {
        let list = |name: &str| document.get(name).and_then(Value::as_array).into_iter().flatten();
        let values = list("@kv").filter_map(Value::as_str).filter_map(pairs::split).collect();
        Self { names: list("@kvk").filter_map(Value::as_str).collect(), values }
    }

    /// Takes away what is said by pairs, and what says nothing.
    fn take_from(&self, object: &mut Map<String, Value>, above: &str, exceptions: &mut Exceptions) {
        let whole = std::mem::take(object);
        for (name, mut value) in whole {
            let as_it_was = value.clone();
            let star = format!("{above}*");
            let mut path = format!("{above}{name}");
            if above.is_empty() && name.starts_with(['@', '_']) {
                path = format!("json{name}");
            } else if !above.is_empty() && !self.names.contains(&*path) && self.names.contains(&*star) {
                path = star;
            }
            let nothing = match &mut value {
                Value::Object(below) => {
                    self.take_from(below, &format!("{path}."), exceptions);
                    below.is_empty()
                }
                Value::Array(items) => {
                    for item in items.iter_mut().filter_map(Value::as_object_mut) {
                        self.take_from(item, &format!("{path}."), exceptions);
                    }
                    items.iter().all(|item| self.says(&path, item))
                }
                value => self.says(&path, value),
            };
            // What is too deep or of several kinds is a text of JSON.
            let nothing = nothing || self.says_json(&path, &as_it_was);
            if !nothing {
                object.insert(name, value);
            } else if !as_it_was.is_null() {
                *exceptions.entry("a name that is not typed: its value stands in a pair").or_default() += 1;
            }
        }
    }

    fn says_json(&self, path: &str, value: &Value) -> bool {
        let json = |said: &str| serde_json::from_str::<Value>(said).is_ok_and(|said| said == *value);
        (value.is_object() || value.is_array()) && self.values.iter().any(|(name, said)| name == path && json(said))
    }

    fn says(&self, path: &str, value: &Value) -> bool {
        let text = match value {
            Value::Null => return true,
            Value::Object(object) => return object.is_empty(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        // A number may look otherwise, and a longer text is found in the message.
        let same = |said: &str| said == text || (said.parse::<f64>().is_ok() && said.parse::<f64>() == text.parse());
        let long = text.len() > pairs::MAX_VALUE && self.names.contains(path);
        long || self.values.iter().any(|(name, said)| name == path && same(said))
    }
}

fn is_odd(name: &str) -> bool {
    name.is_empty()
        || name.split('.').any(|part| part.trim() != part || part.is_empty())
        || name.contains(char::is_control)
}

fn count_names(object: &Map<String, Value>) -> usize {
    let below = |value: &Value| match value {
        Value::Object(object) => count_names(object),
        Value::Array(items) => items.iter().filter_map(Value::as_object).map(count_names).sum(),
        _ => 0,
    };
    object.values().map(|value| 1 + below(value)).sum()
}

fn same(ours: &Value, theirs: &Value, exceptions: &mut Exceptions) -> bool {
    let mut note = |why: &'static str| {
        *exceptions.entry(why).or_default() += 1;
        true
    };
    match (ours, theirs) {
        _ if ours == theirs => true,
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::String(text), Value::Number(number)) if number_of(text) == number.as_f64() => {
            note("a number in a column, or from 2^63, stays the text that it was; its .num is the number")
        }
        (Value::String(text), Value::Null) if text.parse::<f64>().is_ok_and(f64::is_infinite) => {
            note("a number beyond f64 is a text and not null")
        }
        (Value::String(text), Value::Object(_) | Value::Array(_))
            if serde_json::from_str::<Value>(text).is_ok_and(|value| same(&value, theirs, &mut Exceptions::new())) =>
        {
            note("deeper than 8, or an array of mixed kinds: its JSON as text")
        }
        (Value::Object(ours), Value::Object(theirs)) => theirs.iter().all(|(name, value)| {
            if let Some(mine) = ours.get(name) {
                return same(mine, value, exceptions);
            }
            if ours.contains_key("*") {
                *exceptions
                    .entry("keys of a map are folded into *: the values stand beside one another")
                    .or_default() += 1;
                return true;
            }
            name.trim_matches(['.', ' ']) != name
                || name.is_empty()
                || name.contains("..")
                || name.contains(char::is_control)
        }),
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| same(a, b, exceptions))
        }
        _ => false,
    }
}

/// A number as JavaScript reads one.
fn number_of(text: &str) -> Option<f64> {
    let text = text.trim();
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).ok();
    let whole = match text.get(..2) {
        Some("0x" | "0X") => radix(&text[2..], 16),
        Some("0b" | "0B") => radix(&text[2..], 2),
        Some("0o" | "0O") => radix(&text[2..], 8),
        _ => return text.parse().ok(),
    };
    #[expect(clippy::cast_precision_loss, reason = "a double is what JavaScript has")]
    whole.map(|whole| whole as f64)
}
