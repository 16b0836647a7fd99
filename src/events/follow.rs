//! Events as they become searchable.
//!
//! Each look counts what was indexed of late, and reads only where there is more than it knows: the newest first, until it has
//! found what is new. What takes its time from the forwarder to the index is found by the same count, as long as it is not older
//! than [`OVERLAP`]. Events that happened long before they were indexed are a replay, or late: they are counted and passed over.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Event, Indices, Search, gaps, request::PREFERENCE};
use crate::domain::{DomainClient, DomainError};

/// From the time that a document carries as that of its indexing until it is found: the forwarder's timeout and a refresh, and five
/// minutes by which clocks may differ, since beyond that no signed request is taken.
const OVERLAP: SignedDuration = SignedDuration::from_secs(130 + 300);
/// A part of the index that does not answer is waited for so long; then what it has is left out.
const LONGEST_OVERLAP: SignedDuration = SignedDuration::from_hours(1);
/// By how much a copy of an index may be behind another one.
const BEHIND: SignedDuration = SignedDuration::from_mins(1);
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
    /// Documents that are known, and when their events happened, in milliseconds.
    known: BTreeMap<Place, i64>,
    /// Those of them that have become too old to be shown.
    old: BTreeMap<Place, i64>,
    /// Events that wait for others that happened before them, and since when.
    held: Vec<(Timestamp, Event)>,
}

/// What a look has found.
#[derive(Debug, Default)]
pub struct Look {
    /// New events that are meant.
    pub events: Vec<Event>,
    /// Events that were indexed of late and happened long before.
    pub older: u64,
    /// New events that were too many to be read, at least.
    pub skipped: u64,
    /// What could not be looked at.
    pub missing: Vec<String>,
}

/// How much of what is there is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Until so many are found that are not known.
    New(usize),
    /// The newest page.
    Page,
    /// Everything.
    All,
}

/// What was read, before any of it counts as seen.
#[derive(Debug, Default)]
struct Read {
    there: BTreeMap<Place, i64>,
    events: Vec<(Place, Event)>,
    /// How many of them were not known.
    new: usize,
    /// From here on it was read, where it was cut off.
    floor: Option<i64>,
    missing: Vec<String>,
}

/// A page of hits.
struct Page {
    hits: Vec<Value>,
    at_end: bool,
    missing: Vec<String>,
}

impl Page {
    /// The place behind which the next page begins: in front of those that share the last one, which may go on there.
    fn next(&self) -> Option<Value> {
        let last = &self.hits.last()?["sort"];
        let before = self.hits.iter().rev().find(|hit| hit["sort"] != *last);
        Some(before.map_or(last, |hit| &hit["sort"]).clone())
    }
}

impl Follow {
    fn from(search: Search, now: Timestamp) -> Self {
        let (known, old, held) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Self { search, last: now, floor: i64::MIN, known, old, held }
    }

    /// Begins: what is there is known, and not shown.
    ///
    /// # Errors
    /// When the domain cannot be asked.
    pub async fn new(search: &Search, domain: &DomainClient, now: Timestamp) -> Result<Self, DomainError> {
        let mut follow = Self::from(search.clone(), now);
        let mut after = None;
        loop {
            let page = follow.page(domain, PLACES, after.as_ref(), true).await?;
            follow.known.extend(page.hits.iter().filter_map(place));
            after = page.next();
            if page.at_end {
                return Ok(follow);
            }
            if follow.known.len() >= MOST_KNOWN {
                follow.floor = follow.known.keys().next().map_or(follow.floor, |(at, _)| at + 1);
                return Ok(follow);
            }
        }
    }

    /// Takes note of events that were shown.
    pub fn know(&mut self, events: &[Event]) {
        let place =
            |event: &Event| Some(((event.ingested?.as_millisecond(), number(&event.id)), event.time.as_millisecond()));
        self.known.extend(events.iter().filter_map(place));
        self.forget();
    }

    /// From which time of indexing on something may be new.
    fn begin(&self) -> i64 {
        (self.last - OVERLAP).as_millisecond().max(self.floor)
    }

    /// From which time on events are shown.
    fn bound(&self) -> i64 {
        (self.last - LATE).as_millisecond()
    }

    /// Forgets what a count does not count any more.
    fn forget(&mut self) {
        let (begin, bound) = ((self.begin(), 0), self.bound());
        let is_old = |_: &Place, at: &mut i64| *at < bound;
        self.known = self.known.split_off(&begin);
        self.old = self.old.split_off(&begin);
        self.old.extend(self.known.extract_if(.., is_old));
    }

