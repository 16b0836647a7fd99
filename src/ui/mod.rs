//! The terminal: nothing else writes to it.
//!
//! stdout is the answer, stderr is everything else.

mod escape;
mod grid;
mod look;
mod pager;
mod progress;
mod typed;
mod wrap;

use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::{
    args::Format,
    error::{Error, Kind},
};

pub use escape::{escaped, hides, one_line, without_colours};
pub use grid::{Above, Cell, Column, Grid, Role, Unit, sparkline};
pub use look::{Look, paint};
pub use progress::Bar;
pub use typed::Typed;
pub use wrap::{cut, painted, width};

/// A report: data that knows its cells.
pub trait Show: Serialize {
    /// Name and version of its JSON.
    const SCHEMA: &'static str;

    /// Its cells, for people and for a pipe.
    fn grid(&self) -> Grid;
}

/// A report as JSON, its schema first.
#[derive(Serialize)]
struct Document<'a, T> {
    schema: &'a str,
    #[serde(flatten)]
    data: &'a T,
}

/// Where a run writes.
pub struct Ui {
    /// How.
    pub look: Look,
    /// What was typed that says where it goes.
    pub typed: Typed,
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    pager: Option<std::process::Child>,
}

impl Ui {
    /// The real terminal.
    #[must_use]
    pub fn stdio(look: Look) -> Self {
        let (out, err) = (Box::new(io::BufWriter::new(io::stdout())), Box::new(io::stderr()));
        Self { look, typed: Typed::default(), out, err, pager: None }
    }

    /// Writes a report to stdout.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn show<T: Show>(&mut self, report: &T) -> Result<(), Error> {
        match self.look.format {
            Format::Table => {
                let table = report.grid().terminal(&self.look);
                self.write(format_args!("{table}"))
            }
            Format::Text => report.grid().pipe().try_for_each(|line| self.line(&line)),
            Format::Json => self.json(T::SCHEMA, report),
        }
    }

    /// Writes a plan: to stdout where the run ends with it, to stderr where an outcome follows, so that a script gets one
    /// document on stdout.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn show_plan<T: Show>(&mut self, plan: &T, last: bool) -> Result<(), Error> {
        if last {
            return self.show(plan);
        }
        let text: String = if self.look.interactive {
            plan.grid().terminal(&self.look.for_stderr())
        } else {
            plan.grid().pipe().map(|line| line + "\n").collect()
        };
        let _ = self.err.write_all(text.as_bytes());
        Ok(())
    }

    /// Writes the rows of a grid as comma-separated values: <https://www.rfc-editor.org/rfc/rfc4180>.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn csv(&mut self, grid: &Grid) -> Result<(), Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let failed = |error: csv::Error| Error::failed("cannot write CSV").because(error);
        writer.write_record(grid.titles()).map_err(failed)?;
        for record in grid.records() {
            writer.write_record(record.into_iter().map(|text| one_line(text).into_owned())).map_err(failed)?;
        }
        let text = writer.into_inner().map_err(|error| Error::failed("cannot write CSV").because(error))?;
        self.write(format_args!("{}", String::from_utf8_lossy(&text)))
    }

    /// Writes one object with its schema first.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn json(&mut self, schema: &str, data: &impl Serialize) -> Result<(), Error> {
        self.record(&Document { schema, data })
    }

    /// Writes one object that belongs to the document before it.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn record(&mut self, data: &impl Serialize) -> Result<(), Error> {
        // The same JSON, also where a pipe ends at a terminal.
        serde_json::to_writer(escape::InJson(&mut self.out), data).map_err(|error| match error.io_error_kind() {
            Some(io::ErrorKind::BrokenPipe) => Error::shown(Kind::PipeClosed),
            Some(_) => Error::failed("cannot write to stdout").because(io::Error::from(error)),
            None => Error::failed("cannot write JSON").because(error),
        })?;
        self.write(format_args!("\n"))
    }

    /// Writes lines of JSON that somebody else has made.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn json_lines(&mut self, lines: &[u8]) -> Result<(), Error> {
        // There are signs that JSON does not escape, and a terminal obeys.
        let hiding = if escape::may_hide(lines) { std::str::from_utf8(lines).ok() } else { None };
        let written = match hiding {
            None => self.out.write_all(lines),
            Some(text) => text.lines().try_for_each(|line| {
                let hides = escape::may_hide(line.as_bytes());
                self.out.write_all(if hides { escape::in_json(line) } else { line.into() }.as_bytes())?;
                self.out.write_all(b"\n")
            }),
        };
        written.map_err(|error| unwritten(&error))
    }

    /// Writes the answer to this instead of stdout.
    pub fn write_to(&mut self, out: impl Write + 'static) {
        self.out = Box::new(io::BufWriter::new(out));
    }

    /// Hands over what was written so far.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.out.flush().map_err(|error| unwritten(&error))
    }

    /// Writes one line to stdout.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn line(&mut self, line: &str) -> Result<(), Error> {
        self.write(format_args!("{line}\n"))
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) -> Result<(), Error> {
        self.out.write_fmt(text).map_err(|error| unwritten(&error))
    }

    /// Says how it went, on stderr.
    pub fn status(&mut self, text: impl Display) {
        self.tell(Style::new(), "", &one_line(&text.to_string()));
    }

    /// Says what may surprise.
    pub fn warning(&mut self, text: impl Display) {
        self.tell(AnsiColor::Yellow.on_default(), "warning: ", &one_line(&text.to_string()));
    }

    /// Says what to type next.
    pub fn hint(&mut self, text: impl Display) {
        if !self.look.quiet {
            let text = self.typed.follow(&one_line(&text.to_string()));
            self.tell(AnsiColor::Cyan.on_default(), "hint: ", &text);
        }
    }

    fn tell(&mut self, style: Style, label: &str, text: &str) {
        self.leave_pager();
        let _ = self.out.flush(); // The answer comes before what is said about it.
        let style = if self.look.stderr_colour { style } else { Style::new() };
        let text = escaped(text);
        // A terminal would break it within a word; but what is there to be copied stays whole.
        if !self.look.interactive || !matches!(label, "" | "warning: ") {
            let _ = writeln!(self.err, "{}{text}", paint(style, label));
            return;
        }
        let mut before = paint(style, label);
        for line in text.split('\n') {
            for part in cut(line, self.look.width.saturating_sub(label.len()), self.look.width.saturating_sub(2)) {
                let _ = writeln!(self.err, "{before}{}", &line[part]);
                "  ".clone_into(&mut before);
            }
            before.clear();
        }
    }

    /// Progress of `total` steps, or of an unknown number.
    #[must_use]
    pub fn progress(&self, what: &str, total: Option<usize>) -> Bar {
        Bar::new(what, total, &self.look)
    }

    /// Checks, before any work, that somebody can confirm it.
    ///
    /// # Errors
    /// Wrong usage where nobody can, and `yes` is not given.
    pub fn can_confirm(&self, yes: bool) -> Result<(), Error> {
        if yes || self.look.interactive {
            return Ok(());
        }
        Err(Error::new(Kind::Usage, "this changes things and nobody is there to confirm it")
            .hint("add --yes to go on, or --dry-run to see only what would be done"))
    }

    /// Asks before something is changed.
    ///
    /// # Errors
    /// Interrupted where the answer is no.
    pub fn confirm(&mut self, question: &str, yes: bool) -> Result<(), Error> {
        self.can_confirm(yes)?;
        if yes {
            return Ok(());
        }
        let _ = self.out.flush();
        // What was typed before the question is no answer to it, and one sign of a pasted word is none either.
        let _ = rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush);
        let prompt = format!("{} [y/N]", one_line(question));
        let asked = dialoguer::Input::<String>::new().with_prompt(prompt).allow_empty(true).interact_text();
        match asked.as_deref().map(|answer| answer.trim().to_lowercase()) {
            Ok(answer) if ["y", "yes"].contains(&answer.as_str()) => Ok(()),
            Ok(_) => Err(Error::new(Kind::Interrupted, "declined; nothing was changed")),
            Err(_) => {
                let _ = writeln!(self.err);
                Err(Error::new(Kind::Interrupted, "interrupted; nothing was changed"))
            }
        }
    }

    /// Ends the run: shows the error, if any, and gives the exit code. A closed pipe is nobody's failure.
    #[must_use]
    pub fn finish(mut self, result: Result<(), Error>) -> ExitCode {
        let flushed = self.out.flush();
        self.leave_pager();
        match result {
            Ok(()) if flushed.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe) => {
                let _ = writeln!(self.err, "error: cannot write to stdout");
                ExitCode::FAILURE
            }
            Ok(()) => ExitCode::SUCCESS,
            Err(mut error) => {
                for hint in &mut error.hints {
                    *hint = self.typed.follow(hint);
                }
                if self.look.format == Format::Json && !error.message.is_empty() {
                    let _ = writeln!(self.err, "{}", escape::in_json(&error.to_json().to_string()));
                } else if !error.message.is_empty() {
                    self.tell(AnsiColor::Red.on_default(), "error: ", &error.to_string());
                }
                error.exit_code()
            }
        }
    }
}

