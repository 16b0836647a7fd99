//! Fills templates in: time, ids, numbers and words of one log stream, from a seed.

use std::{fmt::Write as _, str::FromStr};

use super::words;

const MIDNIGHT: i64 = 1_795_132_800_000; // 2026-11-20T00:00:00Z.
const HOUR: i64 = 3_600_000;

/// A log stream in the making.
#[derive(Debug)]
pub struct Sampler {
    rng: fastrand::Rng,
    now: i64,
    steps: usize,
    request: String,
    trace: String,
    xray: String,
}

impl Sampler {
    /// A stream of this name; equal names make equal streams.
    pub fn new(name: &str) -> Self {
        // FNV-1a, which no new version of anything changes.
        let seed = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let mut rng = fastrand::Rng::with_seed(seed);
        let now = MIDNIGHT + rng.i64(-60 * HOUR..60 * HOUR);
        let mut sampler =
            Self { rng, now, steps: 0, request: String::new(), trace: String::new(), xray: String::new() };
        sampler.next_request();
        sampler
    }

    /// The time of the current event, in milliseconds since 1970.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// What the ids of a batch count from.
    pub fn batch(&mut self) -> u128 {
        self.rng.u128(1 << 120..1 << 121)
    }

    /// A position in a list of this length.
    pub fn position(&mut self, length: usize) -> usize {
        self.rng.usize(0..length)
    }

    /// A position in a list of this length, more often near its beginning.
    pub fn early_position(&mut self, length: usize) -> usize {
        self.rng.usize(0..1000) * self.rng.usize(0..1000) * length / 1_000_000
    }

    /// Goes on to the next event, which often belongs to another request.
    pub fn next_event(&mut self) {
        self.now += self.rng.i64(0..=40);
        if self.rng.u8(0..4) == 0 {
            self.next_request();
        }
    }

    /// Goes on to the next event of a story of `length` steps, and says which step it is.
    pub fn step(&mut self, length: usize) -> usize {
        self.now += self.rng.i64(0..=40);
        let step = self.steps % length;
        self.steps += 1;
        if step == 0 {
            self.next_request();
        }
        step
    }

    fn next_request(&mut self) {
        self.request = self.fill("«uuid»");
        self.trace = self.fill("«hex:32»");
        self.xray = self.fill("1-6a0f«hex:4»-«hex:24»");
    }

    /// The template with its placeholders replaced.
    ///
    /// # Panics
    /// When a placeholder is unknown.
    pub fn fill(&mut self, template: &str) -> String {
        let mut out = String::with_capacity(template.len() * 2);
        let mut rest = template;
        while let Some((text, tail)) = rest.split_once('«') {
            out.push_str(text);
            let (placeholder, tail) = tail.split_once('»').expect("a placeholder ends");
            let (name, bounds) = placeholder.split_once(':').unwrap_or((placeholder, ""));
            let bounds = Bounds(bounds);
            let known = placeholder.contains('|') && self.choice(placeholder, &mut out)
                || self.id(name, bounds, &mut out)
                || self.amount(name, bounds, &mut out)
                || self.text(name, bounds, &mut out)
                || self.structure(name, bounds, &mut out)
                || self.time(name, &mut out);
            assert!(known, "the placeholder «{placeholder}» is unknown");
            rest = tail;
        }
        out.push_str(rest);
        out
    }

    fn choice(&mut self, choices: &str, out: &mut String) -> bool {
        let nth = self.position(choices.split('|').count());
        out.push_str(choices.split('|').nth(nth).unwrap_or_default());
        true
    }

