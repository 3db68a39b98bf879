//! Whether the documents still say the truth: each code block names its language, each relative link leads somewhere,
//! and each command line names programs, packages, targets and flags that exist. Rust blocks are compiled and run by
//! `cargo test --doc` through `support::documents`.

mod markdown;
mod paths;
mod promises;
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

/// Every Markdown file of the project but the chapters of a crate's own documentation, which lie in its `src`:
/// rustdoc compiles their blocks and follows their links.
fn documents() -> Vec<Document> {
    let mut paths = Vec::new();
    collect(&root(), &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "the project has documents");
    paths.into_iter().map(Document::read).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry"))
    {
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type().expect("a type");
        if kind.is_dir()
            && !["src", "target", ".git", "corpus", "artifacts"]
                .iter()
                .any(|skipped| name == *skipped)
        {
            collect(&path, found);
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
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
