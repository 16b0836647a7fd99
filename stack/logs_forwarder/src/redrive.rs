//! What an outage has left is indexed once the domain is back: nobody needs to do anything.
//!
//! Each object fares for itself. One that cannot be read or written is set aside for a person, by name, and so is one that
//! has ended its reader: a mark is put before an object is read, and taken away after.

use std::{collections::BTreeSet, sync::PoisonError, time::Duration};

use logctl_core::dead_letter::{ASIDE, FAILED_INVOCATIONS, LetterKind};
use logctl_sink::{
    aws::AwsError,
    breaker::Circuit,
    lambda::metrics::Redrive,
    lambda::{Failure, log},
    replay::{Replay, ReplayError, Replayed},
    writer::Stopped,
};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::handler::{Forwarder, Invocation};

/// With less time than this no other object is begun: what is cut off by the deadline looks like an outage.
const LEAST_TIME: Duration = Duration::from_secs(5);
/// The longest rest between two objects.
const LONGEST_REST: Duration = Duration::from_secs(5);
/// What the keys of marks begin with; the rest is the key of the object that is being read. A mark holds the time, in
/// milliseconds since 1970, when whoever reads it has come to an end, one way or another.
const READING: &str = "reading/";

/// Longest key that a mark and a place aside can be made of; S3 takes 1,024 bytes.
const MAX_KEY: usize = 1_000;
/// For so long after its last proper answer a domain is not suspected.
const TRUST: Duration = Duration::from_mins(5);

/// What is done after an object.
enum Next {
    /// The one behind it.
    Goes,
    /// Nothing: the domain takes no more, or no time is left.
    Ends,
}

/// One redrive.
#[derive(Default)]
struct Run {
    /// Keys of objects that are marked.
    marks: BTreeSet<String>,
    done: Redrive,
    /// An object that was answered oddly, and what was said. The next one shows whether the domain is odd or the object.
    odd: Option<(String, String)>,
}

impl Forwarder {
    /// Indexes the objects of outages and the invocations that Lambda gave up, oldest first, until there is none, the domain
    /// refuses, or the time is over. It rests after each object for as long as that took: live deliveries come first.
    pub(crate) async fn redrive(&self, invocation: &Invocation<'_>) -> Result<(), Failure> {
        let mut run = Run::default();
        let result = self.redrive_everything(invocation, &mut run).await;
        let done = &run.done;
        if done.objects + done.waiting + done.set_aside > 0 {
            self.tell(invocation, done.metrics());
        }
        result.map_err(|error| Failure::new("RedriveFailed", error))
    }

    async fn redrive_everything(&self, invocation: &Invocation<'_>, run: &mut Run) -> Result<(), AwsError> {
        let marks = self.bucket.list(READING, "").await?.keys;
        run.marks = marks.iter().filter_map(|mark| mark.strip_prefix(READING)).map(str::to_owned).collect();
        let mut result = Ok(());
        for prefix in [LetterKind::Outage.prefix(), FAILED_INVOCATIONS.to_owned()] {
            result = result.and(self.redrive_all(&prefix, invocation, run).await);
            if run.done.written.outage().is_some() {
                break;
            }
        }
        result
    }

    async fn redrive_all(&self, prefix: &str, invocation: &Invocation<'_>, run: &mut Run) -> Result<(), AwsError> {
        // An object that stays must not keep those behind it waiting for ever.
        let mut after = Some(self.resume(prefix, None));
        while let Some(mut from) = after {
            let page = self.bucket.list(prefix, &from).await?;
            for key in &page.keys {
                let begun = Instant::now();
                if begun + LEAST_TIME >= invocation.deadline {
                    self.resume(prefix, Some(&from));
                    return Ok(());
                }
                let next = self.redrive_one(key, invocation, run).await;
                if !matches!(next, Ok(Next::Goes)) {
                    // It may be this object's alone: the next redrive begins behind it.
                    self.resume(prefix, Some(key));
                    return next.map(|_| ());
                }
                from.clone_from(key);
                sleep(begun.elapsed().min(LONGEST_REST)).await;
            }
            after = page.next;
        }
        Ok(())
    }