    /// Looks once.
    ///
    /// # Errors
    /// When the domain cannot be asked; the next look then finds what this one would have.
    pub async fn look(&mut self, domain: &DomainClient, now: Timestamp) -> Result<Look, DomainError> {
        self.forget();
        let Count { live, older, missing } = self.count(domain).await?;
        let known = self.known.len();
        // Where a part does not answer, a count says little: what the others have that is new is on the newest page.
        let wanted = match live.checked_sub(known) {
            _ if !missing.is_empty() => Wanted::Page,
            Some(0) => {
                self.last = now;
                return Ok(Look { older: older.saturating_sub(self.old.len() as u64), ..Look::default() });
            }
            Some(new) => Wanted::New(new),
            None => Wanted::All, // An index is gone, and what is known of it.
        };
        let read = self.read(domain, wanted).await?;
        let older = older.saturating_sub(self.old.len() as u64);
        let mut look = Look { older, missing: [missing, read.missing].concat(), ..Look::default() };
        let is_new = |(place, event): (Place, Event)| (!self.known.contains_key(&place)).then_some(event);
        look.events = read.events.into_iter().filter_map(is_new).collect();
        if wanted == Wanted::All {
            // Another copy of the index may be asked now, which shows the last of it a little later.
            self.known = self.known.split_off(&((now - BEHIND).as_millisecond(), 0));
        }
        self.known.extend(read.there);
        if let Some(floor) = read.floor {
            self.floor = floor;
            look.skipped = match wanted {
                Wanted::New(wanted) => wanted.saturating_sub(read.new).max(1) as u64,
                Wanted::Page | Wanted::All => live.saturating_sub(self.known.len()).max(1) as u64,
            };
        }
        if look.missing.is_empty() {
            self.last = now;
        } else {
            self.last = self.last.max(now - LONGEST_OVERLAP);
        }
        Ok(look)
    }

    /// Holds events back until those are there that happened just before them, and gives those that need not wait any longer, in
    /// the order of their time.
    pub fn in_order(&mut self, events: Vec<Event>, now: Timestamp) -> Vec<Event> {
        self.held.extend(events.into_iter().map(|event| (now, event)));
        let waits = |(since, event): &(Timestamp, Event)| *since > now - WINDOW && event.time > now - WINDOW;
        let (waiting, ready) = std::mem::take(&mut self.held).into_iter().partition(waits);
        self.held = waiting;
        sorted(ready)
    }

    /// Those that are still held back.
    pub fn rest(&mut self) -> Vec<Event> {
        sorted(std::mem::take(&mut self.held))
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
        let answer = domain.send(Method::POST, &self.path(), Some(&body)).await?;
        let all = answer.pointer("/hits/total/value").and_then(Value::as_u64).ok_or_else(|| domain.no_engine())?;
        let older = answer.pointer("/aggregations/older/doc_count").and_then(Value::as_u64).unwrap_or_default();
        let live = usize::try_from(all.saturating_sub(older)).unwrap_or(usize::MAX);
        Ok(Count { live, older, missing: gaps::incomplete(&answer) })
    }

    /// Reads what is there, the newest first.
    async fn read(&self, domain: &DomainClient, wanted: Wanted) -> Result<Read, DomainError> {
        let (mut read, mut after) = (Read::default(), None);
        loop {
            let page = self.page(domain, PAGE, after.as_ref(), false).await?;
            let mut reached_known = page.hits.is_empty();
            for hit in &page.hits {
                let Some((place, at)) = place(hit) else { continue };
                reached_known = self.known.contains_key(&place);
                if read.there.insert(place, at).is_none() && !reached_known {
                    read.new += 1;
                    read.events.extend(self.search.verified(hit).ok().flatten().map(|event| (place, event)));
                }
            }
            after = page.next();
            let enough = match wanted {
                // More may have come since the count: they are not torn apart.
                Wanted::New(wanted) => read.new >= wanted && reached_known,
                Wanted::Page => true,
                Wanted::All => false,
            };
            let at_end = page.at_end || enough;
            read.missing.extend(page.missing);
            if at_end {
                return Ok(read);
            }
            if read.new >= MOST {
                read.floor = read.there.keys().next().map(|(oldest, _)| oldest + 1);
                return Ok(read);
            }
        }
    }

    /// A page of what was indexed of late and happened not long before, the newest first.
    async fn page(
        &self,
        domain: &DomainClient,
        mut size: usize,
        after: Option<&Value>,
        places: bool,
    ) -> Result<Page, DomainError> {
        let source = if places { json!(["@ingested", "@timestamp"]) } else { json!({"excludes": ["@kvk", "@kvn"]}) };
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
            let mut answer = match domain.send(Method::POST, &self.path(), Some(&body)).await {
                Err(DomainError::TooLong { .. }) if size > 1 => {
                    size /= 2;
                    continue;
                }
                answer => answer?,
            };
            let missing = gaps::incomplete(&answer);
            let Some(Value::Array(hits)) = answer.pointer_mut("/hits/hits").map(Value::take) else {
                return Err(domain.no_engine());
            };
            return Ok(Page { at_end: hits.len() < size, hits, missing });
        }
    }

    fn path(&self) -> String {
        format!("{}&preference={PREFERENCE}", self.search.path(Indices::Open))
    }

    fn indexed(&self) -> Value {
        json!({"range": {"@ingested": {"gte": self.begin(), "format": "epoch_millis"}}})
    }

    /// Events that happened not long before.
    fn live(&self) -> Value {
        json!({"range": {"@timestamp": {"gte": self.bound(), "format": "epoch_millis"}}})
    }
}

