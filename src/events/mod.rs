//! Events out of the index.

mod event;
mod gaps;
mod nothing;
mod request;

pub use event::Event;
pub use nothing::{Empty, Nothing, Redaction, WhyNothing};
pub use request::{Found, Indices, Search, groups};
