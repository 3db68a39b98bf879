//! What a connection is and how it goes on, from its first byte to its last.
//!
//! The driver is to the server what `http-core` is to the protocol: it knows no poller, no thread, no clock, no file
//! system and no command line. A worker tells it what a socket is ready for and what time it is; files and wakes reach
//! it through traits.
//!
//! Read `phase` first: it decides what a connection does next; `current` holds the phase that a connection is in. `connection` is what a worker calls, `run` steps through the
//! phases; what is done in them stands in `receive` (bytes in, understood), `take` (request bodies), `answer` (decisions out), `send` (bytes
//! out) and `switch` (other protocols); `timing` says how long it may take.

mod answer;
mod budget;
pub(crate) mod buffers;
pub(crate) mod connection;
mod current;
pub mod handler;
pub(crate) mod held;
mod holding;
pub(crate) mod idle;
pub(crate) mod memory;
pub(crate) mod pace;
mod peer;
pub(crate) mod phase;
pub(crate) mod preamble;
mod preface;
mod receive;
mod recording;
mod run;
mod send;
pub(crate) mod settings;
pub(crate) mod socket;
mod switch;
mod take;
pub(crate) mod tally;
#[cfg(test)]
pub(crate) mod tests;
mod timing;
mod work;
