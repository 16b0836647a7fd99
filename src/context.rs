//! What every command is handed.

use std::str::FromStr;

use logctl_core::names::StackName;

use crate::{args::Global, env::Environment, error::Error, interrupt::Interrupt};

/// What every command is handed.
pub struct Context<'a> {
    /// Options of every command.
    pub global: &'a Global,
    /// Name of the forwarding stack.
    pub stack: StackName,
    /// The world outside.
    pub env: &'a Environment,
    /// Whether Ctrl-C was pressed.
    pub interrupt: Interrupt,
    /// Says something at once, wherever a run is.
    pub notice: fn(&str),
}

impl<'a> Context<'a> {
    /// The context of a run. The stack is the one that was typed, else that of `LOGCTL_STACK`.
    ///
    /// # Errors
    /// Wrong usage where the variable holds no name.
    pub fn new(global: &'a Global, env: &'a Environment) -> Result<Self, Error> {
        let stack = match &global.stack {
            Some(stack) => stack.clone(),
            None => env.parsed("LOGCTL_STACK")?.unwrap_or_default(),
        };
        Ok(Self { global, stack, env, interrupt: Interrupt::default(), notice: |_| {} })
    }

    /// What a variable says, as long as nothing was typed that says where to go: what was typed never loses to a variable.
    ///
    /// # Errors
    /// Wrong usage where the variable cannot be read.
    pub fn variable<T: FromStr>(&self, name: &str) -> Result<Option<T>, Error>
    where
        T::Err: ToString,
    {
        let Global { aws, stack, .. } = self.global;
        if stack.is_some() || aws.profile.is_some() || aws.region.is_some() || aws.expect_account.is_some() {
            return Ok(None);
        }
        self.env.parsed(name)
    }
}
