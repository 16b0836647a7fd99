//! One file of settings: what it says, and where each value stands in it.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    args::nearest,
    error::{Error, Kind},
};

/// Settings that stand in no table of a command, each with a command that has such a flag, by which its value is checked; the
/// options of every command are of `""`.
pub const OWN: [(&str, &str); 12] = [
    ("region", ""),
    ("profile", ""),
    ("stack", ""),
    ("expect-account", ""),
    ("endpoint", "search"),
    ("auth", "search"),
    ("index-prefix", "search"),
    ("group", "search"),
    ("tz", "search"),
    ("timeout", "search"),
    ("color", ""),
    ("quiet", ""),
];

/// Commands that may have a table: they change nothing.
pub const COMMANDS: [&str; 13] = [
    "search", "tail", "trace", "context", "count", "top", "values", "fields", "hist", "audit", "groups", "doctor",
    "why",
];

/// Names that mean nothing of which each is told.
const MOST_WARNINGS: usize = 10;
/// How much two names look alike of which one is offered for the other: <https://en.wikipedia.org/wiki/Jaro–Winkler_distance>.
const NEAR: f64 = 0.8;

/// Which flags there are.
pub trait Flags {
    /// The flags of a command whose defaults a file may give.
    fn names(&self, command: &str) -> Vec<&str>;

    /// Whether a command has a flag, whoever may set it.
    fn has(&self, command: &str, flag: &str) -> bool;

    /// Checks that a flag of a command, or of all where that is `""`, could be typed with these values.
    ///
    /// # Errors
    /// Why it could not.
    fn check(&self, command: &str, flag: &str, texts: &[String]) -> Result<(), String>;
}

/// A place in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The file, as people read it.
    pub file: Arc<str>,
    /// Its line, from 1.
    pub line: usize,
    column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)
    }
}

impl Place {
    /// What is wrong there.
    fn error(&self, what: impl fmt::Display) -> Error {
        Error::new(Kind::Usage, format!("{self}, column {}: {what}", self.column))
    }
}

/// A value, as it would be typed; several of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Its texts.
    pub texts: Vec<String>,
    /// Where it stands.
    pub place: Place,
}

impl Value {
    /// The text of a setting that has one.
    #[must_use]
    pub fn text(&self) -> String {
        self.texts.concat()
    }
}

/// Names with their values.
pub type Values = BTreeMap<String, Value>;

/// A table of settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Those of no command.
    pub own: Values,
    /// Defaults of flags, by command.
    pub commands: BTreeMap<String, Values>,
}

/// A search that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The words of its query.
    pub query: Vec<String>,
    /// Its flags.
    pub flags: Values,
    /// Where it stands.
    pub place: Place,
}

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct File {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it is a project's, which somebody else may have written.
    pub is_of_project: bool,
    /// What holds wherever a run goes.
    pub top: Table,
    /// The environment that is meant where none is named.
    pub environment: Option<Value>,
    /// Each environment.
    pub environments: BTreeMap<String, Table>,
    /// Searches by their names.
    pub searches: BTreeMap<String, Saved>,
    /// Names that mean nothing.
    pub warnings: Vec<String>,
}

/// Whether a text can be the name of an environment or of a search.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let is_sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !text.is_empty() && text.len() <= 64 && text.chars().all(is_sign)
}

