//! The forwarding stack as CloudFormation knows it.

use std::collections::HashMap;

use aws_sdk_cloudformation::{operation::describe_stacks::DescribeStacksError, types};
use logctl_core::{
    coverage,
    globs::Rules,
    names::{Function, StackName},
};

use super::StackSettings;
use crate::{
    aws::{Aws, CallError},
    context::Context,
    error::{Error, Kind},
};

/// Versions of the stack that this logctl works with; they are an output of the template.
const VERSIONS: [&str; 1] = ["1"];

/// Parameters by which a forwarding stack is told from others, whatever its status.
const MARKS: [&str; 3] = ["DomainEndpoint", "ForwarderKey", "SubscriberKey"];

/// What can be done with a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It is deployed.
    Stands,
    /// CloudFormation is at work on it.
    InProgress,
    /// A first change set has made its name and nothing else.
    Shell,
    /// Its first deployment or its removal has failed: it can only be removed.
    Dead,
    /// The way back from an update has failed: it can be removed, and not updated.
    Damaged,
}

/// The status of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// As CloudFormation calls it, such as `CREATE_COMPLETE`.
    pub name: String,
    /// What can be done.
    pub phase: Phase,
}

impl From<&str> for Status {
    fn from(name: &str) -> Self {
        let phase = match name {
            "REVIEW_IN_PROGRESS" => Phase::Shell,
            "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" | "DELETE_FAILED" | "DELETE_COMPLETE" => {
                Phase::Dead
            }
            "UPDATE_ROLLBACK_FAILED" => Phase::Damaged,
            name if name.ends_with("IN_PROGRESS") => Phase::InProgress,
            _ => Phase::Stands,
        };
        Self { name: name.to_owned(), phase }
    }
}

/// A stack that exists.
#[derive(Debug, Clone)]
pub struct DeployedStack {
    /// Its name.
    pub name: StackName,
    /// Its ARN.
    pub id: String,
    /// Its status.
    pub status: Status,
    /// What it was told.
    pub settings: StackSettings,
    /// Parameters that cannot be read, each with the reason.
    pub problems: Vec<String>,
    /// Names of all its parameters.
    pub parameters: Vec<String>,
    /// ARN of LogsForwarder, as long as there is one and it is not being removed.
    pub forwarder: Option<String>,
    /// The bucket of dead letters.
    pub dead_letters: Option<String>,
    /// What of the index template its domain does not know, separated by commas.
    pub left_out: String,
    /// Copies of each shard as its domain takes them; nothing where it does not say so.
    pub replicas: String,
    /// What its domain's administrator has to apply before it admits the stack; nothing where it does.
    pub to_apply: String,
    /// Whether CloudFormation refuses to delete it.
    pub protected: bool,
}

impl DeployedStack {
    /// Whether it has never worked: no filter has ever sent to it.
    #[must_use]
    pub fn never_worked(&self) -> bool {
        matches!(self.status.name.as_str(), "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED")
            || self.status.phase == Phase::Shell
    }

    /// Finds the stack of this name, `None` where there is none.
    ///
    /// # Errors
    /// When CloudFormation cannot be asked, the stack is somebody else's, or of a version that this logctl does not know.
    pub async fn find(aws: &Aws, name: &StackName) -> Result<Option<Self>, Error> {
        let found = describe(aws, name.as_str()).await;
        let found = found.map_err(|error| aws.explain("cannot read the stack", &error))?;
        let Some(found) = found else {
            tracing::info!("there is no stack {name}");
            return Ok(None);
        };
        let account = found.stack_id().and_then(|arn| arn.split(':').nth(4)).unwrap_or_default();
        if account != aws.target.account {
            return Err(Error::failed(format!(
                "stack {name} is in account {account}, and the caller in {}",
                aws.target
            ))
            .hint("check AWS_ENDPOINT_URL and its forms for single services"));
        }
        let stack = Self::read(name, &found)?;
        tracing::info!("stack {name} is {}", stack.status.name);
        Ok(Some(stack))
    }

    /// Finds the stack of this name, which must be there and forward something.
    ///
    /// # Errors
    /// Those of [`Self::find`], and not found; failed where a parameter of it cannot be read.
    pub async fn find_working(aws: &Aws, name: &StackName) -> Result<Self, Error> {
        let stack = Self::find(aws, name).await?.filter(|stack| stack.forwarder.is_some());
        let stack = stack.ok_or_else(|| {
            Error::new(Kind::NotFound, format!("there is no working stack {name} in {}", aws.target))
                .hint("deploy it with: logctl bootstrap")
        })?;
        match stack.problems.first() {
            None => Ok(stack),
            Some(problem) => Err(Error::failed(format!("stack {name} has a parameter that cannot be read"))
                .because(problem)
                .hint("give it another with: logctl bootstrap")),
        }
    }

