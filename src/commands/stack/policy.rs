//! What IAM has to allow.

use logctl_core::{
    auth::AuthMode,
    names::{Function, StackName},
};
use serde_json::{Value, json};

use super::Who;
use crate::{aws::Target, deploy::DeployedStack};

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
        allow(
            "FindTheStack",
            &["cloudformation:DescribeStacks", "cloudformation:DescribeStackResources"],
            names.stacks(),
        ),
        allow(
            "ListLogGroups",
            &[
                "logs:DescribeLogGroups",
                "logs:ListLogGroups",
                "logs:DescribeAccountPolicies",
                "iam:ListAccountAliases",
                "cloudtrail:DescribeTrails",
                "cloudtrail:GetTrailStatus",
                "cloudtrail:GetEventSelectors",
            ],
            "*", // These actions know no resource of ours.
        ),
        allow(
            "ReadLogGroups",
            &["logs:DescribeSubscriptionFilters", "logs:DescribeLogStreams", "logs:FilterLogEvents"],
            names.target.arn("logs", "log-group:*"),
        ),
        allow(
            "LookAtTheFunctions",
            &[
                "lambda:ListTags",
                "lambda:GetFunctionConcurrency",
                "lambda:GetFunctionConfiguration",
                "lambda:GetPolicy",
            ],
            names.target.arn("lambda", "function:logctl-*"),
        ),
        allow(
            "LookAtTheEventSource",
            &["lambda:GetEventSourceMapping"],
            names.target.arn("lambda", "event-source-mapping:*"),
        ),
        allow("LookAtTheRules", &["events:DescribeRule", "events:ListTargetsByRule"], names.ours("events", "rule/")),
        allow(
            "LookAtTheQueue",
            &["sqs:GetQueueAttributes"],
            names.target.arn("sqs", &format!("{}-RuleDeadLetters-*", names.stack)),
        ),
        allow("LookAtTheDomain", &["es:DescribeDomain"], &domain),
        allow("Search", &["es:ESHttpGet", "es:ESHttpPost"], format!("{domain}/*")),
        allow("ListDeadLetters", &["s3:ListBucket"], &letters),
        allow("ReadDeadLetters", &["s3:GetObject"], format!("{letters}/*")),
    ];
    let Some(settings) = settings else { return statements };
    if settings.auth == AuthMode::Basic {
        statements.push(allow("ReadNameAndPassword", &["secretsmanager:GetSecretValue"], &settings.secret));
    }
    if !settings.kms_key.is_empty() {
        statements.push(allow("UseTheKey", &["kms:Decrypt", "kms:GenerateDataKey"], &settings.kms_key));
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
        allow(
            "CallTheForwarder",
            &["lambda:InvokeFunction"],
            names.target.arn("lambda", &format!("function:{forwarder}")),
        ),
        allow("CountDeliveries", &["cloudwatch:GetMetricStatistics"], "*"), // It knows no resource.
        allow("RemoveTheProbe", &["es:ESHttpDelete"], format!("{domain}/*/_doc/*")),
        allow(
            "SubscribeLogGroups",
            &["logs:PutSubscriptionFilter", "logs:DeleteSubscriptionFilter"],
            names.target.arn("logs", "log-group:*"),
        ),
        // The bucket's own policy has to admit them as well: bootstrap --replay-principal.
        allow(
            "ReplayDeadLetters",
            &["s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"],
            format!("{}/*", letters(names, deployed)),
        ),
    ]
}

