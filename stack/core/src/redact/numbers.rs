//! Numbers of cards and of bank accounts.

/// Digits that a card's number may have.
pub(super) const CARD: std::ops::RangeInclusive<usize> = 12..=19;
/// The sizes of the groups in which such numbers are printed.
const PRINTED: [&[usize]; 5] = [&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[6, 13]];
/// Groups that are looked at at once.
const MAX_GROUPS: usize = 8;
/// Signs of the longest number of an account, with what may stand between them.
const MAX_IBAN: usize = 34;

/// What may stand between two groups of a printed number.
const JOINERS: [&[u8]; 9] =
    [b" ", b"-", b".", "\u{a0}".as_bytes(), b"%20", b"+", b"%2D", "\u{2011}".as_bytes(), "\u{202f}".as_bytes()];

/// The joiner that stands at `at`.
fn joiner(bytes: &[u8], at: usize) -> Option<&'static [u8]> {
    JOINERS.into_iter().find(|joiner| bytes[at..].starts_with(joiner))
}

/// How many digits stand at `at`.
pub(super) fn run(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// A card's number in groups that begins at `at`, where a run of digits does: its end.
pub(super) fn printed_card(bytes: &[u8], at: usize) -> Option<usize> {
    let mut sizes = [0; MAX_GROUPS];
    let mut ends = [0; MAX_GROUPS];
    let (mut count, mut from, mut between) = (0, at, None);
    while count < MAX_GROUPS {
        let size = run(bytes, from);
        if size == 0 {
            break;
        }
        (sizes[count], ends[count]) = (size, from + size);
        count += 1;
        let next = joiner(bytes, from + size);
        // A number is printed with one kind of joiner.
        if next.is_none() || *between.get_or_insert(next) != next {
            break;
        }
        from += size + next.map_or(0, <[u8]>::len);
    }
    PRINTED.iter().find_map(|printed| {
        let end = ends[printed.len() - 1];
        let fits = sizes[..count].starts_with(printed);
        (fits && is_card(&bytes[at..end])).then_some(end)
    })
}

/// Whether the digits in `text`, apart from what joins them, are a number as the networks give them out, with the check digit
/// of ISO/IEC 7812 (Luhn): <https://en.wikipedia.org/wiki/Payment_card_number>.
pub(super) fn is_card(text: &[u8]) -> bool {
    let mut digits = [0_u8; 20];
    let mut count = 0;
    let mut skip = 0;
    for (at, byte) in text.iter().enumerate() {
        if skip > 0 {
            skip -= 1;
        } else if byte.is_ascii_digit() {
            if count == *CARD.end() {
                return false;
            }
            digits[count] = byte - b'0';
            count += 1;
        } else {
            skip = joiner(text, at).map_or(0, |joiner| joiner.len() - 1);
        }
    }
    let digits = &digits[..count];
    let first = |count: usize| digits.iter().take(count).fold(0, |number, digit| number * 10 + u32::from(*digit));
    // The debit cards that come in every length.
    let maestro = matches!(first(4), 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763);
    let known = match count {
        12 => maestro,
        13 => first(1) == 4 || maestro,
        14 => matches!(first(2), 36 | 38 | 39) || matches!(first(3), 300..=305 | 309) || maestro,
        15 => matches!(first(2), 34 | 37) || maestro,
        16..=19 => {
            matches!(first(1), 4..=6)
                || matches!(first(4), 2221..=2720 | 3528..=3589)
                || matches!(first(2), 30 | 36 | 38 | 39)
        }
        _ => false,
    };
    let doubled = |digit: u8| digit * 2 / 10 + digit * 2 % 10;
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| u32::from(if at % 2 == 0 { *digit } else { doubled(*digit) }))
        .sum();
    known && sum.is_multiple_of(10)
}

