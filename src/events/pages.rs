//! Pages of an answer in the order of time.

use std::{cell::Cell, time::Duration};

use bytes::Bytes;
use hyper::Method;
use logctl_core::backoff::Backoff;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{
    Search,
    hit::{Answer, Hit},
    pieces::Piece,
    runs::{self, Runs},
};
use crate::{
    domain::{DomainClient, DomainError},
    time::from_milliseconds,
};

/// Hits of one page at most, bytes that it is asked for, and those above which it is asked for with fewer hits.
const PAGE: usize = 5_000;
const PAGE_BYTES: usize = 4 << 20;
pub(super) const LONGEST: usize = 6 << 20;
/// Hits that tell how long events are.
pub(super) const SAMPLE: usize = 20;
/// How often a request is made again that the domain could not answer, and how long between two tries.
const TRIES: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Pieces of fewer events are not worth two requests.
const FEW: u64 = 200;
/// Pieces that are read as pages before it is looked again whether documents lie side by side.
const PASSED_OVER: u32 = 3;

/// Asks for pieces of the time range.
pub(super) struct Pages<'a> {
    pub search: &'a Search,
    pub domain: &'a DomainClient,
    pub path: &'a str,
    /// Hits of one page: of long events fewer fit.
    pub size: Cell<usize>,
    pub at_once: Semaphore,
    /// So many of the next pieces are not asked for by runs.
    pub passed_over: Cell<u32>,
}

/// What came of a piece.
pub(super) struct Page {
    /// How many hits it was asked for.
    size: usize,
    pub bytes: Bytes,
    /// What it must hold, where it was asked for by runs.
    runs: Option<Runs>,
}

impl Page {
    /// Reads the text of its bytes. `None` where it is no answer.
    pub fn read<'a>(&self, text: &'a str) -> Option<Answer<'a>> {
        match &self.runs {
            None => serde_json::from_str(text).ok(),
            Some(runs) => runs.read(text),
        }
    }

    /// Whether the index may have changed while it was asked for.
    pub const fn is_of_runs(&self) -> bool {
        self.runs.is_some()
    }

    /// How many of its hits are handed over, and behind which place the next page begins, where there may be one. Several may
    /// share the last place, of several shards, and the others of them are on the next page: they come together.
    pub fn together(&self, hits: &[Hit<'_>]) -> (usize, Option<(i64, i64)>) {
        let last = hits.last().map(|hit| hit.sort).filter(|_| hits.len() >= self.size);
        let Some(last) = last else { return (hits.len(), None) };
        match hits.iter().position(|hit| hit.sort == last) {
            Some(first) if first > 0 => (first, Some((last.0, last.1 - 1))),
            _ => (hits.len(), Some(last)), // One event is a page.
        }
    }
}

impl Pages<'_> {
    /// The first page of a piece.
    pub async fn first(&self, piece: Piece) -> Result<(Piece, Page), DomainError> {
        let _turn = self.at_once.acquire().await;
        let page = match self.by_runs(&piece).await {
            Some(page) => page,
            None => self.page(&piece, None).await?,
        };
        Ok((piece, page))
    }

    /// So many hits took so many bytes.
    pub fn learn(&self, bytes: usize, hits: usize) {
        if hits > 0 {
            self.size.set((PAGE_BYTES * hits).checked_div(bytes).map_or(PAGE, |hits| hits.clamp(SAMPLE, PAGE)));
        }
    }

    /// A page, of fewer hits where events are long.
    pub async fn page(&self, piece: &Piece, after: Option<(i64, i64)>) -> Result<Page, DomainError> {
        let mut size = self.size.get();
        loop {
            let mut body = self.body(piece, size);
            if let Some(after) = after {
                body["search_after"] = json!(after);
            }
            let most = if size == 1 { usize::MAX } else { LONGEST };
            let ask = || self.domain.send_for_bytes(Method::POST, self.path, body.to_string(), most);
            match again(true, ask).await {
                Err(DomainError::TooLong { .. }) if size > 1 => {
                    size /= 2;
                    self.size.set(self.size.get().min(size));
                }
                answer => return answer.map(|bytes| Page { size, bytes, runs: None }),
            }
        }
    }

    /// A whole piece by runs of documents, where that is sooner.
    async fn by_runs(&self, piece: &Piece) -> Option<Page> {
        let passed_over = self.passed_over.get();
        // By the last ones, so many are not too long for one answer.
        let most = self.size.get() * LONGEST / PAGE_BYTES;
        if passed_over > 0 || !(FEW..most as u64).contains(&piece.events) {
            self.passed_over.set(passed_over.saturating_sub(1));
            return None;
        }
        let fetched = runs::fetch(self.domain, self.path, &self.body(piece, most)).await;
        if fetched.is_none() {
            self.passed_over.set(PASSED_OVER);
        }
        fetched.map(|(runs, bytes)| Page { size: most, bytes, runs: Some(runs) })
    }

    fn body(&self, piece: &Piece, size: usize) -> Value {
        let range = from_milliseconds(piece.range.start)..from_milliseconds(piece.range.end);
        let search = Search { range, verdict: None, ..self.search.clone() };
        json!({
            "size": size, "track_total_hits": false,
            "query": {"bool": {"filter": [search.bounds(), search.clause]}},
            "sort": [{"@timestamp": {"order": "asc", "unmapped_type": "date"}}, {"_seq_no": {"order": "asc"}}],
        })
    }
}

/// Does it again where the domain has too much to do, or a node has gone.
pub(super) async fn again<T>(
    answered: bool,
    mut ask: impl AsyncFnMut() -> Result<T, DomainError>,
) -> Result<T, DomainError> {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    for _ in 1..TRIES {
        match ask().await {
            Err(error) if error.may_pass(answered) => tokio::time::sleep(backoff.pause(fastrand::f64())).await,
            answer => return answer,
        }
    }
    ask().await
}

/// How many hits are a page, by the length of some.
pub(super) fn size(sample: &[Value]) -> usize {
    let bytes: usize = sample.iter().map(|hit| hit.to_string().len()).sum();
    (PAGE_BYTES * sample.len()).checked_div(bytes).map_or(PAGE, |hits| hits.clamp(SAMPLE, PAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_shorter_where_events_are_long() {
        let hits = |bytes: usize| vec![json!({"_source": {"@message": "x".repeat(bytes)}}); 3];
        assert_eq!((size(&[]), size(&hits(100))), (PAGE, PAGE));
        assert!((1_700..2_300).contains(&size(&hits(2_000))), "{}", size(&hits(2_000)));
        assert_eq!(size(&hits(1 << 20)), SAMPLE);
    }

    #[test]
    fn who_shares_the_last_place_of_a_page_comes_with_the_next() {
        let hits = |sorts: &[(i64, i64)]| {
            let hit = |(time, number)| format!(r#"{{"_id":"i","_index":"i","sort":[{time},{number}],"_source":{{}}}}"#);
            sorts.iter().copied().map(hit).collect::<Vec<_>>()
        };
        let told = |sorts: &[(i64, i64)], size| {
            let texts = hits(sorts);
            let hits: Vec<Hit<'_>> = texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
            Page { size, bytes: Bytes::new(), runs: None }.together(&hits)
        };
        assert_eq!(told(&[(1, 1), (1, 2)], 5), (2, None));
        assert_eq!(told(&[(1, 1), (1, 2), (1, 2)], 3), (1, Some((1, 1))));
        assert_eq!(told(&[(1, 1), (1, 2), (2, 1)], 3), (2, Some((2, 0))));
        assert_eq!(told(&[(7, 3)], 1), (1, Some((7, 3))));
    }
}
