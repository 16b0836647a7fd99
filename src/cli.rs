//! The command line as a whole: how it is read, on which runtime a command runs, and what Ctrl-C means to it.

mod negations;

use std::{ffi::OsString, future::Future, pin::pin};

use clap::{
    CommandFactory as _, FromArgMatches as _, Parser,
    error::{ContextKind, ContextValue},
};
use tracing_subscriber::EnvFilter;

use crate::{
    args::Global,
    commands::Command,
    context::Context,
    env::Environment,
    error::{Error, Kind},
    interrupt::Interrupt,
    ui::{Ui, notice},
};
use negations::{first_word, separate_negations};

/// What the manual and `--help` say about every command.
const MORE: &str = include_str!("cli/more.txt");

/// Make an AWS account with hundreds of log groups one searchable place
///
/// logctl deploys a stack that forwards every CloudWatch log group to OpenSearch, subscribes the groups that exist, proves
/// that none is left out, and searches across all of them.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "A first look that changes nothing: logctl audit", after_long_help = MORE)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads the command line, or ends the process with what is wrong with it.
    #[must_use]
    pub fn read(env: &Environment) -> Self {
        let command = Self::command();
        let arguments = separate_negations(env.arguments(), &command);
        if let Err(why) = first_word(&arguments, &command) {
            Self::command().error(clap::error::ErrorKind::UnknownArgument, why).exit();
        }
        let colour = match typed_colour(&arguments) {
            Some("never") => clap::ColorChoice::Never,
            Some("always") => clap::ColorChoice::Always,
            _ => clap::ColorChoice::Auto,
        };
        let cli =
            command.color(colour).try_get_matches_from(arguments).and_then(|matches| Self::from_arg_matches(&matches));
        cli.unwrap_or_else(|error| without_password(error).exit())
    }
}

/// What `--color` says, before anything else is understood: what is wrong with the rest is coloured or not.
fn typed_colour(arguments: &[OsString]) -> Option<&str> {
    let texts = arguments.iter().map(|argument| argument.to_str().unwrap_or_default());
    let mut typed = texts.clone().zip(texts.skip(1).chain([""]));
    typed.find_map(|(text, next)| text.strip_prefix("--color=").or((text == "--color").then_some(next)))
}

/// An error quotes what was typed, and that may be a URL with a password in it.
fn without_password(mut error: clap::Error) -> clap::Error {
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidArg, ContextKind::InvalidSubcommand] {
        if let Some(ContextValue::String(value)) = error.get(kind)
            && let Some((before, host)) = value.rsplit_once('@')
            && before.contains(':')
        {
            let scheme = before.split_once("://").map_or(String::new(), |(scheme, _)| format!("{scheme}://"));
            let _ = error.insert(kind, ContextValue::String(format!("{scheme}…@{host}")));
        }
    }
    error
}

/// Runs the command that was typed.
///
/// # Errors
/// What it ends with; the error's kind gives the exit code.
pub fn run(cli: &Cli, env: &Environment, ui: &mut Ui) -> Result<(), Error> {
    trace(cli.global.verbose, env, ui.look.stderr_colour);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::failed("cannot start").because(error))?;
    let mut cx = Context::new(&cli.global, env)?;
    if !cli.global.quiet {
        cx.notice = notice;
    }
    let result = runtime.block_on(until_interrupted(cli.command.run(&cx, ui), &cx.interrupt));
    runtime.shutdown_background(); // Somebody may still be reading stdin.
    result
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
                    let error = Error::new(Kind::Interrupted, "interrupted");
                    let begun = interrupt.is_set(); // It was asked to stop before, and was still at work.
                    return Err(if begun { error.hint("what was begun may be half done; the same command goes on") } else { error });
                }
                if !interrupt.is_expected() {
                    notice("\nstopping at the next safe point; Ctrl-C again ends at once");
                }
            }
        }
    }
}

/// Tells on stderr what happens, as far as that is asked for.
fn trace(verbose: u8, env: &Environment, colour: bool) {
    let default = match verbose {
        0 => "off",
        1 => "logctl=info",
        _ => "debug",
    };
    let filter = EnvFilter::new(env.var("LOGCTL_LOG").unwrap_or(default));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colour).with_writer(std::io::stderr);
    // A second run in one process, as in tests, keeps the first subscriber.
    let _ = if verbose < 2 { lines.without_time().with_target(false).try_init() } else { lines.try_init() };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }
}
