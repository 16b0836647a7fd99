//! Metrics of CloudWatch.

use std::{borrow::Cow, ops::Range};

use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Aws, Operation, Tokens};
use crate::error::Error;

const NAMESPACE: &str = "AWS/Logs";
/// Days that are looked back.
const DAYS: i64 = 7;
/// Metrics of one call, the most that the API takes.
const METRICS: usize = 500;

/// Bytes of log events that come in on a day, on average over the last week; `None` where there is no figure. The metric without
/// a dimension is that of the account and Region:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html>.
///
/// # Errors
/// When the metric cannot be read.
pub async fn incoming_bytes_a_day(aws: &Aws, now: Timestamp) -> Result<Option<f64>, Error> {
    let since = now.checked_sub(Span::new().hours(24 * DAYS)).unwrap_or(now);
    let days = series(aws, [Metric::new("IncomingBytes", &[])], 86_400, &(since..now)).await?.concat();
    // A day that has not begun counts nothing.
    let number = u32::try_from(days.len()).unwrap_or(u32::MAX);
    Ok((number > 0).then(|| days.iter().map(|(_, bytes)| bytes).sum::<f64>() / f64::from(number)))
}

/// Deliveries of a filter of a log group to a function that have failed since a time; `None` where there is no figure, which
/// comes minutes late.
///
/// # Errors
/// When the metric cannot be read.
pub async fn failed_deliveries(aws: &Aws, group: &str, filter: &str, since: Timestamp) -> Result<Option<u64>, Error> {
    let metric = Metric::of_filter("DeliveryErrors", group, filter);
    let until = since.checked_add(Span::new().hours(24)).unwrap_or(since);
    let errors = sums(aws, [metric], 60, &(since..until)).await?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of ones")]
    Ok(errors.into_iter().flatten().next().map(|errors| errors as u64))
}

/// A metric of CloudWatch Logs: its name, and its dimensions with their values.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metric<'a> {
    namespace: &'static str,
    #[serde(rename = "MetricName")]
    name: &'static str,
    dimensions: Vec<Dimension<'a>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Dimension<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
}

impl<'a> Metric<'a> {
    fn new(name: &'static str, dimensions: &[(&'a str, &'a str)]) -> Self {
        let dimension = |(name, value): &(&'a str, &'a str)| Dimension { name: (*name).into(), value: (*value).into() };
        Self { namespace: NAMESPACE, name, dimensions: dimensions.iter().map(dimension).collect() }
    }

    /// Events, or their bytes, that come into a log group.
    #[must_use]
    pub fn incoming(name: &'static str, group: &'a str) -> Self {
        Self::new(name, &[("LogGroupName", group)])
    }

    /// What a filter of a log group does with its events: forwards them to a function, or fails to.
    #[must_use]
    pub fn of_filter(name: &'static str, group: &'a str, filter: &'a str) -> Self {
        Self::new(name, &[("LogGroupName", group), ("DestinationType", "Lambda"), ("FilterName", filter)])
    }
}

