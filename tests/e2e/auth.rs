//! Name and password, TLS by a private authority, and an index that is closed to the writer, on an engine with the
//! security plugin.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use hyper::Request;
use logctl_sink::aws::Signer;
use serde_json::json;

use super::{
    faults::{Rig, Sent, events, lines, well},
    sandbox::{Sandbox, root},
};

#[test]
fn basic_authentication_over_tls() {
    let sandbox = Sandbox::up(Some("opensearch-2.19-secure"));
    let secret = |id: &str, name: &str, password: &str| {
        let login = json!({"username": name, "password": password}).to_string();
        let made = sandbox.secrets("CreateSecret", &json!({"Name": id, "SecretString": login}));
        made["ARN"].as_str().unwrap().to_owned()
    };
    let admin = secret("admin", sandbox.variable("OPENSEARCH_USERNAME"), sandbox.variable("OPENSEARCH_PASSWORD"));
    let writer =
        secret("writer", sandbox.variable("OPENSEARCH_WRITER"), sandbox.variable("OPENSEARCH_WRITER_PASSWORD"));
    let wrong = secret("wrong", sandbox.variable("OPENSEARCH_WRITER"), "guessed");
    let ca = sandbox.variable("OPENSEARCH_CA").to_owned();
    let certificate = std::fs::read_to_string(&ca).unwrap();

    // The whole chain, from the deployment to the search.
    sandbox.create_group("/shop/orders");
    sandbox.logctl("bootstrap --yes --auth basic").exits(2).says("--secret");
    sandbox.logctl(&format!("bootstrap --yes --auth basic --secret {admin} --ca /nowhere")).exits(2).says("--ca");
    sandbox.logctl(&format!("bootstrap --yes --auth basic --secret {admin} --ca {ca}")).ok();
    sandbox.logctl("backfill --yes").ok();
    sandbox.put_events("/shop/orders", &["an order requestId=auth-1".to_owned()]);
    Sandbox::eventually("the event is found", || {
        // While the index comes into being, its shards may not answer yet.
        let run = sandbox.run(&["search", "requestId=auth-1"], &[("LOGCTL_ENDPOINT", "")]);
        run.stdout.contains("an order")
    });

    // Where each refusal lands.
    let rig = Rig::around(sandbox);
    let endpoint = rig.sandbox.endpoint().to_owned();
    let function = |others: &[(&'static str, &str)]| {
        let common = [("LOGCTL_ENDPOINT", endpoint.as_str()), ("LOGCTL_AUTH", "basic"), ("LOGCTL_CA", &certificate)];
        rig.function_with(&[&common, others].concat())
    };
    let mut sent = Sent::default();
    for (what, others, reason) in [
        ("admitted", vec![("LOGCTL_SECRET", writer.as_str())], ""),
        ("401 for all", vec![("LOGCTL_SECRET", &wrong)], "the domain answered 401"),
        (
            "403 for an index",
            vec![("LOGCTL_SECRET", &writer), ("LOGCTL_INDEX_PREFIX", "forbidden")],
            "security_exception",
        ),
        ("an unknown authority", vec![("LOGCTL_SECRET", &writer), ("LOGCTL_CA", "")], "UnknownIssuer"),
        ("no such secret", vec![("LOGCTL_SECRET", "nowhere")], "ResourceNotFoundException"),
    ] {
        let before = rig.letters().len();
        let (event, ids) = events(&lines(5));
        sent.ids.extend(ids);
        well(&function(&others).invoke(&event));
        rig.account_for(what, &sent);
        let letters = rig.letters();
        assert_eq!(letters.len() - before, if reason.is_empty() { 0 } else { 5 }, "{what}");
        let told = |letter: &serde_json::Value| letter["reason"].as_str().unwrap().contains(reason);
        assert!(reason.is_empty() || letters.iter().filter(|letter| told(letter)).count() == 5, "{what}: {letters:?}");
        assert!(letters.iter().all(|letter| letter["kind"] == "outage"), "{what}");
    }
    // A stack takes back what was meant for its own indices, and nothing else.
    well(&function(&[("LOGCTL_SECRET", &admin)]).invoke("\"redrive\""));
    assert_eq!(rig.account_for("after the redrive", &sent), 5);
    let left = rig.letters();
    let foreign = |letter: &serde_json::Value| letter["reason"].as_str().unwrap().contains("is no index of this stack");
    assert!(left.iter().all(|letter| letter["kind"] == "rejected" && foreign(letter)), "{left:?}");
}

/// The signature that botocore gives for the same request at the same time.
#[test]
fn signatures_are_those_of_another_implementation() {
    const PYTHON: &str = r#"
import datetime, json, sys
import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
given = json.load(sys.stdin)
botocore.auth.get_current_datetime = lambda *_: datetime.datetime(2026, 11, 23, 10, 0, 0)
request = AWSRequest(given["method"], given["url"], data=given["body"].encode(), headers=given["headers"])
request.context["payload_signing_enabled"] = True
auth = botocore.auth.S3SigV4Auth if given["service"] == "s3" else botocore.auth.SigV4Auth
auth(Credentials("AKIDEXAMPLE", "secret/+", "token=="), given["service"], "eu-west-1").add_auth(request)
print(request.headers["Authorization"])
"#;
    let python = root().join(".sandbox/cache/venv/bin/python");
    drop(Sandbox::up(None)); // Installs it where it is missing.
    let credentials =
        aws_credential_types::Credentials::from_keys("AKIDEXAMPLE", "secret/+", Some("token==".to_owned()));
    let time = || SystemTime::UNIX_EPOCH + Duration::from_hours(498_730); // 2026-11-23T10:00:00Z.
    let ours = Signer::new(credentials, "eu-west-1".to_owned(), time);
    for (service, method, url, body) in [
        (
            "es",
            "POST",
            "https://search-x.eu-west-1.es.amazonaws.com/_bulk?filter_path=errors%2Citems.%2A.status",
            "{}\n{}\n",
        ),
        ("es", "GET", "https://search-x.eu-west-1.es.amazonaws.com/_index_template/logctl-logctl", ""),
        ("logs", "POST", "https://logs.eu-west-1.amazonaws.com/", r#"{"logGroupName":"/ü"}"#),
        ("s3", "PUT", "https://b.s3.eu-west-1.amazonaws.com/rejected/2026-11-23/1-r%20%5B%24%5D.ndjson.gz", "bytes"),
        (
            "s3",
            "GET",
            "https://b.s3.eu-west-1.amazonaws.com/?list-type=2&prefix=outage%2F&start-after=outage%2F2026",
            "",
        ),
    ] {
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .header("content-type", "application/json")
            .body(Bytes::from(body))
            .unwrap();
        ours.sign(&mut request, service).unwrap();
        let signature = request.headers()["authorization"].to_str().unwrap();
        let (_, names) = signature.split_once("SignedHeaders=").unwrap();
        let headers: serde_json::Map<_, _> = names
            .split([';', ','])
            .filter(|name| request.headers().contains_key(*name) && *name != "host" && *name != "x-amz-date")
            .map(|name| (name.to_owned(), json!(request.headers()[name].to_str().unwrap())))
            .collect();
        let given = json!({"service": service, "method": method, "url": url, "body": body, "headers": headers});
        let mut child =
            Command::new(&python).args(["-c", PYTHON]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
        let theirs = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        assert_eq!(signature, theirs.trim(), "{service} {url}");
    }
}
