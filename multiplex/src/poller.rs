//! The kernel's queue: what is registered, and waiting for it.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::event::Events;
use crate::interest::{Fanout, Interest, Trigger};
use crate::sys::{Backend, Queue};
use crate::token::{Kind, Token};

/// A queue of the kernel that reports which of its registered sources are ready: an epoll instance or a kqueue.
///
/// All methods take `&self` and may be called from many threads at once, also while others wait. Dropping the poller ends all
/// its registrations; the sources stay open.
///
/// ```
/// use multiplex::{Events, Interest, Poller, Token, Trigger};
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// # fn main() -> std::io::Result<()> {
/// let (mut ours, mut theirs) = UnixStream::pair()?;
/// ours.set_nonblocking(true)?;
/// let (poller, mut events) = (Poller::new()?, Events::with_capacity(8));
/// poller.add(&ours, Token::new(7), Interest::READABLE, Trigger::Level)?;
///
/// theirs.write_all(b"hello")?;
/// poller.wait(&mut events, None)?;
/// assert!(events.iter().all(|event| event.is_readable() && event.token() == Token::new(7)));
/// assert_eq!(ours.read(&mut [0; 64])?, 5);
///
/// poller.modify(&ours, Token::new(7), Interest::WRITABLE, Trigger::Level)?;
/// poller.wait(&mut events, None)?;
/// assert!(events.iter().all(|event| event.is_writable()));
/// poller.remove(&ours)?; // always before the close
/// # Ok(())
/// # }
/// ```
pub struct Poller {
    queue: Arc<Queue>,
}

