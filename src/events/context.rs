//! What stands around an event: in its stream, or in all log groups.

use hyper::Method;
use logctl_core::event_id::document_id;
use serde_json::{Value, json};

use super::{Cursor, Event, Indices, Search, gaps, request::each_once};
use crate::domain::{DomainClient, DomainError};

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
    let ids = [document_id(&reference.id), reference.id.as_str().into()];
    let query = json!({"ids": {"values": ids}});
    let (hits, warnings) = hits(search, &query, None, MOST, "asc", domain).await?;
    let is_it = |found: &Found| {
        let place = reference.place.as_ref();
        found.event.id == reference.id && place.is_none_or(|place| place.at == found.event.time)
    };
    Ok((hits.into_iter().find(is_it), warnings))
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
    let Event { group, stream, .. } = &found.event;
    let of_stream = json!({"bool": {"filter": [{"term": {"@log_group": group}}, {"term": {"@log_stream": stream}}]}});
    let query = if everywhere { &search.clause } else { &of_stream };
    let read = |size, order| hits(search, query, Some(&found.sort), size, order, domain);
    let (earlier, later) = tokio::join!(read(before, "desc"), read(after, "asc"));
    let ((earlier, mut warnings), (later, more)) = (earlier?, later?);
    warnings.extend(more);
    let before = earlier.len();
    let middle = found.event;
    let event = |found: Found| found.event;
    let events = earlier.into_iter().rev().map(event).chain([middle]).chain(later.into_iter().map(event)).collect();
    Ok(Around { events, before, warnings: each_once(warnings) })
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
