//! The command line as a whole: how it is read, on which runtime a command runs, and what Ctrl-C means to it.

mod negations;
mod settings;

use std::{ffi::OsString, future::Future, pin::pin};

use clap::{
    ArgMatches, CommandFactory as _, FromArgMatches as _, Parser,
    error::{ContextKind, ContextValue},
};
use tracing_subscriber::EnvFilter;

use self::{
    negations::{first_word, separate_negations},
    settings::Added,
};
use crate::{
    args::Global,
    commands::{
        Command,
        search::{Kept, TailArgs},
    },
    config::{self, Settings},
    context::Context,
    env::Environment,
    error::{Error, Kind},
    interrupt::Interrupt,
    ui::{Ui, notice},
};

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
    /// What files of settings say, or why they cannot be read.
    #[arg(skip = Ok(Box::default()))]
    pub files: Result<Box<Files>, Error>,
    /// What was typed of the options of every command.
    #[arg(skip)]
    typed: Option<Global>,
}

/// What files of settings say.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// All of it.
    pub settings: Settings,
    /// What of it narrows this run.
    pub notes: Vec<String>,
    /// The flags that are kept where the search is.
    kept: Kept,
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
        let command = command.color(colour);
        let read = |command: clap::Command| {
            command.try_get_matches_from(&arguments).unwrap_or_else(|error| without_password(error).exit())
        };
        let matches = read(command.clone());
        let cli = |matches: &ArgMatches| {
            Self::from_arg_matches(matches).unwrap_or_else(|error| without_password(error).exit())
        };
        match Self::with_files(command, &matches, env, read) {
            Ok((matches, mut files, query)) => {
                let mut cli = cli(&matches);
                cli.typed = Some(cli.global.clone());
                config::aim(&mut cli.global, &files.settings, env);
                if let (Some(query), Some(which)) = (query, cli.command.which()) {
                    which.query = query;
                }
                if let Command::Search(args) | Command::Tail(TailArgs { search: args }) = &mut cli.command {
                    args.kept = std::mem::take(&mut files.kept);
                }
                cli.files = Ok(Box::new(files));
                cli
            }
            Err(error) => Self { files: Err(error), ..cli(&matches) },
        }
    }

    /// What was typed of the options of every command.
    #[must_use]
    pub fn typed(&self) -> &Global {
        self.typed.as_ref().unwrap_or(&self.global)
    }

    /// The command line with the defaults that files give, and the query of a saved search.
    fn with_files(
        command: clap::Command,
        matches: &ArgMatches,
        env: &Environment,
        read: impl Fn(clap::Command) -> ArgMatches,
    ) -> Result<(ArgMatches, Files, Option<Vec<String>>), Error> {
        let (name, typed) = matches.subcommand().unwrap_or(("", matches));
        let definition = command.find_subcommand(name).filter(|_| !["completion", "man"].contains(&name));
        let Some(definition) = definition else { return Ok((matches.clone(), Files::default(), None)) };
        let environment = matches.get_one::<String>("env").map(String::as_str);
        let profile = matches.get_one::<String>("profile").is_some();
        let settings = Settings::read(env, &command, (environment, profile))?;
        let added = Added::new(&settings, definition, typed)?;
        let saves = matches!(typed.try_get_one::<String>("save"), Ok(Some(_)));
        let kept = if saves { added.to_keep(definition, typed) } else { Kept::default() };
        let matches = if settings.files.is_empty() {
            matches.clone()
        } else {
            read(added.with_defaults(settings::global_defaults(&settings, command), name))
        };
        Ok((matches, Files { settings, notes: added.notes, kept }, added.query))
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
    let files = cli.files.as_ref().map_err(Clone::clone)?;
    files.settings.warnings.iter().for_each(|warning| ui.warning(warning));
    files.notes.iter().for_each(|note| ui.status(note));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::failed("cannot start").because(error))?;
    let mut cx = Context::new(&cli.global, env)?;
    cx.typed = cli.typed();
    cx.settings = cli.files.as_ref().ok().map(|files| &files.settings);
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
