//! Text of others, made harmless for a terminal.

use std::{borrow::Cow, io};

use logctl_core::normalise::behind_colour;

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
pub(super) fn in_json(text: &str) -> Cow<'_, str> {
    if !text.contains(|c: char| c.is_control() || hides(c)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || hides(c) {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| shown += &format!("\\u{unit:04x}"));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Whether a text may hold a sign that JSON does not escape and [`in_json`] does: a byte that one of these begins with, or that
/// is one. Looked for without a branch, this takes a moment for a page.
pub(super) fn may_hide(text: &[u8]) -> bool {
    // As numbers, many at a time are compared by one instruction.
    let is = |byte: u8, other: u8| u8::from(byte == other);
    let begins = |byte: u8| {
        is(byte, 0x7f)
            | is(byte, 0xc2)
            | is(byte, 0xcd)
            | is(byte, 0xd8)
            | is(byte, 0xe1)
            | is(byte, 0xe2)
            | is(byte, 0xe3)
            | is(byte, 0xef)
            | is(byte, 0xf3)
    };
    text.chunks(1024).any(|part| part.iter().fold(0, |found, byte| found | begins(*byte)) > 0)
}

/// Writes JSON on, as [`in_json`] has it. A serializer writes whole characters at a time.
pub(super) struct InJson<W>(pub W);

impl<W: io::Write> io::Write for InJson<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.0.write_all(in_json(text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What nobody sees is no control character, but lets text lie about itself: overrides of the writing direction, signs without
/// width, line separators, tags.
#[must_use]
pub fn hides(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0d}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}'
    )
}

/// A text without the codes that colour it, which are none of its signs.
#[must_use]
pub fn without_colours(text: &str) -> Cow<'_, str> {
    let mut parts = text.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    let mut any = false;
    for part in parts {
        if let Some(rest) = behind_colour(part) {
            any = true;
            plain.push_str(rest);
        } else {
            plain.push('\u{1b}');
            plain.push_str(part);
        }
    }
    if any { Cow::Owned(plain) } else { Cow::Borrowed(text) }
}

fn escape(text: &str, harmful: fn(char) -> bool) -> Cow<'_, str> {
    let harmful = |c: char| harmful(c) || hides(c);
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
    fn no_sign_is_overlooked() {
        let mut bytes = [0; 4];
        // Those below the blank JSON escapes by itself.
        for sign in (' '..=char::MAX).filter(|sign| sign.is_control() || hides(*sign)) {
            assert!(may_hide(sign.encode_utf8(&mut bytes).as_bytes()), "{:x}", u32::from(sign));
        }
        assert!(!may_hide("plain, \u{fc}ber, \u{4e2d}, \u{1f600}".as_bytes()));
    }

    #[test]
    fn a_log_line_cannot_command_the_terminal() {
        assert_eq!(escaped("\x1b[2Jgone\x07\nnext\t."), "\\u{1b}[2Jgone\\u{7}\nnext\t.");
        assert_eq!(one_line("a\nb\tc\r"), "a\\nb\\tc\\r");
        assert_eq!(escaped("\u{202e}evil"), "\\u{202e}evil");
        assert_eq!(in_json("{\"a\":\"\u{9b}2J\"}"), "{\"a\":\"\\u009b2J\"}");
        assert_eq!(in_json("\"\u{e0041}\u{200b}\""), "\"\\udb40\\udc41\\u200b\"");
        assert_eq!(one_line("a\u{200b}b\u{feff}c\u{2028}d"), "a\\u{200b}b\\u{feff}c\\u{2028}d");
        assert_eq!(without_colours("\x1b[1;31mred\x1b[0m\x1b[2J"), "red\x1b[2J");
        assert!(matches!(escaped("plain – ünïcode"), Cow::Borrowed(_)));
    }
}
