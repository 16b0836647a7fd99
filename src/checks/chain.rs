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

use super::{Check, Status, Stop, admits::admits, preflight::recording};
use crate::{
    aws::{Aws, trail},
    deploy::{DeployedStack, stack::Phase},
    domain::DomainError,
    error::Error,
    words::count,
};

/// How long the domain may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What mends a thing of the stack that is gone or was changed by hand.
pub(super) const REPAIR: &str = "it is part of the stack; put it back with: logctl bootstrap --revert-drift";

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
        let (trail, rule, subscriber, queue, looks, permission, forwarder, redrive, letters, domain) = tokio::join!(
            trail::recording(self.aws),
            self.rule("rule", &created, Function::Subscriber),
            self.function("subscriber", Function::Subscriber),
            self.queue(),
            self.looks(),
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
        for check in [rule, subscriber, queue, looks, permission, forwarder, redrive, letters] {
            checks.push(Stop::settle(check)?);
        }
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
    async fn rule(&self, id: &'static str, name: &str, function: Function) -> Result<Check, Stop> {
        let function = self.aws.function(&self.stack.name.function(function));
        let rule = self.aws.call_signed("events", || self.client.rule(name)).await;
        let rule = self.read(id, &format!("rule {name}"), rule)?;
        let broken = |says: String| Check::new(id, Status::Broken, says);
        let Some(rule) = rule else { return Ok(broken(format!("there is no rule {name}")).hint(REPAIR)) };
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
        Ok(match self.admits(id, &function, "events.", &source).await? {
            Some(true) => Check::ok(id, format!("rule {name} is on and calls its function")),
            Some(false) => broken(format!("rule {name} may not call {function}")).hint(format!(
                "give it back: aws lambda add-permission --region {region} --function-name {function} --statement-id rule \
                 --action lambda:InvokeFunction --principal events.amazonaws.com --source-arn {source}",
                region = self.aws.target.region
            )),
            None => Check::new(id, Status::Unknown, format!("whether rule {name} may call {function} {UNCLEAR}")),
        })
    }

    /// Whether a function is there and able to run.
    async fn function(&self, id: &'static str, function: Function) -> Result<Check, Stop> {
        let name = self.stack.name.function(function);
        let found = self.aws.call_signed("lambda", || self.client.function(&name)).await;
        let broken = |says: String| Check::new(id, Status::Broken, says);
        let Some(found) = self.read(id, &name, found)? else {
            return Ok(broken(format!("there is no function {name}")).hint(REPAIR));
        };
        if !found.is_active() {
            return Ok(broken(format!("{name} is {}", found.state())).hint("see it in the Lambda console"));
        }
        let copies = self.aws.call_signed("lambda", || self.client.reserved_concurrency(&name)).await;
        Ok(match self.read(id, &format!("how many copies of {name} may run"), copies)? {
            Some(0) => broken(format!("{name} may not run: its reserved concurrency is 0")).hint(format!(
                "let it run: aws lambda delete-function-concurrency --region {} --function-name {name}",
                self.aws.target.region
            )),
            _ => Check::ok(id, format!("{name} is there and may run")),
        })
    }

    /// Whether new groups wait because they could not be subscribed.
    async fn queue(&self) -> Result<Check, Stop> {
        const ID: &str = "queue";
        let Some(url) = self.thing(ID, "RuleDeadLetters")? else {
            return Ok(Check::new(ID, Status::Broken, "the queue of what could not be subscribed is gone").hint(REPAIR));
        };
        let depth = self.aws.call_signed("sqs", || self.client.queue_depth(url)).await;
        Ok(match self.read(ID, "the queue", depth)? {
            0 => Check::ok(ID, "no new log group waits to be subscribed"),
            waiting => {
                let says =
                    format!("{} of new log groups could not be handed over or subscribed", count(waiting, "call"));
                Check::new(ID, Status::Warn, says).hint(format!(
                    "subscribe what is there with: logctl backfill; then forget them: aws sqs purge-queue --queue-url {url}"
                ))
            }
        })
    }

    /// Whether new groups are looked at a second time.
    async fn looks(&self) -> Result<Check, Stop> {
        const ID: &str = "looks";
        let gone = || Check::new(ID, Status::Broken, "nothing has new log groups looked at again").hint(REPAIR);
        let Some(id) = self.thing(ID, "LookAgain")? else { return Ok(gone()) };
        let state = self.aws.call_signed("lambda", || self.client.event_source(id)).await;
        Ok(match self.read(ID, "what has log groups looked at again", state)?.as_deref() {
            None => gone(),
            Some("Disabled" | "Disabling") => {
                let hint =
                    if self.stack.settings.rule_enabled { REPAIR } else { "turn it on again with: logctl bootstrap" };
                Check::new(ID, Status::Broken, "new log groups are not looked at again: that is disabled").hint(hint)
            }
            Some(_) => Check::ok(ID, "new log groups are looked at a second time"),
        })
    }

    /// Whether CloudWatch Logs may deliver to the forwarder.
    async fn permission(&self) -> Result<Check, Stop> {
        const ID: &str = "permission";
        let name = self.stack.name.function(Function::Forwarder);
        let source = self.aws.target.arn("logs", "log-group:any:*");
        Ok(match self.admits(ID, &name, "logs.", &source).await? {
            Some(true) => Check::ok(ID, "CloudWatch Logs may deliver to the forwarder"),
            Some(false) => {
                Check::new(ID, Status::Broken, "CloudWatch Logs may not invoke the forwarder, and drops what it has")
                    .hint(self.aws.target.give_back(&name))
            }
            None => Check::new(ID, Status::Unknown, format!("whether CloudWatch Logs may invoke {name} {UNCLEAR}")),
        })
    }

    /// What waits in the bucket.
    async fn letters(&self) -> Result<Check, Stop> {
        const ID: &str = "letters";
        let Some(bucket) = bucket(self.aws, &self.client, self.stack) else {
            return Ok(Check::new(ID, Status::Unknown, "the stack names no bucket of dead letters"));
        };
        let kinds = LetterKind::iter().map(|kind| (kind.to_string(), kind.prefix()));
        let others = [("failed invocation", FAILED_INVOCATIONS), ("set aside", ASIDE)];
        let others = others.map(|(name, prefix)| (name.to_owned(), prefix.to_owned()));
        let mut found = Vec::new();
        for (name, prefix) in kinds.chain(others) {
            let page = self.read(ID, "the dead letters", bucket.list(&prefix, &prefix).await)?;
            if !page.keys.is_empty() {
                let more = if page.next.is_some() { "more than " } else { "" };
                found.push(format!("{more}{} of dead letters ({name})", count(page.keys.len(), "object")));
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
            Err(error) => return Ok(vec![Check::unknown(ID, error)?]),
        };
        let engine = match client.engine().await {
            Ok(engine) => Check::ok(ID, format!("{} runs {engine}", domain.endpoint)),
            Err(error @ DomainError::Denied { .. }) => {
                let says = format!("{error}; the functions may be admitted all the same");
                return Ok(vec![Check::new(ID, Status::Unknown, says)]);
            }
            Err(error @ (DomainError::Unreachable { .. } | DomainError::Timeout { .. }))
                if domain.endpoint.is_in_vpc() =>
            {
                let says = format!("{error}: it lives in a VPC, and the functions may reach it all the same");
                return Ok(vec![Check::new(ID, Status::Unknown, says).hint("look from a host inside of that VPC")]);
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
            Err(error) => Check::unknown("template", error.into())?,
        };
        Ok(vec![engine, template])
    }

    /// Whether a function lets a service invoke it for `source`; `None` where its policy has what is not understood.
    async fn admits(
        &self,
        id: &'static str,
        function: &str,
        service: &str,
        source: &str,
    ) -> Result<Option<bool>, Stop> {
        let policy = self.aws.call_signed("lambda", || self.client.function_policy(function)).await;
        let policy = self.read(id, &format!("who may invoke {function}"), policy)?;
        Ok(policy.map_or(Some(false), |policy| admits(&policy, service, source, &self.aws.target.account)))
    }

    /// What CloudFormation calls a thing of the stack.
    fn thing(&self, id: &'static str, name: &str) -> Result<Option<&String>, Stop> {
        match &self.things {
            Ok(things) => Ok(things.get(name)),
            Err(why) => Err(Stop::At(Check::new(id, Status::Unknown, why))),
        }
    }

    /// What was read. Where it could not be, nothing is known of the link.
    fn read<T>(&self, id: &'static str, what: &str, found: Result<T, AwsError>) -> Result<T, Stop> {
        found.map_err(|error| Stop::unread(id, self.aws.explain_signed(&format!("cannot read {what}"), &error)))
    }
}

/// Why nobody knows whether a function may be invoked.
const UNCLEAR: &str = "is not clear: its policy has a condition that logctl does not know, or denies something";

/// The bucket of dead letters, where the stack names it.
pub(super) fn bucket(aws: &Aws, client: &AwsClient, stack: &DeployedStack) -> Option<Bucket> {
    let name = stack.dead_letters.clone()?;
    Some(Bucket { aws: client.clone(), name, owner: aws.target.account.clone() })
}

/// Whose index template an answer shows.
fn owner(found: &Value) -> Option<&str> {
    found.pointer("/index_templates/0/index_template/_meta/owner")?.as_str()
}
