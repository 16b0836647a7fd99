//! What an account holds: its log groups, each with its state. What `audit`, `backfill`, `groups` and `teardown` start from.

mod cache;
mod chains;
mod deliveries;
mod destinations;
mod details;
mod documents;
pub mod evidence;
mod not_streamed;
mod past;
mod rates;
mod take;

use std::{collections::BTreeMap, fmt, ops::Range};

use jiff::Timestamp;
use logctl_core::{
    coverage::{self, AccountFacts, Decision, Filter, GroupFacts, State, decide},
    names::StackName,
};
use serde::{Deserialize, Serialize};

use crate::{
    aws::{Target, centralization::Copies, groups::Details},
    deploy::stack::Status,
    error::{Error, Kind},
    time::rfc3339,
    words::count,
};

pub use cache::Cache;
pub use evidence::Source;
pub use not_streamed::NotStreamed;
pub use rates::Rate;
pub use take::{Depth, Reading, take};

/// So few groups are asked without looking for evidence first: that would take as many calls.
const FEW: usize = 40;

/// An account as it is now.
#[derive(Debug)]
pub struct Inventory {
    /// Which account and Region.
    pub target: Target,
    /// When it was read.
    pub taken_at: Timestamp,
    /// Name of the forwarding stack, where there is one.
    pub stack: Option<StackName>,
    /// What the decisions know of it; `None` also for a stack that has no forwarder.
    pub coverage: Option<coverage::Stack>,
    /// What is known of the account.
    pub account: AccountFacts,
    /// Name of the account policy, or why it could not be read.
    pub policy: Result<Option<String>, Error>,
    /// Of the functions that groups send to, whether each is there and takes it, as far as that could be read.
    pub destinations: BTreeMap<String, bool>,
    /// The rules whose copies of other accounts' logs come here; `None` where the organization does not tell this account, and
    /// why where that could not be read.
    pub copies: Result<Option<Vec<Copies>>, Error>,
    /// Globs that match no group here.
    pub idle: Vec<String>,
    /// The selected groups by name.
    pub groups: Vec<Entry>,
    /// What may surprise.
    pub notes: Vec<Note>,
}

/// A log group with its state.
#[derive(Debug)]
pub struct Entry {
    /// What is known of it.
    pub facts: GroupFacts,
    /// Why its filters could not be read, where they could not.
    pub error: Option<Box<Error>>,
    /// How its filters are known, and as of when.
    pub evidence: Option<(Source, Timestamp)>,
    /// Everything else that is told of it.
    pub details: Details,
    /// Bytes that come in on a day.
    pub bytes_per_day: Option<f64>,
    /// Whether what comes in arrives, as far as metrics tell; only of what is streamed.
    pub health: Option<Health>,
    /// Whether what came in is in the index, where that was looked at.
    pub arrivals: Option<Box<Arrivals>>,
    /// How many events come in, where that was looked at.
    pub rate: Option<Box<Rate>>,
    /// The rule that fills it with copies of other accounts' logs, where its name tells.
    pub copied_by: Option<Box<str>>,
    /// Its state, why, and what to do.
    pub decision: Decision,
}

/// What came into a group in the last hours, and what is in the index of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Arrivals {
    since: String,
    until: String,
    /// Events that came in.
    pub incoming: u64,
    /// Documents of events of the same time. There may be more: of events that were delivered late.
    pub documents: u64,
    /// So many events are missing, at least.
    pub missing: u64,
    /// So many may be missing: as many documents were indexed in that time of events that say another, late ones or new ones.
    #[serde(skip_serializing_if = "is_none")]
    pub unclear: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
const fn is_none(number: &u64) -> bool {
    *number == 0
}

impl Arrivals {
    /// Of what came in, the documents of that time, and these together with what was indexed in it.
    fn new(window: &Range<Timestamp>, incoming: f64, documents: f64, all: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "numbers of events")]
        let [incoming, documents, all] = [incoming, documents, all].map(|number| number.round() as u64);
        let missing = incoming.saturating_sub(all);
        let unclear = incoming.saturating_sub(documents) - missing;
        Self { since: rfc3339(window.start), until: rfc3339(window.end), incoming, documents, missing, unclear }
    }
}

