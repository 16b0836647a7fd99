//! What a search did not look at, said by the engine or to be found out.

use std::{collections::BTreeMap, time::Duration};

use hyper::Method;
use jiff::tz::TimeZone;
use logctl_core::index_name::days;
use serde_json::Value;

use super::{Indices, Search};
use crate::domain::{DomainClient, DomainError};

/// Fields without which events are not found, and the types that they have.
const NEEDED: [(&str, &[&str]); 3] =
    [("@timestamp", &["date", "date_nanos"]), ("@log_group", &["keyword"]), ("@message", &["text", "match_only_text"])];
/// How long an answer waits for what may be odd about it.
const PATIENCE: Duration = Duration::from_secs(2);
/// Indices that are named.
const NAMED: usize = 3;

/// What the engine could not look at.
pub(super) fn incomplete(answer: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    let shards = |name: &str| answer["_shards"][name].as_u64().unwrap_or_default();
    let (total, failed) = (shards("total"), shards("failed"));
    if failed > 0 {
        let failure = &answer["_shards"]["failures"][0];
        let index = failure["index"].as_str().map_or_else(String::new, |index| format!(" (index {index})"));
        let reason = failure["reason"]["reason"].as_str().unwrap_or("no reason given");
        warnings.push(format!("{failed} of {total} shards did not answer{index}: {reason}"));
    }
    // Those that are nowhere are counted and not said to have failed.
    let lost = total.saturating_sub(shards("successful").saturating_add(failed));
    if lost > 0 && answer["_shards"]["successful"].is_u64() {
        warnings.push(format!("{lost} of {total} shards are not there: an index is red, or has just come into being"));
    }
    if answer["timed_out"] == true {
        warnings.push("the domain ran out of time and looked at a part of the events only".to_owned());
    }
    warnings
}

/// Asks all indices, and where one of them is closed the open ones: then it is said which were not looked at.
///
/// # Errors
/// Those of asking.
pub(super) async fn all_or_open<T>(
    search: &Search,
    domain: &DomainClient,
    ask: impl AsyncFn(Indices) -> Result<T, DomainError>,
) -> Result<(T, Option<String>), DomainError> {
    match ask(Indices::All).await {
        Err(DomainError::Refused { reason, .. }) if reason.contains("closed") => {
            let (answer, closed) = tokio::join!(ask(Indices::Open), closed(search, domain));
            Ok((answer?, closed))
        }
        answer => Ok((answer?, None)),
    }
}

/// Says which indices are closed that may have events in the range.
async fn closed(search: &Search, domain: &DomainClient) -> Option<String> {
    let path = format!("/_resolve/index/{}?expand_wildcards=all", search.indices);
    let Ok(answer) = domain.send(Method::GET, &path, None).await else {
        return Some("an index is closed and was not looked at".to_owned());
    };
    let is_closed =
        |index: &&Value| index["attributes"].as_array().is_some_and(|all| all.iter().any(|one| one == "closed"));
    let day = |at: jiff::Timestamp| at.to_zoned_datetime(TimeZone::UTC).date();
    let (first, last) = (day(search.range.start), day(search.range.end));
    let concerned = |name: &&str| {
        let of_name = name.match_indices('-').find_map(|(at, _)| days(&name[at + 1..]));
        of_name.is_none_or(|days| days.start <= last && days.end > first)
    };
    let indices = answer["indices"].as_array()?;
    let names: Vec<&str> =
        indices.iter().filter(is_closed).filter_map(|index| index["name"].as_str()).filter(concerned).collect();
    said("closed, and so not looked at", &names)
}

/// Says which indices were made without the template of logctl, so that events are in them that are not found. Who may not
/// ask is not told.
pub(super) async fn odd(search: &Search, domain: &DomainClient) -> Option<String> {
    let fields = NEEDED.map(|(name, _)| name).join(",");
    let path = format!("/{}/_field_caps?ignore_unavailable=true&allow_no_indices=true&fields={fields}", search.indices);
    let answer = tokio::time::timeout(PATIENCE, domain.send(Method::GET, &path, None)).await.ok()?.ok()?;
    let all = answer["indices"].as_array()?;
    let mut odd: BTreeMap<&str, String> = BTreeMap::new();
    for (name, types) in NEEDED {
        for (kind, told) in answer["fields"][name].as_object().into_iter().flatten() {
            if types.contains(&kind.as_str()) || kind == "unmapped" {
                continue;
            }
            // Where all indices agree they are not named.
            let indices = told["indices"].as_array().unwrap_or(all);
            for index in indices.iter().filter_map(Value::as_str) {
                odd.entry(index).or_insert_with(|| format!("{name} is {kind}"));
            }
        }
    }
    let names: Vec<&str> = odd.keys().copied().collect();
    let why = odd.values().next()?;
    said(&format!("made without logctl's template ({why}), so that not all of it is found"), &names)
}

/// What is so of some indices, with the names of the first.
fn said(what: &str, names: &[&str]) -> Option<String> {
    let more = names.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let first = names.get(..NAMED).unwrap_or(names).join(", ");
    (!names.is_empty()).then(|| format!("{what}: {first}{more}"))
}
