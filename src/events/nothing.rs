//! Why nothing was found: a few cheap requests, the cheapest first, and the first cause that explains it.

use std::{cell::Cell, time::Duration};

use jiff::{SignedDuration, Timestamp};
use logctl_core::redact::{Detector, MARK, Redactor};
use serde::Serialize;
use serde_json::{Value, json};
use strum::VariantNames as _;

use super::{Indices, Search};
use crate::{
    args,
    domain::{DomainClient, DomainError},
    query::{self, Comparison, Field, Query, dsl},
    time::{from_milliseconds, rfc3339},
    words::{count, grouped},
};

/// How long it may take to find out.
const PATIENCE: Duration = Duration::from_secs(2);
/// How far back and ahead is looked.
const AROUND: SignedDuration = SignedDuration::from_hours(30 * 24);
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
pub struct Explained {
    /// Why, where that could be told in time.
    pub nothing: Option<Nothing>,
    /// The groups with the most events in the range.
    pub groups: Vec<String>,
    /// Accounts and Regions that those events come from.
    pub places: Vec<(String, String)>,
}

/// A search that has found nothing.
#[derive(Debug)]
pub struct Empty<'a> {
    /// The search.
    pub search: &'a Search,
    /// What was looked for.
    pub query: &'a Query,
    /// The clause of that.
    pub clause: &'a Value,
    /// The clauses of the flags that narrow it.
    pub flags: &'a [Value],
    /// What redacts events before they are indexed; where that is not known, everything that might.
    pub redactor: Option<Redactor>,
    asked: Cell<usize>,
}

impl<'a> Empty<'a> {
    /// A search that has found nothing. Where it is not known what is `redacted`, all that can be is looked for.
    #[must_use]
    pub fn new(
        search: &'a Search,
        query: &'a Query,
        clause: &'a Value,
        flags: &'a [Value],
        redacted: Option<Redactor>,
    ) -> Self {
        let redactor = redacted.or_else(|| Redactor::new(&Detector::VARIANTS.join(","), "").ok().flatten());
        Self { search, query, clause, flags, redactor, asked: Cell::new(0) }
    }

    /// Why, as far as the domain knows.
    pub async fn explain(&self, domain: &DomainClient) -> Explained {
        let mut explained = Explained::default();
        if let Ok(Ok(nothing)) = tokio::time::timeout(PATIENCE, self.cause(domain, &mut explained)).await {
            explained.nothing = Some(nothing);
        }
        explained
    }

