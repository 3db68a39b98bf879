//! A load generator on multiplex: one thread, any number of connections, and every answer is checked.
//!
//! - [`Closed`] keeps a number of requests under way, and asks again when an answer has come: it shows what a server can bear.
//! - [`EachTime`] does the same with a new connection for each request.
//! - [`Paced`] asks at times that were set before, whatever the answers do: it shows how long clients wait.
//! - A [`Background`] is what other clients do meanwhile, in small pieces between the events of [`Paced`].

mod answers;
mod background;
mod client;
mod closed;
mod each_time;
mod paced;
mod requests;
mod schedule;
mod sockets;

pub use answers::{Answers, Expected};
pub use background::{Background, Downloads, Nothing};
pub use closed::Closed;
pub use each_time::{EachTime, Ends};
pub use paced::{Latencies, Paced};
pub use requests::{Request, Requests};
pub use schedule::Schedule;
pub use sockets::{connect, connect_small, greet_all};

use std::time::Duration;

/// How long an answer may take before the load gives up.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How many bytes are read at once.
const READ: usize = 256 * 1024;
/// How many events are asked for at once.
const EVENTS: usize = 1024;
