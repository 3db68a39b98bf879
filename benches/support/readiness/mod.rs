//! The same few operations by `multiplex`, mio, polling and bare system calls.
//!
//! Each contestant is written as its users would write it, and each looks at every event: its token, and whether it says
//! readable. They differ in what they promise (mio is always edge-triggered, polling re-arms its notifier in every
//! wait); what is compared is the price of the same job.

#[cfg(target_os = "linux")]
mod bare;
pub mod ffi;
mod mio;
mod ours;
mod polling;
mod sources;

#[cfg(target_os = "linux")]
pub use bare::Bare;
pub use mio::Mio;
pub use ours::{Ours, OursByEdge};
pub use polling::Polling;
pub use sources::{Sources, expected};

use std::hint::black_box;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// A fd that stays open until the process exits.
pub type Fd = BorrowedFd<'static>;

/// One way to wait for many sources. What goes wrong here is a broken bench, so nothing returns an error.
pub trait Contestant {
    /// The name in tables.
    const NAME: &'static str;
    /// The buffer that a wait fills.
    type Events;
    /// What makes a wait of another thread return.
    type Waker: Clone + Send + Sync;

    /// A poller with one waker.
    fn new() -> Self;
    /// A buffer for so many events.
    fn events(capacity: usize) -> Self::Events;
    /// Registers for readable.
    fn add(&self, fd: Fd, token: usize);
    /// Registers for readable and writable instead.
    fn modify(&self, fd: Fd, token: usize);
    /// Ends a registration.
    fn remove(&self, fd: Fd);
    /// Waits, and looks at each event.
    fn wait(&mut self, events: &mut Self::Events, timeout: Option<Duration>) -> Seen;
    /// The poller's waker.
    fn waker(&self) -> Self::Waker;
    /// Makes a wait return.
    fn wake(waker: &Self::Waker);
}

/// What a wait reported. An event loop has to tell a connection to accept, a wake, and a source that is readable,
/// writable or both apart; so that is what each contestant does. The sum keeps the compiler from leaving tokens out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How many events said readable.
    pub readable: usize,
    /// How many events said writable.
    pub writable: usize,
    /// The sum of their tokens.
    pub tokens: usize,
    /// Whether the listener was reported.
    pub acceptable: bool,
    /// Whether the waker was reported, by an event or by a wait that returned without one.
    pub woken: bool,
}

impl Seen {
    /// As an event loop would, with a branch for each direction; `black_box` stands for what is done there.
    #[inline]
    fn source(&mut self, token: usize, readable: bool, writable: bool) {
        if readable {
            self.readable += 1;
            self.tokens = black_box(self.tokens + token);
        }
        if writable {
            self.writable += 1;
            self.tokens = black_box(self.tokens + token);
        }
    }
}

/// The token that the listener would have.
const LISTENER: usize = 0;
/// The token that the waker has.
const WAKER: usize = 1;
/// The first token that a source may have.
pub const FIRST_SOURCE: usize = 2;
