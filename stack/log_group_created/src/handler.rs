//! CreateLogGroup → decide → put the subscription filter → hand over the first minutes.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use lambda_runtime::LambdaEvent;
use logctl_core::{
    backoff::Backoff,
    coverage::{AccountFacts, AccountPolicy, Chain, Change, Class, Filter, GroupFacts, Stack, State, decide},
    globs::Rules,
    names::{LogGroupName, StackName},
    service::{LIMIT_EXCEEDED, NOT_FOUND, NOT_YET_PERMITTED},
};
use logctl_sink::{
    aws::{AwsClient, AwsError},
    lambda::environment::{ConfigError, Environment},
    lambda::{Failure, log, milliseconds},
    own::OwnGroups,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::call::{Call, Look};

/// Kept back from the time an invocation has.
const MARGIN: Duration = Duration::from_secs(2);
/// The pauses between tries: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(10));
/// How long is tried to read what a group can be subscribed without.
const SIDE: Duration = Duration::from_secs(10);
/// How old a group is that is named like that of a function of logctl, without there being one: a stack makes the groups of
/// its functions first.
const GROWN: Duration = Duration::from_hours(1);
/// How long until the next look at such a group: the longest that a queue allows.
const LATER: Duration = Duration::from_mins(15);
/// How long until the second look at the first minutes: CloudWatch shows events late, and a subscription begins late.
const SOON: Duration = Duration::from_mins(1);

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
    /// It may be that of a function of logctl that is not there yet.
    PutOff,
}

impl Outcome {
    /// Whether its events reach LogsForwarder, so that those from before belong there, too. Also where they did already:
    /// this may be the second try of an invocation that failed when it handed them over.
    const fn delivers(self) -> bool {
        match self {
            Self::Subscribed => true,
            Self::Found(state) => state.delivers(),
            Self::Full | Self::Gone | Self::PutOff => false,
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Subscribed => "subscribed",
            Self::Found(state) => state.as_ref(),
            Self::Full => State::Full.as_ref(),
            Self::Gone => "deleted",
            Self::PutOff => "put off",
        }
    }
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
    own: OwnGroups,
    /// URL of the queue that calls this function again.
    looks: String,
    clock: fn() -> SystemTime,
}

/// What could not be read of a group that is subscribed all the same, and why.
#[derive(Default)]
struct Unread(serde_json::Map<String, Value>);

impl Unread {
    /// What was read; noted where it was not.
    fn note<T: Default>(&mut self, what: &str, result: Result<T, AwsError>) -> T {
        result.unwrap_or_else(|error| {
            self.0.insert(what.to_owned(), json!(error.to_string()));
            T::default()
        })
    }
}

impl Subscriber {
    /// Reads the configuration.
    ///
    /// # Errors
    /// One line that names the variable that is wrong.
    pub fn new(environment: Environment<'_>) -> Result<Self, ConfigError> {
        let list = |name: &str| (environment.get)(name).unwrap_or_default();
        let aws = environment.aws(&environment.http()?)?;
        let name: StackName = environment.require("LOGCTL_STACK")?;
        let forwarder: String = environment.require("LOGCTL_FORWARDER")?;
        let domain: Option<String> = environment.optional("LOGCTL_DOMAIN_ARN")?;
        let account = forwarder.split(':').nth(4).unwrap_or_default();
        Ok(Self {
            own: OwnGroups::new(aws.clone(), account, Some(name.clone())).with_domain(domain.as_deref()),
            aws,
            stack: Stack {
                filter_name: name.filter_name(),
                forwarder,
                rules: Rules::new(&list("LOGCTL_INCLUDE"), &list("LOGCTL_EXCLUDE")),
            },
            looks: environment.require("LOGCTL_LOOKS")?,
            clock: environment.clock,
        })
    }

