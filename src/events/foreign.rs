//! Events that AWS's own function has written, into indices of its own layout.
//!
//! Each is written as the document that our forwarder would have made of it, and judged here: the engine only narrows down
//! which of them may be meant. So a question of our language means the same there, but for what those events do not tell: their
//! Region, and when they were indexed.

use std::{collections::VecDeque, sync::Arc};

use hyper::Method;
use jiff::Timestamp;
use logctl_core::{
    document::{Encoder, Target},
    event::{Event as Delivered, Origin},
    event_id::document_id,
    index_name::{Indices as Named, Period},
    mapping::Mappings,
    services::Services,
};
use serde_json::{Map, Value, json, value::RawValue};

use super::{
    Found, Indices, Search, gaps,
    pages::{LONGEST, again},
    request::{each_once, in_order},
};
use crate::{
    domain::{DomainClient, DomainError},
    query::at_hand::{Clause, Document},
    words::count,
};

/// Indices of another layout that are looked at beside ours.
#[derive(Debug, Clone, Default)]
pub struct Others {
    /// Their pattern.
    pub indices: String,
    /// What tells the service of a log group.
    pub services: Services,
}

/// What events of another layout are judged by.
#[derive(Debug)]
pub struct Foreign {
    clause: Clause,
    services: Services,
}

impl Search {
    /// The same in the indices beside ours. What can only be counted there is an error: where the clause is none that can
    /// be judged here, or asks for what is not told there.
    pub(super) fn beside(&self) -> Option<Result<Self, Box<Self>>> {
        const UNTOLD: [&str; 2] = ["@region", "@ingested"];
        let others = self.beside.as_deref()?;
        let clause = Clause::read(&self.clause).filter(|_| !self.is_of_engine);
        let narrowed = clause.as_ref().map_or_else(|| json!({"match_all": {}}), Clause::narrowed);
        let narrowed = Self { indices: others.indices.clone(), beside: None, clause: narrowed, ..self.clone() };
        Some(match clause.filter(|clause| !clause.names(&UNTOLD)) {
            Some(clause) => {
                let foreign = Some(Arc::new(Foreign { clause, services: others.services.clone() }));
                Ok(Self { foreign, ..narrowed })
            }
            None => Err(narrowed.into()),
        })
    }