/// What CloudWatch Logs tells of the deliveries of a group over the last day. Deliveries to a function are handed over and no more:
/// all may be well here while the domain is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Events came in, and none failed.
    Ok,
    /// Deliveries failed.
    Failing,
    /// Deliveries were throttled.
    Throttled,
    /// No event came in.
    Idle,
}

/// Something that may surprise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The stack has no forwarder.
    ForwardsNothing(StackName, Status),
    /// New log groups are not subscribed.
    RuleDisabled,
    /// A parameter of the stack cannot be read.
    ParameterUnread(String),
    /// The account policy could not be read.
    PolicyUnread(String),
    /// Where the domain publishes its own logs could not be read.
    DomainUnread(String),
    /// The event history could not be read, without which nothing is believed.
    HistoryUnread(String),
    /// It could not be read as far back as it tells something.
    PastUnread(String),
    /// Metrics of deliveries could not be read.
    MetricsUnread(String),
    /// The index could not be asked.
    DocumentsUnread(String),
    /// Whether a destination is there could not be read.
    DestinationUnread(String),
    /// Age and size of the groups could not be read.
    DetailsUnread(String),
    /// So many groups were subscribed a moment ago.
    TooNew(usize),
    /// What has arrived could not be read.
    ArrivalsUnread(String),
    /// Whether deliveries failed could not be read.
    HealthUnread(String),
    /// How much comes in could not be read.
    VolumeUnread(String),
    /// How many events come in could not be read.
    RatesUnread(String),
    /// A rule copies logs of other accounts into groups of the same names.
    Copied(String),
    /// What was known before cannot be read.
    CacheUnread(String),
    /// What is known now cannot be kept.
    CacheUnkept(String),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForwardsNothing(name, status) => write!(f, "stack {name} is {} and forwards nothing", status.name),
            Self::RuleDisabled => f.write_str("the stack's rule is disabled: new log groups are not subscribed"),
            Self::ParameterUnread(why) => write!(f, "the stack has a parameter that cannot be read: {why}"),
            Self::PolicyUnread(why) => write!(f, "{why}; groups that it streams look missing"),
            Self::DomainUnread(why) => write!(f, "{why}; do not stream those groups to it"),
            Self::HistoryUnread(why) => write!(f, "{why}; every log group is asked"),
            Self::PastUnread(why) | Self::MetricsUnread(why) | Self::DocumentsUnread(why) => {
                write!(f, "{why}; more log groups are asked")
            }
            Self::DestinationUnread(why) => write!(f, "{why}; whether its filters are broken is not known"),
            Self::DetailsUnread(why) => write!(f, "{why}; how old and large they are is not known"),
            Self::TooNew(groups) => {
                let groups = count(*groups, "log group");
                write!(f, "{groups} changed in the last hours; whether their events arrive is known in three hours")
            }
            Self::ArrivalsUnread(why) => write!(f, "{why}; whether events arrive is not known"),
            Self::HealthUnread(why) => write!(f, "{why}; whether deliveries fail is not known"),
            Self::VolumeUnread(why) => write!(f, "{why}; how much comes in is not known"),
            Self::RatesUnread(why) => write!(f, "{why}; when events came in is not known"),
            Self::Copied(rule) => write!(
                f,
                "the centralization rule {rule} copies logs of other accounts into log groups of the same names: their events \
                 stand here as this account's"
            ),
            Self::CacheUnread(why) => write!(f, "what was known before cannot be read: {why}"),
            Self::CacheUnkept(why) => write!(f, "what is known now cannot be kept for the next time: {why}"),
        }
    }
}

/// What was read, or the note that it is not known. What is not known for want of credentials ends a run.
fn noted<T>(
    read: Result<T, Error>,
    notes: &mut Vec<Note>,
    note: impl FnOnce(String) -> Note,
) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) => {
            notes.push(note(error.unless_logged_out()?.one_line()));
            Ok(None)
        }
    }
}

