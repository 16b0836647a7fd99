//! The service that a log group belongs to.
//!
//! AWS names the groups of its services in ways of their own; the table follows their documentation. A stack may add rules:
//! globs in which `{service}` stands for one part of the name, as in `/acme/{service}/*`.

use wildmatch::WildMatch;

use crate::names::LogGroupName;

/// Rules of a stack, and the table of AWS's names.
#[derive(Debug, Clone, Default)]
pub struct Services {
    rules: Vec<Rule>,
}

/// A rule: what stands before and behind the service.
#[derive(Debug, Clone)]
struct Rule {
    before: WildMatch,
    behind: WildMatch,
}

/// What stands for the service in a rule.
const PLACE: &str = "{service}";

impl Services {
    /// Reads rules that are separated by commas.
    ///
    /// # Errors
    /// One line that names the rule that is wrong.
    pub fn new(rules: &str) -> Result<Self, String> {
        let rules = rules.split(',').map(str::trim).filter(|rule| !rule.is_empty());
        Ok(Self { rules: rules.map(Rule::parse).collect::<Result<_, _>>()? })
    }

    /// The service of a group: what the first rule that matches says, else AWS's naming, else the last part of the name.
    #[must_use]
    pub fn of_group<'g>(&self, group: &'g str) -> &'g str {
        self.rules.iter().find_map(|rule| rule.service(group)).unwrap_or_else(|| of_group(group))
    }
}

impl Rule {
    fn parse(rule: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("the service rule `{rule}` {why}, as in /acme/{PLACE}/*");
        let (before, behind) = rule.split_once(PLACE).ok_or_else(|| wrong("has no {service}"))?;
        if behind.contains(PLACE) {
            return Err(wrong("has {service} twice"));
        }
        let beside = [before.chars().next_back(), behind.chars().next()];
        if beside.into_iter().flatten().any(|sign| !matches!(sign, '/' | '*')) {
            return Err(wrong("can match no group, since {service} is a whole part of a name"));
        }
        let like = rule.replace(PLACE, "x").replace(['*', '?'], "x");
        like.parse::<LogGroupName>().map_err(|why| wrong(&format!("can match no group ({why})")))?;
        Ok(Self { before: WildMatch::new(before), behind: WildMatch::new(behind) })
    }

    /// The part of `group` that stands for the service, if the rest matches.
    fn service<'g>(&self, group: &'g str) -> Option<&'g str> {
        let mut start = 0;
        group.split('/').find(|part| {
            let (begin, end) = (start, start + part.len());
            start = end + 1;
            !part.is_empty() && self.before.matches(&group[..begin]) && self.behind.matches(&group[end..])
        })
    }
}

/// The service by AWS's naming: the function, instance, cluster or API and not the kind of its log.
fn of_group(group: &str) -> &str {
    let parts: Vec<&str> = group.split('/').filter(|part| !part.is_empty()).collect();
    let last = parts.last().copied().unwrap_or(group);
    match *parts.as_slice() {
        // What stands behind the Region that replicates the function.
        ["aws", "lambda", function] => {
            function.split_once('.').filter(|(region, _)| is_region(region)).map_or(function, |(_, name)| name)
        }
        ["aws", "glue", "jobs" | "python-jobs" | "crawlers" | "sessions", ..]
        | ["aws-glue", "jobs" | "python-jobs" | "crawlers" | "sessions", ..] => last_of_glue(&parts),
        ["aws", "ecs" | "OpenSearchService" | "opensearch", "containerinsights" | "domains", name, ..]
        | ["aws", "rds", "instance" | "cluster" | "proxy", name, ..]
        | ["aws", "redshift", "cluster", name, ..]
        | ["aws", "vendedlogs", "states" | "pipes" | "events" | "OpenSearchService", .., name]
        | ["aws", "appsync", "apis", name, ..]
        | ["aws", "amazonmq", "broker", name, ..]
        | ["aws", "sagemaker", _, name, ..]
        | ["aws", "bedrock", .., name]
        | ["sns", _, _, name, ..]
        | ["aws", _, name, ..] => name,
        _ => {
            if let Some(rest) = group.strip_prefix("API-Gateway-Execution-Logs_") {
                return rest.split('/').next().unwrap_or(rest);
            }
            if let Some(name) = group.strip_prefix("aws-waf-logs-") {
                return name;
            }
            last
        }
    }
}

