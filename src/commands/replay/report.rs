//! Which dead letters there are, and what became of them.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use logctl_core::{
    dead_letter::{DeadLetter, LetterKind},
    index_name::{IndexName, Indices},
};
use logctl_sink::{replay::Replayed, writer::Stopped};
use serde::Serialize;

use crate::{
    aws::Target,
    error::{Error, Kind},
    time::{from_milliseconds, rfc3339},
    ui::{Above, Cell, Column, Grid, Role, Show},
    words::{count, grouped},
};

/// Characters of a message that are shown as a sample.
const SAMPLE: usize = 60;
/// What the rest is called.
const OTHERS: &str = "other reasons";
/// Reasons that are told apart; more are counted together.
const MAX_REASONS: usize = 200;

/// Dead letters, counted by kind and reason.
#[derive(Debug, Default, Serialize)]
pub struct Survey {
    #[serde(flatten)]
    target: Target,
    /// Keys of the objects, oldest first within their kind.
    #[serde(skip)]
    pub objects: Vec<String>,
    /// Keys of objects that are something else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
    /// Keys of objects that the redrive has set aside, each with the reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set_aside: BTreeMap<String, String>,
    #[serde(serialize_with = "values")]
    reasons: BTreeMap<(LetterKind, String), Reason>,
}

fn values<S: serde::Serializer>(
    map: &BTreeMap<(LetterKind, String), Reason>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(map.values())
}

/// Letters of one reason.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names of the JSON output")]
struct Reason {
    kind: LetterKind,
    /// The reason, without what differs from event to event.
    reason: String,
    letters: usize,
    /// The indices that they go to; empty where their times will tell.
    #[serde(serialize_with = "names", skip_serializing_if = "BTreeSet::is_empty")]
    indices: BTreeSet<IndexName>,
    /// When the first of them was given up, in milliseconds since 1970; 0 where nobody knows.
    oldest: i64,
    newest: i64,
    /// The log group and the beginning of the message of one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    sample: Option<[String; 2]>,
}

fn names<S: serde::Serializer>(names: &BTreeSet<IndexName>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(names.iter().map(IndexName::as_str))
}

impl Survey {
    /// Without any letter yet.
    #[must_use]
    pub fn new(target: &Target) -> Self {
        Self { target: target.clone(), ..Self::default() }
    }

    /// What a replay of them does.
    #[must_use]
    pub fn intent(&self) -> String {
        format!("index {} in {}", count(self.letters(), "dead letter"), self.target)
    }

    /// What is asked before it is begun.
    #[must_use]
    pub fn question(&self) -> String {
        format!("Index {} in {}?", count(self.letters(), "dead letter"), self.target)
    }

    /// Counts a letter. One that names an index which is not one of `indices` will be refused, and that is told as its reason.
    pub fn count(&mut self, letter: &DeadLetter<'_>, indices: &Indices) {
        let index = letter.index.as_deref().map(|index| indices.check(index)).transpose();
        let mut key = (letter.kind, index.as_ref().map_or_else(Clone::clone, |_| shape(&letter.reason)));
        if self.reasons.len() >= MAX_REASONS && !self.reasons.contains_key(&key) {
            OTHERS.clone_into(&mut key.1);
        }
        let entry = self.reasons.entry(key.clone()).or_insert_with(|| Reason {
            kind: key.0,
            reason: key.1,
            letters: 0,
            indices: BTreeSet::new(),
            oldest: letter.at,
            newest: letter.at,
            sample: sample(letter),
        });
        entry.letters += 1;
        entry.indices.extend(index.ok().flatten());
        entry.oldest = entry.oldest.min(letter.at);
        entry.newest = entry.newest.max(letter.at);
    }

