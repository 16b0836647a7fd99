//! For tests: an account that answers as it is told to, and remembers what it was asked.

use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_credential_types::Credentials;
use logctl_sink::aws::Hosts;
use serde_json::Value;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::{Aws, Limiters, Login, Retry, Target};
use crate::network::Network;

/// The account of the examples.
pub(crate) fn target() -> Target {
    let [account, region, partition] = ["123456789012", "eu-west-1", "aws"].map(str::to_owned);
    Target { account, alias: Some("shop".to_owned()), region, partition }
}

/// An account behind a server on this machine.
pub(crate) struct Account(MockServer);

/// What an operation is answered: its name, the status, the body.
pub(crate) type Answer<'a> = (&'static str, u16, &'a str);

impl Account {
    /// Answers of the same operation are given in turn, and the last one from then on.
    pub(crate) async fn new(answers: &[Answer<'_>]) -> Self {
        let server = MockServer::start().await;
        for (at, &(name, status, body)) in answers.iter().enumerate() {
            let mock =
                Mock::given(move |request: &Request| operation(request) == name).respond_with(answer(status, body));
            let last = answers.iter().skip(at + 1).all(|(other, ..)| *other != name);
            if last { mock } else { mock.up_to_n_times(1) }.mount(&server).await;
        }
        Self(server)
    }

    /// The way to it.
    pub(crate) async fn aws(&self) -> Aws {
        let target = target();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(self.0.uri())
            .region(Region::new(target.region.clone()))
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .load()
            .await;
        let hosts = Hosts { all: Some(self.0.uri()), ..Hosts::default() };
        let caller = "arn:aws:sts::123456789012:assumed-role/dev/ana".to_owned();
        Aws {
            config,
            target,
            caller,
            network: Network::default(),
            hosts,
            retry: Retry::new(1, |_| {}),
            limiters: Limiters::default(),
            login: Login::Unknown(None),
        }
    }

    /// The operations that it was asked for, in turn.
    pub(crate) async fn asked(&self) -> Vec<String> {
        self.0.received_requests().await.unwrap().iter().map(operation).collect()
    }

    /// What it was asked for the last time, of the operations that speak JSON.
    pub(crate) async fn last(&self) -> Value {
        self.0.received_requests().await.unwrap().last().unwrap().body_json().unwrap()
    }
}

/// An answer of AWS, unless it is a page.
fn answer(status: u16, body: &str) -> ResponseTemplate {
    let answer = ResponseTemplate::new(status).set_body_string(body);
    if body.starts_with("<html") { answer } else { answer.insert_header("x-amzn-requestid", "r") }
}

/// CloudWatch Logs and CloudTrail name the operation in a header, CloudFormation in a form.
fn operation(request: &Request) -> String {
    let target = request.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let form = String::from_utf8_lossy(&request.body);
    let action = || form.split('&').find_map(|field| field.strip_prefix("Action="));
    target.and_then(|target| target.rsplit('.').next()).or_else(action).unwrap_or_default().to_owned()
}

/// An error as CloudFormation words it.
pub(crate) fn refused(code: &str, message: &str) -> String {
    format!("<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>")
}
