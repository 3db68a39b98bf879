//! The project's Markdown: `cargo test --doc` compiles and runs every Rust block in it. A test holds this list to the
//! files that there are.

#[doc = include_str!("../../CONTRIBUTING.md")]
pub mod contributing {}

#[doc = include_str!("../requirements/README.md")]
pub mod requirements {}
