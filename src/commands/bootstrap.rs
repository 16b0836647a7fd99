//! `logctl bootstrap`: change set → diff → confirm → progress → outcome.

mod plan;

use std::{path::PathBuf, time::Duration};

use aws_sdk_cloudformation::types::Parameter;
use logctl_core::{
    auth::AuthMode,
    compression::Compression,
    endpoint::Endpoint,
    globs::Glob,
    index_name::Period,
    names::IndexPrefix,
    redact::{Detector, Redactor},
    services::Services,
};
use tokio::time::Instant;

use crate::{
    args::{Consent, ReportFormat, named},
    aws::{
        Aws,
        trail::{self, Recording},
    },
    context::Context,
    deploy::{
        DeployedStack, StackSettings,
        artifacts::{self, Archive},
        change_set::{ChangeSet, Draft, Verdict, with_change_set},
        operation::Operation,
        settings::TEMPLATE,
        stack::{Phase, Status},
    },
    domain::{DomainError, read_certificate},
    error::{Error, Kind},
    time::rough,
    ui::Ui,
    words::count,
};

use plan::{Outcome, Plan};

/// Stands for the bucket as long as it does not exist: the diff is shown before anything is made.
const NO_BUCKET_YET: &str = "not-made-yet";

/// Deploy or update the forwarding stack
///
/// Shows what would change, asks, and follows the deployment. Doing it twice changes nothing. Options that are left out
/// keep the value that the stack has.
#[derive(Debug, clap::Args)]
pub struct BootstrapArgs {
    /// Where the domain answers, with https:// [env: LOGCTL_ENDPOINT, for a stack that names none yet]
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<Endpoint>,
    /// ARN of the domain; needed where requests are signed
    #[arg(long, value_name = "ARN")]
    pub domain_arn: Option<String>,
    /// How requests to the domain are authenticated [default: by the endpoint]
    #[arg(long, value_name = "MODE", value_parser = named::<AuthMode>())]
    pub auth: Option<AuthMode>,
    /// ARN of a secret with username and password, for basic authentication
    #[arg(long, value_name = "ARN")]
    pub secret: Option<String>,
    /// File with the certificate of a private authority that signs the domain's, in PEM
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Stream only log groups that match one of these globs; '' for all
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub include: Option<Vec<String>>,
    /// Never stream log groups that match one of these globs; '' for none
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub exclude: Option<Vec<String>>,
    /// Redact these before anything is stored
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = named::<Detector>())]
    pub redact: Option<Vec<Detector>>,
    /// Redact what matches this regular expression; may be given several times
    #[arg(long, value_name = "REGEX")]
    pub redact_pattern: Option<Vec<String>>,
    /// Take the events of these accounts as well; '' for none
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub accounts: Option<Vec<String>>,
    /// ARN of somebody else who may replay dead letters; '' for nobody
    #[arg(long, value_name = "ARN", value_delimiter = ',')]
    pub replay_principal: Option<Vec<String>>,
    /// Send the stack's alarms to this SNS topic
    #[arg(long, value_name = "ARN")]
    pub alarm_topic: Option<String>,
    /// What the names of the indices begin with
    #[arg(long, value_name = "PREFIX")]
    pub index_prefix: Option<IndexPrefix>,
    /// How much time one index covers
    #[arg(long, value_name = "PERIOD", value_parser = named::<Period>())]
    pub index_period: Option<Period>,
    /// Copies of each shard, from-to; 0-2 where the domain spans three zones with standby
    #[arg(long, value_name = "FROM-TO")]
    pub replicas: Option<String>,
    /// How many names one index types, so that they can be sorted and charted; all others are found all the same
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(0..=MAX_TYPED_NAMES))]
    pub typed_names: Option<u64>,
    /// How the domain compresses what it stores; zstd saves more, where the domain has it
    #[arg(long, value_name = "CODEC", value_parser = named::<Compression>())]
    pub compression: Option<Compression>,
    /// What tells the service of a log group, before AWS's own naming does: a glob with {service}, as in /acme/{service}/*; '' for none
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub service_rule: Option<Vec<String>>,
    /// Folder with the functions' archives [default: those inside this logctl]
    #[arg(long, value_name = "FOLDER", env = "LOGCTL_FUNCTIONS", hide_env_values = true)]
    pub functions: Option<PathBuf>,
    /// Only say whether something would change: exit with 8 if so
    #[arg(long, conflicts_with = "dry_run")]
    pub check: bool,
    /// Replace or remove what deliveries depend on, although they stop until backfill has run
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

