//! Change sets, and waiting for CloudFormation.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_cloudformation::{
    Client,
    error::ProvideErrorMetadata as _,
    types::{Capability, Change, ChangeSetStatus, ChangeSetType, Parameter, ResourceStatus, StackEvent, StackStatus},
};
use tokio::time::sleep;

use super::{explain, stack};
use crate::{
    cli::Global,
    error::{Error, Kind},
    ui::Progress,
};

/// How long between two looks at a stack.
const INTERVAL: Duration = Duration::from_millis(500);
/// How long a change set may take to be made.
const CHANGE_SET_PATIENCE: u32 = 240;

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

/// Makes a change set and waits until it is complete.
///
/// # Errors
/// When CloudFormation refuses the template or the parameters.
pub async fn create_change_set(
    client: &Client,
    template: &str,
    parameters: Vec<Parameter>,
    creates: bool,
    name: &str,
    global: &Global,
) -> Result<ChangeSet, Error> {
    let failed = "cannot prepare the stack";
    let made = client
        .create_change_set()
        .stack_name(global.stack.as_str())
        .change_set_name(name)
        .change_set_type(if creates { ChangeSetType::Create } else { ChangeSetType::Update })
        .template_body(template)
        .set_parameters(Some(parameters))
        .capabilities(Capability::CapabilityNamedIam)
        .send()
        .await
        .map_err(|error| explain(failed, &error, global))?;
    let (id, stack_id) = (made.id().unwrap_or_default().to_owned(), made.stack_id().unwrap_or_default().to_owned());
    for _ in 0..CHANGE_SET_PATIENCE {
        let described = client.describe_change_set().change_set_name(&id).stack_name(&stack_id).send().await;
        let described = described.map_err(|error| explain(failed, &error, global))?;
        match described.status() {
            Some(ChangeSetStatus::CreateComplete) => {
                let mut changes = described.changes().to_vec();
                let mut token = described.next_token().map(str::to_owned);
                while let Some(next) = token {
                    let page = client.describe_change_set().change_set_name(&id).stack_name(&stack_id).next_token(next);
                    let page = page.send().await.map_err(|error| explain(failed, &error, global))?;
                    changes.extend_from_slice(page.changes());
                    token = page.next_token().map(str::to_owned);
                }
                return Ok(ChangeSet { id, stack_id, creates, changes });
            }
            Some(ChangeSetStatus::Failed) => {
                let reason = described.status_reason().unwrap_or("no reason given").to_owned();
                let set = ChangeSet { id, stack_id, creates, changes: Vec::new() };
                // That there is nothing to do arrives as a failure.
                if reason.contains("didn't contain changes") || reason.contains("No updates are to be performed") {
                    return Ok(set);
                }
                discard(client, &set, global).await?;
                return Err(Error::failed(format!("{failed}: {reason}")));
            }
            _ => sleep(INTERVAL).await,
        }
    }
    Err(Error::failed(format!("{failed}: the change set is still not ready")))
}

/// Throws a change set away, and with it the empty stack that a first one leaves behind.
///
/// # Errors
/// When CloudFormation cannot be asked.
pub async fn discard(client: &Client, set: &ChangeSet, global: &Global) -> Result<(), Error> {
    let failed = "cannot discard the change set";
    client
        .delete_change_set()
        .change_set_name(&set.id)
        .stack_name(&set.stack_id)
        .send()
        .await
        .map_err(|error| explain(failed, &error, global))?;
    if set.creates {
        let deleted = client.delete_stack().stack_name(&set.stack_id).send().await;
        deleted.map_err(|error| explain(failed, &error, global))?;
    }
    Ok(())
}

/// Executes a change set. Waiting is another step.
///
/// # Errors
/// When CloudFormation refuses.
pub async fn execute(client: &Client, set: &ChangeSet, global: &Global) -> Result<(), Error> {
    let executed = client.execute_change_set().change_set_name(&set.id).stack_name(&set.stack_id).send().await;
    executed.map(drop).map_err(|error| explain("cannot start the deployment", &error, global))
}

/// The events of a stack that have been seen, so that waiting begins after them.
#[derive(Debug, Default)]
pub struct Seen(BTreeSet<String>);

impl Seen {
    /// Everything that has happened to the stack so far.
    ///
    /// # Errors
    /// When CloudFormation cannot be asked.
    pub async fn now(client: &Client, stack_id: &str, global: &Global) -> Result<Self, Error> {
        let mut seen = Self::default();
        seen.fresh(client, stack_id, global).await?;
        Ok(seen)
    }

