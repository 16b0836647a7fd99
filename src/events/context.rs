//! What stands around an event: in its stream, or in all log groups.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use logctl_core::event_id::document_id;
use serde_json::{Value, json};

use super::{
    Cursor, Event, Indices, Search, gaps,
    request::{MOST_HELD, MOST_VERIFIED, each_once, in_order},
};
use crate::{
    domain::{DomainClient, DomainError},
    progress::Progress,
    words::count,
};

/// Events that are looked up by one request, and those whose surroundings are read side by side.
const TOGETHER: usize = 500;
const AT_ONCE: usize = 4;
/// Hits of one page of another layout, of which few may be meant.
const PAGE: usize = 1_000;

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
    /// Of what stands around single events, in the order of these: what overlaps is one block.
    fn of(around: Vec<Vec<Event>>) -> Self {
        let mut streams: BTreeMap<[String; 4], Vec<Vec<Event>>> = BTreeMap::new();
        for events in around {
            let first = &events[0];
            let stream = [&first.account, &first.region, &first.group, &first.stream].map(String::clone);
            let of_stream = streams.entry(stream).or_default();
            let shared = |block: &Vec<Event>| block.iter().rposition(|event| event.id == first.id);
            let overlap = of_stream.iter_mut().rev().find_map(|block| Some((shared(block)?, block)));
            match overlap {
                Some((from, block)) => {
                    let is_new = |event: &Event| !block[from..].iter().any(|known| known.id == event.id);
                    let new: Vec<Event> = events.iter().filter(|event| is_new(event)).cloned().collect();
                    block.extend(new);
                }
                None => of_stream.push(events),
            }
        }
        let mut blocks: Vec<Vec<Event>> = streams.into_values().flatten().collect();
        blocks.sort_by(|a, b| a[0].order(&b[0]));
        let lengths = blocks.iter().map(Vec::len).collect();
        Self { events: blocks.into_iter().flatten().collect(), lengths }
    }

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
    let ours = of(search, ids(&[&reference.id]));
    let (mut found, mut warnings) = hits(&ours, None, MOST, ("asc", true), domain).await?;
    if let Some(Ok(beside)) = ours.beside().filter(|_| found.is_empty()) {
        match hits(&beside, None, MOST, ("asc", true), domain).await {
            Err(error) if error.forbids() => {}
            others => {
                let (others, more) = others?;
                found.extend(others);
                warnings.extend(more);
            }
        }
    }
    let is_it = |found: &Found| {
        let place = reference.place.as_ref();
        found.event.id == reference.id && place.is_none_or(|place| place.at == found.event.time)
    };
    Ok((found.into_iter().find(is_it), warnings))
}

/// A search for these, whatever was asked for before.
fn of(search: &Search, clause: Value) -> Search {
    Search { clause, verdict: None, is_of_engine: false, ..search.clone() }
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
    sides: (usize, usize),
    everywhere: bool,
    domain: &DomainClient,
) -> Result<Around, DomainError> {
    let clause = if everywhere { search.clause.clone() } else { of_stream(&found.event) };
    let of_both = of(search, clause);
    let is_beside = search.is_beside(&found.event.index);
    let search = of_both.beside().filter(|_| is_beside).and_then(Result::ok).unwrap_or_else(|| of_both.clone());
    let read = |size, order| hits(&search, Some(&found.sort), size, (order, true), domain);
    let (earlier, later) = tokio::join!(read(sides.0, "desc"), read(sides.1, "asc"));
    let ((earlier, mut warnings), (later, more)) = (earlier?, later?);
    warnings.extend(more);
    let before = earlier.len();
    let middle = found.event;
    let event = |found: Found| found.event;
    let events: Vec<Event> =
        earlier.into_iter().rev().map(event).chain([middle]).chain(later.into_iter().map(event)).collect();
    if let (Some(first), Some(last)) = (events.first(), events.last()) {
        // Where one layout has nothing more, the other goes on.
        let begin = if before < sides.0 { Timestamp::UNIX_EPOCH } else { first.time };
        let end = if events.len() - before <= sides.1 { Timestamp::MAX } else { last.time };
        let there = Search { range: begin..end, ..of_both };
        let other = if is_beside { there.left_out_of_ours(domain).await } else { there.left_out(domain).await };
        warnings.extend(other);
    }
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
    let (mut blocks, mut warnings, mut held) = (Vec::new(), Vec::new(), 0);
    for part in events.chunks(TOGETHER) {
        let names: Vec<&str> = part.iter().map(|event| event.id.as_str()).collect();
        // Only their places are not known.
        let ours = of(search, ids(&names));
        let (mut places, missing) = hits(&ours, None, 2 * TOGETHER, ("asc", false), domain).await?;
        warnings.extend(missing);
        let is_beside = part.iter().any(|event| search.is_beside(&event.index));
        if let Some(Ok(beside)) = ours.beside().filter(|_| is_beside) {
            let (others, missing) = hits(&beside, None, 2 * TOGETHER, ("asc", true), domain).await?;
            places.extend(others);
            warnings.extend(missing);
        }
        let place = |event: &Event| {
            let it = places.iter().find(|found| found.event.id == event.id && found.event.index == event.index)?;
            Some(Found { event: event.clone(), sort: it.sort.clone() })
        };
        let read = part.iter().map(async |event| match place(event) {
            Some(found) => around(search, found, sides, false, domain).await,
            None => Ok(Around { events: vec![event.clone()], ..Around::default() }),
        });
        let mut read = stream::iter(read).buffered(AT_ONCE);
        while let Some(around) = read.try_next().await? {
            progress.step();
            warnings.extend(around.warnings);
            held += around.events.iter().map(Event::weight).sum::<usize>();
            blocks.push(around.events);
            if held > MOST_HELD {
                warnings.push("not all that stands around fits into memory".to_owned());
                return Ok((Blocks::of(blocks), each_once(warnings)));
            }
        }
    }
    Ok((Blocks::of(blocks), each_once(warnings)))
}

