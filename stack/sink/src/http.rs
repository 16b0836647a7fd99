//! The HTTP client: keep-alive, TLS by rustls with ring, bounded answers.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
#[cfg(feature = "proxy")]
use hyper::Uri;
use hyper::{HeaderMap, Request, StatusCode, body::Body as _};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
#[cfg(feature = "proxy")]
use hyper_util::client::{legacy::connect::proxy::Tunnel as TunnelConnector, proxy::matcher::Matcher};
use hyper_util::{
    client::legacy::{
        Client, ResponseFuture,
        connect::{Connect, HttpConnector},
    },
    rt::{TokioExecutor, TokioTimer},
};
pub use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore, pki_types::pem::PemObject as _};

/// Answers longer than this many bytes are an error, unless the caller says otherwise.
const MAX_RESPONSE: usize = 16 << 20;

/// A client that keeps its connections. It follows no redirect: who is asked is who was meant.
#[derive(Debug, Clone)]
pub struct HttpClient {
    direct: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    #[cfg(feature = "proxy")]
    tunnel: Option<Tunnel>,
    max_response: usize,
}

/// The way through a proxy, for hosts that are not exempt from it.
#[cfg(feature = "proxy")]
#[derive(Debug, Clone)]
struct Tunnel {
    matcher: Arc<Matcher>,
    client: Client<HttpsConnector<TunnelConnector<HttpConnector>>, Full<Bytes>>,
}

/// A whole answer.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Response {
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
    #[error("the answer of {host} is longer than {limit} bytes")]
    TooLong {
        /// The host.
        host: String,
        /// How long it may be.
        limit: usize,
    },
}

impl HttpClient {
    /// A client without connections. It trusts the public authorities, and those of `authorities` in PEM.
    ///
    /// # Errors
    /// When `authorities` cannot be read.
    pub fn new(authorities: Option<&str>) -> Result<Self, String> {
        let own = authorities.map(certificates).unwrap_or_default();
        if authorities.is_some() && own.is_empty() {
            return Err("no certificate in PEM that can be read".to_owned());
        }
        Ok(Self::trusting(&own))
    }

    /// A client without connections. It trusts the public authorities, and these.
    #[must_use]
    pub fn trusting(authorities: &[CertificateDer<'static>]) -> Self {
        Self {
            direct: pooled(http_connector(), tls(authorities)),
            #[cfg(feature = "proxy")]
            tunnel: None,
            max_response: MAX_RESPONSE,
        }
    }

    /// By way of a proxy, for https and for hosts that `exempt` does not name; both as the variables `HTTPS_PROXY` and
    /// `NO_PROXY` have them. This machine is always exempt. It trusts as [`Self::trusting`] does.
    ///
    /// # Errors
    /// Where the proxy is of a kind that is not spoken to.
    #[cfg(feature = "proxy")]
    pub fn with_proxy(
        self,
        authorities: &[CertificateDer<'static>],
        proxy: &str,
        exempt: &str,
    ) -> Result<Self, String> {
        if !(proxy.is_empty() || !proxy.contains("://") || proxy.starts_with("http://")) {
            return Err("a proxy is spoken to by http://; other kinds of proxies are not supported".to_owned());
        }
        let anywhere = Uri::from_static("https://amazonaws.com");
        if proxy.is_empty() {
            return Ok(self);
        }
        let built = || Matcher::builder().https(proxy.to_owned());
        // Past a proxy that cannot be read nobody goes.
        let found = built().build().intercept(&anywhere);
        let found = found.ok_or("the proxy cannot be read: what is no letter of its name or password stands as %XX")?;
        let matcher = Arc::new(built().no(format!("{exempt},localhost,127.0.0.0/8,::1")).build());
        let mut connector = TunnelConnector::new(found.uri().clone(), http_connector());
        if let Some(login) = found.basic_auth() {
            connector = connector.with_auth(login.clone());
        }
        let client = pooled(connector, tls(authorities));
        Ok(Self { tunnel: Some(Tunnel { matcher, client }), ..self })
    }

    /// With room for longer answers.
    #[must_use]
    pub fn with_max_response(self, max_response: usize) -> Self {
        Self { max_response, ..self }
    }

    /// Sends `request` and reads the whole answer, both within `timeout`.
    ///
    /// # Errors
    /// When there is no whole answer in time. Every status is an answer.
    pub async fn send(&self, request: Request<Bytes>, timeout: Duration) -> Result<Response, HttpError> {
        self.send_at_most(self.max_response, request, timeout).await
    }

    /// The same for an answer of so many bytes at most.
    ///
    /// # Errors
    /// Those of [`Self::send`], and when the answer is longer.
    pub async fn send_at_most(
        &self,
        most: usize,
        request: Request<Bytes>,
        timeout: Duration,
    ) -> Result<Response, HttpError> {
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let exchange = self.exchange(request, &host, most.min(self.max_response));
        match tokio::time::timeout(timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(HttpError::Timeout { host, seconds: timeout.as_secs() }),
        }
    }

    #[cfg(not(feature = "proxy"))]
    fn request(&self, request: Request<Full<Bytes>>) -> ResponseFuture {
        self.direct.request(request)
    }

    #[cfg(feature = "proxy")]
    fn request(&self, request: Request<Full<Bytes>>) -> ResponseFuture {
        match &self.tunnel {
            Some(tunnel) if tunnel.matcher.intercept(request.uri()).is_some() => tunnel.client.request(request),
            _ => self.direct.request(request),
        }
    }

    async fn exchange(&self, request: Request<Bytes>, host: &str, most: usize) -> Result<Response, HttpError> {
        let broken =
            |error: &dyn std::error::Error| HttpError::Connection { host: host.to_owned(), cause: root(error) };
        let answer = self.request(request.map(Full::new)).await.map_err(|error| broken(&error))?;
        let (parts, body) = answer.into_parts();
        let too_long = |error: Box<dyn std::error::Error + Send + Sync>| {
            if error.is::<LengthLimitError>() {
                HttpError::TooLong { host: host.to_owned(), limit: most }
            } else {
                broken(error.as_ref())
            }
        };
        // An answer that tells its length is in memory once: what has come of it is not kept beside the whole.
        let length = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        let mut whole = BytesMut::with_capacity(length.min(most));
        let mut body = Limited::new(body, most);
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(too_long)?.into_data() {
                whole.extend_from_slice(&data);
            }
        }
        Ok(Response { status: parts.status, headers: parts.headers, body: whole.freeze() })
    }
}

fn http_connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(Duration::from_secs(5)));
    connector.set_nodelay(true);
    connector
}

/// The certificates of a text in PEM that can be trusted: among the hundred of a system there is always one that nobody reads.
#[must_use]
pub fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
    const END: &str = "-----END CERTIFICATE-----";
    let blocks = pem.split_inclusive(END).filter_map(|block| CertificateDer::from_pem_slice(block.as_bytes()).ok());
    blocks.filter(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok()).collect()
}

#[expect(clippy::expect_used, reason = "fails only for a provider without TLS 1.2 and 1.3")]
fn tls(authorities: &[CertificateDer<'static>]) -> ClientConfig {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(authorities.iter().cloned());
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the default protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn pooled<C>(connector: C, tls: ClientConfig) -> Client<HttpsConnector<C>, Full<Bytes>>
where
    HttpsConnector<C>: Connect + Clone,
{
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(connector);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_mins(1))
        .build(connector)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_not_trusted() {
        const BROKEN: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(certificates(BROKEN).is_empty() && certificates("text").is_empty());
        assert!(HttpClient::new(Some(BROKEN)).is_err() && HttpClient::new(None).is_ok());
    }
}
