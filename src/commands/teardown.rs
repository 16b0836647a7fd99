//! `logctl teardown`: the rule off → our filters → the account policy → the stack.
//!
//! Filters are found by their destination, never by a pattern of names. A run that was interrupted is finished by the next.

mod report;

use std::{pin::pin, time::Duration};

use aws_sdk_cloudformation::types::{Capability, Parameter};
use aws_sdk_cloudwatchlogs::types::PolicyType;
use futures_util::{StreamExt as _, stream};

use super::{Context, audit, backfill};
use crate::{
    aws::{
        Aws, Pace, artifacts,
        deploy::{self, Seen},
        explain,
        stack::{self, Stack},
    },
    cli::{GroupSelection, ReportFormat},
    error::{Error, Kind},
    survey::{Rate, Survey, survey},
    ui::{Ui, count},
};

use report::{Outcome, Plan};

/// How often filters are listed again, because somebody has made some in the meantime.
const ROUNDS: usize = 3;

/// Remove the subscription filters and the stack
///
/// Removes the filters that point to the stack's forwarder, whatever their name, then the stack. Filters of others are left
/// as they are, and so is what was indexed.
#[derive(Debug, clap::Args)]
pub struct TeardownArgs {
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
/// Failed where a filter or the stack stays; interrupted by Ctrl-C or a declined prompt.
pub async fn run(args: &TeardownArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let pace = Pace::new(args.rate.rate);
    let look =
        async |ui: &mut Ui| survey(cx.aws().await?, &GroupSelection::default(), &pace, cx.env.now, cx.global, ui).await;
    let mut now = look(ui).await?;
    let Some(stack) = now.stack.clone() else {
        ui.show(&Outcome::default())?;
        ui.status(format_args!("nothing to do: there is no stack {}", cx.global.stack));
        return Ok(());
    };
    // A group that could not be read may hold a filter of ours, which would then point to nothing.
    audit::read_failures(&now)?;
    let plan = Plan::new(&stack, &now);
    ui.show_plan(&plan, args.dry_run)?;
    if args.dry_run {
        ui.status("nothing was changed");
        return Ok(());
    }
    ui.confirm(&plan.question(), args.yes)?;

    if now.coverage.is_some() {
        disable_rule(&now.aws, &stack, cx, ui).await?;
    }
    let mut outcome = Outcome { planned: plan.filters.len(), ..Outcome::default() };
    for _ in 0..ROUNDS {
        let filters = Plan::new(&stack, &now).filters;
        if filters.is_empty() {
            break;
        }
        remove_filters(&filters, &now.aws, &pace, cx, ui, &mut outcome).await?;
        now = look(ui).await?;
    }
    remove_policy(&now, cx).await?;
    let left = Plan::new(&stack, &now).filters.len();
    if left > 0 {
        return Err(Error::failed(format!("{} still point to the forwarder", count(left, "filter")))
            .hint("something makes them anew; stop it and run the same command again"));
    }
    delete_stack(&now.aws, &stack, cx, ui).await?;
    outcome.kept = kept(&now.aws, &stack, cx).await;
    ui.show(&outcome)?;
    ui.status(format_args!("removed {} and stack {}", count(outcome.done, "filter"), stack.name));
    for thing in &outcome.kept {
        ui.status(format_args!("kept {thing}"));
    }
    Ok(())
}

/// Otherwise the rule would subscribe again what is being removed.
async fn disable_rule(aws: &Aws, stack: &Stack, cx: &Context<'_>, ui: &Ui) -> Result<(), Error> {
    if stack.parameters.get("RuleState").map(String::as_str) == Some("DISABLED") {
        return Ok(());
    }
    let client = aws.cloudformation();
    let previous = stack.parameters.keys().filter(|name| *name != "RuleState");
    let mut parameters: Vec<Parameter> =
        previous.map(|name| Parameter::builder().parameter_key(name).use_previous_value(true).build()).collect();
    parameters.push(Parameter::builder().parameter_key("RuleState").parameter_value("DISABLED").build());
    let seen = Seen::now(&client, stack.name.as_str(), cx.global).await?;
    let updated = client
        .update_stack()
        .stack_name(stack.name.as_str())
        .use_previous_template(true)
        .set_parameters(Some(parameters))
        .capabilities(Capability::CapabilityNamedIam)
        .send()
        .await
        .map_err(|error| explain("cannot disable the rule", &error, cx.global))?;
    let progress = ui.progress("disabling the rule", None);
    let id = updated.stack_id().unwrap_or(stack.name.as_str());
    let ended = deploy::wait(&client, id, seen, cx.global, &progress).await?;
    if ended.is_good() { Ok(()) } else { Err(deploy::failure("cannot disable the rule", &ended)) }
}

async fn remove_filters(
    filters: &[(String, String)],
    aws: &Aws,
    pace: &Pace,
    cx: &Context<'_>,
    ui: &Ui,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    let client = aws.logs();
    let progress = ui.progress("removing filters", Some(filters.len()));
    let results = stream::iter(filters.iter().take_while(|_| !cx.interrupt.is_set()))
        .map(async |(group, filter)| {
            let removed = backfill::delete_filter(&client, group, filter, pace, cx).await;
            progress.step();
            removed.map_err(|error| Error { message: format!("{group}: {}", error.message), ..error })
        })
        .buffer_unordered(8);
    let mut first_error = None;
    let mut results = pin!(results);
    while let Some(result) = results.next().await {
        match result {
            Ok(()) => outcome.done += 1,
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    if cx.interrupt.is_set() {
        return Err(Error::new(Kind::Interrupted, format!("interrupted after {}", count(outcome.done, "filter")))
            .hint("the rule is disabled and the stack is there; the same command does the rest"));
    }
    match first_error {
        Some(error) => Err(error.hint("the stack is still there; run the same command again")),
        None => Ok(()),
    }
}

async fn remove_policy(survey: &Survey, cx: &Context<'_>) -> Result<(), Error> {
    let (Some(stack), Some((name, policy))) = (&survey.coverage, &survey.policy) else { return Ok(()) };
    if policy.destination != stack.forwarder {
        return Ok(());
    }
    let client = survey.aws.logs();
    let deleted =
        client.delete_account_policy().policy_name(name).policy_type(PolicyType::SubscriptionFilterPolicy).send().await;
    deleted.map(drop).map_err(|error| explain("cannot delete the account policy", &error, cx.global))
}

async fn delete_stack(aws: &Aws, stack: &Stack, cx: &Context<'_>, ui: &Ui) -> Result<(), Error> {
    let failed = format!("cannot delete stack {}", stack.name);
    let client = aws.cloudformation();
    let described = stack::describe(&client, stack.name.as_str()).await;
    let described = described.map_err(|error| explain(&failed, &error, cx.global))?;
    let Some(id) = described.and_then(|stack| stack.stack_id) else { return Ok(()) };
    let seen = Seen::now(&client, &id, cx.global).await?;
    client.delete_stack().stack_name(&id).send().await.map_err(|error| explain(&failed, &error, cx.global))?;
    let progress = ui.progress("deleting the stack", None);
    tokio::time::sleep(Duration::from_millis(200)).await; // Until its status has changed.
    let ended = deploy::wait(&client, &id, seen, cx.global, &progress).await?;
    if ended.is_good() { Ok(()) } else { Err(deploy::failure(&failed, &ended).hint("run the same command again")) }
}

/// What outlives a stack, for the person who wants to be rid of that, too.
async fn kept(aws: &Aws, stack: &Stack, cx: &Context<'_>) -> Vec<String> {
    let bucket = stack.outputs.get("DeadLetters").map(|bucket| format!("the dead letters in bucket {bucket}"));
    let indices = stack.outputs.get("IndexPrefix").map(|prefix| format!("the indices {prefix}-*"));
    let artifacts = artifacts::bucket(aws, cx.global).await.ok().flatten();
    let artifacts = artifacts.map(|bucket| format!("stack {} with bucket {bucket}", artifacts::STACK));
    [indices, bucket, artifacts].into_iter().flatten().collect()
}
