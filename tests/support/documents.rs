//! The project's Markdown: `cargo test --doc` compiles and runs every Rust block in it. A test holds this list to the
//! files that there are.

#[doc = include_str!("../../CONTRIBUTING.md")]
pub mod contributing {}

#[doc = include_str!("../requirements/README.md")]
pub mod requirements {}

#[doc = include_str!("../../README.md")]
pub mod readme {}

#[doc = include_str!("../../ARCHITECTURE.md")]
pub mod architecture {}

#[doc = include_str!("../../CHANGELOG.md")]
pub mod changelog {}
