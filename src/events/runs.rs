//! Documents that lie side by side, read together.
//!
//! An engine keeps documents in compressed blocks. For hits that are scattered it unpacks a block each; where all hits of a
//! request lie side by side in a shard it unpacks each block once, which takes it a tenth of the time (benches/PROFILE.md). Our
//! template sorts documents by log group and time: those of a group within a short time lie side by side, in each segment. So of
//! a piece of the time range it is first asked where its documents are, without what is in them, and then each run of
//! consecutive ones is a request of its own, in one round trip. Between the two an index may have been merged, or another copy
//! of it have answered: what comes must be what was announced.

use std::ops::Range;

use bytes::Bytes;
use hyper::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    hit::{Answer, Hit},
    pages::LONGEST,
    request::PREFERENCE,
};
use crate::domain::{DomainClient, DomainError};

/// Fewer documents than this some engine reads one by one, even side by side.
const SHORT: i64 = 11;
/// Hits of one request, on average: of fewer there would be too many requests.
const WORTH: usize = 20;

/// Where the documents of a piece are, those of each index together, in the order of their numbers.
pub(super) struct Places {
    places: Vec<Place>,
    /// Milliseconds that the engine looked for them.
    took: u64,
}

#[derive(Deserialize)]
struct Place {
    #[serde(rename = "_index")]
    index: String,
    /// The number of the document in its shard, when it happened, in milliseconds, and its sequence number in its shard.
    sort: (i64, i64, i64),
}

/// Hits of one index, in the order of their documents.
struct Run {
    hits: Range<usize>,
    /// Whether an engine reads them one by one: they are few, or do not all follow one another.
    is_scattered: bool,
}

/// What the answers to runs must hold: when each hit happened and its sequence number, in order.
pub(super) struct Announced(Vec<(i64, i64)>);

/// Several answers.
#[derive(Deserialize)]
struct Answers<'a> {
    #[serde(borrow)]
    responses: Vec<Answer<Hit<'a>>>,
}

impl Announced {
    /// The hits of all answers. `None` where one is no answer, or they are not those that were announced.
    pub fn read<'a>(&self, text: &'a str) -> Option<Vec<Hit<'a>>> {
        let answers: Answers<'_> = serde_json::from_str(text).ok()?;
        let hits: Vec<Hit<'_>> = answers.responses.into_iter().flat_map(|answer| answer.hits.hits).collect();
        hits.iter().map(|hit| hit.sort).eq(self.0.iter().copied()).then_some(hits)
    }
}

impl Places {
    /// Asks where the documents are that the request `page` finds at `path`. `None` where none is, or not all of them are told,
    /// since they are more than a page or a shard did not answer.
    ///
    /// # Errors
    /// When the domain cannot be asked.
    pub async fn of(domain: &DomainClient, path: &str, page: &Value) -> Result<Option<Self>, DomainError> {
        let mut body = by_document(page);
        body["_source"] = false.into();
        body["stored_fields"] = "_none_".into();
        let path = format!("{path}&filter_path=took,timed_out,_shards,hits.hits._index,hits.hits.sort");
        let bytes = domain.send_for_bytes(Method::POST, &path, body.to_string(), LONGEST).await?;
        // Where nothing was found there is no list of hits.
        let Ok(answer) = serde_json::from_slice::<Answer<Place>>(&bytes) else { return Ok(None) };
        let is_whole = answer.incomplete().is_empty();
        let (took, mut places) = (answer.took, answer.hits.hits);
        let is_page = page["size"].as_u64().is_some_and(|size| (places.len() as u64) < size);
        places.sort_by(|a, b| a.index.cmp(&b.index)); // Within an index the order stays.
        Ok((is_whole && is_page).then_some(Self { places, took }))
    }

    /// How many they are.
    pub fn number(&self) -> usize {
        self.places.len()
    }

    /// Keeps those that happened first, so many at most, and tells when the first of the others happened.
    pub fn keep(&mut self, most: usize) -> Option<i64> {
        if self.places.len() <= most {
            return None;
        }
        let mut times: Vec<i64> = self.places.iter().map(|place| place.sort.1).collect();
        times.sort_unstable();
        let end = *times.get(most)?;
        self.places.retain(|place| place.sort.1 < end);
        Some(end)
    }

