//! Changes of subscription filters: one plan and one way to apply it, for backfill and teardown.

mod apply;
mod outcome;
mod plan;

pub use apply::{StepOutcome, apply};
pub use outcome::{AGAIN, Outcome};
pub use plan::{Plan, Step};
