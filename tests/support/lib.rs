//! What the system tests share: the built server as a guarded process, a client that sends any bytes, crowds of
//! connections, load of each kind, outside tools that may be missing, and the project's documents, whose Rust blocks `cargo test` compiles and runs.

pub mod client;
pub mod crowd;
pub mod documents;
pub mod load;
pub mod process;
pub mod server;
pub mod tools;
pub mod tracer;

use std::thread;
use std::time::{Duration, Instant};

pub use client::{Client, Response, find};
pub use server::{Launch, Server};
pub use tracer::Tracer;

/// The longest that a test waits for anything that should happen at once. Far more than a loaded machine needs:
/// what fails by it hangs.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until it is so.
///
/// # Panics
///
/// When it is not so after [`PATIENCE`].
#[track_caller]
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether one of three tries is in time, each of which says so itself. A busy machine delays one now and then; what is late because
/// it waits for a timer, or for somebody else, is late in each.
pub fn is_once_in_time(attempt: impl FnMut() -> bool) -> bool {
    std::iter::repeat_with(attempt)
        .take(3)
        .any(|is_in_time| is_in_time)
}