/// Group and name of the filters to functions that a metric of this name has figures of: from the last three hours, or from the
/// last two weeks.
///
/// # Errors
/// When the metrics cannot be listed.
pub async fn filters(aws: &Aws, metric: &str, recent: bool) -> Result<Vec<(String, String)>, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Listed {
        #[serde(default)]
        metrics: Vec<ListedMetric>,
        next_token: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct ListedMetric {
        #[serde(default)]
        dimensions: Vec<Dimension<'static>>,
    }
    const FAILED: &str = "cannot list the metrics of deliveries";
    let (mut found, mut token, mut tokens) = (Vec::new(), None::<String>, Tokens::default());
    loop {
        let mut input = json!({
            "Namespace": NAMESPACE, "MetricName": metric,
            "Dimensions": [{"Name": "DestinationType", "Value": "Lambda"}, {"Name": "FilterName"}],
        });
        if recent {
            input["RecentlyActive"] = json!("PT3H");
        }
        if let Some(token) = &token {
            input["NextToken"] = json!(token);
        }
        let page: Listed = call(aws, Operation::ListMetrics, "ListMetrics", &input, FAILED).await?;
        found.extend(page.metrics.into_iter().filter_map(|metric| {
            let value = |name| metric.dimensions.iter().find(|it| it.name == name).map(|it| it.value.to_string());
            Some((value("LogGroupName")?, value("FilterName")?))
        }));
        token = tokens.next(page.next_token, FAILED)?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// What each metric adds up to in a time, told in periods of so many seconds; `None` where there is no figure.
///
/// # Errors
/// When they cannot be read, or not whole.
pub async fn sums<'m>(
    aws: &Aws,
    metrics: impl IntoIterator<Item = Metric<'m>>,
    period: u32,
    range: &Range<Timestamp>,
) -> Result<Vec<Option<f64>>, Error> {
    let mut sums = Vec::new();
    read(aws, metrics, period, range, |at, figures| {
        sums.resize(sums.len().max(at + 1), None);
        let sum = figures.map(|(_, figure)| figure).reduce(|sum, figure| sum + figure);
        sums[at] = sums[at].into_iter().chain(sum).reduce(|sum, figure| sum + figure);
    })
    .await?;
    Ok(sums)
}

/// Each figure of each metric with the begin of its period, in no order.
///
/// # Errors
/// When they cannot be read, or not whole.
pub async fn series<'m>(
    aws: &Aws,
    metrics: impl IntoIterator<Item = Metric<'m>>,
    period: u32,
    range: &Range<Timestamp>,
) -> Result<Vec<Vec<(Timestamp, f64)>>, Error> {
    let mut series = Vec::new();
    read(aws, metrics, period, range, |at, figures| {
        series.resize(series.len().max(at + 1), Vec::new());
        #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970")]
        let begin = |seconds: f64| Timestamp::from_second(seconds as i64).unwrap_or_default();
        series[at].extend(figures.map(|(seconds, figure)| (begin(seconds), figure)));
    })
    .await?;
    Ok(series)
}

/// Reads figures, and hands over those of each metric by its number, with the second since 1970 in which the period begins.
async fn read<'m>(
    aws: &Aws,
    metrics: impl IntoIterator<Item = Metric<'m>>,
    period: u32,
    range: &Range<Timestamp>,
    mut take: impl FnMut(usize, &mut dyn Iterator<Item = (f64, f64)>),
) -> Result<(), Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Output {
        #[serde(default)]
        metric_data_results: Vec<Figures>,
        next_token: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Figures {
        id: String,
        status_code: Option<String>,
        #[serde(default)]
        timestamps: Vec<f64>,
        #[serde(default)]
        values: Vec<f64>,
    }
    const FAILED: &str = "cannot read the metrics of CloudWatch Logs";
    let (mut metrics, mut before) = (metrics.into_iter(), 0);
    loop {
        let part: Vec<Metric<'m>> = metrics.by_ref().take(METRICS).collect();
        if part.is_empty() {
            return Ok(());
        }
        let query = |(at, metric)| json!({"Id": format!("m{at}"), "MetricStat": {"Metric": metric, "Period": period, "Stat": "Sum"}});
        let mut input = json!({
            "MetricDataQueries": part.iter().enumerate().map(query).collect::<Vec<_>>(),
            "StartTime": range.start.as_second(), "EndTime": range.end.as_second(),
        });
        let (mut tokens, mut complete) = (Tokens::default(), vec![false; part.len()]);
        loop {
            let page: Output = call(aws, Operation::GetMetricData, "GetMetricData", &input, FAILED).await?;
            for Figures { id, status_code, timestamps, values } in page.metric_data_results {
                let at = id.strip_prefix('m').and_then(|at| at.parse::<usize>().ok());
                let Some(at) = at.filter(|at| *at < complete.len()) else { continue };
                complete[at] = status_code.as_deref() == Some("Complete");
                take(before + at, &mut timestamps.into_iter().zip(values));
            }
            let Some(token) = tokens.next(page.next_token, FAILED)? else { break };
            input["NextToken"] = json!(token);
        }
        // What lacks a part looks like less.
        let lacking = complete.iter().filter(|complete| !**complete).count();
        if lacking > 0 {
            let because = format!("AWS tells {lacking} of {} metrics in part or not at all", complete.len());
            return Err(Error::failed(FAILED).because(because));
        }
        before += part.len();
    }
}

