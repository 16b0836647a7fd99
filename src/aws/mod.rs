//! AWS: flags become clients, and what the SDK says becomes what users read.

mod admits;
pub mod centralization;
mod connect;
mod errors;
pub mod filters;
pub mod groups;
pub mod history;
mod limiter;
mod login;
mod mark;
pub mod metrics;
#[cfg(test)]
pub(crate) mod mocked;
pub mod past;
pub mod policy;
mod retry;
pub mod signed;
pub mod trail;

use std::{error::Error as StdError, fmt, future::Future, iter, rc::Rc};

use aws_config::{Region, SdkConfig, sts::AssumeRoleProvider};
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::ErrorMetadata;
use jiff::{SignedDuration, Timestamp};
use logctl_core::partition::Partition;
use logctl_sink::aws::{AwsError, Hosts, xml::texts};
use serde::Serialize;

use crate::{
    args::AwsOptions,
    context::Context,
    error::{Error, Kind},
    network::Network,
};

use errors::Asking;
use login::Login;
use mark::Marked;
use retry::{Again, Failure as _};

pub use admits::admits;
pub use connect::{Connection, load};
pub use limiter::Operation;
use limiter::{Limiters, RateLimiter};
pub use retry::{Clock, Retry};

/// One account in one Region: what a run works on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Target {
    /// The account.
    pub account: String,
    /// The name that people gave it, where it has one that may be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// The Region.
    pub region: String,
    /// The part of AWS that it belongs to, such as `aws` or `aws-cn`.
    #[serde(skip)]
    pub partition: String,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account, alias, region, .. } = self;
        match alias {
            _ if region.is_empty() => write!(f, "account {account}"),
            Some(alias) => write!(f, "account {account} ({alias}), {region}"),
            None => write!(f, "account {account}, {region}"),
        }
    }
}

impl Target {
    /// ARN of a thing of a service in this account and Region.
    #[must_use]
    pub fn arn(&self, service: &str, resource: &str) -> String {
        let Self { account, region, partition, .. } = self;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// The names by which CloudWatch Logs invokes a function. In China its name has the Region in it, and may have it elsewhere.
    #[must_use]
    pub fn logs_principals(&self) -> Vec<String> {
        let (region, partition) = (&self.region, Partition::of(&self.region));
        let regional = format!("logs.{region}.{}", partition.suffix);
        if partition.name == "aws-cn" { vec![regional] } else { vec!["logs.amazonaws.com".to_owned(), regional] }
    }

    /// The command that lets CloudWatch Logs invoke a function again, by its name or ARN.
    #[must_use]
    pub fn give_back(&self, function: &str) -> String {
        let Self { account, region, .. } = self;
        let source = self.arn("logs", "log-group:*");
        let principal = &self.logs_principals()[0];
        format!(
            "give it back: aws lambda add-permission --region {region} --function-name {function} --statement-id logs \
             --action lambda:InvokeFunction --principal {principal} --source-account {account} \
             --source-arn '{source}'"
        )
    }
}

/// Regions that every account has from its beginning; others are enabled by hand:
/// <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>.
pub const ALWAYS_ENABLED: [&str; 17] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ca-central-1",
    "sa-east-1",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-north-1",
    "ap-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-southeast-1",
    "ap-southeast-2",
];

fn is_always_enabled(region: &str) -> bool {
    ALWAYS_ENABLED.contains(&region)
}

/// The way to one account in one Region.
#[derive(Debug, Clone)]
pub struct Aws {
    /// What every client is made of.
    pub config: SdkConfig,
    /// Which account and Region.
    pub target: Target,
    /// ARN of who works there.
    pub caller: String,
    /// How hosts outside of this machine are reached, where no SDK does it.
    pub network: Network,
    /// Where the services answer.
    pub hosts: Hosts,
    retry: Retry,
    limiters: Limiters,
    login: Login,
}

/// A call that failed, after all tries.
#[derive(Debug)]
pub struct CallError<E> {
    /// Who was asked.
    pub host: String,
    /// What came of it.
    pub error: SdkError<E, HttpResponse>,
}

impl<E: ProvideErrorMetadata> CallError<E> {
    /// The error code of AWS, where the error came from there.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.error.as_service_error().and_then(ProvideErrorMetadata::code)
    }

    /// Whether nobody knows what came of it: the answer was lost, or is none.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.error.again(), Again::Broken | Again::Unreached)
    }

    /// What AWS says about it.
    #[must_use]
    pub fn message(&self) -> &str {
        self.error.as_service_error().and_then(ProvideErrorMetadata::message).unwrap_or_default()
    }
}

impl Aws {
    /// Loads the configuration and asks who the caller is.
    ///
    /// # Errors
    /// Denied where there are no credentials or they are refused; wrong usage where they are those of another account than
    /// the one that is expected.
    pub async fn connect(cx: &Context<'_>) -> Result<Self, Error> {
        Self::connect_with(&cx.global.aws, cx).await
    }

