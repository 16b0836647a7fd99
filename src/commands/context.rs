//! `logctl context`: what stands around an event.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{
    printer::{self, Common, Output, OutputArgs, Record, Shown},
    search::{self, DomainArgs, Language, Place, SidesArgs, When, Which},
};
use crate::{
    args::GroupSelection,
    context::Context,
    error::{Error, Kind},
    events::context::{Reference, around, find},
    time::{rfc3339, spans_days},
    ui::Ui,
    words::count,
};

/// Events on each side where nobody says how many.
const SIDE: usize = 10;

/// Show the events around one
///
/// The event is named by its "id" or its "cursor", as search -o json shows them. What stands around it is of its log stream, or with
/// --everywhere of all log groups.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  logctl context 38677120917890012345678901234567890123456789012345678901\n  \
    logctl context 1795428312345:3867712… -C 50 --everywhere -g '/aws/lambda/*'\n")]
pub struct ContextArgs {
    /// The event
    #[arg(value_name = "EVENT")]
    pub event: Reference,
    /// How many events around it.
    #[command(flatten)]
    pub sides: SidesArgs,
    /// Show the events of all log groups, or of those that -g takes, and not only of its stream
    #[arg(long)]
    pub everywhere: bool,
    /// Which groups.
    #[command(flatten)]
    pub selection: GroupSelection,
    /// Read times in this zone, and show them to people in it [default: the local one]
    #[arg(long, short = 'z', value_name = "ZONE", value_parser = search::zone)]
    pub tz: Option<jiff::tz::TimeZone>,
    /// How events are written.
    #[command(flatten)]
    pub printing: OutputArgs,
    /// Exit with 0 although part of the answer is missing
    #[arg(long)]
    pub allow_partial: bool,
    /// Which domain.
    #[command(flatten)]
    pub domain: DomainArgs,
}

/// The answer as one object.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    place: Place,
    event: &'a str,
    before: usize,
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    common: Option<Common<'a>>,
    events: Vec<Record<'a>>,
}

/// Runs the command.
///
/// # Errors
/// Not found where there is no such event; incomplete where the domain could not look everywhere.
pub async fn run(args: &ContextArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    if !args.everywhere && !args.selection.globs.is_empty() {
        return Err(Error::new(Kind::Usage, "-g says of which log groups, and an event's stream is of one")
            .hint("add --everywhere"));
    }
    let when = When { tz: args.tz.clone(), ..When::default() };
    when.show_in(ui);
    let output = args.printing.output(ui, cx.global.color);
    args.printing.check(output)?;
    let which =
        Which { query: Vec::new(), selection: args.selection.clone(), level: None, when, lang: Language::Logctl };
    let asked = search::ask(&which, false, cx, ui).await?;
    let domain = search::connect(&args.domain, cx).await?;
    let search = asked.everything(&domain.search());
    let (found, warnings) = find(&search, &args.event, &domain.client).await?;
    let Some(found) = found else {
        let error = Error::new(Kind::NotFound, format!("no event has the id {}", args.event.id));
        let error = warnings.iter().fold(error, Error::because);
        return Err(error.hint("an event is named by its \"id\" or its \"cursor\", as search -o json shows them"));
    };
    let middle = found.event.clone();
    let around =
        around(&search, found, args.sides.around(Some(SIDE)).unwrap_or_default(), args.everywhere, &domain.client)
            .await?;
    args.printing.say_missing(&around.events, ui);
    if args.printing.pager {
        ui.page()?;
    }
    let pointed = BTreeSet::from([middle.id.as_str()]);
    let shown = if output == Output::Json {
        let (common, events) = printer::document(&around.events, &args.printing, Some(&pointed));
        let (place, before, warnings) = (domain.place.of(&around.events), around.before, &around.warnings);
        ui.json("logctl.context/v1", &Document { place, event: &middle.id, before, warnings, common, events })
    } else {
        let ends = around.events.first().zip(around.events.last());
        let range = ends.map(|(first, last)| first.time..last.time);
        let dated = range.is_some_and(|range| spans_days(&range, &ui.look.time_zone));
        let shown = Shown { dated, pointed: Some(&pointed), ..Shown::default() };
        printer::print(&around.events, &args.printing, output, shown, ui)
    };
    let after = around.events.len() - around.before - 1;
    let of = if args.everywhere { "all log groups".to_owned() } else { format!("{}, {}", middle.group, middle.stream) };
    ui.status(format_args!(
        "{} before and {after} after the one of {}, of {of}; {}",
        count(around.before, "event"),
        rfc3339(middle.time),
        domain.place.of(&around.events),
    ));
    for warning in &around.warnings {
        ui.warning(warning);
    }
    Error::worst([shown, Error::unless_whole(&around.warnings, args.allow_partial)])
}
