//! Operations of CloudFormation on a stack, and waiting for their end.

use std::{collections::BTreeSet, error::Error as StdError, time::Duration};

use aws_sdk_cloudformation::{
    error::ProvideErrorMetadata,
    types::{Capability, Parameter, ResourceStatus, StackEvent},
};
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::{
    change_set::ChangeSet,
    stack::{self, DeployedStack},
};
use crate::{
    aws::{Aws, CallError},
    error::Error,
    progress::Progress,
};

/// How long between two looks at a stack.
pub const INTERVAL: Duration = Duration::from_secs(1);
/// How long an operation may take: CloudFormation's own limit for a custom resource, and some more.
const PATIENCE: Duration = Duration::from_mins(90);
/// How often something is looked for that CloudFormation may show a moment late.
pub const LOOKS: usize = 3;

/// Refusals that may come of a call that was made before, and whose answer was lost.
const BEGUN_BEFORE: [&str; 7] = [
    "AlreadyExistsException",
    "ChangeSetNotFound",
    "InvalidChangeSetStatus",
    "OperationInProgressException",
    "TokenAlreadyExistsException",
    "ValidationError", // The stack is in progress.
    "ValidationException",
];

/// A token of a call: the same call with the same token is made once, however often it is sent.
#[must_use]
pub fn token(step: &str) -> String {
    format!("logctl-{step}-{:016x}", fastrand::u64(..))
}

/// An operation that CloudFormation was asked to begin: what had happened to the stack before does not count.
#[derive(Debug)]
pub struct Operation {
    stack_id: String,
    /// By it CloudFormation tells the operation from others.
    token: String,
    seen: BTreeSet<String>,
    /// Whether the stack shall be gone at its end.
    deletes: bool,
}

/// A change of a stack.
pub struct Update<'a> {
    /// Its ARN.
    pub stack_id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its new template; none keeps the old one.
    pub template: Option<&'a str>,
    /// All its parameters.
    pub parameters: Vec<Parameter>,
}

/// A parameter with its value.
#[must_use]
pub fn parameter(name: &str, value: &str) -> Parameter {
    Parameter::builder().parameter_key(name).parameter_value(value).build()
}

impl Operation {
    /// Executes a change set.
    ///
    /// # Errors
    /// When CloudFormation refuses.
    pub async fn execute(aws: &Aws, set: &ChangeSet) -> Result<Self, Error> {
        let operation = Self::on(aws, &set.stack_id, "execute").await?;
        let client = aws.cloudformation();
        let execute = || client.execute_change_set().change_set_name(&set.id).stack_name(&set.stack_id);
        let executed = aws.call("cloudformation", || execute().client_request_token(&operation.token).send()).await;
        match executed {
            Ok(_) => Ok(operation),
            Err(error) => operation.settled(aws, "cannot start the deployment", &error).await,
        }
    }

    /// Creates a stack. One that is being created already is waited for.
    ///
    /// # Errors
    /// When CloudFormation refuses.
    pub async fn create(aws: &Aws, name: &str, template: &str, parameters: &[Parameter]) -> Result<Self, Error> {
        let token = token("create");
        let client = aws.cloudformation();
        let create = || {
            let create = client.create_stack().stack_name(name).template_body(template);
            create.set_parameters(Some(parameters.to_vec())).client_request_token(&token).send()
        };
        let failed = format!("cannot create stack {name}");
        let stack_id = match aws.call("cloudformation", create).await {
            Ok(created) => created.stack_id.unwrap_or_else(|| name.to_owned()),
            Err(error) if !may_have_begun(&error) => return Err(aws.explain(&failed, &error)),
            Err(error) => {
                let there = stack::describe(aws, name).await.ok().flatten().and_then(|stack| stack.stack_id);
                there.ok_or_else(|| aws.explain(&failed, &error))?
            }
        };
        Ok(Self { stack_id, token, seen: BTreeSet::new(), deletes: false })
    }

    /// Changes a stack. `None` where there is nothing to change.
    ///
    /// # Errors
    /// When CloudFormation refuses.
    pub async fn update(aws: &Aws, update: Update<'_>) -> Result<Option<Self>, Error> {
        let Update { stack_id, name, template, parameters } = update;
        let operation = Self::on(aws, stack_id, "update").await?;
        let client = aws.cloudformation();
        let call = || {
            let call = client.update_stack().stack_name(stack_id).set_template_body(template.map(str::to_owned));
            call.set_use_previous_template(template.is_none().then_some(true))
                .set_parameters(Some(parameters.clone()))
                .capabilities(Capability::CapabilityNamedIam)
                .client_request_token(&operation.token)
                .send()
        };
        match aws.call("cloudformation", call).await {
            Ok(_) => Ok(Some(operation)),
            Err(error) if error.message().contains(NO_UPDATES) => Ok(None),
            Err(error) => operation.settled(aws, &format!("cannot update stack {name}"), &error).await.map(Some),
        }
    }

