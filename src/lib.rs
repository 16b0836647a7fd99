//! logctl makes an AWS account with hundreds of CloudWatch log groups one searchable place.
//!
//! The library holds everything but `main`, so that tests can reach it.

pub mod args;
pub mod aws;
pub mod changes;
pub mod checks;
pub mod cli;
pub mod commands;
pub mod config;
pub mod context;
pub mod deploy;
pub mod domain;
pub mod env;
pub mod error;
pub mod events;
pub mod interrupt;
pub mod inventory;
pub mod network;
pub mod progress;
pub mod query;
pub mod time;
pub mod ui;
pub mod words;
