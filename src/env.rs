//! The only place that asks the process for its surroundings.

use std::{collections::HashMap, ffi::OsString, path::PathBuf, str::FromStr};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::error::{Error, Kind};

/// What a run knows of the world outside: handed down, never asked for below.
#[derive(Debug, Clone)]
pub struct Environment {
    /// When the run began.
    pub now: Timestamp,
    /// Where its user is.
    pub time_zone: TimeZone,
    /// The folder that it was started in.
    pub folder: Option<PathBuf>,
    variables: HashMap<String, String>,
    arguments: Vec<OsString>,
    /// By how much `now` is ahead of the clock.
    ahead: SignedDuration,
}

impl Environment {
    /// The real one. `LOGCTL_NOW` stands in for the clock, for examples and tests that must not change with it.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    pub fn from_process() -> Self {
        let variables: HashMap<_, _> =
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
        let clock = Timestamp::now();
        let now = variables.get("LOGCTL_NOW").and_then(|now| now.parse().ok()).unwrap_or(clock);
        let (time_zone, arguments) = (TimeZone::system(), std::env::args_os().collect());
        let folder = std::env::current_dir().ok();
        Self { now, time_zone, folder, variables, arguments, ahead: now.duration_since(clock) }
    }

    /// What the clock says, for who goes on for long: a machine may sleep meanwhile.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    pub fn clock(&self) -> Timestamp {
        Timestamp::now().saturating_add(self.ahead).unwrap_or(self.now)
    }

    /// Starts this process anew without its empty variables, where it has such: for ours and for AWS's an empty variable is
    /// an unset one, and the SDKs, which read the environment by themselves, take it for a value.
    #[cfg(unix)]
    pub fn drop_empty(&self) {
        use std::os::unix::process::CommandExt as _;
        let ours = |name: &str| ["AWS_", "LOGCTL_"].iter().any(|prefix| name.starts_with(prefix));
        let proxies = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"];
        let concerned = |name: &str| ours(name) || proxies.contains(&name.to_uppercase().as_str());
        let empty: Vec<&String> = self
            .variables
            .iter()
            .filter(|(name, value)| value.is_empty() && concerned(name))
            .map(|(name, _)| name)
            .collect();
        let (Ok(program), [_, arguments @ ..], false) = (std::env::current_exe(), self.arguments(), empty.is_empty())
        else {
            return;
        };
        let mut anew = std::process::Command::new(program);
        for name in empty {
            anew.env_remove(name);
        }
        let _ = anew.args(arguments).exec(); // Comes back only where it fails; then the variables stay what they are.
    }

    /// Does nothing: only Unix can start a process anew in its place.
    #[cfg(not(unix))]
    pub fn drop_empty(&self) {}

    /// A variable that is set and not empty.
    #[must_use]
    pub fn var(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Where facts are kept from one run to the next: the folder of `LOGCTL_CACHE`, or that of the user where there is one:
    /// <https://specifications.freedesktop.org/basedir-spec/latest/>. An endpoint that was set stands for no account that is
    /// there tomorrow.
    #[must_use]
    pub fn cache(&self, own_endpoint: bool) -> Option<PathBuf> {
        if let Some(named) = self.var("LOGCTL_CACHE") {
            return Some(PathBuf::from(named));
        }
        let folder = self.var("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
        let folder = folder.or_else(|| Some(PathBuf::from(self.var("HOME")?).join(".cache")));
        folder.filter(|_| !own_endpoint).map(|folder| folder.join("logctl"))
    }

    /// The value of a variable that is set and not empty.
    ///
    /// # Errors
    /// Wrong usage where it cannot be read, with the variable's name.
    pub fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>, Error>
    where
        T::Err: ToString,
    {
        let parse = |text: &str| text.parse().map_err(|error: T::Err| (name, error.to_string()));
        let parsed = self.var(name).map(parse).transpose();
        parsed.map_err(|(name, error)| Error::new(Kind::Usage, format!("the variable {name} is wrong: {error}")))
    }

    /// The command line, the program's name included.
    #[must_use]
    pub fn arguments(&self) -> &[OsString] {
        &self.arguments
    }
}
