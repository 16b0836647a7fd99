//! Random accounts with random pasts: what is proven is what a look at every group would have told at that time.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use logctl_core::{
    coverage::{AccountFacts, AccountPolicy, Chain, Class, Filter, GroupFacts, Stack, State, decide},
    globs::Rules,
};

use super::*;

const FORWARDER: &str = "arn:aws:lambda:eu-west-1:1:function:logctl-logctl-forwarder";
const OTHER: &str = "arn:aws:lambda:eu-west-1:1:function:theirs";
const OURS: &str = "logctl-logctl";
const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;
const NOW: i64 = 200 * DAY;
/// Minutes of the window of deliveries, up to the lag.
const WINDOW: i64 = 180;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A group's past: when it was there, and with which filters.
#[derive(Debug, Default)]
struct Past {
    /// What was done, by second; `None` makes the group.
    deeds: Vec<(i64, Option<Deed>)>,
}

impl Past {
    /// Filters at a time; `None` where there is no group.
    fn filters(&self, second: i64) -> Option<Vec<Filter>> {
        let mut state: Option<BTreeMap<String, Filter>> = None;
        for (_, deed) in self.deeds.iter().filter(|(at, _)| *at <= second) {
            match (deed, &mut state) {
                (None, _) => state = Some(BTreeMap::new()),
                (Some(Deed::Group), _) => state = None,
                (Some(Deed::Put(filter)), Some(filters)) => {
                    filters.insert(filter.name.clone(), (**filter).clone());
                }
                (Some(Deed::Delete(name)), Some(filters)) => drop(filters.remove(name)),
                _ => {}
            }
        }
        state.map(|filters| filters.into_values().collect())
    }

    fn random(random: &mut fastrand::Rng) -> Self {
        let mut times: Vec<i64> = (0..random.usize(1..8))
            .map(|_| match random.u8(0..4) {
                0 => random.i64(1..NOW),
                1 => NOW - random.i64(1..3 * DAY),
                2 => NOW - random.i64(1..300 * MINUTE),
                _ => NOW - random.i64(1..30 * MINUTE),
            })
            .collect();
        times.sort_unstable();
        let mut deeds: Vec<(i64, Option<Deed>)> = Vec::new();
        let mut past = Self::default();
        for time in times {
            let deed = past.filters(time).map(|filters| random_deed(&filters, random));
            deeds.push((time, deed));
            past = Self { deeds: deeds.clone() };
        }
        past
    }
}

fn random_deed(filters: &[Filter], random: &mut fastrand::Rng) -> Deed {
    match random.u8(0..10) {
        0 => Deed::Group,
        1 | 2 if !filters.is_empty() => Deed::Delete(random.choice(filters).unwrap().name.clone()),
        _ => {
            let name = *random.choice([OURS, OURS, OURS, "by-hand"]).as_ref().unwrap();
            let destination = random.choice([FORWARDER, FORWARDER, FORWARDER, OTHER]).unwrap();
            let pattern = random.choice(["", "", "ERROR", "HALF"]).unwrap();
            let filter = Filter {
                name: name.to_owned(),
                destination: destination.to_owned(),
                pattern: pattern.to_owned(),
                ..Filter::default()
            };
            Deed::Put(Arc::new(filter))
        }
    }
}

/// How much of the events a pattern lets pass.
fn share(filter: &Filter) -> f64 {
    match filter.pattern.as_str() {
        "" => 1.0,
        "HALF" => 0.5,
        _ => 0.0,
    }
}

/// What came in and went out of a group in the window, minute by minute; a policy of ours sends everything.
fn delivery(past: &Past, policy: Option<&AccountPolicy>, random: &mut fastrand::Rng) -> Delivery {
    let mut delivery = Delivery::default();
    let busy = random.u8(0..3) > 0;
    let end = NOW - LAG.as_secs();
    for minute in 0..WINDOW {
        let Some(filters) = past.filters(end - minute * MINUTE) else { continue };
        let events = if busy { 10.0 } else { 0.0 };
        delivery.incoming += events;
        for filter in &filters {
            let sent = events * share(filter);
            if sent > 0.0 {
                match delivery.forwarded.iter_mut().find(|(name, _)| **name == *filter.name) {
                    Some((_, all)) => *all += sent,
                    None => delivery.forwarded.push((filter.name.as_str().into(), sent)),
                }
            }
        }
        let arrives = filters.iter().any(|filter| filter.destination == FORWARDER && share(filter) > 0.0);
        let by_policy = policy.is_some_and(|policy| policy.destination == FORWARDER);
        delivery.documents += if arrives || by_policy { events } else { 0.0 };
    }
    delivery
}

