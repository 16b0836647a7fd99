//! A domain, reached directly by the `opensearch` client.

use std::{error::Error as StdError, fmt, str::FromStr, time::Duration};

use aws_config::SdkConfig;
use logctl_core::auth::AuthMode;
use opensearch::{
    auth::Credentials,
    cert::{Certificate, CertificateValidation},
    http::{
        Method, Url,
        headers::HeaderMap,
        transport::{SingleNodeConnectionPool, Transport, TransportBuilder},
    },
};
use serde_json::Value;

use crate::error::{Error, Kind};

/// Answers longer than this are not read.
const MAX_ANSWER: u64 = 256 << 20;

/// Where a domain answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        url.map(Self)
            .ok_or_else(|| "an endpoint looks like https://search-logs-abc.eu-west-1.es.amazonaws.com".to_owned())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.as_str().trim_end_matches('/'))
    }
}

impl Endpoint {
    /// What its host wants.
    #[must_use]
    pub fn auth(&self) -> AuthMode {
        AuthMode::of_host(self.host())
    }

    fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }
}

/// Why a domain has not answered what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// No connection, or one that broke.
    #[error("cannot reach the domain {endpoint}: {cause}")]
    Unreachable {
        /// Where.
        endpoint: Endpoint,
        /// What the connection said.
        cause: String,
    },
    /// It takes too long.
    #[error("the domain {endpoint} did not answer in time")]
    Timeout {
        /// Where.
        endpoint: Endpoint,
    },
    /// There is nothing to sign with.
    #[error("the request to {endpoint} could not be signed: {cause}")]
    Credentials {
        /// Where.
        endpoint: Endpoint,
        /// What is missing.
        cause: String,
    },
    /// It does not admit the caller.
    #[error("the domain {endpoint} does not admit these credentials")]
    Denied {
        /// Where.
        endpoint: Endpoint,
        /// What it says.
        reason: String,
    },
    /// It has too much to do.
    #[error("the domain {endpoint} is overloaded")]
    Overloaded {
        /// Where.
        endpoint: Endpoint,
    },
    /// It is something else.
    #[error("{endpoint} is not a search engine")]
    NoEngine {
        /// Where.
        endpoint: Endpoint,
    },
    /// It does not take the request.
    #[error("the domain {endpoint} refuses the request: {reason}")]
    Refused {
        /// Where.
        endpoint: Endpoint,
        /// The HTTP status.
        status: u16,
        /// What it says.
        reason: String,
    },
}

impl From<IndexError> for Error {
    fn from(error: IndexError) -> Self {
        let message = error.to_string();
        match error {
            IndexError::Unreachable { .. } => {
                Self::failed(message).hint("check the endpoint and the network; in the sandbox: sandbox/sandbox up")
            }
            IndexError::Timeout { .. } => {
                Self::failed(message).hint("ask for a shorter time range, or raise --timeout")
            }
            IndexError::Credentials { .. } => {
                Self::new(Kind::Denied, message).hint("log in (aws sso login), or choose a profile with --profile")
            }
            IndexError::Denied { reason, .. } if reason.is_empty() => Self::new(Kind::Denied, message),
            IndexError::Denied { reason, .. } => Self::new(Kind::Denied, message).because(reason),
            IndexError::Overloaded { .. } => {
                Self::new(Kind::Throttled, message).hint("try again in a minute, or ask for a shorter time range")
            }
            IndexError::NoEngine { .. } => {
                Self::failed(message).hint("the endpoint is the domain's own address, not that of its Dashboards")
            }
            IndexError::Refused { .. } => Self::failed(message),
        }
    }
}

