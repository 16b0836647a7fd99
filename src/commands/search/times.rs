//! When the events of an answer happened, in one line: asked once they are shown, and not waited for long.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::{
    commands::numbers::parts,
    domain::DomainClient,
    events::{
        Search,
        numbers::{Reader, Times},
    },
    interrupt::Interrupt,
    time::rough,
    ui::sparkline,
};

/// Intervals of the line at most.
const COLUMNS: i32 = 40;
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Draws when the events that match happened. Nothing where that takes long, or is not known without reading them all.
pub async fn draw(search: &Search, domain: &DomainClient, interrupt: &Interrupt, zone: &TimeZone) -> Option<String> {
    if search.verdict.is_some() {
        return None;
    }
    let times = Times::of(&search.range, COLUMNS, zone);
    let reader = Reader { search, domain, interrupt, progress: &() };
    let figures = tokio::time::timeout(PATIENCE, reader.histogram(&times)).await.ok()?.ok()?;
    if !figures.warnings.is_empty() {
        return None; // It would pass for all of them.
    }
    let buckets = figures.of;
    let first = buckets.first()?.time.to_zoned_datetime(zone.clone());
    let each = rough(times.interval);
    let all: Vec<u64> = buckets.iter().map(|bucket| bucket.count).collect();
    let errors: Vec<u64> = buckets.iter().map(|bucket| parts(bucket)[2]).collect();
    let mut line = format!("each {each} from {}: {}", first.strftime("%m-%d %H:%M"), sparkline(&all));
    if errors.iter().any(|errors| *errors > 0) {
        line += &format!("  errors: {}", sparkline(&errors));
    }
    Some(line)
}