/// The history as it is told now: whole up to the lag, with some of what came later.
fn history(pasts: &[(String, Past)], since: i64, random: &mut fastrand::Rng) -> History {
    let until = NOW - LAG.as_secs();
    let mut history = History { since: at(since), until: at(until), ..History::default() };
    for (name, past) in pasts {
        let told = past.deeds.iter().filter_map(|(second, deed)| Some((*second, deed.clone()?)));
        let told = told.filter(|(second, _)| *second >= since && (*second <= until || random.bool()));
        // The service's clock is not ours.
        let deeds: Vec<_> = told.map(|(second, deed)| (at(second), deed)).collect();
        if !deeds.is_empty() {
            history.deeds.insert(name.clone(), deeds);
        }
    }
    history
}

fn state(filters: &[Filter], account: &AccountFacts, stack: &Stack) -> State {
    let facts = GroupFacts {
        name: "/a".to_owned(),
        chain: Some(Chain::No),
        class: Class::Standard,
        filters: Some(filters.into()),
    };
    decide(&facts, account, Some(stack)).state
}

#[test]
fn what_is_proven_was_so() {
    let mut proven: BTreeMap<Source, usize> = BTreeMap::new();
    for seed in 0..1_000 {
        let random = &mut fastrand::Rng::with_seed(seed);
        let policy = (random.u8(0..5) == 0).then(|| AccountPolicy {
            destination: if random.bool() { FORWARDER } else { OTHER }.to_owned(),
            except: std::collections::BTreeSet::new(),
            complete: random.bool(),
        });
        let account = AccountFacts { policy, ..AccountFacts::default() };
        let rules = if random.u8(0..4) == 0 { Rules::new("", "/a*") } else { Rules::new("", "") };
        let stack = Stack { filter_name: OURS.to_owned(), forwarder: FORWARDER.to_owned(), rules };
        let pasts: Vec<_> = (0..30).map(|number| (format!("/{number}"), Past::random(random))).collect();
        let since = *random.choice([&(NOW - 89 * DAY), &(NOW - DAY), &(NOW - 240 * MINUTE)]).unwrap();
        let history = history(&pasts, since, random);
        let window = at(NOW - LAG.as_secs() - WINDOW * MINUTE);
        let groups = pasts.iter().map(|(name, past)| (name.clone(), delivery(past, account.policy.as_ref(), random)));
        let deliveries = Deliveries { since: window, groups: groups.collect() };
        // What streams by the account policy says nothing about filters.
        let by_policy = account.policy.as_ref().is_some_and(|policy| policy.destination == FORWARDER);
        let evidence = Evidence {
            history: Some(&history),
            deliveries: Some(&deliveries).filter(|_| !by_policy),
            ours: Some((OURS, FORWARDER)),
        };
        for (name, past) in &pasts {
            if past.filters(NOW).is_none() {
                continue; // It is not listed.
            }
            let asked = NOW - random.i64(1..10 * DAY);
            let before = past.filters(asked).filter(|_| random.bool());
            let before = before.map(|value| Known { value: value.into(), source: Source::Asked, as_of: at(asked) });
            let Some(known) = evidence.prove(name, before.as_ref(), None) else { continue };
            *proven.entry(known.source).or_default() += 1;
            let told = format!("seed {seed}, group {name}: {known:?} of {before:?} and {past:?}");
            assert!(known.as_of >= at(NOW) - LAG, "{told}");
            let then = past.filters(known.as_of.as_second());
            let then = then.unwrap_or_else(|| panic!("there was no group: {told}"));
            let (stated, was) = (state(&known.value, &account, &stack), state(&then, &account, &stack));
            // Whoever was never asked may have a second filter to us of a time that nobody tells of: all arrives, twice.
            let twice = known.source != Source::Cache && stated == State::Streamed && was == State::Double;
            assert!(stated == was || twice, "stated {stated}, was {was}: {told}");
        }
    }
    assert!(Source::Cache < Source::Metric && proven.len() == 3, "{proven:?}");
    assert!(proven.values().all(|number| *number > 100), "{proven:?}");
}

#[test]
fn nothing_is_proven_without_a_whole_history() {
    let known = Known { value: [].into(), source: Source::Asked, as_of: at(NOW - DAY) };
    let evidence = |history| Evidence { history, deliveries: None, ours: Some((OURS, FORWARDER)) };
    assert_eq!(evidence(None).prove("/a", Some(&known), None), None);
    let until = at(NOW) - LAG;
    let short = History { since: at(NOW - DAY), until, ..History::default() };
    assert_eq!(evidence(Some(&short)).prove("/a", Some(&known), None), None);
    let whole = History { since: at(NOW - DAY) - SKEW, until, ..History::default() };
    let proven = Known { source: Source::Cache, as_of: until, ..known.clone() };
    assert_eq!(evidence(Some(&whole)).prove("/a", Some(&known), None), Some(proven));
}

