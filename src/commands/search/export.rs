//! Answers that are not held in memory: `--all`, and more events than a screen takes.

use std::{
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use regex::Regex;

use super::{
    MAX_LIMIT, SearchArgs,
    answer::lacking,
    asked::Asked,
    connect::{Connected, say_not_streamed},
    part::Part,
    unknown_groups,
};
use crate::{
    args::ColorChoice,
    commands::printer::{self, Output, Shown},
    context::Context,
    error::{Error, Kind},
    events::{Cursor, Cut, Found, Hit, Lines, Plan, Search, events},
    progress::Progress as _,
    query,
    time::{self, rfc3339},
    ui::Ui,
    words::{count, grouped},
};

/// Whether all events are written, and where.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ExportArgs {
    /// Show every event, the oldest first, as it is read
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
    /// Go on behind this event of an answer: its "cursor", or the one that an interrupted run has named
    #[arg(long, value_name = "CURSOR", requires = "all", conflicts_with = "limit", overrides_with = "cursor")]
    pub cursor: Option<Behind>,
    /// Write the events to this file; it has its name when it is complete, and until then `.part` behind it
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

/// What is gone on from.
#[derive(Debug, Clone)]
pub struct Behind {
    event: Cursor,
    /// How long a file is that ends with this event. It stands before the cursor, with an @ between them.
    pub bytes: Option<u64>,
}

impl FromStr for Behind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let of_file = text.split_once('@').and_then(|(bytes, event)| Some((bytes.parse().ok()?, event)));
        let (bytes, event) = of_file.map_or((None, text), |(bytes, event)| (Some(bytes), event));
        Ok(Self { event: event.parse()?, bytes })
    }
}

/// Whether the answer is written as it is read.
pub fn is_wanted(args: &SearchArgs) -> bool {
    args.export.all || args.export.to.is_some() || args.limit > MAX_LIMIT
}

/// What an export is written as: as typed, else as the file's name ends.
pub fn output(args: &SearchArgs, ui: &Ui, color: ColorChoice) -> Output {
    let ending = args.export.to.as_deref().and_then(Path::extension).and_then(|ending| ending.to_str());
    match (args.printing.output, ending.map(str::to_ascii_lowercase).as_deref()) {
        (None, Some("jsonl" | "ndjson" | "json")) => Output::Jsonl,
        (None, Some("csv")) => Output::Csv,
        (None, Some(_)) => Output::Text,
        _ => args.printing.output(ui, color),
    }
}

/// Checks what an export cannot do.
///
/// # Errors
/// Wrong usage, with what to type instead.
pub fn check(args: &SearchArgs, asked: &Asked, output: Output) -> Result<(), Error> {
    let wrong = |what: &str, hint: &str| Err(Error::new(Kind::Usage, what).hint(hint));
    if output == Output::Json {
        return wrong("one object with all events would have to fit into memory", "one object a line: -o jsonl");
    }
    if args.printing.compact {
        return wrong(
            "--compact is for an answer that is one object",
            "leave it out, or name fields: -o jsonl -F time,message",
        );
    }
    if args.export.to.as_deref() == Some(Path::new("-")) {
        return wrong("--to is a file", "leave it out, and events are written to stdout");
    }
    if args.printing.fields.as_ref().is_some_and(|fields| fields.typed().any(|name| name.contains('*'))) {
        return wrong(
            "which fields a wildcard means is known of all events only at the end",
            "name them: -F time,order.id",
        );
    }
    if asked.parts.len() > 1 {
        return wrong(
            "so long a list of values is asked for in parts, and --all reads one",
            "ask for fewer values at once",
        );
    }
    if !args.export.all && asked.parts.iter().any(|part| part.verdict.is_some()) && args.limit > MAX_LIMIT {
        return wrong(
            "which of the events are the newest that match is known only when all have been looked at",
            "see all of them, oldest first: --all; or narrow the time range",
        );
    }
    Ok(())
}

/// How far it has come.
#[derive(Default)]
struct Written {
    events: u64,
    last: Option<String>,
    /// Bytes of the file that end with an event.
    bytes: u64,
}

