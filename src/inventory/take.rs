//! Reads an account: what evidence proves is not asked, and the rest one call a group.

use std::{
    collections::{BTreeSet, HashSet},
    mem,
    ops::Range,
    pin::pin,
    sync::Arc,
};

use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use logctl_core::coverage::{self, AccountFacts, AccountPolicy, Chain, Filter, Filters, GroupFacts};
use logctl_sink::{aws::AwsClient, own::OwnGroups};
use tokio::time::Instant;

use super::{
    Arrivals, Entry, Inventory, Note,
    cache::{Cache, Facts},
    details,
    documents::{self, Indexed},
    evidence::{Deed, Deliveries, Delivery, Evidence, History, Known, LAG, REACH, SKEW, Source},
};
use crate::{
    args::{GroupSelection, Narrowing},
    aws::{
        Aws, admits,
        filters::{AT_ONCE, FilterCalls},
        groups::{self, Group},
        history::{self, Pages},
        metrics::{self, Metric},
        policy,
    },
    deploy::{DeployedStack, stack::Phase},
    error::{Error, Kind},
    progress::Progress,
    time::Moment,
    words::count,
};

/// So few groups are asked without looking for evidence first: that would take as many calls.
const FEW: usize = 40;
/// How much the window of deliveries covers: what `ListMetrics` takes for recent.
const WINDOW: SignedDuration = SignedDuration::from_hours(3);
/// How long an event may be on its way.
const LATE: SignedDuration = SignedDuration::from_mins(5);
/// Seconds of one figure of a metric.
const PERIOD: u32 = 300;
/// Pages of the event history that may go by without proving more than would cost less to ask.
const BARREN: usize = 4;
/// Groups that a page must prove to be worth it: as many could be asked in its time.
const WORTH: usize = 3;

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
    /// Whether everything else of groups is wanted, too.
    pub details: bool,
    /// Whether what came in is compared with what is in the index.
    pub arrivals: bool,
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
    let mut take =
        Take { aws, stack, coverage, reading, now, begun: Instant::now(), progress, facts, kept: false, notes };
    let policy = unless_logged_out(policy::read(aws).await)?;
    let tags: Vec<_> = reading.narrowing.iter().flat_map(|narrowing| narrowing.tags()).collect();
    let mut groups = groups::list(aws, &tags, progress).await?;
    reading.selection.check(groups.iter().map(|group| group.name.as_str()))?;
    tracing::info!("{} log groups are listed", groups.len());
    let narrowed = |group: &Group| reading.narrowing.is_none_or(|it| it.takes(&group.name, &group.class.to_string()));
    groups.retain(|group| reading.selection.takes(&group.name) && narrowed(group));
    take.notes.extend(policy.as_ref().err().map(|error| Note::PolicyUnread(error.one_line())));
    let (policy, name) = match policy {
        Ok(found) => found.map_or((None, Ok(None)), |(name, policy)| (Some(policy), Ok(Some(name)))),
        Err(error) => (None, Err(error)),
    };
    if let Some(until) = reading.made_until {
        let read = details::read(aws, reading.selection, false, now).await?;
        take.facts.know(read, &mut take.notes);
        groups.retain(|group| !take.is_later(&group.name, until));
    }
    let mut due = reading.fresh || details::is_due(&take.facts, now);
    if let Some(narrowing) = reading.narrowing.filter(|narrowing| narrowing.is_of_details()) {
        if mem::replace(&mut due, false) {
            let read = details::read(aws, reading.selection, true, now).await?;
            take.facts.know(read, &mut take.notes);
        }
        let bounds = (narrowing.made_since.as_ref(), narrowing.made_until.as_ref());
        let at = |moment: Option<&Moment>| moment.map(|moment| moment.at(now, reading.time_zone)).transpose();
        let (since, until) = (at(bounds.0)?, at(bounds.1)?);
        groups.retain(|group| take.facts.is_such(&group.name, narrowing.retention, since, until));
    }
    if groups.is_empty() && reading.narrowing.is_some_and(|narrowing| !narrowing.is_empty()) {
        return Err(Error::new(Kind::NotFound, "no log group is such")
            .hint("leave out some of --matching, --tag, --class, --retention, --made-since and --made-until"));
    }
    // Everything else of the groups takes other calls than their states do.
    let wanted = reading.details && due;
    let read =
        async { if wanted { details::read(aws, reading.selection, true, now).await.map(Some) } else { Ok(None) } };
    let (entries, read) = tokio::join!(take.states(groups, policy.as_ref()), read);
    match read {
        Ok(read) => read.into_iter().for_each(|read| take.facts.know(read, &mut take.notes)),
        Err(error) => take.notes.push(Note::DetailsUnread(error.unless_logged_out()?.one_line())),
    }
    take.keep();
    let mut entries = entries?;
    let dead_destinations = take.dead(&entries, policy.as_ref()).await?;
    let account = AccountFacts { policy, filter_limit: take.facts.filter_limit, dead_destinations };
    for entry in &mut entries {
        take.complete(entry, &account);
    }
    entries.sort_by(|a, b| a.facts.name.cmp(&b.facts.name));
    if reading.arrivals {
        take.arrivals(&mut entries).await?;
    }
    Ok(Inventory {
        target: aws.target.clone(),
        taken_at: now,
        stack: stack.map(|stack| stack.name.clone()),
        notes: mem::take(&mut take.notes),
        groups: entries,
        coverage: take.coverage.take(),
        account,
        policy: name,
    })
}

