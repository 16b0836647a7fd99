//! What was found, and what is said about it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{
    Language, MAX_LIMIT, SearchArgs,
    connect::{Place, say_not_streamed},
};
use crate::{
    commands::printer::{self, Output, Record, Shown},
    error::{Error, Kind},
    events::{Event, Found, Nothing, Search, context::Blocks},
    inventory::NotStreamed,
    query::{self, Query},
    time,
    ui::Ui,
    words::{count, grouped},
};

/// Signs of a query that are echoed.
const MOST_ECHOED: usize = 400;

/// What was found, or why nothing was.
pub struct Answer {
    pub found: Found,
    /// What was found and what stands around it, where that was asked for.
    pub around: Option<Blocks>,
    /// When all that match happened, drawn.
    pub drawn: Option<String>,
    pub nothing: Option<Nothing>,
    pub query: Query,
    pub search: Search,
    pub place: Place,
    /// Log groups that are meant and not streamed.
    pub not_streamed: Option<NotStreamed>,
    /// Whether it is said how the query was read.
    pub echoes: bool,
}

/// The answer as one object.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    place: Place,
    query: String,
    range: serde_json::Value,
    total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_relation: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shown: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<Vec<String>>,
    /// Log groups that are meant and not streamed, as far as that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_streamed: Option<&'a NotStreamed>,
    /// Why nothing was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    nothing: Option<&'a Nothing>,
    /// What all events share, where they are written without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    common: Option<printer::Common<'a>>,
    events: Vec<Record<'a>>,
}

