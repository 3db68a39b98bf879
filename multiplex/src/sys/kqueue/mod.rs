//! The kqueue backend: macOS, iOS, FreeBSD, NetBSD, OpenBSD and DragonFly.

mod ffi;
mod file;
mod pipe;
mod user_filter;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use crate::event::{Event, Ready};
use crate::interest::{Fanout, Interest, Trigger};
use crate::token::{Kind, Tagged};

use super::Backend;
use ffi::RawEvent;
use file::File;
use user_filter::Signal;

/// What the `udata` of a kevent carries for us: it is as wide as a pointer.
type Bits = usize;

/// A kqueue.
pub(crate) struct Queue {
    kqueue: OwnedFd,
    /// How many wakers were made: the number of the next one.
    wakers: AtomicUsize,
}

impl Backend for Queue {
    type Bits = Bits;
    type RawEvent = RawEvent;
    type Signal = Signal;

    fn new() -> io::Result<Self> {
        Ok(Self {
            kqueue: ffi::create()?,
            wakers: AtomicUsize::new(0),
        })
    }

    #[inline]
    fn add(&self, fd: BorrowedFd<'_>, data: Tagged, interest: Interest, trigger: Trigger) -> io::Result<()> {
        self.register(fd, data, interest, trigger).map(drop)
    }

    #[inline]
    fn modify(
        &self,
        fd: BorrowedFd<'_>,
        data: Tagged,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.register(fd, data, interest, trigger).map(drop)
    }

    #[inline]
    fn add_new(
        &self,
        fd: BorrowedFd<'_>,
        data: Tagged,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        match self.register(fd, data, interest, trigger)? {
            Found::Registered => self.take_back(fd, libc::EEXIST),
            Found::Nothing | Found::Unknown => Ok(()),
        }
    }

    #[inline]
    fn modify_existing(
        &self,
        fd: BorrowedFd<'_>,
        data: Tagged,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        match self.register(fd, data, interest, trigger)? {
            Found::Nothing => self.take_back(fd, libc::ENOENT),
            Found::Registered | Found::Unknown => Ok(()),
        }
    }

    #[inline]
    fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let receipts = self.control(&deletes(fd))?;
        match receipts.errnos().find(|errno| *errno != libc::ENOENT) {
            Some(0) => Ok(()),
            // Sent twice, the second answer does not tell what the first one found.
            None if receipts.resent => Ok(()),
            other => Err(io::Error::from_raw_os_error(other.unwrap_or(libc::ENOENT))),
        }
    }

    /// A kqueue has nothing like EPOLLEXCLUSIVE.
    fn add_listener(&self, fd: BorrowedFd<'_>, data: Tagged, _: Fanout) -> io::Result<Fanout> {
        self.register(fd, data, Interest::READABLE, Trigger::Level)?;
        Ok(Fanout::Shared)
    }

    /// Waits once, and no longer than the kernel can. The events of an earlier wait are forgotten, also after an error.
    #[inline]
    fn wait(&self, events: &mut Vec<RawEvent>, timeout: Option<Duration>) -> io::Result<()> {
        ffi::wait(
            self.as_fd(),
            events,
            timeout.map(|timeout| timeout.min(LONGEST_WAIT)),
        )
    }

    /// What the kernel answered. An end is told apart before the kinds whose bits it has.
    #[inline]
    fn report(raw: &RawEvent) -> Event {
        if raw.udata() & END == END {
            return report_end(raw);
        }
        let (read, write) = (
            raw.filter() == ffi::EVFILT_READ,
            raw.filter() == ffi::EVFILT_WRITE,
        );
        let closed = raw.has(ffi::EV_EOF);
        let ready = Ready::NOTHING
            .with(Ready::READABLE, read)
            .with(Ready::WRITABLE, write)
            .with(Ready::READ_CLOSED, read && closed)
            .with(Ready::WRITE_CLOSED, write && closed)
            .with(Ready::ERROR, closed && raw.fflags() != 0);
        Event::new(Tagged::from_bits(raw.udata()), ready, raw.data())
    }
}

