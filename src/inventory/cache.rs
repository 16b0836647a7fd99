//! What is known of an account from one run to the next. Each fact carries how it is known and as of when; nothing here is
//! believed without the event history that follows it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use logctl_core::coverage::{Filter, Filters};
use serde::{Deserialize, Serialize};

use super::{
    Health,
    evidence::{Known, SKEW, Source},
};
use crate::aws::{Target, groups::Details};

const SCHEMA: &str = "logctl.facts/v1";

/// What is known of an account and Region.
#[derive(Debug, Default)]
pub struct Facts {
    /// The filters of groups.
    pub filters: HashMap<String, Known<Filters>>,
    /// Everything else of groups.
    pub details: HashMap<String, Details>,
    /// As of when that was so.
    pub details_as_of: Option<Timestamp>,
    /// Bytes that come into groups in a day; as of the same time.
    pub bytes_per_day: HashMap<String, f64>,
    /// Groups of which deliveries failed or were throttled; as of the same time.
    pub troubled: HashMap<String, Health>,
    /// How many filters a group may have, where a refusal has told it.
    pub filter_limit: Option<usize>,
    /// One list for all groups that have the same filters.
    lists: HashSet<Filters>,
}

impl Facts {
    /// What metrics tell of a group; nothing where they were not read.
    #[must_use]
    pub fn health(&self, group: &str) -> Option<Health> {
        self.details_as_of?;
        let idle = if self.bytes_per_day.contains_key(group) { Health::Ok } else { Health::Idle };
        Some(self.troubled.get(group).copied().unwrap_or(idle))
    }

    /// The list of these filters, which all groups share that have the same.
    pub fn shared(&mut self, filters: &[Filter]) -> Filters {
        if let Some(known) = self.lists.get(filters) {
            return known.clone();
        }
        let new: Filters = Arc::from(filters);
        self.lists.insert(new.clone());
        new
    }
}

/// Where facts are kept: a file for each account and Region, which nobody else may read.
#[derive(Debug, Clone, Default)]
pub struct Cache(Option<PathBuf>);

/// The file.
#[derive(Serialize, Deserialize)]
struct Kept {
    schema: String,
    account: String,
    region: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter_limit: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details_as_of: Option<Timestamp>,
    /// The lists of filters that there are.
    lists: Vec<Vec<Filter>>,
    groups: BTreeMap<String, KeptGroup>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct KeptGroup {
    /// Which list of filters it has, how that is known, and as of when.
    #[serde(skip_serializing_if = "Option::is_none")]
    filters: Option<(usize, Source, Timestamp)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_per_day: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    troubled: Option<Health>,
}

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
        let Some(path) = self.file(target) else { return Ok(Facts::default()) };
        let failed = |why: &dyn ToString| format!("{}: {}", path.display(), why.to_string());
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Facts::default()),
            Err(error) => return Err(failed(&error)),
        };
        let kept: Kept = serde_json::from_slice(&text).map_err(|error| failed(&error))?;
        if (&*kept.schema, &kept.account, &kept.region) != (SCHEMA, &target.account, &target.region) {
            return Err(failed(&"it is of another account, or of another version of logctl"));
        }
        let mut facts = Facts {
            filter_limit: kept.filter_limit,
            // A time that has not come is one of a clock that was wrong.
            details_as_of: kept.details_as_of.filter(|as_of| *as_of <= now + SKEW),
            ..Facts::default()
        };
        let lists: Vec<Filters> = kept.lists.iter().map(|list| facts.shared(list)).collect();
        for (name, group) in kept.groups {
            if let Some((list, source, as_of)) = group.filters
                && as_of <= now + SKEW
                && let Some(value) = lists.get(list)
            {
                facts.filters.insert(name.clone(), Known { value: value.clone(), source, as_of });
            }
            if let Some(health) = group.troubled {
                facts.troubled.insert(name.clone(), health);
            }
            if let Some(bytes) = group.bytes_per_day {
                facts.bytes_per_day.insert(name.clone(), bytes);
            }
            if let Some(details) = group.details {
                facts.details.insert(name, details);
            }
        }
        Ok(facts)
    }

    /// Keeps how many filters a group may have, since a refusal has told it.
    ///
    /// # Errors
    /// Where it cannot be read or written.
    pub fn learn_limit(&self, target: &Target, now: Timestamp, limit: usize) -> Result<(), String> {
        let facts = self.load(target, now)?;
        self.save(target, &Facts { filter_limit: Some(limit), ..facts })
    }

    /// Keeps what is known, whole or not at all.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save(&self, target: &Target, facts: &Facts) -> Result<(), String> {
        let Some(path) = self.file(target) else { return Ok(()) };
        write(&path, &Kept::new(target, facts)).map_err(|error| format!("{}: {error}", path.display()))
    }
}

