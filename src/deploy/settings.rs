//! What a stack is told: the parameters of its template as types, and one table that ties them together.

use std::{collections::HashMap, str::FromStr};

use logctl_core::{
    auth::AuthMode,
    compression::Compression,
    domain_arn::{DomainArn, SERVERLESS},
    endpoint::Endpoint,
    globs::Rules,
    index_name::{Indices, Period},
    mapping::DEFAULT_TYPED_NAMES,
    names::{Function, IndexPrefix},
    payload::DEFAULT_CAP,
};

use regex::Regex;

use crate::{
    domain::DomainOptions,
    error::{Error, Kind},
};

/// The template of the stack.
pub const TEMPLATE: &str = include_str!("../../stack/template.yaml");

/// What a stack is told. The defaults are those of the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackSettings {
    /// Where its domain answers; none only before a first deployment.
    pub endpoint: Option<Endpoint>,
    /// ARN of the domain.
    pub domain_arn: String,
    /// How requests to the domain are authenticated.
    pub auth: AuthMode,
    /// ARN of the secret with name and password.
    pub secret: String,
    /// A certificate in PEM that is trusted beside the public ones.
    pub authority: String,
    /// What the names of the indices begin with.
    pub prefix: IndexPrefix,
    /// How much time one index covers.
    pub period: Period,
    /// Primary shards of each index.
    pub shards: u32,
    /// Copies of each shard, from-to.
    pub replicas: String,
    /// Names that are typed in one index.
    pub typed_names: usize,
    /// How the domain compresses what it stores.
    pub compression: Compression,
    /// Globs that tell the service of a group, separated by commas.
    pub services: String,
    /// Globs of the log groups to stream, separated by commas.
    pub include: String,
    /// Globs of the log groups never to stream, separated by commas.
    pub exclude: String,
    /// Whether new log groups are subscribed as they come.
    pub rule_enabled: bool,
    /// Names of detectors, separated by commas.
    pub redact: String,
    /// Regular expressions, one a line.
    pub redact_patterns: String,
    /// Bytes that a payload may expand to.
    pub max_payload: u64,
    /// Other accounts whose events are taken, separated by commas.
    pub accounts: String,
    /// ARNs of who deployed it first, separated by commas.
    pub deployer: String,
    /// ARNs of others who may replay dead letters, separated by commas.
    pub replayers: String,
    /// ARN of the topic that alarms are sent to.
    pub alarm_topic: String,
    /// How many copies of the forwarder are set apart; 0 for none.
    pub reserved_concurrency: u64,
    /// Subnets from which the domain is reached, separated by commas.
    pub subnets: String,
    /// Security groups in those subnets, separated by commas.
    pub security_groups: String,
    /// ARN of a customer managed key.
    pub kms_key: String,
    /// ARN of the policy that bounds the roles.
    pub permissions_boundary: String,
    /// Path of the roles.
    pub role_path: String,
    /// Another value has the domain set up once more.
    pub attempt: String,
}

impl Default for StackSettings {
    fn default() -> Self {
        Self {
            endpoint: None,
            domain_arn: String::new(),
            auth: AuthMode::SigV4,
            secret: String::new(),
            authority: String::new(),
            prefix: IndexPrefix::default(),
            period: Period::default(),
            shards: 1,
            replicas: "0-1".to_owned(),
            typed_names: DEFAULT_TYPED_NAMES,
            compression: Compression::default(),
            services: String::new(),
            include: String::new(),
            exclude: String::new(),
            rule_enabled: true,
            redact: String::new(),
            redact_patterns: String::new(),
            max_payload: DEFAULT_CAP,
            accounts: String::new(),
            deployer: String::new(),
            replayers: String::new(),
            alarm_topic: String::new(),
            reserved_concurrency: 0,
            subnets: String::new(),
            security_groups: String::new(),
            kms_key: String::new(),
            permissions_boundary: String::new(),
            role_path: "/".to_owned(),
            attempt: String::new(),
        }
    }
}

