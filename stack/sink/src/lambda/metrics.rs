//! What an invocation has done, as one line in CloudWatch's embedded metric format.
//!
//! Only numbers and names, never what was logged:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.

use logctl_core::dead_letter::LetterKind;
use serde_json::{Map, Value, json};

use crate::{letters::Letters, writer::Written};

/// The namespace of every metric.
const NAMESPACE: &str = "logctl";

/// Names, units and values.
type Metrics = Vec<(&'static str, &'static str, Value)>;

/// The delivery that an invocation has handled.
#[derive(Debug, Default)]
pub struct Delivery {
    /// Events that arrived.
    pub events: usize,
    /// Bytes of the payload, decompressed.
    pub bytes: usize,
    /// When the oldest event happened, in milliseconds since 1970.
    pub oldest: Option<i64>,
    /// Whether the domain was not tried, because it had been out of order.
    pub circuit_open: bool,
}

impl Delivery {
    /// The metrics of a delivery that began at `at`, in milliseconds since 1970.
    #[must_use]
    pub fn metrics(&self, at: i64, written: &Written, letters: &Letters) -> Metrics {
        let mut metrics = vec![
            ("Events", "Count", json!(self.events)),
            ("Bytes", "Bytes", json!(self.bytes)),
            ("Indexed", "Count", json!(written.created)),
            ("Duplicates", "Count", json!(written.duplicates)),
            ("Untyped", "Count", json!(written.untyped)),
            ("Crowded", "Count", json!(written.crowded)),
            ("MappingUnread", "Count", json!(written.unread)),
            ("Degraded", "Count", json!(written.degraded)),
            ("Redacted", "Count", json!(written.redacted)),
            ("Retries", "Count", json!(written.retries)),
            ("Rejected", "Count", json!(letters.count(LetterKind::Rejected))),
            ("Outage", "Count", json!(letters.count(LetterKind::Outage))),
            ("Undecodable", "Count", json!(letters.count(LetterKind::Undecodable))),
            // An outage that was met only now opens it.
            ("CircuitOpen", "Count", json!(u8::from(self.circuit_open || written.outage().is_some()))),
        ];
        if let Some(oldest) = self.oldest {
            metrics.push(("OldestEventAge", "Milliseconds", json!(at.saturating_sub(oldest).max(0))));
        }
        metrics
    }
}

/// What a redrive has done.
#[derive(Debug, Default)]
pub struct Redrive {
    /// Objects of which nothing is left.
    pub objects: usize,
    /// Objects of which something waits on.
    pub waiting: usize,
    /// Objects that could not be read or written, and were set aside.
    pub set_aside: usize,
    /// Letters that were refused for good, and wait for a person now.
    pub refused: usize,
    /// Letters of logctl's own functions, which were dropped.
    pub own: usize,
    /// What became of the events.
    pub written: Written,
}

impl Redrive {
    /// The metrics of it.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        vec![
            ("RedrivenObjects", "Count", json!(self.objects)),
            ("RedriveWaiting", "Count", json!(self.waiting)),
            ("RedriveSetAside", "Count", json!(self.set_aside)),
            ("RedriveOwn", "Count", json!(self.own)),
            ("Redriven", "Count", json!(self.written.created)),
            ("RedrivenDuplicates", "Count", json!(self.written.duplicates)),
            ("Rejected", "Count", json!(self.refused)),
        ]
    }
}

/// The metrics of a delivery of the forwarder's own log, and of the filters that were deleted for it.
#[must_use]
pub fn loops(deleted: usize) -> Metrics {
    vec![("Loops", "Count", json!(1)), ("LoopFiltersDeleted", "Count", json!(deleted))]
}

/// The line for an invocation that began at `at`, in milliseconds since 1970, and took so many milliseconds.
#[must_use]
pub fn line(stack: &str, at: i64, took: u64, mut metrics: Metrics) -> Value {
    metrics.push(("Took", "Milliseconds", json!(took)));
    let definition = |(name, unit, _): &(_, _, _)| json!({"Name": name, "Unit": unit});
    let definitions: Vec<Value> = metrics.iter().map(definition).collect();
    let mut line: Map<String, Value> = metrics.into_iter().map(|(name, _, value)| (name.to_owned(), value)).collect();
    line.insert("Stack".to_owned(), json!(stack));
    let directive = json!({"Namespace": NAMESPACE, "Dimensions": [["Stack"]], "Metrics": definitions});
    line.insert("_aws".to_owned(), json!({"Timestamp": at, "CloudWatchMetrics": [directive]}));
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_that_is_defined_is_there() {
        let written = Written { created: 3, duplicates: 1, degraded: 1, retries: 2, ..Written::default() };
        let delivery = Delivery { events: 4, bytes: 99, oldest: Some(500), ..Delivery::default() };
        let line = line("logctl", 2_000, 7, delivery.metrics(2_000, &written, &Letters::default()));
        let definitions = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        assert_eq!(definitions.len(), 16);
        for definition in definitions {
            assert!(line[definition["Name"].as_str().unwrap()].is_number(), "{definition}");
        }
        assert_eq!(
            (&line["Indexed"], &line["OldestEventAge"], &line["Took"], &line["Stack"]),
            (&json!(3), &json!(1500), &json!(7), &json!("logctl"))
        );
    }

    #[test]
    fn a_delivery_without_events_has_no_age() {
        let metrics = Delivery::default().metrics(1, &Written::default(), &Letters::default());
        assert!(!metrics.iter().any(|(name, ..)| *name == "OldestEventAge"));
    }
}
