//! Events counted: how many, of which values, at which times.
//!
//! What the engine counts exactly by itself it is asked for. Everything else is read, event by event: what a query finds that is
//! verified here, and fields of which an index does not keep columns.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    convert::Infallible,
};

use jiff::{SignedDuration, Timestamp};
use logctl_core::fields;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Cut, Event, Hit, Plan, Search};
use crate::{
    domain::DomainClient,
    interrupt::Interrupt,
    progress::Progress,
    query::{self, Facts as _, Field, Query, dsl},
    time::{as_rfc3339, from_milliseconds},
};

/// Fields of ours of which the engine keeps columns; an event has one value of each.
const COLUMNS: [&str; 7] = ["@level", "@log_group", "@log_stream", "@service", "@owner", "@region", "@degraded"];
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
    pub async fn count(&self) -> Result<Figures<u64>, NotCounted> {
        if self.search.verdict.is_none() {
            let (answer, warnings) = self.search.figures(&json!({}), self.domain).await?;
            let events = total(&answer).ok_or_else(|| self.domain.no_engine())?;
            return Ok(Figures { of: events, events, warnings });
        }
        let mut count = 0;
        let (events, warnings) = self.each(self.search, |_| count += 1).await?;
        Ok(Figures { of: count, events, warnings })
    }

    /// How often a field has which values. An event that has a value several times has it once.
    ///
    /// # Errors
    /// Those of [`Self::count`].
    pub async fn values(&self, field: &Field) -> Result<Figures<Tally>, NotCounted> {
        let mut names = query::names(field);
        // What each event has, under a name of ours, is read from nowhere else.
        if names.first().is_some_and(|name| COLUMNS.contains(&name.as_str())) {
            names.truncate(1);
        }
        if let ([name], None) = (names.as_slice(), &self.search.verdict)
            && COLUMNS.contains(&name.as_str())
        {
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
        let (events, warnings) = self
            .each(&search, |event| {
                let values: BTreeSet<String> = names.iter().flat_map(|name| event.values(name)).collect();
                tally.add(values);
            })
            .await?;
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
            .read(self.search, plan.newest(newest), |event| {
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

    /// How many events happened when, in intervals of so many milliseconds that begin at multiples of it from `origin` on.
    ///
    /// # Errors
    /// Those of [`Self::count`].
    pub async fn histogram(&self, times: Times) -> Result<Figures<Vec<Bucket>>, NotCounted> {
        let mut buckets = times.buckets(self.search);
        if self.search.verdict.is_none() {
            let (answer, warnings) = self.search.figures(&times.aggregation(), self.domain).await?;
            let told = answer.pointer("/aggregations/times/buckets").and_then(Value::as_array);
            for told in told.ok_or_else(|| self.domain.no_engine())? {
                let at = told["key"].as_i64().and_then(|at| times.number(at, &buckets));
                let Some(bucket) = at.and_then(|at| buckets.get_mut(at)) else { continue };
                bucket.count = told["doc_count"].as_u64().unwrap_or_default();
                for level in told["levels"]["buckets"].as_array().into_iter().flatten() {
                    if let (Some(name), Some(count)) = (level["key"].as_str(), level["doc_count"].as_u64()) {
                        bucket.levels.insert(name.to_owned(), count);
                    }
                }
            }
            let events = buckets.iter().map(|bucket| bucket.count).sum();
            return Ok(Figures { of: buckets, events, warnings });
        }
        let mut counted = buckets.clone();
        let (events, warnings) = self
            .each(self.search, |event| {
                let at = times.number(event.time.as_millisecond(), &buckets);
                let Some(bucket) = at.and_then(|at| counted.get_mut(at)) else { return };
                bucket.count += 1;
                if let Some(level) = &event.level {
                    *bucket.levels.entry(level.clone()).or_default() += 1;
                }
            })
            .await?;
        buckets = counted;
        Ok(Figures { of: buckets, events, warnings })
    }

    /// Reads all events that are meant. Gives how many these are, and what was not looked at.
    async fn each(&self, search: &Search, take: impl FnMut(&Event)) -> Result<(u64, Vec<String>), NotCounted> {
        let plan = Plan::new(search, self.domain).await?;
        self.read(search, plan, take).await
    }

    async fn read(
        &self,
        search: &Search,
        mut plan: Plan,
        mut take: impl FnMut(&Event),
    ) -> Result<(u64, Vec<String>), NotCounted> {
        self.progress.total(usize::try_from(plan.total).unwrap_or(usize::MAX));
        let mut events = 0;
        plan.read(search, self.domain, None, self.interrupt, |hits: &[Hit<'_>]| {
            for hit in hits {
                take(&hit.event());
            }
            events += hits.len() as u64;
            self.progress.steps(hits.len());
            Ok::<_, Infallible>(())
        })
        .await?;
        Ok((events, plan.warnings))
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

/// Intervals of a histogram, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// How long one is.
    pub interval: i64,
    /// One begins at this, and at any multiple of the interval from there.
    pub origin: i64,
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

    /// The shortest that cut a range into no more than `most`, days and hours beginning where those of the zone do.
    #[must_use]
    pub fn of(range: &std::ops::Range<Timestamp>, most: usize, offset: SignedDuration) -> Self {
        let whole = range.end.duration_since(range.start);
        let most = i32::try_from(most.max(1)).unwrap_or(i32::MAX);
        let fits = |interval: &&SignedDuration| whole <= **interval * most;
        let longest =
            SignedDuration::from_millis(i64::try_from(whole.as_millis()).unwrap_or(i64::MAX) / i64::from(most) + 1);
        Self::every(Self::NICE.iter().find(fits).copied().unwrap_or(longest), offset)
    }

    /// Intervals of this length.
    #[must_use]
    pub fn every(interval: SignedDuration, offset: SignedDuration) -> Self {
        let milliseconds = |time: SignedDuration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Self { interval: milliseconds(interval).max(1), origin: -milliseconds(offset) }
    }

    fn begin(self, at: i64) -> i64 {
        at - (at - self.origin).rem_euclid(self.interval)
    }

    /// How many cut a range.
    #[must_use]
    pub fn number_of(self, range: &std::ops::Range<Timestamp>) -> i64 {
        (range.end.as_millisecond() - self.begin(range.start.as_millisecond())).div_euclid(self.interval) + 1
    }

    /// All of a range, empty.
    fn buckets(self, search: &Search) -> Vec<Bucket> {
        let (mut at, end) = (self.begin(search.range.start.as_millisecond()), search.range.end.as_millisecond());
        let mut buckets = Vec::new();
        while at < end {
            buckets.push(Bucket { time: from_milliseconds(at), count: 0, levels: BTreeMap::new() });
            at += self.interval;
        }
        buckets
    }

    /// The number of the one that a time is in.
    fn number(self, at: i64, buckets: &[Bucket]) -> Option<usize> {
        let first = buckets.first()?.time.as_millisecond();
        usize::try_from((at - first).div_euclid(self.interval)).ok()
    }

    fn aggregation(self) -> Value {
        let offset = self.origin.rem_euclid(self.interval);
        json!({"times": {
            "date_histogram": {
                "field": "@timestamp", "fixed_interval": format!("{}ms", self.interval), "offset": format!("{offset}ms"),
                "min_doc_count": 1,
            },
            "aggs": {"levels": {"terms": {"field": "@level", "size": 20}}},
        }})
    }
}
