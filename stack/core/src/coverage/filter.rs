//! Subscription filters.

use serde::{Deserialize, Serialize};

/// A subscription filter, as DescribeSubscriptionFilters returns it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// Whether it sends what a transformer has made of the events, and not the events.
    #[serde(rename = "applyOnTransformedLogs", default)]
    pub transformed: bool,
    /// System fields that go with each event, such as `@aws.account`.
    #[serde(rename = "emitSystemFields", default)]
    pub system_fields: Vec<String>,
}

impl Filter {
    /// The pattern of our filters: everything.
    pub const PATTERN: &str = "";
    /// The distribution of our filters: a stream's events stay together.
    pub const DISTRIBUTION: &str = "ByLogStream";

    /// Whether it sends every event as it came in.
    #[must_use]
    pub fn sends_everything(&self) -> bool {
        self.pattern == Self::PATTERN
            && !self.transformed
            && self.selected_by().is_none()
            && self.distribution.as_deref().is_none_or(|d| d == Self::DISTRIBUTION)
    }

    fn selected_by(&self) -> Option<&str> {
        self.selection.as_deref().filter(|selection| !selection.is_empty())
    }

    /// What is different about it from one that sends everything.
    pub(super) fn drift(&self) -> String {
        if let Some(selection) = self.selected_by() {
            return format!("its filter sends only what is selected by `{selection}`");
        }
        if !self.pattern.is_empty() {
            return format!("its filter sends only what matches `{}`", self.pattern);
        }
        if self.transformed {
            return "its filter sends the events as a transformer has changed them".to_owned();
        }
        format!("its filter distributes {}", self.distribution.as_deref().unwrap_or_default())
    }
}
