//! Why nothing was found: a few cheap requests, the cheapest first, and the first cause that explains it.

use std::{cell::Cell, ops::Range, time::Duration};

use jiff::{SignedDuration, Timestamp};
use logctl_core::redact::{Detector, MARK, Redactor};
use serde::Serialize;
use serde_json::{Value, json};
use strum::VariantNames as _;

use super::{Indices, Search};
use crate::{
    args,
    domain::{DomainClient, DomainError},
    query::{self, Comparison, Compiled, Field, Query, dsl},
    time::{from_milliseconds, rfc3339},
    words::{count, grouped},
};

/// How long it may take to find out.
const PATIENCE: Duration = Duration::from_secs(2);
/// How far ahead of now events may be.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);
/// Names and values among which the nearest is looked for.
const MOST: usize = 2_000;
/// Fields of a query that are looked at: each may cost a request.
const MOST_FIELDS: usize = 2;
/// Requests at most.
const REQUESTS: usize = 5;
/// Groups that are told of.
const BUSIEST: usize = 3;

/// Why nothing was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Nothing {
    /// What it was, in a word for scripts.
    pub cause: &'static str,
    /// The same for people.
    pub detail: String,
    /// What to type next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl Nothing {
    /// Whether it may still be somewhere that the domain does not know of.
    #[must_use]
    pub fn may_be_elsewhere(&self) -> bool {
        !matches!(self.cause, "left_out" | "earlier" | "later" | "redacted")
    }
}

/// What the domain tells of a search that has found nothing.
#[derive(Debug, Clone, Default)]
pub struct WhyNothing {
    /// Why, where that could be told in time.
    pub nothing: Option<Nothing>,
    /// The groups with the most events in the range.
    pub groups: Vec<String>,
    /// Accounts and Regions that those events come from.
    pub places: Vec<(String, String)>,
}

/// What is known of how events are redacted before they are indexed.
#[derive(Debug)]
pub enum Redaction {
    /// Nothing.
    Unknown,
    /// By this, or not at all.
    Known(Option<Redactor>),
}

/// A search that has found nothing.
#[derive(Debug)]
pub struct Empty<'a> {
    /// The search.
    search: &'a Search,
    /// What was looked for.
    query: &'a Query,
    /// The clause of that.
    clause: &'a Value,
    /// The clauses of the flags that narrow it.
    flags: &'a [Value],
    /// What those flags are called.
    narrowed_by: &'static str,
    /// What redacts events before they are indexed, if something does; where that is not known, everything that might.
    redactor: Option<Redactor>,
    /// When the run began.
    now: Timestamp,
    asked: Cell<usize>,
}

impl<'a> Empty<'a> {
    /// A search that has found nothing.
    #[must_use]
    pub fn new(
        search: &'a Search,
        query: &'a Query,
        clause: &'a Value,
        (flags, narrowed_by): (&'a [Value], &'static str),
        redaction: Redaction,
        now: Timestamp,
    ) -> Self {
        let all = || Redactor::new(&Detector::VARIANTS.join(","), "").ok().flatten();
        let redactor = match redaction {
            Redaction::Known(redactor) => redactor,
            Redaction::Unknown => all(),
        };
        Self { search, query, clause, flags, narrowed_by, redactor, now, asked: Cell::new(0) }
    }

    /// Why, as far as the domain knows.
    pub async fn why(&self, domain: &DomainClient) -> WhyNothing {
        let mut why = WhyNothing::default();
        if let Ok(Ok(nothing)) = tokio::time::timeout(PATIENCE, self.cause(domain, &mut why)).await {
            why.nothing = Some(nothing);
        }
        why
    }

