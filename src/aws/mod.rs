//! AWS: flags become clients, and what the SDK says becomes what users read.

mod connect;
mod errors;
pub mod filters;
pub mod groups;
mod limiter;
#[cfg(test)]
pub(crate) mod mocked;
pub mod past;
pub mod policy;
pub mod signed;
pub mod trail;

use std::{error::Error as StdError, fmt};

use aws_config::{Region, SdkConfig, retry::RetryConfig};
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use logctl_sink::aws::Hosts;
use serde::Serialize;

use crate::{
    args::AwsOptions,
    context::Context,
    error::{Error, Kind},
    network::Network,
};

pub use connect::load;
pub use limiter::{RateLimiter, limited};

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
            Some(alias) => write!(f, "account {account} ({alias}), {region}"),
            None => write!(f, "account {account}, {region}"),
        }
    }
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
    hosts: Hosts,
    options: AwsOptions,
}

impl Aws {
    /// Loads the configuration and asks who the caller is.
    ///
    /// # Errors
    /// Denied where there are no credentials or they are refused; wrong usage where they are those of another account than
    /// the one that is expected.
    pub async fn connect(cx: &Context<'_>) -> Result<Self, Error> {
        let (options, env) = (&cx.global.aws, cx.env);
        let config = connect::load(options, env).await?;
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        let at = config.endpoint_url();
        tracing::info!("asks {} who the caller is, in {region}", at.unwrap_or("AWS"));
        let identity = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
        let identity = identity.map_err(|error| errors::explain("cannot reach AWS", &error, options, at))?;
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
        let hosts = Self::hosts_of(&config, env);
        Ok(Self { config, target, caller, network: Network::new(env), hosts, options: options.clone() })
    }

    /// The same account in another Region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        let config = self.config.clone().into_builder().region(Region::new(region.to_owned())).build();
        Self { config, target: Target { region: region.to_owned(), ..self.target.clone() }, ..self.clone() }
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

    /// A client of CloudWatch Logs that retries nothing by itself: [`limited`] does, within one budget. The SDK would send a
    /// `LimitExceededException` three times.
    #[must_use]
    pub fn logs(&self) -> aws_sdk_cloudwatchlogs::Client {
        let config =
            aws_sdk_cloudwatchlogs::config::Builder::from(&self.config).retry_config(RetryConfig::disabled()).build();
        aws_sdk_cloudwatchlogs::Client::from_conf(config)
    }

    /// A client of CloudFormation.
    #[must_use]
    pub fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(&self.config)
    }

    /// ARN of a function of this account.
    #[must_use]
    pub fn function(&self, name: &str) -> String {
        let Target { account, region, partition, .. } = &self.target;
        format!("arn:{partition}:lambda:{region}:{account}:function:{name}")
    }

    /// Says why `what` failed.
    pub fn explain<E, R>(&self, what: &str, error: &SdkError<E, R>) -> Error
    where
        E: ProvideErrorMetadata + StdError + 'static,
        R: fmt::Debug + 'static,
    {
        errors::explain(what, error, &self.options, self.config.endpoint_url())
    }
}

/// The error code of AWS, where the error came from there.
pub fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}
