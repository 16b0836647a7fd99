//! What is looked at before and after something is deployed, one line each.

pub mod chain;
pub mod drift;
pub mod preflight;
pub mod probe;

use serde::Serialize;
use serde_json::{Value, json};
use strum::Display;

use crate::{aws::Target, error::Error};

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Status {
    /// As it has to be.
    Ok,
    /// It works, and may surprise.
    Warn,
    /// It cannot work.
    Broken,
    /// That could not be found out.
    Unknown,
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What, in a word.
    pub id: &'static str,
    /// How it stands.
    pub status: Status,
    /// What was found.
    pub says: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Check {
    /// One of a status.
    pub fn new(id: &'static str, status: Status, says: impl Into<String>) -> Self {
        Self { id, status, says: says.into(), hint: None }
    }

    /// One that is as it has to be.
    pub fn ok(id: &'static str, says: impl Into<String>) -> Self {
        Self::new(id, Status::Ok, says)
    }

    /// One of what could not be looked at.
    ///
    /// # Errors
    /// Not logged in: then nothing else can be looked at either.
    pub fn unknown(id: &'static str, error: Error) -> Result<Self, Error> {
        Ok(Self::new(id, Status::Unknown, error.unless_logged_out()?.one_line()))
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// What the documents of a log group of this account and Region hold; a group of its name may be there in another.
#[must_use]
pub fn of_group(target: &Target, group: &str) -> Vec<Value> {
    let terms = [("@log_group", group), ("@owner", &target.account), ("@region", &target.region)];
    terms.into_iter().map(|(name, value)| json!({"term": {name: value}})).collect()
}

/// Why a look ended early.
enum Stop {
    /// This is what can be said.
    At(Check),
    /// Nothing else can be looked at either.
    Altogether(Error),
}

impl Stop {
    fn unread(id: &'static str, error: Error) -> Self {
        Check::unknown(id, error).map_or_else(Self::Altogether, Self::At)
    }

    /// The check that a look has led to.
    fn settle(look: Result<Check, Self>) -> Result<Check, Error> {
        match look {
            Ok(check) | Err(Self::At(check)) => Ok(check),
            Err(Self::Altogether(error)) => Err(error),
        }
    }
}
