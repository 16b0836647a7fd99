//! Searches that have a name: `search --save NAME` keeps one, `search @NAME id=4711` sends it.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Read as _, Write as _},
    path::Path,
};

use toml::de::DeTable;

use super::file::{Saved, Value, is_name};
use crate::{
    error::{Error, Kind},
    words::quote,
};

/// The name of a saved search, where a query begins with one, and not with a test of a field of that name.
#[must_use]
pub fn name_of(query: &[String]) -> Option<&str> {
    let signs = ["=", "<", ">", "!=", "!~"];
    let is_sign = |word: &String| signs.iter().any(|sign| word.starts_with(sign)) || word.eq_ignore_ascii_case("in");
    let name = query.first()?.strip_prefix('@').filter(|name| is_name(name))?;
    (!query.get(1).is_some_and(is_sign)).then_some(name)
}

/// The names that a word of a query leaves open: `{id}`.
pub fn open_names(word: &str) -> impl Iterator<Item = &str> {
    word.match_indices('{').filter_map(|(at, _)| {
        let name = &word[at + 1..at + 1 + word[at + 1..].find('}')?];
        let is_sign = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        (name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_sign)).then_some(name)
    })
}

/// Whether a word names a file of values. Such are typed, and stand in no file that somebody else may have written.
#[must_use]
pub fn is_list(word: &str) -> bool {
    word.starts_with('@') || word.contains(" in @")
}

/// The query of a saved search: what it leaves open is filled in by the words `name=value`, each as one value, and other words
/// narrow what it finds.
///
/// # Errors
/// Wrong usage where a value is missing, or where words cannot narrow it.
pub fn fill(name: &str, saved: &Saved, words: &[String]) -> Result<Vec<String>, Error> {
    let wrong = |what: String, hint: String| Err(Error::new(Kind::Usage, what).hint(hint));
    let open: Vec<&str> = saved.query.iter().flat_map(|word| open_names(word)).collect();
    let (mut values, mut more) = (BTreeMap::new(), Vec::new());
    for word in words {
        match word.split_once('=') {
            Some((open_name, value)) if open.contains(&open_name) => {
                if values.insert(open_name, value).is_some() {
                    return wrong(format!("{open_name} is said twice"), format!("leave out one {open_name}=…"));
                }
            }
            _ => more.push(word.clone()),
        }
    }
    if let Some(missing) = open.iter().find(|name| !values.contains_key(**name)) {
        return wrong(
            format!("@{name} leaves {missing} open"),
            format!("say what it is: logctl search @{name} {missing}=…"),
        );
    }
    if saved.query.iter().any(|word| is_list(word)) {
        return wrong(
            format!("@{name} names a file of values ({})", saved.place),
            "such a list is typed, and not kept".to_owned(),
        );
    }
    let lang = saved.flags.get("lang").map_or("logctl".to_owned(), Value::text);
    let is_ours = lang == "logctl";
    // Others read the words as one text.
    let words = if is_ours { saved.query.clone() } else { vec![saved.query.join(" ")] };
    let query: Vec<String> = words.iter().map(|word| filled(word, &values, &lang)).collect::<Result<_, _>>()?;
    match (more.is_empty(), query.len()) {
        (false, _) if !is_ours => wrong(
            format!("@{name} is in another language, and takes no more words"),
            format!("leave out: {}", more.join(" ")),
        ),
        // What was typed narrows all of it, wherever an OR stands.
        (false, 2..) => Ok([vec!["(".to_owned()], query, vec![")".to_owned()], more].concat()),
        _ => Ok([query, more].concat()),
    }
}

/// A word with the values in their places.
fn filled(word: &str, values: &BTreeMap<&str, &str>, lang: &str) -> Result<String, Error> {
    let (mut filled, mut rest) = (String::new(), word);
    while let Some(at) = rest.find('{') {
        let inner = &rest[at + 1..];
        filled += &rest[..at];
        if let Some((end, value)) = inner.find('}').and_then(|end| Some((end, values.get(&inner[..end])?))) {
            let before = &word[..word.len() - inner.len() - 1];
            filled += &written(value, before, &inner[end + 1..], lang)?;
            rest = &inner[end + 1..];
        } else {
            filled.push('{');
            rest = inner;
        }
    }
    Ok(filled + rest)
}

