//! What is asked for: the query, the range, and the flags that narrow both.

use std::ops::Range;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use logctl_core::level::Level;
use serde_json::{Value, json};

use super::{
    args::{Language, When, Which},
    lists,
};
use crate::{
    args::GroupSelection,
    error::{Error, Kind},
    events::Search,
    query::{self, Comparison, Compiled, Field, Query, dsl},
    time,
};

/// CloudWatch Logs takes no event of a time further ahead:
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>.
pub const AHEAD: SignedDuration = SignedDuration::from_hours(2);

/// What is asked for.
pub struct Asked {
    pub query: Query,
    /// What of it the engine is asked, in as many parts as a long list of values takes.
    pub parts: Vec<Compiled>,
    /// The clauses of the flags.
    pub flags: Vec<Value>,
    /// What those flags are called.
    pub narrowed_by: &'static str,
    pub range: Range<Timestamp>,
    /// What was left out of a query that was pasted.
    pub notes: Vec<String>,
    /// Whether the query is the engine's own.
    is_of_engine: bool,
}

impl Asked {
    /// Reads the arguments. The range may be empty where `only_new` events are wanted.
    ///
    /// # Errors
    /// Wrong usage, with the place in the query.
    pub fn read(args: &Which, only_new: bool, now: Timestamp, zone: &TimeZone) -> Result<Self, Error> {
        let of_engine = |clause| (Query::All, vec![Compiled { clause, verdict: None }]);
        let of_tree = |query| {
            let query = query::at(query, now, zone)?;
            let parts: Vec<Compiled> = query::parts(&query).iter().map(dsl::compile).collect();
            Ok::<_, Error>((query, parts))
        };
        let text = args.query.join(" ");
        let mut notes = Vec::new();
        let (query, parts) = match args.lang {
            Language::Logctl => {
                let (typed, lists) = lists::read(&args.query)?;
                notes.extend(lists);
                of_tree(query::parse(&typed)?)?
            }
            Language::Dql => of_tree(query::foreign::dql(&text)?)?,
            Language::Lucene => of_engine(query::foreign::lucene(&text)?),
            Language::Dsl => {
                let (clause, ignored) = query::foreign::dsl(&text)?;
                if !ignored.is_empty() {
                    notes.push(format!("of the body only the query is taken, and not: {}", ignored.join(", ")));
                }
                of_engine(clause)
            }
        };
        let range = range(&args.when, only_new, &query, now, zone)?;
        let narrowed_by = match (args.selection.globs.is_empty(), args.level) {
            (false, Some(_)) => "-g or -l",
            (false, None) => "-g",
            (true, _) => "-l",
        };
        Ok(Self {
            query,
            parts,
            flags: clauses(&args.selection, args.level),
            narrowed_by,
            range,
            notes,
            is_of_engine: args.lang.is_of_engine(),
        })
    }

    /// The searches, each for a part of the answer, in the indices of `at`.
    #[must_use]
    pub fn searches(&self, at: &Search, limit: u64) -> Vec<Search> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let search = |Compiled { clause, verdict }: &Compiled| Search {
            clause: all(&[std::slice::from_ref(clause), self.flags.as_slice()].concat()),
            verdict: verdict.clone(),
            range: self.range.clone(),
            limit,
            is_of_engine: self.is_of_engine,
            ..at.clone()
        };
        self.parts.iter().map(search).collect()
    }

    /// Asks for what has this, too. A query of the engine's own stays as it is.
    pub fn narrow(&mut self, query: Query) {
        if self.is_of_engine {
            return;
        }
        let typed = std::mem::replace(&mut self.query, Query::All);
        self.query = if typed == Query::All { query } else { Query::and(vec![typed, query]) };
        self.parts = query::parts(&self.query).iter().map(dsl::compile).collect();
    }

    /// The search for everything that the flags take, in the indices of `at`.
    #[must_use]
    pub fn everything(&self, at: &Search) -> Search {
        Search { clause: all(&self.flags), range: self.range.clone(), ..at.clone() }
    }

    /// The clause of the whole query, flags aside.
    #[must_use]
    pub fn clause(&self) -> Value {
        match self.parts.as_slice() {
            [only] => only.clause.clone(),
            parts => {
                let clauses: Vec<&Value> = parts.iter().map(|part| &part.clause).collect();
                json!({"bool": {"should": clauses, "minimum_should_match": 1}})
            }
        }
    }

    /// The search for what the query finds, and `-l` leaves out because it has no level.
    #[must_use]
    pub fn unleveled(&self, search: &Search, selection: &GroupSelection) -> Search {
        let no_level = json!({"bool": {"must_not": [{"exists": {"field": "@level"}}]}});
        let filters = [clauses(selection, None), vec![self.clause(), no_level]].concat();
        Search { clause: all(&filters), verdict: None, ..search.clone() }
    }
}

