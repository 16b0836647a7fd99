//! `logctl search`: query → request → events → closing line.

mod account;
mod answer;
mod args;
mod asked;
mod connect;
mod explain;
mod export;
mod follow;
mod lists;
mod part;
mod shell;
mod times;

use std::{collections::BTreeSet, time::Duration};

use clap::ValueEnum as _;
use jiff::Timestamp;

use self::{account::Account, answer::Answer, export::ExportArgs, follow::FollowArgs};
pub(super) use self::{
    args::{DomainArgs, Language, SidesArgs, When, Which, zone},
    asked::Asked,
    connect::{Connected, KnownDomain, Place, connect},
};
use super::printer::{Output, OutputArgs};
use crate::{
    args::GroupSelection,
    config,
    context::Context,
    domain::{DomainClient, DomainError},
    error::{Error, Kind},
    events::{Empty, Found, Nothing, Search, WhyNothing, context::around_each, groups},
    query,
    ui::Ui,
    words::{count, grouped},
};

/// Events that are held in memory until the oldest of them is known; more are written as they are read.
const MAX_LIMIT: u64 = 10_000;

/// Events that are shown with those around them.
const MAX_SHOWN: usize = 10_000;

/// What a search looks like.
const EXAMPLES: &str = include_str!("search/examples.txt");

/// What following looks like.
const TAIL: &str = include_str!("search/tail.txt");

/// How a query is written.
const LANGUAGE: &str = concat!(include_str!("search/language.txt"), "\n", include_str!("search/examples.txt"));

/// Find events in all log groups
///
/// Words side by side must all be there. field=value, field>=number, AND, OR, NOT and brackets work as one would guess. The
/// newest events of the last hour are shown, oldest first; --since and --limit change that.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = LANGUAGE)]
pub struct SearchArgs {
    /// Which events.
    #[command(flatten)]
    pub which: Which,
    /// Show at most this many events, the newest
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: u64,
    /// How many events around each of them.
    #[command(flatten)]
    pub sides: SidesArgs,
    /// Whether all of them are written, and where.
    #[command(flatten)]
    pub export: ExportArgs,
    /// Whether it goes on, and until when.
    #[command(flatten)]
    pub following: FollowArgs,
    /// How events are written.
    #[command(flatten)]
    pub printing: OutputArgs,
    /// Exit with 8 when nothing is found
    #[arg(long)]
    pub exit_status: bool,
    /// Exit with 0 although part of the answer is missing
    #[arg(long)]
    pub allow_partial: bool,
    /// Print how the query was read, the request, and the query for other tools, and send nothing
    #[arg(long)]
    pub explain: bool,
    /// Keep this query and its flags, and send nothing: 'user={id}' --save NAME is sent by: search @NAME id=5
    #[arg(long, value_name = "NAME", value_parser = saved_name)]
    pub save: Option<String>,
    /// The flags that are kept with it.
    #[arg(skip)]
    pub kept: Kept,
    /// Which domain.
    #[command(flatten)]
    pub domain: DomainArgs,
}

/// The flags of a search that is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Those that are kept, with their values.
    pub flags: Vec<(String, Vec<String>)>,
    /// Those that are not.
    pub left_out: Vec<String>,
}

fn saved_name(text: &str) -> Result<String, String> {
    let name = text.strip_prefix('@').unwrap_or(text);
    let wrong = "a name has up to 64 letters, digits, `-`, `_` and `.`";
    if config::is_name(name) { Ok(name.to_owned()) } else { Err(wrong.to_owned()) }
}

/// Show events as they come
///
/// The same as `logctl search --follow --since now`: with --since, the events since then come first. Ctrl-C ends it.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = TAIL)]
pub struct TailArgs {
    /// Which events, and how they are shown.
    #[command(flatten)]
    pub search: SearchArgs,
}

/// Follows.
///
/// # Errors
/// Those of [`run`].
pub async fn tail(args: &TailArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let mut args = args.search.clone();
    args.following.follow = true;
    args.which.when.since = args.which.when.since.or_else(|| "now".parse().ok());
    Box::pin(run(&args, cx, ui)).await
}

