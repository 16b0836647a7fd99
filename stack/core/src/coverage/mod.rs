//! The state of a log group: is it streamed, and if not, why not.
//!
//! One pure function, [`decide`], serves `audit`, `backfill` and LogGroupCreated.

mod facts;
mod filter;
mod policy;

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, Display, EnumIter, EnumString, VariantNames};

use crate::names::{Function, function_of, function_of_group};

pub use facts::{AccountFacts, Chain, Class, Filters, GroupFacts, Stack};
pub use filter::Filter;
pub use policy::AccountPolicy;

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
        matches!(self, Self::Streamed | Self::Double)
    }
}

fn no_state(_: &str) -> String {
    format!("the states are {}", State::VARIANTS.join(", "))
}

/// What brings a group to the wanted state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Create this filter, or put it right in place.
    Put {
        /// Its name.
        filter: String,
    },
    /// Delete these filters.
    Delete {
        /// Their names.
        filters: Vec<String>,
    },
}

/// A group's state, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The state.
    pub state: State,
    /// Why, in a few words for a person.
    pub reason: String,
    /// What `backfill` and LogGroupCreated do; `None` where there is nothing to do, or nothing that may be done.
    pub change: Option<Change>,
}

/// Decides the state of one log group: the first rule that fits, in order of precedence. Without a `stack` every group that could
/// be subscribed is missing.
#[must_use]
pub fn decide(group: &GroupFacts, account: &AccountFacts, stack: Option<&Stack>) -> Decision {
    let case = Case::new(group, account, stack);
    RULES.iter().find_map(|rule| rule(&case)).unwrap_or_else(|| missing(&case))
}

