//! Globs on the names of log groups, and the rules of a stack that are made of them.

use std::{fmt, str::FromStr};

use wildmatch::WildMatch;

use crate::names::{LogGroupName, NameError, StackName};

/// A glob on log group names: `*` matches any run of characters, `/` too; `?` matches one.
#[derive(Debug, Clone, PartialEq)]
pub struct Glob(WildMatch);

impl FromStr for Glob {
    type Err = NameError;

    /// What no name can hold, no glob can match.
    fn from_str(text: &str) -> Result<Self, NameError> {
        text.replace(['*', '?'], "x").parse::<LogGroupName>()?;
        Ok(Self(WildMatch::new(text)))
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Glob {
    /// Whether it matches a name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.0.matches(name)
    }
}

/// The globs of a stack.
///
/// A group is wanted when an include glob matches (or there is none) and no exclude glob does, or when the stack is probed by it.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    include: Vec<Glob>,
    exclude: Vec<Glob>,
    /// What the names of the groups begin with by which the stack is probed.
    probes: Option<String>,
}

impl Rules {
    /// Rules of the two lists as the stack's parameters write them: globs separated by commas, taken as they are.
    #[must_use]
    pub fn new(include: &str, exclude: &str) -> Self {
        let globs = |list: &str| {
            let globs = list.split(',').map(str::trim).filter(|glob| !glob.is_empty());
            globs.map(|glob| Glob(WildMatch::new(glob))).collect()
        };
        Self { include: globs(include), exclude: globs(exclude), probes: None }
    }

    /// With the groups by which a stack is probed, whatever the globs say of them.
    #[must_use]
    pub fn with_probes_of(self, stack: &StackName) -> Self {
        Self { probes: Some(stack.probes()), ..self }
    }

    /// Checks whether `group` is wanted.
    ///
    /// # Errors
    /// A sentence that says why the group is not wanted.
    pub fn check(&self, group: &str) -> Result<(), String> {
        if self.probes.as_ref().is_some_and(|probes| group.starts_with(probes)) {
            return Ok(());
        }
        if let Some(glob) = self.exclude.iter().find(|glob| glob.matches(group)) {
            return Err(format!("excluded by the rule `{glob}`"));
        }
        if self.include.is_empty() || self.include.iter().any(|glob| glob.matches(group)) {
            return Ok(());
        }
        Err("no include rule matches".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("/aws/*", true)]
    #[test_case("*", true)]
    #[test_case("a?b", true)]
    #[test_case("/aws/{a", false; "one half of a list in braces")]
    #[test_case("/aws/[ab]*", false; "a class of signs")]
    #[test_case("^/aws", false; "a regular expression")]
    #[test_case("", false; "nothing")]
    fn what_no_name_can_hold_no_glob_can_match(text: &str, valid: bool) {
        assert_eq!(text.parse::<Glob>().is_ok(), valid);
    }

    #[test_case("", "", true; "no rules want everything")]
    #[test_case("/aws/*", "", true; "included")]
    #[test_case("/ecs/*, /aws/lambda/*", "", true; "included by the second")]
    #[test_case("/ecs/*", "", false; "not included")]
    #[test_case("/aws/*", "*/pay", false; "exclude wins")]
    fn wanted(include: &str, exclude: &str, wanted: bool) {
        assert_eq!(Rules::new(include, exclude).check("/aws/lambda/pay").is_ok(), wanted);
    }

    #[test]
    fn a_stack_wants_its_own_probes() {
        let rules = Rules::new("/aws/*", "/logctl/*").with_probes_of(&"shop".parse().unwrap());
        assert_eq!(rules.check("/logctl/shop/probe/1"), Ok(()));
        assert!(rules.check("/logctl/other/probe/1").is_err() && rules.check("/logctl/shop/probes").is_err());
    }
}
