//! Lines that fit a terminal.

use std::ops::Range;

use anstyle::Style;
use unicode_width::UnicodeWidthChar as _;

use super::paint;

/// Columns that a text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// Columns that a sign takes; one that takes none is shown as something else before it comes here.
fn columns(sign: char) -> usize {
    const AS_EMOJI: char = '\u{fe0f}'; // It widens the sign before it.
    if sign == AS_EMOJI { 1 } else { sign.width().unwrap_or(0) }
}

/// Cuts one line into those that fit: the first has room for `first` columns, the others for `rest`. It is cut at a blank where
/// there is one, which is then left out, and those behind it.
pub fn cut(line: &str, first: usize, rest: usize) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut start, mut room, mut used, mut blank) = (0, first.max(1), 0, None);
    for (at, sign) in line.char_indices() {
        let columns = columns(sign);
        while used + columns > room && at > start {
            let (end, next) = match blank {
                Some(blank) if blank > start => {
                    let blanks = line[blank..].len() - line[blank..].trim_start_matches(' ').len();
                    (start + line[start..blank].trim_end_matches(' ').len(), blank + blanks)
                }
                _ => (at, at),
            };
            parts.push(start..end);
            (start, room, blank) = (next, rest.max(1), None);
            used = line.get(start..at).map_or(0, width);
        }
        if at < start {
            continue; // A blank that was left out.
        }
        if sign == ' ' {
            blank = Some(at);
        }
        used += columns;
    }
    parts.push(start..line.len());
    parts
}

/// Text of which some parts have a style. They stand in their order and do not overlap.
#[must_use]
pub fn painted(text: &str, part: Range<usize>, styles: &[(Range<usize>, Style)]) -> String {
    let mut shown = String::with_capacity(part.len());
    let mut at = part.start;
    for (range, style) in styles {
        let (from, to) = (range.start.max(at), range.end.min(part.end));
        if range.start >= part.end {
            break;
        }
        if from >= to {
            continue;
        }
        shown += &text[at..from];
        shown += &paint(*style, &text[from..to]);
        at = to;
    }
    shown += &text[at..part.end];
    shown
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("one two three four", 10, 8, &["one two", "three", "four"]; "at blanks")]
    #[test_case("abcdefghij", 4, 3, &["abcd", "efg", "hij"]; "a long word")]
    #[test_case("日本語日本語", 5, 4, &["日本", "語日", "本語"]; "wide signs")]
    #[test_case("a        b", 4, 4, &["a", "b"]; "padding")]
    #[test_case("", 4, 4, &[""]; "nothing")]
    fn lines(line: &str, first: usize, rest: usize, expected: &[&str]) {
        let parts = cut(line, first, rest);
        let parts: Vec<&str> = parts.into_iter().map(|part| &line[part]).collect();
        assert_eq!(parts, expected);
        assert!(parts.iter().all(|part| width(part) <= first.max(rest)));
    }

    #[test]
    fn a_style_goes_on_over_a_cut() {
        let bold = Style::new().bold();
        let styles = [(2..6, bold)];
        assert_eq!(painted("0123456789", 0..4, &styles), format!("01{bold}23{bold:#}"));
        assert_eq!(painted("0123456789", 4..10, &styles), format!("{bold}45{bold:#}6789"));
    }
}
