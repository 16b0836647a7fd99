//! What happens to the command line before clap sees it.

use std::ffi::OsString;

use clap::{Arg, Command};

/// The command that was typed, and where, if its arguments are a query.
fn asking<'c>(arguments: &[OsString], cli: &'c Command) -> Option<(&'c Command, usize)> {
    let flags: Vec<&Arg> = cli.get_arguments().collect();
    let mut is_value = false;
    for (at, argument) in arguments.iter().enumerate().skip(1) {
        let text = argument.to_str().unwrap_or_default();
        if !is_value && !text.starts_with('-') {
            let command = cli.find_subcommand(text)?;
            return command.get_arguments().any(|arg| arg.get_id() == "query").then_some((command, at));
        }
        is_value = !is_value && takes_value(text, &flags);
    }
    None
}

/// Tells negated words of a query from flags: `search error -timeout` looks for errors that are no time-outs, where clap
/// alone would read `-t imeout`.
///
/// After the first word of the query, `-WORD` of two or more letters is a negation and becomes `!WORD`, which means the same
/// and is no flag; a short flag takes its value as an argument of its own, or as digits right behind it.
#[must_use]
pub fn separate_negations(arguments: &[OsString], cli: &Command) -> Vec<OsString> {
    let Some((command, begin)) = asking(arguments, cli) else { return arguments.to_vec() };
    let flags: Vec<&Arg> = cli.get_arguments().chain(command.get_arguments()).collect();
    let (before, words) = arguments.split_at(begin + 1);
    let mut separated = before.to_vec();
    let (mut in_query, mut is_value) = (false, false);
    for (at, argument) in words.iter().enumerate() {
        let text = argument.to_str().unwrap_or_default();
        if text == "--" {
            separated.extend_from_slice(&words[at..]);
            break;
        }
        match negated(text, &flags).filter(|_| in_query && !is_value) {
            Some(word) => separated.push(format!("!{word}").into()),
            None => separated.push(argument.clone()),
        }
        in_query |= !is_value && !text.starts_with('-');
        is_value = !is_value && takes_value(text, &flags);
    }
    separated
}

/// A query that begins with `-WORD` where a flag may stand: what is meant cannot be told, so it is asked for.
///
/// # Errors
/// What to type.
pub fn first_word(arguments: &[OsString], cli: &Command) -> Result<(), String> {
    let Some((command, begin)) = asking(arguments, cli) else { return Ok(()) };
    let flags: Vec<&Arg> = cli.get_arguments().chain(command.get_arguments()).collect();
    let words = arguments.iter().map(|argument| argument.to_str().unwrap_or_default()).skip(begin + 1);
    let mut is_value = false;
    for text in words.take_while(|text| *text != "--") {
        if is_value {
            is_value = false;
            continue;
        }
        if let Some(word) = negated(text, &flags) {
            let is_long = |flag: &&&Arg| flag.get_long() == Some(word);
            let instead = format!("logctl {} NOT {word}", command.get_name());
            return Err(match flags.iter().find(is_long) {
                Some(_) => format!("the option is -{text}; to leave out the word: {instead}"),
                None => format!("to leave out a word first, write: {instead}"),
            });
        }
        if !text.starts_with('-') {
            return Ok(());
        }
        is_value = takes_value(text, &flags);
    }
    Ok(())
}

/// The word that `-WORD` negates; `-ojson` is an option with one of its values.
fn negated<'t>(text: &'t str, flags: &[&Arg]) -> Option<&'t str> {
    let word = text.strip_prefix('-')?;
    let takes = |flag: &&&Arg, value: &str| {
        let mut values = flag.get_possible_values().into_iter();
        values.any(|possible| possible.get_name() == value)
    };
    let mut signs = word.chars();
    let short = signs.next();
    if flags.iter().filter(|flag| flag.get_short() == short).any(|flag| takes(&flag, signs.as_str())) {
        return None;
    }
    let letters = word.chars().take_while(|c| c.is_alphabetic()).count();
    (word.starts_with(['"', '“']) || letters >= 2 && !word.chars().all(|c| c == 'v')).then_some(word)
}

/// Whether the argument after this one is a flag's value.
fn takes_value(text: &str, flags: &[&Arg]) -> bool {
    let is = |flag: &&&Arg| {
        let short = flag.get_short().is_some_and(|short| text == format!("-{short}"));
        short || flag.get_long().is_some_and(|long| text.strip_prefix("--") == Some(long))
    };
    flags.iter().find(is).is_some_and(|flag| flag.get_action().takes_values())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use test_case::test_case;

    use super::*;
    use crate::cli::Cli;

    #[test_case("search -nginx", Some("to leave out a word first, write: logctl search NOT nginx"); "a word")]
    #[test_case("search -since 2h x", Some("the option is --since; to leave out the word: logctl search NOT since"); "an option")]
    #[test_case("search -ojson x", None; "an option with one of its values")]
    #[test_case("search -n50 x -timeout", None; "an option before the query")]
    #[test_case("search -s 2h x", None; "an option with its value")]
    #[test_case("audit -timeout", None; "another command, at the beginning")]
    #[test_case("count -nginx", Some("to leave out a word first, write: logctl count NOT nginx"); "a word that is counted")]
    fn beginnings(typed: &str, expected: Option<&str>) {
        let words: Vec<OsString> = ["logctl"].into_iter().chain(typed.split(' ')).map(Into::into).collect();
        assert_eq!(first_word(&words, &Cli::command()).err().as_deref(), expected);
    }

    #[test_case("search error -timeout", "search error !timeout"; "a negated word")]
    #[test_case("search error -\"health\"", "search error !\"health\""; "a negated phrase")]
    #[test_case("search error -service=pay", "search error !service=pay"; "a negated test")]
    #[test_case("search error -g /aws/* -n 5", "search error -g /aws/* -n 5"; "flags with values")]
    #[test_case("search error -n50", "search error -n50"; "digits behind a flag")]
    #[test_case("search error -ojsonl -lwarn", "search error -ojsonl -lwarn"; "options with their values")]
    #[test_case("search -timeout", "search -timeout"; "the first word is clap's")]
    #[test_case("search error --since 1h -x1", "search error --since 1h -x1"; "long flags")]
    #[test_case("search a -- -timeout", "search a -- -timeout"; "behind the two dashes")]
    #[test_case("audit -timeout", "audit -timeout"; "another command")]
    #[test_case("tail error -timeout", "tail error !timeout"; "a query that is followed")]
    #[test_case("top status error -service=pay", "top status error !service=pay"; "a query behind a field")]
    #[test_case("search error -vvv", "search error -vvv"; "verbosity")]
    #[test_case("--stack search search a -timeout", "--stack search search a !timeout"; "a value that is called like the command")]
    #[test_case("search a --quiet -timeout", "search a --quiet !timeout"; "a flag without a value")]
    fn negations(typed: &str, expected: &str) {
        let split =
            |line: &str| -> Vec<OsString> { ["logctl"].into_iter().chain(line.split(' ')).map(Into::into).collect() };
        assert_eq!(separate_negations(&split(typed), &Cli::command()), split(expected));
    }
}
