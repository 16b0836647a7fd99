//! What has changed since an earlier audit.

use std::{collections::HashMap, path::Path};

use logctl_core::coverage::State;
use serde::{Deserialize, Serialize};

use super::report::{Report, attention};
use crate::{
    args::GroupSelection,
    commands::group_report::cell,
    error::{Error, Kind},
    ui::{Cell, Column, Grid, Role, Show},
    words::count,
};

/// An earlier audit, as `-o json` has written it.
#[derive(Debug, Deserialize)]
pub struct Earlier {
    taken_at: String,
    /// Globs that chose its groups.
    #[serde(default)]
    globs: Vec<String>,
    /// Whether it lists a part of its groups only.
    #[serde(default)]
    narrowed: bool,
    groups: Vec<EarlierGroup>,
}

/// What a document says that it is.
#[derive(Debug, Deserialize)]
struct Named {
    schema: String,
}

#[derive(Debug, Deserialize)]
struct EarlierGroup {
    account: String,
    region: String,
    name: String,
    state: State,
}

/// How a log group has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
enum Turn {
    /// It was better.
    Worse,
    /// It was not there.
    New,
    /// It is in another state, which is no worse.
    Other,
    /// It was worse.
    Better,
    /// It is not there any more.
    Gone,
}

/// A log group that has changed.
#[derive(Debug, Serialize)]
struct Changed {
    account: String,
    region: String,
    name: String,
    turn: Turn,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<State>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is: Option<State>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// What has changed.
#[derive(Debug, Serialize)]
pub struct Difference {
    since: String,
    taken_at: String,
    /// Whether it is of several accounts and Regions.
    #[serde(skip)]
    several: bool,
    changed: Vec<Changed>,
}

impl Earlier {
    /// Reads it.
    ///
    /// # Errors
    /// Wrong usage where the file is none.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let failed = |why: &dyn ToString| {
            Error::new(Kind::Usage, format!("--diff {}: {}", path.display(), why.to_string()))
                .hint("write one with: logctl audit -o json > FILE")
        };
        let text = std::fs::read(path).map_err(|error| failed(&error))?;
        let Named { schema } = serde_json::from_slice(&text).map_err(|error| failed(&error))?;
        if schema != Report::SCHEMA {
            return Err(failed(&format!("it is a {schema}, and no {}", Report::SCHEMA)));
        }
        let earlier: Self = serde_json::from_slice(&text).map_err(|error| failed(&error))?;
        if earlier.narrowed {
            return Err(failed(&"it was narrowed, and lists a part of its groups"));
        }
        Ok(earlier)
    }

    /// What has changed until `report`, of what was looked at for it: groups of the selection, where they could be read.
    #[must_use]
    pub fn until(self, report: &Report<'_>, selection: &GroupSelection) -> Difference {
        let chosen = GroupSelection { globs: self.globs.iter().filter_map(|glob| glob.parse().ok()).collect() };
        let looked_at = |it: &EarlierGroup| report.has_read(&it.account, &it.region) && selection.takes(&it.name);
        let before = self.groups.into_iter().filter(looked_at);
        let mut before: HashMap<_, State> = before.map(|it| ((it.account, it.region, it.name), it.state)).collect();
        let mut changed = Vec::new();
        for group in report.groups.iter().filter(|group| chosen.takes(group.name)) {
            let [account, region, name] = [group.account, group.region, group.name].map(str::to_owned);
            let was = before.remove(&(account.clone(), region.clone(), name.clone()));
            if was != Some(group.state) {
                let turn = was.map_or(Turn::New, |was| turn(was, group.state));
                let (is, reason) = (Some(group.state), Some(group.reason.to_string()));
                changed.push(Changed { account, region, name, turn, was, is, reason });
            }
        }
        let gone = |((account, region, name), was)| {
            let (turn, was, is, reason) = (Turn::Gone, Some(was), None, None);
            Changed { account, region, name, turn, was, is, reason }
        };
        changed.extend(before.into_iter().map(gone));
        changed.sort_by(|a, b| (a.turn, &a.name, &a.region).cmp(&(b.turn, &b.name, &b.region)));
        Difference { since: self.taken_at, taken_at: report.taken_at(), several: report.is_of_several(), changed }
    }
}

