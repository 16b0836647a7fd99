//! `logctl completion`: the line that turns it on.

use clap::ValueEnum;

use crate::{error::Error, ui::Ui};

/// Print the line that turns on completion in a shell
///
/// Completions are answered by logctl itself, so they are never out of date. Put the line into the shell's start-up file.
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
