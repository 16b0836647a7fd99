//! Operations of CloudFormation on a stack, and waiting for their end.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_cloudformation::{
    Client,
    types::{Capability, Parameter, ResourceStatus, StackEvent},
};
use tokio::time::{Instant, sleep};

use super::{
    change_set::ChangeSet,
    stack::{self, DeployedStack},
};
use crate::{
    aws::{Aws, code},
    error::Error,
    progress::Progress,
};

/// How long between two looks at a stack.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long an operation may take: CloudFormation's own limit for a custom resource, and some more.
const PATIENCE: Duration = Duration::from_mins(90);

/// An operation that CloudFormation was asked to begin: what had happened to the stack before does not count.
#[derive(Debug)]
pub struct Operation {
    stack_id: String,
    seen: BTreeSet<String>,
    /// Whether the stack shall be gone at its end.
    deletes: bool,
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
        Ok(Self { stack_id: created.stack_id().unwrap_or(name).to_owned(), seen: BTreeSet::new(), deletes: false })
    }

    /// Changes one parameter of a stack and nothing else.
    ///
    /// # Errors
    /// When CloudFormation refuses.
    pub async fn set_parameter(aws: &Aws, stack: &DeployedStack, name: &str, value: &str) -> Result<Self, Error> {
        let operation = Self::on(aws, &stack.id).await?;
        let others = stack.parameters.iter().filter(|other| *other != name);
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
    pub async fn delete(aws: &Aws, stack: &DeployedStack) -> Result<Self, Error> {
        let operation = Self { deletes: true, ..Self::on(aws, &stack.id).await? };
        let deleted = aws.cloudformation().delete_stack().stack_name(&stack.id).send().await;
        deleted.map_err(|error| aws.explain(&format!("cannot delete stack {}", stack.name), &error))?;
        Ok(operation)
    }

    async fn on(aws: &Aws, stack_id: &str) -> Result<Self, Error> {
        let mut operation = Self { stack_id: stack_id.to_owned(), seen: BTreeSet::new(), deletes: false };
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
                        return Ok(Ended { status: status.as_str().to_owned(), deletes: self.deletes, first_failure });
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
            let stack = stack::describe(&aws.cloudformation(), &self.stack_id).await;
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
