//! The one place where errors of the SDK become errors of ours.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use logctl_core::{
    endpoint::Endpoint,
    service::{NOT_FOUND, is_throttling},
};

use crate::{
    args::AwsOptions,
    error::{Error, Kind},
};

/// Says why `what` failed.
///
/// `endpoint` is the one that stands in for AWS, where one does.
pub(super) fn explain<E, R>(what: &str, error: &SdkError<E, R>, options: &AwsOptions, endpoint: Option<&str>) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
    R: std::fmt::Debug + 'static,
{
    if let SdkError::ServiceError(context) = error {
        let said = context.err();
        let code = said.code().unwrap_or("unknown error");
        return service(what, code, said.message().unwrap_or_default(), options);
    }
    if let Some(denied) = without_credentials(what, error, options) {
        return denied;
    }
    if matches!(error, SdkError::TimeoutError(_)) {
        return Error::failed(format!("{what}: no answer in time")).hint("try again, or check the network");
    }
    let error = Error::failed(format!("{what}: {}", causes(error).last().map_or("no answer", String::as_str)));
    match endpoint {
        Some(endpoint) if is_loopback(endpoint) => error.hint("is it running? in the sandbox: sandbox/sandbox up"),
        Some(_) => error.hint("check the network and AWS_ENDPOINT_URL"),
        None => error.hint("check the network and --region"),
    }
}

/// Whether an address is on this machine, where only people who work on logctl have an AWS.
fn is_loopback(endpoint: &str) -> bool {
    endpoint.parse().is_ok_and(|endpoint: Endpoint| endpoint.is_loopback())
}

/// What an error code of AWS means, whichever client met it.
pub(super) fn service(what: &str, code: &str, message: &str, options: &AwsOptions) -> Error {
    let error = |kind, why: &str| {
        let error = Error::new(kind, format!("{what}: {why}"));
        if message.is_empty() { error } else { error.because(message) }
    };
    match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            error(Kind::Denied, "the AWS session has expired").hint(login(options))
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "AuthFailure" => error(Kind::Denied, "AWS does not accept the credentials").hint(login(options)),
        code if code.starts_with("AccessDenied") || code == "UnauthorizedOperation" || code == "Forbidden" => {
            error(Kind::Denied, "access denied")
        }
        code if is_throttling(code) => {
            error(Kind::Throttled, "AWS throttles these calls, also after several tries").hint("try again in a minute")
        }
        NOT_FOUND => error(Kind::NotFound, "it does not exist"),
        "LimitExceededException" => error(Kind::Failed, "a limit of the account is reached"),
        "ValidationError" | "ValidationException" | "InvalidParameterException" => {
            error(Kind::Failed, "AWS refuses it")
        }
        _ => error(Kind::Failed, &format!("AWS answers {code}")),
    }
}

/// Says that the caller is not logged in, where that is what an error comes from.
pub(super) fn without_credentials(what: &str, error: &(dyn StdError + 'static), options: &AwsOptions) -> Option<Error> {
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
    let denied = Error::new(Kind::Denied, format!("{what}: {why}")).hint(login(options));
    Some(match causes.last() {
        Some(cause) if !missing => denied.because(cause),
        _ => denied,
    })
}

fn login(options: &AwsOptions) -> String {
    match &options.profile {
        Some(profile) => format!("aws sso login --profile {profile}"),
        None => "log in (aws sso login), choose a profile with --profile, or set AWS_ACCESS_KEY_ID".to_owned(),
    }
}

fn causes(error: &(dyn StdError + 'static)) -> Vec<String> {
    std::iter::successors(error.source(), |&cause| cause.source()).map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;
    use crate::aws::{groups, mocked::Account};

    fn options(profile: Option<&str>) -> AwsOptions {
        AwsOptions { profile: profile.map(str::to_owned), region: None, expect_account: None }
    }

    #[test_case("ExpiredToken", Kind::Denied, "it fails: the AWS session has expired: m")]
    #[test_case("RequestExpired", Kind::Denied, "it fails: the AWS session has expired: m")]
    #[test_case("InvalidClientTokenId", Kind::Denied, "it fails: AWS does not accept the credentials: m")]
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
        let error = service("it fails", code, "m", &options(None));
        assert_eq!((error.kind, error.one_line().as_str()), (kind, line));
    }

    #[test]
    fn who_has_to_log_in_is_told_how() {
        let error = service("it fails", "ExpiredToken", "", &options(Some("prod")));
        assert_eq!(error.hints, ["aws sso login --profile prod"]);
        let expired = CredentialsError::provider_error("the SSO token has expired");
        let error = without_credentials("it fails", &expired, &options(Some("prod"))).unwrap();
        assert_eq!((error.kind, error.message.as_str()), (Kind::Denied, "it fails: the AWS login has expired"));
        let none = CredentialsError::not_loaded_no_source();
        let error = without_credentials("it fails", &none, &options(None)).unwrap();
        assert_eq!(error.one_line(), "it fails: no AWS credentials were found");
        let broken = CredentialsError::provider_error("the file is no file");
        let error = without_credentials("it fails", &broken, &options(None)).unwrap();
        assert_eq!(error.one_line(), "it fails: the AWS credentials could not be loaded: the file is no file");
    }

    #[tokio::test]
    async fn only_who_works_on_this_machine_is_told_of_the_sandbox() {
        let account = Account::new(&[]).await;
        let mut aws = account.aws().await;
        let gone = |endpoint: &str| aws.config.clone().into_builder().endpoint_url(endpoint).build();
        let (near, far) = (gone("http://127.0.0.1:1"), gone("http://nowhere.invalid"));
        aws.config = near;
        let error = groups::list(&aws, &()).await.unwrap_err();
        assert_eq!(error.hints, ["is it running? in the sandbox: sandbox/sandbox up"]);
        aws.config = far;
        let error = groups::list(&aws, &()).await.unwrap_err();
        assert_eq!(error.hints, ["check the network and AWS_ENDPOINT_URL"]);
    }
}
