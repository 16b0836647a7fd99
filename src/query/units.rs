//! Numbers with units: `1.5s`, `20MiB`.

use super::tree::Field;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    /// In seconds.
    Time,
    /// In bytes.
    Size,
}

/// Units as they are typed.
const UNITS: [(&str, Measure, f64); 24] = [
    ("ns", Measure::Time, 1e-9),
    ("us", Measure::Time, 1e-6),
    ("µs", Measure::Time, 1e-6),
    ("μs", Measure::Time, 1e-6),
    ("ms", Measure::Time, 1e-3),
    ("s", Measure::Time, 1.0),
    ("sec", Measure::Time, 1.0),
    ("m", Measure::Time, 60.0),
    ("min", Measure::Time, 60.0),
    ("h", Measure::Time, 3_600.0),
    ("d", Measure::Time, 86_400.0),
    ("b", Measure::Size, 1.0),
    ("k", Measure::Size, 1e3),
    ("kb", Measure::Size, 1e3),
    ("kib", Measure::Size, 1_024.0),
    ("ki", Measure::Size, 1_024.0),
    ("mb", Measure::Size, 1e6),
    ("mib", Measure::Size, 1_048_576.0),
    ("mi", Measure::Size, 1_048_576.0),
    ("gb", Measure::Size, 1e9),
    ("gib", Measure::Size, 1_073_741_824.0),
    ("gi", Measure::Size, 1_073_741_824.0),
    ("tb", Measure::Size, 1e12),
    ("tib", Measure::Size, 1_099_511_627_776.0),
];

/// What names of fields end with, as a word of its own, and the unit that this tells.
const ENDINGS: [(&str, &str); 34] = [
    ("ns", "ns"),
    ("nanos", "ns"),
    ("nanoseconds", "ns"),
    ("us", "us"),
    ("micros", "us"),
    ("microseconds", "us"),
    ("ms", "ms"),
    ("msec", "ms"),
    ("millis", "ms"),
    ("milliseconds", "ms"),
    ("s", "s"),
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("min", "min"),
    ("mins", "min"),
    ("minutes", "min"),
    ("hours", "h"),
    ("days", "d"),
    ("byte", "b"),
    ("bytes", "b"),
    ("kb", "kb"),
    ("kilobytes", "kb"),
    ("kib", "kib"),
    ("mb", "mb"),
    ("megabytes", "mb"),
    ("mib", "mib"),
    ("gb", "gb"),
    ("gigabytes", "gb"),
    ("gib", "gib"),
    ("tb", "tb"),
    ("terabytes", "tb"),
    ("tib", "tib"),
];

/// A number and what stands behind it; `None` where that is no unit, or no number stands there.
pub(super) fn split(text: &str) -> Option<(f64, &str)> {
    let number = |text: &str| {
        let is_number = text.bytes().any(|byte| byte.is_ascii_digit());
        text.parse::<f64>().ok().filter(|number| is_number && number.is_finite())
    };
    if let Some(number) = number(text) {
        return Some((number, ""));
    }
    let end = text.rfind(|c: char| c.is_ascii_digit() || c == '.')? + 1;
    let unit = text[end..].trim_start();
    unit_of(unit)?;
    Some((number(&text[..end])?, unit))
}

fn unit_of(unit: &str) -> Option<(Measure, f64)> {
    UNITS.iter().find(|(known, _, _)| unit.eq_ignore_ascii_case(known)).map(|(_, measure, factor)| (*measure, *factor))
}

/// The unit that the name of a field tells: `durationMs`, `elapsed_seconds`, `request.bytes`.
fn unit_of_name(name: &str) -> Option<(Measure, f64)> {
    let own = name.rsplit('.').next().unwrap_or_default();
    let ending = ENDINGS.iter().find(|(ending, _)| {
        let Some((before, last)) = own.len().checked_sub(ending.len()).and_then(|at| own.split_at_checked(at)) else {
            return false;
        };
        // A word of its own: `bytes`, `duration_ms`, `durationMs`, `memorySizeMB`.
        let alone = before.is_empty() && ending.len() > 2;
        let signed = before.ends_with(['_', '-']);
        let camel =
            last.starts_with(|c: char| c.is_ascii_uppercase()) && before.ends_with(|c: char| c.is_ascii_lowercase());
        last.eq_ignore_ascii_case(ending) && (alone || signed || camel)
    });
    ending.and_then(|(_, unit)| unit_of(unit))
}

/// The number that a field is compared with, in its own unit.
///
/// # Errors
/// Why that cannot be told, in one line.
pub(super) fn in_unit_of(field: &Field, text: &str) -> Result<f64, String> {
    let name = &field.name;
    let Some((number, unit)) = split(text) else {
        let decimal = text.replace(',', ".");
        let meant = split(&decimal).filter(|_| decimal != text);
        let meant = meant.map(|_| format!("; do you mean {decimal}?")).unwrap_or_default();
        return Err(format!("`{text}` is no number, and {name} compares numbers{meant}"));
    };
    // Logs Insights tells them in bytes.
    let in_bytes = matches!(name.as_str(), "@memorySize" | "@maxMemoryUsed");
    let Some((measure, factor)) = unit_of(if in_bytes && unit.is_empty() { "b" } else { unit }) else {
        return Ok(number);
    };
    match unit_of_name(&super::aliases::canonical(name)) {
        Some((of_name, _)) if of_name != measure => Err(format!("`{unit}` does not measure what {name} is")),
        Some((_, of_name)) => Ok(number * factor / of_name),
        None => Err(format!(
            "the unit of {name} is not known, so {text} cannot be compared with it: give the number that it has"
        )),
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("durationMs", "1.5s", Ok(1500.0))]
    #[test_case("durationMs", "1500", Ok(1500.0); "no unit")]
    #[test_case("elapsed_seconds", "250ms", Ok(0.25))]
    #[test_case("bodyBytes", "1MiB", Ok(1_048_576.0))]
    #[test_case("memorySizeMB", "128MB", Ok(128.0))]
    #[test_case("response.bytes", "2kb", Ok(2_000.0))]
    #[test_case("@duration", "3s", Ok(3_000.0); "as Insights calls it")]
    #[test_case("status", "5s", Err("the unit of status is not known, so 5s cannot be compared with it: give the number that it has"); "not a plural")]
    #[test_case("durationMs", "1MB", Err("`MB` does not measure what durationMs is"))]
    #[test_case("price", "89,0", Err("`89,0` is no number, and price compares numbers; do you mean 89.0?"))]
    #[test_case("price", "much", Err("`much` is no number, and price compares numbers"))]
    fn numbers(name: &str, text: &str, expected: Result<f64, &str>) {
        let field = Field { name: name.to_owned(), literal: false };
        assert_eq!(in_unit_of(&field, text), expected.map_err(str::to_owned));
    }
}
