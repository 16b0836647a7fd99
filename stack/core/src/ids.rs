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

/// The ids of one event: lower-cased, each once, at most [`MAX_IDS`].
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Ids {
    /// One behind the other.
    text: String,
    /// Where each of them ends.
    ends: Vec<usize>,
}

impl Ids {
    /// Adds an id.
    pub fn keep(&mut self, id: &str) {
        if self.ends.len() == MAX_IDS {
            return;
        }
        let start = self.text.len();
        self.text.push_str(id);
        self.text[start..].make_ascii_lowercase();
        if self.iter().any(|known| known == &self.text[start..]) {
            self.text.truncate(start);
        } else {
            self.ends.push(self.text.len());
        }
    }

    /// The ids, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.ends.iter().scan(0, |start, end| Some(&self.text[std::mem::replace(start, *end)..*end]))
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }
}

/// Finds the ids in `text`, in order, and hands each to `found` as it stands there.
pub fn scan<'t>(text: &'t str, mut found: impl FnMut(&'t str)) {
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

fn ids_of<'t>(token: &'t str, found: &mut impl FnMut(&'t str)) {
    if let Some(id) = uuid_in(token).or_else(|| is_xray(token).then_some(token)) {
        return found(id);
    }
    let mut start = 0;
    for part in token.as_bytes().split(|byte| *byte == b'-') {
        if part.len() == SHORTEST && is_hex(part) {
            found(&token[start..start + SHORTEST]);
        }
        start += part.len() + 1;
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
    let (prefix, uuid) = token.split_at_checked(token.len().checked_sub(36)?)?;
    let bytes = uuid.as_bytes();
    let dashes = [8, 13, 18, 23].iter().all(|at| bytes[*at] == b'-');
    let fits = dashes && bytes.iter().filter(|byte| byte.is_ascii_hexdigit()).count() == 32;
    (fits && (prefix.is_empty() || prefix.ends_with('-'))).then_some(uuid)
}

/// `1-8 hex-24 hex`, see <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html>.
fn is_xray(token: &str) -> bool {
    let parts = token.as_bytes().strip_prefix(b"1-").and_then(|rest| rest.split_at_checked(8));
    parts.is_some_and(|(time, rest)| {
        is_hex(time) && rest.strip_prefix(b"-").is_some_and(|random| random.len() == 24 && is_hex(random))
    })
}

fn is_hex(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_hexdigit) && text.iter().any(|byte| *byte != b'0')
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
        let mut found = Ids::default();
        scan(text, |id| found.keep(id));
        scan(text, |id| found.keep(id));
        assert_eq!(found.iter().collect::<Vec<_>>(), expected);
    }

    #[test_case("8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f", true)]
    #[test_case("req-8f5e0a2c-3f1e-4b7d-9c55-0a1b2c3d4e5f", false; "an id with more")]
    #[test_case("hello", false)]
    fn whole_ids(text: &str, id: bool) {
        assert_eq!(is_id(text), id);
    }
}