    /// Finds the stack, if there is one; one that was named must be there.
    ///
    /// # Errors
    /// Those of [`Self::find`], and not found where it was named on the command line.
    pub async fn find_if_any(aws: &Aws, cx: &Context<'_>) -> Result<Option<Self>, Error> {
        let stack = Self::find(aws, &cx.stack).await?;
        if stack.is_none() && cx.global.stack.is_some() {
            return Err(Error::new(Kind::NotFound, format!("there is no stack {} in {}", cx.stack, aws.target))
                .hint("leave out --stack to see all log groups without one"));
        }
        Ok(stack)
    }

    fn read(name: &StackName, stack: &types::Stack) -> Result<Self, Error> {
        let pair = |name: Option<&str>, value: Option<&str>| Some((name?.to_owned(), value?.to_owned()));
        let parameters = stack.parameters().iter().filter_map(|p| pair(p.parameter_key(), p.parameter_value()));
        let parameters: HashMap<String, String> = parameters.collect();
        let outputs = stack.outputs().iter().filter_map(|output| pair(output.output_key(), output.output_value()));
        let mut outputs: HashMap<String, String> = outputs.collect();
        let status = Status::from(stack.stack_status().map_or("", |status| status.as_str()));
        if status.phase != Phase::Shell && !MARKS.iter().all(|mark| parameters.contains_key(*mark)) {
            return Err(Error::new(Kind::Usage, format!("stack {name} is not a forwarding stack of logctl"))
                .hint("name another one with --stack"));
        }
        if let Some(version) = outputs.get("Version").filter(|version| !VERSIONS.contains(&version.as_str())) {
            let unknown = format!("stack {name} has version {version}, which this logctl does not know");
            return Err(Error::failed(unknown).hint("use the logctl that deployed it, or a newer one"));
        }
        let (settings, problems) = StackSettings::from_parameters(&parameters);
        let going = status.name.starts_with("DELETE_");
        Ok(Self {
            name: name.clone(),
            id: stack.stack_id().unwrap_or_default().to_owned(),
            status,
            settings,
            problems,
            parameters: parameters.into_keys().collect(),
            forwarder: outputs.remove("Forwarder").filter(|_| !going),
            dead_letters: outputs.remove("DeadLetters"),
            left_out: outputs.remove("LeftOut").unwrap_or_default(),
            replicas: outputs.remove("Replicas").unwrap_or_default(),
            to_apply: outputs.remove("ToApply").unwrap_or_default(),
            protected: stack.enable_termination_protection().unwrap_or_default(),
        })
    }

    /// What the coverage decision needs of it; `None` while it has no forwarder, or will soon have none.
    #[must_use]
    pub fn coverage(&self) -> Option<coverage::Stack> {
        Some(coverage::Stack {
            filter_name: self.name.filter_name(),
            forwarder: self.forwarder.clone()?,
            rules: self.settings.rules().with_probes_of(&self.name),
        })
    }
}

/// What a stack of this name has, or had, as the destination of its filters: enough to find them.
#[must_use]
pub fn destination(aws: &Aws, name: &StackName) -> coverage::Stack {
    coverage::Stack {
        filter_name: name.filter_name(),
        forwarder: aws.function(&name.function(Function::Forwarder)),
        rules: Rules::default(),
    }
}

/// A stack by name or ARN. CloudFormation answers a name that it does not know with a `ValidationError`.
///
/// # Errors
/// Every other error.
pub async fn describe(aws: &Aws, name: &str) -> Result<Option<types::Stack>, CallError<DescribeStacksError>> {
    let client = aws.cloudformation();
    match aws.call("cloudformation", || client.describe_stacks().stack_name(name).send()).await {
        Ok(found) => Ok(found.stacks.unwrap_or_default().into_iter().next()),
        Err(error) if error.code() == Some("ValidationError") => Ok(None),
        Err(error) => Err(error),
    }
}

/// What to do with a stack whose way back has failed.
#[must_use]
pub fn mend(name: &StackName) -> String {
    format!(
        "mend the cause, then: aws cloudformation continue-update-rollback --stack-name {name}; \
         or remove it with: logctl teardown"
    )
}

