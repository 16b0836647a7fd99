//! How requests to a domain prove who sends them.

use strum::{Display, EnumString, VariantNames};

use crate::partition::Partition;

/// How requests to a domain are authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, VariantNames)]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = no_mode)]
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
        let aws = Partition::strip(host).is_some() || host.ends_with(".on.aws");
        if aws { Self::SigV4 } else { Self::None }
    }
}

fn no_mode(_: &str) -> String {
    format!("the modes of authentication are {}", AuthMode::VARIANTS.join(", "))
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
