//! Numbers and nouns.

use indicatif::HumanCount;

/// `1 log group`, `2 log groups`.
#[must_use]
pub fn count(number: usize, one: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {one}{s}", grouped(number as u64))
}

/// `1234567` as `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    HumanCount(number).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_nouns_agree() {
        assert_eq!(count(1, "log group"), "1 log group");
        assert_eq!(count(1_234_567, "event"), "1,234,567 events");
    }
}
