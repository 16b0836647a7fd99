//! Dead letters on their way back into the index.
//!
//! An object is taken away only after its last event is indexed; what is refused again stays, or moves to the letters of
//! its kind. Whoever is interrupted anywhere does it again: events meet their own ids, and objects are written anew under
//! the same keys. Parts of an object get keys of their own.

use std::{
    borrow::Cow,
    io::{BufRead as _, BufReader, Cursor, Read},
    sync::Mutex,
};

use flate2::read::MultiGzDecoder;
use logctl_core::{
    conflicts::Conflicts,
    dead_letter::{DeadLetter, FAILED_INVOCATIONS, FailedInvocation, LetterKind, key_of_rest},
    document::{Encoder, Target},
    event::{Batch, Event, Origin},
    index_name::Indices,
    payload::{self, Payload},
    redact::Redactor,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    aws::{AwsError, s3::Bucket},
    breaker::Circuit,
    domain::Domain,
    letters::Letters,
    writer::{Writer, Written},
};

/// Bytes of the letters that are decompressed at once.
const CHUNK: usize = 4 << 20;
/// How far an object may expand.
const MAX_OBJECT: u64 = 4 << 30;

/// What the schedule calls the forwarder with.
pub const REDRIVE: &str = "redrive";

/// Takes dead letters out of the bucket.
pub struct Replay<'a> {
    /// The bucket.
    pub bucket: &'a Bucket,
    /// Where the events go.
    pub domain: &'a Domain,
    /// Names the indices of events that have none yet.
    pub indices: &'a Indices,
    /// The Region of events whose payload is decoded only now.
    pub region: &'a str,
    /// How far a payload may expand, in bytes.
    pub cap: u64,
    /// What the domain's indices have refused.
    pub conflicts: &'a Mutex<Conflicts>,
    /// What may be tried.
    pub circuit: Circuit,
    /// What must not be stored.
    pub redactor: Option<&'a Redactor>,
}

/// What became of an object.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// What became of its events.
    pub written: Written,
    /// Letters that were not selected and stay.
    pub skipped: usize,
    /// Letters that were refused again.
    pub refused: usize,
    /// Whether letters wait for the domain, or for one of its indices, to take them.
    pub waits: bool,
}

/// Why an object could not be replayed. It stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The bucket.
    #[error(transparent)]
    Bucket(#[from] AwsError),
    /// The object is not what the forwarder writes.
    #[error("{key} cannot be read: {cause}")]
    Object {
        /// Which one.
        key: String,
        /// What is wrong with it.
        cause: String,
    },
}

impl ReplayError {
    /// Whether the object is gone: somebody else has replayed it.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Bucket(error) if error.code() == Some("NoSuchKey"))
    }
}

