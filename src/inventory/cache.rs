//! What is known of an account from one run to the next. Each fact carries how it is known and as of when; nothing here is
//! believed without the event history that follows it.

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use logctl_core::coverage::{Change, Filter, Filters};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};

use super::{
    Health,
    evidence::{Known, Own, REACH, SKEW, Source},
};
use crate::aws::{Target, groups::Details};

const SCHEMA: &str = "logctl.facts/v2";
/// How long a fact is worth anything: as long as the event history reaches back.
const KEPT: SignedDuration = REACH;
/// How long what metrics told is carried on, as long as nobody changes it: then they are asked once more.
const TOLD_FOR: SignedDuration = SignedDuration::from_hours(24);
/// More bytes than come into any group on a day.
const MOST_A_DAY: f64 = 1e17;

/// What is known of an account and Region, as it is kept: of tens of thousands of groups nothing is there twice.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Facts {
    schema: String,
    account: String,
    region: String,
    /// How many filters a group may have, where a refusal has told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_limit: Option<usize>,
    /// As of when everything but the filters was so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details_as_of: Option<Timestamp>,
    /// The lists of filters that there are: most groups have the same.
    #[serde(serialize_with = "written", deserialize_with = "read")]
    lists: Vec<Filters>,
    groups: HashMap<String, Fact>,
    #[serde(skip)]
    numbers: HashMap<Filters, usize>,
}

/// What is known of a group.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Fact {
    /// Which list of filters it has, how that is known, and as of when.
    #[serde(skip_serializing_if = "Option::is_none")]
    filters: Option<(usize, Source, Timestamp)>,
    /// Its age and size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// Bytes that come in on a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_day: Option<f64>,
    /// How its deliveries went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// What logctl did to its filters since they were known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<Box<Own>>,
    /// When metrics have told its filters, where it is known by them.
    #[serde(skip_serializing_if = "Option::is_none")]
    told: Option<Timestamp>,
}

