//! The forwarding stack as CloudFormation knows it.

use std::collections::HashMap;

use aws_sdk_cloudformation::{Client, types};
use logctl_core::{coverage, names::StackName, rules::Rules};

use super::{Aws, code, explain};
use crate::{cli::Global, error::Error};

/// A stack that exists.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Its name.
    pub name: StackName,
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
    /// When CloudFormation cannot be asked.
    pub async fn find(aws: &Aws, global: &Global) -> Result<Option<Self>, Error> {
        let found = describe(&aws.cloudformation(), global.stack.as_str()).await;
        let found = found.map_err(|error| explain("cannot read the stack", &error, global))?;
        Ok(found.map(|stack| Self {
            name: global.stack.clone(),
            status: stack.stack_status().map_or_else(String::new, |status| status.as_str().to_owned()),
            outputs: stack
                .outputs()
                .iter()
                .filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned())))
                .collect(),
            parameters: stack
                .parameters()
                .iter()
                .filter_map(|parameter| {
                    Some((parameter.parameter_key()?.to_owned(), parameter.parameter_value()?.to_owned()))
                })
                .collect(),
        }))
    }

    /// What the coverage decision needs of it; `None` while it has no forwarder.
    #[must_use]
    pub fn coverage(&self) -> Option<coverage::Stack> {
        let list = |name: &str| self.parameters.get(name).map_or("", String::as_str);
        Some(coverage::Stack {
            filter_name: self.name.filter_name(),
            forwarder: self.outputs.get("Forwarder")?.clone(),
            rules: Rules::new(list("Include"), list("Exclude")),
        })
    }
}

/// Error of DescribeStacks.
pub type DescribeError =
    aws_sdk_cloudformation::error::SdkError<aws_sdk_cloudformation::operation::describe_stacks::DescribeStacksError>;

/// A stack by name or id. CloudFormation answers a name that it does not know with a `ValidationError`.
///
/// # Errors
/// Every other error.
pub async fn describe(client: &Client, name: &str) -> Result<Option<types::Stack>, DescribeError> {
    match client.describe_stacks().stack_name(name).send().await {
        Ok(found) => Ok(found.stacks.unwrap_or_default().into_iter().next()),
        Err(error) if code(&error) == Some("ValidationError") => Ok(None),
        Err(error) => Err(error),
    }
}
