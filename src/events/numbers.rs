//! Events counted: how many, of which values, at which times.
//!
//! What the engine counts exactly by itself it is asked for. Everything else is read, event by event: what a query finds that is
//! verified here, and fields of which an index does not keep columns.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    convert::Infallible,
    ops::Range,
};

use jiff::{SignedDuration, Span, Timestamp, tz::TimeZone};
use logctl_core::fields;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Cut, Hit, Plan, Search};
use crate::{
    domain::DomainClient,
    interrupt::Interrupt,
    progress::Progress,
    query::{self, Facts as _, Field, Query, dsl},
    time::{as_rfc3339, from_milliseconds},
};

/// Fields of ours of which the engine keeps columns; an event has one value of each.
pub(super) const COLUMNS: [&str; 7] =
    ["@level", "@log_group", "@log_stream", "@service", "@owner", "@region", "@degraded"];
/// Values that the engine counts at once.
const MOST_BUCKETS: usize = 10_000;
/// Values that are counted here, and the bytes that they may take.
const MOST_VALUES: usize = 500_000;
const MOST_BYTES: usize = 32 << 20;

/// Who is asked, and who hears of it.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// What is looked for.
    pub search: &'a Search,
    /// Where.
    pub domain: &'a DomainClient,
    /// Whether it shall go on.
    pub interrupt: &'a Interrupt,
    /// How far it has come.
    pub progress: &'a dyn Progress,
}

/// Why there are no figures.
pub type NotCounted = Cut<Infallible>;

/// A figure, and what it lacks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures<T> {
    /// The figure.
    pub of: T,
    /// Events that it is of.
    pub events: u64,
    /// What was not looked at.
    pub warnings: Vec<String>,
}

