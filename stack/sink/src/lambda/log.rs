//! Lines of a function's log.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

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
