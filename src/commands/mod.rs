//! Every command.

pub mod audit;
pub mod backfill;
pub mod bootstrap;
pub mod completion;
pub mod config;
pub mod context;
pub mod doctor;
mod flags;
mod group_report;
pub mod groups;
pub mod man;
pub mod numbers;
mod page;
pub mod printer;
pub mod replay;
pub mod search;
pub mod stack;
mod targets;
pub mod teardown;
pub mod trace;
pub mod why;

use clap::Subcommand;

pub use self::flags::may_be_set;
use self::{
    audit::{AuditArgs, AuditFormat},
    backfill::BackfillArgs,
    bootstrap::BootstrapArgs,
    completion::CompletionArgs,
    config::{ConfigArgs, ConfigCommand},
    context::ContextArgs,
    doctor::DoctorArgs,
    groups::{GroupsArgs, GroupsFormat},
    man::ManArgs,
    numbers::{CountArgs, FieldsArgs, HistArgs, TopArgs, ValuesArgs},
    printer::Output,
    replay::ReplayArgs,
    search::{SearchArgs, TailArgs, Which},
    stack::StackArgs,
    teardown::TeardownArgs,
    trace::{TraceArgs, TraceFormat},
    why::WhyArgs,
};
use crate::{
    args::{Format, GroupSelection},
    aws::Aws,
    context::Context,
    deploy::DeployedStack,
    error::Error,
    inventory::{self, Cache, Depth, Inventory, Reading},
    ui::Ui,
};

/// Every command.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "each says what it does where its arguments stand, and a comment here would hide that")]
pub enum Command {
    Bootstrap(Box<BootstrapArgs>),
    Backfill(BackfillArgs),
    Audit(AuditArgs),
    Doctor(DoctorArgs),
    Why(WhyArgs),
    Search(SearchArgs),
    Tail(TailArgs),
    Trace(Box<TraceArgs>),
    Context(Box<ContextArgs>),
    Count(Box<CountArgs>),
    Top(Box<TopArgs>),
    Values(Box<ValuesArgs>),
    Fields(Box<FieldsArgs>),
    Hist(Box<HistArgs>),
    Replay(ReplayArgs),
    Groups(GroupsArgs),
    Teardown(TeardownArgs),
    Stack(StackArgs),
    Config(ConfigArgs),
    Completion(CompletionArgs),
    Man(ManArgs),
}

impl Command {
    /// The format that was asked for, where one was.
    #[must_use]
    pub fn format(&self) -> Option<Format> {
        match self {
            Self::Bootstrap(args) => args.format.output,
            Self::Backfill(args) => args.format.output,
            Self::Audit(args) => args.output.map(AuditFormat::format),
            Self::Doctor(args) => args.format.output,
            Self::Why(args) => args.format.output,
            Self::Groups(args) => args.output.map(GroupsFormat::format),
            Self::Replay(args) => args.format.output,
            Self::Teardown(args) => args.format.output,
            Self::Search(args) | Self::Tail(TailArgs { search: args }) => {
                args.printing.output.is_some_and(Output::is_json).then_some(Format::Json)
            }
            Self::Trace(args) => args.output.map(TraceFormat::format),
            Self::Context(args) => args.printing.output.is_some_and(Output::is_json).then_some(Format::Json),
            Self::Count(args) => args.counting.format.output,
            Self::Top(args) => args.counting.format.output,
            Self::Values(args) => args.counting.format.output,
            Self::Fields(args) => args.counting.format.output,
            Self::Hist(args) => args.counting.format.output,
            Self::Config(ConfigArgs { command: ConfigCommand::Show(args) }) => args.format.output,
            Self::Stack(_) | Self::Completion(_) | Self::Man(_) => None,
        }
    }

    /// Which events it asks for, where its query may be a saved search.
    pub fn which(&mut self) -> Option<&mut Which> {
        match self {
            Self::Search(args) | Self::Tail(TailArgs { search: args }) => Some(&mut args.which),
            Self::Count(args) => Some(&mut args.counting.which),
            Self::Top(args) => Some(&mut args.counting.which),
            Self::Values(args) => Some(&mut args.counting.which),
            Self::Fields(args) => Some(&mut args.counting.which),
            Self::Hist(args) => Some(&mut args.counting.which),
            _ => None,
        }
    }

    /// Runs the command.
    ///
    /// # Errors
    /// What it ends with; the error's kind gives the exit code.
    pub async fn run(&self, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
        match self {
            Self::Bootstrap(args) => Box::pin(bootstrap::run(args, cx, ui)).await,
            Self::Backfill(args) => Box::pin(backfill::run(args, cx, ui)).await,
            Self::Audit(args) => Box::pin(audit::run(args, cx, ui)).await,
            Self::Doctor(args) => Box::pin(doctor::run(args, cx, ui)).await,
            Self::Why(args) => Box::pin(why::run(args, cx, ui)).await,
            Self::Search(args) => Box::pin(search::run(args, cx, ui)).await,
            Self::Tail(args) => Box::pin(search::tail(args, cx, ui)).await,
            Self::Trace(args) => Box::pin(trace::run(args, cx, ui)).await,
            Self::Context(args) => Box::pin(context::run(args, cx, ui)).await,
            Self::Count(args) => Box::pin(numbers::count_events(args, cx, ui)).await,
            Self::Top(args) => Box::pin(numbers::top(args, cx, ui)).await,
            Self::Values(args) => Box::pin(numbers::values(args, cx, ui)).await,
            Self::Fields(args) => Box::pin(numbers::fields(args, cx, ui)).await,
            Self::Hist(args) => Box::pin(numbers::hist(args, cx, ui)).await,
            Self::Groups(args) => Box::pin(groups::run(args, cx, ui)).await,
            Self::Replay(args) => Box::pin(replay::run(args, cx, ui)).await,
            Self::Teardown(args) => Box::pin(teardown::run(args, cx, ui)).await,
            Self::Stack(args) => Box::pin(stack::run(args, cx, ui)).await,
            Self::Config(args) => config::run(args, cx, ui),
            Self::Completion(args) => completion::run(args, ui),
            Self::Man(args) => man::run(args, ui),
        }
    }
}

/// Every selected group is asked, and what is found is kept.
fn asking_all<'a>(aws: &Aws, selection: &'a GroupSelection, cx: &'a Context<'_>) -> Reading<'a> {
    let cache = Cache::new(cx.env.cache(aws.hosts.all.is_some()).as_deref());
    Reading {
        selection,
        narrowing: None,
        made_until: None,
        fresh: true,
        one_of_several: false,
        depth: Depth::States,
        cache,
        time_zone: &cx.env.time_zone,
    }
}

/// Reads the account that a command is about, and says what may surprise.
async fn read_account(
    aws: &Aws,
    stack: Option<&DeployedStack>,
    reading: &Reading<'_>,
    cx: &Context<'_>,
    ui: &mut Ui,
) -> Result<Inventory, Error> {
    let progress = ui.progress("reading log groups", None);
    let inventory = Box::pin(inventory::take(aws, stack, reading, aws.time(cx.env.now), &progress)).await?;
    drop(progress);
    for note in &inventory.notes {
        ui.warning(note);
    }
    Ok(inventory)
}