fn all(filters: &[Value]) -> Value {
    json!({"bool": {"filter": filters}})
}

/// The range that was asked for, by a flag or in the query, else the last hour.
fn range(
    args: &When,
    only_new: bool,
    query: &Query,
    now: Timestamp,
    zone: &TimeZone,
) -> Result<Range<Timestamp>, Error> {
    let (since, until) = query::window(query);
    let until = match &args.until {
        Some(until) => until.at(now, zone)?,
        None => until.unwrap_or(now),
    };
    let since = match &args.since {
        Some(since) => since.at(now, zone)?,
        None => {
            since.or_else(|| until.min(now).checked_sub(SignedDuration::from_hours(1)).ok()).unwrap_or(Timestamp::MIN)
        }
    };
    if since > now.checked_add(AHEAD).unwrap_or(Timestamp::MAX) {
        let what = format!("the time range begins in the future, at {}", time::rfc3339(since));
        return Err(Error::new(Kind::Usage, what).hint("check --since and --until, and the clock of this machine"));
    }
    if only_new && since == until {
        return Ok(since..until); // Only what comes.
    }
    time::range(since, until)
}

/// The clauses of the flags that narrow a search.
fn clauses(selection: &GroupSelection, level: Option<Level>) -> Vec<Value> {
    let mut filters = Vec::new();
    let mut excluded = Vec::new();
    let mut included = Vec::new();
    for glob in &selection.globs {
        if glob.excludes { &mut excluded } else { &mut included }.push(dsl::group(&glob.glob.to_string()));
    }
    if !included.is_empty() {
        filters.push(json!({"bool": {"should": included, "minimum_should_match": 1}}));
    }
    if !excluded.is_empty() {
        filters.push(json!({"bool": {"must_not": excluded}}));
    }
    filters.extend(level.map(|level| dsl::compile(&at_least(level)).clause));
    filters
}

fn at_least(level: Level) -> Query {
    test("@level", Comparison::AtLeast, level.to_string())
}

fn test(name: &str, comparison: Comparison, text: String) -> Query {
    let value = query::Value { text, quoted: false };
    Query::Test { field: Field { name: name.to_owned(), literal: false }, comparison, value }
}

/// The query with the flags as parts of it, for tools that have no such flags.
#[must_use]
pub fn with_flags(query: &Query, args: &Which) -> Query {
    let globs = |excludes: bool| {
        let globs = args.selection.globs.iter().filter(move |glob| glob.excludes == excludes);
        globs.map(|glob| test("@log_group", Comparison::Equal, glob.glob.to_string()))
    };
    let mut parts = if *query == Query::All { Vec::new() } else { vec![query.clone()] };
    let included: Vec<Query> = globs(false).collect();
    if !included.is_empty() {
        parts.push(Query::or(included));
    }
    parts.extend(globs(true).map(Query::negated));
    parts.extend(args.level.map(at_least));
    Query::and(parts)
}
