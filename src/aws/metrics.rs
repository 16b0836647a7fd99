//! Metrics of CloudWatch.

use std::ops::Range;

use jiff::{Span, Timestamp};
use logctl_sink::aws::xml::texts;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Aws;
use crate::error::Error;

/// Days that are looked back.
const DAYS: i64 = 7;

/// Bytes of log events that come in on a day, on average over the last week; `None` where there is no figure. The metric without
/// a dimension is that of the account and Region:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html>.
///
/// # Errors
/// When the metric cannot be read.
pub async fn incoming_bytes_a_day(aws: &Aws, now: Timestamp) -> Result<Option<f64>, Error> {
    let since = now.checked_sub(Span::new().hours(24 * DAYS)).unwrap_or(now);
    let days = sums(aws, "IncomingBytes", &[], 86_400, since..now).await?;
    // A day that has not begun counts nothing.
    let number = u32::try_from(days.len()).unwrap_or(u32::MAX);
    Ok((number > 0).then(|| days.iter().sum::<f64>() / f64::from(number)))
}

/// Deliveries of a filter of a log group to a function that have failed since a time; `None` where there is no figure, which
/// comes minutes late.
///
/// # Errors
/// When the metric cannot be read.
pub async fn failed_deliveries(aws: &Aws, group: &str, filter: &str, since: Timestamp) -> Result<Option<u64>, Error> {
    let dimensions = [("LogGroupName", group), ("DestinationType", "Lambda"), ("FilterName", filter)];
    let until = since.checked_add(Span::new().hours(24)).unwrap_or(since);
    let errors = sums(aws, "DeliveryErrors", &dimensions, 60, since..until).await?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of ones")]
    Ok((!errors.is_empty()).then(|| errors.iter().sum::<f64>() as u64))
}

/// What a metric of CloudWatch Logs adds up to in each period of so many seconds for which there is a figure.
async fn sums(
    aws: &Aws,
    metric: &str,
    dimensions: &[(&str, &str)],
    period: u32,
    range: Range<Timestamp>,
) -> Result<Vec<f64>, Error> {
    let client = aws.signed().await?;
    let text = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let time = |time: Timestamp| text(&time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let mut form = format!(
        "Action=GetMetricStatistics&Version=2010-08-01&Namespace=AWS%2FLogs&MetricName={metric}\
         &Period={period}&Statistics.member.1=Sum&StartTime={}&EndTime={}",
        time(range.start),
        time(range.end)
    );
    for (at, (name, value)) in (1..).zip(dimensions) {
        let dimension = format!("&Dimensions.member.{at}");
        form += &format!("{dimension}.Name={name}{dimension}.Value={}", text(value));
    }
    let answer = aws.call_signed("monitoring", || client.query("monitoring", &form)).await;
    let answer = answer.map_err(|error| aws.explain_signed(&format!("cannot read the metric {metric}"), &error))?;
    Ok(texts(&answer, "Sum").filter_map(|sum| sum.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::mocked::Account;

    #[tokio::test]
    async fn deliveries_that_failed_are_added_up() {
        let answer = "<Datapoints><member><Sum>2.0</Sum></member><member><Sum>1.0</Sum></member></Datapoints>";
        for (answer, failed) in [(answer, Some(3)), ("<Datapoints/>", None)] {
            let account = Account::new(&[("GetMetricStatistics", 200, answer)]).await;
            let found = failed_deliveries(&account.aws().await, "/a", "ours", Timestamp::UNIX_EPOCH).await;
            assert_eq!(found, Ok(failed));
        }
    }

    #[tokio::test]
    async fn days_with_figures_are_averaged() {
        let answer = "<Datapoints><member><Sum>3.0E9</Sum></member><member><Sum>1.0E9</Sum></member></Datapoints>";
        let account = Account::new(&[("GetMetricStatistics", 200, answer)]).await;
        let bytes = incoming_bytes_a_day(&account.aws().await, Timestamp::UNIX_EPOCH).await.unwrap();
        assert!((bytes.unwrap() - 2e9).abs() < 1.0, "{bytes:?}");
        let account = Account::new(&[("GetMetricStatistics", 200, "<Datapoints/>")]).await;
        assert_eq!(incoming_bytes_a_day(&account.aws().await, Timestamp::UNIX_EPOCH).await, Ok(None));
    }
}