/// What is not known for want of credentials ends a run; what is not known for another reason is part of its answer.
fn unless_logged_out<T>(result: Result<T, Error>) -> Result<Result<T, Error>, Error> {
    match result {
        Ok(found) => Ok(Ok(found)),
        Err(error) => error.unless_logged_out().map(Err),
    }
}

/// A group before it is decided.
fn undecided(group: Group, chain: Option<Chain>, known: Option<Known<Filters>>, error: Option<Error>) -> Entry {
    let evidence = known.as_ref().map(|known| (known.source, known.as_of));
    let facts = GroupFacts { name: group.name, chain, class: group.class, filters: known.map(|known| known.value) };
    Entry { evidence, ..Entry::new(facts, error) }
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
    /// Whether that is kept for the next run.
    kept: bool,
    notes: Vec<Note>,
}

impl Take<'_> {
    /// Whether a group was made after a time.
    fn is_later(&self, group: &str, until: Timestamp) -> bool {
        self.facts.get(group).and_then(|fact| fact.details.as_ref()?.created).is_some_and(|created| created > until)
    }

    /// The groups with their filters: by evidence, or asked.
    async fn states(&mut self, groups: Vec<Group>, policy: Option<&AccountPolicy>) -> Result<Vec<Entry>, Error> {
        let chains = Chains::read(self.aws, self.stack).await?;
        self.notes.extend(chains.of_domain.as_ref().err().map(|error| Note::DomainUnread(error.one_line())));
        let proof = if self.reading.fresh { Proof::default() } else { self.evidence(&groups, policy).await? };
        self.ask(groups, &proof, &chains).await
    }

    /// Decides a group, and adds what is told of it beside.
    fn complete(&self, entry: &mut Entry, account: &AccountFacts) {
        entry.decide(account, self.coverage.as_ref());
        let fact = self.facts.get(&entry.facts.name);
        entry.details = fact.and_then(|fact| fact.details.clone()).unwrap_or_default();
        entry.bytes_per_day = fact.and_then(|fact| fact.bytes_per_day);
        let streamed = entry.decision.state.delivers();
        entry.health = self.facts.health(&entry.facts.name).filter(|_| streamed);
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
        let known: Vec<Timestamp> =
            names.iter().filter_map(|name| self.facts.filters(name)).map(|known| known.as_of).collect();
        let deliveries = match ours {
            Some((name, destination)) if names.len() - known.len() > FEW => {
                // What the policy streams is in the index, whatever filters there are.
                let by_policy = policy.is_some_and(|policy| policy.destination == destination);
                self.deliveries(name, by_policy).await?
            }
            _ => None,
        };
        let until = self.now - LAG;
        let begin = known.into_iter().chain(deliveries.as_ref().map(|deliveries| deliveries.since)).min();
        let begin = begin.map_or(until, |begin| begin - SKEW - SKEW).max(self.now - REACH);
        let mut history = match unless_logged_out(History::read(self.aws, begin, until).await)? {
            Ok(history) => history,
            Err(error) => {
                self.notes.push(Note::HistoryUnread(error.one_line()));
                return Ok(Proof::default());
            }
        };
        let evidence = Evidence { history: Some(&history), deliveries: deliveries.as_ref(), ours };
        let is_open = |name: &&str| evidence.prove(name, self.facts.filters(name).as_ref()).is_none();
        let open: HashSet<&str> = names.iter().copied().filter(is_open).collect();
        if let Some((filter, _)) = ours
            && open.len() > FEW
        {
            let read = history.read_back(self.aws, self.now - REACH, filter, open, self.progress).await;
            if let Err(error) = unless_logged_out(read)? {
                self.notes.push(Note::HistoryUnread(error.one_line()));
            }
        }
        let ours = ours.map(|(name, destination)| (name.to_owned(), destination.to_owned()));
        Ok(Proof { history: Some(history), deliveries, ours })
    }

    /// The last hours that metrics tell everything of.
    fn window(&self) -> Range<Timestamp> {
        let end = Timestamp::from_second((self.now - LAG).as_second() / i64::from(PERIOD) * i64::from(PERIOD));
        let end = end.unwrap_or(self.now);
        end - WINDOW..end
    }

    /// Compares what came into the groups that are streamed with what is in the index.
    async fn arrivals(&mut self, entries: &mut [Entry]) -> Result<(), Error> {
        let Some(stack) = self.stack else { return Ok(()) };
        let window = self.window();
        // What is delivered late, or once more, has arrived all the same.
        let arriving = window.start - SKEW..window.end + LATE;
        let documents = match unless_logged_out(documents::by_group(self.aws, stack, &arriving, Indexed::Then).await)? {
            Ok(documents) => documents,
            Err(error) => {
                self.notes.push(Note::ArrivalsUnread(error.one_line()));
                return Ok(());
            }
        };
        let mut streamed: Vec<&mut Entry> = entries.iter_mut().filter(|it| it.decision.state.delivers()).collect();
        let names: Vec<String> = streamed.iter().map(|entry| entry.facts.name.clone()).collect();
        let metrics: Vec<_> = names.iter().map(|name| Metric::incoming("IncomingLogEvents", name)).collect();
        let sums = match unless_logged_out(metrics::sums(self.aws, &metrics, PERIOD, &window).await)? {
            Ok(sums) => sums,
            Err(error) => {
                self.notes.push(Note::ArrivalsUnread(error.one_line()));
                return Ok(());
            }
        };
        for (entry, sums) in streamed.iter_mut().zip(sums) {
            let documents = documents.get(&entry.facts.name).copied().unwrap_or_default();
            entry.arrivals = Some(Box::new(Arrivals::new(&window, sums.iter().sum(), documents)));
        }
        Ok(())
    }

    /// What metrics and the index say of the last hours. `None` where the metrics cannot be read.
    async fn deliveries(&mut self, ours: &str, by_policy: bool) -> Result<Option<Deliveries>, Error> {
        let window = self.window();
        let active = match unless_logged_out(metrics::filters(self.aws, "ForwardedLogEvents", true).await)? {
            Ok(active) => active,
            Err(error) => {
                self.notes.push(Note::MetricsUnread(error.one_line()));
                return Ok(None);
            }
        };
        let mut deliveries = Deliveries { since: window.start, ..Deliveries::default() };
        for (group, filter) in active {
            deliveries.groups.entry(group).or_default().forwarded.insert(filter, 0.0);
        }
        let documents = match self.stack {
            Some(stack) if !by_policy => {
                unless_logged_out(documents::by_group(self.aws, stack, &window, Indexed::Whenever).await)?
            }
            _ => return Ok(Some(deliveries)),
        };
        let documents = match documents {
            Ok(documents) => documents,
            Err(error) => {
                self.notes.push(Note::DocumentsUnread(error.one_line()));
                return Ok(Some(deliveries));
            }
        };
        let indexed = |(name, delivery): &(&String, &mut Delivery)| {
            documents.contains_key(*name) && delivery.forwarded.contains_key(ours)
        };
        let mut indexed: Vec<_> = deliveries.groups.iter_mut().filter(indexed).collect();
        let names: Vec<&str> = indexed.iter().map(|(name, _)| name.as_str()).collect();
        let asked = names.iter().flat_map(|name| {
            [Metric::incoming("IncomingLogEvents", name), Metric::of_filter("ForwardedLogEvents", name, ours)]
        });
        let sums = metrics::sums(self.aws, &asked.collect::<Vec<_>>(), PERIOD, &window).await;
        match unless_logged_out(sums)? {
            Ok(sums) => {
                for ((name, delivery), figures) in indexed.iter_mut().zip(sums.chunks(2)) {
                    delivery.incoming = figures[0].iter().sum();
                    delivery.forwarded.insert(ours.to_owned(), figures[1].iter().sum());
                    delivery.documents = documents.get(*name).copied().unwrap_or_default();
                }
            }
            Err(error) => self.notes.push(Note::MetricsUnread(error.one_line())),
        }
        Ok(Some(deliveries))
    }

    /// Asks what is not proven, and puts everything together. What was found is kept even where that is cut off.
    async fn ask(&mut self, groups: Vec<Group>, proof: &Proof, chains: &Chains<'_>) -> Result<Vec<Entry>, Error> {
        let evidence = proof.evidence();
        let mut found = Vec::with_capacity(groups.len());
        let mut open = Vec::new();
        for group in groups {
            let known = evidence.prove(&group.name, self.facts.filters(&group.name).as_ref());
            let known = known.filter(|_| group.class.is_standard());
            match known {
                Some(known) => {
                    let known = self.facts.learn(&group.name, &known);
                    let (chain, error) = chains.of(&group.name).await;
                    found.push(undecided(group, chain, Some(known), error));
                }
                None => open.push(group),
            }
        }
        let doubt = |group: &Group| evidence.doubt(&group.name);
        open.sort_by(|a, b| doubt(b).total_cmp(&doubt(a)));
        let total = open.len();
        self.progress.note("their filters");
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
                None => found.push(undecided(group, chain, None, unclear)),
                Some(Err(error)) => found.push(undecided(group, chain, None, Some(error))),
                Some(Ok(filters)) => {
                    let known = Known { value: filters, source: Source::Asked, as_of: self.moment() };
                    let known = self.facts.learn(&group.name, &known);
                    found.push(undecided(group, chain, Some(known), unclear));
                }
            }
        }
        Ok(found)
    }

    /// The time of an answer.
    fn moment(&self) -> Timestamp {
        SignedDuration::try_from(self.begun.elapsed()).map_or(self.now, |since| self.now + since)
    }

    /// The functions that filters and the policy send to, and that are gone, or refuse what CloudWatch Logs sends.
    async fn dead(&mut self, entries: &[Entry], policy: Option<&AccountPolicy>) -> Result<BTreeSet<String>, Error> {
        let here = self.aws.function("");
        let filters = entries.iter().flat_map(Entry::filters);
        let destinations = filters.map(|filter| filter.destination.as_str());
        let destinations = destinations.chain(policy.map(|policy| policy.destination.as_str()));
        let destinations: BTreeSet<String> =
            destinations.filter(|arn| arn.starts_with(&here)).map(str::to_owned).collect();
        let client = self.aws.signed().await?;
        let (mut dead, mut unread) = (BTreeSet::new(), None);
        for arn in destinations {
            // A version or an alias may follow.
            let name = arn[here.len()..].split(':').next().unwrap_or_default();
            let tags = self.aws.call_signed("lambda", || client.function_tags(&self.aws.target.account, name)).await;
            let gone = match tags {
                Ok(tags) => tags.is_none() || self.refuses(&client, &arn).await,
                Err(error) => {
                    let error = self.aws.explain_signed(&format!("cannot tell whether {name} is there"), &error);
                    unread = Some(error.unless_logged_out()?);
                    false
                }
            };
            if gone {
                dead.insert(arn);
            }
        }
        self.notes.extend(unread.map(|error| Note::DestinationUnread(error.one_line())));
        Ok(dead)
    }

    /// Whether our forwarder refuses CloudWatch Logs. `doctor` tells where that cannot be read.
    async fn refuses(&self, client: &AwsClient, arn: &str) -> bool {
        if self.coverage.as_ref().is_none_or(|stack| stack.forwarder != arn) {
            return false;
        }
        let policy = self.aws.call_signed("lambda", || client.function_policy(arn)).await;
        let Ok(policy) = policy.map(Option::unwrap_or_default) else { return false };
        let source = self.aws.target.arn("logs", "log-group:any:*");
        admits(&policy, &self.aws.target.logs_principals(), &source, &self.aws.target.account) == Some(false)
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

impl History {
    /// Reads what was done since a time.
    async fn read(aws: &Aws, since: Timestamp, until: Timestamp) -> Result<Self, Error> {
        let mut history = Self { since, until, ..Self::default() };
        for call in history::CALLS {
            let mut pages = Pages::new(aws, call, since, None);
            while let Some(page) = pages.next().await? {
                history.add(page.calls);
            }
        }
        history.sort();
        Ok(history)
    }

    /// Reads further back who has put the filter of this name, for as long as that proves more of the `open` groups than could be
    /// asked in the same time.
    async fn read_back(
        &mut self,
        aws: &Aws,
        reach: Timestamp,
        filter: &str,
        mut open: HashSet<&str>,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let [put, others @ ..] = history::CALLS;
        let (end, mut barren, mut since) = (self.since, 0, reach);
        let mut pages = Pages::new(aws, put, reach, Some(end));
        progress.total(open.len());
        while let Some(page) = pages.next().await? {
            let before = open.len();
            for call in page.calls.iter().filter(|call| call.filter.as_deref() == Some(filter)) {
                if open.remove(call.group.as_str()) {
                    progress.step();
                }
            }
            barren = if before - open.len() < WORTH { barren + 1 } else { 0 };
            self.add(page.calls);
            if barren >= BARREN || open.len() <= FEW {
                // The page may have cut through a second.
                since = page.oldest.map_or(reach, |oldest| oldest + SignedDuration::from_secs(1));
                break;
            }
        }
        for call in others {
            let mut pages = Pages::new(aws, call, since, Some(end));
            while let Some(page) = pages.next().await? {
                self.add(page.calls);
            }
        }
        self.since = since;
        self.sort();
        Ok(())
    }

    fn add(&mut self, calls: Vec<history::Call>) {
        for history::Call { at, deed, group, filter, put } in calls {
            let deed = match (deed, filter, put) {
                (_, _, Some(put)) => Deed::Put(self.shared(put)),
                (history::Deed::Put, Some(filter), None) => Deed::PutSome(filter),
                (history::Deed::Delete, Some(filter), None) => Deed::Delete(filter),
                (_, None, None) | (history::Deed::Group, _, None) => Deed::Group,
            };
            self.deeds.entry(group).or_default().push((at, deed));
        }
    }

    /// The filter, which all deeds share that have put the same.
    fn shared(&mut self, put: Filter) -> Arc<Filter> {
        if let Some(known) = self.puts.get(&put) {
            return known.clone();
        }
        let put = Arc::new(put);
        self.puts.insert(put.clone());
        put
    }

    /// In the order of time, and without what is older than the whole: a page may have cut through a second.
    fn sort(&mut self) {
        let since = self.since;
        self.deeds.values_mut().for_each(|deeds| deeds.retain(|(at, _)| *at >= since));
        self.deeds.values_mut().for_each(|deeds| deeds.sort_by_key(|(at, _)| *at));
    }
}

/// How groups belong to the forwarding chain.
struct Chains<'a> {
    aws: &'a Aws,
    own: OwnGroups,
    /// The groups to which the domain publishes its own logs.
    of_domain: Result<BTreeSet<String>, Error>,
}

