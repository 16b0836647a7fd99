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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_nouns_agree() {
        assert_eq!(count(1_usize, "log group"), "1 log group");
        assert_eq!(count(1_234_567_u64, "event"), "1,234,567 events");
    }
    #[test]
    fn several_things_are_one_phrase() {
        let things = ["a", "b", "c"].map(str::to_owned);
        assert_eq!([0, 1, 2, 3].map(|end| all(&things[..end])), ["", "a", "a and b", "a, b and c"]);
    }
}