    /// Changes one parameter of a stack and nothing else. `None` where that has its value already.
    ///
    /// # Errors
    /// When CloudFormation refuses.
    pub async fn set_parameter(
        aws: &Aws,
        stack: &DeployedStack,
        name: &str,
        value: &str,
    ) -> Result<Option<Self>, Error> {
        let others = stack.parameters.iter().filter(|other| *other != name);
        let mut parameters: Vec<Parameter> =
            others.map(|other| Parameter::builder().parameter_key(other).use_previous_value(true).build()).collect();
        parameters.push(parameter(name, value));
        Self::update(aws, Update { stack_id: &stack.id, name: stack.name.as_str(), template: None, parameters }).await
    }

    /// Deletes a stack.
    ///
    /// # Errors
    /// When CloudFormation refuses.
    pub async fn delete(aws: &Aws, stack_id: &str, name: &str) -> Result<Self, Error> {
        let operation = Self { deletes: true, ..Self::on(aws, stack_id, "delete").await? };
        let client = aws.cloudformation();
        let delete = || client.delete_stack().stack_name(stack_id).client_request_token(&operation.token).send();
        match aws.call("cloudformation", delete).await {
            Ok(_) => Ok(operation),
            Err(error) => operation.settled(aws, &format!("cannot delete stack {name}"), &error).await,
        }
    }

    async fn on(aws: &Aws, stack_id: &str, step: &str) -> Result<Self, Error> {
        let mut operation =
            Self { stack_id: stack_id.to_owned(), token: token(step), seen: BTreeSet::new(), deletes: false };
        operation.fresh(aws).await?;
        Ok(operation)
    }

    /// The operation, where it has begun although the call failed: its answer may have been lost.
    async fn settled<E>(mut self, aws: &Aws, what: &str, failed: &CallError<E>) -> Result<Self, Error>
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let error = aws.explain(what, failed);
        if !may_have_begun(failed) {
            return Err(error);
        }
        for look in 0..LOOKS {
            if look > 0 {
                sleep(INTERVAL).await;
            }
            let Ok(events) = self.fresh(aws).await else {
                return Err(error.because("whether it has begun all the same could not be read"));
            };
            if let Some(first) = events.iter().position(|event| event.client_request_token() == Some(&self.token)) {
                for event in &events[first..] {
                    self.seen.remove(event.event_id().unwrap_or_default());
                }
                return Ok(self);
            }
        }
        Err(error)
    }

    /// Waits until the operation has ended, telling each resource on the way.
    ///
    /// # Errors
    /// When CloudFormation cannot be asked, or goes on for too long.
    pub async fn wait(mut self, aws: &Aws, progress: &dyn Progress) -> Result<Ended, Error> {
        let end = Instant::now() + PATIENCE;
        let mut first_failure = None;
        let mut done = BTreeSet::new();
        while Instant::now() < end {
            for event in self.fresh(aws).await? {
                let Some(status) = event.resource_status() else { continue };
                let name = event.logical_resource_id().unwrap_or_default();
                if is_of_the_stack(&event) {
                    if !status.as_str().ends_with("IN_PROGRESS") {
                        let (status, deletes) = (status.as_str().to_owned(), self.deletes);
                        return Ok(Ended { status, deletes, first_failure });
                    }
                    continue;
                }
                progress.note(&format!("{name} {}", words(status)));
                if status.as_str().ends_with("_COMPLETE") && done.insert(name.to_owned()) {
                    progress.step();
                }
                if first_failure.is_none() && is_first_cause(&event) {
                    let reason = event.resource_status_reason().unwrap_or("no reason given");
                    first_failure = Some((name.to_owned(), reason.replace('\n', " ")));
                }
            }
            sleep(INTERVAL).await;
            // The events of a deleted stack may be gone before its last one was seen.
            let stack = stack::describe(aws, &self.stack_id).await;
            if stack.map_err(|error| aws.explain("cannot watch the stack", &error))?.is_none() {
                return Ok(Ended { status: DELETED.to_owned(), deletes: self.deletes, first_failure });
            }
        }
        Err(Error::failed("CloudFormation is still at work")
            .hint("see the stack's events in the CloudFormation console"))
    }

    /// The events since the last look, oldest first.
    async fn fresh(&mut self, aws: &Aws) -> Result<Vec<StackEvent>, Error> {
        let mut fresh = Vec::new();
        let client = aws.cloudformation();
        let mut token: Option<String> = None;
        loop {
            let page =
                || client.describe_stack_events().stack_name(&self.stack_id).set_next_token(token.clone()).send();
            let page = match aws.call("cloudformation", page).await {
                Ok(page) => page,
                Err(error) if error.code() == Some("ValidationError") => break, // There is none yet, or no longer.
                Err(error) => return Err(aws.explain("cannot watch the stack", &error)),
            };
            // Newest first: what stands behind one that was seen was seen, too.
            let new = page
                .stack_events()
                .iter()
                .take_while(|event| !self.seen.contains(event.event_id().unwrap_or_default()));
            let before = fresh.len();
            fresh.extend(new.cloned());
            let all_new = fresh.len() - before == page.stack_events().len();
            let next = page.next_token.filter(|next| all_new && Some(next) != token.as_ref());
            token = next;
            if token.is_none() {
                break;
            }
        }
        self.seen.extend(fresh.iter().filter_map(|event| event.event_id.clone()));
        fresh.reverse();
        Ok(fresh)
    }
}

