//! Pages of an answer in the order of time.

use std::{cell::Cell, ops::Range, time::Duration};

use bytes::Bytes;
use hyper::Method;
use logctl_core::backoff::Backoff;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{
    Search,
    hit::{Answer, Hit},
    pieces::Piece,
    runs::{Announced, Places},
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
/// Pages that are asked for side by side.
const AT_ONCE: usize = 3;
/// Hits that no engine gives more of at once.
const MOST: u64 = 10_000;
/// Pieces of fewer events are not worth two requests.
const FEW: u64 = 200;
/// Pieces that are read as pages before others are tried again to be read by runs.
const PASSED_OVER: u32 = 3;

/// Asks for pieces of the time range.
pub(super) struct Pages<'a> {
    search: &'a Search,
    domain: &'a DomainClient,
    path: &'a str,
    /// Hits of one page: of long events fewer fit.
    size: Cell<usize>,
    at_once: Semaphore,
    /// So many of the next pieces are not asked for by runs.
    passed_over: Cell<u32>,
}

/// What came of a piece.
pub(super) struct Page {
    /// How many hits it was asked for; of runs there is no next page.
    size: usize,
    pub bytes: Bytes,
    /// What it must hold, where it was asked for by runs.
    announced: Option<Announced>,
    /// What is left of the piece then, where it was too long.
    pub rest: Option<Piece>,
}

