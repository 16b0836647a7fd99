//! One search: the request, its pages, the answer.

use std::{ops::Range, sync::Arc};

use hyper::Method;
use jiff::Timestamp;
use logctl_core::event_id::document_id;
use opensearch::SearchParts;
use serde_json::{Value, json};

use super::{
    Event,
    foreign::{self, Foreign, Others},
    gaps,
};
use crate::{
    domain::{DomainClient, DomainError},
    progress::Progress,
    query::Verdict,
    words::grouped,
};

/// Hits of one page.
const PAGE: usize = 1000;
/// Log groups that are listed at most; no engine gives more than 65,535 buckets unasked.
const MOST_GROUPS: usize = 50_000;
/// Beyond this many hits the engine counts no further.
const COUNTED: usize = 10_000;
/// Bytes that the events of an answer may take.
pub(super) const MOST_HELD: usize = 256 << 20;
/// Events that are verified here at most.
pub(super) const MOST_VERIFIED: usize = 100_000;

/// Of each shard one copy is asked, and the same one: each is renewed at its own time.
pub(super) const PREFERENCE: &str = "logctl";

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Index pattern.
    pub indices: String,
    /// What the engine looks for.
    pub clause: Value,
    /// What its hits are verified by, where it knows too little.
    pub verdict: Option<Verdict>,
    /// When the events happened.
    pub range: Range<Timestamp>,
    /// How many events, the newest.
    pub limit: usize,
    /// Indices of another layout that are looked at beside them.
    pub beside: Option<Arc<Others>>,
    /// Whether the clause was written for the engine, and not by us.
    pub is_of_engine: bool,
    /// Where the indices are of that layout, what each event is judged by.
    pub foreign: Option<Arc<Foreign>>,
}

/// Which indices a request is about, where their names are patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indices {
    /// Those that are open.
    Open,
    /// All: one that is closed is an error, so that it is not overlooked.
    All,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// Oldest first.
    pub events: Vec<Event>,
    /// How many events match.
    pub total: u64,
    /// Whether more may match than that.
    pub total_is_at_least: bool,
    /// Whether there was no index to look at.
    pub no_index: bool,
    /// Whether there are indices of another layout beside ours.
    pub others: bool,
    /// Why part of the answer is missing, where it is.
    pub warnings: Vec<String>,
}

pub(super) fn each_once(warnings: Vec<String>) -> Vec<String> {
    let mut each: Vec<String> = Vec::new();
    for warning in warnings {
        if !each.contains(&warning) {
            each.push(warning);
        }
    }
    each
}

impl Found {
    /// This and another part of the same answer: an event that both have is one.
    fn with(self, other: Self, limit: usize) -> Self {
        let whole =
            [&self, &other].into_iter().all(|part| !part.total_is_at_least && part.events.len() as u64 == part.total);
        let most = self.total.max(other.total);
        let mut events = self.events;
        events.extend(other.events);
        events.sort_by(Event::order);
        events.dedup_by(|a, b| a.id == b.id);
        let total = most.max(events.len() as u64);
        events.drain(..events.len().saturating_sub(limit));
        Self {
            events,
            total,
            total_is_at_least: !whole,
            no_index: self.no_index && other.no_index,
            others: self.others || other.others,
            warnings: each_once([self.warnings, other.warnings].concat()),
        }
    }
}

impl Search {
    /// The request for one page, the newest first.
    ///
    /// Everything is a filter, since nobody wants a score. Events of one millisecond are told apart by when they were indexed,
    /// and those of several indices by that.
    #[must_use]
    pub fn body(&self, size: usize, after: Option<&Value>) -> Value {
        let mut body = json!({
            "size": size,
            "_source": {"excludes": ["@kvk", "@kvn"]},
            "query": {"bool": {"filter": [self.bounds(), self.clause]}},
            "sort": [
                {"@timestamp": {"order": "desc", "unmapped_type": "date"}},
                {"_seq_no": {"order": "desc"}},
                {"_index": {"order": "desc"}},
            ],
            "track_total_hits": if after.is_none() { json!(COUNTED) } else { json!(false) },
        });
        if let (Some(_), Some(sort)) = (&self.foreign, body["sort"].as_array_mut()) {
            // Several shards may give one number.
            sort.insert(1, json!({"@id.keyword": {"order": "desc", "unmapped_type": "keyword"}}));
            body["_source"] = true.into(); // As it was written: half of a surrogate pair cannot be written again.
        }
        if let Some(after) = after {
            body["search_after"] = after.clone();
        }
        body
    }