fn written<S: Serializer>(lists: &[Filters], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(lists.iter().map(|list| &**list))
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Filters>, D::Error> {
    let lists: Vec<Vec<Filter>> = Deserialize::deserialize(deserializer)?;
    Ok(lists.into_iter().map(Filters::from).collect())
}

impl Facts {
    /// Nothing is known.
    #[must_use]
    pub fn of_nothing(target: &Target) -> Self {
        let Target { account, region, .. } = target.clone();
        Self { schema: SCHEMA.to_owned(), account, region, ..Self::default() }
    }

    /// The filters of a group, where something is known of them.
    #[must_use]
    pub fn filters(&self, group: &str) -> Option<Known<Filters>> {
        let (list, source, as_of) = self.groups.get(group)?.filters?;
        Some(Known { value: self.lists.get(list)?.clone(), source, as_of })
    }

    /// Takes in the filters of a group, and gives back the list that all groups share that have the same.
    pub fn learn(&mut self, group: &str, known: &Known<Filters>) -> Known<Filters> {
        // As long as the history does not tell of what logctl did, what others did before that is yet to be told, too.
        let own = self.of(group).own.as_ref();
        if own.is_some_and(|own| known.source != Source::Asked && known.as_of <= own.at) {
            return known.clone();
        }
        self.of(group).own = None;
        let next = self.lists.len();
        let number = *self.numbers.entry(known.value.clone()).or_insert(next);
        if number == next {
            self.lists.push(known.value.clone());
        }
        let fact = self.of(group);
        fact.filters = Some((number, known.source, known.as_of));
        fact.told = (known.source == Source::Metric).then(|| fact.told.unwrap_or(known.as_of));
        Known { value: self.lists[number].clone(), ..*known }
    }

    /// Takes in what was done to a group; a filter that was put sends everything to `destination`.
    pub fn change(&mut self, group: &str, change: &Change, destination: &str, at: Timestamp) {
        let (deleted, put) = match change {
            Change::Put { filter } => (Vec::new(), Some(filter)),
            Change::Delete { filters } => (filters.clone(), None),
        };
        let put = put.map(|name| Filter {
            name: name.clone(),
            destination: destination.to_owned(),
            distribution: Some(Filter::DISTRIBUTION.to_owned()),
            ..Filter::default()
        });
        self.of(group).own = Some(Box::new(Own { at, deleted, put }));
    }

    /// What logctl did to the filters of a group since they were known.
    #[must_use]
    pub fn own(&self, group: &str) -> Option<&Own> {
        self.groups.get(group)?.own.as_deref()
    }

    /// Everything else that is known of a group.
    #[must_use]
    pub fn get(&self, group: &str) -> Option<&Fact> {
        self.groups.get(group)
    }

    /// What is known of a group, to be changed.
    pub fn of(&mut self, group: &str) -> &mut Fact {
        self.groups.entry(group.to_owned()).or_default()
    }

    /// Forgets a group.
    pub fn forget(&mut self, group: &str) {
        self.groups.remove(group);
    }

    /// Forgets the groups that are gone, and remembers the names of the others.
    pub fn keep_only<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        let names: HashSet<&str> = names.collect();
        self.groups.retain(|name, _| names.contains(name.as_str()));
        self.groups.reserve(names.len() - self.groups.len());
        for name in names {
            if !self.groups.contains_key(name) {
                self.groups.insert(name.to_owned(), Fact::default());
            }
        }
    }

    /// Forgets everything but the filters.
    pub fn forget_details(&mut self) {
        for fact in self.groups.values_mut() {
            *fact = Fact { filters: fact.filters, own: fact.own.take(), told: fact.told, ..Fact::default() };
        }
    }

    /// The most filters that any group has.
    #[must_use]
    pub fn most_filters(&self) -> usize {
        let lists = self.groups.values().filter_map(|fact| self.lists.get(fact.filters?.0));
        lists.map(|list| list.len()).max().unwrap_or_default()
    }
}

/// Where facts are kept: a file for each account and Region, which nobody else may read.
#[derive(Debug, Clone, Default)]
pub struct Cache(Option<PathBuf>);

impl Cache {
    /// In this folder, or nowhere.
    #[must_use]
    pub fn new(folder: Option<&Path>) -> Self {
        Self(folder.map(Path::to_owned))
    }

    fn file(&self, target: &Target) -> Option<PathBuf> {
        let name = format!("{}.{}.json", target.account, target.region);
        Some(self.0.as_ref()?.join("facts").join(name))
    }

    /// What was known; nothing where nothing was kept.
    ///
    /// # Errors
    /// Where something is there that cannot be read, or is none of ours.
    pub fn load(&self, target: &Target, now: Timestamp) -> Result<Facts, String> {
        let nothing = Facts::of_nothing(target);
        let Some(path) = self.file(target) else { return Ok(nothing) };
        let failed = |why: &dyn ToString| format!("{}: {}", path.display(), why.to_string());
        let text = match read_own(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(nothing),
            Err(error) => return Err(failed(&error)),
        };
        let mut facts: Facts = serde_json::from_slice(&text).map_err(|error| failed(&error))?;
        if (&facts.schema, &facts.account, &facts.region) != (&nothing.schema, &nothing.account, &nothing.region) {
            return Err(failed(&"it is of another account, or of another version of logctl"));
        }
        drop(text);
        // A time that has not come is one of a clock that was wrong; and who has not looked for so long knows nothing.
        let is_sane = |at: &Timestamp| *at <= now + SKEW && *at >= now - KEPT;
        facts.details_as_of = facts.details_as_of.filter(is_sane);
        for fact in facts.groups.values_mut() {
            fact.filters = fact.filters.filter(|(_, _, as_of)| is_sane(as_of));
            if fact.told.is_some_and(|told| now.duration_since(told) > TOLD_FOR) {
                (fact.filters, fact.told) = (None, None);
            }
            fact.own = fact.own.take().filter(|own| is_sane(&own.at));
            fact.bytes_per_day = fact.bytes_per_day.filter(|bytes| (0.0..MOST_A_DAY).contains(bytes));
        }
        facts.numbers = facts.lists.iter().cloned().enumerate().map(|(number, list)| (list, number)).collect();
        Ok(facts)
    }