/// A value as it stands in a query between what is before and behind it: one value, whatever is in it.
///
/// # Errors
/// Wrong usage where it cannot be one there.
fn written(value: &str, before: &str, behind: &str, lang: &str) -> Result<String, Error> {
    let is_sign = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    let is_operator = ["and", "or", "not", "in"].contains(&value.to_lowercase().as_str());
    let is_word = value.starts_with(char::is_alphanumeric) && value.chars().all(is_sign) && !value.contains("..");
    let is_pattern = before.contains("~/") || before.contains("=~") || (lang == "lucene" && before.contains('/'));
    let is_plain = is_word && !is_operator && !(is_pattern && value.contains('.'));
    if is_plain {
        return Ok(value.to_owned());
    }
    let quotes = before.replace("\\\\", "").replace("\\\"", "").matches('"').count();
    let other_quotes = before.contains(['\'', '“', '”', '‘', '’', '`']);
    let is_alone = (before.is_empty() || before.ends_with(['=', '<', '>', ':', '(', ',']))
        && (behind.is_empty() || behind.starts_with([')', ',', '}', ' ', ']']));
    let text = if lang == "dsl" { serde_json::Value::from(value).to_string() } else { quote(value) };
    match quotes % 2 == 1 {
        _ if is_pattern || other_quotes => {}
        true => return Ok(text[1..text.len() - 1].to_owned()),
        false if is_alone => return Ok(text),
        false => {}
    }
    Err(Error::new(Kind::Usage, format!("`{value}` cannot stand in `{before}{{…}}{behind}` as one value"))
        .hint("put the place between quotes where it is kept: name=\"{id}\""))
}

