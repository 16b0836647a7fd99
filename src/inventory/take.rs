//! Reads an account: what evidence proves is not asked, and the rest one call a group.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    mem,
    pin::pin,
};

use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use logctl_core::coverage::{self, AccountFacts, AccountPolicy, Chain, Filters, GroupFacts, State, decide};
use tokio::time::Instant;

use super::{
    Entry, FEW, Inventory, NotStreamed, Note,
    cache::{Cache, Facts},
    chains::Chains,
    deliveries, destinations,
    details::{self, Which},
    evidence::{Deliveries, Evidence, History, Known, LAG, REACH, SKEW, Source},
    noted, rates,
};
use crate::{
    args::{GroupSelection, Narrowing},
    aws::{
        Aws,
        centralization::{self, Copies},
        filters::{AT_ONCE, FilterCalls},
        groups::{self, Group},
        policy,
    },
    deploy::{DeployedStack, stack::Phase},
    error::{Error, Kind},
    progress::Progress,
    time::Moment,
    words::count,
};

/// How much is wanted of log groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Which there are, undecided.
    Names,
    /// Their states.
    States,
    /// Everything else, too: their age, what they hold, how much comes in.
    Details,
    /// And how many events come in, hour by hour.
    Rates,
    /// Or whether what came in is in the index.
    Arrivals,
}

/// What is read of an account, and how.
pub struct Reading<'a> {
    /// Which groups.
    pub selection: &'a GroupSelection,
    /// Which of them.
    pub narrowing: Option<&'a Narrowing>,
    /// Those that were made until then, where that is said, and those of which nobody knows.
    pub made_until: Option<Timestamp>,
    /// Whether every group is asked, whatever is known of it.
    pub fresh: bool,
    /// Whether what is meant may be elsewhere: a glob that matches nothing here is no error then.
    pub one_of_several: bool,
    /// How much is wanted of them.
    pub depth: Depth,
    /// Where facts are kept.
    pub cache: Cache,
    /// Where times without a zone are.
    pub time_zone: &'a TimeZone,
}

/// Reads the selected groups and everything that their states depend on.
///
/// # Errors
/// When the groups cannot be listed, or a glob of the selection matches none; not logged in where the caller no longer is:
/// nothing more is asked then. A group whose filters cannot be read for another reason is `unknown`.
pub async fn take(
    aws: &Aws,
    stack: Option<&DeployedStack>,
    reading: &Reading<'_>,
    now: Timestamp,
    progress: &dyn Progress,
) -> Result<Inventory, Error> {
    let mut notes = notes(stack);
    let (facts, lost) = match reading.cache.load(&aws.target, now) {
        Ok(facts) => (facts, None),
        Err(why) => (Facts::of_nothing(&aws.target), Some(Note::CacheUnread(why))),
    };
    notes.extend(lost);
    let coverage = stack.and_then(DeployedStack::coverage);
    let begun = Instant::now();
    let (has_details, kept, idle) = (false, false, Vec::new());
    let mut take = Take { aws, stack, coverage, reading, now, begun, progress, facts, has_details, idle, kept, notes };
    let groups = take.list().await?;
    if reading.depth == Depth::Names {
        let entries = groups.into_iter().map(|group| Read::new(group, None, None, None).entry());
        return Ok(take.inventory(entries.collect(), AccountFacts::default(), Ok(None)));
    }
    let policy = policy::read(aws).await;
    let policy_error = policy.as_ref().err().cloned();
    let (name, policy) = noted(policy, &mut take.notes, Note::PolicyUnread)?.flatten().unzip();
    // Everything else of the groups takes other calls than their states do.
    let which = if reading.depth >= Depth::Details { take.which_details(&groups) } else { None };
    let read = async {
        match &which {
            Some(which) => details::read(aws, which, true, now).await.map(Some),
            None => Ok(None),
        }
    };
    // Whose events they are is of interest to who wants to know everything else, too.
    let copies = async { if reading.depth >= Depth::Details { centralization::read(aws).await } else { Ok(None) } };
    let (entries, read, copies) = tokio::join!(take.states(groups, policy.as_ref()), read, copies);
    if let Some(read) = noted(read, &mut take.notes, Note::DetailsUnread)?.flatten() {
        take.facts.know(read, &mut take.notes);
    }
    take.keep();
    let mut entries: Vec<Entry> = entries?.into_iter().map(Read::entry).collect();
    let destinations =
        destinations::read(aws, &entries, policy.as_ref(), take.coverage.as_ref(), &mut take.notes).await?;
    let dead_destinations = destinations.iter().filter(|(_, takes)| !**takes).map(|(arn, _)| arn.clone()).collect();
    let account = AccountFacts { policy, filter_limit: take.facts.filter_limit, dead_destinations };
    let by_name = |rule: &&Copies| rule.fill("").is_none();
    let rules = || copies.iter().flatten().flatten();
    take.notes.extend(rules().filter(by_name).map(|rule| Note::Copied(rule.rule.clone())));
    for entry in &mut entries {
        take.complete(entry, &account);
        let rule = rules().find(|rule| rule.fill(&entry.facts.name) == Some(true));
        entry.copied_by = rule.map(|rule| rule.rule.as_str().into());
    }
    let narrows = reading.narrowing.is_some_and(|it| !it.is_empty())
        || !reading.selection.globs.is_empty()
        || reading.made_until.is_some();
    if let Some(stack) = stack.filter(|_| !narrows) {
        NotStreamed::of(&entries, now).keep(&reading.cache, &aws.target, &stack.name);
    }
    if let Some(stack) = stack.filter(|_| reading.depth == Depth::Arrivals) {
        let mut notes = Vec::new();
        let own = |name: &str| take.facts.own(name).map(|own| own.at);
        deliveries::arrivals(aws, stack, &mut entries, &own, now, &mut notes).await?;
        take.notes.append(&mut notes);
    }
    if reading.depth == Depth::Rates {
        rates::read(aws, &mut entries, now, &mut take.notes).await?;
    }
    let policy = policy_error.map_or(Ok(name), Err);
    Ok(Inventory { destinations, copies, ..take.inventory(entries, account, policy) })
}

