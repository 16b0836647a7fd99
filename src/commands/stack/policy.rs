//! What IAM has to allow.

use logctl_core::{
    auth::AuthMode,
    names::{Function, IndexPrefix, StackName},
};
use serde_json::{Value, json};

use super::Who;
use crate::{
    aws::Target,
    deploy::{DeployedStack, StackSettings},
};

/// Characters that IAM takes of a managed policy, white space not counted:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
pub const MOST: usize = 6_144;

/// Builds ARNs of one account and Region.
struct Names<'a> {
    target: &'a Target,
    stack: &'a StackName,
}

impl Names<'_> {
    /// Of a service whose names know no Region.
    fn global(&self, service: &str, resource: &str) -> String {
        let Target { partition, account, .. } = self.target;
        format!("arn:{partition}:{service}::{account}:{resource}")
    }

    fn bucket(&self, name: &str) -> String {
        format!("arn:{}:s3:::{name}", self.target.partition)
    }

    /// Of things that the stack makes, whose names begin with its own.
    fn ours(&self, service: &str, kind: &str) -> String {
        self.target.arn(service, &format!("{kind}logctl-{}-*", self.stack))
    }

    fn stacks(&self) -> [String; 2] {
        let stack = |name: &str| self.target.arn("cloudformation", &format!("stack/{name}/*"));
        [stack(self.stack.as_str()), stack("logctl-artifacts")]
    }
}

fn allow(sid: &str, actions: &[&str], resources: impl serde::Serialize) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources})
}

