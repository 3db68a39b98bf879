//! The fuzz targets on stable: every seed, and every input that a fuzzer found.
#![cfg(feature = "cli")]

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "there it is a library")]
mod targets;

use std::fs;
use std::path::Path;

fn inputs(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder);
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .map(|entry| fs::read(entry.expect("an entry").path()).expect("an input"))
        .collect()
}

#[test]
fn every_seed_and_every_input_that_once_failed_passes_the_target_of_the_proxy_header() {
    let seeds = inputs("seeds/proxy_header");
    assert!(!seeds.is_empty(), "there are seeds");
    for input in seeds.into_iter().chain(inputs("regressions/proxy_header")) {
        eprintln!("{}", input.escape_ascii());
        targets::proxy_header(&input);
        // Each byte of it changed, too.
        for at in 0..input.len() {
            let mut changed = input.clone();
            changed[at] ^= 1;
            targets::proxy_header(&changed);
        }
    }
}