/// A group of which the filters were read, as small as it can be: there may be tens of thousands while others are asked.
struct Read {
    facts: GroupFacts,
    evidence: Option<(Source, Timestamp)>,
    error: Option<Box<Error>>,
}

impl Read {
    fn new(group: Group, chain: Option<Chain>, known: Option<Known<Filters>>, error: Option<Error>) -> Self {
        let evidence = known.as_ref().map(|known| (known.source, known.as_of));
        let facts = GroupFacts { name: group.name, chain, class: group.class, filters: known.map(|known| known.value) };
        Self { facts, evidence, error: error.map(Box::new) }
    }

    fn entry(self) -> Entry {
        Entry { evidence: self.evidence, ..Entry::new(self.facts, self.error) }
    }
}

/// A reading that is under way.
struct Take<'a> {
    aws: &'a Aws,
    stack: Option<&'a DeployedStack>,
    coverage: Option<coverage::Stack>,
    reading: &'a Reading<'a>,
    now: Timestamp,
    begun: Instant,
    progress: &'a dyn Progress,
    facts: Facts,
    /// Whether everything else of the groups was read in this run.
    has_details: bool,
    /// Globs that match no group.
    idle: Vec<String>,
    /// Whether that is kept for the next run.
    kept: bool,
    notes: Vec<Note>,
}

