//! `logctl completion`: the line that turns it on.

use std::ffi::OsStr;

use clap::ValueEnum;
use clap_complete::{ArgValueCompleter, CompletionCandidate};

use crate::{env::Environment, error::Error, inventory::Cache, ui::Ui};

/// Print the line that turns on completion in a shell
///
/// Completions are answered by logctl itself, so they are those of the version that runs; log groups are those of the account that
/// was looked at last. Put the line into the shell's start-up file.
#[derive(Debug, clap::Args)]
pub struct CompletionArgs {
    /// The shell
    pub shell: Shell,
}

/// A shell that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// Bash
    Bash,
    /// Elvish
    Elvish,
    /// Fish
    Fish,
    /// PowerShell
    Powershell,
    /// Zsh
    Zsh,
}

/// Runs the command.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(args: &CompletionArgs, ui: &mut Ui) -> Result<(), Error> {
    ui.line(match args.shell {
        Shell::Bash => include_str!("../../completions/logctl.bash").trim_end(),
        Shell::Elvish => include_str!("../../completions/logctl.elv").trim_end(),
        Shell::Fish => include_str!("../../completions/logctl.fish").trim_end(),
        Shell::Powershell => include_str!("../../completions/logctl.ps1").trim_end(),
        Shell::Zsh => include_str!("../../completions/logctl.zsh").trim_end(),
    })
}

/// Arguments that name log groups.
const OF_GROUPS: [&str; 3] = ["globs", "explain", "group"];

/// The command line as a shell asks it: with the log groups that were there when somebody looked last. Nothing is asked of AWS.
#[must_use]
pub fn completing(command: clap::Command, env: &Environment) -> clap::Command {
    let cache = Cache::new(env.cache(env.var("AWS_ENDPOINT_URL").is_some()).as_deref());
    command.mut_subcommands(|subcommand| {
        let cache = &cache;
        subcommand.mut_args(|arg| {
            if !OF_GROUPS.contains(&arg.get_id().as_str()) {
                return arg;
            }
            let cache = cache.clone();
            arg.add(ArgValueCompleter::new(move |typed: &OsStr| groups(&cache, typed)))
        })
    })
}

/// Names of log groups that begin as is typed, or globs that leave them out.
fn groups(cache: &Cache, typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let (not, begin) = typed.strip_prefix('!').map_or(("", &*typed), |rest| ("!", rest));
    let mut names: Vec<String> = cache.names().into_iter().filter(|name| name.starts_with(begin)).collect();
    names.sort_unstable();
    names.into_iter().map(|name| CompletionCandidate::new(format!("{not}{name}"))).collect()
}
