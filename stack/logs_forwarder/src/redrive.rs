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

/// What is done after an object.
enum Next {
    /// The one behind it.
    Goes,
    /// Nothing: the domain takes no more, or no time is left.
    Ends,
}

impl Forwarder {
    /// Indexes the objects of outages and the invocations that Lambda gave up, oldest first, until there is none, the domain
    /// refuses, or the time is over. It rests after each object for as long as that took: live deliveries come first.
    pub(crate) async fn redrive(&self, invocation: &Invocation<'_>) -> Result<(), Failure> {
        let mut done = Redrive::default();
        let result = self.redrive_everything(invocation, &mut done).await;
        if done.objects + done.waiting + done.set_aside > 0 {
            self.tell(invocation, done.metrics());
        }
        result.map_err(|error| Failure::new("RedriveFailed", error))
    }

    async fn redrive_everything(&self, invocation: &Invocation<'_>, done: &mut Redrive) -> Result<(), AwsError> {
        let marks = self.bucket.list(READING, "").await?.keys;
        let marks = marks.iter().filter_map(|mark| mark.strip_prefix(READING)).map(str::to_owned).collect();
        let mut result = Ok(());
        for prefix in [LetterKind::Outage.prefix(), FAILED_INVOCATIONS.to_owned()] {
            result = result.and(self.redrive_all(&prefix, &marks, invocation, done).await);
            if done.written.outage().is_some() {
                break;
            }
        }
        result
    }

    async fn redrive_all(
        &self,
        prefix: &str,
        marks: &BTreeSet<String>,
        invocation: &Invocation<'_>,
        done: &mut Redrive,
    ) -> Result<(), AwsError> {
        // An object that stays must not keep those behind it waiting for ever.
        let mut after = Some(self.resume(prefix, None));
        let mut odd_before = false;
        while let Some(mut from) = after {
            let page = self.bucket.list(prefix, &from).await?;
            for key in &page.keys {
                let begun = Instant::now();
                if begun + LEAST_TIME >= invocation.deadline {
                    self.resume(prefix, Some(&from));
                    return Ok(());
                }
                if let Next::Ends = self.redrive_one(key, marks, invocation, &mut odd_before, done).await? {
                    // It may be this object's alone: the next redrive begins behind it.
                    self.resume(prefix, Some(key));
                    return Ok(());
                }
                from.clone_from(key);
                sleep(begun.elapsed().min(LONGEST_REST)).await;
            }
            after = page.next;
        }
        Ok(())
    }

    async fn redrive_one(
        &self,
        key: &str,
        marks: &BTreeSet<String>,
        invocation: &Invocation<'_>,
        odd_before: &mut bool,
        done: &mut Redrive,
    ) -> Result<Next, AwsError> {
        let mark = format!("{READING}{key}");
        if marks.contains(key) {
            let until = self.bucket.get(&mark).await.ok();
            let until = until.and_then(|mark| std::str::from_utf8(&mark.body).ok()?.parse::<i64>().ok());
            if until.is_some_and(|until| until > invocation.at) {
                return Ok(Next::Goes); // Somebody else is reading it.
            }
            self.set_aside(key, "whoever read it last did not come to an end", done).await?;
            self.bucket.delete(&mark).await?;
            return Ok(Next::Goes);
        }
        self.bucket.put(&mark, invocation.until.to_string().into()).await?;
        let replayed = self.replay().object(key, |_| true, invocation.at, invocation.deadline).await;
        self.bucket.delete(&mark).await?;
        self.debug(|| match &replayed {
            Ok(Replayed { waits, written, .. }) => {
                json!({"object": key, "waits": waits, "stopped": written.stopped.as_ref().map(Stopped::to_string)})
            }
            Err(error) => json!({"object": key, "error": error.to_string()}),
        });
        let replayed = match replayed {
            Ok(replayed) => replayed,
            Err(error) if error.is_gone() => return Ok(Next::Goes),
            Err(ReplayError::Bucket(error)) if error.is_passing() => return Err(error),
            Err(error) => {
                self.set_aside(key, &error.to_string(), done).await?;
                return Ok(Next::Goes);
            }
        };
        if Instant::now() < invocation.deadline {
            self.record(&replayed.written);
        }
        let stopped = replayed.written.stopped.clone();
        *(if replayed.waits || stopped.is_some() { &mut done.waiting } else { &mut done.objects }) += 1;
        done.refused += replayed.refused;
        done.own += replayed.own;
        done.written.add(replayed.written);
        let odd = matches!(stopped, Some(Stopped::Odd(_)));
        let domain_is_odd = std::mem::replace(odd_before, odd) && odd;
        match stopped {
            None => Ok(Next::Goes),
            // Two in a row: it is the domain that is odd, and not they.
            Some(Stopped::Odd(_)) if domain_is_odd => Ok(Next::Ends),
            Some(Stopped::Odd(reason)) => self.set_aside(key, &reason, done).await.map(|()| Next::Goes),
            Some(Stopped::Outage(_) | Stopped::Time) => Ok(Next::Ends),
        }
    }

    fn replay(&self) -> Replay<'_> {
        Replay {
            bucket: &self.bucket,
            domain: &self.domain,
            gate: &self.gate,
            indices: &self.indices,
            region: &self.region,
            cap: self.cap,
            conflicts: &self.conflicts,
            circuit: Circuit::HalfOpen,
            redactor: self.redactor.as_ref(),
        }
    }

    /// Puts an object where a person finds it, out of the way of the others. The reason may quote an event, and stays with it.
    async fn set_aside(&self, key: &str, reason: &str, done: &mut Redrive) -> Result<(), AwsError> {
        match self.bucket.set_aside(key, &format!("{ASIDE}{key}"), reason).await {
            Ok(()) => {
                log(&json!({"outcome": "set aside", "object": key}));
                done.set_aside += 1;
            }
            Err(error) if error.is_passing() => return Err(error),
            Err(_) => done.waiting += 1, // It cannot be moved either; those behind it do not wait with it.
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