    /// Brings the groups that were created, or that are looked at once more, to the wanted state and logs the outcomes.
    pub async fn handle(&self, event: LambdaEvent<Call>) -> Result<(), Failure> {
        let now = (self.clock)();
        let left = event.context.deadline().duration_since(now).unwrap_or_default();
        let deadline = Instant::now() + left.saturating_sub(MARGIN);
        for look in event.payload.looks(milliseconds(now)) {
            self.look(look, deadline).await?;
        }
        Ok(())
    }

    async fn look(&self, look: Look, deadline: Instant) -> Result<(), Failure> {
        let group = look.group.as_str();
        if let Err(error) = group.parse::<LogGroupName>() {
            log(&json!({"outcome": "no log group", "reason": error.to_string()}));
            return Ok(());
        }
        let failed = |kind, error: AwsError| Failure::new(kind, format!("{group}: {error}"));
        if look.seen.is_some() {
            // Whatever has become of its filter since: what was missed is handed over, and nothing subscribed again.
            let handed_over =
                self.handed_over(&look, deadline).await.map_err(|error| failed("NotHandedOver", error))?;
            log(&json!({"group": group, "outcome": "second look", "handed_over": handed_over}));
            return Ok(());
        }
        let mut unread = Unread::default();
        let outcome = self.subscribe(&look, &mut unread, deadline).await;
        let outcome = outcome.map_err(|error| failed("NotSubscribed", error))?;
        let mut line = json!({"group": group, "outcome": outcome.as_str()});
        if !unread.0.is_empty() {
            line["unread"] = Value::Object(unread.0);
        }
        if outcome == Outcome::PutOff {
            self.look_again(&look, LATER, deadline).await.map_err(|error| failed("NotPutOff", error))?;
        }
        if outcome.delivers() {
            // Before the first look, which may fail.
            let second = Look { seen: Some(milliseconds((self.clock)())), ..look.clone() };
            self.look_again(&second, SOON, deadline).await.map_err(|error| failed("NoSecondLook", error))?;
            let handed_over = self.handed_over(&look, deadline).await;
            line["handed_over"] = handed_over.map_err(|error| failed("NotHandedOver", error))?;
        }
        log(&line);
        Ok(())
    }

    /// Hands over what a group holds, and says what that was.
    async fn handed_over(&self, look: &Look, deadline: Instant) -> Result<Value, AwsError> {
        match self.hand_over(&look.group, look.seen, deadline).await {
            Err(error) if error.code() == Some(NOT_FOUND) => Ok(json!("deleted")),
            handed_over => Ok(json!(handed_over?)),
        }
    }

    /// ARN of LogsForwarder.
    pub(crate) fn forwarder(&self) -> &str {
        &self.stack.forwarder
    }

    /// Queues an invocation of LogsForwarder.
    pub(crate) async fn invoke_later(&self, payload: Bytes, deadline: Instant) -> Result<(), AwsError> {
        patiently(deadline, || self.aws.invoke_later(&self.stack.forwarder, payload.clone())).await
    }

    /// Has this function called once more: a queue waits, since an invocation that did would hold its slot meanwhile.
    async fn look_again(&self, look: &Look, after: Duration, deadline: Instant) -> Result<(), AwsError> {
        patiently(deadline, || self.aws.queue(&self.looks, look, after)).await
    }

