//! `count`, `top`, `values`, `fields` and `hist`: numbers and shapes instead of lines.

mod report;

use jiff::SignedDuration;

pub(super) use self::report::parts;
use self::report::{Counted, FieldRow, Fields, Histogram, Of, Row, Values};
use super::search::{self, Asked, Connected, DomainArgs, Language, Which};
use crate::{
    args::ReportFormat,
    context::Context,
    error::{Error, Kind},
    events::{
        Cut, Found, Search,
        numbers::{FieldTold, Figures, NotCounted, Reader, Times},
    },
    query::{self, Field, Query},
    time,
    ui::Ui,
    words::{count, grouped},
};

/// Intervals of a histogram at most.
const MOST_INTERVALS: i128 = 2_000;

/// What is counted, and how it is written.
#[derive(Debug, Clone, clap::Args)]
pub struct Counting {
    /// Which events.
    #[command(flatten)]
    pub which: Which,
    /// How it is written.
    #[command(flatten)]
    pub format: ReportFormat,
    /// Exit with 0 although part of the answer is missing
    #[arg(long)]
    pub allow_partial: bool,
    /// Which domain.
    #[command(flatten)]
    pub domain: DomainArgs,
}

/// Count the events that a query finds
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  logctl count level=error --since 1d\n  logctl count 'status>=500' -g '/aws/lambda/*'\n"
)]
pub struct CountArgs {
    /// What is counted.
    #[command(flatten)]
    pub counting: Counting,
}

/// Show the most frequent values of a field
///
/// An event that has a value several times is counted once for it. Fields of which the index keeps no columns are read from the events.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  logctl top status --since 1d\n  logctl top order.country 'level>=error' -n 20\n")]
pub struct TopArgs {
    /// The field
    #[arg(value_name = "FIELD")]
    pub field: String,
    /// Show at most this many values
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 10)]
    pub limit: usize,
    /// What is counted.
    #[command(flatten)]
    pub counting: Counting,
}

/// Show the values that a field has, in their order
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  logctl values service\n  logctl values status 'path=/orders' --since 1d\n")]
pub struct ValuesArgs {
    /// The field
    #[arg(value_name = "FIELD")]
    pub field: String,
    /// Show at most this many values
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 1_000)]
    pub limit: usize,
    /// What is counted.
    #[command(flatten)]
    pub counting: Counting,
}

/// Show which fields events have, how many have them, and an example
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  logctl fields -g /aws/lambda/payments\n  logctl fields level=error -n 100000\n")]
pub struct FieldsArgs {
    /// Look at so many events, the newest
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 10_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: u64,
    /// What is counted.
    #[command(flatten)]
    pub counting: Counting,
}

/// Draw when events happened, by their levels
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  logctl hist timeout --since 1d\n  logctl hist 'level>=warn' --interval 5m\n")]
pub struct HistArgs {
    /// Count in intervals of this length [default: one that gives about 30]
    #[arg(long, value_name = "TIME", value_parser = interval)]
    pub interval: Option<SignedDuration>,
    /// What is counted.
    #[command(flatten)]
    pub counting: Counting,
}

fn interval(text: &str) -> Result<SignedDuration, String> {
    time::length(text).ok_or_else(|| "an interval looks like 10s, 5m or 1d".to_owned())
}

/// What is asked, and whom.
struct Asking {
    asked: Asked,
    search: Search,
    domain: Connected,
    lang: Language,
}

impl Counting {
    /// Reads what is asked, and finds the domain.
    async fn ask(&self, cx: &Context<'_>, ui: &mut Ui) -> Result<Asking, Error> {
        self.which.when.show_in(ui);
        let asked = search::ask(&self.which, false, cx, ui).await?;
        if asked.parts.len() > 1 {
            let what =
                "so long a list of values is asked for in parts, and an event of two of them would be counted twice";
            return Err(Error::new(Kind::Usage, what).hint("ask for fewer values at once"));
        }
        let domain = search::connect(&self.domain, cx).await?;
        let search = asked.searches(&domain.search(), 1).into_iter().next().unwrap_or_default();
        for note in &asked.notes {
            ui.status(note);
        }
        Ok(Asking { asked, search, domain, lang: self.which.lang })
    }

