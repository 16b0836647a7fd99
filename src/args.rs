//! Which log groups a run is about.

use std::str::FromStr;

use logctl_core::names::{LogGroupName, NameError};
use wildmatch::WildMatch;

/// A glob on log group names: `*` matches any run of characters, `/` too; `!` in front leaves out what matches.
#[derive(Debug, Clone)]
pub struct GroupGlob {
    /// The glob itself.
    pub pattern: String,
    /// Whether matches are left out.
    pub excludes: bool,
    matcher: WildMatch,
}

impl FromStr for GroupGlob {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (excludes, pattern) = text.strip_prefix('!').map_or((false, text), |pattern| (true, pattern));
        pattern.replace(['*', '?'], "x").parse::<LogGroupName>()?; // What no name can hold, no glob can match.
        Ok(Self { pattern: pattern.to_owned(), excludes, matcher: WildMatch::new(pattern) })
    }
}

/// Which log groups a run is about. The rules themselves belong to the stack; this narrows the run.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct GroupSelection {
    /// Only log groups that match; `!GLOB` leaves out what matches
    #[arg(long = "group", short, value_name = "GLOB")]
    pub globs: Vec<GroupGlob>,
}

impl GroupSelection {
    /// Whether the run is about this group.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        let any =
            |excludes: bool| self.globs.iter().any(|glob| glob.excludes == excludes && glob.matcher.matches(name));
        let all = !self.globs.iter().any(|glob| !glob.excludes);
        (all || any(false)) && !any(true)
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(&[], true; "no selection takes all")]
    #[test_case(&["/aws/*"], true; "a glob crosses slashes")]
    #[test_case(&["/ecs/*", "*pay"], true; "one of several")]
    #[test_case(&["/ecs/*"], false; "no glob matches")]
    #[test_case(&["!*pay"], false; "left out")]
    #[test_case(&["!*other"], true; "another one left out")]
    #[test_case(&["/aws/*", "!*pay"], false; "taken and left out")]
    fn selection(globs: &[&str], takes: bool) {
        let globs = globs.iter().map(|glob| glob.parse().unwrap()).collect();
        assert_eq!(GroupSelection { globs }.takes("/aws/lambda/pay"), takes);
    }
}
