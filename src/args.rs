//! What can be typed, where several commands share it. Types only: the commands say what they do.

use std::{collections::BTreeSet, ffi::OsStr, fmt, marker::PhantomData, str::FromStr};

use clap::{
    Arg, Command, ValueEnum,
    builder::{NonEmptyStringValueParser, PossibleValue, TypedValueParser},
};
use logctl_core::{
    globs::Glob,
    names::{NameError, StackName},
};
use regex::Regex;
use strum::VariantNames;

use crate::{
    error::{Error, Kind},
    time::Moment,
};

/// Reads one of the names that a type has. `--help` lists them, and so does completion.
pub struct Named<T>(PhantomData<fn() -> T>);

/// A reader of the names of `T`.
#[must_use]
pub fn named<T>() -> Named<T> {
    Named(PhantomData)
}

/// Reads one of the names that a type has, as text, or nothing, which stands for none of them.
pub struct NamedOrNone<T>(Named<T>);

/// A reader of the names of `T`, and of nothing.
#[must_use]
pub fn named_or_none<T>() -> NamedOrNone<T> {
    NamedOrNone(named())
}

impl<T> Clone for NamedOrNone<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> TypedValueParser for NamedOrNone<T>
where
    T: FromStr<Err = String> + VariantNames + ToString + Clone + Send + Sync + 'static,
{
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        if value.is_empty() {
            Ok(String::new())
        } else {
            self.0.parse_ref(command, arg, value).map(|name| name.to_string())
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        self.0.possible_values()
    }
}

impl<T> Clone for Named<T> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<T> TypedValueParser for Named<T>
where
    T: FromStr<Err = String> + VariantNames + Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        TypedValueParser::parse_ref(&|text: &str| text.parse::<T>(), command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(T::VARIANTS.iter().map(PossibleValue::new)))
    }
}

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// Which account and Region.
    #[command(flatten)]
    pub aws: AwsOptions,
    /// Work in this environment, a table of the settings [env: LOGCTL_ENV]
    #[arg(long, global = true, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    #[arg(help_heading = "Global options")]
    pub env: Option<String>,
    /// Name of the forwarding stack [env: LOGCTL_STACK] [default: logctl]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    pub stack: Option<StackName>,
    /// Colour the output
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Global options")]
    pub color: ColorChoice,
    /// Leave out progress and hints
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub quiet: bool,
    /// Tell what happens; twice for more
    #[arg(long, short, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
    /// What files say where nothing was typed.
    #[arg(skip)]
    pub files: OfFiles,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How a report is written.
#[derive(Debug, Clone, clap::Args)]
pub struct ReportFormat {
    /// Write the report as this; a table on a terminal, text in a pipe
    #[arg(long, short, value_name = "FORMAT")]
    pub output: Option<Format>,
}

/// Whether a run that changes things goes on after its plan.
#[derive(Debug, Clone, clap::Args)]
pub struct Consent {
    /// Stop after the plan
    #[arg(long)]
    pub dry_run: bool,
    /// Go on without asking
    #[arg(long, short)]
    pub yes: bool,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people; what a terminal gets
    Table,
    /// One record a line, tabs between the columns; what a pipe gets
    Text,
    /// One object with a schema that only grows
    Json,
}

/// Which account and Region.
#[derive(Debug, Clone, clap::Args)]
pub struct AwsOptions {
    /// Use this profile of the AWS configuration, whatever keys the environment holds
    #[arg(long, global = true, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    #[arg(help_heading = "Global options")]
    pub profile: Option<String>,
    /// Work in this AWS Region
    #[arg(long, global = true, value_name = "REGION", value_parser = NonEmptyStringValueParser::new())]
    #[arg(help_heading = "Global options")]
    pub region: Option<String>,
    /// Refuse to work in any other account than this one
    #[arg(long, global = true, value_name = "ID", value_parser = account_id, help_heading = "Global options")]
    pub expect_account: Option<String>,
}

/// What files of settings say of where a run goes, and what was typed of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfFiles {
    /// Whether the environment was typed: then it comes before variables.
    pub comes_first: bool,
    /// Whether stack, profile, Region or account were typed.
    pub target_is_typed: bool,
    /// Where the profile stands.
    pub profile: Option<String>,
    /// A variable of AWS that says something else.
    pub contradiction: Option<String>,
    /// Where the domain answers.
    pub endpoint: Option<String>,
    /// How requests to it are authenticated.
    pub auth: Option<String>,
    /// What the names of its indices begin with.
    pub index_prefix: Option<String>,
}

fn account_id(text: &str) -> Result<String, String> {
    let id = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if id { Ok(text.to_owned()) } else { Err("an account has twelve digits".to_owned()) }
}

fn region(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split('-').collect();
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_region = match parts.as_slice() {
        ["all"] => true,
        [words @ .., number] => words.len() >= 2 && words.iter().all(is_word) && number.parse::<u8>().is_ok(),
        [] => false,
    };
    if is_region {
        Ok(text.to_owned())
    } else {
        Err("a Region looks like eu-west-1; all stands for every one".to_owned())
    }
}

