//! What files of settings mean for the command line that was typed.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches, Command, parser::ValueSource};

use crate::{
    commands::{may_be_set, search::Kept},
    config::{self, Settings},
    error::Error,
};

/// Flags that say which events are meant, and where.
const OF_EVENTS: [&str; 7] = ["group", "lang", "level", "since", "timeout", "tz", "until"];

/// Outputs of one field, beside which no others are chosen.
const ONE_FIELD: [&str; 2] = ["raw", "id"];

/// Flags that say how an answer looks, and not what is in it.
const LOOKS: [&str; 9] = ["color", "columns", "fields", "format", "output", "rate", "sort", "timeout", "tz"];

/// What files add to a command line.
#[derive(Debug, Clone, Default)]
pub struct Added {
    /// The query of a saved search, where one was named.
    pub query: Option<Vec<String>>,
    /// Defaults of flags, by their names.
    flags: BTreeMap<String, Vec<String>>,
    /// Those of them that the saved search has.
    of_search: BTreeMap<String, Vec<String>>,
    /// What they leave out.
    pub notes: Vec<String>,
}

/// The words of the query that was typed.
fn query(typed: &ArgMatches) -> Vec<String> {
    typed.try_get_many::<String>("query").ok().flatten().into_iter().flatten().cloned().collect()
}

/// Whether two flags of a command do not go together.
fn conflict(command: &Command, one: &str, other: &str) -> bool {
    let arg = |name: &str| command.get_arguments().find(|arg| arg.get_long() == Some(name));
    let (Some(one), Some(other)) = (arg(one), arg(other)) else { return false };
    let among =
        |one: &Arg, other: &Arg| command.get_arg_conflicts_with(one).iter().any(|it| it.get_id() == other.get_id());
    among(one, other) || among(other, one)
}

/// Whether a flag was typed, or one that does not go with it.
fn is_typed(command: &Command, flag: &str, typed: &ArgMatches) -> bool {
    let was = |id: &str| typed.try_contains_id(id).is_ok() && typed.value_source(id) == Some(ValueSource::CommandLine);
    let mut output =
        typed.try_contains_id("output").is_ok().then(|| typed.get_raw("output")).flatten().into_iter().flatten();
    if flag == "fields" && was("output") && output.any(|text| ONE_FIELD.iter().any(|one| text == *one)) {
        return true;
    }
    let others = command.get_arguments().filter(|other| was(other.get_id().as_str())).filter_map(Arg::get_long);
    others.into_iter().any(|other| other == flag || conflict(command, flag, other))
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
            let saved = settings.search(name)?;
            added.query = Some(config::fill(name, saved, &words[1..])?);
            // Other commands take of it which events are meant.
            let is_search = ["search", "tail"].contains(&command.get_name());
            let flags = saved.flags.iter().filter(|(flag, _)| is_search || OF_EVENTS.contains(&flag.as_str()));
            added.flags = flags.map(|(flag, value)| (flag.clone(), value.texts.clone())).collect();
        }
        added.flags.retain(|flag, _| !is_typed(command, flag, typed));
        added.of_search = added.flags.clone();
        for (name, value) in settings.defaults(command.get_name()) {
            let has = |flag: &str| added.flags.contains_key(flag);
            if has(name)
                || added.flags.keys().any(|flag| conflict(command, flag, name))
                || is_typed(command, name, typed)
            {
                continue;
            }
            let is_of_one = |texts: &Vec<String>| texts.iter().any(|text| ONE_FIELD.contains(&text.as_str()));
            if name == "fields" && added.flags.get("output").is_some_and(is_of_one) {
                continue;
            }
            if !LOOKS.contains(&name) {
                added.notes.push(format!("--{name} {} is a setting of {}", value.texts.join(" "), value.place));
            }
            added.flags.insert(name.to_owned(), value.texts.clone());
        }
        Ok(added)
    }

    /// The flags that a saved search keeps: those that were typed, and those of the saved search that it was made from.
    #[must_use]
    pub fn to_keep(&self, command: &Command, typed: &ArgMatches) -> Kept {
        let mut kept = Kept::default();
        for arg in command.get_arguments().filter(|arg| !arg.is_global_set()) {
            let (id, Some(name)) = (arg.get_id().as_str(), arg.get_long()) else { continue };
            let was = typed.try_contains_id(id).is_ok() && typed.value_source(id) == Some(ValueSource::CommandLine);
            let raw =
                || typed.get_raw(id)?.map(|text| text.to_str().map(str::to_owned)).collect::<Option<Vec<String>>>();
            match (was, may_be_set(arg), self.of_search.get(name)) {
                (true, true, _) if matches!(arg.get_action(), ArgAction::SetTrue) => {
                    kept.flags.push((name.to_owned(), vec!["true".to_owned()]));
                }
                (true, true, _) => kept.flags.extend(raw().map(|texts| (name.to_owned(), texts))),
                (true, false, _) if name != "save" => kept.left_out.push(format!("--{name}")),
                (false, _, Some(texts)) => kept.flags.push((name.to_owned(), texts.clone())),
                _ => {}
            }
        }
        kept
    }

    /// The definitions of the command line with these defaults.
    #[must_use]
    pub fn with_defaults(&self, cli: Command, command: &str) -> Command {
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
pub fn global_defaults(settings: &Settings, cli: Command) -> Command {
    cli.mut_args(|arg| match arg.get_long().and_then(|name| settings.own(name)) {
        Some((value, _)) if arg.get_long() == Some("color") => arg.default_values(value.texts.clone()),
        Some((value, _)) if arg.get_long() == Some("quiet") && value.texts.concat() == "true" => {
            arg.default_value("true")
        }
        _ => arg,
    })
}