    /// Names of the log groups of the account and Region that was looked at last; none where there is nothing to read.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        #[derive(Deserialize)]
        struct Named {
            #[expect(clippy::zero_sized_map_values, reason = "values that are there, and passed over")]
            groups: HashMap<String, serde::de::IgnoredAny>,
        }
        let newest = || {
            let files = fs::read_dir(self.0.as_ref()?.join("facts")).ok()?.filter_map(Result::ok);
            files.max_by_key(|file| file.metadata().and_then(|data| data.modified()).ok())
        };
        let text = newest().and_then(|file| fs::read(file.path()).ok()).unwrap_or_default();
        let named = serde_json::from_slice(&text).map(|Named { groups }| groups.into_keys().collect());
        named.unwrap_or_default()
    }

    /// Keeps what somebody has learned by doing something.
    ///
    /// # Errors
    /// Where it cannot be read or written.
    pub fn update(&self, target: &Target, now: Timestamp, learn: impl FnOnce(&mut Facts)) -> Result<(), String> {
        let mut facts = self.load(target, now)?;
        learn(&mut facts);
        self.save(target, &facts)
    }

    /// What was kept under a name, where it can be read.
    #[must_use]
    pub fn recall<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&read_own(&self.0.as_ref()?.join(name)).ok()?).ok()
    }

    /// Keeps what is worth as little as the time to ask for it again: where it cannot be written, nothing is lost.
    pub fn keep(&self, name: &str, what: &impl Serialize) {
        if let Some(folder) = &self.0 {
            let _ = write(&folder.join(name), what);
        }
    }

    /// Deletes what was kept under a name.
    pub fn forget(&self, name: &str) {
        if let Some(folder) = &self.0 {
            let _ = fs::remove_file(folder.join(name));
        }
    }

    /// Keeps what is known, whole or not at all.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save(&self, target: &Target, facts: &Facts) -> Result<(), String> {
        let Some(path) = self.file(target) else { return Ok(()) };
        write(&path, facts).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// A file that is one, and that nobody else could have written.
fn read_own(path: &Path) -> io::Result<Vec<u8>> {
    let wrong = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidData, what.to_owned()));
    let meta = fs::metadata(path)?;
    if !meta.is_file() {
        return wrong("it is no file");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let folder = fs::metadata(path.parent().unwrap_or(Path::new(".")))?;
        let me = rustix::process::geteuid().as_raw();
        if [&meta, &folder].iter().any(|it| it.uid() != me || it.mode() & 0o022 != 0) {
            return wrong("others may write there");
        }
    }
    fs::read(path)
}

fn write(path: &Path, facts: &impl Serialize) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_private(folder)?;
    // Names of log groups are nobody else's business: the file that comes of it is its owner's alone.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let mut writer = io::BufWriter::new(&mut file);
    serde_json::to_writer(&mut writer, facts)?;
    writer.flush()?;
    drop(writer);
    file.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(unix)]
