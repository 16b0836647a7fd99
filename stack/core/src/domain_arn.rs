//! The ARN of a search domain.

use std::str::FromStr;

use crate::partition::Partition;

/// The ARN of a domain of OpenSearch Service: `arn:aws:es:eu-west-1:123456789012:domain/logs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainArn {
    /// Where it lives.
    pub region: String,
    /// Whose it is.
    pub account: String,
    /// What it is called.
    pub name: String,
}

impl FromStr for DomainArn {
    type Err = String;

    /// Tells what else an ARN is of.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is no ARN of a domain: that looks like arn:aws:es:eu-west-1:123456789012:domain/logs");
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = parts.as_slice() else { return Err(wrong()) };
        match (*service, *resource) {
            ("aoss", _) => return Err(format!("`{text}`: {SERVERLESS}")),
            ("ec2", resource) if resource.starts_with("vpc-endpoint/") => {
                return Err(format!("`{text}` is a VPC endpoint; what is needed is the ARN of the domain behind it"));
            }
            _ => {}
        }
        let name = resource.strip_prefix("domain/").unwrap_or_default();
        let fits = Partition::named(partition).is_some_and(|named| named == Partition::of(region))
            && *service == "es"
            && account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && !name.is_empty()
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        let [region, account, name] = [*region, *account, name].map(str::to_owned);
        if fits { Ok(Self { region, account, name }) } else { Err(wrong()) }
    }
}

/// Why a collection cannot be used: <https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-genref.html>.
pub const SERVERLESS: &str = "OpenSearch Serverless takes no ids of events, so that each delivery would be stored again; \
                              use a domain of OpenSearch Service";

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test]
    fn a_domain_is_read() {
        let domain: DomainArn = "arn:aws-cn:es:cn-north-1:123456789012:domain/logs-1".parse().unwrap();
        assert_eq!((domain.region.as_str(), domain.name.as_str()), ("cn-north-1", "logs-1"));
    }

    #[test_case("arn:aws:aoss:eu-west-1:123456789012:collection/abc", "Serverless"; "a collection")]
    #[test_case("arn:aws:ec2:eu-west-1:123456789012:vpc-endpoint/vpce-1", "VPC endpoint"; "a vpc endpoint")]
    #[test_case("arn:aws:es:cn-north-1:123456789012:domain/logs", "no ARN of a domain"; "another partition")]
    #[test_case("arn:aws:es:eu-west-1:123:domain/logs", "no ARN of a domain"; "no account")]
    #[test_case("arn:aws:es:eu-west-1:123456789012:domain/logs/*", "no ARN of a domain"; "more than a domain")]
    #[test_case("arn:aws:s3:::bucket", "no ARN of a domain"; "a bucket")]
    #[test_case("logs", "no ARN of a domain"; "a name")]
    fn what_is_no_domain_is_told(text: &str, says: &str) {
        let error = text.parse::<DomainArn>().unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}
