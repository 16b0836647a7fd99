//! The way to a search domain.

mod client;
mod error;
mod options;

pub use client::{DomainClient, Engine};
pub use error::DomainError;
pub use options::{DomainOptions, read_certificate};
