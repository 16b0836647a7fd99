//! `logctl search`: query → request → events → closing line.

mod account;
mod answer;
mod connect;
mod explain;
mod lists;
mod shell;

use std::{collections::BTreeSet, ops::Range};

use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use logctl_core::{auth::AuthMode, endpoint::Endpoint, level::Level, names::IndexPrefix};
use serde_json::{Value, json};
use strum::IntoEnumIterator as _;

use self::{
    account::Account,
    answer::Answer,
    connect::{Connected, connect},
};
use super::printer::OutputArgs;
use crate::{
    args::{GroupSelection, named},
    context::Context,
    domain::DomainClient,
    error::{Error, Kind},
    events::{Empty, Explained, Found, Nothing, Search, groups},
    query::{self, Compiled, Query, dsl},
    time::{self, Moment},
    ui::Ui,
    words::count,
};

/// Events that one run shows at most: they are held in memory until the oldest of them is known.
const MAX_LIMIT: u64 = 10_000;

/// CloudWatch Logs takes no event of a time further ahead:
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>.
const AHEAD: SignedDuration = SignedDuration::from_hours(2);

/// What a search looks like.
const EXAMPLES: &str = include_str!("search/examples.txt");

/// How a query is written.
const LANGUAGE: &str = concat!(include_str!("search/language.txt"), "\n", include_str!("search/examples.txt"));

/// Find events in all log groups
///
/// Words side by side must all be there. field=value, field>=number, AND, OR, NOT and brackets work as one would guess. The
/// newest events of the last hour are shown, oldest first; --since and --limit change that.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = LANGUAGE)]
pub struct SearchArgs {
    /// What to look for; without it, everything
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,
    /// Which groups.
    #[command(flatten)]
    pub selection: GroupSelection,
    /// Only events of this level or worse
    #[arg(long, short, value_name = "LEVEL", value_parser = named::<Level>())]
    pub level: Option<Level>,
    /// Only events since this moment: 15m, 2h30m, yesterday 14:30, 2026-11-23 10:05 [default: 1h before --until]
    #[arg(long, short, value_name = "TIME")]
    pub since: Option<Moment>,
    /// Only events before this moment [default: now]
    #[arg(long, short, value_name = "TIME")]
    pub until: Option<Moment>,
    /// Read and show times in this zone [default: the local one]
    #[arg(long, short = 'z', value_name = "ZONE", value_parser = zone)]
    pub tz: Option<TimeZone>,
    /// Show at most this many events, the newest
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=MAX_LIMIT))]
    pub limit: u64,
    /// How events are written.
    #[command(flatten)]
    pub output: OutputArgs,
    /// The language of the query; one of another tool is taken as it was pasted
    #[arg(long, value_name = "LANGUAGE", default_value = "logctl")]
    pub lang: Language,
    /// Exit with 8 when nothing is found
    #[arg(long)]
    pub exit_status: bool,
    /// Exit with 0 although part of the answer is missing
    #[arg(long)]
    pub allow_partial: bool,
    /// Print how the query was read, the request, and the query for other tools, and send nothing
    #[arg(long)]
    pub explain: bool,
    /// How long the domain may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub timeout: u64,
    /// Where the domain answers [env: LOGCTL_ENDPOINT] [default: the stack's]
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<Endpoint>,
    /// How requests are authenticated [default: as the stack does]
    #[arg(long, value_name = "MODE", value_parser = named::<AuthMode>())]
    pub auth: Option<AuthMode>,
    /// What the names of the indices begin with [env: LOGCTL_INDEX_PREFIX] [default: the stack's, else logctl]
    #[arg(long, value_name = "PREFIX")]
    pub index_prefix: Option<IndexPrefix>,
}

/// A language of queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// The one of this command
    Logctl,
    /// That of Dashboards and Kibana: level: error and status >= 500
    Dql,
    /// Lucene's, which the engine reads by itself: level:error AND status:>=500
    Lucene,
    /// The JSON of the engine: {"term": {"@level": "error"}}
    Dsl,
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| "a zone looks like Europe/Berlin or UTC".to_owned())
}

