//! Tracebacks: several lines, one event, an error.

use memchr::memmem;

use super::Normalised;
use crate::level::Level;

pub(super) fn read(message: &str) -> Option<Normalised> {
    memchr::memchr(b'\n', message.as_bytes())?;
    let python = message.starts_with("Traceback (most recent call last)");
    let holds = |part: &str| memmem::find(message.as_bytes(), part.as_bytes()).is_some();
    let java = || message.starts_with("Exception in thread ") || holds("\n\tat ");
    let node = || holds("\n    at ") && message.lines().next().is_some_and(|line| line.contains("Error"));
    let error = python || java() || node();
    error.then(|| {
        let read = super::text::read(message);
        Normalised { level: Some(read.level.unwrap_or(Level::Error)), ..read }
    })
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
