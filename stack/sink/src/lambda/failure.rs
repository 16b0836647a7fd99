//! Failures that Lambda can read.

use std::{error::Error, fmt};

/// An invocation that has failed, with a type that alarms can tell apart.
#[derive(Debug)]
pub struct Failure {
    /// A short name in `CamelCase`.
    pub kind: &'static str,
    /// One line.
    pub message: String,
}

impl Failure {
    /// A failure with the text of its cause.
    pub fn new(kind: &'static str, cause: impl fmt::Display) -> Self {
        Self { kind, message: cause.to_string() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl Error for Failure {}
