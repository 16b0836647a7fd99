//! How many documents the index has of each log group.

use std::{collections::HashMap, ops::Range, time::Duration};

use hyper::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{aws::Aws, deploy::DeployedStack, domain::search_path, error::Error};

/// How long the domain may take for one page.
const PATIENCE: Duration = Duration::from_secs(20);
/// Which documents are of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Those whose events happened in it.
    Events,
    /// Also those that were indexed in it, whenever their events happened.
    Indexing,
}

/// Groups of one page.
const PAGE: usize = 10_000;

/// Documents of a time by log group. It is a count of what is stored, not of a sample.
///
/// # Errors
/// When the domain cannot be asked, or answers for a part of the index only.
pub async fn by_group(
    aws: &Aws,
    stack: &DeployedStack,
    range: &Range<Timestamp>,
    which: Of,
) -> Result<HashMap<String, f64>, Error> {
    let mut found = HashMap::new();
    let Some(domain) = stack.settings.domain() else { return Ok(found) };
    let client = domain.client(aws, PATIENCE).await?;
    let path = search_path(&stack.settings.prefix);
    let terms = [("@owner", &aws.target.account), ("@region", &aws.target.region)];
    let mut filter: Vec<Value> = terms.into_iter().map(|(name, value)| json!({"term": {name: value}})).collect();
    let times =
        json!({"gte": range.start.as_millisecond(), "lt": range.end.as_millisecond(), "format": "epoch_millis"});
    let of = |field: &str| json!({"range": {field: times}});
    filter.push(match which {
        Of::Events => of("@timestamp"),
        Of::Indexing => json!({"bool": {"should": [of("@timestamp"), of("@ingested")]}}),
    });
    let mut after = Value::Null;
    loop {
        let mut composite = json!({"size": PAGE, "sources": [{"group": {"terms": {"field": "@log_group"}}}]});
        if !after.is_null() {
            composite["after"] = after.clone();
        }
        let query = json!({
            "size": 0, "track_total_hits": false, "query": {"bool": {"filter": filter}},
            "aggs": {"groups": {"composite": composite}},
        });
        let answer = client.send(Method::POST, &path, Some(&query)).await.map_err(Error::from)?;
        if answer["timed_out"] == true || answer["_shards"]["failed"].as_u64() != Some(0) {
            return Err(Error::failed("the domain answers for a part of the index only"));
        }
        let groups = &answer["aggregations"]["groups"];
        for bucket in groups["buckets"].as_array().into_iter().flatten() {
            if let (Some(group), Some(number)) = (bucket["key"]["group"].as_str(), bucket["doc_count"].as_f64()) {
                found.insert(group.to_owned(), number);
            }
        }
        let next = groups["after_key"].clone();
        if next.is_null() {
            return Ok(found);
        }
        // Keys come in their order, so that each page begins behind the one before.
        if next["group"].as_str() <= after["group"].as_str() {
            return Err(Error::failed("the domain gives the same groups again and again"));
        }
        after = next;
    }
}
