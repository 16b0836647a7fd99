//! One marked event through the whole chain, from a log group of its own to the index.

use std::{cell::Cell, collections::BTreeSet, time::Duration};

use bytes::Bytes;
use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use logctl_core::{
    dead_letter::{DeadLetter, LetterKind, key},
    event_id::event_id,
    names::Function,
    service::{ALREADY_EXISTS, NOT_FOUND},
};
use logctl_sink::{aws::AwsClient, domain::gzip, replay::Lines};
use serde_json::{Value, json};
use strum::IntoEnumIterator as _;
use tokio::time::{Instant, sleep};

use super::{Check, Status, chain, of_group};
use crate::{
    aws::{Aws, Operation, filters::FilterCalls, groups, metrics, past, policy},
    deploy::DeployedStack,
    domain::{DomainClient, DomainError, search_path},
    error::{Error, Kind},
    interrupt::Interrupt,
    progress::Progress,
    words::count,
};

/// How long between two looks.
const INTERVAL: Duration = Duration::from_millis(500);
/// How long the domain may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long FilterLogEvents may take to show what was put.
const SHOWN: Duration = Duration::from_secs(15);
/// After this a log group of a probe is left over from one that was cut off.
const LEFT_OVER: SignedDuration = SignedDuration::from_hours(1);
/// How far the time in a group's name may lie from its creation: the clocks differ, and it was made at once.
const AT_ONCE: SignedDuration = SignedDuration::from_mins(5);
/// Objects of dead letters that are looked into.
const OBJECTS: usize = 20;

/// How long is waited for documents that are to be removed: an index shows them after two seconds.
const SHOWS: Duration = Duration::from_secs(6);
/// Documents that are removed at once.
const PAGE: usize = 100;

/// A probe of a stack.
pub struct Probe<'a> {
    /// Where.
    pub aws: &'a Aws,
    /// What is probed.
    pub stack: &'a DeployedStack,
    /// ARN of its forwarder.
    pub forwarder: &'a str,
    /// How long the event may take.
    pub wait: Duration,
    /// When the run began.
    pub now: Timestamp,
    /// Ends it early; it cleans up all the same.
    pub interrupt: &'a Interrupt,
    /// Hears how far it is.
    pub progress: &'a dyn Progress,
}

/// A probe that is under way.
struct Underway<'a> {
    probe: &'a Probe<'a>,
    client: AwsClient,
    domain: DomainClient,
    group: String,
    /// The stream with the event that takes the whole way, and that of the one which the forwarder is called with. Nobody else
    /// knows them.
    whole: String,
    direct: String,
    begun: Instant,
    /// Whether the forwarder has indexed the event that it was called with.
    indexed: Cell<bool>,
    /// Events that were sent, and may become documents.
    sent: Cell<usize>,
    /// Those of them that wait as dead letters.
    kept: Cell<usize>,
}

/// A document of the probe.
struct Found {
    index: String,
    id: String,
}

/// What a look has brought before the time was over.
type InTime<T> = Result<Option<T>, Error>;

impl Probe<'_> {
    /// Sends the events and looks for them.
    ///
    /// # Errors
    /// Not logged in, or interrupted; everything else is a check.
    pub async fn run(&self) -> Result<Vec<Check>, Error> {
        const ID: &str = "probe";
        let Some(domain) = self.stack.settings.domain() else { return Ok(Vec::new()) };
        let domain = match domain.client(self.aws, PATIENCE).await {
            Ok(domain) => domain,
            Err(error) => return Ok(vec![Check::unknown(ID, error)?]),
        };
        let mark = fastrand::u64(..);
        let underway = Underway {
            probe: self,
            client: self.aws.signed().await?,
            domain,
            group: format!("{}{}", self.stack.name.probes(), self.now.as_millisecond()),
            whole: format!("whole-{mark:016x}"),
            direct: format!("direct-{mark:016x}"),
            begun: Instant::now(),
            indexed: Cell::default(),
            sent: Cell::default(),
            kept: Cell::default(),
        };
        if let Err(error) = underway.create().await {
            return Ok(vec![Check::unknown(ID, error)?]);
        }
        let left = underway.forget_others().await;
        let (direct, whole) = tokio::join!(underway.direct(), underway.whole());
        self.progress.note("cleaning up");
        let mut remains = underway.clean_up().await;
        if self.interrupt.is_set() {
            let error = Error::new(Kind::Interrupted, "interrupted");
            let error = remains.into_iter().fold(error, |error, (what, hint)| error.because(what).hint(hint));
            return Err(error.hint("look again with: logctl doctor --probe"));
        }
        let mut checks = vec![direct?];
        checks.extend(whole?);
        match left {
            Ok(0) => {}
            Ok(number) => {
                checks.push(Check::ok("left", format!("removed {} of earlier probes", count(number, "log group"))));
            }
            Err(error) => remains
                .push((error.one_line(), format!("see them with: logctl groups -g '{}*'", self.stack.name.probes()))),
        }
        checks.extend(remains.into_iter().map(|(what, hint)| Check::new("left", Status::Warn, what).hint(hint)));
        Ok(checks)
    }
}

