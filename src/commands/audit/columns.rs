//! What is told of each log group, and in which order they stand.

use std::{cmp::Ordering, str::FromStr};

use indicatif::HumanBytes;
use jiff::Timestamp;
use logctl_core::coverage::State;
use strum::{Display, EnumString, VariantNames};

use super::report::Target;
use crate::{
    commands::group_report::{GroupReport, cell},
    time::rfc3339,
    ui::{Cell, Role},
};

/// Something that is told of a log group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, VariantNames)]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = no_column)]
pub enum Column {
    /// Its account.
    Account,
    /// Its Region.
    Region,
    /// Its name.
    Name,
    /// Its state.
    State,
    /// Why it is in that state.
    Why,
    /// Bytes that come in on a day.
    Volume,
    /// Events of the last hours that are in the index, of those that came in.
    Arrived,
    /// Bytes that it holds.
    Stored,
    /// When it was made.
    Created,
    /// Days until its events are deleted.
    Retention,
    /// Its class.
    Class,
    /// How its state is known.
    Evidence,
    /// As of when.
    At,
    /// Names of its filters, and where they send to.
    Filters,
}

fn no_column(_: &str) -> String {
    format!("the columns are {}", Column::VARIANTS.join(", "))
}

impl Column {
    /// Those that are told unless somebody chooses.
    pub const USUAL: [Self; 3] = [Self::Name, Self::State, Self::Why];

    /// The same where there are several accounts or Regions.
    pub const OF_SEVERAL: [Self; 5] = [Self::Account, Self::Region, Self::Name, Self::State, Self::Why];

    /// Where there is no stack.
    pub const WITHOUT_STACK: [Self; 4] = [Self::Name, Self::State, Self::Volume, Self::Why];

    /// Its title.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Account => "ACCOUNT",
            Self::Region => "REGION",
            Self::Name => "LOG GROUP",
            Self::State => "STATE",
            Self::Why => "WHY",
            Self::Volume => "A DAY",
            Self::Arrived => "ARRIVED",
            Self::Stored => "STORED",
            Self::Created => "CREATED",
            Self::Retention => "RETENTION",
            Self::Class => "CLASS",
            Self::Evidence => "EVIDENCE",
            Self::At => "AT",
            Self::Filters => "FILTERS",
        }
    }

    /// What it tells of an account and Region that could not be read.
    pub(super) fn of_failed(self, target: &Target) -> Cell {
        match self {
            Self::Account => Cell::new(&target.account),
            Self::Region => Cell::new(&target.region),
            Self::State => cell(State::Unknown),
            Self::Why => Cell::new(target.error.as_deref().unwrap_or_default()).role(Role::Bad),
            _ => Cell::default(),
        }
    }

    /// What it tells of a group.
    #[must_use]
    pub fn cell(self, group: &GroupReport<'_>) -> Cell {
        let bytes = |bytes: Option<u64>| bytes.map_or_else(Cell::default, |it| Cell::new(it).shown(HumanBytes(it)));
        let time = |time: Option<Timestamp>| time.map_or_else(Cell::default, |time| Cell::new(rfc3339(time)));
        match self {
            Self::Account => Cell::new(group.account),
            Self::Region => Cell::new(group.region),
            Self::Name => Cell::new(group.name),
            Self::State => cell(group.state),
            Self::Why => Cell::new(&group.reason).role(Role::Dim),
            Self::Volume => bytes(group.bytes_per_day),
            Self::Arrived => group.arrivals.map_or_else(Cell::default, |it| {
                let arrived = it.incoming - it.missing - it.unclear;
                let unclear = if it.unclear > 0 { format!(", {} unclear", it.unclear) } else { String::new() };
                Cell::new(format!("{arrived} of {}{unclear}", it.incoming)).role(group.role())
            }),
            Self::Stored => bytes(group.stored_bytes),
            Self::Created => time(group.created_at),
            Self::Retention => kept(group),
            Self::Class => Cell::new(group.class),
            Self::Evidence => group.evidence.as_ref().map_or_else(Cell::default, |evidence| Cell::new(evidence.kind)),
            Self::At => time(group.evidence.map(|evidence| evidence.at)),
            Self::Filters => Cell::new(
                group
                    .filters
                    .iter()
                    .map(|it| format!("`{}` → {}", it.name, it.destination)) // No name begins a cell that a sheet computes.
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
        }
    }
}

/// How long a group keeps its events.
#[must_use]
pub fn kept(group: &GroupReport<'_>) -> Cell {
    match (group.retention_days, group.created_at) {
        (Some(days), _) => Cell::new(days).shown(format!("{days} days")),
        (None, Some(_)) => Cell::new("forever"),
        (None, None) => Cell::default(), // Not known.
    }
}

/// By which column the groups are sorted: `volume`, or `-volume` for the largest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    by: Column,
    descending: bool,
}

impl FromStr for Sort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (descending, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
        Ok(Self { by: name.parse()?, descending })
    }
}

impl Sort {
    /// Whether it is by this column.
    #[must_use]
    pub fn is_by(&self, column: Column) -> bool {
        self.by == column
    }

    /// Which of two groups comes first.
    #[must_use]
    pub fn compare(&self, a: &GroupReport<'_>, b: &GroupReport<'_>) -> Ordering {
        let order = match self.by {
            Column::State => a.state.cmp(&b.state),
            Column::Volume => a.bytes_per_day.cmp(&b.bytes_per_day),
            Column::Stored => a.stored_bytes.cmp(&b.stored_bytes),
            Column::Retention => {
                let days = |group: &GroupReport<'_>| group.created_at.map(|_| group.retention_days.unwrap_or(i32::MAX));
                days(a).cmp(&days(b))
            }
            Column::Arrived => {
                let lacking = |group: &GroupReport<'_>| group.arrivals.map(|it| it.missing + it.unclear);
                lacking(b).cmp(&lacking(a))
            }
            Column::Name => a.name.cmp(b.name),
            other => other.cell(a).text().cmp(other.cell(b).text()),
        };
        let order = if self.descending { order.reverse() } else { order };
        order.then_with(|| a.name.cmp(b.name))
    }
}
