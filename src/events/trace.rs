//! Everything that carries an id, and what belongs to the same request: read, and put into one timeline.

use std::{collections::HashSet, ops::Range};

use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use logctl_core::{
    fields::{self, known::Known},
    ids,
    level::Level,
};
use serde::Serialize;

use super::{Event, Search, gaps};
use crate::{
    domain::{DomainClient, DomainError},
    progress::Progress,
    query::{Query, Value, dsl},
    time::as_rfc3339,
    words::{count, grouped},
};

/// Events that carry one id, at most; an id that more carry belongs to no one request.
pub const MOST_OF_AN_ID: usize = 1_000;
/// Ids that are followed.
const MOST_IDS: usize = 100;
/// Ids that are asked for side by side.
const AT_ONCE: usize = 4;
/// A silence is a gap where it is longer than this part of the whole, and than that.
const PART: i64 = 10;
const SHORTEST_GAP: SignedDuration = SignedDuration::from_millis(100);

/// An id that was looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TracedId {
    /// The id, in lower case.
    pub id: String,
    /// How many steps from one that was typed.
    pub depth: usize,
    /// Events that carry it.
    pub events: u64,
    /// Whether more do.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
    /// Whether too many carry it for it to be one request's: what belongs to these was not looked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub crowded: bool,
}

/// What carries the ids.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Traced {
    /// In the order of their time.
    pub events: Vec<Event>,
    /// The ids, those that were typed first.
    pub ids: Vec<TracedId>,
    /// What the answer lacks.
    pub warnings: Vec<String>,
}

/// Reads what carries the ids, and what carries ids of its requests and traces, to a depth. `search` says where and when.
///
/// # Errors
/// When the domain cannot be asked.
pub async fn read(
    search: &Search,
    typed: &[String],
    depth: usize,
    domain: &DomainClient,
    progress: &dyn Progress,
) -> Result<Traced, DomainError> {
    let mut traced = Traced { warnings: gaps::odd(search, domain).await.into_iter().collect(), ..Traced::default() };
    let mut known: HashSet<String> = HashSet::new();
    let mut next: Vec<String> =
        typed.iter().map(|id| id.to_lowercase()).filter(|id| known.insert(id.clone())).collect();
    let mut seen: HashSet<[String; 3]> = HashSet::new();
    for step in 0..=depth {
        let asked = stream::iter(std::mem::take(&mut next)).map(|id| async {
            let found = of_id(search, &id).open_or_said(domain).await;
            (id, found)
        });
        let mut asked = asked.buffered(AT_ONCE);
        let mut related = Vec::new();
        while let Some((id, found)) = asked.next().await {
            let found = found?;
            progress.step();
            let crowded = found.total > MOST_OF_AN_ID as u64;
            let at_least = found.total_is_at_least || !found.warnings.is_empty();
            traced.ids.push(TracedId { id, depth: step, events: found.total, at_least, crowded });
            traced.warnings.extend(found.warnings);
            if crowded && step > 0 {
                continue;
            }
            let newest = found.events.len().saturating_sub(MOST_OF_AN_ID);
            for event in found.events.into_iter().skip(newest) {
                if !crowded {
                    related.extend(ids_of(&event));
                }
                if seen.insert([&event.account, &event.group, &event.id].map(String::clone)) {
                    traced.events.push(event);
                }
            }
        }
        drop(asked);
        if step == depth {
            break;
        }
        next = related.into_iter().filter(|id| known.insert(id.clone())).collect();
        let room = MOST_IDS.saturating_sub(traced.ids.len());
        if next.len() > room {
            let left = count(next.len() - room, "id");
            traced.warnings.push(format!("{left} of the same requests were not looked for: {MOST_IDS} are the most"));
            next.truncate(room);
        }
    }
    for id in traced.ids.iter().filter(|id| id.crowded) {
        let (number, more) = (grouped(id.events), if id.at_least { "more than " } else { "" });
        traced.warnings.push(if id.depth == 0 {
            format!(
                "{more}{number} events carry {}: the newest {} are shown, and what belongs to them was not looked for",
                id.id,
                grouped(MOST_OF_AN_ID as u64)
            )
        } else {
            format!("{more}{number} events carry {}, too many for one request: it was not followed", id.id)
        });
    }
    traced.warnings = super::request::each_once(std::mem::take(&mut traced.warnings));
    traced.events.sort_by(Event::order);
    Ok(traced)
}