#[cfg(test)]
pub(crate) mod examples {
    /// A stack as CloudFormation describes it; `more` is put inside of it.
    pub(crate) fn described(account: &str, status: &str, more: &str) -> String {
        format!(
            "<DescribeStacksResponse><DescribeStacksResult><Stacks><member>\
             <StackId>arn:aws:cloudformation:eu-west-1:{account}:stack/logctl/1</StackId>\
             <StackName>logctl</StackName><StackStatus>{status}</StackStatus>{more}\
             </member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
        )
    }

    /// Parameters of a forwarding stack.
    pub(crate) const PARAMETERS: &str = "<Parameters>\
        <member><ParameterKey>DomainEndpoint</ParameterKey><ParameterValue>https://logs.example</ParameterValue></member>\
        <member><ParameterKey>ForwarderKey</ParameterKey><ParameterValue>a.zip</ParameterValue></member>\
        <member><ParameterKey>SubscriberKey</ParameterKey><ParameterValue>b.zip</ParameterValue></member>\
        </Parameters>";

    /// Outputs of a forwarding stack.
    pub(crate) const OUTPUTS: &str = "<Outputs>\
        <member><OutputKey>Version</OutputKey><OutputValue>1</OutputValue></member>\
        <member><OutputKey>Forwarder</OutputKey><OutputValue>arn:forwarder</OutputValue></member>\
        <member><OutputKey>DeadLetters</OutputKey><OutputValue>letters</OutputValue></member>\
        </Outputs>";
}

#[cfg(test)]
mod tests {
    use super::{
        examples::{OUTPUTS, PARAMETERS, described},
        *,
    };
    use crate::aws::mocked::{Account, refused};

    const OURS: &str = "123456789012";

    async fn find(status: u16, body: &str) -> Result<Option<DeployedStack>, Error> {
        let account = Account::new(&[("DescribeStacks", status, body)]).await;
        DeployedStack::find(&account.aws().await, &StackName::default()).await
    }

    fn whole() -> String {
        format!("{PARAMETERS}{OUTPUTS}")
    }

    #[tokio::test]
    async fn a_stack_is_read_whole() {
        let stack = find(200, &described(OURS, "UPDATE_COMPLETE", &whole())).await.unwrap().unwrap();
        assert_eq!(stack.status.phase, Phase::Stands);
        assert_eq!(stack.settings.endpoint.as_ref().map(ToString::to_string).as_deref(), Some("https://logs.example"));
        assert_eq!(stack.coverage().unwrap().forwarder, "arn:forwarder");
        assert_eq!(stack.dead_letters.as_deref(), Some("letters"));
    }

    #[tokio::test]
    async fn no_stack_is_an_answer_and_a_refusal_is_none() {
        assert!(find(400, &refused("ValidationError", "no such stack")).await.unwrap().is_none());
        let error = find(403, &refused("AccessDenied", "not you")).await.unwrap_err();
        assert_eq!(error.one_line(), "cannot read the stack: access denied: not you");
    }

    #[tokio::test]
    async fn a_stack_of_another_account_is_refused() {
        let error = find(200, &described("210987654321", "CREATE_COMPLETE", &whole())).await.unwrap_err();
        let said = "stack logctl is in account 210987654321, and the caller in account 123456789012 (shop), eu-west-1";
        assert_eq!(error.message, said);
    }

    #[tokio::test]
    async fn a_stack_of_somebody_else_or_of_tomorrow_is_refused() {
        let error = find(200, &described(OURS, "CREATE_COMPLETE", "")).await.unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (Kind::Usage, "stack logctl is not a forwarding stack of logctl")
        );
        let tomorrow = whole().replace("<OutputValue>1<", "<OutputValue>99<");
        let error = find(200, &described(OURS, "CREATE_COMPLETE", &tomorrow)).await.unwrap_err();
        assert_eq!(error.message, "stack logctl has version 99, which this logctl does not know");
    }

    #[tokio::test]
    async fn a_stack_that_goes_or_is_only_a_name_has_no_forwarder() {
        let going = find(200, &described(OURS, "DELETE_IN_PROGRESS", &whole())).await.unwrap().unwrap();
        assert!(going.coverage().is_none());
        let shell = find(200, &described(OURS, "REVIEW_IN_PROGRESS", "")).await.unwrap().unwrap();
        assert_eq!((shell.status.phase, shell.coverage().is_none()), (Phase::Shell, true));
    }
}
