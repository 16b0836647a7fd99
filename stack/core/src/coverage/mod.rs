//! The state of a log group: is it streamed, and if not, why not.
//!
//! One pure function, [`decide`], serves `audit`, `backfill` and LogGroupCreated.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, Display, EnumIter, EnumString, VariantNames};

use crate::{names::is_own_group, globs::Rules};

/// The state of a log group. The variants stand in the order of precedence: where several fit, the first counts.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumIter,
    EnumString,
    AsRefStr,
    VariantNames,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = no_state)]
pub enum State {
    /// Could not be read.
    Unknown,
    /// Belongs to the forwarding chain and is subscribed to it.
    Loop,
    /// Belongs to the forwarding chain.
    Own,
    /// Its log class cannot be subscribed.
    Unsupported,
    /// A rule says no, but it is streamed.
    Unwanted,
    /// A rule says no, and it is not streamed.
    Excluded,
    /// A filter of our name points elsewhere.
    Conflict,
    /// Our filter is there, but the destination is gone or refuses.
    Broken,
    /// Delivered twice and paid for twice.
    Double,
    /// Our filter with another pattern or distribution.
    Drifted,
    /// Delivered to our destination.
    Streamed,
    /// May be streamed, but others hold all filter slots.
    Full,
    /// May be streamed, is not.
    Missing,
}

impl State {
    /// Whether every event of a group in this state reaches our destination.
    #[must_use]
    pub const fn delivers(self) -> bool {
        match self {
            Self::Streamed | Self::Double => true,
            Self::Unknown
            | Self::Loop
            | Self::Own
            | Self::Unsupported
            | Self::Unwanted
            | Self::Excluded
            | Self::Conflict
            | Self::Broken
            | Self::Drifted
            | Self::Full
            | Self::Missing => false,
        }
    }
}

fn no_state(_: &str) -> String {
    format!("the states are {}", State::VARIANTS.join(", "))
}

/// The class of a log group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Class {
    /// The only class that can be subscribed.
    Standard,
    /// `INFREQUENT_ACCESS`.
    InfrequentAccess,
    /// `DELIVERY`.
    Delivery,
    /// One that did not exist when this was written.
    Other,
}

impl Class {
    /// The class that the API calls `name`; none means `STANDARD`.
    #[must_use]
    pub fn of(name: Option<&str>) -> Self {
        match name {
            None | Some("STANDARD") => Self::Standard,
            Some("INFREQUENT_ACCESS") => Self::InfrequentAccess,
            Some("DELIVERY") => Self::Delivery,
            Some(_) => Self::Other,
        }
    }

    /// The API's name of it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::InfrequentAccess => "INFREQUENT_ACCESS",
            Self::Delivery => "DELIVERY",
            Self::Other => "OTHER",
        }
    }
}

/// A subscription filter, as DescribeSubscriptionFilters returns it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Filter {
    /// Unique within the group.
    #[serde(rename = "filterName")]
    pub name: String,
    /// ARN of what receives the events.
    #[serde(rename = "destinationArn")]
    pub destination: String,
    /// Which events; empty means all.
    #[serde(rename = "filterPattern", default)]
    pub pattern: String,
    /// `ByLogStream`, unless somebody changed it.
    #[serde(default)]
    pub distribution: Option<String>,
    /// A condition on system fields, where somebody has set one.
    #[serde(rename = "fieldSelectionCriteria", default)]
    pub selection: Option<String>,
}

impl Filter {
    /// The pattern of our filters: everything.
    pub const PATTERN: &str = "";
    /// The distribution of our filters: a stream's events stay together.
    pub const DISTRIBUTION: &str = "ByLogStream";

    fn sends_everything(&self) -> bool {
        self.pattern == Self::PATTERN
            && self.selection.as_deref().is_none_or(str::is_empty)
            && self.distribution.as_deref().is_none_or(|d| d == Self::DISTRIBUTION)
    }
}

/// The account's subscription policy, of which there is at most one in a Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPolicy {
    /// ARN of what receives the events.
    pub destination: String,
    /// Groups that its selection criteria leave out: `LogGroupName NOT IN [...]`.
    pub except: BTreeSet<String>,
    /// Whether it sends every event of every other group. One with a filter pattern, or with criteria that could not be
    /// read, proves nothing about a group.
    pub complete: bool,
}

