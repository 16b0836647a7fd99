//! Text in the message: what the engine is asked, and what is verified here, since its index keeps no punctuation.

use std::{borrow::Cow, sync::LazyLock};

use logctl_core::ids;
use regex::Regex;
use serde_json::{Value as Json, json};
use unicode_normalization::UnicodeNormalization as _;

use super::{
    dsl::{Node, any},
    tree::Value,
};

/// Letters and digits of a text whose signs mean something: `C++`, `$5`, `12%`, `::1`.
const FEW: usize = 3;

/// Text in the message; what looks like an id also among the ids.
pub(super) fn text(value: &Value) -> Node {
    let text = &value.text;
    if !value.quoted && is_pattern(text) {
        let pattern = pattern(text);
        // An address goes on behind a question mark.
        let said = || Node::literal(any(phrases(text)), text);
        return if text.contains('*') { pattern } else { Node::Or(vec![pattern, said()]) };
    }
    let mut clauses = phrases(text);
    let bare = text.trim_matches(|c: char| !c.is_alphanumeric());
    let ids = ids_in(text);
    match &*ids {
        [] => {}
        [id] => clauses.insert(0, json!({"term": {"@ids": id}})),
        ids => clauses.insert(0, json!({"terms": {"@ids": ids}})),
    }
    if is_short_id(bare) {
        clauses.push(json!({"wildcard": {"@message": {"value": format!("{}*", bare.to_lowercase())}}}));
    }
    if text.starts_with('/') && !text.contains(' ') {
        clauses.push(json!({"term": {"@log_group": text}}));
    }
    let clause = if clauses.len() == 1 { clauses.remove(0) } else { any(clauses) };
    // What ends a sentence, or stands around a word, means nothing.
    let own =
        text.trim_end_matches(['.', ',', ':', ';', '!', '?']).trim_matches(['"', '\'', '(', ')', '[', ']', '{', '}']);
    let letters = own.chars().filter(|c| c.is_alphanumeric()).count();
    let signs = own.chars().any(|c| !c.is_alphanumeric() && !c.is_whitespace());
    // An address for mail is another one where its signs are others.
    let is_word = !value.quoted && !text.contains(char::is_whitespace);
    let means_signs =
        signs && (letters <= FEW || (!value.quoted && text.contains(['<', '>'])) || (is_word && own.contains('@')));
    if means_signs { Node::literal(clause, text) } else { Node::exact(clause) }
}

/// The id that a word is, or that stands in it, as headers have them: `Root=1-…;Parent=…`. Some write one without its hyphens.
fn ids_in(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    if text.contains(char::is_whitespace) {
        return all;
    }
    ids::scan(text, |id| all.extend(all.is_empty().then(|| id.to_ascii_lowercase())));
    if let Some(id) = all.first().cloned() {
        let hex = id.strip_prefix("1-").unwrap_or(&id).replace('-', "");
        if id.len() == hex.len() && hex.len() == 32 {
            all.push(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]));
            all.push(format!("1-{}-{}", &hex[..8], &hex[8..]));
        } else if hex.len() == 32 {
            all.push(hex);
        }
    }
    all
}

