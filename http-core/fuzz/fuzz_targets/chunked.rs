//! A chunked body, whole and byte by byte, beside the oracle.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| http_core_fuzz::targets::chunked(bytes));
