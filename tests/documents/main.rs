//! Whether the documents still say the truth: each code block names its language, each relative link leads somewhere,
//! and each command line names programs, packages, targets and flags that exist. Rust blocks are compiled and run by
//! `cargo test --doc` through `support::documents`.

mod markdown;
mod shell;

use std::fs;
use std::path::{Path, PathBuf};

use markdown::Document;

/// The workspace's folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests are a package of the workspace")
        .to_owned()
}

/// Every Markdown file of the project.
fn documents() -> Vec<Document> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry"))
        {
            let (path, name) = (entry.path(), entry.file_name());
            let kind = entry.file_type().expect("a type");
            if kind.is_dir()
                && !["target", ".git", "corpus", "artifacts"]
                    .iter()
                    .any(|skipped| name == *skipped)
            {
                collect(&path, found);
            } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    collect(&root(), &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "the project has documents");
    paths.into_iter().map(Document::read).collect()
}

#[test]
fn every_document_is_compiled_by_the_doc_tests() {
    let list = fs::read_to_string(root().join("tests/support/documents.rs")).expect("the list");
    for document in documents() {
        let path = document.path.strip_prefix(root()).expect("below the root");
        let included = match path.strip_prefix("tests") {
            Ok(below) => format!("include_str!(\"../{}\")", below.display()),
            Err(_) => format!("include_str!(\"../../{}\")", path.display()),
        };
        // The documents of a package with its own doc tests may be part of those instead.
        let package = path
            .components()
            .next()
            .map(|first| root().join(first).join("src/lib.rs"));
        let own = package
            .and_then(|library| fs::read_to_string(library).ok())
            .is_some_and(|library| {
                let below: PathBuf = path.components().skip(1).collect();
                library.contains(&format!("include_str!(\"../{}\")", below.display()))
            });
        assert!(
            list.contains(&included) || own,
            "tests/support/documents.rs lacks {included}"
        );
    }
}

#[test]
fn every_code_block_names_its_language() {
    for document in documents() {
        for block in document.blocks() {
            assert!(
                !block.language.is_empty(),
                "{}:{}: a code block without a language",
                document.name(),
                block.line
            );
        }
    }
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut broken = Vec::new();
    for document in documents() {
        for link in document.links() {
            if let Err(reason) = document.resolve(&link.target) {
                broken.push(format!(
                    "{}:{}: {}: {reason}",
                    document.name(),
                    link.line,
                    link.target
                ));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_command_names_what_exists() {
    let mut wrong = Vec::new();
    for document in documents() {
        for block in document
            .blocks()
            .filter(|block| ["sh", "bash", "console", "shell"].contains(&&*block.language))
        {
            for (offset, command) in shell::commands(&block.text) {
                if let Err(reason) = shell::check(&root(), &command) {
                    wrong.push(format!(
                        "{}:{}: {}: {reason}",
                        document.name(),
                        block.line + offset,
                        command.join(" ")
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
