//! Commands in hints go where the run went: what was typed to say where stands in them, too.

use logctl_core::names::StackName;

use crate::args::Global;

/// What was typed that says where a run goes.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    /// Options for logctl, each with a space before it.
    ours: String,
    /// Options for the AWS CLI, by their names.
    theirs: Vec<(&'static str, String)>,
    /// Commands of logctl, asked for where a hint names one.
    commands: Option<fn() -> Vec<String>>,
}

impl Typed {
    /// Of a command line, with the options that it `goes` by, which files may have added, and the names of all commands.
    #[must_use]
    pub fn new(typed: &Global, goes: &Global, commands: fn() -> Vec<String>) -> Self {
        let option = |name: &'static str, value: Option<&str>| Some((name, value?.to_owned()));
        let of_aws = |Global { aws, .. }: &Global| -> Vec<_> {
            let options = [option("--profile", aws.profile.as_deref()), option("--region", aws.region.as_deref())];
            options.into_iter().flatten().collect()
        };
        let environment = option("--env", typed.env.as_deref());
        let stack = option("--stack", typed.stack.as_ref().map(StackName::as_str));
        let ours = environment.into_iter().chain(of_aws(typed)).chain(stack);
        let ours: Vec<String> = ours.map(|(name, value)| format!(" {name} {value}")).collect();
        Self { ours: ours.concat(), theirs: of_aws(goes), commands: Some(commands) }
    }

    /// A hint whose commands go the same way.
    #[must_use]
    pub fn follow(&self, hint: &str) -> String {
        if self.ours.is_empty() && self.theirs.is_empty() {
            return hint.to_owned();
        }
        let commands = self.commands.map(|names| names()).unwrap_or_default();
        let mut followed = String::new();
        let mut rest = hint;
        while let Some(at) = ["logctl ", "aws "].iter().filter_map(|name| rest.find(name)).min() {
            let begins = at == 0 || rest[..at].ends_with([' ', '(', '`']);
            let (program, after) = rest[at..].split_once(' ').unwrap_or((&rest[at..], ""));
            let command = after.split([' ', ',', ';', ')', '`']).next().unwrap_or_default();
            let end = at + program.len() + 1;
            followed += &rest[..end];
            rest = &rest[end..];
            if !begins || command.is_empty() {
                continue;
            }
            match program {
                "logctl" if commands.iter().any(|known| known == command) => {
                    followed += command;
                    rest = &rest[command.len()..];
                    // It may have been told already.
                    if !rest.starts_with(&self.ours) {
                        followed += &self.ours;
                    }
                }
                "aws" if SERVICES.contains(&command) => {
                    for (name, value) in self.theirs.iter().filter(|(name, _)| !hint.contains(name)) {
                        followed += &format!("{name} {value} ");
                    }
                }
                _ => {}
            }
        }
        followed + rest
    }
}

/// Commands of the AWS CLI that hints name.
const SERVICES: [&str; 7] = ["account", "cloudformation", "lambda", "logs", "opensearch", "s3", "sqs"];

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches as _};
    use test_case::test_case;

    use super::*;

    #[test_case("", "put it right with: logctl backfill -g /a", "put it right with: logctl backfill -g /a"; "nothing was typed")]
    #[test_case("--stack s", "put it right with: logctl backfill -g /a", "put it right with: logctl backfill --stack s -g /a"; "a stack")]
    #[test_case("--profile p --stack s", "remove it; then: logctl bootstrap", "remove it; then: logctl bootstrap --profile p --stack s"; "at the end")]
    #[test_case("--stack s", "use the logctl that deployed it, or a newer one", "use the logctl that deployed it, or a newer one"; "no command")]
    #[test_case("--profile p --region r", "see its log: aws logs tail /a", "see its log: aws --profile p --region r logs tail /a"; "the cli of aws")]
    #[test_case("--profile p --region r", "give it back: aws lambda add-permission --region r", "give it back: aws --profile p lambda add-permission --region r"; "with its region")]
    #[test_case("--env prod", "logctl backfill", "logctl backfill --env prod"; "an environment")]
    #[test_case("--stack s", "logctl backfill; then: logctl audit", "logctl backfill --stack s; then: logctl audit --stack s"; "two")]
    fn hints_go_where_the_run_went(typed: &str, hint: &str, expected: &str) {
        let command = Global::augment_args(Command::new("logctl").no_binary_name(true));
        let global = Global::from_arg_matches(&command.get_matches_from(typed.split_whitespace())).unwrap();
        let typed = Typed::new(&global, &global, || ["backfill", "bootstrap", "audit"].map(str::to_owned).into());
        assert_eq!(typed.follow(hint), expected);
        assert_eq!(typed.follow(expected), expected, "once is enough");
    }
}
