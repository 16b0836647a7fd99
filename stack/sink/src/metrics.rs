//! What an invocation has done, as one line in CloudWatch's embedded metric format.
//!
//! Only numbers and names, never what was logged:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.

use logctl_core::dead_letter::Kind;
use serde_json::{Map, Value, json};

use crate::writer::Written;

/// The namespace of every metric.
const NAMESPACE: &str = "logctl";

/// An invocation of LogsForwarder.
#[derive(Debug)]
pub struct Invocation<'a> {
    /// The stack, the metrics' only dimension.
    pub stack: &'a str,
    /// When it began, in milliseconds since 1970.
    pub at: i64,
    /// How long it took, in milliseconds.
    pub took: u64,
    /// Events that arrived.
    pub events: usize,
    /// Bytes of their messages.
    pub bytes: usize,
    /// When the oldest of them happened, in milliseconds since 1970.
    pub oldest: Option<i64>,
    /// What became of them.
    pub written: &'a Written,
}

impl Invocation<'_> {
    /// The line.
    #[must_use]
    pub fn line(&self) -> Value {
        let dead = |kind| self.written.dead.iter().filter(|letter| letter.kind == kind).count();
        let age = self.oldest.map(|oldest| json!(self.at.saturating_sub(oldest).max(0)));
        let metrics = [
            ("Events", "Count", Some(json!(self.events))),
            ("Bytes", "Bytes", Some(json!(self.bytes))),
            ("Indexed", "Count", Some(json!(self.written.created))),
            ("Duplicates", "Count", Some(json!(self.written.duplicates))),
            ("Degraded", "Count", Some(json!(self.written.degraded))),
            ("Retries", "Count", Some(json!(self.written.retries))),
            ("Rejected", "Count", Some(json!(dead(Kind::Rejected)))),
            ("Outage", "Count", Some(json!(dead(Kind::Outage)))),
            ("Undecodable", "Count", Some(json!(dead(Kind::Undecodable)))),
            ("Took", "Milliseconds", Some(json!(self.took))),
            ("OldestEventAge", "Milliseconds", age),
        ];
        let there = || metrics.iter().filter_map(|(name, unit, value)| Some((*name, *unit, value.as_ref()?)));
        let definitions: Vec<Value> = there().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
        let mut line: Map<String, Value> = there().map(|(name, _, value)| (name.to_owned(), value.clone())).collect();
        line.insert("Stack".to_owned(), json!(self.stack));
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": self.at,
                "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [["Stack"]], "Metrics": definitions}],
            }),
        );
        Value::Object(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_that_is_defined_is_there_and_the_counts_add_up() {
        let written = Written { created: 3, duplicates: 1, degraded: 1, retries: 2, dead: Vec::new() };
        let invocation = Invocation {
            stack: "logctl",
            at: 2_000,
            took: 7,
            events: 4,
            bytes: 99,
            oldest: Some(500),
            written: &written,
        };
        let line = invocation.line();
        let definitions = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        assert_eq!(definitions.len(), 11);
        for definition in definitions {
            assert!(line[definition["Name"].as_str().unwrap()].is_number(), "{definition}");
        }
        assert_eq!(
            (&line["Indexed"], &line["OldestEventAge"], &line["Stack"]),
            (&json!(3), &json!(1500), &json!("logctl"))
        );
    }

    #[test]
    fn an_invocation_without_events_has_no_age() {
        let written = Written::default();
        let line =
            Invocation { stack: "s", at: 1, took: 0, events: 0, bytes: 0, oldest: None, written: &written }.line();
        assert_eq!(line.get("OldestEventAge"), None);
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().len(), 10);
    }
}
