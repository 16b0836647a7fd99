//! `logctl audit`: the state of every log group, and why.

mod report;

use std::collections::BTreeSet;

use logctl_core::coverage::State;

use super::Context;
use crate::{
    aws::stack::Stack,
    cli::ReportFormat,
    error::{Error, Kind},
    selection::GroupSelection,
    survey::{Rate, Survey, survey},
    ui::{Ui, count},
};

use report::Report;

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
    let aws = cx.aws().await?;
    let stack = Stack::find(&aws, &cx.global.stack).await?;
    let survey = survey(&aws, stack.as_ref(), &args.selection, &args.rate.pace(), cx.env.now, ui).await?;
    let report = Report::new(&survey, &args.state);
    let shown = ui.show(&report);
    ui.status(report.closing_line());
    if stack.is_none() {
        ui.hint(format_args!("there is no stack {} yet; deploy it with: logctl bootstrap", cx.global.stack));
    } else if report.has_work {
        ui.hint("put the rest right with: logctl backfill");
    }
    Error::worst([survey.check(), fail_on(&survey, &args.fail_on), shown])
}

fn fail_on(survey: &Survey, states: &[State]) -> Result<(), Error> {
    let found = survey.groups.iter().map(|surveyed| surveyed.decision.state).filter(|state| states.contains(state));
    let bad: Vec<State> = found.collect();
    if bad.is_empty() {
        return Ok(());
    }
    let states: BTreeSet<_> = bad.iter().map(|state| state.as_str()).collect();
    let states = states.into_iter().collect::<Vec<_>>().join(" or ");
    Err(Error::new(Kind::Unmet, format!("{}: {states}", count(bad.len(), "log group"))))
}
