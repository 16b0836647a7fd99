//! The one place where errors of the SDK become errors of ours.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};

use crate::{
    cli::Global,
    error::{Error, Kind},
};

/// Says why `what` failed.
pub fn explain<E, R>(what: &str, error: &SdkError<E, R>, global: &Global) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
    R: std::fmt::Debug + 'static,
{
    if let SdkError::ServiceError(context) = error {
        let said = context.err();
        let code = said.code().unwrap_or("unknown error");
        let message = said.message().unwrap_or(code);
        return service(what, code, message, global);
    }
    let causes = causes(error);
    if let Some(credentials) = credentials(error) {
        return without_credentials(what, credentials, &causes, global);
    }
    let last = causes.last().cloned().unwrap_or_else(|| "no answer".to_owned());
    match error {
        SdkError::TimeoutError(_) => {
            Error::failed(format!("{what}: no answer in time")).hint("try again, or check the network")
        }
        _ => Error::failed(format!("{what}: {last}"))
            .hint("check the network, --region and AWS_ENDPOINT_URL; in the sandbox: sandbox/sandbox up"),
    }
}

fn service(what: &str, code: &str, message: &str, global: &Global) -> Error {
    let error = |kind, why: &str| Error::new(kind, format!("{what}: {why}"));
    match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            error(Kind::Denied, "the AWS session has expired").because(message).hint(login(global))
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "AuthFailure" => {
            error(Kind::Denied, "AWS does not accept the credentials").because(message).hint(login(global))
        }
        code if code.starts_with("AccessDenied") || code == "UnauthorizedOperation" || code == "Forbidden" => {
            error(Kind::Denied, "access denied").because(message)
        }
        code if is_throttling_code(code) => {
            error(Kind::Throttled, "AWS throttles these calls, also after several tries").hint("try again in a minute")
        }
        "ResourceNotFoundException" => error(Kind::NotFound, message),
        code if message == code || message.is_empty() => error(Kind::Failed, code),
        _ => error(Kind::Failed, message),
    }
}

fn without_credentials(what: &str, error: &CredentialsError, causes: &[String], global: &Global) -> Error {
    let expired = causes.iter().any(|cause| {
        let cause = cause.to_lowercase();
        cause.contains("expired") || (cause.contains("sso") && cause.contains("token"))
    });
    let why = match error {
        CredentialsError::CredentialsNotLoaded(_) if !expired => "no AWS credentials were found",
        _ if expired => "the AWS login has expired",
        _ => "the AWS credentials could not be loaded",
    };
    let explained = Error::new(Kind::Denied, format!("{what}: {why}")).hint(login(global));
    match causes.last() {
        Some(cause) if !matches!(error, CredentialsError::CredentialsNotLoaded(_)) => explained.because(cause),
        _ => explained,
    }
}

fn login(global: &Global) -> String {
    match &global.profile {
        Some(profile) => format!("aws sso login --profile {profile}"),
        None => "log in (aws sso login), choose a profile with --profile, or set AWS_ACCESS_KEY_ID".to_owned(),
    }
}

/// The error code of AWS, where the error came from there.
pub fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// Whether AWS asks to come back later.
pub fn is_throttling<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    code(error).is_some_and(is_throttling_code)
}

fn is_throttling_code(code: &str) -> bool {
    matches!(
        code,
        "ThrottlingException"
            | "Throttling"
            | "ThrottledException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "SlowDown"
    )
}

fn causes(error: &(dyn StdError + 'static)) -> Vec<String> {
    std::iter::successors(error.source(), |&cause| cause.source()).map(ToString::to_string).collect()
}

fn credentials<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a CredentialsError> {
    std::iter::successors(Some(error), |&cause| cause.source()).find_map(|cause| cause.downcast_ref())
}
