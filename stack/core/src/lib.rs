//! The vocabulary that the command line and the functions share.
//!
//! Plain data and pure functions: no IO, no clock, no SDK, no runtime.

pub mod auth;
pub mod backoff;
pub mod bulk;
mod bytes;
pub mod conflicts;
pub mod coverage;
pub mod dead_letter;
pub mod document;
pub mod endpoint;
pub mod event;
mod fast;
pub mod fields;
pub mod ids;
pub mod index;
pub mod level;
pub mod names;
pub mod normalise;
pub mod payload;
#[cfg(any(test, feature = "properties"))]
pub mod properties;
pub mod redact;
pub mod rules;
mod scan;
mod sense;
pub mod service;
pub mod text;
