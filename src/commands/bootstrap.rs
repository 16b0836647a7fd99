//! `logctl bootstrap`: change set → diff → confirm → progress → outcome.

mod plan;

use std::{path::PathBuf, time::Duration};

use aws_sdk_cloudformation::types::Parameter;
use logctl_core::{auth::AuthMode, index::Period, names::IndexPrefix, redact::Redactor};
use tokio::time::{Instant, sleep};

use super::Context;
use crate::{
    aws::{
        Aws,
        artifacts::{self, Archive},
        deploy::{self, ChangeSet, Operation},
        stack::Stack,
        trail::{self, Recording},
    },
    cli::{Consent, ReportFormat},
    error::{Error, Kind},
    index::{DomainOptions, Endpoint, IndexError, read_certificate},
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
    pub endpoint: Option<Endpoint>,
    /// ARN of the domain; needed where requests are signed
    #[arg(long, value_name = "ARN")]
    pub domain_arn: Option<String>,
    /// How requests to the domain are authenticated: sigv4, basic or none [default: by the endpoint]
    #[arg(long, value_name = "MODE")]
    pub auth: Option<AuthMode>,
    /// ARN of a secret with username and password, for basic authentication
    #[arg(long, value_name = "ARN")]
    pub secret: Option<String>,
    /// File with the certificate of a private authority that signs the domain's, in PEM
    #[arg(long, value_name = "FILE", value_parser = read_certificate)]
    pub ca: Option<String>,
    /// Stream only log groups that match one of these globs
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub include: Option<Vec<String>>,
    /// Never stream log groups that match one of these globs
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub exclude: Option<Vec<String>>,
    /// Redact these before anything is stored: email, card, iban, jwt, aws-key, bearer
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub redact: Option<Vec<String>>,
    /// Redact what matches this regular expression; may be given several times
    #[arg(long, value_name = "REGEX")]
    pub redact_pattern: Option<Vec<String>>,
    /// Send the stack's alarms to this SNS topic
    #[arg(long, value_name = "ARN")]
    pub alarm_topic: Option<String>,
    /// What the names of the indices begin with
    #[arg(long, value_name = "PREFIX")]
    pub index_prefix: Option<IndexPrefix>,
    /// How much time one index covers: day, week or month
    #[arg(long, value_name = "PERIOD")]
    pub index_period: Option<Period>,
    /// Copies of each shard, from-to; 0-2 where the domain spans three zones with standby
    #[arg(long, value_name = "FROM-TO")]
    pub replicas: Option<String>,
    /// Folder with the functions' archives [default: those inside this logctl]
    #[arg(long, value_name = "FOLDER", env = "LOGCTL_FUNCTIONS", hide_env_values = true)]
    pub functions: Option<PathBuf>,
    /// Only say whether something would change: exit with 8 if so
    #[arg(long, conflicts_with = "dry_run")]
    pub check: bool,
    /// Replace functions or the domain although deliveries stop until backfill has run
    #[arg(long)]
    pub accept_gap: bool,
    /// Do not wait until the stack is deployed
    #[arg(long)]
    pub no_wait: bool,
    /// Whether it goes on after the plan.
    #[command(flatten)]
    pub consent: Consent,
    /// How it is written.
    #[command(flatten)]
    pub format: ReportFormat,
}

/// Bytes that each of the two lists of globs may have; the template's limit.
const MAX_RULES: usize = 1500;