    fn time(&mut self, name: &str, out: &mut String) -> bool {
        let since = self.now - MIDNIGHT;
        let (day, millis) = (20 + since.div_euclid(24 * HOUR), since.rem_euclid(24 * HOUR)); // All in November.
        let clock = format!("{:02}:{:02}:{:02}", millis / HOUR, millis / 60_000 % 60, millis / 1000 % 60);
        let millis = millis % 1000;
        let written = match name {
            "iso" => write!(out, "2026-11-{day}T{clock}.{millis:03}Z"),
            "iso_offset" => write!(out, "2026-11-{day} {clock},{millis:03}+0000"),
            "python_time" => write!(out, "2026-11-{day} {clock},{millis:03}"),
            "nginx_time" => write!(out, "2026/11/{day} {clock}"),
            "clf_time" => write!(out, "{day}/Nov/2026:{clock} +0000"),
            "clock" => write!(out, "{clock}"),
            "day" => write!(out, "{day}"),
            "epoch_ms" => write!(out, "{}", self.now),
            "epoch_s" => write!(out, "{}", self.now / 1000),
            _ => return false,
        };
        written.is_ok()
    }

    fn id(&mut self, name: &str, bounds: Bounds<'_>, out: &mut String) -> bool {
        match name {
            "request" => out.push_str(&self.request),
            "trace" => out.push_str(&self.trace),
            "xray" => out.push_str(&self.xray),
            "span" => _ = write!(out, "{:016x}", self.rng.u64(..)),
            "uuid" => self.uuid(out),
            "UUID" => {
                let start = out.len();
                self.uuid(out);
                out[start..].make_ascii_uppercase();
            }
            "hex" => self.hex(bounds.part(0), b"0123456789abcdef", out),
            "HEX" => self.hex(bounds.part(0), b"0123456789ABCDEF", out),
            _ => return false,
        }
        true
    }

    fn uuid(&mut self, out: &mut String) {
        let (head, tail) = (self.rng.u64(..), self.rng.u64(..));
        let (first, second, third) = (head >> 32, head >> 16 & 0xffff, head & 0xfff);
        let (fourth, fifth) = (tail >> 48 & 0x3fff | 0x8000, tail & 0xffff_ffff_ffff);
        _ = write!(out, "{first:08x}-{second:04x}-4{third:03x}-{fourth:04x}-{fifth:012x}");
    }

    fn hex(&mut self, length: usize, digits: &[u8; 16], out: &mut String) {
        for _ in 0..length {
            out.push(char::from(digits[self.rng.usize(0..16)]));
        }
    }

    fn amount(&mut self, name: &str, bounds: Bounds<'_>, out: &mut String) -> bool {
        let written = match name {
            "int" => write!(out, "{}", self.between(bounds)),
            "float" => {
                let (low, high, decimals) = (bounds.part::<f64>(0), bounds.part::<f64>(1), bounds.part::<usize>(2));
                write!(out, "{:.decimals$}", low + self.rng.f64() * (high - low))
            }
            // Mostly short, sometimes long, as durations are.
            "skewed" => {
                let (share, high, decimals) = (self.rng.f64(), bounds.part::<f64>(0), bounds.part::<usize>(1));
                write!(out, "{:.decimals$}", share * share * share * share * high)
            }
            "double" => write!(out, "{}", self.rng.f64() * 100.0),
            "bool" => write!(out, "{}", self.rng.bool()),
            "status" => return self.choice("200|200|200|200|201|204|301|304|400|401|403|404|429|500|503", out),
            _ => return false,
        };
        written.is_ok()
    }

    fn text(&mut self, name: &str, bounds: Bounds<'_>, out: &mut String) -> bool {
        match name {
            "empty" => {}
            "space" => out.push(' '),
            "n" => out.push('\n'),
            "t" => out.push('\t'),
            "esc" => out.push('\u{1b}'),
            "word" => out.push_str(self.one_of(words::ENGLISH)),
            "words" | "sentence" => self.words(words::ENGLISH, bounds, out),
            "unicode" => self.words(words::UNICODE, bounds, out),
            "escaped" => self.escaped(bounds, out),
            "prose" => self.prose(bounds, out),
            "method" => return self.choice("GET|GET|GET|POST|PUT|DELETE|OPTIONS", out),
            "host" => out.push_str(self.one_of(words::HOSTS)),
            "agent" => out.push_str(self.one_of(words::AGENTS)),
            "path" => {
                let path = self.one_of(words::PATHS);
                out.push_str(&self.fill(path));
            }
            "ip" => {
                let [a, b, c, d] = self.rng.u32(..).to_be_bytes();
                _ = write!(out, "{}.{b}.{c}.{d}", a % 200 + 11);
            }
            _ => return false,
        }
        true
    }

