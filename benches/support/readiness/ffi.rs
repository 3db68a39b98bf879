//! The system calls of the bare contestant, and what else needs `unsafe` to be compared with.
#![allow(unsafe_code)]

use super::Fd;
use ::polling::{Event, PollMode, Poller};
use std::io;

/// Registers a source with polling, which leaves it to its callers that the fd stays open while it is registered.
pub fn add_to_polling(poller: &Poller, fd: Fd, event: Event, mode: PollMode) -> io::Result<()> {
    // SAFETY: the type says that this fd stays open until the process exits, so it is open while it is registered.
    unsafe { poller.add_with_mode(&fd, event, mode) }
}

/// Lets this process open as many fds as its hard limit allows, and answers how many that is.
pub fn raise_fd_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` lives until the call returns, and the kernel fills it.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) })?;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: `limit` lives until the call returns, and the kernel only reads it.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) })?;
    // FreeBSD's limits are signed.
    Ok(u64::try_from(i128::from(limit.rlim_cur)).unwrap_or(u64::MAX))
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// epoll and eventfd as a C program would call them.
#[cfg(target_os = "linux")]
pub mod epoll {
    use super::check;
    use std::io;
    use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

    pub use libc::{EPOLL_CTL_ADD as ADD, EPOLL_CTL_DEL as DEL, EPOLL_CTL_MOD as MOD, epoll_event as Event};

    /// epoll_create1(2).
    pub fn create() -> io::Result<OwnedFd> {
        // SAFETY: the call takes no pointers.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the kernel just made this fd for us; nobody else has it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// eventfd(2).
    pub fn eventfd() -> io::Result<OwnedFd> {
        // SAFETY: the call takes no pointers.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: the kernel just made this fd for us; nobody else has it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// epoll_ctl(2).
    #[inline]
    pub fn control(epoll: &OwnedFd, op: i32, fd: BorrowedFd<'_>, mask: i32, data: u64) -> io::Result<()> {
        let mut event = Event {
            events: mask as u32,
            u64: data,
        };
        // SAFETY: `event` lives until the call returns, and the kernel only reads it.
        check(unsafe { libc::epoll_ctl(epoll.as_raw_fd(), op, fd.as_raw_fd(), &mut event) }).map(drop)
    }

    /// epoll_wait(2); answers how many of `events` were filled.
    #[inline]
    pub fn wait(epoll: &OwnedFd, events: &mut [Event], millis: i32) -> io::Result<usize> {
        let room = events.len() as i32;
        // SAFETY: the kernel writes at most `room` events into `events`, which has as many.
        let n = check(unsafe { libc::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), room, millis) })?;
        Ok(n as usize)
    }

    /// write(2) of 1 to an eventfd.
    #[inline]
    pub fn raise(eventfd: BorrowedFd<'_>) -> io::Result<()> {
        let one = 1_u64;
        // SAFETY: `one` lives until the call returns, has 8 bytes, and the kernel only reads it.
        let n = unsafe { libc::write(eventfd.as_raw_fd(), (&raw const one).cast(), 8) };
        check(n as i32).map(drop)
    }
}
