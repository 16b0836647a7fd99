//! Hands the events of an answer over: each once, in order, from where it is gone on.

use std::collections::HashSet;

use super::{Cursor, Cut, Hit, Search, foreign::Beside};
use crate::domain::DomainClient;

/// Hands events over, in their order.
pub(super) struct Taker<'a, T> {
    pub search: &'a Search,
    pub skip: Skip<'a>,
    /// Where events stand in two layouts, some are there twice.
    pub once: Option<Once>,
    pub take: T,
}

impl<T, E> Taker<'_, T>
where
    T: FnMut(&[Hit<'_>]) -> Result<(), E>,
{
    /// Hands these over, as far as they are meant.
    ///
    /// # Errors
    /// Those of the taker, and of a cursor that is not among them.
    pub fn take(&mut self, mut hits: Vec<Hit<'_>>) -> Result<(), Cut<E>> {
        if let Some(once) = &mut self.once {
            hits.retain(|hit| once.is_first(hit));
        }
        let passed = self.skip.passes(&hits).map_err(|()| Cut::OtherQuery)?;
        hits.drain(..passed);
        hits.retain(|hit| self.search.means(hit));
        (self.take)(&hits).map_err(Cut::Taker)
    }

    /// Hands over what happened beside `hits` before `until`, in milliseconds since 1970, each with those of `hits` that
    /// happened no later. Gives the others back.
    ///
    /// # Errors
    /// Those of [`Self::take`], and when the domain cannot be asked.
    pub async fn take_beside<'h>(
        &mut self,
        beside: &mut Beside,
        mut hits: Vec<Hit<'h>>,
        until: i64,
        domain: &DomainClient,
    ) -> Result<Vec<Hit<'h>>, Cut<E>> {
        loop {
            let texts = beside.before(until, domain).await?;
            let others: Result<Vec<Hit<'_>>, _> = texts.iter().map(|text| serde_json::from_str(text)).collect();
            let others = others.map_err(|_| domain.no_engine())?;
            let Some(last) = others.last().map(|hit| hit.sort.0) else { return Ok(hits) };
            let no_later = hits.partition_point(|hit| hit.sort.0 <= last);
            let mut both: Vec<Hit<'_>> = hits.drain(..no_later).collect();
            both.extend(others);
            // Of one millisecond ours come first, then the others as they were written: so wherever a page ends.
            both.sort_by_key(|hit| hit.sort);
            self.take(both)?;
        }
    }
}

/// Knows the events of the millisecond that is being read.
#[derive(Default)]
pub(super) struct Once {
    at: i64,
    ids: HashSet<String>,
}

impl Once {
    fn is_first(&mut self, hit: &Hit<'_>) -> bool {
        if self.at != hit.sort.0 {
            self.at = hit.sort.0;
            self.ids.clear();
        }
        self.ids.insert(hit.id().into_owned())
    }
}

/// Events that are passed over: a number of them, or those up to the one of a cursor.
pub(super) struct Skip<'a> {
    /// So many.
    pub events: u64,
    /// Up to this one.
    pub until: Option<&'a Cursor>,
}

impl Skip<'_> {
    /// How many of these are passed over. An error where the event of the cursor is not among them, and should be.
    fn passes(&mut self, hits: &[Hit<'_>]) -> Result<usize, ()> {
        if let Some(cursor) = self.until {
            let found = hits.iter().position(|hit| hit.time() == cursor.at && hit.id() == cursor.id);
            if found.is_some() {
                self.until = None;
            } else if hits.iter().any(|hit| hit.time() > cursor.at) {
                return Err(());
            }
            return Ok(found.map_or(hits.len(), |at| at + 1));
        }
        let passed = self.events.min(hits.len() as u64);
        self.events -= passed;
        Ok(usize::try_from(passed).unwrap_or(hits.len()))
    }
}

impl Search {
    /// Whether a hit is meant, where the engine knows too little.
    fn means(&self, hit: &Hit<'_>) -> bool {
        let Some(verdict) = &self.verdict else { return true };
        let names = hit.found_by();
        verdict.holds(&names.iter().map(String::as_str).collect::<Vec<_>>(), &hit.event())
    }
}