    /// Adds those of an object.
    pub fn merge(&mut self, other: Self) {
        for (mut key, reason) in other.reasons {
            if self.reasons.len() >= MAX_REASONS && !self.reasons.contains_key(&key) {
                OTHERS.clone_into(&mut key.1);
            }
            match self.reasons.entry(key) {
                Entry::Vacant(place) => drop(place.insert(reason)),
                Entry::Occupied(mut place) => place.get_mut().merge(reason),
            }
        }
    }

    /// The error where some objects are something else.
    ///
    /// # Errors
    /// Incomplete.
    pub fn check(&self) -> Result<(), Error> {
        match self.unreadable.len() {
            0 => Ok(()),
            number => Err(Error::new(Kind::Incomplete, format!("{} could not be read", count(number, "object")))),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn letters(&self) -> usize {
        self.reasons.values().map(|reason| reason.letters).sum()
    }

    /// The reasons, most frequent first.
    fn sorted(&self) -> Vec<&Reason> {
        let mut reasons: Vec<_> = self.reasons.values().collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.letters));
        reasons
    }
}

impl Reason {
    fn merge(&mut self, other: Self) {
        self.letters += other.letters;
        self.indices.extend(other.indices);
        self.oldest = self.oldest.min(other.oldest);
        self.newest = self.newest.max(other.newest);
    }

    /// The indices, the first and the last where there are several.
    fn goes_to(&self) -> String {
        match (self.indices.first(), self.indices.last(), self.indices.len()) {
            (Some(first), Some(last), 3..) => format!("{first} … {last}"),
            (Some(first), Some(last), 2) => format!("{first}, {last}"),
            (Some(first), ..) => first.to_string(),
            (None, ..) => "-".to_owned(),
        }
    }
}

/// What is common to the reasons of many events: ids, previews and quoted values are left out.
fn shape(reason: &str) -> String {
    let reason = reason.split(" in document with id").next().unwrap_or_default();
    let mut shape = String::new();
    for (at, part) in reason.split('\'').enumerate() {
        shape.push_str(if at % 2 == 1 { "'…'" } else { part });
    }
    shape.chars().take(200).collect()
}

/// The log group and the beginning of the message.
fn sample(letter: &DeadLetter<'_>) -> Option<[String; 2]> {
    let event: serde_json::Value = serde_json::from_str(letter.event?.get()).ok()?;
    let message: String = event.get("message")?.as_str()?.chars().take(SAMPLE).collect();
    Some([letter.origin.as_ref()?.log_group.clone(), message])
}

impl Show for Survey {
    const SCHEMA: &'static str = "logctl.replay-plan/v1";

    fn grid(&self) -> Grid {
        let row = |reason: &Reason| {
            let [group, message] = reason.sample.clone().unwrap_or_default();
            vec![
                Cell::new(reason.kind).role(Role::Strong),
                Cell::new(reason.letters).shown(grouped(reason.letters as u64)),
                Cell::new(if reason.oldest > 0 { rfc3339(from_milliseconds(reason.oldest)) } else { "-".to_owned() }),
                Cell::new(&reason.reason),
                Cell::new(reason.goes_to()),
                Cell::new(format!("{group} {message}")).role(Role::Dim),
            ]
        };
        let columns = vec![
            Column::Both("KIND"),
            Column::Both("LETTERS"),
            Column::Pipe("OLDEST"),
            Column::Both("REASON"),
            Column::Both("INDEX"),
            Column::Terminal("ONE OF THEM"),
        ];
        Grid {
            above: vec![Above::Text(self.target.to_string())],
            columns,
            rows: self.sorted().into_iter().map(row).collect(),
            ..Grid::default()
        }
    }
}

