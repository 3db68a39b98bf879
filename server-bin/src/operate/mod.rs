//! What an operator has to do with: the command line, signals and restarts, the logs, metrics, and the limits of the system.
//!
//! [`run`] is the life of the program, and calls the others.

mod admin;
pub mod config;
mod counts;
pub(crate) mod descriptors;
mod life;
pub mod log;
pub mod logged;
mod metrics;
mod process;
pub mod proxy_protocol;
pub mod restart;
pub mod run;
mod signals;
mod systemd;
mod welcome;

/// So many of something: `1 line`, `2 lines`.
fn plural(count: u64, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}
