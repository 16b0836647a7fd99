//! Documents that lie side by side, read together.
//!
//! An engine keeps documents in compressed blocks. For hits that are scattered it unpacks a block each; where all hits of a
//! request lie side by side in a shard, ten of them at least, it unpacks each block once, which takes it a tenth of the time
//! (benches/PROFILE.md). Our template sorts documents by log group and time: those of a group within a short time lie side by
//! side, in each segment. So of a piece of the time range it is first asked where its documents are, without what is in them,
//! and then each run of consecutive ones is a request of its own, in one round trip. Between the two an index may have been
//! merged, or another copy of it have answered: what comes must be what was announced.

use std::{borrow::Cow, collections::BTreeMap, ops::Range};

use bytes::Bytes;
use hyper::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    gaps,
    hit::{Answer, Hit, Hits},
    pages::LONGEST,
};
use crate::domain::DomainClient;

/// An engine reads fewer documents one by one, even side by side.
const SHORT: i64 = 10;
/// Of each shard the same copy answers.
pub(super) const PREFERENCE: &str = "logctl";

/// Where the documents of a piece are.
#[derive(Deserialize)]
struct Places<'a> {
    /// Milliseconds that the engine looked for them.
    took: u64,
    #[serde(rename = "_shards", default)]
    shards: Value,
    #[serde(default)]
    timed_out: bool,
    #[serde(borrow)]
    hits: PlacesHits<'a>,
}

#[derive(Deserialize, Default)]
struct PlacesHits<'a> {
    #[serde(borrow, default)]
    hits: Vec<Place<'a>>,
}

#[derive(Deserialize)]
struct Place<'a> {
    #[serde(rename = "_index", borrow)]
    index: Cow<'a, str>,
    sort: Sort,
}

/// The number of a document in its shard, when it happened, in milliseconds, and its sequence number in its shard.
type Sort = (i64, i64, i64);

/// Hits of one index, in the order of their documents.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    hits: Range<usize>,
    /// Whether their documents do not all follow one another.
    is_scattered: bool,
}

/// What the answers to runs must hold: time and sequence number of each hit, in order.
pub(super) struct Runs(Vec<(i64, i64)>);

/// Several answers.
#[derive(Deserialize)]
struct Answers<'a> {
    #[serde(borrow)]
    responses: Vec<Answer<'a>>,
}

impl Runs {
    /// All answers as one. `None` where one is no answer, or their hits are not those that were announced.
    pub fn read<'a>(&self, text: &'a str) -> Option<Answer<'a>> {
        let answers: Answers<'_> = serde_json::from_str(text).ok()?;
        let hits: Vec<Hit<'_>> = answers.responses.into_iter().flat_map(|answer| answer.hits.hits).collect();
        let mut found: Vec<_> = hits.iter().map(|hit| hit.sort).collect();
        found.sort_unstable();
        (found == self.0).then_some(Answer { shards: Value::Null, timed_out: false, hits: Hits { hits } })
    }
}

/// Asks for all that the request `page` finds at `path`. `None` where that is not a page, where the documents do not lie side by
/// side, or when the domain cannot tell: then it is asked for as a page.
pub(super) async fn fetch(domain: &DomainClient, path: &str, page: &Value) -> Option<(Runs, Bytes)> {
    let mut body = page.clone();
    body["_source"] = false.into();
    body["stored_fields"] = "_none_".into();
    by_document(&mut body);
    let path = format!("{path}&filter_path=took,timed_out,_shards,hits.hits._index,hits.hits.sort");
    let bytes = domain.send_for_bytes(Method::POST, &path, body.to_string(), LONGEST).await.ok()?;
    let Places { took, shards, timed_out, hits: PlacesHits { hits: places } } = serde_json::from_slice(&bytes).ok()?;
    let is_whole = gaps::incomplete(&json!({"_shards": shards, "timed_out": timed_out})).is_empty();
    if !is_whole || page["size"].as_u64().is_none_or(|size| places.len() as u64 >= size) {
        return None;
    }
    let requests = requests(&places, took, page)?;
    let mut announced: Vec<_> = places.iter().map(|place| (place.sort.1, place.sort.2)).collect();
    announced.sort_unstable();
    // One after the other: a piece is no more load than a page.
    let sent = domain.send_for_bytes(Method::POST, "/_msearch?max_concurrent_searches=1", requests, LONGEST).await;
    Some((Runs(announced), sent.ok()?))
}

