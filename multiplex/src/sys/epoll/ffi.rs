//! The system calls of the epoll backend: every unsafe line of it, and nothing else.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

pub(crate) use libc::epoll_event as RawEvent;
pub(super) use libc::{
    EPOLL_CTL_ADD as ADD, EPOLL_CTL_MOD as MOD, EPOLLERR, EPOLLET, EPOLLEXCLUSIVE, EPOLLHUP, EPOLLIN,
    EPOLLONESHOT, EPOLLOUT, EPOLLRDHUP,
};
use libc::{EPOLL_CTL_DEL as DEL, c_int};

/// epoll_create1(2), closed on exec.
pub(super) fn create() -> io::Result<OwnedFd> {
    // SAFETY: the call takes no pointers.
    let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
    // SAFETY: the kernel just made this fd for us; nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// epoll_ctl(2) with EPOLL_CTL_ADD or EPOLL_CTL_MOD.
#[inline]
pub(super) fn control(
    epoll: BorrowedFd<'_>,
    op: c_int,
    fd: BorrowedFd<'_>,
    event: &RawEvent,
) -> io::Result<()> {
    let event = std::ptr::from_ref(event).cast_mut();
    // SAFETY: `event` was a reference, so it is valid until the call returns; the kernel only reads it.
    unsafe { calls::epoll_ctl(epoll.as_raw_fd(), op, fd.as_raw_fd(), event) }.map(drop)
}

/// epoll_ctl(2) with EPOLL_CTL_DEL.
#[inline]
pub(super) fn remove(epoll: BorrowedFd<'_>, fd: BorrowedFd<'_>) -> io::Result<()> {
    let no_event = std::ptr::null_mut();
    // SAFETY: the kernel ignores the pointer for this operation. epoll_ctl(2), BUGS: since Linux 2.6.9 it may be null.
    unsafe { calls::epoll_ctl(epoll.as_raw_fd(), DEL, fd.as_raw_fd(), no_event) }.map(drop)
}

/// epoll_wait(2): -1 waits for ever.
#[inline]
pub(super) fn wait(epoll: BorrowedFd<'_>, events: &mut Vec<RawEvent>, millis: c_int) -> io::Result<()> {
    events.clear();
    let room = room(events);
    // SAFETY: `events` has space for `room` events, and the kernel writes at most as many.
    let n = unsafe { calls::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), room, millis) }?;
    // SAFETY: the kernel initialised the first `n` events.
    unsafe { events.set_len(n as usize) };
    Ok(())
}

/// epoll_pwait2(2), which takes nanoseconds: Linux 5.11.
#[cfg(all(
    target_os = "linux",
    target_pointer_width = "64",
    not(any(miri, multiplex_libc))
))]
pub(super) fn wait_precisely(
    epoll: BorrowedFd<'_>,
    events: &mut Vec<RawEvent>,
    timeout: Duration,
) -> io::Result<()> {
    events.clear();
    let room = room(events);
    // On 64 bits this is the kernel's own timespec. The poller keeps the seconds far below the range.
    let timeout = libc::timespec {
        tv_sec: timeout.as_secs() as _,
        tv_nsec: timeout.subsec_nanos().into(),
    };
    let no_mask = std::ptr::null::<libc::sigset_t>();
    let (epoll, list) = (epoll.as_raw_fd(), events.as_mut_ptr());
    // SAFETY: `events` has space for `room` events and the kernel writes at most as many; `timeout` lives until the call
    // returns; a null signal mask is allowed, and its size is ignored then.
    let n = unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait2,
            epoll,
            list,
            room,
            &timeout,
            no_mask,
            0_usize,
        )
    };
    let n = check(n as c_int)?;
    // SAFETY: the kernel initialised the first `n` events.
    unsafe { events.set_len(n as usize) };
    Ok(())
}