    /// Asks, page by page. Where hits are verified here, as many pages are read as it takes, up to a bound.
    ///
    /// # Errors
    /// When the domain cannot be asked. An answer that lacks a part is no error but has a warning.
    pub async fn run(&self, domain: &DomainClient) -> Result<Found, DomainError> {
        let (found, odd) = tokio::join!(self.open_or_said(domain), gaps::odd(self, domain));
        let mut found = found?;
        found.warnings.extend(odd);
        found.warnings = each_once(found.warnings);
        found.total_is_at_least |= !found.warnings.is_empty();
        Ok(found)
    }

    /// The same without a look at how the indices were made, for who asks many times.
    pub(super) async fn open_or_said(&self, domain: &DomainClient) -> Result<Found, DomainError> {
        let (found, beside) = tokio::join!(Box::pin(self.of_one_layout(domain)), Box::pin(self.newest_beside(domain)));
        let (found, others) = (found?, !beside.no_index || !beside.warnings.is_empty());
        if beside.events.is_empty() && beside.warnings.is_empty() {
            return Ok(Found { no_index: found.no_index && beside.no_index, others, ..found });
        }
        Ok(Found { others, ..found.with(beside, self.limit) })
    }

    /// What the indices have, and not those beside them.
    pub(super) async fn of_one_layout(&self, domain: &DomainClient) -> Result<Found, DomainError> {
        let pages = async |which| self.pages(domain, which).await;
        let (mut found, closed) = gaps::all_or_open(self, domain, pages).await?;
        found.no_index &= closed.is_none();
        found.warnings.extend(closed);
        Ok(found)
    }

    /// Asks several that each find a part of one answer.
    ///
    /// # Errors
    /// Those of [`Self::run`].
    pub async fn run_all(all: &[Self], domain: &DomainClient, progress: &dyn Progress) -> Result<Found, DomainError> {
        let mut found: Option<Found> = None;
        for search in all {
            let part = search.run(domain).await?;
            progress.step();
            found = Some(match found {
                None => part,
                Some(found) => found.with(part, search.limit),
            });
        }
        Ok(found.unwrap_or_default())
    }

    async fn pages(&self, domain: &DomainClient, indices: Indices) -> Result<Found, DomainError> {
        let mut found = Found::default();
        let (mut after, mut looked_at, mut held, mut at_end, mut unreadable) = (None, 0, 0, false, 0);
        let is_verified = self.verdict.is_some() || self.foreign.is_some();
        let mut page = PAGE;
        while found.events.len() < self.limit && !at_end {
            let wanted = if is_verified { PAGE } else { self.limit - found.events.len() };
            let size = page.min(wanted);
            let sent = self.sent(&self.path(indices), &self.body(size, after.as_ref()), domain).await;
            // Where events are long, fewer of them are one answer.
            if matches!(sent, Err(DomainError::TooLong { .. })) && size > 1 {
                page = size / 2;
                continue;
            }
            let answer = sent?;
            // An answer without a list of hits is not one that found nothing.
            let hits = answer.pointer("/hits/hits").and_then(Value::as_array).ok_or_else(|| domain.no_engine())?;
            found.warnings.extend(gaps::incomplete(&answer));
            if after.is_none() {
                found.no_index = answer.pointer("/_shards/total").and_then(Value::as_u64) == Some(0);
                let total = answer.pointer("/hits/total/value").and_then(Value::as_u64);
                found.total = total.ok_or_else(|| domain.no_engine())?;
                found.total_is_at_least = answer.pointer("/hits/total/relation").and_then(Value::as_str) == Some("gte");
            }
            // More than was asked for, or what cannot be gone on from, no engine gives.
            at_end = hits.len() < size;
            after = hits.last().map(|hit| hit["sort"].clone());
            if hits.len() > size || (!at_end && !after.as_ref().is_some_and(Value::is_array)) {
                return Err(domain.no_engine());
            }
            looked_at += hits.len();
            for hit in hits {
                match self.verified(hit) {
                    Ok(Some(event)) => {
                        held += event.weight();
                        found.events.push(event);
                    }
                    Ok(None) => {}
                    Err(()) => unreadable += 1,
                }
            }
            if held > MOST_HELD && !at_end {
                found.warnings.push(format!(
                    "the newest {} events are all that fit into memory; a shorter time range shows the others",
                    grouped(found.events.len() as u64)
                ));
                break;
            }
            if is_verified && looked_at >= MOST_VERIFIED && !at_end {
                found.warnings.push(format!(
                    "only the newest {} events that may match were looked at; a shorter time range is looked at whole",
                    grouped(looked_at as u64),
                ));
                break;
            }
        }
        found.warnings.extend(foreign::unreadable(unreadable, &self.indices));
        if is_verified {
            found.total_is_at_least = !at_end;
            found.total = found.events.len() as u64;
            found.events.truncate(self.limit);
        }
        found.events.reverse();
        Ok(found)
    }

