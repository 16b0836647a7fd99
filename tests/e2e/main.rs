//! The system: a local AWS over HTTP, a real search engine, the real functions, the real binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod archives;
mod delivery;
mod sandbox;
mod story;
mod trouble;
