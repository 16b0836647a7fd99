//! CreateLogGroup → decide → put the subscription filter → hand over the first minutes.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use lambda_runtime::LambdaEvent;
use logctl_core::{
    coverage::{AccountPolicy, Action, Class, Filter, Limits, Stack, State, decide},
    names::{LogGroupName, StackName},
    rules::Rules,
    service::{LIMIT_EXCEEDED, NOT_FOUND, NOT_YET_PERMITTED},
};
use logctl_sink::{
    aws::{Aws, AwsError},
    environment::{ConfigError, Environment},
    function::{Failure, log},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// Kept back from the time an invocation has.
const MARGIN: Duration = Duration::from_secs(2);
/// The first pause between attempts; each following one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The outcome of a filter that was put.
const SUBSCRIBED: &str = "subscribed";

/// The part of an `AWS API Call via CloudTrail` event that matters here.
#[derive(Debug, Deserialize)]
pub struct Created {
    detail: Detail,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    error_code: Option<String>,
    request_parameters: Option<Parameters>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    log_group_name: LogGroupName,
    log_group_class: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filters {
    subscription_filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policies {
    account_policies: Vec<Policy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    policy_document: String,
    #[serde(default)]
    selection_criteria: String,
}

/// What lives as long as the sandbox.
pub struct Subscriber {
    aws: Aws,
    stack: Stack,
    clock: fn() -> SystemTime,
}

impl Subscriber {
    /// Reads the configuration.
    ///
    /// # Errors
    /// One line that names the variable that is wrong.
    pub fn new(environment: Environment<'_>) -> Result<Self, ConfigError> {
        let list = |name: &str| (environment.get)(name).unwrap_or_default();
        Ok(Self {
            aws: environment.aws(&environment.http()?)?,
            stack: Stack {
                filter_name: environment.require::<StackName>("LOGCTL_STACK")?.filter_name(),
                forwarder: environment.require("LOGCTL_FORWARDER")?,
                rules: Rules::new(&list("LOGCTL_INCLUDE"), &list("LOGCTL_EXCLUDE")),
            },
            clock: environment.clock,
        })
    }

    /// Brings the group that was created to the wanted state and logs the outcome.
    pub async fn handle(&self, event: LambdaEvent<Created>) -> Result<(), Failure> {
        let left = event.context.deadline().duration_since((self.clock)()).unwrap_or_default();
        let deadline = Instant::now() + left.saturating_sub(MARGIN);
        let Detail { error_code: None, request_parameters: Some(created) } = event.payload.detail else {
            return Ok(()); // A call that failed has created nothing.
        };
        let group = created.log_group_name.as_str();
        let class = Class::of(created.log_group_class.as_deref());
        let failed = |kind, error: AwsError| Failure::new(kind, format!("{group}: {error}"));
        let outcome = self.subscribe(group, class, deadline).await.map_err(|error| failed("NotSubscribed", error))?;
        let mut line = json!({"group": group, "outcome": outcome});
        // Also where the filter was there already: this may be the second try.
        if outcome == SUBSCRIBED || outcome == State::Own.to_string() {
            line["handed_over"] = match self.hand_over(group, deadline).await {
                Err(error) if error.code() == Some(NOT_FOUND) => json!("deleted"),
                handed_over => json!(handed_over.map_err(|error| failed("NotHandedOver", error))?),
            };
        }
        log(&line);
        Ok(())
    }

    /// The time.
    pub(crate) fn now(&self) -> SystemTime {
        (self.clock)()
    }

    /// ARN of LogsForwarder.
    pub(crate) fn forwarder(&self) -> &str {
        &self.stack.forwarder
    }

    /// Queues an invocation of LogsForwarder.
    pub(crate) async fn invoke_later(&self, payload: Bytes, deadline: Instant) -> Result<(), AwsError> {
        patiently(deadline, || self.aws.invoke_later(&self.stack.forwarder, payload.clone())).await
    }

    async fn subscribe(&self, group: &str, class: Class, deadline: Instant) -> Result<String, AwsError> {
        let filters = match class {
            Class::Standard => match self.filters(group, deadline).await {
                Err(error) if error.code() == Some(NOT_FOUND) => return Ok("deleted".to_owned()),
                filters => Some(filters?),
            },
            _ => None, // DescribeSubscriptionFilters refuses the other classes.
        };
        let policy = self.policy(deadline).await?;
        let limits = Limits::default();
        let decision = decide(group, class, filters.as_deref(), policy.as_ref(), Some(&self.stack), &limits);
        match &decision.action {
            Action::Put(name) => match self.put(group, name, deadline).await {
                Ok(()) => Ok(SUBSCRIBED.to_owned()),
                Err(error) if error.code() == Some(LIMIT_EXCEEDED) => Ok("full".to_owned()),
                Err(error) if error.code() == Some(NOT_FOUND) => Ok("deleted".to_owned()),
                Err(error) => Err(error),
            },
            Action::Delete(names) => {
                for name in names {
                    let input = json!({"logGroupName": group, "filterName": name});
                    match self.call::<Value>("DeleteSubscriptionFilter", &input, deadline).await {
                        Err(error) if error.code() != Some(NOT_FOUND) => return Err(error),
                        _ => {}
                    }
                }
                Ok(decision.state.to_string())
            }
            Action::None => Ok(decision.state.to_string()),
        }
    }

    async fn filters(&self, group: &str, deadline: Instant) -> Result<Vec<Filter>, AwsError> {
        let found: Filters =
            self.call("DescribeSubscriptionFilters", &json!({"logGroupName": group}), deadline).await?;
        Ok(found.subscription_filters)
    }

    async fn policy(&self, deadline: Instant) -> Result<Option<AccountPolicy>, AwsError> {
        let input = json!({"policyType": "SUBSCRIPTION_FILTER_POLICY"});
        let found: Policies = self.call("DescribeAccountPolicies", &input, deadline).await?;
        let parse = |policy: &Policy| AccountPolicy::parse(&policy.policy_document, &policy.selection_criteria);
        Ok(found.account_policies.iter().find_map(parse))
    }

    async fn put(&self, group: &str, name: &str, deadline: Instant) -> Result<(), AwsError> {
        let input = json!({
            "logGroupName": group, "filterName": name, "filterPattern": Filter::PATTERN,
            "destinationArn": self.stack.forwarder, "distribution": Filter::DISTRIBUTION,
        });
        self.call::<Value>("PutSubscriptionFilter", &input, deadline).await.map(drop)
    }

    /// Calls until it works, fails for good, or no time is left. What is left over is found by `audit`.
    pub(crate) async fn call<T: serde::de::DeserializeOwned>(
        &self,
        operation: &str,
        input: &Value,
        deadline: Instant,
    ) -> Result<T, AwsError> {
        patiently(deadline, || self.aws.logs(operation, input)).await
    }
}

/// Tries a call again for as long as it fails for a passing reason and there is time.
async fn patiently<T, F: Future<Output = Result<T, AwsError>>>(
    deadline: Instant,
    attempt: impl Fn() -> F,
) -> Result<T, AwsError> {
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match attempt().await {
            Ok(output) => return Ok(output),
            Err(error) => error,
        };
        let waits = pause.mul_f64(fastrand::f64() / 2.0 + 0.5);
        if !may_pass(&error) || Instant::now() + waits >= deadline {
            return Err(error);
        }
        sleep(waits).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn may_pass(error: &AwsError) -> bool {
    error.is_passing() || matches!(error, AwsError::Service { message, .. } if message.starts_with(NOT_YET_PERMITTED))
}
