//! Errors as users read them: what failed in their words, why, and what to type next.

use std::{fmt, process::ExitCode};

use serde_json::{Value, json};

/// Classes of failure, each with an exit code of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something did not work.
    Failed,
    /// The command line or the query is wrong.
    Usage,
    /// There is an answer, but part of it is missing.
    Incomplete,
    /// Not allowed.
    Denied,
    /// Not authenticated, or no longer: whatever else is asked fails in the same way.
    LoggedOut,
    /// A thing that was named does not exist.
    NotFound,
    /// Throttled beyond the retry budget.
    Throttled,
    /// A condition that was asked for does not hold.
    Unmet,
    /// Interrupted, or the prompt was declined.
    Interrupted,
    /// The reader of stdout has gone, which is no failure: `| head`.
    PipeClosed,
}

impl Kind {
    /// The exit code.
    #[must_use]
    pub const fn exit(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Incomplete => 3,
            Self::Denied | Self::LoggedOut => 4,
            Self::NotFound => 5,
            Self::Throttled => 6,
            Self::Unmet => 8,
            Self::Interrupted => 130,
            Self::PipeClosed => 0,
        }
    }

    /// Where two apply, the one that stands first counts: what the user did, what kept the answer away, what it lacks.
    fn rank(self) -> usize {
        let order = [
            Self::Usage,
            Self::NotFound,
            Self::Interrupted,
            Self::LoggedOut,
            Self::Denied,
            Self::Throttled,
            Self::Failed,
            Self::Incomplete,
            Self::Unmet,
            Self::PipeClosed,
        ];
        order.iter().position(|kind| *kind == self).unwrap_or(order.len())
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Incomplete => "incomplete",
            Self::Denied | Self::LoggedOut => "denied",
            Self::NotFound => "not_found",
            Self::Throttled => "throttled",
            Self::Unmet => "unmet",
            Self::Interrupted => "interrupted",
            Self::PipeClosed => "pipe_closed",
        }
    }
}

/// A failure, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Its class.
    pub kind: Kind,
    /// What failed; empty where the report that was shown says it all.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What to type next.
    pub hints: Vec<String>,
}

impl Error {
    /// An error of a class.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), causes: Vec::new(), hints: Vec::new() }
    }

    /// An error of the plain class.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// An error whose message has been shown already, as part of a report.
    #[must_use]
    pub fn shown(kind: Kind) -> Self {
        Self::new(kind, "")
    }

    /// How an answer ends that lacks something, as was said of it: it is incomplete, unless that is allowed.
    ///
    /// # Errors
    /// Incomplete.
    pub fn unless_whole(lacks: &[String], allowed: bool) -> Result<(), Self> {
        if lacks.is_empty() || allowed { Ok(()) } else { Err(Self::shown(Kind::Incomplete)) }
    }

    /// The one of `results` that the run ends with.
    ///
    /// # Errors
    /// The error whose kind counts most.
    pub fn worst(results: impl IntoIterator<Item = Result<(), Self>>) -> Result<(), Self> {
        results.into_iter().filter_map(Result::err).min_by_key(|error| error.kind.rank()).map_or(Ok(()), Err)
    }

    /// Adds a cause: a text of somebody else, which stays on one line, so that none of it passes for a hint of ours.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string().trim_end().replace('\n', "\\n"));
        self
    }

    /// The error with its causes, on one line.
    #[must_use]
    pub fn one_line(&self) -> String {
        [&self.message].into_iter().chain(&self.causes).map(String::as_str).collect::<Vec<_>>().join(": ")
    }

    /// The error, where a run may go on without what it cost: what is not known for want of credentials ends the run.
    ///
    /// # Errors
    /// This one, when nobody is logged in.
    pub fn unless_logged_out(self) -> Result<Self, Self> {
        if self.kind == Kind::LoggedOut { Err(self) } else { Ok(self) }
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The exit code of a run that ends with this error.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind.exit())
    }

    /// The error as scripts read it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({"error": {
            "code": self.kind.code(), "message": self.message, "causes": self.causes,
            "hint": (!self.hints.is_empty()).then(|| self.hints.join("; ")), "exit": self.kind.exit(),
        }})
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        for cause in &self.causes {
            write!(f, "\n  caused by: {cause}")?;
        }
        self.hints.iter().try_for_each(|hint| write!(f, "\nhint: {hint}"))
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_several_counts() {
        let worst =
            |kinds: &[Kind]| Error::worst(kinds.iter().map(|kind| Err(Error::new(*kind, "")))).unwrap_err().kind;
        assert_eq!(worst(&[Kind::Unmet, Kind::Incomplete, Kind::Failed]), Kind::Failed);
        assert_eq!(worst(&[Kind::Failed, Kind::Throttled, Kind::Denied]), Kind::Denied);
        assert_eq!(worst(&[Kind::Denied, Kind::Interrupted]), Kind::Interrupted);
        assert_eq!(Error::worst([Ok(()), Ok(())]), Ok(()));
    }

    #[test]
    fn an_error_says_what_why_and_what_next() {
        let error = Error::new(Kind::Denied, "cannot read log groups in eu-west-1: access denied")
            .because("User: x is not authorized to perform: logs:DescribeLogGroups")
            .hint("attach a policy that allows it");
        insta::assert_snapshot!(error, @r"
        cannot read log groups in eu-west-1: access denied
          caused by: User: x is not authorized to perform: logs:DescribeLogGroups
        hint: attach a policy that allows it
        ");
        assert_eq!(error.to_json()["error"]["exit"], 4);
    }
}
