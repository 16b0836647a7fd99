use clap::CommandFactory as _;
use test_case::test_case;

use super::*;

/// The parameters of the template, each with its default.
fn parameters() -> Vec<(&'static str, Option<&'static str>)> {
    let section = TEMPLATE.split_once("\nParameters:\n").unwrap().1;
    let mut found: Vec<(&str, Option<&str>)> = Vec::new();
    for line in section.lines().take_while(|line| line.is_empty() || line.starts_with(' ')) {
        if let Some(name) = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')) {
            found.push((name.trim_end_matches(':'), None));
        } else if let Some(default) = line.trim().strip_prefix("Default: ") {
            found.last_mut().unwrap().1 = Some(default.trim_matches('"'));
        }
    }
    found
}

#[test]
fn the_table_is_that_of_the_template_and_of_the_command_line() {
    let of_template = parameters();
    let defaults: HashMap<_, _> = StackSettings::default().to_parameters().collect();
    for setting in &SETTINGS {
        let found = of_template.iter().find(|(name, _)| *name == setting.parameter);
        let (_, default) = found.unwrap_or_else(|| panic!("{} is no parameter", setting.parameter));
        assert_eq!(default.unwrap_or_default(), defaults[setting.parameter], "{}", setting.parameter);
        let command = crate::cli::Cli::command();
        let bootstrap = command.find_subcommand("bootstrap").unwrap();
        let has = |flag: &str| bootstrap.get_arguments().any(|argument| argument.get_long() == Some(flag));
        assert!(setting.flag.is_none_or(has), "--{:?}", setting.flag);
    }
    let others = ["CodeBucket", "ForwarderKey", "SubscriberKey", "DomainAccessKey"];
    let sizes = ["ForwarderMemory", "OwnLogRetention", "DeadLetterRetention"];
    for (name, _) in of_template {
        let known = Setting::find(name).is_some() || others.contains(&name) || sizes.contains(&name);
        assert!(known, "{name} has no field");
    }
}

