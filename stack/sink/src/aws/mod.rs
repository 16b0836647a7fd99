//! Signed requests to AWS.
//!
//! Signatures are made by the SDK's own crate; around them stands only what the functions need: calls of the JSON
//! protocol and objects of S3.

mod domains;
mod functions;
pub mod s3;
mod sign;
pub mod xml;

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use hyper::{Request, StatusCode, header};
use logctl_core::{coverage::Filter, partition::Partition, service};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::http::{HttpClient, HttpError, Response};

pub use domains::DomainStatus;
pub use functions::{EventSource, FunctionStatus, Invoked};
pub use sign::{SignatureError, Signer};

/// What a signature escapes in a path or a query: everything but letters, digits and these.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// How long one call may take, unless the caller says otherwise.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Headers by which AWS tells the id of a request; an answer without one is taken for somebody else's:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonResponseHeaders.html>.
pub const REQUEST_IDS: [&str; 2] = ["x-amzn-requestid", "x-amz-request-id"];

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
        /// The HTTP status.
        status: u16,
    },
    /// Somebody else has answered, with a status of success: the call has not come to AWS.
    #[error("somebody answers who is not AWS: {beginning}")]
    NotAws {
        /// The HTTP status.
        status: u16,
        /// What the answer begins with.
        beginning: String,
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

    /// Whether the answer is longer than any that is expected.
    #[must_use]
    pub fn is_too_long(&self) -> bool {
        matches!(self, Self::Http(HttpError::TooLong { .. }))
    }

    /// Whether the same call may succeed a moment later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        let broken = matches!(self, Self::Http(_)) && !self.is_too_long();
        let inside = matches!(self, Self::Service { status: 500.., .. }); // Each service has a name of its own for it.
        broken || inside || self.is_throttling() || self.code().is_some_and(service::is_passing)
    }
}

/// What is not there is an answer.
fn absent<T>(found: Result<T, AwsError>) -> Result<Option<T>, AwsError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code() == Some(service::NOT_FOUND) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A rule of EventBridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Whether it is on.
    pub enabled: bool,
    /// Which events it is for, where it is for any.
    pub pattern: Option<Value>,
    /// When it fires, where it does so by itself.
    pub schedule: Option<String>,
    /// What it calls.
    pub targets: Vec<RuleTarget>,
}

/// What a rule calls:
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html>.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RuleTarget {
    /// Its ARN.
    pub arn: String,
    /// What it is called with instead of the event.
    #[serde(default)]
    pub input: Option<String>,
    /// A part of the event that it is called with.
    #[serde(default)]
    pub input_path: Option<String>,
    /// What it is called with that is made of the event.
    #[serde(default)]
    pub input_transformer: Option<Value>,
}

/// The AWS APIs that the functions call.
#[derive(Clone)]
pub struct AwsClient {
    http: HttpClient,
    signer: Signer,
    hosts: Hosts,
    timeout: Duration,
}

/// Where the services answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts {
    /// Stands in for every service, as `AWS_ENDPOINT_URL` does for the SDKs.
    pub all: Option<String>,
    /// Stand in for one, by its name, as `AWS_ENDPOINT_URL_S3` does.
    pub of_service: BTreeMap<&'static str, String>,
    /// Whether the hosts are those with validated cryptography.
    pub fips: bool,
    /// Whether they answer by IPv6, too.
    pub dual_stack: bool,
}

impl Hosts {
    /// Where a service answers, or what stands in for it; without a slash at the end.
    ///
    /// <https://docs.aws.amazon.com/general/latest/gr/rande.html>
    #[must_use]
    pub fn url(&self, service: &str, region: &str) -> String {
        self.instead(service).unwrap_or_else(|| format!("https://{}", self.host(service, region)))
    }

    fn instead(&self, service: &str) -> Option<String> {
        self.of_service.get(service).or(self.all.as_ref()).map(|url| url.trim_end_matches('/').to_owned())
    }

    fn host(&self, service: &str, region: &str) -> String {
        let partition = Partition::of(region);
        let fips = if self.fips { "-fips" } else { "" };
        match (service, self.dual_stack) {
            // S3 had its names before there was a rule.
            ("s3", true) => format!("s3{fips}.dualstack.{region}.{}", partition.suffix),
            (_, true) => format!("{service}{fips}.{region}.{}", partition.dual_stack),
            (_, false) => format!("{service}{fips}.{region}.{}", partition.suffix),
        }
    }
}

