//! `logctl completion`: the line that turns it on, and what is answered then.

mod asking;
mod shells;

use std::{ffi::OsStr, sync::Arc};

use clap::ValueEnum;
use clap_complete::{
    ArgValueCompleter, CompletionCandidate,
    env::{self, EnvCompleter},
};
use logctl_core::level::Level;
use strum::VariantNames as _;

use self::asking::Asking;
use crate::{aws::ALWAYS_ENABLED, env::Environment, error::Error, ui::Ui};

/// Print the line that turns on completion in a shell
///
/// Completions are answered by logctl itself, so they are those of the version that runs. Log groups are those of the account that
/// was looked at last; names and values of fields are the domain's that was searched last, which is waited for a fifth of a second.
/// Put the line into the shell's start-up file.
#[derive(Debug, clap::Args)]
pub struct CompletionArgs {
    /// The shell
    pub shell: Shell,
}

/// A shell that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// Bash
    Bash,
    /// Elvish
    Elvish,
    /// Fish
    Fish,
    /// PowerShell
    Powershell,
    /// Zsh
    Zsh,
}

/// Runs the command.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(args: &CompletionArgs, ui: &mut Ui) -> Result<(), Error> {
    ui.line(match args.shell {
        Shell::Bash => include_str!("../../completions/logctl.bash").trim_end(),
        Shell::Elvish => include_str!("../../completions/logctl.elv").trim_end(),
        Shell::Fish => include_str!("../../completions/logctl.fish").trim_end(),
        Shell::Powershell => include_str!("../../completions/logctl.ps1").trim_end(),
        Shell::Zsh => include_str!("../../completions/logctl.zsh").trim_end(),
    })
}

/// By what a shell asks.
pub const VARIABLE: &str = "LOGCTL_COMPLETE";
/// Moments and lengths of time as people type them.
const MOMENTS: [&str; 10] = ["15m", "1h", "3h", "12h", "24h", "3d", "7d", "today", "yesterday", "now"];
const LENGTHS: [&str; 5] = ["30s", "90s", "5m", "10m", "1h"];
/// Names of fields that every query knows.
const FIELDS: [&str; 9] =
    ["level", "service", "group", "stream", "request_id", "trace_id", "message", "account", "region"];
/// Fields that are offered where nothing was typed.
const MOST_UNASKED: usize = 40;

/// Who answers what is asked for an argument.
type Answer = fn(&Asking, &str) -> Vec<String>;

/// Who answers for this argument of a command, where its definition alone does not.
fn answer(arg: &clap::Arg) -> Option<Answer> {
    Some(match (arg.get_id().as_str(), arg.get_long()) {
        ("query", None) => query,
        ("field", None) => |asking, _| names(asking),
        ("group", None) | (_, Some("group" | "explain")) => groups,
        (_, Some("fields")) => list,
        (_, Some("since" | "until" | "made-since" | "made-until")) => |_, _| owned(&MOMENTS),
        (_, Some("duration" | "interval")) => |_, _| owned(&LENGTHS),
        (_, Some("tz")) => |_, _| jiff::tz::db().available().map(|name| name.to_string()).collect(),
        (_, Some("profile")) => |asking, _| asking.profiles(),
        (_, Some("region")) => |_, _| owned(&ALWAYS_ENABLED),
        (_, Some("regions")) => |_, _| ["all"].into_iter().chain(ALWAYS_ENABLED).map(str::to_owned).collect(),
        (_, Some("env")) => |asking, _| asking.settings().environments().map(str::to_owned).collect(),
        _ => return None,
    })
}

/// The command line as a shell asks it: with what the account and the domain had when somebody looked last, or have now.
#[must_use]
pub fn completing(command: clap::Command, env: &Environment) -> clap::Command {
    let words = env.arguments().iter().skip_while(|word| *word != "--").skip(1).cloned().collect();
    let words = if env.var(VARIABLE) == Some("bash") { shells::joined(words, shells::index(env)).0 } else { words };
    let asking = Arc::new(Asking::new(command.clone(), env, words));
    let answered = |arg: clap::Arg| {
        let Some(answer) = answer(&arg) else { return arg };
        let asking = Arc::clone(&asking);
        arg.add(ArgValueCompleter::new(move |typed: &OsStr| {
            let typed = typed.to_string_lossy();
            let found = answer(&asking, &typed).into_iter().filter(|word| word.starts_with(&*typed));
            found.map(CompletionCandidate::new).collect::<Vec<_>>()
        }))
    };
    command.mut_args(answered).mut_subcommands(|subcommand| subcommand.mut_args(answered))
}

/// The shells that may ask.
#[must_use]
pub fn shells(env: &Environment) -> [Box<dyn EnvCompleter>; 5] {
    [
        Box::new(shells::Ours::bash(env)),
        Box::new(shells::Ours::zsh()),
        Box::new(env::Fish),
        Box::new(env::Elvish),
        Box::new(env::Powershell),
    ]
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Names of log groups, or globs that leave them out.
fn groups(asking: &Asking, typed: &str) -> Vec<String> {
    let not = if typed.starts_with('!') { "!" } else { "" };
    let mut names = asking.groups();
    names.sort_unstable();
    names.into_iter().map(|name| format!("{not}{name}")).collect()
}

/// Names of fields: those that every query knows, then those of the newest events.
fn names(asking: &Asking) -> Vec<String> {
    let mut names = owned(&FIELDS);
    names.extend(asking.field_names().into_iter().filter(|name| !FIELDS.contains(&name.as_str())));
    names
}

/// A list of names, of which the last one is typed.
fn list(asking: &Asking, typed: &str) -> Vec<String> {
    let before = typed.rfind(',').map_or("", |at| &typed[..=at]);
    names(asking).into_iter().chain(["time".to_owned()]).map(|name| format!("{before}{name}")).collect()
}

/// A word of a query: a saved search, the name of a field, or a value of it.
fn query(asking: &Asking, typed: &str) -> Vec<String> {
    if typed.starts_with('-') {
        return Vec::new();
    }
    if typed.starts_with('@') {
        let settings = asking.settings();
        return settings.files.iter().flat_map(|file| file.searches.keys()).map(|name| format!("@{name}")).collect();
    }
    let (not, word) = typed.strip_prefix('!').map_or(("", typed), |word| ("!", word));
    let Some(at) = word.find(['=', '>', '<', '!', ':']) else {
        let most = if word.is_empty() { MOST_UNASKED } else { usize::MAX };
        return names(asking).into_iter().take(most).map(|name| format!("{not}{name}=")).collect();
    };
    let sign: String = word[at..].chars().take_while(|c| "=<>!:".contains(*c)).collect();
    let name = &word[..at];
    let values = if name == "level" { owned(Level::VARIANTS) } else { asking.values(name) };
    values.into_iter().map(|value| format!("{not}{name}{sign}{value}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{self, Moment};

    #[test]
    fn times_that_are_offered_can_be_typed() {
        assert!(MOMENTS.iter().all(|text| text.parse::<Moment>().is_ok()));
        assert!(LENGTHS.iter().all(|text| time::length(text).is_some()));
    }
}
