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
use opensearch::http::Method;
use serde_json::json;

use super::{
    faults::{Rig, Sent, events, lines, well},
    function::{Ended, Function},
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
    roles_are_mapped(&rig, &admin, &writer);

    // The password is told to nobody but the host that the secret names.
    let bound = |host: &str| {
        let name = format!("bound-{host}");
        let login = json!({"username": "admin", "password": sandbox_password(&rig), "host": host}).to_string();
        rig.sandbox.secrets("CreateSecret", &json!({"Name": name, "SecretString": login}))["ARN"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (own, foreign_host) = (bound("127.0.0.1"), bound("search-other.eu-west-1.es.amazonaws.com"));
    rig.sandbox
        .logctl(&format!("bootstrap --yes --auth basic --secret {foreign_host} --ca {ca}"))
        .exits(1)
        .says("the domain's secret is of search-other.eu-west-1.es.amazonaws.com, and nobody else is told it");
    rig.sandbox.logctl(&format!("bootstrap --yes --auth basic --secret {own} --ca {ca}")).ok();
    let (event, ids) = events(&lines(5));
    sent.ids.extend(ids);
    let before = rig.letters().len();
    well(&function(&[("LOGCTL_SECRET", &foreign_host)]).invoke(&event));
    assert_eq!(rig.letters().len(), before + 5, "a function that is told another host sends nothing");

    let left = rig.letters();
    let foreign = |letter: &serde_json::Value| letter["reason"].as_str().unwrap().contains("is no index of this stack");
    let outage = |letter: &serde_json::Value| letter["reason"].as_str().unwrap().contains("nobody else is told it");
    assert!(left.iter().all(|letter| foreign(letter) || outage(letter)), "{left:?}");
}

/// Sends a request to the domain as its administrator.
fn apply(rig: &Rig, method: &str, path: &str, body: &str) -> serde_json::Value {
    let certificate = std::fs::read_to_string(rig.sandbox.variable("OPENSEARCH_CA")).unwrap();
    let login = format!("admin:{}", sandbox_password(rig));
    let request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", rig.sandbox.endpoint()))
        .header("content-type", "application/json")
        .header("authorization", format!("Basic {}", base64_simd::STANDARD.encode_to_string(login)))
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap();
    let http = logctl_sink::http::HttpClient::new(Some(&certificate)).unwrap();
    let answer = rig.sandbox.wait(http.send(request, Duration::from_secs(10))).unwrap();
    serde_json::from_slice(&answer.body).unwrap()
}

fn sandbox_password(rig: &Rig) -> &str {
    rig.sandbox.variable("OPENSEARCH_PASSWORD")
}

/// A domain with roles of its own admits the stack by what DomainAccess applies, or tells a person to apply: nothing that others
/// have mapped is touched.
fn roles_are_mapped(rig: &Rig, admin: &str, writer: &str) {
    const MAPPINGS: &str = "/_plugins/_security/api/rolesmapping";
    const NAME: &str = "logctl-faults-000000000000-us-east-1";
    let arns =
        ["domain", "forwarder"].map(|name| format!("arn:aws:iam::000000000000:role/logctl-faults-us-east-1-{name}"));
    let set_up = |secret: &str| {
        let mut variables = rig.variables();
        let certificate = std::fs::read_to_string(rig.sandbox.variable("OPENSEARCH_CA")).unwrap();
        variables.extend([
            ("LOGCTL_ENDPOINT", rig.sandbox.endpoint().to_owned()),
            ("LOGCTL_AUTH", "basic".to_owned()),
            ("LOGCTL_SECRET", secret.to_owned()),
            ("LOGCTL_CA", certificate),
            ("LOGCTL_REPLICAS", "0-1".to_owned()),
            ("LOGCTL_ROLES", arns.join(",")),
            ("LOGCTL_ROLE_NAME", NAME.to_owned()),
            ("LOGCTL_DOMAIN_ARN", "arn:aws:es:us-east-1:000000000000:domain/logs".to_owned()),
        ]);
        rig.aws.calls();
        let mut function =
            Function::start(&root().join("target/dist/domain_access"), variables, Duration::from_secs(100));
        let request = json!({
            "RequestType": "Create", "ResponseURL": format!("{}/answer", rig.aws.url), "StackId": "s", "RequestId": "r",
            "LogicalResourceId": "DomainSetUp",
        });
        let _ = function.invoke(&request.to_string()); // Nobody is there who takes its answer.
        let told = rig.aws.calls().into_iter().find(|call| call.body.contains("\"LogicalResourceId\"")).unwrap();
        serde_json::from_str::<serde_json::Value>(&told.body).unwrap()
    };
    let before = rig.sandbox.engine(Method::Get, MAPPINGS, None);

    // Who is no administrator is told what to apply, and the stack is deployed.
    let told = set_up(writer);
    assert_eq!(told["Status"], "SUCCESS", "{told}");
    assert_eq!(rig.sandbox.engine(Method::Get, MAPPINGS, None), before);
    let to_apply = told["Data"]["ToApply"].as_str().unwrap();
    for line in to_apply.lines() {
        let (request, body) = line.split_once(['{', '[']).map(|(request, _)| line.split_at(request.len())).unwrap();
        let (method, path) = request.trim().split_once(' ').unwrap();
        let applied = apply(rig, method, path, body);
        assert!(["CREATED", "OK"].contains(&applied["status"].as_str().unwrap_or_default()), "{line}: {applied}");
    }
    // Somebody with that role may set the domain up, and write.
    let password = "Correct-horse-7-battery";
    let user = json!({"password": password, "backend_roles": [arns[1]]});
    rig.sandbox.engine(Method::Put, "/_plugins/_security/api/internalusers/forwarder", Some(user));
    let login = json!({"username": "forwarder", "password": password}).to_string();
    let made = rig.sandbox.secrets("CreateSecret", &json!({"Name": "mapped", "SecretString": login}));
    let mapped = made["ARN"].as_str().unwrap();
    let told = set_up(mapped);
    assert_eq!((&told["Status"], &told["Data"]["ToApply"]), (&json!("SUCCESS"), &json!("")), "{told}");

    // An administrator's own run maps the same, and nothing else changes.
    rig.sandbox.engine(Method::Delete, &format!("{MAPPINGS}/{NAME}"), None);
    let told = set_up(admin);
    assert_eq!((&told["Status"], &told["Data"]["ToApply"]), (&json!("SUCCESS"), &json!("")), "{told}");
    let mut after = rig.sandbox.engine(Method::Get, MAPPINGS, None);
    assert_eq!(after[NAME]["backend_roles"], json!(arns), "{after}");
    after.as_object_mut().unwrap().remove(NAME);
    assert_eq!(after, before);
}

/// Requests are signed for the Region of the domain's ARN, where the host does not name one.
#[test]
fn a_domain_in_another_region_gets_signatures_for_that_region() {
    let rig = Rig::new(None);
    for (arn, region) in [("arn:aws:es:eu-west-1:000000000000:domain/logs", "eu-west-1"), ("", "us-east-1")] {
        let mut function = rig.function_with(&[("LOGCTL_AUTH", "sigv4"), ("LOGCTL_DOMAIN_ARN", arn)]);
        rig.engine.scopes();
        let (event, _) = events(&lines(3));
        assert!(matches!(function.invoke(&event), Ended::Well));
        assert_eq!(rig.engine.scopes(), [format!("{region}/es")].into());
    }
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
