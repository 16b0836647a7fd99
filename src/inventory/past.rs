//! The event history of filters, read.

use std::{collections::HashSet, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use logctl_core::coverage::Filter;

use super::{
    FEW,
    evidence::{Deed, History},
};
use crate::{
    aws::{
        Aws,
        history::{self, Pages},
    },
    error::Error,
    progress::Progress,
};

/// Pages that may go by without proving more than would cost less to ask.
const BARREN: usize = 4;
/// Groups that a page must prove to be worth it: as many could be asked in its time.
const WORTH: usize = 3;

impl History {
    /// Reads what was done since a time.
    pub(super) async fn read(aws: &Aws, since: Timestamp, until: Timestamp) -> Result<Self, Error> {
        // Times are told to the second.
        let since = Timestamp::from_second(since.as_second()).unwrap_or(since);
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
    /// asked in the same time. Where that breaks off, what was known before stays as it is.
    pub(super) async fn read_back(
        &mut self,
        aws: &Aws,
        reach: Timestamp,
        filter: &str,
        mut open: HashSet<&str>,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let [put, others @ ..] = history::CALLS;
        let (end, mut barren, mut since) = (self.since, 0, reach);
        let mut calls = Vec::new();
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
            calls.extend(page.calls);
            if let Some(oldest) = page.oldest.filter(|_| barren >= BARREN || open.len() <= FEW) {
                since = oldest + SignedDuration::from_secs(1); // The page may have cut through a second.
                break;
            }
        }
        for call in others {
            let mut pages = Pages::new(aws, call, since, Some(end));
            while let Some(page) = pages.next().await? {
                calls.extend(page.calls);
            }
        }
        self.add(calls);
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
