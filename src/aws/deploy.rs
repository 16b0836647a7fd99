//! Change sets, stack operations, and waiting for CloudFormation.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_cloudformation::{
    Client,
    types::{Capability, Change, ChangeSetStatus, ChangeSetType, Parameter, ResourceStatus, StackEvent, StackStatus},
};
use logctl_core::names::StackName;
use tokio::time::{Instant, sleep};

use super::{Aws, code, stack, stack::Stack};
use crate::{error::Error, interrupt::Interrupt, progress::Progress};

/// How long between two looks at a stack.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long a change set may take to be made.
const CHANGE_SET_PATIENCE: Duration = Duration::from_mins(5);
/// How long an operation may take: CloudFormation's own limit for a custom resource, and some more.
const PATIENCE: Duration = Duration::from_mins(90);

/// A change set that was made and not yet executed.
#[derive(Debug, Clone)]
pub struct ChangeSet {
    /// Its ARN.
    pub id: String,
    /// The stack's ARN.
    pub stack_id: String,
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
    pub existing: Option<&'a Stack>,
    /// The template.
    pub template: &'a str,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
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
/// somebody presses Ctrl-C, which ends the run only after that.
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
        // What came of it counts, also where the clearing up fails.
        Ok(Verdict::Dropped(done)) => discard(aws, &set).await.map(|()| done),
        Err(error) => {
            let _ = discard(aws, &set).await;
            Err(error)
        }
    }
}

async fn create(aws: &Aws, draft: Draft<'_>) -> Result<ChangeSet, Error> {
    let creates = draft.existing.is_none_or(Stack::is_shell);
    let made = aws
        .cloudformation()
        .create_change_set()
        .stack_name(draft.stack.as_str())
        .change_set_name(format!("{OURS}{}-{}", draft.step, draft.at))
        .change_set_type(if creates { ChangeSetType::Create } else { ChangeSetType::Update })
        .template_body(draft.template)
        .set_parameters(Some(draft.parameters))
        .capabilities(Capability::CapabilityNamedIam)
        .send()
        .await
        .map_err(|error| aws.explain("cannot prepare the stack", &error))?;
    tracing::info!("made a change set of stack {}", draft.stack);
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Ok(ChangeSet { id: text(made.id()), stack_id: text(made.stack_id()), creates, changes: Vec::new() })
}

/// The changes of a change set, once it is complete.
async fn completed(aws: &Aws, set: &ChangeSet, interrupt: &Interrupt) -> Result<Vec<Change>, Error> {
    let failed = "cannot prepare the stack";
    let client = aws.cloudformation();
    let end = Instant::now() + CHANGE_SET_PATIENCE;
    let mut changes = Vec::new();
    let mut token: Option<String> = None;
    loop {
        interrupt.check("nothing was deployed; the same command begins anew")?;
        let page = client.describe_change_set().change_set_name(&set.id).stack_name(&set.stack_id);
        let page = page.set_next_token(token.clone()).send().await;
        let page = page.map_err(|error| aws.explain(failed, &error))?;
        match page.status() {
            Some(ChangeSetStatus::CreateComplete) => {
                changes.extend_from_slice(page.changes());
                token = page.next_token().map(str::to_owned);
                if token.is_none() {
                    return Ok(changes);
                }
            }
            Some(ChangeSetStatus::Failed) => {
                let reason = page.status_reason().unwrap_or("no reason given");
                // That there is nothing to do arrives as a failure.
                if reason.contains("didn't contain changes") || reason.contains("No updates are to be performed") {
                    return Ok(Vec::new());
                }
                return Err(Error::failed(failed).because(reason));
            }
            _ if Instant::now() >= end => return Err(Error::failed(format!("{failed}: no answer in time"))),
            _ => sleep(INTERVAL).await,
        }
    }
}

/// Throws a change set away, and with it the empty shell of a stack in which only change sets of ours are left: that is what
/// a first one makes, and what a run leaves behind that was killed.
async fn discard(aws: &Aws, set: &ChangeSet) -> Result<(), Error> {
    let failed = "cannot discard the change set";
    tracing::info!("throws the change set away");
    let client = aws.cloudformation();
    let deleted = client.delete_change_set().change_set_name(&set.id).stack_name(&set.stack_id).send().await;
    deleted.map_err(|error| aws.explain(failed, &error))?;
    if !set.creates {
        return Ok(());
    }
    let stack = stack::describe(&client, &set.stack_id).await.map_err(|error| aws.explain(failed, &error))?;
    if stack.is_none_or(|stack| stack.stack_status() != Some(&StackStatus::ReviewInProgress)) {
        return Ok(());
    }
    let mut pages = client.list_change_sets().stack_name(&set.stack_id).into_paginator().items().send();
    while let Some(other) = pages.next().await {
        let other = other.map_err(|error| aws.explain(failed, &error))?;
        if !other.change_set_name().is_some_and(|name| name.starts_with(OURS)) {
            return Ok(());
        }
    }
    let deleted = client.delete_stack().stack_name(&set.stack_id).send().await;
    deleted.map(drop).map_err(|error| aws.explain(failed, &error))
}

/// An operation that CloudFormation was asked to begin: what had happened to the stack before does not count.
#[derive(Debug)]
pub struct Operation {
    stack_id: String,
    seen: BTreeSet<String>,
}

