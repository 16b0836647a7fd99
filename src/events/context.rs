//! What stands around an event: in its stream, or in all log groups.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use hyper::Method;
use logctl_core::event_id::document_id;
use serde_json::{Value, json};

use super::{Cursor, Event, Indices, Search, gaps, request::each_once};
use crate::{
    domain::{DomainClient, DomainError},
    progress::Progress,
};

/// Events that are looked up by one request, and those whose surroundings are read side by side.
const TOGETHER: usize = 500;
const AT_ONCE: usize = 4;

/// An event as it is named: by its id, or by its place, which has the id in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Its id.
    pub id: String,
    /// Its place, where that was typed.
    place: Option<Cursor>,
}

impl std::str::FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(cursor) = text.parse::<Cursor>() {
            return Ok(Self { id: cursor.id.clone(), place: Some(cursor) });
        }
        let is_id = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
        let wrong = || "an event is named by its \"id\" or its \"cursor\", as -o json shows them".to_owned();
        if is_id { Ok(Self { id: text.to_owned(), place: None }) } else { Err(wrong()) }
    }
}

/// An event, and its place in the order of the engine.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The event.
    pub event: Event,
    sort: Value,
}

/// Events around one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Around {
    /// In the order of their time, the one in the middle included.
    pub events: Vec<Event>,
    /// How many stand before it.
    pub before: usize,
    /// What was not looked at.
    pub warnings: Vec<String>,
}

/// Events, and those around each of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Blocks {
    /// All of them, block by block.
    pub events: Vec<Event>,
    /// How many each block has. Those of one block follow one another in one stream.
    lengths: Vec<usize>,
}

impl Blocks {
    /// Block by block.
    pub fn iter(&self) -> impl Iterator<Item = &[Event]> {
        let mut rest = self.events.as_slice();
        self.lengths.iter().map(move |length| {
            let (block, more) = rest.split_at(*length);
            rest = more;
            block
        })
    }
}

/// Finds an event; `search` says in which indices.
///
/// # Errors
/// When the domain cannot be asked.
pub async fn find(
    search: &Search,
    reference: &Reference,
    domain: &DomainClient,
) -> Result<(Option<Found>, Vec<String>), DomainError> {
    const MOST: usize = 10;
    let (hits, warnings) = hits(search, &ids(&[&reference.id]), None, MOST, "asc", domain).await?;
    let is_it = |found: &Found| {
        let place = reference.place.as_ref();
        found.event.id == reference.id && place.is_none_or(|place| place.at == found.event.time)
    };
    Ok((hits.into_iter().find(is_it), warnings))
}

/// The clause for events with these ids.
fn ids(ids: &[&str]) -> Value {
    let values: Vec<_> = ids.iter().flat_map(|id| [document_id(id), (*id).into()]).collect();
    json!({"ids": {"values": values}})
}

/// The clause for what is of the stream of an event.
fn of_stream(event: &Event) -> Value {
    let names = [
        ("@log_group", &event.group),
        ("@log_stream", &event.stream),
        ("@owner", &event.account),
        ("@region", &event.region),
    ];
    let known = names.iter().filter(|(_, value)| !value.is_empty());
    let terms: Vec<Value> = known.map(|(name, value)| json!({"term": {*name: value}})).collect();
    json!({"bool": {"filter": terms}})
}

/// Reads what stands around it: of its stream, or of all groups that `search` takes.
///
/// # Errors
/// When the domain cannot be asked.
pub async fn around(
    search: &Search,
    found: Found,
    (before, after): (usize, usize),
    everywhere: bool,
    domain: &DomainClient,
) -> Result<Around, DomainError> {
    let query = if everywhere { search.clause.clone() } else { of_stream(&found.event) };
    let read = |size, order| hits(search, &query, Some(&found.sort), size, order, domain);
    let (earlier, later) = tokio::join!(read(before, "desc"), read(after, "asc"));
    let ((earlier, mut warnings), (later, more)) = (earlier?, later?);
    warnings.extend(more);
    let before = earlier.len();
    let middle = found.event;
    let event = |found: Found| found.event;
    let events = earlier.into_iter().rev().map(event).chain([middle]).chain(later.into_iter().map(event)).collect();
    Ok(Around { events, before, warnings: each_once(warnings) })
}

