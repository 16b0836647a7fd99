//! Searches that have a name: `search --save NAME` keeps one, `search @NAME id=4711` sends it.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::Path,
};

use super::file::{Saved, is_name};
use crate::error::{Error, Kind};

/// The name of a saved search, where a query begins with one, and not with a test of a field of that name.
#[must_use]
pub fn name_of(query: &[String]) -> Option<&str> {
    let is_sign = |word: &String| word.starts_with(['=', '!', '<', '>']) || word.eq_ignore_ascii_case("in");
    let name = query.first()?.strip_prefix('@').filter(|name| is_name(name))?;
    (!query.get(1).is_some_and(is_sign)).then_some(name)
}

/// The names that a text leaves open: `{id}`.
pub fn names(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('{').filter_map(|(at, _)| {
        let name = &text[at + 1..at + 1 + text[at + 1..].find('}')?];
        let is_sign = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        (name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_sign)).then_some(name)
    })
}

/// A saved search with what it left open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    /// The words of its query, and those that were typed beside it.
    pub query: Vec<String>,
    /// Its flags.
    pub flags: BTreeMap<String, Vec<String>>,
}

/// Fills in what a saved search leaves open, with the words `name=value` behind its name; other words narrow it.
///
/// # Errors
/// Wrong usage where a value is missing.
pub fn fill(name: &str, saved: &Saved, words: &[String]) -> Result<Filled, Error> {
    let texts = || saved.query.iter().chain(saved.flags.values().flat_map(|value| &value.texts));
    let open: Vec<&str> = texts().flat_map(|text| names(text)).collect();
    let (mut values, mut more) = (BTreeMap::new(), Vec::new());
    for word in words {
        match word.split_once('=') {
            Some((name, value)) if open.contains(&name) => _ = values.insert(name, value),
            _ => more.push(word.clone()),
        }
    }
    if let Some(missing) = open.iter().find(|name| !values.contains_key(**name)) {
        return Err(Error::new(Kind::Usage, format!("@{name} leaves {missing} open"))
            .hint(format!("say what it is: logctl search @{name} {missing}=…")));
    }
    let query = saved.query.iter().map(|word| with(word, &values, quoted)).chain(more).collect();
    let texts = |texts: &[String]| texts.iter().map(|text| with(text, &values, |value, _| value.to_owned())).collect();
    let flags = saved.flags.iter().map(|(name, value)| (name.clone(), texts(&value.texts))).collect();
    Ok(Filled { query, flags })
}

/// A text with the values in their places; `write` is told whether a place stands between quotes.
fn with(text: &str, values: &BTreeMap<&str, &str>, write: impl Fn(&str, bool) -> String) -> String {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('{') {
        let inner = &rest[at + 1..];
        filled += &rest[..at];
        if let Some((end, value)) = inner.find('}').and_then(|end| Some((end, values.get(&inner[..end])?))) {
            let before = text[..text.len() - inner.len()].replace("\\\\", "").replace("\\\"", "");
            filled += &write(value, before.matches('"').count() % 2 == 1);
            rest = &inner[end + 1..];
        } else {
            filled.push('{');
            rest = inner;
        }
    }
    filled + rest
}

/// A value as it stands in a query: one value, whatever is in it.
fn quoted(value: &str, between_quotes: bool) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.:/@*?$#+%".contains(c);
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
    if between_quotes {
        escaped
    } else if !value.is_empty() && value.chars().all(is_plain) && !value.starts_with('-') {
        value.to_owned()
    } else {
        format!("\"{escaped}\"")
    }
}

/// Keeps a search in the file, behind what is there.
///
/// # Errors
/// When the file cannot be written.
pub fn keep(path: &Path, name: &str, query: &[String], flags: &[(String, Vec<String>)]) -> Result<(), Error> {
    let failed = |error: io::Error| Error::failed(format!("cannot write {}", path.display())).because(error);
    let list = |texts: &[String]| match texts {
        [text] => toml::Value::from(text.as_str()),
        texts => toml::Value::from(texts.to_vec()),
    };
    let mut text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error)),
    };
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let key = |name: &str| if name.contains('.') { format!("\"{name}\"") } else { name.to_owned() };
    text += &format!(
        "{}[{}]\nquery = {}\n",
        if text.is_empty() { "" } else { "\n" },
        key(name),
        toml::Value::from(query.to_vec())
    );
    for (flag, texts) in flags {
        let value = match texts.as_slice() {
            [is] if is == "true" => toml::Value::from(true),
            texts => list(texts),
        };
        text += &format!("{flag} = {value}\n");
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    // A file that is a link stays one.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    file.persist(target).map(drop).map_err(|error| failed(error.error))
}