    /// Asks, and reads what another layout may hold.
    ///
    /// # Errors
    /// When the domain cannot be asked.
    pub(super) async fn sent(&self, path: &str, body: &Value, domain: &DomainClient) -> Result<Value, DomainError> {
        if self.foreign.is_none() {
            return domain.send(Method::POST, path, Some(body)).await;
        }
        let bytes = domain.send_for_bytes(Method::POST, path, body.to_string(), usize::MAX).await?;
        serde_json::from_slice(&bytes).map_err(|_| domain.no_engine())
    }

    /// How many events the engine finds.
    ///
    /// # Errors
    /// When the domain cannot be asked.
    pub async fn count(&self, domain: &DomainClient) -> Result<u64, DomainError> {
        let mut body = self.body(0, None);
        body["track_total_hits"] = json!(true);
        let answer = domain.send(Method::POST, &self.path(Indices::Open), Some(&body)).await?;
        answer.pointer("/hits/total/value").and_then(Value::as_u64).ok_or_else(|| domain.no_engine())
    }

    /// Figures of all events that the engine finds, and what these lack.
    ///
    /// # Errors
    /// When the domain cannot be asked.
    pub async fn figures(
        &self,
        aggregations: &Value,
        domain: &DomainClient,
    ) -> Result<(Value, Vec<String>), DomainError> {
        let body = json!({
            "size": 0, "track_total_hits": true, "aggs": aggregations,
            "query": {"bool": {"filter": [self.bounds(), self.clause]}},
        });
        let asked = async |which| domain.send(Method::POST, &self.path(which), Some(&body)).await;
        let answer = gaps::all_or_open(self, domain, asked);
        let (answer, odd, left_out) = tokio::join!(answer, gaps::odd(self, domain), self.left_out(domain));
        let (answer, closed) = answer?;
        let warnings = gaps::incomplete(&answer).into_iter().chain(closed).chain(odd).chain(left_out).collect();
        Ok((answer, each_once(warnings)))
    }

    /// The clause for when the events happened.
    #[must_use]
    pub fn bounds(&self) -> Value {
        json!({"range": {"@timestamp": {
            "gte": self.range.start.as_millisecond(), "lt": self.range.end.as_millisecond(), "format": "epoch_millis"
        }}})
    }

    /// How many events the engine finds, and when the newest of them happened that is meant. `None` where none is, or where
    /// hits are verified here and none of the newest is meant.
    ///
    /// # Errors
    /// When the domain cannot be asked.
    pub async fn newest(&self, domain: &DomainClient) -> Result<Option<(u64, Timestamp)>, DomainError> {
        const LOOKED_AT: usize = 100;
        let mut body = self.body(if self.verdict.is_some() { LOOKED_AT } else { 1 }, None);
        body["track_total_hits"] = json!(true);
        let answer = domain.send(Method::POST, &self.path(Indices::Open), Some(&body)).await?;
        let total = answer.pointer("/hits/total/value").and_then(Value::as_u64).unwrap_or_default();
        let hits = answer.pointer("/hits/hits").and_then(Value::as_array).ok_or_else(|| domain.no_engine())?;
        Ok(hits.iter().find_map(|hit| self.verified(hit).ok()?).map(|event| (total, event.time)))
    }