/// Whether a text looks like the beginning of a hash: `9fceb02`.
fn is_short_id(text: &str) -> bool {
    let hex = text.len() >= 7 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex && text.bytes().any(|byte| byte.is_ascii_digit()) && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// The words of `text` in the message, in this order; each in the forms in which it may be written there.
pub(super) fn phrases(text: &str) -> Vec<Json> {
    let mut forms = vec![text.to_owned()];
    if !text.is_ascii() {
        forms.push(text.nfc().collect());
        forms.push(text.nfd().collect());
        let escape = |c: char| {
            let mut units = [0; 2];
            let escaped: Vec<String> = c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect();
            if c.is_ascii() { c.to_string() } else { escaped.concat() }
        };
        forms.push(text.nfc().map(escape).collect());
        forms.dedup();
    }
    forms.into_iter().map(|form| phrase(&form)).collect()
}

/// The words of `text` in the message, in this order. Text without any word matches everything: it cannot be looked up.
pub(super) fn phrase(text: &str) -> Json {
    json!({"match_phrase": {"@message": {"query": text, "zero_terms_query": "all"}}})
}

/// Whether a star or a question mark stands for others: one that touches a letter, and a question mark between two. A lone one
/// is a sign, and so is one of an address.
pub(super) fn is_pattern(text: &str) -> bool {
    text.split_whitespace().filter(|word| !word.contains("://") && !word.contains('=')).any(is_wild)
}

fn is_wild(word: &str) -> bool {
    let signs: Vec<char> = word.chars().collect();
    let letters = signs.iter().any(|c| c.is_alphanumeric());
    signs.iter().enumerate().any(|(at, sign)| {
        let touches = |at: Option<usize>| at.and_then(|at| signs.get(at)).is_some_and(|c| c.is_alphanumeric());
        let is = |at: Option<usize>, wanted: char| at.and_then(|at| signs.get(at)) == Some(&wanted);
        // Of `\\*` and `**` and `(*` each is a sign.
        let plain = is(at.checked_sub(1), '\\')
            || is(at.checked_sub(1), '*')
            || is(Some(at + 1), '*')
            || is(at.checked_sub(1), '(');
        !plain && letters && (*sign == '*' || (*sign == '?' && touches(at.checked_sub(1)) && touches(Some(at + 1))))
    })
}

/// Words of which some have stars or question marks. Of one word the engine knows it all; that several stand side by side, or
/// that a star goes on over signs, is verified here.
fn pattern(text: &str) -> Node {
    let lower = text.to_lowercase();
    let is_sign = |c: char| !c.is_alphanumeric() && c != '*' && c != '?';
    let mut parts: Vec<String> = Vec::new();
    for word in lower.split(is_sign).filter(|word| word.chars().any(char::is_alphanumeric)) {
        // A star inside may stand for signs, too: what is before it begins a word, what is behind it ends one.
        let pieces: Vec<&str> = word.split('*').collect();
        let last = pieces.len() - 1;
        for (nth, piece) in pieces.iter().enumerate().filter(|(_, piece)| !piece.is_empty()) {
            parts.push(format!("{}{piece}{}", if nth > 0 { "*" } else { "" }, if nth < last { "*" } else { "" }));
        }
    }
    let clause = |part: &String| {
        if part.contains(['*', '?']) {
            json!({"wildcard": {"@message": {"value": part}}})
        } else {
            json!({"term": {"@message": part}})
        }
    };
    let is_one_word = lower.chars().all(|c| c.is_alphanumeric() || c == '*' || c == '?');
    match &*parts {
        [part] if is_one_word => Node::exact(clause(part)),
        parts => Node::Checked(
            json!({"bool": {"filter": parts.iter().map(clause).collect::<Vec<_>>()}}),
            Check::pattern(text),
        ),
    }
}

/// What is verified of an event that the engine has found.
#[derive(Debug, Clone)]
pub enum Check {
    /// The message holds this text; case and white space aside.
    Literal(String),
    /// A regular expression matches the message.
    Message(Regex),
    /// It matches a value of one of these fields.
    Fields(Vec<String>, Regex),
}

/// What is known of an event.
pub trait Facts {
    /// Its message.
    fn message(&self) -> &str;
    /// The values that it has under a name.
    fn values(&self, name: &str) -> Vec<String>;
}

impl Check {
    pub(super) fn literal(text: &str) -> Self {
        Self::Literal(plain(text))
    }

    /// That the message holds a text in which a star stands for any signs but blanks, and a question mark for one.
    fn pattern(text: &str) -> Self {
        let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let mut regex = String::from("(?i)");
        if is_word(text.chars().next()) {
            regex.push_str(r"\b");
        }
        for (nth, word) in text.split_whitespace().enumerate() {
            if nth > 0 {
                regex.push_str(r"\s+");
            }
            for sign in word.chars() {
                match sign {
                    '*' => regex.push_str(r"\S*"),
                    '?' => regex.push_str(r"\S"),
                    sign => regex.push_str(&regex::escape(sign.encode_utf8(&mut [0; 4]))),
                }
            }
        }
        if is_word(text.chars().next_back()) {
            regex.push_str(r"\b");
        }
        Regex::new(&regex).map_or_else(|_| Self::literal(text), Self::Message)
    }

    /// Whether it holds of an event.
    #[must_use]
    pub fn holds(&self, event: &dyn Facts) -> bool {
        let message = event.message();
        match self {
            Self::Literal(text) => {
                let holds = |message: &str| plain(message).contains(text);
                holds(message) || (message.contains('\\') && holds(&unescaped(message)))
            }
            Self::Message(regex) => regex.is_match(message) || regex.is_match(&without_colours(message)),
            Self::Fields(names, regex) => {
                let values: Vec<String> = names.iter().flat_map(|name| event.values(name)).collect();
                let is_message = names.iter().any(|name| name == "message");
                // A line of text is a message without a field.
                values.iter().any(|value| regex.is_match(value))
                    || (values.is_empty() && is_message && regex.is_match(message))
            }
        }
    }
}

/// A text without the codes that colour it.
fn without_colours(text: &str) -> Cow<'_, str> {
    static CODES: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?:\x1b|\\u001b)\[[0-9;]*m").ok());
    match &*CODES {
        Some(codes) if text.contains('\u{1b}') || text.contains("u001b") => codes.replace_all(text, ""),
        _ => Cow::Borrowed(text),
    }
}

