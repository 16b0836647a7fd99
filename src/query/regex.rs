//! Regular expressions: the engine narrows the search as far as it can, and each event is verified here.

use regex::{Regex, RegexBuilder};

use super::tree::Pattern;

/// Bytes that a compiled expression may take.
const MAX_SIZE: usize = 10 << 20;

/// The expression, compiled.
///
/// # Errors
/// Why it cannot be read, in one line.
pub(super) fn compile(pattern: &Pattern) -> Result<Regex, String> {
    let regex = RegexBuilder::new(&pattern.text).case_insensitive(pattern.any_case).size_limit(MAX_SIZE).build();
    regex.map_err(|error| format!("this regular expression cannot be read: {}", error.to_string().replace('\n', " ")))
}

/// Words of letters and digits that every match holds, in lower case.
pub(super) fn needed(pattern: &Pattern) -> Vec<String> {
    const SHORTEST: usize = 3;
    let text = &pattern.text;
    // Between bars nothing is needed; the parts of groups are not looked at, nor what stands for a sign by its number or kind.
    let numbered = [r"\x", r"\u", r"\U", r"\p", r"\P"].iter().any(|escape| text.contains(escape));
    if numbered || text.contains('|') || text.contains("(?") {
        return Vec::new();
    }
    let mut words = vec![String::new()];
    let mut depth = 0_usize;
    let mut in_class = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let repeats = |next: Option<&char>| matches!(next, Some('*' | '?' | '{'));
        match c {
            '\\' => {
                chars.next();
                words.push(String::new());
            }
            ']' if in_class => in_class = false,
            _ if in_class => {}
            '[' => {
                in_class = true;
                words.push(String::new());
                // Right behind its beginning a bracket is a sign.
                chars.next_if_eq(&'^');
                chars.next_if_eq(&']');
            }
            '(' => {
                depth += 1;
                words.push(String::new());
            }
            ')' => {
                depth = depth.saturating_sub(1);
                words.push(String::new());
            }
            c if c.is_ascii_alphanumeric() && depth == 0 && !repeats(chars.peek()) => {
                if let Some(word) = words.last_mut() {
                    word.push(c.to_ascii_lowercase());
                }
                if chars.peek() == Some(&'+') {
                    words.push(String::new());
                }
            }
            '{' => {
                // How often what stands before it comes.
                chars.by_ref().take_while(|c| *c != '}').for_each(drop);
                words.push(String::new());
            }
            _ => words.push(String::new()),
        }
    }
    words.retain(|word| word.len() >= SHORTEST);
    words
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("time.*out", &["time", "out"])]
    #[test_case("ECONN[A-Z]+ 10", &["econn"]; "a class")]
    #[test_case("colou?r", &["colo"]; "what may be missing")]
    #[test_case(r"\x41bcdef", &[]; "a sign by its number")]
    #[test_case("[]xyz]+done", &["done"]; "a bracket in a class")]
    #[test_case("a|b", &[]; "one of several")]
    #[test_case("(abc)?def", &["def"]; "a group")]
    #[test_case(r"\bpaid\b", &["paid"]; "an escape")]
    #[test_case("x{0,3}abc", &["abc"]; "a count")]
    #[test_case("abcd*", &["abc"]; "a star")]
    fn words(pattern: &str, expected: &[&str]) {
        assert_eq!(needed(&Pattern { text: pattern.to_owned(), any_case: false }), expected);
    }
}
