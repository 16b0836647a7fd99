//! CreateLogGroup → decide → put the subscription filter → hand over the first minutes.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use lambda_runtime::LambdaEvent;
use logctl_core::{
    backoff::Backoff,
    coverage::{AccountFacts, AccountPolicy, Change, Class, Filter, GroupFacts, Stack, State, decide},
    globs::Rules,
    names::{LogGroupName, StackName},
    service::{LIMIT_EXCEEDED, NOT_FOUND, NOT_YET_PERMITTED},
};
use logctl_sink::{
    aws::{AwsClient, AwsError},
    lambda::environment::{ConfigError, Environment},
    lambda::{Failure, log},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// Kept back from the time an invocation has.
const MARGIN: Duration = Duration::from_secs(2);
/// The pauses between tries: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(10));

/// What became of a new group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It has its filter now.
    Subscribed,
    /// It is in this state, and so it stays.
    Found(State),
    /// Others hold all its filter slots.
    Full,
    /// It has gone in the meantime.
    Gone,
}

impl Outcome {
    /// Whether its events reach LogsForwarder, so that those from before belong there, too. Also where they did already:
    /// this may be the second try of an invocation that failed when it handed them over.
    const fn delivers(self) -> bool {
        match self {
            Self::Subscribed => true,
            Self::Found(state) => state.delivers(),
            Self::Full | Self::Gone => false,
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Subscribed => "subscribed",
            Self::Found(state) => state.as_ref(),
            Self::Full => State::Full.as_ref(),
            Self::Gone => "deleted",
        }
    }
}

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
    aws: AwsClient,
    stack: Stack,
    clock: fn() -> SystemTime,
    /// How long a subscription takes to begin, and an event to be found.
    pub(crate) settles: Duration,
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
            settles: Duration::from_secs(5),
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
        let class = Class::from_name(created.log_group_class.as_deref());
        let failed = |kind, error: AwsError| Failure::new(kind, format!("{group}: {error}"));
        let outcome = self.subscribe(group, class, deadline).await.map_err(|error| failed("NotSubscribed", error))?;
        let mut line = json!({"group": group, "outcome": outcome.as_str()});
        if outcome.delivers() {
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

    async fn subscribe(&self, group: &str, class: Class, deadline: Instant) -> Result<Outcome, AwsError> {
        let filters = match class {
            Class::Standard => match self.filters(group, deadline).await {
                Err(error) if error.code() == Some(NOT_FOUND) => return Ok(Outcome::Gone),
                filters => Some(filters?),
            },
            _ => None, // DescribeSubscriptionFilters refuses the other classes.
        };
        let account = AccountFacts { policy: self.policy(deadline).await?, ..AccountFacts::default() };
        let facts = GroupFacts { name: group.to_owned(), class, filters };
        let decision = decide(&facts, &account, Some(&self.stack));
        match &decision.change {
            Some(Change::Put { filter }) => match self.put(group, filter, deadline).await {
                Ok(()) => Ok(Outcome::Subscribed),
                Err(error) if error.code() == Some(LIMIT_EXCEEDED) => Ok(Outcome::Full),
                Err(error) if error.code() == Some(NOT_FOUND) => Ok(Outcome::Gone),
                Err(error) => Err(error),
            },
            Some(Change::Delete { filters }) => {
                for name in filters {
                    let input = json!({"logGroupName": group, "filterName": name});
                    match self.call::<Value>("DeleteSubscriptionFilter", &input, deadline).await {
                        Err(error) if error.code() != Some(NOT_FOUND) => return Err(error),
                        _ => {}
                    }
                }
                Ok(Outcome::Found(decision.state))
            }
            None => Ok(Outcome::Found(decision.state)),
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
    let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
    loop {
        let error = match attempt().await {
            Ok(output) => return Ok(output),
            Err(error) => error,
        };
        let pause = backoff.pause(fastrand::f64());
        if !may_pass(&error) || Instant::now() + pause >= deadline {
            return Err(error);
        }
        sleep(pause).await;
    }
}

fn may_pass(error: &AwsError) -> bool {
    error.is_passing() || matches!(error, AwsError::Service { message, .. } if message.starts_with(NOT_YET_PERMITTED))
}

#[cfg(test)]
mod tests {
    use lambda_runtime::Context;
    use test_case::test_case;
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{header, path_regex},
    };

    use super::*;

    const FORWARDER: &str = "arn:aws:lambda:us-east-1:1:function:logctl-logctl-forwarder";

    /// AWS as far as it is asked: what it answers to each operation, and what it was asked.
    struct Account(MockServer);

    impl Account {
        async fn new(answers: &[(&str, u16, Value)]) -> Self {
            let server = MockServer::start().await;
            for (operation, status, body) in answers {
                Mock::given(header("x-amz-target", format!("Logs_20140328.{operation}").as_str()))
                    .respond_with(ResponseTemplate::new(*status).set_body_json(body))
                    .mount(&server)
                    .await;
            }
            Self(server)
        }

        /// Handles the creation of a group.
        async fn create(&self, detail: Value) -> Result<(), Failure> {
            let variables = [
                ("AWS_ENDPOINT_URL", self.0.uri()),
                ("AWS_ACCESS_KEY_ID", "a".to_owned()),
                ("AWS_SECRET_ACCESS_KEY", "b".to_owned()),
                ("AWS_REGION", "us-east-1".to_owned()),
                ("LOGCTL_STACK", "logctl".to_owned()),
                ("LOGCTL_FORWARDER", FORWARDER.to_owned()),
                ("LOGCTL_EXCLUDE", "/skip/*".to_owned()),
            ];
            let get = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
            let subscriber = Subscriber::new(Environment { get: &get, clock: SystemTime::now }).unwrap();
            let subscriber = Subscriber { settles: Duration::ZERO, ..subscriber };
            let mut context = Context::default();
            let end = SystemTime::now() + MARGIN + Duration::from_millis(1_500);
            context.deadline = u64::try_from(logctl_sink::lambda::milliseconds(end)).unwrap();
            let created = serde_json::from_value(json!({"detail": detail})).unwrap();
            subscriber.handle(LambdaEvent::new(created, context)).await
        }

        /// The operations that were asked for, in turn; `Invoke` is one of the forwarder.
        async fn asked(&self) -> Vec<String> {
            let requests = self.0.received_requests().await.unwrap();
            let operation = |request: &wiremock::Request| match request.headers.get("x-amz-target") {
                Some(target) => target.to_str().unwrap().rsplit('.').next().unwrap().to_owned(),
                None => "Invoke".to_owned(),
            };
            requests.iter().map(operation).collect()
        }
    }

    fn created(group: &str) -> Value {
        json!({"requestParameters": {"logGroupName": group}})
    }

    fn filters(filters: &[(&str, &str)]) -> (&'static str, u16, Value) {
        let filter = |(name, arn): &(&str, &str)| json!({"filterName": name, "destinationArn": arn});
        let filters: Vec<Value> = filters.iter().map(filter).collect();
        ("DescribeSubscriptionFilters", 200, json!({"subscriptionFilters": filters}))
    }

    fn no_policy() -> (&'static str, u16, Value) {
        ("DescribeAccountPolicies", 200, json!({"accountPolicies": []}))
    }

    fn one_event() -> (&'static str, u16, Value) {
        let event = json!({"logStreamName": "s", "eventId": "1", "timestamp": 1, "message": "m"});
        ("FilterLogEvents", 200, json!({"events": [event]}))
    }

    fn refused(operation: &'static str, code: &str) -> (&'static str, u16, Value) {
        (operation, 400, json!({"__type": code, "message": "m"}))
    }

    /// The forwarder takes what is handed over.
    async fn invoked(account: &Account, status: u16) {
        let mock = Mock::given(path_regex("^/2015-03-31/functions/.*/invocations$"));
        mock.respond_with(ResponseTemplate::new(status)).mount(&account.0).await;
    }

    #[tokio::test]
    async fn a_new_group_is_subscribed_and_its_first_events_are_handed_over() {
        let put = ("PutSubscriptionFilter", 200, json!({}));
        let account = Account::new(&[filters(&[]), no_policy(), put, one_event()]).await;
        invoked(&account, 202).await;
        account.create(created("/a")).await.unwrap();
        let expected = [
            "DescribeSubscriptionFilters",
            "DescribeAccountPolicies",
            "PutSubscriptionFilter",
            "FilterLogEvents",
            "Invoke",
        ];
        assert_eq!(account.asked().await, expected);
        let requests = account.0.received_requests().await.unwrap();
        let put: Value = requests[2].body_json().unwrap();
        let expected = json!({
            "logGroupName": "/a", "filterName": "logctl-logctl", "filterPattern": "", "destinationArn": FORWARDER,
            "distribution": "ByLogStream",
        });
        assert_eq!(put, expected);
    }

    /// A first try that has failed in the middle leaves a filter and no events.
    #[tokio::test]
    async fn the_second_try_hands_over_what_the_first_could_not() {
        let account = Account::new(&[filters(&[("logctl-logctl", FORWARDER)]), no_policy(), one_event()]).await;
        invoked(&account, 403).await;
        assert_eq!(account.create(created("/a")).await.unwrap_err().kind, "NotHandedOver");
        let account = Account::new(&[filters(&[("logctl-logctl", FORWARDER)]), no_policy(), one_event()]).await;
        invoked(&account, 202).await;
        account.create(created("/a")).await.unwrap();
        assert_eq!(account.asked().await.last().unwrap(), "Invoke");
    }

    #[test_case(created("/aws/lambda/logctl-other-forwarder"), &[], &[]; "the group of another stack's function")]
    #[test_case(created("/skip/a"), &[], &[]; "excluded")]
    #[test_case(created("/a"), &[("logctl-logctl", "arn:aws:kinesis:us-east-1:1:stream/x")], &[]; "a filter of our name")]
    #[test_case(json!({"requestParameters": {"logGroupName": "/a", "logGroupClass": "DELIVERY"}}), &[], &[]; "another class")]
    #[test_case(created("/skip/a"), &[("x", FORWARDER)], &["DeleteSubscriptionFilter"]; "excluded and subscribed")]
    #[test_case(created("/aws/lambda/logctl-other-forwarder"), &[("x", FORWARDER)], &["DeleteSubscriptionFilter"]; "a loop")]
    #[tokio::test]
    async fn a_group_that_does_not_deliver_is_not_handed_over(detail: Value, found: &[(&str, &str)], then: &[&str]) {
        let delete = ("DeleteSubscriptionFilter", 200, json!({}));
        let account = Account::new(&[filters(found), no_policy(), delete]).await;
        account.create(detail).await.unwrap();
        let asked = account.asked().await;
        let changes: Vec<&str> = asked.iter().map(String::as_str).filter(|name| !name.starts_with("Desc")).collect();
        assert_eq!(changes, then);
    }

    #[test_case(refused("PutSubscriptionFilter", "LimitExceededException"); "others hold all slots")]
    #[test_case(refused("PutSubscriptionFilter", "ResourceNotFoundException"); "gone in the meantime")]
    #[test_case(refused("DescribeSubscriptionFilters", "ResourceNotFoundException"); "gone at once")]
    #[tokio::test]
    async fn what_is_no_failure_is_not_tried_again(answer: (&'static str, u16, Value)) {
        // The first answer to an operation counts.
        let account = Account::new(&[answer, filters(&[]), no_policy()]).await;
        account.create(created("/a")).await.unwrap();
        assert!(!account.asked().await.contains(&"FilterLogEvents".to_owned()));
    }

    #[tokio::test]
    async fn throttling_is_waited_out_and_a_refusal_fails() {
        let account = Account::new(&[filters(&[]), no_policy(), ("FilterLogEvents", 200, json!({"events": []}))]).await;
        let target = || Mock::given(header("x-amz-target", "Logs_20140328.PutSubscriptionFilter"));
        let throttled = ResponseTemplate::new(400).set_body_json(json!({"__type": "ThrottlingException"}));
        target().respond_with(throttled).up_to_n_times(1).mount(&account.0).await;
        target().respond_with(ResponseTemplate::new(200).set_body_json(json!({}))).mount(&account.0).await;
        account.create(created("/a")).await.unwrap();
        let account = Account::new(&[refused("DescribeSubscriptionFilters", "AccessDeniedException")]).await;
        let failure = account.create(created("/a")).await.unwrap_err();
        assert_eq!(failure.to_string(), "NotSubscribed: /a: AccessDeniedException: m");
    }

    #[tokio::test]
    async fn a_call_that_failed_has_created_nothing() {
        let account = Account::new(&[]).await;
        account.create(json!({"errorCode": "ResourceAlreadyExistsException"})).await.unwrap();
        assert!(account.asked().await.is_empty());
    }
}
