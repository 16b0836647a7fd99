//! Dispatch: which command, on which runtime, and what Ctrl-C means to it.

pub mod audit;
pub mod backfill;
pub mod bootstrap;
pub mod completion;
pub mod groups;
pub mod man;
pub mod replay;
pub mod search;
pub mod teardown;

use std::{cell::Cell, future::Future, pin::pin, rc::Rc};

use tracing_subscriber::EnvFilter;

use crate::{
    aws::Aws,
    cli::{Cli, Command, Global},
    env::Environment,
    error::{Error, Kind},
    ui::{Ui, notice},
};

/// What every command is handed.
pub struct Context<'a> {
    /// Options of every command.
    pub global: &'a Global,
    /// The world outside.
    pub env: &'a Environment,
    /// Whether Ctrl-C was pressed.
    pub interrupt: Interrupt,
}

impl Context<'_> {
    /// The account and Region that the options name.
    ///
    /// # Errors
    /// When AWS cannot be reached or does not know the caller.
    pub async fn aws(&self) -> Result<Aws, Error> {
        Aws::connect(&self.global.aws).await
    }
}

/// What Ctrl-C means. It ends a run at once, unless the run has begun to change things: then it asks it to stop at its next
/// safe point, and a second one ends it at once.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    armed: Rc<Cell<bool>>,
    set: Rc<Cell<bool>>,
}

impl Interrupt {
    /// From here on things are changed.
    pub fn arm(&self) {
        self.armed.set(true);
    }

    /// Whether the run shall end at its next safe point.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.set.get()
    }

    /// Ends the run here if it shall end; `hint` says how to go on.
    ///
    /// # Errors
    /// Interrupted.
    pub fn check(&self, hint: &str) -> Result<(), Error> {
        if self.is_set() { Err(Error::new(Kind::Interrupted, "interrupted").hint(hint)) } else { Ok(()) }
    }

    /// Whether this Ctrl-C ends the run at once.
    fn press(&self) -> bool {
        !self.armed.get() || self.set.replace(true)
    }
}

/// Runs a command.
///
/// # Errors
/// What it ends with; the error's kind gives the exit code.
pub fn run(cli: &Cli, env: &Environment, ui: &mut Ui) -> Result<(), Error> {
    match &cli.command {
        Command::Completion(args) => return completion::run(args, ui),
        Command::Man(args) => return man::run(args, ui),
        _ => {}
    }
    trace(cli.global.verbose, env);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::failed("cannot start").because(error))?;
    let cx = Context { global: &cli.global, env, interrupt: Interrupt::default() };
    runtime.block_on(until_interrupted(dispatch(&cli.command, &cx, ui), &cx.interrupt))
}

async fn dispatch(command: &Command, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    match command {
        Command::Bootstrap(args) => Box::pin(bootstrap::run(args, cx, ui)).await,
        Command::Backfill(args) => Box::pin(backfill::run(args, cx, ui)).await,
        Command::Audit(args) => Box::pin(audit::run(args, cx, ui)).await,
        Command::Search(args) => Box::pin(search::run(args, cx, ui)).await,
        Command::Groups(args) => Box::pin(groups::run(args, cx, ui)).await,
        Command::Replay(args) => Box::pin(replay::run(args, cx, ui)).await,
        Command::Teardown(args) => Box::pin(teardown::run(args, cx, ui)).await,
        Command::Completion(_) | Command::Man(_) => Ok(()), // They need no runtime and have run.
    }
}

async fn until_interrupted(
    command: impl Future<Output = Result<(), Error>>,
    interrupt: &Interrupt,
) -> Result<(), Error> {
    let mut command = pin!(command);
    loop {
        tokio::select! {
            result = &mut command => return result,
            Ok(()) = tokio::signal::ctrl_c() => {
                if interrupt.press() {
                    return Err(Error::new(Kind::Interrupted, "interrupted"));
                }
                notice("stopping at the next safe point; Ctrl-C again ends at once");
            }
        }
    }
}

fn trace(verbose: u8, env: &Environment) {
    let default = match verbose {
        0 => "off",
        1 => "logctl=info,aws_config=info",
        _ => "debug",
    };
    let filter = EnvFilter::new(env.var("LOGCTL_LOG").unwrap_or(default));
    // A second run in one process, as in tests, keeps the first subscriber.
    drop(tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_c_waits_for_a_safe_point_only_where_things_are_changed() {
        let interrupt = Interrupt::default();
        assert!(interrupt.press());
        interrupt.arm();
        assert!(!interrupt.press());
        assert_eq!(interrupt.check("go on").unwrap_err().kind, Kind::Interrupted);
        assert!(interrupt.press());
    }
}
