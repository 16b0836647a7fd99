//! What can be typed for a deployment.

use std::path::PathBuf;

use logctl_core::{
    auth::AuthMode,
    compression::Compression,
    endpoint::Endpoint,
    globs::Glob,
    index_name::Period,
    names::IndexPrefix,
    redact::{Detector, Redactor},
    services::Services,
};

use crate::{
    args::{Consent, ReportFormat, named, named_or_none},
    error::{Error, Kind},
};

/// Deploy or update the forwarding stack
///
/// Shows what would change, asks, and follows the deployment. Doing it twice changes nothing. Options that are left out
/// keep the value that the stack has.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub struct BootstrapArgs {
    /// Where the domain answers, with https:// [env: LOGCTL_ENDPOINT, for a stack that names none yet]
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<Endpoint>,
    /// ARN of the domain; needed where requests are signed
    #[arg(long, value_name = "ARN")]
    pub domain_arn: Option<String>,
    /// How requests to the domain are authenticated [default: by the endpoint]
    #[arg(long, value_name = "MODE", value_parser = named::<AuthMode>())]
    pub auth: Option<AuthMode>,
    /// ARN of a secret with username and password, for basic authentication
    #[arg(long, value_name = "ARN")]
    pub secret: Option<String>,
    /// File with the certificate of a private authority that signs the domain's, in PEM
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Stream only log groups that match one of these globs; '' for all
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub include: Option<Vec<String>>,
    /// Never stream log groups that match one of these globs; '' for none
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub exclude: Option<Vec<String>>,
    /// Redact these, and no others, before anything is stored; '' for none
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = named_or_none::<Detector>())]
    pub redact: Option<Vec<String>>,
    /// Redact what matches this regular expression, and no others; may be given several times, '' for none
    #[arg(long, value_name = "REGEX")]
    pub redact_pattern: Option<Vec<String>>,
    /// Take the events of these accounts as well; '' for none
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub accounts: Option<Vec<String>>,
    /// ARN of somebody else who may replay dead letters; '' for nobody
    #[arg(long, value_name = "ARN", value_delimiter = ',')]
    pub replay_principal: Option<Vec<String>>,
    /// Send the stack's alarms to this SNS topic
    #[arg(long, value_name = "ARN")]
    pub alarm_topic: Option<String>,
    /// What the names of the indices begin with
    #[arg(long, value_name = "PREFIX")]
    pub index_prefix: Option<IndexPrefix>,
    /// How much time one index covers
    #[arg(long, value_name = "PERIOD", value_parser = named::<Period>())]
    pub index_period: Option<Period>,
    /// Primary shards of each index; one holds about 40 GB well
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=MAX_SHARDS))]
    pub shards: Option<u32>,
    /// Copies of each shard, from-to; 0-2 where the domain spans three zones with standby
    #[arg(long, value_name = "FROM-TO", value_parser = copies)]
    pub replicas: Option<String>,
    /// How many names one index types, so that they can be sorted and charted; all others are found all the same
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(0..=MAX_TYPED_NAMES))]
    pub typed_names: Option<u64>,
    /// How the domain compresses what it stores; zstd saves more, where the domain has it
    #[arg(long, value_name = "CODEC", value_parser = named::<Compression>())]
    pub compression: Option<Compression>,
    /// What tells the service of a log group, before AWS's own naming does: a glob with {service}, as in /acme/{service}/*; '' for none
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub service_rule: Option<Vec<String>>,
    /// How many copies of the forwarder may run at once, set apart from the account's; 0 for none apart
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(0..=1000))]
    pub reserved_concurrency: Option<u64>,
    /// Subnets from which the domain is reached, where it lives in a VPC; '' for none
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub subnets: Option<Vec<String>>,
    /// Security groups of the functions in those subnets
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub security_groups: Option<Vec<String>>,
    /// Encrypt buckets, queues, logs and environments with this key; '' for the services' own
    #[arg(long, value_name = "ARN")]
    pub kms_key: Option<String>,
    /// The policy that bounds the roles of the functions; '' for none
    #[arg(long, value_name = "ARN")]
    pub permissions_boundary: Option<String>,
    /// Path of the roles of the functions
    #[arg(long, value_name = "PATH")]
    pub role_path: Option<String>,
    /// Tag everything that the stack makes; may be given several times
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    pub tags: Vec<(String, String)>,
    /// The role that CloudFormation works with, instead of yours
    #[arg(long, value_name = "ARN")]
    pub role_arn: Option<String>,
    /// Folder with the functions' archives [default: those inside this logctl]
    #[arg(long, value_name = "FOLDER", env = "LOGCTL_FUNCTIONS", hide_env_values = true)]
    pub functions: Option<PathBuf>,
    /// Only say whether something would change: exit with 8 if so
    #[arg(long, conflicts_with = "dry_run")]
    pub check: bool,
    /// Have the domain set up once more, as after its index template was lost
    #[arg(long)]
    pub set_up: bool,
    /// Undo what was changed by hand since the last deployment
    #[arg(long)]
    pub revert_drift: bool,
    /// Replace or remove what deliveries depend on, although they stop until backfill has run
    #[arg(long)]
    pub accept_gap: bool,
    /// Do not wait until the stack is deployed
    #[arg(long)]
    pub no_wait: bool,
    /// Whether it goes on after the plan.
    #[command(flatten)]
    pub consent: Consent,
    /// How it is written.
    #[command(flatten)]
    pub format: ReportFormat,
}

