//! Settings of files: `config.toml` and `searches.toml` of the user, `.logctl.toml` of the project.
//!
//! A file gives defaults. What was typed wins, then a variable of ours, then the project's file, then the user's; within each of
//! them what stands in the environment that is meant comes before what holds for all.

mod aim;
mod file;
mod saved;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

pub use self::{
    aim::aim,
    file::{COMMANDS, File, Flags, OWN, Place, Saved, Table, Value, Values, is_name},
    saved::{fill, is_list, keep, name_of, open_names},
};
use crate::{
    args::nearest,
    env::Environment,
    error::{Error, Kind},
};

/// The name of a project's file.
const PROJECT: &str = ".logctl.toml";
/// Bytes of a file at most.
const MOST: u64 = 1 << 20;

/// Who has chosen the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// `--env`.
    Typed,
    /// `LOGCTL_ENV`.
    Variable,
    /// A file.
    File(Place),
}

/// What all files say.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Those that there are, the first before the others.
    pub files: Vec<File>,
    /// The environment that is meant.
    pub environment: Option<(String, Choice)>,
    /// Where searches are kept.
    pub searches: Option<PathBuf>,
    /// Why these cannot be read.
    broken: Option<Error>,
    /// What means nothing in them, and what was passed over.
    pub warnings: Vec<String>,
}

impl Settings {
    /// Reads the files. `flags` says which there are, `typed` which environment was typed, and whether a profile was: that says where
    /// to go, and no environment is meant that was not typed.
    ///
    /// # Errors
    /// Wrong usage: a file that cannot be read, with line and column, or an environment that is in none of them.
    pub fn read(env: &Environment, flags: &dyn Flags, (typed, profile): (Option<&str>, bool)) -> Result<Self, Error> {
        let mut settings = Self::default();
        if let Some(path) = project(env) {
            if let Some(why) = foreign(&path) {
                settings.warnings.push(format!("{} was passed over: {why}", path.display()));
            } else {
                settings.add(&path, env, flags, true)?;
                settings.files.iter_mut().for_each(|file| file.is_of_project = true);
            }
        }
        let named = env.var("LOGCTL_CONFIG").map(PathBuf::from);
        let must_be = named.is_some();
        if let Some(path) = named.or_else(|| user(env)) {
            if must_be && !path.exists() {
                let what = format!("the variable LOGCTL_CONFIG is wrong: there is no file {}", path.display());
                return Err(Error::new(Kind::Usage, what));
            }
            settings.add(&path, env, flags, true)?;
            let searches = path.with_file_name("searches.toml");
            if searches != path {
                // What cannot be read there is nobody's loss who asks for none of it.
                settings.broken = settings.add(&searches, env, flags, false).err();
            }
            settings.searches = Some(searches);
        }
        if typed.is_some() || !profile {
            settings.choose(env, typed)?;
        }
        Ok(settings)
    }

