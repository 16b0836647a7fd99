//! The parts of AWS: what their Regions and hosts are called.

/// A part of AWS, told by the names of its Regions.
#[derive(Debug, PartialEq, Eq)]
pub struct Partition {
    /// What ARNs call it.
    pub name: &'static str,
    /// What the names of its Regions begin with.
    regions: &'static str,
    /// What its hosts end with.
    pub suffix: &'static str,
    /// What those end with that answer by IPv6, too.
    pub dual_stack: &'static str,
    /// Where IAM answers, which is global, and the Region that requests to it are signed for.
    pub iam: Option<(&'static str, &'static str)>,
}

/// As botocore's `partitions.json` has them; the one of all other Regions is last.
pub const PARTITIONS: [Partition; 8] = [
    Partition {
        name: "aws-cn",
        regions: "cn-",
        suffix: "amazonaws.com.cn",
        dual_stack: "api.amazonwebservices.com.cn",
        iam: Some(("iam.cn-north-1.amazonaws.com.cn", "cn-north-1")),
    },
    Partition {
        name: "aws-us-gov",
        regions: "us-gov-",
        suffix: "amazonaws.com",
        dual_stack: "api.aws",
        iam: Some(("iam.us-gov.amazonaws.com", "us-gov-west-1")),
    },
    Partition {
        name: "aws-eusc",
        regions: "eusc-",
        suffix: "amazonaws.eu",
        dual_stack: "api.amazonwebservices.eu",
        iam: Some(("iam.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1")),
    },
    Partition {
        name: "aws-iso-b",
        regions: "us-isob-",
        suffix: "sc2s.sgov.gov",
        dual_stack: "api.aws.scloud",
        iam: None,
    },
    Partition { name: "aws-iso", regions: "us-iso-", suffix: "c2s.ic.gov", dual_stack: "api.aws.ic.gov", iam: None },
    Partition {
        name: "aws-iso-f",
        regions: "us-isof-",
        suffix: "csp.hci.ic.gov",
        dual_stack: "api.aws.hci.ic.gov",
        iam: None,
    },
    Partition {
        name: "aws-iso-e",
        regions: "eu-isoe-",
        suffix: "cloud.adc-e.uk",
        dual_stack: "api.cloud-aws.adc-e.uk",
        iam: None,
    },
    Partition {
        name: "aws",
        regions: "",
        suffix: "amazonaws.com",
        dual_stack: "api.aws",
        iam: Some(("iam.amazonaws.com", "us-east-1")),
    },
];

impl Partition {
    /// That of a Region.
    #[must_use]
    pub fn of(region: &str) -> &'static Self {
        let [known @ .., all] = &PARTITIONS;
        known.iter().find(|partition| region.starts_with(partition.regions)).unwrap_or(all)
    }

    /// That of a name, as ARNs call it.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        PARTITIONS.iter().find(|partition| partition.name == name)
    }

    /// A host without what those of AWS end with; `None` for a host of somebody else. The longest end that fits counts.
    #[must_use]
    pub fn strip(host: &str) -> Option<&str> {
        let ends = PARTITIONS.iter().map(|partition| partition.suffix);
        let stripped = ends.filter_map(|suffix| host.strip_suffix(suffix)?.strip_suffix('.'));
        stripped.min_by_key(|rest| rest.len())
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("eu-west-1", "aws", "logs.eu-west-1.amazonaws.com")]
    #[test_case("cn-north-1", "aws-cn", "logs.cn-north-1.amazonaws.com.cn")]
    #[test_case("us-gov-west-1", "aws-us-gov", "logs.us-gov-west-1.amazonaws.com")]
    #[test_case("eusc-de-east-1", "aws-eusc", "logs.eusc-de-east-1.amazonaws.eu")]
    #[test_case("us-iso-east-1", "aws-iso", "logs.us-iso-east-1.c2s.ic.gov")]
    #[test_case("us-isob-east-1", "aws-iso-b", "logs.us-isob-east-1.sc2s.sgov.gov")]
    #[test_case("eu-isoe-west-1", "aws-iso-e", "logs.eu-isoe-west-1.cloud.adc-e.uk")]
    #[test_case("us-isof-south-1", "aws-iso-f", "logs.us-isof-south-1.csp.hci.ic.gov")]
    fn each_region_belongs_to_a_partition(region: &str, name: &str, host: &str) {
        let partition = Partition::of(region);
        assert_eq!(partition.name, name);
        assert_eq!(Partition::named(name), Some(partition));
        assert_eq!(Partition::strip(host), Some(format!("logs.{region}").as_str()));
    }

    #[test]
    fn others_are_no_hosts_of_aws() {
        assert_eq!(Partition::strip("logs.shop.example"), None);
        assert_eq!(Partition::strip("evilamazonaws.com"), None);
        assert_eq!(Partition::strip("a.amazonaws.com.shop.example"), None);
    }
}
