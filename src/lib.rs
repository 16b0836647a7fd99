//! logctl makes an AWS account with hundreds of CloudWatch log groups one searchable place.
//!
//! The library holds everything but `main`, so that tests can reach it.

pub mod arguments;
pub mod aws;
pub mod cli;
pub mod commands;
pub mod env;
pub mod error;
pub mod index;
pub mod query;
pub mod selection;
pub mod survey;
pub mod time;
pub mod ui;

pub use commands::run;