/// On 32 bits the kernel's timespec is not libc's, Android's seccomp filter kills a process for an unknown call, Miri stops, and
/// not every libc has a function of that name, which a tool could watch.
#[cfg(not(all(
    target_os = "linux",
    target_pointer_width = "64",
    not(any(miri, multiplex_libc))
)))]
pub(super) fn wait_precisely(_: BorrowedFd<'_>, _: &mut Vec<RawEvent>, _: Duration) -> io::Result<()> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}

/// eventfd(2), non-blocking and closed on exec.
pub(super) fn eventfd() -> io::Result<OwnedFd> {
    // SAFETY: the call takes no pointers.
    let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
    // SAFETY: the kernel just made this fd for us; nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// How many events the kernel may write. It refuses more than `i32::MAX` bytes of them.
#[inline]
fn room(events: &Vec<RawEvent>) -> c_int {
    const MOST: usize = c_int::MAX as usize / size_of::<RawEvent>();
    events.capacity().min(MOST) as c_int
}

/// What libc's functions answer: -1 for an error, whose number is kept for the thread.
#[inline]
fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// The system calls of every turn of a loop, by the instruction itself.
///
/// A change of a registration takes 12 user instructions less than through libc's function: to call a function makes the
/// caller save what it needs afterwards, and libc keeps the error in the thread's storage. glibc's epoll_wait also
/// looks for a pthread_cancel(3) before and after, which is 64. The registers stand in syscall(2), ARCHITECTURE: the
/// kernel spoils rcx and r11 and keeps the others, and of a register that holds an `int` it reads the lower half.
#[cfg(all(
    target_os = "linux",
    target_arch = "x86_64",
    target_pointer_width = "64",
    not(any(miri, multiplex_libc))
))]
mod calls {
    use std::arch::asm;

    use super::{RawEvent, c_int, io};

    #[inline]
    pub(super) unsafe fn epoll_ctl(
        epoll: c_int,
        op: c_int,
        fd: c_int,
        event: *mut RawEvent,
    ) -> io::Result<c_int> {
        let answer: i64;
        // SAFETY: the caller gives what epoll_ctl(2) asks for, and all that the kernel changes is named.
        unsafe {
            asm!(
                "syscall",
                inlateout("rax") libc::SYS_epoll_ctl => answer,
                in("edi") epoll,
                in("esi") op,
                in("edx") fd,
                in("r10") event,
                lateout("rcx") _,
                lateout("r11") _,
                options(nostack),
            );
        }
        checked(answer)
    }

    #[inline]
    pub(super) unsafe fn epoll_wait(
        epoll: c_int,
        events: *mut RawEvent,
        room: c_int,
        millis: c_int,
    ) -> io::Result<c_int> {
        let answer: i64;
        // SAFETY: the caller gives what epoll_wait(2) asks for, and all that the kernel changes is named.
        unsafe {
            asm!(
                "syscall",
                inlateout("rax") libc::SYS_epoll_wait => answer,
                in("edi") epoll,
                in("rsi") events,
                in("edx") room,
                in("r10d") millis,
                lateout("rcx") _,
                lateout("r11") _,
                options(nostack),
            );
        }
        checked(answer)
    }

    /// What the kernel answers: an error's number, made negative.
    #[inline]
    fn checked(answer: i64) -> io::Result<c_int> {
        let answer = answer as c_int;
        if answer < 0 {
            Err(io::Error::from_raw_os_error(-answer))
        } else {
            Ok(answer)
        }
    }
}

/// The same calls by libc: on other machines, under Miri, and with the cfg `multiplex_libc`, for tools that watch libc's
/// functions, such as ThreadSanitizer.
#[cfg(not(all(
    target_os = "linux",
    target_arch = "x86_64",
    target_pointer_width = "64",
    not(any(miri, multiplex_libc))
)))]
mod calls {
    use super::{RawEvent, c_int, check, io};

    #[inline]
    pub(super) unsafe fn epoll_ctl(
        epoll: c_int,
        op: c_int,
        fd: c_int,
        event: *mut RawEvent,
    ) -> io::Result<c_int> {
        // SAFETY: the caller gives what epoll_ctl(2) asks for.
        check(unsafe { libc::epoll_ctl(epoll, op, fd, event) })
    }

    #[inline]
    pub(super) unsafe fn epoll_wait(
        epoll: c_int,
        events: *mut RawEvent,
        room: c_int,
        millis: c_int,
    ) -> io::Result<c_int> {
        // SAFETY: the caller gives what epoll_wait(2) asks for.
        check(unsafe { libc::epoll_wait(epoll, events, room, millis) })
    }
}
