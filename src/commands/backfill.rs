//! `logctl backfill`: plan → confirm → limited apply → outcome.
//!
//! The plan follows from what is there, so a run that was interrupted is finished by the next one.

mod report;

use jiff::SignedDuration;
use logctl_core::coverage::State;
use tokio::time::Instant;

use super::{asking_all, read_account};
use crate::{
    args::{Consent, GroupSelection, Rate, ReportFormat},
    aws::{Aws, filters::FilterCalls},
    changes::{self, Outcome},
    context::Context,
    deploy::DeployedStack,
    error::{Error, Kind},
    inventory::{Inventory, NotStreamed},
    ui::Ui,
    words::count,
};

use report::Plan;

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
    let aws = Aws::connect(cx).await?.with_rate(args.rate.calls).with_alias().await;
    let stack = DeployedStack::find_working(&aws, &cx.stack).await?;
    let reading = asking_all(&aws, &args.selection, cx);
    let begun = Instant::now();
    let inventory = read_account(&aws, Some(&stack), &reading, cx, ui).await?;
    if let Err(error) = &inventory.policy {
        return Err(error.clone()); // What the policy streams would be subscribed a second time.
    }
    let plan = changes::Plan::new(&inventory);
    let number = count(plan.steps.len(), "log group");
    if plan.steps.is_empty() {
        let shown = ui.show(&Outcome::new(&plan));
        let stay = count(plan.unchanged, "log group");
        ui.status(format_args!("nothing to do: {stay} of {} stay as they are", plan.target));
        explain_the_rest(&inventory, ui);
        return Error::worst([inventory.check(), full(&inventory), shown]);
    }
    let report = Plan::new(&plan);
    ui.show_plan(&report, args.consent.dry_run)?;
    if args.consent.dry_run {
        ui.status(format_args!("would change {number} of {}; nothing was changed", plan.target));
        return inventory.check();
    }
    ui.confirm(&report.question(), args.consent.yes)?;
    cx.interrupt.arm();
    let progress = ui.progress("subscribing", Some(plan.steps.len()));
    let calls = FilterCalls::new(&aws);
    let forwarder = stack.forwarder.as_deref().unwrap_or_default();
    let outcome = changes::apply(&plan, forwarder, &calls, &cx.interrupt, &progress).await;
    drop(progress);
    let filters =
        |group: &String| inventory.groups.iter().find(|entry| entry.facts.name == *group)?.facts.filters.as_deref();
    let limit = outcome.full.iter().filter_map(filters).map(<[_]>::len).min();
    let kept = reading.cache.update(&aws.target, aws.time(cx.env.now), |facts| {
        facts.filter_limit = limit.or(facts.filter_limit);
        for (step, at) in &outcome.changed {
            let since = SignedDuration::try_from(at.duration_since(begun)).unwrap_or_default();
            facts.change(&step.group, &step.change, forwarder, inventory.taken_at + since);
        }
    });
    if !outcome.changed.is_empty() {
        NotStreamed::forget(&reading.cache, &aws.target, &stack.name);
    }
    if let Err(why) = kept {
        ui.warning(format_args!("what was done and learned cannot be kept for the next audit: {why}"));
    }
    let shown = ui.show(&outcome);
    ui.status(outcome.closing_line());
    explain_the_rest(&inventory, ui);
    Error::worst([outcome.result(), inventory.check(), full(&inventory), shown])
}

/// Groups that nobody can subscribe until others give a filter up: each run ends with that.
fn full(inventory: &Inventory) -> Result<(), Error> {
    let full = inventory.groups.iter().filter(|entry| entry.decision.state == State::Full).count();
    if full == 0 {
        return Ok(());
    }
    let (groups, is) = (count(full, "log group"), if full == 1 { "is" } else { "are" });
    Err(Error::new(Kind::Unmet, format!("{groups} {is} full: others hold all their filters"))
        .hint("see which: logctl audit --state full --columns name,filters"))
}

/// Says which groups backfill cannot help.
fn explain_the_rest(inventory: &Inventory, ui: &mut Ui) {
    let state = State::Conflict;
    let number = inventory.groups.iter().filter(|entry| entry.decision.state == state).count();
    if number > 0 {
        let stays = if number == 1 { "stays" } else { "stay" };
        let groups = count(number, "log group");
        ui.warning(format_args!("{groups} {stays} {state}; see: logctl audit --state {state}"));
    }
}