impl AwsClient {
    /// A client; `endpoint` replaces the hosts of all services.
    #[must_use]
    pub fn new(http: HttpClient, signer: Signer, endpoint: Option<String>) -> Self {
        Self { http, signer, hosts: Hosts { all: endpoint, ..Hosts::default() }, timeout: TIMEOUT }
    }

    /// With services that answer elsewhere.
    #[must_use]
    pub fn with_hosts(self, hosts: Hosts) -> Self {
        Self { hosts, ..self }
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

    /// The subscription filters of a log group, those whose names begin with `name` where one is given.
    ///
    /// # Errors
    /// When they cannot be had; nothing is retried here.
    pub async fn subscription_filters(&self, group: &str, name: Option<&str>) -> Result<Vec<Filter>, AwsError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Output {
            subscription_filters: Vec<Filter>,
        }
        let mut input = json!({"logGroupName": group});
        if let Some(name) = name {
            input["filterNamePrefix"] = json!(name);
        }
        let found: Output = self.logs("DescribeSubscriptionFilters", &input).await?;
        Ok(found.subscription_filters)
    }

    /// The Region that it asks.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.signer.region
    }

    /// The full ARN of a secret, by its name or a part of its ARN.
    ///
    /// # Errors
    /// When that cannot be had; nothing is retried here.
    pub async fn secret_arn(&self, id: &str) -> Result<String, AwsError> {
        #[derive(Deserialize)]
        struct Output {
            #[serde(rename = "ARN")]
            arn: String,
        }
        let found: Output =
            self.call("secretsmanager", "secretsmanager.DescribeSecret", &json!({"SecretId": id})).await?;
        Ok(found.arn)
    }

    /// A rule of EventBridge; `None` where there is none of that name.
    ///
    /// # Errors
    /// When that cannot be had; nothing is retried here.
    pub async fn rule(&self, name: &str) -> Result<Option<Rule>, AwsError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Described {
            state: String,
            #[serde(default)]
            event_pattern: Option<String>,
            #[serde(default)]
            schedule_expression: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Listed {
            targets: Vec<RuleTarget>,
        }
        let described = self.call("events", "AWSEvents.DescribeRule", &json!({"Name": name})).await;
        let Some(described) = absent(described)? else { return Ok(None) };
        let Described { state, event_pattern, schedule_expression } = described;
        let listed: Listed = self.call("events", "AWSEvents.ListTargetsByRule", &json!({"Rule": name})).await?;
        let pattern = event_pattern.filter(|pattern| !pattern.is_empty());
        let pattern = pattern.map(|pattern| serde_json::from_str(&pattern)).transpose();
        let pattern = pattern.map_err(|cause| AwsError::Response { service: "events", cause })?;
        let schedule = schedule_expression.filter(|schedule| !schedule.is_empty());
        Ok(Some(Rule { enabled: state.starts_with("ENABLED"), pattern, schedule, targets: listed.targets }))
    }

    /// How many messages wait in a queue, about.
    ///
    /// # Errors
    /// When that cannot be had; nothing is retried here.
    pub async fn queue_depth(&self, url: &str) -> Result<u64, AwsError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Output {
            attributes: Attributes,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Attributes {
            approximate_number_of_messages: String,
        }
        let input = json!({"QueueUrl": url, "AttributeNames": ["ApproximateNumberOfMessages"]});
        let found: Output = self.call("sqs", "AmazonSQS.GetQueueAttributes", &input).await?;
        let number = found.attributes.approximate_number_of_messages;
        number.parse().map_err(|_| AwsError::Request(format!("a queue holds `{number}` messages")))
    }

    /// Puts a message into a queue; it can be taken out after `delay`.
    ///
    /// # Errors
    /// When that fails; nothing is retried here.
    pub async fn queue(&self, url: &str, message: &impl Serialize, delay: Duration) -> Result<(), AwsError> {
        let body = serde_json::to_string(message).map_err(|error| AwsError::Request(error.to_string()))?;
        let input = json!({"QueueUrl": url, "MessageBody": body, "DelaySeconds": delay.as_secs()});
        self.call::<Value>("sqs", "AmazonSQS.SendMessage", &input).await.map(drop)
    }

    /// Calls an operation of a service that speaks the query protocol: `Action=…&Version=…`. Returns XML.
    ///
    /// # Errors
    /// When it fails; nothing is retried here.
    pub async fn query(&self, service: &'static str, form: &str) -> Result<String, AwsError> {
        let request = Request::post(self.url(service))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8")
            .body(Bytes::copy_from_slice(form.as_bytes()));
        let answer = self.send(service, request).await?;
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// Reads what a service that speaks REST keeps at `path`.
    ///
    /// # Errors
    /// When that cannot be had; nothing is retried here.
    async fn get<T: DeserializeOwned>(&self, service: &'static str, path: &str) -> Result<T, AwsError> {
        let request = Request::get(format!("{}{path}", self.url(service)));
        let answer = self.send(service, request.body(Bytes::new())).await?;
        serde_json::from_slice(&answer.body).map_err(|cause| AwsError::Response { service, cause })
    }

    /// Calls an operation of a service that speaks REST, by the path that it has for the operation.
    ///
    /// # Errors
    /// When it fails; nothing is retried here.
    pub async fn post<T: DeserializeOwned>(
        &self,
        service: &'static str,
        path: &str,
        input: &impl Serialize,
    ) -> Result<T, AwsError> {
        let request = Request::post(format!("{}{path}", self.url(service)))
            .header(header::CONTENT_TYPE, "application/json")
            .body(serde_json::to_vec(input).map_err(|error| AwsError::Request(error.to_string()))?.into());
        let answer = self.send(service, request).await?;
        serde_json::from_slice(&answer.body).map_err(|cause| AwsError::Response { service, cause })
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
            .header(
                header::CONTENT_TYPE,
                format!(
                    "application/x-amz-json-{}",
                    if matches!(service, "sqs" | "monitoring") { "1.0" } else { "1.1" }
                ),
            )
            .header("x-amz-target", target)
            .body(serde_json::to_vec(input).map_err(|error| AwsError::Request(error.to_string()))?.into());
        let answer = self.send(service, request).await?;
        let body: &[u8] = if answer.body.is_empty() { b"{}" } else { &answer.body };
        serde_json::from_slice(body).map_err(|cause| AwsError::Response { service, cause })
    }

    fn url(&self, service: &str) -> String {
        format!("{}/", self.hosts.url(service, self.region()))
    }

    /// Where a bucket answers, without a slash at the end.
    fn bucket_url(&self, bucket: &str) -> String {
        match self.hosts.instead("s3") {
            Some(endpoint) => format!("{endpoint}/{bucket}"),
            None => format!("https://{bucket}.{}", self.hosts.host("s3", self.region())),
        }
    }

    async fn send(&self, service: &str, request: hyper::http::Result<Request<Bytes>>) -> Result<Response, AwsError> {
        let mut request = request.map_err(|error| AwsError::Request(error.to_string()))?;
        self.signer.sign(&mut request, service)?;
        let answer = self.http.send(request, self.timeout).await?;
        if !answer.status.is_success() {
            return Err(service_error(&answer));
        }
        // An operation that has nothing to tell would be taken for done.
        if !REQUEST_IDS.iter().any(|name| answer.headers.contains_key(*name)) {
            return Err(AwsError::NotAws { status: answer.status.as_u16(), beginning: answer.excerpt() });
        }
        Ok(answer)
    }
}

