//! `logctl bootstrap`: change set → diff → confirm → progress → outcome.

mod plan;

use std::{path::PathBuf, time::Duration};

use aws_sdk_cloudformation::{Client, types::Parameter};
use logctl_core::names::IndexPrefix;

use super::Context;
use crate::{
    aws::{
        Aws,
        artifacts::{self, Archive},
        deploy::{self, ChangeSet, Seen},
        stack::Stack,
        trail::{self, Recording},
    },
    cli::ReportFormat,
    error::{Error, Kind},
    index::{Auth, Index},
    time::rough,
    ui::{Ui, count},
};

use plan::{Outcome, Plan};

/// The template of the stack.
const TEMPLATE: &str = include_str!("../../stack/template.yaml");
/// Stands for the bucket as long as it does not exist: the diff is shown before anything is made.
const NO_BUCKET_YET: &str = "not-made-yet";

/// Deploy or update the forwarding stack
///
/// Shows what would change, asks, and follows the deployment. Doing it twice changes nothing. Options that are left out
/// keep the value that the stack has.
#[derive(Debug, clap::Args)]
pub struct BootstrapArgs {
    /// Where the domain answers, with https://
    #[arg(long, value_name = "URL", env = "LOGCTL_ENDPOINT", hide_env_values = true)]
    pub endpoint: Option<String>,
    /// ARN of the domain; needed where requests are signed
    #[arg(long, value_name = "ARN")]
    pub domain_arn: Option<String>,
    /// How requests to the domain are authenticated [default: by the endpoint]
    #[arg(long, value_name = "MODE")]
    pub auth: Option<Auth>,
    /// Stream only log groups that match one of these globs
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub include: Option<Vec<String>>,
    /// Never stream log groups that match one of these globs
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub exclude: Option<Vec<String>>,
    /// What the names of the indices begin with
    #[arg(long, value_name = "PREFIX")]
    pub index_prefix: Option<IndexPrefix>,
    /// How much time one index covers
    #[arg(long, value_name = "PERIOD", value_parser = ["day", "week", "month"])]
    pub index_period: Option<String>,
    /// Folder with the functions' archives [default: those inside this logctl]
    #[arg(long, value_name = "FOLDER", env = "LOGCTL_FUNCTIONS", hide_env_values = true)]
    pub functions: Option<PathBuf>,
    /// Only say whether something would change: exit with 8 if so
    #[arg(long, conflicts_with = "dry_run")]
    pub check: bool,
    /// Stop after the diff
    #[arg(long)]
    pub dry_run: bool,
    /// Replace functions or the domain although deliveries stop until backfill has run
    #[arg(long)]
    pub accept_gap: bool,
    /// Do not wait until the stack is deployed
    #[arg(long)]
    pub no_wait: bool,
    /// Go on without asking
    #[arg(long, short)]
    pub yes: bool,
    /// How it is written.
    #[command(flatten)]
    pub format: ReportFormat,
}

/// Runs the command.
///
/// # Errors
/// Unmet by `--check`; failed with the first cause of a rollback; interrupted by Ctrl-C or a declined prompt.
pub async fn run(args: &BootstrapArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let archives = artifacts::load(args.functions.as_deref())?;
    let aws = cx.aws().await?;
    let stack = Stack::find(&aws, cx.global).await?;
    check_status(stack.as_ref(), cx)?;
    preflight(args, stack.as_ref(), &aws, ui).await?;

    let client = aws.cloudformation();
    let bucket = artifacts::bucket(&aws, cx.global).await?;
    let creates = stack.as_ref().is_none_or(|stack| stack.status == "REVIEW_IN_PROGRESS");
    let prepare = async |bucket: &str| {
        let parameters = parameters(args, stack.as_ref(), &archives, bucket)?;
        let name = format!("logctl-{}", cx.env.now.as_millisecond());
        deploy::create_change_set(&client, TEMPLATE, parameters, creates, &name, cx.global).await
    };
    let progress = ui.progress("comparing", None);
    let set = prepare(bucket.as_deref().unwrap_or(NO_BUCKET_YET)).await?;
    drop(progress);
    let plan = Plan::new(&cx.global.stack, &set, bucket.is_none());
    if plan.changes.is_empty() {
        deploy::discard(&client, &set, cx.global).await?;
        ui.show(&Outcome::unchanged(&cx.global.stack))?;
        ui.status(format_args!("nothing to do: stack {} is up to date", cx.global.stack));
        return Ok(());
    }
    if let Err(stop) = agree(&plan, args, ui) {
        deploy::discard(&client, &set, cx.global).await?;
        return stop;
    }

    let set = match &bucket {
        Some(bucket) => {
            artifacts::upload(&aws, bucket, &archives, cx.global).await?;
            set
        }
        None => {
            deploy::discard(&client, &set, cx.global).await?;
            let progress = ui.progress("making the artifact bucket", None);
            let bucket = artifacts::create_bucket(&aws, cx.global).await?;
            artifacts::upload(&aws, &bucket, &archives, cx.global).await?;
            drop(progress);
            prepare(&bucket).await?
        }
    };
    execute(&client, &set, &plan, args, cx, ui).await
}