/// What became of them.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// Which account and Region.
    #[serde(flatten)]
    pub target: Target,
    /// Objects that were to be replayed.
    pub objects: usize,
    /// Objects that were replayed.
    pub done: usize,
    /// Letters that are indexed now.
    pub indexed: usize,
    /// Letters that had been indexed before.
    pub duplicates: usize,
    /// Of those two, the ones that lack a typed field.
    pub degraded: usize,
    /// Letters that were refused again, and stay.
    pub refused: usize,
    /// Letters of logctl's own functions, which were dropped.
    pub own: usize,
    /// Why the domain took no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outage: Option<String>,
    /// What it answered to some object, if nobody understands it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub odd: Option<String>,
    /// Whether Ctrl-C ended it early.
    #[serde(skip)]
    pub interrupted: bool,
}

impl Outcome {
    /// Of a replay that is not begun.
    #[must_use]
    pub fn new(target: &Target) -> Self {
        Self { target: target.clone(), ..Self::default() }
    }

    /// Adds what became of an object.
    pub fn add(&mut self, replayed: Replayed) {
        self.done += usize::from(!replayed.waits && replayed.written.stopped.is_none());
        self.indexed += replayed.written.created;
        self.duplicates += replayed.written.duplicates;
        self.degraded += replayed.written.degraded;
        self.refused += replayed.refused;
        self.own += replayed.own;
        match replayed.written.stopped {
            None => {}
            Some(Stopped::Odd(reason)) => _ = self.odd.get_or_insert(reason),
            Some(stopped @ (Stopped::Outage(_) | Stopped::Time)) => {
                self.outage.get_or_insert_with(|| stopped.to_string());
            }
        }
    }

    /// How it went, in one line.
    #[must_use]
    pub fn closing_line(&self) -> String {
        let mut line = format!("indexed {} in {}", count(self.indexed, "dead letter"), self.target);
        if self.degraded > 0 {
            line += &format!(", {} of them without some typed fields", grouped(self.degraded as u64));
        }
        if self.duplicates > 0 {
            line += &format!(", {} had been indexed before", grouped(self.duplicates as u64));
        }
        if self.refused > 0 {
            line += &format!(", {} refused again", grouped(self.refused as u64));
        }
        if self.own > 0 {
            line += &format!(", {} of logctl's own functions dropped", grouped(self.own as u64));
        }
        if self.done < self.objects {
            line += &format!(", {} left", count(self.objects - self.done, "object"));
        }
        line
    }

    /// The error that the run ends with, if it does.
    ///
    /// # Errors
    /// Interrupted; failed where the domain or an index took no more, or letters were refused again.
    pub fn result(&self) -> Result<(), Error> {
        let again = "the same command does the rest";
        let look = "see the reasons with: logctl replay --dry-run";
        if self.interrupted {
            Err(Error::new(Kind::Interrupted, "interrupted").hint(again))
        } else if let Some(reason) = &self.outage {
            Err(Error::failed("the domain takes no more").because(reason).hint(again))
        } else if let Some(reason) = &self.odd {
            Err(Error::failed("the domain's answers to some letters are not understood").because(reason).hint(look))
        } else if self.done < self.objects {
            Err(Error::failed("an index of the domain lets nobody write").hint(look))
        } else if self.refused > 0 {
            Err(Error::failed(format!("{} refused again", count(self.refused, "dead letter"))).hint(look))
        } else {
            Ok(())
        }
    }
}

impl Show for Outcome {
    const SCHEMA: &'static str = "logctl.replay/v1";

