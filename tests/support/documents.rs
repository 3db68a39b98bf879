//! The project's Markdown, made into modules by the build script: `cargo test --doc` compiles and runs every Rust block
//! in it.

include!(concat!(env!("OUT_DIR"), "/documents.rs"));