/// The requests for all runs of the documents at these places, if they are sooner answered than one for a page.
fn requests(places: &[Place<'_>], took: u64, page: &Value) -> Option<String> {
    let mut by_index: BTreeMap<&str, Vec<Sort>> = BTreeMap::new();
    for place in places {
        by_index.entry(&place.index).or_default().push(place.sort);
    }
    let (mut lines, mut requests, mut scattered) = (String::new(), 0, 0);
    for (index, sorts) in by_index {
        for Run { hits, is_scattered } in runs(&sorts) {
            let mut body = page.clone();
            body["size"] = hits.len().into();
            if let Some(before) = hits.start.checked_sub(1) {
                body["search_after"] = json!(sorts[before]);
            }
            by_document(&mut body);
            for line in [json!({"index": index, "preference": PREFERENCE}), body] {
                lines += &line.to_string();
                lines.push('\n');
            }
            requests += 1;
            scattered += if is_scattered { hits.len() as u64 } else { 0 };
        }
    }
    // Each looks for its documents again, which is what it took but for a microsecond a hit to tell their places. What it saves
    // is a tenth of a millisecond a hit; an engine that is busy took longer.
    let hits = places.len() as u64;
    let again = requests * took.saturating_sub(hits / 1_000).max(1);
    (2 * scattered <= hits && again <= hits / 5).then_some(lines)
}

/// Hits in the order of documents, and not of time.
fn by_document(body: &mut Value) {
    if let Some(sort) = body["sort"].as_array_mut() {
        sort.insert(0, json!("_doc"));
    }
}

/// The runs in the hits of one index, in order. Each shard numbers its documents by itself: where as many have a number as have
/// the one before, they are taken for the same shards. What is scattered between two runs is one, too.
fn runs(sorts: &[Sort]) -> Vec<Run> {
    let mut runs: Vec<(Range<usize>, i64)> = Vec::new();
    let (mut next, mut shards) = (0, 0);
    for same in sorts.chunk_by(|a, b| a.0 == b.0) {
        let follows = same[0].0 == next && same.len() == shards;
        (next, shards) = (same[0].0 + 1, same.len());
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
        match joined.last_mut() {
            Some(last) if last.is_scattered && is_scattered => last.hits.end = hits.end,
            _ => joined.push(Run { hits, is_scattered }),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use std::time::Duration;

    use logctl_sink::domain::Auth;
    use proptest::prelude::*;
    use test_case::test_case;
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

    use super::*;
    use crate::network::Network;

    fn told(numbers: &[i64]) -> Vec<(Range<usize>, bool)> {
        let sorts: Vec<Sort> = numbers.iter().map(|number| (*number, 0, 0)).collect();
        runs(&sorts).into_iter().map(|run| (run.hits, run.is_scattered)).collect()
    }

    #[test_case(&[0..12, 12..30], &[(0..30, false)]; "side by side")]
    #[test_case(&[0..12, 13..30], &[(0..12, false), (12..29, false)]; "a gap")]
    #[test_case(&[1..2, 3..4, 5..7, 90..91], &[(0..5, true)]; "scattered")]
    #[test_case(&[1..2, 3..4, 5..15, 17..18, 19..20], &[(0..2, true), (2..12, false), (12..14, true)]; "both")]
    #[test_case(&[0..10, 0..10], &[(0..20, false)]; "two shards")]
    #[test_case(&[0..20, 10..20], &[(0..10, false), (10..30, false)]; "one shard and then two")]
    #[test_case(&[], &[]; "nothing")]
    fn documents_side_by_side_are_a_run(shards: &[Range<i64>], expected: &[(Range<usize>, bool)]) {
        let mut numbers: Vec<i64> = shards.iter().cloned().flatten().collect();
        numbers.sort_unstable();
        assert_eq!(told(&numbers), expected);
    }

    /// What becomes of a piece whose documents have these numbers and happened at so many milliseconds, if the engine gives these
    /// hits for runs.
    async fn fetched(places: &[Sort], failed: u64, given: &[Sort]) -> (Option<Vec<i64>>, Vec<Value>) {
        let hit = |sort: &Sort| json!({"_index": "a", "_id": "i", "sort": sort, "_source": {}});
        let of_hits = |sorts: &[Sort]| {
            let shards = json!({"total": 2, "successful": 2 - failed, "failed": failed});
            json!({"took": 1, "_shards": shards, "hits": {"hits": sorts.iter().map(hit).collect::<Vec<_>>()}})
        };
        let server = MockServer::start().await;
        let answer = |body: Value| ResponseTemplate::new(200).set_body_json(body);
        Mock::given(path("/_search")).respond_with(answer(of_hits(places))).mount(&server).await;
        Mock::given(path("/_msearch"))
            .respond_with(answer(json!({"responses": [of_hits(given)]})))
            .mount(&server)
            .await;
        let http = Network::default().client(None).unwrap();
        let domain = DomainClient::new(server.uri().parse().unwrap(), Auth::None, http, Duration::from_secs(5));
        let page = json!({"size": 50, "query": {"match_all": {}}, "sort": ["time", "number"]});
        let read = fetch(&domain, "/_search?a=b", &page).await.and_then(|(runs, bytes)| {
            let answer = runs.read(std::str::from_utf8(&bytes).unwrap())?;
            Some(answer.hits.hits.iter().map(|hit| hit.sort.0).collect())
        });
        let asked = server.received_requests().await.unwrap();
        let asked = asked.iter().skip(1).flat_map(|it| serde_json::Deserializer::from_slice(&it.body).into_iter());
        (read, asked.map(Result::unwrap).collect())
    }

    fn sorts(numbers: Range<i64>) -> Vec<Sort> {
        numbers.map(|number| (number, 1_000 + number, number)).collect()
    }

    #[tokio::test]
    async fn a_run_is_asked_for_behind_the_hit_before_it() {
        let places = [sorts(3..5), sorts(7..37)].concat();
        let (read, asked) = fetched(&places, 0, &places).await;
        assert_eq!(read.unwrap(), places.iter().map(|sort| sort.1).collect::<Vec<_>>());
        let header = json!({"index": "a", "preference": "logctl"});
        let run = |size: usize| json!({"size": size, "query": {"match_all": {}}, "sort": ["_doc", "time", "number"]});
        let mut behind = run(30);
        behind["search_after"] = json!([4, 1_004, 4]);
        assert_eq!(asked, [header.clone(), run(2), header, behind]);
    }

    #[test_case(&sorts(0..30), 0, &sorts(0..29); "a hit too few")]
    #[test_case(&sorts(0..30), 0, &sorts(1..31); "another hit")]
    #[test_case(&sorts(0..30), 1, &sorts(0..30); "a shard has failed")]
    #[test_case(&sorts(0..50), 0, &sorts(0..50); "more than a page")]
    #[test_case(&sorts(0..30).into_iter().step_by(2).collect::<Vec<_>>(), 0, &sorts(0..30); "scattered")]
    #[tokio::test]
    async fn what_cannot_be_read_so_is_a_page(places: &[Sort], failed: u64, given: &[Sort]) {
        assert_eq!(fetched(places, failed, given).await.0, None);
    }

    proptest! {
        #[test]
        fn each_hit_is_in_one_run(shards in prop::collection::vec(prop::collection::btree_set(0..200_i64, 0..150), 1..4)) {
            let mut numbers: Vec<i64> = shards.iter().flatten().copied().collect();
            numbers.sort_unstable();
            let runs = told(&numbers);
            prop_assert!(runs.iter().flat_map(|(hits, _)| hits.clone()).eq(0..numbers.len()));
            for (hits, is_scattered) in runs {
                // Numbers that several shards have are not torn apart.
                let (first, last) = (numbers[hits.start], numbers[hits.end - 1]);
                prop_assert!(numbers.get(hits.end).is_none_or(|next| *next > last));
                let all: BTreeSet<i64> = numbers[hits].iter().copied().collect();
                prop_assert!(is_scattered || all.into_iter().eq(first..=last));
            }
        }
    }
}
