//! Numbers and nouns.

use indicatif::HumanCount;

/// `1 log group`, `2 log groups`.
#[must_use]
pub fn count(number: impl TryInto<u64>, one: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let s = if number == 1 { "" } else { "s" };
    format!("{} {one}{s}", grouped(number))
}

/// `1234567` as `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    HumanCount(number).to_string()
}

/// `a, b and c`.
#[must_use]
pub fn all(things: &[String]) -> String {
    match things {
        [most @ .., last] if !most.is_empty() => format!("{} and {last}", most.join(", ")),
        _ => things.concat(),
    }
}

/// A text as it stands between quotes.
#[must_use]
pub fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Signs of a page that are quoted.
const MOST_OF_A_PAGE: usize = 80;

/// What a page of somebody says who was not meant: its title, else its first words.
#[must_use]
pub fn page(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|at| {
        let rest = &text[at + "<title>".len()..];
        Some(&rest[..rest.find('<')?])
    });
    let mut words = String::new();
    let mut in_tag = false;
    for c in title.unwrap_or(text).chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                words.push(' ');
            }
            c if !in_tag => words.push(c),
            _ => {}
        }
    }
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let quoted: String = words.chars().take(MOST_OF_A_PAGE).collect();
    let cut = if quoted.len() < words.len() { "…" } else { "" };
    (!words.is_empty()).then(|| quoted + cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_nouns_agree() {
        assert_eq!(count(1_usize, "log group"), "1 log group");
        assert_eq!(count(1_234_567_u64, "event"), "1,234,567 events");
    }

    #[test]
    fn a_page_is_quoted_by_its_title_or_its_first_words() {
        assert_eq!(page("<html><TITLE>Hotel\n Login</title>x").as_deref(), Some("Hotel Login"));
        assert_eq!(page("<html><body><h1>502</h1>Bad Gateway").as_deref(), Some("502 Bad Gateway"));
        assert_eq!(page(&"a ".repeat(100)).map(|page| page.chars().count()), Some(MOST_OF_A_PAGE + 1));
        assert_eq!(page(" <p> </p>"), None);
    }

    #[test]
    fn several_things_are_one_phrase() {
        let things = ["a", "b", "c"].map(str::to_owned);
        assert_eq!([0, 1, 2, 3].map(|end| all(&things[..end])), ["", "a", "a and b", "a, b and c"]);
    }
}
