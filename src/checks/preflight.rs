//! What would make a deployment fail, or useless, before anything is changed.

use std::time::Duration;

use logctl_core::{
    auth::AuthMode,
    domain_arn::DomainArn,
    globs::Rules,
    names::{Function, StackName},
};
use logctl_sink::{aws::DomainStatus, domain::Secret};
use strum::IntoEnumIterator as _;

use super::{Check, Status};
use crate::{
    aws::{
        Aws, groups,
        trail::{self, Recording},
    },
    deploy::StackSettings,
    domain::DomainError,
    error::{Error, Kind},
    words::count,
};

/// How long the domain may take for an answer.
const PATIENCE: Duration = Duration::from_secs(4);
/// Copies of each shard where a domain has a zone in standby: three in all.
const WITH_STANDBY: &str = "0-2";

/// A deployment before it is prepared.
pub struct Preflight<'a> {
    /// Where.
    pub aws: &'a Aws,
    /// Name of the stack.
    pub stack: &'a StackName,
    /// Whether there is no such stack yet.
    pub creates: bool,
    /// Whether somebody has said how many copies there are of each shard.
    pub replicas_typed: bool,
}

impl Preflight<'_> {
    /// Looks at everything. What the account knows better than who typed it is put into `settings`: the full ARN of a secret,
    /// and the copies that a domain wants.
    ///
    /// # Errors
    /// Not logged in; everything else is a check.
    pub async fn run(&self, settings: &mut StackSettings) -> Result<Vec<Check>, Error> {
        let mut checks = vec![Check::ok("identity", format!("{} in {}", self.aws.caller, self.aws.target))];
        checks.extend(self.secret(settings).await?);
        let described = self.described(settings).await?;
        if let Ok(Some(domain)) = &described
            && domain.has_standby()
            && !self.replicas_typed
        {
            WITH_STANDBY.clone_into(&mut settings.replicas);
        }
        let (domain, trail, names, rules) = tokio::join!(
            self.domain(settings, described.as_ref()),
            trail::recording(self.aws),
            self.names(),
            self.rules(settings)
        );
        checks.extend(domain?);
        checks.push(recording(&trail));
        checks.extend(names?);
        checks.push(rules?);
        Ok(checks)
    }

    /// IAM takes the full ARN of a secret only, Secrets Manager a part of it as well.
    async fn secret(&self, settings: &mut StackSettings) -> Result<Option<Check>, Error> {
        const ID: &str = "secret";
        if settings.secret.is_empty() || settings.auth != AuthMode::Basic {
            return Ok(None);
        }
        let client = self.aws.signed().await?;
        let arn = self.aws.call_signed("secretsmanager", || client.secret_arn(&settings.secret)).await;
        match arn {
            Ok(arn) => settings.secret = arn,
            Err(error) if error.code() == Some("ResourceNotFoundException") => {
                let says = format!("there is no secret {} in {}", settings.secret, self.aws.target);
                return Ok(Some(Check::new(ID, Status::Broken, says).hint("name one with --secret")));
            }
            Err(error) => {
                let error = unless_logged_out(self.aws.explain_signed("cannot read the secret's ARN", &error))?;
                let check = Check::new(ID, Status::Unknown, error.one_line());
                return Ok(Some(check.hint("IAM takes its full ARN only, with the six signs at its end")));
            }
        }
        let host = settings.endpoint.as_ref().map_or("", |endpoint| endpoint.host());
        let secret = Secret::new(client, settings.secret.clone(), host);
        Ok(Some(match self.aws.call_signed("secretsmanager", || secret.is_bound()).await {
            Ok(true) => Check::ok(ID, format!("{} is of {host}", settings.secret)),
            Ok(false) => Check::new(ID, Status::Warn, "the secret does not say of which host it is")
                .hint(format!("add \"host\": \"{host}\" beside its password: then no other host is ever told it")),
            Err(error) if error.code().is_none() => Check::new(ID, Status::Broken, error.to_string()),
            Err(error) => {
                let error = unless_logged_out(self.aws.explain_signed("cannot read the secret", &error))?;
                Check::new(ID, Status::Unknown, error.one_line())
            }
        }))
    }

    /// The domain as AWS knows it, where it is one of this account.
    async fn described(&self, settings: &StackSettings) -> Result<Result<Option<DomainStatus>, Error>, Error> {
        let Ok(arn) = settings.domain_arn.parse::<DomainArn>() else { return Ok(Ok(None)) };
        if arn.account != self.aws.target.account {
            return Ok(Ok(None));
        }
        let there = self.aws.in_region(&arn.region);
        let client = there.signed().await?;
        match there.call_signed("es", || client.domain(&arn.name)).await {
            Ok(domain) => Ok(Ok(Some(domain))),
            Err(error) => {
                let error = there.explain_signed(&format!("cannot look at domain {}", arn.name), &error);
                unless_logged_out(error).map(Err)
            }
        }
    }

    /// Whether the domain answers, what it runs, and whether it is the one of the ARN.
    async fn domain(
        &self,
        settings: &StackSettings,
        described: Result<&Option<DomainStatus>, &Error>,
    ) -> Result<Vec<Check>, Error> {
        const ID: &str = "domain";
        let (Some(domain), Some(endpoint)) = (settings.domain(), settings.endpoint.as_ref()) else {
            return Ok(Vec::new());
        };
        let mut checks = Vec::new();
        checks.push(match domain.client(self.aws, PATIENCE).await?.engine().await {
            Ok(engine) if engine.is_too_old() => Check::new(
                ID,
                Status::Broken,
                format!("{endpoint} runs {engine}, which has no index templates of today"),
            )
            .hint("logctl needs OpenSearch, or Elasticsearch 7.8 or later"),
            Ok(engine) => Check::ok(ID, format!("{endpoint} runs {engine}")),
            // The functions' roles count, not the caller's.
            Err(DomainError::Denied { .. }) if settings.auth == AuthMode::SigV4 => {
                Check::ok(ID, format!("{endpoint} answers; it does not admit you, and that does not matter"))
            }
            Err(error @ DomainError::Denied { .. }) => Check::new(ID, Status::Broken, Error::from(error).one_line())
                .hint("a domain of AWS under a name of your own wants --auth sigv4 and --domain-arn"),
            Err(error @ (DomainError::Unreachable { .. } | DomainError::Timeout { .. })) if endpoint.is_in_vpc() => {
                Check::new(
                    ID,
                    Status::Warn,
                    format!("{error}: it lives in a VPC, and the stack looks for it from there"),
                )
            }
            Err(error @ (DomainError::Unreachable { .. } | DomainError::Timeout { .. })) => {
                Check::new(ID, Status::Warn, format!("{error}; the stack looks for it from inside the account"))
            }
            Err(error) => {
                let error = Error::from(error);
                let check = Check::new(ID, Status::Broken, error.one_line());
                error.hints.first().map_or(check.clone(), |hint| check.hint(hint.as_str()))
            }
        });
        match described {
            Ok(Some(described)) => {
                let hosts: Vec<&str> = described.hosts().collect();
                if endpoint.signed_for().is_some() && !hosts.is_empty() && !hosts.contains(&endpoint.host()) {
                    let says =
                        format!("the ARN is of a domain that answers at {}, not at {endpoint}", hosts.join(", "));
                    checks.push(Check::new(ID, Status::Broken, says).hint("give both of the same domain"));
                }
                if described.has_standby() {
                    let says = format!("the domain has a zone in standby: copies {}", settings.replicas);
                    checks.push(Check::ok("standby", says));
                }
                if described.is_fine_grained() {
                    checks.push(Check::new(
                        "access",
                        Status::Warn,
                        "the domain has roles of its own; if it does not admit the stack's, the outcome says what to apply",
                    ));
                }
            }
            Ok(None) => {}
            Err(error) => checks.push(
                Check::new("standby", Status::Unknown, error.one_line())
                    .hint("if the domain has a zone in standby, add --replicas 0-2"),
            ),
        }
        Ok(checks)
    }

    /// Names that the stack would give, and that are taken.
    async fn names(&self) -> Result<Option<Check>, Error> {
        const ID: &str = "names";
        if !self.creates {
            return Ok(None);
        }
        let client = self.aws.signed().await?;
        for function in Function::iter() {
            let name = self.stack.function(function);
            let tags = || client.function_tags(&self.aws.target.account, &name);
            if let Ok(Some(_)) = self.aws.call_signed("lambda", tags).await {
                let says = format!("there is a function {name} that no stack {} owns", self.stack);
                return Ok(Some(Check::new(ID, Status::Broken, says).hint(format!(
                    "delete it (aws lambda delete-function --function-name {name}), or take another --stack"
                ))));
            }
        }
        let groups: Vec<String> =
            Function::iter().map(|function| format!("/aws/lambda/{}", self.stack.function(function))).collect();
        let found = match groups::first(self.aws, &format!("/aws/lambda/logctl-{}-", self.stack)).await {
            Ok((found, _)) => found,
            Err(error) => {
                let error = unless_logged_out(error)?;
                return Ok(Some(Check::new(ID, Status::Unknown, error.one_line())));
            }
        };
        Ok(Some(match found.iter().find(|group| groups.contains(&group.name)) {
            Some(group) => {
                let says = format!("there is a log group {} already, and the stack makes its own", group.name);
                let remove = format!("aws logs delete-log-group --log-group-name {}", group.name);
                Check::new(ID, Status::Broken, says)
                    .hint(format!("a removed stack may have left it; delete it: {remove}"))
            }
            None => Check::ok(ID, "the names of the stack are free"),
        }))
    }

    /// How many of today's groups the stack would stream.
    async fn rules(&self, settings: &StackSettings) -> Result<Check, Error> {
        const ID: &str = "rules";
        let names = match groups::names(self.aws).await {
            Ok(names) => names,
            Err(error) => return Ok(Check::new(ID, Status::Unknown, unless_logged_out(error)?.one_line())),
        };
        let rules: Rules = settings.rules();
        let taken = names.iter().filter(|name| rules.check(name).is_ok()).count();
        let says = format!("{taken} of {} match the rules", count(names.len(), "log group"));
        Ok(if taken == 0 && !names.is_empty() {
            Check::new(ID, Status::Warn, says).hint("see --include and --exclude")
        } else {
            Check::ok(ID, says)
        })
    }
}

/// What is not known for want of credentials ends the run.
fn unless_logged_out(error: Error) -> Result<Error, Error> {
    if error.kind == Kind::LoggedOut { Err(error) } else { Ok(error) }
}

fn recording(trail: &Recording) -> Check {
    const ID: &str = "trail";
    match trail {
        Recording::By(name) => Check::ok(ID, format!("trail {name} tells of new log groups")),
        Recording::None => Check::new(
            ID,
            Status::Warn,
            "no CloudTrail trail records management events in this Region, so the rule will never fire",
        )
        .hint("create a trail, or run logctl backfill from time to time"),
        Recording::Unknown => {
            Check::new(ID, Status::Unknown, "cannot tell whether a CloudTrail trail records management events here")
        }
    }
}
