//! Keys that widespread providers give out.

/// The keys of a provider: what they begin with, and the signs that follow, at least or exactly so many.
pub(super) struct Kind {
    pub(super) prefix: &'static str,
    pub(super) signs: fn(u8) -> bool,
    least: usize,
    exactly: bool,
}

const fn kind(prefix: &'static str, signs: fn(u8) -> bool, least: usize) -> Kind {
    Kind { prefix, signs, least, exactly: false }
}

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

fn dotted(byte: u8) -> bool {
    word(byte) || byte == b'.'
}

fn hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

/// Of `Stripe`, `GitHub`, `GitLab`, `Slack`, `Google`, `SendGrid`, `Twilio`, `npm`, `Anthropic` and `OpenAI`, `Mailgun`,
/// `Shopify`, `DigitalOcean`, `Hugging Face`, `Vault`, `PyPI`, `Docker` and `Groq`.
const KEYS: [Kind; 38] = [
    kind("sk_live_", alphanumeric, 16),
    kind("sk_test_", alphanumeric, 16),
    kind("rk_live_", alphanumeric, 16),
    kind("rk_test_", alphanumeric, 16),
    kind("ghp_", alphanumeric, 30),
    kind("gho_", alphanumeric, 30),
    kind("ghu_", alphanumeric, 30),
    kind("ghs_", alphanumeric, 30),
    kind("ghr_", alphanumeric, 30),
    kind("github_pat_", word, 30),
    kind("glpat-", word, 20),
    kind("xoxb-", word, 20),
    kind("xoxp-", word, 20),
    kind("xoxa-", word, 20),
    kind("xoxe-", word, 20),
    kind("xoxr-", word, 20),
    kind("xoxs-", word, 20),
    kind("xapp-", word, 20),
    kind("AIz", word, 36),
    kind("SG.", dotted, 40),
    Kind { prefix: "SK", signs: hex, least: 32, exactly: true },
    kind("npm_", alphanumeric, 30),
    kind("sk-", word, 32),
    Kind { prefix: "key-", signs: hex, least: 32, exactly: true },
    kind("shpat_", hex, 32),
    kind("shpca_", hex, 32),
    kind("shppa_", hex, 32),
    kind("shpss_", hex, 32),
    kind("hf_", alphanumeric, 30),
    kind("whsec_", base64, 24),
    kind("hvs.", word, 24),
    kind("pypi-", word, 50),
    kind("dckr_pat_", word, 20),
    kind("glrt-", word, 20),
    kind("gsk_", alphanumeric, 40),
    kind("dop_v1_", hex, 60),
    kind("doo_v1_", hex, 60),
    kind("dor_v1_", hex, 60),
];

/// By the last sign of a prefix, the signs that may stand before it, as bits: most are told by that.
const BEFORE_LAST: [u128; 256] = {
    let mut before = [0; 256];
    let mut at = 0;
    while at < KEYS.len() {
        let prefix = KEYS[at].prefix.as_bytes();
        before[prefix[prefix.len() - 1] as usize] |= 1 << prefix[prefix.len() - 2];
        at += 1;
    }
    before
};

/// Whether a prefix may end with these two signs.
#[inline]
pub(super) fn may_end(before: u8, last: u8) -> bool {
    BEFORE_LAST[usize::from(last)] & 1_u128.unbounded_shl(u32::from(before)) != 0
}

/// The kind whose prefix `text` ends with.
pub(super) fn kind_of(text: &[u8]) -> Option<&'static Kind> {
    let [.., before, last] = text else { return None };
    if !may_end(*before, *last) {
        return None;
    }
    KEYS.iter().find(|kind| text.ends_with(kind.prefix.as_bytes()))
}

impl Kind {
    /// Whether a key of this kind begins with these signs, or is these signs.
    pub(super) fn fits(&self, body: &[u8]) -> bool {
        // Words between hyphens are no key.
        let mixed = self.prefix != "sk-" || body.iter().any(u8::is_ascii_uppercase);
        mixed && if self.exactly { body.len() == self.least } else { body.len() >= self.least }
    }
}
