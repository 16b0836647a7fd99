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

impl Level {
    /// The level of a number in a field of this name: `levelno` as Python counts (40 is error), `severity_number` as
    /// OpenTelemetry does (17 is error), any other as pino and bunyan do (50 is error).
    #[must_use]
    pub fn from_number(field: &str, number: i64) -> Option<Self> {
        let steps: [i64; 6] = match field {
            "levelno" => [1, 10, 20, 30, 40, 50],
            "severity_number" | "severityNumber" | "SeverityNumber" => [1, 5, 9, 13, 17, 21],
            _ => [10, 20, 30, 40, 50, 60],
        };
        Self::iter().zip(steps).filter(|(_, step)| number >= *step).map(|(level, _)| level).next_back()
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || Err(format!("the levels are {}", Self::VARIANTS.join(", ")));
        let mut lower = [0; 16];
        let Some(lower) = lower.get_mut(..text.len()) else { return unknown() };
        lower.copy_from_slice(text.as_bytes());
        lower.make_ascii_lowercase();
        let level = match &*lower {
            b"trace" | b"verbose" | b"finest" | b"finer" | b"silly" => Self::Trace,
            b"debug" | b"dbg" | b"fine" => Self::Debug,
            b"info" | b"information" | b"informational" | b"notice" | b"note" => Self::Info,
            b"warn" | b"warning" | b"wrn" => Self::Warn,
            b"error" | b"err" | b"severe" => Self::Error,
            b"fatal" | b"critical" | b"crit" | b"alert" | b"emerg" | b"emergency" | b"panic" => Self::Fatal,
            _ => return unknown(),
        };
        Ok(level)
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("level", 30, Some(Level::Info); "pino")]
    #[test_case("level", 60, Some(Level::Fatal); "pino's highest")]
    #[test_case("levelno", 40, Some(Level::Error); "python")]
    #[test_case("severity_number", 10, Some(Level::Info); "opentelemetry between two steps")]
    #[test_case("level", 3, None; "syslog counts the other way and is not guessed")]
    fn numbers(field: &str, number: i64, level: Option<Level>) {
        assert_eq!(Level::from_number(field, number), level);
    }

    #[test]
    fn words_in_any_case() {
        assert_eq!("WARNING".parse(), Ok(Level::Warn));
        assert!(Level::Warn < Level::Error);
        assert!("loud".parse::<Level>().is_err());
    }
}
