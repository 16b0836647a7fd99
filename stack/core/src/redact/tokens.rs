//! What tells a secret from a word of a sentence.

/// Whether a sign stands in what machines make rather than in words.
pub(super) fn is_odd(byte: u8) -> bool {
    byte.is_ascii_digit() || byte.is_ascii_uppercase() || matches!(byte, b'+' | b'/' | b'_' | b'~' | b'%' | b'|')
}

/// Whether a token was made by a machine: words of a sentence are shorter, of letters alone, in one case but for the first. A
/// name with its value is none.
pub(super) fn looks_made(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|byte| **byte == b'=').count();
    let pair = token[..token.len() - padding].contains(&b'=');
    token.len() >= 8 && !pair && (token.len() >= 24 || token.iter().skip(1).copied().any(is_odd))
}

/// Whether a token is name and password in base64, or long enough to be one that is cut off.
pub(super) fn is_login(token: &[u8]) -> bool {
    let plain: Vec<u8> = token.iter().copied().take_while(u8::is_ascii_alphanumeric).take(24).collect();
    let whole = plain.len() / 4 * 4;
    let decoded = base64_simd::STANDARD.decode_to_vec(&plain[..whole]).unwrap_or_default();
    decoded.contains(&b':') || (token.len() >= 16 && token.iter().any(u8::is_ascii_digit) && looks_made(token))
}

/// Whether what stands behind `password:` goes on with the sentence.
pub(super) fn is_prose(value: &[u8]) -> bool {
    let words = [
        "yes",
        "no",
        "none",
        "required",
        "invalid",
        "missing",
        "incorrect",
        "wrong",
        "expired",
        "empty",
        "too",
        "must",
        "should",
        "is",
        "not",
        "cannot",
        "failed",
        "ok",
    ];
    let word = words.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes()));
    word || (value.len() <= 4 && value.iter().all(u8::is_ascii_digit))
}
