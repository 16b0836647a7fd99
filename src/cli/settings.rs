//! What files of settings mean for the command line that was typed.

use std::{collections::BTreeMap, ffi::OsString};

use clap::{ArgAction, ArgMatches, Command, parser::ValueSource};

use crate::{
    commands::may_be_set,
    config::{self, Filled, Settings},
    error::Error,
};

/// Flags that leave events or log groups out of an answer.
const NARROWING: [&str; 9] =
    ["class", "group", "level", "made-since", "made-until", "matching", "retention", "state", "tag"];

/// What files add to a command line.
#[derive(Debug, Clone, Default)]
pub struct Added {
    /// The query of a saved search, where one was named.
    pub query: Option<Vec<String>>,
    /// Defaults of flags, by their names.
    flags: BTreeMap<String, Vec<String>>,
    /// What they leave out.
    pub notes: Vec<String>,
}

/// The words of the query that was typed.
fn query(typed: &ArgMatches) -> Vec<String> {
    typed.try_get_many::<String>("query").ok().flatten().into_iter().flatten().cloned().collect()
}

/// Whether a flag was typed, or one that does not go with it.
fn is_typed(command: &Command, flag: &str, typed: &ArgMatches) -> bool {
    let was = |id: &str| typed.try_contains_id(id).is_ok() && typed.value_source(id) == Some(ValueSource::CommandLine);
    let Some(arg) = command.get_arguments().find(|arg| arg.get_long() == Some(flag)) else { return true };
    let others = command.get_arguments().filter(|other| was(other.get_id().as_str()));
    let conflicts = |other: &clap::Arg| {
        command.get_arg_conflicts_with(arg).iter().any(|it| it.get_id() == other.get_id())
            || command.get_arg_conflicts_with(other).iter().any(|it| it.get_id() == arg.get_id())
    };
    was(arg.get_id().as_str()) || others.into_iter().any(conflicts)
}

impl Added {
    /// What the files add to this command.
    ///
    /// # Errors
    /// Wrong usage where a saved search is named that there is not, or that leaves something open.
    pub fn new(settings: &Settings, command: &Command, typed: &ArgMatches) -> Result<Self, Error> {
        let mut added = Self::default();
        let words = query(typed);
        if let Some(name) = config::name_of(&words) {
            let Filled { query, flags } = config::fill(name, settings.search(name)?, &words[1..])?;
            added.query = Some(query);
            added.flags = flags;
        }
        let of_search: Vec<String> = added.flags.keys().cloned().collect();
        for (name, value) in settings.defaults(command.get_name()) {
            if of_search.iter().any(|flag| flag == name) || is_typed(command, name, typed) {
                continue;
            }
            if NARROWING.contains(&name) {
                added.notes.push(format!("--{name} {} is a setting of {}", value.texts.join(" "), value.place));
            }
            added.flags.insert(name.to_owned(), value.texts.clone());
        }
        added.flags.retain(|name, _| !is_typed(command, name, typed));
        Ok(added)
    }

    /// The definitions of the command line with these defaults.
    #[must_use]
    pub fn to(&self, cli: Command, command: &str) -> Command {
        cli.mut_subcommand(command, |command| {
            command.mut_args(|arg| {
                let Some(texts) = arg.get_long().and_then(|name| self.flags.get(name)) else { return arg };
                match arg.get_action() {
                    ArgAction::SetTrue if texts.concat() != "true" => arg,
                    _ => arg.default_values(texts.clone()),
                }
            })
        })
    }
}

/// The defaults of the flags that every command has.
#[must_use]
pub fn of_all(settings: &Settings, cli: Command) -> Command {
    cli.mut_args(|arg| match arg.get_long().and_then(|name| settings.own(name)) {
        Some((value, _)) if arg.get_long() == Some("color") => arg.default_values(value.texts.clone()),
        Some((value, _)) if arg.get_long() == Some("quiet") && value.texts.concat() == "true" => {
            arg.default_value("true")
        }
        _ => arg,
    })
}

/// The flags that were typed and that a saved search keeps.
#[must_use]
pub fn to_keep(command: &Command, typed: &ArgMatches) -> Vec<(String, Vec<String>)> {
    let kept = command.get_arguments().filter(|arg| may_be_set(arg));
    let texts = |arg: &clap::Arg| {
        let id = arg.get_id().as_str();
        if typed.value_source(id) != Some(ValueSource::CommandLine) {
            return None;
        }
        let name = arg.get_long()?.to_owned();
        if matches!(arg.get_action(), ArgAction::SetTrue) {
            return Some((name, vec!["true".to_owned()]));
        }
        let raw = typed.get_raw(id)?.map(|text| OsString::from(text).into_string());
        Some((name, raw.collect::<Result<_, _>>().ok()?))
    };
    kept.filter_map(texts).collect()
}