impl Underway<'_> {
    /// Calls the forwarder with an event, as CloudWatch Logs does: can it write into the domain?
    async fn direct(&self) -> Result<Check, Error> {
        const ID: &str = "access";
        let id = format!("9{:031}", fastrand::u64(..));
        let event = json!({"id": id, "timestamp": self.now(), "message": self.message()});
        let payload = json!({
            "messageType": "DATA_MESSAGE", "owner": self.probe.aws.target.account, "logGroup": self.group,
            "logStream": self.direct, "subscriptionFilters": [], "logEvents": [event],
        });
        let data = base64_simd::STANDARD.encode_to_string(gzip(payload.to_string().as_bytes()));
        let payload = Bytes::from(json!({"awslogs": {"data": data}}).to_string());
        let aws = self.probe.aws;
        self.sent.set(self.sent.get() + 1);
        let invoked = aws.call_signed("lambda", || self.client.invoke(self.probe.forwarder, payload.clone())).await;
        let invoked = match invoked {
            Ok(invoked) => invoked,
            Err(error) => return Check::unknown(ID, aws.explain_signed("cannot call the forwarder", &error)),
        };
        let broken = |says: String| Check::new(ID, Status::Broken, says);
        if let Some(why) = invoked.failed {
            let log = self.probe.stack.name.log_group(Function::Forwarder);
            return Ok(broken(format!("the forwarder fails: {why}")).hint(format!("see its log: aws logs tail {log}")));
        }
        let Some(line) = invoked.log.lines().find_map(metrics_line) else {
            return Ok(Check::new(
                ID,
                Status::Unknown,
                "the forwarder was called, and its log does not say what it did",
            ));
        };
        let number = |name: &str| line[name].as_u64().unwrap_or_default();
        if number("Indexed") > 0 {
            self.indexed.set(true);
            return Ok(Check::ok(ID, format!("the forwarder has indexed an event in {} ms", number("Took"))));
        }
        let why = match self.letter(&self.direct).await {
            Ok(Some(why)) => {
                self.kept.set(self.kept.get() + 1);
                why
            }
            Ok(None) => "its dead letter was not found".to_owned(),
            Err(error) => error.unless_logged_out()?.one_line(),
        };
        Ok(broken(format!("the forwarder could not index an event: {why}"))
            .hint("see what waits with: logctl replay --dry-run"))
    }

    /// Puts an event into the group once that is subscribed, and waits until it can be found.
    async fn whole(&self) -> Result<Vec<Check>, Error> {
        const ID: &str = "probe";
        match self.follow().await {
            Ok(checks) => Ok(checks),
            Err(error) => Ok(vec![Check::unknown(ID, error)?]),
        }
    }

    async fn follow(&self) -> Result<Vec<Check>, Error> {
        let progress = self.probe.progress;
        progress.note("waiting for the rule to subscribe a new log group");
        let streamed = self.is_streamed_by_policy().await?;
        if !streamed && self.in_time(async || self.filter().await).await?.is_none() {
            return Ok(vec![self.not_subscribed().await?]);
        }
        let subscribed = self.begun.elapsed();
        self.put().await?;
        let put = Instant::now();
        progress.note("waiting for an event to be searchable");
        let Some(found) = self.in_time(async || self.found().await).await? else {
            return Ok(vec![self.not_indexed().await?]);
        };
        let arrived = Check::ok(
            "probe",
            format!(
                "an event was searchable {} after it was put; its log group was subscribed {} after it was made",
                seconds(put.elapsed()),
                seconds(subscribed)
            ),
        );
        Ok(vec![arrived, self.ids(&found).await?])
    }

    /// Whether the ids that a subscription delivers are those of FilterLogEvents: the first minutes of a group, which are read
    /// there, would else be indexed twice.
    async fn ids(&self, found: &[Found]) -> Result<Check, Error> {
        const ID: &str = "ids";
        let range = from(self.probe.now);
        let shown = Instant::now() + SHOWN;
        let past = loop {
            let past = past::holding(self.probe.aws, &self.group, &range, &self.group).await;
            match past {
                Err(error) => return Check::unknown(ID, error),
                Ok(past) if past.is_empty() && Instant::now() < shown => sleep(INTERVAL).await,
                Ok(past) => break past,
            }
        };
        let Some(past) = past.first() else {
            return Ok(Check::new(
                ID,
                Status::Unknown,
                "CloudWatch Logs does not show the event that it has delivered",
            ));
        };
        let ids: Vec<String> = found.iter().map(|found| event_id(&found.id).into_owned()).collect();
        Ok(if ids == [past.id.clone()] {
            Check::ok(ID, "its id in the index is that of CloudWatch Logs")
        } else {
            let says = format!("CloudWatch Logs calls the event {}, and the index {}", past.id, ids.join(" and "));
            Check::new(ID, Status::Broken, says).hint("first minutes of new log groups may be indexed twice")
        })
    }

    /// Who had heard of the group, where nobody has subscribed it.
    async fn not_subscribed(&self) -> Result<Check, Error> {
        let broken = |says: String| Check::new("probe", Status::Broken, says);
        let log = self.probe.stack.name.log_group(Function::Subscriber);
        let made = format!("a new log group was not subscribed within {}", seconds(self.probe.wait));
        let range = from(self.probe.now);
        let lines = past::holding(self.probe.aws, &log, &range, &self.group).await;
        Ok(match lines.as_deref() {
            Ok([.., last]) => broken(format!("{made}: the subscriber had it last, and says: {}", last.message.trim()))
                .hint(format!("see its log: aws logs tail {log}")),
            Ok([]) => broken(format!(
                "{made}, and the subscriber's log does not tell of it: the trail or the rule had it last"
            ))
            .hint("CloudTrail may be late: look again with a longer --wait"),
            Err(error) => broken(format!("{made}; who had it last is not known: {}", error.one_line())),
        })
    }

    /// Who had the event last, where it did not arrive.
    async fn not_indexed(&self) -> Result<Check, Error> {
        let broken = |says: String| Check::new("probe", Status::Broken, says);
        let late = format!("an event was not searchable within {}", seconds(self.probe.wait));
        if let Some(why) = self.letter(&self.whole).await? {
            self.kept.set(self.kept.get() + 1);
            return Ok(broken(format!("{late}: the forwarder had it last, and keeps it as a dead letter: {why}"))
                .hint("see what waits with: logctl replay --dry-run"));
        }
        let filter = self.probe.stack.name.filter_name();
        let failed = metrics::failed_deliveries(self.probe.aws, &self.group, &filter, self.probe.now).await;
        if let Ok(Some(failed @ 1..)) = failed {
            return Ok(broken(format!(
                "{late}: its filter had it last, and CloudWatch Logs counts {failed} failed deliveries"
            )));
        }
        if self.indexed.get() && self.documents(&self.group, Some(&self.direct)).await?.is_empty() {
            return Ok(broken(format!(
                "{late}: the domain had it last, which does not show what the forwarder has indexed either"
            )));
        }
        let log = self.probe.stack.name.log_group(Function::Forwarder);
        let hint = format!("see its log: aws logs tail {log}");
        let range = from(self.probe.now);
        let calls = past::holding(self.probe.aws, &log, &range, "Indexed").await;
        Ok(match calls.map(|calls| calls.len()) {
            // The call from here is one of them.
            Ok(0 | 1) => broken(format!("{late}: its filter had it last; the forwarder was not called with it")),
            Ok(_) => {
                broken(format!("{late}: its filter or the forwarder had it last, which was called since")).hint(hint)
            }
            Err(error) => broken(format!("{late}; who had it last is not known: {}", error.one_line())).hint(hint),
        })
    }

    /// Looks until there is something, the time is over or the run shall end.
    async fn in_time<T>(&self, look: impl AsyncFn() -> InTime<T>) -> InTime<T> {
        loop {
            if let Some(found) = look().await? {
                return Ok(Some(found));
            }
            if self.begun.elapsed() >= self.probe.wait || self.probe.interrupt.is_set() {
                return Ok(None);
            }
            sleep(INTERVAL).await;
        }
    }

    /// Whether the account policy delivers the group's events, so that it gets no filter.
    async fn is_streamed_by_policy(&self) -> Result<bool, Error> {
        let policy = policy::read(self.probe.aws).await?;
        Ok(policy.is_some_and(|(_, policy)| policy.complete && policy.destination == self.probe.forwarder))
    }

    /// Since when the group has our filter, once it has.
    async fn filter(&self) -> InTime<Timestamp> {
        FilterCalls::new(self.probe.aws).since(&self.group, self.probe.forwarder).await
    }

    /// The documents of the event that takes the whole way.
    async fn found(&self) -> InTime<Vec<Found>> {
        match self.documents(&self.group, Some(&self.whole)).await {
            // The index that it goes to may be coming into being, and has no shard yet.
            Err(DomainError::Refused { status: 503, .. }) => Ok(None),
            found => Ok(Some(found?).filter(|found| !found.is_empty())),
        }
    }

    /// Documents of a group, of one of its streams alone where one is named.
    async fn documents(&self, group: &str, stream: Option<&str>) -> Result<Vec<Found>, DomainError> {
        let mut filter = of_group(&self.probe.aws.target, group);
        filter.extend(stream.map(|stream| json!({"term": {"@log_stream": stream}})));
        let query = json!({"size": PAGE, "_source": false, "query": {"bool": {"filter": filter}}});
        let path = search_path(&self.probe.stack.settings.prefix);
        let answer = self.domain.send(Method::POST, &path, Some(&query)).await?;
        let hits = answer.pointer("/hits/hits").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let text = |hit: &Value, name: &str| hit[name].as_str().map(str::to_owned);
        Ok(hits.iter().filter_map(|hit| Some(Found { index: text(hit, "_index")?, id: text(hit, "_id")? })).collect())
    }

    /// Why the event of a stream of the group is a dead letter, if it is.
    async fn letter(&self, stream: &str) -> InTime<String> {
        let Some(bucket) = chain::bucket(self.probe.aws, &self.client, self.probe.stack) else { return Ok(None) };
        let explain = |error| self.probe.aws.explain_signed("cannot read the dead letters", &error);
        for kind in LetterKind::iter() {
            let after = key(kind, self.probe.now.as_millisecond(), "");
            let page = bucket.list(&kind.prefix(), &after).await.map_err(explain)?;
            for key in page.keys.iter().take(OBJECTS) {
                let object = bucket.get(key).await.map_err(explain)?;
                let Ok(mut lines) = Lines::new(key, &object.body) else { continue };
                while let Ok(Some(chunk)) = lines.chunk() {
                    let letters = chunk.lines().filter_map(|line| serde_json::from_str::<DeadLetter<'_>>(line).ok());
                    let ours = |letter: &DeadLetter<'_>| {
                        letter
                            .origin
                            .as_ref()
                            .is_some_and(|origin| origin.log_group == self.group && origin.log_stream == stream)
                    };
                    if let Some(letter) = letters.into_iter().find(ours) {
                        return Ok(Some(letter.reason.into_owned()));
                    }
                }
            }
        }
        Ok(None)
    }

    async fn create(&self) -> Result<(), Error> {
        let (aws, client) = (self.probe.aws, self.probe.aws.logs());
        match aws.limited(Operation::Write, || client.create_log_group().log_group_name(&self.group).send()).await {
            Ok(_) => Ok(()),
            // The answer of a call before was lost: nobody else makes a group of this name.
            Err(error) if error.code() == Some(ALREADY_EXISTS) => Ok(()),
            Err(error) => Err(aws.explain("cannot make a log group for the probe", &error)),
        }
    }

    async fn put(&self) -> Result<(), Error> {
        let (aws, client) = (self.probe.aws, self.probe.aws.logs());
        let stream = || client.create_log_stream().log_group_name(&self.group).log_stream_name(&self.whole).send();
        let failed = "cannot put an event into the probe's log group";
        match aws.limited(Operation::Write, stream).await {
            Err(error) if error.code() != Some(ALREADY_EXISTS) => {
                return Err(aws.explain(failed, &error));
            }
            _ => {}
        }
        let event = aws_sdk_cloudwatchlogs::types::InputLogEvent::builder();
        let event = event.timestamp(self.now()).message(self.message()).build();
        let event = event.map_err(|error| Error::failed(failed).because(error))?;
        let put = || {
            let put = client.put_log_events().log_group_name(&self.group).log_stream_name(&self.whole);
            put.log_events(event.clone()).send()
        };
        self.sent.set(self.sent.get() + 1);
        let put = aws.limited(Operation::Write, put).await.map_err(|error| aws.explain(failed, &error))?;
        match put.rejected_log_events_info() {
            None => Ok(()),
            Some(_) => Err(Error::failed(failed)
                .because("CloudWatch Logs does not take its time")
                .hint("put the clock of this machine right")),
        }
    }

    /// Removes the log groups of probes that were cut off, and tells how many: those whose names are times, and which came into
    /// being at those times. By the clock of AWS they are old.
    async fn forget_others(&self) -> Result<usize, Error> {
        let (groups, _) = groups::first(self.probe.aws, &self.probe.stack.name.probes()).await?;
        let own = groups.iter().find(|(group, _)| group.name == self.group).and_then(|(_, details)| details.created);
        let now = own.unwrap_or(self.probe.now);
        let mut removed = 0;
        for (group, details) in &groups {
            let (Some(created), Some(name)) =
                (details.created, group.name.strip_prefix(&self.probe.stack.name.probes()))
            else {
                continue;
            };
            let named = name.parse().ok().and_then(|time| Timestamp::from_millisecond(time).ok());
            let ours = named.is_some_and(|named| created.duration_since(named).abs() < AT_ONCE);
            if ours && now.duration_since(created) > LEFT_OVER {
                self.delete(&group.name).await?;
                for document in self.documents(&group.name, None).await? {
                    self.forget(&document).await?;
                }
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Removes the log group, and from the index what came of it. What stays is told, with what to do about it.
    async fn clean_up(&self) -> Vec<(String, String)> {
        let mut remains = Vec::new();
        if let Err(error) = self.delete(&self.group).await {
            let hint = format!("remove it with: aws logs delete-log-group --log-group-name {}", self.group);
            remains.push((error.one_line(), hint));
        }
        let hint = || format!("it can be found with: logctl search '@log_group=\"{}\"'", self.group);
        match self.forget_documents().await {
            Ok(0) => {}
            Ok(missing) => remains
                .push((format!("{} that it has sent may still come into the index", count(missing, "event")), hint())),
            Err(error) => remains.push((Error::from(error).one_line(), hint())),
        }
        remains
    }

    /// Removes the documents, as they show; tells how many did not.
    async fn forget_documents(&self) -> Result<usize, DomainError> {
        let begun = Instant::now();
        let mut gone = BTreeSet::new();
        loop {
            for document in self.documents(&self.group, None).await? {
                // What is gone shows for a while.
                if gone.insert(document.id.clone()) {
                    self.forget(&document).await?;
                }
            }
            let missing = self.sent.get().saturating_sub(gone.len());
            if missing <= self.kept.get() || begun.elapsed() >= SHOWS {
                return Ok(missing);
            }
            sleep(INTERVAL).await;
        }
    }

    async fn forget(&self, Found { index, id }: &Found) -> Result<(), DomainError> {
        self.domain.send(Method::DELETE, &format!("/{index}/_doc/{id}"), None).await.map(drop)
    }

    async fn delete(&self, group: &str) -> Result<(), Error> {
        let (aws, client) = (self.probe.aws, self.probe.aws.logs());
        match aws.limited(Operation::Write, || client.delete_log_group().log_group_name(group).send()).await {
            Err(error) if error.code() != Some(NOT_FOUND) => {
                Err(aws.explain(&format!("cannot remove log group {group}"), &error))
            }
            _ => Ok(()),
        }
    }

    /// What the events say. It names the group, by which it is found again.
    fn message(&self) -> String {
        format!("logctl doctor looks whether this arrives: {}", self.group)
    }

    /// Now, in milliseconds since 1970.
    fn now(&self) -> i64 {
        let elapsed = i64::try_from(self.begun.elapsed().as_millis()).unwrap_or_default();
        self.probe.now.as_millisecond() + elapsed
    }
}

/// A line in which the forwarder says what it did.
fn metrics_line(line: &str) -> Option<Value> {
    let line: Value = serde_json::from_str(line).ok()?;
    line["Indexed"].is_number().then_some(line)
}

/// From a while before a time to long after it.
fn from(time: Timestamp) -> std::ops::Range<Timestamp> {
    time - SignedDuration::from_mins(1)..time + SignedDuration::from_hours(24)
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
