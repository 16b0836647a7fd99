//! Text of others, made harmless for a terminal.

use std::borrow::Cow;

/// Shows control characters instead of obeying them; line breaks and tabs stay.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    escape(text, |c| c.is_control() && c != '\n' && c != '\t')
}

/// The same on one line: line breaks and tabs are shown, too.
#[must_use]
pub fn one_line(text: &str) -> Cow<'_, str> {
    escape(text, char::is_control)
}

/// JSON whose strings hold none either: what JSON itself does not escape is.
pub(super) fn in_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || turns(c) {
            shown += &format!("\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Overrides of the writing direction are no control characters, but let text lie about itself.
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escape(text: &str, harmful: fn(char) -> bool) -> Cow<'_, str> {
    let harmful = |c: char| harmful(c) || turns(c);
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' if harmful(c) => shown.push_str("\\n"),
            '\t' if harmful(c) => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            c if harmful(c) => shown += &format!("\\u{{{:x}}}", u32::from(c)),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_cannot_command_the_terminal() {
        assert_eq!(escaped("\x1b[2Jgone\x07\nnext\t."), "\\u{1b}[2Jgone\\u{7}\nnext\t.");
        assert_eq!(one_line("a\nb\tc\r"), "a\\nb\\tc\\r");
        assert_eq!(escaped("\u{202e}evil"), "\\u{202e}evil");
        assert_eq!(in_json("{\"a\":\"\u{9b}2J\"}"), "{\"a\":\"\\u009b2J\"}");
        assert!(matches!(escaped("plain – ünïcode"), Cow::Borrowed(_)));
    }
}
