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
    dead_letter::{DeadLetter, FAILED_INVOCATIONS, FailedInvocation, LetterKind, before_aside, key_of_rest},
    document::{Encoder, Target},
    event::{Batch, Event, Origin},
    index_name::Indices,
    mapping::Mappings,
    payload::{self, Payload},
    redact::Redactor,
    services::Services,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    aws::{
        AwsError,
        s3::{Bucket, Object},
    },
    breaker::Circuit,
    domain::Domain,
    gate::{Gate, Verdict},
    lambda::milliseconds,
    letters::Letters,
    writer::{Writer, Written},
};

/// Bytes of the letters that are decompressed at once.
const CHUNK: usize = 4 << 20;
/// Bytes of one letter. Those of an event and of an invocation are bounded, and far below.
const MAX_LINE: usize = 12 << 20;
/// How far an object may expand.
const MAX_OBJECT: u64 = 4 << 30;
/// How long before its object was written a letter may have been given up, in milliseconds.
const MAX_AGE: i64 = 62 * 24 * 60 * 60 * 1000;

/// What the schedule calls the forwarder with.
pub const REDRIVE: &str = "redrive";

/// Takes dead letters out of the bucket.
pub struct Replay<'a> {
    /// The bucket.
    pub bucket: &'a Bucket,
    /// Where the events go.
    pub domain: &'a Domain,
    /// Whose events are taken: whoever can write into the bucket must not speak for others.
    pub gate: &'a Gate,
    /// Names the indices of events that have none yet.
    pub indices: &'a Indices,
    /// The Region of events whose payload is decoded only now.
    pub region: &'a str,
    /// How far a payload may expand, in bytes.
    pub cap: u64,
    /// What is known of the domain's indices.
    pub mappings: &'a Mutex<Mappings>,
    /// How groups are named for their services.
    pub services: &'a Services,
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
    /// Letters of logctl's own functions, which are dropped.
    pub own: usize,
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
        let written_at = object.modified.map_or(now, milliseconds).min(now);
        let mut lines = Lines::new(key, &object.body).map_err(unreadable)?;
        let mut pass = Pass { replay: self, now, written_at, deadline, rest: Letters::default(), own: 0 };
        let mut replayed = Replayed::default();
        let mut waiting = 0;
        while let Some(chunk) = lines.chunk().map_err(unreadable)? {
            let letters = chunk.lines().map(serde_json::from_str).collect::<Result<Vec<DeadLetter<'_>>, _>>();
            let letters = letters.map_err(|error| unreadable(error.to_string()))?;
            let (chosen, others): (Vec<_>, Vec<_>) = letters.iter().partition(|letter| select(letter));
            for letter in &others {
                pass.rest.add(letter);
            }
            replayed.skipped += others.len();
            let alike = |a: &DeadLetter<'_>, b: &DeadLetter<'_>| {
                (&a.index, &a.origin, a.attempts, a.at) == (&b.index, &b.origin, b.attempts, b.at)
            };
            for run in chosen.chunk_by(|a, b| alike(a, b)) {
                let outages = pass.rest.count(LetterKind::Outage);
                replayed.written.add(pass.run(run).await);
                waiting += pass.rest.count(LetterKind::Outage) - outages;
                replayed.waits = waiting > 0;
                if replayed.written.stopped.is_some() {
                    return Ok(replayed); // What follows was not read: the object stays as it is.
                }
            }
        }
        replayed.refused = pass.rest.len() - replayed.skipped - waiting;
        replayed.own = pass.own;
        let Written { created, duplicates, .. } = replayed.written;
        let rest = pass.rest;
        if rest.is_empty() || created + duplicates + replayed.refused + replayed.own > 0 {
            self.put_rest(key, &object, rest, (replayed.skipped > 0).then_some(now)).await?;
        }
        Ok(replayed)
    }

    /// Writes what is left of the object at `key`, and takes it away where nothing is. Letters that move elsewhere are put
    /// there first. Of a record of Lambda, which nobody has redacted, no version stays.
    async fn put_rest(&self, key: &str, object: &Object, rest: Letters, part: Option<i64>) -> Result<(), AwsError> {
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
            None => match &object.version {
                Some(version) if before_aside(key).starts_with(FAILED_INVOCATIONS) => {
                    self.bucket.delete_version(key, version).await
                }
                _ => self.bucket.delete(key).await,
            },
        }
    }
}

/// One way through an object.
struct Pass<'p, 'a> {
    replay: &'p Replay<'a>,
    /// In milliseconds since 1970, as all times here.
    now: i64,
    /// When the object was written.
    written_at: i64,
    deadline: Instant,
    /// What cannot be indexed.
    rest: Letters,
    /// Letters of logctl's own functions.
    own: usize,
}

