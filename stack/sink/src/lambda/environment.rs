//! What the functions are told by their environment.

use std::fmt;
use std::{str::FromStr, time::SystemTime};

use aws_credential_types::Credentials;
use logctl_core::{auth::AuthMode, domain_arn::DomainArn, endpoint::Endpoint, redact::Redactor, services::Services};

use crate::{
    aws::{AwsClient, Signer},
    domain::{Auth, Domain, Secret},
    http::HttpClient,
};

/// A variable that is missing or cannot be read.
#[derive(thiserror::Error)]
#[error("{name}: {problem}")]
pub struct ConfigError {
    name: &'static str,
    problem: String,
}

/// As it is shown: this is how a function's `main` ends that returns it.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The environment of a function: a look-up of variables, handed in by `main`.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    /// Reads a variable.
    pub get: &'a dyn Fn(&str) -> Option<String>,
    /// Tells the time.
    pub clock: fn() -> SystemTime,
}

/// Reads a variable of the process.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where the functions ask the process")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Environment<'_> {
    /// A variable that must be there, parsed.
    ///
    /// # Errors
    /// One line that names the variable.
    pub fn require<T: FromStr>(&self, name: &'static str) -> Result<T, ConfigError>
    where
        T::Err: ToString,
    {
        let text = (self.get)(name).filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| ConfigError { name, problem: "not set".to_owned() })?;
        text.parse().map_err(|error: T::Err| ConfigError { name, problem: error.to_string() })
    }

    /// Credentials and Region of the function's role, as Lambda sets them.
    ///
    /// # Errors
    /// When one of them is missing.
    pub fn signer(&self) -> Result<Signer, ConfigError> {
        let key: String = self.require("AWS_ACCESS_KEY_ID")?;
        let secret: String = self.require("AWS_SECRET_ACCESS_KEY")?;
        let credentials = Credentials::from_keys(key, secret, (self.get)("AWS_SESSION_TOKEN"));
        Ok(Signer::new(credentials, self.require("AWS_REGION")?, self.clock))
    }

    /// A variable that may be missing, parsed.
    ///
    /// # Errors
    /// One line that names the variable.
    pub fn optional<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, ConfigError>
    where
        T::Err: ToString,
    {
        let given = (self.get)(name).is_some_and(|text| !text.is_empty());
        given.then(|| self.require(name)).transpose()
    }

    /// The HTTP client. `LOGCTL_CA` names authorities that it trusts beside the public ones.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn http(&self) -> Result<HttpClient, ConfigError> {
        let authorities: Option<String> = self.optional("LOGCTL_CA")?;
        HttpClient::new(authorities.as_deref()).map_err(|problem| ConfigError { name: "LOGCTL_CA", problem })
    }

    /// The AWS APIs, with the function's role.
    ///
    /// # Errors
    /// When credentials or Region are missing.
    pub fn aws(&self, http: &HttpClient) -> Result<AwsClient, ConfigError> {
        Ok(AwsClient::new(http.clone(), self.signer()?, (self.get)("AWS_ENDPOINT_URL")))
    }

    /// What is redacted: the detectors named in `LOGCTL_REDACT`, and the regular expressions of `LOGCTL_REDACT_PATTERNS`.
    ///
    /// # Errors
    /// When a detector is unknown or an expression does not compile.
    pub fn redactor(&self) -> Result<Option<Redactor>, ConfigError> {
        let list = |name: &str| (self.get)(name).unwrap_or_default();
        let (detectors, patterns) = (list("LOGCTL_REDACT"), list("LOGCTL_REDACT_PATTERNS"));
        let error = |name| move |problem| ConfigError { name, problem };
        Redactor::new(&detectors, "").map_err(error("LOGCTL_REDACT"))?;
        Redactor::new(&detectors, &patterns).map_err(error("LOGCTL_REDACT_PATTERNS"))
    }

    /// How groups are named for their services, beside AWS's own names: `LOGCTL_SERVICES`.
    ///
    /// # Errors
    /// When a rule cannot be read.
    pub fn services(&self) -> Result<Services, ConfigError> {
        let rules = (self.get)("LOGCTL_SERVICES").unwrap_or_default();
        Services::new(&rules).map_err(|problem| ConfigError { name: "LOGCTL_SERVICES", problem })
    }

    /// Whether `LOGCTL_LOG=debug` asks for more lines than one.
    #[must_use]
    pub fn is_verbose(&self) -> bool {
        (self.get)("LOGCTL_LOG").is_some_and(|level| level.eq_ignore_ascii_case("debug"))
    }

    /// The domain named by `LOGCTL_ENDPOINT`, `LOGCTL_AUTH` and, for basic authentication, `LOGCTL_SECRET`;
    /// `LOGCTL_DOMAIN_ARN` tells the Region that its requests are signed for, where the host does not.
    ///
    /// # Errors
    /// When one of them is missing or malformed.
    pub fn domain(&self, http: &HttpClient) -> Result<Domain, ConfigError> {
        let endpoint: Endpoint = self.require("LOGCTL_ENDPOINT")?;
        let auth = match self.require("LOGCTL_AUTH")? {
            AuthMode::SigV4 => Auth::SigV4(self.signer()?),
            AuthMode::Basic => {
                let secret = Secret::new(self.aws(http)?, self.require("LOGCTL_SECRET")?, endpoint.host());
                Auth::Basic(Box::new(secret))
            }
            AuthMode::None => Auth::None,
        };
        let arn: Option<DomainArn> = self.optional("LOGCTL_DOMAIN_ARN")?;
        Ok(Domain::new(http.clone(), endpoint.as_str(), auth).in_region(arn.map(|arn| arn.region)))
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    fn problem(variables: &[(&str, &str)]) -> Option<String> {
        let get = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        let environment = Environment { get: &get, clock: || SystemTime::UNIX_EPOCH };
        let domain = environment.http().and_then(|http| environment.domain(&http));
        domain.and(environment.redactor()).err().map(|error| error.to_string())
    }

    #[test_case(&[], Some("LOGCTL_ENDPOINT: not set"); "no endpoint")]
    #[test_case(&[("LOGCTL_ENDPOINT", "localhost")], Some("LOGCTL_ENDPOINT: an endpoint looks like https://search-logs-abc.eu-west-1.es.amazonaws.com"); "no scheme")]
    #[test_case(&[("LOGCTL_ENDPOINT", "https://a"), ("LOGCTL_AUTH", "password")], Some("LOGCTL_AUTH: the modes of authentication are sigv4, basic, none"); "unknown mode")]
    #[test_case(&[("LOGCTL_ENDPOINT", "https://a"), ("LOGCTL_AUTH", "sigv4")], Some("AWS_ACCESS_KEY_ID: not set"); "nothing to sign with")]
    #[test_case(&[("LOGCTL_ENDPOINT", "https://a"), ("LOGCTL_AUTH", "none"), ("LOGCTL_CA", "hm")], Some("LOGCTL_CA: no certificate in PEM that can be read"); "no certificate")]
    #[test_case(&[("LOGCTL_ENDPOINT", "https://a"), ("LOGCTL_AUTH", "none"), ("LOGCTL_REDACT", "email,phone")], Some("LOGCTL_REDACT: there is no detector `phone`; there are email, card, iban, jwt, aws-key, bearer, basic-auth, password, private-key, api-key"); "unknown detector")]
    #[test_case(&[("LOGCTL_ENDPOINT", "https://a"), ("LOGCTL_AUTH", "none"), ("LOGCTL_REDACT_PATTERNS", "x*")], Some("LOGCTL_REDACT_PATTERNS: `x*` matches everywhere"); "a pattern that cannot be meant")]
    #[test_case(&[("LOGCTL_ENDPOINT", "https://a"), ("LOGCTL_AUTH", "basic"), ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_REGION", "r")], Some("LOGCTL_SECRET: not set"); "no secret")]
    #[test_case(&[("LOGCTL_ENDPOINT", "https://a"), ("LOGCTL_AUTH", "none")], None; "complete")]
    fn configuration(variables: &[(&str, &str)], expected: Option<&str>) {
        assert_eq!(problem(variables).as_deref(), expected);
    }
}
