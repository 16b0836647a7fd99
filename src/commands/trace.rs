//! `logctl trace`: everything that carries an id, in every log group, as one timeline.

mod html;
mod report;
mod unstreamed;

use std::path::PathBuf;

use clap::ValueEnum;

use self::{report::Report, unstreamed::Unstreamed};
use super::{
    page,
    search::{self, DomainArgs, Language, When, Which},
};
use crate::{
    args::{Format, GroupSelection},
    context::Context,
    error::{Error, Kind},
    events::{Found, trace},
    ui::Ui,
    words::quote,
};

/// What a trace looks like.
const EXAMPLES: &str = include_str!("trace/examples.txt");

/// Show everything that carries an id, in every log group, as one timeline
///
/// Finds the id in fields and in text, whatever it is called, and follows it: the request ids and trace ids of the events that
/// carry it, and those of the events that carry these. Log groups that hold it and are not streamed are named.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct TraceArgs {
    /// The id of a request, a trace, an order; several are one timeline
    #[arg(value_name = "ID", required = true)]
    pub ids: Vec<String>,
    /// Which groups.
    #[command(flatten)]
    pub selection: GroupSelection,
    /// When.
    #[command(flatten)]
    pub when: When,
    /// How many steps to follow from one id to the next; 0 shows what carries the id itself
    #[arg(long, value_name = "STEPS", default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=5))]
    pub depth: u8,
    /// Write the timeline as this [default: pretty on a terminal, else text]
    #[arg(long, short, value_name = "FORMAT")]
    pub output: Option<TraceFormat>,
    /// Also write it to this file, as a page that can be attached to a ticket
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Exit with 8 when nothing is found
    #[arg(long)]
    pub exit_status: bool,
    /// Exit with 0 although part of the answer is missing
    #[arg(long)]
    pub allow_partial: bool,
    /// Which domain.
    #[command(flatten)]
    pub domain: DomainArgs,
}

/// What a timeline is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TraceFormat {
    /// Lanes and events, for people
    Pretty,
    /// One line an event, tabs between the columns
    Text,
    /// One object with everything
    Json,
}

impl TraceFormat {
    /// How errors and tables are written then.
    #[must_use]
    pub fn format(self) -> Format {
        match self {
            Self::Pretty => Format::Table,
            Self::Text => Format::Text,
            Self::Json => Format::Json,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// Incomplete where the domain could not look everywhere; unmet where something had to be found.
pub async fn run(args: &TraceArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    args.when.show_in(ui);
    args.html.as_deref().map_or(Ok(()), page::check)?;
    if let Some(id) = args.ids.iter().find(|id| !id.chars().any(char::is_alphanumeric)) {
        let what = format!("`{id}` has no letter and no digit: it cannot be looked up");
        return Err(Error::new(Kind::Usage, what).hint("logctl trace 8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f"));
    }
    let mut when = args.when.clone();
    if when.since.is_none() && when.until.is_none() {
        when.since = "1d".parse().ok();
    }
    let query = args.ids.iter().map(|id| quote(id)).collect::<Vec<_>>().join(" OR ");
    let which =
        Which { query: vec![query], selection: args.selection.clone(), level: None, when, lang: Language::Logctl };
    let asked = search::ask(&which, false, cx, ui).await?;
    let domain = search::connect(&args.domain, cx).await?;
    let search = asked.everything(&domain.search());
    let progress = ui.progress("following ids", None);
    let traced = trace::read(&search, &args.ids, args.depth.into(), &domain.client, &progress).await?;
    drop(progress);
    let progress = ui.progress("looking at log groups that are not streamed", None);
    let of = (args.ids.as_slice(), &args.selection);
    let unstreamed = Unstreamed::find(&domain, (&traced, &search), of, cx, &progress).await;
    drop(progress);
    let (nothing, place) = if traced.events.is_empty() && traced.warnings.is_empty() {
        let of_query = asked.searches(&domain.search(), 1).into_iter().next().unwrap_or_default();
        search::why_nothing(&Found { others: true, ..Found::default() }, &asked, &of_query, &domain, &which, cx.env.now)
            .await?
    } else {
        (None, domain.place.clone())
    };
    let report = Report::new(&traced, &search, unstreamed, nothing, &place);
    let shown = report.show(args.output, ui);
    let written = args.html.as_deref().map_or(Ok(()), |path| html::write(&report, path));
    report.close(ui);
    if let Some(path) = args.html.as_deref().filter(|_| written.is_ok()) {
        ui.status(format_args!("the page is {}", path.display()));
    }
    let missing = Error::unless_whole(&traced.warnings, args.allow_partial);
    let unmet = args.exit_status && traced.events.is_empty();
    let found = if unmet { Err(Error::shown(Kind::Unmet)) } else { Ok(()) };
    Error::worst([shown, written, missing, found])
}