    async fn cause(&self, domain: &DomainClient, why: &mut WhyNothing) -> Result<Nothing, DomainError> {
        let names: Vec<_> = self.tested().into_iter().take(MOST_FIELDS).collect();
        let around = self.around(domain, &names).await?;
        let told = &around["aggregations"]["chosen"];
        let all = around["hits"]["total"]["value"].as_u64().unwrap_or_default();
        let events = told["doc_count"].as_u64().unwrap_or_default();
        why.groups = keys(&told["busiest"]);
        why.places = places(told);
        if let Some(nothing) = self.at_another_time(domain).await? {
            return Ok(nothing);
        }
        if let Some(nothing) = self.left_out(domain, all - events.min(all)).await? {
            return Ok(nothing);
        }
        let oldest = around["aggregations"]["all"]["oldest"]["value"].as_f64().map(milliseconds);
        if events == 0 {
            return Ok(self.no_events(oldest, all));
        }
        if let Some(nothing) = self.redacted(domain).await? {
            return Ok(nothing);
        }
        for (nth, (field, part)) in names.iter().enumerate() {
            let have = told[format!("has {nth}")]["doc_count"].as_u64().unwrap_or_default();
            if have == 0 {
                return Ok(no_field(&field.name, &keys(&told["names"]), &self.chosen()));
            }
            if self.may_ask()
                && let Some(nothing) = self.no_value(domain, field, part, have).await?
            {
                return Ok(nothing);
            }
        }
        if let Some(nothing) = self.part_of_a_word(domain).await? {
            return Ok(nothing);
        }
        let groups = told["groups"]["value"].as_u64().unwrap_or_default();
        // What was deleted in the meantime is not known to have held nothing.
        let begins = oldest.filter(|oldest| *oldest > self.search.range.start);
        let begins = begins
            .map_or_else(String::new, |oldest| format!("; the oldest event of the index is of {}", rfc3339(oldest)));
        Ok(Nothing {
            cause: "absent",
            detail: format!(
                "the {} with {} in this range{} hold nothing that matches{begins}",
                count(groups, "log group"),
                count(events, "event"),
                self.chosen(),
            ),
            suggestion: Some("a group that is not streamed is not looked at; see: logctl audit".to_owned()),
        })
    }

    fn may_ask(&self) -> bool {
        self.asked.get() < REQUESTS
    }

    /// Said behind what was counted, where flags have narrowed that.
    fn chosen(&self) -> String {
        if self.flags.is_empty() { String::new() } else { format!(" (of those that {} chooses)", self.narrowed_by) }
    }

    /// What would be found without the flags that narrow the search; `others` are the events that they leave out.
    async fn left_out(&self, domain: &DomainClient, others: u64) -> Result<Option<Nothing>, DomainError> {
        if self.flags.is_empty() || others == 0 {
            return Ok(None);
        }
        let found = self.found(domain, vec![self.clause.clone()], self.search.range.clone()).await?;
        Ok(found.map(|(found, _)| Nothing {
            cause: "left_out",
            detail: format!("{} in this range, which {} leaves out", matching(found), self.narrowed_by),
            suggestion: Some(format!("leave out {}", self.narrowed_by)),
        }))
    }

    /// How many events such clauses find in a range, and when the newest happened. Where hits are verified here, it is known of
    /// the newest of them only that there are some.
    async fn found(
        &self,
        domain: &DomainClient,
        clauses: Vec<Value>,
        range: Range<Timestamp>,
    ) -> Result<Option<(Option<u64>, Timestamp)>, DomainError> {
        self.asked.set(self.asked.get() + 1);
        let clause = json!({"bool": {"filter": clauses}});
        let verdict = self.search.verdict.clone();
        let counts = verdict.is_none();
        let found = Search { clause, verdict, range, ..self.search.clone() }.newest(domain).await?;
        Ok(found.map(|(total, newest)| (counts.then_some(total), newest)))
    }

    /// What is there in the range at all.
    async fn around(&self, domain: &DomainClient, names: &[(&Field, &Query)]) -> Result<Value, DomainError> {
        let mut chosen = json!({
            "groups": {"cardinality": {"field": "@log_group"}},
            "busiest": {"terms": {"field": "@log_group", "size": BUSIEST}},
            "places": {
                "terms": {"field": "@owner", "size": BUSIEST},
                "aggs": {"regions": {"terms": {"field": "@region", "size": BUSIEST}}},
            },
        });
        if !names.is_empty() {
            chosen["names"] = json!({"terms": {"field": "@kvk", "size": MOST}});
        }
        for (nth, (field, _)) in names.iter().enumerate() {
            let has = dsl::compile(&Query::Exists((*field).clone())).clause;
            chosen[format!("has {nth}")] = json!({"filter": has});
        }
        let aggregations = json!({
            "chosen": {"filter": {"bool": {"filter": self.flags}}, "aggs": chosen},
            "all": {"global": {}, "aggs": {"oldest": {"min": {"field": "@timestamp"}}}},
        });
        self.ask(domain, Vec::new(), &aggregations).await
    }

    fn no_events(&self, oldest: Option<Timestamp>, all: u64) -> Nothing {
        if let Some(oldest) = oldest.filter(|oldest| self.search.range.end <= *oldest) {
            return Nothing {
                cause: "retention",
                detail: format!(
                    "the index begins at {}, after this range: what came before was deleted, or was never streamed",
                    rfc3339(oldest)
                ),
                suggestion: Some("CloudWatch Logs may still hold it".to_owned()),
            };
        }
        let what = if all == 0 {
            "there is no event at all in this range".to_owned()
        } else {
            let others = count(all, "event");
            format!("no event in this range is one that {} chooses; it has {others} of others", self.narrowed_by)
        };
        let suggestion = Some("see what is streamed, and what is not: logctl audit".to_owned());
        Nothing { cause: "no_events", detail: what, suggestion }
    }