/// Names that an index may type: each counts twice, and an object of more than 512 is too much for a query.
const MAX_TYPED_NAMES: u64 = 500;
/// Bytes that each of the two lists of globs may have; the template's limit.
const MAX_RULES: usize = 1500;

/// Runs the command.
///
/// # Errors
/// Unmet by `--check`; failed with the first cause of a rollback; interrupted by Ctrl-C or a declined prompt.
pub async fn run(args: &BootstrapArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    check_rules(args)?;
    check_trust(args)?;
    let authority = args.ca.as_deref().map(read_certificate).transpose()?;
    ui.can_confirm(args.consent.yes || args.consent.dry_run || args.check)?;
    let archives = artifacts::load(args.functions.as_deref())?;
    let aws = Aws::connect(cx).await?.with_alias().await;
    let stack = DeployedStack::find(&aws, &cx.stack).await?;
    check_status(stack.as_ref())?;
    let deployed = stack.as_ref().filter(|stack| stack.status.phase != Phase::Shell);
    let mut settings = settings(args, authority, deployed, cx, ui)?;
    if settings.deployer.is_empty() {
        settings.deployer = aws.principal();
    }
    settings.check_environments()?;
    preflight(&settings, &aws, ui).await?;

    let bucket = artifacts::bucket(&aws).await?;
    let draft = |step, bucket: &str| Draft {
        stack: &cx.stack,
        existing: stack.as_ref(),
        template: TEMPLATE,
        parameters: parameters(&settings, deployed, &archives, bucket),
        step,
        at: cx.env.now.as_millisecond(),
    };
    let progress = ui.progress("comparing", None);
    let preview = draft("preview", bucket.as_deref().unwrap_or(NO_BUCKET_YET));
    with_change_set(&aws, preview, &cx.interrupt, async |set| {
        drop(progress);
        let plan = Plan::new(&aws.target, &cx.stack, &settings, set, bucket.is_none());
        if agree(&plan, args, ui)? == Agreed::Stop {
            return Ok(Verdict::Dropped(Ok(())));
        }
        let (bucket, made) = upload(&aws, bucket, &archives, ui).await?;
        let again = "nothing was deployed; the same command begins anew";
        if let Made::Before = made {
            cx.interrupt.check(again)?;
            return execute(&aws, set, &plan, args, cx, ui).await;
        }
        // The preview stays beside it until the stack is made: without any change set its name would have to be deleted
        // first, and CloudFormation takes its time for that.
        let work = async |set: &ChangeSet| {
            cx.interrupt.check(again)?;
            execute(&aws, set, &plan, args, cx, ui).await
        };
        let deployed = with_change_set(&aws, draft("deploy", &bucket), &cx.interrupt, work).await;
        deployed.map(Verdict::Executed).map_err(|error| {
            error.hint(format!("stack {} with bucket {bucket} is left; the next run uses it", artifacts::STACK))
        })
    })
    .await?
}

/// What was typed, else what is deployed, else what is usual. `LOGCTL_ENDPOINT` is for a stack that names no domain yet: one
/// that does keeps its own.
fn settings(
    args: &BootstrapArgs,
    authority: Option<String>,
    deployed: Option<&DeployedStack>,
    cx: &Context<'_>,
    ui: &mut Ui,
) -> Result<StackSettings, Error> {
    let mut typed = args.typed(authority);
    let variable = if args.endpoint.is_none() { cx.variable::<Endpoint>("LOGCTL_ENDPOINT")? } else { None };
    if let Some(variable) = variable {
        match deployed.and_then(|stack| stack.settings.endpoint.as_ref()) {
            None => typed.push(("DomainEndpoint", variable.to_string())),
            Some(own) if *own != variable => {
                ui.warning(format_args!("stack {} keeps its domain {own}; LOGCTL_ENDPOINT names another", cx.stack));
            }
            Some(_) => {}
        }
    }
    StackSettings::merge(&typed, deployed.map(|stack| &stack.settings))
}

