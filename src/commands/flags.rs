//! Which flags may have their defaults in a file, and with which values.

use clap::{Arg, ArgAction, Command, error::ErrorKind};

use crate::config::Flags;

/// Flags that say what one run is about, those that do not go with every other, and those that would let an answer pass that lacks
/// something.
const TYPED_ONLY: [&str; 26] = [
    "accounts",
    "after",
    "all",
    "allow-partial",
    "auth",
    "before",
    "compact",
    "context",
    "cursor",
    "diff",
    "duration",
    "endpoint",
    "exit-status",
    "expand",
    "explain",
    "follow",
    "fresh",
    "html",
    "index-prefix",
    "pager",
    "probe",
    "regions",
    "role",
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
        // What surrounds an event is of one stream.
        let names = flags.filter_map(Arg::get_long).filter(|name| (command, *name) != ("context", "group"));
        names.collect()
    }

    fn has(&self, command: &str, flag: &str) -> bool {
        let definition = self.find_subcommand(command);
        definition.into_iter().chain([self]).flat_map(Command::get_arguments).any(|arg| arg.get_long() == Some(flag))
    }

    fn check(&self, command: &str, flag: &str, texts: &[String]) -> Result<(), String> {
        let definition = if command.is_empty() { Some(self) } else { self.find_subcommand(command) };
        let arg = definition.and_then(|it| it.get_arguments().find(|arg| arg.get_long() == Some(flag)));
        let (Some(definition), Some(arg)) = (definition, arg) else { return Ok(()) };
        if matches!(arg.get_action(), ArgAction::SetTrue) {
            let is = matches!(texts, [text] if text == "true" || text == "false");
            return if is { Ok(()) } else { Err(format!("true or false is expected for {flag}")) };
        }
        if texts.len() != 1 && !matches!(arg.get_action(), ArgAction::Append) && arg.get_value_delimiter().is_none() {
            return Err(format!("{flag} has one value"));
        }
        for text in texts {
            let typed = [definition.get_name().to_owned(), format!("--{flag}={text}")];
            let Err(error) = definition.clone().try_get_matches_from(typed) else { continue };
            if matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation | ErrorKind::NoEquals) {
                let why = error.to_string();
                let why = why.lines().next().unwrap_or_default().trim_start_matches("error: ");
                // A URL may have a password in it.
                return Err(if text.contains("://") { why.replace(text.as_str(), "…") } else { why.to_owned() });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::{cli::Cli, config::COMMANDS};

    #[test]
    fn what_a_file_may_set() {
        let cli = Cli::command();
        let all =
            |name: &str| cli.get_subcommands().flat_map(Command::get_arguments).any(|arg| arg.get_long() == Some(name));
        assert!(TYPED_ONLY.iter().all(|name| all(name)), "each is there");
        let lines = COMMANDS.map(|command| format!("{command}: {}", cli.names(command).join(" ")));
        insta::assert_snapshot!(lines.join("\n"), @r"
        search: group level since until tz lang limit output fields format timeout
        tail: group level since until tz lang limit output fields format timeout
        trace: group since until tz depth output timeout
        context: everywhere tz output fields format timeout
        count: group level since until tz lang output timeout
        top: limit group level since until tz lang output timeout
        values: limit group level since until tz lang output timeout
        fields: limit group level since until tz lang output timeout
        hist: interval group level since until tz lang output timeout
        audit: group matching tag class retention made-since made-until state columns sort fail-on max-missing arrivals rate output
        groups: group matching tag class retention made-since made-until rate output
        doctor: wait drift output
        why: rate output
        ");
    }
}