/// Runs the command.
///
/// # Errors
/// Wrong usage, with the place in the query; incomplete where the domain could not look everywhere.
pub async fn run(args: &SearchArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    args.which.when.show_in(ui);
    let output = export::output(args, ui, cx.global.color);
    args.printing.check(output)?;
    args.following.check(args, output)?;
    let sides = sides(args)?;
    if let Some(name) = &args.save {
        return save(name, args, cx, ui).await;
    }
    let asked = ask(&args.which, args.following.follow, cx, ui).await?;
    if args.explain {
        return explain::show(args, &asked, ui);
    }
    if export::is_wanted(args) {
        export::check(args, &asked, output)?;
    }
    shell::redirected(&args.which.query)?;
    let domain = connect(&args.domain, cx).await?;
    if args.which.lang == Language::Logctl {
        for signs in query::signs_alone(&args.which.query) {
            ui.status(format_args!("`{signs}` has no letter and no digit, so it was not looked for"));
        }
    }
    let searches = asked.searches(&domain.search(), args.limit);
    if args.following.follow {
        return Box::pin(follow::run(args, &asked, domain, output, cx, ui)).await;
    }
    if let [search] = searches.as_slice()
        && export::is_wanted(args)
        && export::run(args, &asked, search, &domain, output, cx, ui).await?.is_some()
    {
        return Ok(());
    }
    let progress = ui.progress("searching", Some(searches.len()).filter(|searches| *searches > 1));
    let found = Search::run_all(&searches, &domain.client, &progress).await;
    drop(progress);
    let mut found = found.map_err(|error| of_query(error, args.which.lang))?;
    if let Some(why) =
        found.warnings.iter().find(|why| args.which.lang.is_of_engine() && why.contains("Failed to parse query"))
    {
        return Err(Error::new(Kind::Usage, "the engine cannot read this query").because(why));
    }
    if export::is_wanted(args) && !found.events.is_empty() {
        return Box::pin(run(args, cx, ui)).await; // They have come meanwhile.
    }
    for note in &asked.notes {
        ui.status(note);
    }
    let is_whole_query = searches.len() == 1;
    let search = searches.into_iter().next().unwrap_or_default();
    if args.which.level.is_some() {
        say_unleveled(&asked, &search, &args.which.selection, &domain.client, ui).await;
    }
    let (nothing, place) = why_nothing(&found, &asked, &search, &domain, &args.which, cx.env.now).await?;
    let around = match sides.filter(|_| !found.events.is_empty()) {
        None => None,
        Some(sides) => {
            if found.events.len().saturating_mul(sides.0 + sides.1 + 1) > MAX_SHOWN {
                let what = format!(
                    "{} and those around each would be more than {}",
                    count(found.events.len(), "event"),
                    grouped(MAX_SHOWN as u64)
                );
                return Err(Error::new(Kind::Usage, what).hint("ask for fewer: --limit, -A, -B, -C"));
            }
            let progress = ui.progress("reading what stands around", Some(found.events.len()));
            let (around, warnings) = around_each(&search, &found.events, sides, &domain.client, &progress).await?;
            found.warnings.extend(warnings);
            Some(around)
        }
    };
    let echoes = asked.notes.is_empty(); // The values of a list are nobody's to see.
    let not_streamed = domain.not_streamed(&args.which.selection, cx);
    let mut answer =
        Answer { found, around, drawn: None, not_streamed, nothing, query: asked.query, search, place, echoes };
    let empty = export::into_file(args, ui)?;
    let shown = answer.show(args, output, ui).and_then(|()| ui.flush());
    let somebody_looks = output == Output::Pretty && ui.look.stdout_is_terminal && !ui.look.quiet;
    if somebody_looks && is_whole_query && answer.is_a_part() {
        answer.drawn = times::draw(&answer.search, &domain.client, &cx.interrupt, &ui.look.time_zone).await;
    }
    let closed = answer.close(args, ui);
    let named = if shown.is_ok() { export::complete(empty, ui) } else { Ok(()) };
    Error::worst([shown, closed, named])
}