/// A parameter of the template, and the field that it stands for.
pub struct Setting {
    /// Its name in the template.
    pub parameter: &'static str,
    /// The flag of `logctl bootstrap` that sets it, where one does.
    pub flag: Option<&'static str>,
    field: Field,
}

/// How a field is written and read.
enum Field {
    Text(fn(&mut StackSettings) -> &mut String),
    Typed(fn(&StackSettings) -> String, fn(&mut StackSettings, &str) -> Result<(), String>),
}

/// Every parameter that has a field. The others are the archives of the functions, and sizes that are left to the template.
pub static SETTINGS: [Setting; 29] = [
    typed(
        "DomainEndpoint",
        Some("endpoint"),
        |it| it.endpoint.as_ref().map_or_else(String::new, ToString::to_string),
        |it, text| text.parse().map(|endpoint| it.endpoint = Some(endpoint)),
    ),
    text("DomainArn", "domain-arn", |it| &mut it.domain_arn),
    typed("AuthMode", Some("auth"), |it| it.auth.to_string(), |it, text| set(&mut it.auth, text)),
    text("SecretArn", "secret", |it| &mut it.secret),
    text("CaCertificate", "ca", |it| &mut it.authority),
    typed("IndexPrefix", Some("index-prefix"), |it| it.prefix.to_string(), |it, text| set(&mut it.prefix, text)),
    typed("IndexPeriod", Some("index-period"), |it| it.period.to_string(), |it, text| set(&mut it.period, text)),
    typed("Shards", Some("shards"), |it| it.shards.to_string(), |it, text| set(&mut it.shards, text)),
    text("Replicas", "replicas", |it| &mut it.replicas),
    typed(
        "TypedNames",
        Some("typed-names"),
        |it| it.typed_names.to_string(),
        |it, text| set(&mut it.typed_names, text),
    ),
    typed(
        "Compression",
        Some("compression"),
        |it| it.compression.to_string(),
        |it, text| set(&mut it.compression, text),
    ),
    text("Services", "service-rule", |it| &mut it.services),
    text("Include", "include", |it| &mut it.include),
    text("Exclude", "exclude", |it| &mut it.exclude),
    typed(
        RULE,
        None,
        |it| if it.rule_enabled { "ENABLED" } else { DISABLED }.to_owned(),
        |it, text| {
            it.rule_enabled = text != DISABLED;
            Ok(())
        },
    ),
    text("Redact", "redact", |it| &mut it.redact),
    text("RedactPatterns", "redact-pattern", |it| &mut it.redact_patterns),
    typed("MaxPayload", None, |it| it.max_payload.to_string(), |it, text| set(&mut it.max_payload, text)),
    text("Accounts", "accounts", |it| &mut it.accounts),
    Setting { parameter: "Deployer", flag: None, field: Field::Text(|it| &mut it.deployer) },
    text("ReplayPrincipals", "replay-principal", |it| &mut it.replayers),
    text("AlarmTopic", "alarm-topic", |it| &mut it.alarm_topic),
    typed(
        "ReservedConcurrency",
        Some("reserved-concurrency"),
        |it| it.reserved_concurrency.to_string(),
        |it, text| set(&mut it.reserved_concurrency, text),
    ),
    text("SubnetIds", "subnets", |it| &mut it.subnets),
    text("SecurityGroupIds", "security-groups", |it| &mut it.security_groups),
    text("KmsKey", "kms-key", |it| &mut it.kms_key),
    text("PermissionsBoundary", "permissions-boundary", |it| &mut it.permissions_boundary),
    text("RolePath", "role-path", |it| &mut it.role_path),
    Setting { parameter: "SetUpAttempt", flag: None, field: Field::Text(|it| &mut it.attempt) },
];

const fn text(parameter: &'static str, flag: &'static str, field: fn(&mut StackSettings) -> &mut String) -> Setting {
    Setting { parameter, flag: Some(flag), field: Field::Text(field) }
}

