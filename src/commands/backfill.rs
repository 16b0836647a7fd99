//! `logctl backfill`: plan → confirm → paced apply → outcome.
//!
//! The plan follows from what is there, so a run that was interrupted is finished by the next one.

mod apply;
mod report;

use logctl_core::coverage::State;

use crate::{
    args::{Consent, GroupSelection, Rate, ReportFormat},
    aws::{Aws, Pace, stack::Stack},
    context::Context,
    error::{Error, Kind},
    survey::{Survey, survey},
    ui::{Ui, count},
};

use apply::apply;
use report::{Outcome, Plan};

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
    /// Whether it goes on after the plan.
    #[command(flatten)]
    pub consent: Consent,
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
    ui.can_confirm(args.consent.yes || args.consent.dry_run)?;
    let pace = Pace::new(args.rate.calls);
    let aws = Aws::connect(cx).await?.with_alias().await;
    let stack = Stack::find(&aws, &cx.stack).await?;
    let Some(coverage) = stack.as_ref().and_then(Stack::coverage) else {
        return Err(Error::new(Kind::NotFound, format!("there is no working stack {}", cx.stack))
            .hint("deploy it with: logctl bootstrap"));
    };
    let survey = survey(&aws, stack.as_ref(), &args.selection, &pace, cx.env.now, ui).await?;
    survey.policy.clone()?; // What it streams would be subscribed a second time.
    let plan = Plan::new(&survey);
    let target = &survey.target;
    if plan.steps.is_empty() {
        let shown = ui.show(&Outcome::new(&plan));
        ui.status(format_args!("nothing to do: {} of {target} stay as they are", count(plan.unchanged, "log group")));
        explain_the_rest(&survey, ui);
        return Error::worst([survey.check(), shown]);
    }
    ui.show_plan(&plan, args.consent.dry_run)?;
    if args.consent.dry_run {
        let groups = count(plan.steps.len(), "log group");
        ui.status(format_args!("would change {groups} of {target}; nothing was changed"));
        return survey.check();
    }
    ui.confirm(&plan.question(), args.consent.yes)?;
    cx.interrupt.arm();
    let progress = ui.progress("subscribing", Some(plan.steps.len()));
    let outcome = apply(&plan, &aws, &coverage, &pace, &cx.interrupt, &progress).await;
    drop(progress);
    let shown = ui.show(&outcome);
    ui.status(outcome.closing_line());
    explain_the_rest(&survey, ui);
    Error::worst([outcome.result(), survey.check(), shown])
}

/// Says which groups backfill cannot help.
fn explain_the_rest(survey: &Survey, ui: &mut Ui) {
    let state = State::Conflict;
    let number = survey.groups.iter().filter(|surveyed| surveyed.decision.state == state).count();
    if number > 0 {
        let stays = if number == 1 { "stays" } else { "stay" };
        let groups = count(number, "log group");
        ui.warning(format_args!("{groups} {stays} {state}; see: logctl audit --state {state}"));
    }
}
