//! Every input that a fuzzer found, and every seed, runs through its target on stable.

mod oracle;
mod support;
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries.map(|e| e.expect("a directory entry").path()).collect();
    files.sort();
    files
}

fn crate_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_kept_input_passes_its_target() {
    for (name, target) in targets::ALL {
        for file in files(&crate_root().join("tests/regressions").join(name)) {
            eprintln!("{}", file.display());
            target(&fs::read(file).expect("a kept input"));
        }
    }
}

#[test]
fn every_wire_of_the_corpus_passes_the_targets_that_read_wires() {
    let browsers = support::corpus::load("browsers");
    for vector in support::corpus::load_all().into_iter().chain(browsers) {
        eprintln!("{}", vector.name);
        targets::head(&vector.wire);
        targets::connection(&[&[vector.wire.len() as u8], vector.wire.as_slice()].concat());
        if let Some(at) = vector.wire.windows(4).position(|w| w == b"\r\n\r\n") {
            targets::chunked(&vector.wire[at + 4..]);
        }
    }
}

#[test]
fn each_fuzz_target_is_replayed_and_each_replayed_target_is_fuzzed() {
    let stem = |path: PathBuf| {
        path.file_stem()
            .and_then(|s| s.to_str())
            .expect("a name in ASCII")
            .to_owned()
    };
    let fuzzed: BTreeSet<String> = files(&crate_root().join("fuzz/fuzz_targets"))
        .into_iter()
        .map(stem)
        .collect();
    let replayed: BTreeSet<String> = targets::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(fuzzed, replayed);
}
