//! Why nothing was found, as far as the account knows that has the stack: dead letters, groups that are not streamed, events
//! on their way. All of it within a few calls and two seconds; what is not known then is not said.

use std::{ops::Range, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use logctl_core::{
    coverage::{AccountFacts, Chain, Class, GroupFacts, State, decide},
    dead_letter::{DeadLetter, LetterKind},
    globs::Glob,
};
use logctl_sink::{aws::s3::Bucket, replay::Lines};
use serde::Deserialize;

use crate::{
    args::GroupSelection,
    aws::{
        Aws,
        filters::FilterCalls,
        groups::{self, Group},
        past, policy,
    },
    deploy::DeployedStack,
    domain::DomainClient,
    error::Error,
    events::{Event, Nothing, Search},
    query::{self, Facts as _, Needle},
    time::{from_milliseconds, rfc3339, rough},
    words::count,
};

/// How long it may take to find out.
const PATIENCE: Duration = Duration::from_secs(2);
/// Objects of dead letters that are read of each kind, and bytes of each.
const OBJECTS: usize = 2;
const MOST_BYTES: usize = 16 << 20;
/// Groups whose own events and filters are looked at.
const GROUPS: usize = 3;
/// What streaming takes at most while all goes well: the batch of CloudWatch Logs, the function, the refresh of the index.
const ON_ITS_WAY: i64 = 15 * 60;

/// An account that has a stack.
pub struct Account<'a> {
    pub aws: &'a Aws,
    pub stack: &'a DeployedStack,
    pub domain: &'a DomainClient,
    pub now: Timestamp,
}

/// A group of the account.
struct Known {
    name: String,
    state: State,
}

