//! The fields of an event as a shape and its leaves.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::shape::{CLOSE, END, LIST, NOTHING, OPEN, VALUE};

/// The fields of an event that was read as a whole.
#[derive(Debug, Default)]
pub struct OwnFields {
    /// Their names, and how they are nested.
    pub shape: Vec<u8>,
    /// The values, as JSON: scalars, and lists of scalars.
    leaves: Vec<String>,
}

impl OwnFields {
    /// The shape and the leaves of an object that is tidy.
    #[must_use]
    pub fn of(fields: &Map<String, Value>) -> Self {
        let mut own = Self::default();
        own.object(fields);
        own
    }

    /// The value of a leaf.
    #[must_use]
    pub fn leaf(&self, at: usize) -> Cow<'_, str> {
        self.leaves.get(at).map_or("null".into(), |leaf| leaf.as_str().into())
    }

    fn object(&mut self, fields: &Map<String, Value>) {
        self.shape.push(OPEN);
        for (name, value) in fields {
            self.shape.extend_from_slice(name.as_bytes());
            match value {
                Value::Object(object) => self.object(object),
                Value::Array(items) if items.iter().any(Value::is_object) => {
                    self.shape.push(LIST);
                    items.iter().filter_map(Value::as_object).for_each(|item| self.object(item));
                    self.shape.push(END);
                }
                Value::Array(items) if items.iter().all(Value::is_null) => self.shape.push(NOTHING),
                Value::Null => self.shape.push(NOTHING),
                leaf => {
                    self.shape.push(VALUE);
                    self.leaves.push(leaf.to_string());
                }
            }
        }
        self.shape.push(CLOSE);
    }
}