/// CloudWatch speaks JSON, too:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/Welcome.html>.
async fn call<T: DeserializeOwned>(
    aws: &Aws,
    operation: Operation,
    name: &str,
    input: &Value,
    failed: &str,
) -> Result<T, Error> {
    let (client, target) = (aws.signed().await?, format!("GraniteServiceVersion20100801.{name}"));
    let call = || client.call("monitoring", &target, input);
    aws.limited_signed(operation, call).await.map_err(|error| aws.explain_signed(failed, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::mocked::Account;

    fn figures(values: &[f64]) -> String {
        let timestamps = vec![0; values.len()];
        json!({"MetricDataResults": [{"Id": "m0", "StatusCode": "Complete", "Timestamps": timestamps, "Values": values}]}).to_string()
    }

    #[tokio::test]
    async fn deliveries_that_failed_are_added_up() {
        for (values, failed) in [(&[2.0, 1.0][..], Some(3)), (&[], None)] {
            let account = Account::new(&[("GetMetricData", 200, &figures(values))]).await;
            let found = failed_deliveries(&account.aws().await, "/a", "ours", Timestamp::UNIX_EPOCH).await;
            assert_eq!(found, Ok(failed));
        }
    }

    #[tokio::test]
    async fn days_with_figures_are_averaged() {
        let account = Account::new(&[("GetMetricData", 200, &figures(&[3e9, 1e9]))]).await;
        let bytes = incoming_bytes_a_day(&account.aws().await, Timestamp::UNIX_EPOCH).await.unwrap();
        assert!((bytes.unwrap() - 2e9).abs() < 1.0, "{bytes:?}");
        let account = Account::new(&[("GetMetricData", 200, &figures(&[]))]).await;
        assert_eq!(incoming_bytes_a_day(&account.aws().await, Timestamp::UNIX_EPOCH).await, Ok(None));
    }

    #[tokio::test]
    async fn many_metrics_are_asked_for_in_parts_and_pages() {
        let result = |at: usize, status: &str, value: f64| json!({"Id": format!("m{at}"), "StatusCode": status, "Timestamps": [0], "Values": [value]});
        let first = |status| {
            (0..METRICS).map(|at| result(at, if at == 0 { status } else { "Complete" }, 1.0)).collect::<Vec<_>>()
        };
        let first = json!({"MetricDataResults": first("PartialData"), "NextToken": "more"});
        let second = json!({"MetricDataResults": [result(0, "Complete", 3.0)]});
        let third = json!({"MetricDataResults": [result(0, "Complete", 4.0)]});
        let bodies = [first, second, third].map(|body| body.to_string());
        let answers: Vec<_> = bodies.iter().map(|body| ("GetMetricData", 200, body.as_str())).collect();
        let account = Account::new(&answers).await;
        let metrics = vec![Metric::incoming("IncomingBytes", "/a"); METRICS + 1];
        let range = Timestamp::UNIX_EPOCH..Timestamp::UNIX_EPOCH;
        let sums = sums(&account.aws().await, metrics, 60, &range).await.unwrap();
        assert_eq!((&sums[0], &sums[499], &sums[500]), (&Some(4.0), &Some(1.0), &Some(4.0)));
        assert_eq!(account.asked().await.len(), 3);
    }

    #[tokio::test]
    async fn half_of_the_figures_are_none() {
        let range = Timestamp::UNIX_EPOCH..Timestamp::UNIX_EPOCH;
        for results in [json!([]), json!([{"Id": "m0", "StatusCode": "InternalError", "Timestamps": [], "Values": []}])]
        {
            let body = json!({"MetricDataResults": results}).to_string();
            let account = Account::new(&[("GetMetricData", 200, &body)]).await;
            let read = sums(&account.aws().await, [Metric::incoming("IncomingBytes", "/a")], 60, &range).await;
            assert!(read.unwrap_err().one_line().contains("tells 1 of 1 metrics in part or not at all"));
        }
    }

    #[tokio::test]
    async fn who_delivers_is_listed() {
        let metric = |group: &str, filter: &str| json!({"Dimensions": [{"Name": "LogGroupName", "Value": group}, {"Name": "FilterName", "Value": filter}]});
        let first = json!({"Metrics": [metric("/a", "ours"), {"Dimensions": []}], "NextToken": "more"}).to_string();
        let second = json!({"Metrics": [metric("/b", "theirs")]}).to_string();
        let account = Account::new(&[("ListMetrics", 200, &first), ("ListMetrics", 200, &second)]).await;
        let found = filters(&account.aws().await, "ForwardedLogEvents", true).await.unwrap();
        assert_eq!(found, [("/a", "ours"), ("/b", "theirs")].map(|(a, b)| (a.to_owned(), b.to_owned())));
    }
}
