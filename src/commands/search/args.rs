//! What commands have in common that ask the index.

use clap::ValueEnum;
use jiff::tz::TimeZone;
use logctl_core::{auth::AuthMode, endpoint::Endpoint, level::Level, names::IndexPrefix};

use crate::{
    args::{GroupSelection, named},
    time::Moment,
    ui::Ui,
};

/// Which events.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Which {
    /// What to look for; without it, everything
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,
    /// Which groups.
    #[command(flatten)]
    pub selection: GroupSelection,
    /// Only events of this level or worse
    #[arg(long, short, value_name = "LEVEL", value_parser = named::<Level>())]
    pub level: Option<Level>,
    /// When.
    #[command(flatten)]
    pub when: When,
    /// The language of the query; one of another tool is taken as it was pasted
    #[arg(long, value_name = "LANGUAGE", default_value = "logctl")]
    pub lang: Language,
}

/// When events happened.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct When {
    /// Only events since this moment: 15m, 2h30m, yesterday 14:30, 2026-11-23 10:05 [default: 1h before --until; of trace a day ago, of tail now]
    #[arg(long, short, value_name = "TIME", allow_hyphen_values = true, overrides_with = "since")]
    pub since: Option<Moment>,
    /// Only events before this moment [default: now]
    #[arg(long, short, value_name = "TIME", allow_hyphen_values = true, overrides_with = "until")]
    pub until: Option<Moment>,
    /// Read times in this zone, and show them to people in it [default: the local one]
    #[arg(long, short = 'z', value_name = "ZONE", value_parser = zone)]
    pub tz: Option<TimeZone>,
}

impl When {
    /// Shows times in the zone that was typed.
    pub fn show_in(&self, ui: &mut Ui) {
        if let Some(zone) = &self.tz {
            ui.look.time_zone = zone.clone();
        }
    }
}

/// A time zone as it is typed.
///
/// # Errors
/// Where there is none of this name.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| "a zone looks like Europe/Berlin or UTC".to_owned())
}

/// Events on each side at most: they are held in memory.
const MOST_BESIDE: u64 = 5_000;

/// How many events around one are shown.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SidesArgs {
    /// Show so many events before it
    #[arg(long, short = 'B', value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(..=MOST_BESIDE))]
    pub before: Option<u64>,
    /// Show so many events after it
    #[arg(long, short = 'A', value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(..=MOST_BESIDE))]
    pub after: Option<u64>,
    /// Show so many events on each side
    #[arg(long, short = 'C', value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(..=MOST_BESIDE))]
    pub context: Option<u64>,
}

impl SidesArgs {
    /// How many events before and after are shown: one side that was typed is the only one, and where none was, `default` on both.
    #[must_use]
    pub fn around(&self, default: Option<usize>) -> Option<(usize, usize)> {
        let size = |side: u64| usize::try_from(side).unwrap_or(usize::MAX);
        let alone = self.before.is_some() || self.after.is_some();
        let other = self.context.map(size).or(if alone { Some(0) } else { default })?;
        Some((self.before.map_or(other, size), self.after.map_or(other, size)))
    }
}

/// A language of queries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// The one of this command
    #[default]
    Logctl,
    /// That of Dashboards and Kibana: level: error and status >= 500
    Dql,
    /// Lucene's, which the engine reads by itself: @level:error AND status.num:>=500
    Lucene,
    /// The JSON of the engine: {"term": {"@level": "error"}}
    Dsl,
}

impl Language {
    /// Whether the engine reads it by itself.
    #[must_use]
    pub fn is_of_engine(self) -> bool {
        matches!(self, Self::Lucene | Self::Dsl)
    }
}

/// Which domain is asked, and how.
#[derive(Debug, Clone, clap::Args)]
pub struct DomainArgs {
    /// How long the domain may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub timeout: u64,
    /// Where the domain answers [env: LOGCTL_ENDPOINT] [default: the stack's]
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<Endpoint>,
    /// How requests are authenticated [default: as the stack does]
    #[arg(long, value_name = "MODE", value_parser = named::<AuthMode>())]
    pub auth: Option<AuthMode>,
    /// What the names of the indices begin with [env: LOGCTL_INDEX_PREFIX] [default: the stack's, else logctl]; unless it is
    /// given, search, context and trace look at cwl-*, too, where AWS's own function writes
    #[arg(long, value_name = "PREFIX")]
    pub index_prefix: Option<IndexPrefix>,
}
