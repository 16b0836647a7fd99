//! The account's subscription policy.

use aws_sdk_cloudwatchlogs::types::PolicyType;
use logctl_core::coverage::AccountPolicy;

use super::{Aws, Operation};
use crate::error::Error;

/// Name of the policy and what it says, `None` where there is none.
///
/// # Errors
/// When it cannot be read.
pub async fn read(aws: &Aws) -> Result<Option<(String, AccountPolicy)>, Error> {
    let client = aws.logs();
    let call = || client.describe_account_policies().policy_type(PolicyType::SubscriptionFilterPolicy).send();
    let found = aws.limited(Operation::AccountPolicies, call).await;
    let found = found.map_err(|error| aws.explain("cannot read the account policy", &error))?;
    let Some(policy) = found.account_policies().first() else { return Ok(None) };
    let name = policy.policy_name().unwrap_or_default().to_owned();
    let document = policy.policy_document().unwrap_or_default();
    let parsed = AccountPolicy::parse(document, policy.selection_criteria().unwrap_or_default());
    // One that cannot be read may stream every group.
    let parsed = parsed.ok_or_else(|| Error::failed(format!("the account policy {name} cannot be understood")))?;
    Ok(Some((name, parsed)))
}

/// Deletes the policy of this name.
///
/// # Errors
/// When it stays.
pub async fn delete(aws: &Aws, name: &str) -> Result<(), Error> {
    let client = aws.logs();
    let policy = || client.delete_account_policy().policy_type(PolicyType::SubscriptionFilterPolicy).policy_name(name);
    let deleted = aws.limited(Operation::AccountPolicies, || policy().send()).await;
    deleted.map(drop).map_err(|error| aws.explain("cannot delete the account policy", &error))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::mocked::Account;

    async fn read_one(policy: Value) -> Result<Option<(String, AccountPolicy)>, Error> {
        let body = json!({"accountPolicies": policy}).to_string();
        read(&Account::new(&[("DescribeAccountPolicies", 200, &body)]).await.aws().await).await
    }

    #[tokio::test]
    async fn a_policy_is_read() {
        assert_eq!(read_one(json!([])).await, Ok(None));
        let document = json!({"DestinationArn": "arn", "FilterPattern": ""}).to_string();
        let (name, policy) =
            read_one(json!([{"policyName": "all", "policyDocument": document}])).await.unwrap().unwrap();
        assert_eq!((name.as_str(), policy.destination.as_str()), ("all", "arn"));
    }

    #[tokio::test]
    async fn one_that_cannot_be_understood_is_not_taken_for_none() {
        let error = read_one(json!([{"policyName": "all", "policyDocument": "{"}])).await.unwrap_err();
        assert_eq!(error.one_line(), "the account policy all cannot be understood");
    }

    #[tokio::test]
    async fn a_policy_is_deleted_by_its_name() {
        let account = Account::new(&[("DeleteAccountPolicy", 200, "{}")]).await;
        delete(&account.aws().await, "all").await.unwrap();
        assert_eq!(account.last().await, json!({"policyName": "all", "policyType": "SUBSCRIPTION_FILTER_POLICY"}));
    }
}
