//! What the server writes down: a line for each request, and notices of what an operator should know.
//!
//! A worker never writes to a file or a terminal, since a disk that is full or a pipe that nobody reads would hold up
//! every connection of that worker. It copies the raw bytes of a request's head and a few numbers into a batch, hands the
//! batch over when the writer asks (`batch`), and goes on. One writer thread for the whole server asks all workers, looks
//! for what a line says in those bytes, makes text of it (`format`) and writes it (`sink`). When a batch is full, further
//! lines are dropped and counted, and the count is said.
//!
//! Notices (`notice`) go to standard error by way of the same thread. Each topic is said at once and then at most
//! once a minute, with a count.

mod batch;
mod civil;
mod format;
mod notice;
mod shared;
mod sink;
mod target;
mod writer;

pub use batch::Lines;
pub use format::Format;
pub use notice::{Notices, Topic};
pub use target::Target;
pub use writer::{Log, Settings};