    /// The events since the last look, oldest first.
    async fn fresh(&mut self, client: &Client, stack_id: &str, global: &Global) -> Result<Vec<StackEvent>, Error> {
        let mut fresh = Vec::new();
        let mut pages = client.describe_stack_events().stack_name(stack_id).into_paginator().send();
        'pages: while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error) if error.as_service_error().and_then(|e| e.code()) == Some("ValidationError") => break,
                Err(error) => return Err(explain("cannot watch the stack", &error, global)),
            };
            for event in page.stack_events() {
                if !self.0.insert(event.event_id().unwrap_or_default().to_owned()) {
                    break 'pages; // Newest first: the rest has been seen.
                }
                fresh.push(event.clone());
            }
        }
        fresh.reverse();
        Ok(fresh)
    }
}

/// How a stack's operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The stack's last status; `None` where it is gone.
    pub status: Option<String>,
    /// The first thing that failed, and why.
    pub first_failure: Option<(String, String)>,
}

impl Ended {
    /// Whether the operation has done what it was asked to.
    #[must_use]
    pub fn is_good(&self) -> bool {
        match self.status.as_deref() {
            None | Some("DELETE_COMPLETE") => self.first_failure.is_none(),
            Some(status) => status.ends_with("_COMPLETE") && !status.contains("ROLLBACK"),
        }
    }
}

/// Waits until nothing is in progress, telling each resource on the way.
///
/// # Errors
/// When CloudFormation cannot be asked.
pub async fn wait(
    client: &Client,
    stack_id: &str,
    mut seen: Seen,
    global: &Global,
    progress: &Progress,
) -> Result<Ended, Error> {
    let mut first_failure = None;
    let mut done = BTreeSet::new();
    loop {
        // The status is asked before the events: what it ends with is then among them.
        let stack = stack::describe(client, stack_id).await;
        let stack = stack.map_err(|error| explain("cannot watch the stack", &error, global))?;
        let status = stack.as_ref().and_then(|stack| stack.stack_status()).cloned();
        for event in seen.fresh(client, stack_id, global).await? {
            let name = event.logical_resource_id().unwrap_or_default().to_owned();
            if let Some(status) = event.resource_status() {
                progress.note(&format!("{name} {}", words(status)));
                if status.as_str().ends_with("_COMPLETE") && done.insert(name.clone()) {
                    progress.step();
                }
                if first_failure.is_none() && is_first_cause(&event) {
                    first_failure =
                        Some((name, event.resource_status_reason().unwrap_or("no reason given").to_owned()));
                }
            }
        }
        match status {
            Some(status) if in_progress(&status) => sleep(INTERVAL).await,
            status => return Ok(Ended { status: status.map(|status| status.as_str().to_owned()), first_failure }),
        }
    }
}

fn in_progress(status: &StackStatus) -> bool {
    status.as_str().ends_with("IN_PROGRESS") && *status != StackStatus::ReviewInProgress
}

/// Whether an event tells why, and not only that something else has failed before.
fn is_first_cause(event: &StackEvent) -> bool {
    let failed = event.resource_status().is_some_and(|status| status.as_str().ends_with("_FAILED"));
    let own = event.resource_status_reason().is_none_or(|reason| !reason.contains("cancelled"));
    let of_the_stack = event.physical_resource_id() == event.stack_id();
    failed && own && !of_the_stack
}

fn words(status: &ResourceStatus) -> String {
    status.as_str().to_lowercase().replace('_', " ")
}

/// The error of an operation that has not ended well.
#[must_use]
pub fn failure(what: &str, ended: &Ended) -> Error {
    let status = ended.status.as_deref().unwrap_or("gone");
    let error = match &ended.first_failure {
        Some((name, reason)) => Error::new(Kind::Failed, format!("{what}: {name} failed: {reason}")),
        None => Error::new(Kind::Failed, format!("{what}: the stack is {status}")),
    };
    error.because(format!("CloudFormation left the stack in {status}"))
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
        let ended = |status: &str| Ended { status: Some(status.into()), first_failure: None };
        assert!(ended("UPDATE_COMPLETE").is_good());
        assert!(!ended("ROLLBACK_COMPLETE").is_good());
        assert!(!ended("UPDATE_ROLLBACK_COMPLETE").is_good());
        assert!(Ended { status: None, first_failure: None }.is_good());
    }
}