fn create_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn create_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::mocked::target;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn facts(cache: &Cache) -> Facts {
        let mut facts = cache.load(&target(), at(100)).unwrap();
        (facts.filter_limit, facts.details_as_of) = (Some(2), Some(at(50)));
        let filter = Filter { name: "ours".to_owned(), destination: "d".to_owned(), ..Filter::default() };
        let known = |value: Filters| Known { value, source: Source::Asked, as_of: at(100) };
        for (group, filters) in [("/a", vec![filter.clone()]), ("/b", vec![filter]), ("/c", Vec::new())] {
            facts.learn(group, &known(filters.into()));
        }
        facts.of("/a").details = Some(Details { stored_bytes: Some(7), ..Details::default() });
        facts.of("/c").bytes_per_day = Some(1.5);
        facts
    }

    #[test]
    fn what_is_kept_is_known_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(Some(folder.path()));
        assert!(cache.load(&target(), at(100)).unwrap().filters("/a").is_none());
        let before = facts(&cache);
        cache.save(&target(), &before).unwrap();
        let known = cache.load(&target(), at(100)).unwrap();
        let mut names = cache.names();
        names.sort();
        assert_eq!(names, ["/a", "/b", "/c"]);
        assert!(Cache::default().names().is_empty());
        for group in ["/a", "/b", "/c", "/d"] {
            assert_eq!(known.filters(group), before.filters(group), "{group}");
        }
        assert_eq!(known.get("/a").unwrap().details, before.get("/a").unwrap().details);
        assert_eq!((known.filter_limit, known.lists.len(), known.most_filters()), (Some(2), 2, 1));
        // A clock that went wrong has written times that have not come.
        assert!(cache.load(&target(), at(30)).unwrap().filters("/a").is_none());
        let text = fs::read_to_string(cache.file(&target()).unwrap()).unwrap();
        assert_eq!(text.matches("\"destinationArn\"").count(), 1, "{text}");
    }

    #[test]
    fn what_was_done_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(Some(folder.path()));
        cache.save(&target(), &facts(&cache)).unwrap();
        let put = Change::Put { filter: "ours".to_owned() };
        let delete = Change::Delete { filters: vec!["ours".to_owned()] };
        let learned = cache.update(&target(), at(200), |facts| {
            facts.change("/a", &delete, "d", at(150));
            facts.change("/c", &put, "here", at(160));
            facts.change("/unknown", &put, "here", at(160));
        });
        assert_eq!(learned, Ok(()));
        let mut known = cache.load(&target(), at(200)).unwrap();
        let own = |known: &Facts, group| known.own(group).map(|own| (own.at, own.deleted.len(), own.put.is_some()));
        assert_eq!(own(&known, "/a"), Some((at(150), 1, false)));
        assert_eq!((own(&known, "/b"), own(&known, "/c")), (None, Some((at(160), 0, true))));
        let put = known.own("/c").and_then(|own| own.put.clone()).unwrap();
        assert!(put.sends_everything() && put.destination == "here");
        // It stays beside what was known until the history tells of it, or the group is asked.
        let told = |source, as_of| Known { value: [].into(), source, as_of: at(as_of) };
        known.learn("/c", &told(Source::Cache, 160));
        assert!(known.own("/c").is_some());
        known.learn("/c", &told(Source::Cache, 161));
        known.learn("/a", &told(Source::Asked, 140));
        assert!(known.own("/c").is_none() && known.own("/a").is_none());
    }

    #[test]
    fn what_is_none_of_ours_is_said_and_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(Some(folder.path()));
        let facts = facts(&cache);
        cache.save(&target(), &facts).unwrap();
        let path = cache.file(&target()).unwrap();
        let elsewhere = Target { region: "eu-west-2".to_owned(), ..target() };
        fs::copy(&path, cache.file(&elsewhere).unwrap()).unwrap();
        assert!(cache.load(&elsewhere, at(100)).unwrap_err().contains("of another account"));
        fs::write(&path, "{\"schema\":").unwrap();
        assert!(cache.load(&target(), at(100)).unwrap_err().contains("EOF"));
        let nowhere = Cache::new(Some(&path)); // A file is no folder.
        assert!(nowhere.load(&target(), at(100)).is_err() && nowhere.save(&target(), &facts).is_err());
        assert!(Cache::default().save(&target(), &facts).is_ok());
    }
}
