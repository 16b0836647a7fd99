//! `logctl teardown`: the rule off → our filters → the account policy → the stack.
//!
//! Filters are found by their destination, never by a pattern of names. A run that was interrupted is finished by the next.

mod report;

use logctl_core::coverage;

use super::read_account;
use crate::{
    args::{Consent, GroupSelection, Rate, ReportFormat},
    aws::{Aws, RateLimiter, filters::FilterCalls, policy},
    changes::{AGAIN, apply},
    context::Context,
    deploy::{
        DeployedStack, artifacts,
        change_set::holds_only_ours,
        operation::Operation,
        settings::{DISABLED, RULE},
        stack::{Phase, destination},
    },
    error::{Error, Kind},
    ui::Ui,
    words::count,
};

use report::{Outcome, Plan, names};

/// How often filters are listed again, because somebody has made some in the meantime.
const ROUNDS: usize = 3;

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
    let aws = Aws::connect(cx).await?.with_alias().await;
    remove(&aws, args, cx, ui).await
}

async fn remove(aws: &Aws, args: &TeardownArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let stack = DeployedStack::find(aws, &cx.stack).await?;
    if let Some(stack) = stack.as_ref().filter(|stack| stack.status.phase == Phase::InProgress) {
        return Err(Error::failed(format!("stack {} is {}", stack.name, stack.status.name))
            .hint("wait until that is done, then try again"));
    }
    if let Some(stack) = stack.as_ref().filter(|stack| stack.status.phase == Phase::Shell)
        && !holds_only_ours(aws, &stack.id).await?
    {
        return Err(Error::new(Kind::Usage, format!("stack {} waits for the change set of somebody else", stack.name))
            .hint("name another one with --stack"));
    }
    // Where the stack is gone, its filters may still be there.
    let ours = stack.as_ref().and_then(DeployedStack::coverage).unwrap_or_else(|| destination(aws, &cx.stack));
    let limiter = RateLimiter::new(args.rate.calls);
    let calls = FilterCalls::new(aws, &limiter);
    let mut work = Teardown { aws, stack: stack.as_ref(), ours: &ours, calls: &calls, args, cx, ui };
    let plan = work.plan().await?;
    if plan.is_empty() {
        let shown = work.ui.show(&Outcome::new(&plan));
        let nothing = format!("there is no stack {} and no filter of it", cx.stack);
        work.ui.status(format_args!("nothing to do: {nothing} in {}", aws.target));
        return shown;
    }
    work.ui.show_plan(&plan, args.consent.dry_run)?;
    if args.consent.dry_run {
        work.ui.status(format_args!("would {} in {}; nothing was changed", plan.intent(), aws.target));
        return Ok(());
    }
    work.ui.confirm(&plan.question(), args.consent.yes)?;
    cx.interrupt.arm();
    work.disable_rule().await?;
    let mut outcome = Outcome::new(&plan);
    let policy = work.remove_filters(plan, &mut outcome).await?;
    work.remove_policy(policy.as_deref()).await?;
    work.remove_stack(&mut outcome).await?;
    let shown = ui.show(&outcome);
    let removed = names(outcome.done, policy.as_deref(), stack.as_ref().map(|stack| stack.name.as_str()));
    ui.status(format_args!("removed {removed} in {}", aws.target));
    for thing in &outcome.kept {
        ui.status(format_args!("kept {thing}"));
    }
    shown
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
    /// What is there to be removed.
    async fn plan(&mut self) -> Result<Plan, Error> {
        let selection = GroupSelection::default();
        let inventory = read_account(self.aws, self.stack, &selection, &self.args.rate, self.cx, self.ui).await?;
        let policy = inventory.policy.clone()?;
        let to_us = inventory.account.policy.as_ref().is_some_and(|found| found.destination == self.ours.forwarder);
        let filters = inventory.filters_to(self.ours)?;
        Ok(Plan::new(&self.aws.target, self.stack, filters, policy.filter(|_| to_us)))
    }

    /// Otherwise the rule would subscribe again what is being removed.
    async fn disable_rule(&self) -> Result<(), Error> {
        let stack = self.stack.filter(|stack| stack.forwarder.is_some() && stack.settings.rule_enabled);
        // CloudFormation updates no stack whose last rollback has failed, but deletes it.
        let Some(stack) = stack.filter(|stack| stack.status.phase == Phase::Stands) else { return Ok(()) };
        let progress = self.ui.progress("disabling the rule", None);
        let operation = Operation::set_parameter(self.aws, stack, RULE, DISABLED).await?;
        operation.wait(self.aws, &progress).await?.check("cannot disable the rule")
    }

    /// Removes the filters of `plan`, and what was put since it was made: that would point to nothing. Returns the name of the
    /// account policy, if it sends to the stack.
    async fn remove_filters(&mut self, mut plan: Plan, outcome: &mut Outcome) -> Result<Option<String>, Error> {
        for _ in 0..=ROUNDS {
            if plan.filters.steps.is_empty() {
                return Ok(plan.policy);
            }
            let progress = self.ui.progress("removing filters", Some(plan.filters.steps.len()));
            let forwarder = &self.ours.forwarder;
            let removed = apply(&plan.filters, forwarder, self.calls, &self.cx.interrupt, &progress).await;
            drop(progress);
            removed.result().map_err(|error| match error.kind {
                Kind::Interrupted => error,
                _ => error.hint("the stack is still there; run the same command again"),
            })?;
            outcome.done += plan.number();
            plan = self.plan().await?;
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

    async fn remove_stack(&self, outcome: &mut Outcome) -> Result<(), Error> {
        self.cx.interrupt.check(AGAIN)?;
        let Some(stack) = self.stack else { return Ok(()) };
        let progress = self.ui.progress("deleting the stack", None);
        let ended = Operation::delete(self.aws, stack).await?.wait(self.aws, &progress).await?;
        ended.check(&format!("cannot delete stack {}", stack.name)).map_err(|error| error.hint(AGAIN))?;
        outcome.kept = kept(self.aws, stack).await;
        Ok(())
    }
}

/// What outlives a stack, for the person who wants to be rid of that, too.
async fn kept(aws: &Aws, stack: &DeployedStack) -> Vec<String> {
    let indices = (stack.status.phase != Phase::Shell).then(|| format!("the indices {}-*", stack.settings.prefix));
    let bucket = stack.dead_letters.as_ref().map(|bucket| format!("the dead letters in bucket {bucket}"));
    let artifacts = artifacts::bucket(aws).await.ok().flatten();
    let artifacts = artifacts.map(|bucket| format!("stack {} with bucket {bucket}", artifacts::STACK));
    [indices, bucket, artifacts].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        args::{AwsOptions, ColorChoice, Global},
        aws::mocked::{Account, Answer, refused},
        deploy::stack::examples::{OUTPUTS, PARAMETERS, described},
        env::Environment,
    };

    const GROUPS: &str = r#"{"logGroups": [{"logGroupName": "/a", "logGroupClass": "STANDARD"}]}"#;
    const NONE: &str = r#"{"subscriptionFilters": []}"#;

    /// What CloudFormation tells of the stack, the newest first.
    fn events(statuses: &[&str]) -> String {
        let event = |status: &&str| {
            format!(
                "<member><EventId>{status}</EventId><StackId>s</StackId><PhysicalResourceId>s</PhysicalResourceId>\
                 <ResourceStatus>{status}</ResourceStatus></member>"
            )
        };
        let events: String = statuses.iter().map(event).collect();
        format!(
            "<DescribeStackEventsResponse><DescribeStackEventsResult><StackEvents>{events}</StackEvents>\
             </DescribeStackEventsResult></DescribeStackEventsResponse>"
        )
    }

    fn filters() -> String {
        let filter = |name: &str, arn: &str| json!({"filterName": name, "destinationArn": arn, "filterPattern": ""});
        json!({"subscriptionFilters": [filter("by-hand", "arn:forwarder"), filter("theirs", "arn:theirs")]}).to_string()
    }

    fn policy(destination: &str) -> String {
        let document = json!({"DestinationArn": destination, "FilterPattern": ""}).to_string();
        json!({"accountPolicies": [{"policyName": "all", "policyDocument": document}]}).to_string()
    }

    /// Tears the stack of an account down that answers like this.
    async fn teardown(answers: &[Answer<'_>]) -> (Result<(), Error>, String, Vec<String>) {
        let account = Account::new(answers).await;
        let aws = AwsOptions { profile: None, region: None, expect_account: None };
        let stack = Some("logctl".parse().unwrap());
        let global = Global { aws, stack, color: ColorChoice::Never, quiet: true, verbose: 0 };
        let env = Environment::from_process();
        let cx = Context::new(&global, &env).unwrap();
        let args = TeardownArgs {
            consent: Consent { dry_run: false, yes: true },
            rate: Rate { calls: 1_000.0 },
            format: ReportFormat { output: None },
        };
        let (mut ui, said) = Ui::captured();
        let done = remove(&account.aws().await, &args, &cx, &mut ui).await;
        let said = String::from_utf8(said.borrow().clone()).unwrap();
        (done, said, account.asked().await)
    }

    /// Calls that change something.
    fn changes(asked: &[String]) -> Vec<&str> {
        let reads = |name: &&str| name.starts_with("Describe");
        asked.iter().map(String::as_str).filter(|name| !reads(name)).collect()
    }

    #[tokio::test]
    async fn everything_that_sends_to_the_stack_goes_before_the_stack() {
        let stack = described("123456789012", "UPDATE_COMPLETE", &format!("{PARAMETERS}{OUTPUTS}"));
        let (before, updated) = (events(&["CREATE_COMPLETE"]), events(&["UPDATE_COMPLETE", "CREATE_COMPLETE"]));
        let deleted = events(&["DELETE_COMPLETE", "UPDATE_COMPLETE", "CREATE_COMPLETE"]);
        let (done, said, asked) = teardown(&[
            ("DescribeStacks", 200, &stack),
            ("DescribeStacks", 400, &refused("ValidationError", "no such stack")),
            ("DescribeAccountPolicies", 200, &policy("arn:forwarder")),
            ("DescribeLogGroups", 200, GROUPS),
            ("DescribeSubscriptionFilters", 200, &filters()),
            ("DescribeSubscriptionFilters", 200, NONE),
            ("DescribeStackEvents", 200, &before),
            ("DescribeStackEvents", 200, &updated),
            ("DescribeStackEvents", 200, &updated),
            ("DescribeStackEvents", 200, &deleted),
            ("UpdateStack", 200, "<UpdateStackResponse><UpdateStackResult></UpdateStackResult></UpdateStackResponse>"),
            ("DeleteSubscriptionFilter", 200, "{}"),
            ("DeleteAccountPolicy", 200, "{}"),
            ("DeleteStack", 200, "<DeleteStackResponse></DeleteStackResponse>"),
        ])
        .await;
        done.unwrap();
        let expected = ["UpdateStack", "DeleteSubscriptionFilter", "DeleteAccountPolicy", "DeleteStack"];
        assert_eq!(changes(&asked), expected);
        let removed =
            "removed 1 filter, the account policy all and stack logctl in account 123456789012 (shop), eu-west-1";
        assert!(said.contains(removed), "{said}");
        assert!(said.contains("kept the dead letters in bucket letters"), "{said}");
    }

    #[tokio::test]
    async fn filters_that_outlived_their_stack_are_removed_and_nothing_of_others() {
        let ours = "arn:aws:lambda:eu-west-1:123456789012:function:logctl-logctl-forwarder";
        let (done, _, asked) = teardown(&[
            ("DescribeStacks", 400, &refused("ValidationError", "no such stack")),
            ("DescribeAccountPolicies", 200, &policy("arn:theirs")),
            ("DescribeLogGroups", 200, GROUPS),
            ("DescribeSubscriptionFilters", 200, &filters().replace("arn:forwarder", ours)),
            ("DescribeSubscriptionFilters", 200, NONE),
            ("DeleteSubscriptionFilter", 200, "{}"),
        ])
        .await;
        done.unwrap();
        assert_eq!(changes(&asked), ["DeleteSubscriptionFilter"]);
    }

    #[tokio::test]
    async fn a_stack_stays_as_long_as_a_filter_sends_to_it() {
        let stack = described("123456789012", "UPDATE_ROLLBACK_FAILED", &format!("{PARAMETERS}{OUTPUTS}"));
        let denied = r#"{"__type": "AccessDeniedException", "message": "not you"}"#;
        let (done, said, asked) = teardown(&[
            ("DescribeStacks", 200, &stack),
            ("DescribeAccountPolicies", 200, r#"{"accountPolicies": []}"#),
            ("DescribeLogGroups", 200, GROUPS),
            ("DescribeSubscriptionFilters", 200, &filters()),
            ("DeleteSubscriptionFilter", 400, denied),
        ])
        .await;
        let error = done.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::Denied, "1 log group could not be changed"));
        assert_eq!(changes(&asked), ["DeleteSubscriptionFilter"]);
        assert!(!said.contains("removed"), "{said}");
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_not_taken_for_nothing() {
        let stack = described("123456789012", "UPDATE_COMPLETE", &format!("{PARAMETERS}{OUTPUTS}"));
        let denied = r#"{"__type": "AccessDeniedException", "message": "not you"}"#;
        let answers = |policies: u16, filters: u16| {
            [
                ("DescribeStacks", 200, stack.as_str()),
                ("DescribeAccountPolicies", policies, denied),
                ("DescribeLogGroups", 200, GROUPS),
                ("DescribeSubscriptionFilters", filters, denied),
            ]
        };
        for answers in [answers(400, 200), answers(200, 400)] {
            let (done, _, asked) = teardown(&answers).await;
            assert!(done.is_err());
            assert_eq!(changes(&asked), [""; 0]);
        }
    }
}