/// Reads the error of the JSON protocol, of services that speak REST, which name it in a header, or of S3's XML.
fn service_error(answer: &Response) -> AwsError {
    #[derive(Default, Deserialize)]
    struct Wire {
        #[serde(rename = "__type")]
        code: Option<String>,
        #[serde(alias = "Message")]
        message: Option<String>,
    }
    let wire: Wire = serde_json::from_slice(&answer.body).unwrap_or_default();
    let named = || answer.headers.get("x-amzn-errortype")?.to_str().ok()?.split(':').next().map(str::to_owned);
    let text = String::from_utf8_lossy(&answer.body);
    let code = wire.code.map(|code| code.rsplit('#').next().unwrap_or_default().to_owned());
    AwsError::Service {
        code: code
            .or_else(named)
            .or_else(|| xml::texts(&text, "Code").next())
            .unwrap_or_else(|| status_code(answer.status)),
        message: wire.message.or_else(|| xml::texts(&text, "Message").next()).unwrap_or_else(|| answer.excerpt()),
        status: answer.status.as_u16(),
    }
}

fn status_code(status: StatusCode) -> String {
    match status.as_u16() {
        429 => "TooManyRequestsException".to_owned(),
        500.. => "InternalFailure".to_owned(),
        other => format!("status {other}"),
    }
}

#[cfg(test)]
mod tests;