    async fn subscribe(&self, look: &Look, unread: &mut Unread, deadline: Instant) -> Result<Outcome, AwsError> {
        let (group, class) = (look.group.as_str(), Class::from_name(look.class.as_deref()));
        let chain = self.chain(group, unread, deadline).await?;
        let age = milliseconds((self.clock)()) - look.created;
        if chain == Chain::NoFunction && age < i64::try_from(GROWN.as_millis()).unwrap_or_default() {
            return Ok(Outcome::PutOff);
        }
        let filters = match class {
            Class::Standard => match patiently(deadline, || self.aws.subscription_filters(group, None)).await {
                Err(error) if error.code() == Some(NOT_FOUND) => return Ok(Outcome::Gone),
                filters => Some(filters?),
            },
            _ => None, // DescribeSubscriptionFilters refuses the other classes.
        };
        let policy = unread.note("account_policy", self.policy(deadline).await);
        let account = AccountFacts { policy, ..AccountFacts::default() };
        let facts = GroupFacts { name: group.to_owned(), chain: Some(chain), class, filters };
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

    /// How the group belongs to the forwarding chain.
    async fn chain(&self, group: &str, unread: &mut Unread, deadline: Instant) -> Result<Chain, AwsError> {
        match patiently(deadline, || self.own.chain(group)).await? {
            Chain::No => {
                let side = deadline.min(Instant::now() + SIDE);
                let of_domain = unread.note("domain_logs", patiently(side, || self.own.of_domain()).await);
                Ok(if of_domain.contains(group) { Chain::Domain } else { Chain::No })
            }
            chain => Ok(chain),
        }
    }

    /// The account's subscription policy. A group can be subscribed without it: at worst its events come twice.
    async fn policy(&self, deadline: Instant) -> Result<Option<AccountPolicy>, AwsError> {
        let input = json!({"policyType": "SUBSCRIPTION_FILTER_POLICY"});
        let side = deadline.min(Instant::now() + SIDE);
        let found: Policies = match self.call("DescribeAccountPolicies", &input, side).await {
            Err(error) if error.code() == Some(NOT_FOUND) => return Ok(None),
            found => found?,
        };
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
                let answer = ResponseTemplate::new(*status).set_body_json(body);
                let mock = match *operation {
                    "DescribeDomain" => Mock::given(path_regex("^/2021-01-01/opensearch/domain/logs$")),
                    "ListTags" => Mock::given(path_regex("^/2017-03-31/tags/[^/]*$")),
                    _ => Mock::given(header("x-amz-target", format!("Logs_20140328.{operation}").as_str())),
                };
                mock.respond_with(answer).mount(&server).await;
            }
            let queued = ResponseTemplate::new(200).set_body_json(json!({"MessageId": "m"}));
            Mock::given(header("x-amz-target", "AmazonSQS.SendMessage")).respond_with(queued).mount(&server).await;
            Self(server)
        }

        /// Handles the creation of a group.
        async fn create(&self, detail: Value) -> Result<(), Failure> {
            self.call(json!({ "detail": detail })).await
        }

        async fn call(&self, event: Value) -> Result<(), Failure> {
            let variables = [
                ("AWS_ENDPOINT_URL", self.0.uri()),
                ("AWS_ACCESS_KEY_ID", "a".to_owned()),
                ("AWS_SECRET_ACCESS_KEY", "b".to_owned()),
                ("AWS_REGION", "us-east-1".to_owned()),
                ("LOGCTL_STACK", "logctl".to_owned()),
                ("LOGCTL_FORWARDER", FORWARDER.to_owned()),
                ("LOGCTL_EXCLUDE", "/skip/*".to_owned()),
                ("LOGCTL_LOOKS", "https://sqs/1/looks".to_owned()),
                ("LOGCTL_DOMAIN_ARN", "arn:aws:es:us-east-1:1:domain/logs".to_owned()),
            ];
            let get = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
            let subscriber = Subscriber::new(Environment { get: &get, clock: SystemTime::now }).unwrap();
            let mut context = Context::default();
            let end = SystemTime::now() + MARGIN + Duration::from_millis(1_500);
            context.deadline = u64::try_from(logctl_sink::lambda::milliseconds(end)).unwrap();
            subscriber.handle(LambdaEvent::new(serde_json::from_value(event).unwrap(), context)).await
        }

        /// The message that was queued last, and its delay in seconds.
        async fn queued(&self) -> Option<(Look, i64)> {
            let requests = self.0.received_requests().await.unwrap();
            let is_queue = |request: &&wiremock::Request| {
                request.headers.get("x-amz-target").is_some_and(|target| target == "AmazonSQS.SendMessage")
            };
            let message: Value = requests.iter().rfind(is_queue)?.body_json().unwrap();
            let look = serde_json::from_str(message["MessageBody"].as_str().unwrap()).unwrap();
            Some((look, message["DelaySeconds"].as_i64().unwrap()))
        }