/// Writes the events as they are read, the oldest first. `None` where there is none, and it has yet to be said why.
///
/// # Errors
/// What has cut it short, with how to go on; incomplete where the domain could not look everywhere.
pub async fn run(
    args: &SearchArgs,
    asked: &Asked,
    search: &Search,
    domain: &Connected,
    output: Output,
    cx: &Context<'_>,
    ui: &mut Ui,
) -> Result<Option<()>, Error> {
    let mut plan = Plan::new(search, &domain.client).await?;
    let behind = args.export.cursor.as_ref();
    if plan.most() == 0 && behind.is_none() {
        return Ok(None);
    }
    let part = into_file(args, ui)?;
    if part.is_none() && args.printing.pager {
        ui.page()?;
    }
    let unread = plan.most() > plan.total && !args.export.all;
    let wanted = if args.export.all { plan.most() } else { plan.total.min(args.limit) };
    plan = match behind {
        Some(behind) => plan.after(&behind.event),
        None if args.export.all => plan,
        None => plan.newest(wanted),
    };
    let drawn = part.is_some() || !io::stdout().is_terminal();
    let progress = drawn.then(|| ui.progress("reading events", usize::try_from(wanted).ok()));
    cx.interrupt.arm(); // From here on a run ends where it can be gone on from.
    let mut written = Written::default();
    let head = behind.is_none_or(|behind| part.is_some() && behind.bytes.is_none());
    let (marks, dated) = (query::marks(&asked.query), time::spans_days(&search.range, &ui.look.time_zone));
    let mut writer = Writer { args, output, marks, dated, head, missing: None, lines: Lines::default() };
    let read = plan
        .read(search, &domain.client, behind.map(|behind| &behind.event), &cx.interrupt, |hits| {
            if let Some(last) = hits.last() {
                part.as_ref().map_or(Ok(()), Part::begin)?;
                writer.write(hits, ui)?;
                ui.flush()?;
                written.last = Some(last.cursor());
                written.events += hits.len() as u64;
                written.bytes = part.as_ref().map_or(Ok(0), Part::length)?;
            }
            if let Some(progress) = &progress {
                progress.steps(hits.len());
            }
            Ok::<_, Error>(())
        })
        .await;
    drop(progress);
    if let Err(cut) = read {
        if let Some(part) = &part {
            ui.write_to(io::sink()); // What is still held back is not written behind that.
            part.cut(written.bytes);
        }
        let error = broken_off(cut, args, search, &written);
        let lacks = plan.lacks();
        if error.kind == Kind::PipeClosed || lacks.is_empty() {
            return Err(error);
        }
        for lack in lacks {
            ui.warning(lack);
        }
        return Err(error.hint("what was written lacks what the warnings say, also once it is gone on with"));
    }
    if written.events == 0 {
        writer.write(&[], ui)?; // A table without rows has titles.
    }
    ui.flush()?;
    let unknown = unknown(args, search, domain).await;
    if let Some(part) = part {
        part.begin()?;
        part.complete()?;
    }
    printer::say_missing(&writer.missing.take().unwrap_or_default(), ui);
    let lacks = plan.lacks();
    close(args, search, domain, (plan.total, &lacks), &written, ui);
    if let Some(error) = unknown {
        ui.warning(&error.message);
        error.hints.iter().for_each(|hint| ui.hint(hint));
    }
    say_not_streamed(domain.not_streamed(&args.which.selection, cx).as_ref(), ui);
    if !lacks.is_empty() && !args.allow_partial {
        let error = lacking();
        return Err(if unread { error.hint("--all reads all events, the oldest first") } else { error });
    }
    if written.events == 0 && behind.is_none() && args.exit_status {
        return Err(Error::shown(Kind::Unmet));
    }
    Ok(Some(()))
}

/// What has cut it short, and how to go on.
fn broken_off(cut: Cut<Error>, args: &SearchArgs, search: &Search, written: &Written) -> Error {
    let error = match cut {
        Cut::Taker(error) if error.kind == Kind::PipeClosed => return error,
        Cut::OtherQuery => {
            let what = "the event of --cursor is not among those that this query finds in this time range";
            return Error::new(Kind::Usage, what).hint(
                "a cursor goes on with the query, the groups and the time range that it comes from; or the event was deleted since",
            );
        }
        // What is no file of ours may hold some of the next.
        Cut::Taker(error) if args.export.to.is_none() && written.last.is_some() => error.hint(
            "what was written may end with half an event: first delete all that stands behind the one of this cursor",
        ),
        Cut::Taker(error) => error,
        Cut::Interrupted => Error::new(Kind::Interrupted, "interrupted"),
        Cut::Domain(error) => error.into(),
    };
    match &written.last {
        Some(last) => {
            let events = count(written.events, "event");
            error.hint(format!("{events} written; {}", go_on(args, search, written, last)))
        }
        None if args.export.cursor.is_some() => error.hint("nothing new was written: the same command goes on"),
        None => error,
    }
}

/// Says that a glob matches no group that the indices know of, as far as that is known soon.
async fn unknown(args: &SearchArgs, search: &Search, domain: &Connected) -> Option<Error> {
    const PATIENCE: Duration = Duration::from_secs(2);
    let none = Found { others: true, ..Found::default() };
    let unknown = unknown_groups(&none, search, &args.which.selection, &domain.client);
    let unknown = tokio::time::timeout(PATIENCE, unknown).await.ok()?.ok()?;
    unknown.map(|unknown| unknown.error)
}

