//! `logctl config show`: each setting, and where it comes from.

use std::collections::BTreeMap;

use clap::Subcommand;
use serde::Serialize;

use crate::{
    args::ReportFormat,
    config::{self, Choice, Place, Settings, Value},
    context::Context,
    error::Error,
    ui::{Cell, Column, Grid, Role, Show, Ui},
};

/// Show the settings of files
///
/// They are read from config.toml in ~/.config/logctl, or below XDG_CONFIG_HOME, or from the file that LOGCTL_CONFIG names; from
/// searches.toml beside it; and from .logctl.toml in this folder or one above it.
#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Show each setting, and where it comes from
    ///
    /// What was typed wins, then a variable LOGCTL_…, then .logctl.toml, then config.toml, then what is built in.
    Show(ShowArgs),
}

/// How settings are shown.
#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("config/example.txt"))]
pub struct ShowArgs {
    /// How it is written.
    #[command(flatten)]
    pub format: ReportFormat,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Origin {
    Flag,
    Variable { name: &'static str },
    File { path: String, line: usize },
    BuiltIn,
}

impl Origin {
    fn file(place: &Place) -> Self {
        Self::File { path: place.file.to_string(), line: place.line }
    }

    fn text(&self) -> String {
        match self {
            Self::Flag => "typed".to_owned(),
            Self::Variable { name } => format!("variable {name}"),
            Self::File { path, line } => format!("{path}, line {line}"),
            Self::BuiltIn => "built in".to_owned(),
        }
    }
}

/// A setting.
#[derive(Debug, Serialize)]
struct Setting {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// For people, where there is no value.
    #[serde(skip)]
    instead: &'static str,
    origin: Origin,
}

/// A saved search.
#[derive(Debug, Serialize)]
struct Search<'a> {
    name: &'a str,
    query: &'a [String],
    flags: BTreeMap<&'a str, &'a [String]>,
    origin: Origin,
}

/// All of it.
#[derive(Debug, Serialize)]
struct Report<'a> {
    files: Vec<String>,
    environments: Vec<&'a str>,
    settings: Vec<Setting>,
    searches: Vec<Search<'a>>,
}

impl Show for Report<'_> {
    const SCHEMA: &'static str = "logctl.config/v1";

    fn grid(&self) -> Grid {
        let setting = |setting: &Setting| {
            let value = Cell::new(setting.value.as_deref().unwrap_or_default());
            let value = if setting.value.is_some() { value } else { value.shown(setting.instead).role(Role::Dim) };
            let from = Cell::new(setting.origin.text());
            let from = if setting.origin == Origin::BuiltIn { from.role(Role::Dim) } else { from };
            vec![Cell::new(&setting.name), value, from]
        };
        let search = |search: &Search<'_>| {
            let flags = search.flags.iter().map(|(name, texts)| format!("--{name} {}", texts.join(" ")));
            let words = search.query.iter().cloned().chain(flags).collect::<Vec<_>>().join(" ");
            vec![Cell::new(format!("@{}", search.name)), Cell::new(words), Cell::new(search.origin.text())]
        };
        let rows = self.settings.iter().map(setting).chain(self.searches.iter().map(search)).collect();
        let columns = ["SETTING", "VALUE", "FROM"].map(Column::Both).to_vec();
        Grid { columns, rows, ..Grid::default() }
    }
}

/// Runs the command.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(args: &ConfigArgs, cx: &Context<'_>, ui: &mut Ui) -> Result<(), Error> {
    let ConfigCommand::Show(_) = &args.command;
    let default = Settings::default();
    let settings = cx.settings.unwrap_or(&default);
    let report = Report {
        files: settings.files.iter().map(|file| file.path.display().to_string()).collect(),
        environments: settings.environments().collect(),
        settings: environment(settings).into_iter().chain(own(settings, cx)).chain(of_commands(settings)).collect(),
        searches: settings.files.iter().flat_map(|file| &file.searches).map(search).collect(),
    };
    ui.show(&report)?;
    match report.files.as_slice() {
        [] => ui.status("there is no file of settings"),
        files => ui.status(format_args!("read: {}", files.join(", "))),
    }
    if let (None, [_, ..]) = (&settings.environment, report.environments.as_slice()) {
        ui.hint(format_args!("there are environments: {}; choose one with --env", report.environments.join(", ")));
    }
    if let Some(contradiction) = &cx.global.files.contradiction {
        ui.warning(format_args!("{contradiction}: a run that asks AWS ends there"));
    }
    Ok(())
}

