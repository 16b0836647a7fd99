//! What redaction costs: on logs in which there is nothing to redact, and on lines that are made to cost.

use std::hint::black_box;

use logctl_core::{
    event::Event,
    payload::{DEFAULT_CAP, Payload as Delivered, parse, unpack},
    redact::{Detector, Redactor},
};
use strum::VariantNames as _;

use crate::{ROUNDS, corpus::Payload, cpu, ours::Ours};

/// A redactor with all detectors.
pub fn all() -> Redactor {
    Redactor::new(&Detector::VARIANTS.join(","), "").expect("its own detectors").expect("some")
}

/// Lines of one kind, each of so many bytes.
type Hostile = (&'static str, fn(usize) -> String);

/// What would cost a careless detector the square of the length.
const HOSTILE: [Hostile; 20] = [
    ("letters behind x@", |length| format!("x@{}", "a".repeat(length))),
    ("at signs", |length| "@".repeat(length)),
    ("letters and at signs", |length| "ab@cd.".repeat(length / 6)),
    ("digits", |length| "4".repeat(length)),
    ("groups of digits", |length| "4111 ".repeat(length / 5)),
    ("beginnings of tokens", |length| "eyJ".repeat(length / 3)),
    ("beginnings of keys", |length| "sk-".repeat(length / 3)),
    ("keys within words", |length| "ask-".repeat(length / 4)),
    ("tokens within words", |length| "xeyJ".repeat(length / 4)),
    ("names of what is redacted", |length| "password=[redactedx".repeat(length / 19)),
    ("names of directories", |length| "pwd=/".repeat(length / 5)),
    ("names of paths", |length| "secret=x/".repeat(length / 9)),
    ("signs with percents", |length| "a%40".repeat(length / 4)),
    ("long names of numbers", |length| {
        format!(r#"{{"{}":[{}1]}}"#, "k".repeat(length / 2), "41111111111111113,".repeat(length / 36))
    }),
    ("elements", |length| "<password>".repeat(length / 10)),
    ("names of secrets", |length| "password:".repeat(length / 9)),
    ("quotes", |length| "\"\\\"".repeat(length / 3)),
    ("braces", |length| "{\"a".repeat(length / 3)),
    ("backslashes", |length| "\\".repeat(length)),
    ("beginnings of private keys", |length| "-----BEGIN ".repeat(length / 11)),
];

/// CPU time with all detectors by that without, over the events of which nothing is redacted; and how many others there are, of
/// how many.
pub fn without_hits(payloads: &[Payload]) -> (f64, usize, usize) {
    let redactor = all();
    let (mut hits, mut events) = (0, 0);
    let texts: Vec<String> =
        payloads.iter().map(|payload| unpack(&payload.data, DEFAULT_CAP).expect("a payload")).collect();
    let quiet: Vec<String> = texts
        .iter()
        .filter_map(|text| match parse(text, "r") {
            Ok(Delivered::Data(batch)) => Some(batch),
            _ => None,
        })
        .flat_map(|batch| {
            events += batch.events.len();
            let before = batch.events.len();
            let quiet: Vec<String> = batch
                .events
                .iter()
                .filter(|event| redactor.event(event).is_none())
                .map(|event| event.json.to_owned())
                .collect();
            hits += before - quiet.len();
            quiet
        })
        .collect();
    let read = |json: &'_ String| -> Event<'static> {
        // Leaked: the events of a benchmark live as long as it.
        let json: &'static str = Box::leak(json.clone().into_boxed_str());
        Event::parse(serde_json::from_str(json).expect("JSON")).expect("an event")
    };
    let quiet: Vec<Event<'static>> = quiet.iter().map(read).collect();
    let mut ours = Ours::new();
    let time = |run: &mut dyn FnMut()| {
        let begun = cpu();
        run();
        cpu() - begun
    };
    let mut ratios: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let none = time(&mut || {
                for payload in payloads {
                    ours.encode(&payload.data, true, |body| _ = black_box(body.len()));
                }
            });
            let all = time(&mut || {
                for event in &quiet {
                    black_box(redactor.event(event));
                }
            });
            (none + all) / none
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    (ratios[ROUNDS / 2], hits, events)
}

/// The worst of the hostile lines: its name, how much more a byte of 1 MB costs than one of 64 KB, and what a MB of it costs, in
/// milliseconds of CPU time.
pub fn hostile() -> (&'static str, f64, f64) {
    let redactor = all();
    let cost = |line: &str, times: u32| {
        let mut best = f64::MAX;
        for _ in 0..ROUNDS {
            let begun = cpu();
            for _ in 0..times {
                black_box(redactor.text(black_box(line)));
            }
            best = best.min((cpu() - begun) / f64::from(times) / 1_000.0);
        }
        best
    };
    let (mut worst, mut dearest) = (("", 0.0), 0.0_f64);
    for (name, line) in HOSTILE {
        let (short, long) = (cost(&line(64 << 10), 16), cost(&line(1 << 20), 1));
        let growth = long / (short * 16.0);
        if growth > worst.1 {
            worst = (name, growth);
        }
        dearest = dearest.max(long);
    }
    (worst.0, worst.1, dearest)
}
