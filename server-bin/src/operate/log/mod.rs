//! What the server writes down: a line for each request, and notices of what an operator should know.
//!
//! A worker never writes to a file or a terminal, since a disk that is full or a pipe that nobody reads would hold up
//! every connection of that worker. It copies the raw fields of a request into a batch of its own (`line`), hands the
//! batch at the end of the round to a bounded ring (`ring`), and goes on. One writer thread for the whole server
//! takes the lines out of all rings, makes text of them (`format`) and writes it (`sink`). When a ring is full its
//! lines are dropped and counted, and the count is said.
//!
//! Notices (`notice`) go to standard error by way of the same thread. Each topic is said at once and then at most
//! once a minute, with a count.

mod civil;
mod format;
mod line;
mod notice;
mod ring;
mod sink;
mod writer;

pub use format::Format;
pub use notice::{Notices, Topic};
pub use ring::Lines;
pub use sink::Target;
pub use writer::{Log, Settings};
