//! What an outage has left is indexed once the domain is back: nobody needs to do anything.

use std::{sync::PoisonError, time::Duration};

use logctl_core::dead_letter::{FAILED_INVOCATIONS, LetterKind};
use logctl_sink::{
    breaker::Circuit,
    lambda::Failure,
    lambda::metrics::Redrive,
    replay::{Replay, ReplayError},
};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::handler::{Forwarder, Invocation};

/// With less time than this no other object is begun: what is cut off by the deadline looks like an outage.
const LEAST_TIME: Duration = Duration::from_secs(5);
/// The longest rest between two objects.
const LONGEST_REST: Duration = Duration::from_secs(5);

impl Forwarder {
    /// Indexes the objects of outages and the invocations that Lambda gave up, oldest first, until there is none, the domain
    /// refuses, or the time is over. It rests after each object for as long as that took: live deliveries come first.
    pub(crate) async fn redrive(&self, invocation: &Invocation<'_>) -> Result<(), Failure> {
        let mut done = Redrive::default();
        let mut result = Ok(());
        for prefix in [LetterKind::Outage.prefix(), FAILED_INVOCATIONS.to_owned()] {
            result = result.and(self.redrive_all(&prefix, invocation, &mut done).await);
            if done.written.outage.is_some() {
                break;
            }
        }
        if done.objects + done.waiting + done.unreadable > 0 {
            self.tell(invocation, done.metrics());
        }
        result.map_err(|error| Failure::new("RedriveFailed", error))
    }

    async fn redrive_all(
        &self,
        prefix: &str,
        invocation: &Invocation<'_>,
        done: &mut Redrive,
    ) -> Result<(), ReplayError> {
        let replay = Replay {
            bucket: &self.bucket,
            domain: &self.domain,
            indices: &self.indices,
            region: &self.region,
            cap: self.cap,
            conflicts: &self.conflicts,
            circuit: Circuit::HalfOpen,
            redactor: self.redactor.as_ref(),
        };
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
                let replayed = replay.object(key, |_| true, invocation.at, invocation.deadline).await;
                self.debug(|| match &replayed {
                    Ok(replayed) => json!({"object": key, "waits": replayed.waits, "outage": replayed.written.outage}),
                    Err(error) => json!({"object": key, "error": error.to_string()}),
                });
                match replayed {
                    Ok(replayed) => {
                        if Instant::now() < invocation.deadline {
                            self.record(&replayed.written);
                        }
                        *(if replayed.waits { &mut done.waiting } else { &mut done.objects }) += 1;
                        done.refused += replayed.refused;
                        done.written.add(replayed.written);
                    }
                    Err(error) if error.is_gone() => {}
                    Err(ReplayError::Bucket(error)) if error.is_passing() => return Err(error.into()),
                    // It waits for a person; those behind it do not wait with it.
                    Err(_) => done.unreadable += 1,
                }
                if done.written.outage.is_some() {
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

    /// The key behind which a redrive begins. Leaves `stopped` there for the next one.
    fn resume(&self, prefix: &str, stopped: Option<&str>) -> String {
        let mut redriven_to = self.redriven_to.lock().unwrap_or_else(PoisonError::into_inner);
        match stopped {
            Some(key) => redriven_to.insert(prefix.to_owned(), key.to_owned()).unwrap_or_default(),
            None => redriven_to.remove(prefix).unwrap_or_default(),
        }
    }
}
