//! Ids inside text: UUIDs, X-Ray and W3C trace ids.

/// How many ids one event keeps.
pub const MAX_IDS: usize = 64;

/// The shortest id.
const SHORTEST: usize = 32;

/// What ids are made of.
const TOKEN: [bool; 256] = {
    let mut token = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        token[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'-';
        byte += 1;
    }
    token
};

/// Finds the ids in `text`, lower-cased and in order, and hands each to `found`.
pub fn scan(text: &str, mut found: impl FnMut(String)) {
    let bytes = text.as_bytes();
    let is_gap = |byte: &u8| !TOKEN[usize::from(*byte)];
    let mut at = 0;
    while let Some(window) = bytes.get(at..at + SHORTEST) {
        // A token that is long enough either fills the window or begins behind its last gap.
        if let Some(gap) = window.iter().rposition(is_gap) {
            at += gap + 1;
            continue;
        }
        let rest = &bytes[at + SHORTEST..];
        let end = at + SHORTEST + rest.iter().position(is_gap).unwrap_or(rest.len());
        ids_of(&text[at..end], &mut found);
        at = end + 1;
    }
}

fn ids_of(token: &str, found: &mut impl FnMut(String)) {
    if let Some(id) = uuid_in(token).or_else(|| is_xray(token).then_some(token)) {
        found(id.to_ascii_lowercase());
        return;
    }
    for part in token.split('-').filter(|part| part.len() == SHORTEST && is_hex(part)) {
        found(part.to_ascii_lowercase());
    }
}

/// Adds an id to those of an event, once, as long as there is room.
pub fn keep(all: &mut Vec<String>, id: String) {
    if all.len() < MAX_IDS && !all.contains(&id) {
        all.push(id);
    }
}

/// Whether `text` as a whole looks like an id.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let mut whole = false;
    scan(text, |id| whole |= id.len() == text.len());
    whole
}

/// A UUID, alone or behind a prefix such as `req-`.
fn uuid_in(token: &str) -> Option<&str> {
    let start = token.len().checked_sub(36)?;
    let (prefix, uuid) = (token.get(..start)?, token.get(start..)?);
    let dashes = uuid.bytes().enumerate().all(|(at, byte)| (byte == b'-') == matches!(at, 8 | 13 | 18 | 23));
    let fits = dashes && uuid.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
    (fits && (prefix.is_empty() || prefix.ends_with('-'))).then_some(uuid)
}

/// `1-8 hex-24 hex`, see <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html>.
fn is_xray(token: &str) -> bool {
    let mut parts = token.split('-');
    parts.next() == Some("1")
        && parts.next().is_some_and(|part| part.len() == 8 && is_hex(part))
        && parts.next().is_some_and(|part| part.len() == 24 && is_hex(part))
        && parts.next().is_none()
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit()) && text.bytes().any(|b| b != b'0')
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("START RequestId: 8F5E0A2C-3f1e-4b7d-9c55-0a1b2c3d4e5f Version: 1", &["8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f"]; "uuid")]
    #[test_case("[req-38101a0b-2096-447d-96ea-a692162415ae 113d3a99c3da401fbd62cc2caa5b96d2]", &["38101a0b-2096-447d-96ea-a692162415ae", "113d3a99c3da401fbd62cc2caa5b96d2"]; "prefixed, and hex")]
    #[test_case("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1", &["1-5759e988-bd862e3fe1be46a994272793"]; "x-ray")]
    #[test_case("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", &["4bf92f3577b34da6a3ce929d0e0e4736"]; "w3c")]
    #[test_case("00000000000000000000000000000000", &[]; "all zeros name nothing")]
    #[test_case("no ids, only-words-and-hyphens-that-go-on-for-long", &[]; "none")]
    fn ids_in(text: &str, expected: &[&str]) {
        let mut found = Vec::new();
        scan(text, |id| found.push(id));
        assert_eq!(found, expected);
    }

    #[test_case("8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f", true)]
    #[test_case("req-8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f", false; "an id with more")]
    #[test_case("hello", false)]
    fn whole_ids(text: &str, id: bool) {
        assert_eq!(is_id(text), id);
    }
}