/// Keeps a search that can be read.
async fn save(name: &str, args: &SearchArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let wrong = |what: String, hint: &str| Err(Error::new(Kind::Usage, what).hint(hint));
    let query = &args.which.query;
    if query.iter().any(|word| config::is_list(word)) {
        return wrong(
            "a file of values is typed, and not kept".to_owned(),
            "leave it open, and narrow the search with it",
        );
    }
    // What is left open stands for any value.
    let filled = |word: &String| {
        config::open_names(word).fold(word.clone(), |filled, name| filled.replace(&format!("{{{name}}}"), "1"))
    };
    let which = Which { query: query.iter().map(filled).collect(), ..args.which.clone() };
    ask(&which, true, cx, ui).await?;
    let Some((settings, path)) = cx.settings.and_then(|settings| Some((settings, settings.searches.as_ref()?))) else {
        return wrong("there is no folder for saved searches".to_owned(), "set HOME or XDG_CONFIG_HOME");
    };
    if let Ok(saved) = settings.search(name) {
        return wrong(format!("@{name} is there already: {}", saved.place), "take another name, or delete it there");
    }
    // What a file sets today is none of it tomorrow.
    let mut flags = args.kept.flags.clone();
    if !flags.iter().any(|(flag, _)| flag == "lang") {
        let lang = args.which.lang.to_possible_value().map(|lang| lang.get_name().to_owned());
        flags.extend(lang.map(|lang| ("lang".to_owned(), vec![lang])));
    }
    config::keep(path, name, query, &flags)?;
    ui.status(format_args!("kept as @{name} in {}", path.display()));
    if !args.kept.left_out.is_empty() {
        ui.warning(format_args!("not kept: {}", args.kept.left_out.join(", ")));
    }
    let open: BTreeSet<&str> = query.iter().flat_map(|word| config::open_names(word)).collect();
    let open = open.iter().map(|name| format!("{name}=…"));
    let words: Vec<String> = std::iter::once(format!("@{name}")).chain(open).collect();
    ui.hint(format_args!("send it with: logctl search {}", words.join(" ")));
    Ok(())
}

/// How many events around each are shown, where somebody wants to see some.
fn sides(args: &SearchArgs) -> Result<Option<(usize, usize)>, Error> {
    let Some(sides) = args.sides.around(None) else { return Ok(None) };
    let wrong = |what: &str, hint: &str| Err(Error::new(Kind::Usage, what).hint(hint));
    if args.following.follow || export::is_wanted(args) {
        let hint = "leave them out, or look at one event afterwards: logctl context EVENT";
        return wrong("-A, -B and -C are for an answer that is shown at once", hint);
    }
    Ok(Some(sides))
}

/// Reads what is asked for. A list may come from stdin, and is waited for as long as nobody presses Ctrl-C.
///
/// # Errors
/// Those of [`Asked::read`].
pub(super) async fn ask(which: &Which, only_new: bool, cx: &Context<'_>, ui: &Ui) -> Result<Asked, Error> {
    let (typed, now, zone) = (which.clone(), cx.env.now, ui.look.time_zone.clone());
    let asked = tokio::task::spawn_blocking(move || Asked::read(&typed, only_new, now, &zone)).await;
    asked.map_err(|error| Error::failed("cannot read the query").because(error))?
}

/// A query that the engine reads by itself, and cannot, is wrong usage.
pub(super) fn of_query(error: DomainError, lang: Language) -> Error {
    match error {
        DomainError::Refused { status: 400, reason, .. } if lang.is_of_engine() => {
            Error::new(Kind::Usage, "the engine cannot read this query").because(reason)
        }
        error => error.into(),
    }
}

