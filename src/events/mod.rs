//! Events out of the index.

mod event;
mod nothing;
mod request;

pub use event::Event;
pub use nothing::{Empty, Nothing};
pub use request::{Found, Search, groups};
