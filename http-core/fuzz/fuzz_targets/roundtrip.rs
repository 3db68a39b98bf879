//! What is written by the grammar is read back as it was meant.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| http_core_fuzz::targets::roundtrip::run(bytes));
