//! The epoll backend: Linux and Android.

mod eventfd;
mod ffi;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use crate::event::{Event, Ready};
use crate::interest::{Fanout, Interest, Trigger};
use crate::token::Tagged;

use super::Backend;
use eventfd::Signal;
use ffi::RawEvent;

/// What an `epoll_event` carries for us, also on 32 bits.
type Bits = u64;

/// An epoll instance.
pub(crate) struct Queue {
    epoll: OwnedFd,
}

impl Backend for Queue {
    type Bits = Bits;
    type RawEvent = RawEvent;
    type Signal = Signal;

    fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: ffi::create()?,
        })
    }

    #[inline]
    fn add(&self, fd: BorrowedFd<'_>, data: Tagged, interest: Interest, trigger: Trigger) -> io::Result<()> {
        self.register(ffi::ADD, fd, data, request(interest, trigger))
    }

    #[inline]
    fn modify(
        &self,
        fd: BorrowedFd<'_>,
        data: Tagged,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.register(ffi::MOD, fd, data, request(interest, trigger))
    }

    #[inline]
    fn add_new(
        &self,
        fd: BorrowedFd<'_>,
        data: Tagged,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.control(ffi::ADD, fd, data, request(interest, trigger))
            .map_err(explained)
    }

    #[inline]
    fn modify_existing(
        &self,
        fd: BorrowedFd<'_>,
        data: Tagged,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()> {
        match self.control(ffi::MOD, fd, data, request(interest, trigger)) {
            // epoll_ctl(2), ERRORS: an entry that is exclusive cannot be modified, only made anew. Only what is registered
            // can be exclusive.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                self.modify(fd, data, interest, trigger)
            }
            result => result.map_err(explained),
        }
    }

    #[inline]
    fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        match ffi::remove(self.as_fd(), fd) {
            Err(error) if is_unregistered(&error) => Err(io::Error::from_raw_os_error(libc::ENOENT)),
            result => result,
        }
    }

    fn add_listener(&self, fd: BorrowedFd<'_>, data: Tagged, fanout: Fanout) -> io::Result<Fanout> {
        if fanout == Fanout::Exclusive && self.register_exclusively(fd, data)? {
            return Ok(Fanout::Exclusive);
        }
        self.register(ffi::ADD, fd, data, LISTENER)?;
        Ok(Fanout::Shared)
    }

    /// Waits once, and no longer than the kernel can. The events of an earlier wait are forgotten, also after an error.
    #[inline]
    fn wait(&self, events: &mut Vec<RawEvent>, timeout: Option<Duration>) -> io::Result<()> {
        let Some(timeout) = timeout else {
            return ffi::wait(self.as_fd(), events, -1);
        };
        let timeout = timeout.min(LONGEST_WAIT);
        if timeout.subsec_nanos().is_multiple_of(NANOS_PER_MILLI) {
            ffi::wait(self.as_fd(), events, whole_millis(timeout))
        } else {
            self.wait_precisely(events, timeout)
        }
    }

    /// What the kernel answered.
    #[inline]
    fn report(raw: &RawEvent) -> Event {
        let RawEvent { events, u64: data } = *raw;
        let has = |mask: i32| events & mask as u32 != 0;
        let ready = Ready::NOTHING
            .with(
                Ready::READABLE,
                has(ffi::EPOLLIN | ffi::EPOLLRDHUP | ffi::EPOLLHUP | ffi::EPOLLERR),
            )
            .with(
                Ready::WRITABLE,
                has(ffi::EPOLLOUT | ffi::EPOLLHUP | ffi::EPOLLERR),
            )
            .with(Ready::READ_CLOSED, has(ffi::EPOLLRDHUP | ffi::EPOLLHUP))
            .with(Ready::WRITE_CLOSED, has(ffi::EPOLLHUP))
            .with(Ready::ERROR, has(ffi::EPOLLERR));
        Event::new(Tagged::from_bits(data), ready, None)
    }
}

impl Queue {
    /// Waits for a time that is not made of whole milliseconds.
    fn wait_precisely(&self, events: &mut Vec<RawEvent>, timeout: Duration) -> io::Result<()> {
        if PRECISE.load(Relaxed) {
            match ffi::wait_precisely(self.as_fd(), events, timeout) {
                Err(error) if is_refusal(&error) => PRECISE.store(false, Relaxed),
                result => return result,
            }
        }
        // Rounded up, so that no wait returns early.
        ffi::wait(self.as_fd(), events, whole_millis(timeout) + 1)
    }

    /// Leaves `fd` registered with this mask. `op` is tried first; the kernel's answer says what it takes instead.
    #[inline]
    fn register(&self, op: i32, fd: BorrowedFd<'_>, data: Tagged, mask: u32) -> io::Result<()> {
        let (epoll, event) = (self.as_fd(), record(data, mask));
        match ffi::control(epoll, op, fd, &event) {
            Ok(()) => Ok(()),
            Err(error) => register_after(op, error, epoll, fd, &event),
        }
    }

    /// Registers a listener exclusively, or says false where the kernel cannot.
    fn register_exclusively(&self, fd: BorrowedFd<'_>, data: Tagged) -> io::Result<bool> {
        let mask = LISTENER | ffi::EPOLLEXCLUSIVE as u32;
        let mut result = self.control(ffi::ADD, fd, data, mask);
        if os_error(&result) == Some(libc::EEXIST) {
            // epoll_ctl(2), ERRORS: EPOLLEXCLUSIVE is refused with EPOLL_CTL_MOD.
            forget(self.as_fd(), fd)?;
            result = self.control(ffi::ADD, fd, data, mask);
        }
        match os_error(&result) {
            None => Ok(self.is_exclusive(fd, data)),
            // Linux emulations that do not know the flag, and listeners that are epoll instances.
            Some(libc::EINVAL) => Ok(false),
            Some(_) => Err(result.map_err(explained).unwrap_err()),
        }
    }