/// What was indexed of late.
struct Count {
    live: usize,
    older: u64,
    missing: Vec<String>,
}

/// The place of a hit, and when its event happened; a time that was stored as text is read by the engine, or is now.
fn place(hit: &Value) -> Option<(Place, i64)> {
    let ingested = hit["_source"]["@ingested"].as_i64().or_else(|| hit["sort"][0].as_i64())?;
    let id = logctl_core::event_id::event_id(hit["_id"].as_str()?);
    Some(((ingested, number(&id)), hit["_source"]["@timestamp"].as_i64().unwrap_or(ingested)))
}

fn number(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

/// In the order of their time.
fn sorted(held: Vec<(Timestamp, Event)>) -> Vec<Event> {
    let mut events: Vec<Event> = held.into_iter().map(|(_, event)| event).collect();
    events.sort_by(Event::order);
    events
}

#[cfg(test)]
mod tests {
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

    use super::*;

    const NOW: i64 = 1_795_428_000_000;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).unwrap()
    }

    fn hit(number: i64, ingested: i64) -> Value {
        json!({"_id": format!("id-{number}"), "_index": "i", "sort": [ingested, number, "i"],
            "_source": {"@timestamp": ingested - 10, "@ingested": ingested, "@message": number.to_string()}})
    }

    /// What the domain says next to a count, and to a request for hits.
    async fn domain(server: &MockServer, count: u64, pages: Vec<ResponseTemplate>) -> DomainClient {
        server.reset().await;
        let answer = json!({"hits": {"total": {"value": count}}, "aggregations": {"older": {"doc_count": 0}}});
        let counts = Mock::given(matchers::body_string_contains("older"));
        counts.respond_with(ResponseTemplate::new(200).set_body_json(answer)).mount(server).await;
        for page in pages {
            Mock::given(matchers::any()).respond_with(page).up_to_n_times(1).mount(server).await;
        }
        let http = logctl_sink::http::HttpClient::new(None).unwrap();
        DomainClient::reading_at_most(server.uri().parse().unwrap(), http, 10 << 20)
    }

    fn page(hits: &[Value]) -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_json(json!({"hits": {"hits": hits}}))
    }

    fn numbers(look: &Look) -> Vec<&str> {
        look.events.iter().map(|event| event.message.as_str()).collect()
    }

    #[tokio::test]
    async fn a_look_that_breaks_off_has_seen_nothing() {
        let server = MockServer::start().await;
        let search = Search { indices: "i".into(), clause: json!({"match_all": {}}), ..Search::default() };
        let domain_of = |count, pages| domain(&server, count, pages);
        let client = domain_of(1, vec![page(&[hit(0, NOW - 5_000)])]).await;
        let mut follow = Follow::new(&search, &client, at(NOW)).await.unwrap();
        // The second page is not answered: the first is not seen either.
        let many: Vec<Value> = (1..=1_500).rev().map(|number| hit(number, NOW + number)).collect();
        let client = domain_of(1_501, vec![page(&many[..PAGE]), ResponseTemplate::new(503)]).await;
        assert!(follow.look(&client, at(NOW + 2_000)).await.is_err());
        let client = domain_of(1_501, vec![page(&many[..PAGE]), page(&many[PAGE..])]).await;
        let look = follow.look(&client, at(NOW + 3_000)).await.unwrap();
        assert_eq!((look.events.len(), look.skipped), (1_500, 0));
        // What is known is no news, and what is gone is nothing to wait for.
        let client = domain_of(1_501, Vec::new()).await;
        assert_eq!(follow.look(&client, at(NOW + 4_000)).await.unwrap().events.len(), 0);
        let client = domain_of(2, vec![page(&[hit(2_000, NOW + 4_500), hit(7, NOW + 7)])]).await;
        assert_eq!(numbers(&follow.look(&client, at(NOW + 5_000)).await.unwrap()), ["2000"]);
    }

    #[test]
    fn nobody_waits_longer_than_the_window() {
        let search = Search::default();
        let mut follow = Follow::from(search, at(NOW));
        let event = |number, time: i64| Event { time: at(time), ..Event::from_hit(&hit(number, NOW)) };
        // One of an hour ahead, one of now, one that is late.
        let events = vec![event(1, NOW + 3_600_000), event(2, NOW), event(3, NOW - 5_000)];
        let shown = |events: Vec<Event>| events.into_iter().map(|event| event.message).collect::<Vec<_>>();
        assert_eq!(shown(follow.in_order(events, at(NOW))), ["3"]);
        assert_eq!(shown(follow.in_order(vec![event(4, NOW - 1_000)], at(NOW + 1_000))), ["4"]);
        assert_eq!(shown(follow.in_order(Vec::new(), at(NOW + 2_000))), ["2", "1"]);
        assert!(!follow.holds_some());
    }
}
