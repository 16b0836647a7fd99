//! The system: a local AWS over HTTP, a real search engine, the real functions, the real binary.

mod sandbox;
mod story;
mod trouble;