/// Says something at once, from where no [`Ui`] is at hand. A bar that is being drawn makes room for it.
#[expect(clippy::print_stderr, reason = "this is the terminal's module")]
pub fn notice(text: &str) {
    progress::suspended(|| eprintln!("{}", escaped(text)));
}

/// A report as a terminal, a pipe and a script get it, for snapshots.
#[cfg(test)]
pub(crate) fn three_forms<T: Show>(report: &T) -> String {
    let pipe: String = report.grid().pipe().map(|line| line.trim_end().to_owned() + "\n").collect();
    let json = serde_json::to_string_pretty(&Document { schema: T::SCHEMA, data: report }).unwrap_or_default();
    format!("{}--- pipe\n{pipe}--- json\n{json}", report.grid().terminal(&Look::plain(100)))
}

/// Why an answer could not be written.
fn unwritten(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Error::shown(Kind::PipeClosed),
        _ => Error::failed("cannot write the answer").because(error),
    }
}

#[cfg(test)]
mod captured {
    use std::{cell::RefCell, rc::Rc};

    use super::{Format, Look, Typed, Ui, io};

    /// What was written to both outputs.
    type Text = Rc<RefCell<Vec<u8>>>;

    struct Shared(Text);

    impl io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Ui {
        /// A pipe that a test reads.
        pub(crate) fn captured() -> (Self, Text) {
            let text = Text::default();
            let look = Look { format: Format::Text, interactive: false, ..Look::plain(100) };
            let (out, err) = (Box::new(Shared(text.clone())), Box::new(Shared(text.clone())));
            (Self { look, typed: Typed::default(), out, err, pager: None }, text)
        }
    }
}
