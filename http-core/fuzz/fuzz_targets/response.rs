//! A program of calls on the response side: no illegal message, no byte before a Misuse.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| http_core_fuzz::targets::response::run(bytes));
