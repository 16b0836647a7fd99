#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| logctl_core::properties::bulk_reply(bytes));
