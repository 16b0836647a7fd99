//! The bulk writer: every event is indexed, or becomes a dead letter with the reason.

mod policy;

use std::{
    borrow::Cow,
    collections::{BTreeSet, VecDeque},
    fmt,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use hyper::Method;
use logctl_core::{
    backoff::Backoff,
    bulk::{self, FILTER_PATH, ItemOutcome},
    dead_letter::{DeadLetter, LetterKind},
    document::{Encoded, Encoder},
    event::{Batch, Event},
    mapping::Mappings,
    redact::Redactor,
};
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep};

use crate::{
    breaker::Circuit,
    domain::{Domain, gzip},
    letters::Letters,
};
use policy::Policy;

/// Bytes of one bulk body, uncompressed: the engine's limit counts those.
const MAX_BODY: usize = 5 << 20;
/// Bytes and events that are written at once.
const PART: (usize, usize) = (16 << 20, 50_000);
/// Characters of a reason that are kept: an engine may quote a whole event.
const MAX_REASON: usize = 1_000;
/// How often an item may be refused for the moment, while others are not, before it is left to a redrive.
const MAX_ITEM_TRIES: u32 = 8;
/// The pauses between tries: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// How long one request may take, and the reading of a mapping.
const TIMEOUT: Duration = Duration::from_secs(30);
const READING_TIMEOUT: Duration = Duration::from_secs(5);
/// The moment that ages of mappings are counted from.
static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Writes events to a domain.
pub struct Writer<'a> {
    /// The domain.
    pub domain: &'a Domain,
    /// What is known of its indices; more is learned here.
    pub mappings: &'a Mutex<Mappings>,
    /// When it gives up. What is not indexed by then is a dead letter of kind outage.
    pub deadline: Instant,
    /// What may be tried.
    pub circuit: Circuit,
    /// How often the events were tried before.
    pub tried: u32,
    /// What must not be stored, neither in the index nor in the dead letters.
    pub redactor: Option<&'a Redactor>,
}

/// What became of a batch. The counts and the dead letters that were added meanwhile make up its events.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Written {
    /// Indexed now.
    pub created: usize,
    /// Indexed before.
    pub duplicates: usize,
    /// Of those two, the ones that have a field as a pair and not typed.
    pub untyped: usize,
    /// Of those, the ones for which there was no room.
    pub crowded: usize,
    /// And the ones whose index could not be asked what it types.
    pub unread: usize,
    /// Of the first two, the ones of which something is found in the message only, or that were refused as they were.
    pub degraded: usize,
    /// Items that were sent again.
    pub retries: usize,
    /// Events of which something was redacted, whatever became of them.
    pub redacted: usize,
    /// Why the rest was not taken, if there is one.
    pub stopped: Option<Stopped>,
}

/// Why the rest of a batch was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// The domain is out of order: it cannot be reached, does not let us in, fails, or is asked too much.
    Outage(String),
    /// It answers, and nobody understands what. That may be this batch's own fault, and is no reason to spare the domain.
    Odd(String),
    /// No time was left.
    Time,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Outage(reason) | Self::Odd(reason) => reason,
            Self::Time => "no time was left",
        })
    }
}

impl Written {
    /// Adds what became of another batch.
    pub fn add(&mut self, other: Self) {
        self.created += other.created;
        self.duplicates += other.duplicates;
        self.untyped += other.untyped;
        self.crowded += other.crowded;
        self.unread += other.unread;
        self.degraded += other.degraded;
        self.retries += other.retries;
        self.redacted += other.redacted;
        // An outage counts more than what else has stopped a part.
        self.stopped = match (self.stopped.take(), other.stopped) {
            (Some(Stopped::Odd(_) | Stopped::Time) | None, Some(stopped @ Stopped::Outage(_))) => Some(stopped),
            (before, stopped) => before.or(stopped),
        };
    }

    /// Why the domain as a whole took no more, if that is so.
    #[must_use]
    pub fn outage(&self) -> Option<&str> {
        match &self.stopped {
            Some(Stopped::Outage(reason)) => Some(reason),
            Some(Stopped::Odd(_) | Stopped::Time) | None => None,
        }
    }
}