    /// What is looked for is of a kind that is redacted before it is indexed, and such events are there.
    async fn redacted(&self, domain: &DomainClient) -> Result<Option<Nothing>, DomainError> {
        let Some(redactor) = &self.redactor else { return Ok(None) };
        let mark = query::needles(self.query).into_iter().find_map(|needle| {
            let text =
                needle.field.map_or_else(|| needle.text.clone(), |field| format!("{}={}", field.name, needle.text));
            let redacted = [redactor.text(&text).into_owned(), redactor.text(&needle.text).into_owned()];
            let begin = |text: &String| Some(text[text.find(MARK)?..].to_owned());
            let mark = redacted.iter().find_map(begin)?;
            Some(mark.split_inclusive(']').next().unwrap_or_default().to_owned())
        });
        let Some(mark) = mark.filter(|_| self.may_ask()) else { return Ok(None) };
        // The index keeps no brackets: a line that speaks of it is none that was redacted.
        let marked = Query::Pasted { text: mark.clone(), read: None, literally: true };
        let Compiled { clause, verdict } = dsl::compile(&marked);
        let filters = [self.flags.to_vec(), vec![clause]].concat();
        let clause = json!({"bool": {"filter": filters}});
        self.asked.set(self.asked.get() + 1);
        let found = Search { clause, verdict, ..self.search.clone() }.newest(domain).await?;
        Ok(found.map(|_| Nothing {
            cause: "redacted",
            detail: format!(
                "what looks like this is redacted before it is indexed; events in this range have {mark} instead"
            ),
            suggestion: Some(format!("look for the mark: logctl search '\"{mark}\"'")),
        }))
    }

    /// The tests that all must hold, each with its field.
    fn tested(&self) -> Vec<(&Field, &Query)> {
        // Of what is ours, these have values that can be told.
        const OURS: [&str; 6] = ["@service", "@level", "@log_group", "@log_stream", "@owner", "@region"];
        let parts = match self.query {
            Query::And(parts) => parts.as_slice(),
            other => std::slice::from_ref(other),
        };
        let known = |(field, _): &(&Field, &Query)| {
            let name = &query::names(field)[0];
            !name.starts_with('@') || OURS.contains(&name.as_str())
        };
        parts.iter().filter_map(tested).filter(known).collect()
    }

