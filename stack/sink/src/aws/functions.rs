//! Functions as Lambda knows them.

use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::{Request, header};
use logctl_core::partition::Partition;
use percent_encoding::utf8_percent_encode;
use serde::Deserialize;
use serde_json::Value;

use super::{AwsClient, AwsError, ESCAPED, absent};

/// A function, as far as it tells whether it can run:
/// <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html>.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct FunctionStatus {
    /// SHA-256 of its code, in base64.
    pub code_sha256: String,
    state: Option<String>,
    last_update_status: Option<String>,
    /// ARN of its role.
    pub role: String,
    environment: Variables,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Variables {
    variables: BTreeMap<String, String>,
}

/// What hands the messages of a queue to a function:
/// <https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html>.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EventSource {
    /// Its state, such as `Enabled`.
    pub state: String,
    /// ARN of the function.
    pub function_arn: String,
    /// How it went the last time; it begins with `PROBLEM` where it did not.
    #[serde(default)]
    pub last_processing_result: String,
}

impl FunctionStatus {
    /// Whether it can run. One that was not called for long is inactive, and wakes with the next call.
    #[must_use]
    pub fn is_active(&self) -> bool {
        let state = self.state.as_deref().is_some_and(|state| matches!(state, "Active" | "Inactive" | "Pending"));
        state && self.last_update_status.as_deref() != Some("Failed")
    }

    /// A variable of its environment, where that is told.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.variables.get(name).map(String::as_str)
    }

    /// Its state, as Lambda calls it.
    #[must_use]
    pub fn state(&self) -> &str {
        match (self.state.as_deref(), self.last_update_status.as_deref()) {
            (_, Some("Failed")) => "not updated",
            (state, _) => state.unwrap_or("without a state"),
        }
    }
}

/// What came of an invocation:
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoked {
    /// What the function says of its failure, where it failed.
    pub failed: Option<String>,
    /// The end of what it wrote to its log: 4 KB.
    pub log: String,
}

impl AwsClient {
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

    /// Invokes a function and waits for what it does.
    ///
    /// # Errors
    /// When it was not invoked; nothing is retried here.
    pub async fn invoke(&self, function: &str, payload: Bytes) -> Result<Invoked, AwsError> {
        let path = format!("2015-03-31/functions/{}/invocations", utf8_percent_encode(function, ESCAPED));
        let request = Request::post(format!("{}{path}", self.url("lambda")))
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-amz-log-type", "Tail");
        let answer = self.send("lambda", request.body(payload)).await?;
        let header = |name| answer.headers.get(name).and_then(|value| value.to_str().ok());
        let log = header("x-amz-log-result").and_then(|log| base64_simd::STANDARD.decode_to_vec(log).ok());
        Ok(Invoked {
            failed: header("x-amz-function-error").is_some().then(|| answer.excerpt()),
            log: String::from_utf8_lossy(&log.unwrap_or_default()).into_owned(),
        })
    }

    /// The tags of a function of `account`; `None` where there is none of that name. `ListTags` tells nothing else of it.
    ///
    /// # Errors
    /// When that cannot be had; nothing is retried here.
    pub async fn function_tags(&self, account: &str, name: &str) -> Result<Option<BTreeMap<String, String>>, AwsError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Output {
            #[serde(default)]
            tags: BTreeMap<String, String>,
        }
        let (partition, region) = (Partition::of(self.region()).name, self.region());
        let arn = format!("arn:{partition}:lambda:{region}:{account}:function:{name}");
        let path = format!("2017-03-31/tags/{}", utf8_percent_encode(&arn, ESCAPED));
        let found: Option<Output> = absent(self.get("lambda", &path).await)?;
        Ok(found.map(|found| found.tags))
    }

    /// How many functions of this account and Region may run at once without any that are set apart.
    ///
    /// # Errors
    /// When that cannot be had; nothing is retried here.
    pub async fn unreserved_concurrency(&self) -> Result<u64, AwsError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Output {
            account_limit: Limit,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Limit {
            unreserved_concurrent_executions: u64,
        }
        let found: Output = self.get("lambda", "2016-08-19/account-settings").await?;
        Ok(found.account_limit.unreserved_concurrent_executions)
    }

    /// A function of this account; `None` where there is none of that name.
    ///
    /// # Errors
    /// When that cannot be had; nothing is retried here.
    pub async fn function(&self, name: &str) -> Result<Option<FunctionStatus>, AwsError> {
        let path = format!("2015-03-31/functions/{}/configuration", utf8_percent_encode(name, ESCAPED));
        absent(self.get("lambda", &path).await)
    }

    /// How many copies of a function may run at once, where that is set apart for it.
    ///
    /// # Errors
    /// When that cannot be had; nothing is retried here.
    pub async fn reserved_concurrency(&self, name: &str) -> Result<Option<u64>, AwsError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Output {
            #[serde(default)]
            reserved_concurrent_executions: Option<u64>,
        }
        let path = format!("2019-09-30/functions/{}/concurrency", utf8_percent_encode(name, ESCAPED));
        let found: Output = self.get("lambda", &path).await?;
        Ok(found.reserved_concurrent_executions)
    }

    /// What hands the messages of a queue to a function; `None` where there is none of that id.
    ///
    /// # Errors
    /// When that cannot be had; nothing is retried here.
    pub async fn event_source(&self, id: &str) -> Result<Option<EventSource>, AwsError> {
        let path = format!("2015-03-31/event-source-mappings/{}", utf8_percent_encode(id, ESCAPED));
        absent(self.get("lambda", &path).await)
    }

    /// The policy that says who may invoke a function; `None` where it has none.
    ///
    /// # Errors
    /// When that cannot be had; nothing is retried here.
    pub async fn function_policy(&self, function: &str) -> Result<Option<Value>, AwsError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Output {
            policy: String,
        }
        let path = format!("2015-03-31/functions/{}/policy", utf8_percent_encode(function, ESCAPED));
        let found: Option<Output> = absent(self.get("lambda", &path).await)?;
        let parse = |found: Output| serde_json::from_str(&found.policy);
        found.map(parse).transpose().map_err(|cause| AwsError::Response { service: "lambda", cause })
    }
}