impl Reader<'_> {
    /// How many events there are.
    ///
    /// # Errors
    /// When the domain cannot be asked, or somebody presses Ctrl-C.
    pub async fn count(&self) -> Result<Figures<()>, NotCounted> {
        if self.search.verdict.is_none() {
            let (answer, warnings) = self.search.figures(&json!({}), self.domain).await?;
            let events = total(&answer).ok_or_else(|| self.domain.no_engine())?;
            return Ok(Figures { of: (), events, warnings });
        }
        let (events, warnings) = self.each(self.search, |_| {}).await?;
        Ok(Figures { of: (), events, warnings })
    }

    /// How often a field has which values. An event that has a value several times is counted once for it.
    ///
    /// # Errors
    /// Those of [`Self::count`].
    pub async fn values(&self, field: &Field) -> Result<Figures<Tally>, NotCounted> {
        let mut names = query::names(field);
        // What each event has, under a name of ours, is read from nowhere else.
        let column = names.first().filter(|name| COLUMNS.contains(&name.as_str())).cloned();
        if column.is_some() {
            names.truncate(1);
        }
        if let (Some(name), None) = (column, &self.search.verdict) {
            let terms = json!({"values": {"terms": {"field": name, "size": MOST_BUCKETS}}});
            let (answer, warnings) = self.search.figures(&terms, self.domain).await?;
            let values = &answer["aggregations"]["values"];
            // Each index tells its most frequent values: what it leaves out is known as a number.
            if values["sum_other_doc_count"] == 0 {
                let buckets = values["buckets"].as_array().ok_or_else(|| self.domain.no_engine())?;
                let row = |bucket: &Value| Some((bucket["key"].as_str()?.to_owned(), bucket["doc_count"].as_u64()?));
                let values: HashMap<String, u64> = buckets.iter().filter_map(row).collect();
                let events = values.values().sum();
                return Ok(Figures { of: Tally { values, ..Tally::default() }, events, warnings });
            }
        }
        // Who does not have it need not be read.
        let has = dsl::compile(&Query::Exists(field.clone()));
        let clause = json!({"bool": {"filter": [self.search.clause, has.clause]}});
        let search = Search { clause, ..self.search.clone() };
        let mut tally = Tally::default();
        let is_id = names.iter().any(|name| ["@request_id", "@trace_id"].contains(&name.as_str()));
        let mut events = 0;
        let take = |hit: &Hit<'_>| {
            let event = hit.event();
            let values = names.iter().flat_map(|name| event.values(name));
            // An id is the same in capitals, and may be there under several names.
            let values: BTreeSet<String> =
                if is_id { values.map(|id| id.to_lowercase()).collect() } else { values.collect() };
            events += u64::from(!values.is_empty());
            tally.add(values);
        };
        let (_, warnings) = self.each(&search, take).await?;
        Ok(Figures { of: tally, events, warnings })
    }

    /// How many events have which fields, of the newest so many.
    ///
    /// # Errors
    /// Those of [`Self::count`].
    pub async fn fields(&self, newest: u64) -> Result<Figures<BTreeMap<String, FieldTold>>, NotCounted> {
        let mut found: BTreeMap<String, FieldTold> = BTreeMap::new();
        let plan = Plan::new(self.search, self.domain).await?;
        let (events, warnings) = self
            .read(self.search, plan.newest(newest), |hit| {
                let event = hit.event();
                let mut here: BTreeMap<String, String> = BTreeMap::new();
                fields::walk(&event.fields, &mut |path, value| _ = here.entry(path.to_owned()).or_insert(value));
                for name in ["@log_group", "@log_stream", "@service", "@level", "@request_id", "@trace_id"] {
                    here.extend(event.values(name).into_iter().next().map(|value| (name.to_owned(), value)));
                }
                for (name, value) in here {
                    found.entry(name).or_insert_with(|| FieldTold { events: 0, example: value }).events += 1;
                }
            })
            .await?;
        Ok(Figures { of: found, events, warnings })
    }

    /// How many events happened when.
    ///
    /// # Errors
    /// Those of [`Self::count`].
    pub async fn histogram(&self, times: &Times) -> Result<Figures<Vec<Bucket>>, NotCounted> {
        let mut buckets = times.buckets();
        let mut warnings = Vec::new();
        if self.search.verdict.is_none() {
            let (answer, missing) = self.search.figures(&times.aggregation(), self.domain).await?;
            let told = answer.pointer("/aggregations/times/buckets").and_then(Value::as_array);
            for told in told.ok_or_else(|| self.domain.no_engine())? {
                #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970")]
                let at = told["from"].as_f64().and_then(|at| times.number(at as i64));
                let Some(bucket) = at.and_then(|at| buckets.get_mut(at)) else { continue };
                bucket.count = told["doc_count"].as_u64().unwrap_or_default();
                for level in told["levels"]["buckets"].as_array().into_iter().flatten() {
                    if let (Some(name), Some(count)) = (level["key"].as_str(), level["doc_count"].as_u64()) {
                        bucket.levels.insert(name.to_owned(), count);
                    }
                }
            }
            warnings = missing;
        } else {
            let take = |hit: &Hit<'_>| {
                let event = hit.event();
                let at = times.number(event.time.as_millisecond());
                let Some(bucket) = at.and_then(|at| buckets.get_mut(at)) else { return };
                bucket.count += 1;
                if let Some(level) = event.level {
                    *bucket.levels.entry(level).or_default() += 1;
                }
            };
            warnings.extend(self.each(self.search, take).await?.1);
        }
        let events = buckets.iter().map(|bucket| bucket.count).sum();
        Ok(Figures { of: buckets, events, warnings })
    }

    /// Reads all events that are meant. Gives how many these are, and what was not looked at.
    async fn each(&self, search: &Search, take: impl FnMut(&Hit<'_>)) -> Result<(u64, Vec<String>), NotCounted> {
        // Figures are of our indices, however they are made.
        let ours = Search { beside: None, ..search.clone() };
        let (plan, left_out) = tokio::join!(Plan::new(&ours, self.domain), search.left_out(self.domain));
        let (events, mut warnings) = self.read(&ours, plan?, take).await?;
        warnings.extend(left_out);
        Ok((events, warnings))
    }

    async fn read(
        &self,
        search: &Search,
        mut plan: Plan,
        mut take: impl FnMut(&Hit<'_>),
    ) -> Result<(u64, Vec<String>), NotCounted> {
        self.progress.total(usize::try_from(plan.total).unwrap_or(usize::MAX));
        let mut events = 0;
        plan.read(search, self.domain, None, self.interrupt, |hits: &[Hit<'_>]| {
            hits.iter().for_each(&mut take);
            events += hits.len() as u64;
            self.progress.steps(hits.len());
            Ok::<_, Infallible>(())
        })
        .await?;
        Ok((events, plan.lacks()))
    }
}

fn total(answer: &Value) -> Option<u64> {
    answer.pointer("/hits/total/value")?.as_u64()
}

/// What is known of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldTold {
    /// Events that have it.
    pub events: u64,
    /// A value of it.
    pub example: String,
}

/// How often there is which value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Exact for each of them.
    pub values: HashMap<String, u64>,
    /// Times that other values were there, which came when there was no room any more; none of these is there more often.
    pub others: u64,
    bytes: usize,
}

impl Tally {
    /// Counts the values of an event.
    fn add(&mut self, values: BTreeSet<String>) {
        for value in values {
            if let Some(count) = self.values.get_mut(&value) {
                *count += 1;
            } else if self.values.len() < MOST_VALUES && self.bytes + value.len() <= MOST_BYTES {
                self.bytes += value.len();
                self.values.insert(value, 1);
            } else {
                self.others += 1;
            }
        }
    }
}

/// Intervals of a histogram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    /// How long one is.
    pub interval: SignedDuration,
    /// When each begins, in milliseconds, and when the last one ends.
    edges: Vec<i64>,
}

/// Events of an interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// When it begins.
    #[serde(serialize_with = "as_rfc3339")]
    pub time: Timestamp,
    /// How many there are.
    pub count: u64,
    /// Of which levels, as far as they have one.
    pub levels: BTreeMap<String, u64>,
}