/// The policy of somebody. What the stack knows, its domain above all, is named; where there is none, all are.
pub fn of(who: Who, target: &Target, stack: &StackName, deployed: Option<&DeployedStack>) -> Value {
    let names = Names { target, stack };
    let mut statements = reader(&names, deployed);
    if who >= Who::Operator {
        statements.extend(operator(&names, deployed));
    }
    if who >= Who::Deployer {
        statements.extend(deployer(&names, deployed));
    }
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn reader(names: &Names<'_>, deployed: Option<&DeployedStack>) -> Vec<Value> {
    let settings = deployed.map(|stack| &stack.settings);
    let domain = domain(names, deployed);
    let letters = letters(names, deployed);
    let mut statements = vec![
        // A star for what else is to be told of a stack: the longest policy is as long as one may be.
        allow("FindStack", &["cloudformation:DescribeStack*"], names.stacks()),
        allow(
            "ListLogs",
            &[
                "logs:DescribeLogGroups",
                "logs:ListLogGroups",
                "logs:DescribeAccountPolicies",
                "iam:ListAccountAliases",
                "cloudtrail:DescribeTrails",
                "cloudtrail:GetTrailStatus",
                "cloudtrail:GetEventSelectors",
                "cloudtrail:LookupEvents",
                "cloudwatch:GetMetricData",
                "cloudwatch:ListMetrics",
                "observabilityadmin:ListCentralizationRulesForOrganization",
                "observabilityadmin:GetCentralizationRuleForOrganization",
            ],
            "*", // These actions know no resource of ours.
        ),
        allow(
            "ReadLogs",
            &["logs:DescribeSubscriptionFilters", "logs:DescribeLogStreams", "logs:FilterLogEvents"],
            names.target.arn("logs", "log-group:*"),
        ),
        allow(
            "SeeFunctions",
            &["lambda:GetFunctionConcurrency", "lambda:GetFunctionConfiguration", "lambda:GetPolicy"],
            names.target.arn("lambda", "function:logctl-*"),
        ),
        allow(
            "SeeRest",
            // Whether what a filter sends to is there: tags are all that it tells of it.
            &["lambda:GetEventSourceMapping", "lambda:ListTags"],
            ["event-source-mapping:*", "function:*"].map(|resource| names.target.arn("lambda", resource)),
        ),
        allow("SeeRules", &["events:DescribeRule", "events:ListTargetsByRule"], names.ours("events", "rule/")),
        allow(
            "SeeQueues",
            &["sqs:GetQueueAttributes"],
            [
                names.target.arn("sqs", &format!("{}-RuleDeadLetters-*", names.stack)),
                names.target.arn("sqs", &format!("logctl-{}-looks", names.stack)),
            ],
        ),
        allow("SeeDomain", &["es:DescribeDomain"], &domain),
        allow("Search", &["es:ESHttpGet"], format!("{domain}/*")),
        allow("Ask", &["es:ESHttpPost"], [format!("{domain}/*/_search"), format!("{domain}/_msearch")]),
        allow("Letters", &["s3:ListBucket", "s3:GetObject"], [letters.clone(), format!("{letters}/*")]),
    ];
    let Some(settings) = settings else { return statements };
    if settings.auth == AuthMode::Basic {
        statements.push(allow("ReadSecret", &["secretsmanager:GetSecretValue"], &settings.secret));
    }
    if !settings.kms_key.is_empty() {
        statements.push(allow("UseKey", &["kms:Decrypt", "kms:GenerateDataKey"], &settings.kms_key));
    }
    statements
}

/// What the names of the bucket begin with that CloudFormation makes: it writes them in lower case.
fn generated(stack: &StackName) -> String {
    format!("{}-deadletters-*", stack.as_str().to_lowercase())
}

fn domain(names: &Names<'_>, deployed: Option<&DeployedStack>) -> String {
    let domain = deployed.map(|stack| stack.settings.domain_arn.clone()).filter(|arn| !arn.is_empty());
    domain.unwrap_or_else(|| names.target.arn("es", "domain/*"))
}

/// What the names of the indices begin with.
fn prefix(deployed: Option<&DeployedStack>) -> IndexPrefix {
    deployed.map(|stack| stack.settings.prefix.clone()).unwrap_or_default()
}

fn letters(names: &Names<'_>, deployed: Option<&DeployedStack>) -> String {
    let bucket = deployed.and_then(|stack| stack.dead_letters.as_deref());
    bucket.map_or_else(|| names.bucket(&generated(names.stack)), |bucket| names.bucket(bucket))
}

fn operator(names: &Names<'_>, deployed: Option<&DeployedStack>) -> Vec<Value> {
    let (domain, forwarder) = (domain(names, deployed), names.stack.function(Function::Forwarder));
    vec![
        allow(
            "Probe",
            &["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:DeleteLogGroup"],
            names.target.arn("logs", &format!("log-group:{}*", names.stack.probes())),
        ),
        allow("Invoke", &["lambda:InvokeFunction"], names.target.arn("lambda", &format!("function:{forwarder}"))),
        allow("Unprobe", &["es:ESHttpDelete"], format!("{domain}/{}-2*/_doc/*", prefix(deployed))),
        allow(
            "Subscribe",
            &["logs:PutSubscriptionFilter", "logs:DeleteSubscriptionFilter"],
            names.target.arn("logs", "log-group:*"),
        ),
        // The bucket's own policy has to admit them as well: bootstrap --replay-principal.
        allow(
            "Replay",
            &["s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"],
            format!("{}/*", letters(names, deployed)),
        ),
    ]
}

/// What is done with the roles of the functions, whatever bounds them.
const ROLES: &[&str] =
    &["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:Get*", "iam:List*", "iam:TagRole", "iam:UntagRole"];

/// What decides what they may: where the stack has a boundary, only within it.
const BOUND_ROLES: &[&str] =
    &["iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"];

/// Something with the roles, under the path that they have.
fn roles(sid: &str, actions: &[&str], names: &Names<'_>, path: &str) -> Value {
    allow(sid, actions, names.global("iam", &format!("role{path}logctl-{}-*", names.stack)))
}

/// The boundary of a stack, as a condition; nothing where it has none.
fn boundary(settings: Option<&StackSettings>) -> Value {
    match settings.map(|settings| settings.permissions_boundary.as_str()).filter(|arn| !arn.is_empty()) {
        Some(arn) => json!({"StringEquals": {"iam:PermissionsBoundary": arn}}),
        None => Value::Null,
    }
}

/// What is done with roles under a boundary, if there is one: then nobody takes it away.
fn on_bound_roles(boundary: &Value) -> Vec<&'static str> {
    let without = boundary.is_null().then_some("iam:DeleteRolePermissionsBoundary");
    BOUND_ROLES.iter().copied().chain(without).collect()
}

/// The same under a condition.
fn under(mut statement: Value, condition: Value) -> Value {
    if !condition.is_null() {
        statement["Condition"] = condition;
    }
    statement
}

