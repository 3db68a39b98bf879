//! The tables of promises: each row names a test that there is and that is run, and what it names as planted is, and makes one of these tests run.

use std::collections::BTreeMap;
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

/// Where a test is: its package, its target (`lib`, or the name of a test program), and its path in that.
#[derive(PartialEq, Debug)]
struct Place {
    package: String,
    target: String,
    path: String,
}

impl Place {
    /// Where a file's test of this name is, the file being named from the root on.
    fn of(file: &Path, name: &str) -> Self {
        let parts: Vec<&str> = file
            .iter()
            .map(|part| part.to_str().expect("our names are text"))
            .collect();
        let (package, within) = match parts[..] {
            ["tests", ..] => ("system-tests", &parts[..]),
            _ => (parts[0], &parts[1..]),
        };
        let stems = within[1..].iter().map(|part| part.trim_end_matches(".rs"));
        let (target, modules): (&str, Vec<&str>) = match within[0] {
            "src" => ("lib", stems.collect()),
            _ => (within[1].trim_end_matches(".rs"), stems.skip(1).collect()),
        };
        let modules = modules
            .into_iter()
            .filter(|part| !["mod", "main", "lib"].contains(part));
        Self {
            package: package.to_owned(),
            target: target.to_owned(),
            path: modules.chain([name]).collect::<Vec<_>>().join("::"),
        }
    }

    /// Whether a planted bug's command runs this test.
    fn is_run_by(&self, command: &str) -> bool {
        if command == "scripts/races loom" {
            return self.path.starts_with("driver::handler::models");
        }
        let after = |word: &str| command.split_once(word).map(|(_, rest)| rest);
        let rest = after("cargo test -q -p ").expect("a command of cargo's");
        let mut words = rest.split(' ');
        let package = words.next();
        let target = match words.next() {
            Some("--test") => words.next(),
            _ => Some("lib"),
        };
        let filter = words.next().unwrap_or_default();
        package == Some(&self.package) && target == Some(&self.target) && self.path.contains(filter)
    }
}

/// The names of the tests in a file that `cargo test` runs, and of those that it leaves out unless it is asked for them.
fn names_of_tests(text: &str) -> (Vec<&str>, Vec<&str>) {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let (mut run, mut ignored) = (Vec::new(), Vec::new());
    // On a line of its own: one in a text or a comment is none.
    for at in (0..lines.len()).filter(|&at| lines[at] == "#[test]") {
        let before = lines[..at]
            .iter()
            .rev()
            .take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        let behind = lines[at + 1..].iter().take_while(|line| !line.contains("fn "));
        let is_ignored = before.chain(behind).any(|line| line.starts_with("#[ignore"));
        let signature = lines[at + 1..].iter().find_map(|line| line.split_once("fn "));
        if let Some((name, _)) = signature.and_then(|(_, rest)| rest.split_once('(')) {
            match is_ignored {
                true => ignored.push(name),
                false => run.push(name),
            }
        }
    }
    (run, ignored)
}

/// The tests of the workspace that `cargo test` runs, by their names, of which some are there more than once.
fn tests() -> BTreeMap<String, Vec<Place>> {
    let root = root();
    let mut files = Vec::new();
    for folder in ["tests", "server-bin", "http-core", "multiplex"] {
        collect(&root.join(folder), &mut files);
    }
    let mut tests = BTreeMap::<String, Vec<Place>>::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a file of ours is text");
        let file = file.strip_prefix(&root).expect("it is below the root");
        for name in names_of_tests(&text).0 {
            tests
                .entry(name.to_owned())
                .or_default()
                .push(Place::of(file, name));
        }
    }
    tests
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
fn every_promise_names_a_test_that_is_run() {
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
            let missing = named.into_iter().filter(|name| !tests.contains_key(*name));
            wrong
                .extend(missing.map(|name| format!("{document}: there is no test {name}, or it is ignored")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_promise_of_the_readme_names_planted_bugs_that_run_one_of_its_tests() {
    let tests = tests();
    let text = fs::read_to_string(root().join("README.md")).expect("the document");
    let mut wrong = Vec::new();
    for row in rows(&text) {
        let bugs = names(row.get(2).copied().unwrap_or_default());
        assert!(!bugs.is_empty(), "no planted bug for {:?}", row[0]);
        let places = names(row[1]).into_iter().filter_map(|name| tests.get(name));
        let places: Vec<&Place> = places.flatten().collect();
        for bug in bugs {
            let patch = root().join("tests/mutants").join(bug).with_extension("patch");
            let Ok(patch) = fs::read_to_string(&patch) else {
                wrong.push(format!("there is no planted bug {bug}"));
                continue;
            };
            let command = patch.lines().find_map(|line| line.strip_prefix("Test: "));
            let command = command.expect("a patch says its test");
            if !places.iter().any(|place| place.is_run_by(command)) {
                wrong.push(format!("{bug} runs none of the tests of its row: {command}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_test_that_is_ignored_is_none() {
    let text = "#[test]\nfn a() {}\n/// `#[test] fn b()` is none.\n\n    #[ignore = \"slow\"]\n    #[test]\n    fn c() {}\n\
        #[test]\n#[cfg(unix)]\n#[ignore]\nfn d() {}\n#[test]\n#[cfg_attr(miri, ignore)]\nfn e() {}\n";
    assert_eq!(names_of_tests(text), (vec!["a", "e"], vec!["c", "d"]));
}

#[test]
fn a_test_is_found_where_it_is() {
    let unit = Place::of(Path::new("server-bin/src/files/tests/answers.rs"), "a_file");
    assert!(unit.is_run_by("cargo test -q -p server-bin --lib files::"));
    assert!(!unit.is_run_by("cargo test -q -p server-bin --lib sys::"));
    assert!(!unit.is_run_by("cargo test -q -p server-bin --test files"));
    let whole = Place::of(Path::new("tests/files/main.rs"), "a_file");
    assert!(whole.is_run_by("SERVER_BIN=x cargo test -q -p system-tests --test files a_fi"));
    assert!(!whole.is_run_by("cargo test -q -p system-tests --test operate"));
    assert!(!whole.is_run_by("scripts/races loom"));
}

#[test]
fn the_rows_of_a_table_end_with_it() {
    let text = "| promise | test |\n| --- | --- |\n| one | `a`, `b` |\n\n| other | x |\n| --- | --- |\n| two | `c` |\n";
    let found = rows(text);
    assert_eq!(found, [["one", "`a`, `b`"]]);
    assert_eq!(names(found[0][1]), ["a", "b"]);
}
