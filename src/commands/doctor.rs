//! `logctl doctor`: the links of the chain, and which one is broken.

use serde::Serialize;

use crate::{
    args::ReportFormat,
    aws::{Aws, Target},
    checks::{Check, Status, chain::Chain},
    context::Context,
    deploy::DeployedStack,
    error::{Error, Kind},
    ui::{Above, Cell, Column, Grid, Role, Show, Ui},
    words::count,
};

/// Check the links between a log group and the index
///
/// Looks at the stack, the trail, the rules, the functions and who may call them, the queue, the dead letters and the domain with its
/// index template. It changes nothing, and ends with 8 where one of them is broken.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
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
pub async fn run(cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let aws = Aws::connect(cx).await?.with_alias().await;
    let stack = DeployedStack::find(&aws, &cx.stack).await?.ok_or_else(|| {
        Error::new(Kind::NotFound, format!("there is no stack {} in {}", cx.stack, aws.target))
            .hint("deploy it with: logctl bootstrap")
    })?;
    let progress = ui.progress("looking at the chain", None);
    let checks = Chain::new(&aws, &stack).await?.run().await?;
    drop(progress);
    let links = Links::new(&aws.target, format!("stack {}", stack.name), checks);
    let shown = ui.show(&links);
    Error::worst([links.result(ui), shown])
}

impl Links {
    /// What was found of something in an account and Region.
    #[must_use]
    pub fn new(target: &Target, of: String, checks: Vec<Check>) -> Self {
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
        for check in self.with(Status::Warn).chain(self.with(Status::Unknown)) {
            check.hint.iter().for_each(|hint| ui.hint(hint));
        }
        let all = count(self.checks.len(), "check");
        let broken: Vec<&Check> = self.with(Status::Broken).collect();
        let unknown = self.with(Status::Unknown).count();
        if let Some(first) = broken.first() {
            let error = Error::new(Kind::Unmet, format!("{} of {all} failed: {}", broken.len(), first.says));
            return Err(broken.iter().filter_map(|check| check.hint.clone()).fold(error, Error::hint));
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
        }
    }
}
