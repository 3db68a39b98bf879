//! Making a wait of another thread return.

use std::fmt;
use std::io;
use std::process;
use std::sync::{Arc, Weak};

use crate::poller::Poller;
use crate::sys::{Backend, Queue, Signal as _};
use crate::token::{Kind, Token};

/// Makes a [`Poller::wait`] return, from any thread.
///
/// A poller may have any number of wakers, each with a token of its own. Wakes that come before a wait are reported by
/// it; several wakes may be reported as one; after the last one there is always a report, as long as the waker lives. If several
/// threads wait on the poller, one of them is told: [`threads`](crate::guide::threads) says how to stop all.
///
/// Dropping the waker ends its registration, and loses a wake that no wait has reported yet: keep the waker until the
/// waiting thread has ended, as an `Arc` or a scope does. It may outlive the poller, whose queue it does not keep open; then
/// its wakes go nowhere. A child of fork(2) that drops its copy leaves the registration to the process that made it.
///
/// ```
/// use multiplex::{Events, Poller, Token, Waker};
/// use std::thread;
///
/// # fn main() -> std::io::Result<()> {
/// let (poller, mut events) = (Poller::new()?, Events::with_capacity(8));
/// let waker = Waker::new(&poller, Token::new(1))?;
/// thread::scope(|scope| {
///     let thread = scope.spawn(|| waker.wake());
///     poller.wait(&mut events, None)?; // returns because the other thread wakes it
///     thread.join().expect("it does not panic")
/// })?;
/// assert!(events.iter().all(|event| event.is_wake() && event.token() == Token::new(1)));
/// # Ok(())
/// # }
/// ```
pub struct Waker {
    /// Weak, because a queue that stayed open would be reported by an outer poller for ever.
    queue: Weak<Queue>,
    signal: <Queue as Backend>::Signal,
    /// The process whose registration it is: a child has the fds of an epoll, but none of a kqueue.
    process: u32,
}

impl Waker {
    /// Makes a waker of `poller` whose events carry `token` and say [`is_wake`](crate::Event::is_wake).
    ///
    /// # Errors
    ///
    /// - `InvalidInput`: `token` is larger than [`Token::MAX`].
    /// - EMFILE, ENFILE, ENOMEM: the process or the system is out of fds or memory.
    ///
    /// # Portability
    ///
    /// It takes one fd with epoll, none with EVFILT_USER, and two where a kqueue has no such filter: OpenBSD 7.3, NetBSD before
    /// 10, and a process of a later OpenBSD that has as many of them as it may.
    pub fn new(poller: &Poller, token: Token) -> io::Result<Self> {
        let signal = <Queue as Backend>::Signal::new(poller.queue(), token.tagged(Kind::Waker)?)?;
        Ok(Self {
            queue: Arc::downgrade(poller.queue()),
            signal,
            process: process::id(),
        })
    }

    /// Makes a wait return: the one that runs now, or the next one. It never blocks.
    ///
    /// # Errors
    ///
    /// None is expected.
    ///
    /// # Portability
    ///
    /// One system call: a write(2) to an eventfd(2) or a pipe(2), or a kevent(2) for EVFILT_USER. A caller that wakes often
    /// should do so only when its queue was empty.
    ///
    /// A signal handler may call it: it takes no lock and no memory. It makes one write(2), which signal-safety(7) lists, or on a
    /// kqueue one kevent(2), which is a plain system call too. The handler keeps `errno` as it was, and does not drop the waker.
    pub fn wake(&self) -> io::Result<()> {
        self.signal.raise(&self.queue)
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        if self.process == process::id()
            && let Some(queue) = self.queue.upgrade()
        {
            self.signal.detach(&queue);
        }
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waker").finish_non_exhaustive()
    }
}
