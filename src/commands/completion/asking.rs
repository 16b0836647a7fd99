//! Who is asked while somebody types: the domain that was asked last from here, for a moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
    path::PathBuf,
    time::Duration,
};

use clap::{ArgMatches, FromArgMatches as _};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    args::Global,
    commands::search::{DomainArgs, KnownDomain},
    config::{Settings, aim},
    context::Context,
    env::Environment,
    events::{Search, suggestions},
    inventory::Cache,
    query::Field,
};

/// How long somebody waits for a list of words at most.
const PATIENCE: Duration = Duration::from_millis(200);
/// What was told is good for so long.
const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// Events of which it is told.
const LOOKED_BACK: SignedDuration = SignedDuration::from_hours(24);
/// Where it is kept what was told, and answers that are kept.
const KEPT: &str = "words.json";
const MOST_KEPT: usize = 100;
const MOST_WORDS: usize = 2_000;

/// What was told, by whom and of what.
#[derive(Default, Serialize, Deserialize)]
struct Kept(BTreeMap<String, (Timestamp, Vec<String>)>);

/// Somebody who types a command line.
pub struct Asking {
    command: clap::Command,
    env: Environment,
    words: Vec<OsString>,
    cache: Cache,
}

impl Asking {
    /// Of words as they were typed.
    #[must_use]
    pub fn new(command: clap::Command, env: &Environment, words: Vec<OsString>) -> Self {
        let cache = Cache::new(env.cache(env.var("AWS_ENDPOINT_URL").is_some()).as_deref());
        Self { command, env: env.clone(), words, cache }
    }

    /// What files say, whichever environment is meant.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings::read(&self.env, &self.command, (None, true)).unwrap_or_default()
    }

    fn typed(&self) -> Option<ArgMatches> {
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
        names.into_iter().filter(|name| is_plain(name)).collect()
    }

    /// The names of fields.
    #[must_use]
    pub fn field_names(&self) -> Vec<String> {
        self.told("fields", None)
    }

    /// The values of a field, as long as they are a choice.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<String> {
        // What gives access is kept nowhere.
        const SECRET: [&str; 9] =
            ["token", "secret", "passw", "auth", "cookie", "key", "session", "signature", "credential"];
        let lower = name.to_lowercase();
        if SECRET.iter().any(|part| lower.contains(part)) {
            return Vec::new();
        }
        self.told(&format!("values of {name}"), Some(&Field { name: name.to_owned(), literal: false }))
    }

    /// What the domain tells within a moment, or told a while ago.
    fn told(&self, what: &str, field: Option<&Field>) -> Vec<String> {
        self.asked(what, field).unwrap_or_default()
    }

    fn asked(&self, what: &str, field: Option<&Field>) -> Option<Vec<String>> {
        let typed = self.typed()?;
        let of_command = typed.subcommand().map(|(_, typed)| typed)?;
        of_command.try_contains_id("endpoint").ok()?;
        let args = DomainArgs::from_arg_matches(of_command).ok()?;
        let mut global = Global::from_arg_matches(&typed).ok()?;
        let meant = (global.env.clone(), global.aws.profile.is_some());
        let mut settings = Settings::read(&self.env, &self.command, (meant.0.as_deref(), meant.1)).ok()?;
        // Nobody is asked by a file that somebody else may have written.
        settings.files.retain(|file| !file.is_of_project);
        aim(&mut global, &settings, &self.env);
        let cx = Context::new(&global, &self.env).ok()?;
        cx.check_target().ok()?;
        let domain = KnownDomain::find(&args, &cx, &self.cache)?;
        let key = format!("{} {what}", domain.key(&cx));
        let mut kept: Kept = self.cache.recall(KEPT).unwrap_or_default();
        let known = kept.0.get(&key).cloned();
        if let Some((at, words)) = &known
            && self.env.now.duration_since(*at).abs() < FRESH
        {
            return Some(words.clone());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let told =
            runtime.block_on(async { tokio::time::timeout(PATIENCE, ask(&domain, field, &cx)).await.ok().flatten() });
        runtime.shutdown_background();
        let Some(words) = told else { return known.map(|(_, words)| words) };
        // What an application has written is offered only where no shell reads anything else in it.
        let words: Vec<String> = words.into_iter().filter(|word| is_plain(word)).take(MOST_WORDS).collect();
        while kept.0.len() >= MOST_KEPT {
            let oldest = kept.0.iter().min_by_key(|(_, (at, _))| *at).map(|(key, _)| key.clone())?;
            kept.0.remove(&oldest);
        }
        kept.0.insert(key, (self.env.now, words.clone()));
        self.cache.keep(KEPT, &kept);
        Some(words)
    }
}

/// Whether a word is one in every shell.
fn is_plain(word: &str) -> bool {
    let is_sign = |c: char| c.is_alphanumeric() || "-_./:@%+,".contains(c);
    let begins = |c: char| c.is_alphanumeric() || "/@_.".contains(c);
    word.len() <= 100 && word.starts_with(begins) && word.chars().all(is_sign)
}

/// Asks for the names of fields, or for the values of one.
async fn ask(domain: &KnownDomain, field: Option<&Field>, cx: &Context<'_>) -> Option<Vec<String>> {
    let client = domain.client(cx).await.ok()?;
    let now = cx.env.now;
    let search = Search {
        indices: domain.prefix.indices(),
        clause: json!({"match_all": {}}),
        range: now.checked_sub(LOOKED_BACK).ok()?..now,
        ..Search::default()
    };
    match field {
        None => suggestions::field_names(&search, &client).await.ok(),
        Some(field) => suggestions::values(&search, field, &client).await.ok(),
    }
}
