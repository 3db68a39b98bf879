//! The reference server: worker threads that each serve their own connections from one poller.
//!
//! It can be embedded: give a [`Server`] a [`Handler`](handler::Handler) and addresses, and spawn it.
//!
//! ```
//! use http_core::Head;
//! use server_bin::Server;
//! use server_bin::handler::{Accept, Context};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hello = |_: &Head<'_>, cx: &mut Context<'_>| -> Accept {
//!     cx.field("content-type", "text/plain");
//!     "Hello, World!".into()
//! };
//! let running = Server::new(hello).listen("127.0.0.1:0".parse()?).workers(1).spawn()?;
//! println!("listening on {}", running.addresses()[0]);
//! running.handle().drain();
//! running.join()?;
//! # Ok(())
//! # }
//! ```
//!
//! The layers below are [`multiplex`] (readiness) and [`http_core`] (the protocol, without any I/O). What is between
//! them is in [`worker`] and [`driver`]: read them in this order to follow a request from accept to close.

mod address;
pub mod demo;
pub mod driver;
pub mod files;
pub mod operate;
mod server;
mod sys;
pub mod worker;

pub use address::{AcceptMode, Address, Bound};
pub use driver::handler;
pub use driver::settings::Settings;
pub use server::{Running, Server, SpawnError};