/// The first hits behind a place; of another layout as many pages are read as it takes.
async fn hits(
    search: &Search,
    beyond: Option<&Value>,
    size: usize,
    (order, whole): (&str, bool),
    domain: &DomainClient,
) -> Result<(Vec<Found>, Vec<String>), DomainError> {
    let (mut found, mut warnings, mut looked_at) = (Vec::new(), Vec::new(), 0);
    let mut page = if search.is_ours() { size } else { size.max(PAGE) };
    let mut body = search.body(page, None);
    body["track_total_hits"] = false.into();
    body["query"] = json!({"bool": {"filter": [search.clause]}}); // At whatever time.
    in_order(&mut body, order);
    if search.is_ours() && !whole {
        body["_source"] = false.into();
    }
    if let Some(beyond) = beyond {
        body["search_after"] = beyond.clone();
    }
    let mut at_end = size == 0;
    while !at_end {
        body["size"] = page.into();
        let answer = match search.sent(&search.path(Indices::Open), &body, domain).await {
            Err(DomainError::TooLong { .. }) if page > 1 && !search.is_ours() => {
                page /= 2;
                continue;
            }
            answer => answer?,
        };
        let hits = answer.pointer("/hits/hits").and_then(Value::as_array).ok_or_else(|| domain.no_engine())?;
        warnings.extend(gaps::incomplete(&answer));
        let event = |hit: &Value| search.verified(hit).ok().flatten();
        found.extend(hits.iter().filter_map(|hit| Some(Found { event: event(hit)?, sort: hit["sort"].clone() })));
        looked_at += hits.len();
        at_end = search.is_ours() || hits.len() < page || found.len() >= size;
        if !at_end && looked_at >= MOST_VERIFIED {
            warnings.push(format!("only {} that may be meant were looked at", count(looked_at, "event")));
            at_end = true;
        }
        body["search_after"] = hits.last().map(|hit| hit["sort"].clone()).unwrap_or_default();
    }
    found.truncate(size);
    Ok((found, each_once(warnings)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_is_one_block() {
        let event = |stream: &str, at: i64| {
            let source = json!({"@timestamp": at, "@log_stream": stream});
            Event::from_hit(&json!({"_id": format!("{stream}{at}"), "_source": source}))
        };
        let around = |stream: &str, times: &[i64]| times.iter().map(|at| event(stream, *at)).collect::<Vec<_>>();
        let blocks = Blocks::of(vec![
            around("a", &[1, 2, 3]),
            around("b", &[2, 3]),
            around("a", &[3, 4, 5]),
            around("a", &[4, 5, 6]),
            around("a", &[8, 9]),
        ]);
        let ids = |block: &[Event]| block.iter().map(|event| event.id.clone()).collect::<Vec<_>>().join(" ");
        assert_eq!(blocks.iter().map(ids).collect::<Vec<_>>(), ["a1 a2 a3 a4 a5 a6", "b2 b3", "a8 a9"]);
    }

    #[test]
    fn an_event_is_named_by_its_id_or_its_place() {
        let reference = |text: &str| text.parse::<Reference>();
        assert_eq!(reference("386012").unwrap(), Reference { id: "386012".into(), place: None });
        let place = reference("1795428312345:386012").unwrap();
        assert_eq!((place.id.as_str(), place.place.unwrap().at.as_millisecond()), ("386012", 1_795_428_312_345));
        assert!(reference("").is_err() && reference("a b").is_err());
    }
}