const fn typed(
    parameter: &'static str,
    flag: Option<&'static str>,
    write: fn(&StackSettings) -> String,
    read: fn(&mut StackSettings, &str) -> Result<(), String>,
) -> Setting {
    Setting { parameter, flag, field: Field::Typed(write, read) }
}

/// Bytes of names and values that the environment of a function may have:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
pub const MAX_ENVIRONMENT: usize = 4096;
/// Bytes that a value may have which only the stack itself will know: an ARN, or the name of a bucket or a queue.
const UNKNOWN: usize = 160;

/// The functions of the template, each with its variables and the parameters that they hold.
fn environments() -> impl Iterator<Item = (&'static str, Vec<(&'static str, Option<&'static str>)>)> {
    TEMPLATE.match_indices("        Variables:\n").map(|(at, header)| {
        let named = TEMPLATE[..at].rsplit_once("FunctionName: !Sub logctl-${AWS::StackName}-");
        let function = named.and_then(|(_, rest)| rest.lines().next()).unwrap_or_default();
        let lines = TEMPLATE[at + header.len()..].lines().map_while(|line| line.strip_prefix("          "));
        let variables = lines.filter_map(|line| line.split_once(": "));
        (function, variables.map(|(name, value)| (name, value.strip_prefix("!Ref "))).collect())
    })
}

/// What the template says of a parameter.
fn of_template(parameter: &str, what: &str) -> Option<&'static str> {
    let (_, rest) = TEMPLATE.split_once(&format!("\n  {parameter}:\n"))?;
    let mut lines = rest.lines().take_while(|line| line.starts_with("    ")).map(str::trim);
    lines.find_map(|line| line.strip_prefix(what)?.strip_prefix(": ")).map(|text| text.trim_matches('"'))
}

/// Whether the template takes such a value.
fn fits(parameter: &str, text: &str) -> bool {
    let pattern =
        of_template(parameter, "AllowedPattern").and_then(|pattern| Regex::new(&format!("^(?:{pattern})$")).ok());
    pattern.is_none_or(|pattern| pattern.is_match(text))
}

/// Bytes of an environment.
fn size(values: &HashMap<&str, String>, variables: &[(&str, Option<&str>)]) -> usize {
    let of = |parameter: Option<&str>| parameter.and_then(|name| values.get(name)).map_or(UNKNOWN, String::len);
    variables.iter().map(|(name, parameter)| name.len() + of(*parameter)).sum()
}

/// The parameter that turns the rule on and off.
pub const RULE: &str = "RuleState";
/// Its value for off.
pub const DISABLED: &str = "DISABLED";
/// What belongs to a domain and not to another one.
const OF_THE_DOMAIN: [&str; 4] = ["DomainArn", "AuthMode", "SecretArn", "CaCertificate"];

fn set<T: FromStr>(place: &mut T, text: &str) -> Result<(), String>
where
    T::Err: ToString,
{
    *place = text.parse().map_err(|error: T::Err| error.to_string())?;
    Ok(())
}

impl Setting {
    fn find(parameter: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.parameter == parameter)
    }

    fn read(&self, settings: &mut StackSettings, text: &str) -> Result<(), String> {
        match self.field {
            Field::Text(field) => text.clone_into(field(settings)),
            Field::Typed(_, read) => read(settings, text)?,
        }
        Ok(())
    }

    fn write(&self, settings: &StackSettings) -> String {
        match self.field {
            Field::Text(field) => field(&mut settings.clone()).clone(),
            Field::Typed(write, _) => write(settings),
        }
    }
}

impl StackSettings {
    /// The settings that these parameters stand for, those that are missing being the template's defaults, and what is wrong
    /// with those that cannot be read: such a stack can still be mended and removed.
    #[must_use]
    pub fn from_parameters(parameters: &HashMap<String, String>) -> (Self, Vec<String>) {
        let mut settings = Self::default();
        let given = |setting: &'static Setting| Some((setting, parameters.get(setting.parameter)?));
        let given = SETTINGS.iter().filter_map(given).filter(|(_, text)| !text.is_empty());
        let read = |(setting, text): (&Setting, &String)| {
            setting.read(&mut settings, text).err().map(|error| format!("{}: {error}", setting.parameter))
        };
        let problems = given.filter_map(read).collect();
        (settings, problems)
    }

