//! The header of a proxy, and what may follow it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| server_bin_fuzz::proxy_header(bytes));
