//! Signed requests to AWS.
//!
//! Signatures are made by the SDK's own crate; around them stands only what the functions need: calls of the JSON
//! protocol and objects of S3.

pub mod s3;
mod sign;
pub mod xml;

use std::time::Duration;

use bytes::Bytes;
use hyper::{Request, StatusCode, header};
use logctl_core::service;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::http::{HttpClient, HttpError, Response};

pub use sign::{SignatureError, Signer};

/// What a signature escapes in a path or a query: everything but letters, digits and these.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// How long one call may take, unless the caller says otherwise.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// No answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// AWS refused.
    #[error("{code}: {message}")]
    Service {
        /// The error code, by which errors are told apart.
        code: String,
        /// What AWS says about it.
        message: String,
    },
    /// The request could not be signed.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The request could not be built.
    #[error("the request could not be built: {0}")]
    Request(String),
    /// The answer is not what the API promises.
    #[error("the answer of {service} could not be read: {cause}")]
    Response {
        /// The service.
        service: &'static str,
        /// What is wrong with it.
        cause: serde_json::Error,
    },
}

impl AwsError {
    /// The error code of AWS, where the error came from there.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Service { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Whether AWS asks to come back later. CloudWatch Logs says so with HTTP 400, so the code decides.
    #[must_use]
    pub fn is_throttling(&self) -> bool {
        self.code().is_some_and(service::is_throttling)
    }

    /// Whether the same call may succeed a moment later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.is_throttling() || matches!(self, Self::Http(_)) || self.code().is_some_and(service::is_passing)
    }
}

/// The AWS APIs that the functions call.
#[derive(Clone)]
pub struct AwsClient {
    http: HttpClient,
    signer: Signer,
    dns_suffix: &'static str,
    /// Stands in for every service, as `AWS_ENDPOINT_URL` does for the SDKs.
    endpoint: Option<String>,
    timeout: Duration,
}

impl AwsClient {
    /// A client; `endpoint` replaces the hosts of all services.
    #[must_use]
    pub fn new(http: HttpClient, signer: Signer, endpoint: Option<String>) -> Self {
        let dns_suffix = if signer.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        Self { http, signer, dns_suffix, endpoint, timeout: TIMEOUT }
    }

    /// With more time for each call: not every caller sits beside the service.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Calls an operation of CloudWatch Logs.
    ///
    /// # Errors
    /// When it fails; nothing is retried here.
    pub async fn logs<T: DeserializeOwned>(&self, operation: &str, input: &impl Serialize) -> Result<T, AwsError> {
        self.call("logs", &format!("Logs_20140328.{operation}"), input).await
    }

    /// The value of a secret, which may be a name or an ARN.
    ///
    /// # Errors
    /// When it cannot be had; nothing is retried here.
    pub async fn secret(&self, id: &str) -> Result<String, AwsError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Output {
            secret_string: String,
        }
        let output: Output =
            self.call("secretsmanager", "secretsmanager.GetSecretValue", &json!({"SecretId": id})).await?;
        Ok(output.secret_string)
    }

    /// Invokes a function asynchronously: it is queued, and tried again where it fails.
    ///
    /// # Errors
    /// When it could not be queued; nothing is retried here.
    pub async fn invoke_later(&self, function: &str, payload: Bytes) -> Result<(), AwsError> {
        let path = format!("2015-03-31/functions/{}/invocations", utf8_percent_encode(function, ESCAPED));
        let request = Request::post(format!("{}{path}", self.url("lambda")))
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-amz-invocation-type", "Event");
        self.send("lambda", request.body(payload)).await.map(drop)
    }

    /// Calls an operation of a service that speaks the JSON protocol; `target` names both.
    ///
    /// # Errors
    /// When it fails; nothing is retried here.
    pub async fn call<T: DeserializeOwned>(
        &self,
        service: &'static str,
        target: &str,
        input: &impl Serialize,
    ) -> Result<T, AwsError> {
        let request = Request::post(self.url(service))
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(serde_json::to_vec(input).map_err(|error| AwsError::Request(error.to_string()))?.into());
        let answer = self.send(service, request).await?;
        let body: &[u8] = if answer.body.is_empty() { b"{}" } else { &answer.body };
        serde_json::from_slice(body).map_err(|cause| AwsError::Response { service, cause })
    }

    fn url(&self, service: &str) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("{endpoint}/"),
            None => format!("https://{service}.{}.{}/", self.signer.region, self.dns_suffix),
        }
    }

    /// Where a bucket answers, without a slash at the end.
    fn bucket_url(&self, bucket: &str) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("{endpoint}/{bucket}"),
            None => format!("https://{bucket}.s3.{}.{}", self.signer.region, self.dns_suffix),
        }
    }

    async fn send(&self, service: &str, request: hyper::http::Result<Request<Bytes>>) -> Result<Response, AwsError> {
        let mut request = request.map_err(|error| AwsError::Request(error.to_string()))?;
        self.signer.sign(&mut request, service)?;
        let answer = self.http.send(request, self.timeout).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(service_error(&answer)) }
    }
}

/// Reads the error of the JSON protocol, or of S3's XML.
fn service_error(answer: &Response) -> AwsError {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "__type")]
        code: String,
        #[serde(alias = "Message", default)]
        message: String,
    }
    if let Ok(wire) = serde_json::from_slice::<Wire>(&answer.body) {
        let code = wire.code.rsplit('#').next().unwrap_or_default().to_owned();
        return AwsError::Service { code, message: wire.message };
    }
    // Lambda's API names the error in a header.
    let named = answer.headers.get("x-amzn-errortype").and_then(|name| name.to_str().ok());
    if let Some(name) = named {
        let code = name.split(':').next().unwrap_or_default().to_owned();
        return AwsError::Service { code, message: answer.excerpt() };
    }
    let text = String::from_utf8_lossy(&answer.body);
    AwsError::Service {
        code: xml::texts(&text, "Code").next().unwrap_or_else(|| status_code(answer.status)),
        message: xml::texts(&text, "Message").next().unwrap_or_else(|| answer.excerpt()),
    }
}

fn status_code(status: StatusCode) -> String {
    if status.is_server_error() { "InternalFailure".to_owned() } else { format!("status {}", status.as_u16()) }
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;
    use test_case::test_case;

    use super::*;

    #[test_case(400, r#"{"__type":"com.amazonaws#ThrottlingException","message":"Rate exceeded"}"#, "ThrottlingException: Rate exceeded", true; "throttled with 400")]
    #[test_case(400, r#"{"__type":"LimitExceededException","Message":"m"}"#, "LimitExceededException: m", false; "a limit is no throttling")]
    #[test_case(403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>", "AccessDenied: no", false; "xml")]
    #[test_case(503, "<html> oops </html>", "InternalFailure: <html> oops </html>", false; "a page")]
    fn errors(status: u16, body: &str, text: &str, throttling: bool) {
        let answer = Response {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        let error = service_error(&answer);
        assert_eq!((error.to_string().as_str(), error.is_throttling()), (text, throttling));
    }
}
