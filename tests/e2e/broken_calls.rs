//! Calls of AWS that break, whichever they are: the end is right, or one line says what is left, and the next run goes on.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    proxy::{Fault, Proxy},
    sandbox::{Run, Sandbox},
};

/// The ways in which a call breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    /// It is made, and its answer is lost.
    Lost,
    /// It is made, and its answer is cut.
    Cut,
    /// It is answered by a gateway, without a word.
    Empty,
    /// It is throttled four times.
    Throttled,
    /// It is denied.
    Denied,
    /// It is answered by a page of somebody else.
    Page,
}

/// Ways that pass by themselves.
const PASSING: [Broken; 4] = [Broken::Lost, Broken::Cut, Broken::Empty, Broken::Throttled];

/// How the services word a refusal: those that speak JSON, those that speak XML, and S3.
fn refusal(operation: &str, status: u16, codes: [&'static str; 3]) -> Fault {
    let json = operation.contains("LogGroups")
        || operation.contains("Filter")
        || operation.contains("AccountPolic")
        || operation.contains("Trail")
        || operation.contains("Rule")
        || operation.contains("EventSelectors")
        || ["ListTags", "DescribeDomain"].contains(&operation);
    let [of_json, of_xml, of_s3] = codes;
    match operation {
        _ if json => Fault::Answer(if status == 503 { 400 } else { status }, "application/x-amz-json-1.1", of_json),
        _ if operation.ends_with("object") => Fault::Answer(status, "application/xml", of_s3),
        _ => Fault::Answer(if status == 503 { 400 } else { status }, "text/xml", of_xml),
    }
}

impl Broken {
    fn faults(self, operation: &str) -> Vec<Fault> {
        match self {
            Self::Lost => vec![Fault::LostAnswer],
            Self::Cut => vec![Fault::CutAnswer],
            Self::Empty => vec![Fault::Answer(503, "text/html", "")],
            Self::Throttled => vec![
                refusal(
                    operation,
                    503,
                    [
                        r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#,
                        "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>",
                        "<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>",
                    ],
                );
                4
            ],
            Self::Denied => vec![refusal(
                operation,
                403,
                [
                    r#"{"__type":"AccessDeniedException","message":"User: ana is not authorized to perform: it"}"#,
                    "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: ana is not authorized to perform: it</Message></Error></ErrorResponse>",
                    "<Error><Code>AccessDenied</Code><Message>User: ana is not authorized to perform: it</Message></Error>",
                ],
            )],
            Self::Page => vec![Fault::Answer(200, "text/html", "<html><title>Hotel Login</title>")],
        }
    }
}

const COMMANDS: [&str; 4] = ["bootstrap --yes", "backfill --yes", "audit", "teardown --yes"];

/// An account with groups, in one of which somebody else has a filter.
struct Account {
    sandbox: Sandbox,
    proxy: Proxy,
}

impl Account {
    fn new() -> Self {
        let sandbox = Sandbox::up(None);
        for group in ["/shop/orders", "/shop/cart", "/aws/lambda/logctl-billing-domain"] {
            sandbox.create_group(group);
        }
        sandbox.put_filter("/shop/cart", "theirs", "arn:aws:kinesis:us-east-1:000000000000:stream/theirs");
        let proxy = Proxy::start(sandbox.aws_endpoint());
        Self { sandbox, proxy }
    }

    fn run(&self, command: &str) -> Run {
        let run = self.run_on(command, &self.proxy.url);
        for word in ["Error {", "Some(", "None", "unknown error", "panicked"] {
            assert!(!run.stderr.contains(word), "{command}: {word} in {}", run.stderr);
        }
        run
    }

    fn run_on(&self, command: &str, endpoint: &str) -> Run {
        let arguments: Vec<&str> = command.split_whitespace().collect();
        self.sandbox.run(&arguments, &[("AWS_ENDPOINT_URL", endpoint)])
    }

    fn ours(&self) -> usize {
        let groups = self.sandbox.groups();
        let filters = groups.iter().flat_map(|group| self.sandbox.filters_of(group));
        filters.filter(|(_, destination)| destination.ends_with("-forwarder")).count()
    }

    /// Whether the account is as it has to be after a command.
    fn check(&self, command: &str, after: &str) {
        let stacks = self.sandbox.stacks();
        let stack = stacks.get("logctl").map(String::as_str);
        match command {
            "teardown --yes" => assert_eq!((stack, self.ours()), (None, 0), "{after}"),
            "bootstrap --yes" => assert_eq!((stack, self.ours()), (Some("CREATE_COMPLETE"), 0), "{after}"),
            _ => assert_eq!((stack, self.ours()), (Some("CREATE_COMPLETE"), 3), "{after}"),
        }
        assert_eq!(stacks.get("logctl-artifacts").map(String::as_str), Some("CREATE_COMPLETE"), "{after}");
        assert_eq!(self.sandbox.filters_of("/shop/cart").iter().filter(|(name, _)| name == "theirs").count(), 1);
    }
}

/// Each operation of a whole life breaks once, each in another way; the life is that of an account without faults.
#[test]
fn every_operation_breaks_once_and_nothing_comes_of_it() {
    let account = Account::new();
    account.proxy.each(|operation| PASSING[operation.len() % PASSING.len()].faults(operation));
    for command in COMMANDS {
        account.run(command).ok();
        account.check(command, command);
    }
    let asked: BTreeSet<String> = account.proxy.calls().into_iter().map(|call| call.operation).collect();
    for operation in
        ["CreateStack", "ExecuteChangeSet", "UpdateStack", "DeleteStack", "PutSubscriptionFilter", "PUT object"]
    {
        assert!(asked.contains(operation), "{asked:?}");
    }
    assert!(account.proxy.broken() >= asked.len(), "{asked:?}");
}

/// Each operation that changes something is denied once: the run says what is left, and the next one goes on.
#[test]
fn what_is_denied_once_is_said_and_goes_on() {
    let account = Account::new();
    for (command, operations) in [
        (COMMANDS[0], &["CreateChangeSet", "DescribeChangeSet", "CreateStack", "PUT object", "ExecuteChangeSet"][..]),
        (COMMANDS[1], &["DescribeLogGroups", "PutSubscriptionFilter"]),
        (COMMANDS[3], &["UpdateStack", "DeleteSubscriptionFilter", "DeleteStack"]),
    ] {
        for operation in operations {
            account.denied_once(command, operation);
        }
        account.run(command).ok();
        account.check(command, command);
    }
}

impl Account {
    /// Denies one call of an operation, and lets the next run go on.
    fn denied_once(&self, command: &str, denied: &str) {
        let name = denied.to_owned();
        self.proxy.each(move |operation| if operation == name { Broken::Denied.faults(operation) } else { Vec::new() });
        let run = self.run(command);
        if run.code == 0 {
            return; // It has found another way.
        }
        assert!([1, 3, 4].contains(&run.code), "{command}, {denied}: {}", run.stderr);
        assert!(run.stderr.contains("not authorized"), "{command}, {denied}: {}", run.stderr);
        self.proxy.heal();
    }
}

/// All faults of all operations, one call at a time. Says how many calls were broken.
pub fn all() -> String {
    let mut broken = 0;
    for fault in [PASSING.as_slice(), &[Broken::Denied, Broken::Page]].concat() {
        let account = Account::new();
        for command in COMMANDS {
            for number in 0.. {
                let asked = account.break_call(command, fault, number);
                if number >= asked.len() {
                    break;
                }
                broken += 1;
                account.check(command, &format!("{fault:?} {} in {command}", asked[number]));
                account.undo(command);
            }
        }
    }
    format!("{broken} calls broken, one at a time; each end was right, or the next run has made it so")
}

impl Account {
    /// Breaks the first call of one operation of a command, by its place among the operations, and runs it again where it
    /// failed. Tells the operations.
    fn break_call(&self, command: &str, fault: Broken, number: usize) -> Vec<String> {
        let asked = Arc::new(Mutex::new(Vec::<String>::new()));
        let names = asked.clone();
        self.proxy.each(move |operation| {
            let mut names = names.lock().unwrap();
            names.push(operation.to_owned());
            if names.len() == number + 1 { fault.faults(operation) } else { Vec::new() }
        });
        let run = self.run(command);
        self.proxy.heal();
        let asked = asked.lock().unwrap().clone();
        let what = format!("{fault:?} {:?} in {command}: {}", asked.get(number), run.stderr);
        assert!(!PASSING.contains(&fault) || run.code == 0, "{what}");
        if run.code != 0 {
            assert!(run.stderr.contains("error: "), "{what}");
            self.run(command).ok();
        }
        asked
    }
}

impl Account {
    /// Brings the account back to where a command began.
    fn undo(&self, command: &str) {
        let on = self.sandbox.aws_endpoint().to_owned();
        match command {
            "bootstrap --yes" => drop(self.run_on("teardown --yes", &on).ok()),
            "teardown --yes" => {
                self.run_on("bootstrap --yes", &on).ok();
                self.run_on("backfill --yes", &on).ok();
            }
            "backfill --yes" => {
                for group in self.sandbox.groups() {
                    self.sandbox.delete_filter(&group, "logctl-logctl");
                }
            }
            _ => {}
        }
    }
}

const EXPIRED: [&str; 3] = [
    r#"{"__type":"ExpiredTokenException","message":"The security token included in the request is expired"}"#,
    "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message></Error></ErrorResponse>",
    "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>",
];

#[test]
fn who_is_logged_out_on_the_way_asks_nothing_more() {
    let account = Account::new();
    for number in 0..40 {
        account.sandbox.create_group(&format!("/many/{number}"));
    }
    // Calls that are under way at once may each get the same answer.
    for (command, operation, number, at_most, says) in [
        ("bootstrap --yes", "DescribeChangeSet", 1, 1, "empty shell"),
        ("bootstrap --yes", "DescribeStackEvents", 2, 1, "AWS"),
        ("backfill --yes", "PutSubscriptionFilter", 5, 8, "not begun"),
        ("audit", "DescribeSubscriptionFilters", 10, 8, "log groups had been read"),
        ("teardown --yes", "DeleteSubscriptionFilter", 3, 8, "not begun"),
    ] {
        account.proxy.from(operation, number, refusal(operation, 403, EXPIRED));
        let run = account.run(command).exits(4).says("the AWS session has expired").says("AWS_ACCESS_KEY_ID");
        assert!(run.stderr.contains(says), "{command}: {}", run.stderr);
        assert!(account.proxy.broken() <= at_most, "{command}: {} calls after it", account.proxy.broken());
        account.proxy.heal();
        if command != "audit" && operation != "DescribeChangeSet" {
            account.run(command).ok();
        }
    }
    account.check("teardown --yes", "in the end");
}

/// With twenty new groups a second, a teardown ends, and asks none that was made after the rule was off.
#[test]
fn a_teardown_ends_although_groups_come_into_being() {
    let account = Account::new();
    account.sandbox.create_group("/their/own");
    account.run("bootstrap --yes").ok();
    account.run("backfill --yes").ok();
    let stop = AtomicBool::new(false);
    let made = std::thread::scope(|scope| {
        let maker = scope.spawn(|| account.sandbox.create_groups("/new", Duration::from_millis(50), &stop));
        Sandbox::eventually("groups come into being", || account.sandbox.groups().len() > 20);
        account.proxy.calls();
        let run = account.run("teardown --yes --rate 20");
        stop.store(true, Ordering::Relaxed);
        run.ok().says("removed");
        maker.join().unwrap()
    });
    let calls = account.proxy.calls();
    let off =
        calls.iter().find(|call| call.operation == "DescribeStackEvents" && call.answer.contains("UPDATE_COMPLETE"));
    let off = off.expect("the rule was turned off").at;
    let late: BTreeSet<&str> = made.iter().filter(|(_, at)| *at > off).map(|(name, _)| name.as_str()).collect();
    assert!(late.len() > 5, "{} groups were made after the rule was off", late.len());
    let asked = calls.iter().filter(|call| call.operation == "DescribeSubscriptionFilters");
    let asked: Vec<&str> = asked.filter_map(|call| call.body.split('"').find(|text| late.contains(text))).collect();
    assert_eq!(asked, [""; 0], "made after {off}");
    account.check("teardown --yes", "in the end");
}
