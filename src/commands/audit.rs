//! `logctl audit`: the state of every log group, and why.

mod columns;
mod difference;
mod explained;
mod forms;
mod html;
mod overview;
mod report;

use std::{collections::BTreeSet, path::PathBuf};

use logctl_core::{
    coverage::{State, short_arn},
    names::LogGroupName,
};

use super::{
    asking_all,
    group_report::role,
    page, read_account,
    targets::{self, Wanted},
};
use crate::{
    args::{Format, GroupGlob, GroupSelection, Narrowing, Rate, Targets, named},
    aws::Aws,
    context::Context,
    deploy::DeployedStack,
    error::{Error, Kind},
    inventory::{Depth, Entry, Inventory, Reading},
    ui::{Role, Show as _, Ui},
    words::count,
};

pub use columns::kept;
use columns::{Column, Sort};
use difference::Earlier;
use explained::Explained;
use report::{Report, View};

/// What the states mean, in the order in which the first that fits counts.
const STATES: &str = include_str!("audit/states.txt");

/// Report which log groups are streamed, and why others are not
///
/// A log group is streamed when one of its subscription filters, or the account policy, points at the stack's forwarder.
/// Without a stack the report still answers: which groups are streamed, by whom, and to where. It changes nothing.
///
/// What the event history, metrics and the index prove is not asked; each state says how it is known, and as of when.
#[derive(Debug, clap::Args)]
#[command(after_long_help = STATES)]
pub struct AuditArgs {
    /// Which groups.
    #[command(flatten)]
    pub selection: GroupSelection,
    /// Which of them.
    #[command(flatten)]
    pub narrowing: Narrowing,
    /// Where.
    #[command(flatten)]
    pub targets: Targets,
    /// Show only groups in one of these states
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = named::<State>())]
    pub state: Vec<State>,
    /// Show also groups that need nothing, and however many there are
    #[arg(long)]
    pub all: bool,
    /// Tell this of each group
    #[arg(long, value_name = "COLUMN", value_delimiter = ',', value_parser = named::<Column>())]
    pub columns: Vec<Column>,
    /// Sort by a column, with `-` in front the other way round: --sort=-volume
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    pub sort: Option<Sort>,
    /// Say what decides the state of one group
    #[arg(long, value_name = "GROUP", conflicts_with_all = [
        "globs", "state", "fail_on", "max_missing", "diff", "html", "all", "columns", "sort", "arrivals", "regions", "accounts",
        "expression", "tags", "class", "retention", "made_since", "made_until",
    ])]
    pub explain: Option<LogGroupName>,
    /// Exit with 8 when a group is in one of these states
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = named::<State>())]
    pub fail_on: Vec<State>,
    /// Exit with 8 when more groups than this are missing
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub max_missing: Option<usize>,
    /// Show what has changed since an earlier audit, as -o json has written it
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "state", "columns", "sort", "expression", "tags", "class", "retention", "made_since", "made_until",
    ])]
    pub diff: Option<PathBuf>,
    /// Write the report as one page to this file, too
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Compare what came into each streamed group in the last three hours with what is in the index; exit with 8 where events are
    /// missing
    #[arg(long)]
    pub arrivals: bool,
    /// Ask every log group, whatever is known of it
    #[arg(long)]
    pub fresh: bool,
    /// How fast.
    #[command(flatten)]
    pub rate: Rate,
    /// Write the report as this; a table on a terminal, text in a pipe
    #[arg(long, short, value_name = "FORMAT")]
    pub output: Option<AuditFormat>,
}

/// How an audit is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AuditFormat {
    /// For people; what a terminal gets
    Table,
    /// One group a line, tabs between the columns; what a pipe gets
    Text,
    /// One object with a schema that only grows
    Json,
    /// One object a group, one a line
    Jsonl,
    /// Comma-separated values, with a header
    Csv,
    /// A table of Markdown
    Markdown,
    /// A test report: groups in the states of --fail-on fail, or those that need something
    Junit,
    /// Figures for a scraper
    Prometheus,
}