    /// What was typed, by parameter, else what is deployed, else the template's defaults. What belongs to the old domain does
    /// not go along to a new one. The rule is on, since a teardown that was given up has turned it off.
    ///
    /// # Errors
    /// Wrong usage where a value cannot be read, or the domain lacks something.
    pub fn merge(typed: &[(&str, String)], deployed: Option<&Self>) -> Result<Self, Error> {
        let mut settings = Self { rule_enabled: true, ..deployed.cloned().unwrap_or_default() };
        let before = settings.endpoint.clone();
        for (parameter, text) in typed {
            let Some(setting) = Setting::find(parameter) else { continue };
            let wrong = |error| Error::new(Kind::Usage, format!("--{}: {error}", setting.flag.unwrap_or(parameter)));
            setting.read(&mut settings, text).map_err(wrong)?;
            if !fits(parameter, text) {
                let meant = of_template(parameter, "Description").unwrap_or_default();
                return Err(wrong(format!("the stack takes no `{text}`")).hint(format!("it takes: {meant}")));
            }
        }
        let typed_for = |parameter: &str| typed.iter().any(|(name, text)| *name == parameter && !text.is_empty());
        let endpoint = settings.endpoint.clone().ok_or_else(|| {
            Error::new(Kind::Usage, "the stack needs to know where the domain answers")
                .hint("logctl bootstrap --endpoint https://search-logs-abc.eu-west-1.es.amazonaws.com")
        })?;
        if before.as_ref() != Some(&endpoint) {
            let fresh = Self { auth: endpoint.auth(), ..Self::default() };
            let untyped = OF_THE_DOMAIN.iter().filter(|name| !typed.iter().any(|(typed, _)| typed == *name));
            for setting in untyped.filter_map(|name| Setting::find(name)) {
                let _ = setting.read(&mut settings, &setting.write(&fresh));
            }
        }
        settings.check()?;
        if typed_for("SecretArn") && settings.auth != AuthMode::Basic {
            return Err(Error::new(Kind::Usage, "--secret is for basic authentication")
                .hint("add --auth basic, or leave it out"));
        }
        if typed_for("SecurityGroupIds") && settings.subnets.is_empty() {
            return Err(
                Error::new(Kind::Usage, "--security-groups are for subnets").hint("add --subnets, or leave them out")
            );
        }
        Ok(settings)
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |what: String| Error::new(Kind::Usage, what);
        if let Some(endpoint) = &self.endpoint {
            self.check_host(endpoint)?;
        }
        if !self.subnets.is_empty() && self.security_groups.is_empty() {
            return Err(wrong("subnets need security groups".to_owned()).hint("add --security-groups sg-…"));
        }
        match self.auth {
            AuthMode::SigV4 if self.domain_arn.is_empty() => {
                Err(wrong("requests to this domain are signed, and the functions need its ARN for that".to_owned())
                    .hint("add --domain-arn arn:aws:es:REGION:ACCOUNT:domain/NAME"))
            }
            AuthMode::Basic if self.secret.is_empty() => {
                Err(wrong("basic authentication needs a secret with username and password".to_owned())
                    .hint("add --secret arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME"))
            }
            AuthMode::SigV4 | AuthMode::Basic | AuthMode::None => Ok(()),
        }
    }

