//! logctl makes an AWS account with hundreds of CloudWatch log groups one searchable place.
//!
//! The library holds everything but `main`, so that tests can reach it.

pub mod args;
pub mod aws;
pub mod cli;
pub mod commands;
pub mod context;
pub mod env;
pub mod error;
pub mod index;
pub mod interrupt;
pub mod progress;
pub mod query;
pub mod survey;
pub mod time;
pub mod ui;
