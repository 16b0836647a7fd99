//! `count`, `top`, `values`, `fields` and `hist`: numbers and shapes instead of lines.

mod report;

use jiff::{SignedDuration, Timestamp};

use self::report::{Counted, FieldRow, Fields, Histogram, Row, Values};
use super::search::{self, Connected, DomainArgs, Which};
use crate::{
    args::ReportFormat,
    context::Context,
    error::{Error, Kind},
    events::{
        Cut, Search,
        numbers::{Figures, NotCounted, Reader, Times},
    },
    query::{Comparison, Query},
    time::{self, rfc3339},
    ui::{Show, Ui},
    words::{count, grouped},
};

/// Intervals of a histogram at most.
const MOST_INTERVALS: i64 = 2_000;

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
/// An event that has a value several times has it once. Fields of which the index keeps no columns are read from the events.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  logctl top status --since 1d\n  logctl top order.country 'level>=error' -n 20\n")]
pub struct TopArgs {
    /// The field
    #[arg(value_name = "FIELD")]
    pub field: String,
    /// Show so many values
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
    /// Show so many values
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
    /// Count in intervals of this length [default: as many as fit the screen]
    #[arg(long, value_name = "TIME", value_parser = interval)]
    pub interval: Option<SignedDuration>,
    /// What is counted.
    #[command(flatten)]
    pub counting: Counting,
}

fn interval(text: &str) -> Result<SignedDuration, String> {
    let wrong = || "an interval looks like 10s, 5m or 1d".to_owned();
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    let span = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    if span >= SignedDuration::from_millis(1) { Ok(span) } else { Err(wrong()) }
}

/// What is asked, and whom.
struct Asking {
    search: Search,
    domain: Connected,
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
        let search = asked.searches(&domain.prefix, 1).into_iter().next().unwrap_or_default();
        for note in &asked.notes {
            ui.status(note);
        }
        Ok(Asking { search, domain })
    }

    /// Shows the answer, says what it is of, and what it lacks.
    fn close<T: Show>(
        &self,
        report: &T,
        said: &str,
        asking: &Asking,
        warnings: &[String],
        ui: &mut Ui,
    ) -> Result<(), Error> {
        let shown = ui.show(report);
        self.say(shown, said, asking, warnings, ui)
    }

    fn say(
        &self,
        shown: Result<(), Error>,
        said: &str,
        asking: &Asking,
        warnings: &[String],
        ui: &mut Ui,
    ) -> Result<(), Error> {
        let range = time::describe(&asking.search.range, &ui.look.time_zone);
        let part = if warnings.is_empty() { "" } else { " that could be looked at" };
        ui.status(format_args!("{said}{part}, from {range}, {}", asking.domain.place));
        for warning in warnings {
            ui.warning(warning);
        }
        let whole = warnings.is_empty() || self.allow_partial;
        let missing = if whole { Ok(()) } else { Err(Error::shown(Kind::Incomplete)) };
        Error::worst([shown, missing])
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
        count(reader).await.map_err(|cut| match cut {
            Cut::Domain(error) => error.into(),
            Cut::Interrupted => Error::new(Kind::Interrupted, "interrupted"),
            Cut::OtherQuery => Error::failed("the events cannot be read"),
            Cut::Taker(never) => match never {},
        })
    }

    fn range(&self) -> serde_json::Value {
        let range = &self.search.range;
        serde_json::json!({"since": rfc3339(range.start), "until": rfc3339(range.end)})
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
    let report = Counted { place: asking.domain.place.clone(), range: asking.range(), count: figures.of, relation };
    let shown = report.show(ui);
    args.counting.say(shown, &count(figures.of, "event"), &asking, &figures.warnings, ui)
}

/// The field that was typed.
fn field(name: &str) -> Result<crate::query::Field, Error> {
    let wrong = || {
        Error::new(Kind::Usage, format!("`{name}` is not the name of a field"))
            .hint("a field is a name with dots: order.id, status, level")
    };
    match crate::query::parse(&[format!("has:{name}")]) {
        Ok(Query::Exists(field)) => Ok(field),
        Ok(Query::Test { field, comparison: Comparison::Equal, value }) if value.text == "*" => Ok(field),
        _ => Err(wrong()),
    }
}