/// A file that is being read.
pub struct Reader<'a> {
    text: &'a str,
    /// What it is called.
    file: Arc<str>,
    known: &'a dyn Flags,
    /// Where each line begins.
    lines: Vec<usize>,
    warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    /// A reader of a text.
    pub fn new(text: &'a str, name: &str, known: &'a dyn Flags) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, file: name.into(), known, lines, warnings: Vec::new() }
    }

    /// Reads settings.
    ///
    /// # Errors
    /// Wrong usage, with line and column.
    pub fn settings(mut self, path: &Path) -> Result<File, Error> {
        let mut file = File { path: path.to_owned(), ..File::default() };
        let table = self.table()?;
        for (name, value) in table.get_ref() {
            match (name.get_ref().as_ref(), value.get_ref()) {
                ("environments" | "searches", other) if !other.is_table() => {
                    return Err(self.place(value.span().start).error("a table is expected here"));
                }
                ("environments", DeValue::Table(table)) => {
                    for (name, value) in table {
                        let own = self.name(name)?;
                        let mut environment = Table::default();
                        for (name, value) in self.members(value)? {
                            self.setting(name, value, &mut environment, true)?;
                        }
                        file.environments.insert(own, environment);
                    }
                }
                ("env", DeValue::Table(_)) => {
                    return Err(self.place(name.span().start).error("an environment is a table [environments.NAME]"));
                }
                ("env", _) => {
                    let value = self.value(value)?;
                    if value.texts.len() != 1 {
                        return Err(value.place.error("one environment is meant where none is named"));
                    }
                    file.environment = Some(value);
                }
                ("searches", DeValue::Table(table)) => file.searches = self.all_searches(table)?,
                _ => self.setting(name, value, &mut file.top, false)?,
            }
        }
        file.warnings = self.warnings;
        Ok(file)
    }

    /// Reads a file of searches alone.
    ///
    /// # Errors
    /// Wrong usage, with line and column.
    pub fn searches(mut self, path: &Path) -> Result<File, Error> {
        let table = self.table()?;
        let searches = self.all_searches(table.get_ref())?;
        Ok(File { path: path.to_owned(), searches, warnings: self.warnings, ..File::default() })
    }

    fn table(&self) -> Result<Spanned<DeTable<'a>>, Error> {
        DeTable::parse(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            self.place(at).error(error.message().replace('\n', " "))
        })
    }

    fn place(&self, at: usize) -> Place {
        let line = self.lines.partition_point(|begin| *begin <= at).max(1);
        let before = &self.text[self.lines[line - 1]..self.text.floor_char_boundary(at)];
        Place { file: self.file.clone(), line, column: before.chars().count() + 1 }
    }

    fn members<'v>(&self, value: &'v Spanned<DeValue<'a>>) -> Result<&'v DeTable<'a>, Error> {
        let wrong = || self.place(value.span().start).error("a table is expected here");
        value.get_ref().as_table().ok_or_else(wrong)
    }

    fn name(&self, name: &Spanned<Cow<'a, str>>) -> Result<String, Error> {
        let text = name.get_ref();
        if is_name(text) {
            return Ok(text.to_string());
        }
        Err(self.place(name.span().start).error("a name has up to 64 letters, digits, `-`, `_` and `.`"))
    }

    /// One setting, or the table of a command.
    fn setting(
        &mut self,
        name: &Spanned<Cow<'a, str>>,
        value: &Spanned<DeValue<'a>>,
        into: &mut Table,
        of_environment: bool,
    ) -> Result<(), Error> {
        let text = name.get_ref().as_ref();
        if let Some((_, command)) = OWN.iter().find(|(own, _)| *own == text) {
            let value = self.checked(command, text, value)?;
            into.own.insert(text.to_owned(), value);
        } else if COMMANDS.contains(&text) {
            let flags = self.flags(text, self.members(value)?)?;
            into.commands.insert(text.to_owned(), flags);
        } else {
            let more = if of_environment { &[][..] } else { &["env", "environments", "searches"] };
            let known = OWN.iter().map(|(own, _)| *own).chain(COMMANDS).chain(more.iter().copied());
            self.unknown(name, "", known);
        }
        Ok(())
    }

    /// The flags of a command.
    fn flags(&mut self, command: &str, table: &DeTable<'a>) -> Result<Values, Error> {
        let known = self.known.names(command);
        let mut flags = Values::new();
        for (name, value) in table {
            let text = name.get_ref().as_ref();
            if known.contains(&text) {
                let value = self.checked(command, text, value)?;
                flags.insert(text.to_owned(), value);
            } else {
                self.unknown(name, command, known.iter().copied());
            }
        }
        Ok(flags)
    }

    fn all_searches(&mut self, table: &DeTable<'a>) -> Result<BTreeMap<String, Saved>, Error> {
        let mut searches = BTreeMap::new();
        for (name, value) in table {
            let own = self.name(name)?;
            let place = self.place(name.span().start);
            let mut flags = self.members(value)?.clone();
            let query = match flags.remove("query") {
                None => Vec::new(),
                Some(query) => self.value(&query)?.texts,
            };
            let flags = self.flags("search", &flags)?;
            searches.insert(own, Saved { query, flags, place });
        }
        Ok(searches)
    }

    /// Warns of a name that means nothing here, or may not stand here.
    fn unknown<'k>(&mut self, name: &Spanned<Cow<'a, str>>, command: &str, known: impl Iterator<Item = &'k str>) {
        let place = self.place(name.span().start);
        let text: String = name.get_ref().chars().take(64).collect();
        let is_own = OWN.iter().any(|(own, _)| *own == text);
        let what = if is_own {
            format!("{text} stands outside of [{command}]")
        } else if self.known.has(command, &text) {
            format!("{text} is only typed, and not set")
        } else {
            let near = nearest(&text, known).filter(|near| strsim::jaro_winkler(near, &text) > NEAR);
            let near = near.map_or(String::new(), |near| format!("; the nearest is {near}"));
            format!("there is no setting {text} here{near}")
        };
        match self.warnings.len() {
            0..MOST_WARNINGS => self.warnings.push(format!("{place}: {what}")),
            MOST_WARNINGS => self.warnings.push(format!("{place} and below: more names that mean nothing")),
            _ => {}
        }
    }

    /// A value, as it would be typed.
    fn value(&self, value: &Spanned<DeValue<'a>>) -> Result<Value, Error> {
        let place = self.place(value.span().start);
        let one = |value: &DeValue<'a>| match value {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
            DeValue::Float(number) => Some(number.as_str().to_owned()),
            DeValue::Boolean(is) => Some(is.to_string()),
            DeValue::Datetime(time) => Some(time.to_string()),
            _ => None,
        };
        let texts: Option<Vec<String>> = match value.get_ref() {
            DeValue::Array(values) => values.iter().map(|value| one(value.get_ref())).collect(),
            value => one(value).map(|text| vec![text]),
        };
        match texts {
            Some(texts) if texts.is_empty() || texts.iter().any(String::is_empty) => {
                Err(place.error("a value is expected here, and not nothing"))
            }
            Some(texts) => Ok(Value { texts, place }),
            None => Err(place.error("a text, a decimal number, true, false or a list of such is expected here")),
        }
    }

    /// The value of a flag, which must be one that could be typed.
    fn checked(&self, command: &str, flag: &str, value: &Spanned<DeValue<'a>>) -> Result<Value, Error> {
        let value = self.value(value)?;
        self.known.check(command, flag, &value.texts).map_err(|why| value.place.error(why))?;
        Ok(value)
    }
}