impl Entry {
    /// A group that is not decided yet.
    fn new(facts: GroupFacts, error: Option<Box<Error>>) -> Self {
        Self {
            facts,
            error,
            evidence: None,
            details: Details::default(),
            bytes_per_day: None,
            health: None,
            arrivals: None,
            rate: None,
            copied_by: None,
            decision: Decision { state: State::Unknown, reason: String::new(), change: None },
        }
    }

    fn decide(&mut self, account: &AccountFacts, stack: Option<&coverage::Stack>) {
        self.decision = decide(&self.facts, account, stack);
        if let Some(error) = &self.error {
            self.decision.reason = error.one_line();
        }
    }

    /// The filters that could be read.
    pub fn filters(&self) -> impl Iterator<Item = &Filter> {
        self.facts.filters.iter().flat_map(|filters| filters.iter())
    }
}

impl Inventory {
    /// The error of an inventory that could not read everything.
    ///
    /// # Errors
    /// Incomplete where some answered, denied where none did because of that, throttled where that was the reason.
    pub fn check(&self) -> Result<(), Error> {
        let errors: Vec<&Error> = self.groups.iter().filter_map(|entry| entry.error.as_deref()).collect();
        let Some(first) = errors.first() else { return self.check_policy() };
        let answered = self.groups.iter().any(|entry| entry.facts.filters.is_some());
        let kind = if errors.iter().all(|error| error.kind == Kind::Denied) && !answered {
            Kind::Denied
        } else if errors.iter().any(|error| error.kind == Kind::Throttled) {
            Kind::Throttled
        } else {
            Kind::Incomplete
        };
        let message = format!("{} of {} log groups could not be read", errors.len(), self.groups.len());
        Err(Error { kind, message, causes: vec![first.one_line()], hints: first.hints.clone() })
    }

    fn check_policy(&self) -> Result<(), Error> {
        let Err(error) = &self.policy else { return Ok(()) };
        let kind = if error.kind == Kind::Throttled { Kind::Throttled } else { Kind::Incomplete };
        Err(Error { kind, ..error.clone() })
    }

    /// Group and name of every filter that sends to `stack`, as far as the groups could be read.
    #[must_use]
    pub fn filters_to(&self, stack: &coverage::Stack) -> Vec<(String, Vec<String>)> {
        let of_group = |entry: &Entry| {
            let ours = entry.filters().filter(|filter| stack.owns(filter)).map(|filter| filter.name.clone());
            (entry.facts.name.clone(), ours.collect::<Vec<_>>())
        };
        self.groups.iter().map(of_group).filter(|(_, filters)| !filters.is_empty()).collect()
    }

    /// What could not be read, and why.
    #[must_use]
    pub fn unread(&self) -> Vec<Unread> {
        let policy = self.policy.as_ref().err().map(|error| ("the account policy".to_owned(), error));
        let groups = self.groups.iter().filter_map(|entry| Some((entry.facts.name.clone(), entry.error.as_deref()?)));
        policy.into_iter().chain(groups).map(|(what, error)| Unread { what, error: error.one_line() }).collect()
    }

    /// When it was read, as JSON carries times.
    #[must_use]
    pub fn taken_at(&self) -> String {
        rfc3339(self.taken_at)
    }
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// The thing.
    pub what: String,
    /// Why.
    pub error: String,
}

#[cfg(test)]
pub(crate) mod examples {
    use logctl_core::{
        coverage::{Chain, Class, Filter, Stack},
        globs::Rules,
    };

    use super::*;
    use crate::aws::mocked::target;

