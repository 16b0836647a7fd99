//! Reads a whole answer in the order of time, with no more of it in memory than a few pages.
//!
//! The range is cut into pieces of about a page, by how many events are where. They are asked for side by side and come out one
//! after the other; what is more than a page within one of them follows by `search_after`. Documents of a piece that lie side by
//! side are read together, and what is too long of them then is a piece of its own. Nothing is held open in the engine: each
//! request stands for itself, and one that fails is made again. Events that arrive meanwhile are found where their time has not
//! been read yet.

use std::{collections::VecDeque, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesOrdered};
use hyper::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Event, Indices, Search,
    foreign::Beside,
    gaps,
    hit::Hit,
    pages::{self, Pages, SAMPLE, again},
    pieces::{self, Piece},
    request::PREFERENCE,
    taker::{Once, Skip, Taker},
};
use crate::{
    domain::{DomainClient, DomainError},
    interrupt::Interrupt,
    words::count,
};

/// Of a page so many tenths are filled: some more events may arrive in the piece that it is cut for.
const TENTHS: usize = 9;
/// Pieces that are there or asked for while the first is waited for.
const AHEAD: usize = 4;
/// How long a part of the answer is waited for that is missing; after that it is said.
const PATIENCE: [Duration; 4] =
    [Duration::from_secs(8), Duration::from_secs(4), Duration::from_secs(2), Duration::from_secs(1)];

/// A place in the order of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// When the event happened.
    pub at: Timestamp,
    /// Its id.
    pub id: String,
}

impl std::str::FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a cursor is what an event of -o json has as \"cursor\"".to_owned();
        let (at, id) = text.split_once(':').ok_or_else(wrong)?;
        let at = at.parse().ok().and_then(|at| Timestamp::from_millisecond(at).ok()).ok_or_else(wrong)?;
        if id.is_empty() { Err(wrong()) } else { Ok(Self { at, id: id.to_owned() }) }
    }
}

/// How an answer is read.
#[derive(Debug)]
pub struct Plan {
    pieces: Vec<Piece>,
    which: Indices,
    /// Hits of one page.
    page: usize,
    /// Events that were there when it was made.
    pub total: u64,
    /// Events at the begin that are passed over, where only the newest are wanted.
    skip: u64,
    /// What was not looked at.
    pub warnings: Vec<String>,
    /// Events that were there when it was made, and not when they were read.
    gone: u64,
    /// Events of another layout that are read beside them, and how many may be meant.
    beside: Option<(Beside, u64)>,
}

/// Why reading came to an end before its end.
#[derive(Debug)]
pub enum Cut<E> {
    /// The domain does not answer.
    Domain(DomainError),
    /// Who takes the events cannot take more.
    Taker(E),
    /// Ctrl-C.
    Interrupted,
    /// The event of the cursor is not among those that are asked for.
    OtherQuery,
}

impl<E> From<DomainError> for Cut<E> {
    fn from(error: DomainError) -> Self {
        Self::Domain(error)
    }
}

impl Plan {
    /// Counts the events, and where they are.
    ///
    /// # Errors
    /// When the domain cannot be asked.
    pub async fn new(search: &Search, domain: &DomainClient) -> Result<Self, DomainError> {
        let counted = async |which| Self::counted(search, domain, which).await;
        let (plan, odd) = tokio::join!(gaps::all_or_open(search, domain, counted), gaps::odd(search, domain));
        let (mut plan, closed) = plan?;
        plan.warnings.extend(closed);
        plan.warnings.extend(odd);
        plan.look_beside(search, domain).await;
        Ok(plan)
    }

    async fn look_beside(&mut self, search: &Search, domain: &DomainClient) {
        match search.beside() {
            None => {}
            Some(Err(_)) => self.warnings.extend(search.left_out(domain).await),
            Some(Ok(beside)) => match beside.counted(domain).await {
                Err(error) if error.forbids() => {} // Who may not ask is not told.
                Err(error) => self.warnings.push(format!("{} was not looked at: {error}", beside.indices)),
                Ok((events, lack)) => {
                    self.beside = Beside::new(&beside, self.page).filter(|_| events > 0).map(|beside| (beside, events));
                    self.warnings.extend(lack.map(|lack| format!("{}: {lack}", beside.indices)));
                }
            },
        }
    }

    /// What an answer lacks that was read so far.
    #[must_use]
    pub fn lacks(&self) -> Vec<String> {
        let gone = || {
            let events = count(self.gone, "event");
            format!("at least {events} were counted at the beginning and not found later: was an index deleted?")
        };
        self.warnings.iter().cloned().chain((self.gone > 0).then(gone)).collect()
    }

