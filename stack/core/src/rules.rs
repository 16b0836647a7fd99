//! Which log groups the stack wants: include and exclude globs.

use wildmatch::WildMatch;

/// The globs of a stack. `*` matches any run of characters, `/` too; `?` matches one.
///
/// A group is wanted when an include glob matches (or there is none) and no exclude glob does.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    include: Vec<WildMatch>,
    exclude: Vec<WildMatch>,
}

impl Rules {
    /// Rules of the two lists as the stack's parameters write them: globs separated by commas.
    #[must_use]
    pub fn new(include: &str, exclude: &str) -> Self {
        let globs =
            |list: &str| list.split(',').map(str::trim).filter(|glob| !glob.is_empty()).map(WildMatch::new).collect();
        Self { include: globs(include), exclude: globs(exclude) }
    }

    /// Checks whether `group` is wanted.
    ///
    /// # Errors
    /// A sentence that says why the group is not wanted.
    pub fn check(&self, group: &str) -> Result<(), String> {
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

    #[test_case("", "", true; "no rules want everything")]
    #[test_case("/aws/*", "", true; "included")]
    #[test_case("/ecs/*, /aws/lambda/*", "", true; "included by the second")]
    #[test_case("/ecs/*", "", false; "not included")]
    #[test_case("/aws/*", "*/pay", false; "exclude wins")]
    fn wanted(include: &str, exclude: &str, wanted: bool) {
        assert_eq!(Rules::new(include, exclude).check("/aws/lambda/pay").is_ok(), wanted);
    }
}
