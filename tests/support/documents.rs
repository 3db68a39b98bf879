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

#[doc = include_str!("../../http-core/docs/rules.md")]
pub mod http_core_rules {}

#[doc = include_str!("../../http-core/fuzz/README.md")]
pub mod http_core_fuzz {}

#[doc = include_str!("../../multiplex/docs/behaviour.md")]
pub mod multiplex_behaviour {}

#[doc = include_str!("../../multiplex/docs/threads.md")]
pub mod multiplex_threads {}