/// A group gets worse that does not deliver any more, or wants more attention.
fn turn(was: State, is: State) -> Turn {
    let rank = |state: State| (u8::from(state.delivers()), attention(state));
    match rank(is).cmp(&rank(was)) {
        std::cmp::Ordering::Less => Turn::Worse,
        std::cmp::Ordering::Equal => Turn::Other,
        std::cmp::Ordering::Greater => Turn::Better,
    }
}

impl Difference {
    /// How much has changed.
    #[must_use]
    pub fn closing_line(&self) -> String {
        let worse = self.changed.iter().filter(|changed| changed.turn == Turn::Worse).count();
        let number = count(self.changed.len(), "log group");
        format!("{number} changed since {}, {worse} of them for the worse", self.since)
    }
}

impl Show for Difference {
    const SCHEMA: &'static str = "logctl.audit-diff/v1";

    fn grid(&self) -> Grid {
        let state = |state: Option<State>| state.map_or_else(Cell::default, cell);
        let row = |changed: &Changed| {
            let role = match changed.turn {
                Turn::Worse => Role::Bad,
                Turn::Better => Role::Good,
                Turn::New | Turn::Other => Role::Plain,
                Turn::Gone => Role::Dim,
            };
            vec![
                Cell::new(changed.turn).role(role),
                Cell::new(&changed.name),
                state(changed.was),
                state(changed.is),
                Cell::new(changed.reason.as_deref().unwrap_or_default()).role(Role::Dim),
                Cell::new(&changed.account),
                Cell::new(&changed.region),
            ]
        };
        let of_several = |title| if self.several { Column::Both(title) } else { Column::Pipe(title) };
        let mut columns = ["TURN", "LOG GROUP", "WAS", "IS", "WHY"].map(Column::Both).to_vec();
        columns.extend(["ACCOUNT", "REGION"].map(of_several));
        Grid { columns, rows: self.changed.iter().map(row).collect(), ..Grid::default() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::commands::audit::report::{View, examples::report};

    #[test]
    fn what_got_worse_comes_first() {
        let group = |name: &str, state: &str| json!({"account": "123456789012", "region": "eu-west-1", "name": name, "state": state});
        let groups = [
            group("/missing", "streamed"),
            group("/streamed", "missing"),
            group("/drifted", "drifted"),
            group("/was/there", "streamed"),
        ];
        let earlier = json!({"schema": "logctl.audit/v1", "taken_at": "t", "groups": groups});
        let earlier: Earlier = serde_json::from_value(earlier).unwrap();
        let difference = earlier.until(&report(View::default()), &GroupSelection::default());
        let lines: Vec<String> = difference.grid().pipe().collect();
        assert_eq!(lines[0], "worse\t/missing\tstreamed\tmissing\tno subscription filter\t123456789012\teu-west-1");
        assert!(lines[1].starts_with("new\t"), "{lines:?}");
        assert_eq!(lines.last().unwrap(), "gone\t/was/there\tstreamed\t\t\t123456789012\teu-west-1");
        assert!(lines.iter().any(|line| line.starts_with("better\t/streamed\tmissing\tstreamed\t")), "{lines:?}");
        assert!(!lines.iter().any(|line| line.contains("/drifted")), "{lines:?}");
        assert!(difference.closing_line().ends_with("changed since t, 1 of them for the worse"));
    }

    #[test]
    fn what_is_no_audit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        assert_eq!(Earlier::read(&path).unwrap_err().kind, Kind::Usage);
        std::fs::write(&path, r#"{"schema": "logctl.groups/v1", "taken_at": "t", "groups": []}"#).unwrap();
        assert!(Earlier::read(&path).unwrap_err().message.contains("it is a logctl.groups/v1, and no logctl.audit/v1"));
    }
}