/// When something happened last to a stack, by AWS's clock.
///
/// # Errors
/// When CloudFormation cannot be asked.
pub async fn last_change(aws: &Aws, stack_id: &str) -> Result<Option<Timestamp>, Error> {
    let client = aws.cloudformation();
    let page = aws.call("cloudformation", || client.describe_stack_events().stack_name(stack_id).send()).await;
    let page = page.map_err(|error| aws.explain("cannot read the stack's events", &error))?;
    let newest = page.stack_events().first().and_then(StackEvent::timestamp);
    Ok(newest.and_then(|at| Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).ok()?).ok()))
}

/// What CloudFormation says where an update would change nothing.
pub const NO_UPDATES: &str = "No updates are to be performed";

/// Whether a call that failed may have been made all the same.
pub fn may_have_begun<E: ProvideErrorMetadata>(failed: &CallError<E>) -> bool {
    failed.is_open() || failed.code().is_some_and(|code| BEGUN_BEFORE.contains(&code))
}

/// The status of a stack that is gone.
const DELETED: &str = "DELETE_COMPLETE";

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The stack's last status.
    pub status: String,
    /// Whether it should have ended with the stack gone.
    pub deletes: bool,
    /// The first thing that failed, and why.
    pub first_failure: Option<(String, String)>,
}

impl Ended {
    /// Nothing, where the operation has done what it was asked to.
    ///
    /// # Errors
    /// The first cause, and what CloudFormation has left behind.
    pub fn check(&self, what: &str) -> Result<(), Error> {
        let well = self.status.ends_with("_COMPLETE") && !self.status.contains("ROLLBACK");
        if well && self.deletes == (self.status == DELETED) {
            return Ok(());
        }
        let error = match &self.first_failure {
            Some((name, reason)) => Error::failed(format!("{what}: {name} failed: {reason}")),
            None => Error::failed(what),
        };
        Err(error.because(format!("CloudFormation left the stack in {}", self.status)))
    }
}

fn is_of_the_stack(event: &StackEvent) -> bool {
    event.physical_resource_id() == event.stack_id()
}

/// Whether an event tells why, and not only that something else has failed before.
fn is_first_cause(event: &StackEvent) -> bool {
    let failed = event.resource_status().is_some_and(|status| status.as_str().ends_with("_FAILED"));
    failed && event.resource_status_reason().is_none_or(|reason| !reason.contains("cancelled"))
}

fn words(status: &ResourceStatus) -> String {
    status.as_str().to_lowercase().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(status: ResourceStatus, reason: &str) -> StackEvent {
        StackEvent::builder()
            .stack_id("s")
            .physical_resource_id("p")
            .logical_resource_id("LogsForwarder")
            .resource_status(status)
            .resource_status_reason(reason)
            .build()
    }

    #[test]
    fn what_was_only_cancelled_is_not_the_cause() {
        assert!(is_first_cause(&event(ResourceStatus::CreateFailed, "no such key")));
        assert!(!is_first_cause(&event(ResourceStatus::CreateFailed, "Resource creation cancelled")));
        assert!(!is_first_cause(&event(ResourceStatus::CreateComplete, "")));
    }

    #[test]
    fn a_rollback_is_no_success() {
        let ended = |status: &str| {
            let deletes = status.starts_with("DELETE");
            Ended { status: status.into(), deletes, first_failure: None }.check("cannot deploy")
        };
        let gone = Ended { status: DELETED.into(), deletes: false, first_failure: None };
        assert!(gone.check("cannot deploy").is_err(), "a stack that was deleted meanwhile is not deployed");
        assert!(ended("UPDATE_COMPLETE").is_ok());
        assert!(ended("DELETE_COMPLETE").is_ok());
        assert!(ended("ROLLBACK_COMPLETE").is_err());
        assert!(ended("UPDATE_ROLLBACK_COMPLETE").is_err());
        assert!(ended("DELETE_FAILED").is_err());
    }
}
