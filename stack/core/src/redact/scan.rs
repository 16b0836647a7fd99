//! One way through a text: at each sign that something may begin or end with, the detectors that know it look around.
//!
//! How far they look is bounded, unless they find something: then the way goes on behind that.

use super::{
    Detector, Detectors, MARK, keys, names, numbers,
    tokens::{is_login, is_odd, is_prose, looks_made},
};

/// Characters of the part of an address before its `@`, and of its domain, where percent signs stand for characters.
const MAX_LOCAL: usize = 64 * 3;
const MAX_DOMAIN: usize = 255 * 3;
/// What the names of files, units and hosts end with, and the domains of addresses do not.
const NO_TOPS: [&[u8]; 14] = [
    b"png",
    b"jpg",
    b"jpeg",
    b"gif",
    b"svg",
    b"webp",
    b"css",
    b"js",
    b"mjs",
    b"service",
    b"socket",
    b"timer",
    b"slice",
    b"internal",
];
/// Signs of a name that are looked at.
const MAX_NAME: usize = names::LOOK;
/// Signs before the host of a URL.
const MAX_LOGIN: usize = 512;
/// Blanks and quotes between a name and its value.
const MAX_GAP: usize = 8;

/// What a sign may mean.
#[derive(Clone, Copy)]
pub(super) enum Class {
    /// Nothing.
    Plain,
    /// Something may begin, end or be told there.
    Sign,
    Digit,
    /// An object or a list may begin.
    Open,
    Quote,
    Backslash,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Plain; 256];
    let mut digit = b'0';
    while digit <= b'9' {
        classes[digit as usize] = Class::Digit;
        digit += 1;
    }
    let signs = b"@%&JI=:> -_.zK";
    let mut at = 0;
    while at < signs.len() {
        classes[signs[at] as usize] = Class::Sign;
        at += 1;
    }
    classes[b'{' as usize] = Class::Open;
    classes[b'[' as usize] = Class::Open;
    classes[b'"' as usize] = Class::Quote;
    classes[b'\\' as usize] = Class::Backslash;
    classes
};

/// What a sign may mean.
#[inline]
pub(super) fn class(sign: u8) -> Class {
    CLASSES[usize::from(sign)]
}

/// Something that must not be stored: where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) detector: Detector,
}

/// A text that is looked through.
pub(super) struct Scan<'t> {
    bytes: &'t [u8],
    on: Detectors,
    /// Whether what stands around something is left out of account, since escapes hide it: more is found then than there is.
    loose: bool,
    /// The name of the member whose value this is.
    name: Option<&'t str>,
    /// Up to here no web token is looked for any more.
    no_token: usize,
    /// What stands before is redacted.
    floor: usize,
}

/// Whether something in `text` may have to be redacted. Escapes may stand in it.
pub(super) fn may_hold(text: &str, on: Detectors) -> bool {
    if on == Detectors::default() {
        return false;
    }
    let mut scan = Scan { bytes: text.as_bytes(), on, loose: true, name: None, no_token: 0, floor: 0 };
    let mut at = 0;
    loop {
        // Most signs mean nothing.
        at += scan.bytes[at..]
            .iter()
            .take_while(|byte| matches!(class(**byte), Class::Plain | Class::Open | Class::Quote))
            .count();
        let Some(sign) = scan.bytes.get(at) else { return false };
        at = match class(*sign) {
            Class::Digit => match scan.digits(at, 0) {
                Ok(next) => next,
                Err(_) => return true,
            },
            Class::Sign if scan.is_quiet(at) => at + 1,
            Class::Sign if scan.at(at, 0).is_some() => return true,
            // Most escapes are of a quote or a line break.
            Class::Backslash if !matches!(scan.byte(at + 1), b'\\' | b'u' | b'/') => at + 1,
            Class::Backslash => match scan.escape(at) {
                Some(next) => next,
                None => return true,
            },
            Class::Plain | Class::Sign | Class::Open | Class::Quote => at + 1,
        };
    }
}

