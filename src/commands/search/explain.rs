//! `--explain`: how a query was read, what the domain would be asked, and the same question for other tools.

use serde_json::Value;

use super::{Language, SearchArgs};
use crate::{
    error::Error,
    query::{self, Query},
    ui::Ui,
};

/// Shows it: the request on stdout, the rest beside it.
///
/// # Errors
/// When stdout cannot be written.
pub fn show(args: &SearchArgs, query: &Query, bodies: &[Value], ui: &mut Ui) -> Result<(), Error> {
    match args.lang {
        Language::Lucene | Language::Dsl => ui.status("the engine reads this query by itself:"),
        Language::Logctl | Language::Dql => {
            ui.status(format_args!("read as: {}", query::line(query)));
            for line in query::tree(query) {
                ui.status(format_args!("  {line}"));
            }
            let said = |said: Result<String, String>| said.unwrap_or_else(|why| format!("not to be said: {why}"));
            ui.status(format_args!("for Dashboards (DQL): {}", said(query::to_dql(query))));
            let filter = said(query::to_insights(query).map(|filter| {
                format!(
                    "fields @timestamp, @log, @message | filter {filter} | sort @timestamp desc | limit {}",
                    args.limit
                )
            }));
            ui.status(format_args!("for Logs Insights: {filter}"));
        }
    }
    bodies.iter().try_for_each(|body| ui.line(&serde_json::to_string_pretty(body).unwrap_or_default()))
}
