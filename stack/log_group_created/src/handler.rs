//! CreateLogGroup → decide → put the subscription filter → hand over the first minutes.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use lambda_runtime::LambdaEvent;
use logctl_core::{
    backoff::Backoff,
    coverage::{AccountFacts, AccountPolicy, Chain, Change, Class, Decision, Filter, GroupFacts, Stack, State, decide},
    globs::Rules,
    names::{LogGroupName, StackName},
    service::{LIMIT_EXCEEDED, NOT_FOUND, NOT_YET_PERMITTED},
};
use logctl_sink::{
    aws::{AwsClient, AwsError},
    lambda::environment::{ConfigError, Environment},
    lambda::{Failure, log, milliseconds},
    own::OwnGroups,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::call::{Call, Look};

/// Kept back from the time an invocation has.
const MARGIN: Duration = Duration::from_secs(2);
/// The pauses between tries: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(10));
/// How long is tried to read what a group can be subscribed without.
const SIDE: Duration = Duration::from_secs(10);
/// How old a group is that is named like that of a function of logctl, without there being one, in milliseconds: a stack
/// makes the groups of its functions first.
const GROWN: i64 = 60 * 60 * 1000;
/// How long until the next look at such a group: the longest that a queue allows.
const LATER: Duration = Duration::from_mins(15);
/// How long until the second look at the first minutes: CloudWatch shows events late, and a subscription begins late.
const SOON: Duration = Duration::from_mins(1);

/// What became of a new group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It has its filter now.
    Subscribed,
    /// It is in this state, and so it stays.
    Found(State),
    /// Others hold all its filter slots.
    Full,
    /// It has gone in the meantime.
    Gone,
    /// It may be that of a function of logctl that is not there yet.
    PutOff,
}