fn deployer(names: &Names<'_>, deployed: Option<&DeployedStack>) -> Vec<Value> {
    let stack = names.stack;
    let settings = deployed.map(|stack| &stack.settings);
    let mut more = Vec::new();
    if settings.is_some_and(|settings| !settings.subnets.is_empty()) {
        let actions = ["ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"];
        more.push(allow("Network", &actions, "*"));
    }
    if let Some(key) = settings.map(|settings| &settings.kms_key).filter(|key| !key.is_empty()) {
        more.push(allow("GrantTheKey", &["kms:CreateGrant", "kms:DescribeKey", "kms:Encrypt"], key));
    }
    let mut statements = vec![
        allow(
            "Deploy",
            &[
                "cloudformation:CreateChangeSet",
                "cloudformation:CreateStack",
                "cloudformation:DeleteChangeSet",
                "cloudformation:DeleteStack",
                "cloudformation:DescribeChangeSet",
                "cloudformation:DescribeEvents",
                "cloudformation:DescribeStackEvents",
                "cloudformation:DescribeStackResourceDrifts",
                "cloudformation:DetectStackDrift",
                "cloudformation:DetectStackResourceDrift",
                "cloudformation:ExecuteChangeSet",
                "cloudformation:ListChangeSets",
                "cloudformation:UpdateStack",
            ],
            names.stacks(),
        ),
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
            [generated(stack), "logctl-artifacts-*".to_owned()]
                .iter()
                .flat_map(|name| [names.bucket(name), names.bucket(&format!("{name}/*"))])
                .collect::<Vec<_>>(),
        ),
        // From here on: what CloudFormation does in their name.
        allow("Functions", &["lambda:*"], names.ours("lambda", "function:")),
        allow(
            "EventSourceMappings",
            &[
                "lambda:CreateEventSourceMapping",
                "lambda:DeleteEventSourceMapping",
                "lambda:GetEventSourceMapping",
                "lambda:UpdateEventSourceMapping",
                "lambda:TagResource",
                "lambda:UntagResource",
            ],
            "*", // They have no names before they are made.
        ),
        allow(
            "Roles",
            &[
                "iam:CreateRole",
                "iam:DeleteRole",
                "iam:DeleteRolePermissionsBoundary",
                "iam:DeleteRolePolicy",
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies",
                "iam:PassRole",
                "iam:PutRolePermissionsBoundary",
                "iam:PutRolePolicy",
                "iam:TagRole",
                "iam:UntagRole",
                "iam:UpdateAssumeRolePolicy",
            ],
            [
                names.global("iam", &format!("role/logctl-{stack}-*")),
                names.global("iam", &format!("role/*/logctl-{stack}-*")),
            ],
        ),
        allow("Rules", &["events:*"], names.ours("events", "rule/")),
        allow(
            "Queues",
            &["sqs:*"],
            [names.target.arn("sqs", &format!("{stack}-RuleDeadLetters-*")), names.ours("sqs", "")],
        ),
        allow(
            "OwnLogGroups",
            &[
                "logs:CreateLogGroup",
                "logs:DeleteLogGroup",
                "logs:PutRetentionPolicy",
                "logs:DeleteRetentionPolicy",
                "logs:AssociateKmsKey",
                "logs:DisassociateKmsKey",
                "logs:ListTagsForResource",
                "logs:TagResource",
                "logs:UntagResource",
            ],
            names.ours("logs", "log-group:/aws/lambda/"),
        ),
        allow(
            "Alarms",
            &[
                "cloudwatch:DeleteAlarms",
                "cloudwatch:DescribeAlarms",
                "cloudwatch:PutMetricAlarm",
                "cloudwatch:ListTagsForResource",
                "cloudwatch:TagResource",
                "cloudwatch:UntagResource",
            ],
            names.ours("cloudwatch", "alarm:"),
        ),
        allow(
            "Dashboard",
            &["cloudwatch:DeleteDashboards", "cloudwatch:GetDashboard", "cloudwatch:PutDashboard"],
            names.global("cloudwatch", &format!("dashboard/logctl-{stack}-*")),
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
    fn whoever_may_more_may_all_that_others_may() {
        let statements = |who| of(who, &target(), &StackName::default(), None)["Statement"].as_array().unwrap().clone();
        let [reader, operator, deployer] = [Who::Reader, Who::Operator, Who::Deployer].map(statements);
        assert!(operator.starts_with(&reader) && deployer.starts_with(&operator));
        assert!(!reader.iter().any(|statement| statement.to_string().contains("Put")), "{reader:?}");
        // IAM takes 6,144 characters of a managed policy, white space not counted.
        let policy = of(Who::Deployer, &target(), &StackName::default(), None).to_string();
        assert!(policy.len() < 6_144, "{}", policy.len());
    }
}
