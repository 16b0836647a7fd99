use serde_json::json;

use super::*;
use crate::{
    args::{AwsOptions, ColorChoice, Global, OfFiles},
    aws::{
        filters::AT_ONCE,
        mocked::{Account, Answer, refused},
    },
    deploy::stack::examples::{OUTPUTS, PARAMETERS, described},
    env::Environment,
};

const GROUPS: &str = r#"{"logGroups": [{"logGroupName": "/a", "logGroupClass": "STANDARD"}]}"#;
const NONE: &str = r#"{"subscriptionFilters": []}"#;

/// What CloudFormation tells of the stack, the newest first.
fn events(statuses: &[&str]) -> String {
    let event = |status: &&str| {
        format!(
            "<member><EventId>{status}</EventId><StackId>s</StackId><PhysicalResourceId>s</PhysicalResourceId>\
             <ResourceStatus>{status}</ResourceStatus></member>"
        )
    };
    let events: String = statuses.iter().map(event).collect();
    format!(
        "<DescribeStackEventsResponse><DescribeStackEventsResult><StackEvents>{events}</StackEvents>\
         </DescribeStackEventsResult></DescribeStackEventsResponse>"
    )
}

fn filters() -> String {
    let filter = |name: &str, arn: &str| json!({"filterName": name, "destinationArn": arn, "filterPattern": ""});
    json!({"subscriptionFilters": [filter("by-hand", "arn:forwarder"), filter("theirs", "arn:theirs")]}).to_string()
}

fn policy(destination: &str) -> String {
    let document = json!({"DestinationArn": destination, "FilterPattern": ""}).to_string();
    json!({"accountPolicies": [{"policyName": "all", "policyDocument": document}]}).to_string()
}