impl Take<'_> {
    /// The groups that are meant.
    async fn list(&mut self) -> Result<Vec<Group>, Error> {
        let Self { aws, reading, now, .. } = *self;
        let tags: Vec<_> = reading.narrowing.iter().flat_map(|narrowing| narrowing.tags()).collect();
        let mut groups = groups::list(aws, &tags, self.progress).await?;
        if tags.is_empty() {
            self.facts.keep_only(groups.iter().map(|group| group.name.as_str()));
        }
        let names = groups.iter().map(|group| group.name.as_str());
        if !reading.one_of_several {
            reading.selection.check(names.clone())?;
        }
        self.idle = reading.selection.idle(names).map(ToString::to_string).collect();
        tracing::info!("{} log groups are listed", groups.len());
        let classes: BTreeSet<String> = groups.iter().map(|group| group.class.to_string()).collect();
        let narrowed =
            |group: &Group| reading.narrowing.is_none_or(|it| it.takes(&group.name, &group.class.to_string()));
        groups.retain(|group| reading.selection.takes(&group.name) && narrowed(group));
        if let Some(until) = reading.made_until {
            let all = Which::All(details::prefix(reading.selection));
            let read = details::read(aws, &all, false, now).await?;
            self.facts.know(read, &mut self.notes);
            groups.retain(|group| !self.is_later(&group.name, until));
        }
        if let Some(narrowing) = reading.narrowing.filter(|narrowing| narrowing.is_of_details()) {
            if let Some(which) = self.which_details(&groups) {
                let read = details::read(aws, &which, true, now).await?;
                self.facts.know(read, &mut self.notes);
                self.has_details = true;
            }
            let bounds = (narrowing.made_since.as_ref(), narrowing.made_until.as_ref());
            let at = |moment: Option<&Moment>| moment.map(|moment| moment.at(now, reading.time_zone)).transpose();
            let (since, until) = (at(bounds.0)?, at(bounds.1)?);
            groups.retain(|group| self.facts.is_such(&group.name, narrowing.retention, since, until));
        }
        if let Some(narrowing) = reading.narrowing.filter(|_| groups.is_empty() && !reading.one_of_several) {
            narrowing.check_any(0, &classes)?;
        }
        Ok(groups)
    }

    /// Of which groups everything else has yet to be read.
    fn which_details(&self, groups: &[Group]) -> Option<Which> {
        let Reading { selection, fresh, .. } = self.reading;
        match (self.has_details, fresh) {
            (true, _) => None,
            (false, true) => Some(Which::All(details::prefix(selection))),
            (false, false) => Which::due(&self.facts, groups, selection, self.now),
        }
    }

    /// What was found of these groups.
    fn inventory(
        mut self,
        mut groups: Vec<Entry>,
        account: AccountFacts,
        policy: Result<Option<String>, Error>,
    ) -> Inventory {
        self.keep();
        groups.sort_by(|a, b| a.facts.name.cmp(&b.facts.name));
        Inventory {
            target: self.aws.target.clone(),
            taken_at: self.now,
            stack: self.stack.map(|stack| stack.name.clone()),
            notes: mem::take(&mut self.notes),
            groups,
            coverage: self.coverage.take(),
            account,
            policy,
            destinations: BTreeMap::new(),
            copies: Ok(None),
            idle: mem::take(&mut self.idle),
        }
    }

    /// Whether a group was made after a time.
    fn is_later(&self, group: &str, until: Timestamp) -> bool {
        self.facts.get(group).and_then(|fact| fact.details.as_ref()?.created).is_some_and(|created| created > until)
    }

    /// The groups with their filters: by evidence, or asked.
    async fn states(&mut self, groups: Vec<Group>, policy: Option<&AccountPolicy>) -> Result<Vec<Read>, Error> {
        let chains = Chains::read(self.aws, self.stack, &mut self.notes).await?;
        let proof = if self.reading.fresh { Proof::default() } else { self.evidence(&groups, policy).await? };
        let account =
            AccountFacts { policy: policy.cloned(), filter_limit: self.facts.filter_limit, ..AccountFacts::default() };
        self.ask(groups, proof, &chains, &account).await
    }

    /// Decides a group, and adds what is told of it beside.
    fn complete(&self, entry: &mut Entry, account: &AccountFacts) {
        entry.decide(account, self.coverage.as_ref());
        let fact = self.facts.get(&entry.facts.name);
        entry.details = fact.and_then(|fact| fact.details.clone()).unwrap_or_default();
        entry.bytes_per_day = fact.and_then(|fact| fact.bytes_per_day);
        entry.health = fact.and_then(|fact| fact.health).filter(|_| entry.decision.state.delivers());
    }

    /// The filters of the groups that need not be asked, and what else there is to doubt about the others.
    async fn evidence(&mut self, groups: &[Group], policy: Option<&AccountPolicy>) -> Result<Proof, Error> {
        let names: Vec<&str> =
            groups.iter().filter(|group| group.class.is_standard()).map(|group| group.name.as_str()).collect();
        if names.len() <= FEW {
            return Ok(Proof::default());
        }
        self.progress.note("what has changed");
        let ours = self.coverage.as_ref().map(|stack| (stack.filter_name.clone(), stack.forwarder.clone()));
        let ours = ours.as_ref().map(|(name, destination)| (name.as_str(), destination.as_str()));
        let mut known: Vec<Timestamp> =
            names.iter().filter_map(|name| self.facts.filters(name)).map(|known| known.as_of).collect();
        known.sort_unstable();
        let deliveries = match ours {
            Some((name, destination)) if names.len() - known.len() > FEW => {
                // What the policy streams is in the index, whatever filters there are.
                let by_policy = policy.is_some_and(|policy| policy.destination == destination);
                let stack = self.stack.filter(|_| !by_policy);
                deliveries::read(self.aws, stack, name, self.now, &mut self.notes).await?
            }
            _ => None,
        };
        let until = self.now - LAG;
        // A few that were known long ago are asked for less than a look at all that was done since.
        let oldest = known.get(FEW).or(known.last()).copied();
        let begin = oldest.into_iter().chain(deliveries.as_ref().map(|deliveries| deliveries.since)).min();
        let begin = begin.map_or(until, |begin| begin - SKEW - SKEW).max(self.now - REACH);
        let history = History::read(self.aws, begin, until).await;
        let Some(mut history) = noted(history, &mut self.notes, Note::HistoryUnread)? else {
            return Ok(Proof::default());
        };
        let evidence = Evidence { history: Some(&history), deliveries: deliveries.as_ref(), ours };
        let proven = |name: &str| evidence.prove(name, self.facts.filters(name).as_ref(), self.facts.own(name));
        let is_open = |name: &&str| proven(name).is_none();
        let open: HashSet<&str> = names.iter().copied().filter(is_open).collect();
        if let Some((filter, _)) = ours
            && open.len() > FEW
        {
            let read = history.read_back(self.aws, self.now - REACH, filter, open, self.progress).await;
            noted(read, &mut self.notes, Note::PastUnread)?;
        }
        let ours = ours.map(|(name, destination)| (name.to_owned(), destination.to_owned()));
        Ok(Proof { history: Some(history), deliveries, ours })
    }

    /// Asks what is not proven, and puts everything together. What was found is kept even where that is cut off.
    async fn ask(
        &mut self,
        groups: Vec<Group>,
        proof: Proof,
        chains: &Chains<'_>,
        account: &AccountFacts,
    ) -> Result<Vec<Read>, Error> {
        let evidence = proof.evidence();
        let mut so_far = SoFar::default();
        let mut found = Vec::with_capacity(groups.len());
        let mut open = Vec::new();
        for group in groups {
            let name = group.name.as_str();
            let known = evidence.prove(name, self.facts.filters(name).as_ref(), self.facts.own(name));
            let known = known.filter(|_| group.class.is_standard());
            match known {
                Some(known) => {
                    let known = self.facts.learn(&group.name, &known);
                    let (chain, error) = chains.of(&group.name).await;
                    let error = error.map(Error::unless_logged_out).transpose()?;
                    let read = Read::new(group, chain, Some(known), error);
                    so_far.add(&read.facts, account, self.coverage.as_ref());
                    found.push(read);
                }
                None => open.push(group),
            }
        }
        // The most doubtful first: those of which our filter delivers nothing, and of these where the most comes in.
        let volume =
            |group: &Group| self.facts.get(&group.name).and_then(|fact| fact.bytes_per_day).unwrap_or_default();
        open.sort_by(|a, b| {
            let delivers = |group: &Group| evidence.delivers(&group.name);
            delivers(a).cmp(&delivers(b)).then_with(|| volume(b).total_cmp(&volume(a)))
        });
        drop(proof); // It may be large, and the rest takes its time.
        let total = open.len();
        self.progress.note(&so_far.note());
        self.progress.total(total);
        let calls = FilterCalls::new(self.aws);
        let asked = |group: Group| async {
            let filters = if group.class.is_standard() { calls.get(&group.name).await.transpose() } else { None };
            let chain = chains.of(&group.name).await;
            (group, filters, chain)
        };
        let mut asking = pin!(stream::iter(open).map(asked).buffer_unordered(AT_ONCE));
        let mut read = 0;
        while let Some((group, filters, (chain, unclear))) = asking.next().await {
            let logged_out = |error: &&Error| error.kind == Kind::LoggedOut;
            let error = filters.as_ref().and_then(|filters| filters.as_ref().err()).or(unclear.as_ref());
            if let Some(error) = error.filter(logged_out) {
                return Err(error.clone().because(format!("{read} of {} had been read", count(total, "log group"))));
            }
            read += 1;
            self.progress.step();
            match filters {
                // A group without an answer has gone, unless its class has none.
                None if group.class.is_standard() => self.facts.forget(&group.name),
                None => found.push(Read::new(group, chain, None, unclear)),
                Some(Err(error)) => found.push(Read::new(group, chain, None, Some(error))),
                Some(Ok(filters)) => {
                    let known = Known { value: filters, source: Source::Asked, as_of: self.moment() };
                    let known = self.facts.learn(&group.name, &known);
                    found.push(Read::new(group, chain, Some(known), unclear));
                }
            }
            if let Some(read) = found.last().filter(|_| found.len() > so_far.groups) {
                so_far.add(&read.facts, account, self.coverage.as_ref());
                self.progress.note(&so_far.note());
            }
        }
        Ok(found)
    }

    /// The time of an answer.
    fn moment(&self) -> Timestamp {
        SignedDuration::try_from(self.begun.elapsed()).map_or(self.now, |since| self.now + since)
    }

    /// Keeps what is known for the next run, once.
    fn keep(&mut self) {
        if mem::replace(&mut self.kept, true) {
            return;
        }
        // Who has more filters than may be has them since AWS allows more.
        let most = self.facts.most_filters();
        self.facts.filter_limit = self.facts.filter_limit.filter(|limit| *limit >= most);
        if let Err(why) = self.reading.cache.save(&self.aws.target, &self.facts) {
            self.notes.push(Note::CacheUnkept(why));
        }
    }
}