impl Outcome {
    /// Whether its events reach LogsForwarder, so that those from before belong there, too. Also where they did already:
    /// this may be the second try of an invocation that failed when it handed them over.
    const fn delivers(self) -> bool {
        match self {
            Self::Subscribed => true,
            Self::Found(state) => state.delivers(),
            Self::Full | Self::Gone | Self::PutOff => false,
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Subscribed => "subscribed",
            Self::Found(state) => state.as_ref(),
            Self::Full => State::Full.as_ref(),
            Self::Gone => "deleted",
            Self::PutOff => "put off",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policies {
    account_policies: Vec<Policy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    policy_document: String,
    #[serde(default)]
    selection_criteria: String,
}

/// What lives as long as the sandbox.
pub struct Subscriber {
    aws: AwsClient,
    stack: Stack,
    own: OwnGroups,
    /// URL of the queue that calls this function again.
    looks: String,
    clock: fn() -> SystemTime,
}

/// What could not be read of a group that is subscribed all the same, and why.
#[derive(Default)]
struct Unread(serde_json::Map<String, Value>);

impl Unread {
    /// What was read; noted where it was not.
    fn note<T: Default>(&mut self, what: &str, result: Result<T, AwsError>) -> T {
        result.unwrap_or_else(|error| {
            self.0.insert(what.to_owned(), json!(error.to_string()));
            T::default()
        })
    }
}

impl Subscriber {
    /// Reads the configuration.
    ///
    /// # Errors
    /// One line that names the variable that is wrong.
    pub fn new(environment: Environment<'_>) -> Result<Self, ConfigError> {
        let list = |name: &str| (environment.get)(name).unwrap_or_default();
        let aws = environment.aws(&environment.http()?)?;
        let name: StackName = environment.require("LOGCTL_STACK")?;
        let forwarder: String = environment.require("LOGCTL_FORWARDER")?;
        let domain: Option<String> = environment.optional("LOGCTL_DOMAIN_ARN")?;
        let account = forwarder.split(':').nth(4).unwrap_or_default();
        Ok(Self {
            own: OwnGroups::new(aws.clone(), account, Some(name.clone())).with_domain(domain.as_deref()),
            aws,
            stack: Stack {
                filter_name: name.filter_name(),
                forwarder,
                rules: Rules::new(&list("LOGCTL_INCLUDE"), &list("LOGCTL_EXCLUDE")).with_probes_of(&name),
            },
            looks: environment.require("LOGCTL_LOOKS")?,
            clock: environment.clock,
        })
    }

    /// Brings the groups that were created, or that are looked at once more, to the wanted state and logs the outcomes.
    pub async fn handle(&self, event: LambdaEvent<Call>) -> Result<(), Failure> {
        let now = (self.clock)();
        let left = event.context.deadline().duration_since(now).unwrap_or_default();
        let deadline = Instant::now() + left.saturating_sub(MARGIN);
        for look in event.payload.looks(milliseconds(now)) {
            let done = self.look(look, deadline).await;
            if let Err(failure) = &done {
                log(&json!({"outcome": "failed", "reason": failure.to_string()}));
            }
            done?;
        }
        Ok(())
    }

    async fn look(&self, look: Look, deadline: Instant) -> Result<(), Failure> {
        let group = look.group.as_str();
        if let Err(error) = group.parse::<LogGroupName>() {
            log(&json!({"outcome": "no log group", "reason": error.to_string()}));
            return Ok(());
        }
        let failed = |kind, error: AwsError| Failure::new(kind, format!("{group}: {error}"));
        if look.seen.is_some() {
            // Nothing is subscribed again; and a message does not decide what may be read: the rules do, and the filter.
            let state = self.state(&look, deadline).await.map_err(|error| failed("NotHandedOver", error))?;
            let mut line = json!({"group": group, "outcome": "second look"});
            if state.is_some_and(State::delivers) {
                let handed_over = self.handed_over(&look, deadline).await;
                line["handed_over"] = handed_over.map_err(|error| failed("NotHandedOver", error))?;
            } else {
                line["state"] = json!(state.as_ref().map_or("deleted", |state| state.as_ref()));
            }
            log(&line);
            return Ok(());
        }
        let mut unread = Unread::default();
        let outcome = self.subscribe(&look, &mut unread, deadline).await;
        let outcome = outcome.map_err(|error| failed("NotSubscribed", error))?;
        let mut line = json!({"group": group, "outcome": outcome.as_str()});
        if !unread.0.is_empty() {
            line["unread"] = Value::Object(unread.0);
        }
        if outcome == Outcome::PutOff {
            self.look_again(&look, LATER, deadline).await.map_err(|error| failed("NotPutOff", error))?;
        }
        if outcome.delivers() {
            // Before the first look, which may fail.
            let second = Look { seen: Some(milliseconds((self.clock)())), ..look.clone() };
            self.look_again(&second, SOON, deadline).await.map_err(|error| failed("NoSecondLook", error))?;
            let handed_over = self.handed_over(&look, deadline).await;
            line["handed_over"] = handed_over.map_err(|error| failed("NotHandedOver", error))?;
        }
        log(&line);
        Ok(())
    }

    /// Hands over what a group holds, and says what that was.
    async fn handed_over(&self, look: &Look, deadline: Instant) -> Result<Value, AwsError> {
        match self.hand_over(&look.group, look.seen, deadline).await {
            Err(error) if error.code() == Some(NOT_FOUND) => Ok(json!("deleted")),
            handed_over => Ok(json!(handed_over?)),
        }
    }

    /// ARN of LogsForwarder.
    pub(crate) fn forwarder(&self) -> &str {
        &self.stack.forwarder
    }

    /// Queues an invocation of LogsForwarder.
    pub(crate) async fn invoke_later(&self, payload: Bytes, deadline: Instant) -> Result<(), AwsError> {
        patiently(deadline, || self.aws.invoke_later(&self.stack.forwarder, payload.clone())).await
    }

    /// Has this function called once more: a queue waits, since an invocation that did would hold its slot meanwhile.
    async fn look_again(&self, look: &Look, after: Duration, deadline: Instant) -> Result<(), AwsError> {
        patiently(deadline, || self.aws.queue(&self.looks, look, after)).await
    }

    /// What is to be done with a group that belongs to the chain so; `None` where it has gone.
    async fn decide(
        &self,
        look: &Look,
        chain: Chain,
        unread: &mut Unread,
        deadline: Instant,
    ) -> Result<Option<Decision>, AwsError> {
        let (group, class) = (look.group.as_str(), Class::from_name(look.class.as_deref()));
        let filters = if class.is_standard() {
            match patiently(deadline, || self.aws.subscription_filters(group, None)).await {
                Err(error) if error.code() == Some(NOT_FOUND) => return Ok(None),
                filters => Some(filters?.into()),
            }
        } else {
            None
        };
        let policy = unread.note("account_policy", self.policy(deadline).await);
        let account = AccountFacts { policy, ..AccountFacts::default() };
        let facts = GroupFacts { name: group.to_owned(), chain: Some(chain), class, filters };
        Ok(Some(decide(&facts, &account, Some(&self.stack))))
    }

    /// The state of a group; `None` where it has gone.
    async fn state(&self, look: &Look, deadline: Instant) -> Result<Option<State>, AwsError> {
        let mut unread = Unread::default();
        let chain = self.chain(&look.group, &mut unread, deadline).await?;
        let decision = self.decide(look, chain, &mut unread, deadline).await?;
        Ok(decision.map(|decision| decision.state))
    }

    async fn subscribe(&self, look: &Look, unread: &mut Unread, deadline: Instant) -> Result<Outcome, AwsError> {
        let group = look.group.as_str();
        let chain = self.chain(group, unread, deadline).await?;
        let age = milliseconds((self.clock)()) - look.created;
        if chain == Chain::NoFunction && age < GROWN {
            return Ok(Outcome::PutOff);
        }
        let Some(decision) = self.decide(look, chain, unread, deadline).await? else { return Ok(Outcome::Gone) };
        match &decision.change {
            Some(Change::Put { filter }) => match self.put(group, filter, deadline).await {
                Ok(()) => Ok(Outcome::Subscribed),
                Err(error) if error.code() == Some(LIMIT_EXCEEDED) => Ok(Outcome::Full),
                Err(error) if error.code() == Some(NOT_FOUND) => Ok(Outcome::Gone),
                Err(error) => Err(error),
            },
            Some(Change::Delete { filters }) => {
                for name in filters {
                    let input = json!({"logGroupName": group, "filterName": name});
                    match self.call::<Value>("DeleteSubscriptionFilter", &input, deadline).await {
                        Err(error) if error.code() != Some(NOT_FOUND) => return Err(error),
                        _ => {}
                    }
                }
                Ok(Outcome::Found(decision.state))
            }
            None => Ok(Outcome::Found(decision.state)),
        }
    }

    /// How the group belongs to the forwarding chain.
    async fn chain(&self, group: &str, unread: &mut Unread, deadline: Instant) -> Result<Chain, AwsError> {
        match patiently(deadline, || self.own.chain(group)).await? {
            Chain::No => {
                let side = deadline.min(Instant::now() + SIDE);
                let of_domain = unread.note("domain_logs", patiently(side, || self.own.of_domain()).await);
                Ok(if of_domain.contains(group) { Chain::Domain } else { Chain::No })
            }
            chain => Ok(chain),
        }
    }

    /// The account's subscription policy. A group can be subscribed without it: at worst its events come twice.
    async fn policy(&self, deadline: Instant) -> Result<Option<AccountPolicy>, AwsError> {
        let input = json!({"policyType": "SUBSCRIPTION_FILTER_POLICY"});
        let side = deadline.min(Instant::now() + SIDE);
        let found: Policies = match self.call("DescribeAccountPolicies", &input, side).await {
            Err(error) if error.code() == Some(NOT_FOUND) => return Ok(None),
            found => found?,
        };
        let parse = |policy: &Policy| AccountPolicy::parse(&policy.policy_document, &policy.selection_criteria);
        Ok(found.account_policies.iter().find_map(parse))
    }

    async fn put(&self, group: &str, name: &str, deadline: Instant) -> Result<(), AwsError> {
        let input = json!({
            "logGroupName": group, "filterName": name, "filterPattern": Filter::PATTERN,
            "destinationArn": self.stack.forwarder, "distribution": Filter::DISTRIBUTION,
        });
        self.call::<Value>("PutSubscriptionFilter", &input, deadline).await.map(drop)
    }

    /// Calls until it works, fails for good, or no time is left. What is left over is found by `audit`.
    pub(crate) async fn call<T: serde::de::DeserializeOwned>(
        &self,
        operation: &str,
        input: &Value,
        deadline: Instant,
    ) -> Result<T, AwsError> {
        patiently(deadline, || self.aws.logs(operation, input)).await
    }
}

/// Tries a call again for as long as it fails for a passing reason and there is time.
async fn patiently<T, F: Future<Output = Result<T, AwsError>>>(
    deadline: Instant,
    attempt: impl Fn() -> F,
) -> Result<T, AwsError> {
    let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
    loop {
        let error = match attempt().await {
            Ok(output) => return Ok(output),
            Err(error) => error,
        };
        let pause = backoff.pause(fastrand::f64());
        if !may_pass(&error) || Instant::now() + pause >= deadline {
            return Err(error);
        }
        sleep(pause).await;
    }
}

fn may_pass(error: &AwsError) -> bool {
    error.is_passing() || matches!(error, AwsError::Service { message, .. } if message.starts_with(NOT_YET_PERMITTED))
}

#[cfg(test)]
mod tests;