/// Runs the command.
///
/// # Errors
/// Unmet by `--check`; failed with the first cause of a rollback; interrupted by Ctrl-C or a declined prompt.
pub async fn run(args: &BootstrapArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    ui.can_confirm(args.consent.yes || args.consent.dry_run || args.check)?;
    check_rules(args)?;
    let archives = artifacts::load(args.functions.as_deref())?;
    let aws = cx.aws().await?;
    let stack = Stack::find(&aws, &cx.global.stack).await?;
    check_status(stack.as_ref())?;
    let deployed = stack.as_ref().filter(|stack| !stack.is_shell());
    preflight(args, deployed, &aws, ui).await?;

    let bucket = artifacts::bucket(&aws).await?;
    let prepare = async |bucket: &str| {
        let parameters = parameters(args, deployed, &archives, bucket);
        let step = if bucket == NO_BUCKET_YET { "preview" } else { "deploy" };
        let name = format!("logctl-{step}-{}", cx.env.now.as_millisecond());
        deploy::create_change_set(&aws, &cx.global.stack, TEMPLATE, parameters, stack.as_ref(), &name).await
    };
    let progress = ui.progress("comparing", None);
    let set = prepare(bucket.as_deref().unwrap_or(NO_BUCKET_YET)).await?;
    drop(progress);
    let plan = Plan::new(&cx.global.stack, &set, bucket.is_none());
    match agree(&plan, args, ui) {
        Ok(Agreed::GoOn) => cx.interrupt.arm(),
        stopped => {
            // The answer counts, also where the clearing up fails.
            let cleared = deploy::discard(&aws, &set).await;
            return stopped.map(drop).and(cleared);
        }
    }
    let set = match upload(&aws, bucket, &archives, ui).await {
        Ok((_, Made::Before)) => set,
        // The preview stays beside it until the stack is made: without any change set its name would have to be deleted
        // first, and CloudFormation takes its time for that.
        Ok((bucket, Made::Now)) => ChangeSet { made_shell: set.made_shell, ..prepare(&bucket).await? },
        Err(error) => {
            drop(deploy::discard(&aws, &set).await);
            return Err(error);
        }
    };
    if let Err(stopped) = cx.interrupt.check("nothing was deployed; the same command begins anew") {
        drop(deploy::discard(&aws, &set).await);
        return Err(stopped);
    }
    execute(&aws, &set, &plan, args, cx, ui).await
}

/// Whether the artifact bucket was there before this run.
enum Made {
    Before,
    Now,
}

async fn upload(aws: &Aws, bucket: Option<String>, archives: &[Archive], ui: &Ui) -> Result<(String, Made), Error> {
    let progress = ui.progress("uploading the functions", None);
    let (bucket, made) = match bucket {
        Some(bucket) => (bucket, Made::Before),
        None => (artifacts::create_bucket(aws, &progress).await?, Made::Now),
    };
    artifacts::upload(aws, &bucket, archives).await?;
    Ok((bucket, made))
}

/// Whether a deployment is begun.
#[derive(PartialEq, Eq)]
enum Agreed {
    GoOn,
    Stop,
}

/// Shows the plan and asks.
fn agree(plan: &Plan, args: &BootstrapArgs, ui: &mut Ui) -> Result<Agreed, Error> {
    if plan.changes.is_empty() {
        ui.show(&Outcome::unchanged(plan))?;
        ui.status(format_args!("nothing to do: stack {} is up to date", plan.stack));
        return Ok(Agreed::Stop);
    }
    ui.show_plan(plan, args.check || args.consent.dry_run)?;
    if args.check {
        return Err(Error::new(Kind::Unmet, format!("{} would change", count(plan.changes.len(), "resource"))));
    }
    if args.consent.dry_run {
        ui.status(format_args!("would change {}; nothing was changed", count(plan.changes.len(), "resource")));
        return Ok(Agreed::Stop);
    }
    if let Some(name) = plan.gap().filter(|_| !args.accept_gap) {
        return Err(Error::failed(format!(
            "this replaces {name}, and every subscription filter would point to nothing"
        ))
        .hint("if that is meant: logctl bootstrap --accept-gap, then logctl backfill"));
    }
    ui.confirm(&plan.question(), args.consent.yes)?;
    Ok(Agreed::GoOn)
}

