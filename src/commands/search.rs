//! `logctl search`: query → request → events → closing line.

mod lists;
mod render;

use std::{collections::BTreeSet, ops::Range, time::Duration};

use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use logctl_core::{auth::AuthMode, endpoint::Endpoint, level::Level, names::IndexPrefix};
use logctl_sink::domain::Auth;
use serde_json::{Value, json};
use strum::IntoEnumIterator as _;

use crate::{
    args::{GroupSelection, named},
    aws::{self, Aws, signed::signer},
    context::Context,
    deploy::DeployedStack,
    domain::DomainClient,
    error::{Error, Kind},
    events::{Empty, Found, Nothing, Search, groups},
    network::Network,
    query::{self, Compiled, Query, dsl},
    time::{self, Moment},
    ui::Ui,
    words::{count, grouped},
};

/// Events that one run shows at most: they are held in memory until the oldest of them is known.
const MAX_LIMIT: u64 = 10_000;

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
    /// Write events as this
    #[arg(long, short, value_name = "FORMAT")]
    pub output: Option<Output>,
    /// Exit with 8 when nothing is found
    #[arg(long)]
    pub exit_status: bool,
    /// Exit with 0 although part of the answer is missing
    #[arg(long)]
    pub allow_partial: bool,
    /// Print the request instead of sending it
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

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Time, service, level and message
    Pretty,
    /// The messages alone
    Raw,
    /// One object with all events
    Json,
    /// One object an event
    Jsonl,
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| "a zone looks like Europe/Berlin or UTC".to_owned())
}

impl Output {
    /// Whether scripts read it.
    #[must_use]
    pub fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Jsonl)
    }
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
    let typed = lists::read(&args.query)?;
    let query = query::at(query::parse(&typed)?, cx.env.now, &zone)?;
    let range = window(args, &query, cx.env.now, &zone)?;
    let Compiled { clause, verdict } = dsl::compile(&query);
    let flags = flags(args);
    let filters = [vec![clause], flags.clone()].concat();
    let clause = json!({"bool": {"filter": filters}});
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let search =
        |prefix: &str| Search { indices: format!("{prefix}-2*,{prefix}-outliers"), clause, verdict, range, limit };
    if args.explain {
        ui.status(format_args!("read as: {}", query::line(&query)));
        let body = search("").body(limit, None);
        return ui.line(&serde_json::to_string_pretty(&body).unwrap_or_default());
    }
    redirected(&args.query)?;
    let (domain, prefix) = connect(args, cx).await?;
    for signs in query::signs_alone(&args.query) {
        ui.status(format_args!("`{signs}` has no letter and no digit, so it was not looked for"));
    }
    let search = search(&prefix);
    let progress = ui.progress("searching", None);
    let found = search.run(&domain).await?;
    drop(progress);
    check_groups(&found, &search, args, &domain).await?;
    if args.level.is_some() {
        let unleveled = without_level(&query, &search, args, &domain).await?;
        if unleveled > 0 {
            ui.status(format_args!(
                "{} of the query have no level, and -l leaves them out",
                count(usize::try_from(unleveled).unwrap_or(usize::MAX), "event")
            ));
        }
    }
    let nothing = if found.events.is_empty() && !found.no_index && found.warnings.is_empty() {
        Empty { search: &search, query: &query, flags: &flags }.explain(&domain).await
    } else {
        None
    };
    let shown = render::show(&found, nothing.as_ref(), args, &search.range, ui);
    let closed = close(&found, nothing.as_ref(), &query, &search, args, ui);
    Error::worst([shown, closed])
}

