//! What every command is handed.

use std::str::FromStr;

use logctl_core::names::StackName;

use crate::{
    args::{Global, OfFiles},
    config::Settings,
    env::Environment,
    error::{Error, Kind},
    interrupt::Interrupt,
};

/// What every command is handed.
pub struct Context<'a> {
    /// Options of every command, with what files say where nothing was typed.
    pub global: &'a Global,
    /// Those that were typed.
    pub typed: &'a Global,
    /// What files say.
    pub settings: Option<&'a Settings>,
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
        Ok(Self { global, typed: global, settings: None, stack, env, interrupt: Interrupt::default(), notice: |_| {} })
    }

    /// What a variable says, as long as nothing was typed that says where to go: what was typed never loses to a variable.
    ///
    /// # Errors
    /// Wrong usage where the variable cannot be read.
    pub fn variable<T: FromStr>(&self, name: &str) -> Result<Option<T>, Error>
    where
        T::Err: ToString,
    {
        let OfFiles { target_is_typed, comes_first, .. } = self.global.files;
        if target_is_typed || comes_first { Ok(None) } else { self.env.parsed(name) }
    }

    /// The same, else what a file says.
    ///
    /// # Errors
    /// Wrong usage where it cannot be read.
    pub fn variable_or<T: FromStr>(&self, name: &str, of_file: Option<&str>) -> Result<Option<T>, Error>
    where
        T::Err: ToString,
    {
        if self.global.files.target_is_typed {
            return Ok(None);
        }
        let parse = |text: &str| text.parse().map_err(|error: T::Err| Error::new(Kind::Usage, error.to_string()));
        match self.variable(name)? {
            None => of_file.map(parse).transpose(),
            found => Ok(found),
        }
    }
}
