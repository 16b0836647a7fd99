//! The one place where errors of the SDK become errors of ours.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use logctl_core::{
    endpoint::Endpoint,
    service::{NOT_FOUND, is_throttling},
};
use logctl_sink::aws::Hosts;

use super::{CallError, Login, is_always_enabled, mark::is_strange};
use crate::{
    error::{Error, Kind},
    words::page,
};

/// What an error is explained with: who asked, and whom.
pub(super) struct Asking<'a> {
    pub(super) login: &'a Login,
    pub(super) hosts: &'a Hosts,
    pub(super) region: &'a str,
}

impl Asking<'_> {
    /// Says why `what` failed.
    pub(super) fn explain<E>(&self, what: &str, failed: &CallError<E>) -> Error
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let CallError { host, error } = failed;
        match error {
            SdkError::ServiceError(context) => match context.err().code() {
                Some(code) => self.service(what, code, context.err().message().unwrap_or_default()),
                None => self.stranger(what, host, context.raw()),
            },
            SdkError::ResponseError(context) if context.raw().status().is_success() && !is_strange(context.raw()) => {
                Error::failed(format!("{what}: the answer of {host} breaks off"))
                    .hint("try again, or check the network")
            }
            SdkError::ResponseError(context) => self.stranger(what, host, context.raw()),
            SdkError::TimeoutError(_) => {
                Error::failed(format!("{what}: {host} did not answer in time")).hint("try again, or check the network")
            }
            _ => self.without_credentials(what, error).unwrap_or_else(|| self.unreached(what, host, error)),
        }
    }

    /// Who answers, where it is not AWS as we know it: a proxy, a network that wants a login, a gateway that is down.
    fn stranger(&self, what: &str, host: &str, answer: &HttpResponse) -> Error {
        let text = String::from_utf8_lossy(answer.body().bytes().unwrap_or_default());
        self.page(what, host, answer.status().as_u16(), &text)
    }

    /// The same, of a page that was read.
    pub(super) fn page(&self, what: &str, host: &str, status: u16, text: &str) -> Error {
        let words = page(text);
        let says = words.map_or_else(|| "without a word".to_owned(), |words| format!("\"{words}\""));
        let error = Error::failed(format!("{what}: {host} answers {status}, {says}"));
        match self.hosts.all {
            _ if status >= 500 => error.hint("try again in a minute"),
            Some(_) => error.hint("that is no answer of AWS; check AWS_ENDPOINT_URL"),
            None => error.hint("that is no answer of AWS; does the network want a login, or a proxy (HTTPS_PROXY)?"),
        }
    }

    fn unreached(&self, what: &str, host: &str, error: &(dyn StdError + 'static)) -> Error {
        let cause = causes(error).pop().unwrap_or_else(|| "no answer".to_owned());
        let error = Error::failed(format!("{what}: {host}: {cause}"));
        if cause.contains("UnknownIssuer") {
            return error.hint("name the authority of its certificate in AWS_CA_BUNDLE, or SSL_CERT_FILE");
        }
        match &self.hosts.all {
            Some(endpoint) if is_loopback(endpoint) => error.hint("is it running? in the sandbox: sandbox/sandbox up"),
            Some(_) => error.hint("check the network and AWS_ENDPOINT_URL"),
            None if cause.contains("lookup") => {
                error.hint(format!("check the network; and is {} a Region of AWS?", self.region))
            }
            None => error.hint("check the network and --region"),
        }
    }

    /// What an error code of AWS means, whichever client met it.
    pub(super) fn service(&self, what: &str, code: &str, message: &str) -> Error {
        let error = |kind, why: &str| {
            let error = Error::new(kind, format!("{what}: {why}"));
            if message.is_empty() { error } else { error.because(message) }
        };
        match code {
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
                error(Kind::LoggedOut, "the AWS session has expired").hint(self.login.hint())
            }
            "RequestTimeTooSkewed" => error(Kind::LoggedOut, "the clock of this machine is wrong"),
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "InvalidAccessKeyId"
            | "AuthFailure" => {
                let refused = error(Kind::LoggedOut, "AWS does not accept the credentials").hint(self.login.hint());
                if is_always_enabled(self.region) { refused } else { refused.hint(self.enable()) }
            }
            "OptInRequired" | "RegionDisabledException" => {
                error(Kind::Denied, "the Region is not enabled in this account").hint(self.enable())
            }
            code if code.starts_with("AccessDenied") || code == "UnauthorizedOperation" || code == "Forbidden" => {
                error(Kind::Denied, "access denied")
                    .hint("ask for that permission, or choose another identity: --profile")
            }
            code if is_throttling(code) => {
                error(Kind::Throttled, "AWS throttles these calls, also after several tries")
                    .hint("try again in a minute")
            }
            NOT_FOUND => error(Kind::NotFound, "it does not exist"),
            "LimitExceededException" => error(Kind::Failed, "a limit of the account is reached"),
            "ValidationError" | "ValidationException" | "InvalidParameterException" => {
                error(Kind::Failed, "AWS refuses it")
            }
            _ => error(Kind::Failed, &format!("AWS answers {code}")),
        }
    }

    fn enable(&self) -> String {
        let region = self.region;
        format!(
            "if {region} is not enabled in this account, nobody knows its keys there; \
             see: aws account get-region-opt-status --region-name {region}"
        )
    }

    /// Says that the caller is not logged in, where that is what an error comes from.
    pub(super) fn without_credentials(&self, what: &str, error: &(dyn StdError + 'static)) -> Option<Error> {
        let found = std::iter::successors(Some(error), |&cause| cause.source());
        let credentials = found.into_iter().find_map(|cause| cause.downcast_ref::<CredentialsError>())?;
        let causes = causes(error);
        let expired = causes.iter().any(|cause| {
            let cause = cause.to_lowercase();
            cause.contains("expired") || (cause.contains("sso") && cause.contains("token"))
        });
        let missing = matches!(credentials, CredentialsError::CredentialsNotLoaded(_));
        let why = match (expired, missing) {
            (true, _) => "the AWS login has expired",
            (false, true) => "no AWS credentials were found",
            (false, false) => "the AWS credentials could not be loaded",
        };
        let denied = Error::new(Kind::LoggedOut, format!("{what}: {why}")).hint(self.login.hint());
        Some(match causes.last() {
            Some(cause) if !missing => denied.because(cause),
            _ => denied,
        })
    }
}

