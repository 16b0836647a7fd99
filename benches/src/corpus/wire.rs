//! Payloads as CloudWatch Logs sends them.

use std::{fmt::Write as _, io::Write as _};

use flate2::{Compression, write::GzEncoder};

use super::{Payload, plan::Plan, sampler::Sampler, templates::Section};

const CONTROL: &str = concat!(
    r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"#,
    r#""logEvents":[{"id":"","timestamp":1795132800000,"message":"CWL CONTROL MESSAGE: Checking health of destination"#,
    r#" Lambda function."}]}"#
);

/// Makes the payload that a plan describes.
pub fn payload(plan: &Plan) -> Payload {
    let json = if plan.sections.is_empty() { CONTROL.to_owned() } else { json(plan) };
    packed(plan.name.clone(), &json, plan.events)
}

/// Lines of a file as the events of a payload, a second apart.
pub fn of_lines<'l>(name: String, lines: impl Iterator<Item = &'l str>) -> Payload {
    let mut json = String::from(
        r#"{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/real","logStream":"s","subscriptionFilters":["logctl"],"logEvents":["#,
    );
    let mut events = 0;
    for line in lines {
        let time = 1_795_132_800_000 + 1_000 * events as u64;
        _ = write!(
            json,
            r#"{}{{"id":"{}","timestamp":{time},"message":"#,
            if events > 0 { "," } else { "" },
            id(time, 1 << 120)
        );
        put_string(&mut json, line);
        json.push('}');
        events += 1;
    }
    json.push_str("]}");
    packed(name, &json, events)
}

fn packed(name: String, json: &str, events: usize) -> Payload {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    let compressed = gzip.write_all(json.as_bytes()).and_then(|()| gzip.finish()).expect("memory takes every byte");
    let data = base64_simd::STANDARD.encode_to_string(compressed);
    Payload { name, data, events, bytes: json.len() }
}

fn json(plan: &Plan) -> String {
    let mut sampler = Sampler::new(&plan.name);
    let mut out = String::from(r#"{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"#);
    put_string(&mut out, plan.group);
    let stream = sampler.fill("2026/11/20/[$LATEST]«hex:32»");
    _ = write!(out, r#","logStream":"{stream}","subscriptionFilters":["logctl"],"logEvents":["#);
    let batch = sampler.batch();
    for nth in 0..plan.events {
        if nth > 0 {
            out.push(',');
        }
        let section = &plan.sections[sampler.position(plan.sections.len())];
        let message = message(section, plan.events, &mut sampler);
        let time = sampler.now();
        _ = write!(out, r#"{{"id":"{}","timestamp":{time},"message":"#, id(time.unsigned_abs(), batch + nth as u128));
        put_string(&mut out, &message);
        put_columns(&mut out, &section.columns, &message);
        out.push('}');
    }
    out.push_str("]}");
    out
}

/// The id that AWS gives to an event: its time in milliseconds times 2^144, and a number of 121 bits that counts the events of
/// a batch. So it is with the three events of <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html>.
pub fn id(time: u64, count: u128) -> String {
    const BASE: u128 = 1_000_000_000_000_000_000;
    // The number in base 10^18, lowest digit first.
    let mut digits = [u128::from(time), 0, 0, 0];
    let carry = |digits: &mut [u128; 4]| {
        for at in 0..3 {
            digits[at + 1] += digits[at] / BASE;
            digits[at] %= BASE;
        }
    };
    for _ in 0..144 / 16 {
        for digit in &mut digits {
            *digit <<= 16;
        }
        carry(&mut digits);
    }
    digits[0] += count % BASE;
    digits[1] += count / BASE;
    carry(&mut digits);
    format!("{:02}{:018}{:018}{:018}", digits[3], digits[2], digits[1], digits[0])
}

fn message(section: &Section, events: usize, sampler: &mut Sampler) -> String {
    let count = section.templates.len();
    let nth = if section.in_order && events > 1 {
        sampler.step(count)
    } else {
        sampler.next_event();
        sampler.early_position(count)
    };
    sampler.fill(section.templates[nth])
}

/// Cuts a message where a filter pattern of columns does: at white space outside of quotes and brackets, of which it keeps
/// the inside. The last column takes the rest, and a column that the message lacks is null.
fn put_columns(out: &mut String, columns: &[&str], message: &str) {
    let Some(last) = columns.len().checked_sub(1) else { return };
    out.push_str(r#","extractedFields":{"#);
    let mut rest = message;
    for (nth, name) in columns.iter().enumerate() {
        _ = write!(out, r#"{}"{name}":"#, if nth > 0 { "," } else { "" });
        if rest.is_empty() {
            out.push_str("null");
            continue;
        }
        let (value, after) = column(rest, nth == last);
        put_string(out, value);
        rest = after;
    }
    out.push('}');
}

fn column(text: &str, last: bool) -> (&str, &str) {
    let (text, end) = match text.as_bytes()[0] {
        b'"' => (&text[1..], '"'),
        b'[' => (&text[1..], ']'),
        _ if last => return (text, ""),
        _ => (text, ' '),
    };
    let (value, rest) = text.split_once(end).unwrap_or((text, ""));
    (value, rest.trim_start())
}

fn put_string(out: &mut String, text: &str) {
    out.push_str(&serde_json::to_string(text).expect("a string is JSON"));
}
