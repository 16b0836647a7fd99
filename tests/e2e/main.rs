//! The system: a local AWS over HTTP, a real search engine, the real functions, the real binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accounts;
mod archives;
mod auth;
mod aws_layout;
mod broken_calls;
mod busy_index;
mod causes;
mod conformance;
mod delivery;
mod deployments;
mod doctor;
mod domains;
mod evidence;
mod exports;
mod faults;
mod follows;
mod formats;
mod function;
mod hostile;
mod http;
mod long;
mod numbers;
mod permissions;
mod pipeline;
mod proxy;
mod queries;
mod questions;
mod random_queries;
mod random_text;
mod real_logs;
mod sandbox;
mod search_trouble;
mod shells;
mod spellings;
mod story;
mod traces;
mod trouble;
mod trust;
mod tunnel;
mod updates;
