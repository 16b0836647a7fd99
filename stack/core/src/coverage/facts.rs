//! What the decision starts from.

use std::{collections::BTreeSet, sync::Arc};

use strum::Display;

use super::{AccountPolicy, Filter};
use crate::globs::Rules;

/// The class of a log group.
#[derive(Debug, Clone, PartialEq, Eq, Display)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Class {
    /// The only class that is known to be subscribed.
    Standard,
    /// `INFREQUENT_ACCESS`.
    InfrequentAccess,
    /// `DELIVERY`.
    Delivery,
    /// Another one, by AWS's name.
    #[strum(to_string = "{0}")]
    Other(String),
}

impl Class {
    /// The class that the API calls `name`; none means `STANDARD`.
    #[must_use]
    pub fn from_name(name: Option<&str>) -> Self {
        match name {
            None | Some("STANDARD") => Self::Standard,
            Some("INFREQUENT_ACCESS") => Self::InfrequentAccess,
            Some("DELIVERY") => Self::Delivery,
            Some(other) => Self::Other(other.to_owned()),
        }
    }

    /// Whether its groups have filters; the others refuse the question.
    #[must_use]
    pub const fn is_standard(&self) -> bool {
        matches!(self, Self::Standard)
    }
}

/// How a log group belongs to the forwarding chain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Chain {
    /// It does not.
    #[default]
    No,
    /// A function of logctl writes there, of whichever stack: two stacks must not feed each other.
    Function,
    /// It is named as if one did, and there is no such function.
    NoFunction,
    /// The search domain publishes its own logs there.
    Domain,
}

/// The filters of a log group. Most groups have the same, and share them.
pub type Filters = Arc<[Filter]>;

/// What is known of a log group.
#[derive(Debug, Clone)]
pub struct GroupFacts {
    /// Its name.
    pub name: String,
    /// How it belongs to the chain; `None` where that could not be read.
    pub chain: Option<Chain>,
    /// Its class.
    pub class: Class,
    /// Its filters, as DescribeSubscriptionFilters returns them; `None` where they could not be read, or its class has none.
    pub filters: Option<Filters>,
}

/// What is known of its account.
#[derive(Debug, Clone, Default)]
pub struct AccountFacts {
    /// The subscription policy.
    pub policy: Option<AccountPolicy>,
    /// Destinations that are known to be gone or to refuse.
    pub dead_destinations: BTreeSet<String>,
    /// Filters that a group can hold, where a `LimitExceededException` has taught it.
    pub filter_limit: Option<usize>,
}

/// What a stack says about itself.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Name of its subscription filters.
    pub filter_name: String,
    /// ARN of LogsForwarder.
    pub forwarder: String,
    /// Which groups it wants.
    pub rules: Rules,
}

impl Stack {
    /// Whether a filter sends to this stack. Its name tells nothing.
    #[must_use]
    pub fn owns(&self, filter: &Filter) -> bool {
        filter.destination == self.forwarder
    }
}