/// How fast filters are read and changed.
#[derive(Debug, Clone, clap::Args)]
pub struct Rate {
    /// Make this many filter calls a second once the first 40 are made; the quota of an account and Region is 5
    #[arg(long = "rate", value_name = "CALLS", env = "LOGCTL_RATE", default_value_t = 4.9, hide_env_values = true)]
    #[arg(value_parser = positive)]
    pub calls: f64,
}

fn positive(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.1..=10_000.0).contains(rate));
    rate.ok_or_else(|| "a number from 0.1 to 10000".to_owned())
}

/// A glob on log group names, with `!` in front where it leaves out what it matches.
#[derive(Debug, Clone)]
pub struct GroupGlob {
    /// The glob itself.
    pub glob: Glob,
    /// Whether matches are left out.
    pub excludes: bool,
}

impl fmt::Display for GroupGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.excludes { "!" } else { "" }, self.glob)
    }
}

impl FromStr for GroupGlob {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (excludes, glob) = text.strip_prefix('!').map_or((false, text), |glob| (true, glob));
        Ok(Self { glob: glob.parse()?, excludes })
    }
}

/// Which log groups a run is about. The rules themselves belong to the stack; this narrows the run.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct GroupSelection {
    /// Only log groups that match, `*` for any signs; `!GLOB` leaves out what matches. Each must match a group
    #[arg(long = "group", short, value_name = "GLOB")]
    pub globs: Vec<GroupGlob>,
}

impl GroupSelection {
    /// Whether the run is about this group.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        let any = |excludes: bool| self.globs.iter().any(|glob| glob.excludes == excludes && glob.glob.matches(name));
        let all = !self.globs.iter().any(|glob| !glob.excludes);
        (all || any(false)) && !any(true)
    }

    /// The globs that match none of `names`.
    pub fn idle<'a, 's>(
        &'s self,
        names: impl Iterator<Item = &'a str> + Clone + 's,
    ) -> impl Iterator<Item = &'s Glob> + 's {
        let is_idle = move |glob: &&GroupGlob| !names.clone().any(|name| glob.glob.matches(name));
        self.globs.iter().filter(is_idle).map(|glob| &glob.glob)
    }

    /// Checks that each glob matches one of `names`: one that matches none is a slip of the pen, and what follows from it
    /// would look like an answer.
    ///
    /// # Errors
    /// Not found, with the nearest name.
    pub fn check<'a>(&self, names: impl Iterator<Item = &'a str> + Clone) -> Result<(), Error> {
        let Some(glob) = self.idle(names.clone()).next() else {
            if self.globs.is_empty() || names.clone().any(|name| self.takes(name)) {
                return Ok(());
            }
            return Err(Error::new(Kind::NotFound, "the globs leave out every log group that they match"));
        };
        let error = Error::new(Kind::NotFound, format!("no log group matches {glob}"));
        Err(match nearest(&glob.to_string(), names) {
            Some(near) => error.hint(format!("the nearest is {}", near.replace('\n', "\\n"))),
            None => error.hint("there is no log group at all"),
        })
    }
}

/// Which accounts and Regions, where it is not one.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Targets {
    /// Look at these Regions, or at `all` that the account has enabled
    #[arg(long, value_name = "REGION", value_delimiter = ',', value_parser = region)]
    pub regions: Vec<String>,
    /// Look at these accounts, with the role of --role in each
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = account_id, requires = "role")]
    pub accounts: Vec<String>,
    /// Name of a role that is there in each of --accounts, and that you may take
    #[arg(long, value_name = "NAME", requires = "accounts", value_parser = NonEmptyStringValueParser::new())]
    pub role: Option<String>,
}

/// Which log groups a report is about, by more than globs.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Narrowing {
    /// Only log groups whose names match a regular expression
    #[arg(long = "matching", value_name = "REGEX", value_parser = expression)]
    pub expression: Option<Regex>,
    /// Only log groups with this tag, and this value of it where one is given; all of several
    #[arg(long = "tag", value_name = "KEY[=VALUE]", value_parser = NonEmptyStringValueParser::new())]
    pub tags: Vec<String>,
    /// Only log groups of this class, as AWS calls it
    #[arg(long, value_name = "CLASS", value_parser = NonEmptyStringValueParser::new())]
    pub class: Option<String>,
    /// Only log groups that keep their events for so many days, or `forever`
    #[arg(long, value_name = "DAYS")]
    pub retention: Option<Retention>,
    /// Only log groups that were made since then
    #[arg(long, value_name = "TIME")]
    pub made_since: Option<Moment>,
    /// Only log groups that were made until then
    #[arg(long, value_name = "TIME")]
    pub made_until: Option<Moment>,
}

fn expression(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| error.to_string())
}

/// How long events are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// As many days.
    Days(i32),
    /// Nobody deletes them.
    Forever,
}

