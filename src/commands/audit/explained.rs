//! What decides the state of one log group: the facts, and the rule that they lead to.

use logctl_core::coverage::{Chain, Filter, State};
use serde::Serialize;
use strum::IntoEnumIterator as _;

use crate::{
    aws::Target,
    commands::group_report::{GroupReport, cell, whole},
    deploy::DeployedStack,
    inventory::Inventory,
    time::rfc3339,
    ui::{Cell, Column, Grid, Role, Show},
};

/// One log group, explained.
#[derive(Debug, Serialize)]
pub struct Explained<'a> {
    #[serde(flatten)]
    target: Target,
    group: GroupReport<'a>,
    facts: Vec<Fact>,
}

/// Something that is known.
#[derive(Debug, Serialize)]
struct Fact {
    fact: &'static str,
    says: String,
}

impl<'a> Explained<'a> {
    /// The group of this name, where the inventory has it.
    #[must_use]
    pub fn new(inventory: &'a Inventory, stack: Option<&DeployedStack>, name: &str) -> Option<Self> {
        let entry = inventory.groups.iter().find(|entry| entry.facts.name == name)?;
        let group = GroupReport::all(inventory).find(|group| group.name == name)?;
        let mut facts = Vec::new();
        let mut fact = |fact, says: String| facts.push(Fact { fact, says });
        let state = entry.decision.state;
        let limit = inventory.account.filter_limit;
        let forwarder = inventory.coverage.as_ref().map(|stack| &stack.forwarder);
        let is_known = |other: &State| match other {
            State::Full => limit.is_some(),
            State::Broken => forwarder.is_none_or(|arn| inventory.destinations.contains_key(arn)),
            _ => true,
        };
        let before: Vec<String> =
            State::iter().take_while(|other| *other != state).filter(is_known).map(|it| it.to_string()).collect();
        fact("because", entry.decision.reason.clone());
        if !before.is_empty() {
            fact("before", format!("it is not {}", before.join(", not ")));
        }
        fact("class", entry.facts.class.to_string());
        let chain = match entry.facts.chain {
            Some(Chain::No) => "no part of a forwarding chain",
            Some(Chain::NoFunction) => "named like a function of logctl, and there is none of that name",
            Some(Chain::Function) => "the log of a logctl function",
            Some(Chain::Domain) => "the search domain publishes its own logs there",
            None => "could not be read",
        };
        fact("chain", chain.to_owned());
        match &entry.facts.filters {
            None => fact("filters", "not known".to_owned()),
            Some(filters) if filters.is_empty() => fact("filters", "none".to_owned()),
            Some(filters) => filters.iter().for_each(|filter| fact("filter", told(filter))),
        }
        fact("policy", policy(inventory, name));
        if let Some(stack) = &inventory.coverage {
            fact("rules", stack.rules.check(name).err().unwrap_or_else(|| "let it through".to_owned()));
            fact("wanted", format!("a filter to {}", stack.forwarder));
        } else {
            fact("stack", stack.map_or("there is none", |_| "it forwards nothing").to_owned());
        }
        let copies = match (&entry.copied_by, &inventory.copies) {
            (Some(rule), _) => format!("of other accounts' logs, by the centralization rule {rule}"),
            (None, Err(why)) => format!("not known: {}", why.one_line()),
            (None, Ok(None)) => "not known: only an organization's administrator is told of its rules".to_owned(),
            (None, Ok(Some(rules))) if rules.iter().any(|rule| rule.fill(name).is_none()) => {
                "may be among its events: a centralization rule names them as what they are copied from".to_owned()
            }
            (None, Ok(Some(_))) => "none: no centralization rule fills it".to_owned(),
        };
        fact("copies", copies);
        fact(
            "limit",
            limit.map_or_else(
                || "not known: how many filters a group may have is told when AWS refuses one".to_owned(),
                |limit| format!("{limit} filters"),
            ),
        );
        if let Some((source, as_of)) = entry.evidence {
            fact("evidence", format!("{source}, as of {}", rfc3339(as_of)));
        }
        if let Some(bytes) = entry.bytes_per_day {
            fact("volume", format!("{} a day", indicatif::HumanBytes(whole(bytes))));
        }
        Some(Self { target: inventory.target.clone(), group, facts })
    }
}

fn told(filter: &Filter) -> String {
    let Filter { name, destination, pattern, distribution, selection, transformed, system_fields } = filter;
    let mut told = format!("{name} → {destination}");
    if !pattern.is_empty() {
        told += &format!(", what matches `{pattern}`");
    }
    if let Some(selection) = selection.as_deref().filter(|it| !it.is_empty()) {
        told += &format!(", selected by `{selection}`");
    }
    if let Some(distribution) = distribution {
        told += &format!(", {distribution}");
    }
    if *transformed {
        told += ", transformed";
    }
    if !system_fields.is_empty() {
        told += &format!(", with {}", system_fields.join(", "));
    }
    told
}

fn policy(inventory: &Inventory, name: &str) -> String {
    match (&inventory.policy, &inventory.account.policy) {
        (Err(error), _) => error.one_line(),
        (Ok(Some(policy)), Some(says)) if says.except.contains(name) => format!("{policy} leaves it out"),
        (Ok(Some(policy)), Some(says)) => {
            let part = if says.complete { "all of it" } else { "a part of it" };
            format!("{policy} sends {part} to {}", says.destination)
        }
        _ => "none".to_owned(),
    }
}

impl Show for Explained<'_> {
    const SCHEMA: &'static str = "logctl.audit-explain/v1";

    fn grid(&self) -> Grid {
        let facts = self.facts.iter().map(|Fact { fact, says }| vec![Cell::new(fact).role(Role::Dim), Cell::new(says)]);
        let head = [
            vec![Cell::new("account").role(Role::Dim), Cell::new(&self.target)],
            vec![Cell::new("group").role(Role::Dim), Cell::new(self.group.name).role(Role::Strong)],
            vec![Cell::new("state").role(Role::Dim), cell(self.group.state)],
        ];
        Grid {
            columns: ["FACT", "SAYS"].map(Column::Both).to_vec(),
            rows: head.into_iter().chain(facts).collect(),
            ..Grid::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::{inventory::examples::inventory, ui::Look};

    #[test]
    fn a_group_that_drifted() {
        let inventory = inventory();
        let explained = Explained::new(&inventory, None, "/drifted").unwrap();
        assert_snapshot!(explained.grid().terminal(&Look::plain(120)), @r"
        FACT      SAYS
        account   account 123456789012 (shop), eu-west-1
        group     /drifted
        state     drifted
        because   its filter sends only what matches `ERROR`
        before    it is not unknown, not loop, not own, not unsupported, not unwanted, not excluded, not conflict, not broken,
                  not double
        class     STANDARD
        chain     no part of a forwarding chain
        filter    logctl-logctl → arn:aws:lambda:eu-west-1:123456789012:function:logctl-logctl-forwarder, what matches `ERROR`
        policy    none
        rules     let it through
        wanted    a filter to arn:aws:lambda:eu-west-1:123456789012:function:logctl-logctl-forwarder
        copies    not known: only an organization's administrator is told of its rules
        limit     not known: how many filters a group may have is told when AWS refuses one
        evidence  asked, as of 1970-01-01T00:00:00.000Z
        volume    2.00 KiB a day
        ");
        assert!(Explained::new(&inventory, None, "/nowhere").is_none());
    }
}