/// Runs the command.
///
/// # Errors
/// Wrong usage, with the place in the query; incomplete where the domain could not look everywhere.
pub async fn run(args: &SearchArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    if let Some(zone) = &args.tz {
        ui.look.time_zone = zone.clone();
    }
    let zone = ui.look.time_zone.clone();
    let output = args.output.output(ui, cx.global.color);
    args.output.check(output)?;
    let Asked { query, clauses } = read(args, cx.env.now, &zone)?;
    let range = window(args, &query, cx.env.now, &zone)?;
    let flags = flags(args);
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let searches = |prefix: &str| -> Vec<Search> {
        let indices = format!("{prefix}-2*,{prefix}-outlier*");
        let search = |Compiled { clause, verdict }: &Compiled| {
            let filters = [std::slice::from_ref(clause), flags.as_slice()].concat();
            let clause = json!({"bool": {"filter": filters}});
            Search { indices: indices.clone(), clause, verdict: verdict.clone(), range: range.clone(), limit }
        };
        clauses.iter().map(search).collect()
    };
    if args.explain {
        let bodies: Vec<Value> = searches("").iter().map(|search| search.body(limit, None)).collect();
        return explain::show(args, &query, &bodies, ui);
    }
    shell::redirected(&args.query)?;
    let domain = connect(args, cx).await?;
    for signs in query::signs_alone(&args.query) {
        ui.status(format_args!("`{signs}` has no letter and no digit, so it was not looked for"));
    }
    let searches = searches(&domain.prefix);
    let progress = ui.progress("searching", Some(searches.len()).filter(|searches| *searches > 1));
    let found = Search::run_all(&searches, &domain.client, &progress).await?;
    drop(progress);
    let search = searches.into_iter().next().unwrap_or_default();
    let clause = &clauses[0].clause;
    let unknown = check_groups(&found, &search, args, &domain.client).await;
    if args.level.is_some() {
        let mut unleveled = 0;
        for Compiled { clause, .. } in &clauses {
            unleveled += without_level(clause, &search, args, &domain.client).await?;
        }
        if unleveled > 0 {
            ui.status(format_args!(
                "{} of the query have no level, and -l leaves them out",
                count(usize::try_from(unleveled).unwrap_or(usize::MAX), "event")
            ));
        }
    }
    let asked = Empty::new(&search, &query, clause, &flags, domain.redactor());
    let (nothing, place) = match unknown {
        Err(error) => (Some(beyond_the_index(&domain, args, cx.env.now, error).await?), domain.place),
        Ok(()) if found.events.is_empty() && !found.no_index && found.warnings.is_empty() => {
            let Explained { nothing, groups, places } = asked.explain(&domain.client).await;
            let nothing = match domain.account(cx.env.now) {
                Some(account) if nothing.as_ref().is_none_or(Nothing::may_be_elsewhere) => {
                    let needles = query::needles(&query);
                    account.explain(&search, &needles, &args.selection, &groups).await.or(nothing)
                }
                _ => nothing,
            };
            (nothing, domain.place.or(&places))
        }
        Ok(()) => (None, domain.place),
    };
    let answer = Answer { found, nothing, query, search, place };
    Error::worst([answer.show(args, output, ui), answer.close(args, ui)])
}

/// Why nothing was found of groups that the index does not know: they are the account's, or a slip of the pen.
async fn beyond_the_index(
    domain: &Connected,
    args: &SearchArgs,
    now: Timestamp,
    error: Error,
) -> Result<Nothing, Error> {
    let Some(account) = domain.account(now).filter(|_| error.kind == Kind::NotFound) else { return Err(error) };
    match account.beyond_the_index(&args.selection).await {
        Ok(Some(nothing)) => Ok(nothing),
        Ok(None) | Err(_) => Err(error),
    }
}

/// What is asked for, flags aside.
struct Asked {
    query: Query,
    /// What the engine is asked, in as many parts as a long list of values takes.
    clauses: Vec<Compiled>,
}

