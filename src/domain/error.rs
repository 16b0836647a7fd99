//! Why a domain has not answered what it was asked.

use logctl_core::endpoint::Endpoint;

use crate::error::{Error, Kind};

/// Why a domain has not answered what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DomainError {
    /// No connection, or one that broke.
    #[error("cannot reach the domain {endpoint}: {cause}")]
    Unreachable {
        /// Where.
        endpoint: Endpoint,
        /// What the connection said.
        cause: String,
    },
    /// It takes too long.
    #[error("the domain {endpoint} did not answer in time")]
    Timeout {
        /// Where.
        endpoint: Endpoint,
    },
    /// There is nothing to be admitted with.
    #[error("the request to {endpoint} could not be signed")]
    Credentials {
        /// Where.
        endpoint: Endpoint,
        /// What is missing.
        cause: String,
    },
    /// It does not admit the caller, or not for this.
    #[error("the domain {endpoint} does not {}", if *.unknown { "admit these credentials" } else { "let these credentials do this" })]
    Denied {
        /// Where.
        endpoint: Endpoint,
        /// Whether it does not know who asks.
        unknown: bool,
        /// What it says.
        reason: String,
    },
    /// It has too much to do.
    #[error("the domain {endpoint} is overloaded")]
    Overloaded {
        /// Where.
        endpoint: Endpoint,
    },
    /// It is something else.
    #[error("{endpoint} is not a search engine{what}")]
    NoEngine {
        /// Where.
        endpoint: Endpoint,
        /// What it seems to be, behind a colon; nothing where that cannot be told.
        what: String,
    },
    /// Its answer is longer than what is read.
    #[error("the answer of {endpoint} is too long")]
    TooLong {
        /// Where.
        endpoint: Endpoint,
    },
    /// It does not take the request.
    #[error("the domain {endpoint} refuses the request")]
    Refused {
        /// Where.
        endpoint: Endpoint,
        /// The HTTP status.
        status: u16,
        /// What it says.
        reason: String,
    },
}

impl DomainError {
    /// Whether the same request may succeed in a while; of one that has `answered` before, also where it is out of reach.
    #[must_use]
    pub const fn may_pass(&self, answered: bool) -> bool {
        match self {
            Self::Overloaded { .. } | Self::Refused { status: 502..=504, .. } => true,
            Self::Timeout { .. } | Self::Unreachable { .. } => answered,
            _ => false,
        }
    }

    /// Whether the caller is known, and may not ask this.
    #[must_use]
    pub fn forbids(&self) -> bool {
        matches!(self, Self::Denied { unknown: false, reason, .. } if !is_expired(reason))
    }
}

/// Whether credentials are refused that were accepted before.
fn is_expired(reason: &str) -> bool {
    reason.to_lowercase().contains("expired")
}

impl From<DomainError> for Error {
    fn from(error: DomainError) -> Self {
        let message = error.to_string();
        match error {
            DomainError::Unreachable { endpoint, cause } if cause.contains("InvalidContentType") => Self::failed(
                message,
            )
            .hint(format!("the port does not speak TLS; try {}", endpoint.as_str().replacen("https://", "http://", 1))),
            DomainError::Unreachable { cause, .. } if cause.contains("UnknownIssuer") => {
                Self::failed(message).hint("name the authority of its certificate in AWS_CA_BUNDLE, or SSL_CERT_FILE")
            }
            DomainError::Unreachable { endpoint, .. } if endpoint.is_loopback() => {
                Self::failed(message).hint("is it running? in the sandbox: sandbox/sandbox up")
            }
            DomainError::Unreachable { .. } => Self::failed(message).hint("check the endpoint and the network"),
            DomainError::Timeout { .. } => {
                Self::failed(message).hint("ask for a shorter time range, or raise --timeout")
            }
            DomainError::Credentials { cause, .. } => Self::new(Kind::Denied, message)
                .because(cause)
                .hint("log in (aws sso login), or choose a profile with --profile"),
            DomainError::Denied { reason, .. } if reason.is_empty() => Self::new(Kind::Denied, message),
            DomainError::Denied { reason, .. } if is_expired(&reason) => Self::new(Kind::Denied, message)
                .because(reason)
                .hint("the credentials have expired; log in again (aws sso login), then run this once more"),
            DomainError::Denied { reason, .. } => Self::new(Kind::Denied, message).because(reason),
            DomainError::Overloaded { .. } => {
                Self::new(Kind::Throttled, message).hint("try again in a minute, or ask for a shorter time range")
            }
            DomainError::NoEngine { .. } => {
                Self::failed(message).hint("the endpoint is the domain's own address, not that of its Dashboards")
            }
            DomainError::TooLong { .. } => Self::failed(message).hint("ask for fewer events"),
            DomainError::Refused { status: 413, reason, .. } => {
                Self::failed(message).because(reason).hint("ask for fewer values at once")
            }
            DomainError::Refused { reason, .. } => Self::failed(message).because(reason),
        }
    }
}
