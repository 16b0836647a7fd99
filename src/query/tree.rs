//! What a query means.

/// A query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Every event.
    All,
    /// All of these.
    And(Vec<Query>),
    /// One of these.
    Or(Vec<Query>),
    /// Not this.
    Not(Box<Query>),
    /// A field compared with a value.
    Test {
        /// The field.
        field: Field,
        /// How.
        comparison: Comparison,
        /// With what.
        value: Value,
    },
    /// The field is there.
    Exists(Field),
    /// Text in the message.
    Text(Value),
}

/// A field as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name; dots are nesting.
    pub name: String,
    /// With a leading dot: the field of the JSON itself, no alias.
    pub literal: bool,
}

/// A value as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The text, without quotes.
    pub text: String,
    /// Whether it was quoted: then `*` and `?` are no wildcards.
    pub quoted: bool,
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=` and `:`.
    Equal,
    /// `!=`: the field is there and is something else.
    NotEqual,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

impl Query {
    /// All of `parts`, without needless nesting.
    #[must_use]
    pub fn and(mut parts: Vec<Self>) -> Self {
        match parts.len() {
            0 => Self::All,
            1 => parts.remove(0),
            _ => Self::And(parts),
        }
    }

    /// One of `parts`, without needless nesting.
    #[must_use]
    pub fn or(mut parts: Vec<Self>) -> Self {
        if parts.len() == 1 { parts.remove(0) } else { Self::Or(parts) }
    }
}
