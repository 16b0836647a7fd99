//! The links of a running chain, in the order in which an event passes them. Nothing is changed.

use std::{collections::HashMap, time::Duration};

use hyper::Method;
use logctl_core::{
    dead_letter::{ASIDE, FAILED_INVOCATIONS, LetterKind},
    names::Function,
};
use logctl_sink::aws::{AwsClient, AwsError, s3::Bucket};
use serde_json::Value;
use strum::IntoEnumIterator as _;
use wildmatch::WildMatch;

use super::{Check, Status, preflight::recording};
use crate::{
    aws::{Aws, trail},
    deploy::{DeployedStack, stack::Phase},
    domain::DomainError,
    error::Error,
    words::count,
};

/// How long the domain may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A chain that was deployed.
pub struct Chain<'a> {
    aws: &'a Aws,
    stack: &'a DeployedStack,
    client: AwsClient,
    /// What CloudFormation calls the things of the stack: logical name → physical name.
    things: Result<HashMap<String, String>, String>,
}

impl<'a> Chain<'a> {
    /// The chain of a stack.
    ///
    /// # Errors
    /// When nobody is logged in.
    pub async fn new(aws: &'a Aws, stack: &'a DeployedStack) -> Result<Self, Error> {
        let cloudformation = aws.cloudformation();
        let describe = || cloudformation.describe_stack_resources().stack_name(&stack.id).send();
        let things = match aws.call("cloudformation", describe).await {
            Ok(found) => Ok(found.stack_resources.unwrap_or_default()),
            Err(error) => {
                Err(aws.explain("cannot read what the stack is made of", &error).unless_logged_out()?.one_line())
            }
        };
        let pair = |thing: aws_sdk_cloudformation::types::StackResource| {
            Some((thing.logical_resource_id?, thing.physical_resource_id?))
        };
        let things = things.map(|things| things.into_iter().filter_map(pair).collect());
        Ok(Self { aws, stack, client: aws.signed().await?, things })
    }

    /// Looks at the links.
    ///
    /// # Errors
    /// Not logged in; everything else is a check.
    pub async fn run(&self) -> Result<Vec<Check>, Error> {
        let (created, redriven) = (self.stack.name.rule(), self.stack.name.redrive_rule());
        let mut checks = vec![self.stack()];
        let (trail, rule, subscriber, queue, permission, forwarder, redrive, letters, domain) = tokio::join!(
            trail::recording(self.aws),
            self.rule("rule", &created, Function::Subscriber),
            self.function("subscriber", Function::Subscriber),
            self.queue(),
            self.permission(),
            self.function("forwarder", Function::Forwarder),
            self.rule("redrive", &redriven, Function::Forwarder),
            self.letters(),
            self.domain()
        );
        checks.push(match recording(&trail?) {
            // Here it is no warning: the rule waits for what never comes.
            check if check.status == Status::Warn => Check { status: Status::Broken, ..check },
            check => check,
        });
        checks.extend([rule?, subscriber?, queue?, permission?, forwarder?, redrive?, letters?]);
        checks.extend(domain?);
        Ok(checks)
    }

    /// Whether the stack stands, and the domain admits it.
    #[must_use]
    pub fn stack(&self) -> Check {
        let DeployedStack { name, status, .. } = self.stack;
        let says = format!("stack {name} is {}", status.name);
        match status.phase {
            Phase::Stands if self.stack.to_apply.is_empty() => Check::ok("stack", says),
            Phase::Stands => Check::new("stack", Status::Broken, "the domain does not admit the stack's roles")
                .hint("have its administrator apply what logctl stack domain-policy prints, then: logctl bootstrap"),
            Phase::InProgress => Check::new("stack", Status::Warn, says).hint("look again when that is done"),
            _ => Check::new("stack", Status::Broken, says).hint("see its events in the CloudFormation console"),
        }
    }

    /// Whether a rule is on and calls its function, which must let it.
    async fn rule(&self, id: &'static str, name: &str, function: Function) -> Result<Check, Error> {
        let function = self.aws.function(&self.stack.name.function(function));
        let found = self.aws.call_signed("events", || self.client.rule(name)).await;
        let Some(rule) = self.known(id, &format!("rule {name}"), found)? else {
            return Ok(Check::new(id, Status::Broken, format!("there is no rule {name}")).hint(REPAIR));
        };
        let rule = match rule {
            Ok(rule) => rule,
            Err(check) => return Ok(check),
        };
        let broken = |says: String| Check::new(id, Status::Broken, says);
        if !rule.enabled {
            // A stack that was told so turns it on by itself; somebody's hand is undone on request only.
            let told = id == "rule" && !self.stack.settings.rule_enabled;
            let hint = if told { "turn it on again with: logctl bootstrap" } else { REPAIR };
            return Ok(broken(format!("rule {name} is disabled")).hint(hint));
        }
        if !rule.targets.contains(&function) {
            return Ok(broken(format!("rule {name} does not call {function}")).hint(REPAIR));
        }
        let source = self.aws.target.arn("events", &format!("rule/{name}"));
        match self.admits(&function, "events.", &source).await? {
            Some(true) => Ok(Check::ok(id, format!("rule {name} is on and calls its function"))),
            Some(false) => Ok(broken(format!("rule {name} may not call {function}")).hint(format!(
                "give it back: aws lambda add-permission --region {region} --function-name {function} --statement-id rule \
                 --action lambda:InvokeFunction --principal events.amazonaws.com --source-arn {source}",
                region = self.aws.target.region
            ))),
            None => {
                Ok(Check::new(id, Status::Unknown, format!("cannot read whether rule {name} may call its function")))
            }
        }
    }

