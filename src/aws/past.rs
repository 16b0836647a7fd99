//! Events as CloudWatch Logs itself holds them.

use std::ops::Range;

use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use jiff::Timestamp;

use super::{Aws, Operation};
use crate::{error::Error, time::from_milliseconds};

/// Pages that are looked at: one may be empty although there is more.
const PAGES: usize = 3;

/// Events of one page: of a text that many hold, these are enough.
pub const MOST: u8 = 20;

/// An event as CloudWatch Logs holds it.
#[derive(Debug, Clone)]
pub struct PastEvent {
    /// Its id.
    pub id: String,
    /// When it happened.
    pub time: Timestamp,
    /// What it says.
    pub message: String,
}

/// Some events of a group that hold a text, in a range.
///
/// # Errors
/// When the group cannot be read.
pub async fn holding(aws: &Aws, group: &str, range: &Range<Timestamp>, text: &str) -> Result<Vec<PastEvent>, Error> {
    let client = aws.logs();
    // <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>
    let pattern = format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""));
    let mut token = None;
    for _ in 0..PAGES {
        let call = || {
            let call = client.filter_log_events().log_group_name(group).filter_pattern(&pattern).limit(MOST.into());
            let call = call.start_time(range.start.as_millisecond().max(0));
            call.end_time(range.end.as_millisecond().max(0)).set_next_token(token.clone()).send()
        };
        let page = aws
            .limited(Operation::FilterLogEvents, call)
            .await
            .map_err(|error| aws.explain(&format!("cannot read the events of {group}"), &error))?;
        let event = |event: &FilteredLogEvent| {
            let time = from_milliseconds(event.timestamp()?);
            Some(PastEvent { id: event.event_id()?.to_owned(), time, message: event.message()?.to_owned() })
        };
        let events: Vec<PastEvent> = page.events().iter().filter_map(event).collect();
        if !events.is_empty() {
            return Ok(events);
        }
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    Ok(Vec::new())
}