/// Shows the plan and asks. `Err` ends the run, with or without an error.
fn agree(plan: &Plan, args: &BootstrapArgs, ui: &mut Ui) -> Result<(), Result<(), Error>> {
    let ends = args.check || args.dry_run;
    ui.show_plan(plan, ends).map_err(Err)?;
    if args.check {
        let message = format!("{} would change", count(plan.changes.len(), "resource"));
        return Err(Err(Error::new(Kind::Unmet, message)));
    }
    if args.dry_run {
        ui.status(format_args!("would change {}; nothing was changed", count(plan.changes.len(), "resource")));
        return Err(Ok(()));
    }
    if let Some(name) = plan.gap().filter(|_| !args.accept_gap) {
        return Err(Err(Error::failed(format!(
            "this replaces {name}, and every subscription filter would point to nothing"
        ))
        .hint("if that is meant: logctl bootstrap --accept-gap, then logctl backfill")));
    }
    ui.confirm(&plan.question(), args.yes).map_err(Err)
}

async fn execute(
    client: &Client,
    set: &ChangeSet,
    plan: &Plan,
    args: &BootstrapArgs,
    cx: &Context<'_>,
    ui: &mut Ui,
) -> Result<(), Error> {
    let seen = Seen::now(client, &set.stack_id, cx.global).await?;
    deploy::execute(client, set, cx.global).await?;
    let begun = tokio::time::Instant::now();
    let stack = &cx.global.stack;
    if args.no_wait {
        ui.show(&Outcome::begun(plan))?;
        ui.status(format_args!("started to deploy stack {stack}"));
        return Ok(());
    }
    let progress = ui.progress(&format!("deploying stack {stack}"), Some(plan.changes.len() + 1));
    let interrupted = async {
        while !cx.interrupt.is_set() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let ended = tokio::select! {
        ended = deploy::wait(client, &set.stack_id, seen, cx.global, &progress) => ended?,
        () = interrupted => {
            return Err(Error::new(Kind::Interrupted, format!("stopped watching; AWS goes on deploying stack {stack}"))
                .hint("see how it ended with: logctl bootstrap --check"));
        }
    };
    drop(progress);
    if !ended.is_good() {
        return Err(
            deploy::failure(&format!("cannot deploy stack {stack}"), &ended).hint(way_on(ended.status.as_deref()))
        );
    }
    ui.show(&Outcome::deployed(plan))?;
    let took = jiff::SignedDuration::try_from(begun.elapsed()).unwrap_or_default();
    ui.status(format_args!("deployed stack {stack} in {}", rough(took)));
    ui.hint("new log groups are subscribed as they come; subscribe those that exist with: logctl backfill");
    Ok(())
}

fn way_on(status: Option<&str>) -> &'static str {
    match status {
        Some("ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED") => {
            "remove what is left with: logctl teardown; then mend the cause and deploy again"
        }
        Some("UPDATE_ROLLBACK_FAILED") => {
            "the old version is damaged; see the stack's events in the CloudFormation console"
        }
        _ => "the old version is in place again; mend the cause and deploy again",
    }
}

/// Refuses to work on a stack that CloudFormation would refuse to change.
fn check_status(stack: Option<&Stack>, cx: &Context<'_>) -> Result<(), Error> {
    let Some(stack) = stack else { return Ok(()) };
    let name = &cx.global.stack;
    match stack.status.as_str() {
        "REVIEW_IN_PROGRESS" => Ok(()),
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" | "DELETE_FAILED" => {
            Err(Error::failed(format!("stack {name} is {} and can only be removed", stack.status))
                .hint("remove it with: logctl teardown; then deploy again"))
        }
        status if status.ends_with("IN_PROGRESS") => {
            Err(Error::failed(format!("stack {name} is {status}")).hint("wait until that is done, then try again"))
        }
        _ => Ok(()),
    }
}