/// Whoever is interrupted asks no group a second time.
impl Drop for Take<'_> {
    fn drop(&mut self) {
        self.keep();
    }
}

/// The answer as it grows.
#[derive(Default)]
struct SoFar {
    groups: usize,
    by_state: BTreeMap<State, usize>,
}

impl SoFar {
    fn add(&mut self, group: &GroupFacts, account: &AccountFacts, stack: Option<&coverage::Stack>) {
        self.groups += 1;
        *self.by_state.entry(decide(group, account, stack).state).or_default() += 1;
    }

    /// What a person wants to see of it first.
    fn note(&self) -> String {
        let others = self.by_state.iter().filter(|(state, _)| !state.delivers());
        let others: Vec<String> = others.map(|(state, number)| format!("{number} {state}")).collect();
        if others.is_empty() {
            "their filters".to_owned()
        } else {
            format!("their filters; so far {}", others.join(", "))
        }
    }
}

/// What was read that may prove something.
#[derive(Default)]
struct Proof {
    history: Option<History>,
    deliveries: Option<Deliveries>,
    /// Name of our filters, and where they send to.
    ours: Option<(String, String)>,
}

impl Proof {
    fn evidence(&self) -> Evidence<'_> {
        let ours = self.ours.as_ref().map(|(name, destination)| (name.as_str(), destination.as_str()));
        Evidence { history: self.history.as_ref(), deliveries: self.deliveries.as_ref(), ours }
    }
}

fn notes(stack: Option<&DeployedStack>) -> Vec<Note> {
    let idle = stack.filter(|stack| stack.forwarder.is_none() && stack.status.phase != Phase::Shell);
    let idle = idle.map(|stack| Note::ForwardsNothing(stack.name.clone(), stack.status.clone()));
    let disabled = stack.filter(|stack| !stack.settings.rule_enabled).map(|_| Note::RuleDisabled);
    let problems = stack.into_iter().flat_map(|stack| stack.problems.iter().cloned().map(Note::ParameterUnread));
    [idle, disabled].into_iter().flatten().chain(problems).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::examples::inventory;

    #[test]
    fn the_answer_is_told_as_it_grows() {
        let (inventory, mut so_far) = (inventory(), SoFar::default());
        assert_eq!(so_far.note(), "their filters");
        for entry in &inventory.groups {
            so_far.add(&entry.facts, &AccountFacts::default(), inventory.coverage.as_ref());
        }
        assert_eq!(
            so_far.note(),
            "their filters; so far 1 unknown, 1 own, 1 unwanted, 1 conflict, 1 drifted, 1 missing"
        );
    }
}
