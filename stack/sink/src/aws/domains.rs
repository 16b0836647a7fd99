//! Search domains as OpenSearch Service knows them.

use std::collections::{BTreeSet, HashMap};

use percent_encoding::utf8_percent_encode;
use serde::Deserialize;

use super::{AwsClient, AwsError, ESCAPED};

/// What is known of a search domain:
/// <https://docs.aws.amazon.com/opensearch-service/latest/APIReference/API_DomainStatus.html>.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DomainStatus {
    endpoint: Option<String>,
    /// The one that answers by IPv6, too.
    endpoint_v2: Option<String>,
    endpoints: HashMap<String, String>,
    log_publishing_options: HashMap<String, Publishing>,
    cluster_config: ClusterConfig,
    advanced_security_options: AdvancedSecurity,
    domain_endpoint_options: EndpointOptions,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Publishing {
    cloud_watch_logs_log_group_arn: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct ClusterConfig {
    #[serde(rename = "MultiAZWithStandbyEnabled")]
    standby: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct AdvancedSecurity {
    enabled: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct EndpointOptions {
    custom_endpoint: Option<String>,
}

impl DomainStatus {
    /// The log groups to which it publishes its own logs.
    #[must_use]
    pub fn log_groups(&self) -> BTreeSet<String> {
        let groups = self.log_publishing_options.values().filter_map(|option| {
            let arn = option.cloud_watch_logs_log_group_arn.as_ref()?;
            let (_, group) = arn.split_once(":log-group:")?;
            Some(group.trim_end_matches(":*").to_owned())
        });
        groups.collect()
    }

    /// Whether it spans three zones, one of them in standby: it wants copies in threes.
    #[must_use]
    pub fn has_standby(&self) -> bool {
        self.cluster_config.standby
    }

    /// Whether it has users and roles of its own, to which those of IAM are mapped.
    #[must_use]
    pub fn is_fine_grained(&self) -> bool {
        self.advanced_security_options.enabled
    }

    /// The hosts at which it answers.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        let custom = self.domain_endpoint_options.custom_endpoint.iter();
        let own = self.endpoint.iter().chain(&self.endpoint_v2);
        own.chain(self.endpoints.values()).chain(custom).map(String::as_str)
    }
}

impl AwsClient {
    /// A search domain of this account and Region.
    ///
    /// # Errors
    /// When it cannot be had; nothing is retried here.
    pub async fn domain(&self, name: &str) -> Result<DomainStatus, AwsError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Output {
            domain_status: DomainStatus,
        }
        let path = format!("2021-01-01/opensearch/domain/{}", utf8_percent_encode(name, ESCAPED));
        let found: Output = self.get("es", &path).await?;
        Ok(found.domain_status)
    }
}