    /// Asks for these documents, which are all that the request `page` finds. `None` where a page is read sooner, since they are
    /// scattered or dear to look for.
    ///
    /// # Errors
    /// When the domain cannot be asked.
    pub async fn read(&self, domain: &DomainClient, page: &Value) -> Result<Option<(Announced, Bytes)>, DomainError> {
        let (runs, body) = (runs(&self.places), by_document(page));
        if runs.is_empty() || !are_sooner(&runs, self.number(), self.took, body.to_string().len()) {
            return Ok(None);
        }
        let announced = Announced(self.places.iter().map(|place| (place.sort.1, place.sort.2)).collect());
        // One after the other, as it were one request.
        let path = "/_msearch?max_concurrent_searches=1";
        let bytes = domain.send_for_bytes(Method::POST, path, written(&runs, &self.places, &body), LONGEST).await?;
        Ok(Some((announced, bytes)))
    }
}

/// The same request with its hits in the order of documents, and not of time.
fn by_document(page: &Value) -> Value {
    let mut body = page.clone();
    if let Some(sort) = body["sort"].as_array_mut() {
        sort.insert(0, json!("_doc"));
    }
    body
}

/// The runs of these places, which are in order, those of each index together. Each shard numbers its documents by itself: where
/// as many have a number as have the one before, they are taken for the same shards. A number that several have is not torn
/// apart: some engines skip it in all shards where a request begins behind it. What is scattered between two runs is one, too.
fn runs(places: &[Place]) -> Vec<Run> {
    let mut runs: Vec<(Range<usize>, i64)> = Vec::new();
    let (mut index, mut next, mut shards) = ("", 0, 0);
    for same in places.chunk_by(|a, b| a.index == b.index && a.sort.0 == b.sort.0) {
        let number = same[0].sort.0;
        let follows = same[0].index == index && number == next && same.len() == shards;
        (index, next, shards) = (same[0].index.as_str(), number + 1, same.len());
        match runs.last_mut() {
            Some((hits, documents)) if follows => {
                hits.end += shards;
                *documents += 1;
            }
            last => {
                let begin = last.map_or(0, |(hits, _)| hits.end);
                runs.push((begin..begin + shards, 1));
            }
        }
    }
    let mut joined: Vec<Run> = Vec::new();
    for (hits, documents) in runs {
        let is_scattered = documents < SHORT;
        let is_of = |last: &Run| places[last.hits.start].index == places[hits.start].index;
        match joined.last_mut() {
            Some(last) if last.is_scattered && is_scattered && is_of(last) => last.hits.end = hits.end,
            _ => joined.push(Run { hits, is_scattered }),
        }
    }
    joined
}

/// Whether requests for runs of so many hits are answered sooner than one for a page. It took so many milliseconds to look for
/// them, and each request is of so many bytes.
fn are_sooner(runs: &[Run], hits: usize, took: u64, bytes: usize) -> bool {
    let scattered: usize = runs.iter().filter(|run| run.is_scattered).map(|run| run.hits.len()).sum();
    // Each looks again, which is what it took, but for a microsecond a hit to tell the places. What is saved is a tenth of a
    // millisecond a hit; twice of that may be lost, since what it took holds what it waited for other pieces.
    let (number, found) = (runs.len(), hits as u64);
    let again = number as u64 * took.saturating_sub(found / 1_000).max(1);
    2 * scattered <= hits && number * WORTH <= hits && again <= found / 5 && number * bytes <= LONGEST
}

