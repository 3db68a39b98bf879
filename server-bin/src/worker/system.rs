//! What a worker asks of the system around it: connections, to be told what is ready, and the time.
//!
//! The kernel is one such system ([`Kernel`](super::kernel::Kernel)), the simulator is the other. So a seeded simulator runs
//! whole workers, without a word in them that it would have to leave out.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use multiplex::{Fanout, Interest, Trigger};

use super::slab::Key;
use crate::driver::handler::mailbox::Wake;
use crate::driver::pace::Clock;
use crate::driver::socket::{Ready, Socket};

/// What one wait reports of one source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// Somebody used the waker.
    Wake,
    /// The listener with this index has a connection to accept.
    Acceptable(usize),
    /// The connection with this key is ready for this.
    Ready(Key, Ready),
}

/// Waits, accepts and tells the time, for one worker.
pub(crate) trait System {
    /// A connection's socket.
    type Socket: Socket;
    /// A listening socket.
    type Listener;

    /// Events that one wait reports at most.
    const EVENTS: usize;

    /// Makes what ends a wait from another thread.
    fn waker(&self) -> io::Result<Box<dyn Wake>>;

    /// Waits once, until something is ready or `timeout` is over. `Interrupted`: a signal ended it, and there are no events.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Returns the event at `index` of those that the last wait has reported; `None` behind the last one.
    fn event(&self, index: usize) -> Option<Event>;

    /// Begins to report what a connection's socket is ready for. It has to be forgotten before it is dropped.
    fn add(&self, socket: &Self::Socket, key: Key, interest: Interest, trigger: Trigger) -> io::Result<()>;

    /// Changes what is reported of a connection's socket.
    fn modify(&self, socket: &Self::Socket, key: Key, interest: Interest, trigger: Trigger)
    -> io::Result<()>;

    /// Reports a connection's socket no more, until it is added or changed. An error says that it cannot.
    fn forget(&self, socket: &Self::Socket) -> io::Result<()>;

    /// Begins to report connections that a listener has to accept. Returns how it is shared with other workers: as was
    /// asked, or as the system can.
    fn listen(&self, listener: &Self::Listener, index: usize, fanout: Fanout) -> io::Result<Fanout>;

    /// Reports a listener no more.
    fn ignore(&self, listener: &Self::Listener) -> io::Result<()>;

    /// Takes the next connection from a listener's backlog, and says who its peer is, where that is known.
    fn accept(&self, listener: &Self::Listener) -> io::Result<(Self::Socket, Option<SocketAddr>)>;

    /// Returns whether a connection waits at a listener; also `true` where that is not known.
    fn has_waiting(&self, _listener: &Self::Listener) -> bool {
        true
    }

    /// Returns how many connections wait at a listener, where that is known.
    fn waiting(&self, _listener: &Self::Listener) -> Option<usize> {
        None
    }

    /// Lets connections come to a listener although their clients have sent nothing.
    fn end_deferral(&self, _listener: &Self::Listener) {}

    /// Returns the time of the clock that never goes back.
    fn now(&self) -> Instant;

    /// Makes the same clock for those who know nothing of this system.
    fn clock(&self) -> Clock;

    /// Returns the time of day.
    fn wall(&self) -> SystemTime;

    /// Gives memory back that the process has freed, where its allocator keeps that.
    fn give_memory_back(&self) {}
}
