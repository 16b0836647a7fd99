//! The forwarding stack as CloudFormation knows it.

use std::collections::HashMap;

use aws_sdk_cloudformation::{Client, error::SdkError, operation::describe_stacks::DescribeStacksError, types};
use logctl_core::{coverage, names::StackName, globs::Rules};

use super::{Aws, code};
use crate::error::{Error, Kind};

/// Versions of the stack that this logctl works with; they are an output of the template.
const VERSIONS: [&str; 1] = ["1"];

/// Parameters by which a forwarding stack is told from others, whatever its status.
const MARKS: [&str; 3] = ["DomainEndpoint", "ForwarderKey", "SubscriberKey"];

/// A stack that exists.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Its name.
    pub name: StackName,
    /// Its ARN.
    pub id: String,
    /// Its status, such as `CREATE_COMPLETE`.
    pub status: String,
    /// Outputs by name.
    pub outputs: HashMap<String, String>,
    /// Parameters by name.
    pub parameters: HashMap<String, String>,
}

impl Stack {
    /// Finds the stack of this name, `None` where there is none.
    ///
    /// # Errors
    /// When CloudFormation cannot be asked, the stack is somebody else's, or of a version that this logctl does not know.
    pub async fn find(aws: &Aws, name: &StackName) -> Result<Option<Self>, Error> {
        let found = describe(&aws.cloudformation(), name.as_str()).await;
        let found = found.map_err(|error| aws.explain("cannot read the stack", &error))?;
        let Some(found) = found else {
            tracing::info!("there is no stack {name}");
            return Ok(None);
        };
        let stack = Self::of(name, &found);
        tracing::info!("stack {name} is {}", stack.status);
        if !stack.is_shell() && !MARKS.iter().all(|mark| stack.parameters.contains_key(*mark)) {
            return Err(Error::new(Kind::Usage, format!("stack {name} is not a forwarding stack of logctl"))
                .hint("name another one with --stack"));
        }
        match stack.outputs.get("Version") {
            Some(version) if !VERSIONS.contains(&version.as_str()) => {
                Err(Error::failed(format!("stack {name} has version {version}, which this logctl does not know"))
                    .hint("use the logctl that deployed it, or a newer one"))
            }
            _ => Ok(Some(stack)),
        }
    }

    fn of(name: &StackName, stack: &types::Stack) -> Self {
        let pair = |name: Option<&str>, value: Option<&str>| Some((name?.to_owned(), value?.to_owned()));
        let outputs = stack.outputs().iter();
        let parameters = stack.parameters().iter();
        Self {
            name: name.clone(),
            id: stack.stack_id().unwrap_or_default().to_owned(),
            status: stack.stack_status().map_or_else(String::new, |status| status.as_str().to_owned()),
            outputs: outputs.filter_map(|output| pair(output.output_key(), output.output_value())).collect(),
            parameters: parameters.filter_map(|p| pair(p.parameter_key(), p.parameter_value())).collect(),
        }
    }

    /// Whether a first change set has made its name and nothing else.
    #[must_use]
    pub fn is_shell(&self) -> bool {
        self.status == "REVIEW_IN_PROGRESS"
    }

    /// What the coverage decision needs of it; `None` while it has no forwarder, or will soon have none.
    #[must_use]
    pub fn coverage(&self) -> Option<coverage::Stack> {
        if self.status.starts_with("DELETE_") {
            return None;
        }
        let list = |name: &str| self.parameters.get(name).map_or("", String::as_str);
        Some(coverage::Stack {
            filter_name: self.name.filter_name(),
            forwarder: self.outputs.get("Forwarder")?.clone(),
            rules: Rules::new(list("Include"), list("Exclude")),
        })
    }
}

/// What a stack of this name has, or had, as the destination of its filters: enough to find them.
#[must_use]
pub fn destination(aws: &Aws, name: &StackName) -> coverage::Stack {
    coverage::Stack {
        filter_name: name.filter_name(),
        forwarder: aws.function(&format!("logctl-{name}-forwarder")),
        rules: Rules::default(),
    }
}

/// A stack by name or ARN. CloudFormation answers a name that it does not know with a `ValidationError`.
///
/// # Errors
/// Every other error.
pub async fn describe(client: &Client, name: &str) -> Result<Option<types::Stack>, SdkError<DescribeStacksError>> {
    match client.describe_stacks().stack_name(name).send().await {
        Ok(found) => Ok(found.stacks.unwrap_or_default().into_iter().next()),
        Err(error) if code(&error) == Some("ValidationError") => Ok(None),
        Err(error) => Err(error),
    }
}
