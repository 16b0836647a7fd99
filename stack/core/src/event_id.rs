//! Ids of events, and of their documents.
//!
//! CloudWatch writes an id as 56 digits. As the id of a document it is shorter: 32 letters of base64url for the same number.
//! Any other text of digits stays as it is; the two forms never meet, since the
//! short one begins with a letter.

use std::{borrow::Cow, fmt::Write as _};

/// Digits of an id of CloudWatch.
const DIGITS: usize = 56;
/// Letters of its short form: 24 bytes.
const LETTERS: usize = 32;
/// What a limb of the number is multiplied with: nineteen digits, as many as fit into 64 bits.
const LIMB: u128 = 10_000_000_000_000_000_000;
const LIMB_DIGITS: usize = 19;

/// The id of the document of an event.
#[must_use]
pub fn document_id(event_id: &str) -> Cow<'_, str> {
    let is_number = event_id.bytes().all(|byte| byte.is_ascii_digit());
    let long = event_id.len() == DIGITS && is_number && !event_id.starts_with('0');
    match long.then(|| number(event_id)).flatten() {
        Some(bytes) => base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes).into(),
        None => event_id.into(),
    }
}

/// The id of the event of a document.
#[must_use]
pub fn event_id(document_id: &str) -> Cow<'_, str> {
    let short = document_id.len() == LETTERS && !document_id.starts_with(|c: char| c.is_ascii_digit());
    let bytes = short.then(|| base64_simd::URL_SAFE_NO_PAD.decode_to_vec(document_id).ok()).flatten();
    let digits = bytes.and_then(|bytes| bytes.try_into().ok()).map(digits);
    digits.filter(|digits| digits.len() == DIGITS).map_or(document_id.into(), Cow::Owned)
}

/// The bytes of a number, the highest first.
fn number(digits: &str) -> Option<[u8; 24]> {
    let mut limbs = [0_u64; 3]; // The lowest first.
    let mut rest = digits;
    while !rest.is_empty() {
        let (part, behind) = rest.split_at((rest.len() - 1) % LIMB_DIGITS + 1);
        let mut carry = u128::from(part.parse::<u64>().ok()?);
        for limb in &mut limbs {
            carry += u128::from(*limb) * LIMB;
            *limb = low(carry);
            carry >>= 64;
        }
        rest = behind;
    }
    let mut bytes = [0; 24];
    for (bytes, limb) in bytes.chunks_mut(8).zip(limbs.iter().rev()) {
        bytes.copy_from_slice(&limb.to_be_bytes());
    }
    Some(bytes)
}

/// The digits of a number, without leading zeros.
fn digits(bytes: [u8; 24]) -> String {
    let mut limbs = [0_u64; 3]; // The highest first.
    for (limb, bytes) in limbs.iter_mut().zip(bytes.as_chunks().0) {
        *limb = u64::from_be_bytes(*bytes);
    }
    let mut parts = [0_u64; 4]; // Nineteen digits each, the lowest first: 10^76 is more than 2^192.
    for part in &mut parts {
        let mut rest = 0_u128;
        for limb in &mut limbs {
            let dividend = rest << 64 | u128::from(*limb);
            *limb = low(dividend / LIMB);
            rest = dividend % LIMB;
        }
        *part = low(rest);
    }
    let mut text = String::with_capacity(parts.len() * LIMB_DIGITS);
    for part in parts.iter().rev() {
        _ = write!(text, "{part:019}");
    }
    text.trim_start_matches('0').to_owned()
}

/// The lower half.
#[expect(clippy::cast_possible_truncation, reason = "what is above is asked for elsewhere, or zero")]
const fn low(number: u128) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use test_case::test_case;

    use super::*;

    #[test_case("37462871928374619283746192837461928374619283746192837461", 32; "as CloudWatch writes them")]
    #[test_case("07462871928374619283746192837461928374619283746192837461", 56; "a leading zero")]
    #[test_case("37", 2; "a short one")]
    #[test_case("374628719283746192837461928374619283746192837461928374610", 57; "a long one")]
    fn ids(id: &str, length: usize) {
        let document = document_id(id);
        assert_eq!((document.len(), &*event_id(&document)), (length, id));
    }

    #[test]
    fn a_document_id_of_somebody_else_stays() {
        for id in
            ["zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "an id with blanks and 32 letters"]
        {
            assert_eq!(event_id(id), id);
        }
    }

    proptest! {
        #[test]
        fn an_id_is_found_again(id in "[0-9]{1,64}") {
            let document = document_id(&id);
            prop_assert_eq!(&*event_id(&document), &id);
        }

        /// Two events never share a document.
        #[test]
        fn the_order_is_kept(a in "[1-9][0-9]{55}", b in "[1-9][0-9]{55}") {
            let bytes = |id: &str| number(id).unwrap();
            prop_assert_eq!(a.cmp(&b), bytes(&a).cmp(&bytes(&b)));
        }
    }
}
