//! What a connection is and how it goes on, from its first byte to its last.
//!
//! The driver is to the server what `http-core` is to the protocol: it knows no poller, no thread, no clock, no file
//! system and no command line. A worker tells it what a socket is ready for and what time it is; files and wakes reach
//! it through traits.

mod answer;
pub mod buffers;
pub mod connection;
pub mod handler;
pub(crate) mod held;
mod receive;
mod send;
pub mod settings;
#[cfg(test)]
mod simulator;
pub mod socket;
#[cfg(test)]
mod tests;
mod timing;
