//! Events out of the index.

mod event;
mod request;

pub use event::Event;
pub use request::{Found, Search, groups, newest_before};
