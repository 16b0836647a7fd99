//! Why nothing was found, as far as the account knows that has the stack: dead letters, groups that are not streamed, events
//! on their way.

use std::time::Duration;

use jiff::Timestamp;
use logctl_core::coverage::{Class, State};
use logctl_sink::{aws::s3::Bucket, replay::Lines};

use crate::{
    args::GroupSelection,
    aws::{Aws, RateLimiter, past},
    deploy::DeployedStack,
    domain::DomainClient,
    error::Error,
    events::{Nothing, Search},
    inventory::{self, Inventory},
    query::Needle,
    time::{rfc3339, rough},
    words::count,
};

/// How long it may take to find out.
const PATIENCE: Duration = Duration::from_secs(2);
/// Objects of dead letters that are read.
const OBJECTS: usize = 3;
/// Groups whose own events are looked at.
const GROUPS: usize = 3;
/// Filter calls a second: the quota is five, and others may use it.
const RATE: f64 = 4.0;
/// What streaming takes at most while all goes well: the batch of CloudWatch Logs, the function, the refresh of the index.
const ON_ITS_WAY: i64 = 15 * 60;

/// An account that has a stack.
pub struct Account<'a> {
    pub aws: &'a Aws,
    pub stack: &'a DeployedStack,
    pub domain: &'a DomainClient,
    pub now: Timestamp,
}