    /// The same, with other options than those of the command line.
    ///
    /// # Errors
    /// As there.
    pub async fn connect_with(options: &AwsOptions, cx: &Context<'_>) -> Result<Self, Error> {
        let connection = connect::load(options, cx).await?;
        let Connection { config, region, retry, login, hosts } = connection;
        let host = hosts.url("sts", &region);
        tracing::info!("asks {host} who the caller is");
        let of_sts = aws_sdk_sts::config::Builder::from(&config).interceptor(Marked(retry.clock.clone()));
        let client = aws_sdk_sts::Client::from_conf(of_sts.build());
        let identity = retry.run(&host, None, || client.get_caller_identity().send()).await;
        let identity = identity.map_err(|error| {
            let asking = Asking { login: &login, hosts: &hosts, region: &region };
            asking.explain("cannot reach AWS", &CallError { host: host.clone(), error })
        })?;
        let account = identity.account().unwrap_or_default().to_owned();
        let partition = identity.arn().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws").to_owned();
        if let Some(expected) = options.expect_account.as_ref().filter(|expected| **expected != account) {
            return Err(Error::new(
                Kind::Usage,
                format!("these credentials are of account {account}, and {expected} is expected"),
            )
            .hint("choose another profile with --profile, or other keys"));
        }
        let target = Target { account, alias: None, region, partition };
        tracing::info!("the caller is {}; works in {target}", identity.arn().unwrap_or_default());
        let caller = identity.arn().unwrap_or_default().to_owned();
        Ok(Self {
            config,
            target,
            caller,
            network: Network::new(cx.env),
            hosts,
            retry,
            limiters: Limiters::default(),
            login,
        })
    }

    /// Another account, with a role there that the caller may take: its name, or its path and name.
    ///
    /// # Errors
    /// Denied where it may not be taken.
    pub async fn with_role(&self, account: &str, role: &str) -> Result<Self, Error> {
        let arn = format!("arn:{}:iam::{account}:role/{}", self.target.partition, role.trim_start_matches('/'));
        let session = "logctl";
        let provider = AssumeRoleProvider::builder(&arn).configure(&self.config).session_name(session).build().await;
        let credentials = SharedCredentialsProvider::new(provider);
        let failed = format!("cannot take the role {role} in account {account}");
        if let Err(error) = credentials.provide_credentials().await {
            let mut causes = iter::successors(Some(&error as &dyn StdError), |error| <dyn StdError>::source(*error));
            let said = causes.find_map(|cause| cause.downcast_ref::<ErrorMetadata>()?.message().map(str::to_owned));
            let hint = format!("look at the role's name, and whether its trust policy admits {}", self.caller);
            return Err(Error::new(Kind::Denied, failed).because(said.unwrap_or_else(|| error.to_string())).hint(hint));
        }
        let config = self.config.clone().into_builder().credentials_provider(credentials).build();
        let target = Target { account: account.to_owned(), alias: None, ..self.target.clone() };
        let (role, partition) = (role.rsplit('/').next().unwrap_or(role), &self.target.partition);
        let caller = format!("arn:{partition}:sts::{account}:assumed-role/{role}/{session}");
        Ok(Self { config, target, caller, ..self.clone() })
    }

