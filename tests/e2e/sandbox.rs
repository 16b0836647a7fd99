//! A sandbox of one's own for each test.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use logctl_core::event_id::event_id;
use opensearch::{
    auth::Credentials,
    cert::{Certificate, CertificateValidation},
    http::{
        Method,
        headers::HeaderMap,
        transport::{SingleNodeConnectionPool, TransportBuilder},
    },
};
use serde_json::{Value, json};

/// How long something that happens by itself may take.
const PATIENCE: Duration = Duration::from_mins(1);

pub struct Sandbox {
    name: String,
    env: BTreeMap<String, String>,
    home: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    config: SdkConfig,
}

/// What a run of logctl gave.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "real events need the real time")]
pub fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// A variable of the environment that the tests were started in.
#[expect(clippy::disallowed_methods, reason = "the folder of real logs is named there")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Sandbox {
    /// Starts the local AWS and a search engine.
    pub fn up(engine: Option<&str>) -> Self {
        Self::start(&engine.map_or_else(Vec::new, |engine| vec!["--engine", engine]), &[])
    }

    pub fn up_with_nodes(nodes: usize) -> Self {
        Self::start(&["--nodes", &nodes.to_string()], &[])
    }

    /// Three nodes, each a zone of its own.
    pub fn up_with_zones() -> Self {
        Self::start(&["--nodes", "3", "--zones"], &[])
    }

    /// With switches of the local AWS, which are variables.
    pub fn up_with(switches: &[(&str, &str)]) -> Self {
        Self::start(&[], switches)
    }

    fn start(arguments: &[&str], switches: &[(&str, &str)]) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("e2e-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut command = Command::new(root().join("sandbox/sandbox"));
        command.args(["up", "--name", &name]).args(arguments).envs(switches.iter().copied());
        let output = command.output().expect("sandbox/sandbox runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let env: BTreeMap<String, String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert!(
            Path::new(&env["LOGCTL_FUNCTIONS"]).join("logs_forwarder.zip").exists(),
            "the functions are not built; run: make functions"
        );
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let config = runtime.block_on(
            aws_config::defaults(BehaviorVersion::latest())
                .endpoint_url(&env["AWS_ENDPOINT_URL"])
                .region(Region::new("us-east-1"))
                .credentials_provider(aws_credential_types::Credentials::from_keys("test", "test", None))
                .load(),
        );
        Self { name, env, home: tempfile::tempdir().unwrap(), runtime, config }
    }

    /// Runs logctl with the sandbox's environment and nothing else.
    pub fn logctl(&self, arguments: &str) -> Run {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        self.run(&arguments, &[])
    }

    /// Runs logctl and kills it a while after something holds; it must live until then.
    pub fn run_and_kill(&self, arguments: &str, mut holds: impl FnMut() -> bool, after: Duration) {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let mut child = self.command(&arguments, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !holds() {
            assert!(child.try_wait().unwrap().is_none(), "{arguments:?} has ended");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(after);
        assert!(child.try_wait().unwrap().is_none(), "{arguments:?} has ended");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Runs logctl, as it is shipped where that is built, and tells the most memory that it has held, in bytes.
    pub fn measured(&self, arguments: &str, variables: &[(&str, &str)]) -> (Run, u64) {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let shipped = root().join("target/dist/logctl");
        let own = self.command(&arguments, variables);
        let mut command = Command::new(if shipped.exists() { shipped.as_os_str() } else { own.get_program() });
        command.args(own.get_args()).env_clear();
        command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let written = [(); 2].map(|()| tempfile::NamedTempFile::new().unwrap());
        let [stdout, stderr] = written.each_ref().map(|file| file.reopen().unwrap());
        let mut child = command.stdout(stdout).stderr(stderr).spawn().unwrap();
        let mut peak = 0;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let line = status.lines().find(|line| line.starts_with("VmHWM:"));
            let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
            peak = kilobytes.map_or(peak, |kilobytes| kilobytes * 1024);
            std::thread::sleep(Duration::from_millis(5));
        };
        let [stdout, stderr] = written.map(|file| std::fs::read(file.path()).unwrap());
        (Run::of(&Output { status, stdout, stderr }), peak)
    }

    /// Runs logctl with arguments that hold spaces, and with more variables; an empty one is taken away.
    pub fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
        Run::of(&self.command(arguments, variables).output().unwrap())
    }

    /// Runs a line of bash in a folder; `$LOGCTL` is the command.
    pub fn shell(&self, folder: &Path, line: &str) -> Run {
        let logctl = self.command(&[], &[]);
        let mut command = Command::new("/usr/bin/env");
        command.args(["bash", "-c", line]).current_dir(folder).env_clear();
        for (name, value) in logctl.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.envs([("PATH", variable("PATH").unwrap())]).env("LOGCTL", logctl.get_program());
        Run::of(&command.output().unwrap())
    }

    /// Runs logctl in a terminal and answers its prompt with `keys`. What it wrote is in `stdout`, line breaks as they came.
    pub fn in_terminal(&self, arguments: &str, keys: &str) -> Run {
        const PYTHON: &str = r#"
import os, pty, select, sys, time
keys, command = sys.argv[1].encode(), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execv(command[0], command)
shown = b""
while select.select([terminal], [], [], 120)[0]:
    try:
        shown += os.read(terminal, 4096)
    except OSError:  # It has ended.
        break
    if keys and b"[y/N]" in shown:
        time.sleep(0.3)
        os.write(terminal, keys)
        keys = b""
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;
        let logctl = self.command(&[], &[]);
        let mut command = Command::new("/usr/bin/env");
        command.arg("python3").args(["-c", PYTHON, keys]).arg(logctl.get_program());
        command.args(arguments.split_whitespace()).env_clear();
        for (name, value) in logctl.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.envs([("TERM", "xterm"), ("PATH", &variable("PATH").unwrap())]);
        Run::of(&command.output().unwrap())
    }

    /// Starts logctl; what it writes is for the caller to take.
    pub fn start_logctl(&self, arguments: &str, variables: &[(&str, &str)]) -> Child {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let mut command = self.command(&arguments, variables);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_logctl"));
        command
            .args(arguments)
            .env_clear()
            .envs(&self.env)
            .envs([
                ("HOME", self.home.path().to_str().unwrap()),
                ("LOGCTL_RATE", "1000"),
                ("COLUMNS", "120"),
                ("TZ", "UTC"),
            ])
            .envs(variables.iter().copied().filter(|(_, value)| !value.is_empty()));
        for (name, _) in variables.iter().filter(|(_, value)| value.is_empty()) {
            command.env_remove(name);
        }
        command
    }

    /// Runs the sample application.
    pub fn application(&self, arguments: &[&str]) -> String {
        let output = Command::new(root().join("sandbox/application"))
            .args(arguments)
            .envs(&self.env)
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_SESSION_TOKEN")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub fn endpoint(&self) -> &str {
        &self.env["LOGCTL_ENDPOINT"]
    }

    pub fn aws_endpoint(&self) -> &str {
        &self.env["AWS_ENDPOINT_URL"]
    }

    pub fn functions(&self) -> PathBuf {
        PathBuf::from(&self.env["LOGCTL_FUNCTIONS"])
    }

    fn logs(&self) -> aws_sdk_cloudwatchlogs::Client {
        aws_sdk_cloudwatchlogs::Client::new(&self.config)
    }

    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// A client of CloudFormation.
    pub fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(&self.config)
    }

    /// Names and states of all stacks that are not deleted.
    pub fn stacks(&self) -> BTreeMap<String, String> {
        let found = self.wait(self.cloudformation().describe_stacks().send()).unwrap();
        let text = |stack: &aws_sdk_cloudformation::types::Stack| {
            (stack.stack_name().unwrap().to_owned(), stack.stack_status().unwrap().as_str().to_owned())
        };
        found.stacks().iter().map(text).collect()
    }

    /// A folder in which runs of logctl are at home.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn create_group(&self, name: &str) {
        self.wait(self.logs().create_log_group().log_group_name(name).send()).unwrap();
    }

    pub fn create_group_of_class(&self, name: &str, class: &str) {
        let create = self.logs().create_log_group().log_group_name(name).log_group_class(class.into());
        self.wait(create.send()).unwrap();
    }

    pub fn delete_group(&self, name: &str) {
        self.wait(self.logs().delete_log_group().log_group_name(name).send()).unwrap();
    }

    /// Puts messages into a stream, which is made where it is missing; they happen now.
    pub fn put_events(&self, group: &str, messages: &[String]) {
        self.put_events_at(group, now(), messages);
    }

    /// The same of messages of another time, in milliseconds since 1970.
    pub fn put_events_at(&self, group: &str, time: i64, messages: &[String]) {
        let client = self.logs();
        drop(self.wait(client.create_log_stream().log_group_name(group).log_stream_name("test").send()));
        let events = messages.iter().map(|message| {
            aws_sdk_cloudwatchlogs::types::InputLogEvent::builder().timestamp(time).message(message).build().unwrap()
        });
        let put = client.put_log_events().log_group_name(group).log_stream_name("test");
        self.wait(put.set_log_events(Some(events.collect())).send()).unwrap();
    }

    pub fn put_filter(&self, group: &str, name: &str, destination: &str) {
        self.put_filter_with_pattern(group, name, "", destination);
    }

    pub fn put_filter_with_pattern(&self, group: &str, name: &str, pattern: &str, destination: &str) {
        let client = self.logs();
        let put = client.put_subscription_filter().log_group_name(group).filter_name(name).filter_pattern(pattern);
        self.wait(put.destination_arn(destination).send()).unwrap();
    }

    pub fn delete_filter(&self, group: &str, name: &str) {
        let delete = self.logs().delete_subscription_filter().log_group_name(group).filter_name(name);
        drop(self.wait(delete.send()));
    }

    /// Makes groups in another thread than that of the test, one after each pause, until `stop` is set. Tells their names, and
    /// times before which they were not there.
    pub fn create_groups(&self, prefix: &str, pause: Duration, stop: &AtomicBool) -> Vec<(String, i64)> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = self.logs();
        let mut made = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let name = format!("{prefix}/{}", made.len());
            made.push((name.clone(), now()));
            runtime.block_on(client.create_log_group().log_group_name(name).send()).unwrap();
            std::thread::sleep(pause);
        }
        made
    }

    /// Names and destinations of a group's filters.
    pub fn filters_of(&self, group: &str) -> Vec<(String, String)> {
        let found = self.wait(self.logs().describe_subscription_filters().log_group_name(group).send()).unwrap();
        let name = |filter: &aws_sdk_cloudwatchlogs::types::SubscriptionFilter| {
            (filter.filter_name().unwrap().to_owned(), filter.destination_arn().unwrap().to_owned())
        };
        found.subscription_filters().iter().map(name).collect()
    }

    pub fn groups(&self) -> Vec<String> {
        let client = self.logs();
        let pages = client.describe_log_groups().into_paginator().items().send();
        let groups = self.wait(pages.collect::<Result<Vec<_>, _>>()).unwrap();
        groups.into_iter().map(|group| group.log_group_name.unwrap()).collect()
    }

    fn events(&self, group: &str, since: i64) -> Vec<FilteredLogEvent> {
        let client = self.logs();
        let pages = client.filter_log_events().log_group_name(group).start_time(since).into_paginator().send();
        let pages = self.wait(pages.collect::<Result<Vec<_>, _>>()).unwrap();
        pages.into_iter().flat_map(|page| page.events.unwrap_or_default()).collect()
    }

    /// Ids of all events of a group since a time, as FilterLogEvents returns them.
    pub fn event_ids(&self, group: &str, since: i64) -> BTreeSet<String> {
        self.events(group, since).into_iter().map(|event| event.event_id.unwrap()).collect()
    }

    /// Messages of all events of a group since a time.
    pub fn messages(&self, group: &str, since: i64) -> Vec<String> {
        self.events(group, since).into_iter().map(|event| event.message.unwrap()).collect()
    }

    /// The bucket whose name begins like this.
    pub fn bucket_of(&self, prefix: &str) -> String {
        let client = aws_sdk_s3::Client::new(&self.config);
        let buckets = self.wait(client.list_buckets().send()).unwrap();
        let mut names = buckets.buckets().iter().filter_map(|bucket| bucket.name());
        names.find(|name| name.starts_with(prefix)).unwrap().to_owned()
    }

    /// Calls an operation of Secrets Manager.
    pub fn secrets(&self, operation: &str, input: &Value) -> Value {
        self.json_call("secretsmanager", &format!("secretsmanager.{operation}"), input)
    }

    /// Calls an operation of a service that speaks JSON.
    pub fn json_call(&self, service: &'static str, target: &str, input: &Value) -> Value {
        let credentials = aws_credential_types::Credentials::from_keys("test", "test", None);
        let signer = logctl_sink::aws::Signer::new(credentials, "us-east-1".to_owned(), std::time::SystemTime::now);
        let http = logctl_sink::http::HttpClient::new(None).unwrap();
        let aws = logctl_sink::aws::AwsClient::new(http, signer, Some(self.aws_endpoint().to_owned()));
        self.wait(aws.call(service, target, input)).unwrap()
    }

    /// Sends a request to AWS, signed for a service with the sandbox's own keys, and returns what it is answered.
    pub fn signed(&self, service: &str, method: hyper::Method, path: &str, body: String) -> String {
        self.signed_by("test", service, method, path, body)
    }

    /// The same with the keys of another account, which are its number.
    pub fn signed_by(&self, key: &str, service: &str, method: hyper::Method, path: &str, body: String) -> String {
        let credentials = aws_credential_types::Credentials::from_keys(key, "test", None);
        let signer = logctl_sink::aws::Signer::new(credentials, "us-east-1".to_owned(), std::time::SystemTime::now);
        let url = format!("{}{path}", self.aws_endpoint());
        let mut request = hyper::Request::builder().method(method).uri(url).body(bytes::Bytes::from(body)).unwrap();
        signer.sign(&mut request, service).unwrap();
        let http = logctl_sink::http::HttpClient::new(None).unwrap();
        let answer = self.wait(http.send(request, Duration::from_secs(5))).unwrap();
        assert!(answer.status.is_success(), "{}", answer.excerpt());
        String::from_utf8(answer.body.to_vec()).unwrap()
    }

    /// Calls an operation of IAM: `Action=…&…`.
    pub fn iam(&self, parameters: &str) -> String {
        let path = format!("/?Version=2010-05-08&{parameters}");
        self.signed("iam", hyper::Method::POST, &path, String::new())
    }

    /// Keys of a session of a role, as variables.
    pub fn session_of(&self, role: &str) -> [(&'static str, String); 3] {
        let arn = format!("arn:aws:iam::000000000000:role/{role}");
        let session = format!("/?Version=2011-06-15&Action=AssumeRole&RoleSessionName=s&RoleArn={arn}");
        let session = self.signed("sts", hyper::Method::POST, &session, String::new());
        let text = |name: &str| logctl_sink::aws::xml::texts(&session, name).next().unwrap();
        [
            ("AWS_ACCESS_KEY_ID", text("AccessKeyId")),
            ("AWS_SECRET_ACCESS_KEY", text("SecretAccessKey")),
            ("AWS_SESSION_TOKEN", text("SessionToken")),
        ]
    }

    /// Gives the account an alias.
    pub fn name_account(&self, alias: &str) {
        self.iam(&format!("Action=CreateAccountAlias&AccountAlias={alias}"));
    }

    /// Makes a user with this policy, and returns the two halves of their key.
    pub fn keys_of(&self, name: &str, policy: &Value) -> (String, String) {
        self.iam(&format!("Action=CreateUser&UserName={name}"));
        let policy =
            percent_encoding::utf8_percent_encode(&policy.to_string(), percent_encoding::NON_ALPHANUMERIC).to_string();
        self.iam(&format!("Action=PutUserPolicy&UserName={name}&PolicyName=p&PolicyDocument={policy}"));
        let answer = self.iam(&format!("Action=CreateAccessKey&UserName={name}"));
        let text = |name: &str| logctl_sink::aws::xml::texts(&answer, name).next().unwrap();
        (text("AccessKeyId"), text("SecretAccessKey"))
    }

    /// Makes a user with this policy, and returns the configuration of their clients.
    pub fn user(&self, name: &str, policy: &Value) -> SdkConfig {
        let (key, secret) = self.keys_of(name, policy);
        let keys = aws_credential_types::Credentials::from_keys(key, secret, None);
        self.config
            .to_builder()
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(keys))
            .build()
    }

    /// Makes a policy, and returns its ARN.
    pub fn create_policy(&self, name: &str, policy: &Value) -> String {
        let policy =
            percent_encoding::utf8_percent_encode(&policy.to_string(), percent_encoding::NON_ALPHANUMERIC).to_string();
        let answer = self.iam(&format!("Action=CreatePolicy&PolicyName={name}&PolicyDocument={policy}"));
        logctl_sink::aws::xml::texts(&answer, "Arn").next().unwrap()
    }

    /// Makes a key, and returns its ARN.
    pub fn create_key(&self) -> String {
        let made = self.json_call("kms", "TrentService.CreateKey", &json!({}));
        made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
    }

    /// Takes the account's trail away.
    pub fn delete_trail(&self) {
        let client = aws_sdk_cloudtrail::Client::new(&self.config);
        self.wait(client.delete_trail().name("management-events").send()).unwrap();
    }

    /// A variable of the sandbox's environment.
    pub fn variable(&self, name: &str) -> &str {
        &self.env[name]
    }

    pub fn create_bucket(&self, name: &str) {
        self.wait(aws_sdk_s3::Client::new(&self.config).create_bucket().bucket(name).send()).unwrap();
    }

    pub fn put_object(&self, bucket: &str, key: &str, body: Vec<u8>) {
        let client = aws_sdk_s3::Client::new(&self.config);
        self.wait(client.put_object().bucket(bucket).key(key).body(body.into()).send()).unwrap();
    }

    /// Takes everything out of a bucket.
    pub fn empty(&self, bucket: &str) {
        let client = aws_sdk_s3::Client::new(&self.config);
        for (key, _) in self.objects(bucket) {
            self.wait(client.delete_object().bucket(bucket).key(key).send()).unwrap();
        }
    }

    /// Keys and contents of a bucket.
    pub fn objects(&self, bucket: &str) -> Vec<(String, Vec<u8>)> {
        let client = aws_sdk_s3::Client::new(&self.config);
        let object = |key: String| {
            let object = self.wait(client.get_object().bucket(bucket).key(&key).send()).unwrap();
            (key, self.wait(object.body.collect()).unwrap().to_vec())
        };
        self.keys(bucket).into_iter().map(object).collect()
    }

    /// The keys of the objects in a bucket.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let client = aws_sdk_s3::Client::new(&self.config);
        let listing = client.list_objects_v2().bucket(bucket).into_paginator().send();
        let pages = self.wait(listing.collect::<Result<Vec<_>, _>>()).unwrap();
        pages.iter().flat_map(ListObjectsV2Output::contents).filter_map(|found| Some(found.key()?.to_owned())).collect()
    }

    /// Has the local AWS refuse to make a resource of a stack, with the words of its service; nothing lets it make all.
    pub fn refuse(&self, resource: Option<(&str, &str)>) {
        let file = root().join(".sandbox").join(&self.name).join("refused");
        let refused: BTreeMap<&str, &str> = resource.into_iter().collect();
        std::fs::write(file, json!(refused).to_string()).unwrap();
    }

    /// Ends the search engine, as a power cut would.
    pub fn stop_engine(&self) {
        self.stop_node(1);
    }

    /// Ends a node of the search engine, as a power cut would.
    pub fn stop_node(&self, number: usize) {
        let pid = root().join(".sandbox").join(&self.name).join(format!("engine/node{number}.pid"));
        let text = std::fs::read_to_string(pid).unwrap();
        let pid = text.split_whitespace().next().unwrap();
        assert!(Command::new("kill").args(["-9", pid]).status().unwrap().success());
    }

    /// Ends a node as a power cut would, and starts it again with what it had, a while later.
    #[expect(clippy::zombie_processes, reason = "the sandbox ends it")]
    pub fn restart_node(&self, number: usize, after: Duration) {
        let file = root().join(".sandbox").join(&self.name).join(format!("engine/node{number}.pid"));
        let text = std::fs::read_to_string(&file).unwrap();
        let folder = format!("/proc/{}", text.split_whitespace().next().unwrap());
        let words = |name: &str| -> Vec<String> {
            let text = String::from_utf8(std::fs::read(format!("{folder}/{name}")).unwrap()).unwrap();
            text.split_terminator('\0').map(str::to_owned).collect()
        };
        let (line, variables) = (words("cmdline"), words("environ"));
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).current_dir(std::fs::read_link(format!("{folder}/cwd")).unwrap()).env_clear();
        command.envs(variables.iter().filter_map(|variable| variable.split_once('=')));
        self.stop_node(number);
        std::thread::sleep(after);
        // Of a group of its own, as the sandbox ends it.
        command.process_group(0);
        let node = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // With the time of its start, as the sandbox writes it.
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", node.id())).unwrap();
        let started = stat.rsplit(')').next().unwrap().split_whitespace().nth(19).unwrap();
        std::fs::write(file, format!("{} {started}", node.id())).unwrap();
        let health = format!("{}/_cluster/health?wait_for_status=yellow&timeout=3s", self.endpoint());
        let answers =
            || Command::new("curl").args(["-sf", "--noproxy", "*", &health]).output().unwrap().status.success();
        Self::eventually("the node answers again", answers);
    }

    /// Asks the engine itself.
    pub fn engine(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        self.engine_text(method, path, body.map(|body| body.to_string()).unwrap_or_default())
    }

    /// Asks the engine something that is not one JSON.
    pub fn engine_text(&self, method: Method, path: &str, body: String) -> Value {
        let pool = SingleNodeConnectionPool::new(self.endpoint().parse().unwrap());
        let mut builder = TransportBuilder::new(pool).disable_proxy();
        if let Some(ca) = self.env.get("OPENSEARCH_CA") {
            let certificate = Certificate::from_pem(&std::fs::read(ca).unwrap()).unwrap();
            let login = |name: &str| self.env[name].clone();
            builder = builder
                .cert_validation(CertificateValidation::Full(certificate))
                .auth(Credentials::Basic(login("OPENSEARCH_USERNAME"), login("OPENSEARCH_PASSWORD")));
        }
        let transport = builder.build().unwrap();
        self.wait(async {
            let body = Some(body).filter(|body| !body.is_empty());
            let answer = transport.send(method, path, HeaderMap::new(), None::<&()>, body, None).await.unwrap();
            serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default()
        })
    }

    /// The events in the index since a time: id → how many documents carry it.
    pub fn indexed(&self, since: i64) -> BTreeMap<String, usize> {
        self.engine(Method::Post, "/logctl-*/_refresh", None);
        let mut ids = BTreeMap::new();
        let mut after: Option<Value> = None;
        loop {
            let mut query = json!({
                "size": 10_000, "_source": false, "sort": [{"@timestamp": "asc"}, {"_seq_no": "asc"}],
                "query": {"range": {"@timestamp": {"gte": since}}},
            });
            if let Some(after) = after {
                query["search_after"] = after;
            }
            let answer = self.engine(Method::Post, "/logctl-*/_search?allow_no_indices=true", Some(query));
            let hits = answer["hits"]["hits"].as_array().cloned().unwrap_or_default();
            for hit in &hits {
                *ids.entry(event_id(hit["_id"].as_str().unwrap()).into_owned()).or_default() += 1;
            }
            after = hits.last().map(|hit| hit["sort"].clone());
            if after.is_none() {
                return ids;
            }
        }
    }

    /// Waits for something that happens by itself.
    pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if std::thread::panicking() && variable("KEEP_SANDBOX").is_some() {
            #[expect(clippy::print_stderr, reason = "a developer waits for it")]
            let () = eprintln!(
                "the sandbox is kept: .sandbox/{}; eval \"$(sandbox/sandbox env --name {})\"",
                self.name, self.name
            );
            return;
        }
        let down = Command::new(root().join("sandbox/sandbox")).args(["down", "--name", &self.name]).status();
        assert!(down.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

impl Run {
    pub fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// It must have ended with this code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "{text:?} is not in:\n{}", self.stderr);
        self
    }

    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "{text:?} is not in:\n{}", self.stdout);
        self
    }

    #[track_caller]
    pub fn prints_nothing(self) -> Self {
        assert_eq!(self.stdout, "");
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}