impl AccountPolicy {
    /// Reads a policy from its document and its selection criteria, whose only form is `LogGroupName NOT IN ["a", "b"]`.
    /// `None` where the document names no destination.
    #[must_use]
    pub fn parse(document: &str, criteria: &str) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Document {
            destination_arn: String,
            #[serde(default)]
            filter_pattern: String,
        }
        let document: Document = serde_json::from_str(document).ok()?;
        let names = match criteria.split_once("NOT IN") {
            None => criteria.trim().is_empty().then(BTreeSet::new),
            Some((_, names)) => serde_json::from_str(names).ok(),
        };
        let complete = document.filter_pattern.is_empty() && names.is_some();
        Some(Self { destination: document.destination_arn, except: names.unwrap_or_default(), complete })
    }
}

/// What a stack says about itself.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Name of its subscription filters.
    pub filter_name: String,
    /// ARN of LogsForwarder.
    pub forwarder: String,
    /// Which groups it wants.
    pub rules: Rules,
}

impl Stack {
    /// Whether a filter sends to this stack. Its name tells nothing.
    #[must_use]
    pub fn owns(&self, filter: &Filter) -> bool {
        filter.destination == self.forwarder
    }
}

/// What is known of the destinations and of the account.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// Destinations that are known to be gone or to refuse.
    pub gone: BTreeSet<String>,
    /// Filters that a group can hold, where a `LimitExceededException` has taught it.
    pub filters_per_group: Option<usize>,
}

/// What brings a group to the wanted state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing to do, or nothing that may be done.
    None,
    /// Create the filter of this name, or put it right in place.
    Put(String),
    /// Delete the filters of these names.
    Delete(Vec<String>),
}

/// A group's state, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The state.
    pub state: State,
    /// Why, in a few words for a person.
    pub reason: String,
    /// What `backfill` and LogGroupCreated do.
    pub action: Action,
}

/// Decides the state of one log group.
///
/// `filters` is what DescribeSubscriptionFilters returns, `None` when it could not be read. Without a `stack` every
/// group that could be subscribed is missing.
#[must_use]
pub fn decide(
    group: &str,
    class: Class,
    filters: Option<&[Filter]>,
    policy: Option<&AccountPolicy>,
    stack: Option<&Stack>,
    limits: &Limits,
) -> Decision {
    let just = |state, reason: &str| Decision { state, reason: reason.to_owned(), action: Action::None };
    let own = is_own_group(group);
    if class != Class::Standard {
        return if own {
            just(State::Own, "belongs to a logctl function")
        } else {
            Decision {
                state: State::Unsupported,
                reason: format!("its log class {} cannot be subscribed", class.as_str()),
                action: Action::None,
            }
        };
    }
    let Some(filters) = filters else { return just(State::Unknown, "its subscription filters could not be read") };
    if own {
        return decide_own(group, filters, policy);
    }
    let Some(stack) = stack else { return decide_without_stack(filters, limits) };

    let ours: Vec<&Filter> = filters.iter().filter(|filter| stack.owns(filter)).collect();
    let by_policy = policy.is_some_and(|p| p.complete && p.destination == stack.forwarder && !p.except.contains(group));
    if let Err(rule) = stack.rules.check(group) {
        return match (ours.is_empty(), by_policy) {
            (true, false) => Decision { state: State::Excluded, reason: rule, action: Action::None },
            (true, true) => Decision {
                state: State::Unwanted,
                reason: format!("{rule}, but the account policy streams it"),
                action: Action::None,
            },
            (false, _) => Decision {
                state: State::Unwanted,
                reason: format!("{rule}, but it is streamed"),
                action: Action::Delete(names(&ours)),
            },
        };
    }
    if let Some(filter) = filters.iter().find(|f| f.name == stack.filter_name && !stack.owns(f)) {
        return Decision {
            state: State::Conflict,
            reason: format!("the filter `{}` points to {}", filter.name, short_arn(&filter.destination)),
            action: Action::None,
        };
    }
    if !ours.is_empty() && limits.gone.contains(&stack.forwarder) {
        return just(State::Broken, "the forwarder is gone or refuses deliveries");
    }
    match (ours.as_slice(), by_policy) {
        ([], true) => just(State::Streamed, "by the account policy"),
        ([], false) => decide_missing(filters, stack, limits),
        (_, true) => Decision {
            state: State::Double,
            reason: "by its filter and by the account policy".to_owned(),
            action: Action::Delete(names(&ours)),
        },
        ([one], false) if one.sends_everything() => Decision {
            state: State::Streamed,
            reason: format!("by its filter{}", also(filters, stack)),
            action: Action::None,
        },
        ([one], false) => Decision { state: State::Drifted, reason: drift(one), action: Action::Put(one.name.clone()) },
        (several, false) => decide_several(several, stack),
    }
}

