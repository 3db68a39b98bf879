//! Makes a module of each Markdown file of the project, for `support::documents`. Chapters of a crate's own
//! documentation, which lie in its `src`, are rustdoc's there.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests are a package of the workspace");
    let mut paths = Vec::new();
    collect(root, &mut paths);
    paths.sort();
    let mut modules = String::new();
    for path in &paths {
        // A new document counts from the next build on; CI builds anew.
        println!("cargo::rerun-if-changed={}", path.display());
        let name = path
            .strip_prefix(root)
            .expect("below the root")
            .to_string_lossy()
            .into_owned();
        let module: String = name
            .chars()
            .map(|each| {
                if each.is_alphanumeric() {
                    each.to_ascii_lowercase()
                } else {
                    '_'
                }
            })
            .collect();
        // `{:?}` quotes a path as Rust does.
        writeln!(modules, "#[doc = include_str!({path:?})]\npub mod {module} {{}}").expect("a string grows");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it for build scripts"));
    fs::write(out.join("documents.rs"), modules).expect("cargo's folder can be written to");
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry"))
    {
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type().expect("a type");
        let skipped = ["src", "target", ".git", "corpus", "artifacts"];
        if kind.is_dir() && !skipped.iter().any(|skipped| name == *skipped) {
            collect(&path, found);
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}
