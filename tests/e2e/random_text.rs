//! Random strings, each as one argument: it is refused with its place, or it finds every event that holds it. A look at each
//! message decides, and shares no code with the query language.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{faults::Rig, queries::written, sandbox::Run};

/// Names of fields among them, and no beginning of a hash.
const WORDS: [&str; 16] = [
    "timeout", "failed", "user", "order", "status", "error", "level", "host", "size", "retry", "message", "found",
    "Connect", "refused", "x", "is",
];
const NUMBERS: [&str; 5] = ["0", "7", "42", "500", "1000"];
/// Words that are operators somewhere.
const RESERVED: [&str; 11] = ["AND", "OR", "NOT", "and", "or", "not", "in", "gt", "ge", "lt", "le"];
const COMPARING: [&str; 4] = ["gt", "ge", "lt", "le"];
/// No backslash comes before `n`, `r` or `t`, which would be a blank to the index.
const SIGNS: [&str; 54] = [
    "=", "!=", "<", ">", ">=", "<=", "==", "<>", "=~", "!~", "=>", "->", "<-", "!", "-", "--", "~", "~/", ":", "::",
    "://", "*", "***", "?", "|", "||", "&", "&&", "(", ")", "{", "}", "[", "]", "\"", "\"", "'", "\\\"", "\\w", "@",
    "%", "/", "#", ".", "..", ",", ";", "+", "++", "$", "^", "`", "()", "[]",
];
/// What else is logged.
const LINES: [&str; 20] = [
    "Timeout after 30 s: user 42 not found, retry in 7 s",
    "GET /orders/7?retry=1&size=500 failed with status 500",
    "GET /health?verbose failed on host 7",
    "level=error msg=\"order failed\" host=web7 size=42",
    "check failed: size > 0 but was 0",
    "check failed: size < 0 but was 0",
    "[ERROR] order (7) failed - retry",
    "user <otto@host> is not in {admins}",
    "\tat com.acme.Order.retry(Order.java:42)",
    "SELECT * FROM orders WHERE status = 500 AND NOT size IN (1, 2)",
    "why? time*out && done || failed",
    "C++ error C1: a <- b",
    "cost $5, 12% of 42",
    "state OPEN -> CLOSED",
    "Can't connect: \"connection refused\" (errno 111)",
    "retry retry retry failed",
    "status 500 or 502 and error",
    "order NOT found OR user refused",
    "panic: `user` is nil; x ^ 7 = 0",
    "first line\n  second line:  user = x",
];

/// Words, numbers, operators and signs, most with blanks between them.
fn text(random: &mut fastrand::Rng, most: usize) -> String {
    let mut text = String::new();
    for _ in 0..random.usize(1..=most) {
        let some: &[&str] = match random.usize(..20) {
            0..9 => &WORDS,
            9..11 => &NUMBERS,
            11..14 => &RESERVED,
            _ => &SIGNS,
        };
        text += some[random.usize(..some.len())];
        text += ["", "", "", " ", " ", " ", "  ", "\t"][random.usize(..8)];
    }
    text
}

/// A part of a message that cuts no word.
fn part(random: &mut fastrand::Rng, message: &str) -> String {
    let is_word = |at: usize| message.as_bytes().get(at).is_some_and(u8::is_ascii_alphanumeric);
    let (one, other) = (random.usize(..message.len()), random.usize(..message.len()));
    let (mut start, mut end) = (one.min(other), one.max(other) + 1);
    while start > 0 && is_word(start - 1) && is_word(start) {
        start -= 1;
    }
    while is_word(end - 1) && is_word(end) {
        end += 1;
    }
    message[start..end].to_owned()
}

/// A string of its own, or one that some message holds.
fn string(random: &mut fastrand::Rng, messages: &[&String]) -> String {
    loop {
        let message = messages[random.usize(..messages.len())];
        let text = if random.usize(..3) == 0 { text(random, 8) } else { part(random, message) };
        let text = if random.usize(..4) == 0 { text.to_lowercase() } else { text };
        if !text.trim().is_empty() {
            return text;
        }
    }
}

/// The words that the index has of a text.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// Whether a message holds a string and cuts none of its words; case and the width of blanks aside.
fn holds(message: &str, text: &str) -> bool {
    let plain = |text: &str| text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let (message, text) = (plain(message), plain(text));
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    message.match_indices(&text).any(|(at, _)| {
        let (before, rest) = message.split_at(at);
        let after = &rest[text.len()..];
        let cuts_before = is_word(before.chars().next_back()) && is_word(text.chars().next());
        let cuts_behind = is_word(after.chars().next()) && is_word(text.chars().next_back());
        !cuts_before && !cuts_behind
    })
}

