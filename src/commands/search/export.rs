//! Answers that are not held in memory: `--all`, and more events than a screen takes.

use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
};

use regex::Regex;

use super::{
    MAX_LIMIT, SearchArgs,
    asked::Asked,
    connect::{Connected, say_not_streamed},
};
use crate::{
    args::ColorChoice,
    commands::printer::{self, Output, Shown},
    context::Context,
    error::{Error, Kind},
    events::{Cursor, Cut, Hit, Lines, Plan, Search, events},
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
    #[arg(long, value_name = "CURSOR", requires = "all")]
    pub cursor: Option<Cursor>,
    /// Write the events to this file; it has its name when it is complete, and until then `.part` behind it
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

/// Whether the answer is written as it is read.
pub fn is_wanted(args: &SearchArgs) -> bool {
    args.export.all || args.export.to.is_some() || args.limit > MAX_LIMIT
}

/// What an export is written as: as typed, else as the file's name ends.
pub fn output(args: &SearchArgs, ui: &Ui, color: ColorChoice) -> Output {
    let ending = args.export.to.as_deref().and_then(Path::extension).and_then(|ending| ending.to_str());
    match (args.printing.output, ending) {
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
    if output == Output::Json || args.printing.compact {
        return wrong("one object with all events would have to fit into memory", "one object a line: -o jsonl");
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
    fn open(path: &Path, goes_on: bool) -> Result<Self, Error> {
        let failed = |error: &io::Error| Error::failed(format!("--to {}", path.display())).because(error);
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let until_then = PathBuf::from(part);
        if path.exists() {
            let what = format!("--to {}: the file is there already", path.display());
            return Err(Error::new(Kind::Usage, what).hint("give another name, or delete it"));
        }
        let mut options = OpenOptions::new();
        let opened = if goes_on {
            options.append(true).open(&until_then)
        } else {
            options.write(true).create_new(true).open(&until_then)
        };
        let file = opened.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                Error::new(Kind::Usage, format!("{} is there from before", until_then.display()))
                    .hint("go on with the --cursor that the last run has named, or delete it")
            }
            io::ErrorKind::NotFound if goes_on => {
                Error::new(Kind::Usage, format!("there is no {} to go on with", until_then.display()))
                    .hint("leave out --cursor")
            }
            _ => failed(&error),
        })?;
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
    if plan.most() == 0 && args.export.cursor.is_none() {
        return Ok(None);
    }
    let wanted = if args.export.all { plan.most() } else { plan.total.min(args.limit) };
    plan = match &args.export.cursor {
        Some(cursor) => plan.after(cursor),
        None if args.export.all => plan,
        None => plan.newest(wanted),
    };
    let part = args.export.to.as_deref().map(|path| Part::open(path, args.export.cursor.is_some())).transpose()?;
    if let Some(part) = &part {
        ui.write_to(part.writer()?);
        ui.look.stdout_is_terminal = false;
    } else if args.printing.pager {
        ui.page()?;
    }
    let drawn = part.is_some() || !io::stdout().is_terminal();
    let progress = drawn.then(|| ui.progress("reading events", usize::try_from(wanted).ok()));
    cx.interrupt.arm(); // From here on a run ends where it can be gone on from.
    let mut written = Written { bytes: part.as_ref().map_or(0, Part::length), ..Written::default() };
    let head = args.export.cursor.is_none() || part.as_ref().is_some_and(|part| part.length() == 0);
    let (marks, dated) = (query::marks(&asked.query), time::spans_days(&search.range, &ui.look.time_zone));
    let mut writer = Writer { args, output, marks, dated, head, missing: None, lines: Lines::default() };
    let read = plan
        .read(search, &domain.client, args.export.cursor.as_ref(), &cx.interrupt, |hits| {
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
        Some(last) => error.hint(go_on(args, search, last)),
        None => error,
    };
    let done = format!("{} written", count(written.events, "event"));
    let cut = match read {
        Ok(()) => None,
        Err(Cut::Taker(error)) if error.kind == Kind::PipeClosed => Some(error),
        Err(Cut::Taker(error)) => Some(again(error.because(done))),
        Err(Cut::Interrupted) => Some(again(Error::new(Kind::Interrupted, format!("interrupted; {done}")))),
        Err(Cut::Domain(error)) => Some(again(Error::from(error).because(done))),
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
    printer::say_missing(&writer.missing.take().unwrap_or_default(), ui);
    close(args, search, domain, &plan, &written, ui);
    say_not_streamed(domain.not_streamed(&args.which.selection, cx).as_ref(), ui);
    part.map(Part::complete).transpose()?;
    if !plan.warnings.is_empty() && !args.allow_partial {
        return Err(Error::new(Kind::Incomplete, "part of the answer is missing")
            .hint("try again, or accept what there is with --allow-partial"));
    }
    Ok(Some(()))
}

/// How to go on behind an event: with the same query, and a time range that stays what it was.
fn go_on(args: &SearchArgs, search: &Search, last: &str) -> String {
    let (since, until) = (rfc3339(search.range.start), rfc3339(search.range.end));
    let all = if args.export.all { "" } else { "--all in place of --limit, and " };
    format!("go on with the same command, {all}--since {since} --until {until} --cursor {last}")
}

/// Says how much was written, over which range, from where, and how to get the rest.
fn close(args: &SearchArgs, search: &Search, domain: &Connected, plan: &Plan, written: &Written, ui: &mut Ui) {
    let (range, place) = (time::describe(&search.range, &ui.look.time_zone), &domain.place);
    let events = count(written.events, "event");
    let part = if plan.warnings.is_empty() { "" } else { " that could be looked at" };
    if args.export.cursor.is_some() {
        ui.status(format_args!("the {events} behind the cursor{part}, from {range}, {place}"));
    } else if args.export.all || written.events >= plan.total {
        ui.status(format_args!("all {events}{part} from {range}, {place}"));
    } else {
        ui.status(format_args!("the newest {events} of {}{part}, from {range}, {place}", grouped(plan.total)));
    }
    if let Some(path) = &args.export.to {
        ui.status(format_args!("they are in {}", path.display()));
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
