//! The search side: how a domain is reached, and what is asked of it.

mod client;
mod event;
mod search;

pub use client::{Endpoint, Index, IndexError};
pub use event::Event;
pub use search::{Found, Search, newest_before};