/// Names that an index may type: each counts twice, and an object of more than 512 is too much for a query.
const MAX_TYPED_NAMES: u64 = 500;
/// Primary shards that the template takes.
const MAX_SHARDS: i64 = 100;
/// Bytes that each of the two lists of globs may have; the template's limit.
const MAX_RULES: usize = 1500;

fn copies(text: &str) -> Result<String, String> {
    let numbers = text.split_once('-').map(|(from, to)| (from.parse::<u8>(), to.parse::<u8>()));
    match numbers {
        Some((Ok(from), Ok(to))) if from <= to => Ok(text.to_owned()),
        _ => Err("copies look like 0-1".to_owned()),
    }
}

fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !key.starts_with("aws:") => Ok((key.to_owned(), value.to_owned())),
        Some((key, _)) if key.starts_with("aws:") => Err("tags that begin with aws: are AWS's own".to_owned()),
        _ => Err("a tag looks like team=shop".to_owned()),
    }
}

impl BootstrapArgs {
    /// The parameters that were typed.
    #[must_use]
    pub fn typed(&self, authority: Option<String>) -> Vec<(&'static str, String)> {
        let joined = |texts: &Option<Vec<String>>, with| texts.as_ref().map(|texts| texts.join(with));
        let typed = [
            ("DomainEndpoint", self.endpoint.as_ref().map(ToString::to_string)),
            ("DomainArn", self.domain_arn.clone()),
            ("AuthMode", self.auth.map(|auth| auth.to_string())),
            ("SecretArn", self.secret.clone()),
            ("CaCertificate", authority),
            ("Redact", joined(&self.redact, ",")),
            ("RedactPatterns", joined(&self.redact_pattern, "\n")),
            ("Accounts", joined(&self.accounts, ",")),
            ("ReplayPrincipals", joined(&self.replay_principal, ",")),
            ("AlarmTopic", self.alarm_topic.clone()),
            ("ReservedConcurrency", self.reserved_concurrency.map(|copies| copies.to_string())),
            ("SubnetIds", joined(&self.subnets, ",")),
            ("SecurityGroupIds", joined(&self.security_groups, ",")),
            ("KmsKey", self.kms_key.clone()),
            ("PermissionsBoundary", self.permissions_boundary.clone()),
            ("RolePath", self.role_path.clone()),
            ("Services", joined(&self.service_rule, ",")),
            ("Include", joined(&self.include, ",")),
            ("Exclude", joined(&self.exclude, ",")),
            ("IndexPrefix", self.index_prefix.as_ref().map(ToString::to_string)),
            ("IndexPeriod", self.index_period.map(|period| period.to_string())),
            ("Shards", self.shards.map(|shards| shards.to_string())),
            ("Replicas", self.replicas.clone()),
            ("TypedNames", self.typed_names.map(|names| names.to_string())),
            ("Compression", self.compression.map(|codec| codec.to_string())),
        ];
        typed.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Refuses what AWS would take and never match, or what the functions could not read.
    ///
    /// # Errors
    /// Wrong usage, with the flag.
    pub fn check(&self) -> Result<(), Error> {
        self.check_rules()?;
        self.check_trust()
    }

    fn check_rules(&self) -> Result<(), Error> {
        for (flag, globs) in [("--include", &self.include), ("--exclude", &self.exclude)] {
            for glob in globs.iter().flatten().filter(|glob| !glob.is_empty()) {
                let wrong = |cause| {
                    Error::new(Kind::Usage, format!("{flag} {glob}: no log group can match this")).because(cause)
                };
                glob.parse::<Glob>().map_err(wrong).map_err(|error| {
                    error.hint(
                        "globs know * for any signs and ? for one; give several separated by commas: /aws/a*,/aws/b*",
                    )
                })?;
            }
            let length = globs.as_ref().map_or(0, |globs| globs.join(",").len());
            if length > MAX_RULES {
                return Err(Error::new(
                    Kind::Usage,
                    format!("{flag} has {length} bytes; a stack holds {MAX_RULES} of each"),
                )
                .hint("use fewer and wider globs"));
            }
        }
        if let Some(topic) = self.alarm_topic.as_deref().filter(|topic| !topic.is_empty() && !topic.starts_with("arn:"))
        {
            return Err(Error::new(Kind::Usage, format!("--alarm-topic: `{topic}` is no ARN"))
                .hint("a topic looks like arn:aws:sns:eu-west-1:111122223333:alarms"));
        }
        let rules = self.service_rule.as_deref().unwrap_or_default().join(",");
        Services::new(&rules).map_err(|problem| Error::new(Kind::Usage, format!("--service-rule: {problem}")))?;
        let patterns = self.redact_pattern.as_deref().unwrap_or_default().join("\n");
        Redactor::new("", &patterns)
            .map_err(|problem| Error::new(Kind::Usage, format!("--redact-pattern: {problem}")))?;
        Ok(())
    }

    /// Refuses accounts and principals that AWS would take and never match.
    fn check_trust(&self) -> Result<(), Error> {
        for arn in self.replay_principal.iter().flatten().filter(|arn| !arn.is_empty()) {
            let wrong = |what| Error::new(Kind::Usage, format!("--replay-principal {arn}: {what}"));
            if arn.contains(":assumed-role/") {
                return Err(wrong("this is a session").hint("name its role: arn:aws:iam::ACCOUNT:role/NAME"));
            }
            if !(arn.starts_with("arn:") && arn.contains(":iam::")) {
                return Err(
                    wrong("this is no ARN of a role or user").hint("it looks like arn:aws:iam::ACCOUNT:role/NAME")
                );
            }
        }
        for account in self.accounts.iter().flatten().filter(|account| !account.is_empty()) {
            if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(Error::new(Kind::Usage, format!("--accounts {account}: an account has twelve digits")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches as _};

    use super::*;
    use crate::deploy::settings::SETTINGS;

    #[test]
    fn every_flag_of_a_setting_reaches_its_parameter() {
        let value = |flag: &str| match flag {
            "endpoint" => "https://logs.example",
            "auth" => "basic",
            "redact" => "email",
            "index-period" => "day",
            "index-prefix" => "shop",
            "typed-names" => "20",
            "reserved-concurrency" => "5",
            "shards" => "3",
            "replicas" => "0-2",
            "compression" => "zstd",
            "service-rule" => "/acme/{service}/*",
            _ => "typed",
        };
        let flags = SETTINGS.iter().filter_map(|setting| Some((setting.parameter, setting.flag?)));
        let line = flags.clone().map(|(_, flag)| format!("--{flag}={}", value(flag)));
        let command = BootstrapArgs::augment_args(Command::new("bootstrap").no_binary_name(true));
        let args = BootstrapArgs::from_arg_matches(&command.get_matches_from(line)).unwrap();
        let mut typed = args.typed(Some("typed".to_owned()));
        let mut expected: Vec<_> = flags.map(|(parameter, flag)| (parameter, value(flag).to_owned())).collect();
        typed.sort();
        expected.sort();
        assert_eq!(typed, expected);
    }
}