/// Whether an address is on this machine, where only people who work on logctl have an AWS.
fn is_loopback(endpoint: &str) -> bool {
    endpoint.parse().is_ok_and(|endpoint: Endpoint| endpoint.is_loopback())
}

fn causes(error: &(dyn StdError + 'static)) -> Vec<String> {
    std::iter::successors(error.source(), |&cause| cause.source()).map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;
    use crate::aws::{groups, mocked::Account};

    fn service(code: &str, message: &str, login: &Login, region: &str) -> Error {
        let hosts = Hosts::default();
        Asking { login, hosts: &hosts, region }.service("it fails", code, message)
    }

    #[test_case("ExpiredToken", Kind::LoggedOut, "it fails: the AWS session has expired: m")]
    #[test_case("RequestExpired", Kind::LoggedOut, "it fails: the AWS session has expired: m")]
    #[test_case("InvalidClientTokenId", Kind::LoggedOut, "it fails: AWS does not accept the credentials: m")]
    #[test_case("AccessDenied", Kind::Denied, "it fails: access denied: m")]
    #[test_case("AccessDeniedException", Kind::Denied, "it fails: access denied: m")]
    #[test_case("UnauthorizedOperation", Kind::Denied, "it fails: access denied: m")]
    #[test_case(
        "ThrottlingException",
        Kind::Throttled,
        "it fails: AWS throttles these calls, also after several tries: m"
    )]
    #[test_case("ResourceNotFoundException", Kind::NotFound, "it fails: it does not exist: m")]
    #[test_case("LimitExceededException", Kind::Failed, "it fails: a limit of the account is reached: m")]
    #[test_case("ValidationError", Kind::Failed, "it fails: AWS refuses it: m")]
    #[test_case("OfTomorrow", Kind::Failed, "it fails: AWS answers OfTomorrow: m")]
    fn a_code_of_aws_means(code: &str, kind: Kind, line: &str) {
        let error = service(code, "m", &Login::Unknown(None), "eu-west-1");
        assert_eq!((error.kind, error.one_line().as_str()), (kind, line));
    }

    #[test]
    fn who_has_to_log_in_is_told_how() {
        let login = Login::IdentityCenter("prod".to_owned());
        let error = service("ExpiredToken", "", &login, "eu-west-1");
        assert_eq!(error.hints, ["aws sso login --profile prod"]);
        let hosts = Hosts::default();
        let asking = Asking { login: &login, hosts: &hosts, region: "eu-west-1" };
        let says = |error: CredentialsError| asking.without_credentials("it fails", &error).unwrap();
        let error = says(CredentialsError::provider_error("the SSO token has expired"));
        assert_eq!((error.kind, error.message.as_str()), (Kind::LoggedOut, "it fails: the AWS login has expired"));
        let error = says(CredentialsError::not_loaded_no_source());
        assert_eq!(error.one_line(), "it fails: no AWS credentials were found");
        let error = says(CredentialsError::provider_error("the file is no file"));
        assert_eq!(error.one_line(), "it fails: the AWS credentials could not be loaded: the file is no file");
    }

    #[test]
    fn a_region_that_is_not_enabled_may_be_the_reason() {
        let hints = |region: &str| service("InvalidClientTokenId", "", &Login::Keys, region).hints.len();
        assert_eq!((hints("eu-west-1"), hints("eu-south-1")), (1, 2));
    }

    #[tokio::test]
    async fn who_answers_instead_of_aws_is_quoted() {
        for (status, body, says) in [
            (503, "", "cannot read log groups in eu-west-1: HOST answers 503, without a word"),
            (
                200,
                "<html><title>Hotel Login</title>",
                "cannot read log groups in eu-west-1: HOST answers 200, \"Hotel Login\"",
            ),
            (407, "who are you?", "cannot read log groups in eu-west-1: HOST answers 407, \"who are you?\""),
        ] {
            let account = Account::new(&[("ListLogGroups", status, body)]).await;
            let aws = account.aws().await;
            let error = groups::list(&aws, &[], &()).await.unwrap_err();
            assert_eq!(error.one_line(), says.replace("HOST", aws.hosts.all.as_deref().unwrap()));
            assert_eq!(error.hints.len(), 1);
        }
    }

    #[tokio::test]
    async fn only_who_works_on_this_machine_is_told_of_the_sandbox() {
        let account = Account::new(&[]).await;
        let mut aws = account.aws().await;
        for (endpoint, hint) in [
            ("http://127.0.0.1:1", "is it running? in the sandbox: sandbox/sandbox up"),
            ("http://nowhere.invalid", "check the network and AWS_ENDPOINT_URL"),
        ] {
            aws.config = aws.config.into_builder().endpoint_url(endpoint).build();
            aws.hosts.all = Some(endpoint.to_owned());
            let error = groups::list(&aws, &[], &()).await.unwrap_err();
            assert_eq!(error.hints, [hint]);
        }
    }
}