/// How many events the query finds in the range that have no level.
async fn without_level(query: &Query, search: &Search, args: &SearchArgs, domain: &DomainClient) -> Result<u64, Error> {
    let mut clauses = flags(&SearchArgs { level: None, ..args.clone() });
    clauses.push(dsl::compile(query).clause);
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

/// The domain, and what its indices are called: as typed, else as the variables say, else from the stack.
async fn connect(args: &SearchArgs, cx: &Context<'_>) -> Result<(DomainClient, String), Error> {
    let timeout = Duration::from_secs(args.timeout);
    let endpoint = match &args.endpoint {
        Some(endpoint) => Some(endpoint.clone()),
        None => cx.variable("LOGCTL_ENDPOINT")?,
    };
    let prefix: Option<IndexPrefix> = match &args.index_prefix {
        Some(prefix) => Some(prefix.clone()),
        None => cx.variable("LOGCTL_INDEX_PREFIX")?,
    };
    if let Some(endpoint) = endpoint {
        if cx.global.aws.expect_account.is_some() {
            Aws::connect(cx).await?;
        }
        let auth = match args.auth.unwrap_or_else(|| endpoint.auth()) {
            AuthMode::None => Auth::None,
            AuthMode::SigV4 => {
                let config = aws::load(&cx.global.aws, cx.env).await?;
                Auth::SigV4(signer(&config, &cx.global.aws).await?)
            }
            AuthMode::Basic => {
                return Err(Error::new(Kind::Usage, "name and password come from the stack's secret")
                    .hint("leave out --endpoint, and unset LOGCTL_ENDPOINT"));
            }
        };
        let domain = DomainClient::new(endpoint, auth, Network::new(cx.env).client(None)?, timeout);
        return Ok((domain, prefix.unwrap_or_default().to_string()));
    }
    let aws: Aws = Aws::connect(cx).await?;
    let stack = DeployedStack::find(&aws, &cx.stack).await?;
    let settings = stack.map(|stack| stack.settings);
    let Some((settings, mut domain)) = settings.and_then(|settings| Some((settings.clone(), settings.domain()?)))
    else {
        return Err(Error::new(Kind::NotFound, format!("there is no stack {} that names a domain", cx.stack))
            .hint("name the domain with --endpoint, or deploy the stack with: logctl bootstrap"));
    };
    domain.auth = args.auth.unwrap_or(domain.auth);
    Ok((domain.client(&aws, timeout).await?, prefix.unwrap_or(settings.prefix).to_string()))
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
    let groups = groups(search, domain).await?;
    selection
        .check(groups.iter().map(String::as_str))
        .map_err(|error| Error { message: format!("{} in the index", error.message), ..error })
}

/// Says how much was shown of how much, over which range, and how to get the rest.
fn close(
    found: &Found,
    nothing: Option<&Nothing>,
    query: &Query,
    search: &Search,
    args: &SearchArgs,
    ui: &mut Ui,
) -> Result<(), Error> {
    let range = time::describe(&search.range, &ui.look.time_zone);
    let shown = found.events.len();
    match shown {
        0 => {
            ui.status(format_args!("nothing found from {range}"));
            if let Some(nothing) = nothing {
                ui.status(&nothing.detail);
                nothing.suggestion.iter().for_each(|suggestion| ui.hint(suggestion));
            }
        }
        _ if (shown as u64) < found.total || found.total_is_at_least => {
            ui.status(format_args!("the newest {} of {} from {range}", count(shown, "event"), total(found)));
            let more = (args.limit * 10).min(MAX_LIMIT);
            let more = if args.limit < MAX_LIMIT { format!("more with --limit {more}, or ") } else { String::new() };
            ui.hint(format_args!("see {more}older ones with --until"));
        }
        _ => ui.status(format_args!("all {} from {range}", count(shown, "event"))),
    }
    for doubt in query::doubts(query) {
        ui.hint(doubt);
    }
    for warning in &found.warnings {
        ui.warning(warning);
    }
    if found.no_index {
        ui.warning(format_args!("there is no index {}; has anything been streamed yet?", search.indices));
    }
    if !found.warnings.is_empty() && !args.allow_partial {
        return Err(Error::new(Kind::Incomplete, "part of the answer is missing")
            .hint("try again, or accept what there is with --allow-partial"));
    }
    if shown == 0 && args.exit_status {
        return Err(Error::shown(Kind::Unmet));
    }
    Ok(())
}

fn total(found: &Found) -> String {
    let at_least = if found.total_is_at_least { "more than " } else { "" };
    format!("{at_least}{}", grouped(found.total))
}

/// Looks for what the shell has made of a comparison that was not quoted: `status>=500` writes a file `=500`.
fn redirected(words: &[String]) -> Result<(), Error> {
    const JUST_NOW: Duration = Duration::from_secs(5);
    let is_name = |word: &String| word.chars().all(|c| c.is_alphanumeric() || "_.@-".contains(c));
    let Some(name) = words.last().filter(|name| is_name(name)) else { return Ok(()) };
    for entry in std::fs::read_dir(".").into_iter().flatten().flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let (sign, value) = file.strip_prefix('=').map_or((">", &*file), |value| (">=", value));
        let is_new = entry.metadata().is_ok_and(|file| {
            file.len() == 0 && file.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age < JUST_NOW))
        });
        if is_new && value.parse::<f64>().is_ok() {
            return Err(Error::new(
                Kind::Usage,
                format!("the shell has read the sign in {name}{sign}{value} and written a file `{file}`"),
            )
            .hint(format!("quote it: logctl search '{name}{sign}{value}'")));
        }
    }
    Ok(())
}
