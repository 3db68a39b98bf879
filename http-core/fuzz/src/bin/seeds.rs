//! Writes the wire files of `tests/corpus` as seeds into `fuzz/corpus/TARGET`, each in the form that its target reads.

use http_core_fuzz::targets;
use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (target, _) in targets::ALL {
        fs::create_dir_all(root.join("corpus").join(target))?;
    }
    for directory in ["valid", "invalid", "ambiguous", "browsers"] {
        for entry in fs::read_dir(root.join("../tests/corpus").join(directory))? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "http") {
                write_seeds(root, &path)?;
            }
        }
    }
    Ok(())
}

/// One wire file as a head, as a connection (a byte that says how to cut stands first), and its body as a chunked one.
fn write_seeds(root: &Path, path: &Path) -> std::io::Result<()> {
    let wire = fs::read(path)?;
    let name = path.file_stem().unwrap_or_default();
    let seed = |target: &str| root.join("corpus").join(target).join(name);
    fs::write(seed("head"), &wire)?;
    fs::write(seed("connection"), [&[wire.len() as u8], wire.as_slice()].concat())?;
    // These read any bytes as a program; real wires are as good a beginning as any.
    fs::write(seed("response"), &wire)?;
    fs::write(seed("roundtrip"), &wire)?;
    match wire.windows(4).position(|w| w == b"\r\n\r\n") {
        Some(at) if at + 4 < wire.len() => fs::write(seed("chunked"), &wire[at + 4..]),
        _ => Ok(()),
    }
}
