//! AWS: flags become clients, and what the SDK says becomes what users read.

pub mod artifacts;
pub mod deploy;
mod errors;
pub mod groups;
mod pace;
pub mod stack;
pub mod trail;

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};

use crate::{
    cli::Global,
    error::{Error, Kind},
};

pub use errors::{code, explain, is_throttling};
pub use pace::{Pace, paced};

/// One account in one Region.
#[derive(Debug, Clone)]
pub struct Aws {
    /// What every client is made of.
    pub config: SdkConfig,
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
}

impl Aws {
    /// Loads the configuration and asks who the caller is.
    ///
    /// # Errors
    /// Denied where there are no credentials or they are refused.
    pub async fn connect(global: &Global) -> Result<Self, Error> {
        let config = load(global).await?;
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        let identity = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
        let identity = identity.map_err(|error| explain("cannot reach AWS", &error, global))?;
        Ok(Self { config, account: identity.account().unwrap_or_default().to_owned(), region })
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
}

/// The configuration of the SDKs.
///
/// # Errors
/// Wrong usage where no Region is known.
pub async fn load(global: &Global) -> Result<SdkConfig, Error> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(200)))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(3))
                .operation_attempt_timeout(Duration::from_secs(30))
                .build(),
        );
    if let Some(profile) = &global.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &global.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let config = loader.load().await;
    if config.region().is_none() {
        return Err(Error::new(Kind::Usage, "no AWS Region is set").hint("add --region, or set AWS_REGION"));
    }
    Ok(config)
}