    /// How many of these events the indices have, at whatever time.
    ///
    /// # Errors
    /// When the domain cannot be asked.
    pub async fn known(&self, ids: &[&str], domain: &DomainClient) -> Result<usize, DomainError> {
        let all: Vec<_> = ids.iter().flat_map(|id| [document_id(id), (*id).into()]).collect();
        let body = json!({"size": 0, "query": {"ids": {"values": all}}, "track_total_hits": true});
        let answer = domain.send(Method::POST, &self.path(Indices::Open), Some(&body)).await?;
        let found = answer.pointer("/hits/total/value").and_then(Value::as_u64).ok_or_else(|| domain.no_engine())?;
        Ok(usize::try_from(found).unwrap_or(usize::MAX))
    }

    /// The event of a hit, if it is meant. An error where it is none.
    pub(super) fn verified(&self, hit: &Value) -> Result<Option<Event>, ()> {
        let judged = match &self.foreign {
            Some(by) => foreign::judged(hit, by)?,
            None => None,
        };
        let hit = match (&self.foreign, &judged) {
            (Some(_), None) => return Ok(None),
            (_, judged) => judged.as_ref().unwrap_or(hit),
        };
        let event = Event::from_hit(hit);
        let found_by: Vec<&str> =
            hit["matched_queries"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        Ok(self.verdict.as_ref().is_none_or(|verdict| verdict.holds(&found_by, &event)).then_some(event))
    }

    /// Where it is asked.
    #[must_use]
    pub fn path(&self, which: Indices) -> String {
        let indices: Vec<&str> = self.indices.split(',').collect();
        let which = if which == Indices::Open { "open" } else { "open,closed" };
        format!("{}?allow_no_indices=true&expand_wildcards={which}", SearchParts::Index(&indices).url())
    }
}

/// Makes a request for pages one for pages in this order.
pub(super) fn in_order(body: &mut Value, order: &str) {
    for field in body["sort"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        field.values_mut().for_each(|sort| sort["order"] = order.into());
    }
}

/// The log groups that have events in the indices of `search`, at whatever time; the most frequent ones, where there are
/// very many. `None` where not all indices could tell.
///
/// # Errors
/// When the domain cannot be asked.
pub async fn groups(search: &Search, domain: &DomainClient) -> Result<Option<Vec<String>>, DomainError> {
    let body = json!({"size": 0, "aggs": {"groups": {"terms": {"field": "@log_group", "size": MOST_GROUPS}}}});
    let answer = domain.send(Method::POST, &search.path(Indices::Open), Some(&body)).await?;
    if !gaps::incomplete(&answer).is_empty() {
        return Ok(None);
    }
    let buckets =
        answer.pointer("/aggregations/groups/buckets").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    Ok(Some(buckets.iter().filter_map(|bucket| bucket["key"].as_str()).map(str::to_owned).collect()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::body_partial_json};

    use logctl_sink::domain::Auth;

    use super::*;
    use crate::network::Network;

    fn search(limit: usize) -> Search {
        Search {
            indices: "logctl-*".into(),
            clause: json!({"match_all": {}}),
            verdict: None,
            range: Timestamp::UNIX_EPOCH..Timestamp::from_second(60).unwrap(),
            limit,
            ..Search::default()
        }
    }

    fn answer(ids: &[u64], shards_failed: u64) -> ResponseTemplate {
        let hits: Vec<_> = ids
            .iter()
            .map(|id| {
                json!({"_id": id.to_string(), "_index": "i", "sort": [id, id, "i"],
                "_source": {"@timestamp": id, "@message": "m"}})
            })
            .collect();
        ResponseTemplate::new(200).set_body_json(json!({
            "timed_out": false, "_shards": {"total": 2, "failed": shards_failed, "failures": [{"reason": {"reason": "gone"}}]},
            "hits": {"total": {"value": 1500, "relation": "eq"}, "hits": hits}
        }))
    }

    async fn found(server: &MockServer, limit: usize) -> Result<Found, DomainError> {
        let http = Network::default().client(None).unwrap();
        let domain = DomainClient::new(server.uri().parse().unwrap(), Auth::None, http, Duration::from_secs(5));
        search(limit).run(&domain).await
    }

    #[tokio::test]
    async fn pages_follow_one_another_and_come_out_oldest_first() {
        let server = MockServer::start().await;
        let first: Vec<u64> = (1000..2000).rev().collect();
        Mock::given(body_partial_json(json!({"search_after": [1000, 1000, "i"], "size": 500})))
            .respond_with(answer(&[999, 998], 0))
            .with_priority(1)
            .mount(&server)
            .await;
        Mock::given(body_partial_json(json!({"size": 1000})))
            .respond_with(answer(&first, 0))
            .with_priority(2)
            .mount(&server)
            .await;
        let found = found(&server, 1500).await.unwrap();
        assert_eq!(found.events.len(), 1002);
        assert_eq!((found.events[0].id.as_str(), found.events[1001].id.as_str()), ("998", "1999"));
        assert_eq!((found.total, found.total_is_at_least), (1500, false));
    }

    #[tokio::test]
    async fn where_events_are_long_pages_are_short() {
        let server = MockServer::start().await;
        let long: Vec<u64> = (0..1000).collect();
        Mock::given(body_partial_json(json!({"size": 1000}))).respond_with(answer(&long, 0)).mount(&server).await;
        Mock::given(body_partial_json(json!({"size": 500}))).respond_with(answer(&[7, 6], 0)).mount(&server).await;
        let http = Network::default().client(None).unwrap();
        let domain = DomainClient::reading_at_most(server.uri().parse().unwrap(), http, 10_000);
        assert_eq!(search(2000).run(&domain).await.unwrap().events.len(), 2);
    }

    #[tokio::test]
    async fn a_hit_is_verified_where_the_engine_knows_too_little() {
        let server = MockServer::start().await;
        let hit = |id: u64, names: &[&str], message: &str| {
            json!({"_id": id.to_string(), "_index": "i", "sort": [id, id, "i"], "matched_queries": names,
                "_source": {"@timestamp": id, "@message": message}})
        };
        let hits = [
            hit(3, &["part 2"], "check failed: size > 0"),
            hit(2, &["part 2"], "check failed: size < 0"),
            hit(1, &["part 1"], "by the test"),
        ];
        let body = json!({"hits": {"total": {"value": 3, "relation": "eq"}, "hits": hits}});
        Mock::given(wiremock::matchers::any())
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .mount(&server)
            .await;
        let compiled = crate::query::dsl::compile(&crate::query::parse(&["size>0 failed".to_owned()]).unwrap());
        let http = Network::default().client(None).unwrap();
        let domain = DomainClient::new(server.uri().parse().unwrap(), Auth::None, http, Duration::from_secs(5));
        let wanted = Search { clause: compiled.clause, verdict: compiled.verdict, ..search(10) };
        let found = wanted.run(&domain).await.unwrap();
        let ids: Vec<&str> = found.events.iter().map(|event| event.id.as_str()).collect();
        assert_eq!((ids, found.total, found.total_is_at_least), (vec!["1"], 1, false));
    }

    #[test]
    fn two_parts_of_an_answer_are_one() {
        let event = |id: u64| Event::from_hit(&json!({"_id": id.to_string(), "_source": {"@timestamp": id}}));
        let part = |ids: &[u64], total: u64| Found {
            events: ids.iter().map(|id| event(*id)).collect(),
            total,
            ..Found::default()
        };
        let ids = |found: &Found| found.events.iter().map(|event| event.time.as_millisecond()).collect::<Vec<_>>();
        let found = part(&[1, 3], 2).with(part(&[2, 3], 2), 10);
        assert_eq!((ids(&found), found.total, found.total_is_at_least), (vec![1, 2, 3], 3, false));
        let found = part(&[1, 3], 9).with(part(&[2, 4], 2), 2);
        assert_eq!((ids(&found), found.total, found.total_is_at_least), (vec![3, 4], 9, true));
    }

    #[tokio::test]
    async fn a_part_that_is_missing_is_said() {
        let server = MockServer::start().await;
        Mock::given(wiremock::matchers::any()).respond_with(answer(&[1], 1)).mount(&server).await;
        let found = found(&server, 10).await.unwrap();
        assert_eq!(found.warnings, ["1 of 2 shards did not answer: gone"]);
        assert!(found.total_is_at_least);
    }

    #[tokio::test]
    async fn an_answer_of_something_else_is_not_taken_for_nothing_found() {
        let server = MockServer::start().await;
        Mock::given(wiremock::matchers::any())
            .respond_with(ResponseTemplate::new(200).set_body_string("{}"))
            .mount(&server)
            .await;
        let error = found(&server, 10).await.unwrap_err();
        assert!(matches!(error, DomainError::NoEngine { .. }), "{error}");
    }
}
