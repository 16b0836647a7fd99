//! The functions' own client, for what the command does the way they do: dead letters, and the domain's secret.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials as _;
use logctl_sink::{
    aws::{AwsError, Signer},
    http::HttpClient,
};

use super::{Aws, errors};
use crate::error::{Error, Kind};

/// How long a call may take that carries an object over a laptop's connection.
const TIMEOUT: Duration = Duration::from_mins(1);

impl Aws {
    /// The caller's identity as it is now; temporary credentials are renewed by asking again.
    ///
    /// # Errors
    /// Denied where there are no credentials.
    pub async fn signer(&self) -> Result<Signer, Error> {
        let denied = || Error::new(Kind::Denied, "there are no AWS credentials");
        let provider = self.config.credentials_provider().ok_or_else(denied)?;
        let credentials = provider.provide_credentials().await.map_err(|error| {
            let explained = errors::without_credentials("cannot reach AWS", &error, &self.options);
            explained.unwrap_or_else(|| denied().because(error))
        })?;
        // A signature carries the time of its own request.
        Ok(Signer::new(credentials, self.region.clone(), SystemTime::now))
    }

    /// The functions' client, with the caller's identity.
    ///
    /// # Errors
    /// Denied where there are no credentials.
    pub async fn signed(&self, http: &HttpClient) -> Result<logctl_sink::aws::Aws, Error> {
        let endpoint = self.config.endpoint_url().map(str::to_owned);
        Ok(logctl_sink::aws::Aws::new(http.clone(), self.signer().await?, endpoint).with_timeout(TIMEOUT))
    }

    /// Says why `what` failed.
    #[must_use]
    pub fn explain_signed(&self, what: &str, error: &AwsError) -> Error {
        match error {
            AwsError::Service { code, message } => errors::service(what, code, message, &self.options),
            _ => Error::failed(what).because(error),
        }
    }
}
