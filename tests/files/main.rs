//! A directory, served by the built server: what its files cost, and what happens while they change.

mod changing;
mod cost;
mod counting;
mod generated;
mod listing;
mod names;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod stepping;
