//! A text written anew without what must not be stored.
//!
//! JSON is found wherever it stands, alone, behind a prefix, in a text of JSON, cut off or broken: its texts and names are
//! looked through unescaped, the members that are told by their names are replaced whole, and everything else is copied.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::{
    Detector, MARK, Redactor, names, numbers,
    scan::{Class, Scan, class},
};
use crate::json::text::{escaped, unescape};

/// JSON may stand in texts of JSON this deep.
const MAX_DEPTH: usize = 6;

/// What is written so far.
struct Out<'t> {
    text: &'t str,
    written: String,
    /// Up to here the text is copied or replaced.
    done: usize,
    /// What is written from here on is no JSON, and nothing of it was matched with patterns yet.
    plain: usize,
    changed: bool,
}

impl<'t> Out<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, written: String::new(), done: 0, plain: 0, changed: false }
    }

    fn copy(&mut self, end: usize) {
        self.written.push_str(&self.text[self.done..end]);
        self.done = end;
    }

    /// Writes something else for what stands from `start` to `end`.
    fn replace(&mut self, start: usize, end: usize, by: &str) {
        self.copy(start);
        self.written.push_str(by);
        self.done = end;
        self.changed = true;
    }

    /// Matches patterns with what stands before `end` and is no JSON.
    fn end_plain(&mut self, end: usize, redactor: &Redactor) {
        self.copy(end);
        if let Some(redacted) = redactor.match_patterns(&self.written[self.plain..]) {
            self.written.truncate(self.plain);
            self.written.push_str(&redacted);
            self.changed = true;
        }
    }

    /// JSON ends before `end`: it was matched text by text.
    fn begin_plain(&mut self, end: usize) {
        self.copy(end);
        self.plain = self.written.len();
    }

    fn finish(mut self, redactor: &Redactor) -> Option<String> {
        self.end_plain(self.text.len(), redactor);
        self.changed.then_some(self.written)
    }
}

fn mark(detector: Detector) -> String {
    format!("{MARK}:{detector}]")
}

/// The text without what must not be stored; `None` where that is nothing. `name` is the member whose value it is.
pub(super) fn rewrite(redactor: &Redactor, text: &str, name: Option<&str>, depth: usize) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Out::new(text);
    let mut scan = Scan::new(text, redactor.detectors, name);
    let mut at = 0;
    // Whether quotes still come in pairs, and the rest of the text was unescaped in vain.
    let (mut quotes, mut unescaped) = (true, false);
    while at < bytes.len() {
        at = match class(bytes[at]) {
            Class::Digit => match scan.digits(at, out.done) {
                Ok(next) => next,
                Err(hit) => {
                    out.replace(hit.start, hit.end, &mark(hit.detector));
                    hit.end
                }
            },
            Class::Sign => match scan.at(at, out.done) {
                Some(hit) => {
                    out.replace(hit.start, hit.end, &mark(hit.detector));
                    hit.end
                }
                None => at + 1,
            },
            Class::Open if depth < MAX_DEPTH && opens_json(&bytes[at..]) => {
                out.end_plain(at, redactor);
                let end = walk(redactor, &mut out, at, depth);
                out.begin_plain(end.max(out.done));
                end
            }
            // An object that is escaped, without the quotes of a text around it.
            Class::Open if depth < MAX_DEPTH && !unescaped && opens_escaped(&bytes[at..]) => {
                unescaped = true;
                let end = end_of_escaped(bytes, at);
                string(redactor, &mut out, at, end, None, depth);
                out.done.max(at + 1)
            }
            Class::Quote if depth < MAX_DEPTH && quotes => match end_of_text(bytes, at + 1) {
                Some(end) if memchr::memchr(b'\\', &bytes[at + 1..end]).is_some() => {
                    string(redactor, &mut out, at + 1, end, None, depth);
                    end + 1
                }
                Some(_) => at + 1,
                None => {
                    quotes = false;
                    at + 1
                }
            },
            _ => at + 1,
        };
    }
    out.finish(redactor)
}

/// Redacts what stands between quotes from `start` to `end`.
fn string(redactor: &Redactor, out: &mut Out<'_>, start: usize, end: usize, name: Option<&str>, depth: usize) {
    let raw = &out.text[start..end];
    if !is_escaped(raw) {
        if let Some(redacted) = rewrite(redactor, raw, name, depth + 1) {
            out.replace(start, end, &redacted);
        }
        return;
    }
    if let Some(redacted) = rewrite(redactor, &unescape(raw), name, depth + 1) {
        out.replace(start, end, &escaped(&redacted));
    }
}

/// The text that stands between quotes; where it is no text of JSON, nothing in it is an escape.
fn plain(raw: &str) -> Cow<'_, str> {
    if is_escaped(raw) { unescape(raw) } else { raw.into() }
}

