//! The paths of source files that the documents name between backticks.

use std::fs;
use std::path::{Path, PathBuf};

use super::root;

/// The documents at the root that say where things are.
const DOCUMENTS: [&str; 3] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"];
/// A path that begins with one of these is one from the root on. Another may leave out where the text has said it is.
const FOLDERS: [&str; 5] = ["tests", "multiplex", "http-core", "server-bin", "benches"];

/// What is between backticks in a line and looks like a path: a Rust file, or something below one of the root's folders.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    let is_named = |text: &&str| {
        let ordinary = |each: char| each.is_ascii_alphanumeric() || "_-./".contains(each);
        let below = FOLDERS
            .iter()
            .any(|folder| text.starts_with(&format!("{folder}/")));
        text.chars().all(ordinary) && (below || text.ends_with(".rs"))
    };
    line.split('`').skip(1).step_by(2).filter(is_named)
}

/// Whether a path leads to something among these files, which are named from the root on.
fn is_there(path: &str, files: &[PathBuf]) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    if path.contains('/') && FOLDERS.contains(&first) {
        return root().join(path).exists();
    }
    files.iter().any(|file| file.ends_with(path))
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("target") && !path.ends_with(".git") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_path_between_backticks_leads_somewhere() {
    let mut files = Vec::new();
    collect(&root(), &mut files);
    let (mut named, mut wrong) = (0, Vec::new());
    for document in DOCUMENTS {
        let text = fs::read_to_string(root().join(document)).expect("the document");
        for (index, line) in text.lines().enumerate() {
            for path in paths(line) {
                named += 1;
                if !is_there(path, &files) {
                    wrong.push(format!("{document}:{}: {path}", index + 1));
                }
            }
        }
    }
    assert!(named > 100, "{named} paths were found");
    assert!(wrong.is_empty(), "not there:\n{}", wrong.join("\n"));
}

#[test]
fn a_path_from_the_root_on_is_not_looked_for_elsewhere() {
    let line = "`lib.rs`, `tests/budgets.rs`, `tests/budgets`, `GET /`, `a::b`, `src/*/mod.rs`";
    let found: Vec<&str> = paths(line).collect();
    assert_eq!(found, ["lib.rs", "tests/budgets.rs", "tests/budgets"]);
    let files = [
        root().join("multiplex/tests/budgets.rs"),
        root().join("multiplex/src/lib.rs"),
    ];
    assert_eq!(
        found
            .iter()
            .map(|path| is_there(path, &files))
            .collect::<Vec<_>>(),
        [true, false, true]
    );
}