impl Answer {
    /// Writes it.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn show(&self, args: &SearchArgs, output: Output, ui: &mut Ui) -> Result<(), Error> {
        args.printing.say_missing(self.shown(), ui);
        if args.printing.pager {
            ui.page()?;
        }
        if output == Output::Json {
            return ui.json("logctl.search/v1", &self.document(args));
        }
        let (events, found, marks) = (self.shown(), self.ids(), query::marks(&self.query));
        let shown = Shown {
            marks: marks.as_ref(),
            dated: self.is_of_days(ui),
            name_width: printer::name_width(events),
            pointed: self.around.is_some().then_some(&found),
            headless: false,
        };
        match self.around.as_ref().filter(|_| output == Output::Pretty) {
            None => printer::print(events, &args.printing, output, shown, ui),
            Some(around) => around.iter().enumerate().try_for_each(|(nth, block)| {
                if nth > 0 {
                    ui.line("--")?;
                }
                printer::print(block, &args.printing, output, shown, ui)
            }),
        }
    }

    /// Whether more events match than were found, or may.
    #[must_use]
    pub fn is_a_part(&self) -> bool {
        (self.found.events.len() as u64) < self.found.total || self.found.total_is_at_least
    }

    /// The events that are shown.
    fn shown(&self) -> &[Event] {
        self.around.as_ref().map_or(&self.found.events, |around| &around.events)
    }

    /// Whether they may be of several days.
    fn is_of_days(&self, ui: &Ui) -> bool {
        let range = &self.search.range;
        let times = || self.shown().iter().map(|event| event.time);
        let first = times().min().map_or(range.start, |first| first.min(range.start));
        let last = times().max().map_or(range.end, |last| last.max(range.end));
        time::spans_days(&(first..last), &ui.look.time_zone)
    }

    /// The ids of what was found.
    fn ids(&self) -> BTreeSet<&str> {
        self.found.events.iter().map(|event| event.id.as_str()).collect()
    }

    fn document(&self, args: &SearchArgs) -> Document<'_> {
        let Self { found, nothing, search, place, .. } = self;
        let ids = self.ids();
        let (common, events) = printer::document(self.shown(), &args.printing, self.around.is_some().then_some(&ids));
        let whole = !args.printing.compact;
        Document {
            place: place.of(&found.events),
            query: args.which.query.join(" "),
            range: time::range_json(&search.range),
            total: found.total,
            total_relation: if found.total_is_at_least { Some("gte") } else { whole.then_some("eq") },
            shown: Some(found.events.len()).filter(|shown| whole || *shown as u64 != found.total),
            cursor: found.events.first().map(|event| event.cursor.as_str()).filter(|_| whole),
            warnings: Some(self.warnings()).filter(|warnings| whole || !warnings.is_empty()),
            not_streamed: self.not_streamed.as_ref(),
            nothing: nothing.as_ref().filter(|_| found.events.is_empty()),
            common,
            events,
        }
    }

    /// What the answer lacks.
    fn warnings(&self) -> Vec<String> {
        let beside = self.nothing.as_ref().filter(|_| !self.found.events.is_empty());
        let indices = &self.search.indices;
        let none = || format!("there is no index {indices} that may be read; has anything been streamed yet?");
        let beside = beside.map(|nothing| nothing.detail.clone());
        self.found.warnings.iter().cloned().chain(self.found.no_index.then(none)).chain(beside).collect()
    }

    /// Says how much was shown of how much, over which range, from where, and how to get the rest.
    ///
    /// # Errors
    /// Incomplete where a part is missing; unmet where something had to be found.
    pub fn close(&self, args: &SearchArgs, ui: &mut Ui) -> Result<(), Error> {
        let Self { found, nothing, query, search, place, echoes, .. } = self;
        let range = time::describe(&search.range, &ui.look.time_zone);
        let place = place.of(&found.events);
        let shown = found.events.len();
        match shown {
            0 => {
                ui.status(format_args!("nothing found from {range}, {place}"));
                if let Some(nothing) = nothing {
                    ui.status(&nothing.detail);
                    nothing.suggestion.iter().for_each(|suggestion| ui.hint(suggestion));
                }
            }
            _ if self.is_a_part() => {
                let part = if found.warnings.is_empty() { "" } else { " that could be looked at" };
                let total = total(found);
                ui.status(format_args!("the newest {} of {total}{part}, from {range}, {place}", count(shown, "event")));
                self.drawn.iter().for_each(|line| ui.status(line));
                // All of them, where that is known and not too many.
                let all = if found.total_is_at_least { u64::MAX } else { found.total };
                let more = (args.limit * 10).min(MAX_LIMIT).min(all);
                let more = if args.limit < MAX_LIMIT { format!("more with --limit {more}, ") } else { String::new() };
                if shown as u64 >= args.limit {
                    ui.hint(format_args!("see {more}all of them with --all, or older ones with --until"));
                }
            }
            _ => ui.status(format_args!("all {} from {range}, {place}", count(shown, "event"))),
        }
        say_not_streamed(self.not_streamed.as_ref(), ui);
        match args.which.lang {
            Language::Logctl | Language::Dql => {
                if let Some(read) = query::understood(query, &args.which.query).filter(|_| *echoes) {
                    // A list may have thousands of values.
                    let shown: String = read.chars().take(MOST_ECHOED).collect();
                    let more = if shown.len() < read.len() { " …" } else { "" };
                    ui.status(format_args!("read as: {shown}{more}"));
                }
            }
            Language::Lucene | Language::Dsl => {
                ui.hint("names are the engine's: @level, @message, numbers in NAME.num, and a name that is not typed in @kv");
            }
        }
        for doubt in query::doubts(query, found.events.is_empty()) {
            ui.hint(doubt);
        }
        for warning in self.warnings() {
            ui.warning(warning);
        }
        if !found.warnings.is_empty() && !args.allow_partial {
            return Err(lacking());
        }
        if shown == 0 && args.exit_status {
            return Err(Error::shown(Kind::Unmet));
        }
        Ok(())
    }
}

/// How an answer ends that lacks what the warnings say.
pub fn lacking() -> Error {
    Error::new(Kind::Incomplete, "part of the answer is missing")
        .hint("the warnings say what; accept what there is with --allow-partial")
}

fn total(found: &Found) -> String {
    let or_more = if found.total_is_at_least { " or more" } else { "" };
    format!("{}{or_more}", grouped(found.total))
}
