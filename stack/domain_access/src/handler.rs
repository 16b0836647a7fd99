//! The custom resource: CloudFormation gets an answer also where the set-up fails, or the stack would wait in vain.

use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, StatusCode, Uri};
use logctl_core::{compression::Compression, domain_roles::DomainRoles, names::IndexPrefix, partition::Partition};
use logctl_sink::{
    aws::AwsError,
    domain::Domain,
    http::{HttpClient, Response},
    lambda::Failure,
    lambda::environment::{ConfigError, Environment},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::template;

/// How long one request may take. Eight of them, the answer among them, and the patience below fit into the function's time;
/// more are made only where the domain answers soon.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a domain is asked again that does not let us in: the permissions of a role that was made a moment ago take effect
/// late.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the host begins with that CloudFormation wants to be answered at; the rest is a host of AWS:
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/vpc-interface-endpoints.html>.
const ANSWERS: &str = "cloudformation-custom-resource-response-";

/// What CloudFormation asks:
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html>.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub struct Request {
    request_type: RequestType,
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    physical_resource_id: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
enum RequestType {
    Create,
    Update,
    Delete,
}

/// Sets up the domain and tells CloudFormation how it went, whatever happens on the way.
///
/// Only AWS is answered: whoever may invoke the function could otherwise have it call whom they like. `local` stands in for
/// all of AWS, where it does.
pub async fn handle(
    request: Request,
    http: &HttpClient,
    local: Option<&str>,
    access: Result<DomainAccess, ConfigError>,
) -> Result<(), Failure> {
    if !is_aws(&request.response_url, local) {
        return Err(Failure::new(
            "NotCloudFormation",
            "the answer is wanted at a host that is none of CloudFormation's",
        ));
    }
    let done = match (&request.request_type, access) {
        (RequestType::Delete, _) => Ok(SetUp::default()), // What is on the domain outlives the stack.
        (RequestType::Create | RequestType::Update, Err(error)) => Err(error.to_string()),
        (RequestType::Create | RequestType::Update, Ok(access)) => access.set_up().await,
    };
    let (status, reason, done) = match done {
        Ok(done) => ("SUCCESS", String::new(), done),
        Err(reason) => ("FAILED", reason, SetUp::default()),
    };
    // One resource for the life of the stack: another id would make CloudFormation delete the old one.
    let physical = request.physical_resource_id.unwrap_or_else(|| "domain".to_owned());
    let answer = json!({
        "Status": status, "Reason": reason, "PhysicalResourceId": physical, "StackId": request.stack_id,
        "RequestId": request.request_id, "LogicalResourceId": request.logical_resource_id,
        "Data": {"LeftOut": done.left_out.join(","), "Replicas": done.replicas, "ToApply": done.to_apply},
    });
    let failed = |error: &dyn std::fmt::Display| Failure::new("NoAnswerToCloudFormation", error);
    let put = hyper::Request::put(request.response_url)
        .body(Bytes::from(answer.to_string()))
        .map_err(|error| failed(&error))?;
    let answer = http.send(put, TIMEOUT).await.map_err(|error| failed(&error))?;
    if answer.status.is_success() { Ok(()) } else { Err(failed(&answer.status)) }
}

/// Whether a URL is one that CloudFormation gives, by https, or of what stands in for AWS.
fn is_aws(url: &str, local: Option<&str>) -> bool {
    if local
        .is_some_and(|local| url.strip_prefix(local.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/')))
    {
        return true;
    }
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    // Nothing but the host: neither a login nor a port.
    let host = authority.as_str();
    uri.scheme_str() == Some("https")
        && host == authority.host()
        && host.starts_with(ANSWERS)
        && Partition::strip(host).is_some()
}

/// What came of setting a domain up.
#[derive(Debug, Default, PartialEq, Eq)]
struct SetUp {
    /// What of the template the engine does not know.
    left_out: Vec<&'static str>,
    /// Copies of each shard, from-to, as the domain takes them.
    replicas: String,
    /// What somebody else has to apply before the domain admits the stack; nothing where it does.
    to_apply: String,
}

/// Why a domain could not be set up.
enum Problem {
    /// It does not admit us; what it says.
    Denied(String),
    Other(String),
}

impl From<String> for Problem {
    fn from(text: String) -> Self {
        Self::Other(text)
    }
}

/// The domain and what is installed there.
pub struct DomainAccess {
    domain: Domain,
    prefix: IndexPrefix,
    shards: u32,
    replicas: String,
    compression: Compression,
    /// The roles that it has to admit; none where requests are not signed.
    roles: Option<DomainRoles>,
    patience: Duration,
}

impl DomainAccess {
    /// Reads the configuration.
    ///
    /// # Errors
    /// One line that names the variable that is wrong.
    pub fn new(environment: Environment<'_>) -> Result<Self, ConfigError> {
        let arns: Option<String> = environment.optional("LOGCTL_ROLES")?;
        let roles = arns.map(|arns| -> Result<DomainRoles, ConfigError> {
            Ok(DomainRoles {
                name: environment.require("LOGCTL_ROLE_NAME")?,
                arns: arns.split(',').map(str::to_owned).collect(),
                domain: environment.require("LOGCTL_DOMAIN_ARN")?,
            })
        });
        Ok(Self {
            domain: environment.domain(&environment.http()?)?,
            prefix: environment.require("LOGCTL_INDEX_PREFIX")?,
            shards: environment.optional("LOGCTL_SHARDS")?.unwrap_or(1),
            replicas: environment.require("LOGCTL_REPLICAS")?,
            compression: environment.optional("LOGCTL_COMPRESSION")?.unwrap_or_default(),
            roles: roles.transpose()?,
            patience: PATIENCE,
        })
    }

    /// Sets the domain up. One that does not admit the stack's roles yet keeps no stack from being deployed.
    async fn set_up(&self) -> Result<SetUp, String> {
        let mut done = SetUp { replicas: self.replicas.clone(), ..SetUp::default() };
        match (self.try_set_up(&mut done).await, &self.roles) {
            (Ok(()), _) => Ok(done),
            (Err(Problem::Denied(refusal)), Some(roles)) => {
                Ok(SetUp { to_apply: roles.to_apply(&self.prefix, &refusal), ..done })
            }
            (Err(Problem::Denied(refusal) | Problem::Other(refusal)), _) => Err(refusal),
        }
    }

    async fn try_set_up(&self, done: &mut SetUp) -> Result<(), Problem> {
        self.check_engine().await?;
        if let Some(roles) = &self.roles {
            self.map(roles).await?;
        }
        let path = format!("/_index_template/{}", template::name(&self.prefix));
        let installed = self.send(Method::GET, &path, Bytes::new()).await?;
        let body: Value = serde_json::from_slice(&installed.body).unwrap_or_default();
        match installed.status.as_u16() {
            404 => self.install(&path, done).await,
            200 if template::is_ours(&body) => self.install(&path, done).await,
            200 => Err(Problem::Other(format!("the domain has an index template {path} that logctl did not make"))),
            _ => Err(refused("cannot look for the index template", &installed)),
        }
    }

    /// Maps the stack's roles to one on the domain, where we may: only an administrator of the domain may. A domain without
    /// roles of its own has nothing to map.
    async fn map(&self, roles: &DomainRoles) -> Result<(), Problem> {
        let role = DomainRoles::permissions(&self.prefix).to_string();
        if !self.send(Method::PUT, &roles.role_path(), role.into()).await?.status.is_success() {
            return Ok(()); // What the domain really needs shows when the template is installed.
        }
        let mapping = roles.mapping().to_string();
        let mapped = self.send(Method::PATCH, "/_plugins/_security/api/rolesmapping", mapping.into()).await?;
        if mapped.status.is_success() { Ok(()) } else { Err(refused("cannot map the stack's roles", &mapped)) }
    }

    /// Installs the template, leaving out what this engine does not know.
    async fn install(&self, path: &str, done: &mut SetUp) -> Result<(), Problem> {
        let mut template = template::body(&self.prefix, self.shards, &self.replicas, self.compression);
        loop {
            let answer = self.send(Method::PUT, path, template.to_string().into()).await?;
            if answer.status.is_success() {
                return Ok(());
            }
            let refused = || refused("the domain refuses the index template", &answer);
            if answer.status != StatusCode::BAD_REQUEST {
                return Err(refused());
            }
            let words = String::from_utf8_lossy(&answer.body);
            match template::copies_wanted(&words).filter(|copies| *copies != done.replicas) {
                Some(copies) => {
                    template::set_copies(&mut template, &copies);
                    done.replicas = copies;
                }
                None => done.left_out.push(template::leave_out(&mut template, &words).ok_or_else(refused)?),
            }
        }
    }

    /// A web server that answers everything with 200 must not pass for a domain.
    async fn check_engine(&self) -> Result<(), Problem> {
        let begun = Instant::now();
        let answer = loop {
            let answer = self.send(Method::GET, "/", Bytes::new()).await?;
            let pause = self.patience / 10;
            if answer.status != StatusCode::FORBIDDEN || begun.elapsed() + pause > self.patience {
                break answer;
            }
            sleep(pause).await;
        };
        if !answer.status.is_success() {
            return Err(refused("the domain does not answer as it should", &answer));
        }
        let root: Option<Value> = serde_json::from_slice(&answer.body).ok();
        match root.as_ref().and_then(|root| root.pointer("/version/number")) {
            Some(_) => Ok(()),
            None => Err(Problem::Other("the endpoint is not a search engine".to_owned())),
        }
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response, String> {
        self.domain.send(method, path, body, TIMEOUT).await.map_err(|error: AwsError| error.to_string())
    }
}

fn refused(what: &str, answer: &Response) -> Problem {
    let text = format!("{what}: {}: {}", answer.status.as_u16(), answer.excerpt());
    if matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED) {
        Problem::Denied(text)
    } else {
        Problem::Other(text)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use test_case::test_case;
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{method, path},
    };

    use super::*;

    const TEMPLATE: &str = "/_index_template/logctl-logctl";

    /// A server that is domain and CloudFormation in one.
    async fn domain(root: &Value, template: ResponseTemplate) -> MockServer {
        let server = MockServer::start().await;
        let ok = || ResponseTemplate::new(200);
        Mock::given(path("/")).respond_with(ok().set_body_json(root)).mount(&server).await;
        Mock::given(method("GET")).and(path(TEMPLATE)).respond_with(template).mount(&server).await;
        Mock::given(path("/answer")).respond_with(ok()).mount(&server).await;
        server
    }

    fn engine() -> Value {
        json!({"version": {"number": "3.8.0"}})
    }

    /// Handles a request, and returns what CloudFormation was told: the status and the reason.
    async fn told(server: &MockServer, kind: &str, endpoint: &str) -> (String, String) {
        told_with(server, kind, endpoint, &[]).await
    }

    async fn told_with(server: &MockServer, kind: &str, endpoint: &str, more: &[(&str, &str)]) -> (String, String) {
        let variables = [
            ("LOGCTL_ENDPOINT", endpoint),
            ("LOGCTL_AUTH", "none"),
            ("LOGCTL_INDEX_PREFIX", "logctl"),
            ("LOGCTL_REPLICAS", "0-1"),
        ];
        let variables = [&variables, more].concat();
        let get = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let access = DomainAccess::new(Environment { get: &get, clock: SystemTime::now });
        let access = access.map(|access| DomainAccess { patience: Duration::from_millis(100), ..access });
        let request = serde_json::from_value(json!({
            "RequestType": kind, "ResponseURL": format!("{}/answer", server.uri()), "StackId": "s", "RequestId": "r",
            "LogicalResourceId": "DomainSetUp", "PhysicalResourceId": "domain-of-old",
        }));
        handle(request.unwrap(), &HttpClient::new(None).unwrap(), Some(&server.uri()), access).await.unwrap();
        let requests = server.received_requests().await.unwrap();
        let answer: Value = requests.last().unwrap().body_json().unwrap();
        assert_eq!((&answer["PhysicalResourceId"], &answer["StackId"]), (&json!("domain-of-old"), &json!("s")));
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        (text("Status"), text("Reason"))
    }

    #[test_case(ResponseTemplate::new(404); "none is there")]
    #[test_case(ResponseTemplate::new(200).set_body_json(json!({"index_templates": [{"index_template": {"_meta": {"owner": "logctl"}}}]})); "an old one of ours")]
    #[tokio::test]
    async fn the_template_is_installed(found: ResponseTemplate) {
        let server = domain(&engine(), found).await;
        Mock::given(method("PUT")).and(path(TEMPLATE)).respond_with(ResponseTemplate::new(200)).mount(&server).await;
        assert_eq!(told(&server, "Update", &server.uri()).await, ("SUCCESS".to_owned(), String::new()));
        let requests = server.received_requests().await.unwrap();
        let body: Value = requests[2].body_json().unwrap();
        assert_eq!(body["index_patterns"], json!(["logctl-2*", "logctl-outliers"]));
    }

    #[tokio::test]
    async fn a_role_that_is_a_moment_old_is_waited_for() {
        let server = MockServer::start().await;
        let forbidden = ResponseTemplate::new(403);
        Mock::given(path("/")).respond_with(forbidden).up_to_n_times(2).mount(&server).await;
        Mock::given(path("/")).respond_with(ResponseTemplate::new(200).set_body_json(engine())).mount(&server).await;
        Mock::given(method("GET")).and(path(TEMPLATE)).respond_with(ResponseTemplate::new(404)).mount(&server).await;
        Mock::given(method("PUT")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
        assert_eq!(told(&server, "Create", &server.uri()).await.0, "SUCCESS");
    }

    #[test_case("https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/arn?X-Amz-Signature=a", true; "as it comes")]
    #[test_case("https://cloudformation-custom-resource-response-euwest1.s3-eu-west-1.amazonaws.com/a", true; "an old form")]
    #[test_case("https://cloudformation-custom-resource-response-cnnorth1.s3.cn-north-1.amazonaws.com.cn/a", true; "in China")]
    #[test_case("http://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/a", false; "without TLS")]
    #[test_case("https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com.evil.example/a", false; "a host that ends otherwise")]
    #[test_case("https://evil.s3.amazonaws.com/a", false; "another bucket")]
    #[test_case("https://cloudformation-custom-resource-response-a.s3.amazonaws.com@evil.example/a", false; "a login")]
    #[test_case("https://cloudformation-custom-resource-response-a.s3.amazonaws.com:8443/a", false; "a port")]
    #[test_case("http://169.254.169.254/latest", false; "a neighbour")]
    #[test_case("http://127.0.0.1:4566/answer", true; "what stands in for aws")]
    #[test_case("http://127.0.0.1:45661/answer", false; "what is called nearly like it")]
    fn who_is_answered(url: &str, is: bool) {
        assert_eq!(is_aws(url, Some("http://127.0.0.1:4566")), is);
        assert_eq!(is_aws(url, None), is && url.starts_with("https"));
    }

    #[tokio::test]
    async fn an_old_engine_gets_the_template_without_its_comforts() {
        let server = domain(&engine(), ResponseTemplate::new(404)).await;
        let put = || Mock::given(method("PUT")).and(path(TEMPLATE));
        put().respond_with(ResponseTemplate::new(400)).up_to_n_times(1).mount(&server).await;
        put().respond_with(ResponseTemplate::new(200)).mount(&server).await;
        assert_eq!(told(&server, "Create", &server.uri()).await.0, "SUCCESS");
        let requests = server.received_requests().await.unwrap();
        let objects = [2, 3].map(|at: usize| {
            requests[at].body_json::<Value>().unwrap().pointer("/template/mappings/disable_objects").is_some()
        });
        assert_eq!(objects, [true, false]);
        let answer: Value = requests[4].body_json().unwrap();
        assert_eq!(answer["Data"]["LeftOut"], "disable_objects");
    }

    #[test_case(&engine(), ResponseTemplate::new(200).set_body_json(json!({"index_templates": []})), "that logctl did not make"; "a template of somebody else")]
    #[test_case(&engine(), ResponseTemplate::new(403).set_body_string("no"), "cannot look for the index template: 403: no"; "not admitted")]
    #[test_case(&json!({}), ResponseTemplate::new(404), "the endpoint is not a search engine"; "a web server")]
    #[tokio::test]
    async fn a_domain_that_cannot_be_set_up_fails_the_stack_with_the_reason(
        root: &Value,
        found: ResponseTemplate,
        reason: &str,
    ) {
        let server = domain(root, found).await;
        let (status, says) = told(&server, "Create", &server.uri()).await;
        assert!(status == "FAILED" && says.contains(reason), "{says}");
    }

    const ROLES: [(&str, &str); 3] = [
        ("LOGCTL_ROLES", "arn:aws:iam::1:role/domain,arn:aws:iam::1:role/forwarder"),
        ("LOGCTL_ROLE_NAME", "logctl-s-1-r"),
        ("LOGCTL_DOMAIN_ARN", "arn:aws:es:eu-west-1:123456789012:domain/logs"),
    ];

    #[tokio::test]
    async fn a_domain_that_does_not_admit_the_stack_yet_is_said_and_keeps_no_stack_from_being_deployed() {
        let server = MockServer::start().await;
        let refusal =
            json!({"error": {"type": "security_exception", "reason": "no permissions for [cluster:monitor/main]"}});
        let forbidden = ResponseTemplate::new(403).set_body_json(refusal);
        Mock::given(path("/answer")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
        Mock::given(wiremock::matchers::any()).respond_with(forbidden).mount(&server).await;
        assert_eq!(told_with(&server, "Create", &server.uri(), &ROLES).await.0, "SUCCESS");
        let requests = server.received_requests().await.unwrap();
        let answer: Value = requests.last().unwrap().body_json().unwrap();
        let to_apply = answer["Data"]["ToApply"].as_str().unwrap();
        assert!(to_apply.contains("PATCH /_plugins/_security/api/rolesmapping [{"), "{to_apply}");
        assert!(to_apply.contains("arn:aws:iam::1:role/forwarder"), "{to_apply}");
        // Who asks with name and password has no role to be admitted; the stack fails.
        assert_eq!(told(&server, "Create", &server.uri()).await.0, "FAILED");
    }

    #[tokio::test]
    async fn roles_are_mapped_where_that_may_be_done_and_nothing_is_put_over_other_mappings() {
        let server = domain(&engine(), ResponseTemplate::new(404)).await;
        Mock::given(method("PUT")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
        Mock::given(method("PATCH")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
        assert_eq!(told_with(&server, "Create", &server.uri(), &ROLES).await.0, "SUCCESS");
        let requests = server.received_requests().await.unwrap();
        let made = |request: &wiremock::Request| format!("{} {}", request.method, request.url.path());
        let made: Vec<String> = requests.iter().map(made).filter(|made| made.contains("_security")).collect();
        assert_eq!(
            made,
            ["PUT /_plugins/_security/api/roles/logctl-s-1-r", "PATCH /_plugins/_security/api/rolesmapping"]
        );
    }

    #[tokio::test]
    async fn a_domain_that_wants_copies_in_threes_gets_them() {
        let server = domain(&engine(), ResponseTemplate::new(404)).await;
        let wants =
            "Validation Failed: 1: expected max cap on auto expand to be a multiple of total awareness attributes [3];";
        let refused = ResponseTemplate::new(400).set_body_json(json!({"error": {"reason": wants}}));
        let put = || Mock::given(method("PUT")).and(path(TEMPLATE));
        put().respond_with(refused).up_to_n_times(1).mount(&server).await;
        put().respond_with(ResponseTemplate::new(200)).mount(&server).await;
        assert_eq!(told(&server, "Create", &server.uri()).await.0, "SUCCESS");
        let requests = server.received_requests().await.unwrap();
        let body: Value = requests[3].body_json().unwrap();
        assert_eq!(body["template"]["settings"]["index"]["auto_expand_replicas"], "0-2");
        assert!(body.pointer("/template/mappings/disable_objects").is_some(), "nothing else is left out");
        let answer: Value = requests[4].body_json().unwrap();
        assert_eq!(answer["Data"]["Replicas"], "0-2");
    }

    #[test_case("Create", "FAILED"; "a wrong configuration fails")]
    #[test_case("Delete", "SUCCESS"; "and keeps no stack from going")]
    #[tokio::test]
    async fn whatever_is_wrong_cloudformation_is_answered(kind: &str, expected: &str) {
        let server = domain(&engine(), ResponseTemplate::new(404)).await;
        assert_eq!(told(&server, kind, "not-a-url").await.0, expected);
        assert_eq!(server.received_requests().await.unwrap().len(), 1, "the domain is not asked");
    }
}