impl Times {
    /// Lengths of intervals that people read easily.
    const NICE: [SignedDuration; 15] = [
        SignedDuration::from_millis(100),
        SignedDuration::from_secs(1),
        SignedDuration::from_secs(5),
        SignedDuration::from_secs(10),
        SignedDuration::from_secs(30),
        SignedDuration::from_mins(1),
        SignedDuration::from_mins(5),
        SignedDuration::from_mins(10),
        SignedDuration::from_mins(30),
        SignedDuration::from_hours(1),
        SignedDuration::from_hours(3),
        SignedDuration::from_hours(6),
        SignedDuration::from_hours(12),
        SignedDuration::from_hours(24),
        SignedDuration::from_hours(24 * 7),
    ];

    /// The shortest that cut a range into about `most`.
    #[must_use]
    pub fn of(range: &Range<Timestamp>, most: i32, zone: &TimeZone) -> Self {
        let whole = range.end.duration_since(range.start);
        let fits = |interval: &&SignedDuration| whole <= **interval * most;
        let interval = Self::NICE.iter().find(fits).copied().unwrap_or(whole / most);
        Self::every(interval, range, zone)
    }

    /// How many intervals of this length cut a range.
    #[must_use]
    pub fn number_of(interval: SignedDuration, range: &Range<Timestamp>) -> i128 {
        range.end.duration_since(range.start).as_millis() / interval.as_millis().max(1) + 1
    }

    /// Intervals of this length. Those of whole days begin with a day of the zone, whatever its clocks do; others at multiples of their
    /// length after its midnight.
    #[must_use]
    pub fn every(interval: SignedDuration, range: &Range<Timestamp>, zone: &TimeZone) -> Self {
        const DAY: i128 = 86_400_000;
        let milliseconds = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1);
        let (start, end) = (range.start.as_millisecond(), range.end.as_millisecond());
        let midnight = |at: Timestamp| at.to_zoned_datetime(zone.clone()).start_of_day().ok();
        let mut edges = Vec::new();
        match midnight(range.start) {
            Some(first) if interval.as_millis() % DAY == 0 => {
                let days = i64::try_from(interval.as_millis() / DAY).unwrap_or(1).max(1);
                let mut next = Some(first);
                while let Some(begin) = next {
                    edges.push(begin.timestamp().as_millisecond());
                    let is_last = begin.timestamp().as_millisecond() >= end;
                    next = begin.checked_add(Span::new().days(days)).ok().filter(|_| !is_last);
                }
            }
            first => {
                let first = first.map_or(0, |first| first.timestamp().as_millisecond());
                let mut at = start - (start - first).rem_euclid(milliseconds);
                while at < end {
                    edges.push(at);
                    at = at.saturating_add(milliseconds);
                }
                edges.push(at);
            }
        }
        Self { interval, edges }
    }

    /// All of them, empty.
    fn buckets(&self) -> Vec<Bucket> {
        let empty = |edges: &[i64]| Bucket { time: from_milliseconds(edges[0]), count: 0, levels: BTreeMap::new() };
        self.edges.windows(2).map(empty).collect()
    }

    /// The number of the one that a time is in.
    fn number(&self, at: i64) -> Option<usize> {
        self.edges.partition_point(|begin| *begin <= at).checked_sub(1)
    }

    fn aggregation(&self) -> Value {
        let range = |edges: &[i64]| json!({"from": edges[0], "to": edges[1]});
        let ranges: Vec<Value> = self.edges.windows(2).map(range).collect();
        json!({"times": {
            "date_range": {"field": "@timestamp", "format": "epoch_millis", "ranges": ranges},
            "aggs": {"levels": {"terms": {"field": "@level", "size": 20}}},
        }})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_where_those_of_the_zone_do() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        // Clocks go back in the night to the 25th of October.
        let range = at("2026-10-23T10:00:00Z")..at("2026-10-27T10:00:00Z");
        let times = Times::every(SignedDuration::from_hours(24), &range, &zone);
        let begins: Vec<String> = times.buckets().iter().map(|bucket| bucket.time.to_string()).collect();
        let expected = ["22T22", "23T22", "24T22", "25T23", "26T23"].map(|at| format!("2026-10-{at}:00:00Z"));
        assert_eq!(begins, expected);
        assert_eq!(times.number(at("2026-10-25T22:59:59Z").as_millisecond()), Some(2));
        let range = at("2026-11-27T00:10:00Z")..at("2026-11-27T01:00:00Z");
        let times = Times::of(&range, 30, &zone);
        assert_eq!((times.interval, times.buckets().len()), (SignedDuration::from_mins(5), 10));
        assert_eq!(times.buckets()[0].time, range.start);
    }

    #[test]
    fn values_beyond_what_is_held_are_counted_as_others() {
        let mut tally = Tally { bytes: MOST_BYTES - 3, ..Tally::default() };
        for value in ["ab", "cd", "ab"] {
            tally.add(BTreeSet::from([value.to_owned()]));
        }
        assert_eq!((tally.values, tally.others), (HashMap::from([("ab".to_owned(), 2)]), 1));
    }
}
