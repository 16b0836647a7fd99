//! `logctl bootstrap`: change set → diff → confirm → progress → outcome.

mod args;
mod plan;

use aws_sdk_cloudformation::types::{Parameter, Tag};
use logctl_core::{compression::Compression, endpoint::Endpoint, names::StackName};
use tokio::time::{Instant, sleep};

use crate::{
    aws::Aws,
    checks::{self, Check, preflight::Preflight},
    context::Context,
    deploy::{
        DeployedStack, StackSettings,
        artifacts::{self, Archive, Artifacts},
        change_set::{ChangeSet, Draft, Verdict, with_change_set},
        operation::{INTERVAL, LOOKS, Operation},
        settings::TEMPLATE,
        stack::{Phase, Status, mend},
    },
    domain::read_certificate,
    error::{Error, Kind},
    time::rough,
    ui::Ui,
    words::count,
};

pub use args::BootstrapArgs;
use plan::{Outcome, Plan};

/// Stands for the bucket as long as it does not exist: the diff is shown before anything is made.
const NO_BUCKET_YET: &str = "not-made-yet";

/// What to do where nobody has seen the end of a deployment.
const LATER: &str = "see how it ended with the same command and --check";

/// Runs the command.
///
/// # Errors
/// Unmet by `--check`; failed with the first cause of a rollback; interrupted by Ctrl-C or a declined prompt.
pub async fn run(args: &BootstrapArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    args.check()?;
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
    check_roles(deployed, cx, &settings)?;
    if args.set_up || deployed.is_some_and(|stack| !stack.to_apply.is_empty()) {
        settings.attempt = cx.env.now.as_millisecond().to_string(); // It may admit the stack by now.
    }
    settings.check_environments()?;
    let checks = preflight(args, &mut settings, deployed, &aws, cx, ui).await?;

    let artifacts = Artifacts::find(&aws).await?;
    let draft = |step, bucket: &str| Draft {
        stack: &cx.stack,
        existing: stack.as_ref(),
        template: TEMPLATE,
        parameters: parameters(&settings, deployed, &archives, bucket),
        tags: args.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect(),
        role: args.role_arn.as_deref(),
        reverts_drift: args.revert_drift && deployed.is_some(),
        step,
        at: cx.env.now.as_millisecond(),
    };
    let progress = ui.progress("comparing", None);
    let preview = draft("preview", artifacts.as_ref().map_or(NO_BUCKET_YET, |artifacts| &artifacts.bucket));
    with_change_set(&aws, preview, &cx.interrupt, async |set| {
        drop(progress);
        let plan = Plan::new(&aws.target, &cx.stack, &settings, set, artifacts.as_ref()).with(checks);
        let plan = plan.moving(deployed.map(|stack| &stack.settings), &settings);
        if agree(&plan, args, ui)? == Agreed::Stop {
            return Ok(Verdict::Dropped(Ok(())));
        }
        let (bucket, made) = upload(&aws, artifacts, &archives, ui).await?;
        let again = "nothing was deployed; the same command begins anew";
        let deployment = Deployment { aws: &aws, plan: &plan, archives: &archives, args, cx };
        if let Made::Before = made {
            cx.interrupt.check(again)?;
            return deployment.execute(set, ui).await;
        }
        // The preview stays beside it until the stack is made: without any change set its name would have to be deleted
        // first, and CloudFormation takes its time for that.
        let work = async |set: &ChangeSet| {
            cx.interrupt.check(again)?;
            deployment.execute(set, ui).await
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
    let ignored = args.endpoint.is_none() && deployed.is_none() && cx.env.var("LOGCTL_ENDPOINT").is_some();
    StackSettings::merge(&typed, deployed.map(|stack| &stack.settings)).map_err(|error| {
        let unused = ignored && !typed.iter().any(|(name, _)| *name == "DomainEndpoint");
        let why = "LOGCTL_ENDPOINT is not used where --stack, --profile, --region or --expect-account is typed";
        if unused { error.hint(why) } else { error }
    })
}

/// Whether the artifact bucket was there before this run.
enum Made {
    Before,
    Now,
}

async fn upload(
    aws: &Aws,
    artifacts: Option<Artifacts>,
    archives: &[Archive],
    ui: &Ui,
) -> Result<(String, Made), Error> {
    let progress = ui.progress("uploading the functions", None);
    let (artifacts, made) = match artifacts {
        Some(artifacts) => (artifacts, Made::Before),
        None => (Artifacts::create(aws, &progress).await?, Made::Now),
    };
    if !artifacts.admits {
        artifacts.admit(aws, &progress).await?;
    }
    artifacts::upload(aws, &artifacts.bucket, archives).await?;
    Ok((artifacts.bucket, made))
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
    if plan.renames_roles() {
        ui.status("the roles get fixed names, once: a domain that admits the old ones has to admit the new ones");
    }
    if args.check {
        return Err(Error::new(Kind::Unmet, format!("{} would change", count(plan.changes.len(), "resource"))));
    }
    if args.consent.dry_run {
        let resources = count(plan.changes.len(), "resource");
        if let Some(consequence) = plan.gap().filter(|_| !args.accept_gap) {
            ui.warning(format_args!("without --accept-gap this is refused: {consequence}"));
        }
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

/// A deployment that was agreed to.
struct Deployment<'a> {
    aws: &'a Aws,
    plan: &'a Plan,
    archives: &'a [Archive],
    args: &'a BootstrapArgs,
    cx: &'a Context<'a>,
}

impl Deployment<'_> {
    /// Begins it and watches it. From there on there is nothing to throw away, whatever comes of it.
    async fn execute(&self, set: &ChangeSet, ui: &mut Ui) -> Result<Verdict<Result<(), Error>>, Error> {
        let operation = Operation::execute(self.aws, set).await?;
        if self.args.no_wait {
            let shown = ui.show(&Outcome::begun(self.plan));
            ui.status(format_args!("started to deploy stack {} in {}", self.cx.stack, self.plan.target));
            return Ok(Verdict::Executed(shown));
        }
        Ok(Verdict::Executed(self.watch(operation, ui).await))
    }

    async fn watch(&self, operation: Operation, ui: &mut Ui) -> Result<(), Error> {
        let Self { aws, plan, archives, cx, .. } = *self;
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
        ended.check(&format!("cannot deploy stack {name}")).map_err(|error| error.hint(way_on(name, &ended.status)))?;
        // What the events say is believed once the stack says it, too, and tells what it has made.
        let unread = |error: Error| error.because(format!("stack {name} is {}", ended.status)).hint(LATER);
        let mut looks = 0;
        let stack = loop {
            let stack = DeployedStack::find(aws, name).await.map_err(unread)?;
            match stack.filter(|stack| stack.status.name == ended.status && stack.forwarder.is_some()) {
                Some(stack) => break stack,
                None if looks < LOOKS => looks += 1,
                None => {
                    let says = format!("the deployment of stack {name} has ended, and its outputs are not there");
                    return Err(unread(Error::failed(says)));
                }
            }
            sleep(INTERVAL).await;
        };
        match artifacts::check_deployed(aws, name, archives).await {
            Ok(None) => {}
            Ok(Some(changed)) => return Err(changed),
            Err(error) if error.kind == Kind::LoggedOut => {
                return Err(error.because(format!("stack {name} is deployed; what its functions run was not compared")));
            }
            Err(error) => ui.warning(format_args!("{}; what they run was not compared", error.one_line())),
        }
        drop(progress);
        let shown = ui.show(&Outcome::deployed(plan));
        let took = jiff::SignedDuration::try_from(begun.elapsed()).unwrap_or_default();
        ui.status(format_args!("deployed stack {name} in {}, in {}", plan.target, rough(took)));
        tell_of_the_domain(&stack, ui);
        ui.hint("new log groups are subscribed as they come; subscribe those that exist with: logctl backfill");
        shown
    }
}

/// Says in what the domain is other than the template thought.
fn tell_of_the_domain(stack: &DeployedStack, ui: &mut Ui) {
    if !stack.left_out.is_empty() {
        let names = stack.left_out.replace(',', ", ");
        ui.status(format_args!("the domain does not know {names}; its indices are made without"));
        if stack.settings.compression == Compression::Zstd && stack.left_out.split(',').any(|name| name == "codec") {
            ui.warning("the domain has no zstd: its indices are compressed with best_compression");
        }
    }
    if !stack.replicas.is_empty() && stack.replicas != stack.settings.replicas {
        ui.status(format_args!("the domain wants copies {} of each shard, and gets them", stack.replicas));
    }
    if !stack.to_apply.is_empty() {
        ui.warning("the domain does not admit the stack yet; events wait in the dead-letter bucket until it does");
        ui.status("an administrator of the domain has to apply:");
        stack.to_apply.lines().for_each(|line| ui.status(line));
        ui.hint("then have the domain set up with: logctl bootstrap");
    }
}

fn way_on(name: &StackName, status: &str) -> String {
    match Status::from(status).phase {
        Phase::Dead => "remove what is left with: logctl teardown; then mend the cause and deploy again".to_owned(),
        Phase::Damaged => mend(name),
        Phase::Stands => "the old version is in place again; mend the cause and deploy again".to_owned(),
        Phase::InProgress | Phase::Shell => "see the stack's events in the CloudFormation console".to_owned(),
    }
}

/// The longest name of a stack of which the names of its roles can be made: 64 signs, with the Region.
const LONGEST_NAME: usize = 31;

/// Refuses what the fixed names of the roles do not allow.
fn check_roles(deployed: Option<&DeployedStack>, cx: &Context<'_>, settings: &StackSettings) -> Result<(), Error> {
    if cx.stack.as_str().len() > LONGEST_NAME {
        return Err(Error::new(
            Kind::Usage,
            format!("a stack's name has at most {LONGEST_NAME} signs, so that its roles can carry it: {}", cx.stack),
        )
        .hint("one that exists is removed with: logctl teardown; then deploy it under a shorter name"));
    }
    // CloudFormation cannot put another role in the place of one whose name is fixed.
    let fixed = deployed.filter(|stack| stack.parameters.iter().any(|name| name == "RolePath"));
    match fixed.filter(|stack| stack.settings.role_path != settings.role_path) {
        Some(stack) => Err(Error::new(
            Kind::Usage,
            format!("the path of the roles stays {}: their names are fixed", stack.settings.role_path),
        )
        .hint("another one takes another stack: logctl teardown, then logctl bootstrap")),
        None => Ok(()),
    }
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
        Phase::Damaged => Err(is().hint(mend(name))),
    }
}

/// Looks at what would make the deployment fail, or useless, before anything is changed, and says what it has found.
async fn preflight(
    args: &BootstrapArgs,
    settings: &mut StackSettings,
    deployed: Option<&DeployedStack>,
    aws: &Aws,
    cx: &Context<'_>,
    ui: &mut Ui,
) -> Result<Vec<Check>, Error> {
    let replicas_typed = args.replicas.is_some();
    let (stack, before, now) = (&cx.stack, deployed.map(|stack| &stack.settings), cx.env.now);
    let preflight = Preflight { aws, stack, before, replicas_typed, now };
    let progress = ui.progress("looking at the account", None);
    let checks = preflight.run(settings).await?;
    drop(progress);
    for Check { id, status, says, hint } in &checks {
        match status {
            checks::Status::Ok if ui.look.interactive && !ui.look.quiet => ui.status(format_args!("ok {id}: {says}")),
            checks::Status::Ok | checks::Status::Broken => continue,
            checks::Status::Warn | checks::Status::Unknown => ui.warning(says),
        }
        if let Some(hint) = hint {
            ui.hint(hint);
        }
    }
    let mut broken = checks.iter().filter(|check| check.status == checks::Status::Broken);
    let Some(first) = broken.next() else { return Ok(checks) };
    let error = broken.fold(Error::failed(&first.says), |error, other| error.because(&other.says));
    Err(first.hint.iter().fold(error, Error::hint))
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
