//! What the functions do over the network: bulk writes, dead letters, signed requests to AWS.
//!
//! One small HTTP client serves all of it. No SDK: the archives stay small.

pub mod aws;
pub mod breaker;
pub mod dead_letters;
pub mod domain;
pub mod environment;
pub mod function;
pub mod http;
pub mod metrics;
pub mod replay;
pub mod s3;
pub mod writer;
