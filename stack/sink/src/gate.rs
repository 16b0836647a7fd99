//! Whose events are taken: asked for what CloudWatch delivers and for what comes back out of the bucket alike, since both
//! may be forged.

use logctl_core::{coverage::Chain, event::Origin, names::LogGroupName};

use crate::own::OwnGroups;

/// Characters of the name of a log stream (API reference of `CreateLogStream`).
const MAX_STREAM: usize = 512;

/// The gate of a stack.
pub struct Gate {
    /// Other accounts whose events it takes.
    others: Vec<String>,
    own: OwnGroups,
}

/// What is done with events of an origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// They are indexed.
    Taken,
    /// They are the log of a function of logctl, and dropped.
    Own,
    /// They are kept as dead letters, for this reason.
    Refused(String),
}

impl Gate {
    /// Of the account whose own groups are told, and of `others`, separated by commas.
    #[must_use]
    pub fn new(own: OwnGroups, others: &str) -> Self {
        Self { others: others.split(',').filter(|other| !other.is_empty()).map(str::to_owned).collect(), own }
    }

    /// What is done with the events of `origin`. Where AWS does not say whether they are logctl's own, they are taken: a loop
    /// is told by an alarm, and an event that is lost by nobody.
    pub async fn judge(&self, origin: &Origin) -> Verdict {
        let Origin { owner, log_group, log_stream, .. } = origin;
        let here = owner == self.own.account();
        if !here && !self.others.contains(owner) {
            let owner: String = owner.chars().take(20).collect();
            return Verdict::Refused(format!("`{owner}` is no account whose logs this stack takes"));
        }
        if let Err(error) = log_group.parse::<LogGroupName>() {
            return Verdict::Refused(error.to_string());
        }
        if log_stream.chars().count() > MAX_STREAM {
            return Verdict::Refused("the name of its log stream is too long".to_owned());
        }
        if !here {
            return Verdict::Taken; // There, names may be anybody's.
        }
        match self.own.chain(log_group).await {
            Ok(Chain::Function) => Verdict::Own,
            Ok(Chain::No | Chain::NoFunction | Chain::Domain) | Err(_) => Verdict::Taken,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use aws_credential_types::Credentials;
    use serde_json::json;
    use test_case::test_case;
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path_regex};

    use super::*;
    use crate::{
        aws::{AwsClient, Signer},
        http::HttpClient,
    };

    fn refused(reason: &str) -> Verdict {
        Verdict::Refused(reason.to_owned())
    }

    #[test_case("1", "/a", Verdict::Taken; "ours")]
    #[test_case("2", "/a", Verdict::Taken; "of an account that is listed")]
    #[test_case("3", "/a", refused("`3` is no account whose logs this stack takes"); "of another account")]
    #[test_case("1", "/a\n", refused("a log group name cannot hold `\\n`"); "no name of a group")]
    #[test_case("1", "/aws/lambda/logctl-logctl-domain", Verdict::Own; "of this stack")]
    #[test_case("1", "/aws/lambda/logctl-billing-domain", Verdict::Taken; "no such function")]
    #[test_case("1", "/aws/lambda/logctl-other-forwarder", Verdict::Own; "of another stack")]
    #[test_case("1", "/aws/lambda/logctl-former-forwarder", Verdict::Own; "of a stack whose functions had no tag yet")]
    #[test_case("2", "/aws/lambda/logctl-logctl-domain", Verdict::Taken; "called like ours in another account")]
    #[test_case("1", "/aws/lambda/logctl-mine-forwarder", Verdict::Taken; "called like one, without its tag")]
    #[test_case("1", "/aws/lambda/logctl-hidden-forwarder", Verdict::Taken; "nobody knows")]
    #[tokio::test]
    async fn who_is_taken(owner: &str, group: &str, verdict: Verdict) {
        let server = MockServer::start().await;
        let answers = [
            ("other-forwarder", 200, json!({"Tags": {"logctl:stack": "other"}})),
            (
                "former-forwarder",
                200,
                json!({"Tags": {"aws:cloudformation:stack-name": "former", "aws:cloudformation:logical-id": "LogsForwarder"}}),
            ),
            ("mine-forwarder", 200, json!({"Tags": {"aws:cloudformation:stack-name": "mine"}})),
            ("billing-domain", 404, json!({"Type": "User", "Message": "Function not found"})),
            ("hidden-forwarder", 403, json!({"Message": "no"})),
        ];
        for (name, status, body) in answers {
            let code = if status == 404 { "ResourceNotFoundException" } else { "AccessDeniedException" };
            let answer = ResponseTemplate::new(status)
                .set_body_json(body)
                .insert_header("x-amzn-errortype", code)
                .insert_header("x-amzn-requestid", "r");
            let path = path_regex(format!("/2017-03-31/tags/arn.*1.*logctl-{name}$"));
            Mock::given(path).respond_with(answer).expect(0..=1).mount(&server).await;
        }
        let signer = Signer::new(Credentials::from_keys("a", "b", None), "us-east-1".into(), SystemTime::now);
        let aws = AwsClient::new(HttpClient::new(None).unwrap(), signer, Some(server.uri()));
        let gate = Gate::new(OwnGroups::new(aws, "1", Some("logctl".parse().unwrap())), "2,4");
        let origin = Origin { owner: owner.into(), log_group: group.into(), ..Origin::default() };
        assert_eq!(gate.judge(&origin).await, verdict);
        if !group.contains("hidden") {
            assert_eq!(gate.judge(&origin).await, verdict, "asked once");
        }
    }
}