/// Countries, the length of a number there, and whether it is digits alone behind its country:
/// <https://www.swift.com/standards/data-standards/iban-international-bank-account-number>.
#[rustfmt::skip]
const COUNTRIES: [(&[u8; 2], usize, bool); 88] = [
    (b"AD", 24, false), (b"AE", 23, true), (b"AL", 28, false), (b"AT", 20, true), (b"AZ", 28, false), (b"BA", 20, true),
    (b"BE", 16, true), (b"BG", 22, false), (b"BH", 22, false), (b"BI", 27, true), (b"BR", 29, false), (b"BY", 28, false),
    (b"CH", 21, false), (b"CR", 22, true), (b"CY", 28, false), (b"CZ", 24, true), (b"DE", 22, true), (b"DJ", 27, true),
    (b"DK", 18, true), (b"DO", 28, false), (b"EE", 20, true), (b"EG", 29, true), (b"ES", 24, true), (b"FI", 18, true),
    (b"FK", 18, false), (b"FO", 18, true), (b"FR", 27, false), (b"GB", 22, false), (b"GE", 22, false), (b"GI", 23, false),
    (b"GL", 18, true), (b"GR", 27, false), (b"GT", 28, false), (b"HN", 28, false), (b"HR", 21, true), (b"HU", 28, true),
    (b"IE", 22, false), (b"IL", 23, true), (b"IQ", 23, false), (b"IS", 26, true), (b"IT", 27, false), (b"JO", 30, false),
    (b"KW", 30, false), (b"KZ", 20, false), (b"LB", 28, false), (b"LC", 32, false), (b"LI", 21, false), (b"LT", 20, true),
    (b"LU", 20, false), (b"LV", 21, false), (b"LY", 25, true), (b"MC", 27, false), (b"MD", 24, false), (b"ME", 22, true),
    (b"MK", 19, false), (b"MN", 20, true), (b"MR", 27, true), (b"MT", 31, false), (b"MU", 30, false), (b"NI", 28, false),
    (b"NL", 18, false), (b"NO", 15, true), (b"OM", 23, false), (b"PK", 24, false), (b"PL", 28, true), (b"PS", 29, false),
    (b"PT", 25, true), (b"QA", 29, false), (b"RO", 24, false), (b"RS", 22, true), (b"RU", 33, false), (b"SA", 24, false),
    (b"SC", 31, false), (b"SD", 18, true), (b"SE", 24, true), (b"SI", 19, true), (b"SK", 24, true), (b"SM", 27, false),
    (b"SO", 23, true), (b"ST", 25, true), (b"SV", 28, false), (b"TL", 23, true), (b"TN", 24, true), (b"TR", 26, false),
    (b"UA", 29, false), (b"VA", 22, true), (b"VG", 24, false), (b"XK", 20, true),
];

/// A number of an account whose country stands at `at`: its end. It may be in groups of four, joined by one kind of joiner.
pub(super) fn iban(bytes: &[u8], at: usize) -> Option<usize> {
    let country = [bytes.get(at)?.to_ascii_uppercase(), bytes.get(at + 1)?.to_ascii_uppercase()];
    let place = COUNTRIES.binary_search_by(|(code, ..)| (*code).cmp(&country)).ok()?;
    let (_, length, digits_only) = COUNTRIES[place];
    let mut signs = [0_u8; MAX_IBAN];
    let (mut end, mut between) = (at, None);
    for (count, place) in signs[..length].iter_mut().enumerate() {
        if count > 0 && count % 4 == 0 {
            let next = joiner(bytes, end);
            if *between.get_or_insert(next) != next {
                return None;
            }
            end += next.map_or(0, <[u8]>::len);
        }
        let digit = (2..4).contains(&count) || (count >= 4 && digits_only);
        let fits = |sign: &&u8| if digit { sign.is_ascii_digit() } else { sign.is_ascii_alphanumeric() };
        *place = bytes.get(end).filter(fits)?.to_ascii_uppercase();
        end += 1;
    }
    // The check digits of ISO 13616 (modulo 97).
    let rearranged = signs[4..length].iter().chain(&signs[..4]);
    let remainder = rearranged.fold(0_u32, |remainder, sign| match sign {
        b'0'..=b'9' => (remainder * 10 + u32::from(sign - b'0')) % 97,
        _ => (remainder * 100 + u32::from(sign - b'A') + 10) % 97,
    });
    (remainder == 1).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_in_order() {
        assert!(COUNTRIES.is_sorted_by(|(a, ..), (b, ..)| a < b));
        assert!(COUNTRIES.iter().all(|(_, length, _)| (15..=MAX_IBAN).contains(length)));
    }
}
