//! Log groups that should have spoken: those that hold an id, and are not streamed.

use std::{collections::BTreeSet, ops::Range, time::Duration};

use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use logctl_core::coverage::State;
use serde::Serialize;

use crate::{
    args::GroupSelection,
    aws::{Aws, past},
    commands::{asking_all, search::Connected},
    context::Context,
    deploy::DeployedStack,
    error::Error,
    events::{
        Search,
        trace::{self, Traced},
    },
    inventory::{self, Entry, Reading},
    progress::Progress,
    time::{as_rfc3339, rfc3339},
    words::count,
};

/// How long the states of the groups may take, and how long the groups themselves.
const PATIENCE: Duration = Duration::from_secs(20);
/// Groups that are asked, the nearest by name to those that have spoken.
const MOST: usize = 20;
/// Groups that are asked side by side.
const AT_ONCE: usize = 4;
/// How long before the first event and after the last one a group may have spoken.
const AROUND: SignedDuration = SignedDuration::from_mins(5);

/// What is known of the groups that are not streamed.
#[derive(Debug, Default)]
pub struct Unstreamed {
    /// Those that hold one of the ids.
    pub groups: Vec<Silent>,
    /// How many were not asked, or did not answer.
    pub unasked: usize,
    /// Why it is not known which there are.
    pub unknown: Option<String>,
}

/// A group that holds an id and is not streamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Silent {
    /// The log group.
    pub group: String,
    /// Its state, as audit calls it.
    pub state: State,
    /// Events that hold one of the ids, of the first page that CloudWatch Logs gives.
    pub events: usize,
    /// Whether there may be more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
    /// When the first of them happened.
    #[serde(serialize_with = "as_rfc3339")]
    pub first: Timestamp,
}

impl Silent {
    /// What is said of it.
    pub fn said(&self) -> String {
        let events = count(self.events, "event");
        let more = if self.at_least { "at least " } else { "" };
        let (state, first) = (self.state, rfc3339(self.first));
        format!("holds it, and is not streamed (its state is {state}): {more}{events}, the first at {first}")
    }
}

impl Unstreamed {
    /// Asks the account which groups are not streamed, and those which of them hold an id that was typed.
    pub async fn find(
        domain: &Connected,
        (traced, search): (&Traced, &Search),
        (typed, selection): (&[String], &GroupSelection),
        cx: &Context<'_>,
        progress: &dyn Progress,
    ) -> Self {
        let unknown = |why: String| Self { unknown: Some(why), ..Self::default() };
        let Some((aws, stack)) = domain.stack() else {
            return unknown("the domain was named by its address, and not by the stack of an account".to_owned());
        };
        let silent = tokio::time::timeout(PATIENCE, silent(aws, stack, selection, cx, progress)).await;
        let mut silent = match silent {
            Ok(Ok(silent)) => silent,
            Ok(Err(error)) => return unknown(error.one_line()),
            Err(_) => return unknown("it takes longer to find out; logctl audit tells it".to_owned()),
        };
        let spoken: BTreeSet<&str> = traced.events.iter().map(|event| event.group.as_str()).collect();
        silent.retain(|(group, _)| !spoken.contains(group.as_str()));
        silent.sort_by_key(|(group, _)| std::cmp::Reverse(spoken.iter().map(|other| alike(group, other)).max()));
        let range = around(traced, search);
        let forms = forms(typed);
        let asked = silent.iter().take(MOST).map(|(group, state)| holding(aws, group, *state, &range, &forms));
        let mut asked = stream::iter(asked).buffer_unordered(AT_ONCE);
        let mut found = Self { unasked: silent.len(), ..Self::default() };
        let ask = async {
            while let Some(held) = asked.next().await {
                progress.step();
                if let Ok(held) = held {
                    found.unasked -= 1;
                    found.groups.extend(held);
                }
            }
        };
        let _ = tokio::time::timeout(PATIENCE, ask).await; // What was not asked by then is counted.
        found.groups.sort_by_key(|silent| silent.first);
        found
    }
}

/// The groups of the account whose events do not reach the index.
async fn silent(
    aws: &Aws,
    stack: &DeployedStack,
    selection: &GroupSelection,
    cx: &Context<'_>,
    progress: &dyn Progress,
) -> Result<Vec<(String, State)>, Error> {
    let reading = Reading { fresh: false, one_of_several: true, ..asking_all(aws, selection, cx) };
    let inventory = Box::pin(inventory::take(aws, Some(stack), &reading, aws.time(cx.env.now), progress)).await?;
    let is_silent = |entry: &&Entry| !entry.decision.state.delivers() && entry.decision.state != State::Own;
    let groups = inventory.groups.iter().filter(is_silent);
    Ok(groups.map(|entry| (entry.facts.name.clone(), entry.decision.state)).collect())
}

/// How many signs two names begin with alike.
fn alike(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count()
}

fn around(traced: &Traced, search: &Search) -> Range<Timestamp> {
    let range = trace::range(&traced.events, search);
    let [since, until] = [range.start.checked_sub(AROUND), range.end.checked_add(AROUND)];
    since.unwrap_or(range.start)..until.unwrap_or(range.end)
}

/// The ids that were typed, as they may be written: CloudWatch Logs looks for them sign by sign.
fn forms(typed: &[String]) -> Vec<String> {
    let forms = typed.iter().flat_map(|id| [id.clone(), id.to_lowercase(), id.to_uppercase()]);
    forms.collect::<BTreeSet<String>>().into_iter().collect()
}

async fn holding(
    aws: &Aws,
    group: &str,
    state: State,
    range: &Range<Timestamp>,
    forms: &[String],
) -> Result<Option<Silent>, Error> {
    for form in forms {
        let held = past::holding(aws, group, range, form).await?;
        if let Some(first) = held.iter().map(|event| event.time).min() {
            let (events, at_least) = (held.len(), held.len() >= past::MOST.into());
            return Ok(Some(Silent { group: group.to_owned(), state, events, at_least, first }));
        }
    }
    Ok(None)
}