    /// The Regions that the account has enabled.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn regions(&self) -> Result<Vec<String>, Error> {
        let client = self.signed().await?;
        let form = "Action=DescribeRegions&Version=2016-11-15";
        let answer = self.call_signed("ec2", || client.query("ec2", form)).await;
        let answer = answer.map_err(|error| self.explain_signed("cannot list the Regions of the account", &error))?;
        Ok(texts(&answer, "regionName").collect())
    }

    /// The same account in another Region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        let config = self.config.clone().into_builder().region(Region::new(region.to_owned())).build();
        Self { config, target: Target { region: region.to_owned(), ..self.target.clone() }, ..self.clone() }
    }

    /// A time of this machine as AWS's clocks show it.
    #[must_use]
    pub fn time(&self, local: Timestamp) -> Timestamp {
        local + SignedDuration::from_secs(self.retry.clock.told())
    }

    /// With so many calls a second of each operation on filters.
    #[must_use]
    pub fn with_rate(mut self, calls: f64) -> Self {
        self.limiters = self.limiters.with_rate(calls);
        self
    }

    /// With the account's alias, where it has one that may be read.
    #[must_use]
    pub async fn with_alias(mut self) -> Self {
        self.target.alias = self.alias().await;
        self
    }

    /// The caller as a policy's `aws:PrincipalArn` knows it, which of a session is its role. A session does not tell the path
    /// of its role, so there are two patterns, separated by a comma.
    #[must_use]
    pub fn principal(&self) -> String {
        let mut parts = self.caller.splitn(6, ':').skip(4);
        let (account, resource) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let role = resource.strip_prefix("assumed-role/").and_then(|rest| rest.split('/').next());
        role.map_or_else(
            || self.caller.clone(),
            |role| {
                let of = format!("arn:{}:iam::{account}:role", self.target.partition);
                format!("{of}/{role},{of}/*/{role}")
            },
        )
    }

    fn marked(&self) -> Marked {
        Marked(self.retry.clock.clone())
    }

    /// A client of CloudWatch Logs.
    #[must_use]
    pub fn logs(&self) -> aws_sdk_cloudwatchlogs::Client {
        let config = aws_sdk_cloudwatchlogs::config::Builder::from(&self.config).interceptor(self.marked());
        aws_sdk_cloudwatchlogs::Client::from_conf(config.build())
    }

    /// A client of CloudFormation.
    #[must_use]
    pub fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        let config = aws_sdk_cloudformation::config::Builder::from(&self.config).interceptor(self.marked());
        aws_sdk_cloudformation::Client::from_conf(config.build())
    }

    /// A client of CloudTrail.
    #[must_use]
    pub fn cloudtrail(&self) -> aws_sdk_cloudtrail::Client {
        let config = aws_sdk_cloudtrail::config::Builder::from(&self.config).interceptor(self.marked());
        aws_sdk_cloudtrail::Client::from_conf(config.build())
    }

    /// A client of S3.
    #[must_use]
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config).interceptor(self.marked());
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// ARN of a function of this account.
    #[must_use]
    pub fn function(&self, name: &str) -> String {
        self.target.arn("lambda", &format!("function:{name}"))
    }

    /// Makes a call of a service, again while that is worth it.
    ///
    /// # Errors
    /// The last one.
    pub async fn call<T, E, F>(&self, service: &str, call: impl FnMut() -> F) -> Result<T, CallError<E>>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata,
    {
        self.in_turn(service, None, call).await
    }

    /// Makes a call in its turn, again while that is worth it.
    ///
    /// # Errors
    /// The last one.
    pub async fn limited<T, E, F>(&self, operation: Operation, call: impl FnMut() -> F) -> Result<T, CallError<E>>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata,
    {
        self.in_turn(operation.service(), Some(&self.limiter(operation)), call).await
    }

    async fn in_turn<T, E, F>(
        &self,
        service: &str,
        limiter: Option<&RateLimiter>,
        call: impl FnMut() -> F,
    ) -> Result<T, CallError<E>>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata,
    {
        let host = self.hosts.url(service, &self.target.region);
        self.retry.run(&host, limiter, call).await.map_err(|error| CallError { host, error })
    }

    fn limiter(&self, operation: Operation) -> Rc<RateLimiter> {
        self.limiters.of(&self.target.account, &self.target.region, operation)
    }

    /// Makes a call with the functions' client, again while that is worth it.
    ///
    /// # Errors
    /// The last one.
    pub async fn call_signed<T, F>(&self, service: &str, call: impl FnMut() -> F) -> Result<T, AwsError>
    where
        F: Future<Output = Result<T, AwsError>>,
    {
        self.retry.run(&self.hosts.url(service, &self.target.region), None, call).await
    }

    /// Makes a call with the functions' client in its turn, again while that is worth it.
    ///
    /// # Errors
    /// The last one.
    pub async fn limited_signed<T, F>(&self, operation: Operation, call: impl FnMut() -> F) -> Result<T, AwsError>
    where
        F: Future<Output = Result<T, AwsError>>,
    {
        let host = self.hosts.url(operation.service(), &self.target.region);
        self.retry.run(&host, Some(&self.limiter(operation)), call).await
    }

    /// Says why `what` failed.
    pub fn explain<E: ProvideErrorMetadata + StdError + 'static>(&self, what: &str, error: &CallError<E>) -> Error {
        self.asking().explain(what, error)
    }

    fn asking(&self) -> Asking<'_> {
        Asking { login: &self.login, hosts: &self.hosts, region: &self.target.region }
    }
}

/// The tokens of pages that follow one another: one that comes again would go on for ever.
#[derive(Debug, Default)]
pub struct Tokens(std::collections::HashSet<String>);

impl Tokens {
    /// The token of the next page; `None` behind the last one.
    ///
    /// # Errors
    /// Where it was given before.
    pub fn next(&mut self, token: Option<String>, failed: &str) -> Result<Option<String>, Error> {
        let token = token.filter(|token| !token.is_empty());
        match &token {
            Some(again) if !self.0.insert(again.clone()) => {
                Err(Error::failed(failed).because("AWS gives the same page again and again"))
            }
            _ => Ok(token),
        }
    }
}
