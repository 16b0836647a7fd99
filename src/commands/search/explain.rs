//! `--explain`: how a query was read, what the domain would be asked, and the same question for other tools.

use logctl_core::names::IndexPrefix;

use super::{
    Language, SearchArgs,
    asked::{Asked, with_flags},
};
use crate::{error::Error, events::Search, query, ui::Ui};

/// Shows it: the request on stdout, the rest beside it.
///
/// # Errors
/// When stdout cannot be written.
pub fn show(args: &SearchArgs, asked: &Asked, ui: &mut Ui) -> Result<(), Error> {
    match args.which.lang {
        Language::Lucene | Language::Dsl => ui.status("the engine reads this query by itself:"),
        Language::Logctl | Language::Dql => {
            ui.status(format_args!("read as: {}", query::line(&asked.query)));
            for line in query::tree(&asked.query) {
                ui.status(format_args!("  {line}"));
            }
            let whole = with_flags(&asked.query, &args.which);
            let cannot = |why: String| format!("cannot be written there: {why}");
            ui.status(format_args!("for Dashboards (DQL): {}", query::to_dql(&whole).unwrap_or_else(cannot)));
            let filter = query::to_insights(&whole).map(|filter| {
                let filter = if filter.starts_with("1 = 1") { String::new() } else { format!(" | filter {filter}") };
                format!("fields @timestamp, @log, @message{filter} | sort @timestamp desc | limit {}", args.limit)
            });
            ui.status(format_args!("for Logs Insights: {}", filter.unwrap_or_else(cannot)));
            ui.status(
                "these are near to it: the range of time is set there, and Insights knows a field by one name only",
            );
        }
    }
    let requests =
        asked.searches(&Search { indices: IndexPrefix::default().indices(), ..Search::default() }, args.limit);
    requests.iter().try_for_each(|search| {
        ui.line(&serde_json::to_string_pretty(&search.body(search.limit, None)).unwrap_or_default())
    })
}