fn search<'a>((name, saved): (&'a String, &'a config::Saved)) -> Search<'a> {
    let flags = saved.flags.iter().map(|(name, value)| (name.as_str(), value.texts.as_slice())).collect();
    Search { name, query: &saved.query, flags, origin: Origin::file(&saved.place) }
}

fn environment(settings: &Settings) -> Option<Setting> {
    let (name, choice) = settings.environment.as_ref()?;
    let origin = match choice {
        Choice::Typed => Origin::Flag,
        Choice::Variable => Origin::Variable { name: "LOGCTL_ENV" },
        Choice::File(place) => Origin::file(place),
    };
    Some(Setting { name: "env".to_owned(), value: Some(name.clone()), instead: "", origin })
}

/// The settings of no command.
fn own(settings: &Settings, cx: &Context<'_>) -> Vec<Setting> {
    let (typed, files) = (cx.typed, &cx.global.files);
    let place = |name: &str| settings.own(name).map_or(Origin::BuiltIn, |(value, _)| Origin::file(&value.place));
    let variable = |names: &[&'static str]| {
        names.iter().find_map(|name| Some((cx.env.var(name)?.to_owned(), Origin::Variable { name })))
    };
    // As typed, else what was made of files and variables.
    let of_aws = |name, typed: &Option<String>, merged: &Option<String>, names: &[&'static str]| match (typed, merged) {
        (Some(text), _) => Some((text.clone(), Origin::Flag)),
        (None, Some(text)) => Some((text.clone(), place(name))),
        (None, None) => variable(names),
    };
    let of_domain = |name, text: &Option<String>, names: &[&'static str]| {
        let of_file = text.clone().map(|text| (text, place(name)));
        match (files.target_is_typed, files.comes_first) {
            (true, _) => None,
            (_, true) => of_file,
            (_, false) => variable(names).or(of_file),
        }
    };
    let stack = match &typed.stack {
        Some(stack) => Some((stack.to_string(), Origin::Flag)),
        None if cx.global.stack.is_some() => Some((cx.stack.to_string(), place("stack"))),
        None => variable(&["LOGCTL_STACK"]),
    };
    let of_file = |name: &str| settings.own(name).map(|(value, _)| (texts(value), Origin::file(&value.place)));
    let all = [
        ("profile", of_aws("profile", &typed.aws.profile, &cx.global.aws.profile, &["AWS_PROFILE"]), "AWS's own"),
        (
            "region",
            of_aws("region", &typed.aws.region, &cx.global.aws.region, &["AWS_REGION", "AWS_DEFAULT_REGION"]),
            "the profile's",
        ),
        (
            "expect-account",
            of_aws("expect-account", &typed.aws.expect_account, &cx.global.aws.expect_account, &[]),
            "any",
        ),
        ("stack", stack, "logctl"),
        ("endpoint", of_domain("endpoint", &files.endpoint, &["LOGCTL_ENDPOINT"]), "the stack's"),
        ("auth", of_domain("auth", &files.auth, &[]), "as the stack does"),
        ("index-prefix", of_domain("index-prefix", &files.index_prefix, &["LOGCTL_INDEX_PREFIX"]), "the stack's"),
        ("group", of_file("group"), "all"),
        ("tz", of_file("tz"), "the local one"),
        ("timeout", of_file("timeout"), "30"),
        ("color", of_file("color"), "auto"),
        ("quiet", of_file("quiet"), "false"),
    ];
    let setting = |(name, found, instead): (&str, Option<(String, Origin)>, &'static str)| {
        let (value, origin) = found.map_or((None, Origin::BuiltIn), |(text, origin)| (Some(text), origin));
        Setting { name: name.to_owned(), value, instead, origin }
    };
    all.into_iter().map(setting).collect()
}

/// Defaults of flags of single commands.
fn of_commands(settings: &Settings) -> impl Iterator<Item = Setting> {
    config::COMMANDS.into_iter().flat_map(move |command| {
        let is_of_table = |(name, value): &(&str, &Value)| settings.own(name).is_none_or(|(own, _)| own != *value);
        settings.defaults(command).into_iter().filter(is_of_table).map(move |(name, value)| Setting {
            name: format!("{command}.{name}"),
            value: Some(texts(value)),
            instead: "",
            origin: Origin::file(&value.place),
        })
    })
}

fn texts(value: &Value) -> String {
    value.texts.join(" ")
}