impl BootstrapArgs {
    /// The parameters that were typed.
    fn typed(&self, authority: Option<String>) -> Vec<(&'static str, String)> {
        let joined = |texts: &Option<Vec<String>>, with| texts.as_ref().map(|texts| texts.join(with));
        let detectors = self.redact.as_ref();
        let detectors = detectors.map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
        let typed = [
            ("DomainEndpoint", self.endpoint.as_ref().map(ToString::to_string)),
            ("DomainArn", self.domain_arn.clone()),
            ("AuthMode", self.auth.map(|auth| auth.to_string())),
            ("SecretArn", self.secret.clone()),
            ("CaCertificate", authority),
            ("Redact", detectors),
            ("RedactPatterns", joined(&self.redact_pattern, "\n")),
            ("Accounts", joined(&self.accounts, ",")),
            ("ReplayPrincipals", joined(&self.replay_principal, ",")),
            ("AlarmTopic", self.alarm_topic.clone()),
            ("Services", joined(&self.service_rule, ",")),
            ("Include", joined(&self.include, ",")),
            ("Exclude", joined(&self.exclude, ",")),
            ("IndexPrefix", self.index_prefix.as_ref().map(ToString::to_string)),
            ("IndexPeriod", self.index_period.map(|period| period.to_string())),
            ("Replicas", self.replicas.clone()),
            ("TypedNames", self.typed_names.map(|names| names.to_string())),
            ("Compression", self.compression.map(|codec| codec.to_string())),
        ];
        typed.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
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
#[derive(Debug, PartialEq, Eq)]
enum Agreed {
    GoOn,
    Stop,
}

/// Shows the plan and asks.
fn agree(plan: &Plan, args: &BootstrapArgs, ui: &mut Ui) -> Result<Agreed, Error> {
    if plan.changes.is_empty() {
        ui.show(&Outcome::unchanged(plan))?;
        ui.status(format_args!("nothing to do: stack {} in {} is up to date", plan.stack, plan.target));
        return Ok(Agreed::Stop);
    }
    ui.show_plan(plan, args.check || args.consent.dry_run)?;
    if args.check {
        return Err(Error::new(Kind::Unmet, format!("{} would change", count(plan.changes.len(), "resource"))));
    }
    if args.consent.dry_run {
        let resources = count(plan.changes.len(), "resource");
        ui.status(format_args!("would change {resources} in {}; nothing was changed", plan.target));
        return Ok(Agreed::Stop);
    }
    if let Some(consequence) = plan.gap().filter(|_| !args.accept_gap) {
        return Err(Error::failed(consequence)
            .hint("if that is meant, add --accept-gap to the same command, and run logctl backfill after it"));
    }
    ui.confirm(&plan.question(), args.consent.yes)?;
    Ok(Agreed::GoOn)
}

/// Begins the deployment and watches it. From there on there is nothing to throw away, whatever comes of it.
async fn execute(
    aws: &Aws,
    set: &ChangeSet,
    plan: &Plan,
    args: &BootstrapArgs,
    cx: &Context<'_>,
    ui: &mut Ui,
) -> Result<Verdict<Result<(), Error>>, Error> {
    let operation = Operation::execute(aws, set).await?;
    if args.no_wait {
        let shown = ui.show(&Outcome::begun(plan));
        ui.status(format_args!("started to deploy stack {} in {}", cx.stack, plan.target));
        return Ok(Verdict::Executed(shown));
    }
    Ok(Verdict::Executed(watch(operation, aws, plan, cx, ui).await))
}

async fn watch(operation: Operation, aws: &Aws, plan: &Plan, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    const LATER: &str = "see how it ended with: logctl bootstrap --check";
    let name = &cx.stack;
    let begun = Instant::now();
    let progress = ui.progress(&format!("deploying stack {name}"), Some(plan.changes.len()));
    let ended = tokio::select! {
        ended = operation.wait(aws, &progress) => ended.map_err(|error| {
            error.because(format!("AWS goes on deploying stack {name}")).hint(LATER)
        })?,
        () = cx.interrupt.set() => {
            return Err(Error::new(Kind::Interrupted, format!("stopped watching; AWS goes on deploying stack {name}"))
                .hint(LATER));
        }
    };
    ended.check(&format!("cannot deploy stack {name}")).map_err(|error| error.hint(way_on(&ended.status)))?;
    // What the events say is believed once the stack says it, too, and tells what it has made.
    let unread = |error: Error| error.because(format!("stack {name} is {}", ended.status)).hint(LATER);
    let stack = DeployedStack::find(aws, name).await.map_err(unread)?;
    let stack =
        stack.filter(|stack| stack.status.name == ended.status && stack.forwarder.is_some()).ok_or_else(|| {
            unread(Error::failed(format!("the deployment of stack {name} has ended, and its outputs are not there")))
        })?;
    drop(progress);
    let shown = ui.show(&Outcome::deployed(plan));
    let took = jiff::SignedDuration::try_from(begun.elapsed()).unwrap_or_default();
    ui.status(format_args!("deployed stack {name} in {}, in {}", plan.target, rough(took)));
    if !stack.left_out.is_empty() {
        let names = stack.left_out.replace(',', ", ");
        ui.status(format_args!("the domain does not know {names}; its indices are made without"));
        if stack.settings.compression == Compression::Zstd && stack.left_out.split(',').any(|name| name == "codec") {
            ui.warning("the domain has no zstd: its indices are compressed with best_compression");
        }
    }
    ui.hint("new log groups are subscribed as they come; subscribe those that exist with: logctl backfill");
    shown
}

fn way_on(status: &str) -> &'static str {
    match Status::from(status).phase {
        Phase::Dead => "remove what is left with: logctl teardown; then mend the cause and deploy again",
        Phase::Damaged => DAMAGED,
        Phase::Stands => "the old version is in place again; mend the cause and deploy again",
        Phase::InProgress | Phase::Shell => "see the stack's events in the CloudFormation console",
    }
}

/// What to do with a stack whose way back has failed.
const DAMAGED: &str = "mend the cause, then: aws cloudformation continue-update-rollback --stack-name NAME; \
                       or remove it with: logctl teardown";

fn check_rules(args: &BootstrapArgs) -> Result<(), Error> {
    for (flag, globs) in [("--include", &args.include), ("--exclude", &args.exclude)] {
        for glob in globs.iter().flatten().filter(|glob| !glob.is_empty()) {
            let wrong =
                |cause| Error::new(Kind::Usage, format!("{flag} {glob}: no log group can match this")).because(cause);
            glob.parse::<Glob>().map_err(wrong).map_err(|error| {
                error
                    .hint("globs know * for any signs and ? for one; give several separated by commas: /aws/a*,/aws/b*")
            })?;
        }
        let length = globs.as_ref().map_or(0, |globs| globs.join(",").len());
        if length > MAX_RULES {
            return Err(Error::new(
                Kind::Usage,
                format!("{flag} has {length} bytes; a stack holds {MAX_RULES} of each"),
            )
            .hint("use fewer and wider globs"));
        }
    }
    if let Some(topic) = args.alarm_topic.as_deref().filter(|topic| !topic.is_empty() && !topic.starts_with("arn:")) {
        return Err(Error::new(Kind::Usage, format!("--alarm-topic: `{topic}` is no ARN"))
            .hint("a topic looks like arn:aws:sns:eu-west-1:111122223333:alarms"));
    }
    let rules = args.service_rule.as_deref().unwrap_or_default().join(",");
    Services::new(&rules).map_err(|problem| Error::new(Kind::Usage, format!("--service-rule: {problem}")))?;
    let patterns = args.redact_pattern.as_deref().unwrap_or_default().join("\n");
    Redactor::new("", &patterns).map_err(|problem| Error::new(Kind::Usage, format!("--redact-pattern: {problem}")))?;
    Ok(())
}

/// Refuses accounts and principals that AWS would take and never match.
fn check_trust(args: &BootstrapArgs) -> Result<(), Error> {
    for arn in args.replay_principal.iter().flatten().filter(|arn| !arn.is_empty()) {
        let wrong = |what| Error::new(Kind::Usage, format!("--replay-principal {arn}: {what}"));
        if arn.contains(":assumed-role/") {
            return Err(wrong("this is a session").hint("name its role: arn:aws:iam::ACCOUNT:role/NAME"));
        }
        if !(arn.starts_with("arn:") && arn.contains(":iam::")) {
            return Err(wrong("this is no ARN of a role or user").hint("it looks like arn:aws:iam::ACCOUNT:role/NAME"));
        }
    }
    for account in args.accounts.iter().flatten().filter(|account| !account.is_empty()) {
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::new(Kind::Usage, format!("--accounts {account}: an account has twelve digits")));
        }
    }
    Ok(())
}

