//! `logctl doctor`: the links of the chain, and which one is broken.

use std::{collections::BTreeSet, time::Duration};

use jiff::SignedDuration;
use serde::Serialize;

use crate::{
    args::ReportFormat,
    aws::{Aws, Target},
    checks::{Check, Status, chain::Chain, drift, probe::Probe},
    context::Context,
    deploy::DeployedStack,
    error::{Error, Kind},
    ui::{Above, Cell, Column, Grid, Role, Show, Ui},
    words::count,
};

/// Check the links between a log group and the index
///
/// Looks at the stack, the trail, the rules, the functions and who may call them, the queues, the dead letters and the domain with its
/// index template. It changes nothing, and ends with 8 where one of them is broken.
///
/// With --probe it makes a log group, waits until the stack has subscribed it, sends an event through it, tells how long that takes to
/// be searchable, or who had it last, and removes both again.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// Send an event through the whole chain, where no link is broken
    #[arg(long)]
    pub probe: bool,
    /// How long that event may take
    #[arg(long, value_name = "DURATION", requires = "probe", default_value = "3m", value_parser = patience)]
    pub wait: Duration,
    /// Have CloudFormation compare the stack with what is there, which may take a minute
    #[arg(long)]
    pub drift: bool,
    /// How it is written.
    #[command(flatten)]
    pub format: ReportFormat,
}

/// Links of a chain, as they were found.
#[derive(Debug, Serialize)]
pub struct Links {
    #[serde(flatten)]
    target: Target,
    /// What they are links of.
    of: String,
    checks: Vec<Check>,
}

/// Runs the command.
///
/// # Errors
/// Not found without a stack; unmet where a link is broken; incomplete where one could not be looked at.
pub async fn run(args: &DoctorArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let aws = Aws::connect(cx).await?.with_alias().await;
    let stack = DeployedStack::find(&aws, &cx.stack).await?.ok_or_else(|| {
        Error::new(Kind::NotFound, format!("there is no stack {} in {}", cx.stack, aws.target))
            .hint("deploy it with: logctl bootstrap")
    })?;
    let progress = ui.progress("looking at the chain", None);
    let mut checks = Chain::new(&aws, &stack).await?.run().await?;
    if args.drift {
        checks.push(drift::look(&aws, &stack).await?);
    }
    drop(progress);
    if args.probe {
        checks.extend(probe(args, &aws, &stack, &checks, cx, ui).await?);
    }
    let links = Links::new(&aws.target, format!("stack {}", stack.name), checks, ui);
    let shown = ui.show(&links);
    Error::worst([links.result(ui), shown])
}

/// Sends an event through a chain of which these checks are known.
async fn probe(
    args: &DoctorArgs,
    aws: &Aws,
    stack: &DeployedStack,
    checks: &[Check],
    cx: &Context<'_>,
    ui: &Ui,
) -> Result<Vec<Check>, Error> {
    let broken = checks.iter().any(|check| check.status == Status::Broken);
    let Some(forwarder) = stack.forwarder.as_deref().filter(|_| !broken) else {
        return Ok(vec![Check::new("probe", Status::Unknown, "no event was sent: what is broken comes first")]);
    };
    let progress = ui.progress("sending an event", None);
    cx.interrupt.arm();
    let probe = Probe {
        aws,
        stack,
        forwarder,
        wait: args.wait,
        now: cx.env.now,
        interrupt: &cx.interrupt,
        progress: &progress,
    };
    probe.run().await
}

/// Reads how long something may take.
fn patience(text: &str) -> Result<Duration, String> {
    let duration = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    let duration = duration.filter(|duration| (1..=3600).contains(&duration.as_secs()));
    duration.ok_or_else(|| "a duration from 1s to 1h, such as 5m".to_owned())
}

impl Links {
    /// What was found of something in an account and Region.
    #[must_use]
    pub fn new(target: &Target, of: String, mut checks: Vec<Check>, ui: &Ui) -> Self {
        for hint in checks.iter_mut().filter_map(|check| check.hint.as_mut()) {
            *hint = ui.typed.follow(hint);
        }
        Self { target: target.clone(), of, checks }
    }

    fn with(&self, status: Status) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(move |check| check.status == status)
    }

    /// What the run ends with; its hints are told.
    ///
    /// # Errors
    /// Unmet where a link is broken, incomplete where one could not be looked at.
    pub fn result(&self, ui: &mut Ui) -> Result<(), Error> {
        let mut told = BTreeSet::new();
        for hint in self.with(Status::Warn).chain(self.with(Status::Unknown)).filter_map(|check| check.hint.as_ref()) {
            if told.insert(hint) {
                ui.hint(hint);
            }
        }
        let all = count(self.checks.len(), "check");
        let broken: Vec<&Check> = self.with(Status::Broken).collect();
        let unknown = self.with(Status::Unknown).count();
        if let Some(first) = broken.first() {
            let error = Error::new(Kind::Unmet, format!("{} of {all} failed: {}", broken.len(), first.says));
            let hints = broken.iter().filter_map(|check| check.hint.as_ref()).filter(|hint| told.insert(hint));
            return Err(hints.fold(error, Error::hint));
        }
        if unknown > 0 {
            return Err(Error::new(Kind::Incomplete, format!("{unknown} of {all} could not be looked at")));
        }
        let warned = self.with(Status::Warn).count();
        let but = if warned > 0 { format!(", {warned} with a warning") } else { String::new() };
        ui.status(format_args!("{all} passed{but}: {} in {}", self.of, self.target));
        Ok(())
    }
}

impl Show for Links {
    const SCHEMA: &'static str = "logctl.doctor/v1";

    fn grid(&self) -> Grid {
        let row = |check: &Check| {
            let role = match check.status {
                Status::Ok => Role::Good,
                Status::Warn | Status::Unknown => Role::Warning,
                Status::Broken => Role::Bad,
            };
            vec![Cell::new(check.status).role(role), Cell::new(check.id), Cell::new(&check.says)]
        };
        Grid {
            above: vec![Above::Text(format!("{} in {}", self.of, self.target))],
            columns: ["STATUS", "LINK", "WHAT"].map(Column::Both).to_vec(),
            rows: self.checks.iter().map(row).collect(),
            ..Grid::default()
        }
    }
}
