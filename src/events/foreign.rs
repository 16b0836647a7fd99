//! Events that AWS's own function has written, into indices of its own layout.
//!
//! Each is written as the document that our forwarder would have made of it, and judged here: the engine only narrows down
//! which of them may be meant. So every question means the same there as in our indices.

use std::{collections::VecDeque, sync::Arc};

use jiff::Timestamp;
use logctl_core::{
    document::{Encoder, Target},
    event::{Event as Delivered, Origin},
    event_id::document_id,
    index_name::{Indices as Named, Period},
    mapping::Mappings,
};
use serde_json::{Map, Value, json, value::RawValue};

use super::{Found, Indices, Search, reader::asked};
use crate::{
    domain::{DomainClient, DomainError},
    query::at_hand::{Clause, Document},
    words::count,
};

impl Search {
    /// The same in the indices beside ours. An error where the clause is none that can be judged here.
    pub(super) fn beside(&self) -> Option<Result<Self, String>> {
        let indices = self.beside.clone()?;
        let Some(clause) = Clause::read(&self.clause) else { return Some(Err(indices)) };
        let narrowed = clause.narrowed();
        Some(Ok(Self { indices, beside: None, foreign: Some(Arc::new(clause)), clause: narrowed, ..self.clone() }))
    }

    /// Whether an index is one of those beside ours.
    pub(super) fn is_beside(&self, index: &str) -> bool {
        self.beside.as_deref().is_some_and(|indices| index.starts_with(indices.trim_end_matches('*')))
    }

    /// Whether it is about our indices.
    pub(super) fn is_ours(&self) -> bool {
        self.foreign.is_none()
    }

    /// How many events beside ours may be meant, and where; nothing where there is none, or who asks may not know.
    ///
    /// # Errors
    /// What was not looked at, and why.
    pub async fn number_beside(&self, domain: &DomainClient) -> Result<Option<(u64, String)>, String> {
        let beside = match self.beside() {
            None => return Ok(None),
            Some(Ok(beside)) => beside,
            Some(Err(indices)) => Self { indices, beside: None, clause: json!({"match_all": {}}), ..self.clone() },
        };
        match beside.count(domain).await {
            Ok(0) => Ok(None),
            Err(error) if error.forbids() => Ok(None),
            Ok(events) => Ok(Some((events, beside.indices))),
            Err(error) => Err(format!("{} was not looked at: {error}", beside.indices)),
        }
    }

    /// Says how many events beside ours may be meant, for who cannot look at them.
    pub(super) async fn left_out(&self, domain: &DomainClient) -> Option<String> {
        match self.number_beside(domain).await {
            Ok(None) => None,
            Ok(Some((events, indices))) => Some(format!(
                "up to {} of {indices}, which AWS's own function has written, may be meant, too, and were not looked at",
                count(events, "event"),
            )),
            Err(warning) => Some(warning),
        }
    }

    /// The newest of the events beside ours.
    pub(super) async fn newest_beside(&self, domain: &DomainClient) -> Found {
        let none = || Found { no_index: true, ..Found::default() };
        let warned = |warning| Found { warnings: vec![warning], total_is_at_least: true, ..none() };
        match self.beside() {
            None => none(),
            Some(Err(_)) => self.left_out(domain).await.map_or_else(none, warned),
            Some(Ok(beside)) => match beside.of_one_layout(domain).await {
                Ok(found) => found,
                Err(error) if error.forbids() => none(), // Who may not ask is not told.
                Err(error) => warned(format!("{} was not looked at: {error}", beside.indices)),
            },
        }
    }
}

/// A hit as our index would have it, and by which parts of the clause it was found. `None` where it is not meant.
///
/// # Errors
/// Where it is no event.
pub(super) fn judged(hit: &Value, clause: &Clause) -> Result<Option<Value>, ()> {
    let (event_id, at, source) = document(hit).ok_or(())?;
    let document = Document::new(&event_id, source);
    let Some(names) = clause.finds(&document) else { return Ok(None) };
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    Ok(Some(json!({
        "_id": document_id(&event_id), "_index": hit["_index"], "matched_queries": names, "sort": [at, i64::MAX],
        "_source": document.into_source(),
    })))
}