fn last_of_glue<'p>(parts: &[&'p str]) -> &'p str {
    // `/aws-glue/jobs/output`: the kind of a log of all jobs.
    parts.iter().rev().find(|part| !matches!(**part, "output" | "error" | "logs-v2")).copied().unwrap_or("glue")
}

fn is_region(text: &str) -> bool {
    let mut parts = text.split('-');
    let area = parts.next().is_some_and(|area| area.len() == 2);
    area && text.ends_with(|c: char| c.is_ascii_digit()) && parts.count() >= 2
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("/aws/lambda/pay", "pay")]
    #[test_case("/aws/lambda/us-east-1.edge", "edge"; "lambda at the edge")]
    #[test_case("/aws/ecs/orders/api", "orders")]
    #[test_case("/ecs/orders", "orders"; "not of aws")]
    #[test_case("team-a/checkout", "checkout")]
    #[test_case("plain", "plain")]
    #[test_case("/", "/")]
    #[test_case("/aws/rds/instance/shopdb/postgresql", "shopdb"; "rds instance")]
    #[test_case("/aws/rds/cluster/shop/error", "shop"; "rds cluster")]
    #[test_case("/aws/vendedlogs/states/OrderFlow-Logs", "OrderFlow-Logs"; "step functions")]
    #[test_case("/aws/vendedlogs/pipes/orders", "orders"; "pipes")]
    #[test_case("/aws/appsync/apis/abcdefghijklmnop", "abcdefghijklmnop"; "appsync")]
    #[test_case("/aws/ecs/containerinsights/prod/performance", "prod"; "container insights of ecs")]
    #[test_case("/aws/containerinsights/prod/application", "prod"; "container insights of eks")]
    #[test_case("/aws/eks/prod/cluster", "prod"; "eks")]
    #[test_case("API-Gateway-Execution-Logs_a1b2c3d4e5/prod", "a1b2c3d4e5"; "api gateway")]
    #[test_case("sns/us-east-1/000000000000/orders/Failure", "orders"; "sns")]
    #[test_case("/aws/OpenSearchService/domains/logs/application-logs", "logs"; "opensearch")]
    #[test_case("/aws/sagemaker/Endpoints/churn", "churn"; "sagemaker")]
    #[test_case("/aws/amazonmq/broker/b-1234/general", "b-1234"; "mq")]
    #[test_case("/aws-glue/jobs/output", "jobs"; "glue")]
    #[test_case("/aws/codebuild/shop", "shop"; "codebuild")]
    #[test_case("aws-waf-logs-shop", "shop"; "waf")]
    fn by_aws(group: &str, expected: &str) {
        assert_eq!(Services::default().of_group(group), expected);
    }

    #[test]
    fn rules_come_first() {
        let services = Services::new("/acme/{service}/*, */svc-*/{service}").unwrap();
        assert_eq!(services.of_group("/acme/pay/web"), "pay");
        assert_eq!(services.of_group("/x/svc-1/cart"), "cart");
        assert_eq!(services.of_group("/acme/pay"), "pay", "the last part");
        assert_eq!(services.of_group("/aws/lambda/pay"), "pay");
    }

    #[test_case("/acme/*", "the service rule `/acme/*` has no {service}, as in /acme/{service}/*"; "no place")]
    #[test_case("/{service}/{service}", "the service rule `/{service}/{service}` has {service} twice, as in /acme/{service}/*"; "two places")]
    fn rules_that_cannot_be_meant(rule: &str, problem: &str) {
        assert_eq!(Services::new(rule).unwrap_err(), problem);
    }
}
