//! `logctl why`: why events of one log group are, or are not, in the index.

use std::time::Duration;

use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use logctl_core::{coverage::State, names::LogGroupName};
use serde_json::{Value, json};

use super::{asking_all, doctor::Links, group_report::role, read_account};
use crate::{
    args::{GroupGlob, GroupSelection, Rate, ReportFormat},
    aws::{Aws, filters::FilterCalls, groups},
    checks::{Check, Status, chain::Chain, of_group},
    context::Context,
    deploy::DeployedStack,
    domain::search_path,
    error::{Error, Kind},
    inventory::Entry,
    time::{from_milliseconds, rfc3339, rough},
    ui::{Role, Ui},
    words::count,
};

/// How long the domain may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an event may be on its way before it is missed.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_mins(5);

/// Say why events of a log group are, or are not, in the index
///
/// Walks from the group to the index: its state and why, the links of the chain, and whether its newest event has arrived. It changes
/// nothing, and ends with 8 where one of them is broken.
#[derive(Debug, clap::Args)]
pub struct WhyArgs {
    /// The log group, by its whole name
    #[arg(value_name = "GROUP")]
    pub group: LogGroupName,
    /// How fast.
    #[command(flatten)]
    pub rate: Rate,
    /// How it is written.
    #[command(flatten)]
    pub format: ReportFormat,
}

/// Runs the command.
///
/// # Errors
/// Not found without the group; unmet where a link is broken; incomplete where one could not be looked at.
pub async fn run(args: &WhyArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let aws = Aws::connect(cx).await?.with_rate(args.rate.calls).with_alias().await;
    let stack = DeployedStack::find(&aws, &cx.stack).await?;
    let name = args.group.as_str();
    let glob = name.parse::<GroupGlob>().map_err(|error| Error::new(Kind::Usage, error.to_string()))?;
    let selection = GroupSelection { globs: vec![glob] };
    let inventory = read_account(&aws, stack.as_ref(), &asking_all(&aws, &selection, cx), cx, ui).await?;
    let entry = inventory.groups.iter().find(|entry| entry.facts.name == name);
    let entry = entry.ok_or_else(|| Error::new(Kind::NotFound, format!("there is no log group {name}")))?;
    let mut checks = vec![class(entry)];
    if let Some(stack) = &stack {
        checks.push(state(entry));
        let progress = ui.progress("looking at the chain", None);
        let chain = Chain::new(&aws, stack).await?;
        // Of a group that nobody streams nothing is in the index, whatever the rest of the chain is like.
        if entry.decision.state.delivers() || entry.decision.state == State::Broken {
            checks.extend(chain.run().await?);
            checks.push(arrived(&aws, stack, name, cx.env.now).await?);
        } else {
            checks.push(chain.stack());
        }
        drop(progress);
    } else {
        checks.push(
            Check::new("stack", Status::Broken, format!("there is no stack {} in {}", cx.stack, aws.target))
                .hint("deploy it with: logctl bootstrap"),
        );
    }
    let links = Links::new(&aws.target, format!("log group {name}"), checks, ui);
    let shown = ui.show(&links);
    Error::worst([links.result(ui), shown])
}

fn class(entry: &Entry) -> Check {
    let says = format!("{} is of class {}", entry.facts.name, entry.facts.class);
    Check::ok("group", says)
}

/// The state, as a link: what keeps events out, and what to do about it.
fn state(entry: &Entry) -> Check {
    let state = entry.decision.state;
    let says = format!("{state}: {}", entry.decision.reason);
    let status = match role(state) {
        Role::Good => Status::Ok,
        _ if state == State::Unknown => Status::Unknown,
        // Somebody has decided so, or it cannot be otherwise.
        Role::Dim => Status::Warn,
        _ => Status::Broken,
    };
    let check = Check::new("state", status, says);
    let group = &entry.facts.name;
    match state {
        // How many a group takes is told by nobody; AWS gives two.
        State::Missing if others(entry) > 1 => check.hint(format!(
            "{} of others are there, and AWS takes two of a group: one has to go before logctl backfill -g {group}",
            count(others(entry), "filter")
        )),
        _ if entry.decision.change.is_some() => check.hint(format!("put it right with: logctl backfill -g {group}")),
        State::Unwanted | State::Loop => check.hint("the account policy streams it; leave it out there"),
        State::Broken => check.hint("see what is gone: logctl doctor"),
        State::Excluded => check.hint("the stack's rules say so: logctl bootstrap --include, --exclude"),
        State::Full | State::Conflict => {
            check.hint(format!("see who holds its filters: logctl audit -g {group} -o json"))
        }
        _ => check,
    }
}

/// Filters of a group that is not streamed: they are of others.
fn others(entry: &Entry) -> usize {
    entry.filters().count()
}

/// Whether the newest event of the group is in the index.
async fn arrived(aws: &Aws, stack: &DeployedStack, group: &str, now: Timestamp) -> Result<Check, Error> {
    const ID: &str = "arrival";
    let newest = match groups::newest_event(aws, group).await {
        Ok(Some(newest)) => newest,
        Ok(None) => return Ok(Check::ok(ID, "the group holds no event yet")),
        Err(error) => return Check::unknown(ID, error),
    };
    let Some(domain) = stack.settings.domain() else { return Ok(Check::new(ID, Status::Broken, "there is no domain")) };
    let client = match domain.client(aws, PATIENCE).await {
        Ok(client) => client,
        Err(error) => return Check::unknown(ID, error),
    };
    let mut filter = of_group(&aws.target, group);
    // There may be events of a time that has not come.
    filter.push(json!({"range": {"@timestamp": {"lte": newest.as_millisecond()}}}));
    let query = json!({
        "size": 1, "_source": false, "sort": [{"@timestamp": "desc"}], "query": {"bool": {"filter": filter}},
    });
    let found = match client.send(Method::POST, &search_path(&stack.settings.prefix), Some(&query)).await {
        Ok(found) => found,
        Err(error) => return Ok(Check::new(ID, Status::Unknown, Error::from(error).one_line())),
    };
    let forwarder = stack.forwarder.as_deref().unwrap_or_default();
    let since = FilterCalls::new(aws).since(group, forwarder).await;
    let subscribed = match since {
        Ok(since) => since,
        Err(error) => error.unless_logged_out().map(|_| None)?,
    };
    let indexed = found.pointer("/hits/hits/0/sort/0").and_then(Value::as_i64).map(from_milliseconds);
    let when = |time: Timestamp| format!("{} ({} ago)", rfc3339(time), rough(now.duration_since(time)));
    Ok(match indexed {
        Some(indexed) if indexed == newest => {
            Check::ok(ID, format!("its newest event, of {}, is in the index", when(newest)))
        }
        _ if now.duration_since(newest) <= ON_ITS_WAY => {
            Check::new(ID, Status::Warn, format!("its newest event, of {}, may be on its way", when(newest)))
        }
        _ if subscribed.is_some_and(|since| newest < since) => {
            let says =
                format!("its newest event, of {}, came before it was subscribed, and such are not sent", when(newest));
            Check::ok(ID, says)
        }
        Some(indexed) => {
            let says =
                format!("the group has an event of {}, and the index none after {}", when(newest), when(indexed));
            Check::new(ID, Status::Broken, says).hint("see what was refused with: logctl replay --dry-run")
        }
        None => {
            let says = format!("the group has an event of {}, and the index has none of it", when(newest));
            Check::new(ID, Status::Broken, says).hint("see what was refused with: logctl replay --dry-run")
        }
    })
}
