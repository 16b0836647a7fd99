//! Rules of an organization that copy the logs of its accounts into one of them:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatchLogs_Centralization.html>.

use std::time::Duration;

use regex::Regex;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Aws, Tokens};
use crate::error::{Error, Kind};

/// How long it is waited for: only an organization's management account and its delegated administrator are told, and where
/// there is no way to the service at all, nothing shall wait for it.
const TIMEOUT: Duration = Duration::from_secs(3);
const SERVICE: &str = "observabilityadmin";
const FAILED: &str = "cannot read the organization's centralization rules";
/// How copies are named where the rule does not say.
const USUAL: &str = "${source.logGroup}";

/// A rule whose copies come into this account and Region.
#[derive(Debug, Clone)]
pub struct Copies {
    /// Its name.
    pub rule: String,
    /// What the names of the log groups look like that it fills; `None` where these are named as what they are copied from.
    named: Option<Regex>,
}

impl Copies {
    fn new(rule: String, pattern: &str) -> Self {
        let named = (pattern != USUAL).then(|| Regex::new(&expression(pattern)).ok()).flatten();
        Self { rule, named }
    }

    /// Whether a log group of this name holds copies; `None` where its name does not tell.
    #[must_use]
    pub fn fill(&self, group: &str) -> Option<bool> {
        self.named.as_ref().map(|named| named.is_match(group))
    }
}

/// What names look like that come of a pattern with variables:
/// <https://docs.aws.amazon.com/cloudwatch/latest/observabilityadmin/API_LogGroupNameConfiguration.html>.
fn expression(pattern: &str) -> String {
    let mut expression = "^".to_owned();
    let mut rest = pattern;
    while let Some((text, (name, after))) =
        rest.split_once("${").and_then(|(text, variable)| Some((text, variable.split_once('}')?)))
    {
        expression += &regex::escape(text);
        expression += match name {
            "source.logGroup" => ".+",
            "source.accountId" => "[0-9]{12}",
            "source.region" => "[a-z]{2,}(?:-[a-z]+)+-[0-9]",
            _ => "[-/_A-Za-z0-9]+", // A part of the organization.
        };
        rest = after;
    }
    expression + &regex::escape(rest) + "$"
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    centralization_rule_summaries: Vec<Summary>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    rule_name: String,
    created_region: Option<String>,
    destination_account_id: Option<String>,
}

/// The rules whose copies come here; `None` where the organization does not tell this account.
///
/// # Errors
/// Where that could not be read.
pub async fn read(aws: &Aws) -> Result<Option<Vec<Copies>>, Error> {
    match tokio::time::timeout(TIMEOUT, rules(aws)).await {
        Ok(Err(error)) if error.kind == Kind::Denied => Ok(None),
        Ok(rules) => rules.map(Some),
        Err(_) => Err(Error::failed(FAILED).because("there was no answer in time")),
    }
}

async fn rules(aws: &Aws) -> Result<Vec<Copies>, Error> {
    let (mut found, mut input, mut tokens) = (Vec::new(), json!({"AllRegions": true}), Tokens::default());
    loop {
        let page: Page = asked(aws, "ListCentralizationRulesForOrganization", &input).await?;
        for rule in page.centralization_rule_summaries {
            if rule.destination_account_id.as_ref() == Some(&aws.target.account) {
                found.extend(details(aws, rule).await?);
            }
        }
        let Some(token) = tokens.next(page.next_token, FAILED)? else { return Ok(found) };
        input["NextToken"] = json!(token);
    }
}

/// A rule, where its copies or their backup come into this Region. It answers in the Region where it was made.
async fn details(aws: &Aws, rule: Summary) -> Result<Option<Copies>, Error> {
    let elsewhere = rule.created_region.filter(|region| *region != aws.target.region);
    let there = elsewhere.map(|region| aws.in_region(&region));
    let input = json!({"RuleIdentifier": rule.rule_name});
    let found: Value = asked(there.as_ref().unwrap_or(aws), "GetCentralizationRuleForOrganization", &input).await?;
    let destination = &found["CentralizationRule"]["Destination"];
    let logs = &destination["DestinationLogsConfiguration"];
    let regions = [&destination["Region"], &logs["BackupConfiguration"]["Region"]];
    let pattern = logs["LogGroupNameConfiguration"]["LogGroupNamePattern"].as_str().unwrap_or(USUAL);
    Ok(regions.contains(&&json!(aws.target.region)).then(|| Copies::new(rule.rule_name, pattern)))
}

async fn asked<T: DeserializeOwned>(aws: &Aws, path: &str, input: &Value) -> Result<T, Error> {
    let client = aws.signed().await?;
    client.post(SERVICE, path, input).await.map_err(|error| aws.explain_signed(FAILED, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_of_copies_where_the_rule_says_how_they_are_named() {
        let fill = |pattern: &str, group: &str| Copies::new("r".to_owned(), pattern).fill(group);
        let by_account = "/central/${source.accountId}/${source.region}/${source.logGroup}";
        assert_eq!(fill(by_account, "/central/111122223333/eu-west-1//aws/lambda/pay"), Some(true));
        assert_eq!(fill(by_account, "/central/1111/eu-west-1//aws/lambda/pay"), Some(false));
        assert_eq!(fill(by_account, "/aws/lambda/pay"), Some(false));
        assert_eq!(fill("copies.of-${source.org.ouId}", "copiesXof-ou-1"), Some(false));
        assert_eq!(fill("copies.of-${source.org.ouId}", "copies.of-ou-ab12-34"), Some(true));
        assert_eq!(fill(USUAL, "/aws/lambda/pay"), None);
    }
}
