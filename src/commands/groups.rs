//! `logctl groups`: what log groups there are.

use indicatif::HumanBytes;
use serde::Serialize;

use super::{
    asking_all,
    group_report::{GroupReport, cell},
    read_account,
};
use crate::{
    args::{GroupSelection, Narrowing, Rate, ReportFormat},
    aws::{Aws, Target},
    context::Context,
    deploy::DeployedStack,
    error::Error,
    inventory::{Reading, Unread},
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
    /// Which of them.
    #[command(flatten)]
    pub narrowing: Narrowing,
    /// Ask every log group, whatever is known of it
    #[arg(long)]
    pub fresh: bool,
    /// How fast.
    #[command(flatten)]
    pub rate: Rate,
    /// How it is written.
    #[command(flatten)]
    pub format: ReportFormat,
}

/// Log groups by name.
#[derive(Debug, Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    target: Target,
    groups: Vec<GroupReport<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread: Vec<Unread>,
}

/// Runs the command.
///
/// # Errors
/// Incomplete where a group could not be read.
pub async fn run(args: &GroupsArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let aws = Aws::connect(cx).await?.with_rate(args.rate.calls);
    let stack = DeployedStack::find_if_any(&aws, cx).await?;
    let narrowing = Some(&args.narrowing);
    let reading = Reading { narrowing, fresh: args.fresh, details: true, ..asking_all(&aws, &args.selection, cx) };
    let inventory = read_account(&aws, stack.as_ref(), &reading, cx, ui).await?;
    let groups = GroupReport::all(&inventory).collect();
    let report = Report { target: inventory.target.clone(), groups, unread: inventory.unread() };
    let shown = ui.show(&report);
    let all = if args.selection.globs.is_empty() { "all " } else { "" };
    let number = count(report.groups.len(), "log group");
    ui.status(format_args!("{all}{number} of {}", report.target));
    Error::worst([inventory.check(), shown])
}

impl Show for Report<'_> {
    const SCHEMA: &'static str = "logctl.groups/v1";

    fn grid(&self) -> Grid {
        let row = |group: &GroupReport<'_>| {
            let stored =
                group.stored_bytes.map_or_else(Cell::default, |bytes| Cell::new(bytes).shown(HumanBytes(bytes)));
            vec![Cell::new(group.name), cell(group.state), stored]
        };
        Grid {
            columns: ["LOG GROUP", "STATE", "STORED"].map(Column::Both).to_vec(),
            rows: self.groups.iter().map(row).collect(),
            ..Grid::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::{inventory::examples::inventory, ui::three_forms};

    #[test]
    fn the_report() {
        let inventory = inventory();
        let groups = GroupReport::all(&inventory).take(2).collect();
        let report = Report { target: inventory.target.clone(), groups, unread: inventory.unread() };
        assert_snapshot!(three_forms(&report), @r#"
        LOG GROUP                         STATE     STORED
        /aws/lambda/logctl-logctl-domain  own       1.50 KiB
        /conflict                         conflict  1.50 KiB
        --- pipe
        /aws/lambda/logctl-logctl-domain	own	1536
        /conflict	conflict	1536
        --- json
        {
          "schema": "logctl.groups/v1",
          "account": "123456789012",
          "alias": "shop",
          "region": "eu-west-1",
          "groups": [
            {
              "account": "123456789012",
              "region": "eu-west-1",
              "name": "/aws/lambda/logctl-logctl-domain",
              "class": "STANDARD",
              "state": "own",
              "reason": "belongs to a logctl function",
              "filters": [],
              "evidence": {
                "kind": "asked",
                "at": "1970-01-01T00:00:00.000Z"
              },
              "created_at": "1970-01-01T00:00:00.000Z",
              "stored_bytes": 1536,
              "bytes_per_day": 2048
            },
            {
              "account": "123456789012",
              "region": "eu-west-1",
              "name": "/conflict",
              "class": "STANDARD",
              "state": "conflict",
              "reason": "the filter `logctl-logctl` points to stream/theirs",
              "filters": [
                {
                  "name": "logctl-logctl",
                  "destination": "arn:aws:kinesis:eu-west-1:123456789012:stream/theirs",
                  "ours": false
                }
              ],
              "evidence": {
                "kind": "asked",
                "at": "1970-01-01T00:00:00.000Z"
              },
              "created_at": "1970-01-01T00:00:00.000Z",
              "stored_bytes": 1536,
              "bytes_per_day": 2048
            }
          ],
          "unread": [
            {
              "what": "/unread",
              "error": "cannot read the filters of /unread: no\nanswer"
            }
          ]
        }
        "#);
    }
}
