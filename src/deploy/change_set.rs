//! Change sets: what is not executed is always thrown away.

use std::time::Duration;

use aws_sdk_cloudformation::types::{
    Capability, Change, ChangeSetStatus, ChangeSetType, DeploymentMode, OperationEvent, Parameter, StackStatus, Tag,
    ValidationStatus,
};
use logctl_core::names::StackName;
use tokio::time::{Instant, sleep};

use super::{
    operation::{NO_UPDATES, may_have_begun, token},
    settings::{SETTINGS, Setting},
    stack::{self, DeployedStack, Phase},
};
use crate::{
    aws::Aws,
    error::{Error, Kind},
    interrupt::Interrupt,
};

/// How long between two looks at a change set.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long a change set may take to be made.
const PATIENCE: Duration = Duration::from_mins(5);

/// A change set that was made and not yet executed.
#[derive(Debug, Clone)]
pub struct ChangeSet {
    /// Its ARN.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The stack's ARN.
    pub stack_id: String,
    /// The stack's name.
    pub stack: StackName,
    /// Whether executing it makes the stack.
    pub creates: bool,
    /// What it would change; empty where there is nothing to do.
    pub changes: Vec<Change>,
}

/// What a change set is made of.
#[derive(Debug)]
pub struct Draft<'a> {
    /// Name of the stack.
    pub stack: &'a StackName,
    /// The stack as it is, where there is one.
    pub existing: Option<&'a DeployedStack>,
    /// The template.
    pub template: &'a str,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// Tags of everything that the stack makes; none leaves them as they are.
    pub tags: Vec<Tag>,
    /// ARN of the role that CloudFormation works with; none leaves it as it is.
    pub role: Option<&'a str>,
    /// Whether it also undoes what was changed by hand.
    pub reverts_drift: bool,
    /// What the change set's name begins with; the time makes it its own.
    pub step: &'static str,
    /// When it is made, in milliseconds since 1970.
    pub at: i64,
}

/// What became of a change set that was looked at.
pub enum Verdict<T> {
    /// It was executed, or another one of the same stack was.
    Executed(T),
    /// It was not.
    Dropped(T),
}

/// Names of change sets of ours begin with this.
const OURS: &str = "logctl-";

/// Makes a change set, lets `work` look at it, and throws it away unless it was executed: also where `work` fails, and where
/// somebody presses Ctrl-C, which ends the run only after that. What could not be thrown away is named.
///
/// # Errors
/// When CloudFormation refuses the template or the parameters, and the errors of `work`.
pub async fn with_change_set<T>(
    aws: &Aws,
    draft: Draft<'_>,
    interrupt: &Interrupt,
    work: impl AsyncFnOnce(&ChangeSet) -> Result<Verdict<T>, Error>,
) -> Result<T, Error> {
    interrupt.arm();
    let mut set = create(aws, draft).await?;
    let done = match completed(aws, &set, interrupt).await {
        Ok(changes) => {
            set.changes = changes;
            work(&set).await
        }
        Err(error) => Err(error),
    };
    match done {
        Ok(Verdict::Executed(done)) => Ok(done),
        Ok(Verdict::Dropped(done)) => discard(aws, &set).await.map(|()| done).map_err(|error| error.hint(set.left())),
        // Without credentials nothing can be thrown away.
        Err(error) if error.kind == Kind::LoggedOut => Err(error.hint(set.left())),
        Err(error) => match discard(aws, &set).await {
            Ok(()) => Err(error),
            Err(_) => Err(error.hint(set.left())),
        },
    }
}

impl ChangeSet {
    /// What is left where it could not be thrown away, and how that goes away.
    fn left(&self) -> String {
        let Self { name, stack, .. } = self;
        if self.creates {
            format!(
                "stack {stack} is left as an empty shell with the change set {name}; \
                 the next logctl bootstrap, or logctl teardown, removes them"
            )
        } else {
            format!(
                "the change set {name} of stack {stack} is left; it changes nothing, and goes with the next deployment"
            )
        }
    }
}

async fn create(aws: &Aws, draft: Draft<'_>) -> Result<ChangeSet, Error> {
    let creates = draft.existing.is_none_or(|stack| stack.status.phase == Phase::Shell);
    let (client, token) = (aws.cloudformation(), token(draft.step));
    let mut set = ChangeSet {
        id: String::new(),
        name: format!("{OURS}{}-{}", draft.step, draft.at),
        stack_id: String::new(),
        stack: draft.stack.clone(),
        creates,
        changes: Vec::new(),
    };
    let call = || {
        let call = client.create_change_set().stack_name(draft.stack.as_str()).change_set_name(&set.name);
        call.change_set_type(if creates { ChangeSetType::Create } else { ChangeSetType::Update })
            .template_body(draft.template)
            .set_parameters(Some(draft.parameters.clone()))
            .capabilities(Capability::CapabilityNamedIam)
            .set_tags(Some(draft.tags.clone()).filter(|tags| !tags.is_empty()))
            .set_role_arn(draft.role.map(str::to_owned))
            .set_deployment_mode(draft.reverts_drift.then_some(DeploymentMode::RevertDrift))
            .client_token(&token)
            .send()
    };
    let made = aws.call("cloudformation", call).await;
    tracing::info!("makes a change set of stack {}", draft.stack);
    (set.id, set.stack_id) = match made {
        Ok(made) => (made.id.unwrap_or_default(), made.stack_id.unwrap_or_default()),
        Err(error) => {
            let failed = with_flag(aws.explain("cannot prepare the stack", &error));
            if !may_have_begun(&error) {
                return Err(failed);
            }
            // Its name is its own: if it is there, the call was made and its answer was lost.
            let look =
                || client.describe_change_set().change_set_name(&set.name).stack_name(draft.stack.as_str()).send();
            match aws.call("cloudformation", look).await {
                Ok(found) => (found.change_set_id.unwrap_or_default(), found.stack_id.unwrap_or_default()),
                Err(unknown) if unknown.is_open() => return Err(failed.hint(set.left())),
                Err(_) => return Err(failed),
            }
        }
    };
    Ok(set)
}

