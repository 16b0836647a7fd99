//! The way to a search domain.

mod client;
mod error;
mod options;

pub use client::{DomainClient, Engine};
pub use error::DomainError;
pub use options::{DomainOptions, read_certificate};

use logctl_core::names::IndexPrefix;

/// Where the events of a stack are searched.
#[must_use]
pub fn search_path(prefix: &IndexPrefix) -> String {
    format!("/{}/_search?ignore_unavailable=true&allow_no_indices=true", prefix.indices())
}