impl<'a> Pass<'_, 'a> {
    /// Indexes letters of one origin, index and time.
    async fn run(&mut self, run: &[&DeadLetter<'_>]) -> Written {
        let Some(first) = run.first() else { return Written::default() };
        // Whoever can write into the bucket must not write into every index.
        let index = match first.index.as_deref().map(|index| self.replay.indices.check(index)).transpose() {
            Ok(index) => index,
            Err(reason) => return self.refuse_all(run, &reason),
        };
        let nowhere = Origin::default();
        let origin = first.origin.as_deref().unwrap_or(&nowhere);
        if run.iter().any(|letter| letter.event.is_some()) {
            match self.replay.gate.judge(origin).await {
                Verdict::Taken => {}
                Verdict::Own => {
                    self.own += run.len();
                    return Written::default();
                }
                Verdict::Refused(reason) => return self.refuse_all(run, &reason),
            }
        }
        let mut written = Written::default();
        let mut events = Vec::new();
        for letter in run {
            match (letter.event, &letter.payload) {
                (Some(json), _) => match Event::parse(json) {
                    Ok(event) => events.push(event),
                    Err(reason) => self.refuse(letter, LetterKind::Undecodable, &reason),
                },
                (None, Some(data)) => written.add(self.payload(letter, data).await),
                (None, None) => self.refuse(letter, LetterKind::Undecodable, "it holds neither event nor payload"),
            }
        }
        let target = index.as_ref().map_or_else(|| self.by_time(first.at), Target::One);
        let encoder = Encoder::new(target, origin, self.now).with_services(self.replay.services);
        written.add(self.writer(first.attempts).write(&events, &encoder, &mut self.rest).await);
        written
    }

    async fn payload(&mut self, letter: &DeadLetter<'_>, data: &str) -> Written {
        let text = payload::unpack(data, self.replay.cap);
        let parsed = text
            .as_deref()
            .map_err(ToString::to_string)
            .and_then(|text| payload::parse(text, self.replay.region).map_err(|error| error.to_string()));
        let batch = match parsed {
            Ok(Payload::Control) => return Written::default(),
            Ok(Payload::Data(batch)) => batch,
            Err(error) => {
                self.refuse(letter, LetterKind::Undecodable, &error);
                return Written::default();
            }
        };
        match self.replay.gate.judge(&batch.origin).await {
            Verdict::Taken => return self.batch(&batch, letter).await,
            Verdict::Own => self.own += 1,
            Verdict::Refused(reason) => self.refuse(letter, LetterKind::Rejected, &reason),
        }
        Written::default()
    }

    async fn batch(&mut self, batch: &Batch<'_>, letter: &DeadLetter<'_>) -> Written {
        let encoder = Encoder::new(self.by_time(letter.at), &batch.origin, self.now);
        let encoder = encoder.with_services(self.replay.services);
        self.writer(letter.attempts).write_batch(batch, &encoder, &mut self.rest).await
    }

    fn refuse_all(&mut self, run: &[&DeadLetter<'_>], reason: &str) -> Written {
        for letter in run {
            self.refuse(letter, LetterKind::Rejected, reason);
        }
        Written::default()
    }

    fn refuse(&mut self, letter: &DeadLetter<'_>, kind: LetterKind, reason: &str) {
        self.rest.add(&DeadLetter {
            kind,
            reason: reason.into(),
            at: if letter.at == 0 { self.now } else { letter.at },
            attempts: letter.attempts.saturating_add(1),
            index: letter.index.as_deref().map(Cow::Borrowed),
            origin: letter.origin.as_deref().map(Cow::Borrowed),
            event: letter.event,
            payload: letter.payload.as_deref().map(Cow::Borrowed),
        });
    }

    /// The indices of events that were delivered when their letter was given up, which is before its object was written,
    /// and not long before.
    fn by_time(&self, at: i64) -> Target<'a> {
        let at = if at == 0 { self.written_at } else { at };
        Target::ByTime { indices: self.replay.indices, delivered: at.clamp(self.written_at - MAX_AGE, self.written_at) }
    }

    fn writer(&self, tried: u32) -> Writer<'a> {
        Writer {
            domain: self.replay.domain,
            mappings: self.replay.mappings,
            deadline: self.deadline,
            circuit: self.replay.circuit.clone(),
            tried,
            redactor: self.replay.redactor,
        }
    }
}

/// The letters of an object, a part at a time.
pub struct Lines<'a> {
    reader: BufReader<Box<dyn Read + 'a>>,
    chunk: String,
    /// Bytes that it may still hold.
    left: u64,
}

impl<'a> Lines<'a> {
    /// Reads the object at `key`: dead letters, or the record of an invocation that Lambda gave up.
    ///
    /// # Errors
    /// When it is neither.
    pub fn new(key: &str, object: &'a [u8]) -> Result<Self, String> {
        let reader: Box<dyn Read + 'a> = if before_aside(key).starts_with(FAILED_INVOCATIONS) {
            Box::new(Cursor::new(letter_of_invocation(object)?))
        } else {
            Box::new(MultiGzDecoder::new(object))
        };
        Ok(Self { reader: BufReader::new(reader), chunk: String::new(), left: MAX_OBJECT })
    }

    /// The next letters, one a line; `None` at the end.
    ///
    /// # Errors
    /// When the object is damaged, or longer than any that the forwarder writes.
    pub fn chunk(&mut self) -> Result<Option<&str>, String> {
        self.chunk.clear();
        while self.chunk.len() < CHUNK {
            let before = self.chunk.len();
            let mut line = (&mut self.reader).take(MAX_LINE as u64 + 1);
            line.read_line(&mut self.chunk).map_err(|error| error.to_string())?;
            let length = self.chunk.len() - before;
            if length == 0 {
                break;
            }
            if length > MAX_LINE {
                return Err(format!("a line of it is longer than {MAX_LINE} bytes"));
            }
            self.left = self.left.checked_sub(length as u64).ok_or(format!("it holds more than {MAX_OBJECT} bytes"))?;
        }
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
