//! A domain, with what it takes to be admitted there.

use std::time::Duration;

use logctl_core::{auth::AuthMode, endpoint::Endpoint};
use logctl_sink::domain::{Auth, Domain, Secret};

use super::DomainClient;
use crate::{
    aws::Aws,
    error::{Error, Kind},
};

/// Where a domain answers, and how it wants to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainOptions {
    /// Where.
    pub endpoint: Endpoint,
    /// How requests prove who sends them.
    pub auth: AuthMode,
    /// Name or ARN of the secret with name and password.
    pub secret: Option<String>,
    /// A certificate in PEM that is trusted beside the public ones.
    pub authority: Option<String>,
    /// The domain's Region, for a host that does not name it.
    pub region: Option<String>,
}

impl DomainOptions {
    /// The domain, to be asked.
    ///
    /// # Errors
    /// Denied where there is nothing to be admitted with.
    pub async fn client(&self, aws: &Aws, timeout: Duration) -> Result<DomainClient, Error> {
        let http = aws.network.client(self.authority.as_deref())?;
        let client = DomainClient::new(self.endpoint.clone(), self.auth(aws).await?, http, timeout);
        Ok(client.in_region(self.region.clone()))
    }

    /// The domain, to be written to.
    ///
    /// # Errors
    /// Denied where there is nothing to be admitted with.
    pub async fn writer(&self, aws: &Aws) -> Result<Domain, Error> {
        let http = aws.network.client(self.authority.as_deref())?;
        let domain = Domain::new(http, self.endpoint.as_str(), self.auth(aws).await?);
        Ok(domain.in_region(self.region.clone()))
    }

    async fn auth(&self, aws: &Aws) -> Result<Auth, Error> {
        Ok(match self.auth {
            AuthMode::None => Auth::None,
            AuthMode::SigV4 => Auth::SigV4(aws.signer().await?),
            AuthMode::Basic => {
                let id = self.secret.clone().ok_or_else(|| {
                    Error::new(Kind::Usage, "basic authentication needs a secret with username and password")
                        .hint("name it with: logctl bootstrap --secret ARN")
                })?;
                let secret = Secret::new(aws.signed().await?, id, self.endpoint.host());
                let read = aws.call_signed("secretsmanager", || secret.credentials()).await;
                read.map_err(|error| aws.explain_signed("cannot read the domain's secret", &error))?;
                Auth::Basic(Box::new(secret))
            }
        })
    }
}

/// Bytes of a certificate; a function's whole environment has 4 KB.
const MAX_CERTIFICATE: usize = 2048;

/// Reads the certificate of a private authority from its file, as long as the functions can hold it.
///
/// # Errors
/// Wrong usage where the file is missing or holds something else.
pub fn read_certificate(path: &std::path::Path) -> Result<String, Error> {
    let wrong = |what: String| Error::new(Kind::Usage, format!("--ca {}: {what}", path.display()));
    let pem = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    if !pem.contains("-----BEGIN CERTIFICATE-----") {
        return Err(wrong("it holds no certificate in PEM".to_owned()));
    }
    if pem.len() > MAX_CERTIFICATE {
        return Err(wrong(format!("it has {} bytes, and the functions hold {MAX_CERTIFICATE}", pem.len())));
    }
    Ok(pem)
}