impl FromStr for Retention {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "forever" {
            return Ok(Self::Forever);
        }
        let days = text.parse().ok().filter(|days| *days > 0);
        days.map(Self::Days).ok_or_else(|| "a number of days, or `forever`".to_owned())
    }
}

impl Narrowing {
    /// Whether it leaves nothing out.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.expression.is_none() && self.tags.is_empty() && self.class.is_none() && !self.is_of_details()
    }

    /// The options that were typed.
    fn typed(&self) -> Vec<&'static str> {
        let options = [
            (self.expression.is_some(), "--matching"),
            (!self.tags.is_empty(), "--tag"),
            (self.class.is_some(), "--class"),
            (self.retention.is_some(), "--retention"),
            (self.made_since.is_some(), "--made-since"),
            (self.made_until.is_some(), "--made-until"),
        ];
        options.into_iter().filter(|(typed, _)| *typed).map(|(_, name)| name).collect()
    }

    /// Checks that some groups were such, of those that are of these classes.
    ///
    /// # Errors
    /// Not found, with the options that leave all out.
    pub fn check_any(&self, groups: usize, classes: &BTreeSet<String>) -> Result<(), Error> {
        if groups > 0 || self.is_empty() {
            return Ok(());
        }
        let error = Error::new(Kind::NotFound, format!("no log group is such: {}", self.typed().join(", ")));
        let of_none = |class: &&String| !classes.iter().any(|other| other.eq_ignore_ascii_case(class));
        Err(match self.class.as_ref().filter(of_none) {
            Some(_) if !classes.is_empty() => {
                let classes: Vec<&str> = classes.iter().map(String::as_str).collect();
                error.hint(format!("the classes that there are: {}", classes.join(", ")))
            }
            _ => error,
        })
    }

    /// Whether more of a group must be known than its listing tells.
    #[must_use]
    pub const fn is_of_details(&self) -> bool {
        self.retention.is_some() || self.made_since.is_some() || self.made_until.is_some()
    }

    /// Whether it takes a group of this name and class.
    #[must_use]
    pub fn takes(&self, name: &str, class: &str) -> bool {
        self.expression.as_ref().is_none_or(|expression| expression.is_match(name))
            && self.class.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(class))
    }

    /// Keys of the tags, each with its value where that matters.
    pub fn tags(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.tags.iter().map(|tag| tag.split_once('=').map_or((tag.as_str(), None), |(key, value)| (key, Some(value))))
    }
}

/// The one of `known` that looks most like `name`.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = name.replace(['*', '?'], "").to_lowercase();
    // Who leaves out the folder still means the group.
    let rank = |other: &str| {
        let other = other.to_lowercase();
        let last = other.rsplit('/').next().unwrap_or_default();
        let likeness = strsim::jaro_winkler(&plain, &other).max(strsim::jaro_winkler(&plain, last));
        let holds = if !plain.is_empty() && other.contains(&plain) { 1.0 } else { 0.0 };
        ((likeness + holds) * 1e6).round()
    };
    known.max_by(|a, b| rank(a).total_cmp(&rank(b)).then_with(|| b.cmp(a)))
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(&[], true; "no selection takes all")]
    #[test_case(&["/aws/*"], true; "a glob crosses slashes")]
    #[test_case(&["/ecs/*", "*pay"], true; "one of several")]
    #[test_case(&["/ecs/*"], false; "no glob matches")]
    #[test_case(&["!*pay"], false; "left out")]
    #[test_case(&["!*other"], true; "another one left out")]
    #[test_case(&["/aws/*", "!*pay"], false; "taken and left out")]
    fn selection(globs: &[&str], takes: bool) {
        let globs = globs.iter().map(|glob| glob.parse().unwrap()).collect();
        assert_eq!(GroupSelection { globs }.takes("/aws/lambda/pay"), takes);
    }

    #[test]
    fn a_glob_that_matches_nothing_is_no_answer() {
        let selection =
            |globs: &[&str]| GroupSelection { globs: globs.iter().map(|glob| glob.parse().unwrap()).collect() };
        let names = ["/aws/lambda/pay", "/aws/lambda/cart", "/ecs/pay"];
        let check = |globs: &[&str]| selection(globs).check(names.iter().copied());
        assert_eq!(check(&["/aws/*", "!*cart"]), Ok(()));
        let error = check(&["/aws/*", "/aws/lamda/cart*"]).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::NotFound, "no log group matches /aws/lamda/cart*"));
        assert_eq!(error.hints, ["the nearest is /aws/lambda/cart"]);
        let near = |name: &str| nearest(name, names.iter().copied());
        assert_eq!(
            (near("cart"), near("ecs"), near("pya")),
            (Some("/aws/lambda/cart"), Some("/ecs/pay"), Some("/aws/lambda/pay"))
        );
        assert!(check(&["!/nope/*"]).is_err());
        assert!(selection(&[]).check(std::iter::empty()).is_ok());
    }
}
