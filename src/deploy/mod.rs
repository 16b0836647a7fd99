//! The forwarding stack: what it is told, how it is deployed, what it is made of.

pub mod artifacts;
pub mod change_set;
pub mod cost;
pub mod operation;
pub mod settings;
pub mod stack;

pub use settings::StackSettings;
pub use stack::DeployedStack;