    async fn cause(&self, domain: &DomainClient, explained: &mut Explained) -> Result<Nothing, DomainError> {
        let names: Vec<_> = self.tested().into_iter().take(MOST_FIELDS).collect();
        let around = self.around(domain, &names).await?;
        let told = &around["aggregations"];
        let events = around["hits"]["total"]["value"].as_u64().unwrap_or_default();
        explained.groups = keys(&told["busiest"]);
        explained.places = places(told);
        if !self.flags.is_empty() {
            let elsewhere = self.ask(domain, vec![self.clause.clone()], true, &json!({})).await?;
            let found = elsewhere["hits"]["total"]["value"].as_u64().unwrap_or_default();
            if found > 0 {
                return Ok(Nothing {
                    cause: "left_out",
                    detail: format!("{} in this range, which -g or -l leaves out", matching(found)),
                    suggestion: Some("leave out -g and -l".to_owned()),
                });
            }
        }
        if let Some(nothing) = self.at_another_time(domain).await? {
            return Ok(nothing);
        }
        let oldest = told["all"]["oldest"]["value"].as_f64().map(milliseconds);
        if events == 0 {
            return Ok(self.no_events(oldest));
        }
        if let Some(nothing) = self.redacted(domain).await? {
            return Ok(nothing);
        }
        for (nth, (field, value)) in names.iter().enumerate() {
            let have = told[format!("has {nth}")]["doc_count"].as_u64().unwrap_or_default();
            if have == 0 {
                return Ok(no_field(&field.name, &keys(&told["names"])));
            }
            if self.asked.get() < REQUESTS
                && let Some(nothing) = self.no_value(domain, field, value.as_deref(), have).await?
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
                "the {} with {} in this range hold nothing like it{begins}",
                count(usize::try_from(groups).unwrap_or(usize::MAX), "log group"),
                count(usize::try_from(events).unwrap_or(usize::MAX), "event"),
            ),
            suggestion: Some("a group that is not streamed is not looked at; see: logctl audit".to_owned()),
        })
    }

    /// What is there in the range at all.
    async fn around(&self, domain: &DomainClient, names: &[(&Field, Option<String>)]) -> Result<Value, DomainError> {
        let mut aggregations = json!({
            "groups": {"cardinality": {"field": "@log_group"}},
            "busiest": {"terms": {"field": "@log_group", "size": BUSIEST}},
            "places": {"terms": {"field": "@owner", "size": BUSIEST}, "aggs": {"regions": {"terms": {"field": "@region", "size": BUSIEST}}}},
            "all": {"global": {}, "aggs": {"oldest": {"min": {"field": "@timestamp"}}}},
        });
        if !names.is_empty() {
            aggregations["names"] = json!({"terms": {"field": "@kvk", "size": MOST}});
        }
        for (nth, (field, _)) in names.iter().enumerate() {
            let has = dsl::compile(&Query::Exists((*field).clone())).clause;
            aggregations[format!("has {nth}")] = json!({"filter": has});
        }
        self.ask(domain, self.flags.to_vec(), true, &aggregations).await
    }

    fn no_events(&self, oldest: Option<Timestamp>) -> Nothing {
        match oldest.filter(|oldest| self.search.range.end <= *oldest) {
            Some(oldest) => Nothing {
                cause: "retention",
                detail: format!(
                    "the index begins at {}, after this range: what came before was deleted, or came before it was streamed",
                    rfc3339(oldest)
                ),
                suggestion: Some(
                    "CloudWatch Logs may still hold it, and backfill does not bring back what was deleted".to_owned(),
                ),
            },
            None => Nothing {
                cause: "no_events",
                detail: "there is no event at all in this range, in the groups that were looked at".to_owned(),
                suggestion: Some("see what is streamed, and what is not: logctl audit".to_owned()),
            },
        }
    }

    /// What is looked for is of a kind that is redacted before it is indexed, and such events are there.
    async fn redacted(&self, domain: &DomainClient) -> Result<Option<Nothing>, DomainError> {
        let Some(redactor) = &self.redactor else { return Ok(None) };
        let mark = query::needles(self.query).into_iter().find_map(|needle| {
            let text = needle.field.map_or_else(|| needle.text.clone(), |field| format!("{field}={}", needle.text));
            let redacted = [redactor.text(&text).into_owned(), redactor.text(&needle.text).into_owned()];
            let begin = |text: &String| Some(text[text.find(MARK)?..].to_owned());
            let mark = redacted.iter().find_map(begin)?;
            Some(mark.split_inclusive(']').next().unwrap_or_default().to_owned())
        });
        let Some(mark) = mark else { return Ok(None) };
        let marked = Query::Text(query::Value::quoted(mark.as_str()));
        let clauses = [self.flags.to_vec(), vec![dsl::compile(&marked).clause]].concat();
        let answer = self.ask(domain, clauses, true, &json!({})).await?;
        let found = answer["hits"]["total"]["value"].as_u64().filter(|found| *found > 0);
        Ok(found.map(|found| Nothing {
            cause: "redacted",
            detail: format!(
                "what looks like this is redacted before it is indexed; {} in this range {} {mark} instead",
                count(usize::try_from(found).unwrap_or(usize::MAX), "event"),
                if found == 1 { "has" } else { "have" },
            ),
            suggestion: Some(format!("look for the mark: logctl search '\"{mark}\"'")),
        }))
    }

    /// The fields of tests that all must hold, and the values of those that ask for one.
    fn tested(&self) -> Vec<(&Field, Option<String>)> {
        // Of what is ours, these have values that can be told.
        const OURS: [&str; 5] = ["@service", "@log_group", "@log_stream", "@owner", "@region"];
        let parts = match self.query {
            Query::And(parts) => parts.as_slice(),
            other => std::slice::from_ref(other),
        };
        let known = |(field, _): &(&Field, Option<String>)| {
            let name = &query::names(field)[0];
            !name.starts_with('@') || OURS.contains(&name.as_str())
        };
        parts.iter().filter_map(tested).filter(known).collect()
    }

    /// A field that is there, and never has the value that was asked for.
    async fn no_value(
        &self,
        domain: &DomainClient,
        field: &Field,
        value: Option<&str>,
        have: u64,
    ) -> Result<Option<Nothing>, DomainError> {
        let Some(value) = value else { return Ok(None) };
        let alone = Query::Test {
            field: field.clone(),
            comparison: Comparison::Equal,
            value: query::Value { text: value.to_owned(), quoted: false },
        };
        let name = &query::names(field)[0];
        let aggregations = json!({
            "alone": {"filter": dsl::compile(&alone).clause},
            "values": {"terms": {"field": name, "size": MOST}},
        });
        // A field that is not typed, or has no list of values, cannot be counted: then its values are not told.
        let answer = match self.ask(domain, self.flags.to_vec(), true, &aggregations).await {
            Ok(answer) => answer,
            Err(DomainError::Refused { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if answer["aggregations"]["alone"]["doc_count"].as_u64() != Some(0) {
            return Ok(None);
        }
        let values = keys(&answer["aggregations"]["values"]);
        let near = nearest(value, &values);
        Ok(Some(Nothing {
            cause: "value",
            detail: format!(
                "{} in this range have the field {}, and none of them has {value} there",
                count(usize::try_from(have).unwrap_or(usize::MAX), "event"),
                field.name,
            ),
            suggestion: near.map(|near| format!("do you mean {}={near}?", field.name)),
        }))
    }

    /// What would be found before the range, or behind it.
    async fn at_another_time(&self, domain: &DomainClient) -> Result<Option<Nothing>, DomainError> {
        let range = &self.search.range;
        let bounds = |sign: &str, at: Timestamp| json!({"range": {"@timestamp": {sign: at.as_millisecond(), "format": "epoch_millis"}}});
        let aggregations = json!({
            "before": {"filter": bounds("lt", range.start), "aggs": {"newest": {"max": {"field": "@timestamp"}}}},
            "behind": {"filter": bounds("gte", range.end), "aggs": {"oldest": {"min": {"field": "@timestamp"}}}},
        });
        let clauses = [self.flags.to_vec(), vec![self.clause.clone()]].concat();
        let answer = self.ask(domain, clauses, false, &aggregations).await?;
        let part = |name: &str, at: &str| {
            let part = &answer["aggregations"][name];
            let found = part["doc_count"].as_u64().filter(|found| *found > 0)?;
            Some((found, milliseconds(part[at]["value"].as_f64()?)))
        };
        if let Some((found, newest)) = part("before", "newest") {
            return Ok(Some(Nothing {
                cause: "earlier",
                detail: format!("{} before this range, the newest at {}", matching(found), rfc3339(newest)),
                suggestion: Some(format!("--since {}", rfc3339(newest))),
            }));
        }
        Ok(part("behind", "oldest").map(|(found, oldest)| Nothing {
            cause: "later",
            detail: format!("{} after this range, the oldest at {}", matching(found), rfc3339(oldest)),
            suggestion: Some("leave out --until".to_owned()),
        }))
    }

    /// What is part of longer words only.
    async fn part_of_a_word(&self, domain: &DomainClient) -> Result<Option<Nothing>, DomainError> {
        const SHORTEST: usize = 3;
        let Query::Text(value) = self.query else { return Ok(None) };
        let is_word = value.text.chars().all(char::is_alphanumeric) && value.text.len() >= SHORTEST;
        if !is_word || self.asked.get() >= REQUESTS {
            return Ok(None);
        }
        let text = format!("*{}*", value.text);
        let wider = Query::Text(query::Value { text: text.clone(), quoted: false });
        let clauses = [self.flags.to_vec(), vec![dsl::compile(&wider).clause]].concat();
        let answer = self.ask(domain, clauses, true, &json!({})).await?;
        let found = answer["hits"]["total"]["value"].as_u64().filter(|found| *found > 0);
        Ok(found.map(|found| Nothing {
            cause: "part_of_a_word",
            detail: format!(
                "{} in this range have it as a part of a longer word",
                count(usize::try_from(found).unwrap_or(usize::MAX), "event"),
            ),
            suggestion: Some(format!("logctl search '{text}'")),
        }))
    }

    async fn ask(
        &self,
        domain: &DomainClient,
        mut clauses: Vec<Value>,
        in_range: bool,
        aggregations: &Value,
    ) -> Result<Value, DomainError> {
        self.asked.set(self.asked.get() + 1);
        let range = &self.search.range;
        let earliest = range.start.checked_sub(AROUND).unwrap_or(Timestamp::MIN);
        let latest = range.end.checked_add(AROUND).unwrap_or(Timestamp::MAX);
        let (since, until) = if in_range { (range.start, range.end) } else { (earliest, latest) };
        clauses.push(json!({"range": {"@timestamp": {
            "gte": since.as_millisecond(), "lt": until.as_millisecond(), "format": "epoch_millis"
        }}}));
        let body = json!({
            "size": 0, "track_total_hits": true, "query": {"bool": {"filter": clauses}}, "aggs": aggregations,
        });
        domain.send(hyper::Method::POST, &self.search.path(Indices::Open), Some(&body)).await
    }
}

fn tested(part: &Query) -> Option<(&Field, Option<String>)> {
    match part {
        Query::Test { field, comparison: Comparison::Equal, value } => {
            Some((field, (!value.is_wild()).then(|| value.text.clone())))
        }
        Query::Test { field, .. }
        | Query::Range { field, .. }
        | Query::Exists(field)
        | Query::Matches { field: Some(field), .. } => Some((field, None)),
        _ => None,
    }
}

fn no_field(name: &str, names: &[String]) -> Nothing {
    Nothing {
        cause: "field",
        detail: format!("no event in this range has a field {name}"),
        suggestion: nearest(name, names).map(|near| format!("do you mean {near}?")),
    }
}

fn matching(found: u64) -> String {
    if found == 1 { "1 event matches".to_owned() } else { format!("{} events match", grouped(found)) }
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
