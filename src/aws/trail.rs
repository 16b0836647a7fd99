//! Is there a trail that tells EventBridge about new log groups?

use aws_sdk_cloudtrail::{Client, types::ReadWriteType};

use super::Aws;

/// Whether CreateLogGroup calls in this Region reach EventBridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recording {
    /// By this trail.
    By(String),
    /// By none of the trails.
    None,
    /// That could not be found out.
    Unknown,
}

/// Looks for a trail that is on and records management write events here: one of this Region, a multi-Region one, or one of
/// the organisation.
pub async fn recording(aws: &Aws) -> Recording {
    let client = Client::new(&aws.config);
    let Ok(trails) = client.describe_trails().include_shadow_trails(true).send().await else {
        return Recording::Unknown;
    };
    let mut unread = false;
    for trail in trails.trail_list() {
        let Some(arn) = trail.trail_arn() else { continue };
        match records(&client, arn).await {
            Some(true) => return Recording::By(trail.name().unwrap_or(arn).to_owned()),
            Some(false) => {}
            None => unread = true, // Trails of the organisation cannot be read from a member account.
        }
    }
    if unread { Recording::Unknown } else { Recording::None }
}

async fn records(client: &Client, arn: &str) -> Option<bool> {
    let status = client.get_trail_status().name(arn).send().await.ok()?;
    if status.is_logging() != Some(true) {
        return Some(false);
    }
    let selectors = client.get_event_selectors().trail_name(arn).send().await.ok()?;
    let basic = selectors.event_selectors().iter().any(|selector| {
        selector.include_management_events() != Some(false)
            && selector.read_write_type() != Some(&ReadWriteType::ReadOnly)
    });
    let advanced = selectors.advanced_event_selectors().iter().any(|selector| {
        let fields = selector.field_selectors();
        let management = fields
            .iter()
            .any(|field| field.field() == "eventCategory" && field.equals().iter().any(|value| value == "Management"));
        let reads_only = fields
            .iter()
            .any(|field| field.field() == "readOnly" && field.equals().iter().any(|value| value == "true"));
        management && !reads_only
    });
    Some(basic || advanced)
}
