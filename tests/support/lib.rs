//! What the system tests share: the built server as a guarded process, a client that sends any bytes, crowds of
//! connections, load of each kind, outside tools that may be missing, and the project's documents, whose Rust blocks `cargo test` compiles and runs.

pub mod client;
pub mod crowd;
pub mod documents;
pub mod load;
pub mod process;
pub mod server;
pub mod tools;

pub use client::{Client, Response, find};
pub use server::{Launch, Server};

/// The longest that a test waits for anything that should happen at once. Far more than a loaded machine needs:
/// what fails by it hangs.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