/// Whether a string is text, whatever else it is: a word stands before another, and is no value of a test. What opens a
/// bracket, a quote or an expression may make words mean something else, and so does a sign that negates all of a phrase.
fn is_text(text: &str) -> bool {
    let end = text.find(['(', '[', '{', '"', '\'', '~']).unwrap_or(text.len());
    let words: Vec<&str> = text[..end].split_whitespace().collect();
    let is_bare = |word: &str| word.chars().all(char::is_alphabetic) && !RESERVED.contains(&word);
    let is_value = |at: usize| {
        let before = at.checked_sub(1).map_or("", |before| words[before]);
        before.ends_with(['=', ':', '<', '>']) || COMPARING.contains(&before)
    };
    let pairs = words.windows(2).enumerate();
    let mut bare = pairs.filter(|(at, pair)| is_bare(pair[0]) && is_bare(pair[1]) && !is_value(*at));
    !text.trim_start().starts_with('!') && bare.next().is_some()
}

/// Whether a string has words, and nothing that is an operator anywhere.
fn is_plain(text: &str) -> bool {
    let is_sign = |c: char| !c.is_alphanumeric() && !c.is_whitespace();
    let mut parts = text.split(|c: char| !c.is_alphanumeric());
    text.contains(char::is_alphanumeric)
        && !text.chars().any(|c| is_sign(c) && !".,;+$^`".contains(c))
        && !parts.any(|word| RESERVED.contains(&word))
}

/// Whether so few letters stand among signs that the signs mean something, as in `$5`.
fn is_of_signs(text: &str) -> bool {
    let count = |is: fn(char) -> bool| text.chars().filter(|c| is(*c)).count();
    count(char::is_alphanumeric) <= 3 && count(|c| !c.is_alphanumeric() && !c.is_whitespace()) > 0
}

/// Whether a refusal points at a place in the line that it shows, or names the file that a list would come from.
fn tells_why(run: &Run, asked: &str) -> bool {
    let error: Value = serde_json::from_str(&run.stderr).unwrap();
    let lines: Vec<&str> = error["error"]["message"].as_str().unwrap().lines().collect();
    let points = |pair: &[&str]| pair[1].trim() == "^" && pair[1].len() <= pair[0].chars().count() + 1;
    lines.windows(2).any(points) || (asked.contains(" in @") && run.stderr.contains(": @"))
}

/// The messages that are such.
fn those<'m>(messages: &[&'m String], are: impl Fn(&str) -> bool) -> BTreeSet<&'m String> {
    messages.iter().copied().filter(|message| are(message.as_str())).collect()
}

/// What became of the strings.
#[derive(Debug, Default)]
struct Outcome {
    refused: usize,
    /// Events that hold a string which is text.
    held: usize,
    /// Strings whose words say which events are found, and no others.
    exact: usize,
    wrong: Vec<String>,
}

/// Asks so many random strings.
fn ask(count: usize, seed: u64) -> Outcome {
    let mut random = fastrand::Rng::with_seed(1);
    let random_lines = std::iter::repeat_with(|| text(&mut random, 14)).filter(|text| !text.trim().is_empty());
    let lines = LINES.into_iter().map(str::to_owned).chain(random_lines.take(44));
    // They are named by what they say.
    let corpus: Map<String, Value> =
        lines.map(|line| (line.clone(), json!({"group": "/random/text", "message": line}))).collect();
    let messages: Vec<&String> = corpus.keys().collect();
    let rig = Rig::new(None);
    let by_id = written(&rig, &corpus);
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut outcome = Outcome::default();
    for _ in 0..count {
        let asked = string(&mut random, &messages);
        let run = rig.sandbox.run(&["search", "--since", "1h", "-n", "1000", "-o", "jsonl", "--", &asked], &[]);
        if run.code == 2 && !is_plain(&asked) && tells_why(&run, &asked) {
            outcome.refused += 1;
            continue;
        }
        let found: BTreeSet<&String> = run.stdout.lines().map(|line| &by_id[&id(line)]).collect();
        let mut must = those(&messages, |message| is_text(&asked) && holds(message, &asked));
        outcome.held += must.len();
        let mut more: BTreeSet<&String> = BTreeSet::new();
        if is_plain(&asked) {
            let phrase = words(&asked);
            let say = those(&messages, |message| words(message).windows(phrase.len()).any(|words| words == phrase));
            more.extend(found.difference(&say).copied());
            if !is_of_signs(&asked) {
                outcome.exact += 1;
                must.extend(say);
            }
        }
        let missing: Vec<&&String> = must.difference(&found).collect();
        if run.code != 0 || !missing.is_empty() || !more.is_empty() {
            let why = if run.code == 0 { "" } else { &run.stderr };
            outcome.wrong.push(format!("{asked:?}: exit {}, missing {missing:?}, too many {more:?} {why}", run.code));
        }
    }
    assert!(outcome.wrong.is_empty(), "{} of {count} strings:\n{}", outcome.wrong.len(), outcome.wrong.join("\n"));
    outcome
}

/// A thousand of them.
pub fn answers() -> String {
    let Outcome { refused, held, exact, .. } = ask(1_000, 3);
    format!(
        "1,000 random strings: {refused} refused with their place, {exact} found what has their words and no more, and {held} \
         times an event that holds one was found"
    )
}

#[test]
fn a_random_string_is_refused_or_finds_what_holds_it() {
    let outcome = ask(200, 11);
    assert!(outcome.refused > 12 && outcome.held > 20 && outcome.exact > 30, "{outcome:?}");
}