impl Queue {
    /// Leaves `fd` registered like this, by deleting and adding each direction in one call. Returns what the deletes found.
    ///
    /// On every BSD a second EV_ADD keeps the EV_CLEAR and EV_DISPATCH that a knote was made with, and says nothing: `modify` would
    /// not change a trigger. On NetBSD before 10, EV_ENABLE alone does not report what is pending: a one-shot source that is
    /// armed again would be lost. Both are recorded in tests/kqueue-shim/golden (`readd`, `rearm`). No kernel applies the
    /// changes of one call as a whole: a call of another thread may come between any two of them.
    ///
    /// A pipe's writer that asks for writable alone gets EVFILT_READ too, under a tag of our own, where only that tells that the
    /// reader has gone: [`File::is_pipe_that_hides_its_end`]. So `remove` finds it after that as well.
    fn register(
        &self,
        fd: BorrowedFd<'_>,
        data: Tagged,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<Found> {
        if fd.as_raw_fd() == self.kqueue.as_raw_fd() {
            // NetBSD and OpenBSD take it, and NetBSD 7.99 panics when an event comes. FreeBSD says EINVAL, and so do we.
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let file = File::of(fd);
        if file.is_always_ready() {
            return Err(super::always_ready());
        }
        let ([no_read, no_write], [read, write]) = (deletes(fd), request(fd, data, trigger));
        let [end, _] = request(fd, Tagged::from_bits(data.bits() | END), trigger);
        let changes: &[RawEvent] = match (interest.is_readable(), interest.is_writable()) {
            (true, true) => &[no_read, no_write, read, write],
            (true, false) => &[no_read, no_write, read],
            _ if file.is_pipe_that_hides_its_end() => &[no_read, no_write, end, write],
            _ => &[no_read, no_write, write],
        };
        self.replace(fd, &file, changes)
    }

    /// Deletes and adds. A delete that finds nothing is no error; any other leaves `fd` unregistered.
    fn replace(&self, fd: BorrowedFd<'_>, file: &File, changes: &[RawEvent]) -> io::Result<Found> {
        let receipts = self.control(changes)?;
        let mut found = Found::Nothing;
        for (change, errno) in changes.iter().zip(receipts.errnos()) {
            let was_not_there = errno == libc::ENOENT && change.has(ffi::EV_DELETE);
            if errno != 0 && !was_not_there {
                // The other direction may have been added.
                let _ = self.control(&deletes(fd));
                return Err(explained(errno, fd, file, change.filter()));
            }
            if errno == 0 && change.has(ffi::EV_DELETE) {
                found = Found::Registered;
            }
        }
        Ok(if receipts.resent { Found::Unknown } else { found })
    }

    /// Unregisters what a strict change has registered and should not have.
    #[cold]
    fn take_back(&self, fd: BorrowedFd<'_>, errno: i32) -> io::Result<()> {
        self.control(&deletes(fd))?;
        Err(io::Error::from_raw_os_error(errno))
    }

    /// Sends changes that all ask for a receipt: with a slot for each of them, the kernel applies all and answers all.
    fn control(&self, changes: &[RawEvent]) -> io::Result<Receipts> {
        let mut receipts = Receipts {
            list: [changes[0]; MOST_CHANGES],
            len: changes.len(),
            resent: false,
        };
        let list = &mut receipts.list[..changes.len()];
        loop {
            match ffi::control(self.as_fd(), changes, list) {
                Ok(n) if n == changes.len() && list.iter().all(|receipt| receipt.has(ffi::EV_ERROR)) => {
                    return Ok(receipts);
                }
                Ok(_) => return Err(io::Error::other("kevent(2) did not answer every change")),
                // FreeBSD kevent(2), ERRORS: every change was applied, but their answers are lost, and with them an error that
                // a caller has to hear of. Each of ours can be sent again.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => receipts.resent = true,
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Queue {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.kqueue.as_fd()
    }
}

/// What we ask the kernel: one change for each direction.
///
/// One-shot is EV_DISPATCH, which disables the knote, and not EV_ONESHOT, which deletes it: so the source stays
/// registered, as with epoll. EV_DISPATCH stands alone, because beside EV_CLEAR NetBSD never disables the knote, and beside
/// EV_ONESHOT every BSD deletes it: a source would be told twice, or be gone. Recorded as `dispatch+clear` and `oneshot`.
///
/// EV_ENABLE: between our EV_DELETE and EV_ADD another thread may add the knote and an event may disable it (EV_DISPATCH);
/// EV_ADD alone would leave it disabled.
#[inline]
fn request(fd: BorrowedFd<'_>, data: Tagged, trigger: Trigger) -> [RawEvent; 2] {
    let again = match trigger {
        Trigger::Level => 0,
        Trigger::Edge => ffi::EV_CLEAR,
        Trigger::OneShot => ffi::EV_DISPATCH,
    };
    both(fd, ffi::EV_ADD | ffi::EV_ENABLE | again, data)
}

/// The tag of the EVFILT_READ that waits for the end of a pipe's writer: a kind that no registration has, in the place of its kind.
const END: Bits = Kind::Waker.bits() | Kind::Listener.bits();

/// The reader of a pipe has gone, which its writer asked to be told as writable.
///
/// Without EV_EOF there is nothing of what was asked for: the pipes of FreeBSD and OpenBSD go both ways, so data may come.
#[cold]
fn report_end(raw: &RawEvent) -> Event {
    let gone = raw.has(ffi::EV_EOF);
    let ready = Ready::NOTHING
        .with(Ready::WRITABLE, gone)
        .with(Ready::WRITE_CLOSED, gone);
    Event::new(Tagged::from_bits(raw.udata() & !END), ready, None)
}

/// Says what an error means, where the systems use several for one thing.
#[cold]
fn explained(errno: i32, fd: BorrowedFd<'_>, file: &File, filter: ffi::Filter) -> io::Error {
    match errno {
        // NetBSD's answer for a pipe whose reader has gone, where others say EPIPE: `pipe_kqfilter` in sys_pipe.c. As EBADF a
        // caller would take it for a bug of its own.
        libc::EBADF if filter == ffi::EVFILT_WRITE && file.is_fifo() => {
            io::Error::from_raw_os_error(libc::EPIPE)
        }
        libc::EINVAL | libc::ENODEV | libc::EOPNOTSUPP | libc::EPERM if file.may_be_always_ready(fd) => {
            super::always_ready()
        }
        _ => io::Error::from_raw_os_error(errno),
    }
}

/// FreeBSD kevent(2), BUGS: a timeout is limited to 24 hours, so a longer one ends early, with nothing. The poller then waits on.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60 - 1);

/// What a registration replaced.
enum Found {
    Nothing,
    Registered,
    /// The changes were sent twice, so the second deletes found our own.
    Unknown,
}

/// The answers to the changes of one call, in their order.
struct Receipts {
    list: [RawEvent; MOST_CHANGES],
    len: usize,
    resent: bool,
}

/// Two directions, each deleted and added.
const MOST_CHANGES: usize = 4;

impl Receipts {
    /// 0 for a change that was applied.
    fn errnos(&self) -> impl Iterator<Item = i32> {
        self.list[..self.len].iter().map(|receipt| receipt.errno())
    }
}

#[inline]
fn deletes(fd: BorrowedFd<'_>) -> [RawEvent; 2] {
    both(fd, ffi::EV_DELETE, Tagged::from_bits(0))
}

#[inline]
fn both(fd: BorrowedFd<'_>, flags: ffi::Flags, data: Tagged) -> [RawEvent; 2] {
    [ffi::EVFILT_READ, ffi::EVFILT_WRITE].map(|filter| {
        RawEvent::change(
            fd.as_raw_fd() as usize,
            filter,
            flags | ffi::EV_RECEIPT,
            0,
            data.bits(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Token;

    #[test]
    fn an_error_is_what_stands_beside_the_end() {
        let refused = libc::ECONNREFUSED as u32;
        for (flags, fflags, closed, error) in [
            (ffi::EV_EOF, refused, true, true),
            (ffi::EV_EOF, 0, true, false),
            (0, refused, false, false),
        ] {
            let event = |filter| Queue::report(&RawEvent::change(5, filter, flags, fflags, 7));
            let (read, write) = (event(ffi::EVFILT_READ), event(ffi::EVFILT_WRITE));
            assert_eq!((read.is_error(), write.is_error()), (error, error));
            assert_eq!((read.is_read_closed(), write.is_write_closed()), (closed, closed));
        }
    }

    #[test]
    fn a_pipe_whose_reader_has_gone_is_one_error_on_every_system() {
        let (_reader, writer) = io::pipe().unwrap();
        let (pipe, file) = (writer.as_fd(), File::of(writer.as_fd()));
        let said = |errno, filter| explained(errno, pipe, &file, filter);
        assert_eq!(
            said(libc::EPIPE, ffi::EVFILT_WRITE).kind(),
            io::ErrorKind::BrokenPipe
        );
        assert_eq!(
            said(libc::EBADF, ffi::EVFILT_WRITE).kind(),
            io::ErrorKind::BrokenPipe
        );
        assert_eq!(
            said(libc::EBADF, ffi::EVFILT_READ).raw_os_error(),
            Some(libc::EBADF)
        );
        let (socket, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let file = File::of(socket.as_fd());
        let said = explained(libc::EBADF, socket.as_fd(), &file, ffi::EVFILT_WRITE);
        assert_eq!(said.raw_os_error(), Some(libc::EBADF));
    }

    #[test]
    fn only_what_never_blocks_is_said_to_be_always_ready() {
        let device = std::fs::File::open("/dev/urandom").unwrap();
        let (reader, _writer) = io::pipe().unwrap();
        let said = |errno, source| explained(errno, source, &File::of(source), ffi::EVFILT_READ);
        for errno in [libc::EINVAL, libc::ENODEV, libc::EOPNOTSUPP, libc::EPERM] {
            assert_eq!(said(errno, device.as_fd()).kind(), io::ErrorKind::Unsupported);
            assert_eq!(said(errno, reader.as_fd()).raw_os_error(), Some(errno));
        }
    }

    #[test]
    fn the_end_of_a_pipe_is_told_to_its_writer_as_writable_and_never_as_a_wake() {
        let token = Token::MAX;
        let tag = token.tagged(Kind::Source).unwrap().bits() | END;
        let said = |flags| Queue::report(&RawEvent::change(5, ffi::EVFILT_READ, flags, 0, tag));
        for (event, gone) in [(said(ffi::EV_EOF), true), (said(0), false)] {
            assert_eq!((event.is_writable(), event.is_write_closed()), (gone, gone));
            assert!(!event.is_readable() && !event.is_read_closed() && !event.is_error());
            assert!(!event.is_wake() && !event.is_acceptable());
            assert_eq!((event.token(), event.backlog()), (token, None));
        }
    }
}
