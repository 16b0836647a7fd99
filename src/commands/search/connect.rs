//! The domain that is asked, and whose it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use jiff::Timestamp;
use logctl_core::{
    auth::AuthMode,
    endpoint::Endpoint,
    names::{IndexPrefix, StackName},
    redact::Redactor,
    services::Services,
};
use logctl_sink::domain::Auth;
use serde::Serialize;

use super::{Account, args::DomainArgs};
use crate::{
    args::{AwsOptions, GroupSelection},
    aws::{self, ALWAYS_ENABLED, Aws},
    context::Context,
    deploy::DeployedStack,
    domain::DomainClient,
    error::{Error, Kind},
    events::{Event, Others, Redaction, Search},
    inventory::{Cache, NotStreamed},
    network::Network,
    time::rfc3339,
    ui::Ui,
    words::count,
};

/// A domain that is asked.
pub struct Connected {
    /// The way there.
    pub client: DomainClient,
    /// What the names of its indices begin with.
    pub prefix: IndexPrefix,
    /// Whether nobody has said which.
    is_any: bool,
    /// Whose it is.
    pub place: Place,
    /// The account and its stack, where the domain is known by them.
    stack: Option<(Aws, DeployedStack)>,
}

/// Where an answer comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The account, where it is one that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The Region, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// For people.
    #[serde(skip)]
    text: String,
}

/// Indices of the function that the console makes for this job: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_OpenSearch_Stream.html>.
const OF_AWS: &str = "cwl";

impl Connected {
    /// The indices to search in: ours, and those of AWS's own function, unless somebody has said which.
    pub fn search(&self) -> Search {
        let services = self.stack.as_ref().and_then(|(_, stack)| Services::new(&stack.settings.services).ok());
        let others = || Others { indices: format!("{OF_AWS}-*"), services: services.unwrap_or_default() };
        let beside = (self.is_any && !self.prefix.as_str().starts_with(OF_AWS)).then(|| others().into());
        Search { indices: self.prefix.indices(), beside, ..Search::default() }
    }

    /// The account, to be asked why nothing was found.
    #[must_use]
    pub fn account(&self, now: Timestamp) -> Option<Account<'_>> {
        self.stack.as_ref().map(|(aws, stack)| Account { aws, stack, domain: &self.client, now })
    }

    /// The account and its stack, where the domain is known by them.
    #[must_use]
    pub fn stack(&self) -> Option<(&Aws, &DeployedStack)> {
        self.stack.as_ref().map(|(aws, stack)| (aws, stack))
    }

    /// Log groups that are meant and whose events are not here, as far as somebody has looked lately.
    #[must_use]
    pub fn not_streamed(&self, selection: &GroupSelection, cx: &Context<'_>) -> Option<NotStreamed> {
        let (aws, stack) = self.stack.as_ref()?;
        let cache = Cache::new(cx.env.cache(aws.hosts.all.is_some()).as_deref());
        NotStreamed::recall(&cache, (&aws.target, &stack.name), selection, cx.env.now)
    }

    /// What redacts events before they are indexed.
    #[must_use]
    pub fn redaction(&self) -> Redaction {
        let of_stack = |(_, stack): &(Aws, DeployedStack)| {
            Redactor::new(&stack.settings.redact, &stack.settings.redact_patterns).ok()
        };
        self.stack.as_ref().and_then(of_stack).map_or(Redaction::Unknown, Redaction::Known)
    }
}

/// Says which log groups are not streamed.
pub fn say_not_streamed(known: Option<&NotStreamed>, ui: &mut Ui) {
    const NAMED: usize = 3;
    let Some(NotStreamed { as_of, groups }) = known else { return };
    let named = groups.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = if groups.len() > NAMED { format!(" and {} more", groups.len() - NAMED) } else { String::new() };
    let (number, are) = (count(groups.len(), "log group"), if groups.len() == 1 { "is" } else { "are" });
    ui.status(format_args!(
        "{number} {are} not streamed, and what {named}{more} say is not here, as of {}: logctl audit",
        rfc3339(*as_of)
    ));
}

