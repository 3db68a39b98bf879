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
    let mut paths = Vec::new();
    collect(&root(), "md", &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "the project has documents");
    paths.into_iter().map(Document::read).collect()
}

/// The files below a folder whose names end so.
fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.map(|entry| entry.expect("an entry")) {
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type().expect("a type");
        if kind.is_dir()
            && !["target", ".git", "corpus", "artifacts"]
                .iter()
                .any(|skipped| name == *skipped)
        {
            collect(&path, extension, found);
        } else if kind.is_file() && path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

/// Whether a package includes it in its own documentation: rustdoc then compiles its blocks and follows its links.
fn belongs_to_a_crate(document: &Document) -> bool {
    let path = document.path.strip_prefix(root()).expect("below the root");
    let package = path
        .components()
        .next()
        .map(|first| root().join(first).join("src"));
    let name = path.file_name().expect("a file").to_string_lossy().into_owned();
    package.is_some_and(|sources| {
        let mut files = Vec::new();
        collect(&sources, "rs", &mut files);
        let texts = files
            .iter()
            .map(|file| fs::read_to_string(file).expect("a source file"));
        let mut inclusions = texts.flat_map(|text| {
            text.split("include_str!(\"")
                .skip(1)
                .map(first_word)
                .collect::<Vec<_>>()
        });
        inclusions.any(|included| {
            Path::new(&included)
                .file_name()
                .is_some_and(|last| last == name.as_str())
        })
    })
}

fn first_word(text: &str) -> String {
    text.split('"').next().unwrap_or_default().to_owned()
}

/// The documents that no package has for its own.
fn loose_documents() -> impl Iterator<Item = Document> {
    documents()
        .into_iter()
        .filter(|document| !belongs_to_a_crate(document))
}

#[test]
fn every_document_is_compiled_by_the_doc_tests() {
    let list = fs::read_to_string(root().join("tests/support/documents.rs")).expect("the list");
    for document in loose_documents() {
        let path = document.path.strip_prefix(root()).expect("below the root");
        let included = match path.strip_prefix("tests") {
            Ok(below) => format!("include_str!(\"../{}\")", below.display()),
            Err(_) => format!("include_str!(\"../../{}\")", path.display()),
        };
        assert!(
            list.contains(&included),
            "tests/support/documents.rs lacks {included}"
        );
    }
}

#[test]
fn every_code_block_names_its_language() {
    for document in loose_documents() {
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
    for document in loose_documents() {
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
