//! What the functions' `main` and handlers share: failures that Lambda can read, lines of their log, the time.

use std::{
    error::Error,
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

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

/// Writes one line of JSON to the function's log.
#[expect(clippy::print_stdout, reason = "stdout is the log of a function")]
pub fn log(line: &Value) {
    println!("{line}");
}

/// Milliseconds since 1970.
#[must_use]
pub fn milliseconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