impl Place {
    /// The place itself where it is known, else those that were told of.
    #[must_use]
    pub fn or(self, places: &[(String, String)]) -> Self {
        match self.account {
            Some(_) => self,
            None => {
                self.of_pairs(&places.iter().map(|(account, region)| (account.as_str(), region.as_str())).collect())
            }
        }
    }

    /// The accounts and Regions that events come from, else the place itself.
    #[must_use]
    pub fn of(&self, events: &[Event]) -> Self {
        self.of_pairs(&events.iter().map(|event| (event.account.as_str(), event.region.as_str())).collect())
    }

    fn of_pairs(&self, all: &BTreeSet<(&str, &str)>) -> Self {
        const NAMED: usize = 3;
        // Another layout does not tell the Region: that is said of accounts which nothing else is known of.
        let is_told = |account: &str| all.iter().any(|other| other.0 == account && !other.1.is_empty());
        let says = |(account, region): &&(&str, &str)| !account.is_empty() && (!region.is_empty() || !is_told(account));
        let pairs: Vec<_> = all.iter().filter(says).collect();
        let [Some(first), ..] = [pairs.first()] else { return self.clone() };
        let account = pairs.iter().all(|pair| pair.0 == first.0).then(|| first.0.to_owned());
        let region = (!first.1.is_empty() && pairs.iter().all(|pair| pair.1 == first.1)).then(|| first.1.to_owned());
        if account.is_some() && account == self.account && region == self.region {
            return self.clone();
        }
        let name = |(account, region): &&(&str, &str)| match *region {
            "" => format!("account {account}"),
            region => format!("account {account}, {region}"),
        };
        let text = if pairs.len() <= NAMED {
            pairs.iter().map(name).collect::<Vec<_>>().join("; ")
        } else {
            format!("{} accounts and Regions", pairs.len())
        };
        Self { account, region, text }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The domain, and what its indices are called: as typed, else as the variables say, else from the stack.
///
/// # Errors
/// Not found where there is no stack that names a domain; denied where there is nothing to be admitted with.
pub async fn connect(args: &DomainArgs, cx: &Context<'_>) -> Result<Connected, Error> {
    let prefix = prefix(args, cx)?;
    let is_any = prefix.is_none();
    let timeout = Duration::from_secs(args.timeout);
    if let Some((endpoint, auth)) = named(args, cx)? {
        if cx.global.aws.expect_account.is_some() {
            Aws::connect(cx).await?;
        }
        return by_endpoint(endpoint, prefix, auth, timeout, cx).await;
    }
    let aws: Aws = Aws::connect(cx).await?;
    let stack = DeployedStack::find(&aws, &cx.stack).await?;
    let Some((stack, mut domain)) = stack.and_then(|stack| Some((stack.clone(), stack.settings.domain()?))) else {
        let what = format!("there is no stack {} that names a domain in {}", cx.stack, aws.target);
        let mut error = Error::new(Kind::NotFound, what);
        let elsewhere = regions_with(&aws, &cx.stack).await;
        if let Some(region) = elsewhere.first() {
            error = error.hint(format!("it is in {}: --region {region}", elsewhere.join(" and ")));
        }
        if cx.env.var("LOGCTL_ENDPOINT").is_some() {
            error = error.hint("LOGCTL_ENDPOINT was passed over, since what is typed says where to go");
        }
        return Err(error
            .hint("name the domain with --endpoint, or deploy the stack with: logctl bootstrap")
            .hint("another account is chosen with --profile"));
    };
    if domain.secret.is_none() && domain.authority.is_none() {
        remember(&domain.endpoint, domain.auth, &stack.settings.prefix, cx);
    }
    domain.auth = args.auth.unwrap_or(domain.auth);
    let place = Place {
        account: Some(aws.target.account.clone()),
        region: Some(aws.target.region.clone()),
        text: aws.target.to_string(),
    };
    let prefix = prefix.unwrap_or_else(|| stack.settings.prefix.clone());
    let client = domain.client(&aws, timeout).await?;
    Ok(Connected { client, prefix, is_any, place, stack: Some((aws, stack)) })
}

/// The domain that was typed, or that a variable or a file names, and how requests to it are authenticated.
fn named(args: &DomainArgs, cx: &Context<'_>) -> Result<Option<(Endpoint, Option<AuthMode>)>, Error> {
    let files = &cx.global.files;
    if let Some(endpoint) = &args.endpoint {
        return Ok(Some((endpoint.clone(), args.auth)));
    }
    cx.check_target()?;
    let variable: Option<Endpoint> = cx.variable("LOGCTL_ENDPOINT")?;
    let is_of_file = variable.is_none();
    let endpoint = match variable {
        Some(endpoint) => Some(endpoint),
        None => cx.of_file(files.endpoint.as_deref())?,
    };
    let of_file = files.auth.as_deref().filter(|_| is_of_file).and_then(|auth| auth.parse().ok());
    Ok(endpoint.map(|endpoint| (endpoint, args.auth.or(of_file))))
}

fn prefix(args: &DomainArgs, cx: &Context<'_>) -> Result<Option<IndexPrefix>, Error> {
    match &args.index_prefix {
        Some(prefix) => Ok(Some(prefix.clone())),
        None => match cx.variable("LOGCTL_INDEX_PREFIX")? {
            // It is the one of the file's domain.
            None if args.endpoint.is_some() || cx.env.var("LOGCTL_ENDPOINT").is_some() => Ok(None),
            None => cx.of_file(cx.global.files.index_prefix.as_deref()),
            variable => Ok(variable),
        },
    }
}

/// Where domains are remembered, and how many.
const DOMAINS: &str = "domains.json";
const MOST_DOMAINS: usize = 50;

/// The domain of a stack as it was found: endpoint, authentication, prefix; by what was typed and set when it was found.
type Remembered = BTreeMap<String, (String, String, String)>;

/// What decides in which account a stack is looked for.
fn whose(cx: &Context<'_>) -> String {
    let aws = &cx.global.aws;
    let or = |typed: &Option<String>, variables: &[&str]| {
        let variable = || variables.iter().find_map(|name| cx.env.var(name)).unwrap_or_default().to_owned();
        typed.clone().unwrap_or_else(variable)
    };
    let key = if aws.profile.is_none() { cx.env.var("AWS_ACCESS_KEY_ID").unwrap_or_default() } else { "" };
    let (profile, region) =
        (or(&aws.profile, &["AWS_PROFILE"]), or(&aws.region, &["AWS_REGION", "AWS_DEFAULT_REGION"]));
    [cx.stack.as_str(), &profile, &region, key].join(" ")
}

/// Keeps where a stack sends its events, for who completes words and has no time to look.
fn remember(endpoint: &Endpoint, auth: AuthMode, prefix: &IndexPrefix, cx: &Context<'_>) {
    let cache = Cache::new(cx.env.cache(cx.env.var("AWS_ENDPOINT_URL").is_some()).as_deref());
    let mut known: Remembered = cache.recall(DOMAINS).unwrap_or_default();
    let domain = (endpoint.to_string(), auth.to_string(), prefix.to_string());
    if known.get(&whose(cx)) == Some(&domain) {
        return;
    }
    if known.len() >= MOST_DOMAINS {
        known.clear();
    }
    known.insert(whose(cx), domain);
    cache.keep(DOMAINS, &known);
}

/// A domain that can be asked without asking anybody else first: the one that is named, or that the stack had when it was asked last.
pub struct KnownDomain {
    endpoint: Endpoint,
    auth: Option<AuthMode>,
    /// What the names of its indices begin with.
    pub prefix: IndexPrefix,
}

impl KnownDomain {
    /// Finds it.
    pub fn find(args: &DomainArgs, cx: &Context<'_>, cache: &Cache) -> Option<Self> {
        let typed = prefix(args, cx).ok()?;
        if let Some((endpoint, auth)) = named(args, cx).ok()? {
            return Some(Self { endpoint, auth, prefix: typed.unwrap_or_default() });
        }
        let known: Remembered = cache.recall(DOMAINS)?;
        let (endpoint, auth, prefix) = known.get(&whose(cx))?;
        let prefix = typed.or_else(|| prefix.parse().ok())?;
        Some(Self { endpoint: endpoint.parse().ok()?, auth: auth.parse().ok(), prefix })
    }

    /// Names it, and for whom.
    pub fn key(&self, cx: &Context<'_>) -> String {
        format!("{} {} {}", self.endpoint, self.prefix, whose(cx))
    }

    /// The way there.
    ///
    /// # Errors
    /// Denied where there is nothing to be admitted with.
    pub async fn client(&self, cx: &Context<'_>) -> Result<DomainClient, Error> {
        const TIMEOUT: Duration = Duration::from_secs(5);
        let (endpoint, prefix) = (self.endpoint.clone(), self.prefix.clone());
        Ok(by_endpoint(endpoint, Some(prefix), self.auth, TIMEOUT, cx).await?.client)
    }
}

/// The other Regions in which the stack is, as far as that is known soon.
async fn regions_with(aws: &Aws, stack: &StackName) -> Vec<String> {
    const PATIENCE: Duration = Duration::from_secs(2);
    if aws.target.partition != "aws" {
        return Vec::new();
    }
    let others = ALWAYS_ENABLED.into_iter().filter(|region| *region != aws.target.region);
    let has = others.map(async |region| {
        let aws = aws.in_region(region);
        let there = DeployedStack::find(&aws, stack);
        let found = tokio::time::timeout(PATIENCE, there).await.ok()?.ok()??;
        found.settings.endpoint.map(|_| region.to_owned())
    });
    futures_util::future::join_all(has).await.into_iter().flatten().collect()
}

async fn by_endpoint(
    endpoint: Endpoint,
    prefix: Option<IndexPrefix>,
    auth: Option<AuthMode>,
    timeout: Duration,
    cx: &Context<'_>,
) -> Result<Connected, Error> {
    let auth = match auth.unwrap_or_else(|| endpoint.auth()) {
        AuthMode::None => Auth::None,
        AuthMode::SigV4 => {
            // The Region is the host's, whatever the profile says.
            let region = endpoint.signed_for().map(|(region, _)| region.to_owned());
            let options = AwsOptions { region: region.or(cx.global.aws.region.clone()), ..cx.global.aws.clone() };
            Auth::SigV4(aws::load(&options, cx).await?.signer().await?)
        }
        AuthMode::Basic => {
            return Err(Error::new(Kind::Usage, "name and password come from the stack's secret")
                .hint("leave out --endpoint, and unset LOGCTL_ENDPOINT"));
        }
    };
    let place = Place { account: None, region: None, text: format!("the domain at {endpoint}") };
    let client = DomainClient::new(endpoint, auth, Network::new(cx.env).client(None)?, timeout);
    let (is_any, prefix) = (prefix.is_none(), prefix.unwrap_or_default());
    Ok(Connected { client, prefix, is_any, place, stack: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_events_share_is_named() {
        let unknown = Place { text: "the domain".to_owned(), ..Place::default() };
        let of = |pairs: &[(&str, &str)]| unknown.of_pairs(&pairs.iter().copied().collect());
        assert_eq!(of(&[]).to_string(), "the domain");
        assert_eq!(of(&[("1", "a")]).to_string(), "account 1, a");
        let two = of(&[("1", "a"), ("2", "a")]);
        assert_eq!((two.account.as_deref(), two.region.as_deref()), (None, Some("a")));
        assert_eq!(two.to_string(), "account 1, a; account 2, a");
        assert_eq!(of(&[("1", "a"), ("1", "b"), ("1", "c"), ("1", "d")]).to_string(), "4 accounts and Regions");
    }
}
