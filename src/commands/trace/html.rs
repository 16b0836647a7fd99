//! A timeline as one page, to be attached to a ticket.

use std::{fmt::Write as _, path::Path};

use jiff::{Timestamp, tz::TimeZone};

use super::report::{Report, length, milliseconds, words_of};
use crate::{
    commands::page::{self, xml},
    error::Error,
    events::{
        Event,
        trace::{self, Lane},
    },
    time,
    words::count,
};

const STYLE: &str = include_str!("trace.css");

/// Writes the page.
///
/// # Errors
/// Where the file cannot be written.
pub fn write(report: &Report<'_>, path: &Path) -> Result<(), Error> {
    page::write(&page(report), path)
}

fn page(report: &Report<'_>) -> String {
    let typed: Vec<&str> = report.ids.iter().filter(|id| id.depth == 0).map(|id| id.id.as_str()).collect();
    let mut page = page::head(&format!("Trace of {}", typed.join(", ")), STYLE);
    let errors: usize = report.timeline.lanes.iter().map(|lane| lane.errors).sum();
    let _ = writeln!(
        page,
        "<p>{} of {} in {}, <span class=\"{}\">{}</span></p>\n<p class=\"dim\">{}, {}</p>",
        count(report.events.len(), "event"),
        count(report.timeline.lanes.len(), "log group"),
        length(report.length()),
        if errors > 0 { "bad" } else { "dim" },
        count(errors, "error"),
        xml(&time::describe(&report.range, &TimeZone::UTC)),
        xml(&report.place.to_string()),
    );
    page += &silent(report);
    page += &lanes(report);
    page += &events(report);
    page += &ids(report);
    page
}

/// Log groups that are missing here.
fn silent(report: &Report<'_>) -> String {
    let mut section = String::new();
    for silent in &report.unstreamed.groups {
        let (group, said) = (xml(&silent.group), xml(&silent.said()));
        let _ = writeln!(section, "<p class=\"silent\"><b>{group}</b> {said}.</p>");
    }
    if let Some(unasked) = report.unasked() {
        let _ = writeln!(section, "<p class=\"dim\">{}.</p>", xml(&unasked));
    }
    if let Some(why) = &report.unstreamed.unknown {
        let _ = writeln!(
            section,
            "<p class=\"dim\">Whether a log group that is not streamed holds it is not known: {}.</p>",
            xml(why)
        );
    }
    for warning in report.warnings {
        let _ = writeln!(section, "<p class=\"warning\">{}</p>", xml(warning));
    }
    section
}

/// The lanes as bars, each with its events and what they have taken.
fn lanes(report: &Report<'_>) -> String {
    let mut rows = String::new();
    let whole = report.length().as_secs_f64().max(1e-9);
    let place = |at: Timestamp| (at.duration_since(report.first()).as_secs_f64() / whole * 100.0).clamp(0.0, 100.0);
    let mut events: Vec<Vec<&Event>> = vec![Vec::new(); report.timeline.lanes.len()];
    for event in report.events {
        events[report.timeline.lane(event)].push(event);
    }
    for (lane, events) in report.timeline.lanes.iter().zip(events) {
        let Lane { first, last, .. } = lane;
        let mut marks = format!(
            "<i class=\"span\" style=\"left:{:.2}%;width:{:.2}%\"></i>",
            place(*first),
            place(*last) - place(*first)
        );
        for event in &events {
            if let Some(took) = trace::duration_ms(event) {
                // What is reported at the end has begun before.
                let end = place(event.time);
                let wide = (took / 10.0 / whole).min(end);
                let _ = write!(marks, "<i class=\"took\" style=\"left:{:.2}%;width:{wide:.2}%\"></i>", end - wide);
            }
        }
        // What is worse lies above.
        let mut dots = events.clone();
        dots.sort_by_key(|event| ["", "warning", "bad"].iter().position(|it| *it == class(event)));
        for event in dots {
            let class = class(event);
            let _ = write!(marks, "<i class=\"dot {class}\" style=\"left:{:.2}%\"></i>", place(event.time));
        }
        let longest = lane.durations_ms.iter().copied().reduce(f64::max);
        let took = longest
            .map_or_else(String::new, |longest| format!(" <span class=\"dim\">{}</span>", milliseconds(longest)));
        let _ = writeln!(rows, "<b>{}{took}</b><div class=\"track\">{marks}</div>", xml(&lane.name));
    }
    format!(
        "<div class=\"lanes\" role=\"img\" aria-label=\"log groups over time\">\n{rows}<span></span>\
         <div class=\"scale dim\"><span>0</span><span>{}</span></div></div>\n",
        length(report.length())
    )
}

fn class(event: &Event) -> &'static str {
    match event.level.as_deref() {
        Some("error" | "fatal") => "bad",
        Some("warn") => "warning",
        _ => "",
    }
}

fn events(report: &Report<'_>) -> String {
    let mut rows = String::new();
    let mut gaps = report.timeline.gaps.iter().peekable();
    for (number, event) in report.events.iter().enumerate() {
        let lane = &report.timeline.lanes[report.timeline.lane(event)];
        let level = event.level.as_deref().unwrap_or_default();
        let _ = writeln!(
            rows,
            "<tr><td class=\"dim\">{}</td><td class=\"name\">{}</td><td class=\"{}\">{}</td><td><pre>{}</pre>{}</td></tr>",
            trace::offset(event, report.first()),
            xml(&lane.name),
            class(event),
            xml(level),
            lines(words_of(event)),
            if words_of(event) == event.message.trim() {
                String::new()
            } else {
                format!(
                    "<details><summary class=\"dim\">whole event</summary><pre>{}</pre></details>",
                    lines(&event.message)
                )
            },
        );
        if let Some(gap) = gaps.next_if(|gap| gap.after == number) {
            let _ = writeln!(
                rows,
                "<tr class=\"gap\"><td colspan=\"4\" class=\"warning\">nothing for {}</td></tr>",
                length(gap.length())
            );
        }
    }
    format!(
        "<h2>Events</h2>\n<table class=\"events\">\n<thead><tr><th>After</th><th>Service</th><th>Level</th><th>Message</th></tr></thead>\n\
         <tbody>\n{rows}</tbody></table>\n"
    )
}

/// A text of several lines.
fn lines(text: &str) -> String {
    text.lines().map(xml).collect::<Vec<_>>().join("\n")
}

fn ids(report: &Report<'_>) -> String {
    let mut rows = String::new();
    for id in report.ids {
        let how = match id.depth {
            0 => "typed".to_owned(),
            steps => count(steps, "step"),
        };
        let more = if id.at_least { "more than " } else { "" };
        let events = count(id.events, "event");
        let events = if id.crowded { format!("{events}, too many to be followed") } else { events };
        let _ = writeln!(rows, "<tr><td class=\"name\">{}</td><td>{how}</td><td>{more}{events}</td></tr>", xml(&id.id));
    }
    format!("<details><summary>Ids</summary>\n<table><tbody>\n{rows}</tbody></table></details>\n")
}
