//! Names that AWS or logctl give to things, checked once where they come in.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use strum::{AsRefStr, EnumIter, IntoEnumIterator as _};

/// Why a name was refused, in words for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(String);

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

name! {
    /// A log group name: 1 to 512 of `a-zA-Z0-9_-/.#` (API reference of CreateLogGroup).
    LogGroupName
}

impl FromStr for LogGroupName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() || text.len() > 512 {
            return Err(NameError(format!("a log group name has 1 to 512 characters, this one has {}", text.len())));
        }
        match text.chars().find(|c| !(c.is_ascii_alphanumeric() || "_-/.#".contains(*c))) {
            Some(c) => Err(NameError(format!("a log group name cannot hold `{}`", c.escape_debug()))),
            None => Ok(Self(text.to_owned())),
        }
    }
}

name! {
    /// The name of a forwarding stack: at most 40 letters, digits and hyphens, so that the names made of it fit.
    StackName
}

impl FromStr for StackName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = text.len() <= 40
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if fits {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError("a stack name starts with a letter and has at most 40 letters, digits and hyphens".to_owned()))
    }
}

/// The name of a stack to which nobody has given another.
impl Default for StackName {
    fn default() -> Self {
        Self("logctl".to_owned())
    }
}

impl StackName {
    /// The name of the stack's subscription filters. It carries the stack, so two stacks never overwrite each other.
    #[must_use]
    pub fn filter_name(&self) -> String {
        format!("logctl-{self}")
    }

    /// The name of the rule that watches for new log groups.
    #[must_use]
    pub fn rule(&self) -> String {
        format!("logctl-{self}-created")
    }

    /// The name of the rule that calls for the dead letters to be tried again.
    #[must_use]
    pub fn redrive_rule(&self) -> String {
        format!("logctl-{self}-redrive")
    }

    /// The log group of one of the stack's functions.
    #[must_use]
    pub fn log_group(&self, function: Function) -> String {
        format!("/aws/lambda/{}", self.function(function))
    }

    /// What the names of the log groups begin with by which the stack is probed.
    #[must_use]
    pub fn probes(&self) -> String {
        format!("/logctl/{self}/probe/")
    }
}

/// A function of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsRefStr, EnumIter)]
#[strum(serialize_all = "lowercase")]
pub enum Function {
    /// LogsForwarder.
    Forwarder,
    /// LogGroupCreated.
    Subscriber,
    /// DomainAccess.
    Domain,
}

impl StackName {
    /// The name of one of the stack's functions. It is fixed: filters, permissions and the rule name it by its ARN.
    #[must_use]
    pub fn function(&self, function: Function) -> String {
        format!("logctl-{self}-{}", function.as_ref())
    }
}

/// Whether these tags are those of a function of a stack called `stack`: the stack's own tag, or, of stacks that had none yet,
/// those that CloudFormation gives.
#[must_use]
pub fn is_of_stack(tags: &BTreeMap<String, String>, stack: &str) -> bool {
    let tag = |name: &str| tags.get(name).map(String::as_str);
    let resources = ["LogsForwarder", "LogGroupCreated", "DomainAccess"];
    tag("logctl:stack") == Some(stack)
        || (tag("aws:cloudformation:stack-name") == Some(stack)
            && tag("aws:cloudformation:logical-id").is_some_and(|id| resources.contains(&id)))
}

/// The stack and the function that a name tells of, whether there is such a stack or not.
#[must_use]
pub fn function_of(name: &str) -> Option<(&str, Function)> {
    let (stack, suffix) = name.strip_prefix("logctl-")?.rsplit_once('-')?;
    let function = Function::iter().find(|function| function.as_ref() == suffix)?;
    stack.parse::<StackName>().is_ok().then_some((stack, function))
}

/// The function that writes into a log group, as Lambda names groups.
#[must_use]
pub fn function_of_group(group: &str) -> Option<&str> {
    group.strip_prefix("/aws/lambda/")
}

name! {
    /// What index names of a stack begin with: lower-case letters, digits, `_` and `-`, at most 100.
    IndexPrefix
}

impl IndexPrefix {
    /// The indices of this prefix, as a search names them: years, and not `PREFIX-*`, which would also be every index of a
    /// prefix that begins with this one.
    #[must_use]
    pub fn indices(&self) -> String {
        format!("{self}-2*,{self}-outlier*")
    }
}

/// The prefix of a stack to which nobody has given another.
impl Default for IndexPrefix {
    fn default() -> Self {
        Self("logctl".to_owned())
    }
}

impl FromStr for IndexPrefix {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = (1..=100).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-');
        if fits {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError(
            "an index prefix starts with a lower-case letter or digit and has at most 100 of a-z 0-9 _ -".to_owned(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("/aws/lambda/pay", true; "a function's group")]
    #[test_case("a.b#c_d-E", true; "every allowed sign")]
    #[test_case("", false; "empty")]
    #[test_case("/aws/lambda/pay day", false; "a space")]
    #[test_case("läden", false; "not ascii")]
    fn log_group_names(text: &str, valid: bool) {
        assert_eq!(text.parse::<LogGroupName>().is_ok(), valid);
    }

    #[test_case("/aws/lambda/logctl-logctl-forwarder", true; "of the default stack")]
    #[test_case("/aws/lambda/logctl-team-a-subscriber", true; "of another stack")]
    #[test_case("/aws/lambda/logctl--domain", false; "no stack name")]
    #[test_case("/aws/lambda/logctl-a.b-domain", false; "not a stack's name")]
    #[test_case("/aws/lambda/logctl-demo", false; "not one of the functions")]
    #[test_case("/aws/lambda/forwarder", false; "somebody's forwarder")]
    fn groups_of_functions(name: &str, ours: bool) {
        assert_eq!(function_of_group(name).and_then(function_of).is_some(), ours);
    }

    #[test]
    fn functions_are_told_by_their_names() {
        for function in Function::iter() {
            assert_eq!(function_of(&StackName::default().function(function)), Some(("logctl", function)));
        }
        assert_eq!(StackName::default().function(Function::Forwarder), "logctl-logctl-forwarder");
    }

    #[test_case("logctl", true)]
    #[test_case("9lives", false)]
    #[test_case("a_b", false)]
    #[test_case("a234567890123456789012345678901234567890", true)]
    #[test_case("a2345678901234567890123456789012345678901", false)]
    fn stack_names(text: &str, valid: bool) {
        assert_eq!(text.parse::<StackName>().is_ok(), valid);
    }
}
