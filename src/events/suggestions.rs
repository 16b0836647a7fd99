//! What there is to ask for: names of fields and their values, for somebody who is about to type one.

use std::collections::BTreeMap;

use hyper::Method;
use logctl_core::fields;
use serde_json::{Value, json};

use super::{Indices, Search, numbers::COLUMNS};
use crate::{
    domain::{DomainClient, DomainError},
    query::{Facts as _, Field, Query, dsl, names},
};

/// Events that are looked at.
const LOOKED_AT: usize = 300;
/// A field with more values than this is none to choose from.
const MOST: usize = 100;

/// The names of the fields of the newest events, the most frequent first.
///
/// # Errors
/// When the domain cannot be asked.
pub async fn field_names(search: &Search, domain: &DomainClient) -> Result<Vec<String>, DomainError> {
    let found = Search { limit: LOOKED_AT, ..search.clone() }.open_or_said(domain).await?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for event in &found.events {
        fields::walk(&event.fields, &mut |path, _| *counts.entry(path.to_owned()).or_default() += 1);
    }
    Ok(by_count(counts))
}

/// The values of a field, the most frequent first: of all events where the engine keeps columns of it, else of the newest that
/// have it, and no value where these have so many that they are no choice.
///
/// # Errors
/// When the domain cannot be asked.
pub async fn values(search: &Search, field: &Field, domain: &DomainClient) -> Result<Vec<String>, DomainError> {
    let names = names(field);
    if let Some(column) = names.first().filter(|name| COLUMNS.contains(&name.as_str())) {
        let body = json!({
            "size": 0, "track_total_hits": false, "timeout": "200ms",
            "query": {"bool": {"filter": [search.bounds(), search.clause]}},
            "aggs": {"values": {"terms": {"field": column, "size": MOST}}},
        });
        let answer = domain.send(Method::POST, &search.path(Indices::Open), Some(&body)).await?;
        let buckets = answer.pointer("/aggregations/values/buckets").and_then(Value::as_array);
        let buckets = buckets.ok_or_else(|| domain.no_engine())?;
        return Ok(buckets.iter().filter_map(|bucket| bucket["key"].as_str()).map(str::to_owned).collect());
    }
    let has = dsl::compile(&Query::Exists(field.clone())).clause;
    let clause = json!({"bool": {"filter": [search.clause, has]}});
    let found = Search { limit: LOOKED_AT, clause, ..search.clone() }.open_or_said(domain).await?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for value in found.events.iter().flat_map(|event| names.iter().flat_map(|name| event.values(name))) {
        *counts.entry(value).or_default() += 1;
    }
    Ok(if counts.len() > MOST { Vec::new() } else { by_count(counts) })
}

fn by_count(counts: BTreeMap<String, usize>) -> Vec<String> {
    let mut all: Vec<(String, usize)> = counts.into_iter().collect();
    all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    all.into_iter().map(|(name, _)| name).collect()
}