/// Names the flag of a parameter that CloudFormation refuses.
fn with_flag(error: Error) -> Error {
    let words = error.one_line();
    let named = |setting: &&Setting| {
        [format!("'{}'", setting.parameter), format!("Parameter {} ", setting.parameter)]
            .iter()
            .any(|it| words.contains(it))
    };
    let flag = SETTINGS.iter().find(named).and_then(|setting| Some((setting.parameter, setting.flag?)));
    match flag {
        Some((parameter, flag)) => error.hint(format!("{parameter} is what --{flag} says")),
        None => error,
    }
}

/// The changes of a change set, once it is complete.
async fn completed(aws: &Aws, set: &ChangeSet, interrupt: &Interrupt) -> Result<Vec<Change>, Error> {
    let failed = "cannot prepare the stack";
    let client = aws.cloudformation();
    let end = Instant::now() + PATIENCE;
    let mut changes = Vec::new();
    let mut token: Option<String> = None;
    loop {
        interrupt.check("nothing was deployed; the same command begins anew")?;
        let page = || {
            let page = client.describe_change_set().change_set_name(&set.id).stack_name(&set.stack_id);
            page.set_next_token(token.clone()).send()
        };
        let page = aws.call("cloudformation", page).await.map_err(|error| aws.explain(failed, &error))?;
        match page.status() {
            Some(ChangeSetStatus::CreateComplete) => {
                changes.extend_from_slice(page.changes());
                let next = page.next_token().map(str::to_owned);
                if next.is_some() && next == token {
                    return Err(
                        Error::failed(failed).because("AWS gives the same page of the change set again and again")
                    );
                }
                token = next;
                if token.is_none() {
                    return Ok(changes);
                }
            }
            Some(ChangeSetStatus::Failed) => {
                let reason = page.status_reason().unwrap_or("no reason given");
                // That there is nothing to do arrives as a failure.
                if reason.contains("didn't contain changes") || reason.contains(NO_UPDATES) {
                    return Ok(Vec::new());
                }
                let error = validations(aws, set).await.into_iter().fold(Error::failed(failed), Error::because);
                return Err(error.because(reason));
            }
            _ if Instant::now() >= end => return Err(Error::failed(format!("{failed}: no answer in time"))),
            _ => sleep(INTERVAL).await,
        }
    }
}

/// What CloudFormation has found wrong before anything was made; the reason of the change set only says that there is such.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html>
async fn validations(aws: &Aws, set: &ChangeSet) -> Vec<String> {
    let client = aws.cloudformation();
    let events = || client.describe_events().change_set_name(&set.id).send();
    let Ok(page) = aws.call("cloudformation", events).await else { return Vec::new() };
    let failed = |event: &&OperationEvent| event.validation_status() == Some(&ValidationStatus::Failed);
    let says = |event: &OperationEvent| {
        let reason = event.validation_status_reason().unwrap_or("no reason given");
        format!("{}: {reason}", event.logical_resource_id().unwrap_or("the template"))
    };
    page.operation_events().iter().filter(failed).map(says).collect()
}

/// Throws a change set away, and with it the empty shell of a stack in which only change sets of ours are left: that is what
/// a first one makes, and what a run leaves behind that was killed.
async fn discard(aws: &Aws, set: &ChangeSet) -> Result<(), Error> {
    let failed = "cannot discard the change set";
    tracing::info!("throws the change set away");
    let client = aws.cloudformation();
    let delete = || client.delete_change_set().change_set_name(&set.id).stack_name(&set.stack_id).send();
    match aws.call("cloudformation", delete).await {
        Err(error) if error.code() != Some("ChangeSetNotFound") => return Err(aws.explain(failed, &error)),
        _ => {}
    }
    if !set.creates {
        return Ok(());
    }
    let stack = stack::describe(aws, &set.stack_id).await.map_err(|error| aws.explain(failed, &error))?;
    if stack.is_none_or(|stack| stack.stack_status() != Some(&StackStatus::ReviewInProgress)) {
        return Ok(());
    }
    if !holds_only_ours(aws, &set.stack_id).await? {
        return Ok(());
    }
    let delete = || client.delete_stack().stack_name(&set.stack_id).send();
    aws.call("cloudformation", delete).await.map(drop).map_err(|error| aws.explain(failed, &error))
}

/// Whether an empty shell of a stack holds no change set but ours.
///
/// # Errors
/// When CloudFormation cannot be asked.
pub async fn holds_only_ours(aws: &Aws, stack_id: &str) -> Result<bool, Error> {
    let client = aws.cloudformation();
    let mut token: Option<String> = None;
    loop {
        let page = || client.list_change_sets().stack_name(stack_id).set_next_token(token.clone()).send();
        let page = aws.call("cloudformation", page).await;
        let page = page.map_err(|error| aws.explain("cannot list the change sets", &error))?;
        let ours = |name: Option<&str>| name.is_some_and(|name| name.starts_with(OURS));
        if page.summaries().iter().any(|set| !ours(set.change_set_name())) {
            return Ok(false);
        }
        if page.next_token.is_some() && page.next_token == token {
            let failed = Error::failed("cannot list the change sets");
            return Err(failed.because("AWS gives the same page again and again; half a list is none"));
        }
        token = page.next_token;
        if token.is_none() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests;