    fn grid(&self) -> Grid {
        // For people the closing line says it all.
        let numbers = [("indexed", self.indexed), ("duplicates", self.duplicates), ("refused", self.refused)];
        let rows = numbers.map(|(name, number)| vec![Cell::new(name), Cell::new(number)]);
        Grid { columns: ["WHAT", "NUMBER"].map(Column::Pipe).to_vec(), rows: rows.to_vec(), ..Grid::default() }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::{aws::mocked::target, ui::three_forms};

    #[test]
    fn reasons_of_many_events_are_one() {
        let of = |id: u32, value: &str| {
            shape(&format!("failed to parse field [a] in document with id '{id}'. Preview of field's value: '{value}'"))
        };
        assert_eq!(of(1, "x"), of(2, "y"));
        assert_eq!(shape("no such index 'a' here"), "no such index '…' here");
    }

    #[test]
    fn the_closing_line_accounts_for_everything() {
        let target = Target { account: "1".into(), alias: None, region: "eu-west-1".into(), partition: "aws".into() };
        let outcome =
            Outcome { objects: 3, done: 2, indexed: 1_000, duplicates: 2, refused: 1, ..Outcome::new(&target) };
        assert_eq!(
            outcome.closing_line(),
            "indexed 1,000 dead letters in account 1, eu-west-1, 2 had been indexed before, 1 refused again, 1 object left"
        );
        assert_eq!(outcome.result().unwrap_err().kind, Kind::Failed);
    }

    #[test]
    fn the_plan_and_the_outcome() {
        let indices = Indices { prefix: "logctl".parse().unwrap(), period: logctl_core::index_name::Period::Day };
        let mut survey = Survey::new(&target());
        for (kind, index, number) in [
            (LetterKind::Rejected, Some("logctl-2026.11.23"), 2),
            (LetterKind::Rejected, Some("logctl-2026.11.24"), 1),
            (LetterKind::Rejected, Some("orders"), 1),
            (LetterKind::Outage, None, 1),
        ] {
            let letter = DeadLetter {
                kind,
                reason: "failed to parse field [a] in document with id '1'".into(),
                at: 1_795_428_000_000,
                attempts: 1,
                index: index.map(Into::into),
                origin: None,
                event: None,
                payload: None,
            };
            for _ in 0..number {
                survey.count(&letter, &indices);
            }
        }
        assert_snapshot!(three_forms(&survey), @r#"
        account 123456789012 (shop), eu-west-1
        KIND      LETTERS  REASON                        INDEX                                 ONE OF THEM
        rejected  3        failed to parse field [a]     logctl-2026.11.23, logctl-2026.11.24
        rejected  1        `orders` is no index of this  -
                           stack
        outage    1        failed to parse field [a]     -
        --- pipe
        rejected	3	2026-11-23T10:00:00.000Z	failed to parse field [a]	logctl-2026.11.23, logctl-2026.11.24
        rejected	1	2026-11-23T10:00:00.000Z	`orders` is no index of this stack	-
        outage	1	2026-11-23T10:00:00.000Z	failed to parse field [a]	-
        --- json
        {
          "schema": "logctl.replay-plan/v1",
          "account": "123456789012",
          "alias": "shop",
          "region": "eu-west-1",
          "reasons": [
            {
              "kind": "rejected",
              "reason": "`orders` is no index of this stack",
              "letters": 1,
              "oldest": 1795428000000,
              "newest": 1795428000000
            },
            {
              "kind": "rejected",
              "reason": "failed to parse field [a]",
              "letters": 3,
              "indices": [
                "logctl-2026.11.23",
                "logctl-2026.11.24"
              ],
              "oldest": 1795428000000,
              "newest": 1795428000000
            },
            {
              "kind": "outage",
              "reason": "failed to parse field [a]",
              "letters": 1,
              "oldest": 1795428000000,
              "newest": 1795428000000
            }
          ]
        }
        "#);
        assert_snapshot!(survey.question(), @"Index 5 dead letters in account 123456789012 (shop), eu-west-1?");
        let outcome = Outcome { objects: 2, done: 2, indexed: 5, refused: 1, ..Outcome::new(&target()) };
        assert_snapshot!(three_forms(&outcome), @r#"
        --- pipe
        indexed	5
        duplicates	0
        refused	1
        --- json
        {
          "schema": "logctl.replay/v1",
          "account": "123456789012",
          "alias": "shop",
          "region": "eu-west-1",
          "objects": 2,
          "done": 2,
          "indexed": 5,
          "duplicates": 0,
          "degraded": 0,
          "refused": 1,
          "own": 0
        }
        "#);
    }
}
