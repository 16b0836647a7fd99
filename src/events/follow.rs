//! Events as they become searchable.
//!
//! Each look counts what was indexed of late, and reads only where there is more than it knows: the newest first, until it has
//! found what is new. What takes its time from the forwarder to the index is found by the same count, as long as it is not older
//! than [`OVERLAP`]. Events that happened long before they were indexed are a replay, or late: they are counted and passed over.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Event, Indices, Search, gaps};
use crate::domain::{DomainClient, DomainError};

/// From the time that a document carries as that of its indexing until it is found: the forwarder's timeout and a refresh.
const OVERLAP: SignedDuration = SignedDuration::from_secs(130);
/// How late an event may come and still be shown.
pub const LATE: SignedDuration = SignedDuration::from_mins(10);
/// Events are shown in the order of their time where they come within this.
pub const WINDOW: SignedDuration = SignedDuration::from_secs(2);
/// Hits of one page.
const PAGE: usize = 1_000;
/// Hits of one page of which only the places are wanted.
const PLACES: usize = 10_000;
/// Events that one look takes at most, and those that are known at its begin.
const MOST: usize = 20_000;
const MOST_KNOWN: usize = 500_000;

/// When a document was indexed, and a number that stands for its id.
type Place = (i64, u64);

/// What is followed, and how far it has come.
#[derive(Debug)]
pub struct Follow {
    search: Search,
    /// When the last look was that saw everything.
    last: Timestamp,
    /// What was indexed before that, in milliseconds, is not looked at any more.
    floor: i64,
    /// Documents that are known.
    known: BTreeSet<Place>,
    /// Events that wait for others that happened before them.
    held: Vec<Event>,
}

/// What a look has found.
#[derive(Debug, Default)]
pub struct Look {
    /// New events that are meant.
    pub events: Vec<Event>,
    /// Events that were indexed of late and happened long before.
    pub older: u64,
    /// New events that were too many to be read.
    pub skipped: u64,
    /// What could not be looked at.
    pub missing: Vec<String>,
}

impl Follow {
    /// Begins: what is there is known, and not shown.
    ///
    /// # Errors
    /// When the domain cannot be asked.
    pub async fn new(search: &Search, domain: &DomainClient, now: Timestamp) -> Result<Self, DomainError> {
        let (search, known) = (search.clone(), BTreeSet::new());
        let mut follow = Self { search, last: now, floor: i64::MIN, known, held: Vec::new() };
        let mut after = None;
        loop {
            let (hits, at_end) = follow.page(domain, PLACES, after.as_ref(), true).await?;
            follow.known.extend(hits.iter().filter_map(place));
            after = hits.last().map(|hit| hit["sort"].clone());
            if at_end {
                return Ok(follow);
            }
            if follow.known.len() >= MOST_KNOWN {
                follow.floor = follow.known.first().map_or(follow.floor, |(at, _)| at + 1);
                return Ok(follow);
            }
        }
    }

    /// Takes note of events that were shown.
    pub fn know(&mut self, events: &[Event]) {
        let begin = self.begin();
        let places = events.iter().filter_map(|event| Some((event.ingested?.as_millisecond(), number(&event.id))));
        self.known.extend(places.filter(|(at, _)| *at >= begin));
    }

    /// From which time of indexing on something may be new.
    fn begin(&self) -> i64 {
        (self.last - OVERLAP).as_millisecond().max(self.floor)
    }

    /// Looks once.
    ///
    /// # Errors
    /// When the domain cannot be asked; the next look then finds what this one would have.
    pub async fn look(&mut self, domain: &DomainClient, now: Timestamp) -> Result<Look, DomainError> {
        let begin = self.begin();
        self.known = self.known.split_off(&(begin, 0));
        let Count { live, older, missing } = self.count(domain).await?;
        let mut look = Look { older, missing, ..Look::default() };
        let known = self.known.len();
        if live > known {
            look.skipped = self.read(domain, Some(live - known), &mut look.events).await? as u64;
        } else if live < known && look.missing.is_empty() {
            // An index is gone: what is known of it stands in the way of a count.
            let before = std::mem::take(&mut self.known);
            let mut there = Vec::new();
            self.read(domain, None, &mut there).await?;
            let was_there = |event: &Event| {
                event.ingested.is_some_and(|at| before.contains(&(at.as_millisecond(), number(&event.id))))
            };
            look.events.extend(there.into_iter().filter(|event| !was_there(event)));
        }
        if look.missing.is_empty() {
            self.last = now;
        }
        Ok(look)
    }

