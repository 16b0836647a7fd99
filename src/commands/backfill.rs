//! `logctl backfill`: plan → confirm → paced apply → outcome.
//!
//! The plan follows from what is there, so a run that was interrupted is finished by the next one.

mod apply;
mod report;

use logctl_core::coverage::State;

use super::{Context, audit};
use crate::{
    aws::Pace,
    cli::{GroupSelection, ReportFormat},
    error::{Error, Kind},
    survey::{Rate, survey},
    ui::{Ui, count},
};

pub use apply::{Failed, apply, delete_filter};
pub use report::{Outcome, Plan, Step};

/// Subscribe the log groups that exist already
///
/// Brings every log group to the state that the stack's rules want: subscribes what is missing, puts right what has
/// drifted, removes what is double or must not be streamed. It never touches a filter that is not ours, and doing it twice
/// changes nothing.
#[derive(Debug, clap::Args)]
pub struct BackfillArgs {
    /// Which groups.
    #[command(flatten)]
    pub selection: GroupSelection,
    /// Stop after the plan
    #[arg(long)]
    pub dry_run: bool,
    /// Go on without asking
    #[arg(long, short)]
    pub yes: bool,
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
/// Not found without a stack; failed where a group could not be changed; interrupted by Ctrl-C.
pub async fn run(args: &BackfillArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let pace = Pace::new(args.rate.rate);
    let survey = survey(cx.aws().await?, &args.selection, &pace, cx.env.now, cx.global, ui).await?;
    let Some(stack) = &survey.coverage else {
        return Err(Error::new(Kind::NotFound, format!("there is no working stack {}", cx.global.stack))
            .hint("deploy it with: logctl bootstrap"));
    };
    let plan = Plan::new(&survey);
    if plan.steps.is_empty() {
        ui.show(&Outcome::unchanged(plan.unchanged))?;
        ui.status(format_args!("nothing to do: {} stay as they are", count(plan.unchanged, "log group")));
        explain_the_rest(&survey.groups, ui);
        return audit::read_failures(&survey);
    }
    ui.show_plan(&plan, args.dry_run)?;
    if args.dry_run {
        ui.status(format_args!("would change {}; nothing was changed", count(plan.steps.len(), "log group")));
        return Ok(());
    }
    ui.confirm(&format!("Change {}?", count(plan.steps.len(), "log group")), args.yes)?;
    let progress = ui.progress("subscribing", Some(plan.steps.len()));
    let outcome = apply(&plan, &survey.aws, &stack.forwarder, &pace, cx, &progress).await;
    drop(progress);
    ui.show(&outcome)?;
    ui.status(outcome.closing_line());
    explain_the_rest(&survey.groups, ui);
    outcome.result()?;
    audit::read_failures(&survey)
}

/// Says which groups backfill cannot help.
fn explain_the_rest(groups: &[(crate::aws::groups::Group, logctl_core::coverage::Decision)], ui: &mut Ui) {
    for state in [State::Full, State::Conflict, State::Broken] {
        let number = groups.iter().filter(|(_, decision)| decision.state == state).count();
        if number > 0 {
            ui.warning(format_args!("{} stay {state}; see: logctl audit --state {state}", count(number, "log group")));
        }
    }
}
