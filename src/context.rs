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

    /// Checks that it is known where the run is to go.
    ///
    /// # Errors
    /// Wrong usage where a variable and an environment that was not typed disagree.
    pub fn check_target(&self) -> Result<(), Error> {
        let Some(contradiction) = &self.global.files.contradiction else { return Ok(()) };
        Err(Error::new(Kind::Usage, contradiction)
            .hint("say which one is meant: --env NAME, or --profile NAME and --region REGION; or unset the variable"))
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

    /// What a file says, as long as nothing was typed that says where to go.
    ///
    /// # Errors
    /// Wrong usage where it cannot be read.
    pub fn of_file<T: FromStr>(&self, text: Option<&str>) -> Result<Option<T>, Error>
    where
        T::Err: ToString,
    {
        let parse = |text: &str| text.parse().map_err(|error: T::Err| Error::new(Kind::Usage, error.to_string()));
        text.filter(|_| !self.global.files.target_is_typed).map(parse).transpose()
    }
}
