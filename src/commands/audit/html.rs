//! The report as one page: without a script, without a network, readable on paper and on a phone.

use std::{fmt::Write as _, path::Path};

use indicatif::HumanBytes;
use logctl_core::coverage::State;

use super::report::{Report, is_streamable};
use crate::{
    commands::{
        group_report::{GroupReport, role},
        page::{self, xml},
    },
    error::Error,
    time::rfc3339,
    ui::Role,
    words::grouped,
};

const STYLE: &str = include_str!("audit.css");

/// Writes the page.
///
/// # Errors
/// Where the file cannot be written.
pub fn write(report: &Report<'_>, path: &Path) -> Result<(), Error> {
    page::write(&page(report), path)
}

/// The page.
fn page(report: &Report<'_>) -> String {
    let taken = xml(&minute(&report.taken_at()));
    let (delivers, streamable) = (report.number(State::delivers), report.number(is_streamable));
    let mut page = page::head(&format!("Log groups of {}", report.target()), STYLE);
    page += &format!("<p class=\"dim\">As of {taken}. Each state holds as of its own time.</p>\n");
    page += &bar("Log groups", delivers, streamable, &|number| grouped(number));
    let (delivers, streamable) = (report.bytes(State::delivers), report.bytes(is_streamable));
    if streamable > 0 {
        page += &bar("Volume", delivers, streamable, &|bytes| format!("{} a day", HumanBytes(bytes)));
    }
    page += &states(report);
    page += &destinations(report);
    page += &unread(report);
    page += &table("Need something", report, |role| matches!(role, Role::Bad | Role::Warning), true);
    page += &table("Need nothing", report, |role| !matches!(role, Role::Bad | Role::Warning), false);
    page
}

/// A share of something, as a picture and in words.
fn bar(name: &str, part: u64, whole: u64, written: &dyn Fn(u64) -> String) -> String {
    let percent = (part.saturating_mul(100)).checked_div(whole).unwrap_or_default();
    format!(
        "<section><h2>{name}</h2><svg class=\"bar\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"{percent} percent\"><rect class=\"rest\" width=\"100\" height=\"4\"/>\
         <rect class=\"good\" width=\"{percent}\" height=\"4\"/></svg>\
         <p><b>{percent} %</b> streamed: {} of {}</p></section>\n",
        written(part),
        written(whole)
    )
}

/// How many there are in each state, as bars beside one another.
fn states(report: &Report<'_>) -> String {
    let most = report.summary.by_state.values().copied().max().unwrap_or(1).max(1);
    let mut rows = String::new();
    for (state, number) in &report.summary.by_state {
        let bytes = report.summary.bytes_per_day_by_state.get(state);
        let bytes = bytes.map_or_else(String::new, |bytes| format!("{} a day", HumanBytes(*bytes)));
        let width = (number * 100).div_ceil(most);
        let _ = writeln!(
            rows,
            "<tr><th><span class=\"{}\">{state}</span></th><td class=\"number\">{}</td><td class=\"chart\">\
             <svg class=\"line\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
             <rect class=\"{}\" width=\"{width}\" height=\"4\"/></svg></td><td class=\"number\">{bytes}</td></tr>",
            class(role(*state)),
            grouped(*number as u64),
            class(role(*state)),
        );
    }
    format!("<section><h2>States</h2><table class=\"states\">\n{rows}</table></section>\n")
}

/// Where events go, and how groups keep them.
fn destinations(report: &Report<'_>) -> String {
    let mut rows = String::new();
    for destination in &report.overview.destinations {
        let (groups, bytes) = destination.numbers();
        let there = match destination.exists {
            Some(false) => "<span class=\"bad\">gone</span>",
            Some(true) => "",
            None => "<span class=\"dim\">not looked at</span>",
        };
        let _ = writeln!(
            rows,
            "<tr><td class=\"name\">{}</td><td class=\"number\">{groups}</td><td class=\"number\">{bytes}</td><td>{there}</td></tr>",
            xml(destination.name()),
        );
    }
    let mut section = String::new();
    if !rows.is_empty() {
        section += &format!(
            "<section><h2>Streamed to</h2><table>\n<thead><tr><th>Destination</th><th class=\"number\">Log groups</th><th class=\"number\">Volume</th><th></th></tr>             </thead>\n<tbody>\n{rows}</tbody></table></section>\n"
        );
    }
    for line in [report.overview.keeping(), report.overview.cost()].into_iter().flatten() {
        let _ = writeln!(section, "<p>{}</p>", xml(&sentence(&line)));
    }
    section
}

/// What could not be read.
fn unread(report: &Report<'_>) -> String {
    let mut rows = String::new();
    for target in report.failed() {
        let (of, why) =
            (format!("account {} {}", target.account, target.region), target.error.as_deref().unwrap_or_default());
        let _ = writeln!(rows, "<tr><td>{}</td><td class=\"bad\">{}</td></tr>", xml(&of), xml(why));
    }
    if rows.is_empty() {
        return rows;
    }
    format!("<section><h2>Could not be read</h2><table>\n<tbody>\n{rows}</tbody></table></section>\n")
}

/// A line as a sentence.
fn sentence(line: &str) -> String {
    let mut signs = line.chars();
    signs.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), signs.as_str()))
}

/// A time as JSON carries it, to the minute.
fn minute(time: &str) -> String {
    time.get(..16).map_or_else(|| time.to_owned(), |minute| minute.replace('T', " ") + " UTC")
}

fn class(role: Role) -> &'static str {
    match role {
        Role::Good => "good",
        Role::Warning => "warning",
        Role::Bad => "bad",
        Role::Plain | Role::Dim | Role::Strong => "dim",
    }
}

fn table(title: &str, report: &Report<'_>, takes: impl Fn(Role) -> bool, open: bool) -> String {
    let groups: Vec<&GroupReport<'_>> = report.groups.iter().filter(|group| takes(group.role())).collect();
    if groups.is_empty() {
        return String::new();
    }
    let mut rows = String::new();
    for group in &groups {
        let volume = group.bytes_per_day.map_or_else(String::new, |bytes| format!("{} a day", HumanBytes(bytes)));
        let evidence =
            group.evidence.as_ref().map_or_else(String::new, |it| format!("{}, {}", it.kind, minute(&rfc3339(it.at))));
        let of = if report.is_of_several() { format!("{} {} ", group.account, group.region) } else { String::new() };
        let _ = writeln!(
            rows,
            "<tr><td class=\"name\"><span class=\"dim\">{}</span>{}</td><td><span class=\"{}\">{}</span></td><td>{}</td><td class=\"number\">{volume}</td>\
             <td class=\"dim\">{}</td></tr>",
            xml(&of),
            xml(group.name),
            class(group.role()),
            group.state,
            xml(&group.reason),
            xml(&evidence),
        );
    }
    let open = if open { " open" } else { "" };
    format!(
        "<details{open}><summary>{title}: {}</summary>\n<table>\n\
         <thead><tr><th>Log group</th><th>State</th><th>Why</th><th class=\"number\">Volume</th><th>Known by</th></tr></thead>\n\
         <tbody>\n{rows}</tbody></table></details>\n",
        grouped(groups.len() as u64)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::audit::report::{View, examples::report};

    #[test]
    fn a_page_stands_alone() {
        let page = page(&report(View::default()));
        for foreign in ["<script", "http:", "https:", "src=", "url(", "@import"] {
            assert!(!page.contains(foreign), "{foreign} in {page}");
        }
        assert!(page.contains("<b>20 %</b> streamed: 1 of 5"), "{page}");
        assert!(page.contains("</span>/skip/leak</td>"), "{page}");
    }
}