impl Operation {
    /// Executes a change set.
    ///
    /// # Errors
    /// When CloudFormation refuses.
    pub async fn execute(aws: &Aws, set: &ChangeSet) -> Result<Self, Error> {
        let operation = Self::on(aws, &set.stack_id).await?;
        let client = aws.cloudformation();
        let executed = client.execute_change_set().change_set_name(&set.id).stack_name(&set.stack_id).send().await;
        executed.map_err(|error| aws.explain("cannot start the deployment", &error))?;
        Ok(operation)
    }

    /// Creates a stack that takes no parameters.
    ///
    /// # Errors
    /// When CloudFormation refuses.
    pub async fn create(aws: &Aws, name: &str, template: &str) -> Result<Self, Error> {
        let created = aws.cloudformation().create_stack().stack_name(name).template_body(template).send().await;
        let created = created.map_err(|error| aws.explain(&format!("cannot create stack {name}"), &error))?;
        Ok(Self { stack_id: created.stack_id().unwrap_or(name).to_owned(), seen: BTreeSet::new() })
    }

    /// Changes one parameter of a stack and nothing else.
    ///
    /// # Errors
    /// When CloudFormation refuses.
    pub async fn set_parameter(aws: &Aws, stack: &Stack, name: &str, value: &str) -> Result<Self, Error> {
        let operation = Self::on(aws, &stack.id).await?;
        let others = stack.parameters.keys().filter(|other| *other != name);
        let mut parameters: Vec<Parameter> =
            others.map(|other| Parameter::builder().parameter_key(other).use_previous_value(true).build()).collect();
        parameters.push(Parameter::builder().parameter_key(name).parameter_value(value).build());
        let update = aws.cloudformation().update_stack().stack_name(&stack.id).use_previous_template(true);
        let update = update.set_parameters(Some(parameters)).capabilities(Capability::CapabilityNamedIam);
        update.send().await.map_err(|error| aws.explain(&format!("cannot update stack {}", stack.name), &error))?;
        Ok(operation)
    }

    /// Deletes a stack.
    ///
    /// # Errors
    /// When CloudFormation refuses.
    pub async fn delete(aws: &Aws, stack: &Stack) -> Result<Self, Error> {
        let operation = Self::on(aws, &stack.id).await?;
        let deleted = aws.cloudformation().delete_stack().stack_name(&stack.id).send().await;
        deleted.map_err(|error| aws.explain(&format!("cannot delete stack {}", stack.name), &error))?;
        Ok(operation)
    }

    async fn on(aws: &Aws, stack_id: &str) -> Result<Self, Error> {
        let mut operation = Self { stack_id: stack_id.to_owned(), seen: BTreeSet::new() };
        operation.fresh(aws).await?;
        Ok(operation)
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
                        return Ok(Ended { status: status.as_str().to_owned(), first_failure });
                    }
                    continue;
                }
                progress.note(&format!("{name} {}", words(status)));
                if status.as_str().ends_with("_COMPLETE") && done.insert(name.to_owned()) {
                    progress.step();
                }
                if first_failure.is_none() && is_first_cause(&event) {
                    let reason = event.resource_status_reason().unwrap_or("no reason given");
                    first_failure = Some((name.to_owned(), reason.to_owned()));
                }
            }
            sleep(INTERVAL).await;
            // The events of a deleted stack may be gone before its last one was seen.
            let stack = stack::describe(&aws.cloudformation(), &self.stack_id).await;
            if stack.map_err(|error| aws.explain("cannot watch the stack", &error))?.is_none() {
                return Ok(Ended { status: "DELETE_COMPLETE".to_owned(), first_failure });
            }
        }
        Err(Error::failed("CloudFormation is still at work")
            .hint("see the stack's events in the CloudFormation console"))
    }

    /// The events since the last look, oldest first.
    async fn fresh(&mut self, aws: &Aws) -> Result<Vec<StackEvent>, Error> {
        let mut fresh = Vec::new();
        let client: Client = aws.cloudformation();
        let mut pages = client.describe_stack_events().stack_name(&self.stack_id).into_paginator().send();
        'pages: while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error) if code(&error) == Some("ValidationError") => break, // There is none yet, or no longer.
                Err(error) => return Err(aws.explain("cannot watch the stack", &error)),
            };
            for event in page.stack_events() {
                if !self.seen.insert(event.event_id().unwrap_or_default().to_owned()) {
                    break 'pages; // Newest first: the rest has been seen.
                }
                fresh.push(event.clone());
            }
        }
        fresh.reverse();
        Ok(fresh)
    }
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The stack's last status.
    pub status: String,
    /// The first thing that failed, and why.
    pub first_failure: Option<(String, String)>,
}

impl Ended {
    /// Nothing, where the operation has done what it was asked to.
    ///
    /// # Errors
    /// The first cause, and what CloudFormation has left behind.
    pub fn check(&self, what: &str) -> Result<(), Error> {
        if self.status.ends_with("_COMPLETE") && !self.status.contains("ROLLBACK") {
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
        let ended = |status: &str| Ended { status: status.into(), first_failure: None }.check("cannot deploy");
        assert!(ended("UPDATE_COMPLETE").is_ok());
        assert!(ended("DELETE_COMPLETE").is_ok());
        assert!(ended("ROLLBACK_COMPLETE").is_err());
        assert!(ended("UPDATE_ROLLBACK_COMPLETE").is_err());
        assert!(ended("DELETE_FAILED").is_err());
    }
}
