//! `logctl audit`: the state of every log group, and why.

mod report;

use std::collections::BTreeSet;

use logctl_core::coverage::State;

use super::read_account;
use crate::{
    args::{GroupSelection, Rate, ReportFormat, named},
    aws::Aws,
    context::Context,
    deploy::DeployedStack,
    error::{Error, Kind},
    inventory::Inventory,
    ui::Ui,
    words::count,
};

use report::Report;

/// What the states mean, in the order in which the first that fits counts.
const STATES: &str = include_str!("audit/states.txt");

/// Report which log groups are streamed, and why others are not
///
/// A log group is streamed when one of its subscription filters, or the account policy, points at the stack's forwarder.
/// Without a stack the report still answers: which groups are streamed, by whom, and to where. It changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_long_help = STATES)]
pub struct AuditArgs {
    /// Which groups.
    #[command(flatten)]
    pub selection: GroupSelection,
    /// Show only groups in one of these states
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = named::<State>())]
    pub state: Vec<State>,
    /// Exit with 8 when a group is in one of these states
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = named::<State>())]
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
    refuse_what_is_not_known(&args.fail_on, "--fail-on")?;
    refuse_what_is_not_known(&args.state, "--state")?;
    let aws = Aws::connect(cx).await?;
    let stack = DeployedStack::find_if_any(&aws, cx).await?;
    let inventory = read_account(&aws, stack.as_ref(), &(&args.selection).into(), &args.rate, cx, ui).await?;
    refuse_what_needs_a_stack(&args.fail_on, &inventory)?;
    let report = Report::new(&inventory, &args.state);
    let shown = ui.show(&report);
    ui.status(report.closing_line());
    if stack.is_none() {
        ui.hint(format_args!("there is no stack {} yet; deploy it with: logctl bootstrap", cx.stack));
    } else if inventory.groups.iter().any(|entry| entry.decision.change.is_some()) {
        ui.hint("put the rest right with: logctl backfill");
    }
    Error::worst([inventory.check(), fail_on(&inventory, &args.fail_on), shown])
}

/// A condition that can never hold would look like one that is met.
fn refuse_what_is_not_known(states: &[State], flag: &str) -> Result<(), Error> {
    let reason = |state: &State| match state {
        State::Full => Some("how many filters a group may have is told only by a refusal; see logctl backfill"),
        State::Broken => Some("whether a destination still takes deliveries is not looked at yet"),
        _ => None,
    };
    let refused = states.iter().find_map(|state| Some((state, reason(state)?)));
    refused.map_or(Ok(()), |(state, reason)| {
        Err(Error::new(Kind::Usage, format!("{flag} {state}: an audit cannot tell yet whether a group is {state}"))
            .because(reason)
            .hint("leave it out"))
    })
}

/// Without a working stack there are no rules and no filter of ours, and most states cannot be: a condition on them would look
/// like one that is met.
fn refuse_what_needs_a_stack(states: &[State], inventory: &Inventory) -> Result<(), Error> {
    let without = [State::Missing, State::Unsupported, State::Own, State::Loop, State::Unknown];
    let needs = states.iter().find(|state| inventory.coverage.is_none() && !without.contains(state));
    needs.map_or(Ok(()), |state| {
        Err(Error::new(Kind::NotFound, format!("--fail-on {state}: there is no working stack in {}", inventory.target))
            .hint("deploy it with: logctl bootstrap"))
    })
}

fn fail_on(inventory: &Inventory, states: &[State]) -> Result<(), Error> {
    let found = inventory.groups.iter().map(|entry| entry.decision.state).filter(|state| states.contains(state));
    let bad: Vec<State> = found.collect();
    if bad.is_empty() {
        return Ok(());
    }
    let states: BTreeSet<_> = bad.iter().map(AsRef::as_ref).collect();
    let states = states.into_iter().collect::<Vec<_>>().join(" or ");
    Err(Error::new(Kind::Unmet, format!("{}: {states}", count(bad.len(), "log group"))))
}
