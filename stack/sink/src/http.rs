//! The HTTP client: keep-alive, TLS by rustls with ring, bounded answers.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{HeaderMap, Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// Answers longer than this many bytes are an error.
const MAX_ANSWER: usize = 16 << 20;

/// A client that keeps its connections.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The beginning of the body, for an error message.
    #[must_use]
    pub fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(300)]);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No connection, or one that broke.
    #[error("cannot reach {host}: {cause}")]
    Connection {
        /// The host.
        host: String,
        /// What the connection said, down to its first cause.
        cause: String,
    },
    /// It took too long.
    #[error("{host} did not answer within {seconds} seconds")]
    Timeout {
        /// The host.
        host: String,
        /// How long it was given.
        seconds: u64,
    },
    /// The answer is longer than anything that was asked for.
    #[error("the answer of {host} is longer than {MAX_ANSWER} bytes")]
    TooLong {
        /// The host.
        host: String,
    },
}

impl HttpClient {
    /// A client without connections. It trusts the public authorities, and those of `authorities` in PEM.
    ///
    /// # Errors
    /// When `authorities` cannot be read.
    ///
    /// # Panics
    /// Never: ring supports the protocol versions that rustls takes by itself.
    pub fn new(authorities: Option<&str>) -> Result<Self, String> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(Duration::from_secs(5)));
        connector.set_nodelay(true);
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for certificate in CertificateDer::pem_slice_iter(authorities.unwrap_or_default().as_bytes()) {
            let certificate = certificate.map_err(|error| format!("not a certificate in PEM: {error}"))?;
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
        if authorities.is_some() && roots.len() == webpki_roots::TLS_SERVER_ROOTS.len() {
            return Err("no certificate in PEM".to_owned());
        }
        #[expect(clippy::expect_used, reason = "fails only for a provider without TLS 1.2 and 1.3")]
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the default protocol versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_mins(1))
            .build(connector);
        Ok(Self { client })
    }

    /// Sends `request` and reads the whole answer, both within `timeout`.
    ///
    /// # Errors
    /// When there is no whole answer in time. Every status is an answer.
    pub async fn send(&self, request: Request<Bytes>, timeout: Duration) -> Result<Answer, HttpError> {
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        match tokio::time::timeout(timeout, self.exchange(request, &host)).await {
            Ok(answer) => answer,
            Err(_) => Err(HttpError::Timeout { host, seconds: timeout.as_secs() }),
        }
    }

    async fn exchange(&self, request: Request<Bytes>, host: &str) -> Result<Answer, HttpError> {
        let broken =
            |error: &dyn std::error::Error| HttpError::Connection { host: host.to_owned(), cause: root(error) };
        let answer = self.client.request(request.map(Full::new)).await.map_err(|error| broken(&error))?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                HttpError::TooLong { host: host.to_owned() }
            } else {
                broken(error.as_ref())
            }
        })?;
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
    }
}

/// The first cause of an error: hyper's own texts say only that something failed.
fn root(error: &dyn std::error::Error) -> String {
    let mut cause = error.source();
    let mut text = error.to_string();
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    text
}
