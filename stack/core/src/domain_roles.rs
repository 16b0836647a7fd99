//! What a domain must admit: the roles of the stack's functions.
//!
//! Two things keep them out. A domain with fine-grained access control maps roles of IAM to roles of its own; the access policy of
//! a domain, in another account above all, names who may come at all.

use serde_json::{Value, json};

use crate::names::IndexPrefix;

/// The roles of the functions, and what they need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainRoles {
    /// Name of the role on the domain. It carries the account and the Region, since stacks of many accounts may share a domain.
    pub name: String,
    /// ARNs of the roles in IAM, that of DomainAccess first.
    pub arns: Vec<String>,
    /// ARN of the domain.
    pub domain: String,
}

impl DomainRoles {
    /// What the functions need on the domain.
    #[must_use]
    pub fn permissions(prefix: &IndexPrefix) -> Value {
        json!({
            "cluster_permissions": [
                "cluster:monitor/main",
                "indices:data/write/bulk",
                "indices:admin/index_template/get",
                "indices:admin/index_template/put",
            ],
            "index_permissions": [{
                "index_patterns": [format!("{prefix}-2*"), format!("{prefix}-outliers")],
                "allowed_actions": [
                    "indices:data/write/*",
                    "indices:admin/create",
                    "indices:admin/mapping/put",
                    "indices:admin/mappings/get",
                ],
            }],
        })
    }

    /// A change of the mapping of these roles and of no other. It is a PATCH: a PUT would replace what others have made.
    #[must_use]
    pub fn mapping(&self) -> Value {
        json!([{"op": "add", "path": format!("/{}", self.name), "value": {"backend_roles": self.arns}}])
    }

    /// Where the role is kept.
    #[must_use]
    pub fn role_path(&self) -> String {
        format!("/_plugins/_security/api/roles/{}", self.name)
    }

    /// The statement of the domain's access policy that admits them.
    #[must_use]
    pub fn statement(&self) -> Value {
        json!({
            "Effect": "Allow",
            "Principal": {"AWS": self.arns},
            "Action": ["es:ESHttpGet", "es:ESHttpPost", "es:ESHttpPut", "es:ESHttpPatch"],
            "Resource": format!("{}/*", self.domain),
        })
    }

    /// The requests that make the role and map it, one a line.
    #[must_use]
    pub fn requests(&self, prefix: &IndexPrefix) -> String {
        let (role, mapping) = (Self::permissions(prefix), self.mapping());
        format!("PUT {} {role}\nPATCH /_plugins/_security/api/rolesmapping {mapping}", self.role_path())
    }

    /// What a person has to apply who may, in the place that a refusal comes from.
    #[must_use]
    pub fn to_apply(&self, prefix: &IndexPrefix, refusal: &str) -> String {
        // What the access policy refuses is told by IAM, what the domain's own roles refuse by the domain.
        if refusal.contains("not authorized to perform") {
            format!("add to the domain's access policy: {}", self.statement())
        } else {
            self.requests(prefix)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles() -> DomainRoles {
        let arn = |function: &str| {
            format!("arn:aws:iam::123456789012:role/logctl-{}-ap-southeast-1-{function}", "s".repeat(31))
        };
        DomainRoles {
            name: format!("logctl-{}-123456789012-ap-southeast-1", "s".repeat(31)),
            arns: vec![arn("domain"), arn("forwarder")],
            domain: "arn:aws:es:ap-southeast-1:123456789012:domain/logs".to_owned(),
        }
    }

    #[test]
    fn what_to_apply_follows_from_the_refusal() {
        let prefix = IndexPrefix::default();
        let by_policy = roles().to_apply(&prefix, "User: x is not authorized to perform: es:ESHttpGet");
        assert!(by_policy.contains("access policy") && by_policy.contains("domain/logs/*"), "{by_policy}");
        let by_roles = roles().to_apply(&prefix, "no permissions for [cluster:monitor/main]");
        assert!(by_roles.starts_with("PUT /_plugins/_security/api/roles/logctl-s"), "{by_roles}");
        // CloudFormation takes 4 KB of an answer in all.
        assert!(by_roles.len() < 2_000, "{}", by_roles.len());
    }
}