/// Shows the most frequent values.
///
/// # Errors
/// Those of [`count_events`].
pub async fn top(args: &TopArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let by_number = |a: &Row, b: &Row| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value));
    values_of(&args.field, args.limit, &args.counting, by_number, cx, ui).await
}

/// Shows the values in their order.
///
/// # Errors
/// Those of [`count_events`].
pub async fn values(args: &ValuesArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let by_value = |a: &Row, b: &Row| match (a.value.parse::<f64>(), b.value.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b),
        _ => a.value.cmp(&b.value),
    };
    values_of(&args.field, args.limit, &args.counting, by_value, cx, ui).await
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
    let asking = counting.ask(cx, ui).await?;
    let Figures { of: tally, events, warnings } =
        asking.counted(cx, ui, async |reader| reader.values(&field).await).await?;
    let mut rows: Vec<Row> = tally.values.into_iter().map(|(value, count)| Row { value, count }).collect();
    rows.sort_by(order);
    let all = rows.len();
    rows.truncate(limit);
    let (place, range) = (asking.domain.place.clone(), asking.range());
    let error_bound = tally.others;
    let report = Values { place, range, field: name, events, different: all, error_bound, rows };
    let with = format!("{} with {name}", count(events, "event"));
    let said = if all > limit {
        format!("{} of {} of {with}", grouped(limit as u64), count(all, "value"))
    } else {
        format!("{} of {with}", count(all, "value"))
    };
    let closed = counting.close(&report, &said, &asking, &warnings, ui);
    if all == 0 {
        ui.hint("which fields there are tells: logctl fields");
    }
    if error_bound > 0 {
        let bound = grouped(error_bound);
        ui.warning(format_args!(
            "there are too many values to be counted: what is shown is exact, and no other value is there more than {bound} times"
        ));
    }
    closed
}

/// Shows fields.
///
/// # Errors
/// Those of [`count_events`].
pub async fn fields(args: &FieldsArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let asking = args.counting.ask(cx, ui).await?;
    let Figures { of, events, warnings } =
        asking.counted(cx, ui, async |reader| reader.fields(args.limit).await).await?;
    let row = |(name, told): (String, crate::events::numbers::FieldTold)| FieldRow {
        name,
        events: told.events,
        example: told.example,
    };
    let mut rows: Vec<FieldRow> = of.into_iter().map(row).collect();
    rows.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.name.cmp(&b.name)));
    let said = format!("{} of the newest {}", count(rows.len(), "field"), count(events, "event"));
    let report = Fields { place: asking.domain.place.clone(), range: asking.range(), events, rows };
    args.counting.close(&report, &said, &asking, &warnings, ui)
}

/// Draws when events happened.
///
/// # Errors
/// Those of [`count_events`].
pub async fn hist(args: &HistArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    const ROWS: usize = 30;
    let asking = args.counting.ask(cx, ui).await?;
    let range = &asking.search.range;
    let offset = |at: Timestamp| {
        let offset = at.to_zoned_datetime(ui.look.time_zone.clone()).offset();
        SignedDuration::from_secs(offset.seconds().into())
    };
    let offset = offset(range.start);
    let times = match args.interval {
        Some(interval) => Times::every(interval, offset),
        None => Times::of(range, ROWS, offset),
    };
    if times.number_of(range) > MOST_INTERVALS {
        let what = format!("so short an interval cuts this range into {}", count(times.number_of(range), "part"));
        return Err(Error::new(Kind::Usage, what)
            .hint(format!("{} are the most: take a longer one, or a shorter range", grouped(MOST_INTERVALS as u64))));
    }
    let Figures { of: buckets, events, warnings } =
        asking.counted(cx, ui, async |reader| reader.histogram(times).await).await?;
    let place = asking.domain.place.clone();
    let report = Histogram { place, range: asking.range(), interval_ms: times.interval, count: events, buckets };
    let shown = report.show(ui);
    args.counting.say(shown, &count(events, "event"), &asking, &warnings, ui)
}