fn skip_space(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// Whether an object or a list of JSON begins there.
fn opens_json(bytes: &[u8]) -> bool {
    let next = bytes.get(skip_space(bytes, 1)).copied().unwrap_or_default();
    next == b'"' || (bytes[0] == b'[' && matches!(next, b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'))
}

/// Whether an escaped object begins there.
fn opens_escaped(bytes: &[u8]) -> bool {
    let slashes = bytes[1..].iter().take_while(|byte| **byte == b'\\').count();
    slashes > 0 && bytes.get(1 + slashes) == Some(&b'"')
}

/// Whether a text may stand between the quotes of JSON.
fn is_escaped(raw: &str) -> bool {
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'\\' => bytes.next().is_none_or(|escape| b"\"\\/bfnrtu".contains(&escape)),
            byte => byte >= 0x20,
        };
        if !fits {
            return false;
        }
    }
    true
}

/// Where the escaped object ends that begins at `at`: with the last brace before a quote that is none of its own, or with the
/// text, where it is cut off.
fn end_of_escaped(bytes: &[u8], at: usize) -> usize {
    let mut quotes = memchr::memchr_iter(b'"', &bytes[at..]);
    let own = quotes.find(|quote| bytes[at + quote - 1] != b'\\').map_or(bytes.len(), |quote| at + quote);
    memchr::memrchr(b'}', &bytes[at..own]).map_or(own, |brace| at + brace + 1)
}

/// Where the quote stands that ends the text of JSON which begins at `at`.
fn end_of_text(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// An object or a list that is open.
struct Level<'t> {
    is_object: bool,
    /// The name of the member that comes, as it stands there.
    name: Option<&'t str>,
    /// What is told by that name.
    told: Option<Detector>,
}

/// Goes through JSON that begins at `at`, and tells where it ends, or ceases to be any.
fn walk(redactor: &Redactor, out: &mut Out<'_>, mut at: usize, depth: usize) -> usize {
    let text = out.text;
    let bytes = text.as_bytes();
    let mut levels: Vec<Level<'_>> = Vec::new();
    loop {
        at = skip_space(bytes, at);
        let Some(byte) = bytes.get(at) else { return at };
        match byte {
            b'{' | b'[' => {
                let is_object = *byte == b'{';
                let (name, told) =
                    levels.last().filter(|_| !is_object).map_or((None, None), |level| (level.name, level.told));
                levels.push(Level { is_object, name, told });
                at += 1;
            }
            b'}' | b']' => {
                levels.pop();
                at += 1;
                if levels.is_empty() {
                    return at;
                }
            }
            b',' => {
                if let Some(level) = levels.last_mut().filter(|level| level.is_object) {
                    (level.name, level.told) = (None, None);
                }
                at += 1;
            }
            b':' => at += 1,
            b'"' => {
                let start = at + 1;
                let end = end_of_text(bytes, start).unwrap_or(bytes.len());
                let next = skip_space(bytes, (end + 1).min(bytes.len()));
                let Some(level) = levels.last_mut() else { return at };
                let is_name = level.is_object && bytes.get(next) == Some(&b':');
                if is_name {
                    let raw = &text[start..end];
                    level.name = Some(raw);
                    level.told = names::told(&plain(raw), redactor.detectors);
                    string(redactor, out, start, end, None, depth);
                } else if let Some(detector) = level.told.filter(|_| !is_harmless(&text[start..end])) {
                    out.replace(start, end, &mark(detector));
                } else {
                    let name = level.name;
                    string(redactor, out, start, end, name, depth);
                }
                at = (end + 1).min(bytes.len());
            }
            b'-' | b'0'..=b'9' => {
                let Some(end) = levels.last().and_then(|level| number(redactor, out, at, level)) else {
                    return at.max(out.done);
                };
                at = end;
            }
            b'\'' | b'A'..=b'Z' | b'a'..=b'z' | b'_' => {
                let Some(end) = levels.last().and_then(|level| word(out, at, level)) else { return at };
                at = end;
            }
            _ => return at,
        }
    }
}

/// Redacts the number that begins at `at`, which becomes a text then, and tells where it ends. Numbers without a comma between
/// them are a text's, and so are groups.
fn number(redactor: &Redactor, out: &mut Out<'_>, at: usize, level: &Level<'_>) -> Option<usize> {
    let bytes = out.text.as_bytes();
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
    let end = at + bytes[at..].iter().take_while(is_part).count();
    let number = &out.text[at..end];
    let alone = matches!(bytes.get(skip_space(bytes, end)), None | Some(b',' | b']' | b'}'));
    if !alone || serde_json::from_str::<IgnoredAny>(number).is_err() {
        return None;
    }
    let is_card = || {
        redactor.detectors.has(Detector::Card)
            && numbers::run(bytes, at) == number.len()
            && (number.len() <= 16 || level.name.is_some_and(names::is_of_card))
            && numbers::is_card(number.as_bytes())
    };
    if let Some(detector) = level.told.or_else(|| is_card().then_some(Detector::Card)) {
        out.replace(at, end, &format!("\"{}\"", mark(detector)));
    } else if let Some(redacted) = redactor.match_patterns(number) {
        out.replace(at, end, &format!("\"{redacted}\""));
    }
    Some(end)
}

/// Redacts the text or word that begins at `at` as other languages write them, where the member's name tells of it, and tells
/// where it ends.
fn word(out: &mut Out<'_>, at: usize, level: &Level<'_>) -> Option<usize> {
    const LITERALS: [&str; 10] =
        ["true", "false", "null", "NaN", "Infinity", "None", "True", "False", "nil", "undefined"];
    let bytes = out.text.as_bytes();
    let quotes = usize::from(bytes[at] == b'\'');
    let ends = |byte: &u8| if quotes == 1 { *byte == b'\'' } else { b",]}\"' \n\r\t".contains(byte) };
    let length = bytes[at + quotes..].iter().take_while(|byte| !ends(byte)).count();
    let word = &out.text[at + quotes..at + quotes + length];
    let end = (at + length + 2 * quotes).min(bytes.len());
    if !LITERALS.contains(&word) {
        let detector = level.told.filter(|_| !is_harmless(word))?;
        out.replace(at, end, &format!("\"{}\"", mark(detector)));
    }
    Some(end)
}

/// Whether a value tells nothing: it is empty, or redacted already.
fn is_harmless(value: &str) -> bool {
    value.is_empty() || value.starts_with(MARK)
}