impl Poller {
    /// Makes a poller with nothing registered. Its fd is closed on exec.
    ///
    /// # Errors
    ///
    /// When the process or the system is out of fds (EMFILE, ENFILE) or memory (ENOMEM).
    ///
    /// # Portability
    ///
    /// This is epoll_create1(2) or kqueue(2). A child made by fork(2) shares an epoll instance with its parent and has no kqueue: see
    /// [`fork`](crate::guide::fork).
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            queue: Arc::new(Queue::new()?),
        })
    }

    /// Registers `source`, and leaves it registered exactly as asked, whatever it was before.
    ///
    /// This is the fast call for a source that is not registered yet. A source that is ready now is reported, also
    /// to a thread that already waits. The source should be non-blocking; the poller does not make it so.
    /// [Remove](Poller::remove) the source before it is closed.
    ///
    /// # Errors
    ///
    /// - `InvalidInput`: `token` is larger than [`Token::MAX`], or `source` is this poller.
    /// - `Unsupported`: `source` is a file that is always ready, such as a regular file, a directory or /dev/null. Read and
    ///   write it without asking.
    /// - `BrokenPipe`: writable is asked of a pipe whose reader has gone (kqueue; epoll reports an event).
    /// - EBADF: the number is not open. The borrow of an `AsFd` excludes that, unless it was made by
    ///   [`BorrowedFd::borrow_raw`]. EBADF and ELOOP have no stable `ErrorKind`: compare
    ///   [`raw_os_error`](io::Error::raw_os_error).
    /// - ELOOP: two pollers in each other, or a chain of more than five (epoll).
    /// - ENOMEM, ENOSPC: the system is exhausted, see epoll_ctl(2), kevent(2). ENOSPC of epoll is the limit
    ///   /proc/sys/fs/epoll/max_user_watches, which counts the registrations of one user.
    ///
    /// After an error the source may be unregistered, but is never half registered.
    ///
    /// # Portability
    ///
    /// - A stream socket is added after connect(2) or listen(2) was called. A fresh one is ready for epoll at once and
    ///   forever, and never for a kqueue.
    /// - kqueue: of another poller only readable can be asked; with writable it is `InvalidInput`.
    /// - FreeBSD, NetBSD, OpenBSD: a pipe's writer that asks for writable alone gets a second filter, which tells that the reader
    ///   has gone. The pipes of FreeBSD and OpenBSD go both ways. If data waits for such a writer, it gets events that say
    ///   nothing, unless it asks for both. A writer that asks for both is told of the end as readable and read closed; as writable
    ///   FreeBSD reports it once, and NetBSD and OpenBSD do not if the pipe is full.
    /// - kqueue: one fstat(2) comes before the call.
    /// - kqueue: that `source` is this poller is seen by its number alone. A [dup](crate::guide::dup) of it, or pollers in a
    ///   ring, may be taken; NetBSD panics when an event comes to a kqueue that is in itself.
    /// - kqueue: changes of one source by two threads at the same time may mix, unless both ask for the same: one's interest
    ///   with the other's token, or one direction where the other thread removes the source. With epoll one of them wins.
    #[inline]
    pub fn add(
        &self,
        source: impl AsFd,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.queue
            .add(source.as_fd(), token.tagged(Kind::Source)?, interest, trigger)
    }

    /// Changes how `source` is registered, and leaves it registered exactly as asked, whatever it was before.
    ///
    /// This is the fast call for a source that is registered already; it is also how a one-shot source is armed
    /// again. It states the whole interest, not a difference. A source that is ready now is reported, also to a
    /// thread that already waits, which may have acted on it before this call has returned.
    ///
    /// # Errors
    ///
    /// Those of [`Poller::add`].
    ///
    /// # Portability
    ///
    /// That of [`Poller::add`].
    #[inline]
    pub fn modify(
        &self,
        source: impl AsFd,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.queue
            .modify(source.as_fd(), token.tagged(Kind::Source)?, interest, trigger)
    }

    /// Registers `source` if it is not registered yet: [`Poller::add`], but strict.
    ///
    /// For a program in which two parts might register one fd: the second one is told, and does not take the registration over
    /// with a token that is not its own.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` (EEXIST) if `source` is registered; else those of [`Poller::add`].
    ///
    /// # Portability
    ///
    /// - epoll_ctl(2) refuses by itself, and the registration stays as it was.
    /// - A kqueue replaces without a word. This call deletes first and so learns what was there: the error comes, but the source
    ///   is left *unregistered*. When a signal interrupts kevent(2), the result of the delete is lost: then the call succeeds, as
    ///   `add` does.
    #[inline]
    pub fn add_new(
        &self,
        source: impl AsFd,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.queue
            .add_new(source.as_fd(), token.tagged(Kind::Source)?, interest, trigger)
    }

    /// Changes how `source` is registered if it is: [`Poller::modify`], but strict.
    ///
    /// Suppose that a number was closed and is used for another file now. This call does not register that file: the error says
    /// that the registration has gone with the old file.
    ///
    /// # Errors
    ///
    /// `NotFound` (ENOENT) if `source` is not registered; it is not registered after the error either. Else those of [`Poller::add`].
    ///
    /// # Portability
    ///
    /// epoll_ctl(2) refuses by itself. On a kqueue this call deletes first and so learns what was there; when a signal interrupts
    /// kevent(2), the result of the delete is lost, and the call succeeds, as `modify` does. While another thread changes the
    /// source on a kqueue, there is a moment at which it is not registered.
    #[inline]
    pub fn modify_existing(
        &self,
        source: impl AsFd,
        token: Token,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.queue
            .modify_existing(source.as_fd(), token.tagged(Kind::Source)?, interest, trigger)
    }

    /// Ends the registration of `source`.
    ///
    /// Events that a wait has already fetched may still name it. A listener is removed by the same call.
    ///
    /// # Errors
    ///
    /// `NotFound` (ENOENT) if it is not registered, also when the kernel has forgotten it because its file was closed. For a
    /// number that is closed epoll says EBADF and a kqueue `NotFound`: such a number may name another file a moment later, and a
    /// removal ends that one's registration. Remove before the close.
    ///
    /// # Portability
    ///
    /// This is epoll_ctl(2) or kevent(2). When a signal interrupts kevent(2), the kernel has applied the change but its result is
    /// lost. Then the call succeeds, whether or not the source was registered. And while another thread changes the source on a
    /// kqueue, there is a moment at which it is not registered.
    #[inline]
    pub fn remove(&self, source: impl AsFd) -> io::Result<()> {
        self.queue.remove(source.as_fd())
    }

    /// Registers a listening socket: level-triggered, with events that say
    /// [`is_acceptable`](crate::Event::is_acceptable).
    ///
    /// Returns the fanout in force: `Exclusive` becomes `Shared` where the kernel has no such thing. Like
    /// [`Poller::add`] it leaves the listener registered as asked, whatever it was before. The listener should be non-blocking:
    /// another poller, or another thread, may accept first. To change the token or the fanout, call this again; [`Poller::modify`]
    /// would make the listener a source like any other, whose events say readable.
    ///
    /// # Errors
    ///
    /// Those of [`Poller::add`].
    ///
    /// # Portability
    ///
    /// Exclusive (EPOLLEXCLUSIVE, epoll_ctl(2)) exists since Linux 4.5. There it tells the poller that was registered first among
    /// those that wait, and as a rule only that one: the chapter on [sharing listeners](crate::guide::sharing_listeners) says how
    /// to balance that, and what a poller that is told owes the others. The first such call of a process, and one for a listener
    /// that is registered already, take more than one system call.
    #[inline]
    pub fn add_listener(&self, listener: impl AsFd, token: Token, fanout: Fanout) -> io::Result<Fanout> {
        self.queue
            .add_listener(listener.as_fd(), token.tagged(Kind::Listener)?, fanout)
    }

    /// Waits until something is ready or `timeout` has passed, and puts what is ready into `events`.
    ///
    /// `events` is cleared first, and is empty after a timeout. `None` waits for ever, zero only looks, and no timeout is too long.
    /// The call never returns early: a signal makes it wait on for the time that is left. It may be called from many threads at
    /// once; with edge and one-shot triggers one of them is told, with level several may be.
    ///
    /// Time that the machine is suspended for does not count, neither here nor in [`Instant`]: a wait of a minute ends a minute of
    /// running time later. For the time of day use a source that counts suspension, such as a timerfd of CLOCK_BOOTTIME.
    ///
    /// # Errors
    ///
    /// None is expected of a poller that this process made. After fork(2) a child has no kqueue (EBADF).
    ///
    /// # Portability
    ///
    /// This is epoll_wait(2), epoll_pwait2(2) or kevent(2). One source may yield one event (epoll) or two (kqueue), in any order,
    /// perhaps in two waits. Where epoll_pwait2(2) is
    /// missing, a part of a millisecond is rounded up to a whole one: on Linux before 5.11, on 32 bits, and on Android.
    #[inline]
    pub fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        match timeout {
            None => self.wait_and_on(events, None, End::Never),
            Some(Duration::ZERO) => self.wait_and_on(events, Some(Duration::ZERO), End::Now),
            Some(timeout) => self.wait_for(events, timeout),
        }
    }

    /// Waits until something is ready or the clock says `deadline`; a deadline that is past only looks.
    ///
    /// For a loop that knows when it has to do something next, and would else subtract. As [`Poller::wait`] in all the rest.
    ///
    /// ```
    /// use multiplex::{Events, Poller};
    /// use std::time::{Duration, Instant};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (poller, mut events) = (Poller::new()?, Events::default());
    /// let deadline = Instant::now() + Duration::from_millis(2);
    /// poller.wait_until(&mut events, deadline)?;
    /// assert!(events.is_empty() && Instant::now() >= deadline);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `wait`.
    ///
    /// # Portability
    ///
    /// That of `wait`. It reads the clock once before the wait.
    pub fn wait_until(&self, events: &mut Events, deadline: Instant) -> io::Result<()> {
        let now = Instant::now();
        let timeout = deadline.saturating_duration_since(now);
        self.wait_and_on(events, Some(timeout), End::After(now, timeout))
    }

    /// Waits once, as [`Poller::wait`] does but for a signal, which ends it.
    ///
    /// For loops that read the clock anyway and tolerate an early return: it never reads the clock, because it returns
    /// `Interrupted` instead of waiting on. `events` is cleared first, also when a signal comes. A timeout of more than a day may
    /// end early.
    ///
    /// # Errors
    ///
    /// `Interrupted` when a signal handler ran, and when the process was stopped and continued (EINTR); else those of `wait`.
    ///
    /// # Portability
    ///
    /// That of `wait`. A handler installed with SA_RESTART ends it too: signal(7) for epoll_wait(2), kevent(2). Linux ends it without
    /// any handler after SIGSTOP and SIGCONT, as Ctrl-Z and `fg` or a debugger send them; signal(7), *Interruption of system calls and
    /// library functions by stop signals*.
    #[inline]
    pub fn wait_interruptible(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        self.queue.wait(events.raw(), timeout)
    }

    /// Waits with a timeout: the one kind of wait that reads the clock. A separate function keeps the others small.
    fn wait_for(&self, events: &mut Events, timeout: Duration) -> io::Result<()> {
        let end = End::After(Instant::now(), timeout);
        self.wait_and_on(events, Some(timeout), end)
    }

    #[inline]
    fn wait_and_on(&self, events: &mut Events, timeout: Option<Duration>, end: End) -> io::Result<()> {
        let result = self.queue.wait(events.raw(), timeout);
        if result.is_ok() && !events.is_empty() {
            return Ok(());
        }
        self.wait_on(result, events, end)
    }

    /// Waits on after a first wait that brought nothing, unless its time is over. Apart, so that a wait that brings
    /// something is little more than the system call.
    #[cold]
    fn wait_on(&self, mut result: io::Result<()>, events: &mut Events, end: End) -> io::Result<()> {
        loop {
            let interrupted = match result {
                Ok(()) if !events.is_empty() => return Ok(()),
                Ok(()) => false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
                Err(error) => return Err(error),
            };
            let left = end.left();
            if left == Some(Duration::ZERO) && !interrupted {
                return Ok(());
            }
            result = self.queue.wait(events.raw(), left);
        }
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }
}

/// When a wait ends if nothing happens.
enum End {
    Never,
    Now,
    After(Instant, Duration),
}

impl End {
    fn left(&self) -> Option<Duration> {
        match self {
            End::Never => None,
            End::Now => Some(Duration::ZERO),
            End::After(start, timeout) => Some(timeout.saturating_sub(start.elapsed())),
        }
    }
}

impl AsFd for Poller {
    /// Returns the queue's fd, which is readable, level-triggered, while there are events. So a poller can be a source of another
    /// one. A kqueue stays readable until its next wait, also if its sources were drained meanwhile: such a wait brings nothing.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}

impl AsRawFd for Poller {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").field("fd", &self.as_raw_fd()).finish()
    }
}
