//! `logctl teardown`: the rule off → our filters → the account policy → the stack.
//!
//! Filters are found by their destination, never by a pattern of names. A run that was interrupted is finished by the next.

mod report;

use jiff::Timestamp;
use logctl_core::{coverage, service::NOT_FOUND};
use serde_json::{Value, json};

use super::{asking_all, read_account};
use crate::{
    args::{Consent, GroupSelection, Rate, ReportFormat},
    aws::{Aws, filters::FilterCalls, policy},
    changes::{AGAIN, apply},
    context::Context,
    deploy::{
        DeployedStack,
        artifacts::{self, Artifacts},
        change_set::holds_only_ours,
        operation::{Operation, last_change},
        settings::{DISABLED, RULE},
        stack::{Phase, destination},
    },
    error::{Error, Kind},
    inventory::{Reading, Unread},
    ui::Ui,
    words::count,
};

use report::{Outcome, Plan, names};

/// How often filters are listed again, because somebody has made some in the meantime.
const ROUNDS: usize = 3;
/// Things that could not be read which are named; the JSON names all.
const NAMED: usize = 5;

/// Remove the subscription filters and the stack
///
/// Removes the filters that point to the stack's forwarder, whatever their name, then the stack. Filters of others are left
/// as they are, and so is what was indexed. A run that was interrupted is finished by the next one.
#[derive(Debug, clap::Args)]
pub struct TeardownArgs {
    /// Remove the stack although some log groups, or the account policy, cannot be read; their filters may outlive it
    #[arg(long)]
    pub ignore_unread: bool,
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
/// Failed where a filter or the stack stays; incomplete where something could not be read, so that the stack stays;
/// interrupted by Ctrl-C or a declined prompt.
pub async fn run(args: &TeardownArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    ui.can_confirm(args.consent.yes || args.consent.dry_run)?;
    let aws = Aws::connect(cx).await?.with_rate(args.rate.calls).with_alias().await;
    remove(&aws, args, cx, ui).await
}

async fn remove(aws: &Aws, args: &TeardownArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let stack = DeployedStack::find(aws, &cx.stack).await?;
    if let Some(stack) = &stack {
        check_status(aws, stack).await?;
    }
    // Where the stack is gone, its filters may still be there.
    let ours = stack.as_ref().and_then(DeployedStack::coverage).unwrap_or_else(|| destination(aws, &cx.stack));
    let calls = FilterCalls::new(aws);
    let mut work = Teardown { aws, stack: stack.as_ref(), ours: &ours, calls: &calls, args, cx, ui };
    let never_worked = stack.as_ref().is_some_and(DeployedStack::never_worked);
    let plan = if never_worked { work.only_the_stack() } else { work.plan(None).await? };
    if plan.is_empty() {
        let shown = work.ui.show(&Outcome::new(&plan));
        let nothing = format!("there is no stack {} and no filter of it", cx.stack);
        work.tell_unread(&plan);
        work.ui.status(format_args!("nothing to do: {nothing} in {}", aws.target));
        return Error::worst([work.unread(&plan), shown]);
    }
    work.ui.show_plan(&plan, args.consent.dry_run)?;
    work.tell_unread(&plan);
    let protected = stack.as_ref().filter(|stack| stack.protected).map(protection);
    if args.consent.dry_run {
        work.ui.status(format_args!("would {} in {}; nothing was changed", plan.intent(), aws.target));
        return Error::worst([protected.map_or(Ok(()), Err), work.unread(&plan)]);
    }
    if let Some(error) = protected {
        return Err(error);
    }
    work.ui.confirm(&plan.question(), args.consent.yes)?;
    cx.interrupt.arm();
    let closed = if never_worked { None } else { work.close_the_door().await? };
    let mut outcome = Outcome::new(&plan);
    let last = if never_worked { plan } else { work.remove_filters(plan, closed, &mut outcome).await? };
    work.remove_policy(last.policy.as_deref()).await?;
    let unread = work.unread(&last);
    let gone = if unread.is_ok() { stack.as_ref() } else { None };
    outcome.unread = last.unread.clone();
    if let Some(stack) = gone
        && let Err(error) = work.remove_stack(stack, &mut outcome).await
    {
        let _ = ui.show(&outcome);
        let things = names(outcome.done, last.policy.as_deref(), None);
        return Err(error.because(format!("removed {things} before that")));
    }
    let shown = ui.show(&outcome);
    let things = names(outcome.done, last.policy.as_deref(), gone.map(|stack| stack.name.as_str()));
    ui.status(format_args!("removed {things} in {}", aws.target));
    for thing in &outcome.kept {
        ui.status(format_args!("kept {thing}"));
    }
    if never_worked {
        ui.hint("that stack has never worked, so no filter was looked for; the same command once more looks");
    }
    Error::worst([unread, shown])
}

/// Refuses a stack that is being changed, or that is not ours alone.
async fn check_status(aws: &Aws, stack: &DeployedStack) -> Result<(), Error> {
    let DeployedStack { name, status, .. } = stack;
    match status.phase {
        // To delete it once more does no harm, and then its end is waited for.
        Phase::InProgress if status.name == "DELETE_IN_PROGRESS" => Ok(()),
        Phase::InProgress => {
            Err(Error::failed(format!("stack {name} is {}", status.name))
                .hint("wait until that is done, then try again"))
        }
        Phase::Shell if !holds_only_ours(aws, &stack.id).await? => {
            Err(Error::new(Kind::Usage, format!("stack {name} waits for the change set of somebody else"))
                .hint("name another one with --stack"))
        }
        _ => Ok(()),
    }
}

/// Says that a stack is protected, before any of its filters is taken away.
fn protection(stack: &DeployedStack) -> Error {
    let name = &stack.name;
    Error::failed(format!("stack {name} is protected from deletion")).hint(format!(
        "aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name {name}"
    ))
}

/// The parts of a run.
struct Teardown<'a> {
    aws: &'a Aws,
    stack: Option<&'a DeployedStack>,
    ours: &'a coverage::Stack,
    calls: &'a FilterCalls<'a>,
    args: &'a TeardownArgs,
    cx: &'a Context<'a>,
    ui: &'a mut Ui,
}

