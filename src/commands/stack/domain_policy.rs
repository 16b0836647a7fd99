//! What a domain has to admit.

use logctl_core::{
    domain_roles::DomainRoles,
    names::{IndexPrefix, StackName},
};
use serde_json::json;

use crate::{aws::Target, deploy::DeployedStack};

/// The access policy that admits the functions of `stack` in these accounts, and the requests that map their roles. Where the
/// stack is not deployed yet, its domain has a name in capitals.
pub fn of(accounts: &[String], target: &Target, stack: &StackName, deployed: Option<&DeployedStack>) -> String {
    let own = [target.account.clone()];
    let accounts = if accounts.is_empty() { &own[..] } else { accounts };
    let arn = deployed.map(|stack| stack.settings.domain_arn.clone()).filter(|arn| !arn.is_empty());
    let arn = arn.unwrap_or_else(|| format!("arn:{}:es:{}:ACCOUNT:domain/NAME", target.partition, target.region));
    let prefix = deployed.map_or_else(IndexPrefix::default, |stack| stack.settings.prefix.clone());
    let path = deployed.map_or("/", |stack| stack.settings.role_path.as_str());
    let role = |account: &String, function: &str| {
        format!("arn:{}:iam::{account}:role{path}logctl-{stack}-{}-{function}", target.partition, target.region)
    };
    let roles = accounts.iter().map(|account| DomainRoles {
        name: format!("logctl-{stack}-{account}-{}", target.region),
        arns: ["domain", "forwarder"].map(|function| role(account, function)).to_vec(),
        domain: arn.clone(),
    });
    let roles: Vec<DomainRoles> = roles.collect();
    let statements = roles.iter().map(DomainRoles::statement).collect::<Vec<_>>();
    let policy = json!({"Version": "2012-10-17", "Statement": statements});
    let policy = serde_json::to_string_pretty(&policy).unwrap_or_default();
    let requests: String = roles.iter().map(|roles| roles.requests(&prefix) + "\n").collect();
    format!(
        "# The access policy, once these roles exist: the service takes no principal that does not.\n{policy}\n\n\
         # With fine-grained access control also, as an administrator of the domain, at any time:\n{requests}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::mocked::target;

    #[test]
    fn each_account_is_admitted_by_its_own_roles() {
        let accounts = ["111111111111", "222222222222"].map(str::to_owned);
        let text = of(&accounts, &target(), &StackName::default(), None);
        for account in accounts {
            assert!(text.contains(&format!("arn:aws:iam::{account}:role/logctl-logctl-eu-west-1-forwarder")), "{text}");
            assert!(
                text.contains(&format!("/_plugins/_security/api/roles/logctl-logctl-{account}-eu-west-1")),
                "{text}"
            );
        }
    }
}
