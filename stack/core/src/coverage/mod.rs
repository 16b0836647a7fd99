//! The state of a log group: is it streamed, and if not, why not.
//!
//! One pure function, [`decide`], serves `audit`, `backfill` and LogGroupCreated.

mod facts;
mod filter;
mod policy;

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, Display, EnumIter, EnumString, VariantNames};

use crate::names::{Function, function_of, function_of_group};

pub use facts::{AccountFacts, Chain, Class, GroupFacts, Stack};
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

/// Decides the state of one log group: the first that fits, in order of precedence. Without a `stack` every group that could
/// be subscribed is missing.
#[must_use]
pub fn decide(group: &GroupFacts, account: &AccountFacts, stack: Option<&Stack>) -> Decision {
    let (class, filters, policy) = (group.class, group.filters.as_deref(), account.policy.as_ref());
    let (group, chain) = (group.name.as_str(), group.chain);
    let just = |state, reason: &str| Decision { state, reason: reason.to_owned(), change: None };
    let belongs = match chain {
        Some(Chain::Function) => Some(TO_FUNCTION),
        Some(Chain::Domain) => Some(TO_DOMAIN),
        Some(Chain::No | Chain::NoFunction) | None => None,
    };
    if class != Class::Standard {
        return match belongs {
            Some(belongs) => just(State::Own, belongs),
            None => Decision {
                state: State::Unsupported,
                reason: format!("its log class {} cannot be subscribed", class.as_str()),
                change: None,
            },
        };
    }
    if chain.is_none() {
        return just(State::Unknown, "whether it is a log of logctl itself could not be read");
    }
    let Some(filters) = filters else { return just(State::Unknown, "its subscription filters could not be read") };
    if let Some(belongs) = belongs {
        return decide_own(group, belongs, filters, policy);
    }
    let Some(stack) = stack else { return decide_without_stack(filters, account) };

    let ours: Vec<&Filter> = filters.iter().filter(|filter| stack.owns(filter)).collect();
    let by_policy = policy.is_some_and(|p| p.complete && p.destination == stack.forwarder && !p.except.contains(group));
    if let Err(rule) = stack.rules.check(group) {
        return match (ours.is_empty(), by_policy) {
            (true, false) => Decision { state: State::Excluded, reason: rule, change: None },
            (true, true) => Decision {
                state: State::Unwanted,
                reason: format!("{rule}, but the account policy streams it"),
                change: None,
            },
            (false, _) => Decision {
                state: State::Unwanted,
                reason: format!("{rule}, but it is streamed"),
                change: Some(delete(names(&ours))),
            },
        };
    }
    if let Some(filter) = filters.iter().find(|f| f.name == stack.filter_name && !stack.owns(f)) {
        return Decision {
            state: State::Conflict,
            reason: format!("the filter `{}` points to {}", filter.name, short_arn(&filter.destination)),
            change: None,
        };
    }
    if !ours.is_empty() && account.dead_destinations.contains(&stack.forwarder) {
        return just(State::Broken, "the forwarder is gone or refuses deliveries");
    }
    match (ours.as_slice(), by_policy) {
        ([], true) => just(State::Streamed, "by the account policy"),
        ([], false) => decide_missing(filters, stack, account),
        (_, true) => Decision {
            state: State::Double,
            reason: "by its filter and by the account policy".to_owned(),
            change: Some(delete(names(&ours))),
        },
        ([one], false) if one.sends_everything() => {
            Decision { state: State::Streamed, reason: format!("by its filter{}", also(filters, stack)), change: None }
        }
        ([one], false) => Decision { state: State::Drifted, reason: drift(one), change: Some(put(&one.name)) },
        (several, false) => decide_several(several, stack),
    }
}

/// How a group belongs to the forwarding chain.
const TO_FUNCTION: &str = "belongs to a logctl function";
const TO_DOMAIN: &str = "the search domain publishes its own logs there";

fn decide_own(group: &str, belongs: &str, filters: &[Filter], policy: Option<&AccountPolicy>) -> Decision {
    let looping: Vec<&Filter> = filters.iter().filter(|filter| is_forwarder(&filter.destination)).collect();
    if !looping.is_empty() {
        return Decision {
            state: State::Loop,
            reason: format!("{belongs}, and feeds a forwarder"),
            change: Some(delete(names(&looping))),
        };
    }
    // CloudWatch Logs spares the destination's own group, but no other one of the chain.
    let fed = policy.is_some_and(|policy| {
        is_forwarder(&policy.destination)
            && !policy.except.contains(group)
            && function_of_group(group) != Some(short_arn(&policy.destination))
    });
    let (state, reason) = if fed {
        (State::Loop, format!("{belongs}, and the account policy feeds a forwarder with it"))
    } else {
        (State::Own, belongs.to_owned())
    };
    Decision { state, reason, change: None }
}

fn decide_without_stack(filters: &[Filter], account: &AccountFacts) -> Decision {
    let full = account.filter_limit.is_some_and(|limit| filters.len() >= limit);
    let state = if full { State::Full } else { State::Missing };
    Decision { state, reason: held_by(filters), change: None }
}

fn decide_missing(filters: &[Filter], stack: &Stack, account: &AccountFacts) -> Decision {
    if account.filter_limit.is_some_and(|limit| filters.len() >= limit) {
        return Decision { state: State::Full, reason: held_by(filters), change: None };
    }
    Decision { state: State::Missing, reason: held_by(filters), change: Some(put(&stack.filter_name)) }
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
            change: Some(delete(ours.iter().map(|f| f.name.clone()).filter(|name| name != kept).collect())),
        },
        None => Decision { state: State::Drifted, reason: drift(ours[0]), change: Some(put(&ours[0].name)) },
    }
}

fn drift(filter: &Filter) -> String {
    if let Some(selection) = filter.selection.as_deref().filter(|selection| !selection.is_empty()) {
        return format!("its filter sends only what is selected by `{selection}`");
    }
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

/// Who gets the events instead of us.
fn held_by(filters: &[Filter]) -> String {
    if filters.is_empty() {
        return "no subscription filter".to_owned();
    }
    let holders: Vec<_> = filters.iter().map(|filter| short_arn(&filter.destination)).collect();
    format!("streamed to {} instead", holders.join(", "))
}

fn put(filter: &str) -> Change {
    Change::Put { filter: filter.to_owned() }
}

fn delete(filters: Vec<String>) -> Change {
    Change::Delete { filters }
}

fn names(filters: &[&Filter]) -> Vec<String> {
    filters.iter().map(|filter| filter.name.clone()).collect()
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
        let filters = Some(filters.to_vec());
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
