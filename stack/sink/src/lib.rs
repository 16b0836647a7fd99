//! What the functions do over the network: bulk writes, dead letters, signed requests to AWS.
//!
//! One small HTTP client serves all of it. No SDK: the archives stay small.

pub mod aws;
pub mod breaker;
pub mod domain;
pub mod gate;
pub mod http;
pub mod lambda;
pub mod letters;
pub mod own;
pub mod replay;
pub mod writer;