impl Kept {
    fn new(target: &Target, facts: &Facts) -> Self {
        let mut numbers: HashMap<&Filters, usize> = HashMap::new();
        let mut groups: BTreeMap<String, KeptGroup> = BTreeMap::new();
        for (name, known) in &facts.filters {
            let next = numbers.len();
            let number = *numbers.entry(&known.value).or_insert(next);
            groups.entry(name.clone()).or_default().filters = Some((number, known.source, known.as_of));
        }
        for (name, details) in &facts.details {
            groups.entry(name.clone()).or_default().details = Some(details.clone());
        }
        for (name, bytes) in &facts.bytes_per_day {
            groups.entry(name.clone()).or_default().bytes_per_day = Some(*bytes);
        }
        for (name, health) in &facts.troubled {
            groups.entry(name.clone()).or_default().troubled = Some(*health);
        }
        let mut lists = vec![Vec::new(); numbers.len()];
        for (list, number) in numbers {
            lists[number] = list.to_vec();
        }
        Self {
            schema: SCHEMA.to_owned(),
            account: target.account.clone(),
            region: target.region.clone(),
            filter_limit: facts.filter_limit,
            details_as_of: facts.details_as_of,
            lists,
            groups,
        }
    }
}

fn write(path: &Path, kept: &Kept) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_private(folder)?;
    // Names of log groups are nobody else's business: the file that comes of it is its owner's alone.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(io::BufWriter::new(&mut file), kept)?;
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

    fn facts() -> Facts {
        let mut facts = Facts { filter_limit: Some(2), details_as_of: Some(at(50)), ..Facts::default() };
        let filter = Filter { name: "ours".to_owned(), destination: "d".to_owned(), ..Filter::default() };
        let lists = [facts.shared(&[filter]), facts.shared(&[])];
        for (name, list) in [("/a", 0), ("/b", 0), ("/c", 1)] {
            let known = Known { value: lists[list].clone(), source: Source::Asked, as_of: at(100) };
            facts.filters.insert(name.to_owned(), known);
        }
        facts.details.insert("/a".to_owned(), Details { stored_bytes: Some(7), ..Details::default() });
        facts.bytes_per_day.insert("/c".to_owned(), 1.5);
        facts
    }

    #[test]
    fn what_is_kept_is_known_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(Some(folder.path()));
        assert!(cache.load(&target(), at(100)).unwrap().filters.is_empty());
        cache.save(&target(), &facts()).unwrap();
        let (known, before) = (cache.load(&target(), at(100)).unwrap(), facts());
        assert_eq!((known.filters, known.details), (before.filters, before.details));
        assert_eq!((known.bytes_per_day, known.filter_limit), (before.bytes_per_day, Some(2)));
        assert_eq!(known.lists.len(), 2);
        // A clock that went wrong has written times that have not come.
        assert!(cache.load(&target(), at(30)).unwrap().filters.is_empty());
        let text = fs::read_to_string(cache.file(&target()).unwrap()).unwrap();
        assert_eq!(text.matches("\"destinationArn\"").count(), 1, "{text}");
    }

    #[test]
    fn what_is_none_of_ours_is_said_and_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(Some(folder.path()));
        cache.save(&target(), &facts()).unwrap();
        let path = cache.file(&target()).unwrap();
        let elsewhere = Target { region: "eu-west-2".to_owned(), ..target() };
        fs::copy(&path, cache.file(&elsewhere).unwrap()).unwrap();
        assert!(cache.load(&elsewhere, at(100)).unwrap_err().contains("of another account"));
        fs::write(&path, "{\"schema\":").unwrap();
        assert!(cache.load(&target(), at(100)).unwrap_err().contains("EOF"));
        let nowhere = Cache::new(Some(&path)); // A file is no folder.
        assert!(nowhere.load(&target(), at(100)).is_err() && nowhere.save(&target(), &facts()).is_err());
        assert!(Cache::default().save(&target(), &facts()).is_ok());
    }
}
