//! The shells, where what asks them has to be ours.

use std::{ffi::OsString, io, path::Path};

use clap_complete::{
    engine,
    env::{EnvCompleter, Zsh},
};

use crate::env::Environment;

/// Which word is completed, as the script says.
#[must_use]
pub fn index(env: &Environment) -> usize {
    env.var("_CLAP_COMPLETE_INDEX").and_then(|index| index.parse().ok()).unwrap_or_default()
}

/// A script with names filled in.
fn script(text: &str, var: &str, bin: &str, completer: &str) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    text.replace("VAR", var).replace("BIN", &quoted(bin)).replace("COMPLETER", &quoted(completer))
}

/// A shell with a script of ours: bash, which takes `=` and `:` for words of their own, and zsh, whose own completion may not be there
/// yet, or at all.
pub struct Ours {
    name: &'static str,
    script: &'static str,
    /// Which of the words is completed, where they have to be joined first.
    index: Option<usize>,
}

impl Ours {
    /// Bash.
    #[must_use]
    pub fn bash(env: &Environment) -> Self {
        Self { name: "bash", script: include_str!("bash.sh"), index: Some(index(env)) }
    }

    /// Zsh.
    #[must_use]
    pub const fn zsh() -> Self {
        Self { name: "zsh", script: include_str!("zsh.sh"), index: None }
    }
}

impl EnvCompleter for Ours {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is(&self, name: &str) -> bool {
        name == self.name
    }

    fn write_registration(
        &self,
        var: &str,
        _: &str,
        bin: &str,
        completer: &str,
        out: &mut dyn io::Write,
    ) -> Result<(), io::Error> {
        out.write_all(script(self.script, var, bin, completer).as_bytes())
    }

    fn write_complete(
        &self,
        cmd: &mut clap::Command,
        args: Vec<OsString>,
        folder: Option<&Path>,
        out: &mut dyn io::Write,
    ) -> Result<(), io::Error> {
        let Some(index) = self.index else { return Zsh.write_complete(cmd, args, folder, out) };
        let (words, index, there) = joined(args, index);
        for candidate in engine::complete(cmd, words, index, folder)? {
            let text = candidate.get_value().to_string_lossy().into_owned();
            // What stands before the last sign is there already.
            let rest = text.strip_prefix(&there).unwrap_or(&text);
            writeln!(out, "{rest}")?;
        }
        Ok(())
    }
}

/// The words as they were typed, which of them is completed, and what of that one stands before the word that bash would replace.
#[must_use]
pub fn joined(parts: Vec<OsString>, index: usize) -> (Vec<OsString>, usize, String) {
    let is_sign = |text: &str| !text.is_empty() && text.chars().all(|c| "=:".contains(c));
    let (mut words, mut at, mut there): (Vec<String>, usize, String) = (Vec::new(), index, String::new());
    let mut goes_on = false;
    for (nth, part) in parts.into_iter().enumerate().take(index + 1) {
        let part = part.to_string_lossy();
        let begins_with_sign = is_sign(&part) && nth > 1;
        if let Some(word) = words.last_mut().filter(|_| goes_on || begins_with_sign) {
            there = if begins_with_sign { format!("{word}{part}") } else { word.clone() };
            word.push_str(&part);
        } else {
            there.clear();
            words.push(part.clone().into_owned());
        }
        goes_on = begins_with_sign;
        at = words.len() - 1;
    }
    (words.into_iter().map(OsString::from).collect(), at, there)
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(&["logctl", "search", "ser"], &["logctl", "search", "ser"], ""; "a word")]
    #[test_case(&["logctl", "search", "service", "=", "ch"], &["logctl", "search", "service=ch"], "service="; "a value")]
    #[test_case(&["logctl", "search", "service", "="], &["logctl", "search", "service="], "service="; "right behind the sign")]
    #[test_case(&["logctl", "search", "--level", "=", "w"], &["logctl", "search", "--level=w"], "--level="; "the value of a flag")]
    #[test_case(&["logctl", "search", "a", "=", "1", ""], &["logctl", "search", "a=1", ""], ""; "a new word")]
    #[test_case(&["logctl", "search", "a", "=", "b", ":", "c"], &["logctl", "search", "a=b:c"], "a=b:"; "two signs")]
    fn bash_cuts_words(parts: &[&str], words: &[&str], there: &str) {
        let parts: Vec<OsString> = parts.iter().map(Into::into).collect();
        let expected: Vec<OsString> = words.iter().map(Into::into).collect();
        assert_eq!(joined(parts.clone(), parts.len() - 1), (expected, words.len() - 1, there.to_owned()));
    }
}
