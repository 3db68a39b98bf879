//! Readiness for event loops: epoll and kqueue behind one contract that reports *accept*, *readable* and *writable*.

mod event;
mod interest;
mod poller;
mod sys;
pub mod timers;
mod token;
mod waker;

pub use event::{Event, Events, Iter};
pub use interest::{Fanout, Interest, Trigger};
pub use poller::Poller;
pub use token::Token;
pub use waker::Waker;