        /// The operations that were asked for, in turn; `Invoke` is one of the forwarder.
        async fn asked(&self) -> Vec<String> {
            let requests = self.0.received_requests().await.unwrap();
            let operation = |request: &wiremock::Request| match request.headers.get("x-amz-target") {
                Some(target) => target.to_str().unwrap().rsplit('.').next().unwrap().to_owned(),
                None if request.url.path().ends_with("/invocations") => "Invoke".to_owned(),
                None if request.url.path().contains("/domain/") => "DescribeDomain".to_owned(),
                None => "ListTags".to_owned(),
            };
            requests.iter().map(operation).collect()
        }
    }

    fn created(group: &str) -> Value {
        json!({"requestParameters": {"logGroupName": group}})
    }

    /// What the domain publishes.
    fn domain(group: &str) -> (&'static str, u16, Value) {
        let arn = format!("arn:aws:logs:us-east-1:1:log-group:{group}:*");
        let options = json!({"INDEX_SLOW_LOGS": {"CloudWatchLogsLogGroupArn": arn, "Enabled": true}});
        ("DescribeDomain", 200, json!({"DomainStatus": {"LogPublishingOptions": options}}))
    }

    fn function(stack: &str) -> (&'static str, u16, Value) {
        ("ListTags", 200, json!({"Tags": {"logctl:stack": stack}}))
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
        let account = Account::new(&[domain("/slow"), filters(&[]), no_policy(), put, one_event()]).await;
        invoked(&account, 202).await;
        account.create(created("/a")).await.unwrap();
        let expected = [
            "DescribeDomain",
            "DescribeSubscriptionFilters",
            "DescribeAccountPolicies",
            "PutSubscriptionFilter",
            "SendMessage",
            "FilterLogEvents",
            "Invoke",
        ];
        assert_eq!(account.asked().await, expected);
        let requests = account.0.received_requests().await.unwrap();
        let put: Value = requests[3].body_json().unwrap();
        let expected = json!({
            "logGroupName": "/a", "filterName": "logctl-logctl", "filterPattern": "", "destinationArn": FORWARDER,
            "distribution": "ByLogStream",
        });
        assert_eq!(put, expected);
    }

    /// What CloudWatch showed late is handed over a minute later, and that is the end of it.
    #[tokio::test]
    async fn a_second_look_follows_the_first() {
        let event = |id: &str, at: i64| json!({"logStreamName": "s", "eventId": id, "timestamp": 1, "ingestionTime": at, "message": "m"});
        let account = Account::new(&[filters(&[("logctl-logctl", FORWARDER)]), no_policy()]).await;
        let found = json!({"events": [event("1", 0), event("2", i64::MAX)]});
        let target = header("x-amz-target", "Logs_20140328.FilterLogEvents");
        Mock::given(target).respond_with(ResponseTemplate::new(200).set_body_json(found)).mount(&account.0).await;
        invoked(&account, 202).await;
        account.create(created("/a")).await.unwrap();
        let (second, delay) = account.queued().await.unwrap();
        assert_eq!((second.group.as_str(), second.seen.is_some(), delay), ("/a", true, 60));
        let message = json!({"body": serde_json::to_string(&second).unwrap()});
        account.call(json!({"Records": [message]})).await.unwrap();
        assert_eq!(account.asked().await.iter().filter(|name| *name == "SendMessage").count(), 1);
        let requests = account.0.received_requests().await.unwrap();
        let invoked = requests.iter().filter(|request| request.url.path().ends_with("/invocations"));
        let counts: Vec<usize> = invoked.map(|request| events_in(&request.body_json().unwrap())).collect();
        assert_eq!(counts, [2, 1], "what came after the subscription is left out");
    }

    fn events_in(invocation: &Value) -> usize {
        let text = logctl_core::payload::unpack(invocation["awslogs"]["data"].as_str().unwrap(), 1 << 20).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["logEvents"].as_array().unwrap().len()
    }

    /// A stack makes the groups of its functions before the functions.
    #[tokio::test]
    async fn a_group_that_may_become_a_function_of_logctl_waits() {
        let group = "/aws/lambda/logctl-other-forwarder";
        let none = ("ListTags", 404, json!({"__type": "ResourceNotFoundException"}));
        let account = Account::new(&[none.clone(), filters(&[])]).await;
        account.create(created(group)).await.unwrap();
        assert_eq!(account.asked().await, ["ListTags", "SendMessage"]);
        let (look, delay) = account.queued().await.unwrap();
        assert_eq!((look.group.as_str(), look.seen, delay), (group, None, 900));
        // An hour later there is still no such function.
        let put = ("PutSubscriptionFilter", 200, json!({}));
        let account = Account::new(&[none, filters(&[]), no_policy(), put, one_event()]).await;
        invoked(&account, 202).await;
        let look = Look { created: look.created - 3_600_000, ..look };
        let message = json!({"body": serde_json::to_string(&look).unwrap()});
        account.call(json!({"Records": [message]})).await.unwrap();
        assert!(account.asked().await.contains(&"PutSubscriptionFilter".to_owned()));
    }

    /// What a group can be subscribed without does not keep it from that.
    #[test_case(refused("DescribeAccountPolicies", "AccessDeniedException"); "denied")]
    #[test_case(refused("DescribeAccountPolicies", "ResourceNotFoundException"); "there are none")]
    #[test_case(("DescribeDomain", 403, json!({"__type": "AccessDeniedException"})); "the domain is not told")]
    #[tokio::test]
    async fn a_group_is_subscribed_all_the_same(answer: (&'static str, u16, Value)) {
        let put = ("PutSubscriptionFilter", 200, json!({}));
        let account = Account::new(&[answer, filters(&[]), no_policy(), put, one_event()]).await;
        invoked(&account, 202).await;
        account.create(created("/a")).await.unwrap();
        assert_eq!(account.asked().await.last().unwrap(), "Invoke");
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
    #[test_case(created("/slow"), &[], &[]; "the domain's own")]
    #[test_case(created("/slow"), &[("x", FORWARDER)], &["DeleteSubscriptionFilter"]; "the domain's own, fed to it")]
    #[test_case(created("/skip/a"), &[], &[]; "excluded")]
    #[test_case(created("/a"), &[("logctl-logctl", "arn:aws:kinesis:us-east-1:1:stream/x")], &[]; "a filter of our name")]
    #[test_case(json!({"requestParameters": {"logGroupName": "/a", "logGroupClass": "DELIVERY"}}), &[], &[]; "another class")]
    #[test_case(created("/skip/a"), &[("x", FORWARDER)], &["DeleteSubscriptionFilter"]; "excluded and subscribed")]
    #[test_case(created("/aws/lambda/logctl-other-forwarder"), &[("x", FORWARDER)], &["DeleteSubscriptionFilter"]; "a loop")]
    #[tokio::test]
    async fn a_group_that_does_not_deliver_is_not_handed_over(detail: Value, found: &[(&str, &str)], then: &[&str]) {
        let delete = ("DeleteSubscriptionFilter", 200, json!({}));
        let account = Account::new(&[function("other"), domain("/slow"), filters(found), no_policy(), delete]).await;
        account.create(detail).await.unwrap();
        let asked = account.asked().await;
        let changes: Vec<&str> =
            asked.iter().map(String::as_str).filter(|name| !name.starts_with("Desc") && *name != "ListTags").collect();
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
        account.create(json!({"requestParameters": {"logGroupName": "no name"}})).await.unwrap();
        assert!(account.asked().await.is_empty());
    }
}
