//! `logctl groups`: what log groups there are.

use indicatif::HumanBytes;
use serde::Serialize;

use super::{
    group_report::{GroupReport, cell},
    read_account,
};
use crate::{
    args::{GroupSelection, Rate, ReportFormat},
    aws::{Aws, Target},
    context::Context,
    deploy::DeployedStack,
    error::Error,
    inventory::Unread,
    ui::{Cell, Column, Grid, Show, Ui},
    words::count,
};

/// List log groups
///
/// Shows each log group with its state and what it holds. `logctl audit` says why it is in that state.
#[derive(Debug, clap::Args)]
pub struct GroupsArgs {
    /// Which groups.
    #[command(flatten)]
    pub selection: GroupSelection,
    /// How fast.
    #[command(flatten)]
    pub rate: Rate,
    /// How it is written.
    #[command(flatten)]
    pub format: ReportFormat,
}

/// Log groups by name.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    target: Target,
    groups: Vec<GroupReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread: Vec<Unread>,
}

/// Runs the command.
///
/// # Errors
/// Incomplete where a group could not be read.
pub async fn run(args: &GroupsArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let aws = Aws::connect(cx).await?;
    let stack = DeployedStack::find(&aws, &cx.stack).await?;
    let inventory = read_account(&aws, stack.as_ref(), &args.selection, &args.rate, cx, ui).await?;
    let groups = GroupReport::all(&inventory);
    let report = Report { target: inventory.target.clone(), groups, unread: inventory.unread() };
    let shown = ui.show(&report);
    let all = if args.selection.globs.is_empty() { "all " } else { "" };
    let number = count(report.groups.len(), "log group");
    ui.status(format_args!("{all}{number} of {}", report.target));
    Error::worst([inventory.check(), shown])
}

impl Show for Report {
    const SCHEMA: &'static str = "logctl.groups/v1";

    fn grid(&self) -> Grid {
        let row = |group: &GroupReport| {
            let stored =
                group.stored_bytes.map_or_else(Cell::default, |bytes| Cell::new(bytes).shown(HumanBytes(bytes)));
            vec![Cell::new(&group.name), cell(group.state), stored]
        };
        Grid {
            above: Vec::new(),
            columns: ["LOG GROUP", "STATE", "STORED"].map(Column::Both).to_vec(),
            rows: self.groups.iter().map(row).collect(),
        }
    }
}