    fn words(&mut self, from: &[&str], bounds: Bounds<'_>, out: &mut String) {
        for nth in 0..self.count(bounds) {
            if nth > 0 {
                out.push(' ');
            }
            out.push_str(self.one_of(from));
        }
    }

    /// Words with everything beyond ASCII written as `\u`, as many JSON writers do.
    fn escaped(&mut self, bounds: Bounds<'_>, out: &mut String) {
        let mut text = String::new();
        self.words(words::UNICODE, bounds, &mut text);
        for unit in text.encode_utf16() {
            match u8::try_from(unit) {
                Ok(ascii) if ascii.is_ascii() => out.push(char::from(ascii)),
                _ => _ = write!(out, "\\u{unit:04x}"),
            }
        }
    }

    fn prose(&mut self, bounds: Bounds<'_>, out: &mut String) {
        let end = out.len() + self.count(bounds);
        while out.len() < end {
            self.words(words::ENGLISH, Bounds("4:18"), out);
            out.push_str(". ");
        }
    }

    /// What JSON is made of: items of arrays, members of objects.
    fn structure(&mut self, name: &str, bounds: Bounds<'_>, out: &mut String) -> bool {
        match name {
            "ints" => self.list("«int:0:9999»", bounds, out),
            "doubles" => self.list("«double»", bounds, out),
            "strings" => self.list("\"«word»\"", bounds, out),
            "items" => self.items(bounds, out),
            "wide" => self.wide(bounds, out),
            "deep" => {
                let depth = self.count(bounds);
                _ = write!(out, "{}{depth}{}", r#"{"in":"#.repeat(depth), "}".repeat(depth));
            }
            _ => return false,
        }
        true
    }

    fn list(&mut self, item: &str, bounds: Bounds<'_>, out: &mut String) {
        for nth in 0..self.count(bounds) {
            if nth > 0 {
                out.push(',');
            }
            out.push_str(&self.fill(item));
        }
    }

    fn items(&mut self, bounds: Bounds<'_>, out: &mut String) {
        let end = out.len() + self.count(bounds);
        let template = r#"{"id":"«uuid»","name":"«sentence:2:6»","price":«float:1:900:2»,"stock":«int:0:900»}"#;
        out.push_str(&self.fill(template));
        while out.len() < end {
            out.push(',');
            out.push_str(&self.fill(template));
        }
    }

    fn wide(&mut self, bounds: Bounds<'_>, out: &mut String) {
        for nth in 0..self.count(bounds) {
            let comma = if nth > 0 { "," } else { "" };
            _ = write!(out, r#"{comma}"{}_{nth}":{}"#, self.one_of(words::ENGLISH), self.rng.u16(..));
        }
    }

    fn one_of<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.position(from.len())]
    }

    fn between(&mut self, bounds: Bounds<'_>) -> u64 {
        self.rng.u64(bounds.part::<u64>(0)..=bounds.part::<u64>(1))
    }

    fn count(&mut self, bounds: Bounds<'_>) -> usize {
        self.rng.usize(bounds.part::<usize>(0)..=bounds.part::<usize>(1))
    }
}

/// What follows the name of a placeholder: numbers between colons.
#[derive(Debug, Clone, Copy)]
struct Bounds<'a>(&'a str);

impl Bounds<'_> {
    fn part<T: FromStr>(self, nth: usize) -> T {
        let part = self.0.split(':').nth(nth).and_then(|part| part.parse().ok());
        part.unwrap_or_else(|| panic!("the placeholder's bounds {:?} lack number {nth}", self.0))
    }
}