impl Account<'_> {
    /// Why nothing was found, where the account knows; `busiest` are groups that have events in the range.
    pub async fn why(
        &self,
        search: &Search,
        needles: &[Needle],
        selection: &GroupSelection,
        busiest: &[String],
    ) -> Option<Nothing> {
        let letter = async { self.dead_letter(search, needles, selection).await.ok().flatten() };
        if let Ok(Some(nothing)) = tokio::time::timeout(PATIENCE, letter).await {
            return Some(nothing);
        }
        let elsewhere = async { self.not_there_yet(search, needles, selection, busiest).await.ok().flatten() };
        tokio::time::timeout(PATIENCE, elsewhere).await.ok().flatten()
    }

    /// Why nothing can be found of groups that the index does not know: the account may have them.
    pub async fn of_unknown_groups(&self, selection: &GroupSelection) -> Option<Nothing> {
        let groups = async { self.groups(selection).await.ok() };
        let (groups, whole) = tokio::time::timeout(PATIENCE, groups).await.ok()??;
        // One that the account has not either is a slip of the pen.
        let known = |glob: &Glob| groups.iter().any(|group| glob.matches(&group.name));
        if whole && selection.globs.iter().any(|glob| !glob.excludes && !known(&glob.glob)) {
            return None;
        }
        none_streamed(&groups).filter(|_| whole).or_else(|| {
            (!groups.is_empty()).then(|| Nothing {
                cause: "no_events",
                detail: format!("the index has no event of {}, which the account has", named(&groups)),
                suggestion: Some("see their states with: logctl audit".to_owned()),
            })
        })
    }

    /// A dead letter of the range that holds all that was looked for.
    async fn dead_letter(
        &self,
        search: &Search,
        needles: &[Needle],
        selection: &GroupSelection,
    ) -> Result<Option<Nothing>, Error> {
        let (Some(name), false) = (&self.stack.dead_letters, needles.is_empty()) else { return Ok(None) };
        let owner = self.aws.target.account.clone();
        let bucket = Bucket { aws: self.aws.signed().await?, name: name.clone(), owner };
        let failed = |error| self.aws.explain_signed("cannot read the dead letters", &error);
        // An event is given up after it happened.
        let day = search.range.start.to_zoned_datetime(TimeZone::UTC).strftime("%Y-%m-%d").to_string();
        for kind in [LetterKind::Rejected, LetterKind::Outage] {
            let prefix = kind.prefix();
            let keys = bucket.list(&prefix, &format!("{prefix}{day}")).await.map_err(failed)?.keys;
            for key in keys.iter().rev().take(OBJECTS) {
                let object = bucket.get(key).await.map_err(failed)?;
                if holds_letter(key, &object.body, &search.range, needles, selection).await {
                    return Ok(Some(Nothing {
                        cause: "dead_letter",
                        detail: "a dead letter holds it: it was received and could not be indexed".to_owned(),
                        suggestion: Some("see why, and index it: logctl replay".to_owned()),
                    }));
                }
            }
        }
        Ok(None)
    }

    /// CloudWatch Logs holds it, and the index does not: its group is not streamed, or it is on its way.
    async fn not_there_yet(
        &self,
        search: &Search,
        needles: &[Needle],
        selection: &GroupSelection,
        busiest: &[String],
    ) -> Result<Option<Nothing>, Error> {
        let (chosen, whole) =
            if selection.globs.is_empty() { (Vec::new(), false) } else { self.groups(selection).await? };
        // Where the index has events of them, they are streamed, or were.
        let unstreamed = || none_streamed(&chosen).filter(|_| whole && busiest.is_empty());
        let Some(needle) = needles.first() else { return Ok(unstreamed()) };
        let names = chosen.iter().map(|group| group.name.as_str()).chain(busiest.iter().map(String::as_str));
        for group in names.take(GROUPS) {
            let mut held = past::holding(self.aws, group, &search.range, &needle.text).await?;
            held.retain(|event| holds(&event.message, needles));
            let ids: Vec<&str> = held.iter().map(|event| event.id.as_str()).collect();
            let Some(first) = held.first() else { continue };
            // What the index has is something else than what was looked for.
            if search.known(&ids, self.domain).await.unwrap_or(ids.len()) == 0 {
                return self.held_back(group, first.time, &chosen).await.map(Some);
            }
        }
        Ok(unstreamed())
    }

    /// Why an event of CloudWatch Logs is not in the index.
    async fn held_back(&self, group: &str, at: Timestamp, chosen: &[Known]) -> Result<Nothing, Error> {
        let state = if let Some(known) = chosen.iter().find(|known| known.name == group) {
            known.state
        } else {
            let known = self.states(vec![(group.to_owned(), Class::Standard)]).await?;
            known.first().map_or(State::Unknown, |known| known.state)
        };
        let there = format!("CloudWatch Logs holds it in {group} at {}", rfc3339(at));
        if !may_be_streamed(state) {
            return Ok(not_streamed(group, state, &there));
        }
        let age = self.now.duration_since(at);
        let late = age.as_secs() > ON_ITS_WAY;
        Ok(Nothing {
            cause: "on_its_way",
            detail: format!(
                "{there}, {} ago, and the index {}",
                rough(age),
                if late { "does not: it is late, or came before its group was streamed" } else { "does not yet" },
            ),
            suggestion: Some(
                if late { "see what is streamed: logctl audit" } else { "try again in a minute" }.to_owned(),
            ),
        })
    }

    /// The first groups of the account that a selection takes, and whether these are all.
    async fn groups(&self, selection: &GroupSelection) -> Result<(Vec<Known>, bool), Error> {
        let mut groups: Vec<Group> = Vec::new();
        let mut whole = true;
        for glob in selection.globs.iter().filter(|glob| !glob.excludes) {
            let glob = glob.glob.to_string();
            let prefix = glob.split(['*', '?']).next().unwrap_or_default();
            let (first, all) = groups::first(self.aws, prefix).await?;
            groups.extend(first.into_iter().map(|(group, _)| group));
            whole &= all;
        }
        groups.retain(|group| selection.takes(&group.name));
        whole &= groups.len() <= GROUPS;
        groups.truncate(GROUPS);
        let groups = groups.into_iter().map(|group| (group.name, group.class));
        Ok((self.states(groups.collect()).await?, whole))
    }

    async fn states(&self, groups: Vec<(String, Class)>) -> Result<Vec<Known>, Error> {
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let calls = FilterCalls::new(self.aws);
        let policy = policy::read(self.aws).await?.map(|(_, policy)| policy);
        let account = AccountFacts { policy, ..AccountFacts::default() };
        let coverage = self.stack.coverage();
        let mut known = Vec::new();
        for (name, class) in groups {
            let filters = if class.is_standard() { calls.get(&name).await? } else { None };
            let facts = GroupFacts { name: name.clone(), chain: Some(Chain::No), class, filters };
            known.push(Known { name, state: decide(&facts, &account, coverage.as_ref()).state });
        }
        Ok(known)
    }
}