/// What decides, and in which order. What fits none is missing.
const RULES: [fn(&Case<'_>) -> Option<Decision>; 12] =
    [unknown, looping, own, unsupported, unwanted, excluded, conflict, broken, double, drifted, streamed, full];

/// One group, and what the rules ask about it.
struct Case<'a> {
    group: &'a GroupFacts,
    account: &'a AccountFacts,
    stack: Option<&'a Stack>,
    /// How it belongs to the forwarding chain, in words.
    belongs: Option<&'static str>,
    /// Its filters; none where it cannot have any.
    filters: &'a [Filter],
    /// Those of them that send to our destination.
    ours: Vec<&'a Filter>,
    /// The account policy, where it selects the group.
    policy: Option<&'a AccountPolicy>,
}

impl<'a> Case<'a> {
    fn new(group: &'a GroupFacts, account: &'a AccountFacts, stack: Option<&'a Stack>) -> Self {
        let belongs = match group.chain {
            Some(Chain::Function) => Some("belongs to a logctl function"),
            Some(Chain::Domain) => Some("the search domain publishes its own logs there"),
            Some(Chain::No | Chain::NoFunction) | None => None,
        };
        let filters = group.filters.as_deref().unwrap_or_default();
        let ours = filters.iter().filter(|filter| stack.is_some_and(|stack| stack.owns(filter))).collect();
        let policy = account.policy.as_ref().filter(|policy| !policy.except.contains(&group.name));
        Self { group, account, stack, belongs, filters, ours, policy }
    }

    /// Whether the account policy sends every event to our destination.
    fn by_policy(&self) -> bool {
        self.policy
            .zip(self.stack)
            .is_some_and(|(policy, stack)| policy.complete && policy.destination == stack.forwarder)
    }

    /// Whether a rule of the stack leaves the group out: the one that does.
    fn excluded(&self) -> Option<String> {
        self.stack?.rules.check(&self.group.name).err()
    }

    /// A destination as a person knows it, and whether it still takes deliveries.
    fn named(&self, destination: &str) -> String {
        let dead = if self.account.dead_destinations.contains(destination) { " (gone)" } else { "" };
        format!("{}{dead}", short_arn(destination))
    }

    /// Who gets the events instead of us.
    fn instead(&self) -> String {
        let others = self.others();
        if others.is_empty() {
            return "no subscription filter".to_owned();
        }
        format!("streamed to {} instead", others.join(" and "))
    }

    /// Who else gets the events.
    fn others(&self) -> Vec<String> {
        let theirs = self.filters.iter().filter(|filter| self.stack.is_none_or(|stack| !stack.owns(filter)));
        let policy = self.policy.filter(|policy| self.stack.is_none_or(|stack| policy.destination != stack.forwarder));
        let by_policy = policy.map(|policy| {
            let part = if policy.complete { "" } else { "a part " };
            format!("{} ({part}by the account policy)", self.named(&policy.destination))
        });
        theirs.map(|filter| self.named(&filter.destination)).chain(by_policy).collect()
    }
}

fn just(state: State, reason: impl Into<String>) -> Decision {
    Decision { state, reason: reason.into(), change: None }
}

fn unknown(case: &Case<'_>) -> Option<Decision> {
    if !case.group.class.is_standard() {
        return None; // Its class tells enough.
    }
    match (case.group.chain, &case.group.filters) {
        (None, _) => Some(just(State::Unknown, "whether it is a log of logctl itself could not be read")),
        (_, None) => Some(just(State::Unknown, "its subscription filters could not be read")),
        (Some(_), Some(_)) => None,
    }
}

fn looping(case: &Case<'_>) -> Option<Decision> {
    let belongs = case.belongs?;
    let feeding: Vec<&Filter> = case.filters.iter().filter(|filter| is_forwarder(&filter.destination)).collect();
    if !feeding.is_empty() {
        let reason = format!("{belongs}, and feeds a forwarder");
        return Some(Decision { state: State::Loop, reason, change: Some(delete(&feeding)) });
    }
    // CloudWatch Logs spares the destination's own group, but no other one of the chain.
    let own_function = function_of_group(&case.group.name);
    let fed = case.policy.is_some_and(|policy| {
        is_forwarder(&policy.destination) && own_function != Some(short_arn(&policy.destination))
    });
    let fed = fed && case.group.class.is_standard();
    fed.then(|| just(State::Loop, format!("{belongs}, and the account policy feeds a forwarder with it")))
}

fn own(case: &Case<'_>) -> Option<Decision> {
    case.belongs.map(|belongs| just(State::Own, belongs))
}

fn unsupported(case: &Case<'_>) -> Option<Decision> {
    let class = &case.group.class;
    let reason = || match class {
        Class::Other(name) => format!("nothing is known of subscribing its log class {name}"),
        class => format!("its log class {class} cannot be subscribed"),
    };
    (!class.is_standard()).then(|| just(State::Unsupported, reason()))
}

fn unwanted(case: &Case<'_>) -> Option<Decision> {
    let rule = case.excluded()?;
    if !case.ours.is_empty() {
        let reason = format!("{rule}, but it is streamed");
        return Some(Decision { state: State::Unwanted, reason, change: Some(delete(&case.ours)) });
    }
    case.by_policy().then(|| just(State::Unwanted, format!("{rule}, but the account policy streams it")))
}

fn excluded(case: &Case<'_>) -> Option<Decision> {
    case.excluded().map(|rule| just(State::Excluded, rule))
}

fn conflict(case: &Case<'_>) -> Option<Decision> {
    let stack = case.stack?;
    let filter = case.filters.iter().find(|filter| filter.name == stack.filter_name && !stack.owns(filter))?;
    Some(just(State::Conflict, format!("the filter `{}` points to {}", filter.name, case.named(&filter.destination))))
}

fn broken(case: &Case<'_>) -> Option<Decision> {
    let dead = case.account.dead_destinations.contains(&case.stack?.forwarder);
    let reason = if case.ours.is_empty() {
        "the account policy sends to a forwarder that is gone or refuses deliveries"
    } else {
        "its filter sends to a forwarder that is gone or refuses deliveries"
    };
    (dead && (case.by_policy() || !case.ours.is_empty())).then(|| just(State::Broken, reason))
}

fn double(case: &Case<'_>) -> Option<Decision> {
    let (state, stack) = (State::Double, case.stack?);
    if case.by_policy() && !case.ours.is_empty() {
        let reason = "by its filter and by the account policy".to_owned();
        return Some(Decision { state, reason, change: Some(delete(&case.ours)) });
    }
    if case.ours.len() < 2 {
        return None;
    }
    // One that sends everything stays, the others go.
    let complete = case.ours.iter().filter(|filter| filter.sends_everything());
    let kept = complete.max_by_key(|filter| filter.name == stack.filter_name)?;
    let others: Vec<&Filter> = case.ours.iter().copied().filter(|filter| filter.name != kept.name).collect();
    Some(Decision { state, reason: format!("by {} filters", case.ours.len()), change: Some(delete(&others)) })
}

fn drifted(case: &Case<'_>) -> Option<Decision> {
    let first = case.ours.first().filter(|filter| !filter.sends_everything())?;
    Some(Decision { state: State::Drifted, reason: first.drift(), change: Some(put(&first.name)) })
}

fn streamed(case: &Case<'_>) -> Option<Decision> {
    let by = match case.ours.first() {
        Some(filter) if filter.system_fields.is_empty() => "by its filter".to_owned(),
        Some(filter) => format!("by its filter, with {}", filter.system_fields.join(", ")),
        None if case.by_policy() => "by the account policy".to_owned(),
        None => return None,
    };
    let others = case.others();
    let also = if others.is_empty() { String::new() } else { format!("; also to {}", others.join(", ")) };
    Some(just(State::Streamed, format!("{by}{also}")))
}

fn full(case: &Case<'_>) -> Option<Decision> {
    let limit = case.account.filter_limit?;
    (case.filters.len() >= limit).then(|| just(State::Full, case.instead()))
}

fn missing(case: &Case<'_>) -> Decision {
    let change = case.stack.map(|stack| put(&stack.filter_name));
    Decision { state: State::Missing, reason: case.instead(), change }
}

fn put(filter: &str) -> Change {
    Change::Put { filter: filter.to_owned() }
}

fn delete(filters: &[&Filter]) -> Change {
    Change::Delete { filters: filters.iter().map(|filter| filter.name.clone()).collect() }
}

/// Whether an ARN names a forwarder of any stack.
fn is_forwarder(arn: &str) -> bool {
    arn.split_once(":function:")
        .is_some_and(|(_, name)| function_of(name).is_some_and(|(_, function)| function == Function::Forwarder))
}

/// The part of an ARN that a person recognises: what follows the account, without `function:`.
#[must_use]
pub fn short_arn(arn: &str) -> &str {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    resource.strip_prefix("function:").unwrap_or(resource)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use strum::IntoEnumIterator as _;
    use test_case::test_case;

    use super::*;
    use crate::globs::Rules;

    const FORWARDER: &str = "arn:aws:lambda:eu-west-1:1:function:logctl-logctl-forwarder";
    const OTHER: &str = "arn:aws:lambda:eu-west-1:1:function:LogsToElasticsearch";

    fn filter(name: &str, destination: &str) -> Filter {
        Filter { name: name.into(), destination: destination.into(), ..Filter::default() }
    }

    fn stack() -> Stack {
        Stack { filter_name: "logctl-logctl".into(), forwarder: FORWARDER.into(), rules: Rules::new("", "/skip/*") }
    }

    fn policy() -> AccountPolicy {
        AccountPolicy { destination: FORWARDER.into(), except: BTreeSet::from(["/not/this".into()]), complete: true }
    }

    const PUT: Option<&str> = Some("put logctl-logctl");

    fn changed(change: Option<&Change>) -> Option<String> {
        change.map(|change| match change {
            Change::Put { filter } => format!("put {filter}"),
            Change::Delete { filters } => format!("delete {}", filters.join(" ")),
        })
    }

    fn facts(group: &str, filters: &[Filter]) -> GroupFacts {
        let chain = match group {
            _ if group.contains("/logctl-") => Chain::Function,
            "/domain/slow" => Chain::Domain,
            "/aws/lambda/no-such-function" => Chain::NoFunction,
            _ => Chain::No,
        };
        let filters = Some(filters.into());
        GroupFacts { name: group.into(), chain: Some(chain), class: Class::Standard, filters }
    }

    fn decided(group: &str, filters: &[Filter], account: &AccountFacts) -> Decision {
        decide(&facts(group, filters), account, Some(&stack()))
    }

    #[test_case("/a", &[], State::Missing, PUT; "nothing there")]
    #[test_case("/a", &[("x", OTHER)], State::Missing, PUT; "a slot is free beside another")]
    #[test_case("/a", &[("x", OTHER), ("y", OTHER)], State::Full, None; "others hold all slots")]
    #[test_case("/a", &[("logctl-logctl", FORWARDER)], State::Streamed, None; "by our filter")]
    #[test_case("/a", &[("by-hand", FORWARDER)], State::Streamed, None; "found by destination, not by name")]
    #[test_case("/a", &[("logctl-logctl", OTHER)], State::Conflict, None; "our name, elsewhere")]
    #[test_case("/a", &[("logctl-logctl", FORWARDER), ("by-hand", FORWARDER)], State::Double, Some("delete by-hand"); "two filters")]
    #[test_case("/skip/a", &[], State::Excluded, None; "a rule says no")]
    #[test_case("/skip/a", &[("logctl-logctl", FORWARDER)], State::Unwanted, Some("delete logctl-logctl"); "leaks")]
    #[test_case("/skip/a", &[("x", OTHER)], State::Excluded, None; "excluded and somebody else's")]
    #[test_case("/aws/lambda/logctl-b-domain", &[], State::Own, None; "of another stack")]
    #[test_case("/aws/lambda/logctl-b-domain", &[("x", FORWARDER)], State::Loop, Some("delete x"); "feeds the chain")]
    #[test_case("/aws/lambda/logctl-b-domain", &[("x", OTHER)], State::Own, None; "feeds somebody else")]
    #[test_case("/aws/lambda/no-such-function", &[], State::Missing, PUT; "only called like one of ours")]
    #[test_case("/domain/slow", &[], State::Own, None; "the domain's own log")]
    #[test_case("/domain/slow", &[("x", FORWARDER)], State::Loop, Some("delete x"); "the domain's own log, fed to it")]
    fn states(group: &str, filters: &[(&str, &str)], state: State, change: Option<&str>) {
        let filters: Vec<_> = filters.iter().map(|(name, destination)| filter(name, destination)).collect();
        let account = AccountFacts { filter_limit: Some(2), ..AccountFacts::default() };
        let decision = decided(group, &filters, &account);
        let change_of = changed(decision.change.as_ref());
        assert_eq!((decision.state, change_of.as_deref()), (state, change), "{}", decision.reason);
    }

    #[test_case("/a", &[], State::Streamed, None; "by the policy alone")]
    #[test_case("/a", &[("logctl-logctl", FORWARDER)], State::Double, Some("delete logctl-logctl"); "by both")]
    #[test_case("/not/this", &[], State::Missing, PUT; "left out by the policy")]
    #[test_case("/skip/a", &[], State::Unwanted, None; "the policy leaks")]
    #[test_case("/aws/lambda/logctl-logctl-domain", &[], State::Loop, None; "the policy feeds the chain")]
    #[test_case("/aws/lambda/logctl-logctl-forwarder", &[], State::Own, None; "which AWS itself prevents here")]
    fn states_with_an_account_policy(group: &str, filters: &[(&str, &str)], state: State, change: Option<&str>) {
        let filters: Vec<_> = filters.iter().map(|(name, destination)| filter(name, destination)).collect();
        let decision = decided(group, &filters, &AccountFacts { policy: Some(policy()), ..AccountFacts::default() });
        let change_of = changed(decision.change.as_ref());
        assert_eq!((decision.state, change_of.as_deref()), (state, change), "{}", decision.reason);
    }

    #[test_case("ERROR", None, None, "its filter sends only what matches `ERROR`"; "a pattern")]
    #[test_case("", Some("Random"), None, "its filter distributes Random"; "a distribution")]
    #[test_case("", None, Some("@aws.account = 1"), "its filter sends only what is selected by `@aws.account = 1`"; "a selection")]
    fn a_changed_filter_is_put_right_under_its_own_name(
        pattern: &str,
        distribution: Option<&str>,
        selection: Option<&str>,
        reason: &str,
    ) {
        let changed = Filter {
            pattern: pattern.into(),
            distribution: distribution.map(Into::into),
            selection: selection.map(Into::into),
            ..filter("by-hand", FORWARDER)
        };
        let decision = decided("/a", &[changed], &AccountFacts::default());
        assert_eq!((decision.state, decision.change), (State::Drifted, Some(put("by-hand"))));
        assert_eq!(decision.reason, reason);
    }

    #[test]
    fn a_streamed_group_says_who_else_gets_its_events() {
        let filters = [filter("logctl-logctl", FORWARDER), filter("x", OTHER)];
        let decision = decided("/a", &filters, &AccountFacts::default());
        assert_eq!(decision.reason, "by its filter; also to LogsToElasticsearch");
    }

    #[test]
    fn a_policy_that_sends_only_a_part_takes_no_filter_away() {
        let partial = AccountPolicy { complete: false, ..policy() };
        let filters = [filter("logctl-logctl", FORWARDER)];
        let account = AccountFacts { policy: Some(partial), ..AccountFacts::default() };
        let state = |filters| decided("/a", filters, &account).state;
        assert_eq!((state(&filters[..]), state(&[])), (State::Streamed, State::Missing));
    }

    #[test]
    fn a_full_group_is_missing_until_the_limit_is_known() {
        let filters = [filter("x", OTHER), filter("y", OTHER)];
        let decision = decided("/a", &filters, &AccountFacts::default());
        assert_eq!(decision.state, State::Missing);
    }

    #[test]
    fn a_filter_to_a_forwarder_that_is_gone_is_broken() {
        let account = AccountFacts { dead_destinations: BTreeSet::from([FORWARDER.into()]), ..AccountFacts::default() };
        let filters = [filter("logctl-logctl", FORWARDER)];
        let decision = decided("/a", &filters, &account);
        assert_eq!(decision.state, State::Broken);
    }

    #[test]
    fn what_could_not_be_read_is_unknown_unless_its_class_says_enough() {
        let read = |class| {
            let group = GroupFacts { class, filters: None, ..facts("/a", &[]) };
            decide(&group, &AccountFacts::default(), Some(&stack())).state
        };
        assert_eq!(read(Class::Standard), State::Unknown);
        assert_eq!(read(Class::InfrequentAccess), State::Unsupported);
        let unread = GroupFacts { chain: None, ..facts("/a", &[]) };
        assert_eq!(decide(&unread, &AccountFacts::default(), Some(&stack())).state, State::Unknown);
    }

    #[test]
    fn without_a_stack_every_group_that_could_be_subscribed_is_missing() {
        let filters = [filter("x", OTHER)];
        let decision = decide(&facts("/a", &filters), &AccountFacts::default(), None);
        assert_eq!(decision.state, State::Missing);
        assert_eq!(decision.reason, "streamed to LogsToElasticsearch instead");
        assert_eq!(decision.change, None);
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
