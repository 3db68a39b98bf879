//! The reference server: worker threads that each serve their own connections from one poller.
//!
//! It can be embedded: give a [`Server`] a function or a [`Handler`](handler::Handler) and addresses, and spawn it.
//!
//! ```
//! use server_bin::Server;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::new(|_, _| "Hello, World!").listen("127.0.0.1:0".parse()?);
//! let running = server.workers(1).spawn()?;
//! println!("listening on {}", running.addresses()[0]);
//! running.handle().drain();
//! running.join()?;
//! # Ok(())
//! # }
//! ```
//!
//! With glibc, a server that has held much memory gives it back to the system, and sets two thresholds of the allocator for the
//! whole process by that (mallopt(3): M_TRIM_THRESHOLD to 1 MiB, M_MMAP_THRESHOLD to 4 MiB).
//!
//! The layers below are [`multiplex`] (readiness) and [`http_core`] (the protocol, without any I/O). `worker` (threads,
//! pollers, accepting) and `driver` (one connection, from its first byte to its last) join the two: read them in this order
//! to follow a request from accept to close.

mod address;
mod date;
pub mod demo;
mod driver;
pub mod files;
#[cfg(feature = "cli")]
#[doc(hidden)]
// The parts of the program: public for its `main` alone, and nothing that embedders can rely on.
pub mod operate;
mod pool;
mod server;
mod sockets;
mod sys;
mod worker;

pub use http_core;

pub use address::{AcceptMode, Address, Bound};
pub use driver::handler;
pub use driver::preamble::{Opening, Preamble, Preface};
pub use driver::settings::Settings;
pub use driver::tally::{LATENCY_BOUNDS, Tally};
pub use pool::BlockingPool;
pub use server::{Running, Server, SpawnError};
pub use sockets::{BindError, Options as SocketOptions, Sockets};
pub use worker::counters::{Counted, Counters, PHASES};
pub use worker::stage::Handle;
