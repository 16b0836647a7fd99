//! Log levels, made one out of many.

use std::str::FromStr;

use strum::{AsRefStr, Display, EnumIter, IntoEnumIterator as _, VariantNames};

/// A normalised level. The order is that of severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumIter, AsRefStr, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum Level {
    /// Finer than debug.
    Trace,
    /// For developers.
    Debug,
    /// Normal.
    Info,
    /// Suspicious.
    Warn,
    /// Failed.
    Error,
    /// Failed as a whole.
    Fatal,
}

/// How a library counts its levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// pino and bunyan: 10 to 60.
    Pino,
    /// Python's `logging`: 10 to 50.
    Python,
    /// OpenTelemetry: 1 to 24.
    OpenTelemetry,
    /// Monolog: 100 to 600.
    Monolog,
    /// logback: 5,000 to 40,000.
    Logback,
    /// `java.util.logging`: 300 to 1,000.
    Java,
}

impl Scale {
    /// The level of a number, where the scale has one.
    #[must_use]
    pub fn level(self, number: i64) -> Option<Level> {
        // From where trace, debug, info, warn, error and fatal begin, and the last number of all.
        let (steps, last): ([i64; 6], i64) = match self {
            Self::Pino => ([10, 20, 30, 40, 50, 60], 60),
            Self::Python => ([1, 10, 20, 30, 40, 50], 50),
            Self::OpenTelemetry => ([1, 5, 9, 13, 17, 21], 24),
            Self::Monolog => ([100, 100, 200, 300, 400, 500], 600),
            Self::Logback => ([5_000, 10_000, 20_000, 30_000, 40_000, 50_000], 50_000),
            Self::Java => ([300, 500, 800, 900, 1_000, i64::MAX], 1_000),
        };
        let reached = Level::iter().zip(steps).filter(|(_, step)| number >= *step).map(|(level, _)| level);
        reached.max().filter(|_| number <= last)
    }

    /// The scale of a field, by its name in lower case without signs.
    #[must_use]
    pub fn of_name(folded: &str) -> Self {
        match folded {
            "levelno" => Self::Python,
            "severitynumber" => Self::OpenTelemetry,
            "levelvalue" => Self::Logback,
            _ => Self::Pino,
        }
    }
}

impl Level {
    /// The level that a word stands for, in any case.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        let mut lower = [0; 16];
        let lower = lower.get_mut(..word.len())?;
        lower.copy_from_slice(word.as_bytes());
        lower.make_ascii_lowercase();
        Some(match &*lower {
            b"trace" | b"trce" | b"trc" | b"verbose" | b"vrb" | b"finest" | b"finer" | b"silly" => Self::Trace,
            b"debug" | b"dbug" | b"dbg" | b"fine" | b"config" => Self::Debug,
            b"info" | b"inf" | b"information" | b"informational" | b"notice" | b"note" => Self::Info,
            b"warn" | b"warning" | b"wrn" => Self::Warn,
            b"error" | b"err" | b"eror" | b"severe" | b"fail" => Self::Error,
            b"fatal" | b"ftl" | b"critical" | b"crit" | b"alert" | b"emerg" | b"emergency" | b"panic" => Self::Fatal,
            _ => return None,
        })
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::of_word(text).ok_or_else(|| format!("the levels are {}", Self::VARIANTS.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(Scale::Pino, 30, Some(Level::Info); "pino")]
    #[test_case(Scale::Pino, 60, Some(Level::Fatal); "pino's highest")]
    #[test_case(Scale::Pino, 200, None; "beyond pino's")]
    #[test_case(Scale::Python, 40, Some(Level::Error); "python")]
    #[test_case(Scale::OpenTelemetry, 10, Some(Level::Info); "opentelemetry between two steps")]
    #[test_case(Scale::Monolog, 250, Some(Level::Info); "a notice of monolog")]
    #[test_case(Scale::Monolog, 550, Some(Level::Fatal); "an alert of monolog")]
    #[test_case(Scale::Logback, 40_000, Some(Level::Error); "logback")]
    #[test_case(Scale::Java, 1_000, Some(Level::Error); "severe")]
    #[test_case(Scale::Pino, 3, None; "syslog counts the other way and is not guessed")]
    fn numbers(scale: Scale, number: i64, level: Option<Level>) {
        assert_eq!(scale.level(number), level);
    }

    #[test]
    fn words_in_any_case() {
        assert_eq!("WARNING".parse(), Ok(Level::Warn));
        assert_eq!("trce".parse(), Ok(Level::Trace));
        assert!(Level::Warn < Level::Error);
        assert!("loud".parse::<Level>().is_err());
    }
}
