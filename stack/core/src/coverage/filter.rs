//! Subscription filters.

use serde::Deserialize;

/// A subscription filter, as DescribeSubscriptionFilters returns it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Filter {
    /// Unique within the group.
    #[serde(rename = "filterName")]
    pub name: String,
    /// ARN of what receives the events.
    #[serde(rename = "destinationArn")]
    pub destination: String,
    /// Which events; empty means all.
    #[serde(rename = "filterPattern", default)]
    pub pattern: String,
    /// `ByLogStream`, unless somebody changed it.
    #[serde(default)]
    pub distribution: Option<String>,
    /// A condition on system fields, where somebody has set one.
    #[serde(rename = "fieldSelectionCriteria", default)]
    pub selection: Option<String>,
}

impl Filter {
    /// The pattern of our filters: everything.
    pub const PATTERN: &str = "";
    /// The distribution of our filters: a stream's events stay together.
    pub const DISTRIBUTION: &str = "ByLogStream";

    pub(super) fn sends_everything(&self) -> bool {
        self.pattern == Self::PATTERN
            && self.selection.as_deref().is_none_or(str::is_empty)
            && self.distribution.as_deref().is_none_or(|d| d == Self::DISTRIBUTION)
    }
}