/// Reads what stands around each of these events in its stream: in blocks, of which none shares an event with another, in the
/// order of their first events. Events that the index has no longer stand alone.
///
/// # Errors
/// When the domain cannot be asked.
pub async fn around_each(
    search: &Search,
    events: &[Event],
    sides: (usize, usize),
    domain: &DomainClient,
    progress: &dyn Progress,
) -> Result<(Blocks, Vec<String>), DomainError> {
    let (mut blocks, mut warnings): (BTreeMap<_, Vec<Vec<Event>>>, _) = (BTreeMap::new(), Vec::new());
    for part in events.chunks(TOGETHER) {
        let names: Vec<&str> = part.iter().map(|event| event.id.as_str()).collect();
        let (found, missing) = hits(search, &ids(&names), None, 2 * TOGETHER, "asc", domain).await?;
        warnings.extend(missing);
        let is_meant =
            |found: &Found| part.iter().any(|event| event.id == found.event.id && event.index == found.event.index);
        let known: Vec<&Event> = found.iter().filter(|found| is_meant(found)).map(|found| &found.event).collect();
        let is_gone = |event: &&Event| !known.iter().any(|known| known.id == event.id);
        let gone: Vec<Event> = part.iter().filter(is_gone).cloned().collect();
        let read = found.into_iter().filter(is_meant).map(|found| around(search, found, sides, false, domain));
        let read = stream::iter(read).buffered(AT_ONCE).inspect_ok(|_| progress.step());
        let alone = gone.into_iter().map(|event| Around { events: vec![event], ..Around::default() });
        for around in read.try_collect::<Vec<_>>().await?.into_iter().chain(alone) {
            warnings.extend(around.warnings);
            let first = &around.events[0];
            let stream = [&first.account, &first.region, &first.group, &first.stream].map(String::clone);
            let of_stream = blocks.entry(stream).or_default();
            let shared = of_stream.last().and_then(|last| last.iter().rposition(|event| event.id == first.id));
            match (of_stream.last_mut(), shared) {
                (Some(last), Some(from)) => {
                    let is_new = |event: &Event| !last[from..].iter().any(|known| known.id == event.id);
                    let new: Vec<Event> = around.events.into_iter().filter(is_new).collect();
                    last.extend(new);
                }
                _ => of_stream.push(around.events),
            }
        }
    }
    let mut blocks: Vec<Vec<Event>> = blocks.into_values().flatten().collect();
    blocks.sort_by(|a, b| a[0].order(&b[0]));
    let lengths = blocks.iter().map(Vec::len).collect();
    Ok((Blocks { events: blocks.concat(), lengths }, each_once(warnings)))
}

async fn hits(
    search: &Search,
    query: &Value,
    beyond: Option<&Value>,
    size: usize,
    order: &str,
    domain: &DomainClient,
) -> Result<(Vec<Found>, Vec<String>), DomainError> {
    if size == 0 {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut body = json!({
        "size": size, "track_total_hits": false, "query": {"bool": {"filter": [query]}},
        "_source": {"excludes": ["@kvk", "@kvn"]},
        "sort": [
            {"@timestamp": {"order": order, "unmapped_type": "date"}},
            {"_seq_no": {"order": order}},
            {"_index": {"order": order}},
        ],
    });
    if let Some(beyond) = beyond {
        body["search_after"] = beyond.clone();
    }
    let answer = domain.send(Method::POST, &search.path(Indices::Open), Some(&body)).await?;
    let hits = answer.pointer("/hits/hits").and_then(Value::as_array).ok_or_else(|| domain.no_engine())?;
    let found = |hit: &Value| Found { event: Event::from_hit(hit), sort: hit["sort"].clone() };
    Ok((hits.iter().map(found).collect(), gaps::incomplete(&answer)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_named_by_its_id_or_its_place() {
        let reference = |text: &str| text.parse::<Reference>();
        assert_eq!(reference("386012").unwrap(), Reference { id: "386012".into(), place: None });
        let place = reference("1795428312345:386012").unwrap();
        assert_eq!((place.id.as_str(), place.place.unwrap().at.as_millisecond()), ("386012", 1_795_428_312_345));
        assert!(reference("").is_err() && reference("a b").is_err());
    }
}
