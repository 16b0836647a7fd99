//! Values of names that an index does not type, as terms that answer what typed ones answer: `name=value` in `@kv`, and for
//! a number `name=` with hexadecimal digits that sort as the numbers do in `@kvn`.
//!
//! The encoder writes them, and the query language asks for them.

use std::borrow::Cow;

/// Longer values are compared neither typed nor in pairs, in UTF-16 units: `ignore_above` of the index template.
pub const MAX_VALUE: usize = 1024;

/// Whether a value is short enough to be compared.
#[must_use]
pub fn is_compared(value: &str) -> bool {
    value.len() <= MAX_VALUE || (value.len() <= 3 * MAX_VALUE && value.encode_utf16().count() <= MAX_VALUE)
}

/// A name as it stands before the `=` of its pairs.
#[must_use]
pub fn escape(name: &str) -> Cow<'_, str> {
    if name.contains(['\\', '=']) { name.replace('\\', r"\\").replace('=', r"\=").into() } else { name.into() }
}

/// Name and value of a pair.
#[must_use]
pub fn split(pair: &str) -> Option<(Cow<'_, str>, &str)> {
    let (name, value) = pair.split_once('=')?;
    if !name.contains('\\') {
        return Some((name.into(), value));
    }
    let mut name = String::new();
    let mut signs = pair.char_indices();
    while let Some((at, sign)) = signs.next() {
        match sign {
            '=' => return Some((name.into(), &pair[at + 1..])),
            '\\' => name.push(signs.next()?.1),
            other => name.push(other),
        }
    }
    None
}

/// A number as text that sorts as numbers do: the bits of the double, with the sign turned, in hexadecimal. Trailing zeros
/// are left out.
#[must_use]
pub fn sortable(number: f64) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bits = (number + 0.0).to_bits(); // Minus zero is zero.
    let mut rest = if number < 0.0 { !bits } else { bits | 1 << 63 };
    let mut text = String::with_capacity(16);
    while rest != 0 {
        text.push(char::from(DIGITS[(rest >> 60) as usize]));
        rest <<= 4;
    }
    text
}

/// The number that the engines read from a text, as Java's `Double.parseDouble` does: finite, and no word.
#[must_use]
pub fn number(text: &str) -> Option<f64> {
    if let Some(number) = whole(text) {
        return Some(number);
    }
    let text = text.trim_matches(|c| c <= ' ');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let unsigned = unsigned.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(unsigned);
    let magnitude = match unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        Some(hexadecimal) => binary(hexadecimal)?,
        None => decimal(unsigned)?,
    };
    let number = if text.starts_with('-') { -magnitude } else { magnitude };
    number.is_finite().then_some(number)
}

/// The number that a few digits are: most numbers of logs.
#[must_use]
pub fn whole(text: &str) -> Option<f64> {
    let digits = text.bytes().map(|byte| byte.is_ascii_digit().then(|| u32::from(byte - b'0')));
    let few = (1..=9).contains(&text.len()).then_some(0);
    digits.fold(few, |number, digit| Some(number? * 10 + digit?)).map(f64::from)
}

/// `D+.D*`, `.D+`, with an exponent or without.
fn decimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(left, right)| (left, Some(right)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    (fits && exponent.is_none_or(is_exponent)).then(|| text.parse().ok())?
}

fn is_exponent(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// `H*.H*pD+`, what stands behind `0x`, rounded once, to the nearest, as IEEE 754 does.
fn binary(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !is_exponent(exponent) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    // More than 30 digits only tell whether something is left over.
    let (mut bits, mut power, mut left_over) = (0_u128, 0_i64, false);
    for digit in whole.chars().chain(fraction.chars()) {
        let digit = digit.to_digit(16)?;
        if bits >> 120 == 0 {
            bits = bits << 4 | u128::from(digit);
        } else {
            left_over |= digit != 0;
            power += 4;
        }
    }
    power -= 4 * i64::try_from(fraction.len()).ok()?;
    // An exponent of so many digits is beyond any double.
    let exponent = exponent.parse().unwrap_or(if exponent.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 });
    Some(scaled(bits, left_over, power.saturating_add(exponent)))
}

