//! The paths of source files that the documents name between backticks.

use std::fs;
use std::path::{Path, PathBuf};

use super::{documents, root};

/// A path that begins with one of these is one from the root on, or from the folder of the document's package. Another may leave out
/// where the text has said it is.
const FOLDERS: [&str; 7] = [
    "tests",
    "multiplex",
    "http-core",
    "server-bin",
    "benches",
    "scripts",
    "deploy",
];

/// What is between backticks in a line and looks like a path: a Rust file, or something below one of the root's folders. Behind
/// a program there may be its arguments.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    let is_ordinary = |text: &str| {
        let mut each = text.chars();
        each.all(|each| each.is_ascii_alphanumeric() || "_-./".contains(each))
    };
    let named = move |text| {
        let first = str::split(text, ' ').next().unwrap_or_default();
        let is_file = is_ordinary(text) && text.ends_with(".rs");
        (is_file || is_ordinary(first) && is_below(first)).then_some(first)
    };
    line.split('`').skip(1).step_by(2).filter_map(named)
}

fn is_below(path: &str) -> bool {
    FOLDERS
        .iter()
        .any(|folder| path.starts_with(&format!("{folder}/")))
}

/// Whether a path in this package's document, or in one of the root, leads to something among these files, which are named from the
/// root on.
fn is_there(path: &str, package: &str, files: &[PathBuf]) -> bool {
    if is_below(path) {
        return root().join(path).exists() || root().join(package).join(path).exists();
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
    for document in documents() {
        let name = document.name();
        let package = name.split_once('/').map_or("", |(package, _)| package);
        for (index, line) in document.text().lines().enumerate() {
            for path in paths(line) {
                named += 1;
                if !is_there(path, package, &files) {
                    wrong.push(format!("{name}:{}: {path}", index + 1));
                }
            }
        }
    }
    assert!(named > 150, "{named} paths were found");
    assert!(wrong.is_empty(), "not there:\n{}", wrong.join("\n"));
}

#[test]
fn a_path_from_the_root_on_is_not_looked_for_elsewhere() {
    let line = "`lib.rs`, `tests/budgets.rs`, `scripts/kinds i686`, `tests/corpus`, `GET /`, `a::b`, `src/*/mod.rs`, `a b.rs`";
    let found: Vec<&str> = paths(line).collect();
    assert_eq!(
        found,
        ["lib.rs", "tests/budgets.rs", "scripts/kinds", "tests/corpus"]
    );
    let files = [
        root().join("multiplex/tests/budgets.rs"),
        root().join("multiplex/src/lib.rs"),
    ];
    let are_there = |package: &str| {
        found
            .iter()
            .map(|path| is_there(path, package, &files))
            .collect::<Vec<_>>()
    };
    assert_eq!(are_there(""), [true, false, true, false]);
    assert_eq!(are_there("http-core"), [true, false, true, true]);
}
