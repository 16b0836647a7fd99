//! `logctl search`: query → request → events → closing line.

mod render;

use std::{ops::Range, time::Duration};

use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use logctl_core::{level::Level, names::IndexPrefix};
use serde_json::{Value, json};

use super::Context;
use crate::{
    aws::{self, Aws, stack::Stack},
    cli::GroupSelection,
    error::{Error, Kind},
    index::{Auth, Found, Index, Search, newest_before},
    query::{self, dsl},
    time,
    ui::{Ui, count, grouped},
};

/// How far back a search looks that finds nothing in its default range.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Events that one run shows at most; more is an export.
const MAX_LIMIT: usize = 1_000_000;

/// Find events in all log groups
///
/// Words side by side must all be there. field=value, field>=number, AND, OR, NOT and brackets work as one would guess. The
/// newest events of the last hour are shown, oldest first; --since and --limit change that.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  logctl search 'requestId=8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f'
  logctl search timeout -g '/aws/lambda/*' --since 2h
  logctl search 'level>=error' NOT health --since yesterday
  logctl search 'status>=500 AND service=checkout' -o jsonl | jq .message")]
pub struct SearchArgs {
    /// What to look for; without it, everything
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,
    /// Which groups.
    #[command(flatten)]
    pub selection: GroupSelection,
    /// Only events of this level or worse
    #[arg(long, short, value_name = "LEVEL")]
    pub level: Option<Level>,
    /// Only events since this moment: 15m, 2h30m, yesterday 14:30, 2026-11-23 10:05 [default: 1h]
    #[arg(long, short, value_name = "TIME")]
    pub since: Option<String>,
    /// Only events before this moment [default: now]
    #[arg(long, short, value_name = "TIME")]
    pub until: Option<String>,
    /// Read and show times in this zone [default: the local one]
    #[arg(long, short = 'z', value_name = "ZONE")]
    pub tz: Option<String>,
    /// Show at most this many events, the newest
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 100)]
    pub limit: usize,
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
    /// Where the domain answers [default: the stack's]
    #[arg(long, value_name = "URL", env = "LOGCTL_ENDPOINT", hide_env_values = true)]
    pub endpoint: Option<String>,
    /// How requests are authenticated [default: by the endpoint]
    #[arg(long, value_name = "MODE")]
    pub auth: Option<Auth>,
    /// What the names of the indices begin with [default: the stack's, else logctl]
    #[arg(long, value_name = "PREFIX", env = "LOGCTL_INDEX_PREFIX", hide_env_values = true)]
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
        ui.look.time_zone = TimeZone::get(zone)
            .map_err(|error| Error::new(Kind::Usage, format!("`{zone}` is no time zone")).because(error))?;
    }
    let range = window(args, cx.env.now, &ui.look.time_zone)?;
    let clause = clause(args)?;
    if args.limit > MAX_LIMIT {
        return Err(Error::new(Kind::Usage, format!("one search shows at most {} events", grouped(MAX_LIMIT as u64))));
    }
    let (index, prefix) = connect(args, cx).await?;
    let search = Search { indices: format!("{prefix}-*"), clause, range, limit: args.limit };
    if args.explain {
        return ui.line(&serde_json::to_string_pretty(&search.body(args.limit.min(1000), None)).unwrap_or_default());
    }
    let progress = ui.progress("searching", None);
    let found = search.run(&index).await?;
    drop(progress);
    render::show(&found, args, &search.range, ui)?;
    close(&found, &search, args, &index, ui).await
}

/// The range that was asked for, else the last hour.
fn window(args: &SearchArgs, now: Timestamp, zone: &TimeZone) -> Result<Range<Timestamp>, Error> {
    let until = args.until.as_deref().map_or(Ok(now), |text| time::moment(text, now, zone))?;
    let default = SignedDuration::from_hours(1);
    let since = match &args.since {
        Some(text) => time::moment(text, now, zone)?,
        None => until.checked_sub(default).unwrap_or(Timestamp::MIN),
    };
    time::range(since, until)
}

