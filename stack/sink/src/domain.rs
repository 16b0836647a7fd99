//! The search domain, as the functions reach it.

use std::{
    io::Write as _,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use hyper::{Method, Request, StatusCode, header};
use logctl_core::endpoint::Endpoint;
use serde::Deserialize;

use crate::{
    aws::{AwsClient, AwsError, Signer},
    http::{HttpClient, Response},
};

/// A search domain.
pub struct Domain {
    http: HttpClient,
    /// Scheme and authority, without a slash at the end.
    url: String,
    auth: Auth,
    /// The Region and the service of its signatures.
    signed_for: (Option<String>, &'static str),
}

/// How requests prove who sends them.
pub enum Auth {
    /// They do not.
    None,
    /// A signature, the content's hash included; for the Region and the service that the host names.
    SigV4(Signer),
    /// Name and password out of a secret.
    Basic(Box<Secret>),
}

/// Name and password in Secrets Manager: `{"username":"…","password":"…","host":"…"}`. They are read when they are first
/// needed, and again when the domain refuses them, since secrets rotate. Where the secret names its host, no other is ever
/// told the password, whatever endpoint somebody has given the stack.
pub struct Secret {
    aws: AwsClient,
    id: String,
    /// The host that would be told.
    host: String,
    header: Mutex<Option<String>>,
}

/// What the secret holds.
#[derive(Deserialize)]
struct Login {
    username: String,
    password: String,
    host: Option<String>,
}

/// A host without scheme, port and what follows, in lower case.
fn bare(host: &str) -> String {
    let host = host.split_once("://").map_or(host, |(_, rest)| rest);
    let host = host.split(['/', '?']).next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(name, port)| if port.parse::<u16>().is_ok() { name } else { host });
    host.trim_matches(['[', ']']).to_lowercase()
}

impl Secret {
    /// The secret of this name or ARN, for the domain at `host`.
    #[must_use]
    pub fn new(aws: AwsClient, id: String, host: &str) -> Self {
        Self { aws, id, host: host.to_owned(), header: Mutex::new(None) }
    }

    async fn header(&self) -> Result<String, AwsError> {
        if let Some(header) = self.known().clone() {
            return Ok(header);
        }
        let header = format!("Basic {}", base64_simd::STANDARD.encode_to_string(self.credentials().await?.join(":")));
        *self.known() = Some(header.clone());
        Ok(header)
    }

    /// Name and password as they are now.
    ///
    /// # Errors
    /// When the secret cannot be read, is of another form, or of another host.
    pub async fn credentials(&self) -> Result<[String; 2], AwsError> {
        let login = self.login().await?;
        Ok([login.username, login.password])
    }

    /// Whether the secret says of which host it is.
    ///
    /// # Errors
    /// Those of [`Self::credentials`].
    pub async fn is_bound(&self) -> Result<bool, AwsError> {
        Ok(self.login().await?.host.is_some())
    }

    async fn login(&self) -> Result<Login, AwsError> {
        let secret = self.aws.secret(&self.id).await?;
        // What the parser says would quote the secret.
        let login: Login = serde_json::from_str(&secret)
            .map_err(|_| AwsError::Request("the domain's secret has no username and password".to_owned()))?;
        match &login.host {
            Some(host) if bare(host) != self.host => Err(AwsError::Request(format!(
                "the domain's secret is of {}, and nobody else is told it; the stack names {}",
                bare(host),
                self.host
            ))),
            _ => Ok(login),
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.header.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Domain {
    /// The domain at `url`.
    #[must_use]
    pub fn new(http: HttpClient, url: &str, auth: Auth) -> Self {
        let endpoint: Option<Endpoint> = url.parse().ok();
        let named = endpoint.as_ref().and_then(Endpoint::signed_for);
        let signed_for = named.map_or((None, "es"), |(region, service)| (Some(region.to_owned()), service));
        Self { http, url: url.trim_end_matches('/').to_owned(), auth, signed_for }
    }

    /// With the Region of the domain, for a host that does not name its own.
    #[must_use]
    pub fn in_region(mut self, region: Option<String>) -> Self {
        self.signed_for.0 = self.signed_for.0.or(region);
        self
    }

    /// Sends JSON, or nothing where `body` is empty.
    ///
    /// # Errors
    /// When there is no answer; every status is one.
    pub async fn send(&self, method: Method, path: &str, body: Bytes, timeout: Duration) -> Result<Response, AwsError> {
        self.send_at_most(usize::MAX, method, path, body, timeout).await
    }

    /// The same for an answer of so many bytes at most.
    ///
    /// # Errors
    /// Those of [`Self::send`], and when the answer is longer.
    pub async fn send_at_most(
        &self,
        most: usize,
        method: Method,
        path: &str,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Response, AwsError> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(header::CONTENT_TYPE, "application/json");
        self.dispatch(request.body(body), timeout, most).await
    }

    /// Sends a bulk body that is compressed: logs are repetitive, and the network costs more than the CPU.
    ///
    /// # Errors
    /// When there is no answer; every status is one.
    pub async fn send_bulk(&self, path: &str, gzipped: Bytes, timeout: Duration) -> Result<Response, AwsError> {
        let request = Request::post(format!("{}{path}", self.url))
            .header(header::CONTENT_TYPE, "application/x-ndjson")
            .header(header::CONTENT_ENCODING, "gzip");
        self.dispatch(request.body(gzipped), timeout, usize::MAX).await
    }

    async fn dispatch(
        &self,
        request: hyper::http::Result<Request<Bytes>>,
        timeout: Duration,
        most: usize,
    ) -> Result<Response, AwsError> {
        let mut request = request.map_err(|error| AwsError::Request(error.to_string()))?;
        match &self.auth {
            Auth::None => {}
            Auth::SigV4(signer) => match &self.signed_for {
                (Some(region), service) => signer.clone().in_region(region).sign(&mut request, service)?,
                (None, service) => signer.sign(&mut request, service)?,
            },
            Auth::Basic(secret) => {
                let value = secret.header().await?.parse();
                let mut value: header::HeaderValue =
                    value.map_err(|_| AwsError::Request("the domain's secret is no header".to_owned()))?;
                value.set_sensitive(true);
                request.headers_mut().insert(header::AUTHORIZATION, value);
            }
        }
        let answer = self.http.send_at_most(most, request, timeout).await?;
        if let Auth::Basic(secret) = &self.auth
            && answer.status == StatusCode::UNAUTHORIZED
        {
            *secret.known() = None;
        }
        Ok(answer)
    }
}

/// Compresses with the least effort.
///
/// # Panics
/// Never: writing into memory does not fail.
#[must_use]
#[expect(clippy::expect_used, reason = "a Vec takes every byte")]
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    gzip.write_all(bytes).and_then(|()| gzip.finish()).expect("writing into memory")
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("search-x.eu-west-1.es.amazonaws.com", "search-x.eu-west-1.es.amazonaws.com"; "a host")]
    #[test_case("https://Search-X.example:443/", "search-x.example"; "an endpoint")]
    #[test_case("[::1]:9200", "::1"; "an address with a port")]
    fn hosts_are_compared_bare(text: &str, host: &str) {
        assert_eq!(bare(text), host);
    }
}
