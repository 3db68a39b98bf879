//! Making a wait of another thread return.

use std::fmt;
use std::io;
use std::process;
use std::sync::Arc;

use crate::poller::Poller;
use crate::sys::{Queue, Signal};
use crate::token::{Kind, Token};

/// Makes a [`Poller::wait`] return, from any thread.
///
/// A poller may have any number of wakers, each with a token of its own. Wakes that come before a wait are reported by
/// it; several wakes may be reported as one; after the last one there is always a report. If several threads wait on
/// the poller, one of them is told.
///
/// Dropping the waker ends its registration. It may outlive the poller; then its wakes go nowhere. A child of fork(2) that
/// drops its copy leaves the registration to the process that made it.
pub struct Waker {
    queue: Arc<Queue>,
    signal: Signal,
    /// The process whose registration it is: a child has the fds of an epoll, but none of a kqueue.
    process: u32,
}

impl Waker {
    /// Makes a waker of `poller` whose events carry `token` and say [`is_wake`](crate::Event::is_wake).
    ///
    /// # Errors
    ///
    /// - `InvalidInput`: `token` is larger than [`Token::MAX`].
    /// - When the process or the system is out of fds (EMFILE, ENFILE) or memory (ENOMEM).
    ///
    /// # Portability
    ///
    /// It takes one fd with epoll, none with EVFILT_USER, and two where a kqueue has no such filter: NetBSD before 10, and a
    /// process of OpenBSD that has as many of them as it may.
    pub fn new(poller: &Poller, token: Token) -> io::Result<Self> {
        let queue = Arc::clone(poller.queue());
        let signal = Signal::new(&queue, token.tagged(Kind::Waker)?)?;
        Ok(Self {
            queue,
            signal,
            process: process::id(),
        })
    }

    /// Makes a wait return: the one that runs now, or the next one.
    ///
    /// # Errors
    ///
    /// None is expected.
    ///
    /// # Portability
    ///
    /// One system call, eventfd(2), EVFILT_USER or a pipe. A caller that wakes often should do so only when its queue
    /// was empty.
    pub fn wake(&self) -> io::Result<()> {
        self.signal.raise(&self.queue)
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        if self.process == process::id() {
            self.signal.detach(&self.queue);
        }
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waker").finish_non_exhaustive()
    }
}