impl Account<'_> {
    /// Why nothing was found, where the account knows; `busiest` are groups that have events in the range. What may not be read
    /// is not known.
    pub async fn explain(
        &self,
        search: &Search,
        needles: &[Needle],
        selection: &GroupSelection,
        busiest: &[String],
    ) -> Option<Nothing> {
        let why = async {
            if let Some(nothing) = self.dead_letter(needles).await.ok().flatten() {
                return Some(nothing);
            }
            self.not_there_yet(search, needles, selection, busiest).await.ok().flatten()
        };
        tokio::time::timeout(PATIENCE, why).await.ok().flatten()
    }

    /// A dead letter that holds all that was looked for.
    async fn dead_letter(&self, needles: &[Needle]) -> Result<Option<Nothing>, Error> {
        let (Some(name), false) = (&self.stack.dead_letters, needles.is_empty()) else { return Ok(None) };
        let owner = self.aws.target.account.clone();
        let bucket = Bucket { aws: self.aws.signed().await?, name: name.clone(), owner };
        let failed = |error| self.aws.explain_signed("cannot read the dead letters", &error);
        let keys = bucket.list("", "").await.map_err(failed)?.keys;
        for key in keys.iter().rev().take(OBJECTS) {
            let object = bucket.get(key).await.map_err(failed)?;
            let Ok(mut lines) = Lines::new(key, &object.body) else { continue };
            while let Ok(Some(chunk)) = lines.chunk() {
                if chunk.lines().any(|line| holds(line, needles)) {
                    return Ok(Some(Nothing {
                        cause: "dead_letter",
                        detail: "a dead letter holds it: it was received and could not be indexed".to_owned(),
                        suggestion: Some("index it with: logctl replay".to_owned()),
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
        let limiter = RateLimiter::new(RATE);
        // To list all groups may take minutes; without a selection those are looked at that are known.
        let inventory = if selection.globs.is_empty() {
            None
        } else {
            Some(inventory::take(self.aws, Some(self.stack), selection, &limiter, self.now, &()).await?)
        };
        let named = inventory.iter().flat_map(|inventory| &inventory.groups);
        let named = named.filter(|entry| entry.facts.class == Class::Standard).map(|entry| entry.facts.name.as_str());
        let groups: Vec<&str> = named.chain(busiest.iter().map(String::as_str)).take(GROUPS).collect();
        if let Some(needle) = needles.first() {
            for group in groups {
                let mut held = past::holding(self.aws, group, &search.range, &needle.text).await?;
                held.retain(|event| holds(&event.message, needles));
                let ids: Vec<&str> = held.iter().map(|event| event.id.as_str()).collect();
                // What the index has is something else than what was looked for.
                let known = if ids.is_empty() { 0 } else { search.known(&ids, self.domain).await.unwrap_or(ids.len()) };
                if let Some(first) = held.first().filter(|_| known == 0) {
                    return self.held_back(group, first.time, inventory.as_ref()).await.map(Some);
                }
            }
            return Ok(None);
        }
        Ok(inventory.as_ref().and_then(none_streamed))
    }

    /// Why an event of CloudWatch Logs is not in the index.
    async fn held_back(&self, group: &str, at: Timestamp, inventory: Option<&Inventory>) -> Result<Nothing, Error> {
        let known = inventory.and_then(|inventory| inventory.groups.iter().find(|entry| entry.facts.name == group));
        let state = match known {
            Some(entry) => entry.decision.state,
            None => self.state_of(group).await?,
        };
        if !matches!(state, State::Streamed | State::Double | State::Drifted) {
            return Ok(not_streamed(group, state, &format!("CloudWatch Logs holds it in {group} at {}", rfc3339(at))));
        }
        let age = self.now.duration_since(at);
        let late = age.as_secs() > ON_ITS_WAY;
        Ok(Nothing {
            cause: "on_its_way",
            detail: format!(
                "CloudWatch Logs holds it in {group} at {}, {} ago, and the index does not {}",
                rfc3339(at),
                rough(age),
                if late {
                    "hold it: it is late, or came before its group was streamed"
                } else {
                    "yet: it is on its way"
                },
            ),
            suggestion: Some(if late { "logctl audit".to_owned() } else { "try again in a minute".to_owned() }),
        })
    }

    async fn state_of(&self, group: &str) -> Result<State, Error> {
        let globs = group.parse().into_iter().map(|glob| crate::args::GroupGlob { glob, excludes: false }).collect();
        let limiter = RateLimiter::new(RATE);
        let selection = GroupSelection { globs };
        let inventory = inventory::take(self.aws, Some(self.stack), &selection, &limiter, self.now, &()).await?;
        Ok(inventory.groups.first().map_or(State::Unknown, |entry| entry.decision.state))
    }

    /// Whether the account has groups that a selection takes, though the index has not: then they are why nothing was found.
    ///
    /// # Errors
    /// When the account cannot be read, or has no such group either.
    pub async fn beyond_the_index(&self, selection: &GroupSelection) -> Result<Option<Nothing>, Error> {
        let limiter = RateLimiter::new(RATE);
        let inventory = inventory::take(self.aws, Some(self.stack), selection, &limiter, self.now, &());
        match tokio::time::timeout(PATIENCE * 2, inventory).await {
            Err(_) => Ok(None),
            Ok(inventory) => {
                let inventory = inventory?;
                Ok(none_streamed(&inventory).or_else(|| {
                    let groups = count(inventory.groups.len(), "log group");
                    (!inventory.groups.is_empty()).then(|| Nothing {
                        cause: "no_events",
                        detail: format!("{groups} of the account match, and no event of theirs is in the index"),
                        suggestion: Some("see their states with: logctl audit".to_owned()),
                    })
                }))
            }
        }
    }
}

/// All groups that were chosen are such that none of their events can be in the index.
fn none_streamed(inventory: &Inventory) -> Option<Nothing> {
    let streamed =
        |state| matches!(state, State::Streamed | State::Double | State::Drifted | State::Unwanted | State::Unknown);
    let first = inventory.groups.first()?;
    let none = !inventory.groups.iter().any(|entry| streamed(entry.decision.state));
    none.then(|| {
        let groups = count(inventory.groups.len(), "log group");
        not_streamed(&first.facts.name, first.decision.state, &format!("{groups} of the account match"))
    })
}

fn not_streamed(group: &str, state: State, why: &str) -> Nothing {
    Nothing {
        cause: "not_streamed",
        detail: format!("{why}, and {group} is not streamed: it is {state}"),
        suggestion: Some(match state {
            State::Missing => format!("stream it from now on: logctl backfill -g {group}"),
            _ => format!("see why: logctl audit -g {group}"),
        }),
    }
}

/// Whether a text holds every needle, as it is or as JSON escapes it, and the name of its field.
fn holds(text: &str, needles: &[Needle]) -> bool {
    let line = text.to_lowercase();
    needles.iter().all(|needle| {
        let text = needle.text.to_lowercase();
        let escaped = serde_json::Value::from(text.as_str()).to_string();
        let name = needle.field.as_deref().and_then(|field| field.rsplit('.').next()).unwrap_or_default();
        line.contains(&name.to_lowercase()) && (line.contains(&text) || line.contains(escaped.trim_matches('"')))
    })
}