fn of_id(search: &Search, id: &str) -> Search {
    let compiled = dsl::compile(&Query::Text(Value::quoted(id)));
    let clause = serde_json::json!({"bool": {"filter": [compiled.clause, search.clause]}});
    Search { clause, verdict: compiled.verdict, limit: MOST_OF_AN_ID + 1, ..search.clone() }
}

/// The ids of the requests and the trace of an event: an event of a function may tell that of who called it, and its own. What
/// does not look like an id is none, whatever its field is called: `undefined`, `-`.
fn ids_of(event: &Event) -> Vec<String> {
    let mut values: Vec<String> = [&event.request_id, &event.trace_id].into_iter().flatten().cloned().collect();
    fields::walk(&event.fields, &mut |path, value| {
        if matches!(Known::find(path), Some((Known::RequestId | Known::TraceId, _))) {
            values.push(value);
        }
    });
    let mut ids = Vec::new();
    for value in &values {
        let mut first = None;
        ids::scan(value, |id| first = first.take().or_else(|| Some(id.to_lowercase())));
        ids.extend(first.filter(|id| id.chars().any(|c| c.is_ascii_alphanumeric() && c != '0')));
    }
    ids
}

/// Where the events of a group stand in a timeline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lane {
    /// The account.
    pub account: String,
    /// The log group.
    pub group: String,
    /// What people call it.
    pub name: String,
    /// How many events it has.
    pub events: usize,
    /// How many of them are errors.
    pub errors: usize,
    /// When the first happened.
    #[serde(serialize_with = "as_rfc3339")]
    pub first: Timestamp,
    /// When the last happened.
    #[serde(serialize_with = "as_rfc3339")]
    pub last: Timestamp,
    /// How long its requests have taken, as its lines tell, in milliseconds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub durations_ms: Vec<f64>,
}

impl Lane {
    fn is_of(&self, event: &Event) -> bool {
        self.group == event.group && self.account == event.account
    }
}

/// A time in which nothing was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Number of the event before it, from 0.
    pub after: usize,
    /// When that happened.
    #[serde(serialize_with = "as_rfc3339")]
    pub since: Timestamp,
    /// When the next event happened.
    #[serde(serialize_with = "as_rfc3339")]
    pub until: Timestamp,
}

impl Gap {
    /// How long it is.
    #[must_use]
    pub fn length(&self) -> SignedDuration {
        self.until.duration_since(self.since)
    }
}

/// The events of a trace side by side.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    /// A lane for each log group, in the order in which they spoke first.
    pub lanes: Vec<Lane>,
    /// Times in which nobody spoke, of those that matter.
    pub gaps: Vec<Gap>,
}

impl Timeline {
    /// Of events in the order of their time.
    #[must_use]
    pub fn new(events: &[Event]) -> Self {
        let mut lanes: Vec<Lane> = Vec::new();
        for event in events {
            let at = lanes.iter().position(|lane| lane.is_of(event)).unwrap_or_else(|| {
                let name = event.service.clone().unwrap_or_else(|| event.group.clone());
                let (first, last) = (event.time, event.time);
                let (account, group) = (event.account.clone(), event.group.clone());
                lanes.push(Lane { account, group, name, events: 0, errors: 0, first, last, durations_ms: Vec::new() });
                lanes.len() - 1
            });
            let lane = &mut lanes[at];
            lane.events += 1;
            lane.errors += usize::from(is_error(event));
            lane.last = event.time;
            lane.durations_ms.extend(duration_ms(event));
        }
        // Two groups of one service are told apart by their own names, and those of two accounts by these.
        for name in [|lane: &Lane| lane.group.clone(), |lane: &Lane| format!("{} {}", lane.account, lane.group)] {
            let names: Vec<String> = lanes.iter().map(|lane| lane.name.clone()).collect();
            for lane in &mut lanes {
                if names.iter().filter(|name| **name == lane.name).count() > 1 {
                    lane.name = name(lane);
                }
            }
        }
        let whole = match events {
            [first, .., last] => last.time.duration_since(first.time),
            _ => SignedDuration::ZERO,
        };
        let shortest =
            SHORTEST_GAP.max(SignedDuration::from_millis(i64::try_from(whole.as_millis()).unwrap_or(0) / PART));
        let silence = |(after, two): (usize, &[Event])| Gap { after, since: two[0].time, until: two[1].time };
        let gaps = events.windows(2).enumerate().map(silence).filter(|gap| gap.length() > shortest).collect();
        Self { lanes, gaps }
    }

