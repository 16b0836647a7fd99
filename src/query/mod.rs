//! The query language: text → tree → request.
//!
//! Two principles decide every doubt: what a person pastes is found, and the meaning of a query never depends on what
//! happens to be in the index.

pub mod dsl;
mod parser;
mod tree;

pub use parser::parse;
pub use tree::{Comparison, Field, Query, Value};