/// Whether events of a group in this state may reach the index.
fn may_be_streamed(state: State) -> bool {
    matches!(state, State::Streamed | State::Double | State::Drifted | State::Unwanted | State::Unknown)
}

/// All groups that were chosen are such that none of their events can be in the index.
fn none_streamed(groups: &[Known]) -> Option<Nothing> {
    let first = groups.first()?;
    let none = !groups.iter().any(|group| may_be_streamed(group.state));
    none.then(|| not_streamed(&first.name, first.state, &format!("the account has {}", named(groups))))
}

fn named(groups: &[Known]) -> String {
    let more = if groups.len() == GROUPS { "at least " } else { "" };
    format!("{more}{} of such a name", count(groups.len(), "log group"))
}

fn not_streamed(group: &str, state: State, why: &str) -> Nothing {
    Nothing {
        cause: "not_streamed",
        detail: format!("{why}, and {group} is not streamed (its state is {state})"),
        suggestion: Some(match state {
            State::Missing => format!("stream it from now on: logctl backfill -g {group}"),
            _ => format!("see why: logctl audit -g {group}"),
        }),
    }
}

/// Whether an object of dead letters holds an event of the range and of the chosen groups that says all of it.
async fn holds_letter(
    key: &str,
    object: &[u8],
    range: &Range<Timestamp>,
    needles: &[Needle],
    selection: &GroupSelection,
) -> bool {
    #[derive(Deserialize)]
    struct Received {
        timestamp: i64,
        message: String,
    }
    let is_it = |line: &str| -> Option<bool> {
        let letter: DeadLetter<'_> = serde_json::from_str(line).ok()?;
        let event: Received = serde_json::from_str(letter.event?.get()).ok()?;
        // One that does not tell its group is of no group that was asked for.
        let of_group = letter.origin.map_or(selection.globs.is_empty(), |origin| selection.takes(&origin.log_group));
        Some(of_group && range.contains(&from_milliseconds(event.timestamp)) && holds(&event.message, needles))
    };
    let Ok(mut lines) = Lines::new(key, object) else { return false };
    let mut read = 0;
    while read < MOST_BYTES {
        let Ok(Some(chunk)) = lines.chunk() else { return false };
        if chunk.lines().any(|line| is_it(line) == Some(true)) {
            return true;
        }
        read += chunk.len();
        tokio::task::yield_now().await; // The time may be over.
    }
    false
}

/// Whether an event of this message has every field that was asked for, and holds every text, as it is or as JSON escapes it.
fn holds(message: &str, needles: &[Needle]) -> bool {
    let event = Event::from_message(message);
    let lower = message.to_lowercase();
    needles.iter().all(|needle| {
        let text = needle.text.to_lowercase();
        if let Some(field) = &needle.field {
            let values = |name: &String| event.values(name);
            return query::names(field).iter().flat_map(values).any(|value| value.to_lowercase() == text);
        }
        let escaped = serde_json::Value::from(text.as_str()).to_string();
        lower.contains(&text) || lower.contains(escaped.trim_matches('"'))
    })
}
