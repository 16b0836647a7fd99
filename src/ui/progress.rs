//! Progress on stderr: a bar on a terminal, a plain line every few seconds elsewhere.

use std::{
    cell::{Cell, RefCell},
    fmt,
    time::{Duration, Instant},
};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, WeakProgressBar};

use super::{Look, one_line};
use crate::progress::Progress;

/// How often a line is written where there is no terminal.
const QUIET: Duration = Duration::from_secs(5);

/// After this there is a pace to speak of.
const SETTLED: Duration = Duration::from_secs(2);

/// Something that takes a while.
pub struct Bar {
    drawn: ProgressBar,
    plain: bool,
    last: Cell<Instant>,
    what: String,
}

impl Bar {
    pub(super) fn new(what: &str, total: Option<usize>, look: &Look) -> Self {
        let terminal = look.interactive && !look.quiet;
        let bar = ProgressBar::with_draw_target(total.map(|total| total as u64), target(terminal));
        bar.set_style(style(total.is_some()));
        bar.set_message(what.to_owned());
        if terminal {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        if terminal {
            DRAWN.set(bar.downgrade());
        }
        Self {
            drawn: bar,
            plain: !look.interactive && !look.quiet,
            last: Cell::new(Instant::now()),
            what: what.to_owned(),
        }
    }

    #[expect(clippy::print_stderr, reason = "this is the terminal's module")]
    fn tell(&self) {
        if self.plain && self.last.get().elapsed() >= QUIET {
            self.last.set(Instant::now());
            match self.drawn.length() {
                Some(total) if self.drawn.elapsed() >= SETTLED => {
                    let (pace, left) = (self.drawn.per_sec(), HumanDuration(self.drawn.eta()));
                    eprintln!("{} {} of {total}, {pace:.1} a second, {left:#} left", self.what, self.drawn.position());
                }
                Some(total) => eprintln!("{} {} of {total}", self.what, self.drawn.position()),
                None => eprintln!("{} {}", self.what, self.drawn.position()),
            }
        }
    }
}

impl Progress for Bar {
    fn total(&self, steps: usize) {
        self.drawn.set_length(steps as u64);
        self.drawn.set_position(0); // What was counted before were others.
        self.drawn.reset_eta();
        self.drawn.reset_elapsed();
        self.drawn.set_style(style(true));
    }

    fn step(&self) {
        self.drawn.inc(1);
        self.tell();
    }

    fn steps(&self, steps: usize) {
        self.drawn.inc(steps as u64);
        self.tell();
    }

    fn note(&self, text: &str) {
        self.drawn.set_message(format!("{}: {}", self.what, one_line(text)));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.drawn.finish_and_clear();
    }
}

thread_local! {
    /// The bar that is being drawn, if one is.
    static DRAWN: RefCell<WeakProgressBar> = RefCell::default();
}

/// Does something while no bar is drawn; else what it writes would stand behind one.
pub(super) fn suspended(work: impl FnOnce()) {
    match DRAWN.with_borrow(WeakProgressBar::upgrade) {
        Some(bar) => bar.suspend(work),
        None => work(),
    }
}

fn target(terminal: bool) -> ProgressDrawTarget {
    if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
}

fn style(counted: bool) -> ProgressStyle {
    let template =
        if counted { "{spinner} {msg} {wide_bar} {pos} of {len}{pace}, {eta} left" } else { "{spinner} {msg} {done}" };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    // Of what has no steps it is told how long it takes.
    let done = |state: &ProgressState, text: &mut dyn fmt::Write| {
        let seconds = state.elapsed().as_secs();
        let _ = match state.pos() {
            0 if seconds < 2 => Ok(()),
            0 => write!(text, "({seconds} s)"),
            steps => write!(text, "{steps}"),
        };
    };
    let pace = |state: &ProgressState, text: &mut dyn fmt::Write| {
        let _ = if state.elapsed() < SETTLED { Ok(()) } else { write!(text, ", {:.1} a second", state.per_sec()) };
    };
    style.with_key("done", done).with_key("pace", pace).progress_chars("━━╌")
}
