//! The report for machines that want it in their own way.

use std::fmt::Write as _;

use logctl_core::coverage::State;
use strum::IntoEnumIterator as _;

use super::report::{Report, Target};
use crate::commands::{group_report::GroupReport, page::xml};

/// For a CI: each log group is a test, which fails in one of these states or where events of it are missing, and is skipped where
/// it neither fails nor is streamed: <https://github.com/testmoapp/junitxml>.
#[must_use]
pub fn junit(report: &Report<'_>, failing: impl Fn(State) -> bool) -> String {
    let mut cases = String::new();
    let (mut failures, mut errors, mut skipped) = (0, 0, 0);
    for target in report.failed() {
        errors += 1;
        let (of, why) = (format!("{} {}", target.account, target.region), target.error.as_deref().unwrap_or_default());
        let case = format!(
            "    <testcase classname=\"account\" name=\"{}\"><error message=\"{}\"/></testcase>\n",
            xml(&of),
            xml(why)
        );
        cases += &case;
    }
    for group in &report.groups {
        let GroupReport { account, region, name, state, reason, .. } = group;
        let of =
            if report.is_of_several() { format!("log group of {account} {region}") } else { "log group".to_owned() };
        let _ = write!(cases, "    <testcase classname=\"{}\" name=\"{}\"", xml(&of), xml(name));
        let (tag, counter) = match state {
            State::Unknown => ("error", &mut errors),
            state if failing(*state) || group.has_gap() => ("failure", &mut failures),
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
        report.groups.len() + report.failed().count()
    )
}

/// For a scraper: how many groups are in each state, and how much comes into them where that is known; of whatever is listed:
/// <https://prometheus.io/docs/instrumenting/exposition_formats/>.
#[must_use]
pub fn prometheus(report: &Report<'_>) -> String {
    let mut text = String::new();
    let mut metric = |name: &str, help: &str, value: &dyn Fn((u64, Option<u64>)) -> Option<u64>| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for target in report.targets().iter().filter(|target| target.error.is_none()) {
            for state in State::iter() {
                let figures = target.figures.get(&state).copied().unwrap_or((0, Some(0)));
                let Some(value) = value(figures) else { continue };
                let _ = writeln!(text, "{name}{{{},state=\"{state}\"}} {value}", labels(target));
            }
        }
    };
    metric("logctl_log_groups", "Log groups in each state.", &|(number, _)| Some(number));
    let help = "Bytes that come into log groups of each state on a day, where that is known of all of them.";
    metric("logctl_log_groups_bytes_per_day", help, &|(_, bytes)| bytes);
    let name = "logctl_audit_read";
    let _ = writeln!(text, "# HELP {name} Whether an account and Region could be read.\n# TYPE {name} gauge");
    for target in report.targets() {
        let _ = writeln!(text, "{name}{{{}}} {}", labels(target), u8::from(target.error.is_none()));
    }
    let name = "logctl_audit_time_seconds";
    text + &format!("# HELP {name} When the audit was taken.\n# TYPE {name} gauge\n{name} {}", report.taken.as_second())
}

fn labels(target: &Target) -> String {
    let label = |text: &str| text.replace(['"', '\\', '\n'], "_");
    format!("account=\"{}\",region=\"{}\"", label(&target.account), label(&target.region))
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
}
