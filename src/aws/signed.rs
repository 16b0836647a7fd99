//! The functions' own client, for what the command does the way they do: dead letters, and the domain's secret.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_types::sdk_config::TimeSource as _;
use bytes::Bytes;
use hyper::Request;
use logctl_core::partition::Partition;
use logctl_sink::aws::{AwsClient, AwsError, Hosts, Signer, xml::texts};

use super::{Aws, Clock, Connection, errors::Asking};
use crate::{
    env::Environment,
    error::{Error, Kind},
};

/// How long a call may take that carries an object over a laptop's connection.
const TIMEOUT: Duration = Duration::from_mins(1);
/// How long the account's alias is waited for: it is a comfort.
const ALIAS_TIMEOUT: Duration = Duration::from_secs(3);

impl Connection {
    /// Signs with the caller's identity as it is now.
    ///
    /// # Errors
    /// Not logged in where there are no credentials.
    pub async fn signer(&self) -> Result<Signer, Error> {
        let asking = Asking { login: &self.login, hosts: &self.hosts, region: &self.region };
        signer(&self.config, &self.region, &self.retry.clock, &asking).await
    }
}

async fn signer(config: &SdkConfig, region: &str, clock: &Clock, asking: &Asking<'_>) -> Result<Signer, Error> {
    let denied = || Error::new(Kind::LoggedOut, "there are no AWS credentials");
    let provider = config.credentials_provider().ok_or_else(denied)?;
    let credentials = provider.provide_credentials().await.map_err(|error| {
        let explained = asking.without_credentials("cannot reach AWS", &error);
        explained.unwrap_or_else(|| denied().because(error))
    })?;
    // A signature carries the time of its own request.
    let clock = clock.clone();
    Ok(Signer::new(credentials, region.to_owned(), move || clock.now()))
}

impl Aws {
    /// Where the services answer: as the variables say that the SDKs read.
    pub(super) fn hosts_of(config: &SdkConfig, env: &Environment) -> Hosts {
        const OWN: [(&str, &str); 12] = [
            ("s3", "AWS_ENDPOINT_URL_S3"),
            ("secretsmanager", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
            ("lambda", "AWS_ENDPOINT_URL_LAMBDA"),
            ("logs", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"),
            ("es", "AWS_ENDPOINT_URL_OPENSEARCH"),
            ("sts", "AWS_ENDPOINT_URL_STS"),
            ("cloudformation", "AWS_ENDPOINT_URL_CLOUDFORMATION"),
            ("cloudtrail", "AWS_ENDPOINT_URL_CLOUDTRAIL"),
            ("events", "AWS_ENDPOINT_URL_EVENTBRIDGE"),
            ("monitoring", "AWS_ENDPOINT_URL_CLOUDWATCH"),
            ("sqs", "AWS_ENDPOINT_URL_SQS"),
            ("iam", "AWS_ENDPOINT_URL_IAM"),
        ];
        let ignored = env.var("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == Some("true");
        let own = |(service, name)| Some((service, env.var(name).filter(|_| !ignored)?.to_owned()));
        Hosts {
            all: config.endpoint_url().map(str::to_owned),
            of_service: OWN.into_iter().filter_map(own).collect(),
            fips: config.use_fips().unwrap_or_default(),
            dual_stack: config.use_dual_stack().unwrap_or_default(),
        }
    }

    /// The caller's identity as it is now; temporary credentials are renewed by asking again.
    ///
    /// # Errors
    /// Not logged in where there are no credentials.
    pub async fn signer(&self) -> Result<Signer, Error> {
        signer(&self.config, &self.target.region, &self.retry.clock, &self.asking()).await
    }

    /// The functions' client, with the caller's identity.
    ///
    /// # Errors
    /// Denied where there are no credentials.
    pub async fn signed(&self) -> Result<AwsClient, Error> {
        let http = self.network.client(None)?;
        Ok(AwsClient::new(http, self.signer().await?, None).with_hosts(self.hosts.clone()).with_timeout(TIMEOUT))
    }

    /// The account's alias, where it has one that may be read. IAM is global and answers in one Region of each partition:
    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccountAliases.html>.
    pub(super) async fn alias(&self) -> Option<String> {
        let (host, region) = Partition::named(&self.target.partition)?.iam?;
        let instead = self.hosts.of_service.get("iam").or(self.hosts.all.as_ref());
        let base = instead.cloned().unwrap_or_else(|| format!("https://{host}"));
        let url = format!("{}/?Action=ListAccountAliases&Version=2010-05-08", base.trim_end_matches('/'));
        let mut request = Request::get(url).body(Bytes::new()).ok()?;
        self.signer().await.ok()?.in_region(region).sign(&mut request, "iam").ok()?;
        let answer = self.network.client(None).ok()?.send(request, ALIAS_TIMEOUT).await.ok()?;
        let text = String::from_utf8_lossy(&answer.body);
        answer.status.is_success().then(|| texts(&text, "member").next())?
    }

    /// Says why `what` failed.
    #[must_use]
    pub fn explain_signed(&self, what: &str, error: &AwsError) -> Error {
        match error {
            AwsError::Service { code, message, .. } => self.asking().service(what, code, message),
            AwsError::NotAws { status, beginning } => {
                self.asking().page(what, "somebody who is not AWS", *status, beginning)
            }
            _ => Error::failed(what).because(error),
        }
    }
}
