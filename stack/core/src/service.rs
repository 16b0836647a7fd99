//! What CloudWatch Logs says when it refuses, and what is to be made of it: one truth for both of its clients.

/// How PutSubscriptionFilter begins its message while a permission that was just created is not yet known everywhere.
pub const NOT_YET_PERMITTED: &str = "Could not execute the lambda function";

/// The code of a group whose filter slots are all taken.
pub const LIMIT_EXCEEDED: &str = "LimitExceededException";

/// The code of a group or filter that is gone.
pub const NOT_FOUND: &str = "ResourceNotFoundException";

/// The code of a group or stream that is there already.
pub const ALREADY_EXISTS: &str = "ResourceAlreadyExistsException";

/// Whether a code asks to come back later. CloudWatch Logs says so with HTTP 400, so the status tells nothing.
#[must_use]
pub fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "ThrottlingException"
            | "Throttling"
            | "ThrottledException"
            | "TooManyRequestsException"
            | "PriorRequestNotComplete"
            | "RequestLimitExceeded"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "SlowDown"
    )
}

/// Whether the same call may succeed a moment later, for another reason than throttling.
#[must_use]
pub fn is_passing(code: &str) -> bool {
    matches!(
        code,
        "ServiceUnavailableException"
            | "ServiceUnavailable"
            | "InternalFailure"
            | "InternalError"
            | "InternalServerError"
            | "OperationAbortedException"
            | "OperationAborted"
            | "RequestTimeout"
    )
}