impl<'t> Scan<'t> {
    pub(super) fn new(text: &'t str, on: Detectors, name: Option<&'t str>) -> Self {
        Self { bytes: text.as_bytes(), on, loose: false, name, no_token: 0, floor: 0 }
    }

    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or_default()
    }

    /// The sign that stands so many before `at`.
    fn back(&self, at: usize, by: usize) -> u8 {
        at.checked_sub(by).map_or(0, |at| self.byte(at))
    }

    fn starts_with(&self, at: usize, text: &str) -> bool {
        self.bytes.get(at..).is_some_and(|rest| rest.starts_with(text.as_bytes()))
    }

    /// Whether the word before `end` is `word`, in any case.
    fn ends_with(&self, end: usize, word: &str) -> bool {
        let before = end.checked_sub(word.len()).and_then(|start| self.bytes.get(start..end));
        before.is_some_and(|before| before.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Whether a word may begin at `at`: no letter or digit stands before it, unless that is part of an escape.
    fn begins(&self, at: usize) -> bool {
        if self.loose || at == self.floor || !self.back(at, 1).is_ascii_alphanumeric() {
            return true;
        }
        let percent =
            self.back(at, 3) == b'%' && self.back(at, 2).is_ascii_hexdigit() && self.back(at, 1).is_ascii_hexdigit();
        let escape = self.back(at, 2) == b'\\' && matches!(self.back(at, 1), b'n' | b'r' | b't');
        percent || escape || self.colour_before(at) > 0
    }

    /// How long the colour is that ends before `at`: `ESC [ 3 1 m`.
    fn colour_before(&self, at: usize) -> usize {
        if self.back(at, 1) != b'm' {
            return 0;
        }
        let digits = self.bytes[..at - 1]
            .iter()
            .rev()
            .take(MAX_GAP)
            .take_while(|byte| byte.is_ascii_digit() || **byte == b';')
            .count();
        let start = at - 1 - digits;
        if self.back(start, 1) == b'[' && self.back(start, 2) == 0x1b { digits + 3 } else { 0 }
    }

    /// How long the colours are that begin at `at`.
    fn colours(&self, at: usize) -> usize {
        let mut end = at;
        while self.byte(end) == 0x1b && self.byte(end + 1) == b'[' {
            let digits = self.count(end + 2, MAX_GAP, |byte| byte.is_ascii_digit() || byte == b';');
            if self.byte(end + 2 + digits) != b'm' {
                break;
            }
            end += digits + 3;
        }
        end - at
    }

    /// Whether a word may end before `at`.
    fn ends(&self, at: usize) -> bool {
        self.loose || !self.byte(at).is_ascii_alphanumeric()
    }

    /// Whether the sign at `at` can mean nothing, by what stands directly beside it: so it is with most.
    #[inline]
    fn is_quiet(&self, at: usize) -> bool {
        let (sign, before) = (self.byte(at), self.back(at, 1));
        match sign {
            b' ' => !matches!(before | 0x20, b'r' | b'c'),
            b':' | b'=' => {
                self.byte(at + 1) != b'/' && !matches!(before | 0x20, b'r' | b'c') && !self.may_follow_a_name(at)
            }
            b'-' if self.byte(at + 1) == b'-' => false,
            b'-' | b'_' | b'.' | b'z' | b'K' => !keys::may_end(before, sign),
            _ => false,
        }
    }

    /// How many of the signs from `from` on are such, at most `most`.
    fn count(&self, from: usize, most: usize, is: impl Fn(u8) -> bool) -> usize {
        self.bytes.get(from..).unwrap_or_default().iter().take(most).take_while(|byte| is(**byte)).count()
    }

    fn hit(&self, detector: Detector, start: usize, end: usize) -> Option<Hit> {
        (self.on.has(detector) && start < end).then_some(Hit { start, end, detector })
    }

    /// What an escape may hide: the end of a harmless one.
    fn escape(&self, at: usize) -> Option<usize> {
        let end = at + self.count(at, usize::MAX, |byte| byte == b'\\');
        match self.byte(end) {
            // A colour hides nothing, unless a name or a token stands around it.
            b'u' if self.starts_with(end + 1, "001b[") => {
                let next = end + 6 + self.count(end + 6, MAX_GAP, |byte| byte.is_ascii_digit() || byte == b';') + 1;
                let colour_follows = self.byte(next) == b'\\';
                (!colour_follows && !b"=:\"' ".contains(&self.byte(next)) && self.back(at, 1) != b' ')
                    .then_some(end + 5)
            }
            b'u' => ["003c", "003e"].iter().any(|code| self.starts_with(end + 1, code)).then_some(end + 5),
            b'/' => (self.back(at, 1) != b':').then_some(end + 1),
            _ => Some(end),
        }
    }

    /// Looks around the sign at `at`; nothing before `floor` counts any more.
    pub(super) fn at(&mut self, at: usize, floor: usize) -> Option<Hit> {
        self.floor = floor;
        match self.byte(at) {
            b'@' => self.email(at, at + 1),
            b'%' if self.starts_with(at, "%40") => self.email(at, at + 3),
            b'%' if self.starts_with(at, "%20") => self.login(at),
            b'%' if self.starts_with(at, "%3D") => self.named(at, at + 3),
            b'>' => self.element(at),
            b'&' if self.starts_with(at, "&#64;") => self.email(at, at + 5),
            b'J' if self.ends_with(at, "ey") => self.web_token(at - 2),
            b'I' => self.key_id(at),
            b' ' => self.login(at),
            b'=' => self.named(at, at + 1).or_else(|| self.login(at)),
            b':' if self.starts_with(at, "://") => self.url(at + 3),
            b':' => self.named(at, at + 1).or_else(|| self.login(at)),
            b'-' if self.byte(at + 1) == b'-' => self.private_key(at).or_else(|| self.option(at + 2)),
            b'-' | b'_' | b'.' | b'z' | b'K' => self.key(at),
            _ => None,
        }
        .filter(|hit| hit.start >= floor)
    }

    /// Looks at the run of digits at `at`: what it is part of, or where it ends.
    #[inline]
    pub(super) fn digits(&mut self, at: usize, floor: usize) -> Result<usize, Hit> {
        self.floor = floor;
        // Of `%20` the digits are none of the number's.
        let escape = self.back(at, 1) == b'%' && self.byte(at + 1).is_ascii_hexdigit();
        let at = if escape { at + 2 } else { at };
        let end = at + numbers::run(self.bytes, at);
        let country = end >= at + 2 && self.back(at, 1).is_ascii_alphabetic() && self.back(at, 2).is_ascii_alphabetic();
        if country
            && at >= floor + 2
            && self.on.has(Detector::Iban)
            && (self.begins(at - 2) || self.ends_with(at - 2, "IBAN"))
            && let Some(end) = numbers::iban(self.bytes, at - 2).filter(|end| self.ends(*end))
        {
            return Err(Hit { start: at - 2, end, detector: Detector::Iban });
        }
        if end >= at + 4
            && matches!(self.byte(at), b'2'..=b'6')
            && self.on.has(Detector::Card)
            && let Some(end) = self.card(at, end)
        {
            return Err(Hit { start: at, end, detector: Detector::Card });
        }
        Ok(end.max(at))
    }

    /// The end of a card's number that begins with the run of digits from `at` to `end`.
    fn card(&self, at: usize, end: usize) -> Option<usize> {
        // The format code of a magnetic stripe stands directly before it.
        let begins = self.begins(at) || (self.back(at, 1) == b'B' && self.back(at, 2) == b'%');
        if !begins || (!self.loose && self.hangs_on_a_name(at)) {
            return None;
        }
        let grouped = matches!(end - at, 4 | 6);
        if grouped && let Some(end) = numbers::printed_card(self.bytes, at).filter(|end| self.ends(*end)) {
            return Some(end);
        }
        if end - at < *numbers::CARD.start() {
            return None;
        }
        let fraction = self.back(at, 1) == b'.' && self.back(at, 2).is_ascii_digit();
        // An account of AWS in an ARN.
        let account = end - at == 12 && self.back(at, 1) == b':' && self.byte(end) == b':';
        let whole = self.ends(end) && !fraction && !account && numbers::is_card(&self.bytes[at..end]);
        // Longer numbers are far more often something else.
        let told = end - at <= 16 || self.loose || self.is_behind_card(at);
        (whole && told).then_some(end)
    }

    /// Whether a name is glued to the front of a number: `blk_4111…`, which is the name's. That of a card is none.
    fn hangs_on_a_name(&self, at: usize) -> bool {
        let sign = if self.back(at, 1) == b'-' && self.back(at, 2) == b'_' { at - 1 } else { at };
        self.back(sign, 1) == b'_' && self.back(sign, 2).is_ascii_alphanumeric() && !self.is_behind_card(at)
    }

    /// Whether the word before `at`, or the name of the member, is that of a card's number.
    fn is_behind_card(&self, at: usize) -> bool {
        let gap = self.bytes[..at].iter().rev().take(MAX_GAP).take_while(|byte| !byte.is_ascii_alphanumeric()).count();
        let end = at - gap;
        names::is_of_card(self.name_before(end)) || (at <= MAX_GAP && self.name.is_some_and(names::is_of_card))
    }

    /// An address around its `@`, which stands from `at` to `after`.
    fn email(&self, at: usize, after: usize) -> Option<Hit> {
        if !self.on.has(Detector::Email) {
            return None;
        }
        let is_local = |byte: u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"._%+-".contains(&byte);
        let from = at.saturating_sub(MAX_LOCAL).max(self.floor);
        // Of several signs in a row each ends what is before it.
        let before = memchr::memmem::rfind(&self.bytes[from..at], b"%40").map_or(from, |found| from + found + 3);
        let local = self.bytes[before..at].iter().rev().take_while(|byte| is_local(**byte)).count();
        let mut start = at - local;
        // Not in the middle of a character.
        while start < at && self.byte(start) & 0xc0 == 0x80 {
            start += 1;
        }
        let is_domain =
            |byte: u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || matches!(byte, b'-' | b'.' | b'%');
        let window = &self.bytes[after..self.bytes.len().min(after + MAX_DOMAIN)];
        let most = memchr::memmem::find(window, b"%40").unwrap_or(window.len());
        let mut end = after + self.count(after, most, is_domain);
        while end > after && (matches!(self.byte(end - 1), b'.' | b'-' | b'%') || self.byte(end) & 0xc0 == 0x80) {
            end -= 1;
        }
        let domain = &self.bytes[after..end];
        let top = domain.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
        let named = top.len() >= 2
            && top.len() < domain.len()
            && !top[0].is_ascii_digit()
            && top.iter().any(|byte| !byte.is_ascii_digit());
        let whole = domain.first().is_some_and(|byte| *byte != b'.' && *byte != b'-');
        // Names of files, units and hosts, and who fetches a repository.
        let elsewhere =
            !self.loose && (NO_TOPS.iter().any(|no| top.eq_ignore_ascii_case(no)) || self.bytes[start..at] == *b"git");
        if start < at && named && whole && !elsewhere { self.hit(Detector::Email, start, end) } else { None }
    }

    /// A web token that begins at `at`: parts of base64url between dots, three of them, or five where it is encrypted.
    fn web_token(&mut self, at: usize) -> Option<Hit> {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if !self.on.has(Detector::Jwt) || at < self.no_token || (!self.loose && !self.begins(at)) {
            return None;
        }
        // Some pad their parts.
        let part = |from: usize| {
            let end = from + self.count(from, usize::MAX, is_part);
            let padding = self.count(end, 2, |byte| byte == b'=');
            if self.byte(end + padding) == b'.' { end + padding } else { end }
        };
        let (mut end, mut dots) = (part(at), 0);
        let second = end + 1;
        while dots < 4
            && self.byte(end) == b'.'
            && (is_part(self.byte(end + 1)) || (dots == 0 && self.byte(end + 1) == b'.'))
        {
            end = part(end + 1);
            dots += 1;
        }
        self.no_token = end;
        // One that is cut off, or not signed, has two parts that look alike.
        if dots >= 2 || (dots == 1 && self.starts_with(second, "eyJ")) {
            self.hit(Detector::Jwt, at, end)
        } else {
            None
        }
    }

    /// The id of a key of AWS around the `I` at `at`.
    fn key_id(&self, at: usize) -> Option<Hit> {
        if self.byte(at + 1) != b'A' || !(self.ends_with(at, "AK") || self.ends_with(at, "AS")) {
            return None;
        }
        let start = at - 2;
        let is_sign = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        let fits = self.begins(start) && self.count(start + 4, 16, is_sign) == 16 && self.ends(start + 20);
        if fits { self.hit(Detector::AwsKey, start, start + 20) } else { None }
    }

    /// What stands behind `Bearer` or `Basic`, where `at` is behind that word.
    fn login(&self, at: usize) -> Option<Hit> {
        let (word, detector) = match self.back(at, 1) {
            b'r' | b'R' => ("bearer", Detector::Bearer),
            b'c' | b'C' => ("basic", Detector::BasicAuth),
            _ => return None,
        };
        if !self.on.has(detector) || !self.ends_with(at, word) || !self.begins(at - word.len()) {
            return None;
        }
        let mut start = at;
        for _ in 0..MAX_NAME {
            start += match self.byte(start) {
                b'%' if self.starts_with(start, "%20") => 3,
                b' ' | b':' | b'=' | b'"' | b'\'' | b'\\' => 1,
                0x1b => self.colours(start),
                _ => 0,
            };
        }
        // More escapes may stand there than are looked at.
        if self.loose && (start - at >= MAX_NAME || self.starts_with(start, "u001b")) {
            return self.hit(detector, at, start);
        }
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"._~+/%=|-".contains(&byte);
        let mut end = start + self.count(start, usize::MAX, |byte| is_token(byte) || byte == b'\\');
        while end > start && matches!(self.byte(end - 1), b'.' | b'\\') {
            end -= 1;
        }
        let token = &self.bytes[start..end];
        let made = match detector {
            Detector::BasicAuth => is_login(token),
            _ => looks_made(token),
        };
        if made { self.hit(detector, start, end) } else { None }
    }

    /// The value of an option of a command line, whose name begins at `at`: `--password x`.
    fn option(&self, at: usize) -> Option<Hit> {
        let end = at + self.count(at, MAX_NAME, names::is_of_name);
        let name = std::str::from_utf8(&self.bytes[at..end]).unwrap_or_default();
        let detector = names::told(name, self.on).filter(|_| self.byte(end) == b' ' && self.byte(end + 1) != b'-')?;
        if self.loose {
            return self.hit(detector, end, end + 1); // Escapes may stand anywhere around the value.
        }
        let (start, end) = self.value(end, usize::MAX);
        self.hit(detector, start, end)
    }

    /// What stands in the element of XML whose tag ends at `at`.
    fn element(&self, at: usize) -> Option<Hit> {
        let name = self.name_before(at);
        let detector = names::told(name, self.on).filter(|_| matches!(self.back(at - name.len(), 1), b'<' | b':'))?;
        let end = at + 1 + self.count(at + 1, usize::MAX, |byte| byte != b'<');
        if self.starts_with(at + 1, MARK) { None } else { self.hit(detector, at + 1, end) }
    }

    /// What stands behind a name and the sign at `at`.
    fn named(&self, at: usize, after: usize) -> Option<Hit> {
        if !self.may_follow_a_name(at) {
            return None;
        }
        let name_end = self.before_gap(at);
        let gap = &self.bytes[name_end..at];
        if self.loose && gap.len() >= MAX_NAME && gap.contains(&b'\\') {
            return Some(Hit { start: name_end, end: at, detector: Detector::Password }); // Whatever its name tells.
        }
        let name = self.name_before(name_end);
        let begin = name_end - name.len();
        // Of an escape before it a letter or a code may be left: `\\npass`.
        let behind_escape = || {
            let escape = if name.starts_with('u') { 5 } else { 1 };
            let rest = name.get(escape..).filter(|_| self.loose && self.back(begin, 1) == b'\\');
            rest.and_then(|name| names::told(name, self.on))
        };
        let detector = names::told(name, self.on).or_else(behind_escape)?;
        if self.ends_with(begin, "[redacted:") {
            return None; // The mark of a detector that is called so.
        }
        if self.loose {
            return self.hit(detector, at, at + 1); // Escapes may stand anywhere around the value.
        }
        let before = self.back(begin, 1);
        let (start, end) = self.value(after, MAX_NAME);
        let value = &self.bytes[start..end];
        let prose = self.byte(at) == b':' && (before == b'/' || is_prose(value));
        let harmless = [&b""[..], b"null", b"true", b"false"].contains(&value)
            // A working directory; a part of an ARN; a Secret of Kubernetes, or one that is talked of.
            || (name.to_ascii_lowercase().ends_with("pwd") && value.starts_with(b"/"))
            || (name.eq_ignore_ascii_case("secret")
                && (before == b':' || value.contains(&b'/') || !value.iter().copied().any(is_odd)));
        if harmless || prose {
            return None;
        }
        let (start, end) = self.value(after, usize::MAX);
        self.hit(detector, start, end)
    }

    /// The name that ends before `end`; empty where none does.
    fn name_before(&self, end: usize) -> &'t str {
        let from = end.saturating_sub(MAX_NAME);
        let length = self.bytes[from..end].iter().rev().take_while(|byte| names::is_of_name(**byte)).count();
        std::str::from_utf8(&self.bytes[end - length..end]).unwrap_or_default()
    }

    /// Whether a name that tells something may end before `at`, where a quote may stand between, escaped once at most.
    #[inline]
    fn may_follow_a_name(&self, at: usize) -> bool {
        let quote = match (self.back(at, 2), self.back(at, 1)) {
            (b'\\', b'"') => 2,
            (_, b'"') => 1,
            _ => 0,
        };
        names::may_end(self.back(at, 2 + quote), self.back(at, 1 + quote))
    }

    /// Signs that are looked at between a name and its value. Each escape doubles the backslashes.
    fn max_gap(&self) -> usize {
        if self.loose { MAX_NAME } else { MAX_GAP }
    }

    /// Where the blanks and quotes begin that stand before `at`.
    fn before_gap(&self, at: usize) -> usize {
        let mut start = at;
        while start > 0 && at - start < self.max_gap() {
            let escaped =
                self.loose && self.back(start, 2) == b'\\' && matches!(self.back(start, 1), b'n' | b'r' | b't');
            start -= match self.back(start, 1) {
                b' ' | b'\t' | b'"' | b'\'' | b'\\' | b']' => 1,
                b'D' if self.ends_with(start, "%5D") => 3,
                b'm' if self.colour_before(start) > 0 => self.colour_before(start),
                byte if self.loose && byte.is_ascii_whitespace() => 1,
                _ if escaped => 2,
                _ => break,
            };
        }
        start
    }

    /// The value at `at`, quotes apart, as far as the first `most` signs of it.
    fn value(&self, at: usize, most: usize) -> (usize, usize) {
        let mut start = at;
        loop {
            let skip = self.count(start, MAX_GAP, |byte| b" \t=:>".contains(&byte)) + self.colours(start);
            if skip == 0 || start - at > MAX_NAME {
                break;
            }
            start += skip;
        }
        // What wraps a text: `b'x'`, `Some("x")`, `['x']`.
        let wrapper = self.count(start, MAX_GAP + 4, |byte| byte.is_ascii_alphanumeric());
        let opening = usize::from(matches!(self.byte(start + wrapper), b'(' | b'[' | b'{'));
        let wrapper = if opening == 1 || wrapper <= 1 { wrapper } else { 0 };
        if matches!(self.byte(start + wrapper + opening), b'"' | b'\'') {
            start += wrapper + opening;
        }
        let slashes = self.count(start, MAX_GAP, |byte| byte == b'\\');
        let quote = self.byte(start + slashes);
        if matches!(quote, b'"' | b'\'') {
            start += slashes + 1;
            if self.starts_with(start, MARK) {
                return (start, start);
            }
            // Up to the quote that stands behind as many backslashes: behind more it is part of the value.
            let mut end = start;
            let mut seen = 0;
            while let Some(byte) = self.bytes.get(end).filter(|_| end - start < most) {
                if *byte == quote && seen <= slashes {
                    return (start, end - seen);
                }
                seen = if *byte == b'\\' { seen + 1 } else { 0 };
                end += 1;
            }
            return (start, end);
        }
        // A list or a set of one; an object has values of its own, and what is redacted has none.
        if matches!(quote, b'{' | b'[') {
            let length = self.count(start + 1, MAX_LOGIN, |byte| !b"]}:=\"[{".contains(&byte));
            let closed = matches!(self.byte(start + 1 + length), b']' | b'}');
            return if closed && !self.starts_with(start, MARK) {
                (start + 1, start + 1 + length)
            } else {
                (start, start)
            };
        }
        let ends = |byte: u8| byte.is_ascii_whitespace() || b"&,;\"'<>)]}|`\\".contains(&byte);
        (start, start + self.count(start, most, |byte| !ends(byte)))
    }

    /// The password before the host of a URL, where `at` is behind `://`.
    fn url(&self, at: usize) -> Option<Hit> {
        let length = self.count(at, MAX_LOGIN, |byte| !byte.is_ascii_control() && !b" /?#\"'<>`\\,;|(".contains(&byte));
        let authority = &self.bytes[at..at + length];
        let host = authority.iter().rposition(|byte| *byte == b'@')?;
        let password = authority[..host].iter().position(|byte| *byte == b':')? + 1;
        let redacted = authority[password..host].starts_with(MARK.as_bytes());
        if redacted { None } else { self.hit(Detector::Password, at + password, at + host) }
    }

    /// A private key whose first line begins at `at`, up to its last line, or the end.
    fn private_key(&self, at: usize) -> Option<Hit> {
        if !self.on.has(Detector::PrivateKey) || !self.starts_with(at, "-----BEGIN ") {
            return None;
        }
        let is_label = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ';
        let label_end = at + 11 + self.count(at + 11, MAX_NAME, is_label);
        let label = &self.bytes[at..label_end];
        let private = label.ends_with(b"PRIVATE KEY") || label.ends_with(b"PRIVATE KEY BLOCK");
        if !self.starts_with(label_end, "-----") || !private {
            return None;
        }
        let rest = &self.bytes[at..];
        let end = memchr::memmem::find(rest, b"-----END ").map_or(self.bytes.len(), |last| {
            let line = at + last + 9;
            let dashes =
                self.bytes[line..self.bytes.len().min(line + 64)].windows(5).position(|dashes| dashes == b"-----");
            dashes.map_or(self.bytes.len(), |dashes| line + dashes + 5)
        });
        self.hit(Detector::PrivateKey, at, end)
    }

    /// A key whose prefix ends with the sign at `at`.
    fn key(&self, at: usize) -> Option<Hit> {
        if !self.on.has(Detector::ApiKey) {
            return None;
        }
        let kind = keys::kind_of(&self.bytes[..=at])?;
        let begin = at + 1 - kind.prefix.len();
        // Before its end is looked for: that may be far.
        if !self.begins(begin) || (!self.loose && matches!(self.back(begin, 1), b'-' | b'.')) {
            return None;
        }
        // What tells stands at its beginning.
        let head = self.count(at + 1, MAX_NAME, kind.signs);
        if !kind.fits(&self.bytes[at + 1..at + 1 + head]) {
            return None;
        }
        self.hit(Detector::ApiKey, begin, at + 1 + self.count(at + 1, usize::MAX, kind.signs))
    }
}