/// What became of one bulk request.
enum RequestOutcome {
    Answered(Vec<ItemOutcome>),
    /// Too large, or malformed somewhere: halves show where.
    Split(String),
    /// The domain asks to come back later.
    Throttled,
    /// Nothing of it was taken, as far as is known.
    Failed(Stopped),
}

/// An event on its way. It is encoded for each request anew, so that the bodies under way are all that is held.
struct Pending<'a> {
    event: &'a Event<'a>,
    /// How often its fields were refused.
    refused: u32,
    /// What was sent of its fields, and whether that was done in the dark.
    encoded: Encoded,
    unread: bool,
    attempts: u32,
    /// How often the engine refused it for the moment.
    put_off: u32,
    /// What the engine said last.
    last: Option<String>,
}

/// Items of a request, and which round of failures it belongs to: requests that were under way together fail as one.
struct Sent<'a> {
    items: Vec<Pending<'a>>,
    round: u32,
}

/// A batch while it is written.
struct Run<'a> {
    writer: &'a Writer<'a>,
    encoder: &'a Encoder<'a>,
    letters: &'a mut Letters,
    written: Written,
    pending: VecDeque<Pending<'a>>,
    /// The indices of the events, but for those that cannot be read for now.
    indices: BTreeSet<String>,
    /// Room for the next body, which is used again once that is compressed.
    body: Vec<u8>,
    policy: Policy,
    last_failure: Option<Stopped>,
    backoff: Backoff,
    /// Why an item was left to a redrive.
    put_off: Option<String>,
}

