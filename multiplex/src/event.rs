//! What the kernel answered: one event, and the buffer that a wait fills.

use std::fmt;
use std::iter::FusedIterator;

use crate::sys::{Backend, Queue, RawEvent};
use crate::token::{Kind, Tagged, Token};

/// One report of a wait: the token of a registration, and what it is ready for.
///
/// *Readable* and *writable* mean that the call will not block; it may still fail or transfer nothing. An event is a
/// hint, not a promise: another thread may have been faster, and a source that was closed or changed after the kernel
/// made its list may still be named once. Sources are therefore non-blocking, and `WouldBlock` is never a surprise.
///
/// A direction that nobody asked for may be set as well, when the connection has ended or has an error: then neither call
/// would block. So epoll reports a source that waits for readable alone as writable, too, after a reset, when both sides of a
/// connection are shut, and when the other end of a Unix socket is closed; after a TCP peer's close(2) it does not.
///
/// # Portability
///
/// epoll reports both directions of a source in one event, kqueue in two with the same token, and perhaps not in the
/// same wait. Callers act on each event as it comes. The [behaviour](crate::guide::behaviour) table shows what each
/// reports.
#[derive(Clone, Copy)]
pub struct Event {
    data: Tagged,
    ready: Ready,
    backlog: Option<usize>,
}

impl Event {
    #[inline]
    pub(crate) fn new(data: Tagged, ready: Ready, backlog: Option<usize>) -> Self {
        Self { data, ready, backlog }
    }

    /// Returns the token that this source, listener or waker was registered with.
    #[inline]
    pub const fn token(&self) -> Token {
        self.data.token()
    }

    /// Returns true if a listener has a connection to accept.
    ///
    /// Set for what was registered with [`Poller::add_listener`](crate::Poller::add_listener), and for nothing else.
    #[inline]
    pub const fn is_acceptable(&self) -> bool {
        self.data.is(Kind::Listener)
    }

    /// Returns how many connections wait to be accepted, where the kernel tells; else, and for all but listeners, `None`.
    ///
    /// # Portability
    ///
    /// kqueue tells, epoll does not. It is a hint for reserving room, never a reason to stop accepting before
    /// `WouldBlock`.
    #[inline]
    pub const fn backlog(&self) -> Option<usize> {
        if self.is_acceptable() { self.backlog } else { None }
    }

    /// Returns true if a read from the source will not block: there is data, the end of the stream, or an error.
    ///
    /// # Portability
    ///
    /// epoll also sets it for EPOLLERR, and on Linux that has a second meaning: a socket's *error queue* is not empty (IP_RECVERR,
    /// transmit timestamps, MSG_ZEROCOPY). Then a read says `WouldBlock`, and [`is_error`](Self::is_error) stands beside it: see
    /// there.
    #[inline]
    pub const fn is_readable(&self) -> bool {
        self.source_is(Ready::READABLE)
    }

    /// Returns true if a write to the source will not block: there is space, or an error.
    ///
    /// # Portability
    ///
    /// epoll also sets it while a socket's error queue is not empty: see [`is_error`](Self::is_error).
    ///
    /// A Unix datagram socket that is not connected is writable for ever on Linux, also when send_to(2) to a full peer says
    /// `WouldBlock`: the kernel does not know which peer is meant. Connect the socket, which makes it right, or send again after a
    /// pause.
    #[inline]
    pub const fn is_writable(&self) -> bool {
        self.source_is(Ready::WRITABLE)
    }

    /// Returns true if the kernel says that nothing more will come to be read after what is there now.
    ///
    /// # Portability
    ///
    /// Best effort: that it is not set means nothing. The end is when a read returns 0.
    #[inline]
    pub const fn is_read_closed(&self) -> bool {
        self.source_is(Ready::READ_CLOSED)
    }

    /// Returns true if the kernel says that nothing can be written any more.
    ///
    /// # Portability
    ///
    /// Best effort: that it is not set means nothing. The end is when a write fails. A kqueue also says it when the
    /// reader of a pipe has gone, and a real one after this process shut its own side down; epoll says neither.
    #[inline]
    pub const fn is_write_closed(&self) -> bool {
        self.source_is(Ready::WRITE_CLOSED)
    }

    /// Returns true if the kernel says that the source has an error to be fetched, as with `TcpStream::take_error`.
    ///
    /// # Portability
    ///
    /// Best effort: that it is not set means nothing. The next read or write tells.
    ///
    /// On Linux it also means that the socket's *error queue* is not empty, where a program has asked for one: IP_RECVERR,
    /// SO_TIMESTAMPING of what was sent, MSG_ZEROCOPY. Then `take_error` has nothing, reads and writes say `WouldBlock`, and with
    /// [`Level`](crate::Trigger::Level) each wait reports it until the queue is read. So a program that asks for such a queue
    /// reads it at each event that says `is_error`, by recvmsg(2) with MSG_ERRQUEUE until `WouldBlock`; ip(7) has the format. A
    /// program that asks for none of the three never meets it. /proc/self/mounts sets it when the mounts have changed: see
    /// [`sources`](crate::guide::sources).
    #[inline]
    pub const fn is_error(&self) -> bool {
        !self.is_wake() && self.ready.has(Ready::ERROR)
    }