/// Tears the stack of an account down that answers like this.
async fn teardown(answers: &[Answer<'_>]) -> (Result<(), Error>, String, Vec<String>) {
    teardown_with(answers, false).await
}

async fn teardown_with(answers: &[Answer<'_>], ignore_unread: bool) -> (Result<(), Error>, String, Vec<String>) {
    // Both listings tell the same groups.
    let listed = answers.iter().filter(|(name, ..)| *name == "DescribeLogGroups");
    let listed = listed.map(|(_, status, body)| ("ListLogGroups", *status, *body));
    let account = Account::new(&answers.iter().copied().chain(listed).collect::<Vec<_>>()).await;
    let aws = AwsOptions { profile: None, region: None, expect_account: None };
    let stack = Some("logctl".parse().unwrap());
    let files = OfFiles::default();
    let global = Global { aws, env: None, stack, color: ColorChoice::Never, quiet: true, verbose: 0, files };
    let env = Environment::from_process();
    let cx = Context::new(&global, &env).unwrap();
    let args = TeardownArgs {
        ignore_unread,
        consent: Consent { dry_run: false, yes: true },
        rate: Rate { calls: 1_000.0 },
        format: ReportFormat { output: None },
    };
    let (mut ui, said) = Ui::captured();
    let done = remove(&account.aws().await, &args, &cx, &mut ui).await;
    let said = String::from_utf8(said.borrow().clone()).unwrap();
    (done, said, account.asked().await)
}

/// Calls that change something.
fn changes(asked: &[String]) -> Vec<&str> {
    let reads = |name: &&str| name.is_empty() || ["Describe", "List"].iter().any(|word| name.starts_with(word));
    asked.iter().map(String::as_str).filter(|name| !reads(name)).collect()
}

#[tokio::test]
async fn everything_that_sends_to_the_stack_goes_before_the_stack() {
    let stack = described("123456789012", "UPDATE_COMPLETE", &format!("{PARAMETERS}{OUTPUTS}"));
    let (before, updated) = (events(&["CREATE_COMPLETE"]), events(&["UPDATE_COMPLETE", "CREATE_COMPLETE"]));
    let deleted = events(&["DELETE_COMPLETE", "UPDATE_COMPLETE", "CREATE_COMPLETE"]);
    let (done, said, asked) = teardown(&[
        ("DescribeStacks", 200, &stack),
        ("DescribeStacks", 400, &refused("ValidationError", "no such stack")),
        ("DescribeAccountPolicies", 200, &policy("arn:forwarder")),
        ("DescribeLogGroups", 200, GROUPS),
        ("DescribeSubscriptionFilters", 200, &filters()),
        ("DescribeSubscriptionFilters", 200, NONE),
        ("DescribeStackEvents", 200, &before),
        ("DescribeStackEvents", 200, &updated),
        ("DescribeStackEvents", 200, &updated),
        ("DescribeStackEvents", 200, &deleted),
        ("UpdateStack", 200, "<UpdateStackResponse><UpdateStackResult></UpdateStackResult></UpdateStackResponse>"),
        ("DeleteSubscriptionFilter", 200, "{}"),
        ("DeleteAccountPolicy", 200, "{}"),
        ("DeleteStack", 200, "<DeleteStackResponse></DeleteStackResponse>"),
    ])
    .await;
    done.unwrap();
    let expected = ["UpdateStack", "DeleteSubscriptionFilter", "DeleteAccountPolicy", "DeleteStack"];
    assert_eq!(changes(&asked), expected);
    let removed = "removed 1 filter, the account policy all and stack logctl in account 123456789012 (shop), eu-west-1";
    assert!(said.contains(removed), "{said}");
    assert!(said.contains("kept the dead letters in bucket letters"), "{said}");
}

#[tokio::test]
async fn filters_that_outlived_their_stack_are_removed_and_nothing_of_others() {
    let ours = "arn:aws:lambda:eu-west-1:123456789012:function:logctl-logctl-forwarder";
    let (done, _, asked) = teardown(&[
        ("DescribeStacks", 400, &refused("ValidationError", "no such stack")),
        ("DescribeAccountPolicies", 200, &policy("arn:theirs")),
        ("DescribeLogGroups", 200, GROUPS),
        ("DescribeSubscriptionFilters", 200, &filters().replace("arn:forwarder", ours)),
        ("DescribeSubscriptionFilters", 200, NONE),
        ("DeleteSubscriptionFilter", 200, "{}"),
    ])
    .await;
    done.unwrap();
    assert_eq!(changes(&asked), ["DeleteSubscriptionFilter"]);
}

#[tokio::test]
async fn a_stack_stays_as_long_as_a_filter_sends_to_it() {
    let stack = described("123456789012", "UPDATE_ROLLBACK_FAILED", &format!("{PARAMETERS}{OUTPUTS}"));
    let denied = r#"{"__type": "AccessDeniedException", "message": "not you"}"#;
    let (done, said, asked) = teardown(&[
        ("DescribeStacks", 200, &stack),
        ("DescribeAccountPolicies", 200, r#"{"accountPolicies": []}"#),
        ("DescribeLogGroups", 200, GROUPS),
        ("DescribeSubscriptionFilters", 200, &filters()),
        ("DisableRule", 200, "{}"),
        ("DeleteSubscriptionFilter", 400, denied),
    ])
    .await;
    let error = done.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (Kind::Denied, "1 log group could not be changed"));
    assert_eq!(changes(&asked), ["DisableRule", "DeleteSubscriptionFilter"], "no update of a damaged stack");
    assert!(!said.contains("removed 1"), "{said}");
}

const DENIED: &str = r#"{"__type": "AccessDeniedException", "message": "not you"}"#;
const TWO: &str = r#"{"logGroups": [{"logGroupName": "/a"}, {"logGroupName": "/b"}]}"#;
const DELETED: &str = "<DeleteStackResponse></DeleteStackResponse>";

#[tokio::test]
async fn what_cannot_be_read_keeps_the_stack_and_the_rest_goes() {
    let disabled = PARAMETERS.replace(
        "</Parameters>",
        "<member><ParameterKey>RuleState</ParameterKey><ParameterValue>DISABLED</ParameterValue></member></Parameters>",
    );
    let stack = described("123456789012", "UPDATE_COMPLETE", &format!("{disabled}{OUTPUTS}"));
    let (events, deleted) = (events(&["UPDATE_COMPLETE"]), events(&["DELETE_COMPLETE", "UPDATE_COMPLETE"]));
    let gone = refused("ValidationError", "no such stack");
    let filters = filters();
    let common =
        [("DescribeLogGroups", 200, TWO), ("DeleteSubscriptionFilter", 200, "{}"), ("DeleteStack", 200, DELETED)];
    // One group can be read, and the other cannot; once more after the filter is gone.
    let unread_group = [
        ("DescribeAccountPolicies", 200, r#"{"accountPolicies": []}"#),
        ("DescribeSubscriptionFilters", 200, filters.as_str()),
        ("DescribeSubscriptionFilters", 400, DENIED),
        ("DescribeSubscriptionFilters", 200, NONE),
        ("DescribeSubscriptionFilters", 400, DENIED),
    ];
    let unread_policy = [
        ("DescribeAccountPolicies", 400, DENIED),
        ("DescribeSubscriptionFilters", 200, filters.as_str()),
        ("DescribeSubscriptionFilters", 200, NONE),
    ];
    for unread in [&unread_group[..], &unread_policy] {
        let mut answers = [unread, &common].concat();
        answers.extend([("DescribeStacks", 200, stack.as_str()), ("DescribeStackEvents", 200, events.as_str())]);
        let (done, said, asked) = teardown(&answers).await;
        let error = done.unwrap_err();
        assert_eq!(error.kind, Kind::Incomplete, "{error}");
        assert!(error.to_string().contains("could not be read, so the stack stays"), "{error}");
        assert_eq!(changes(&asked), ["DeleteSubscriptionFilter"], "{said}");
        assert!(said.contains("could not be read: ") && said.contains("removed 1 filter in"), "{said}");

        let mut answers = [unread, &common].concat();
        answers.extend([
            ("DescribeStacks", 200, stack.as_str()),
            ("DescribeStacks", 400, gone.as_str()),
            ("DescribeStackEvents", 200, events.as_str()),
            ("DescribeStackEvents", 200, events.as_str()),
            ("DescribeStackEvents", 200, deleted.as_str()),
        ]);
        let (done, said, asked) = teardown_with(&answers, true).await;
        done.unwrap();
        assert_eq!(changes(&asked), ["DeleteSubscriptionFilter", "DeleteStack"], "{said}");
    }
}

#[tokio::test]
async fn a_stack_that_never_worked_is_deleted_at_once() {
    let stack = described("123456789012", "ROLLBACK_COMPLETE", PARAMETERS);
    let (before, deleted) = (events(&["ROLLBACK_COMPLETE"]), events(&["DELETE_COMPLETE", "ROLLBACK_COMPLETE"]));
    let (done, said, asked) = teardown(&[
        ("DescribeStacks", 200, &stack),
        ("DescribeStacks", 400, &refused("ValidationError", "no such stack")),
        ("DescribeStackEvents", 200, &before),
        ("DescribeStackEvents", 200, &deleted),
        ("DeleteStack", 200, DELETED),
    ])
    .await;
    done.unwrap();
    assert!(!asked.iter().any(|name| name.contains("LogGroups") || name.contains("Filters")), "{asked:?}");
    assert!(said.contains("no filter was looked for"), "{said}");
}

#[tokio::test]
async fn who_may_not_turn_the_rule_off_removes_nothing() {
    let stack = described("123456789012", "UPDATE_COMPLETE", &format!("{PARAMETERS}{OUTPUTS}"));
    let (done, _, asked) = teardown(&[
        ("DescribeStacks", 200, &stack),
        ("DescribeAccountPolicies", 200, r#"{"accountPolicies": []}"#),
        ("DescribeLogGroups", 200, GROUPS),
        ("DescribeSubscriptionFilters", 200, &filters()),
        ("DescribeStackEvents", 200, &events(&["CREATE_COMPLETE"])),
        ("UpdateStack", 403, &refused("AccessDenied", "not you")),
        ("DisableRule", 400, DENIED),
    ])
    .await;
    let error = done.unwrap_err();
    assert!(error.kind == Kind::Denied && error.to_string().contains("nothing was removed"), "{error}");
    assert_eq!(changes(&asked), ["UpdateStack", "DisableRule"]);
}

#[tokio::test]
async fn a_stack_that_is_protected_loses_nothing() {
    let protected = format!("{PARAMETERS}{OUTPUTS}<EnableTerminationProtection>true</EnableTerminationProtection>");
    let stack = described("123456789012", "UPDATE_COMPLETE", &protected);
    let (done, _, asked) = teardown(&[
        ("DescribeStacks", 200, &stack),
        ("DescribeAccountPolicies", 200, r#"{"accountPolicies": []}"#),
        ("DescribeLogGroups", 200, GROUPS),
        ("DescribeSubscriptionFilters", 200, &filters()),
    ])
    .await;
    let error = done.unwrap_err();
    assert!(error.to_string().contains("update-termination-protection"), "{error}");
    assert_eq!(changes(&asked), [""; 0]);
}

#[tokio::test]
async fn who_is_logged_out_asks_nothing_more() {
    let stack = described("123456789012", "UPDATE_COMPLETE", &format!("{PARAMETERS}{OUTPUTS}"));
    let expired = r#"{"__type": "ExpiredTokenException", "message": "expired"}"#;
    let names: Vec<_> = (0..50).map(|n| json!({"logGroupName": format!("/{n}")})).collect();
    let groups = json!({"logGroups": names}).to_string();
    let (done, _, asked) = teardown(&[
        ("DescribeStacks", 200, &stack),
        ("DescribeAccountPolicies", 200, r#"{"accountPolicies": []}"#),
        ("DescribeLogGroups", 200, &groups),
        ("DescribeSubscriptionFilters", 400, expired),
    ])
    .await;
    let error = done.unwrap_err();
    assert_eq!(error.kind, Kind::LoggedOut);
    assert!(error.one_line().contains("of 50 log groups had been read"), "{error}");
    let calls = asked.iter().filter(|name| *name == "DescribeSubscriptionFilters").count();
    assert!(calls <= AT_ONCE, "{calls} calls: those that were under way");
}