    /// A field that is there, and never is as it was asked for.
    async fn no_value(
        &self,
        domain: &DomainClient,
        field: &Field,
        part: &Query,
        have: u64,
    ) -> Result<Option<Nothing>, DomainError> {
        let Compiled { clause, verdict: None } = dsl::compile(part) else { return Ok(None) };
        let name = &query::names(field)[0];
        let aggregations = json!({
            "alone": {"filter": clause},
            "values": {"terms": {"field": name, "size": MOST}},
        });
        // A field that is not typed, or has no list of values, cannot be counted: then its values are not told.
        let answer = match self.ask(domain, self.flags.to_vec(), &aggregations).await {
            Ok(answer) => answer,
            Err(DomainError::Refused { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if answer["aggregations"]["alone"]["doc_count"].as_u64() != Some(0) {
            return Ok(None);
        }
        let near = match part {
            Query::Test { comparison: Comparison::Equal, value, .. } => {
                nearest(&value.text, &keys(&answer["aggregations"]["values"]))
            }
            _ => None,
        };
        let suggested = |near: String| Query::Test {
            field: field.clone(),
            comparison: Comparison::Equal,
            value: query::Value {
                quoted: near.contains(|c: char| !c.is_alphanumeric() && !"-_./:".contains(c)),
                text: near,
            },
        };
        Ok(Some(Nothing {
            cause: "value",
            detail: format!(
                "{} in this range{} have the field {}, and none of them is so: {}",
                count(have, "event"),
                self.chosen(),
                field.name,
                query::line(part),
            ),
            suggestion: near.map(|near| format!("do you mean {}?", query::line(&suggested(near)))),
        }))
    }

    /// What would be found before the range, or behind it.
    async fn at_another_time(&self, domain: &DomainClient) -> Result<Option<Nothing>, DomainError> {
        let range = &self.search.range;
        let clauses = [self.flags.to_vec(), vec![self.clause.clone()]].concat();
        if let Some((found, newest)) = self.found(domain, clauses.clone(), Timestamp::UNIX_EPOCH..range.start).await? {
            return Ok(Some(Nothing {
                cause: "earlier",
                detail: format!("{} before this range, the newest at {}", matching(found), rfc3339(newest)),
                suggestion: Some(format!("--since {}", rfc3339(newest))),
            }));
        }
        // What has not happened yet is not looked for.
        if range.end >= self.now {
            return Ok(None);
        }
        let latest = self.now.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
        Ok(self.found(domain, clauses, range.end..latest).await?.map(|(found, newest)| Nothing {
            cause: "later",
            detail: format!("{} after this range, the newest at {}", matching(found), rfc3339(newest)),
            suggestion: Some("leave out --until".to_owned()),
        }))
    }

    /// What is part of longer words only, or the beginning of an id of which something was lost.
    async fn part_of_a_word(&self, domain: &DomainClient) -> Result<Option<Nothing>, DomainError> {
        const SHORTEST: usize = 3;
        const SHORTEST_ID: usize = 8;
        let text = match query::needles(self.query).as_slice() {
            [only] => only.text.clone(),
            _ => return Ok(None),
        };
        let is_word = text.chars().all(char::is_alphanumeric) && text.chars().count() >= SHORTEST;
        let is_id = text.len() >= SHORTEST_ID && text.contains(|c: char| c.is_ascii_digit());
        let is_id = is_id && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !self.may_ask() || !(is_id || (is_word && matches!(self.query, Query::Text(_)))) {
            return Ok(None);
        }
        let wider = if is_id { format!("{text}*") } else { format!("*{text}*") };
        let clause = if is_id {
            json!({"prefix": {"@ids": text.to_lowercase()}})
        } else {
            dsl::compile(&Query::Text(query::Value { text: wider.clone(), quoted: false })).clause
        };
        let answer = self.ask(domain, [self.flags.to_vec(), vec![clause]].concat(), &json!({})).await?;
        let found = answer["hits"]["total"]["value"].as_u64().filter(|found| *found > 0);
        let how = if is_id { "have an id that begins so" } else { "have it as a part of a longer word" };
        Ok(found.map(|found| Nothing {
            cause: "part_of_a_word",
            detail: format!("{} in this range {how}", count(found, "event")),
            suggestion: Some(format!("logctl search '{wider}'")),
        }))
    }

    async fn ask(
        &self,
        domain: &DomainClient,
        mut clauses: Vec<Value>,
        aggregations: &Value,
    ) -> Result<Value, DomainError> {
        self.asked.set(self.asked.get() + 1);
        clauses.push(self.search.bounds());
        let body = json!({
            "size": 0, "track_total_hits": true, "query": {"bool": {"filter": clauses}}, "aggs": aggregations,
        });
        domain.send(hyper::Method::POST, &self.search.path(Indices::Open), Some(&body)).await
    }
}

fn tested(part: &Query) -> Option<(&Field, &Query)> {
    match part {
        Query::Test { field, .. }
        | Query::Range { field, .. }
        | Query::Exists(field)
        | Query::Matches { field: Some(field), .. } => Some((field, part)),
        _ => None,
    }
}

fn no_field(name: &str, names: &[String], chosen: &str) -> Nothing {
    Nothing {
        cause: "field",
        detail: format!("no event in this range{chosen} has a field {name}"),
        suggestion: nearest(name, names).map(|near| format!("do you mean {near}?")),
    }
}

fn matching(found: Option<u64>) -> String {
    match found {
        None => "there are events that match".to_owned(),
        Some(1) => "1 event matches".to_owned(),
        Some(found) => format!("{} events match", grouped(found)),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970")]
fn milliseconds(value: f64) -> Timestamp {
    from_milliseconds(value as i64)
}

fn places(told: &Value) -> Vec<(String, String)> {
    let accounts = told["places"]["buckets"].as_array().into_iter().flatten();
    let pairs = |account: &Value| {
        let id = account["key"].as_str().unwrap_or_default().to_owned();
        keys(&account["regions"]).into_iter().map(move |region| (id.clone(), region)).collect::<Vec<_>>()
    };
    accounts.flat_map(pairs).collect()
}

fn keys(terms: &Value) -> Vec<String> {
    let buckets = terms["buckets"].as_array().into_iter().flatten();
    buckets.filter_map(|bucket| bucket["key"].as_str()).map(str::to_owned).collect()
}

/// The text that is most alike, if one is alike at all.
fn nearest(text: &str, all: &[String]) -> Option<String> {
    const ALIKE: f64 = 0.75;
    let best = args::nearest(text, all.iter().map(String::as_str).filter(|other| *other != text))?;
    let alike = strsim::jaro_winkler(&text.to_lowercase(), &best.to_lowercase());
    (alike >= ALIKE).then(|| best.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_told() {
        let names = ["durationMs", "status", "statusCode"].map(str::to_owned);
        assert_eq!(nearest("duration_ms", &names).as_deref(), Some("durationMs"));
        assert_eq!(nearest("stauts", &names).as_deref(), Some("status"));
        assert_eq!(nearest("customer", &names), None);
    }
}
