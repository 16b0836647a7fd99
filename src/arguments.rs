//! What happens to the command line before clap sees it.

use std::ffi::{OsStr, OsString};

/// Tells negated words of a query from flags: `search error -timeout` looks for errors that are no time-outs, where clap
/// alone would read `-t imeout`.
///
/// After the first word of the query, `-WORD` of two or more letters is a negation and becomes `NOT WORD`; a short flag
/// takes its value as an argument of its own, or as digits right behind it.
#[must_use]
pub fn separate_negations(arguments: &[OsString]) -> Vec<OsString> {
    let Some(search) = arguments.iter().position(|argument| argument == "search") else { return arguments.to_vec() };
    let mut separated = arguments[..=search].to_vec();
    let mut in_query = false;
    let mut is_value = false;
    for (at, argument) in arguments.iter().enumerate().skip(search + 1) {
        if argument == "--" {
            separated.extend_from_slice(&arguments[at..]);
            break;
        }
        let text = argument.to_str().unwrap_or_default();
        match negated(text).filter(|_| in_query && !is_value) {
            Some(word) => separated.push(OsStr::new(&format!("!{word}")).to_owned()),
            None => separated.push(argument.clone()),
        }
        in_query |= !text.starts_with('-') && !is_value;
        is_value = takes_value(text) && !is_value;
    }
    separated
}

/// The word that `-WORD` negates.
fn negated(text: &str) -> Option<&str> {
    let word = text.strip_prefix('-')?;
    let letters = word.chars().take_while(|c| c.is_alphabetic()).count();
    (letters >= 2 && !word.starts_with('-') && word != "vv").then_some(word)
}

/// Whether the argument after this one is a flag's value.
fn takes_value(text: &str) -> bool {
    let short = matches!(text, "-g" | "-l" | "-s" | "-u" | "-n" | "-o" | "-z");
    let long = text.starts_with("--")
        && !text.contains('=')
        && !matches!(
            text,
            "--quiet" | "--verbose" | "--help" | "--version" | "--explain" | "--exit-status" | "--allow-partial"
        );
    short || long
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("search error -timeout", "search error !timeout"; "a negated word")]
    #[test_case("search error -service=pay", "search error !service=pay"; "a negated test")]
    #[test_case("search error -g /aws/* -n 5", "search error -g /aws/* -n 5"; "flags with values")]
    #[test_case("search error -n50", "search error -n50"; "digits behind a flag")]
    #[test_case("search -timeout", "search -timeout"; "the first word is clap's")]
    #[test_case("search error --since 1h -x1", "search error --since 1h -x1"; "long flags")]
    #[test_case("search a -- -timeout", "search a -- -timeout"; "behind the two dashes")]
    #[test_case("audit -timeout", "audit -timeout"; "another command")]
    #[test_case("search error -vv", "search error -vv"; "verbosity")]
    fn negations(typed: &str, expected: &str) {
        let typed: Vec<OsString> = typed.split(' ').map(Into::into).collect();
        let expected: Vec<OsString> = expected.split(' ').map(Into::into).collect();
        assert_eq!(separate_negations(&typed), expected);
    }
}