/// `bits` · 2^`power`, to the nearest double, of two the even one.
fn scaled(bits: u128, left_over: bool, power: i64) -> f64 {
    const MANTISSA: i64 = 53;
    const LEAST: i64 = -1074;
    const MOST: i64 = 1023;
    let length = i64::from(128 - bits.leading_zeros());
    if bits == 0 {
        return 0.0;
    }
    if length - 1 + power > MOST {
        return f64::INFINITY;
    }
    let cut = (length - MANTISSA).max(LEAST - power).max(0);
    let kept = match cut {
        0 => bits,
        1..128 => {
            let (kept, rest, half) = (bits >> cut, bits & ((1 << cut) - 1), 1 << (cut - 1));
            kept + u128::from(rest > half || (rest == half && (left_over || kept & 1 == 1)))
        }
        _ => 0, // Less than half of the least double.
    };
    // Both factors and their product are exact.
    #[expect(clippy::cast_precision_loss, reason = "at most 2^53")]
    let kept = kept as f64;
    let two_to = |power: i64| {
        let bits = if power >= LEAST + 52 { (power + 1023) << 52 } else { 1 << (power - LEAST) };
        f64::from_bits(u64::try_from(bits).unwrap_or_default())
    };
    kept * two_to(power + cut)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use test_case::test_case;

    use super::*;

    #[test_case("200", Some(200.0))]
    #[test_case(" \t7\n", Some(7.0); "blanks at the ends")]
    #[test_case("-1.5e3", Some(-1500.0); "an exponent")]
    #[test_case("1.", Some(1.0); "no fraction")]
    #[test_case(".5", Some(0.5); "no whole")]
    #[test_case("+7f", Some(7.0); "a suffix of Java")]
    #[test_case("12D", Some(12.0); "another")]
    #[test_case("0x1p4", Some(16.0); "hexadecimal")]
    #[test_case("-0X.8P1d", Some(-1.0); "hexadecimal with everything")]
    #[test_case("0x1.fffffffffffff8p1023", None; "it rounds to infinity")]
    #[test_case("0x1p-1074", Some(f64::from_bits(1)); "the least")]
    #[test_case("0x1p-1075", Some(0.0); "half of the least")]
    #[test_case("0x1.8p-1075", Some(f64::from_bits(1)); "more than half of it")]
    #[test_case("0x1p-99999999999999999999", Some(0.0); "an exponent beyond all")]
    #[test_case("0x1p99999999999999999999", None; "and another")]
    #[test_case("0x1.00000000000008000000000000000000000000001p0", Some(1.000_000_000_000_000_2); "a bit far behind decides")]
    #[test_case("0x", None; "no digits")]
    #[test_case("0x10", None; "hexadecimal wants its exponent")]
    #[test_case("1e400", None; "beyond a double")]
    #[test_case("1e-400", Some(0.0); "too small for one")]
    #[test_case("NaN", None; "not a number")]
    #[test_case("Infinity", None; "a word")]
    #[test_case("1_000", None; "an underscore")]
    #[test_case("1e", None; "no exponent behind its letter")]
    #[test_case(".", None; "a point")]
    #[test_case("", None; "nothing")]
    #[test_case("1 2", None; "two of them")]
    #[test_case("d", None; "a suffix alone")]
    #[test_case("٣", None; "a digit of another script")]
    fn numbers(text: &str, expected: Option<f64>) {
        assert_eq!(number(text), expected);
    }

    #[test_case(0.0, "8")]
    #[test_case(-0.0, "8"; "minus zero")]
    #[test_case(200.0, "c069")]
    fn sortable_text(number: f64, text: &str) {
        assert_eq!(sortable(number), text);
    }

    #[test_case("a.b", "a.b"; "plain")]
    #[test_case(r"a=b\", r"a\=b\\"; "both signs")]
    fn names(name: &str, escaped: &str) {
        assert_eq!(escape(name), escaped);
    }

    #[test]
    fn long_values_are_not_compared() {
        assert!(is_compared(&"é".repeat(1024)) && !is_compared(&"é".repeat(1025)));
        assert!(is_compared(&"😀".repeat(512)) && !is_compared(&"😀".repeat(513)));
    }

    proptest! {
        #[test]
        fn a_pair_is_split_where_it_was_joined(name in r"[a=\\.é]{0,9}", value in r"[a=\\]{0,9}") {
            let pair = format!("{}={value}", escape(&name));
            prop_assert_eq!(split(&pair), Some((name.into(), &*value)));
        }

        #[test]
        fn text_sorts_as_the_numbers_do(a: f64, b in any::<f64>()) {
            prop_assume!(a.is_finite() && b.is_finite());
            prop_assert_eq!(sortable(a).cmp(&sortable(b)), (a + 0.0).partial_cmp(&(b + 0.0)).unwrap());
        }

        #[test]
        fn what_is_written_is_read(number in any::<f64>().prop_filter("finite", |number| number.is_finite())) {
            prop_assert_eq!(super::number(&format!("{number:e}")), Some(number));
            let bits = number.abs().to_bits();
            let hexadecimal = match (bits >> 52, bits & ((1 << 52) - 1)) {
                (0, fraction) => format!("0x0.{fraction:013x}p-1022"),
                (exponent, fraction) => format!("0x1.{fraction:013x}p{}", i64::try_from(exponent).unwrap() - 1023),
            };
            prop_assert_eq!(super::number(&hexadecimal), Some(number.abs()));
        }

        #[test]
        fn digits_are_a_number(digits in "[0-9]{1,12}") {
            prop_assert_eq!(super::number(&digits), digits.parse().ok());
        }

        #[test]
        fn no_text_panics(text in "[+-]?(0x)?[0-9a-fA-F.]{0,40}[pPeE]?[+-]?[0-9]{0,25}[fdFD ]?") {
            _ = number(&text);
        }
    }
}