/// The query and the flags that narrow it, as one clause.
fn clause(args: &SearchArgs) -> Result<Value, Error> {
    let mut filters = vec![dsl::compile(&query::parse(&args.query)?)?];
    let mut excluded = Vec::new();
    let mut included = Vec::new();
    for glob in &args.selection.groups {
        match glob.strip_prefix('!') {
            Some(glob) => excluded.push(dsl::group(glob)),
            None => included.push(dsl::group(glob)),
        }
    }
    if !included.is_empty() {
        filters.push(json!({"bool": {"should": included, "minimum_should_match": 1}}));
    }
    if !excluded.is_empty() {
        filters.push(json!({"bool": {"must_not": excluded}}));
    }
    if let Some(level) = args.level {
        let levels: Vec<_> = Level::ALL.into_iter().filter(|each| *each >= level).map(Level::as_str).collect();
        filters.push(json!({"terms": {"@level": levels}}));
    }
    Ok(json!({"bool": {"filter": filters}}))
}

/// The domain, and what its indices are called: from the flags, else from the stack.
async fn connect(args: &SearchArgs, cx: &Context<'_>) -> Result<(Index, String), Error> {
    let timeout = Duration::from_secs(args.timeout);
    let prefix = args.index_prefix.as_ref().map(ToString::to_string);
    if let Some(endpoint) = &args.endpoint {
        let config = match args.auth.unwrap_or_else(|| Auth::of(endpoint)) {
            Auth::Sigv4 => Some(aws::load(cx.global).await?),
            Auth::None => None,
        };
        let index = Index::new(endpoint, config.as_ref(), timeout)?;
        return Ok((index, prefix.unwrap_or_else(|| "logctl".to_owned())));
    }
    let aws: Aws = cx.aws().await?;
    let stack = Stack::find(&aws, cx.global).await?;
    let output = |name: &str| stack.as_ref().and_then(|stack| stack.outputs.get(name)).cloned();
    let Some(endpoint) = output("Endpoint") else {
        return Err(Error::new(Kind::NotFound, format!("there is no stack {} that names a domain", cx.global.stack))
            .hint("name the domain with --endpoint, or deploy the stack with: logctl bootstrap"));
    };
    let signed = args.auth.map_or(output("AuthMode").as_deref() == Some("sigv4"), |auth| auth == Auth::Sigv4);
    let index = Index::new(&endpoint, signed.then_some(&aws.config), timeout)?;
    Ok((index, prefix.or_else(|| output("IndexPrefix")).unwrap_or_else(|| "logctl".to_owned())))
}

/// Says how much was shown of how much, over which range, and how to get the rest.
async fn close(found: &Found, search: &Search, args: &SearchArgs, index: &Index, ui: &mut Ui) -> Result<(), Error> {
    let range = time::describe(&search.range, &ui.look.time_zone);
    let shown = found.events.len();
    let total = grouped(found.total) + if found.total_is_at_least { "+" } else { "" };
    match shown {
        0 => ui.status(format_args!("nothing found from {range}")),
        _ if (shown as u64) < found.total || found.total_is_at_least => {
            ui.status(format_args!("the newest {} of {total} from {range}", count(shown, "event")));
            ui.hint(format_args!("see more with --limit {}, or older ones with --until", shown * 10));
        }
        _ => ui.status(format_args!("all {} from {range}", count(shown, "event"))),
    }
    for warning in &found.warnings {
        ui.warning(warning);
    }
    if shown == 0 && args.since.is_none() && found.warnings.is_empty() {
        let back = search.range.end.checked_sub(LOOK_BACK).unwrap_or(Timestamp::MIN);
        if let Some((number, newest)) = newest_before(search, back, index).await? {
            let ago = search.range.end.duration_since(newest);
            let hours = ago.as_hours() + 1;
            let before = count(usize::try_from(number).unwrap_or(usize::MAX), "event");
            ui.hint(format_args!(
                "{before} in the 30 days before, the newest {} ago: --since {hours}h",
                time::rough(ago)
            ));
        }
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
