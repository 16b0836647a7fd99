//! The vocabulary that the command line and the functions share.
//!
//! Plain data and pure functions: no IO, no clock, no SDK, no runtime.

pub mod auth;
pub mod backoff;
pub mod bulk;
pub mod compression;
pub mod coverage;
pub mod dead_letter;
pub mod document;
pub mod domain_arn;
pub mod domain_roles;
pub mod endpoint;
pub mod event;
pub mod event_id;
pub mod fields;
pub mod globs;
pub mod ids;
pub mod index_name;
mod json;
pub mod level;
pub mod mapping;
pub mod names;
pub mod normalise;
pub mod pairs;
pub mod partition;
pub mod payload;
#[cfg(any(test, feature = "properties"))]
pub mod properties;
pub mod redact;
pub mod service;
pub mod services;
mod shape;

pub use json::text::without_halves;
