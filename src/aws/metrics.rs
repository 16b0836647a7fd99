//! Metrics of CloudWatch.

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
    let client = aws.signed().await?;
    let since = now.checked_sub(Span::new().hours(24 * DAYS)).unwrap_or(now);
    let time = |time: Timestamp| {
        utf8_percent_encode(&time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), NON_ALPHANUMERIC).to_string()
    };
    let form = format!(
        "Action=GetMetricStatistics&Version=2010-08-01&Namespace=AWS%2FLogs&MetricName=IncomingBytes\
         &Period=86400&Statistics.member.1=Sum&StartTime={}&EndTime={}",
        time(since),
        time(now)
    );
    let answer = aws.call_signed("monitoring", || client.query("monitoring", &form)).await;
    let answer = answer.map_err(|error| aws.explain_signed("cannot read how much is logged", &error))?;
    let days: Vec<f64> = texts(&answer, "Sum").filter_map(|sum| sum.parse().ok()).collect();
    // A day that has not begun counts nothing.
    let number = u32::try_from(days.len()).unwrap_or(u32::MAX);
    Ok((number > 0).then(|| days.iter().sum::<f64>() / f64::from(number)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::mocked::Account;

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