/// What our forwarder would have written: the id of the event, when it happened, and the document.
fn document(hit: &Value) -> Option<(String, i64, Map<String, Value>)> {
    let source = hit["_source"].as_object()?;
    let text = |name: &str| source.get(name).and_then(Value::as_str);
    let id = text("@id").or_else(|| hit["_id"].as_str())?;
    let message = text("@message")?;
    let written = || text("@timestamp")?.parse().ok().map(Timestamp::as_millisecond);
    let at = hit["sort"][0].as_i64().or_else(written)?;
    let delivered = json!({"id": id, "timestamp": at, "message": message, "extractedFields": columns(source, message)});
    let delivered: Box<RawValue> = serde_json::value::to_raw_value(&delivered).ok()?;
    let event = Delivered::parse(&delivered).ok()?;
    let origin = |name: &str| text(name).unwrap_or_default().to_owned();
    let origin = Origin {
        owner: origin("@owner"),
        region: String::new(),
        log_group: origin("@log_group"),
        log_stream: origin("@log_stream"),
    };
    let indices = Named { prefix: "logctl".parse().ok()?, period: Period::Day };
    let encoder = Encoder::new(Target::ByTime { indices: &indices, delivered: at }, &origin, at);
    let mut body = Vec::new();
    encoder.encode(&event, &mut Mappings::new(0), &mut body);
    let document = body.split(|byte| *byte == b'\n').nth(1)?;
    let mut document: Map<String, Value> = serde_json::from_slice(document).ok()?;
    // Neither is known.
    document.remove("@ingested");
    document.retain(|name, value| name != "@region" || *value != "");
    Some((id.to_owned(), at, document))
}

/// What a filter pattern has cut out of the message: members that are not of its JSON.
fn columns(source: &Map<String, Value>, message: &str) -> Option<Map<String, Value>> {
    let told = message.find('{').and_then(|at| serde_json::from_str::<Map<String, Value>>(&message[at..]).ok());
    let told = told.unwrap_or_default();
    let own = || source.iter().filter(|(name, _)| !name.starts_with('@') && !name.starts_with('$'));
    if own().all(|(name, _)| told.contains_key(name)) {
        return None;
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Some(own().map(|(name, value)| (name.clone(), text(value).into())).collect())
}

/// Events beside ours in the order of time.
pub(super) struct Beside {
    search: Search,
    clause: Arc<Clause>,
    /// Behind which place the next page begins.
    after: Option<Value>,
    /// When events happened that were read, and their hits.
    read: VecDeque<(i64, String)>,
    at_end: bool,
    /// How many were no events.
    unreadable: u64,
}

impl std::fmt::Debug for Beside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Beside").field("search", &self.search).finish_non_exhaustive()
    }
}

impl Beside {
    /// Those that `search` is about, if it is about such.
    pub fn new(search: &Search) -> Option<Self> {
        let clause = search.foreign.clone()?;
        let (after, read) = (None, VecDeque::new());
        Some(Self { search: search.clone(), clause, after, read, at_end: false, unreadable: 0 })
    }

    /// Nothing that happened before this.
    pub fn since(&mut self, begin: Timestamp) {
        self.search.range.start = self.search.range.start.max(begin);
    }

    /// Where they are.
    pub fn indices(&self) -> &str {
        &self.search.indices
    }

    /// Says how many of them are none.
    pub fn unreadable(&self) -> Option<String> {
        unreadable(self.unreadable, &self.search.indices)
    }

    /// The next hits of events that happened before `until`, in milliseconds since 1970: a page at most, and none where there
    /// is no more.
    ///
    /// # Errors
    /// When the domain cannot be asked.
    pub async fn before(&mut self, until: i64, page: usize, domain: &DomainClient) -> Result<Vec<String>, DomainError> {
        while self.read.is_empty() && !self.at_end {
            self.turn(page, domain).await?;
        }
        let ready = self.read.iter().take_while(|(at, _)| *at < until).count();
        Ok(self.read.drain(..ready).map(|(_, hit)| hit).collect())
    }

