//! The terminal: nothing else writes to it.
//!
//! stdout is the answer, stderr is everything else.

mod escape;
mod progress;
mod table;

use std::{
    fmt::Display,
    io::{self, IsTerminal as _, Write},
    process::ExitCode,
};

use anstyle::{AnsiColor, Style};
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Kind};

pub use escape::{escaped, one_line};
pub use progress::Progress;
pub use table::{bar, table};

/// How output looks: decided once, handed to everything that renders.
#[derive(Debug, Clone)]
pub struct Look {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether stdout takes colour.
    pub colour: bool,
    /// The zone in which times are shown.
    pub time_zone: TimeZone,
    /// What the report is written as.
    pub format: Format,
    /// Whether stdout is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether stderr and stdin are terminals: progress and prompts.
    pub interactive: bool,
    /// Whether stderr takes colour.
    pub stderr_colour: bool,
    /// No progress, no hints.
    pub quiet: bool,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people; what a terminal gets
    Table,
    /// One record a line, tabs between the columns; what a pipe gets
    Text,
    /// One object with a schema that only grows
    Json,
}

impl Look {
    /// The style of something good, where colour is on.
    #[must_use]
    pub fn good(&self) -> Style {
        self.style(AnsiColor::Green)
    }

    /// The style of something that wants attention.
    #[must_use]
    pub fn warning(&self) -> Style {
        self.style(AnsiColor::Yellow)
    }

    /// The style of something wrong.
    #[must_use]
    pub fn bad(&self) -> Style {
        self.style(AnsiColor::Red)
    }

    /// The style of what matters less.
    #[must_use]
    pub fn dim(&self) -> Style {
        if self.colour { Style::new().dimmed() } else { Style::new() }
    }

    /// The style of a name.
    #[must_use]
    pub fn name(&self) -> Style {
        self.style(AnsiColor::Cyan)
    }

    /// The style of a heading.
    #[must_use]
    pub fn bold(&self) -> Style {
        if self.colour { Style::new().bold() } else { Style::new() }
    }

    fn style(&self, colour: AnsiColor) -> Style {
        if self.colour { colour.on_default() } else { Style::new() }
    }
}

/// `text` in `style`.
pub fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A report: data that knows how it is shown.
pub trait Show: Serialize {
    /// Name and version of its JSON.
    const SCHEMA: &'static str;

    /// For people.
    fn table(&self, look: &Look) -> impl Display;

    /// For a pipe: one record a line.
    fn lines(&self) -> impl Iterator<Item = String>;
}

/// Where a run writes.
pub struct Ui {
    /// How.
    pub look: Look,
    out: Box<dyn Write>,
    err: Box<dyn Write>,
}

impl Ui {
    /// The real terminal.
    #[must_use]
    pub fn stdio(look: &Look) -> Self {
        Self { look: look.clone(), out: Box::new(io::BufWriter::new(io::stdout())), err: Box::new(io::stderr()) }
    }

    /// Writes a report to stdout.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn show<T: Show>(&mut self, report: &T) -> Result<(), Error> {
        match self.look.format {
            Format::Table => {
                let table = report.table(&self.look).to_string();
                self.write(format_args!("{table}"))
            }
            Format::Text => report.lines().try_for_each(|line| self.line(&line)),
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
        let text = match self.look.format {
            Format::Table => plan.table(&self.look).to_string(),
            Format::Text => plan.lines().map(|line| line + "\n").collect(),
            Format::Json => return Ok(()),
        };
        drop(self.err.write_all(text.as_bytes()));
        Ok(())
    }

    /// Writes one object with its schema first.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn json(&mut self, schema: &str, data: &impl Serialize) -> Result<(), Error> {
        let data = serde_json::to_value(data).map_err(|error| Error::failed("cannot write JSON").because(error))?;
        let mut object = serde_json::Map::from_iter([("schema".to_owned(), Value::from(schema))]);
        object.extend(data.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
        self.line(&Value::Object(object).to_string())
    }

