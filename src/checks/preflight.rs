//! What would make a deployment fail, or useless, before anything is changed.

use std::time::Duration;

use jiff::Timestamp;
use logctl_core::{
    auth::AuthMode,
    domain_arn::DomainArn,
    globs::Rules,
    index_name::Period,
    names::{Function, StackName},
};
use logctl_sink::{
    aws::{AwsError, DomainStatus},
    domain::Secret,
};
use strum::IntoEnumIterator as _;

use super::{Check, Status};
use crate::{
    aws::{
        Aws, groups, metrics,
        trail::{self, Recording},
    },
    deploy::{
        StackSettings,
        cost::{Cost, GB},
        settings::MAX_ENVIRONMENT,
    },
    domain::DomainError,
    error::Error,
    words::{all, count},
};

/// How long the domain may take for an answer.
const PATIENCE: Duration = Duration::from_secs(4);
/// Copies that an account has to leave to functions for which none are set apart:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html>.
const LEFT_FOR_ALL: u64 = 100;
/// Copies of each shard where a domain has a zone in standby: three in all.
const WITH_STANDBY: &str = "0-2";

/// A deployment before it is prepared.
pub struct Preflight<'a> {
    /// Where.
    pub aws: &'a Aws,
    /// Name of the stack.
    pub stack: &'a StackName,
    /// What it was told before; nothing where there is none yet.
    pub before: Option<&'a StackSettings>,
    /// Whether somebody has said how many copies there are of each shard.
    pub replicas_typed: bool,
    /// When the run began.
    pub now: Timestamp,
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
            && !in_threes(&settings.replicas)
        {
            WITH_STANDBY.clone_into(&mut settings.replicas);
        }
        let (domain, trail, names, rules, volume) = tokio::join!(
            self.domain(settings, described.as_ref()),
            trail::recording(self.aws),
            self.names(),
            self.rules(settings),
            self.volume(settings)
        );
        checks.extend(domain?);
        checks.push(recording(&trail?));
        checks.extend(names?);
        checks.push(rules?);
        checks.push(volume?);
        checks.extend(self.concurrency(settings).await?);
        checks.extend(self.redaction(settings));
        let sizes: Vec<String> =
            settings.environments().map(|(function, bytes)| format!("{function} {bytes}")).collect();
        let says = format!("the environments of the functions have {} bytes, of {MAX_ENVIRONMENT}", all(&sizes));
        checks.push(Check::ok("environment", says));
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
                let check = Check::unknown(ID, self.aws.explain_signed("cannot read the secret's ARN", &error))?;
                return Ok(Some(check.hint("IAM takes its full ARN only, with the six signs at its end")));
            }
        }
        let host = settings.endpoint.as_ref().map_or("", |endpoint| endpoint.host());
        let secret = Secret::new(client, settings.secret.clone(), host);
        Ok(Some(match self.aws.call_signed("secretsmanager", || secret.is_bound()).await {
            Ok(true) => Check::ok(ID, format!("{} is of {host}", settings.secret)),
            Ok(false) => Check::new(ID, Status::Warn, "the secret does not say of which host it is")
                .hint(format!("add \"host\": \"{host}\" beside its password: then no other host is ever told it")),
            Err(error @ AwsError::Request(_)) => Check::new(ID, Status::Broken, error.to_string()),
            Err(error) => Check::unknown(ID, self.aws.explain_signed("cannot read the secret", &error))?,
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
                error.unless_logged_out().map(Err)
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
        let client = match domain.client(self.aws, PATIENCE).await {
            Ok(client) => client,
            // What the functions may read is not what the caller may.
            Err(error) => return Ok(vec![Check::unknown(ID, error)?]),
        };
        checks.push(match client.engine().await {
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
        if self.before.is_some() {
            return Ok(None);
        }
        let client = self.aws.signed().await?;
        for function in Function::iter() {
            let name = self.stack.function(function);
            let tags = || client.function_tags(&self.aws.target.account, &name);
            let found = match self.aws.call_signed("lambda", tags).await {
                Ok(found) => found,
                Err(error) => {
                    let error = self.aws.explain_signed(&format!("cannot tell whether {name} is free"), &error);
                    return Check::unknown(ID, error).map(Some);
                }
            };
            if found.is_some() {
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
            Err(error) => return Check::unknown(ID, error).map(Some),
        };
        Ok(Some(match found.iter().find(|(group, _)| groups.contains(&group.name)) {
            Some((group, _)) => {
                let says = format!("there is a log group {} already, and the stack makes its own", group.name);
                let remove = format!("aws logs delete-log-group --log-group-name {}", group.name);
                Check::new(ID, Status::Broken, says)
                    .hint(format!("a removed stack may have left it; delete it: {remove}"))
            }
            None => Check::ok(ID, "the names of its functions and log groups are free"),
        }))
    }

    /// Whether the account can set as many copies of the forwarder apart.
    async fn concurrency(&self, settings: &StackSettings) -> Result<Option<Check>, Error> {
        const ID: &str = "concurrency";
        let wanted = settings.reserved_concurrency;
        if wanted == 0 {
            return Ok(None);
        }
        let client = self.aws.signed().await?;
        let free = match self.aws.call_signed("lambda", || client.unreserved_concurrency()).await {
            Ok(unreserved) => unreserved.saturating_sub(LEFT_FOR_ALL),
            Err(error) => {
                let error = self.aws.explain_signed("cannot read how many copies may run", &error);
                return Check::unknown(ID, error).map(Some);
            }
        };
        // What a stack has set apart already is its own.
        let before = self.before.map_or(0, |before| before.reserved_concurrency);
        Ok(Some(if wanted.saturating_sub(before) > free {
            let says = format!("{wanted} copies cannot be set apart: {free} more are free in {}", self.aws.target);
            Check::new(ID, Status::Broken, says).hint("lower --reserved-concurrency, or leave it out")
        } else {
            Check::ok(ID, format!("{wanted} copies of the forwarder are set apart, {free} are free"))
        }))
    }

    /// What was redacted, and is no longer.
    fn redaction(&self, settings: &StackSettings) -> Option<Check> {
        let before = self.before?;
        let gone = |before: &str, now: &str, sign: char| -> Vec<String> {
            let kept: Vec<&str> = now.split(sign).collect();
            before.split(sign).filter(|name| !name.is_empty() && !kept.contains(name)).map(str::to_owned).collect()
        };
        let mut gone_now = gone(&before.redact, &settings.redact, ',');
        gone_now.extend(gone(&before.redact_patterns, &settings.redact_patterns, '\n'));
        (!gone_now.is_empty()).then(|| {
            Check::new("redaction", Status::Warn, format!("no longer redacted: {}", all(&gone_now)))
                .hint("--redact and --redact-pattern name all that is redacted from now on")
        })
    }

    /// How many of today's groups the stack would stream.
    async fn rules(&self, settings: &StackSettings) -> Result<Check, Error> {
        const ID: &str = "rules";
        let groups = match groups::list(self.aws, &[], &()).await {
            Ok(groups) => groups,
            Err(error) => return Check::unknown(ID, error),
        };
        let rules: Rules = settings.rules();
        let taken = groups.iter().filter(|group| rules.check(&group.name).is_ok()).count();
        let says = format!("{taken} of {} match the rules", count(groups.len(), "log group"));
        Ok(if taken == 0 && !groups.is_empty() {
            Check::new(ID, Status::Warn, says).hint("see --include and --exclude")
        } else {
            Check::ok(ID, says)
        })
    }
}

/// Below this many GB a day an index may cover a week.
const FEW: f64 = 10.0;
/// GB of an index that one primary shard holds well.
const OF_A_SHARD: f64 = 40.0;
impl Preflight<'_> {
    /// How much is logged, what kind of index fits that, and what it costs.
    async fn volume(&self, settings: &StackSettings) -> Result<Check, Error> {
        const ID: &str = "volume";
        let bytes = match metrics::incoming_bytes_a_day(self.aws, self.now).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Check::ok(ID, "CloudWatch has no figure yet of how much is logged")),
            Err(error) => return Check::unknown(ID, error),
        };
        let gb = bytes / GB;
        let check = Check::ok(ID, volume(gb, &settings.replicas));
        let wanted = (gb * f64::from(settings.period.days()) / OF_A_SHARD).ceil().max(1.0);
        Ok(match settings.period {
            Period::Day if gb < FEW => check.hint("so little fits weekly indices: --index-period week"),
            Period::Week | Period::Month if gb >= FEW => check.hint("so much wants daily indices: --index-period day"),
            _ if wanted > f64::from(settings.shards) => check.hint(format!(
                "an index of so much wants more primary shards, of {OF_A_SHARD} GB each: --shards {wanted}"
            )),
            _ => check,
        })
    }
}

/// A daily volume in words, with its price.
fn volume(gb: f64, replicas: &str) -> String {
    let cost = Cost::of(gb, replicas);
    format!("{gb:.1} GB a day come in; about ${} a month: {}", cost.dollars(), cost.assumes())
}

/// Whether a range of copies is one that a domain with standby takes: three in all, or six.
fn in_threes(replicas: &str) -> bool {
    replicas.split_once('-').and_then(|(_, most)| most.parse::<u32>().ok()).is_some_and(|most| (most + 1) % 3 == 0)
}

/// Whether a trail tells the rule of new groups.
pub(super) fn recording(trail: &Recording) -> Check {
    const ID: &str = "trail";
    match trail {
        Recording::By(name) => Check::ok(ID, format!("trail {name} tells of new log groups")),
        Recording::None => Check::new(
            ID,
            Status::Warn,
            "no CloudTrail trail records management events in this Region, so the rule will never fire",
        )
        .hint("create a trail, or run logctl backfill from time to time"),
        Recording::Unknown(why) => Check::new(
            ID,
            Status::Unknown,
            format!("cannot tell whether a CloudTrail trail records management events here: {why}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_price_says_what_it_rests_on() {
        insta::assert_snapshot!(volume(5.0, "0-1"), @"5.0 GB a day come in; about $38 a month: $37 for 2 copies of 30 days on the domain (an index as large as its logs, $0.122 a GB), $1 for Lambda (at 20000 invocations and 100 GB-seconds for a GB)");
    }
}
