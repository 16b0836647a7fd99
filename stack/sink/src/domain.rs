//! The search domain, as the functions reach it.

use std::{io::Write as _, time::Duration};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use hyper::{Method, Request, header};

use crate::{
    aws::{AwsError, Signer},
    http::{Answer, HttpClient},
};

/// A search domain.
#[derive(Clone)]
pub struct Domain {
    http: HttpClient,
    /// Scheme and authority, without a slash at the end.
    url: String,
    signer: Option<Signer>,
}

impl Domain {
    /// The domain at `url`; its requests are signed where there is a `signer`.
    #[must_use]
    pub fn new(http: HttpClient, url: &str, signer: Option<Signer>) -> Self {
        Self { http, url: url.trim_end_matches('/').to_owned(), signer }
    }

    /// Sends JSON, or nothing where `body` is empty.
    ///
    /// # Errors
    /// When there is no answer; every status is one.
    pub async fn send(&self, method: Method, path: &str, body: Bytes, timeout: Duration) -> Result<Answer, AwsError> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(header::CONTENT_TYPE, "application/json");
        self.dispatch(request.body(body), timeout).await
    }

    /// Sends a bulk body, compressed: logs are repetitive, and the network costs more than the CPU.
    ///
    /// # Errors
    /// When there is no answer; every status is one.
    pub async fn send_bulk(&self, path: &str, body: &[u8], timeout: Duration) -> Result<Answer, AwsError> {
        let request = Request::post(format!("{}{path}", self.url))
            .header(header::CONTENT_TYPE, "application/x-ndjson")
            .header(header::CONTENT_ENCODING, "gzip");
        self.dispatch(request.body(gzip(body).into()), timeout).await
    }

    async fn dispatch(
        &self,
        request: hyper::http::Result<Request<Bytes>>,
        timeout: Duration,
    ) -> Result<Answer, AwsError> {
        let mut request = request.map_err(|error| AwsError::Request(error.to_string()))?;
        if let Some(signer) = &self.signer {
            signer.sign(&mut request, "es")?;
        }
        Ok(self.http.send(request, timeout).await?)
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
