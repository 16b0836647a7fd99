//! `search -f` and `tail`: events as they come.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    MAX_LIMIT, SearchArgs,
    asked::{AHEAD, Asked},
    connect,
    connect::Connected,
    of_query, unknown_groups,
};
use crate::{
    commands::printer::{self, Output, Shown},
    context::Context,
    domain::DomainError,
    env::Environment,
    error::{Error, Kind},
    events::{Event, Follow, Found, LATE, Look, Search},
    query,
    time::{self, rfc3339, rough},
    ui::Ui,
    words::{count, grouped},
};

/// Between two looks, while events come and at most.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// Whether another function writes events is told by those of so long.
const OF_LATE: SignedDuration = SignedDuration::from_hours(1);

/// Whether events are shown as they come, and until when.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct FollowArgs {
    /// Go on with the events that come from now on, until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    /// Stop following after this long: 90s, 10m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
    /// Stop following at the first event, or the first whose message matches REGEX
    #[arg(long, value_name = "REGEX", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub until_match: Option<Regex>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let length = time::length(text).and_then(|length| Duration::try_from(length).ok());
    length.ok_or_else(|| "a time looks like 90s, 10m or 1h30m".to_owned())
}

impl FollowArgs {
    /// Checks what following cannot do.
    ///
    /// # Errors
    /// Wrong usage, with what to type instead.
    pub fn check(&self, args: &SearchArgs, output: Output) -> Result<(), Error> {
        let wrong = |what: &str, hint: &str| Err(Error::new(Kind::Usage, what).hint(hint));
        if !self.follow {
            let typed = self.duration.is_some() || self.until_match.is_some();
            return if typed {
                wrong("--duration and --until-match say when to stop following", "add -f")
            } else {
                Ok(())
            };
        }
        let without_end = [
            ("--until", args.which.when.until.is_some()),
            ("--all", args.export.all),
            ("--to", args.export.to.is_some()),
            ("--pager", args.printing.pager),
            ("--exit-status", args.exit_status),
        ];
        if let Some((flag, _)) = without_end.iter().find(|(_, typed)| *typed) {
            return wrong(&format!("{flag} is for an answer that has an end"), "leave it out, or do not follow");
        }
        if output == Output::Json || args.printing.compact {
            return wrong("one object with all events has no end while they come", "one object a line: -o jsonl");
        }
        if args.limit > MAX_LIMIT {
            return wrong("--limit is at most 10,000 with -f", "leave it out, or write all events before: --all");
        }
        Ok(())
    }
}

/// What is under way.
struct Tail<'a> {
    args: &'a SearchArgs,
    output: Output,
    marks: Option<Regex>,
    /// Whether it begins on another day.
    dated: bool,
    name_width: usize,
    /// Events that were shown.
    shown: u64,
    env: &'a Environment,
    /// What is wrong at the moment, all that was said of it, and since when.
    trouble: Option<(Vec<String>, Timestamp)>,
    /// Whether it was said that older events are being indexed.
    older: bool,
    /// Whether something was left out.
    gaps: bool,
}

