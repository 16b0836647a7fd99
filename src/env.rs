//! The only place that asks the process for its surroundings.

use std::{collections::HashMap, ffi::OsString};

use jiff::{Timestamp, tz::TimeZone};

/// What a run knows of the world outside: handed down, never asked for below.
#[derive(Debug, Clone)]
pub struct Environment {
    /// When the run began.
    pub now: Timestamp,
    /// Where its user is.
    pub time_zone: TimeZone,
    variables: HashMap<String, String>,
    arguments: Vec<OsString>,
}

impl Environment {
    /// The real one. `LOGCTL_NOW` stands in for the clock, for examples and tests that must not change with it.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    pub fn of_process() -> Self {
        let variables: HashMap<_, _> =
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
        let now = variables.get("LOGCTL_NOW").and_then(|now| now.parse().ok()).unwrap_or_else(Timestamp::now);
        Self { now, time_zone: TimeZone::system(), variables, arguments: std::env::args_os().collect() }
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub fn var(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The command line, the program's name included.
    #[must_use]
    pub fn arguments(&self) -> &[OsString] {
        &self.arguments
    }
}
