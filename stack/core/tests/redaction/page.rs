//! The page for people.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use logctl_core::redact::{Detector, Redactor};
use strum::VariantNames as _;

use super::table::{self, Form};

const HEAD: &str = "# What is redacted

Made by `stack/core/tests/redaction` from the forms that it tests; `make docs` writes it anew.

`logctl bootstrap --redact NAMES` turns detectors on, `--redact-pattern REGEX` adds patterns of your own. What they find is
replaced by `[redacted:NAME]` in the message of an event and in the fields that a subscription filter has cut out of it, names of
fields included, before the event is indexed or kept as a dead letter. JSON stays JSON, also inside of a text of JSON, behind a
prefix or cut off: a redacted number becomes a text, and the other fields are stored byte for byte as they came.

";

const TAIL: &str = "
## What is not

* **Names of log groups and log streams.** They are how events are found.
* **Names of people, addresses, birthdays, phone numbers**, and whatever else has no form of its own: use `--redact-pattern`.
* **Numbers of cards** with a wrong check digit, of networks that do not exist, of 17 to 19 digits in one piece without a word such as
  `card`, `pan` or `acct` before them, with a name glued to the front (`blk_4111…`), or as part of a longer run of digits.
* **Secrets without a name** before them or a form of their own: a password alone on its line, a key of your own making.
* **Secrets that are encoded**: compressed, in base64, in hexadecimal, split over several events or fields. Percent signs are read
  where an address or a number holds them, `&#64;` in addresses.
* **Values that are true, false or null** behind the name of a secret, and objects: their members are looked at one by one.
* **Patterns of your own** are matched with each text, name and number of JSON by itself, unescaped, and with what stands around JSON:
  never across a quote or a comma of it.

## Where text lies that nobody has redacted

The bucket of dead letters is encrypted at rest, and others than the stack, who deployed it first and whom `bootstrap
--replay-principal` names cannot write there. What is kept there as it came:

* **A payload that cannot be decoded**: nobody can look into it. It is never indexed.
* **Events for which no time was left** before the function's deadline. They are redacted when they are read, before they are indexed.
  An object that was deleted or replaced stays in the bucket as an earlier version for seven days.
* **The record that Lambda itself writes of an invocation that failed** three times holds the whole payload. The forwarder reads it
  with its next redrive, of which there is one every two minutes, redacts its events, and deletes the record for good, with the version that it read. One that it cannot read is set
  aside as it is.
";

/// The page, with the forms that are not hidden.
pub fn page(redactor: &Redactor, forms: &[Form], failed: &[(&Form, String)]) -> String {
    let mut page = HEAD.to_owned();
    page += &format!(
        "Tested are {} forms, of which {} are hidden, and {} texts that only look like something, which all stay.\n\n",
        forms.len(),
        forms.len() - failed.len(),
        table::clean().len(),
    );
    page += "`§` stands for the value, and `¤` for the value with percent signs.\n\n";
    page += "| detector | forms | written as | example |\n|---|---|---|---|\n";
    for detector in Detector::VARIANTS {
        let of: Vec<&Form> = forms.iter().filter(|form| form.detector == *detector).collect();
        let example = of.iter().filter(|form| form.carrier == "json value").min_by_key(|form| form.message.len());
        let example = example.map(|form| redactor.text(&form.message)).unwrap_or_default();
        page += &format!("| `{detector}` | {} | {} | `{example}` |\n", of.len(), spellings(&of));
    }
    let carriers: BTreeSet<&str> = forms.iter().map(|form| form.carrier).collect();
    let carriers: Vec<&str> = carriers.into_iter().collect();
    page += &format!("\nEach stands in many places: {}.\n", carriers.join("; "));
    if !failed.is_empty() {
        page += "\n## Forms that are not hidden\n\n";
        for (form, problem) in failed {
            page += &format!("* {}: {problem}\n", form.what);
        }
    }
    page + TAIL
}

/// How the values of some forms are written, the most frequent ways; `§` stands for the value, `¤` for one with percent signs.
fn spellings(forms: &[&Form]) -> String {
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    for form in forms {
        let spelling = form.what.split_once(" as `").and_then(|(_, rest)| rest.split_once("` in "));
        if let Some((spelling, _)) = spelling {
            *counted.entry(spelling).or_default() += 1;
        }
    }
    let mut spellings: Vec<(&str, usize)> = counted.into_iter().collect();
    spellings.sort_by_key(|(spelling, count)| (Reverse(*count), *spelling));
    let shown = spellings
        .iter()
        .take(6)
        .map(|(spelling, _)| format!("`{}`", spelling.replace('|', "\\|").replace(['«', '»'], "")));
    shown.collect::<Vec<_>>().join(" ")
}