    /// How many events may be meant at most.
    #[must_use]
    pub fn most(&self) -> u64 {
        self.total + self.beside.as_ref().map_or(0, |(_, events)| *events)
    }

    async fn counted(search: &Search, domain: &DomainClient, which: Indices) -> Result<Self, DomainError> {
        let query = |size: usize, aggregations: Value| {
            let filter = json!({"bool": {"filter": [search.bounds(), search.clause]}});
            json!({"size": size, "track_total_hits": true, "query": filter, "aggs": aggregations})
        };
        let extremes = json!({"first": {"min": {"field": "@timestamp"}}, "last": {"max": {"field": "@timestamp"}}});
        let path = path(search, which);
        let answer = match asked(domain, &path, &query(SAMPLE, extremes.clone())).await {
            // Events are so long that a few of them are too much.
            Err(DomainError::TooLong { .. }) => asked(domain, &path, &query(0, extremes)).await?,
            answer => answer?,
        };
        let mut warnings = gaps::incomplete(&answer);
        let total = answer.pointer("/hits/total/value").and_then(Value::as_u64).ok_or_else(|| domain.no_engine())?;
        let page = pages::size(answer.pointer("/hits/hits").and_then(Value::as_array).map_or(&[][..], Vec::as_slice));
        let filled = (page * TENTHS / 10) as u64;
        let range = search.range.start.as_millisecond()..search.range.end.as_millisecond();
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970")]
        let time = |name: &str| answer["aggregations"][name]["value"].as_f64().map(|time| time as i64);
        let extremes = (time("first").unwrap_or(range.start), time("last").unwrap_or(range.end));
        let ask = async |aggregation: Value| {
            let body = query(0, json!({"parts": aggregation}));
            let mut answer = asked(domain, &path, &body).await?;
            warnings.extend(gaps::incomplete(&answer));
            match answer.pointer_mut("/aggregations/parts/buckets").map(Value::take) {
                Some(Value::Array(buckets)) => Ok(buckets),
                _ => Err(domain.no_engine()),
            }
        };
        let pieces = pieces::cut(Piece { range, events: total }, extremes, filled, ask).await?;
        warnings.dedup();
        Ok(Self { pieces, which, page, total, skip: 0, warnings, gone: 0, beside: None })
    }

    /// The same from the event behind a cursor on.
    #[must_use]
    pub fn after(mut self, cursor: &Cursor) -> Self {
        let at = cursor.at.as_millisecond();
        self.pieces.retain(|piece| piece.range.end > at);
        if let Some(first) = self.pieces.first_mut() {
            first.range.start = at.max(first.range.start);
            first.events = 0; // So many are not known.
        }
        if let Some((beside, _)) = &mut self.beside {
            beside.since(cursor.at);
        }
        self
    }

    /// The same with the newest events only.
    #[must_use]
    pub fn newest(mut self, limit: u64) -> Self {
        let (mut wanted, mut first) = (0, self.pieces.len());
        while wanted < limit && first > 0 {
            first -= 1;
            wanted += self.pieces[first].events;
        }
        self.pieces.drain(..first);
        self.skip = wanted.saturating_sub(limit);
        // Which of those are among the newest is not known before all of them are judged.
        if let Some((beside, events)) = self.beside.take() {
            let (events, indices) = (count(events, "event"), beside.indices());
            self.warnings
                .push(format!("up to {events} of {indices} were not looked at, which may be among the newest"));
        }
        self
    }

