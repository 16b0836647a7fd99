//! The links of a running chain, in the order in which an event passes them. Nothing is changed.

use std::{collections::HashMap, time::Duration};

use hyper::Method;
use logctl_core::{
    dead_letter::{ASIDE, FAILED_INVOCATIONS, LetterKind},
    names::Function,
};
use logctl_sink::aws::{AwsClient, AwsError, FunctionStatus, Rule, RuleTarget, s3::Bucket};
use serde_json::{Value, json};
use strum::IntoEnumIterator as _;

use super::{Check, Status, Stop, preflight::recording};
use crate::{
    aws::{Aws, Target, admits, trail},
    deploy::{
        DeployedStack,
        stack::{Phase, mend},
    },
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
        if !matches!(self.stack.status.phase, Phase::Stands | Phase::InProgress) {
            return Ok(checks); // What follows from that is nothing to mend.
        }
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
        let broken = |hint: &str| Check::new("stack", Status::Broken, says.clone()).hint(hint);
        match status.phase {
            Phase::Stands if !self.stack.to_apply.is_empty() => {
                Check::new("stack", Status::Broken, "the domain does not admit the stack's roles")
                    .hint("have its administrator apply what logctl stack domain-policy prints, then: logctl bootstrap")
            }
            Phase::Stands if status.name.ends_with("_COMPLETE") => Check::ok("stack", says),
            Phase::Stands => broken("deploy it again with: logctl bootstrap"),
            Phase::InProgress => Check::new("stack", Status::Warn, says).hint("look again when that is done"),
            Phase::Shell => broken("nothing was deployed yet; go on with: logctl bootstrap"),
            Phase::Dead => {
                broken("it has never worked, or goes; remove it with: logctl teardown; then: logctl bootstrap")
            }
            Phase::Damaged => broken(&mend(name)),
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
        let Some(target) = rule.targets.iter().find(|target| target.arn == function) else {
            return Ok(broken(format!("rule {name} does not call {function}")).hint(REPAIR));
        };
        if let Some(what) = self.twisted(id, &rule, target) {
            return Ok(broken(format!("rule {name} {what}")).hint(REPAIR));
        }
        let source = self.aws.target.arn("events", &format!("rule/{name}"));
        let policy = self.policy(id, &function).await?;
        Ok(match admits(&policy, &["events.amazonaws.com".to_owned()], &source, &self.aws.target.account) {
            Some(true) => Check::ok(id, format!("rule {name} is on and calls its function")),
            Some(false) => broken(format!("rule {name} may not call {function}")).hint(format!(
                "give it back: aws lambda add-permission --region {region} --function-name {function} --statement-id rule \
                 --action lambda:InvokeFunction --principal events.amazonaws.com --source-arn {source}",
                region = self.aws.target.region
            )),
            None => Check::new(id, Status::Unknown, format!("whether rule {name} may call {function} {UNCLEAR}")),
        })
    }

    /// What a rule does otherwise than the stack has made it, if anything.
    fn twisted(&self, id: &str, rule: &Rule, target: &RuleTarget) -> Option<String> {
        if target.input_path.is_some() || target.input_transformer.is_some() {
            return Some("hands something else to its function".to_owned());
        }
        if id == "redrive" {
            return match (rule.schedule.as_deref(), target.input.as_deref()) {
                (Some(REDRIVEN), Some("\"redrive\"")) => None,
                (Some(REDRIVEN), _) => Some("hands something else to its function".to_owned()),
                (other, _) => Some(format!("fires at {}, and not at {REDRIVEN}", other.unwrap_or("no time"))),
            };
        }
        if target.input.is_some() {
            return Some("hands something else to its function".to_owned());
        }
        let own: Vec<String> = Function::iter().map(|function| self.stack.name.log_group(function)).collect();
        let detail = json!({
            "eventSource": ["logs.amazonaws.com"], "eventName": ["CreateLogGroup"], "errorCode": [{"exists": false}],
            "requestParameters": {"logGroupName": [{"anything-but": own}]},
        });
        let wanted = json!({"source": ["aws.logs"], "detail-type": ["AWS API Call via CloudTrail"], "detail": detail});
        (rule.pattern.as_ref() != Some(&wanted)).then(|| "looks for something else than new log groups".to_owned())
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
        if let Some(what) = self.changed(function, &found) {
            return Ok(broken(format!("{name} runs with another {what} than the stack has given it")).hint(REPAIR));
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

    /// What of a function is not as the stack has made it, if anything.
    fn changed(&self, function: Function, found: &FunctionStatus) -> Option<String> {
        let other = |(variable, wanted): &&(&str, String)| {
            let actual = found.variable(variable);
            actual.is_some_and(|actual| actual.trim_end_matches('/') != wanted.trim_end_matches('/'))
        };
        if let Some((variable, _)) = self.stack.settings.variables_of(function).iter().find(other) {
            return Some((*variable).to_owned());
        }
        // Before there was that parameter, CloudFormation made the names of the roles.
        let fixed = self.stack.parameters.iter().any(|name| name == "RolePath");
        let role = format!("/logctl-{}-{}-{}", self.stack.name, self.aws.target.region, function.as_ref());
        (fixed && !found.role.ends_with(&role)).then(|| "role".to_owned())
    }

    /// Whether new groups wait because they could not be subscribed.
    async fn queue(&self) -> Result<Check, Stop> {
        const ID: &str = "queue";
        let gone = || Check::new(ID, Status::Broken, "the queue of what could not be subscribed is gone").hint(REPAIR);
        let Some(url) = self.thing(ID, "RuleDeadLetters")? else { return Ok(gone()) };
        let Some(depth) = self.depth(ID, url).await? else { return Ok(gone()) };
        Ok(match depth {
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
        let (Some(id), Some(queue)) = (self.thing(ID, "LookAgain")?, self.thing(ID, "Looks")?) else {
            return Ok(gone());
        };
        let source = self.aws.call_signed("lambda", || self.client.event_source(id)).await;
        let Some(source) = self.read(ID, "what has log groups looked at again", source)? else { return Ok(gone()) };
        if self.depth(ID, queue).await?.is_none() {
            return Ok(gone());
        }
        let broken = |says: String, hint: &str| Check::new(ID, Status::Broken, says).hint(hint);
        if !source.function_arn.ends_with(&format!(":{}", self.stack.name.function(Function::Subscriber))) {
            return Ok(broken("new log groups are looked at again by another function".to_owned(), REPAIR));
        }
        Ok(match source.state.as_str() {
            "Enabled" | "Enabling" | "Creating" | "Updating" => {
                if source.last_processing_result.starts_with("PROBLEM") {
                    let says = format!("new log groups are not looked at again: {}", source.last_processing_result);
                    broken(
                        says,
                        &format!("see its log: aws logs tail {}", self.stack.name.log_group(Function::Subscriber)),
                    )
                } else {
                    Check::ok(ID, "new log groups are looked at a second time")
                }
            }
            state => {
                let hint =
                    if self.stack.settings.rule_enabled { REPAIR } else { "turn it on again with: logctl bootstrap" };
                broken(format!("new log groups are not looked at again: that is {state}"), hint)
            }
        })
    }

    /// How many messages wait in a queue of the stack; `None` where it is gone.
    async fn depth(&self, id: &'static str, url: &str) -> Result<Option<u64>, Stop> {
        let depth = self.aws.call_signed("sqs", || self.client.queue_depth(url)).await;
        let codes = ["QueueDoesNotExist", "NonExistentQueue"]; // Of its two protocols.
        let gone = |error: &AwsError| error.code().is_some_and(|code| codes.iter().any(|gone| code.contains(gone)));
        if depth.as_ref().is_err_and(gone) { Ok(None) } else { self.read(id, "a queue", depth).map(Some) }
    }

    /// Whether CloudWatch Logs may deliver to the forwarder.
    async fn permission(&self) -> Result<Check, Stop> {
        const ID: &str = "permission";
        let name = self.stack.name.function(Function::Forwarder);
        let policy = self.policy(ID, &name).await?;
        let Target { account, .. } = &self.aws.target;
        // Nobody has groups of these names: who admits both admits all.
        let says = ["any", "/zz.9#Z/none_of-ours"].map(|group| {
            let source = self.aws.target.arn("logs", &format!("log-group:{group}:*"));
            admits(&policy, &self.aws.target.logs_principals(), &source, account)
        });
        Ok(if says.contains(&Some(false)) {
            let says = "CloudWatch Logs may not invoke the forwarder for every log group, and drops what it has";
            Check::new(ID, Status::Broken, says).hint(self.aws.target.give_back(&name))
        } else if says.contains(&None) {
            Check::new(ID, Status::Unknown, format!("whether CloudWatch Logs may invoke {name} {UNCLEAR}"))
        } else {
            Check::ok(ID, "CloudWatch Logs may deliver to the forwarder")
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
            Ok(found) if owner(&found) == Some("logctl") => self.template(&found),
            Ok(_) => Check::new("template", Status::Broken, format!("{path} on the domain is of somebody else"))
                .hint("remove it, then: logctl bootstrap --set-up"),
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

    /// Whether the template is as this stack wants it.
    fn template(&self, found: &Value) -> Check {
        let shards = found.pointer("/index_templates/0/index_template/template/settings/index/number_of_shards");
        let (shards, wanted) = (shards.and_then(Value::as_str).unwrap_or("1"), self.stack.settings.shards.to_string());
        if shards == wanted {
            return Check::ok("template", "the index template is installed");
        }
        let says = format!(
            "the index template wants {shards} primary shards, the stack {wanted}: has another stack the same prefix?"
        );
        Check::new("template", Status::Broken, says).hint("have it installed again: logctl bootstrap --set-up")
    }

    /// Who may invoke a function, which must be there.
    async fn policy(&self, id: &'static str, function: &str) -> Result<Value, Stop> {
        let policy = self.aws.call_signed("lambda", || self.client.function_policy(function)).await;
        if let Some(policy) = self.read(id, &format!("who may invoke {function}"), policy)? {
            return Ok(policy);
        }
        // Lambda says the same of a function without a policy and of none.
        let name = function.rsplit(':').next().unwrap_or(function);
        let there = self.aws.call_signed("lambda", || self.client.function(name)).await;
        match self.read(id, name, there)? {
            Some(_) => Ok(Value::Null),
            None => {
                Err(Stop::At(Check::new(id, Status::Unknown, format!("there is no function {name} to be invoked"))))
            }
        }
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

/// When the dead letters are tried again.
const REDRIVEN: &str = "rate(2 minutes)";

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