    /// Refuses hosts at which no function of ours could be served, and an ARN of something else than what answers there.
    fn check_host(&self, endpoint: &Endpoint) -> Result<(), Error> {
        let wrong = |what: String| Error::new(Kind::Usage, what);
        let named = endpoint.signed_for();
        if let Some((_, "aoss")) = named {
            return Err(wrong(format!("--endpoint: {endpoint}: {SERVERLESS}")));
        }
        if endpoint.host().starts_with("vpce-") {
            return Err(wrong(format!(
                "--endpoint: {endpoint} is a VPC endpoint, for which the domain has no certificate"
            ))
            .hint("name the domain's own endpoint, and the subnets from which it is reached: --subnets"));
        }
        if endpoint.is_in_vpc() && self.subnets.is_empty() {
            return Err(wrong(format!("the domain {endpoint} lives in a VPC, and the functions do not"))
                .hint("add --subnets subnet-… and --security-groups sg-…, from which its port 443 can be reached"));
        }
        if self.domain_arn.is_empty() {
            return Ok(());
        }
        let arn: DomainArn = self.domain_arn.parse().map_err(|error| wrong(format!("--domain-arn: {error}")))?;
        match named {
            Some((region, _)) if region != arn.region => Err(wrong(format!(
                "the endpoint is in {region}, and the ARN is of a domain in {}: they are not the same",
                arn.region
            ))
            .hint("see both with: aws opensearch describe-domain --domain-name NAME")),
            _ => Ok(()),
        }
    }

    /// Refuses what the functions cannot hold.
    ///
    /// # Errors
    /// Wrong usage where the environment of a function would be too large.
    pub fn check_environments(&self) -> Result<(), Error> {
        let values: HashMap<&str, String> = self.to_parameters().collect();
        for (function, variables) in environments() {
            let bytes = size(&values, &variables);
            if bytes <= MAX_ENVIRONMENT {
                continue;
            }
            let settings = variables.iter().filter_map(|(_, parameter)| Setting::find((*parameter)?));
            let mut flags: Vec<_> = settings.filter_map(|it| Some((values[it.parameter].len(), it.flag?))).collect();
            flags.sort_unstable_by(|a, b| b.cmp(a));
            let flags: Vec<String> = flags.iter().take(2).map(|(bytes, flag)| format!("--{flag} ({bytes})")).collect();
            return Err(Error::new(
                Kind::Usage,
                format!("the environment of {function} would have {bytes} bytes, and Lambda takes {MAX_ENVIRONMENT}"),
            )
            .hint(format!("most of them are of {}", flags.join(" and "))));
        }
        Ok(())
    }

    /// The variables of a function that hold a parameter each, with its value.
    #[must_use]
    pub fn variables_of(&self, function: Function) -> Vec<(&'static str, String)> {
        let mut values: HashMap<&str, String> = self.to_parameters().collect();
        let of = environments().find(|(name, _)| *name == function.as_ref());
        let variables = of.map(|(_, variables)| variables).unwrap_or_default();
        variables.into_iter().filter_map(|(name, parameter)| Some((name, values.remove(parameter?)?))).collect()
    }

    /// Bytes that the environment of each function would have.
    pub fn environments(&self) -> impl Iterator<Item = (&'static str, usize)> {
        let values: HashMap<&str, String> = self.to_parameters().collect();
        environments().map(move |(function, variables)| (function, size(&values, &variables)))
    }

    /// Names and values of the parameters.
    pub fn to_parameters(&self) -> impl Iterator<Item = (&'static str, String)> {
        SETTINGS.iter().map(|setting| (setting.parameter, setting.write(self)))
    }

    /// Which groups the stack wants.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules::new(&self.include, &self.exclude)
    }

    /// Names the indices of the stack.
    #[must_use]
    pub fn indices(&self) -> Indices {
        Indices { prefix: self.prefix.clone(), period: self.period }
    }

    /// The domain, and what it takes to be admitted there; `None` where none is named.
    #[must_use]
    pub fn domain(&self) -> Option<DomainOptions> {
        let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Some(DomainOptions {
            endpoint: self.endpoint.clone()?,
            auth: self.auth,
            secret: text(&self.secret),
            authority: text(&self.authority),
            region: self.domain_arn.parse().ok().map(|arn: DomainArn| arn.region),
        })
    }
}

#[cfg(test)]
mod tests;