    /// Writes one line to stdout.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn line(&mut self, line: &str) -> Result<(), Error> {
        self.write(format_args!("{line}\n"))
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) -> Result<(), Error> {
        self.out.write_fmt(text).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Error::shown(Kind::PipeClosed),
            _ => Error::failed("cannot write to stdout").because(error),
        })
    }

    /// Says how it went, on stderr. A script that reads JSON or a pipe is not disturbed by it.
    pub fn status(&mut self, text: impl Display) {
        if !self.look.quiet {
            drop(writeln!(self.err, "{text}"));
        }
    }

    /// Says what may surprise.
    pub fn warning(&mut self, text: impl Display) {
        let style = if self.look.stderr_colour { AnsiColor::Yellow.on_default() } else { Style::new() };
        drop(writeln!(self.err, "{style}warning:{style:#} {text}"));
    }

    /// Says what to type next.
    pub fn hint(&mut self, text: impl Display) {
        if !self.look.quiet {
            let style = if self.look.stderr_colour { AnsiColor::Cyan.on_default() } else { Style::new() };
            drop(writeln!(self.err, "{style}hint:{style:#} {text}"));
        }
    }

    /// Progress of `total` steps, or of an unknown number.
    #[must_use]
    pub fn progress(&self, what: &str, total: Option<usize>) -> Progress {
        Progress::new(what, total, self.look.interactive && !self.look.quiet)
    }

    /// Asks before something is changed.
    ///
    /// # Errors
    /// Interrupted where the answer is no; wrong usage where nobody can answer and `yes` is not given.
    pub fn confirm(&mut self, question: &str, yes: bool) -> Result<(), Error> {
        if yes {
            return Ok(());
        }
        if !self.look.interactive {
            return Err(Error::new(Kind::Usage, "this changes things and nobody is there to confirm it")
                .hint("add --yes to go on, or --dry-run to see only what would be done"));
        }
        drop(self.out.flush());
        match dialoguer::Confirm::new().with_prompt(question).default(false).interact_opt() {
            Ok(Some(true)) => Ok(()),
            Ok(_) => Err(Error::new(Kind::Interrupted, "declined; nothing was changed")),
            Err(error) => Err(Error::new(Kind::Interrupted, "no answer; nothing was changed").because(error)),
        }
    }

    /// Ends the run: shows the error, if any, and gives the exit code. A closed pipe is nobody's failure.
    #[must_use]
    pub fn finish(mut self, result: Result<(), Error>) -> ExitCode {
        let flushed = self.out.flush();
        match result {
            Ok(()) if flushed.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe) => {
                drop(writeln!(self.err, "error: cannot write to stdout"));
                ExitCode::FAILURE
            }
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                if self.look.format == Format::Json && !error.message.is_empty() {
                    drop(writeln!(self.err, "{}", error.to_json()));
                } else if !error.message.is_empty() {
                    let style = if self.look.stderr_colour { AnsiColor::Red.on_default() } else { Style::new() };
                    drop(writeln!(self.err, "{style}error:{style:#} {error}"));
                }
                error.exit_code()
            }
        }
    }
}

/// Whether the standard streams are terminals: stdout, and stderr with stdin.
#[must_use]
pub fn terminals() -> (bool, bool) {
    (io::stdout().is_terminal(), io::stderr().is_terminal() && io::stdin().is_terminal())
}

/// Says something at once, from where no [`Ui`] is at hand.
#[expect(clippy::print_stderr, reason = "this is the terminal's module")]
pub fn notice(text: &str) {
    eprintln!("\n{text}");
}

/// `1 log group`, `2 log groups`.
#[must_use]
pub fn count(number: usize, one: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {one}{s}", grouped(number as u64))
}

/// `1234567` as `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1536` as `1.5 KiB`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub fn bytes(number: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let step = (0..units.len() - 1).find(|step| number < 1024 << (10 * step)).unwrap_or(units.len() - 1);
    if step == 0 {
        return format!("{number} B");
    }
    format!("{:.1} {}", number as f64 / (1_u64 << (10 * step)) as f64, units[step])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_nouns_agree() {
        assert_eq!(count(1, "log group"), "1 log group");
        assert_eq!(count(1_234_567, "event"), "1,234,567 events");
        assert_eq!((bytes(0), bytes(1536), bytes(5 << 40)), ("0 B".into(), "1.5 KiB".into(), "5.0 TiB".into()));
    }
}