fn deployer(names: &Names<'_>, deployed: Option<&DeployedStack>) -> Vec<Value> {
    let stack = names.stack;
    let settings = deployed.map(|stack| &stack.settings);
    let boundary = boundary(settings);
    let path = settings.map_or("/", |settings| settings.role_path.as_str());
    let mut more = Vec::new();
    if settings.is_some_and(|settings| !settings.subnets.is_empty()) {
        let actions = ["ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"];
        more.push(allow("Network", &actions, "*"));
    }
    if let Some(key) = settings.map(|settings| &settings.kms_key).filter(|key| !key.is_empty()) {
        more.push(allow("GrantTheKey", &["kms:CreateGrant", "kms:DescribeKey", "kms:Encrypt"], key));
    }
    let mut statements = vec![
        allow("Deploy", &["cloudformation:*"], names.stacks()),
        allow(
            "Look",
            &[
                "cloudformation:BatchDescribeTypeConfigurations",
                "cloudformation:DescribeStackDriftDetectionStatus",
                "lambda:GetAccountSettings",
                "secretsmanager:DescribeSecret",
                "logs:DeleteAccountPolicy",
            ],
            "*", // These know no resource of ours.
        ),
        allow(
            "Buckets",
            &["s3:*"],
            // The sign at the end stands for the keys, too.
            [generated(stack), "logctl-artifacts-*".to_owned()].map(|name| names.bucket(&name)),
        ),
        // From here on: what CloudFormation does in their name.
        allow("Functions", &["lambda:*"], names.ours("lambda", "function:")),
        under(
            allow(
                "EventSource",
                &[
                    "lambda:CreateEventSourceMapping",
                    "lambda:DeleteEventSourceMapping",
                    "lambda:UpdateEventSourceMapping",
                ],
                "*", // They have no names before they are made.
            ),
            json!({"ArnLike": {"lambda:FunctionArn": names.ours("lambda", "function:")}}),
        ),
        allow(
            "EventSourceTags",
            &["lambda:TagResource", "lambda:UntagResource"],
            names.target.arn("lambda", "event-source-mapping:*"),
        ),
        roles("Roles", ROLES, names, path),
        under(roles("BoundRoles", &on_bound_roles(&boundary), names, path), boundary.clone()),
        under(
            roles("PassRoles", &["iam:PassRole"], names, path),
            json!({"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}),
        ),
        allow("Rules", &["events:*"], names.ours("events", "rule/")),
        allow(
            "Queues",
            &["sqs:*"],
            [names.target.arn("sqs", &format!("{stack}-RuleDeadLetters-*")), names.ours("sqs", "")],
        ),
        allow("OwnLogGroups", &["logs:*"], names.ours("logs", "log-group:/aws/lambda/")),
        allow(
            "Alarms",
            &["cloudwatch:*"],
            [names.ours("cloudwatch", "alarm:"), names.global("cloudwatch", &format!("dashboard/logctl-{stack}-*"))],
        ),
    ];
    statements.extend(more);
    statements
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::mocked::target;

    #[test]
    fn nobody_takes_a_boundary_away() {
        let arn = "arn:aws:iam::123456789012:policy/bound";
        let bound = StackSettings { permissions_boundary: arn.to_owned(), ..StackSettings::default() };
        assert_eq!(boundary(Some(&bound)), json!({"StringEquals": {"iam:PermissionsBoundary": arn}}));
        for (settings, may) in [(bound, false), (StackSettings::default(), true)] {
            let actions = on_bound_roles(&boundary(Some(&settings)));
            assert_eq!(actions.contains(&"iam:DeleteRolePermissionsBoundary"), may);
            assert!(actions.contains(&"iam:PutRolePolicy"));
        }
    }

    #[test]
    fn whoever_may_more_may_all_that_others_may() {
        let statements = |who| of(who, &target(), &StackName::default(), None)["Statement"].as_array().unwrap().clone();
        let [reader, operator, deployer] = [Who::Reader, Who::Operator, Who::Deployer].map(statements);
        assert!(operator.starts_with(&reader) && deployer.starts_with(&operator));
        assert!(!reader.iter().any(|statement| statement.to_string().contains("Put")), "{reader:?}");
        let longest: StackName = "a234567890123456789012345678901".parse().unwrap();
        let policy = of(Who::Deployer, &target(), &longest, None).to_string();
        assert!(policy.len() <= MOST, "{}", policy.len());
    }
}