/// How requests to a domain prove who sends them.
#[derive(Debug, Clone, Copy)]
pub enum Access<'a> {
    /// They do not.
    Open,
    /// A signature.
    Signed(&'a SdkConfig),
    /// Name and password.
    Login(&'a [String; 2]),
}

/// A domain.
pub struct Index {
    transport: Transport,
    endpoint: Endpoint,
}

impl Index {
    /// The domain at `endpoint`. Each request may take `timeout`; `authority` is a certificate in PEM that is trusted
    /// beside the public ones.
    ///
    /// # Errors
    /// When there is nothing to sign with, or the certificate cannot be read.
    pub fn new(
        endpoint: &Endpoint,
        access: Access<'_>,
        authority: Option<&str>,
        timeout: Duration,
    ) -> Result<Self, IndexError> {
        let unsigned =
            |cause: &dyn fmt::Display| IndexError::Credentials { endpoint: endpoint.clone(), cause: cause.to_string() };
        let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(endpoint.0.clone())).timeout(timeout);
        if matches!(endpoint.host(), "127.0.0.1" | "localhost" | "[::1]") {
            builder = builder.disable_proxy();
        }
        if let Some(pem) = authority.filter(|pem| !pem.is_empty()) {
            let certificate = Certificate::from_pem(pem.as_bytes()).map_err(|error| unsigned(&error))?;
            builder = builder.cert_validation(CertificateValidation::Full(certificate));
        }
        match access {
            Access::Open => {}
            Access::Signed(config) => {
                let credentials = Credentials::try_from(config).map_err(|error| unsigned(&error))?;
                builder = builder.auth(credentials).service_name("es");
            }
            Access::Login([name, password]) => {
                builder = builder.auth(Credentials::Basic(name.clone(), password.clone()));
            }
        }
        let transport = builder.build().map_err(|error| unsigned(&error))?;
        Ok(Self { transport, endpoint: endpoint.clone() })
    }

    /// Asks something, with JSON in and out.
    ///
    /// # Errors
    /// When the domain cannot be reached, refuses, or is no search engine.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, IndexError> {
        let endpoint = self.endpoint.clone();
        let body = body.map(Value::to_string);
        let answer = self.transport.send(method, path, HeaderMap::new(), None::<&()>, body, None).await;
        let answer = answer.map_err(|error| self.failed(&error))?;
        let status = answer.status_code().as_u16();
        if answer.content_length().is_some_and(|length| length > MAX_ANSWER) {
            return Err(IndexError::Refused {
                endpoint,
                status,
                reason: "its answer is too long; ask for fewer events".to_owned(),
            });
        }
        let text = answer.text().await.map_err(|error| self.failed(&error))?;
        let json: Option<Value> = serde_json::from_str(&text).ok();
        let reason = || json.as_ref().and_then(reason);
        match status {
            200..300 => json.ok_or(IndexError::NoEngine { endpoint }),
            401 | 403 => Err(IndexError::Denied { endpoint, reason: reason().unwrap_or_default() }),
            429 => Err(IndexError::Overloaded { endpoint }),
            _ => Err(IndexError::Refused {
                endpoint,
                status,
                reason: reason().unwrap_or_else(|| format!("status {status}")),
            }),
        }
    }

    /// Checks that the endpoint is a search engine.
    ///
    /// # Errors
    /// When it is not, or does not answer.
    pub async fn check(&self) -> Result<(), IndexError> {
        let no_engine = || IndexError::NoEngine { endpoint: self.endpoint.clone() };
        match self.ask(Method::Get, "/", None).await {
            Ok(root) if root.pointer("/version/number").is_some() => Ok(()),
            Ok(_) | Err(IndexError::Refused { status: 300..500, .. }) => Err(no_engine()),
            Err(error) => Err(error),
        }
    }

    fn failed(&self, error: &opensearch::Error) -> IndexError {
        let endpoint = self.endpoint.clone();
        let causes = std::iter::successors(error.source(), |&cause| cause.source());
        let cause = causes.last().map_or_else(|| error.to_string(), ToString::to_string);
        if error.is_timeout() {
            IndexError::Timeout { endpoint }
        } else if error.to_string().contains("Signing") {
            IndexError::Credentials { endpoint, cause }
        } else {
            IndexError::Unreachable { endpoint, cause }
        }
    }
}

fn reason(answer: &Value) -> Option<String> {
    let reason = answer
        .pointer("/error/root_cause/0/reason")
        .or_else(|| answer.pointer("/error/reason"))
        .or_else(|| answer.get("Message"))
        .or_else(|| answer.get("message"))?;
    reason.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("https://search-x.eu-west-1.es.amazonaws.com", AuthMode::SigV4)]
    #[test_case("https://search-x.eu-west-1.es.amazonaws.com:443/", AuthMode::SigV4)]
    #[test_case("http://127.0.0.1:9200", AuthMode::None)]
    fn endpoints_and_their_auth(endpoint: &str, auth: AuthMode) {
        assert_eq!(endpoint.parse::<Endpoint>().unwrap().auth(), auth);
    }

    #[test_case("localhost:9200"; "no scheme")]
    #[test_case("ftp://x"; "another scheme")]
    #[test_case(""; "nothing")]
    fn no_endpoints(text: &str) {
        assert!(text.parse::<Endpoint>().is_err());
    }
}
