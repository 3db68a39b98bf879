//! The tables of promises: each row names a test that there is, and what it names as planted is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::root;

/// The documents with a table whose first column is `promise`.
const TABLES: [&str; 2] = ["README.md", "SECURITY.md"];

/// The rows of the tables of promises in a document, each as its cells.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let mut inside = false;
    let mut rows = Vec::new();
    for line in text.lines() {
        let cells: Vec<&str> = line
            .strip_prefix("| ")
            .and_then(|line| line.strip_suffix(" |"))
            .map_or_else(Vec::new, |line| line.split(" | ").collect());
        match cells.first() {
            None => inside = false,
            Some(&"promise") => inside = true,
            Some(cell) if cell.starts_with("---") => {}
            Some(_) if inside => rows.push(cells),
            Some(_) => {}
        }
    }
    rows
}

/// What stands between backticks.
fn names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The names of all tests of the workspace.
fn tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    for folder in ["tests", "server-bin", "http-core", "multiplex"] {
        collect(&root().join(folder), &mut files);
    }
    let mut names = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a file of ours is text");
        for part in text.split("#[test]").skip(1) {
            let name = part.split_once("fn ").and_then(|(_, rest)| rest.split_once('('));
            names.extend(name.map(|(name, _)| name.to_owned()));
        }
    }
    names
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_promise_names_a_test_that_there_is() {
    let tests = tests();
    assert!(tests.len() > 500, "{} tests were found", tests.len());
    let mut wrong = Vec::new();
    for document in TABLES {
        let text = fs::read_to_string(root().join(document)).expect("the document");
        let rows = rows(&text);
        assert!(rows.len() > 10, "{document} has {} promises", rows.len());
        for row in rows {
            let named = names(row.get(1).copied().unwrap_or_default());
            if named.is_empty() {
                wrong.push(format!("{document}: no test for {:?}", row[0]));
            }
            let missing = named.into_iter().filter(|name| !tests.contains(*name));
            wrong.extend(missing.map(|name| format!("{document}: there is no test {name}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_promise_of_the_readme_names_a_planted_bug_that_there_is() {
    let text = fs::read_to_string(root().join("README.md")).expect("the document");
    for row in rows(&text) {
        let named = names(row.get(2).copied().unwrap_or_default());
        assert!(!named.is_empty(), "no planted bug for {:?}", row[0]);
        for name in named {
            let patch = root().join("tests/mutants").join(name).with_extension("patch");
            assert!(patch.is_file(), "there is no planted bug {name}");
        }
    }
}

#[test]
fn the_rows_of_a_table_end_with_it() {
    let text = "| promise | test |\n| --- | --- |\n| one | `a`, `b` |\n\n| other | x |\n| --- | --- |\n| two | `c` |\n";
    let found = rows(text);
    assert_eq!(found, [["one", "`a`, `b`"]]);
    assert_eq!(names(found[0][1]), ["a", "b"]);
}