    /// The number of the lane of an event.
    #[must_use]
    pub fn lane(&self, event: &Event) -> usize {
        self.lanes.iter().position(|lane| lane.is_of(event)).unwrap_or_default()
    }
}

/// Whether an event says that something has failed.
#[must_use]
pub fn is_error(event: &Event) -> bool {
    let level = event.level.as_deref().and_then(|level| level.parse::<Level>().ok());
    level.is_some_and(|level| level >= Level::Error)
}

/// Names of fields that tell how long a request has taken, and the milliseconds of their unit: of REPORT lines and access logs.
const DURATIONS: [(&str, f64); 11] = [
    ("durationms", 1.0),
    ("responselatency", 1.0),
    ("latencyms", 1.0),
    ("elapsedms", 1.0),
    ("responsetimems", 1.0),
    ("requesttimems", 1.0),
    ("tookms", 1.0),
    ("durationseconds", 1_000.0),
    ("elapsedseconds", 1_000.0),
    ("targetprocessingtime", 1_000.0),
    ("upstreamresponsetime", 1_000.0),
];

/// How long what an event reports has taken, in milliseconds.
#[must_use]
pub fn duration_ms(event: &Event) -> Option<f64> {
    let mut found: Option<(usize, f64)> = None;
    fields::walk(&event.fields, &mut |path, value| {
        let name: String =
            path.rsplit('.').next().unwrap_or(path).chars().filter(char::is_ascii_alphanumeric).collect();
        let name = name.to_ascii_lowercase();
        let Some(rank) = DURATIONS.iter().position(|(known, _)| *known == name) else { return };
        let number = value.parse::<f64>().ok().map(|number| number * DURATIONS[rank].1);
        let number = number.filter(|number| number.is_finite() && *number >= 0.0);
        if let Some(number) = number.filter(|_| found.is_none_or(|(before, _)| rank < before)) {
            found = Some((rank, number));
        }
    });
    found.map(|(_, number)| number)
}

/// `+1.250s`: how long after the first event.
#[must_use]
pub fn offset(event: &Event, first: Timestamp) -> String {
    format!("+{:.3}s", event.time.duration_since(first).as_secs_f64())
}

/// From the first to the last event; the range of the search where there is none.
#[must_use]
pub fn range(events: &[Event], search: &Search) -> Range<Timestamp> {
    match events {
        [first, .., last] => first.time..last.time,
        [only] => only.time..only.time,
        [] => search.range.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use test_case::test_case;

    use super::*;

    fn event(at: i64, group: &str, source: &serde_json::Value) -> Event {
        let mut source = source.clone();
        source["@timestamp"] = at.into();
        source["@log_group"] = group.into();
        Event::from_hit(&json!({"_id": format!("{at}"), "_source": source}))
    }

    #[test]
    fn lanes_stand_in_the_order_in_which_they_spoke() {
        let events = [
            event(0, "/b", &json!({"@service": "pay"})),
            event(50, "/a", &json!({"@service": "pay", "@level": "error"})),
            event(90, "/c", &json!({"@service": "cart"})),
            event(2_000, "/b", &json!({"@service": "pay", "durationMs": 12.5})),
        ];
        let Timeline { lanes, gaps } = Timeline::new(&events);
        // Two groups of one service are told apart by their own names.
        assert_eq!(lanes.iter().map(|lane| lane.name.as_str()).collect::<Vec<_>>(), ["/b", "/a", "cart"]);
        assert_eq!((lanes[0].events, lanes[1].errors, lanes[0].durations_ms.as_slice()), (2, 1, &[12.5][..]));
        assert_eq!((gaps.len(), gaps[0].after, gaps[0].length().as_millis()), (1, 2, 1_910));
        assert_eq!(Timeline::new(&events[..1]).gaps, []);
        assert_eq!(Timeline::new(&[]), Timeline::default());
    }

    #[test_case(&json!({"durationMs": 3.5}), Some(3.5); "a report of a function")]
    #[test_case(&json!({"record": {"metrics": {"durationMs": 3}}}), Some(3.0); "in its JSON form")]
    #[test_case(&json!({"responseLatency": "17"}), Some(17.0); "an access log")]
    #[test_case(&json!({"target_processing_time": 0.25}), Some(250.0); "in seconds")]
    #[test_case(&json!({"target_processing_time": -1}), None; "of what was never answered")]
    #[test_case(&json!({"duration": 3}), None; "without a unit")]
    fn a_duration(fields: &serde_json::Value, expected: Option<f64>) {
        assert_eq!(duration_ms(&event(0, "/a", fields)), expected);
    }
}
