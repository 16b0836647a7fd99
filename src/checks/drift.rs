//! Whether somebody has changed by hand what the stack has made.

use std::time::Duration;

use aws_sdk_cloudformation::types::{StackDriftDetectionStatus, StackDriftStatus, StackResourceDriftStatus};
use tokio::time::{Instant, sleep};

use super::{Check, Status, chain::REPAIR};
use crate::{aws::Aws, deploy::DeployedStack, error::Error, words::count};

/// How long between two looks at a comparison that is under way, and how long it may take.
const INTERVAL: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_mins(5);

const ID: &str = "drift";

/// Has CloudFormation compare the stack with what is there:
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html>.
///
/// # Errors
/// Not logged in; everything else is a check.
pub async fn look(aws: &Aws, stack: &DeployedStack) -> Result<Check, Error> {
    match compare(aws, stack).await {
        Ok(check) => Ok(check),
        Err(error) => Check::unknown(ID, error),
    }
}

async fn compare(aws: &Aws, stack: &DeployedStack) -> Result<Check, Error> {
    const FAILED: &str = "cannot compare the stack with what is there";
    let client = aws.cloudformation();
    let begun = aws.call("cloudformation", || client.detect_stack_drift().stack_name(&stack.id).send()).await;
    let begun = begun.map_err(|error| aws.explain(FAILED, &error))?;
    let id = begun.stack_drift_detection_id().unwrap_or_default();
    let deadline = Instant::now() + PATIENCE;
    let drift = loop {
        let describe = || client.describe_stack_drift_detection_status().stack_drift_detection_id(id).send();
        let status = aws.call("cloudformation", describe).await.map_err(|error| aws.explain(FAILED, &error))?;
        match status.detection_status() {
            Some(StackDriftDetectionStatus::DetectionComplete) => {
                break status.stack_drift_status().cloned();
            }
            Some(StackDriftDetectionStatus::DetectionFailed) => {
                return Err(
                    Error::failed(FAILED).because(status.detection_status_reason().unwrap_or("no reason given"))
                );
            }
            _ if Instant::now() >= deadline => return Err(Error::failed(FAILED).because("it takes too long")),
            _ => sleep(INTERVAL).await,
        }
    };
    match drift {
        Some(StackDriftStatus::InSync) => {
            return Ok(Check::ok(ID, "what CloudFormation can compare is as the stack has made it"));
        }
        Some(StackDriftStatus::Drifted) => {}
        other => {
            let said = other.map_or_else(|| "nothing".to_owned(), |other| other.as_str().to_owned());
            return Err(Error::failed(FAILED).because(format!("CloudFormation says {said}")));
        }
    }
    let drifts = || {
        let drifts = client.describe_stack_resource_drifts().stack_name(&stack.id);
        let wanted = [StackResourceDriftStatus::Modified, StackResourceDriftStatus::Deleted];
        drifts.set_stack_resource_drift_status_filters(Some(wanted.into())).send()
    };
    let found = aws.call("cloudformation", drifts).await.map_err(|error| aws.explain(FAILED, &error))?;
    let names: Vec<String> = found.stack_resource_drifts().iter().map(named).collect();
    let says = format!("{} changed by hand: {}", count(names.len(), "thing"), names.join(", "));
    Ok(Check::new(ID, Status::Broken, says).hint(REPAIR))
}

/// A thing that is not as the stack has made it, and what of it.
fn named(drift: &aws_sdk_cloudformation::types::StackResourceDrift) -> String {
    let name = drift.logical_resource_id().unwrap_or_default();
    if drift.stack_resource_drift_status() == Some(&StackResourceDriftStatus::Deleted) {
        return format!("{name} is gone");
    }
    let differences = drift.property_differences().iter();
    let paths: Vec<&str> = differences.filter_map(|difference| difference.property_path()).collect();
    format!("{name} ({})", paths.join(", "))
}
