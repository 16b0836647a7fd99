//! The report for machines that want it in their own way.

use std::{collections::BTreeMap, fmt::Write as _};

use logctl_core::coverage::State;
use strum::IntoEnumIterator as _;

use super::report::Report;
use crate::commands::group_report::GroupReport;

/// For a CI: each log group is a test, which fails in one of these states, and is skipped where nobody wants it streamed:
/// <https://github.com/testmoapp/junitxml>.
#[must_use]
pub fn junit(report: &Report<'_>, failing: impl Fn(State) -> bool) -> String {
    let mut cases = String::new();
    let (mut failures, mut errors, mut skipped) = (0, 0, 0);
    for group in &report.groups {
        let GroupReport { name, state, reason, .. } = group;
        let _ = write!(cases, "    <testcase classname=\"log group\" name=\"{}\"", xml(name));
        let (tag, counter) = match state {
            State::Unknown => ("error", &mut errors),
            state if failing(*state) => ("failure", &mut failures),
            state if state.delivers() => {
                cases.push_str("/>\n");
                continue;
            }
            _ => ("skipped", &mut skipped),
        };
        *counter += 1;
        let _ = writeln!(cases, "><{tag} message=\"{state}: {}\"/></testcase>", xml(reason));
    }
    let target = xml(&report.target());
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"logctl audit\">\n  \
         <testsuite name=\"{target}\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\">\n\
         {cases}  </testsuite>\n</testsuites>",
        report.groups.len()
    )
}

/// Groups of each state, and bytes that come into them.
type Figures = BTreeMap<State, (u64, u64)>;

/// For a scraper: how many groups are in each state, and how much comes into them:
/// <https://prometheus.io/docs/instrumenting/exposition_formats/>.
#[must_use]
pub fn prometheus(report: &Report<'_>) -> String {
    let mut groups: BTreeMap<(&str, &str), Figures> = BTreeMap::new();
    for group in &report.groups {
        let states = groups.entry((group.account, group.region)).or_default();
        let (number, bytes) = states.entry(group.state).or_default();
        *number += 1;
        *bytes += group.bytes_per_day.unwrap_or_default();
    }
    let mut text = String::new();
    let mut metric = |name: &str, help: &str, value: &dyn Fn((u64, u64)) -> u64| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for ((account, region), states) in &groups {
            for state in State::iter() {
                let value = value(states.get(&state).copied().unwrap_or_default());
                let _ = writeln!(text, "{name}{{account=\"{account}\",region=\"{region}\",state=\"{state}\"}} {value}");
            }
        }
    };
    metric("logctl_log_groups", "Log groups in each state.", &|(number, _)| number);
    let help = "Bytes that come into log groups of each state on a day, as far as that is known.";
    metric("logctl_log_groups_bytes_per_day", help, &|(_, bytes)| bytes);
    let name = "logctl_audit_time_seconds";
    text + &format!("# HELP {name} When the audit was taken.\n# TYPE {name} gauge\n{name} {}", report.taken.as_second())
}

/// A text within XML; what XML cannot hold is left out.
pub(super) fn xml(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::commands::audit::report::{View, examples};

    fn report() -> Report<'static> {
        examples::report(View::default())
    }

    #[test]
    fn for_a_ci() {
        assert_snapshot!(junit(&report(), |state| state == State::Missing), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="logctl audit">
          <testsuite name="account 123456789012, eu-west-1" tests="7" failures="1" errors="1" skipped="4">
            <testcase classname="log group" name="/unread"><error message="unknown: cannot read the filters of /unread: no answer"/></testcase>
            <testcase classname="log group" name="/skip/leak"><skipped message="unwanted: excluded by the rule `/skip/*`, but it is streamed"/></testcase>
            <testcase classname="log group" name="/conflict"><skipped message="conflict: the filter `logctl-logctl` points to stream/theirs"/></testcase>
            <testcase classname="log group" name="/drifted"><skipped message="drifted: its filter sends only what matches `ERROR`"/></testcase>
            <testcase classname="log group" name="/missing"><failure message="missing: no subscription filter"/></testcase>
            <testcase classname="log group" name="/aws/lambda/logctl-logctl-domain"><skipped message="own: belongs to a logctl function"/></testcase>
            <testcase classname="log group" name="/streamed"/>
          </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn for_a_scraper() {
        let text = prometheus(&report());
        assert!(
            text.contains("logctl_log_groups{account=\"123456789012\",region=\"eu-west-1\",state=\"missing\"} 1\n"),
            "{text}"
        );
        assert!(text.contains(",state=\"full\"} 0\n"), "{text}");
        assert!(text.ends_with("logctl_audit_time_seconds 0"), "{text}");
    }

    #[test]
    fn xml_holds_any_text() {
        assert_eq!(xml("<a href='x'>&\u{1}\n\"\u{ffff}"), "&lt;a href=&#39;x&#39;&gt;&amp; &quot;");
    }
}