async fn execute(
    aws: &Aws,
    set: &ChangeSet,
    plan: &Plan,
    args: &BootstrapArgs,
    cx: &Context<'_>,
    ui: &mut Ui,
) -> Result<(), Error> {
    let stack = &cx.global.stack;
    let operation = Operation::execute(aws, set).await?;
    let begun = Instant::now();
    if args.no_wait {
        let shown = ui.show(&Outcome::begun(plan));
        ui.status(format_args!("started to deploy stack {stack}"));
        return shown;
    }
    let progress = ui.progress(&format!("deploying stack {stack}"), Some(plan.changes.len()));
    let interrupted = async {
        while !cx.interrupt.is_set() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    let ended = tokio::select! {
        ended = operation.wait(aws, &progress) => ended?,
        () = interrupted => {
            return Err(Error::new(Kind::Interrupted, format!("stopped watching; AWS goes on deploying stack {stack}"))
                .hint("see how it ended with: logctl bootstrap --check"));
        }
    };
    drop(progress);
    ended.check(&format!("cannot deploy stack {stack}")).map_err(|error| error.hint(way_on(&ended.status)))?;
    let shown = ui.show(&Outcome::deployed(plan));
    let took = jiff::SignedDuration::try_from(begun.elapsed()).unwrap_or_default();
    ui.status(format_args!("deployed stack {stack} in {}", rough(took)));
    ui.hint("new log groups are subscribed as they come; subscribe those that exist with: logctl backfill");
    shown
}

fn way_on(status: &str) -> &'static str {
    match status {
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" => {
            "remove what is left with: logctl teardown; then mend the cause and deploy again"
        }
        "UPDATE_ROLLBACK_FAILED" => "the old version is damaged; see the stack's events in the CloudFormation console",
        _ => "the old version is in place again; mend the cause and deploy again",
    }
}

fn check_rules(args: &BootstrapArgs) -> Result<(), Error> {
    for (flag, globs) in [("--include", &args.include), ("--exclude", &args.exclude)] {
        let length = globs.as_ref().map_or(0, |globs| globs.join(",").len());
        if length > MAX_RULES {
            return Err(Error::new(
                Kind::Usage,
                format!("{flag} has {length} bytes; a stack holds {MAX_RULES} of each"),
            )
            .hint("use fewer and wider globs"));
        }
    }
    let detectors = args.redact.as_deref().unwrap_or_default().join(",");
    let patterns = args.redact_pattern.as_deref().unwrap_or_default().join("\n");
    Redactor::new(&detectors, &patterns).map_err(|problem| Error::new(Kind::Usage, problem))?;
    Ok(())
}

