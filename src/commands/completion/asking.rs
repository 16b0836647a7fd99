//! Who is asked while somebody types: the domain that was asked last from here, for a moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
    path::PathBuf,
    time::Duration,
};

use clap::FromArgMatches as _;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    args::Global,
    commands::search::{DomainArgs, known_domain},
    config::{Settings, aim},
    context::Context,
    env::Environment,
    events::{Search, suggestions},
    inventory::Cache,
    query::Field,
};

/// How long somebody waits for a list of words at most.
const PATIENCE: Duration = Duration::from_millis(230);
/// What was told is good for so long.
const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// Events of which it is told.
const LOOKED_BACK: SignedDuration = SignedDuration::from_hours(24);
/// Where it is kept what was told, and answers that are kept.
const KEPT: &str = "words.json";
const MOST_KEPT: usize = 100;

/// What was told, by whom and of what.
#[derive(Default, Serialize, Deserialize)]
struct Kept(BTreeMap<String, (Timestamp, Vec<String>)>);

/// Somebody who types a command line.
#[derive(Clone)]
pub struct Asking {
    command: clap::Command,
    env: Environment,
    words: Vec<OsString>,
    cache: Cache,
}

impl Asking {
    /// Of the words behind the two dashes.
    #[must_use]
    pub fn new(command: clap::Command, env: &Environment) -> Self {
        let words = env.arguments().iter().skip_while(|word| *word != "--").skip(1).cloned().collect();
        let cache = Cache::new(env.cache(env.var("AWS_ENDPOINT_URL").is_some()).as_deref());
        Self { command, env: env.clone(), words, cache }
    }

    /// What files say.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let typed = self.typed();
        let environment = typed.as_ref().and_then(|typed| typed.get_one::<String>("env")).map(String::as_str);
        Settings::read(&self.env, &self.command, environment).unwrap_or_default()
    }

    fn typed(&self) -> Option<clap::ArgMatches> {
        self.command.clone().ignore_errors(true).try_get_matches_from(&self.words).ok()
    }

    /// The log groups that were there when somebody looked last.
    #[must_use]
    pub fn groups(&self) -> Vec<String> {
        self.cache.names()
    }

    /// The profiles of the AWS configuration.
    #[must_use]
    pub fn profiles(&self) -> Vec<String> {
        let file = |variable: &str, usual: &str| {
            let named = self.env.var(variable).map(PathBuf::from);
            let path = named.or_else(|| Some(PathBuf::from(self.env.var("HOME")?).join(".aws").join(usual)));
            path.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default()
        };
        let [config, credentials] =
            [("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")].map(|(a, b)| file(a, b));
        let heads = |text: &str| -> Vec<String> {
            let inner = text.lines().filter_map(|line| line.trim().strip_prefix('[')?.strip_suffix(']'));
            inner.map(|head| head.trim().to_owned()).collect()
        };
        let of_config = heads(&config).into_iter().filter_map(|head| {
            let name = head.strip_prefix("profile").map(|name| name.trim().to_owned());
            name.or_else(|| (head == "default").then_some(head))
        });
        let names: BTreeSet<String> = of_config.chain(heads(&credentials)).collect();
        names.into_iter().collect()
    }

    /// The names of fields.
    #[must_use]
    pub fn field_names(&self) -> Vec<String> {
        self.told("fields", None)
    }

    /// The values of a field, as long as they are a choice.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<String> {
        self.told(&format!("values of {name}"), Some(&Field { name: name.to_owned(), literal: false }))
    }

    /// What the domain tells within a moment, or told a while ago; what comes from an application is offered only where no shell reads
    /// anything else in it.
    fn told(&self, what: &str, field: Option<&Field>) -> Vec<String> {
        let is_plain = |word: &String| {
            let is_sign = |c: char| c.is_alphanumeric() || "-_./:@%+,".contains(c);
            word.len() <= 100
                && word.starts_with(|c: char| c.is_alphanumeric() || "/@_.".contains(c))
                && word.chars().all(is_sign)
        };
        self.asked(what, field).unwrap_or_default().into_iter().filter(is_plain).collect()
    }

    fn asked(&self, what: &str, field: Option<&Field>) -> Option<Vec<String>> {
        let typed = self.typed()?;
        let mut global = Global::from_arg_matches(&typed).ok()?;
        let environment = global.env.clone();
        let settings = Settings::read(&self.env, &self.command, environment.as_deref()).unwrap_or_default();
        aim(&mut global, &settings, &self.env);
        let cx = Context::new(&global, &self.env).ok()?;
        let of_command = typed.subcommand().map(|(_, typed)| typed)?;
        of_command.try_contains_id("endpoint").ok()?;
        let args = DomainArgs::from_arg_matches(of_command).ok()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let mut kept: Kept = self.cache.recall(KEPT).unwrap_or_default();
        let told = runtime.block_on(async {
            let asked = async {
                let domain = known_domain(&args, &cx, &self.cache).await?;
                let key = format!("{} {} {what}", domain.place, domain.prefix);
                let known = kept.0.get(&key).cloned();
                if let Some((at, words)) = &known
                    && self.env.now.duration_since(*at).abs() < FRESH
                {
                    return Some((key, words.clone(), false));
                }
                let now = self.env.now;
                let search = Search {
                    indices: domain.prefix.indices(),
                    clause: json!({"match_all": {}}),
                    range: now.checked_sub(LOOKED_BACK).ok()?..now,
                    ..Search::default()
                };
                let told = match field {
                    None => suggestions::field_names(&search, &domain.client).await,
                    Some(field) => suggestions::values(&search, field, &domain.client).await,
                };
                match (told, known) {
                    (Ok(words), _) => Some((key, words, true)),
                    (Err(_), Some((_, words))) => Some((key, words, false)),
                    (Err(_), None) => None,
                }
            };
            tokio::time::timeout(PATIENCE, asked).await.ok().flatten()
        });
        runtime.shutdown_background();
        let (key, words, is_new) = told?;
        if is_new {
            while kept.0.len() >= MOST_KEPT {
                let oldest = kept.0.iter().min_by_key(|(_, (at, _))| *at).map(|(key, _)| key.clone())?;
                kept.0.remove(&oldest);
            }
            kept.0.insert(key, (self.env.now, words.clone()));
            self.cache.keep(KEPT, &kept);
        }
        Some(words)
    }
}