/// Shows the events that there are, and those that come.
///
/// # Errors
/// Interrupted at the end; unmet where an event was waited for that did not come; incomplete where something was left out.
pub async fn run(
    args: &SearchArgs,
    asked: &Asked,
    mut domain: Connected,
    output: Output,
    cx: &Context<'_>,
    ui: &mut Ui,
) -> Result<(), Error> {
    let searches = asked.searches(&domain.search(), args.limit);
    let [search] = searches.as_slice() else {
        let what = "so long a list of values is asked for in parts";
        return Err(Error::new(Kind::Usage, what).hint("follow fewer values at once"));
    };
    let mut tail = Tail {
        args,
        output,
        marks: query::marks(&asked.query),
        dated: time::spans_days(&search.range, &ui.look.time_zone),
        name_width: 0,
        shown: 0,
        env: cx.env,
        trouble: None,
        older: false,
        gaps: false,
    };
    let deadline = args.following.duration.map(|duration| Instant::now() + duration);
    let mut follow = Follow::new(search, &domain.client, cx.env.clock()).await?;
    for note in &asked.notes {
        ui.status(note);
    }
    let now = cx.env.clock();
    let since = search.range.start.min(now - OF_LATE);
    let of_late = Search { range: since..now + AHEAD, ..search.clone() };
    match of_late.number_beside(&domain.client).await {
        Ok(None) => {}
        Ok(Some((events, indices))) => ui.warning(format_args!(
            "{indices} is not followed: AWS's own function has written up to {} there in the last {} that may be meant",
            count(events, "event"),
            rough(now.duration_since(since))
        )),
        Err(why) => ui.warning(why),
    }
    let before = before(args, search, &domain, cx, ui).await?;
    follow.know(&before);
    if tail.ends(&mut { before }, ui)? {
        return tail.close(&domain, ui, Ok(()));
    }
    if ui.look.interactive && !ui.look.quiet {
        ui.status(format_args!("following {}; Ctrl-C ends it", domain.place));
    }
    cx.interrupt.expect();
    let mut pause = PAUSE;
    let ended = loop {
        let look = tokio::select! {
            look = follow.look(&domain.client, cx.env.clock()) => look,
            () = cx.interrupt.set() => break Err(Error::shown(Kind::Interrupted)),
            () = at(deadline) => break Ok(()),
        };
        let refused = matches!(look, Err(DomainError::Denied { .. } | DomainError::Credentials { .. }));
        let mut new = match look {
            Ok(look) => tail.seen(look, ui),
            Err(error) => {
                tail.troubled(&Error::from(error), ui);
                Vec::new()
            }
        };
        if refused {
            // What admits a caller ends after a while, and may be there anew.
            tokio::select! {
                again = connect(&args.domain, cx) => match again {
                    Ok(again) => domain = again,
                    Err(error) => tail.troubled(&error, ui),
                },
                () = cx.interrupt.set() => break Err(Error::shown(Kind::Interrupted)),
                () = at(deadline) => break Ok(()),
            }
        }
        pause = if new.is_empty() && !follow.holds_some() { (pause * 2).min(LONGEST_PAUSE) } else { PAUSE };
        new = follow.in_order(new, cx.env.clock());
        if tail.ends(&mut new, ui)? {
            return tail.close(&domain, ui, Ok(()));
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = cx.interrupt.set() => break Err(Error::shown(Kind::Interrupted)),
            () = at(deadline) => break Ok(()),
        }
    };
    let mut last = follow.rest();
    if ended.is_ok()
        && let Ok(Ok(look)) = tokio::time::timeout(PAUSE, follow.look(&domain.client, cx.env.clock())).await
    {
        last = [last, tail.seen(look, ui)].concat(); // What came since the last look.
        last.sort_by(Event::order);
    }
    if tail.ends(&mut last, ui)? {
        return tail.close(&domain, ui, Ok(()));
    }
    let ended = match ended {
        Ok(()) if args.following.until_match.is_some() => {
            Err(Error::new(Kind::Unmet, "the event that was waited for has not come"))
        }
        ended => ended,
    };
    tail.close(&domain, ui, ended)
}

/// The events that are there, where they are wanted, and what is said of them.
async fn before(
    args: &SearchArgs,
    search: &Search,
    domain: &Connected,
    cx: &Context<'_>,
    ui: &mut Ui,
) -> Result<Vec<Event>, Error> {
    let only_new = search.range.end == search.range.start;
    // What has come since the run began is known by now, and shown with the others.
    let range = search.range.start..cx.env.clock() + AHEAD;
    let all = Search { range, beside: None, ..search.clone() };
    let mut found = if only_new {
        Found::default()
    } else {
        all.run(&domain.client).await.map_err(|error| of_query(error, args.which.lang))?
    };
    // It may be a group of AWS's own function.
    found.others = true;
    if let Some(unknown) = unknown_groups(&found, search, &args.which.selection, &domain.client).await? {
        ui.warning(format_args!("{}: waiting for it", unknown.error.message));
    }
    for warning in &found.warnings {
        ui.warning(warning);
    }
    if !only_new && (found.total_is_at_least || found.total > found.events.len() as u64) {
        let more = if found.total_is_at_least { " or more" } else { "" };
        let shown = count(found.events.len(), "event");
        ui.status(format_args!("the newest {shown} of {}{more}, then what comes", grouped(found.total)));
    }
    Ok(found.events)
}