    /// Says what an answer that was shown is of, and what it lacks; where there is no event, why.
    async fn close(
        &self,
        shown: Result<(), Error>,
        (said, events, warnings): (&str, u64, &[String]),
        asking: &Asking,
        cx: &Context<'_>,
        ui: &mut Ui,
    ) -> Result<(), Error> {
        let range = time::describe(&asking.search.range, &ui.look.time_zone);
        let part = if warnings.is_empty() { "" } else { " that could be looked at" };
        ui.status(format_args!("{said}{part}, from {range}, {}", asking.domain.place));
        for warning in warnings {
            ui.warning(warning);
        }
        if self.which.level.is_some() {
            let client = &asking.domain.client;
            search::say_unleveled(&asking.asked, &asking.search, &self.which.selection, client, ui).await;
        }
        if events == 0 && warnings.is_empty() {
            let Asking { asked, search, domain, .. } = asking;
            let none = Found { others: true, ..Found::default() };
            let (nothing, _) = search::why_nothing(&none, asked, search, domain, &self.which, cx.env.now).await?;
            if let Some(nothing) = nothing {
                ui.status(&nothing.detail);
                nothing.suggestion.iter().for_each(|suggestion| ui.hint(suggestion));
            }
        }
        Error::worst([shown, Error::unless_whole(warnings, self.allow_partial)])
    }
}

impl Asking {
    /// Counts with a bar.
    async fn counted<T>(
        &self,
        cx: &Context<'_>,
        ui: &mut Ui,
        count: impl AsyncFnOnce(Reader<'_>) -> Result<Figures<T>, NotCounted>,
    ) -> Result<Figures<T>, Error> {
        let progress = ui.progress("counting events", None);
        let reader =
            Reader { search: &self.search, domain: &self.domain.client, interrupt: &cx.interrupt, progress: &progress };
        let lang = self.lang;
        count(reader).await.map_err(|cut| match cut {
            Cut::Domain(error) => search::of_query(error, lang),
            Cut::Interrupted => Error::new(Kind::Interrupted, "interrupted"),
            Cut::OtherQuery => Error::failed("the events cannot be read"),
            Cut::Taker(never) => match never {},
        })
    }

    /// What an answer is of.
    fn of<'a>(&self, warnings: &'a [String]) -> Of<'a> {
        Of { place: self.domain.place.clone(), range: time::range_json(&self.search.range), warnings }
    }
}

/// Counts events.
///
/// # Errors
/// Wrong usage, with the place in the query; incomplete where the domain could not look everywhere.
pub async fn count_events(args: &CountArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let asking = args.counting.ask(cx, ui).await?;
    let figures = asking.counted(cx, ui, async |reader| reader.count().await).await?;
    // What could not be looked at may hold more.
    let relation = if figures.warnings.is_empty() { "eq" } else { "gte" };
    let report = Counted { of: asking.of(&figures.warnings), count: figures.events, relation };
    let shown = report.show(ui);
    let said = count(figures.events, "event");
    args.counting.close(shown, (&said, figures.events, &figures.warnings), &asking, cx, ui).await
}

/// Each event has others of these, or they are no values.
const OF_EACH: [&str; 5] = ["@message", "@timestamp", "@ingested", "@ids", "@id"];

/// The field that was typed.
fn field(name: &str) -> Result<Field, Error> {
    let wrong = || {
        Error::new(Kind::Usage, format!("`{name}` is not the name of a field"))
            .hint("a field is a name with dots: order.id, status, level")
    };
    let Ok(Query::Exists(field)) = query::parse(&[format!("has:{name}")]) else { return Err(wrong()) };
    match query::names(&field).into_iter().find(|name| OF_EACH.contains(&name.as_str())) {
        Some(own) if own == name => Err(Error::new(Kind::Usage, format!("{own} is not counted by its values"))
            .hint("see the events: logctl search")),
        _ => Ok(field),
    }
}

/// Shows the most frequent values.
///
/// # Errors
/// Those of [`count_events`].
pub async fn top(args: &TopArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let by_number = |a: &Row, b: &Row| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value));
    Box::pin(values_of(&args.field, args.limit, &args.counting, by_number, cx, ui)).await
}