/// The requests for these runs, each behind the hit before it.
fn written(runs: &[Run], places: &[Place], body: &Value) -> String {
    let mut lines = String::new();
    for Run { hits, .. } in runs {
        let index = &places[hits.start].index;
        let before = hits.start.checked_sub(1).map(|before| &places[before]).filter(|before| before.index == *index);
        let mut body = body.clone();
        body["size"] = hits.len().into();
        if let Some(before) = before {
            body["search_after"] = json!(before.sort);
        }
        for line in [json!({"index": index, "preference": PREFERENCE}), body] {
            lines += &line.to_string();
            lines.push('\n');
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use logctl_sink::domain::Auth;
    use proptest::prelude::*;
    use test_case::test_case;
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

    use super::*;
    use crate::network::Network;

    /// Documents of an index with these numbers; which happened at 1000 milliseconds, and so many more as their numbers.
    type Documents = (&'static str, Range<i64>);

    fn places(shards: &[Documents]) -> Vec<Place> {
        let sort = |number| (number, 1_000 + number, number);
        let of_shard = |(index, numbers): &Documents| {
            let index = *index;
            numbers.clone().map(move |number| Place { index: index.into(), sort: sort(number) })
        };
        let mut places: Vec<_> = shards.iter().flat_map(of_shard).collect();
        places.sort_by_key(|place| place.sort);
        places
    }

    #[test_case(&[("a", 0..12), ("a", 12..30)], &[(0..30, false)]; "side by side")]
    #[test_case(&[("a", 0..12), ("a", 13..30)], &[(0..12, false), (12..29, false)]; "a gap")]
    #[test_case(&[("a", 0..12), ("b", 12..30)], &[(0..12, false), (12..30, false)]; "two indices")]
    #[test_case(&[("a", 1..2), ("a", 3..4), ("a", 5..7), ("a", 90..91)], &[(0..5, true)]; "scattered")]
    #[test_case(&[("a", 1..2), ("b", 2..3)], &[(0..1, true), (1..2, true)]; "scattered over two indices")]
    #[test_case(&[("a", 1..2), ("a", 3..4), ("a", 5..16), ("a", 17..18), ("a", 19..20)], &[(0..2, true), (2..13, false), (13..15, true)]; "both")]
    #[test_case(&[("a", 0..20), ("a", 0..20)], &[(0..40, false)]; "two shards")]
    #[test_case(&[("a", 0..40), ("a", 20..40)], &[(0..20, false), (20..60, false)]; "one shard and then two")]
    #[test_case(&[], &[]; "nothing")]
    fn documents_side_by_side_are_a_run(shards: &[Documents], expected: &[(Range<usize>, bool)]) {
        let mut places = places(shards);
        places.sort_by(|a, b| a.index.cmp(&b.index));
        let runs: Vec<_> = runs(&places).into_iter().map(|run| (run.hits, run.is_scattered)).collect();
        assert_eq!(runs, expected);
    }

    /// The times of what is read of these documents, if the engine gives those for runs, and what it was asked for.
    async fn fetched(found: &[Documents], failed: u64, runs: &[&[Documents]]) -> (Option<Vec<i64>>, Vec<Value>) {
        let hit =
            |place: Place| json!({"_index": place.index, "_id": "i", "sort": place.sort, "_source": {"@timestamp": 5}});
        let answer = |documents: &[Documents]| {
            let hits: Vec<_> = places(documents).into_iter().map(hit).collect();
            let shards = json!({"total": 2, "successful": 2 - failed, "failed": failed});
            json!({"took": 1, "_shards": shards, "hits": {"hits": hits}})
        };
        let server = MockServer::start().await;
        let answers = json!({"responses": runs.iter().map(|run| answer(run)).collect::<Vec<_>>()});
        for (asked, body) in [("/_search", answer(found)), ("/_msearch", answers)] {
            let answer = ResponseTemplate::new(200).set_body_json(body);
            Mock::given(path(asked)).respond_with(answer).mount(&server).await;
        }
        let http = Network::default().client(None).unwrap();
        let domain = DomainClient::new(server.uri().parse().unwrap(), Auth::None, http, Duration::from_secs(5));
        let page = json!({"size": 150, "query": {"match_all": {}}, "sort": ["time", "number"]});
        let read = match Places::of(&domain, "/_search?a=b", &page).await.unwrap() {
            None => None,
            Some(places) => places.read(&domain, &page).await.unwrap(),
        };
        let read = read.and_then(|(announced, bytes)| {
            let hits = announced.read(std::str::from_utf8(&bytes).unwrap())?;
            Some(hits.iter().map(|hit| hit.sort.0).collect())
        });
        let asked = server.received_requests().await.unwrap();
        let asked = asked.iter().skip(1).flat_map(|it| serde_json::Deserializer::from_slice(&it.body).into_iter());
        (read, asked.map(Result::unwrap).collect())
    }

    #[tokio::test]
    async fn a_run_is_asked_for_behind_the_hit_before_it() {
        let (first, behind, other) = (("a", 3..5), ("a", 7..60), ("b", 1..40));
        let found = [first.clone(), behind.clone(), other.clone()];
        let (read, asked) = fetched(&found, 0, &[&[first], &[behind], &[other]]).await;
        assert!(read.unwrap().into_iter().eq((3..5).chain(7..60).chain(1..40).map(|number| 1_000 + number)));
        let header = |index: &str| json!({"index": index, "preference": "logctl"});
        let run = |size: usize| json!({"size": size, "query": {"match_all": {}}, "sort": ["_doc", "time", "number"]});
        let mut behind = run(53);
        behind["search_after"] = json!([4, 1_004, 4]);
        assert_eq!(asked, [header("a"), run(2), header("a"), behind, header("b"), run(39)]);
    }

    #[test_case(("a", 0..90), 0, ("a", 0..89); "a hit too few")]
    #[test_case(("a", 0..90), 0, ("a", 1..91); "another hit")]
    #[test_case(("a", 0..90), 1, ("a", 0..90); "a shard has failed")]
    #[test_case(("a", 0..150), 0, ("a", 0..150); "more than a page")]
    #[test_case(("a", 0..0), 0, ("a", 0..0); "nothing")]
    #[tokio::test]
    async fn what_cannot_be_read_so_is_a_page(found: Documents, failed: u64, given: Documents) {
        assert_eq!(fetched(&[found], failed, &[&[given]]).await.0, None);
    }

    #[test_case(1, 100, 1, 100, true; "side by side")]
    #[test_case(10, 100, 1, 100, false; "short runs")]
    #[test_case(5, 1_000, 90, 100, false; "dear to look for")]
    #[test_case(5, 1_000, 9, 100, true; "cheap to look for")]
    #[test_case(5, 1_000, 9, 2 << 20, false; "a long query")]
    fn runs_are_asked_for_where_that_is_sooner(number: usize, hits: usize, took: u64, bytes: usize, expected: bool) {
        let length = hits / number;
        let run = |nth| Run { hits: nth * length..(nth + 1) * length, is_scattered: false };
        let runs: Vec<Run> = (0..number).map(run).collect();
        assert_eq!(are_sooner(&runs, hits, took, bytes), expected);
    }

    #[test]
    fn the_first_are_kept_of_a_piece_that_is_too_long() {
        let kept = |most| {
            let mut places = Places { places: places(&[("a", 0..30), ("b", 20..60)]), took: 1 };
            (places.keep(most), places.number())
        };
        assert_eq!((kept(70), kept(69)), ((None, 70), (Some(1_059), 69)));
        // Those of one millisecond stay together.
        assert_eq!((kept(20), kept(21), kept(22)), ((Some(1_020), 20), (Some(1_020), 20), (Some(1_021), 22)));
        assert_eq!(kept(0), (Some(1_000), 0));
    }

    #[test]
    fn what_is_scattered_is_a_page() {
        let runs = [Run { hits: 0..40, is_scattered: false }, Run { hits: 40..100, is_scattered: true }];
        assert!(!are_sooner(&runs, 100, 1, 100));
    }

    proptest! {
        #[test]
        fn each_hit_is_in_one_run(shards in prop::collection::vec(prop::collection::btree_set(0..200_i64, 0..150), 1..4)) {
            let mut numbers: Vec<i64> = shards.iter().flatten().copied().collect();
            numbers.sort_unstable();
            let places: Vec<_> = numbers.iter().map(|number| Place { index: "a".into(), sort: (*number, 0, 0) }).collect();
            let runs = runs(&places);
            prop_assert!(runs.iter().flat_map(|run| run.hits.clone()).eq(0..numbers.len()));
            for Run { hits, is_scattered } in runs {
                let (first, last) = (numbers[hits.start], numbers[hits.end - 1]);
                prop_assert!(numbers.get(hits.end).is_none_or(|next| *next > last), "a number is torn apart");
                let all: BTreeSet<i64> = numbers[hits].iter().copied().collect();
                prop_assert!(is_scattered || all.into_iter().eq(first..=last));
            }
        }
    }
}
