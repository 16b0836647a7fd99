//! What can be typed. Types only: what the commands do stands in `commands/`.

use clap::{Parser, Subcommand, ValueEnum};
use logctl_core::names::StackName;

use crate::{
    aws::AwsOptions,
    commands::{
        audit::AuditArgs,
        backfill::BackfillArgs,
        bootstrap::BootstrapArgs,
        completion::CompletionArgs,
        groups::GroupsArgs,
        man::ManArgs,
        replay::ReplayArgs,
        search::{Output, SearchArgs},
        teardown::TeardownArgs,
    },
    ui::Format,
};

/// Make an AWS account with hundreds of log groups one searchable place
///
/// logctl deploys a stack that forwards every CloudWatch log group to OpenSearch, subscribes the groups that exist, proves
/// that none is left out, and searches across all of them.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "A first look that changes nothing: logctl audit")]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// Which account and Region.
    #[command(flatten)]
    pub aws: AwsOptions,
    /// Name of the forwarding stack
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "LOGCTL_STACK",
        default_value = "logctl",
        hide_env_values = true
    )]
    #[arg(help_heading = "Global options")]
    pub stack: StackName,
    /// Colour the output
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Global options")]
    pub color: ColorChoice,
    /// Leave out progress and hints
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub quiet: bool,
    /// Tell what happens; twice for more
    #[arg(long, short, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How a report is written.
#[derive(Debug, Clone, clap::Args)]
pub struct ReportFormat {
    /// Write the report as this; a table on a terminal, text in a pipe
    #[arg(long, short, value_name = "FORMAT")]
    pub output: Option<Format>,
}

/// Whether a run that changes things goes on after its plan.
#[derive(Debug, Clone, clap::Args)]
pub struct Consent {
    /// Stop after the plan
    #[arg(long)]
    pub dry_run: bool,
    /// Go on without asking
    #[arg(long, short)]
    pub yes: bool,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Deploy or update the forwarding stack
    Bootstrap(BootstrapArgs),
    /// Subscribe the log groups that exist already
    Backfill(BackfillArgs),
    /// Report which log groups are streamed, and why others are not
    Audit(AuditArgs),
    /// Find events in all log groups
    Search(SearchArgs),
    /// Index what was received and could not be indexed
    Replay(ReplayArgs),
    /// List log groups
    Groups(GroupsArgs),
    /// Remove the subscription filters and the stack
    Teardown(TeardownArgs),
    /// Print the line that turns on completion in a shell
    Completion(CompletionArgs),
    /// Print the manual
    Man(ManArgs),
}

impl Cli {
    /// The format that was asked for, where one was.
    #[must_use]
    pub fn format(&self) -> Option<Format> {
        match &self.command {
            Command::Bootstrap(args) => args.format.output,
            Command::Backfill(args) => args.format.output,
            Command::Audit(args) => args.format.output,
            Command::Groups(args) => args.format.output,
            Command::Replay(args) => args.format.output,
            Command::Teardown(args) => args.format.output,
            Command::Search(args) => args.output.is_some_and(Output::is_json).then_some(Format::Json),
            Command::Completion(_) | Command::Man(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }
}