fn decide_own(group: &str, filters: &[Filter], policy: Option<&AccountPolicy>) -> Decision {
    let looping: Vec<&Filter> = filters.iter().filter(|filter| is_forwarder(&filter.destination)).collect();
    if !looping.is_empty() {
        return Decision {
            state: State::Loop,
            reason: "belongs to a logctl function and feeds one".to_owned(),
            action: Action::Delete(names(&looping)),
        };
    }
    // CloudWatch Logs spares the destination's own group, but no other one of the chain.
    let fed = policy.is_some_and(|policy| {
        is_forwarder(&policy.destination)
            && !policy.except.contains(group)
            && group.strip_prefix("/aws/lambda/") != Some(short_arn(&policy.destination))
    });
    let (state, reason) = if fed {
        (State::Loop, "belongs to a logctl function, and the account policy feeds one with it")
    } else {
        (State::Own, "belongs to a logctl function")
    };
    Decision { state, reason: reason.to_owned(), action: Action::None }
}

fn decide_without_stack(filters: &[Filter], limits: &Limits) -> Decision {
    let full = limits.filters_per_group.is_some_and(|limit| filters.len() >= limit);
    let reason = match filters {
        [] => "no subscription filter".to_owned(),
        _ => held_by(filters),
    };
    Decision { state: if full { State::Full } else { State::Missing }, reason, action: Action::None }
}

fn decide_missing(filters: &[Filter], stack: &Stack, limits: &Limits) -> Decision {
    if limits.filters_per_group.is_some_and(|limit| filters.len() >= limit) {
        return Decision { state: State::Full, reason: held_by(filters), action: Action::None };
    }
    let reason = if filters.is_empty() { "no subscription filter".to_owned() } else { held_by(filters) };
    Decision { state: State::Missing, reason, action: Action::Put(stack.filter_name.clone()) }
}

/// Several filters of one group send to our forwarder: one that sends everything stays, the others go.
fn decide_several(ours: &[&Filter], stack: &Stack) -> Decision {
    let kept = ours
        .iter()
        .filter(|filter| filter.sends_everything())
        .max_by_key(|filter| filter.name == stack.filter_name)
        .map(|filter| &filter.name);
    match kept {
        Some(kept) => Decision {
            state: State::Double,
            reason: format!("by {} filters", ours.len()),
            action: Action::Delete(ours.iter().map(|f| f.name.clone()).filter(|name| name != kept).collect()),
        },
        None => Decision { state: State::Drifted, reason: drift(ours[0]), action: Action::Put(ours[0].name.clone()) },
    }
}

fn drift(filter: &Filter) -> String {
    if filter.pattern.is_empty() {
        return format!("its filter distributes {}", filter.distribution.as_deref().unwrap_or_default());
    }
    format!("its filter sends only what matches `{}`", filter.pattern)
}

/// Who else gets the events.
fn also(filters: &[Filter], stack: &Stack) -> String {
    let others: Vec<_> =
        filters.iter().filter(|filter| !stack.owns(filter)).map(|f| short_arn(&f.destination)).collect();
    if others.is_empty() { String::new() } else { format!("; also to {}", others.join(", ")) }
}

fn held_by(filters: &[Filter]) -> String {
    let holders: Vec<_> = filters.iter().map(|filter| short_arn(&filter.destination)).collect();
    format!("streamed to {} instead", holders.join(", "))
}

fn names(filters: &[&Filter]) -> Vec<String> {
    filters.iter().map(|filter| filter.name.clone()).collect()
}

/// Whether an ARN names a forwarder of any stack.
fn is_forwarder(arn: &str) -> bool {
    arn.split_once(":function:").is_some_and(|(_, name)| name.starts_with("logctl-") && name.ends_with("-forwarder"))
}