#[test]
fn what_logctl_did_itself_is_known_before_it_is_told_and_loses_nothing_of_others() {
    let filter = |name: &str| Filter { name: name.to_owned(), destination: FORWARDER.to_owned(), ..Filter::default() };
    let (listed, put) = (NOW - 1_800, NOW - 120);
    let before = Known { value: [].into(), source: Source::Asked, as_of: at(listed) };
    let own = Own { at: at(put), deleted: Vec::new(), put: Some(filter(OURS)) };
    let until = NOW - LAG.as_secs();
    let told = |deeds: &[(i64, Filter)], until: i64| {
        let deeds = deeds.iter().map(|(second, put)| (at(*second), Deed::Put(Arc::new(put.clone())))).collect();
        let deeds = HashMap::from([("/a".to_owned(), deeds)]);
        let history = History { since: at(NOW - DAY), until: at(until), deeds, ..History::default() };
        let evidence = Evidence { history: Some(&history), deliveries: None, ours: Some((OURS, FORWARDER)) };
        evidence.prove("/a", Some(&before), Some(&own)).map(|known| (known.value.len(), known.as_of))
    };
    assert_eq!(told(&[], until), Some((1, at(put))));
    // The history tells of it, too.
    assert_eq!(told(&[(put + 1, filter(OURS))], until), Some((1, at(put))));
    // What others did between the look and the deed counts as soon as it is told.
    assert_eq!(told(&[(listed + 60, filter("by-hand"))], until), Some((2, at(put))));
    assert_eq!(told(&[(put - 5, filter("by-hand"))], until), None);
    assert_eq!(told(&[(put - 5, filter("by-hand"))], NOW), Some((2, at(NOW))));
}

#[test]
fn what_was_known_in_part_is_not_taken_for_the_whole() {
    let known = |source| Known { value: [].into(), source, as_of: at(NOW - DAY) };
    let until = at(NOW) - LAG;
    let history = History { since: at(NOW - 2 * DAY), until, ..History::default() };
    let evidence = Evidence { history: Some(&history), deliveries: None, ours: Some((OURS, FORWARDER)) };
    for (source, kept) in [
        (Source::Asked, Some(Source::Cache)),
        (Source::Cache, Some(Source::Cache)),
        (Source::History, Some(Source::History)),
        (Source::Metric, Some(Source::Metric)),
    ] {
        assert_eq!(evidence.prove("/a", Some(&known(source)), None).map(|it| it.source), kept);
    }
    // Of whom only our filter is known a deed of others tells too little.
    let deeds = HashMap::from([("/a".to_owned(), vec![(at(NOW - 3_600), Deed::Delete(OURS.to_owned()))])]);
    let history = History { deeds, ..history.clone() };
    let evidence = Evidence { history: Some(&history), ..evidence };
    assert_eq!(evidence.prove("/a", Some(&known(Source::History)), None), None);
    assert_eq!(evidence.prove("/a", Some(&known(Source::Metric)), None), None);
    assert!(evidence.prove("/a", Some(&known(Source::Asked)), None).is_some());
}

#[test]
fn of_two_deeds_in_one_second_the_last_is_not_known() {
    let filter = Filter { name: OURS.to_owned(), destination: FORWARDER.to_owned(), ..Filter::default() };
    let (put, delete) = (Deed::Put(Arc::new(filter)), Deed::Delete(OURS.to_owned()));
    let told = |deeds: &[(i64, Deed)]| {
        let deeds: Vec<_> = deeds.iter().map(|(second, deed)| (at(*second), deed.clone())).collect();
        replay(Vec::new(), &deeds).map(|filters| filters.len())
    };
    assert_eq!(told(&[(1, put.clone()), (2, delete.clone())]), Some(0));
    assert_eq!(told(&[(1, put.clone()), (1, delete)]), None);
    assert_eq!(told(&[(1, put.clone()), (1, put.clone())]), Some(1));
    assert_eq!(told(&[(1, Deed::Group), (2, put.clone())]), Some(1));
    assert_eq!(told(&[(1, put.clone()), (2, Deed::Group)]), None);
    assert_eq!(told(&[(1, Deed::PutSome(OURS.to_owned()))]), None);
    assert_eq!(SignedDuration::from_mins(15), LAG);
}