/// Keeps a search behind those that are in the file. What was there stays as it is, whoever else writes at the same time.
///
/// # Errors
/// Wrong usage where one of this name is there; failed where the file cannot be written.
pub fn keep(path: &Path, name: &str, query: &[String], flags: &[(String, Vec<String>)]) -> Result<(), Error> {
    let failed = |error: io::Error| Error::failed(format!("cannot write {}", path.display())).because(error);
    fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed)?;
    file.lock().map_err(failed)?;
    let mut there = String::new();
    file.read_to_string(&mut there).map_err(failed)?;
    let wrong = |what: String| Err(Error::new(Kind::Usage, what).hint("take another name, or look into the file"));
    match DeTable::parse(&there) {
        Ok(table) if table.get_ref().contains_key(name) => return wrong(format!("@{name} is there already")),
        Ok(_) => {}
        Err(error) => return wrong(format!("{} cannot be read: {}", path.display(), error.message())),
    }
    let key = if name.contains('.') { format!("\"{name}\"") } else { name.to_owned() };
    let mut text = match there.chars().last() {
        None => String::new(),
        Some('\n') => "\n".to_owned(),
        Some(_) => "\n\n".to_owned(),
    };
    text += &format!("[{key}]\nquery = {}\n", toml::Value::from(query.to_vec()));
    for (flag, texts) in flags {
        let value = match texts.as_slice() {
            [is] if is == "true" => toml::Value::from(true),
            [text] => toml::Value::from(text.as_str()),
            texts => toml::Value::from(texts.to_vec()),
        };
        text += &format!("{flag} = {value}\n");
    }
    if (there.len() + text.len()) as u64 > super::MOST {
        return wrong(format!("{} would be longer than 1 MiB", path.display()));
    }
    file.write_all(text.as_bytes()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;
    use crate::config::Place;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test_case("@slow", Some("slow"); "a name")]
    #[test_case("@slow ms=5", Some("slow"); "with a value")]
    #[test_case("@slow !health", Some("slow"); "without a word")]
    #[test_case("@level = error", None; "a test")]
    #[test_case("@level != error", None; "a test that something is not")]
    #[test_case("@level in (a)", None; "a test of a list")]
    #[test_case("@level=error", None; "a test in one word")]
    #[test_case("slow @x", None; "another first word")]
    #[test_case("@", None; "no name")]
    fn names(query: &str, name: Option<&str>) {
        assert_eq!(name_of(&words(query)), name);
    }

    #[test_case("a={x}", "x=4711-b.c", "a=4711-b.c"; "a plain value")]
    #[test_case("a={x}", "x=1..5", "a=\"1..5\""; "no range")]
    #[test_case("a={x}", "x=*", "a=\"*\""; "no pattern")]
    #[test_case("{x}", "x=OR", "\"OR\""; "no operator")]
    #[test_case("{x}", "x=level:error", "\"level:error\""; "no test")]
    #[test_case("a={x}", "x=@/etc/passwd", "a=\"@/etc/passwd\""; "no list")]
    #[test_case("a={x}", "x=b\"", "a=\"b\\\"\""; "a quote")]
    #[test_case("\"took_{x}\"", "x=b\"", "\"took_b\\\"\""; "between quotes")]
    #[test_case("a=\"\\\"{x}", "x=b\"", "a=\"\\\"b\\\""; "behind a quote that is a sign")]
    #[test_case("a={x}", "x=", "a=\"\""; "nothing")]
    #[test_case("{\"a\":{x}}", "x=1", "{\"a\":1}"; "in JSON")]
    #[test_case("{{x}}", "x=1", "{1}"; "in braces")]
    #[test_case("a={X}", "x=1", "a={X} x=1"; "what is no name stays")]
    #[test_case("a={x}", "x=1 b=2", "a=1 b=2"; "one more word")]
    #[test_case("a={x} OR b", "x=1 c", "( a=1 OR b ) c"; "one more word for all of it")]
    fn values(query: &str, typed: &str, expected: &str) {
        let place = Place::default();
        let saved = Saved { query: words(query), flags: BTreeMap::new(), place };
        assert_eq!(fill("s", &saved, &words(typed)).unwrap().join(" "), expected);
    }

    #[test_case("user='{x}'", "a' OR level='info"; "between other quotes")]
    #[test_case("user=“{x}”", "a” OR b=“"; "between quotes of a text program")]
    #[test_case("message=~/user_{x}/", "a/ OR level=info"; "in an expression")]
    #[test_case("message=~/user_{x}/", "a.b"; "what is a sign of an expression")]
    #[test_case("user=ord-{x}", "a b"; "as a part of a word")]
    fn where_a_value_cannot_stand(word: &str, value: &str) {
        assert!(filled(word, &BTreeMap::from([("x", value)]), "logctl").is_err());
    }

    #[test]
    fn values_of_other_languages() {
        let filled = |word, value, lang| filled(word, &BTreeMap::from([("x", value)]), lang).unwrap();
        assert_eq!(filled("user:{x} AND b", "*", "lucene"), "user:\"*\" AND b");
        assert_eq!(filled(r#"{"term":{"user":"{x}"}}"#, "a\"\n", "dsl"), r#"{"term":{"user":"a\"\n"}}"#);
        assert_eq!(filled(r#"{"term":{"user":{x}}}"#, "5", "dsl"), r#"{"term":{"user":5}}"#);
    }

    #[test]
    fn what_cannot_be_filled_in() {
        let place = Place::default();
        let lang = Value { texts: vec!["lucene".to_owned()], place: place.clone() };
        let saved = |query: &str| Saved { query: words(query), flags: BTreeMap::new(), place: place.clone() };
        assert!(fill("s", &saved("a={x}"), &[]).is_err());
        assert!(fill("s", &saved("id in @/home/me/.ssh/id"), &[]).is_err());
        let foreign = Saved { flags: BTreeMap::from([("lang".to_owned(), lang)]), ..saved("a OR b") };
        assert!(fill("s", &foreign, &words("c")).is_err() && fill("s", &foreign, &[]).is_ok());
    }
}