/// Opens the file of `--to`, and has the answer written to it.
///
/// # Errors
/// Those of [`Part::open`].
pub fn into_file(args: &SearchArgs, ui: &mut Ui) -> Result<Option<Part>, Error> {
    let open = |path: &PathBuf| Part::open(path, args.export.cursor.as_ref());
    let part = args.export.to.as_ref().map(open).transpose()?;
    if let Some(part) = &part {
        ui.write_to(part.writer()?);
        ui.look.stdout_is_terminal = false;
    }
    Ok(part)
}

/// Gives the file of an answer without events its name.
///
/// # Errors
/// Those of [`Part::complete`].
pub fn complete(empty: Option<Part>, ui: &mut Ui) -> Result<(), Error> {
    let Some(part) = empty else { return Ok(()) };
    let path = part.path.clone();
    part.complete()?;
    ui.status(format_args!("{} has none", path.display()));
    Ok(())
}

/// How to go on behind an event: with the same query, and a time range that stays what it was.
fn go_on(args: &SearchArgs, search: &Search, written: &Written, last: &str) -> String {
    let (since, until) = (rfc3339(search.range.start), rfc3339(search.range.end));
    let all = if args.export.all { "" } else { "--all in place of --limit, and " };
    let appending =
        if args.export.to.is_none() && !io::stdout().is_terminal() { ", behind what is there (>>)" } else { "" };
    let file = args.export.to.as_ref().map_or_else(String::new, |_| format!("{}@", written.bytes));
    format!("go on{appending} with the same command, {all}--since {since} --until {until} --cursor {file}{last}")
}

/// Says how much was written, over which range, from where, and how to get the rest.
fn close(
    args: &SearchArgs,
    search: &Search,
    domain: &Connected,
    (total, lacks): (u64, &[String]),
    written: &Written,
    ui: &mut Ui,
) {
    let (range, place) = (time::describe(&search.range, &ui.look.time_zone), &domain.place);
    let events = count(written.events, "event");
    let part = if lacks.is_empty() { "" } else { " that could be looked at" };
    let behind = args.export.cursor.as_ref();
    if written.events == 0 && behind.is_some() {
        ui.status(format_args!("nothing more{part} behind the cursor, from {range}, {place}"));
    } else if written.events == 0 {
        ui.status(format_args!("nothing found{part} from {range}, {place}"));
    } else if behind.is_some() {
        ui.status(format_args!("the {events} behind the cursor{part}, from {range}, {place}"));
    } else if args.export.all || written.events >= total {
        ui.status(format_args!("all {events}{part} from {range}, {place}"));
    } else {
        ui.status(format_args!("the newest {events} of {}{part}, from {range}, {place}", grouped(total)));
    }
    if let Some(path) = &args.export.to {
        let goes_on = behind.is_some_and(|behind| behind.bytes.is_some());
        let what = if goes_on { "all of them, with those of before, are in" } else { "they are in" };
        ui.status(format_args!("{what} {}", path.display()));
    }
    for lack in lacks {
        ui.warning(lack);
    }
}

/// Writes hits.
struct Writer<'a> {
    args: &'a SearchArgs,
    output: Output,
    /// What the query finds in a line.
    marks: Option<Regex>,
    /// Whether events may be of several days.
    dated: bool,
    /// Whether a table still wants its titles.
    head: bool,
    /// Names that were asked for and that no event has had so far.
    missing: Option<Vec<(String, Option<String>)>>,
    lines: Lines,
}

impl Writer<'_> {
    fn write(&mut self, hits: &[Hit<'_>], ui: &mut Ui) -> Result<(), Error> {
        let printing = &self.args.printing;
        if self.output == Output::Jsonl && printing.fields.is_none() && printing.format.is_none() {
            self.lines.text.clear();
            for hit in hits {
                self.lines.add("logctl.event/v1", hit);
            }
            return ui.json_lines(&self.lines.text);
        }
        let (marks, dated) = (self.marks.as_ref(), self.dated);
        let shown = Shown { marks, dated, headless: !std::mem::take(&mut self.head), ..Shown::default() };
        let events = events(hits);
        if !events.is_empty() && self.missing.as_ref().is_none_or(|missing| !missing.is_empty()) {
            let here = printing.missing(&events);
            let before = self.missing.take().unwrap_or_else(|| here.clone());
            self.missing = Some(before.into_iter().filter(|(name, _)| here.iter().any(|(it, _)| it == name)).collect());
        }
        printer::print(&events, printing, self.output, shown, ui)
    }
}
