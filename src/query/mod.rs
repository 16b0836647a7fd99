//! The query language: text → tree → request.
//!
//! Two principles decide every doubt: what a person pastes is found, and the meaning of a query never depends on what
//! happens to be in the index.

mod aliases;
pub mod at_hand;
mod doubts;
pub mod dsl;
mod explained;
pub mod foreign;
mod marks;
mod moments;
mod narrowed;
mod needles;
mod parser;
mod regex;
mod shown;
mod text;
mod translated;
mod tree;
mod units;

pub use aliases::names;
pub use doubts::doubts;
pub use dsl::{Compiled, Verdict, parts};
pub use explained::{tree, understood};
pub use marks::marks;
pub use moments::{at, window};
pub use needles::{Needle, is_needles, needles};
pub use parser::{parse, signs_alone};
pub use shown::line;
pub use text::Facts;
pub use translated::{to_dql, to_insights};
pub use tree::{Bound, Comparison, Field, Pattern, Query, Value};
