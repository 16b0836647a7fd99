//! How requests to a domain prove who sends them.

use std::{fmt, str::FromStr};

/// How requests to a domain are authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// A `SigV4` signature for the service `es`.
    SigV4,
    /// Name and password out of a secret.
    Basic,
    /// Nothing: a domain on this machine.
    None,
}

impl AuthMode {
    /// What a host wants: those of AWS are signed for.
    #[must_use]
    pub fn of_host(host: &str) -> Self {
        let aws = [".amazonaws.com", ".amazonaws.com.cn", ".on.aws"];
        if aws.iter().any(|suffix| host.ends_with(suffix)) { Self::SigV4 } else { Self::None }
    }
}

impl fmt::Display for AuthMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SigV4 => "sigv4",
            Self::Basic => "basic",
            Self::None => "none",
        })
    }
}

impl FromStr for AuthMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "sigv4" => Ok(Self::SigV4),
            "basic" => Ok(Self::Basic),
            "none" => Ok(Self::None),
            _ => Err("the auth mode is sigv4, basic or none".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_aws_are_signed_for() {
        assert_eq!(AuthMode::of_host("search-x.eu-west-1.es.amazonaws.com"), AuthMode::SigV4);
        assert_eq!(AuthMode::of_host("search-x.cn-north-1.es.amazonaws.com.cn"), AuthMode::SigV4);
        assert_eq!(AuthMode::of_host("127.0.0.1"), AuthMode::None);
    }
}
