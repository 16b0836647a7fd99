//! How output looks.

use std::{
    fmt::Display,
    io::{self, IsTerminal as _},
};

use anstyle::{AnsiColor, Style};
use jiff::tz::TimeZone;

use crate::{
    args::{ColorChoice, Format, Global},
    env::Environment,
};

/// How output looks: decided once, handed to everything that renders.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "facts about a terminal that do not depend on one another")]
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
    /// Whether somebody can read stderr and answer on stdin: progress and prompts.
    pub interactive: bool,
    /// Whether stderr takes colour.
    pub stderr_colour: bool,
    /// No progress, no hints.
    pub quiet: bool,
    /// The program that shows long answers, and its arguments.
    pub pager: String,
    /// What tells `less` to keep colours, where nobody told it anything.
    pub less: Option<&'static str>,
}

impl Look {
    /// The look of this process's terminal. `format` is what was asked for.
    #[must_use]
    pub fn from_terminal(global: &Global, format: Option<Format>, environment: &Environment) -> Self {
        let (stdout, stderr, stdin) =
            (io::stdout().is_terminal(), io::stderr().is_terminal(), io::stdin().is_terminal());
        let plain = environment.var("NO_COLOR").is_some() || environment.var("TERM") == Some("dumb");
        let colour = |terminal: bool| match global.color {
            ColorChoice::Auto => terminal && !plain,
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        };
        let columns = environment.var("COLUMNS").and_then(|columns| columns.parse().ok());
        let size = || Some(terminal_size::terminal_size()?.0.0.into());
        Self {
            width: columns.or_else(size).unwrap_or(80).max(40),
            colour: colour(stdout),
            time_zone: environment.time_zone.clone(),
            format: format.unwrap_or(if stdout { Format::Table } else { Format::Text }),
            stdout_is_terminal: stdout,
            interactive: stderr && stdin,
            stderr_colour: colour(stderr),
            quiet: global.quiet,
            pager: environment.var("LOGCTL_PAGER").or(environment.var("PAGER")).unwrap_or("less").to_owned(),
            less: environment.var("LESS").is_none().then_some("RFX"),
        }
    }

    /// A terminal of `width` columns without colour, in UTC.
    #[cfg(test)]
    pub(crate) fn plain(width: usize) -> Self {
        Self {
            width,
            colour: false,
            time_zone: TimeZone::UTC,
            format: Format::Table,
            stdout_is_terminal: true,
            interactive: true,
            stderr_colour: false,
            quiet: false,
            pager: String::new(),
            less: None,
        }
    }

    /// The same for stderr.
    #[must_use]
    pub fn for_stderr(&self) -> Self {
        Self { colour: self.stderr_colour, ..self.clone() }
    }

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

    /// The style of what was looked for.
    #[must_use]
    pub fn mark(&self) -> Style {
        if self.colour { AnsiColor::Black.on(AnsiColor::Yellow) } else { Style::new() }
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
