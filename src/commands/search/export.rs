//! Answers that are not held in memory: `--all`, and more events than a screen takes.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    str::FromStr,
};

use regex::Regex;

use super::{
    MAX_LIMIT, SearchArgs,
    answer::lacking,
    asked::Asked,
    connect::{Connected, say_not_streamed},
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
    bytes: Option<u64>,
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

/// A file that has its name only when it is complete.
struct Part {
    path: PathBuf,
    /// Where it is until then.
    until_then: PathBuf,
    file: File,
}

impl Part {
    /// Begins it, or goes on with what is there.
    fn open(path: &Path, behind: Option<&Behind>) -> Result<Self, Error> {
        let usage = |what: String| Error::new(Kind::Usage, what);
        let failed = |error: &io::Error| Error::failed(format!("--to {}", path.display())).because(error);
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let until_then = PathBuf::from(part);
        let told = until_then.display();
        if path.exists() {
            let what = format!("--to {}: the file is there already", path.display());
            return Err(usage(what).hint("give another name, or delete it"));
        }
        let busy = || Error::failed(format!("{told} is being written by another run"));
        let is_busy = |file: &File| matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        let length = behind.and_then(|behind| behind.bytes);
        let mut options = OpenOptions::new();
        let opened = match length {
            Some(_) => options.append(true).open(&until_then),
            None => options.append(true).create_new(true).open(&until_then),
        };
        let file = opened.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists if File::open(&until_then).is_ok_and(|file| is_busy(&file)) => busy(),
            io::ErrorKind::AlreadyExists => usage(format!("{told} is there from before"))
                .hint("go on with the --cursor that the last run has named; else delete it, or write to another file what is behind the \"cursor\" of its last line"),
            io::ErrorKind::NotFound if length.is_some() => {
                usage(format!("there is no {told} to go on with")).hint("leave out --cursor")
            }
            _ => failed(&error),
        })?;
        if is_busy(&file) {
            return Err(busy());
        }
        let there = file.metadata().map_err(|error| failed(&error))?.len();
        match length {
            Some(length) if length > there => {
                let what = format!("{told} has {there} bytes, and had {length} where that cursor was named");
                return Err(usage(what).hint("delete it, and begin anew without --cursor"));
            }
            // What stands behind is read again: half an event, or those up to a later cursor.
            Some(length) => file.set_len(length).map_err(|error| failed(&error))?,
            None => {}
        }
        Ok(Self { path: path.to_owned(), until_then, file })
    }

    /// What is written goes here.
    fn writer(&self) -> Result<File, Error> {
        self.file.try_clone().map_err(|error| Error::failed(format!("--to {}", self.path.display())).because(error))
    }

    /// Takes away what was written after `length`, which ended within an event.
    fn cut(&self, length: u64) {
        let _ = self.file.set_len(length);
    }

    fn length(&self) -> u64 {
        self.file.metadata().map_or(0, |file| file.len())
    }

    /// Gives it its name.
    fn complete(self) -> Result<(), Error> {
        if self.path.exists() {
            let what = format!("--to {}: there is a file of this name by now", self.path.display());
            return Err(Error::failed(what).hint(format!("all events are in {}", self.until_then.display())));
        }
        let named = self.file.sync_all().and_then(|()| std::fs::rename(&self.until_then, &self.path));
        named.map_err(|error| Error::failed(format!("--to {}", self.path.display())).because(error))
    }
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
    let part = args.export.to.as_deref().map(|path| Part::open(path, behind)).transpose()?;
    if let Some(part) = &part {
        ui.write_to(part.writer()?);
        ui.look.stdout_is_terminal = false;
    }
    if plan.most() == 0 && behind.is_none() {
        return part.map(Part::complete).transpose().map(|_| None);
    }
    if part.is_none() && args.printing.pager {
        ui.page()?;
    }
    let wanted = if args.export.all { plan.most() } else { plan.total.min(args.limit) };
    plan = match behind {
        Some(behind) => plan.after(&behind.event),
        None if args.export.all => plan,
        None => plan.newest(wanted),
    };
    let drawn = part.is_some() || !io::stdout().is_terminal();
    let progress = drawn.then(|| ui.progress("reading events", usize::try_from(wanted).ok()));
    cx.interrupt.arm(); // From here on a run ends where it can be gone on from.
    let mut written = Written { bytes: part.as_ref().map_or(0, Part::length), ..Written::default() };
    let head = behind.is_none() || part.as_ref().is_some_and(|part| part.length() == 0);
    let (marks, dated) = (query::marks(&asked.query), time::spans_days(&search.range, &ui.look.time_zone));
    let mut writer = Writer { args, output, marks, dated, head, missing: None, lines: Lines::default() };
    let read = plan
        .read(search, &domain.client, behind.map(|behind| &behind.event), &cx.interrupt, |hits| {
            writer.write(hits, ui)?;
            if let Some(last) = hits.last() {
                ui.flush()?;
                written.last = Some(last.cursor());
                written.events += hits.len() as u64;
                written.bytes = part.as_ref().map_or(0, Part::length);
            }
            if let Some(progress) = &progress {
                progress.steps(hits.len());
            }
            Ok::<_, Error>(())
        })
        .await;
    drop(progress);
    let again = |error: Error| match &written.last {
        Some(last) => {
            error.hint(format!("{} written; {}", count(written.events, "event"), go_on(args, search, &written, last)))
        }
        None => error,
    };
    let cut = match read {
        Ok(()) => None,
        Err(Cut::Taker(error)) if error.kind == Kind::PipeClosed => Some(error),
        // What is no file of ours may hold some of the next, and half an event.
        Err(Cut::Taker(error)) if part.is_none() => {
            Some(again(error).hint("before that, cut off what stands behind them"))
        }
        Err(Cut::Taker(error)) => Some(again(error)),
        Err(Cut::Interrupted) => Some(again(Error::new(Kind::Interrupted, "interrupted"))),
        Err(Cut::Domain(error)) => Some(again(Error::from(error))),
        Err(Cut::OtherQuery) => Some(
            Error::new(
                Kind::Usage,
                "the event of --cursor is not among those that this query finds in this time range",
            )
            .hint("a cursor goes on with the query, the groups and the time range that it comes from"),
        ),
    };
    if let Some(error) = cut {
        if let Some(part) = &part {
            ui.write_to(io::sink()); // What is still held back is not written behind that.
            part.cut(written.bytes);
        }
        return Err(error);
    }
    ui.flush()?;
    part.map(Part::complete).transpose()?;
    printer::say_missing(&writer.missing.take().unwrap_or_default(), ui);
    close(args, search, domain, &plan, &written, ui);
    // What no index has may be of a name that was mistyped.
    let none = Found { others: true, ..Found::default() };
    if let Some(unknown) = unknown_groups(&none, search, &args.which.selection, &domain.client).await? {
        ui.warning(&unknown.error.message);
    }
    say_not_streamed(domain.not_streamed(&args.which.selection, cx).as_ref(), ui);
    if !plan.warnings.is_empty() && !args.allow_partial {
        let error = lacking();
        return Err(if args.export.all { error } else { error.hint("--all reads all events, the oldest first") });
    }
    if written.events == 0 && args.exit_status {
        return Err(Error::shown(Kind::Unmet));
    }
    Ok(Some(()))
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
fn close(args: &SearchArgs, search: &Search, domain: &Connected, plan: &Plan, written: &Written, ui: &mut Ui) {
    let (range, place) = (time::describe(&search.range, &ui.look.time_zone), &domain.place);
    let events = count(written.events, "event");
    let part = if plan.warnings.is_empty() { "" } else { " that could be looked at" };
    if written.events == 0 {
        ui.status(format_args!("nothing found{part} from {range}, {place}"));
    } else if args.export.cursor.is_some() {
        ui.status(format_args!("the {events} behind the cursor{part}, from {range}, {place}"));
    } else if args.export.all || written.events >= plan.total {
        ui.status(format_args!("all {events}{part} from {range}, {place}"));
    } else {
        ui.status(format_args!("the newest {events} of {}{part}, from {range}, {place}", grouped(plan.total)));
    }
    if let Some(path) = &args.export.to {
        let what = if args.export.cursor.is_some() { "they are behind the others" } else { "they are" };
        ui.status(format_args!("{what} in {}", path.display()));
    }
    plan.warnings.iter().for_each(|warning| ui.warning(warning));
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