    async fn turn(&mut self, page: usize, domain: &DomainClient) -> Result<(), DomainError> {
        let mut size = page;
        let answer = loop {
            let mut body = json!({
                "size": size, "track_total_hits": false,
                "query": {"bool": {"filter": [self.search.bounds(), self.search.clause]}},
                "sort": [
                    {"@timestamp": {"order": "asc", "unmapped_type": "date"}}, {"_seq_no": {"order": "asc"}},
                    {"_index": {"order": "asc"}},
                ],
            });
            if let Some(after) = &self.after {
                body["search_after"] = after.clone();
            }
            match asked(domain, &self.search.path(Indices::Open), &body).await {
                Err(DomainError::TooLong { .. }) if size > 1 => size /= 2,
                answer => break answer?,
            }
        };
        let hits = answer.pointer("/hits/hits").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        self.at_end = hits.len() < size;
        self.after = hits.last().map(|hit| hit["sort"].clone());
        for hit in hits {
            match judged(hit, &self.clause) {
                Ok(Some(hit)) => self.read.push_back((hit["sort"][0].as_i64().unwrap_or_default(), hit.to_string())),
                Ok(None) => {}
                Err(()) => self.unreadable += 1,
            }
        }
        Ok(())
    }
}

/// Says how many documents are none of the function's.
pub(super) fn unreadable(number: u64, indices: &str) -> Option<String> {
    (number > 0).then(|| format!("{} of {indices} cannot be read as events", count(number, "document")))
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;
    use crate::query::{dsl, parse};

    fn written(message: &str, fields: &Value) -> Value {
        let mut source = json!({
            "@id": "38770213845700214735215839563471835218393", "@timestamp": "2026-11-25T10:05:12.345Z", "@message": message,
            "@owner": "123456789012", "@log_group": "/aws/lambda/pay", "@log_stream": "s",
        });
        for (name, value) in fields.as_object().unwrap() {
            source[name] = value.clone();
        }
        json!({"_index": "cwl-2026.11.25", "_id": source["@id"], "sort": [1_795_428_312_345_i64, 1], "_source": source})
    }

    fn is_meant(query: &str, hit: &Value) -> bool {
        let compiled = dsl::compile(&parse(&[query.to_owned()]).unwrap());
        let search = Search { clause: compiled.clause, verdict: compiled.verdict, ..Search::default() };
        let search = Search { beside: Some("cwl-*".into()), ..search }.beside().unwrap().unwrap();
        search.verified(hit).is_ok_and(|event| event.is_some())
    }

    #[test_case("level=error", true; "a level")]
    #[test_case("service=pay", true; "a service")]
    #[test_case("amount>12", true; "a number")]
    #[test_case("NOT payment", false; "text")]
    #[test_case("message=~/card [0-9]+/", true; "an expression")]
    #[test_case("requestId=5FE983E8-ea42-4b16-af37-70d5a4f47fd9", true; "an id")]
    #[test_case("missing(amount)", false; "what is there")]
    fn means_what_it_means_in_our_indices(query: &str, expected: bool) {
        let fields = json!({"level": "error", "amount": 12.5, "msg": "payment of card 17", "requestId": "5fe983e8-ea42-4b16-af37-70d5a4f47fd9"});
        let hit = written(&fields.to_string(), &fields);
        assert_eq!(is_meant(query, &hit), expected);
    }

    #[test]
    fn columns_of_a_filter_pattern_are_fields() {
        let hit = written("10.0.0.1 GET 404", &json!({"ip": "10.0.0.1", "status": 404, "verb": "GET"}));
        assert!(is_meant("status>=400 verb=GET", &hit) && !is_meant("status=200", &hit));
    }

    #[test]
    fn is_an_event_as_ours_are() {
        let hit = written(r#"{"level":"warn","a":{"b":1}}"#, &json!({"level": "warn", "a": {"b": 1}}));
        let search = Search { clause: json!({"match_all": {}}), beside: Some("cwl-*".into()), ..Search::default() };
        let event = search.beside().unwrap().unwrap().verified(&hit).unwrap().unwrap();
        assert_eq!(
            (event.level.as_deref(), event.group.as_str(), event.account.as_str()),
            (Some("warn"), "/aws/lambda/pay", "123456789012")
        );
        assert_eq!((event.fields["a"]["b"].as_u64(), event.ingested), (Some(1), None));
        assert_eq!(event.id, "38770213845700214735215839563471835218393");
        assert_eq!(event.time.as_millisecond(), 1_795_428_312_345);
    }

    #[test]
    fn what_is_no_event_is_told() {
        assert_eq!(judged(&json!({"_id": "x", "_source": {"@message": 7}}), &Clause::All), Err(()));
    }
}