/// Shows the values in their order.
///
/// # Errors
/// Those of [`count_events`].
pub async fn values(args: &ValuesArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    // Numbers come first, in their order.
    let key = |row: &Row| row.value.parse::<f64>().ok().filter(|number| number.is_finite());
    let by_value = |a: &Row, b: &Row| {
        let order = match (key(a), key(b)) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            (a, b) => a.is_none().cmp(&b.is_none()),
        };
        order.then_with(|| a.value.cmp(&b.value))
    };
    Box::pin(values_of(&args.field, args.limit, &args.counting, by_value, cx, ui)).await
}

async fn values_of(
    name: &str,
    limit: usize,
    counting: &Counting,
    order: impl Fn(&Row, &Row) -> std::cmp::Ordering,
    cx: &Context<'_>,
    ui: &mut Ui,
) -> Result<(), Error> {
    let field = field(name)?;
    let mut asking = counting.ask(cx, ui).await?;
    let Figures { of: tally, events, warnings } =
        asking.counted(cx, ui, async |reader| reader.values(&field).await).await?;
    let mut rows: Vec<Row> = tally.values.into_iter().map(|(value, count)| Row { value, count }).collect();
    rows.sort_by(order);
    let all = rows.len();
    rows.truncate(limit);
    let error_bound = tally.others;
    let report = Values { of: asking.of(&warnings), field: name, events, different: all, error_bound, rows };
    let shown = ui.show(&report);
    let with = format!("{} with {name}", count(events, "event"));
    let said = if all > limit {
        format!("{} of {} of {with}", grouped(limit as u64), count(all, "value"))
    } else {
        format!("{} of {with}", count(all, "value"))
    };
    if all == 0 {
        ui.hint("which fields there are: logctl fields");
        // Why there is none is asked of events that have the field.
        asking.asked.narrow(Query::Exists(field));
        asking.search = asking.asked.searches(&asking.domain.search(), 1).into_iter().next().unwrap_or_default();
    }
    if error_bound > 0 {
        let bound = grouped(error_bound);
        ui.warning(format_args!(
            "there are too many values to be counted: what is shown is exact, and no other value is there more than {bound} times"
        ));
    }
    counting.close(shown, (&said, events, &warnings), &asking, cx, ui).await
}

/// Shows fields.
///
/// # Errors
/// Those of [`count_events`].
pub async fn fields(args: &FieldsArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let asking = args.counting.ask(cx, ui).await?;
    let Figures { of, events, warnings } =
        asking.counted(cx, ui, async |reader| reader.fields(args.limit).await).await?;
    let row = |(name, told): (String, FieldTold)| FieldRow { name, events: told.events, example: told.example };
    let mut rows: Vec<FieldRow> = of.into_iter().map(row).collect();
    rows.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.name.cmp(&b.name)));
    // What is verified here is known only of those that were read.
    let may = if asking.search.verdict.is_some() {
        format!(", of {} that may match", grouped(args.limit))
    } else {
        String::new()
    };
    let said = format!("{} of the newest {}{may}", count(rows.len(), "field"), count(events, "event"));
    let report = Fields { of: asking.of(&warnings), events, rows };
    let shown = ui.show(&report);
    args.counting.close(shown, (&said, events, &warnings), &asking, cx, ui).await
}

/// Draws when events happened.
///
/// # Errors
/// Those of [`count_events`].
pub async fn hist(args: &HistArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    const ROWS: i32 = 30;
    let asking = args.counting.ask(cx, ui).await?;
    let (range, zone) = (&asking.search.range, &ui.look.time_zone);
    if let Some(interval) = args.interval
        && Times::number_of(interval, range) > MOST_INTERVALS
    {
        let what = format!("so short an interval cuts this range into more than {MOST_INTERVALS} parts");
        return Err(Error::new(Kind::Usage, what).hint("use a longer --interval, or a shorter range"));
    }
    let times = match args.interval {
        Some(interval) => Times::every(interval, range, zone),
        None => Times::of(range, ROWS, zone),
    };
    let Figures { of: buckets, events, warnings } =
        asking.counted(cx, ui, async |reader| reader.histogram(&times).await).await?;
    let interval_ms = times.interval.as_millis();
    let report = Histogram { of: asking.of(&warnings), interval_ms, count: events, buckets };
    let shown = report.show(ui);
    args.counting.close(shown, (&count(events, "event"), events, &warnings), &asking, cx, ui).await
}
