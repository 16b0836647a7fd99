//! Tracebacks: several lines, one event, an error.

use memchr::memmem;

use super::Normalised;
use crate::level::Level;

pub(super) fn read(message: &str) -> Option<Normalised> {
    let first = super::text::first_line(message);
    let error = is_first_line(first) || (first.len() < message.len() && has_frames(message, first));
    error.then(|| {
        let read = super::text::read(message);
        Normalised { level: Some(read.level.unwrap_or(Level::Error)), ..read }
    })
}

/// The first line of what a runtime writes when a program fails, frames or not.
fn is_first_line(line: &str) -> bool {
    let begins = [
        "Traceback (most recent call last)",
        "Exception in thread ",
        "Unhandled exception",
        "Unhandled Exception",
        "PHP Fatal error:",
        "Fatal error: Uncaught ",
        "panic: ",
        "fatal error: ",
        "** (",
    ];
    begins.iter().any(|begin| line.starts_with(begin))
        || (line.starts_with("thread '") && line.contains("' panicked at "))
        || is_exception(line)
}

/// `java.lang.OutOfMemoryError: Java heap space`, `System.InvalidOperationException: x`.
fn is_exception(line: &str) -> bool {
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '$');
    let (name, rest) = line.split_at(line.find(|c| !in_name(c)).unwrap_or(line.len()));
    let last = name.rsplit('.').next().unwrap_or_default();
    let kind = ["Error", "Exception"].iter().any(|end| last.len() > end.len() && last.ends_with(end));
    kind && last.starts_with(|c: char| c.is_ascii_uppercase()) && (rest.is_empty() || rest.starts_with(": "))
}

fn has_frames(message: &str, first: &str) -> bool {
    let holds = |part: &str| memmem::find(message.as_bytes(), part.as_bytes()).is_some();
    let begins =
        ["\n\tat ", "\n   at ", "\nTraceback (most recent call last)", "\nCaused by: ", "\ngoroutine ", "\n\tfrom "];
    begins.iter().any(|begin| holds(begin))
        || (holds("\n    at ") && (first.contains("Error") || first.contains("Exception")))
        // Below the line of a logger.
        || message.lines().skip(1).take(40).any(is_exception)
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("Traceback (most recent call last):\n  File \"a.py\", line 1\nValueError: x", Some(Level::Error); "python")]
    #[test_case("java.lang.IllegalStateException: x\n\tat com.shop.Cart.add(Cart.java:17)", Some(Level::Error); "java")]
    #[test_case("2026-11-23 10:00:00 WARN Cart - slow\njava.io.IOException\n\tat com.shop.Cart", Some(Level::Warn); "a logger knows better")]
    #[test_case("TypeError: x is not a function\n    at Object.<anonymous> (/var/task/a.js:1:1)", Some(Level::Error); "node")]
    #[test_case("two\nlines", None; "two lines")]
    fn levels(message: &str, level: Option<Level>) {
        assert_eq!(read(message).map(|read| read.level), level.map(Some));
    }
}