    /// Reads a file; one that holds searches alone is not of `settings`.
    fn add(&mut self, path: &Path, env: &Environment, flags: &dyn Flags, settings: bool) -> Result<(), Error> {
        let name = shown(path, env);
        let failed = |why: &dyn std::fmt::Display| Error::new(Kind::Usage, format!("cannot read {name}")).because(why);
        let mut text = String::new();
        let is_other = |meta: fs::Metadata| !meta.is_file() && path != Path::new("/dev/null");
        if fs::metadata(path).is_ok_and(is_other) {
            return Err(failed(&"it is no file"));
        }
        match fs::File::open(path).and_then(|file| file.take(MOST + 1).read_to_string(&mut text)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(&error)),
            Ok(length) if length as u64 > MOST => return Err(failed(&"it is longer than 1 MiB")),
            Ok(_) => {}
        }
        let reader = file::Reader::new(&text, &name, flags);
        let mut file = if settings { reader.settings(path)? } else { reader.searches(path)? };
        self.warnings.append(&mut file.warnings);
        self.files.push(file);
        Ok(())
    }

    /// The environment that is meant: as typed, else as the variable says, else the first file that names one.
    fn choose(&mut self, env: &Environment, typed: Option<&str>) -> Result<(), Error> {
        let of_file = || self.files.iter().find_map(|file| file.environment.as_ref());
        let chosen = match (typed, env.var("LOGCTL_ENV"), of_file()) {
            (Some(name), _, _) => Some((name.to_owned(), Choice::Typed)),
            (None, Some(name), _) => Some((name.to_owned(), Choice::Variable)),
            (None, None, Some(value)) => Some((value.texts.concat(), Choice::File(value.place.clone()))),
            (None, None, None) => None,
        };
        let Some((name, choice)) = chosen else { return Ok(()) };
        let known: Vec<&str> = self.environments().collect();
        if !known.contains(&name.as_str()) {
            let by = match &choice {
                Choice::Typed => "--env".to_owned(),
                Choice::Variable => "the variable LOGCTL_ENV".to_owned(),
                Choice::File(place) => place.to_string(),
            };
            let error = Error::new(Kind::Usage, format!("{by}: there is no environment {name}"));
            return Err(match nearest(&name, known.iter().copied()) {
                Some(near) => {
                    error.hint(format!("the nearest is {near}; they are: {}", known[..known.len().min(20)].join(", ")))
                }
                None => error
                    .hint(format!("write it down as a table of {PROJECT} or of config.toml: [environments.{name}]")),
            });
        }
        let holders = self.files.iter().filter(|file| file.environments.contains_key(&name)).count();
        if holders > 1 {
            self.warnings.push(format!(
                "the environment {name} is that of config.toml; what {PROJECT} says of it is passed over"
            ));
        }
        self.environment = Some((name, choice));
        Ok(())
    }

    /// The names of all environments.
    pub fn environments(&self) -> impl Iterator<Item = &str> {
        let names: std::collections::BTreeSet<&str> =
            self.files.iter().flat_map(|file| file.environments.keys()).map(String::as_str).collect();
        names.into_iter()
    }

    /// The tables, the first before the others: those of the environment, then those that hold for all.
    fn tables(&self) -> impl Iterator<Item = (&Table, bool)> {
        let name = self.environment.as_ref().map(|(name, _)| name);
        // It is of one file, and of the user's where that has it: a project does not change where another one goes.
        let of_environment = self.files.iter().rev().find_map(move |file| file.environments.get(name?));
        of_environment.into_iter().map(|table| (table, true)).chain(self.files.iter().map(|file| (&file.top, false)))
    }

    /// A setting of no command, and whether it is the environment's.
    #[must_use]
    pub fn own(&self, name: &str) -> Option<(&Value, bool)> {
        self.tables().find_map(|(table, of_environment)| Some((table.own.get(name)?, of_environment)))
    }

    /// The defaults of the flags of a command: of its tables, and those that all commands share, where it has such flags.
    #[must_use]
    pub fn defaults(&self, command: &str) -> BTreeMap<&str, &Value> {
        const SHARED: [&str; 3] = ["group", "tz", "timeout"];
        let mut defaults = BTreeMap::new();
        if !COMMANDS.contains(&command) {
            return defaults;
        }
        for (table, _) in self.tables() {
            // What surrounds an event is of one stream.
            let shared = SHARED.iter().filter(|name| command != "context" || **name != "group");
            let shared = shared.filter_map(|name| table.own.get_key_value(*name));
            for (name, value) in table.commands.get(command).into_iter().flatten().chain(shared) {
                defaults.entry(name.as_str()).or_insert(value);
            }
        }
        defaults
    }

    /// A search by its name.
    ///
    /// # Errors
    /// Wrong usage where there is none.
    pub fn search(&self, name: &str) -> Result<&Saved, Error> {
        let found = self.files.iter().find_map(|file| file.searches.get(name));
        if let (None, Some(error)) = (found, &self.broken) {
            return Err(error.clone());
        }
        found.ok_or_else(|| {
            let known = self.files.iter().flat_map(|file| file.searches.keys()).map(String::as_str);
            let error = Error::new(Kind::Usage, format!("there is no saved search @{name}"));
            let error = match nearest(name, known) {
                Some(near) => error.hint(format!("the nearest is @{near}")),
                None => error.hint(format!("keep one with: logctl search QUERY --save {name}")),
            };
            error.hint(format!("to look for the text, quote it: '\"@{name}\"'"))
        })
    }
}

/// The user's file: <https://specifications.freedesktop.org/basedir-spec/latest/>.
fn user(env: &Environment) -> Option<PathBuf> {
    let folder = env.var("XDG_CONFIG_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let folder = folder.or_else(|| Some(PathBuf::from(env.var("HOME")?).join(".config")))?;
    Some(folder.join("logctl").join("config.toml"))
}

/// The nearest project's file, in this folder or above it, as far as its repository or the user's home goes.
fn project(env: &Environment) -> Option<PathBuf> {
    let home = env.var("HOME").and_then(|home| fs::canonicalize(home).ok());
    for folder in env.folder.as_deref()?.ancestors() {
        if Some(folder) == home.as_deref() {
            return None;
        }
        let path = folder.join(PROJECT);
        if path.is_file() {
            return Some(path);
        }
        if folder.join(".git").exists() {
            return None;
        }
    }
    None
}

/// Why a file of a project may have been written by somebody else who works here.
#[cfg(unix)]
fn foreign(path: &Path) -> Option<&'static str> {
    use std::os::unix::fs::MetadataExt as _;
    let file = fs::metadata(path).ok()?;
    if ![0, rustix::process::geteuid().as_raw()].contains(&file.uid()) {
        return Some("it belongs to another user");
    }
    (file.mode() & 0o022 != 0).then_some("others may write to it")
}

#[cfg(not(unix))]
fn foreign(_: &Path) -> Option<&'static str> {
    None
}

/// A path as people read it.
fn shown(path: &Path, env: &Environment) -> String {
    let of_home = env.var("HOME").and_then(|home| path.strip_prefix(home).ok());
    of_home.map_or_else(|| path.display().to_string(), |rest| format!("~/{}", rest.display()))
}
