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
    /// A field with a value between two bounds, one of which may be open.
    Range {
        /// The field.
        field: Field,
        /// The lower bound.
        low: Option<Bound>,
        /// The upper bound.
        high: Option<Bound>,
    },
    /// A regular expression that matches a value of a field, or the message where there is none.
    Matches {
        /// The field.
        field: Option<Field>,
        /// The expression.
        pattern: Pattern,
    },
    /// The field is there.
    Exists(Field),
    /// Text in the message.
    Text(Value),
    /// An argument that may be a query, and may be text that was pasted: it is both.
    Pasted {
        /// The argument.
        text: String,
        /// The query that it may be; none where it is text and nothing else.
        read: Option<Box<Query>>,
        /// Whether the message must hold the text sign by sign: the index keeps no punctuation.
        literally: bool,
    },
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

/// An end of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The value.
    pub value: String,
    /// Whether it belongs to the range.
    pub included: bool,
}

/// A regular expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The expression.
    pub text: String,
    /// Whether case means nothing.
    pub any_case: bool,
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

impl Comparison {
    /// Whether one side is larger.
    #[must_use]
    pub fn orders(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }

    /// The ends of the range that it stands for, around `value`; neither where it orders nothing.
    #[must_use]
    pub fn bounds(self, value: &str) -> (Option<Bound>, Option<Bound>) {
        let bound = |included| Some(Bound { value: value.to_owned(), included });
        match self {
            Self::Above => (bound(false), None),
            Self::AtLeast => (bound(true), None),
            Self::Below => (None, bound(false)),
            Self::AtMost => (None, bound(true)),
            Self::Equal | Self::NotEqual => (None, None),
        }
    }

    /// How it is written.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
        }
    }
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

    /// Not this.
    #[must_use]
    pub fn negated(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// The parts that it is made of, itself included.
    pub fn walk<'q>(&'q self, each: &mut impl FnMut(&'q Self)) {
        each(self);
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.walk(each)),
            Self::Not(part) => part.walk(each),
            Self::Pasted { read: Some(read), .. } => read.walk(each),
            _ => {}
        }
    }

    /// Whether it, or a part of it, is such.
    #[must_use]
    pub fn any(&self, is: impl Fn(&Self) -> bool) -> bool {
        let mut any = false;
        self.walk(&mut |part| any |= is(part));
        any
    }
}

impl Value {
    /// As it stands between quotes.
    #[must_use]
    pub fn quoted(text: impl Into<String>) -> Self {
        Self { text: text.into(), quoted: true }
    }

    /// Whether a star or a question mark in it stands for others.
    #[must_use]
    pub fn is_wild(&self) -> bool {
        !self.quoted && self.text.contains(['*', '?'])
    }
}
