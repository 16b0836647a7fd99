//! Where a run goes: what was typed, and what files say where nothing was.

use super::{Choice, Settings, Value};
use crate::{args::Global, env::Environment};

/// Variables that say who the caller is, before any profile does.
const IDENTITIES: [&str; 4] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// Says where the run goes, where nothing was typed: an environment that was typed comes before variables, other settings of
/// files come behind them.
pub fn aim(global: &mut Global, settings: &Settings, env: &Environment) {
    let typed = global.clone();
    let aws = &mut global.aws;
    let files = &mut global.files;
    files.target_is_typed = typed.stack.is_some()
        || typed.aws.profile.is_some()
        || typed.aws.region.is_some()
        || typed.aws.expect_account.is_some();
    files.comes_first = matches!(settings.environment, Some((_, Choice::Typed)));
    let text = |name: &str| settings.own(name).map(|(value, _)| value.text());
    let variable = |names: &[&'static str]| names.iter().find_map(|name| Some((*name, env.var(name)?)));
    let identity = variable(&IDENTITIES).map(|(name, _)| (name, "set"));
    let of_aws = [
        ("profile", &mut aws.profile, identity.or(variable(&["AWS_PROFILE"]))),
        ("region", &mut aws.region, variable(&["AWS_REGION", "AWS_DEFAULT_REGION"])),
    ];
    for (name, option, variable) in of_aws {
        let Some((value, of_environment)) = settings.own(name).filter(|_| option.is_none()) else { continue };
        let text = value.text();
        match variable.filter(|(_, other)| *other != text && !(of_environment && files.comes_first)) {
            // Neither is known to be meant.
            Some((variable, other)) if of_environment => {
                files.contradiction.get_or_insert(contradiction(variable, other, settings, name, value));
            }
            Some(_) => {}
            None => {
                if name == "profile" {
                    files.profile = Some(value.place.to_string());
                }
                *option = Some(text);
            }
        }
    }
    aws.expect_account = aws.expect_account.take().or_else(|| text("expect-account"));
    // A domain belongs to its environment, and that of another is none of it.
    let of_environment = |name: &str| {
        let (value, of_environment) = settings.own(name)?;
        (of_environment || settings.environment.is_none()).then(|| value.text())
    };
    files.endpoint = of_environment("endpoint").filter(|_| files.comes_first || env.var("LOGCTL_STACK").is_none());
    let is_of_one = settings.own("endpoint").filter(|(_, of_environment)| *of_environment && !files.comes_first);
    if let (Some((value, _)), Some(other), false) = (is_of_one, env.var("LOGCTL_ENDPOINT"), files.target_is_typed)
        && value.text() != other
    {
        let what = contradiction("LOGCTL_ENDPOINT", other, settings, "endpoint", value);
        files.contradiction.get_or_insert(what);
    }
    files.auth = of_environment("auth");
    files.index_prefix = of_environment("index-prefix");
    let of_file = settings
        .own("stack")
        .filter(|(_, of_environment)| (*of_environment && files.comes_first) || env.var("LOGCTL_STACK").is_none());
    global.stack = global.stack.take().or_else(|| of_file.and_then(|(value, _)| value.text().parse().ok()));
}

/// A variable that says something else than the environment.
fn contradiction(variable: &str, is: &str, settings: &Settings, name: &str, value: &Value) -> String {
    let environment = settings.environment.as_ref().map_or("", |(name, _)| name);
    let (text, place) = (value.text(), &value.place);
    format!("{variable} is {is}, and the environment {environment} has the {name} {text} ({place})")
}