    async fn redrive_one(&self, key: &str, invocation: &Invocation<'_>, run: &mut Run) -> Result<Next, AwsError> {
        if key.len() > MAX_KEY {
            run.done.waiting += 1; // The forwarder writes no such key, and nothing can be made of it.
            return Ok(Next::Goes);
        }
        let mark = format!("{READING}{key}");
        if run.marks.contains(key)
            && let Some(until) = self.until(&mark).await?
        {
            if until <= invocation.at {
                self.set_aside(key, "whoever read it last did not come to an end", run).await?;
                self.bucket.delete(&mark).await?;
            }
            return Ok(Next::Goes); // Or somebody else is reading it.
        }
        self.bucket.put(&mark, invocation.until.to_string().into()).await?;
        let replayed = self.replay().object(key, |_| true, invocation.at, invocation.deadline).await;
        let unmarked = self.bucket.delete(&mark).await;
        self.debug(|| match &replayed {
            Ok(Replayed { waits, written, .. }) => {
                json!({"object": key, "waits": waits, "stopped": written.stopped.as_ref().map(Stopped::to_string)})
            }
            Err(error) => json!({"object": key, "error": error.to_string()}),
        });
        let next = match replayed {
            Ok(replayed) => self.settle_object(key, replayed, invocation, run).await,
            Err(error) if error.is_gone() => Ok(Next::Goes),
            Err(ReplayError::Bucket(error)) if error.is_passing() => Err(error),
            Err(error) => self.set_aside(key, &error.to_string(), run).await.map(|()| Next::Goes),
        };
        unmarked.and(next)
    }

    /// The time that a mark holds; `None` where it has gone: whoever read the object has come to an end.
    async fn until(&self, mark: &str) -> Result<Option<i64>, AwsError> {
        match self.bucket.get(mark).await {
            Ok(mark) => Ok(Some(std::str::from_utf8(&mark.body).ok().and_then(|text| text.parse().ok()).unwrap_or(0))),
            Err(error) if error.code() == Some("NoSuchKey") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes note of what became of an object.
    async fn settle_object(
        &self,
        key: &str,
        replayed: Replayed,
        invocation: &Invocation<'_>,
        run: &mut Run,
    ) -> Result<Next, AwsError> {
        if Instant::now() < invocation.deadline {
            self.record(&replayed.written);
        }
        let Replayed { refused, own, waits, written, .. } = replayed;
        let stopped = written.stopped.clone();
        run.done.refused += refused;
        run.done.own += own;
        run.done.written.add(written);
        match stopped {
            None => {
                *(if waits { &mut run.done.waiting } else { &mut run.done.objects }) += 1;
                // The domain answers properly: the other one was odd.
                if let Some((odd, reason)) = run.odd.take_if(|_| self.answers()) {
                    run.done.waiting -= 1;
                    self.set_aside(&odd, &reason, run).await?;
                }
                Ok(Next::Goes)
            }
            Some(Stopped::Odd(reason)) if self.answers() => {
                self.set_aside(key, &reason, run).await?;
                Ok(Next::Goes)
            }
            Some(Stopped::Odd(reason)) => {
                run.done.waiting += 1;
                // Two of them, and no other answer: it is the domain that is odd.
                let before = run.odd.replace((key.to_owned(), reason));
                Ok(if before.is_some() { Next::Ends } else { Next::Goes })
            }
            Some(Stopped::Outage(_) | Stopped::Time) => {
                run.done.waiting += 1;
                Ok(Next::Ends)
            }
        }
    }

    /// Whether the domain has lately answered properly.
    fn answers(&self) -> bool {
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.is_some_and(|at| at.elapsed() < TRUST)
    }

    fn replay(&self) -> Replay<'_> {
        Replay {
            bucket: &self.bucket,
            domain: &self.domain,
            gate: &self.gate,
            indices: &self.indices,
            region: &self.region,
            cap: self.cap,
            mappings: &self.mappings,
            services: &self.services,
            circuit: Circuit::HalfOpen,
            redactor: self.redactor.as_ref(),
        }
    }

    /// Puts an object where a person finds it, out of the way of the others. The reason may quote an event, and stays with it.
    async fn set_aside(&self, key: &str, reason: &str, run: &mut Run) -> Result<(), AwsError> {
        match self.bucket.set_aside(key, &format!("{ASIDE}{key}"), reason, key.starts_with(FAILED_INVOCATIONS)).await {
            Ok(()) => {
                log(&json!({"outcome": "set aside", "object": key}));
                run.done.set_aside += 1;
            }
            Err(error) if error.is_passing() => return Err(error),
            Err(_) => run.done.waiting += 1, // It cannot be moved either; those behind it do not wait with it.
        }
        Ok(())
    }

    /// The key behind which a redrive begins. Leaves `stopped` there for the next one.
    fn resume(&self, prefix: &str, stopped: Option<&str>) -> String {
        let mut redriven_to = self.redriven_to.lock().unwrap_or_else(PoisonError::into_inner);
        match stopped {
            Some(key) => redriven_to.insert(prefix.to_owned(), key.to_owned()).unwrap_or_default(),
            None => redriven_to.remove(prefix).unwrap_or_default(),
        }
    }
}