impl Writer<'_> {
    /// Writes a batch. What is no event is added to `letters`, too.
    pub async fn write_batch(&self, batch: &Batch<'_>, encoder: &Encoder<'_>, letters: &mut Letters) -> Written {
        for unreadable in &batch.unreadable {
            let redacted = self.redactor.and_then(|redactor| redactor.json(unreadable.json));
            let json = redacted.as_deref().unwrap_or(unreadable.json);
            // It quotes what it is about.
            let reason = self.redactor.map_or(Cow::Borrowed(&*unreadable.reason), |it| it.text(&unreadable.reason));
            letters.add(&self.undecodable(json, &reason, encoder));
        }
        self.write(&batch.events, encoder, letters).await
    }

    /// Writes `events`; those that cannot be indexed are added to `letters`.
    pub async fn write(&self, events: &[Event<'_>], encoder: &Encoder<'_>, letters: &mut Letters) -> Written {
        let mut written = Written::default();
        let mut circuit = self.circuit.clone();
        for part in parts(events) {
            written.add(self.write_part(part, encoder, circuit.clone(), letters).await);
            circuit = match &written.stopped {
                Some(stopped) => Circuit::Open(stopped.to_string()),
                None => Circuit::Closed,
            };
        }
        written
    }

    async fn write_part(
        &self,
        events: &[Event<'_>],
        encoder: &Encoder<'_>,
        circuit: Circuit,
        letters: &mut Letters,
    ) -> Written {
        let Some(redactor) = self.redactor else { return self.write_clean(events, encoder, circuit, letters).await };
        let in_time = |_: &&Event<'_>| Instant::now() < self.deadline;
        let redacted: Vec<Option<Box<RawValue>>> =
            events.iter().take_while(in_time).map(|event| redactor.event(event)).collect();
        // They are redacted when they are read again, before anybody indexes them.
        let (events, unread) = events.split_at(redacted.len());
        for event in unread {
            keep(event, encoder, LetterKind::Outage, self.tried + 1, "no time was left to redact it", letters);
        }
        let mut clean = Vec::with_capacity(events.len());
        for (event, redacted) in events.iter().zip(&redacted) {
            match redacted.as_deref().map(|json| Event::parse(json).map_err(|reason| (json, reason))) {
                None => clean.push(*event),
                Some(Ok(event)) => clean.push(event),
                Some(Err((json, reason))) => letters.add(&self.undecodable(json, &reason, encoder)),
            }
        }
        let mut written = self.write_clean(&clean, encoder, circuit, letters).await;
        written.redacted = redacted.iter().flatten().count();
        if !unread.is_empty() {
            written.stopped.get_or_insert(Stopped::Time);
        }
        written
    }

    /// The letter for something that is no event.
    fn undecodable<'l>(&self, json: &'l RawValue, reason: &'l str, encoder: &'l Encoder<'_>) -> DeadLetter<'l> {
        DeadLetter {
            kind: LetterKind::Undecodable,
            reason: reason.chars().take(MAX_REASON).collect(),
            at: encoder.ingested,
            attempts: self.tried + 1,
            index: None,
            origin: Some(Cow::Borrowed(encoder.origin)),
            event: Some(json),
            payload: None,
        }
    }

    async fn write_clean(
        &self,
        events: &[Event<'_>],
        encoder: &Encoder<'_>,
        circuit: Circuit,
        letters: &mut Letters,
    ) -> Written {
        let fresh = |event| Pending {
            event,
            refused: 0,
            encoded: Encoded::default(),
            unread: false,
            attempts: self.tried,
            put_off: 0,
            last: None,
        };
        let policy = Policy::new(&circuit, events.len());
        let last_failure = match circuit {
            Circuit::Closed | Circuit::HalfOpen => None,
            Circuit::Open(reason) => Some(Stopped::Outage(format!("the circuit is open: {reason}"))),
        };
        let run = Run {
            writer: self,
            encoder,
            letters,
            written: Written::default(),
            pending: events.iter().map(fresh).collect(),
            indices: events.iter().map(|event| encoder.index(event.timestamp).to_string()).collect(),
            body: Vec::new(),
            policy,
            last_failure,
            backoff: Backoff::new(PAUSES.0, PAUSES.1),
            put_off: None,
        };
        run.finish().await
    }
}

/// Parts of a batch, so that what is held of each event beside itself is bounded.
fn parts<'e>(mut events: &'e [Event<'e>]) -> impl Iterator<Item = &'e [Event<'e>]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |event: &&Event<'_>| {
            bytes += event.json.len();
            bytes <= PART.0
        };
        let count = events.iter().take(PART.1).take_while(fits).count().max(1).min(events.len());
        let (part, rest) = events.split_at(count);
        events = rest;
        Some(part).filter(|part| !part.is_empty())
    })
}

impl<'a> Run<'a> {
    async fn finish(mut self) -> Written {
        let mut in_flight = FuturesUnordered::new();
        loop {
            while !self.pending.is_empty() && in_flight.len() < self.policy.window && self.goes_on() {
                self.read_mappings().await;
                let items = self.take_body();
                in_flight.push(self.send(Sent { items, round: self.policy.round() }));
            }
            let Some((sent, outcome)) = in_flight.next().await else { break };
            self.take_note(sent, outcome).await;
        }
        if !self.pending.is_empty() {
            self.give_up();
        } else if self.written.created + self.written.duplicates == 0 {
            self.written.stopped = self.put_off.map(Stopped::Outage); // Not an item's fault, where it befalls all of them.
        }
        self.written
    }

    fn goes_on(&self) -> bool {
        self.policy.goes_on() && Instant::now() < self.writer.deadline
    }

    fn mappings(&self) -> MutexGuard<'a, Mappings> {
        self.writer.mappings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the mappings that nobody has read, or that have changed. One that cannot be had is no reason to wait: its index
    /// gets pairs.
    async fn read_mappings(&mut self) {
        let now = u64::try_from(BEGUN.elapsed().as_millis()).unwrap_or(u64::MAX);
        let wanted: Vec<String> = {
            let mappings = self.mappings();
            self.indices.iter().filter(|index| mappings.wants_reading(index, now)).cloned().collect()
        };
        for index in wanted {
            let timeout = READING_TIMEOUT.min(self.writer.deadline.saturating_duration_since(Instant::now()));
            let path = format!("/{index}/_mapping");
            let answer = self.writer.domain.send(Method::GET, &path, Bytes::new(), timeout).await;
            match answer.as_ref().map(|answer| answer.status.as_u16()) {
                Ok(200) => self.mappings().read(&index, answer.ok().as_ref().map(|answer| &*answer.body), now),
                Ok(404) => self.mappings().read(&index, Some(b"{}"), now),
                Ok(400..500) => self.mappings().read(&index, None, now),
                // Others may be read the next time.
                Ok(_) | Err(_) => _ = self.indices.remove(&index),
            }
        }
    }

    /// Takes events off the queue for one request, whose body it writes: at least one, at most `limit` and [`MAX_BODY`] bytes.
    fn take_body(&mut self) -> Vec<Pending<'a>> {
        let mut mappings = self.mappings();
        let mut items: Vec<Pending<'a>> = Vec::new();
        let body = &mut self.body;
        body.clear();
        while let Some(mut item) = self.pending.pop_front() {
            let before = body.len();
            item.encoded = match &item.last {
                Some(reason) if item.refused > 1 => self.encoder.encode_untyped(item.event, reason, body),
                _ => self.encoder.encode(item.event, &mut mappings, body),
            };
            let is_late = Instant::now() >= self.writer.deadline;
            item.unread = item.encoded.untyped && !mappings.knows(&self.encoder.index(item.event.timestamp));
            if !items.is_empty() && (body.len() > MAX_BODY || items.len() >= self.policy.limit || is_late) {
                body.truncate(before);
                self.pending.push_front(item);
                break;
            }
            item.attempts += 1;
            items.push(item);
        }
        items
    }

    /// Sends the body that was written.
    fn send(&self, sent: Sent<'a>) -> impl Future<Output = (Sent<'a>, RequestOutcome)> + use<'a> {
        let body = gzip(&self.body).into();
        let timeout = TIMEOUT.min(self.writer.deadline.saturating_duration_since(Instant::now()));
        let domain = self.writer.domain;
        async move {
            let path = format!("/_bulk?filter_path={FILTER_PATH}");
            let outcome = match domain.send_bulk(&path, body, timeout).await {
                Err(error) => RequestOutcome::Failed(Stopped::Outage(error.to_string())),
                Ok(answer) => {
                    let said = || format!("the domain answered {}: {}", answer.status, answer.excerpt());
                    match answer.status.as_u16() {
                        200 => match bulk::outcomes(&answer.body) {
                            Ok(outcomes) if outcomes.len() == sent.items.len() => RequestOutcome::Answered(outcomes),
                            _ => RequestOutcome::Failed(Stopped::Odd(said())),
                        },
                        400 if bulk::names_no_index(&answer.body) => RequestOutcome::Failed(Stopped::Outage(said())),
                        400 | 413 => RequestOutcome::Split(said()),
                        429 => RequestOutcome::Throttled,
                        401 | 403 | 407 | 500.. => RequestOutcome::Failed(Stopped::Outage(said())),
                        _ => RequestOutcome::Failed(Stopped::Odd(said())),
                    }
                }
            };
            (sent, outcome)
        }
    }

    async fn take_note(&mut self, sent: Sent<'a>, outcome: RequestOutcome) {
        match outcome {
            RequestOutcome::Answered(outcomes) => {
                self.last_failure = None;
                let retries = self.written.retries;
                for (item, outcome) in sent.items.into_iter().zip(outcomes) {
                    if matches!(outcome, ItemOutcome::Created) {
                        let index = self.encoder.index(item.event.timestamp);
                        self.mappings().written(&index);
                    }
                    self.conclude(item, outcome);
                }
                if self.policy.answered(self.written.retries > retries) {
                    self.pause().await;
                } else {
                    self.backoff.reset();
                }
            }
            RequestOutcome::Split(reason) if sent.items.len() == 1 => {
                for item in &sent.items {
                    self.dead_letter(item, LetterKind::Rejected, &reason);
                }
            }
            RequestOutcome::Split(_) => {
                self.policy.refused_whole(sent.items.len());
                self.put_back(sent.items);
            }
            RequestOutcome::Throttled => {
                self.last_failure = Some(Stopped::Outage("the domain asks to come back later".to_owned()));
                self.put_back(sent.items);
                if self.policy.throttled() {
                    self.pause().await;
                }
            }
            RequestOutcome::Failed(stopped) => {
                self.last_failure = Some(stopped);
                self.put_back(sent.items);
                if self.policy.failed(sent.round) {
                    self.pause().await;
                }
            }
        }
    }

    fn put_back(&mut self, items: Vec<Pending<'a>>) {
        self.written.retries += items.len();
        items.into_iter().rev().for_each(|item| self.pending.push_front(item));
    }

    /// Waits, at most for as long as there is time.
    async fn pause(&mut self) {
        let pause = self.backoff.pause(fastrand::f64());
        sleep(pause.min(self.writer.deadline.saturating_duration_since(Instant::now()))).await;
    }

    fn conclude(&mut self, mut item: Pending<'a>, outcome: ItemOutcome) {
        match outcome {
            ItemOutcome::Created => {
                self.written.created += 1;
                self.count(&item);
            }
            ItemOutcome::Duplicate => {
                self.written.duplicates += 1;
                self.count(&item);
            }
            ItemOutcome::Retry(refusal) if item.put_off + 1 == MAX_ITEM_TRIES => {
                self.dead_letter(&item, LetterKind::Outage, &refusal.to_string());
                self.put_off = Some(refusal.to_string());
            }
            // One event tells nothing about the domain.
            ItemOutcome::Failed(refusal) if item.put_off + 1 == MAX_ITEM_TRIES => {
                self.dead_letter(&item, LetterKind::Outage, &refusal.to_string());
            }
            ItemOutcome::Retry(refusal) | ItemOutcome::Failed(refusal) => {
                self.written.retries += 1;
                item.put_off += 1;
                item.last = Some(refusal.to_string());
                self.pending.push_back(item);
            }
            ItemOutcome::Degrade(refusal) if item.refused < 2 => {
                let index = self.encoder.index(item.event.timestamp);
                if refusal.is_of_the_limit() {
                    self.mappings().is_full(&index);
                } else {
                    let name = refusal.path(|path| self.encoder.has(item.event, path));
                    self.mappings().refused(&index, &self.encoder.origin.log_group, name);
                }
                item.refused += 1;
                item.last = Some(refusal.to_string());
                self.pending.push_back(item);
            }
            ItemOutcome::Degrade(refusal) | ItemOutcome::DeadLetter(refusal) => {
                self.dead_letter(&item, LetterKind::Rejected, &refusal.to_string());
            }
            ItemOutcome::Outage(refusal) => self.dead_letter(&item, LetterKind::Outage, &refusal.to_string()),
        }
    }

    /// Notes how the fields of an event that is indexed were written.
    fn count(&mut self, item: &Pending<'_>) {
        let Encoded { untyped, crowded, degraded, .. } = item.encoded;
        self.written.untyped += usize::from(untyped);
        self.written.crowded += usize::from(crowded);
        self.written.degraded += usize::from(degraded);
        self.written.unread += usize::from(item.unread);
    }

    fn give_up(&mut self) {
        let stopped = self.last_failure.take().unwrap_or(Stopped::Time);
        for item in std::mem::take(&mut self.pending) {
            let reason = item.last.clone().filter(|_| stopped == Stopped::Time).unwrap_or_else(|| stopped.to_string());
            self.dead_letter(&item, LetterKind::Outage, &reason);
        }
        self.written.stopped = Some(stopped);
    }

    fn dead_letter(&mut self, item: &Pending<'_>, kind: LetterKind, reason: &str) {
        keep(item.event, self.encoder, kind, item.attempts, reason, self.letters);
    }
}

/// Adds the letter of an event.
fn keep(
    event: &Event<'_>,
    encoder: &Encoder<'_>,
    kind: LetterKind,
    attempts: u32,
    reason: &str,
    letters: &mut Letters,
) {
    let index = encoder.target.index(event.timestamp);
    // What the scanner took and a strict reader does not is written anew.
    let strict: Option<&RawValue> = serde_json::from_str(event.json).ok();
    let rewritten = if strict.is_none() { event.rewritten().ok() } else { None };
    letters.add(&DeadLetter {
        kind,
        reason: reason.chars().take(MAX_REASON).collect(),
        at: encoder.ingested,
        attempts,
        index: Some(index.as_str().into()),
        origin: Some(Cow::Borrowed(encoder.origin)),
        event: strict.or(rewritten.as_deref()),
        payload: None,
    });
}

#[cfg(test)]
mod tests;