impl Replay<'_> {
    /// Indexes what `select` chooses of the object at `key`. `now` is in milliseconds since 1970.
    ///
    /// # Errors
    /// When the bucket refuses something or the object cannot be read. An outage of the domain is no error.
    pub async fn object(
        &self,
        key: &str,
        select: impl Fn(&DeadLetter<'_>) -> bool,
        now: i64,
        deadline: Instant,
    ) -> Result<Replayed, ReplayError> {
        let unreadable = |cause: String| ReplayError::Object { key: key.to_owned(), cause };
        let object = self.bucket.get(key).await?;
        let mut lines = Lines::new(key, &object).map_err(unreadable)?;
        let mut rest = Letters::default();
        let mut replayed = Replayed::default();
        let mut waiting = 0;
        while let Some(chunk) = lines.chunk().map_err(|error| unreadable(error.to_string()))? {
            let letters = chunk.lines().map(serde_json::from_str).collect::<Result<Vec<DeadLetter<'_>>, _>>();
            let letters = letters.map_err(|error| unreadable(error.to_string()))?;
            let (chosen, others): (Vec<_>, Vec<_>) = letters.iter().partition(|letter| select(letter));
            for letter in &others {
                rest.add(letter);
            }
            replayed.skipped += others.len();
            for run in chosen.chunk_by(|a, b| (&a.index, &a.origin, a.attempts) == (&b.index, &b.origin, b.attempts)) {
                let outages = rest.count(LetterKind::Outage);
                replayed.written.add(self.run(run, now, deadline, &mut rest).await);
                waiting += rest.count(LetterKind::Outage) - outages;
                replayed.waits = waiting > 0;
                if replayed.written.outage.is_some() {
                    return Ok(replayed); // What follows was not read: the object stays as it is.
                }
            }
        }
        replayed.refused = rest.len() - replayed.skipped - waiting;
        let Written { created, duplicates, .. } = replayed.written;
        if rest.is_empty() || created + duplicates + replayed.refused > 0 {
            self.put_rest(key, rest, (replayed.skipped > 0).then_some(now)).await?;
        }
        Ok(replayed)
    }

    /// Indexes letters of one origin and index. What cannot be is added to `rest`.
    async fn run(&self, run: &[&DeadLetter<'_>], now: i64, deadline: Instant, rest: &mut Letters) -> Written {
        let Some(first) = run.first() else { return Written::default() };
        let refuse = |letter: &DeadLetter<'_>, kind: LetterKind, reason: String, rest: &mut Letters| {
            rest.add(&DeadLetter {
                kind,
                reason: reason.into(),
                at: now,
                attempts: letter.attempts + 1,
                index: letter.index.as_deref().map(Cow::Borrowed),
                origin: letter.origin.as_deref().map(Cow::Borrowed),
                event: letter.event,
                payload: letter.payload.as_deref().map(Cow::Borrowed),
            });
        };
        let again = |letter: &DeadLetter<'_>, reason: String, rest: &mut Letters| {
            refuse(letter, LetterKind::Undecodable, reason, rest);
        };
        // Whoever can write into the bucket must not write into every index.
        let index = match first.index.as_deref().map(|index| self.indices.check(index)).transpose() {
            Ok(index) => index,
            Err(reason) => {
                for letter in run {
                    refuse(letter, LetterKind::Rejected, reason.clone(), rest);
                }
                return Written::default();
            }
        };
        let mut written = Written::default();
        let mut events = Vec::new();
        for letter in run {
            match (letter.event, &letter.payload) {
                (Some(json), _) => match Event::parse(json) {
                    Ok(event) => events.push(event),
                    Err(reason) => again(letter, reason, rest),
                },
                (None, Some(data)) => {
                    let text = payload::unpack(data, self.cap);
                    match text.as_deref().map(|text| payload::parse(text, self.region)) {
                        Ok(Ok(Payload::Control)) => {}
                        Ok(Ok(Payload::Data(batch))) => {
                            written.add(self.batch(&batch, letter.attempts, now, deadline, rest).await);
                        }
                        Ok(Err(error)) => again(letter, error.to_string(), rest),
                        Err(error) => again(letter, error.to_string(), rest),
                    }
                }
                (None, None) => again(letter, "it holds neither event nor payload".to_owned(), rest),
            }
        }
        let nowhere = Origin::default();
        let target = index.as_ref().map_or(Target::ByTime(self.indices), Target::One);
        let encoder = Encoder::new(target, first.origin.as_deref().unwrap_or(&nowhere), now);
        written.add(self.writer(first.attempts, deadline).write(&events, &encoder, rest).await);
        written
    }

    async fn batch(&self, batch: &Batch<'_>, tried: u32, now: i64, deadline: Instant, rest: &mut Letters) -> Written {
        let encoder = Encoder::new(Target::ByTime(self.indices), &batch.origin, now);
        self.writer(tried, deadline).write_batch(batch, &encoder, rest).await
    }

    fn writer(&self, tried: u32, deadline: Instant) -> Writer<'_> {
        Writer {
            domain: self.domain,
            conflicts: self.conflicts,
            deadline,
            circuit: self.circuit.clone(),
            tried,
            redactor: self.redactor,
        }
    }

    /// Writes what is left of the object at `key`, and takes it away where nothing is. Letters that move elsewhere are put
    /// there first.
    async fn put_rest(&self, key: &str, rest: Letters, part: Option<i64>) -> Result<(), AwsError> {
        let mut stays = None;
        for (kind, object) in rest.into_objects() {
            let target = key_of_rest(kind, key, part);
            if target == key {
                stays = Some(object);
            } else {
                self.bucket.put(&target, object.into()).await?;
            }
        }
        match stays {
            Some(object) => self.bucket.put(key, object.into()).await,
            None => self.bucket.delete(key).await,
        }
    }
}

/// The letters of an object, a part at a time.
pub struct Lines<'a> {
    reader: BufReader<Box<dyn Read + 'a>>,
    chunk: String,
}

impl<'a> Lines<'a> {
    /// Reads the object at `key`: dead letters, or the record of an invocation that Lambda gave up.
    ///
    /// # Errors
    /// When it is neither.
    pub fn new(key: &str, object: &'a [u8]) -> Result<Self, String> {
        let reader: Box<dyn Read + 'a> = if key.starts_with(FAILED_INVOCATIONS) {
            Box::new(Cursor::new(letter_of_invocation(object)?))
        } else {
            Box::new(MultiGzDecoder::new(object).take(MAX_OBJECT))
        };
        Ok(Self { reader: BufReader::new(reader), chunk: String::new() })
    }

    /// The next letters, one a line; `None` at the end.
    ///
    /// # Errors
    /// When the object is damaged.
    pub fn chunk(&mut self) -> std::io::Result<Option<&str>> {
        self.chunk.clear();
        while self.chunk.len() < CHUNK && self.reader.read_line(&mut self.chunk)? > 0 {}
        Ok(Some(self.chunk.as_str()).filter(|chunk| !chunk.is_empty()))
    }
}

/// The letter for an invocation that failed. One that carries no logs, such as the schedule's, leaves none.
fn letter_of_invocation(record: &[u8]) -> Result<Vec<u8>, String> {
    let record: FailedInvocation = serde_json::from_slice(record).map_err(|error| error.to_string())?;
    let payload = record.request_payload;
    if payload == json!(REDRIVE) {
        return Ok(Vec::new());
    }
    let data = payload.pointer("/awslogs/data").and_then(Value::as_str);
    let letter = DeadLetter {
        kind: LetterKind::Outage,
        reason: "the invocation failed".into(),
        at: 0,
        attempts: 0,
        index: None,
        origin: None,
        event: None,
        payload: Some(data.map_or_else(|| payload.to_string().into(), Cow::Borrowed)),
    };
    serde_json::to_vec(&letter).map_err(|error| error.to_string())
}
