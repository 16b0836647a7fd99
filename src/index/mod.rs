//! The search side: how a domain is reached, and what is asked of it.

mod client;
mod domain;
mod event;
mod search;

pub use client::{Index, IndexError, Network};
pub use domain::{DomainOptions, read_certificate};
pub use event::Event;
pub use search::{Found, Search, groups, newest_before};