/// The query, in the language that it is written in.
fn read(args: &SearchArgs, now: Timestamp, zone: &TimeZone) -> Result<Asked, Error> {
    let of_engine = |clause| Asked { query: Query::All, clauses: vec![Compiled { clause, verdict: None }] };
    let text = || args.query.join(" ");
    let query = match args.lang {
        Language::Logctl => query::parse(&lists::read(&args.query)?)?,
        Language::Dql => query::foreign::dql(&text())?,
        Language::Lucene => return Ok(of_engine(query::foreign::lucene(&text())?)),
        Language::Dsl => return Ok(of_engine(query::foreign::dsl(&text())?)),
    };
    let query = query::at(query, now, zone)?;
    let clauses = query::parts(&query).iter().map(dsl::compile).collect();
    Ok(Asked { query, clauses })
}

/// How many events the query finds in the range that have no level.
async fn without_level(
    clause: &Value,
    search: &Search,
    args: &SearchArgs,
    domain: &DomainClient,
) -> Result<u64, Error> {
    let mut clauses = flags(&SearchArgs { level: None, ..args.clone() });
    clauses.push(clause.clone());
    clauses.push(json!({"bool": {"must_not": [{"exists": {"field": "@level"}}]}}));
    let search = Search { clause: json!({"bool": {"filter": clauses}}), verdict: None, ..search.clone() };
    Ok(search.count(domain).await?)
}

/// The range that was asked for, by a flag or in the query, else the last hour.
fn window(args: &SearchArgs, query: &Query, now: Timestamp, zone: &TimeZone) -> Result<Range<Timestamp>, Error> {
    let (since, until) = query::window(query);
    let until = match &args.until {
        Some(until) => until.at(now, zone)?,
        None => until.unwrap_or(now),
    };
    let since = match &args.since {
        Some(since) => since.at(now, zone)?,
        None => since.or_else(|| until.checked_sub(SignedDuration::from_hours(1)).ok()).unwrap_or(Timestamp::MIN),
    };
    if since > now.checked_add(AHEAD).unwrap_or(Timestamp::MAX) {
        return Err(Error::new(
            Kind::Usage,
            format!("the time range begins in the future, at {}", time::rfc3339(since)),
        )
        .hint("check --since and --until, and the clock of this machine"));
    }
    time::range(since, until)
}

/// The clauses of the flags that narrow a search.
fn flags(args: &SearchArgs) -> Vec<Value> {
    let mut filters = Vec::new();
    let mut excluded = Vec::new();
    let mut included = Vec::new();
    for glob in &args.selection.globs {
        if glob.excludes { &mut excluded } else { &mut included }.push(dsl::group(&glob.glob.to_string()));
    }
    if !included.is_empty() {
        filters.push(json!({"bool": {"should": included, "minimum_should_match": 1}}));
    }
    if !excluded.is_empty() {
        filters.push(json!({"bool": {"must_not": excluded}}));
    }
    if let Some(level) = args.level {
        let levels: Vec<_> = Level::iter().filter(|each| *each >= level).map(|level| level.to_string()).collect();
        filters.push(json!({"terms": {"@level": levels}}));
    }
    filters
}

/// Checks that each glob matches a group that the index knows of. Where all that was found tells so, nothing is asked.
async fn check_groups(found: &Found, search: &Search, args: &SearchArgs, domain: &DomainClient) -> Result<(), Error> {
    let shown: BTreeSet<&str> = found.events.iter().map(|event| event.group.as_str()).collect();
    // A group that is left out need not be in the index.
    let mut selection = args.selection.clone();
    selection.globs.retain(|glob| !glob.excludes);
    if found.no_index || selection.check(shown.iter().copied()).is_ok() {
        return Ok(());
    }
    let Some(groups) = groups(search, domain).await? else { return Ok(()) };
    selection
        .check(groups.iter().map(String::as_str))
        .map_err(|error| Error { message: format!("{} in the index", error.message), ..error })
}
