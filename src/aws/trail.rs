//! Is there a trail that tells EventBridge about new log groups?

use aws_sdk_cloudtrail::types::{ReadWriteType, Trail};

use super::Aws;
use crate::error::Error;

/// Whether CreateLogGroup calls in this Region reach EventBridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recording {
    /// By this trail.
    By(String),
    /// By none of the trails.
    None,
    /// That could not be found out, for this reason.
    Unknown(String),
}

/// Looks for a trail that is on and records management write events here: one of this Region, a multi-Region one, or one of
/// the organisation.
///
/// # Errors
/// Not logged in.
pub async fn recording(aws: &Aws) -> Result<Recording, Error> {
    let client = aws.cloudtrail();
    let trails = aws.call("cloudtrail", || client.describe_trails().include_shadow_trails(true).send()).await;
    let trails = match trails.map_err(|error| aws.explain("cannot read the trails", &error)) {
        Ok(trails) => trails,
        Err(error) => return Ok(Recording::Unknown(error.unless_logged_out()?.one_line())),
    };
    let mut unread = false;
    for trail in trails.trail_list() {
        match records(aws, trail).await {
            Some(true) => {
                let name = trail.name().or(trail.trail_arn());
                return Ok(Recording::By(name.unwrap_or("without a name").to_owned()));
            }
            Some(false) => {}
            None => unread = true, // Some trails of the organisation cannot be read from a member account.
        }
    }
    let unknown = || Recording::Unknown("a trail cannot be read from this account".to_owned());
    Ok(if unread { unknown() } else { Recording::None })
}

/// Whether a trail is on and records management write events. It is asked in its home Region: elsewhere its selectors are not
/// told.
async fn records(aws: &Aws, trail: &Trail) -> Option<bool> {
    let arn = trail.trail_arn()?;
    let home = trail.home_region().map_or_else(|| aws.clone(), |region| aws.in_region(region));
    let client = home.cloudtrail();
    let status = home.call("cloudtrail", || client.get_trail_status().name(arn).send()).await.ok()?;
    if status.is_logging() != Some(true) {
        return Some(false);
    }
    if trail.has_custom_event_selectors() == Some(false) {
        return Some(true); // Then it records all management events.
    }
    let selectors = home.call("cloudtrail", || client.get_event_selectors().trail_name(arn).send()).await.ok()?;
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use test_case::test_case;

    use super::*;
    use crate::aws::mocked::Account;

    const ONE: &str = r#"{"trailList": [{"Name": "all", "TrailARN": "arn:all"}]}"#;
    const ON: &str = r#"{"IsLogging": true}"#;
    const DENIED: &str = r#"{"__type": "AccessDeniedException", "message": "not you"}"#;

    #[test_case(json!({"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": true}]}), true; "all")]
    #[test_case(json!({"EventSelectors": [{"ReadWriteType": "WriteOnly"}]}), true; "writes")]
    #[test_case(json!({"EventSelectors": [{"ReadWriteType": "ReadOnly"}]}), false; "reads")]
    #[test_case(json!({"EventSelectors": [{"IncludeManagementEvents": false}]}), false; "data only")]
    #[test_case(json!({"AdvancedEventSelectors": [{"FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Management"]}]}]}), true; "management")]
    #[test_case(json!({"AdvancedEventSelectors": [{"FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Management"]},
        {"Field": "readOnly", "Equals": ["true"]}]}]}), false; "management reads")]
    #[test_case(json!({"AdvancedEventSelectors": [{"FieldSelectors": [
        {"Field": "eventCategory", "Equals": ["Data"]}]}]}), false; "advanced data")]
    #[test_case(json!({}), false; "nothing")]
    #[tokio::test]
    async fn a_trail_that_is_on_records_what_its_selectors_take(selectors: Value, records: bool) {
        let selectors = selectors.to_string();
        let answers =
            [("DescribeTrails", 200, ONE), ("GetTrailStatus", 200, ON), ("GetEventSelectors", 200, &selectors)];
        let expected = if records { Recording::By("all".to_owned()) } else { Recording::None };
        assert_eq!(recording(&Account::new(&answers).await.aws().await).await, Ok(expected));
    }

    fn is_unknown(recording: &Recording) -> bool {
        matches!(recording, Recording::Unknown(_))
    }

    #[tokio::test]
    async fn a_trail_without_selectors_of_its_own_records_all() {
        let one = r#"{"trailList": [{"Name": "all", "TrailARN": "arn:all", "HomeRegion": "us-east-1",
            "IsOrganizationTrail": true, "HasCustomEventSelectors": false}]}"#;
        let answers = [("DescribeTrails", 200, one), ("GetTrailStatus", 200, ON), ("GetEventSelectors", 400, DENIED)];
        let account = Account::new(&answers).await;
        assert_eq!(recording(&account.aws().await).await, Ok(Recording::By("all".to_owned())));
        assert_eq!(account.asked().await, ["DescribeTrails", "GetTrailStatus"]);
    }

    #[tokio::test]
    async fn a_trail_that_is_off_records_nothing() {
        let answers = [("DescribeTrails", 200, ONE), ("GetTrailStatus", 200, r#"{"IsLogging": false}"#)];
        assert_eq!(recording(&Account::new(&answers).await.aws().await).await, Ok(Recording::None));
        let answers = [("DescribeTrails", 200, r#"{"trailList": []}"#)];
        assert_eq!(recording(&Account::new(&answers).await.aws().await).await, Ok(Recording::None));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_unknown_unless_another_trail_records() {
        let denied = [("DescribeTrails", 400, DENIED)];
        assert_eq!(recording(&Account::new(&denied).await.aws().await).await.map(|it| is_unknown(&it)), Ok(true));
        let denied = [("DescribeTrails", 200, ONE), ("GetTrailStatus", 400, DENIED)];
        assert_eq!(recording(&Account::new(&denied).await.aws().await).await.map(|it| is_unknown(&it)), Ok(true));
        let two = r#"{"trailList": [{"TrailARN": "arn:theirs"}, {"Name": "ours", "TrailARN": "arn:ours"}]}"#;
        let selectors = r#"{"EventSelectors": [{"ReadWriteType": "All"}]}"#;
        let answers = [
            ("DescribeTrails", 200, two),
            ("GetTrailStatus", 400, DENIED),
            ("GetTrailStatus", 200, ON),
            ("GetEventSelectors", 200, selectors),
        ];
        let recording = recording(&Account::new(&answers).await.aws().await).await;
        assert_eq!(recording, Ok(Recording::By("ours".to_owned())));
    }
}