/// Refuses to work on a stack that CloudFormation would refuse to change.
fn check_status(stack: Option<&Stack>) -> Result<(), Error> {
    let Some(stack) = stack.filter(|stack| !stack.is_shell()) else { return Ok(()) };
    let Stack { name, status, .. } = stack;
    match status.as_str() {
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" | "DELETE_FAILED" => {
            Err(Error::failed(format!("stack {name} is {status} and can only be removed"))
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
    let of_stack = || stack?.parameters.get("DomainEndpoint")?.parse().ok();
    let Some(endpoint) = args.endpoint.clone().or_else(of_stack) else {
        return Err(Error::new(Kind::Usage, "the stack needs to know where the domain answers")
            .hint("logctl bootstrap --endpoint https://search-logs-abc.eu-west-1.es.amazonaws.com"));
    };
    let auth = auth(args, stack).unwrap_or_else(|| endpoint.auth());
    let arn = args.domain_arn.as_deref().or_else(|| stack?.parameters.get("DomainArn").map(String::as_str));
    if auth == AuthMode::SigV4 && arn.is_none_or(str::is_empty) {
        return Err(Error::new(
            Kind::Usage,
            "requests to this domain are signed, and the functions need its ARN for that",
        )
        .hint("add --domain-arn arn:aws:es:REGION:ACCOUNT:domain/NAME"));
    }
    let old = |name: &str| stack?.parameters.get(name).filter(|value| !value.is_empty()).cloned();
    let secret = args.secret.clone().or_else(|| old("SecretArn"));
    if auth == AuthMode::Basic && secret.is_none() {
        return Err(Error::new(Kind::Usage, "basic authentication needs a secret with username and password")
            .hint("add --secret arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME"));
    }
    let authority = args.ca.clone().or_else(|| old("CaCertificate"));
    let index = DomainOptions { endpoint, auth, secret, authority }.index(aws, Duration::from_secs(4)).await?;
    match index.check().await {
        Ok(()) => {}
        // The functions' roles count, not the caller's.
        Err(IndexError::Denied { .. }) if auth == AuthMode::SigV4 => {}
        Err(error @ IndexError::Denied { .. }) => {
            return Err(
                Error::from(error).hint("a domain of AWS under a name of your own wants --auth sigv4 and --domain-arn")
            );
        }
        Err(error @ (IndexError::Unreachable { .. } | IndexError::Timeout { .. })) => {
            ui.warning(format_args!("{error}; the stack looks for it from inside the account"));
        }
        Err(error) => return Err(error.into()),
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

/// The mode that was asked for, else the stack's as long as its endpoint stays, else what the new endpoint wants.
fn auth(args: &BootstrapArgs, stack: Option<&Stack>) -> Option<AuthMode> {
    let old = stack.and_then(|stack| stack.parameters.get("DomainEndpoint"));
    let stays = args.endpoint.as_ref().is_none_or(|endpoint| Some(&endpoint.to_string()) == old);
    let of_stack = || stack?.parameters.get("AuthMode")?.parse().ok();
    args.auth.or_else(|| if stays { of_stack() } else { None }).or_else(|| args.endpoint.as_ref().map(Endpoint::auth))
}

/// The template's parameters: what was typed, else what the stack has, else the template's defaults.
fn parameters(args: &BootstrapArgs, stack: Option<&Stack>, archives: &[Archive], bucket: &str) -> Vec<Parameter> {
    let joined = |globs: &Option<Vec<String>>| globs.as_ref().map(|globs| globs.join(","));
    let mut typed = vec![
        ("DomainEndpoint", args.endpoint.as_ref().map(ToString::to_string)),
        ("DomainArn", args.domain_arn.clone()),
        ("AuthMode", auth(args, stack).map(|auth| auth.to_string())),
        ("SecretArn", args.secret.clone()),
        ("CaCertificate", args.ca.clone()),
        ("Redact", joined(&args.redact)),
        ("RedactPatterns", args.redact_pattern.as_ref().map(|patterns| patterns.join("\n"))),
        ("AlarmTopic", args.alarm_topic.clone()),
        ("Include", joined(&args.include)),
        ("Exclude", joined(&args.exclude)),
        ("IndexPrefix", args.index_prefix.as_ref().map(ToString::to_string)),
        ("IndexPeriod", args.index_period.map(|period| period.to_string())),
        ("Replicas", args.replicas.clone()),
        ("CodeBucket", Some(bucket.to_owned())),
        // A teardown that was given up has disabled it.
        ("RuleState", Some("ENABLED".to_owned())),
    ];
    typed.extend(archives.iter().map(|archive| (archive.parameter, Some(archive.key.clone()))));
    let known = parameter_names();
    let kept = stack.into_iter().flat_map(|stack| stack.parameters.keys()).filter(|name| {
        known.contains(&name.as_str()) && !typed.iter().any(|(typed, value)| typed == name && value.is_some())
    });
    let kept = kept.map(|name| Parameter::builder().parameter_key(name).use_previous_value(true).build());
    let typed = typed.iter().filter_map(|(name, value)| {
        Some(Parameter::builder().parameter_key(*name).parameter_value(value.as_ref()?).build())
    });
    typed.chain(kept).collect()
}

/// The parameters that this template knows: a stack of another version may have others.
fn parameter_names() -> Vec<&'static str> {
    let section = TEMPLATE.split_once("\nParameters:\n").map_or("", |(_, rest)| rest);
    let lines = section.lines().take_while(|line| line.is_empty() || line.starts_with(' '));
    lines.filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':')).filter(|name| !name.starts_with(' ')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_parameters_are_known_by_name() {
        let names = parameter_names();
        assert_eq!((names.first(), names.last()), (Some(&"DomainEndpoint"), Some(&"AlarmTopic")));
        assert!(!names.contains(&"DeadLetters"), "that is a resource");
    }
}