impl Teardown<'_> {
    /// What is there to be removed, in groups that were made until then.
    async fn plan(&mut self, made_until: Option<Timestamp>) -> Result<Plan, Error> {
        let selection = GroupSelection::default();
        let reading = Reading { made_until, ..asking_all(self.aws, &selection, self.cx) };
        let inventory = read_account(self.aws, self.stack, &reading, self.cx, self.ui).await?;
        let policy = inventory.policy.clone().ok().flatten();
        let to_us = inventory.account.policy.as_ref().is_some_and(|found| found.destination == self.ours.forwarder);
        let filters = inventory.filters_to(self.ours);
        let policy = policy.filter(|_| to_us);
        Ok(Plan::new(&self.aws.target, self.stack, filters, policy, inventory.unread()))
    }

    /// The stack and nothing else.
    fn only_the_stack(&self) -> Plan {
        Plan::new(&self.aws.target, self.stack, Vec::new(), None, Vec::new())
    }

    /// What could not be read may hold a filter of ours: the stack stays, unless somebody takes that upon them.
    fn unread(&self, plan: &Plan) -> Result<(), Error> {
        let Some(first) = plan.unread.first().filter(|_| !self.args.ignore_unread) else { return Ok(()) };
        let things = count(plan.unread.len(), "thing");
        let stays = if self.stack.is_some() { ", so the stack stays" } else { "" };
        Err(Error::new(Kind::Incomplete, format!("{things} could not be read{stays}"))
            .because(format!("{}: {}", first.what, first.error))
            .hint("run it again with the permission to read them; or add --ignore-unread, and their filters stay"))
    }

    fn tell_unread(&mut self, plan: &Plan) {
        for Unread { what, error } in plan.unread.iter().take(NAMED) {
            self.ui.warning(format_args!("{what} could not be read: {error}"));
        }
        if let Some(more) = plan.unread.len().checked_sub(NAMED).filter(|more| *more > 0) {
            self.ui.warning(format_args!("and {more} more"));
        }
    }

    /// Turns the rule off: otherwise it would subscribe again what is being removed. Tells since when it is off, by AWS's
    /// clock: nothing subscribes groups that were made after that.
    async fn close_the_door(&mut self) -> Result<Option<Timestamp>, Error> {
        let Some(stack) = self.stack.filter(|stack| stack.forwarder.is_some()) else { return Ok(None) };
        if !stack.settings.rule_enabled {
            return last_change(self.aws, &stack.id).await;
        }
        match self.disable_by_stack(stack).await {
            Ok(()) => return last_change(self.aws, &stack.id).await,
            Err(error) if matches!(error.kind, Kind::LoggedOut | Kind::Interrupted) => return Err(error),
            Err(error) => tracing::info!("{}; disables the rule itself", error.one_line()),
        }
        if let Err(error) = disable(self.aws, &stack.name.rule()).await {
            // Who may not even turn it off will not get the stack away, either.
            if error.kind == Kind::Denied {
                return Err(error.hint("nothing was removed; it takes cloudformation:UpdateStack and DeleteStack"));
            }
            self.ui.warning(format_args!("{}; what it subscribes meanwhile is removed, too", error.one_line()));
        }
        Ok(None)
    }

    async fn disable_by_stack(&self, stack: &DeployedStack) -> Result<(), Error> {
        // CloudFormation updates no stack whose last rollback has failed.
        if stack.status.phase != Phase::Stands {
            return Err(Error::failed(format!("stack {} is {}", stack.name, stack.status.name)));
        }
        let progress = self.ui.progress("disabling the rule", None);
        match Operation::set_parameter(self.aws, stack, RULE, DISABLED).await? {
            Some(operation) => operation.wait(self.aws, &progress).await?.check("cannot disable the rule"),
            None => Ok(()),
        }
    }

    /// Removes the filters of `plan`, and what was put since it was made: that would point to nothing. Returns the last plan,
    /// in which no filter is left.
    async fn remove_filters(
        &mut self,
        mut plan: Plan,
        made_until: Option<Timestamp>,
        outcome: &mut Outcome,
    ) -> Result<Plan, Error> {
        for _ in 0..=ROUNDS {
            if plan.filters.steps.is_empty() {
                return Ok(plan);
            }
            let progress = self.ui.progress("removing filters", Some(plan.filters.steps.len()));
            let forwarder = &self.ours.forwarder;
            let removed = apply(&plan.filters, forwarder, self.calls, &self.cx.interrupt, &progress).await;
            drop(progress);
            removed.result().map_err(|error| match error.kind {
                Kind::Interrupted => error,
                _ => error.because(removed.closing_line()).hint("the stack is still there"),
            })?;
            outcome.done += plan.number();
            plan = self.plan(made_until).await?;
        }
        let left = plan.filters.steps.len();
        Err(Error::failed(format!("{} still point to the forwarder", count(left, "filter")))
            .hint("something makes them anew; stop it and run the same command again"))
    }

    async fn remove_policy(&self, name: Option<&str>) -> Result<(), Error> {
        self.cx.interrupt.check(AGAIN)?;
        match name {
            Some(name) => policy::delete(self.aws, name).await,
            None => Ok(()),
        }
    }

    async fn remove_stack(&self, stack: &DeployedStack, outcome: &mut Outcome) -> Result<(), Error> {
        self.cx.interrupt.check(AGAIN)?;
        let progress = self.ui.progress("deleting the stack", None);
        let ended = Operation::delete(self.aws, &stack.id, stack.name.as_str()).await?;
        let ended = ended
            .wait(self.aws, &progress)
            .await
            .map_err(|error| error.because(format!("AWS goes on deleting stack {}", stack.name)).hint(AGAIN))?;
        ended.check(&format!("cannot delete stack {}", stack.name)).map_err(|error| {
            error.hint(AGAIN).hint(format!(
                "where CloudFormation cannot delete a resource, leave that one: \
                 aws cloudformation delete-stack --deletion-mode FORCE_DELETE_STACK --stack-name {}",
                stack.name
            ))
        })?;
        outcome.kept = kept(self.aws, stack).await;
        Ok(())
    }
}

/// Turns a rule off without its stack.
async fn disable(aws: &Aws, rule: &str) -> Result<(), Error> {
    let (client, input) = (aws.signed().await?, json!({"Name": rule}));
    let call = || client.call::<Value>("events", "AWSEvents.DisableRule", &input);
    match aws.call_signed("events", call).await {
        Err(error) if error.code() != Some(NOT_FOUND) => Err(aws.explain_signed("cannot disable the rule", &error)),
        _ => Ok(()),
    }
}

/// What outlives a stack, for the person who wants to be rid of that, too.
async fn kept(aws: &Aws, stack: &DeployedStack) -> Vec<String> {
    let indices = (stack.status.phase != Phase::Shell).then(|| format!("the indices {}-*", stack.settings.prefix));
    let bucket = stack.dead_letters.as_ref().map(|bucket| format!("the dead letters in bucket {bucket}"));
    let artifacts = Artifacts::find(aws).await.ok().flatten();
    let artifacts = artifacts.map(|found| format!("stack {} with bucket {}", artifacts::STACK, found.bucket));
    [indices, bucket, artifacts].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