    /// Reads the events, the oldest first, and hands them over page by page.
    ///
    /// # Errors
    /// When the domain does not answer, the taker fails, or somebody presses Ctrl-C. Everything up to there was handed over.
    pub async fn read<E>(
        &mut self,
        search: &Search,
        domain: &DomainClient,
        after: Option<&Cursor>,
        interrupt: &Interrupt,
        take: impl FnMut(&[Hit<'_>]) -> Result<(), E>,
    ) -> Result<(), Cut<E>> {
        let path = path(search, self.which);
        let pages = Pages::new(search, domain, &path, self.page);
        let mut pieces: VecDeque<Piece> = self.pieces.drain(..).collect();
        let mut beside = self.beside.take().map(|(beside, _)| beside);
        let skip = Skip { events: self.skip, until: after };
        let mut taker = Taker { search, skip, once: beside.is_some().then(Once::default), take };
        let mut patience = PATIENCE.to_vec();
        let mut ahead = FuturesOrdered::new();
        loop {
            while ahead.len() < AHEAD
                && let Some(piece) = pieces.pop_front()
            {
                ahead.push_back(pages.first(piece));
            }
            let next = tokio::select! {
                next = ahead.next() => next,
                () = interrupt.set() => return Err(Cut::Interrupted),
            };
            let Some(first) = next else { break };
            let (piece, mut page) = first?;
            let mut after_page = None;
            let mut left = piece.events;
            let mut is_whole = true;
            loop {
                // Text is looked through once, and bytes would be at each value.
                let text = std::str::from_utf8(&page.bytes).map_err(|_| domain.no_engine())?;
                let Some((mut hits, missing)) = page.read(text) else {
                    if !page.is_of_runs() {
                        return Err(domain.no_engine().into());
                    }
                    page = tokio::select! {
                        page = pages.changed(&piece) => page?,
                        () = interrupt.set() => return Err(Cut::Interrupted),
                    };
                    continue;
                };
                let is_partial = !missing.is_empty();
                let missing: Vec<String> = missing.into_iter().filter(|it| !self.warnings.contains(it)).collect();
                if !missing.is_empty() {
                    // A node may have gone, and another takes its place.
                    if let Some(pause) = patience.pop() {
                        page = tokio::select! {
                            page = async {
                                tokio::time::sleep(pause).await;
                                pages.page(&piece, after_page).await
                            } => page?,
                            () = interrupt.set() => return Err(Cut::Interrupted),
                        };
                        continue;
                    }
                    self.warnings.extend(missing);
                }
                is_whole &= !is_partial;
                pages.learn(page.bytes.len(), hits.len());
                let (whole, after) = page.together(&hits);
                hits.truncate(whole);
                left = left.saturating_sub(hits.len() as u64);
                hits.sort_by(|a, b| a.sort.cmp(&b.sort).then_with(|| a.id().cmp(&b.id())));
                if let (Some(beside), Some(last)) = (&mut beside, hits.last()) {
                    let until = last.sort.0;
                    tokio::select! {
                        rest = taker.take_beside(beside, hits, until, domain) => hits = rest?,
                        () = interrupt.set() => return Err(Cut::Interrupted),
                    }
                }
                taker.take(hits)?;
                if let Some(rest) = page.rest.take() {
                    ahead.push_front(pages.first(rest)); // The others go on meanwhile.
                    break;
                }
                if after.is_none() {
                    self.gone += if is_whole { left } else { 0 };
                    break;
                }
                after_page = after;
                page = tokio::select! {
                    next = pages.page(&piece, after_page) => next?,
                    () = interrupt.set() => return Err(Cut::Interrupted),
                };
            }
        }
        if let Some(beside) = &mut beside {
            tokio::select! {
                rest = taker.take_beside(beside, Vec::new(), i64::MAX, domain) => drop(rest?),
                () = interrupt.set() => return Err(Cut::Interrupted),
            }
            self.warnings.extend(beside.lacks());
        }
        if taker.skip.until.is_some() { Err(Cut::OtherQuery) } else { Ok(()) }
    }
}

/// Where it is counted and read: of each shard one copy is asked, the same one.
fn path(search: &Search, which: Indices) -> String {
    format!("{}&preference={PREFERENCE}", search.path(which))
}

/// Asks, and once more where the domain cannot answer now.
async fn asked(domain: &DomainClient, path: &str, body: &Value) -> Result<Value, DomainError> {
    again(false, || domain.send(Method::POST, path, Some(body))).await
}

/// Events of hits, understood.
#[must_use]
pub fn events(hits: &[Hit<'_>]) -> Vec<Event> {
    hits.iter().map(Hit::event).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_counted_from_the_end() {
        let piece = |range, events| Piece { range, events };
        let pieces = vec![piece(0..20, 4_500), piece(20..30, 4_500), piece(30..100, 10)];
        let plan = Plan {
            pieces,
            which: Indices::All,
            page: 5_000,
            total: 9_010,
            skip: 0,
            warnings: Vec::new(),
            gone: 0,
            beside: None,
        };
        let newest = plan.newest(100);
        assert_eq!((newest.pieces.len(), newest.skip), (2, 4_410));
    }

    #[test]
    fn a_cursor_is_a_time_and_an_id() {
        let cursor: Cursor = "1795428312345:386:7".parse().unwrap();
        assert_eq!((cursor.at.as_millisecond(), cursor.id.as_str()), (1_795_428_312_345, "386:7"));
        for wrong in ["", "17", "x:1", "1:"] {
            assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
        }
    }
}