    /// Whether a function is there and able to run.
    async fn function(&self, id: &'static str, function: Function) -> Result<Check, Error> {
        let name = self.stack.name.function(function);
        let found = self.aws.call_signed("lambda", || self.client.function(&name)).await;
        let Some(found) = self.known(id, &name, found)? else {
            return Ok(Check::new(id, Status::Broken, format!("there is no function {name}")).hint(REPAIR));
        };
        Ok(match found {
            Ok(found) if !found.is_active() => Check::new(id, Status::Broken, format!("{name} is {}", found.state()))
                .hint("see it in the Lambda console"),
            Ok(_) => Check::ok(id, format!("{name} is there")),
            Err(check) => check,
        })
    }

    /// Whether new groups wait because they could not be subscribed.
    async fn queue(&self) -> Result<Check, Error> {
        const ID: &str = "queue";
        let url = match &self.things {
            Ok(things) => things.get("RuleDeadLetters"),
            Err(why) => return Ok(Check::new(ID, Status::Unknown, why)),
        };
        let Some(url) = url else {
            return Ok(Check::new(ID, Status::Broken, "the queue of what could not be subscribed is gone").hint(REPAIR));
        };
        match self.aws.call_signed("sqs", || self.client.queue_depth(url)).await {
            Ok(0) => Ok(Check::ok(ID, "no new log group waits to be subscribed")),
            Ok(waiting) => {
                let says =
                    format!("{} of new log groups could not be handed over or subscribed", count(waiting, "call"));
                Ok(Check::new(ID, Status::Warn, says).hint(format!(
                    "subscribe what is there with: logctl backfill; then forget them: aws sqs purge-queue --queue-url {url}"
                )))
            }
            Err(error) => self.unknown(ID, "cannot read the queue", &error),
        }
    }

    /// Whether CloudWatch Logs may deliver to the forwarder.
    async fn permission(&self) -> Result<Check, Error> {
        const ID: &str = "permission";
        let name = self.stack.name.function(Function::Forwarder);
        let source = self.aws.target.arn("logs", "log-group:any:*");
        Ok(match self.admits(&name, "logs.", &source).await? {
            Some(true) => Check::ok(ID, "CloudWatch Logs may deliver to the forwarder"),
            Some(false) => {
                Check::new(ID, Status::Broken, "CloudWatch Logs may not invoke the forwarder, and drops what it has")
                    .hint(self.aws.target.give_back(&name))
            }
            None => Check::new(ID, Status::Unknown, "cannot read who may invoke the forwarder"),
        })
    }

    /// What waits in the bucket.
    async fn letters(&self) -> Result<Check, Error> {
        const ID: &str = "letters";
        let Some(name) = &self.stack.dead_letters else {
            return Ok(Check::new(ID, Status::Unknown, "the stack names no bucket of dead letters"));
        };
        let owner = self.aws.target.account.clone();
        let bucket = Bucket { aws: self.client.clone(), name: name.clone(), owner };
        let kinds = LetterKind::iter().map(|kind| (kind.to_string(), kind.prefix()));
        let others = [("failed invocation", FAILED_INVOCATIONS), ("set aside", ASIDE)];
        let others = others.map(|(name, prefix)| (name.to_owned(), prefix.to_owned()));
        let mut found = Vec::new();
        for (name, prefix) in kinds.chain(others) {
            match bucket.list(&prefix, &prefix).await {
                Ok(page) if page.keys.is_empty() => {}
                Ok(page) => {
                    let more = if page.next.is_some() { "more than " } else { "" };
                    found.push(format!("{more}{} of dead letters ({name})", count(page.keys.len(), "object")));
                }
                Err(error) => return self.unknown(ID, "cannot list the dead letters", &error),
            }
        }
        Ok(if found.is_empty() {
            Check::ok(ID, "no dead letter waits")
        } else {
            Check::new(ID, Status::Warn, found.join(", ")).hint("see why with: logctl replay --dry-run")
        })
    }

