//! AWS: flags become clients, and what the SDK says becomes what users read.

pub mod artifacts;
pub mod deploy;
mod errors;
pub mod filters;
pub mod groups;
mod pace;
pub mod policy;
pub mod signed;
pub mod stack;
pub mod trail;

use std::{error::Error as StdError, fmt, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};

use crate::error::{Error, Kind};

pub use pace::{Pace, paced};

/// Which account and Region.
#[derive(Debug, Clone, clap::Args)]
pub struct AwsOptions {
    /// Use this profile of the AWS configuration
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    pub profile: Option<String>,
    /// Work in this AWS Region
    #[arg(long, global = true, value_name = "REGION", help_heading = "Global options")]
    pub region: Option<String>,
}

/// One account in one Region.
#[derive(Debug, Clone)]
pub struct Aws {
    /// What every client is made of.
    pub config: SdkConfig,
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    partition: String,
    options: AwsOptions,
}

impl Aws {
    /// Loads the configuration and asks who the caller is.
    ///
    /// # Errors
    /// Denied where there are no credentials or they are refused.
    pub async fn connect(options: &AwsOptions) -> Result<Self, Error> {
        let config = load(options).await?;
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        let identity = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
        let identity = identity.map_err(|error| errors::explain("cannot reach AWS", &error, options))?;
        let account = identity.account().unwrap_or_default().to_owned();
        let partition = identity.arn().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws").to_owned();
        Ok(Self { config, account, region, partition, options: options.clone() })
    }

    /// A client of CloudWatch Logs that retries nothing by itself: [`paced`] does, within one budget. The SDK would send a
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
        format!("arn:{}:lambda:{}:{}:function:{name}", self.partition, self.region, self.account)
    }

    /// Says why `what` failed.
    pub fn explain<E, R>(&self, what: &str, error: &SdkError<E, R>) -> Error
    where
        E: ProvideErrorMetadata + StdError + 'static,
        R: fmt::Debug + 'static,
    {
        errors::explain(what, error, &self.options)
    }
}

/// The error code of AWS, where the error came from there.
pub fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// The configuration of the SDKs.
///
/// # Errors
/// Wrong usage where no Region is known.
pub async fn load(options: &AwsOptions) -> Result<SdkConfig, Error> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(200)))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(3))
                .operation_attempt_timeout(Duration::from_secs(30))
                .build(),
        );
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let config = loader.load().await;
    if config.region().is_none() {
        return Err(Error::new(Kind::Usage, "no AWS Region is set").hint("add --region, or set AWS_REGION"));
    }
    Ok(config)
}