impl AuditFormat {
    /// How everything else is written beside it.
    #[must_use]
    pub const fn format(self) -> Format {
        match self {
            Self::Table => Format::Table,
            Self::Json | Self::Jsonl => Format::Json,
            Self::Text | Self::Csv | Self::Markdown | Self::Junit | Self::Prometheus => Format::Text,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// Unmet where a group is in a state of `--fail-on`; incomplete where one could not be read.
pub async fn run(args: &AuditArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    check(args)?;
    let earlier = args.diff.as_deref().map(Earlier::read).transpose()?;
    if let Some(group) = &args.explain {
        return explain(group, args, cx, ui).await;
    }
    let AuditArgs { selection, narrowing, fresh, rate, .. } = args;
    let depth = if args.arrivals { Depth::Arrivals } else { Depth::Details };
    let wanted = Wanted { selection, narrowing, fresh: *fresh, depth, rate: rate.calls };
    let looked = targets::look(&args.targets, &wanted, cx, ui).await?;
    let found: Vec<&Inventory> = looked.iter().filter_map(|looked| looked.found.as_ref().ok()).collect();
    let view = View {
        states: args.state.clone(),
        all: args.all,
        columns: args.columns.clone(),
        sort: args.sort.clone(),
        globs: selection.globs.iter().map(ToString::to_string).collect(),
        narrowed: !narrowing.is_empty(),
    };
    let report = Report::new(&looked, view, cx.env.now);
    let page = args.html.as_deref().map_or(Ok(()), |path| html::write(&report, path));
    let shown = if let Some(earlier) = earlier {
        let difference = earlier.until(&report, selection);
        let shown = match args.output {
            Some(AuditFormat::Csv) => ui.csv(&difference.grid()),
            Some(AuditFormat::Markdown) => difference.grid().markdown().try_for_each(|line| ui.line(&line)),
            _ => ui.show(&difference),
        };
        ui.status(difference.closing_line());
        shown
    } else {
        let shown = write(&report, args, ui);
        ui.status(report.closing_line(ui.look.format == Format::Table));
        shown
    };
    let entries = || found.iter().flat_map(|inventory| &inventory.groups);
    let without: Vec<String> = found.iter().filter(|it| it.stack.is_none()).map(|it| it.target.to_string()).collect();
    match (looked.as_slice(), without.as_slice()) {
        ([_], [_]) if args.targets.regions.is_empty() && args.targets.accounts.is_empty() => {
            ui.hint(format_args!("there is no stack {} yet; deploy it with: logctl bootstrap", cx.stack));
        }
        (_, [first, rest @ ..]) => {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            ui.hint(format_args!(
                "there is no stack {} in {first}{more}: deploy it there with bootstrap --region",
                cx.stack
            ));
        }
        _ if entries().any(|entry| entry.decision.change.is_some()) => {
            ui.hint("put the rest right with: logctl backfill");
        }
        _ => {}
    }
    let states: Vec<State> = entries().map(|entry| entry.decision.state).collect();
    let lacking = found.iter().map(|inventory| needs_a_stack(args, inventory));
    let full = found.iter().map(|inventory| may_be_full(inventory, &args.fail_on));
    let broken = found.iter().map(|inventory| may_be_broken(inventory, &args.fail_on));
    let conditions =
        [fail_on(&states, &args.fail_on), too_many(&states, args.max_missing), arrived(&found, args.arrivals)];
    Error::worst(
        [targets::check(&looked), page, shown].into_iter().chain(lacking).chain(full).chain(broken).chain(conditions),
    )
}

fn write(report: &Report<'_>, args: &AuditArgs, ui: &mut Ui) -> Result<(), Error> {
    let needs_something = |state| matches!(role(state), Role::Bad | Role::Warning);
    let fails = |state| if args.fail_on.is_empty() { needs_something(state) } else { args.fail_on.contains(&state) };
    match args.output {
        Some(AuditFormat::Jsonl) => {
            report.failed().try_for_each(|target| ui.record(target))?;
            report.groups.iter().try_for_each(|group| ui.record(group))
        }
        Some(AuditFormat::Csv) => ui.csv(&report.grid()),
        Some(AuditFormat::Markdown) => report.grid().markdown().try_for_each(|line| ui.line(&line)),
        Some(AuditFormat::Junit) => ui.line(&forms::junit(report, fails)),
        Some(AuditFormat::Prometheus) => ui.line(&forms::prometheus(report)),
        Some(AuditFormat::Table | AuditFormat::Text | AuditFormat::Json) | None => ui.show(report),
    }
}

async fn explain(group: &LogGroupName, args: &AuditArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let aws = Aws::connect(cx).await?.with_rate(args.rate.calls);
    let stack = DeployedStack::find_if_any(&aws, cx).await?;
    let glob = group.as_str().parse::<GroupGlob>().map_err(|error| Error::new(Kind::Usage, error.to_string()))?;
    let selection = GroupSelection { globs: vec![glob] };
    let reading = Reading { depth: Depth::Details, ..asking_all(&aws, &selection, cx) };
    let inventory = read_account(&aws, stack.as_ref(), &reading, cx, ui).await?;
    let explained = Explained::new(&inventory, stack.as_ref(), group.as_str());
    let Some(explained) = explained else {
        return Err(Error::new(Kind::NotFound, format!("{group} was there, and is gone")));
    };
    let shown = ui.show(&explained);
    Error::worst([inventory.check(), shown])
}

/// Checks what does not fit together, and what can be known before any work.
fn check(args: &AuditArgs) -> Result<(), Error> {
    let of_groups = |output| !matches!(output, AuditFormat::Table | AuditFormat::Text | AuditFormat::Json);
    if let Some(output) = args.output.filter(|output| of_groups(*output)) {
        let what = match (&args.explain, &args.diff) {
            (Some(_), _) => Some("--explain"),
            (None, Some(_)) if !matches!(output, AuditFormat::Csv | AuditFormat::Markdown) => Some("--diff"),
            _ => None,
        };
        if let Some(what) = what {
            return Err(
                Error::new(Kind::Usage, format!("{what} is not written as that")).hint("take -o json or -o text")
            );
        }
    }
    let arrived =
        args.columns.contains(&Column::Arrived) || args.sort.as_ref().is_some_and(|sort| sort.is_by(Column::Arrived));
    if arrived && !args.arrivals {
        return Err(
            Error::new(Kind::Usage, "what has arrived is looked at with --arrivals only").hint("add --arrivals")
        );
    }
    args.html.as_deref().map_or(Ok(()), page::check)
}

/// Without a working stack there are no rules and no filter of ours, and most states cannot be: a condition on them, or on what
/// arrives, would look like one that is met.
fn needs_a_stack(args: &AuditArgs, inventory: &Inventory) -> Result<(), Error> {
    if inventory.coverage.is_some() {
        return Ok(());
    }
    let without = [State::Missing, State::Full, State::Unsupported, State::Own, State::Loop, State::Unknown];
    let needs = args.fail_on.iter().find(|state| !without.contains(state)).map(|state| format!("--fail-on {state}"));
    let Some(needs) = needs.or_else(|| args.arrivals.then(|| "--arrivals".to_owned())) else { return Ok(()) };
    Err(Error::new(Kind::NotFound, format!("{needs}: there is no working stack in {}", inventory.target))
        .hint("deploy it with: logctl bootstrap"))
}

/// Groups that may be full, where that is a condition and nobody has told yet how many filters a group may have.
fn may_be_full(inventory: &Inventory, states: &[State]) -> Result<(), Error> {
    let asked = states.contains(&State::Full) && inventory.account.filter_limit.is_none();
    let held = |entry: &&Entry| entry.decision.state == State::Missing && entry.filters().count() > 1;
    let groups = inventory.groups.iter().filter(held).count();
    if !asked || groups == 0 {
        return Ok(());
    }
    Err(Error::new(Kind::Incomplete, format!("{} may be {}", count(groups, "log group"), State::Full))
        .because("others hold several filters of them, and how many AWS takes is told only by a refusal")
        .hint("logctl backfill tries, and keeps what it learns"))
}

/// Groups that may be broken, where that is a condition and whether the forwarder is there could not be read.
fn may_be_broken(inventory: &Inventory, states: &[State]) -> Result<(), Error> {
    let Some(stack) = inventory.coverage.as_ref().filter(|_| states.contains(&State::Broken)) else { return Ok(()) };
    let streamed = inventory.groups.iter().filter(|entry| entry.decision.state.delivers()).count();
    if streamed == 0 || inventory.destinations.contains_key(&stack.forwarder) {
        return Ok(());
    }
    let message = format!("{} may be {}", count(streamed, "log group"), State::Broken);
    Err(Error::new(Kind::Incomplete, message)
        .because(format!("whether {} is there could not be read", short_arn(&stack.forwarder)))
        .hint("allow lambda:ListTags: logctl stack policy reader"))
}

fn fail_on(found: &[State], states: &[State]) -> Result<(), Error> {
    let bad: Vec<State> = found.iter().copied().filter(|state| states.contains(state)).collect();
    if bad.is_empty() {
        return Ok(());
    }
    let states: BTreeSet<_> = bad.iter().map(AsRef::as_ref).collect();
    let states = states.into_iter().collect::<Vec<_>>().join(" or ");
    Err(Error::new(Kind::Unmet, format!("{}: {states}", count(bad.len(), "log group"))))
}

/// Whether everything has arrived, where that is asked. What could not be looked at is no yes.
fn arrived(found: &[&Inventory], asked: bool) -> Result<(), Error> {
    if !asked {
        return Ok(());
    }
    let entries = || found.iter().flat_map(|inventory| &inventory.groups);
    let missing: Vec<u64> =
        entries().filter_map(|it| it.arrivals.as_ref()).map(|it| it.missing).filter(|it| *it > 0).collect();
    if !missing.is_empty() {
        let (groups, events) = (count(missing.len(), "log group"), count(missing.iter().sum::<u64>(), "event"));
        return Err(Error::new(Kind::Unmet, format!("{events} of {groups} came in and are not in the index"))
            .hint("see what holds them up: logctl doctor"));
    }
    let broken = entries().filter(|it| it.decision.state == State::Broken).count();
    if broken > 0 {
        let what = format!("nothing of {} arrives: the forwarder is gone, or refuses", count(broken, "log group"));
        return Err(Error::new(Kind::Unmet, what).hint("see what is wrong with it: logctl doctor"));
    }
    let unclear: u64 = entries().filter_map(|it| it.arrivals.as_ref()).map(|it| it.unclear).sum();
    if unclear > 0 {
        let what = format!("whether {} arrived cannot be told", count(unclear, "event"));
        return Err(Error::new(Kind::Incomplete, what).because(
            "as many were indexed in that time that say another: they may be these, or old ones that came late",
        ));
    }
    let unread = entries().filter(|it| it.decision.state.delivers() && it.arrivals.is_none()).count();
    if unread > 0 {
        return Err(Error::new(
            Kind::Incomplete,
            format!("whether {} arrive could not be looked at", count(unread, "log group")),
        ));
    }
    Ok(())
}

fn too_many(found: &[State], most: Option<usize>) -> Result<(), Error> {
    let missing = found.iter().filter(|state| **state == State::Missing).count();
    match most {
        Some(most) if missing > most => {
            Err(Error::new(Kind::Unmet, format!("{} missing, and at most {most} may be", count(missing, "log group"))))
        }
        _ => Ok(()),
    }
}
