//! What metrics and the index say of deliveries, read.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};

use super::{
    Arrivals, Entry, Note,
    documents::{self, Of},
    evidence::{Deliveries, Delivery, History, LAG, SKEW},
    noted,
};
use crate::{
    aws::{
        Aws,
        metrics::{self, Metric},
    },
    deploy::DeployedStack,
    error::Error,
};

/// How much the window of deliveries covers: what `ListMetrics` takes for recent.
const WINDOW: SignedDuration = SignedDuration::from_hours(3);
/// How long an event may be on its way.
const LATE: SignedDuration = SignedDuration::from_mins(5);
/// Seconds of one figure of a metric.
const PERIOD: u32 = 300;

/// The last hours that metrics tell everything of.
fn window(now: Timestamp) -> Range<Timestamp> {
    let end = Timestamp::from_second((now - LAG).as_second() / i64::from(PERIOD) * i64::from(PERIOD));
    let end = end.unwrap_or(now);
    end - WINDOW..end
}

/// What metrics and the index say of the last hours of our filter's groups; `None` where the metrics cannot be read. The index
/// is asked where there is one.
///
/// # Errors
/// Only where the caller is not logged in.
pub(super) async fn read(
    aws: &Aws,
    stack: Option<&DeployedStack>,
    ours: &str,
    now: Timestamp,
    notes: &mut Vec<Note>,
) -> Result<Option<Deliveries>, Error> {
    let window = window(now);
    let active = metrics::filters(aws, "ForwardedLogEvents", true).await;
    let Some(active) = noted(active, notes, Note::MetricsUnread)? else { return Ok(None) };
    let mut deliveries = Deliveries { since: window.start, ..Deliveries::default() };
    let mut names: HashSet<Arc<str>> = HashSet::new(); // Most groups have a filter of one name.
    for (group, filter) in active {
        let name = names.get(filter.as_str()).cloned().unwrap_or_else(|| filter.into());
        names.insert(name.clone());
        let forwarded = &mut deliveries.groups.entry(group).or_default().forwarded;
        forwarded.reserve_exact(1); // There is one, for most.
        forwarded.push((name, 0.0));
    }
    let Some(stack) = stack else { return Ok(Some(deliveries)) };
    let documents = documents::by_group(aws, stack, &window, Of::Events).await;
    let Some(documents) = noted(documents, notes, Note::DocumentsUnread)? else { return Ok(Some(deliveries)) };
    for (name, documents) in documents {
        deliveries.groups.get_mut(&name).into_iter().for_each(|delivery| delivery.documents = documents);
    }
    let indexed = |(_, delivery): &(&String, &mut Delivery)| {
        delivery.documents > 0.0 && delivery.forwarded.iter().any(|(name, _)| **name == *ours)
    };
    let mut indexed: Vec<_> = deliveries.groups.iter_mut().filter(indexed).collect();
    let names: Vec<&str> = indexed.iter().map(|(name, _)| name.as_str()).collect();
    let asked = names.iter().flat_map(|name| {
        [Metric::incoming("IncomingLogEvents", name), Metric::of_filter("ForwardedLogEvents", name, ours)]
    });
    let sums = metrics::sums(aws, asked, PERIOD, &window).await;
    let sums = noted(sums, notes, Note::MetricsUnread)?.unwrap_or_default();
    for ((_, delivery), figures) in indexed.iter_mut().zip(sums.chunks(2)) {
        delivery.incoming = figures[0].unwrap_or_default();
        let forwarded = delivery.forwarded.iter_mut().filter(|(name, _)| **name == *ours);
        forwarded.for_each(|(_, events)| *events = figures[1].unwrap_or_default());
    }
    Ok(Some(deliveries))
}

/// Compares what came into the groups that are streamed with what is in the index. What was subscribed within these hours is not
/// compared: events of before are not meant to arrive.
///
/// # Errors
/// Only where the caller is not logged in.
pub(super) async fn arrivals(
    aws: &Aws,
    stack: &DeployedStack,
    entries: &mut [Entry],
    own: &dyn Fn(&str) -> Option<Timestamp>,
    now: Timestamp,
    notes: &mut Vec<Note>,
) -> Result<(), Error> {
    let window = window(now);
    // What is delivered late, or once more, has arrived all the same.
    let arriving = window.start - SKEW..window.end + LATE;
    let history = History::read(aws, arriving.start, now).await;
    let Some(history) = noted(history, notes, Note::ArrivalsUnread)? else { return Ok(()) };
    let happened = documents::by_group(aws, stack, &arriving, Of::Events).await;
    let Some(happened) = noted(happened, notes, Note::ArrivalsUnread)? else { return Ok(()) };
    let all = documents::by_group(aws, stack, &arriving, Of::Indexing).await;
    let Some(all) = noted(all, notes, Note::ArrivalsUnread)? else { return Ok(()) };
    let is_new = |name: &str| history.deeds.contains_key(name) || own(name).is_some_and(|at| at >= arriving.start);
    let mut streamed: Vec<&mut Entry> = entries.iter_mut().filter(|it| it.decision.state.delivers()).collect();
    let before = streamed.len();
    streamed.retain(|entry| !is_new(&entry.facts.name));
    notes.extend((streamed.len() < before).then(|| Note::TooNew(before - streamed.len())));
    let names: Vec<String> = streamed.iter().map(|entry| entry.facts.name.clone()).collect();
    let metrics = names.iter().map(|name| Metric::incoming("IncomingLogEvents", name));
    let sums = metrics::sums(aws, metrics, PERIOD, &window).await;
    let sums = noted(sums, notes, Note::ArrivalsUnread)?.unwrap_or_default();
    for (entry, incoming) in streamed.iter_mut().zip(sums) {
        let documents = |of: &HashMap<String, f64>| of.get(&entry.facts.name).copied().unwrap_or_default();
        let arrivals = Arrivals::new(&window, incoming.unwrap_or_default(), documents(&happened), documents(&all));
        entry.arrivals = Some(Box::new(arrivals));
    }
    Ok(())
}