    /// Returns true if a [`Waker`](crate::Waker) was used. Nothing else is true of such an event, and it may be spurious as any other:
    /// the program looks into the queue, or at the flag, that it set before the wake.
    #[inline]
    pub const fn is_wake(&self) -> bool {
        self.data.is(Kind::Waker)
    }

    /// The facts that this kind of event tells: none of a wake, and of a listener that is ready its error alone.
    fn said(&self) -> Ready {
        match (self.is_wake(), self.is_acceptable()) {
            (true, _) => Ready::NOTHING,
            (_, true) => Ready::NOTHING.with(Ready::ERROR, self.is_error()),
            _ => self.ready,
        }
    }

    #[inline]
    const fn source_is(&self, ready: Ready) -> bool {
        self.data.is(Kind::Source) && self.ready.has(ready)
    }
}

/// Two events are equal when all that they say is: token, kind, facts and backlog.
impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.data == other.data && self.said() == other.said() && self.backlog() == other.backlog()
    }
}

impl Eq for Event {}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("token", &self.token().value())
            .field("acceptable", &self.is_acceptable())
            .field("backlog", &self.backlog())
            .field("readable", &self.is_readable())
            .field("writable", &self.is_writable())
            .field("read_closed", &self.is_read_closed())
            .field("write_closed", &self.is_write_closed())
            .field("error", &self.is_error())
            .field("wake", &self.is_wake())
            .finish()
    }
}

/// The facts of an event, as a backend reports them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ready(u8);

impl Ready {
    pub(crate) const NOTHING: Ready = Ready(0);
    pub(crate) const READABLE: Ready = Ready(1);
    pub(crate) const WRITABLE: Ready = Ready(2);
    pub(crate) const READ_CLOSED: Ready = Ready(4);
    pub(crate) const WRITE_CLOSED: Ready = Ready(8);
    pub(crate) const ERROR: Ready = Ready(16);

    /// These facts, and `more` if `condition` holds.
    #[inline]
    pub(crate) const fn with(self, more: Ready, condition: bool) -> Self {
        Self(self.0 | if condition { more.0 } else { 0 })
    }

    #[inline]
    const fn has(self, fact: Ready) -> bool {
        self.0 & fact.0 != 0
    }
}

/// The buffer that [`Poller::wait`](crate::Poller::wait) fills: made once, used for every wait.
///
/// More ready sources than it holds are reported by the next waits, and none of them starves.
pub struct Events {
    raw: Vec<RawEvent>,
}

impl Events {
    /// Makes a buffer for `capacity` events; 0 is taken as 1. Nothing is allocated after this. An event takes as many bytes as
    /// the kernel's own record: with epoll 12 on x86-64.
    ///
    /// # Panics
    ///
    /// If the events would take more than `isize::MAX` bytes. When memory is exhausted the process ends, as with a [`Vec`].
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            raw: Vec::with_capacity(capacity.max(1)),
        }
    }

    /// Returns the number of events that one wait can report: at least what was asked for.
    pub fn capacity(&self) -> usize {
        self.raw.capacity()
    }

    /// Returns the number of events that the last wait reported.
    #[inline]
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Returns true if there are no events: the last wait ended because its time was over, or with an error, or none was made yet.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Forgets the events. [`Poller::wait`](crate::Poller::wait) does this by itself.
    pub fn clear(&mut self) {
        self.raw.clear();
    }

    /// Returns the event at `index`, in the order of [`iter`](Self::iter); `None` from [`len`](Self::len) on.
    ///
    /// For a loop that changes something else while it goes through the events, such as `self`.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Event> {
        self.raw.get(index).map(Queue::report)
    }

    /// Returns the events that the last wait reported, each by value, in the order of the kernel.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter { raw: self.raw.iter() }
    }

    #[inline]
    pub(crate) fn raw(&mut self) -> &mut Vec<RawEvent> {
        &mut self.raw
    }
}

impl Default for Events {
    /// Makes a buffer for 256 events.
    fn default() -> Self {
        Self::with_capacity(256)
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = Event;
    type IntoIter = Iter<'a>;

    #[inline]
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

/// The iterator over [`Events`]. A clone goes on from the same place.
#[derive(Clone)]
pub struct Iter<'a> {
    raw: std::slice::Iter<'a, RawEvent>,
}

impl Iterator for Iter<'_> {
    type Item = Event;

    #[inline]
    fn next(&mut self) -> Option<Event> {
        self.raw.next().map(Queue::report)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.raw.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl FusedIterator for Iter<'_> {}

impl fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.raw.clone().map(Queue::report))
            .finish()
    }
}
