//! What the roles of the functions allow. Each action is taken away once, and something that is seen must change; where nothing
//! does, it stands in the table below with the reason, or nobody needs it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    path::PathBuf,
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use hyper::Method;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};

use super::{
    faults::{OWNER, from, invocation, payload_of},
    function::{Ended, Function},
    proxy::Proxy,
    sandbox::{Sandbox, now, root},
};

/// Role, statement, and why nothing changes on this machine where it is missing; `*` for every role.
const NOT_SEEN_HERE: [(&str, &str, &str); 12] = [
    ("*", "OwnLogs", "Lambda writes the log of a function, and the local one asks nobody for it"),
    ("*", "UseTheKey", "the local Lambda encrypts no environment, and the local S3 and SQS nothing with a key"),
    ("*", "LiveInTheVpc", "there is no VPC on this machine"),
    ("forwarder", "WriteEvents", "the local engine knows no IAM; what a refusal leads to is in the fault table"),
    ("forwarder", "ReadWhatAnIndexTypes", "the local engine knows no IAM"),
    ("domain", "LookAtTheDomain", "the local engine knows no IAM"),
    ("domain", "SetUpTheDomain", "the local engine knows no IAM"),
    ("domain", "AdmitTheFunctions", "the local engine knows no IAM; the security plugin is tested with its own users"),
    ("subscriber", "LookAgain sqs:ReceiveMessage", "Lambda takes the messages, and the local one asks nobody for it"),
    ("subscriber", "LookAgain sqs:DeleteMessage", "Lambda takes the messages, and the local one asks nobody for it"),
    (
        "subscriber",
        "LookAgain sqs:GetQueueAttributes",
        "Lambda looks at the queue, and the local one asks nobody for it",
    ),
    ("subscriber", "KeepFailedInvocations", "Lambda keeps them, and the local one asks nobody for it"),
];

/// A stack whose functions run with what their roles allow.
struct Stack {
    sandbox: Sandbox,
    aws: Proxy,
    number: u32,
}

/// What was seen of a function: what → how it came out.
type Seen = BTreeMap<&'static str, String>;