/// A text in lower case and one Unicode form, each run of white space as one blank.
fn plain(text: &str) -> String {
    let text: String = without_colours(text).nfc().flat_map(char::to_lowercase).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text as JSON escapes it, without its escapes.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut signs = text.chars();
    let mut units: Vec<u16> = Vec::new();
    while let Some(sign) = signs.next() {
        let escaped = if sign == '\\' { signs.next() } else { None };
        match (sign, escaped) {
            (_, Some('u')) => units.extend(unit(&mut signs)),
            (_, Some('n' | 'r' | 't')) => plain.push(' '),
            (_, Some(escaped)) => plain.push(escaped),
            (sign, None) => plain.push(sign),
        }
        // Two units may be one sign.
        if !signs.as_str().starts_with("\\u") && !units.is_empty() {
            plain += &String::from_utf16_lossy(&units);
            units.clear();
        }
    }
    plain
}

/// The number behind `\u`.
fn unit(signs: &mut std::str::Chars<'_>) -> Option<u16> {
    let unit = u16::from_str_radix(signs.as_str().get(..4)?, 16).ok()?;
    signs.by_ref().take(4).for_each(drop);
    Some(unit)
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    struct Said(&'static str);

    impl Facts for Said {
        fn message(&self) -> &str {
            self.0
        }

        fn values(&self, _: &str) -> Vec<String> {
            Vec::new()
        }
    }

    #[test_case("why?", false; "a question")]
    #[test_case("SELECT * FROM t", false; "a lone star")]
    #[test_case("time*", true; "the beginning of a word")]
    #[test_case("*.example.com", true; "a star before a sign")]
    #[test_case("count(*)", false; "a star in brackets")]
    #[test_case("*** done", false; "three of them")]
    #[test_case("a?b", true; "one sign")]
    #[test_case("https://x.example/a?id=1", false; "an address")]
    #[test_case(r"a\*", false; "an escaped star")]
    fn patterns(text: &str, expected: bool) {
        assert_eq!(is_pattern(text), expected);
    }

    #[test_case("pay-g*", "the Pay-gateway started", true)]
    #[test_case("pay-g*", "gateway for pay started", false; "in another order")]
    #[test_case("pay-g*", "\u{1b}[31mpay-gateway\u{1b}[0m started", true; "coloured")]
    #[test_case("7c1e*9e11", "id 7c1e5b0a-11aa-9e11 seen", true; "over signs")]
    #[test_case("*@example.com", "from ana@example.com to", true; "any name at a host")]
    #[test_case("Überweisung-*", "die ÜBERWEISUNG-4711 ist da", true; "letters beyond ascii")]
    #[test_case("*-café", "im eis-café", true; "at the end")]
    fn words_side_by_side(text: &str, message: &'static str, expected: bool) {
        let Node::Checked(_, check) = pattern(text) else { panic!("one word") };
        assert_eq!(check.holds(&Said(message)), expected);
    }

    #[test_case("a  <  b", "Failed: A < b", true; "case and blanks aside")]
    #[test_case("a < b", "a > b", false; "another sign")]
    #[test_case("jürgen@example.com", r#"{"user":"j\u00fcrgen@example.com"}"#, true; "a sign by its number")]
    #[test_case("😀 > x", r#"{"m":"\ud83d\ude00 > x"}"#, true; "a pair of numbers")]
    #[test_case("x \"y\" -z", r#"{"msg":"x \"y\" -z"}"#, true; "in a text of json")]
    fn literals(text: &str, message: &'static str, expected: bool) {
        assert_eq!(Check::literal(text).holds(&Said(message)), expected);
    }
}
