//! What an index of another layout may find instead of a clause: at least as much.

use serde_json::{Value as Json, json};

use super::at_hand::Clause;

/// Where the default analyzer cuts a word.
const LONGEST_THERE: usize = 255;
/// Signs of a word by which another analyzer finds it, and how many are enough: of an id, those before its first hyphen.
const SHORTEST: usize = 3;
const ENOUGH: usize = 8;
/// Alternatives that narrow; more are too many for one request.
const MOST: usize = 100;

impl Clause {
    /// A clause that finds at least as much in indices where only the message is what it is in ours, analyzed as text is by
    /// default, and where text has a field `keyword` beside it.
    #[must_use]
    pub fn narrowed(&self) -> Json {
        let narrowed = self.by_runs();
        if is_all(&narrowed) {
            return narrowed;
        }
        // A longer word is cut there, wherever that is.
        any(vec![narrowed, json!({"wildcard": {"@message": {"value": "?".repeat(LONGEST_THERE)}}})])
    }

    fn by_runs(&self) -> Json {
        match self {
            Self::Nothing => json!({"match_none": {}}),
            Self::Bool { filter, should, one, .. } => {
                let mut filter: Vec<Json> = filter.iter().map(Self::by_runs).filter(|clause| !is_all(clause)).collect();
                if *one {
                    filter.push(any(should.iter().map(Self::by_runs).collect()));
                }
                filter.retain(|clause| !is_all(clause));
                match filter.len() {
                    0 => json!({"match_all": {}}),
                    1 => filter.remove(0),
                    _ => json!({"bool": {"filter": filter}}),
                }
            }
            Self::Ids(ids) => json!({"ids": {"values": ids}}),
            Self::Phrase(words) => {
                let said: Vec<Json> = words.iter().flat_map(|word| runs(word)).map(|run| said(Some(run))).collect();
                if said.is_empty() { json!({"match_all": {}}) } else { json!({"bool": {"filter": said}}) }
            }
            Self::Terms(field, values) => match field.as_str() {
                "@message" => any(values.iter().map(|value| said(runs(value).into_iter().next())).collect()),
                // An id may be in a field, with letters by their number.
                "@ids" | "@request_id" | "@trace_id" => {
                    any(values.iter().map(|id| told(runs(id).into_iter().next())).collect())
                }
                field if is_place(field) => in_keyword(field, &json!({"terms": {format!("{field}.keyword"): values}})),
                "@kv" => any(values.iter().map(|pair| of_pair(pair)).collect()),
                name if !name.starts_with('@') => json!({"match_none": {}}),
                _ => json!({"match_all": {}}),
            },
            Self::Matches(field, _, runs) if field == "@message" => said(runs.first().cloned()),
            Self::Matches(field, _, runs) if is_place(field) && !runs.is_empty() => {
                let has = |run| json!({"wildcard": {format!("{field}.keyword"): {"value": format!("*{run}*")}}});
                in_keyword(field, &json!({"bool": {"filter": runs.iter().map(has).collect::<Vec<_>>()}}))
            }
            Self::Exists(field) if !field.starts_with('@') => json!({"match_none": {}}),
            Self::Matches(field, ..) | Self::Range(field, _) if !field.starts_with('@') => json!({"match_none": {}}),
            Self::All | Self::Exists(_) | Self::Matches(..) | Self::Range(..) => json!({"match_all": {}}),
        }
    }
}

/// Letters and digits that stand together in a text, as many of them as are enough: every analyzer keeps them together.
pub(super) fn runs(text: &str) -> Vec<String> {
    let runs = text.split(|sign: char| !sign.is_ascii_alphanumeric()).filter(|run| run.len() >= SHORTEST);
    runs.map(|run| run[..run.len().min(ENOUGH)].to_owned()).collect()
}

fn is_all(clause: &Json) -> bool {
    clause.get("match_all").is_some()
}

fn any(clauses: Vec<Json>) -> Json {
    if clauses.iter().any(is_all) || clauses.len() > MOST {
        return json!({"match_all": {}});
    }
    super::dsl::any(clauses)
}

/// A message in which a run stands, in whatever case; all of them where there is none.
fn said(run: Option<String>) -> Json {
    let said = |run: String| json!({"wildcard": {"@message": {"value": format!("*{}*", run.to_ascii_lowercase())}}});
    run.map_or_else(|| json!({"match_all": {}}), said)
}

/// Whether it tells where an event comes from.
fn is_place(field: &str) -> bool {
    matches!(field, "@log_group" | "@log_stream")
}

/// What has a keyword, where that is not too long to be one.
fn in_keyword(field: &str, clause: &Json) -> Json {
    any(vec![clause.clone(), json!({"bool": {"must_not": [{"exists": {"field": format!("{field}.keyword")}}]}})])
}

/// A message that may tell a pair. Numbers are written in many ways, and letters may be by their number.
fn of_pair(pair: &str) -> Json {
    let value = logctl_core::pairs::split(pair).map(|(_, value)| value).filter(|value| value.parse::<f64>().is_err());
    told(value.and_then(|value| runs(value).into_iter().next()))
}

/// A message in which a run stands, or letters by their number.
fn told(run: Option<String>) -> Json {
    let by_number = run.is_some().then(|| said(Some("u00".to_owned())));
    any([said(run)].into_iter().chain(by_number).collect())
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;
    use crate::query::{dsl, parse};

    #[test_case(&["5fe983e8-ea42-4b16-af37-70d5a4f47fd9"], Some("5fe983e8"); "an id")]
    #[test_case(&["Payment failed"], Some("payment"); "a phrase")]
    #[test_case(&["a OR b"], None; "what is too short")]
    #[test_case(&["NOT failed"], None; "a negation")]
    #[test_case(&["status=500"], None; "a number")]
    #[test_case(&["user=otto"], Some("otto"); "a value")]
    #[test_case(&["@log_group=/aws/lambda/pay*"], Some("lambda"); "a beginning of a group")]
    #[test_case(&["@log_group=*/Shop/*"], Some("Shop"); "a pattern of a group")]
    fn is_narrowed(query: &[&str], expected: Option<&str>) {
        let query = parse(&query.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).unwrap();
        let narrowed = Clause::read(&dsl::compile(&query).clause).unwrap().narrowed();
        match expected {
            Some(run) => {
                let by_run = format!("*{run}*");
                assert!(!is_all(&narrowed) && narrowed.to_string().contains(&by_run), "{narrowed}");
            }
            None => assert!(is_all(&narrowed), "{narrowed}"),
        }
    }
}
