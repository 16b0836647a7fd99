//! Which flags may have their defaults in a file, and with which values.

use clap::{Arg, ArgAction, Command, error::ErrorKind};

use crate::config::Flags;

/// Flags that say what one run is about, and those that would let an answer pass that lacks something.
const TYPED_ONLY: [&str; 16] = [
    "all",
    "allow-partial",
    "auth",
    "cursor",
    "diff",
    "endpoint",
    "explain",
    "follow",
    "fresh",
    "help",
    "html",
    "index-prefix",
    "probe",
    "save",
    "to",
    "until-match",
];

/// Whether a flag may have its default in a file.
#[must_use]
pub fn may_be_set(arg: &Arg) -> bool {
    let takes = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append | ArgAction::SetTrue);
    takes && !arg.is_global_set() && arg.get_long().is_some_and(|name| !TYPED_ONLY.contains(&name))
}

/// The definitions of the command line.
impl Flags for Command {
    fn names(&self, command: &str) -> Vec<&str> {
        let definition = self.find_subcommand(command);
        let flags = definition.into_iter().flat_map(Command::get_arguments).filter(|arg| may_be_set(arg));
        flags.filter_map(Arg::get_long).collect()
    }

    fn check(&self, command: &str, flag: &str, texts: &[String]) -> Result<(), String> {
        let definition = if command.is_empty() { Some(self) } else { self.find_subcommand(command) };
        let arg = definition.and_then(|it| it.get_arguments().find(|arg| arg.get_long() == Some(flag)));
        let (Some(definition), Some(arg)) = (definition, arg) else { return Ok(()) };
        if matches!(arg.get_action(), ArgAction::SetTrue) {
            let is = matches!(texts, [text] if text == "true" || text == "false");
            return if is { Ok(()) } else { Err(format!("{flag} is true or false")) };
        }
        if texts.len() != 1 && !matches!(arg.get_action(), ArgAction::Append) && arg.get_value_delimiter().is_none() {
            return Err(format!("{flag} has one value"));
        }
        for text in texts {
            let typed = [definition.get_name().to_owned(), format!("--{flag}={text}")];
            let Err(error) = definition.clone().try_get_matches_from(typed) else { continue };
            if matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation | ErrorKind::NoEquals) {
                let why = error.to_string();
                return Err(why.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned());
            }
        }
        Ok(())
    }
}
