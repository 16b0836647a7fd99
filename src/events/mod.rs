//! Events out of the index.

pub mod context;
mod event;
mod follow;
mod foreign;
mod gaps;
mod hit;
mod nothing;
pub mod numbers;
mod pages;
mod pieces;
mod reader;
mod request;
mod runs;
pub mod suggestions;
mod taker;
pub mod trace;

pub use event::Event;
pub use follow::{Follow, LATE, Look};
pub use foreign::Others;
pub use hit::{Hit, Lines};
pub use nothing::{Empty, Nothing, Redaction, WhyNothing};
pub use reader::{Cursor, Cut, Plan, events};
pub use request::{Found, Indices, Search, groups};
