//! Where a run goes: what was typed, and what files say where nothing was.

use super::{Choice, Settings};
use crate::{args::Global, env::Environment};

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
    let text = |name: &str| settings.own(name).map(|(value, _)| value.texts.concat());
    let variable = |names: &[&'static str]| names.iter().find_map(|name| Some((*name, env.var(name)?)));
    let keys = variable(&["AWS_ACCESS_KEY_ID"]).map(|(name, _)| (name, "another identity"));
    let of_aws = [
        ("profile", &mut aws.profile, variable(&["AWS_PROFILE"]).or(keys)),
        ("region", &mut aws.region, variable(&["AWS_REGION", "AWS_DEFAULT_REGION"])),
    ];
    for (name, option, variable) in of_aws {
        let Some((value, of_environment)) = settings.own(name).filter(|_| option.is_none()) else { continue };
        let text = value.texts.concat();
        match variable.filter(|(_, other)| *other != text && !(of_environment && files.comes_first)) {
            // Neither is known to be meant.
            Some((variable, other)) if of_environment => {
                let environment = settings.environment.as_ref().map_or("", |(name, _)| name);
                let what =
                    format!("{variable} says {other}, and the environment {environment} {text} ({})", value.place);
                files.contradiction.get_or_insert(what);
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
        (of_environment || settings.environment.is_none()).then(|| value.texts.concat())
    };
    files.endpoint = of_environment("endpoint");
    files.auth = of_environment("auth");
    files.index_prefix = of_environment("index-prefix");
    let of_file = settings
        .own("stack")
        .filter(|(_, of_environment)| (*of_environment && files.comes_first) || env.var("LOGCTL_STACK").is_none());
    global.stack = global.stack.take().or_else(|| of_file.and_then(|(value, _)| value.texts.concat().parse().ok()));
}