/// Looks at what would make the deployment useless, before anything is changed.
async fn preflight(args: &BootstrapArgs, stack: Option<&Stack>, aws: &Aws, ui: &mut Ui) -> Result<(), Error> {
    let Some(endpoint) = args.endpoint.as_ref().or_else(|| stack?.parameters.get("DomainEndpoint")) else {
        return Err(Error::new(Kind::Usage, "the stack needs to know where the domain answers")
            .hint("logctl bootstrap --endpoint https://search-logs-abc.eu-west-1.es.amazonaws.com"));
    };
    let auth = args.auth.unwrap_or_else(|| Auth::of(endpoint));
    if auth == Auth::Sigv4 && args.domain_arn.is_none() && stack.is_none() {
        return Err(Error::new(
            Kind::Usage,
            "requests to this domain are signed, and the functions need its ARN for that",
        )
        .hint("add --domain-arn arn:aws:es:REGION:ACCOUNT:domain/NAME"));
    }
    let config = (auth == Auth::Sigv4).then_some(&aws.config);
    match Index::new(endpoint, config, Duration::from_secs(4))?.check().await {
        Ok(()) => {}
        Err(error) if error.kind == Kind::Denied => {} // The functions' roles count, not the caller.
        Err(error) if error.message.starts_with("cannot reach") || error.message.contains("in time") => {
            ui.warning(format_args!("{}; the stack looks for it from inside the account", error.message));
        }
        Err(error) => return Err(error),
    }
    match trail::recording(aws).await {
        Recording::By(_) => {}
        Recording::None => {
            ui.warning("no CloudTrail trail records management events in this Region, so the rule will never fire");
            ui.hint("create a trail, or run logctl backfill from time to time");
        }
        Recording::Unknown => ui.warning("cannot tell whether a CloudTrail trail records management events here"),
    }
    Ok(())
}

/// The template's parameters: what was typed, else what the stack has, else the template's defaults.
fn parameters(
    args: &BootstrapArgs,
    stack: Option<&Stack>,
    archives: &[Archive],
    bucket: &str,
) -> Result<Vec<Parameter>, Error> {
    let joined = |globs: &Option<Vec<String>>| globs.as_ref().map(|globs| globs.join(","));
    let auth = args.auth.or_else(|| args.endpoint.as_deref().map(Auth::of)).map(|auth| match auth {
        Auth::Sigv4 => "sigv4".to_owned(),
        Auth::None => "none".to_owned(),
    });
    let mut typed = vec![
        ("DomainEndpoint", args.endpoint.clone()),
        ("DomainArn", args.domain_arn.clone()),
        ("AuthMode", auth),
        ("Include", joined(&args.include)),
        ("Exclude", joined(&args.exclude)),
        ("IndexPrefix", args.index_prefix.as_ref().map(ToString::to_string)),
        ("IndexPeriod", args.index_period.clone()),
        ("CodeBucket", Some(bucket.to_owned())),
    ];
    typed.extend(archives.iter().map(|archive| (archive.parameter, Some(archive.key.clone()))));
    let rules: usize = [&args.include, &args.exclude].into_iter().flatten().flatten().map(|glob| glob.len() + 1).sum();
    if rules > 3000 {
        return Err(Error::new(Kind::Usage, format!("the rules are {rules} bytes long; a stack holds 3,000"))
            .hint("use fewer and wider globs"));
    }
    let mut parameters: Vec<Parameter> = Vec::new();
    for (name, value) in &typed {
        if let Some(value) = value {
            parameters.push(Parameter::builder().parameter_key(*name).parameter_value(value).build());
        }
    }
    for name in stack.into_iter().flat_map(|stack| stack.parameters.keys()) {
        let stays =
            TEMPLATE.contains(&format!("\n  {name}:\n")) && !typed.iter().any(|(n, v)| n == name && v.is_some());
        if stays {
            parameters.push(Parameter::builder().parameter_key(name).use_previous_value(true).build());
        }
    }
    Ok(parameters)
}
