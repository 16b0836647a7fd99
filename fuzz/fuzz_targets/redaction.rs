#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| logctl_core::properties::redaction(text));