    /// A group of each kind that backfill leaves alone, mends, or cannot read.
    pub(crate) fn inventory() -> Inventory {
        let forwarder = "arn:aws:lambda:eu-west-1:123456789012:function:logctl-logctl-forwarder";
        let stack = Stack {
            filter_name: "logctl-logctl".to_owned(),
            forwarder: forwarder.to_owned(),
            rules: Rules::new("", "/skip/*"),
        };
        let filter = |name: &str, destination: &str, pattern: &str| Filter {
            name: name.to_owned(),
            destination: destination.to_owned(),
            pattern: pattern.to_owned(),
            ..Filter::default()
        };
        let theirs = "arn:aws:kinesis:eu-west-1:123456789012:stream/theirs";
        let account = AccountFacts::default();
        let entry = |name: &str, filters: Vec<Filter>| {
            let facts = GroupFacts {
                name: name.to_owned(),
                chain: Some(if name.contains("/logctl-") { Chain::Function } else { Chain::No }),
                class: Class::Standard,
                filters: Some(filters.into()),
            };
            let created = Some(Timestamp::UNIX_EPOCH);
            let mut entry = Entry {
                evidence: Some((Source::Asked, Timestamp::UNIX_EPOCH)),
                details: Details { created, stored_bytes: Some(1_536), ..Details::default() },
                bytes_per_day: Some(2_048.0),
                ..Entry::new(facts, None)
            };
            entry.decide(&account, Some(&stack));
            entry
        };
        let unread =
            GroupFacts { name: "/unread".to_owned(), chain: Some(Chain::No), class: Class::Standard, filters: None };
        let mut broken =
            Entry::new(unread, Some(Box::new(Error::failed("cannot read the filters of /unread: no\nanswer"))));
        broken.decide(&account, Some(&stack));
        let groups = vec![
            entry("/aws/lambda/logctl-logctl-domain", Vec::new()),
            entry("/conflict", vec![filter("logctl-logctl", theirs, "")]),
            entry("/drifted", vec![filter("logctl-logctl", forwarder, "ERROR")]),
            entry("/missing", Vec::new()),
            entry("/skip/leak", vec![filter("by-hand", forwarder, "")]),
            entry("/streamed", vec![filter("logctl-logctl", forwarder, ""), filter("x", theirs, "")]),
            broken,
        ];
        Inventory {
            target: target(),
            taken_at: Timestamp::UNIX_EPOCH,
            stack: Some(StackName::default()),
            groups,
            coverage: Some(stack),
            account,
            policy: Ok(None),
            destinations: BTreeMap::from([(forwarder.to_owned(), true)]),
            copies: Ok(None),
            idle: Vec::new(),
            notes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use logctl_core::coverage::{Chain, Class};

    use super::*;

    fn found(name: &str, error: Option<Kind>) -> Entry {
        let facts = GroupFacts {
            name: name.into(),
            chain: Some(Chain::No),
            class: Class::Standard,
            filters: error.is_none().then(|| [].into()),
        };
        let mut entry = Entry::new(facts, error.map(|kind| Box::new(Error::new(kind, "no"))));
        entry.decide(&AccountFacts::default(), None);
        entry
    }

    fn inventory(groups: Vec<Entry>, policy: Result<Option<String>, Error>) -> Inventory {
        let target = Target { account: "1".into(), alias: None, region: "eu-west-1".into(), partition: "aws".into() };
        Inventory {
            target,
            taken_at: Timestamp::UNIX_EPOCH,
            stack: None,
            coverage: None,
            account: AccountFacts::default(),
            policy,
            destinations: BTreeMap::new(),
            copies: Ok(None),
            idle: Vec::new(),
            groups,
            notes: Vec::new(),
        }
    }

    #[test]
    fn what_could_not_be_read_is_no_answer() {
        let kind = |groups| inventory(groups, Ok(None)).check().map_err(|error| error.kind);
        assert_eq!(kind(vec![found("/a", None)]), Ok(()));
        assert_eq!(kind(vec![found("/a", Some(Kind::Denied)), found("/b", None)]), Err(Kind::Incomplete));
        assert_eq!(kind(vec![found("/a", Some(Kind::Denied))]), Err(Kind::Denied));
        assert_eq!(kind(vec![found("/a", Some(Kind::Throttled)), found("/b", None)]), Err(Kind::Throttled));
        let without_policy = inventory(vec![found("/a", None)], Err(Error::new(Kind::Denied, "no policy")));
        assert_eq!(without_policy.check().unwrap_err().kind, Kind::Incomplete);
        assert_eq!(without_policy.unread().len(), 1);
        let error = inventory(vec![found("/a", Some(Kind::Denied)), found("/b", None)], Ok(None)).check().unwrap_err();
        assert_eq!(error.message, "1 of 2 log groups could not be read");
    }
}