    /// Whether an index is one of those beside ours.
    pub(super) fn is_beside(&self, index: &str) -> bool {
        self.beside.as_ref().is_some_and(|others| index.starts_with(others.indices.trim_end_matches('*')))
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
            Some(Err(beside)) => *beside,
        };
        match beside.counted(domain).await {
            Ok((events, Some(lack))) => Err(format!(
                "{} was not looked at: {} or more may match ({lack})",
                beside.indices,
                count(events, "event")
            )),
            Ok((0, None)) => Ok(None),
            Ok((events, None)) => Ok(Some((events, beside.indices))),
            Err(error) if error.forbids() => Ok(None),
            Err(error) => Err(format!("{} was not looked at: {error}", beside.indices)),
        }
    }

    /// Whether there are events beside ours in the range at all, meant or not; as far as that can be told.
    pub async fn has_others(&self, domain: &DomainClient) -> bool {
        let all = Self { clause: json!({"match_all": {}}), ..self.clone() };
        !matches!(all.number_beside(domain).await, Ok(None))
    }

    /// How many events the engine finds, and what it could not look at.
    pub(super) async fn counted(&self, domain: &DomainClient) -> Result<(u64, Option<String>), DomainError> {
        let mut body = self.body(0, None);
        body["track_total_hits"] = json!(true);
        let ask = async |which| domain.send(Method::POST, &self.path(which), Some(&body)).await;
        let (answer, closed) = gaps::all_or_open(self, domain, ask).await?;
        let events = answer.pointer("/hits/total/value").and_then(Value::as_u64).ok_or_else(|| domain.no_engine())?;
        Ok((events, closed.or_else(|| gaps::incomplete(&answer).into_iter().next())))
    }

    /// Says how many events beside ours may be meant, for who cannot look at them.
    pub(super) async fn left_out(&self, domain: &DomainClient) -> Option<String> {
        match self.number_beside(domain).await {
            Ok(None) => None,
            Ok(Some((events, indices))) => Some(format!(
                "{indices}, which AWS's own function writes, was not looked at: up to {} there may match, too \
                 (--index-prefix leaves them out on purpose)",
                count(events, "event"),
            )),
            Err(warning) => Some(warning),
        }
    }

    /// The same of our indices, for who looks at the others.
    pub(super) async fn left_out_of_ours(&self, domain: &DomainClient) -> Option<String> {
        let told = |events| format!("{} has {}, too, which were not looked at", self.indices, count(events, "event"));
        match self.counted(domain).await {
            Ok((_, Some(lack))) => Some(format!("{}: {lack}", self.indices)),
            Ok((events, None)) => (events > 0).then(|| told(events)),
            Err(error) => Some(format!("{} was not looked at: {error}", self.indices)),
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
pub(super) fn judged(hit: &Value, by: &Foreign) -> Result<Option<Value>, ()> {
    let (event_id, at, source) = document(hit, &by.services).ok_or(())?;
    let document = Document::new(&event_id, source);
    let Some(names) = by.clause.finds(&document) else { return Ok(None) };
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    Ok(Some(json!({
        "_id": document_id(&event_id), "_index": hit["_index"], "matched_queries": names, "sort": [at, i64::MAX],
        "_source": document.into_source(),
    })))
}

/// What our forwarder would have written: the id of the event, when it happened, and the document.
fn document(hit: &Value, services: &Services) -> Option<(String, i64, Map<String, Value>)> {
    let source = hit["_source"].as_object()?;
    let text = |name: &str| source.get(name).and_then(Value::as_str);
    let id = text("@id").or_else(|| hit["_id"].as_str())?;
    let message = text("@message")?;
    let written = || text("@timestamp")?.parse().ok().map(Timestamp::as_millisecond);
    let at = written().or_else(|| hit["sort"][0].as_i64())?;
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
    let target = Target::ByTime { indices: &indices, delivered: at };
    let encoder = Encoder::new(target, &origin, at).with_services(services);
    let mut body = Vec::new();
    encoder.encode(&event, &mut Mappings::new(0), &mut body);
    let document = body.split(|byte| *byte == b'\n').nth(1)?;
    let mut document: Map<String, Value> = serde_json::from_slice(document).ok()?;
    // Neither is known.
    document.remove("@ingested");
    document.retain(|name, value| name != "@region" || *value != "");
    Some((id.to_owned(), at, document))
}

/// What a filter pattern has cut out of the message: members where the message has no JSON, or they are none of it.
fn columns(source: &Map<String, Value>, message: &str) -> Option<Map<String, Value>> {
    let told = message.find('{').and_then(|at| serde_json::from_str::<Map<String, Value>>(&message[at..]).ok());
    let told = told.unwrap_or_default();
    let is_told = !told.is_empty() && told.keys().all(|name| source.contains_key(name));
    let own: Vec<_> = source.iter().filter(|(name, _)| !name.starts_with('@') && !name.starts_with('$')).collect();
    if is_told || own.is_empty() {
        return None;
    }
    // The function makes numbers of what looks like one: the message has them as they were.
    let is_between = |sign: char| !sign.is_alphanumeric() && !matches!(sign, '.' | '-' | '+');
    let as_written = |number: &Value| {
        let is_it = |word: &&str| word.parse::<f64>().is_ok_and(|word| Some(word) == number.as_f64());
        message.split(is_between).find(is_it).map_or_else(|| number.to_string(), str::to_owned)
    };
    let text = |value: &Value| value.as_str().map_or_else(|| as_written(value), str::to_owned);
    Some(own.into_iter().map(|(name, value)| (name.clone(), text(value).into())).collect())
}

/// Events beside ours in the order of time.
#[derive(Debug)]
pub(super) struct Beside {
    search: Search,
    by: Arc<Foreign>,
    /// Hits of one page.
    page: usize,
    /// Behind which place the next page begins.
    after: Option<Value>,
    /// When events happened that were read, and their hits.
    read: VecDeque<(i64, String)>,
    at_end: bool,
    /// How many were no events.
    unreadable: u64,
    /// What was not looked at.
    lacks: Vec<String>,
}

impl Beside {
    /// Those that `search` is about, if it is about such.
    pub fn new(search: &Search, page: usize) -> Option<Self> {
        let (by, after, read, lacks) = (search.foreign.clone()?, None, VecDeque::new(), Vec::new());
        Some(Self { search: search.clone(), by, page, after, read, at_end: false, unreadable: 0, lacks })
    }

    /// Nothing that happened before this.
    pub fn since(&mut self, begin: Timestamp) {
        self.search.range.start = self.search.range.start.max(begin);
    }

    /// Where they are.
    pub fn indices(&self) -> &str {
        &self.search.indices
    }

    /// What was not looked at, and how many were no events.
    pub fn lacks(&self) -> impl Iterator<Item = String> {
        let indices = &self.search.indices;
        let lacks = self.lacks.iter().map(move |lack| format!("{indices}: {lack}"));
        lacks.chain(unreadable(self.unreadable, indices))
    }

    /// The next hits of events that happened before `until`, in milliseconds since 1970: a page at most, and none where there
    /// is no more.
    ///
    /// # Errors
    /// When the domain cannot be asked.
    pub async fn before(&mut self, until: i64, domain: &DomainClient) -> Result<Vec<String>, DomainError> {
        while self.read.is_empty() && !self.at_end {
            self.turn(domain).await?;
        }
        let ready = self.read.iter().take_while(|(at, _)| *at < until).count();
        Ok(self.read.drain(..ready).map(|(_, hit)| hit).collect())
    }

    async fn turn(&mut self, domain: &DomainClient) -> Result<(), DomainError> {
        let path = self.search.path(Indices::Open);
        let (size, answer) = loop {
            let mut body = self.search.body(self.page, self.after.as_ref());
            body["track_total_hits"] = false.into();
            in_order(&mut body, "asc");
            let most = if self.page == 1 { usize::MAX } else { LONGEST };
            match again(true, || domain.send_for_bytes(Method::POST, &path, body.to_string(), most)).await {
                Err(DomainError::TooLong { .. }) if self.page > 1 => self.page /= 2,
                answer => break (self.page, answer?),
            }
        };
        let answer: Value = serde_json::from_slice(&answer).map_err(|_| domain.no_engine())?;
        let hits = answer.pointer("/hits/hits").and_then(Value::as_array).ok_or_else(|| domain.no_engine())?;
        self.lacks = each_once([std::mem::take(&mut self.lacks), gaps::incomplete(&answer)].concat());
        self.at_end = hits.len() < size;
        self.after = hits.last().map(|hit| hit["sort"].clone());
        for hit in hits {
            match judged(hit, &self.by) {
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
        json!({"_index": "cwl-2026.11.25", "_id": source["@id"], "sort": [1_795_601_112_345_i64, 1], "_source": source})
    }

    fn others() -> Arc<Others> {
        Arc::new(Others { indices: "cwl-*".into(), ..Others::default() })
    }

    fn is_meant(query: &str, hit: &Value) -> bool {
        let compiled = dsl::compile(&parse(&[query.to_owned()]).unwrap());
        let search = Search { clause: compiled.clause, verdict: compiled.verdict, ..Search::default() };
        let search = Search { beside: Some(others()), ..search }.beside().unwrap().unwrap();
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
        let search = Search { clause: json!({"match_all": {}}), beside: Some(others()), ..Search::default() };
        let event = search.beside().unwrap().unwrap().verified(&hit).unwrap().unwrap();
        assert_eq!(
            (event.level.as_deref(), event.group.as_str(), event.account.as_str()),
            (Some("warn"), "/aws/lambda/pay", "123456789012")
        );
        assert_eq!((event.fields["a"]["b"].as_u64(), event.ingested), (Some(1), None));
        assert_eq!(event.id, "38770213845700214735215839563471835218393");
        assert_eq!(event.time.as_millisecond(), 1_795_601_112_345);
    }

    #[test]
    fn what_is_no_event_is_told() {
        let all = Foreign { clause: Clause::All, services: Services::default() };
        assert_eq!(judged(&json!({"_id": "x", "_source": {"@message": 7}}), &all), Err(()));
    }

    #[test_case(r#""region=eu-west-1""#; "in quotes")]
    fn is_text(query: &str) {
        assert!(is_meant(query, &written("region=eu-west-1 done", &json!({}))));
    }

    #[test]
    fn what_is_not_told_there_is_not_judged() {
        for query in ["region=eu-west-1", "NOT region=eu-west-1", "has:@ingested"] {
            let clause = dsl::compile(&parse(&[query.to_owned()]).unwrap()).clause;
            let search = Search { clause, beside: Some(others()), ..Search::default() };
            assert!(search.beside().unwrap().is_err(), "{query}");
        }
        let search = Search {
            clause: json!({"match_all": {}}),
            is_of_engine: true,
            beside: Some(others()),
            ..Search::default()
        };
        assert!(search.beside().unwrap().is_err());
    }

    #[test]
    fn numbers_of_columns_are_read_as_they_were() {
        let hit =
            written("012345678901 GET 404", &json!({"account": 12_345_678_901_u64, "status": 404, "verb": "GET"}));
        assert!(is_meant("account=012345678901 status=404", &hit));
    }
}
