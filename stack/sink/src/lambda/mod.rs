//! What the functions' `main` and handlers share: what they are told, what they tell, and how they fail.

pub mod environment;
mod failure;
mod log;
pub mod metrics;

pub use failure::Failure;
pub use log::{log, milliseconds};