    /// Holds events back until those are there that happened just before them, and gives those that need not wait any longer, in
    /// the order of their time.
    pub fn in_order(&mut self, events: Vec<Event>, now: Timestamp) -> Vec<Event> {
        self.held.extend(events);
        self.held.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
        let ready = self.held.partition_point(|event| event.time <= now - WINDOW);
        self.held.drain(..ready).collect()
    }

    /// Those that are still held back.
    pub fn rest(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.held)
    }

    /// Whether some are.
    #[must_use]
    pub fn holds_some(&self) -> bool {
        !self.held.is_empty()
    }

    /// Counts what was indexed of late.
    async fn count(&self, domain: &DomainClient) -> Result<Count, DomainError> {
        let body = json!({
            "size": 0, "track_total_hits": true,
            "query": {"bool": {"filter": [self.indexed(), self.search.clause]}},
            "aggs": {"older": {"filter": {"bool": {"must_not": [self.live()]}}}},
        });
        let answer = domain.send(Method::POST, &self.search.path(Indices::Open), Some(&body)).await?;
        let all = answer.pointer("/hits/total/value").and_then(Value::as_u64).ok_or_else(|| domain.no_engine())?;
        let older = answer.pointer("/aggregations/older/doc_count").and_then(Value::as_u64).unwrap_or_default();
        let live = usize::try_from(all.saturating_sub(older)).unwrap_or(usize::MAX);
        Ok(Count { live, older, missing: gaps::incomplete(&answer) })
    }

    /// Reads what is new until as many are found, or everything. Gives how many were left.
    async fn read(
        &mut self,
        domain: &DomainClient,
        wanted: Option<usize>,
        events: &mut Vec<Event>,
    ) -> Result<usize, DomainError> {
        let (mut after, mut new) = (None, 0);
        loop {
            let (hits, at_end) = self.page(domain, PAGE, after.as_ref(), false).await?;
            for hit in &hits {
                if place(hit).is_some_and(|place| self.known.insert(place)) {
                    new += 1;
                    events.extend(self.search.verified(hit));
                }
            }
            after = hits.last().map(|hit| hit["sort"].clone());
            if at_end || wanted.is_some_and(|wanted| new >= wanted) {
                return Ok(0);
            }
            if new >= MOST {
                let oldest = hits.last().and_then(place).map_or(self.floor, |(at, _)| at);
                self.floor = oldest + 1;
                return Ok(wanted.map_or(0, |wanted| wanted - new));
            }
        }
    }

    /// A page of what was indexed of late and happened not long before, the newest first, and whether it is the last.
    async fn page(
        &self,
        domain: &DomainClient,
        mut size: usize,
        after: Option<&Value>,
        places: bool,
    ) -> Result<(Vec<Value>, bool), DomainError> {
        let source = if places { json!(["@ingested"]) } else { json!({"excludes": ["@kvk", "@kvn"]}) };
        let mut body = json!({
            "track_total_hits": false, "_source": source,
            "query": {"bool": {"filter": [self.indexed(), self.live(), self.search.clause]}},
            "sort": [
                {"@ingested": {"order": "desc", "unmapped_type": "date"}},
                {"_seq_no": {"order": "desc"}},
                {"_index": {"order": "desc"}},
            ],
        });
        if let Some(after) = after {
            body["search_after"] = after.clone();
        }
        loop {
            body["size"] = size.into();
            let mut answer = match domain.send(Method::POST, &self.search.path(Indices::Open), Some(&body)).await {
                Err(DomainError::TooLong { .. }) if size > 1 => {
                    size /= 2;
                    continue;
                }
                answer => answer?,
            };
            return match answer.pointer_mut("/hits/hits").map(Value::take) {
                Some(Value::Array(hits)) => {
                    let at_end = hits.len() < size;
                    Ok((hits, at_end))
                }
                _ => Err(domain.no_engine()),
            };
        }
    }

    fn indexed(&self) -> Value {
        json!({"range": {"@ingested": {"gte": self.begin(), "format": "epoch_millis"}}})
    }

    /// Events that happened not long before.
    fn live(&self) -> Value {
        json!({"range": {"@timestamp": {"gte": (self.last - LATE).as_millisecond(), "format": "epoch_millis"}}})
    }
}

/// What was indexed of late.
struct Count {
    live: usize,
    older: u64,
    missing: Vec<String>,
}

/// The place of a hit; a time that was stored as text is read by the engine.
fn place(hit: &Value) -> Option<Place> {
    let at = hit["_source"]["@ingested"].as_i64().or_else(|| hit["sort"][0].as_i64())?;
    let id = logctl_core::event_id::event_id(hit["_id"].as_str()?);
    Some((at, number(&id)))
}

fn number(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
