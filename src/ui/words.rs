//! Numbers and nouns.

/// `1 log group`, `2 log groups`.
#[must_use]
pub fn count(number: usize, one: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {one}{s}", grouped(number as u64))
}

/// `1234567` as `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1536` as `1.5 KiB`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub fn bytes(number: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let step = (0..units.len() - 1).find(|step| number < 1024 << (10 * step)).unwrap_or(units.len() - 1);
    if step == 0 {
        return format!("{number} B");
    }
    format!("{:.1} {}", number as f64 / (1_u64 << (10 * step)) as f64, units[step])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_nouns_agree() {
        assert_eq!(count(1, "log group"), "1 log group");
        assert_eq!(count(1_234_567, "event"), "1,234,567 events");
        assert_eq!((bytes(0), bytes(1536), bytes(5 << 40)), ("0 B".into(), "1.5 KiB".into(), "5.0 TiB".into()));
    }
}
