//! A whole connection: every cut gives the same outcome, and the oracle's.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| http_core_fuzz::targets::connection(bytes));