impl Page {
    /// The hits that the text of its bytes has, and what the engine could not look at. `None` where it is no answer, or not what
    /// was announced.
    pub fn read<'a>(&self, text: &'a str) -> Option<(Vec<Hit<'a>>, Vec<String>)> {
        match &self.announced {
            None => {
                let answer: Answer<Hit<'_>> = serde_json::from_str(text).ok()?;
                let missing = answer.incomplete();
                Some((answer.hits.hits, missing))
            }
            Some(announced) => Some((announced.read(text)?, Vec::new())),
        }
    }

    /// Whether it was asked for by runs.
    pub const fn is_of_runs(&self) -> bool {
        self.announced.is_some()
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

impl<'a> Pages<'a> {
    /// Asks at this path, for so many hits a page to begin with.
    pub fn new(search: &'a Search, domain: &'a DomainClient, path: &'a str, size: usize) -> Self {
        let (size, at_once) = (Cell::new(size), Semaphore::new(AT_ONCE));
        Self { search, domain, path, size, at_once, passed_over: Cell::default() }
    }

    /// The first page of a piece.
    pub async fn first(&self, piece: Piece) -> Result<(Piece, Page), DomainError> {
        let _turn = self.at_once.acquire().await;
        let page = match self.by_runs(&piece).await {
            Some(page) => page,
            None => self.page(&piece, None).await?,
        };
        Ok((piece, page))
    }

    /// The same as a page, where what came of runs was not what was announced.
    pub async fn changed(&self, piece: &Piece) -> Result<Page, DomainError> {
        tracing::info!("what came was not what was announced: it is read as a page");
        self.pass_over(PASSED_OVER);
        self.page(piece, None).await
    }

    /// So many hits took so many bytes.
    pub fn learn(&self, bytes: usize, hits: usize) {
        if hits > 0 {
            self.size.set(fitting(bytes, hits));
        }
    }

    /// A page, of fewer hits where events are long.
    pub async fn page(&self, piece: &Piece, after: Option<(i64, i64)>) -> Result<Page, DomainError> {
        let mut size = self.size.get();
        loop {
            let mut body = self.body(&piece.range, size as u64);
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
                answer => return answer.map(|bytes| Page { size, bytes, announced: None, rest: None }),
            }
        }
    }

    /// A whole piece by runs of documents, where that is sooner.
    async fn by_runs(&self, piece: &Piece) -> Option<Page> {
        let passed_over = self.passed_over.get();
        self.passed_over.set(passed_over.saturating_sub(1));
        if passed_over > 0 || !(FEW..MOST).contains(&piece.events) {
            return None;
        }
        let read = self.runs(piece).await;
        if !matches!(read, Ok(Some(_))) {
            // Who may not ask so will not be let the next time.
            let is_for_good =
                |error: &DomainError| error.forbids() || matches!(error, DomainError::Refused { status: 400..500, .. });
            self.pass_over(if read.as_ref().is_err_and(is_for_good) { u32::MAX } else { PASSED_OVER });
        }
        read.ok().flatten()
    }

    fn pass_over(&self, pieces: u32) {
        self.passed_over.set(self.passed_over.get().max(pieces));
    }

    async fn runs(&self, piece: &Piece) -> Result<Option<Page>, DomainError> {
        let Range { start, end } = piece.range;
        // More may have arrived since they were counted.
        let size = (piece.events + piece.events / 5).min(MOST);
        let page = self.body(&piece.range, size);
        let Some(mut places) = Places::of(self.domain, self.path, &page).await? else { return Ok(None) };
        let found = places.number() as u64;
        // A little more than a page is not worth two.
        let size_of_page = self.size.get();
        let kept_until = places.keep(size_of_page + size_of_page / 5);
        // Where some are not told that were counted, a page may have them; and a time may be of another unit.
        if found < piece.events || kept_until.is_some_and(|until| !(start + 1..end).contains(&until)) {
            return Ok(None);
        }
        let rest = kept_until.map(|until| Piece { range: until..end, events: found - places.number() as u64 });
        let read = places.read(self.domain, &self.body(&(start..kept_until.unwrap_or(end)), size)).await?;
        Ok(read.map(|(announced, bytes)| Page { size: usize::MAX, bytes, announced: Some(announced), rest }))
    }

    fn body(&self, range: &Range<i64>, size: u64) -> Value {
        let range = from_milliseconds(range.start)..from_milliseconds(range.end);
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

/// How many hits are a page, by some of them.
pub(super) fn size(sample: &[Value]) -> usize {
    fitting(sample.iter().map(|hit| hit.to_string().len()).sum(), sample.len())
}

/// How many hits are a page, where so many took so many bytes.
fn fitting(bytes: usize, hits: usize) -> usize {
    (PAGE_BYTES * hits).checked_div(bytes).map_or(PAGE, |hits| hits.clamp(SAMPLE, PAGE))
}

#[cfg(test)]
mod tests {
    use logctl_sink::domain::Auth;
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

    use super::*;
    use crate::network::Network;

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
            Page { size, bytes: Bytes::new(), announced: None, rest: None }.together(&hits)
        };
        assert_eq!(told(&[(1, 1), (1, 2)], 5), (2, None));
        assert_eq!(told(&[(1, 1), (1, 2), (1, 2)], 3), (1, Some((1, 1))));
        assert_eq!(told(&[(1, 1), (1, 2), (2, 1)], 3), (2, Some((2, 0))));
        assert_eq!(told(&[(7, 3)], 1), (1, Some((7, 3))));
    }
    #[tokio::test]
    async fn of_a_piece_that_is_too_long_the_first_are_asked_for_and_the_rest_is_left() {
        let places: Vec<_> = (0..400).map(|nth| json!({"_index": "i", "sort": [nth, nth, nth]})).collect();
        let shards = json!({"total": 1, "successful": 1, "failed": 0});
        let server = MockServer::start().await;
        let answers = [
            ("/i/_search", json!({"took": 1, "_shards": shards, "hits": {"hits": places}})),
            ("/_msearch", json!({"responses": []})),
        ];
        for (asked, answer) in answers {
            let answer = ResponseTemplate::new(200).set_body_json(answer);
            Mock::given(path(asked)).respond_with(answer).mount(&server).await;
        }
        let http = Network::default().client(None).unwrap();
        let domain = DomainClient::new(server.uri().parse().unwrap(), Auth::None, http, Duration::from_secs(5));
        let search = Search { indices: "i".into(), clause: json!({"match_all": {}}), ..Search::default() };
        let pages = Pages::new(&search, &domain, "/i/_search?a=b", 200);
        let (_, page) = pages.first(Piece { range: 0..1_000, events: 400 }).await.unwrap();
        assert!(page.is_of_runs());
        // A fifth more than a page is read at once.
        assert_eq!(page.rest, Some(Piece { range: 240..1_000, events: 160 }));
        let asked = server.received_requests().await.unwrap();
        let lines: Vec<Value> =
            serde_json::Deserializer::from_slice(&asked[1].body).into_iter().map(Result::unwrap).collect();
        assert_eq!((lines.len(), &lines[1]["size"]), (2, &json!(240)));
        let until = lines[1].pointer("/query/bool/filter/0/range/@timestamp/lt");
        assert_eq!(until, Some(&json!(240)));
    }
}
