//! `logctl groups`: what log groups there are.

use std::fmt::Display;

use serde::Serialize;

use super::{
    Context,
    audit::{self, GroupReport},
};
use crate::{
    aws::Pace,
    cli::{GroupSelection, ReportFormat},
    error::Error,
    survey::{Rate, survey},
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
    groups: Vec<GroupReport>,
}

/// Runs the command.
///
/// # Errors
/// Incomplete where a group could not be read.
pub async fn run(args: &GroupsArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let pace = Pace::new(args.rate.rate);
    let survey = survey(cx.aws().await?, &args.selection, &pace, cx.env.now, cx.global, ui).await?;
    let mut groups = audit::groups(&survey);
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    let report = Report { groups };
    ui.show(&report)?;
    let number = report.groups.len();
    ui.status(format_args!("{} of {number} in {}", count(number, "log group"), survey.aws.region));
    audit::read_failures(&survey)
}

impl Show for Report {
    const SCHEMA: &'static str = "logctl.groups/v1";

    fn table(&self, look: &Look) -> impl Display {
        let rows = self.groups.iter().map(|group| {
            vec![
                one_line(&group.name).into_owned(),
                paint(audit::style(group.state, look), group.state),
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