/// Waits for a time, or for ever.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

impl Tail<'_> {
    /// Says what a look has told beside its events, and gives these.
    fn seen(&mut self, look: Look, ui: &mut Ui) -> Vec<Event> {
        let now = self.env.clock();
        match look.missing.first() {
            Some(missing) => self.troubled(&Error::failed(missing.clone()), ui),
            None => {
                if let Some((_, since)) = self.trouble.take() {
                    let after = rough(now.duration_since(since));
                    ui.status(format_args!("the domain answers again after {after}; what came meanwhile follows"));
                }
            }
        }
        if look.skipped > 0 {
            self.gaps = true;
            let events = count(look.skipped, "event");
            ui.warning(format_args!("at least {events} too many to be shown as they come: left out"));
            ui.hint(format_args!("read them with: logctl search --all --since {}", rfc3339(now - LATE)));
        }
        if look.older > 0 && !self.older {
            let before = (now - LATE).to_zoned_datetime(ui.look.time_zone.clone()).strftime("%H:%M:%S").to_string();
            ui.status(format_args!(
                "events from before {before} are being indexed, by a replay or late; they are not shown here"
            ));
        }
        self.older = look.older > 0;
        look.events
    }

    /// Says what is wrong, once.
    fn troubled(&mut self, error: &Error, ui: &mut Ui) {
        let text = error.one_line();
        let (said, _) = self.trouble.get_or_insert_with(|| (Vec::new(), self.env.clock()));
        if said.contains(&text) {
            return;
        }
        said.push(text.clone());
        ui.warning(format_args!("{text}; trying again"));
        error.hints.iter().filter(|_| error.kind.exit() == Kind::Denied.exit()).for_each(|hint| ui.hint(hint));
    }

    /// Shows events, up to the one that was waited for. Tells whether it has come.
    fn ends(&mut self, events: &mut Vec<Event>, ui: &mut Ui) -> Result<bool, Error> {
        let waited_for = self.args.following.until_match.as_ref();
        let last = waited_for.and_then(|regex| events.iter().position(|event| regex.is_match(&event.message)));
        events.truncate(last.map_or(events.len(), |last| last + 1));
        self.print(events, ui)?;
        Ok(last.is_some())
    }

    fn print(&mut self, events: &[Event], ui: &mut Ui) -> Result<(), Error> {
        if events.is_empty() {
            return Ok(());
        }
        self.name_width = self.name_width.max(printer::name_width(events));
        let Self { marks, dated, name_width, .. } = self;
        let shown = Shown {
            marks: marks.as_ref(),
            dated: *dated,
            headless: self.shown > 0,
            name_width: *name_width,
            pointed: None,
        };
        printer::print(events, &self.args.printing, self.output, shown, ui)?;
        self.shown += events.len() as u64;
        ui.flush()
    }

    /// Says how much was shown, and what was not.
    fn close(&self, domain: &Connected, ui: &mut Ui, ended: Result<(), Error>) -> Result<(), Error> {
        if ui.look.interactive && matches!(&ended, Err(error) if error.kind == Kind::Interrupted) {
            ui.status(""); // Behind the ^C of the terminal.
        }
        let (events, time) = (count(self.shown, "event"), rough(self.env.clock().duration_since(self.env.now)));
        ui.status(format_args!("{events} in {time}, {}", domain.place));
        let missing = match &self.trouble {
            Some((what, since)) => {
                let since = rfc3339(*since);
                let error = Error::new(Kind::Incomplete, format!("not everything was seen since {since}"));
                Err(what.iter().fold(error, Error::because))
            }
            None if self.gaps => Err(Error::shown(Kind::Incomplete)),
            None => Ok(()),
        };
        Error::worst([ended, missing.or_else(|error| if self.args.allow_partial { Ok(()) } else { Err(error) })])
    }
}
