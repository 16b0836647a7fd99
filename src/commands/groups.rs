//! `logctl groups`: what log groups there are.

use std::fmt::Display;

use serde::Serialize;

use crate::{
    args::{GroupSelection, Rate, ReportFormat},
    aws::{Aws, Pace, Target, stack::Stack},
    context::Context,
    error::Error,
    survey::{GroupReport, style, survey},
    ui::{Look, Show, Ui, bytes, count, one_line, paint, table},
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
}

/// Runs the command.
///
/// # Errors
/// Incomplete where a group could not be read.
pub async fn run(args: &GroupsArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let aws = Aws::connect(cx).await?;
    let stack = Stack::find(&aws, &cx.stack).await?;
    let survey = survey(&aws, stack.as_ref(), &args.selection, &Pace::new(args.rate.calls), cx.env.now, ui).await?;
    let report = Report { target: survey.target.clone(), groups: GroupReport::all(&survey) };
    let shown = ui.show(&report);
    let all = if args.selection.globs.is_empty() { "all " } else { "" };
    let number = count(report.groups.len(), "log group");
    ui.status(format_args!("{all}{number} of {}", survey.target));
    Error::worst([survey.check(), shown])
}

impl Show for Report {
    const SCHEMA: &'static str = "logctl.groups/v1";

    fn table(&self, look: &Look) -> impl Display {
        let rows = self.groups.iter().map(|group| {
            vec![
                one_line(&group.name).into_owned(),
                paint(style(group.state, look), group.state),
                group.stored_bytes.map_or_else(String::new, bytes),
            ]
        });
        table(&["LOG GROUP", "STATE", "STORED"], rows, look)
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        self.groups.iter().map(|group| {
            let stored = group.stored_bytes.map_or_else(String::new, |bytes| bytes.to_string());
            format!("{}\t{}\t{stored}", group.name, group.state)
        })
    }
}