#[test]
fn an_environment_that_lambda_would_refuse_is_refused_by_name() {
    let functions: Vec<_> = environments().map(|(name, variables)| (name, variables.len())).collect();
    assert_eq!(functions.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["domain", "forwarder", "subscriber"]);
    assert!(functions.iter().all(|(_, count)| *count >= 6), "{functions:?}");
    let settings = StackSettings { authority: "x".repeat(2_000), ..StackSettings::default() };
    assert_eq!(settings.check_environments(), Ok(()));
    let settings = StackSettings { redact_patterns: "y".repeat(2_000), ..settings };
    let error = settings.check_environments().unwrap_err();
    assert!(error.message.starts_with("the environment of forwarder would have 4"), "{}", error.message);
    assert_eq!(error.hints, ["most of them are of --redact-pattern (2000) and --ca (2000)"]);
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
#[test]
fn the_template_is_no_longer_than_a_call_takes() {
    assert!(TEMPLATE.len() <= 51_200, "{}", TEMPLATE.len());
}

#[test]
fn settings_read_back() {
    let settings = StackSettings {
        endpoint: Some("https://a.example".parse().unwrap()),
        auth: AuthMode::Basic,
        secret: "s".to_owned(),
        period: Period::Week,
        rule_enabled: false,
        max_payload: 1 << 20,
        shards: 3,
        typed_names: 20,
        compression: Compression::Zstd,
        ..StackSettings::default()
    };
    let parameters = settings.to_parameters().map(|(name, value)| (name.to_owned(), value)).collect();
    assert_eq!(StackSettings::from_parameters(&parameters), (settings, Vec::new()));
    let wrong = HashMap::from([("IndexPeriod".to_owned(), "year".to_owned())]);
    let (settings, problems) = StackSettings::from_parameters(&wrong);
    assert_eq!(problems, ["IndexPeriod: the periods of an index are day, week, month"]);
    assert_eq!(settings, StackSettings::default());
}

#[test]
fn the_dashboard_is_json_and_shows_what_the_forwarder_tells() {
    let (_, rest) = TEMPLATE.split_once("DashboardBody: !Sub |\n").unwrap();
    let body: String = rest.lines().map_while(|line| line.strip_prefix("        ")).collect();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let told = include_str!("../../../stack/sink/src/lambda/metrics.rs");
    let mut own = 0;
    for widget in body["widgets"].as_array().unwrap() {
        let mut namespace = "";
        for metric in widget["properties"]["metrics"].as_array().unwrap() {
            let [Some(first), Some(name)] = [metric[0].as_str(), metric[1].as_str()] else { continue };
            namespace = if first == "." { namespace } else { first };
            own += usize::from(namespace == "logctl");
            assert!(namespace != "logctl" || told.contains(&format!("\"{name}\"")), "{name}");
        }
    }
    assert_eq!(own, 8);
}

const SIGNED: &str = "https://search-a.eu-west-1.es.amazonaws.com";

fn merged(typed: &[(&str, &str)], deployed: Option<&StackSettings>) -> Result<StackSettings, Error> {
    let typed: Vec<_> = typed.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    StackSettings::merge(&typed, deployed)
}

#[test]
fn what_was_typed_comes_before_what_is_deployed() {
    let first = merged(
        &[("DomainEndpoint", SIGNED), ("DomainArn", "arn:aws:es:eu-west-1:123456789012:domain/a"), ("Include", "/a/*")],
        None,
    )
    .unwrap();
    assert_eq!((first.auth, first.rule_enabled), (AuthMode::SigV4, true));
    let deployed = StackSettings { rule_enabled: false, ..first.clone() };
    assert_eq!(merged(&[], Some(&deployed)), Ok(first.clone()), "the rule comes back on");
    let second = merged(&[("Include", "/b/*"), ("IndexPeriod", "month")], Some(&deployed)).unwrap();
    assert_eq!((second.include.as_str(), second.period), ("/b/*", Period::Month));
    assert_eq!(
        (second.domain_arn.as_str(), &second.endpoint),
        ("arn:aws:es:eu-west-1:123456789012:domain/a", &first.endpoint)
    );
}

#[test]
fn what_belongs_to_a_domain_does_not_go_along_to_another() {
    let typed = [
        ("DomainEndpoint", SIGNED),
        ("DomainArn", "arn:aws:es:eu-west-1:123456789012:domain/a"),
        ("AuthMode", "basic"),
        ("SecretArn", "s"),
    ];
    let deployed = merged(&typed, None).unwrap();
    let other = "https://search-b.eu-west-1.es.amazonaws.com";
    assert!(merged(&[("DomainEndpoint", other)], Some(&deployed)).unwrap_err().message.contains("need its ARN"));
    let moved = merged(
        &[("DomainEndpoint", other), ("DomainArn", "arn:aws:es:eu-west-1:123456789012:domain/b")],
        Some(&deployed),
    )
    .unwrap();
    assert_eq!(
        (moved.auth, moved.secret.as_str(), moved.domain_arn.as_str()),
        (AuthMode::SigV4, "", "arn:aws:es:eu-west-1:123456789012:domain/b")
    );
    let same = merged(&[("DomainEndpoint", SIGNED)], Some(&deployed)).unwrap();
    assert_eq!(same, deployed);
}

#[test_case(SIGNED, "arn:aws:es:us-east-1:123456789012:domain/a", "is in eu-west-1, and the ARN is of a domain in us-east-1"; "another region")]
#[test_case(SIGNED, "arn:aws:aoss:eu-west-1:123456789012:collection/a", "Serverless"; "the arn of a collection")]
#[test_case("https://a.eu-west-1.aoss.amazonaws.com", "", "Serverless"; "the host of a collection")]
#[test_case("https://vpce-1-a.es.eu-west-1.vpce.amazonaws.com", "", "is a VPC endpoint"; "a vpc endpoint")]
#[test_case("https://vpc-a-b.eu-west-1.es.amazonaws.com", "", "lives in a VPC, and the functions do not"; "a domain in a vpc")]
#[test_case(SIGNED, "logs", "no ARN of a domain"; "nonsense")]
fn what_cannot_work_is_refused_by_name(endpoint: &str, arn: &str, says: &str) {
    let error = merged(&[("DomainEndpoint", endpoint), ("DomainArn", arn)], None).unwrap_err();
    assert!(error.kind == Kind::Usage && error.message.contains(says), "{error}");
}

#[test]
fn what_a_domain_lacks_is_said() {
    let says = |typed: &[(&str, &str)]| merged(typed, None).unwrap_err().message;
    assert!(says(&[]).contains("where the domain answers"));
    assert!(says(&[("DomainEndpoint", SIGNED)]).contains("need its ARN"));
    assert!(says(&[("DomainEndpoint", SIGNED), ("AuthMode", "basic")]).contains("needs a secret"));
    assert!(says(&[("DomainEndpoint", "http://a.example")]).starts_with("--endpoint: plain http"));
}

#[test]
fn what_the_template_would_refuse_is_refused_at_once() {
    let with = |more: &[(&'static str, &str)]| {
        let mut typed = vec![("DomainEndpoint", "https://a.example".to_owned()), ("AuthMode", "none".to_owned())];
        typed.extend(more.iter().map(|(name, text)| (*name, (*text).to_owned())));
        StackSettings::merge(&typed, None)
    };
    assert!(with(&[]).is_ok());
    for (parameter, text, says) in [
        ("KmsKey", "foo", "--kms-key: the stack takes no `foo`"),
        ("RolePath", "ops", "--role-path: the stack takes no `ops`"),
        ("SubnetIds", "subnet-x,foo", "--subnets: the stack takes no `subnet-x,foo`"),
        ("SecretArn", "foo", "--secret is for basic authentication"),
        ("SecurityGroupIds", "sg-1", "--security-groups are for subnets"),
    ] {
        let error = with(&[(parameter, text)]).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::Usage, says));
        assert_eq!(error.hints.len(), 1);
    }
    assert!(with(&[("RolePath", "/ops/")]).is_ok() && with(&[("SecretArn", "")]).is_ok());
    // Every pattern of the template is one of ours, too.
    for (name, _) in parameters() {
        if let Some(pattern) = of_template(name, "AllowedPattern") {
            assert!(Regex::new(pattern).is_ok(), "{name}: {pattern}");
        }
    }
}