impl<'a> Chains<'a> {
    async fn read(aws: &'a Aws, stack: Option<&DeployedStack>) -> Result<Self, Error> {
        let working = stack.filter(|stack| stack.forwarder.is_some());
        let domain = stack.map(|stack| stack.settings.domain_arn.as_str());
        let own = OwnGroups::new(aws.signed().await?, &aws.target.account, working.map(|stack| stack.name.clone()));
        let own = own.with_domain(domain);
        let unread = |error| aws.explain_signed("cannot tell where the domain publishes its own logs", &error);
        let of_domain = aws.call_signed("es", || own.of_domain()).await.map_err(unread);
        Ok(Self { aws, own, of_domain: unless_logged_out(of_domain)? })
    }

    /// How a group belongs, or why that could not be read.
    async fn of(&self, group: &str) -> (Option<Chain>, Option<Error>) {
        if self.of_domain.as_ref().is_ok_and(|groups| groups.contains(group)) {
            return (Some(Chain::Domain), None);
        }
        let unread = |error| self.aws.explain_signed("cannot tell whether it is a log of logctl itself", &error);
        match self.aws.call_signed("lambda", || self.own.chain(group)).await {
            Ok(chain) => (Some(chain), None),
            Err(error) => (None, Some(unread(error))),
        }
    }
}

fn notes(stack: Option<&DeployedStack>) -> Vec<Note> {
    let idle = stack.filter(|stack| stack.forwarder.is_none() && stack.status.phase != Phase::Shell);
    let idle = idle.map(|stack| Note::ForwardsNothing(stack.name.clone(), stack.status.clone()));
    let disabled = stack.filter(|stack| !stack.settings.rule_enabled).map(|_| Note::RuleDisabled);
    let problems = stack.into_iter().flat_map(|stack| stack.problems.iter().cloned().map(Note::ParameterUnread));
    [idle, disabled].into_iter().flatten().chain(problems).collect()
}
