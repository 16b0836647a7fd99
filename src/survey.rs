//! Reads an account and decides the state of each of its log groups: what `audit`, `backfill`, `groups` and `teardown`
//! start from.

use jiff::Timestamp;
use logctl_core::coverage::{self, AccountPolicy, Decision, Limits, decide};

use crate::{
    aws::{Aws, Pace, groups, groups::Group, stack::Stack},
    cli::{Global, GroupSelection},
    error::Error,
    ui::Ui,
};

/// How fast filters are read and changed.
#[derive(Debug, Clone, clap::Args)]
pub struct Rate {
    /// Make at most this many filter calls a second; the quota of an account and Region is 5
    #[arg(long, value_name = "CALLS", env = "LOGCTL_RATE", default_value_t = 4.9, hide_env_values = true)]
    #[arg(value_parser = positive)]
    pub rate: f64,
}

fn positive(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|rate| (0.1..=10_000.0).contains(rate))
        .ok_or_else(|| "a number from 0.1 to 10000".to_owned())
}

/// An account as it is now.
#[derive(Debug)]
pub struct Survey {
    /// The account and Region.
    pub aws: Aws,
    /// When it was read.
    pub taken_at: Timestamp,
    /// The forwarding stack, where there is one.
    pub stack: Option<Stack>,
    /// What the decisions know of it; `None` also for a stack that has no forwarder.
    pub coverage: Option<coverage::Stack>,
    /// Name of the account policy, and what it says.
    pub policy: Option<(String, AccountPolicy)>,
    /// The selected groups by name, each with its state.
    pub groups: Vec<(Group, Decision)>,
}

/// Reads the selected groups and everything that their states depend on.
///
/// # Errors
/// When the groups or the stack cannot be read. A group whose filters cannot be read is `unknown`.
pub async fn survey(
    aws: Aws,
    selection: &GroupSelection,
    pace: &Pace,
    now: Timestamp,
    global: &Global,
    ui: &mut Ui,
) -> Result<Survey, Error> {
    let stack = Stack::find(&aws, global).await?;
    let coverage = stack.as_ref().and_then(Stack::coverage);
    if let (Some(stack), None) = (&stack, &coverage) {
        ui.warning(format_args!("stack {} is {} and forwards nothing", stack.name, stack.status));
    }
    let policy = groups::account_policy(&aws, global).await?;
    let progress = ui.progress("reading log groups", None);
    let mut groups = groups::list(&aws, selection, global, &progress).await?;
    drop(progress);
    let progress = ui.progress("reading filters", Some(groups.len()));
    groups::read_filters(&aws, &mut groups, pace, global, &progress).await;
    drop(progress);
    let limits = Limits::default();
    let groups = groups
        .into_iter()
        .map(|group| {
            let filters = group.filters.as_deref().ok();
            let policy = policy.as_ref().map(|(_, policy)| policy);
            let decision = decide(&group.name, group.class, filters, policy, coverage.as_ref(), &limits);
            (group, decision)
        })
        .collect();
    Ok(Survey { aws, taken_at: now, stack, coverage, policy, groups })
}