    /// True if this kernel took the flag for what it is. Kernels before 4.5 ignore it without a word; those that know it
    /// refuse to modify an exclusive entry. Asked once in a process.
    fn is_exclusive(&self, fd: BorrowedFd<'_>, data: Tagged) -> bool {
        if !EXCLUSIVE.load(Relaxed) {
            let modified = self.control(ffi::MOD, fd, data, LISTENER);
            EXCLUSIVE.store(os_error(&modified) == Some(libc::EINVAL), Relaxed);
        }
        EXCLUSIVE.load(Relaxed)
    }

    #[inline]
    fn control(&self, op: i32, fd: BorrowedFd<'_>, data: Tagged, mask: u32) -> io::Result<()> {
        ffi::control(self.as_fd(), op, fd, &record(data, mask))
    }
}

impl AsFd for Queue {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

/// Slow path after `op` failed. A separate #[cold] function keeps the success path small enough to inline.
#[cold]
fn register_after(
    mut op: i32,
    mut error: io::Error,
    epoll: BorrowedFd<'_>,
    fd: BorrowedFd<'_>,
    event: &RawEvent,
) -> io::Result<()> {
    loop {
        op = match (op, error.raw_os_error()) {
            (ffi::ADD, Some(libc::EEXIST)) => ffi::MOD,
            (ffi::MOD, Some(libc::ENOENT)) => ffi::ADD,
            (ffi::MOD, Some(libc::EINVAL)) => {
                // epoll_ctl(2), ERRORS: an entry that is exclusive cannot be modified, only made anew.
                forget(epoll, fd)?;
                ffi::ADD
            }
            _ => return Err(explained(error)),
        };
        match ffi::control(epoll, op, fd, event) {
            Ok(()) => return Ok(()),
            Err(next) => error = next,
        }
    }
}

/// Removes what may have been removed by another thread meanwhile, or was never there.
fn forget(epoll: BorrowedFd<'_>, fd: BorrowedFd<'_>) -> io::Result<()> {
    match ffi::remove(epoll, fd) {
        Err(error) if !is_unregistered(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Builds the `epoll_event`: the mask, and the token that the kernel gives back.
#[inline]
fn record(data: Tagged, mask: u32) -> RawEvent {
    RawEvent {
        events: mask,
        u64: data.bits(),
    }
}

/// What we ask the kernel.
///
/// EPOLLRDHUP only with readable: alone with EPOLLOUT it would be reported for ever, and nobody asked. Never EPOLLPRI: a
/// peer could send one urgent byte, and a reader would spin on it.
#[inline]
fn request(interest: Interest, trigger: Trigger) -> u32 {
    let read = if interest.is_readable() {
        ffi::EPOLLIN | ffi::EPOLLRDHUP
    } else {
        0
    };
    let write = if interest.is_writable() { ffi::EPOLLOUT } else { 0 };
    let again = match trigger {
        Trigger::Level => 0,
        Trigger::Edge => ffi::EPOLLET,
        Trigger::OneShot => ffi::EPOLLONESHOT,
    };
    (read | write | again) as u32
}

/// Says what to do about a file that epoll does not take.
#[cold]
fn explained(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::EPERM) => super::always_ready(),
        _ => error,
    }
}

/// Whether a removal found nothing. What epoll never takes, such as a regular file or itself, is not registered either.
fn is_unregistered(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOENT | libc::EPERM | libc::EINVAL)
    )
}

const LISTENER: u32 = ffi::EPOLLIN as u32;
/// epoll_wait(2) takes an `int` of milliseconds: a little more than 24 days.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 24 * 60 * 60);
const NANOS_PER_MILLI: u32 = 1_000_000;

/// False once the kernel, or a filter in front of it, has refused epoll_pwait2.
static PRECISE: AtomicBool = AtomicBool::new(true);

/// True once this kernel is known to understand EPOLLEXCLUSIVE.
static EXCLUSIVE: AtomicBool = AtomicBool::new(false);

fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOSYS | libc::EPERM | libc::EACCES | libc::EOPNOTSUPP)
    )
}

/// Rounds down. The longest wait keeps it in range.
#[inline]
fn whole_millis(timeout: Duration) -> i32 {
    timeout.as_secs() as i32 * 1_000 + (timeout.subsec_nanos() / NANOS_PER_MILLI) as i32
}

fn os_error(result: &io::Result<()>) -> Option<i32> {
    result.as_ref().err().and_then(io::Error::raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{Kind, Token};

    /// What one record of the kernel becomes: `r`, `w`, read `c`losed, write closed `C`, `e`rror.
    fn said(events: i32) -> String {
        let data = Token::new(1).tagged(Kind::Source).unwrap();
        let event = Queue::report(&record(data, events as u32));
        [
            (event.is_readable(), 'r'),
            (event.is_writable(), 'w'),
            (event.is_read_closed(), 'c'),
            (event.is_write_closed(), 'C'),
            (event.is_error(), 'e'),
        ]
        .iter()
        .filter_map(|(is, letter)| is.then_some(letter))
        .collect()
    }

    /// Also those that Linux sends only together with others today.
    #[test]
    fn each_flag_is_said_in_our_words() {
        for (flag, words) in [
            (ffi::EPOLLIN, "r"),
            (ffi::EPOLLOUT, "w"),
            (ffi::EPOLLRDHUP, "rc"),
            (ffi::EPOLLHUP, "rwcC"),
            (ffi::EPOLLERR, "rwe"),
            (libc::EPOLLPRI, ""),
        ] {
            assert_eq!(said(flag), words, "flag {flag:#x}");
        }
    }
}