/// Takes each action of each role away; tells how many are needed, and how many are not seen.
pub fn all() -> String {
    let sandbox = Sandbox::up(None);
    let domain = json!({"DomainName": "logs", "LogPublishingOptions": {"INDEX_SLOW_LOGS": {
        "CloudWatchLogsLogGroupArn": format!("arn:aws:logs:us-east-1:{OWNER}:log-group:/domains/slow:*"), "Enabled": true}}});
    sandbox.signed("es", Method::POST, "/2021-01-01/opensearch/domain", domain.to_string());
    let login = json!({"username": "a", "password": "b", "host": "127.0.0.1"}).to_string();
    let secret = sandbox.secrets("CreateSecret", &json!({"Name": "login", "SecretString": login}));
    let secret = secret["ARN"].as_str().unwrap();
    let arn = format!("arn:aws:es:us-east-1:{OWNER}:domain/logs");
    let key = sandbox.create_key();
    let endpoint = sandbox.endpoint().to_owned();
    let network = "--subnets subnet-0a1b2c3d --security-groups sg-0a1b2c3d";
    let common = format!("--endpoint {endpoint} --domain-arn {arn} --exclude /skip/*");
    sandbox.logctl(&format!("bootstrap --yes {common} --auth basic --secret {secret} --kms-key {key} {network}")).ok();
    // It holds the statements of signed requests.
    sandbox.logctl(&format!("bootstrap --yes --stack signed --index-prefix signed {common} --auth sigv4")).ok();

    let aws = Proxy::start(sandbox.aws_endpoint());
    let mut stack = Stack { sandbox, aws, number: 0 };
    let (mut needed, mut idle) = (0, BTreeSet::new());
    for (name, function) in [("logctl", "forwarder"), ("logctl", "subscriber"), ("logctl", "domain")] {
        let role = format!("logctl-{name}-us-east-1-{function}");
        // One that nobody needs must be found.
        let unused = json!({"Version": "2012-10-17", "Statement": [
            {"Sid": "Unused", "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "*"}]});
        stack.put_policy(&role, "unused", &unused);
        let healthy = stack.see(function);
        assert_eq!(healthy, stack.see(function), "what is seen of {function} is not always the same");
        for (policy, document) in stack.policies(&role) {
            for (what, without) in each_less(&document) {
                stack.put_policy(&role, &policy, &without);
                if stack.see(function) == healthy {
                    idle.insert((function.to_owned(), what));
                } else {
                    needed += 1;
                }
                stack.put_policy(&role, &policy, &document);
            }
        }
        assert_eq!(healthy, stack.see(function), "{function} is not as before");
    }
    for function in ["forwarder", "domain"] {
        for (policy, document) in stack.policies(&format!("logctl-signed-us-east-1-{function}")) {
            if policy == "domain" {
                idle.extend(each_less(&document).map(|(what, _)| (function.to_owned(), what)));
            }
        }
    }
    for function in ["forwarder", "subscriber", "domain"] {
        assert!(idle.remove(&(function.to_owned(), "Unused dynamodb:GetItem".to_owned())), "{function}: {idle:?}");
    }
    let known = |(function, what): &(String, String)| {
        NOT_SEEN_HERE.iter().any(|(of, which, _)| (*of == "*" || of == function) && what.starts_with(which))
    };
    let surprising: Vec<_> = idle.iter().filter(|idle| !known(idle)).collect();
    assert!(surprising.is_empty(), "nobody needs these: {surprising:?}");
    for (of, which, _) in NOT_SEEN_HERE {
        let there = idle.iter().any(|(function, what)| (of == "*" || of == function) && what.starts_with(which));
        assert!(there, "{of} {which} is seen, and listed as not seen");
    }
    format!(
        "{needed} actions of the functions' roles are needed, as a run without each shows; {} cannot be seen here, for the reasons in the test",
        idle.len()
    )
}

/// A policy without each of its actions, in turn, and what that is called.
fn each_less(document: &Value) -> impl Iterator<Item = (String, Value)> {
    let statements = document["Statement"].as_array().unwrap().iter().enumerate();
    let less = statements.flat_map(|(at, statement)| {
        let actions = statement["Action"].as_array().cloned().unwrap_or_else(|| vec![statement["Action"].clone()]);
        let of = actions.clone();
        actions.into_iter().map(move |action| {
            let mut document = document.clone();
            let rest: Vec<&Value> = of.iter().filter(|other| **other != action).collect();
            if rest.is_empty() {
                document["Statement"].as_array_mut().unwrap().remove(at);
            } else {
                document["Statement"][at]["Action"] = json!(rest);
            }
            (format!("{} {}", statement["Sid"].as_str().unwrap(), action.as_str().unwrap()), document)
        })
    });
    less.collect::<Vec<_>>().into_iter()
}

impl Stack {
    /// The policies of a role, by their names.
    fn policies(&self, role: &str) -> Vec<(String, Value)> {
        let names = self.sandbox.iam(&format!("Action=ListRolePolicies&RoleName={role}"));
        let names: Vec<String> = logctl_sink::aws::xml::texts(&names, "member").collect();
        let document = |name: String| {
            let found = self.sandbox.iam(&format!("Action=GetRolePolicy&RoleName={role}&PolicyName={name}"));
            let text = logctl_sink::aws::xml::texts(&found, "PolicyDocument").next().unwrap();
            (name, serde_json::from_str(&percent_decode_str(&text).decode_utf8().unwrap()).unwrap())
        };
        names.into_iter().map(document).collect()
    }

    fn put_policy(&self, role: &str, name: &str, document: &Value) {
        // IAM takes no policy without a statement.
        if document["Statement"].as_array().is_some_and(Vec::is_empty) {
            self.sandbox.iam(&format!("Action=DeleteRolePolicy&RoleName={role}&PolicyName={name}"));
            return;
        }
        let document = utf8_percent_encode(&document.to_string(), NON_ALPHANUMERIC).to_string();
        self.sandbox.iam(&format!("Action=PutRolePolicy&RoleName={role}&PolicyName={name}&PolicyDocument={document}"));
    }

    /// A function as the stack runs it: the real binary, with its own variables and a session of its own role.
    fn start(&self, function: &str) -> Function {
        let name = format!("logctl-logctl-{function}");
        let path = format!("/2015-03-31/functions/{name}/configuration");
        let found = self.sandbox.signed("lambda", Method::GET, &path, String::new());
        let found: Value = serde_json::from_str(&found).unwrap();
        let mut variables: BTreeMap<String, String> =
            serde_json::from_value(found["Environment"]["Variables"].clone()).unwrap();
        let session = self.sandbox.session_of(&format!("logctl-logctl-us-east-1-{function}"));
        let own = [
            ("AWS_LAMBDA_FUNCTION_NAME", name.clone()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT_URL", self.aws.url.clone()),
        ];
        variables.extend(session.into_iter().chain(own).map(|(name, value)| (name.to_owned(), value)));
        let variables: Vec<(&str, String)> =
            variables.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        Function::start(&binary(function), variables, Duration::from_secs(25))
    }

    fn see(&mut self, function: &str) -> Seen {
        self.number += 1;
        match function {
            "forwarder" => self.see_forwarder(),
            "subscriber" => self.see_subscriber(),
            _ => self.see_domain(),
        }
    }

    fn see_forwarder(&self) -> Seen {
        let mut function = self.start("forwarder");
        let bucket = self.sandbox.bucket_of("logctl-deadletters");
        self.sandbox.empty(&bucket);
        let mut seen = Seen::new();
        let (event, ids) = from("/shop/orders", &["an order".to_owned()], &[now()]);
        seen.insert("indexes", how(&function.invoke(&event)));
        seen.insert("is indexed", self.are_indexed(&ids));
        seen.insert("keeps", how(&function.invoke(r#"{"awslogs": {"data": "bm8="}}"#)));
        seen.insert("is kept", self.sandbox.keys(&bucket).len().to_string());

        // The log of a function of the other stack: two stacks must not feed each other.
        let (event, ids) = from("/aws/lambda/logctl-signed-forwarder", &["an order".to_owned()], &[now()]);
        seen.insert("tells functions", how(&function.invoke(&event)));
        seen.insert("are told", self.are_indexed(&ids));

        // What an outage has left, and what Lambda has.
        self.sandbox.empty(&bucket);
        let (event, ids) = from("/shop/orders", &["another".to_owned()], &[now()]);
        let event: Value = serde_json::from_str(&event).unwrap();
        let letter = json!({"kind": "outage", "reason": "it was down", "at": now(), "attempts": 1, "payload": event["awslogs"]["data"]});
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        writeln!(gzip, "{letter}").unwrap();
        self.sandbox.put_object(&bucket, "outage/2026-11-23/1-r.ndjson.gz", gzip.finish().unwrap());
        let record = format!("aws/lambda/async/logctl-logctl-forwarder/2026/11/23/record{}", self.number);
        let call = json!({"requestPayload": "redrive"}).to_string();
        self.sandbox.put_object(&bucket, &record, call.into_bytes());
        seen.insert("redrives", how(&function.invoke("\"redrive\"")));
        seen.insert("is redriven", self.are_indexed(&ids));
        seen.insert("is left", self.sandbox.keys(&bucket).join(", ").replace(&record, "RECORD"));
        let versions = self.sandbox.signed("s3", Method::GET, &format!("/{bucket}?versions="), String::new());
        seen.insert(
            "is left of records",
            logctl_sink::aws::xml::texts(&versions, "Key").filter(|key| *key == record).count().to_string(),
        );

        // A circle.
        let own = "/aws/lambda/logctl-logctl-domain";
        self.sandbox.put_filter(
            own,
            "circle",
            &format!("arn:aws:lambda:us-east-1:{OWNER}:function:logctl-logctl-forwarder"),
        );
        let event = json!([{"id": "7", "timestamp": now(), "message": "round"}]).to_string();
        let circle = invocation(&payload_of(OWNER, own, &json!(["circle"]), &event));
        seen.insert("ends a circle", how(&function.invoke(&circle)));
        seen.insert("is in a circle", self.sandbox.filters_of(own).len().to_string());
        self.sandbox.delete_filter(own, "circle");
        seen
    }

    fn see_subscriber(&self) -> Seen {
        let mut function = self.start("subscriber");
        let mut seen = Seen::new();
        let forwarder = format!("arn:aws:lambda:us-east-1:{OWNER}:function:logctl-logctl-forwarder");
        // The rule, which would do the same, has to keep out of it.
        let rule = json!({"Name": "logctl-logctl-created"});
        self.sandbox.json_call("events", "AWSEvents.DisableRule", &rule);
        for (what, group) in [
            ("subscribes", format!("/shop/{}", self.number)),
            ("unsubscribes", format!("/skip/{}", self.number)),
            ("puts off", format!("/aws/lambda/logctl-other{}-domain", self.number)),
        ] {
            self.sandbox.create_group(&group);
            self.sandbox.put_events(&group, &["the first".to_owned()]);
            if what == "unsubscribes" {
                self.sandbox.put_filter(&group, "by-hand", &forwarder);
            }
            let at = jiff::Timestamp::from_millisecond(now()).unwrap().to_string();
            let created = json!({"detail": {"eventTime": at, "eventName": "CreateLogGroup",
                "requestParameters": {"logGroupName": group}}});
            let ended = how(&function.invoke(&created.to_string()));
            let line = if ended == "well" { function.last_line() } else { ended };
            let filters = self.sandbox.filters_of(&group).len();
            seen.insert(what, format!("{line}, {filters} filters").replace(&group, "GROUP"));
        }
        seen
    }

    fn see_domain(&self) -> Seen {
        let mut function = self.start("domain");
        drop(self.aws.calls()); // Those of before.
        let request = json!({"RequestType": "Update", "ResponseURL": format!("{}/_ministack/cfn-response/none", self.aws.url),
            "StackId": "s", "RequestId": "r", "LogicalResourceId": "DomainSetUp", "PhysicalResourceId": "domain"});
        let ended = how(&function.invoke(&request.to_string()));
        let calls = self.aws.calls();
        let told = calls.iter().find_map(|call| {
            let answer: Value = serde_json::from_str(&call.body).ok()?;
            answer["Status"].as_str().map(str::to_owned)
        });
        Seen::from([("sets up", ended), ("is told", told.unwrap_or_default())])
    }

    fn are_indexed(&self, ids: &BTreeSet<String>) -> String {
        let indexed = self.sandbox.indexed(now() - 600_000);
        ids.iter().filter(|id| indexed.contains_key(*id)).count().to_string()
    }
}

fn how(ended: &Ended) -> String {
    match ended {
        Ended::Well => "well".to_owned(),
        _ => "badly".to_owned(),
    }
}

fn binary(function: &str) -> PathBuf {
    root().join("target/dist").join(match function {
        "forwarder" => "logs_forwarder",
        "subscriber" => "log_group_created",
        _ => "domain_access",
    })
}
