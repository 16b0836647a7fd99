//! A domain, reached directly by the `opensearch` client.

use std::{error::Error as _, time::Duration};

use aws_config::SdkConfig;
use opensearch::{
    auth::Credentials,
    http::{
        Method, Url,
        headers::HeaderMap,
        transport::{SingleNodeConnectionPool, Transport, TransportBuilder},
    },
};
use serde_json::Value;

use crate::error::{Error, Kind};

/// How requests prove who sends them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Auth {
    /// A SigV4 signature with the AWS credentials
    Sigv4,
    /// Nothing
    None,
}

impl Auth {
    /// What an endpoint wants: those of AWS are signed for.
    #[must_use]
    pub fn of(endpoint: &str) -> Self {
        let host = endpoint.trim_end_matches('/').split("://").nth(1).unwrap_or_default();
        if host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn") { Self::Sigv4 } else { Self::None }
    }
}

/// A domain.
pub struct Index {
    transport: Transport,
    endpoint: String,
}

impl Index {
    /// The domain at `endpoint`. Requests are signed where there is a configuration of AWS; each may take `timeout`.
    ///
    /// # Errors
    /// Wrong usage where the endpoint is no URL.
    pub fn new(endpoint: &str, aws: Option<&SdkConfig>, timeout: Duration) -> Result<Self, Error> {
        let wrong = |cause: &dyn std::fmt::Display| {
            Error::new(Kind::Usage, format!("`{endpoint}` is no endpoint"))
                .because(cause)
                .hint("an endpoint looks like https://search-logs-abc.eu-west-1.es.amazonaws.com")
        };
        let url = Url::parse(endpoint).map_err(|error| wrong(&error))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong(&"it does not start with https:// or http://"));
        }
        let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(url)).timeout(timeout);
        if endpoint.contains("://127.0.0.1") || endpoint.contains("://localhost") {
            builder = builder.disable_proxy();
        }
        if let Some(config) = aws {
            let credentials = Credentials::try_from(config).map_err(|error| wrong(&error))?;
            builder = builder.auth(credentials).service_name("es");
        }
        let transport = builder.build().map_err(|error| wrong(&error))?;
        Ok(Self { transport, endpoint: endpoint.trim_end_matches('/').to_owned() })
    }

    /// Asks something, with JSON in and out.
    ///
    /// # Errors
    /// When the domain cannot be reached, refuses, or is no search engine.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        let body = body.map(Value::to_string);
        let answer = self.transport.send(method, path, HeaderMap::new(), None::<&()>, body, None).await;
        let answer = answer.map_err(|error| self.unreachable(&error))?;
        let status = answer.status_code();
        let text = answer.text().await.map_err(|error| self.unreachable(&error))?;
        let json: Option<Value> = serde_json::from_str(&text).ok();
        match (status.as_u16(), json) {
            (200..300, Some(json)) => Ok(json),
            (200..300, None) => Err(self.no_engine()),
            (401 | 403, json) => Err(self.denied(json.as_ref())),
            (429, _) => Err(Error::new(Kind::Throttled, format!("the domain {} is overloaded", self.endpoint))
                .hint("try again in a minute, or ask for a shorter time range")),
            (status, json) => Err(self.refused(status, json.as_ref())),
        }
    }

    /// Checks that the endpoint is a search engine.
    ///
    /// # Errors
    /// When it is not, or does not answer.
    pub async fn check(&self) -> Result<(), Error> {
        let root = self.ask(Method::Get, "/", None).await?;
        if root.pointer("/version/number").is_some() { Ok(()) } else { Err(self.no_engine()) }
    }

    fn unreachable(&self, error: &opensearch::Error) -> Error {
        let causes = std::iter::successors(error.source(), |&cause| cause.source());
        let last = causes.last().map_or_else(|| error.to_string(), ToString::to_string);
        let message = if error.is_timeout() {
            format!("the domain {} did not answer in time", self.endpoint)
        } else {
            format!("cannot reach the domain {}: {last}", self.endpoint)
        };
        Error::failed(message).hint("check the endpoint and the network; in the sandbox: sandbox/sandbox up")
    }

    fn no_engine(&self) -> Error {
        Error::failed(format!("{} is not a search engine", self.endpoint))
            .hint("the endpoint is the domain's own address, not that of its Dashboards")
    }

    fn denied(&self, answer: Option<&Value>) -> Error {
        let error = Error::new(Kind::Denied, format!("the domain {} does not admit these credentials", self.endpoint));
        match answer.and_then(reason) {
            Some(reason) => error.because(reason),
            None => error,
        }
    }

    fn refused(&self, status: u16, answer: Option<&Value>) -> Error {
        let reason = answer.and_then(reason).unwrap_or_else(|| format!("status {status}"));
        Error::failed(format!("the domain {} refuses the request: {reason}", self.endpoint))
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

    #[test_case("https://search-x.eu-west-1.es.amazonaws.com", Auth::Sigv4)]
    #[test_case("https://search-x.cn-north-1.es.amazonaws.com.cn/", Auth::Sigv4)]
    #[test_case("http://127.0.0.1:9200", Auth::None)]
    #[test_case("https://search.example.com", Auth::None)]
    fn endpoints_and_their_auth(endpoint: &str, auth: Auth) {
        assert_eq!(Auth::of(endpoint), auth);
    }
}