/// The part of an ARN that a person recognises: what follows the account, without `function:`.
#[must_use]
pub fn short_arn(arn: &str) -> &str {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    resource.strip_prefix("function:").unwrap_or(resource)
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator as _;
    use test_case::test_case;

    use super::*;

    const FORWARDER: &str = "arn:aws:lambda:eu-west-1:1:function:logctl-logctl-forwarder";
    const OTHER: &str = "arn:aws:lambda:eu-west-1:1:function:LogsToElasticsearch";

    fn filter(name: &str, destination: &str) -> Filter {
        Filter {
            name: name.into(),
            destination: destination.into(),
            pattern: String::new(),
            distribution: None,
            selection: None,
        }
    }

    fn stack() -> Stack {
        Stack { filter_name: "logctl-logctl".into(), forwarder: FORWARDER.into(), rules: Rules::new("", "/skip/*") }
    }

    fn policy() -> AccountPolicy {
        AccountPolicy { destination: FORWARDER.into(), except: BTreeSet::from(["/not/this".into()]), complete: true }
    }

    fn put() -> Action {
        Action::Put("logctl-logctl".into())
    }

    fn delete(name: &str) -> Action {
        Action::Delete(vec![name.into()])
    }

    #[test_case("/a", &[], State::Missing, put(); "nothing there")]
    #[test_case("/a", &[("x", OTHER)], State::Missing, put(); "a slot is free beside another")]
    #[test_case("/a", &[("x", OTHER), ("y", OTHER)], State::Full, Action::None; "others hold all slots")]
    #[test_case("/a", &[("logctl-logctl", FORWARDER)], State::Streamed, Action::None; "by our filter")]
    #[test_case("/a", &[("by-hand", FORWARDER)], State::Streamed, Action::None; "found by destination, not by name")]
    #[test_case("/a", &[("logctl-logctl", OTHER)], State::Conflict, Action::None; "our name, elsewhere")]
    #[test_case("/a", &[("logctl-logctl", FORWARDER), ("by-hand", FORWARDER)], State::Double, delete("by-hand"); "two filters")]
    #[test_case("/skip/a", &[], State::Excluded, Action::None; "a rule says no")]
    #[test_case("/skip/a", &[("logctl-logctl", FORWARDER)], State::Unwanted, delete("logctl-logctl"); "leaks")]
    #[test_case("/skip/a", &[("x", OTHER)], State::Excluded, Action::None; "excluded and somebody else's")]
    #[test_case("/aws/lambda/logctl-b-domain", &[], State::Own, Action::None; "of another stack")]
    #[test_case("/aws/lambda/logctl-b-domain", &[("x", FORWARDER)], State::Loop, delete("x"); "feeds the chain")]
    #[test_case("/aws/lambda/logctl-b-domain", &[("x", OTHER)], State::Own, Action::None; "feeds somebody else")]
    fn states(group: &str, filters: &[(&str, &str)], state: State, action: Action) {
        let filters: Vec<_> = filters.iter().map(|(name, destination)| filter(name, destination)).collect();
        let limits = Limits { filters_per_group: Some(2), ..Limits::default() };
        let decision = decide(group, Class::Standard, Some(&filters), None, Some(&stack()), &limits);
        assert_eq!((decision.state, decision.action), (state, action), "{}", decision.reason);
    }

    #[test_case("/a", &[], State::Streamed, Action::None; "by the policy alone")]
    #[test_case("/a", &[("logctl-logctl", FORWARDER)], State::Double, delete("logctl-logctl"); "by both")]
    #[test_case("/not/this", &[], State::Missing, put(); "left out by the policy")]
    #[test_case("/skip/a", &[], State::Unwanted, Action::None; "the policy leaks")]
    #[test_case("/aws/lambda/logctl-logctl-domain", &[], State::Loop, Action::None; "the policy feeds the chain")]
    #[test_case("/aws/lambda/logctl-logctl-forwarder", &[], State::Own, Action::None; "which AWS itself prevents here")]
    fn states_with_an_account_policy(group: &str, filters: &[(&str, &str)], state: State, action: Action) {
        let filters: Vec<_> = filters.iter().map(|(name, destination)| filter(name, destination)).collect();
        let decision =
            decide(group, Class::Standard, Some(&filters), Some(&policy()), Some(&stack()), &Limits::default());
        assert_eq!((decision.state, decision.action), (state, action), "{}", decision.reason);
    }

    #[test_case("ERROR", None; "a pattern")]
    #[test_case("", Some("Random"); "a distribution")]
    fn a_changed_filter_is_put_right_under_its_own_name(pattern: &str, distribution: Option<&str>) {
        let changed = Filter {
            pattern: pattern.into(),
            distribution: distribution.map(Into::into),
            ..filter("by-hand", FORWARDER)
        };
        let decision = decide("/a", Class::Standard, Some(&[changed]), None, Some(&stack()), &Limits::default());
        assert_eq!((decision.state, decision.action), (State::Drifted, Action::Put("by-hand".into())));
    }

    #[test]
    fn a_streamed_group_says_who_else_gets_its_events() {
        let filters = [filter("logctl-logctl", FORWARDER), filter("x", OTHER)];
        let decision = decide("/a", Class::Standard, Some(&filters), None, Some(&stack()), &Limits::default());
        assert_eq!(decision.reason, "by its filter; also to LogsToElasticsearch");
    }

    #[test]
    fn a_policy_that_sends_only_a_part_takes_no_filter_away() {
        let partial = AccountPolicy { complete: false, ..policy() };
        let filters = [filter("logctl-logctl", FORWARDER)];
        let state = |filters| {
            decide("/a", Class::Standard, Some(filters), Some(&partial), Some(&stack()), &Limits::default()).state
        };
        assert_eq!((state(&filters[..]), state(&[])), (State::Streamed, State::Missing));
    }

    #[test]
    fn a_full_group_is_missing_until_the_limit_is_known() {
        let filters = [filter("x", OTHER), filter("y", OTHER)];
        let decision = decide("/a", Class::Standard, Some(&filters), None, Some(&stack()), &Limits::default());
        assert_eq!(decision.state, State::Missing);
    }

    #[test]
    fn a_filter_to_a_forwarder_that_is_gone_is_broken() {
        let limits = Limits { gone: BTreeSet::from([FORWARDER.into()]), ..Limits::default() };
        let filters = [filter("logctl-logctl", FORWARDER)];
        let decision = decide("/a", Class::Standard, Some(&filters), None, Some(&stack()), &limits);
        assert_eq!(decision.state, State::Broken);
    }

    #[test]
    fn what_could_not_be_read_is_unknown_unless_its_class_says_enough() {
        let read = |class| decide("/a", class, None, None, Some(&stack()), &Limits::default()).state;
        assert_eq!(read(Class::Standard), State::Unknown);
        assert_eq!(read(Class::InfrequentAccess), State::Unsupported);
    }

    #[test]
    fn without_a_stack_every_group_that_could_be_subscribed_is_missing() {
        let filters = [filter("x", OTHER)];
        let decision = decide("/a", Class::Standard, Some(&filters), None, None, &Limits::default());
        assert_eq!(decision.state, State::Missing);
        assert_eq!(decision.reason, "streamed to LogsToElasticsearch instead");
        assert_eq!(decision.action, Action::None);
    }

    #[test]
    fn an_account_policy_names_its_destination_and_its_exceptions() {
        let document = format!(r#"{{"DestinationArn":"{FORWARDER}","FilterPattern":"","Distribution":"Random"}}"#);
        assert_eq!(AccountPolicy::parse(&document, r#"LogGroupName NOT IN ["/not/this"]"#), Some(policy()));
        assert_eq!(AccountPolicy::parse(&document, "").unwrap().except, BTreeSet::new());
        assert_eq!(AccountPolicy::parse("{}", ""), None);
        let complete = |document: &str, criteria| AccountPolicy::parse(document, criteria).unwrap().complete;
        assert!(!complete(&document, "LogGroupNamePrefix IN [\"/a\"]"));
        assert!(!complete(&document.replace(r#""FilterPattern":"""#, r#""FilterPattern":"ERROR""#), ""));
    }

    #[test]
    fn every_state_reads_back() {
        for state in State::iter() {
            assert_eq!(state.as_ref().parse(), Ok(state));
        }
        assert!("gone".parse::<State>().unwrap_err().starts_with("the states are unknown, loop, own, "));
    }
}
