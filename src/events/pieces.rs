//! A time range in pieces of about a page each, by how many events are where.

use std::{iter::successors, ops::Range};

use serde_json::{Value, json};

/// Intervals that events are counted in, and those that one of them is cut into that has too many.
const INTERVALS: i64 = 2_000;
const FINER: i64 = 64;
/// Intervals that one request cuts: an answer is held in memory, as a tree of values.
const AT_ONCE: usize = 50;

/// A part of the range, in milliseconds, and how many events were in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub range: Range<i64>,
    pub events: u64,
}

impl Piece {
    fn is_too_much(&self, filled: u64) -> bool {
        self.events > filled && self.range.end - self.range.start > 1
    }
}

/// Cuts a range into pieces of `filled` events at most, but for what happens in one millisecond. `all` are its events, `first`
/// and `last` when the first and the last of them happened, and `ask` makes a request with an aggregation and gives its buckets.
pub(super) async fn cut<E>(
    all: Piece,
    (first, last): (i64, i64),
    filled: u64,
    mut ask: impl AsyncFnMut(Value) -> Result<Vec<Value>, E>,
) -> Result<Vec<Piece>, E> {
    let range = all.range.clone();
    let mut counted = vec![all];
    let shorter = |interval: &i64| (*interval > 1).then(|| (interval / FINER).max(1));
    for interval in successors(Some(((last - first) / INTERVALS).max(1)), shorter) {
        let (too_much, fine): (Vec<_>, Vec<_>) = counted.into_iter().partition(|piece| piece.is_too_much(filled));
        counted = fine;
        if too_much.is_empty() {
            break;
        }
        for all in too_much.chunks(AT_ONCE) {
            let buckets = ask(aggregation(all, interval, first)).await?;
            for (piece, bucket) in all.iter().zip(&buckets) {
                counted.extend(pieces(piece.range.clone(), intervals(bucket, piece, interval), filled));
            }
        }
        counted.sort_by_key(|piece| piece.range.start);
    }
    Ok(pieces(range, counted, filled))
}

/// Counts the events of each piece in intervals.
fn aggregation(pieces: &[Piece], interval: i64, first: i64) -> Value {
    let of_times = |range: &Range<i64>| json!({"from": range.start.to_string(), "to": range.end.to_string()});
    json!({
        "date_range": {
            "field": "@timestamp", "format": "epoch_millis",
            "ranges": pieces.iter().map(|piece| of_times(&piece.range)).collect::<Vec<_>>(),
        },
        "aggs": {"times": {"date_histogram": {
            "field": "@timestamp", "fixed_interval": format!("{interval}ms"),
            "offset": format!("{}ms", first.rem_euclid(interval)), "min_doc_count": 1,
        }}},
    })
}

/// The intervals of a piece, as they were counted.
fn intervals(bucket: &Value, piece: &Piece, interval: i64) -> Vec<Piece> {
    let Range { start, end } = piece.range;
    let one = |bucket: &Value| {
        let at = bucket["key"].as_i64()?;
        let range = at.max(start)..at.saturating_add(interval).min(end);
        (range.start < range.end).then_some(Piece { range, events: bucket["doc_count"].as_u64()? })
    };
    bucket["times"]["buckets"].as_array().into_iter().flatten().filter_map(one).collect()
}

/// Pieces that are the whole range, of what was counted in its parts.
fn pieces(range: Range<i64>, counted: Vec<Piece>, filled: u64) -> Vec<Piece> {
    let mut pieces = vec![Piece { range: range.clone(), events: 0 }];
    for Piece { range: Range { start, .. }, events } in counted {
        match pieces.last_mut() {
            Some(last) if last.events == 0 || last.events + events <= filled => last.events += events,
            Some(last) => {
                last.range.end = start;
                pieces.push(Piece { range: start..range.end, events });
            }
            None => {}
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, convert::Infallible};

    use futures_util::FutureExt as _;
    use proptest::prelude::*;

    use super::*;

    const FILLED: u64 = 45;

    /// What an engine counts.
    fn counted(times: &[i64], asked: &Value) -> Vec<Value> {
        let number = |value: &Value| value.as_str().unwrap().trim_end_matches("ms").parse::<i64>().unwrap();
        let histogram = &asked["aggs"]["times"]["date_histogram"];
        let (interval, offset) = (number(&histogram["fixed_interval"]), number(&histogram["offset"]));
        let of_range = |range: &Value| {
            let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
            for time in times.iter().filter(|time| (number(&range["from"])..number(&range["to"])).contains(time)) {
                *counts.entry((time - offset).div_euclid(interval) * interval + offset).or_default() += 1;
            }
            let buckets: Vec<_> = counts.iter().map(|(key, count)| json!({"key": key, "doc_count": count})).collect();
            json!({"times": {"buckets": buckets}})
        };
        asked["date_range"]["ranges"].as_array().unwrap().iter().map(of_range).collect()
    }

    fn cut_by(times: &[i64], range: Range<i64>) -> (Vec<Piece>, usize) {
        let mut requests = 0;
        let ask = async |asked: Value| {
            requests += 1;
            Ok::<_, Infallible>(counted(times, &asked))
        };
        let extremes = (*times.iter().min().unwrap(), *times.iter().max().unwrap());
        let all = Piece { range, events: times.len() as u64 };
        let cut = cut(all, extremes, FILLED, ask).now_or_never().unwrap().unwrap();
        (cut, requests)
    }

    #[test]
    fn what_is_a_page_is_not_counted() {
        assert_eq!(cut_by(&[7; 45], 0..100), (vec![Piece { range: 0..100, events: 45 }], 0));
    }

    #[test]
    fn what_happens_in_one_millisecond_is_one_piece() {
        let times = [vec![70_000; 250], vec![70_001; 2], vec![90_000_000; 3]].concat();
        let (pieces, requests) = cut_by(&times, 0..100_000_000);
        assert_eq!(pieces.iter().map(|piece| piece.events).collect::<Vec<_>>(), [250, 5]);
        assert_eq!((pieces[0].range.clone(), requests), (0..70_001, 4));
    }

    #[test]
    fn a_burst_is_cut_finer() {
        // A minute of many events in a month of few.
        let times = (0..1_000).map(|event| 1_000_000_000 + event * 60).chain((0..100).map(|event| event * 25_000_000));
        let (pieces, _) = cut_by(&times.collect::<Vec<_>>(), 0..2_600_000_000);
        assert!(pieces.len() < 50 && pieces.iter().all(|piece| piece.events <= FILLED), "{pieces:?}");
    }

    proptest! {
        #[test]
        fn pieces_are_the_range_and_have_all_events(
            times in prop::collection::vec(prop_oneof![0..1_000_000_i64, 500_000..500_010_i64], 1..600),
        ) {
            let (pieces, _) = cut_by(&times, -5..2_000_000);
            prop_assert_eq!((pieces[0].range.start, pieces.last().unwrap().range.end), (-5, 2_000_000));
            prop_assert!(pieces.windows(2).all(|two| two[0].range.end == two[1].range.start));
            for Piece { range, events } in pieces {
                let inside: Vec<_> = times.iter().filter(|time| range.contains(time)).collect();
                prop_assert_eq!(inside.len() as u64, events);
                prop_assert!(events <= FILLED || inside.iter().all(|time| *time == inside[0]));
            }
        }
    }
}