/// Says how many events of the query have no level; it is no part of the answer, and not waited for long.
pub(super) async fn say_unleveled(
    asked: &Asked,
    search: &Search,
    selection: &GroupSelection,
    domain: &DomainClient,
    ui: &mut Ui,
) {
    const PATIENCE: Duration = Duration::from_secs(2);
    let unleveled = asked.unleveled(search, selection);
    let Ok(Ok(unleveled)) = tokio::time::timeout(PATIENCE, unleveled.count(domain)).await else { return };
    if unleveled > 0 {
        // What is verified here was not.
        let up_to = if search.verdict.is_some() { "up to " } else { "" };
        ui.status(format_args!(
            "{up_to}{} of the query have no level, and -l leaves them out",
            count(unleveled, "event")
        ));
    }
}

/// Why nothing was found, or nothing of some groups; and where the answer comes from.
pub(super) async fn why_nothing(
    found: &Found,
    asked: &Asked,
    search: &Search,
    domain: &Connected,
    which: &Which,
    now: Timestamp,
) -> Result<(Option<Nothing>, Place), Error> {
    let place = domain.place.clone();
    if let Some(unknown) = unknown_groups(found, search, &which.selection, &domain.client).await? {
        // They are the account's, or a slip of the pen.
        let Some(account) = domain.account(now) else { return Err(unknown.error) };
        let nothing = account.of_unknown_groups(&unknown.selection).await.ok_or(unknown.error)?;
        return Ok((Some(nothing), place));
    }
    if !found.events.is_empty() || found.no_index || !found.warnings.is_empty() {
        return Ok((None, place));
    }
    if found.others && search.has_others(&domain.client).await {
        return Ok((None, place)); // What our indices tell of it is not all.
    }
    let clause = asked.clause();
    let empty = Empty::new(search, &asked.query, &clause, (&asked.flags, asked.narrowed_by), domain.redaction(), now);
    let WhyNothing { nothing, groups, places } = empty.why(&domain.client).await;
    let nothing = match domain.account(now) {
        Some(account) if nothing.as_ref().is_none_or(Nothing::may_be_elsewhere) => {
            // What else was asked for is not told of an event that is not in the index.
            let told = query::is_needles(&asked.query) && which.level.is_none();
            let needles = if told { query::needles(&asked.query) } else { Vec::new() };
            account.why(search, &needles, &which.selection, &groups).await.or(nothing)
        }
        _ => nothing,
    };
    Ok((nothing, place.or(&places)))
}

/// Groups that were asked for and that the index does not know.
pub(super) struct UnknownGroups {
    /// The globs that match none of its groups, and those that leave some out.
    selection: GroupSelection,
    pub(super) error: Error,
}

/// The globs that match no group that the index knows of. Where all that was found tells that there are none, nothing is asked.
pub(super) async fn unknown_groups(
    found: &Found,
    search: &Search,
    typed: &GroupSelection,
    domain: &DomainClient,
) -> Result<Option<UnknownGroups>, Error> {
    let shown: BTreeSet<&str> = found.events.iter().map(|event| event.group.as_str()).collect();
    // A group that is left out need not be in the index.
    let mut selection = typed.clone();
    selection.globs.retain(|glob| !glob.excludes);
    if found.no_index || selection.check(shown.iter().copied()).is_ok() {
        return Ok(None);
    }
    let Some(groups) = groups(search, domain).await? else { return Ok(None) };
    selection.globs.retain(|glob| !groups.iter().any(|group| glob.glob.matches(group)));
    if found.others {
        // It may be a group of theirs.
        let always = Search { range: Timestamp::UNIX_EPOCH..search.range.end, ..search.clone() };
        for glob in std::mem::take(&mut selection.globs) {
            let clause = query::dsl::group(&glob.glob.to_string());
            let there = Search { clause, is_of_engine: false, ..always.clone() };
            if matches!(there.number_beside(domain).await, Ok(None)) {
                selection.globs.push(glob);
            }
        }
    }
    let Err(error) = selection.check(groups.iter().map(String::as_str)) else { return Ok(None) };
    selection.globs.extend(typed.globs.iter().filter(|glob| glob.excludes).cloned());
    Ok(Some(UnknownGroups { selection, error: Error { message: format!("{} in the index", error.message), ..error } }))
}
