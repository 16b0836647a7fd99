//! `logctl audit`: the state of every log group, and why.

mod report;

use std::collections::BTreeSet;

use logctl_core::coverage::State;

use super::Context;
use crate::{
    aws::Pace,
    cli::{GroupSelection, ReportFormat},
    error::{Error, Kind},
    survey::{Rate, Survey, survey},
    ui::{Ui, count},
};

pub use report::{GroupReport, Report, groups, style};

/// Report which log groups are streamed, and why others are not
///
/// A log group is streamed when one of its subscription filters, or the account policy, points at the stack's forwarder.
/// Without a stack the report still answers: which groups are streamed, by whom, and to where. It changes nothing.
#[derive(Debug, clap::Args)]
pub struct AuditArgs {
    /// Which groups.
    #[command(flatten)]
    pub selection: GroupSelection,
    /// Show only groups in one of these states
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    pub state: Vec<State>,
    /// Exit with 8 when a group is in one of these states
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    pub fail_on: Vec<State>,
    /// How fast.
    #[command(flatten)]
    pub rate: Rate,
    /// How it is written.
    #[command(flatten)]
    pub format: ReportFormat,
}

/// Runs the command.
///
/// # Errors
/// Unmet where a group is in a state of `--fail-on`; incomplete where one could not be read.
pub async fn run(args: &AuditArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let pace = Pace::new(args.rate.rate);
    let survey = survey(cx.aws().await?, &args.selection, &pace, cx.env.now, cx.global, ui).await?;
    let report = Report::new(&survey, &args.state);
    ui.show(&report)?;
    ui.status(report.closing_line());
    if survey.stack.is_none() {
        ui.hint(format_args!("there is no stack {} yet; deploy it with: logctl bootstrap", cx.global.stack));
    } else if report.has_work() {
        ui.hint("put the rest right with: logctl backfill");
    }
    read_failures(&survey)?;
    fail_on(&survey, &args.fail_on)
}

/// The error of a survey that could not read every group.
pub fn read_failures(survey: &Survey) -> Result<(), Error> {
    let errors: Vec<&Error> = survey.groups.iter().filter_map(|(group, _)| group.filters.as_ref().err()).collect();
    let Some(first) = errors.first() else { return Ok(()) };
    let nothing_answered = errors.len() == survey.groups.len();
    let throttled = errors.iter().find(|error| error.kind == Kind::Throttled);
    let kind = match throttled {
        _ if nothing_answered && first.kind == Kind::Denied => Kind::Denied,
        Some(_) => Kind::Throttled,
        None => Kind::Incomplete,
    };
    let message = format!("{} could not be read", count(errors.len(), "log group"));
    Err(Error { kind, message, causes: vec![first.message.clone()], hints: first.hints.clone() })
}

fn fail_on(survey: &Survey, states: &[State]) -> Result<(), Error> {
    let bad: Vec<_> = survey.groups.iter().filter(|(_, decision)| states.contains(&decision.state)).collect();
    if bad.is_empty() {
        return Ok(());
    }
    let states: BTreeSet<_> = bad.iter().map(|(_, decision)| decision.state.as_str()).collect();
    let states = states.into_iter().collect::<Vec<_>>().join(" or ");
    Err(Error::new(Kind::Unmet, format!("{}: {states}", count(bad.len(), "log group"))))
}
