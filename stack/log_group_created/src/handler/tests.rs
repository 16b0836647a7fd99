use lambda_runtime::Context;
use test_case::test_case;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, path_regex},
};

use super::*;

const FORWARDER: &str = "arn:aws:lambda:us-east-1:1:function:logctl-logctl-forwarder";

/// An answer of AWS.
fn marked(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).insert_header("x-amzn-requestid", "r")
}

/// AWS as far as it is asked: what it answers to each operation, and what it was asked.
struct Account(MockServer);

impl Account {
    async fn new(answers: &[(&str, u16, Value)]) -> Self {
        let server = MockServer::start().await;
        for (operation, status, body) in answers {
            let answer = marked(*status).set_body_json(body);
            let mock = match *operation {
                "DescribeDomain" => Mock::given(path_regex("^/2021-01-01/opensearch/domain/logs$")),
                "ListTags" => Mock::given(path_regex("^/2017-03-31/tags/[^/]*$")),
                _ => Mock::given(header("x-amz-target", format!("Logs_20140328.{operation}").as_str())),
            };
            mock.respond_with(answer).mount(&server).await;
        }
        let queued = marked(200).set_body_json(json!({"MessageId": "m"}));
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
    mock.respond_with(marked(status)).mount(&account.0).await;
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

/// Whoever can put a message into the queue has no group handed over that the stack does not stream.
#[test_case("/skip/a", &[("logctl-logctl", FORWARDER)]; "excluded")]
#[test_case("/aws/lambda/logctl-logctl-domain", &[("logctl-logctl", FORWARDER)]; "a function of logctl")]
#[test_case("/a", &[("x", "arn:aws:kinesis:us-east-1:1:stream/x")]; "subscribed by others alone")]
#[tokio::test]
async fn a_second_look_hands_over_what_is_streamed_alone(group: &str, others: &[(&str, &str)]) {
    let account = Account::new(&[domain("/slow"), filters(others), no_policy(), one_event()]).await;
    invoked(&account, 202).await;
    let body = json!({"group": group, "class": null, "created": 0, "seen": 1}).to_string();
    account.call(json!({"Records": [{"body": body}]})).await.unwrap();
    let asked = account.asked().await;
    assert!(!asked.iter().any(|name| name == "Invoke" || name == "FilterLogEvents"), "{asked:?}");
}

/// What CloudWatch showed late is handed over a minute later, and that is the end of it.
#[tokio::test]
async fn a_second_look_follows_the_first() {
    let event = |id: &str, at: i64| json!({"logStreamName": "s", "eventId": id, "timestamp": 1, "ingestionTime": at, "message": "m"});
    let account = Account::new(&[filters(&[("logctl-logctl", FORWARDER)]), no_policy()]).await;
    let found = json!({"events": [event("1", 0), event("2", i64::MAX)]});
    let target = header("x-amz-target", "Logs_20140328.FilterLogEvents");
    Mock::given(target).respond_with(marked(200).set_body_json(found)).mount(&account.0).await;
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
    let throttled = marked(400).set_body_json(json!({"__type": "ThrottlingException"}));
    target().respond_with(throttled).up_to_n_times(1).mount(&account.0).await;
    target().respond_with(marked(200).set_body_json(json!({}))).mount(&account.0).await;
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
