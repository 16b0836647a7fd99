//! Deployments that fail, as they are seen: the first cause, and what to type next.

use std::path::Path;

use insta::assert_snapshot;
use serde_json::json;

use super::{
    proxy::{Fault, Proxy},
    sandbox::{Run, Sandbox},
};

/// What a run says, without what is another each time.
fn screen(sandbox: &Sandbox, proxy: &Proxy, run: &Run) -> String {
    let mut text = format!("exit {}\n{}", run.code, run.stderr);
    for (real, word) in [
        (sandbox.aws_endpoint(), "AWS"),
        (proxy.url.as_str(), "AWS"),
        (sandbox.endpoint(), "DOMAIN"),
        (sandbox.functions().to_str().unwrap(), "FUNCTIONS"),
    ] {
        text = text.replace(real, word);
    }
    // Parts of names that chance has made, and the plan, which is shown elsewhere.
    let chance = |word: &str| {
        word.len() >= 12
            && word.bytes().all(|byte| byte.is_ascii_hexdigit())
            && word.bytes().any(|byte| byte.is_ascii_digit())
    };
    let planned = ["add\t", "change\t", "replace\t", "remove\t"];
    let lines = text.lines().filter(|line| !planned.iter().any(|start| line.starts_with(start)));
    let shown = lines.map(|line| {
        let words = line.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
        words
            .map(|word| {
                let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
                if chance(bare) && bare != "000000000000" { word.replace(bare, "…") } else { word.to_owned() }
            })
            .collect::<String>()
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// An account, and what stands before it.
struct Stage {
    sandbox: Sandbox,
    proxy: Proxy,
}

impl Stage {
    fn new() -> Self {
        let sandbox = Sandbox::up(None);
        let proxy = Proxy::start(sandbox.aws_endpoint());
        Self { sandbox, proxy }
    }

    fn bootstrap(&self, more: &str, variables: &[(&str, &str)]) -> String {
        let line = format!("bootstrap --yes {more}");
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let variables = [&[("AWS_ENDPOINT_URL", self.proxy.url.as_str())], variables].concat();
        screen(&self.sandbox, &self.proxy, &self.sandbox.run(&arguments, &variables))
    }
}

#[test]
fn what_is_wrong_is_said_before_anything_is_made() {
    let stage = Stage::new();
    let account = &stage.sandbox;

    // A permission is missing.
    let allowed = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "cloudformation:CreateChangeSet", "Resource": "*"},
    ]});
    let ana = account.keys_of("ana", &allowed);
    let ana = [("AWS_ACCESS_KEY_ID", ana.0.as_str()), ("AWS_SECRET_ACCESS_KEY", ana.1.as_str())];
    assert_snapshot!(stage.bootstrap("", &ana), @r"
    exit 4
    error: cannot prepare the stack: access denied
      caused by: User: arn:aws:iam::000000000000:user/ana is not authorized to perform: cloudformation:CreateChangeSet with an explicit deny in an identity-based policy
    hint: ask for that permission, or choose another identity: --profile
    ");

    // The wrong domain.
    let elsewhere = format!("--endpoint {}", account.aws_endpoint());
    assert_snapshot!(stage.bootstrap(&elsewhere, &[]), @r#"
    exit 1
    error: AWS is not a search engine: it answers with a page, "… ministack" (status 200)
    hint: the endpoint is the domain's own address, not that of its Dashboards
    "#);

    // A name is taken.
    account.create_group("/aws/lambda/logctl-logctl-forwarder");
    assert_snapshot!(stage.bootstrap("", &[]), @r"
    exit 1
    error: there is a log group /aws/lambda/logctl-logctl-forwarder already, and the stack makes its own
    hint: a removed stack may have left it; delete it: aws logs delete-log-group --log-group-name /aws/lambda/logctl-logctl-forwarder
    ");
    account.delete_group("/aws/lambda/logctl-logctl-forwarder");

    // A parameter that is none: to us, and to AWS.
    assert_snapshot!(stage.bootstrap("--kms-key alias/logs", &[]), @r"
    exit 2
    error: --kms-key: the stack takes no `alias/logs`
    hint: it takes: ARN of a customer managed key for buckets, queues, logs and environments; empty means the services' own. Its policy must admit logs, events and lambda
    ");
    let refused = "<ErrorResponse><Error><Code>ValidationError</Code><Message>Parameter 'KmsKey' must match pattern arn:.*\
                   </Message></Error></ErrorResponse>";
    stage.proxy.from("CreateChangeSet", 1, Fault::Answer(400, "text/xml", refused));
    assert_snapshot!(stage.bootstrap("", &[]), @r"
    exit 1
    error: cannot prepare the stack: AWS refuses it
      caused by: Parameter 'KmsKey' must match pattern arn:.*
    hint: KmsKey is what --kms-key says
    ");
    stage.proxy.heal();
    // AWS throttles.
    let throttled =
        "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>";
    stage.proxy.from("CreateChangeSet", 1, Fault::Answer(400, "text/xml", throttled));
    assert_snapshot!(stage.bootstrap("", &[("AWS_MAX_ATTEMPTS", "3")]), @r"
    exit 6
    error: cannot prepare the stack: AWS throttles these calls, also after several tries
      caused by: Rate exceeded
    hint: try again in a minute
    ");
    stage.proxy.heal();

    // A network that wants a login.
    stage.proxy.from("GetCallerIdentity", 1, Fault::Answer(200, "text/html", "<html><title>Hotel Login</title>"));
    assert_snapshot!(stage.bootstrap("", &[]), @r#"
    exit 1
    error: cannot reach AWS: AWS answers 200, "Hotel Login"
    hint: that is no answer of AWS; check AWS_ENDPOINT_URL
    "#);
    stage.proxy.heal();

    // The stack is stuck.
    let stuck = "<DescribeStacksResponse><DescribeStacksResult><Stacks><member>\
        <StackId>arn:aws:cloudformation:us-east-1:000000000000:stack/logctl/1</StackId><StackName>logctl</StackName>\
        <StackStatus>UPDATE_ROLLBACK_FAILED</StackStatus><CreationTime>2026-01-01T00:00:00Z</CreationTime><Parameters>\
        <member><ParameterKey>DomainEndpoint</ParameterKey><ParameterValue>https://a.example</ParameterValue></member>\
        <member><ParameterKey>ForwarderKey</ParameterKey><ParameterValue>a</ParameterValue></member>\
        <member><ParameterKey>SubscriberKey</ParameterKey><ParameterValue>b</ParameterValue></member>\
        </Parameters></member></Stacks></DescribeStacksResult></DescribeStacksResponse>";
    stage.proxy.each(move |operation| match operation {
        "DescribeStacks" => vec![Fault::Answer(200, "text/xml", stuck)],
        _ => Vec::new(),
    });
    assert_snapshot!(stage.bootstrap("", &[]), @r"
    exit 1
    error: stack logctl is UPDATE_ROLLBACK_FAILED
    hint: mend the cause, then: aws cloudformation continue-update-rollback --stack-name logctl; or remove it with: logctl teardown
    ");
    stage.proxy.heal();
    assert!(account.stacks().is_empty(), "{:?}", account.stacks());
}

#[test]
fn what_fails_on_the_way_is_said_with_its_first_cause() {
    let stage = Stage::new();
    let account = &stage.sandbox;
    // Nobody tells the rule of new groups; that is no failure.
    account.delete_trail();
    let again = |stage: &Stage| {
        stage.sandbox.refuse(None);
        stage.sandbox.logctl("teardown --yes").ok();
    };

    // An archive that was uploaded is not there.
    stage.proxy.each(|operation| match operation {
        "PUT object" => vec![Fault::Answer(200, "application/xml", "")],
        _ => Vec::new(),
    });
    assert_snapshot!(stage.bootstrap("", &[]), @r"
    exit 1
    warning: no CloudTrail trail records management events in this Region, so the rule will never fire
    hint: create a trail, or run logctl backfill from time to time
    error: cannot deploy stack logctl: LogsForwarder failed: Error occurred while GetObject. S3 Error Code: NoSuchKey (functions/logs_forwarder-….zip)
      caused by: CloudFormation left the stack in ROLLBACK_COMPLETE
    hint: remove what is left with: logctl teardown; then mend the cause and deploy again
    ");
    stage.proxy.heal();
    again(&stage);

    // A function may not be made.
    account.refuse(Some(("LogsForwarder", "Resource handler returned message: \"User: ana is not authorized to perform: lambda:CreateFunction\" (HandlerErrorCode: AccessDenied)")));
    assert_snapshot!(stage.bootstrap("", &[]), @r#"
    exit 1
    warning: no CloudTrail trail records management events in this Region, so the rule will never fire
    hint: create a trail, or run logctl backfill from time to time
    error: cannot deploy stack logctl: LogsForwarder failed: Resource handler returned message: "User: ana is not authorized to perform: lambda:CreateFunction" (HandlerErrorCode: AccessDenied)
      caused by: CloudFormation left the stack in ROLLBACK_COMPLETE
    hint: remove what is left with: logctl teardown; then mend the cause and deploy again
    "#);
    // What is left can only be removed.
    assert_snapshot!(stage.bootstrap("", &[]), @r"
    exit 1
    error: stack logctl is ROLLBACK_COMPLETE and can only be removed
    hint: remove it with: logctl teardown; then deploy again
    ");
    again(&stage);

    // A key admits nobody.
    let key = "--kms-key arn:aws:kms:us-east-1:000000000000:key/0b1d2c3e-aaaa-bbbb-cccc-ddddeeeeffff";
    account.refuse(Some(("ForwarderLogs", "Resource handler returned message: \"The specified KMS key does not exist or is not allowed to be used with Arn\" (HandlerErrorCode: InvalidRequest)")));
    assert_snapshot!(stage.bootstrap(key, &[]), @r#"
    exit 1
    warning: no CloudTrail trail records management events in this Region, so the rule will never fire
    hint: create a trail, or run logctl backfill from time to time
    error: cannot deploy stack logctl: ForwarderLogs failed: Resource handler returned message: "The specified KMS key does not exist or is not allowed to be used with Arn" (HandlerErrorCode: InvalidRequest)
      caused by: CloudFormation left the stack in ROLLBACK_COMPLETE
    hint: remove what is left with: logctl teardown; then mend the cause and deploy again
    "#);
    again(&stage);

    // A token expires on the way.
    let expired = "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message></Error></ErrorResponse>";
    stage.proxy.from("DescribeStackEvents", 2, Fault::Answer(403, "text/xml", expired));
    assert_snapshot!(stage.bootstrap("", &[]), @r"
    exit 4
    warning: no CloudTrail trail records management events in this Region, so the rule will never fire
    hint: create a trail, or run logctl backfill from time to time
    error: cannot watch the stack: the AWS session has expired
      caused by: The security token included in the request is expired
      caused by: AWS goes on deploying stack logctl
    hint: set fresh keys in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, of a session, AWS_SESSION_TOKEN; or choose a profile with --profile
    hint: see how it ended with the same command and --check
    ");
    stage.proxy.heal();
    Sandbox::eventually("AWS goes on", || {
        account.stacks().get("logctl").is_some_and(|status| status == "CREATE_COMPLETE")
    });

    // What deliveries depend on would be replaced, or left behind.
    let elsewhere = account.endpoint().replace("127.0.0.1", "localhost");
    assert_snapshot!(stage.bootstrap(&format!("--endpoint {elsewhere}"), &[]).replace(&elsewhere, "ELSEWHERE"), @r"
    exit 1
    warning: no CloudTrail trail records management events in this Region, so the rule will never fire
    hint: create a trail, or run logctl backfill from time to time
    error: this would move on to another domain: what DOMAIN holds is not searched any more
    hint: if that is meant, add --accept-gap to the same command, and run logctl backfill after it
    ");
    assert_snapshot!(stage.bootstrap("--index-prefix other", &[]), @r"
    exit 1
    warning: no CloudTrail trail records management events in this Region, so the rule will never fire
    hint: create a trail, or run logctl backfill from time to time
    error: this would move on to other indices: logctl-* are not searched any more
    hint: if that is meant, add --accept-gap to the same command, and run logctl backfill after it
    ");
    account.logctl("bootstrap --check").ok();
}

#[test]
fn an_archive_that_was_changed_is_not_deployed() {
    let stage = Stage::new();
    let account = &stage.sandbox;
    account.logctl("bootstrap --yes").ok();
    let bucket = account.bucket_of("logctl-artifacts");
    let key = account.keys(&bucket).into_iter().find(|key| key.contains("logs_forwarder")).unwrap();
    account.put_object(&bucket, &key, b"PK\x03\x04something else".to_vec());
    account.logctl("bootstrap --yes --exclude /skip/*").exits(1).says("has been changed: 18 bytes of something else");
    // Whoever is none of its deployers puts nothing there.
    let anything = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let stranger = account.user("stranger", &anything);
    let client = aws_sdk_s3::Client::new(&stranger);
    let put = client.put_object().bucket(&bucket).key(&key).body(b"x".to_vec().into());
    account.wait(put.send()).unwrap_err();

    // Who may change stacks is admitted, which the plan says.
    let bob = account.keys_of("bob", &anything);
    let bob = [("AWS_ACCESS_KEY_ID", bob.0.as_str()), ("AWS_SECRET_ACCESS_KEY", bob.1.as_str())];
    account.empty(&bucket);
    account.run(&["bootstrap", "--yes", "--exclude", "/skip/*"], &bob).ok().says("change\tArtifactsPolicy");
    assert!(Path::new(&account.functions()).exists());
    account.logctl("bootstrap --check").ok();
}