    /// Whether the domain answers and has the template.
    async fn domain(&self) -> Result<Vec<Check>, Error> {
        const ID: &str = "domain";
        let Some(domain) = self.stack.settings.domain() else {
            return Ok(vec![
                Check::new(ID, Status::Broken, "the stack names no domain").hint("logctl bootstrap --endpoint URL"),
            ]);
        };
        let client = match domain.client(self.aws, PATIENCE).await {
            Ok(client) => client,
            Err(error) => return Ok(vec![Check::new(ID, Status::Unknown, error.unless_logged_out()?.one_line())]),
        };
        let engine = match client.engine().await {
            Ok(engine) => Check::ok(ID, format!("{} runs {engine}", domain.endpoint)),
            Err(error @ DomainError::Denied { .. }) => {
                return Ok(vec![Check::new(
                    ID,
                    Status::Unknown,
                    format!("{error}; the functions may be admitted all the same"),
                )]);
            }
            Err(error) => {
                let error = Error::from(error);
                let check = Check::new(ID, Status::Broken, error.one_line());
                let hint = error.hints.first().map(String::as_str);
                return Ok(vec![hint.map_or(check.clone(), |hint| check.hint(hint))]);
            }
        };
        let path = format!("/_index_template/logctl-{}", self.stack.settings.prefix);
        let template = match client.send(Method::GET, &path, None).await {
            Ok(found) if owner(&found) == Some("logctl") => Check::ok("template", "the index template is installed"),
            Ok(_) => Check::new("template", Status::Broken, format!("{path} on the domain is of somebody else"))
                .hint("remove it, or take another --index-prefix; then: logctl bootstrap"),
            Err(DomainError::Refused { status: 404, .. }) => Check::new(
                "template",
                Status::Broken,
                format!("the domain has no {path}: new indices have no mapping of ours"),
            )
            .hint("have it installed again: logctl bootstrap --set-up"),
            Err(error) => Check::new("template", Status::Unknown, Error::from(error).one_line()),
        };
        Ok(vec![engine, template])
    }

    /// Whether a function lets a service invoke it for `source`; `None` where that cannot be read.
    async fn admits(&self, function: &str, service: &str, source: &str) -> Result<Option<bool>, Error> {
        match self.aws.call_signed("lambda", || self.client.function_policy(function)).await {
            Ok(policy) => {
                Ok(Some(policy.is_some_and(|policy| admits(&policy, service, source, &self.aws.target.account))))
            }
            Err(error) => {
                self.aws.explain_signed("cannot read a function's policy", &error).unless_logged_out()?;
                Ok(None)
            }
        }
    }

    /// What was found, a check where it could not be read, `None` where it is not there.
    fn known<T>(
        &self,
        id: &'static str,
        what: &str,
        found: Result<Option<T>, AwsError>,
    ) -> Result<Option<Result<T, Check>>, Error> {
        match found {
            Ok(found) => Ok(found.map(Ok)),
            Err(error) => Ok(Some(Err(self.unknown(id, &format!("cannot read {what}"), &error)?))),
        }
    }

    fn unknown(&self, id: &'static str, what: &str, error: &AwsError) -> Result<Check, Error> {
        let error = self.aws.explain_signed(what, error).unless_logged_out()?;
        Ok(Check::new(id, Status::Unknown, error.one_line()))
    }
}

/// What mends a thing of the stack that is gone or was changed by hand.
const REPAIR: &str = "it is part of the stack; put it back with: logctl bootstrap --revert-drift";

/// Whose index template an answer shows.
fn owner(found: &Value) -> Option<&str> {
    found.pointer("/index_templates/0/index_template/_meta/owner")?.as_str()
}

/// Whether a function's policy lets a service invoke it for `source`.
fn admits(policy: &Value, service: &str, source: &str, account: &str) -> bool {
    let statements = policy["Statement"].as_array().map(Vec::as_slice).unwrap_or_default();
    statements.iter().any(|statement| {
        let principal = statement.pointer("/Principal/Service").or(statement.get("Principal")).and_then(Value::as_str);
        let conditions = statement["Condition"].as_object();
        let mut pairs = conditions.into_iter().flat_map(|all| all.values().filter_map(Value::as_object).flatten());
        statement["Effect"] == "Allow"
            && principal.is_some_and(|principal| principal == "*" || principal.starts_with(service))
            && pairs.all(|(key, wanted)| match (key.to_lowercase().as_str(), wanted.as_str()) {
                ("aws:sourcearn", Some(pattern)) => WildMatch::new(pattern).matches(source),
                ("aws:sourceaccount", Some(id)) => id == account,
                _ => true,
            })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_permission_counts_for_its_source_alone() {
        let statement = |principal: &str, source: &str| {
            json!({"Statement": [{"Effect": "Allow", "Principal": {"Service": principal}, "Condition": {
                "ArnLike": {"AWS:SourceArn": source}, "StringEquals": {"AWS:SourceAccount": "1"}}}]})
        };
        let ours = "arn:aws:logs:eu-west-1:1:log-group:any:*";
        let admits = |policy: &Value| admits(policy, "logs.", ours, "1");
        assert!(admits(&statement("logs.amazonaws.com", "arn:aws:logs:eu-west-1:1:log-group:*")));
        assert!(!admits(&statement("events.amazonaws.com", "arn:aws:logs:eu-west-1:1:log-group:*")));
        assert!(!admits(&statement("logs.amazonaws.com", "arn:aws:logs:us-east-1:1:log-group:*")));
        assert!(!admits(&json!({"Statement": []})));
    }
}
