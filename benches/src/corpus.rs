//! The corpus of the benchmarks: subscription payloads as accounts produce them, the same bytes at every run.
//!
//! What the services log is written down in `corpus/*.txt`, one template an event; `plan` says how many events of
//! each make a payload, `sampler` fills the templates in, and `wire` packs them as CloudWatch Logs does. Every payload
//! is seeded by its own name: to add one changes no other.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

mod plan;
mod sampler;
mod templates;
mod wire;
mod words;

/// One invocation of the forwarder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// Names it within its kind; letters, digits, `-` and `_` only.
    pub name: String,
    /// Base64 of gzip of JSON, as in `awslogs.data`.
    pub data: String,
    /// Events to be indexed; none in a control message.
    pub events: usize,
    /// Length of the decompressed JSON.
    pub bytes: usize,
}

/// Which payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A busy day of a whole account: about 43 MB of JSON with 77,000 events of all formats, in payloads of 1 to 10,000.
    Whole,
    /// Payloads of a single event, several of each format; none is longer than a log line usually is.
    OneEvent,
    /// Payloads whose filter cuts its events into columns.
    ExtractedFields,
    /// One payload of about 5 MB of JSON, 1 MB compressed.
    Large,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Whole, Self::OneEvent, Self::ExtractedFields, Self::Large];

    /// Its name on the command line and in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::OneEvent => "one-event",
            Self::ExtractedFields => "extracted-fields",
            Self::Large => "large",
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| format!("no payloads of the kind {name:?}"))
    }
}

/// The whole corpus.
#[must_use]
pub fn payloads() -> Vec<Payload> {
    by_kind(Kind::Whole)
}

/// The payloads of one kind.
#[must_use]
pub fn by_kind(kind: Kind) -> Vec<Payload> {
    plan::of(kind).iter().map(wire::payload).collect()
}

/// Logs that nobody here wrote: a payload for each file `*.log` in a folder.
///
/// # Errors
/// When a file cannot be read.
pub fn real(folder: &Path) -> std::io::Result<Vec<Payload>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    files.sort();
    let payload = |path: PathBuf| {
        let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(wire::of_lines(name, text.lines().filter(|line| !line.trim().is_empty())))
    };
    files.into_iter().map(payload).collect()
}

#[cfg(test)]
mod tests;
