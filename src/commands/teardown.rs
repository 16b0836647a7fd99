//! `logctl teardown`: the rule off → our filters → the account policy → the stack.
//!
//! Filters are found by their destination, never by a pattern of names. A run that was interrupted is finished by the next.

mod report;

use std::pin::pin;

use futures_util::{StreamExt as _, stream};
use logctl_core::coverage;

use crate::{
    args::{Consent, GroupSelection, Rate, ReportFormat},
    aws::{
        Aws, Pace, artifacts,
        deploy::Operation,
        filters::Filters,
        policy,
        stack::{self, Stack},
    },
    context::Context,
    error::Error,
    progress::Progress as _,
    survey::{AT_ONCE, Survey, survey},
    ui::{Ui, count},
};

use report::{Outcome, Plan};

/// How often filters are listed again, because somebody has made some in the meantime.
const ROUNDS: usize = 3;
/// How a run that was interrupted goes on.
const AGAIN: &str = "the same command does the rest";

/// Remove the subscription filters and the stack
///
/// Removes the filters that point to the stack's forwarder, whatever their name, then the stack. Filters of others are left
/// as they are, and so is what was indexed.
#[derive(Debug, clap::Args)]
pub struct TeardownArgs {
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
/// Failed where a filter or the stack stays; interrupted by Ctrl-C or a declined prompt.
pub async fn run(args: &TeardownArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    ui.can_confirm(args.consent.yes || args.consent.dry_run)?;
    let pace = Pace::new(args.rate.calls);
    let aws = Aws::connect(cx).await?.with_alias().await;
    let stack = Stack::find(&aws, &cx.stack).await?;
    // Where the stack is gone, its filters may still be there.
    let ours = stack.as_ref().and_then(Stack::coverage).unwrap_or_else(|| stack::destination(&aws, &cx.stack));
    let look =
        async |ui: &mut Ui| survey(&aws, stack.as_ref(), &GroupSelection::default(), &pace, cx.env.now, ui).await;
    if let Some(stack) = stack.as_ref().filter(|stack| stack.status.ends_with("IN_PROGRESS") && !stack.is_shell()) {
        return Err(Error::failed(format!("stack {} is {}", stack.name, stack.status))
            .hint("wait until that is done, then try again"));
    }
    let now = look(ui).await?;
    let plan = Plan::new(&aws.target, stack.as_ref(), now.filters_to(&ours)?, policy_to(&now, &ours)?);
    if plan.is_empty() {
        let shown = ui.show(&Outcome::new(&plan));
        ui.status(format_args!("nothing to do: there is no stack {} and no filter of it in {}", cx.stack, aws.target));
        return shown;
    }
    ui.show_plan(&plan, args.consent.dry_run)?;
    if args.consent.dry_run {
        ui.status(format_args!("would {} in {}; nothing was changed", plan.intent(), aws.target));
        return Ok(());
    }
    ui.confirm(&plan.question(), args.consent.yes)?;
    cx.interrupt.arm();

    if let Some(stack) = stack.as_ref().filter(|stack| stack.coverage().is_some()) {
        disable_rule(&aws, stack, ui).await?;
    }
    let mut outcome = Outcome::new(&plan);
    remove_filters(&plan.filters, &aws, &pace, cx, ui, &mut outcome).await?;
    // What was put since the listing would point to nothing.
    let mut left = look(ui).await?;
    for _ in 0..ROUNDS {
        let filters = left.filters_to(&ours)?;
        if filters.is_empty() {
            break;
        }
        remove_filters(&filters, &aws, &pace, cx, ui, &mut outcome).await?;
        left = look(ui).await?;
    }
    let number = left.filters_to(&ours)?.len();
    if number > 0 {
        return Err(Error::failed(format!("{} still point to the forwarder", count(number, "filter")))
            .hint("something makes them anew; stop it and run the same command again"));
    }
    cx.interrupt.check(AGAIN)?;
    if let Some(name) = policy_to(&left, &ours)? {
        policy::delete(&aws, &name).await?;
    }
    cx.interrupt.check(AGAIN)?;
    if let Some(stack) = &stack {
        let progress = ui.progress("deleting the stack", None);
        let ended = Operation::delete(&aws, stack).await?.wait(&aws, &progress).await?;
        ended.check(&format!("cannot delete stack {}", stack.name)).map_err(|error| error.hint(AGAIN))?;
        outcome.kept = kept(&aws, stack).await;
    }
    let shown = ui.show(&outcome);
    let name = if stack.is_some() { format!(" and stack {}", cx.stack) } else { String::new() };
    ui.status(format_args!("removed {}{name} in {}", count(outcome.done, "filter"), aws.target));
    for thing in &outcome.kept {
        ui.status(format_args!("kept {thing}"));
    }
    shown
}

/// Name of the account policy, if it sends to the stack.
fn policy_to(survey: &Survey, stack: &coverage::Stack) -> Result<Option<String>, Error> {
    let policy = survey.policy.as_ref().map_err(Clone::clone)?;
    let ours = policy.as_ref().filter(|(_, policy)| policy.destination == stack.forwarder);
    Ok(ours.map(|(name, _)| name.clone()))
}

/// Otherwise the rule would subscribe again what is being removed.
async fn disable_rule(aws: &Aws, stack: &Stack, ui: &Ui) -> Result<(), Error> {
    // CloudFormation updates no stack whose last rollback has failed, but deletes it.
    if stack.status == "UPDATE_ROLLBACK_FAILED"
        || stack.parameters.get("RuleState").map(String::as_str) == Some("DISABLED")
    {
        return Ok(());
    }
    let progress = ui.progress("disabling the rule", None);
    let operation = Operation::set_parameter(aws, stack, "RuleState", "DISABLED").await?;
    operation.wait(aws, &progress).await?.check("cannot disable the rule")
}

async fn remove_filters(
    filters: &[(String, String)],
    aws: &Aws,
    pace: &Pace,
    cx: &Context<'_>,
    ui: &Ui,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    let calls = Filters::new(aws, pace);
    let progress = ui.progress("removing filters", Some(filters.len()));
    let removals = stream::iter(filters.iter().take_while(|_| !cx.interrupt.is_set())).map(async |(group, filter)| {
        let removed = calls.delete(group, filter).await;
        progress.step();
        removed
    });
    let mut results = pin!(removals.buffer_unordered(AT_ONCE));
    let mut failures = Vec::new();
    while let Some(result) = results.next().await {
        outcome.done += usize::from(result.is_ok());
        failures.push(result.map_err(|error| error.hint("the stack is still there; run the same command again")));
    }
    failures.push(cx.interrupt.check(AGAIN));
    Error::worst(failures)
}

/// What outlives a stack, for the person who wants to be rid of that, too.
async fn kept(aws: &Aws, stack: &Stack) -> Vec<String> {
    let bucket = stack.outputs.get("DeadLetters").map(|bucket| format!("the dead letters in bucket {bucket}"));
    let indices = stack.outputs.get("IndexPrefix").map(|prefix| format!("the indices {prefix}-*"));
    let artifacts = artifacts::bucket(aws).await.ok().flatten();
    let artifacts = artifacts.map(|bucket| format!("stack {} with bucket {bucket}", artifacts::STACK));
    [indices, bucket, artifacts].into_iter().flatten().collect()
}