/// Refuses to work on a stack that CloudFormation would refuse to change.
fn check_status(stack: Option<&DeployedStack>) -> Result<(), Error> {
    let Some(DeployedStack { name, status, .. }) = stack else { return Ok(()) };
    let is = || Error::failed(format!("stack {name} is {}", status.name));
    match status.phase {
        Phase::Stands | Phase::Shell => Ok(()),
        Phase::InProgress => Err(is().hint("wait until that is done, then try again")),
        Phase::Dead => Err(Error::failed(format!("stack {name} is {} and can only be removed", status.name))
            .hint("remove it with: logctl teardown; then deploy again")),
        Phase::Damaged => Err(is().hint(DAMAGED)),
    }
}

/// Looks at what would make the deployment useless, before anything is changed.
async fn preflight(settings: &StackSettings, aws: &Aws, ui: &mut Ui) -> Result<(), Error> {
    let Some(domain) = settings.domain() else { return Ok(()) };
    let signed = domain.auth == AuthMode::SigV4;
    match domain.client(aws, Duration::from_secs(4)).await?.check().await {
        Ok(()) => {}
        // The functions' roles count, not the caller's.
        Err(DomainError::Denied { .. }) if signed => {}
        Err(error @ DomainError::Denied { .. }) => {
            return Err(
                Error::from(error).hint("a domain of AWS under a name of your own wants --auth sigv4 and --domain-arn")
            );
        }
        Err(error @ (DomainError::Unreachable { .. } | DomainError::Timeout { .. })) => {
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

/// The template's parameters: the settings, the archives, and what only the stack itself says.
fn parameters(
    settings: &StackSettings,
    deployed: Option<&DeployedStack>,
    archives: &[Archive],
    bucket: &str,
) -> Vec<Parameter> {
    let archives = archives.iter().map(|archive| (archive.parameter, archive.key.clone()));
    let given: Vec<(&str, String)> =
        settings.to_parameters().chain(archives).chain([("CodeBucket", bucket.to_owned())]).collect();
    // A stack of another version may have parameters that this template does not know.
    let known = |name: &&String| TEMPLATE.contains(&format!("\n  {name}:\n    Type:"));
    let kept = deployed.into_iter().flat_map(|stack| &stack.parameters).filter(known);
    let kept = kept.filter(|name| !given.iter().any(|(given, _)| given == name));
    let kept = kept.map(|name| Parameter::builder().parameter_key(name).use_previous_value(true).build());
    let given =
        given.iter().map(|(name, value)| Parameter::builder().parameter_key(*name).parameter_value(value).build());
    given.chain(kept).collect()
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches as _};

    use super::*;
    use crate::deploy::settings::SETTINGS;

    #[test]
    fn every_flag_of_a_setting_reaches_its_parameter() {
        let value = |flag: &str| match flag {
            "endpoint" => "https://logs.example",
            "auth" => "basic",
            "redact" => "email",
            "index-period" => "day",
            "index-prefix" => "shop",
            "typed-names" => "20",
            "compression" => "zstd",
            "service-rule" => "/acme/{service}/*",
            _ => "typed",
        };
        let flags = SETTINGS.iter().filter_map(|setting| Some((setting.parameter, setting.flag?)));
        let line = flags.clone().map(|(_, flag)| format!("--{flag}={}", value(flag)));
        let command = BootstrapArgs::augment_args(Command::new("bootstrap").no_binary_name(true));
        let args = BootstrapArgs::from_arg_matches(&command.get_matches_from(line)).unwrap();
        let mut typed = args.typed(Some("typed".to_owned()));
        let mut expected: Vec<_> = flags.map(|(parameter, flag)| (parameter, value(flag).to_owned())).collect();
        typed.sort();
        expected.sort();
        assert_eq!(typed, expected);
    }
}
