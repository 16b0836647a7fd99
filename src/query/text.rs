//! Text in the message: what the engine is asked, and what is verified here, since its index keeps no punctuation.

use logctl_core::ids;
use serde_json::{Value as Json, json};
use unicode_normalization::UnicodeNormalization as _;
use wildmatch::WildMatch;

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
        return pattern(text);
    }
    let mut clauses = phrases(text);
    let bare = text.trim_matches(|c: char| !c.is_alphanumeric());
    if ids::is_id(bare) {
        clauses.insert(0, json!({"term": {"@ids": bare.to_ascii_lowercase()}}));
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
    signs.iter().enumerate().any(|(at, sign)| {
        let touches = |at: Option<usize>| at.and_then(|at| signs.get(at)).is_some_and(|c| c.is_alphanumeric());
        let escaped = at > 0 && signs[at - 1] == '\\';
        let (before, after) = (touches(at.checked_sub(1)), touches(Some(at + 1)));
        !escaped && ((*sign == '*' && (before || after)) || (*sign == '?' && before && after))
    })
}

/// Words of which some have stars or question marks. Of one word the engine knows it all; that several stand side by side is
/// verified here.
fn pattern(text: &str) -> Node {
    let lower = text.to_lowercase();
    let is_sign = |c: char| !c.is_alphanumeric() && c != '*' && c != '?';
    let words: Vec<&str> = lower.split(is_sign).filter(|word| word.chars().any(char::is_alphanumeric)).collect();
    let clause = |word: &&str| {
        if word.contains(['*', '?']) {
            json!({"wildcard": {"@message": {"value": word}}})
        } else {
            json!({"term": {"@message": word}})
        }
    };
    match &*words {
        [word] => Node::exact(clause(word)),
        words => {
            let clauses: Vec<Json> = words.iter().map(clause).collect();
            Node::Checked(
                json!({"bool": {"filter": clauses}}),
                Check::Words(words.iter().map(|word| WildMatch::new(word)).collect()),
            )
        }
    }
}

/// What is verified of an event that the engine has found.
#[derive(Debug, Clone)]
pub enum Check {
    /// The message holds this text; case and white space aside.
    Literal(String),
    /// Words of the message that stand side by side match these.
    Words(Vec<WildMatch>),
    /// A regular expression matches the message.
    Message(regex_lite::Regex),
    /// It matches a value of one of these fields.
    Fields(Vec<String>, regex_lite::Regex),
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

    /// Whether it holds of an event.
    #[must_use]
    pub fn holds(&self, event: &dyn Facts) -> bool {
        let message = event.message();
        match self {
            Self::Literal(text) => {
                let holds = |message: &str| plain(message).contains(text);
                holds(message) || (message.contains('\\') && holds(&unescaped(message)))
            }
            Self::Words(words) => {
                let lower = message.to_lowercase();
                let all: Vec<&str> =
                    lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
                all.windows(words.len()).any(|some| words.iter().zip(some).all(|(pattern, word)| pattern.matches(word)))
            }
            Self::Message(regex) => regex.is_match(message),
            Self::Fields(names, regex) => {
                names.iter().any(|name| event.values(name).iter().any(|value| regex.is_match(value)))
            }
        }
    }
}

/// A text in lower case and one Unicode form, each run of white space as one blank.
fn plain(text: &str) -> String {
    let text: String = text.nfc().flat_map(char::to_lowercase).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text as JSON escapes it, without its escapes.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        let escaped = if sign == '\\' { signs.next() } else { None };
        plain.push(match (sign, escaped) {
            (_, Some('n' | 'r' | 't')) => ' ',
            (_, Some(escaped)) => escaped,
            (sign, None) => sign,
        });
    }
    plain
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
    #[test_case("*.example.com", false; "a lone star before a sign")]
    #[test_case("a?b", true; "one sign")]
    #[test_case("https://x.example/a?id=1", false; "an address")]
    #[test_case(r"a\*", false; "an escaped star")]
    fn patterns(text: &str, expected: bool) {
        assert_eq!(is_pattern(text), expected);
    }

    #[test_case("pay-g*", "the Pay-gateway started", true)]
    #[test_case("pay-g*", "gateway for pay started", false; "in another order")]
    fn words_side_by_side(text: &str, message: &'static str, expected: bool) {
        let Node::Checked(_, check) = pattern(text) else { panic!("one word") };
        assert_eq!(check.holds(&Said(message)), expected);
    }

    #[test_case("a  <  b", "Failed: A < b", true; "case and blanks aside")]
    #[test_case("a < b", "a > b", false; "another sign")]
    #[test_case("x \"y\" -z", r#"{"msg":"x \"y\" -z"}"#, true; "in a text of json")]
    fn literals(text: &str, message: &'static str, expected: bool) {
        assert_eq!(Check::literal(text).holds(&Said(message)), expected);
    }
}
